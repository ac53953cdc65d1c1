"""Networks of fifos and links, drawn at random: what is lowered is apart, and what goes in comes out in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileproof.emulator.array.array import Array
from tileproof.errors import Problem
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.reader import read_design
from tileproof.xrt import COMPLETED

Data = npt.NDArray[np.int32]
DEPTHS = st.integers(1, 3)
WORDS = st.sampled_from([4, 8, 12, 16, 64])
DEVICES = st.sampled_from(["npu1", "npu2"])
FRAME = """module {{
  aie.device({device}) {{
    %shim = aie.tile(1, 0)
    %mem = aie.tile(1, 1)
{lines}
    aie.runtime_sequence @run(%a: memref<{given}xi32>, %b: memref<{taken}xi32>) {{
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, {taken}][0, 0, 0, 1]) {{id = 0 : i64, metadata = @out}} : memref<{taken}xi32>
{feed}
      aiex.npu.dma_wait {{symbol = @out}}
    }}
  }}
}}"""  # noqa: E501
CORE = """    aie.core({tile}) {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 4294967295 : index
      scf.for %turn = %c0 to %forever step %c1 {{
        %xs = aie.objectfifo.acquire @{source}(Consume, 1) : !aie.objectfifosubview<memref<{words}xi32>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<{words}xi32>> -> memref<{words}xi32>
        %ys = aie.objectfifo.acquire @{sink}(Produce, 1) : !aie.objectfifosubview<memref<{words}xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<{words}xi32>> -> memref<{words}xi32>
        memref.copy %x, %y : memref<{words}xi32> to memref<{words}xi32>
        aie.objectfifo.release @{source}(Consume, 1)
        aie.objectfifo.release @{sink}(Produce, 1)
      }}
      aie.end
    }}"""


@dataclass
class Network:
    """`given` is what the host sends, `wanted` what it gets back."""

    device: str
    given: Data
    wanted: Data
    lines: list[str] = field(default_factory=list)

    def fifo(self, name: str, ends: str, depth: object, words: int, *attributes: str, init: str = "") -> None:
        written = f" {{{', '.join(attributes)}}}" if attributes else ""
        type_ = f"!aie.objectfifo<memref<{words}xi32>>"
        depths = f"{depth} : i32" if isinstance(depth, int) else depth
        self.lines.append(f"    aie.objectfifo @{name}({ends}, {depths}){written} : {type_}{init}")

    def link(self, inputs: Sequence[str], outputs: Sequence[str], offsets: Sequence[int] = ()) -> None:
        parts = list(offsets) if len(offsets) > 1 else []
        both = (parts, []) if len(inputs) > 1 else ([], parts)
        ends = (", ".join(f"@{name}" for name in names) for names in (inputs, outputs))
        self.lines.append(f"    aie.objectfifo.link [{'] -> ['.join(ends)}] ({both[0]} {both[1]})")

    def core(self, tile: str, source: str, sink: str, words: int) -> None:
        self.lines.append(CORE.format(tile=tile, source=source, sink=sink, words=words))

    @property
    def text(self) -> str:
        count = len(self.given)
        feed = (
            f"      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, {count}][0, 0, 0, 1]) "
            f"{{id = 1 : i64, metadata = @in}} : memref<{max(count, 4)}xi32>"
        )
        lines = "\n".join(self.lines)
        has_input = "@in(" in lines
        return FRAME.format(
            device=self.device,
            lines=lines,
            given=max(count, 4),
            taken=len(self.wanted),
            feed=feed if has_input else "",
        )


def check(network: Network) -> None:
    lowered = lower_design(read_design(network.text, "d.mlir"))
    check_apart(lowered)
    buffers = {
        0: np.resize(network.given, max(len(network.given), 4)).view(np.uint8),
        1: np.full(len(network.wanted), -1, np.int32).view(np.uint8),
    }
    report = Array(lowered, None, lambda _: None).run(sequence_words(lowered, main_sequence(lowered)), buffers)

    assert [str(fault) for fault in report.faults] == []
    assert report.state == COMPLETED
    assert buffers[1].view(np.int32).tolist() == network.wanted.tolist()


def check_apart(lowered: LoweredDesign) -> None:
    """No channel, BD or lock is given out twice, and every lock that a BD names is there."""
    channels = [(one.tile.at, one.direction, one.channel) for one in lowered.chains]
    bds = [(one.tile.at, bd.bd_id) for one in lowered.chains for bd in one.bds]
    locks = [(lock.tile.at, lock.id) for lock in lowered.locks]
    uses = chain.from_iterable((bd.acquire, bd.release) for one in lowered.chains for bd in one.bds)

    assert (len(set(channels)), len(set(bds)), len(set(locks))) == (len(channels), len(bds), len(locks))
    assert {use[0] for use in uses if use} <= {lock.name for lock in lowered.locks}


def counted(*shape: int) -> Data:
    return np.arange(1, int(np.prod(shape)) + 1, dtype=np.int32)


def offsets_of(words: Sequence[int]) -> list[int]:
    return [sum(words[:number]) for number in range(len(words))]


@st.composite
def shared_out_and_joined(draw: st.DrawFn) -> Network:
    """Parts of each object go to cores and come back; channels may be pinned, and objects be sent again."""
    words = draw(st.lists(WORDS, min_size=1, max_size=3))
    turns, repeat = draw(st.integers(1, 5)), draw(st.integers(1, 3)) if len(words) == 1 else 1
    given = counted(turns, sum(words))
    wanted = np.repeat(given.reshape(turns, -1), repeat, axis=0).ravel()
    network = Network(draw(DEVICES), given, wanted)
    rows = draw(st.permutations(range(2, 6)))
    network.lines += [f"    %t{number} = aie.tile(1, {rows[number]})" for number in range(len(words))]
    pins = iter(draw(st.permutations(range(6))))
    network.fifo("in", "%shim, {%mem}", draw(DEPTHS), sum(words))
    down, up = ([f"{way}{number}" for number in range(len(words))] for way in ("p", "q"))
    for number, name in enumerate(down):
        pinned = [f"prod_dma_channel = {next(pins)} : i32"] if draw(st.booleans()) else []
        pinned += [f"repeat_count = {repeat} : i32"] if repeat > 1 else []
        network.fifo(name, f"%mem, {{%t{number}}}", draw(DEPTHS), words[number], *pinned)
    network.link(["in"], down, offsets_of(words))
    for number, name in enumerate(up):
        pinned = [f"prod_dma_channel = {draw(st.integers(0, 1))} : i32"] if draw(st.booleans()) else []
        network.fifo(name, f"%t{number}, {{%mem}}", draw(DEPTHS), words[number], *pinned)
        network.core(f"%t{number}", down[number], name, words[number])
    network.fifo("out", "%mem, {%shim}", draw(DEPTHS), sum(words))
    network.link(up, ["out"], offsets_of(words))
    return network


@st.composite
def ended_after_rounds(draw: st.DrawFn) -> Network:
    """The channels of one side of a mem tile end after so many rounds of their objects, which are all there are."""
    words, depth, rounds = draw(st.lists(WORDS, min_size=1, max_size=3)), draw(DEPTHS), draw(DEPTHS)
    given = counted(depth * rounds, sum(words))
    network = Network(draw(DEVICES), given, given)
    ended = draw(st.sampled_from("pqo"))
    network.lines += [f"    %t{number} = aie.tile(1, {2 + number})" for number in range(len(words))]

    def of(side: str) -> list[str]:
        return [f"iter_count = {rounds} : i32"] if side == ended else []

    down, up = ([f"{way}{number}" for number in range(len(words))] for way in ("p", "q"))
    network.fifo("in", "%shim, {%mem}", depth, sum(words))
    for number, name in enumerate(down):
        network.fifo(name, f"%mem, {{%t{number}}}", depth, words[number], *of("p"))
        network.fifo(up[number], f"%t{number}, {{%mem}}", depth, words[number], *of("q"))
        network.core(f"%t{number}", name, up[number], words[number])
    network.fifo("out", "%mem, {%shim}", depth, sum(words), *of("o"))
    network.link(["in"], down, offsets_of(words))
    network.link(up, ["out"], offsets_of(words))
    return network


@st.composite
def handed_to_a_core(draw: st.DrawFn) -> Network:
    """A link on a core's tile, near the next core or far from it, with objects that lie where they came or move."""
    words = draw(WORDS)
    given = counted(draw(st.integers(1, 5)), words)
    network = Network(draw(DEVICES), given, given)
    column, row = draw(st.sampled_from([(1, 4), (1, 2), (2, 3), (0, 3), (2, 4), (1, 5)]))
    network.lines += ["    %first = aie.tile(1, 3)", f"    %second = aie.tile({column}, {row})"]
    network.fifo("in", "%shim, {%first}", draw(DEPTHS), words)
    network.fifo("on", "%first, {%second}", draw(DEPTHS), words)
    network.fifo("out", "%second, {%shim}", draw(DEPTHS), words)
    network.link(["in"], ["on"])
    is_near = (column, row) in ((1, 4), (1, 2), (2, 3))  # whose core reaches the memory of the first
    if is_near and draw(st.booleans()):
        network.lines.append("    aie.objectfifo.allocate @on(%first)")
    network.core("%second", "on", "out", words)
    return network


@st.composite
def begun_with_values(draw: st.DrawFn) -> Network:
    """A table that a mem tile or a core sends, as often as it is told to."""
    words, depth = draw(WORDS), draw(DEPTHS)
    rounds, repeat = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    source = draw(st.sampled_from(["%mem", "%core"]))
    values = counted(depth, words).reshape(depth, words)
    sent = np.repeat(values, repeat, axis=0)
    wanted = np.tile(sent, (rounds if source == "%mem" else 1, 1)).ravel()
    network = Network(draw(DEVICES), counted(0), wanted)
    network.lines += ["    %core = aie.tile(1, 3)"]
    said = [f"iter_count = {rounds} : i32"] if source == "%mem" else []
    said += [f"repeat_count = {repeat} : i32"] if repeat > 1 else []
    init = ", ".join(f"dense<{one.tolist()}> : memref<{words}xi32>" for one in values)
    network.fifo("out", f"{source}, {{%shim}}", depth, words, *said, init=f" = [{init}]")
    return network


@st.composite
def padded(draw: st.DrawFn) -> Network:
    """A mem tile sends each object with pads around its dimensions."""
    sizes = draw(st.lists(st.sampled_from([1, 2, 3, 5, 8]), min_size=1, max_size=3))
    around = [(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in sizes]
    device, turns, depth = draw(DEVICES), draw(st.integers(1, 3)), draw(DEPTHS)
    value = draw(st.sampled_from([0, 7])) if device == "npu2" else 0
    given = counted(turns, *sizes)
    objects = [np.pad(one, around, constant_values=value) for one in given.reshape(turns, *sizes)]
    network = Network(device, given, np.concatenate([one.ravel() for one in objects]).astype(np.int32))
    strides = [int(np.prod(sizes[number + 1 :])) for number in range(len(sizes))]
    walk = ", ".join(f"<size = {size}, stride = {stride}>" for size, stride in zip(sizes, strides, strict=True))
    pads = ", ".join(f"<const_pad_before = {before}, const_pad_after = {after}>" for before, after in around)
    said = [f"padDimensions = #aie<bd_pad_layout_array[{pads}]>"] + ([f"padValue = {value} : i32"] if value else [])
    network.fifo("in", "%shim, {%mem}", depth, int(np.prod(sizes)))
    network.fifo("out", f"%mem dimensionsToStream [{walk}], {{%shim}}", depth, objects[0].size, *said)
    network.link(["in"], ["out"])
    return network


NETWORKS = (shared_out_and_joined, ended_after_rounds, handed_to_a_core, begun_with_values, padded)


@pytest.mark.parametrize("networks", NETWORKS, ids=lambda networks: networks.__name__)
def test_what_goes_in_comes_out(networks) -> None:
    @settings(max_examples=40, deadline=None)
    @given(networks())
    def every(network: Network) -> None:
        check(network)

    every()


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([20_000, 50_000, 70_000, 100_000]), DEPTHS), min_size=1, max_size=2), st.data()
)
def test_large_objects_come_out_wherever_they_lie(fifos, data) -> None:
    """What does not fit a mem tile lies beside it; what fits nowhere is refused with its sum."""
    moved = data.draw(st.integers(0, len(fifos) - 1))
    network = Network("npu1", counted(fifos[moved][0]), counted(fifos[moved][0]))
    for number, (words, depth) in enumerate(fifos):
        names = ["in", "out"] if number == moved else [f"in{number}", f"out{number}"]
        network.fifo(names[0], "%shim, {%mem}", depth, words)
        network.fifo(names[1], "%mem, {%shim}", depth, words)
        network.link(names[:1], names[1:])
    try:
        check(network)
    except Problem as problem:
        assert problem.diagnostic.id == "TP101"  # noqa: PT017  a design that fits is checked whole
