"""What of verify's options cannot be had, or does not go together: said before anything runs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tileproof.device.times import LEAST_RUNS
from tileproof.errors import Problem, bytes_of

if TYPE_CHECKING:
    from tileproof.verify.request import VerifyRequest


def refuse_odd(names: Sequence[str], request: VerifyRequest, arguments: argparse.Namespace) -> None:
    if not names:
        raise Problem(
            "there is no kernel to verify",
            id="no-kernels",
            where=str(arguments.kernels),
            why="no folder below it has a kernel.toml",
            fix="name a folder that holds one folder per kernel",
        )
    for option in ("trace", "xclbin"):
        path = getattr(request.run, option)
        if path is not None and len(names) > 1:
            raise Problem(
                f"{'a trace' if option == 'trace' else 'an xclbin'} is of one kernel",
                id="option-of-others",
                where=f"--{option} {path}",
                why=f"{len(names)} kernels are verified",
                fix="name one of them",
            )
    _refuse_odd_files(request, arguments)
    _refuse_odd_device(request)
    _refuse_odd_recording(request, arguments.wav)
    _refuse_odd_hosts(arguments)


def _refuse_odd_files(request: VerifyRequest, arguments: argparse.Namespace) -> None:
    for what, path in (("report", arguments.junit), ("trace", request.run.trace)):
        if path is not None and (why := _unwritable(path)):
            raise Problem(
                f"the {what} cannot be written",
                id="output-not-written",
                where=str(path),
                why=why,
                fix="choose another path",
            )
    for path in request.run.canary or ():
        bytes_of(path)
    if arguments.resume and arguments.out is None:
        raise Problem(
            "there is nothing to resume",
            id="missing-option",
            where="--resume",
            why="without --out nothing is kept, and nothing was",
            fix="name the folder of the earlier session with --out",
        )


def _unwritable(path: Path) -> str:
    """Why a file cannot be written; empty if it can, as far as one sees."""
    if path.is_dir():
        return "it is a folder"
    if not path.parent.is_dir():
        return "there is no such folder"
    return "" if os.access(path.parent, os.W_OK) else "this user may not write there"


def _refuse_odd_device(request: VerifyRequest) -> None:
    """What only one kind of device has."""
    emulators = {"--trace": request.run.trace is not None, "--as-hardware": request.run.as_hardware}
    timed = {"--idle": request.cases.idle_s > 0, "--repeat": request.cases.repeat != LEAST_RUNS}
    given, why = {
        "npu": ({**emulators, "--toolchain host": request.build.toolchain == "host"}, "only the emulator has it"),
        "recorded": ({**emulators, **timed}, f"a recording has {LEAST_RUNS} runs of each case, and no times"),
    }.get(request.run.device, ({}, ""))
    odd = next((name for name, is_given in given.items() if is_given), None)
    if odd is not None:
        raise Problem(
            f"{odd} does not go with --device {request.run.device}",
            id="option-conflict",
            where=f"--device {request.run.device} {odd}",
            why=why,
            fix="leave one of the two out",
        )


def _refuse_odd_hosts(arguments: argparse.Namespace) -> None:
    """What is kept on this machine, or taken from it, while a case runs."""
    here = {"--record": arguments.record, "--trace": arguments.trace, "--wav": arguments.wav}
    odd = [name for name, value in here.items() if value] + ["--device recorded"] * (arguments.device == "recorded")
    if arguments.hosts is not None and odd:
        raise Problem(
            f"{odd[0]} does not go with --hosts",
            id="option-conflict",
            where=f"--hosts {arguments.hosts} {odd[0]}",
            why="other machines run the cases",
            fix="leave one of the two out",
        )


def _refuse_odd_recording(request: VerifyRequest, wav: Path | None) -> None:
    if request.cases.record and wav is not None:
        raise Problem(
            "the frames of a sound are not recorded",
            id="option-conflict",
            where=f"--record --wav {wav}",
            why="a recording is of the kernel's cases, whose inputs can be drawn again",
            fix="leave one of the two out",
        )
    if request.cases.record and request.run.device != "npu":
        raise Problem(
            "only what an NPU answers is worth recording",
            id="missing-option",
            where=f"--record --device {request.run.device}",
            why="what the emulator answers can be had again anywhere",
            fix="add --device npu, or leave --record out",
        )
    if request.run.device == "recorded" and request.run.xclbin is not None:
        raise Problem(
            "a recording needs no xclbin",
            id="option-conflict",
            where=f"--device recorded --xclbin {request.run.xclbin}",
            why="nothing is loaded: the answers are replayed",
            fix="leave one of the two out",
        )
