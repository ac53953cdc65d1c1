"""Which locals of tile code lie in memory on the device, too: arrays, std::array, and structs that have them inside.

What the host's compiler keeps in memory may be vectors and accumulators, which are registers there. So a local counts
where its declaration says that it does; one with vectors inside where all registers together have no room for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import pairwise

from tileproof.check.tile_code import TileCode, Token

_NAME = re.compile(r"[A-Za-z_]\w*")
_REGISTERS = re.compile(r"aie|auto|vector|accum|mask|mmul|v\d+\w+")
_TYPE_HEADS = {"struct", "class", "union"}
_NO_TYPE = {"return", "delete", "new", "else", "case", "goto"}


def kept_locals(code: TileCode) -> dict[str, str]:
    """By `name:line`, the braces around it, outermost first, as `3/17/20/`: what is declared in braces side by side can
    have the same place. A `v` before them says that there are vectors inside."""
    statements = list(_statements(code.tokens))
    vectors = _names_of_vectors(statements)
    structs = _structs_with_arrays(code.tokens, vectors)
    found = {}
    for path, statement in statements:
        words = {token.text for token in statement}
        mark = "v" if _has_vectors(words, vectors | {name for name in structs if structs[name]}) else ""
        for token in _declared(statement, structs.keys()):
            found[f"{token.text}:{token.place.line}"] = mark + path
    return found


def _has_vectors(words: Iterable[str], named: Set[str]) -> bool:
    return any(_REGISTERS.fullmatch(word) or word in named for word in words)


def _names_of_vectors(statements: Iterable[tuple[str, Sequence[Token]]]) -> set[str]:
    """What `using` and `typedef` call vectors, accumulators and what is made of them."""
    names: set[str] = set()
    for _, statement in statements:
        words = [token.text for token in statement]
        if {"using", "typedef"} & set(words) and _has_vectors(words, names):
            names.add(words[words.index("using") + 1] if "using" in words else words[-1])
    return names


def _statements(tokens: Sequence[Token]) -> Iterator[tuple[str, list[Token]]]:
    """The tokens between `;` and braces, with the numbers of the braces that are open there."""
    braces: list[str] = []
    statement: list[Token] = []
    for number, token in enumerate(tokens):
        if token.text not in (";", "{", "}"):
            statement.append(token)
            continue
        yield "".join(braces), statement
        statement = []
        if token.text == "{":
            braces.append(f"{number}/")
        elif token.text == "}":
            braces = braces[:-1]


def _declared(statement: Sequence[Token], structs: Set[str]) -> Iterator[Token]:
    """The names of the arrays and structs that a statement declares."""
    words = [token.text for token in statement]
    is_struct = bool(structs & set(words)) or "array" in words
    for index, (word, after) in enumerate(pairwise([*words, ""])):
        before = words[index - 1] if index else ""
        if not _NAME.fullmatch(word) or before in _NO_TYPE:
            continue
        follows_type = before in (">", ",") or (bool(_NAME.fullmatch(before)) and before not in _TYPE_HEADS)
        if follows_type and (after == "[" or (is_struct and after in ("", "=", ",", "("))):
            yield statement[index]


def _structs_with_arrays(tokens: Sequence[Token], vectors: Set[str]) -> dict[str, bool]:
    """Names of the structs that have an array inside, or a struct that has one; and whether it is of vectors."""
    words = [token.text for token in tokens]
    found: dict[str, bool] = {}
    for index, word in enumerate(words[:-2]):
        if word not in _TYPE_HEADS or "{" not in words[index + 2 : index + 8]:
            continue
        start = words.index("{", index) + 1
        body = set(words[start : _end(words, start)])
        if body & {"[", "array", *found}:
            found[words[index + 1]] = _has_vectors(body, vectors | {name for name in found if found[name]})
    return found


def _end(words: Sequence[str], start: int) -> int:
    depth = 1
    for index in range(start, len(words)):
        depth += (words[index] == "{") - (words[index] == "}")
        if depth == 0:
            return index
    return len(words)
