"""Values that are used before there is one of their name: forgotten, misspelt, defined further down or out of sight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

from xdsl.dialects.builtin import FileLineColLoc
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.parser.core import ForwardDeclaredValue
from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Span

from tileproof.mlir.refused import RefusedText


@dataclass(frozen=True, slots=True)
class _Use:
    """The first of a name, and the names that could be seen there."""

    span: Span[str]
    seen: tuple[str, ...]


class NamesParser(Parser):
    """A parser that says of a value that is not there where it is used, and which one was meant."""

    def __init__(self, *arguments: object) -> None:
        self._uses: dict[str, _Use] = {}
        self._defined: dict[str, Span[str]] = {}
        # The value, its name, and where it was used first and defined.
        self._early: list[tuple[SSAValue, str, Span[str], Span[str]]] = []
        super().__init__(*arguments)  # type: ignore[arg-type]

    def resolve_operand(self, operand: UnresolvedOperand, type: Attribute) -> SSAValue:  # type: ignore[override]
        name = operand.operand_name
        if name not in self.ssa_values and name not in self._uses:
            self._uses[name] = self._use(operand)
        values = self.ssa_values.get(name)
        if values is not None and operand.index >= len(values):
            what = f"there is no value %{name}#{operand.index} here"
            raise RefusedText(operand.span, what, fix=f"%{name} stands for {len(values)}, from #0 on", id="TP007")
        return super().resolve_operand(operand, type)

    def resolve_known(self, operand: UnresolvedOperand, type: Attribute) -> SSAValue:
        """A value that must be there already."""
        value = self.resolve_operand(operand, type)
        if isinstance(value, ForwardDeclaredValue):
            self.refuse_unknown(operand)
        return value

    def refuse_unknown(self, operand: UnresolvedOperand) -> NoReturn:
        raise self._unknown(operand.operand_name, self._use(operand))

    def refuse_undefined(self) -> None:
        """At the end of the text: the first value that was used and never defined."""
        for name in self.forward_ssa_references:
            raise self._unknown(name, self._uses[name])

    def refuse_early(self) -> None:
        """When all is read: the first value that is used in front of its definition, or outside the braces around it.

        Blocks with labels may follow each other in any order; what stands in another of them is not looked at.
        """
        for value, name, use, definition in self._early:
            if any(_is_early(one.operation, value) for one in value.uses):
                raise self._used_early(name, use, definition)

    def _use(self, operand: UnresolvedOperand) -> _Use:
        return _Use(operand.span, tuple(self.ssa_values))

    def _unknown(self, name: str, use: _Use) -> RefusedText:
        near = get_close_matches(name, use.seen, n=1)
        elsewhere = self._defined.get(name)
        if elsewhere is not None:
            fix = f"define it out here: that of line {_line(elsewhere)} is seen only inside the braces around it"
        elif near:
            fix = f"did you mean %{near[0]}?"
        else:
            fix = "correct its name, or define it above"
        return RefusedText(use.span, f"there is no value %{name} here", fix=fix, id="TP007")

    def _used_early(self, name: str, use: Span[str], definition: Span[str]) -> RefusedText:
        what = f"%{name} is used before it is defined at line {_line(definition)}"
        return RefusedText(
            use, what, fix="move its definition up, out of any braces, in front of what uses it", id="TP007"
        )

    def _register_ssa_definition(self, name: str, values: Sequence[SSAValue], span: Span[str]) -> None:
        use = self._uses.pop(name, None)
        try:
            super()._register_ssa_definition(name, values, span)
        except ParseError:
            if use is None:
                raise
            raise self._used_early(name, use.span, span) from None
        self._defined.setdefault(name, span)
        if use is not None:
            self._early += [(value, name, use.span, span) for value in values]


def _line(span: Span[str]) -> int:
    return span.get_location().line


def _is_early(user: Operation, value: SSAValue) -> bool:
    owner = value.owner
    block = owner if isinstance(owner, Block) else owner.parent
    region = block.parent if block is not None else None
    if block is None or region is None:
        return False  # one that has been worked out, and is gone
    around = block.find_ancestor_op_in_block(user)
    if around is None:
        return not any(other.find_ancestor_op_in_block(user) is not None for other in region.blocks)
    return isinstance(owner, Operation) and _at(around) <= _at(owner)


def _at(operation: Operation) -> tuple[int, int]:
    location = operation.location
    return (location.line.data, location.column.data) if isinstance(location, FileLineColLoc) else (0, 0)
