"""One output against what was expected of it, element by element: bit for bit, and in distance from golden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tileproof.kernel.spec import Tolerance
from tileproof.verify.likeness import in_common


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One output against its integer specification and against golden. Errors are in steps of the output's type.

    `mismatched` counts the elements that are not bit-exact; None where a kernel has no integer specification.
    Correlation, cosine and SNR are None where they have no meaning (a constant golden, an error of zero).
    """

    name: str
    compared: int
    mismatched: int | None
    max_abs_error: float
    max_abs_allowed: float
    correlation: float | None
    cosine: float | None
    snr_db: float | None
    worst_index: tuple[int, ...]
    db_error: Mapping[str, float] | None = None  # mean, p95 and max, for an output in log10 of a power
    reason: str = ""

    @property
    def passed(self) -> bool:
        return self.compared > 0 and not self.reason


def compare(
    name: str,
    actual: npt.NDArray[Any],
    exact: npt.NDArray[Any] | None,
    golden: npt.NDArray[np.float64],
    tolerance: Tolerance,
    correlation: float | None = None,
    db_per_step: float | None = None,
) -> Comparison:
    """Every element of `actual` against `exact` (bit for bit) and `golden` (within `tolerance`), all in steps.

    `correlation` is the least one demanded. `db_per_step` is what a step means where the output is a log power.
    """
    if actual.shape != golden.shape or (exact is not None and exact.shape != actual.shape):
        return _incomparable(name, actual, exact, golden, tolerance)
    values = actual.astype(np.float64)
    with np.errstate(invalid="ignore"):  # inf - inf
        error = np.abs(values - golden)
    # NaN compares as not within and not equal; for the worst element it counts as infinitely far.
    within = error <= tolerance.absolute
    mismatched = None if exact is None else int(np.size(actual) - np.count_nonzero(actual == exact))
    ranked = np.where(np.isfinite(error), error, np.inf)
    worst = tuple(int(i) for i in np.unravel_index(int(np.argmax(ranked)), ranked.shape)) if error.size else ()
    comparison = Comparison(
        name=name,
        compared=int(error.size),
        mismatched=mismatched,
        max_abs_error=float(ranked.max()) if error.size else 0.0,
        max_abs_allowed=tolerance.absolute,
        correlation=_correlation(values, golden),
        cosine=_cosine(values, golden),
        snr_db=_snr_db(values, golden),
        worst_index=worst,
        db_error=_db_error(ranked, db_per_step) if db_per_step else None,
    )
    return _with_reason(comparison, actual, exact, golden, bool(within.all()), correlation)


def _with_reason(
    comparison: Comparison,
    actual: npt.NDArray[Any],
    exact: npt.NDArray[Any] | None,
    golden: npt.NDArray[np.float64],
    within: bool,
    demanded: float | None,
) -> Comparison:
    reasons = []
    if not comparison.compared > 0:
        reasons.append("nothing was compared")
    if comparison.mismatched and exact is not None:
        first = tuple(int(i) for i in np.argwhere(~(actual == exact))[0])
        reasons.append(
            f"{comparison.mismatched:,} of {comparison.compared:,} elements differ from integer.py, the first at "
            f"{_index(first)}: {actual[first]} instead of {exact[first]}"
        )
        reasons += filter(None, [in_common(actual, exact)])
    if not within:
        worst = comparison.worst_index
        reasons.append(
            f"{_index(worst)} is {actual[worst]} where golden says {golden[worst]:.2f}: "
            f"{comparison.max_abs_error:.2f} steps apart, {comparison.max_abs_allowed:g} allowed"
        )
    if demanded is not None and not (comparison.correlation is not None and comparison.correlation >= demanded):
        shown = "none" if comparison.correlation is None else f"{comparison.correlation:.5f}"
        reasons.append(f"correlation with golden is {shown}, {demanded} is demanded")
    return replace(comparison, reason="; ".join(reasons))


def _incomparable(
    name: str,
    actual: npt.NDArray[Any],
    exact: npt.NDArray[Any] | None,
    golden: npt.NDArray[np.float64],
    tolerance: Tolerance,
) -> Comparison:
    return Comparison(
        name=name,
        compared=0,
        mismatched=int(actual.size),
        max_abs_error=float("inf"),
        max_abs_allowed=tolerance.absolute,
        correlation=None,
        cosine=None,
        snr_db=None,
        worst_index=(),
        reason=f"its shape is {actual.shape}, golden's {golden.shape}"
        + ("" if exact is None or exact.shape == actual.shape else f", integer.py's {exact.shape}"),
    )


def _correlation(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float | None:
    """Pearson's; None where one of the two is constant or not finite."""
    if not a.size or not (np.isfinite(a).all() and np.isfinite(b).all()) or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    x, y = a.ravel() - a.mean(), b.ravel() - b.mean()
    return _ratio(float(x @ y), float(np.sqrt(x @ x)) * float(np.sqrt(y @ y)))


def _cosine(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float | None:
    x, y = a.ravel(), b.ravel()
    return _ratio(float(x @ y), float(np.sqrt(x @ x)) * float(np.sqrt(y @ y)))


def _snr_db(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float | None:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return None
    signal, noise = float(np.sum(b * b)), float(np.sum((a - b) ** 2))
    ratio = _ratio(signal, noise)
    return None if not ratio else float(10 * np.log10(ratio))


def _db_error(error: npt.NDArray[np.float64], db_per_step: float) -> dict[str, float] | None:
    if not (error.size and np.isfinite(error).all()):
        return None
    scaled = error * db_per_step
    return {"mean": float(scaled.mean()), "p95": float(np.percentile(scaled, 95)), "max": float(scaled.max())}


def _ratio(numerator: float, denominator: float) -> float | None:
    if not (np.isfinite(numerator) and np.isfinite(denominator) and denominator > 0):
        return None
    return numerator / denominator


def _index(index: tuple[int, ...]) -> str:
    return "element [" + ", ".join(map(str, index)) + "]"
