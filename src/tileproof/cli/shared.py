"""What every command shares: its parser, its answer, and the flags that mean the same everywhere. Only this prints."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from tileproof import device_model
from tileproof.build.request import BuildRequest
from tileproof.device.request import RunRequest
from tileproof.device.times import LEAST_RUNS
from tileproof.emulator.library import ORDERS
from tileproof.errors import EXIT_REQUEST_WRONG, Problem
from tileproof.mlir_aie_versions import VERSIONS, Version, version_named
from tileproof.printable import printable

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def answer(text: str, *, is_styled: bool = False) -> None:
    """Print to standard output. A reader that has left (`| head`) has seen what it wanted; the exit code counts.

    A text that `is_styled` has colours of ours, and nothing else that a terminal obeys.
    """
    try:
        print(text if is_styled else printable(text), end="" if text.endswith("\n") else "\n", flush=True)
    except OSError as error:
        _silence(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            raise Problem(
                "the answer cannot be written", id="output-not-written", where="standard output", why=error.strerror
            ) from None


def say(text: str) -> None:
    """Print to standard error: what is not the answer. Where that cannot be written, there is nobody to tell."""
    try:
        print(printable(text), file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)


def _silence(stream: TextIO) -> None:
    """What is left in it, and all that follows, goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


_Request = TypeVar("_Request")
_BUILD = BuildRequest()  # for its defaults

_MOST_RUNS = 1_000_000
_A_WEEK_S = 7 * 24 * 3600.0


class Parser(argparse.ArgumentParser):
    """argparse whose errors look like ours."""

    def error(self, message: str) -> None:  # type: ignore[override]
        # Steps of a build, which no person asks for.
        message = re.sub(r", '(lower|package|respell|place|hold|stamp)'", "", message)
        say(Problem(message, id="wrong-usage", fix=f"`{self.prog} --help` lists what can be asked").paragraph)
        raise SystemExit(EXIT_REQUEST_WRONG)

    def _print_message(self, message: str, file: object = None) -> None:  # what --help and --version print
        if message:
            answer(message)


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    """A command that `--help` lists with one line of text."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def common_options(parser: argparse._ActionsContainer) -> None:
    """The flags that mean the same everywhere."""
    parser.add_argument(
        "--target",
        choices=device_model.TARGETS,
        default=_BUILD.target,
        help="which NPU a kernel is for; default: %(default)s",
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a size of the kernel; may be repeated",
    )
    parser.add_argument("--kernels", metavar="DIR", type=Path, help="look for kernels here instead of the shipped ones")
    untrusted_option(parser)


def building_options(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--toolchain",
        choices=("auto", "mlir-aie", "host"),
        default=_BUILD.toolchain,
        help="default: %(default)s",
    )
    parser.add_argument("--build-dir", metavar="DIR", type=Path, default=_BUILD.build_dir, help="default: ./build")
    parser.add_argument("-j", "--jobs", type=positive, metavar="N", help="parallel steps; default: as ninja chooses")
    parser.add_argument(
        "--step-timeout",
        dest="step_timeout_s",
        type=seconds,
        metavar="S",
        default=_BUILD.step_timeout_s,
        help="longest step of a build, such as one call of a compiler; default: %(default)s",
    )


def compiler_options(parser: argparse._ActionsContainer) -> None:
    """Those that a Makefile gives its compiler."""
    parser.add_argument(
        *("-D", "--define"),
        metavar="NAME[=VALUE]",
        action="append",
        default=[],
        help="a macro that C++ is compiled with; may be repeated",
    )
    parser.add_argument(
        *("-I", "--include"),
        metavar="DIR",
        type=folder,
        action="append",
        default=[],
        help="where C++ includes from, behind tileproof's own headers; may be repeated",
    )


def untrusted_option(parser: argparse._ActionsContainer) -> None:
    """Of commands that run what somebody else may have written."""
    parser.add_argument(
        "--untrusted",
        action="store_true",
        help="hold the kernel's Python, the compiler and the tile code in a sandbox: no network, no files of yours",
    )


def emulator_options(parser: argparse.ArgumentParser) -> None:
    """Of commands that run something on the emulator."""
    parser.add_argument("--as-hardware", action="store_true", help="say nothing where the device says nothing")
    parser.add_argument("--trace", metavar="FILE", type=Path, help="write the modelled timeline for Perfetto")
    parser.add_argument(
        "--timeout",
        dest="timeout_s",
        type=seconds,
        metavar="S",
        default=RunRequest().timeout_s,
        help="longest run; default: %(default)s",
    )


def schedules_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--schedules",
        dest="orders",
        type=seed,
        metavar="N",
        default=ORDERS,
        help="in how many other legal orders (seeds 1 to N) a run on the emulator that ends well is tried, as far as "
        "their time goes; default: %(default)s",
    )


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def runs(text: str) -> int:
    if not text.isdecimal() or not LEAST_RUNS <= int(text) <= _MOST_RUNS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {LEAST_RUNS} to {_MOST_RUNS:,}")
    return int(text)


def folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("it names no folder; a variable of the shell may be empty")
    return Path(text)


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= _A_WEEK_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0, and within a week")
    return value


def mlir_aie_version(text: str) -> Version:
    """The mlir-aie of that name."""
    try:
        return version_named(text)
    except KeyError:
        names = ", ".join(known.name for known in VERSIONS)
        raise argparse.ArgumentTypeError(f"{text!r} is none of {names}") from None


def build_request_of(arguments: argparse.Namespace) -> BuildRequest:
    """Of any command that takes `common_options`."""
    sizes = dict(_size(text) for text in arguments.set)
    return replace(filled(BuildRequest, arguments), sizes=sizes)


def filled(kind: Callable[..., _Request], arguments: argparse.Namespace) -> _Request:
    """Each field for which the command has an option, whose `dest` is the field's name; the others keep their
    defaults."""
    given = {name: vars(arguments)[name] for name in signature(kind).parameters if name in arguments}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


def _size(text: str) -> tuple[str, int]:
    key, sign, value = text.partition("=")
    try:
        return key.strip(), int(value)
    except ValueError:
        raise Problem(
            f"--set {text} cannot be read",
            id="not-a-number",
            why="there is no =" if not sign else f"{value!r} is not a whole number",
            fix="write for instance --set head=32",
        ) from None


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A line on standard error that says what is being done; where nobody watches, only what is waited for."""
    if not sys.stderr.isatty():
        yield lambda text: say(text) if text.endswith("; waiting for it") else None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("") as status:
        yield lambda text: status.update(Text(text))


def told_apart(before: Path, after: Path) -> tuple[str, str]:
    """Names of two files for one answer: short ones where they differ."""
    return (before.name, after.name) if before.name != after.name else (str(before), str(after))
