"""Advice on a design: the model is asked again with one thing changed, and what is advised holds when it is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tileproof.__main__ import main
from tileproof.emulator.array.timeline import Timeline
from tileproof.emulator.design.emulate import Emulation, emulate
from tileproof.emulator.design.what_if import WhatIf, inputs_first, what_if
from tileproof.mlir.design import Transfer
from tileproof.mlir.reader import read_design
from tileproof.report.profile import as_text


def move(argument: str, words: int, id_: int, fifo: str) -> str:
    return (
        f"aiex.npu.dma_memcpy_nd(%{argument}[0, 0, 0, 0][1, 1, 1, {words}][0, 0, 0, 1]) "
        f"{{id = {id_} : i64, metadata = @{fifo}, issue_token = true}} : memref<4096xi32>"
    )


IN, OUT = move("a", 4096, 0, "in"), move("b", 4096, 1, "out")


def design(
    *, depths: tuple[int, int] = (2, 2), first: str = IN, second: str = OUT, words: tuple[int, int] = (512, 512)
) -> str:
    """A core that copies the begin of objects of so many words into others."""
    taken, given = words
    return f"""module {{
  aie.device(npu1) {{
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {{%tile}}, {depths[0]} : i32) : !aie.objectfifo<memref<{taken}xi32>>
    aie.objectfifo @out(%tile, {{%shim}}, {depths[1]} : i32) : !aie.objectfifo<memref<{given}xi32>>
    aie.core(%tile) {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %n = arith.constant {given} : index
      %many = arith.constant 4294967295 : index
      scf.for %k = %c0 to %many step %c1 {{
        %x = aie.objectfifo.acquire @in(Consume, 1) : memref<{taken}xi32>
        %y = aie.objectfifo.acquire @out(Produce, 1) : memref<{given}xi32>
        scf.for %i = %c0 to %n step %c1 {{
          %value = memref.load %x[%i] : memref<{taken}xi32>
          memref.store %value, %y[%i] : memref<{given}xi32>
        }}
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
      }}
      aie.end
    }}
    aie.runtime_sequence @run(%a: memref<4096xi32>, %b: memref<4096xi32>) {{
      {first}
      {second}
      aiex.npu.dma_wait {{symbol = @out}}
    }}
  }}
}}
"""


def run(text: str) -> tuple[Emulation, Timeline]:
    emulation = emulate(text, "d.mlir", arguments={0: "random", 1: "zeros"}, orders=0)
    assert emulation.is_good, emulation.faults
    timeline = emulation.reports[0].timeline
    assert timeline is not None
    return emulation, timeline


def asked(text: str, budget_s: float = 60.0) -> WhatIf:
    emulation, timeline = run(text)
    return what_if(
        emulation.design, emulation.sequence, emulation.library, emulation.buffers, timeline, budget_s=budget_s
    )


def gains(found: WhatIf) -> dict[str, int]:
    return {one.what: one.gain for one in found.advice}


def test_a_fifo_of_one_object_is_worth_a_second_as_much_as_that_saves():
    found = gains(asked(design(depths=(1, 2))))

    saved = run(design(depths=(1, 2)))[1].cycles - run(design())[1].cycles
    assert found["make @in one object deeper"] == saved > 3_000


def test_two_fifos_that_hide_each_other_are_worth_it_together():
    found = gains(asked(design(depths=(1, 1))))

    saved = run(design(depths=(1, 1)))[1].cycles - run(design())[1].cycles
    assert found == {"make all fifos one object deeper": saved}


def test_outputs_that_are_started_first_are_worth_the_other_order():
    late = design(first=OUT, second=IN)
    found = gains(asked(late))

    saved = run(late)[1].cycles - run(design())[1].cycles
    assert found["start what goes to the array before what comes back"] == saved > 2_000


def test_what_is_in_the_best_order_is_not_reordered():
    assert not any(what.startswith("start") for what in gains(asked(design())))


def test_a_wait_stays_between_the_transfers_that_it_stands_between():
    waiting = design(first=OUT + "\n" + IN, second="aiex.npu.dma_wait {symbol = @in}\n" + IN)
    # Of both inputs only the one before the wait goes in front of the output.
    (sequence,) = read_design(waiting, "d.mlir").sequences
    moved = inputs_first(sequence.operations, lambda name: name == "in")

    assert [one.shim for one in moved if isinstance(one, Transfer)] == ["in", "out", "in"]


def test_a_stream_that_binds_is_worth_a_second_channel():
    text = design(words=(512, 8), second=move("b", 256, 1, "out")).replace("4096", "16384")
    found = gains(asked(text))

    (gain,) = (gain for what, gain in found.items() if what.startswith("move half of @in"))
    assert 4_000 < gain < 8_192  # half of its 16,384 cycles, without what the second start takes


def test_a_stream_that_is_shorter_than_a_start_is_not():
    found = gains(asked(design(words=(512, 8), second=move("b", 64, 1, "out"))))

    assert not any(what.startswith("move half of @in") for what in found)


def test_a_stream_is_not_advised_to_be_two_where_a_tile_has_no_channel_for_it():
    """The second input takes the channel that was left."""
    second = "aie.objectfifo @more(%shim, {%tile}, 1 : i32) : !aie.objectfifo<memref<8xi32>>\n    aie.core(%tile) {"
    emulation, timeline = run(
        design(words=(512, 8), second=move("b", 64, 1, "out")).replace("aie.core(%tile) {", second)
    )
    found = what_if(emulation.design, emulation.sequence, None, emulation.buffers, timeline, budget_s=0.0)

    assert found == WhatIf(left=5)  # four of depth, and one for what comes back


def test_a_change_that_finds_no_room_is_not_advised():
    full = "%full = aie.buffer(%tile) : memref<14400xi32>\n    aie.core(%tile) {"
    found = asked(design(depths=(1, 2)).replace("aie.core(%tile) {", full))

    assert not any("deeper" in what for what in gains(found))
    assert (found.tried, found.left) == (3, 0)  # a third object of @out is none: two do what three do


def test_without_time_nothing_is_tried_and_that_is_said():
    emulation, timeline = run(design())
    found = what_if(emulation.design, emulation.sequence, None, emulation.buffers, timeline, budget_s=0.0)

    assert found == WhatIf(left=5)
    assert "the design was run again" not in as_text("d", timeline, {}, found)
    told = as_text("d", timeline, {}, WhatIf(tried=3, left=1))
    assert "  (the design was run again with 3 changes, one at a time; there was no time for 1 more)" in told


def test_the_command_tells_them_with_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "d.mlir").write_text(design(depths=(1, 2)))
    command = ["profile", str(tmp_path / "d.mlir"), "--arg", "0=random", "--arg", "1=zeros", "--json"]
    assert main(command) == 0

    found = json.loads(capsys.readouterr().out)
    assert any(one["what"] == "make @in one object deeper" for one in found["advice"])
    assert [one["gain"] for one in found["advice"]] == sorted((one["gain"] for one in found["advice"]), reverse=True)
    assert found["asked_again"] == {"tried": 5, "left": 0}
