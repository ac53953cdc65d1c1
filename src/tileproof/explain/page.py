"""The pages of the catalogue: what an id means, where it comes from, a wrong and a right example, and the fix."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from tileproof.diagnostic.catalogue import GROUPS
from tileproof.diagnostic.entry import Change, Entry, Example

_KINDS = {"error": "an error", "warning": "a warning", "note": "a note"}
_WIDTH = 120
_LANGUAGES = {".mlir": "mlir", ".cc": "cpp", ".py": "python", ".toml": "toml", ".j2": "jinja"}


def page_text(entry: Entry) -> str:
    """One entry, for a terminal."""
    name = "" if entry.name == entry.id else f" ({entry.name})"
    lines = [f"{entry.id}{name}: {_KINDS[entry.severity]}", *_wrapped(entry.sentence)]
    lines += ["", *_wrapped(entry.cause), "", *_wrapped(f"fix: {entry.fix}")]
    if entry.example is not None:
        for change in entry.example.changes:
            lines += ["", *_shown(change)]
        lines += ["", f"try it: tileproof explain {entry.id} --example DIR, and there:"]
        lines += [f"    {command}" for command in entry.example.command.split(" && ")]
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _shown(change: Change) -> Iterator[str]:
    for label, text in (("wrong", change.wrong), ("right", change.right)):
        if not text.strip():
            yield f"{label}, in {change.file}: it is not there"
            continue
        yield f"{label}, in {change.file}:"
        yield textwrap.indent(textwrap.dedent(text).strip("\n"), "    ")


def catalogue_markdown() -> str:
    """docs/diagnostics.md: every entry of the catalogue."""
    lines = [
        "# What can be wrong",
        "",
        "Every id that tileproof gives, as `tileproof explain ID` prints it. An error will not work, a warning may and",
        "is seldom meant, a note is good to know. An id keeps its meaning. `tileproof explain ID --example DIR` writes",
        "the wrong example into a folder, with all that it needs.",
    ]
    for title, about, entries in GROUPS:
        lines += ["", f"## {title}", "", about]
        for entry in entries:
            lines += ["", *_markdown(entry)]
    return "\n".join(lines) + "\n"


def _markdown(entry: Entry) -> Iterator[str]:
    yield f"### {entry.id}" + ("" if entry.name == entry.id else f" {entry.name}")
    yield ""
    yield f"*{entry.severity}.* {entry.sentence} {entry.cause}"
    yield ""
    yield f"Fix: {entry.fix}."
    if entry.example is not None:
        yield from _markdown_example(entry.example)


def _markdown_example(example: Example) -> Iterator[str]:
    for change in example.changes:
        suffix = next((language for ending, language in _LANGUAGES.items() if change.file.endswith(ending)), "text")
        for label, text in (("wrong", change.wrong), ("right", change.right)):
            if text.strip():
                yield ""
                yield f"{label}, in `{change.file}`:"
                yield f"```{suffix}"
                yield textwrap.dedent(text).strip("\n")
                yield "```"
    yield ""
    yield "says so:"
    yield "```sh"
    yield from example.command.split(" && ")
    yield "```"
