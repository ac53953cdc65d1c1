"""The command line: reads arguments, calls one function, prints what it returns. The only module that prints."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tileproof import __version__, device_model, library, mlir_aie
from tileproof.errors import EXIT_KERNEL_WRONG, EXIT_NOT_HERE, EXIT_REQUEST_WRONG, Problem, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tileproof.check.checked import BuiltFile
    from tileproof.prepare import Request
    from tileproof.verify import Verdict


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit code 0, 1: a kernel is wrong, 2: the request is wrong, 3: something is not here."""
    if sys.stdout is None:  # closed by the shell (`>&-`): nobody wants the answer
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _answer(text: str) -> None:
    """Print to standard output. A reader that has left (`| head`) has seen what it wanted; the exit code counts."""
    try:
        print(text, end="" if text.endswith("\n") else "\n", flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise Problem("the answer cannot be written", where="standard output", why=error.strerror) from None


class _Parser(argparse.ArgumentParser):
    """argparse whose errors look like ours."""

    def error(self, message: str) -> None:  # type: ignore[override]
        message = message.replace(", 'lower', 'package'", "")  # steps of a build, which no person asks for
        print(Problem(message, fix=f"`{self.prog} --help` lists what can be asked"), file=sys.stderr)
        raise SystemExit(EXIT_REQUEST_WRONG)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="tileproof", description="Builds NPU kernels and proves each one against a golden model.")
    parser.add_argument("--version", action="version", version=f"tileproof {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    for command in (
        *(_add_list, _add_show, _add_render, _add_build, _add_verify, _add_check, _add_inspect, _add_doctor),
        *(_add_lower, _add_package),
    ):
        command(commands)
    return parser


def _add(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    """The flags that mean the same everywhere."""
    parser.add_argument(
        "--target", choices=device_model.TARGETS, default=device_model.TARGETS[0], help="default: %(default)s"
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a size of the kernel; may be repeated",
    )
    parser.add_argument("--kernels", metavar="DIR", type=Path, help="look for kernels here instead of the shipped ones")


def _building(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--toolchain", choices=("auto", "mlir-aie", "host"), default="auto", help="default: %(default)s"
    )
    parser.add_argument("--build-dir", metavar="DIR", type=Path, default=Path("build"), help="default: ./build")
    parser.add_argument("-j", "--jobs", type=_positive, metavar="N", help="parallel steps; default: as ninja chooses")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


# list, show, render


def _add_list(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _add(commands, "list", _list, "name all kernels")
    parser.add_argument("--kernels", metavar="DIR", type=Path)
    parser.add_argument("--json", action="store_true")


def _list(arguments: argparse.Namespace) -> int:
    from tileproof.prepare import load_kernel

    specs = [load_kernel(name, arguments.kernels, {}) for name in library.kernel_names(arguments.kernels)]
    if arguments.json:
        _answer(json.dumps([{"name": spec.name, "about": spec.about, "targets": spec.targets} for spec in specs]))
    else:
        _answer("\n".join(f"{spec.name:<12} {spec.about}" for spec in specs))
    return 0


def _add_show(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _add(commands, "show", _show, "what a kernel is: buffers, scales, cases, and the memory map of its core")
    parser.add_argument("kernel")
    _common(parser)


def _show(arguments: argparse.Namespace) -> int:
    from tileproof.prepare import render_kernel
    from tileproof.show import kernel_text

    rendered = render_kernel(arguments.kernel, _request(arguments))
    _answer(kernel_text(rendered.spec, rendered.texts["design.mlir"]))
    return 0


def _add_render(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _add(commands, "render", _render, "print the MLIR and C++ of a kernel, or write them with -o")
    parser.add_argument("kernel")
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="write the files here instead of printing them"
    )
    _common(parser)


def _render(arguments: argparse.Namespace) -> int:
    from tileproof.build import write_if_changed
    from tileproof.prepare import render_kernel

    texts = render_kernel(arguments.kernel, _request(arguments)).texts
    for name, text in texts.items():
        if arguments.output is None:
            _answer(f"// ==== {name} ====\n{text}")
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
        _answer(str(arguments.output / name))
    return 0


# build, verify


def _add_build(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _add(commands, "build", _build, "make the xclbin and insts.bin of kernels")
    parser.add_argument("kernel", nargs="+")
    _common(parser)
    _building(parser)
    parser.add_argument("--json", action="store_true")


def _build(arguments: argparse.Namespace) -> int:
    from tileproof.prepare import build_kernel, render_kernel

    request = _request(arguments)
    listed = []
    for name in arguments.kernel:
        artifacts = build_kernel(render_kernel(name, request), request, _say)
        entry = {
            "kernel": name,
            "xclbin": str(artifacts.xclbin),
            "insts": str(artifacts.insts),
            "digest": artifacts.digest,
            "warnings": list(artifacts.warnings),
        }
        listed.append(entry)
        for warning in artifacts.warnings:
            _say(f"warning: {warning}")
        if not arguments.json:
            done = "built" if artifacts.worked else "up to date"
            _answer(f"{name}: {done}: {artifacts.xclbin} + {artifacts.insts.name} ({artifacts.digest[:12]})")
    if arguments.json:
        _answer(json.dumps(listed, indent=1))
    return 0


def _add_verify(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _add(
        commands,
        "verify",
        _verify,
        "build kernels, run every case, and compare every element; without names: all kernels",
    )
    parser.add_argument("kernel", nargs="*")
    _common(parser)
    _building(parser)
    parser.add_argument("--device", choices=("auto", "npu", "emulator"), default="auto", help="default: %(default)s")
    parser.add_argument("--case", metavar="NAME", action="append", default=[], help="only this case; may be repeated")
    parser.add_argument("--seed", type=_seed, metavar="N", help="draw every case from this seed instead of its own")
    parser.add_argument("--wav", metavar="FILE", type=Path, help="run every frame of a recording through the kernel")
    parser.add_argument(
        "--xclbin", metavar="FILE", type=Path, help="verify this xclbin instead of building; with --insts"
    )
    parser.add_argument("--insts", metavar="FILE", type=Path, help="the instructions built with --xclbin")
    parser.add_argument("--timeout", type=_seconds, metavar="S", default=30.0, help="longest run; default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print verdicts as JSON")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="also write JUnit XML")


def _verify(arguments: argparse.Namespace) -> int:
    from tileproof import report
    from tileproof.verify import exit_code

    request = _request(arguments)
    names = arguments.kernel or library.kernel_names(arguments.kernels)
    if not names:
        raise Problem(
            "there is no kernel to verify",
            where=str(arguments.kernels),
            why="no folder below it has a kernel.toml",
            fix="name a folder that holds one folder per kernel",
        )
    if arguments.junit is not None and not arguments.junit.parent.is_dir():
        raise _no_report(arguments.junit, "there is no such folder")
    verdicts, refused = _prove_all(names, request, arguments)
    if arguments.json:
        _answer(report.as_json(verdicts, refused))
    elif verdicts:
        terminal = sys.stdout.isatty()
        width = os.get_terminal_size().columns if terminal else 120
        _answer(report.as_text(verdicts, refused, width=width, colour=terminal and "NO_COLOR" not in os.environ))
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
    with _progress() as say:
        for name in names:
            try:
                verdicts += prove_kernel(name, request, say, arguments.wav)
            except Problem as problem:
                print(problem, file=sys.stderr)
                refused[name] = problem
    return verdicts, refused


def _write_report(path: Path, text: str) -> None:
    from tileproof.build import write_atomically

    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise _no_report(path, error.strerror or str(error)) from None


def _no_report(path: Path, why: str) -> Problem:
    return Problem("the report cannot be written", where=str(path), why=why, fix="choose another path")


# check


def _add_check(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _add(commands, "check", _check, "find what is wrong with a kernel, or with any design, before it runs")
    parser.add_argument("subject", nargs="?", metavar="KERNEL|FILE.mlir")
    parser.add_argument(
        "--tile-code", metavar="FILE", type=Path, action="append", default=[], help="C++ of FILE.mlir; may be repeated"
    )
    _common(parser)
    parser.add_argument("--xclbin", metavar="FILE", type=Path, help="what was built of it; with or without --insts")
    parser.add_argument("--insts", metavar="FILE", type=Path, help="the instruction words that were built of it")
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument("--json", action="store_true", help="print findings, or the catalogue, as JSON")
    answer.add_argument("--sarif", action="store_true", help="print findings as SARIF 2.1.0, for editors")
    parser.add_argument("--list", action="store_true", help="print every check there is, and end")


def _check(arguments: argparse.Namespace) -> int:
    from tileproof.check import report

    if arguments.list:
        _answer(report.catalogue_as_json() if arguments.json else report.catalogue_as_markdown())
        return 0
    from tileproof.check.run import check_design

    name, design, tile_code = _subject(arguments)
    built = {key: _built(getattr(arguments, key)) for key in ("xclbin", "insts")}
    findings = check_design(design, name, tile_code, compile_code=True, **built)
    if arguments.json:
        _answer(report.as_json(findings, arguments.subject))
    elif arguments.sarif:
        _answer(report.as_sarif(findings))
    else:
        _answer(report.as_text(findings, arguments.subject))
    return EXIT_KERNEL_WRONG if any(finding.is_error for finding in findings) else 0


def _subject(arguments: argparse.Namespace) -> tuple[str, str, dict[str, str]]:
    """What is to be checked: the design's name and text, and the texts of its tile code by name."""
    if arguments.subject is None:
        raise Problem("there is nothing to check", fix="name a kernel or a FILE.mlir; --list prints the checks")
    if arguments.subject.endswith(".mlir"):
        path = Path(arguments.subject)
        return str(path), _text_of(path), {str(code): _text_of(code) for code in arguments.tile_code}
    if arguments.tile_code:
        raise Problem(
            "--tile-code is for a FILE.mlir",
            where=f"--tile-code {arguments.tile_code[0]}",
            why=f"the kernel {arguments.subject!r} has its own",
            fix="leave it out, or name a FILE.mlir",
        )
    from tileproof.prepare import render_kernel

    request = _request(arguments)
    rendered = render_kernel(arguments.subject, request)
    folder = request.build_dir / rendered.spec.name / rendered.spec.variant(request.target)
    design = rendered.texts["design.mlir"]
    tile_code = {_place_of(folder, name, text): text for name, text in rendered.tile_code.items()}
    return _place_of(folder, "design.mlir", design), design, tile_code


def _place_of(folder: Path, name: str, text: str) -> str:
    """What messages call a rendered text: the file that a build wrote, if it is the same, for an editor to find."""
    path = folder / name
    try:
        same = path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        same = False
    return str(path) if same else name


def _built(path: Path | None) -> BuiltFile | None:
    from tileproof.check.checked import BuiltFile

    if path is None:
        return None
    try:
        return BuiltFile(path.name, path.read_bytes())
    except OSError as error:
        raise unreadable(path, error) from None


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError as error:
        raise Problem(
            f"{path.name} is no text",
            where=f"{path}, byte {error.start}",
            why="it is not UTF-8",
            fix="name a design or tile code in text",
        ) from None


# inspect


def _add_inspect(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _add(commands, "inspect", _inspect, "show a design: who feeds whom, and what mlir-aie makes of it")
    parser.add_argument("subject", metavar="KERNEL|FILE.mlir")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--lowered", action="store_true", help="buffers with addresses, locks, DMA chains, circuits")
    what.add_argument("--print", action="store_true", help="the design itself, in the spelling of --mlir-aie")
    parser.add_argument(
        "--mlir-aie", choices=mlir_aie.STATES, metavar="STATE", help="which mlir-aie: " + ", ".join(mlir_aie.STATES)
    )
    parser.add_argument(
        "--scheme", choices=("default", "bank-aware", "basic-sequential"), help="how buffers are placed"
    )
    parser.add_argument("--json", action="store_true", help="with --lowered: every fact, instruction words included")
    _common(parser)
    parser.set_defaults(tile_code=[])


def _inspect(arguments: argparse.Namespace) -> int:
    name, text, _ = _subject(arguments)
    if not arguments.lowered:
        # Of a design as it is there is one picture, for people, and one text for each mlir-aie.
        for option in ("json", "scheme") if arguments.print else ("json", "scheme", "mlir_aie"):
            if getattr(arguments, option):
                _refuse_option("--" + option.replace("_", "-"))
    if arguments.print:
        from tileproof.mlir.printer import respelled

        _answer(respelled(text, name, arguments.mlir_aie or mlir_aie.NEWEST).rstrip("\n"))
        return 0
    if arguments.lowered:
        return _inspect_lowered(arguments, name, text)
    from tileproof.drawing import design_text
    from tileproof.lowering.lower import lower_design
    from tileproof.mlir.reader import read_design

    design = read_design(text, name)
    try:
        lowered, refusal = lower_design(design), None
    except Problem as problem:
        lowered, refusal = None, problem
    _answer(design_text(design, lowered, name).rstrip("\n"))
    if refusal is not None:
        _say(f"it cannot be lowered, so nothing is known of its pools and addresses:\n{refusal}")
    return 0


def _refuse_option(option: str) -> None:
    raise Problem(
        f"{option} is for what a design becomes",
        where=f"tileproof inspect {option}",
        why="a design as it is written is the same for every mlir-aie, and its picture is for people",
        fix=f"write --lowered {option}",
    )


def _inspect_lowered(arguments: argparse.Namespace, name: str, text: str) -> int:
    if arguments.mlir_aie not in (None, *mlir_aie.LOWERED_STATES):
        raise Problem(
            f"what mlir-aie of {arguments.mlir_aie} makes of a design is not known here",
            where=f"--mlir-aie {arguments.mlir_aie}",
            why="of that state we know the spelling only",
            fix="choose one of " + ", ".join(mlir_aie.LOWERED_STATES) + ", or --print",
        )
    if arguments.json:
        from tileproof.lowering.facts import design_facts

        facts = design_facts(text, name, arguments.mlir_aie, arguments.scheme)
        _answer(json.dumps(facts, indent=1))
        return 0 if facts["outcome"] == "accepted" else EXIT_KERNEL_WRONG
    from tileproof.drawing import lowered_text
    from tileproof.lowering.lower import lower_design
    from tileproof.mlir.reader import read_design

    lowered = lower_design(read_design(text, name), state=arguments.mlir_aie, scheme=arguments.scheme or "default")
    _answer(lowered_text(lowered, name).rstrip("\n"))
    return 0


# doctor, and the steps of a build


def _add_doctor(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _add(commands, "doctor", _doctor, "what is here, and what is missing for what")
    parser.add_argument("--json", action="store_true")


def _doctor(arguments: argparse.Namespace) -> int:
    from tileproof.doctor import examine

    findings = examine()
    if arguments.json:
        _answer(
            json.dumps([{"thing": f.thing, "state": f.state, "detail": f.detail, "needed": f.needed} for f in findings])
        )
    else:
        _answer("\n".join(f"{f.state:<8} {f.thing:<14} {f.detail}" for f in findings))
    return EXIT_NOT_HERE if any(f.needed and f.state != "present" for f in findings) else 0


def _step(
    commands: argparse._SubParsersAction[_Parser], name: str, run: Callable[[argparse.Namespace], None], files: str
) -> argparse.ArgumentParser:
    """A step of the build, not for people: no help line, and a problem goes to the build in one line."""

    def step(arguments: argparse.Namespace) -> int:
        from tileproof.build import marked

        try:
            run(arguments)
        except Problem as problem:
            print(marked(problem))
            return problem.exit_code
        return 0

    parser = commands.add_parser(name)
    parser.set_defaults(run=step)
    for file in files.split():
        parser.add_argument(f"--{file}", type=Path, required=True)
    return parser


def _add_lower(commands: argparse._SubParsersAction[_Parser]) -> None:
    _step(commands, "lower", _lower, "design interface insts")


def _lower(arguments: argparse.Namespace) -> None:
    from tileproof.build import write_atomically
    from tileproof.lowering.host import lower_for_host

    insts, interface = lower_for_host(arguments.design.read_text(), arguments.design.name)
    write_atomically(arguments.insts, insts)
    write_atomically(arguments.interface, interface.to_json().encode())


def _add_package(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _step(commands, "package", _package, "design interface insts library xclbin seal")
    parser.add_argument("--variant", required=True)
    parser.add_argument("--digest", required=True)


def _package(arguments: argparse.Namespace) -> None:
    from tileproof.build import sha256_of, write_atomically
    from tileproof.package import Interface, package_for_emulator

    xclbin = package_for_emulator(
        arguments.design.read_text(),
        Interface.from_json(arguments.interface.read_text()),
        arguments.insts.read_bytes(),
        arguments.library.read_bytes(),
        arguments.variant,
        arguments.digest,
    )
    write_atomically(arguments.xclbin, xclbin)
    sealed = {path.name: sha256_of(path) for path in (arguments.xclbin, arguments.insts)}
    write_atomically(arguments.seal, json.dumps(sealed).encode())


# What every command shares


def _request(arguments: argparse.Namespace) -> Request:
    from tileproof.prepare import Request

    return Request(
        target=arguments.target,
        sizes=dict(_size(text) for text in arguments.set),
        kernels=arguments.kernels,
        toolchain=getattr(arguments, "toolchain", "auto"),
        device=getattr(arguments, "device", "auto"),
        cases=tuple(getattr(arguments, "case", ())),
        seed=getattr(arguments, "seed", None),
        build_dir=getattr(arguments, "build_dir", Path("build")),
        jobs=getattr(arguments, "jobs", None),
        xclbin=getattr(arguments, "xclbin", None),
        insts=getattr(arguments, "insts", None),
        timeout_s=getattr(arguments, "timeout", 30.0),
    )


def _size(text: str) -> tuple[str, int]:
    key, sign, value = text.partition("=")
    try:
        return key.strip(), int(value)
    except ValueError:
        raise Problem(
            f"--set {text} cannot be read",
            why="there is no =" if not sign else f"{value!r} is not a whole number",
            fix="write for instance --set head=32",
        ) from None


def _say(text: str) -> None:
    print(text, file=sys.stderr)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A line on standard error that says what is being done; nothing where nobody watches."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("") as status:
        yield lambda text: status.update(Text(text))
