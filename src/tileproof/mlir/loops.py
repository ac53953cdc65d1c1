"""Loops of a runtime sequence, written out while they are read, as aie-unroll-runtime-sequence-loops does. Those of
the affine dialect are the same to mlir-aie, which begins with lower-affine.

An instruction stream has no loops. mlir-aie of August 2026 unrolls those with a constant count; earlier ones want every
operation directly in the sequence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import IndexType, IntegerAttr, IntegerType, i1
from xdsl.ir import Block, Region, SSAValue
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.utils.lexer import Span
from xdsl.utils.mlir_lexer import MLIRTokenKind

from tileproof.mlir.affine import bound
from tileproof.mlir.brackets import end_of_braces
from tileproof.mlir.budget import ITERATIONS, OPERATIONS, shown
from tileproof.mlir.refused import RefusedText
from tileproof.mlir.syntax import FoldingParser, RunTimeText, constant_of, known_number, made_of, of_map

_LOOP = re.compile(r"(%[\w$.-]+(:\d+)?(\s*,\s*%[\w$.-]+(:\d+)?)*\s*=\s*)?(?:scf|affine)\.for\b")
_IF = re.compile(r"(%[\w$.-]+(:\d+)?(\s*,\s*%[\w$.-]+(:\d+)?)*\s*=\s*)?scf\.if\b")
_YIELD = re.compile(r"(?:scf|affine)\.yield\b")


# Of a loop: from where to where in which steps, None for what is known at run time only; what it carries under which
# names; and the type that it counts in.
_Header = tuple[list[int | None], list[tuple[UnresolvedOperand, UnresolvedOperand]], IndexType | IntegerType]


class UnrollingParser(FoldingParser):
    """Reads the body of a loop in a sequence once per iteration, with a constant for the induction variable."""

    # How many iterations were written out, and how many operations were read.
    unrolled = 0
    read = 0
    _unrolls = False
    _iterations = 0
    _around = 1  # the product of the counts of all loops around

    # By the number of an argument of a sequence, what the host gives for it.
    run_time: Mapping[int, int]
    _naming: dict[str, int]

    def parse_sequence_region(self, arguments: Sequence[Parser.Argument]) -> Region | None:
        """The region; None, with what stands there passed over, if it hangs on arguments that nobody gave a value."""
        scalars = [number for number, one in enumerate(arguments) if isinstance(one.type, IndexType | IntegerType)]
        self._naming = {
            arguments[number].name.text[1:]: self.run_time[number] for number in scalars if number in self.run_time
        }
        outside = (self.pos, dict(self.ssa_values), self.blocks, self.forward_block_references)
        self._unrolls = True
        try:
            return self.parse_region(arguments)
        except RunTimeText:
            if all(number in self.run_time for number in scalars):
                raise
            start, self.ssa_values, self.blocks, self.forward_block_references = outside
            self._iterations, self._around = 0, 1
            self._resume_from(end_of_braces(self.lexer.input.content, start))
            return None
        finally:
            self._unrolls = False
            self._naming = {}

    def _register_ssa_definition(self, name: str, values: Sequence[SSAValue], span: Span[str]) -> None:
        super()._register_ssa_definition(name, values, span)
        if name in self._naming:
            self.given[values[0]] = self._naming.pop(name)

    def _parse_block_body(self, block: Block) -> None:
        while True:
            if self._unrolls and self._is_next(_LOOP):
                self._unroll(block)
            elif self._unrolls and self._is_next(_IF):
                self._if(block)
            elif self._iterations and self._is_next(_YIELD):
                return
            else:
                operation = self.parse_optional_operation()
                if operation is None:
                    return
                block.add_op(operation)

    def _is_next(self, pattern: re.Pattern[str]) -> bool:
        return pattern.match(self.lexer.input.content, self.pos) is not None

    def _if(self, block: Block) -> None:
        """The branch that is taken, in the place of the operation; the other is read and left out."""
        results = self._results()
        self._parse_token(MLIRTokenKind.BARE_IDENT, "a word expected")
        start = self.pos
        condition = self.parse_unresolved_operand()
        taken = known_number(self, self.resolve_known(condition, i1), start) != 0
        count = 0
        if self.parse_optional_punctuation("->"):
            count = len(self.parse_comma_separated_list(self.Delimiter.PAREN, self.parse_type))
        values = self._branch(block, count, is_taken=taken)
        if self.parse_optional_keyword("else"):
            other = self._branch(block, count, is_taken=not taken)
            values = values if taken else other
        for name, size in results:
            self.ssa_values[name.operand_name] = tuple(values[:size])
            values = values[size:]

    def _branch(self, block: Block, count: int, *, is_taken: bool) -> list[SSAValue]:
        around, self._around = self._around, self._around if is_taken else 0
        with self._scope():
            self.parse_punctuation("{")
            self._parse_block_body(block if is_taken else Block())
            values = self._yielded(count)
            self.parse_punctuation("}")
        self._around = around
        return values

    def _unroll(self, block: Block) -> None:
        start, content = self.pos, self.lexer.input.content
        results = self._results()
        word = self._parse_token(MLIRTokenKind.BARE_IDENT, "a word expected")
        variable = self.parse_unresolved_operand()
        self.parse_punctuation("=")
        header = self._affine_header if word.text.startswith("affine") else self._header
        bounds, carried, type_ = header(start)
        if None in bounds or bounds[2] == 0:
            head = Span(start, start + len(content[start : self.pos].rstrip()), self.lexer.input)
            raise RunTimeText(head, "the count of this loop is known only at run time")
        values = [self._value(first) for _, first in carried]
        first, last, stride = (bound for bound in bounds if bound is not None)
        around = self._around
        # Of a loop that never runs, the body is read all the same, to go on behind it.
        count = _count(first, last, stride) if around else 0
        self._around = around * count
        head = Span(start, start + len(content[start : self.pos].rstrip()), self.lexer.input)
        self._check_iterations(head, count)
        body, before = self.pos, self.read
        names = [name for name, _ in carried]
        for turn in range(max(1, count)):
            self._resume_from(body)
            number = first + turn * stride
            values = self._iteration(block if count else Block(), (variable, number, type_), names, values)
            if turn == 0:
                self._check_operations(head, self.read - before)
        self._around = around
        if sum(size for _, size in results) not in (0, len(values)):
            self.raise_error(f"the loop has {len(values)} results", start, body)
        for name, size in results:
            self.ssa_values[name.operand_name] = tuple(values[:size])
            values = values[size:]

    def _header(self, start: int) -> _Header:
        """`%low to %high step %step iter_args(...) : i32`."""
        low = self.parse_unresolved_operand()
        self.parse_keyword("to")
        high = self.parse_unresolved_operand()
        self.parse_keyword("step")
        step = self.parse_unresolved_operand()
        carried = self._carried()
        type_: IndexType | IntegerType = IndexType()
        if self.parse_optional_punctuation(":"):
            written = self.parse_type()
            if not isinstance(written, IntegerType):
                self.raise_error("a loop counts in index or an integer type", start, self.pos)
            type_ = written
        limits = [self.resolve_known(value, type_) for value in (low, high, step)]
        return [self._known(limit) for limit in limits], carried, type_

    def _affine_header(self, _: int) -> _Header:
        """`0 to min #map(%i) step 2 iter_args(...)`."""
        low = self._bound("max", max)
        self.parse_keyword("to")
        high = self._bound("min", min)
        step = self.parse_integer(allow_boolean=False) if self.parse_optional_keyword("step") else 1
        return [low, high, step], self._carried(), IndexType()

    def _bound(self, word: Literal["max", "min"], extreme: Callable[[tuple[int, ...]], int]) -> int | None:
        map_, operands = bound(self, word)
        values = [self._known(operand) for operand in operands]
        known = [value for value in values if value is not None]
        return of_map(map_, known, extreme) if len(known) == len(values) else None

    def _known(self, value: SSAValue) -> int | None:
        self.folded += made_of(value)
        return constant_of(value, self.given)

    def _check_iterations(self, head: Span[str], count: int) -> None:
        """By the product of all counts, before anything is written out."""
        self.unrolled += max(1, count)
        iterations = max(self._around, self.unrolled)
        if iterations > ITERATIONS.most:
            raise RefusedText.beyond(
                ITERATIONS,
                head,
                f"with this loop, those of the runtime sequences have {shown(iterations)} iterations",
                fix="let a transfer repeat, by its outermost size, instead of writing it in a loop",
            )

    def _check_operations(self, head: Span[str], each: int) -> None:
        """Of a loop whose iterations have so many operations each."""
        if each * self._around > OPERATIONS.most:
            raise RefusedText.beyond(
                OPERATIONS,
                head,
                f"this loop has {shown(each * self._around)} operations when it is written out",
                fix="let a transfer repeat, by its outermost size, instead of writing it in a loop",
            )

    def _results(self) -> list[tuple[UnresolvedOperand, int]]:
        """`%a, %b =` or `%r:2 =`: the names, and how many values each stands for."""
        if self._current_token.kind != MLIRTokenKind.PERCENT_IDENT:
            return []

        def one() -> tuple[UnresolvedOperand, int]:
            name = self.parse_unresolved_operand()
            return name, self.parse_integer() if self.parse_optional_punctuation(":") else 1

        results = self.parse_comma_separated_list(self.Delimiter.NONE, one)
        self.parse_punctuation("=")
        return results

    def _value(self, operand: UnresolvedOperand) -> SSAValue:
        """A value that exists already, of whatever type: mlir-aie writes `index` for a task."""
        values = self.ssa_values.get(operand.operand_name, ())
        if operand.index >= len(values):
            self.refuse_unknown(operand)
        return values[operand.index]

    def _carried(self) -> list[tuple[UnresolvedOperand, UnresolvedOperand]]:
        """`iter_args(%task = %first) -> (index)`."""
        if self.parse_optional_keyword("iter_args") is None:
            return []

        def pair() -> tuple[UnresolvedOperand, UnresolvedOperand]:
            name = self.parse_unresolved_operand()
            self.parse_punctuation("=")
            return name, self.parse_unresolved_operand()

        carried = self.parse_comma_separated_list(self.Delimiter.PAREN, pair)
        self.parse_punctuation("->")
        self.parse_comma_separated_list(self.Delimiter.PAREN, self.parse_type)
        return carried

    def _iteration(
        self,
        block: Block,
        counter: tuple[UnresolvedOperand, int, IndexType | IntegerType],
        names: list[UnresolvedOperand],
        values: list[SSAValue],
    ) -> list[SSAValue]:
        """Read the body into the block around the loop; what it yields."""
        variable, number, type_ = counter
        with self._scope():
            constant = ConstantOp(IntegerAttr(number, type_))
            self.folded.append(constant)
            block.add_op(constant)
            self._register_ssa_definition(variable.operand_name, [constant.result], variable.span)
            for name, value in zip(names, values, strict=True):
                self.ssa_values[name.operand_name] = (value,)
            self.parse_punctuation("{")
            self._parse_block_body(block)
            yielded = self._yielded(len(names))
            self.parse_punctuation("}")
        return yielded

    @contextmanager
    def _scope(self) -> Iterator[None]:
        outside = dict(self.ssa_values)
        self._iterations += 1
        try:
            yield
        finally:
            self._iterations -= 1
            self.ssa_values = outside

    def _yielded(self, count: int) -> list[SSAValue]:
        start = self.pos
        values: list[SSAValue] = []
        if self._is_next(_YIELD):
            self._parse_token(MLIRTokenKind.BARE_IDENT, "a word expected")
            if count:
                names = self.parse_comma_separated_list(self.Delimiter.NONE, self.parse_unresolved_operand)
                self.parse_punctuation(":")
                self.parse_comma_separated_list(self.Delimiter.NONE, self.parse_type)
                values = [self._value(name) for name in names]
        if len(values) != count:
            self.raise_error(f"the loop carries {count} values, and its body yields {len(values)}", start, self.pos)
        return values


def _count(low: int, high: int, step: int) -> int:
    """`len(range(low, high, step))`, which has no more than 63 bits."""
    return max(0, -((low - high) // step))
