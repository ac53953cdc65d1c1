"""The commands for XRT's side of a kernel: explain."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from tileproof.cli.shared import add_command, answer
from tileproof.errors import Problem

if TYPE_CHECKING:
    from tileproof.cli.shared import Commands


def add_commands(commands: Commands) -> None:
    for add in (_add_explain,):
        add(commands)


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
