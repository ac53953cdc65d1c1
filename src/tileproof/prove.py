"""From a kernel's name to its verdicts: case after case, with a device that is known to be good where it is an NPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tileproof import __version__, golden
from tileproof.canary import RESET, Canary, dirty, find_canary
from tileproof.device import NPU
from tileproof.errors import EXIT_NOT_HERE, EXIT_REQUEST_WRONG, Problem
from tileproof.prepare import Rendered, Request, render_kernel
from tileproof.proof import Proof
from tileproof.sources import Source, find_source
from tileproof.spec import Case, KernelSpec, Recording

if TYPE_CHECKING:
    import numpy.typing as npt

    from tileproof.device.recorded import Answer
    from tileproof.emulator.timeline import Timeline
    from tileproof.verify import Verdict

Say = Callable[[str], None]
Known = Callable[[str, Case, Source], "Verdict | None"]


def nothing_known(kernel: str, case: Case, source: Source) -> None:
    """There was no earlier session."""


def prove_kernel(
    name: str,
    request: Request,
    say: Say,
    wav: Path | None = None,
    known: Known = nothing_known,
) -> Iterator[Verdict]:
    """One verdict per case, as they come; with `wav`, one for the recording. `known` are those of an earlier session.

    A kernel that cannot be built fails every case; one that cannot be run here is "not run". A request that is wrong
    raises its `Problem`.
    """
    rendered = render_kernel(name, request)
    cases = chosen_cases(rendered.spec, request) if wav is None else _wav_case(rendered.spec, request, wav)
    frames = None if wav is None else _frames(rendered.spec, wav)
    try:
        is_built = request.device == NPU and request.xclbin is None
        # A build takes a while: what is wrong with the machine is said before it.
        machine = npu_machine(request.target) if is_built else None
        source = find_source(rendered, request, say)
        if source.device == NPU:
            source = replace(source, machine=npu_machine(request.target) if machine is None else machine)
        canary = find_canary(request, say) if source.device == NPU else None
    except Problem as problem:
        yield from unjudged(rendered.spec, request, cases, problem)
        return
    bench = _Bench(rendered, request, source, canary, say)
    with _turn(rendered.spec.variant(request.target), source, say):
        for number, case in enumerate(cases):
            verdict = known(name, case, source)
            if verdict is None:
                say(f"{name}: {case.name}")
                try:
                    verdict = bench.judge(case, frames)
                except Problem as problem:
                    yield from bench.without(cases[number:], problem)
                    break
            yield verdict
        bench.close()
    bench.write_outputs()


def npu_machine(target: str) -> dict[str, str]:
    """What xrt-smi says of this machine, if anything; a `Problem` without an NPU, or with another than `target`."""
    from tileproof.device.guarded import check_npu
    from tileproof.npu_here import Examined, Machine, examine_npu

    check_npu()
    found = examine_npu(Machine())
    if not isinstance(found, Examined):
        return {}
    if found.generation not in (None, target):
        raise Problem(
            f"the NPU of this machine is {found.generation}, and {target} was asked for",
            where=f"--target {target}",
            why=f"xrt-smi lists {found.npu}; what is built for {target} runs there without an error and answers zeros",
            fix=f"--target {found.generation}",
        )
    return {name: value for name, value in asdict(found).items() if value}


def _turn(what: str, source: Source, say: Say) -> Any:
    """The NPU is had alone; it is not taken before everything is built."""
    if source.device != NPU:
        return nullcontext()
    from tileproof.device.turn import npu_turn

    return npu_turn(what, say)


@dataclass
class _Bench:
    """A kernel on a device, loaded anew after a run that went wrong; on an NPU the canary says whose fault it was."""

    rendered: Rendered
    request: Request
    source: Source
    canary: Canary | str | None
    say: Say
    proof: Proof | None = None
    dirty: Problem | None = None
    is_checked: bool = False
    timelines: list[Timeline] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def judge(self, case: Case, frames: npt.NDArray[Any] | None) -> Verdict:
        """The verdict on a case; a `Problem` if it cannot be run."""
        proof = self._loaded()
        verdict = proof.case(case, self.say) if frames is None else proof.recording(case, frames, self.say)
        self.timelines += proof.take_timelines()
        self.answers += proof.take_answers()
        if proof.dead or (self.canary is not None and not verdict.passed):
            self.close()
        if verdict.passed:
            return verdict
        if self.canary is not None:
            verdict = self._blamed(verdict)
        return verdict if self.request.xclbin else _with_findings(verdict, self.rendered)

    def close(self) -> None:
        """Its context goes before the next one comes."""
        if self.proof is not None:
            self.proof.close()
            self.proof = None

    def _loaded(self) -> Proof:
        if self.dirty is not None:
            raise self.dirty
        if isinstance(self.canary, Canary) and not self.is_checked:
            self._check(self.canary, "before the first run")
        if self.proof is None:
            self.proof = Proof.begin(self.rendered, self.request, self.source, self._counted())
        return self.proof

    def _counted(self) -> Any:
        found = self.canary.counted if isinstance(self.canary, Canary) else None
        return found or ("words" if self.request.counted == "auto" else self.request.counted)

    def _check(self, canary: Canary, when: str) -> None:
        """A `Problem` that stays, if the device is not what it should be."""
        self.say(f"{self.rendered.spec.name}: the canary, {when}")
        wrong = canary.wrong()
        self.is_checked = True
        if wrong:
            self.dirty = dirty(wrong, when)
            raise self.dirty

    def _blamed(self, verdict: Verdict) -> Verdict:
        """Whose failure it is: the kernel's if the canary still answers."""
        blame, said = self._whose(verdict.case)
        return replace(verdict, blame=blame, faults=(*verdict.faults, said))

    def _whose(self, case: str) -> tuple[str, str]:
        from tileproof.verify import DEVICE, KERNEL, UNKNOWN

        if not isinstance(self.canary, Canary):
            return UNKNOWN, (
                "whether it is the kernel or the device is not known: there is no canary to ask "
                f"({self.canary}; --canary takes one that was built elsewhere)"
            )
        try:
            self._check(self.canary, f"after the case {case!r}")
        except Problem as problem:
            return DEVICE, (
                f"{problem.what}; before, it did. This kernel may have left the device so, or the device went wrong by "
                f"itself: {RESET}, and run this case alone"
            )
        return KERNEL, "the canary runs before and after it: the device is good, and the kernel is wrong"

    def without(self, cases: Sequence[Case], problem: Problem) -> Iterator[Verdict]:
        """Verdicts on cases that met a problem instead of a run. It is the kernel's where the NPU takes the canary."""
        from tileproof.verify import FAIL, KERNEL

        self.close()
        verdicts = list(unjudged(self.rendered.spec, self.request, cases, problem, self.source))
        if isinstance(self.canary, Canary) and self.dirty is None and problem.exit_code == EXIT_NOT_HERE:
            blame, said = self._whose(cases[0].name)
            verdicts = [
                replace(one, outcome=FAIL if blame == KERNEL else one.outcome, blame=blame, faults=(*one.faults, said))
                for one in verdicts
            ]
        yield from verdicts

    def write_outputs(self) -> None:
        """The trace and the recording, where they were asked for."""
        if self.request.trace is not None:
            from tileproof.emulator.timeline import trace_json

            path, name = self.request.trace, self.rendered.spec.variant(self.request.target)
            _write(path, trace_json(self.timelines, name).encode(), "trace", f"--trace {path}")
        if self.request.record and self.answers:
            self._record()

    def _record(self) -> None:
        from tileproof.device.recorded import Recording as Recorded
        from tileproof.device.recorded import recording_bytes, recording_path

        spec, target = self.rendered.spec, self.request.target
        recording = Recorded(
            kernel=spec.name,
            variant=spec.variant(target),
            target=target,
            texts=self.rendered.digest,
            digest=self.source.artifacts["digest"],
            toolchain=self.source.toolchain,
            tileproof=__version__,
            date=datetime.now(UTC).strftime("%Y-%m-%d"),
            machine={"device": self.source.device, **self.source.machine},
            answers=tuple(self.answers),
        )
        path = recording_path(self.request.recordings, recording.variant)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, recording_bytes(recording), "recording", f"--recordings {self.request.recordings}")
        self.say(f"{spec.name}: {len(recording.answers)} answers recorded in {path}")


def _write(path: Path, data: bytes, what: str, where: str) -> None:
    from tileproof.build import write_output

    write_output(path, data, what=what, where=where)


def chosen_cases(spec: KernelSpec, request: Request) -> tuple[Case, ...]:
    known = {case.name: case for case in spec.cases}
    for name in request.cases:
        if name not in known:
            raise Problem(
                f"{spec.name} has no case {name!r}",
                where=f"--case {name!r}",
                why="its cases: " + ", ".join(known),
                fix="name one of them; without --case all are run",
            )
    chosen = tuple(known[name] for name in request.cases) or spec.cases
    return chosen if request.seed is None else tuple(replace(case, seed=request.seed) for case in chosen)


def _with_findings(verdict: Verdict, rendered: Rendered) -> Verdict:
    """A failure, with what the static checks find: often they name the cause where the numbers only show it."""
    from tileproof.check.report import paragraph
    from tileproof.check.run import check_design

    findings = check_design(rendered.texts["design.mlir"], "design.mlir", rendered.tile_code)
    return replace(verdict, faults=(*verdict.faults, *map(paragraph, findings)))


def _wav_case(spec: KernelSpec, request: Request, wav: Path) -> tuple[Case, ...]:
    if request.cases or request.seed is not None:
        raise Problem(
            "--wav takes no --case and no --seed",
            where="--case" if request.cases else "--seed",
            why="the recording is the input",
            fix="leave it out, or leave --wav out",
        )
    correlation = spec.recording.correlation if spec.recording else None
    return (Case(name=f"recording {wav.name}", draw="", seed=0, about=str(wav), correlation=correlation),)


def _frames(spec: KernelSpec, wav: Path) -> npt.NDArray[Any]:
    """The frames of a recording in the kernel's input type."""
    import numpy as np

    from tileproof import audio

    recording = _recording_of(spec)
    samples = audio.read_recording(wav, recording.sample_rate)
    ((buffer, part),) = [(buffer, part) for buffer in spec.inputs for part in buffer.parts]
    steps = golden.quantised(samples, buffer, replace(part, shape=samples.shape))
    return np.ascontiguousarray(audio.frames(steps, recording.length, recording.hop))


def _recording_of(spec: KernelSpec) -> Recording:
    if spec.recording is None:
        raise Problem(
            f"{spec.name} does not take a recording",
            where="--wav",
            why=f"{spec.path} has no [recording]",
            fix="use --wav with the mel kernel",
        )
    return spec.recording


def unjudged(
    spec: KernelSpec, request: Request, cases: Sequence[Case], problem: Problem, source: Source | None = None
) -> Iterator[Verdict]:
    """Verdicts on cases that could not be run; a request that is wrong is raised."""
    from tileproof.verify import Verdict, outcome_of

    if problem.exit_code == EXIT_REQUEST_WRONG:
        raise problem
    for case in cases:
        yield Verdict(
            kernel=spec.name,
            variant=spec.variant(request.target),
            target=request.target,
            toolchain=source.toolchain if source else request.toolchain,
            device=source.device if source else request.device,
            case=case.name,
            seed=case.seed,
            outcome=outcome_of(problem),
            reason=problem.what,
            faults=(problem.text,),
            machine=source.machine if source else {},
        )
