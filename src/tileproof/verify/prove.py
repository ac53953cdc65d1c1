"""From a kernel's name to its verdicts: which of its cases are asked for, and where the answers come from."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tileproof.build.prepare import Rendered, render_kernel
from tileproof.device import NPU, RECORDED
from tileproof.errors import EXIT_NOT_HERE, Problem
from tileproof.kernel import golden
from tileproof.kernel.spec import Case, KernelSpec, Sound
from tileproof.verify.bench import Bench, Say, unjudged
from tileproof.verify.canary import find_canary
from tileproof.verify.expected import Expectations, Expected
from tileproof.verify.request import VerifyRequest
from tileproof.verify.sources import Source, find_source

if TYPE_CHECKING:
    from tileproof.verify.verdict import Verdict

Known = Callable[[str, Case, Source], "Verdict | None"]


def nothing_known(variant: str, case: Case, source: Source) -> None:
    """There was no earlier session."""


def prove_kernel(
    name: str,
    request: VerifyRequest,
    say: Say,
    wav: Path | None = None,
    known: Known = nothing_known,
) -> Generator[Verdict, None, None]:
    """One verdict per case, as they come; with `wav`, one for that sound. `known` are those of an earlier session.

    A kernel that cannot be built fails every case; one that cannot be run here is "not run". A request that is wrong
    raises its `Problem`.
    """
    rendered = render_kernel(name, request.build)
    with closing(Expectations(rendered.spec, rendered.constants)) as expectations:
        yield from _proved(rendered, request, expectations, say, wav, known)


def _proved(
    rendered: Rendered,
    request: VerifyRequest,
    expectations: Expectations,
    say: Say,
    wav: Path | None,
    known: Known,
) -> Generator[Verdict, None, None]:
    cases = chosen_cases(rendered.spec, request) if wav is None else _wav_case(rendered.spec, request, wav)
    try:
        frames = None if wav is None else _frames(rendered.spec, wav, expectations)
        _refuse_what_cannot_refuse(rendered.spec, request, cases, expectations, frames)
        is_built = request.run.device == NPU and request.run.xclbin is None
        # A build takes a while: what is wrong with the machine is said before it.
        machine = npu_machine(request.build.target) if is_built else None
        source = find_source(rendered, request, say)
        if source.device == NPU:
            source = replace(source, machine=npu_machine(request.build.target) if machine is None else machine)
        canary = find_canary(request, say) if source.device == NPU else None
    except Problem as problem:
        yield from unjudged(rendered.spec, request, cases, problem)
        return
    variant = rendered.spec.variant(request.build.target)
    # A sound is known by its name only; and what is to be recorded must have been.
    can_be_known = {case.name for case in cases if case.draw} - _unrecorded(rendered, request, source, cases)
    decided = {case.name: known(variant, case, source) if case.name in can_be_known else None for case in cases}
    left = [case for case in cases if decided[case.name] is None]
    with closing(Bench(rendered, request, source, canary, say, expectations).verdicts(left, frames)) as judged:
        for case in cases:
            yield decided[case.name] or next(judged)
        for _ in judged:  # what comes behind the last verdict
            pass


def _refuse_what_cannot_refuse(
    spec: KernelSpec,
    request: VerifyRequest,
    cases: Sequence[Case],
    expectations: Expectations,
    frames: Sequence[Expected] | None,
) -> None:
    """A `Problem` where a kernel that computes nothing would pass all that was asked for, here and elsewhere."""
    from tileproof.verify.refusing import Run, cannot_refuse, runs_of

    elsewhere = [case for case in spec.cases if case.name in request.cases.besides]
    if frames is None:
        makes_between = request.run.device != RECORDED
        runs = runs_of((*cases, *elsewhere), expectations, makes_between=makes_between)
    else:
        runs = [Run(case=cases[0].name, expected=frame) for frame in frames]
    told = cannot_refuse(spec, runs, expectations.of_inputs) if runs else None
    if told is not None:
        if frames is not None:
            told = replace(told, fix="give a sound that is more than silence")
        raise Problem.of(told, EXIT_NOT_HERE)


def _unrecorded(rendered: Rendered, request: VerifyRequest, source: Source, cases: Sequence[Case]) -> set[str]:
    """With --record, the cases of which the file has not all answers."""
    if not request.cases.record:
        return set()
    from tileproof.device.recorded import complete_cases, read_recording, recording_path

    names = {case.name for case in cases}
    try:
        found = read_recording(recording_path(request.cases.recordings, rendered.spec.variant(request.build.target)))
    except Problem:
        return names
    is_this = (found.texts, found.digest) == (rendered.digest, source.artifacts["digest"])
    return names - complete_cases(found) if is_this else names


def npu_machine(target: str) -> dict[str, str]:
    """What xrt-smi says of this machine, if anything; a `Problem` without an NPU, or with another than `target`."""
    from tileproof.device.guarded import check_npu
    from tileproof.toolchain.npu import Examined, Machine, examine_npu

    check_npu()
    found = examine_npu(Machine())
    if not isinstance(found, Examined):
        return {}
    if found.generation not in (None, target):
        raise Problem(
            f"the NPU of this machine is {found.generation}, and {target} was asked for",
            id="other-npu",
            where=f"--target {target}",
            why=f"xrt-smi lists {found.npu}; what is built for {target} runs there without an error and answers zeros",
            fix=f"--target {found.generation}",
        )
    return {name: value for name, value in asdict(found).items() if value}


def chosen_cases(spec: KernelSpec, request: VerifyRequest) -> tuple[Case, ...]:
    known = {case.name: case for case in spec.cases}
    for name in request.cases.names:
        if name not in known:
            raise Problem(
                f"{spec.name} has no case {name!r}",
                id="unknown-case",
                where=f"--case {name!r}",
                why="its cases: " + ", ".join(known),
                fix="name one of them; without --case all are run",
            )
    chosen = tuple(known[name] for name in request.cases.names) or spec.cases
    return chosen if request.cases.seed is None else tuple(replace(case, seed=request.cases.seed) for case in chosen)


def _wav_case(spec: KernelSpec, request: VerifyRequest, wav: Path) -> tuple[Case, ...]:
    if request.cases.names or request.cases.seed is not None:
        raise Problem(
            "--wav takes no --case and no --seed",
            id="option-conflict",
            where="--case" if request.cases.names else "--seed",
            why="the sound is the input",
            fix="leave it out, or leave --wav out",
        )
    correlation = spec.sound.correlation if spec.sound else None
    return (Case(name=f"sound {wav.name}", draw="", seed=0, about=str(wav), correlation=correlation),)


def _frames(spec: KernelSpec, wav: Path, expectations: Expectations) -> list[Expected]:
    """The frames of a sound in the kernel's input type, and what each must give."""
    import numpy as np

    from tileproof.kernel import sound

    cut = _sound_of(spec)
    samples = sound.read_sound(wav, cut.sample_rate)
    ((buffer, part),) = [(buffer, part) for buffer in spec.inputs for part in buffer.parts]
    steps = golden.quantised(samples, buffer, replace(part, shape=samples.shape))
    frames = np.ascontiguousarray(sound.frames(steps, cut.length, cut.hop))
    return [expectations.of_inputs({part.name: frame}) for frame in frames]


def _sound_of(spec: KernelSpec) -> Sound:
    if spec.sound is None:
        raise Problem(
            f"{spec.name} does not take a sound",
            id="takes-no-sound",
            where="--wav",
            why=f"{spec.path} has no [sound]",
            fix="use --wav with the mel kernel",
        )
    return spec.sound
