"""From a built kernel to its verdicts: draw, run, compare. Each step is another module's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from tileproof import golden
from tileproof.errors import EXIT_REQUEST_WRONG, Problem
from tileproof.prepare import Rendered, Request, build_kernel, render_kernel
from tileproof.provenance import Provenance, read_provenance
from tileproof.spec import Case, KernelSpec, Recording
from tileproof.xrt import COMPLETED

if TYPE_CHECKING:
    import numpy.typing as npt

    from tileproof.device import OpenDevice
    from tileproof.device.guarded import GuardedKernel
    from tileproof.device.runner import LoadedKernel, RunResult
    from tileproof.emulator.timeline import Timeline
    from tileproof.verify import Comparison, Verdict
    from tileproof.xclbin import Xclbin

# The second run of a case draws from another seed, so that a stale output is not taken for a right one.
_OTHER_SEED = 1000


def prove_kernel(name: str, request: Request, say: Callable[[str], None], wav: Path | None = None) -> Iterator[Verdict]:
    """One verdict per case, as they come; with `wav`, one for the recording.

    A kernel that cannot be built fails every case; one that cannot be run here is "not run". A request that is wrong
    raises its `Problem`.
    """
    rendered = render_kernel(name, request)
    cases = _chosen_cases(rendered.spec, request) if wav is None else _wav_case(rendered.spec, request, wav)
    frames = None if wav is None else _frames(rendered.spec, wav)
    if request.device == "npu":
        from tileproof.device.turn import npu_turn

        with npu_turn(rendered.spec.variant(request.target), say):
            yield from _prove_cases(rendered, request, cases, frames, say)
    else:
        yield from _prove_cases(rendered, request, cases, frames, say)


def _prove_cases(
    rendered: Rendered,
    request: Request,
    cases: Sequence[Case],
    frames: npt.NDArray[Any] | None,
    say: Callable[[str], None],
) -> Iterator[Verdict]:
    name = rendered.spec.name
    proof: _Proof | None = None
    timelines: list[Timeline] = []
    for number, case in enumerate(cases):
        say(f"{name}: {case.name}")
        try:
            if proof is None or proof.dead:
                proof = None  # its context goes before the next one comes
                proof = _Proof.begin(rendered, request, say)
            verdict = proof.case(case) if frames is None else proof.recording(case, frames, say)
        except Problem as problem:
            if problem.exit_code == EXIT_REQUEST_WRONG:
                raise
            yield from (_unjudged(rendered.spec, request, left, problem) for left in cases[number:])
            return
        timelines += proof.take_timelines()
        yield verdict if verdict.passed or request.xclbin else _with_findings(verdict, rendered)
    if request.trace is not None:
        _write_trace(request.trace, timelines, rendered.spec.variant(request.target))


def _write_trace(path: Path, timelines: Sequence[Timeline], name: str) -> None:
    from tileproof.build import write_output
    from tileproof.emulator.timeline import trace_json

    write_output(path, trace_json(timelines, name).encode(), what="trace", where=f"--trace {path}")


def _chosen_cases(spec: KernelSpec, request: Request) -> tuple[Case, ...]:
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


@dataclass
class _Proof:
    """A built kernel on a device, with everything needed to judge its runs."""

    rendered: Rendered
    request: Request
    device: str
    artifacts: Mapping[str, str]
    toolchain: str
    loaded: LoadedKernel | GuardedKernel
    seconds: dict[str, float]
    dead: bool = False
    timelines: list[Timeline] = field(default_factory=list)

    @classmethod
    def begin(cls, rendered: Rendered, request: Request, say: Callable[[str], None]) -> _Proof:
        started = time.perf_counter()
        say(f"{rendered.spec.name}: build")
        xclbin, insts = _given_pair(request) or _built_pair(rendered, request, say)
        built = time.perf_counter()
        # Late: it needs numpy, which a build alone does not.
        from tileproof.device.runner import open_xclbin

        container = open_xclbin(xclbin)
        provenance = read_provenance(container)
        _refuse_another(rendered.spec.variant(request.target), provenance, xclbin)
        device = _device(request, container, xclbin)
        sizes = {number: buffer.nbytes for number, buffer in enumerate(rendered.spec.buffers)}
        loaded = _loaded(device, xclbin, insts, sizes, request.timeout_s)
        return cls(
            rendered=rendered,
            request=request,
            device=device.name,
            artifacts={
                "xclbin": str(xclbin),
                "insts": str(insts),
                "digest": provenance.digest if provenance else "",
            },
            toolchain=provenance.toolchain if provenance else "unknown",
            loaded=loaded,
            seconds={"build": built - started, "load": time.perf_counter() - built},
        )

    def case(self, case: Case) -> Verdict:
        """Two runs with different inputs; the verdict is the first that does not pass."""
        first = self._once(case, case.seed)
        if not first.passed:
            return first
        second = self._once(case, case.seed + _OTHER_SEED)
        if second.passed:
            return first
        return replace(second, reason=f"on a second run with other inputs: {second.reason}")

    def _once(self, case: Case, seed: int) -> Verdict:
        inputs = golden.draw_inputs(self.rendered.spec, case, seed)
        result = self._run(inputs)
        comparisons = self._compare(inputs, result, case.correlation) if result.outputs else ()
        return self._verdict(replace(case, seed=seed), result, comparisons)

    def _run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> RunResult:
        buffers = self.rendered.spec.buffers
        data = {number: golden.joined(buffer, inputs) for number, buffer in enumerate(buffers) if buffer.way == "in"}
        result = self.loaded.run(data)
        # Whatever went wrong, what it left behind is not to disturb the next case.
        self.dead = result.state != COMPLETED or bool(result.faults)
        if result.timeline is not None:
            self.timelines.append(result.timeline)
        return result

    def take_timelines(self) -> list[Timeline]:
        """Those of the runs since this was last called."""
        taken, self.timelines = self.timelines, []
        return taken

    def _outputs(self, result: RunResult) -> dict[str, npt.NDArray[Any]]:
        buffers = enumerate(self.rendered.spec.buffers)
        return {
            name: value
            for number, buffer in buffers
            if buffer.way == "out"
            for name, value in golden.split(buffer, result.outputs[number]).items()
        }

    def _compare(
        self, inputs: Mapping[str, npt.NDArray[Any]], result: RunResult, correlation: float | None
    ) -> tuple[Comparison, ...]:
        from tileproof.verify import compare

        spec = self.rendered.spec
        exact = golden.integer_outputs(spec, inputs, self.rendered.constants)
        textbook = golden.golden_steps(spec, inputs)
        comparisons = []
        for name, actual in self._outputs(result).items():
            comparison = compare(
                name,
                actual,
                exact[name] if exact else None,
                textbook[name],
                spec.tolerances[name],
                correlation,
                spec.db_per_step(name),
            )
            comparisons.append(self._with_left_over(comparison, actual, result))
        return tuple(comparisons)

    def _with_left_over(self, comparison: Comparison, actual: npt.NDArray[Any], result: RunResult) -> Comparison:
        if comparison.passed:
            return comparison
        from tileproof.verify import left_over

        fills: dict[int, str] = (
            {} if result.poison is None else {result.poison: "the host filled the buffer before the run"}
        )
        if self.device == "emulator":
            from tileproof.emulator.memory import TILE_POISON

            fills[TILE_POISON] = "the tile's memory was filled at the start"
        hint = left_over(actual, fills)
        return replace(comparison, reason=f"{comparison.reason}; {hint}") if hint else comparison

    def _verdict(self, case: Case, result: RunResult, comparisons: tuple[Comparison, ...]) -> Verdict:
        from tileproof.verify import Verdict, judge

        spec = self.rendered.spec
        unwritten = tuple(f"no byte of {spec.buffers[number].name} was written" for number in result.untouched)
        faults = (*result.faults, *unwritten)
        outcome, reason = judge(comparisons, result.state, result.state_name, faults)
        return Verdict(
            kernel=spec.name,
            variant=spec.variant(self.request.target),
            target=self.request.target,
            toolchain=self.toolchain,
            device=self.device,
            case=case.name,
            seed=case.seed,
            outcome=outcome,
            reason=reason,
            outputs=comparisons,
            state=result.state_name,
            artifacts=self.artifacts,
            seconds={**self.seconds, **result.seconds},
            faults=faults,
            cycles=result.timeline.cycles if result.timeline is not None else None,
            modelled=str(result.timeline or ""),
        )

    def recording(self, case: Case, frames: npt.NDArray[Any], say: Callable[[str], None]) -> Verdict:
        """Every frame of a recording through the kernel; all frames are compared as one array."""
        spec = self.rendered.spec
        name, output = spec.inputs[0].parts[0].name, spec.outputs[0].parts[0].name
        actual: list[npt.NDArray[Any]] = []
        seconds: dict[str, float] = {}
        for number, frame in enumerate(frames):
            say(f"{spec.name}: frame {number + 1} of {len(frames)}")
            result = self._run({name: frame})
            seconds = {key: seconds.get(key, 0.0) + value for key, value in result.seconds.items()}
            if self.dead:
                return self._verdict(case, result, ())
            actual.append(self._outputs(result)[output])
        comparison = self._compare_frames(name, output, frames, actual, case.correlation)
        return self._verdict(case, replace(result, seconds=seconds), (comparison,))

    def _compare_frames(
        self,
        name: str,
        output: str,
        frames: npt.NDArray[Any],
        actual: list[npt.NDArray[Any]],
        correlation: float | None,
    ) -> Comparison:
        import numpy as np

        from tileproof.verify import compare

        spec = self.rendered.spec
        exact = [golden.integer_outputs(spec, {name: frame}, self.rendered.constants) for frame in frames]
        textbook = np.stack([golden.golden_steps(spec, {name: frame})[output] for frame in frames])
        return compare(
            output,
            np.stack(actual),
            None if None in exact else np.stack([frame[output] for frame in exact if frame is not None]),
            textbook,
            spec.tolerances[output],
            # Silence from end to end has no correlation to demand.
            None if np.ptp(textbook) == 0 else correlation,
            spec.db_per_step(output),
        )


def _with_findings(verdict: Verdict, rendered: Rendered) -> Verdict:
    """A failure, with what the static checks find: often they name the cause where the numbers only show it."""
    from tileproof.check.report import paragraph
    from tileproof.check.run import check_design

    findings = check_design(rendered.texts["design.mlir"], "design.mlir", rendered.tile_code)
    return replace(verdict, faults=(*verdict.faults, *map(paragraph, findings)))


def _built_pair(rendered: Rendered, request: Request, say: Callable[[str], None]) -> tuple[Path, Path]:
    if request.device == "npu":
        from tileproof.device import open_device

        open_device(request.device)  # a build takes a while; that there is no NPU is said before it
    # The compiler is a process of its own: what the run will need is imported while it works.
    Thread(target=_import_emulator, daemon=True).start()
    artifacts = build_kernel(rendered, request, say)
    return artifacts.xclbin, artifacts.insts


def _refuse_another(variant: str, provenance: Provenance | None, xclbin: Path) -> None:
    if provenance is not None and provenance.variant != variant:
        raise Problem(
            f"{xclbin.name} is not what was asked for",
            where=str(xclbin),
            why=f"it was built as {provenance.variant}, and {variant} is to be verified",
            fix="give the same kernel, --target and --set that it was built with",
        )


def _import_emulator() -> None:
    import_module("tileproof.emulator.pyxrt")


def _device(request: Request, container: Xclbin, xclbin: Path) -> OpenDevice:
    """The device that the file was packed for; on another one it would be garbage."""
    from tileproof.device import EMULATOR, NPU, open_device
    from tileproof.emulator.library import Manner

    if container.section("EMULATION_DATA") is None:
        return open_device(NPU if request.device == "auto" else request.device)
    if request.device == NPU:
        raise Problem(
            f"{xclbin.name} was packed for the emulator",
            where="--device npu",
            why="it holds no machine code for an NPU",
            fix="use --device emulator, or give a pair that aiecc made",
        )
    device = open_device(EMULATOR)
    device.xrt.settings.watchdog_s = request.timeout_s
    device.xrt.settings.manner = Manner(as_hardware=request.as_hardware, trace=request.trace is not None)
    return device


def _loaded(
    device: OpenDevice, xclbin: Path, insts: Path, sizes: Mapping[int, int], timeout_s: float
) -> LoadedKernel | GuardedKernel:
    """The emulator guards itself: its array is another process. XRT does not."""
    from tileproof.device import EMULATOR
    from tileproof.device.guarded import GuardedKernel
    from tileproof.device.runner import LoadedKernel

    if device.name == EMULATOR:
        return LoadedKernel(device, xclbin, insts, sizes, timeout_s)
    return GuardedKernel(xclbin, insts, sizes, timeout_s)


def _given_pair(request: Request) -> tuple[Path, Path] | None:
    if (request.xclbin is None) != (request.insts is None):
        raise Problem(
            "--xclbin and --insts go together",
            where="--xclbin" if request.xclbin else "--insts",
            why="a host loads the pair that one build made",
            fix="give both, or none of them",
        )
    return (request.xclbin, request.insts) if request.xclbin and request.insts else None


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


def _unjudged(spec: KernelSpec, request: Request, case: Case, problem: Problem) -> Verdict:
    """The verdict on a case that could not be run."""
    from tileproof.verify import Verdict, outcome_of

    return Verdict(
        kernel=spec.name,
        variant=spec.variant(request.target),
        target=request.target,
        toolchain=request.toolchain,
        device=request.device,
        case=case.name,
        seed=case.seed,
        outcome=outcome_of(problem),
        reason=problem.what,
        faults=(problem.text,),
    )
