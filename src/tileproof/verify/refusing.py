"""Whether the cases of a kernel can refuse: answers that take no computing, held against what each run expects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tileproof.device.runner import POISON
from tileproof.device.times import LEAST_RUNS
from tileproof.diagnostic import Diagnostic, Place
from tileproof.errors import EXIT_REQUEST_WRONG, Problem
from tileproof.kernel.spec import Case, KernelSpec, Part
from tileproof.verify.compare import Comparison, compare
from tileproof.verify.expected import Expectations, Expected

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

_HANDED = "the inputs handed through"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One of the runs that are going to be made: what it must answer, and the least correlation it demands.

    `is_between` is one of another case than was asked for, between two that draw the same: it shows an answer that was
    kept, and proves nothing else.
    """

    case: str
    expected: Expected
    correlation: float | None = None
    is_between: bool = False


def cannot_refuse(
    spec: KernelSpec, runs: Sequence[Run], ask: Callable[[Mapping[str, Array]], Expected]
) -> Diagnostic | None:
    """What is told where a right answer cannot be told from one that takes no computing, in any of the runs; None where
    it can. `ask` is golden for inputs of our own."""
    asked = [run for run in runs if not run.is_between]
    for name, part in _outputs(spec).items():
        passing = [told for told, answers in _impostors(spec, name, part, asked) if _passes(spec, name, asked, answers)]
        if _passes(spec, name, runs, _before(runs, name)):
            passing.append("the answer of the run before")
        if _HANDED in passing and _hands_through(spec, name, ask):
            passing.remove(_HANDED)
        if passing:
            return _refusal(spec, name, asked, passing)
    return None


def _refusal(spec: KernelSpec, name: str, runs: Sequence[Run], passing: Sequence[str]) -> Diagnostic:
    cases = ", ".join(dict.fromkeys(run.case for run in runs))
    also = f", and so would {', '.join(passing[1:])}" if passing[1:] else ""
    return Diagnostic(
        id="cannot-refuse",
        what=f"nothing here can tell a right answer from {passing[0]}",
        place=Place.told(f"{spec.path}, [[cases]] and [tolerance.{name}]", Place.of_file(str(spec.path))),
        why=f"for {name!r} it would pass every run of what was asked for ({cases}){also}; golden spans "
        f"{_spread(name, runs):,.2f} steps there, and {spec.tolerances[name].absolute:,.10g} are allowed",
        fix="run a case with it that draws varied inputs, lower the tolerance, or give the output a scale whose steps "
        "golden's answer spans",
    )


def runs_of(cases: Sequence[Case], expectations: Expectations, *, makes_between: bool) -> list[Run]:
    """The first runs of each case, in the order in which they are made; with one of another case in between where the
    device makes it."""
    runs: list[Run] = []
    for case in cases:
        try:
            known = [expectations.of(case, number) for number in range(LEAST_RUNS)]
            other = expectations.between(case) if makes_between else None
            between = [] if other is None else [replace(_run(other, expectations.of(other, 0)), is_between=True)]
        except Problem as problem:
            if problem.exit_code == EXIT_REQUEST_WRONG:
                raise
            continue  # a case of which nobody knows what is right says so in its turn
        first, *others = (_run(case, one) for one in known)
        runs += [first, *between, *others]
    return runs


def _run(case: Case, expected: Expected) -> Run:
    return Run(case=case.name, expected=expected, correlation=case.correlation)


def _outputs(spec: KernelSpec) -> dict[str, Part]:
    return {part.name: part for buffer in spec.outputs for part in buffer.parts}


def _impostors(
    spec: KernelSpec, name: str, part: Part, runs: Sequence[Run]
) -> Iterator[tuple[str, Callable[[int], Array | None]]]:
    """What a kernel could answer without computing anything, by run; None where it has nothing to answer."""
    dtype = _dtype(spec, name)
    limits = np.iinfo(dtype)
    first = runs[0].expected.textbook[name]
    mean = float(np.mean([run.expected.textbook[name].mean() for run in runs]))

    def constant(value: float) -> Callable[[int], Array]:
        whole = np.full(part.shape, np.clip(np.rint(value), limits.min, limits.max)).astype(dtype)
        return lambda _: whole

    def filled(byte: int) -> Callable[[int], Array]:
        whole = np.frombuffer(bytes([byte]) * (part.count * dtype.itemsize), dtype=dtype).reshape(part.shape)
        return lambda _: whole

    yield "zeros", constant(0)
    yield "a constant (golden's mean)", constant(mean)
    if first.size:
        yield "a constant (golden's first element)", constant(float(first.flat[0]))
    for byte in (POISON, POISON ^ 0xFF):  # by turns
        yield f"what outputs are filled with (0x{byte:02x})", filled(byte)
    yield _HANDED, lambda number: _handed(runs[number].expected, part, dtype)
    if len({run.case for run in runs}) > 1:
        yield "another case's answer", lambda number: _another(runs, number).answer(name)


def _before(runs: Sequence[Run], name: str) -> Callable[[int], Array | None]:
    return lambda number: runs[number - 1].expected.answer(name) if number else None


def _handed(expected: Expected, part: Part, dtype: np.dtype[Any]) -> Array | None:
    """The first bytes of all inputs, in the shape of the output; None if there are too few."""
    data = b"".join(value.tobytes() for value in expected.inputs.values())
    nbytes = part.count * dtype.itemsize
    return np.frombuffer(data[:nbytes], dtype=dtype).reshape(part.shape) if len(data) >= nbytes else None


def _another(runs: Sequence[Run], number: int) -> Expected:
    return next(run.expected for run in runs if run.case != runs[number].case)


def _passes(spec: KernelSpec, name: str, runs: Sequence[Run], answers: Callable[[int], Array | None]) -> bool:
    """Whether an impostor passes every run in which it has an answer, and has one at all."""
    given = 0
    for number, run in enumerate(runs):
        answer = answers(number)
        if answer is None:
            continue
        given += 1
        if not _compared(spec, name, answer, run).passed:
            return False
    return given > 0


def _compared(spec: KernelSpec, name: str, answer: Array, run: Run) -> Comparison:
    expected = run.expected
    exact = None if expected.exact is None else expected.exact[name]
    return compare(name, answer, exact, expected.textbook[name], spec.tolerances[name], run.correlation)


def _hands_through(spec: KernelSpec, name: str, ask: Callable[[Mapping[str, Array]], Expected]) -> bool:
    """Whether it is the kernel's work to hand its inputs through: golden does so with inputs that nobody chose. One
    that does not take them does not say so."""
    rng = np.random.default_rng(0)
    odd = {}
    for buffer in spec.inputs:
        limits = np.iinfo(buffer.dtype.numpy)
        for part in buffer.parts:
            odd[part.name] = rng.integers(limits.min, limits.max, part.shape, dtype=buffer.dtype.numpy, endpoint=True)
    try:
        run = Run(case="", expected=ask(odd))
    except Problem:
        return False
    return _passes(spec, name, [run], lambda _: _handed(run.expected, _outputs(spec)[name], _dtype(spec, name)))


def _dtype(spec: KernelSpec, name: str) -> np.dtype[Any]:
    return next(b.dtype.numpy for b in spec.outputs for part in b.parts if part.name == name)


def _spread(name: str, runs: Sequence[Run]) -> float:
    values = [run.expected.textbook[name] for run in runs]
    return max((float(value.max()) for value in values), default=0.0) - min(float(value.min()) for value in values)
