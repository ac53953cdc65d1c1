"""A kernel on a device, case after case. On an NPU a canary tells a wrong kernel from a dirty device."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tileproof import __version__
from tileproof.build.prepare import Rendered
from tileproof.device import EMULATOR, NPU
from tileproof.diagnostic import Diagnostic
from tileproof.errors import EXIT_NOT_HERE, EXIT_REQUEST_WRONG, Problem
from tileproof.files import write_output
from tileproof.kernel.spec import Case, KernelSpec
from tileproof.verify.canary import RESET, Canary, dirty
from tileproof.verify.expected import Expectations, Expected
from tileproof.verify.proof import Proof
from tileproof.verify.request import VerifyRequest
from tileproof.verify.sources import Source

if TYPE_CHECKING:
    from tileproof.device.recorded import Answer, Recording
    from tileproof.device.runner import Counted
    from tileproof.emulator.array.timeline import Timeline
    from tileproof.verify.verdict import Verdict

Say = Callable[[str], None]

# Words of a driver whose machine is short of something, and which says nothing of the kernel.
_SHORT_OF = ("memlock", "Cannot allocate memory", "(err=-12)", "Device or resource busy", "(err=-16)", "(err=-11)")


@dataclass
class Bench:
    """A kernel on a device, loaded anew after a run that went wrong; on an NPU the canary says whose fault it was."""

    rendered: Rendered
    request: VerifyRequest
    source: Source
    canary: Canary | str | None
    say: Say
    expectations: Expectations
    proof: Proof | None = None
    dirty: Problem | None = None
    is_checked: bool = False
    timelines: list[Timeline] = field(default_factory=list)
    rested: bool = False
    is_tried: bool = False  # in other legal orders
    lost: Problem | None = None  # why answers could not be recorded

    def verdicts(self, cases: Sequence[Case], frames: Sequence[Expected] | None) -> Generator[Verdict, None, None]:
        """One for each case, in their order; what was asked to be kept is written."""
        if not cases:
            return
        if self.request.cases.record:
            _folder_for(self.request.cases.recordings)
        with self._turn():
            try:
                for number, case in enumerate(cases):
                    self.say(f"{self.rendered.spec.name}: {case.name}")
                    try:
                        proof = self._loaded()
                    except Problem as problem:
                        yield from self._not_loaded(cases[number:], problem)
                        break
                    yield self._judged(proof, case, frames)
            finally:
                self._close()
        self._write_trace()
        if self.lost is not None:
            raise self.lost

    def _turn(self) -> AbstractContextManager[None]:
        """The NPU is had alone; it is not taken before everything is built."""
        if self.source.device != NPU:
            return nullcontext()
        from tileproof.device.turn import npu_turn

        return npu_turn(self.rendered.spec.variant(self.request.build.target), self.say)

    def _judged(self, proof: Proof, case: Case, frames: Sequence[Expected] | None) -> Verdict:
        """The verdict on a case. What the driver refuses to run proves nothing of it, and nothing of the next."""
        from tileproof.verify.verdict import KERNEL, NOT_RUN, UNKNOWN

        try:
            if frames is None:
                verdict = proof.case(case, self.say, idle_s=0.0 if self.rested else self.request.cases.idle_s)
            else:
                verdict = proof.sound(case, frames, self.say)
        except Problem as problem:
            self._close()
            (verdict,) = unjudged(self.rendered.spec, self.request, (case,), problem, self.source)
        self.timelines += proof.take_timelines()
        if verdict.passed and frames is None and self._tries_orders():
            self.is_tried = True
            verdict = proof.in_other_orders(case, verdict)
            proof.take_timelines()
        self.rested = self.rested or any(run.when == "idle" for run in verdict.runs)
        if proof.dead or (self.canary is not None and not verdict.passed):
            self._close()
        if not verdict.passed and self.canary is not None:
            blame, said = self._whose(case.name)
            if blame == KERNEL and verdict.outcome == NOT_RUN:
                blame, said = (
                    UNKNOWN,
                    Diagnostic(id="device-good", what="the canary runs before and after it: the device is good"),
                )
            verdict = replace(verdict, blame=blame, faults=(*verdict.faults, said))
        if verdict.blame in ("", KERNEL):  # what a dirty device answers is not the kernel's
            self._record(proof.take_answers())
        if isinstance(self.canary, Canary) and self.canary.counted:
            verdict = replace(verdict, machine={**verdict.machine, "ninstr": self.canary.counted})
        is_answer = verdict.state and not verdict.passed
        return _with_findings(verdict, self.rendered) if is_answer and not self.request.run.xclbin else verdict

    def _tries_orders(self) -> bool:
        """Once for a kernel: its order of events is that of its design, whatever the data."""
        run = self.request.run
        return self.source.device == EMULATOR and run.orders > 0 and not run.as_hardware and not self.is_tried

    def _close(self) -> None:
        """Its context goes before the next one comes."""
        if self.proof is not None:
            self.proof.close()
            self.proof = None

    def _loaded(self) -> Proof:
        if self.dirty is not None:
            raise self.dirty
        if isinstance(self.canary, Canary) and not self.is_checked:
            when = "before the first run"
            if wrong := self._asked(self.canary, when):
                self.dirty = dirty(wrong, when, fix=self.canary.reset)
                raise self.dirty
        if self.proof is None:
            self.proof = Proof.begin(self.rendered, self.request, self.source, self.expectations, self._counted())
        return self.proof

    def _counted(self) -> Counted:
        """As the canary has found out, or as was said; words is what C++ hosts give."""
        if isinstance(self.canary, Canary) and self.canary.counted:
            return self.canary.counted
        return "words" if self.request.run.counted == "auto" else self.request.run.counted

    def _asked(self, canary: Canary, when: str) -> str:
        """What is wrong with the canary's answer."""
        self.say(f"{self.rendered.spec.name}: the canary, {when}")
        self.is_checked = True
        return canary.wrong()

    def _whose(self, case: str) -> tuple[str, Diagnostic]:
        from tileproof.verify.verdict import DEVICE, KERNEL, UNKNOWN

        if not isinstance(self.canary, Canary):
            return UNKNOWN, _unknown(
                f"there is no canary to ask ({self.canary}; --canary takes one that was built elsewhere)"
            )
        when = f"after the case {case!r}"
        try:
            wrong = self._asked(self.canary, when)
        except Problem as problem:  # the canary itself has gone: the verdict stays
            return UNKNOWN, _unknown(problem.text)
        if wrong:
            self.dirty = dirty(wrong, when)
            left_so = "before the case it did: this kernel has left the device so, or the device went wrong by itself"
            return DEVICE, dirty(wrong, when, left_so, f"{RESET}; then run it alone: --case {case!r}").diagnostic
        return KERNEL, Diagnostic(
            id="kernel-blamed",
            what="the canary runs before and after it: the device is good, and the kernel is wrong; "
            f"`tileproof check {self.rendered.spec.name}` and --device emulator look for the cause",
        )

    def _not_loaded(self, cases: Sequence[Case], problem: Problem) -> Iterator[Verdict]:
        """Verdicts on cases of a kernel that cannot be loaded: it is wrong if the NPU takes the canary, and the machine
        has not said that it is short of something."""
        from tileproof.verify.verdict import FAIL, KERNEL, UNKNOWN

        verdicts = unjudged(self.rendered.spec, self.request, cases, problem, self.source)
        if not isinstance(self.canary, Canary) or self.dirty is not None or problem.exit_code != EXIT_NOT_HERE:
            yield from verdicts
            return
        blame, said = self._whose(cases[0].name)
        if blame == KERNEL and any(words in problem.text for words in _SHORT_OF):
            what = "the canary is taken, which needs less: the machine may be short of what this kernel needs"
            blame, said = UNKNOWN, Diagnostic(id="blame-unknown", what=what)
        for one in verdicts:
            outcome = FAIL if blame == KERNEL else one.outcome
            yield replace(one, outcome=outcome, blame=blame, faults=(*one.faults, said))

    def _write_trace(self) -> None:
        if self.request.run.trace is not None:
            from tileproof.emulator.array.trace import trace_json

            spec, path = self.rendered.spec, self.request.run.trace
            names = {number: buffer.name for number, buffer in enumerate(spec.buffers)}
            text = trace_json(self.timelines, spec.variant(self.request.build.target), names)
            write_output(path, text.encode(), what="trace", where=f"--trace {path}")

    def _record(self, answers: Sequence[Answer]) -> None:
        """Add them to the file, case after case: nothing that an NPU has answered waits for the end of a session."""
        from tileproof.device.recorded import Recording, recording_bytes, recording_path

        if not answers:
            return
        spec, target = self.rendered.spec, self.request.build.target
        recording = Recording(
            kernel=spec.name,
            variant=spec.variant(target),
            target=target,
            texts=self.rendered.digest,
            digest=self.source.artifacts["digest"],
            toolchain=self.source.toolchain,
            tileproof=__version__,
            date=datetime.now(UTC).strftime("%Y-%m-%d"),
            machine={"device": self.source.device, **self.source.machine},
            answers=tuple(answers),
        )
        path = recording_path(self.request.cases.recordings, recording.variant)
        recording = _with_earlier(path, recording)
        try:
            where = f"--recordings {self.request.cases.recordings}"
            write_output(path, recording_bytes(recording), what="recording", where=where)
        except Problem as problem:  # the verdicts go on, and the last word is that this was lost
            self.lost = problem
        else:
            self.say(f"{spec.name}: {len(answers)} answers recorded in {path}")


def _unknown(why: str) -> Diagnostic:
    return Diagnostic(id="blame-unknown", what=f"whether it is the kernel or the device is not known: {why}")


def _with_earlier(path: Path, recording: Recording) -> Recording:
    """With the answers of cases that were left out this time, or cut short, if the file there is of the same build."""
    from tileproof.device.recorded import complete_cases, read_recording

    try:
        earlier = read_recording(path)
    except Problem:
        return recording
    if (earlier.texts, earlier.digest, earlier.machine) != (recording.texts, recording.digest, recording.machine):
        return recording
    whole = complete_cases(earlier) - complete_cases(recording)
    again = {answer.case for answer in recording.answers} - whole
    kept = tuple(answer for answer in earlier.answers if answer.case not in again)
    return replace(recording, answers=(*kept, *(answer for answer in recording.answers if answer.case in again)))


def _folder_for(recordings: Path) -> None:
    """Made before the first run: what an NPU has answered is not to be lost for a folder."""
    try:
        recordings.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(
            "the recording cannot be written",
            id="output-not-written",
            where=f"--recordings {recordings}",
            why=error.strerror or str(error),
            fix="choose another folder",
        ) from None


def _with_findings(verdict: Verdict, rendered: Rendered) -> Verdict:
    """A failure, with what the static checks find: often they name the cause where the numbers only show it."""
    from tileproof.check.run import check_design

    findings = check_design(rendered.texts["design.mlir"], "design.mlir", rendered.tile_code, headers=rendered.headers)
    return replace(verdict, faults=(*verdict.faults, *map(rendered.located, findings)))


def unjudged(
    spec: KernelSpec, request: VerifyRequest, cases: Sequence[Case], problem: Problem, source: Source | None = None
) -> Iterator[Verdict]:
    """Verdicts on cases that could not be run; a request that is wrong is raised."""
    from tileproof.verify.verdict import Verdict, outcome_of

    if problem.exit_code == EXIT_REQUEST_WRONG:
        raise problem
    for case in cases:
        yield Verdict(
            kernel=spec.name,
            variant=spec.variant(request.build.target),
            target=request.build.target,
            toolchain=source.toolchain if source else request.build.toolchain,
            device=source.device if source else request.run.device,
            case=case.name,
            seed=case.seed,
            outcome=outcome_of(problem),
            reason=problem.what,
            faults=(problem.diagnostic,),
            machine=source.machine if source else {},
        )
