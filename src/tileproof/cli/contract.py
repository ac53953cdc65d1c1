"""The commands for XRT's side of a kernel: explain, diff, run, and inspect of what was built."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tileproof.cli.shared import Parser, add_command, answer, compiler_options, say, told_apart, untrusted_option
from tileproof.code_options import CodeOptions, check_defines, check_includes
from tileproof.errors import EXIT_KERNEL_WRONG, Problem, bytes_of

if TYPE_CHECKING:
    from tileproof.cli.shared import Commands
    from tileproof.diagnostic import Diagnostic
    from tileproof.diagnostic.entry import Entry


def add_commands(commands: Commands) -> None:
    for add in (_add_explain, _add_diff, _add_run):
        add(commands)


# explain


def _add_explain(commands: Commands) -> None:
    text = (
        "what an id of tileproof means (TP406, deadlock), a number or message of XRT, its driver or a tool; a log on "
    )
    text += "standard input"
    parser = add_command(commands, "explain", _explain, text)
    parser.add_argument("text", nargs="*", metavar="ID|TEXT|NUMBER", help="default, or -: standard input")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true")
    shape.add_argument("--example", metavar="DIR", type=Path, help="write the wrong example of an id there, to try it")
    shape.add_argument("--list", action="store_true", help="print every id there is, as docs/diagnostics.md, and end")


def _explain(arguments: argparse.Namespace) -> int:
    from tileproof.diagnostic.catalogue import entry_named
    from tileproof.explain import explain
    from tileproof.explain.page import catalogue_markdown

    if arguments.list:
        answer(catalogue_markdown().rstrip("\n"))
        return 0
    text = " ".join(arguments.text)
    entry = entry_named(text)
    if entry is not None or arguments.example is not None:
        return _explain_entry(arguments, entry, text)
    if text in ("", "-"):
        text = _standard_input()
    found = explain(text)
    if not found:
        raise Problem(
            "there is nothing in it that tileproof knows",
            id="nothing-known",
            where=text.strip()[:200],
            why="it knows tileproof's own ids, group ids, banks, states of a command, error codes, and messages of "
            "XRT, its NPU shim and driver, aiecc, aie-opt, the linker and Peano",
            fix="give the message as XRT printed it, or a whole log: `tileproof explain < log.txt`",
        )
    if arguments.json:
        answer(json.dumps([explanation.as_json() for explanation in found], indent=1))
    else:
        answer("\n\n".join(map(str, found)))
    return 0


def _explain_entry(arguments: argparse.Namespace, entry: Entry | None, text: str) -> int:
    from tileproof.explain.examples import write_example
    from tileproof.explain.page import page_text

    if entry is None:
        raise Problem(
            f"{text!r} is no id",
            id="unknown-id",
            where=f"--example {arguments.example}",
            fix="`tileproof explain --list` prints them all",
        )
    if arguments.example is not None:
        write_example(entry, arguments.example)
        assert entry.example is not None
        say(f"written; now: cd {arguments.example} && {entry.example.command}")
    elif arguments.json:
        answer(json.dumps(asdict(entry), indent=1))
    else:
        answer(page_text(entry))
    return 0


def _standard_input() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        raise Problem(
            "there is nothing to explain", id="no-subject", fix="`tileproof explain 131071`, or pipe a log into it"
        )
    return sys.stdin.buffer.read().decode(errors="replace")


# inspect


def inspect_built(arguments: argparse.Namespace) -> int:
    """An xclbin, instructions, a PDI, a CDO or an ELF, told apart by what is in it."""
    for option in ("lowered", "print", "mlir_aie", "scheme"):
        if getattr(arguments, option):
            raise Problem(
                f"--{option.replace('_', '-')} is for designs",
                id="option-of-others",
                where=f"tileproof inspect {arguments.subject}",
                why="what was built is shown as it is",
                fix="name a KERNEL or a FILE.mlir",
            )
    path = Path(arguments.subject)
    data = bytes_of(path)
    if _is_xclbin(path, data):
        return _inspect_xclbin(arguments, path, data)
    from tileproof.insts import binary_words
    from tileproof.insts.listing import list_instructions, listing_text
    from tileproof.pdi.listing import configuration_of, configuration_text, is_configuration

    if is_configuration(data):
        found = configuration_of(data, path.name)
        answer(_json(asdict(found)) if arguments.json else configuration_text(found).rstrip("\n"))
        return 0
    listing = list_instructions(binary_words(data), path.name)
    answer(_json(asdict(listing)) if arguments.json else listing_text(listing, path.name).rstrip("\n"))
    return 0


def is_built(path: Path) -> bool:
    """What a tool wrote in binary, or its words as text, whatever its name; not a design, and not a kernel's name."""
    from tileproof.insts.hexadecimal import is_hexadecimal

    if path.suffix == ".mlir" or not path.is_file():
        return False
    data = bytes_of(path)
    return b"\0" in data or is_hexadecimal(data)


def _is_xclbin(path: Path, data: bytes) -> bool:
    return data[:7] == b"xclbin2" or path.suffix == ".xclbin"


def _inspect_xclbin(arguments: argparse.Namespace, path: Path, data: bytes) -> int:
    from tileproof.xclbin.description import describe, description_text, host_call, section_text

    if arguments.section is not None:
        answer(section_text(data, path.name, arguments.section).rstrip("\n"))
        return 0
    if arguments.pdi:
        _inspect_pdis(arguments, path, data)
        return 0
    described = describe(data, path.name)
    sizes = _sizes(arguments.insts) if arguments.insts is not None else None
    call = host_call(described, str(path), sizes)
    if arguments.json:
        answer(_json({**asdict(described), "host_call": call}))
        return 0
    answer(description_text(described) + (f"\nhow a host calls it\n\n{call}" if call else ""))
    return 0


def _inspect_pdis(arguments: argparse.Namespace, path: Path, data: bytes) -> None:
    from tileproof.pdi.listing import configuration_text, image_of
    from tileproof.xclbin import parse_aie_partition, read_xclbin

    section = read_xclbin(data, path.name).section("AIE_PARTITION")
    pdis = parse_aie_partition(section, path.name).pdis if section is not None else ()
    found = [image_of(pdi.image, f"PDI {pdi.uuid.hex()}") for pdi in pdis]
    texts = "\n".join(map(configuration_text, found)).rstrip("\n") or f"{path.name} has no PDI"
    answer(_json([asdict(one) for one in found]) if arguments.json else texts)


def _sizes(insts: Path) -> dict[int, int]:
    """Bytes of each kernel argument that the instructions reach."""
    from tileproof.insts import binary_words
    from tileproof.insts.listing import list_instructions

    sizes: dict[int, int] = {}
    for moved in list_instructions(binary_words(bytes_of(insts)), insts.name).moved:
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
    before, after = bytes_of(arguments.before), bytes_of(arguments.after)
    xclbins = [_is_xclbin(path, data) for path, data in ((arguments.before, before), (arguments.after, after))]
    if xclbins[0] != xclbins[1]:
        raise Problem(
            "an xclbin and instructions have nothing to compare",
            id="nothing-to-compare",
            where=f"{arguments.before} and {arguments.after}",
            fix="name two xclbins, or two insts.bin or insts.txt",
        )
    names = told_apart(arguments.before, arguments.after)
    if xclbins[0]:
        from tileproof.xclbin.difference import compare, comparison_text

        comparison = compare(before, after, *names)
        answer(_json(asdict(comparison)) if arguments.json else comparison_text(comparison).rstrip("\n"))
        return EXIT_KERNEL_WRONG if comparison.differences else 0
    from tileproof.insts import binary_words
    from tileproof.insts.difference import compare_instructions, instructions_text

    instructions = compare_instructions(binary_words(before), binary_words(after), *names)
    answer(_json(asdict(instructions)) if arguments.json else instructions_text(instructions).rstrip("\n"))
    return EXIT_KERNEL_WRONG if instructions.differs else 0


# run


def _add_run(commands: Commands) -> None:
    text = (
        "run a host program, unmodified, and say what it did wrong: Python that imports pyxrt, or C++ for XRT's own "
        "API; options before its name"
    )
    parser = add_command(commands, "run", _run, text)
    parser.add_argument(
        "--device", choices=("auto", "npu", "emulator"), default="emulator", help="default: %(default)s"
    )
    parser.add_argument("--strict", action="store_true", help="a mistake is an error at the call that makes it")
    untrusted_option(parser)
    compiler_options(parser)
    # One list, since argparse takes a -- between two for its own.
    parser.add_argument(
        "program",
        nargs=argparse.REMAINDER,
        metavar="SCRIPT.py|HOST.cpp ...",
        help="and the program's own arguments; of C++: more files, -I and -D, then -- and the program's own",
    )


def _run(arguments: argparse.Namespace) -> int:
    if not arguments.program:
        raise Problem(
            "there is no program to run",
            id="wrong-usage",
            where="tileproof run",
            fix="name a SCRIPT.py, or a HOST.cpp",
        )
    script, *words = arguments.program
    if Path(script).suffix in _CPP:
        code, mistakes = _run_cpp(arguments, Path(script), words)
    else:
        _refuse_compiler_options(arguments)
        from tileproof.device.script import run_script

        code, mistakes = run_script(Path(script), words, arguments.device, strict=arguments.strict)
    for number, mistake in enumerate(mistakes, 1):
        say(f"\nmistake {number} of {len(mistakes)}: {mistake.paragraph}")
    return code or (EXIT_KERNEL_WRONG if any(mistake.severity != "note" for mistake in mistakes) else 0)


_CPP = (".cpp", ".cc", ".cxx", ".C")


def _run_cpp(arguments: argparse.Namespace, host: Path, given: list[str]) -> tuple[int, list[Diagnostic]]:
    from tileproof.device.host_program import run_host
    from tileproof.toolchain.host_library import OBJECTS

    cut = given.index("--") if "--" in given else len(given)
    more = Parser(
        prog="tileproof run HOST.cpp", usage="tileproof run HOST.cpp [MORE.cpp ...] [-I DIR] [-D NAME] -- ARGUMENTS"
    )
    compiler_options(more)
    more.add_argument("sources", nargs="*", type=Path)
    found = more.parse_args(given[:cut])
    for source in found.sources:
        if source.suffix not in (*_CPP, *OBJECTS):
            raise Problem(
                f"{source} is no C++ file",
                id="wrong-usage",
                where=f"tileproof run {host} {source}",
                why="what stands before -- is compiled",
                fix=f"put the program's own arguments behind --: tileproof run {host} -- {source}",
            )
    options = CodeOptions((*arguments.define, *found.define), (*arguments.include, *found.include))
    check_defines(options.defines)
    check_includes(options.includes)
    sources = (host, *found.sources)
    return run_host(sources, options, given[cut + 1 :], arguments.device, strict=arguments.strict)


def _refuse_compiler_options(arguments: argparse.Namespace) -> None:
    if arguments.define or arguments.include:
        raise Problem(
            "-D and -I are for a C++ host",
            id="option-of-others",
            where=f"tileproof run {arguments.program[0]}",
            why="Python is not compiled",
            fix="leave them out, or name a HOST.cpp",
        )
