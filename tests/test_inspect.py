"""`tileproof inspect`: the picture of a design, what mlir-aie makes of it, and the design in another spelling."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tileproof.cli import main

Run = Callable[..., tuple[int, str, str]]

# From the host through a mem tile, turned on the way, to a core and back; read the same by every mlir-aie.
RELAY = """\
module {
  aie.device(npu1_1col) @main {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %core = aie.tile(0, 2)
    aie.objectfifo @raw(%shim, {%mem}, 2 : i32) : !aie.objectfifo<memref<64xi32>>
    aie.objectfifo @turned(%mem dimensionsToStream [<size = 8, stride = 1>, <size = 8, stride = 8>], {%core}, 2 : i32) \
: !aie.objectfifo<memref<64xi32>>
    aie.objectfifo.link [@raw] -> [@turned] ([] [])
    aie.objectfifo @out(%core, {%shim}, [2, 1]) : !aie.objectfifo<memref<64xi32>>
    %gain = aie.buffer(%core) {sym_name = "gain"} : memref<3xi32>
    func.func private @scale(memref<64xi32>, memref<64xi32>)
    %run = aie.core(%core) {
      %in = aie.objectfifo.acquire @turned(Consume, 1) : !aie.objectfifosubview<memref<64xi32>>
      %i = aie.objectfifo.subview.access %in[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
      %made = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<64xi32>>
      %o = aie.objectfifo.subview.access %made[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
      func.call @scale(%i, %o) : (memref<64xi32>, memref<64xi32>) -> ()
      aie.objectfifo.release @turned(Consume, 1)
      aie.objectfifo.release @out(Produce, 1)
      aie.end
    }
    aie.runtime_sequence @go(%a: memref<256xi32>, %b: memref<64xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<64xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 64][1, 1, 1, 64][0, 0, 0, 1]) {id = 1 : i64, metadata = @raw, \
issue_token = true} : memref<256xi32>
      aiex.npu.dma_wait {symbol = @raw}
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
"""

RELAY_PICTURE = """\
relay.mlir: npu1_1col, 1 column; 3 tiles, 3 fifos, 1 core

        column 0
       +-------------------+
row 2  | core (0, 2)       |
       | 2,060 of 65,536 B |
       | runs scale        |
       | <- @turned        |
       | -> @out           |
       +-------------------+
row 1  | mem (0, 1)        |
       | 512 of 524,288 B  |
       | <- @raw           |
       | -> @turned        |
       +-------------------+
row 0  | shim (0, 0)       |
       | <- @out           |
       | -> @raw           |
       +-------------------+

fifos
  @raw: shim (0, 0) -> mem (0, 1)
      memref<64xi32>, 256 B an object, depth 2, by DMA; objects: 2 at mem (0, 1)
  @turned: mem (0, 1) -> core (0, 2)
      memref<64xi32>, 256 B an object, depth 2, by DMA; objects: 2 at core (0, 2)
      sent as <8 by 1> <8 by 8>
  @out: core (0, 2) -> shim (0, 0)
      memref<64xi32>, 256 B an object, depth [2, 1], by DMA; objects: 2 at core (0, 2)

links
  @raw -> @turned

written out
  buffer gain: core (0, 2), memref<3xi32>, 12 B

sequence @go
  argument 0 (kernel argument 3): memref<256xi32>, 1,024 B
  argument 1 (kernel argument 4): memref<64xi32>, 256 B
    23: BD 0 moves argument 1 [0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1] through @out
    24: BD 1 moves argument 0 [0, 0, 0, 64][1, 1, 1, 64][0, 0, 0, 1] through @raw, with token
    25: wait for @raw
    26: wait for @out
"""

# Without fifos, in the spelling of March 2026.
BY_HAND = """\
module {
  aie.device(npu1) @main {
    %shim = aie.tile(0, 0)
    %core = aie.tile(0, 2)
    %next = aie.tile(1, 2)
    %ping = aie.buffer(%core) {sym_name = "ping"} : memref<10x256xi32>
    %pong = aie.buffer(%core) {sym_name = "pong"} : memref<7xi32>
    %free = aie.lock(%core, 3) {sym_name = "free", init = 2 : i32}
    %full = aie.lock(%core) {sym_name = "full"}
    %dma = aie.mem(%core) {
      %d0 = aie.dma_start(S2MM, 1, ^one, ^send)
    ^one:
      aie.use_lock(%free, AcquireGreaterEqual, 1)
      aie.dma_bd(%ping : memref<10x256xi32>, 256, 800, [<size = 4, stride = 512>, <size = 200, stride = 1>])
      aie.use_lock(%full, Release, 1)
      aie.next_bd ^two
    ^two:
      aie.dma_bd(%pong : memref<7xi32>, 0, 7)
      aie.next_bd ^one
    ^send:
      %d1 = aie.dma_start(MM2S, 0, ^three, ^end, repeat_count = 2)
    ^three:
      aie.dma_bd(%pong : memref<7xi32>, 4, 3)
      aie.next_bd ^end
    ^end:
      aie.end
    }
    aie.flow(%shim, DMA : 0, %core, DMA : 1)
    aie.flow(%core, Trace : 0, %shim, DMA : 1)
    aie.packet_flow(7) {
      aie.packet_source<%core, DMA : 0>
      aie.packet_dest<%shim, DMA : 0>
    }
    aie.cascade_flow(%core, %next)
    aie.shim_dma_allocation @feed(%shim, MM2S, 0)
    aie.runtime_sequence(%a: memref<256xi32>) {
      %t = aiex.dma_configure_task_for @feed {
        aie.dma_bd(%a : memref<256xi32>, 0, 64)
        aie.next_bd ^more
      ^more:
        aie.dma_bd(%a : memref<256xi32>, 64, 64)
        aie.end
      } {issue_token = true, repeat_count = 1 : i32}
      aiex.dma_start_task(%t)
      aiex.dma_await_task(%t)
      %u = aiex.dma_configure_task(%shim, S2MM, 1) {
        aie.dma_bd(%a : memref<256xi32>, 0, 64)
        aie.end
      }
      aiex.dma_free_task(%u)
    }
  }
}
"""

BY_HAND_PICTURE = """\
by_hand.mlir: npu1, 4 columns; 3 tiles, 0 fifos, 0 cores

        column 0             column 1
       +--------------------+--------------------+
row 2  | core (0, 2)        | core (1, 2)        |
       | 10,268 of 65,536 B | 0 of 65,536 B      |
       +--------------------+--------------------+
row 0  | shim (0, 0)        |                    |
       +--------------------+--------------------+

written out
  buffer ping: core (0, 2), memref<10x256xi32>, 10,240 B
  buffer pong: core (0, 2), memref<7xi32>, 28 B
  lock free: core (0, 2), begins at 2
  lock full: core (0, 2), begins at 0
  DMA core (0, 2) S2MM 1: ping -> pong -> ping ...
  DMA core (0, 2) MM2S 0: pong, then stops
  flow shim (0, 0) DMA:0 -> core (0, 2) DMA:1
  flow core (0, 2) Trace:0 -> shim (0, 0) DMA:1
  packets 7: core (0, 2) DMA:0 -> shim (0, 0) DMA:0
  cascade core (0, 2) -> core (1, 2)

sequence @sequence
  argument 0 (kernel argument 3): memref<256xi32>, 1,024 B
    37: task 0 for @feed: 2 BDs, 2 runs
    44: start task 0
    45: await task 0
    46: task 1 for shim (0, 0) S2MM 1: 1 BD, 1 run
    50: free task 1
"""

CHAINS = """\
locks
  core (0, 2)     3  begins at 2   free
  core (0, 2)     0  begins at 0   full

DMA chains
  core (0, 2) S2MM 1 of ping
      BD  0: 800 of ping from 256 as [4, 200] by [512, 1], takes 1 of free, gives 1 of full, then BD 1
      BD  1: 7 of pong from 0, then BD 0
  core (0, 2) MM2S 0 of pong, 3 runs
      BD  2: 3 of pong from 4, stops

circuits
  shim (0, 0) DMA:0 -> core (0, 2) DMA:1  @feed
  core (0, 2) Trace:0 -> shim (0, 0) DMA:1  @flow of line 29

packets
  id 7: core (0, 2) DMA:0 -> shim (0, 0) DMA:0

cascades
  core (0, 2) -> core (1, 2)

channels of the host
  shim (0, 0) MM2S 0  feed

while a sequence runs
  @sequence, line 37: task 0 for @feed: 2 BDs, 2 runs
      64 of argument 0 from 0
      64 of argument 0 from 64
  @sequence, line 44: start task 0
  @sequence, line 45: await task 0
  @sequence, line 46: task 1 for shim (0, 0) S2MM 1: 1 BD, 1 run
      64 of argument 0 from 0
  @sequence, line 50: free task 1
"""

IN_BANKS = """\
memory of core (0, 2): 10,268 of 65,536 bytes used
  0x00000   10,240 B  bank 0  ping
  0x02800    6,144 B  bank 0  free
  0x04000       28 B  bank 1  pong
  0x0401c   16,356 B  bank 1  free
  0x08000   16,384 B  bank 2  free
  0x0c000   16,384 B  bank 3  free
"""

IN_A_ROW = """\
memory of core (0, 2): 10,268 of 65,536 bytes used
  0x00000   10,240 B  bank 0  ping
  0x02800       28 B  bank 0  pong
  0x0281c    6,116 B  bank 0  free
  0x04000   16,384 B  bank 1  free
  0x08000   16,384 B  bank 2  free
  0x0c000   16,384 B  bank 3  free
"""

RELAY_LOWERED = """\
relay.mlir: as mlir-aie of 2026-08-14 lowers it

memory of core (0, 2): 2,060 of 65,536 bytes used
  0x00000    1,024 B  bank 0  stack
  0x00400      256 B  bank 0  out_buff_0
  0x00500       12 B  bank 0  gain
  0x0050c   15,092 B  bank 0  free
  0x04000      256 B  bank 1  out_buff_1
  0x04100   16,128 B  bank 1  free
  0x08000      256 B  bank 2  turned_cons_buff_0
  0x08100   16,128 B  bank 2  free
  0x0c000      256 B  bank 3  turned_cons_buff_1
  0x0c100   16,128 B  bank 3  free

memory of mem (0, 1): 512 of 524,288 bytes used
  0x00000      256 B  bank 0  raw_cons_buff_0
  0x00100   65,280 B  bank 0  free
  0x10000      256 B  bank 1  raw_cons_buff_1
  0x10100   65,280 B  bank 1  free
  0x20000   65,536 B  bank 2  free
  0x30000   65,536 B  bank 3  free
  0x40000   65,536 B  bank 4  free
  0x50000   65,536 B  bank 5  free
  0x60000   65,536 B  bank 6  free
  0x70000   65,536 B  bank 7  free

locks
  shim (0, 0)     2  begins at 0   raw_prod_lock_0
  shim (0, 0)     3  begins at 0   raw_cons_lock_0
  mem (0, 1)      0  begins at 2   raw_cons_prod_lock_0
  mem (0, 1)      1  begins at 0   raw_cons_cons_lock_0
  core (0, 2)     2  begins at 2   turned_cons_prod_lock_0
  core (0, 2)     3  begins at 0   turned_cons_cons_lock_0
  core (0, 2)     0  begins at 2   out_prod_lock_0
  core (0, 2)     1  begins at 0   out_cons_lock_0
  shim (0, 0)     0  begins at 0   out_cons_prod_lock_0
  shim (0, 0)     1  begins at 0   out_cons_cons_lock_0

DMA chains
  mem (0, 1) S2MM 0 of @raw
      BD  0: 64 of raw_cons_buff_0 from 0, takes 1 of raw_cons_prod_lock_0, gives 1 of raw_cons_cons_lock_0, then BD 1
      BD  1: 64 of raw_cons_buff_1 from 0, takes 1 of raw_cons_prod_lock_0, gives 1 of raw_cons_cons_lock_0, then BD 0
  mem (0, 1) MM2S 0 of @turned
      BD  2: 64 of raw_cons_buff_0 from 0 as [8, 8] by [1, 8], \
takes 1 of raw_cons_cons_lock_0, gives 1 of raw_cons_prod_lock_0, then BD 3
      BD  3: 64 of raw_cons_buff_1 from 0 as [8, 8] by [1, 8], \
takes 1 of raw_cons_cons_lock_0, gives 1 of raw_cons_prod_lock_0, then BD 2
  core (0, 2) S2MM 0 of @turned
      BD  0: 64 of turned_cons_buff_0 from 0, \
takes 1 of turned_cons_prod_lock_0, gives 1 of turned_cons_cons_lock_0, then BD 1
      BD  1: 64 of turned_cons_buff_1 from 0, \
takes 1 of turned_cons_prod_lock_0, gives 1 of turned_cons_cons_lock_0, then BD 0
  core (0, 2) MM2S 0 of @out
      BD  2: 64 of out_buff_0 from 0, takes 1 of out_cons_lock_0, gives 1 of out_prod_lock_0, then BD 3
      BD  3: 64 of out_buff_1 from 0, takes 1 of out_cons_lock_0, gives 1 of out_prod_lock_0, then BD 2

circuits
  shim (0, 0) DMA:0 -> mem (0, 1) DMA:0  @raw
  mem (0, 1) DMA:0 -> core (0, 2) DMA:0  @turned
  core (0, 2) DMA:0 -> shim (0, 0) DMA:0  @out

channels of the host
  shim (0, 0) MM2S 0  raw_shim_alloc
  shim (0, 0) S2MM 0  out_shim_alloc

cores
  core (0, 2): stack 1,024 B, runs scale
      Consume @turned: turned_cons_buff_0, turned_cons_buff_1
      Produce @out: out_buff_0, out_buff_1

while a sequence runs
  @go, line 23: BD 0 moves argument 1 [0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1] through @out
  @go, line 24: BD 1 moves argument 0 [0, 0, 0, 64][1, 1, 1, 64][0, 0, 0, 1] through @raw, with token
  @go, line 25: wait for @raw
  @go, line 26: wait for @out
"""

# One object is larger than a bank, and four of them than the tile.
TOO_LARGE = """\
module {
  aie.device(npu1) @main {
    %shim = aie.tile(0, 0)
    %core = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {%core}, COUNT : i32) : !aie.objectfifo<memref<5000xi32>>
  }
}
"""
OBJECTS = {count: TOO_LARGE.replace("COUNT", str(count)) for count in (1, 4)}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Inspect in a folder with the designs above: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    designs = {"relay": RELAY, "by_hand": BY_HAND, "too_large": OBJECTS[4], "large": OBJECTS[1]}
    for name, text in designs.items():
        (tmp_path / f"{name}.mlir").write_text(text)

    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(["inspect", *arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def facts(run: Run, *arguments: str) -> dict[str, Any]:
    code, out, err = run(*arguments, "--lowered", "--json")
    answer: dict[str, Any] = json.loads(out)
    assert (code, err) == (0 if answer["outcome"] == "accepted" else 1, "")
    return answer


# The picture


def test_the_picture_shows_tiles_fifos_links_and_the_sequence(run):
    assert run("relay.mlir") == (0, RELAY_PICTURE, "")


def test_the_picture_shows_what_is_written_out(run):
    assert run("by_hand.mlir") == (0, BY_HAND_PICTURE, "")


def test_a_design_that_cannot_be_lowered_has_a_picture_and_a_reason(run):
    code, out, err = run("too_large.mlir")

    assert code == 0
    assert out == (
        "too_large.mlir: npu1, 4 columns; 2 tiles, 1 fifo, 0 cores\n"
        "\n"
        "        column 0\n"
        "       +-------------+\n"
        "row 2  | core (0, 2) |\n"
        "       | <- @in      |\n"
        "       +-------------+\n"
        "row 0  | shim (0, 0) |\n"
        "       | -> @in      |\n"
        "       +-------------+\n"
        "\n"
        "fifos\n"
        "  @in: shim (0, 0) -> core (0, 2)\n"
        "      memref<5000xi32>, 20,000 B an object, depth 4\n"
    )
    assert err == (
        "it cannot be lowered, so nothing is known of its pools and addresses:\n"
        "error: the buffers of core (0, 2) do not fit in its memory\n"
        "  where: too_large.mlir:5:5\n"
        "  why:   in_cons_buff_0 20,000 + in_cons_buff_1 20,000 + in_cons_buff_2 20,000 + in_cons_buff_3 20,000 "
        "need 80,000 bytes with alignment, and the tile has 65,536\n"
        "  fix:   make the objects smaller ([sizes], --set), or lower the depth of what is behind 'in_cons_buff_0'\n"
        "  more:  tileproof explain TP101\n"
    )


def test_a_kernel_is_inspected_by_its_name(run):
    code, out, err = run("attention")

    assert (code, err) == (0, "")
    assert out.startswith("design.mlir: npu1, 4 columns; 2 tiles, 2 fifos, 1 core\n")
    assert "       | runs attention_i8  |\n" in out
    assert "  @qkv: shim (0, 0) -> core (0, 2)\n      memref<12288xi8>, 12,288 B an object, depth 2, by DMA; " in out


def test_a_kernel_is_inspected_for_its_target_and_in_its_sizes(run):
    _, out, _ = run("attention", "--target", "npu2", "--set", "head=32")

    assert out.startswith("design.mlir: npu2, 8 columns; ")
    assert "memref<6144xi8>, 6,144 B an object" in out


# Lowered


def test_lowered_shows_memory_locks_chains_and_circuits(run):
    assert run("relay.mlir", "--lowered") == (0, RELAY_LOWERED, "")


@pytest.mark.parametrize(
    ("scheme", "memory"),
    [(None, IN_BANKS), ("default", IN_BANKS), ("bank-aware", IN_BANKS), ("basic-sequential", IN_A_ROW)],
)
def test_lowered_shows_the_scheme_that_is_asked_for(run, scheme, memory):
    asked = ["--scheme", scheme] if scheme else []

    assert run("by_hand.mlir", "--lowered", "--mlir-aie", "2026-03", *asked) == (
        0,
        f"by_hand.mlir: as mlir-aie of 2026-03 lowers it\n\n{memory}\n{CHAINS}",
        "",
    )


def test_lowered_without_a_state_is_as_the_newest_lowers_it_in_whatever_spelling(run):
    assert run("by_hand.mlir", "--lowered") == (
        0,
        f"by_hand.mlir: as mlir-aie of 2026-08-14 lowers it\n\n{IN_BANKS}\n{CHAINS}",
        "",
    )


def test_lowered_for_a_state_that_does_not_read_the_spelling_is_refused(run):
    assert run("by_hand.mlir", "--lowered", "--mlir-aie", "2026-08") == (
        2,
        "",
        "error: mlir-aie of 2026-08 does not read this\n"
        "  where: by_hand.mlir:14:7\n"
        "  why:   aie.dma_bd is spelled as mlir-aie did until July 2026; it is aie.dma_bd(%buffer : memref<...> "
        "offset = 0 len = 64 sizes = [...] strides = [...]) since\n"
        "  fix:   print the design with `tileproof inspect FILE --print` for the mlir-aie that is to read it\n"
        "  more:  tileproof explain TP004\n",
    )


@pytest.mark.parametrize(
    ("version", "second"),
    [
        ("2026-03", "  0x0000c       12 B  bank 0  b\n  0x00018   16,360 B  bank 0  free\n"),
        (
            "2026-08",
            "  0x0000c       20 B  bank 0  free\n  0x00020       12 B  bank 0  b\n  0x0002c   16,340 B  bank 0  free\n",
        ),
    ],
)
def test_lowered_shows_the_gaps_that_the_alignment_of_a_state_leaves(run, tmp_path, version, second):
    two = "".join(f'%{name} = aie.buffer(%t) {{sym_name = "{name}"}} : memref<3xi32>\n' for name in "ab")
    (tmp_path / "two.mlir").write_text(f"module {{\naie.device(npu1) {{\n%t = aie.tile(0, 2)\n{two}}}\n}}\n")

    assert run("two.mlir", "--lowered", "--mlir-aie", version, "--scheme", "basic-sequential") == (
        0,
        f"two.mlir: as mlir-aie of {version} lowers it\n"
        "\n"
        "memory of core (0, 2): 24 of 65,536 bytes used\n"
        "  0x00000       12 B  bank 0  a\n"
        f"{second}"
        "  0x04000   16,384 B  bank 1  free\n"
        "  0x08000   16,384 B  bank 2  free\n"
        "  0x0c000   16,384 B  bank 3  free\n",
        "",
    )


def test_a_design_that_does_not_fit_is_refused_by_lowered(run):
    code, out, err = run("too_large.mlir", "--lowered")

    assert (code, out) == (2, "")
    assert err.startswith("error: the buffers of core (0, 2) do not fit in its memory\n  where: too_large.mlir:5:5\n")


def test_a_kernel_is_lowered_by_its_name(run):
    code, out, err = run("attention", "--lowered")

    assert (code, err) == (0, "")
    assert out.startswith("design.mlir: as mlir-aie of 2026-08-14 lowers it\n\nmemory of core (0, 2): ")
    assert "\n\nDMA chains\n  core (0, 2) S2MM 0 of @qkv\n" in out


# Lowered as JSON

KEYS = {"outcome", "schemes", "locks", "dmas", "flows", "shim_allocations", "sequence", "insts", "insts_sha256"}
EVERY_SCHEME = {"default", "bank-aware", "basic-sequential"}


@pytest.mark.parametrize("version", ["2026-03", "2026-08"])
def test_json_has_every_fact_under_every_scheme(run, version):
    found = facts(run, "relay.mlir", "--mlir-aie", version)

    assert set(found) == KEYS
    assert set(found["schemes"]) == EVERY_SCHEME
    assert all(set(answer) == {"outcome", "buffers"} for answer in found["schemes"].values())
    assert found["sequence"] == "go"
    assert found["insts"][0] == "06030100"
    assert int(found["insts"][3], 16) == 4 * len(found["insts"])
    assert found["shim_allocations"] == [
        {"symbol": "raw_shim_alloc", "tile": [0, 0], "direction": "MM2S", "channel": 0},
        {"symbol": "out_shim_alloc", "tile": [0, 0], "direction": "S2MM", "channel": 0},
    ]


@pytest.mark.parametrize("version", ["2026-03", "2026-08"])
@pytest.mark.parametrize("scheme", sorted(EVERY_SCHEME))
def test_json_has_the_one_scheme_that_is_asked_for(run, version, scheme):
    every = facts(run, "relay.mlir", "--mlir-aie", version)
    one = facts(run, "relay.mlir", "--mlir-aie", version, "--scheme", scheme)

    assert one == {**every, "schemes": {scheme: every["schemes"][scheme]}}


def test_json_names_addresses_bytes_and_banks(run):
    (answer,) = facts(run, "relay.mlir", "--scheme", "bank-aware")["schemes"].values()

    assert [buffer for buffer in answer["buffers"] if buffer["tile"] == [0, 1]] == [
        {"tile": [0, 1], "name": f"raw_cons_buff_{k}", "address": at, "bytes": 256, "bank": k, "type": "memref<64xi32>"}
        for k, at in enumerate((0, 65536))
    ]


def test_json_has_no_bank_where_the_scheme_knows_none(run):
    (answer,) = facts(run, "relay.mlir", "--scheme", "basic-sequential")["schemes"].values()

    assert all("bank" not in buffer for buffer in answer["buffers"])


def test_json_has_packet_and_cascade_flows(run):
    found = facts(run, "by_hand.mlir", "--mlir-aie", "2026-03")

    assert set(found) == KEYS | {"packet_flows", "cascade_flows"}
    assert found["packet_flows"] == [
        {"id": 7, "source": [{"tile": [0, 2], "port": "DMA:0"}], "dest": [{"tile": [0, 0], "port": "DMA:0"}]}
    ]


@pytest.mark.parametrize("version", ["2026-03", "2026-08"])
def test_a_scheme_that_refuses_a_design_leaves_it_accepted(run, version):
    found = facts(run, "large.mlir", "--mlir-aie", version)

    assert found["outcome"] == "accepted"
    assert found["schemes"]["bank-aware"] == {
        "outcome": "rejected",
        "error": "large.mlir:5:5: the buffers of core (0, 2) do not fit its banks",
    }
    assert found["schemes"]["default"]["buffers"][0]["address"] == 0


@pytest.mark.parametrize("version", ["2026-03", "2026-08"])
def test_a_refusal_of_the_scheme_that_is_asked_for_is_the_outcome(run, version):
    """And the exit code is 1, as `facts` looks."""
    assert facts(run, "large.mlir", "--mlir-aie", version, "--scheme", "bank-aware") == {
        "outcome": "rejected",
        "error": "large.mlir:5:5: the buffers of core (0, 2) do not fit its banks",
    }


def test_a_refused_design_is_an_outcome_with_a_place_and_exit_code_1(run):
    code, out, err = run("too_large.mlir", "--lowered", "--json")

    assert (code, err) == (1, "")
    assert json.loads(out) == {
        "outcome": "rejected",
        "error": "too_large.mlir:5:5: the buffers of core (0, 2) do not fit in its memory",
    }


def test_a_design_that_cannot_be_read_is_a_refused_design(run, tmp_path):
    (tmp_path / "cut.mlir").write_text(RELAY[:-2])

    assert facts(run, "cut.mlir")["outcome"] == "rejected"


def test_json_without_a_state_takes_whatever_spelling_as_the_text_does(run):
    found = facts(run, "by_hand.mlir")

    assert found["outcome"] == "accepted"


def test_json_of_a_kernel(run):
    assert set(facts(run, "attention")) == KEYS


# The design itself

SPELT = {
    "2025-11": """\
builtin.module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %core = aie.tile(0, 2)
    %rtp = aie.buffer(%core) {sym_name = "rtp"} : memref<8xi32>
    %full = aie.lock(%core, 1) {sym_name = "full"}
    %dma = aie.mem(%core) {
      %d = aie.dma_start(S2MM, 0, ^bd, ^end)
    ^bd:
      aie.dma_bd(%rtp : memref<8xi32>, 0, 8, [<size = 4, stride = 2>, <size = 2, stride = 1>])
      aie.use_lock(%full, Release, 1)
      aie.next_bd ^bd
    ^end:
      aie.end
    }
    aie.shim_dma_allocation @feed(MM2S, 0, 0)
    aie.runtime_sequence @sequence(%a: memref<8xi32>) {
      aiex.npu.rtp_write(@rtp, 1, 7)
    }
  }
}
""",
    "2026-03": """\
builtin.module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %core = aie.tile(0, 2)
    %rtp = aie.buffer(%core) {sym_name = "rtp"} : memref<8xi32>
    %full = aie.lock(%core, 1) {sym_name = "full"}
    %dma = aie.mem(%core) {
      %d = aie.dma_start(S2MM, 0, ^bd, ^end)
    ^bd:
      aie.dma_bd(%rtp : memref<8xi32>, 0, 8, [<size = 4, stride = 2>, <size = 2, stride = 1>])
      aie.use_lock(%full, Release, 1)
      aie.next_bd ^bd
    ^end:
      aie.end
    }
    aie.shim_dma_allocation @feed(%shim, MM2S, 0)
    aie.runtime_sequence @sequence(%a: memref<8xi32>) {
      aiex.npu.rtp_write(@rtp, 1, 7)
    }
  }
}
""",
    "2026-08": """\
builtin.module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %core = aie.tile(0, 2)
    %rtp = aie.buffer(%core) {sym_name = "rtp"} : memref<8xi32>
    %full = aie.lock(%core, 1) {sym_name = "full"}
    %dma = aie.mem(%core) {
      %c1_i32 = arith.constant 1 : i32
      %d = aie.dma_start(S2MM, 0, ^bd, ^end)
    ^bd:
      aie.dma_bd(%rtp : memref<8xi32> offset = 0 len = 8 sizes = [4, 2] strides = [2, 1])
      aie.use_lock(%full, Release, %c1_i32)
      aie.next_bd ^bd
    ^end:
      aie.end
    }
    aie.shim_dma_allocation @feed(%shim, MM2S, 0)
    aie.runtime_sequence @sequence(%a: memref<8xi32>) {
      %c7_i32 = arith.constant 7 : i32
      aiex.npu.rtp_write(@rtp, 1, %c7_i32) : i32
    }
  }
}
""",
}


@pytest.mark.parametrize("written", SPELT)
@pytest.mark.parametrize("asked", SPELT)
def test_print_answers_in_the_spelling_of_the_state_whatever_the_design_is_written_in(run, tmp_path, written, asked):
    (tmp_path / "d.mlir").write_text(SPELT[written])

    assert run("d.mlir", "--print", "--mlir-aie", asked) == (0, SPELT[asked], "")


def test_print_without_a_state_is_in_the_newest_spelling(run, tmp_path):
    (tmp_path / "d.mlir").write_text(SPELT["2025-11"])

    assert run("d.mlir", "--print") == (0, SPELT["2026-08"], "")


def test_print_of_a_kernel(run):
    code, out, err = run("attention", "--print", "--mlir-aie", "2025-11")

    assert (code, err) == (0, "")
    assert out.startswith("builtin.module {\n  aie.device(npu1) {\n")
    assert "aie.objectfifo @qkv(" in out


# What is refused


@pytest.mark.parametrize("how", [[], ["--lowered"], ["--lowered", "--json"], ["--print"]])
def test_a_missing_file_is_refused(run, how):
    assert run("none.mlir", *how) == (
        2,
        "",
        "error: none.mlir cannot be read\n"
        "  where: none.mlir\n"
        "  why:   No such file or directory\n"
        "  fix:   check the path\n"
        "  more:  tileproof explain unreadable-file\n",
    )


@pytest.mark.parametrize("how", [[], ["--lowered"], ["--lowered", "--json"], ["--print"]])
def test_a_file_that_is_no_text_is_refused(run, tmp_path, how):
    (tmp_path / "binary.mlir").write_bytes(b"module\xff\x00")

    assert run("binary.mlir", *how) == (
        2,
        "",
        "error: binary.mlir is no text\n"
        "  where: binary.mlir, byte 6\n"
        "  why:   it is not UTF-8\n"
        "  fix:   name a design or tile code in text\n"
        "  more:  tileproof explain not-text\n",
    )


def test_a_kernel_that_there_is_not_is_refused(run):
    code, out, err = run("attenton")

    assert (code, out) == (2, "")
    assert err.startswith("error: there is no kernel 'attenton'\n")


@pytest.mark.parametrize(
    "option", [["--json"], ["--mlir-aie", "2026-03"], ["--scheme", "bank-aware"]], ids=lambda option: option[0]
)
def test_what_is_for_the_lowered_design_is_refused_for_the_picture(run, option):
    assert run("relay.mlir", *option) == (
        2,
        "",
        f"error: {option[0]} is for what a design becomes\n"
        f"  where: tileproof inspect {option[0]}\n"
        "  why:   a design as it is written is the same for every mlir-aie, and its picture is for people\n"
        f"  fix:   write --lowered {option[0]}\n"
        "  more:  tileproof explain missing-option\n",
    )


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_what_mlir_aie_of_november_makes_of_a_design_is_not_known(run, how):
    assert run("relay.mlir", "--lowered", "--mlir-aie", "2025-11", *how) == (
        2,
        "",
        "error: what mlir-aie of 2025-11 makes of a design is not known here\n"
        "  where: --mlir-aie 2025-11\n"
        "  why:   of that version we know the spelling only\n"
        "  fix:   choose one of 2026-03, 2026-06, 2026-08, 2026-08-14, or --print\n"
        "  more:  tileproof explain unknown-lowering\n",
    )


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["relay.mlir", "--lowered", "--print"], "argument --print: not allowed with argument --lowered"),
        (["relay.mlir", "--lowered", "--mlir-aie", "2024-01"], "argument --mlir-aie: '2024-01' is none of 2025-11, "),
        (["relay.mlir", "--lowered", "--scheme", "best"], "argument --scheme: invalid choice: 'best'"),
        ([], "the following arguments are required: KERNEL|FILE.mlir"),
    ],
)
def test_a_command_line_that_cannot_be_is_refused(run, arguments, what):
    code, out, err = run(*arguments)

    assert (code, out) == (2, "")
    assert err.startswith(f"error: {what}")
    assert err.endswith(
        "\n  fix:   `tileproof inspect --help` lists what can be asked\n  more:  tileproof explain wrong-usage\n"
    )


def test_what_a_sequence_sets_up_later_is_not_left_out_of_what_is_lowered(run: Run) -> None:
    for name, words in {
        "tile_tasks": (
            "line 41: task 1 for mem (0, 1) MM2S 0: 1 BD, 1 run\n      64 of held from 0, takes 3 of full\n",
        ),
        "run_time_numbers": ("  @run: not known, it hangs on numbers of the run time\n",),
        "set_up_anew": ("line 10: the array is set up as @two, which runs 3 operations\n",),
        "written_bds": ("BD 2 of (0, 2) is written\n", "core (0, 2): MM2S 0 is reset\n"),
    }.items():
        code, out, _ = run(str(Path(__file__).parent / "designs" / f"{name}.mlir"), "--lowered")

        assert code == 0
        assert "\nwhile a sequence runs\n" in out
        assert [one for one in words if one not in out] == []
