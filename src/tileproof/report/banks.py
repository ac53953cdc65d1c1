"""What [banks] became: read back from the xclbin, and held against what was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tileproof.emulator.payload import unpack_payload
from tileproof.errors import EXIT_KERNEL_WRONG, Problem
from tileproof.kernel.banks import INSTRUCTIONS
from tileproof.kernel.spec import KernelSpec
from tileproof.lowering.kept import check_kept
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.stored import stored
from tileproof.report.drawing import memory_map
from tileproof.xclbin import Xclbin, parse_topology, read_arguments, read_xclbin
from tileproof.xclbin.provenance import read_provenance
from tileproof.xrt import CALL_ARGUMENTS, FIRST_BUFFER


def banks_text(spec: KernelSpec, path: Path) -> str:
    """The memories and the address of everything in the xclbin at `path`; a `Problem` where it is not as asked."""
    xclbin = read_xclbin(path.read_bytes(), path.name)
    lines = [
        "memories of the host, and what the kernel's arguments are connected to",
        *_memories(spec, xclbin, path),
        *_arguments(spec, xclbin, path),
        "",
        *_places(spec, xclbin, path),
    ]
    return "\n".join(lines) + "\n"


def _places(spec: KernelSpec, xclbin: Xclbin, path: Path) -> Iterator[str]:
    provenance = read_provenance(xclbin)
    if provenance is not None and provenance.toolchain == "mlir-aie":
        # Its ELFs hold no names; the build has held what aiecc used against [banks] already.
        yield f"where buffers lie: {path.parent / 'lowered.mlir'}, as mlir-aie has lowered it and [banks] asks"
        return
    lowered = _lowered(xclbin, path)
    check_kept(spec.banks, lowered)
    for core in lowered.cores:
        yield from memory_map(lowered, core.core.tile)


def _lowered(xclbin: Xclbin, path: Path) -> LoweredDesign:
    """The design that the emulator sets the array up with."""
    section = xclbin.section("EMULATION_DATA")
    payload = None if section is None else unpack_payload(section.data, path.name)
    lowered = None if payload is None else stored(payload.lowered, payload.design)
    if lowered is None:
        raise Problem(
            f"{path.name} holds no lowered design",
            id="other-emulator",
            where=str(path),
            why="only a build for the emulator, by this tileproof, can be read back",
            fix="build it again",
        )
    return lowered


def _memories(spec: KernelSpec, xclbin: Xclbin, path: Path) -> Iterator[str]:
    section = xclbin.section("MEM_TOPOLOGY")
    found = {memory.tag: memory.size_kb for memory in (parse_topology(section, path.name) if section else ())}
    for tag, size in spec.banks.memory.items():
        _hold(path, f"memory {tag} in KB", found.get(tag), size)
    for tag, size in found.items():
        yield f"  {tag:<8} {size:>12,} KB" + asked(tag in spec.banks.memory)


def _arguments(spec: KernelSpec, xclbin: Xclbin, path: Path) -> Iterator[str]:
    table = {argument.index: argument for argument in read_arguments(xclbin, path.name)}
    named = {CALL_ARGUMENTS.index(INSTRUCTIONS): INSTRUCTIONS}
    named |= {FIRST_BUFFER + number: buffer.name for number, buffer in enumerate(spec.buffers)}
    for index, name in named.items():
        _hold(path, f"argument {index} ({name})", table[index].bank_tag, spec.banks.host.get(name))
        reached = f"{table[index].bank_tag}, group id {table[index].group_id(1)} in slot 1"
        yield f"  {index:>2}  {name:<12} {reached}" + asked(name in spec.banks.host)


def asked(is_asked: bool) -> str:
    """What a line of a report says of something that [banks] asks for."""
    return "  (asked for)" if is_asked else ""


def _hold(path: Path, what: str, found: object, wanted: object) -> None:
    if wanted not in (None, found):
        raise Problem(
            f"{what} is not as [banks] asks",
            id="bug",
            where=str(path),
            why=f"it asks for {wanted}, and the xclbin has {found}",
            fix="this is a bug of tileproof: please report it",
            exit_code=EXIT_KERNEL_WRONG,
        )
