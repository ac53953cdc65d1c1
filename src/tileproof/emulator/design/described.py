"""What the emulator must know of compiled tile code: read off its text, and off the compiler's notes of its frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from tileproof.check.kept import kept_locals
from tileproof.check.stack import worst_arrays
from tileproof.check.tile_code import TileCode
from tileproof.device_model import generation_of
from tileproof.diagnostic import Place
from tileproof.emulator.assembly import refuse_assembly, refuse_unchecked
from tileproof.emulator.cost.code import cost_of
from tileproof.emulator.cost.stored import cost_bytes
from tileproof.emulator.library import Library, StackNeed
from tileproof.emulator.symbols import refuse_symbols
from tileproof.toolchain.frames import Frames, read_frames
from tileproof.toolchain.tile_library import CompiledTileCode

_NO_TEXTS: Mapping[str, str] = MappingProxyType({})


def described_library(
    compiled: CompiledTileCode,
    tile_code: Mapping[str, str],
    headers: Mapping[str, str] = _NO_TEXTS,
    left: Mapping[str, str] = _NO_TEXTS,
) -> Library:
    """A shared library with what its stack is judged by; a `Problem` for one that does what a core cannot.

    `tile_code` are texts by file name, `headers` what they include, by that name, and `left` what the preprocessor
    leaves of a file.
    """
    files = [TileCode(name, text, headers, left.get(name)) for name, text in tile_code.items()]
    refuse_unchecked(_texts(files, headers))
    refuse_assembly(compiled.listings)  # which knows the line
    refuse_symbols(compiled.code, ", ".join(tile_code))
    frames = read_frames(compiled.graphs)
    return Library(
        code=compiled.code,
        stacks=dict(_needs(files, frames)),
        kept={key: braces for file in files for key, braces in kept_locals(file).items()},
        unbounded={name: why for name in _entries(files) if (why := frames.unbounded(name))},
        cost=cost_bytes(cost_of(compiled.listings, generation_of(compiled.aie_arch).vector_bytes)),
    )


def _texts(files: Sequence[TileCode], headers: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """All that is written, and all that is compiled, which a macro may have made."""
    yield from ((Place(name, 1), text) for name, text in headers.items())
    for file in files:
        yield Place(file.name, 1), file.text
        yield from ((Place(piece.file, piece.line), piece.text) for piece in file.pieces)


def _entries(files: Sequence[TileCode]) -> Iterator[str]:
    """The functions with C linkage."""
    for file in files:
        yield from dict.fromkeys(function.name for function in file.functions if function.extern_c)


def _needs(files: Sequence[TileCode], frames: Frames) -> Iterator[tuple[str, StackNeed]]:
    """Every function with C linkage that keeps arrays on its stack, itself or below it."""
    for file in files:
        for name in _entries([file]):
            arrays = worst_arrays(file, name)
            if arrays:
                yield (
                    name,
                    StackNeed(
                        arrays=sum(array.nbytes for _, array in arrays),
                        frames=sum(frame.nbytes for frame in frames.worst_path(name)),
                        text=" and ".join(
                            f"{array.name} of {function} has {array.nbytes:,}" for function, array in arrays
                        ),
                    ),
                )
