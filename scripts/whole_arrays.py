"""Products of matrices on a whole array, for figures that others published of one: designs made here, run by the model.

Each core has one block of C, in its own memory from the first step to the last. A comes by rows and B by columns of the
array, through a mem tile each, to all cores of the row or column. What is compared is a step in the middle of a run:
with and without so many more steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tileproof.device_model import device_named
from tileproof.emulator.design.described import described_library
from tileproof.emulator.design.emulate import emulate
from tileproof.emulator.library import Library
from tileproof.toolchain.cxx import find_cxx
from tileproof.toolchain.tile_library import compile_tile_code

TILE_CODE = Path(__file__).parent / "anchors.cc"
ROWS = 4
STEPS, MORE = 4, 4


@dataclass(frozen=True, kw_only=True)
class Gemm:
    """Each core adds the product of a block of `m` x `k` and one of `k` x `n` to its own in a step. `tops` were
    measured by others at `ghz`, with blocks that they chose."""

    name: str
    target: str
    columns: int
    m: int
    k: int
    n: int
    given: str
    made: str
    function: str
    tops: float
    ghz: float

    @property
    def macs(self) -> int:
        """Of all cores in a step."""
        return self.columns * ROWS * self.m * self.k * self.n

    @property
    def published(self) -> float:
        """Cycles for as many products as a step has."""
        return 2 * self.macs * self.ghz / (1000 * self.tops)

    @property
    def bound(self) -> float:
        """Cycles that no schedule goes below: products of int8 or bfloat16 (hardware.md, MACs per cycle per core), and
        what comes by a stream, for each core."""
        per_cycle = {("i8", "npu1"): 256, ("bf16", "npu1"): 128, ("i8", "npu2"): 512}[self.given, self.target]
        bits = {"i8": 8, "bf16": 16}[self.given]
        stream = max(self.m * self.k, self.k * self.n) * bits / 8 / 4
        return max(self.m * self.k * self.n / per_cycle, stream)

    def design(self, steps: int) -> str:
        return "\n".join(["module {", f"aie.device({self.target}) {{", *self._parts(steps), "}", "}"])

    def _parts(self, steps: int) -> Iterator[str]:
        a, b = f"memref<{self.m * self.k}x{self.given}>", f"memref<{self.k * self.n}x{self.given}>"
        c, whole = f"memref<{self.m * self.n}x{self.made}>", f"memref<{ROWS * self.m * self.n}x{self.made}>"
        columns, rows = range(self.columns), range(ROWS)
        yield f"func.func private @{self.function}({a}, {b}, {c})"
        yield f"func.func private @clear({c})"
        for x in columns:
            yield f"%shim{x} = aie.tile({x}, 0)"
            yield f"%mem{x} = aie.tile({x}, 1)"
            yield from (f"%core{x}{y} = aie.tile({x}, {y + 2})" for y in rows)
        for y in rows:
            yield from _broadcast(f"a{y}", y, [f"%core{x}{y}" for x in columns], a)
        for x in columns:
            yield from _broadcast(f"b{x}", x, [f"%core{x}{y}" for y in rows], b)
            for y in rows:
                yield f"aie.objectfifo @c{x}{y}(%core{x}{y}, {{%mem{x}}}, 1 : i32) : !aie.objectfifo<{c}>"
            yield f"aie.objectfifo @c{x}(%mem{x}, {{%shim{x}}}, 1 : i32) : !aie.objectfifo<{whole}>"
            parts = ", ".join(f"@c{x}{y}" for y in rows)
            offsets = ", ".join(str(y * self.m * self.n) for y in rows)
            yield f"aie.objectfifo.link [{parts}] -> [@c{x}] ([{offsets}] [])"
        for x in columns:
            for y in rows:
                yield from self._core(x, y, steps, (a, b, c))
        yield from self._sequence(steps)

    def _core(self, x: int, y: int, steps: int, types: tuple[str, str, str]) -> Iterator[str]:
        a, b, c = types
        yield f"aie.core(%core{x}{y}) {{"
        yield "%zero = arith.constant 0 : index"
        yield "%one = arith.constant 1 : index"
        yield f"%steps = arith.constant {steps} : index"
        yield f"%c = aie.objectfifo.acquire @c{x}{y}(Produce, 1) : {c}"
        yield f"func.call @clear(%c) : ({c}) -> ()"
        yield "scf.for %step = %zero to %steps step %one {"
        yield f"%a = aie.objectfifo.acquire @a{y}x(Consume, 1) : {a}"
        yield f"%b = aie.objectfifo.acquire @b{x}x(Consume, 1) : {b}"
        yield f"func.call @{self.function}(%a, %b, %c) : ({a}, {b}, {c}) -> ()"
        yield f"aie.objectfifo.release @a{y}x(Consume, 1)"
        yield f"aie.objectfifo.release @b{x}x(Consume, 1)"
        yield "}"
        yield f"aie.objectfifo.release @c{x}{y}(Produce, 1)"
        yield "aie.end"
        yield "}"

    def _sequence(self, steps: int) -> Iterator[str]:
        a, b = steps * self.m * self.k, steps * self.k * self.n
        c = ROWS * self.m * self.n
        types = {
            "a": f"memref<{ROWS * a}x{self.given}>",
            "b": f"memref<{self.columns * b}x{self.given}>",
            "c": f"memref<{self.columns * c}x{self.made}>",
        }
        yield f"aie.runtime_sequence @run({', '.join(f'%{name}: {type_}' for name, type_ in types.items())}) {{"
        for x in range(self.columns):
            if x < ROWS:
                yield _move("a", x, a, types["a"], 0)
            yield _move("b", x, b, types["b"], 1)
            yield _move("c", x, c, types["c"], 2)
        yield from (f"aiex.npu.dma_wait {{symbol = @c{x}}}" for x in range(self.columns))
        yield "}"


def _broadcast(name: str, column: int, cores: list[str], type_: str) -> Iterator[str]:
    """From the host through the mem tile of a column to all of the cores."""
    yield f"aie.objectfifo @{name}(%shim{column}, {{%mem{column}}}, 2 : i32) : !aie.objectfifo<{type_}>"
    yield f"aie.objectfifo @{name}x(%mem{column}, {{{', '.join(cores)}}}, 2 : i32) : !aie.objectfifo<{type_}>"
    yield f"aie.objectfifo.link [@{name}] -> [@{name}x] ([] [])"


def _move(name: str, number: int, count: int, type_: str, bd_id: int) -> str:
    where = f"[0, 0, 0, {number * count}][1, 1, 1, {count}][0, 0, 0, 1]"
    return f"aiex.npu.dma_memcpy_nd(%{name}{where}) {{id = {bd_id} : i64, metadata = @{name}{number}}} : {type_}"


def library_for(target: str) -> Library:
    compiled = compile_tile_code([TILE_CODE], device_named(target).aie_arch, find_cxx())
    return described_library(compiled, {TILE_CODE.name: TILE_CODE.read_text()})


def step_cycles(gemm: Gemm, library: Library) -> float:
    """Of a step in the middle of a run, whose sums are looked at."""
    few, many = (_cycles(gemm, steps, library) for steps in (STEPS, STEPS + MORE))
    return (many - few) / MORE


def _cycles(gemm: Gemm, steps: int, library: Library) -> int:
    given = {0: "ones", 1: "ones", 2: "zeros"}
    answer = emulate(gemm.design(steps), gemm.function, library, given, orders=0, timeout_s=300.0)
    assert answer.is_good, answer.faults[0]
    assert (answer.arguments[2].after == steps * gemm.k).all()
    timeline = answer.reports[0].timeline
    assert timeline is not None
    return timeline.cycles


SOURCE = "Striking the Balance, arXiv 2512.13282"
GEMMS = (
    Gemm(
        name="int8",
        target="npu1",
        columns=4,
        m=64,
        k=128,
        n=64,
        given="i8",
        made="i32",
        function="array_i8",
        tops=6.76,
        ghz=1.0,
    ),
    Gemm(
        name="bfloat16",
        target="npu1",
        columns=4,
        m=64,
        k=64,
        n=64,
        given="bf16",
        made="f32",
        function="array_bf16",
        tops=3.14,
        ghz=1.0,
    ),
    Gemm(
        name="int8",
        target="npu2",
        columns=8,
        m=96,
        k=64,
        n=96,
        given="i8",
        made="i32",
        function="array_i8",
        tops=38.05,
        ghz=1.8,
    ),
)
