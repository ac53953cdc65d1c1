"""What runs must answer, known before they run: inputs, golden and integer specification, computed apart from us."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tileproof.device.times import LEAST_RUNS
from tileproof.errors import Problem
from tileproof.kernel import golden
from tileproof.kernel.apart import Answering, Apart
from tileproof.kernel.spec import Case, KernelSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    Parts = Mapping[str, npt.NDArray[Any]]

# Each run of a case draws from a seed of its own, so that a stale output is not taken for a right one.
NEXT_SEED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One run. Integer inputs by part; outputs by part, from golden in float64 steps of their type, and from the
    integer specification where there is one."""

    inputs: Parts
    textbook: Parts
    exact: Parts | None

    def answer(self, name: str) -> npt.NDArray[Any]:
        """The right answer for an output: the integer specification's, or golden's to the nearest step."""
        return self.exact[name] if self.exact is not None else self.textbook[name].round()


class Expectations:
    """Those of one kernel, from a process that has been there since before anything ran."""

    def __init__(self, spec: KernelSpec, constants: Mapping[str, Any]) -> None:
        self._spec = spec
        functions: dict[str, Answering] = {
            "cases.py": lambda draw, seed: golden.draw_inputs(spec, draw, seed),
            "golden.py": lambda inputs: golden.golden_steps(spec, inputs),
            "integer.py": lambda inputs: golden.integer_outputs(spec, inputs, constants),
        }
        self._apart = Apart(spec.name, str(spec.folder), spec.folder, functions)
        self._known: dict[tuple[str, int], Expected] = {}

    def close(self) -> None:
        self._apart.close()

    def inputs(self, case: Case, number: int) -> Parts:
        """What run `number` of a case, from 0, is given."""
        drawn = self._apart.ask("cases.py", case.draw, case.seed + number * NEXT_SEED)
        return golden.parts_of(self._spec, "cases", self._spec.inputs, drawn)

    def of(self, case: Case, number: int) -> Expected:
        """What run `number` of a case must answer."""
        key = (case.name, case.seed + number * NEXT_SEED)
        if key in self._known:
            return self._known[key]
        expected = self.of_inputs(self.inputs(case, number))
        if number < LEAST_RUNS:  # those that are looked at before they are run; all of many would fill the memory
            self._known[key] = expected
        return expected

    def of_inputs(self, inputs: Parts) -> Expected:
        textbook, exact = (self._apart.ask(file, dict(inputs)) for file in ("golden.py", "integer.py"))
        outputs = self._spec.outputs
        return Expected(
            inputs=inputs,
            textbook=golden.parts_of(self._spec, "golden", outputs, textbook),
            exact=None if exact is None else golden.parts_of(self._spec, "integer", outputs, exact),
        )

    def between(self, case: Case) -> Case | None:
        """Another case, to be run between two runs of one that draws the same from every seed: an answer that was kept
        would look right there. None where the case draws anew, or no other has other inputs."""
        mine = self.inputs(case, 0)
        if not _are_same(mine, self.inputs(case, 1)):
            return None
        for other in self._spec.cases:
            with suppress(Problem):  # a case that cannot be drawn says so in its turn
                if not _are_same(mine, self.inputs(other, 0)):
                    return other
        return None


def _are_same(one: Parts, other: Parts) -> bool:
    return all(value.tobytes() == other[name].tobytes() for name, value in one.items())
