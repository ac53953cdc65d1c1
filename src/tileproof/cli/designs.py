"""The commands for designs, a kernel's or anybody's: check, inspect, emulate."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tileproof.cli.contract import inspect_built, is_built
from tileproof.cli.shared import (
    add_command,
    answer,
    build_request_of,
    common_options,
    compiler_options,
    emulator_options,
    mlir_aie_version,
    positive,
    say,
    schedules_option,
    seed,
    untrusted_option,
)
from tileproof.code_options import CodeOptions, check_defines, check_includes
from tileproof.device_model import SCHEMES
from tileproof.diagnostic import Diagnostic
from tileproof.errors import EXIT_KERNEL_WRONG, Problem, bytes_of, unreadable
from tileproof.mlir_aie_versions import LOWERED_VERSIONS, NEWEST, VERSIONS

if TYPE_CHECKING:
    from tileproof.check.checked import BuiltFile
    from tileproof.cli.shared import Commands
    from tileproof.emulator.library import Manner

_Key = TypeVar("_Key", int, str)
_VERSIONS = [version.name for version in VERSIONS]


def add_commands(commands: Commands) -> None:
    for add in (_add_check, _add_inspect, _add_emulate):
        add(commands)


# check


def _add_check(commands: Commands) -> None:
    text = (
        "find what is wrong with a kernel, any design, or an xclbin, before it runs; of a kernel, runs its constants.py"
    )
    parser = add_command(commands, "check", _check, text)
    parser.add_argument("subject", nargs="?", metavar="KERNEL|FILE.mlir|FILE.xclbin")
    parser.add_argument(
        "--tile-code", metavar="FILE", type=Path, action="append", default=[], help="C++ of FILE.mlir; may be repeated"
    )
    compiler_options(parser)
    common_options(parser)
    device_name_option(parser)
    parser.add_argument("--xclbin", metavar="FILE", type=Path, help="what was built of it; with or without --insts")
    parser.add_argument("--insts", metavar="FILE", type=Path, help="the instruction words that were built of it")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print findings, or the catalogue, as JSON")
    shape.add_argument("--sarif", action="store_true", help="print findings as SARIF 2.1.0, for editors")
    parser.add_argument("--list", action="store_true", help="print every check there is, and end")
    parser.add_argument(
        "--against-mlir-aie",
        action="store_true",
        help="compare what the mlir-aie that is here makes of the design with what tileproof makes of it, and end",
    )


def options_of(arguments: argparse.Namespace) -> CodeOptions:
    options = CodeOptions(tuple(arguments.define), tuple(arguments.include))
    if options and not arguments.tile_code:
        raise Problem(
            "-D and -I are for tile code, and none is given",
            id="missing-option",
            where=" ".join(f"-D {define}" for define in options.defines) or f"-I {options.includes[0]}",
            why="they say how --tile-code is compiled; a kernel has defines and includes in [core]",
            fix="add --tile-code FILE.cc, or leave them out",
        )
    check_defines(options.defines)
    check_includes(options.includes)
    return options


def _check(arguments: argparse.Namespace) -> int:
    from tileproof.report import findings as report
    from tileproof.report.sarif import as_sarif

    if arguments.list:
        answer(report.catalogue_as_json() if arguments.json else report.catalogue_as_markdown())
        return 0
    if arguments.against_mlir_aie:
        return _compare(arguments)
    findings, checks = _findings(arguments)
    if arguments.json:
        answer(report.as_json(findings, arguments.subject))
    elif arguments.sarif:
        answer(as_sarif(findings))
    else:
        answer(report.as_text(findings, arguments.subject, checks))
    return EXIT_KERNEL_WRONG if any(finding.is_error for finding in findings) else 0


def _compare(arguments: argparse.Namespace) -> int:
    """Our own check first: what it finds wrong is no difference between the two. The exit code is the comparison's."""
    from tileproof.check.against_mlir_aie import RefusedProblem, compare_lowerings
    from tileproof.check.run import check_design
    from tileproof.diagnostic.checks import CHECKS
    from tileproof.report.findings import as_text

    subject = _subject(arguments)
    name = subject.name
    checked = check_design(
        subject.design,
        name,
        subject.tile_code,
        headers=subject.headers,
        folders=subject.folders,
        options=subject.options,
        compile_code=True,
        device_name=arguments.device_name,
        say=say,
    )
    wrong = [finding for finding in checked if finding.is_error]
    try:
        found = compare_lowerings(subject.design, name)
    except RefusedProblem as refused:
        if not wrong:
            raise
        answer(as_text(wrong, name, len(CHECKS)))
        answer(f"mlir-aie refuses it as well: {refused.why}")
        return EXIT_KERNEL_WRONG
    if wrong:
        ids = ", ".join(dict.fromkeys(finding.id for finding in wrong))
        say(f"`tileproof check` finds errors in it ({ids}), which mlir-aie's lowering does not look for")
    if arguments.json:
        shown = {"mlir_aie": found.version.name, "words": found.words, "differences": found.differences}
        answer(json.dumps(shown, indent=1))
    elif found.differences:
        answer(
            "\n".join((f"{name}, lowered by mlir-aie of {found.version.name} and by tileproof:", *found.differences))
        )
    else:
        theirs = found.theirs
        counted = f"{len(theirs.buffers)} buffers, {len(theirs.locks)} locks, {len(theirs.channels)} channels"
        counted += f", {found.words} instruction words" if found.words else ""
        answer(f"{name}: mlir-aie of {found.version.name} and tileproof make the same of it: {counted}")
    if found.words is None:
        say("instruction words were not compared: " + found.why_no_words)
    return EXIT_KERNEL_WRONG if found.differences else 0


def _findings(arguments: argparse.Namespace) -> tuple[tuple[Diagnostic, ...], int]:
    """What is found, and by how many checks."""
    from tileproof.check.built import CHECKED, check_built
    from tileproof.check.run import check_design
    from tileproof.diagnostic.checks import CHECKS

    built = {key: _built(path) for key in ("xclbin", "insts") if (path := getattr(arguments, key)) is not None}
    if "insts" in built:
        from tileproof.insts import binary_words

        built["insts"] = replace(built["insts"], data=binary_words(built["insts"].data))
    if arguments.subject is not None and arguments.subject.endswith(".xclbin"):
        for option in ("tile_code", "xclbin"):
            if getattr(arguments, option):
                raise Problem(
                    f"--{option.replace('_', '-')} is for a design",
                    id="option-of-others",
                    where=f"tileproof check {arguments.subject}",
                    why="an xclbin is checked by itself, or with its --insts",
                    fix="leave it out, or name the design that it was built of",
                )
        return check_built(_built(Path(arguments.subject)), **built), len(CHECKED)
    one = _subject(arguments)
    found = check_design(
        one.design,
        one.name,
        one.tile_code,
        headers=one.headers,
        folders=one.folders,
        options=one.options,
        objects=one.objects,
        compile_code=True,
        device_name=arguments.device_name,
        say=say,
        xclbin=built.get("xclbin"),
        insts=built.get("insts"),
    )
    return tuple(map(one.located, found)), len(CHECKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """A design's name and text, and the texts of its tile code and of what that includes, by name."""

    name: str
    design: str
    tile_code: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)  # where a file of tile code lies, of what was not rendered
    options: CodeOptions = field(default_factory=CodeOptions)
    objects: tuple[str, ...] | None = None  # that a build makes of a kernel's tile code
    located: Callable[[Diagnostic], Diagnostic] = lambda found: found  # with the template's line, of what was rendered


def _subject(arguments: argparse.Namespace) -> _Subject:
    """What is to be checked or shown."""
    if arguments.subject is None:
        raise Problem(
            "there is nothing to check",
            id="no-subject",
            fix="name a kernel, a FILE.mlir or a FILE.xclbin; --list prints the checks",
        )
    if arguments.subject.endswith((".bin", ".txt")):
        raise Problem(
            "instructions are checked with what they are to run with",
            id="missing-option",
            where=f"tileproof check {arguments.subject}",
            why="by themselves they say nothing of the kernel's arguments",
            fix=f"tileproof check FILE.xclbin --insts {arguments.subject}; `tileproof inspect {arguments.subject}` "
            "lists them",
        )
    if arguments.subject.endswith(".mlir"):
        path = Path(arguments.subject)
        code = {str(code): text_of(code) for code in arguments.tile_code}
        folders = {str(code): code.parent for code in arguments.tile_code}
        options = options_of(arguments)
        names = {file.name: str(file) for file in arguments.tile_code}
        return _Subject(
            name=str(path),
            design=text_of(path),
            tile_code=code,
            folders=folders,
            options=options,
            located=lambda found: _called(found, names),
        )
    if arguments.tile_code:
        raise Problem(
            "--tile-code is for a FILE.mlir",
            id="option-of-others",
            where=f"--tile-code {arguments.tile_code[0]}",
            why=f"the kernel {arguments.subject!r} has its own",
            fix="leave it out, or name a FILE.mlir",
        )
    options_of(arguments)
    from tileproof.build.plan import objects_of
    from tileproof.build.prepare import check_kernel_includes, render_kernel

    request = build_request_of(arguments)
    rendered = render_kernel(arguments.subject, request)
    check_kernel_includes(rendered.spec)
    folder = request.build_dir / rendered.spec.name / rendered.spec.variant(request.target)
    design = rendered.texts["design.mlir"]
    own = rendered.spec.folder
    names = {
        name: _place_of(own, folder, name, text) for name, text in {**rendered.headers, **rendered.tile_code}.items()
    }
    return _Subject(
        name=_place_of(own, folder, "design.mlir", design),
        design=design,
        tile_code={names[name]: text for name, text in rendered.tile_code.items()},
        headers=rendered.headers,
        options=rendered.spec.core.options,
        objects=objects_of(rendered.tile_code),
        located=lambda found: rendered.located(_called(found, names)),
    )


def _called(found: Diagnostic, names: Mapping[str, str]) -> Diagnostic:
    """The same, of a file that a compiler knows by its name alone as messages call it."""
    return replace(found, place=replace(found.place, file=names.get(found.place.file, found.place.file)))


def _place_of(own: Path, folder: Path, name: str, text: str) -> str:
    """What messages call a text, for an editor to find: the kernel's own file, or what a build rendered, if it is the
    same."""
    if (own / name).is_file():
        return str(own / name)
    path = folder / name
    try:
        same = path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        same = False
    return str(path) if same else name


def _built(path: Path) -> BuiltFile:
    from tileproof.check.checked import BuiltFile

    return BuiltFile(path.name, bytes_of(path))


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError as error:
        raise Problem(
            f"{path.name} is no text",
            id="not-text",
            where=f"{path}, byte {error.start}",
            why="it is not UTF-8",
            fix="name a design or tile code in text",
        ) from None


# inspect


def _add_inspect(commands: Commands) -> None:
    text = "show a design, an xclbin, its instructions or a PDI: who feeds whom, what a host sees, what is moved"
    parser = add_command(commands, "inspect", _inspect, text)
    parser.add_argument(
        "subject",
        metavar="KERNEL|FILE.mlir|FILE",
        help="what was built (xclbin, instructions, PDI, CDO, ELF) is told apart",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--lowered", action="store_true", help="buffers with addresses, locks, DMA chains, circuits")
    what.add_argument("--print", action="store_true", help="the design itself, in the spelling of --mlir-aie")
    parser.add_argument(
        "--mlir-aie", type=mlir_aie_version, metavar="STATE", help="which mlir-aie: " + ", ".join(_VERSIONS)
    )
    device_name_option(parser)
    parser.add_argument("--scheme", choices=SCHEMES, help="how buffers are placed")
    parser.add_argument("--section", metavar="NAME", help="of an xclbin: only this section, its bytes included")
    parser.add_argument("--pdi", action="store_true", help="of an xclbin: what its PDIs leave in each tile")
    parser.add_argument("--insts", metavar="FILE", type=Path, help="of an xclbin: size the host call for these")
    parser.add_argument(
        "--json", action="store_true", help="of a file that was built, and with --lowered: every fact, for programs"
    )
    common_options(parser)
    parser.set_defaults(tile_code=[], define=[], include=[])


def _inspect(arguments: argparse.Namespace) -> int:
    if arguments.subject.endswith((".xclbin", ".bin")) or is_built(Path(arguments.subject)):
        return inspect_built(arguments)
    if arguments.section is not None or arguments.insts is not None or arguments.pdi:
        raise Problem(
            "--section, --pdi and --insts are for an xclbin",
            id="option-of-others",
            where=f"tileproof inspect {arguments.subject}",
            fix="name a FILE.xclbin, or leave them away",
        )
    subject = _subject(arguments)
    name, text = subject.name, subject.design
    if not arguments.lowered:
        # Of a design as it is there is one picture, for people, and one text for each mlir-aie.
        for option in ("json", "scheme") if arguments.print else ("json", "scheme", "mlir_aie"):
            if getattr(arguments, option):
                _refuse_option("--" + option.replace("_", "-"))
    if arguments.print:
        from tileproof.mlir.printer import respelled

        answer(respelled(text, name, arguments.mlir_aie or NEWEST).rstrip("\n"))
        return 0
    if arguments.lowered:
        return _inspect_lowered(arguments, name, text)
    from tileproof.lowering.lower import lower_design
    from tileproof.mlir.reader import read_design
    from tileproof.report.drawing import design_text

    design = read_design(text, name, arguments.device_name)
    try:
        lowered, refusal = lower_design(design), None
    except Problem as problem:
        lowered, refusal = None, problem
    answer(design_text(design, lowered, name).rstrip("\n"))
    if refusal is not None:
        say(f"it cannot be lowered, so nothing is known of its pools and addresses:\n{refusal.paragraph}")
    return 0


def _refuse_option(option: str) -> None:
    raise Problem(
        f"{option} is for what a design becomes",
        id="missing-option",
        where=f"tileproof inspect {option}",
        why="a design as it is written is the same for every mlir-aie, and its picture is for people",
        fix=f"write --lowered {option}",
    )


def _inspect_lowered(arguments: argparse.Namespace, name: str, text: str) -> int:
    if arguments.mlir_aie is not None and not arguments.mlir_aie.lowering_is_known:
        raise Problem(
            f"what mlir-aie of {arguments.mlir_aie.name} makes of a design is not known here",
            id="unknown-lowering",
            where=f"--mlir-aie {arguments.mlir_aie.name}",
            why="of that version we know the spelling only",
            fix="choose one of " + ", ".join(version.name for version in LOWERED_VERSIONS) + ", or --print",
        )
    if arguments.json:
        from tileproof.lowering.facts import design_facts

        facts = design_facts(text, name, arguments.mlir_aie, arguments.scheme, arguments.device_name)
        answer(json.dumps(facts, indent=1))
        return 0 if facts["outcome"] == "accepted" else EXIT_KERNEL_WRONG
    from tileproof.lowering.lower import lower_design
    from tileproof.mlir.reader import read_design
    from tileproof.report.drawing import lowered_text

    design = read_design(text, name, arguments.device_name)
    lowered = lower_design(design, version=arguments.mlir_aie, scheme=arguments.scheme or "default")
    answer(lowered_text(lowered, name).rstrip("\n"))
    return 0


# emulate


def _add_emulate(commands: Commands) -> None:
    text = "run any design on the emulator: a FILE.mlir, its tile code, and the arguments of its runtime sequence"
    parser = add_command(commands, "emulate", _emulate, text)
    parser.add_argument("design", metavar="FILE.mlir", type=Path)
    tile_code_option(parser)
    compiler_options(parser)
    argument_option(parser)
    parser.add_argument(
        "--save", metavar="K=FILE.npy", type=_numbered, action="append", default=[], help="write argument K afterwards"
    )
    device_name_option(parser)
    parser.add_argument("--sequence", metavar="NAME", help="default: the first")
    parser.add_argument("--runs", type=positive, metavar="N", default=1, help="run it N times in one context")
    parser.add_argument("--target", metavar="DEVICE", help="instead of the design's own: npu1, npu2_4col, ...")
    parser.add_argument(
        "--schedule",
        choices=("cycles", "adversarial"),
        default="cycles",
        help="in what order things happen: by the cycle model, or by --seed in another legal order, compared with that",
    )
    parser.add_argument("--seed", type=seed, metavar="N", help="of the adversarial order; default: 0")
    schedules_option(parser)
    parser.add_argument("--dot", metavar="FILE", type=Path, help="write who waits for whom, if it is a deadlock")
    emulator_options(parser)
    untrusted_option(parser)
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true")
    shape.add_argument("--sarif", action="store_true", help="print the faults as SARIF 2.1.0, for editors")


def tile_code_option(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--tile-code", metavar="FILE.cc", type=Path, action="append", default=[], help="C++ of it; may be repeated"
    )


def argument_option(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--arg",
        metavar="K=VALUE",
        type=_numbered,
        action="append",
        default=[],
        help="what argument K of the sequence holds: FILE.npy, zeros, ones, random, or zeros:4096xi8",
    )
    parser.add_argument(
        "--parameter",
        metavar="NAME=NUMBER",
        type=_named,
        action="append",
        default=[],
        help="the value of an aiex.scratchpad_parameter; may be repeated",
    )


def given_arguments(pairs: list[tuple[int, str]]) -> dict[int, str]:
    """By number, each once."""
    return _once(pairs, "--arg")


def given_parameters(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """By name, each once."""
    return _once(pairs, "--parameter")


def _named(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=NUMBER")
    return name.removeprefix("@"), value


def device_name_option(parser: argparse._ActionsContainer) -> None:
    text = "of several devices in the file, the one that is meant; default: @main, or the first"
    parser.add_argument("--device-name", metavar="NAME", type=lambda name: name.removeprefix("@"), help=text)


def _numbered(text: str) -> tuple[int, str]:
    number, sign, value = text.partition("=")
    if not sign or not number.isdecimal() or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 0=VALUE")
    return int(number), value


def _emulate(arguments: argparse.Namespace) -> int:
    from tileproof.emulator.design.emulate import emulate
    from tileproof.report import emulation as emulation_report
    from tileproof.report.sarif import as_sarif

    _refuse_overwriting(arguments)
    options = options_of(arguments)
    emulation = emulate(
        text_of(arguments.design),
        str(arguments.design),
        arguments.tile_code,
        given_arguments(arguments.arg),
        parameters=given_parameters(arguments.parameter),
        options=options,
        sequence=arguments.sequence.removeprefix("@") if arguments.sequence else None,
        runs=arguments.runs,
        timeout_s=arguments.timeout_s,
        target=arguments.target,
        device_name=arguments.device_name,
        manner=_manner(arguments),
        orders=arguments.orders,
    )
    saved = emulation_report.save(emulation, {k: Path(file) for k, file in _once(arguments.save, "--save").items()})
    emulation_report.write_pictures(emulation, str(arguments.design), trace=arguments.trace, dot=arguments.dot)
    if arguments.sarif:
        answer(as_sarif(emulation.faults))
    else:
        show = emulation_report.as_json if arguments.json else emulation_report.as_text
        answer(show(emulation, str(arguments.design), saved))
    return 0 if emulation.is_good else EXIT_KERNEL_WRONG


def _refuse_overwriting(arguments: argparse.Namespace) -> None:
    """What is written must be neither what is read nor written twice."""
    files = _once(arguments.arg, "--arg").values()
    read = {path.resolve() for path in (arguments.design, *arguments.tile_code, *map(Path, files)) if path.exists()}
    written = [(f"--save {k}={file}", Path(file)) for k, file in arguments.save]
    written += [(f"{option} {p}", p) for option, p in (("--trace", arguments.trace), ("--dot", arguments.dot)) if p]
    seen = {path: "what is read" for path in read if path.is_file()}
    for option, path in written:
        if path.resolve() in seen:
            raise Problem(
                f"{path} would be overwritten",
                id="would-overwrite",
                where=option,
                why=f"it is {seen[path.resolve()]}",
                fix="name another file",
            )
        if path.is_file() or not path.exists():
            seen[path.resolve()] = f"written by {option}"


def _manner(arguments: argparse.Namespace) -> Manner:
    from tileproof.emulator.library import Manner

    adversarial = arguments.schedule == "adversarial"
    if arguments.seed is not None and not adversarial:
        raise Problem(
            "--seed is of an adversarial order",
            id="option-conflict",
            where=f"--seed {arguments.seed}",
            why="the cycle model's order has none",
            fix="write --schedule adversarial, or leave it away",
        )
    if adversarial and arguments.trace is not None:
        raise Problem(
            "there is no timeline of an adversarial order",
            id="option-conflict",
            where="--trace with --schedule adversarial",
            why="its order is not the cycle model's",
            fix="leave one of the two away",
        )
    return Manner(
        seed=(arguments.seed or 0) if adversarial else None,
        as_hardware=arguments.as_hardware,
        trace=arguments.trace is not None,
    )


def _once(pairs: list[tuple[_Key, str]], option: str) -> dict[_Key, str]:
    for index, (number, value) in enumerate(pairs):
        if number in dict(pairs[:index]):
            raise Problem(
                f"{option} {number} is there twice",
                id="given-twice",
                where=f"{option} {number}={value}",
                fix="keep one of them",
            )
    return dict(pairs)
