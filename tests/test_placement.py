"""Where buffers lie: both allocators and the default, as mlir-aie of March and of August 2026 do it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tileproof.device_model import BUFFER_ALIGNMENT, SCHEMES, TILE_KINDS, Scheme
from tileproof.diagnostic import Place
from tileproof.dtypes import DTYPES
from tileproof.errors import Problem
from tileproof.lowering.facts import design_facts
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign, PlacedBuffer
from tileproof.lowering.placement import place_buffers
from tileproof.mlir.design import Buffer, Tile
from tileproof.mlir.reader import read_design
from tileproof.mlir.values import MemRef
from tileproof.mlir_aie_versions import LOWERED_VERSIONS, Version, version_named

MARCH, AUGUST = version_named("2026-03"), version_named("2026-08")
PLACE = Place("d.mlir", 3, 1)
CORE = Tile(column=0, row=2, kind="core", place=PLACE)
MEM = Tile(column=0, row=1, kind="mem", place=PLACE)
STACK = 1024
BANK = 16_384


def buffer(name: str, nbytes: int, *, address: int | None = None, bank: int | None = None, tile: Tile = CORE) -> Buffer:
    """A buffer of bytes on line 5."""
    type_ = MemRef((nbytes,), DTYPES["i8"])
    return Buffer(name=name, tile=tile, type=type_, address=address, bank=bank, place=Place("d.mlir", 5, 1))


def sized(*sizes: int, tile: Tile = CORE) -> list[Buffer]:
    """Buffers b0, b1, ... of these sizes in bytes."""
    return [buffer(f"b{number}", nbytes, tile=tile) for number, nbytes in enumerate(sizes)]


def placed(
    buffers: list[Buffer], version: Version = AUGUST, scheme: Scheme = "default", stack: int = STACK
) -> dict[str, tuple[int, int | None]]:
    """Address and bank of every buffer."""
    tile = buffers[0].tile
    found = place_buffers(tile, buffers, stack if tile.kind == "core" else 0, scheme=scheme, version=version)
    return {buffer.name: (buffer.address, buffer.bank) for buffer in found}


def addresses(
    buffers: list[Buffer], version: Version = AUGUST, scheme: Scheme = "default", stack: int = STACK
) -> list[int]:
    """Addresses in the order of the buffers."""
    found = placed(buffers, version, scheme, stack)
    return [found[buffer.name][0] for buffer in buffers]


def refusal(buffers: list[Buffer], version: Version = AUGUST, scheme: Scheme = "default", stack: int = STACK) -> str:
    with pytest.raises(Problem) as refused:
        placed(buffers, version, scheme, stack)
    return str(refused.value)


both_states = pytest.mark.parametrize("version", LOWERED_VERSIONS)
every_scheme = pytest.mark.parametrize("scheme", SCHEMES)


# Alignment


@pytest.mark.parametrize(
    ("version", "scheme", "found"),
    [
        (AUGUST, "bank-aware", [1024, 16384, 32768, 49152, 1056]),
        (MARCH, "bank-aware", [1024, 16384, 32768, 49152, 1031]),
        (AUGUST, "basic-sequential", [1024, 1056, 1088, 1120, 1152]),
        (MARCH, "basic-sequential", [1024, 1031, 1037, 1042, 1046]),
    ],
)
def test_august_aligns_the_buffers_of_a_core_and_march_packs_them(version, scheme, found):
    assert addresses(sized(7, 6, 5, 4, 3), version, scheme) == found


@pytest.mark.parametrize(
    ("version", "scheme", "found"),
    [
        (AUGUST, "basic-sequential", [0, 8, 16]),
        (MARCH, "basic-sequential", [0, 7, 13]),
        (AUGUST, "bank-aware", [0, 65536, 131072]),
        (MARCH, "bank-aware", [0, 65536, 131072]),
    ],
)
def test_august_aligns_the_buffers_of_a_mem_tile_to_words(version, scheme, found):
    assert addresses(sized(7, 6, 5, tile=MEM), version, scheme) == found


@pytest.mark.parametrize(("version", "first"), [(AUGUST, 1024), (MARCH, 1001)])
@every_scheme
def test_the_first_buffer_begins_at_the_end_of_the_stack_or_at_the_next_multiple(version, first, scheme):
    assert addresses(sized(8), version, scheme, stack=1001) == [first]


# Order


@both_states
@every_scheme
def test_larger_buffers_come_first_and_equal_ones_keep_their_order(version, scheme):
    found = placed([buffer("s", 32), buffer("l1", 64), buffer("l2", 64)], version, scheme)

    assert sorted(found, key=lambda name: found[name]) == ["l1", "l2", "s"]


@both_states
def test_banks_are_filled_in_turn(version):
    assert placed(sized(*[64] * 6), version) == {
        "b0": (1024, 0),
        "b1": (16384, 1),
        "b2": (32768, 2),
        "b3": (49152, 3),
        "b4": (1088, 0),
        "b5": (16448, 1),
    }


@both_states
def test_a_bank_that_is_full_is_passed_over_and_the_turn_goes_on_behind_the_one_that_was_taken(version):
    assert placed(sized(16_384, 15_360, 12_288, 12_288, 4_096, 2_048), version) == {
        "b0": (16384, 1),  # above the stack it does not fit
        "b1": (32768, 2),
        "b2": (49152, 3),
        "b3": (1024, 0),
        "b4": (61440, 3),
        "b5": (13312, 0),
    }


@both_states
def test_a_buffer_that_does_not_fit_above_the_stack_goes_to_the_next_bank(version):
    assert placed(sized(BANK, 64), version) == {"b0": (16384, 1), "b1": (32768, 2)}


@both_states
def test_basic_sequential_knows_no_banks(version):
    assert placed(sized(64, 128), version, "basic-sequential") == {"b1": (1024, None), "b0": (1152, None)}


# Addresses and banks that are asked for


@every_scheme
def test_august_keeps_an_address(scheme):
    assert addresses([buffer("a", 32, address=8192)], AUGUST, scheme) == [8192]


@pytest.mark.parametrize(
    ("scheme", "found"), [("bank-aware", (8224, 0)), ("default", (8224, 0)), ("basic-sequential", (8192, None))]
)
def test_march_puts_a_buffer_with_an_address_behind_itself_if_it_thinks_in_banks(scheme, found):
    assert placed([buffer("a", 32, address=8192)], MARCH, scheme) == {"a": found}


@pytest.mark.parametrize(("version", "found"), [(AUGUST, [8192, 8224]), (MARCH, [8224, 8256])])
def test_what_follows_in_the_bank_of_an_address_lies_behind_it(version, found):
    assert addresses([buffer("a", 32, address=8192), buffer("b", 16)], version) == found


@both_states
def test_basic_sequential_goes_around_an_address(version):
    """600 bytes do not fit between the stack and 1,536, 256 would but come after it."""
    buffers = [buffer("a", 256, address=1536), buffer("b", 640), buffer("c", 256)]

    assert addresses(buffers, version, "basic-sequential") == [1536, 1792, 2432]


@both_states
def test_basic_sequential_uses_the_room_below_an_address(version):
    buffers = [buffer("a", 256, address=2048), buffer("b", 640), buffer("c", 256)]

    assert addresses(buffers, version, "basic-sequential") == [2048, 1024, 1664]


def test_an_address_inside_two_banks_takes_room_from_both():
    buffers = [buffer("a", 512, address=BANK - 256), *sized(32, 32)]

    assert placed(buffers, AUGUST) == {"a": (BANK - 256, 0), "b0": (BANK + 256, 1), "b1": (32768, 2)}


def test_one_byte_in_the_next_bank_takes_room_there():
    assert addresses([buffer("a", 4097, address=12_288), buffer("b", 8, bank=1)]) == [12_288, 16_416]


@every_scheme
def test_an_address_may_reach_to_the_end_of_the_tile(scheme):
    assert addresses([buffer("a", 64, address=65_472)], AUGUST, scheme) == [65_472]


@pytest.mark.parametrize("scheme", ["default", "bank-aware"])
def test_what_is_not_aligned_lies_at_the_next_byte_of_its_bank(scheme):
    buffers = [buffer("odd", 45, bank=1), replace(buffer("next", 10, bank=1), aligned=False), buffer("far", 8, bank=1)]

    assert addresses(buffers, scheme=scheme) == [BANK, BANK + 45, BANK + 64]


def test_what_is_not_aligned_follows_at_the_next_byte_without_banks():
    buffers = [buffer("odd", 45), replace(buffer("next", 40), aligned=False), buffer("far", 8)]

    assert addresses(buffers, scheme="basic-sequential") == [STACK, STACK + 45, STACK + 96]


def test_what_is_not_aligned_begins_right_behind_an_address():
    buffers = [buffer("fixed", 45, address=STACK + 32), replace(buffer("next", 40), aligned=False)]

    assert addresses(buffers, scheme="basic-sequential") == [STACK + 32, STACK + 77]


@every_scheme
def test_what_is_not_aligned_may_ask_for_any_address_above_the_stack(scheme):
    assert addresses([replace(buffer("odd", 7, address=STACK + 1), aligned=False)], scheme=scheme) == [STACK + 1]


@pytest.mark.parametrize(("written", "aligned"), [("", True), ("aligned = true, ", True), ("aligned = false, ", False)])
def test_a_buffer_says_in_the_design_that_it_is_not_aligned(written, aligned):
    text = f"""module {{
      aie.device(npu1) {{
        %tile = aie.tile(0, 2)
        %b = aie.buffer(%tile) {{{written}sym_name = "b"}} : memref<5xi8>
      }}
    }}"""

    assert [one.aligned for one in read_design(text, "d.mlir").buffers] == [aligned]


@every_scheme
@pytest.mark.parametrize("asked", [[4096, 4352], [4352, 4096]])
def test_two_addresses_may_lie_side_by_side(scheme, asked):
    buffers = [buffer(f"b{address}", 256, address=address) for address in asked]

    assert addresses(buffers, AUGUST, scheme) == asked


@pytest.mark.parametrize("address", [50_000, 4_100])
@every_scheme
def test_august_refuses_an_address_that_is_no_multiple_of_32(address, scheme):
    assert refusal([buffer("a", 64, address=address)], AUGUST, scheme) == (
        f"error: buffer a cannot lie at address {address}\n"
        "  where: d.mlir:5:1\n"
        f"  why:   it would end at {address + 64:,}; the stack takes the first 1,024 of 65,536 bytes, "
        "and addresses are multiples of 32\n"
        "  fix:   choose an address above the stack, or leave the choice to the allocator"
    )


@pytest.mark.parametrize(
    ("scheme", "found"), [("bank-aware", 50_064), ("default", 50_064), ("basic-sequential", 50_000)]
)
def test_march_takes_an_address_that_is_no_multiple_of_32(scheme, found):
    assert addresses([buffer("a", 64, address=50_000)], MARCH, scheme) == [found]


def test_march_takes_an_odd_address():
    assert addresses([buffer("a", 64, address=50_001)], MARCH, "basic-sequential") == [50_001]


def test_march_puts_a_buffer_behind_the_room_that_the_one_before_it_has_taken():
    buffers = [buffer("a", 64, address=4096), buffer("b", 64, address=4096 + 128)]

    assert addresses(buffers, MARCH, "bank-aware") == [4096 + 64, 4096 + 192]


@both_states
def test_basic_sequential_fills_the_room_below_an_address_to_its_last_byte(version):
    buffers = [buffer("a", 64, address=4096), buffer("b", 4096 - STACK)]

    assert addresses(buffers, version, "basic-sequential") == [4096, STACK]


def test_an_address_may_be_the_first_above_the_stack():
    assert addresses([buffer("a", 64, address=STACK)]) == [STACK]


def test_an_address_in_a_mem_tile_is_a_multiple_of_4():
    assert addresses([buffer("a", 64, address=100_004, tile=MEM)], AUGUST) == [100_004]
    assert "and addresses are multiples of 4\n" in refusal([buffer("a", 64, address=100_002, tile=MEM)], AUGUST)


@both_states
@every_scheme
@pytest.mark.parametrize("address", [0, 992, 65_504, 65_536, -32])
def test_an_address_on_the_stack_or_outside_the_tile_is_refused(version, scheme, address):
    assert refusal([buffer("a", 64, address=address)], version, scheme).startswith(
        f"error: buffer a cannot lie at address {address}\n  where: d.mlir:5:1\n"
        f"  why:   it would end at {address + 64:,}; the stack takes the first 1,024 of 65,536 bytes"
        + ("\n" if version == MARCH else ", and addresses are multiples of 32\n")
    )


@every_scheme
def test_august_refuses_two_buffers_on_each_other(scheme):
    buffers = [buffer("a", 512, address=4096), buffer("b", 512, address=4096 + 480)]

    assert refusal(buffers, AUGUST, scheme) == (
        "error: buffers a and b lie on each other\n"
        "  where: d.mlir:5:1\n"
        "  why:   a has 4096 to 4607, b asks for 4576 to 5087\n"
        "  fix:   give them different addresses"
    )


def test_march_refuses_two_buffers_on_each_other_only_if_it_thinks_in_banks():
    buffers = [buffer("a", 2048, address=4096), buffer("b", 2048, address=4096)]

    assert addresses(buffers, MARCH, "basic-sequential") == [4096, 4096]
    assert "b would lie on an earlier buffer" in refusal(buffers, MARCH, "bank-aware")
    assert placed(buffers, MARCH, "default") == {"a": (6144, 0), "b": (4096, None)}


@both_states
@pytest.mark.parametrize("scheme", ["default", "bank-aware"])
def test_a_bank_that_is_asked_for_is_kept(version, scheme):
    buffers = [buffer("a", 64, bank=3), buffer("b", 64, bank=3), buffer("c", 64, bank=0)]

    assert placed(buffers, version, scheme) == {"a": (49152, 3), "b": (49216, 3), "c": (1024, 0)}


@both_states
def test_a_bank_that_is_asked_for_is_nothing_to_basic_sequential(version):
    assert placed([buffer("a", 64, bank=3)], version, "basic-sequential") == {"a": (1024, None)}


@both_states
def test_what_asks_for_a_bank_is_placed_before_what_is_larger(version):
    assert placed([buffer("large", 4096), buffer("a", 64, bank=0)], version) == {"a": (1024, 0), "large": (1088, 0)}


# The default: the banks, and if that fails one after the other


@both_states
def test_the_default_is_bank_aware_where_that_works(version):
    buffers = [*sized(4096, 4096, 64), buffer("a", 64, bank=2)]

    assert placed(buffers, version, "default") == placed(buffers, version, "bank-aware")


@both_states
def test_the_default_falls_back_to_basic_sequential_where_no_buffer_asked_for_anything(version):
    buffers = sized(BANK + 4, 64, 32)

    assert placed(buffers, version, "default") == placed(buffers, version, "basic-sequential")


@both_states
def test_the_fallback_keeps_the_wishes_that_were_met_and_places_the_rest_anew(version):
    buffers = [buffer("a", 12_288, bank=2), buffer("b", 12_288, bank=2), buffer("c", 64)]

    assert placed(buffers, version) == {"a": (32768, 2), "b": (1024, None), "c": (13312, None)}


@both_states
def test_the_fallback_places_anew_what_bank_aware_had_placed_without_a_wish(version):
    """The wish is met, b0 has a bank, and b1 fits none: b0 and b1 then lie one after the other."""
    buffers = [buffer("a", 64, bank=1), *sized(BANK + 32, 64)]

    assert placed(buffers, version) == {"a": (16384, 1), "b0": (16448, None), "b1": (32864, None)}


@both_states
def test_the_fallback_goes_around_a_wish_that_was_met(version):
    buffers = [buffer("a", 64, bank=1), buffer("b", 20_480), buffer("c", 64, address=4096)]
    found = addresses(buffers, version)

    assert found[0] == 16384
    assert found[1] == 16384 + 64


# A tile's own scheme


@both_states
@pytest.mark.parametrize(("own", "found"), [("basic-sequential", [1024, 1088]), ("bank-aware", [1024, 16384])])
@every_scheme
def test_the_scheme_of_a_tile_wins(version, own, found, scheme):
    tile = replace(CORE, scheme=own)
    buffers = [replace(buffer, tile=tile) for buffer in sized(64, 64)]

    assert addresses(buffers, version, scheme) == found


@both_states
def test_a_tile_that_asks_for_banks_does_not_fall_back(version):
    tile = replace(CORE, scheme="bank-aware")

    assert refusal([replace(b, tile=tile) for b in sized(BANK + 4)], version, "default").startswith(
        "error: the buffers of core (0, 2) do not fit its banks\n"
    )


# What does not fit


@both_states
def test_bank_aware_refuses_what_no_bank_holds(version):
    assert refusal(sized(64, BANK + 4), version, "bank-aware") == (
        "error: the buffers of core (0, 2) do not fit its banks\n"
        "  where: d.mlir:5:1\n"
        "  why:   no bank has 16,388 bytes left for b1; a bank has 16,384 bytes, "
        "and bank-aware lets no buffer cross one\n"
        f"         on the tile: b1 16,388 + b0 64 + stack {STACK:,}\n"
        "  fix:   make the objects smaller, or take the scheme basic-sequential"
    )


@both_states
def test_bank_aware_refuses_a_fifth_buffer_of_which_a_bank_holds_one(version):
    assert "no bank has 9,000 bytes left for b4; " in refusal(sized(*[9000] * 5), version, "bank-aware")


@both_states
def test_bank_aware_refuses_a_bank_that_is_asked_for_and_full(version):
    told = refusal([buffer("a", 12_288, bank=2), buffer("b", 12_288, bank=2)], version, "bank-aware")

    assert "why:   bank 2 has no 12,288 bytes left for b; a bank has 16,384 bytes" in told
    assert told.endswith("fix:   ask for a bank for each object, or make them smaller")


@both_states
@pytest.mark.parametrize("scheme", ["default", "basic-sequential"])
def test_what_does_not_fit_the_tile_is_refused_with_the_sum(version, scheme):
    assert refusal(sized(4_096, 32_768, 32_768), version, scheme) == (
        "error: the buffers of core (0, 2) do not fit in its memory\n"
        "  where: d.mlir:5:1\n"
        "  why:   b1 32,768 + b2 32,768 + b0 4,096 + stack 1,024 need 70,656 bytes with alignment, "
        "and the tile has 65,536\n"
        "  fix:   make the objects smaller ([sizes], --set), or lower the depth of what is behind 'b1'"
    )


@both_states
def test_what_does_not_fit_a_mem_tile_is_refused_without_a_stack(version):
    assert refusal(sized(300_000, 300_000, tile=MEM), version) == (
        "error: the buffers of mem (0, 1) do not fit in its memory\n"
        "  where: d.mlir:5:1\n"
        "  why:   b0 300,000 + b1 300,000 need 600,000 bytes with alignment, and the tile has 524,288\n"
        "  fix:   make the objects smaller ([sizes], --set), or lower the depth of what is behind 'b0'"
    )


# Together as much as the tile has beside its stack, and 8 bytes more with alignment.
JUST = sized(32_254, 32_250, 4, 4)


def test_march_fills_a_tile_to_the_last_byte():
    assert addresses(JUST, MARCH, "basic-sequential") == [1024, 33_278, 65_528, 65_532]


def test_alignment_counts_for_what_fits():
    assert "need 65,572 bytes with alignment, and the tile has 65,536" in refusal(JUST, AUGUST, "basic-sequential")


@both_states
@pytest.mark.parametrize("bank", [4, -1])
def test_a_bank_that_there_is_not_is_refused(version, bank):
    assert refusal([buffer("a", 64, bank=bank)], version) == (
        f"error: buffer a asks for bank {bank}\n"
        "  where: d.mlir:5:1\n"
        "  why:   a core tile has banks 0 to 3\n"
        "  fix:   ask for one of those, or for none"
    )


def test_a_mem_tile_has_eight_banks():
    assert placed([buffer("a", 64, bank=7, tile=MEM)]) == {"a": (7 * 65536, 7)}
    assert "a mem tile has banks 0 to 7\n" in refusal([buffer("a", 64, bank=8, tile=MEM)])


@both_states
def test_a_stack_beyond_bank_0_takes_from_the_next_bank(version):
    """March looks at the stack in bank 0 only, and then gives up."""
    if version == AUGUST:
        assert placed(sized(64), AUGUST, "bank-aware", stack=20_000) == {"b0": (20_000, 1)}
    else:
        assert "bank 0 ends at 16,384, and is full to 20,000; " in refusal(sized(64), MARCH, "bank-aware", stack=20_000)


# Every list of buffers


@st.composite
def lists_of_buffers(draw: st.DrawFn) -> tuple[list[Buffer], int]:
    """Buffers of one tile without addresses, and its stack, which stays in bank 0."""
    tile = draw(st.sampled_from([CORE, MEM]))
    kind = TILE_KINDS[tile.kind]
    largest = draw(st.sampled_from([64, 4_000, kind.bank_bytes, kind.memory_bytes // 2]))
    sizes = draw(st.lists(st.integers(1, largest), min_size=1, max_size=12))
    banks = st.none() | st.integers(0, kind.banks - 1)
    buffers = [buffer(f"b{number}", nbytes, bank=draw(banks), tile=tile) for number, nbytes in enumerate(sizes)]
    return buffers, draw(st.integers(1, BANK)) if tile.kind == "core" else 0


def answer(buffers: list[Buffer], version: Version, scheme: Scheme, stack: int) -> tuple[PlacedBuffer, ...] | Problem:
    try:
        return place_buffers(buffers[0].tile, buffers, stack, scheme=scheme, version=version)
    except Problem as problem:
        return problem


@both_states
@every_scheme
@given(lists_of_buffers())
def test_nothing_overlaps_and_everything_lies_inside_the_tile(version, scheme, asked):
    buffers, stack = asked
    tile, kind = buffers[0].tile, TILE_KINDS[buffers[0].tile.kind]
    found = answer(buffers, version, scheme, stack)
    if isinstance(found, Problem):
        assert found.diagnostic.id == "TP101"
        # One after the other, only what is too much is refused.
        needed = stack + sum(buffer.type.nbytes + BUFFER_ALIGNMENT[tile.kind] - 1 for buffer in buffers)
        assert scheme != "basic-sequential" or needed > kind.memory_bytes
        return

    assert [buffer.name for buffer in found] == [buffer.name for buffer in buffers]
    in_order = sorted(found, key=lambda buffer: buffer.address)
    assert in_order[0].address >= stack
    assert in_order[-1].address + in_order[-1].nbytes <= kind.memory_bytes
    for earlier, later in pairwise(in_order):
        assert earlier.address + earlier.nbytes <= later.address
    for one in found:
        assert is_well_placed(one, version)


def is_well_placed(buffer: PlacedBuffer, version: Version) -> bool:
    """At a multiple of the alignment, and inside the bank it is said to be in."""
    kind = TILE_KINDS[buffer.tile.kind]
    alignment = 1 if version == MARCH else BUFFER_ALIGNMENT[buffer.tile.kind]
    last = buffer.address + buffer.nbytes - 1
    in_bank = buffer.bank is None or {buffer.address // kind.bank_bytes, last // kind.bank_bytes} == {buffer.bank}
    return buffer.address % alignment == 0 and in_bank


@both_states
@given(lists_of_buffers())
def test_what_bank_aware_places_the_default_places_the_same(version, asked):
    buffers, stack = asked
    found = answer(buffers, version, "bank-aware", stack)

    assert isinstance(found, Problem) or answer(buffers, version, "default", stack) == found


@both_states
@given(lists_of_buffers())
def test_a_wish_for_a_bank_is_met_wherever_banks_count(version, asked):
    buffers, stack = asked
    found = answer(buffers, version, "bank-aware", stack)

    if not isinstance(found, Problem):
        assert all(b.bank in (None, f.bank) for b, f in zip(buffers, found, strict=True))


# Whole designs


def design(*lines: str, tiles: str = "") -> str:
    """A npu1 design with a shim, mem tiles and a core in column 1, whose `lines` begin on line 9."""
    head = [
        "module {",
        "aie.device(npu1) @main {",
        "%shim = aie.tile(1, 0)",
        "%left = aie.tile(0, 1)",
        "%mem = aie.tile(1, 1)",
        "%right = aie.tile(2, 1)",
        f"%core = aie.tile(1, 2){tiles}",
        "%next = aie.tile(1, 3)",
    ]
    return "\n".join([*head, *lines, "}", "}"])


def lowered(text: str, version: Version = AUGUST, scheme: Scheme = "default") -> LoweredDesign:
    return lower_design(read_design(text, "d.mlir"), version=version, scheme=scheme)


def fifo(name: str, producer: str, consumer: str, depth: int, type_: str) -> str:
    return f"aie.objectfifo @{name}(%{producer}, {{%{consumer}}}, {depth} : i32) : !aie.objectfifo<memref<{type_}>>"


def where(found: LoweredDesign) -> dict[str, tuple[tuple[int, int], int]]:
    return {buffer.name: (buffer.tile.at, buffer.address) for buffer in found.buffers}


EMPTY_CORE = "%k = aie.core(%core) {\naie.end\n}"


@pytest.mark.parametrize(
    ("version", "scheme", "found"),
    [
        (AUGUST, "default", [1024, 16384]),
        (AUGUST, "basic-sequential", [1024, 1088]),
        (MARCH, "default", [1024, 16384]),
        (MARCH, "basic-sequential", [1024, 1064]),
    ],
)
def test_a_design_is_placed_as_the_state_and_the_scheme_ask(version, scheme, found):
    text = design(fifo("in", "shim", "core", 2, "10xi32"), EMPTY_CORE)

    assert [buffer.address for buffer in lowered(text, version, scheme).buffers] == found


@both_states
@every_scheme
def test_the_scheme_that_a_tile_is_written_with_wins(version, scheme):
    text = design(
        fifo("in", "shim", "core", 2, "64xi32"), EMPTY_CORE, tiles=' {allocation_scheme = "basic-sequential"}'
    )

    assert [buffer.address for buffer in lowered(text, version, scheme).buffers] == [1024, 1280]


def test_every_tile_falls_back_by_itself():
    text = design(
        '%big = aie.buffer(%core) {sym_name = "big"} : memref<20000xi8>',
        '%a = aie.buffer(%core) {sym_name = "a"} : memref<64xi8>',
        '%b = aie.buffer(%next) {sym_name = "b"} : memref<64xi8>',
        '%c = aie.buffer(%next) {sym_name = "c"} : memref<64xi8>',
        EMPTY_CORE,
    )

    assert where(lowered(text)) == {
        "big": ((1, 2), 1024),
        "a": ((1, 2), 21024),
        "b": ((1, 3), 0),
        "c": ((1, 3), 16384),
    }


@both_states
def test_the_facts_say_the_bank_that_was_asked_for_where_it_was_not_given(version):
    text = design(
        '%a = aie.buffer(%core) {sym_name = "a", mem_bank = 2 : i32} : memref<3072xi32>',
        '%b = aie.buffer(%core) {sym_name = "b", mem_bank = 2 : i32} : memref<3072xi32>',
        EMPTY_CORE,
    )
    schemes = design_facts(text, "d.mlir", version)["schemes"]

    assert {
        scheme: [(entry["name"], entry["address"], entry["bank"]) for entry in answer.get("buffers", [])]
        for scheme, answer in schemes.items()
    } == {
        "default": [("a", 32768, 2), ("b", 1024, 2)],
        "bank-aware": [],
        "basic-sequential": [("a", 1024, 2), ("b", 13312, 2)],
    }
    assert schemes["bank-aware"] == {
        "outcome": "rejected",
        "error": "d.mlir:9:1: the buffers of core (1, 2) do not fit its banks",
    }


ODD = design(
    '%odd = aie.buffer(%core) {sym_name = "odd"} : memref<1026xi8>',
    fifo("in", "shim", "core", 1, "64xi32"),
    EMPTY_CORE,
)


def test_march_lays_a_fifo_behind_an_odd_table_between_two_words():
    with pytest.raises(Problem) as refused:
        lowered(ODD, MARCH, "basic-sequential")

    assert str(refused.value) == (
        "error: BD 0 of core (1, 2) begins between two words\n"
        "  where: d.mlir:7:1\n"
        "  why:   in_cons_buff_0 lies at 2,050, and the BD begins at 2,050\n"
        "  fix:   make the sizes of the buffers before it multiples of 4 bytes"
    )


@pytest.mark.parametrize(
    ("version", "scheme"), [(MARCH, "bank-aware"), (MARCH, "default"), (AUGUST, "basic-sequential")]
)
def test_banks_or_alignment_keep_it_at_a_word(version, scheme):
    assert all(buffer.address % 4 == 0 for buffer in lowered(ODD, version, scheme).buffers)


def test_a_bd_in_the_middle_of_a_buffer_counts_from_where_the_buffer_lies():
    """At 2,050 a BD that begins 2 bytes into its buffer would be at a word, and is refused for its offset alone."""
    program = "\n".join(
        [
            "%dma = aie.mem(%core) {",
            "%d = aie.dma_start(S2MM, 0, ^bd, ^end)",
            "^bd:",
            "aie.dma_bd(%b : memref<1024xi8>, 4, 8)",
            "aie.next_bd ^bd",
            "^end:",
            "aie.end",
            "}",
        ]
    )
    text = design(
        '%odd = aie.buffer(%core) {sym_name = "odd"} : memref<1026xi8>',
        '%b = aie.buffer(%core) {sym_name = "b"} : memref<1024xi8>',
        program,
        EMPTY_CORE,
    )
    with pytest.raises(Problem) as refused:
        lowered(text, MARCH, "basic-sequential")

    assert "why:   b lies at 2,050, and the BD begins at 2,054\n" in str(refused.value)


# Nothing runs a design that is wrong


@every_scheme
def test_a_buffer_on_the_stack_is_refused_whatever_march_lets_pass(scheme):
    """A stack of 64,000 bytes; the default of March warns, and lets the buffers lie on it."""
    text = design(
        fifo("in", "shim", "core", 2, "256xi32"), "%k = aie.core(%core) {\naie.end\n} {stack_size = 64000 : i32}"
    )

    with pytest.raises(Problem):
        lowered(text, MARCH, scheme)


def test_what_lies_on_the_stack_is_told_with_both_extents():
    stack = "%k = aie.core(%core) {\naie.end\n} {stack_size = 20000 : i32}"
    text = design('%b = aie.buffer(%core) {sym_name = "b"} : memref<64xi32>', stack)

    with pytest.raises(Problem, match="the stack and buffer b lie on each other") as caught:
        lowered(text, MARCH)
    assert caught.value.why == "the stack has 0 to 19,999, b 16,384 to 16,639"


@every_scheme
def test_two_buffers_on_each_other_are_refused_whatever_march_lets_pass(scheme):
    two = [
        f'%{name} = aie.buffer(%core) {{sym_name = "{name}", address = 4096 : i32}} : memref<64xi32>' for name in "ab"
    ]

    with pytest.raises(Problem):
        lowered(design(*two, EMPTY_CORE), MARCH, scheme)


@pytest.mark.parametrize("version", LOWERED_VERSIONS)
def test_the_facts_say_what_each_state_makes_of_a_stack_that_is_too_large(version):
    text = design(
        fifo("in", "shim", "core", 2, "256xi32"), "%k = aie.core(%core) {\naie.end\n} {stack_size = 65000 : i32}"
    )

    assert design_facts(text, "d.mlir", version)["outcome"] == ("accepted" if version == MARCH else "rejected")


# What a mem tile cannot hold


@both_states
def test_an_object_that_does_not_fit_a_mem_tile_any_more_goes_to_one_beside_it(version):
    found = where(lowered(design(fifo("a", "shim", "mem", 3, "50000xi32")), version))

    assert found == {
        "a_cons_buff_0": ((1, 1), 0),
        "a_cons_buff_1": ((1, 1), 200_000),
        "a_cons_buff_2": ((0, 1), 0),
    }


def test_the_emptier_of_both_sides_takes_it():
    text = design(fifo("l", "shim", "left", 1, "60000xi32"), fifo("a", "shim", "mem", 3, "50000xi32"))

    assert where(lowered(text))["a_cons_buff_2"] == ((2, 1), 0)


def test_both_sides_take_turns_as_they_fill():
    found = where(lowered(design(fifo("a", "shim", "mem", 4, "50000xi32"))))

    assert [found[f"a_cons_buff_{number}"][0] for number in range(4)] == [(1, 1), (1, 1), (0, 1), (2, 1)]


def test_a_mem_tile_that_is_not_declared_takes_it_too():
    text = "\n".join(
        [
            "module {",
            "aie.device(npu1) @main {",
            "%shim = aie.tile(0, 0)",
            "%mem = aie.tile(0, 1)",
            fifo("a", "shim", "mem", 3, "50000xi32"),
            "}",
            "}",
        ]
    )

    assert where(lowered(text))["a_cons_buff_2"] == ((1, 1), 0)


def test_what_fits_no_mem_tile_in_reach_is_refused():
    text = "\n".join(
        [
            "module {",
            "aie.device(npu1_1col) @main {",
            "%shim = aie.tile(0, 0)",
            "%mem = aie.tile(0, 1)",
            fifo("a", "shim", "mem", 3, "50000xi32"),
            "}",
            "}",
        ]
    )
    with pytest.raises(Problem) as refused:
        lowered(text)

    assert str(refused.value).startswith("error: the buffers of mem (0, 1) do not fit in its memory\n")


def test_the_locks_of_what_lies_beside_stay_where_the_fifo_ends():
    found = lowered(design(fifo("a", "shim", "mem", 3, "50000xi32")))

    assert {lock.tile.at for lock in found.locks if lock.name.startswith("a_cons_prod_")} == {(1, 1)}
    assert {chain.tile.at for chain in found.chains} == {(1, 1)}


def test_a_fifo_that_lies_beside_gets_a_lower_channel_before_the_others():
    """Only channels 0 to 3 of a mem tile reach its neighbours, so the last of these fifos chooses first."""
    small = [fifo(f"f{number}", end, "mem", 1, "4xi32") for number, end in enumerate(["shim", "shim", "core", "next"])]
    found = lowered(design(*small, fifo("large", "right", "mem", 3, "50000xi32"))).chains

    assert {chain.fifo: chain.channel for chain in found if chain.tile.at == (1, 1)} == {
        "large": 0,
        **{f"f{number}": number + 1 for number in range(4)},
    }


def test_a_fifth_fifo_that_lies_beside_finds_no_channel():
    full = fifo("full", "shim", "mem", 2, "65536xi32")
    beside = [fifo(f"f{number}", "left" if number % 2 else "right", "mem", 1, "4xi32") for number in range(5)]

    four = lowered(design(full, *beside[:4])).chains
    assert {chain.fifo: chain.channel for chain in four if chain.direction == "S2MM"} == {
        **{f"f{number}": number for number in range(4)},
        "full": 4,
    }
    with pytest.raises(Problem) as refused:
        lowered(design(full, *beside))

    assert str(refused.value).startswith(
        "error: tile mem (1, 1) needs more input DMA channels (S2MM) than it has\n  where: d.mlir:14:1\n"
    )
