"""BDs of every kind of tile as words, and the operations of a sequence that write them: numbers of our own."""

from __future__ import annotations

import pytest

from tileproof.errors import Problem
from tileproof.insts import BlockWrite, MaskWrite, Write, decode
from tileproof.insts.tile_bd import (
    DMA_REGISTERS,
    bd_fields,
    bd_offset,
    bd_words,
    bd_words_at,
    channel_of_queue,
    control_offset,
    misfit,
    queue_offset,
)
from tileproof.lowering.lower import lower_design
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.reader import read_design

FIELDS = (
    *("buffer_length", "buffer_offset", "enable_packet", "out_of_order_id", "packet_id", "packet_type"),
    *(f"d{dimension}_{what}" for dimension in range(3) for what in ("size", "stride", "zero_before", "zero_after")),
    *("iteration_current", "iteration_size", "iteration_stride", "next_bd", "use_next_bd", "valid_bd"),
    *("lock_rel_val", "lock_rel_id", "lock_acq_enable", "lock_acq_val", "lock_acq_id"),
)


def operations(*lines: str) -> tuple[object, ...]:
    text = "\n".join(
        [
            "module {",
            "  aie.device(npu1) {",
            "    %shim = aie.tile(0, 0)",
            "    %mem = aie.tile(0, 1)",
            "    %core = aie.tile(0, 2)",
            "    aie.runtime_sequence @run() {",
            *lines,
            "    }",
            "  }",
            "}",
        ]
    )
    lowered = lower_design(read_design(text, "d.mlir"))
    return decode(sequence_words(lowered, main_sequence(lowered)), "words").operations


def write_bd(row: int, bd_id: int, **values: int) -> str:
    fields = {"column": 0, "row": row, "bd_id": bd_id, **dict.fromkeys(FIELDS, 0), **values}
    return f"aiex.npu.writebd {{{', '.join(f'{key} = {value} : i32' for key, value in fields.items())}}}"


@pytest.mark.parametrize("kind", ["shim", "mem", "core"])
def test_no_two_fields_of_a_bd_have_a_bit_in_common(kind: str) -> None:
    bits = [(word, low + bit) for word, low, count in DMA_REGISTERS[kind].fields.values() for bit in range(count)]

    assert len(bits) == len(set(bits))
    assert max(bit for _, bit in bits) < 32


@pytest.mark.parametrize("kind", ["shim", "mem", "core"])
def test_the_words_of_a_bd_give_its_fields_back(kind: str) -> None:
    values = {name: (number * 7 + 1) % (1 << bits) for number, (name, (_, _, bits)) in enumerate(_fields(kind))}
    values |= {"lock_rel_val": -3, "lock_acq_val": -1}

    assert bd_fields(kind, bd_words(kind, values)) == values


def _fields(kind: str) -> list[tuple[str, tuple[int, int, int]]]:
    return list(DMA_REGISTERS[kind].fields.items())


@pytest.mark.parametrize(
    ("row", "bd_id", "values", "address", "words"),
    [
        # Worked out by hand: 64 words from byte 256 on, then BD 3; lock 2 at least 1, lock 1 by 1.
        (
            2,
            4,
            {"buffer_length": 64, "buffer_offset": 256, "next_bd": 3, "use_next_bd": 1, "valid_bd": 1}
            | {"lock_acq_enable": 1, "lock_acq_id": 2, "lock_acq_val": -1, "lock_rel_id": 1, "lock_rel_val": 1},
            0x21D080,
            (64 << 14 | 64, 0, 0, 0, 0, 3 << 27 | 1 << 26 | 1 << 25 | 1 << 18 | 1 << 13 | 1 << 12 | 127 << 5 | 2),
        ),
        (
            1,
            24,
            {"buffer_length": 16, "buffer_offset": 5, "d0_size": 4, "d0_stride": 1, "d1_stride": 7, "valid_bd": 1},
            0x1A0300,
            (16, 5, 4 << 17 | 1, 7, 0, 0, 0, 1 << 31),
        ),
        (
            0,
            2,
            {"buffer_length": 8, "enable_packet": 1, "packet_id": 3, "packet_type": 1, "valid_bd": 1},
            0x1D040,
            (8, 0, 1 << 30 | 3 << 19 | 1 << 16, 0, 2 << 30, 2 << 24, 0, 1 << 25),
        ),
    ],
    ids=["core", "mem", "shim"],
)
def test_a_written_bd_is_one_block_of_words(
    row: int, bd_id: int, values: dict[str, int], address: int, words: tuple[int, ...]
) -> None:
    assert operations(write_bd(row, bd_id, **values)) == (BlockWrite(address=address, words=words),)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            write_bd(2, 16),
            "error: there is no BD 16 on tile (0, 2)\n  where: d.mlir:7:1\n  why:   a core tile has BDs 0 to 15",
        ),
        (
            write_bd(2, 0, buffer_length=1 << 14),
            "error: buffer_length of the BD cannot be 16,384\n  where: d.mlir:7:1\n"
            "  why:   its field in a BD of core (0, 2) has 14 bits\n  fix:   correct it",
        ),
        (write_bd(6, 0), "error: there is no tile (0, 6)"),
        (write_bd(0, 0, burst_length=100), "error: there is no burst of 100 bytes"),
        ("aiex.core_reset(%mem)", "error: there is no core on mem (0, 1)"),
        ("aiex.dma_channel_reset(%core, MM2S, 2)", "error: there is no MM2S channel 2 on core (0, 2)"),
        (
            "aiex.dma_channel_reset(%shim, S2MM, 1)",
            "error: the channels of shim (0, 0) cannot be reset\n  where: d.mlir:7:1\n"
            "  why:   the bit that resets a channel of a core or mem tile pauses one of a shim tile\n"
            "  fix:   name a tile of row 1 to 5",
        ),
    ],
)
def test_what_no_register_holds_is_refused(line: str, words: str) -> None:
    with pytest.raises(Problem) as caught:
        operations(line)

    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("aiex.core_reset(%core)", 0x232000),
        ("aiex.dma_channel_reset(%core, MM2S, 1)", 0x21DE18),
        ("aiex.dma_channel_reset(%mem, S2MM, 5)", 0x1A0628),
    ],
)
def test_a_reset_is_bit_1_set_and_cleared(line: str, address: int) -> None:
    assert operations(line) == tuple(MaskWrite(address=address, value=value, mask=2) for value in (2, 0))


def again(*fifos: str) -> tuple[object, ...]:
    """What a reset for @of writes in a design with these fifos."""
    text = "\n".join(
        [
            "module {",
            "  aie.device(npu2) {",
            "    %shim = aie.tile(0, 0)",
            "    %mem = aie.tile(0, 1)",
            "    %core = aie.tile(0, 2)",
            "    %next = aie.tile(0, 3)",
            "    %far = aie.tile(0, 5)",
            *fifos,
            "    aie.runtime_sequence @run() {",
            "aiex.dma_channel_reset_for(@of)",
            "} } }",
        ]
    )
    lowered = lower_design(read_design(text, "d.mlir"))
    return decode(sequence_words(lowered, main_sequence(lowered)), "words").operations


def of(ends: str, depth: str = "2 : i32", attributes: str = "") -> str:
    return f"aie.objectfifo @of({ends}, {depth}){attributes} : !aie.objectfifo<memref<16xi32>>"


CHANNELS = {"core MM2S": 0x21DE10, "core S2MM": 0x21DE00, "far S2MM": 0x51DE00, "mem MM2S": 0x1A0630}


def pulse(channel: str) -> tuple[object, ...]:
    return tuple(MaskWrite(address=CHANNELS[channel], value=value, mask=2) for value in (2, 0))


def locks(base: int, *values: int, first: int = 0) -> tuple[object, ...]:
    return tuple(Write(address=base + 16 * number, value=value) for number, value in enumerate(values, first))


def start(channel: str, bd_id: int = 0, runs: int = 1) -> object:
    return Write(address=CHANNELS[channel] + 4, value=bd_id | runs - 1 << 16)


def test_a_reset_for_a_fifo_resets_its_channels_then_its_locks_and_starts_its_bds():
    assert again(of("%core, {%far}")) == (
        *pulse("core MM2S"),
        *pulse("far S2MM"),
        *locks(0x21F000, 2, 0),
        *locks(0x51F000, 2, 0),
        start("core MM2S"),
        start("far S2MM"),
    )


def test_a_shim_end_is_the_hosts():
    assert again(of("%shim, {%core}", "3 : i32")) == (*pulse("core S2MM"), *locks(0x21F000, 3, 0), start("core S2MM"))


def test_a_shared_fifo_has_locks_only():
    assert again(of("%core, {%next}")) == locks(0x21F000, 2, 0)


def test_a_reset_begins_with_the_first_bd_and_runs_as_often_as_at_the_start():
    assert again(
        "aie.objectfifo @other(%mem, {%far}, 2 : i32) : !aie.objectfifo<memref<16xi32>>",
        of("%mem, {%core}", "1 : i32", " {repeat_count = 4 : i32, prod_dma_channel = 0 : i32}"),
    )[-2:] == (start("mem MM2S", 0, 4), start("core S2MM"))


def test_locks_of_several_consumers_follow_each_other_and_no_other_fifo_is_touched():
    written = again(
        of("%core, {%far, %mem}"),
        "aie.objectfifo @of_more(%core, {%far}, 1 : i32) : !aie.objectfifo<memref<16xi32>>",
    )

    assert [one.value for one in written if isinstance(one, Write)][:6] == [2, 0, 2, 0, 2, 0]
    assert len(written) == 6 + 6 + 3


def test_a_fifo_without_channels_and_locks_cannot_begin_again():
    with pytest.raises(Problem) as caught:
        again(of("%core, {%next}", attributes=" {disable_synchronization = true}"))

    assert str(caught.value) == (
        "error: @of has no channel and no lock that could begin again\n"
        "  where: d.mlir:10:1\n"
        "  why:   a reset is of what it has at cores and mem tiles; a shim end is the host's\n"
        "  fix:   leave the reset away, or name another fifo"
    )


@pytest.mark.parametrize("kind", ["shim", "mem", "core"])
def test_a_bd_and_a_queue_are_found_by_where_they_lie(kind: str) -> None:
    count = DMA_REGISTERS[kind].words
    assert bd_words_at(kind, bd_offset(kind, 7), count) == (7, 0)
    assert bd_words_at(kind, bd_offset(kind, 7) + 4, count - 1) == (7, 1)
    assert bd_words_at(kind, bd_offset(kind, 7) + 4, count) is None  # one more than it has
    assert bd_words_at(kind, bd_offset(kind, 7) + 2, 1) is None
    assert bd_words_at(kind, bd_offset(kind, 48), 1) is None
    assert bd_words_at(kind, bd_offset(kind, 0) - 4, 1) is None
    assert channel_of_queue(kind, queue_offset(kind, "MM2S", 1)) == ("MM2S", 1)
    assert channel_of_queue(kind, control_offset(kind, "MM2S", 1)) is None
    assert misfit(kind, {"buffer_length": -1}) == ("buffer_length", -1, DMA_REGISTERS[kind].fields["buffer_length"][2])
