"""A kernel in words: what the host sees, what is verified, and where everything lies in the core's memory."""

from __future__ import annotations

from collections.abc import Iterable

from tileproof.kernel.banks import INSTRUCTIONS
from tileproof.kernel.spec import KernelSpec
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign
from tileproof.mlir.reader import read_design
from tileproof.report.banks import asked
from tileproof.report.drawing import memory_map


def kernel_text(spec: KernelSpec, design: str) -> str:
    """`tileproof show`: the spec and the memory map of its rendered design."""
    lines = [
        f"{spec.name}: {spec.about}",
        f"  folder   {spec.folder}",
        f"  targets  {', '.join(spec.targets)}",
        "  sizes    " + ", ".join(f"{key} = {value}" for key, value in spec.sizes.items()),
        "",
        "host buffers (kernel arguments 3 and up, and their memory; real = scale * (integer - zero))",
        *_buffers(spec),
        *_memories(spec),
        "",
        "cases",
        *(f"  {case.name:<20} seed {case.seed:<4} {case.about}" for case in spec.cases),
        "",
        "tolerances, in steps of the output",
        *(f"  {name}: {entry.absolute:g}, because {entry.because}" for name, entry in spec.tolerances.items()),
        "",
        *_memory_maps(lower_design(read_design(design, "design.mlir"))),
    ]
    return "\n".join(lines) + "\n"


def _buffers(spec: KernelSpec) -> Iterable[str]:
    for number, buffer in enumerate(spec.buffers):
        line = f"  {3 + number}  {buffer.name:<10} {buffer.way:<4} {buffer.nbytes:>7,} B  {buffer.dtype.name:<5}"
        yield f"{line} in {spec.banks.tag_of(buffer.name)}" + asked(buffer.name in spec.banks.host)
        for part in buffer.parts:
            shape = " x ".join(map(str, part.shape))
            yield f"       {part.name:<8} {shape:<12} scale {part.scale:g}" + (
                f", zero {part.zero}" if part.zero else ""
            )


def _memories(spec: KernelSpec) -> Iterable[str]:
    """What [banks] says of the host beside the buffers."""
    if INSTRUCTIONS in spec.banks.host:
        yield f"  1  instr in {spec.banks.tag_of(INSTRUCTIONS)}" + asked(True)
    for tag, size in spec.banks.memory.items():
        yield f"  {tag} of {size:,} KB" + asked(True)


def _memory_maps(lowered: LoweredDesign) -> Iterable[str]:
    for core in lowered.cores:
        yield from memory_map(lowered, core.core.tile)
