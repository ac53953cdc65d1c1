"""event0 and event1 of tile code are the begin and the end of a region, which has its cycles and its slices."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from test_designs import count, kept_process, page

from tileproof.diagnostic import NOWHERE, Place
from tileproof.emulator.array.marks import Mark
from tileproof.emulator.array.regions import Regions, RegionUse
from tileproof.emulator.array.timeline import Timeline
from tileproof.emulator.array.trace import trace_json
from tileproof.emulator.cost.machine import CALL_CYCLES
from tileproof.emulator.design.described import described_library
from tileproof.emulator.design.emulate import Emulation, emulate
from tileproof.emulator.library import Library, Manner
from tileproof.report import profile
from tileproof.report.emulation import as_json, as_text
from tileproof.toolchain.cxx import find_cxx
from tileproof.toolchain.tile_library import compile_tile_code

__all__ = ["count"]

CORE = "the core on core (0, 2)"
TILE_CODE = """\
#include <aie_api/aie.hpp>

#define XOR(n) for (int i = 0; i < 16; ++i) y[i] = x[i] ^ n;
namespace { volatile int many = 2000; }  // no compiler knows it

extern "C" {
void unmarked(int32 *x, int32 *y) { XOR(5) XOR(9) }
void whole(int32 *x, int32 *y) {
    event0();
    XOR(5) XOR(9)
    event1();
}
void half(int32 *x, int32 *y) {
    XOR(5)
    event0();
    XOR(9)
    event1();
}
void straight(int32 *x, int32 *y) {
    XOR(5)
    y[0] = x[0] * 3;
    event0();
    y[1] = x[1] * x[2] * x[3] * x[4];
    event1();
    y[2] = x[5];
}
void nothing(int32 *x, int32 *y) { XOR(5) event0(); event1(); }
void begins(int32 *x, int32 *y) { event0(); XOR(5) }
void ends(int32 *x, int32 *y) { XOR(5) event1(); }
void backwards(int32 *x, int32 *y) { event1(); XOR(5) event0(); }
void ends_twice(int32 *x, int32 *y) { event0(); XOR(5) event1(); event1(); }
void begins_twice(int32 *x, int32 *y) { event0(); XOR(5) event0(); XOR(9) event1(); }
void marks_each(int32 *x, int32 *y) {
    for (int i = 0; i < many; ++i) { event0(); y[i & 15] = x[i & 15]; event1(); }
}
void marks_between(int32 *x, int32 *y) {
    XOR(5)
    for (int i = 0; i < many; ++i) { event1(); event0(); }
}
void marks_others(int32 *x, int32 *y) { event2(); XOR(5) event3(); }
}
"""


@cache
def library() -> Library:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "tile.cc"
        source.write_text(TILE_CODE)
        return described_library(compile_tile_code([source], 20, find_cxx()), {"tile.cc": TILE_CODE})


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tileproof.emulator.design.emulate.process", kept_process)


def emulated(function: str, folder: Path, runs: int = 1, manner: Manner | None = None) -> Emulation:
    """One call of a function for each run, of 16 int32 at x to as many at y."""
    text = page("wait").text.replace("@copy", f"@{function}")
    arguments = {0: str(folder / "int32_16.npy"), 1: "zeros"}
    return emulate(text, "wait.mlir", library(), arguments, runs=runs, manner=manner, orders=0)


def timeline(answer: Emulation) -> Timeline:
    found = answer.reports[-1].timeline
    assert found is not None
    return found


def regions(function: str, count: Path) -> tuple[RegionUse, ...]:
    return timeline(emulated(function, count)).regions


# --- what is a region


def test_a_region_takes_what_the_blocks_between_its_marks_take(count: Path) -> None:
    (whole,), (half,) = regions("whole", count), regions("half", count)
    expected = timeline(emulated("whole", count)).code[0].expected

    assert whole.name == "event0 to event1 of whole, tile.cc lines 9 to 11"
    assert half.name == "event0 to event1 of half, tile.cc lines 15 to 17"
    assert 0.9 * expected < whole.median + CALL_CYCLES <= expected
    assert 0.45 < half.median / whole.median < 0.55


def test_straight_code_between_two_marks_counts(count: Path) -> None:
    (found,) = regions("straight", count)

    # Loads, three products one after the other, a store.
    assert found.median in range(7 + 3 * 2, 7 + 3 * 2 + 6)


def test_nothing_between_two_marks_takes_nothing(count: Path) -> None:
    (found,) = regions("nothing", count)

    assert (found.calls, found.most) == (1, 0)


@pytest.mark.parametrize(
    ("function", "times"),
    [
        *(("begins", 0), ("ends", 0), ("backwards", 0), ("marks_others", 0), ("ends_twice", 1), ("begins_twice", 1)),
        *(("marks_each", 2000), ("marks_between", 1999)),
    ],
)
def test_tile_code_may_mark_as_it_likes(function: str, times: int, count: Path) -> None:
    answer = emulated(function, count)

    assert answer.faults == ()
    assert sum(region.calls for region in timeline(answer).regions) == times


def test_a_second_event0_begins_the_region_anew(count: Path) -> None:
    (half,), (anew,) = regions("half", count), regions("begins_twice", count)

    assert anew.median == half.median


def test_marks_cost_nothing_and_change_no_value(count: Path) -> None:
    marked, unmarked = emulated("whole", count), emulated("unmarked", count)
    before = np.arange(16, dtype=np.int32)

    for answer in (marked, unmarked):
        assert answer.arguments[1].after.tolist() == (before ^ 9).tolist()
    took, least = (timeline(answer).code[0].expected for answer in (marked, unmarked))
    assert least <= took <= least + 8  # what a compiler no longer overlaps


# --- where it is told


def test_a_region_is_told_with_its_times_and_cycles(count: Path) -> None:
    answer = emulated("whole", count)
    (one,) = timeline(answer).regions
    told = {"core": CORE, "name": one.name, "calls": 1, "cycles": dict.fromkeys(("min", "median", "max"), one.median)}

    assert json.loads(as_json(answer, "wait", {}))["modelled"][0]["regions"] == [told]
    assert timeline(answer).figures()["regions"] == [told]
    line = f"  region: {CORE}, event0 to event1 of whole, tile.cc lines 9 to 11: once, {one.median} cycles"
    assert line in as_text(answer, "wait", {}).splitlines()


def test_a_profile_has_a_table_of_regions(count: Path) -> None:
    (one,) = timeline(emulated("whole", count)).regions
    profiled = profile.as_text("wait", Timeline(cycles=9, dispatch=9, busy=(), regions=(one,)), {}).splitlines()
    figures = f"      1  {one.least:>5,}  {one.median:>6,}  {one.most:>4,}"

    at = profiled.index("Regions, in cycles")
    assert profiled[at + 1 :] == [
        "  times  least  median  most  region",
        f"{figures}  {CORE}, event0 to event1 of whole, tile.cc lines 9 to 11",
    ]
    assert "Regions, in cycles" not in profile.as_text("wait", Timeline(cycles=9, dispatch=9, busy=()), {})


def test_cycles_that_differ_are_told_as_median_and_range() -> None:
    use = RegionUse(core=CORE, name="event0 to event1 of f", calls=1200, least=90, median=100, most=1300)

    assert str(use) == f"{CORE}, event0 to event1 of f: 1,200 times, 100 cycles (90 to 1,300)"


def test_its_slices_lie_in_the_call_on_a_row_behind_the_core(count: Path) -> None:
    answer = emulated("half", count, runs=3, manner=Manner(trace=True))
    whole = [report.timeline for report in answer.reports if report.timeline is not None]
    events = json.loads(trace_json(whole, "wait"))["traceEvents"]
    rows = [event["args"]["name"] for event in events if event["name"] == "thread_name"]
    calls = [(event["ts"], event["dur"]) for event in events if event["name"] == "half"]
    inside = [event for event in events if event["name"].startswith("event0")]

    assert rows[rows.index(CORE) + 1] == f"{CORE}, regions"
    assert [event["name"] for event in inside] == [f"event0 to event1, call {n} of half" for n in (1, 2, 3)]
    for (begin, cycles), event in zip(calls, inside, strict=True):
        assert begin < event["ts"] < event["ts"] + event["dur"] <= begin + cycles


# --- by stretches of a call


def mark(which: int, at: int) -> Mark:
    return Mark(which, NOWHERE, at)


def test_what_a_core_waits_in_a_region_is_on_the_timeline_and_not_in_its_cycles() -> None:
    core = Regions(CORE)
    core.begin_call()
    core.add([mark(0, 10)], "f", 1, now=100, worked=30)
    core.add([mark(1, 5)], "f", 1, now=500, worked=20)

    (use,), (span,) = core.uses(), core.spans
    assert use.median == 20 + 5
    assert (span.start, span.cycles) == (110, 505 - 110)


def test_a_region_ends_with_its_call() -> None:
    core = Regions(CORE)
    core.begin_call()
    core.add([mark(0, 10)], "f", 1, now=100, worked=30)
    core.begin_call()
    core.add([mark(1, 5)], "f", 2, now=500, worked=20)

    assert (core.uses(), core.spans) == ((), [])


def test_regions_of_one_name_are_one_line_each_with_its_extremes() -> None:
    core, begin, end = Regions(CORE), Place("f.cc", 3), Place("f.cc", 9)
    for call, cycles in enumerate((7, 90, 8, 90, 8, 7), 1):
        core.begin_call()
        core.add([Mark(0, begin, 1), Mark(1, end, 1 + cycles)], "f", call, now=100 * call, worked=95)

    name = "event0 to event1 of f, f.cc lines 3 to 9"
    assert core.uses() == (RegionUse(core=CORE, name=name, calls=6, least=7, median=8, most=90),)
