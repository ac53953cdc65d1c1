"""What a core's own operations do with memory, vectors and numbers, one core at a time, with no host."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import pytest

from tileproof.dtypes import DTYPES
from tileproof.emulator.array.array import Array
from tileproof.errors import Problem
from tileproof.lowering.lower import lower_design
from tileproof.mlir.reader import read_design

# The first line of a core's body.
FIRST = 4


@dataclass(frozen=True)
class Buffer:
    """`values` are 0, 1, 2, ... where a design gives it any."""

    type: str
    is_set: bool = False

    @property
    def shape(self) -> list[int]:
        return [int(extent) for extent in self.type.split("x")[:-1]]

    @property
    def dtype(self) -> np.dtype[Any]:
        return DTYPES[self.type.split("x")[-1]].numpy

    def declared(self, name: str) -> str:
        values = np.arange(prod(self.shape)).reshape(self.shape).tolist()
        text = str(values) if self.dtype.kind == "i" else str(np.array(values, float).tolist())
        given = f" = dense<{text}>" if self.is_set else ""
        return f'%{name} = aie.buffer(%tile) {{sym_name = "{name}"}} : memref<{self.type}>{given}'


BUFFERS = {
    "x": Buffer("64xi32", is_set=True),
    "m": Buffer("8x8xi32", is_set=True),
    "y": Buffer("64xi32"),
    "f": Buffer("16xf32", is_set=True),
    "g": Buffer("16xf32"),
    "h": Buffer("32xbf16"),
    "b": Buffer("64xi8", is_set=True),
}


def design(*lines: str, device: str = "npu1", attributes: str = "") -> str:
    declared = [buffer.declared(name) for name, buffer in BUFFERS.items()]
    constants = "".join(f" %c{number} = arith.constant {number} : index" for number in (0, 1, 2, 4, 8, 16, 60, 64))
    head = f"module {{ aie.device({device}) {{ %tile = aie.tile(0, 2)"
    core = "%core = aie.core(%tile) {" + constants
    return "\n".join([head, " ".join(declared), core, *lines, "aie.end }" + attributes, "} }", ""])


def run(*lines: str, device: str = "npu1", attributes: str = "") -> Array:
    """The array when its core has ended."""
    lowered = lower_design(read_design(design(*lines, device=device, attributes=attributes), "d.mlir"))
    array = Array(lowered, None, lambda doing: None)
    assert array.engine.run()
    assert array.engine.tasks == []
    return array


def left_in(name: str, *lines: str, device: str = "npu1") -> list[Any]:
    """What a core without a fault leaves in a buffer."""
    array = run(*lines, device=device)
    assert array.faults == []
    buffer = BUFFERS[name]
    values = array.memories.view(array.buffers[name]).view(buffer.dtype)
    return values.astype(float if buffer.dtype.kind == "V" else values.dtype).tolist()


def refusal(*lines: str) -> str:
    with pytest.raises(Problem) as refused:
        run(*lines)
    return str(refused.value)


# Views


def stored(view: str, type_: str, index: str = "%c0") -> tuple[str, str]:
    """Lines that store element `index` of a view of x or m as the first of y."""
    return (f"%v = memref.load {view}[{index}] : {type_}", "memref.store %v, %y[%c0] : memref<64xi32>")


@pytest.mark.parametrize(
    ("lines", "type_", "index", "element"),
    [
        (
            "%p = memref.subview %x[%c8] [16] [2] : memref<64xi32> to memref<16xi32, strided<[2], offset: ?>>",
            "memref<16xi32, strided<[2], offset: ?>>",
            "%c4",
            8 + 4 * 2,
        ),
        (
            "%p = memref.subview %m[2, 0] [1, 8] [1, 1] : memref<8x8xi32> to memref<8xi32, strided<[1], offset: 16>>",
            "memref<8xi32, strided<[1], offset: 16>>",
            "%c4",
            2 * 8 + 4,
        ),
        (
            "%p = memref.subview %m[0, 2] [8, 1] [1, 1] : memref<8x8xi32> to memref<8xi32, strided<[8], offset: 2>>",
            "memref<8xi32, strided<[8], offset: 2>>",
            "%c4",
            4 * 8 + 2,
        ),
        (
            "%q = memref.subview %x[32] [%c16] [1] : memref<64xi32> to memref<?xi32, strided<[1], offset: 32>>\n"
            "%p = memref.subview %q[%c1] [8] [1]"
            " : memref<?xi32, strided<[1], offset: 32>> to memref<8xi32, strided<[1], offset: ?>>",
            "memref<8xi32, strided<[1], offset: ?>>",
            "%c2",
            32 + 1 + 2,
        ),
        (
            "%p = memref.reinterpret_cast %m to offset: [%c1], sizes: [3], strides: [%c8]"
            " : memref<8x8xi32> to memref<3xi32, strided<[?], offset: ?>>",
            "memref<3xi32, strided<[?], offset: ?>>",
            "%c2",
            1 + 2 * 8,
        ),
        (
            "%p = memref.collapse_shape %m [[0, 1]] : memref<8x8xi32> into memref<64xi32>",
            "memref<64xi32>",
            "%c60",
            60,
        ),
        (
            "%q = memref.expand_shape %x [[0, 1, 2]] output_shape [2, 4, 8] : memref<64xi32> into memref<2x4x8xi32>\n"
            "%p = memref.subview %q[1, 0, 3] [1, 4, 1] [1, 1, 1]"
            " : memref<2x4x8xi32> to memref<4xi32, strided<[8], offset: 35>>",
            "memref<4xi32, strided<[8], offset: 35>>",
            "%c2",
            32 + 2 * 8 + 3,
        ),
        (
            "%q = memref.memory_space_cast %x : memref<64xi32> to memref<64xi32, 2>\n"
            "%p = memref.cast %q : memref<64xi32, 2> to memref<?xi32, 2>",
            "memref<?xi32, 2>",
            "%c8",
            8,
        ),
        ("%p = memref.assume_alignment %x, 32 : memref<64xi32>", "memref<64xi32>", "%c8", 8),
    ],
    ids=["steps", "row", "column", "part of a part", "reinterpreted", "collapsed", "expanded", "cast", "aligned"],
)
def test_an_index_of_a_view_means_an_element_of_its_buffer(lines, type_, index, element):
    assert left_in("y", lines, *stored("%p", type_, index))[0] == element


def test_reinterpreting_a_part_counts_from_the_start_of_the_buffer():
    """As MLIR lowers it; what runtime sequences do with the same words is another matter."""
    part = "memref<8xi32, strided<[1], offset: 16>>"
    lines = (
        f"%p = memref.subview %x[16] [8] [1] : memref<64xi32> to {part}",
        f"%q = memref.reinterpret_cast %p to offset: [0], sizes: [8], strides: [1] : {part} to memref<8xi32>",
    )

    assert left_in("y", *lines, *stored("%q", "memref<8xi32>", "%c2"))[0] == 2


def test_bytes_are_viewed_as_elements_of_another_type():
    view = "%p = memref.view %b[%c8][] : memref<64xi8> to memref<4xi32>"

    assert left_in("y", view, *stored("%p", "memref<4xi32>", "%c1"))[0] == 0x0F0E0D0C


def test_a_view_tells_its_extents():
    lines = (
        "%p = memref.subview %x[0] [%c16] [1] : memref<64xi32> to memref<?xi32, strided<[1]>>",
        "%n = memref.dim %p, %c0 : memref<?xi32, strided<[1]>>",
        "%v = arith.index_cast %n : index to i32",
        "memref.store %v, %y[%c0] : memref<64xi32>",
    )

    assert left_in("y", *lines)[0] == 16


def test_a_column_is_copied_into_a_row():
    lines = (
        "%p = memref.subview %m[0, 2] [8, 1] [1, 1] : memref<8x8xi32> to memref<8xi32, strided<[8], offset: 2>>",
        "%q = memref.subview %y[8] [8] [1] : memref<64xi32> to memref<8xi32, strided<[1], offset: 8>>",
        "memref.copy %p, %q : memref<8xi32, strided<[8], offset: 2>> to memref<8xi32, strided<[1], offset: 8>>",
    )

    assert left_in("y", *lines)[8:16] == list(range(2, 64, 8))


def test_a_view_is_no_way_around_what_is_known_of_a_buffer():
    view = "%p = memref.subview %y[8] [8] [1] : memref<64xi32> to memref<8xi32, strided<[1], offset: 8>>"
    line = "%v = memref.load %p[%c2] : memref<8xi32, strided<[1], offset: 8>>"
    (fault,) = run(view, line).faults

    assert str(fault) == (
        "the core on core (0, 2) reads what nobody has written: element 10 of y\n"
        f"  where: d.mlir:{FIRST + 1}:1\n"
        "  why:   the device has there what the last program left, or zeros\n"
        "  fix:   write it before it is read, or give the buffer an initial value"
    )


def test_an_index_beyond_a_view_is_told_with_the_view():
    view = "%p = memref.subview %x[8] [8] [2] : memref<64xi32> to memref<8xi32, strided<[2], offset: 8>>"

    assert refusal(view, "%v = memref.load %p[%c8] : memref<8xi32, strided<[2], offset: 8>>") == (
        "error: the core on core (0, 2) accesses x outside its shape\n"
        f"  where: d.mlir:{FIRST + 1}:1\n"
        "  why:   index 8, extent 8 of a view of 8 x i32\n"
        "  fix:   correct the loop bounds"
    )


def test_a_part_that_ends_behind_its_source_is_refused_where_it_is_taken():
    view = "%p = memref.subview %x[%c60] [8] [1] : memref<64xi32> to memref<8xi32, strided<[1], offset: ?>>"

    assert refusal(view) == (
        "error: the core on core (0, 2) takes a part of x that is not there\n"
        f"  where: d.mlir:{FIRST}:1\n"
        "  why:   the part has 8 from 60 on, extent 64 of a view of 64 x i32\n"
        "  fix:   correct the offsets and sizes"
    )


def test_a_view_that_says_more_than_there_is_is_told_when_it_is_used():
    cast = "%p = memref.reinterpret_cast %x to offset: [0], sizes: [16], strides: [8] : memref<64xi32> to "
    type_ = "memref<16xi32, strided<[8]>>"

    assert left_in("x", cast + type_)[0] == 0
    assert refusal(cast + type_, f"%v = memref.load %p[%c8] : {type_}") == (
        "error: the core on core (0, 2) accesses x outside its shape\n"
        f"  where: d.mlir:{FIRST + 1}:1\n"
        "  why:   a view of 16 x i32 has element 64 of the buffer's 64\n"
        "  fix:   correct the loop bounds"
    )


def test_a_view_of_bytes_begins_where_its_elements_may():
    assert refusal("%p = memref.view %b[%c2][] : memref<64xi8> to memref<4xi32>") == (
        "error: the core on core (0, 2) takes a part of b that is not there\n"
        f"  where: d.mlir:{FIRST}:1\n"
        "  why:   an element of 4 bytes would begin at byte 2 of 64\n"
        "  fix:   correct the offsets and sizes"
    )
