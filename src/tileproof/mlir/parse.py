"""MLIR text to an xDSL module in which every operation knows its line, or one error that shows the line."""

from __future__ import annotations

from bisect import bisect_right

from xdsl.context import Context
from xdsl.dialects import arith, builtin, func, memref, scf
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, ModuleOp, StringAttr
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.utils.exceptions import DiagnosticException, ParseError

from tileproof.errors import Problem
from tileproof.mlir.design import Place
from tileproof.mlir.dialects import Aie, Aiex

# Deeper nesting than this is no design; Python's own limit would end in a traceback.
_MAX_NESTING = 100


class _LocatingParser(Parser):
    """xDSL's parser, which notes on each operation where it began."""

    def __init__(self, context: Context, text: str, name: str) -> None:
        super().__init__(context, text, name)
        self._name = StringAttr(name)
        # xDSL counts newlines from the top for every location; a table keeps long designs linear.
        self._line_starts = [0, *(number + 1 for number, character in enumerate(text) if character == "\n")]

    def parse_operation(self) -> Operation:
        start = self._current_token.span.start
        operation = super().parse_operation()
        line = bisect_right(self._line_starts, start)
        column = start - self._line_starts[line - 1] + 1
        operation.location = FileLineColLoc(self._name, IntAttr(line), IntAttr(column))
        return operation

    def _get_op_by_name(self, name: str) -> type[Operation]:
        operation = self.ctx.get_optional_op(name, dialect_stack=self._parser_state.dialect_stack)
        if operation is None:
            # The name has been read already; point at it, and not behind it.
            start = self.lexer.input.content.rfind(name, 0, self._current_token.span.start)
            self.raise_error(f"tileproof does not know the operation {name}", start, start + len(name))
        return operation


def parse_module(text: str, name: str) -> ModuleOp:
    """The module in `text`; a `Problem` with the line and an underline if it cannot be read."""
    _refuse_deep_nesting(text, name)
    context = Context()
    for dialect in (builtin.Builtin, arith.Arith, func.Func, scf.Scf, memref.MemRef, Aie, Aiex):
        context.load_dialect(dialect)
    try:
        return _LocatingParser(context, text, name).parse_module()
    except ParseError as error:
        raise _unreadable(error, text, name) from None
    except (DiagnosticException, ValueError) as error:
        # xDSL refuses some malformed attributes with the exceptions of its own constructors.
        raise Problem(
            f"{name} cannot be read",
            where=name,
            why=f"{type(error).__name__}: {error}".splitlines()[0],
            fix="compare with the syntax that mlir-aie prints; `aie-opt` names the place if you have it",
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
    return Problem(
        f"{name} cannot be read: {error.msg.strip()}",
        where=f"{name}:{location.line}:{location.col}",
        why=underlined(text.split("\n")[location.line - 1], location.col, error.span.len),
        fix=_fix(error.msg),
    )


def _fix(message: str) -> str:
    if message.startswith("tileproof does not know"):
        return "correct its name, or say it with operations that docs/emulator.md lists; none is skipped"
    return "correct the text at the mark"


def _refuse_deep_nesting(text: str, name: str) -> None:
    depth = 0
    for number, character in enumerate(text):
        if character in "{[(<":
            depth += 1
            if depth > _MAX_NESTING:
                line = text.count("\n", 0, number) + 1
                raise Problem(
                    f"{name} is nested too deeply",
                    where=f"{name}:{line}",
                    why=f"more than {_MAX_NESTING} brackets are open",
                    fix="close the brackets; no design needs so many",
                )
        elif character in "}])" or (character == ">" and text[number - 1 : number] != "-"):
            depth = max(0, depth - 1)
