"""Operations of the dialects to which mlir-aie lowers cores: kept as they are written, with values of any type.

aiecc's input_with_addresses.mlir has them beside operations that are read in full. Their syntax is LLVM's and aievec's
own; what a reader of the design needs of them is where they stand and which values they use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute, Operation, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import irdl_attr_definition, irdl_op_definition
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.printer import Printer
from xdsl.utils.lexer import Span

from tileproof.mlir.lines import rest_of_line
from tileproof.mlir.syntax import LooseOp, data

OPAQUE_DIALECTS = ("aievec", "llvm", "xllvm", "ub", "ptr")

_RESULTS = re.compile(r"%[\w$.-]+(?::(?P<several>\d+))?\s*,?\s*")
_EQUALS = re.compile(r"=\s*")
_VALUE = re.compile(r"%(?P<name>[\w$.-]+)(?:#(?P<index>\d+))?")


@irdl_attr_definition
class OpaqueType(ParametrizedAttribute, TypeAttribute):
    """The type of a value until an operation that is read says what it takes it for."""

    name = "tileproof.opaque"


@dataclass(frozen=True, slots=True)
class Head:
    """How many values an operation gives names to, and whether its own name is in quotes, as in the generic form."""

    results: int
    is_generic: bool

    @classmethod
    def at(cls, text: str, start: int) -> Head:
        count, at = 0, start
        while found := _RESULTS.match(text, at):
            count += int(found["several"] or 1)
            at = found.end()
        name = _EQUALS.match(text, at)
        return cls(count, text.startswith('"', name.end() if name else at))


class OpaqueParser(Parser):
    """A parser for texts with such operations."""

    head: Head  # of the operation that is being parsed

    def resolve_operand(self, operand: UnresolvedOperand, type: Attribute) -> SSAValue:  # type: ignore[override]
        values = self.ssa_values.get(operand.operand_name, ())
        if operand.index < len(values) and isinstance(values[operand.index].type, OpaqueType):
            values[operand.index]._type = type
        return super().resolve_operand(operand, type)

    def _register_ssa_definition(self, name: str, values: Sequence[SSAValue], span: Span) -> None:
        for index, used in self.forward_ssa_references.get(name, {}).items():
            if index < len(values) and isinstance(values[index].type, OpaqueType):
                values[index]._type = used.type
        super()._register_ssa_definition(name, values, span)


class OpaqueOp(LooseOp):
    """Operands: the values that its text names and that are known by then; there the text has their numbers, `%<0>`."""

    @classmethod
    def parse(cls, parser: Parser) -> OpaqueOp:
        assert isinstance(parser, OpaqueParser)
        results = parser.head.results
        operands: list[SSAValue] = []

        def numbered(found: re.Match[str]) -> str:
            values, index = parser.ssa_values.get(found["name"], ()), int(found["index"] or 0)
            if index >= len(values):
                return found[0]
            operands.append(values[index])
            return f"%<{len(operands) - 1}>"

        text = _VALUE.sub(numbered, rest_of_line(parser))
        return cls.make(operands, [OpaqueType()] * results, {"text": StringAttr(text)})

    def print(self, printer: Printer) -> None:
        for part in re.split(r"(%<\d+>)", data(self.attributes["text"])):
            if part.startswith("%<") and int(part[2:-1]) < len(self.ins):
                printer.print_ssa_value(self.ins[int(part[2:-1])])
            else:
                printer.print_string(part)


class GenericOpaqueOp(LooseOp):
    """One in MLIR's generic form, which says its types and is printed so again."""

    print = Operation.print


@cache
def opaque_operation(name: str, *, is_generic: bool) -> type[Operation]:
    kind = GenericOpaqueOp if is_generic else OpaqueOp
    return irdl_op_definition(type(name.replace(".", "_"), (kind,), {"name": name}))
