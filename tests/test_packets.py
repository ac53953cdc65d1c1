"""Headers of packets and of control packets: their words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tileproof.insts.packets import ControlHeader, has_odd_parity, header_of, id_of, is_header


@pytest.mark.parametrize(
    ("packet_id", "packet_type", "column", "row", "word"),
    [
        (1, 0, 0, 0, 0x0000_0001),
        (1, 0, 0, 2, 0x8002_0001),  # as a core's DMA sends it
        (0, 0, 0, 0, 0x8000_0000),
        (31, 7, 0, 0, 0x8000_701F),
        (2, 5, 3, 1, 0x8061_5002),
    ],
)
def test_a_header_has_the_id_the_type_and_where_it_comes_from(packet_id, packet_type, column, row, word):
    assert header_of(packet_id, packet_type, column, row) == word
    assert is_header(word)
    assert id_of(word) == packet_id


@given(st.integers(0, 31), st.integers(0, 7), st.integers(0, 7), st.integers(0, 5), st.integers(0, 31))
def test_a_header_with_one_other_bit_is_none(packet_id, packet_type, column, row, bit):
    assert not is_header(header_of(packet_id, packet_type, column, row) ^ 1 << bit)


@pytest.mark.parametrize("bit", [5, 11, 15, 28, 30])
def test_bits_that_no_header_has_make_it_none(bit):
    word = header_of(1, 0, 0, 0) ^ 1 << bit
    assert not is_header(word ^ 1 << 31)


@pytest.mark.parametrize(
    ("header", "word"),
    [
        # Lock 0 of a core tile, one word; the host of mlir-aie's add_one_ctrl_packet makes the same.
        (ControlHeader(address=0x1F000, beats=1, operation=0, response=0), 0x0001_F000),
        (ControlHeader(address=0x1F020, beats=1, operation=0, response=0), 0x8001_F020),
        (ControlHeader(address=0x440, beats=4, operation=1, response=2), 0x8270_0440),
        (ControlHeader(address=0xF_FFFC, beats=2, operation=3, response=31), 0x9FDF_FFFC),
    ],
)
def test_a_control_header_has_address_beats_operation_and_response(header, word):
    assert header.word == word
    assert ControlHeader.of_word(word) == header


@given(
    st.builds(
        ControlHeader,
        address=st.integers(0, 0xF_FFFF),
        beats=st.integers(1, 4),
        operation=st.integers(0, 3),
        response=st.integers(0, 31),
    )
)
def test_a_control_header_comes_back_from_its_word(header):
    assert ControlHeader.of_word(header.word) == header
    assert has_odd_parity(header.word)
