"""aiex.control_packet: the words of the argument that mlir-aie appends, and the transfers that send them."""

from __future__ import annotations

import pytest

from tileproof.errors import Problem
from tileproof.lowering.lower import lower_design
from tileproof.mlir.design import Sequence, SyncWait, Transfer
from tileproof.mlir.reader import read_design

WAYS = tuple(
    f"aie.shim_dma_allocation @ctrlpkt_col{column}_mm2s_chan{channel}(%s{column}, MM2S, {channel})"
    for column in range(2)
    for channel in range(2)
)


def sequence(*lines: str, device: str = "npu1", tiles: str = "", ways: tuple[str, ...] = WAYS) -> Sequence:
    text = "\n".join(
        [
            "module {",
            f"  aie.device({device}) {{",
            "    %s0 = aie.tile(0, 0)",
            "    %s1 = aie.tile(1, 0)",
            f"    {tiles}",
            *ways,
            "    aie.runtime_sequence @run(%a: memref<16xi32>) {",
            *lines,
            "} } }",
        ]
    )
    (found,) = lower_design(read_design(text, "d.mlir")).sequences
    return found


def at(column: int, row: int, offset: int) -> int:
    return column << 25 | row << 20 | offset


def write(address: int, *words: int, opcode: int = 0) -> str:
    data = ", ".join(map(str, words))
    return (
        f"aiex.control_packet {{address = {address} : ui32, data = array<i32: {data}>, opcode = {opcode} : i32, "
        "stream_id = 0 : i32}"
    )


def read(address: int, length: int, response: int) -> str:
    return (
        f"aiex.control_packet {{address = {address} : ui32, length = {length} : i32, opcode = 1 : i32, "
        f"stream_id = {response} : i32}}"
    )


def moved(found: Sequence) -> list[tuple[str, int, int]]:
    """By which name each transfer leaves, from which word on, and how many."""
    return [(one.shim, one.offsets[-1], one.sizes[-1]) for one in found.operations if isinstance(one, Transfer)]


def test_a_packet_is_the_header_that_leads_it_the_control_header_and_its_words():
    found = sequence(write(at(0, 2, 0x1F000), 5, -1), read(at(0, 2, 0x440), 4, 2))

    # The controller of row 2 has the id 27; each header has an odd number of bits.
    assert found.control_words == (0x8000_001B, 0x8011_F000, 5, 0xFFFF_FFFF, 0x8000_001B, 0x8270_0440)
    assert [str(type_) for type_ in found.arguments] == ["memref<16xi32>", "memref<6xi32>"]


def test_a_tile_that_names_its_controller_is_led_to_by_that():
    found = sequence(
        write(at(0, 2, 0), 5),
        tiles="%t = aie.tile(0, 2) {controller_id = #aie.packet_info<pkt_type = 0, pkt_id = 4>}",
    )

    assert found.control_words[0] == 4


def test_each_packet_is_sent_by_the_channel_of_its_row_and_waited_for():
    found = sequence(write(at(0, 2, 0), 1), write(at(1, 3, 4), 2, 3))

    assert moved(found) == [("ctrlpkt_col0_mm2s_chan0", 0, 3), ("ctrlpkt_col1_mm2s_chan1", 3, 4)]
    waits = [(one.column, one.row, one.direction, one.channel) for one in found.operations if isinstance(one, SyncWait)]
    assert waits == [(0, 0, "MM2S", 0), (1, 0, "MM2S", 1)]


@pytest.mark.parametrize(("device", "sizes"), [("npu1", [3, 3, 3, 3]), ("npu2", [6, 3, 3])])
def test_what_goes_to_one_tile_goes_together_on_npu2(device, sizes):
    tiles = [at(0, 2, 0), at(0, 2, 4), at(0, 3, 8), at(0, 2, 8)]
    found = sequence(*(write(address, 1) for address in tiles), device=device)

    assert [size for _, _, size in moved(found)] == sizes


def test_another_operation_ends_what_goes_together():
    between = "aiex.npu.write32 {address = 4 : ui32, value = 1 : ui32, column = 0 : i32, row = 2 : i32}"
    found = sequence(write(at(0, 2, 0), 1), between, write(at(0, 2, 4), 2), device="npu2")

    assert [type(one).__name__ for one in found.operations] == [
        *("Transfer", "SyncWait", "RegisterWrite", "Transfer", "SyncWait")
    ]


def test_a_sequence_without_control_packets_has_no_argument_for_them():
    assert sequence().control_words == ()
    assert len(sequence().arguments) == 1


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (write(at(0, 2, 0), 1, 2, 3, 4, 5), "it is of 5 words, and one has 1 to 4"),
        (read(at(0, 2, 0), 5, 0), "it is of 5 words, and one has 1 to 4"),
        (read(at(0, 2, 0), 0, 0), "it is of 0 words, and one has 1 to 4"),
        (write(at(0, 2, 0), 1, opcode=1), "it reads (opcode 1), and has data to write"),
        (read(at(0, 2, 0), 1, 0).replace("opcode = 1", "opcode = 0"), "it writes (opcode 0), and has no data"),
        (write(at(0, 2, 0), 1, opcode=4), "opcode 4 and stream_id 0: they are 0 to 3, and 0 to 31"),
        (read(at(0, 2, 0), 1, 32), "opcode 1 and stream_id 32: they are 0 to 3, and 0 to 31"),
    ],
)
def test_a_packet_that_no_header_can_say_is_refused(line, why):
    with pytest.raises(Problem) as caught:
        sequence(line)

    assert str(caught.value) == (
        "error: a control packet cannot be like this\n"
        "  where: d.mlir:11:1\n"
        f"  why:   {why}\n"
        "  fix:   write `{address = ... : ui32, data = array<i32: 1>, opcode = 0 : i32, stream_id = 0 : i32}`, or "
        "`length = 1 : i32, opcode = 1 : i32` to read"
    )


def test_a_packet_to_a_tile_that_there_is_not_is_refused():
    with pytest.raises(Problem) as caught:
        sequence(write(at(5, 2, 0), 1))

    assert str(caught.value) == (
        "error: a control packet goes to tile (5, 2), which npu1 does not have\n"
        "  where: d.mlir:11:1\n"
        "  why:   its address is 0xa200000: bits 25 and up are the column, 20 to 24 the row\n"
        "  fix:   correct the address"
    )


def test_a_packet_that_no_stream_takes_is_refused():
    with pytest.raises(Problem) as caught:
        sequence(write(at(0, 4, 0), 1), ways=WAYS[:1])

    assert str(caught.value) == (
        "error: there is no way for a control packet to tile (0, 4)\n"
        "  where: d.mlir:8:1\n"
        "  why:   it leaves by @ctrlpkt_col0_mm2s_chan1, which the design does not have\n"
        "  fix:   let aie-opt make the streams: -aie-generate-column-control-overlay=route-shim-to-tile-ctrl=true"
    )
