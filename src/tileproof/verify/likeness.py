"""What a wrong output looks like, where that is the mark of its cause: unwritten, stale, shifted, another mode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

# Shorter stretches may be data.
_LEAST_RUN = 8
_FURTHEST = 64  # elements that a shift is looked for, beside whole rows


def in_common(actual: npt.NDArray[Any], exact: npt.NDArray[Any]) -> str:
    """What all wrong elements share, where that is the mark of a mode that was not set; empty if nothing."""
    wrong = actual != exact
    if not np.issubdtype(actual.dtype, np.integer) or np.count_nonzero(wrong) < 2:
        return ""
    limits = np.iinfo(actual.dtype)
    at_limit = (exact == limits.min) | (exact == limits.max)
    if np.all(at_limit[wrong]) and not np.all(at_limit):
        return f"all of them where it says {limits.min} or {limits.max}, as without aie::set_saturation"
    if np.all(np.abs(actual[wrong].astype(np.int64) - exact[wrong].astype(np.int64)) == 1):
        return "all of them by one step, as with another mode of aie::set_rounding"
    return ""


def left_over(actual: npt.NDArray[Any], fills: Mapping[int, str]) -> str:
    """Says of a wrong output where its bytes are still what memory was filled with; empty if they are nowhere.

    `fills` is the value of such a byte and whose memory it fills. The longest stretch counts, from 8 bytes on.
    """
    data = np.frombuffer(actual.tobytes(), np.uint8)
    found = []
    for value, whose in fills.items():
        longest = _longest(data == value)
        if longest:
            start, end = longest
            found.append((end - start, f"bytes {start:,} to {end - 1:,} are 0x{value:02X}, as {whose}"))
    length, text = max(found, default=(0, ""))
    return f"{text}: it seems that nothing wrote them" if length >= _LEAST_RUN else ""


def stale(actual: npt.NDArray[Any], expected: npt.NDArray[Any], before: npt.NDArray[Any]) -> str:
    """Says where a wrong output is the answer to the run before, `before`; empty if it is nowhere."""
    longest = _longest(((actual == before) & (actual != expected)).ravel())
    if longest is None or longest[1] - longest[0] < min(_LEAST_RUN, actual.size):
        return ""
    if np.array_equal(actual, before):
        return "it is the answer to the run before"
    return f"elements {longest[0]:,} to {longest[1] - 1:,} are the answer to the run before"


def shifted(actual: npt.NDArray[Any], expected: npt.NDArray[Any]) -> str:
    """Says by how many elements a wrong output is what was expected, moved; empty if it is not."""
    flat, right = actual.ravel(), expected.ravel()
    for by in _shifts(actual):
        late = flat[by:], right[: len(right) - by]
        early = flat[: len(flat) - by], right[by:]
        for (found, wanted), word in ((late, "late"), (early, "early")):
            if len(found) >= _LEAST_RUN and np.array_equal(found, wanted) and np.ptp(wanted) != 0:
                return f"it is what was expected, {by:,} {'element' if by == 1 else 'elements'} {word}"
    return ""


def _shifts(actual: npt.NDArray[Any]) -> Iterator[int]:
    """The distances to look at, none beyond half of the elements: few ones, and whole rows."""
    most, row = actual.size // 2, actual.shape[-1] if actual.ndim > 1 else actual.size
    yield from range(1, min(_FURTHEST, most) + 1)
    yield from range((_FURTHEST // row + 1) * row, most + 1, row)


def _longest(where: npt.NDArray[np.bool_]) -> tuple[int, int] | None:
    """Start and end of the longest stretch; None if there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], where, [0])))).reshape(-1, 2).tolist()
    found = max(edges, key=lambda edge: edge[1] - edge[0], default=None)
    return None if found is None else (found[0], found[1])
