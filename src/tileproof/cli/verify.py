"""The command verify: which cases, on which device, and what is left behind."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from tileproof import library
from tileproof.cli.shared import (
    add_command,
    answer,
    building_options,
    common_options,
    emulator_options,
    progress,
    request_of,
    runs,
    say,
    seconds,
    seed,
)
from tileproof.errors import Problem
from tileproof.times import LEAST_RUNS

if TYPE_CHECKING:
    from tileproof.cli.shared import Commands
    from tileproof.prepare import Request
    from tileproof.session import Session
    from tileproof.verify import Verdict


def add_commands(commands: Commands) -> None:
    text = "build kernels, run every case, and compare every element; without names: all kernels"
    parser = add_command(commands, "verify", _verify, text)
    parser.add_argument("kernel", nargs="*")
    common_options(parser)
    building_options(parser)
    devices = ("auto", "npu", "emulator", "recorded")
    parser.add_argument("--device", choices=devices, default="auto", help="default: %(default)s")
    parser.add_argument("--case", metavar="NAME", action="append", default=[], help="only this case; may be repeated")
    parser.add_argument("--seed", type=seed, metavar="N", help="draw every case from this seed instead of its own")
    parser.add_argument("--wav", metavar="FILE", type=Path, help="run every frame of a recording through the kernel")
    parser.add_argument(
        "--xclbin", metavar="FILE", type=Path, help="verify this xclbin instead of building; with --insts"
    )
    parser.add_argument("--insts", metavar="FILE", type=Path, help="the instructions built with --xclbin")
    parser.add_argument(
        "--repeat",
        type=runs,
        metavar="N",
        default=LEAST_RUNS,
        help="runs of each case, each with other inputs; default: %(default)s, which is also the least",
    )
    emulator_options(parser)
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
        choices=("auto", "words", "bytes"),
        default="auto",
        help="what this argument of the kernel counts; default: what the canary needs, else words",
    )
    group.add_argument(
        "--idle", type=seconds, metavar="S", default=0.0, help="once, time a run after S seconds without one"
    )
    group.add_argument(
        "--hosts",
        metavar="ADDRESS",
        help="hand the cases to the Dask cluster of this scheduler, for instance tcp://10.0.0.2:8786",
    )
    group.add_argument("--record", action="store_true", help="keep what the NPU answers, for --device recorded")
    group.add_argument(
        "--recordings", metavar="DIR", type=Path, default=Path("recordings"), help="default: ./recordings"
    )


def _output_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--json", action="store_true", help="print verdicts as JSON")
    group.add_argument("--junit", metavar="FILE", type=Path, help="also write JUnit XML")
    group.add_argument(
        "--out", metavar="DIR", type=Path, help="keep verdicts.json and verify.log there, up to date after every case"
    )
    group.add_argument(
        "--resume", action="store_true", help="with --out: leave out what was decided there for the same build"
    )


def _verify(arguments: argparse.Namespace) -> int:
    from tileproof import report
    from tileproof.verify import exit_code

    request = request_of(arguments)
    names = arguments.kernel or library.kernel_names(arguments.kernels)
    _refuse_odd(names, request, arguments)
    with _session(arguments, request) as session:
        verdicts, refused = _prove_all(names, request, arguments, session)
        # A wrong kernel outweighs a wrong request, which outweighs what is not here.
        codes = (exit_code(verdicts), *(problem.exit_code for problem in refused.values()))
        code = min([code for code in codes if code], default=0)
        if session is not None:
            session.end(refused, verdicts, code)
    if arguments.json:
        answer(report.as_json(verdicts, refused))
    elif verdicts:
        terminal = sys.stdout.isatty()
        width = os.get_terminal_size().columns if terminal else 120
        answer(report.as_text(verdicts, refused, width=width, colour=terminal and "NO_COLOR" not in os.environ))
    if arguments.junit is not None:
        _write_report(arguments.junit, report.as_junit(verdicts, refused))
    return code


def _refuse_odd(names: Sequence[str], request: Request, arguments: argparse.Namespace) -> None:
    if not names:
        raise Problem(
            "there is no kernel to verify",
            where=str(arguments.kernels),
            why="no folder below it has a kernel.toml",
            fix="name a folder that holds one folder per kernel",
        )
    for option in ("trace", "xclbin"):
        path = getattr(request, option)
        if path is not None and len(names) > 1:
            raise Problem(
                f"{'a trace' if option == 'trace' else 'an xclbin'} is of one kernel",
                where=f"--{option} {path}",
                why=f"{len(names)} kernels are verified",
                fix="name one of them",
            )
    if arguments.junit is not None and not arguments.junit.parent.is_dir():
        raise Problem(
            "the report cannot be written",
            where=str(arguments.junit),
            why="there is no such folder",
            fix="choose another path",
        )
    if arguments.resume and arguments.out is None:
        raise Problem(
            "there is nothing to resume",
            where="--resume",
            why="without --out nothing is kept, and nothing was",
            fix="name the folder of the earlier session with --out",
        )
    _refuse_odd_recording(request)
    _refuse_odd_hosts(arguments)


def _refuse_odd_hosts(arguments: argparse.Namespace) -> None:
    """What is kept on this machine, or taken from it, while a case runs."""
    here = {"--record": arguments.record, "--trace": arguments.trace, "--wav": arguments.wav}
    odd = [name for name, value in here.items() if value] + ["--device recorded"] * (arguments.device == "recorded")
    if arguments.hosts is not None and odd:
        raise Problem(
            f"{odd[0]} does not go with --hosts",
            where=f"--hosts {arguments.hosts} {odd[0]}",
            why="other machines run the cases",
            fix="leave one of the two out",
        )


def _refuse_odd_recording(request: Request) -> None:
    if request.record and request.device != "npu":
        raise Problem(
            "only what an NPU answers is worth recording",
            where=f"--record --device {request.device}",
            why="what the emulator answers can be had again anywhere",
            fix="add --device npu, or leave --record out",
        )
    if request.device == "recorded" and request.xclbin is not None:
        raise Problem(
            "a recording needs no xclbin",
            where=f"--device recorded --xclbin {request.xclbin}",
            why="nothing is loaded: the answers are replayed",
            fix="leave one of the two out",
        )


def _session(
    arguments: argparse.Namespace, request: Request
) -> AbstractContextManager[Session] | AbstractContextManager[None]:
    if arguments.out is None:
        return nullcontext()
    from tileproof.session import Session

    return closing(Session(arguments.out, request, resume=arguments.resume))


def _prove_all(
    names: Sequence[str], request: Request, arguments: argparse.Namespace, session: Session | None
) -> tuple[list[Verdict], dict[str, Problem]]:
    """All verdicts, and why a kernel was refused."""
    verdicts: list[Verdict] = []
    refused: dict[str, Problem] = {}
    with progress() as now:
        for name in names:
            try:
                verdicts += _prove(name, request, arguments, session, now)
            except Problem as problem:
                say(str(problem))
                refused[name] = problem
    return verdicts, refused


def _prove(
    name: str, request: Request, arguments: argparse.Namespace, session: Session | None, now: Callable[[str], None]
) -> Iterator[Verdict]:
    """Here or on other machines, with what a session knows and keeps."""
    from tileproof.prove import nothing_known, prove_kernel

    def say(text: str) -> None:
        now(text)
        if session is not None:
            session.say(text)

    known = nothing_known if session is None else session.known
    if arguments.hosts is None:
        verdicts = prove_kernel(name, request, say, arguments.wav, known)
    else:
        from tileproof.hosts import prove_on_hosts

        verdicts = prove_on_hosts(name, request, arguments.hosts, say, known)
    for verdict in verdicts:
        if session is not None:
            session.add(verdict)
        yield verdict


def _write_report(path: Path, text: str) -> None:
    from tileproof.build import write_output

    write_output(path, text.encode(), what="report", where=str(path))
