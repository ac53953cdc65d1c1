"""Every operation of the aie and aiex dialects, in every spelling, is read to the plain data it stands for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, is_dataclass, replace
from math import inf
from typing import Any

import pytest

from tileproof.diagnostic import Diagnostic, Place
from tileproof.dtypes import DTYPES
from tileproof.errors import Problem
from tileproof.mlir.design import (
    AddressPatch,
    Allocate,
    Bd,
    Buffer,
    CascadeFlow,
    Channel,
    ConfigureTask,
    Design,
    DmaProgram,
    EventName,
    Flow,
    Lock,
    Note,
    Packet,
    PacketFlow,
    Port,
    PushQueue,
    RegisteredBuffers,
    RegisterWrite,
    RtpWrite,
    SetLock,
    ShimAllocation,
    StartTrace,
    SyncWait,
    Tile,
    Trace,
    TraceCombo,
    TraceEdge,
    TraceEvent,
    TraceHostConfig,
    TraceMode,
    TracePacket,
    TracePort,
    TraceSwitch,
    Transfer,
    UseTask,
    Wait,
)
from tileproof.mlir.program import (
    Access,
    Acquire,
    Binary,
    Bitcast,
    Branch,
    BranchIf,
    Broadcast,
    Cast,
    Compare,
    CompareFloats,
    Condition,
    Constant,
    Copy,
    End,
    Event,
    For,
    GetCascade,
    If,
    IndexSwitch,
    Jump,
    Kept,
    Label,
    Load,
    Operation,
    PutCascade,
    Release,
    Reshape,
    Retype,
    Select,
    Store,
    Subview,
    UseLock,
    While,
    Yield,
)
from tileproof.mlir.reader import read_design
from tileproof.mlir.values import MemRef

FRAME = """\
module {{
  aie.device(npu1) {{
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %tile = aie.tile(0, 2)
    %next = aie.tile(0, 3)
    %work = aie.buffer(%tile) {{sym_name = "work"}} : memref<64xi32>
    %free = aie.lock(%tile, 0) {{init = 1 : i32, sym_name = "free"}}
    %full = aie.lock(%tile, 1) {{sym_name = "full"}}
    aie.shim_dma_allocation @in(%shim, MM2S, 0)
{body}
  }}
}}
"""
# The first line of a frame's body.
FIRST = 11

NOWHERE = Place("", 0, 0)
SHIM = Tile(column=0, row=0, kind="shim", place=NOWHERE)
MEM = Tile(column=0, row=1, kind="mem", place=NOWHERE)
TILE = Tile(column=0, row=2, kind="core", place=NOWHERE)
NEXT = Tile(column=0, row=3, kind="core", place=NOWHERE)
WORK = MemRef((64,), DTYPES["i32"])


def placeless(value: Any) -> Any:
    if isinstance(value, Place):
        return NOWHERE
    if isinstance(value, tuple):
        return tuple(placeless(entry) for entry in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: placeless(getattr(value, field.name)) for field in fields(value)})
    return value


def framed(*lines: str) -> str:
    return FRAME.format(body="\n".join(lines))


def module(*lines: str) -> str:
    """A device without a frame; the first of `lines` is line 3."""
    return "\n".join(["module {", "aie.device(npu1) {", *lines, "}", "}", ""])


def read(*lines: str) -> Design:
    design: Design = placeless(read_design(framed(*lines), "d.mlir"))
    return design


def notes(*lines: str) -> tuple[Note, ...]:
    return read_design(framed(*lines), "d.mlir").notes


def refusal(text: str) -> str:
    with pytest.raises(Problem) as refused:
        read_design(text, "d.mlir")
    return str(refused.value)


def in_sequence(*lines: str, arguments: str = "%a: memref<64xi32>, %b: memref<64xi32>") -> tuple[str, ...]:
    """The first of `lines` is line FIRST + 1."""
    return (f"    aie.runtime_sequence({arguments}) {{", *lines, "    }")


def in_core(*lines: str, attributes: str = "") -> tuple[str, ...]:
    """The first of `lines` is line FIRST + 1."""
    return ("    %core = aie.core(%tile) {", *lines, "      aie.end", "    }" + attributes)


def in_mem(*lines: str) -> tuple[str, ...]:
    """One block with `lines`, of which the first is line FIRST + 3."""
    return (
        "    %dma = aie.mem(%tile) {",
        "      %start = aie.dma_start(S2MM, 0, ^bd, ^end)",
        "    ^bd:",
        *lines,
        "      aie.next_bd ^bd",
        "    ^end:",
        "      aie.end",
        "    }",
    )


def bd(**changes: Any) -> Bd:
    """All of %work, without locks, at the end of its chain."""
    whole = Bd(
        buffer="work",
        type=WORK,
        offset=0,
        length=64,
        sizes=(),
        strides=(),
        acquire=None,
        release=None,
        next=None,
        bd_id=None,
        packet=None,
        burst_length=0,
        place=NOWHERE,
    )
    return replace(whole, **changes)


# Tiles and what lies in them


def test_the_device_that_mlir_aie_no_longer_names_has_four_columns():
    design = read_design("module { aie.device(npu1_4col) { %t = aie.tile(3, 5) } }", "d.mlir")

    assert (design.device.name, design.device.generation, design.device.columns) == ("npu1_4col", "npu1", 4)


def test_a_tile_may_ask_for_an_allocation_scheme():
    text = module('%a = aie.tile(0, 2) {allocation_scheme = "bank-aware"}', "%b = aie.tile(0, 3)")

    assert [tile.scheme for tile in read_design(text, "d.mlir").tiles] == ["bank-aware", None]


def test_a_buffer_has_a_place_and_values_only_where_the_design_gives_them():
    design = read(
        '%table = aie.buffer(%mem) {sym_name = "table", address = 4096 : i32, mem_bank = 1 : i32}'
        " : memref<2x2xi16> = dense<[[1, -2], [3, 4]]>",
        '%ones = aie.buffer(%next) {sym_name = "ones"} : memref<4xbf16> = dense<1.5>',
        "%plain = aie.buffer(%next) : memref<3xf32>",
    )

    assert design.buffers == (
        Buffer(name="work", tile=TILE, type=WORK, address=None, bank=None, place=NOWHERE),
        Buffer(
            name="table",
            tile=MEM,
            type=MemRef((2, 2), DTYPES["i16"]),
            address=4096,
            bank=1,
            place=NOWHERE,
            initial=(1, -2, 3, 4),
        ),
        Buffer(
            name="ones",
            tile=NEXT,
            type=MemRef((4,), DTYPES["bf16"]),
            address=None,
            bank=None,
            place=NOWHERE,
            initial=(1.5,) * 4,
        ),
        Buffer(name="buffer_3", tile=NEXT, type=MemRef((3,), DTYPES["f32"]), address=None, bank=None, place=NOWHERE),
    )


def test_blanks_may_stand_between_the_extents_of_a_type():
    design = read('%wide = aie.buffer(%next) {sym_name = "wide"} : memref<4 x 8x i32>')

    assert design.buffers[1].type == MemRef((4, 8), DTYPES["i32"])


def test_a_float_may_be_written_as_its_bits():
    """MLIR writes infinities in no other way."""
    design = read('%low = aie.buffer(%next) {sym_name = "low"} : memref<2xf32> = dense<0xFF800000>')

    assert design.buffers[1].initial == (-inf, -inf)


@pytest.mark.parametrize(
    ("spelling", "id_", "init"),
    [
        ("(%next, 3) {init = 2 : i32}", 3, 2),
        ("(%next, 3)", 3, 0),
        ("(%next) {init = 2 : i32}", None, 2),
        ("(%next)", None, 0),
    ],
)
def test_a_lock_may_leave_its_id_and_its_value_to_mlir_aie(spelling, id_, init):
    named = spelling[:-1] + ', sym_name = "l"}' if spelling.endswith("}") else spelling + ' {sym_name = "l"}'

    assert read(f"%l = aie.lock{named}").locks[2:] == (Lock(name="l", tile=NEXT, id=id_, init=init, place=NOWHERE),)
    assert read(f"%l = aie.lock{spelling}").locks[2:] == (
        Lock(name="lock_2", tile=NEXT, id=id_, init=init, place=NOWHERE),
    )


@pytest.mark.parametrize(
    ("named", "without_a_name"),
    [
        ('%a = aie.buffer(%tile) {sym_name = "buffer_2"} : memref<4xi32>', "%b = aie.buffer(%tile) : memref<4xi32>"),
        ('%a = aie.lock(%tile) {sym_name = "lock_3"}', "%b = aie.lock(%tile)"),
    ],
)
def test_a_name_that_the_design_gives_does_not_clash_with_one_that_we_make_up(named, without_a_name):
    design = read(named, without_a_name)

    assert len({entry.name for entry in (*design.buffers, *design.locks)}) == len(design.buffers) + len(design.locks)


def test_the_objects_of_a_shared_fifo_may_be_given_a_tile():
    fifo = "aie.objectfifo @f(%tile, {%next}, 2 : i32) : !aie.objectfifo<memref<4xi32>>"

    assert read(fifo, "aie.objectfifo.allocate @f(%next)").allocates == (Allocate(fifo="f", tile=NEXT, place=NOWHERE),)


def test_external_buffers_are_registered_with_a_fifo():
    design = read(
        "aie.objectfifo @f(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<4xi32>>",
        '%host = aie.external_buffer {sym_name = "host"} : memref<64xi32>',
        "%more = aie.external_buffer : memref<8xi16>",
        "aie.objectfifo.register_external_buffers @f (%shim, {%host, %more}) : (memref<64xi32>, memref<8xi16>)",
    )

    named = ("host", "external_buffer_1")
    assert design.registered == (
        RegisteredBuffers(fifo="f", tile=SHIM, types=(WORK, MemRef((8,), DTYPES["i16"])), place=NOWHERE, names=named),
    )


# DMA programs

POSITIONAL = """\
      aie.use_lock(%free, AcquireGreaterEqual, 2)
      aie.dma_bd(%work : memref<64xi32>, 8, 32, [<size = 4, stride = 16>, <size = 8, stride = 1>])
      aie.use_lock(%full, Release, 1)"""
NAMED = """\
      aie.use_lock(%free, AcquireGreaterEqual, %two)
      aie.dma_bd(%work : memref<64xi32> offset = 8 len = 32 sizes = [4, 8] strides = [16, 1])
      aie.use_lock(%full, Release, %one)"""
SSA = """\
      aie.use_lock(%free, AcquireGreaterEqual, %two)
      aie.dma_bd(%work : memref<64xi32> strides = [16, %one] len = %length sizes = [%four, 8] offset = %eight)
      aie.use_lock(%full, Release)"""
CONSTANTS = [
    f"      %{name} = arith.constant {value} : i32"
    for name, value in {"one": 1, "two": 2, "four": 4, "eight": 8, "length": 32}.items()
]
SPELLINGS = {"positional": POSITIONAL, "named": NAMED, "SSA": SSA}


def program(operation: str, tile: str, block: str) -> tuple[str, ...]:
    """A channel whose two BDs, both `block`, follow each other for ever."""
    return (
        f"    %dma = {operation}(%{tile}) {{",
        *CONSTANTS,
        "      %start = aie.dma_start(MM2S, 1, ^first, ^end, repeat_count = 3)",
        "    ^first:",
        block,
        "      aie.next_bd ^second",
        "    ^second:",
        block,
        "      aie.next_bd ^first",
        "    ^end:",
        "      aie.end",
        "    }",
    )


@pytest.mark.parametrize("operation", ["aie.mem", "aie.memtile_dma"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_dma_program_is_the_same_in_every_spelling(operation, spelling):
    tile, of = ("tile", TILE) if operation == "aie.mem" else ("mem", MEM)
    one = bd(offset=8, length=32, sizes=(4, 8), strides=(16, 1), acquire=("free", 2), release=("full", 1))

    assert read(*program(operation, tile, SPELLINGS[spelling])).programs == (
        DmaProgram(
            tile=of,
            direction="MM2S",
            channel=1,
            bds=(replace(one, next=1), replace(one, next=0)),
            repeat_count=3,
            place=NOWHERE,
        ),
    )


PADS = "[<const_pad_before = 1, const_pad_after = 0>, <const_pad_before = 2, const_pad_after = 4>]"


@pytest.mark.parametrize(
    "written",
    [
        f"aie.dma_bd(%work : memref<64xi32>, 0, 36, [<size = 2, stride = 16>, <size = 6, stride = 1>], {PADS})",
        f"aie.dma_bd(%work : memref<64xi32> offset = 0 len = 36 sizes = [2, 6] strides = [16, 1] pad {PADS})",
    ],
)
def test_pads_of_a_bd_are_read_in_both_spellings(written):
    (program,) = read(
        "%start = aie.memtile_dma(%mem) {",
        "  %0 = aie.dma_start(MM2S, 0, ^one, ^end)",
        "^one:",
        written,
        "  aie.next_bd ^end",
        "^end:",
        "  aie.end",
        "}",
    ).programs

    assert program.bds == (bd(length=36, sizes=(2, 6), strides=(16, 1), pads=((1, 0), (2, 4))),)


def test_pads_of_a_fifo_are_read():
    pads = f"{{padDimensions = #aie<bd_pad_layout_array{PADS}>}} :"

    assert read(OBJECT_FIFO.replace(") :", f") {pads}")).fifos[0].pads == ((1, 0), (2, 4))


def test_only_the_positional_spelling_of_a_bd_is_noted_as_old():
    assert notes(*program("aie.mem", "tile", NAMED)) == ()
    first, second = notes(*program("aie.mem", "tile", POSITIONAL))
    assert (str(first.place), str(second.place)) == ("d.mlir:20:7", "d.mlir:25:7")
    assert (first.said.id, first.said.what, first.said.why, first.said.fix, first.versions) == (
        "TP004",
        "aie.dma_bd is spelled as mlir-aie did until July 2026",
        "it is aie.dma_bd(%buffer : memref<...> offset = 0 len = 64 sizes = [...] strides = [...]) since",
        "print the design with `tileproof inspect FILE --print` for the mlir-aie that is to read it",
        ("2025-11", "2026-03", "2026-06"),
    )


def test_a_chain_that_does_not_loop_stops_at_its_last_bd():
    chains = read(
        "    %dma = aie.mem(%tile) {",
        "      %a = aie.dma_start(S2MM, 0, ^a0, ^more)",
        "    ^a0:",
        "      aie.dma_bd(%work : memref<64xi32>)",
        "      aie.next_bd ^a1",
        "    ^a1:",
        "      aie.dma_bd(%work : memref<64xi32> len = 8)",
        "      aie.next_bd ^end",
        "    ^more:",
        "      %b = aie.dma_start(S2MM, 1, ^b0, ^end)",
        "    ^b0:",
        "      aie.dma_bd(%work : memref<64xi32>, 4)",
        "      aie.end",
        "    ^end:",
        "      aie.end",
        "    }",
    ).programs

    assert [(chain.channel, chain.repeat_count) for chain in chains] == [(0, 0), (1, 0)]
    assert chains[0].bds == (bd(next=1), bd(length=8))
    assert chains[1].bds == (bd(offset=4),)


def test_a_chain_may_loop_to_a_later_bd_than_its_first():
    (chain,) = read(
        "    %dma = aie.mem(%tile) {",
        "      %a = aie.dma_start(S2MM, 0, ^a, ^end)",
        "    ^b:",
        "      aie.dma_bd(%work : memref<64xi32> len = 2)",
        "      aie.next_bd ^b",
        "    ^a:",
        "      aie.dma_bd(%work : memref<64xi32> len = 1)",
        "      aie.next_bd ^b",
        "    ^end:",
        "      aie.end",
        "    }",
    ).programs

    assert [(one.length, one.next) for one in chain.bds] == [(1, 1), (2, 1)]


def test_a_bd_may_have_an_id_a_packet_header_and_a_burst_length():
    written = "{bd_id = 3 : i32, burst_length = 256 : i32, packet = #aie.packet_info<pkt_type = 1, pkt_id = 2>}"
    (chain,) = read(*in_mem(f"aie.dma_bd(%work : memref<64xi32>) {written}")).programs

    assert chain.bds == (bd(next=0, bd_id=3, burst_length=256, packet=Packet(id=2, type=1)),)


@pytest.mark.parametrize(("action", "exactly"), [("Acquire", True), ("AcquireGreaterEqual", False)])
def test_a_bd_waits_for_the_value_of_its_lock_or_for_at_least_that(action, exactly):
    (chain,) = read(*in_mem(f"aie.use_lock(%free, {action}, 2)", BD)).programs

    assert chain.bds == (bd(next=0, acquire=("free", 2), exactly=exactly),)


def test_words_may_be_in_quotes_as_in_designs_of_2024():
    lines = in_mem('aie.use_lock(%free, "AcquireGreaterEqual", 1)', "aie.dma_bd(%work : memref<64xi32>)")
    quoted = tuple(line.replace("S2MM", '"S2MM"') for line in lines)

    assert read(*quoted).programs == read(*lines).programs
    assert (
        read('aie.flow(%shim, "DMA" : 0, %tile, "DMA" : 1)').flows
        == read("aie.flow(%shim, DMA : 0, %tile, DMA : 1)").flows
    )


# Streams


def test_a_flow_goes_from_a_port_to_a_port():
    design = read("aie.flow(%shim, DMA : 1, %tile, Core : 0)")

    source, destination = Port(tile=SHIM, bundle="DMA", channel=1), Port(tile=TILE, bundle="Core", channel=0)
    assert design.flows == (Flow(source=source, destination=destination, place=NOWHERE),)
    assert str(design.flows[0].source) == "shim (0, 0) DMA:1"


def test_what_nobody_reads_of_an_end_of_a_packet_flow_is_noted():
    design = read(
        "aie.packet_flow(31) {",
        "  aie.packet_source<%tile, DMA : 0>",
        "  aie.packet_dest<%shim, DMA : 1> {keep_pkt_header = true}",
        "}",
    )

    assert [note.said.what for note in design.notes] == [
        "aie.packet_dest has an attribute 'keep_pkt_header' that tileproof does not know"
    ]
    assert design.packet_flows[0].keep_header is None


@pytest.mark.parametrize(
    ("written", "kept"), [("", None), (" {keep_pkt_header = true}", True), (" {keep_pkt_header = false}", False)]
)
def test_a_packet_flow_goes_from_all_its_sources_to_all_its_destinations(written, kept):
    design = read(
        "aie.packet_flow(31) {",
        "  aie.packet_source<%tile, DMA : 0>",
        "  aie.packet_source<%next, Trace : 0>",
        "  aie.packet_dest<%shim, DMA : 1>",
        "  aie.packet_dest<%mem, DMA : 5>",
        "}" + written,
    )

    assert design.packet_flows == (
        PacketFlow(
            id=31,
            sources=(Port(tile=TILE, bundle="DMA", channel=0), Port(tile=NEXT, bundle="Trace", channel=0)),
            destinations=(Port(tile=SHIM, bundle="DMA", channel=1), Port(tile=MEM, bundle="DMA", channel=5)),
            keep_header=kept,
            place=NOWHERE,
        ),
    )


def test_a_cascade_goes_south_or_east():
    assert read("aie.cascade_flow(%next, %tile)").cascade_flows == (
        CascadeFlow(source=NEXT, destination=TILE, place=NOWHERE),
    )
    (east,) = read("%east = aie.tile(1, 2)", "aie.cascade_flow(%tile, %east)").cascade_flows
    assert (east.source.at, east.destination.at) == ((0, 2), (1, 2))


@pytest.mark.parametrize("far", [(0, 4), (1, 4), (0, 1), (2, 3)])
def test_a_cascade_between_tiles_that_share_no_wire_is_refused(far):
    device = ("%from = aie.tile(0, 3)", f"%to = aie.tile({far[0]}, {far[1]})", "aie.cascade_flow(%from, %to)")

    assert refusal(module(*device)) == (
        f"error: there is no cascade from core (0, 3) to {'mem' if far[1] == 1 else 'core'} {far}\n"
        "  where: d.mlir:5:1\n"
        "  why:   the cascade wires run from north to south and from west to east\n"
        "  fix:   let it go from a core to its south or east neighbour"
    )


def test_a_shim_allocation_names_a_tile_or_as_until_2025_a_column():
    new, old = "aie.shim_dma_allocation @x(%shim, S2MM, 1)", "aie.shim_dma_allocation @x(S2MM, 1, 0)"
    wanted = ShimAllocation(name="x", tile=SHIM, direction="S2MM", channel=1, place=NOWHERE)

    assert read(new).shim_allocations[1] == read(old).shim_allocations[1] == wanted
    assert notes(new) == ()
    assert notes(old) == (
        Note(
            said=Diagnostic(
                id="TP004",
                what="aie.shim_dma_allocation names a column, as until December 2025",
                why="it is aie.shim_dma_allocation @name(%tile, MM2S, 0) since",
                fix="name the shim tile, or print the design with `tileproof inspect FILE --print`",
                place=Place("d.mlir", FIRST, 1),
            ),
            versions=("2025-11",),
        ),
    )


def test_an_allocation_in_a_column_without_a_declared_tile_has_its_shim_tile_all_the_same():
    (allocation,) = read_design(module("aie.shim_dma_allocation @x(MM2S, 0, 3)"), "d.mlir").shim_allocations

    assert str(allocation.tile) == "shim (3, 0)"


# The runtime sequence


def operations(*lines: str, arguments: str = "%a: memref<64xi32>, %b: memref<64xi32>") -> tuple[object, ...]:
    (sequence,) = read(*in_sequence(*lines, arguments=arguments)).sequences
    return sequence.operations


def test_a_sequence_has_a_name_and_typed_arguments():
    design = read(
        "aie.runtime_sequence(%a: memref<64xi32>) {",
        "}",
        "aie.runtime_sequence @other(%a: memref<4x4xbf16>, %b: memref<8xui8>) {",
        "}",
    )

    assert [(sequence.name, [str(one) for one in sequence.arguments]) for sequence in design.sequences] == [
        ("sequence", ["memref<64xi32>"]),
        ("other", ["memref<4x4xbf16>", "memref<8xui8>"]),
    ]


def test_a_sequence_is_read_under_its_name_of_2025_too_and_noted():
    lines = in_sequence("aiex.npu.dma_wait {symbol = @in}")
    old = tuple(line.replace("aie.runtime_sequence", "aiex.runtime_sequence") for line in lines)

    assert read(*old).sequences == read(*lines).sequences
    assert notes(*old) == (
        Note(
            said=Diagnostic(
                id="TP004",
                what="aiex.runtime_sequence is what mlir-aie called it until November 2025",
                why="it is aie.runtime_sequence since, and the old name is an unknown operation",
                fix="write aie.runtime_sequence, or print the design with `tileproof inspect FILE --print`",
                place=Place("d.mlir", FIRST, 5),
            ),
            versions=(),
        ),
    )


TRANSFER = Transfer(
    argument=1,
    offsets=(0, 0, 0, 8),
    sizes=(1, 2, 3, 4),
    strides=(0, 16, 8, 1),
    shim="in",
    bd_id=5,
    issue_token=False,
    burst_length=0,
    place=NOWHERE,
)


@pytest.mark.parametrize(
    ("lists", "attributes", "wanted"),
    [
        ("[0, 0, 0, 8][1, 2, 3, 4][0, 16, 8, 1]", "", TRANSFER),
        ("[0, 0, 0, %eight][1, 2, %three, 4][0, 16, %eight, 1]", "", TRANSFER),
        (
            "[0, 0, 0, 8][1, 2, 3, 4][0, 16, 8, 1], packet = <pkt_type = 1, pkt_id = 3>",
            ", issue_token = true, burst_length = 64 : i64",
            replace(TRANSFER, packet=Packet(id=3, type=1), issue_token=True, burst_length=64),
        ),
        (
            "[0, 0, 0, 8][1, 2, 3, 4][0, 16, 8, 1], packet = #aie.packet_info<pkt_type = 0, pkt_id = 31>",
            ", issue_token = false, d0_zero_before = 0 : i64",
            replace(TRANSFER, packet=Packet(id=31, type=0)),
        ),
    ],
)
def test_a_transfer_has_lists_of_numbers_or_of_constants(lists, attributes, wanted):
    assert operations(
        "%eight = arith.constant 8 : i64",
        "%three = arith.constant 3 : i64",
        f"aiex.npu.dma_memcpy_nd(%b{lists}) {{id = 5 : i64, metadata = @in{attributes}}} : memref<64xi32>",
        "aiex.npu.dma_wait {symbol = @in}",
    ) == (wanted, Wait(shim="in", place=NOWHERE))


def test_a_task_is_configured_started_awaited_and_freed():
    assert operations(
        "%t = aiex.dma_configure_task_for @in {",
        "  aie.dma_bd(%b : memref<64xi32>, 4, 16, [<size = 4, stride = 8>, <size = 4, stride = 1>])"
        " {burst_length = 64 : i32}",
        "  aie.end",
        "}",
        "%u = aiex.dma_configure_task(%mem, MM2S, 3) {",
        "  aie.dma_bd(%work : memref<64xi32> len = 16) {bd_id = 7 : i32}",
        "  aie.next_bd ^next",
        "^next:",
        "  aie.dma_bd(%work : memref<64xi32> offset = 16 len = 16)",
        "  aie.end",
        "} {issue_token = true, repeat_count = 2 : i32}",
        "aiex.dma_start_task(%u)",
        "aiex.dma_start_task(%t)",
        "aiex.dma_await_task(%u)",
        "aiex.dma_free_task(%t)",
    ) == (
        ConfigureTask(
            task=0,
            channel="in",
            bds=(bd(buffer=1, offset=4, length=16, sizes=(4, 4), strides=(8, 1), burst_length=64),),
            issue_token=False,
            repeat_count=0,
            place=NOWHERE,
        ),
        ConfigureTask(
            task=1,
            channel=Channel(tile=MEM, direction="MM2S", channel=3),
            bds=(bd(length=16, bd_id=7, next=1), bd(offset=16, length=16)),
            issue_token=True,
            repeat_count=2,
            place=NOWHERE,
        ),
        UseTask(action="start", task=1, place=NOWHERE),
        UseTask(action="start", task=0, place=NOWHERE),
        UseTask(action="await", task=1, place=NOWHERE),
        UseTask(action="free", task=0, place=NOWHERE),
    )


@pytest.mark.parametrize("head", ["_for @in", "(%shim, MM2S, 0)"])
def test_a_task_may_have_its_repeat_count_as_an_ssa_value(head):
    (task,) = operations(
        "%r = arith.constant 6 : i32",
        f"%t = aiex.dma_configure_task{head} repeat %r : i32 {{",
        "  aie.dma_bd(%a : memref<64xi32>)",
        "  aie.end",
        "}",
    )

    assert isinstance(task, ConfigureTask)
    assert task.repeat_count == 6


def test_a_task_may_have_a_packet_header_for_its_bds():
    lines = in_sequence(
        "%t = aiex.dma_configure_task(%shim, MM2S, 0, <pkt_type = 2, pkt_id = 3>) {",
        "  aie.dma_bd(%a : memref<64xi32>)",
        "  aie.end",
        "}",
    )
    (task,) = read(*lines).sequences[0].operations

    assert notes(*lines) == ()
    assert isinstance(task, ConfigureTask)
    assert (task.packet, task.bds) == (Packet(id=3, type=2), (bd(buffer=0),))


# Loops of a runtime sequence


def sequence_of(*lines: str) -> tuple[object, ...]:
    (sequence,) = read(*in_sequence(*lines)).sequences
    return sequence.operations


CONSTANTS_OF_LOOPS = tuple(f"%c{value} = arith.constant {value} : index" for value in (0, 1, 2, 3))


def test_a_loop_of_a_sequence_is_written_out_with_its_counter_in_the_transfers():
    lines = (
        *CONSTANTS_OF_LOOPS,
        "%rows = arith.constant 8 : i64",
        "scf.for %i = %c0 to %c3 step %c2 {",
        "  %n = arith.index_cast %i : index to i64",
        "  %at = arith.muli %n, %rows : i64",
        "  aiex.npu.dma_memcpy_nd(%a[0, 0, 0, %at][1, 1, 1, 8][0, 0, 0, 1]) {id = 0 : i64, metadata = @in}"
        " : memref<64xi32>",
        "}",
    )

    assert [one.offsets for one in sequence_of(*lines) if isinstance(one, Transfer)] == [(0, 0, 0, 0), (0, 0, 0, 16)]


def test_a_transfer_of_early_2024_is_refused_with_what_it_is_today():
    transfer = "aiex.npu.dma_memcpy_nd(0, 0, %a[0, 0, 0, 0][1, 1, 1, 8][0, 0, 0, 1]) {id = 0 : i64, metadata = @in}"

    assert refusal(framed(*in_sequence(f"{transfer} : memref<64xi32>"))) == (
        "error: a transfer names no column and row since 2024\n"
        f"  where: d.mlir:{FIRST + 1}:24\n"
        "  why:   its fifo says where it goes; and none sends a token that does not say so\n"
        "  fix:   begin with the buffer, and write issue_token = true where something waits for the transfer"
    )


def test_arithmetic_on_constants_is_a_constant_in_whatever_order_its_parts_are_used():
    (transfer,) = sequence_of(
        "%k = arith.constant 3 : i64",
        "%six = arith.addi %k, %k : i64",
        "%c = arith.muli %six, %k : i64",
        "%v = arith.subi %c, %six : i64",
        "aiex.npu.dma_memcpy_nd(%a[0, 0, 0, %v][1, 1, 1, 8][0, 0, 0, 1]) {id = 0 : i64, metadata = @in}"
        " : memref<64xi32>",
    )

    assert isinstance(transfer, Transfer)
    assert transfer.offsets == (0, 0, 0, 12)


def test_an_affine_loop_of_a_sequence_is_written_out_and_its_maps_are_numbers():
    lines = (
        *CONSTANTS_OF_LOOPS,
        "affine.for %i = 0 to 3 step 2 {",
        "  affine.for %j = affine_map<(d0) -> (d0)>(%i) to min affine_map<(d0)[s0] -> (d0 + s0, 3)>(%i)[%c2] {",
        "    %at = affine.apply affine_map<(d0, d1) -> (d0 * 8 + d1 mod 2)>(%i, %j)",
        "    %least = affine.min affine_map<(d0) -> (d0, 17)>(%at)",
        "    %most = affine.max affine_map<(d0) -> (d0, 1)>(%least)",
        "    %from = arith.index_cast %most : index to i64",
        "    aiex.npu.dma_memcpy_nd(%a[0, 0, 0, %from][1, 1, 1, 8][0, 0, 0, 1]) {id = 0 : i64, metadata = @in}"
        " : memref<64xi32>",
        "  }",
        "}",
    )

    numbers = [max(1, min(17, i * 8 + j % 2)) for i in range(0, 3, 2) for j in range(i, min(i + 2, 3))]
    assert [one.offsets[3] for one in sequence_of(*lines) if isinstance(one, Transfer)] == numbers == [1, 1, 16]


def test_an_affine_loop_of_a_sequence_may_carry_a_task():
    task = "aiex.dma_configure_task_for @in { aie.dma_bd(%a : memref<64xi32>) aie.end } {issue_token = true}"
    operations_ = sequence_of(
        f"%first = {task}",
        "%last = affine.for %i = 0 to 2 iter_args(%before = %first) -> (index) {",
        f"  %then = {task}",
        "  aiex.dma_await_task(%before)",
        "  affine.yield %then : index",
        "}",
        "aiex.dma_await_task(%last)",
    )

    assert [one.task for one in operations_ if isinstance(one, UseTask)] == [0, 1, 2]


def test_a_loop_may_hand_a_task_to_its_next_iteration():
    task = "aiex.dma_configure_task_for @in { aie.dma_bd(%a : memref<64xi32>) aie.end } {issue_token = true}"
    operations_ = sequence_of(
        *CONSTANTS_OF_LOOPS,
        f"%first = {task}",
        "%last = scf.for %i = %c0 to %c2 step %c1 iter_args(%before = %first) -> (index) {",
        f"  %then = {task}",
        "  aiex.dma_await_task(%before)",
        "  scf.yield %then : index",
        "}",
        "aiex.dma_await_task(%last)",
    )

    assert [one.task for one in operations_ if isinstance(one, UseTask)] == [0, 1, 2]
    assert [one.task for one in operations_ if isinstance(one, ConfigureTask)] == [0, 1, 2]


def test_loops_may_be_nested_and_may_never_run():
    wait = "aiex.npu.dma_wait {symbol = @in}"
    assert len(
        sequence_of(
            *CONSTANTS_OF_LOOPS,
            "scf.for %i = %c0 to %c3 step %c1 {",
            "  scf.for %j = %i to %c3 step %c1 {",
            f"    {wait}",
            "  }",
            "}",
            "scf.for %i = %c3 to %c0 step %c1 {",
            f"  {wait}",
            "}",
        )
    ) == len([(i, j) for i in range(3) for j in range(i, 3)])


def test_a_design_with_loops_in_a_sequence_is_of_july_2026():
    (note,) = notes(
        *in_sequence(*CONSTANTS_OF_LOOPS, "scf.for %i = %c0 to %c2 step %c1 { aiex.npu.dma_wait {symbol = @in} }")
    )

    assert (note.said.id, note.versions) == ("TP004", ("2026-08", "2026-08-14"))


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (
            ("%n = memref.load %a[%c0] : memref<64xindex>", "scf.for %i = %c0 to %n step %c1 {}"),
            "the count of this loop is known only at run time",
        ),
        (("scf.for %i = %c0 to %c3 step %c0 {}",), "the count of this loop is known only at run time"),
        (("affine.for %i = 0 to 3 step 0 {}",), "the count of this loop is known only at run time"),
        (
            ("%n = memref.load %a[%c0] : memref<64xindex>", "affine.for %i = 0 to %n {}"),
            "the count of this loop is known only at run time",
        ),
        (
            ("affine.for %i = 0 to affine_map<(d0) -> (d0 mod 0)>(%c2) {}",),
            "the count of this loop is known only at run time",
        ),
        (
            ("affine.for %i = 0 to affine_map<(d0) -> (8 floordiv d0)>(%c0) {}",),
            "Floor division with non-constant (semi-affine) is not supported yet",
        ),
        (("affine.for %i = 0 to affine_map<(d0) -> ()>(%c1) {}",), "the map of a bound gives a number at least"),
        (("affine.for %i = 0 to unit {}",), "a bound is a number, a value, or an affine map of values"),
        (
            ("affine.for %i = 0 to affine_map<(d0) -> (d0)>(%c1, %c2) {}",),
            "it takes 1 dimensions and 0 symbols",
        ),
        (("%r = scf.for %i = %c0 to %c3 step %c1 {}",), "the loop has 0 results"),
        (
            ("%r = scf.for %i = %c0 to %c3 step %c1 iter_args(%t = %c0) -> (index) {}",),
            "the loop carries 1 values, and its body yields 0",
        ),
    ],
)
def test_a_loop_that_cannot_be_written_out_is_refused(lines, what):
    text = framed(*in_sequence(*CONSTANTS_OF_LOOPS, *lines, arguments="%a: memref<64xindex>"))

    assert refusal(text).removeprefix("error: ").removeprefix("d.mlir cannot be read: ").startswith(f"{what}\n")


@pytest.mark.parametrize(
    ("counts", "line", "iterations"),
    [
        ((16385,), 0, "16,385"),
        ((1000, 1000, 1000), 1, "1,000,000"),
        ((1, 200, 1, 100), 3, "20,000"),
        ((2**62, 2**62), 0, "more than 10^18"),
    ],
)
def test_loops_inside_each_other_are_decided_by_the_product_of_their_counts(counts, line, iterations):
    limits = [f"%n{number} = arith.constant {count} : index" for number, count in enumerate(counts)]
    loops = [f"scf.for %i{number} = %c0 to %n{number} step %c1 {{" for number in range(len(counts))]
    wait = "aiex.npu.dma_wait {symbol = @in}"
    text = framed(*in_sequence(*CONSTANTS_OF_LOOPS, *limits, *loops, wait, "}" * len(counts)))
    at = FIRST + len(CONSTANTS_OF_LOOPS) + len(limits) + 1 + line

    assert refusal(text) == (
        f"error: with this loop, those of the runtime sequences have {iterations} iterations\n"
        f"  where: d.mlir:{at}:1\n"
        "  why:   at most 16,384 iterations of the loops of the runtime sequences: an instruction stream has "
        "no loops, each is written out, and the longest of the field have hundreds\n"
        "  fix:   let a transfer repeat, by its outermost size, instead of writing it in a loop"
    )


def test_a_loop_whose_operations_are_too_many_is_decided_after_its_first_iteration():
    waits = ["aiex.npu.dma_wait {symbol = @in}"] * 10
    many = "%many = arith.constant 10000 : index"
    text = framed(*in_sequence(*CONSTANTS_OF_LOOPS, many, "scf.for %i = %c0 to %many step %c1 {", *waits, "}"))

    assert refusal(text) == (
        "error: this loop has 100,000 operations when it is written out\n"
        f"  where: d.mlir:{FIRST + 6}:1\n"
        "  why:   at most 65,536 operations: the longest designs of the field have hundreds\n"
        "  fix:   let a transfer repeat, by its outermost size, instead of writing it in a loop"
    )


def test_a_loop_that_never_runs_may_hold_one_without_an_end():
    lines = ("%many = arith.constant 1000000000 : index", "scf.for %i = %c0 to %c0 step %c1 {")
    inner = ("  scf.for %j = %c0 to %many step %c1 {", "    aiex.npu.dma_wait {symbol = @in}", "  }", "}")
    text = framed(*in_sequence(*CONSTANTS_OF_LOOPS, *lines, *inner))

    assert read_design(text, "d.mlir").sequences[0].operations == ()


def test_the_limit_of_a_loop_must_be_there():
    text = framed(*in_sequence(*CONSTANTS_OF_LOOPS, "scf.for %i = %c0 to %nope step %c1 {}"))

    assert refusal(text) == (
        "error: there is no value %nope here\n"
        f"  where: d.mlir:{FIRST + 5}:21\n"
        "  why:   scf.for %i = %c0 to %nope step %c1 {}\n"
        "                             ^^^^^\n"
        "  fix:   correct its name, or define it above"
    )


def test_arithmetic_on_indices_is_that_of_64_bits():
    """And a number that is squared forty times has an end."""
    squares = [f"%p{n + 1} = arith.muli %p{n}, %p{n} : index" for n in range(40)]
    first = "%p0 = arith.constant 9223372036854775807 : index"
    loop = ("scf.for %i = %c0 to %p40 step %c1 {", "  aiex.npu.dma_wait {symbol = @in}", "}")
    text = framed(*in_sequence(*CONSTANTS_OF_LOOPS, first, *squares, *loop))

    assert len(read_design(text, "d.mlir").sequences[0].operations) == 1


# Channels whose BDs are regions


def test_a_channel_may_have_its_bds_as_regions():
    (looped, once) = read(
        "    %dma = aie.mem(%tile) {",
        "      %a = aie.dma(S2MM, 0) [{",
        "        aie.use_lock(%free, AcquireGreaterEqual, 1)",
        "        aie.dma_bd(%work : memref<64xi32> len = 8)",
        "      }, {",
        "        aie.dma_bd(%work : memref<64xi32> len = 4)",
        "      }]",
        "      %b = aie.dma(MM2S, 1) {loop = false, repeat_count = 2 : i32} [{",
        "        aie.dma_bd(%work : memref<64xi32>)",
        "      }]",
        "      aie.end",
        "    }",
    ).programs

    assert looped.bds == (bd(length=8, acquire=("free", 1), next=1), bd(length=4, next=0))
    assert (once.direction, once.channel, once.repeat_count, once.bds) == ("MM2S", 1, 2, (bd(),))


# Packets


@pytest.mark.parametrize("written", ["<pkt_type = 2, pkt_id = 3>", "<pkt_id = 3, pkt_type = 2>"])
def test_a_packet_has_its_two_numbers_in_any_order(written):
    (chain,) = read(*in_mem(BD + f" {{packet = #aie.packet_info{written}}}")).programs

    assert chain.bds[0].packet == Packet(id=3, type=2)


def test_a_shim_allocation_may_have_a_packet_header_whose_type_is_0_where_it_is_not_written():
    *_, allocation = read("aie.shim_dma_allocation @x(%shim, MM2S, 0, <pkt_id = 5>)").shim_allocations

    assert allocation.packet == Packet(id=5, type=0)


def write(**changes: Any) -> RegisterWrite:
    plain = RegisterWrite(address=4096, words=(7,), mask=None, buffer=None, tile=(1, 2), block=False, place=NOWHERE)
    return replace(plain, **changes)


SCALARS = [
    (
        "aiex.npu.write32 {address = 4096 : ui32, column = 1 : i32, row = 2 : i32, value = 7 : ui32}",
        "aiex.npu.write32(%at, %seven) {column = 1 : i32, row = 2 : i32} : i32, i32",
        "aiex.npu.write32(%address, %value) : i32, i32",
        write(),
    ),
    (
        "aiex.npu.write32 {address = 4096 : ui32, value = 4294967295 : ui32}",
        "aiex.npu.write32(%at, %minus) : i32, i32",
        "aiex.npu.write32(%address, %value) : i32, i32",
        write(words=(0xFFFFFFFF,), tile=None),
    ),
    (
        "aiex.npu.write32 {address = 7 : ui32, buffer = @work, value = 7 : ui32}",
        "aiex.npu.write32(%seven, 7) {buffer = @work} : i32, i32",
        "aiex.npu.write32(%address, %value) : i32, i32",
        write(address=7, buffer="work", tile=None),
    ),
    (
        "aiex.npu.maskwrite32 {address = 4096 : ui32, column = 1 : i32, mask = 4294967295 : ui32, row = 2 : i32,"
        " value = 7 : ui32}",
        "aiex.npu.maskwrite32(%at, %seven, %minus) {column = 1 : i32, row = 2 : i32} : i32, i32, i32",
        "aiex.npu.maskwrite32(%address, %value) : i32, i32",
        write(mask=0xFFFFFFFF),
    ),
    (
        "aiex.npu.sync {channel = 1 : i32, column = 2 : i32, column_num = 3 : i32, direction = 1 : i32, row = 0 : i32,"
        " row_num = 4 : i32}",
        "aiex.npu.sync(2, 0, %one, %one, 3, 4) : i32, i32, i32, i32, i32, i32",
        "aiex.npu.sync(%column, %row, %direction, %channel, %columns, %rows) : i32, ...",
        SyncWait(column=2, row=0, direction="MM2S", channel=1, columns=3, rows=4, place=NOWHERE),
    ),
    (
        "aiex.npu.push_queue(3, 0, S2MM : 1) {bd_id = 7 : i32, issue_token = true, repeat_count = 1 : i32}",
        "aiex.npu.push_queue(3, 0, S2MM : 1) bd_id %seven repeat %one {issue_token = true} : i32, i32",
        "aiex.npu.push_queue(0, 0, MM2S : 0) bd_id %bd repeat %count : i32, i32",
        PushQueue(
            column=3,
            row=0,
            direction="S2MM",
            channel=1,
            bd_id=7,
            repeat_count=1,
            issue_token=True,
            place=NOWHERE,
        ),
    ),
    (
        "aiex.npu.address_patch {addr = 119300 : ui32, arg_idx = 1 : i32, arg_plus = 4096 : i32}",
        "aiex.npu.address_patch(%at : i32) {addr = 119300 : ui32, arg_idx = 1 : i32}",
        "aiex.npu.address_patch(%offset : i32) {addr = ..., arg_idx = ...}",
        AddressPatch(address=119300, argument=1, byte_offset=4096, place=NOWHERE),
    ),
    (
        "aiex.npu.rtp_write(@work, 3, 7)",
        "aiex.npu.rtp_write(@work, 3, %seven) : i32",
        "aiex.npu.rtp_write(@buffer, 0, %value) : i32",
        RtpWrite(buffer="work", index=3, value=7, place=NOWHERE),
    ),
]


@pytest.mark.parametrize(("old", "new", "shown", "wanted"), SCALARS, ids=lambda value: str(value).split("(")[0][:24])
def test_an_operation_on_numbers_is_the_same_with_attributes_and_with_ssa_values(old, new, shown, wanted):
    constants = [
        f"%{name} = arith.constant {value} : i32"
        for name, value in {"one": 1, "seven": 7, "at": 4096, "minus": -1}.items()
    ]

    assert operations(old) == operations(*constants, new) == (wanted,)
    assert notes(*in_sequence(*constants, new)) == ()
    (note,) = notes(*in_sequence(old))
    name = new.split("(")[0]
    assert (note.said.id, str(note.place), note.said.what, note.versions) == (
        "TP004",
        f"d.mlir:{FIRST + 1}:1",
        f"{name} is spelled as mlir-aie did until July 2026",
        ("2025-11", "2026-03", "2026-06"),
    )
    assert note.said.why.startswith(f"it is {name}(")


def test_the_note_on_a_masked_write_shows_its_three_operands():
    (note,) = notes(*in_sequence("aiex.npu.maskwrite32 {address = 4 : ui32, mask = 1 : ui32, value = 7 : ui32}"))

    assert note.said.why == "it is aiex.npu.maskwrite32(%address, %value, %mask) : i32, i32, i32 since"


def test_a_lock_is_set_with_a_number_or_with_a_constant():
    set_ = SetLock(lock="full", value=2, place=NOWHERE)

    assert operations("%two = arith.constant 2 : i32", "aiex.set_lock(%full, %two)", "aiex.set_lock(%full, 2)") == (
        set_,
        set_,
    )


def test_a_block_of_words_is_written_from_a_global():
    words = 'memref.global "private" constant @words : memref<3xi32> = dense<[1, -1, 7]>'
    sequence = in_sequence(
        "%words = memref.get_global @words : memref<3xi32>",
        "aiex.npu.blockwrite(%words) {address = 119296 : ui32, column = 1 : i32, row = 2 : i32} : memref<3xi32>",
        "aiex.npu.blockwrite(%words) {address = 4 : ui32, buffer = @work} : memref<3xi32>",
    )
    block = write(address=119296, words=(1, 0xFFFFFFFF, 7), block=True)

    assert read(words, *sequence).sequences[0].operations == (
        block,
        replace(block, address=4, buffer="work", tile=None),
    )


# Traces

TRACE = (
    "aie.trace @seen(%tile) {",
    '  aie.trace.mode "Event-PC"',
    "  aie.trace.packet id=1 type=core",
    '  aie.trace.event<"INSTR_EVENT_0"> label = "begin"',
    "  aie.trace.event<CoreEventAIE2::LOCK_STALL>",
    "  aie.trace.port<2> port=North channel=1 direction=S2MM",
    '  aie.trace.combo_event<0> <"INSTR_EVENT_0"> AND_NOT <CoreEventAIE2::INSTR_VECTOR>',
    '  aie.trace.edge_event<1> event=<"LOCK_STALL"> trigger=BOTH',
    "  aie.trace.start broadcast=15",
    '  aie.trace.stop event=<"USER_EVENT_0">',
    "}",
)


def test_a_trace_is_read_line_by_line_and_has_a_note():
    lines = (*TRACE, *in_sequence("aie.trace.host_config {buffer_size = 8192 : i32}", "aie.trace.start_config @seen"))
    zero, stall = EventName(name="INSTR_EVENT_0"), EventName(name="LOCK_STALL")
    vector = EventName(name="INSTR_VECTOR", enum="CoreEventAIE2")

    assert read(*lines).traces == (
        Trace(
            name="seen",
            tile=TILE,
            lines=(
                TraceMode(number=1, place=NOWHERE),
                TracePacket(id=1, unit="core", place=NOWHERE),
                TraceEvent(event=zero, place=NOWHERE),
                TraceEvent(event=replace(stall, enum="CoreEventAIE2"), place=NOWHERE),
                TracePort(slot=2, bundle="North", channel=1, direction="S2MM", place=NOWHERE),
                TraceCombo(slot=0, first=zero, logic="AND_NOT", second=vector, place=NOWHERE),
                TraceEdge(slot=1, event=stall, rising=True, falling=True, place=NOWHERE),
                TraceSwitch(at="start", broadcast=15, event=None, place=NOWHERE),
                TraceSwitch(at="stop", broadcast=None, event=EventName(name="USER_EVENT_0"), place=NOWHERE),
            ),
            place=NOWHERE,
        ),
    )
    assert read(*lines).sequences[0].operations == (
        TraceHostConfig(nbytes=8192, reuses_last=False, column=0, place=NOWHERE),
        StartTrace(trace="seen", place=NOWHERE),
    )
    assert [(note.said.id, note.said.what, str(note.place)) for note in notes(*lines)] == [
        ("TP005", "@seen traces core (0, 2), and the emulator writes no trace", "d.mlir:11:1")
    ]


def test_what_host_config_and_a_trace_said_before_july_2026_has_a_note():
    lines = (
        "aie.trace @seen(%tile) buffer_size = 8192 {",
        "}",
        *in_sequence("aie.trace.host_config buffer_size = 8192 arg_idx = -1 routing = single egress_shim_col = 1"),
    )

    assert read(*lines).sequences[0].operations == (
        TraceHostConfig(nbytes=8192, reuses_last=True, column=1, argument=-1, place=NOWHERE),
    )
    assert [(note.said.what, note.versions) for note in notes(*lines) if note.said.id == "TP004"] == [
        ("aie.trace has a buffer_size, as in March 2026", ("2026-03",)),
        ("aie.trace.host_config is spelled as mlir-aie did until July 2026", ("2026-06",)),
    ]


@pytest.mark.parametrize(
    ("line", "what", "fix"),
    [
        ("aie.trace.mode Time", "aie.trace.mode cannot be read", 'aie.trace.mode "Event-Time"'),
        ("aie.trace.event LOCK_STALL", "aie.trace.event cannot be read", 'aie.trace.event<"INSTR_EVENT_0">'),
        ("aie.trace.packet id=1", "aie.trace.packet cannot be read", "aie.trace.packet id = 1 type = core"),
        ("aie.trace.start 15", "aie.trace.start cannot be read", "aie.trace.start broadcast = 15"),
    ],
)
def test_a_line_of_a_trace_that_cannot_be_read_is_shown_how_it_is_written(line: str, what: str, fix: str):
    with pytest.raises(Problem) as raised:
        read("aie.trace @seen(%tile) {", line, "}")

    assert (raised.value.what, raised.value.fix) == (what, f"write for instance `{fix}`")
    assert raised.value.why == f"it says {line.split(' ', 1)[1]}"


# Logical tiles


def placed(*lines: str) -> dict[str, tuple[int, int]]:
    """Where each tile of a device comes to lie, by the name of its value."""
    names = [line.split()[0] for line in lines if "tile" in line.split("=")[-1].split("(")[0]]
    return dict(zip(names, (tile.at for tile in read_design(module(*lines), "d.mlir").tiles), strict=True))


def logical(name: str, kind: str, column: int | str = "?", row: int | str = "?") -> str:
    return f"%{name} = aie.logical_tile<{kind}>({column}, {row})"


def fifo(name: str, source: str, *sinks: str) -> str:
    ends = ", ".join(f"%{sink}" for sink in sinks)
    return f"aie.objectfifo @{name}(%{source}, {{{ends}}}, 2 : i32) : !aie.objectfifo<memref<4xi32>>"


def test_logical_cores_fill_the_columns_one_after_the_other():
    names = "abcdefghi"

    assert list(placed(*(logical(name, "CoreTile") for name in names)).values()) == [
        *((0, row) for row in range(2, 6)),
        *((1, row) for row in range(2, 6)),
        (2, 2),
    ]


def test_a_logical_core_keeps_the_coordinates_that_it_has():
    assert placed(
        logical("fixed", "CoreTile", 0, 2),
        logical("column", "CoreTile", 2),
        logical("row", "CoreTile", row=5),
        logical("again", "CoreTile", 2),
    ) == {"%fixed": (0, 2), "%column": (2, 2), "%row": (0, 5), "%again": (2, 3)}


def test_a_core_that_was_passed_over_comes_where_the_one_in_front_of_it_was():
    """SequentialPlacer swaps the tile it picks with the first free one, so (0, 2) waits where (0, 4) was."""
    cores = (logical("row", "CoreTile", row=4), logical("a", "CoreTile"), logical("b", "CoreTile"))

    assert placed(*cores) == {"%row": (0, 4), "%a": (0, 3), "%b": (0, 2)}


def test_logical_mem_and_shim_tiles_go_to_the_average_column_of_their_cores():
    assert placed(
        logical("shim", "ShimNOCTile"),
        logical("mem", "MemTile"),
        logical("left", "CoreTile", 1),
        logical("right", "CoreTile", 2),
        fifo("in", "shim", "mem"),
        fifo("l", "mem", "left"),
        fifo("r", "mem", "right"),
        "aie.objectfifo.link [@in] -> [@l, @r] ([] [0, 2])",
    ) == {"%shim": (2, 0), "%mem": (2, 1), "%left": (1, 2), "%right": (2, 2)}


def test_a_logical_tile_without_a_connection_goes_to_the_first_column():
    assert placed(logical("mem", "MemTile"), logical("shim", "ShimNOCTile", 1)) == {"%mem": (0, 1), "%shim": (1, 0)}


def test_a_logical_shim_tile_goes_on_where_channels_run_out():
    flows = [f"aie.flow(%{shim}, DMA : {channel}, %core, DMA : {channel})" for shim in "ab" for channel in (0, 1)]
    tiles = (logical("a", "ShimNOCTile"), logical("b", "ShimNOCTile"), logical("core", "CoreTile"))

    assert placed(*tiles, *flows[:3]) == {"%a": (0, 0), "%b": (1, 0), "%core": (0, 2)}


def test_logical_tiles_with_channels_to_spare_share_a_tile():
    """AIEPlaceTiles merges what SequentialPlacer puts on one tile."""
    text = module(logical("a", "MemTile"), logical("b", "MemTile"), logical("c", "CoreTile"), fifo("f", "a", "c"))

    assert sorted({tile.at for tile in read_design(text, "d.mlir").tiles}) == [(0, 1), (0, 2)]


def test_the_flows_of_one_group_of_tiles_have_one_average():
    """SequentialPlacer takes what flows connect, directly or not, as one group."""
    assert placed(
        logical("shim", "ShimNOCTile"),
        logical("left", "CoreTile", 0),
        logical("right", "CoreTile", 3),
        "aie.flow(%shim, DMA : 0, %left, DMA : 0)",
        "aie.flow(%shim, DMA : 1, %right, DMA : 0)",
    ) == {"%shim": (2, 0), "%left": (0, 2), "%right": (3, 2)}


def test_the_packets_of_a_packet_flow_bring_their_tiles_together():
    assert placed(
        logical("shim", "ShimNOCTile"),
        logical("core", "CoreTile", 3),
        "aie.packet_flow(1) {",
        "  aie.packet_source<%core, DMA : 0>",
        "  aie.packet_dest<%shim, DMA : 0>",
        "}",
    ) == {"%shim": (3, 0), "%core": (3, 2)}


def test_a_placed_tile_is_noted_for_the_states_that_can_place_it():
    (note,) = read_design(module(logical("core", "CoreTile")), "d.mlir").notes

    assert note == Note(
        said=Diagnostic(
            id="TP004",
            what="a tile without a place goes to (0, 2)",
            why="aie-place-tiles of mlir-aie would put it there; there was no such pass before April 2026",
            fix="write aie.tile with column and row for an older mlir-aie",
            place=Place("d.mlir", 3, 1),
        ),
        versions=("2026-06", "2026-08", "2026-08-14"),
    )


def test_a_fifo_without_a_consumer_is_no_reason_to_break():
    lines = (logical("core", "CoreTile"), fifo("a", "core"), fifo("b", "core", "core"))

    with pytest.raises(Problem):
        read_design(module(*lines, "aie.objectfifo.link [@a] -> [@b] ([] [])"), "d.mlir")


# Cores


def body(*lines: str) -> tuple[Operation, ...]:
    return read(*in_core(*lines)).cores[0].body


def said(operation: Operation) -> tuple[object, ...]:
    """The class of an operation, and all that it says beside its spelling and its place."""
    return (type(operation), *(getattr(operation, one.name) for one in fields(operation)[2:]))


def test_a_core_with_branches_has_its_blocks_one_after_the_other():
    assert [
        said(one)
        for one in body(
            "  %zero = arith.constant 0 : index",
            "  cf.br ^loop(%zero : index)",
            "^loop(%i: index):",
            "  %one = arith.constant 1 : index",
            "  %j = arith.addi %i, %one : index",
            "  %more = arith.cmpi slt, %j, %zero : index",
            "  cf.cond_br %more, ^loop(%j : index), ^out",
            "^out:",
        )
    ] == [
        (Label, (), ()),
        (Constant, "arith", 0, 0, "index"),
        (Branch, Jump(3, (0,))),
        (Label, (1,), ("index",)),
        (Constant, "arith", 1, 2, "index"),
        (Binary, (1, 2), "index", 3, "index", "add"),
        (Compare, (3, 0), "index", 4, "i1", "slt"),
        (BranchIf, 4, Jump(3, (3,)), Jump(8, ())),
        (Label, (), ()),
        (End, ()),
    ]


def test_a_branch_to_the_one_block_that_there_is_is_kept_as_it_is_written():
    (branch,) = read("    %core = aie.core(%tile) {", "    ^here:", "      cf.br ^here", "    }").cores[0].body

    assert (type(branch), branch.name) == (Kept, "cf.br")


@pytest.mark.parametrize(
    "lines",
    [
        (
            "  %v = aie.objectfifo.acquire @f(Consume, 2) : !aie.objectfifosubview<memref<64xi32>>",
            "  %a = aie.objectfifo.subview.access %v[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>",
            "  %b = aie.objectfifo.subview.access %v[1] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>",
        ),
        ("  %a, %b = aie.objectfifo.acquire @f(Consume, 2) : memref<64xi32>, memref<64xi32>",),
    ],
    ids=["a view", "by themselves"],
)
def test_a_core_takes_objects_and_gives_them_back(lines):
    acquire, first, second, release, _ = body(*lines, "  aie.objectfifo.release @f(Consume, 2)")

    assert isinstance(acquire, Acquire)
    assert said(acquire) == (Acquire, "f", "Consume", 2, acquire.view, WORK)
    assert [said(one)[:3] for one in (first, second)] == [(Access, acquire.view, 0), (Access, acquire.view, 1)]
    assert said(release) == (Release, "f", "Consume", 2)


def test_a_loop_has_its_body_as_a_region():
    (core,) = read(
        *in_core(
            "  %c0 = arith.constant 0 : index",
            "  %c4 = arith.constant 4 : index",
            "  %c1 = arith.constant 1 : index",
            "  scf.for %i = %c0 to %c4 step %c1 {",
            "    %x = memref.load %work[%i] : memref<64xi32>",
            "    memref.store %x, %work[%i] : memref<64xi32>",
            "  }",
        )
    ).cores
    loop = core.body[3]

    assert isinstance(loop, For)
    assert said(loop) == (For, 0, 1, 2, (), 3, (), loop.body, ())
    assert [said(one) for one in loop.body] == [(Load, 4, (3,), 5), (Store, 5, 4, (3,)), (Yield, ())]
    assert core.buffers == {4: "work"}


def test_loops_and_branches_hand_on_values():
    *_, loop, choice, switch, _ = body(
        "  %n = arith.constant 0 : index",
        "  %yes = arith.constant true",
        "  %w = scf.while (%a = %n) : (index) -> index {",
        "    scf.condition(%yes) %a : index",
        "  } do {",
        "  ^bb0(%b: index):",
        "    scf.yield %b : index",
        "  }",
        "  %i = scf.if %yes -> (index) {",
        "    scf.yield %n : index",
        "  } else {",
        "    scf.yield %w : index",
        "  }",
        "  %s = scf.index_switch %n -> index",
        "  case 5 {",
        "    scf.yield %i : index",
        "  }",
        "  default {",
        "    scf.yield %w : index",
        "  }",
    )

    assert isinstance(loop, While)
    (before,), (after,) = loop.before, loop.after
    assert (loop.initial, loop.results, said(before)) == ((0,), (4,), (Condition, (1, *loop.tested)))
    assert said(after) == (Yield, loop.carried)
    assert isinstance(choice, If)
    assert (choice.condition, choice.results) == (1, (5,))
    assert [said(one) for region in choice.regions for one in region] == [(Yield, (0,)), (Yield, (4,))]
    assert isinstance(switch, IndexSwitch)
    assert (switch.value, switch.cases, switch.results) == (0, (5,), (6,))
    assert [said(one) for region in switch.regions for one in region] == [(Yield, (4,)), (Yield, (5,))]


def test_arithmetic_on_indices_is_read():
    names = (
        *("add", "sub", "mul", "divs", "divu", "ceildivs", "ceildivu", "floordivs", "rems", "remu"),
        *("maxs", "maxu", "mins", "minu", "shl", "shrs", "shru", "and", "or", "xor"),
    )
    first, *made, less, signed, unsigned, _ = body(
        "  %a = index.constant 6",
        *(f"  %r_{name} = index.{name} %a, %a" for name in names),
        "  %less = index.cmp ult(%a, %r_add)",
        "  %signed = index.casts %a : index to i32",
        "  %unsigned = index.castu %signed : i32 to index",
    )

    assert said(first) == (Constant, "index", 6, 0, "index")
    assert [said(one) for one in made] == [
        (Binary, (0, 0), "index", number, "index", name) for number, name in enumerate(names, start=1)
    ]
    assert [one.name for one in made] == [f"index.{name}" for name in names]
    assert said(less) == (Compare, (0, 1), "index", 21, "i1", "ult")
    assert said(signed) == (Cast, (0,), "index", 22, "i32", "signed")
    assert said(unsigned) == (Cast, (22,), "i32", 23, "index", "unsigned")


def operation(*lines: str) -> Operation:
    """The last operation of a core before its end."""
    return body(*lines)[-2]


def test_a_vector_is_splat_from_a_constant_or_from_a_scalar():
    splat = operation("  %v = arith.constant dense<3> : vector<16xi32>")
    assert isinstance(splat, Constant)
    assert isinstance(splat.value, tuple)
    assert (set(splat.value), splat.type) == ({3}, "vector<16xi32>")

    scalar = "  %s = arith.constant 1.5 : f32"
    broadcast = operation(scalar, "  %v = vector.broadcast %s : f32 to vector<8xf32>")
    older = operation(scalar, "  %v = vector.splat %s : vector<8xf32>")
    assert said(broadcast) == said(older) == (Broadcast, (0,), "f32", 1, "vector<8xf32>")
    assert (broadcast.name, older.name) == ("vector.broadcast", "vector.splat")


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("arith.extsi", "vector<16xi8>", "vector<16xi32>"),
        ("arith.trunci", "i32", "i8"),
        ("arith.sitofp", "vector<16xi32>", "vector<16xf32>"),
        ("arith.truncf", "f32", "bf16"),
        ("arith.bitcast", "vector<4xi32>", "vector<4xf32>"),
        ("arith.index_cast", "i32", "index"),
        ("vector.shape_cast", "vector<16xi32>", "vector<4x4xi32>"),
    ],
)
def test_values_and_vectors_are_cast_but_not_back(name, before, after):
    def made(type_: str) -> str:
        if type_ == "index":
            return "  %x = arith.constant 1 : index"
        one = "1.0" if type_.rstrip(">").endswith(("f16", "f32")) else "1"
        return f"  %x = arith.constant {f'dense<{one}>' if type_.startswith('vector') else one} : {type_}"

    done = operation(made(before), f"  %y = {name} %x : {before} to {after}")
    assert isinstance(done, Cast | Bitcast | Reshape)
    assert (done.name, done.of, done.type) == (name, before, after)
    if name not in ("arith.bitcast", "arith.index_cast", "vector.shape_cast"):
        back = framed(*in_core(made(after), f"  %y = {name} %x : {after} to {before}"))
        assert f"{name} does not go from {after} to {before}" in refusal(back)


def test_a_selection_has_one_condition_or_one_per_element():
    conditions = ("  %c = arith.constant true", "  %d = arith.constant dense<true> : vector<4xi1>")
    values = "  %v = arith.constant dense<1> : vector<4xi32>"
    one = operation(*conditions, values, "  %s = arith.select %c, %v, %v : vector<4xi32>")
    each = operation(*conditions, values, "  %s = arith.select %d, %v, %v : vector<4xi1>, vector<4xi32>")

    assert said(one) == (Select, (0, 2, 2), "i1", 3, "vector<4xi32>")
    assert said(each) == (Select, (1, 2, 2), "vector<4xi1>", 3, "vector<4xi32>")


@pytest.mark.parametrize(
    ("name", "predicate", "kind", "one"),
    [("arith.cmpi", "slt", Compare, "1"), ("arith.cmpf", "ogt", CompareFloats, "1.0")],
)
def test_a_comparison_of_vectors_gives_one_answer_per_element(name, predicate, kind, one):
    element = "i32" if name == "arith.cmpi" else "f32"
    lines = (
        f"  %v = arith.constant dense<{one}> : vector<4x{element}>",
        f"  %s = arith.constant {one} : {element}",
        f"  %one = {name} {predicate}, %s, %s : {element}",
    )

    assert said(operation(*lines)) == (kind, (1, 1), element, 2, "i1", predicate)
    compared = operation(*lines, f"  %all = {name} {predicate}, %v, %v : vector<4x{element}>")
    assert said(compared) == (kind, (0, 0), f"vector<4x{element}>", 3, "vector<4xi1>", predicate)


def test_a_memref_may_be_copied():
    assert said(operation("  memref.copy %work, %work : memref<64xi32> to memref<64xi32>")) == (Copy, 0, 0)


def test_a_core_may_use_infinities():
    assert said(operation("  %low = arith.constant 0xFF80 : bf16")) == (Constant, "arith", -inf, 0, "bf16")


def test_a_part_of_a_memref_has_a_layout_and_so_the_text_of_its_type():
    part = operation(
        "  %p = memref.subview %work[8] [16] [2] : memref<64xi32> to memref<16xi32, strided<[2], offset: 8>>"
    )

    type_ = "memref<16xi32, strided<[2], offset: 8>>"
    assert said(part) == (Subview, 0, (), 1, type_, (8,), (16,), (2,), (0,))


def test_a_memref_may_be_cast():
    found = operation("  %c = memref.cast %work : memref<64xi32> to memref<64xi32, strided<[1]>>")

    assert said(found) == (Retype, 0, (), 1, "memref<64xi32, strided<[1]>>")


def test_a_number_of_a_part_may_be_known_at_run_time_only():
    part = operation(
        "  %i = arith.constant 8 : index",
        "  %p = memref.subview %work[%i] [16] [%i] : memref<64xi32> to memref<16xi32, strided<[?], offset: ?>>",
    )

    assert said(part) == (
        Subview,
        1,
        (0, 0),
        2,
        "memref<16xi32, strided<[?], offset: ?>>",
        (None,),
        (16,),
        (None,),
        (0,),
    )


def test_a_core_uses_locks_events_and_the_cascade():
    (core,) = read(
        *in_core(
            "  %two = arith.constant 2 : i32",
            "  aie.use_lock(%free, AcquireGreaterEqual, %two)",
            "  aie.use_lock(%full, Release, 1)",
            "  aie.event(1)",
            "  %got = aie.get_cascade() : vector<16xi32>",
            "  aie.put_cascade(%got : vector<16xi32>)",
        )
    ).cores

    assert [said(one) for one in core.body] == [
        (UseLock, 0, "AcquireGreaterEqual", 2),
        (UseLock, 1, "Release", 1),
        (Event, 1),
        (GetCascade, 2, "vector<16xi32>"),
        (PutCascade, 2, "vector<16xi32>"),
        (End, ()),
    ]
    assert core.locks == {0: "free", 1: "full"}


def test_a_constant_that_something_else_uses_too_stays_in_the_core():
    assert [
        one.name
        for one in body(
            "  %two = arith.constant 2 : i32",
            "  aie.use_lock(%free, AcquireGreaterEqual, %two)",
            "  %four = arith.addi %two, %two : i32",
        )
    ] == ["arith.constant", "aie.use_lock", "arith.addi", "aie.end"]


@pytest.mark.parametrize(
    ("attributes", "linked"),
    [
        (' {link_with = "old.o"}', "old.o"),
        (' {link_files = ["a.o", "b.o"]}', "a.o, b.o"),
        (' {link_files = ["a.o"], link_merge_files = ["c.ll"]}', "a.o, c.ll"),
        (" {dynamic_objfifo_lowering = true}", None),
    ],
)
def test_object_files_may_stand_on_the_core(attributes, linked):
    (core,) = read(*in_core(attributes=attributes)).cores

    assert (core.link_with, core.elf_file, core.stack_size) == (linked, None, None)


def test_object_files_may_stand_on_the_functions():
    functions = read(
        'func.func private @a(memref<64xi32>, i32, index) attributes {link_with = "a.o"}',
        'func.func private @b() attributes {link_with = "b.ll", link_with_mode = "merge"}',
        "func.func private @c() -> ()",
    ).functions

    assert [(one.name, one.parameters, one.link_with) for one in functions] == [
        ("a", (WORK, "i32", "index"), "a.o"),
        ("b", (), "b.ll"),
        ("c", (), None),
    ]


def test_a_core_may_be_a_program_that_is_already_linked():
    (core,) = read(*in_core(attributes=' {elf_file = "core.elf", stack_size = 2048 : i32}')).cores

    assert (core.elf_file, core.stack_size, [one.name for one in core.body]) == ("core.elf", 2048, ["aie.end"])


# What is refused

OBJECT_FIFO = "aie.objectfifo @f(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<4xi32>>"
BD = "aie.dma_bd(%work : memref<64xi32>)"
MEMCPY = "aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1])"


@pytest.mark.parametrize(
    ("lines", "what", "at"),
    [
        # Tiles and what lies in them
        (('%x = aie.tile(1, 1) {allocation_scheme = "fancy"}',), "there is no allocation scheme 'fancy'", 0),
        (("%x = aie.buffer(%free) : memref<4xi32>",), "aie.buffer wants a tile here", 0),
        (("%x = aie.buffer(%tile) {sym_name = 3 : i32} : memref<4xi32>",), "aie.buffer: sym_name must be a text", 0),
        (('%x = aie.lock(%tile) {init = "one"}',), "aie.lock: init must be a whole number", 0),
        (("aie.objectfifo.allocate @f(%tile)",), "there is no fifo @f", 0),
        (("aie.objectfifo.link [@f] -> [@g] ([] [])",), "there is no fifo @f", 0),
        ((OBJECT_FIFO, "aie.objectfifo.link [@f] -> [] ([] [])"), "the link has fifos on one side only", 1),
        (
            (OBJECT_FIFO, "aie.objectfifo.register_external_buffers @f (%shim, {%work}) : (memref<64xi32>)"),
            "only external buffers can be registered",
            1,
        ),
        ((OBJECT_FIFO.replace("32) :", '32) {via_DMA = "yes"} :'),), "via_DMA is true or false", 0),
        ((OBJECT_FIFO.replace("32) :", "32) {repeat_count = 257 : i32} :"),), "repeat_count cannot be 257", 0),
        ((OBJECT_FIFO.replace("32) :", "32) {iter_count = 0 : i32} :"),), "iter_count cannot be 0", 0),
        (
            (OBJECT_FIFO.replace("32) :", "32) {cons_dma_channels = 1 : i32} :"),),
            "aie.objectfifo: cons_dma_channels is a list of numbers",
            0,
        ),
        (
            (OBJECT_FIFO.replace("32) :", "32) {padDimensions = 1 : i32} :"),),
            "this is no padding of a fifo",
            0,
        ),
        (
            (OBJECT_FIFO + " = [dense<1> : memref<4xi32>]",),
            "the initial values do not fit the fifo",
            0,
        ),
        (
            (OBJECT_FIFO.replace("!aie.objectfifo<memref<4xi32>>", "memref<4xi32>"),),
            "the type of a fifo is not memref<4xi32>",
            0,
        ),
        # DMA programs
        (("%x = aie.mem(%mem) {", "  aie.end", "}"), "aie.mem cannot be on mem (0, 1)", 0),
        (("%x = aie.memtile_dma(%tile) {", "  aie.end", "}"), "aie.memtile_dma cannot be on core (0, 2)", 0),
        (("%x = aie.shim_dma(%tile) {", "  aie.end", "}"), "aie.shim_dma cannot be on core (0, 2)", 0),
        (
            ("%x = aie.mem(%tile) {", "  cf.br ^a", "^a:", "  aie.end", "}"),
            "a DMA program goes from one aie.dma_start to the next",
            1,
        ),
        (
            ("%x = aie.mem(%tile) {", "  %s = aie.dma_start(S2MM, 0, ^a, ^a)", "^a:", "  aie.end", "}"),
            "there is no buffer descriptor to start with",
            1,
        ),
        (in_mem("aie.use_lock(%free, Release, 1)"), "a block of a DMA program has one aie.dma_bd", 3),
        (in_mem(BD, BD), "a block of a DMA program has one aie.dma_bd", 3),
        (
            in_mem("%x = memref.alloc() : memref<64xi32>", "aie.dma_bd(%x : memref<64xi32>)"),
            "a BD moves a buffer, or an argument of the sequence",
            4,
        ),
        (
            in_mem("aie.dma_bd(%work : memref<64xi32> sizes = [4, 4] strides = [1])"),
            "2 sizes and 1 strides",
            3,
        ),
        (
            in_mem(BD + " {pad_dimensions = 1 : i32}"),
            "pad_dimensions is not read by this version of tileproof",
            3,
        ),
        (in_mem(BD + " {packet = 3 : i32}"), "this is no packet header", 3),
        (
            in_mem(BD + " {packet = #aie.packet_info<pkt_type = 8, pkt_id = 32>}"),
            "there is no packet of id 32 and type 8",
            3,
        ),
        (in_mem("aie.use_lock(%tile, Release, 1)", BD), "aie.use_lock wants a lock here", 3),
        (in_mem(*["aie.use_lock(%free, Acquire, 1)"] * 2, BD), "a BD has one acquire", 4),
        (in_mem(BD, *["aie.use_lock(%free, Release, 1)"] * 2), "a BD has one release", 5),
        # Streams
        (("aie.packet_flow(32) {", "}"), "there is no packet id 32", 0),
        (
            ("aie.packet_flow(1) {", "  aie.flow(%shim, DMA : 0, %tile, DMA : 0)", "}"),
            "aie.flow cannot stand in a packet flow",
            1,
        ),
        (("aie.flow(%free, DMA : 0, %tile, DMA : 0)",), "aie.flow wants a tile here", 0),
        (("aie.shim_dma_allocation @x(%mem, MM2S, 0)",), "mem (0, 1) is no shim tile", 0),
        (("aie.shim_dma_allocation @x(MM2S, 0, 4)",), "there is no shim tile in column 4", 0),
        # The runtime sequence
        (in_sequence(arguments="%x: f32"), "aie.runtime_sequence wants a memref here, not f32", 0),
        (in_sequence("%x = aie.tile(1, 1)"), "aie.tile cannot stand in a runtime sequence", 1),
        (
            in_sequence(MEMCPY.replace("%a", "%work") + " {id = 0 : i64, metadata = @in} : memref<64xi32>"),
            "dma_memcpy_nd moves something that is no argument of the sequence",
            1,
        ),
        (
            in_sequence(MEMCPY + " {metadata = @in} : memref<64xi32>"),
            "aiex.npu.dma_memcpy_nd: id must be a whole number",
            1,
        ),
        (
            in_sequence(MEMCPY + " {id = 0 : i64, metadata = @in, d1_zero_after = 2 : i64} : memref<64xi32>"),
            "padding of a transfer is not read by this version of tileproof",
            1,
        ),
        (in_sequence("aiex.npu.dma_wait"), "aiex.npu.dma_wait needs `symbol = @fifo`", 1),
        (
            in_sequence("%t = aiex.dma_configure_task_for @on {", BD, "aie.end", "}"),
            "there is no fifo @on",
            1,
        ),
        (
            in_sequence("%t = aiex.dma_configure_task(%free, MM2S, 0) {", BD, "aie.end", "}"),
            "aiex.dma_configure_task wants a tile here",
            1,
        ),
        (
            in_sequence("%t = aiex.dma_configure_task_for @in {", "aie.end", "}"),
            "there is no buffer descriptor to start with",
            1,
        ),
        (in_sequence("aiex.dma_await_task(%tile)"), "aiex.dma_await_task wants a task here", 1),
        (in_sequence("aiex.npu.rtp_write(@wrok, 0, 1)"), "there is no buffer @wrok", 1),
        (in_sequence("aiex.set_lock(%tile, 1)"), "aiex.set_lock wants a lock here", 1),
        (
            in_sequence("aiex.npu.write32(4, 7) {column = 1 : i32} : i32, i32"),
            "aiex.npu.write32 has one of column and row",
            1,
        ),
        (
            in_sequence("aiex.npu.blockwrite(%a) {address = 4 : ui32} : memref<64xi32>"),
            "aiex.npu.blockwrite writes a memref.global",
            1,
        ),
        # Cores and functions
        (in_core("%x = aie.lock(%tile)"), "aie.lock cannot stand in a core", 1),
        (in_core("aiex.set_lock(%free, 1)"), "aiex.set_lock cannot stand in a core", 1),
        (in_core("aie.use_lock(%tile, Acquire, 1)"), "aie.use_lock cannot use a tile", 1),
        (in_core(attributes=' {link_files = "a.o"}'), "aie.core: link_files must be a list of texts", 0),
        (in_core(attributes=' {stack_size = "big"}'), "aie.core: stack_size must be a whole number", 0),
        (
            ("%x = arith.constant 1 : i32", "%y = arith.addi %x, %x : i32"),
            "arith.addi cannot stand directly in a device",
            1,
        ),
    ],
)
def test_what_a_design_cannot_say_is_refused_where_it_says_it(lines, what, at):
    first, where, *_ = refusal(framed(*lines)).split("\n")

    assert first == f"error: {what}"
    assert where.startswith(f"  where: d.mlir:{FIRST + at}:")


@pytest.mark.parametrize(
    "line",
    [
        BD,
        "aie.objectfifo.link [@f] -> [@g] ([] [])",
        "aie.packet_flow(1) {}",
        "aie.shim_dma_allocation @x(MM2S, 0, 0)",
        "%x = aie.external_buffer : memref<64xi32>",
        "func.func private @x()",
    ],
)
def test_what_belongs_into_a_device_or_a_dma_program_is_refused_in_a_core(line):
    name = next(word.split("(")[0] for word in line.split() if word.startswith(("aie.", "func.")))

    assert refusal(framed(*in_core(line))).startswith(f"error: {name} cannot stand in a core\n  where: d.mlir:12:")


def test_the_refusal_of_a_lock_that_is_used_twice_shows_the_first_use():
    uses = [f"      aie.use_lock(%{lock}, Acquire, 1)" for lock in ("free", "full")]

    assert refusal(framed(*in_mem(*uses, BD))) == (
        "error: a BD has one acquire\n  where: d.mlir:15:7\n  why:   first at d.mlir:14:7\n  fix:   keep one of them"
    )


def test_the_refusal_of_an_unknown_buffer_lists_those_that_there_are():
    assert refusal(framed(*in_sequence("      aiex.npu.rtp_write(@wrok, 0, 1)"))) == (
        "error: there is no buffer @wrok\n  where: d.mlir:12:7\n  fix:   buffers here: work"
    )


def test_the_refusal_of_a_half_address_says_what_would_be_whole():
    assert refusal(framed(*in_sequence("      aiex.npu.write32(4, 7) {row = 1 : i32} : i32, i32"))) == (
        "error: aiex.npu.write32 has one of column and row\n"
        "  where: d.mlir:12:7\n"
        "  fix:   write both, or none and a full address"
    )


def test_the_refusal_of_missing_initial_values_shows_how_they_are_written():
    assert refusal(framed("    " + OBJECT_FIFO + " = [dense<1> : memref<4xi32>]")) == (
        "error: the initial values do not fit the fifo\n"
        "  where: d.mlir:11:5\n"
        "  why:   it has depth 2\n"
        "  fix:   write one dense<...> per object: `= [dense<0> : memref<...>, ...]`"
    )


@pytest.mark.parametrize("values", ["dense<[1, 2]> : memref<2xi32>", "dense<1> : memref<8xi32>"])
def test_initial_values_of_another_type_than_the_objects_are_refused(values):
    one = OBJECT_FIFO.replace("2 : i32", "1 : i32")

    assert refusal(framed(f"{one} = [{values}]")).startswith("error: the initial values do not fit the fifo\n")


def test_a_core_tile_that_is_not_there_is_refused_at_the_logical_tile_that_is_too_many():
    assert refusal(module(*(logical(f"c{number}", "CoreTile", 0) for number in range(5)))) == (
        "error: no core tile is left for this logical tile\n"
        "  where: d.mlir:7:1\n"
        "  fix:   use fewer cores, or a larger device"
    )


@pytest.mark.parametrize(("kind", "name"), [("MemTile", "mem"), ("ShimNOCTile", "shim"), ("ShimPLTile", "shim PL")])
def test_a_logical_tile_of_a_column_that_is_not_there_is_refused(kind, name):
    assert refusal(module(logical("x", kind, 4))) == (
        f"error: no {name} tile with channels left for this logical tile\n"
        "  where: d.mlir:3:1\n"
        "  fix:   give it a place with aie.tile"
    )


HUGE = "9" * 20


@pytest.mark.parametrize(
    "line",
    [
        f"%x = aie.buffer(%tile) : memref<{HUGE}xi32> = dense<7>",
        "%x = aie.buffer(%tile) : i32 = dense<7>",
        f'memref.global "private" constant @words : memref<{HUGE}xi32> = dense<7>',
        'memref.global "private" constant @words : i32 = dense<7>',
        "%x = aie.mem(%tile) { %s = aie.dma_start(S2MM, 0, ^a, ^a)\n^a:\n^a:\n aie.end }",
    ],
)
def test_what_trips_the_parser_is_a_problem(line):
    assert refusal(framed(line)).startswith("error: ")


@pytest.mark.parametrize(
    "line",
    ["%x = aie.buffer(%tile) : memref<1073741824xi8> = dense<7>", OBJECT_FIFO.replace("2 : i32", f"{2**30} : i32")],
)
def test_what_no_memory_holds_is_not_written_out(line):
    """In a process of its own, which may have a gigabyte and ten seconds of a processor."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)); "
        "resource.setrlimit(resource.RLIMIT_CPU, (10, 10)); "
        "from tileproof.errors import Problem; from tileproof.mlir.reader import read_design; "
        "from tileproof.lowering.lower import lower_design\n"
        "try: lower_design(read_design(sys.stdin.read(), 'd.mlir'))\nexcept Problem as problem: print(problem)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], input=framed(line), capture_output=True, text=True, check=False
    )

    assert ended.stdout.startswith("error: "), ended.stderr.splitlines()[-1:]


@pytest.mark.parametrize(("kind", "at"), [("CoreTile", (0, 0)), ("MemTile", (0, 2)), ("ShimNOCTile", (1, 1))])
def test_a_logical_tile_of_one_kind_at_the_place_of_another_is_refused(kind, at):
    assert "  where: d.mlir:3:1\n" in refusal(module(logical("x", kind, *at)))


@pytest.mark.parametrize(
    ("lines", "at"),
    [
        (("aie.packet_flow(1) {", "  aie.packet_dest<%tile, DMA : 0>", "}"), 0),
        (("aie.packet_flow(1) {", "  aie.packet_source<%tile, DMA : 0>", "}"), 0),
        (in_core("aie.event(0)", attributes=' {elf_file = "a.elf"}'), 0),
        (in_core(attributes=' {link_with = "a.o", link_files = ["b.o"]}'), 0),
        (
            tuple(line.replace("aie.next_bd", "cf.br") for line in in_mem(BD)),
            4,
        ),
        (('%x = aie.tile(1, 0) {allocation_scheme = "bank-aware"}',), 0),
    ],
    ids=[
        "a packet flow without a source",
        "a packet flow without a destination",
        "a linked core with a program of its own",
        "a core with link_with and link_files",
        "a BD that ends in a branch",
        "a shim tile with an allocation scheme",
    ],
)
def test_what_mlir_aies_own_verifiers_refuse_is_not_read(lines, at):
    assert f"  where: d.mlir:{FIRST + at}:" in refusal(framed(*lines))


MARKED = [
    ("aie.flow(%shim, ^DMAS : 0, %tile, DMA : 0)", "this is one of Core, DMA, FIFO, South, West,"),
    ("aie.shim_dma_allocation @x(%shim, ^SIDEWAYS, 0)", "this is one of S2MM, MM2S, not 'SIDEWAYS'"),
    ("%x = aie.logical_tile<^BigTile>(?, ?)", "this is one of CoreTile, MemTile, ShimNOCTile, ShimPLTile"),
    ("%x = aie.tile(^4294967296, 0)", "4294967296 has more than 32 bits"),
    ("%x = aie.tile(1, 1) ^{col = 1 : i32}", "attribute 'col' is part of the operation's syntax and cannot be written"),
    ("aie.objectfifo @f(%shim, {%tile}, 2 : ^i64) : !aie.objectfifo<memref<4xi32>>", "a depth has type i32"),
    (
        "%x = aie.mem(%tile) { aie.dma_bd(%work : memref<64xi32> len = 4 ^len = 4) }",
        "len is written twice",
    ),
    (
        "%x = aie.mem(%tile) { aie.dma_bd(%work : memref<64xi32>, 0, 4, [], [<const_pad_before = 1^>]) }",
        "Expected ','",
    ),
    (
        "aie.runtime_sequence(%a: memref<4xi32>) { aiex.npu.dma_memcpy_nd(%a^[0][1, 1, 1, 4][0, 0, 0, 1]) }",
        "dma_memcpy_nd takes four offsets, outermost first, and this has 1",
    ),
    (
        "aie.runtime_sequence(%a: memref<4xi32>) {"
        " aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 4][0, 0, 0, 1], packet = ^3) }",
        "a packet is written <pkt_type = 0, pkt_id = 3>",
    ),
    ("aie.runtime_sequence() { aiex.npu.write32 ^{address = 4096 : ui32} }", "aiex.npu.write32 needs value: write"),
    ("aie.runtime_sequence() { aiex.npu.address_patch ^{addr = 4 : ui32} }", "aiex.npu.address_patch needs arg_idx"),
    (
        "aie.runtime_sequence() { aiex.npu.push_queue(0, 0, MM2S : 0) ^{bd_id = 1 : i32} }",
        "aiex.npu.push_queue needs repeat_count",
    ),
    ('^"aie.event"() : () -> ()', "tileproof reads this operation in mlir-aie's own syntax, not in generic form"),
]
MARKED_IDS = [message for _, message in MARKED]


@pytest.mark.parametrize(("line", "message"), MARKED, ids=MARKED_IDS)
def test_a_text_that_is_not_the_syntax_is_refused_with_what_would_be(line, message):
    assert refusal(framed(line.replace("^", ""))).startswith(f"error: d.mlir cannot be read: {message}")


@pytest.mark.parametrize(("line", "message"), MARKED, ids=MARKED_IDS)
def test_the_mark_of_a_parse_error_is_below_what_is_wrong(line, message):
    """Here a caret stands in front of it; "correct the text at the mark" is what the message says."""
    assert f"  where: d.mlir:{FIRST}:{line.index('^') + 1}\n" in refusal(framed(line.replace("^", "")))


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (
            "%x = aie.tile(0, 0)\nmodule {\n aie.device(npu1) {}\n}",
            "error: aie.tile cannot stand beside aie.device\n  where: d.mlir:1:1\n  fix:   put it inside the device",
        ),
        (
            "module {\n func.func private @x()\n aie.device(npu1) {}\n}",
            "error: func.func cannot stand beside aie.device\n  where: d.mlir:2:2\n  fix:   put it inside the device",
        ),
        (
            "module {\n aie.device(npu1) @a {}\n aie.device(npu1) @a {}\n}",
            "error: there are two devices @a\n"
            "  where: d.mlir:3:2\n"
            "  why:   first at d.mlir:2:2\n"
            "  fix:   give one of the two another name",
        ),
        (
            "module {}",
            "error: d.mlir has no device\n  where: d.mlir\n  fix:   put one `aie.device(npu1) { ... }` into the module",
        ),
    ],
)
def test_a_file_is_devices_with_names_and_nothing_else(text, refused):
    assert refusal(text) == refused


def test_a_number_that_is_known_only_at_run_time_is_refused_where_nobody_can_give_it():
    text = framed("aie.runtime_sequence() { %x = arith.addi %x, %x : i32 aiex.set_lock(%full, %x) }")

    assert refusal(text).startswith("error: this number is known only at run time\n  where: d.mlir:")


SEVERAL = "module {\n aie.device(npu1) @a {}\n aie.device(npu2) @b {}\n}"


@pytest.mark.parametrize(
    ("text", "asked", "read"),
    [
        (SEVERAL, None, "npu1"),
        (SEVERAL, "b", "npu2"),
        (SEVERAL.replace("@b", "@main"), None, "npu2"),
    ],
)
def test_of_several_devices_one_is_asked_for_or_called_main_or_the_first(text, asked, read):
    design = read_design(text, "d.mlir", asked)

    assert design.device.name == read
    assert [note.said.id for note in design.notes] == ([] if asked else ["TP008"])


def test_a_device_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(Problem) as caught:
        read_design(SEVERAL, "d.mlir", "c")

    assert str(caught.value) == (
        "error: d.mlir has no device @c\n  where: --device-name c\n  fix:   devices here: @a, @b"
    )


def test_a_device_with_two_blocks_is_refused():
    text = "module { aie.device(npu1) {\n%a = aie.tile(0, 0)\ncf.br ^b\n^b:\n%b = aie.tile(0, 1)\ncf.br ^b\n} }"

    assert refusal(text) == "error: a device has no blocks\n  where: d.mlir:5:1\n  fix:   remove the label"
