"""The cycle model: what tile code issues, by slot, and how long its loops and calls are expected to take."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from test_aie_api import ARCHITECTURES

from tileproof import library
from tileproof.diagnostic import Place
from tileproof.emulator.cost import machine
from tileproof.emulator.cost.code import CodeCost, CodeWork, LoopCost, Meter, cost_of
from tileproof.emulator.cost.flow import flow_of
from tileproof.emulator.cost.listing import read_listing
from tileproof.emulator.cost.machine import INSTRUCTIONS, Slot
from tileproof.emulator.cost.operations import Operation, Program, operations_of
from tileproof.emulator.cost.schedule import length_of
from tileproof.emulator.cost.stored import cost_bytes, cost_read
from tileproof.toolchain.counted import counted
from tileproof.toolchain.cxx import find_cxx
from tileproof.toolchain.tile_library import compile_tile_code

PORT_BYTES = {"npu1": 32, "npu2": 64}
VEC, MV, ST, LD, SCALAR = Slot.VEC, Slot.MV, Slot.ST, Slot.LD, Slot.SCALAR


def listing_of(text: str, folder: Path, target: str = "npu1") -> str:
    source = folder / "tile.cc"
    source.write_text(f'#include <aie_api/aie.hpp>\nextern "C" {{\n{text}\n}}\n')
    return compile_tile_code([source], ARCHITECTURES[target], find_cxx()).listings["tile.cc"]


def cost(text: str, folder: Path, target: str = "npu1") -> CodeCost:
    return cost_of({"tile.cc": listing_of(text, folder, target)}, PORT_BYTES[target])


def the_loop(text: str, folder: Path, target: str = "npu1") -> LoopCost:
    (loop,) = cost(text, folder, target).loops
    return loop


# --- slots

# What is done with registers, and what a core issues for it on npu1 and on npu2, without loads and stores.
ISSUED: dict[str, tuple[str, dict[Slot, int], dict[Slot, int]]] = {
    "nothing": ("", {}, {}),
    "add of 512 bits": ("aie::add(x, y)", {MV: 1}, {MV: 1}),
    "add of 1024 bits": ("aie::add(aie::concat(x, x), aie::concat(x, x))", {MV: 2}, {MV: 2}),
    "maximum": ("aie::max(x, y)", {MV: 1}, {MV: 1}),
    "comparison": ("aie::lt(w, int16(3))", {MV: 1}, {MV: 1}),
    "select": ("aie::select(w, w, aie::mask<32>::from_uint32(1))", {MV: 1}, {MV: 1}),
    "int8 product": ("aie::mul(x, y)", {VEC: 2}, {VEC: 1}),
    "int16 product": ("aie::mul(w, w)", {VEC: 1}, {VEC: 1}),
    "bfloat16 product": ("aie::mul(f, f)", {VEC: 2}, {VEC: 1}),
    "int32 x int16 product": ("aie::mul(i, w.extract<16>(0))", {VEC: 1}, {VEC: 1}),
    "sum of accumulators": ("aie::add(a, a)", {VEC: 1}, {VEC: 1}),
    "srs": ("a.to_vector<int16>(3)", {ST: 1}, {ST: 1}),
    "srs of a wide accumulator": ("aie::accum<acc64, 32>(w).to_vector<int16>(3)", {ST: 2, MV: 2}, {ST: 1, MV: 1}),
    "accfloat to bfloat16": ("aie::mul(f, f).to_vector<bfloat16>()", {VEC: 2, ST: 2}, {VEC: 1, ST: 1}),
    "ups": ("a.from_vector(w)", {MV: 1}, {MV: 1}),
    "zip": ("aie::interleave_zip(x, y, 8)", {MV: 2}, {MV: 2}),
    "transpose": ("aie::transpose(x, 8, 8)", {MV: 1}, {MV: 1}),
    "filter": ("aie::filter_even(x)", {MV: 1}, {MV: 1}),
    "shuffle": ("aie::shuffle_up(x, 3)", {MV: 1}, {MV: 1}),
    "half a register": ("x.extract<32>(1)", {}, {}),
    "less than half a register": ("x.extract<16>(1)", {MV: 1}, {MV: 1}),
    "a lane": ("x.get(3)", {MV: 1}, {MV: 1}),
    "reduction": ("aie::reduce_max(x)", {MV: 13}, {MV: 13}),
    "reduction of 1024 bits": ("aie::reduce_max(aie::concat(w, w))", {MV: 12}, {MV: 12}),
    "broadcast": ("aie::broadcast<int16, 32>(n)", {MV: 1}, {MV: 1}),
    "sliding product": ("aie::sliding_mul<32, 8>(x.extract<32>(0), 0, x, 0)", {VEC: 1}, {VEC: 1}),
    "int8 mmul": ("aie::mmul<4, 8, 8, int8, int8> t; t.mac(x.extract<32>(0), x)", {VEC: 1}, {VEC: 1}),
    "int32 x int16 mmul": (
        "aie::mmul<4, 4, 8, int32, int16> t; t.mac(i, w)",
        {VEC: 4},
        {VEC: 2},
    ),
    "bfloat16 mmul": ("aie::mmul<4, 8, 8, bfloat16, bfloat16> t; t.mac(f, aie::concat(f, f))", {VEC: 2}, {VEC: 4}),
}


def operand_function(name: str, work: str) -> str:
    """Its operands are made by a function that issues nothing."""
    return f"""void {name}(int16_t n) {{
    aie::vector<int8, 64> x(aie::detail::unset), y(aie::detail::unset);
    aie::vector<int16, 32> w(aie::detail::unset);
    aie::vector<bfloat16, 32> f(aie::detail::unset);
    aie::vector<int32, 16> i(aie::detail::unset);
    aie::accum<acc32, 32> a(aie::detail::unset);
    fill(&x, &y, &w, &f, &i, &a);
    (void)n;
    {work};
}}"""


@pytest.fixture(scope="module", params=ARCHITECTURES)
def issued(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[Slot, int]]:
    """Slots of each of ISSUED; the function that fills the operands is declared only, so nothing is linked."""
    target = str(request.param)
    functions = [operand_function(f"f{n}", work) for n, (work, _, _) in enumerate(ISSUED.values())]
    fill = '__attribute__((noinline)) void fill(void *x, ...) { asm volatile("" : : "r"(x)); }\n'
    found = cost(fill + "\n".join(functions), tmp_path_factory.mktemp(target), target)
    by_function: dict[str, dict[Slot, int]] = {what: {} for what in ISSUED}
    names = {f"f{n}": what for n, what in enumerate(ISSUED)}
    for region in (region for region in found.regions if region.function in names):
        slots = by_function[names[region.function]]
        for slot, count in region.slots.items():
            slots[slot] = slots.get(slot, 0) + count
    expected = {what: each[1 + (target == "npu2")] for what, each in ISSUED.items()}
    return {what: (by_function[what], expected[what]) for what in ISSUED}  # type: ignore[misc]


@pytest.mark.parametrize("what", ISSUED)
def test_an_operation_issues_what_the_machine_would(issued: dict[str, tuple[object, object]], what: str) -> None:
    found, expected = issued[what]

    assert found == expected


def test_the_headers_and_the_machine_number_the_instructions_alike() -> None:
    text = (library.include_dir() / "aie_api" / "issue.hpp").read_text()
    enumerators = re.search(r"enum class instruction : unsigned \{(.*?)\};", text, re.DOTALL)
    assert enumerators is not None
    names = re.findall(r"^\s*(\w+),", enumerators[1], re.MULTILINE)

    assert len(names) == len(INSTRUCTIONS)
    spelled = {name: one.name for name, one in zip(names, INSTRUCTIONS, strict=True)}
    alike = {"vmac", "vmul", "vadd", "vcmp", "vsel", "vbcst", "vshuffle", "vpack", "vunpack", "vups", "vsrs", "vconv"}
    assert all(spelled[name] == name for name in alike | {"copy", "vextract", "vinsert"})
    assert [spelled[name] for name in ("vmac_f", "vmul_f", "vacc", "vacc_f", "vconv_up", "vfunction", "table")] == [
        *("vmac.f", "vmul.f", "vadd of accumulators", "vadd.f", "vconv.fp32", "exp2, tanh", "table load")
    ]


# --- latencies: llvm-aie's AIE2Schedule.td


def named(name: str) -> machine.Instruction:
    return next(one for one in (*INSTRUCTIONS, machine.LOAD, machine.STORE) if one.name == name)


@pytest.mark.parametrize(
    ("producer", "consumer", "cycles"),
    [("load", "vmac", 7), ("vmac", "vsrs", 5), ("vsrs", "store", 4), ("vmac.f", "vconv", 6), ("vconv", "store", 2)],
)
def test_a_result_is_there_after_its_latency(producer: str, consumer: str, cycles: int) -> None:
    assert named(consumer).after(named(producer)) == cycles


def test_sums_go_round_faster_than_their_latency() -> None:
    integer, floating, move = named("vmac"), named("vmac.f"), named("vadd")

    assert integer.after(integer, as_accumulator=True) == 2  # 5 - 3 + 1, less one for the bypass
    assert floating.after(floating, as_accumulator=True) == 4  # 6 - 3 + 1: no bypass
    assert move.after(move) == 1


def test_npu2_adds_to_an_accumulator_three_cycles_later() -> None:
    integer, _, floating = machine.instructions_of(PORT_BYTES["npu2"])[1:4]

    assert [one.after(one, as_accumulator=True) for one in (integer, floating)] == [3, 3]  # 6 - 4 + 1


# --- loops

SCALE = """void scale(const int16 *in, int16 *out, int n) {
    for (int i = 0; i < n; i += 32)
        aie::store_v(out + i, aie::mul(aie::load_v<32>(in + i), int16(3)).to_vector<int16>(2));
}"""
MATMUL = """void matmul(const int8 *a, const int8 *b, int32 *c, int n) {
    aie::mmul<4, 8, 4, int8, int8> sum;
    for (int i = 0; i < n; ++i) sum.mac(aie::load_v<32>(a + 32 * i), aie::load_v<32>(b + 32 * i));
    aie::store_v(c, sum.to_vector<int32>());
}"""
FLOAT_SUM = """void sum(const bfloat16 *a, float *c, int n) {
    auto sum = aie::zeros<accfloat, 16>();
    for (int i = 0; i < n; ++i) sum = aie::mac(sum, aie::load_v<16>(a + 16 * i), bfloat16(2.0f));
    aie::store_v(c, sum.to_vector<float>());
}"""


def test_a_loop_is_bound_by_its_fullest_slot(tmp_path: Path) -> None:
    loop = the_loop(SCALE, tmp_path)

    # 64 bytes are two loads of 256 bits and two stores; SRS comes with the store.
    assert dict(loop.region.slots) == {VEC: 1, ST: 2, LD: 2}
    assert (loop.resource, loop.recurrence, loop.interval, loop.binding) == (2, 0, 2, "ST")


SUMS = """void sums(const int8 *a, const int8 *b, int8 *c, int n) {
    for (int i = 0; i < n; i += 32) {
        const aie::accum<acc32, 32> x(aie::load_v<32>(a + i)), y(aie::load_v<32>(b + i));
        aie::store_v(c + i, aie::add(x, y).to_vector<int8>(1));
    }
}"""


HALVES = """void halves(const bfloat16 *in, bfloat16 *out, int n) {
    const auto known = aie::broadcast<bfloat16, 16>(2.0f);
    for (int i = 0; i < n; i += 16) {
        const auto x = aie::load_v<16>(in + i);
        const auto y = aie::mul(x, known).to_vector<bfloat16>();
        aie::store_v(out + i, aie::mac(aie::mul(y, x), x, y).to_vector<bfloat16>());
    }
}"""


def test_the_other_half_of_16_lanes_of_bfloat16_is_cleared_once_for_all_products(tmp_path: Path) -> None:
    loop = the_loop(HALVES, tmp_path)

    # x and y each once; what is known before the loop is ready there.
    assert dict(loop.region.slots) == {VEC: 3, MV: 2, ST: 2, LD: 1}


def test_npu2_multiplies_16_lanes_of_bfloat16_as_they_are(tmp_path: Path) -> None:
    assert MV not in the_loop(HALVES, tmp_path, "npu2").region.slots


ARRAY = """void sums(const int8 *a, const int8 *b, int8 *out, int n, int m) {
    aie::mmul<4, 8, 8, int8, int8> sums[4];
    for (int i = 0; i < n; ++i) {
        const auto w = aie::load_v<64>(b + 64 * i);
        for (int x = 0; x < m; ++x) sums[x].mac(aie::load_v<32>(a + 128 * i + 32 * x), w);
    }
    for (int x = 0; x < m; ++x) aie::store_v(out + 32 * x, sums[x].to_vector<int8>(10));
}"""


def test_a_sum_with_an_index_of_the_run_time_is_loaded_and_stored_by_each_product(tmp_path: Path) -> None:
    found = cost(ARRAY, tmp_path)
    loop = next(one for one in found.loops if VEC in one.region.slots)

    # 1,024 bits by the one unit that loads accumulators, 256 bits of pixels by the other.
    assert dict(loop.region.slots) == {VEC: 1, ST: 4, LD: 5}
    assert loop.resource == 4
    assert loop.recurrence > 12
    assert loop.with_registers == 2  # as if all turns added to one


def test_a_sum_that_the_text_names_has_a_register(tmp_path: Path) -> None:
    loop = the_loop(MATMUL, tmp_path)

    assert ST not in loop.region.slots
    assert loop.with_registers is None


def test_loads_into_accumulators_go_one_at_a_time(tmp_path: Path) -> None:
    loop = the_loop(SUMS, tmp_path)

    assert dict(loop.region.slots) == {VEC: 1, ST: 1, LD: 2}
    assert (loop.interval, loop.binding) == (2, LD)


def test_npu2_loads_and_stores_512_bits_at_once(tmp_path: Path) -> None:
    loop = the_loop(SCALE, tmp_path, "npu2")

    assert dict(loop.region.slots) == {VEC: 1, ST: 1, LD: 1}
    assert loop.interval == 1


def test_a_run_of_a_loop_is_as_long_as_its_chain(tmp_path: Path) -> None:
    loop = the_loop(SCALE, tmp_path)

    # Two loads go at once: 7 until the product, 5 until SRS, 4 until the first of two stores.
    assert loop.length == 7 + 5 + 4 + 2


@pytest.mark.parametrize(("text", "interval"), [(MATMUL, 2), (FLOAT_SUM, 4)])
def test_a_sum_is_bound_by_its_own_chain(text: str, interval: int, tmp_path: Path) -> None:
    loop = the_loop(text, tmp_path)

    assert loop.resource < interval
    assert (loop.recurrence, loop.interval, loop.binding) == (interval, interval, "recurrence")


def test_independent_sums_are_not(tmp_path: Path) -> None:
    four = MATMUL.replace("sum;", "sum, two, three, four;").replace(
        "sum.mac(aie::load_v<32>(a + 32 * i), aie::load_v<32>(b + 32 * i));",
        "{ const auto x = aie::load_v<32>(a + 32 * i); const auto y = aie::load_v<32>(b + 32 * i);"
        " sum.mac(x, y); two.mac(x, y); three.mac(x, y); four.mac(x, y); }",
    )
    loop = the_loop(four, tmp_path)

    assert (loop.resource, loop.recurrence, loop.binding) == (4, 2, "VEC")


def test_blocks_of_bfp16_are_there_when_their_load_is(tmp_path: Path) -> None:
    text = """void sum(const bfp16ebs8 *a, const bfp16ebs8 *b, float *c, int n) {
        aie::block_vector_input_buffer_stream<bfp16ebs8, 64> as(a), bs(b);
        aie::mmul<8, 8, 8, bfp16ebs8, bfp16ebs8> sum;
        for (int i = 0; i < n; ++i) sum.mac(as.pop(), aie::op_transpose(bs.pop()));
        aie::store_v(c, sum.to_vector<float>());
    }"""
    loop = the_loop(text, tmp_path, "npu2")

    assert loop.length == 9  # two loads of 72 bytes take two cycles, and the product is issued seven after the last


def test_registers_with_a_place_in_the_frame_are_not_loaded_and_stored(tmp_path: Path) -> None:
    text = """void sums(const int8 *a, int32 *c) {
        aie::accum<acc32, 32> sums[2] = {aie::zeros<acc32, 32>(), aie::zeros<acc32, 32>()};
        for (auto &sum : sums) sum = aie::mac(sum, aie::load_v<32>(a), aie::load_v<32>(a + 32));
        for (int i = 0; i < 2; ++i) aie::store_v(c + 32 * i, sums[i].to_vector<int32>());
    }"""
    slots = [region.slots for region in cost(text, tmp_path).regions]

    assert sum(each.get(ST, 0) for each in slots) == 8
    assert sum(each.get(LD, 0) for each in slots) in (2, 4)


def test_a_maximum_of_16_bytes_is_loaded_at_once(tmp_path: Path) -> None:
    text = """int largest(const int32 *from, int n) {
        auto most = aie::load_v<4>(from);
        for (int i = 4; i < n; i += 4) most = aie::max(most, aie::load_v<4>(from + i));
        return aie::reduce_max(most);
    }"""
    loop = the_loop(text, tmp_path)

    assert dict(loop.region.slots) == {MV: 1, LD: 1}
    assert loop.recurrence == 1


def test_a_scalar_loop_waits_for_its_loads(tmp_path: Path) -> None:
    text = "void scale(const int32 *in, int32 *out, int n) { for (int i = 0; i < n; ++i) out[i] = in[i] * 3 ^ 5; }"
    found = cost(text, tmp_path)
    (turn,) = [region for region in found.regions if LD in region.slots]

    assert found.loops == ()
    assert (turn.slots[LD], turn.slots[ST]) == (1, 1)
    assert turn.cycles >= 7 + 2 + 1 + machine.SCALAR_TURN_CYCLES


def test_a_loop_of_few_turns_is_written_out(tmp_path: Path) -> None:
    text = """void copy(const int8 *in, int8 *out, int n) {
        for (int i = 0; i < n; ++i)
            for (int part = 0; part < 4; ++part)
                aie::store_v(out + 128 * i + 32 * part, aie::neg(aie::load_v<32>(in + 128 * i + 32 * part)));
    }"""
    loop = the_loop(text, tmp_path)

    assert dict(loop.region.slots) == {MV: 4, LD: 4, ST: 4}


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 8])
def test_the_turns_of_a_loop_are_read_off_its_text(turns: int, tmp_path: Path) -> None:
    text = f"""void copy(const int8 *in, int8 *out) {{
        for (int i = 0; i < {turns}; ++i) aie::store_v(out + 32 * i, aie::neg(aie::load_v<32>(in + 32 * i)));
    }}"""
    functions, _, _ = read_listing(listing_of(text, tmp_path), "tile.cc", 0)
    (function,) = [function for function in functions if function.name == "copy"]

    assert flow_of(function).loops == ()
    assert cost(text, tmp_path).regions[0].slots[ST] == turns


def test_the_turns_of_an_inner_loop_are_read_where_the_outer_one_carries_its_begin_and_end(tmp_path: Path) -> None:
    text = """void product(const int8 *a, const int8 *b, int16 *c) {
        using tile = aie::mmul<4, 16, 8, int8, int8>;
        for (unsigned row = 0; row < 16; ++row)
            for (unsigned column = 0; column < 8; ++column) {
                tile sums[1];
                for (unsigned k = 0; k < 4; ++k) {
                    aie::vector<int8, 64> as[1] = {aie::load_v<64>(a + (row * 4 + k) * 64)};
                    for (const auto &x : as) sums[0].mac(x, aie::load_v<128>(b + (k * 8 + column) * 128));
                }
                aie::store_v(c + (row * 8 + column) * 32, sums[0].to_vector<int16>());
            }
    }"""
    loop = the_loop(text, tmp_path)

    assert loop.region.slots[VEC] == 8  # of all four turns, in one of the loop over the columns


def test_a_loop_that_is_left_from_its_middle_is_pipelined(tmp_path: Path) -> None:
    # What the first turn does otherwise is a constant that comes round: g++ leaves the loop before it sets it.
    text = """void sums(const int8 *a, int8 *c, int n) {
        aie::mmul<4, 8, 8, int8, int8> sum;
        for (int i = 0;; ++i) {
            sum.mac(aie::load_v<32>(a + 32 * i), aie::load_v<64>(a + 64 * i));
            if (i == n) break;
            asm volatile("movl $1, %eax");
        }
        aie::store_v(c, sum.to_vector<int8>());
    }"""

    assert the_loop(text, tmp_path).region.slots[VEC] == 1


def test_a_loop_of_many_turns_stays_one(tmp_path: Path) -> None:
    text = """void copy(const int8 *in, int8 *out) {
        for (int i = 0; i < 40; ++i) aie::store_v(out + 32 * i, aie::neg(aie::load_v<32>(in + 32 * i)));
    }"""

    assert the_loop(text, tmp_path).region.slots[ST] == 1


# --- calls


def test_a_call_that_is_not_inlined_costs_twenty_cycles(tmp_path: Path) -> None:
    text = """__attribute__((noinline)) static void one(int8 *at) { aie::store_v(at, aie::zeros<int8, 32>()); }
    void two(int8 *at) { one(at); one(at + 32); }"""
    found = cost(text, tmp_path)
    (caller,) = [region for region in found.regions if region.function == "two"]

    assert caller.cycles - 2 * machine.CALL_CYCLES in range(7)


def test_a_division_calls_the_library(tmp_path: Path) -> None:
    found = cost("int quotient(int a, int b) { return a / b; }", tmp_path)

    assert sum(region.cycles for region in found.regions) >= machine.DIVIDE.cycles


# --- what was counted


def test_cycles_follow_from_the_counts_of_blocks(tmp_path: Path) -> None:
    found = cost(SCALE, tmp_path)
    (loop,) = found.loops
    counts = [0] * found.counters
    counts[loop.region.counter] = 32
    for entry in loop.entries:
        counts[entry] = 1

    cycles = Meter(found).cycles(np.array(counts))
    assert cycles.slots == {VEC: 32, ST: 64, LD: 64}
    others = sum(region.cycles * counts[region.counter] for region in found.regions)
    assert cycles.expected == others + loop.once + 31 * 2


@pytest.mark.parametrize(
    ("text", "macs", "nbytes", "target"),
    [
        (SCALE, 32, 128, "npu1"),
        (SCALE, 32, 128, "npu2"),
        (MATMUL, 4 * 8 * 4, 64, "npu1"),
        (MATMUL.replace("<4, 8, 4", "<8, 8, 8").replace("32", "64").replace("int64", "int32"), 512, 128, "npu2"),
        (FLOAT_SUM, 16, 32, "npu1"),
    ],
)
def test_products_and_bytes_are_those_of_the_text(
    text: str, macs: int, nbytes: int, target: str, tmp_path: Path
) -> None:
    found = cost(text, tmp_path, target)
    (loop,) = found.loops
    counts = np.zeros(found.counters, np.int64)
    counts[loop.region.counter] = 10

    assert Meter(found).work(counts) == CodeWork(macs=10 * macs, nbytes=10 * nbytes)


def test_a_part_of_a_word_is_moved_once(tmp_path: Path) -> None:
    """The word around it is read first, which takes a load and moves nothing that anybody asked for."""
    found = cost("void put(int8 *a) { *a = 3; }", tmp_path)

    assert [region.nbytes for region in found.regions if region.nbytes] == [1]
    assert any(region.slots.get(LD) for region in found.regions)


def test_costs_survive_being_stored(tmp_path: Path) -> None:
    found = cost(SCALE + MATMUL, tmp_path)

    assert cost_read(cost_bytes(found)) == found
    assert cost_read(b"") == CodeCost()


# --- what compilers write, where they differ

CLANG = """\
\t.file\t1 "/headers" "aie_api/element.hpp"
\t.file\t2 "/tile" "tile.cc"
\t.type\tf,@function
f:
\t.loc\t2 3 0
\tpushq\t%rbp
\tmovq\t%rsp, %rbp
\tandq\t$-32, %rsp
\tsubq\t$64, %rsp
\tcallq\t__sanitizer_cov_trace_pc@PLT
\tmovq\t%rsp, %rdi
\tcallq\t__asan_store16_noabort@PLT
.LBB0_1:                                # =>This Inner Loop Header: Depth=1
\t.loc\t2 4 0
\tcallq\t__sanitizer_cov_trace_pc@PLT
\tmovq\t%rbx, %rdi
\tcallq\t__asan_load16_noabort@PLT
\taddq\t$16, %rbx
\tcmpq\t%r12, %rbx
\tjne\t.LBB0_1
\tcallq\t__sanitizer_cov_trace_pc@PLT
\tretq
\t.size\tf, .-f
\t.addrsig_sym __sanitizer_cov_trace_pc
"""


def test_a_listing_of_clang_has_its_loops_and_no_accesses_of_registers() -> None:
    found = cost_of({"tile.cc": CLANG}, 32)
    (loop,) = found.loops

    assert (dict(loop.region.slots), loop.region.place.line) == ({LD: 1}, 4)
    assert found.counters == 3
    assert not any(region.slots for region in found.regions)


def test_each_mark_becomes_a_counter_and_a_jump_there_an_end() -> None:
    listing = CLANG.replace("\tretq\n", "\tjmp\t__sanitizer_cov_trace_pc@PLT\n")
    lines = counted(listing, "macros\n").splitlines()

    assert lines[0] == "macros"
    assert lines.count("tileproof_count") == 3
    assert lines.count("tileproof_count_last") == 1
    assert lines[-1] == "\t.addrsig_sym __sanitizer_cov_trace_pc"


# --- checks

# A load of the tile code whose address is no multiple of 32; of `8(%rsp)` the check knows that it is the core's state.
ASKS_THE_STATE = """
	.file 1 "tile.cc"
	.file 2 "aie_api/memory.hpp"
	.type	f, @function
f:
	.loc 1 3 1
	call	__sanitizer_cov_trace_pc@PLT
	.loc 2 9 1
	testb	$31, %dil
	jne	.L2
.L1:
	.loc 1 4 1
	ret
.L2:
	.loc 2 9 1
	movq	8(%rsp), %rax
	movl	8(%rax), %eax
	testl	%eax, %eax
	je	.L3
	jmp	.L1
.L3:
	.loc 2 9 1
	call	tileproof_misaligned@PLT
	jmp	.L1
	.cfi_endproc
	.size	f, .-f
"""


def test_a_check_that_finds_the_state_of_the_core_by_a_register_is_no_branch_of_the_tile_code() -> None:
    (function,), _, _ = read_listing(ASKS_THE_STATE, "tile.cc", 0)

    (region,) = flow_of(function).regions
    assert [line.mnemonic for line in region.lines] == ["testb", "jne", "ret"]


TWICE = """\
\t.file\t1 "tile.cc"
\t.type\tf,@function
f:
\t.loc\t1 3 0
\tcall\t__sanitizer_cov_trace_pc@PLT
\tmovq\t%rbx, %rdi
\tcall\t__asan_store16_noabort@PLT
\tmovups\t%xmm1, (%rbx)
\tmovq\t%r12, %rdi
\tcall\t__asan_load16_noabort@PLT
\tmovdqu\t(%r12), %xmm0
\tmovq\t%rbx, %rdi
\tcall\t__asan_store16_noabort@PLT
\tmovups\t%xmm0, (%rbx)
\tret
\t.size\tf, .-f
"""


def test_a_store_waits_for_what_it_stores_and_not_for_what_a_later_one_does() -> None:
    functions, aliases, _ = read_listing(TWICE, "tile.cc", 0)
    (region,) = flow_of(functions[0]).regions
    found = operations_of(region, Program(functions, aliases, 32)).all

    assert [(one.instruction.name, [wait.cycles for wait in one.waits]) for one in found] == [
        ("store", []),
        ("load", []),
        ("store", [7]),
    ]


def test_what_has_no_room_in_a_cycle_is_issued_in_the_next_that_has() -> None:
    loads = [Operation(machine.LOAD, 1, Place("tile.cc", 1)) for _ in range(4001)]

    assert length_of(loads) == 2001
