"""Parameters in the scratchpad that a host and the NPU's firmware share, as what they become: buffers, locks, updates.

Facts: AIELowerScratchpadParameters.cpp of mlir-aie, 2026-08-14, which runs before all else; here it runs on what the
parser has read. The firmware adds to a pair of words and clears the two lowest bits (AIEX.td), so the host shifts what
a core reads left by two, and the core shifts it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    BFloat16Type,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    Signedness,
    StringAttr,
    SymbolRefAttr,
    i32,
)
from xdsl.dialects.memref import LoadOp
from xdsl.ir import Attribute, Block, Operation, SSAValue

from tileproof.mlir.aie import BufferOp, CoreOp, DeviceOp, LockOp, OldSequenceOp, SequenceOp, UseLockOp
from tileproof.mlir.aie_dma import DmaBdOp
from tileproof.mlir.aiex import MemcpyOp, SetLockOp, Write32Op
from tileproof.mlir.aiex_scratchpad import (
    CreateScratchpadOp,
    ReadParameterOp,
    ScratchpadParameterOp,
    SyncParametersOp,
    UpdateFromScratchpadOp,
)
from tileproof.mlir.attributes import flag, refuse, string, symbol
from tileproof.mlir.design import Parameter
from tileproof.mlir.parse import place_of
from tileproof.mlir.syntax import HANDLE

# The firmware's table (AIEX.td).
MOST_PARAMETERS, ENTRY_BYTES = 32, 4
PREAMBLE = "emit_parameter_sync_preamble"
OFFSET, OFFSET_ENTRY = "offset_parameter", "offset_state_table_idx"
_SHIFT = 2  # by which a value is shifted on its way to a core
_WORD_BITS = 32


def lower_parameters(module: ModuleOp) -> tuple[Parameter, ...]:
    """The module without its parameters: what mlir-aie makes of them is in their place. Gives them in the order of
    their entries; a `Problem` for those that it refuses."""
    declared = [op for op in module.ops if isinstance(op, ScratchpadParameterOp)]
    entries: dict[str, int] = {}
    for number, op in enumerate(declared):
        name = string(op, "sym_name")
        if name in entries:
            why = f"first at {place_of(declared[entries[name]])}"
            refuse(op, f"the name @{name} is taken", "give one of the two another name", why, id="TP604")
        entries[name] = number
    if len(declared) > MOST_PARAMETERS:
        why = f"the firmware's table has {MOST_PARAMETERS} entries, and this file declares {len(declared)} parameters"
        refuse(declared[MOST_PARAMETERS], "there is no entry for this parameter", "declare fewer", why)
    parameters = tuple(_parameter(op, name, module) for name, op in zip(entries, declared, strict=True))
    for inner in list(module.walk()):
        _offset_by_entry(inner, declared, entries)
    for device in [op for op in module.ops if isinstance(op, DeviceOp)]:
        _Device(device, entries, parameters).lower()
    for op in declared:
        _erase(op)
    return parameters


def _parameter(op: Operation, name: str, module: ModuleOp) -> Parameter:
    """It is a number of cores, or where BDs begin."""
    type_ = op.attributes["type"]
    if not _is_of_firmware(type_):
        why = f"an entry of the firmware's table is {_WORD_BITS} bits, of which 30 come to a core"
        refuse(op, f"no parameter is {type_}", "let it be bf16, or an integer i1 to i32", why)
    read = next((one for one in module.walk() if isinstance(one, ReadParameterOp) and _of(one) == name), None)
    moved = next((one for one in module.walk() if symbol(one, OFFSET) == name), None)
    if read is not None and moved is not None:
        why = f"a core gets it shifted, and a BD does not: {place_of(read)} and {place_of(moved)}"
        refuse(op, f"parameter @{name} is read by a core, and is where a BD begins", "declare two", why)
    return Parameter(name=name, type=str(type_), is_offset=moved is not None, place=place_of(op))


def _is_of_firmware(type_: Attribute) -> bool:
    if isinstance(type_, IntegerType):
        return type_.signedness.data is Signedness.SIGNLESS and 1 <= type_.width.data <= _WORD_BITS
    return isinstance(type_, BFloat16Type)


def _of(op: ReadParameterOp) -> str:
    return symbol(op, "parameter") or ""


def _offset_by_entry(op: Operation, declared: Sequence[Operation], entries: dict[str, int]) -> None:
    if OFFSET not in op.attributes or not isinstance(op, MemcpyOp | DmaBdOp):
        return
    name = symbol(op, OFFSET)
    if name is None:
        refuse(op, f"{OFFSET} wants a parameter here", f"name one: {OFFSET} = @parameter")
    _check_declared(op, name, entries)
    type_ = declared[entries[name]].attributes["type"]
    if type_ != i32:
        refuse(op, f"where a BD begins is an i32, and @{name} is {type_}", f"declare @{name} as an i32")
    del op.attributes[OFFSET]
    op.attributes[OFFSET_ENTRY] = IntegerAttr(entries[name], i32)


def _check_declared(op: Operation, name: str, entries: dict[str, int]) -> None:
    if name not in entries:
        listed = ", ".join(f"@{one}" for one in entries) or "none"
        refuse(
            op, f"there is no parameter @{name}", f"declare it beside the devices; parameters of this file: {listed}"
        )


@dataclass
class _Device:
    """One device while its parameters are lowered. `buffers` are those of its parameters, by core and name."""

    op: DeviceOp
    entries: dict[str, int]
    parameters: tuple[Parameter, ...]
    buffers: dict[tuple[Operation, str], BufferOp] = field(default_factory=dict)
    locks: list[SSAValue] = field(default_factory=list)

    def lower(self) -> None:
        reads = [op for op in self.op.walk() if isinstance(op, ReadParameterOp)]
        sequences = [op for op in self.op.walk() if isinstance(op, SequenceOp | OldSequenceOp)]
        first = [op for op in sequences if self._syncs_first(op)]  # asked before anything changes
        for read in reads:
            self._buffer_of(read)
        for core in [op for op in self.op.walk() if isinstance(op, CoreOp)]:
            self._wait_in(core)
        for sequence in first:
            _first_in(sequence, SyncParametersOp.make())
        for marker in [op for op in self.op.walk() if isinstance(op, SyncParametersOp)]:
            _in_place_of(marker, list(self._sync()))
        for read in reads:
            self._load(read)

    def _syncs_first(self, sequence: Operation) -> bool:
        if PREAMBLE in sequence.attributes:
            return flag(sequence, PREAMBLE)
        if any(isinstance(op, SyncParametersOp) for op in sequence.walk()):
            return False
        return any(isinstance(op, ReadParameterOp) or OFFSET_ENTRY in op.attributes for op in self.op.walk())

    def _buffer_of(self, read: ReadParameterOp) -> None:
        """Two words on the core's tile for each parameter that it reads: the firmware writes pairs."""
        name, core, type_ = _of(read), _core_of(read), str(read.outs[0].type)
        _check_declared(read, name, self.entries)
        declared = self.parameters[self.entries[name]]
        if type_ != declared.type:
            why = f"it is declared at {declared.place}, and the host writes what is declared"
            refuse(read, f"@{name} is {declared.type}, and is read as {type_}", "read it as what it is", why)
        if (core, name) in self.buffers:
            return
        label = StringAttr(f"__param_{name}_{len(self.buffers)}")
        self.buffers[core, name] = BufferOp.make([core.operands[0]], [MemRefType(i32, [2])], {"sym_name": label})
        _behind_its_tile(core, self.buffers[core, name])

    def _wait_in(self, core: CoreOp) -> None:
        """A core begins when the sequence has set its lock, which says that its parameters are there."""
        reads = any(isinstance(op, ReadParameterOp) for op in core.walk())
        if not (flag(core, PREAMBLE) if PREAMBLE in core.attributes else reads):
            return
        lock = LockOp.make([core.operands[0]], [HANDLE], {"init": IntegerAttr(0, i32)})
        _behind_its_tile(core, lock)
        self.locks.append(lock.outs[0])
        own: dict[str, Attribute] = {"action": StringAttr("Acquire"), "value": IntegerAttr(1, i32)}
        _first_in(core, UseLockOp.make([lock.outs[0]], attributes=own))

    def _sync(self) -> Iterator[Operation]:
        """The scratchpad, each buffer from zero on, and the locks of the cores that wait."""
        if self.entries:
            yield CreateScratchpadOp.make(attributes={"size": IntegerAttr(ENTRY_BYTES * len(self.entries), i32)})
        zero = IntegerAttr(0, i32)
        for (_, name), buffer in self.buffers.items():
            at: dict[str, Attribute] = {"address": zero, "buffer": SymbolRefAttr(string(buffer, "sym_name"))}
            yield Write32Op.make(attributes={**at, "value": zero})
            yield UpdateFromScratchpadOp.make(
                attributes={**at, "state_table_idx": IntegerAttr(self.entries[name], i32)}
            )
        for lock in self.locks:
            yield SetLockOp.make([lock], attributes={"value": IntegerAttr(1, i32)})

    def _load(self, read: ReadParameterOp) -> None:
        zero, shift = arith.ConstantOp(IntegerAttr(0, IndexType())), arith.ConstantOp(IntegerAttr(_SHIFT, i32))
        buffer = self.buffers[_core_of(read), _of(read)]
        load = LoadOp(operands=[buffer.outs[0], [zero.result]], result_types=[i32])
        new: list[Operation] = [zero, load, shift, arith.ShRUIOp(load.res, shift.result)]
        type_ = read.outs[0].type
        if type_ != i32:
            bits = type_ if isinstance(type_, IntegerType) else IntegerType(16)
            new.append(arith.TruncIOp(new[-1].results[0], bits))
            if bits != type_:
                new.append(arith.BitcastOp(new[-1].results[0], type_))
        read.outs[0].replace_all_uses_with(new[-1].results[0])
        _in_place_of(read, new)


def _core_of(read: ReadParameterOp) -> Operation:
    around = read.parent_op()
    while around is not None and not isinstance(around, CoreOp):
        around = around.parent_op()
    if around is None:
        refuse(read, "a parameter is read where no core is", "read it in an aie.core")
    return around


def _behind_its_tile(core: Operation, new: Operation) -> None:
    """As if it was written there: what stands in front of the last tile is numbered and placed first."""
    tile = core.operands[0].owner
    assert isinstance(tile, Operation)
    assert tile.parent is not None
    tile.parent.insert_op_after(_at(new, tile), tile)


def _first_in(op: Operation, new: Operation) -> None:
    block = op.regions[0].blocks.first or Block()
    if block.parent is None:
        op.regions[0].add_block(block)
    if block.first_op is None:
        block.add_op(_at(new, op))
    else:
        block.insert_op_before(_at(new, op), block.first_op)


def _in_place_of(old: Operation, new: Sequence[Operation]) -> None:
    assert old.parent is not None
    for op in new:
        old.parent.insert_op_before(_at(op, old), old)
    _erase(old)


def _at(op: Operation, cause: Operation) -> Operation:
    """It stands where `cause` was written, for messages."""
    op.location = cause.location
    return op


def _erase(op: Operation) -> None:
    op.detach()  # type: ignore[no-untyped-call]
    op.erase()
