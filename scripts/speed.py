"""How long the emulator takes for work of a known size: whole layers, many cores, and a large matrix product."""

from __future__ import annotations

import ctypes
import itertools
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tileproof.build.prepare import render_kernel
from tileproof.build.request import BuildRequest
from tileproof.device_model import device_named
from tileproof.emulator.array.host_stack import map_shadow_of_main_stack
from tileproof.emulator.library import Library
from tileproof.emulator.process.messages import Run
from tileproof.emulator.process.parent import Child
from tileproof.lowering.lower import lower_design
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.reader import read_design
from tileproof.mlir.values import MemRef
from tileproof.toolchain.cxx import find_cxx
from tileproof.toolchain.tile_library import compile_tile_code
from tileproof.xrt import COMPLETED

MATMUL = """\
#include <aie_api/aie.hpp>

// c (64x64) += a (64x64) b (64x64), all in blocks of 4x8, 8x8 and 4x8.
static void multiply(const int8 *a, const int8 *b, int32 *c) {
    using Tile = aie::mmul<4, 8, 8, int8, int8>;
    for (int row = 0; row < 16; ++row)
        for (int column = 0; column < 8; column += 2) {
            int32 *to = c + (8 * row + column) * Tile::size_C;
            Tile left(aie::load_v<Tile::size_C>(to)), right(aie::load_v<Tile::size_C>(to + Tile::size_C));
            for (int k = 0; k < 8; ++k) {
                const auto rows = aie::load_v<Tile::size_A>(a + (8 * row + k) * Tile::size_A);
                left.mac(rows, aie::load_v<Tile::size_B>(b + (8 * k + column) * Tile::size_B));
                right.mac(rows, aie::load_v<Tile::size_B>(b + (8 * k + column + 1) * Tile::size_B));
            }
            aie::store_v(to, left.to_vector<int32>());
            aie::store_v(to + Tile::size_C, right.to_vector<int32>());
        }
}

extern "C" {
void clear(int32 *c) {
    for (int i = 0; i < 4096; i += 16) aie::store_v(c + i, aie::zeros<int32, 16>());
}
void accumulate(const int8 *ab, int32 *c) { multiply(ab, ab + 4096, c); }
void once(const int8 *ab, int32 *c) { clear(c); multiply(ab, ab + 4096, c); }
}
"""
AB, C = "memref<8192xi8>", "memref<4096xi32>"


@dataclass(frozen=True)
class Timed:
    """Seconds of one run, and how many calls of tile functions it made."""

    seconds: float
    calls: int


def timed_runs(text: str, library: Library, buffers: list[np.ndarray], runs: int) -> Iterator[Timed]:
    """A run of a context that is set up, again and again; the last buffer is the output."""
    design = lower_design(read_design(text, "speed.mlir"))
    words = sequence_words(design, main_sequence(design))
    child = Child()
    try:
        child.set_up(design, library)
        data = {number: array.tobytes() for number, array in enumerate(buffers)}
        for _ in range(runs):
            started = time.perf_counter()
            child.send(Run(words, data))
            finished = child.receive(600.0)
            seconds = time.perf_counter() - started
            assert finished is not None
            assert finished.report.state == COMPLETED, finished.report
            assert not finished.report.faults, finished.report.faults[0]
            yield Timed(seconds, finished.report.calls)
    finally:
        child.close()


def compiled(files: Mapping[str, str], target: str = "npu1") -> Library:
    """The library of tile.cc among `files`, texts by name; the others are what it includes."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
        return Library(
            code=compile_tile_code([Path(folder) / "tile.cc"], device_named(target).aie_arch, find_cxx()).code
        )


# Whisper-base: 8 heads of 64, 1,500 positions


@dataclass(frozen=True)
class Layer:
    """A design that calls one tile function again and again; `sizes` are the bytes of the function's arguments: an
    object of its input, one of its output, and scratch."""

    text: str
    library: Library
    buffers: list[np.ndarray]
    function: str
    sizes: tuple[int, ...]


def whisper_layer() -> Layer:
    """The attention kernel's design with a sequence of 8 x 24 x 24 tiles of 64 rows and 64 keys."""
    rendered = render_kernel("attention", BuildRequest())
    text = rendered.texts["design.mlir"]
    tiles = 8 * 24 * 24
    head, sequence = text.split("aie.runtime_sequence", 1)
    for size in (12288, 4096):
        sequence = sequence.replace(f"memref<{size}xi8>", f"memref<{tiles * size}xi8>").replace(
            f"[1, 1, 1, {size}]", f"[1, 1, 1, {tiles * size}]"
        )
    library = compiled(rendered.texts)
    rng = np.random.default_rng(1)
    inputs = np.tile(rng.integers(-128, 128, 12288, dtype=np.int8), tiles)
    function = next(
        one for one in read_design(text, "design.mlir").functions if one.name == rendered.spec.core.function
    )
    return Layer(
        text=f"{head}aie.runtime_sequence{sequence}",
        library=library,
        buffers=[inputs, np.zeros(tiles * 4096, np.int8)],
        function=function.name,
        sizes=tuple(parameter.nbytes for parameter in function.parameters if isinstance(parameter, MemRef)),
    )


def plain_loop(library: Library, function: str, sizes: tuple[int, ...], calls: int) -> float:
    """Seconds that the same compiled function takes when a loop in C calls it, with two objects of each fifo in turn.

    `sizes` are the bytes of its arguments; from the third on they are always the same buffers.
    """
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        (folder / "tile.so").write_bytes(library.code)
        scratch = range(len(sizes) - 2)
        (folder / "loop.c").write_text(
            LOOP.format(types=", void *" * len(scratch), given="".join(f", s[{number}]" for number in scratch))
        )
        subprocess.run(["cc", "-O2", "-fPIC", "-shared", "loop.c", "-o", "loop.so"], cwd=folder, check=True)
        map_shadow_of_main_stack()
        tile, loop = ctypes.CDLL(str(folder / "tile.so")), ctypes.CDLL(str(folder / "loop.so"))
        # Memory that is open and written, so that every access is checked as in the emulator.
        memory, known = np.zeros(1 << 17, np.uint8), np.full(1 << 17, 7, np.uint8)
        window = (ctypes.c_size_t * 3).in_dll(tile, "tileproof_memory")
        window[0], window[1], window[2] = memory.ctypes.data, len(memory), known.ctypes.data
        first = memory.ctypes.data + -memory.ctypes.data % 64
        second = first + 2 * sizes[0]
        starts = itertools.accumulate(sizes[2:], initial=second + 2 * sizes[1])
        regions = (ctypes.c_void_p * len(scratch))(*itertools.islice(starts, len(scratch)))
        loop.loop.argtypes = (ctypes.c_void_p,) * 4 + (ctypes.c_long,) * 3
        started = time.perf_counter()
        loop.loop(ctypes.cast(tile[function], ctypes.c_void_p), first, second, regions, *sizes[:2], calls)
        return time.perf_counter() - started


LOOP = """\
void loop(void (*f)(void *, void *{types}), char *a, char *b, void **s, long na, long nb, long n) {{
    for (long i = 0; i < n; ++i) f(a + i % 2 * na, b + i % 2 * nb{given});
}}
"""


# Matrix products


def core_program(take: str, give: str, tile: str, body: list[str]) -> list[str]:
    return [
        f"aie.core(%{tile}) {{",
        "%c0 = arith.constant 0 : index",
        "%c1 = arith.constant 1 : index",
        "%c8 = arith.constant 8 : index",
        "%forever = arith.constant 9223372036854775807 : index",
        "scf.for %turn = %c0 to %forever step %c1 {",
        *acquired("c", give, "Produce", C),
        *body,
        f"aie.objectfifo.release @{give}(Produce, 1)",
        "}",
        "aie.end",
        "}",
    ]


def acquired(name: str, fifo: str, port: str, type_: str) -> list[str]:
    view = f"!aie.objectfifosubview<{type_}>"
    return [
        f"%{name}s = aie.objectfifo.acquire @{fifo}({port}, 1) : {view}",
        f"%{name} = aie.objectfifo.subview.access %{name}s[0] : {view} -> {type_}",
    ]


def product_512() -> tuple[str, list[np.ndarray]]:
    """One core: 64 blocks of the result, 8 products of 64x64x64 each."""
    lines = [
        "module {",
        "aie.device(npu1) {",
        "%shim = aie.tile(0, 0)",
        "%tile = aie.tile(0, 2)",
        f"aie.objectfifo @in(%shim, {{%tile}}, 2 : i32) : !aie.objectfifo<{AB}>",
        f"aie.objectfifo @out(%tile, {{%shim}}, 1 : i32) : !aie.objectfifo<{C}>",
        f"func.func private @clear({C})",
        f"func.func private @accumulate({AB}, {C})",
        *core_program(
            "in",
            "out",
            "tile",
            [
                f"func.call @clear(%c) : ({C}) -> ()",
                "scf.for %k = %c0 to %c8 step %c1 {",
                *acquired("ab", "in", "Consume", AB),
                f"func.call @accumulate(%ab, %c) : ({AB}, {C}) -> ()",
                "aie.objectfifo.release @in(Consume, 1)",
                "}",
            ],
        ),
        f"aie.runtime_sequence(%a: memref<{512 * 8192}xi8>, %b: memref<{64 * 4096}xi32>) {{",
        moved("b", "out", 64 * 4096, "i32", 0),
        moved("a", "in", 512 * 8192, "i8", 1),
        "aiex.npu.dma_wait {symbol = @out}",
        "}",
        "}",
        "}",
    ]
    rng = np.random.default_rng(1)
    return "\n".join(lines), [rng.integers(-128, 128, 512 * 8192, dtype=np.int8), np.zeros(64 * 4096, np.int32)]


def moved(argument: str, fifo: str, count: int, element: str, number: int) -> str:
    return (
        f"aiex.npu.dma_memcpy_nd(%{argument}[0, 0, 0, 0][1, 1, 1, {count}][0, 0, 0, 1]) "
        f"{{id = {number} : i64, metadata = @{fifo}}} : memref<{count}x{element}>"
    )


def products(columns: int, rows: int, each: int) -> tuple[str, list[np.ndarray]]:
    """`columns` x `rows` cores, which make `each` products of 64x64x64; a mem tile hands out and collects."""
    grid = [(column, row) for column in range(columns) for row in range(2, 2 + rows)]
    lines = ["module {", "aie.device(npu1) {"]
    lines += [f"%s{column} = aie.tile({column}, 0)" for column in range(columns)]
    lines += [f"%m{column} = aie.tile({column}, 1)" for column in range(columns)]
    lines += [f"%t{column}_{row} = aie.tile({column}, {row})" for column, row in grid]
    lines += [f"func.func private @once({AB}, {C})"]
    arguments, moves, waits = [], [], []
    for column in range(columns):
        size, results = rows * 8192, rows * 4096
        given, made = f"memref<{size}xi8>", f"memref<{results}xi32>"
        mine = [f"{column}_{row}" for row in range(2, 2 + rows)]
        lines += [
            f"aie.objectfifo @in{column}(%s{column}, {{%m{column}}}, 2 : i32) : !aie.objectfifo<{given}>",
            f"aie.objectfifo @out{column}(%m{column}, {{%s{column}}}, 2 : i32) : !aie.objectfifo<{made}>",
        ]
        for at in mine:
            lines += [
                f"aie.objectfifo @i{at}(%m{column}, {{%t{at}}}, 2 : i32) : !aie.objectfifo<{AB}>",
                f"aie.objectfifo @o{at}(%t{at}, {{%m{column}}}, 1 : i32) : !aie.objectfifo<{C}>",
            ]
        offsets = ", ".join(str(8192 * k) for k in range(rows)), ", ".join(str(4096 * k) for k in range(rows))
        lines += [
            f"aie.objectfifo.link [@in{column}] -> [{', '.join(f'@i{at}' for at in mine)}] ([] [{offsets[0]}])",
            f"aie.objectfifo.link [{', '.join(f'@o{at}' for at in mine)}] -> [@out{column}] ([{offsets[1]}] [])",
        ]
        for at in mine:
            body = [
                *acquired("ab", f"i{at}", "Consume", AB),
                f"func.call @once(%ab, %c) : ({AB}, {C}) -> ()",
                f"aie.objectfifo.release @i{at}(Consume, 1)",
            ]
            lines += core_program(f"i{at}", f"o{at}", f"t{at}", body)
        arguments += [f"%a{column}: memref<{each * size}xi8>", f"%b{column}: memref<{each * results}xi32>"]
        moves += [
            moved(f"b{column}", f"out{column}", each * results, "i32", 0),
            moved(f"a{column}", f"in{column}", each * size, "i8", 1),
        ]
        waits += [f"aiex.npu.dma_wait {{symbol = @out{column}}}"]
    lines += [f"aie.runtime_sequence({', '.join(arguments)}) {{", *moves, *waits, "}", "}", "}"]
    rng = np.random.default_rng(1)
    buffers: list[np.ndarray] = []
    for _ in range(columns):
        buffers += [rng.integers(-128, 128, each * rows * 8192, dtype=np.int8), np.zeros(each * rows * 4096, np.int32)]
    return "\n".join(lines), buffers
