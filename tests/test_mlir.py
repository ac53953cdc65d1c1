"""Reading designs: every operation knows its place, and no text whatever does worse than a `Problem`."""

from __future__ import annotations

import re
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tileproof.errors import Problem
from tileproof.lowering.lower import lower_design
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.design import Design
from tileproof.mlir.reader import read_design

MOST_SECONDS = 2.0
MOST_BYTES = 1 << 30

VALID = """\
module {
  aie.device(npu1) @main {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %next = aie.tile(0, 3)
    aie.objectfifo @in(%shim, {%tile, %next}, [2, 2, 3]) : !aie.objectfifo<memref<64xi32>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<64xi32>>
    %work = aie.buffer(%tile) {sym_name = "work", mem_bank = 2 : i32} : memref<4x8xi16>
    func.func private @twice(memref<64xi32>, i32) attributes {link_with = "tile.o"}
    %core = aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %n = arith.constant 64 : i32
      %view = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<64xi32>>
      %x = aie.objectfifo.subview.access %view[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
      %first = memref.load %x[%c0] : memref<64xi32>
      %less = arith.cmpi slt, %first, %n : i32
      scf.if %less {
        func.call @twice(%x, %n) : (memref<64xi32>, i32) -> ()
      }
      aie.objectfifo.release @in(Consume, 1)
      aie.end
    } {stack_size = 2048 : i32}
    aie.runtime_sequence @sequence(%a: memref<64xi32>, %b: memref<64xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<64xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<64xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
"""


def device(*lines: str) -> str:
    """A module with one npu1 device; the first of `lines` is line 3."""
    return "\n".join(["module {", "  aie.device(npu1) @main {", *lines, "  }", "}", ""])


def refusal(text: str) -> str:
    with pytest.raises(Problem) as refused:
        read_design(text, "d.mlir")
    return str(refused.value)


def all_of_it(text: str) -> Design:
    """Read, lower and encode: whatever can be made of a text."""
    design = read_design(text, "d.mlir")
    lowered = lower_design(design)
    if design.sequences:
        sequence_words(lowered, main_sequence(lowered))
    return design


class TooSlowError(Exception):
    pass


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise TooSlowError(f"not done within {seconds:g} s")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def fence(nbytes: int) -> Iterator[None]:
    """More memory than this process has now, and no more than that."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + nbytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_every_operation_of_the_device_keeps_its_line_and_column():
    design = read_design(VALID, "d.mlir")
    assert str(design.place) == "d.mlir:2:3"
    assert [str(tile.place) for tile in design.tiles] == ["d.mlir:3:5", "d.mlir:4:5", "d.mlir:5:5"]
    assert [str(fifo.place) for fifo in design.fifos] == ["d.mlir:6:5", "d.mlir:7:5"]
    assert [str(buffer.place) for buffer in design.buffers] == ["d.mlir:8:5"]
    assert [str(function.place) for function in design.functions] == ["d.mlir:9:5"]
    assert [str(core.place) for core in design.cores] == ["d.mlir:10:5"]
    assert [str(sequence.place) for sequence in design.sequences] == ["d.mlir:23:5"]


def test_every_operation_of_a_core_and_of_a_sequence_keeps_its_line_and_column():
    design = read_design(VALID, "d.mlir")
    body = design.cores[0].body
    assert [(operation.name, operation.place.line, operation.place.column) for operation in body] == [
        ("arith.constant", 11, 7),
        ("arith.constant", 12, 7),
        ("aie.objectfifo.acquire", 13, 7),
        ("aie.objectfifo.subview.access", 14, 7),
        ("memref.load", 15, 7),
        ("arith.cmpi", 16, 7),
        ("scf.if", 17, 7),
        ("aie.objectfifo.release", 20, 7),
        ("aie.end", 21, 7),
    ]
    called = body[6].regions[0][0]
    assert (called.name, str(called.place)) == ("func.call", "d.mlir:18:9")
    assert [str(operation.place) for operation in design.sequences[0].operations] == [
        "d.mlir:24:7",
        "d.mlir:25:7",
        "d.mlir:26:7",
    ]


def test_a_design_is_read_for_what_it_says():
    design = read_design(VALID, "d.mlir")
    assert (design.name, design.device.name) == ("main", "npu1")
    assert [str(tile) for tile in design.tiles] == ["shim (0, 0)", "core (0, 2)", "core (0, 3)"]
    fifo = design.fifo("in")
    assert fifo is not None
    assert (str(fifo.producer), [str(tile) for tile in fifo.consumers]) == (
        "shim (0, 0)",
        ["core (0, 2)", "core (0, 3)"],
    )
    assert (fifo.depths, str(fifo.element)) == ((2, 2, 3), "memref<64xi32>")
    assert (design.buffers[0].name, design.buffers[0].bank, design.buffers[0].address) == ("work", 2, None)
    assert str(design.buffers[0].type) == "memref<4x8xi16>"
    assert [str(parameter) for parameter in design.functions[0].parameters] == ["memref<64xi32>", "i32"]
    assert (design.functions[0].link_with, design.cores[0].stack_size) == ("tile.o", 2048)


def test_names_of_a_device_and_of_a_sequence_may_stand_in_their_attributes():
    text = 'module {\n aie.device(npu1) {\n aie.runtime_sequence() {\n} {sym_name = "run"}\n} {sym_name = "part"}\n}'
    design = read_design(text, "d.mlir")

    assert (design.name, [sequence.name for sequence in design.sequences]) == ("part", ["run"])


def test_a_device_without_a_name_is_called_main():
    assert read_design("module { aie.device(npu2) {} }", "d.mlir").name == "main"


def test_a_parse_error_shows_the_line_and_marks_the_place():
    assert refusal(device("    %shim = aie.tile(0; 0)")) == (
        "error: d.mlir cannot be read: Unexpected character: ;\n"
        "  where: d.mlir:3:23\n"
        "  why:       %shim = aie.tile(0; 0)\n"
        "                               ^\n"
        "  fix:   correct the text at the mark"
    )


def test_a_parse_error_behind_tabs_is_marked_below_the_place():
    assert refusal(device("\t%shim = aie.tile(zero, 0)")) == (
        "error: d.mlir cannot be read: Expected integer literal\n"
        "  where: d.mlir:3:19\n"
        "  why:   \t%shim = aie.tile(zero, 0)\n"
        "         \t                 ^^^^\n"
        "  fix:   correct the text at the mark"
    )


def test_a_text_that_ends_too_soon_is_marked_at_its_end():
    text = refusal("module {\n  aie.device(npu1) {")
    assert text.startswith("error: d.mlir cannot be read: ")
    assert "  where: d.mlir:2:21\n" in text


def test_an_unknown_operation_is_named_and_not_skipped():
    assert refusal(device("    %tile = aie.tile(0, 2)", "    aie.shim_mux(%tile) {}")) == (
        "error: d.mlir cannot be read: tileproof does not know the operation aie.shim_mux\n"
        "  where: d.mlir:4:5\n"
        "  why:       aie.shim_mux(%tile) {}\n"
        "             ^^^^^^^^^^^^\n"
        "  fix:   correct its name, or say it with operations that docs/designs.md lists; none is skipped"
    )


@pytest.mark.parametrize("key", ["iteration = 2 : i32", "axcache = 2 : i32"])
def test_what_changes_the_words_of_a_bd_and_is_not_read_is_refused(key):
    text = f"""module {{
      aie.device(npu2) {{
        %shim = aie.tile(0, 0)
        aie.shim_dma_allocation @in(%shim, MM2S, 0)
        aie.runtime_sequence @run(%a: memref<32xi32>) {{
          %t = aiex.dma_configure_task_for @in {{
            aie.dma_bd(%a : memref<32xi32> offset = 0 len = 8) {{{key}}}
            aie.end
          }}
        }}
      }}
    }}"""
    with pytest.raises(Problem) as caught:
        read_design(text, "d.mlir")

    assert caught.value.what == f"{key.split()[0]} is not read by this version of tileproof"


def test_a_misspelt_attribute_is_noted_with_the_name_that_was_meant():
    """mlir-aie goes on without a word, so the design is what it would be without the attribute."""
    text = VALID.replace("metadata = @out}", "metadata = @out, issue_tokn = true}")
    (note,) = read_design(text, "d.mlir").notes
    assert (note.said.id, note.said.what, str(note.place), note.said.fix) == (
        "TP003",
        "aiex.npu.dma_memcpy_nd has an attribute 'issue_tokn' that does not exist",
        "d.mlir:24:7",
        "did you mean 'issue_token'?",
    )
    assert note.said.why.startswith(
        "mlir-aie ignores it without a word, and so does tileproof; it knows offsets, sizes, "
    )
    assert read_design(text, "d.mlir").sequences == read_design(VALID, "d.mlir").sequences


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("", "1:1", "there is nothing in it"),
        ("module {\n  aie.device(npu1) {\n", "3:1", "the { at 2:20 is not closed, or its last lines are missing"),
        (
            "module {\n  aie.device(npu1) {\n    %a = aie.tile(0, 2) {b = 1\n  }\n}\n",
            "6:1",
            "the { at 3:25 is not closed, or its last lines are missing",
        ),
    ],
)
def test_a_text_that_ends_too_early_says_so(text, place, why):
    with pytest.raises(Problem) as caught:
        read_design(text, "d.mlir")
    assert str(caught.value) == (
        "error: d.mlir cannot be read: it ends too early\n"
        f"  where: d.mlir:{place}\n"
        f"  why:   {why}\n"
        "  fix:   let one `module { ... }` with an aie.device be the whole file"
    )


@pytest.mark.parametrize(
    ("operation", "attribute"),
    [
        ("aie.tile(0, 2)", "%tile = aie.tile(0, 2) {colour = 1 : i32}"),
        ("aie.objectfifo", "{%tile, %next}, [2, 2, 3]) {via_DAM = true} :"),
        ("aie.buffer", '{sym_name = "work", bank = 2 : i32}'),
        ("aie.core", "{stack_size = 2048 : i32, stak_size = 1 : i32}"),
        ("aiex.npu.dma_wait", "{symbol = @out, symbl = @in}"),
        ("func.func", 'attributes {link_with = "tile.o", link_wth = "a.o"}'),
    ],
)
def test_an_attribute_that_nobody_reads_is_noted_on_every_operation(operation, attribute):
    plain = {
        "aie.tile(0, 2)": "%tile = aie.tile(0, 2)",
        "aie.objectfifo": "{%tile, %next}, [2, 2, 3]) :",
        "aie.buffer": '{sym_name = "work", mem_bank = 2 : i32}',
        "aie.core": "{stack_size = 2048 : i32}",
        "aiex.npu.dma_wait": "{symbol = @out}",
        "func.func": 'attributes {link_with = "tile.o"}',
    }
    assert plain[operation] in VALID
    (note,) = read_design(VALID.replace(plain[operation], attribute), "d.mlir").notes
    assert note.said.what.startswith(f"{operation.split('(')[0]} has an attribute ")


def test_a_tile_outside_the_array_is_refused_with_what_there_is():
    assert refusal(device("    %far = aie.tile(4, 2)")) == (
        "error: there is no tile (4, 2)\n"
        "  where: d.mlir:3:5\n"
        "  why:   npu1 has columns 0 to 3 and rows 0 to 5\n"
        "  fix:   use row 0 for the shim, 1 for the mem tile, 2 to 5 for cores"
    )


@pytest.mark.parametrize("place", ["0, 6", "-1, 2", "0, -1", "4, 0"])
def test_every_edge_of_the_array_is_kept(place):
    assert "there is no tile" in refusal(device(f"    %far = aie.tile({place})"))


def test_npu2_has_eight_columns():
    assert read_design("module { aie.device(npu2) { %t = aie.tile(7, 5) } }", "d.mlir").tiles[0].at == (7, 5)
    assert "npu2 has columns 0 to 7" in refusal("module { aie.device(npu2) { %t = aie.tile(8, 5) } }")


def test_a_tile_after_a_core_is_refused():
    text = device(
        "    %a = aie.tile(0, 2)", "    %core = aie.core(%a) {", "      aie.end", "    }", "    %b = aie.tile(0, 3)"
    )
    assert refusal(text) == (
        "error: a tile is declared after a core\n"
        "  where: d.mlir:7:5\n"
        "  why:   mlir-aie puts buffers and locks behind the last tile, where the core above does not see them\n"
        "  fix:   move all aie.tile operations above the first aie.core"
    )


def test_a_name_given_twice_is_refused_with_both_places():
    fifo = "    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<64xi32>>"
    text = device("    %shim = aie.tile(0, 0)", "    %tile = aie.tile(0, 2)", fifo, fifo)
    assert refusal(text) == (
        "error: the name @in is taken\n"
        "  where: d.mlir:6:5\n"
        "  why:   first at d.mlir:5:5\n"
        "  fix:   give one of the two another name"
    )


def test_a_buffer_and_a_function_may_not_share_a_name():
    text = device(
        "    %tile = aie.tile(0, 2)",
        '    %a = aie.buffer(%tile) {sym_name = "work"} : memref<4xi32>',
        "    func.func private @work()",
    )
    assert "error: the name @work is taken\n  where: d.mlir:5:5\n" in refusal(text)


def test_depths_of_ends_may_have_their_type():
    assert read_design(VALID.replace("[2, 2, 3]", "[2 : i32, 3 : i32, 4 : i32]"), "d.mlir").fifos[0].depths == (2, 3, 4)


@pytest.mark.parametrize("depths", ["[2, 2]", "[2, 2, 2, 2]", "[2, 0, 2]", "0 : i32", "-1 : i32", "[]"])
def test_depths_that_do_not_fit_the_ends_are_refused(depths):
    text = refusal(VALID.replace("[2, 2, 3]", depths))
    assert "error: the depths do not fit the ends of the fifo\n  where: d.mlir:6:5\n" in text


def test_a_wrong_count_of_depths_says_how_many_ends_there_are():
    assert refusal(VALID.replace("[2, 2, 3]", "[2, 2]")) == (
        "error: the depths do not fit the ends of the fifo\n"
        "  where: d.mlir:6:5\n"
        "  why:   3 ends, depths [2, 2]\n"
        "  fix:   write one depth for all ends, or one per end with the producer's first, each at least 1"
    )


def test_a_transfer_without_metadata_is_refused():
    assert refusal(VALID.replace(", metadata = @in", "")) == (
        "error: aiex.npu.dma_memcpy_nd needs `metadata = @fifo`\n  where: d.mlir:25:7\n  fix:   fifos here: in, out"
    )


def test_a_transfer_on_an_unknown_fifo_names_the_one_that_was_meant():
    assert refusal(VALID.replace("metadata = @out", "metadata = @outt")) == (
        "error: there is no fifo @outt\n  where: d.mlir:24:7\n  fix:   did you mean @out?"
    )


def test_a_module_without_a_device_is_refused():
    assert "error: " in refusal("module {}")
    assert "error: " in refusal("")


def test_an_unknown_device_is_refused_with_those_that_there_are():
    text = refusal("module {\n  aie.device(npu3) {\n  }\n}\n")
    assert text.startswith("error: there is no device 'npu3'\n  where: d.mlir:2:3\n  why:   known devices: npu1, ")


def test_deep_nesting_is_refused_instead_of_ending_in_pythons_own_limit():
    text = "module {\n" + "(" * 5000
    assert refusal(text) == (
        "error: d.mlir is nested too deeply\n"
        "  where: d.mlir:2:50\n"
        "  why:   at most 50 brackets inside each other: they are read one inside the other, and the deepest "
        "design of the field has 7\n"
        "  fix:   close the brackets; no design needs so many"
    )


@pytest.mark.parametrize("wide", ["i99999999999", "ui16777216", "si" + "9" * 40])
def test_an_integer_type_of_more_bits_than_mlir_has_is_refused_and_takes_no_memory(wide):
    """xDSL computes the limits of a type from its width: found by a mangled design that filled the machine."""
    text = f"module {{\n  aie.device(npu1) {{\n    %c = arith.constant 1 : {wide}\n  }}\n}}\n"
    assert refusal(text) == (
        f"error: d.mlir cannot be read: there is no type {wide}\n"
        "  where: d.mlir:3:29\n"
        "  why:       %c = arith.constant 1 : " + wide + "\n"
        "                                     " + "^" * len(wide) + "\n"
        "  fix:   MLIR's integers have at most 16,777,215 bits, and those of a design 64"
    )


@pytest.mark.parametrize("repeated", ["-", "!", "#a", '"a"()', "->", "[", "<", "{a=", "memref<", "%a = "])
def test_five_thousand_of_anything_are_refused_too(repeated):
    with deadline(10):
        assert refusal("module { " + repeated * 5000).startswith(
            ("error: d.mlir cannot be read: ", "error: d.mlir is nested too deeply\n")
        )


def test_forty_loops_inside_each_other_are_read():
    loops = [f"scf.for %i{number} = %c to %c step %c {{" for number in range(40)]
    core = ["%k = aie.core(%t) {", "%c = arith.constant 0 : index", *loops, *"}" * 40, "aie.end", "}"]
    body, depth = read_design(device("%t = aie.tile(0, 2)", *core), "d.mlir").cores[0].body, 0
    while inner := [operation for operation in body if operation.name == "scf.for"]:
        body, depth = inner[0].regions[0], depth + 1
    assert depth == 40


def test_brackets_in_comments_and_texts_are_no_nesting():
    assert read_design("//" + "{" * 200 + "\nmodule { aie.device(npu1) {} }", "d.mlir").tiles == ()
    linked = f'func.func private @a() attributes {{link_with = "{"{" * 200}"}}'
    assert read_design(device(linked), "d.mlir").functions[0].link_with == "{" * 200


def test_a_core_on_a_shim_tile_is_refused():
    text = device("    %shim = aie.tile(0, 0)", "    %core = aie.core(%shim) {", "      aie.end", "    }")
    assert refusal(text) == (
        "error: there is no core on shim (0, 0)\n  where: d.mlir:4:5\n  fix:   put the core on a row from 2 to 5"
    )


def test_two_cores_on_one_tile_are_refused():
    core = ["    %{} = aie.core(%tile) {{", "      aie.end", "    }}"]
    lines = [line.format(name) for name in ("a", "b") for line in core]
    assert "where: d.mlir:7:5" in refusal(device("    %tile = aie.tile(0, 2)", *lines))


def test_one_tile_declared_twice_is_one_tile():
    core = ["    %core = aie.core(%b) {", "      aie.end", "    }"]
    design = read_design(device("    %a = aie.tile(0, 2)", "    %b = aie.tile(0, 2)", *core), "d.mlir")
    assert [tile.at for tile in design.tiles] == [(0, 2)]
    assert design.cores[0].tile is design.tiles[0]


def test_one_tile_declared_twice_with_other_attributes_is_refused():
    other = '    %b = aie.tile(0, 2) {allocation_scheme = "basic-sequential"}'
    assert refusal(device("    %a = aie.tile(0, 2)", other)) == (
        "error: there are two aie.tile at (0, 2)\n"
        "  where: d.mlir:4:5\n"
        "  why:   first at d.mlir:3:5\n"
        "  fix:   keep one of them"
    )


def test_a_function_with_a_body_is_no_tile_function():
    design = read_design(device("    func.func private @work() {", "      func.return", "    }"), "d.mlir")

    assert design.functions == ()


@pytest.mark.parametrize("type_", ["i8", "i16", "i32", "i64", "bf16", "f32"])
def test_a_function_may_return_a_number(type_):
    design = read_design(device(f"    func.func private @work() -> {type_}"), "d.mlir")
    assert (design.functions[0].parameters, design.functions[0].result) == ((), type_)


@pytest.mark.parametrize(
    ("types", "told"),
    [
        ("index", "index"),
        ("memref<4xi32>", "memref<4xi32>"),
        ("vector<16xbf16>", "vector<16xbf16>"),
        ("(i32, f32)", "i32 and f32"),
    ],
)
def test_a_function_that_returns_no_number_or_two_is_refused(types, told):
    assert refusal(device(f"    func.func private @work() -> {types}")) == (
        f"error: function @work returns {told}\n"
        "  where: d.mlir:3:5\n"
        "  fix:   return one of bf16, f32, i16, i32, i64, i8, or write it into a buffer"
    )


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        ("memref<?xi32>", "memref<?xi32> has no fixed size"),
        ("memref<*xi32>", "aie.buffer uses the type memref<*xi32>"),
        ("memref<4xf64>", "memref<4xf64> has elements that tileproof does not know"),
        ("memref<0xi32>", "memref<0xi32> has no fixed size"),
        ("i32", "aie.buffer wants a memref here, not i32"),
    ],
)
def test_a_buffer_without_a_fixed_size_of_known_elements_is_refused(type_, words):
    assert words in refusal(device("    %t = aie.tile(0, 2)", f"    %b = aie.buffer(%t) : {type_}"))


@pytest.mark.parametrize(
    "line",
    [
        "%c = vector.broadcast %k : i32 to vector<4xi32>",
        "aie.objectfifo.release @in(Consume, 1)",
        "%t = aie.tile(0, 2)",
    ],
)
def test_only_transfers_and_waits_stand_in_a_sequence(line):
    text = device("    aie.runtime_sequence() {", "      %k = arith.constant 1 : i32", f"      {line}", "    }")
    assert "cannot stand in a runtime sequence" in refusal(text)
    assert "where: d.mlir:5:7" in refusal(text)


@pytest.mark.parametrize(
    "line",
    [
        "%k = aie.core(%t) {}",
        "aie.objectfifo @f(%t, {%t}, 2 : i32) : !aie.objectfifo<memref<4xi32>>",
    ],
)
def test_what_belongs_into_the_device_is_refused_inside_a_core(line):
    text = refusal(
        device("    %t = aie.tile(0, 2)", "    %core = aie.core(%t) {", f"      {line}", "      aie.end", "    }")
    )
    assert "cannot stand in a core" in text


def test_windows_line_ends_are_read_and_places_stay_right():
    assert read_design(VALID.replace("\n", "\r\n"), "d.mlir").cores[0].place.line == 10


def test_a_text_whose_quote_is_never_closed_is_refused_at_once():
    # The lexer's pattern for a text backtracks over every way to cut what follows the quote: seconds at 24 letters.
    with deadline(MOST_SECONDS):
        assert "where: d.mlir:1:1" in refusal('"' + "a" * 60)


GENERIC = {
    "a tile without a result": '"aie.tile"() {col = 0 : i32, row = 0 : i32} : () -> ()',
    "a core without a tile": '"aie.core"() : () -> ()',
    "a fifo without anything": '"aie.objectfifo"() : () -> ()',
    "a fifo without tiles": '"aie.objectfifo"() {sym_name = "a", depth = [1 : i32],'
    " type = !aie.objectfifo<memref<4xi32>>} : () -> ()",
    "a sequence without a region": '"aie.runtime_sequence"() : () -> ()',
    "a sequence without a block": '"aie.runtime_sequence"() ({}) {sym_name = "s"} : () -> ()',
    "a buffer without a tile": '"aie.buffer"() : () -> ()',
    "a transfer without a buffer": 'aie.runtime_sequence() { "aiex.npu.dma_memcpy_nd"() : () -> () }',
    "a transfer without lists": "aie.runtime_sequence(%a: memref<4xi32>) {"
    ' "aiex.npu.dma_memcpy_nd"(%a) {id = 0 : i64} : (memref<4xi32>) -> () }',
    "an acquire without a fifo": '%t = aie.tile(0, 2) %c = aie.core(%t) { "aie.objectfifo.acquire"() : () -> () }',
    "a release without a fifo": '%t = aie.tile(0, 2) %c = aie.core(%t) { "aie.objectfifo.release"() : () -> () }',
    "an access without a view": "%t = aie.tile(0, 2) %c = aie.core(%t)"
    ' { "aie.objectfifo.subview.access"() : () -> () }',
}


@pytest.mark.parametrize("what", GENERIC)
def test_an_operation_in_generic_form_with_parts_missing_is_refused(what):
    with pytest.raises(Problem):
        all_of_it(device(GENERIC[what]))


def test_a_generic_operation_with_all_its_parts_is_refused_or_read_but_never_breaks():
    with pytest.raises(Problem):
        read_design('module { "aie.device"() : () -> () }', "d.mlir")


# What is missing, and values that are not there


@pytest.mark.parametrize(
    ("line", "missing", "said"),
    [
        (4, ")", "')' expected"),
        (8, ">", "Expected '>' after builtin parameter list"),
        (10, " {", "Expected region!"),
        (25, " : memref<64xi32>", "Expected ':'"),
    ],
)
def test_what_is_missing_at_the_end_of_a_line_is_marked_there(line, missing, said):
    lines = VALID.split("\n")
    lines[line - 1] = lines[line - 1].removesuffix(missing)
    lines.insert(line, "    // and not here")
    text = "\n".join(lines)
    assert refusal(text) == (
        f"error: d.mlir cannot be read: {said}\n"
        f"  where: d.mlir:{line}:{len(lines[line - 1]) + 1}\n"
        f"  why:   {lines[line - 1]}\n"
        f"         {' ' * len(lines[line - 1])}^\n"
        "  fix:   correct the text at the mark"
    )


def test_a_bracket_too_many_is_marked_where_the_text_goes_on_behind_it():
    assert refusal(VALID.replace("      aie.end\n", "      aie.end }\n", 1)) == (
        "error: d.mlir cannot be read: there is more behind its end\n"
        "  where: d.mlir:29:1\n"
        "  why:   }\n"
        "         ^\n"
        "  fix:   correct the text at the mark"
    )


@pytest.mark.parametrize(
    ("line", "used", "name", "fix"),
    [
        (7, "%shim", "%shmi", "did you mean %shim?"),
        (8, "%tile", "%zz", "correct its name, or define it above"),
        (14, "%view", "%veiw", "did you mean %view?"),
        (18, "%x", "%unheard", "correct its name, or define it above"),
        (24, "%b", "%zz", "correct its name, or define it above"),
    ],
    ids=["in a device", "in a device, like none", "in a core", "in a core, like none", "in a sequence"],
)
def test_a_value_that_is_not_there_is_named_with_the_one_that_was_meant(line, used, name, fix):
    lines = VALID.split("\n")
    column = lines[line - 1].rindex(used) + 1
    lines[line - 1] = lines[line - 1][: column - 1] + name + lines[line - 1][column - 1 + len(used) :]
    assert refusal("\n".join(lines)) == (
        f"error: there is no value {name} here\n"
        f"  where: d.mlir:{line}:{column}\n"
        f"  why:   {lines[line - 1]}\n"
        f"         {' ' * (column - 1)}{'^' * len(name)}\n"
        f"  fix:   {fix}"
    )


@pytest.mark.parametrize(
    ("lines", "name", "line", "column", "defined"),
    [
        (("%b = aie.buffer(%t) : memref<4xi32>", "%t = aie.tile(0, 2)"), "%t", 3, 17, 4),
        (
            (
                "%t = aie.tile(0, 2)",
                "%core = aie.core(%t) {",
                "  %sum = arith.addi %one, %one : i32",
                "  %one = arith.constant 1 : i32",
                "  aie.end",
                "}",
            ),
            "%one",
            5,
            21,
            6,
        ),
        (
            (
                "%t = aie.tile(0, 2)",
                "%core = aie.core(%t) {",
                "  %sum = arith.addi %one, %one : i32",
                "  %yes = arith.constant true",
                "  scf.if %yes {",
                "    %one = arith.constant 1 : i32",
                "  }",
                "  aie.end",
                "}",
            ),
            "%one",
            5,
            21,
            8,
        ),
        (("aie.runtime_sequence() {", "aiex.dma_start_task(%a)", "%a = arith.constant 1 : index", "}"), "%a", 4, 21, 5),
    ],
    ids=["in a device", "in a core", "in front of the braces that hide it", "with another type in a sequence"],
)
def test_a_value_that_is_used_before_it_is_defined_says_where_it_is(lines, name, line, column, defined):
    text = device(*lines)
    assert refusal(text) == (
        f"error: {name} is used before it is defined at line {defined}\n"
        f"  where: d.mlir:{line}:{column}\n"
        f"  why:   {text.splitlines()[line - 1]}\n"
        f"         {' ' * (column - 1)}{'^' * len(name)}\n"
        "  fix:   move its definition up, out of any braces, in front of what uses it"
    )


def test_a_value_behind_the_braces_that_hide_it_says_so():
    core = ["%t = aie.tile(0, 2)", "%core = aie.core(%t) {", "%yes = arith.constant true", "scf.if %yes {"]
    text = device(*core, "%one = arith.constant 1 : i32", "}", "%sum = arith.addi %one, %one : i32", "aie.end", "}")
    assert refusal(text) == (
        "error: there is no value %one here\n"
        "  where: d.mlir:9:19\n"
        "  why:   %sum = arith.addi %one, %one : i32\n"
        "                           ^^^^\n"
        "  fix:   define it out here: that of line 7 is seen only inside the braces around it"
    )


def test_blocks_may_stand_in_any_order():
    """What a block defines is seen in those that it leads to, wherever they stand in the text."""
    core = ["%t = aie.tile(0, 2)", "%core = aie.core(%t) {", "cf.br ^first", "^second:"]
    core += [
        "%sum = arith.addi %one, %one : i32",
        "aie.end",
        "^first:",
        "%one = arith.constant 1 : i32",
        "cf.br ^second",
        "}",
    ]
    assert len(read_design(device(*core), "d.mlir").cores) == 1


def test_a_block_that_is_not_there_is_named_where_it_is_meant():
    text = refusal(
        device(
            "%t = aie.tile(0, 2)", "%m = aie.mem(%t) {", "%s = aie.dma_start(S2MM, 0, ^a, ^b)", "^a:", "aie.end", "}"
        )
    )
    assert text.startswith("error: there is no block ^b here\n  where: d.mlir:5:33\n")


def test_of_a_very_long_line_the_part_near_the_mark_is_shown():
    text = refusal(device('%t = aie.tile(0, 2) {a = "' + "x" * 5000 + '"} !'))
    assert max(len(line) for line in text.splitlines()) < 300


# Numbers without a bound


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("1.0e300 : f32", "1.0e300 is beyond f32"),
        ("-1.0e300 : f32", "-1.0e300 is beyond f32"),
        ("3.4028236e38 : f32", "3.4028236e38 is beyond f32"),
        ("1.0e300 : bf16", "1.0e300 is beyond bf16"),
        ("65520.0 : f16", "65520.0 is beyond f16"),
        ("1.0e400 : f64", "1.0e400 is beyond f64"),
        ("0xFFFFFFFFFF : f32", "0xFFFFFFFFFF has more bits than f32"),
        ("300 : i8", "300 is beyond i8"),
        ("-129 : i8", "-129 is beyond i8"),
        ("2 : i1", "2 is beyond i1"),
        ("18446744073709551616 : index", "18446744073709551616 is beyond index"),
        ("1.5 : i32", "1.5 is no i32"),
        ("1.5 : f80", "there are no numbers of type f80 here"),
    ],
)
def test_a_number_beyond_its_type_is_refused_at_its_place(number, said):
    literal = number.split(" ")[0]
    line = f"    %c = arith.constant {number}"
    assert refusal(device(line)) == (
        f"error: d.mlir cannot be read: {said}\n"
        "  where: d.mlir:3:25\n"
        f"  why:   {line}\n"
        f"         {' ' * 24}{'^' * len(literal)}\n"
        "  fix:   correct the text at the mark"
    )


@pytest.mark.parametrize("number", ["3.4028235e38 : f32", "3.38e38 : bf16", "65504.0 : f16", "255 : i8", "-128 : i8"])
def test_the_largest_numbers_of_a_type_are_read(number):
    core = ["%t = aie.tile(0, 2)", "%core = aie.core(%t) {", f"%c = arith.constant {number}", "aie.end", "}"]
    assert read_design(device(*core), "d.mlir").cores


MANY = 2**31 - 1
OBJECTS_WHY = (
    "at most 65,536 objects of a fifo: a core tile has 65,536 bytes, and the other tiles a BD for each "
    "object, of which the most have 48"
)
BOUNDS = {
    "an acquire": (
        ("acquire @in(Consume, 1)", f"acquire @in(Consume, {MANY})"),
        "an aie.objectfifo.acquire of 2,147,483,647 objects",
        "13:7",
        OBJECTS_WHY,
        "acquire as many as the fifo has",
    ),
    "a depth": (
        ("2 : i32)", f"{MANY} : i32)"),
        "a fifo of 2,147,483,647 objects",
        "7:5",
        OBJECTS_WHY,
        "lower its depth",
    ),
    "a memref": (
        ("memref<4x8xi16>", f"memref<{MANY}x{MANY}x{MANY}xi16>"),
        "a memref of more than 10^18 bytes",
        "8:5",
        "at most 4,294,967,296 bytes of a memref: what an instruction adds to the address of a buffer has 32 "
        "bits (AddressPatch, arg_plus)",
        "make it smaller",
    ),
    "dimensions": (
        ("memref<4x8xi16>", "memref<" + "1x" * 65 + "i16>"),
        "a memref of 65 dimensions",
        "8:5",
        "at most 64 dimensions of a memref: a BD has five at the most, and the arrays of numpy have 64",
        "use fewer",
    ),
    "digits": (
        ("2048 : i32", "9" * 5000 + " : i32"),
        "a number of 5,000 digits",
        "22:21",
        "at most 400 digits of a number: the widest of a design has 64 bits, and the longest float 309 digits",
        "correct it",
    ),
    "results": (
        ("%less = arith", f"%less:{MANY} = arith"),
        "an operation of 2,147,483,647 results",
        "16:7",
        "at most 1,024 results of an operation: those of the field have one, or one for each object that is acquired",
        "name those that there are",
    ),
    "a memref in a memref": (
        ("memref<4x8xi16>", "memref<" * 150 + "4xi16" + ">" * 150),
        "d.mlir is nested too deeply",
        f"8:{72 + 7 * 49}",
        "at most 50 brackets inside each other: they are read one inside the other, and the deepest design of "
        "the field has 7",
        "close the brackets; no design needs so many",
    ),
}


@pytest.mark.parametrize("what", BOUNDS)
def test_what_no_device_has_is_refused_at_once_with_the_bound(what):
    (before, after), said, place, why, fix = BOUNDS[what]
    with deadline(MOST_SECONDS):
        assert refusal(VALID.replace(before, after, 1)) == (
            f"error: {said}\n  where: d.mlir:{place}\n  why:   {why}\n  fix:   {fix}"
        )


WILD = (0, 1, -1, 48, 255, 65_536, 2**31 - 1, 2**31, 2**63 - 1, 2**64, 10**30, 10**5000)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_wild_numbers_never_hang_nor_break_a_design(data):
    """Any number of a design may be any other; the text is refused or lowered, in a second of the processor and half a
    gigabyte."""
    numbers = list(re.finditer(r"(?<![\w.])\d+", VALID))
    chosen = data.draw(st.sets(st.sampled_from(range(len(numbers))), min_size=1, max_size=4))
    text = VALID
    sys.set_int_max_str_digits(0)
    try:
        for index in sorted(chosen, reverse=True):
            found = numbers[index]
            text = text[: found.start()] + str(data.draw(st.sampled_from(WILD))) + text[found.end() :]
    finally:
        sys.set_int_max_str_digits(4300)
    with fence(MOST_BYTES), deadline(MOST_SECONDS), suppress(Problem):
        all_of_it(text)
