"""The four kinds of aiecc as data: which flags ask for what, and how one is told from another.

Facts: mlir-aie's python/compiler/aiecc/cl_arguments.py (v1.1.x), tools/aiecc/CommandLineOptions.h (2026). A: the Python
aiecc.py up to 2026-02-23, with v1.1.x; B: the C++ aiecc up to 2026-07-20, with A's flags; C1: `--get-*`, chess by
default, up to 2026-08-04; C2: Peano by default, and `--no-xchesscc` refused. Within a kind flags come and go; what
is asked for is what its `--help` lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tileproof.errors import Problem
from tileproof.mlir_aie_versions import Version, version_named

AieccKind = Literal["A", "B", "C1", "C2"]
DIALECTS: tuple[AieccKind, ...] = ("A", "B", "C1", "C2")

# The newest version with each of them, for a plan of tools that are not here.
VERSION_OF: Mapping[AieccKind, Version] = {
    "A": version_named("2025-11"),
    "B": version_named("2026-06"),
    "C1": version_named("2026-08"),
    "C2": version_named("2026-08-14"),
}

# What aiecc calls the design with addresses: a stage below the folder that --tmpdir names, or an output.
ADDRESSES = "input_with_addresses.mlir"

KERNEL_NAME, INSTANCE, KERNEL_ID = "MLIR_AIE", "MLIRAIE", "0x901"

_XCLBINUTIL = "--xclbinutil-path"  # since 2026-07-23
_LAYOUT = "--get-input-with-addresses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """An aiecc by what its `--help` says of it."""

    kind: AieccKind
    flags: frozenset[str]

    @property
    def prints_layout(self) -> bool:
        """Whether it gives the design with addresses without compiling a core."""
        return self.kind in ("C1", "C2")

    @property
    def takes_xclbinutil(self) -> bool:
        return _XCLBINUTIL in self.flags


def assumed_driver(kind: AieccKind) -> Driver:
    """One that is not here, of the last days of its kind."""
    own = ("--no-progress", _XCLBINUTIL) if kind in ("C1", "C2") else ()
    return Driver(kind=kind, flags=frozenset({"--sequence-name", *own}))


def driver_of(help_text: str, *, is_python: bool) -> Driver | None:
    """From what `--help` prints; None for a program that is no aiecc."""
    flags = frozenset(re.findall(r"(?<![\w-])--[A-Za-z][\w-]*", help_text))
    kind = _kind(flags, is_python)
    return None if kind is None else Driver(kind=kind, flags=flags)


def _kind(flags: frozenset[str], is_python: bool) -> AieccKind | None:
    if "--get-xclbin" in flags or "--get" in flags:
        return "C1" if "--no-xchesscc" in flags else "C2"
    if "--aie-generate-xclbin" in flags:
        return "A" if is_python else "B"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AieccCall:
    """What is asked of aiecc: names of files relative to the folder it runs in, which is also where link_with looks.

    `sequence` is named where a design has several: they would all be written into one file. `peano` is None where no
    core is compiled and there is none.
    """

    design: str
    tmpdir: str
    insts: str
    xclbin: str = ""
    peano: str | None = None
    xclbinutil: str | None = None
    sequence: str | None = None


def aiecc_flags(driver: Driver, call: AieccCall) -> tuple[str, ...]:
    """The arguments for a pair, with an explicit value for every option whose default has changed between kinds.

    bank-aware without the fallback, which places without banks and says nothing; a tile's own allocation_scheme goes
    before it.
    """
    outputs = (
        ("--get-xclbin", "--get-npu-insts", _LAYOUT)
        if driver.prints_layout
        else ("--aie-generate-xclbin", "--aie-generate-npu-insts")
    )
    names = (
        f"--xclbin-name={call.xclbin}",
        f"--xclbin-kernel-name={KERNEL_NAME}",
        f"--xclbin-instance-name={INSTANCE}",
        f"--xclbin-kernel-id={KERNEL_ID}",
    )
    return (*outputs, *names, *_common(driver, call, "."), call.design)


def layout_flags(driver: Driver, call: AieccCall, folder: str) -> tuple[str, ...]:
    """The arguments for the design with addresses and the instructions, written to `folder`. No core is compiled, so no
    tile code needs to be there."""
    outputs = ("--get-npu-insts", _LAYOUT) if driver.prints_layout else ("--aie-generate-npu-insts",)
    alone = () if driver.prints_layout else ("--no-compile", "--no-link")
    return (*outputs, *alone, *_common(driver, call, folder), call.design)


def _common(driver: Driver, call: AieccCall, folder: str) -> Iterator[str]:
    yield from (
        f"--npu-insts-name={call.insts}",
        "--alloc-scheme=bank-aware",
        "--no-unified",
        f"--tmpdir={call.tmpdir}",
    )
    yield from _OWN[driver.kind]
    if driver.prints_layout:
        yield f"--output-dir={folder}"
    if call.peano is not None:
        yield f"--peano={call.peano}"
    if "--no-progress" in driver.flags:
        yield "--no-progress"
    if call.xclbinutil is not None and driver.takes_xclbinutil:
        yield f"{_XCLBINUTIL}={call.xclbinutil}"
    if call.sequence is not None and "--sequence-name" in driver.flags:
        yield f"--sequence-name={call.sequence}"


# A's --dynamic-objFifos is a switch that is off; later ones take a value, and have it on.
_OWN: Mapping[AieccKind, tuple[str, ...]] = {
    "A": ("--no-compile-host", "--no-xchesscc", "--no-xbridge"),
    "B": ("--no-compile-host", "--no-xchesscc", "--no-xbridge", "--dynamic-objFifos=false", "--dump-intermediates"),
    "C1": ("--no-xchesscc", "--dynamic-objFifos=false"),
    "C2": ("--dynamic-objFifos=false",),
}


def addresses_file(driver: Driver, tmpdir: str) -> str:
    """Where aiecc leaves the design with addresses: C writes it as an output, the others keep it as a stage."""
    return ADDRESSES if driver.prints_layout else f"{tmpdir}/{ADDRESSES}"


# aiecc's linker scripts name object files by their whole path, without quotes; this is what lld (ScriptLexer.cpp)
# reads there as one word that is no pattern.
_IN_LINKER_SCRIPT = re.compile(r"[\w.$/~=+!^:-]", re.ASCII)


def refuse_unlinkable(folder: Path) -> None:
    """Raise a `Problem` if the linker would not find object files in that folder."""
    odd = [character for character in str(folder.resolve()) if not _IN_LINKER_SCRIPT.match(character)]
    if odd:
        raise Problem(
            f"nothing can be linked for an NPU in a folder with {odd[0]!r} in its path",
            id="unlinkable-path",
            where=str(folder.resolve()),
            why="aiecc writes the path of each object file into a linker script without quotes",
            fix="choose a path of ASCII letters, digits, `_`, `-` and `.` with --build-dir",
        )
