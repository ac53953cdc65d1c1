"""A TOML table that is read key by key: a wrong type, a missing key and an unknown key are each one clear error."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from tileproof.diagnostic import Place
from tileproof.errors import Problem, unreadable
from tileproof.kernel.toml_lines import TableLines

_KINDS: dict[type, str] = {
    str: "text in quotes",
    int: "a whole number",
    float: "a number",
    list: "a list in [ ]",
    dict: "a table",
}
_TABLES = "one table or more"


def load_toml(path: Path) -> Table:
    """The top table of `path`; a `Problem` if it is missing or not TOML."""
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_long_keys(path, text)
        values = tomllib.loads(text)
        _refuse_wide_numbers(path, values)
        return Table(path, "", values, partial(TableLines.of_text, text))
    except FileNotFoundError:
        raise Problem(
            f"{path.name} is missing",
            id="unknown-kernel",
            where=Place.of_file(str(path)),
            fix="a kernel is a folder with a kernel.toml; copy one from another kernel and edit it",
        ) from None
    except UnicodeDecodeError as error:
        raise Problem(
            f"{path.name} is not text",
            id="not-text",
            where=Place.of_file(str(path)),
            why=f"byte {error.start} is not UTF-8",
            fix="save the file as UTF-8",
        ) from None
    except OSError as error:
        raise unreadable(path, error) from None
    except tomllib.TOMLDecodeError as error:
        raise Problem(
            f"{path.name} is not valid TOML",
            id="not-toml",
            where=Place.told(str(path), Place(str(path), _line_in(str(error)))),
            why=str(error),
            fix="mend the line that is named",
        ) from None
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits, or brackets thousands deep: tomllib lets Python's own errors through.
        raise Problem(
            f"{path.name} is not valid TOML",
            id="not-toml",
            where=Place.of_file(str(path)),
            why=str(error),
            fix="shorten the value",
        ) from None


_MOST_BITS = 64
# More parts than any key here has. tomllib's time grows with their square: twenty thousand take six seconds.
_MOST_PARTS = 32
_LONG_KEY = re.compile(rf"""(?<![\w.-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{_MOST_PARTS}}}""")


def _refuse_long_keys(path: Path, text: str) -> None:
    found = _LONG_KEY.search(text)
    if found:
        raise Problem(
            f"{path.name} has a key of more than {_MOST_PARTS} parts",
            id="not-toml",
            where=Place.told(str(path), Place(str(path), text.count("\n", 0, found.start()) + 1)),
            why="a key here has three at the most, as in [banks.tile.x]",
            fix="shorten it",
        )


def _refuse_wide_numbers(path: Path, values: dict[str, Any]) -> None:
    """TOML promises 64 bits. Python takes any number in hexadecimal, and writes none of more than 4,300 digits."""
    left: list[tuple[str, Any]] = [(key, value) for key, value in reversed(values.items())]
    while left:
        key, value = left.pop()
        if isinstance(value, dict):
            left += [(f"{key}.{inner}", below) for inner, below in reversed(value.items())]
        elif isinstance(value, list):
            left += [(key, item) for item in reversed(value)]
        elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise Problem(
                f"{key!r} is a number of {value.bit_length():,} bits",
                id="not-toml",
                where=Place.told(f"{path}, {key}", Place.of_file(str(path))),
                why=f"no number here has more than {_MOST_BITS}",
                fix="correct it",
            )


def _line_in(message: str) -> int:
    """tomllib says `Expected ... (at line 4, column 7)`."""
    found = re.search(r"at line (\d+)", message)
    return int(found[1]) if found else 0


@dataclass
class Table:
    """One table of a TOML file. `finish()` refuses every key that nobody asked for.

    On which lines it stands is looked for when a message asks, and not for each of thousands of tables that are right.
    """

    file: Path
    path: str
    values: dict[str, Any]
    find_lines: Callable[[], TableLines]
    _asked: set[str] = field(default_factory=set)

    @cached_property
    def lines(self) -> TableLines:
        return self.find_lines()

    def place(self, key: str = "") -> Place:
        """How messages name this table or one of its keys: `kernel.toml, [core] stack_size`."""
        within = " ".join(filter(None, (f"[{self.path}]" if self.path else "", key)))
        line = self.lines.line_of(key) if key else self.lines.first
        return Place.told(", ".join(filter(None, (str(self.file), within))), Place(str(self.file), line))

    def _get(self, key: str, kind: type, default: Any, required: bool) -> Any:
        self._asked.add(key)
        if key not in self.values:
            if required:
                raise self._missing(key, _KINDS[kind])
            return default
        value = self.values[key]
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value) if abs(value) < 2**1023 else float("inf")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise Problem(
                f"{key!r} has the wrong type",
                id="wrong-type",
                where=self.place(key),
                why=f"it must be {_KINDS[kind]}, and is {value!r}",
                fix=f"write {key} as {_KINDS[kind]}",
            )
        return value

    def _missing(self, key: str, kind: str) -> Problem:
        """A key that must be there; a word like it that nobody knows is probably what was meant."""
        near = get_close_matches(key, (word for word in self.values if word not in self._asked), n=1, cutoff=0.75)
        path = f"{self.path}.{key}" if self.path else key
        line = {_KINDS[dict]: f"[{path}]", _TABLES: f"[[{path}]]"}.get(kind, f"{key} = ...")
        return Problem(
            f"{key!r} is missing",
            id="missing-key",
            where=self.place(),
            why=f"it must be {kind}" + (f"; there is {near[0]!r}, which is not known" if near else ""),
            fix=f"write {key!r} for {near[0]!r}" if near else f"add `{line}`",
        )

    def text(self, key: str, default: str | None = None) -> str:
        """The text at `key`; required unless a default is given."""
        return str(self._get(key, str, default, default is None))

    def integer(self, key: str, default: int | None = None) -> int:
        """The whole number at `key`; required unless a default is given."""
        return int(self._get(key, int, default, default is None))

    def number(self, key: str, default: float | None = None) -> float:
        """The number at `key`; required unless a default is given."""
        return float(self._get(key, float, default, default is None))

    def optional_number(self, key: str) -> float | None:
        """The number at `key`, or None."""
        value = self._get(key, float, None, False)
        return None if value is None else float(value)

    def integer_or_name(self, key: str) -> int | str:
        """A whole number, or the name of one."""
        self._asked.add(key)
        value = self.values.get(key)
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            return value
        raise Problem(
            f"{key!r} is missing" if value is None else f"{key!r} has the wrong type",
            id="missing-key" if value is None else "wrong-type",
            where=self.place(key),
            why="it must be a whole number or the name of a size or constant"
            + ("" if value is None else f", and is {value!r}"),
            fix=f"write `{key} = 4096` or name a key of [sizes] or of constants.py",
        )

    def integer_or_integers(self, key: str) -> tuple[int, ...]:
        """A whole number or a list of them, none negative; empty where the key is not there."""
        self._asked.add(key)
        value = self.values.get(key)
        items = value if isinstance(value, list) else () if value is None else (value,)
        bad = [item for item in items if not isinstance(item, int) or isinstance(item, bool) or item < 0]
        if bad or value == []:
            raise Problem(
                f"{key!r} has the wrong type" if bad else f"{key!r} is empty",
                id="wrong-type" if bad else "empty-list",
                where=self.place(key),
                why="it must be a whole number from 0 up, or a list of them"
                + (f", and holds {bad[0]!r}" if bad else ""),
                fix=f"write `{key} = 0` or `{key} = [0, 1]`",
            )
        return tuple(items)

    def one_of(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """The text at `key`, which must be one of `allowed`."""
        value = self.text(key, default)
        if value not in allowed:
            named = [word for word in allowed if word]
            near = get_close_matches(value, named, n=1)
            raise Problem(
                f"{key} cannot be {value!r}",
                id="wrong-value",
                where=self.place(key),
                why="it is one of " + ", ".join(named),
                fix=f"did you mean {near[0]!r}?" if near else f'write `{key} = "{named[0]}"`',
            )
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, not empty."""
        return tuple(self._items(key, (str,), "texts in quotes"))

    def optional_texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; none where the key is not there."""
        self._asked.add(key)
        return self.texts(key) if key in self.values else ()

    def names_or_integers(self, key: str) -> tuple[int | str, ...]:
        """A list of whole numbers and names of some, not empty."""
        return tuple(self._items(key, (str, int), "whole numbers or names of sizes"))

    def _items(self, key: str, kinds: tuple[type, ...], wanted: str) -> list[Any]:
        items: list[Any] = self._get(key, list, None, True)
        bad = [item for item in items if not isinstance(item, kinds) or isinstance(item, bool)]
        if bad or not items:
            raise Problem(
                f"{key!r} has the wrong type" if bad else f"{key!r} is empty",
                id="wrong-type" if bad else "empty-list",
                where=self.place(key),
                why=f"it must be a list of {wanted}" + (f", and holds {bad[0]!r}" if bad else ""),
                fix=f"write `{key} = [...]`",
            )
        return items

    def table(self, key: str, required: bool = True) -> Table:
        """The table at `key`; an empty one if it is optional and not there."""
        value: dict[str, Any] = self._get(key, dict, {}, required)
        return Table(self.file, f"{self.path}.{key}" if self.path else key, value, lambda: self.lines.table(key))

    def tables(self, key: str, required: bool = True) -> tuple[Table, ...]:
        """The list of tables at `key`, each named by its own `name` in messages."""
        if required and key not in self.values:
            raise self._missing(key, _TABLES)
        items: list[Any] = self._get(key, list, [], required)
        path = f"{self.path}.{key}" if self.path else key
        for item in items:
            if not isinstance(item, dict):
                raise Problem(
                    f"{key!r} has the wrong type",
                    id="wrong-type",
                    where=self.place(key),
                    why=f"each entry must be a table, and one is {item!r}",
                    fix=f"write each entry under its own [[{path}]]",
                )
        lines = partial(self._entry_lines, key, len(items))
        return tuple(
            Table(self.file, f"{path} {item.get('name', number)!s}", item, partial(lines, number))
            for number, item in enumerate(items)
        )

    def _entry_lines(self, key: str, count: int, number: int) -> TableLines:
        return self.lines.tables(key, count)[number]

    def subtables(self) -> tuple[tuple[str, Table], ...]:
        """Every key of this table, each of which must be a table."""
        return tuple((key, self.table(key)) for key in self.values)

    def integers(self) -> dict[str, int]:
        """Every key of this table, each of which must be a whole number."""
        return {key: self.integer(key) for key in self.values}

    def finish(self) -> None:
        """Refuse the keys that nobody asked for."""
        for key in self.values:
            if key not in self._asked:
                near = get_close_matches(key, self._asked, n=1)
                raise Problem(
                    f"unknown key {key!r}",
                    id="unknown-key",
                    where=self.place(key),
                    why="keys here: " + ", ".join(sorted(self._asked)),
                    fix=f"did you mean {near[0]!r}?" if near else "remove the key, or correct its name",
                )
