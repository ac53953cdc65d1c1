"""The command verify: which cases, on which device, and what is left behind."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tileproof import library
from tileproof.cli.bug import bug
from tileproof.cli.shared import (
    add_command,
    answer,
    build_request_of,
    building_options,
    common_options,
    emulator_options,
    filled,
    folder,
    progress,
    runs,
    say,
    schedules_option,
    seconds,
    seed,
)
from tileproof.cli.shortage import shortage
from tileproof.cli.verify_requests import refuse_odd
from tileproof.device.request import RunRequest
from tileproof.errors import (
    EXIT_BUG,
    EXIT_HUNG_UP,
    EXIT_INTERRUPTED,
    EXIT_KERNEL_WRONG,
    EXIT_NOT_HERE,
    EXIT_REQUEST_WRONG,
    EXIT_TERMINATED,
    Problem,
    exit_code_of,
)
from tileproof.verify.request import CaseRequest, VerifyRequest

if TYPE_CHECKING:
    from tileproof.cli.shared import Commands
    from tileproof.verify.session import Session
    from tileproof.verify.verdict import Verdict

# Each outweighs those behind it.
_ENDED = (EXIT_INTERRUPTED, EXIT_TERMINATED, EXIT_HUNG_UP)
_OUTWEIGHING = (*_ENDED, EXIT_KERNEL_WRONG, EXIT_BUG, EXIT_REQUEST_WRONG, EXIT_NOT_HERE)

_RUN, _CASES = RunRequest(), CaseRequest()  # for their defaults


def add_commands(commands: Commands) -> None:
    text = "build kernels, run every case and their Python, and compare every element; without names: all kernels"
    parser = add_command(commands, "verify", _verify, text)
    parser.add_argument("kernel", nargs="*")
    common_options(parser)
    building_options(parser)
    devices = ("auto", "npu", "emulator", "recorded")
    text = "default: the emulator, or the NPU for an --xclbin that was packed for one"
    parser.add_argument("--device", choices=devices, default=_RUN.device, help=text)
    parser.add_argument(
        "--case", dest="names", metavar="NAME", action="append", default=[], help="only this case; may be repeated"
    )
    parser.add_argument("--seed", type=seed, metavar="N", help="draw every case from this seed instead of its own")
    parser.add_argument("--wav", metavar="FILE", type=Path, help="run every frame of a sound through the kernel")
    parser.add_argument(
        "--xclbin", metavar="FILE", type=Path, help="verify this xclbin instead of building; with --insts"
    )
    parser.add_argument("--insts", metavar="FILE", type=Path, help="the instructions built with --xclbin")
    parser.add_argument(
        "--repeat",
        type=runs,
        metavar="N",
        default=_CASES.repeat,
        help="runs of each case, each with other inputs; default: %(default)s, which is also the least",
    )
    emulator_options(parser)
    schedules_option(parser)
    _npu_options(parser.add_argument_group("on an NPU"))
    _output_options(parser.add_argument_group("what is left behind"))


def _npu_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--canary",
        nargs=2,
        type=Path,
        metavar=("XCLBIN", "INSTS"),
        help="the built canary kernel, which tells a dirty device from a wrong kernel; default: build it",
    )
    group.add_argument(
        "--ninstr",
        dest="counted",
        choices=("auto", "words", "bytes"),
        default=_RUN.counted,
        help="what this argument of the kernel counts; default: what the canary needs, else words",
    )
    group.add_argument(
        "--idle",
        dest="idle_s",
        type=seconds,
        metavar="S",
        default=_CASES.idle_s,
        help="once, time a run after S seconds without one",
    )
    group.add_argument(
        "--hosts",
        metavar="ADDRESS",
        help="hand the cases to the Dask cluster of this scheduler, for instance tcp://10.0.0.2:8786",
    )
    group.add_argument("--record", action="store_true", help="keep what the NPU answers, for --device recorded")
    group.add_argument(
        "--recordings", metavar="DIR", type=Path, default=_CASES.recordings, help="default: ./recordings"
    )


def _output_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--json", action="store_true", help="print verdicts as JSON")
    group.add_argument("--junit", metavar="FILE", type=Path, help="also write JUnit XML")
    group.add_argument("--sarif", metavar="FILE", type=Path, help="also write what was found as SARIF 2.1.0")
    group.add_argument(
        "--out", metavar="DIR", type=folder, help="keep verdicts.json and verify.log there, up to date after every case"
    )
    group.add_argument(
        "--resume", action="store_true", help="with --out: leave out what was decided there for the same build"
    )


def _request_of(arguments: argparse.Namespace) -> VerifyRequest:
    return VerifyRequest(
        build=build_request_of(arguments),
        run=filled(RunRequest, arguments),
        cases=filled(CaseRequest, arguments),
    )


def _verify(arguments: argparse.Namespace) -> int:
    from tileproof.verify.verdict import exit_code

    request = _request_of(arguments)
    names = arguments.kernel or library.kernel_names(arguments.kernels)
    refuse_odd(names, request, arguments)
    with _session(arguments, request) as session:
        verdicts, refused = _prove_all(names, request, arguments, session)
        codes = (exit_code(verdicts), *(problem.exit_code for problem in refused.values()))
        code = next((code for code in _OUTWEIGHING if code in codes), 0)
        if session is not None:
            if session.reused:
                say(f"{session.reused} of {len(verdicts)} cases were decided before, in {arguments.out}")
            session.end(refused, verdicts, code)
    lost = [session.lost] if session is not None and session.lost is not None else []
    try:
        _tell(arguments, verdicts, refused)
    except Problem as problem:  # what was found outweighs where it could not be written
        lost.append(problem)
    for loss in lost:
        say(loss.paragraph)
        code = code or loss.exit_code
    return code


def _tell(arguments: argparse.Namespace, verdicts: Sequence[Verdict], refused: Mapping[str, Problem]) -> None:
    from tileproof.report import verdicts as report
    from tileproof.report.sarif import as_sarif
    from tileproof.verify.verdict_json import as_json

    if arguments.junit is not None:
        _write_report(arguments.junit, report.as_junit(verdicts, refused))
    if arguments.sarif is not None:
        _write_report(arguments.sarif, as_sarif(report.diagnostics_of(verdicts, refused)))
    if arguments.json:
        answer(as_json(verdicts, refused))
    elif verdicts:
        terminal = sys.stdout.isatty()
        width = os.get_terminal_size().columns if terminal else 120
        colour = terminal and "NO_COLOR" not in os.environ
        answer(report.as_text(verdicts, refused, width=width, colour=colour), is_styled=True)


def _session(
    arguments: argparse.Namespace, request: VerifyRequest
) -> AbstractContextManager[Session] | AbstractContextManager[None]:
    if arguments.out is None:
        return nullcontext()
    from tileproof.verify.session import Session

    return closing(Session(arguments.out, request, resume=arguments.resume))


def _prove_all(
    names: Sequence[str], request: VerifyRequest, arguments: argparse.Namespace, session: Session | None
) -> tuple[list[Verdict], dict[str, Problem]]:
    """All verdicts, and why a kernel was refused."""
    verdicts: list[Verdict] = []
    refused: dict[str, Problem] = {}
    with progress() as now:
        for name, asked in _shared_out(names, request).items():
            try:
                made = asked if arguments.kernel else _as_made(name, asked)
                for verdict in _prove(name, made, arguments, session, now):
                    verdicts.append(verdict)
            except KeyboardInterrupt as error:
                if session is None:
                    raise
                refused[name] = _interrupted(arguments.out, exit_code_of(error))
                say(refused[name].paragraph)
                break
            except Problem as problem:
                say(problem.paragraph)
                refused[name] = problem.with_traceback(None)  # it would keep what it came from, and that a device
            except Exception as error:  # a mistake of ours ends a kernel, and no session that nobody watches
                if session is None:
                    raise
                session.say(traceback.format_exc())
                details = "verify.log of --out has its traceback"
                refused[name] = shortage(error) or bug(error, details, of=f"{name}: ")
                say(refused[name].paragraph)
    return verdicts, refused


def _as_made(name: str, request: VerifyRequest) -> VerifyRequest:
    """The request for a kernel that nobody has named: one that is not made for the target is verified for its own."""
    from tileproof.build.prepare import load_kernel

    targets = load_kernel(name, request.build.kernels, request.build.sizes).targets
    if request.build.target in targets:
        return request
    say(f"{name}: not made for {request.build.target}: verified for {targets[0]}")
    return replace(request, build=replace(request.build, target=targets[0]))


def _shared_out(names: Sequence[str], request: VerifyRequest) -> dict[str, VerifyRequest]:
    """The request for each kernel: of several, each is asked for those --case that it has."""
    if len(names) < 2 or not request.cases.names:
        return dict.fromkeys(names, request)
    known = {name: _case_names(name, request) for name in names}
    for case in request.cases.names:
        if not any(case in cases for cases in known.values()):
            raise Problem(
                f"none of {', '.join(names)} has a case {case!r}",
                id="unknown-case",
                where=f"--case {case!r}",
                why="cases there: " + ", ".join(sorted(set().union(*known.values()))),
                fix="name one of them; without --case all are run",
            )
    asked = {name: tuple(case for case in request.cases.names if case in cases) for name, cases in known.items()}
    return {name: replace(request, cases=replace(request.cases, names=cases)) for name, cases in asked.items() if cases}


def _case_names(name: str, request: VerifyRequest) -> set[str]:
    """Those that a kernel has; all that were asked for if it cannot be read, so that it says why in its turn."""
    from tileproof.build.prepare import load_kernel

    try:
        return {case.name for case in load_kernel(name, request.build.kernels, {}).cases}
    except Problem:
        return set(request.cases.names)


def _interrupted(out: Path, exit_code: int) -> Problem:
    return Problem(
        "interrupted",
        id="interrupted",
        where=f"--out {out}",
        why="the cases that are not listed were not run",
        fix="the same command with --resume goes on",
        exit_code=exit_code,
    )


def _prove(
    name: str,
    request: VerifyRequest,
    arguments: argparse.Namespace,
    session: Session | None,
    now: Callable[[str], None],
) -> Iterator[Verdict]:
    """Here or on other machines, with what a session knows and keeps."""
    from tileproof.verify.prove import nothing_known, prove_kernel

    def say(text: str) -> None:
        now(text)
        if session is not None:
            session.say(text)

    known = nothing_known if session is None else session.known
    if arguments.hosts is None:
        verdicts = prove_kernel(name, request, say, arguments.wav, known)
    else:
        from tileproof.verify.hosts import prove_on_hosts

        verdicts = prove_on_hosts(name, request, arguments.hosts, say, known)
    with closing(verdicts):  # whatever happens, the device is given back
        for verdict in verdicts:
            if session is not None:
                session.add(verdict)
            yield verdict


def _write_report(path: Path, text: str) -> None:
    from tileproof.files import write_output

    write_output(path, text.encode(), what="report", where=str(path))
