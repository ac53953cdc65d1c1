"""Tile functions that wait for a lock, for a word of the stream or for the cascade hand over, and it is told where.

Two cores: the upper one's function is called with an object of @x, the lower one's with an object of @y; both also with
@shared, which lies on the lower core's tile with two locks of its own.
"""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

import numpy as np
import pytest

from tileproof.emulator.array import host_stack
from tileproof.emulator.array.array import Array
from tileproof.emulator.array.waiting import lock_numbers
from tileproof.emulator.design.described import described_library
from tileproof.emulator.design.emulate import Emulation, emulate
from tileproof.emulator.library import Library, Manner
from tileproof.errors import Problem
from tileproof.lowering.lower import lower_design
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.reader import read_design
from tileproof.shadow import GRANULE, SHADOW_OFFSET
from tileproof.toolchain.cxx import find_cxx
from tileproof.toolchain.tile_library import compile_tile_code
from tileproof.xrt import COMPLETED, TIMEOUT

TILE_CODE = """\
#include <aie_api/aie.hpp>

namespace {
volatile int four = 4;  // no compiler knows it
// A lock is 16 times the side it lies on, south, west, north and own, and its id there.
constexpr unsigned SOUTH = 0, OWN = 48, FREE = 0, FULL = 1;
aie::vector<int32, 16> got() { return get_scd_v16int32(); }
aie::vector<int32, 16> next(const int32 *x) { return aie::add(aie::load_v<16>(x), 1); }
void plus_one(const int32 *x, int32 *y) { for (int i = 0; i < 64; i += 16) aie::store_v(y + i, next(x + i)); }
void copy(const int32 *x, int32 *y) { for (int i = 0; i < 64; i += 16) aie::store_v(y + i, aie::load_v<16>(x + i)); }
}

extern "C" {
// The cascade.
void gives(int32 *x, int32 *) { for (int i = 0; i < 64; i += 16) put_mcd(next(x + i)); }
void takes(int32 *y, int32 *) { for (int i = 0; i < 64; i += 16) aie::store_v(y + i, got()); }
void gives_two_at_once(int32 *x, int32 *) {
    for (int i = 0; i < 64; i += 32) put_mcd(aie::concat(next(x + i), next(x + i + 16)));
}
void gives_sums(int32 *x, int32 *) {
    for (int i = 0; i < 64; i += 16) put_mcd(aie::accum<acc64, 16>(next(x + i), 4));
}
void takes_sums(int32 *y, int32 *) {
    for (int i = 0; i < 64; i += 16) {
        aie::accum<acc64, 16> sums = get_scd_v16acc64();
        aie::store_v(y + i, sums.to_vector<int32>(4));
    }
}
void gives_eightfold(int32 *x, int32 *shared) {
    for (int turn = 0; turn < 8; ++turn) gives(x, shared);
}
void gives_nothing(int32 *x, int32 *) { put_mcd(next(x), 0); }
void gives_on(int32 *, int32 *) { for (int i = 0; i < 4; ++i) put_mcd(aie::add(got(), 0)); }
void gives_unset(int32 *x, int32 *shared) {
    aie::vector<int32, 16> nothing;
    put_mcd(nothing);
    gives(x, shared);
}

// Locks.
void fills(int32 *x, int32 *shared) {
    acquire_greater_equal(SOUTH + FREE, 1);
    plus_one(x, shared);
    release(SOUTH + FULL, 1);
}
void empties(int32 *y, int32 *shared) {
    acquire_greater_equal(OWN + FULL, 1);
    copy(shared, y);
    release(OWN + FREE, 1);
}
void empties_exactly(int32 *y, int32 *shared) {
    acquire_equal(shared, OWN + FULL, 1, 1);
    copy(shared, y);
    acquire_equal(OWN + FULL, 1, 0);
    release(shared, OWN + FREE, 1);
}
void fills_and_keeps(int32 *x, int32 *shared) {
    acquire_greater_equal(SOUTH + FREE, 1);
    plus_one(x, shared);
}
void fills_at_any_time(int32 *x, int32 *shared) {
    plus_one(x, shared);
    release(SOUTH + FULL, 1);
}
void empties_another(int32 *y, int32 *shared) {
    acquire_greater_equal(OWN + 2, 1);
    copy(shared, y);
}
void empties_the_west(int32 *y, int32 *shared) {
    acquire_greater_equal(16 + FULL, 1);
    copy(shared, y);
}
void empties_nothing(int32 *, int32 *) { release(64 + FREE, 1); }
void releases_backwards(int32 *, int32 *) { release(OWN + FREE, -1); }

// The stream.
void sends(int32 *x, int32 *) { for (int i = 0; i < 64; ++i) put_ms(x[i] + 1); }
void receives(int32 *y, int32 *) { for (int i = 0; i < 64; ++i) y[i] = get_ss(); }
void sends_vectors(int32 *x, int32 *) { for (int i = 0; i < 64; i += 16) put_ms(next(x + i), 1); }
void receives_vectors(int32 *y, int32 *) {
    for (int i = 0; i < 64; i += 8) aie::store_v(y + i, aie::vector<int32, 8>(get_ss_v8int32()));
}
void sends_too_little(int32 *x, int32 *) { for (int i = 0; i < 63; ++i) put_ms(x[i] + 1); }
void looks_to_send(int32 *x, int32 *) {
    for (int i = 0; i < 64;) {
        bool went = false;
        put_ms_nb(x[i] + 1, went);
        i += went;
    }
}
void looks_to_receive(int32 *y, int32 *) {
    for (int i = 0; i < 64;) {
        bool came = false;
        y[i] = get_ss_nb(came);
        i += came;
    }
}
void sends_eightfold(int32 *x, int32 *shared) {
    for (int turn = 0; turn < 8; ++turn) sends(x, shared);
}
void receives_and_sends(int32 *, int32 *) { for (int i = 0; i < 64; ++i) put_ms(get_ss() + 1); }
void waits_and_stays(int32 *, int32 *shared) {
    acquire_greater_equal(OWN + FREE, 1);
    for (volatile int i = 0; i >= 0; i = i & 1) shared[0] = i;
}

// More than the core's stack has: the call's locals lie in the tile while it waits.
void takes_large(int32 *y, int32 *) {
    alignas(32) int32 large[400] = {};
    for (int i = 0; i < 64; i += 16) aie::store_v(large + i, got());
    for (int i = 0; i < 64; ++i) y[i] = large[i] + large[399 - (large[i] & 1)];
}
// Of whose stack nobody can say before what it takes.
static int32 deep(int32 *y, int n) {
    aie::store_v(y + 16 * n, got());
    int32 own[64] = {};
    own[n] = n + 1 == four ? 0 : deep(y, n + 1);
    return own[y[16 * n] & 7];
}
void takes_deep(int32 *y, int32 *) { y[0] += deep(y, 0); }
void past_the_end(int32 *y, int32 *shared) {
    y[64] = 1;
    takes(y, shared);
}
void takes_past_a_local(int32 *y, int32 *shared) {
    int32 own[4] = {};
    takes(y, shared);
    own[four] = y[0];
    y[0] += own[four - 1];
}
void nothing(int32 *, int32 *) {}
}
"""
LINES = TILE_CODE.splitlines()

DESIGN = """\
module {
  aie.device(npu1) @main {
    %shim = aie.tile(0, 0)
    %core = aie.tile(0, 2)
    %next = aie.tile(0, 3)
    %shared = aie.buffer(%core) {sym_name = "shared"} : memref<64xi32>
    %free = aie.lock(%core, 0) {init = 1 : i32, sym_name = "free"}
    %full = aie.lock(%core, 1) {init = 0 : i32, sym_name = "full"}
    aie.objectfifo @x(%shim, {%next}, 2 : i32) : !aie.objectfifo<memref<64xi32>>
    aie.objectfifo @y(%core, {%shim}, 2 : i32) : !aie.objectfifo<memref<64xi32>>
    FLOW
    func.func private @UPPER(memref<64xi32>, memref<64xi32>) attributes {link_with = "tile.o"}
    func.func private @LOWER(memref<64xi32>, memref<64xi32>) attributes {link_with = "tile.o"}
    aie.core(%next) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 4294967295 : index
      scf.for %i = %c0 to %forever step %c1 {
        %xv = aie.objectfifo.acquire @x(Consume, 1) : !aie.objectfifosubview<memref<64xi32>>
        %xo = aie.objectfifo.subview.access %xv[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
        func.call @UPPER(%xo, %shared) : (memref<64xi32>, memref<64xi32>) -> ()
        aie.objectfifo.release @x(Consume, 1)
      }
      aie.end
    }
    aie.core(%core) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 4294967295 : index
      scf.for %i = %c0 to %forever step %c1 {
        %yv = aie.objectfifo.acquire @y(Produce, 1) : !aie.objectfifosubview<memref<64xi32>>
        %yo = aie.objectfifo.subview.access %yv[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
        func.call @LOWER(%yo, %shared) : (memref<64xi32>, memref<64xi32>) -> ()
        aie.objectfifo.release @y(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<256xi32>, %b: memref<256xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 256][0, 0, 0, 1]) {id = 0 : i64, metadata = @y} : memref<256xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 256][0, 0, 0, 1]) {id = 1 : i64, metadata = @x} : memref<256xi32>
      aiex.npu.dma_wait {symbol = @y}
    }
  }
}
"""
CASCADE = "aie.cascade_flow(%next, %core)"
STREAM = "aie.flow(%next, Core : 0, %core, Core : 0)"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    path = tmp_path_factory.mktemp("tile_code") / "tile.cc"
    path.write_text(TILE_CODE)
    return described_library(compile_tile_code([path], 20, find_cxx()), {"tile.cc": TILE_CODE})


def design(upper: str, lower: str, flow: str = "", *changes: tuple[str, str]) -> str:
    text = DESIGN.replace("FLOW", flow).replace("UPPER", upper).replace("LOWER", lower)
    if upper == lower:
        text = text.replace(f"    func.func private @{upper}(memref<64xi32>, memref<64xi32>) attributes", "    // ", 1)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def run(library: Library, *shape: str | tuple[str, str], seed: int | None = None, runs: int = 1) -> Emulation:
    text = design(*shape)  # type: ignore[arg-type]
    return emulate(text, "d.mlir", library, {0: "random", 1: "zeros"}, manner=Manner(seed=seed), runs=runs)


def line(part: str, number: int = 1) -> int:
    """The line of the tile code with these words."""
    return [at for at, text in enumerate(LINES, 1) if part in text][number - 1]


GOOD = [
    ("gives", "takes", CASCADE),
    ("gives_two_at_once", "takes", CASCADE),
    ("gives_sums", "takes_sums", CASCADE),
    ("fills", "empties"),
    ("fills", "empties_exactly"),
    ("sends", "receives", STREAM),
    ("sends_vectors", "receives", STREAM),
    ("sends", "receives_vectors", STREAM),
    ("looks_to_send", "looks_to_receive", STREAM),
    ("sends", "looks_to_receive", STREAM),
    ("looks_to_send", "receives", STREAM),
]


@pytest.mark.parametrize("shape", GOOD, ids=" and ".join)
@pytest.mark.parametrize("seed", [None, 3])
def test_two_tile_functions_hand_numbers_to_each_other(
    library: Library, shape: tuple[str, ...], seed: int | None
) -> None:
    done = run(library, *shape, seed=seed)

    assert (done.state, done.faults) == (COMPLETED, ())
    assert np.array_equal(done.arguments[1].after, done.arguments[0].before + 1)


def test_what_a_call_waits_for_may_come_from_the_program_of_another_core(library: Library) -> None:
    """aie.put_cascade and get_cascade, and aie.use_lock, on the other side of what tile functions do."""
    gets = (
        "func.call @nothing(%yo, %shared) : (memref<64xi32>, memref<64xi32>) -> ()",
        "%c16 = arith.constant 16 : index\n%c64 = arith.constant 64 : index\nscf.for %k = %c0 to %c64 step %c16 {\n"
        "%v = aie.get_cascade() : vector<16xi32>\nvector.store %v, %yo[%k] : memref<64xi32>, vector<16xi32>\n}",
    )
    fills = (
        "func.call @nothing(%xo, %shared) : (memref<64xi32>, memref<64xi32>) -> ()",
        "aie.use_lock(%free, AcquireGreaterEqual, 1)\n%one = arith.constant dense<1> : vector<64xi32>\n"
        "%v = vector.load %xo[%c0] : memref<64xi32>, vector<64xi32>\n%w = arith.addi %v, %one : vector<64xi32>\n"
        "vector.store %w, %shared[%c0] : memref<64xi32>, vector<64xi32>\naie.use_lock(%full, Release, 1)",
    )
    for shape in (("gives", "nothing", CASCADE, gets), ("nothing", "empties", "", fills)):
        done = run(library, *shape)

        assert (done.state, done.faults) == (COMPLETED, ())
        assert np.array_equal(done.arguments[1].after, done.arguments[0].before + 1)


RETURNING = """\
#include <aie_api/aie.hpp>
extern "C" {
int32_t first(int32_t, float) { return ext_elem(get_scd_v16int32(), 0); }
float second(float x) { return x * float(ext_elem(get_scd_v16int32(), 0)); }
}
"""


def test_a_call_that_waits_returns_what_it_returns(tmp_path: Path) -> None:
    """Its result comes back where it is let go on, and its arguments are as they were."""
    path = tmp_path / "tile.cc"
    path.write_text(RETURNING)
    code = described_library(compile_tile_code([path], 20, find_cxx()), {"tile.cc": RETURNING})
    calls = (
        "func.call @second(%yo, %shared) : (memref<64xi32>, memref<64xi32>) -> ()",
        "%n = arith.constant 7 : i32\n%half = arith.constant 0.5 : f32\n"
        "%got = func.call @first(%n, %half) : (i32, f32) -> i32\nmemref.store %got, %yo[%c0] : memref<64xi32>\n"
        "%product = func.call @second(%half) : (f32) -> f32\n%whole = arith.fptosi %product : f32 to i32\n"
        "%c64 = arith.constant 64 : index\nscf.for %k = %c1 to %c64 step %c1 {\n"
        "memref.store %whole, %yo[%k] : memref<64xi32>\n}",
    )
    puts = (
        "func.call @first(%xo, %shared) : (memref<64xi32>, memref<64xi32>) -> ()",
        "%v = vector.load %xo[%c0] : memref<64xi32>, vector<16xi32>\naie.put_cascade(%v : vector<16xi32>)\n"
        "aie.put_cascade(%v : vector<16xi32>)",
    )
    declared = ("@first(memref<64xi32>, memref<64xi32>)", "@first(i32, f32) -> i32")
    also = ("@second(memref<64xi32>, memref<64xi32>)", "@second(f32) -> f32")
    text = design("first", "second", CASCADE, calls, puts, declared, also)
    done = emulate(text, "d.mlir", code, {0: "random", 1: "zeros"})
    given = done.arguments[0].before.reshape(4, 64)[:, :1]

    assert (done.state, done.faults) == (COMPLETED, ())
    assert np.array_equal(done.arguments[1].after.reshape(4, 64)[:, :1], given)
    assert np.array_equal(done.arguments[1].after.reshape(4, 64)[:, 1:], np.trunc(given * 0.5) + np.zeros((1, 63)))


def test_a_call_that_waits_goes_on_in_the_next_run_of_the_context(library: Library) -> None:
    done = run(library, "gives", "takes", CASCADE, runs=3)

    assert (done.state, done.faults, len(done.reports)) == (COMPLETED, (), 3)
    assert np.array_equal(done.arguments[1].after, done.arguments[0].before + 1)


ALONE = """\
module {
  aie.device(npu1) @main {
    %shim = aie.tile(0, 0)
    %core = aie.tile(0, 2)
    %shared = aie.buffer(%core) : memref<64xi32>
    aie.shim_dma_allocation @x(%shim, MM2S, 0)
    aie.shim_dma_allocation @y(%shim, S2MM, 0)
    aie.flow(%shim, DMA : 0, %core, Core : 0)
    aie.flow(%core, Core : 0, %shim, DMA : 0)
    func.func private @receives_and_sends(memref<64xi32>, memref<64xi32>) attributes {link_with = "tile.o"}
    aie.core(%core) {
      func.call @receives_and_sends(%shared, %shared) : (memref<64xi32>, memref<64xi32>) -> ()
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<64xi32>, %b: memref<64xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 0 : i64, metadata = @y} : memref<64xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 1 : i64, metadata = @x} : memref<64xi32>
      aiex.npu.dma_wait {symbol = @y}
    }
  }
}
"""


def test_a_tile_function_gets_from_a_dma_and_puts_to_one(library: Library) -> None:
    done = emulate(ALONE, "d.mlir", library, {0: "random", 1: "zeros"})

    assert (done.state, done.faults) == (COMPLETED, ())
    assert np.array_equal(done.arguments[1].after, done.arguments[0].before + 1)


def test_a_flow_from_a_second_core_port_is_refused() -> None:
    text = ALONE.replace("aie.flow(%core, Core : 0,", "aie.flow(%core, Core : 1,")

    with pytest.raises(Problem) as refused:
        emulate(text, "d.mlir", (), {0: "random", 1: "zeros"})

    assert str(refused.value) == (
        "error: there is no stream port Core : 1 on core (0, 2)\n"
        "  where: d.mlir:9:5\n"
        "  why:   a core has one stream port each way, and other tiles have no core\n"
        "  fix:   name Core : 0 of a core tile"
    )


def test_several_cores_may_be_in_a_call_that_waits(library: Library) -> None:
    """The core between the two hands on what comes over the cascade, and nothing else."""
    between = (
        "    aie.core(%core) {",
        "    func.func private @gives_on(memref<64xi32>, memref<64xi32>)\n"
        "    %own = aie.buffer(%third) : memref<64xi32>\n    aie.core(%third) {\n"
        "      %c0 = arith.constant 0 : index\n      %c1 = arith.constant 1 : index\n"
        "      %forever = arith.constant 4294967295 : index\n      scf.for %i = %c0 to %forever step %c1 {\n"
        "        func.call @gives_on(%own, %own) : (memref<64xi32>, memref<64xi32>) -> ()\n      }\n"
        "      aie.end\n    }\n    aie.core(%core) {",
    )
    moved = ("%core = aie.tile(0, 2)", "%core = aie.tile(1, 2)"), ("@gives(%xo, %shared)", "@gives(%xo, %xo)")
    flows = "%third = aie.tile(1, 3)\n    aie.cascade_flow(%next, %third)\n    aie.cascade_flow(%third, %core)"
    text = design("gives", "takes", flows, between, *moved)
    done = emulate(text, "d.mlir", library, {0: "random", 1: "zeros"})

    assert (done.state, done.faults) == (COMPLETED, ())
    assert np.array_equal(done.arguments[1].after, done.arguments[0].before + 1)


# What never comes


def deadlock(done: Emulation) -> list[str]:
    """What is said of the cores, the circle or the beginning among it."""
    (fault,) = done.faults
    assert (done.state, fault.id) == (TIMEOUT, "deadlock")
    return [
        told for told in fault.why.splitlines() if "core on" in told and "DMA" not in told and "channel" not in told
    ]


def test_a_lock_that_nobody_releases_is_told_with_function_line_and_value(library: Library) -> None:
    """The whole message, once: of the others only what the cores do."""
    (fault,) = run(library, "fills_and_keeps", "empties").faults

    assert str(fault) == (
        "deadlock: the run cannot finish, everyone waits for someone else\n"
        "  where: d.mlir:2:3\n"
        "  why:   the core on core (0, 3) waits in call 2 of fills_and_keeps for lock free: wants at least 1, it is 0 "
        f"[tile.cc:{line('acquire_greater_equal(SOUTH + FREE, 1)', 2)}]\n"
        "         the core on core (0, 2) waits in call 1 of empties for lock full: wants at least 1, it is 0 "
        f"[tile.cc:{line('acquire_greater_equal(OWN + FULL, 1)')}]\n"
        "         S2MM channel 0 of core (0, 3) waits for a free object to fill of @x (BD 1, x_cons_buff_1): wants 1, "
        "lock x_cons_prod_lock_0 is 0\n"
        "         MM2S channel 0 of core (0, 2) waits for a filled object to send of @y (BD 0, y_buff_0): wants 1, "
        "lock y_cons_lock_0 is 0\n"
        "         MM2S channel 0 of shim (0, 0) (@x) waits to send 256 more bytes on @x from shim (0, 0) to core (0, 3)"
        ": nobody takes them\n"
        "         S2MM channel 0 of shim (0, 0) (@y) waits for 1,024 of 1,024 bytes on @y from core (0, 2) to shim "
        "(0, 0): nobody sends them\n"
        "         the instruction stream waits for a token of S2MM channel 0 of shim (0, 0) (@y) [insts word 71]\n"
        "         in a circle: the core on core (0, 3) waits for the core on core (0, 2) waits for the core on core "
        "(0, 3)\n"
        "         the core on core (0, 3) has given back 1 object of @x and holds 1\n"
        "         the core on core (0, 2) has given 0 objects of @y and holds 1\n"
        "         S2MM channel 0 of shim (0, 0) (@y) was asked for 1,024 bytes and has moved 0\n"
        "         MM2S channel 0 of shim (0, 0) (@x) was asked for 1,024 bytes and has moved 768\n"
        "  fix:   compare what the runtime sequence moves with what each core acquires and releases per object"
    )


def test_a_vector_that_nobody_puts_onto_the_cascade_is_told_with_function_and_line(library: Library) -> None:
    at = line("return get_scd_v16int32()")

    assert deadlock(run(library, "gives_nothing", "takes", CASCADE))[:2] == [
        "the core on core (0, 3) waits to consume from @x: wants 1, holds 0, 0 ready of 2 objects (lock "
        "x_cons_cons_lock_0); the other end is shim (0, 0) [d.mlir:19:9]",
        "the core on core (0, 2) waits in call 1 of takes to get from the cascade from core (0, 3) to core (0, 2): "
        f"nobody puts anything [tile.cc:{at}]",
    ]


def test_a_word_that_nobody_sends_is_told_with_function_and_line(library: Library) -> None:
    at = line("get_ss()")

    assert (
        "the core on core (0, 2) waits in call 4 of receives for 4 of 4 bytes on @flow of line 11 from core (0, 3) to "
        f"core (0, 2): nobody sends them [tile.cc:{at}]"
    ) in deadlock(run(library, "sends_too_little", "receives", STREAM))


def test_a_core_that_looks_for_what_never_comes_is_told_as_what_moves(library: Library) -> None:
    (fault,) = run(library, "nothing", "looks_to_receive", STREAM).faults

    assert fault.what == "the run does not end: only the core on core (0, 2) moves, for ever"
    assert (
        "the core on core (0, 2) looks in call 1 of looks_to_receive for a word on @flow of line 11 from core (0, 3) "
        f"to core (0, 2) [tile.cc:{line('get_ss_nb(came)')}]"
    ) in fault.why.splitlines()


@pytest.mark.parametrize(
    ("lower", "upper", "flow"), [("takes", "gives_eightfold", CASCADE), ("receives", "sends_eightfold", STREAM)]
)
def test_more_than_is_taken_holds_up_the_input(library: Library, lower: str, upper: str, flow: str) -> None:
    done = run(library, upper, lower, flow)

    assert [fault.id for fault in done.faults] == ["unfinished"]
    assert not np.array_equal(done.arguments[1].after, done.arguments[0].before + 1)


def test_a_function_that_waits_and_then_never_ends_is_told_by_name(library: Library) -> None:
    text = design("nothing", "waits_and_stays")
    done = emulate(text, "d.mlir", library, {0: "random", 1: "zeros"}, timeout_s=3)

    assert [fault.what for fault in done.faults] == [
        "the core on core (0, 2), call 1 of waits_and_stays never returned"
    ]


# Names


GOTTEN = (
    *("v16acc32", "v8acc64", "v16accfloat", "v64int8", "v64uint8", "v32int16", "v32uint16", "v16int32", "v16uint32"),
    *("v32bfloat16", "v32acc32", "v16acc64", "v32accfloat", "v128int8", "v128uint8", "v64int16", "v64uint16"),
    *("v32int32", "v32uint32"),
)
RECEIVED = (
    *("v4int32", "v4uint32", "v8int16", "v8uint16", "v16int8", "v16uint8", "v8int32", "v8uint32", "v16int16"),
    *("v16uint16", "v32int8", "v32uint8", "v16int32", "v16uint32", "v32int16", "v32uint16", "v64int8", "v64uint8"),
    *("v32int32", "v32uint32", "v64int16", "v64uint16", "v128int8", "v128uint8"),
)


@pytest.mark.parametrize("arch", [20, 21])
def test_what_the_compiler_for_the_device_knows_by_name_compiles(tmp_path: Path, arch: int) -> None:
    statements = [
        *(f"put_mcd(get_scd_{name}()); put_mcd(get_scd_{name}(1), 1);" for name in GOTTEN),
        *(f"put_ms(get_ss_{name}()); put_ms(get_ss_{name}(), 1); put_ms(get_ss_{name}(), 1, 0);" for name in RECEIVED),
        "bool came; put_ms(get_ss()); put_ms(get_ss_uint(), 1); put_ms(get_ss_float(), 1, 0); put_ms(get_ss_int());",
        "put_ms_nb(get_ss_nb(came), came); put_ms_nb(get_ss_nb_uint(came), 1, came); put_ms(get_ss_nb_float(came));",
        "int x[8]; acquire_equal(48, 1); acquire_equal(48, 1, 1); acquire_equal(x, 48, 1); acquire_equal(x, 48, 1, 1);",
        "acquire_greater_equal(48, 1); acquire_greater_equal(x, 48, 1); acquire_greater_equal(x, 48, 1, 1u);",
        "release(48, 1); release(48, 1, 1); release(x, 48, 1); release(x, 48, 1, 1);",
    ]
    if arch == 21:
        statements += [
            "put_mcd(get_scd_v16float()); put_mcd(get_scd_v32float());",
            "put_mcd(aie::accum<acc32, 64>(get_scd_v64acc32()).extract<32>(0));",
            "put_mcd(get_scd()); put_mcd(getl_scd(1)); put_mcd(getf_scd());",
            "put_ms(get_ss_v16float()); put_ms(get_ss_v32bfloat16());",
        ]
    path = tmp_path / "tile.cc"
    path.write_text('#include <aie_api/aie.hpp>\nextern "C" void all() {\n' + "\n".join(statements) + "\n}\n")

    compile_tile_code([path], arch, find_cxx())


NEIGHBOURS = """\
module {
  aie.device(npu1) {
    %mem = aie.tile(1, 1)
    %south = aie.tile(1, 2)
    %west = aie.tile(0, 3)
    %own = aie.tile(1, 3)
    %east = aie.tile(2, 3)
    %north = aie.tile(1, 4)
    %a = aie.lock(%mem, 1) {sym_name = "a"}
    %b = aie.lock(%south, 2) {sym_name = "b"}
    %c = aie.lock(%west, 3) {sym_name = "c"}
    %d = aie.lock(%own, 4) {sym_name = "d"}
    %e = aie.lock(%east, 5) {sym_name = "e"}
    %f = aie.lock(%north, 15) {sym_name = "f"}
    aie.core(%own) {
      aie.end
    }
  }
}
"""


def test_a_core_numbers_the_locks_of_the_memories_that_it_reaches() -> None:
    """south from 0, west from 16, north from 32, its own from 48; not those of its east, nor of a mem tile."""
    lowered = lower_design(read_design(NEIGHBOURS, "d.mlir"))
    (core,) = lowered.cores

    assert lock_numbers(lowered, core.core.tile) == {2: "b", 16 + 3: "c", 32 + 15: "f", 48 + 4: "d"}


# Stacks


def test_each_call_that_waits_keeps_a_stack_and_gives_it_back_clean_when_it_is_given_up(library: Library) -> None:
    lowered = lower_design(read_design(design("gives_nothing", "takes_deep", CASCADE), "d.mlir"))
    words = sequence_words(lowered, main_sequence(lowered))
    array = Array(lowered, library, lambda doing: None)
    before = set(map(id, host_stack._free))

    assert array.run(words, {0: np.ones(1024, np.uint8), 1: np.zeros(1024, np.uint8)}).state == TIMEOUT
    assert len(before - set(map(id, host_stack._free))) == 1  # the core that puts nothing has ended its calls

    del array
    gc.collect()

    assert before <= set(map(id, host_stack._free))
    for stack in host_stack._free:
        assert not any(ctypes.string_at(stack.low // GRANULE + SHADOW_OFFSET, stack.nbytes // GRANULE))
        assert not any(ctypes.string_at(stack.written, stack.nbytes))


# What is not there


LOCKS = (
    "the locks that tile code of this core can name are 32 (x_cons_prod_lock_0), 33 (x_cons_cons_lock_0), 48 (free), "
    "49 (full), 50 (y_prod_lock_0), 51 (y_cons_lock_0)"
)
NAME_ONE = "name one of them, with its id counted from where its tile's begin, or declare it with aie.lock"
ONE_PORT = "a core has one stream port each way, and it would wait there for ever"
NOT_THERE = [
    (
        ("fills", "empties_the_west"),
        "acquire_greater_equal(16 + FULL",
        "acquires lock 17, and the design has no such lock there",
        f"that number is lock 1 of its west neighbour; {LOCKS}",
        NAME_ONE,
    ),
    (
        ("fills", "empties_nothing"),
        "release(64 + FREE",
        "releases lock 64, and the design has no such lock there",
        f"the numbers end at 63; {LOCKS}",
        NAME_ONE,
    ),
    (
        ("fills", "releases_backwards"),
        "release(OWN + FREE, -1)",
        "releases lock free by -1",
        "a release gives; what the device does with less than nothing is not known",
        "release as many as were taken: 1, mostly",
    ),
    (
        ("nothing", "receives"),
        "get_ss()",
        "gets from its stream, and no flow leads to it",
        ONE_PORT,
        "write aie.flow(..., %tile, Core : 0)",
    ),
    (
        ("nothing", "sends"),
        "put_ms(x[i] + 1)",
        "puts onto its stream, and no flow leads from it",
        ONE_PORT,
        "write aie.flow(%tile, Core : 0, ...)",
    ),
    (
        ("nothing", "takes"),
        "return get_scd_v16int32()",
        "gets from the cascade, and no cascade leads to it",
        "",
        "write an aie.cascade_flow between the two cores",
    ),
    (
        ("nothing", "gives"),
        "put_mcd(next(x + i))",
        "puts onto the cascade, and no cascade leads from it",
        "",
        "write an aie.cascade_flow between the two cores",
    ),
]


@pytest.mark.parametrize(
    ("shape", "at", "what", "why", "fix"), NOT_THERE, ids=lambda value: value if " " in value else ""
)
def test_what_the_core_has_not_is_told_with_the_line_that_wants_it(
    library: Library, shape: tuple[str, str], at: str, what: str, why: str, fix: str
) -> None:
    fault = run(library, *shape).faults[-1]
    place = f"tile.cc:{line(at)}, the core on core (0, 2), call 1 of {shape[1]}, d.mlir:33:9"

    assert str(fault) == "\n".join(
        filter(
            None, (f"the core on core (0, 2) {what}", f"  where: {place}", why and f"  why:   {why}", f"  fix:   {fix}")
        )
    )


# What is found in a call that waits


def test_memory_that_no_lock_hands_on_is_a_race_though_each_side_waits_for_some_lock(library: Library) -> None:
    (fault,) = run(library, "fills_at_any_time", "empties").faults

    assert (fault.id, fault.what) == (
        "race",
        "shared is read by the core on core (0, 2) and written by the core on core (0, 3), and nothing decides who "
        "comes first",
    )


def test_a_lock_of_another_number_hands_on_nothing(library: Library) -> None:
    found = [fault.id for fault in run(library, "fills", "empties_another").faults]

    assert found == ["unwritten", "race", "deadlock"]


@pytest.mark.parametrize(
    ("upper", "lower", "id_", "at"),
    [
        ("gives", "past_the_end", "out-of-bounds", "y[64] = 1"),
        ("gives_unset", "takes", "unset", "put_mcd(nothing)"),
        ("gives", "takes_past_a_local", "out-of-local", "own[four] = y[0]"),
        ("gives", "takes_large", "stack-overflow", ""),
        ("gives", "takes_deep", "stack-overflow", ""),
    ],
)
def test_a_call_that_waits_is_watched_as_any_other(library: Library, upper: str, lower: str, id_: str, at: str) -> None:
    fault = run(library, upper, lower, CASCADE).faults[0]

    assert fault.id == id_
    assert not at or str(fault.place).startswith(f"tile.cc:{line(at)}, ")
