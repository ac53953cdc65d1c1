"""The command line: reads arguments, calls one function, answers with what it returns."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from tileproof import __version__
from tileproof.cli import contract, designs, kernels, npu_steps, profile, rebank, steps, verify
from tileproof.cli.bug import bug, kept
from tileproof.cli.shared import Parser, say
from tileproof.cli.shortage import refuse_little_memory, shortage
from tileproof.errors import Problem, exit_code_of


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit code 0, 1: a kernel is wrong, 2: the request is, 3: something is not here, 70: a bug."""
    is_shown = False
    try:
        arguments = _parser().parse_args(argv)
        is_shown = arguments.traceback
        refuse_little_memory()
        with _held(arguments):
            return int(arguments.run(arguments))
    except Problem as problem:
        say(problem.paragraph)
        return problem.exit_code
    except KeyboardInterrupt as error:
        say("interrupted")
        return exit_code_of(error)
    except BrokenPipeError:  # who was told has gone
        raise
    except Exception as error:  # whatever is no Problem is a mistake of ours
        if is_shown:
            say(traceback.format_exc())
        short = shortage(error)
        if short is not None:
            say(short.paragraph)
            return short.exit_code
        details = "its traceback is above" if is_shown else kept(error, sys.argv[1:] if argv is None else argv)
        ours = bug(error, details)
        say(ours.paragraph)
        return ours.exit_code


def _held(arguments: argparse.Namespace) -> AbstractContextManager[object]:
    """What keeps foreign code within bounds for as long as the command runs, if that was asked for."""
    if not getattr(arguments, "untrusted", False):
        return nullcontext()
    from tileproof.sandbox.untrusted import untrusted

    return untrusted(getattr(arguments, "build_dir", None))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="tileproof", description="Builds NPU kernels and proves each one against a golden model.")
    parser.add_argument("--version", action="version", version=f"tileproof {__version__}")
    parser.add_argument(
        "--traceback", action="store_true", help="in front of a command: show where a bug of ours came from"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for room in (kernels, verify, profile, designs, contract, rebank, steps, npu_steps):
        room.add_commands(commands)
    return parser
