"""A kernel that is loaded on a device, and everything needed to judge its runs: inputs, golden, comparison, times."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tileproof.device import EMULATOR, RECORDED
from tileproof.device.times import LEAST_RUNS, PHASES, RunTime, When
from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.semantics import unconfirmed
from tileproof.kernel import golden
from tileproof.kernel.spec import Case
from tileproof.verify.expected import NEXT_SEED, Expectations, Expected
from tileproof.xrt import COMPLETED, FIRST_BUFFER

if TYPE_CHECKING:
    import numpy.typing as npt

    from tileproof.build.prepare import Rendered
    from tileproof.device.recorded import Answer
    from tileproof.device.runner import Counted, LoadedKernel, RunResult
    from tileproof.emulator.array.orders import Play
    from tileproof.emulator.array.timeline import Timeline
    from tileproof.verify.compare import Comparison
    from tileproof.verify.request import VerifyRequest
    from tileproof.verify.sources import Kernel, Source
    from tileproof.verify.verdict import Verdict


@dataclass
class Proof:
    """`dead` is set when a run went wrong in a way that the next one could inherit: this one is then to be closed."""

    rendered: Rendered
    request: VerifyRequest
    source: Source
    expectations: Expectations
    kernel: Kernel
    load_s: float
    dead: bool = False
    timelines: list[Timeline] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    times: list[RunTime] = field(default_factory=list)
    _before: dict[str, npt.NDArray[Any]] = field(default_factory=dict)  # outputs of the run before
    _next: When = "first"

    @classmethod
    def begin(
        cls,
        rendered: Rendered,
        request: VerifyRequest,
        source: Source,
        expectations: Expectations,
        counted: Counted = "words",
    ) -> Proof:
        started = time.perf_counter()
        kernel = source.load(counted)
        load_s = time.perf_counter() - started
        return cls(rendered, request, source, expectations, kernel, load_s)

    def close(self) -> None:
        """The device is free for the next one."""
        self.kernel.close()

    def case(self, case: Case, say: Callable[[str], None], idle_s: float = 0.0) -> Verdict:
        """Runs with different inputs, and one after a pause of `idle_s` unless that is 0.

        The verdict is the first that does not pass, or the first.
        """
        self.times = []
        runs = LEAST_RUNS if self.source.device == RECORDED else self.request.cases.repeat
        first = self._once(case, 0)
        for number in range(1, runs):
            if not first.passed:
                break
            first = self._again(case, number, first, f"on run {number + 1} of {runs}")
        if first.passed and idle_s:
            say(f"{self.rendered.spec.name}: a pause of {idle_s:g} s, in which the device goes to sleep")
            time.sleep(idle_s)
            self._next = "idle"
            first = self._again(case, runs, first, f"on a run after {idle_s:g} s without one")
        return replace(first, runs=tuple(self.times))

    def in_other_orders(self, case: Case, verdict: Verdict) -> Verdict:
        """The verdict on a case that has passed on the emulator, tried in other legal orders of events."""
        from tileproof.device.runner import LoadedKernel
        from tileproof.emulator.array.orders import other_orders
        from tileproof.verify.verdict import judge

        assert isinstance(self.kernel, LoadedKernel)
        expected = self.expectations.of(case, 0)
        inputs = self._joined(expected.inputs)
        begun = time.perf_counter()
        self.kernel.run(inputs)
        took_s = time.perf_counter() - begun
        play = self._play(self.kernel, inputs, expected, case.correlation)
        tried = other_orders(self.request.run.orders, took_s, play)
        self.dead = bool(tried.faults) or not self.kernel.begin_again()
        faults = (*verdict.faults, *map(self.rendered.located, tried.faults))
        outcome, reason = judge(verdict.outputs, COMPLETED, verdict.state, faults)
        return replace(verdict, outcome=outcome, reason=reason, faults=faults, orders=str(tried))

    def _play(
        self, kernel: LoadedKernel, inputs: Mapping[int, bytes], expected: Expected, correlation: float | None
    ) -> Play:
        """Plays the order of a seed, and judges its outputs as those of any run."""
        from tileproof.emulator.array.orders import Found, only_there

        def found(seed: int, left_s: float) -> Found | None:
            result = kernel.in_order(seed, inputs, left_s)
            if any(fault.id == "never-returns" for fault in result.faults):  # it was given less time than it needs
                return None
            if result.state != COMPLETED or result.faults:
                return Found(faults=only_there(result.faults, (), seed))
            wrong = [one for one in self._compare(expected, result, correlation) if not one.passed]
            return Found(faults=tuple(_other_value(one, seed) for one in wrong))

        return found

    def _again(self, case: Case, number: int, first: Verdict, when: str) -> Verdict:
        """The first verdict, unless this run does not pass."""
        between = self._between(case) if number == 1 else None
        if between is not None and not between.passed:
            reason = f"between two runs, with the inputs of {between.case!r}: {between.reason}"
            return replace(between, case=case.name, reason=reason)
        verdict = self._once(case, number)
        return first if verdict.passed else replace(verdict, reason=f"{when}, with other inputs: {verdict.reason}")

    def _between(self, case: Case) -> Verdict | None:
        """A run of another case, where this one draws the same from every seed: a stale answer would look right."""
        other = None if self.source.device == RECORDED else self.expectations.between(case)
        return None if other is None else self._once(other, 0, is_kept=False)

    def _once(self, case: Case, number: int, *, is_kept: bool = True) -> Verdict:
        expected = self.expectations.of(case, number)
        case = replace(case, seed=case.seed + number * NEXT_SEED)
        result = self._run(expected.inputs, case.name)
        if self.request.cases.record and is_kept and number < LEAST_RUNS and not self.dead:
            self._keep(case, expected.inputs, result)
        # What lies in the outputs of a run that was not completed is no answer.
        comparisons = self._compare(expected, result, case.correlation) if result.state == COMPLETED else ()
        return self._verdict(case, result, comparisons)

    def _run(self, inputs: Mapping[str, npt.NDArray[Any]], name: str) -> RunResult:
        result = self.kernel.run(self._joined(inputs))
        # Whatever went wrong, what it left behind is not to disturb the next case.
        self.dead = result.state != COMPLETED or bool(result.faults)
        if result.timeline is not None:
            self.timelines.append(replace(result.timeline, name=name))
        if set(PHASES) <= result.seconds.keys():
            self.times.append(RunTime(self._next, result.seconds))
            self._next = "steady"
        return result

    def joined_inputs(self, case: Case) -> dict[int, bytes]:
        """What the case's first run is given, by argument of the sequence."""
        return self._joined(self.expectations.of(case, 0).inputs)

    def _joined(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[int, bytes]:
        buffers = enumerate(self.rendered.spec.buffers)
        return {number: golden.joined(buffer, inputs) for number, buffer in buffers if buffer.way == "in"}

    def _keep(self, case: Case, inputs: Mapping[str, npt.NDArray[Any]], result: RunResult) -> None:
        from tileproof.device.recorded import Answer, inputs_digest

        digest = inputs_digest(self._joined(inputs))
        self.answers.append(Answer(case=case.name, seed=case.seed, inputs=digest, outputs=result.outputs))

    def take_timelines(self) -> list[Timeline]:
        """Those of the runs since this was last called."""
        taken, self.timelines = self.timelines, []
        return taken

    def take_answers(self) -> list[Answer]:
        """Those of the runs since this was last called; none unless they are to be recorded."""
        taken, self.answers = self.answers, []
        return taken

    def _outputs(self, result: RunResult) -> dict[str, npt.NDArray[Any]]:
        buffers = enumerate(self.rendered.spec.buffers)
        return {
            name: value
            for number, buffer in buffers
            if buffer.way == "out"
            for name, value in golden.split(buffer, result.outputs[number]).items()
        }

    def _compare(self, expected: Expected, result: RunResult, correlation: float | None) -> tuple[Comparison, ...]:
        from tileproof.verify.compare import compare

        spec = self.rendered.spec
        exact, textbook = expected.exact, expected.textbook
        outputs = self._outputs(result)
        comparisons = []
        for name, actual in outputs.items():
            comparison = compare(
                name,
                actual,
                exact[name] if exact else None,
                textbook[name],
                spec.tolerances[name],
                correlation,
                spec.db_per_step(name),
            )
            if not comparison.passed:
                hints = self._hints(name, actual, expected.answer(name).astype(actual.dtype), result)
                comparison = replace(comparison, reason="; ".join([comparison.reason, *hints]))
            comparisons.append(comparison)
        self._before = outputs
        return tuple(comparisons)

    def _hints(self, name: str, actual: npt.NDArray[Any], expected: npt.NDArray[Any], result: RunResult) -> list[str]:
        """What a wrong output looks like."""
        from tileproof.verify.likeness import left_over, shifted, stale

        fills: dict[int, str] = (
            {} if result.poison is None else {result.poison: "the host filled the buffer before the run"}
        )
        if self.source.device == EMULATOR:
            from tileproof.emulator.array.memory import TILE_POISON

            fills[TILE_POISON] = "the tile's memory was filled at the start"
        before = self._before.get(name)
        hints = (
            left_over(actual, fills),
            "" if before is None else stale(actual, expected, before),
            shifted(actual, expected),
        )
        return [hint for hint in hints if hint]

    def _verdict(self, case: Case, result: RunResult, comparisons: tuple[Comparison, ...]) -> Verdict:
        from tileproof.verify.verdict import Verdict, judge

        spec = self.rendered.spec
        unwritten = tuple(_untouched(spec.buffers[number].name, number) for number in result.untouched)
        faults = (*map(self.rendered.located, result.faults), *unwritten)
        outcome, reason = judge(comparisons, result.state, result.state_name, faults)
        return Verdict(
            kernel=spec.name,
            variant=spec.variant(self.request.build.target),
            target=self.request.build.target,
            toolchain=self.source.toolchain,
            device=self.source.device,
            case=case.name,
            seed=case.seed,
            outcome=outcome,
            reason=reason,
            outputs=comparisons,
            state=result.state_name,
            artifacts=self.source.artifacts,
            warnings=self.source.warnings,
            seconds={"build": self.source.build_s, "load": self.load_s, **result.seconds},
            faults=faults,
            cycles=result.timeline.figures() if result.timeline is not None else None,
            modelled=str(result.timeline or ""),
            unconfirmed=unconfirmed(result.unconfirmed),
            machine=self.source.machine,
        )

    def sound(self, case: Case, frames: Sequence[Expected], say: Callable[[str], None]) -> Verdict:
        """Every frame of a sound through the kernel; all frames are compared as one array."""
        spec = self.rendered.spec
        output = spec.outputs[0].parts[0].name
        actual: list[npt.NDArray[Any]] = []
        seconds: dict[str, float] = {}
        self.times = []
        for number, frame in enumerate(frames):
            say(f"{spec.name}: frame {number + 1} of {len(frames)}")
            result = self._run(frame.inputs, f"frame {number + 1} of {len(frames)}")
            seconds = {key: seconds.get(key, 0.0) + value for key, value in result.seconds.items()}
            if self.dead:
                return replace(self._verdict(case, result, ()), runs=tuple(self.times))
            actual.append(self._outputs(result)[output])
        comparison = self._compare_frames(output, frames, actual, case.correlation)
        verdict = self._verdict(case, replace(result, seconds=seconds), (comparison,))
        return replace(verdict, runs=tuple(self.times))

    def _compare_frames(
        self,
        output: str,
        expected: Sequence[Expected],
        actual: list[npt.NDArray[Any]],
        correlation: float | None,
    ) -> Comparison:
        import numpy as np

        from tileproof.verify.compare import compare

        spec = self.rendered.spec
        exact = [one.exact[output] for one in expected if one.exact is not None]
        textbook = np.stack([one.textbook[output] for one in expected])
        return compare(
            output,
            np.stack(actual),
            np.stack(exact) if exact else None,
            textbook,
            spec.tolerances[output],
            # Silence from end to end has no correlation to demand.
            None if np.ptp(textbook) == 0 else correlation,
            spec.db_per_step(output),
        )


def _other_value(comparison: Comparison, seed: int) -> Diagnostic:
    return Diagnostic(
        id="order",
        what=f"{comparison.name} depends on the order of events",
        place=Place(buffer=comparison.name, text=comparison.name),
        why=f"in the legal order of seed {seed} it is not right: {comparison.reason}",
        fix="let a lock or a fifo decide who comes first",
    )


def _untouched(name: str, number: int) -> Diagnostic:
    return Diagnostic(
        id="untouched",
        what=f"no byte of {name} was written",
        place=Place(buffer=name, argument=FIRST_BUFFER + number, text=f"argument {FIRST_BUFFER + number}, {name}"),
        why="it holds after the run what it was filled with before",
        fix="let the runtime sequence move it and the core fill it",
    )
