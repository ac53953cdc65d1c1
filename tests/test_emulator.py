"""The emulated array: right where a design is right, and in words where it is not."""

from __future__ import annotations

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_kernel import write_kernel

from tileproof.build.plan_host import plan_host_build
from tileproof.build.run import build
from tileproof.device.runner import POISON
from tileproof.emulator.array.faults import RunReport
from tileproof.emulator.array.memory import TILE_POISON
from tileproof.emulator.library import Library, Manner
from tileproof.emulator.process.messages import Finished, Run
from tileproof.emulator.process.parent import Child
from tileproof.errors import Problem
from tileproof.kernel.spec import load_spec
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.reader import read_design
from tileproof.toolchain.cxx import find_cxx
from tileproof.toolchain.ninja import find_ninja
from tileproof.xrt import ABORT, COMPLETED, ERROR, TIMEOUT

N = 16
PATIENCE_S = 120.0

TILE_CODE = """\
#include <cstdint>
#include <aie_api/aie.hpp>

extern "C" {
void twice(int32_t *x, int32_t *y) { for (int i = 0; i < 16; ++i) y[i] = 2 * x[i]; }
void count_calls(int32_t *x, int32_t *y) {
    static int32_t calls = 0;
    ++calls;
    for (int i = 0; i < 16; ++i) y[i] = calls + 0 * x[i];
}
void add_number(int32_t *x, int32_t *y, int32_t n) { for (int i = 0; i < 16; ++i) y[i] = x[i] + n; }
void nothing(int32_t *, int32_t *) {}
void reads_past(int32_t *x, int32_t *y) { for (int i = 0; i < 16; ++i) y[i] = x[i + 1]; }
void reads_before(int32_t *x, int32_t *y) { for (int i = 0; i < 16; ++i) y[i] = x[i - 1]; }
void writes_past(int32_t *x, int32_t *y) { for (int i = 0; i <= 16; ++i) y[i] = x[0]; }
void writes_before(int32_t *x, int32_t *y) { reinterpret_cast<int8_t *>(y)[-3] = static_cast<int8_t>(x[0]); }
void misaligned(int32_t *x, int32_t *y) { aie::store_v(y, aie::load_v<8>(x + 1)); }
void never_returns(int32_t *x, int32_t *) { while (reinterpret_cast<volatile int32_t *>(x)[0] != 99) {} }
void writes_null(int32_t *x, int32_t *) { *reinterpret_cast<volatile int32_t *>(static_cast<intptr_t>(x[3])) = 1; }
}
"""
TWO = f"memref<{N}xi32>, memref<{N}xi32>"
VIEW, OBJECT = f"!aie.objectfifosubview<memref<{N}xi32>>", f"memref<{N}xi32>"
WORDS = np.arange(N, dtype=np.int32) - 3


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Library:
    """TILE_CODE, compiled as a build of a kernel compiles it."""
    folder = tmp_path_factory.mktemp("tile_code")
    spec = load_spec(write_kernel(folder) / "double")
    plan = plan_host_build(spec, "npu1", {"tile.cc": TILE_CODE}, find_cxx(), sys.executable)
    until_link = replace(plan, steps=tuple(step for step in plan.steps if step.name.startswith(("compile", "link"))))
    return Library(code=(build(until_link, folder / "build", find_ninja()).folder / "tile.so").read_bytes())


def fifo(name: str, producer: str, consumers: str, depth: int = 2) -> str:
    ends = ", ".join(f"%{tile}" for tile in consumers.split())
    return f"aie.objectfifo @{name}(%{producer}, {{{ends}}}, {depth} : i32) : !aie.objectfifo<{OBJECT}>"


def core(tile: str, take: str, give: str, body: str, count: int = 1) -> str:
    """A core that for ever takes objects of one fifo as %x, gives one of another as %y, and does `body` between."""
    return f"""\
%core_{tile} = aie.core(%{tile}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %forever = arith.constant 4294967295 : index
  scf.for %round = %c0 to %forever step %c1 {{
    %xs = aie.objectfifo.acquire @{take}(Consume, {count}) : {VIEW}
    %x = aie.objectfifo.subview.access %xs[0] : {VIEW} -> {OBJECT}
    %ys = aie.objectfifo.acquire @{give}(Produce, 1) : {VIEW}
    %y = aie.objectfifo.subview.access %ys[0] : {VIEW} -> {OBJECT}
{body}
    aie.objectfifo.release @{take}(Consume, {count})
    aie.objectfifo.release @{give}(Produce, 1)
  }}
  aie.end
}}"""


def call(function: str) -> str:
    return f"func.call @{function}(%x, %y) : ({TWO}) -> ()"


def move(argument: str, name: str, number: int) -> str:
    lists = f"[0, 0, 0, 0][1, 1, 1, {N}][0, 0, 0, 1]"
    return f"aiex.npu.dma_memcpy_nd(%{argument}{lists}) {{id = {number} : i64, metadata = @{name}}} : {OBJECT}"


def sequence(*lines: str) -> str:
    arguments = ", ".join(f"%{name}: {OBJECT}" for name in "abc")
    return "\n".join([f"aie.runtime_sequence({arguments}) {{", *lines, "}"])


def wait(name: str) -> str:
    return f"aiex.npu.dma_wait {{symbol = @{name}}}"


ONCE = sequence(move("b", "out", 0), move("a", "in", 1), wait("out"))
TILES = "%shim = aie.tile(0, 0)\n" + "\n".join(f"%t{row} = aie.tile(0, {row})" for row in (2, 3, 4))


def lowered(*parts: str, functions: str = "") -> LoweredDesign:
    declared = [f"func.func private @{name}({TWO})" for name in functions.split()]
    text = "\n".join(["module {", "aie.device(npu1) {", TILES, *declared, *parts, "}", "}"])
    return lower_design(read_design(text, "d.mlir"))


def one_core(body: str, functions: str = "", *, moves: str = ONCE, count: int = 1, declare: str = "") -> LoweredDesign:
    ends = (fifo("in", "shim", "t2"), fifo("out", "t2", "shim"))
    return lowered(*ends, declare, core("t2", "in", "out", body, count), moves, functions=functions)


def calling(function: str) -> LoweredDesign:
    return one_core(call(function), function)


def started(design: LoweredDesign, library: Library | None = None, manner: Manner | None = None) -> Child:
    child = Child()
    child.set_up(design, library, manner or Manner())
    return child


def execute(child: Child, design: LoweredDesign, buffers: Mapping[int, bytes], words: bytes | None = None) -> Finished:
    child.send(Run(sequence_words(design, main_sequence(design)) if words is None else words, dict(buffers)))
    answer = child.receive(PATIENCE_S)
    assert answer is not None, "the run did not end"
    return answer


def host(*arrays: np.ndarray) -> dict[int, bytes]:
    return {number: array.tobytes() for number, array in enumerate(arrays)}


def once(design: LoweredDesign, library: Library | None, *, outputs: int = 1) -> tuple[list[np.ndarray], RunReport]:
    """One run on WORDS in a child of its own: the outputs as int32, and the report."""
    child = started(design, library)
    try:
        finished = execute(child, design, host(WORDS, *(np.zeros(N, np.int32) for _ in range(outputs))))
    finally:
        child.close()
    got = [np.frombuffer(finished.buffers[1 + k], np.int32) for k in range(outputs) if finished.buffers]
    return got, finished.report


def clean(design: LoweredDesign, library: Library | None = None) -> list[int]:
    """The output of a run that must end well."""
    (output,), report = once(design, library)
    assert (report.state, report.faults) == (COMPLETED, ())
    return output.tolist()


# What is right


def test_a_tile_function_turns_the_host_buffer_into_the_output(library):
    assert clean(calling("twice"), library) == (2 * WORDS).tolist()


def test_a_second_run_finds_what_the_first_left_behind(library):
    design = calling("count_calls")
    child = started(design, library)
    for number in (1, 2, 3):
        finished = execute(child, design, host(WORDS, np.zeros(N, np.int32)))
        assert np.frombuffer(finished.buffers[1], np.int32).tolist() == [number] * N
        assert finished.report.calls == 1
    child.close()


def test_two_contexts_do_not_share_what_a_tile_function_remembers(library):
    for _ in range(2):
        assert clean(calling("count_calls"), library) == [1] * N


def test_a_scalar_reaches_the_tile_function(library):
    body = f"%n = arith.constant -7 : i32\nfunc.call @add_number(%x, %y, %n) : ({TWO}, i32) -> ()"
    declare = f"func.func private @add_number({TWO}, i32)"
    assert clean(one_core(body, declare=declare), library) == (WORDS - 7).tolist()


def store_at_0(*lines: str) -> LoweredDesign:
    """A core without a tile function that stores %v, an i32, as the first element, and as all others."""
    elements = f"%elements = arith.constant {N} : index"
    loop = f"scf.for %e = %c0 to %elements step %c1 {{ memref.store %v, %y[%e] : {OBJECT} }}"
    return one_core("\n".join([*lines, elements, loop]))


def first_of(*lines: str) -> int:
    return clean(store_at_0(*lines))[0]


def test_a_core_loads_adds_and_stores_without_any_tile_function():
    body = f"""\
%n = arith.constant {N} : index
%ten = arith.constant 10 : i32
scf.for %i = %c0 to %n step %c1 {{
  %a = memref.load %x[%i] : {OBJECT}
  %b = arith.addi %a, %ten : i32
  memref.store %b, %y[%i] : {OBJECT}
}}"""
    assert clean(one_core(body)) == (WORDS + 10).tolist()


def test_a_product_wraps_at_32_bits():
    assert first_of("%a = arith.constant 65537 : i32", "%v = arith.muli %a, %a : i32") == 65537 * 65537 - 2**32


def test_a_sum_wraps_into_the_sign():
    lines = ("%a = arith.constant 2147483647 : i32", "%b = arith.constant 1 : i32", "%v = arith.addi %a, %b : i32")
    assert first_of(*lines) == -(2**31)


def test_an_index_is_64_bits_wide():
    lines = (
        "%a = arith.constant 65536 : index",
        "%b = arith.muli %a, %a : index",
        "%c = arith.divsi %b, %a : index",
        "%v = arith.index_cast %c : index to i32",
    )
    assert first_of(*lines) == 65536


@pytest.mark.parametrize(
    ("operation", "a", "b", "result"),
    [
        ("subi", 3, 5, -2), ("divsi", -7, 2, -3), ("remsi", -7, 2, -1), ("andi", 12, 10, 8), ("ori", 12, 10, 14),
        ("xori", 12, 10, 6), ("maxsi", -3, 2, 2), ("minsi", -3, 2, -3), ("divui", -2, 2, 2**31 - 1),
        ("remui", -1, 16, 15),
    ],
)  # fmt: skip
def test_arithmetic_is_that_of_32_bit_integers(operation, a, b, result):
    lines = (f"%a = arith.constant {a} : i32", f"%b = arith.constant {b} : i32", f"%v = arith.{operation} %a, %b : i32")
    assert first_of(*lines) == result


@pytest.mark.parametrize(
    ("predicate", "answer"), [("slt", 1), ("sgt", 0), ("ult", 0), ("ugt", 1), ("eq", 0), ("ne", 1)]
)
def test_minus_one_and_two_are_compared_with_and_without_sign(predicate, answer):
    lines = (
        "%a = arith.constant -1 : i32",
        "%b = arith.constant 2 : i32",
        "%yes = arith.constant 1 : i32",
        "%no = arith.constant 0 : i32",
        f"%c = arith.cmpi {predicate}, %a, %b : i32",
        "%v = arith.select %c, %yes, %no : i32",
    )
    assert first_of(*lines) == answer


def test_both_branches_of_an_if_are_taken_when_it_is_their_turn():
    body = f"""\
%n = arith.constant {N} : index
%zero = arith.constant 0 : i32
scf.for %i = %c0 to %n step %c1 {{
  %a = memref.load %x[%i] : {OBJECT}
  %negative = arith.cmpi slt, %a, %zero : i32
  %b = scf.if %negative -> (i32) {{
    %minus = arith.subi %zero, %a : i32
    scf.yield %minus : i32
  }} else {{
    scf.yield %a : i32
  }}
  memref.store %b, %y[%i] : {OBJECT}
}}"""
    assert clean(one_core(body)) == np.abs(WORDS).tolist()


def test_nested_loops_carry_their_values():
    lines = (
        "%three = arith.constant 3 : index",
        "%zero = arith.constant 0 : i32",
        "%one = arith.constant 1 : i32",
        "%v = scf.for %i = %c0 to %three step %c1 iter_args(%outer = %zero) -> (i32) {",
        "  %doubled = arith.addi %outer, %outer : i32",
        "  %sum = scf.for %j = %c0 to %three step %c1 iter_args(%inner = %doubled) -> (i32) {",
        "    %more = arith.addi %inner, %one : i32",
        "    scf.yield %more : i32",
        "  }",
        "  scf.yield %sum : i32",
        "}",
    )
    assert first_of(*lines) == ((0 * 2 + 3) * 2 + 3) * 2 + 3


def chain(*tiles: str) -> LoweredDesign:
    """A core per tile, each adding one more doubling on the way from the host and back."""
    names = ["in", *(f"f{number}" for number in range(len(tiles) - 1)), "out"]
    stops = ["shim", *tiles, "shim"]
    fifos = [fifo(name, a, b) for name, a, b in zip(names, stops[:-1], stops[1:], strict=True)]
    cores = [core(tile, names[k], names[k + 1], call("twice")) for k, tile in enumerate(tiles)]
    return lowered(*fifos, *cores, ONCE, functions="twice")


def test_neighbouring_cores_hand_objects_on_through_shared_memory(library):
    design = chain("t2", "t3", "t4")
    assert [flow.fifo for flow in design.flows] == ["in", "out"]
    assert clean(design, library) == (8 * WORDS).tolist()


def test_cores_that_are_no_neighbours_hand_objects_on_by_dma(library):
    design = chain("t2", "t4")
    assert [flow.fifo for flow in design.flows] == ["in", "f0", "out"]
    assert clean(design, library) == (4 * WORDS).tolist()


def test_a_broadcast_reaches_every_consumer(library):
    moves = sequence(move("b", "o2", 0), move("c", "o4", 1), move("a", "in", 2), wait("o2"), wait("o4"))
    fifos = (fifo("in", "shim", "t2 t4"), fifo("o2", "t2", "shim"), fifo("o4", "t4", "shim"))
    increment = f"""\
%one = arith.constant 1 : i32
%a = memref.load %x[%c1] : {OBJECT}
%b = arith.addi %a, %one : i32
memref.store %b, %y[%c1] : {OBJECT}"""
    cores = (core("t2", "in", "o2", call("twice")), core("t4", "in", "o4", call("twice") + "\n" + increment))
    design = lowered(*fifos, *cores, moves, functions="twice")
    (left, right), report = once(design, library, outputs=2)
    assert (report.state, report.faults) == (COMPLETED, ())
    assert left.tolist() == (2 * WORDS).tolist()
    assert right.tolist() == [2 * WORDS[0], WORDS[1] + 1, *(2 * WORDS[2:])]


def test_unwritten_tile_memory_is_poison_and_not_zero(library):
    assert TILE_POISON not in (0, 0xFF, POISON, POISON ^ 0xFF)
    (word,) = np.frombuffer(bytes([TILE_POISON]) * 4, np.int32).tolist()
    (output,), report = once(calling("nothing"), library)
    (fault,) = report.faults
    assert report.state == COMPLETED
    assert output.tolist() == [word] * N
    assert fault.what == "an object of @out is handed on, and no byte of it was ever written"
    assert fault.where == "MM2S channel 0 of core (0, 2), BD 2, out_buff_0"


# What is wrong


def test_a_deadlock_names_who_waits_for_what():
    """The core takes two objects a round, and the host sends one."""
    design = one_core("", count=2)
    _, report = once(design, None)
    (fault,) = report.faults
    assert report.state == TIMEOUT
    acquire = next(o for o in design.cores[0].core.body[-2].regions[0] if o.name == "aie.objectfifo.acquire")
    assert str(fault) == (
        "deadlock: the run cannot finish, everyone waits for someone else\n"
        "  where: d.mlir:2:1\n"
        "  why:   the core on core (0, 2) waits to consume from @in: wants 2, holds 0, 1 ready of 3 objects "
        f"(lock in_cons_cons_lock_0); the other end is shim (0, 0) [{acquire.place}]\n"
        "         S2MM channel 0 of core (0, 2) waits for 64 of 64 bytes on @in from shim (0, 0) to core (0, 2): "
        "nobody sends them\n"
        "         MM2S channel 0 of core (0, 2) waits for a filled object to send of @out (BD 3, out_buff_0): "
        "wants 1, lock out_cons_lock_0 is 0\n"
        "         S2MM channel 0 of shim (0, 0) (@out) waits for 64 of 64 bytes on @out from core (0, 2) to "
        "shim (0, 0): nobody sends them\n"
        "         the instruction stream waits for a token of S2MM channel 0 of shim (0, 0) (@out) [insts word 71]\n"
        "         it begins with S2MM channel 0 of core (0, 2): only MM2S channel 0 of shim (0, 0) (@in) could "
        "bring it, with nothing left to do\n"
        "         the core on core (0, 2) has given back 0 objects of @in and holds 0\n"
        "         the core on core (0, 2) has given 0 objects of @out and holds 0\n"
        "         S2MM channel 0 of shim (0, 0) (@out) was asked for 64 bytes and has moved 0\n"
        "         MM2S channel 0 of shim (0, 0) (@in) was asked for 64 bytes and has moved 64\n"
        "  fix:   compare what the runtime sequence moves with what each core acquires and releases per object"
    )


def test_a_wait_for_a_token_that_was_not_asked_for_is_a_deadlock():
    moves = sequence(move("b", "out", 0), move("a", "in", 1), wait("in"))
    _, report = once(one_core("", moves=moves), None)
    (fault,) = [fault for fault in report.faults if fault.id == "deadlock"]
    assert report.state == TIMEOUT
    assert "waits for a token of MM2S channel 0 of shim (0, 0) (@in)" in fault.why


def test_a_transfer_that_nobody_waits_for_and_nobody_feeds_is_reported():
    moves = sequence(move("b", "out", 0), move("a", "in", 1), wait("out"), move("b", "out", 2))
    _, report = once(one_core("", moves=moves), None)
    fault = next(fault for fault in report.faults if fault.id != "unwritten")
    assert (fault.id, fault.what) == (
        "unfinished",
        "S2MM channel 0 of shim (0, 0) (@out) has not finished when the run ends",
    )


@pytest.mark.parametrize(
    ("function", "what", "address"),
    [
        ("reads_past", "reads outside its buffers: byte 1 past the end of in_cons_buff_0 (64 bytes)", "0x08040"),
        ("reads_before", "reads outside its buffers: byte 4 before the start of in_cons_buff_0 (64 bytes)", "0x07ffc"),
        ("writes_past", "writes outside its buffers: byte 1 past the end of out_buff_0 (64 bytes)", "0x00440"),
        ("writes_before", "writes outside its buffers: byte 3 before the start of out_buff_0 (64 bytes)", "0x003fd"),
    ],
)
def test_an_access_outside_the_buffers_is_named(library, function, what, address):
    _, report = once(calling(function), library)
    fault = report.faults[0]
    assert fault.what == f"{function} {what}"
    assert f"the core on core (0, 2), call 1 of {function}, d.mlir:" in fault.where
    assert f"address {address} of core (0, 2)" in fault.where


def test_a_misaligned_vector_load_is_named(library):
    _, report = once(calling("misaligned"), library)
    (fault,) = report.faults
    assert fault.what == "misaligned makes a misaligned vector access of 32 bytes"
    assert "address 0x08004 of core (0, 2)" in fault.where
    assert "need 32-byte alignment" in fault.why


def test_a_tile_function_that_never_returns_is_named_and_ended(library):
    design = calling("never_returns")
    child = started(design, library)
    child.send(Run(sequence_words(design, main_sequence(design)), host(WORDS, WORDS)))
    assert child.receive(0.3) is None
    report = child.give_up(0.3).report
    assert report.state == TIMEOUT
    assert report.faults[0].what == "the core on core (0, 2), call 1 of never_returns never returned"


def test_a_tile_function_that_crashes_is_named(library):
    design = calling("writes_null")
    child = started(design, library)
    report = execute(child, design, host(WORDS, WORDS)).report
    assert report.state == ABORT
    assert report.faults[0].what == "the core on core (0, 2), call 1 of writes_null crashed: Segmentation fault"
    assert execute(child, design, host(WORDS, WORDS)).report.state == ABORT
    child.close()


@pytest.mark.parametrize(("pushed", "faults"), [(5, 0), (6, 1)])
def test_the_sixth_task_of_a_channel_is_dropped_and_reported(pushed, faults):
    outputs = [move("b", "out", number) for number in range(pushed)]
    inputs = [move("a", "in", 8 + number) for number in range(pushed)]
    interleaved = [line for pair in zip(outputs, inputs, strict=True) for line in pair] if pushed == 5 else outputs
    _, report = once(one_core("", moves=sequence(*interleaved, *[wait("out")] * (pushed == 5))), None)
    overruns = [fault for fault in report.faults if fault.id == "queue-overrun"]
    assert len(overruns) == faults
    for fault in overruns:
        assert fault.what == "a task is pushed onto the full queue of S2MM channel 0 of shim (0, 0) (@out)"
        assert fault.why == "one task runs, and the queue holds 4; the device drops the task without a word"


@pytest.mark.parametrize(("argument", "channel"), [(0, "MM2S channel 0"), (1, "S2MM channel 0")])
def test_a_transfer_past_the_end_of_a_host_buffer_is_reported(argument, channel):
    design = one_core("")
    child = started(design)
    buffers = host(WORDS, WORDS) | {argument: bytes(60)}
    report = execute(child, design, buffers).report
    child.close()
    overrun = next(fault for fault in report.faults if fault.id == "host-overrun")
    assert channel in overrun.what
    assert overrun.what.endswith("runs past the end of a host buffer: 64 bytes of 60")
    assert overrun.why == (
        "the buffer's last page goes on there: the device moves without a word what is no part of the buffer"
    )
    assert report.state == COMPLETED  # as on the device


def test_as_on_the_device_a_transfer_within_the_last_page_says_nothing():
    design = one_core("")
    child = started(design, manner=Manner(as_hardware=True))
    report = execute(child, design, host(WORDS, WORDS) | {0: bytes(60)}).report
    child.close()
    assert (report.state, report.faults) == (COMPLETED, ())


def test_a_transfer_past_the_page_that_a_host_buffer_ends_in_moves_nothing():
    far = move("a", "in", 1).replace("[0, 0, 0, 0]", "[0, 0, 0, 1100]", 1)
    _, report = once(one_core("", moves=sequence(move("b", "out", 0), far, wait("out"))), None)
    overrun = next(fault for fault in report.faults if fault.id == "host-overrun")
    assert overrun.what.endswith("runs past the end of a host buffer: 4,464 bytes of 64")
    assert overrun.why == "on the device this is an IO page fault, or someone else's memory"
    assert report.state == TIMEOUT


def test_a_transfer_of_an_argument_that_was_not_bound_is_reported():
    design = one_core("")
    child = started(design)
    report = execute(child, design, {0: WORDS.tobytes()}).report
    child.close()
    assert any("moves kernel argument 4, and no buffer is bound there" in fault.what for fault in report.faults)


def test_a_declared_function_that_is_not_in_the_tile_code_is_refused(library):
    with pytest.raises(Problem) as refused:
        started(calling("thrice"), library)
    assert str(refused.value).startswith("error: the tile code does not define thrice\n  where: d.mlir:7:1\n")


def test_an_access_outside_a_buffers_shape_ends_the_run_in_words():
    _, report = once(store_at_0("%v = arith.constant 1 : i32", f"%n = arith.constant {N} : index", store("%n")), None)
    assert report.state == ERROR
    assert report.faults[0].what == "the core on core (0, 2) accesses out_buff_0 outside its shape"


def store(index: str) -> str:
    return f"memref.store %v, %y[{index}] : {OBJECT}"


def test_a_division_by_zero_ends_the_run_in_words():
    lines = ("%a = arith.constant 0 : i32", "%v = arith.divsi %a, %a : i32")
    _, report = once(store_at_0(*lines), None)
    assert (report.state, report.faults[0].what) == (ERROR, "the core on core (0, 2) divides by zero")


def test_a_release_of_more_than_is_held_ends_the_run_in_words():
    """mlir-aie notices it where the core acquires again, and so nowhere in a core without a loop."""
    loop = core("t2", "in", "out", "aie.objectfifo.release @in(Consume, 2)").split("\n")
    straight = "\n".join(line for line in loop if "scf.for" not in line and line != "  }")
    _, report = once(lowered(fifo("in", "shim", "t2"), fifo("out", "t2", "shim"), straight, ONCE), None)
    assert report.state == ERROR
    assert report.faults[0].what == "the core on core (0, 2) releases 2 of @in and holds 1"


@pytest.mark.parametrize(
    "body",
    [
        f"%v = memref.load %x[%c0, %c0] : {OBJECT}",
        f"%v = arith.constant 3000000000 : i64\nmemref.store %v, %y[%c0] : {OBJECT}",
        "%v = arith.constant 1.5 : f32\n%w = arith.index_cast %v : f32 to i32",
        "%v = arith.constant dense<1> : tensor<4xi32>",
        f"func.call @twice(%x) : ({OBJECT}) -> ()",
        f"func.call @twice(%c0, %y) : (index, {OBJECT}) -> ()",
    ],
)
def test_a_core_program_that_makes_no_sense_is_a_problem_and_not_a_traceback(library, body):
    try:
        _, report = once(one_core(body, "twice"), library)
    except Problem:
        return  # refused before the run is as good
    assert report.state == ERROR
    assert report.faults


def test_an_empty_or_foreign_instruction_stream_is_an_error_in_words():
    design = one_core("")
    child = started(design)
    for words in (b"", b"\0" * 16, b"tileproof!", bytes(range(256)), b"\xff" * 300):
        report = execute(child, design, host(WORDS, WORDS), words).report
        assert report.state == ERROR
        assert report.faults[0].what
        assert "Traceback" not in str(report.faults[0])
    # And the array is still there.
    assert execute(child, design, host(WORDS, WORDS)).report.state == COMPLETED
    child.close()


def test_spoilt_instruction_streams_end_in_a_state_and_never_in_a_traceback():
    design = one_core("")
    words = sequence_words(design, main_sequence(design))
    child = started(design)
    for seed in range(300):
        rng = random.Random(seed)
        spoilt = bytearray(words)
        for _ in range(rng.randint(1, 3)):
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
        try:
            report = execute(child, design, host(WORDS, WORDS), bytes(spoilt)).report
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        assert report.state in (COMPLETED, ERROR, TIMEOUT), f"seed {seed}: {report}"
        assert report.state == COMPLETED or report.faults, f"seed {seed}: {report}"
    child.close()


# The process


def test_the_child_dies_with_its_parent(tmp_path, library):
    """Killed outright, while a tile function runs for ever."""
    (tmp_path / "tile.so").write_bytes(library.code)
    (tmp_path / "design.pickle").write_bytes(pickle.dumps(calling("never_returns")))
    script = f"""\
import pickle, time
from pathlib import Path
from tileproof.emulator.library import Library
from tileproof.emulator.process.messages import Run
from tileproof.emulator.process.parent import Child
from tileproof.lowering.sequence import main_sequence, sequence_words

design = pickle.loads(Path("design.pickle").read_bytes())
child = Child()
child.set_up(design, Library(code=Path("tile.so").read_bytes()))
child.send(Run(sequence_words(design, main_sequence(design)), {{0: bytes({4 * N}), 1: bytes({4 * N})}}))
assert child.receive(0.2) is None
print("running", flush=True)
time.sleep(600)
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, env=_environment()) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"running\n"
        (child,) = (Path("/proc") / str(parent.pid) / "task" / str(parent.pid) / "children").read_text().split()
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while _runs(int(child)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _runs(int(child))


def _environment() -> dict[str, str]:
    source = Path(__file__).parents[1] / "src"
    return {**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


def _runs(pid: int) -> bool:
    """A zombie that nobody has collected yet no longer runs."""
    try:
        state = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def test_closing_a_child_ends_its_process(library):
    child = started(calling("twice"), library)
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    before = children.read_text().split()
    child.close()
    after = children.read_text().split()
    assert len(before) - len(after) == 1
