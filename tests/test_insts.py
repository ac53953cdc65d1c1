"""The instruction stream: our words are mlir-aie's, and no words make the reader do worse than refuse."""

from __future__ import annotations

import json
import random
import re
import struct
from dataclasses import replace
from math import prod
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tileproof.errors import Problem
from tileproof.insts import (
    SHORT,
    BlockWrite,
    CreateScratchpad,
    DdrPatch,
    InstructionStream,
    MaskWrite,
    Operation,
    Packet,
    PatchBd,
    PatchElsewhere,
    Push,
    RouteTokens,
    SetBd,
    SetRegisters,
    ShimTransfer,
    Sync,
    Uninterpreted,
    UpdateFromScratchpad,
    Verbatim,
    Wait,
    Write,
    binary_words,
    decode,
    encode,
    npu_actions,
    push_operations,
    shim_bd,
    stream_for,
    task_bd_operations,
    tile_address,
    tile_of,
    transfer_operations,
    wait_operation,
)
from tileproof.mlir_aie_versions import Version, version_named

CORPUS = Path(__file__).parents[2] / "shared" / "conformance"
MARCH, AUGUST = version_named("2026-03"), version_named("2026-08")
VERSIONS = (MARCH, AUGUST)
MUTATIONS = 3000


def linear(elements: int, element_bytes: int = 1, **changes) -> ShimTransfer:
    plain = ShimTransfer(
        column=0,
        direction="MM2S",
        channel=0,
        bd_id=1,
        argument=0,
        byte_offset=0,
        sizes=(1, 1, 1, elements),
        strides=(0, 0, 0, 1),
        element_bytes=element_bytes,
    )
    return replace(plain, **changes)


def words_of(*operations: Operation, generation="npu1", columns=None) -> list[str]:
    data = encode(stream_for(generation, operations, columns=columns))
    return [f"{word:08x}" for (word,) in struct.iter_unpack("<I", data)]


def block(transfer: ShimTransfer, generation="npu1", version=AUGUST) -> list[str]:
    """The eight words of the transfer's BD."""
    write = transfer_operations(transfer, generation=generation, mlir_aie_version=version)[0]
    assert isinstance(write, BlockWrite)
    return [f"{word:08x}" for word in write.words]


def push_value(transfer: ShimTransfer, **options) -> int:
    write = transfer_operations(transfer, generation="npu1", **options)[-1]
    assert isinstance(write, Write)
    return write.value


def mel_operations() -> tuple[Operation, ...]:
    """800 B in on BD 1, 80 B out on BD 0, and a wait for the output."""
    frame = linear(400, element_bytes=2)
    bins = linear(80, direction="S2MM", bd_id=0, argument=1)
    return (
        *transfer_operations(frame, generation="npu1"),
        *transfer_operations(bins, generation="npu1"),
        wait_operation(0, 0, "S2MM"),
    )


# --- words --------------------------------------------------------------------------------------------------


def test_the_mel_sequence_is_75_words_of_8_operations():
    words = words_of(*mel_operations())

    expected = """
        06030100 00000104 00000008 0000012c
        00000001 00000000 0001d020 00000030  000000c8 0 0 0 80000000 02000000 0 02000000
        00000081 00000030 0 0 0 0 0001d024 0 0 0 0 0
        00000000 00000000 0001d214 00000000 00000001 00000018
        00000001 00000000 0001d000 00000030  00000014 0 0 0 80000000 02000000 0 02000000
        00000081 00000030 0 0 0 0 0001d004 0 1 0 0 0
        00000003 00000000 0001d200 00000000 00000f00 00001f00 0000001c
        00000000 00000000 0001d204 00000000 80000000 00000018
        00000080 00000010 00000000 00010100
    """
    assert [word.zfill(8) for word in expected.split()] == words
    assert len(words) == 75


def test_the_header_of_a_partial_device_has_its_columns():
    assert words_of(columns=1)[:2] == ["06030100", "00000101"]
    assert words_of(generation="npu2")[:2] == ["06040100", "00000108"]


def test_four_dimensions_go_into_the_fields_minus_one():
    transfer = linear(16, element_bytes=4, sizes=(3, 4, 8, 16), strides=(8192, 16, 64, 1))

    # 512 words a run; d0 16 x 1, d1 8 x 64, d2 stride 16; the iteration walks 8,192 words three times.
    assert block(transfer) == [
        "00000200", "00000000", "00000000", "01000000", "8080003f", "0200000f", "00201fff", "02000000",
    ]  # fmt: skip
    assert push_value(transfer) == 1 | 2 << 16


def test_sizes_in_bytes_become_words_and_npu2_bursts_512_bytes():
    transfer = linear(16, sizes=(4, 3, 16, 16), strides=(1024, 16, 64, 1), byte_offset=16)

    assert block(transfer, generation="npu2") == [
        "000000c0", "00000000", "00000000", "00400000", "c100000f", "02000003", "003000ff", "02000000",
    ]  # fmt: skip
    patch = transfer_operations(transfer, generation="npu2")[1]
    assert patch == DdrPatch(address=0x1D024, argument=0, byte_offset=16)


@pytest.mark.parametrize(("version", "d0", "d1"), [(MARCH, "03000000", "80a0002f"), (AUGUST, "00000000", "80000000")])
def test_a_repeat_is_left_to_the_queue_and_only_2026_08_folds_its_rows(version, d0, d1):
    transfer = linear(48, element_bytes=4, sizes=(5, 1, 10, 48), strides=(0, 0, 48, 1))

    assert block(transfer, version=version) == [
        "000001e0", "00000000", "00000000", d0, d1, "02000000", "00000000", "02000000",
    ]  # fmt: skip
    assert push_value(transfer, mlir_aie_version=version) == 1 | 4 << 16


def test_a_row_that_is_too_long_is_split_by_2026_08_and_refused_by_2026_03():
    transfer = linear(2048, element_bytes=4, sizes=(1, 1, 4, 2048), strides=(0, 0, 4096, 1))

    assert block(transfer) == [
        "00000800", "00000000", "00000000", "00000000", "80000000", "02000000", "00300fff", "02000000",
    ]  # fmt: skip
    assert push_value(transfer) == 1 | 3 << 16
    with pytest.raises(Problem) as caught:
        block(transfer, version=MARCH)
    assert caught.value.why == "the innermost size is 2,048 words, and the field holds 1,023"
    assert caught.value.where == "shim tile (0, 0), MM2S channel 0, BD 1"


def test_a_linear_transfer_has_no_limit_of_1023_words():
    assert block(linear(12288), version=MARCH)[0] == f"{12288 // 4:08x}"


@pytest.mark.parametrize(("burst", "top"), [(64, "0"), (128, "4"), (256, "8"), (0, "8")])
def test_a_burst_length_is_two_bits(burst, top):
    assert block(linear(64, burst_length=burst))[4] == top + "0000000"


def test_a_packet_is_put_into_the_third_word():
    assert block(linear(64, element_bytes=4, packet=Packet(id=5, type=3)))[2] == "402b0000"


def test_a_stride_that_is_never_taken_leaves_no_trace():
    assert block(linear(16, element_bytes=4, sizes=(1, 1, 4, 16), strides=(7, 99, 32, 1))) == [
        "00000040", "00000000", "00000000", "01000000", "8040001f", "02000000", "00000000", "02000000",
    ]  # fmt: skip


def test_runs_that_begin_one_word_after_the_other_move_on():
    assert block(linear(16, element_bytes=4, sizes=(3, 1, 1, 16), strides=(1, 0, 0, 1)))[6] == "00200000"


def test_a_row_of_bytes_is_split_into_whole_words():
    """Its largest part of 6,150 bytes would be none, and is passed over."""
    transfer = linear(12300, sizes=(1, 1, 2, 12300), strides=(0, 0, 16384, 1))

    assert (block(transfer)[0], push_value(transfer)) == (f"{3075:08x}", 1 | 1 << 16)


def test_rows_of_eight_bytes_one_after_the_other_are_two_words_apart():
    assert block(linear(2, element_bytes=8, sizes=(1, 1, 4, 2), strides=(0, 0, 1, 1)))[4] == "80400001"


def test_a_block_without_gaps_is_one_run_however_long_its_rows():
    transfer = linear(2048, element_bytes=4, sizes=(1, 4, 4, 2048), strides=(0, 8192, 2048, 1))

    assert block(transfer)[:7] == [
        f"{32768:08x}",
        "00000000",
        "00000000",
        "00000000",
        "80000000",
        "02000000",
        "00000000",
    ]
    assert push_value(transfer) == 1


def test_2026_03_writes_one_row_without_dimensions_only_where_its_strides_say_nothing_else():
    assert block(linear(64, element_bytes=4, strides=(0, 0, 64, 1)), version=MARCH)[3] == "04000000"
    assert block(linear(64, element_bytes=4, strides=(0, 0, 0, 1)), version=MARCH)[3] == "00000000"


def test_tokens_go_to_the_controller_that_is_named():
    operations = transfer_operations(linear(64, direction="S2MM", controller_id=3), generation="npu1")

    assert operations[-2] == MaskWrite(address=0x1D200, value=0x300, mask=0x1F00)


def test_a_push_is_one_run_without_a_token_unless_more_is_asked_for():
    assert push_operations(0, 0, "MM2S", 5) == (Write(address=0x1D214, value=5),)


def test_another_column_and_channel_are_in_every_address():
    operations = transfer_operations(linear(64, column=3, channel=1, issue_token=True), generation="npu1")

    addresses = [operation.address for operation in operations]  # type: ignore[union-attr]
    assert addresses == [0x601D020, 0x601D024, 0x601D218, 0x601D21C]
    assert words_of(wait_operation(3, 1, "MM2S"))[4:] == ["00000080", "00000010", "00030001", "01010100"]


def test_only_2026_08_adds_the_aperture_to_arguments_that_the_firmware_leaves_alone():
    patches = {
        (version.name, argument): transfer_operations(
            linear(64, argument=argument, byte_offset=8), generation="npu1", mlir_aie_version=version
        )[1].byte_offset  # type: ignore[union-attr]
        for version in VERSIONS
        for argument in (4, 5)
    }

    assert patches == {
        ("2026-03", 4): 8,
        ("2026-03", 5): 8,
        ("2026-08", 4): 8,
        ("2026-08", 5): 0x8000_0008,
    }


def test_a_task_is_its_chain_of_bds_and_one_push():
    first = linear(32, element_bytes=4, bd_id=0, next_bd=1)
    second = linear(96, element_bytes=4, bd_id=1, byte_offset=3072, sizes=(1, 1, 6, 16), strides=(0, 0, 32, 1))

    words = words_of(
        *task_bd_operations(first, generation="npu1"),
        *task_bd_operations(second, generation="npu1"),
        *push_operations(0, 0, "MM2S", 0, runs=3, issue_token=True),
    )

    expected = """
        00000001 0 0001d000 30  20 0 0 0 80000000 02000000 0 0e000000
        00000081 30 0 0 0 0 0001d004 0 0 0 0 0
        00000001 0 0001d020 30  60 c00 0 01000000 8060001f 02000000 0 02000000
        00000081 30 0 0 0 0 0001d024 0 0 0 c00 0
        00000003 0 0001d210 0 f00 1f00 1c
        00000000 0 0001d214 0 80020000 18
    """
    assert [word.zfill(8) for word in expected.split()] == words[4:]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"sizes": (1, 0, 4, 64)}, "each must be at least 1"),
        ({"sizes": (1, 1, 2, 64)}, "only the outermost stride may be 0"),
        ({"sizes": (2, 1, 1, 64), "strides": (-64, 0, 0, 1)}, "only the outermost stride may be 0"),
        ({"sizes": (1, 1, 4, 32), "strides": (0, 0, 1, 1)}, "its stride 1 is 1 bytes"),
        ({"sizes": (1, 1, 1, 32), "strides": (0, 0, 0, 2)}, "its stride 0 is 2 bytes"),
        ({"sizes": (1, 1, 4, 30), "strides": (0, 0, 64, 1)}, "its innermost size is 30 bytes"),
        ({"sizes": (1, 1, 4, 32), "strides": (0, 0, 66, 1)}, "its stride 1 is 66 bytes"),
        ({"byte_offset": 2}, "its offset is 2 bytes"),
        ({"byte_offset": -4}, "its offset is -4 bytes"),
        ({"sizes": (66, 1, 1, 64), "strides": (64, 0, 0, 1)}, "the outermost size is 66"),
        ({"burst_length": 512}, "none of npu1's (64, 128, 256)"),
        # 1031 is prime, so no second dimension takes over a part of it.
        (
            {"sizes": (1, 2, 1031, 4), "strides": (0, 16384, 8, 1)},
            "size 1 is 1,031, and the field holds 1,023",
        ),
    ],
)
def test_what_mlir_aie_refuses_is_refused(changes, why):
    with pytest.raises(Problem) as caught:
        transfer_operations(linear(64, **changes), generation="npu1")
    assert why in caught.value.why


@pytest.mark.parametrize(
    ("field", "dimension", "most", "why"),
    [
        ("sizes", 3, 1023, "the innermost size is 1,024 words, and the field holds 1,023"),
        ("sizes", 2, 1023, "size 1 is 1,024, and the field holds 1,023"),
        # mlir-aie's own checks let one more pass than these two fields hold.
        ("sizes", 0, 65, "the outermost size is 66, and the iteration count goes to 64"),
        ("strides", 2, 2**20 + 1, "a stride is 1,048,578 words, and the field holds 1,048,576"),
    ],
)
def test_a_field_is_taken_up_to_its_largest_value_and_refused_beyond(field, dimension, most, why):
    fits = linear(16, element_bytes=4, sizes=(1, 1, 2, 16), strides=(16, 0, 4096, 1))

    def changed(value):
        values = list(getattr(fits, field))
        values[dimension] = value
        return replace(fits, **{field: tuple(values)})

    assert block(changed(most), version=MARCH)
    with pytest.raises(Problem) as caught:
        block(changed(most + 1), version=MARCH)
    assert caught.value.why == why


# --- and back -----------------------------------------------------------------------------------------------


def test_the_actions_say_what_the_mel_sequence_does():
    actions = npu_actions(stream_for("npu1", mel_operations()))

    assert [(type(action).__name__, action.word) for action in actions] == [
        ("SetBd", 4),
        ("PatchBd", 16),
        ("Push", 28),
        ("SetBd", 34),
        ("PatchBd", 46),
        ("RouteTokens", 58),
        ("Push", 65),
        ("Wait", 71),
    ]
    frame, _, start, bins, patch, route, push, wait = actions
    assert isinstance(frame, SetBd)
    assert isinstance(bins, SetBd)
    assert (frame.bd_id, frame.bd.length, frame.bd.dimensions) == (1, 200, ((200, 1),))
    assert (bins.bd_id, bins.bd.length) == (0, 20)
    assert patch == PatchBd(word=46, column=0, bd_id=0, argument=1, byte_offset=0)
    assert route == RouteTokens(word=58, column=0, direction="S2MM", channel=0, controller_id=15)
    assert start == Push(word=28, column=0, direction="MM2S", channel=0, bd_id=1, runs=1, issue_token=False)
    assert push == Push(word=65, column=0, direction="S2MM", channel=0, bd_id=0, runs=1, issue_token=True)
    assert wait == Wait(word=71, column=0, row=0, direction="S2MM", channel=0)


@pytest.mark.parametrize(
    ("argument", "byte_offset", "version", "has_aperture"),
    [(6, 12, AUGUST, True), (5, 0, AUGUST, True), (6, 12, MARCH, False), (4, 12, AUGUST, False)],
)
def test_an_action_on_a_late_argument_is_free_of_the_aperture(argument, byte_offset, version, has_aperture):
    transfer = linear(64, argument=argument, byte_offset=byte_offset)
    operations = transfer_operations(transfer, generation="npu1", mlir_aie_version=version)

    patch = npu_actions(stream_for("npu1", operations))[1]

    assert patch == PatchBd(
        word=16, column=0, bd_id=1, argument=argument, byte_offset=byte_offset, has_aperture=has_aperture
    )


def but(bits: int) -> int:
    return 0xFFFF_FFFF & ~bits


@pytest.mark.parametrize(
    ("field", "word", "value", "expected"),
    [
        ("byte_address", 2, 0xFFFF, 0xFFFF << 32),
        ("byte_address", 2, but(0xFFFF), 0),
        ("packet", 2, 1 << 30, Packet(id=0)),
        ("packet", 2, 1 << 30 | 0x1F << 19, Packet(id=31)),
        ("packet", 2, 1 << 30 | 0x7 << 16, Packet(id=0, type=7)),
        ("packet", 2, 0xFFFF_FFFF, Packet(id=31, type=7)),
        ("packet", 2, but(1 << 30), None),
        ("d0_size", 3, 0x3FF << 20, 1023),
        ("d0_size", 3, but(0x3FF << 20), 0),
        ("d0_stride", 3, 0xFFFFF, 1 << 20),
        ("d0_stride", 3, but(0xFFFFF), 1),
        ("d1_size", 4, 0x3FF << 20, 1023),
        ("d1_size", 4, but(0x3FF << 20), 0),
        ("d1_stride", 4, 0xFFFFF, 1 << 20),
        ("d1_stride", 4, but(0xFFFFF), 1),
        ("burst_bytes", 4, 3 << 30, 512),
        ("burst_bytes", 4, but(3 << 30), 64),
        ("d2_stride", 5, 0xFFFFF, 1 << 20),
        ("d2_stride", 5, but(0xFFFFF), 1),
        ("iteration_size", 6, 0x3F << 20, 64),
        ("iteration_size", 6, but(0x3F << 20), 1),
        ("iteration_stride", 6, 0xFFFFF, 1 << 20),
        ("iteration_stride", 6, but(0xFFFFF), 1),
        ("iteration_current", 6, 0x3F << 26, 63),
        ("iteration_current", 6, but(0x3F << 26), 0),
        ("valid", 7, 1 << 25, True),
        ("valid", 7, but(1 << 25), False),
        ("next_bd", 7, 1 << 26, 0),
        ("next_bd", 7, 0xFFFF_FFFF, 15),
        ("next_bd", 7, but(1 << 26), None),
        ("lock_acquire", 7, 1 << 12, (0, 0)),
        ("lock_acquire", 7, 1 << 12 | 0xF, (15, 0)),
        ("lock_acquire", 7, 1 << 12 | 0x40 << 5, (0, -64)),
        ("lock_acquire", 7, 0xFFFF_FFFF, (15, -1)),
        ("lock_acquire", 7, but(1 << 12), None),
        ("lock_release", 7, 1 << 18, (0, 1)),
        ("lock_release", 7, 0x7F << 18, (0, -1)),
        ("lock_release", 7, 0xFFFF_FFFF, (15, -1)),
        ("lock_release", 7, but(0x7F << 18), None),
    ],
)
def test_a_field_of_a_bd_is_read_from_its_own_bits(field, word, value, expected):
    """The bits are those of aie-rt's register header (DMA_BD0_2 to DMA_BD0_7 of a shim tile)."""
    words = [0] * 8
    words[word] = value

    assert getattr(shim_bd(BlockWrite(address=0x1D000, words=tuple(words))), field) == expected


def test_a_chained_bd_says_which_one_follows():
    bd = shim_bd(BlockWrite(address=0x1D000, words=(0x40, 0x400, 0, 0, 0x80000000, 0x2000000, 0, 0xE000000)))

    assert (bd.next_bd, bd.valid, bd.byte_address, bd.burst_bytes) == (1, True, 0x400, 256)


def test_a_bd_with_locks_says_which_and_by_how_much():
    word = 1 << 25 | 1 << 18 | 3 << 13 | 1 << 12 | 0x7F << 5 | 4
    bd = shim_bd(BlockWrite(address=0x1D000, words=(1, 0, 0, 0, 0, 0, 0, word)))

    assert (bd.lock_acquire, bd.lock_release) == ((4, -1), (3, 1))


def test_the_iteration_starts_over_after_its_last_run():
    transfer = linear(16, element_bytes=4, sizes=(3, 1, 2, 16), strides=(64, 0, 32, 1))
    bd = shim_bd(transfer_operations(transfer, generation="npu1")[0])  # type: ignore[arg-type]

    assert [bd.iteration_offset(run) for run in range(4)] == [0, 64, 128, 0]
    assert bd.dimensions == ((1, 1), (2, 32), (16, 1))


def test_a_push_reads_no_more_than_its_own_bits():
    (action,) = npu_actions(stream_for("npu1", (Write(address=0x1D214, value=but(0xF | 0xFF << 16)),)))

    assert action == Push(word=4, column=0, direction="MM2S", channel=0, bd_id=0, runs=1, issue_token=True)


def test_one_write_of_two_bds_sets_both():
    operation = BlockWrite(address=tile_address(2, 0, 0x1D000 + 14 * 0x20), words=(8,) * 16)

    actions = npu_actions(stream_for("npu1", (operation,)))

    assert [(a.column, a.bd_id) for a in actions if isinstance(a, SetBd)] == [(2, 14), (2, 15)]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (Write(address=tile_address(1, 2, 0x500), value=9), (1, 2, 0x500, (9,), 0xFFFFFFFF)),
        (MaskWrite(address=0x1D200, value=2, mask=2), (0, 0, 0x1D200, (2,), 2)),
        # BD 16 does not exist: its place is the control registers of the channels.
        (BlockWrite(address=0x1D200, words=(1,) * 8), (0, 0, 0x1D200, (1,) * 8, 0xFFFFFFFF)),
        (BlockWrite(address=0x1D1E0, words=(1,) * 16), (0, 0, 0x1D1E0, (1,) * 16, 0xFFFFFFFF)),
        (BlockWrite(address=0x1D000, words=(1,) * 7), (0, 0, 0x1D000, (1,) * 7, 0xFFFFFFFF)),
        (BlockWrite(address=0x1D000, words=(1,) * 9), (0, 0, 0x1D000, (1,) * 9, 0xFFFFFFFF)),
        # Where a shim tile has its queue, another tile has something else.
        (Write(address=tile_address(0, 1, 0x1D204), value=9), (0, 1, 0x1D204, (9,), 0xFFFFFFFF)),
    ],
)
def test_other_writes_are_registers(operation, expected):
    (action,) = npu_actions(stream_for("npu1", (operation,)))

    assert isinstance(action, SetRegisters)
    assert (action.column, action.row, action.offset, action.words, action.mask) == expected


def test_an_address_patched_outside_the_bds_is_kept():
    (action,) = npu_actions(stream_for("npu1", (DdrPatch(address=0x1D000, argument=0, byte_offset=0),)))

    assert isinstance(action, PatchElsewhere)


def test_an_operation_we_do_not_interpret_keeps_its_words_and_its_name():
    words = (0x83, 12, 77)
    (operation,) = decode(encode(stream_for("npu1", (Verbatim(words=words),))), "insts.bin").operations
    (action,) = npu_actions(stream_for("npu1", (operation,)))

    assert operation == Verbatim(words=words)
    assert action == Uninterpreted(word=4, name="record_timer", words=words)


U32 = st.integers(0, 0xFFFF_FFFF)
BYTE = st.integers(0, 0xFF)
OPERATIONS = st.one_of(
    st.builds(Write, address=U32, value=U32),
    st.builds(BlockWrite, address=U32, words=st.lists(U32, max_size=9).map(tuple), tile=st.tuples(BYTE, BYTE)),
    st.builds(MaskWrite, address=U32, value=U32, mask=U32),
    st.builds(
        Sync,
        column=BYTE,
        row=BYTE,
        direction=st.sampled_from(("S2MM", "MM2S")),
        channel=BYTE,
        columns=BYTE,
        rows=BYTE,
    ),
    st.builds(CreateScratchpad, nbytes=U32, usage_type=BYTE),
    st.builds(
        UpdateFromScratchpad,
        address=U32,
        entry=BYTE,
        function=st.sampled_from(("mul", "incr", "decr")),
        argument=U32,
    ),
    st.builds(DdrPatch, address=U32, argument=U32, byte_offset=st.integers(0, (1 << 64) - 1)),
)


@given(operations=st.lists(OPERATIONS, max_size=6), header=st.tuples(BYTE, BYTE, BYTE, BYTE))
def test_what_was_encoded_is_decoded(operations, header):
    generation, columns, rows, mem_tile_rows = header
    stream = InstructionStream(
        operations=tuple(operations), generation=generation, columns=columns, rows=rows, mem_tile_rows=mem_tile_rows
    )

    assert decode(encode(stream), "insts.bin") == stream


SMALL = st.integers(1, 6)


@given(
    sizes=st.tuples(SMALL, SMALL, SMALL, SMALL),
    strides=st.tuples(st.integers(0, 90), *[st.integers(1, 90)] * 3),
    version=st.sampled_from(VERSIONS),
)
def test_the_words_that_a_bd_walks_are_those_of_the_transfer(sizes, strides, version):
    """Element by element for i32: written and read back, it visits the same words in the same order."""
    transfer = linear(1, element_bytes=4, sizes=sizes, strides=strides)
    assert walk(tuple(zip(sizes, strides, strict=True))) == walked(transfer, version)


@pytest.mark.parametrize(
    ("sizes", "strides"),
    [
        ((1, 1, 4, 2048), (0, 0, 4096, 1)),
        ((1, 1, 2048, 1), (0, 0, 8, 1)),
        ((1, 2, 2062, 3), (0, 32768, 8, 1)),
        ((1, 1, 3, 2222), (0, 0, 5000, 2)),
    ],
)
def test_a_transfer_that_is_split_moves_the_same_words_in_the_same_order(sizes, strides):
    transfer = linear(1, element_bytes=4, sizes=sizes, strides=strides)

    assert walk(tuple(zip(sizes, strides, strict=True))) == walked(transfer, AUGUST)


def walked(transfer: ShimTransfer, version: Version) -> list[int]:
    operations = transfer_operations(transfer, generation="npu1", mlir_aie_version=version)
    actions = npu_actions(stream_for("npu1", operations))
    (bd,) = (action.bd for action in actions if isinstance(action, SetBd))
    (runs,) = (action.runs for action in actions if isinstance(action, Push))
    return [bd.iteration_offset(run) + word for run in range(runs) for word in walk(bd.dimensions)[: bd.length]]


def walk(dimensions: tuple[tuple[int, int], ...]) -> list[int]:
    offsets = [0]
    for count, stride in dimensions:
        offsets = [start + step * stride for start in offsets for step in range(count)]
    return offsets


# --- what is refused ----------------------------------------------------------------------------------------


def refusal(data: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        decode(data, "insts.bin")
    return caught.value


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is empty"),
        (bytes(7), "it has 7 bytes, and the header alone takes 16"),
        (b"\x7fELF" + bytes(60), "an ELF object"),
        (b"xclbin2\0" + bytes(60), "an xclbin"),
        (b"06030100\n00000104\n00000008\n0000012C\n", "a hexadecimal word a line"),
        (b"<html>not here</html>", "it is text, beginning with '<html>"),
        (struct.pack("<4I", 0x11, 0x01000405, 0x01000100, 0x0B590100), "what mlir-aie wrote until June 2024"),
    ],
)
def test_what_is_no_stream_is_named_for_what_it_looks_like(data, why):
    problem = refusal(data)

    assert (problem.what, problem.where) == ("insts.bin is not an instruction stream", "insts.bin, word 0 (byte 0)")
    assert why in problem.why


def changed(word: int, value: int) -> bytes:
    data = bytearray(encode(stream_for("npu1", mel_operations())))
    struct.pack_into("<I", data, 4 * word, value)
    return bytes(data)


def cut_behind(word: int) -> bytes:
    """The stream up to that word, its length put right."""
    return changed(3, 4 * (word + 1))[: 4 * (word + 1)]


@pytest.mark.parametrize(
    ("data", "where", "why"),
    [
        (changed(0, 0x06030002), 0, "transaction version 2.0, and mlir-aie writes 0.1, or once 1.0"),
        (changed(0, 0x06030001), 4, "blockwrite takes 29,704 words, and 71 are left"),
        (changed(1, 0x00010104), 1, "the upper half of the word is unused, and it is 0x00010104"),
        (changed(2, 9), 2, "announces 9 operations, and 8 follow"),
        (changed(3, 304), 3, "declares 304 bytes, and the file has 300"),
        (changed(3, 304)[:16], 3, "declares 304 bytes, and the file has 16"),
        (changed(7, 0x31), 4, "blockwrite has a size of 49 bytes, not a multiple of 4 from 16 up"),
        (changed(7, 0), 4, "blockwrite has a size of 0 bytes"),
        (changed(7, 12), 4, "blockwrite has a size of 12 bytes"),
        (cut_behind(71), 71, "sync has a size of 0 bytes"),
        (changed(7, 0xFFFFFFFC), 4, "blockwrite takes 1,073,741,823 words, and 71 are left"),
        (changed(17, 0), 16, "ddr_patch has a size of 0 bytes"),
    ],
)
def test_a_damaged_stream_is_refused_at_the_word(data, where, why):
    problem = refusal(data)

    assert problem.where == f"insts.bin, word {where} (byte {4 * where})"
    assert why in problem.why


# Version 1.0, which has the same operations without the zeros. Written by hand from mlir-aie#1676.
SHORT_TEXT = """\
06030001
00000105
00000006
0000007C
00000001
0001D000
00000014
00000040
00000000
00000081
00000018
0001D004
00000001
00000010
00000000
00000003
0001D210
00000F00
00001F00
00000000
0001D214
80000000
00000080
00000010
00000000
01010100
00000000
00000500
FFFFFFFF
00000006
00000000
"""


def short_stream() -> str:
    """The text, its count and size put right, without the last two words."""
    words = SHORT_TEXT.split()[:-2]
    words[3] = f"{4 * len(words):08X}"
    return "\n".join(words) + "\n"


def test_version_1_0_is_read_and_written_word_for_word():
    data = binary_words(short_stream().encode())
    stream = decode(data, "insts.txt")

    assert (stream.version, stream.device, stream.columns) == (SHORT, "npu1", 5)
    assert stream.operations == (
        BlockWrite(address=0x1D000, words=(0x40, 0)),
        DdrPatch(address=0x1D004, argument=1, byte_offset=16),
        MaskWrite(address=0x1D210, value=0xF00, mask=0x1F00),
        Write(address=0x1D214, value=0x80000000),
        Sync(column=0, row=0, direction="S2MM", channel=1),
        Write(address=0x500, value=0xFFFFFFFF),
    )
    assert encode(stream) == data


@pytest.mark.parametrize("operations", [mel_operations()], ids=["mel"])
def test_both_versions_do_the_same(operations):
    long = stream_for("npu1", operations)
    short = decode(encode(replace(long, version=SHORT)), "insts.bin")

    assert [replace(one, word=0) for one in npu_actions(short)] == [replace(one, word=0) for one in npu_actions(long)]
    assert npu_actions(short)[-1].word == len(encode(short)) // 4 - 4


def test_the_words_of_a_text_are_those_of_the_binary():
    data = encode(stream_for("npu1", mel_operations()))
    words = struct.unpack(f"<{len(data) // 4}I", data)

    for text in ("\n".join(f"{word:08X}" for word in words), "".join(f"0x{word:08x}\r\n" for word in words)):
        assert binary_words(text.encode()) == data
    assert binary_words(data) == data


@pytest.mark.parametrize("text", [b"", b"06030100", b"06030100 00000104 123456789 00000010", b"0x 0x 0x 0x"])
def test_what_is_no_text_of_words_is_left_as_it_is(text):
    assert binary_words(text) == text


def test_an_operation_of_nothing_but_its_size_is_kept():
    data = encode(stream_for("npu1", (Verbatim(words=(0x84, 8)),)))

    assert decode(data, "insts.bin").operations == (Verbatim(words=(0x84, 8)),)


def test_an_operation_with_a_word_that_should_be_zero_is_kept_as_it_is():
    assert decode(changed(29, 1), "insts.bin").operations[2] == Verbatim(words=(0, 1, 0x1D214, 0, 1, 24))


def test_an_unknown_operation_is_named():
    assert refusal(changed(4, 0x7F)).what == "insts.bin: operation 0x7f is unknown to tileproof"


def test_no_damage_to_a_stream_makes_the_reader_do_worse_than_refuse():
    data = encode(stream_for("npu1", mel_operations()))
    for seed in range(MUTATIONS):
        spoilt = mutated(data, random.Random(seed))
        outcome = decoded_or_refused(spoilt, seed)
        if isinstance(outcome, Problem):
            assert (outcome.exit_code, bool(outcome.where)) == (2, True), f"seed {seed}"
        else:
            assert encode(outcome) == spoilt, f"seed {seed}"


def mutated(data: bytes, chance: random.Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        value = chance.choice((0, 1, 3, 0x10, 0x30, 0x80, 0x81, 0x7FFFFFFF, 0xFFFFFFFF, chance.getrandbits(32)))
        struct.pack_into("<I", spoilt, 4 * chance.randrange(len(spoilt) // 4), value)
    if chance.random() < 0.1:
        del spoilt[chance.randint(0, len(spoilt)) :]
        # Half of them with the length put right, so that the cut is not all there is to find.
        if len(spoilt) >= 16 and chance.random() < 0.5:
            struct.pack_into("<I", spoilt, 12, len(spoilt))
    return bytes(spoilt)


def decoded_or_refused(data: bytes, seed: int) -> InstructionStream | Problem:
    try:
        stream = decode(data, "insts.bin")
        npu_actions(stream)
    except Problem as problem:
        return problem
    except Exception as error:
        pytest.fail(f"seed {seed}: {error!r}")
    return stream


# --- against mlir-aie ---------------------------------------------------------------------------------------

ELEMENT_BYTES = {"i8": 1, "i16": 2, "bf16": 2, "i32": 4, "f32": 4}
SEQUENCE = re.compile(r"runtime_sequence\s*(?:@\w+)?\((?P<arguments>.*?)\)\s*\{\n(?P<body>.*?)\n    \}", re.DOTALL)
MEMCPY = re.compile(
    r"dma_memcpy_nd\(%(?P<buffer>\w+)\[(?P<offsets>.*?)\]\[(?P<sizes>.*?)\]\[(?P<strides>.*?)\]"
    r"(?:, packet = <pkt_type = (?P<type>\d+), pkt_id = (?P<packet>\d+)>)?\)"
    r" \{id = (?P<id>\d+) : i64, metadata = @(?P<fifo>\w+)(?P<rest>.*)\} : memref<(?:\d+x)*(?P<dtype>\w+)>"
)
WAIT = re.compile(r"dma_wait \{symbol = @(\w+)\}")


def designs() -> list[tuple[dict, str]]:
    if not CORPUS.is_dir():
        return []
    facts = [json.loads(path.read_text()) for path in sorted(CORPUS.glob("*.json"))]
    return [
        (design, version) for design in facts for version in VERSIONS if design["states"][version.name].get("insts")
    ]


def words_by_us(text: str, facts: dict, version: Version) -> list[str] | None:
    """A reader just good enough for the corpus; None if the sequence has more than transfers and waits."""
    sequence = SEQUENCE.search(text)
    device = re.search(r"aie\.device\((npu\d)(?:_(\d)col)?", text)
    assert sequence is not None
    assert device is not None
    if set(re.findall(r"aiex\.[\w.]+", sequence["body"])) - {"aiex.npu.dma_memcpy_nd", "aiex.npu.dma_wait"}:
        return None
    arguments = re.findall(r"%(\w+)\s*:", sequence["arguments"])
    ends = {end["symbol"].removesuffix("_shim_alloc"): end for end in facts["shim_allocations"]}
    generation = device[1]
    operations: list[Operation] = []
    for line in sequence["body"].splitlines():
        if wait := WAIT.search(line):
            end = ends[wait[1]]
            operations.append(wait_operation(end["tile"][0], end["channel"], end["direction"]))
        elif memcpy := MEMCPY.search(line):
            transfer = transfer_in(memcpy, ends[memcpy["fifo"]], arguments)
            operations += transfer_operations(transfer, generation=generation, mlir_aie_version=version)  # type: ignore[arg-type]
    return words_of(*operations, generation=generation, columns=int(device[2]) if device[2] else None)


def transfer_in(memcpy: re.Match[str], end: dict, arguments: list[str]) -> ShimTransfer:
    offsets, sizes, strides = (
        tuple(int(number) for number in memcpy[group].split(",")) for group in ("offsets", "sizes", "strides")
    )
    burst = re.search(r"burst_length = (\d+)", memcpy["rest"])
    nbytes = ELEMENT_BYTES[memcpy["dtype"]]
    return ShimTransfer(
        column=end["tile"][0],
        direction=end["direction"],
        channel=end["channel"],
        bd_id=int(memcpy["id"]),
        argument=arguments.index(memcpy["buffer"]),
        byte_offset=nbytes * sum(map(prod, zip(offsets, strides, strict=True))),
        sizes=sizes,  # type: ignore[arg-type]
        strides=strides,  # type: ignore[arg-type]
        element_bytes=nbytes,
        issue_token="issue_token = true" in memcpy["rest"],
        burst_length=int(burst[1]) if burst else 0,
        packet=Packet(id=int(memcpy["packet"]), type=int(memcpy["type"])) if memcpy["packet"] else None,
    )


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the conformance corpus is not beside the checkout")
def test_our_words_are_those_of_mlir_aie():
    compared, different = 0, []
    for design, version in designs():
        facts = design["states"][version.name]
        ours = words_by_us((CORPUS / design["files"][version.name]).read_text(), facts, version)
        if ours is not None:
            compared += 1
            different += [] if ours == facts["insts"] else [f"{design['name']} of {version.name}"]

    assert different == []
    assert compared > 200


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the conformance corpus is not beside the checkout")
def test_every_stream_of_mlir_aie_is_read_whole_and_written_again():
    for design, version in designs():
        words = [int(word, 16) for word in design["states"][version.name]["insts"]]
        data = struct.pack(f"<{len(words)}I", *words)

        stream = decode(data, design["name"])

        assert encode(stream) == data, design["name"]
        assert not any(isinstance(operation, Verbatim) for operation in stream.operations), design["name"]


def test_an_address_is_column_row_and_offset():
    assert tile_of(0x201D204) == (1, 0, 0x1D204)
    assert tile_address(1, 2, 0x1D204) == 0x221D204
