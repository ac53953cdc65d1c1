"""The commands for kernels: list, show, render, build, verify."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
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
    say,
    seed,
)
from tileproof.errors import Problem
from tileproof.toolchain.aiecc import DIALECTS

if TYPE_CHECKING:
    from tileproof.cli.shared import Commands
    from tileproof.prepare import Request
    from tileproof.verify import Verdict


def add_commands(commands: Commands) -> None:
    for add in (_add_list, _add_show, _add_render, _add_build, _add_verify):
        add(commands)


# list, show, render


def _add_list(commands: Commands) -> None:
    parser = add_command(commands, "list", _list, "name all kernels")
    parser.add_argument("--kernels", metavar="DIR", type=Path)
    parser.add_argument("--json", action="store_true")


def _list(arguments: argparse.Namespace) -> int:
    from tileproof.prepare import load_kernel

    specs = [load_kernel(name, arguments.kernels, {}) for name in library.kernel_names(arguments.kernels)]
    if arguments.json:
        answer(json.dumps([{"name": spec.name, "about": spec.about, "targets": spec.targets} for spec in specs]))
    else:
        answer("\n".join(f"{spec.name:<12} {spec.about}" for spec in specs))
    return 0


def _add_show(commands: Commands) -> None:
    text = "what a kernel is: buffers, scales, cases, and the memory map of its core"
    parser = add_command(commands, "show", _show, text)
    parser.add_argument("kernel")
    common_options(parser)


def _show(arguments: argparse.Namespace) -> int:
    from tileproof.prepare import render_kernel
    from tileproof.show import kernel_text

    rendered = render_kernel(arguments.kernel, request_of(arguments))
    answer(kernel_text(rendered.spec, rendered.texts["design.mlir"]))
    return 0


def _add_render(commands: Commands) -> None:
    parser = add_command(commands, "render", _render, "print the MLIR and C++ of a kernel, or write them with -o")
    parser.add_argument("kernel")
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="write the files here instead of printing them"
    )
    common_options(parser)


def _render(arguments: argparse.Namespace) -> int:
    from tileproof.build import write_if_changed
    from tileproof.prepare import render_kernel

    texts = render_kernel(arguments.kernel, request_of(arguments)).texts
    for name, text in texts.items():
        if arguments.output is None:
            answer(f"// ==== {name} ====\n{text}")
            continue
        try:
            arguments.output.mkdir(parents=True, exist_ok=True)
            write_if_changed(arguments.output / name, text.encode())
        except OSError as error:
            raise Problem(
                f"{name} cannot be written",
                where=str(arguments.output),
                why=error.strerror or str(error),
                fix="choose another folder with -o",
            ) from None
        answer(str(arguments.output / name))
    return 0


# build, verify


def _add_build(commands: Commands) -> None:
    parser = add_command(commands, "build", _build, "make the xclbin and insts.bin of kernels")
    parser.add_argument("kernel", nargs="+")
    common_options(parser)
    building_options(parser)
    parser.add_argument("--plan", action="store_true", help="print the commands of the build, and run none of them")
    parser.add_argument(
        "--dialect",
        choices=DIALECTS,
        help="plan for this aiecc, which need not be here: A is v1.1.x, B March to July 2026, C1 and C2 since",
    )
    parser.add_argument("--json", action="store_true")


def _build(arguments: argparse.Namespace) -> int:
    from tileproof.prepare import build_kernel, render_kernel

    request = request_of(arguments)
    _refuse_odd_dialect(arguments)
    if arguments.plan:
        return _print_plans(arguments, request)
    listed = []
    for name in arguments.kernel:
        artifacts = build_kernel(render_kernel(name, request), request, say)
        entry = {
            "kernel": name,
            "xclbin": str(artifacts.xclbin),
            "insts": str(artifacts.insts),
            "digest": artifacts.digest,
            "warnings": list(artifacts.warnings),
        }
        listed.append(entry)
        for warning in artifacts.warnings:
            say(f"warning: {warning}")
        if not arguments.json:
            done = "built" if artifacts.worked else "up to date"
            answer(f"{name}: {done}: {artifacts.xclbin} + {artifacts.insts.name} ({artifacts.digest[:12]})")
    if arguments.json:
        answer(json.dumps(listed, indent=1))
    return 0


def _refuse_odd_dialect(arguments: argparse.Namespace) -> None:
    if arguments.dialect is not None and arguments.toolchain == "host":
        raise Problem(
            "the host toolchain has no aiecc",
            where=f"--toolchain host --dialect {arguments.dialect}",
            why="a build for the emulator lowers the design itself",
            fix="leave one of the two out",
        )
    if arguments.dialect is not None and not arguments.plan:
        raise Problem(
            "an aiecc that is not here builds nothing",
            where=f"--dialect {arguments.dialect}",
            why="the dialect of the one that is here is found by asking it",
            fix="add --plan to see the commands, or leave --dialect out",
        )


def _print_plans(arguments: argparse.Namespace, request: Request) -> int:
    from tileproof.build import commands_of, commands_text
    from tileproof.prepare import plan_kernel, render_kernel

    plans = [plan_kernel(render_kernel(name, request), request) for name in arguments.kernel]
    if arguments.json:
        answer(json.dumps([{"kernel": one.kernel, "digest": one.digest, "steps": commands_of(one)} for one in plans]))
    else:
        answer("\n".join(commands_text(plan, request.build_dir) for plan in plans))
    return 0


def _add_verify(commands: Commands) -> None:
    parser = add_command(
        commands,
        "verify",
        _verify,
        "build kernels, run every case, and compare every element; without names: all kernels",
    )
    parser.add_argument("kernel", nargs="*")
    common_options(parser)
    building_options(parser)
    parser.add_argument("--device", choices=("auto", "npu", "emulator"), default="auto", help="default: %(default)s")
    parser.add_argument("--case", metavar="NAME", action="append", default=[], help="only this case; may be repeated")
    parser.add_argument("--seed", type=seed, metavar="N", help="draw every case from this seed instead of its own")
    parser.add_argument("--wav", metavar="FILE", type=Path, help="run every frame of a recording through the kernel")
    parser.add_argument(
        "--xclbin", metavar="FILE", type=Path, help="verify this xclbin instead of building; with --insts"
    )
    parser.add_argument("--insts", metavar="FILE", type=Path, help="the instructions built with --xclbin")
    emulator_options(parser)
    parser.add_argument("--json", action="store_true", help="print verdicts as JSON")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="also write JUnit XML")


def _verify(arguments: argparse.Namespace) -> int:
    from tileproof import report
    from tileproof.verify import exit_code

    request = request_of(arguments)
    names = arguments.kernel or library.kernel_names(arguments.kernels)
    if not names:
        raise Problem(
            "there is no kernel to verify",
            where=str(arguments.kernels),
            why="no folder below it has a kernel.toml",
            fix="name a folder that holds one folder per kernel",
        )
    if request.trace is not None and len(names) > 1:
        raise Problem(
            "a trace is of one kernel",
            where=f"--trace {request.trace}",
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
    verdicts, refused = _prove_all(names, request, arguments)
    if arguments.json:
        answer(report.as_json(verdicts, refused))
    elif verdicts:
        terminal = sys.stdout.isatty()
        width = os.get_terminal_size().columns if terminal else 120
        answer(report.as_text(verdicts, refused, width=width, colour=terminal and "NO_COLOR" not in os.environ))
    if arguments.junit is not None:
        _write_report(arguments.junit, report.as_junit(verdicts, refused))
    # A wrong kernel outweighs a wrong request, which outweighs what is not here.
    codes = (exit_code(verdicts), *(problem.exit_code for problem in refused.values()))
    return min([code for code in codes if code], default=0)


def _prove_all(
    names: Sequence[str], request: Request, arguments: argparse.Namespace
) -> tuple[list[Verdict], dict[str, Problem]]:
    """All verdicts, and why a kernel was refused."""
    from tileproof.prove import prove_kernel

    verdicts: list[Verdict] = []
    refused: dict[str, Problem] = {}
    with progress() as now:
        for name in names:
            try:
                verdicts += prove_kernel(name, request, now, arguments.wav)
            except Problem as problem:
                say(str(problem))
                refused[name] = problem
    return verdicts, refused


def _write_report(path: Path, text: str) -> None:
    from tileproof.build import write_output

    write_output(path, text.encode(), what="report", where=str(path))
