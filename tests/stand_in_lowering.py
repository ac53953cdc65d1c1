"""What the programs that stand in for mlir-aie write: a lowered design, instructions, an xclbin.

The rules are mlir-aie's as tileproof knows them, so these outputs prove the path and not the rules: those are held
against mlir-aie's own answers in tests/test_conformance.py.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stand_in_tools import BROKEN

from tileproof.device_model import CORE, SHIM
from tileproof.insts import BlockWrite, decode, encode
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import Bd, LoweredDesign, PlacedBuffer
from tileproof.lowering.placement import place_buffers
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.printer import respelled
from tileproof.mlir.reader import read_design
from tileproof.mlir_aie import LoweredState
from tileproof.toolchain.aiecc import STATE_OF
from tileproof.xclbin import PackageRequest, Section, Xclbin, build_xclbin, write_xclbin
from tileproof.xclbin.names import KIND_OF
from tileproof.xclbin.sections import MemData, serialise_topology


def one_memory() -> bytes:
    """What xclbinutil makes of one bank."""
    topology = serialise_topology((MemData(tag="HOST", size_kb=0x10000, base_address=0x4000000),))
    return write_xclbin(Xclbin(uuid=bytes(16), sections=(Section(kind=KIND_OF["MEM_TOPOLOGY"], data=topology),)))


def instructions(design: str) -> bytes:
    lowered = lower_design(read_design(Path(design).read_text(), design))
    words = sequence_words(lowered, main_sequence(lowered))
    if os.environ.get(BROKEN) != "aiecc moves less":
        return words
    stream = decode(words, "insts.bin")
    less = (
        replace(op, words=(op.words[0] // 2, *op.words[1:])) if isinstance(op, BlockWrite) else op
        for op in stream.operations
    )
    return encode(replace(stream, operations=tuple(less)))


def packed(dialect: str) -> bytes:
    """What aiecc and xclbinutil make; B's first drivers left the uuid nil."""
    lowered = _design()
    request = PackageRequest(
        columns=lowered.device.columns,
        start_columns=(0,),
        pdi=b"machine code" * 100,
        uuid=bytes(16) if dialect == "B" else bytes(range(16)),
        pdi_uuid=bytes(range(1, 17)),
        buffers=len(main_sequence(lowered).arguments),
    )
    return write_xclbin(build_xclbin(request))


def _design() -> LoweredDesign:
    return lower_design(read_design(Path("design.mlir").read_text(), "design.mlir"))


def with_objects(source: str, dialect: str) -> str:
    return _lowered_text(_lowered(source, dialect), dialect, addresses=False)


def _known(dialect: str) -> LoweredState:
    return "2026-08" if STATE_OF[dialect] == "2026-08" else "2026-03"  # type: ignore[index]


def _lowered(source: str, dialect: str) -> LoweredDesign:
    """As mlir-aie lowers it: attributes of ours mean nothing to it."""
    text = re.sub(r" \{tileproof\.[^}]*\}", "", Path(source).read_text())
    text = respelled(text, source, _known(dialect))
    return lower_design(read_design(text, source), state=_known(dialect), scheme="bank-aware")


def with_addresses(source: str, dialect: str) -> str:
    if "aie.objectfifo" in Path(source).read_text():
        return _lowered_text(_lowered(source, dialect), dialect, addresses=True)
    # Fifos are lowered already: what the buffers ask for now counts.
    design = read_design(Path(source).read_text(), source)
    lowered = _lowered("aie.mlir", dialect)
    stacks = {core.core.tile.at: core.stack_size for core in lowered.cores}
    placed: list[PlacedBuffer] = []
    for tile in {buffer.tile.at: buffer.tile for buffer in design.buffers}.values():
        mine = [buffer for buffer in design.buffers if buffer.tile.at == tile.at]
        placed += place_buffers(tile, mine, stacks.get(tile.at, 0), scheme="bank-aware", state=_known(dialect))
    return _lowered_text(lowered, dialect, addresses=True, buffers=placed)


def _lowered_text(
    lowered: LoweredDesign, dialect: str, *, addresses: bool, buffers: Sequence[PlacedBuffer] | None = None
) -> str:
    lines = [f"module {{\n  aie.device({lowered.device.name}) @main {{"]
    tiles = {tile.at: tile for tile in lowered.design.tiles}
    for (column, row), tile in tiles.items():
        scheme = f' {{allocation_scheme = "{tile.scheme}"}}' if tile.scheme else ""
        lines.append(f"    %tile_{column}_{row} = aie.tile({column}, {row}){scheme}")
    for buffer in buffers or lowered.buffers:
        column, row = buffer.tile.at
        bank = f", mem_bank = {buffer.bank} : i32" if buffer.bank is not None else ""
        address = f"address = {buffer.address + _shift(buffer)} : i32{bank}, " if addresses else ""
        lines.append(
            f"    %{buffer.name} = aie.buffer(%tile_{column}_{row}) "
            f'{{{address}sym_name = "{buffer.name}"}} : {buffer.type}'
        )
    for lock in lowered.locks:
        column, row = lock.tile.at
        lines.append(
            f"    %{lock.name} = aie.lock(%tile_{column}_{row}, {lock.id}) "
            f'{{init = {lock.init} : i32, sym_name = "{lock.name}"}}'
        )
    for at, tile in tiles.items():
        if tile.kind != SHIM:
            lines += _program(lowered, at, "mem" if tile.kind == CORE else "memtile_dma")
    return respelled("\n".join([*lines, "  }\n}\n"]), "lowered", _known(dialect))


def _shift(buffer: PlacedBuffer) -> int:
    """A tool that puts the last buffer of a fifo somewhere else."""
    program = Path(sys.argv[0]).name.removesuffix(".py")
    return 64 if os.environ.get(BROKEN) == f"{program} places elsewhere" and buffer.name.endswith("_buff_1") else 0


def _program(lowered: LoweredDesign, at: tuple[int, int], kind: str) -> list[str]:
    chains = [chain for chain in lowered.chains if chain.tile.at == at]
    if not chains:
        return []
    types = {buffer.name: buffer.type for buffer in lowered.buffers}
    lines = [f"    %mem_{at[0]}_{at[1]} = aie.{kind}(%tile_{at[0]}_{at[1]}) {{"]
    for number, chain in enumerate(chains):
        end = f"^chain{number + 1}" if number + 1 < len(chains) else "^end"
        if number:
            lines.append(f"    ^chain{number}:")
        lines.append(
            f"      %{number} = aie.dma_start({chain.direction}, {chain.channel}, ^bd{chain.bds[0].bd_id}, {end})"
        )
        for bd in chain.bds:
            lines += _bd(bd, str(types[bd.buffer]))
    return [*lines, "    ^end:", "      aie.end", "    }"]


def _bd(bd: Bd, type_: str) -> list[str]:
    lines = [f"    ^bd{bd.bd_id}:"]
    if bd.acquire:
        lines.append(f"      aie.use_lock(%{bd.acquire[0]}, AcquireGreaterEqual, {bd.acquire[1]})")
    lines.append(f"      aie.dma_bd(%{bd.buffer} : {type_}, {bd.offset}, {bd.length}) {{bd_id = {bd.bd_id} : i32}}")
    if bd.release:
        lines.append(f"      aie.use_lock(%{bd.release[0]}, Release, {bd.release[1]})")
    return [*lines, f"      aie.next_bd ^{'end' if bd.next is None else f'bd{bd.next}'}"]
