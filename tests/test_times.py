"""Times of runs are told as percentiles that were each measured."""

from __future__ import annotations

import pytest

from tileproof.device.times import RunTime, percentiles, run_seconds, spreads


@pytest.mark.parametrize(
    ("count", "p50", "p90", "p99"),
    [(1, 1, 1, 1), (2, 1, 2, 2), (3, 2, 3, 3), (10, 5, 9, 10), (11, 6, 10, 11), (100, 50, 90, 99), (101, 51, 91, 100)],
)
def test_a_percentile_is_the_nearest_rank_from_below(count: int, p50: int, p90: int, p99: int) -> None:
    values = [float(number) for number in range(count, 0, -1)]

    assert percentiles(values) == {"p50": p50, "p90": p90, "p99": p99, "max": count}


def test_each_kind_of_run_is_apart_and_a_kind_that_there_was_not_is_left_out() -> None:
    phases = {"sync": 1.0, "launch": 2.0, "wait": 3.0, "read": 4.0}
    runs = [RunTime("first", phases), RunTime("steady", {**phases, "wait": 5.0}), RunTime("steady", phases)]

    found = spreads(runs)

    assert list(found) == ["first", "steady"]
    assert found["steady"]["runs"] == 2
    assert found["steady"]["wait"] == {"p50": 3.0, "p90": 5.0, "p99": 5.0, "max": 5.0}
    assert found["steady"]["total"] == {"p50": 10.0, "p90": 12.0, "p99": 12.0, "max": 12.0}


def test_a_run_lasts_from_its_start_to_its_end_as_the_host_sees_it() -> None:
    assert run_seconds({"sync": 1.0, "launch": 2.0, "wait": 3.0, "read": 4.0}) == 5.0
    assert run_seconds({"build": 1.0}) is None
