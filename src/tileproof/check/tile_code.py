"""As much of the C++ of a tile as the checks need: functions, their parameters, and their local arrays.

No grammar: comments and texts are stripped, braces are followed, and whatever is not understood (templates, sizes that
are not whole numbers known from the text) is left out, so that what is reported is there. Where a compiler has said
what its preprocessor leaves, that is read, and what is included with it; else the text, every branch of an #if.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from math import prod

from tileproof.diagnostic import Place
from tileproof.toolchain.preprocessed import Piece, own_pieces

_TOKEN = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | R"(?P<mark>[^(\s"]*)\(.*?\)(?P=mark)" | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
    | ^[ \t]*\#(?:\\\n|[^\n])* | [A-Za-z_]\w* | \d[\w.']* | :: | \S""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_VECTOR = re.compile(r"aie|v\d+[a-z]+\d+")
_CONDITIONAL = re.compile(r"\#\s*(if|endif)")
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
_DEFINE = re.compile(r"\#\s*define\s+(\w+)\s+(.+)")

# (kind, bytes): i for integers of either sign, f for IEEE floats, b for bfloat16.
SCALARS: Mapping[str, tuple[str, int]] = {
    **dict.fromkeys(("int8_t", "uint8_t", "int8", "uint8", "char", "bool"), ("i", 1)),
    **dict.fromkeys(("int16_t", "uint16_t", "int16", "uint16", "short"), ("i", 2)),
    # A long of the device has 32 bits, as an int has.
    **dict.fromkeys(("int32_t", "uint32_t", "int32", "uint32", "int", "long", "unsigned", "signed"), ("i", 4)),
    **dict.fromkeys(("int64_t", "uint64_t", "int64", "uint64"), ("i", 8)),
    **dict.fromkeys(("bfloat16", "bfloat16_t", "__bf16"), ("b", 2)),
    "float": ("f", 4),
    "double": ("f", 8),
}
_QUALIFIERS = {"const", "volatile", "restrict", "__restrict", "__restrict__", "std", "::", "register", "__aie_dm"}
_NO_TYPE = {"extern", "inline", "static", "constexpr", "__inline__", "__inline", "__attribute__", "__extension__"}
_NO_FUNCTION = {"if", "for", "while", "switch", "catch", "alignas", "noexcept", "decltype", "requires", "__attribute__"}
# A statement with one of these words has no array on the stack, or none that must be there.
_NOT_ON_STACK = {"static", "extern", "typedef", "using", "return", "const", "constexpr", "thread_local", "sizeof"}


@dataclass(frozen=True, slots=True)
class Token:
    """A word or sign; `conditional` between #if and #endif, where it may not count."""

    text: str
    place: Place
    conditional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter as far as it is understood: `type` is None for one that this reader does not know."""

    type: tuple[str, int] | None
    pointer: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalArray:
    """An array on the stack of its function."""

    name: str
    nbytes: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class CppFunction:
    """A function with a body. `words` are all names in the body, so also those of the functions that it calls.

    `together` are those of its `arrays` that are alive together and the largest: of scopes side by side, one.
    """

    name: str
    extern_c: bool
    result: Parameter | None  # None for void
    parameters: tuple[Parameter, ...]
    arrays: tuple[LocalArray, ...]
    together: tuple[LocalArray, ...]
    words: frozenset[str]
    place: Place


@dataclass(frozen=True)
class TileCode:
    """One C++ file. `headers` are texts by the name that it includes them by, of which constants and types count.

    `left` is what the preprocessor leaves of it; None where nobody knows.
    """

    name: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    left: str | None = None

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """What is read, in order: all of its text, or its own lines and those of its includes that are compiled."""
        return tuple(own_pieces(self.left, self.name)) if self.left else (Piece(self.name, 1, self.text),)

    @property
    def is_preprocessed(self) -> bool:
        return bool(self.left)

    @cached_property
    def functions(self) -> tuple[CppFunction, ...]:
        """Every function that is defined, also those inside namespaces."""
        return tuple(_functions(self.tokens, self._constants, self._aliases))

    def defined(self, name: str) -> tuple[CppFunction, ...]:
        return tuple(function for function in self.functions if function.name == name)

    def reached_from(self, name: str) -> tuple[CppFunction, ...]:
        """The function `name` and all that it may call, directly or not."""
        reached: list[CppFunction] = []
        waiting = list(self.defined(name))
        while waiting:
            function = waiting.pop()
            reached.append(function)
            waiting += [f for f in self.functions if f.name in function.words and f not in reached + waiting]
        return tuple(reached)

    @property
    def has_vectors(self) -> bool:
        """Whether it uses the AIE API, or the vector types of the compilers."""
        return any(_VECTOR.fullmatch(token.text) for token in self.tokens)

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """Its words and signs without comments and preprocessor lines."""
        tokens = (token for piece in self.pieces for token in _tokens(piece))
        return tuple(_with_columns(tokens, {**self.headers, self.name: self.text}) if self.is_preprocessed else tokens)

    @cached_property
    def _included(self) -> str:
        """The text behind the headers that it includes."""
        if self.is_preprocessed:
            return "\n".join(piece.text for piece in self.pieces)
        names = [name for name in _INCLUDE.findall(self.text) if name in self.headers]
        return "\n".join([*(self.headers[name] for name in dict.fromkeys(names)), self.text])

    @cached_property
    def _constants(self) -> dict[str, int]:
        if self.is_preprocessed:
            return _constants(self.tokens, {})  # of a macro nothing is left but its value
        return _constants(tuple(_tokens(Piece(self.name, 1, self._included))), self._defines)

    @cached_property
    def _defines(self) -> dict[str, str]:
        return {found[1]: found[2] for found in _DEFINE.finditer(self._included)}

    @cached_property
    def _aliases(self) -> dict[str, str]:
        text = self._included
        using = re.findall(r"\busing\s+(\w+)\s*=\s*(?:std\s*::\s*)?(\w+)\s*;", text)
        typedef = [(new, old) for old, new in re.findall(r"\btypedef\s+(?:std\s*::\s*)?(\w+)\s+(\w+)\s*;", text)]
        return {**self._defines, **dict(typedef), **dict(using)}


def _tokens(piece: Piece) -> Iterator[Token]:
    text = piece.text
    depth, line, begin, at = 0, piece.line, 0, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        begin = text.rfind("\n", 0, match.start()) + 1
        at = match.start()
        word = match.group()
        if word.lstrip().startswith("#"):
            found = _CONDITIONAL.search(word)
            depth += 0 if found is None else 1 if found[1] == "if" else -1
        elif not word.startswith(("//", "/*")):
            yield Token(word, Place(piece.file, line, match.start() - begin + 1), depth > 0)


def _with_columns(tokens: Iterable[Token], texts: Mapping[str, str]) -> Iterator[Token]:
    """The same with their columns in `texts`, which the preprocessor does not keep; 0 for what a macro has made."""
    lines = {name: text.split("\n") for name, text in texts.items()}
    here, at = ("", 0), 0
    for token in tokens:
        file, line = token.place.file, token.place.line
        if here != (file, line):
            here, at = (file, line), 0
        written = lines.get(file, ())
        found = _found_from(at, token.text, written[line - 1] if 0 < line <= len(written) else "")
        at = at if found < 0 else found + len(token.text)
        yield replace(token, place=Place(file, line, found + 1))


def _found_from(at: int, word: str, text: str) -> int:
    """Where the word or sign is in the text, from `at` on; -1 where it is not. A word is no part of a longer one."""
    is_name = word.isidentifier()
    found = text.find(word, at)
    while is_name and found >= 0 and (_is_of_name(text[:found][-1:]) or _is_of_name(text[found + len(word) :][:1])):
        found = text.find(word, found + 1)
    return found


def _is_of_name(sign: str) -> bool:
    return sign == "_" or sign.isalnum()


# Constants


def whole_number(text: str, constants: Mapping[str, int]) -> int | None:
    """The value of an expression of literals and known constants; None if it is anything else."""
    if len(text) > 200:
        return None
    text = re.sub(r"\b(0[xX][0-9a-fA-F']+|\d[\d']*)[uUlL]*", lambda found: found[1].replace("'", ""), text)
    try:
        return _value(ast.parse(text.strip(), mode="eval").body, constants)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr, constants: Mapping[str, int]) -> int | None:
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name):
            return constants.get(name)
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _value(left, constants), _value(right, constants)
            return None if a is None or b is None else _combined(operator, a, b)
    return None


def _combined(operator: ast.operator, a: int, b: int) -> int | None:
    match operator:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.Div() if a >= 0 and b > 0:
            return a // b
        case ast.Mod() if a >= 0 and b > 0:
            return a % b
        case ast.LShift() if 0 <= b < 64:
            return a << b
        case ast.RShift() if 0 <= b < 64:
            return a >> b
    return None


def _constants(tokens: Sequence[Token], defines: Mapping[str, str]) -> dict[str, int]:
    """Names that mean one whole number wherever they stand; a name with two meanings is left out."""
    values: dict[str, int | None] = {}
    for name, text in defines.items():
        values[name] = whole_number(text, {})
    unknown: set[str] = set()
    for statement in _statements(tokens):
        words = [token.text for token in statement]
        declared = dict(_declared(words)) if {"constexpr", "const"} & set(words) else {}
        unknown |= {name for type_, name in pairwise(words) if type_ in SCALARS} - set(declared)
        for name, text in declared.items():
            known = {key: value for key, value in values.items() if value is not None}
            value = whole_number(text, known)
            values[name] = value if values.get(name, value) == value else None
    return {name: value for name, value in values.items() if value is not None and name not in unknown}


def _declared(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """`name = value` pairs of `constexpr int a = 1, b = 2 * a`."""
    if "=" not in words or "(" in words[: words.index("=")]:
        return
    first = words.index("=") - 1
    for piece in _split(words[first:], ","):
        if len(piece) > 2 and piece[1] == "=":
            yield piece[0], "".join(piece[2:])


def _statements(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """The tokens between `;`, `{` and `}`."""
    statement: list[Token] = []
    for token in tokens:
        if token.text in (";", "{", "}"):
            yield statement
            statement = []
        else:
            statement.append(token)
    yield statement


# Functions


def _functions(
    tokens: Sequence[Token], constants: Mapping[str, int], aliases: Mapping[str, str]
) -> Iterator[CppFunction]:
    scopes: list[str] = []  # what each open brace belongs to
    header: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        index += 1
        if token.text == "{":
            opened = _function_name(header)
            if opened is not None:
                end = _closing(tokens, index)
                extern_c = "C" in scopes or '"C"' in [word.text for word in header]
                yield _function(header, opened, tokens[index:end], extern_c, constants, aliases)
                index = end + 1
            else:
                scopes.append("C" if header and header[-1].text == '"C"' else "other")
            header = []
        elif token.text == "}":
            scopes = scopes[:-1]
            header = []
        elif token.text == ";":
            header = []
        else:
            header.append(token)


def _function_name(header: Sequence[Token]) -> int | None:
    """Where the name of the function stands whose head this is; None if it is the head of anything else."""
    words = [token.text for token in header]
    depth, found = 0, None
    for index, word in enumerate(words):
        if depth == 0 and word == ":":  # what follows initialises members
            break
        before = words[index - 1] if index else ""
        if depth == 0 and word == "(" and re.fullmatch(r"[A-Za-z_]\w*", before) and before not in _NO_FUNCTION:
            found = index - 1  # the last one: macros stand before it
        depth += (word == "(") - (word == ")")
    return None if found is None or "=" in _outside_templates(words[:found]) else found


def _outside_templates(words: Sequence[str]) -> list[str]:
    depth, outside = 0, []
    for word in words:
        depth += (word == "<") - (word == ">")
        if depth == 0:
            outside.append(word)
    return outside


def _closing(tokens: Sequence[Token], start: int) -> int:
    depth = 1
    for index in range(start, len(tokens)):
        depth += (tokens[index].text == "{") - (tokens[index].text == "}")
        if depth == 0:
            return index
    return len(tokens)


def _function(
    header: Sequence[Token],
    at: int,
    body: Sequence[Token],
    extern_c: bool,
    constants: Mapping[str, int],
    aliases: Mapping[str, str],
) -> CppFunction:
    return CppFunction(
        name=header[at].text,
        extern_c=extern_c,
        result=_result([token.text for token in header[:at]], aliases),
        parameters=tuple(_parameters([token.text for token in header[at + 1 :]], aliases)),
        arrays=tuple(array for statement in _statements(body) for array in _arrays(statement, constants, aliases)),
        together=_together(body, constants, aliases),
        words=frozenset(token.text for token in body),
        place=header[at].place,
    )


def _parameters(words: Sequence[str], aliases: Mapping[str, str]) -> Iterator[Parameter]:
    """The parameters of a head that begins with their bracket."""
    inside: list[str] = []
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if depth == 0:
            break
        inside.append(word)
    pieces = [piece for piece in _split(inside[1:], ",") if piece and piece != ["void"]]
    yield from (_parameter(piece, aliases) for piece in pieces)


def _result(words: Sequence[str], aliases: Mapping[str, str]) -> Parameter | None:
    """What stands before the name of a function, without what says nothing of a type."""
    told: list[str] = []
    depth = 0
    for word, after in pairwise([*words, ""]):
        depth += (word in ("(", "[")) - (word in (")", "]"))
        attribute = depth or word in (")", "]") or after == "(" or word in _NO_TYPE or word[:1] == '"'
        told += [] if attribute else [word]
    return None if told == ["void"] else _parameter(told, aliases)


def _parameter(words: Sequence[str], aliases: Mapping[str, str]) -> Parameter:
    text = " ".join(words).replace(" * ", " *").replace(" :: ", "::")
    pointer = bool({"*", "&", "[", "&&"} & set(words))  # a reference is passed as one, too
    plain = [word for word in words if word not in _QUALIFIERS]
    cut = min([plain.index(sign) for sign in ("*", "[", "=", "&") if sign in plain], default=len(plain))
    base = plain[:cut]
    named = "*" not in plain and len(base) > 1 and _scalar(base[-1:], aliases) is None
    return Parameter(type=_scalar(base[:-1] if named else base, aliases), pointer=pointer, text=text)


def _scalar(words: Sequence[str], aliases: Mapping[str, str]) -> tuple[str, int] | None:
    """The type that these words name; `unsigned` and `signed` say nothing about a size beside another word."""
    if len(words) > 1:
        words = [word for word in words if word not in ("unsigned", "signed")]
    name = words[0] if len(words) == 1 else ""
    for _ in range(8):  # an alias of an alias; not for ever
        if name in SCALARS or name not in aliases:
            break
        name = aliases[name]
    return SCALARS.get(name)


def _split(words: Sequence[str], sign: str) -> Iterator[list[str]]:
    """The pieces between `sign`s that are inside no brackets."""
    depth = 0
    piece: list[str] = []
    for word in words:
        depth += (word in ("(", "[", "<")) - (word in (")", "]", ">"))
        if word == sign and depth == 0:
            yield piece
            piece = []
        else:
            piece.append(word)
    yield piece


# Local arrays


def _together(
    body: Sequence[Token], constants: Mapping[str, int], aliases: Mapping[str, str]
) -> tuple[LocalArray, ...]:
    """Of each scope its own arrays, and those of the heaviest scope inside it: others can have the same place."""
    scopes: list[tuple[list[LocalArray], list[tuple[LocalArray, ...]]]] = [([], [])]
    statement: list[Token] = []
    for token in body:
        if token.text not in (";", "{", "}"):
            statement.append(token)
            continue
        scopes[-1][0].extend(_arrays(statement, constants, aliases))
        statement = []
        if token.text == "{":
            scopes.append(([], []))
        elif token.text == "}" and len(scopes) > 1:
            inner = _heaviest(*scopes.pop())
            scopes[-1][1].append(inner)
    while len(scopes) > 1:  # braces that were left open
        inner = _heaviest(*scopes.pop())
        scopes[-1][1].append(inner)
    return _heaviest(*scopes[0])


def _heaviest(own: Sequence[LocalArray], inside: Sequence[tuple[LocalArray, ...]]) -> tuple[LocalArray, ...]:
    return (*own, *max(inside, key=lambda arrays: sum(array.nbytes for array in arrays), default=()))


def _arrays(
    statement: Sequence[Token], constants: Mapping[str, int], aliases: Mapping[str, str]
) -> Iterator[LocalArray]:
    words = [token.text for token in statement]
    if _NOT_ON_STACK & set(words) or any(token.conditional for token in statement):
        return
    for index in range(len(words) - 2):
        # `unsigned int` and its like are two words of one type.
        length = 2 if _scalar(words[index : index + 2], aliases) and words[index] in ("unsigned", "signed") else 1
        type_ = _scalar(words[index : index + length], aliases)
        if type_ is not None:
            yield from _declarators(statement[index + length :], type_[1], constants)
            break


def _declarators(tokens: Sequence[Token], nbytes: int, constants: Mapping[str, int]) -> Iterator[LocalArray]:
    """The arrays of `a[2][3], b[4] = ...` with elements of `nbytes`."""
    at = 0
    for piece in _split([token.text for token in tokens], ","):
        extents = _extents(piece[1:], constants)
        if extents and None not in extents and re.fullmatch(r"[A-Za-z_]\w*", piece[0]):
            size = nbytes * prod(extent for extent in extents if extent is not None)
            yield LocalArray(name=piece[0], nbytes=size, place=tokens[at].place)
        at += len(piece) + 1


def _extents(words: Sequence[str], constants: Mapping[str, int]) -> list[int | None]:
    """The numbers in `[2][3]` at the beginning of `words`."""
    extents: list[int | None] = []
    while words and words[0] == "[" and "]" in words:
        end = words.index("]")
        extents.append(whole_number("".join(words[1:end]), constants))
        words = words[end + 1 :]
    return extents
