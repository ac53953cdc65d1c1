"""What aiecc prints of a design that it has lowered: locations, blocks, operations of later stages. All of it is read.

tests/mlir_aie/attention_npu1 is what aiecc of 2026-08-14 wrote for our attention kernel.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tileproof.check.run import check_design
from tileproof.cli import main
from tileproof.errors import Problem
from tileproof.lowering.against import differences, our_layout, their_layout
from tileproof.lowering.held import lowered_as
from tileproof.lowering.lower import lower_design
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.layout import layout_text
from tileproof.mlir.locations import without_locations
from tileproof.mlir.printer import respelled
from tileproof.mlir.reader import read_design, read_layout
from tileproof.mlir_aie_versions import NEWEST, VERSIONS

ATTENTION = Path(__file__).parent / "mlir_aie" / "attention_npu1"
GIVEN = (ATTENTION / "aie.mlir").read_text()
STAGES = ("input_with_addresses.mlir", "lowered.mlir")

REAL = Path(__file__).parents[2] / "shared" / "real"
REAL_DESIGNS = sorted(path.parent for path in REAL.glob("*/aie.mlir"))


def core(*lines: str) -> str:
    body = "\n".join(f"      {line}" for line in lines)
    return f"""\
module {{
  aie.device(npu1) {{
    %tile_0_2 = aie.tile(0, 2)
    %data = aie.buffer(%tile_0_2) {{sym_name = "data"}} : memref<16xi32>
    %core_0_2 = aie.core(%tile_0_2) {{
{body}
      aie.end
    }} {{stack_size = 1024 : i32}}
  }}
}}
"""


# The whole of it


@pytest.mark.parametrize("stage", STAGES)
def test_what_mlir_aie_made_of_attention_is_what_we_make_of_it(stage: str) -> None:
    ours = our_layout(lowered_as(GIVEN, "aie.mlir", NEWEST))

    assert differences(ours, their_layout((ATTENTION / stage).read_text(), stage)) == ()


LOCK = re.compile(r"(aie\.lock\(%tile_0_2, )(\d+)(\))")


def with_ids(text: str, ids: str) -> str:
    """The same with other lock ids in the core, `ids` in the place of 0, 1, 2 and so on."""
    return LOCK.sub(lambda match: match[1] + str(ids.index(match[2])) + match[3], text)


@pytest.mark.parametrize("stage", STAGES)
def test_lock_ids_that_nobody_wrote_are_an_order_and_no_difference(stage: str) -> None:
    ours = our_layout(lowered_as(GIVEN, "aie.mlir", NEWEST))
    printed = (ATTENTION / stage).read_text()
    turned = with_ids(printed, "3210")

    assert turned != printed
    assert differences(ours, their_layout(turned, stage)) == ()


def test_a_lock_id_that_the_design_wrote_is_a_difference_where_it_is_another() -> None:
    written = lowered_as(TWO_LOCKS.format(first="5", second="6"), "d.mlir", NEWEST)
    other = their_layout(TWO_LOCKS.format(first="6", second="5"), "d.mlir")

    assert differences(our_layout(written), other) == (
        "lock full, id: 6 of mlir-aie, 5 of tileproof",
        "lock room, id: 5 of mlir-aie, 6 of tileproof",
    )


def test_two_locks_that_become_one_are_a_difference_though_nobody_wrote_their_ids() -> None:
    design = TWO_LOCKS.replace(", {first}", "").replace(", {second}", "").replace("{{", "{").replace("}}", "}")
    ours = our_layout(lowered_as(design, "d.mlir", NEWEST))

    assert differences(ours, their_layout(TWO_LOCKS.format(first="4", second="9"), "d.mlir")) == ()
    assert differences(ours, their_layout(TWO_LOCKS.format(first="4", second="4"), "d.mlir")) == (
        "locks full and room: mlir-aie gives both id 4 of core (0, 2)",
    )


TWO_LOCKS = """\
module {{
  aie.device(npu1) {{
    %tile_0_2 = aie.tile(0, 2)
    %full = aie.lock(%tile_0_2, {first}) {{init = 1 : i32, sym_name = "full"}}
    %room = aie.lock(%tile_0_2, {second}) {{init = 0 : i32, sym_name = "room"}}
    %core_0_2 = aie.core(%tile_0_2) {{
      aie.end
    }} {{stack_size = 1024 : i32}}
  }}
}}
"""


@pytest.mark.parametrize("stage", STAGES)
def test_a_lowered_design_is_read_in_full_and_nothing_is_found_wrong_with_it(stage: str) -> None:
    text = (ATTENTION / stage).read_text()
    design = read_design(text, stage)

    assert (len(design.buffers), len(design.locks), len(design.programs), len(design.flows)) == (5, 8, 2, 2)
    assert [core.stack_size for core in design.cores] == [2048]
    assert check_design(text, stage, {}) == ()


@pytest.mark.parametrize("stage", STAGES)
def test_the_words_of_a_lowered_design_are_those_of_the_design(stage: str) -> None:
    before, after = (lower_design(read_design(text, "d.mlir")) for text in (GIVEN, (ATTENTION / stage).read_text()))

    assert sequence_words(after, main_sequence(after)) == sequence_words(before, main_sequence(before))


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_a_lowered_design_is_printed_for_every_state_and_read_again(version: object) -> None:
    text = (ATTENTION / "input_with_addresses.mlir").read_text()
    spelt = respelled(text, "d.mlir", version)  # type: ignore[arg-type]

    assert "loc" not in spelt.replace("lock", "").replace("alloc", "")
    assert respelled(spelt, "d.mlir", version) == spelt  # type: ignore[arg-type]


# For the design that aiecc has printed, which is older than the kernel of today: it goes through scratch, too.
OF_THE_DESIGN = """\
#include <cstdint>
extern "C" void attention_i8(int8_t *qkv, int8_t *out, int8_t *scratch) {
    for (int at = 0; at < 4096; ++at) {
        scratch[at % 3840] = int8_t(qkv[at] ^ 3 * qkv[4096 + at]);
        out[at] = int8_t(scratch[at % 3840] + qkv[8192 + at]);
    }
}
"""


def test_a_lowered_design_runs_as_the_design_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fifos, loop and places are aiecc's."""
    (tmp_path / "tile.cc").write_text(OF_THE_DESIGN)
    np.save(tmp_path / "in.npy", np.random.default_rng(5).integers(-40, 40, 12288, dtype=np.int8))
    for name in ("aie.mlir", "input_with_addresses.mlir"):
        asked = ["--tile-code", str(tmp_path / "tile.cc"), "--arg", f"0={tmp_path / 'in.npy'}", "--arg", "1=zeros"]
        assert main(["emulate", str(ATTENTION / name), *asked, "--save", f"1={tmp_path / name}.npy"]) == 0
    before, after = (np.load(tmp_path / f"{name}.npy") for name in ("aie.mlir", "input_with_addresses.mlir"))

    assert np.any(before)
    assert np.array_equal(before, after)


@pytest.mark.skipif(not REAL_DESIGNS, reason=f"needs what the real aiecc printed in {REAL}, which is not here")
def test_every_design_that_the_real_tools_lowered_is_lowered_as_we_lower_it() -> None:
    for folder in REAL_DESIGNS:
        given = (folder / "aie.mlir").read_text()
        ours = lowered_as(given, "aie.mlir", NEWEST)
        for stage in STAGES:
            assert differences(our_layout(ours), their_layout((folder / stage).read_text(), stage)) == ()
        assert sequence_words(ours, main_sequence(ours)) == (folder / "insts.bin").read_bytes()


# Locations


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("%0 = aie.tile(0, 2) loc(#loc2)", "%0 = aie.tile(0, 2)"),
        ("} loc(#loc)\n#loc = loc(unknown)", "}\n"),
        ("^bb1(%0: index loc(\"aie.mlir\":13:15)):  // 2 preds", "^bb1(%0: index                     ):  // 2 preds"),
        ('x loc(callsite("a" at fused["b(":1:2, #loc]))', "x"),
        ('x loc("odd \\" (name":1:2) {a = "loc(1)"}  // loc(2)', '{a = "loc(1)"}  // loc(2)'),
        ("@loc(memref<4xi8>) %loc(0) alloc(1)", "@loc(memref<4xi8>) %loc(0) alloc(1)"),
    ],
)  # fmt: skip
def test_locations_are_taken_out_and_nothing_else_moves(text: str, bare: str) -> None:
    found = without_locations(text)

    assert len(found) == len(text)
    assert " ".join(found.split()).removeprefix("x ") == " ".join(bare.split())


def test_an_error_behind_a_location_is_pointed_at_where_it_is() -> None:
    with pytest.raises(Problem) as refused:
        read_design('module {\n  aie.device(npu1) loc("a":1:2) {\n    %t = aie.tyle(0, 2)\n  }\n}', "d.mlir")

    assert refused.value.where == "d.mlir:3:10"


def test_a_location_that_does_not_end_is_an_error_and_takes_no_time() -> None:
    with pytest.raises(Problem):
        read_design("module {\n" + "loc(" * 200_000, "d.mlir")


# The layout alone


def test_for_its_layout_only_what_lies_where_is_read() -> None:
    """Routed by aie-create-pathfinder-flows, with cores of operations that nobody knows."""
    text = core("%0 = unknown.thing %1 {", "} : i32").replace(
        "    %data", "    aie.switchbox(%tile_0_2) {\n      aie.connect<DMA : 0, West : 1>\n    }\n    %data"
    )
    with pytest.raises(Problem):
        read_design(text, "d.mlir")
    design = read_layout(text, "d.mlir")

    assert [buffer.name for buffer in design.buffers] == ["data"]
    assert (design.cores, design.buffers[0].place.line) == ((), 7)


def test_a_text_without_a_device_has_no_layout_to_take_out() -> None:
    assert layout_text("module {\n}\n") == "module {\n}\n"


# Operations of later stages


LATER = core(
    "%0 = llvm.mlir.constant(dense<0> : vector<16xi32>) : vector<16xi32>",
    '%1:2 = "llvm.intr.both"(%0) : (vector<16xi32>) -> (i32, i32)',
    "%2 = aievec.add_elem %0, %0 : vector<16xi32>",
    "%c0 = arith.constant 0 : index",
    "vector.store %2, %data[%c0] : memref<16xi32>, vector<16xi32>",
    "memref.store %1#1, %data[%c0] : memref<16xi32>",
    "llvm.intr.assume %1#1, %not_there : i32",
    "%3, %4 = llvm.intr.each %0 : vector<16xi32>",
    "memref.store %4, %data[%c0] : memref<16xi32>",
)


def test_operations_of_later_stages_are_read_beside_those_that_use_their_values() -> None:
    body = read_design(LATER, "d.mlir").cores[0].body
    names = [operation.name for operation in body]

    assert names[:3] == ["llvm.mlir.constant", "llvm.intr.both", "aievec.add_elem"]
    assert body[2].types == ("vector<16xi32>",)  # as the store takes it
    assert body[1].types == ("i32", "i32")  # as its generic form says
    assert body[7].types == ("a type that no operation here says", "i32")
    assert body[2].operands == (body[0].results[0],) * 2
    assert check_design(LATER, "d.mlir", {}) == ()


def test_operations_of_later_stages_are_printed_as_they_are_written() -> None:
    spelt = respelled(LATER, "d.mlir")

    assert "%2 = aievec.add_elem %0, %0 : vector<16xi32>\n" in spelt
    assert '= "llvm.intr.both"(%0) : (vector<16xi32>) -> (i32, i32)\n' in spelt
    assert "llvm.intr.assume %5, %not_there : i32\n" in spelt  # %1#1 has a name of its own now
    assert respelled(spelt, "d.mlir") == spelt


def test_the_emulator_says_which_of_them_it_does_not_execute(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = LATER.replace("  }\n}\n", "    aie.runtime_sequence @run(%a: memref<16xi32>) {\n    }\n  }\n}\n")
    (tmp_path / "d.mlir").write_text(text)

    assert main(["emulate", str(tmp_path / "d.mlir"), "--arg", "0=zeros"]) != 0
    told = capsys.readouterr()
    assert "llvm.mlir.constant" in told.out + told.err


def test_an_operation_of_no_dialect_is_still_refused_by_name() -> None:
    with pytest.raises(Problem) as refused:
        read_design(core("%0 = aiewec.add_elem %1, %2 : vector<16xi32>"), "d.mlir")

    assert refused.value.what == "d.mlir cannot be read: tileproof does not know the operation aiewec.add_elem"


# Cascades


def test_configured_cascades_are_the_flows_that_they_were_made_of() -> None:
    """aie-lower-cascade-flows gives every core of a cascade both sides, North and South where it has only one."""
    tiles = "".join(f"    %t{c}{r} = aie.tile({c}, {r})\n" for c, r in ((0, 3), (0, 2), (1, 2), (1, 4), (1, 5)))
    lines = ("%t03, North, South", "%t02, North, East", "%t12, West, South", "%t15, North, South", "%t14, North, South")
    configured = "".join(f"    aie.configure_cascade({line})\n" for line in lines)
    text = f"module {{\n  aie.device(npu1) {{\n{tiles}{configured}  }}\n}}\n"
    flows = read_design(text, "d.mlir").cascade_flows

    assert [(flow.source.at, flow.destination.at) for flow in flows] == [
        *(((0, 3), (0, 2)), ((0, 2), (1, 2)), ((1, 5), (1, 4))),
    ]
    assert "    aie.configure_cascade(%t02, North, East)\n" in respelled(text, "d.mlir")
