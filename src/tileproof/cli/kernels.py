"""The commands for kernels: list, show, render, build."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from tileproof import library
from tileproof.cli.design_pair import build_design, design_options, refuse_options_of_designs
from tileproof.cli.shared import (
    add_command,
    answer,
    build_request_of,
    building_options,
    common_options,
    say,
)
from tileproof.errors import Problem
from tileproof.toolchain.aiecc import DIALECTS

if TYPE_CHECKING:
    from tileproof.build.request import BuildRequest
    from tileproof.cli.shared import Commands


def add_commands(commands: Commands) -> None:
    for add in (_add_list, _add_show, _add_render, _add_build):
        add(commands)


# list, show, render


def _add_list(commands: Commands) -> None:
    parser = add_command(commands, "list", _list, "name all kernels; runs nothing of them")
    parser.add_argument("--kernels", metavar="DIR", type=Path)
    parser.add_argument("--json", action="store_true")


def _list(arguments: argparse.Namespace) -> int:
    from tileproof.build.prepare import load_kernel

    specs = [load_kernel(name, arguments.kernels, {}) for name in library.kernel_names(arguments.kernels)]
    if arguments.json:
        answer(json.dumps([{"name": spec.name, "about": spec.about, "targets": spec.targets} for spec in specs]))
    else:
        answer("\n".join(f"{spec.name:<12} {spec.about}" for spec in specs))
    return 0


def _add_show(commands: Commands) -> None:
    text = "what a kernel is: buffers, scales, cases, and the memory map of its core; runs its constants.py"
    parser = add_command(commands, "show", _show, text)
    parser.add_argument("kernel")
    common_options(parser)


def _show(arguments: argparse.Namespace) -> int:
    from tileproof.build.prepare import render_kernel
    from tileproof.report.show import kernel_text

    rendered = render_kernel(arguments.kernel, build_request_of(arguments))
    answer(kernel_text(rendered.spec, rendered.texts["design.mlir"]))
    return 0


def _add_render(commands: Commands) -> None:
    text = "print the MLIR and C++ of a kernel, or write them with -o; runs its constants.py"
    parser = add_command(commands, "render", _render, text)
    parser.add_argument("kernel")
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="write the files here instead of printing them"
    )
    common_options(parser)


def _render(arguments: argparse.Namespace) -> int:
    from tileproof.build.prepare import render_kernel
    from tileproof.files import write_if_changed

    texts = render_kernel(arguments.kernel, build_request_of(arguments)).texts
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
                id="output-not-written",
                where=str(arguments.output),
                why=error.strerror or str(error),
                fix="choose another folder with -o",
            ) from None
        answer(str(arguments.output / name))
    return 0


# build


def _add_build(commands: Commands) -> None:
    parser = add_command(
        commands,
        "build",
        _build,
        "make the xclbin and insts.bin of kernels, or of any design for the emulator; runs their constants.py and a "
        "compiler",
    )
    parser.add_argument("kernel", nargs="+", metavar="KERNEL|FILE.mlir")
    common_options(parser)
    building_options(parser)
    parser.add_argument("--plan", action="store_true", help="print the commands of the build, and run none of them")
    parser.add_argument(
        "--aiecc",
        choices=DIALECTS,
        help="plan for this aiecc, which need not be here: A is v1.1.x, B March to July 2026, C1 and C2 since",
    )
    parser.add_argument("--json", action="store_true")
    design_options(parser)


def _build(arguments: argparse.Namespace) -> int:
    if arguments.kernel[0].endswith(".mlir"):
        return build_design(arguments)
    from tileproof.build.prepare import build_kernel, render_kernel

    refuse_options_of_designs(arguments)
    request = build_request_of(arguments)
    _refuse_odd_aiecc(arguments)
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


def _refuse_odd_aiecc(arguments: argparse.Namespace) -> None:
    if arguments.aiecc is not None and arguments.toolchain == "host":
        raise Problem(
            "the host toolchain has no aiecc",
            id="option-conflict",
            where=f"--toolchain host --aiecc {arguments.aiecc}",
            why="a build for the emulator lowers the design itself",
            fix="leave one of the two out",
        )
    if arguments.aiecc is not None and not arguments.plan:
        raise Problem(
            "an aiecc that is not here builds nothing",
            id="missing-option",
            where=f"--aiecc {arguments.aiecc}",
            why="the kind of the one that is here is found by asking it",
            fix="add --plan to see the commands, or leave --aiecc out",
        )


def _print_plans(arguments: argparse.Namespace, request: BuildRequest) -> int:
    from tileproof.build.prepare import plan_kernel, render_kernel
    from tileproof.build.run import commands_of, commands_text

    plans = [plan_kernel(render_kernel(name, request), request) for name in arguments.kernel]
    if arguments.json:
        answer(json.dumps([{"kernel": one.kernel, "digest": one.digest, "steps": commands_of(one)} for one in plans]))
    else:
        answer("\n".join(commands_text(plan, request.build_dir) for plan in plans))
    return 0
