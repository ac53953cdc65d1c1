"""MLIR text to an xDSL module in which every operation knows its line, or one error that shows the line."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from xdsl.context import Context
from xdsl.dialects import affine, arith, builtin, cf, func, math, scf, vector
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, ModuleOp, StringAttr
from xdsl.ir import Block, Operation, SSAValue
from xdsl.utils.exceptions import DiagnosticException, ParseError
from xdsl.utils.lexer import Span

from tileproof.diagnostic import Place
from tileproof.errors import Problem
from tileproof.mlir.aie import Aie, DeviceOp
from tileproof.mlir.aiex import Aiex
from tileproof.mlir.completed import completed
from tileproof.mlir.dense import DenseParser
from tileproof.mlir.index import Index
from tileproof.mlir.locations import without_locations
from tileproof.mlir.loops import UnrollingParser
from tileproof.mlir.memref import MemRef
from tileproof.mlir.opaque import OPAQUE_DIALECTS, Head, OpaqueParser, opaque_operation
from tileproof.mlir.syntax import LooseOp

# Deeper nesting than this is no design; Python's own limit would end in a traceback.
_MAX_NESTING = 50


# MLIR's IntegerType::kMaxWidth. A value's name may look like a type.
_MAX_BITS = (1 << 24) - 1
_INTEGER_TYPE = re.compile(r"(?<![\w.$%@#!^])(?:si|ui|i)(?P<bits>\d{8,})\b")

_DIALECTS = (
    *(builtin.Builtin, func.Func, scf.Scf, cf.Cf, affine.Affine, math.Math, Index, Aie, Aiex),
    *(completed(dialect) for dialect in (arith.Arith, MemRef, vector.Vector)),
)


class _LocatingParser(DenseParser, UnrollingParser, OpaqueParser):
    """xDSL's parser, which notes on each operation where it began."""

    def __init__(self, context: Context, text: str, name: str) -> None:
        super().__init__(context, text, name)
        self.folded = []
        self._name = StringAttr(name)
        # xDSL counts newlines from the top for every location; a table keeps long designs linear.
        self._line_starts = [0, *(number + 1 for number, character in enumerate(text) if character == "\n")]

    def parse_operation(self) -> Operation:
        start = self._current_token.span.start
        if self._current_token.text.startswith('"aie'):
            # Its parts could be missing in any number, and no tool of the field writes designs like that.
            self.raise_error("tileproof reads this operation in mlir-aie's own syntax, not in generic form")
        self.head = Head.at(self.lexer.input.content, start)
        operation = super().parse_operation()
        line = bisect_right(self._line_starts, start)
        column = start - self._line_starts[line - 1] + 1
        operation.location = FileLineColLoc(self._name, IntAttr(line), IntAttr(column))
        return operation

    def _register_ssa_definition(self, name: str, values: Sequence[SSAValue], span: Span) -> None:
        super()._register_ssa_definition(name, values, span)
        for number, value in enumerate(values):
            # xDSL keeps a name without its trailing numbers, and %tile_0_2 is no %tile.
            value._name = name if len(values) == 1 else f"{name}_{number}"

    def _parse_block(self) -> Block:
        # xDSL breaks on a second label of a block that was named before the first.
        label = self._current_token.span
        name = label.text[1:]
        if name in self.blocks and name not in self.forward_block_references:
            self.raise_error(f"the label ^{name} is there already", label)
        return super()._parse_block()

    def _get_op_by_name(self, name: str) -> type[Operation]:
        operation = self.ctx.get_optional_op(name, dialect_stack=self._parser_state.dialect_stack)
        if operation is None or issubclass(operation, builtin.UnregisteredOp):
            if name.split(".")[0] in OPAQUE_DIALECTS:
                return opaque_operation(name, is_generic=self.head.is_generic)
            # The name has been read already; point at it, and not behind it.
            start = self.lexer.input.content.rfind(name, 0, self._current_token.span.start)
            self.raise_error(f"tileproof does not know the operation {name}", start, start + len(name))
        return operation


def parse_module(text: str, name: str) -> ModuleOp:
    """The module in `text`; a `Problem` with the line and an underline if it cannot be read."""
    text = without_locations(text)
    _refuse_what_hurts_the_parser(text, name)
    # Attributes of other dialects may stand anywhere; operations of theirs are refused by name.
    context = Context(allow_unregistered=True)
    for dialect in _DIALECTS:
        context.load_dialect(dialect)
    try:
        parser = _LocatingParser(context, text, name)
        module = parser.parse_module()
    except ParseError as error:
        raise _unreadable(error, text, name) from None
    except (DiagnosticException, ValueError) as error:
        # xDSL refuses some malformed attributes with the exceptions of its own constructors.
        raise Problem(
            f"{name} cannot be read",
            id="TP001",
            where=name,
            why=f"{type(error).__name__}: {error}".splitlines()[0],
            fix="compare with the syntax that mlir-aie prints; `aie-opt` names the place if you have it",
        ) from None
    _erase_unused(parser.folded)
    for operation in module.walk():
        if isinstance(operation, LooseOp) and operation.properties:
            # Of the generic form; what our operations say stands in their attributes.
            operation.attributes |= operation.properties
            operation.properties = {}
    _verify(module, name)
    return module


def _erase_unused(folded: Sequence[Operation]) -> None:
    """Constants that were written for one operation, which has the number itself now; users before what they use."""
    for operation in folded:
        if operation.parent is not None and not any(result.uses for result in operation.results):
            for result in operation.results:
                result._name = None
            operation.detach()  # type: ignore[no-untyped-call]
            operation.erase()


def _verify(module: ModuleOp, name: str) -> None:
    """What each operation says of its own operands, types and regions; a `Problem` that points at it."""
    for operation in module.walk():
        if isinstance(operation, DeviceOp):
            continue  # what it would say of doubled names, the reader says better
        try:
            operation.verify(verify_nested_ops=False)
        except Exception as error:  # xDSL's operations raise of every kind
            raise Problem(
                f"{operation.name} is not well formed",
                where=place_of(operation) if operation.parent_op() else Place.of_file(name),
                why=str(error).splitlines()[0],
                fix="compare with the syntax that mlir-aie prints",
                id="TP505" if isinstance(operation, func.CallOp) else "TP001",
            ) from None


def place_of(operation: Operation) -> Place:
    """Where the operation began; for one the parser added (an implicit yield), where the one around it began."""
    location = operation.location
    if not isinstance(location, FileLineColLoc):
        around = operation.parent_op()
        assert around is not None, operation
        return place_of(around)
    return Place(location.filename.data, location.line.data, location.column.data)


def underlined(line: str, column: int, length: int) -> str:
    """The line, and carets below `length` characters from `column` (counted from 1)."""
    marks = "".join("\t" if character == "\t" else " " for character in line[: column - 1])
    return f"{line}\n{marks}{'^' * max(1, min(length, len(line) - column + 1))}"


def _unreadable(error: ParseError, text: str, name: str) -> Problem:
    location = error.span.get_location()
    if not text[error.span.start :].strip():
        return Problem(
            f"{name} cannot be read: it ends too early",
            id="TP001",
            where=Place(name, location.line, location.col),
            why="a bracket is not closed, or its last lines are missing" if text.strip() else "there is nothing in it",
            fix="let one `module { ... }` with an aie.device be the whole file",
        )
    return Problem(
        f"{name} cannot be read: {error.msg.strip()}",
        id="TP001",
        where=Place(name, location.line, location.col),
        why=underlined(text.split("\n")[location.line - 1], location.col, error.span.len),
        fix=_fix(error.msg),
    )


def _fix(message: str) -> str:
    if message.startswith("tileproof does not know"):
        return "correct its name, or say it with operations that docs/designs.md lists; none is skipped"
    return "correct the text at the mark"


# A text in quotes, or a comment to the end of the line.
_TEXT_OR_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|//.*')


def _refuse_what_hurts_the_parser(text: str, name: str) -> None:
    """An unclosed text takes xDSL's lexer exponential time, deep nesting Python's stack, and an integer type as many
    bits of memory as it has."""
    depth = 0
    for number, line in enumerate(text.split("\n"), start=1):
        code = _TEXT_OR_COMMENT.sub(lambda match: " " * len(match[0]), line)
        column = code.find('"') + 1
        if column:
            raise Problem(
                f"{name} cannot be read: a text in quotes does not end on its line",
                id="TP001",
                where=Place(name, number, column),
                why=underlined(line, column, len(line)),
                fix="close the quotes",
            )
        wide = next((one for one in _INTEGER_TYPE.finditer(code) if int(one["bits"][:9]) > _MAX_BITS), None)
        if wide is not None:
            raise Problem(
                f"{name} cannot be read: there is no type {wide[0]}",
                id="TP001",
                where=Place(name, number, wide.start() + 1),
                why=underlined(line, wide.start() + 1, wide.end()),
                fix=f"MLIR's integers have at most {_MAX_BITS:,} bits, and those of a design 64",
            )
        depth += sum(code.count(bracket) for bracket in "{[(") - sum(code.count(bracket) for bracket in "}])")
        if depth > _MAX_NESTING:
            raise Problem(
                f"{name} is nested too deeply",
                id="TP001",
                where=Place(name, number),
                why=f"more than {_MAX_NESTING} brackets are open",
                fix="close the brackets; no design needs so many",
            )
