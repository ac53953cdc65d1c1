"""tileproof profile: where cycles go, why a run is as long as it is, and what would help."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tileproof.cli import main
from tileproof.emulator.array.critical_path import Leg, critical_path, shares
from tileproof.emulator.array.engine import Span
from tileproof.emulator.array.timeline import Busy, Timeline, launch_advice
from tileproof.emulator.cost.advice import advice_of
from tileproof.emulator.cost.profile import CodeUse, LineUse, LoopUse, Work
from tileproof.emulator.design.emulate import emulate
from tileproof.report.profile import as_json, as_text

DESIGNS = Path(__file__).parent / "designs"

# --- the critical path


def work(task: str, label: str, start: int, cycles: int) -> Span:
    return Span(task, label, start, cycles)


def wait(task: str, start: int, cycles: int, by: str) -> Span:
    return Span(task, "", start, cycles, waits=True, by=by)


# The host pushes a task, a DMA moves an object, a core works on it, and the host has waited for that.
RUN = (
    work("host", "push", 0, 10),
    wait("dma", 0, 10, by="host"),
    work("dma", "in", 10, 5),
    wait("core", 0, 15, by="dma"),
    work("core", "f", 15, 20),
    wait("host", 10, 25, by="core"),
    work("host", "end", 35, 1),
)


def test_a_path_goes_from_a_wait_to_who_has_ended_it() -> None:
    path = critical_path(RUN, 0, 36, "host")

    assert path == (
        Leg(task="host", label="push", start=0, cycles=10),
        Leg(task="dma", label="in", start=10, cycles=5),
        Leg(task="core", label="f", start=15, cycles=20),
        Leg(task="host", label="end", start=35, cycles=1),
    )


def test_what_nobody_has_noted_is_idle_and_the_path_has_no_gap() -> None:
    path = critical_path((work("host", "push", 2, 3), work("host", "end", 9, 1)), 0, 10, "host")

    assert [(leg.label, leg.start, leg.cycles) for leg in path] == [
        ("idle", 0, 2),
        ("push", 2, 3),
        ("idle", 5, 4),
        ("end", 9, 1),
    ]


def test_two_that_wait_for_each_other_end_the_path_nowhere_else() -> None:
    path = critical_path((wait("a", 0, 10, by="b"), wait("b", 0, 10, by="a")), 0, 10, "a")

    assert sum(leg.cycles for leg in path) == 10


@pytest.mark.parametrize("seed", range(20))
def test_the_legs_of_any_timeline_add_up_to_the_run(seed: int) -> None:
    rng = np.random.default_rng(seed)
    spans = []
    for task in "abc":
        now = 0
        while now < 100:
            cycles = int(rng.integers(1, 20))
            by = str(rng.choice(list("abc")))
            spans.append(wait(task, now, cycles, by) if rng.random() < 0.5 else work(task, f"{now}", now, cycles))
            now += cycles + int(rng.integers(0, 2))
    path = critical_path(spans, 0, 90, "a")

    assert sum(leg.cycles for leg in path) == 90
    assert [leg.start for leg in path] == list(np.cumsum([0, *(leg.cycles for leg in path)])[:-1])
    assert sum(cycles for _, _, cycles in shares(path)) == 90


def test_a_run_is_told_by_stage_and_by_who_was_idle() -> None:
    idle = Leg(task="the core on core (0, 2)", label="waits", start=500, cycles=7, is_idle=True)
    run = replace(TIMELINE, cycles=507, path=(*TIMELINE.path, idle))

    assert run.stages == {"core": 441, "BD programming": 59, "idle: the core on core (0, 2)": 7}


# --- advice

LOOP = LoopUse(
    function="f",
    file="tile.cc",
    line=7,
    turns=100,
    entries=1,
    interval=4,
    resource=2,
    recurrence=4,
    length=20,
    binding="recurrence",
    cycles=421,
    slots={"VEC": 2},
)
CORE = CodeUse(
    core="the core on core (0, 2)",
    calls=1,
    slot_bound=200,
    expected=441,
    conflicts=0,
    slots={"VEC": 200, "LD": 100},
    lines=(LineUse(file="tile.cc", line=7, cycles=421, slots={"VEC": 200, "LD": 100}),),
    loops=(LOOP,),
)


def test_a_chain_from_turn_to_turn_is_worth_a_second_sum() -> None:
    (advice,) = advice_of(CORE)

    assert advice.what == "sum up (or compare) in two or more parts, and join them behind the loop"
    assert advice.where == "tile.cc:7"
    assert advice.why == "each turn waits 4 cycles for the one before it, and its slots need 2"
    assert advice.gain == 99 * (4 - 2)


def test_a_loop_that_is_entered_again_and_again_is_worth_an_exchange() -> None:
    loop = replace(LOOP, recurrence=0, interval=2, turns=40, entries=10, cycles=40 * 2 + 10 * 15)
    (advice,) = advice_of(replace(CORE, loops=(loop,)))

    assert advice.what.startswith("enter the loop less often")
    assert advice.why == "it is entered 10 times for 4.0 turns, and fills and drains each time"
    assert advice.gain == 135


def test_sums_in_memory_are_worth_registers_and_no_second_sum() -> None:
    (advice,) = advice_of(replace(CORE, loops=(replace(LOOP, with_registers=1),)))

    assert advice.what == "let the compiler know which sum a turn adds to: write the loop out, or unroll it whole"
    assert advice.why == (
        "its sums are an array with an index of the run time, so each is loaded, and stored again, in every turn"
    )
    assert advice.gain == 99 * (4 - 1)


def test_what_saves_next_to_nothing_is_not_said() -> None:
    assert advice_of(replace(CORE, loops=(), conflicts=4)) == []
    assert [one.gain for one in advice_of(replace(CORE, loops=(), conflicts=40))] == [40]


TIMELINE = Timeline(
    cycles=500,
    dispatch=25_000,
    busy=(
        Busy(
            kind="compute",
            name="the core on core (0, 2)",
            cycles=441,
            stage="core",
            work=Work(macs=25_600, nbytes=6_400, peak_macs=256, peak_bytes=96),
        ),
        Busy(kind="dispatch", name="the instruction stream", cycles=59, stage="BD programming"),
    ),
    path=(
        Leg(task="the instruction stream", label="Push", start=0, cycles=59),
        Leg(task="the core on core (0, 2)", label="f", start=59, cycles=441),
    ),
    code=(CORE,),
)


def test_a_launch_of_one_object_is_worth_more_objects() -> None:
    (advice,) = launch_advice(TIMELINE)

    assert advice.gain == 25_059 - 25_059 // 8


def test_a_profile_reads_so() -> None:
    text = as_text("kernel, case", TIMELINE, {"tile.cc": ["//"] * 6 + ["  for (;;) sum.mac(a, b);"]})

    assert (
        text
        == """\
kernel, case: modelled: 500 cycles after 25,000 of dispatch; compute-bound: 441 of 500 cycles on the core on core (0, 2)
  modelled: expected cycles, from schedules that a compiler may beat or miss

Resources; rates while they work
  resource                 busy  of the run  MACs a cycle  bytes a cycle  of peak
  the core on core (0, 2)   441      88.2 %   58.0 of 256     14.5 of 96   22.7 %
  the instruction stream     59      11.8 %

Critical path: what the run could not end without
   share  cycles  critical path
  88.2 %     441  the core on core (0, 2): f
  11.8 %      59  the instruction stream: Push
  by stage: core 88.2 %, BD programming 11.8 %

What would help, by the model
  -21,927 cycles (86.0 %)  the runtime sequence: move more objects in one launch, such as 8
      dispatch takes 25,000 cycles, and what is waited for of its instructions 59, however much is moved

the core on core (0, 2): 1 call of tile functions
  slot bound 200 (VEC), expected 441, from Peano's listing: not run (nobody asked)
  cycles by slot: VEC 200, LD 50

Lines that take most
  line       cycles   share  slots
  tile.cc:7     421  95.5 %  VEC 200 LD 100  for (;;) sum.mac(a, b);

Loops whose turns overlap
  loop       cycles  turns  entries  a turn  slots need  chain needs  bound by
  tile.cc:7     421    100        1       4           2            4  recurrence

What would help, by the model
  -198 cycles (44.9 %)  tile.cc:7: sum up (or compare) in two or more parts, and join them behind the loop
      each turn waits 4 cycles for the one before it, and its slots need 2"""
    )


def test_a_profile_for_programs_has_the_figures_of_a_verdict() -> None:
    found = json.loads(as_json("kernel, case", TIMELINE))

    assert found["cycles"] == {
        "run": 500,
        "dispatch": 25_000,
        "slot_bound": 200,
        "expected": 441,
        "listing": None,
        "binding": "compute: the core on core (0, 2)",
        "resources": {
            "the core on core (0, 2)": {
                "busy": 441,
                "macs_per_cycle": 58.05,
                "bytes_per_cycle": 14.51,
                "share_of_peak": 0.2268,
            },
            "the instruction stream": {
                "busy": 59,
                "macs_per_cycle": 0,
                "bytes_per_cycle": 0,
                "share_of_peak": 0,
            },
        },
        "critical_path": [
            {"task": "the core on core (0, 2)", "label": "f", "cycles": 441, "share": 0.882},
            {"task": "the instruction stream", "label": "Push", "cycles": 59, "share": 0.118},
        ],
        "stages": {"core": 441, "BD programming": 59},
        "regions": [],
    }
    assert [one["gain"] for one in found["cores"][0]["advice"]] == [198]
    assert found["cores"][0]["loops"][0]["binding"] == "recurrence"


# --- the command


def test_a_design_is_profiled(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["profile", str(DESIGNS / "sum.mlir"), "--tile-code", str(DESIGNS / "tile.cc")]
    assert main([*arguments, "--arg", "0=random", "--arg", "1=zeros", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    cycles = found["cycles"]
    assert sum(leg["cycles"] for leg in cycles["critical_path"]) == cycles["run"]
    assert sum(cycles["stages"].values()) == cycles["run"]
    assert {"BD programming", "input DMA", "core"} <= set(cycles["stages"])
    assert 0 < cycles["slot_bound"] <= cycles["expected"] <= cycles["run"]
    moved = {name: one["busy"] * one["bytes_per_cycle"] for name, one in cycles["resources"].items()}
    assert moved["MM2S channel 0 of shim (0, 0) (@in)"] == pytest.approx(192 * 4, rel=0.01)
    (core,) = found["cores"]
    assert sum(line["cycles"] for line in core["lines"]) <= core["expected"]


def test_a_design_with_a_fault_is_not_profiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    design, code = DESIGNS / "sum.mlir", tmp_path / "tile.cc"
    code.write_text((DESIGNS / "tile.cc").read_text().replace("std::memset(x, 0, 64);", "x[99] = 0;"))
    arguments = ["profile", str(design), "--tile-code", str(code)]
    assert main([*arguments, "--arg", "0=random", "--arg", "1=zeros"]) == 1

    said = capsys.readouterr().err
    assert f"error: {design} is not profiled: it does not run to its end without a fault" in said
    assert f"  fix:   `tileproof emulate {design} ...` says what is wrong" in said


@pytest.mark.parametrize("name", ["packets_meet", "headers_kept", "control_packets_of_a_sequence", "set_to_zero_again"])
def test_nobody_moves_more_than_its_stream_carries(name: str) -> None:
    """Where several send to one receiver, where headers come along, and where a device was set up anew."""
    text = (DESIGNS / f"{name}.mlir").read_text()
    given = {int(number): values for number, values in re.findall(r"^//   (\d+): (\S+)$", text, re.M)}
    emulation = emulate(text, "d.mlir", arguments=given, orders=0)
    timeline = emulation.reports[0].timeline

    assert timeline is not None
    assert [one for one in timeline.busy if one.of_peak > 1] == []
    assert any(one.of_peak for one in timeline.busy)
