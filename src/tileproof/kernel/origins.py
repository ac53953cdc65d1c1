"""From a line of a rendered file back to the line of the template that it was rendered from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

# Around the name of a template and a number, in front of a line; neither stands in a text that anybody writes.
_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}([^{_CLOSE}]*):(\\d+){_CLOSE}")
_STATEMENTS = ("%%", "%#")


def marked(name: str, source: str) -> str:
    """A template whose lines of text say where they stand; what Jinja reads as statements, and the empty
    lines that it may drop with them, stay as they are."""
    lines, is_open = [], False
    for number, line in enumerate(source.splitlines(keepends=True), start=1):
        is_text = not (is_open or "<<" in line or not line.strip() or line.lstrip().startswith(_STATEMENTS))
        lines.append(f"{_OPEN}{name}:{number}{_CLOSE}{line}" if is_text else line)
        is_open = (line if not is_open else "${" + line).rfind("${") > line.rfind("}")
    return "".join(lines)


def origins_of(
    texts: Mapping[str, str], sources: Mapping[str, str], render: Callable[[Mapping[str, str]], Mapping[str, str]]
) -> dict[str, tuple[tuple[str, int], ...]]:
    """For each of `texts`, by line, the template and its line; `render` makes texts of sources.

    A text for which the marks change more than they add has none: a wrong line is worse than no line.
    """
    again = render({name: marked(name, source) if name.endswith(".j2") else source for name, source in sources.items()})
    return {
        name: tuple(_lines(again[name]))
        for name, text in texts.items()
        if name in again and _MARK.sub("", again[name]) == text and _MARK.search(again[name])
    }


def _lines(text: str) -> Iterator[tuple[str, int]]:
    last = ("", 0)
    for line in text.split("\n"):
        found = _MARK.search(line)
        last = (found[1], int(found[2])) if found else last
        yield last
