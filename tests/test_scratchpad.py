"""Parameters that a host gives a run in the firmware's scratchpad: what they become, and what comes out."""

from __future__ import annotations

import struct
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tileproof.__main__ import main
from tileproof.build.design_pair import PairRequest, build_pair
from tileproof.emulator.design.emulate import Emulation, emulate
from tileproof.emulator.design.parameters import scratchpad_of
from tileproof.emulator.process.messages import Run
from tileproof.emulator.process.parent import Child
from tileproof.errors import Problem
from tileproof.insts import (
    BlockWrite,
    CreateScratchpad,
    DdrPatch,
    Operation,
    UpdateFromScratchpad,
    Write,
    decode,
    encode,
    stream_for,
    tile_address,
)
from tileproof.insts.listing import list_instructions
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.reader import read_design
from tileproof.mlir_aie_versions import version_named
from tileproof.xrt import COMPLETED, CTRL_SCRATCHPAD, TIMEOUT

FIFO = "aie.objectfifo @out(%tile, {%shim}, 1 : i32) : !aie.objectfifo<memref<4xi32>>"
FETCH = (
    "aiex.npu.dma_memcpy_nd(%out[0, 0, 0, 0][1, 1, 1, 4][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<4xi32>\n"
    "aiex.npu.dma_wait {symbol = @out}"
)


def design(*, parameters: str = "", device: str = "", core: str = "", sequence: str = FETCH, stated: str = "") -> str:
    """A core that fills one object of four words from `core`'s %n, and a sequence that fetches it."""
    return f"""module {{
{parameters}
aie.device(npu2) {{
  %shim = aie.tile(0, 0)
  %tile = aie.tile(0, 2)
  {FIFO}
  {device}
  %core = aie.core(%tile) {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    {core}
    %view = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<4xi32>>
    %object = aie.objectfifo.subview.access %view[0] : !aie.objectfifosubview<memref<4xi32>> -> memref<4xi32>
    scf.for %i = %c0 to %c4 step %c1 {{
      memref.store %n, %object[%i] : memref<4xi32>
    }}
    aie.objectfifo.release @out(Produce, 1)
    aie.end
  }} {stated}
  aie.runtime_sequence @run(%out: memref<4xi32>) {{
    {sequence}
  }}
}}
}}
"""


def read(type_: str, name: str = "x", to: str = "%n") -> str:
    return f"{to} = aiex.read_scratchpad_parameter @{name} : {type_}"


def declared(**types: str) -> str:
    return "\n".join(f"aiex.scratchpad_parameter @{name} : {type_}" for name, type_ in types.items())


def run(text: str, **parameters: str) -> Emulation:
    return emulate(text, "d.mlir", arguments={0: "zeros"}, parameters=parameters, orders=0)


def result(text: str, **parameters: str) -> int:
    emulation = run(text, **parameters)
    assert emulation.is_good, emulation.faults
    (value,) = set(emulation.arguments[0].after.tolist())
    return int(value)


def refusal(text: str) -> str:
    with pytest.raises(Problem) as caught:
        read_design(text, "d.mlir")
    return str(caught.value)


def lowered(text: str) -> LoweredDesign:
    return lower_design(read_design(text, "d.mlir"))


def operations(text: str) -> tuple[Operation, ...]:
    found = lowered(text)
    return decode(sequence_words(found, main_sequence(found)), "words").operations


# Numbers of cores


@pytest.mark.parametrize(
    ("type_", "given_text", "expected", "more"),
    [
        ("i32", "1073741823", 1073741823, ""),
        ("i32", "0x2a", 42, ""),
        ("i16", "-7", -7, "%n = arith.extsi %x : i16 to i32"),
        ("i8", "-128", -128, "%n = arith.extsi %x : i8 to i32"),
        ("i8", "255", -1, "%n = arith.extsi %x : i8 to i32"),
        ("bf16", "-1.5", -3, "%w = arith.addf %x, %x : bf16\n%n = arith.fptosi %w : bf16 to i32"),
    ],
)
def test_a_core_gets_the_number_that_was_given(type_: str, given_text: str, expected: int, more: str):
    text = design(parameters=declared(x=type_), core=read(type_, to="%x" if more else "%n") + "\n" + more)

    assert result(text, x=given_text) == expected


def test_each_parameter_has_its_own_word_on_each_core_that_reads_it():
    core = read("i32", "b", "%b") + "\n" + read("i32", "a", "%a") + "\n" + read("i32", "b", "%again")
    core += "\n%s = arith.subi %a, %b : i32\n%n = arith.addi %s, %again : i32"
    text = design(parameters=declared(a="i32", unread="i8", b="i32"), core=core)

    assert result(text, a="9", b="4", unread="0") == 9
    assert [buffer.name for buffer in lowered(text).buffers if "param" in buffer.name] == ["__param_a_1", "__param_b_0"]


def test_the_sequence_begins_with_the_scratchpad_and_ends_the_wait_of_the_core():
    text = design(parameters=declared(a="i32", x="i32"), core=read("i32"))
    found = lowered(text)
    address = next(buffer.address for buffer in found.buffers if buffer.name.startswith("__param"))
    (lock,) = (lock for lock in found.locks if lock.init == 0 and "out" not in lock.name)
    at = tile_address(0, 2, address)

    assert operations(text)[:4] == (
        CreateScratchpad(nbytes=8),
        Write(address=at, value=0),
        UpdateFromScratchpad(address=at, entry=1, function="incr", argument=0),
        Write(address=tile_address(0, 2, 0x1F000 + 16 * lock.id), value=1),
    )


def test_a_sequence_that_syncs_by_itself_is_left_as_it_is():
    text = design(
        parameters=declared(x="i32"), core=read("i32"), sequence="aiex.sync_scratchpad_parameters_from_host\n" + FETCH
    )

    assert sum(isinstance(one, CreateScratchpad) for one in operations(text)) == 1
    assert result(text, x="5") == 5


def test_a_core_waits_for_its_parameters_and_for_ever_where_nobody_gives_them():
    text = design(parameters=declared(x="i32"), core=read("i32")).replace(
        "@run(%out: memref<4xi32>) {",
        "@run(%out: memref<4xi32>) attributes {emit_parameter_sync_preamble = false} {",
    )
    emulation = emulate(text, "d.mlir", arguments={0: "zeros"}, orders=0)

    assert emulation.state == TIMEOUT
    assert "lock_0" in emulation.faults[0].why


def test_a_core_that_says_so_does_not_wait():
    text = design(parameters=declared(x="i32"), core=read("i32"), stated="{emit_parameter_sync_preamble = false}")

    assert not any(lock.name == "lock_0" for lock in lowered(text).locks)


# Where BDs begin

OFFSET = """module {
aiex.scratchpad_parameter @from : i32
aie.device(npu2) {
  %shim = aie.tile(0, 0)
  %tile = aie.tile(0, 2)
  aie.objectfifo @in(%shim, {%tile}, 1 : i32) : !aie.objectfifo<memref<8xi16>>
  aie.objectfifo @out(%tile, {%shim}, 1 : i32) : !aie.objectfifo<memref<8xi16>>
  aie.objectfifo.link [@in] -> [@out] ([] [])
  aie.runtime_sequence @run(%in: memref<32xi16>, %out: memref<8xi16>) {
    MOVE
    aiex.npu.dma_memcpy_nd(%out[0, 0, 0, 0][1, 1, 1, 8][0, 0, 0, 1]) {id = 1 : i64, metadata = @out} : memref<8xi16>
    aiex.npu.dma_wait {symbol = @out}
  }
}
}
""".replace("%tile = aie.tile(0, 2)", "%tile = aie.tile(0, 1)")
MEMCPY = (
    "aiex.npu.dma_memcpy_nd(%in[0, 0, 0, 4][1, 1, 1, 8][0, 0, 0, 1]) "
    "{id = 3 : i64, metadata = @in, offset_parameter = @from} : memref<32xi16>"
)
TASK = """%t = aiex.dma_configure_task_for @in {
  aie.dma_bd(%in : memref<32xi16> offset = 4 len = 8) {offset_parameter = @from}
  aie.end
}
aiex.dma_start_task(%t)"""


@pytest.mark.parametrize("move", [MEMCPY, TASK], ids=["transfer", "task"])
@pytest.mark.parametrize("begin", [0, 8, 20])
def test_a_transfer_begins_where_the_host_says(move: str, begin: int, tmp_path: Path):
    np.save(tmp_path / "in.npy", np.arange(32, dtype=np.int16))
    given_arguments = {0: str(tmp_path / "in.npy"), 1: "zeros"}
    emulation = emulate(
        OFFSET.replace("MOVE", move), "d.mlir", arguments=given_arguments, parameters={"from": str(begin)}, orders=0
    )

    assert emulation.is_good, emulation.faults
    assert emulation.arguments[1].after.tolist() == list(range(4 + begin, 12 + begin))


@pytest.mark.parametrize("move", [MEMCPY, TASK], ids=["transfer", "task"])
def test_the_address_of_the_bd_takes_the_number_on_once_it_is_patched(move: str):
    found = operations(OFFSET.replace("MOVE", move))
    number = next(n for n, one in enumerate(found) if isinstance(one, UpdateFromScratchpad))
    written, patched, moved = found[number - 2 : number + 1]

    assert isinstance(written, BlockWrite)
    assert isinstance(patched, DdrPatch)
    assert moved == UpdateFromScratchpad(address=patched.address, entry=0, function="mul", argument=2)


def test_a_transfer_that_would_begin_too_far_out_is_told_with_the_byte():
    given_arguments = {0: "random", 1: "zeros"}
    emulation = emulate(
        OFFSET.replace("MOVE", MEMCPY), "d.mlir", arguments=given_arguments, parameters={"from": "22"}, orders=0
    )

    assert emulation.faults[0].what.endswith("runs past the end of a host buffer: 68 bytes of 64")
    assert str(emulation.faults[0].place).endswith("kernel argument 3, byte 52")


@pytest.mark.parametrize("move", [MEMCPY, TASK], ids=["transfer", "task"])
def test_a_transfer_that_would_begin_within_a_word_is_told(move: str):
    number = 3 if move == MEMCPY else 0
    emulation = emulate(
        OFFSET.replace("MOVE", move),
        "d.mlir",
        arguments={0: "random", 1: "zeros"},
        parameters={"from": "7"},
        orders=0,
    )

    assert [(fault.id, fault.what) for fault in emulation.faults] == [
        ("misaligned", f"word 0 of the scratchpad moves BD {number} of shim (0, 0) by 14 bytes")
    ]


CALLER = """
aie.device(npu2) @main {
  aie.runtime_sequence @run(%a: memref<32xi16>, %b: memref<8xi16>) {
    OWN
    aiex.configure @work {
      aiex.run @run(%a, %b) : (memref<32xi16>, memref<8xi16>)
      aiex.run @run(%a, %b) : (memref<32xi16>, memref<8xi16>)
    }
  }
}
"""


def called(own: str) -> str:
    """A sequence that runs one with parameters on another device, twice."""
    work = OFFSET.replace("MOVE", MEMCPY).replace("aie.device(npu2)", "aie.device(npu2) @work")
    return work.rstrip().removesuffix("}") + CALLER.replace("OWN", own) + "}"


@pytest.mark.parametrize("own", ["", "aiex.npu.create_scratchpad {size = 4 : ui32}"])
def test_a_sequence_creates_the_scratchpad_of_those_that_it_runs_once_and_first(own: str, tmp_path: Path):
    np.save(tmp_path / "in.npy", np.arange(32, dtype=np.int16))
    given_arguments = {0: str(tmp_path / "in.npy"), 1: "zeros"}
    emulation = emulate(called(own), "d.mlir", arguments=given_arguments, parameters={"from": "4"}, orders=0)
    found = operations(called(own))

    assert emulation.is_good, emulation.faults
    assert emulation.arguments[1].after.tolist() == list(range(8, 16))
    assert [number for number, one in enumerate(found) if isinstance(one, CreateScratchpad)] == [0]


def test_scratchpads_of_sequences_that_run_one_another_are_of_one_size():
    assert refusal(called("aiex.npu.create_scratchpad {size = 8 : ui32}")) == (
        "error: the sequence creates a scratchpad of 8 bytes, and one of 4\n"
        "  where: d.mlir:18:5\n"
        "  why:   the firmware has one for a run; the other is at d.mlir:9:3\n"
        "  fix:   create both as large as the larger"
    )


def test_the_list_of_what_is_moved_says_that_only_the_host_knows_from_where():
    found = lowered(OFFSET.replace("MOVE", MEMCPY))
    listing = list_instructions(sequence_words(found, main_sequence(found)), "insts.bin")

    assert [one.is_shifted for one in listing.moved] == [True, False]
    assert [line.text for line in listing.lines if line.kind in ("scratchpad", "update")] == [
        "4 bytes that the host has written",
        "tile (0, 0) at 0x1d064: takes on word 0 of the scratchpad times 2",
    ]


# Updates written by hand

BUFFER = '%pair = aie.buffer(%tile) {sym_name = "pair"} : memref<2xi32> = dense<[FIRST, SECOND]>'


def by_hand(update: str, first: int = 0, second: int = 0, word: int = 0) -> str:
    core = "%lock_is = arith.constant 1 : i32\naie.use_lock(%go, AcquireGreaterEqual, %lock_is)\n"
    core += f"%n = memref.load %pair[%c{word}] : memref<2xi32>"
    device = BUFFER.replace("FIRST", str(first)).replace("SECOND", str(second))
    device += "\n%go = aie.lock(%tile, 5) {init = 0 : i32}"
    sequence = f"aiex.npu.create_scratchpad {{size = 4 : ui32}}\n{update}\naiex.set_lock(%go, 1)\n{FETCH}"
    return design(device=device, core=core, sequence=sequence)


def update(function: str, argument: int) -> str:
    return (
        f"aiex.npu.update_from_scratchpad<{function}> {{state_table_idx = 0 : ui8, func_arg = {argument} : ui32, "
        "address = 0 : ui32, buffer = @pair}"
    )


@pytest.mark.parametrize(("function", "argument", "expected"), [("mul", 12, 196), ("incr", 12, 120), ("decr", 4, 104)])
def test_an_update_adds_the_number_by_its_function(function: str, argument: int, expected: int):
    assert result(by_hand(update(function, argument), first=103), **{"0": "8"}) == expected


def test_an_update_clears_two_bits_carries_into_the_second_word_and_keeps_its_upper_half():
    words = {"first": -1, "second": 0x7FFF0001}
    given_number = {"0": "8"}

    assert result(by_hand(update("incr", 0), **words), **given_number) == 4
    assert result(by_hand(update("incr", 0), **words, word=1), **given_number) == 0x7FFF0002


def test_an_update_of_what_nobody_has_written_begins_at_zero_and_is_told():
    text = by_hand(update("incr", 0)).replace(" = dense<[0, 0]>", "")
    emulation = run(text, **{"0": "8"})

    assert emulation.state == COMPLETED
    assert set(emulation.arguments[0].after.tolist()) == {8}
    assert [fault.what for fault in emulation.faults] == [
        "the firmware reads what nobody has written: 0x04000 of core (0, 2)"
    ]


@pytest.mark.parametrize("at", ["address = 0 : ui32, buffer = @pair", "address = 1024 : ui32, column = 0, row = 2"])
def test_a_core_that_does_not_wait_for_an_update_races_with_it(at: str):
    words = f"aiex.npu.update_from_scratchpad<incr> {{state_table_idx = 0 : ui8, {at}}}"
    text = by_hand(words, first=4).replace("aie.use_lock(%go, AcquireGreaterEqual, %lock_is)", "")
    text = text.replace('"pair"}', '"pair", address = 1024 : i32}')
    emulation = run(text, **{"0": "8"})

    assert [fault.id for fault in emulation.faults] == ["race"]


# The words


def test_the_words_are_those_of_mlir_aie():
    """appendCreateScratchpad and appendUpdateRegFromScratchpad of AIETargetNPU.cpp, word by word."""
    found = encode(
        stream_for(
            "npu2",
            (
                CreateScratchpad(nbytes=12),
                UpdateFromScratchpad(address=0x0021_D064, entry=2, function="decr", argument=7),
            ),
        )
    )

    assert struct.unpack("<7I", found[16:]) == (0x0A, 12, 0, 0, 0x0002_020C, 7, 0x0021_D064)


@given(words=st.lists(st.integers(0, 0xFFFF_FFFF), min_size=6, max_size=6))
def test_words_that_no_operation_says_are_kept_as_they_are(words: list[int]):
    raw = (words[0] & ~0xFF | 0x0A, *words[1:4], words[4] & ~0xFF | 0x0C, words[5], 8)
    header = struct.pack("<4I", 0x0604_0100, 0x0104, 2, 16 + 4 * len(raw))
    data = header + struct.pack(f"<{len(raw)}I", *raw)

    assert encode(decode(data, "words")) == data


# What is refused

REFUSED = {
    "an unknown name": (
        {"core": read("i32", "y")},
        "error: there is no parameter @y\n"
        "  where: d.mlir:12:5\n"
        "  fix:   declare it beside the devices; parameters of this file: @x",
    ),
    "a float": (
        {"parameters": declared(x="f32"), "core": read("f32", to="%x") + "\n%n = arith.constant 1 : i32"},
        "error: no parameter is f32\n"
        "  where: d.mlir:2:1\n"
        "  why:   an entry of the firmware's table is 32 bits, of which 30 come to a core\n"
        "  fix:   let it be bf16, or an integer i1 to i32",
    ),
    "a sign": (
        {"parameters": declared(x="si32")},
        "error: no parameter is si32\n"
        "  where: d.mlir:2:1\n"
        "  why:   an entry of the firmware's table is 32 bits, of which 30 come to a core\n"
        "  fix:   let it be bf16, or an integer i1 to i32",
    ),
    "another type": (
        {"core": read("i8", to="%x") + "\n%n = arith.extsi %x : i8 to i32"},
        "error: @x is i32, and is read as i8\n"
        "  where: d.mlir:12:5\n"
        "  why:   it is declared at d.mlir:2:1, and the host writes what is declared\n"
        "  fix:   read it as what it is",
    ),
    "a name twice": (
        {"parameters": declared(x="i32") + "\n" + declared(x="i8")},
        "error: the name @x is taken\n"
        "  where: d.mlir:3:1\n"
        "  why:   first at d.mlir:2:1\n"
        "  fix:   give one of the two another name",
    ),
    "too many": (
        {"parameters": declared(**{f"p{number}": "i32" for number in range(33)})},
        "error: there is no entry for this parameter\n"
        "  where: d.mlir:34:1\n"
        "  why:   the firmware's table has 32 entries, and this file declares 33 parameters\n"
        "  fix:   declare fewer",
    ),
    "a size of no word": (
        {"sequence": "aiex.npu.create_scratchpad {size = 6 : ui32}"},
        "error: there is no scratchpad of 6 bytes\n"
        "  where: d.mlir:22:5\n"
        "  why:   it is a table of 1 to 32 words\n"
        "  fix:   give it a size of 4 to 128, in words",
    ),
    "another layout": (
        {"sequence": "aiex.npu.create_scratchpad {size = 4 : ui32, usage_type = 1 : ui8}"},
        "error: there is no scratchpad of usage_type 1\n  where: d.mlir:22:5\n  fix:   leave it out; it is 0",
    ),
    "two of them": (
        {"sequence": "aiex.npu.create_scratchpad {size = 4 : ui32}\naiex.npu.create_scratchpad {size = 8 : ui32}"},
        "error: the sequence creates a scratchpad of 8 bytes, and one of 4\n"
        "  where: d.mlir:23:1\n"
        "  why:   the firmware has one for a run; the other is at d.mlir:22:5\n"
        "  fix:   create both as large as the larger",
    ),
    "none": (
        {"sequence": "aiex.npu.update_from_scratchpad {state_table_idx = 0 : ui8, address = 4096 : ui32}"},
        "error: there is no word 0 in the scratchpad\n"
        "  where: d.mlir:22:5\n"
        "  why:   nothing has created a scratchpad before it, and the firmware would add what is there\n"
        "  fix:   write aiex.npu.create_scratchpad {size = ...} in front, with four bytes for each word",
    ),
    "a function that is none": (
        {
            "sequence": "aiex.npu.create_scratchpad {size = 4 : ui32}\n"
            'aiex.npu.update_from_scratchpad {state_table_idx = 0 : ui8, address = 4096 : ui32, func = "add"}'
        },
        "error: there is no function 'add'\n  where: d.mlir:23:1\n  fix:   write one of mul, incr, decr",
    ),
    "a word too far": (
        {
            "sequence": "aiex.npu.create_scratchpad {size = 4 : ui32}\n"
            "aiex.npu.update_from_scratchpad {state_table_idx = 1 : ui8, address = 4096 : ui32}"
        },
        "error: there is no word 1 in the scratchpad\n"
        "  where: d.mlir:23:1\n"
        "  why:   it has 4 bytes, and the firmware would add what is there\n"
        "  fix:   write aiex.npu.create_scratchpad {size = ...} in front, with four bytes for each word",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_mlir_aie_refuses_is_refused_with_its_place(case: str):
    parts, message = REFUSED[case]
    written = {"parameters": declared(x="i32"), "core": "%n = arith.constant 1 : i32", **parts}

    assert refusal(design(**written)) == message


def test_a_parameter_is_of_cores_or_of_bds():
    text = OFFSET.replace("MOVE", MEMCPY).replace(
        "aie.objectfifo.link",
        "%high = aie.tile(0, 2)\naie.core(%high) {\n%n = aiex.read_scratchpad_parameter @from : i32\naie.end\n}\n"
        "aie.objectfifo.link",
    )

    assert refusal(text) == (
        "error: parameter @from is read by a core, and is where a BD begins\n"
        "  where: d.mlir:2:1\n"
        "  why:   a core gets it shifted, and a BD does not: d.mlir:10:1 and d.mlir:15:5\n"
        "  fix:   declare two"
    )


def test_a_bd_begins_at_a_whole_number():
    text = OFFSET.replace("MOVE", MEMCPY).replace("@from : i32", "@from : bf16")

    assert refusal(text) == (
        "error: where a BD begins is an i32, and @from is bf16\n  where: d.mlir:10:5\n  fix:   declare @from as an i32"
    )


def test_a_bd_of_a_mem_tile_begins_where_it_is_written():
    task = """%t = aiex.dma_configure_task(%tile, MM2S, 0) {
  aie.dma_bd(%held : memref<8xi16> offset = 0 len = 8) {offset_parameter = @from}
  aie.end
}"""
    text = OFFSET.replace("MOVE", task).replace(
        "aie.objectfifo.link", "%held = aie.buffer(%tile) : memref<8xi16>\naie.objectfifo.link"
    )
    with pytest.raises(Problem) as caught:
        operations(text)

    assert str(caught.value) == (
        "error: a BD of mem (0, 1) begins where a parameter says\n"
        "  where: d.mlir:12:3\n"
        "  why:   an update adds bytes to an address; a BD of a core or mem tile counts words, beside other fields\n"
        "  fix:   let the transfer at the shim tile begin there"
    )


def test_a_bd_that_no_sequence_writes_cannot_begin_where_a_parameter_says():
    program = """%held = aie.buffer(%tile) : memref<8xi16>
  %lock = aie.lock(%tile, 7)
  %dma = aie.memtile_dma(%tile) {
    aie.dma(MM2S, 4) {loop = false} [{
      aie.use_lock(%lock, AcquireGreaterEqual, 1)
      aie.dma_bd(%held : memref<8xi16> offset = 0 len = 8) {offset_parameter = @from}
      aie.use_lock(%lock, Release, 1)
    }]
    aie.end
  }
"""
    text = OFFSET.replace("MOVE", MEMCPY).replace("aie.objectfifo.link", program + "aie.objectfifo.link")

    assert refusal(text) == (
        "error: a BD that no sequence writes begins where a parameter says\n"
        "  where: d.mlir:13:7\n"
        "  why:   it is written with the array, before the host gives any, and no update comes to it\n"
        "  fix:   let a transfer of the runtime sequence begin there"
    )


def test_where_a_transfer_begins_is_named():
    text = OFFSET.replace("MOVE", MEMCPY.replace("offset_parameter = @from", "offset_parameter = 4 : i32"))

    assert refusal(text) == (
        "error: offset_parameter wants a parameter here\n"
        "  where: d.mlir:10:5\n"
        "  fix:   name one: offset_parameter = @parameter"
    )


def test_an_older_mlir_aie_does_not_know_them():
    text = design(parameters=declared(x="i32"), core=read("i32"))
    with pytest.raises(Problem) as caught:
        lower_design(read_design(text, "d.mlir"), version=version_named("2026-03"))

    assert "aie-lower-scratchpad-parameters and its operations are of mlir-aie since June 2026" in str(caught.value)


# What a host gives


def test_nothing_begins_in_front_of_a_buffer():
    found = read_design(OFFSET.replace("MOVE", MEMCPY), "d")
    with pytest.raises(Problem) as caught:
        scratchpad_of(found, found.sequences[0], {"from": "-4"})

    assert str(caught.value) == (
        "error: parameter from cannot be -4\n"
        "  where: --parameter from=-4\n"
        "  why:   it is i32, the bytes in front of what is moved\n"
        "  fix:   give a whole number from 0 to 4,294,967,295"
    )


def test_words_behind_those_of_the_parameters_are_given_by_their_numbers():
    text = design(
        parameters=declared(x="i32"),
        core=read("i32"),
        sequence="aiex.npu.create_scratchpad {size = 8 : ui32}\n" + FETCH,
        stated="",
    ).replace(
        "@run(%out: memref<4xi32>)", "@run(%out: memref<4xi32>) attributes {emit_parameter_sync_preamble = false}"
    )
    found = read_design(text, "d")

    assert scratchpad_of(found, found.sequences[0], {"x": "1", "1": "5"}) == struct.pack("<2I", 4, 5)


WORDS = {
    ("i32", "12"): 48,
    ("i16", "-1"): 0xFFFF << 2,
    ("bf16", "1"): 0x3F80 << 2,
}


@pytest.mark.parametrize(("type_", "text"), WORDS)
def test_a_word_of_the_scratchpad_is_shifted_for_cores(type_: str, text: str):
    found = read_design(
        design(parameters=declared(x=type_), core="%n = arith.constant 1 : i32\n" + read(type_, to="%x")), "d"
    )

    assert scratchpad_of(found, found.sequences[0], {"x": text}) == struct.pack("<I", WORDS[type_, text])


@pytest.mark.parametrize(
    ("type_", "text", "why", "fix"),
    [
        (
            "i32",
            "-1",
            "it is i32, of which a core gets 30 bits without a sign",
            "give a whole number from 0 to 1,073,741,823",
        ),
        (
            "i32",
            "0x40000000",
            "it is i32, of which a core gets 30 bits without a sign",
            "give a whole number from 0 to 1,073,741,823",
        ),
        ("i8", "0100", "it is i8", "give a whole number from -128 to 255"),
        ("i8", "\u0663", "it is i8", "give a whole number from -128 to 255"),
        ("i8", "256", "it is i8", "give a whole number from -128 to 255"),
        ("i8", "1.5", "it is i8", "give a whole number from -128 to 255"),
        ("bf16", "many", "it is bf16", "give a number, for instance 1.5"),
    ],
)
def test_a_number_that_does_not_come_there_is_refused(type_: str, text: str, why: str, fix: str):
    found = read_design(
        design(parameters=declared(x=type_), core="%n = arith.constant 1 : i32\n" + read(type_, to="%x")), "d"
    )
    with pytest.raises(Problem) as caught:
        scratchpad_of(found, found.sequences[0], {"x": text})

    assert str(caught.value) == (
        f"error: parameter x cannot be {text}\n  where: --parameter x={text}\n  why:   {why}\n  fix:   {fix}"
    )


TWO = design(parameters=declared(a="i32", b="i32"), core=read("i32", "a", "%a") + "\n" + read("i32", "b"))
GIVEN = {
    ("--parameter", "a=1", "--parameter", "@b=2"): (0, ""),
    ("--parameter", "a=1"): (
        2,
        "error: parameter b has no value\n"
        "  where: d.mlir:23:3\n"
        "  why:   the others have one, and the firmware takes over all of them\n"
        "  fix:   write --parameter b=NUMBER\n"
        "  more:  tileproof explain argument-without-value\n",
    ),
    ("--parameter", "c=1"): (
        2,
        "error: there is no parameter c\n"
        "  where: --parameter c=1\n"
        "  why:   parameters: a, b\n"
        "  fix:   give one of those\n"
        "  more:  tileproof explain unknown-argument\n",
    ),
    ("--parameter", "a=1", "--parameter", "a=2"): (
        2,
        "error: --parameter a is there twice\n"
        "  where: --parameter a=2\n"
        "  fix:   keep one of them\n"
        "  more:  tileproof explain given-twice\n",
    ),
}


@pytest.mark.parametrize("words", GIVEN)
def test_the_command_line_takes_each_parameter_by_its_name(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    Path("d.mlir").write_text(TWO)
    code = main(["emulate", "d.mlir", "--arg", "0=zeros", "--schedules", "0", *words])

    assert (code, capsys.readouterr().err) == GIVEN[words]


def test_a_sequence_without_a_scratchpad_takes_no_parameters():
    found = read_design(design(core="%n = arith.constant 1 : i32"), "d.mlir")
    with pytest.raises(Problem) as caught:
        scratchpad_of(found, found.sequences[0], {"x": "1"})

    assert str(caught.value) == (
        "error: there is no parameter x\n"
        "  where: --parameter x=1\n"
        "  why:   @run creates no scratchpad\n"
        "  fix:   leave it out"
    )


def test_without_a_scratchpad_the_instructions_end_in_a_fault_that_says_who_has_one():
    fault = run(TWO).faults[0]

    assert fault.paragraph == (
        "the instructions use the control scratchpad, and this run has none\n"
        "  where: insts word 4\n"
        "  why:   XRT makes one, and puts its address into the instructions, for a kernel of an ELF only\n"
        "  fix:   build the design with --full-elf-name, and write the parameters to run.get_ctrl_scratchpad_bo(); "
        "`tileproof emulate` takes them as --parameter NAME=VALUE\n"
        "  more:  tileproof explain no-scratchpad"
    )


def test_instructions_of_another_build_that_want_more_words_end_in_a_refusal():
    """Of a file, where nobody has looked at the design."""
    found = lowered(by_hand(update("incr", 0)))
    words = bytearray(sequence_words(found, main_sequence(found)))
    at = words.index(struct.pack("<I", 0x0001_000C))
    words[at + 1] = 7
    child = Child()
    child.set_up(found, None)
    child.send(Run(bytes(words), {0: bytes(16), CTRL_SCRATCHPAD: bytes(4)}))
    finished = child.receive(60.0)
    child.close()

    assert finished is not None
    assert [fault.what for fault in finished.report.faults] == ["there is no word 7 in the scratchpad"]


def test_a_build_writes_the_file_that_hosts_read_names_from():
    text = OFFSET.replace("MOVE", MEMCPY).replace("@from : i32", "@from : i32\n" + declared(scale="bf16"))
    pair = build_pair(text, "d.mlir", PairRequest())

    assert pair.parameters == b"2\nfrom 0 i32 addr\nscale 1 bf16 core\n"
    assert build_pair(design(core="%n = arith.constant 1 : i32"), "d.mlir", PairRequest()).parameters == b""


def test_bfloat16_is_rounded_as_numpy_does():
    text = design(parameters=declared(x="bf16"), core="%n = arith.constant 1 : i32\n" + read("bf16", to="%x"))
    found = read_design(text, "d.mlir")
    (word,) = struct.unpack("<I", scratchpad_of(found, found.sequences[0], {"x": "3.1415926"}) or b"")

    assert word >> 2 == int(np.array(3.1415926).astype(ml_dtypes.bfloat16).view(np.uint16))
