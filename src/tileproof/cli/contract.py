"""The commands for XRT's side of a kernel: explain, diff, rebank, run, and inspect of what was built."""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tileproof.cli.shared import add_command, answer, say
from tileproof.errors import EXIT_KERNEL_WRONG, Problem, unreadable

if TYPE_CHECKING:
    from tileproof.cli.shared import Commands


def add_commands(commands: Commands) -> None:
    for add in (_add_explain, _add_diff, _add_rebank, _add_run):
        add(commands)


# explain


def _add_explain(commands: Commands) -> None:
    text = "what a group id, a bank, a state, an error code or a message of XRT means; a whole log on standard input"
    parser = add_command(commands, "explain", _explain, text)
    parser.add_argument("text", nargs="*", metavar="TEXT-or-NUMBER", help="default, or -: standard input")
    parser.add_argument("--json", action="store_true")


def _explain(arguments: argparse.Namespace) -> int:
    from tileproof.explain import explain

    text = " ".join(arguments.text)
    if text in ("", "-"):
        text = _standard_input()
    found = explain(text)
    if not found:
        raise Problem(
            "there is nothing in it that tileproof knows",
            where=text.strip()[:200],
            why="it knows group ids, banks, states of a command, error codes, and the messages of XRT and its NPU shim",
            fix="give the message as XRT printed it, or a whole log: `tileproof explain < log.txt`",
        )
    if arguments.json:
        answer(json.dumps([asdict(explanation) for explanation in found], indent=1))
    else:
        answer("\n\n".join(map(str, found)))
    return 0


def _standard_input() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        raise Problem("there is nothing to explain", fix="`tileproof explain 131071`, or pipe a log into it")
    return sys.stdin.buffer.read().decode(errors="replace")


# inspect


def inspect_built(arguments: argparse.Namespace) -> int:
    """An xclbin or the instructions of one, told apart by the first bytes."""
    for option in ("lowered", "print", "mlir_aie", "scheme"):
        if getattr(arguments, option):
            raise Problem(
                f"--{option.replace('_', '-')} is for designs",
                where=f"tileproof inspect {arguments.subject}",
                why="what was built is shown as it is",
                fix="name a KERNEL or a FILE.mlir",
            )
    path = Path(arguments.subject)
    data = _bytes_of(path)
    if _is_xclbin(path, data):
        return _inspect_xclbin(arguments, path, data)
    from tileproof.insts.listing import list_instructions, listing_text

    listing = list_instructions(data, path.name)
    answer(_json(asdict(listing)) if arguments.json else listing_text(listing, path.name).rstrip("\n"))
    return 0


def _is_xclbin(path: Path, data: bytes) -> bool:
    return data[:7] == b"xclbin2" or path.suffix == ".xclbin"


def _inspect_xclbin(arguments: argparse.Namespace, path: Path, data: bytes) -> int:
    from tileproof.xclbin.description import describe, description_text, host_call, section_text

    if arguments.section is not None:
        answer(section_text(data, path.name, arguments.section).rstrip("\n"))
        return 0
    described = describe(data, path.name)
    sizes = _sizes(arguments.insts) if arguments.insts is not None else None
    call = host_call(described, str(path), sizes)
    if arguments.json:
        answer(_json({**asdict(described), "host_call": call}))
        return 0
    answer(description_text(described) + (f"\nhow a host calls it\n\n{call}" if call else ""))
    return 0


def _sizes(insts: Path) -> dict[int, int]:
    """Bytes of each kernel argument that the instructions reach."""
    from tileproof.insts.listing import list_instructions

    sizes: dict[int, int] = {}
    for moved in list_instructions(_bytes_of(insts), insts.name).moved:
        sizes[moved.argument] = max(sizes.get(moved.argument, 0), moved.end)
    return sizes


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, default=lambda other: other.hex() if isinstance(other, bytes) else str(other))


# diff


def _add_diff(commands: Commands) -> None:
    text = "what differs between two xclbins, or two instruction streams, and what it can explain; 1 if anything does"
    parser = add_command(commands, "diff", _diff, text)
    parser.add_argument("before", metavar="A", type=Path)
    parser.add_argument("after", metavar="B", type=Path)
    parser.add_argument("--json", action="store_true")


def _diff(arguments: argparse.Namespace) -> int:
    before, after = _bytes_of(arguments.before), _bytes_of(arguments.after)
    xclbins = [_is_xclbin(path, data) for path, data in ((arguments.before, before), (arguments.after, after))]
    if xclbins[0] != xclbins[1]:
        raise Problem(
            "an xclbin and instructions have nothing to compare",
            where=f"{arguments.before} and {arguments.after}",
            fix="name two xclbins, or two insts.bin",
        )
    names = _told_apart(arguments.before, arguments.after)
    if xclbins[0]:
        from tileproof.xclbin.difference import compare, comparison_text

        comparison = compare(before, after, *names)
        answer(_json(asdict(comparison)) if arguments.json else comparison_text(comparison).rstrip("\n"))
        return EXIT_KERNEL_WRONG if comparison.differences else 0
    from tileproof.insts.difference import compare_instructions, instructions_text

    instructions = compare_instructions(before, after, *names)
    answer(_json(asdict(instructions)) if arguments.json else instructions_text(instructions).rstrip("\n"))
    return EXIT_KERNEL_WRONG if instructions.differs else 0


def _told_apart(before: Path, after: Path) -> tuple[str, str]:
    return (before.name, after.name) if before.name != after.name else (str(before), str(after))


# rebank


def _add_rebank(commands: Commands) -> None:
    text = "write an xclbin with other memory banks; its PDI is carried over untouched, and what changed is printed"
    parser = add_command(commands, "rebank", _rebank, text)
    parser.add_argument("xclbin", metavar="XCLBIN", type=Path)
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True)
    parser.add_argument(
        "--arg", metavar="NAME=BANK", type=_pair, action="append", default=[], help="which bank an argument reaches"
    )
    parser.add_argument(
        "--mem",
        metavar="BANK=SIZE",
        type=_pair,
        action="append",
        default=[],
        help="its size: 0xc000KB, 64MB; or a new one",
    )
    parser.add_argument("--columns", metavar="N", type=int, help="how many columns the partition takes")
    parser.add_argument(
        "--like", metavar="OTHER", type=Path, help="take the banks and connections of this xclbin first"
    )


def _rebank(arguments: argparse.Namespace) -> int:
    from tileproof.build import write_output
    from tileproof.xclbin.difference import compare, comparison_text
    from tileproof.xclbin.rebank import Directives, rebank

    data = _bytes_of(arguments.xclbin)
    directives = Directives(
        arguments=dict(arguments.arg),
        memories={tag: _kilobytes(tag, size) for tag, size in arguments.mem},
        columns=arguments.columns,
        like=None if arguments.like is None else (arguments.like.name, _bytes_of(arguments.like)),
    )
    made = rebank(data, arguments.xclbin.name, directives)
    write_output(arguments.output, made, what="xclbin", where=f"-o {arguments.output}")
    names = _told_apart(arguments.xclbin, arguments.output)
    answer(comparison_text(compare(data, made, *names)).rstrip("\n"))
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


_SIZE = re.compile(r"(?P<number>0[xX][0-9a-fA-F]+|\d+)\s*(?P<unit>KB|MB|GB)")
_UNITS = {"KB": 1, "MB": 1024, "GB": 1024 * 1024}


def _kilobytes(tag: str, text: str) -> int:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise Problem(
            f"{text!r} is no size",
            where=f"--mem {tag}={text}",
            why="a size is a whole number and KB, MB or GB",
            fix=f"write for instance --mem {tag}=0xc000KB",
        )
    return int(found["number"], 16 if "x" in found["number"].lower() else 10) * _UNITS[found["unit"]]


# run


def _add_run(commands: Commands) -> None:
    text = "run a Python program that imports pyxrt, unmodified, and say what it did wrong; options before its name"
    parser = add_command(commands, "run", _run, text)
    parser.add_argument(
        "--device", choices=("auto", "npu", "emulator"), default="emulator", help="default: %(default)s"
    )
    parser.add_argument("--strict", action="store_true", help="a mistake is an error at the call that makes it")
    parser.add_argument("script", metavar="SCRIPT.py", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENTS", help="the program's own")


def _run(arguments: argparse.Namespace) -> int:
    from tileproof.device.script import run_script

    code, mistakes = run_script(arguments.script, arguments.arguments, arguments.device, strict=arguments.strict)
    for number, mistake in enumerate(mistakes, 1):
        say(f"\nmistake {number} of {len(mistakes)}: {mistake}")
    return code or (EXIT_KERNEL_WRONG if mistakes else 0)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None
