"""The timeline as a trace: rows, runs, what transfers are called, and that what reads traces takes it."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_designs import MUTANTS, count, kept_process, page, run

from tileproof.emulator.array.engine import Span
from tileproof.emulator.array.timeline import Timeline
from tileproof.emulator.array.trace import trace_json
from tileproof.emulator.design.emulate import Emulation
from tileproof.emulator.library import Manner

__all__ = ["count"]
# Several runs, several contexts, resets, cores that go on, streams, broadcasts, tasks and cascades.
DESIGNS = (
    *("double", "handed_on_again", "state", "sum_again", "never_still", "set_up_anew", "started_again", "core_reset"),
    *("broadcast_slowest", "broadcast_stall", "packets_meet", "five_tasks", "tile_tasks", "stream_words", "cascade"),
)
STUCK = [(name, number) for name, number in MUTANTS if page(name).mutant(number).finds[0:1] == ("deadlock",)]


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tileproof.emulator.design.emulate.process", kept_process)


def traced(answer: Emulation) -> list[dict[str, Any]]:
    timelines = [report.timeline for report in answer.reports if report.timeline is not None]
    found: list[dict[str, Any]] = json.loads(trace_json(timelines, "a design"))["traceEvents"]
    return found


def slices(events: list[dict[str, Any]]) -> dict[str, list[tuple[int, int, str]]]:
    """By row: begin, end and name, as they stand in the file."""
    rows = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    found = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            found[rows[event["tid"]]].append((event["ts"], event["ts"] + event["dur"], event["name"]))
    return dict(found)


def overlaps(events: list[dict[str, Any]]) -> Iterator[str]:
    for row, mine in slices(events).items():
        for (_, end, name), (begin, _, following) in itertools.pairwise(mine):
            if begin < end:
                yield f"{row}: {name} ends at {end}, {following} begins at {begin}"


# --- rows


@pytest.mark.parametrize("name", DESIGNS)
def test_slices_of_a_row_follow_one_another(name: str, count: Path) -> None:
    events = traced(run(page(name), count, Manner(trace=True)))

    assert list(overlaps(events)) == []
    assert all(event["dur"] > 0 for event in events if event["ph"] == "X")


@pytest.mark.parametrize(("name", "number"), STUCK)
def test_slices_of_a_row_follow_one_another_where_everyone_waits(name: str, number: int, count: Path) -> None:
    events = traced(run(page(name).mutant(number), count, Manner(trace=True)))

    assert list(overlaps(events)) == []
    assert any(name.startswith("waits") and ": " in name for mine in slices(events).values() for _, _, name in mine)


# --- runs


def test_each_run_is_a_slice_with_its_number(count: Path) -> None:
    """Those of a new context too, which begins at cycle 0 again."""
    answer = run(page("set_up_anew"), count, Manner(trace=True))
    first, second = (report.timeline for report in answer.reports)
    assert first is not None
    assert second is not None

    length = first.dispatch + first.cycles
    assert (first.begin, second.begin) == (0, 0)
    assert slices(traced(answer))["runs"] == [
        (0, length, "run 1"),
        (length, length + second.dispatch + second.cycles, "run 2"),
    ]


def test_a_run_with_a_name_says_it() -> None:
    runs = [
        Timeline(begin=0, dispatch=5, cycles=10, busy=(), name="uniform"),
        Timeline(begin=15, dispatch=5, cycles=1, busy=(), name="zeros"),
    ]
    events = json.loads(trace_json(runs, "a design"))["traceEvents"]

    assert slices(events)["runs"] == [(0, 15, "run 1: uniform"), (15, 21, "run 2: zeros")]


def test_a_run_begins_with_its_dispatch(count: Path) -> None:
    rows = slices(traced(run(page("double"), count, Manner(trace=True))))

    assert rows["the instruction stream"][0] == (0, 25_000, "dispatch")


# --- names


def test_transfers_are_named_by_argument_and_bytes(count: Path) -> None:
    rows = slices(traced(run(page("wait"), count, Manner(trace=True))))
    names = {row: [name for _, _, name in mine] for row, mine in rows.items()}

    assert "argument 0, bytes 0 to 63" in names["MM2S channel 0 of shim (0, 0) (@in)"]
    assert "argument 1, bytes 0 to 63" in names["S2MM channel 0 of shim (0, 0) (@out)"]
    assert names["the instruction stream"] == [
        "dispatch",
        "writes BD 0 of shim (0, 0) (insts word 4)",
        "points BD 0 of shim (0, 0) to argument 1, byte 0 (insts word 16)",
        "routes tokens of S2MM channel 0 of shim (0, 0) (insts word 28)",
        "starts BD 0 on S2MM channel 0 of shim (0, 0) (insts word 35)",
        "writes BD 1 of shim (0, 0) (insts word 41)",
        "points BD 1 of shim (0, 0) to argument 0, byte 0 (insts word 53)",
        "starts BD 1 on MM2S channel 0 of shim (0, 0) (insts word 65)",
        "asks for a token of S2MM channel 0 of shim (0, 0) (insts word 71)",
        "waits for a token of S2MM channel 0 of shim (0, 0) (@out)",
    ]


def test_a_transfer_that_leaves_bytes_out_says_how_many_it_moves(count: Path) -> None:
    rows = slices(traced(run(page("strided"), count, Manner(trace=True))))
    names = [name for mine in rows.values() for _, _, name in mine if name.startswith("argument")]

    assert any(name.endswith("of them)") for name in names)


def test_arguments_have_their_names_where_they_are_known() -> None:
    span = Span("MM2S channel 0", "argument 1, bytes 0 to 63", 5, 16)
    text = trace_json([Timeline(dispatch=5, cycles=16, busy=(), spans=(span,))], "a design", {1: "qkv"})

    assert slices(json.loads(text)["traceEvents"])["MM2S channel 0"] == [(5, 21, "argument 1 (qkv), bytes 0 to 63")]


@pytest.mark.parametrize("name", DESIGNS)
def test_a_wait_that_ends_is_not_worded_like_a_fault(name: str, count: Path) -> None:
    answer = run(page(name), count, Manner(trace=True))
    waits = [span.label for report in answer.reports for span in report.timeline.spans if span.waits]  # type: ignore[union-attr]

    assert [label for label in waits if "nobody" in label or "wants" in label or "takes none" in label] == []


# --- what reads it


def test_the_file_keeps_the_rules_of_its_format(count: Path) -> None:
    """Chrome's: complete events have a begin and a length, metadata has no time, and rows are named. Process 0 and
    thread 0 are a kernel's idle task for Perfetto."""
    events = traced(run(page("sum_again"), count, Manner(trace=True)))
    rows = {event["tid"] for event in events if event["name"] == "thread_name"}

    assert {event["ph"] for event in events} == {"M", "X"}
    assert all(set(event) == {"name", "ph", "pid", "tid", "args"} for event in events if event["ph"] == "M")
    whole = [event for event in events if event["ph"] == "X"]
    assert all(set(event) == {"name", "cat", "ph", "pid", "tid", "ts", "dur"} for event in whole)
    assert all(isinstance(event["ts"], int) and event["ts"] >= 0 for event in whole)
    assert {event["tid"] for event in whole} == rows
    assert 0 not in rows | {event["pid"] for event in events}


def test_perfetto_reads_it_without_a_complaint(count: Path, tmp_path: Path) -> None:
    """The package fetches its trace processor when it is first used, which needs a network."""
    processor = pytest.importorskip("perfetto.trace_processor", reason="not run: there is no package perfetto")
    events = traced(run(page("sum_again"), count, Manner(trace=True)))
    file = tmp_path / "trace.json"
    file.write_text(json.dumps({"traceEvents": events}))
    try:
        perfetto = processor.TraceProcessor(trace=str(file))
    except Exception as error:  # its own kinds of not being there, of urllib, and of the system
        pytest.skip(f"not run: Perfetto's trace processor does not start here: {error}")
    with perfetto:
        wrong = perfetto.query("select name, value from stats where severity in ('error', 'data_loss') and value > 0")
        assert [(row.name, row.value) for row in wrong] == []
        (read,) = perfetto.query("select count(*) as count from slice")
        assert read.count == sum(event["ph"] == "X" for event in events)
