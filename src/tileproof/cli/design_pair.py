"""`build DESIGN.mlir`: the pair of a design that is no kernel folder, with the options that aiecc has for it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from tileproof.cli.designs import device_name_option, options_of, text_of
from tileproof.cli.shared import answer, compiler_options, say
from tileproof.device_model import SCHEMES
from tileproof.errors import Problem

if TYPE_CHECKING:
    from tileproof.build.design_pair import Pair, PairRequest

# What only a FILE.mlir takes, by the name of its value: the option as it is written.
_OF_DESIGNS = {
    "tile_code": "--tile-code",
    "define": "-D",
    "include": "-I",
    "device_name": "--device-name",
    "sequence": "--sequence",
    "scheme": "--alloc-scheme",
    "output": "-o",
    "xclbin_name": "--xclbin-name",
    "insts_name": "--npu-insts-name",
    "kernel_name": "--xclbin-kernel-name",
    "kernel_id": "--xclbin-kernel-id",
    "instance_name": "--xclbin-instance-name",
    "xclbin_input": "--xclbin-input",
    "elf_name": "--elf-name",
    "full_elf_name": "--full-elf-name",
}
_OF_KERNELS = {"set": "--set", "kernels": "--kernels", "plan": "--plan", "aiecc": "--aiecc"}


def design_options(parser: argparse.ArgumentParser) -> None:
    """Those of `build` for a FILE.mlir."""
    group = parser.add_argument_group("of a FILE.mlir, as aiecc calls them")
    group.add_argument(
        "--tile-code", metavar="FILE.cc", type=Path, action="append", default=[], help="C++ of it; may be repeated"
    )
    compiler_options(group)
    device_name_option(group)
    group.add_argument("--sequence", metavar="NAME", help="whose instructions are written; default: the first")
    group.add_argument("--alloc-scheme", dest="scheme", choices=SCHEMES, help="how buffers are placed")
    group.add_argument("-o", "--output", metavar="DIR", type=Path, help="default: BUILD_DIR/DESIGN")
    group.add_argument("--xclbin-name", metavar="NAME", help="default: DESIGN.xclbin")
    group.add_argument("--npu-insts-name", dest="insts_name", metavar="NAME", help="default: insts.bin")
    group.add_argument("--xclbin-kernel-name", dest="kernel_name", metavar="NAME", help="default: MLIR_AIE")
    group.add_argument("--xclbin-kernel-id", dest="kernel_id", metavar="ID", type=_number, help="default: 0x901")
    group.add_argument("--xclbin-instance-name", dest="instance_name", metavar="NAME", help="default: MLIRAIE")
    group.add_argument("--xclbin-input", metavar="FILE", type=Path, help="an xclbin beside whose kernels this one lies")
    group.add_argument("--elf-name", metavar="NAME", help="write the instructions as an ELF, too")
    group.add_argument("--full-elf-name", metavar="NAME", help="write one ELF instead, with all devices of the file")


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def refuse_options_of_designs(arguments: argparse.Namespace) -> None:
    """For kernels: what they take is in their kernel.toml."""
    for name, option in _OF_DESIGNS.items():
        if getattr(arguments, name) not in (None, []):
            raise Problem(
                f"{option} is for a FILE.mlir",
                id="option-of-others",
                where=f"tileproof build {' '.join(arguments.kernel)} {option}",
                why="a kernel says in its kernel.toml what it is built of",
                fix="leave it out, or name a FILE.mlir",
            )


def build_design(arguments: argparse.Namespace) -> int:
    """Write what was asked for, and say where."""
    from tileproof.build.design_pair import build_full_elf, build_pair, write_files

    _refuse_options_of_kernels(arguments)
    design = Path(arguments.kernel[0])
    build = build_full_elf if arguments.full_elf_name else build_pair
    pair = build(text_of(design), str(design), _request(arguments))
    for warning in pair.warnings:
        say(f"warning: {warning.paragraph}")
    folder = arguments.output or arguments.build_dir / design.stem
    named = _files(arguments, design.stem, pair)
    write_files(dict(named.values()), folder)
    if arguments.json:
        paths = {kind: str(folder / name) for kind, (name, _) in named.items()}
        answer(json.dumps([{"design": str(design), **paths, "digest": pair.digest}]))
    else:
        first, *others = (name for name, _ in named.values())
        answer(f"{design.name}: built: {' + '.join((str(folder / first), *others))} ({pair.digest[:12]})")
    return 0


def _files(arguments: argparse.Namespace, stem: str, pair: Pair) -> dict[str, tuple[str, bytes]]:
    """By kind: what each file is called, and its bytes."""
    from tileproof.emulator.elf_file import INSTRUCTIONS, write_elf

    if arguments.full_elf_name:
        named = {"elf": (arguments.full_elf_name, pair.full_elf)}
    else:
        named = {
            "xclbin": (arguments.xclbin_name or f"{stem}.xclbin", pair.xclbin),
            "insts": (arguments.insts_name or "insts.bin", pair.insts),
        }
        if arguments.elf_name:
            named["elf"] = (arguments.elf_name, write_elf(INSTRUCTIONS, pair.insts))
    if pair.parameters:
        named["parameters"] = ("params.txt", pair.parameters)  # as aiecc calls it
    names = [name for name, _ in named.values()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        kinds = " and ".join(kind for kind, (name, _) in named.items() if name == twice)
        raise Problem(f"{kinds} are both called {twice}", fix="give one of them another name", id="given-twice")
    return named


def _request(arguments: argparse.Namespace) -> PairRequest:
    from tileproof.build.design_pair import PairRequest
    from tileproof.build.package import KernelNames

    named = KernelNames()
    return PairRequest(
        tile_code=tuple(arguments.tile_code),
        options=options_of(arguments),
        device_name=arguments.device_name,
        sequence=arguments.sequence.removeprefix("@") if arguments.sequence else None,
        scheme=arguments.scheme or "default",
        names=KernelNames(
            kernel=arguments.kernel_name or named.kernel,
            instance=arguments.instance_name or named.instance,
            id=named.id if arguments.kernel_id is None else arguments.kernel_id,
        ),
        beside=arguments.xclbin_input,
    )


def _refuse_options_of_kernels(arguments: argparse.Namespace) -> None:
    if len(arguments.kernel) > 1:
        raise Problem(
            "a FILE.mlir is built by itself",
            id="option-conflict",
            where=f"tileproof build {' '.join(arguments.kernel)}",
            why="its options say what it is made of",
            fix="call `tileproof build` once for each",
        )
    for name, option in _OF_KERNELS.items():
        if getattr(arguments, name):
            raise Problem(
                f"{option} is for a kernel",
                id="option-of-others",
                where=f"tileproof build {arguments.kernel[0]} {option}",
                why="a FILE.mlir is lowered as it is written",
                fix="leave it out, or name a kernel",
            )
    if arguments.toolchain == "mlir-aie":
        raise Problem(
            "a FILE.mlir is built for the emulator only",
            id="option-conflict",
            where="--toolchain mlir-aie",
            why="for an NPU there is aiecc, which takes the same options",
            fix=f"aiecc --get-xclbin --get-npu-insts {arguments.kernel[0]}; or leave --toolchain out",
        )
