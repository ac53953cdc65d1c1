"""Printing: a design reads the same in every spelling it is printed in, and no text whatever breaks the printer."""

from __future__ import annotations

import random
import re
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tileproof.diagnostic import Place
from tileproof.errors import Problem
from tileproof.lowering.facts import design_facts
from tileproof.lowering.lower import lower_design
from tileproof.lowering.sequence import sequence_words
from tileproof.mlir.design import Design
from tileproof.mlir.printer import respelled
from tileproof.mlir.reader import read_design, read_layout
from tileproof.mlir_aie_versions import LOWERED_VERSIONS, NEWEST, VERSIONS, Version, version_named

NOWHERE = Place("", 0, 0)


def placeless(value: Any) -> Any:
    if isinstance(value, Place):
        return NOWHERE
    if isinstance(value, tuple):
        return tuple(placeless(entry) for entry in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: placeless(getattr(value, field.name)) for field in fields(value)})
    return value


def meaning(text: str) -> Design:
    """What a design says, wherever and in whatever spelling it says it."""
    design: Design = placeless(read_design(text, "d.mlir"))
    return replace(design, notes=())


def device(*lines: str) -> str:
    return "\n".join(["builtin.module {", "  aie.device(npu1) {", *lines, "  }", "}", ""])


def printed(version: Version, *lines: str) -> list[str]:
    """The lines of a printed device, without its frame."""
    return respelled(device(*lines), "d.mlir", version).splitlines()[2:-2]


# What differs from version to version

EVERYTHING = """\
module {
  aie.device(npu1) @small {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.shim_dma_allocation @in(MM2S, 0, 0)  // a column, as until December 2025
    %work = aie.buffer(%tile) {sym_name = "work"} : memref<64xi32>
    %free = aie.lock(%tile, 0) {init = 1 : i32, sym_name = "free"}
    func.func private @twice(memref<64xi32>) attributes {link_with = "tile.o"}
    %core = aie.core(%tile) {
      aie.use_lock(%free, AcquireGreaterEqual, 1)
      func.call @twice(%work) : (memref<64xi32>) -> ()
      aie.use_lock(%free, Release, 1)
      aie.end
    }
    %dma = aie.mem(%tile) {
      %start = aie.dma_start(S2MM, 0, ^bd, ^end)
    ^bd:
      aie.use_lock(%free, AcquireGreaterEqual, 1)
      aie.dma_bd(%work : memref<64xi32>, 0, 64, [<size = 4, stride = 16>, <size = 16, stride = 1>])
      aie.use_lock(%free, Release, 2)
      aie.next_bd ^bd
    ^end:
      aie.end
    }
    aiex.runtime_sequence @run(%a: memref<64xi32>) {
      aiex.npu.write32 {address = 4096 : ui32, column = 0 : i32, row = 2 : i32, value = 7 : ui32}
      aiex.npu.rtp_write(@work, 3, 7)
      %task = aiex.dma_configure_task_for @in {
        aie.dma_bd(%a : memref<64xi32>, 0, 64)
        aie.end
      } {issue_token = true}
      aiex.dma_start_task(%task)
      aiex.dma_await_task(%task)
    }
  }
}
"""

IN_MARCH = """\
builtin.module {
  aie.device(npu1) @small {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.shim_dma_allocation @in(%shim, MM2S, 0)
    %work = aie.buffer(%tile) {sym_name = "work"} : memref<64xi32>
    %free = aie.lock(%tile, 0) {init = 1 : i32, sym_name = "free"}
    func.func private @twice(memref<64xi32>) -> () attributes {link_with = "tile.o"}
    %core = aie.core(%tile) {
      aie.use_lock(%free, AcquireGreaterEqual, 1)
      func.call @twice(%work) : (memref<64xi32>) -> ()
      aie.use_lock(%free, Release, 1)
      aie.end
    }
    %dma = aie.mem(%tile) {
      %start = aie.dma_start(S2MM, 0, ^bd, ^end)
    ^bd:
      aie.use_lock(%free, AcquireGreaterEqual, 1)
      aie.dma_bd(%work : memref<64xi32>, 0, 64, [<size = 4, stride = 16>, <size = 16, stride = 1>])
      aie.use_lock(%free, Release, 2)
      aie.next_bd ^bd
    ^end:
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<64xi32>) {
      aiex.npu.write32 {address = 4096 : ui32, value = 7 : ui32, column = 0 : i32, row = 2 : i32}
      aiex.npu.rtp_write(@work, 3, 7)
      %task = aiex.dma_configure_task_for @in {
        aie.dma_bd(%a : memref<64xi32>, 0, 64)
        aie.end
      } {issue_token = true}
      aiex.dma_start_task(%task)
      aiex.dma_await_task(%task)
    }
  }
}
"""

IN_NOVEMBER = (
    IN_MARCH.replace("@in(%shim, MM2S, 0)", "@in(MM2S, 0, 0)")
    .replace(' -> () attributes {link_with = "tile.o"}', " -> ()")
    .replace("      aie.end\n    }\n    %dma", '      aie.end\n    } {link_with = "tile.o"}\n    %dma')
)

IN_AUGUST = """\
builtin.module {
  aie.device(npu1) @small {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.shim_dma_allocation @in(%shim, MM2S, 0)
    %work = aie.buffer(%tile) {sym_name = "work"} : memref<64xi32>
    %free = aie.lock(%tile, 0) {init = 1 : i32, sym_name = "free"}
    func.func private @twice(memref<64xi32>) -> () attributes {link_with = "tile.o"}
    %core = aie.core(%tile) {
      %c1_i32 = arith.constant 1 : i32
      aie.use_lock(%free, AcquireGreaterEqual, %c1_i32)
      func.call @twice(%work) : (memref<64xi32>) -> ()
      aie.use_lock(%free, Release, %c1_i32)
      aie.end
    }
    %dma = aie.mem(%tile) {
      %c1_i32 = arith.constant 1 : i32
      %c2_i32 = arith.constant 2 : i32
      %start = aie.dma_start(S2MM, 0, ^bd, ^end)
    ^bd:
      aie.use_lock(%free, AcquireGreaterEqual, %c1_i32)
      aie.dma_bd(%work : memref<64xi32> offset = 0 len = 64 sizes = [4, 16] strides = [16, 1])
      aie.use_lock(%free, Release, %c2_i32)
      aie.next_bd ^bd
    ^end:
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<64xi32>) {
      %c4096_i32 = arith.constant 4096 : i32
      %c7_i32 = arith.constant 7 : i32
      aiex.npu.write32(%c4096_i32, %c7_i32) {column = 0 : i32, row = 2 : i32} : i32, i32
      aiex.npu.rtp_write(@work, 3, %c7_i32) : i32
      %task = aiex.dma_configure_task_for @in {
        aie.dma_bd(%a : memref<64xi32> offset = 0 len = 64)
        aie.end
      } {issue_token = true}
      aiex.dma_start_task(%task)
      aiex.dma_await_task(%task)
    }
  }
}
"""

NOVEMBER, MARCH = version_named("2025-11"), version_named("2026-03")
IN_STATE = {
    "2025-11": IN_NOVEMBER,
    "2026-03": IN_MARCH,
    "2026-06": IN_MARCH,
    "2026-08": IN_AUGUST,
    "2026-08-14": IN_AUGUST,
}
each_state = pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)


@each_state
def test_a_design_is_printed_as_each_state_spells_it(version: Version) -> None:
    assert respelled(EVERYTHING, "d.mlir", version) == IN_STATE[version.name]


@each_state
@pytest.mark.parametrize("spelling", ["2026-03", "2026-08"])
def test_whatever_the_spelling_the_print_is_the_same(spelling: str, version: Version) -> None:
    assert respelled(IN_STATE[spelling], "d.mlir", version) == IN_STATE[version.name]


def test_without_a_state_the_newest_is_printed() -> None:
    assert respelled(EVERYTHING, "d.mlir") == IN_AUGUST


def test_a_printed_design_has_no_old_spelling_for_the_state_it_is_printed_for() -> None:
    for version in VERSIONS:
        notes = read_design(IN_STATE[version.name], "d.mlir").notes
        assert [note.what for note in notes if note.versions is not None and version.name not in note.versions] == []


def test_constants_come_once_per_sequence_and_go_again() -> None:
    old = [
        "    aie.runtime_sequence @run() {",
        "      aiex.npu.maskwrite32 {address = 8 : ui32, value = 8 : ui32, mask = 4294967295 : ui32}",
        "      aiex.npu.sync {column = 0 : i32, row = 0 : i32, direction = 1 : i32, channel = 0 : i32,"
        " column_num = 1 : i32, row_num = 1 : i32}",
        "      aiex.npu.push_queue(0, 0, MM2S : 0) {bd_id = 8 : i32, repeat_count = 0 : i32, issue_token = true}",
        "      aiex.npu.address_patch {addr = 119300 : ui32, arg_idx = 0 : i32, arg_plus = 8 : i32}",
        "    }",
    ]
    new = [
        "    aie.runtime_sequence @run() {",
        "      %c8_i32 = arith.constant 8 : i32",
        "      %c-1_i32 = arith.constant -1 : i32",
        "      %c0_i32 = arith.constant 0 : i32",
        "      %c1_i32 = arith.constant 1 : i32",
        "      aiex.npu.maskwrite32(%c8_i32, %c8_i32, %c-1_i32) : i32, i32, i32",
        "      aiex.npu.sync(%c0_i32, %c0_i32, %c1_i32, %c0_i32, %c1_i32, %c1_i32) : i32, i32, i32, i32, i32, i32",
        "      aiex.npu.push_queue(0, 0, MM2S : 0) bd_id %c8_i32 repeat %c0_i32 {issue_token = true} : i32, i32",
        "      aiex.npu.address_patch(%c8_i32 : i32) {addr = 119300 : ui32, arg_idx = 0 : i32}",
        "    }",
    ]

    assert printed(NEWEST, *old) == new
    assert printed(MARCH, *new) == old


def test_a_constant_with_another_use_is_no_constant_of_ours() -> None:
    core = [
        "    %tile = aie.tile(0, 2)",
        "    %lock = aie.lock(%tile)",
        "    %core = aie.core(%tile) {",
        "      %one = arith.constant 1 : i32",
        "      aie.use_lock(%lock, AcquireGreaterEqual, %one)",
        "      %two = arith.addi %one, %one : i32",
        "      aie.end",
        "    }",
    ]

    assert printed(MARCH, *core) == [*core[:4], "      aie.use_lock(%lock, AcquireGreaterEqual, 1)", *core[5:]]
    assert printed(NEWEST, *core)[3:6] == [
        "      %c1_i32 = arith.constant 1 : i32",
        "      %one = arith.constant 1 : i32",
        "      aie.use_lock(%lock, AcquireGreaterEqual, %c1_i32)",
    ]


def test_a_lock_that_is_used_without_a_value_is_printed_without_one() -> None:
    core = [
        "    %tile = aie.tile(0, 2)",
        "    %lock = aie.lock(%tile)",
        "    %core = aie.core(%tile) {",
        "      aie.use_lock(%lock, Release)",
        "      aie.end",
        "    }",
    ]

    assert [printed(version, *core) for version in VERSIONS] == [core] * len(VERSIONS)


def test_an_allocation_of_a_column_declares_the_tile_that_it_lacks() -> None:
    allocation = "    aie.shim_dma_allocation @x(MM2S, 0, 1)"

    assert printed(NOVEMBER, allocation) == [allocation]
    assert printed(MARCH, allocation) == [
        "    %tile_1_0 = aie.tile(1, 0)",
        "    aie.shim_dma_allocation @x(%tile_1_0, MM2S, 0)",
    ]


@pytest.mark.parametrize("version", VERSIONS[1:], ids=lambda version: version.name)
@pytest.mark.parametrize("shim", ["%shim = aie.tile(0, 0)", "%shim = aie.logical_tile<ShimNOCTile>(0, 0)"])
def test_an_allocation_in_front_of_its_tile_names_it_behind_its_declaration(shim: str, version: Version) -> None:
    text = device("aie.shim_dma_allocation @x(MM2S, 0, 0)", shim)

    assert meaning(respelled(text, "d.mlir", version)) == meaning(text)


@each_state
def test_a_bd_with_sizes_and_no_length_is_printed_so_that_it_can_be_read(version: Version) -> None:
    text = device(
        "%tile = aie.tile(0, 2)",
        "%work = aie.buffer(%tile) : memref<64xi32>",
        "%dma = aie.mem(%tile) {",
        "  %start = aie.dma_start(S2MM, 0, ^bd, ^end)",
        "^bd:",
        "  aie.dma_bd(%work : memref<64xi32> sizes = [4, 16] strides = [16, 1])",
        "  aie.next_bd ^bd",
        "^end:",
        "  aie.end",
        "}",
    )

    assert meaning(respelled(text, "d.mlir", version)) == meaning(text)


FIFO = "aie.objectfifo @{}(%{}, {{%{}}}, 2 : i32) : !aie.objectfifo<memref<4xi32>>"


@each_state
@pytest.mark.parametrize("name", ["with-dash", "with space", "1st", "a$b.c"])
def test_a_name_is_quoted_wherever_it_must_be(name: str, version: Version) -> None:
    text = device(
        "%shim = aie.tile(0, 0)",
        "%mem = aie.tile(0, 1)",
        "%tile = aie.tile(0, 2)",
        FIFO.format(f'"{name}"', "shim", "mem"),
        FIFO.format("out", "mem", "tile"),
        f'aie.objectfifo.link [@"{name}"] -> [@out] ([] [])',
        f'aie.runtime_sequence() {{ aiex.npu.dma_wait {{symbol = @"{name}"}} }}',
    )

    assert meaning(respelled(text, "d.mlir", version)) == meaning(text)


TRACE = [
    "    %tile = aie.tile(0, 2)",
    "    aie.trace @seen(%tile) {",
    '      aie.trace.mode "Event-Time"',
    '      aie.trace.event<"INSTR_EVENT_0"> label = "begin // here"',
    "      aie.trace.start broadcast=15",
    "    }",
    "    aie.runtime_sequence @run() {",
    "      aie.trace.start_config @seen",
    "    }",
]


@each_state
def test_traces_are_printed_as_they_are_written(version: Version) -> None:
    assert printed(version, *TRACE) == TRACE


OLD_CONFIG = "aie.trace.host_config buffer_size = 8192 arg_idx = {} egress_shim_col = 1"
NEW_CONFIG = "aie.trace.host_config {{buffer_size = 8192 : i32, {}egress_shim_col = 1 : i32}}"


@pytest.mark.parametrize(("argument", "reuses"), [("1", ""), ("-1", "reuse_output_buffer = true, ")])
def test_the_buffer_of_traces_is_printed_as_each_state_says_it(argument: str, reuses: str) -> None:
    old, new = OLD_CONFIG.format(argument), NEW_CONFIG.format(reuses)

    for written in (old, new):
        lines = ["aie.runtime_sequence @run(%a: memref<64xi32>) {", written, "}"]
        assert printed(version_named("2026-06"), *lines)[1].strip() == old
        assert printed(NEWEST, *lines)[1].strip() == new
        assert printed(version_named("2026-03"), *lines)[1].strip() == written


def test_the_size_of_a_trace_is_printed_for_the_mlir_aie_that_had_it() -> None:
    lines = ["%tile = aie.tile(0, 2)", "aie.trace @seen(%tile) buffer_size = 8192 {", "}"]

    assert printed(version_named("2026-03"), *lines)[1].strip() == "aie.trace @seen(%tile) buffer_size = 8192 {"
    assert printed(NEWEST, *lines)[1].strip() == "aie.trace @seen(%tile) {"


@each_state
def test_what_a_bd_and_a_transfer_say_beside_their_numbers_is_kept(version: Version) -> None:
    packet = "#aie.packet_info<pkt_type = 1, pkt_id = 2>"
    lines = [
        "    %shim = aie.tile(0, 0)",
        "    %mem = aie.tile(0, 1)",
        '    %work = aie.buffer(%mem) {sym_name = "work", address = 64 : i32} : memref<4xi32> = dense<[1, -2, 3, 4]>',
        "    %dma = aie.memtile_dma(%mem) {",
        "      %start = aie.dma_start(MM2S, 5, ^bd, ^end, repeat_count = 3)",
        "    ^bd:",
        f"      aie.dma_bd(%work : memref<4xi32>) {{bd_id = 3 : i32, packet = {packet}}}",
        "      aie.end",
        "    ^end:",
        "      aie.end",
        "    }",
        "    aie.packet_flow(2) {",
        "      aie.packet_source<%mem, DMA : 5>",
        "      aie.packet_dest<%shim, DMA : 0>",
        "    } {keep_pkt_header = true}",
        "    aie.objectfifo @f(%mem dimensionsToStream [<size = 2, stride = 1>, <size = 2, stride = 2>],"
        " {%shim}, [2, 1]) {via_DMA = true} : !aie.objectfifo<memref<4xi32>>"
        " = [dense<1> : memref<4xi32>, dense<[1, 2, 3, 4]> : memref<4xi32>]",
        "    aie.runtime_sequence @run(%a: memref<4xi32>) {",
        "      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 4][0, 0, 0, 1], packet = <pkt_type = 1, pkt_id = 2>)"
        " {id = 0 : i64, metadata = @f, issue_token = true} : memref<4xi32>",
        "    }",
    ]

    assert printed(version, *lines) == lines


@pytest.mark.parametrize(
    "bits", ["0x7F800000", "0xFF800000", "0.123456789", "1.0e-30", "16777215.0", "16777216.0", "3.4028234e38"]
)
def test_a_float_keeps_its_value(bits: str) -> None:
    text = device("%tile = aie.tile(0, 2)", f"%gain = aie.buffer(%tile) : memref<1xf32> = dense<{bits}>")
    wanted = meaning(text).buffers[0].initial

    assert meaning(respelled(text, "d.mlir")).buffers[0].initial == wanted


# What a version has no word for


def test_several_object_files_in_one_core_have_no_word_in_november_2025() -> None:
    text = device(
        "    %tile = aie.tile(0, 2)",
        '    func.func private @a() attributes {link_with = "a.o"}',
        '    func.func private @b() attributes {link_with = "b.o"}',
        "    %core = aie.core(%tile) {",
        "      func.call @b() : () -> ()",
        "      func.call @a() : () -> ()",
        "      aie.end",
        "    }",
    )

    with pytest.raises(Problem) as refused:
        respelled(text, "d.mlir", NOVEMBER)
    assert str(refused.value) == (
        "error: a core with several object files cannot be spelled for mlir-aie of November 2025\n"
        "  where: d.mlir:6:5\n"
        "  why:   its functions are in a.o, b.o, and link_with stood on the core until March 2026\n"
        "  fix:   put the tile functions of this core into one file"
    )
    assert meaning(respelled(text, "d.mlir", MARCH)) == meaning(text)


def test_an_object_file_on_the_core_and_another_on_its_function_are_several() -> None:
    text = device(
        "    %tile = aie.tile(0, 2)",
        '    func.func private @b() attributes {link_with = "b.o"}',
        "    %core = aie.core(%tile) {",
        "      func.call @b() : () -> ()",
        "      aie.end",
        '    } {link_with = "a.o"}',
    )

    with pytest.raises(Problem) as refused:
        respelled(text, "d.mlir", NOVEMBER)
    assert str(refused.value).startswith(
        "error: a core with several object files cannot be spelled for mlir-aie of November 2025\n  where: d.mlir:5:5\n"
    )


def test_an_object_file_on_the_core_and_on_its_function_is_one() -> None:
    core = ["    %core = aie.core(%tile) {", "      func.call @a() : () -> ()", "      aie.end", "    }"]
    linked = [*core[:-1], '    } {link_with = "a.o"}']
    tile = "    %tile = aie.tile(0, 2)"
    function = '    func.func private @a() -> () attributes {link_with = "a.o"}'
    silent = "    func.func private @a() -> ()"

    assert printed(NOVEMBER, tile, function, *core) == [tile, silent, *linked]
    assert printed(NOVEMBER, tile, function, *linked) == [tile, silent, *linked]
    assert printed(MARCH, tile, silent, *linked) == [tile, silent, *linked]


def test_a_tile_without_a_place_has_no_word_in_november_2025() -> None:
    lines = ["    %tile = aie.logical_tile<CoreTile>(?, 3)", "    %mem = aie.logical_tile<MemTile>(0, ?)"]

    with pytest.raises(Problem) as refused:
        respelled(device(*lines), "d.mlir", NOVEMBER)
    assert str(refused.value) == (
        "error: a tile without a place cannot be spelled for mlir-aie of November 2025\n"
        "  where: d.mlir:3:5\n"
        "  why:   aie.logical_tile came in March 2026\n"
        "  fix:   give the tile its column and row with aie.tile"
    )
    assert [printed(version, *lines) for version in VERSIONS[1:]] == [lines] * 4


def test_an_allocation_on_something_that_is_no_tile_is_a_problem() -> None:
    text = device("%t = aie.tile(0, 2)", "%l = aie.lock(%t)", "aie.shim_dma_allocation @x(%l, MM2S, 0)")

    for version in VERSIONS:
        with pytest.raises(Problem):
            read_design(respelled(text, "d.mlir", version), "d.mlir")


def test_a_number_of_more_bits_than_a_register_is_printed_as_the_register_takes_it() -> None:
    text = device("aie.runtime_sequence() {", "  aiex.npu.write32 {address = 64 : i64, value = 8589934593 : i64}", "}")

    for version in VERSIONS:
        assert meaning(respelled(text, "d.mlir", version)) == meaning(text)


@each_state
def test_a_dma_program_that_starts_nothing_is_a_problem(version: Version) -> None:
    lines = ("%t = aie.tile(0, 2)", "%l = aie.lock(%t)", "%dma = aie.mem(%t) {", "  %one = arith.constant 1 : i32")
    text = device(*lines, "^bd:", "  aie.use_lock(%l, Release, %one)", "  aie.end", "}")

    with pytest.raises(Problem):
        read_design(respelled(text, "d.mlir", version), "d.mlir")


FIELDS = [
    "aiex.npu.sync(0, 0, 0, {}, 1, 1) : i32, i32, i32, i32, i32, i32",
    "aiex.npu.push_queue({}, 0, MM2S : 0) bd_id 0 repeat 0 : i32, i32",
    "aiex.npu.push_queue(0, 0, MM2S : {}) bd_id 0 repeat 0 : i32, i32",
    "aiex.npu.address_patch(0 : i32) {{addr = 4 : ui32, arg_idx = {} : i32}}",
    "aiex.npu.write32(0, 0) {{column = {} : i32, row = 2 : i32}} : i32, i32",
    "aiex.npu.write32(0, 0) {{column = 0 : i32, row = {} : i32}} : i32, i32",
    "aiex.npu.rtp_write(@work, {}, 0) : i32",
    "%t = aiex.dma_configure_task(%shim, MM2S, {}) {{ aie.dma_bd(%a : memref<8xi32>) aie.end }}",
    "%t = aiex.dma_configure_task(%shim, MM2S, 0) {{ aie.dma_bd(%a : memref<8xi32>) {{bd_id = {} : i32}} aie.end }}",
    "%t = aiex.dma_configure_task(%shim, MM2S, 0) {{ aie.dma_bd(%a : memref<8xi32> offset = {} len = 8) aie.end }}",
]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("number", [-(2**31), -1, 256, 65536, 2**31 - 1])
def test_a_number_that_no_field_of_the_words_holds_is_a_problem(field: str, number: int) -> None:
    """Or is written as it wraps; but it does not break the writer of the words."""
    text = device(
        "%shim = aie.tile(0, 0)",
        "%tile = aie.tile(0, 2)",
        '%work = aie.buffer(%tile) {sym_name = "work"} : memref<8xi32>',
        f"aie.runtime_sequence(%a: memref<8xi32>) {{ {field.format(number)} }}",
    )

    with suppress(Problem):
        lowered = lower_design(read_design(text, "d.mlir"))
        assert len(sequence_words(lowered, lowered.sequences[0])) % 4 == 0


@each_state
def test_a_text_that_cannot_be_read_cannot_be_printed(version: Version) -> None:
    with pytest.raises(Problem) as refused:
        respelled("module {\n  aie.device(npu1) {\n    %t = aie.tile(0; 0)\n  }\n}\n", "d.mlir", version)
    assert str(refused.value).startswith(
        "error: d.mlir cannot be read: Unexpected character: ;\n  where: d.mlir:3:20\n"
    )


# Designs of any kind

TILES = {"shim": (0, 0), "side": (1, 0), "mem": (0, 1), "core": (0, 2), "next": (0, 3), "east": (1, 2)}
CORES = ("core", "next", "east")
CONSTANTS = (0, 1, 2, 7, 64)
TYPES = {
    "i8": st.integers(-128, 127),
    "i32": st.integers(-(2**31), 2**31 - 1),
    "f32": st.floats(width=32, allow_nan=False, allow_infinity=False).map("{:.9e}".format),
}
WORDS = st.one_of(st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1]), st.integers(0, 2**32 - 1))
NUMBER = st.one_of(st.sampled_from(CONSTANTS), st.integers(0, 63))


@st.composite
def values(draw: st.DrawFn, dtype: str, count: int) -> str:
    """What stands behind `dense`, without the type."""
    numbers = TYPES[dtype]
    if draw(st.booleans()):
        return f"dense<{draw(numbers)}>"
    return "dense<[" + ", ".join(str(draw(numbers)) for _ in range(count)) + "]>"


def dictionary(entries: list[str]) -> str:
    return " {" + ", ".join(entries) + "}" if entries else ""


def some(draw: st.DrawFn, *entries: str) -> list[str]:
    return [entry for entry in entries if draw(st.booleans())]


@st.composite
def scalars(draw: st.DrawFn) -> str:
    """A number, or the constant that a block begins with."""
    number = draw(NUMBER)
    return f"%c{number}" if number in CONSTANTS and draw(st.booleans()) else str(number)


@st.composite
def layouts(draw: st.DrawFn, keyword: str) -> str:
    pairs = draw(st.lists(st.tuples(st.integers(1, 64), st.integers(1, 64)), max_size=3))
    listed = ", ".join(f"<size = {size}, stride = {stride}>" for size, stride in pairs)
    return f" {keyword} [{listed}]" if pairs else ""


@st.composite
def fifos(draw: st.DrawFn, name: str, source: str, sinks: list[str], count: int = 8) -> str:
    ends = ", ".join(f"%{sink}{draw(layouts('dimensionsFromStream'))}" for sink in sinks)
    depth = draw(st.integers(1, 3))
    depths = f"{depth} : i32" if draw(st.booleans()) else str([depth, *(draw(st.integers(1, 3)) for _ in sinks)])
    attributes = some(
        draw,
        "via_DMA = true",
        "disable_synchronization = true",
        "repeat_count = 3 : i32",
        "iter_count = 4 : i32",
        "prod_dma_channel = 1 : i32",
        f"cons_dma_channels = array<i32: {', '.join('0' for _ in sinks)}>",
    )
    initial = ""
    if draw(st.integers(0, 3)) == 0:
        objects = ", ".join(f"{draw(values('i32', count))} : memref<{count}xi32>" for _ in range(depth))
        initial = f" = [{objects}]"
    return (
        f"aie.objectfifo @{name}(%{source}{draw(layouts('dimensionsToStream'))}, {{{ends}}}, {depths})"
        f"{dictionary(attributes)} : !aie.objectfifo<memref<{count}xi32>>{initial}"
    )


@st.composite
def bds(draw: st.DrawFn, value: str, type_: str) -> str:
    """One BD, old or new."""
    more = some(
        draw, "bd_id = 2 : i32", "burst_length = 64 : i32", "packet = #aie.packet_info<pkt_type = 0, pkt_id = 3>"
    )
    count = draw(st.integers(0, 3))
    sizes, strides = ([draw(st.integers(1, 16)) for _ in range(count)] for _ in range(2))
    if draw(st.booleans()):
        pairs = ", ".join(f"<size = {size}, stride = {stride}>" for size, stride in zip(sizes, strides, strict=True))
        behind = ["0", str(draw(st.integers(0, 64))), f"[{pairs}]"][: draw(st.integers(0, 3))]
        return f"aie.dma_bd(%{value} : {', '.join([type_, *behind])}){dictionary(more)}"
    parts = some(draw, f"offset = {draw(scalars())}")
    parts += some(draw, f"len = {draw(scalars())}") if not count else [f"len = {draw(scalars())}"]
    if count:
        parts += [f"sizes = {sizes}", f"strides = {strides}"]
    return f"aie.dma_bd({' '.join([f'%{value} : {type_}', *draw(st.permutations(parts))])}){dictionary(more)}"


@st.composite
def uses(draw: st.DrawFn, locks: int) -> list[str]:
    """Of a lock; none where there is none."""
    if not locks:
        return []
    lock = draw(st.integers(0, locks - 1))
    action = draw(st.sampled_from(["Acquire", "AcquireGreaterEqual", "Release"]))
    value = draw(st.sampled_from(["", f", {draw(scalars())}"]))
    return [f"aie.use_lock(%lock{lock}, {action}{value})"]


HEAD = [f"%c{value} = arith.constant {value} : i32" for value in CONSTANTS]


@st.composite
def programs(draw: st.DrawFn, tile: str, locks: int) -> list[str]:
    operation = "aie.memtile_dma" if tile == "mem" else "aie.mem"
    lines = [f"%dma_{tile} = {operation}(%{tile}) {{", *HEAD]
    channels = draw(st.integers(1, 2))
    for channel in range(channels):
        direction = draw(st.sampled_from(["S2MM", "MM2S"]))
        repeat = draw(st.sampled_from(["", ", repeat_count = 2"]))
        following = f"^start{channel + 1}" if channel + 1 < channels else "^end"
        if channel:
            lines.append(f"^start{channel}:")
        lines.append(f"%s{channel} = aie.dma_start({direction}, {channel}, ^bd{channel}_0, {following}{repeat})")
        count = draw(st.integers(1, 3))
        for number in range(count):
            loop = draw(st.sampled_from([f"^bd{channel}_{draw(st.integers(0, count - 1))}", "^end"]))
            onward = f"^bd{channel}_{number + 1}" if number + 1 < count else loop
            lines += [f"^bd{channel}_{number}:", *(use for use in draw(uses(locks)) if "Release" not in use)]
            lines += [draw(bds("work", "memref<64xi32>")), *(use for use in draw(uses(locks)) if "Release" in use)]
            lines.append(f"aie.next_bd {onward}")
    return [*lines, "^end:", "aie.end", "}"]


@st.composite
def cores(draw: st.DrawFn, tile: str, names: list[str], locks: int) -> list[str]:
    body = [*HEAD, *(f"%i{value} = arith.constant {value} : index" for value in (0, 1, 4))]
    inner = list(draw(uses(locks)))
    for name in draw(st.lists(st.sampled_from(names), unique=True, max_size=2)) if names else []:
        side = draw(st.sampled_from(["Produce", "Consume"]))
        inner += [
            f"%v_{name} = aie.objectfifo.acquire @{name}({side}, 1) : !aie.objectfifosubview<memref<8xi32>>",
            f"%x_{name} = aie.objectfifo.subview.access %v_{name}[0]"
            " : !aie.objectfifosubview<memref<8xi32>> -> memref<8xi32>",
            f"%e_{name} = memref.load %x_{name}[%i1] : memref<8xi32>",
            f"memref.store %e_{name}, %work[%i0] : memref<64xi32>",
            f"func.call @kernel(%x_{name}, %c7) : (memref<8xi32>, i32) -> ()",
            f"aie.objectfifo.release @{name}({side}, 1)",
        ]
    match draw(st.integers(0, 2)):
        case 0:
            body += inner
        case 1:
            body += ["scf.for %i = %i0 to %i4 step %i1 {", *inner, *draw(uses(locks)), "}"]
        case 2:
            loop = "cf.br ^loop(%i0 : index)", "^loop(%at: index):", "%on = index.add %at, %i1"
            less = "%less = index.cmp slt(%on, %i4)", "cf.cond_br %less, ^loop(%on : index), ^out", "^out:"
            body += [*loop, *inner, *less]
    attributes = some(draw, "stack_size = 2048 : i32", "dynamic_objfifo_lowering = true")
    return [f"%core_{tile} = aie.core(%{tile}) {{", *body, "aie.end", "}" + dictionary(attributes)]


@st.composite
def register_operations(draw: st.DrawFn, locks: int) -> str:
    one, two, three = (draw(scalars()) for _ in range(3))
    word, other = draw(WORDS), draw(WORDS)
    place = draw(st.sampled_from(["", "column = 0 : i32, row = 2 : i32", "buffer = @work"]))
    behind = f" {{{place}}}" if place else ""
    inside = f", {place}" if place else ""
    choices = [
        f"aiex.npu.write32({one}, {two}){behind} : i32, i32",
        f"aiex.npu.write32 {{address = {word} : ui32, value = {other} : ui32{inside}}}",
        f"aiex.npu.maskwrite32({one}, {two}, {three}){behind} : i32, i32, i32",
        f"aiex.npu.maskwrite32 {{address = {word} : ui32, value = {other} : ui32, mask = 255 : ui32{inside}}}",
        f"aiex.npu.sync(0, 0, {one}, {two}, 1, {three}) : i32, i32, i32, i32, i32, i32",
        "aiex.npu.sync {column = 1 : i32, row = 0 : i32, direction = 0 : i32, channel = 1 : i32,"
        " column_num = 1 : i32, row_num = 1 : i32}",
        f"aiex.npu.push_queue(0, 0, MM2S : 1) bd_id {one} repeat {two} {{issue_token = true}} : i32, i32",
        "aiex.npu.push_queue(1, 0, S2MM : 0) {bd_id = 3 : i32, repeat_count = 1 : i32, issue_token = false}",
        f"aiex.npu.address_patch({one} : i32) {{addr = {word} : ui32, arg_idx = 0 : i32}}",
        f"aiex.npu.address_patch {{addr = {word} : ui32, arg_idx = 1 : i32, arg_plus = {two.strip('%c')} : i32}}",
        f"aiex.npu.rtp_write(@work, 3, {one}) : i32",
        f"aiex.npu.rtp_write(@work, 3, {word})",
        *(f"aiex.set_lock(%lock{lock}, {one})" for lock in range(locks)),
    ]
    return draw(st.sampled_from(choices))


@st.composite
def sequences(draw: st.DrawFn, name: str, shims: list[str], locks: int) -> list[str]:
    operation = draw(st.sampled_from(["aie.runtime_sequence", "aiex.runtime_sequence"]))
    wide = [f"%w{value} = arith.constant {value} : i64" for value in (1, 8)]
    lines = [f"{operation} @{name}(%a: memref<64xi32>, %b: memref<8x8xi16>) {{", *HEAD, *wide]
    for number in range(draw(st.integers(0, 4))):
        shim = draw(st.sampled_from(shims))
        value, type_ = draw(st.sampled_from([("a", "memref<64xi32>"), ("b", "memref<8x8xi16>")]))
        match draw(st.integers(0, 3)):
            case 0:
                packet = draw(st.sampled_from(["", ", packet = <pkt_type = 1, pkt_id = 3>"]))
                more = some(draw, "issue_token = true", "burst_length = 64 : i64")
                lists = "[0, 0, 0, %w8][1, 1, 1, 64][0, 0, %w8, 1]"
                entries = [f"id = {number} : i64", f"metadata = @{shim}", *more]
                lines.append(f"aiex.npu.dma_memcpy_nd(%{value}{lists}{packet}){dictionary(entries)} : {type_}")
            case 1:
                lines.append(f"aiex.npu.dma_wait {{symbol = @{shim}}}")
            case 2:
                head = draw(st.sampled_from([f"_for @{shim}", "(%shim, MM2S, 0)"]))
                repeat, more = draw(
                    st.sampled_from([("", []), (" repeat %c2 : i32", []), ("", ["repeat_count = 2 : i32"])])
                )
                lines += [f"%t{number} = aiex.dma_configure_task{head}{repeat} {{", draw(bds(value, type_))]
                if draw(st.booleans()):
                    lines += ["aie.next_bd ^more", "^more:", draw(bds(value, type_))]
                lines += ["aie.end", "}" + dictionary([*more, *some(draw, "issue_token = true")])]
                actions = draw(st.sampled_from([(), ("start",), ("start", "await"), ("start", "free")]))
                lines += [f"aiex.dma_{action}_task(%t{number})" for action in actions]
            case 3:
                lines.append(draw(register_operations(locks)))
    return [*lines, "}"]


@st.composite
def designs(draw: st.DrawFn) -> str:
    """A design in a mixture of spellings. Every kind of operation may be in it; nothing says that it is any use."""
    lines = [f"%{name} = aie.tile({at[0]}, {at[1]})" for name, at in TILES.items()]
    if draw(st.booleans()):
        lines[3] += ' {allocation_scheme = "bank-aware"}'
    lines += ['%work = aie.buffer(%core) {sym_name = "work"} : memref<64xi32>']
    for number in range(draw(st.integers(0, 2))):
        dtype = draw(st.sampled_from(sorted(TYPES)))
        entries = some(draw, f'sym_name = "b{number}"', "address = 4096 : i32", "mem_bank = 1 : i32")
        initial = f" = {draw(values(dtype, 4))}" if draw(st.booleans()) else ""
        tile = draw(st.sampled_from([*CORES, "mem"]))
        lines.append(f"%b{number} = aie.buffer(%{tile}){dictionary(entries)} : memref<4x{dtype}>{initial}")
    locks = draw(st.integers(0, 2))
    for number in range(locks):
        id_ = draw(st.sampled_from(["", f", {number}"]))
        entries = some(draw, f'sym_name = "l{number}"', "init = 2 : i32")
        lines.append(f"%lock{number} = aie.lock(%core{id_}){dictionary(entries)}")
    lines.append(draw(st.sampled_from(["@named(%side, S2MM, 1)", "@named(S2MM, 1, 1)"])))
    lines[-1] = "aie.shim_dma_allocation " + lines[-1]
    lines.append(
        "func.func private @kernel(memref<8xi32>, i32)" + draw(st.sampled_from(["", ' attributes {link_with = "k.o"}']))
    )
    names, shims = [], ["named"]
    for number in range(draw(st.integers(0, 3))):
        source, *sinks = draw(st.lists(st.sampled_from(sorted(TILES)), min_size=2, max_size=3, unique=True))
        names.append(f"f{number}")
        shims += [f"f{number}"]
        lines.append(draw(fifos(f"f{number}", source, sinks)))
    if draw(st.booleans()):
        lines += [draw(fifos("whole", "shim", ["mem"])), draw(fifos("left", "mem", ["core"], 4))]
        lines += [draw(fifos("right", "mem", ["next"], 4))]
        lines.append("aie.objectfifo.link [@whole] -> [@left, @right] ([] [0, 4])")
        shims.append("whole")
    lines += some(
        draw,
        "aie.flow(%shim, DMA : 0, %core, DMA : 1)",
        "aie.cascade_flow(%next, %core)",
        "aie.packet_flow(5) {\naie.packet_source<%east, DMA : 0>\naie.packet_dest<%side, DMA : 0>\n}"
        + draw(st.sampled_from(["", " {keep_pkt_header = true}"])),
    )
    for tile in some(draw, *CORES):
        lines += draw(cores(tile, names, locks))
    for tile in some(draw, "mem", *CORES):
        lines += draw(programs(tile, locks))
    for number in range(draw(st.integers(0, 2))):
        lines += draw(sequences(f"run{number}", shims, locks))
    return device(*lines)


def unlinked(design: Design) -> Design:
    """Without object files, which stood on cores until March 2026."""
    return replace(
        design,
        functions=tuple(replace(function, link_with=None) for function in design.functions),
        cores=tuple(replace(core, link_with=None) for core in design.cores),
    )


@each_state
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=designs())
def test_a_printed_design_says_the_same_and_is_printed_as_itself(version: Version, text: str) -> None:
    design = meaning(text)
    spelt = respelled(text, "d.mlir", version)

    assert respelled(spelt, "d.mlir", version) == spelt
    if version == NOVEMBER:
        assert unlinked(meaning(spelt)) == unlinked(design)
    else:
        assert meaning(spelt) == design


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=designs(), versions=st.permutations(VERSIONS))
def test_the_way_to_a_spelling_leaves_no_trace(text: str, versions: list[Version]) -> None:
    """Not even that of November 2025, but for the place of object files."""
    first, second, third, *_ = versions
    there = respelled(respelled(text, "d.mlir", first), "d.mlir", second)

    assert unlinked(meaning(respelled(there, "d.mlir", third))) == unlinked(meaning(respelled(text, "d.mlir", third)))


# Mangled designs

MOST_SECONDS = 5.0
MOST_BYTES = 4 << 30
CHUNKS = 20
MUTANTS_PER_CHUNK = 40

FIFOS = """\
module {
  aie.device(npu1) @fifos {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %tile = aie.tile(0, 2)
    %next = aie.tile(0, 3)
    aie.objectfifo @in(%shim, {%mem}, 2 : i32) : !aie.objectfifo<memref<64xi32>>
    aie.objectfifo @half(%mem dimensionsToStream [<size = 4, stride = 1>, <size = 8, stride = 4>], {%tile}, [2, 2])
      {repeat_count = 2 : i32} : !aie.objectfifo<memref<32xi32>>
    aie.objectfifo @rest(%mem, {%next}, 1 : i32) {repeat_count = 2 : i32} : !aie.objectfifo<memref<32xi32>>
    aie.objectfifo.link [@in] -> [@half, @rest] ([] [0, 32])
    aie.objectfifo @near(%tile, {%next}, 2 : i32) : !aie.objectfifo<memref<32xi32>>
    aie.objectfifo.allocate @near(%next)
    aie.objectfifo @table(%mem, {%tile}, 1 : i32) : !aie.objectfifo<memref<4xi32>>
      = [dense<[1, 2, 3, 4]> : memref<4xi32>]
    aie.objectfifo @out(%next, {%shim}, 2 : i32) {via_DMA = true} : !aie.objectfifo<memref<32xi32>>
    %gain = aie.buffer(%tile) {sym_name = "gain", mem_bank = 1 : i32} : memref<2xf32> = dense<[1.5, -2.0]>
    func.func private @twice(memref<32xi32>, i32) attributes {link_with = "tile.o"}
    %core = aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c8 = arith.constant 8 : index
      %c1 = arith.constant 1 : index
      %n = arith.constant 32 : i32
      scf.for %i = %c0 to %c8 step %c1 {
        %view = aie.objectfifo.acquire @half(Consume, 1) : !aie.objectfifosubview<memref<32xi32>>
        %x = aie.objectfifo.subview.access %view[0] : !aie.objectfifosubview<memref<32xi32>> -> memref<32xi32>
        %low = arith.constant 0xFF800000 : f32
        memref.store %low, %gain[%c1] : memref<2xf32>
        func.call @twice(%x, %n) : (memref<32xi32>, i32) -> ()
        aie.objectfifo.release @half(Consume, 1)
      }
      aie.end
    } {stack_size = 2048 : i32}
    aie.runtime_sequence @run(%a: memref<64xi32>, %b: memref<32xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 32][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<32xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 2, 4, 8][0, 32, 8, 1]) {id = 1 : i64, metadata = @in} : memref<64xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
"""

DMA = """\
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %tile = aie.tile(0, 2) {allocation_scheme = "bank-aware"}
    %next = aie.tile(0, 3)
    %ping = aie.buffer(%tile) {sym_name = "ping", address = 8192 : i32} : memref<64xi32>
    %pong = aie.buffer(%tile) : memref<64xi32> = dense<7>
    %wide = aie.buffer(%mem) {sym_name = "wide"} : memref<16x16xi16>
    %free = aie.lock(%tile, 0) {init = 2 : i32, sym_name = "free"}
    %full = aie.lock(%tile) {sym_name = "full"}
    aie.shim_dma_allocation @x(MM2S, 0, 0)
    aie.flow(%shim, DMA : 0, %tile, DMA : 0)
    aie.cascade_flow(%next, %tile)
    aie.packet_flow(3) {
      aie.packet_source<%mem, DMA : 1>
      aie.packet_dest<%shim, DMA : 1>
    } {keep_pkt_header = true}
    %dma = aie.mem(%tile) {
      %one = arith.constant 1 : i32
      %s = aie.dma_start(S2MM, 0, ^ping, ^end, repeat_count = 2)
    ^ping:
      aie.use_lock(%free, AcquireGreaterEqual, %one)
      aie.dma_bd(%ping : memref<64xi32> offset = 0 len = 64 sizes = [4, 16] strides = [16, 1])
      aie.use_lock(%full, Release, 1)
      aie.next_bd ^pong
    ^pong:
      aie.use_lock(%free, AcquireGreaterEqual, 1)
      aie.dma_bd(%pong : memref<64xi32>, 0, 64, [<size = 8, stride = 8>, <size = 8, stride = 1>])
      aie.use_lock(%full, Release, %one)
      aie.next_bd ^ping
    ^end:
      aie.end
    }
    %all = aie.memtile_dma(%mem) {
      %s = aie.dma_start(MM2S, 1, ^bd, ^end)
    ^bd:
      aie.dma_bd(%wide : memref<16x16xi16>) {packet = #aie.packet_info<pkt_type = 0, pkt_id = 3>, bd_id = 24 : i32}
      aie.end
    ^end:
      aie.end
    }
    %core = aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c4 = index.constant 4
      cf.br ^loop(%c0 : index)
    ^loop(%i: index):
      aie.use_lock(%full, AcquireGreaterEqual, 1)
      %x = memref.load %ping[%i] : memref<64xi32>
      aie.use_lock(%free, Release, 1)
      %j = index.add %i, %c4
      %less = index.cmp ult(%j, %c4)
      cf.cond_br %less, ^loop(%j : index), ^out
    ^out:
      aie.end
    }
    aiex.runtime_sequence(%a: memref<64xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1], packet = <pkt_type = 0, pkt_id = 3>)
        {id = 0 : i64, metadata = @x, issue_token = true} : memref<64xi32>
      aiex.npu.dma_wait {symbol = @x}
      aiex.npu.rtp_write(@ping, 3, 7)
      aiex.npu.write32 {address = 4096 : ui32, column = 0 : i32, row = 2 : i32, value = 5 : ui32}
      aiex.npu.maskwrite32 {address = 1 : ui32, buffer = @ping, mask = 255 : ui32, value = 5 : ui32}
      aiex.set_lock(%full, 1)
    }
  }
}
"""

TASKS = """\
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %work = aie.buffer(%tile) {sym_name = "work"} : memref<64xi32>
    aie.shim_dma_allocation @in(%shim, MM2S, 0)
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<64xi32>>
    memref.global "private" constant @words : memref<2xi32> = dense<[1, -1]>
    %core = aie.core(%tile) {
      aie.end
    } {elf_file = "core.elf"}
    aie.runtime_sequence @tasks(%a: memref<1024xi32>, %b: memref<1024xi32>) {
      %seven = arith.constant 7 : i32
      %two = arith.constant 2 : i32
      %t0 = aiex.dma_configure_task_for @in repeat %two : i32 {
        aie.dma_bd(%a : memref<1024xi32> offset = 0 len = 1024 sizes = [2, 512] strides = [512, 1])
        aie.next_bd ^more
      ^more:
        aie.dma_bd(%a : memref<1024xi32>, 512, 512) {bd_id = 3 : i32, burst_length = 64 : i32}
        aie.end
      }
      aiex.dma_start_task(%t0)
      %t1 = aiex.dma_configure_task_for @out {
        aie.dma_bd(%b : memref<1024xi32> offset = 0 len = 1024)
        aie.end
      } {issue_token = true, repeat_count = 0 : i32}
      %t2 = aiex.dma_configure_task(%shim, MM2S, 1) {
        aie.dma_bd(%b : memref<1024xi32>) {packet = #aie.packet_info<pkt_type = 0, pkt_id = 3>}
        aie.end
      } {issue_token = true}
      aiex.dma_start_task(%t1)
      aiex.dma_start_task(%t2)
      aiex.dma_await_task(%t1)
      aiex.dma_free_task(%t0)
      %words = memref.get_global @words : memref<2xi32>
      aiex.npu.blockwrite(%words) {address = 119296 : ui32, column = 0 : i32, row = 0 : i32} : memref<2xi32>
      aiex.npu.address_patch(%two : i32) {addr = 119300 : ui32, arg_idx = 0 : i32}
      aiex.npu.push_queue(0, 0, MM2S : 0) bd_id %seven repeat %two {issue_token = true} : i32, i32
      aiex.npu.sync(%two, %two, %seven, %two, %two, %two) : i32, i32, i32, i32, i32, i32
      aiex.npu.rtp_write(@work, 3, %seven) : i32
      aiex.npu.write32(%two, %seven) {column = 0 : i32, row = 2 : i32} : i32, i32
    }
  }
}
"""

TRACES = """\
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %tile = aie.tile(0, 2)
    aie.trace @core(%tile) {
      aie.trace.mode "Event-Time"
      aie.trace.packet id=1 type=core
      aie.trace.event<"INSTR_EVENT_0"> label = "begin"
      aie.trace.event<CoreEventAIE2::LOCK_STALL>
      aie.trace.port<0> port=DMA channel=1 direction=S2MM
      aie.trace.combo_event<0> <"LOCK_STALL"> AND_NOT <"INSTR_VECTOR">
      aie.trace.edge_event<1> event=<"LOCK_STALL"> trigger=BOTH
      aie.trace.start broadcast=15
      aie.trace.stop broadcast=14
    }
    aie.trace @mem(%mem) {
      aie.trace.event<"PORT_RUNNING_0">
      aie.trace.start event=<"TRUE">
      aie.trace.stop event=<"NONE">
    }
    aie.runtime_sequence @traced(%a: memref<1024xi32>) {
      aie.trace.host_config {buffer_size = 8192 : i32, reuse_output_buffer = true, egress_shim_col = 1 : i32}
      aie.trace.start_config @core
      aie.trace.start_config @mem
    }
    aie.runtime_sequence @other() { aie.trace.start_config @core }
  }
}
"""

PRINTED = (Path(__file__).parent / "mlir_aie" / "attention_npu1" / "input_with_addresses.mlir").read_text()
BASES = {"fifos": FIFOS, "dma": DMA, "tasks": TASKS, "traces": TRACES, "printed by aiecc": PRINTED}

TOKEN = re.compile(r"[A-Za-z_][\w.$]*|[%@^]\w+|\d+|\s+|.", re.DOTALL)
NUMBERS = ["-1", "0", "1", "5", "17", "64", "256", "65536", "2147483648", "4294967295", "4294967296", "9" * 20, "1.5"]
ODD = [
    *('"text"', '""', "[]", "{}", "()", "<>", "[[1], [2]]", '["a"]', "dense<1>", "dense<[1, 2]>", "array<i32: 1>"),
    *("index", "i1", "i7", "si8", "f32", "f64", "none", "unit", "tensor<4xi32>", "vector<4xi32>", "memref<?xi32>"),
    *("memref<64xi32, 1>", "memref<4xi32, strided<[1]>>", "!aie.handle", "#aie.packet_info<pkt_type = 9, pkt_id = 99>"),
    *("%nope", "@nope", "^nope", "%tile", "%shim", "%mem", "%free", "%work", "%core", "%a", "?", "0xFF800000", "true"),
    *("-", "->", "//", "!", "#", "\0", "é", "\t", '"', "^bb0:", "affine_map<() -> ()>", "loc(unknown)"),
    *("S2MM", "MM2S", "Release", "Acquire", "Produce", "Consume", "DMA", "Core", "len", "sizes", "offset"),
    *("{issue_token = 1 : i32}", "{packet = 3 : i32}", "{bd_id = -1 : i32}", "arith.constant 1 : i32"),
]


def mangled(base: str, rng: random.Random) -> str:
    """One base with characters, tokens, numbers or lines gone, doubled, exchanged or cut off; at times twice."""
    text = BASES[base]
    for _ in range(rng.choice((1, 1, 1, 2))):
        text = rng.choice((_characters, _tokens, _tokens, *[_numbers] * 4, _lines, _lines, _lines, _truncated))(
            text, rng
        )
    return text


def _characters(text: str, rng: random.Random) -> str:
    at, length = rng.randrange(len(text)), rng.randint(1, 30)
    other = rng.randrange(len(text))
    match rng.randrange(4):
        case 0:
            return text[:at] + text[at + length :]
        case 1:
            return text[:at] + text[other : other + length] + text[at:]
        case 2:
            return text[:at] + chr(rng.randint(32, 126)) + text[at + 1 :]
    return text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]


def _tokens(text: str, rng: random.Random) -> str:
    tokens = TOKEN.findall(text)
    one, other = (rng.choice([at for at, token in enumerate(tokens) if not token.isspace()]) for _ in range(2))
    match rng.randrange(5):
        case 0:
            tokens[one] = ""
        case 1:
            tokens[one] += " " + tokens[other]
        case 2:
            tokens[one] = tokens[other]
        case 3:
            tokens[one], tokens[other] = tokens[other], tokens[one]
        case 4:
            tokens[one] = rng.choice(ODD)
    return "".join(tokens)


def _numbers(text: str, rng: random.Random) -> str:
    tokens = TOKEN.findall(text)
    tokens[rng.choice([at for at, token in enumerate(tokens) if token.isdigit()])] = rng.choice(NUMBERS)
    return "".join(tokens)


def _lines(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            del lines[one]
        case 1:
            lines.insert(one, lines[one])
        case 2:
            lines.insert(other, lines[one])
        case 3:
            lines[one], lines[other] = lines[other], lines[one]
        case 4:
            lines.insert(one, rng.choice(BASES[rng.choice(list(BASES))].split("\n")))
    return "\n".join(lines)


def _truncated(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text))]


class TooSlowError(Exception):
    pass


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """And a fence around memory, because a bell does not ring inside an allocation."""

    def ring(*_: object) -> None:
        raise TooSlowError(f"not done within {seconds:g} s")

    before = signal.signal(signal.SIGPROF, ring)
    most, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [limit for limit in (MOST_BYTES, most, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def everything(text: str, version: Version) -> bool:
    """Whatever can be made of a text is made of it, with the spelling of one version; whether it could be read."""
    try:
        design = read_design(text, "d.mlir")
    except Problem:
        design = None
    with suppress(Problem):
        read_layout(text, "d.mlir")
    with suppress(Problem):
        spelled = respelled(text, "d.mlir", version)
        if version != NOVEMBER:
            design_facts(spelled, "d.mlir", version)
    if design is None:
        return False
    with suppress(Problem):
        lowered = lower_design(design)
        for sequence in lowered.sequences:
            with suppress(Problem):
                sequence_words(lowered, sequence)
    return True


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("base", BASES)
def test_a_mangled_design_is_read_lowered_and_printed_or_a_problem(base: str, chunk: int) -> None:
    broken, read = [], 0
    for number in range(MUTANTS_PER_CHUNK):
        seed = f"{base} {chunk} {number}"
        try:
            with deadline(MOST_SECONDS):
                read += everything(mangled(base, random.Random(seed)), VERSIONS[number % len(VERSIONS)])
        except Exception as error:
            broken.append(f"seed {seed!r}: {type(error).__name__}: {error}")
        if len(broken) == 5:
            break

    assert not broken, "\n".join(broken)
    assert read


@pytest.mark.parametrize("base", BASES)
def test_what_is_mangled_is_whole_before(base: str) -> None:
    assert all(everything(BASES[base], version) for version in VERSIONS)
    for version in LOWERED_VERSIONS:
        if base == "traces" and not version.routes_traces:
            continue  # it has no word for the buffer
        assert design_facts(respelled(BASES[base], "d.mlir", version), "d.mlir", version).get("error") is None
