"""The README tells the truth: its table is what a run gives, and its commands are the ones there are."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from tileproof.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def update_readme() -> ModuleType:
    loader = importlib.util.spec_from_file_location("update_readme", ROOT / "scripts" / "update_readme.py")
    assert loader is not None
    assert loader.loader is not None
    module = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(module)
    return module


def test_the_table_of_kernels_is_what_a_run_gives() -> None:
    module = update_readme()

    assert module.verdict_table(module.verdicts()) in README


def test_every_command_in_the_readme_exists() -> None:
    commands = set(re.findall(r"^tileproof (\w+)", README, re.MULTILINE))

    assert commands >= {"list", "show", "render", "build", "verify", "check", "doctor"}
    for command in commands:
        with pytest.raises(SystemExit) as end:
            main([command, "--help"])
        assert end.value.code == 0


def test_every_make_target_in_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))

    assert named >= {"attention", "test"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)


def test_links_lead_somewhere() -> None:
    for text in (README, *(path.read_text() for path in (ROOT / "docs").rglob("*.md"))):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (ROOT / link).exists(), link


FIRST = (ROOT / "docs" / "first_kernel.md").read_text()


def written_from_the_page(folder: Path) -> Path:
    """The files of docs/first_kernel.md, below `folder`."""
    for name, text in re.findall(r"^`(relu8/[\w.]+)` .*?^```\w+\n(.*?)^```", FIRST, re.MULTILINE | re.DOTALL):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def verified(kernels: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["verify", "relu8", "--kernels", str(kernels), "--build-dir", str(kernels / "build")])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_the_first_kernel_passes_as_its_page_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = verified(written_from_the_page(tmp_path), capsys)
    (promised,) = re.findall(r"^```text\n(.*?)^```", FIRST, re.MULTILINE | re.DOTALL)

    assert code == 0
    assert promised in out


def mistakes() -> list[tuple[str, str, str]]:
    return re.findall(r"^\| `(.+)` becomes `(.+)` \| `(.+)` \|$", FIRST, re.MULTILINE)


def test_the_page_has_mistakes() -> None:
    assert len(mistakes()) == 6


@pytest.mark.parametrize(("right", "wrong", "answer"), mistakes())
def test_a_mistake_in_the_first_kernel_gets_the_answer_of_its_page(
    right: str, wrong: str, answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernels = written_from_the_page(tmp_path)
    tile = kernels / "relu8" / "tile.cc"
    assert right in tile.read_text()
    tile.write_text(tile.read_text().replace(right, wrong))
    code, out = verified(kernels, capsys)

    assert code != 0
    assert answer in out
