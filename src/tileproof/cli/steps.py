"""doctor, and the steps of a build, which no person calls."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tileproof.cli.shared import add_command, answer
from tileproof.errors import EXIT_NOT_HERE, Problem

if TYPE_CHECKING:
    from tileproof.banks import Banks
    from tileproof.cli.shared import Commands


def add_commands(commands: Commands) -> None:
    for add in (_add_doctor, _add_lower, _add_package):
        add(commands)


def _add_doctor(commands: Commands) -> None:
    parser = add_command(commands, "doctor", _doctor, "what is here, and what is missing for what")
    parser.add_argument("--json", action="store_true")


def _doctor(arguments: argparse.Namespace) -> int:
    from tileproof.doctor import examine

    findings = examine()
    if arguments.json:
        answer(
            json.dumps([{"thing": f.thing, "state": f.state, "detail": f.detail, "needed": f.needed} for f in findings])
        )
    else:
        answer("\n".join(f"{f.state:<8} {f.thing:<14} {f.detail}" for f in findings))
    return EXIT_NOT_HERE if any(f.needed and f.state != "present" for f in findings) else 0


def _step(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], None], files: str
) -> argparse.ArgumentParser:
    """A step of the build, not for people: no help line, and a problem goes to the build in one line."""

    def step(arguments: argparse.Namespace) -> int:
        from tileproof.build import marked

        try:
            run(arguments)
        except Problem as problem:
            answer(marked(problem))
            return problem.exit_code
        return 0

    parser: argparse.ArgumentParser = commands.add_parser(name)
    parser.set_defaults(run=step)
    for file in files.split():
        parser.add_argument(f"--{file}", type=Path, required=True)
    return parser


def _add_lower(commands: Commands) -> None:
    parser = _step(commands, "lower", _lower, "design interface insts lowered")
    parser.add_argument("--banks", type=Path)


def _lower(arguments: argparse.Namespace) -> None:
    from tileproof.build import write_atomically
    from tileproof.lowering.host import lower_for_host

    banks = _banks(arguments)
    insts, interface, lowered = lower_for_host(arguments.design.read_text(), arguments.design.name, banks)
    write_atomically(arguments.insts, insts)
    write_atomically(arguments.lowered, lowered)
    write_atomically(arguments.interface, interface.to_json().encode())


def _banks(arguments: argparse.Namespace) -> Banks:
    from tileproof.banks import Banks

    return Banks() if arguments.banks is None else Banks.from_json(arguments.banks.read_text())


def _add_package(commands: Commands) -> None:
    parser = _step(commands, "package", _package, "design interface insts library lowered xclbin seal")
    parser.add_argument("--banks", type=Path)
    parser.add_argument("--tile-code", type=Path, action="append", default=[])
    parser.add_argument("--graph", type=Path, action="append", default=[])
    parser.add_argument("--variant", required=True)
    parser.add_argument("--digest", required=True)


def _package(arguments: argparse.Namespace) -> None:
    from tileproof.build import sha256_of, write_atomically
    from tileproof.emulator.library import Library
    from tileproof.package import Interface, package_for_emulator
    from tileproof.stack_needs import stack_needs

    texts = {path.name: path.read_text() for path in arguments.tile_code}
    library = Library(
        code=arguments.library.read_bytes(),
        stacks=stack_needs(texts, [path.read_text(errors="replace") for path in arguments.graph]),
    )
    xclbin = package_for_emulator(
        arguments.design.read_text(),
        arguments.lowered.read_bytes(),
        Interface.from_json(arguments.interface.read_text()),
        arguments.insts.read_bytes(),
        library,
        arguments.variant,
        arguments.digest,
        _banks(arguments),
    )
    write_atomically(arguments.xclbin, xclbin)
    sealed = {path.name: sha256_of(path) for path in (arguments.xclbin, arguments.insts)}
    write_atomically(arguments.seal, json.dumps(sealed).encode())
