"""doctor, and the steps of a build, which no person calls."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tileproof.cli.bug import bug, kept
from tileproof.cli.shared import add_command, answer
from tileproof.cli.shortage import shortage
from tileproof.errors import EXIT_NOT_HERE, Problem
from tileproof.sandbox.programs import run_program

if TYPE_CHECKING:
    from tileproof.cli.shared import Commands
    from tileproof.kernel.banks import Banks
    from tileproof.toolchain.doctor import Part


def add_commands(commands: Commands) -> None:
    for add in (_add_doctor, _add_settle, _add_lower, _add_warn, _add_package):
        add(commands)


def _add_doctor(commands: Commands) -> None:
    parser = add_command(commands, "doctor", _doctor, "what is here, and what is missing for what")
    parser.add_argument(
        "--for",
        dest="path",
        choices=("emulator", "npu"),
        default="emulator",
        help="exit 3 unless this can work; default: %(default)s",
    )
    parser.add_argument("--json", action="store_true")


def _doctor(arguments: argparse.Namespace) -> int:
    from tileproof.toolchain.doctor import can_work, examine

    parts = examine()
    if arguments.json:
        answer(json.dumps([part.as_json() for part in parts], indent=1))
    else:
        answer("\n".join(_line(part) for part in parts))
    return 0 if can_work(parts, arguments.path) else EXIT_NOT_HERE


def _line(part: Part) -> str:
    mend = f"; {part.fix}" if part.fix else ""
    return f"{part.state:<8} {part.thing:<14} {part.detail}{mend}"


def step(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], None], files: str
) -> argparse.ArgumentParser:
    """A step of the build, not for people: no help line, and a problem goes to the build in one line."""

    def carry_out(arguments: argparse.Namespace) -> int:
        from tileproof.build.run import marked

        try:
            run(arguments)
        except Problem as problem:
            answer(marked(problem))
            return problem.exit_code
        except OSError:
            raise  # a full disk is told by the build
        except Exception as error:  # a mistake of ours
            ours = shortage(error) or bug(error, kept(error, sys.argv[1:]), of=f"the step {name}: ")
            answer(marked(ours))
            return ours.exit_code
        return 0

    parser: argparse.ArgumentParser = commands.add_parser(name)
    parser.set_defaults(run=carry_out)
    for file in files.split():
        parser.add_argument(f"--{file}", type=Path, required=True)
    return parser


def _add_settle(commands: Commands) -> None:
    parser = step(commands, "settle", _settle, "source made")
    parser.add_argument("flags", nargs="*")


def _settle(arguments: argparse.Namespace) -> None:
    """Compile a file of tile code that the compiler has refused, once what it cannot choose is settled."""
    from tileproof.toolchain.choices import settled, without_dependencies
    from tileproof.toolchain.cxx import find_cxx

    cxx, flags = find_cxx(), arguments.flags
    with tempfile.TemporaryDirectory(prefix="tileproof-settle-") as folder:
        source = Path(folder) / f"{arguments.source.stem}.ii"
        if settled(cxx, flags, arguments.source, Path.cwd(), source):
            flags = without_dependencies(flags)
        else:
            source = arguments.source
        done = run_program(
            (*cxx.command, *flags, str(source), "-o", str(arguments.made)), cwd=Path.cwd(), is_one_text=True
        )
    if done.stdout:
        answer(done.stdout.rstrip())
    if done.returncode:
        raise SystemExit(1)


def _add_lower(commands: Commands) -> None:
    parser = step(commands, "lower", _lower, "design interface insts lowered")
    banks_option(parser)
    objects_option(parser)


def _lower(arguments: argparse.Namespace) -> None:
    from tileproof.build.lowered import lower_for_host
    from tileproof.files import write_atomically

    banks = banks_read(arguments)
    design = arguments.design
    insts, interface, lowered = lower_for_host(design.read_text(), design.name, banks, arguments.object)
    write_atomically(arguments.insts, insts)
    write_atomically(arguments.lowered, lowered)
    write_atomically(arguments.interface, interface.to_json().encode())


def _add_warn(commands: Commands) -> None:
    parser = step(commands, "warn", _warn, "design warnings")
    for option in ("--tile-code", "--header", "--left", "--said", "--graph"):
        parser.add_argument(option, type=Path, action="append", default=[])


def _warn(arguments: argparse.Namespace) -> None:
    from tileproof.build.plan import objects_of
    from tileproof.check.run import check_design
    from tileproof.files import write_atomically
    from tileproof.toolchain.noted import read_notes

    texts = _texts(arguments.tile_code)
    noted = read_notes(_texts(arguments.said).values(), _texts(arguments.graph).values())
    found = check_design(
        arguments.design.read_text(),
        arguments.design.name,
        texts,
        headers=_texts(arguments.header),
        objects=objects_of(texts),
        noted=replace(noted, left=_left(arguments, texts)),
    )
    told = [f"{one.place}: {one.what} ({one.id}); {one.fix}" for one in found if one.severity != "note"]
    write_atomically(arguments.warnings, (json.dumps({"warnings": told}) + "\n").encode())


def _texts(paths: Sequence[Path]) -> dict[str, str]:
    return {path.name: path.read_text(errors="replace") for path in paths}


def _left(arguments: argparse.Namespace, texts: Iterable[str]) -> dict[str, str]:
    """What the preprocessor leaves of each file of tile code."""
    return dict(zip(texts, _texts(arguments.left).values(), strict=True))


def objects_option(parser: argparse.ArgumentParser) -> None:
    """The object files that the build makes of tile code."""
    parser.add_argument("--object", action="append", default=[])


def banks_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--banks", type=Path)


def banks_read(arguments: argparse.Namespace) -> Banks:
    """The directives of banks.json; none where the kernel has none."""
    from tileproof.kernel.banks import Banks

    return Banks() if arguments.banks is None else Banks.from_json(arguments.banks.read_text())


def _add_package(commands: Commands) -> None:
    parser = step(commands, "package", _package, "design interface insts library lowered xclbin")
    banks_option(parser)
    for option in ("--tile-code", "--listing", "--header", "--left", "--graph"):
        parser.add_argument(option, type=Path, action="append", default=[])
    parser.add_argument("--variant", required=True)
    parser.add_argument("--digest", required=True)
    parser.add_argument("--aie-arch", type=int, required=True)


def _package(arguments: argparse.Namespace) -> None:
    from tileproof.build.package import Interface, package_for_emulator
    from tileproof.emulator.design.described import described_library
    from tileproof.files import write_atomically
    from tileproof.toolchain.tile_library import CompiledTileCode

    texts, headers = _texts(arguments.tile_code), _texts(arguments.header)
    listings = zip(texts, _texts(arguments.listing).values(), strict=True)
    graphs = _texts(arguments.graph).values()
    compiled = CompiledTileCode(arguments.library.read_bytes(), dict(listings), tuple(graphs), arguments.aie_arch)
    library = described_library(compiled, texts, headers, _left(arguments, texts))
    xclbin = package_for_emulator(
        arguments.design.read_text(),
        arguments.lowered.read_bytes(),
        Interface.from_json(arguments.interface.read_text()),
        arguments.insts.read_bytes(),
        library,
        arguments.variant,
        arguments.digest,
        banks_read(arguments),
    )
    write_atomically(arguments.xclbin, xclbin)
