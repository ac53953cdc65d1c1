"""A kernel in words: what the host sees, what is verified, and where everything lies in the core's memory."""

from __future__ import annotations

from collections.abc import Iterable

from tileproof.device_model import TILE_KINDS
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign
from tileproof.mlir.reader import read_design
from tileproof.spec import KernelSpec


def kernel_text(spec: KernelSpec, design: str) -> str:
    """`tileproof show`: the spec and the memory map of its rendered design."""
    lines = [
        f"{spec.name}: {spec.about}",
        f"  folder   {spec.folder}",
        f"  targets  {', '.join(spec.targets)}",
        "  sizes    " + ", ".join(f"{key} = {value}" for key, value in spec.sizes.items()),
        "",
        "host buffers (kernel arguments 3 and up; real = scale * (integer - zero))",
        *_buffers(spec),
        "",
        "cases",
        *(f"  {case.name:<20} seed {case.seed:<4} {case.about}" for case in spec.cases),
        "",
        "tolerances, in steps of the output",
        *(f"  {name}: {entry.absolute:g}, because {entry.because}" for name, entry in spec.tolerances.items()),
        "",
        *_memory_map(lower_design(read_design(design, "design.mlir"))),
    ]
    return "\n".join(lines) + "\n"


def _buffers(spec: KernelSpec) -> Iterable[str]:
    for number, buffer in enumerate(spec.buffers):
        yield f"  {3 + number}  {buffer.name:<10} {buffer.way:<4} {buffer.nbytes:>7,} B  {buffer.dtype.name}"
        for part in buffer.parts:
            shape = " x ".join(map(str, part.shape))
            yield f"       {part.name:<8} {shape:<12} scale {part.scale:g}" + (
                f", zero {part.zero}" if part.zero else ""
            )


def _memory_map(lowered: LoweredDesign) -> Iterable[str]:
    for core in lowered.cores:
        tile = core.core.tile
        total = TILE_KINDS[tile.kind].memory_bytes
        mine = sorted((b for b in lowered.buffers if b.tile.at == tile.at), key=lambda b: b.address)
        used = core.stack_size + sum(buffer.nbytes for buffer in mine)
        yield f"memory of {tile}: {used:,} of {total:,} bytes used"
        yield f"  0x{0:05x}  {core.stack_size:>7,} B  bank 0  stack"
        for buffer in mine:
            bank = "-" if buffer.bank is None else str(buffer.bank)
            yield f"  0x{buffer.address:05x}  {buffer.nbytes:>7,} B  bank {bank}  {buffer.name}"
