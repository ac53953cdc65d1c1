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

from stand_in_tools import BROKEN, DAYS

from tileproof.device_model import CORE, SHIM
from tileproof.insts import BlockWrite, decode, encode
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import Bd, LoweredDesign, PlacedBuffer
from tileproof.lowering.placement import place_buffers
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.printer import respelled
from tileproof.mlir.reader import read_design, read_layout
from tileproof.mlir_aie_versions import LOWERED_VERSIONS, Version, version_named
from tileproof.xclbin import PackageRequest, Section, Xclbin, build_xclbin, write_xclbin
from tileproof.xclbin.names import KIND_OF
from tileproof.xclbin.sections import MemData, serialise_topology


def one_memory() -> bytes:
    """What xclbinutil makes of one bank."""
    topology = serialise_topology((MemData(tag="HOST", size_kb=0x10000, base_address=0x4000000),))
    return write_xclbin(Xclbin(uuid=bytes(16), sections=(Section(kind=KIND_OF["MEM_TOPOLOGY"], data=topology),)))


def misread(design: str, day: str) -> str:
    """MLIR's words where the text is not spelled as mlir-aie of that day reads it; else nothing."""
    for note in read_layout(Path(design).read_text(), design).notes:
        if note.versions is not None and DAYS[day][1] not in note.versions:
            return f"{note.place}: error: expected what mlir-aie of {day} writes ({note.what})"
    return ""


def instructions(design: str, day: str) -> bytes:
    lowered = _lowered(design, day)
    words = sequence_words(lowered, main_sequence(lowered))
    if os.environ.get(BROKEN) != "aiecc moves less":
        return words
    stream = decode(words, "insts.bin")
    less = (
        replace(op, words=(op.words[0] // 2, *op.words[1:])) if isinstance(op, BlockWrite) else op
        for op in stream.operations
    )
    return encode(replace(stream, operations=tuple(less)))


def packed(kind: str) -> bytes:
    """What aiecc and xclbinutil make; B's first drivers left the uuid nil."""
    lowered = _design()
    request = PackageRequest(
        columns=lowered.device.columns,
        start_columns=(0,),
        pdi=b"machine code" * 100,
        uuid=bytes(16) if kind == "B" else bytes(range(16)),
        pdi_uuid=bytes(range(1, 17)),
        buffers=len(main_sequence(lowered).arguments),
    )
    return write_xclbin(build_xclbin(request))


def _design() -> LoweredDesign:
    return lower_design(read_design(Path("design.mlir").read_text(), "design.mlir"))


def with_objects(source: str, day: str, *, located: bool) -> str:
    return _lowered_text(_lowered(source, day), day, addresses=False)


def _known(day: str) -> Version:
    """Of v1.1.x tileproof knows the spelling, and takes its lowering for that of the version behind it."""
    version = version_named(DAYS[day][1])
    return version if version.lowering_is_known else LOWERED_VERSIONS[0]


def _lowered(source: str, day: str) -> LoweredDesign:
    """As mlir-aie lowers it: attributes of ours mean nothing to it."""
    text = re.sub(r" \{tileproof\.[^}]*\}", "", Path(source).read_text())
    text = respelled(text, source, _known(day))
    return lower_design(read_design(text, source), version=_known(day), scheme="bank-aware")


def with_addresses(source: str, day: str, *, located: bool = True) -> str:
    """aie-opt prints no locations; aiecc of July 2026 and later does, and has lowered cores further by then."""
    text = _with_addresses(source, day)
    return as_printed(text) if located and DAYS[day][0] in ("C1", "C2") else text


# What aiecc prints beside the layout, in the manner of tests/mlir_aie/attention_npu1/input_with_addresses.mlir.
_BESIDE = """\
    func.func private @not_there(memref<64xi32>) attributes {link_with = "tile.o"}
    %core_0_2 = aie.core(TILE) {
      %c0 = arith.constant 0 : index
      %c1_i32 = arith.constant 1 : i32
      cf.br ^bb1(%c0 : index)
    ^bb1(%0: index):  // 2 preds: ^bb0, ^bb2
      %1 = arith.cmpi slt, %0, %c0 : index
      cf.cond_br %1, ^bb2, ^bb3
    ^bb2:  // pred: ^bb1
      %2 = llvm.mlir.constant(dense<0> : vector<16xi32>) : vector<16xi32>
      %3 = aievec.add_elem %2, %2 : vector<16xi32>
      cf.br ^bb1(%c0 : index)
    ^bb3:  // pred: ^bb1
      aie.end
    } {link_files = ["tile.o"], stack_size = 1024 : i32}
    aie.configure_cascade(TILE, North, South)
    aie.runtime_sequence(%arg0: memref<64xi32>, %arg1: memref<64xi32>) {
      aiex.npu.dma_wait {symbol = @nobody}
    }
    aie.packet_flow(15) {
      aie.packet_source<TILE, TileControl : 0>
      aie.packet_dest<TILE, South : 0>
    } {keep_pkt_header = true, priority_route = true}
"""


def as_printed(text: str) -> str:
    """With what stands beside the layout, and with locations: aliases are defined behind their use."""
    lines = text.replace("builtin.module {", "module {").rstrip().split("\n")
    tile = next((line.split()[0] for line in lines if re.search(r"= aie\.tile\(\d+, [2-5]\)", line)), None)
    beside = _BESIDE.replace("TILE", tile).rstrip().split("\n") if tile else []
    lines = [*lines[:-2], *beside, *lines[-2:]]
    located = []
    for number, line in enumerate(lines):
        named = re.sub(r"(%arg\d: [^,)]+)", rf'\1 loc("aie.mlir":{number}:36)', line)
        labelled = re.sub(r"^(\s*\^bb\d\(%\d: index)", rf'\1 loc("aie.mlir":{number}:15)', named)
        ends = not line.rstrip().endswith("{") and not line.lstrip().startswith("^")
        located.append(labelled + f" loc(#loc{number})" * ends)
    defined = [f'#loc{number} = loc("aie.mlir":{number + 1}:5)' for number in range(len(lines))]
    return "\n".join(['#loc999 = loc("aie.mlir":13:15)', *located, "#loc = loc(unknown)", *defined]) + "\n"


def _with_addresses(source: str, day: str) -> str:
    if "aie.objectfifo" in Path(source).read_text():
        return _lowered_text(_lowered(source, day), day, addresses=True)
    # Fifos are lowered already: what the buffers ask for now counts.
    design = read_layout(Path(source).read_text(), source)
    lowered = _lowered("aie.mlir", day)
    stacks = {core.core.tile.at: core.stack_size for core in lowered.cores}
    placed: list[PlacedBuffer] = []
    for tile in {buffer.tile.at: buffer.tile for buffer in design.buffers}.values():
        mine = [buffer for buffer in design.buffers if buffer.tile.at == tile.at]
        placed += place_buffers(tile, mine, stacks.get(tile.at, 0), scheme="bank-aware", version=_known(day))
    return _lowered_text(lowered, day, addresses=True, buffers=placed)


def _lowered_text(
    lowered: LoweredDesign, day: str, *, addresses: bool, buffers: Sequence[PlacedBuffer] | None = None
) -> str:
    lines = [f"module {{\n  aie.device({lowered.device.name}) {{"]
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
    return respelled("\n".join([*lines, "  }\n}\n"]), "lowered", _known(day))


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
    moved = f"%{bd.buffer} : {type_}, {bd.offset}, {bd.length}"
    if bd.sizes:
        walked = (f"<size = {size}, stride = {stride}>" for size, stride in zip(bd.sizes, bd.strides, strict=True))
        moved += f", [{', '.join(walked)}]"
    if bd.pads:
        moved += f", [{', '.join(f'<const_pad_before = {a}, const_pad_after = {b}>' for a, b in bd.pads)}]"
    packet = f", packet = #aie.packet_info<pkt_type = {bd.packet.type}, pkt_id = {bd.packet.id}>" if bd.packet else ""
    lines.append(f"      aie.dma_bd({moved}) {{bd_id = {bd.bd_id} : i32{packet}}}")
    if bd.release:
        lines.append(f"      aie.use_lock(%{bd.release[0]}, Release, {bd.release[1]})")
    return [*lines, f"      aie.next_bd ^{'end' if bd.next is None else f'bd{bd.next}'}"]
