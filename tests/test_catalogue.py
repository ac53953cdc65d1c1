"""The catalogue of ids: all that the code says is in it, all that is in it is said, and each example shows it."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tileproof.cli import main
from tileproof.diagnostic.catalogue import CATALOGUE, GROUPS, entry_named, entry_of
from tileproof.diagnostic.checks import CHECKS
from tileproof.diagnostic.entry import Entry
from tileproof.explain.examples import write_example
from tileproof.explain.page import catalogue_markdown, page_text

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "tileproof"
EXAMPLES = [entry for entry in CATALOGUE if entry.example is not None]


# What the code says


IDS = ("id", "id_")  # what a parameter, and a property, is called that is one


def texts_of(value: ast.expr | None) -> Iterator[str]:
    """The texts that an expression may be: a text, or one of two."""
    if isinstance(value, ast.IfExp):
        yield from texts_of(value.body)
        yield from texts_of(value.orelse)
    elif isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value


def places_of_ids(trees: Iterable[ast.AST]) -> dict[str, int]:
    """Of every function that takes an id: which argument it is."""
    found = {}
    for node in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        names = [argument.arg for argument in node.args.args if argument.arg not in ("self", "cls")]
        for number in (number for number, name in enumerate(names) if name in IDS):
            found[node.name] = number
    return found


def said_in(tree: ast.AST, places: dict[str, int]) -> Iterator[str]:
    """Every id that a module gives: as an argument, as the default of a parameter, or as what a property returns."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            taken, defaults = node.args.args + node.args.kwonlyargs, node.args.defaults + node.args.kw_defaults
            for argument, value in zip(taken[::-1], defaults[::-1], strict=False):
                yield from texts_of(value) if argument.arg in IDS else ()
            for one in ast.walk(node) if node.name in IDS else ():
                yield from texts_of(one.value) if isinstance(one, ast.Return) else ()
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for keyword in node.keywords:
                yield from texts_of(keyword.value) if keyword.arg in IDS else ()
            if name in places:
                yield from (text for value in node.args[places[name] :][:1] for text in texts_of(value))


def all_said() -> set[str]:
    files = [path for path in PACKAGE.rglob("*.py") if path.parent.name != "diagnostic"]
    trees = [ast.parse(path.read_text()) for path in files]
    places = places_of_ids(trees)
    return {id_ for tree in trees for id_ in said_in(tree, places)}


def test_ids_and_names_are_unique() -> None:
    assert len({entry.id for entry in CATALOGUE}) == len({entry.name for entry in CATALOGUE}) == len(CATALOGUE)


def test_every_entry_is_said_somewhere() -> None:
    assert {entry.id for entry in CATALOGUE} - all_said() == set()


def test_every_id_that_is_said_has_an_entry() -> None:
    assert all_said() - {entry.id for entry in CATALOGUE} == set()


def test_an_entry_is_found_by_id_and_by_name_in_any_letters() -> None:
    assert entry_named("tp406") is entry_named("Never-Released") is entry_of("TP406")
    assert entry_named("131071") is None


# The pages


def test_the_page_of_the_docs_is_the_catalogue() -> None:
    assert (ROOT / "docs" / "diagnostics.md").read_text() == catalogue_markdown()


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.id)
def test_a_page_says_what_it_is_where_it_comes_from_and_what_mends_it(entry: Entry) -> None:
    assert re.fullmatch(r"[A-Z`].*\.", entry.sentence), entry.sentence
    assert re.fullmatch(r"([A-Z`].*[.)])", entry.cause, re.DOTALL), entry.cause
    assert entry.fix
    assert not entry.fix.endswith(".")
    assert all(len(line) <= 120 for line in page_text(entry).splitlines())


def test_every_check_fault_and_mistake_has_an_example() -> None:
    """But for those of a built file that no command writes."""
    without = {title: [entry.id for entry in entries if entry.example is None] for title, _, entries in GROUPS}

    assert without["Checks"] == ["TP704", "TP705", "TP706", "TP707", "TP708", "TP709", "TP712"]
    assert without["Faults"] == without["Mistakes of hosts"] == []


# The examples


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build folder of the kernel that hosts run, made once."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT / "examples", folder, dirs_exist_ok=True)
    assert said(folder, "tileproof build double --kernels kernels")[0] == 0
    return folder / "build"


def said(folder: Path, command: str) -> tuple[int, str]:
    """Exit code and all that the commands say, typed in `folder` one after the other until one fails."""
    out, code, before = io.StringIO(), 0, Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            for one in command.split(" && "):
                words = shlex.split(one)
                assert words[0] == "tileproof"
                code = typed(words[1:])
                if code:
                    break
    finally:
        os.chdir(before)
    return code, out.getvalue()


def typed(arguments: list[str]) -> int:
    if arguments[0] == "run":  # a host's mistakes are kept as long as its process
        command = [sys.executable, "-m", "tileproof", *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        print(done.stdout)
        return done.returncode
    try:
        return main(arguments)
    except SystemExit as end:  # what argparse refuses
        return int(end.code or 0)


def is_told(entry: Entry, text: str) -> bool:
    """With its page's command, or at the head of a finding."""
    return f"tileproof explain {entry.id}\n" in f"{text}\n" or f"{entry.severity} {entry.id} (" in text


@pytest.mark.parametrize("entry", EXAMPLES, ids=lambda entry: entry.id)
def test_the_wrong_example_is_told_by_its_id(entry: Entry, tmp_path: Path, built: Path) -> None:
    assert entry.example is not None
    write_example(entry, tmp_path / "wrong")
    if "tileproof run" in entry.example.command:
        shutil.copytree(built, tmp_path / "wrong" / "build")

    assert is_told(entry, said(tmp_path / "wrong", entry.example.command)[1])


COMMANDS = sorted({entry.example.command for entry in EXAMPLES if entry.example is not None})


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_told_of_the_right_examples(command: str, tmp_path: Path, built: Path) -> None:
    """They are the same files for all that are shown by one command."""
    shown = [entry for entry in EXAMPLES if entry.example is not None and entry.example.command == command]
    write_example(shown[0], tmp_path / "right", right=True)
    if "tileproof run" in command:
        shutil.copytree(built, tmp_path / "right" / "build")
    code, text = said(tmp_path / "right", command)

    assert [entry.id for entry in shown if is_told(entry, text)] == []
    assert code == 0, text


@pytest.mark.parametrize("entry", EXAMPLES, ids=lambda entry: entry.id)
def test_what_is_right_in_an_example_is_there(entry: Entry) -> None:
    assert entry.example is not None
    for change in entry.example.changes:
        path = ROOT / "examples" / change.file
        assert change.wrong != change.right
        assert change.right in path.read_text() if path.is_file() else not change.right


def test_an_example_is_not_written_over_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("")

    assert main(["explain", "deadlock", "--example", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path} has something in it\n"
        f"  where: --example {tmp_path}\n"
        "  why:   the example would be mixed with it\n"
        "  fix:   name a folder that is not there yet\n"
        "  more:  tileproof explain folder-in-use\n"
    )


def test_the_checks_are_grouped_by_their_number() -> None:
    assert [entry.id for entry in CHECKS] == sorted(entry.id for entry in CHECKS)
