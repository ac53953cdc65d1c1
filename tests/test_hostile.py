"""What somebody else wrote: names, texts and files that would do more than they say."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import pytest
from small_kernel import write_kernel

from tileproof.cli import main
from tileproof.printable import printable


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[2Jgone", "\N{REPLACEMENT CHARACTER}[2Jgone"),
        ("a\rb\x07\x00", "a\N{REPLACEMENT CHARACTER}b" + 2 * "\N{REPLACEMENT CHARACTER}"),
        ("right\u202eto left", "right\N{REPLACEMENT CHARACTER}to left"),
        ("name\udcff", "name\N{REPLACEMENT CHARACTER}"),
        ("Qüü \N{MULTIPLICATION SIGN} \N{ROCKET}", "Qüü \N{MULTIPLICATION SIGN} \N{ROCKET}"),
    ],
)
def test_a_terminal_gets_nothing_that_it_would_obey_or_hide(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_no_character_that_unicode_calls_a_control_or_a_format_reaches_a_terminal() -> None:
    """The Arabic letter mark turns a line's direction, tag characters are not seen at all: two that a list forgot."""
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    hidden = [one for one in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(one) in kinds]

    assert {"\u061c", "\u00ad", "\U000e0041"} < set(hidden)
    assert [one for one in hidden if printable(one) == one] == ["\t", "\n"]


@pytest.mark.parametrize("text", ["no\N{NO-BREAK SPACE}break", "wide\N{IDEOGRAPHIC SPACE}blank", "λ → ∞"])
def test_a_blank_of_any_width_and_a_letter_of_any_script_are_printed(text: str) -> None:
    assert printable(text) == text


def test_a_name_that_a_terminal_would_obey_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "check", "\x1b[31mred\udcff.mlir")

    assert code == 2
    assert "\x1b" not in err
    assert "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}.mlir cannot be read" in err


@pytest.mark.parametrize("digits", [33, 5_000])
def test_a_number_that_is_none_of_xrts_is_told(digits: int, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "explain", "9" * digits)

    assert code == 2
    assert err.startswith("error: there is nothing in it that tileproof knows\n")


@pytest.mark.parametrize("name", ["tile.o", "cxx.txt", "build.ninja", "tileproof_checks.cc", "rendered.txt"])
def test_a_template_of_a_name_that_the_build_makes_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernels = write_kernel(tmp_path)
    (kernels / "double" / f"{name}.j2").write_text("mine\n")
    code, _, err = run(capsys, "build", "double", "--kernels", str(kernels), "--build-dir", str(tmp_path / "b"))

    assert (code, err) == (
        2,
        f"error: double: {name} is a name of the build's own\n"
        f"  where: {kernels}/double/{name}.j2\n"
        "  why:   the build makes or writes a file of that name, and one would be taken for the other\n"
        "  fix:   give the file another name\n"
        "  more:  tileproof explain name-of-a-product\n",
    )


@pytest.mark.parametrize("name", ["-o.hpp", "a b.hpp", "a$b.hpp"])
def test_a_name_that_a_compiler_would_take_for_something_else_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernels = write_kernel(tmp_path)
    (kernels / "double" / name).write_text("")

    assert run(capsys, "render", "double", "--kernels", str(kernels)) == (
        2,
        "",
        f"error: the file {name!r} needs a plainer name\n"
        f"  where: {kernels}/double/{name}\n"
        "  why:   its name becomes a file of the build, and a word of a command line\n"
        "  fix:   use letters, digits, _ - and ., and no - at its beginning\n"
        "  more:  tileproof explain bad-name\n",
    )


@pytest.mark.parametrize("target", ["/dev/zero", "/no/such/file"])
def test_a_template_that_is_a_link_to_no_file_is_not_read(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernels = write_kernel(tmp_path)
    (kernels / "double" / "part.hpp.j2").symlink_to(target)
    code, _, err = run(capsys, "render", "double", "--kernels", str(kernels))

    assert code == 2
    assert err.startswith(f"error: part.hpp.j2 is no file\n  where: {kernels}/double/part.hpp.j2\n")


@pytest.mark.parametrize(
    "expression", ["''.__class__.__mro__", "kernel.__init__.__globals__", "cycler.__init__.__globals__"]
)
def test_a_template_lays_out_text_and_reaches_nothing_of_python(
    expression: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernels = write_kernel(tmp_path)
    (kernels / "double" / "part.txt.j2").write_text(f"${{{expression}}}\n")
    code, out, err = run(capsys, "render", "double", "--kernels", str(kernels))

    assert (code, out) == (2, "")
    assert "part.txt.j2" in err
