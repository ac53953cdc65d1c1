"""Traces as mlir-aie lowers them. The numbers are those of its tests (test/dialect/AIE/trace, AIE/combo_edge,
AIEX/trace) and of its register database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tileproof.build.lowered import lower_for_host
from tileproof.check.run import check_design
from tileproof.cli import main
from tileproof.emulator.design.emulate import emulate
from tileproof.errors import Problem
from tileproof.insts import BlockWrite, DdrPatch, MaskWrite, Operation, RouteTokens, Write, decode, npu_actions
from tileproof.kernel.banks import Banks
from tileproof.lowering.facts import design_facts
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.sequence import sequence_words
from tileproof.mlir.reader import read_design
from tileproof.mlir_aie_versions import Version, version_named
from tileproof.xrt import COMPLETED

TILES = {
    "shim": "%shim = aie.tile(0, 0)",
    "shim1": "%shim1 = aie.tile(1, 0)",
    "mem": "%mem = aie.tile(0, 1)",
    "core": "%core = aie.tile(0, 2)",
    "above": "%above = aie.tile(0, 3)",
    "beside": "%beside = aie.tile(1, 2)",
}
CONFIG = "aie.trace.host_config {buffer_size = 8192 : i32}"
START, STOP = "aie.trace.start broadcast=15", "aie.trace.stop broadcast=14"
BY_EVENT = ('aie.trace.start event=<"TRUE">', 'aie.trace.stop event=<"NONE">')
EVENT = 'aie.trace.event<"INSTR_EVENT_0">'


def trace(name: str, tile: str, *lines: str) -> str:
    return "\n".join([f"aie.trace @{name}(%{tile}) {{", *lines, "}"])


def sequence(*lines: str, arguments: str = "%a: memref<16xi32>") -> str:
    return "\n".join([f"aie.runtime_sequence @run({arguments}) {{", *lines, "}"])


def device(*lines: str, name: str = "npu1", tiles: tuple[str, ...] = tuple(TILES)) -> str:
    """The tiles that are named stand above; the first of `lines` is line 3 behind them."""
    return "\n".join(["module {", f"aie.device({name}) {{", *(TILES[tile] for tile in tiles), *lines, "}", "}"])


def lowered(text: str, version: Version | None = None) -> LoweredDesign:
    return lower_design(read_design(text, "d.mlir"), version=version)


def operations(text: str, version: Version | None = None, number: int = 0) -> tuple[Operation, ...]:
    design = lowered(text, version)
    return decode(sequence_words(design, design.sequences[number]), "words").operations


def writes(text: str, version: Version | None = None, number: int = 0) -> list[tuple[int, int]]:
    """(address, value) of every single register that is written."""
    return [(one.address, one.value) for one in operations(text, version, number) if isinstance(one, Write)]


def at(column: int, row: int, offset: int) -> int:
    return column << 25 | row << 20 | offset


def flows(text: str, version: Version | None = None) -> list[tuple[int, str, str]]:
    return [
        (flow.id, str(flow.sources[0]), str(flow.destinations[0]))
        for flow in lowered(text, version).design.packet_flows
    ]


def started(*traces: str) -> str:
    return sequence(CONFIG, *(f"aie.trace.start_config @{name}" for name in traces))


# One trace


def test_a_core_is_traced_from_a_broadcast_to_a_broadcast_into_an_argument_of_its_own() -> None:
    text = device(
        trace(
            "seen",
            "core",
            'aie.trace.mode "Event-Time"',
            "aie.trace.packet id=1 type=core",
            "aie.trace.port<0> port=North channel=1 direction=S2MM",
            'aie.trace.event<"PORT_RUNNING_0">',
            START,
            STOP,
        ),
        sequence(CONFIG, "aie.trace.start_config @seen", "aiex.npu.write32 {address = 7 : ui32, value = 5 : ui32}"),
    )
    core, shim, bd = at(0, 2, 0), at(0, 0, 0), at(0, 0, 0x1D1E0)

    assert operations(text) == (
        Write(address=core + 213200, value=122 << 16 | 121 << 24),
        Write(address=core + 213204, value=1),
        Write(address=core + 261888, value=14 | 1 << 5),
        Write(address=core + 213216, value=75),
        Write(address=core + 0x34000, value=122 << 8),
        BlockWrite(address=bd, words=(2048, 0, 1 << 30, 0, 0, 2 << 24, 0, 1 << 25)),
        DdrPatch(address=bd + 4, argument=1, byte_offset=0),
        MaskWrite(address=shim + 0x1D208, value=3840, mask=65280),
        Write(address=shim + 0x1D20C, value=1 << 31 | 15),
        Write(address=shim + 0x34000, value=127 << 8),
        Write(address=shim + 0x3404C, value=127),
        Write(address=shim + 0x34008, value=127),
        Write(address=7, value=5),
        Write(address=shim + 0x34048, value=126),
        Write(address=shim + 0x34008, value=126),
    )
    assert flows(text) == [(1, "core (0, 2) Trace:0", "shim (0, 0) DMA:1")]
    assert lowered(text).design.packet_flows[0].keep_header
    assert [str(argument) for argument in lowered(text).sequences[0].arguments] == ["memref<16xi32>", "memref<8192xi8>"]


def test_the_memory_of_a_core_tile_has_a_unit_and_a_port_of_its_own_and_no_mode() -> None:
    lines = ("aie.trace.packet id=3 type=mem", 'aie.trace.mode "Event-PC"', START, STOP)
    text = device(trace("seen", "core", *lines, 'aie.trace.event<"DMA_S2MM_0_START_TASK">'), started("seen"))
    core = at(0, 2, 0)

    assert writes(text)[:4] == [
        (core + 0x140D4, 3 | 1 << 12),
        (core + 0x140D0, 122 << 16 | 121 << 24),
        (core + 0x140E0, 19),
        (core + 0x14000, 122 << 8),
    ]
    assert flows(text) == [(3, "core (0, 2) Trace:1", "shim (0, 0) DMA:1")]


def test_a_mem_tile_has_events_of_eight_bits() -> None:
    ports = [f"aie.trace.port<{slot}> port=DMA channel={slot % 6} direction=MM2S" for slot in (0, 5)]
    events = ('aie.trace.event<"USER_EVENT_1">', *['aie.trace.event<"PORT_TLAST_7">'] * 4)
    text = device(trace("seen", "mem", START, STOP, *ports, *events), started("seen"))
    mem = at(0, 1, 0)

    assert writes(text)[:7] == [
        (mem + 0x940D4, 1 | 3 << 12),  # what says nothing of packets says it at first
        (mem + 0x940D0, 157 << 16 | 156 << 24),
        (mem + 0xB0F00, 0),
        (mem + 0xB0F04, 5 << 8),
        (mem + 0x940E0, 160 | 110 << 8 | 110 << 16 | 110 << 24),
        (mem + 0x940E4, 110),
        (mem + 0x94000, 157 << 8),
    ]
    assert flows(text) == [(1, "mem (0, 1) Trace:0", "shim (0, 0) DMA:1")]


def test_the_shim_tile_that_broadcasts_hears_its_own_events() -> None:
    text = device(trace("seen", "shim", START, STOP, 'aie.trace.event<"DMA_S2MM_0_START_TASK">'), started("seen"))

    assert [(address, value) for address, value in writes(text) if address != 0x1D20C] == [
        (0x340D4, 1 | 2 << 12),
        (0x340D0, 127 << 16 | 126 << 24),
        (0x340E0, 14),
        *[(0x34000, 127 << 8), (0x3404C, 127), (0x34008, 127)],
        *[(0x34048, 126), (0x34008, 126)],
    ]
    assert flows(text) == [(1, "shim (0, 0) Trace:0", "shim (0, 0) DMA:1")]


def test_another_shim_tile_hears_the_broadcast_on_its_side_a() -> None:
    text = device(trace("seen", "shim1", START, STOP), started("seen"))

    assert writes(text)[1:3] == [(at(1, 0, 0x340D0), 125 << 16 | 124 << 24), (at(1, 0, 0x34000), 125 << 8)]


def test_a_trace_that_begins_and_ends_with_events_broadcasts_nothing() -> None:
    text = device(trace("seen", "core", *BY_EVENT, EVENT), started("seen"))
    core = at(0, 2, 0)

    assert writes(text) == [
        *[(core + 0x340D4, 1), (core + 0x340D0, 1 << 16), (core + 0x340E0, 33)],
        (0x1D20C, 1 << 31 | 15),
    ]


def test_events_are_combined_and_their_edges_seen_before_anything_else_is_written() -> None:
    text = device(
        trace(
            "seen",
            "core",
            *BY_EVENT,
            'aie.trace.event<"COMBO_EVENT_1">',
            'aie.trace.edge_event<0> event=<"LOCK_STALL"> trigger=BOTH',
            'aie.trace.edge_event<1> event=<"INSTR_VECTOR"> trigger=FALLING',
            'aie.trace.combo_event<0> <"INSTR_EVENT_0"> AND_NOT <"INSTR_VECTOR">',
            'aie.trace.combo_event<1> <"LOCK_STALL"> OR <"ACTIVE">',
        ),
        started("seen"),
    )
    core = at(0, 2, 0)

    assert writes(text)[:3] == [
        (core + 214016, 33 | 37 << 8 | 26 << 16 | 28 << 24),
        (core + 214020, 1 | 2 << 8),
        (core + 214024, 0x61A | 37 << 16 | 1 << 26),
    ]


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("npu1", '"instr_event_0"'),
        ("npu1", "CoreEventAIE2::INSTR_EVENT_0"),
        ("npu2", "CoreEventAIE2P::INSTR_EVENT_0"),
        ("npu2", '"CoreEventAIE2P::INSTR_EVENT_0"'),
    ],
)
def test_an_event_is_named_in_quotes_or_by_the_enum_of_the_device(name: str, event: str) -> None:
    text = device(trace("seen", "core", *BY_EVENT, f"aie.trace.event<{event}>"), started("seen"), name=name)

    assert writes(text)[2] == (at(0, 2, 0x340E0), 33)


# Several traces


def test_ids_that_are_left_open_go_by_column_and_row_and_pass_over_those_that_are_not() -> None:
    text = device(
        trace("beside", "beside", START, STOP),
        trace("pinned", "above", "aie.trace.packet id=2 type=core", START, STOP),
        trace("core", "core", START, STOP),
        trace("core_memory", "core", "aie.trace.packet type=mem", START, STOP),
        trace("mem", "mem", START, STOP),
        started("core"),
    )

    assert flows(text) == [
        (5, "core (1, 2) Trace:0", "shim (0, 0) DMA:1"),
        (2, "core (0, 3) Trace:0", "shim (0, 0) DMA:1"),
        (3, "core (0, 2) Trace:0", "shim (0, 0) DMA:1"),
        (4, "core (0, 2) Trace:1", "shim (0, 0) DMA:1"),
        (1, "mem (0, 1) Trace:0", "shim (0, 0) DMA:1"),
    ]


def test_several_traces_have_one_buffer_one_bd_and_one_start() -> None:
    text = device(trace("one", "core", START, STOP), trace("two", "beside", START, STOP), started("one", "two"))
    found = operations(text)

    assert [type(one) for one in found].count(BlockWrite) == [type(one) for one in found].count(DdrPatch) == 1
    assert [one[0] for one in writes(text)].count(0x34008) == 2  # to start them all, and to stop them all
    assert [one for one in writes(text) if one[1] == 122 << 8] == [
        (at(0, 2, 0x34000), 122 << 8),
        (at(1, 2, 0x34000), 122 << 8),
    ]


def test_a_trace_is_written_where_each_sequence_starts_it_and_led_out_by_the_first() -> None:
    write = "aiex.npu.write32 {address = 7 : ui32, value = 5 : ui32}"
    text = device(
        trace("seen", "core", *BY_EVENT),
        sequence(CONFIG, write, "aie.trace.start_config @seen", write),
        sequence("aie.trace.start_config @seen", arguments="").replace("@run", "@other"),
    )
    registers = [(at(0, 2, 0x340D4), 1), (at(0, 2, 0x340D0), 1 << 16)]

    assert writes(text) == [(7, 5), *registers, (0x1D20C, 1 << 31 | 15), (7, 5)]
    assert writes(text, number=1) == registers
    assert [len(one.arguments) for one in lowered(text).sequences] == [2, 0]


def test_a_trace_that_no_sequence_starts_has_its_flow_and_what_leads_it_out_stands_first() -> None:
    write = "aiex.npu.write32 {address = 7 : ui32, value = 5 : ui32}"
    text = device(trace("seen", "core", *BY_EVENT), sequence(write, CONFIG))

    assert writes(text) == [(0x1D20C, 1 << 31 | 15), (7, 5)]
    assert flows(text) == [(1, "core (0, 2) Trace:0", "shim (0, 0) DMA:1")]


def test_a_buffer_for_traces_without_a_trace_is_nothing() -> None:
    text = device(sequence(CONFIG))

    assert operations(text) == ()
    assert len(lowered(text).sequences[0].arguments) == 1


# Where they go


def patch_of(text: str) -> DdrPatch:
    return next(one for one in operations(text) if isinstance(one, DdrPatch))


def test_traces_lie_behind_the_data_of_the_last_argument_if_it_is_reused() -> None:
    reused = "aie.trace.host_config {buffer_size = 8192 : i32, reuse_output_buffer = true}"
    text = device(
        trace("seen", "core", START, STOP),
        sequence(reused, arguments="%a: memref<16xi32>, %b: memref<1024xi32>"),
    )

    assert patch_of(text) == DdrPatch(address=0x1D1E4, argument=1, byte_offset=4096)
    assert len(lowered(text).sequences[0].arguments) == 2


def test_an_argument_that_the_firmware_does_not_translate_has_the_aperture_in_its_patch() -> None:
    arguments = ", ".join(f"%a{number}: memref<16xi32>" for number in range(5))
    text = device(trace("seen", "core", START, STOP), sequence(CONFIG, arguments=arguments))

    assert patch_of(text) == DdrPatch(address=0x1D1E4, argument=5, byte_offset=0x8000_0000)


def test_a_shim_tile_is_made_in_the_column_that_is_asked_for() -> None:
    config = "aie.trace.host_config {buffer_size = 8192 : i32, egress_shim_col = 1 : i32}"
    text = device(trace("seen", "core", *BY_EVENT), sequence(config), tiles=("core",))

    assert flows(text) == [(1, "core (0, 2) Trace:0", "shim (1, 0) DMA:1")]
    assert patch_of(text).address == at(1, 0, 0x1D1E4)
    assert [str(tile) for tile in lowered(text).design.tiles] == ["shim (1, 0)", "core (0, 2)"]


def test_a_shim_tile_that_is_made_moves_no_buffer() -> None:
    fifo = "aie.objectfifo @in(%mem, {%core}, 2 : i32) : !aie.objectfifo<memref<16xi32>>"
    buffers = (f'%{name} = aie.buffer(%core) {{sym_name = "{name}"}} : memref<16xi32>' for name in "pq")
    plain = device(next(buffers), TILES["mem"], fifo, next(buffers), sequence(), tiles=("core",))
    traced = plain.replace("aie.runtime_sequence", trace("seen", "core", *BY_EVENT) + "\naie.runtime_sequence")
    traced = traced.replace("memref<16xi32>) {", "memref<16xi32>) {\n" + CONFIG)

    assert [str(tile) for tile in lowered(traced).design.tiles] == ["shim (0, 0)", "core (0, 2)", "mem (0, 1)"]
    assert {one.name: one.address for one in lowered(traced).buffers} == {
        one.name: one.address for one in lowered(plain).buffers
    }


@pytest.mark.parametrize(
    "taken",
    [
        "aie.flow(%core, DMA : 0, %shim, DMA : 1)",
        "aie.shim_dma_allocation @out(%shim, S2MM, 1)",
        "aie.packet_flow(9) {\naie.packet_source<%core, DMA : 0>\naie.packet_dest<%shim, DMA : 1>\n}",
    ],
)
def test_traces_take_the_first_input_where_the_design_has_the_second(taken: str) -> None:
    text = device(taken, trace("seen", "core", *BY_EVENT), started("seen"))

    assert flows(text)[-1] == (1, "core (0, 2) Trace:0", "shim (0, 0) DMA:0")
    assert (0x1D204, 1 << 31 | 15) in writes(text)


def test_tokens_go_to_the_tile_controller_that_the_shim_tile_names() -> None:
    named = "%shim = aie.tile(0, 0) {controller_id = #aie.packet_info<pkt_type = 0, pkt_id = 5>}"
    text = device(named, trace("seen", "core", *BY_EVENT), started("seen"), tiles=("core",))
    words = sequence_words(lowered(text), lowered(text).sequences[0])

    assert MaskWrite(address=0x1D208, value=1280, mask=65280) in operations(text)
    assert [one.controller_id for one in npu_actions(decode(words, "words")) if isinstance(one, RouteTokens)] == [5]


def test_the_facts_of_a_design_have_the_flows_of_its_traces() -> None:
    text = device(trace("seen", "core", *BY_EVENT), started("seen"))

    assert design_facts(text, "d.mlir", None)["packet_flows"] == [
        {"id": 1, "source": [{"tile": [0, 2], "port": "Trace:0"}], "dest": [{"tile": [0, 0], "port": "DMA:1"}]}
    ]


# Older versions


def test_in_march_2026_only_registers_were_written_and_a_broadcast_was_a_number() -> None:
    lines = ('aie.trace.mode "Event-PC"', "aie.trace.packet id=1 type=core", START, STOP, EVENT)
    text = device(trace("seen", "core", *lines), sequence("aie.trace.start_config @seen"))

    assert flows(text, version_named("2026-03")) == []
    assert writes(text, version_named("2026-03")) == [
        (at(0, 2, 0x340D0), 1 | 15 << 16 | 14 << 24),
        (at(0, 2, 0x340D4), 1),
        (at(0, 2, 0x340E0), 33),
    ]


def test_in_june_2026_the_design_said_which_argument_traces_go_to_and_a_unit_could_be_traced_twice() -> None:
    june = version_named("2026-06")
    config = "aie.trace.host_config buffer_size = 8192"
    traces = (trace("one", "core", *BY_EVENT), trace("two", "core", *BY_EVENT))

    def patch(config: str) -> tuple[int, int]:
        found = operations(device(*traces, sequence(config)), june)
        return next((one.argument, one.byte_offset) for one in found if isinstance(one, DdrPatch))

    assert patch(config) == (4, 0)
    assert patch(f"{config} arg_idx = 2") == (2, 0)
    assert patch(f"{config} arg_idx = -1") == (0, 64)
    assert patch(CONFIG) == (1, 0)  # what is appended since
    assert len(lowered(device(*traces, sequence(config)), june).sequences[0].arguments) == 1


def refusal(text: str, version: Version | None = None) -> str:
    with pytest.raises(Problem) as refused:
        lowered(text, version)
    return refused.value.text


def test_a_buffer_for_traces_is_nothing_that_march_2026_reads() -> None:
    assert refusal(device(sequence(CONFIG), tiles=()), version_named("2026-03")) == (
        "mlir-aie of 2026-03 does not read this\n"
        "  where: d.mlir:4:1\n"
        "  why:   aie.trace came in March 2026, and aie.trace.host_config at the end of that month\n"
        "  fix:   leave the traces away, or take a newer mlir-aie"
    )


def test_in_march_2026_packets_had_an_id() -> None:
    text = device(trace("seen", "core", "aie.trace.packet type=core"), tiles=("core",))

    assert refusal(text, version_named("2026-03")) == (
        "the packets of @seen have no id\n"
        "  where: d.mlir:5:1\n"
        "  why:   mlir-aie gives traces their ids since the end of March 2026 only\n"
        "  fix:   write id = 1, or another number up to 31"
    )


# What is refused

SHORT = ("shim", "core")
SEEN = trace("seen", "core", START, STOP)
BOTH_TAKEN = [f"aie.flow(%core, DMA : {channel}, %shim, DMA : {channel})" for channel in range(2)]
REFUSED = {
    "no sequence": (
        (SEEN,),
        "@seen is traced, and the design has no runtime sequence\n"
        "  where: d.mlir:5:1\n"
        "  why:   a trace leaves the array through a buffer of the runtime sequence\n"
        "  fix:   add an aie.runtime_sequence with an aie.trace.host_config",
    ),
    "no host_config": (
        (SEEN, sequence()),
        "@run says nothing of the buffer for traces\n"
        "  where: d.mlir:9:1\n"
        "  why:   the design has a trace at d.mlir:5:1, and the first sequence has no aie.trace.host_config\n"
        "  fix:   write `aie.trace.host_config {buffer_size = 8192 : i32}` into it",
    ),
    "no start": (
        (trace("seen", "core", STOP), sequence(CONFIG)),
        "@seen does not say when it starts\n"
        "  where: d.mlir:5:1\n"
        "  why:   a trace unit begins and ends with an event\n"
        "  fix:   write `aie.trace.start broadcast = 15` into it",
    ),
    "no stop": (
        (trace("seen", "core", START), sequence(CONFIG)),
        "@seen does not say when it stops\n"
        "  where: d.mlir:5:1\n"
        "  why:   a trace unit begins and ends with an event\n"
        "  fix:   write `aie.trace.stop broadcast = 14` into it",
    ),
    "one id twice": (
        (
            trace("seen", "core", "aie.trace.packet id=5 type=core", START, STOP),
            trace("too", "shim", "aie.trace.packet id=5 type=shimtile", START, STOP),
            sequence(CONFIG),
        ),
        "packet id 5 of a trace is taken\n"
        "  where: d.mlir:11:1\n"
        "  why:   first at d.mlir:6:1; whoever reads the traces tells them apart by it\n"
        "  fix:   use another id, or leave id away",
    ),
    "traced twice": (
        (SEEN, trace("again", "core", START, STOP), sequence(CONFIG)),
        "a unit of core (0, 2) is traced twice\n"
        "  where: d.mlir:9:1\n"
        "  why:   first by @seen at d.mlir:5:1; a trace unit sends one stream of packets\n"
        "  fix:   put the events of both into one trace",
    ),
    "an id that no trace has": (
        (trace("seen", "core", "aie.trace.packet id=32 type=core"),),
        "there is no packet id 32 for a trace\n"
        "  where: d.mlir:6:1\n"
        "  why:   traces have ids 1 to 31\n"
        "  fix:   use one of those, or leave id away",
    ),
    "nine events": (
        (trace("seen", "core", *[EVENT] * 9),),
        "@seen has 9 events\n"
        "  where: d.mlir:14:1\n"
        "  why:   a trace unit has room for 8\n"
        "  fix:   leave some away, or trace them in another run",
    ),
    "an unknown event": (
        (trace("seen", "core", 'aie.trace.event<"LOCK_STAL">', START, STOP), sequence(CONFIG)),
        "there is no event LOCK_STAL to trace\n"
        "  where: d.mlir:6:1\n"
        "  why:   aie-rt names 127 events of a core, and none of them so\n"
        "  fix:   did you mean LOCK_STALL?",
    ),
    "an event of another unit": (
        (trace("seen", "core", START, 'aie.trace.stop event=<"DMA_S2MM_0_START_TASK">'), sequence(CONFIG)),
        "there is no event DMA_S2MM_0_START_TASK to trace\n"
        "  where: d.mlir:7:1\n"
        "  why:   aie-rt names 127 events of a core, and none of them so\n"
        "  fix:   name one of those",
    ),
    "an unknown case": (
        (trace("seen", "core", "aie.trace.event<CoreEventAIE2::LOCK_STAL>"),),
        "there is no event CoreEventAIE2::LOCK_STAL\n"
        "  where: d.mlir:6:1\n"
        "  why:   CoreEventAIE2 has no such name\n"
        "  fix:   correct the name, or write it in quotes without an enum",
    ),
    "an enum of another device": (
        (trace("seen", "core", "aie.trace.event<CoreEventAIE2P::LOCK_STALL>"),),
        "core (0, 2) has no event CoreEventAIE2P::LOCK_STALL\n"
        "  where: d.mlir:6:1\n"
        "  why:   on npu1 its events are in CoreEventAIE2 and MemEventAIE2\n"
        "  fix:   take the enum of the tile and of the device",
    ),
    "neither broadcast nor event": (
        (trace("seen", "core", "aie.trace.start"),),
        "aie.trace.start names nothing\n"
        "  where: d.mlir:6:1\n"
        "  why:   a trace starts by one of the two\n"
        "  fix:   write `broadcast = 15`, or `event = <...>`: aie.trace.start broadcast = 15",
    ),
    "both": (
        (trace("seen", "core", 'aie.trace.stop broadcast=14 event=<"NONE">'),),
        "aie.trace.stop names a broadcast channel and an event\n"
        "  where: d.mlir:6:1\n"
        "  why:   a trace stops by one of the two\n"
        "  fix:   write `broadcast = 15`, or `event = <...>`: aie.trace.stop broadcast = 15",
    ),
    "a broadcast channel too many": (
        (trace("seen", "core", "aie.trace.start broadcast=16"),),
        "there is no broadcast channel 16\n"
        "  where: d.mlir:6:1\n"
        "  why:   events are broadcast on channels 0 to 15\n"
        "  fix:   use one of those",
    ),
    "a slot too many": (
        (trace("seen", "core", "aie.trace.port<8> port=North channel=1 direction=S2MM"),),
        "there is no slot 8 for a stream port\n"
        "  where: d.mlir:6:1\n"
        "  why:   a trace unit has slots 0 to 7\n"
        "  fix:   use one of those",
    ),
    "a slot twice": (
        (trace("seen", "core", *["aie.trace.port<0> port=North channel=1 direction=S2MM"] * 2),),
        "slot 0 for a stream port is taken\n"
        "  where: d.mlir:7:1\n"
        "  why:   first at d.mlir:6:1\n"
        "  fix:   use another slot",
    ),
    "a port that is not there": (
        (trace("seen", "shim", "aie.trace.port<0> port=DMA channel=0 direction=S2MM"),),
        "shim (0, 0) has no S2MM port DMA:0 to trace\n"
        "  where: d.mlir:6:1\n"
        "  why:   S2MM are the ports where a stream leaves the tile's switch, MM2S those where it enters\n"
        "  fix:   name a port of that tile's stream switch",
    ),
    "a port of a memory": (
        (
            trace("seen", "core", "aie.trace.packet type=mem", START, STOP)[:-1]
            + "aie.trace.port<0> port=DMA channel=0 direction=S2MM\n}",
            sequence(CONFIG),
        ),
        "the event unit of the memory of a core tile has no Port_0_ID\n"
        "  where: d.mlir:9:1\n"
        "  why:   only the other units have Stream_Switch_Event_Port_Selection_0\n"
        "  fix:   leave the line away",
    ),
    "a combination of combinations": (
        (trace("seen", "core", 'aie.trace.combo_event<0> <"COMBO_EVENT_1"> OR <"LOCK_STALL">'),),
        "combo event 0 cannot be made of COMBO_EVENT_1 and LOCK_STALL\n"
        "  where: d.mlir:6:1\n"
        "  why:   0 and 1 are made of other events than combinations, and 2 of COMBO_EVENT_0 and COMBO_EVENT_1\n"
        "  fix:   combine others, or use another slot",
    ),
    "combinations 0 and 2": (
        (
            trace(
                "seen",
                "core",
                'aie.trace.combo_event<0> <"ACTIVE"> OR <"LOCK_STALL">',
                'aie.trace.combo_event<2> <"COMBO_EVENT_0"> OR <"COMBO_EVENT_1">',
                START,
                STOP,
            ),
            sequence(CONFIG),
        ),
        "@seen sets eventA of Combo_event_inputs twice\n"
        "  where: d.mlir:7:1\n"
        "  why:   a field has one value; combo events 0 and 2 take their inputs from the same fields\n"
        "  fix:   keep one of the lines",
    ),
    "an edge of an edge": (
        (trace("seen", "core", 'aie.trace.edge_event<1> event=<"EDGE_DETECTION_EVENT_0"> trigger=RISING'),),
        "an edge detector cannot listen to EDGE_DETECTION_EVENT_0\n"
        "  where: d.mlir:6:1\n"
        "  why:   it listens to events that are not made of others\n"
        "  fix:   detect the edge of the event itself",
    ),
    "no input left": (
        (*BOTH_TAKEN, SEEN, sequence(CONFIG)),
        "shim (0, 0) has no input left for traces\n"
        "  where: d.mlir:12:1\n"
        "  why:   flows and allocations of the design have both of its S2MM channels\n"
        "  fix:   let egress_shim_col name a column whose shim tile has one left",
    ),
    "no such column": (
        (SEEN, sequence("aie.trace.host_config {buffer_size = 8192 : i32, egress_shim_col = 5 : i32}")),
        "there is no shim tile in column 5\n"
        "  where: d.mlir:10:1\n"
        "  why:   npu1 has columns 0 to 3\n"
        "  fix:   let egress_shim_col be one of those",
    ),
    "nothing to reuse": (
        (
            SEEN,
            sequence("aie.trace.host_config {buffer_size = 8192 : i32, reuse_output_buffer = true}", arguments=""),
        ),
        "@run has no argument to put traces behind\n"
        "  where: d.mlir:10:1\n"
        "  why:   reuse_output_buffer puts them behind the data of the last argument\n"
        "  fix:   leave reuse_output_buffer away",
    ),
    "no such trace": (
        (SEEN, sequence(CONFIG, "aie.trace.start_config @sen")),
        "there is no trace @sen\n  where: d.mlir:11:1\n  why:   traces here: @seen\n  fix:   name one of those",
    ),
    "no bytes": (
        (sequence("aie.trace.host_config {buffer_size = 0 : i32}"),),
        "a trace buffer cannot have 0 bytes\n"
        "  where: d.mlir:6:1\n"
        "  fix:   give buffer_size the bytes that traces may take",
    ),
    "another routing": (
        (sequence('aie.trace.host_config {buffer_size = 8192 : i32, routing = "column"}'),),
        "there is no routing of traces 'column'\n  where: d.mlir:6:1\n  fix:   leave routing away: it is single",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_trace_that_mlir_aie_refuses_is_refused_in_words(why: str) -> None:
    lines, text = REFUSED[why]

    assert refusal(device(*lines, tiles=SHORT)) == text


def test_a_mem_tile_has_no_second_unit() -> None:
    text = device(trace("seen", "mem", "aie.trace.packet type=mem", START, STOP), sequence(CONFIG), tiles=("mem",))

    assert refusal(text) == (
        "mem (0, 1) has no trace unit of its memory\n"
        "  where: d.mlir:5:1\n"
        "  why:   only a core tile has two of them\n"
        "  fix:   write type = memtile"
    )


def test_ids_run_out_after_31_traces() -> None:
    tiles = [f"%t{column}_{row} = aie.tile({column}, {row})" for column in range(6) for row in range(6)]
    traces = [trace(f"s{column}_{row}", f"t{column}_{row}", *BY_EVENT) for column in range(6) for row in range(6)]

    assert refusal(device(*tiles, *traces, sequence(CONFIG), name="npu2", tiles=())).startswith(
        "there is no packet id left for @s5_1\n"
    )


OUT = "aie.objectfifo @{0}(%core, {{%shim}}, 2 : i32) : !aie.objectfifo<memref<16xi32>>"


def test_a_fifo_that_comes_to_the_channel_of_traces_is_refused() -> None:
    one, two = OUT.format("one"), OUT.format("two")
    text = device(one, two, SEEN, sequence(CONFIG), tiles=SHORT)

    assert lowered(device(one, SEEN, sequence(CONFIG), tiles=SHORT)).flows[0].destination_channel == 0
    assert refusal(text) == (
        "traces and @two end in the same channel\n"
        "  where: d.mlir:7:1\n"
        "  why:   both go to S2MM channel 1 of shim (0, 0), and mlir-aie gives fifos theirs without a look at traces\n"
        "  fix:   let egress_shim_col of aie.trace.host_config name another column"
    )


# On the emulator

THROUGH = """\
%shim = aie.tile(0, 0)
%mem = aie.tile(0, 1)
%core = aie.tile(0, 2)
aie.objectfifo @in(%shim, {%mem}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
aie.objectfifo @out(%mem, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
aie.objectfifo.link [@in] -> [@out] ([] [])
"""
MOVES = """\
aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<64xi32>
aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<64xi32>
aiex.npu.dma_wait {symbol = @out}
"""
CONFIGS = {False: CONFIG, True: "aie.trace.host_config {buffer_size = 8192 : i32, reuse_output_buffer = true}"}


def through(*, reuses: bool) -> str:
    """What the mem tile passes on, with all of its column traced."""
    tiles = ("core", "mem", "shim")
    return device(
        THROUGH,
        *(trace(f"of_{tile}", tile, START, STOP) for tile in tiles),
        sequence(
            CONFIGS[reuses],
            *(f"aie.trace.start_config @of_{tile}" for tile in tiles),
            MOVES,
            arguments="%a: memref<64xi32>, %b: memref<64xi32>",
        ),
        tiles=(),
    )


@pytest.mark.parametrize("reuses", [False, True])
def test_a_traced_design_runs_on_the_emulator_as_often_as_one_without(reuses: bool) -> None:
    found = emulate(through(reuses=reuses), "d.mlir", arguments={0: "random", 1: "zeros"}, runs=6)

    assert (found.state, found.faults) == (COMPLETED, ())
    assert [argument.is_of_traces for argument in found.arguments] == [False, False] + [True] * (not reuses)
    assert (found.arguments[1].after == found.arguments[0].before).all()
    assert found.arguments[-1].type.nbytes == (256 if reuses else 8192)


def test_emulate_asks_for_no_value_of_the_argument_of_traces_and_says_that_it_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "d.mlir"
    file.write_text(through(reuses=False))
    call = ["emulate", str(file), "--arg", "0=ones", "--arg", "1=zeros"]

    assert main(call) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "  argument 2  memref<8192xi8>      for traces, which are not emulated: unchanged"
    )
    assert main([*call, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [argument["of_traces"] for argument in said["arguments"]] == [False, False, True]


def test_check_finds_a_transfer_in_the_bd_of_traces() -> None:
    text = through(reuses=False)
    found = check_design(text.replace("id = 0 : i64", "id = 15 : i64"), "d.mlir", {})

    assert {finding.id for finding in check_design(text, "d.mlir", {})} == {"TP005"}
    assert [(finding.what, finding.why) for finding in found if finding.is_error] == [
        (
            "BD 15 of shim (0, 0) is written for @out, and traces have it",
            "mlir-aie writes BD 15 for the traces that leave the array there, whoever else uses it",
        )
    ]


def test_a_host_is_told_of_the_argument_that_is_appended() -> None:
    _, interface, _ = lower_for_host(through(reuses=False), "d.mlir", Banks(), ())
    _, other, _ = lower_for_host(through(reuses=True), "d.mlir", Banks(), ())

    assert (interface.buffers, other.buffers) == (3, 2)


def test_inspect_shows_traces_and_where_they_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "d.mlir"
    file.write_text(device(trace("seen", "core", START, STOP, EVENT), started("seen"), tiles=SHORT))

    assert main(["inspect", str(file)]) == 0
    said = capsys.readouterr().out
    for line in (
        "  trace @seen: core (0, 2), INSTR_EVENT_0",
        "  argument 1 (kernel argument 4): memref<8192xi8>, 8,192 B, appended for traces",
        "    11: 8,192 B for traces, through shim (0, 0)",
        "    12: registers of trace @seen",
    ):
        assert line in said.splitlines()
    assert main(["inspect", str(file), "--lowered"]) == 0
    assert capsys.readouterr().out.endswith(
        "traces\n"
        "  core (0, 2) Trace:0 -> shim (0, 0) DMA:1  packets 1\n"
        "\n"
        "while a sequence runs\n"
        "  @run, line 5: 1 word written to 0x340d4 of tile (0, 2)\n"
        "  @run, line 5: 1 word written to 0x340d0 of tile (0, 2)\n"
        "  @run, line 5: 1 word written to 0x340e0 of tile (0, 2)\n"
        "  @run, line 11: 1 word written to 0x34000 of tile (0, 2)\n"
        "  @run, line 11: 8 words written to 0x1d1e0\n"
        "  @run, line 11: address at 0x1d1e4 becomes that of argument 1 + 0\n"
        "  @run, line 11: 1 word written to 0x1d208 of tile (0, 0)\n"
        "  @run, line 11: 1 word written to 0x1d20c of tile (0, 0)\n"
        "  @run, line 11: 1 word written to 0x34000 of tile (0, 0)\n"
        "  @run, line 11: 1 word written to 0x3404c of tile (0, 0)\n"
        "  @run, line 11: 1 word written to 0x34008 of tile (0, 0)\n"
        "  @run, line 11: 1 word written to 0x34048 of tile (0, 0)\n"
        "  @run, line 11: 1 word written to 0x34008 of tile (0, 0)\n"
    )
    assert main(["inspect", str(file), "--print"]) == 0
    assert "aie.trace.start_config @seen" in capsys.readouterr().out
