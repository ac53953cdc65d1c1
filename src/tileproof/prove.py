"""From a kernel's name to its verdicts: spec, render, plan, build, run, compare. Each step is another module's."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tileproof import device_model, golden, library
from tileproof.build import Artifacts, build
from tileproof.errors import EXIT_NOT_HERE, EXIT_REQUEST_WRONG, Problem
from tileproof.plan import Plan, plan_host_build
from tileproof.render import render
from tileproof.spec import Case, KernelSpec, load_spec
from tileproof.toolchain.cxx import find_cxx
from tileproof.toolchain.ninja import find_ninja
from tileproof.xrt import ABORT, COMPLETED, TIMEOUT

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tileproof.device import OpenDevice
    from tileproof.device.runner import LoadedKernel, RunResult
    from tileproof.verify import Comparison, Verdict

# The second run of a case draws from another seed, so that a stale output is not taken for a right one.
_OTHER_SEED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for, the same for every command. Paths are as the user gave them."""

    target: str = device_model.TARGETS[0]
    toolchain: str = "auto"
    device: str = "auto"
    sizes: Mapping[str, int] = field(default_factory=dict)
    cases: tuple[str, ...] = ()
    seed: int | None = None
    build_dir: Path = Path("build")
    kernels: Path | None = None
    jobs: int | None = None
    xclbin: Path | None = None
    insts: Path | None = None
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A kernel as far as texts: everything before a tool runs."""

    spec: KernelSpec
    constants: Mapping[str, Any]
    texts: Mapping[str, str]


def render_kernel(name: str, request: Request) -> Rendered:
    """The spec of kernel `name` with the request's sizes, its constants and its rendered texts."""
    spec = load_spec(library.kernel_dir(name, request.kernels), request.sizes)
    if request.target not in spec.targets:
        raise Problem(
            f"{name} is not made for {request.target}",
            where=f"{spec.path}, targets",
            why="its targets are " + ", ".join(spec.targets),
            fix=f"use --target {spec.targets[0]}",
        )
    constants = golden.kernel_constants(spec)
    texts = render(spec, request.target, constants, library.template_texts(spec.folder))
    return Rendered(spec=spec, constants=constants, texts=texts)


def plan_kernel(rendered: Rendered, request: Request) -> Plan:
    """The build of a rendered kernel, as data."""
    if request.toolchain == "mlir-aie":
        raise Problem(
            "this version of tileproof does not drive mlir-aie",
            where="--toolchain mlir-aie",
            why="it builds for the emulator, with the host's compiler",
            fix="use --toolchain host; for an NPU, build with aiecc and give the pair with --xclbin and --insts",
            exit_code=EXIT_NOT_HERE,
        )
    return plan_host_build(rendered.spec, request.target, rendered.texts, find_cxx(), sys.executable)


def build_kernel(rendered: Rendered, request: Request, say: Callable[[str], None]) -> Artifacts:
    """The pair of xclbin and insts.bin, built if anything changed."""
    plan = plan_kernel(rendered, request)
    return build(plan, request.build_dir, find_ninja(), jobs=request.jobs, say=say)


def prove_kernel(name: str, request: Request, say: Callable[[str], None], wav: Path | None = None) -> Iterator[Verdict]:
    """One verdict per case, as they come; with `wav`, one for the recording."""
    rendered = render_kernel(name, request)
    cases = _wav_case(wav) if wav else _chosen_cases(rendered.spec, request)
    recording = _recording(rendered.spec, wav) if wav else None
    try:
        proof = _Proof.begin(rendered, request, say)
    except Problem as problem:
        if problem.exit_code != EXIT_NOT_HERE:
            raise
        yield from (_not_run(rendered.spec, request, case, problem) for case in cases)
        return
    for case in cases:
        say(f"{name}: {case.name}")
        yield proof.case(case) if recording is None else proof.recording(case, recording, say)
        if proof.dead:
            proof = _Proof.begin(rendered, request, say)


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
    loaded: LoadedKernel
    seconds: dict[str, float]
    dead: bool = False

    @classmethod
    def begin(cls, rendered: Rendered, request: Request, say: Callable[[str], None]) -> _Proof:
        started = time.perf_counter()
        say(f"{rendered.spec.name}: build")
        xclbin, insts = _given_pair(request) or _built_pair(rendered, request, say)
        built = time.perf_counter()
        device = _device(request)
        sizes = {number: buffer.nbytes for number, buffer in enumerate(rendered.spec.buffers)}
        loaded = _runner().LoadedKernel(device, xclbin, insts, sizes)
        provenance = loaded.provenance
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
        self.dead = result.state in (ABORT, TIMEOUT)
        return result

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
        return tuple(
            compare(
                name,
                actual,
                exact[name] if exact else None,
                textbook[name],
                spec.tolerances[name],
                correlation,
                spec.db_per_step(name),
            )
            for name, actual in self._outputs(result).items()
        )

    def _verdict(self, case: Case, result: RunResult, comparisons: tuple[Comparison, ...]) -> Verdict:
        from tileproof.verify import Verdict, judge

        outcome, reason = judge(comparisons, result.state, result.state_name, result.faults)
        spec = self.rendered.spec
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
            faults=result.faults,
        )

    def recording(self, case: Case, frames: npt.NDArray[np.int16], say: Callable[[str], None]) -> Verdict:
        """Every frame of a recording through the kernel; all frames are compared as one array."""
        import numpy as np

        from tileproof.verify import compare

        spec = self.rendered.spec
        name, output = spec.inputs[0].parts[0].name, spec.outputs[0].parts[0].name
        rows: dict[str, list[npt.NDArray[Any]]] = {"actual": [], "exact": [], "golden": []}
        seconds: dict[str, float] = {}
        result: RunResult | None = None
        for number, frame in enumerate(frames):
            say(f"{spec.name}: frame {number + 1} of {len(frames)}")
            result = self._run({name: frame})
            if result.state != COMPLETED or result.faults:
                return self._verdict(case, result, ())
            seconds = {key: seconds.get(key, 0.0) + value for key, value in result.seconds.items()}
            exact = golden.integer_outputs(spec, {name: frame}, self.rendered.constants)
            rows["actual"].append(self._outputs(result)[output])
            rows["exact"].append((exact or self._outputs(result))[output])
            rows["golden"].append(golden.golden_steps(spec, {name: frame})[output])
        assert result is not None
        actual, exact_rows, textbook = (np.stack(rows[key]) for key in ("actual", "exact", "golden"))
        comparison = compare(
            output,
            actual,
            exact_rows,
            textbook,
            spec.tolerances[output],
            case.correlation,
            spec.db_per_step(output),
        )
        return self._verdict(case, replace(result, seconds=seconds), (comparison,))


def _built_pair(rendered: Rendered, request: Request, say: Callable[[str], None]) -> tuple[Path, Path]:
    if request.device == "npu":
        raise Problem(
            "there is nothing to run on the NPU",
            where="--device npu",
            why="this version of tileproof builds for the emulator only",
            fix="build with aiecc and give the pair with --xclbin and --insts",
            exit_code=EXIT_NOT_HERE,
        )
    # The compiler is a process of its own: what the run will need is imported while it works.
    Thread(target=_import_emulator, daemon=True).start()
    artifacts = build_kernel(rendered, request, say)
    return artifacts.xclbin, artifacts.insts


def _import_emulator() -> None:
    for module in ("tileproof.emulator.pyxrt", "tileproof.mlir.reader"):
        import_module(module)


def _device(request: Request) -> OpenDevice:
    """The device that was asked for; what was built here is for the emulator."""
    from tileproof.device import EMULATOR, open_device

    device = open_device(request.device if request.xclbin else EMULATOR)
    if device.name == EMULATOR:
        device.xrt.settings.watchdog_s = request.timeout_s
    return device


def _runner() -> ModuleType:
    # Late: it needs numpy, which a build alone does not.
    return import_module("tileproof.device.runner")


def _given_pair(request: Request) -> tuple[Path, Path] | None:
    if (request.xclbin is None) != (request.insts is None):
        raise Problem(
            "--xclbin and --insts go together",
            where="--xclbin" if request.xclbin else "--insts",
            why="a host loads the pair that one build made",
            fix="give both, or none of them",
        )
    return (request.xclbin, request.insts) if request.xclbin and request.insts else None


def _wav_case(wav: Path) -> tuple[Case, ...]:
    return (Case(name=f"recording {wav.name}", draw="", seed=0, about=str(wav), correlation=0.99),)


def _recording(spec: KernelSpec, wav: Path) -> npt.NDArray[np.int16]:
    """The frames of a recording in the kernel's input type."""
    import numpy as np

    from tileproof import audio

    wanted = ("samples", "sample_rate", "hop")
    parts = [(buffer, part) for buffer in spec.inputs for part in buffer.parts]
    if any(key not in spec.sizes for key in wanted) or len(parts) != 1 or len(spec.outputs) != 1:
        raise Problem(
            f"{spec.name} does not take a recording",
            where="--wav",
            why="a kernel that does has one input and one output, and the sizes " + ", ".join(wanted),
            fix="use --wav with the mel kernel",
            exit_code=EXIT_REQUEST_WRONG,
        )
    samples = audio.read_recording(wav, spec.sizes["sample_rate"])
    buffer, part = parts[0]
    steps = golden.quantised(samples, buffer, replace(part, shape=samples.shape))
    cut = audio.frames(steps, spec.sizes["samples"], spec.sizes["hop"])
    return np.ascontiguousarray(cut)


def _not_run(spec: KernelSpec, request: Request, case: Case, problem: Problem) -> Verdict:
    from tileproof.verify import NOT_RUN, Verdict

    return Verdict(
        kernel=spec.name,
        variant=spec.variant(request.target),
        target=request.target,
        toolchain=request.toolchain,
        device=request.device,
        case=case.name,
        seed=case.seed,
        outcome=NOT_RUN,
        reason=problem.what + (f": {problem.why}" if problem.why else ""),
    )
