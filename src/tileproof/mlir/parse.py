"""MLIR text to an xDSL module in which every operation knows its line, or one error that shows the line."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import NoReturn

from xdsl.context import Context
from xdsl.dialects import arith, builtin, cf, func, math, scf
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, ModuleOp, StringAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.utils.exceptions import DiagnosticException, MultipleSpansParseError, ParseError
from xdsl.utils.lexer import Span
from xdsl.utils.mlir_lexer import MLIRTokenKind

from tileproof.diagnostic import NOWHERE, Place
from tileproof.errors import Problem
from tileproof.mlir.affine import Affine
from tileproof.mlir.aie import Aie, DeviceOp
from tileproof.mlir.aiex import Aiex
from tileproof.mlir.brackets import opened, unclosed
from tileproof.mlir.budget import BLOCKS, DIGITS, NESTING, OPERATIONS, RESULTS
from tileproof.mlir.completed import completed
from tileproof.mlir.dense import DenseParser
from tileproof.mlir.index import Index
from tileproof.mlir.locations import without_locations
from tileproof.mlir.loops import UnrollingParser
from tileproof.mlir.memref import MemRef
from tileproof.mlir.opaque import OPAQUE_DIALECTS, Head, OpaqueParser, opaque_operation
from tileproof.mlir.refused import RefusedText
from tileproof.mlir.syntax import LooseOp
from tileproof.mlir.vector import Vector

# MLIR's IntegerType::kMaxWidth. A value's name may look like a type.
_MAX_BITS = (1 << 24) - 1
_INTEGER_TYPE = re.compile(r"(?<![\w.$%@#!^])(?:si|ui|i)(?P<bits>\d{8,})\b")

# What xDSL raises for some malformed attributes: exceptions of its own constructors, and of affine expressions.
_ITS_OWN = (DiagnosticException, ValueError, OverflowError, NotImplementedError, ZeroDivisionError)

# How xDSL says it.
_BEHIND = "Could not parse entire input!"

_DIALECTS = (
    *(builtin.Builtin, func.Func, scf.Scf, cf.Cf, Affine, math.Math, Index, Vector, Aie, Aiex),
    *(completed(dialect) for dialect in (arith.Arith, MemRef)),
)


class _LocatingParser(DenseParser, UnrollingParser, OpaqueParser):
    """xDSL's parser, which notes on each operation where it began."""

    def __init__(self, context: Context, text: str, name: str, run_time: Mapping[int, int]) -> None:
        self.folded, self.given, self._naming = [], {}, {}
        self.run_time = run_time
        super().__init__(context, text, name)
        self._name = StringAttr(name)
        # xDSL counts newlines from the top for every location; a table keeps long designs linear.
        self._line_starts = [0, *(number + 1 for number, character in enumerate(text) if character == "\n")]

    def parse_all(self) -> ModuleOp:
        """The module, with every value where it is used. Raises ParseError, never anything else."""
        try:
            module = self.parse_module()
        except ParseError as error:
            if error.msg.startswith("values used but not defined"):
                self.refuse_undefined()
            raise
        except (*_ITS_OWN, RecursionError) as error:
            # In front of all operations, where names are given to attributes and types.
            raise ParseError(self._line_from(self.pos), str(error).split("\n")[0]) from None
        self.refuse_early()
        _erase_unused(self.folded)
        return module

    def parse_operation(self) -> Operation:
        start = self._current_token.span.start
        if self._current_token.text.startswith('"aie'):
            # Its parts could be missing in any number, and no tool of the field writes designs like that.
            what = "tileproof reads this operation in mlir-aie's own syntax, not in generic form"
            self.raise_error(what, start, self._current_token.span.end)
        self.head = Head.at(self.lexer.input.content, start)
        self._check_counts(start)
        try:
            operation = super().parse_operation()
        except RecursionError:
            raise RefusedText.beyond(
                NESTING, self._line_from(start), "this operation is nested too deeply", fix="no design needs so much"
            ) from None
        except _ITS_OWN as error:
            raise ParseError(self._line_from(start), str(error).split("\n")[0]) from None
        line = bisect_right(self._line_starts, start)
        column = start - self._line_starts[line - 1] + 1
        operation.location = FileLineColLoc(self._name, IntAttr(line), IntAttr(column))
        return operation

    def _check_counts(self, start: int) -> None:
        self.read += 1
        if self.read > OPERATIONS.most:
            raise RefusedText.beyond(
                OPERATIONS, self._line_from(start), "the design has too many operations", fix="write it in several"
            )
        if self.head.results > RESULTS.most:
            what = f"an operation of {self.head.results:,} results"
            raise RefusedText.beyond(RESULTS, self._line_from(start), what, fix="name those that there are")

    def _line_from(self, start: int) -> Span[str]:
        content = self.lexer.input.content
        return Span(start, start + len(content[start:].split("\n", 1)[0].rstrip()), self.lexer.input)

    def raise_error(
        self, msg: str, at_position: Span[str] | int | None = None, end_position: int | None = None
    ) -> NoReturn:
        """What is missing in front of the first word of a line is missing at the end of the line before."""
        token = self._current_token
        is_missing = at_position in (None, token.span) and end_position is None and msg != _BEHIND
        if is_missing and token.kind != MLIRTokenKind.EOF:
            end = _end_before(self.lexer.input.content, token.span.start)
            if "\n" in self.lexer.input.content[end : token.span.start]:
                at_position = Span(end, end + 1, self.lexer.input)
        if end_position is not None and isinstance(at_position, int):
            super().raise_error(msg, at_position, end_position)
        super().raise_error(msg, at_position)

    def _register_ssa_definition(self, name: str, values: Sequence[SSAValue], span: Span) -> None:
        super()._register_ssa_definition(name, values, span)
        for number, value in enumerate(values):
            # xDSL keeps a name without its trailing numbers, and %tile_0_2 is no %tile.
            value._name = name if len(values) == 1 else f"{name}_{number}"

    def parse_ranked_shape(self) -> tuple[list[int], Attribute]:
        """xDSL wants no blank behind the last `x` of `memref<4 x 8 x i32>`."""
        extents: list[int] = []
        while self._current_token.kind in (MLIRTokenKind.INTEGER_LIT, MLIRTokenKind.QUESTION):
            extents.append(self.parse_shape_dimension())
            self.parse_shape_delimiter()
        return extents, self.expect(self.parse_optional_type, "Expected shape type.")

    def _parse_block(self) -> Block:
        # xDSL breaks on a second label of a block that was named before the first.
        token = self._current_token
        label, name = token.span, token.text[1:]
        if token.kind == MLIRTokenKind.EOF:
            self.raise_error("a bracket is not closed")
        if token.kind != MLIRTokenKind.CARET_IDENT:
            self.raise_error("here is neither an operation nor the end of the region", label.start, label.end)
        if name in self.blocks and name not in self.forward_block_references:
            self.raise_error(f"the label ^{name} is there already", label.start, label.end)
        if len(self.blocks) >= BLOCKS.most:
            raise RefusedText.beyond(BLOCKS, label, "a region with too many blocks", fix="write fewer BDs in one chain")
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


_NOTHING_GIVEN: Mapping[int, int] = {}


def parse_module(text: str, name: str, run_time: Mapping[int, int] = _NOTHING_GIVEN) -> ModuleOp:
    """The module in `text`; a `Problem` with the line and an underline if it cannot be read. `run_time` are the values
    of scalar arguments of sequences, by their number."""
    text = without_locations(text)
    _refuse_what_hurts_the_parser(text, name)
    # Attributes of other dialects may stand anywhere; operations of theirs are refused by name.
    context = Context(allow_unregistered=True)
    for dialect in _DIALECTS:
        context.load_dialect(dialect)
    try:
        module = _LocatingParser(context, text, name, run_time).parse_all()
    except ParseError as error:
        raise _unreadable(error, text, name) from None
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
        if isinstance(operation, DeviceOp | ModuleOp):
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
    """The line, and carets below `length` characters from `column` (counted from 1); of a long line, what is near."""
    start = max(0, column - 1 - _MOST_SHOWN // 2) if len(line) > _MOST_SHOWN else 0
    line, column = line[start : start + _MOST_SHOWN], column - start
    marks = "".join("\t" if character == "\t" else " " for character in line[: column - 1])
    return f"{line}\n{marks}{'^' * max(1, min(length, len(line) - column + 1))}"


def _unreadable(error: ParseError, text: str, name: str) -> Problem:
    location = error.span.get_location()
    place = Place(name, location.line, location.col)
    mark = underlined(text.split("\n")[location.line - 1], location.col, error.span.len)
    if isinstance(error, MultipleSpansParseError) and error.msg.startswith("region ends with missing block"):
        return _unreadable(_no_block(error.refs[0][0]), text, name)
    if isinstance(error, RefusedText):
        return Problem(error.msg, id=error.id, where=place, why=error.why or mark, fix=error.fix)
    if not text[error.span.start :].strip():
        return Problem(
            f"{name} cannot be read: it ends too early",
            id="TP001",
            where=place,
            why=_why_it_ends(text),
            fix="let one `module { ... }` with an aie.device be the whole file",
        )
    return Problem(f"{name} cannot be read: {_said(error.msg)}", id="TP001", where=place, why=mark, fix=_fix(error.msg))


def _no_block(label: Span[str]) -> RefusedText:
    return RefusedText(label, f"there is no block {label.text} here", fix="correct its name", id="TP001")


def _why_it_ends(text: str) -> str:
    if not text.strip():
        return "there is nothing in it"
    bracket = unclosed(text)
    if bracket is None:
        return "its last lines are missing"
    line, column = _line_and_column(text, bracket.start)
    return f"the {bracket.text} at {line}:{column} is not closed, or its last lines are missing"


def _said(message: str) -> str:
    """What xDSL says of a text that goes on behind its module is its own business."""
    return "there is more behind its end" if message == _BEHIND else message.strip()


def _line_and_column(text: str, start: int) -> tuple[int, int]:
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


def _end_before(text: str, end: int) -> int:
    """Where the last word in front of `end` ends; neither blanks nor comments are one."""
    while end:
        start = text.rfind("\n", 0, end) + 1
        code = _TEXT_OR_COMMENT.sub(
            lambda match: " " * len(match[0]) if match[0].startswith("//") else match[0], text[start:end]
        )
        if code.strip():
            return start + len(code.rstrip())
        end = max(0, start - 1)
    return 0


def _fix(message: str) -> str:
    if message.startswith("tileproof does not know"):
        return "correct its name, or say it with operations that docs/designs.md lists; none is skipped"
    return "correct the text at the mark"


_LONG_NUMBER = re.compile(rf"\d{{{DIGITS.most + 1},}}")
_MOST_SHOWN = 240  # characters of a line

# A text in quotes, or a comment to the end of the line.
_TEXT_OR_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|//.*')


def _refuse_what_hurts_the_parser(text: str, name: str) -> None:
    """An unclosed text takes xDSL's lexer exponential time, deep nesting Python's stack, an integer type as many bits
    of memory as it has, and a number of more than 4,300 digits is none for Python."""
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
        digits = _LONG_NUMBER.search(code)
        if digits is not None:
            place = Place(name, number, digits.start() + 1)
            DIGITS.check(len(digits[0]), f"a number of {len(digits[0]):,} digits", place, "correct it")
    for bracket in opened(text):
        place = Place(name, *_line_and_column(text, bracket.start)) if bracket.depth > NESTING.most else NOWHERE
        NESTING.check(
            bracket.depth, f"{name} is nested too deeply", place, "close the brackets; no design needs so many"
        )
