"""Links, layouts and the attributes of fifos: what they are lowered to, and that the emulator moves the right bytes.

Most designs have no core: data goes from the host through a mem tile and back.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from tileproof.emulator.process.messages import Run
from tileproof.emulator.process.parent import Child
from tileproof.errors import Problem
from tileproof.lowering.lower import lower_design, refuse_externals
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.reader import read_design
from tileproof.mlir_aie_versions import version_named
from tileproof.xrt import COMPLETED

FRAME = """\
module {{
  aie.device(npu1) @main {{
    %shim = aie.tile(0, 0)
    %side = aie.tile(1, 0)
    %mem = aie.tile(0, 1)
    %core = aie.tile(0, 2)
    %next = aie.tile(0, 3)
    %far = aie.tile(2, 5)
{body}
    aie.runtime_sequence @run({arguments}) {{
{moves}
    }}
  }}
}}
"""


def fifo(name: str, source: str, sink: str, count: int, depth: str = "2 : i32", more: str = "", init: str = "") -> str:
    type_ = f"memref<{count}xi32>"
    return f"    aie.objectfifo @{name}({source}, {{{sink}}}, {depth}) {more}: !aie.objectfifo<{type_}>{init}\n"


def design(body: str, sizes: Mapping[str, int], outputs: str, counts: Mapping[str, int] | None = None) -> LoweredDesign:
    """`sizes` are the elements of each host buffer, named as the fifo it goes through; `outputs` are waited for."""
    moves = ""
    for number, (name, size) in enumerate(sizes.items()):
        moved = (counts or {}).get(name, size)
        move = f"%{name}[0, 0, 0, 0][1, 1, 1, {moved}][0, 0, 0, 1]"
        moves += (
            f"      aiex.npu.dma_memcpy_nd({move}) {{id = {number} : i64, metadata = @{name}}} : memref<{size}xi32>\n"
        )
    moves += "".join(f"      aiex.npu.dma_wait {{symbol = @{name}}}\n" for name in outputs.split())
    arguments = ", ".join(f"%{name}: memref<{size}xi32>" for name, size in sizes.items())
    return lower_design(read_design(FRAME.format(body=body, arguments=arguments, moves=moves), "d.mlir"))


def moved(lowered: LoweredDesign, inputs: Mapping[int, np.ndarray], sizes: Mapping[str, int]) -> list[np.ndarray]:
    """Every host buffer after one run that must end well."""
    child = Child()
    try:
        child.set_up(lowered, None)
        empty = {number: np.full(size, -1, np.int32) for number, size in enumerate(sizes.values())}
        buffers = {number: data.tobytes() for number, data in {**empty, **inputs}.items()}
        child.send(Run(sequence_words(lowered, main_sequence(lowered)), buffers))
        finished = child.receive(20.0)
    finally:
        child.close()
    assert finished is not None
    assert [fault.what for fault in finished.report.faults] == []
    assert finished.report.state == COMPLETED
    return [np.frombuffer(finished.buffers[number], np.int32) for number in buffers]


DATA = np.arange(1, 257, dtype=np.int32)


def test_a_forward_hands_every_object_on() -> None:
    sizes = {"a": 256, "b": 256}
    body = fifo("a", "%shim", "%mem", 64) + fifo("b", "%mem", "%shim", 64)
    lowered = design(body + "    aie.objectfifo.link [@a] -> [@b] ([] [])\n", sizes, "b")

    assert [buffer.name for buffer in lowered.buffers] == ["a_cons_buff_0", "a_cons_buff_1"]
    assert moved(lowered, {0: DATA}, sizes)[1].tolist() == DATA.tolist()


def test_a_distribute_gives_each_branch_its_part() -> None:
    sizes = {"a": 256, "p": 128, "q": 128}
    body = fifo("a", "%shim", "%mem", 64) + fifo("p", "%mem", "%shim", 32) + fifo("q", "%mem", "%side", 32)
    lowered = design(body + "    aie.objectfifo.link [@a] -> [@p, @q] ([] [0, 32])\n", sizes, "p q")
    _, p, q = moved(lowered, {0: DATA}, sizes)
    objects = DATA.reshape(4, 2, 32)

    assert p.tolist() == objects[:, 0].ravel().tolist()
    assert q.tolist() == objects[:, 1].ravel().tolist()


def test_a_join_puts_the_parts_one_behind_the_other() -> None:
    sizes = {"p": 96, "q": 32, "a": 128}
    body = fifo("p", "%shim", "%mem", 48) + fifo("q", "%side", "%mem", 16) + fifo("a", "%mem", "%shim", 64)
    lowered = design(body + "    aie.objectfifo.link [@p, @q] -> [@a] ([0, 48] [])\n", sizes, "a")
    p, q = DATA[:96], DATA[200:232]
    joined = moved(lowered, {0: p, 1: q}, sizes)[2].reshape(2, 64)

    assert joined[:, :48].ravel().tolist() == p.tolist()
    assert joined[:, 48:].ravel().tolist() == q.tolist()


VALUES = " = [dense<1> : memref<64xi32>, dense<2> : memref<64xi32>]"


@pytest.mark.parametrize(
    ("body", "owner"),
    [
        (fifo("a", "%shim", "%mem", 64) + fifo("b", "%mem", "%side", 64), "a_cons"),
        (fifo("a", "%shim", "%mem", 64) + fifo("b", "%mem", "%side", 32), "a_cons"),
        (fifo("a", "%shim", "%mem", 32) + fifo("b", "%mem", "%side", 64), "b"),
        (fifo("a", "%shim", "%mem", 64) + fifo("b", "%mem", "%side", 64, init=VALUES), "b"),
        (fifo("a", "%shim", "%core, %mem", 64) + fifo("b", "%mem", "%side", 64), "a_1_cons"),
    ],
)
def test_the_objects_of_a_forward_are_those_of_one_of_its_fifos(body: str, owner: str) -> None:
    """The larger one's, of two equal ones the input's, unless the output has values to begin with."""
    lowered = design(body + "    aie.objectfifo.link [@a] -> [@b] ([] [])\n", {}, "")

    assert [buffer.name for buffer in lowered.buffers if buffer.tile.at == (0, 1)] == [
        f"{owner}_buff_0",
        f"{owner}_buff_1",
    ]


TRANSPOSE = "[<size = 8, stride = 1>, <size = 8, stride = 8>]"


def test_dimensions_to_the_stream_transpose_on_the_way_out() -> None:
    sizes = {"a": 128, "b": 128}
    body = fifo("a", "%shim", "%mem", 64) + fifo("b", f"%mem dimensionsToStream {TRANSPOSE}", "%shim", 64)
    lowered = design(body + "    aie.objectfifo.link [@a] -> [@b] ([] [])\n", sizes, "b")
    wanted = DATA[:128].reshape(2, 8, 8).transpose(0, 2, 1)

    assert moved(lowered, {0: DATA[:128]}, sizes)[1].tolist() == wanted.ravel().tolist()


def test_dimensions_from_the_stream_transpose_on_the_way_in() -> None:
    sizes = {"a": 128, "b": 128}
    body = fifo("a", "%shim", f"%mem dimensionsFromStream {TRANSPOSE}", 64) + fifo("b", "%mem", "%shim", 64)
    lowered = design(body + "    aie.objectfifo.link [@a] -> [@b] ([] [])\n", sizes, "b")
    wanted = DATA[:128].reshape(2, 8, 8).transpose(0, 2, 1)

    assert moved(lowered, {0: DATA[:128]}, sizes)[1].tolist() == wanted.ravel().tolist()


def test_each_consumer_has_its_own_layout() -> None:
    lowered = design(fifo("a", "%shim", f"%core, %next dimensionsFromStream {TRANSPOSE}", 64), {}, "")

    assert {chain.tile.at: chain.bds[0].sizes for chain in lowered.chains} == {(0, 2): (), (0, 3): (8, 8)}


def test_a_part_may_be_taken_from_anywhere_in_the_object_that_the_link_holds() -> None:
    spread = "[<size = 4, stride = 16>, <size = 8, stride = 1>]"
    parts = fifo("p", f"%mem dimensionsToStream {spread}", "%core", 32) + fifo("q", "%mem", "%next", 32)
    body = fifo("a", "%shim", "%mem", 64) + parts + "    aie.objectfifo.link [@a] -> [@p, @q] ([] [0, 32])\n"

    (chain,) = [chain for chain in design(body, {}, "").chains if chain.fifo == "p" and chain.direction == "MM2S"]

    assert chain.bds[0].sizes == (4, 8)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_repeat_count_sends_every_object_so_often(depth: int) -> None:
    sizes = {"a": 32, "b": 96}
    body = fifo("a", "%shim", "%mem", 16, f"{depth} : i32")
    body += fifo("b", "%mem", "%shim", 16, f"{depth} : i32", "{repeat_count = 3 : i32} ")
    lowered = design(body + "    aie.objectfifo.link [@a] -> [@b] ([] [])\n", sizes, "b")
    wanted = np.repeat(DATA[:32].reshape(2, 16), 3, axis=0)

    assert moved(lowered, {0: DATA[:32]}, sizes)[1].tolist() == wanted.ravel().tolist()


@pytest.mark.parametrize(
    ("times", "version", "bds", "repeat_count"),
    [(1, "2026-08", 1, None), (2, "2026-08", 1, 1), (3, "2026-08", 1, 2), (2, "2026-03", 2, None)],
)
def test_a_lone_object_is_repeated_by_its_task_or_by_several_bds(
    times: int, version: str, bds: int, repeat_count: int | None
) -> None:
    body = fifo("b", "%mem", "%shim", 16, "1 : i32", f"{{repeat_count = {times} : i32}} ")
    text = FRAME.format(body=body, arguments="", moves="")

    (chain,) = lower_design(read_design(text, "d.mlir"), version=version_named(version)).chains

    assert (len(chain.bds), chain.repeat_count) == (bds, repeat_count)


@pytest.mark.parametrize(("after", "fits"), [(4, True), (5, False)])
def test_what_a_fifo_pads_must_fit_its_object(after: int, fits: bool) -> None:
    pads = f"<const_pad_before = 1, const_pad_after = 0>, <const_pad_before = 2, const_pad_after = {after}>"
    layout = "[<size = 2, stride = 16>, <size = 6, stride = 1>]"
    more = f"{{padDimensions = #aie<bd_pad_layout_array[{pads}]>}} "
    body = fifo("a", f"%mem dimensionsToStream {layout}", "%shim", 36, more=more)

    if fits:
        assert design(body, {}, "").chains[0].bds[0].pads == ((1, 0), (2, 4))
    else:
        with pytest.raises(Problem, match="the padding of @a does not fit a BD of mem"):
            design(body, {}, "")


def test_initial_values_are_there_before_anybody_writes() -> None:
    sizes = {"b": 8}
    body = fifo(
        "b", "%mem", "%shim", 4, "2 : i32", init=" = [dense<[1, 2, 3, 4]> : memref<4xi32>, dense<7> : memref<4xi32>]"
    )

    assert moved(design(body, sizes, "b"), {}, sizes)[0].tolist() == [1, 2, 3, 4, 7, 7, 7, 7]


def test_a_buffer_of_a_core_begins_with_its_values() -> None:
    sizes = {"b": 8}
    core = """\
    %gain = aie.buffer(%core) {sym_name = "gain"} : memref<4xi32> = dense<[10, 20, 30, 40]>
    aie.core(%core) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c4 = arith.constant 4 : index
      scf.for %turn = %c0 to %c2 step %c1 {
        %view = aie.objectfifo.acquire @b(Produce, 1) : !aie.objectfifosubview<memref<4xi32>>
        %out = aie.objectfifo.subview.access %view[0] : !aie.objectfifosubview<memref<4xi32>> -> memref<4xi32>
        scf.for %at = %c0 to %c4 step %c1 {
          %value = memref.load %gain[%at] : memref<4xi32>
          memref.store %value, %out[%at] : memref<4xi32>
        }
        aie.objectfifo.release @b(Produce, 1)
      }
      aie.end
    }
"""
    values = moved(design(fifo("b", "%core", "%shim", 4) + core, sizes, "b"), {}, sizes)

    assert values[0].tolist() == [10, 20, 30, 40] * 2


def test_an_iter_count_ends_the_chain() -> None:
    sizes = {"a": 64, "b": 64}
    body = fifo("a", "%shim", "%mem", 16) + fifo("b", "%mem", "%shim", 16, more="{iter_count = 2 : i32} ")
    lowered = design(body + "    aie.objectfifo.link [@a] -> [@b] ([] [])\n", sizes, "b")
    (chain,) = [chain for chain in lowered.chains if chain.direction == "MM2S"]

    assert (chain.repeat_count, chain.bds[-1].next) == (1, None)
    assert moved(lowered, {0: DATA[:64]}, sizes)[1].tolist() == DATA[:64].tolist()


@pytest.mark.parametrize(("version", "locks"), [("2026-03", 2), ("2026-06", 0)])
def test_initial_values_that_are_sent_again_have_no_locks_at_their_source_since_may_2026(
    version: str, locks: int
) -> None:
    values = " = [dense<7> : memref<16xi32>, dense<8> : memref<16xi32>]"
    body = fifo("a", "%mem", "%shim", 16, more="{iter_count = 3 : i32} ", init=values)
    lowered = lower_design(design(body, {}, "").design, version=version_named(version))

    assert len([lock for lock in lowered.locks if lock.tile.kind == "mem"]) == locks
    assert [bd.acquire is None for chain in lowered.chains for bd in chain.bds] == [not locks] * 2


def test_a_fifo_without_synchronisation_has_no_locks() -> None:
    lowered = design(fifo("a", "%shim", "%core", 16, more="{disable_synchronization = true} "), {"a": 16}, "")

    assert lowered.locks == ()
    assert [(bd.acquire, bd.release) for chain in lowered.chains for bd in chain.bds] == [(None, None)] * 2


def test_what_does_not_fit_a_mem_tile_is_spilled_from_the_largest_objects_on() -> None:
    """In the order of the text, the small ones would fill the mem tile beside the large ones first."""
    body = "    %m1 = aie.tile(1, 1)\n    %m2 = aie.tile(2, 1)\n    %m3 = aie.tile(3, 1)\n"
    body += "    %s2 = aie.tile(2, 0)\n    %s3 = aie.tile(3, 0)\n"
    body += fifo("block", "%s3", "%m3", 131_000, "1 : i32") + fifo("small", "%side", "%m1", 65_000)
    lowered = design(body + fifo("large", "%s2", "%m2", 100_000), {}, "")

    assert {buffer.name: buffer.tile.column for buffer in lowered.buffers} == {
        "block_cons_buff_0": 3,
        "large_cons_buff_0": 2,
        "large_cons_buff_1": 1,
        "small_cons_buff_0": 0,
        "small_cons_buff_1": 0,
    }


def test_channels_may_be_pinned() -> None:
    pins = "{prod_dma_channel = 1 : i32, cons_dma_channels = array<i32: 1>} "
    lowered = design(fifo("a", "%shim", "%core", 16, more=pins), {"a": 16}, "")

    assert [(flow.source_channel, flow.destination_channel) for flow in lowered.flows] == [(1, 1)]


def test_a_pinned_channel_is_kept_free_for_a_later_fifo() -> None:
    pins = "{prod_dma_channel = 0 : i32, cons_dma_channels = array<i32: 0>} "
    lowered = design(fifo("a", "%shim", "%core", 16) + fifo("b", "%shim", "%core", 16, more=pins), {}, "")

    assert {flow.fifo: (flow.source_channel, flow.destination_channel) for flow in lowered.flows} == {
        "a": (1, 1),
        "b": (0, 0),
    }


def test_a_channel_cannot_be_pinned_twice_not_even_the_first() -> None:
    pins = "{prod_dma_channel = 0 : i32} "
    body = fifo("a", "%shim", "%core", 16, more=pins) + fifo("b", "%shim", "%next", 16, more=pins)

    with pytest.raises(Problem, match=r"MM2S channel 0 of .* is taken"):
        design(body, {}, "")


def test_neighbours_go_by_dma_if_they_ask_for_it() -> None:
    shared = design(fifo("a", "%core", "%next", 16), {}, "")
    by_dma = design(fifo("a", "%core", "%next", 16, more="{via_DMA = true} "), {}, "")

    assert (len(shared.flows), len(by_dma.flows)) == (0, 1)


@pytest.mark.parametrize("more", ["{repeat_count = 1 : i32} ", "{repeat_count = 2 : i32} ", "{via_DMA = true} "])
def test_neighbours_go_by_dma_where_a_repeat_count_is_said_be_it_1(more: str) -> None:
    lowered = design(fifo("a", "%core", "%next", 16, more=more), {}, "")

    assert [(flow.source.at, flow.destination.at) for flow in lowered.flows] == [((0, 2), (0, 3))]


def test_what_is_spilled_to_a_mem_tile_that_the_design_does_not_have_moves_all_the_same() -> None:
    words = 50_000  # three are more than a mem tile
    body = fifo("a", "%shim", "%mem", words, "3 : i32") + fifo("b", "%mem", "%shim", words, "3 : i32")
    sizes = {"b": 4 * words, "a": 4 * words}
    lowered = design(body + "    aie.objectfifo.link [@a] -> [@b] ([] [])\n", sizes, "b")
    data = np.arange(4 * words, dtype=np.int32)

    spilled = {buffer.tile.at for buffer in lowered.buffers} - {tile.at for tile in lowered.design.tiles}
    assert len(spilled) == 1
    assert (moved(lowered, {1: data}, sizes)[0] == data).all()


def test_shared_objects_lie_where_the_design_says() -> None:
    body = fifo("a", "%core", "%next", 16)
    at = design(body + "    aie.objectfifo.allocate @a(%next)\n", {}, "")

    assert {buffer.tile.at for buffer in design(body, {}, "").buffers} == {(0, 2)}
    assert {buffer.tile.at for buffer in at.buffers} == {(0, 3)}


def test_a_link_to_a_neighbour_may_hand_its_objects_on_where_they_lie() -> None:
    body = fifo("a", "%shim", "%core", 16) + fifo("b", "%core", "%next", 16)
    body += "    aie.objectfifo.link [@a] -> [@b] ([] [])\n"
    by_dma = design(body, {}, "")
    handed = design(body + "    aie.objectfifo.allocate @b(%core)\n", {}, "")

    assert [flow.fifo for flow in by_dma.flows] == ["a", "b"]
    assert [flow.fifo for flow in handed.flows] == ["a"]
    assert {buffer.name: buffer.tile.at for buffer in handed.buffers} == {
        "a_cons_buff_0": (0, 2),
        "a_cons_buff_1": (0, 2),
    }


def test_an_allocate_out_of_reach_leaves_a_link_as_it_is() -> None:
    body = "    %east = aie.tile(1, 2)\n" + fifo("a", "%shim", "%core", 16) + fifo("b", "%core", "%east", 16)
    body += "    aie.objectfifo.link [@a] -> [@b] ([] [])\n    aie.objectfifo.allocate @b(%east)\n"

    assert [flow.fifo for flow in design(body, {}, "").flows] == ["a", "b"]


def test_a_fifo_of_programmable_logic_has_its_ports_at_the_shim_and_no_npu_runs_it() -> None:
    lowered = design(fifo("a", "%shim", "%core", 16, more="{plio = true} "), {}, "")
    (flow,) = lowered.flows

    assert (flow.source_bundle, flow.destination_bundle) == ("PLIO", "DMA")
    with pytest.raises(Problem, match="@a is a stream of programmable logic"):
        refuse_externals(lowered)


def test_external_buffers_are_a_chain_of_the_shim_and_no_npu_runs_them() -> None:
    body = fifo("a", "%shim", "%core", 16) + '    %e = aie.external_buffer {sym_name = "e"} : memref<64xi32>\n'
    body += "    aie.objectfifo.register_external_buffers @a(%shim, {%e}) : (memref<64xi32>)\n"
    lowered = design(body, {}, "")
    (chain,) = [chain for chain in lowered.chains if chain.tile.kind == "shim"]

    assert [(bd.buffer, bd.length, bd.acquire, bd.release, bd.next) for bd in chain.bds] == [
        ("e", 64, ("a_cons_lock_0", 1), ("a_prod_lock_0", 1), 0)
    ]
    assert {lock.name: lock.init for lock in lowered.locks if lock.tile.kind == "shim"} == {
        "a_prod_lock_0": 1,
        "a_cons_lock_0": 0,
    }
    with pytest.raises(Problem) as caught:
        refuse_externals(lowered)
    assert str(caught.value) == (
        "error: external buffer e has no place in a runtime sequence\n"
        "  where: d.mlir:10:5\n"
        "  why:   an NPU's host buffers are arguments of its runtime sequence; external buffers are for other devices\n"
        "  fix:   move the data with aiex.npu.dma_memcpy_nd"
    )


LINKED = fifo("a", "%shim", "%mem", 64) + fifo("p", "%mem", "%core", 32) + fifo("q", "%mem", "%next", 32)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (LINKED + "    aie.objectfifo.link [@a] -> [@p, @q] ([] [])\n", "the offsets of the link do not fit its fifos"),
        (LINKED + "    aie.objectfifo.link [@a] -> [@p, @q] ([] [32, 0])\n", "the offsets of the link do not fit"),
        (LINKED + "    aie.objectfifo.link [@a] -> [@p, @q] ([] [0, 0])\n", "the offsets of the link do not fit"),
        (
            LINKED
            + fifo("b", "%side", "%mem", 64)
            + "    aie.objectfifo.link [@a, @b] -> [@p, @q] ([0, 32] [0, 32])\n",
            "a link joins or distributes on a mem tile",
        ),
        (
            fifo("a", "%shim", "%core", 64)
            + fifo("p", "%core", "%next", 32)
            + fifo("q", "%core", "%shim", 32)
            + "    aie.objectfifo.link [@a] -> [@p, @q] ([] [0, 32])\n",
            "a link joins or distributes on a mem tile",
        ),
        (LINKED + "    aie.objectfifo.link [@a] -> [@p, @q] ([] [0, 64])\n", "begins behind the end of the object"),
        (LINKED + "    aie.objectfifo.link [@p] -> [@a] ([] [])\n", "the linked fifos have no tile in common"),
        (LINKED + "    aie.objectfifo.link [@a] -> [@z] ([] [])\n", "there is no fifo @z"),
        (LINKED + "    aie.objectfifo.link [@a] -> [@p] ([] [])\n" * 2, "is in two links"),
        (LINKED + "    aie.objectfifo.link [] -> [@p] ([] [])\n", "the link has fifos on one side only"),
        (LINKED + "    aie.objectfifo.link [@a] -> [] ([] [])\n", "the link has fifos on one side only"),
        (fifo("a", "%core", "%far", 4) + "    aie.objectfifo.allocate @a(%far)\n", "cannot lie on core (2, 5)"),
        (fifo("a", "%core dimensionsToStream [<size = 9, stride = 8>]", "%shim", 64), "an element at index 64"),
        (fifo("a", "%core dimensionsToStream [<size = 256, stride = 1>]", "%shim", 256), "mlir-aie lets 256 pass"),
        (fifo("a", "%mem dimensionsToStream [<size = 600, stride = 1>]", "%shim", 600), "sizes are 1 to 512, strides"),
        (
            fifo("a", "%mem dimensionsToStream [<size = 4, stride = 8>]", "%shim", 64).replace("xi32", "xi64"),
            "an innermost stride of 8 for 8-byte elements; what has more than 4 bytes lies side by side there",
        ),
        (
            fifo("a", "%core dimensionsToStream [<size = 300, stride = 1>]", "%shim", 300),
            "size 300 is 300 in the field, which holds 255",
        ),
        (
            fifo("a", f"%core dimensionsToStream [{', '.join(['<size = 2, stride = 1>'] * 4)}]", "%shim", 64),
            "4 dimensions",
        ),
        (fifo("a", "%mem", "%shim", 4, init=" = [dense<1> : memref<4xi32>]"), "the initial values do not fit the fifo"),
        (fifo("a", "%mem", "%shim", 4, more="{repeat_count = 0 : i32} "), "repeat_count cannot be 0"),
        (fifo("a", "%mem", "%shim", 70_000, "6 : i32"), "the buffers of mem (0, 1) do not fit in its memory"),
        (fifo("a", "%mem", "%shim", 4, more="{via_shared_mem = true} "), "via_shared_mem is not read by this version"),
    ],
)
def test_what_cannot_be_is_refused_in_words(body: str, words: str) -> None:
    with pytest.raises(Problem) as caught:
        design(body, {}, "")

    assert words in str(caught.value)


def test_a_mem_tile_without_a_buffer_descriptor_left_says_how_many_its_channels_of_that_parity_have() -> None:
    with pytest.raises(Problem) as refused:
        design(fifo("a", "%mem", "%shim", 4, "25 : i32"), {}, "")

    assert str(refused.value) == (
        "error: tile mem (0, 1) needs more buffer descriptors than it has\n"
        "  where: d.mlir:9:5\n"
        "  why:   with this one, 25 are needed, and a mem tile has 48, of which its even channels use 24, 0 to 23\n"
        "  fix:   join fifos, lower their depth, or move one to another tile"
    )


def test_a_mem_tiles_odd_channels_have_the_upper_buffer_descriptors() -> None:
    lowered = design(LINKED + "    aie.objectfifo.link [@a] -> [@p, @q] ([] [0, 32])\n", {}, "")
    ids = {(c.direction, c.channel): [bd.bd_id for bd in c.bds] for c in lowered.chains if c.tile.at == (0, 1)}

    assert ids == {("S2MM", 0): [0, 1, 2, 3], ("MM2S", 0): [4, 5], ("MM2S", 1): [24, 25]}


PARTS = fifo("p", "%mem", "%core", 32) + fifo("q", "%mem", "%next", 32)
REFUSED_BY_MLIR_AIE = {
    "dimensions at a shim producer": (
        fifo("a", "%shim dimensionsToStream [<size = 64, stride = 1>]", "%core", 64),
        "error: @a has dimensionsToStream at shim (0, 0)\n"
        "  where: d.mlir:9:5\n"
        "  why:   that end is a channel which the runtime sequence drives; no object of the fifo lies there\n"
        "  fix:   give the transfer of the runtime sequence these sizes and strides",
    ),
    "dimensions at a shim consumer": (
        fifo("a", "%core", "%shim dimensionsFromStream [<size = 64, stride = 1>]", 64),
        "error: @a has dimensionsFromStream at shim (0, 0)\n"
        "  where: d.mlir:9:5\n"
        "  why:   that end is a channel which the runtime sequence drives; no object of the fifo lies there\n"
        "  fix:   give the transfer of the runtime sequence these sizes and strides",
    ),
    "initial values at a shim producer": (
        fifo("a", "%shim", "%core", 64, init=VALUES),
        "error: @a has initial values at shim (0, 0)\n"
        "  where: d.mlir:9:5\n"
        "  why:   that end is a channel which the runtime sequence drives; no object of the fifo lies there\n"
        "  fix:   let the host send them first",
    ),
    "a repeat count at a shim producer": (
        fifo("a", "%shim", "%core", 64, more="{repeat_count = 2 : i32} "),
        "error: @a has a repeat_count at shim (0, 0)\n"
        "  where: d.mlir:9:5\n"
        "  why:   that end is a channel which the runtime sequence drives; no object of the fifo lies there\n"
        "  fix:   give the transfer an outermost size with stride 0",
    ),
    "an iter count without a mem tile": (
        fifo("a", "%core", "%next", 64, more="{iter_count = 2 : i32} "),
        "error: @a has an iter_count, and no end on a mem tile\n"
        "  where: d.mlir:9:5\n"
        "  why:   it goes from core (0, 2) to core (0, 3), and only the channels of a mem tile end after so many "
        "rounds\n"
        "  fix:   link it through a mem tile, or leave iter_count away",
    ),
    "one fifo in two links": (
        fifo("a", "%shim", "%mem", 64)
        + fifo("b", "%mem", "%core", 64)
        + fifo("c", "%core", "%far", 64)
        + "    aie.objectfifo.link [@a] -> [@b] ([] [])\n    aie.objectfifo.link [@b] -> [@c] ([] [])\n",
        "error: @b is in two links\n"
        "  where: d.mlir:13:5\n"
        "  why:   the first is at d.mlir:12:5; mlir-aie takes a fifo in one link only, be it at its other end\n"
        "  fix:   put a fifo of its own between the two links",
    ),
    "a repeat count of 1 at a shim producer": (
        fifo("a", "%shim", "%core", 64, more="{repeat_count = 1 : i32} "),
        "error: @a has a repeat_count at shim (0, 0)\n"
        "  where: d.mlir:9:5\n"
        "  why:   that end is a channel which the runtime sequence drives; no object of the fifo lies there\n"
        "  fix:   give the transfer an outermost size with stride 0",
    ),
    **{
        f"an allocate of a fifo with {reason}": (
            written + "    aie.objectfifo.allocate @a(%core)\n",
            "error: the objects of @a cannot be allocated on core (0, 2)\n"
            "  where: d.mlir:10:5\n"
            f"  why:   @a, declared at d.mlir:9:5, has {reason}, and so has objects at either end\n"
            "  fix:   leave one of the two away",
        )
        for reason, written in {
            "via_DMA": fifo("a", "%core", "%next", 64, more="{via_DMA = true} "),
            "repeat_count": fifo("a", "%core", "%next", 64, more="{repeat_count = 1 : i32} "),
            "dimensionsToStream": fifo("a", "%core dimensionsToStream [<size = 64, stride = 1>]", "%next", 64),
            "dimensionsFromStream": fifo("a", "%core", "%next dimensionsFromStream [<size = 64, stride = 1>]", 64),
            "aie_stream": fifo("a", "%core", "%next", 64, more="{aie_stream = 0 : i32, aie_stream_port = 0 : i32} "),
        }.items()
    },
    "objects handed on that are of another size": (
        fifo("a", "%shim", "%core", 64)
        + fifo("b", "%core", "%next", 32)
        + "    aie.objectfifo.link [@a] -> [@b] ([] [])\n    aie.objectfifo.allocate @b(%core)\n",
        "error: the objects of @b cannot be those of @a\n"
        "  where: d.mlir:12:5\n"
        "  why:   allocate hands the objects of @a on as they lie there, memref<64xi32> each, and @b has "
        "memref<32xi32>\n"
        "  fix:   give both the same objects, or leave allocate away, so that a DMA makes the others of them",
    ),
    "two allocates of one fifo": (
        fifo("a", "%core", "%next", 64)
        + "    aie.objectfifo.allocate @a(%core)\n    aie.objectfifo.allocate @a(%next)\n",
        "error: the objects of @a are allocated twice\n"
        "  where: d.mlir:11:5\n"
        "  why:   d.mlir:10:5 puts them on core (0, 2), and this on core (0, 3)\n"
        "  fix:   keep one of the two",
    ),
    "a distribute with dimensions beyond its parts": (
        fifo("a", "%shim", "%mem dimensionsFromStream [<size = 8, stride = 8>, <size = 8, stride = 1>]", 64)
        + PARTS
        + "    aie.objectfifo.link [@a] -> [@p, @q] ([] [0, 32])\n",
        "error: the dimensions of @a reach beyond the parts that the link distributes\n"
        "  where: d.mlir:12:5\n"
        "  why:   they walk to element 63 of each part, and the shortest has 32\n"
        "  fix:   write dimensions of one part, or give them to the other fifos of the link",
    ),
    "a join with dimensions beyond its parts": (
        fifo("p", "%core", "%mem", 32)
        + fifo("q", "%next", "%mem", 32)
        + fifo("a", "%mem dimensionsToStream [<size = 8, stride = 8>, <size = 8, stride = 1>]", "%shim", 64)
        + "    aie.objectfifo.link [@p, @q] -> [@a] ([0, 32] [])\n",
        "error: the dimensions of @a reach beyond the parts that the link joins\n"
        "  where: d.mlir:12:5\n"
        "  why:   they walk to element 63 of each part, and the shortest has 32\n"
        "  fix:   write dimensions of one part, or give them to the other fifos of the link",
    ),
    "parts that are sent differently often": (
        fifo("a", "%shim", "%mem", 64)
        + PARTS.replace("2 : i32)", "2 : i32) {repeat_count = 2 : i32}", 1)
        + "    aie.objectfifo.link [@a] -> [@p, @q] ([] [0, 32])\n",
        "error: the parts of a link are sent differently often\n"
        "  where: d.mlir:12:5\n"
        "  why:   repeat counts: @p 2, @q 1; an object is free again when all its parts were sent as often\n"
        "  fix:   give each the same repeat_count",
    ),
}


@pytest.mark.parametrize(("body", "told"), REFUSED_BY_MLIR_AIE.values(), ids=REFUSED_BY_MLIR_AIE)
def test_what_mlir_aie_refuses_of_fifos_and_links_is_refused(body: str, told: str) -> None:
    with pytest.raises(Problem) as refused:
        design(body, {}, "")

    assert str(refused.value) == told


def test_dimensions_that_walk_one_part_are_taken_by_a_join_and_a_distribute() -> None:
    walk = "[<size = 4, stride = 8>, <size = 8, stride = 1>]"
    link = "    aie.objectfifo.link [@a] -> [@p, @q] ([] [0, 32])\n"
    lowered = design(fifo("a", "%shim", f"%mem dimensionsFromStream {walk}", 64) + PARTS + link, {}, "")
    (chain,) = [chain for chain in lowered.chains if chain.tile.kind == "mem" and chain.direction == "S2MM"]

    assert [(bd.offset, bd.length, bd.sizes) for bd in chain.bds[:2]] == [(0, 32, (4, 8)), (32, 32, (4, 8))]
