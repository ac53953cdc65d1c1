"""What a design writes out itself: locks, DMA programs, circuits, and the tasks and registers of its sequence."""

from __future__ import annotations

import pytest

from tileproof.errors import Problem
from tileproof.insts import (
    Action,
    MaskWrite,
    Packet,
    PatchBd,
    PatchElsewhere,
    Push,
    RouteTokens,
    SetBd,
    SetRegisters,
    Wait,
    decode,
    encode,
    npu_actions,
    tile_address,
)
from tileproof.lowering.facts import design_facts
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import Bd, LoweredDesign
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.reader import read_design
from tileproof.mlir_aie_versions import Version, version_named

# Tiles a design below may use: name to (column, row).
TILES = {
    "shim": (0, 0), "shim1": (1, 0), "mem": (0, 1), "mem1": (1, 1), "mem2": (2, 1),
    "t2": (0, 2), "t3": (0, 3), "e2": (1, 2), "e3": (1, 3),
}  # fmt: skip


def text(*parts: str) -> str:
    """A npu1 design of `parts`, which begin on line 12."""
    tiles = [f"%{name} = aie.tile({column}, {row})" for name, (column, row) in TILES.items()]
    return "\n".join(["module {", "aie.device(npu1) @main {", *tiles, *parts, "}", "}"])


def lowered(*parts: str, as_silent: bool = False, version: Version | None = None) -> LoweredDesign:
    return lower_design(read_design(text(*parts), "d.mlir"), as_silent=as_silent, version=version)


def actions(*parts: str, as_silent: bool = False) -> tuple[Action, ...]:
    """What the sequence of the design does."""
    design = lowered(*parts, as_silent=as_silent)
    words = sequence_words(design, main_sequence(design), as_silent=as_silent)
    return npu_actions(decode(words, "insts.bin"))


def refusal(*parts: str) -> str:
    with pytest.raises(Problem) as refused:
        built(*parts)
    return str(refused.value)


def built(*parts: str) -> None:
    design = lowered(*parts)
    if design.sequences:
        sequence_words(design, main_sequence(design))


def fifo(name: str, producer: str, consumer: str, more: str = "") -> str:
    return f"aie.objectfifo @{name}(%{producer}, {{%{consumer}}}, 2 : i32) {more}: !aie.objectfifo<memref<64xi32>>"


def lock(name: str, tile: str = "t2", number: int | None = None, init: int = 0) -> str:
    given = "" if number is None else f", {number}"
    return f'%{name} = aie.lock(%{tile}{given}) {{sym_name = "{name}", init = {init} : i32}}'


def buffer(name: str, tile: str = "t2", type_: str = "1024xi32") -> str:
    return f'%{name} = aie.buffer(%{tile}) {{sym_name = "{name}"}} : memref<{type_}>'


def move(name: str, type_: str = "1024xi32", layout: str = "", bd_id: int | None = None) -> str:
    """One BD that is written out."""
    number = "" if bd_id is None else f" {{bd_id = {bd_id} : i32}}"
    return f"aie.dma_bd(%{name} : memref<{type_}>{layout}){number}"


def channel(direction: str, number: int, *bds: str, then: str = "first", more: str = "") -> tuple[str, tuple[str, ...]]:
    """A channel that runs `bds`, and `then` the first, the last or none of them."""
    return f"{direction}, {number}, ^%s, ^%s{more}", (*bds, then)


def program(tile: str, *channels: tuple[str, tuple[str, ...]], named: str = "dma") -> str:
    """The `aie.mem` or `aie.memtile_dma` of a tile, with a block per start and per BD."""
    lines = [f"%{named} = aie.{'memtile_dma' if tile.startswith('mem') else 'mem'}(%{tile}) {{"]
    for k, (start, (*bds, then)) in enumerate(channels):
        following = f"start{k + 1}" if k + 1 < len(channels) else "end"
        lines += [f"^start{k}:"] if k else []
        lines += [f"%d{k} = aie.dma_start({start % (f'bd{k}_0', following)})"]
        behind = {"first": f"bd{k}_0", "last": f"bd{k}_{len(bds) - 1}", "none": "end"}[then]
        for n, bd in enumerate(bds):
            lines += [f"^bd{k}_{n}:", bd, f"aie.next_bd ^{f'bd{k}_{n + 1}' if n + 1 < len(bds) else behind}"]
    return "\n".join([*lines, "^end:", "aie.end", "}"])


def core(tile: str, *lines: str) -> str:
    return "\n".join([f"%core_{tile} = aie.core(%{tile}) {{", *lines, "aie.end", "}"])


def bd_ids(design: LoweredDesign) -> dict[tuple[str, int], list[int]]:
    return {(chain.direction, chain.channel): [bd.bd_id for bd in chain.bds] for chain in design.chains}


def lock_ids(design: LoweredDesign) -> dict[str, int]:
    return {lock.name: lock.id for lock in design.locks}


# Locks


def test_a_given_lock_id_is_kept_and_the_others_are_the_lowest_that_are_free():
    design = lowered(lock("a"), lock("b", number=0), lock("c"), lock("d", number=2))

    assert lock_ids(design) == {"a": 1, "b": 0, "c": 3, "d": 2}


def test_every_tile_numbers_its_locks_from_0():
    assert lock_ids(lowered(lock("a"), lock("b", "mem"), lock("c", "shim"))) == {"a": 0, "b": 0, "c": 0}


def test_the_locks_of_fifos_go_around_those_of_the_design():
    lines = fifo("in", "shim", "t2"), lock("a", number=1), lock("b")
    before, after = (lock_ids(lowered(*lines, version=version_named(name))) for name in ("2026-08", "2026-08-14"))

    assert {name: before[name] for name in ("a", "b", "in_cons_prod_lock_0", "in_cons_cons_lock_0")} == {
        "a": 1, "b": 0, "in_cons_prod_lock_0": 2, "in_cons_cons_lock_0": 3,
    }  # fmt: skip
    assert {name: after[name] for name in ("a", "b", "in_cons_prod_lock_0", "in_cons_cons_lock_0")} == {
        "a": 1, "b": 3, "in_cons_prod_lock_0": 0, "in_cons_cons_lock_0": 2,
    }  # fmt: skip


def test_a_lock_begins_at_what_is_written():
    assert [lock.init for lock in lowered(lock("a", init=63), lock("b")).locks] == [63, 0]


def test_a_lock_id_of_two_locks_is_refused():
    assert refusal(lock("a", number=3), lock("b", number=3)) == (
        "error: lock 3 of core (0, 2) is taken\n"
        "  where: d.mlir:13:1\n"
        "  why:   another one has the same number\n"
        "  fix:   choose another number, or leave it out"
    )


def test_one_lock_id_on_two_tiles_is_two_locks():
    assert lock_ids(lowered(lock("a", "t2", 3), lock("b", "t3", 3))) == {"a": 3, "b": 3}


def test_a_lock_id_beyond_the_tile_is_refused():
    assert refusal(lock("a", number=16)) == (
        "error: there is no lock 16 on core (0, 2)\n"
        "  where: d.mlir:12:1\n"
        "  why:   a core tile has locks 0 to 15\n"
        "  fix:   choose one of those, or leave the number out"
    )


@pytest.mark.parametrize(("tile", "number"), [("t2", -1), ("mem", 64), ("shim", 16)])
def test_a_lock_id_that_a_tile_does_not_have_is_refused(tile, number):
    assert refusal(lock("a", tile, number)).startswith(f"error: there is no lock {number} on ")


@pytest.mark.parametrize(("tile", "last"), [("t2", 15), ("mem", 63), ("shim", 15)])
def test_the_last_lock_of_a_tile_can_be_had(tile, last):
    assert lock_ids(lowered(lock("a", tile, last))) == {"a": last}


@pytest.mark.parametrize("init", [64, -1])
def test_a_lock_counts_from_0_to_63(init):
    assert refusal(lock("a", init=init)) == (
        f"error: lock a cannot begin at {init}\n"
        "  where: d.mlir:12:1\n"
        "  why:   a lock counts from 0 to 63\n"
        "  fix:   give it an init in that range"
    )


def test_a_seventeenth_lock_of_a_core_is_refused():
    assert refusal(*(lock(f"l{number}") for number in range(17))).startswith(
        "error: tile core (0, 2) needs more locks than it has\n  where: d.mlir:28:1\n"
    )


# Numbers of BDs


def test_a_given_bd_id_is_kept_and_the_others_are_the_lowest_that_are_free():
    design = lowered(
        buffer("b"),
        program(
            "t2",
            channel("S2MM", 0, move("b"), move("b", bd_id=0)),
            channel("MM2S", 1, move("b"), move("b", bd_id=2), move("b")),
        ),
    )

    assert bd_ids(design) == {("S2MM", 0): [1, 0], ("MM2S", 1): [3, 2, 4]}


def test_the_bds_of_fifos_go_around_those_of_the_design():
    design = lowered(buffer("b"), fifo("in", "shim", "t2"), program("t2", channel("MM2S", 0, move("b", bd_id=1))))

    assert bd_ids(design) == {("MM2S", 0): [1], ("S2MM", 0): [0, 2]}


def test_the_even_channels_of_a_mem_tile_have_the_lower_bds_and_the_odd_ones_the_upper():
    channels = [channel(direction, number, move("b")) for direction in ("S2MM", "MM2S") for number in range(6)]
    design = lowered(buffer("b", "mem"), program("mem", *channels))

    assert [ids for (ids,) in bd_ids(design).values()] == [0, 24, 1, 25, 2, 26, 3, 27, 4, 28, 5, 29]


@pytest.mark.parametrize(
    ("tile", "number", "given"), [("t2", 1, 15), ("mem", 0, 23), ("mem", 1, 24), ("mem", 5, 47), ("mem", 4, 0)]
)
def test_a_bd_that_a_channel_reaches_can_be_had(tile, number, given):
    design = lowered(buffer("b", tile), program(tile, channel("MM2S", number, move("b", bd_id=given))))

    assert bd_ids(design) == {("MM2S", number): [given]}


@pytest.mark.parametrize(
    ("number", "given", "reached"), [(1, 23, "24 to 47"), (3, 0, "24 to 47"), (0, 24, "0 to 23"), (4, 47, "0 to 23")]
)
def test_a_bd_of_the_other_half_of_a_mem_tile_is_refused(number, given, reached):
    assert refusal(buffer("b", "mem"), program("mem", channel("S2MM", number, move("b", bd_id=given)))) == (
        f"error: channel {number} of mem (0, 1) does not reach buffer descriptor {given}\n"
        "  where: d.mlir:16:1\n"
        f"  why:   on a mem tile its channels of that parity have {reached}\n"
        "  fix:   leave bd_id out, or choose one of those"
    )


def test_a_bd_id_of_two_bds_is_refused():
    channels = [channel("S2MM", number, move("b", bd_id=7)) for number in range(2)]

    assert refusal(buffer("b"), program("t2", *channels)) == (
        "error: buffer descriptor 7 of core (0, 2) is taken\n"
        "  where: d.mlir:21:1\n"
        "  why:   another one has the same number\n"
        "  fix:   choose another number, or leave it out"
    )


@pytest.mark.parametrize(("tile", "number", "last"), [("t2", 16, 15), ("t2", -1, 15), ("mem", 48, 47)])
def test_a_bd_id_beyond_the_tile_is_refused(tile, number, last):
    kind = "mem" if tile == "mem" else "core"

    assert refusal(buffer("b", tile), program(tile, channel("S2MM", 0, move("b", bd_id=number)))) == (
        f"error: there is no buffer descriptor {number} on {kind} {TILES[tile]}\n"
        "  where: d.mlir:16:1\n"
        f"  why:   a {kind} tile has buffer descriptors 0 to {last}\n"
        "  fix:   choose one of those, or leave the number out"
    )


@pytest.mark.parametrize(("tile", "most"), [("t2", 16), ("mem", 24)])
def test_more_bds_than_a_channel_reaches_are_refused(tile, most):
    just = program(tile, channel("S2MM", 0, *[move("b")] * most))
    more = program(tile, channel("S2MM", 0, *[move("b")] * (most + 1)))

    assert bd_ids(lowered(buffer("b", tile), just)) == {("S2MM", 0): list(range(most))}
    assert "needs more buffer descriptors than it has\n  where: d.mlir:14:1\n" in refusal(buffer("b", tile), more)


# Channels


def test_a_channel_that_a_program_has_is_not_given_to_a_fifo():
    design = lowered(buffer("b"), fifo("in", "shim", "t2"), program("t2", channel("S2MM", 0, move("b"))))

    assert [(flow.source_channel, flow.destination_channel) for flow in design.flows] == [(0, 1)]


def test_a_channel_that_a_shim_allocation_has_is_not_given_to_a_fifo():
    design = lowered("aie.shim_dma_allocation @mine(%shim, MM2S, 0)", fifo("in", "shim", "t2"))

    assert [(shim.symbol, shim.channel) for shim in design.shim_allocations] == [("mine", 0), ("in_shim_alloc", 1)]
    assert [(flow.source_channel, flow.destination_channel) for flow in design.flows] == [(1, 0)]


def test_a_channel_of_the_other_direction_stays_free():
    design = lowered(buffer("b"), fifo("in", "shim", "t2"), program("t2", channel("MM2S", 0, move("b"))))

    assert [flow.destination_channel for flow in design.flows] == [0]


def test_a_fifo_finds_no_channel_where_programs_have_them_all():
    both = program("t2", channel("S2MM", 0, move("b")), channel("S2MM", 1, move("b")))

    assert refusal(buffer("b"), both, fifo("in", "shim", "t2")).startswith(
        "error: tile core (0, 2) needs more input DMA channels (S2MM) than it has\n  where: d.mlir:26:1\n"
    )


def test_a_fifo_may_not_pin_the_channel_of_a_program():
    pinned = fifo("in", "shim", "t2", "{cons_dma_channels = array<i32: 0>} ")

    assert refusal(buffer("b"), program("t2", channel("S2MM", 0, move("b"))), pinned).startswith(
        "error: S2MM channel 0 of core (0, 2) is taken\n  where: d.mlir:21:1\n"
    )


@pytest.mark.parametrize(("tile", "direction", "number", "last"), [("t2", "S2MM", 2, 1), ("mem", "MM2S", 6, 5)])
def test_a_program_for_a_channel_that_there_is_not_is_refused(tile, direction, number, last):
    kind = "mem" if tile == "mem" else "core"

    assert refusal(buffer("b", tile), program(tile, channel(direction, number, move("b")))) == (
        f"error: there is no {direction} channel {number} on {kind} {TILES[tile]}\n"
        "  where: d.mlir:14:1\n"
        f"  why:   a {kind} tile has {direction} channels 0 to {last}\n"
        "  fix:   use one of those"
    )


def test_a_channel_that_is_started_twice_is_refused():
    """mlir-aie: duplicate DMA channel."""
    twice = program("t2", channel("S2MM", 0, move("b")), channel("S2MM", 0, move("b")))

    assert "  where: d.mlir:19:1\n" in refusal(buffer("b"), twice)


@pytest.mark.parametrize("number", [2, -1])
def test_a_shim_allocation_of_a_channel_that_there_is_not_is_refused(number):
    assert refusal(f"aie.shim_dma_allocation @x(%shim, S2MM, {number})") == (
        f"error: there is no S2MM channel {number} on shim (0, 0)\n"
        "  where: d.mlir:12:1\n"
        "  why:   a shim tile has S2MM channels 0 to 1\n"
        "  fix:   use one of those"
    )


# Chains


def only_bds(*parts: str) -> tuple[Bd, ...]:
    (chain,) = lowered(*parts).chains
    return chain.bds


@pytest.mark.parametrize(("then", "following"), [("first", [1, 2, 0]), ("last", [1, 2, 2]), ("none", [1, 2, None])])
def test_a_chain_goes_on_where_it_says(then, following):
    bds = only_bds(buffer("b"), program("t2", channel("S2MM", 0, *[move("b")] * 3, then=then)))

    assert [bd.next for bd in bds] == following


def test_what_follows_is_the_bd_by_its_id():
    bds = only_bds(
        buffer("b"), program("t2", channel("S2MM", 0, move("b", bd_id=9), move("b", bd_id=4), move("b"), then="first"))
    )

    assert [(bd.bd_id, bd.next) for bd in bds] == [(9, 4), (4, 0), (0, 9)]


def test_a_bd_without_a_layout_moves_its_whole_buffer():
    (bd,) = only_bds(buffer("b", type_="8x16xi16"), program("t2", channel("S2MM", 0, move("b", "8x16xi16"))))

    assert bd == Bd(bd_id=0, buffer="b", offset=0, length=128, acquire=None, release=None, next=0)


@pytest.mark.parametrize(
    "layout",
    [
        " offset = 32 len = 96 sizes = [4, 24] strides = [32, 1]",
        ", 32, 96, [<size = 4, stride = 32>, <size = 24, stride = 1>]",
    ],
)
def test_a_bd_keeps_its_layout_and_its_locks_in_both_spellings(layout):
    uses = ["aie.use_lock(%free, AcquireGreaterEqual, 2)", "aie.use_lock(%full, Release, 3)"]
    (bd,) = only_bds(
        buffer("b"),
        lock("free", init=2),
        lock("full"),
        program("t2", channel("MM2S", 1, "\n".join([uses[0], move("b", layout=layout), uses[1]]))),
    )

    assert bd == Bd(
        bd_id=0,
        buffer="b",
        offset=32,
        length=96,
        acquire=("free", 2),
        release=("full", 3),
        next=0,
        sizes=(4, 24),
        strides=(32, 1),
    )


@pytest.mark.parametrize(("written", "count"), [(", repeat_count = 3", 3), (", repeat_count = 0", None), ("", None)])
def test_a_repeat_count_is_how_often_more_a_chain_runs(written, count):
    (chain,) = lowered(buffer("b"), program("t2", channel("S2MM", 0, move("b"), then="none", more=written))).chains

    assert chain.repeat_count == count


# What the fields of a BD hold


@pytest.mark.parametrize(
    ("tile", "type_", "layout"),
    [
        ("t2", "16384xi32", " len = 16383"),
        ("mem", "131072xi32", " len = 131071"),
        ("t2", "1024xi32", " len = 765 sizes = [3, 255] strides = [255, 1]"),
        ("t2", "1020xi16", " len = 1020 sizes = [2, 510] strides = [510, 1]"),
        ("t2", "512xi32", " len = 512 sizes = [512, 1, 1] strides = [1, 1, 1]"),
        ("mem", "1024xi32", " len = 1024 sizes = [2, 512] strides = [512, 1]"),
        ("mem", "16xi32", " len = 16 sizes = [2, 2, 2, 2] strides = [8, 4, 2, 1]"),
        ("t2", "8193xi32", " len = 2 sizes = [2, 1] strides = [8192, 1]"),
        ("t2", "64xi8", " offset = 4 len = 60"),
    ],
)
def test_a_bd_that_just_fits_is_taken(tile, type_, layout):
    bds = only_bds(buffer("b", tile, type_), program(tile, channel("S2MM", 0, move("b", type_, layout))))

    assert len(bds) == 1


@pytest.mark.parametrize(
    ("tile", "type_", "layout", "told"),
    [
        (
            "t2",
            "16384xi32",
            "",
            "the BD of b is too long for core (0, 2)\n"
            "  where: d.mlir:16:1\n"
            "  why:   16,384 elements are 16,384 words, and its length field goes to 16,383\n"
            "  fix:   move it in several BDs",
        ),
        (
            "mem",
            "524288xi8",
            "",
            "the BD of b is too long for mem (0, 1)\n"
            "  where: d.mlir:16:1\n"
            "  why:   524,288 elements are 131,072 words, and its length field goes to 131,071\n"
            "  fix:   move it in several BDs",
        ),
        (
            "t2",
            "64xi8",
            " offset = 2 len = 8",
            "the BD of b is not made of whole words\n"
            "  where: d.mlir:16:1\n"
            "  why:   offset 2 and length 8 bytes; a DMA moves words of 4\n"
            "  fix:   let it begin and end at a multiple of 4 bytes",
        ),
        (
            "t2",
            "64xi16",
            " len = 5",
            "the BD of b is not made of whole words\n"
            "  where: d.mlir:16:1\n"
            "  why:   offset 0 and length 10 bytes; a DMA moves words of 4\n"
            "  fix:   let it begin and end at a multiple of 4 bytes",
        ),
        (
            "t2",
            "64xi32",
            " offset = 32 len = 33",
            "the BD of b reaches beyond its buffer\n"
            "  where: d.mlir:16:1\n"
            "  why:   it moves 33 elements from 32 on, and memref<64xi32> has 64\n"
            "  fix:   correct offset and length",
        ),
        (
            "t2",
            "64xi32",
            " len = -4",
            "the BD of b is too long for core (0, 2)\n"
            "  where: d.mlir:16:1\n"
            "  why:   -4 elements are -4 words, and its length field goes to 16,383\n"
            "  fix:   move it in several BDs",
        ),
        (
            "t2",
            "64xi32",
            " offset = -1 len = 4",
            "the BD of b reaches beyond its buffer\n"
            "  where: d.mlir:16:1\n"
            "  why:   it moves 4 elements from -1 on, and memref<64xi32> has 64\n"
            "  fix:   correct offset and length",
        ),
        (
            "t2",
            "64xi32",
            " offset = 4 len = 64 sizes = [8, 8] strides = [8, 1]",
            "the dimensions of b do not fit a BD of core (0, 2)\n"
            "  where: d.mlir:16:1\n"
            "  why:   an element at index 67; an object has 64 elements\n"
            "  fix:   give sizes and strides in elements, outermost first, inside the object",
        ),
        (
            "t2",
            "1024xi32",
            " len = 600 sizes = [2, 300] strides = [300, 1]",
            "dimension 0 of b is too long for core (0, 2)\n"
            "  where: d.mlir:16:1\n"
            "  why:   size 300 is 300 in the field, which holds 255; mlir-aie lets 256 pass, and it becomes 0\n"
            "  fix:   keep each size but the outermost of three at most 255 words, "
            "or let the mem tile's end have the dimensions",
        ),
        (
            "t2",
            "512xi32",
            " len = 512 sizes = [256, 2] strides = [2, 1]",
            "dimension 1 of b is too long for core (0, 2)\n"
            "  where: d.mlir:16:1\n"
            "  why:   size 256 is 256 in the field, which holds 255; mlir-aie lets 256 pass, and it becomes 0\n"
            "  fix:   keep each size but the outermost of three at most 255 words, "
            "or let the mem tile's end have the dimensions",
        ),
        (
            "t2",
            "1024xi8",
            " len = 1024 sizes = [256, 4] strides = [4, 1]",
            "dimension 1 of b is too long for core (0, 2)\n"
            "  where: d.mlir:16:1\n"
            "  why:   size 256 is 256 in the field, which holds 255; mlir-aie lets 256 pass, and it becomes 0\n"
            "  fix:   keep each size but the outermost of three at most 255 words, "
            "or let the mem tile's end have the dimensions",
        ),
        (
            "mem",
            "1026xi32",
            " len = 1026 sizes = [2, 513] strides = [513, 1]",
            "the dimensions of b do not fit a BD of mem (0, 1)\n"
            "  where: d.mlir:16:1\n"
            "  why:   size 513, stride 1; sizes are 1 to 512, strides from 1 up\n"
            "  fix:   give sizes and strides in elements, outermost first, inside the object",
        ),
        (
            "t2",
            "64xi32",
            " len = 8 sizes = [4, 2] strides = [0, 1]",
            "the dimensions of b do not fit a BD of core (0, 2)\n"
            "  where: d.mlir:16:1\n"
            "  why:   size 4, stride 0; sizes are 1 to 512, strides from 1 up\n"
            "  fix:   give sizes and strides in elements, outermost first, inside the object",
        ),
        (
            "t2",
            "16xi32",
            " len = 16 sizes = [2, 2, 2, 2] strides = [8, 4, 2, 1]",
            "the dimensions of b do not fit a BD of core (0, 2)\n"
            "  where: d.mlir:16:1\n"
            "  why:   4 dimensions; a BD there has 3\n"
            "  fix:   give sizes and strides in elements, outermost first, inside the object",
        ),
        (
            "t2",
            "64xi8",
            " len = 16 sizes = [4, 4] strides = [6, 1]",
            "the dimensions of b do not fit a BD of core (0, 2)\n"
            "  where: d.mlir:16:1\n"
            "  why:   stride 6 of 1-byte elements; steps are multiples of 4 bytes\n"
            "  fix:   give sizes and strides in elements, outermost first, inside the object",
        ),
        (
            "t2",
            "8194xi32",
            " len = 2 sizes = [2, 1] strides = [8193, 1]",
            "a step of dimension 1 of b is too long for core (0, 2)\n"
            "  where: d.mlir:16:1\n"
            "  why:   stride 8,193 is 8,193 words, and the step field goes to 8,192; "
            "only aie-rt would say so, when the configuration is written\n"
            "  fix:   lay the object out so that the steps are shorter, or let the mem tile's end have the dimensions",
        ),
        (
            "mem",
            "131074xi32",
            " len = 2 sizes = [2, 1] strides = [131073, 1]",
            "a step of dimension 1 of b is too long for mem (0, 1)\n"
            "  where: d.mlir:16:1\n"
            "  why:   stride 131,073 is 131,073 words, and the step field goes to 131,072; "
            "only aie-rt would say so, when the configuration is written\n"
            "  fix:   lay the object out so that the steps are shorter, or let the mem tile's end have the dimensions",
        ),
    ],
)
def test_a_bd_that_its_fields_cannot_hold_is_refused(tile, type_, layout, told):
    parts = (buffer("b", tile, type_), program(tile, channel("S2MM", 0, move("b", type_, layout))))

    assert refusal(*parts) == f"error: {told}"


def padded(*pads: tuple[int, int]) -> str:
    written = [f"<const_pad_before = {before}, const_pad_after = {after}>" for before, after in pads]
    return f" pad [{', '.join(written)}]"


def sends_padded(tile: str, type_: str, layout: str) -> tuple[str, str]:
    return buffer("b", tile, type_), program(tile, channel("MM2S", 0, move("b", type_, layout)))


@pytest.mark.parametrize(
    ("type_", "layout"),
    [
        ("64xi32", " len = 36 sizes = [2, 6] strides = [16, 1]" + padded((1, 0), (2, 4))),
        ("128xi32", " len = 128 sizes = [1, 2] strides = [1, 1]" + padded((0, 0), (63, 63))),
        ("508xi8", " len = 508 sizes = [1, 4] strides = [4, 1]" + padded((0, 0), (252, 252))),
        ("64xi32", " len = 64 sizes = [2, 1] strides = [1, 1]" + padded((31, 31), (0, 0))),
        ("32xi32", " len = 32 sizes = [2, 1, 1] strides = [1, 1, 1]" + padded((15, 15), (0, 0), (0, 0))),
        ("32xi32", " len = 4 sizes = [2, 1, 1, 1] strides = [1, 1, 1, 1]" + padded((0, 0), (0, 0), (1, 0), (0, 0))),
    ],
)
def test_padding_that_just_fits_is_taken(type_, layout):
    (bd,) = only_bds(*sends_padded("mem", type_, layout))

    assert bd.pads


@pytest.mark.parametrize(
    ("tile", "type_", "layout", "why"),
    [
        (
            "t2",
            "64xi32",
            " len = 36 sizes = [2, 6] strides = [16, 1]" + padded((1, 0), (2, 4)),
            "only the DMA of a mem tile pads, and only what it sends",
        ),
        (
            "mem",
            "64xi32",
            " len = 36 sizes = [2, 6] strides = [16, 1]" + padded((2, 4)),
            "1 pads and 2 dimensions",
        ),
        (
            "mem",
            "64xi32",
            " len = 35 sizes = [2, 6] strides = [16, 1]" + padded((1, 0), (2, 4)),
            "36 elements with their padding, and an object has 35",
        ),
        (
            "mem",
            "64xi8",
            " len = 60 sizes = [2, 6] strides = [16, 1]" + padded((4, 0), (0, 2)),
            "the innermost pads are (0, 2) elements of 1 bytes",
        ),
        (
            "mem",
            "64xi8",
            " len = 64 sizes = [1, 2, 4] strides = [4, 4, 1]" + padded((0, 0), (0, 0), (2, 0)),
            "the innermost pads are (2, 0) elements of 1 bytes",
        ),
        (
            "mem",
            "256xi8",
            " len = 256 sizes = [2, 4] strides = [4, 1]" + padded((32, 0), (0, 0)),
            "dimension 1 is padded by (32, 0); its field goes from 0 to 31",
        ),
        (
            "mem",
            "64xi32",
            " len = 64 sizes = [2, 6] strides = [16, 1]" + padded((0, 0), (-1, 0)),
            "dimension 0 is padded by (-1, 0); its field goes from 0 to 63",
        ),
        (
            "mem",
            "256xi32",
            " len = 256 sizes = [1, 2] strides = [1, 1]" + padded((0, 0), (0, 64)),
            "dimension 0 is padded by (0, 64); its field goes from 0 to 63",
        ),
        (
            "mem",
            "1024xi8",
            " len = 1024 sizes = [1, 4] strides = [4, 1]" + padded((0, 0), (256, 0)),
            "dimension 0 is padded by (256, 0); its field goes from 0 to 63",
        ),
        (
            "mem",
            "64xi32",
            " len = 64 sizes = [2, 1] strides = [1, 1]" + padded((32, 0), (0, 0)),
            "dimension 1 is padded by (32, 0); its field goes from 0 to 31",
        ),
        (
            "mem",
            "64xi32",
            " len = 64 sizes = [2, 1, 1] strides = [1, 1, 1]" + padded((0, 16), (0, 0), (0, 0)),
            "dimension 2 is padded by (0, 16); its field goes from 0 to 15",
        ),
        (
            "mem",
            "64xi32",
            " len = 64 sizes = [2, 1, 1, 1] strides = [1, 1, 1, 1]" + padded((1, 0), (0, 0), (0, 0), (0, 0)),
            "dimension 3 is padded by (1, 0); its field goes from 0 to 0",
        ),
    ],
)
def test_padding_that_its_fields_cannot_hold_is_refused(tile, type_, layout, why):
    assert f"\n  why:   {why}\n" in refusal(*sends_padded(tile, type_, layout))


WRAPS_TO_0 = (
    buffer("b", type_="512xi32"),
    program("t2", channel("S2MM", 0, move("b", "512xi32", " len = 512 sizes = [2, 256] strides = [256, 1]"))),
)


def test_256_words_on_a_core_tile_pass_only_as_mlir_aie_lets_them_pass():
    assert refusal(*WRAPS_TO_0).startswith("error: dimension 0 of b is too long for core (0, 2)\n")

    (chain,) = lowered(*WRAPS_TO_0, as_silent=True).chains

    assert chain.bds[0].sizes == (2, 256)


def test_257_words_on_a_core_tile_never_pass():
    layout = " len = 514 sizes = [2, 257] strides = [257, 1]"

    with pytest.raises(Problem):
        lowered(
            buffer("b", type_="514xi32"),
            program("t2", channel("S2MM", 0, move("b", "514xi32", layout))),
            as_silent=True,
        )


# What a DMA reaches


@pytest.mark.parametrize(
    ("dma", "owner"),
    [("t2", "t3"), ("t2", "e2"), ("e2", "t2"), ("mem", "mem2"), ("mem", "t2"), ("t2", "mem")],
)
def test_a_buffer_of_another_tile_is_out_of_reach(dma, owner):
    kinds = {name: "mem" if name.startswith("mem") else "core" for name in (dma, owner)}

    assert refusal(buffer("b", owner), program(dma, channel("S2MM", 0, move("b")))) == (
        f"error: S2MM channel 0 of {kinds[dma]} {TILES[dma]} does not reach buffer b on {kinds[owner]} {TILES[owner]}\n"
        "  where: d.mlir:16:1\n"
        "  why:   a DMA has the memory and the locks of its own tile; "
        "channels 0 to 3 of a mem tile also its neighbours'\n"
        "  fix:   put both on one tile"
    )


@pytest.mark.parametrize("use", ["AcquireGreaterEqual", "Release"])
def test_a_lock_of_another_tile_is_out_of_reach(use):
    bd = f"aie.use_lock(%l, {use}, 1)\n{move('b')}"

    assert refusal(buffer("b"), lock("l", "t3"), program("t2", channel("S2MM", 0, bd))).startswith(
        "error: S2MM channel 0 of core (0, 2) does not reach lock l on core (0, 3)\n  where: d.mlir:18:1\n"
    )


@pytest.mark.parametrize(("dma", "owner"), [("mem", "mem1"), ("mem1", "mem"), ("mem1", "mem2")])
def test_a_mem_tile_reaches_buffers_and_locks_of_the_mem_tiles_beside_it(dma, owner):
    bd = f"aie.use_lock(%l, AcquireGreaterEqual, 1)\n{move('b')}"
    (moved,) = only_bds(buffer("b", owner), lock("l", owner), program(dma, channel("S2MM", 3, bd)))

    assert (moved.buffer, moved.acquire) == ("b", ("l", 1))


@pytest.mark.parametrize("number", [4, 5])
def test_only_the_lower_four_channels_of_a_mem_tile_reach_its_neighbours(number):
    """getMaxChannelNumForAdjacentMemTile, which the verifier of aie.memtile_dma asks."""
    assert refusal(buffer("b", "mem1"), program("mem", channel("S2MM", number, move("b"))))


# Circuits


def test_a_flow_has_the_name_of_the_allocation_at_its_end():
    design = lowered(
        "aie.flow(%shim, DMA : 1, %t2, DMA : 0)",
        "aie.flow(%t2, DMA : 1, %shim, DMA : 0)",
        "aie.flow(%t2, DMA : 0, %t3, DMA : 1)",
        "aie.shim_dma_allocation @feed(%shim, MM2S, 1)",
        "aie.shim_dma_allocation @drain(%shim, S2MM, 0)",
    )

    assert [
        (flow.source.at, flow.source_channel, flow.destination.at, flow.destination_channel, flow.fifo)
        for flow in design.flows
    ] == [
        ((0, 0), 1, (0, 2), 0, "feed"),
        ((0, 2), 1, (0, 0), 0, "drain"),
        ((0, 2), 0, (0, 3), 1, "flow of line 14"),
    ]


def test_a_flow_between_other_ports_keeps_them():
    (flow,) = lowered("aie.flow(%t2, Trace : 0, %shim, DMA : 1)").flows

    assert (flow.source_bundle, flow.source_channel) == ("Trace", 0)
    assert (flow.destination_bundle, flow.destination_channel) == ("DMA", 1)


@pytest.mark.parametrize(
    ("flow", "told"),
    [
        ("%shim, DMA : 2, %t2, DMA : 0", "MM2S channel 2 on shim (0, 0)\n  why:   a shim tile has channels 0 to 1"),
        ("%shim, DMA : 0, %t2, DMA : 2", "S2MM channel 2 on core (0, 2)\n  why:   a core tile has channels 0 to 1"),
        ("%mem, DMA : 6, %t2, DMA : 0", "MM2S channel 6 on mem (0, 1)\n  why:   a mem tile has channels 0 to 5"),
        ("%mem, DMA : -1, %t2, DMA : 0", "MM2S channel -1 on mem (0, 1)\n  why:   a mem tile has channels 0 to 5"),
    ],
)
def test_a_flow_of_a_channel_that_there_is_not_is_refused_where_it_stands(flow, told):
    what, why = told.split("\n")

    assert refusal(f"aie.flow({flow})") == (
        f"error: there is no {what}\n  where: d.mlir:12:1\n{why}, and a flow names this one\n  fix:   use one of those"
    )


def test_packet_and_cascade_flows_are_among_the_facts():
    packets = "aie.packet_flow(5) {\naie.packet_source<%shim, DMA : 1>\naie.packet_dest<%t3, DMA : 0>\n"
    facts = design_facts(
        text(
            packets + "aie.packet_dest<%t2, DMA : 1>\n}",
            "aie.cascade_flow(%t3, %t2)",
            "aie.cascade_flow(%t2, %e2)",
        ),
        "d.mlir",
        version_named("2026-08"),
    )

    assert facts["packet_flows"] == [
        {
            "id": 5,
            "source": [{"tile": [0, 0], "port": "DMA:1"}],
            "dest": [{"tile": [0, 3], "port": "DMA:0"}, {"tile": [0, 2], "port": "DMA:1"}],
        }
    ]
    assert facts["cascade_flows"] == [{"from": [0, 3], "to": [0, 2]}, {"from": [0, 2], "to": [1, 2]}]


def test_what_a_design_does_not_have_is_not_among_the_facts():
    facts = design_facts(text(), "d.mlir", version_named("2026-03"))

    assert {"packet_flows", "cascade_flows", "sequence", "insts"}.isdisjoint(facts)


def test_a_program_that_is_written_out_is_among_the_facts():
    facts = design_facts(
        text(
            buffer("b"),
            lock("l", init=1),
            program(
                "t2",
                channel(
                    "MM2S",
                    1,
                    "aie.use_lock(%l, AcquireGreaterEqual, 1)\n" + move("b", layout=", 8, 16"),
                    then="none",
                    more=", repeat_count = 2",
                ),
            ),
            "aie.flow(%t2, DMA : 1, %shim, DMA : 0)",
            "aie.shim_dma_allocation @drain(%shim, S2MM, 0)",
        ),
        "d.mlir",
        version_named("2026-03"),
    )
    bd = {
        "bd_id": 0, "buffer": "b", "offset": 8, "length": 16, "sizes": None, "strides": None,
        "acquire": ["l", 1], "release": None, "next": None,
    }  # fmt: skip

    assert facts["dmas"] == [{"tile": [0, 2], "direction": "MM2S", "channel": 1, "bds": [bd], "repeat_count": 2}]
    assert facts["locks"] == [{"tile": [0, 2], "id": 0, "name": "l", "init": 1}]
    assert facts["flows"] == [{"from": [0, 2], "from_port": "DMA:1", "to": [0, 0], "to_port": "DMA:0"}]
    assert facts["shim_allocations"] == [{"symbol": "drain", "tile": [0, 0], "direction": "S2MM", "channel": 0}]


# What a core reaches


@pytest.mark.parametrize("owner", ["t2", "t3", "e2", "e3"])
def test_a_core_uses_locks_and_buffers_of_its_own_and_of_its_west_north_and_south(owner):
    at = {"t2": "e2", "t3": "e3", "e2": "e3", "e3": "e2"}[owner]
    design = lowered(
        lock("l", owner),
        buffer("b", owner),
        core(
            at,
            "aie.use_lock(%l, AcquireGreaterEqual, 1)",
            "%c0 = arith.constant 0 : index",
            "%v = memref.load %b[%c0] : memref<1024xi32>",
        ),
    )

    assert set(design.cores[0].core.locks.values()) == {"l"}


def test_a_lock_to_the_east_of_a_core_is_out_of_reach():
    assert refusal(lock("l", "e2"), core("t2", "aie.use_lock(%l, Release, 1)")) == (
        "error: the core on core (0, 2) cannot reach lock l on core (1, 2)\n"
        "  where: d.mlir:13:1\n"
        "  why:   a core reaches its own locks and those of its west, north and south neighbours\n"
        "  fix:   put the lock on one of those tiles"
    )


@pytest.mark.parametrize("owner", ["mem", "shim"])
def test_a_lock_of_a_tile_without_a_core_is_out_of_reach_of_cores(owner):
    """To the south of the lowest core is the mem tile, whose memory and locks no core reaches."""
    assert "error: the core on core (0, 2) cannot reach lock l on " in refusal(
        lock("l", owner), core("t2", "aie.use_lock(%l, Release, 1)")
    )


@pytest.mark.parametrize("owner", ["e2", "e3", "mem"])
def test_a_buffer_out_of_reach_of_a_core_is_refused(owner):
    load = ("%c0 = arith.constant 0 : index", "%v = memref.load %b[%c0] : memref<1024xi32>")
    kind = "mem" if owner == "mem" else "core"

    assert refusal(buffer("b", owner), core("t2", *load)) == (
        f"error: the core on core (0, 2) cannot reach buffer b on {kind} {TILES[owner]}\n"
        "  where: d.mlir:13:1\n"
        "  why:   a core reaches its own memory and that of its west, north and south neighbours\n"
        "  fix:   put the buffer on one of those tiles, or move the data through a fifo"
    )


# Tasks

IN, OUT = "aie.shim_dma_allocation @in(%shim, MM2S, 0)", "aie.shim_dma_allocation @out(%shim, S2MM, 1)"
BESIDE = "aie.shim_dma_allocation @beside(%shim1, MM2S, 0)"
TOKEN = "{issue_token = true}"


def sequence(*lines: str) -> str:
    return "\n".join(["aie.runtime_sequence(%x: memref<4096xi32>, %y: memref<4096xi16>) {", *lines, "}"])


def part(argument: str = "x", layout: str = " offset = 0 len = 64", more: str = "") -> str:
    return f"aie.dma_bd(%{argument} : memref<4096xi{32 if argument == 'x' else 16}>{layout}){more}"


def task(name: str, *bds: str, end: str = "@in", then: str = "aie.end", more: str = "") -> str:
    """A task for a shim end, or for the channel of a tile if `end` is written in parentheses."""
    lines = [f"%{name} = aiex.dma_configure_task{'' if end.startswith('(') else '_for '}{end} {{"]
    for n, bd in enumerate(bds or (part(),)):
        lines += [f"^{name}{n}:"] if n else []
        lines += [bd, f"aie.next_bd ^{name}{n + 1}" if n + 1 < len(bds) else then]
    return "\n".join([*lines, f"}} {more}"])


def start(name: str) -> str:
    return f"aiex.dma_start_task(%{name})"


def wait_for(name: str) -> str:
    return f"aiex.dma_await_task(%{name})"


def free(name: str) -> str:
    return f"aiex.dma_free_task(%{name})"


def done(*lines: str) -> tuple[Action, ...]:
    """What a sequence of these lines does."""
    return actions(IN, OUT, BESIDE, sequence(*lines))


def set_bds(*lines: str) -> list[tuple[int, int]]:
    """Column and id of every BD that a sequence sets."""
    return [(action.column, action.bd_id) for action in done(*lines) if isinstance(action, SetBd)]


def test_a_task_sets_a_bd_and_patches_its_address_before_anything_starts():
    bd, patch = done(task("t", part("y", " offset = 128 len = 256")))

    assert isinstance(bd, SetBd)
    assert (bd.column, bd.bd_id, bd.bd.length, bd.bd.next_bd) == (0, 0, 128, None)
    assert bd.bd.byte_address == 256
    assert patch == PatchBd(word=patch.word, column=0, bd_id=0, argument=1, byte_offset=256)


def test_a_start_queues_the_first_bd_of_the_task():
    (push,) = done(task("t"), start("t"))[2:]

    assert push == Push(word=push.word, column=0, direction="MM2S", channel=0, bd_id=0, runs=1, issue_token=False)


def test_a_task_with_a_token_says_where_its_token_goes():
    route, push = done(task("t", more=TOKEN), start("t"))[2:]

    assert route == RouteTokens(word=route.word, column=0, direction="MM2S", channel=0, controller_id=15)
    assert isinstance(push, Push)
    assert push.issue_token


def test_a_task_to_the_host_gives_no_token_unless_it_is_asked_to():
    (push,) = done(task("t", end="@out"), start("t"))[2:]

    assert push == Push(word=push.word, column=0, direction="S2MM", channel=1, bd_id=0, runs=1, issue_token=False)


def test_a_wait_is_for_the_channel_of_its_task():
    wait = done(task("t", end="@out", more=TOKEN), start("t"), wait_for("t"))[-1]

    assert wait == Wait(word=wait.word, column=0, row=0, direction="S2MM", channel=1)


def test_a_repeat_count_is_how_often_more_a_task_runs():
    push = done(task("t", more="{repeat_count = 2 : i32}"), start("t"))[-1]

    assert isinstance(push, Push)
    assert push.runs == 3


def test_a_repeat_count_may_be_a_constant_of_the_sequence():
    push = done("%r = arith.constant 4 : i32", task("t", end="@in repeat %r : i32"), start("t"))[-1]

    assert isinstance(push, Push)
    assert push.runs == 5


def test_the_bds_of_a_task_are_chained():
    found = done(
        task(
            "t",
            part(layout=" offset = 0 len = 64"),
            part(layout=" offset = 256 len = 32"),
            part(layout=" offset = 768 len = 96 sizes = [6, 16] strides = [32, 1]"),
        ),
        start("t"),
    )
    bds = [action for action in found if isinstance(action, SetBd)]
    (push,) = [action for action in found if isinstance(action, Push)]

    assert [(bd.bd_id, bd.bd.next_bd, bd.bd.length, bd.bd.byte_address) for bd in bds] == [
        (0, 1, 64, 0),
        (1, 2, 32, 1024),
        (2, None, 96, 3072),
    ]
    assert bds[2].bd.dimensions == ((1, 1), (6, 32), (16, 1))
    assert push.bd_id == 0


def test_a_chain_of_a_task_may_run_round():
    (first, second) = [
        action for action in done(task("t", part(), part(), then="aie.next_bd ^t1")) if isinstance(action, SetBd)
    ]

    assert (first.bd.next_bd, second.bd.next_bd) == (1, 1)


@pytest.mark.parametrize(
    "layout",
    [
        " offset = 8 len = 64 sizes = [4, 16] strides = [64, 1]",
        " offset = 8 len = 64 sizes = [1, 1, 4, 16] strides = [0, 0, 64, 1]",
        ", 8, 64, [<size = 4, stride = 64>, <size = 16, stride = 1>]",
        ", 8, 64, [<size = 1, stride = 0>, <size = 1, stride = 0>, <size = 4, stride = 64>, <size = 16, stride = 1>]",
    ],
)
def test_the_layout_of_a_task_is_the_same_in_every_spelling(layout):
    bd = done(task("t", part(layout=layout)))[0]

    assert isinstance(bd, SetBd)
    assert bd.bd.dimensions == ((1, 1), (4, 64), (16, 1))
    assert (bd.bd.length, bd.bd.byte_address) == (64, 32)


def test_the_outermost_of_four_sizes_repeats_the_length():
    layout = " len = 64 sizes = [3, 1, 4, 16] strides = [256, 0, 64, 1]"
    bd = done(task("t", part(layout=layout)))[0]

    assert isinstance(bd, SetBd)
    assert (bd.bd.length, bd.bd.iteration_size, bd.bd.iteration_stride) == (64, 3, 256)


@pytest.mark.parametrize("bytes_", [64, 128, 256])
def test_a_task_may_ask_for_the_length_of_its_bursts(bytes_):
    bd = done(task("t", part(more=f" {{burst_length = {bytes_} : i32}}")))[0]

    assert isinstance(bd, SetBd)
    assert bd.bd.burst_bytes == bytes_


def test_a_bd_of_a_task_may_have_a_packet_header():
    bd = done(task("t", part(more=" {packet = #aie.packet_info<pkt_type = 1, pkt_id = 6>}")))[0]

    assert isinstance(bd, SetBd)
    assert bd.bd.packet == Packet(id=6, type=1)


def test_a_packet_header_of_the_task_is_that_of_its_bds():
    bd = done(task("t", end="(%shim, MM2S, 0, <pkt_type = 1, pkt_id = 6>)"))[0]

    assert isinstance(bd, SetBd)
    assert bd.bd.packet == Packet(id=6, type=1)


def test_a_task_may_name_its_channel_itself():
    found = done(task("t", end="(%shim1, S2MM, 1)", more=TOKEN), start("t"), wait_for("t"))

    assert [
        (action.column, action.direction, action.channel) for action in found if isinstance(action, Push | Wait)
    ] == [(1, "S2MM", 1)] * 2


@pytest.mark.parametrize("number", [2, -1])
def test_a_task_for_a_channel_that_there_is_not_is_refused(number):
    assert "  where: d.mlir:16:1\n" in refusal(
        IN, OUT, BESIDE, sequence(task("t", end=f"(%shim, MM2S, {number})"), start("t"))
    )


@pytest.mark.parametrize(("tile", "named"), [("t2", "core (0, 2)"), ("mem", "mem (0, 1)")])
def test_a_task_on_a_core_or_mem_tile_moves_a_buffer_of_it(tile, named):
    assert refusal(sequence(task("t", end=f"(%{tile}, MM2S, 0)"))).startswith(
        f"error: {named} moves what is not in its memory\n  where: d.mlir:"
    )


def test_a_task_that_moves_a_buffer_of_a_tile_is_refused():
    bd = "aie.dma_bd(%b : memref<1024xi32> offset = 0 len = 64)"

    assert refusal(buffer("b"), IN, sequence(task("t", bd))) == (
        "error: a shim tile's BD cannot move buffer b\n"
        "  where: d.mlir:16:1\n"
        "  why:   a shim tile has no memory of its own; its DMA moves arguments of the sequence\n"
        "  fix:   name an argument"
    )


def test_a_task_whose_bd_waits_for_a_lock_is_refused():
    """Its words have no lock, so a wait that is written would be lost without a word."""
    bd = "aie.use_lock(%l, AcquireGreaterEqual, 1)\n" + part()

    assert refusal(lock("l", "shim"), IN, sequence(task("t", bd)))


@pytest.mark.parametrize(
    "layout",
    [
        " len = 65 sizes = [4, 16] strides = [64, 1]",
        " len = 64 sizes = [2, 1, 2, 16] strides = [0, 0, 64, 1]",
        " len = 64 sizes = [1, 1, 1, 4, 16] strides = [0, 0, 0, 64, 1]",
    ],
)
def test_sizes_that_do_not_make_the_length_are_refused(layout):
    assert "error: the sizes of the BD do not make its length\n  where: d.mlir:15:1\n" in refusal(
        IN, sequence(task("t", part(layout=layout)))
    )


def test_sizes_that_do_not_make_the_length_are_told_with_both():
    layout = " len = 1000 sizes = [4, 16] strides = [64, 1]"

    assert refusal(IN, sequence(task("t", part(layout=layout)))) == (
        "error: the sizes of the BD do not make its length\n"
        "  where: d.mlir:15:1\n"
        "  why:   sizes [4, 16], length 1,000: the inner three multiply to the length, and the outermost repeats\n"
        "  fix:   let both say the same"
    )


@pytest.mark.parametrize(
    ("bd", "why"),
    [
        (part("y", " len = 3"), "its innermost size is 6 bytes, and the DMA moves words of 4"),
        (part("y", " offset = 1 len = 4"), "its offset is 2 bytes, and the DMA moves words of 4"),
        (part(layout=" offset = -1 len = 4"), "its offset is -4 bytes"),
        (part(layout=" len = 0"), "sizes [1, 1, 1, 0]: each must be at least 1"),
        (part(more=" {burst_length = 100 : i32}"), "a burst of 100 bytes is none of npu1's (64, 128, 256)"),
    ],
)
def test_a_bd_of_a_task_that_no_descriptor_can_hold_is_refused(bd, why):
    assert refusal(IN, sequence(task("t", bd))).startswith(
        "error: a transfer between host and array cannot be written\n"
        "  where: d.mlir:15:1, shim tile (0, 0), MM2S channel 0, BD 0\n"
        f"  why:   {why}\n"
    )


# The BDs of tasks


def test_the_bds_of_tasks_are_given_out_one_after_the_other():
    assert set_bds(task("t", part(), part()), task("u"), task("v", end="@out")) == [(0, 0), (0, 1), (0, 2), (0, 3)]


def test_every_shim_tile_has_its_own_bds():
    assert set_bds(task("t"), task("u", end="@beside"), task("v")) == [(0, 0), (1, 0), (0, 1)]


@pytest.mark.parametrize("over", [wait_for, free])
def test_the_bds_of_a_task_that_is_over_are_given_out_again(over):
    lines = [task("t", part(), part(), more=TOKEN), task("u"), over("t"), task("v", part(), part(), part())]

    assert set_bds(*lines) == [(0, 0), (0, 1), (0, 2), (0, 0), (0, 1), (0, 3)]


def test_a_free_writes_nothing():
    assert done(task("t"), start("t"), free("t")) == done(task("t"), start("t"))


def test_a_bd_id_that_a_task_gives_is_kept_and_the_others_go_around_it():
    given = part(more=" {bd_id = 1 : i32}")

    assert set_bds(task("t"), task("u", given, part()), task("v")) == [(0, 0), (0, 1), (0, 2), (0, 3)]


def test_a_bd_id_given_on_one_shim_tile_is_free_on_another():
    given = part(more=" {bd_id = 0 : i32}")

    assert set_bds(task("t", given), task("u", end="@beside")) == [(0, 0), (1, 0)]


def test_a_bd_id_that_a_task_under_way_has_cannot_be_given_again():
    """mlir-aie: Specified buffer descriptor ID 3 is already in use."""
    given = part(more=" {bd_id = 3 : i32}")

    assert refusal(IN, sequence(task("t", given), start("t"), task("u", given))).startswith(
        "error: BD 3 is in use\n"
        "  where: d.mlir:20:1\n"
        "  why:   task 0 of the sequence has it, and is neither awaited nor freed before\n"
    )


def test_a_bd_id_of_a_task_that_is_over_can_be_given_again():
    given = part(more=" {bd_id = 3 : i32}")

    assert set_bds(task("t", given), free("t"), task("u", given)) == [(0, 3), (0, 3)]


@pytest.mark.parametrize("number", [16, -1])
def test_a_bd_id_that_the_shim_does_not_have_is_refused_in_a_task(number):
    """As for a dma_memcpy_nd: 16 overwrites the control registers of the channels."""
    given = part(more=f" {{bd_id = {number} : i32}}")

    assert f"there is no BD {number} on a shim tile" in refusal(IN, sequence(task("t", given)))


def many(count: int) -> list[str]:
    return [task(f"task{number}_") for number in range(count)]


def test_sixteen_tasks_have_the_sixteen_bds():
    assert set_bds(*many(16)) == [(0, number) for number in range(16)]


def test_a_seventeenth_task_is_refused():
    assert refusal(IN, sequence(*many(17))) == (
        "error: the tasks of shim (0, 0) need more BDs than it has\n"
        "  where: d.mlir:78:1\n"
        "  why:   it has 16, and none of those in use is awaited or freed before this task\n"
        "  fix:   write aiex.dma_await_task or aiex.dma_free_task for earlier tasks first"
    )


def test_a_seventeenth_task_has_a_place_once_another_is_over():
    assert set_bds(*many(16), free("task5_"), task("last"))[-1] == (0, 5)


def test_a_wait_for_a_task_without_a_token_is_refused():
    assert refusal(IN, sequence(task("t"), start("t"), wait_for("t"))) == (
        "error: a task is awaited that issues no token\n"
        "  where: d.mlir:19:1\n"
        "  why:   it is configured at d.mlir:14:1 without issue_token\n"
        "  fix:   write {issue_token = true} behind its configuration"
    )


@pytest.mark.parametrize("count", [255, 0])
def test_a_queue_counts_to_256_runs(count):
    push = done(task("t", more=f"{{repeat_count = {count} : i32}}"), start("t"))[-1]

    assert isinstance(push, Push)
    assert push.runs == count + 1


@pytest.mark.parametrize("count", [256, -1])
def test_a_task_that_no_queue_entry_can_repeat_is_refused(count):
    """mlir-aie: Repeat count exceeds the [0:255] range."""
    assert refusal(IN, sequence(task("t", more=f"{{repeat_count = {count} : i32}}"), start("t")))


# Parameters, locks and registers

# Where the first buffer of a core with nothing else lies.
FIRST = 1024


def only(*parts: str) -> Action:
    (action,) = actions(*parts)
    return action


@pytest.mark.parametrize("index", [0, 3])
def test_an_rtp_write_goes_to_a_word_of_its_buffer(index):
    write = only(buffer("rtp", type_="4xi32"), core("t2"), sequence(f"aiex.npu.rtp_write(@rtp, {index}, 7)"))

    assert write == SetRegisters(word=4, column=0, row=2, offset=FIRST + 4 * index, words=(7,))


def test_an_rtp_write_takes_a_constant_and_a_negative_number():
    write = only(
        buffer("rtp", type_="4xi32"),
        core("t2"),
        sequence("%v = arith.constant -2 : i32", "aiex.npu.rtp_write(@rtp, 1, %v) : i32"),
    )

    assert write == SetRegisters(word=4, column=0, row=2, offset=FIRST + 4, words=(0xFFFFFFFE,))


@pytest.mark.parametrize(
    ("type_", "index", "words"), [("4xi32", 4, 4), ("4xi32", -1, 4), ("8xi16", 4, 4), ("6xi8", 2, 1), ("6xi8", 1, 1)]
)
def test_an_rtp_write_outside_its_buffer_is_refused(type_, index, words):
    """A buffer of 6 bytes has one whole word, and a second write would also set what lies behind it."""
    assert refusal(buffer("rtp", type_=type_), sequence(f"aiex.npu.rtp_write(@rtp, {index}, 7)")) == (
        f"error: there is no word {index} in rtp\n"
        "  where: d.mlir:14:1\n"
        f"  why:   memref<{type_}> has {words} words\n"
        "  fix:   correct the index"
    )


def test_an_rtp_write_to_a_buffer_that_there_is_not_is_refused():
    assert refusal(buffer("rtp"), sequence("aiex.npu.rtp_write(@rpt, 0, 7)")) == (
        "error: there is no buffer @rpt\n  where: d.mlir:14:1\n  fix:   buffers here: rtp"
    )


@pytest.mark.parametrize(
    ("tile", "number", "offset"),
    [
        ("t2", 0, 0x1F000),
        ("t2", 15, 0x1F0F0),
        ("mem", 0, 0xC0000),
        ("mem", 63, 0xC03F0),
        ("shim", 0, 0x14000),
        ("shim", 2, 0x14020),
    ],
)
def test_a_lock_is_set_at_its_register(tile, number, offset):
    write = only(lock("l", tile, number), sequence("aiex.set_lock(%l, 5)"))
    column, row = TILES[tile]

    assert write == SetRegisters(word=4, column=column, row=row, offset=offset, words=(5,))


def test_a_lock_is_set_at_the_number_it_was_given():
    write = only(lock("l", "t3"), lock("first", "t3", 0), sequence("aiex.set_lock(%l, 1)"))

    assert write == SetRegisters(word=4, column=0, row=3, offset=0x1F010, words=(1,))


@pytest.mark.parametrize("value", [64, -1])
def test_a_lock_cannot_be_set_beyond_63(value):
    """mlir-aie: Lock value exceeds the maximum value of 63."""
    assert refusal(lock("l"), sequence(f"aiex.set_lock(%l, {value})"))


WORDS = (
    '"memref.global"() <{sym_name = "words", sym_visibility = "private", type = memref<3xi32>, '
    "initial_value = dense<[1, -1, 3]> : tensor<3xi32>, constant}> : () -> ()"
)
WRITES = {
    "write": ("aiex.npu.write32 {{address = {address} : ui32, value = 9 : ui32{where}}}", (9,), 0xFFFFFFFF),
    "mask": (
        "aiex.npu.maskwrite32 {{address = {address} : ui32, value = 9 : ui32, mask = 255 : ui32{where}}}",
        (9,),
        255,
    ),
    "block": (
        "%w = memref.get_global @words : memref<3xi32>\n"
        "aiex.npu.blockwrite(%w) {{address = {address} : ui32{where}}} : memref<3xi32>",
        (1, 0xFFFFFFFF, 3),
        0xFFFFFFFF,
    ),
}


@pytest.mark.parametrize("kind", WRITES)
@pytest.mark.parametrize(
    ("address", "where", "place"),
    [
        (0x2000, ", column = 1 : i32, row = 3 : i32", (1, 3, 0x2000)),
        (1 << 25 | 3 << 20 | 0x2000, "", (1, 3, 0x2000)),
        # With a buffer the address counts its words.
        (2, ", buffer = @b", (0, 2, FIRST + 8)),
    ],
    ids=["tile", "full", "buffer"],
)
def test_a_register_is_written_by_tile_by_full_address_or_by_buffer(kind, address, where, place):
    line, words, mask = WRITES[kind]
    write = only(WORDS, buffer("b"), core("t2"), sequence(line.format(address=address, where=where)))
    column, row, offset = place

    assert write == SetRegisters(word=4, column=column, row=row, offset=offset, words=words, mask=mask)


def test_the_words_of_a_block_are_a_global_in_mlirs_own_spelling():
    words = 'memref.global "private" constant @words : memref<3xi32> = dense<[1, -1, 3]>'
    line = WRITES["block"][0].format(address=0x2000, where=", column = 1 : i32, row = 3 : i32")

    assert only(words, sequence(line)) == SetRegisters(word=4, column=1, row=3, offset=0x2000, words=(1, 0xFFFFFFFF, 3))


def test_a_register_write_in_the_new_spelling_is_the_same_word():
    constants = ["%address = arith.constant 8192 : i32", "%value = arith.constant 9 : i32"]
    new = "aiex.npu.write32(%address, %value) {column = 1 : i32, row = 3 : i32} : i32, i32"
    old = WRITES["write"][0].format(address=8192, where=", column = 1 : i32, row = 3 : i32")

    assert actions(sequence(*constants, new)) == actions(sequence(old))


def test_a_register_write_that_is_a_queue_starts_a_task():
    push = only(sequence(WRITES["write"][0].format(address=0x1D204, where=", column = 0 : i32, row = 0 : i32")))

    assert push == Push(word=4, column=0, direction="S2MM", channel=0, bd_id=9, runs=1, issue_token=False)


def test_a_register_write_with_half_a_tile_is_refused():
    line = WRITES["write"][0].format(address=8192, where=", column = 1 : i32")

    assert refusal(sequence(line)) == (
        "error: aiex.npu.write32 has one of column and row\n"
        "  where: d.mlir:13:1\n"
        "  fix:   write both, or none and a full address"
    )


def test_a_sync_waits_for_every_tile_of_its_block():
    sync = (
        "aiex.npu.sync {column = 1 : i32, row = 0 : i32, direction = 1 : i32, channel = 1 : i32, "
        "column_num = 3 : i32, row_num = 2 : i32}"
    )

    assert only(sequence(sync)) == Wait(word=4, column=1, row=0, direction="MM2S", channel=1, columns=3, rows=2)


def test_a_push_enters_the_queue_of_its_channel():
    line = "aiex.npu.push_queue(1, 0, S2MM : 1) {bd_id = 15 : i32, repeat_count = 3 : i32, issue_token = true}"
    route, push = actions(sequence(line))

    assert route == RouteTokens(word=4, column=1, direction="S2MM", channel=1, controller_id=15)
    assert push == Push(word=push.word, column=1, direction="S2MM", channel=1, bd_id=15, runs=4, issue_token=True)


@pytest.mark.parametrize(
    ("at", "channel_", "address"), [("0, 2", 1, 0x21DE1C), ("0, 1", 0, 0x1A0634), ("0, 1", 5, 0x1A065C)]
)
def test_a_push_to_a_core_or_mem_tile_is_a_write_to_its_queue(at, channel_, address):
    bd_id = 24 if channel_ == 5 else 3
    line = f"aiex.npu.push_queue({at}, MM2S : {channel_}) {{bd_id = {bd_id} : i32, repeat_count = 2 : i32}}"

    found = only(sequence(line))
    assert tile_address(found.column, found.row, found.offset) == address
    assert found.words == (2 << 16 | bd_id,)


@pytest.mark.parametrize(
    ("at", "channel_", "bd_id", "what"),
    [
        ("0, 0", 2, 0, "there is no MM2S channel 2 on shim (0, 0)"),
        ("0, 1", 6, 0, "there is no MM2S channel 6 on mem (0, 1)"),
        ("0, 2", 0, 16, "channel 0 of core (0, 2) does not reach buffer descriptor 16"),
        ("0, 1", 0, 24, "channel 0 of mem (0, 1) does not reach buffer descriptor 24"),
    ],
)
def test_a_push_to_a_queue_or_of_a_bd_that_there_is_not_is_refused(at, channel_, bd_id, what):
    line = f"aiex.npu.push_queue({at}, MM2S : {channel_}) {{bd_id = {bd_id} : i32, repeat_count = 0 : i32}}"

    assert refusal(sequence(line)).startswith(f"error: {what}\n  where: d.mlir:13:1\n")


@pytest.mark.parametrize(("bd_id", "repeat"), [(16, 0), (17, 0), (-1, 0), (0, 256), (0, -1)])
def test_a_push_that_its_word_cannot_hold_is_refused(bd_id, repeat):
    """The word has 4 bits for the BD and 8 for the runs; mlir-aie refuses 256, and of BDs what is above 16."""
    line = f"aiex.npu.push_queue(0, 0, MM2S : 0) {{bd_id = {bd_id} : i32, repeat_count = {repeat} : i32}}"

    assert "  where: d.mlir:13:1\n" in refusal(sequence(line))


@pytest.mark.parametrize("bd_id", [0, 15])
def test_an_address_patch_goes_to_the_bd_that_it_names(bd_id):
    address = 1 << 25 | 0x1D004 + 0x20 * bd_id
    patch = f"aiex.npu.address_patch {{addr = {address} : ui32, arg_idx = 1 : i32, arg_plus = 96 : i32}}"

    assert only(sequence(patch)) == PatchBd(word=4, column=1, bd_id=bd_id, argument=1, byte_offset=96)


def test_an_address_patch_may_go_elsewhere():
    patch = "aiex.npu.address_patch {addr = 4096 : ui32, arg_idx = 0 : i32, arg_plus = 0 : i32}"

    assert only(sequence(patch)) == PatchElsewhere(word=4, column=0, row=0, offset=4096, argument=0, byte_offset=0)


def test_operations_are_done_in_the_order_of_the_sequence():
    kinds = [
        type(action)
        for action in actions(
            IN,
            lock("l"),
            sequence(task("t", more=TOKEN), "aiex.set_lock(%l, 1)", start("t"), wait_for("t"), "aiex.set_lock(%l, 0)"),
        )
    ]

    assert kinds == [SetBd, PatchBd, SetRegisters, RouteTokens, Push, Wait, SetRegisters]


def test_a_lock_is_set_at_the_id_that_it_has_in_each_state():
    """Until 2026-08-12 a design's own lock had its id before those of the fifos, since then behind them."""
    lines = (
        fifo("in", "shim", "t2"),
        lock("go"),
        "aie.runtime_sequence @run(%a: memref<16xi32>) {\naiex.set_lock(%go, 1)\n}",
    )
    addresses = {}
    for name in ("2026-08", "2026-08-14"):
        design = lowered(*lines, version=version_named(name))
        (write,) = npu_actions(decode(sequence_words(design, main_sequence(design)), "insts.bin"))
        assert isinstance(write, SetRegisters)
        addresses[name] = (write.offset, lock_ids(design)["go"])

    # LOCK0_VALUE of a core tile's memory module, 16 bytes a lock.
    assert addresses == {"2026-08": (0x1F000, 0), "2026-08-14": (0x1F020, 2)}


def test_a_tile_beside_the_address_of_a_block_write_is_in_its_word() -> None:
    """appendBlockWrite writes column and row beside the address, which has them as well; without a tile, nothing."""
    words = {}
    for where in ("", ", column = 1 : i32, row = 2 : i32"):
        parts = (
            'memref.global "private" constant @w : memref<2xi32> = dense<[1, 2]>',
            "aie.runtime_sequence @run(%a: memref<16xi32>) {\n%d = memref.get_global @w : memref<2xi32>\n"
            f"aiex.npu.blockwrite(%d) {{address = 0x1F000 : ui32{where}}} : memref<2xi32>\n}}",
        )
        design = lowered(*parts)
        data = sequence_words(design, main_sequence(design))
        words[where] = [f"{int.from_bytes(data[n : n + 4], 'little'):08x}" for n in range(16, len(data), 4)]
        assert encode(decode(data, "insts.bin")) == data

    assert list(words.values()) == [
        ["00000001", "00000000", "0001f000", "00000018", "00000001", "00000002"],
        ["00000001", "00000201", "0221f000", "00000018", "00000001", "00000002"],
    ]


@pytest.mark.parametrize(("attribute", "value"), [("", 0xF00), (" {controller_id = PACKET}", 0x300)])
def test_tokens_go_to_the_controller_that_the_shim_tile_names(attribute: str, value: int) -> None:
    written = text(
        fifo("in", "shim", "t2"),
        "aie.runtime_sequence @run(%a: memref<16xi32>) {\n"
        "aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) "
        "{id = 0 : i64, issue_token = true, metadata = @in} : memref<16xi32>\n"
        "aiex.npu.push_queue(0, 0, MM2S : 0) {bd_id = 0 : i32, repeat_count = 0 : i32, issue_token = true}\n}",
    )
    packet = "#aie.packet_info<pkt_type = 0, pkt_id = 3>"
    written = written.replace("aie.tile(0, 0)", "aie.tile(0, 0)" + attribute.replace("PACKET", packet), 1)
    design = lower_design(read_design(written, "d.mlir"))
    stream = decode(sequence_words(design, main_sequence(design)), "insts.bin")

    assert [one.value for one in stream.operations if isinstance(one, MaskWrite)] == [value, value]
