"""Other legal orders of a run that ended well: how many are tried, and what is told of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small_kernel import write_kernel

from tileproof.build.prepare import render_kernel
from tileproof.build.request import BuildRequest
from tileproof.device.request import RunRequest
from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array import orders
from tileproof.emulator.array.orders import Found, Orders, only_there, other_orders
from tileproof.report.verdicts import as_text
from tileproof.verify.prove import prove_kernel
from tileproof.verify.request import CaseRequest, VerifyRequest
from tileproof.verify.verdict import Verdict

STALE = Diagnostic(id="stale", what="old data", place=Place("d.mlir", 3, 1), why="nobody wrote it", fix="write it")


def played(
    found: dict[int, Found | None],
) -> tuple[list[int], Callable[[int, float], Found | None]]:
    seeds: list[int] = []

    def play(seed: int, left_s: float) -> Found | None:
        seeds.append(seed)
        assert 0 < left_s <= orders.BUDGET_S
        return found.get(seed, Found())

    return seeds, play


def test_as_many_orders_as_asked_for_are_tried_and_named() -> None:
    seeds, play = played({})

    assert str(other_orders(3, 0.0, play)) == (
        "3 of 3 other legal orders tried (seeds 1, 2, 3), each with the same end"
    )
    assert seeds == [1, 2, 3]


def test_the_first_order_that_is_not_right_is_the_last_that_is_tried() -> None:
    seeds, play = played({2: Found(faults=(STALE,))})
    tried = other_orders(4, 0.0, play)

    assert seeds == [1, 2]
    assert tried.faults == (STALE,)
    assert str(tried) == "2 of 4 other legal orders tried (seeds 1, 2), and the last is not right"


def test_another_value_is_told_with_its_seed_and_is_no_fault() -> None:
    _, play = played({1: Found(differs="argument 2")})
    tried = other_orders(4, 0.0, play)

    assert tried.faults == ()
    assert str(tried) == (
        "1 of 4 other legal orders tried (seed 1); in the last, argument 2 has another value "
        "(--schedule adversarial --seed 1): is it meant to depend on the order?"
    )


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


# Of a kernel, as verify tries them


_UPPER = """\
    %left = aie.lock(%tile, 14) {init = 1 : i32, sym_name = "left"}
    %right = aie.lock(%tile, 15) {init = 1 : i32, sym_name = "right"}
    %other = aie.core(%upper) {
      aie.use_lock(%FIRST, AcquireGreaterEqual, 1)
      aie.use_lock(%SECOND, AcquireGreaterEqual, 1)
      aie.use_lock(%left, Release, 1)
      aie.use_lock(%right, Release, 1)
      aie.end
    }
"""
_CALL = "        func.call @double_tile(%x_object, %y_object) : (memref<64xi32>, memref<64xi32>) -> ()\n"
_TAKEN = "".join(f"        aie.use_lock(%{lock}, AcquireGreaterEqual, 1)\n" for lock in ("left", "right"))
_GIVEN = "".join(f"        aie.use_lock(%{lock}, Release, 1)\n" for lock in ("left", "right"))


def kernel_with_two_locks(folder: Path, first: str, second: str) -> Path:
    """The small kernel, whose core takes two locks for each object; another core takes both, too, once."""
    kernels = write_kernel(folder)
    text = render_kernel("double", BuildRequest(kernels=kernels)).texts["design.mlir"]
    tile = "    %tile = aie.tile(0, 2)\n"
    text = text.replace(tile, tile + "    %upper = aie.tile(0, 3)\n").replace(_CALL, _TAKEN + _CALL + _GIVEN)
    upper = _UPPER.replace("FIRST", first).replace("SECOND", second)
    text = text.replace("\n    %core = ", "\n" + upper + "\n    %core = ")
    (kernels / "double" / "design.mlir.j2").write_text(text)
    return kernels


def verdict_on(kernels: Path, folder: Path, **run: object) -> list[Verdict]:
    request = VerifyRequest(
        build=BuildRequest(kernels=kernels, build_dir=folder / "build"),
        run=RunRequest(device="emulator", **run),  # type: ignore[arg-type]
        cases=CaseRequest(names=("ramp",)),
    )
    return list(prove_kernel("double", request, lambda _: None))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is."""
    monkeypatch.setattr(orders, "BUDGET_S", 60.0)


def test_a_deadlock_that_the_first_order_hides_fails_the_kernel(tmp_path: Path, patient: None) -> None:
    (verdict,) = verdict_on(kernel_with_two_locks(tmp_path, "right", "left"), tmp_path)

    assert (verdict.outcome, verdict.reason) == (
        "fail",
        "deadlock: the run cannot finish, everyone waits for someone else, in another legal order",
    )
    assert verdict.orders.endswith(", and the last is not right")


def test_a_kernel_that_is_right_in_every_order_passes_and_says_how_many(tmp_path: Path, patient: None) -> None:
    kernels = kernel_with_two_locks(tmp_path, "left", "right")
    (verdict,) = verdict_on(kernels, tmp_path)

    assert verdict.passed
    assert verdict.orders == "4 of 4 other legal orders tried (seeds 1, 2, 3, 4), each with the same end"
    assert verdict.orders in as_text([verdict])


@pytest.mark.parametrize("run", [{"orders": 0}, {"as_hardware": True}])
def test_no_other_order_is_tried_where_nobody_asks_for_it(tmp_path: Path, run: dict[str, object]) -> None:
    (verdict,) = verdict_on(kernel_with_two_locks(tmp_path, "right", "left"), tmp_path, **run)

    assert verdict.passed
    assert verdict.orders == ""
