"""Sequences that load the PDIs of devices: the words, and what runs on which device."""

from __future__ import annotations

import pytest

from tileproof.errors import Problem
from tileproof.insts import BlockWrite, Operation, Verbatim, decode
from tileproof.lowering.lower import lower_design
from tileproof.lowering.reconfigured import parts_of
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.reader import read_design

OTHER = """
  aie.device(npu2) @other {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {%tile}, 1 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.runtime_sequence @give(%a: memref<16xi32>) {
      %t = aiex.dma_configure_task_for @in {
        aie.dma_bd(%a : memref<16xi32> offset = 0 len = 16)
        aie.end
      }
      aiex.dma_start_task(%t)
    }
  }
"""


def text(*lines: str) -> str:
    return "\n".join(
        [
            "module {",
            "  aie.device(npu2) @empty {",
            "  }",
            "  aie.device(npu2) @main {",
            "    %shim = aie.tile(0, 0)",
            "    %tile = aie.tile(0, 2)",
            "    aie.objectfifo @own(%shim, {%tile}, 1 : i32) : !aie.objectfifo<memref<16xi32>>",
            "    aie.runtime_sequence @run(%a: memref<16xi32>) {",
            *lines,
            "    }",
            "  }" + OTHER,
            "}",
        ]
    )


MOVE = (
    "aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 3 : i64, metadata = @own} : memref<16xi32>"
)
TASK = """%t = aiex.dma_configure_task_for @own {
        aie.dma_bd(%a : memref<16xi32> offset = 0 len = 16)
        aie.end
      }"""


def load(device: str, more: str = "") -> str:
    return f"aiex.npu.load_pdi {{device_ref = @{device}{more}}}"


def configure(device: str, *lines: str) -> str:
    return "\n".join([f"aiex.configure @{device} {{", *lines, "}"])


def operations(*lines: str) -> tuple[Operation, ...]:
    lowered = lower_design(read_design(text(*lines), "d.mlir"))
    return decode(sequence_words(lowered, main_sequence(lowered)), "words").operations


def loads(*lines: str) -> list[tuple[int, ...]]:
    return [one.words for one in operations(*lines) if isinstance(one, Verbatim)]


def test_a_pdi_is_loaded_by_the_number_of_its_device_in_the_file():
    assert loads(load("empty"), load("main"), MOVE) == [(0x10008, 0, 0, 0), (0x20008, 0, 0, 0)]
    assert loads(load("other")) == [(0x30008, 0, 0, 0)]


def test_a_load_has_the_size_and_the_address_that_it_says():
    assert loads(load("other", ", size = 1024 : i32, address = 0xabc12345678 : ui64")) == [
        (0x30008, 1024, 0x12345678, 0xABC)
    ]


def test_of_two_loads_of_one_pdi_that_follow_each_other_there_is_one():
    assert len(loads(load("main"), load("main"), MOVE)) == 1
    assert len(loads(load("main"), MOVE, load("main"))) == 2
    assert len(loads(load("main"), load("main", ", size = 4 : i32"))) == 2


def test_configure_loads_the_pdi_and_runs_what_stands_in_it():
    assert loads(configure("main", MOVE)) == [(0x20008, 0, 0, 0)]
    first, second, *_ = operations(configure("main", MOVE))
    assert isinstance(first, Verbatim)
    assert isinstance(second, BlockWrite)


def test_what_another_device_runs_takes_bds_that_are_still_free():
    run = configure("other", "aiex.run @give(%a) : (memref<16xi32>)")
    written = [one.address for one in operations(TASK, run, run) if isinstance(one, BlockWrite)]

    assert written == [0x1D000, 0x1D020, 0x1D040]


def test_operations_run_on_the_device_that_was_loaded_last():
    lowered = lower_design(read_design(text(load("other"), load("main"), MOVE), "d.mlir"))

    assert [on.name for on, _ in parts_of(lowered, main_sequence(lowered))] == ["main"]


def test_what_is_of_a_device_does_not_run_on_another():
    lowered = lower_design(read_design(text(load("main"), load("other"), MOVE), "d.mlir"))

    with pytest.raises(Problem) as caught:
        parts_of(lowered, main_sequence(lowered))

    assert str(caught.value) == (
        "error: what is of @main runs on the array as @other has set it up\n"
        "  where: d.mlir:11:1\n"
        "  why:   @other is loaded at d.mlir:10:1, and @main not again behind it\n"
        "  fix:   load @main behind it, or let a sequence of @other do it: aiex.configure and aiex.run"
    )
