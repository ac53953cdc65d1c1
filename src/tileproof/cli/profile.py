"""The command profile: where the cycles of a kernel or a design go, by the model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tileproof.cli.designs import (
    argument_option,
    device_name_option,
    given_arguments,
    given_parameters,
    options_of,
    text_of,
    tile_code_option,
)
from tileproof.cli.shared import (
    add_command,
    answer,
    build_request_of,
    building_options,
    common_options,
    compiler_options,
    progress,
    say,
)
from tileproof.device.request import RunRequest
from tileproof.errors import EXIT_KERNEL_WRONG, Problem
from tileproof.verify.request import CaseRequest, VerifyRequest

if TYPE_CHECKING:
    from tileproof.cli.shared import Commands
    from tileproof.verify.profiled import Profiled


def add_commands(commands: Commands) -> None:
    text = "where the cycles of a kernel or a FILE.mlir go by the model: resources, critical path, lines, loops, advice"
    parser = add_command(commands, "profile", _profile, text)
    parser.add_argument("what", metavar="KERNEL|FILE.mlir")
    common_options(parser)
    building_options(parser)
    parser.add_argument("--case", dest="names", metavar="NAME", help="of a kernel; default: its first")
    design = parser.add_argument_group("of a FILE.mlir, as emulate has them")
    tile_code_option(design)
    compiler_options(design)
    argument_option(design)
    device_name_option(design)
    design.add_argument("--sequence", metavar="NAME", help="default: the first")
    parser.add_argument("--json", action="store_true")


def _profile(arguments: argparse.Namespace) -> int:
    from tileproof.report import profile as report

    is_design = arguments.what.endswith(".mlir")
    found = _of_design(arguments) if is_design else _of_kernel(arguments)
    if arguments.json:
        answer(report.as_json(found.name, found.timeline, found.what_if, found.listing))
    else:
        sources = {file: text.splitlines() for file, text in found.sources.items()}
        answer(report.as_text(found.name, found.timeline, sources, found.what_if, found.listing))
    return 0


def _of_kernel(arguments: argparse.Namespace) -> Profiled:
    from tileproof.verify.profiled import profile_kernel

    names = (arguments.names,) if arguments.names else ()
    request = VerifyRequest(
        build=build_request_of(arguments),
        run=RunRequest(device="emulator", profile=True),
        cases=CaseRequest(names=names),
    )
    with progress() as now:
        return profile_kernel(arguments.what, request, now)


def _of_design(arguments: argparse.Namespace) -> Profiled:
    from tileproof.emulator.design.emulate import emulate
    from tileproof.emulator.design.what_if import what_if
    from tileproof.emulator.library import Manner
    from tileproof.verify.profiled import Profiled, listing_of

    path = Path(arguments.what)
    emulation = emulate(
        text_of(path),
        str(path),
        arguments.tile_code,
        given_arguments(arguments.arg),
        parameters=given_parameters(arguments.parameter),
        options=options_of(arguments),
        sequence=arguments.sequence.removeprefix("@") if arguments.sequence else None,
        device_name=arguments.device_name,
        manner=Manner(profile=True),
        orders=0,
    )
    timeline = emulation.reports[-1].timeline if emulation.reports else None
    if not emulation.is_good or timeline is None:
        for fault in emulation.faults:
            say(fault.paragraph)
        raise Problem(
            f"{path} is not profiled: it does not run to its end without a fault",
            id="not-profiled",
            why=emulation.faults[0].what if emulation.faults else "no model timed the run",
            fix=f"`tileproof emulate {path} ...` says what is wrong",
            exit_code=EXIT_KERNEL_WRONG,
        )
    sources = {file.name: file.read_text(encoding="utf-8", errors="replace") for file in arguments.tile_code}
    found = what_if(emulation.design, emulation.sequence, emulation.library, emulation.buffers, timeline)
    listing = listing_of(sources, emulation.design.device.model.arch, options_of(arguments)) if sources else _NO_CODE
    return Profiled(str(path), timeline, sources, found, listing)


_NO_CODE = "not run (there is no tile code)"
