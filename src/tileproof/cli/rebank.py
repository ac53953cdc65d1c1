"""rebank: other banks for an xclbin, or for a kernel that is built."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tileproof.cli.shared import (
    add_command,
    answer,
    build_request_of,
    building_options,
    common_options,
    say,
    told_apart,
)
from tileproof.device_model import TILE_SCHEMES
from tileproof.errors import Problem, bytes_of
from tileproof.kernel.banks import Banks, TilePlace, memory_size

if TYPE_CHECKING:
    from tileproof.cli.shared import Commands


def add_commands(commands: Commands) -> None:
    text = (
        "write an xclbin with other memory banks, its PDI untouched, and print what changed; "
        "or build a kernel with the [banks] of its kernel.toml and more, and print where everything lies"
    )
    parser = add_command(commands, "rebank", _rebank, text)
    parser.add_argument("subject", metavar="XCLBIN-or-KERNEL")
    for option, value, text in (
        ("--arg", "NAME=MEMORY", "which memory of the host an argument reaches"),
        ("--mem", "MEMORY=SIZE", "the size of a memory: 0xc000KB, 64MB; or a new one"),
    ):
        parser.add_argument(option, metavar=value, type=_pair, action="append", default=[], help=text)
    xclbin = parser.add_argument_group("of an xclbin")
    xclbin.add_argument("-o", "--output", metavar="OUT", type=Path)
    xclbin.add_argument("--columns", metavar="N", type=int, help="how many columns the partition takes")
    xclbin.add_argument("--like", metavar="OTHER", type=Path, help="take the banks and connections of this one first")
    kernel = parser.add_argument_group("of a kernel")
    for option, value in (("--bank", "N[,N...]"), ("--address", "BYTES[,BYTES...]")):
        text = "where a fifo's objects or a scratch buffer lie in the core's memory; one number per object"
        kernel.add_argument(option, metavar=f"NAME={value}", type=_pair, action="append", default=[], help=text)
    kernel.add_argument("--scheme", choices=TILE_SCHEMES, help="how the rest is placed; default: as aiecc does")
    common_options(kernel)
    building_options(kernel)
    parser.set_defaults(parser=parser)


_FOR_KERNELS = ("bank", "address", "scheme", "target", "set", "kernels", "toolchain", "build_dir", "jobs")
_FOR_FILES = ("output", "columns", "like")


def _rebank(arguments: argparse.Namespace) -> int:
    path = Path(arguments.subject)
    # A kernel is the name of a folder, and an identifier.
    is_file = path.is_file() or not arguments.subject.isidentifier()
    for option in _FOR_KERNELS if is_file else _FOR_FILES:
        if getattr(arguments, option) != arguments.parser.get_default(option):
            raise Problem(
                f"--{option.replace('_', '-')} is for {'kernels' if is_file else 'files'}",
                id="option-of-others",
                where=f"tileproof rebank {arguments.subject}",
                why="the PDI of an xclbin is carried over as it is" if is_file else "a kernel is built anew",
                fix=f"name {'a KERNEL' if is_file else 'an xclbin'}, or leave it out",
            )
    return _rebank_file(arguments, path) if is_file else _rebank_kernel(arguments)


def _rebank_file(arguments: argparse.Namespace, path: Path) -> int:
    from tileproof.files import write_output
    from tileproof.xclbin.difference import compare, comparison_text
    from tileproof.xclbin.rebank import Directives, rebank

    if arguments.output is None:
        raise Problem(
            "there is no file to write",
            id="missing-option",
            where=f"tileproof rebank {path}",
            fix="name it: -o OUT.xclbin",
        )
    data = bytes_of(path)
    if arguments.output.exists() and arguments.output.samefile(path):
        raise Problem(
            "the xclbin that is read would be written over",
            id="would-overwrite",
            where=f"-o {arguments.output}",
            why="there would be nothing left to compare with, or to go back to",
            fix="name another file",
        )
    directives = Directives(
        arguments=_once("arg", arguments.arg),
        memories=_memories(arguments),
        columns=arguments.columns,
        like=None if arguments.like is None else (arguments.like.name, bytes_of(arguments.like)),
    )
    made = rebank(data, path.name, directives)
    write_output(arguments.output, made, what="xclbin", where=f"-o {arguments.output}")
    names = told_apart(path, arguments.output)
    answer(comparison_text(compare(data, made, *names)).rstrip("\n"))
    return 0


def _rebank_kernel(arguments: argparse.Namespace) -> int:
    from tileproof.build.prepare import build_kernel, render_kernel
    from tileproof.report.banks import banks_text

    request = replace(build_request_of(arguments), banks=_directives(arguments))
    rendered = render_kernel(arguments.subject, request)
    artifacts = build_kernel(rendered, request, say)
    answer(f"{arguments.subject}: {artifacts.xclbin} + {artifacts.insts.name} ({artifacts.digest[:12]})\n")
    answer(banks_text(rendered.spec, artifacts.xclbin))
    words = ["tileproof", "verify", arguments.subject, "--target", request.target]
    words += [word for pair in arguments.set for word in ("--set", pair)]
    words += ["--kernels", str(request.kernels)] if request.kernels else []
    words += ["--xclbin", str(artifacts.xclbin), "--insts", str(artifacts.insts)]
    say(f"prove it: {shlex.join(words)}")
    return 0


def _directives(arguments: argparse.Namespace) -> Banks:
    places = [("bank", name, text) for name, text in arguments.bank]
    places += [("address", name, text) for name, text in arguments.address]
    _once("bank or --address", [(name, text) for _, name, text in places])
    tile = {
        name: TilePlace(**{"banks" if option == "bank" else "addresses": _numbers(option, name, text)})
        for option, name, text in places
    }
    written = {("host", name): f"--arg {name}={tag}" for name, tag in arguments.arg}
    written |= {("tile", name): f"--{option} {name}={text}" for option, name, text in places}
    return Banks(
        scheme=arguments.scheme,
        host=_once("arg", arguments.arg),
        memory=_memories(arguments),
        tile=tile,
        written=written,
    )


def _memories(arguments: argparse.Namespace) -> dict[str, int]:
    memories = _once("mem", arguments.mem)
    return {tag: memory_size(tag, size, f"--mem {tag}={size}") for tag, size in memories.items()}


def _once(option: str, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The pairs by name; a `Problem` where one is given twice, and nobody could say which counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name in found if sum(name == other for other, _ in pairs) > 1)
        raise Problem(
            f"{twice!r} is given twice",
            id="given-twice",
            where=f"--{option}",
            why=" and ".join(f"{name}={value}" for name, value in pairs if name == twice),
            fix="give it once",
        )
    return found


def _numbers(option: str, name: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(number, 0) for number in text.split(","))
    except ValueError:
        raise Problem(
            f"{text!r} is not a list of numbers",
            id="not-a-number",
            where=f"--{option} {name}={text}",
            fix=f"write for instance --{option} {name}={'0,1' if option == 'bank' else '0x4000,0x8000'}",
        ) from None


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value
