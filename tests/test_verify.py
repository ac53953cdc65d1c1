"""What must be refused is refused, for both kernels, with their own tolerances; and only what is right passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tileproof.diagnostic import Diagnostic, Place
from tileproof.errors import EXIT_KERNEL_WRONG, EXIT_NOT_HERE, EXIT_REQUEST_WRONG, Problem
from tileproof.kernel.golden import draw_inputs, golden_steps, integer_outputs, kernel_constants
from tileproof.kernel.spec import Tolerance, load_spec
from tileproof.verify.compare import Comparison, compare
from tileproof.verify.likeness import left_over, shifted, stale
from tileproof.verify.verdict import DEVICE, FAIL, KERNEL, NOT_RUN, PASS, UNKNOWN, Verdict, exit_code, judge, outcome_of
from tileproof.xrt import COMPLETED, NO_STATE

KERNELS = Path(__file__).parents[1] / "kernels"
ONE = Tolerance(absolute=1.0, because="a test")
STATE = "ERT_CMD_STATE_COMPLETED"

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """A right output of a shipped kernel. `tile` is how much of it the core makes at a time: rows, or bands."""

    name: str
    actual: Array
    golden: Array
    tolerance: Tolerance
    correlation: float
    tile: int


def right_output(kernel: str, case_name: str, tile: int) -> Right:
    spec = load_spec(KERNELS / kernel)
    case = next(case for case in spec.cases if case.name == case_name)
    inputs = draw_inputs(spec, case.draw, case.seed)
    exact = integer_outputs(spec, inputs, kernel_constants(spec))
    assert exact is not None
    assert case.correlation is not None
    ((name, steps),) = golden_steps(spec, inputs).items()
    actual = exact[name].astype(np.int8)
    return Right(
        name=name,
        actual=actual,
        golden=steps,
        tolerance=spec.tolerances[name],
        correlation=case.correlation,
        tile=tile,
    )


RIGHT = {
    "attention": right_output("attention", "realistic normal", tile=8),
    "mel": right_output("mel", "speech", tile=8),
}


@pytest.fixture(params=RIGHT)
def right(request: pytest.FixtureRequest) -> Right:
    return RIGHT[request.param]


def verdict(comparison: Comparison) -> str:
    return judge([comparison], COMPLETED, STATE, [])[0]


def test_what_all_wrong_elements_share_names_the_mode_that_was_not_set() -> None:
    exact = np.array([127, 127, -128, 5, 6, 7], np.int8)

    def reason(actual: list[int]) -> str:
        loose = Tolerance(absolute=255.0, because="only the integers count here")
        return compare("y", np.array(actual, np.int8), exact, exact.astype(np.float64), loose).reason

    assert reason([14, -3, 9, 5, 6, 7]).endswith(
        "; all of them where it says -128 or 127, as without aie::set_saturation"
    )
    assert reason([127, 127, -128, 4, 5, 7]).endswith(
        "; all of them by one step, as with another mode of aie::set_rounding"
    )
    assert reason([14, -3, 9, 4, 6, 7]).endswith("14 instead of 127")
    assert reason([127, 127, -128, 4, 6, 7]).endswith("4 instead of 5")


def test_a_stretch_of_the_fill_is_named_and_a_few_bytes_are_data() -> None:
    fills = {0xC3: "somebody filled it"}
    wrong = np.array([7, *[-61] * 9, 7, 7, *[-61] * 8], np.int8)

    assert left_over(wrong, fills) == "bytes 1 to 9 are 0xC3, as somebody filled it: it seems that nothing wrote them"
    assert left_over(wrong[3:], fills).startswith("bytes 9 to 16 are 0xC3")
    assert left_over(wrong[3:12], fills) == ""
    assert left_over(np.arange(9, dtype=np.int8), fills) == ""
    longest = np.array([*[-61] * 12, *[0x55] * 9], np.int8)
    assert left_over(longest, {**fills, 0x55: "another did"}).startswith("bytes 0 to 11 are 0xC3, as somebody")


def test_a_shifted_answer_is_told_by_how_much_and_in_which_direction() -> None:
    expected = np.arange(100, 148, dtype=np.int16).reshape(6, 8)
    late, early, one = (np.roll(expected, by) for by in (8, -16, 1))

    assert shifted(late, expected) == "it is what was expected, 8 elements late"
    assert shifted(early, expected) == "it is what was expected, 16 elements early"
    assert shifted(one, expected) == "it is what was expected, 1 element late"


def test_what_is_wrong_elsewhere_is_not_called_shifted() -> None:
    expected = np.random.default_rng(5).integers(-128, 128, (64, 64)).astype(np.int8)
    spoilt, far = expected.copy(), np.vstack([np.zeros_like(expected[:40]), expected[:24]])
    spoilt[3, 3] += 1

    assert shifted(spoilt, expected) == ""
    assert shifted(np.zeros_like(expected), np.zeros_like(expected)) == ""
    assert shifted(far, expected) == ""  # too little is left to compare: that may be chance
    assert shifted(np.roll(expected, 20 * 64), expected) == "it is what was expected, 1,280 elements late"


def test_a_shift_is_looked_for_up_to_64_elements_and_by_whole_rows_beyond() -> None:
    expected = np.random.default_rng(6).integers(-128, 128, 400).astype(np.int8)

    assert shifted(np.roll(expected, 64), expected) == "it is what was expected, 64 elements late"
    assert shifted(np.roll(expected, 65), expected) == ""
    rows = expected.reshape(10, 40)
    assert shifted(np.roll(rows, 80), rows) == "it is what was expected, 80 elements late"


@pytest.mark.parametrize(
    ("shape", "by", "words"),
    [
        ((16,), 8, "8 elements late"),  # half of the elements is the furthest, and eight are no chance
        ((17,), 9, ""),
        ((14,), 7, ""),
        ((4, 50), 100, "100 elements late"),
        ((4, 50), 99, ""),
        ((10, 20), 101, ""),
        ((2, 200), 200, "200 elements late"),
        ((400,), 80, ""),
        ((5, 42), 84, "84 elements late"),
        ((5, 42), 85, ""),
        ((3, 5, 14), 84, "84 elements late"),
    ],
)
def test_a_shift_is_looked_for_up_to_half_of_the_elements(shape: tuple[int, ...], by: int, words: str) -> None:
    expected = np.arange(np.prod(shape)).reshape(shape)
    late = np.concatenate([np.full(by, -1), expected.ravel()[:-by]]).reshape(shape)

    assert shifted(late, expected) == (f"it is what was expected, {words}" if words else "")


def test_the_answer_to_the_run_before_is_told_whole_or_in_part() -> None:
    rng = np.random.default_rng(6)
    before, expected = rng.integers(0, 1000, 64), rng.integers(2000, 3000, 64)
    half = np.concatenate([expected[:24], before[24:]])

    assert stale(before, expected, before) == "it is the answer to the run before"
    assert stale(half, expected, before) == "elements 24 to 63 are the answer to the run before"
    assert stale(expected + 1, expected, before) == ""
    assert stale(np.concatenate([expected[:57], before[57:]]), expected, before) == ""  # seven may be chance
    assert stale(np.concatenate([expected[:56], before[56:]]), expected, before).startswith("elements 56 to 63 are")
    assert stale(before[:3], expected[:3], before[:3]) == "it is the answer to the run before"


def test_the_right_output_verifies(right: Right) -> None:
    comparison = compare(right.name, right.actual, right.actual, right.golden, right.tolerance, right.correlation)

    assert comparison.passed
    assert comparison.reason == ""
    assert comparison.compared == right.actual.size
    assert comparison.mismatched == 0
    assert comparison.max_abs_error == np.abs(right.actual - right.golden).max()
    assert verdict(comparison) == PASS


# Each takes a right output and the size of a tile, and returns a wrong one.


def five_percent(x: Array, tile: int) -> Array:
    return np.rint(x * 1.05).clip(-128, 127).astype(x.dtype)


def two_rows_swapped(x: Array, tile: int) -> Array:
    x[[0, 1]] = x[[1, 0]]
    return x


def last_tile_missing(x: Array, tile: int) -> Array:
    x[-tile:] = 0
    return x


def last_tile_untouched(x: Array, tile: int) -> Array:
    x[-tile:] = np.frombuffer(b"\xa5", np.int8)[0]
    return x


def last_tile_is_the_one_before(x: Array, tile: int) -> Array:
    x[-tile:] = x[-2 * tile : -tile]
    return x


def one_element_late(x: Array, tile: int) -> Array:
    return np.roll(x.ravel(), 1).reshape(x.shape)


def one_element_early(x: Array, tile: int) -> Array:
    return np.roll(x.ravel(), -1).reshape(x.shape)


def one_tile_late(x: Array, tile: int) -> Array:
    return np.roll(x, tile, axis=0)


def one_nan(x: Array, tile: int) -> Array:
    """In a type that can hold it."""
    wrong = x.astype(np.float32)
    wrong.ravel()[x.size // 2] = np.nan
    return wrong


def one_infinity(x: Array, tile: int) -> Array:
    wrong = x.astype(np.float32)
    wrong.ravel()[-1] = -np.inf
    return wrong


def constant(x: Array, tile: int) -> Array:
    """The best constant there is."""
    return np.full_like(x, round(float(x.mean())))


def all_zero(x: Array, tile: int) -> Array:
    return np.zeros_like(x)


def poison_a5(x: Array, tile: int) -> Array:
    return np.frombuffer(b"\xa5" * x.nbytes, x.dtype).reshape(x.shape)


def poison_5a(x: Array, tile: int) -> Array:
    return np.frombuffer(b"\x5a" * x.nbytes, x.dtype).reshape(x.shape)


def sign_lost(x: Array, tile: int) -> Array:
    return np.abs(x.astype(np.int16)).clip(0, 127).astype(x.dtype)


def one_bit_of_one_element(x: Array, tile: int) -> Array:
    x.ravel()[x.size // 3] ^= 4
    return x


SPOILS = [
    *(five_percent, two_rows_swapped, last_tile_missing, last_tile_untouched, last_tile_is_the_one_before),
    *(one_element_late, one_element_early, one_tile_late, one_nan, one_infinity),
    *(constant, all_zero, poison_a5, poison_5a, sign_lost, one_bit_of_one_element),
]
Spoil = Callable[[Array, int], Array]


def name_of(spoil: Spoil) -> str:
    return spoil.__name__


@pytest.mark.parametrize("spoil", SPOILS, ids=name_of)
def test_a_spoilt_output_does_not_verify(right: Right, spoil: Spoil) -> None:
    wrong = spoil(right.actual.copy(), right.tile)
    comparison = compare(right.name, wrong, right.actual, right.golden, right.tolerance, right.correlation)

    assert not comparison.passed
    assert comparison.mismatched == np.count_nonzero(~(wrong == right.actual)) > 0
    assert verdict(comparison) == FAIL


@pytest.mark.parametrize("spoil", SPOILS, ids=name_of)
def test_the_tolerance_alone_refuses_a_spoilt_output(right: Right, spoil: Spoil) -> None:
    """Without an integer specification and without a demanded correlation."""
    comparison = compare(right.name, spoil(right.actual.copy(), right.tile), None, right.golden, right.tolerance, None)

    assert not comparison.passed
    assert comparison.max_abs_error > right.tolerance.absolute
    assert verdict(comparison) == FAIL


def test_one_step_of_one_element_is_within_tolerance_but_not_bit_exact(right: Right) -> None:
    wrong = right.actual.copy()
    error = right.actual - right.golden
    at = int(np.argmin(np.abs(error)))
    wrong.ravel()[at] += 1

    assert compare(right.name, wrong, None, right.golden, right.tolerance).passed
    assert not compare(right.name, wrong, right.actual, right.golden, right.tolerance).passed


def test_a_specification_that_is_wrong_in_the_same_way_as_the_kernel_does_not_verify(right: Right) -> None:
    """Bit for bit equal to integer.py, and 5 % from the textbook."""
    wrong = five_percent(right.actual.copy(), right.tile)
    comparison = compare(right.name, wrong, wrong, right.golden, right.tolerance)

    assert comparison.mismatched == 0
    assert not comparison.passed


def test_a_golden_that_is_nan_does_not_verify_anything(right: Right) -> None:
    golden = right.golden.copy()
    golden.ravel()[3] = np.nan

    assert not compare(right.name, right.actual, right.actual, golden, right.tolerance).passed


# Reasons


def test_the_reason_names_the_first_that_differs_and_the_worst_element() -> None:
    exact = np.array([[1, 2], [3, 4]], np.int8)
    actual = np.array([[1, 3], [3, 14]], np.int8)
    comparison = compare("out", actual, exact, exact + 0.25, ONE)

    assert comparison.worst_index == (1, 1)
    assert comparison.max_abs_error == 9.75
    assert comparison.reason == (
        "2 of 4 elements differ from integer.py, the first at element [0, 1]: 3 instead of 2; "
        "element [1, 1] is 14 where golden says 4.25: 9.75 steps apart, 1 allowed"
    )


def test_a_nan_is_the_worst_element_there_can_be() -> None:
    actual = np.array([0.0, np.nan, 100.0], np.float32)
    comparison = compare("out", actual, None, np.zeros(3), ONE)

    assert comparison.worst_index == (1,)
    assert comparison.max_abs_error == np.inf
    assert comparison.reason == "element [1] is nan where golden says 0.00: inf steps apart, 1 allowed"


def test_a_nan_that_integer_py_wants_too_does_not_verify() -> None:
    actual = np.array([1.0, np.nan], np.float32)

    assert not compare("out", actual, actual, np.array([1.0, np.nan]), ONE).passed


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_an_infinity_does_not_verify_even_where_golden_says_so_too(infinity: float) -> None:
    """Infinitely far is not near, and no warning of numpy's reaches the person."""
    actual = np.array([1.0, infinity], np.float32)
    comparison = compare("out", actual, actual, actual.astype(np.float64), ONE, 0.5, 0.5)

    assert not comparison.passed
    assert comparison.worst_index == (1,)


@pytest.mark.parametrize("shape", [(0,), (0, 4), (4, 0)])
@pytest.mark.parametrize("db_per_step", [None, 0.5])
def test_nothing_compared_is_never_a_pass(shape: tuple[int, ...], db_per_step: float | None) -> None:
    empty = np.zeros(shape, np.int8)
    comparison = compare("out", empty, empty, np.zeros(shape), ONE, None, db_per_step)

    assert not comparison.passed
    assert comparison.compared == 0
    assert comparison.reason == "nothing was compared"
    assert verdict(comparison) == FAIL


@pytest.mark.parametrize("shape", [(4, 2), (8,), (2, 4, 1), (1, 2, 4), (2, 3), ()])
def test_an_output_of_another_shape_does_not_verify(shape: tuple[int, ...]) -> None:
    """Not even one that numpy would broadcast."""
    comparison = compare("out", np.zeros(shape, np.int8), None, np.zeros((2, 4)), ONE)

    assert not comparison.passed
    assert comparison.compared == 0
    assert comparison.reason == f"its shape is {shape}, golden's (2, 4)"
    assert verdict(comparison) == FAIL


def test_a_specification_of_another_shape_is_named_as_the_one_that_differs() -> None:
    comparison = compare("out", np.zeros((2, 4), np.int8), np.zeros(8, np.int8), np.zeros((2, 4)), ONE)

    assert not comparison.passed
    assert "(8,)" in comparison.reason
    assert "integer.py" in comparison.reason


# Correlation


def test_a_correlation_below_the_demanded_one_does_not_verify() -> None:
    actual = np.array([0, 1, 0, 1], np.int8)
    golden = np.array([0.0, 0.5, 0.6, 0.9])
    comparison = compare("out", actual, actual, golden, ONE, 0.99)

    assert not comparison.passed
    assert comparison.reason == f"correlation with golden is {comparison.correlation:.5f}, 0.99 is demanded"
    assert comparison.correlation == pytest.approx(np.corrcoef(actual, golden)[0, 1])


@pytest.mark.parametrize("value", [0.0, 2.0, 0.1, 1 / 3, -17.7])
@pytest.mark.parametrize("size", [7, 80, 1000, 4096])
def test_a_demanded_correlation_with_a_constant_golden_is_never_met(value: float, size: int) -> None:
    """There is none, whatever a mean that is rounded makes of it."""
    golden = np.full(size, value)
    actual = np.rint(golden).astype(np.int8)
    actual[::2] += 1
    comparison = compare("out", actual, actual, golden, replace(ONE, absolute=5.0), 0.0)

    assert comparison.correlation is None
    assert comparison.reason == "correlation with golden is none, 0.0 is demanded"
    assert verdict(comparison) == FAIL


def test_a_constant_output_has_no_correlation() -> None:
    comparison = compare("out", np.ones(4, np.int8), None, np.array([0.5, 1.0, 1.5, 1.2]), ONE, 0.1)

    assert comparison.correlation is None
    assert not comparison.passed


def test_a_constant_golden_verifies_where_no_correlation_is_demanded() -> None:
    zeros = np.zeros((2, 4), np.int8)
    comparison = compare("out", zeros, zeros, np.zeros((2, 4)), ONE)

    assert comparison.passed
    assert (comparison.correlation, comparison.cosine, comparison.snr_db) == (None, None, None)


# Figures


def test_the_figures_are_what_their_names_say() -> None:
    actual, golden = np.array([3, 0, 4], np.int8), np.array([3.0, 1.0, 4.0])
    comparison = compare("out", actual, None, golden, ONE, None, 0.5)

    assert comparison.cosine == pytest.approx(25 / (5 * 26**0.5))
    assert comparison.snr_db == pytest.approx(10 * np.log10(26 / 1))
    assert comparison.db_error == pytest.approx({"mean": 0.5 / 3, "p95": 0.45, "max": 0.5})
    assert comparison.max_abs_allowed == 1.0


def test_figures_of_unsigned_and_narrow_types_do_not_wrap() -> None:
    actual = np.array([255, 0], np.uint8)
    comparison = compare("out", actual, np.array([0, 255], np.uint8), np.array([0.0, 255.0]), ONE)

    assert comparison.max_abs_error == 255.0
    assert comparison.mismatched == 2


# The rule itself


@given(data=st.data(), absolute=st.floats(0, 4), with_exact=st.booleans())
def test_it_passes_exactly_when_all_is_equal_and_within(data: st.DataObject, absolute: float, with_exact: bool) -> None:
    shape = data.draw(npst.array_shapes(max_dims=2, max_side=4))
    small = st.integers(-3, 3)
    actual = data.draw(npst.arrays(np.int8, shape, elements=small))
    exact = data.draw(st.just(actual) | npst.arrays(np.int64, shape, elements=small)) if with_exact else None
    offset = st.sampled_from([0.0, 0.5, -1.0, absolute, -absolute, 4.5, np.nan])
    golden = actual + data.draw(npst.arrays(np.float64, shape, elements=offset))
    comparison = compare("out", actual, exact, golden, Tolerance(absolute=absolute, because="drawn"))

    equal = exact is None or actual.tolist() == exact.tolist()
    within = all(abs(a - g) <= absolute for a, g in zip(actual.ravel().tolist(), golden.ravel().tolist(), strict=True))

    assert comparison.passed == (equal and within)
    assert comparison.passed == (comparison.reason == "")
    assert (verdict(comparison) == PASS) == comparison.passed


# Judging a run, and all of them


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], 3),
        ([PASS, PASS], 0),
        ([PASS, FAIL, NOT_RUN], 1),
        ([PASS, NOT_RUN], 3),
        ([PASS, DEVICE], 3),
        ([DEVICE, KERNEL], 1),
        ([UNKNOWN], 1),
    ],
)
def test_the_exit_code_says_whether_the_kernel_is_wrong_or_something_was_not_here(
    outcomes: list[str], code: int
) -> None:
    """Whose a failure is stands for a failure that is theirs."""
    plain = Verdict(
        kernel="k", variant="k", target="npu1", toolchain="host", device="npu", case="c", seed=1, outcome=FAIL
    )
    verdicts = [
        replace(plain, outcome=one) if one in (PASS, FAIL, NOT_RUN) else replace(plain, blame=one) for one in outcomes
    ]

    assert exit_code(verdicts) == code


def test_a_problem_is_a_failure_only_where_the_kernel_is_wrong() -> None:
    codes = {EXIT_KERNEL_WRONG: FAIL, EXIT_NOT_HERE: NOT_RUN, EXIT_REQUEST_WRONG: NOT_RUN}

    assert {code: outcome_of(Problem("x", id="stale", exit_code=code)) for code in codes} == codes


def good_comparison() -> Comparison:
    zeros = np.zeros(4, np.int8)
    return compare("out", zeros, zeros, np.zeros(4), ONE)


def test_a_completed_run_whose_every_output_is_right_passes() -> None:
    assert judge([good_comparison()], COMPLETED, STATE, []) == (PASS, "")


def test_a_run_that_came_to_no_end_is_never_a_pass() -> None:
    assert judge([good_comparison()], NO_STATE, "none", []) == (FAIL, "the run came to no end")


@pytest.mark.parametrize("state", [state for state in range(16) if state != 4] + [-2])
def test_a_state_other_than_completed_is_never_a_pass(state: int) -> None:
    outcome, reason = judge([good_comparison()], state, "ERT_CMD_STATE_TIMEOUT", [])

    assert (outcome, reason) == (FAIL, "the run ended in ERT_CMD_STATE_TIMEOUT")


def test_a_fault_is_never_a_pass() -> None:
    fault = Diagnostic(id="out-of-bounds", what="f reads outside its buffers", place=Place("tile.cc", 7))

    assert judge([good_comparison()], COMPLETED, STATE, [fault]) == (FAIL, "f reads outside its buffers")


def test_a_fault_without_words_is_never_a_pass() -> None:
    assert judge([good_comparison()], COMPLETED, STATE, [Diagnostic(id="stale", what="")])[0] == FAIL


def test_a_run_without_outputs_is_never_a_pass() -> None:
    assert judge([], COMPLETED, STATE, []) == (FAIL, "nothing was compared")


def test_a_comparison_of_nothing_that_gives_no_reason_is_never_a_pass() -> None:
    nothing = replace(good_comparison(), compared=0)

    assert not nothing.passed
    assert judge([good_comparison(), nothing], COMPLETED, STATE, [])[0] == FAIL


def test_one_wrong_output_of_two_fails_with_its_name() -> None:
    bad = compare("weights", np.ones(4, np.int8), np.zeros(4, np.int8), np.zeros(4), ONE)

    assert judge([good_comparison(), bad], COMPLETED, STATE, []) == (
        FAIL,
        "weights: 4 of 4 elements differ from integer.py, the first at element [0]: 1 instead of 0; "
        "all of them by one step, as with another mode of aie::set_rounding",
    )


def test_fault_state_and_difference_are_told_together_cause_first() -> None:
    bad = compare("out", np.ones(4, np.int8), np.zeros(4, np.int8), np.zeros(4), ONE)
    outcome, reason = judge([bad], 5, "ERT_CMD_STATE_ERROR", [Diagnostic(id="deadlock", what="a deadlock", why="...")])

    assert (outcome, reason) == (FAIL, "a deadlock; the run ended in ERT_CMD_STATE_ERROR")
