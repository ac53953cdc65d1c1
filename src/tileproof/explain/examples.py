"""The wrong and the right example of an entry, as files that can be run."""

from __future__ import annotations

from pathlib import Path

from tileproof.diagnostic.entry import Entry
from tileproof.errors import Problem
from tileproof.files import write_output
from tileproof.library import data_dir


def write_example(entry: Entry, folder: Path, *, right: bool = False) -> None:
    """Write what the entry's command needs into `folder`: the wrong example, or the right one.

    Raises `Problem` for an entry without an example, and for a folder that has something in it.
    """
    if entry.example is None:
        raise Problem(
            f"there is no example of {entry.id}",
            id="no-example",
            why="it takes an NPU, a tool of others or another command line to show it",
            fix=f"`tileproof explain {entry.id}` says what there is to say",
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Problem(
            f"{folder} has something in it",
            id="folder-in-use",
            where=f"--example {folder}",
            why="the example would be mixed with it",
            fix="name a folder that is not there yet",
        )
    files = data_dir("examples")
    texts = {path.relative_to(files).as_posix(): path.read_text() for path in files.rglob("*") if _is_ours(path)}
    for change in entry.example.changes:
        before = texts.get(change.file, "")
        texts[change.file] = before if right else before.replace(change.right, change.wrong) if before else change.wrong
    for name, text in texts.items():
        if not text:
            continue  # it is there in the other example only
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_output(path, text.encode(), what="example", where=f"--example {folder}")


def _is_ours(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc"
