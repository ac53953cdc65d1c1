"""What a design becomes must be what mlir-aie makes of it: buffers, locks, descriptors, circuits, words."""

from __future__ import annotations

import pytest

from tileproof.check.checked import Checked
from tileproof.check.fifos import release_unheld
from tileproof.errors import Problem
from tileproof.insts import PatchBd, Push, SetBd, Wait, decode, npu_actions
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.reader import read_design

# Tiles a design below may use: name to (column, row).
TILES = {
    "shim": (0, 0), "shim1": (1, 0), "mem": (0, 1), "t2": (0, 2), "t3": (0, 3), "t4": (0, 4),
    "e2": (1, 2), "e3": (1, 3), "f2": (2, 2),
}  # fmt: skip


def fifo(name: str, producer: str, consumers: str, depth: str = "2 : i32", type_: str = "64xi32") -> str:
    ends = ", ".join(f"%{tile}" for tile in consumers.split())
    return f"aie.objectfifo @{name}(%{producer}, {{{ends}}}, {depth}) : !aie.objectfifo<memref<{type_}>>"


def core(tile: str, *uses: str, stack: int | None = None, type_: str = "64xi32") -> str:
    """A core that acquires and releases: `in Consume 2` per use."""
    lines = []
    for number, use in enumerate(uses):
        name, port, count = use.split()
        view = f"!aie.objectfifosubview<memref<{type_}>>"
        lines += [f"%v{number} = aie.objectfifo.acquire @{name}({port}, {count}) : {view}"]
        lines += [f"aie.objectfifo.release @{name}({port}, {count})"]
    attributes = f" {{stack_size = {stack} : i32}}" if stack else ""
    return "\n".join([f"%core_{tile} = aie.core(%{tile}) {{", *lines, "aie.end", "}" + attributes])


def text(*parts: str) -> str:
    """A npu1 design of `parts`, which begin on line 12."""
    tiles = [f"%{name} = aie.tile({column}, {row})" for name, (column, row) in TILES.items()]
    return "\n".join(["module {", "aie.device(npu1) @main {", *tiles, *parts, "}", "}"])


def lowered(*parts: str) -> LoweredDesign:
    return lower_design(read_design(text(*parts), "d.mlir"))


def refusal(*parts: str) -> str:
    with pytest.raises(Problem) as refused:
        built(text(*parts))
    return str(refused.value)


def built(source: str) -> LoweredDesign:
    """All that a build makes of a design, which need not have a sequence here."""
    design = lower_design(read_design(source, "d.mlir"))
    if design.sequences:
        sequence_words(design, main_sequence(design))
    return design


def buffers(design: LoweredDesign) -> dict[str, tuple[tuple[int, int], int]]:
    return {buffer.name: (buffer.tile.at, buffer.address) for buffer in design.buffers}


def addresses(design: LoweredDesign) -> dict[str, int]:
    return {buffer.name: buffer.address for buffer in design.buffers}


# Buffers, locks, descriptors


@pytest.mark.parametrize(
    ("declared", "acquired", "made"), [(1, 1, 1), (2, 1, 2), (4, 1, 2), (1, 2, 3), (2, 3, 4), (7, 2, 3)]
)
def test_a_core_behind_a_dma_gets_its_largest_acquire_and_one_more(declared, acquired, made):
    design = lowered(
        fifo("in", "shim", "t2", f"{declared} : i32"), core("t2", f"in Consume {acquired}", "in Consume 1")
    )
    assert [buffer.name for buffer in design.buffers] == [f"in_cons_buff_{number}" for number in range(made)]


def test_a_core_that_acquires_nothing_gets_the_declared_depth():
    assert len(lowered(fifo("in", "shim", "t2", "5 : i32"), core("t2")).buffers) == 5


def test_depths_per_end_are_taken_as_they_are_written():
    design = lowered(fifo("in", "mem", "t2 t4", "[3, 1, 2]"), core("t2", "in Consume 2"))
    assert sorted(buffers(design)) == [
        *(f"in_0_cons_buff_{number}" for number in range(1)),
        *(f"in_1_cons_buff_{number}" for number in range(2)),
        *(f"in_buff_{number}" for number in range(3)),
    ]


def test_a_mem_tile_gets_the_declared_depth():
    design = lowered(fifo("in", "mem", "t2", "4 : i32"), core("t2", "in Consume 1"))
    assert [name for name, (at, _) in buffers(design).items() if at == (0, 1)] == [f"in_buff_{k}" for k in range(4)]


def test_a_fifo_from_the_host_has_two_locks_at_each_end_and_all_objects_free():
    design = lowered(fifo("in", "shim", "t2"), core("t2", "in Consume 1"))
    assert [(lock.tile.at, lock.id, lock.name, lock.init) for lock in design.locks] == [
        ((0, 0), 0, "in_prod_lock_0", 0),
        ((0, 0), 1, "in_cons_lock_0", 0),
        ((0, 2), 0, "in_cons_prod_lock_0", 2),
        ((0, 2), 1, "in_cons_cons_lock_0", 0),
    ]


def test_a_channel_that_receives_waits_for_a_free_object_and_signals_a_full_one():
    design = lowered(fifo("in", "shim", "t2"), core("t2", "in Consume 1"))
    (chain,) = design.chains
    assert (chain.tile.at, chain.direction, chain.channel) == ((0, 2), "S2MM", 0)
    assert [(bd.bd_id, bd.buffer, bd.offset, bd.length, bd.acquire, bd.release, bd.next) for bd in chain.bds] == [
        (0, "in_cons_buff_0", 0, 64, ("in_cons_prod_lock_0", 1), ("in_cons_cons_lock_0", 1), 1),
        (1, "in_cons_buff_1", 0, 64, ("in_cons_prod_lock_0", 1), ("in_cons_cons_lock_0", 1), 0),
    ]


def test_a_channel_that_sends_waits_for_a_full_object_and_signals_a_free_one():
    design = lowered(fifo("out", "t2", "shim"), core("t2", "out Produce 1"))
    (chain,) = design.chains
    assert (chain.tile.at, chain.direction, chain.channel) == ((0, 2), "MM2S", 0)
    assert [(bd.buffer, bd.acquire, bd.release) for bd in chain.bds] == [
        ("out_buff_0", ("out_cons_lock_0", 1), ("out_prod_lock_0", 1)),
        ("out_buff_1", ("out_cons_lock_0", 1), ("out_prod_lock_0", 1)),
    ]


def test_descriptors_of_a_tile_are_numbered_through_its_channels():
    design = lowered(fifo("a", "shim", "t2"), fifo("b", "t2", "shim"), core("t2", "a Consume 1", "b Produce 2"))
    assert [[bd.bd_id for bd in chain.bds] for chain in design.chains] == [[0, 1], [2, 3, 4]]
    assert [chain.bds[-1].next for chain in design.chains] == [0, 2]


def test_a_lone_object_is_a_chain_of_one_that_runs_round():
    design = lowered(fifo("in", "shim", "t2", "1 : i32"), core("t2", "in Consume 1"))
    assert [(bd.bd_id, bd.next) for bd in design.chains[0].bds] == [(0, 0)]


# Circuits


def test_channels_are_given_out_in_the_order_of_the_fifos():
    design = lowered(fifo("a", "shim", "t2"), fifo("b", "shim", "t2"), fifo("c", "t2", "shim"))
    flows = [(f.source.at, f.source_channel, f.destination.at, f.destination_channel, f.fifo) for f in design.flows]
    assert flows == [((0, 0), 0, (0, 2), 0, "a"), ((0, 0), 1, (0, 2), 1, "b"), ((0, 2), 0, (0, 0), 0, "c")]
    assert [(s.fifo, s.tile.at, s.direction, s.channel) for s in design.shim_allocations] == [
        ("a", (0, 0), "MM2S", 0),
        ("b", (0, 0), "MM2S", 1),
        ("c", (0, 0), "S2MM", 0),
    ]


def test_a_broadcast_is_one_sending_channel_and_a_pool_per_consumer():
    design = lowered(fifo("in", "shim", "t2 t4"), core("t2", "in Consume 1"), core("t4", "in Consume 2"))
    assert [(f.source.at, f.source_channel, f.destination.at, f.destination_channel) for f in design.flows] == [
        ((0, 0), 0, (0, 2), 0),
        ((0, 0), 0, (0, 4), 0),
    ]
    assert {name: at for name, (at, _) in buffers(design).items()} == {
        "in_0_cons_buff_0": (0, 2),
        "in_0_cons_buff_1": (0, 2),
        "in_1_cons_buff_0": (0, 4),
        "in_1_cons_buff_1": (0, 4),
        "in_1_cons_buff_2": (0, 4),
    }
    assert len(design.shim_allocations) == 1


def test_a_broadcast_to_neighbours_goes_by_dma_all_the_same():
    assert len(lowered(fifo("f", "t3", "t2 t4")).flows) == 2


@pytest.mark.parametrize(
    ("way", "producer", "consumer", "owner"),
    [("north", "t2", "t3", "t2"), ("south", "t3", "t2", "t3"), ("east", "t2", "e2", "t2"), ("west", "e2", "t2", "t2")],
)
def test_neighbours_share_memory_that_both_reach(way, producer, consumer, owner):
    """A core reaches west, north and south, never east: towards the west the objects lie at the consumer."""
    design = lowered(fifo("f", producer, consumer), core(producer, "f Produce 1"), core(consumer, "f Consume 1"))
    assert {name: at for name, (at, _) in buffers(design).items()} == dict.fromkeys(
        ("f_buff_0", "f_buff_1"), TILES[owner]
    )
    assert [(lock.tile.at, lock.name, lock.init) for lock in design.locks] == [
        (TILES[owner], "f_prod_lock_0", 2),
        (TILES[owner], "f_cons_lock_0", 0),
    ]
    assert (design.flows, design.chains, design.shim_allocations) == ((), (), ())


def test_shared_memory_has_the_declared_depth_whatever_is_acquired():
    design = lowered(fifo("f", "t2", "t3", "5 : i32"), core("t3", "f Consume 2"))
    assert len(design.buffers) == 5


@pytest.mark.parametrize("consumer", ["e3", "t4", "f2", "mem"])
def test_tiles_without_common_memory_use_a_dma(consumer):
    assert len(lowered(fifo("f", "t2", consumer)).flows) == 1


def test_each_core_knows_its_ends_and_who_is_at_the_other():
    design = lowered(fifo("f", "t2", "t3"), core("t2", "f Produce 1"), core("t3", "f Consume 1"))
    produce, consume = (lowered_core.ends for lowered_core in design.cores)
    assert produce["f", "Produce"].acquire_lock == consume["f", "Consume"].release_lock == "f_prod_lock_0"
    assert produce["f", "Produce"].release_lock == consume["f", "Consume"].acquire_lock == "f_cons_lock_0"
    assert (produce["f", "Produce"].peer, consume["f", "Consume"].peer) == ("core (0, 3)", "core (0, 2)")


# Addresses


def test_buffers_go_round_the_banks_and_the_first_begins_above_the_stack():
    design = lowered(fifo("in", "shim", "t2", "4 : i32"), core("t2"))
    assert addresses(design) == {f"in_cons_buff_{k}": a for k, a in enumerate((1024, 16384, 32768, 49152))}
    assert [buffer.bank for buffer in design.buffers] == [0, 1, 2, 3]


def test_the_fifth_buffer_stands_behind_the_first():
    design = lowered(fifo("in", "shim", "t2", "5 : i32"), core("t2"))
    assert addresses(design)["in_cons_buff_4"] == 1024 + 256


def test_larger_buffers_are_placed_first():
    design = lowered(
        '%a = aie.buffer(%t2) {sym_name = "small"} : memref<8xi32>',
        '%b = aie.buffer(%t2) {sym_name = "large"} : memref<64xi32>',
        core("t2"),
    )
    assert addresses(design) == {"large": 1024, "small": 16384}


def test_the_stack_size_moves_what_lies_in_bank_0():
    design = lowered(fifo("in", "shim", "t2"), core("t2", "in Consume 1", stack=4096))
    assert addresses(design) == {"in_cons_buff_0": 4096, "in_cons_buff_1": 16384}


def test_a_tile_without_a_core_has_no_stack():
    assert addresses(lowered(fifo("in", "shim", "t2", "1 : i32"))) == {"in_cons_buff_0": 0}


def test_buffers_of_a_core_begin_at_multiples_of_32():
    names = [f'%b{k} = aie.buffer(%t2) {{sym_name = "b{k}"}} : memref<5xi8>' for k in range(6)]
    design = lowered(*names, core("t2", stack=1000))
    assert addresses(design) == {"b0": 1024, "b1": 16384, "b2": 32768, "b3": 49152, "b4": 1056, "b5": 16384 + 32}


def test_buffers_of_a_mem_tile_begin_at_multiples_of_4_without_a_stack():
    names = [f'%b{k} = aie.buffer(%mem) {{sym_name = "b{k}"}} : memref<6xi8>' for k in range(9)]
    assert addresses(lowered(*names)) == {**{f"b{k}": 65536 * k for k in range(8)}, "b8": 8}


def test_a_buffer_above_a_bank_falls_back_to_one_after_the_other():
    big = [f'%b{k} = aie.buffer(%t2) {{sym_name = "b{k}"}} : memref<5000xi32>' for k in range(2)]
    design = lowered('%s = aie.buffer(%t2) {sym_name = "s"} : memref<3xi8>', *big, core("t2"))
    assert addresses(design) == {"b0": 1024, "b1": 1024 + 20000, "s": 1024 + 40000}


def test_an_asked_bank_and_an_asked_address_are_kept():
    design = lowered(
        '%a = aie.buffer(%t2) {sym_name = "a", mem_bank = 3 : i32} : memref<8xi32>',
        '%b = aie.buffer(%t2) {sym_name = "b", address = 8192 : i32} : memref<8xi32>',
        '%c = aie.buffer(%t2) {sym_name = "c"} : memref<8xi32>',
        core("t2"),
    )
    # What comes after an address in its bank lies behind it.
    assert addresses(design) == {"a": 49152, "b": 8192, "c": 8192 + 32}


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("mem_bank = 4", "asks for bank 4"),
        ("mem_bank = -1", "asks for bank -1"),
        ("address = 65536", "cannot lie at address 65536"),
        ("address = 65532", "cannot lie at address 65532"),
        ("address = -4", "cannot lie at address -4"),
    ],
)
def test_a_wish_outside_the_tile_is_refused(wish, words):
    assert f"buffer a {words}\n" in refusal(
        f'%a = aie.buffer(%t2) {{sym_name = "a", {wish} : i32}} : memref<8xi32>', core("t2")
    )


def test_two_buffers_at_one_address_are_refused():
    two = [f'%b{k} = aie.buffer(%t2) {{sym_name = "b{k}", address = 4096 : i32}} : memref<8xi32>' for k in range(2)]
    assert refusal(*two, core("t2")).startswith("error: buffers b0 and b1 lie on each other\n")


def test_a_buffer_on_the_stack_is_refused():
    text = refusal('%b = aie.buffer(%t2) {sym_name = "b", address = 512 : i32} : memref<8xi32>', core("t2"))
    assert text.startswith("error: buffer b cannot lie at address 512\n")


def test_buffers_that_do_not_fit_are_refused_with_the_sum():
    big = fifo("in", "shim", "t2", "2 : i32", "8192xi32")
    assert refusal(big, core("t2", "in Consume 1", type_="8192xi32")) == (
        "error: the buffers of core (0, 2) do not fit in its memory\n"
        "  where: d.mlir:12:1\n"
        "  why:   in_cons_buff_0 32,768 + in_cons_buff_1 32,768 + stack 1,024 need 66,560 bytes with alignment, "
        "and the tile has 65,536\n"
        "  fix:   make the objects smaller ([sizes], --set), or lower the depth of what is behind 'in_cons_buff_0'"
    )


def test_buffers_that_just_fit_are_placed():
    just = f"{(65536 - 1024) // 4}xi32"
    design = lowered(fifo("in", "shim", "t2", "1 : i32", just), core("t2", "in Consume 1", type_=just))
    assert addresses(design) == {"in_cons_buff_0": 1024}


def test_a_stack_that_is_the_whole_tile_and_more_is_refused():
    assert refusal(core("t2", stack=65537)) == (
        "error: the stack of the core on core (0, 2) cannot be 65,537 bytes\n"
        "  where: d.mlir:12:1\n"
        "  why:   the tile's memory has 65,536\n"
        "  fix:   give stack_size a number of bytes that the tile function's frames need, for instance 1024"
    )


def test_a_buffer_on_a_shim_tile_is_refused():
    assert "shim (0, 0) has no memory for buffers" in refusal('%b = aie.buffer(%shim) {sym_name = "b"} : memref<8xi32>')


# What a tile has


def test_a_third_input_of_a_core_is_refused():
    third = [fifo(name, source, "t2") for name, source in (("a", "shim"), ("b", "shim"), ("c", "shim1"))]
    assert refusal(*third) == (
        "error: tile core (0, 2) needs more input DMA channels (S2MM) than it has\n"
        "  where: d.mlir:14:1\n"
        "  why:   with this one, 3 are needed, and a core tile has 2\n"
        "  fix:   join fifos, lower their depth, or move one to another tile"
    )


def test_a_third_output_to_the_host_is_refused():
    third = [fifo(name, tile, "shim") for name, tile in (("a", "t2"), ("b", "t3"), ("c", "t4"))]
    assert refusal(*third).startswith("error: tile shim (0, 0) needs more input DMA channels (S2MM) than it has\n")


def test_a_seventh_output_of_a_mem_tile_is_refused():
    cores = ("t2", "t3", "t4", "e2", "e3", "f2", "t2")
    text = refusal(*(fifo(f"f{number}", "mem", tile) for number, tile in enumerate(cores)))
    assert text.startswith("error: tile mem (0, 1) needs more output DMA channels (MM2S) than it has\n")


def test_more_objects_than_descriptors_are_refused():
    assert refusal(fifo("a", "shim", "t2", "17 : i32", "4xi32"), core("t2")).startswith(
        "error: tile core (0, 2) needs more buffer descriptors than it has\n"
        "  where: d.mlir:12:1\n"
        "  why:   with this one, 17 are needed, and a core tile has 16\n"
    )


def test_more_than_sixteen_locks_of_a_core_are_refused():
    neighbours = [fifo(f"f{number}", "t2", "t3", "1 : i32", "4xi32") for number in range(9)]
    assert refusal(*neighbours).startswith(
        "error: tile core (0, 2) needs more locks than it has\n"
        "  where: d.mlir:12:1\n"  # those of a later fifo come first
        "  why:   with this one, 17 are needed, and a core tile has 16\n"
    )


def test_a_core_may_not_touch_a_fifo_that_is_not_its_own():
    assert refusal(fifo("in", "shim", "t2"), core("t3", "in Consume 1")) == (
        "error: the core on core (0, 3) is not the consuming end of @in\n"
        "  where: d.mlir:14:1\n"
        "  why:   @in goes from shim (0, 0) to core (0, 2)\n"
        "  fix:   name a fifo that begins or ends at this core, with the port it has there"
    )


def test_a_core_may_not_use_the_other_port_of_its_fifo():
    assert "is not the producing end of @in" in refusal(fifo("in", "shim", "t2"), core("t2", "in Produce 1"))


def test_a_core_may_not_acquire_a_fifo_that_there_is_not():
    assert refusal(fifo("in", "shim", "t2"), core("t2", "inn Consume 1")).startswith(
        "error: there is no fifo @inn\n  where: d.mlir:14:1\n  why:   fifos here: in\n"
    )


@pytest.mark.parametrize("count", ["0", "-1"])
def test_an_acquire_of_less_than_one_object_is_refused(count):
    text = refusal(fifo("in", "shim", "t2"), core("t2", f"in Consume {count}"))
    assert text.startswith(f"error: aie.objectfifo.acquire of {count} objects\n")


def test_an_access_of_an_object_that_was_not_acquired_is_refused():
    view = "!aie.objectfifosubview<memref<64xi32>>"
    body = f"%c = aie.core(%t2) {{\n%v = aie.objectfifo.acquire @in(Consume, 1) : {view}\n"
    body += f"%e = aie.objectfifo.subview.access %v[1] : {view} -> memref<64xi32>\naie.end\n}}"
    assert "an access takes object 1 of 1 acquired ones" in refusal(fifo("in", "shim", "t2"), body)


def test_an_access_of_another_shape_than_the_objects_is_refused():
    view = "!aie.objectfifosubview<memref<64xi32>>"
    body = f"%c = aie.core(%t2) {{\n%v = aie.objectfifo.acquire @in(Consume, 1) : {view}\n"
    body += f"%e = aie.objectfifo.subview.access %v[0] : {view} -> memref<8x8xi32>\naie.end\n}}"
    assert refusal(fifo("in", "shim", "t2"), body) == (
        "error: an access gives memref<8x8xi32>, and the objects are memref<64xi32>\n"
        "  where: d.mlir:15:1\n"
        "  why:   mlir-aie puts the object in its place as it is, and refuses what is done with it then\n"
        "  fix:   write -> memref<64xi32>, or declare the fifo with the shape that is wanted"
    )


def test_an_acquire_of_another_type_than_the_fifos_is_refused():
    view = "!aie.objectfifosubview<memref<64xi16>>"
    body = f"%c = aie.core(%t2) {{\n%v = aie.objectfifo.acquire @in(Consume, 1) : {view}\naie.end\n}}"
    assert "the objects of @in are memref<64xi32>, not memref<64xi16>" in refusal(fifo("in", "shim", "t2"), body)


VIEW = "!aie.objectfifosubview<memref<64xi32>>"
LOOP = "%from = arith.constant 0 : index\n%step = arith.constant 1 : index\n%to = arith.constant 4 : index\n"


def program(*uses: str) -> str:
    """A core of `acquire`s and `release`s of @in, with loops and branches around them."""
    words = {
        "loop {": LOOP + "scf.for %turn = %from to %to step %step {",
        "if {": "%yes = arith.constant true\nscf.if %yes {",
        "release": "aie.objectfifo.release @in(Consume, 1)",
        "release 2": "aie.objectfifo.release @in(Consume, 2)",
    }
    acquire = "%v{} = aie.objectfifo.acquire @in(Consume, 1) : " + VIEW
    lines = [acquire.format(number) if use == "acquire" else words.get(use, use) for number, use in enumerate(uses)]
    return "\n".join(["%c = aie.core(%t2) {", *lines, "aie.end", "}"])


@pytest.mark.parametrize(
    "uses",
    [
        ("acquire", "release 2", "acquire"),
        ("acquire", "release", "release", "acquire"),
        ("loop {", "acquire", "release 2", "}"),
        ("if {", "acquire", "release", "}", "release", "acquire"),
    ],
)
def test_a_core_that_gives_back_more_than_it_holds_and_acquires_again_is_refused(uses):
    text = refusal(fifo("in", "shim", "t2"), program(*uses))

    assert text.startswith("error: the core on core (0, 2) releases more of @in than it holds\n")


@pytest.mark.parametrize(
    "uses",
    [
        ("acquire", "release 2"),
        ("acquire", "release", "acquire", "release"),
        ("loop {", "acquire", "release", "}"),
        # It may hold one after the branch.
        ("acquire", "if {", "release", "}", "release", "acquire"),
        ("if {", "acquire", "}", "release", "acquire"),
    ],
)
def test_a_core_that_may_hold_what_it_gives_back_is_taken(uses):
    assert lowered(fifo("in", "shim", "t2"), program(*uses)).cores


def test_a_release_in_front_of_the_first_acquire_is_taken_as_mlir_aie_takes_it_and_told_by_check():
    design = lowered(fifo("in", "shim", "t2"), program("release", "loop {", "acquire", "release", "}"))
    (found,) = release_unheld(Checked(design=design.design, lowered=design, code=()))

    assert (found.id, found.why) == ("TP405", "it releases 1 and holds 0")


@pytest.mark.parametrize(
    ("producer", "consumer", "owner"), [("t2", "e2", "t2"), ("t3", "t2", "t2"), ("t2", "t3", "t3"), ("t3", "t2", "t3")]
)
def test_shared_objects_lie_where_they_are_allocated_if_both_ends_reach_it(producer, consumer, owner):
    design = lowered(fifo("f", producer, consumer), f"aie.objectfifo.allocate @f(%{owner})")

    assert {buffer.tile.at for buffer in design.buffers} == {TILES[owner]}


@pytest.mark.parametrize(
    ("producer", "consumer", "owner"), [("t2", "e2", "e2"), ("t2", "t3", "e2"), ("t2", "t3", "t4")]
)
def test_objects_that_one_end_does_not_reach_cannot_be_shared(producer, consumer, owner):
    text = refusal(fifo("f", producer, consumer), f"aie.objectfifo.allocate @f(%{owner})")

    assert text.startswith("error: the objects of @f cannot lie on core ")


def test_the_first_of_the_acquired_objects_may_be_accessed():
    access = f"%e = aie.objectfifo.subview.access %v0[0] : {VIEW} -> memref<64xi32>"

    assert lowered(fifo("in", "shim", "t2"), program("acquire", access)).cores


# The sequence

FIFOS = (fifo("in", "shim", "t2"), fifo("out", "t2", "shim"))


def sequence(*lines: str) -> str:
    return "\n".join(["aie.runtime_sequence(%a: memref<4096xi32>, %b: memref<4096xi32>) {", *lines, "}"])


def memcpy(argument: str = "a", lists: str = "[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]", **attributes: object) -> str:
    written = {"id": "0 : i64", "metadata": "@in", **attributes}
    listed = ", ".join(f"{key} = {value}" for key, value in written.items())
    return f"aiex.npu.dma_memcpy_nd(%{argument}{lists}) {{{listed}}} : memref<4096xi32>"


def actions(*lines: str) -> list[object]:
    design = lowered(*FIFOS, sequence(*lines))
    return list(npu_actions(decode(sequence_words(design, main_sequence(design)), "insts.bin")))


def test_a_transfer_sets_a_descriptor_patches_its_address_and_queues_it():
    done = actions(memcpy(id="3 : i64", lists="[0, 0, 0, 16][1, 1, 1, 64][0, 0, 0, 1]"))
    (bd,) = [action for action in done if isinstance(action, SetBd)]
    (patch,) = [action for action in done if isinstance(action, PatchBd)]
    (push,) = [action for action in done if isinstance(action, Push)]
    assert (bd.column, bd.bd_id, bd.bd.length) == (0, 3, 64)
    assert (patch.bd_id, patch.argument, patch.byte_offset) == (3, 0, 64)
    assert (push.direction, push.channel, push.bd_id, push.runs, push.issue_token) == ("MM2S", 0, 3, 1, False)


def test_a_transfer_to_the_host_always_gives_its_token():
    (push,) = [action for action in actions(memcpy("b", metadata="@out")) if isinstance(action, Push)]
    assert (push.direction, push.issue_token) == ("S2MM", True)


def test_a_transfer_from_the_host_gives_a_token_if_it_is_asked_to():
    (push,) = [action for action in actions(memcpy(issue_token="true")) if isinstance(action, Push)]
    assert push.issue_token


def test_a_wait_names_the_channel_of_its_fifo():
    (wait,) = [action for action in actions("aiex.npu.dma_wait {symbol = @out}") if isinstance(action, Wait)]
    assert (wait.column, wait.direction, wait.channel) == (0, "S2MM", 0)


def test_a_pair_of_linear_transfers_is_75_words_as_aiecc_writes_them():
    words = sequence_words(
        design := lowered(*FIFOS, sequence(memcpy("b", metadata="@out"), memcpy(id="1 : i64"), WAIT)),
        main_sequence(design),
    )
    assert len(words) == 300
    assert words[:16].hex() == "00010306" + "04010000" + "08000000" + "2c010000"


WAIT = "aiex.npu.dma_wait {symbol = @out}"


@pytest.mark.parametrize(
    "lists",
    [
        "[0, 0, 0, 0][1, 1, 1, 0][0, 0, 0, 1]",
        "[0, 0, 0, 0][1, 1, 1, -4][0, 0, 0, 1]",
        "[0, 0, 0, 0][1, 1, 2, 4][0, 0, 2000000, 1]",
        "[0, 0, 0, 0][1, 1, 2, 4][0, 0, -4, 1]",
        "[0, 0, 0, -1][1, 1, 1, 4][0, 0, 0, 1]",
        "[0, 0, 0, 0][1, 1, 1, 4294967296][0, 0, 0, 1]",
        "[0, 0, 0, 4294967296][1, 1, 1, 4][0, 0, 0, 1]",
    ],
)
def test_a_transfer_that_no_descriptor_can_hold_is_refused(lists):
    assert "where: d.mlir:15:1" in refusal(*FIFOS, sequence(memcpy(lists=lists)))


def test_a_transfer_that_no_descriptor_can_hold_says_which_and_why():
    assert refusal(*FIFOS, sequence(memcpy(lists="[0, 0, 0, 0][1, 1, 1, 0][0, 0, 0, 1]"))) == (
        "error: a transfer between host and array cannot be written\n"
        "  where: d.mlir:15:1, shim tile (0, 0), MM2S channel 0, BD 0\n"
        "  why:   sizes [1, 1, 1, 0]: each must be at least 1\n"
        "  fix:   write 1 for a dimension without use"
    )


@pytest.mark.parametrize("number", ["16", "-1"])
def test_a_descriptor_that_the_shim_does_not_have_is_refused(number):
    """mlir-aie checks it nowhere, and 16 overwrites the DMA's control registers."""
    assert f"there is no BD {number} on a shim tile" in refusal(*FIFOS, sequence(memcpy(id=f"{number} : i64")))


def test_a_transfer_of_a_fifo_that_ends_at_no_shim_is_refused():
    assert refusal(fifo("mid", "t2", "e3"), sequence(memcpy(metadata="@mid"))) == (
        "error: @mid does not end at a shim tile\n"
        "  where: d.mlir:14:1\n"
        "  why:   a runtime sequence moves data between host memory and the shim end of a fifo\n"
        "  fix:   name a fifo with one end on row 0"
    )


def test_a_design_without_a_sequence_cannot_be_run():
    with pytest.raises(Problem) as refused:
        main_sequence(lowered(*FIFOS))
    assert str(refused.value) == (
        "error: the design has no runtime sequence\n"
        "  where: d.mlir:2:1\n"
        "  why:   nothing would move data between the host and the array\n"
        "  fix:   add an aie.runtime_sequence"
    )
