"""What the operations of both dialects share: how their parts are parsed and printed.

An operation prints itself in the spelling of one version of mlir-aie, which the printer carries.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NoReturn, Self, TypeVar

from xdsl.dialects.builtin import (
    AffineMapAttr,
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    i32,
)
from xdsl.ir import (
    Attribute,
    Block,
    OpaqueSyntaxAttribute,
    Operation,
    ParametrizedAttribute,
    Region,
    SSAValue,
    TypeAttribute,
)
from xdsl.ir.affine import AffineMap
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    param_def,
    var_operand_def,
    var_region_def,
    var_result_def,
    var_successor_def,
)
from xdsl.parser import AttrParser, Parser
from xdsl.parser.core import ForwardDeclaredValue
from xdsl.printer import Printer
from xdsl.utils.lexer import Span

from tileproof.mlir.names import NamesParser
from tileproof.mlir.refused import RefusedText
from tileproof.mlir_aie_versions import NEWEST, Version

_T = TypeVar("_T", bound=Attribute)


class LooseOp(IRDLOperation):
    """Operands, results, regions and successors of any number: what is wrong with them is said in words, later."""

    ins = var_operand_def()
    outs = var_result_def()
    bodies = var_region_def()
    nexts = var_successor_def()

    @classmethod
    def make(
        cls,
        operands: Sequence[SSAValue] = (),
        results: Sequence[Attribute] = (),
        attributes: dict[str, Attribute] | None = None,
        regions: Sequence[Region] = (),
        successors: Sequence[Block] = (),
    ) -> Self:
        return cls.create(
            operands=operands,
            result_types=results,
            attributes=attributes or {},
            regions=regions,
            successors=successors,
        )

    def print(self, printer: Printer) -> None:
        raise NotImplementedError(self.name)


class AttributesOp(LooseOp):
    """All that it says is in its attributes."""

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        return cls.make(attributes=attributes(parser))

    def print(self, printer: Printer) -> None:
        print_rest(printer, self)


@irdl_attr_definition
class HandleType(ParametrizedAttribute, TypeAttribute):
    """The type of a tile, a core, a lock or a task: mlir-aie types them all as `index`; here they stay apart."""

    name = "aie.handle"


@irdl_attr_definition
class PacketInfo(ParametrizedAttribute):
    """`#aie.packet_info<pkt_type = 0, pkt_id = 5>`, in any order; a packet without a type has type 0."""

    name = "aie.packet_info"
    type_: IntegerAttr = param_def()
    id_: IntegerAttr = param_def()

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        found: dict[str, IntegerAttr] = {}
        with parser.in_angle_brackets():
            while True:
                start = parser.pos
                key = parser.parse_identifier("pkt_type or pkt_id")
                if key not in ("pkt_type", "pkt_id") or key in found:
                    refuse_text(parser, start, "a packet is written <pkt_type = 0, pkt_id = 3>")
                parser.parse_punctuation("=")
                found[key] = integer(parser)
                if parser.parse_optional_punctuation(",") is None:
                    break
            if "pkt_id" not in found:
                parser.raise_error("a packet has an id: <pkt_type = 0, pkt_id = 3>")
        return [found.get("pkt_type", IntegerAttr(0, i32)), found["pkt_id"]]

    def print_parameters(self, printer: Printer) -> None:
        printer.print_string(f"<pkt_type = {self.type_.value.data}, pkt_id = {self.id_.value.data}>")


@irdl_attr_definition
class PadLayout(ParametrizedAttribute, OpaqueSyntaxAttribute):
    """`#aie<bd_pad_layout_array[<const_pad_before = 2, const_pad_after = 1>, ...]>`, outermost first, in elements."""

    name = "aie.bd_pad_layout_array"
    pads: ArrayAttr[ArrayAttr[IntegerAttr]] = param_def()

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        return [pads(parser)]

    def print_parameters(self, printer: Printer) -> None:
        printer.print_string(pads_text(self.pads))


def pads(parser: AttrParser) -> ArrayAttr[ArrayAttr[IntegerAttr]]:
    """`[<const_pad_before = 2, const_pad_after = 1>, ...]`, outermost first."""
    return listed(parser, lambda: _pad(parser))


def _pad(parser: AttrParser) -> ArrayAttr[IntegerAttr]:
    with parser.in_angle_brackets():
        before = named_integer(parser, "const_pad_before")
        parser.parse_punctuation(",")
        return ArrayAttr([before, named_integer(parser, "const_pad_after")])


def pads_text(attribute: Attribute) -> str:
    written = (f"<const_pad_before = {before}, const_pad_after = {after}>" for before, after in pairs(attribute))
    return f"[{', '.join(written)}]"


HANDLE = HandleType()

# Attributes of ours, never printed. The first marks an operation whose text had the spelling from before July 2026,
# the second a sequence whose loops were written out, the third one that was passed over, since numbers of the run time
# decide what it does.
OLD_SPELLING = "tileproof.old_spelling"
UNROLLED = "tileproof.unrolled"
OPEN = "tileproof.open"


class DialectPrinter(Printer):
    """xDSL's printer, which knows the version of mlir-aie that is to read the text."""

    version: Version = NEWEST

    def keep_names(self, device: Operation) -> None:
        """Values keep the names that the text gave them; those without one are called as their operation.

        What stands in the device is seen everywhere; two cores, programs or sequences may use the same names.
        """
        children = [child for region in device.regions for block in region.blocks for child in block.ops]
        outside = self._keep([value for child in children for value in child.results], set())
        for child in children:
            self._keep([value for op in child.walk() for value in _values_of(op) if value.owner is not child], outside)

    def _keep(self, values: Sequence[SSAValue], outside: set[str]) -> set[str]:
        """All names that are taken now."""
        taken = set(outside)
        for value in values:
            hint = value.name_hint
            if hint is not None and hint not in taken and (hint.isdecimal() or not hint[0].isdecimal()):
                self._ssa_values[value] = hint
                taken.add(hint)
        for value in values:
            if value not in self._ssa_values:
                owner = value.owner
                wanted = value.name_hint or (owner.name.split(".")[-1] if isinstance(owner, Operation) else "arg")
                self._ssa_values[value] = next(name for name in _names_like(wanted) if name not in taken)
                taken.add(self._ssa_values[value])
        return taken


def _names_like(wanted: str) -> Iterator[str]:
    """Names for a value whose own is taken. One that begins with a digit is a number in MLIR, and nothing else."""
    if wanted[0].isdecimal():
        return (str(number) for number in itertools.count())
    return itertools.chain([wanted], (f"{wanted}_{number}" for number in itertools.count(1)))


def _values_of(op: Operation) -> Iterator[SSAValue]:
    yield from op.results
    yield from (argument for region in op.regions for block in region.blocks for argument in block.args)


def version_of(printer: Printer) -> Version:
    """Which mlir-aie is to read what is printed."""
    return printer.version if isinstance(printer, DialectPrinter) else NEWEST


# Parsing


class FoldingParser(NamesParser):
    """A parser that remembers the constants, and the arithmetic on them, whose values it has put into operations.

    `given` are the numbers that stand for arguments of a sequence.
    """

    folded: list[Operation]
    given: dict[SSAValue, int]


class RunTimeText(RefusedText):
    """A number that only the host knows decides what a sequence does."""

    def __init__(self, span: Span[str], what: str) -> None:
        fix = "write a constant, or make it an argument of the sequence and give its value"
        super().__init__(span, what, fix=fix, id="TP001")


def refuse_text(parser: AttrParser, start: int, message: str) -> NoReturn:
    """A parse error that points at what was read from `start` on; `parser.pos` is behind it."""
    read = parser.lexer.input.content[start : parser.pos]
    parser.raise_error(message, start, start + max(1, len(read.rstrip())))


def handle(parser: Parser) -> SSAValue:
    return parser.parse_operand(HANDLE)


def integer(parser: AttrParser) -> IntegerAttr:
    start = parser.pos
    return _sized(parser, start, parser.parse_integer(allow_boolean=False), i32)


def _sized(parser: AttrParser, start: int, value: int, type_: IntegerType) -> IntegerAttr:
    """Signed or not, a number has at most the bits of its type."""
    bits = type_.width.data
    if not -(1 << (bits - 1)) <= value < 1 << bits:
        refuse_text(parser, start, f"{value} has more than {bits} bits")
    return IntegerAttr(value, type_)


def named_integer(parser: AttrParser, name: str) -> IntegerAttr:
    """`pkt_id = 3`."""
    parser.parse_keyword(name)
    parser.parse_punctuation("=")
    return integer(parser)


def scalar(parser: Parser, type_: IntegerType = i32) -> IntegerAttr:
    """A number: a literal, or since July 2026 an SSA value, which must be known here."""
    start = parser.pos
    literal = parser.parse_optional_integer(allow_boolean=False)
    if literal is not None:
        return _sized(parser, start, literal, type_)
    operand = parser.parse_unresolved_operand()
    assert isinstance(parser, FoldingParser)
    constant = known_number(parser, parser.resolve_known(operand, type_), start)
    return IntegerAttr(constant, type_)


def any_scalar(parser: Parser) -> IntegerAttr:
    """An entry of a list of sizes or strides, whose SSA values are i32, i64 or index."""
    assert isinstance(parser, FoldingParser)
    start = parser.pos
    literal = parser.parse_optional_integer(allow_boolean=False)
    if literal is not None:
        return _sized(parser, start, literal, i32)
    operand = parser.parse_unresolved_operand()
    values = parser.ssa_values.get(operand.operand_name, ())
    if operand.index >= len(values) or isinstance(values[operand.index], ForwardDeclaredValue):
        parser.refuse_unknown(operand)
    return _sized(parser, start, known_number(parser, values[operand.index], start), i32)


def known_number(parser: FoldingParser, value: SSAValue, start: int) -> int:
    """The number behind a value that was read from `start` on."""
    constant = constant_of(value, parser.given)
    if constant is None:
        span = Span(start, start + len(parser.lexer.input.content[start : parser.pos].rstrip()), parser.lexer.input)
        raise RunTimeText(span, "this number is known only at run time")
    parser.folded += made_of(value)
    return constant


def constant_of(value: SSAValue, given: Mapping[SSAValue, int]) -> int | None:
    """The number that a constant, or arithmetic on constants, gives; None where it is known only at run time."""
    known: dict[SSAValue, int | None] = {**given}
    for op in reversed(list(made_of(value))):
        known[op.results[0]] = _result(op, [known.get(operand) for operand in op.operands])
    return known.get(value)


def _result(op: Operation, operands: Sequence[int | None]) -> int | None:
    written = op.attributes.get("value", op.properties.get("value"))
    if op.name in _CONSTANTS:
        return int(written.value.data) if isinstance(written, IntegerAttr) else None
    if None in operands or op.name not in (*_FOLDS, *_EXTREMES, _COMPARE):
        return None
    if op.name in _EXTREMES:
        return _applied(op, [number for number in operands if number is not None])
    if op.name == _COMPARE:
        return _compared(op, *(number for number in operands if number is not None))
    result: int | None = _FOLDS[op.name](*operands)
    type_ = op.results[0].type
    if result is None:
        return None
    # MLIR folds index as 64 bits; without an end, a number that is multiplied by itself again and again has none.
    return _wrapped(result, type_.width.data if isinstance(type_, IntegerType) else 64)


def _wrapped(number: int, bits: int) -> int:
    half = 1 << bits - 1
    return (number + half) % (2 * half) - half


def made_of(value: SSAValue) -> list[Operation]:
    """The constant, or the arithmetic and the constants, behind a value; users before what they use."""
    done: dict[Operation, None] = {}
    begun: set[Operation] = set()
    behind = [] if isinstance(value, ForwardDeclaredValue) else [value.owner]
    while behind:
        op = behind[-1]
        if not isinstance(op, Operation) or op in begun or op.name not in (*_FOLDS, *_CONSTANTS, *_EXTREMES, _COMPARE):
            behind.pop()
            if isinstance(op, Operation) and op in begun:
                done.setdefault(op)  # all that it uses is done
            continue
        begun.add(op)
        behind += [operand.owner for operand in op.operands if not isinstance(operand, ForwardDeclaredValue)]
    return list(reversed(done))


def _quotient(a: int, b: int) -> int | None:
    return None if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _remainder(a: int, b: int) -> int | None:
    quotient = _quotient(a, b)
    return None if quotient is None else a - b * quotient


def _compared(op: Operation, left: int, right: int) -> int | None:
    """A comparison of signed numbers; one that reads them unsigned is left to the run time."""
    signed = (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)
    predicate = op.attributes.get("predicate")
    number = int(predicate.value.data) if isinstance(predicate, IntegerAttr) else len(signed)
    return int(signed[number](left, right)) if number < len(signed) else None


def of_map(map_: AffineMap, values: Sequence[int], extreme: Callable[[tuple[int, ...]], int]) -> int | None:
    """The greatest, or the least, of what an affine map gives; None where it divides by zero."""
    try:
        return _wrapped(extreme(map_.eval(values[: map_.num_dims], values[map_.num_dims :])), 64)
    except ZeroDivisionError:
        return None


def _applied(op: Operation, values: Sequence[int]) -> int | None:
    said = {**op.attributes, **op.properties}["map"]
    assert isinstance(said, AffineMapAttr)
    return of_map(said.data, values, _EXTREMES[op.name])


_EXTREMES: dict[str, Callable[[tuple[int, ...]], int]] = {"affine.apply": max, "affine.min": min, "affine.max": max}
_COMPARE = "arith.cmpi"
_CONSTANTS = ("arith.constant", "index.constant")
# Arithmetic in front of a transfer; what is not here is known only at run time.
_FOLDS: dict[str, Callable[..., int | None]] = {
    **dict.fromkeys(("arith.addi", "index.add"), operator.add),
    **dict.fromkeys(("arith.subi", "index.sub"), operator.sub),
    **dict.fromkeys(("arith.muli", "index.mul"), operator.mul),
    **dict.fromkeys(("arith.divsi", "index.divs"), _quotient),
    **dict.fromkeys(("arith.remsi", "index.rems"), _remainder),
    **dict.fromkeys(("arith.index_cast", "arith.extsi", "arith.trunci", "index.casts"), lambda value: value),
}


def word(parser: AttrParser, allowed: Sequence[str]) -> StringAttr:
    """One of the words; designs of 2024 wrote them in quotes."""
    start = parser.pos
    quoted = parser.parse_optional_str_literal()
    if quoted is None:
        quoted = parser.parse_identifier("one of " + ", ".join(allowed))
    if quoted not in allowed:
        refuse_text(parser, start, f"this is one of {', '.join(allowed)}, not {quoted!r}")
    return StringAttr(quoted)


def attributes(parser: Parser) -> dict[str, Attribute]:
    return dict(parser.parse_optional_attr_dict())


def merge(parser: Parser, own: dict[str, Attribute]) -> dict[str, Attribute]:
    """`own`, and the attributes that are written behind."""
    start = parser.pos
    written = attributes(parser)
    for key in written:
        if key in own:
            refuse_text(
                parser, start, f"attribute {key!r} is part of the operation's syntax and cannot be written again"
            )
    return {**own, **written}


def listed(parser: AttrParser, one: Callable[[], _T]) -> ArrayAttr[_T]:
    """`[a, b]`."""
    return ArrayAttr(parser.parse_comma_separated_list(parser.Delimiter.SQUARE, one))


def dimensions(parser: AttrParser) -> ArrayAttr[ArrayAttr[IntegerAttr]]:
    """`[<size = 16, stride = 8>, ...]`, outermost first."""
    return listed(parser, lambda: _dimension(parser))


def _dimension(parser: AttrParser) -> ArrayAttr[IntegerAttr]:
    with parser.in_angle_brackets():
        size = named_integer(parser, "size")
        parser.parse_punctuation(",")
        return ArrayAttr([size, named_integer(parser, "stride")])


def tile_with_region(parser: Parser) -> tuple[list[SSAValue], list[Attribute], dict[str, Attribute], list[Region]]:
    with parser.in_parens():
        tile = handle(parser)
    region = parser.parse_region()
    return [tile], [HANDLE], attributes(parser), [region]


BUNDLES = ("Core", "DMA", "FIFO", "South", "West", "North", "East", "PLIO", "NOC", "Trace", "TileControl")


def port(parser: Parser, prefix: str) -> dict[str, Attribute]:
    """`DMA : 0`, as `<prefix>_bundle` and `<prefix>_channel`."""
    bundle = word(parser, BUNDLES)
    parser.parse_punctuation(":")
    return {f"{prefix}_bundle": bundle, f"{prefix}_channel": integer(parser)}


# Printing


def number(attribute: Attribute) -> int:
    assert isinstance(attribute, IntegerAttr)
    return int(attribute.value.data)


def numbers(attribute: Attribute) -> tuple[int, ...]:
    assert isinstance(attribute, ArrayAttr)
    return tuple(number(entry) for entry in attribute)


def numbers_of_pairs(attribute: Attribute) -> tuple[tuple[int, ...], ...]:
    assert isinstance(attribute, ArrayAttr)
    return tuple(numbers(pair) for pair in attribute)


def pairs(attribute: Attribute) -> tuple[tuple[int, int], ...]:
    """Of a layout: sizes with strides, or pads before with pads after."""
    return tuple((first, second) for first, second in numbers_of_pairs(attribute))


def data(attribute: Attribute) -> str:
    assert isinstance(attribute, StringAttr)
    return attribute.data


def print_values(printer: Printer, values: Iterable[SSAValue]) -> None:
    printer.print_list(values, lambda value: printer.print_ssa_value(value))


def print_dimensions(printer: Printer, attribute: Attribute) -> None:
    assert isinstance(attribute, ArrayAttr)
    pairs = (numbers(entry) for entry in attribute)
    printer.print_string("[" + ", ".join(f"<size = {size}, stride = {stride}>" for size, stride in pairs) + "]")


def port_text(operation: LooseOp, prefix: str) -> str:
    attrs = operation.attributes
    return f"{data(attrs[f'{prefix}_bundle'])} : {number(attrs[f'{prefix}_channel'])}"


def packet_info(parser: Parser) -> PacketInfo:
    """`<pkt_type = 0, pkt_id = 3>`, or with `#aie.packet_info` in front."""
    start = parser.pos
    written = parser.parse_optional_attribute()
    if written is None:
        return PacketInfo.new(PacketInfo.parse_parameters(parser))
    if not isinstance(written, PacketInfo):
        refuse_text(parser, start, "a packet is written <pkt_type = 0, pkt_id = 3>")
    return written


def print_packet_info(printer: Printer, packet: Attribute) -> None:
    assert isinstance(packet, PacketInfo)
    packet.print_parameters(printer)


def print_rest(printer: Printer, operation: LooseOp, *own: str) -> None:
    """The attributes that are not part of the syntax."""
    printer.print_op_attributes(operation.attributes, reserved_attr_names=[*own, OLD_SPELLING, UNROLLED, OPEN])


def print_tile_with_region(printer: Printer, operation: LooseOp) -> None:
    printer.print_string("(")
    printer.print_ssa_value(operation.ins[0])
    printer.print_string(") ")
    printer.print_region(operation.bodies[0])
    print_rest(printer, operation)


def print_dense(printer: Printer, attribute: Attribute, *, with_type: bool) -> None:
    assert isinstance(attribute, DenseIntOrFPElementsAttr)
    (attribute.print_builtin if with_type else attribute.print_without_type)(printer)
