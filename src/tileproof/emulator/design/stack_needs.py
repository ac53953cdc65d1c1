"""What each tile function needs of its core's stack: local arrays from its text, frames from the compiler's notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from tileproof.check.stack import worst_arrays
from tileproof.check.tile_code import TileCode
from tileproof.emulator.library import StackNeed
from tileproof.toolchain.frames import read_frames


def stack_needs(
    tile_code: Mapping[str, str], graphs: Iterable[str], headers: Mapping[str, str] = MappingProxyType({})
) -> dict[str, StackNeed]:
    """By name, every function with C linkage that keeps arrays on its stack, itself or below it.

    `tile_code` are texts by file name, `graphs` what GCC's -fcallgraph-info=su wrote; without graphs, no frames.
    `headers` are what tile code includes, by that name.
    """
    code = [TileCode(name, text, headers) for name, text in tile_code.items()]
    frames = read_frames(graphs)
    needs = {}
    for file in code:
        for name in dict.fromkeys(function.name for function in file.functions if function.extern_c):
            arrays = worst_arrays(file, name)
            if arrays:
                needs[name] = StackNeed(
                    arrays=sum(array.nbytes for _, array in arrays),
                    frames=sum(frame.nbytes for frame in frames.worst_path(name)),
                    text=" and ".join(f"{array.name} of {function} has {array.nbytes:,}" for function, array in arrays),
                )
    return needs
