"""Other legal orders of a run that ended well: how many are tried, and what is told of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.design import orders
from tileproof.emulator.design.orders import Orders, only_there, other_orders

STALE = Diagnostic(id="stale", what="old data", place=Place("d.mlir", 3, 1), why="nobody wrote it", fix="write it")


def played(
    found: dict[int, list[Diagnostic] | None],
) -> tuple[list[int], Callable[[int, float], list[Diagnostic] | None]]:
    seeds: list[int] = []

    def play(seed: int, left_s: float) -> list[Diagnostic] | None:
        seeds.append(seed)
        assert 0 < left_s <= orders.BUDGET_S
        return found.get(seed, [])

    return seeds, play


def test_as_many_orders_as_asked_for_are_tried_and_named() -> None:
    seeds, play = played({})

    assert str(other_orders(3, 0.0, play)) == (
        "3 of 3 other legal orders tried (seeds 1, 2, 3), each with the same end"
    )
    assert seeds == [1, 2, 3]


def test_the_first_order_that_is_not_right_is_the_last_that_is_tried() -> None:
    seeds, play = played({2: [STALE]})
    tried = other_orders(4, 0.0, play)

    assert seeds == [1, 2]
    assert tried.faults == (STALE,)
    assert str(tried) == "2 of 4 other legal orders tried (seeds 1, 2), and the last is not right"


def test_an_order_for_which_there_is_no_time_is_not_begun_and_that_is_said() -> None:
    seeds, play = played({})

    assert other_orders(4, orders.BUDGET_S + 1, play) == Orders(asked=4, is_late=True)
    assert seeds == []


def test_an_order_that_takes_longer_than_there_is_time_is_none_that_was_tried() -> None:
    _, play = played({2: None})

    assert str(other_orders(4, 0.0, play)) == (
        "1 of 4 other legal orders tried (seed 1); the rest would have taken more than 0.5 s"
    )


@pytest.mark.parametrize(("known", "count"), [([], 1), ([STALE], 0)])
def test_what_the_known_order_found_as_well_is_told_once(known: list[Diagnostic], count: int) -> None:
    assert len(only_there([STALE, STALE], known, 1)) == count


def test_a_finding_of_another_order_says_which_and_how_to_have_it_again() -> None:
    assert str(only_there([STALE], [], 7)[0]) == (
        "old data, in another legal order\n"
        "  where: d.mlir:3:1\n"
        "  why:   with --schedule adversarial --seed 7; the cycle model's order ends well\n"
        "         nobody wrote it\n"
        "  fix:   write it"
    )
