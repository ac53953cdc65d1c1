"""What a core's own operations do with memory, vectors and numbers, one core at a time, with no host."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from math import prod
from typing import Any

import numpy as np
import pytest

from tileproof.check.checked import Checked
from tileproof.check.stack import allocation_beyond_stack
from tileproof.dtypes import ELEMENTS
from tileproof.emulator.array.array import Array
from tileproof.emulator.cost.cycles import SCALAR_ACCESS_CYCLES
from tileproof.emulator.semantics import unconfirmed
from tileproof.errors import Problem
from tileproof.lowering.lower import lower_design
from tileproof.mlir.affine import LOWERED
from tileproof.mlir.operations import AFFINE
from tileproof.mlir.printer import respelled
from tileproof.mlir.program import Operation
from tileproof.mlir.reader import read_design
from tileproof.mlir.values import element_of, extents_of

# The first line of a core's body.
FIRST = 4


@dataclass(frozen=True)
class Buffer:
    """`values` are 0, 1, 2, ... where a design gives it any."""

    type: str
    is_set: bool = False

    @property
    def shape(self) -> list[int]:
        return [extent or 0 for extent in extents_of(f"memref<{self.type}>")]

    @property
    def dtype(self) -> np.dtype[Any]:
        return ELEMENTS[element_of(f"memref<{self.type}>")].numpy

    def declared(self, name: str) -> str:
        values = np.arange(prod(self.shape)).reshape(self.shape).tolist()
        text = str(values) if self.dtype.kind == "i" else str(np.array(values, float).tolist())
        given = f" = dense<{text}>" if self.is_set else ""
        return f'%{name} = aie.buffer(%tile) {{sym_name = "{name}"}} : memref<{self.type}>{given}'


BUFFERS = {
    "x": Buffer("64xi32", is_set=True),
    "m": Buffer("8x8xi32", is_set=True),
    "y": Buffer("64xi32"),
    "floats": Buffer("16xf32"),
    "halves": Buffer("32xbf16"),
    "raw": Buffer("64xi8", is_set=True),
    "counts": Buffer("2xindex"),
}


GLOBALS = (
    'memref.global "private" constant @table : memref<4xi32> = dense<[7, 8, 9, 10]>'
    " memref.global @own : memref<4xi32> = uninitialized memref.global @large : memref<65000xi8> = uninitialized"
)


def design(*lines: str, device: str = "npu1", attributes: str = "") -> str:
    declared = [buffer.declared(name) for name, buffer in BUFFERS.items()]
    constants = "".join(f" %c{number} = arith.constant {number} : index" for number in (0, 1, 2, 4, 8, 16, 60, 64))
    head = f"module {{ aie.device({device}) {{ %tile = aie.tile(0, 2) {GLOBALS}"
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
    view = "%p = memref.view %raw[%c8][] : memref<64xi8> to memref<4xi32>"

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


def test_a_copy_has_as_many_elements_as_its_target():
    lines = (
        "%p = memref.subview %x[0] [%c16] [1] : memref<64xi32> to memref<?xi32, strided<[1]>>",
        "memref.copy %p, %y : memref<?xi32, strided<[1]>> to memref<64xi32>",
    )

    assert refusal(*lines) == (
        "error: the core on core (0, 2) copies x into what has another shape\n"
        f"  where: d.mlir:{FIRST + 1}:1\n"
        "  why:   from a view of 16 x i32 into a view of 64 x i32\n"
        "  fix:   copy as many elements as the target has"
    )


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
    assert refusal("%p = memref.view %raw[%c2][] : memref<64xi8> to memref<4xi32>") == (
        "error: the core on core (0, 2) takes a part of raw that is not there\n"
        f"  where: d.mlir:{FIRST}:1\n"
        "  why:   an element of 4 bytes would begin at byte 2 of 64\n"
        "  fix:   correct the offsets and sizes"
    )


# Vectors and memory


def read_at(index: str, said: str = "{in_bounds = [true]}") -> str:
    return f"%v = vector.transfer_read %x[{index}], %nines {said} : memref<64xi32>, vector<16xi32>"


NINES = "%nines = arith.constant 9 : i32"
WRITTEN = "vector.transfer_write %v, %y[%c0] {in_bounds = [true]} : vector<16xi32>, memref<64xi32>"


def test_a_vector_is_transferred():
    assert left_in("y", NINES, read_at("%c4"), WRITTEN)[:16] == list(range(4, 20))


def test_lanes_behind_the_end_are_padding():
    assert left_in("y", NINES, read_at("%c60", ""), WRITTEN)[:16] == [60, 61, 62, 63] + [9] * 12


def test_the_padding_may_be_poison():
    assert left_in("y", "%nines = ub.poison : i32", read_at("%c4"), WRITTEN)[:16] == list(range(4, 20))


def test_lanes_behind_the_end_are_not_written():
    fives = "%v = arith.constant dense<5> : vector<16xi32>"
    write = "vector.transfer_write %v, %x[%c60] : vector<16xi32>, memref<64xi32>"

    assert left_in("x", fives, write)[56:] == [56, 57, 58, 59, 5, 5, 5, 5]


def test_lanes_that_a_design_says_are_there_are_there():
    assert refusal(NINES, read_at("%c60")) == (
        "error: the core on core (0, 2) accesses x outside its shape\n"
        f"  where: d.mlir:{FIRST + 1}:1\n"
        "  why:   12 of 16 lanes are not there, from index 60 on, extent 64 of a view of 64 x i32\n"
        "  fix:   correct the loop bounds"
    )


def test_a_mask_leaves_lanes_out():
    lines = (
        NINES,
        "%mask = vector.create_mask %c4 : vector<16xi1>",
        "%v = vector.transfer_read %x[%c8], %nines, %mask {in_bounds = [true]} : memref<64xi32>, vector<16xi32>",
    )

    assert left_in("y", *lines, WRITTEN)[:16] == [8, 9, 10, 11] + [9] * 12


@pytest.mark.parametrize(
    ("map_", "lanes"),
    [
        ("(d0, d1) -> (d0, d1)", [10, 11, 12, 13, 18, 19, 20, 21]),
        ("(d0, d1) -> (d1, d0)", [10, 18, 26, 34, 11, 19, 27, 35]),
        ("(d0, d1) -> (0, d1)", [10, 11, 12, 13] * 2),
        ("(d0, d1) -> (d0, 0)", [10] * 4 + [18] * 4),
    ],
    ids=["rows", "transposed", "one row twice", "one element a row"],
)
def test_a_map_says_along_what_the_lanes_lie(map_, lanes):
    lines = (
        NINES,
        "%p = vector.transfer_read %m[%c1, %c2], %nines"
        f" {{in_bounds = [true, true], permutation_map = affine_map<{map_}>}} : memref<8x8xi32>, vector<2x4xi32>",
        "%v = vector.shape_cast %p : vector<2x4xi32> to vector<8xi32>",
        "vector.store %v, %y[%c0] : memref<64xi32>, vector<8xi32>",
    )

    assert left_in("y", *lines)[:8] == lanes


def test_a_column_is_read_as_a_vector():
    column = "memref<8xi32, strided<[8], offset: 3>>"
    lines = (
        f"%p = memref.subview %m[0, 3] [8, 1] [1, 1] : memref<8x8xi32> to {column}",
        f"%v = vector.load %p[%c0] : {column}, vector<8xi32>",
        "vector.store %v, %y[%c0] : memref<64xi32>, vector<8xi32>",
    )

    assert left_in("y", *lines)[:8] == list(range(3, 64, 8))


def test_a_block_of_a_buffer_is_loaded_and_stored_as_a_vector_of_two_dimensions():
    lines = (
        "%v = vector.load %m[%c4, %c2] : memref<8x8xi32>, vector<2x4xi32>",
        "%q = memref.expand_shape %y [[0, 1]] output_shape [8, 8] : memref<64xi32> into memref<8x8xi32>",
        "vector.store %v, %q[%c0, %c4] : memref<8x8xi32>, vector<2x4xi32>",
    )

    left = left_in("y", *lines)
    assert (left[4:8], left[12:16]) == ([34, 35, 36, 37], [42, 43, 44, 45])


# Vectors

LANES = "%a = arith.constant dense<[1, 2, 3, 4, 5, 6, -7, 8]> : vector<8xi32>"
OTHERS = "%b = arith.constant dense<[10, 20, 30, 40]> : vector<4xi32>"
SQUARE = "%s = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : vector<2x3xi32>"
VALUE = "%n = arith.constant 99 : i32"


@pytest.mark.parametrize(
    ("operation", "type_", "lanes"),
    [
        ("vector.extract %a[6] : i32 from vector<8xi32>", "i32", [-7]),
        ("vector.extract %a[%c2] : i32 from vector<8xi32>", "i32", [3]),
        ("vector.extract %s[1] : vector<3xi32> from vector<2x3xi32>", "vector<3xi32>", [4, 5, 6]),
        ("vector.extractelement %a[%c2 : index] : vector<8xi32>", "i32", [3]),
        ("vector.insert %n, %b[1] : i32 into vector<4xi32>", "vector<4xi32>", [10, 99, 30, 40]),
        ("vector.insertelement %n, %b[%c2 : index] : vector<4xi32>", "vector<4xi32>", [10, 20, 99, 40]),
        (
            "vector.extract_strided_slice %a {offsets = [2], sizes = [4], strides = [1]}"
            " : vector<8xi32> to vector<4xi32>",
            "vector<4xi32>",
            [3, 4, 5, 6],
        ),
        (
            "vector.insert_strided_slice %b, %a {offsets = [2], strides = [1]} : vector<4xi32> into vector<8xi32>",
            "vector<8xi32>",
            [1, 2, 10, 20, 30, 40, -7, 8],
        ),
        ("vector.broadcast %b : vector<4xi32> to vector<2x4xi32>", "vector<2x4xi32>", [10, 20, 30, 40] * 2),
        ("vector.bitcast %b : vector<4xi32> to vector<8xi16>", "vector<8xi16>", [10, 0, 20, 0, 30, 0, 40, 0]),
        ("vector.transpose %s, [1, 0] : vector<2x3xi32> to vector<3x2xi32>", "vector<3x2xi32>", [1, 4, 2, 5, 3, 6]),
        (
            "vector.shuffle %b, %a [0, 4, 3, 11] : vector<4xi32>, vector<8xi32>",
            "vector<4xi32>",
            [10, 1, 40, 8],
        ),
        ("vector.reduction <add>, %a : vector<8xi32> into i32", "i32", [22]),
        ("vector.reduction <add>, %a, %n : vector<8xi32> into i32", "i32", [121]),
        ("vector.reduction <mul>, %b : vector<4xi32> into i32", "i32", [240000]),
        ("vector.reduction <minsi>, %a : vector<8xi32> into i32", "i32", [-7]),
        ("vector.reduction <maxsi>, %a : vector<8xi32> into i32", "i32", [8]),
        ("vector.reduction <minui>, %a : vector<8xi32> into i32", "i32", [1]),
        ("vector.reduction <maxui>, %a : vector<8xi32> into i32", "i32", [-7]),
        ("vector.reduction <and>, %b : vector<4xi32> into i32", "i32", [0]),
        ("vector.reduction <or>, %b : vector<4xi32> into i32", "i32", [62]),
        ("vector.reduction <xor>, %b : vector<4xi32> into i32", "i32", [40]),
        (
            "vector.multi_reduction <add>, %s, %r [1] : vector<2x3xi32> to vector<2xi32>",
            "vector<2xi32>",
            [106, 115],
        ),
    ],
)
def test_lanes_are_taken_moved_and_reduced(operation, type_, lanes):
    first = "%r = arith.constant dense<100> : vector<2xi32>"
    assert value_of(type_, LANES, OTHERS, SQUARE, VALUE, first, f"%v = {operation}") == lanes


def value_of(type_: str, *lines: str, device: str = "npu1") -> list[Any]:
    """The lanes of %v, or the number."""
    *shape, element = type_.removeprefix("vector<").removesuffix(">").split("x")
    count = prod(map(int, shape))
    buffer = {"i32": "y", "i16": "y", "f32": "floats", "bf16": "halves"}[element]
    if not shape:
        store = (f"memref.store %v, %{buffer}[%c0] : memref<{BUFFERS[buffer].type}>",)
        return left_in(buffer, *lines, *store, device=device)[:1]
    flat = f"%flat = vector.shape_cast %v : {type_} to vector<{count}x{element}>"
    if element == "i16":
        lines = (*lines, flat, f"%wide = arith.extsi %flat : vector<{count}xi16> to vector<{count}xi32>")
        flat, element = f"%w = vector.shape_cast %wide : vector<{count}xi32> to vector<{count}xi32>", "i32"
    name = "%w" if "%w " in flat else "%flat"
    store = f"vector.store {name}, %{buffer}[%c0] : memref<{BUFFERS[buffer].type}>, vector<{count}x{element}>"
    return left_in(buffer, *lines, flat, store, device=device)[:count]


def test_a_lane_that_is_not_there_is_told():
    assert refusal(OTHERS, "%v = vector.extract %b[%c8] : i32 from vector<4xi32>") == (
        "error: the core on core (0, 2) takes a lane that its vector does not have\n"
        f"  where: d.mlir:{FIRST + 1}:1\n"
        "  why:   it is at 8, and the extent is 4\n"
        "  fix:   correct the position"
    )


MATMUL = ("(d0, d1, d2) -> (d0, d2)", "(d0, d1, d2) -> (d2, d1)", "(d0, d1, d2) -> (d0, d1)")
TRANSPOSED = ("(d0, d1, d2) -> (d0, d2)", "(d0, d1, d2) -> (d1, d2)", "(d0, d1, d2) -> (d0, d1)")
DOT = ("(d0) -> (d0)", "(d0) -> (d0)", "(d0) -> ()")


def contraction(maps: tuple[str, ...], types: tuple[str, str, str], kind: str = "add") -> str:
    listed = ", ".join(f"affine_map<{map_}>" for map_ in maps)
    iterators = '["reduction"]' if maps == DOT else '["parallel", "parallel", "reduction"]'
    said = f"indexing_maps = [{listed}], iterator_types = {iterators}, kind = #vector.kind<{kind}>"
    return f"%v = vector.contract {{{said}}} %a, %b, %c : {types[0]}, {types[1]} into {types[2]}"


def matrix(name: str, values: np.ndarray, element: str) -> str:
    extents = "".join(f"{extent}x" for extent in values.shape)
    return f"%{name} = arith.constant dense<{values.tolist()}> : vector<{extents}{element}>"


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("element", "into"), [("i8", "i32"), ("i32", "i32"), ("bf16", "f32"), ("f32", "f32")])
def test_a_contraction_is_a_product_of_matrices(transposed, element, into):
    a, b = (np.arange(8).reshape(2, 4) - 3) * 1, np.arange(12).reshape(4, 3) + 1
    c = np.full((2, 3), 100)
    wanted = c + a @ b
    number = (lambda values: values) if element.startswith("i") else (lambda values: values.astype(float))
    shown = b.T if transposed else b
    lines = (matrix("a", number(a), element), matrix("b", number(shown), element), matrix("c", number(c), into))
    types = (f"vector<2x4x{element}>", f"vector<{'3x4' if transposed else '4x3'}x{element}>", f"vector<2x3x{into}>")
    product = contraction(TRANSPOSED if transposed else MATMUL, types)

    assert value_of(f"vector<2x3x{into}>", *lines, product) == wanted.ravel().tolist()


def test_a_contraction_may_have_a_number_as_its_result():
    a = np.array([1, 2, 3, 4])
    lines = (matrix("a", a, "i32"), matrix("b", a, "i32"), "%c = arith.constant 5 : i32")

    assert value_of("i32", *lines, contraction(DOT, ("vector<4xi32>", "vector<4xi32>", "i32"))) == [35]


def test_a_contraction_takes_its_maps_from_an_alias_as_mlir_prints_them():
    text = design(matrix("a", np.ones((2, 4), int), "i32"), contraction(MATMUL, ("A", "B", "C")))
    said = text[text.index("{indexing") : text.index("} %a") + 1]
    aliased = "#trait = " + said + "\n" + text.replace(said, "#trait")
    types = aliased.replace("%a, %b, %c : A, B into C", "%a, %a, %a : T, T into T").replace("T", "vector<2x4xi32>")
    (core,) = read_design(types, "d.mlir").cores

    assert core.body[-2].name == "vector.contract"


# Floats

HALVES = "%a = arith.constant dense<[0.5, -1.5, 2.5, 3.0]> : vector<4xf32>"


@pytest.mark.parametrize(
    ("operation", "wanted"),
    [
        ("vector.reduction <add>, %a : vector<4xf32> into f32", 4.5),
        ("vector.reduction <mul>, %a : vector<4xf32> into f32", -5.625),
        ("vector.reduction <minimumf>, %a : vector<4xf32> into f32", -1.5),
        ("vector.reduction <maximumf>, %a : vector<4xf32> into f32", 3.0),
        ("vector.reduction <minnumf>, %a : vector<4xf32> into f32", -1.5),
        ("vector.reduction <maxnumf>, %a : vector<4xf32> into f32", 3.0),
    ],
)
def test_floats_are_reduced(operation, wanted):
    assert value_of("f32", HALVES, f"%v = {operation}") == [wanted]


FUNCTIONS = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10,
    "log1p": np.log1p, "sqrt": np.sqrt, "rsqrt": lambda x: x**-0.5, "cbrt": np.cbrt, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "tanh": np.tanh, "asinh": np.arcsinh, "atanh": np.arctanh, "absf": np.abs, "floor": np.floor, "ceil": np.ceil,
    "trunc": np.trunc, "round": lambda x: np.floor(x + 0.5), "roundeven": np.round, "erf": np.vectorize(math.erf),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_floats_is_the_exact_one_rounded(name):
    values = np.array([0.25, 0.5, 0.75, 0.875])
    lines = (matrix("a", values, "f32"), f"%v = math.{name} %a : vector<4xf32>")

    assert value_of("vector<4xf32>", *lines) == np.float32(FUNCTIONS[name](values)).tolist()


@pytest.mark.parametrize(
    ("operation", "wanted"),
    [
        ("math.powf %f, %g : f32", 0.5**3),
        ("math.atan2 %f, %g : f32", math.atan2(0.5, 3)),
        ("math.copysign %g, %k : f32", -3.0),
        ("math.fma %f, %g, %k : f32", 0.5 * 3 - 2.5),
        ("math.round %k : f32", -3.0),
        ("math.roundeven %k : f32", -2.0),
        ("math.floor %k : f32", -3.0),
        ("math.log %k : f32", math.nan),
        ("math.rsqrt %zero : f32", math.inf),
    ],
)
def test_functions_of_single_floats(operation, wanted):
    values = {"f": 0.5, "g": 3.0, "k": -2.5, "zero": 0.0}
    lines = [f"%{name} = arith.constant {value} : f32" for name, value in values.items()]

    assert value_of("f32", *lines, f"%v = {operation}") == pytest.approx([wanted], nan_ok=True, rel=1e-7)


@pytest.mark.parametrize(("operation", "wanted"), [("absi", 40), ("ctlz", 0), ("ctpop", 28), ("cttz", 3)])
def test_functions_of_the_bits_of_a_number(operation, wanted):
    assert value_of("i32", "%n = arith.constant -40 : i32", f"%v = math.{operation} %n : i32") == [wanted]


def test_what_has_no_confirmed_rule_is_told_and_what_is_exact_is_not():
    exact = ("%v = vector.reduction <maximumf>, %a : vector<4xf32> into f32", "%w = math.floor %v : f32")
    open_ = ("%s = vector.reduction <add>, %a : vector<4xf32> into f32", "%e = math.exp %s : f32")

    assert unconfirmed(rule for core in run(HALVES, *exact).cores for rule in core.unconfirmed) == ()
    assert unconfirmed(rule for core in run(HALVES, *exact, *open_).cores for rule in core.unconfirmed) == (
        "functions of MLIR's math dialect, for which a compiler calls a library or has nothing: the exact value here",
        "the order in which vector.reduction, multi_reduction and contract add or multiply floats: one by one here",
    )


def test_a_sum_of_bf16_is_rounded_once_and_down():
    """By the core's mode, which is floor at reset (found_later.md 2)."""
    lines = (
        matrix("a", np.array([256.0, 1.0, 1.0, 1.0]), "bf16"),
        "%v = vector.reduction <add>, %a : vector<4xbf16> into bf16",
    )

    assert value_of("bf16", *lines) == [258.0]


# Cycles

COLUMN = "memref<8xi32, strided<[8], offset: 3>>"


@pytest.mark.parametrize(
    ("lines", "cycles"),
    [
        (("%v = vector.load %x[%c0] : memref<64xi32>, vector<16xi32>",), 1),
        (("%v = vector.load %m[%c0, %c0] : memref<8x8xi32>, vector<4x8xi32>",), 4),
        ((NINES, read_at("%c4")), 1),
        (
            (
                f"%p = memref.subview %m[0, 3] [8, 1] [1, 1] : memref<8x8xi32> to {COLUMN}",
                "%nines = ub.poison : i32",
                f"%v = vector.transfer_read %p[%c0], %nines {{in_bounds = [true]}} : {COLUMN}, vector<8xi32>",
            ),
            8 * SCALAR_ACCESS_CYCLES,
        ),
        (("memref.copy %m, %m : memref<8x8xi32> to memref<8x8xi32>",), 2 * 64 * SCALAR_ACCESS_CYCLES),
    ],
    ids=["vector", "rows", "transfer", "column", "copy"],
)
def test_a_row_is_moved_at_once_and_any_other_lane_by_itself(lines, cycles):
    (core,) = run(*lines).cores

    assert core.own_cycles == cycles


# Affine


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (("%i = affine.apply affine_map<(d0)[s0] -> (d0 * 3 + s0 - 1)>(%c4)[%c2]",), 13),
        (("%i = affine.apply affine_map<(d0) -> (d0)>(%c4)",), 4),
        (("%i = affine.apply affine_map<() -> (7)>()",), 7),
        (("%n = arith.constant -7 : index", "%i = affine.apply affine_map<(d0) -> (d0 mod 4)>(%n)"), 1),
        (("%n = arith.constant -7 : index", "%i = affine.apply affine_map<(d0) -> (d0 floordiv 4)>(%n)"), -2),
        (("%n = arith.constant -7 : index", "%i = affine.apply affine_map<(d0) -> (d0 ceildiv 4)>(%n)"), -1),
        (("%i = affine.min affine_map<(d0) -> (d0, 6, 9)>(%c8)",), 6),
        (("%i = affine.max affine_map<(d0)[s0] -> (d0, s0 + 1, 6)>(%c2)[%c8]",), 9),
    ],
)
def test_an_affine_map_is_applied(lines, wanted):
    cast = ("%v = arith.index_cast %i : index to i32", "memref.store %v, %y[%c0] : memref<64xi32>")

    assert left_in("y", *lines, *cast)[0] == wanted


def test_every_affine_operation_that_is_lowered_is_told_as_executed():
    assert set(LOWERED) == set(AFFINE)


def test_affine_loops_load_and_store_where_their_maps_say():
    lines = (
        "affine.for %i = 0 to 4 {",
        "  affine.for %j = affine_map<(d0) -> (d0)>(%i) to min affine_map<(d0) -> (d0 + 3, 5)>(%i) step 2 {",
        "    %v = affine.load %m[%i * 2, %j + 1] : memref<8x8xi32>",
        "    affine.store %v, %y[%i * 8 + %j] : memref<64xi32>",
        "  }",
        "}",
    )
    wanted = {i * 8 + j: 16 * i + j + 1 for i in range(4) for j in range(i, min(i + 3, 5), 2)}
    array = run(*lines)
    left = array.memories.view(array.buffers["y"]).view(np.int32)

    assert array.faults == []
    assert {at: left[at] for at in wanted} == wanted


def test_an_affine_loop_hands_on_what_it_carries():
    lines = (
        "%zero = arith.constant 0 : i32",
        "%v = affine.for %i = %c0 to %c8 step 2 iter_args(%sum = %zero) -> (i32) {",
        "  %a = affine.load %x[%i] : memref<64xi32>",
        "  %b = arith.addi %sum, %a : i32",
        "  affine.yield %b : i32",
        "}",
        "memref.store %v, %y[%c0] : memref<64xi32>",
    )

    assert left_in("y", *lines)[0] == 0 + 2 + 4 + 6


def test_affine_vectors_lie_where_their_maps_say():
    lines = (
        "affine.for %i = 0 to 4 {",
        "  %v = affine.vector_load %x[%i * 8 + 1] : memref<64xi32>, vector<4xi32>",
        "  affine.vector_store %v, %y[%i * 4] : memref<64xi32>, vector<4xi32>",
        "}",
    )

    assert left_in("y", *lines)[:16] == [8 * i + 1 + lane for i in range(4) for lane in range(4)]


@pytest.mark.parametrize(
    ("set_", "holds"),
    [
        ("(d0) : (d0 - 3 >= 0, d0 <= 5)", {3, 4, 5}),
        ("(d0) : (d0 == 2)", {2}),
        ("(d0)[s0] : (s0 - d0 >= 0)", {0, 1, 2}),
    ],
)
def test_an_affine_if_takes_one_branch(set_, holds):
    symbols = "[%c2]" if "s0" in set_ else ""
    lines = (
        "%yes = arith.constant 1 : i32",
        "%no = arith.constant 0 : i32",
        "affine.for %i = 0 to 8 {",
        f"  affine.if affine_set<{set_}>(%i){symbols} {{",
        "    affine.store %yes, %y[%i] : memref<64xi32>",
        "  } else {",
        "    affine.store %no, %y[%i] : memref<64xi32>",
        "  }",
        f"  %v = affine.if affine_set<{set_}>(%i){symbols} -> i32 {{",
        "    affine.yield %yes : i32",
        "  } else {",
        "    affine.yield %no : i32",
        "  }",
        "  affine.store %v, %y[%i + 8] : memref<64xi32>",
        "}",
    )

    assert left_in("y", *lines)[:16] == [int(i in holds) for i in range(8)] * 2


def test_a_branch_goes_around_what_an_affine_operation_becomes():
    lines = (
        "%v = arith.constant 5 : i32",
        "cf.br ^first",
        "^first:",
        "affine.store %v, %y[%c2 * 3 + 1] : memref<64xi32>",
        "cf.br ^last(%c4 : index)",
        "^last(%i: index):",
        "%j = affine.apply affine_map<(d0) -> (d0 mod 3)>(%i)",
        "affine.store %v, %y[%j] : memref<64xi32>",
    )
    array = run(*lines)
    left = array.memories.view(array.buffers["y"]).view(np.int32)

    assert (left[7], left[1]) == (5, 5)


# The stack

WORK = "%work = memref.alloca() : memref<16xi32>"


def test_a_core_works_on_what_it_allocates():
    lines = (
        WORK,
        "affine.for %i = 0 to 16 {",
        "  %a = affine.load %x[%i] : memref<64xi32>",
        "  affine.store %a, %work[15 - %i] : memref<16xi32>",
        "}",
        "%v = vector.load %work[%c0] : memref<16xi32>, vector<16xi32>",
        "vector.store %v, %y[%c0] : memref<64xi32>, vector<16xi32>",
    )

    assert left_in("y", *lines)[:16] == list(range(15, -1, -1))


def test_what_is_allocated_holds_nothing_yet_nor_in_the_next_turn():
    lines = (
        "affine.for %i = 0 to 2 {",
        WORK,
        "%a = affine.load %x[%i] : memref<64xi32>",
        "affine.store %a, %work[%i] : memref<16xi32>",
        "%b = affine.load %work[0] : memref<16xi32>",
        "}",
    )
    (fault,) = run(*lines).faults

    assert (fault.id, fault.what) == (
        "unwritten",
        f"the core on core (0, 2) reads what nobody has written: element 0 of the memref.alloca of {FIRST + 1}:1",
    )


def test_what_is_allocated_beyond_the_stack_is_told_and_lies_on_the_buffers():
    lines = (WORK, "%fives = arith.constant dense<5> : vector<16xi32>")
    store = "vector.store %fives, %work[%c0] : memref<16xi32>, vector<16xi32>"
    array = run(*lines, store, attributes=" {stack_size = 64 : i32}")
    (fault,) = array.faults
    first = min(array.design.buffers, key=lambda buffer: buffer.address)

    assert str(fault) == (
        f"the memref.alloca of {FIRST}:1 runs over the end of the stack of core (0, 2): what the core allocates "
        "takes 64 bytes, and stack_size is 64\n"
        f"  where: d.mlir:{FIRST}:1\n"
        f"  why:   it ends at byte 96, and 32 are the core's entry; above the stack lie {first.name}\n"
        "  fix:   give the core stack_size = 128, or keep the array in an aie.buffer"
    )
    assert array.memories.view(first)[:32].view(np.int32).tolist() == [5] * 8


def test_what_is_larger_than_a_tile_ends_the_run():
    told = refusal("%big = memref.alloca() : memref<65536xi8>")

    assert told.splitlines()[0] == (
        f"error: the memref.alloca of {FIRST}:1 runs over the end of the stack of core (0, 2): what the core allocates "
        "takes 65,536 bytes, and stack_size is 1,024"
    )


def test_check_counts_what_is_allocated():
    one, two = "%a = memref.alloca() : memref<600xi8>", "%b = memref.alloca() : memref<500xi8>"
    large = "%a = memref.alloca() : memref<1025xi8>"

    assert checked(one) == []
    assert checked(one, two) == [
        (
            "TP203",
            "what core (0, 2) allocates is larger than its stack",
            "600 + 500 = 1,100 bytes, and stack_size is 1,024; above it lie x at 1,024",
        )
    ]
    assert checked(large) == [
        (
            "TP202",
            "memref.alloca is larger than the stack of core (0, 2)",
            "it has 1,025 bytes, and stack_size is 1,024; above it lie x at 1,024",
        )
    ]


def checked(*lines: str) -> list[tuple[str, str, str | None]]:
    read = read_design(design(*lines), "d.mlir")
    found = allocation_beyond_stack(Checked(design=read, lowered=lower_design(read), code=()))
    return [(one.id, one.what, one.why) for one in found]


# Globals


def test_a_core_reads_a_table_of_its_own():
    lines = ("%t = memref.get_global @table : memref<4xi32>", *stored("%t", "memref<4xi32>", "%c2"))

    assert left_in("y", *lines)[0] == 9


def test_a_global_keeps_what_is_written_and_begins_with_nothing():
    lines = (
        "%one = memref.get_global @own : memref<4xi32>",
        "%two = memref.get_global @own : memref<4xi32>",
        "%five = arith.constant 5 : i32",
        "memref.store %five, %one[%c1] : memref<4xi32>",
    )

    assert left_in("y", *lines, *stored("%two", "memref<4xi32>", "%c1"))[0] == 5
    (fault,) = run(*lines, *stored("%two", "memref<4xi32>", "%c2")).faults
    assert fault.what == "the core on core (0, 2) reads what nobody has written: element 2 of @own"


def test_globals_lie_behind_the_buffers_and_must_fit():
    assert refusal("%large = memref.get_global @large : memref<65000xi8>") == (
        "error: the globals of core (0, 2) do not fit behind its buffers\n"
        f"  where: d.mlir:{FIRST}:1\n"
        "  why:   @large would end at 114,216, and the tile has 65,536; of that ld.lld says that a section will not "
        "fit in region 'data'\n"
        "  fix:   make the buffers smaller, or give one of them the values"
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "%t = memref.get_global @nothing : memref<4xi32>",
            "error: there is no global @nothing\n  where: d.mlir:4:1\n  fix:   globals here: table, own, large",
        ),
        (
            "%t = memref.get_global @table : memref<8xi32>",
            "error: @table is of another type\n"
            "  where: d.mlir:4:1\n"
            "  why:   it is memref<4xi32>\n"
            "  fix:   write the type that it is declared with",
        ),
    ],
)
def test_a_global_is_there_and_of_its_type(line, told):
    assert refusal(line) == told


# What is refused


@pytest.mark.parametrize(
    "line",
    [
        "%p = memref.subview %m[0] [8] [1] : memref<8x8xi32> to memref<8xi32>",
        "%p = memref.subview %m[0, 0] [8, 8] [1, 1] : memref<8x8xi32> to memref<8xi32>",
        "%p = memref.collapse_shape %m [[0]] : memref<8x8xi32> into memref<8xi32>",
        "%p = memref.collapse_shape %m [[0, 1]] : memref<8x8xi32> into memref<60xi32>",
        "%p = memref.expand_shape %x [[0, 1]] output_shape [8, 9] : memref<64xi32> into memref<8x9xi32>",
        "%p = memref.reinterpret_cast %x to offset: [0], sizes: [4, 4], strides: [1]"
        " : memref<64xi32> to memref<4x4xi32>",
        "%p = vector.load %x[%c0] : memref<64xi32>, vector<4x4xi32>",
        "vector.store %s, %x[%c0] : memref<64xi32>, vector<2x3xi32>",
        "%p = affine.load %x[%c0, %c1] : memref<64xi32>",
        "affine.if affine_set<(d0) : ()>(%c0) {}",
        "affine.for %i = max affine_map<(d0) -> ()>(%c0) to 4 {}",
        "%p = affine.min affine_map<(d0) -> ()>(%c0)",
        "%p = vector.broadcast %b : vector<4xi32> to vector<4x2xi32>",
        "%p = vector.extract_strided_slice %b {offsets = [2], sizes = [4], strides = [1]}"
        " : vector<4xi32> to vector<4xi32>",
        "%p = vector.extract_strided_slice %b {offsets = [0], sizes = [2], strides = [2]}"
        " : vector<4xi32> to vector<2xi32>",
        "%p = vector.extract_strided_slice %b : vector<4xi32> to vector<2xi32>",
        "%p = vector.insert_strided_slice %b, %s {offsets = [0, 0], strides = [1]}"
        " : vector<4xi32> into vector<2x3xi32>",
        "%p = vector.transpose %s, [1, 0] : vector<2x3xi32> to vector<2x3xi32>",
        "%p = vector.extractelement %s[%c0 : index] : vector<2x3xi32>",
        "%p = vector.reduction <add>, %s : vector<2x3xi32> into i32",
        "%p = vector.reduction <minimumf>, %b : vector<4xi32> into i32",
        "%p = vector.multi_reduction <add>, %s, %b [2] : vector<2x3xi32> to vector<4xi32>",
        contraction(MATMUL, ("vector<4xi32>", "vector<4xi32>", "vector<4xi32>")).replace("%a, %b, %c", "%b, %b, %b"),
        contraction(DOT, ("vector<4xi32>", "vector<4xi32>", "vector<4xi32>")).replace("%a, %b, %c", "%b, %b, %b"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused_by_name(line):
    name = line.removeprefix("%p = ").removeprefix("%v = ").split()[0]
    told = refusal(OTHERS, SQUARE, line)

    assert told.startswith(f"error: the emulator does not execute {name}")
    assert told.endswith(
        f"  where: d.mlir:{FIRST + 2}:1\n"
        f"  why:   its operands, types and attributes are not those of {name}, or not those that are executed\n"
        "  fix:   compare them with MLIR's page of it"
    )


def test_what_is_not_executed_is_told_with_what_is():
    assert refusal('%p = "memref.rank"(%m) : (memref<8x8xi32>) -> index') == (
        "error: the emulator does not execute memref.rank on index\n"
        f"  where: d.mlir:{FIRST}:1\n"
        "  why:   executed in a core: memref.alloca, memref.assume_alignment, memref.cast, memref.collapse_shape, "
        "memref.copy, memref.dim, memref.expand_shape, memref.get_global, memref.load, "
        "memref.memory_space_cast, memref.reinterpret_cast, memref.store, memref.subview, memref.view\n"
        "  fix:   say it with those, or move it into the tile code"
    )


def test_there_is_no_heap_on_a_core():
    assert refusal("%p = memref.alloc() : memref<16xi32>") == (
        "error: the emulator does not execute memref.alloc on memref<16xi32>\n"
        f"  where: d.mlir:{FIRST}:1\n"
        "  why:   MLIR makes a call of malloc or free of it, and a core has no heap: there is no such function to link "
        "with\n"
        "  fix:   keep it in an aie.buffer, or write memref.alloca, which lies on the core's stack"
    )


def test_a_dimension_that_is_not_there_is_told():
    assert refusal("%n = memref.dim %m, %c2 : memref<8x8xi32>") == (
        "error: the core on core (0, 2) takes a part of m that is not there\n"
        f"  where: d.mlir:{FIRST}:1\n"
        "  why:   dimension 2 of a view of 8x8 x i32\n"
        "  fix:   correct the offsets and sizes"
    )


# Elements of type index


def test_an_index_may_be_kept_in_memory():
    lines = ("memref.store %c60, %counts[%c1] : memref<2xindex>", "%i = memref.load %counts[%c1] : memref<2xindex>")
    cast = ("%v = arith.index_cast %i : index to i32", "memref.store %v, %y[%c0] : memref<64xi32>")

    assert left_in("y", *lines, *cast)[0] == 60


# Printing

EVERY = (
    NINES,
    read_at("%c4", ""),
    SQUARE,
    OTHERS,
    "%t = vector.transpose %s, [1, 0] : vector<2x3xi32> to vector<3x2xi32>",
    "%r = arith.constant dense<100> : vector<2xi32>",
    "%u = vector.multi_reduction <add>, %s, %r [1] : vector<2x3xi32> to vector<2xi32>",
    "%w = vector.extract_strided_slice %v {offsets = [2], sizes = [4], strides = [1]}"
    " : vector<16xi32> to vector<4xi32>",
    "%k = vector.insert_strided_slice %b, %v {offsets = [2], strides = [1]} : vector<4xi32> into vector<16xi32>",
    "%e = vector.extractelement %b[%c2 : index] : vector<4xi32>",
    "%f = vector.insertelement %e, %b[%c2 : index] : vector<4xi32>",
    contraction(TRANSPOSED, ("vector<2x3xi32>", "vector<2x3xi32>", "vector<2x2xi32>"))
    .replace("%v =", "%p =")
    .replace("%a, %b, %c", "%s, %s, %sums"),
    "%word = aie.get_stream(%nines : i32) : i32",
    "aie.put_stream(%nines : i32, %word : i32)",
    "%space = memref.memory_space_cast %x : memref<64xi32> to memref<64xi32, 2>",
    "%most = affine.max affine_map<(d0)[s0] -> (d0, s0 + 1)>(%c2)[%c8]",
    "%q = affine.if affine_set<(d0)[s0] : (d0 - s0 >= 0)>(%most)[%c2] -> (i32) {",
    "  affine.yield %e : i32",
    "} else {",
    "  affine.yield %nines : i32",
    "}",
    "affine.if affine_set<(d0) : (d0 - 2 == 0)>(%most) {",
    "  affine.store %q, %y[%most * 2] : memref<64xi32>",
    "}",
)


def test_what_is_printed_is_read_as_the_same():
    lines = ("%sums = arith.constant dense<0> : vector<2x2xi32>", *EVERY)
    printed = respelled(design(*lines), "d.mlir")
    (before,), (after,) = (read_design(text, "d.mlir").cores for text in (design(*lines), printed))

    assert [placeless(one) for one in after.body] == [placeless(one) for one in before.body]


def placeless(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(placeless(one) for one in value)
    if not isinstance(value, Operation):
        return value
    return [type(value), *(placeless(getattr(value, one.name)) for one in fields(value) if one.name != "place")]
