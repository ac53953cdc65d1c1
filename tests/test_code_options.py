"""-D and -I, on the command line and in kernel.toml: what they do to a build, and what is refused of them."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from small_kernel import write_kernel

from tileproof.build.plan import Plan, compile_commands, expanded, option_words
from tileproof.build.prepare import build_kernel, plan_kernel, render_kernel
from tileproof.build.request import BuildRequest
from tileproof.build.run import Artifacts, ninja_text
from tileproof.cli import main
from tileproof.code_options import CodeOptions, check_defines, check_includes, included_files
from tileproof.errors import Problem
from tileproof.files import write_if_changed
from tileproof.library import data_dir
from tileproof.sandbox import confine

needs_sandbox = pytest.mark.skipif(bool(confine.missing()), reason=confine.missing())
DESIGN = data_dir("examples") / "design.mlir"
ADDED = """\
#include <cstdint>
extern "C" {
#if BIT_WIDTH == 8
void step(int8_t *x) { x[0] = 0; }
#elif BIT_WIDTH == 32
void step(int32_t *x, int32_t *y, int32_t *scratch) {
    for (int i = 0; i < 64; ++i) y[i] = x[i] + ADDED;
}
#endif
}
"""


# Words


@pytest.mark.parametrize(
    "name", ["BIT_WIDTH=8", "SCALAR", "_x", "A=", "A=b=c", "i8_i8_ONLY", "__AIE_API_AIE_ADF_HPP__"]
)
def test_what_makefiles_of_kernels_define_is_taken(name: str) -> None:
    check_defines([name])


@pytest.mark.parametrize(
    ("define", "text"),
    [
        (
            "8BIT=1",
            "error: '8BIT' cannot be the name of a macro\n"
            "  where: -D 8BIT=1\n"
            "  why:   it has letters, digits and _, and begins with no digit; macros with parameters are for headers\n"
            "  fix:   write NAME or NAME=VALUE, for instance BIT_WIDTH=8",
        ),
        (
            "__AIE_ARCH__=21",
            "error: the macro __AIE_ARCH__ is not a kernel's to define\n"
            "  where: -D __AIE_ARCH__=21\n"
            "  why:   __AIE_ARCH__ follows from the target of the build\n"
            "  fix:   leave it out, and choose the NPU by --target, or by the design's aie.device",
        ),
        (
            "__cplusplus",
            "error: the macro __cplusplus is not a kernel's to define\n"
            "  where: -D __cplusplus\n"
            "  why:   names that begin with __, or with _ and a capital, and `defined`, belong to compilers\n"
            "  fix:   give the macro another name, or leave it out",
        ),
        (
            "TILEPROOF_SHADOW_OFFSET=0",
            "error: the macro TILEPROOF_SHADOW_OFFSET is not a kernel's to define\n"
            "  where: -D TILEPROOF_SHADOW_OFFSET=0\n"
            "  why:   it is tileproof's own\n"
            "  fix:   give the macro another name, or leave it out",
        ),
        (
            "A=b\nc",
            "error: the macro A has a value that is no line of text\n"
            "  where: -D A=b\n"
            "         c\n"
            "  why:   it is 'b\\nc'\n"
            "  fix:   write the value on one line, or the macro into a header",
        ),
    ],
)
def test_a_macro_that_cannot_be_defined_is_refused(define: str, text: str) -> None:
    with pytest.raises(Problem) as caught:
        check_defines([define])

    assert str(caught.value) == text


@pytest.mark.parametrize("name", ["", "A(x)", "A B", "-D", "a-b", "\u00e9", "A\n", "defined", "_Bool", "__x"])
def test_what_is_no_name_or_a_compilers_is_no_macro(name: str) -> None:
    with pytest.raises(Problem):
        check_defines([f"{name}=1"])


def test_a_macro_that_is_defined_twice_is_refused() -> None:
    with pytest.raises(Problem) as caught:
        check_defines(["A=1", "B", "A=2"])

    assert str(caught.value) == (
        "error: the macro A is defined twice\n  where: -D A=2\n  why:   as A=1 and as A=2\n  fix:   keep one of them"
    )


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check_includes([tmp_path])
    for name, why in (("missing", "nothing is there"), ("file", "it is a file")):
        with pytest.raises(Problem) as caught:
            check_includes([tmp_path / name])
        assert str(caught.value) == (
            f"error: there is no folder {tmp_path / name} to include from\n"
            f"  where: -I {tmp_path / name}\n"
            f"  why:   {why}\n"
            "  fix:   correct the path"
        )


SPECIAL = [
    "A=two words",
    "B='single'",
    'C="double"',
    "D=$HOME $$ $x",
    "E=`id`;id|id>f&",
    "F=\\n\\",
    "G=%# ${x}",
    "H=\u00e9",
]


def test_every_value_reaches_a_compiler_of_ninjas_shell_as_it_is_written() -> None:
    words = option_words(CodeOptions(tuple(SPECIAL), (Path("/some where"),)))

    assert shlex.split(expanded(words, {"include_0": "'/some where'"})) == [
        *(f"-D{define}" for define in SPECIAL),
        *("-I", "/some where"),
    ]


# emulate and check


def emulate(folder: Path, *options: str) -> list[str]:
    (folder / "tile.cc").write_text(ADDED)
    out = ["--arg", "0=ones", "--arg", "1=zeros", "--save", f"1={folder / 'out.npy'}"]
    return ["emulate", str(DESIGN), "--tile-code", str(folder / "tile.cc"), *out, *options]


@pytest.mark.parametrize("options", [["-D", "BIT_WIDTH=32", "-D", "ADDED=(3 + 4)"], ["-DBIT_WIDTH=32", "-DADDED=7"]])
def test_emulate_compiles_with_what_is_defined(tmp_path: Path, options: list[str]) -> None:
    assert main(emulate(tmp_path, *options)) == 0
    assert np.load(tmp_path / "out.npy").tolist() == [8] * 256


def test_emulate_and_check_find_what_is_wrong_in_the_branch_that_is_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(emulate(tmp_path, "-D", "BIT_WIDTH=8")) == 1
    assert "step has 1 parameters in the tile code" in capsys.readouterr().out
    check = ["check", str(DESIGN), "--tile-code", str(tmp_path / "tile.cc")]
    assert main([*check, "-D", "BIT_WIDTH=8"]) == 1
    assert f"{tmp_path / 'tile.cc'}:4:6" in capsys.readouterr().out
    assert main([*check, "-D", "BIT_WIDTH=32", "-D", "ADDED=1"]) == 0
    assert capsys.readouterr().err == ""


def test_emulate_and_check_find_what_is_included_from_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "with a space"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "added.hpp").write_text('#include "../more.hpp"\n')
    (folder / "more.hpp").write_text("#define ADDED 41\n#define BIT_WIDTH 32\n")
    asked = emulate(tmp_path, "-I", str(folder))
    (tmp_path / "tile.cc").write_text('#include "sub/added.hpp"\n' + ADDED)

    assert main(asked) == 0
    assert np.load(tmp_path / "out.npy")[0] == 42
    assert main(["check", str(DESIGN), "--tile-code", str(tmp_path / "tile.cc"), "-I", str(folder)]) == 0
    assert capsys.readouterr().err == ""


def test_an_aie_api_of_others_does_not_take_the_place_of_tileproofs(tmp_path: Path) -> None:
    (tmp_path / "aie_api").mkdir()
    (tmp_path / "aie_api" / "aie.hpp").write_text("#error for another machine\n")
    asked = emulate(tmp_path, "-I", str(tmp_path), "-DBIT_WIDTH=32", "-DADDED=0")
    (tmp_path / "tile.cc").write_text("#include <aie_api/aie.hpp>\n" + ADDED)

    assert main(asked) == 0


def test_what_a_compiler_is_told_needs_tile_code_that_it_compiles(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["emulate", str(DESIGN), "--arg", "0=ones"], ["check", str(DESIGN)], ["check", "attention"]):
        assert main([*command, "-D", "A=1"]) == 2
        assert capsys.readouterr().err.split("  more:")[0] == (
            "error: -D and -I are for tile code, and none is given\n"
            "  where: -D A=1\n"
            "  why:   they say how --tile-code is compiled; a kernel has defines and includes in [core]\n"
            "  fix:   add --tile-code FILE.cc, or leave them out\n"
        )


# kernel.toml

OPTIONS = '1024\ndefines = ["ADDED=1", "NAME=\\"a $b\\""]\nincludes = ["../../shared"]'
BODY = "for (int i = 0; i < count; ++i) y[i] = FACTOR * x[i] + ADDED + int(sizeof(NAME)) - 5;"


def kernels_with(folder: Path, options: str = OPTIONS, factor: int = 2) -> Path:
    """A kernel whose factor is in a header of a folder beside all kernels."""
    (folder / "shared").mkdir(exist_ok=True)
    write_if_changed(folder / "shared" / "factor.hpp", f"#define FACTOR {factor}\n".encode())
    return write_kernel(folder, body=BODY, head='#include "factor.hpp"', stack_size=options)


def plan(folder: Path, options: str = OPTIONS, factor: int = 2, **request: object) -> Plan:
    asked = BuildRequest(kernels=kernels_with(folder, options, factor), **request)  # type: ignore[arg-type]
    return plan_kernel(render_kernel("double", asked), asked)


def built(folder: Path, options: str = OPTIONS, factor: int = 2) -> Artifacts:
    request = BuildRequest(kernels=kernels_with(folder, options, factor), build_dir=folder / "build")
    return build_kernel(render_kernel("double", request), request, lambda _: None)


def verify(folder: Path, *more: str) -> int:
    return main(["verify", "double", "--kernels", str(folder / "kernels"), "--build-dir", str(folder / "build"), *more])


def test_a_kernel_is_built_with_its_macros_and_what_it_includes(tmp_path: Path) -> None:
    kernels_with(tmp_path)

    assert verify(tmp_path) == 0
    assert main(["check", "double", "--kernels", str(tmp_path / "kernels")]) == 0


def test_another_macro_or_another_header_is_another_build(tmp_path: Path) -> None:
    first = built(tmp_path)
    again = built(tmp_path)
    other_macro = built(tmp_path, OPTIONS.replace("ADDED=1", "ADDED=2"))
    other_header = built(tmp_path, factor=3)

    assert (first.worked, again.worked, other_macro.worked, other_header.worked) == (True, False, True, True)
    assert first.digest == again.digest
    assert len({first.digest, other_macro.digest, other_header.digest}) == 3


def test_a_kernel_with_another_macro_or_header_does_not_pass_as_it_did(tmp_path: Path) -> None:
    kernels_with(tmp_path)
    assert verify(tmp_path) == 0
    kernels_with(tmp_path, factor=3)
    assert verify(tmp_path) == 1
    kernels_with(tmp_path, OPTIONS.replace("ADDED=1", "ADDED=2"))
    assert verify(tmp_path) == 1
    kernels_with(tmp_path)
    assert verify(tmp_path) == 0


def test_a_digest_knows_what_is_included_and_not_where_it_lies(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir()
    here, there, other = plan(folders[0]), plan(folders[1]), plan(folders[2], factor=3)

    assert here.digest == there.digest != other.digest
    assert all(str(tmp_path) not in step.command for step in here.steps)
    assert f"include_0 = {folders[0] / 'shared'}\n" in ninja_text(here)


def test_options_reach_both_toolchains_and_the_editor(tmp_path: Path) -> None:
    host, npu = plan(tmp_path), plan(tmp_path, aiecc="A", toolchain="mlir-aie")

    for made, at_least in ((host, 3), (npu, 1)):
        commands = [step.command for step in made.steps if "'-DNAME=\"a $$b\"' -I $include_0" in step.command]
        assert len(commands) >= at_least
        assert all("-DADDED=1" in command for command in commands)
    (entry,) = compile_commands(host, Path("/build"))[:1]
    words = shlex.split(entry["command"])
    assert '-DNAME="a $b"' in words
    assert words[words.index('-DNAME="a $b"') + 2] == str(tmp_path / "shared")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            'defines = ["__AIE_ARCH__=21"]',
            "error: the macro __AIE_ARCH__ is not a kernel's to define\n"
            "  where: TOML, [core] defines\n"
            "  why:   __AIE_ARCH__ follows from the target of the build\n"
            "  fix:   leave it out, and choose the NPU by --target, or by the design's aie.device\n",
        ),
        (
            'includes = ["../nowhere"]',
            "error: there is no folder FOLDER/../nowhere to include from\n"
            "  where: TOML, [core] includes\n"
            "  why:   nothing is there\n"
            "  fix:   correct the path; it begins at the kernel's folder\n",
        ),
        (
            "defines = { A = 1 }",
            "error: 'defines' has the wrong type\n"
            "  where: TOML, [core] defines\n"
            "  why:   it must be a list in [ ], and is {'A': 1}\n"
            "  fix:   write defines as a list in [ ]\n",
        ),
    ],
)
def test_what_kernel_toml_says_wrong_is_refused_at_its_line(
    line: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_kernel(tmp_path, stack_size=f"1024\n{line}") / "double"

    for command in ("build", "check"):
        assert main([command, "double", "--kernels", str(folder.parent)]) == 2
        told = capsys.readouterr().err.split("  more:")[0]
        assert told == text.replace("TOML", str(folder / "kernel.toml")).replace("FOLDER", str(folder))


def test_a_kernel_without_options_has_the_digest_that_it_always_had(tmp_path: Path) -> None:
    """A recording is of a kernel by that."""
    rendered = render_kernel("double", BuildRequest(kernels=write_kernel(tmp_path)))

    assert rendered.included == ()
    assert "[" not in option_words(rendered.spec.core.options)
    assert plan_kernel(rendered, BuildRequest()).included == ()


def test_what_is_included_is_followed_from_file_to_file_and_each_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a.hpp").write_text('#include "b.hpp"\n#include <sub/c.hpp>\n#include <cstdint>\n')
    (tmp_path / "b.hpp").write_text('  #  include "a.hpp"\n')
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.hpp").write_text('#include "d.hpp"\n#include "' + "x" * 5000 + '"\n')
    (tmp_path / "sub" / "d.hpp").write_text("d\n")
    (tmp_path / "other.hpp").write_text("nobody's\n")

    found = included_files(['#include "a.hpp"\n', "#include <b.hpp>\n"], [tmp_path])

    assert [data.split(b"\n")[0] for data in found] == [
        *(b'#include "b.hpp"', b'  #  include "a.hpp"', b'#include "d.hpp"', b"d"),
    ]


# --untrusted


@needs_sandbox
def test_untrusted_tile_code_reads_the_folders_that_are_named_and_nothing_beside(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kernels_with(tmp_path)
    assert verify(tmp_path, "--untrusted") == 0
    (tmp_path / "factor.hpp").write_text("#define FACTOR 4\n")
    (tmp_path / "shared" / "factor.hpp").unlink()
    (tmp_path / "shared" / "factor.hpp").symlink_to(tmp_path / "factor.hpp")
    capfd.readouterr()

    assert verify(tmp_path, "--untrusted") == 3
    assert f"why:   {tmp_path / 'shared' / 'factor.hpp'}: Permission denied" in capfd.readouterr().out


@needs_sandbox
def test_untrusted_tile_code_of_any_design_reads_the_folders_that_are_named(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "added.hpp").write_text("#define ADDED 6\n")
    asked = emulate(tmp_path, "-D", "BIT_WIDTH=32", "--untrusted")
    (tmp_path / "tile.cc").write_text('#include "added.hpp"\n' + ADDED)

    assert main([*asked, "-I", str(tmp_path / "shared")]) == 0
    assert np.load(tmp_path / "out.npy")[0] == 7
    assert main(asked) == 1


@needs_sandbox
def test_untrusted_choices_of_a_bfloat16_read_the_folders_that_are_named(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "added.hpp").write_text("#define ADDED int(float(i < 0 ? bfloat16(1.0f) : 6.0f))\n")
    asked = emulate(tmp_path, "-D", "BIT_WIDTH=32", "--untrusted", "-I", str(tmp_path / "shared"))
    (tmp_path / "tile.cc").write_text('#include <aie_api/aie.hpp>\n#include "added.hpp"\n' + ADDED)

    assert main(asked) == 0
    assert np.load(tmp_path / "out.npy")[0] == 7
