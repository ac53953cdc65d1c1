"""A design as text again, in the spelling of one version of mlir-aie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr, i32
from xdsl.dialects.func import CallOp, FuncOp
from xdsl.ir import Block, Operation

from tileproof.errors import Problem
from tileproof.mlir.aie import CoreOp, DeviceOp, LogicalTileOp, OldSequenceOp, SequenceOp, TileOp, UseLockOp
from tileproof.mlir.aie_dma import ShimAllocationOp
from tileproof.mlir.aiex import SSA_SCALARS
from tileproof.mlir.parse import parse_module, place_of
from tileproof.mlir.syntax import HANDLE, DialectPrinter, LooseOp, number
from tileproof.mlir_aie_versions import NEWEST, Version


def respelled(text: str, name: str, version: Version = NEWEST) -> str:
    """The design in `text` as mlir-aie of `version` writes it, without its comments.

    `name` is what messages call the text. Raises `Problem` if it cannot be read, or if that version has no word for
    what it says.
    """
    module = parse_module(text, name)
    _Respeller(version).respell(module)
    stream = StringIO()
    printer = DialectPrinter(stream)
    printer.version = version
    for device in module.ops:
        printer.keep_names(device)
    printer.print_op(module)
    return stream.getvalue() + "\n"


@dataclass
class _Respeller:
    """Changes what the spellings say with other operations; the rest is the printing of each operation."""

    version: Version
    # One constant per value and block, in the order of their use, as a person would write it.
    _constants: dict[Block, dict[int, ConstantOp]] = field(default_factory=dict)

    def respell(self, module: ModuleOp) -> None:
        operations = list(module.walk())
        if not self.version.links_by_function:
            _link_with_on_cores(operations)
        for operation in operations:
            self._one(operation)

    def _one(self, operation: Operation) -> None:
        match operation:
            case OldSequenceOp():
                _rename(operation)
            case ShimAllocationOp() if self.version.allocates_by_tile and not operation.ins:
                operation.operands = [_shim_tile(operation).outs[0]]
            case ShimAllocationOp() if not self.version.allocates_by_tile and operation.column() is None:
                raise Problem(
                    "aie.shim_dma_allocation wants a tile here",
                    id="not-spelled",
                    where=place_of(operation),
                    why="mlir-aie of November 2025 wants its column",
                    fix="name the result of an aie.tile operation",
                )
            case LogicalTileOp() if not self.version.has_logical_tiles:
                raise Problem(
                    "a tile without a place cannot be spelled for mlir-aie of November 2025",
                    id="not-spelled",
                    where=place_of(operation),
                    why="aie.logical_tile came in March 2026",
                    fix="give the tile its column and row with aie.tile",
                )
            case UseLockOp() if self.version.numbers_are_values and "value" in operation.attributes:
                self._with_operands(operation, ("value",))
            case LooseOp() if self.version.numbers_are_values and type(operation) in SSA_SCALARS:
                self._with_operands(operation, SSA_SCALARS[type(operation)])

    def _with_operands(self, operation: LooseOp, keys: Sequence[str]) -> None:
        """The numbers as constants at the head of the core, DMA program or sequence around."""
        entry = _entry(operation)
        made = [self._constant(entry, number(operation.attributes[key])) for key in keys]
        operation.operands = [*operation.operands, *(constant.result for constant in made)]

    def _constant(self, entry: Block, value: int) -> ConstantOp:
        wrapped = (value + (1 << 31)) % (1 << 32) - (1 << 31)
        made = self._constants.setdefault(entry, {})
        if wrapped not in made:
            constant = ConstantOp(IntegerAttr(wrapped, i32))
            constant.result._name = f"c{wrapped}_i32"
            if made:
                entry.insert_op_after(constant, list(made.values())[-1])
            elif entry.first_op is not None:
                entry.insert_op_before(constant, entry.first_op)
            else:
                entry.add_op(constant)
            made[wrapped] = constant
        return made[wrapped]


def _entry(operation: Operation) -> Block:
    """The first block of what stands in the device and holds `operation`."""
    outer = operation.parent_op()
    while outer is not None and not isinstance(outer.parent_op(), DeviceOp):
        outer = outer.parent_op()
    entry = outer.regions[0].blocks.first if outer is not None else operation.parent_block()
    assert entry is not None
    return entry


def _rename(operation: OldSequenceOp) -> None:
    renamed = SequenceOp.make(
        attributes=dict(operation.attributes), regions=[operation.detach_region(operation.bodies[0])]
    )
    renamed.location = operation.location
    block = operation.parent_block()
    assert block is not None
    block.insert_op_before(renamed, operation)
    operation.detach()  # type: ignore[no-untyped-call]
    operation.erase()


def _shim_tile(operation: ShimAllocationOp) -> LooseOp:
    """The tile of the column that an allocation names, above it; declared if no other operation does."""
    block = operation.parent_block()
    assert block is not None
    at = {"col": IntegerAttr(operation.column() or 0, i32), "row": IntegerAttr(0, i32)}
    tile: LooseOp | None = None
    below = False
    for other in block.ops:
        below |= other is operation
        if isinstance(other, TileOp | LogicalTileOp) and all(other.attributes.get(key) == at[key] for key in at):
            tile = other
            break
    if tile is None:
        tile = TileOp.make(results=[HANDLE], attributes=dict(at))
        tile.outs[0]._name = f"tile_{at['col'].value.data}_0"
    elif below:
        tile.detach()  # type: ignore[no-untyped-call]
    else:
        return tile
    assert block.first_op is not None
    block.insert_op_before(tile, block.first_op)
    return tile


def _link_with_on_cores(operations: Sequence[Operation]) -> None:
    """Until March 2026 the object file of a core's functions stood on the core, and there was one."""
    functions = {op.sym_name.data: op for op in operations if isinstance(op, FuncOp)}
    for core in operations:
        if not isinstance(core, CoreOp):
            continue
        called = {op.callee.root_reference.data for op in core.walk() if isinstance(op, CallOp)}
        linked = [core.attributes.get("link_with")]
        linked += [functions[name].attributes.get("link_with") for name in sorted(called) if name in functions]
        objects = list(dict.fromkeys(entry.data for entry in linked if isinstance(entry, StringAttr)))
        if len(objects) > 1:
            raise Problem(
                "a core with several object files cannot be spelled for mlir-aie of November 2025",
                id="not-spelled",
                where=place_of(core),
                why=f"its functions are in {', '.join(objects)}, and link_with stood on the core until March 2026",
                fix="put the tile functions of this core into one file",
            )
        if objects:
            core.attributes["link_with"] = StringAttr(objects[0])
    for function in functions.values():
        function.attributes.pop("link_with", None)
