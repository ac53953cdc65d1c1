"""Every check fires on a design made wrong by one change, and on nothing that is right."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tileproof.build.prepare import build_kernel, render_kernel
from tileproof.build.request import BuildRequest
from tileproof.check.checked import BuiltFile
from tileproof.check.run import check_design
from tileproof.check.tile_code import TileCode
from tileproof.cli import main
from tileproof.diagnostic import Diagnostic
from tileproof.diagnostic.catalogue import CATALOGUE
from tileproof.diagnostic.checks import CHECKS, GROUPS
from tileproof.diagnostic.entry import Example
from tileproof.errors import Problem
from tileproof.insts import SHORT, decode, encode
from tileproof.report.findings import as_text, catalogue_as_markdown
from tileproof.report.sarif import as_sarif

ROOT = Path(__file__).parents[1]
CONFORMANCE = ROOT.parent / "shared" / "conformance"
NEWEST = "2026-08"

EXAMPLES = ROOT / "examples"
GOOD = (EXAMPLES / "design.mlir").read_text()
GOOD_CODE = (EXAMPLES / "tile.cc").read_text()
X_PATTERN = "%a[0, 0, 0, 0][1, 1, 1, 256][0, 0, 0, 1]"
MOVE_X = f"aiex.npu.dma_memcpy_nd({X_PATTERN}) {{id = 0 : i64, metadata = @x}} : memref<256xi32>"
MOVE_Y = MOVE_X.replace("%a", "%b").replace("id = 0", "id = 1").replace("@x", "@y")
WAIT_Y = "aiex.npu.dma_wait {symbol = @y}"
LINK_WITH = ' attributes {link_with = "tile.o"}'
DECLARATION = f"func.func private @step(memref<64xi32>, memref<64xi32>, memref<32xi32>){LINK_WITH}"


def changed(*changes: tuple[str, str], text: str = GOOD) -> str:
    """The good text with every `old` replaced, each of which must be there."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def x_moves(pattern: str, type_: str = "256xi32") -> str:
    """The good design with another transfer of @x from an argument of `type_`."""
    move = MOVE_X.replace(X_PATTERN, "%a" + pattern).replace("256xi32", type_)
    return changed((MOVE_X, move), ("%a: memref<256xi32>", f"%a: memref<{type_}>"))


def pieces_of_x(count: int) -> str:
    """@x in `count` transfers that nobody waits for in between."""
    size = 256 // count
    parts = [size] * (count - 1) + [256 - size * (count - 1)]
    moves = [MOVE_X.replace("1, 256]", f"1, {part}]").replace("[0, 0, 0, 0]", f"[0, 0, 0, {n * size}]")
             .replace("id = 0", f"id = {n + 2}") for n, part in enumerate(parts)]  # fmt: skip
    return changed((MOVE_X, "\n".join(moves)))


def written_out(bd: str, type_: str = "64xi32") -> str:
    """The good design with a DMA program for a buffer of its own on the next tile."""
    program = f"""\
    %own = aie.buffer(%next) {{sym_name = "own"}} : memref<{type_}>
    %dma = aie.mem(%next) {{
      %d = aie.dma_start(S2MM, 0, ^b, ^e)
    ^b:
      aie.dma_bd(%own : memref<{type_}> {bd})
      aie.next_bd ^b
    ^e:
      aie.end
    }}
"""
    return changed(("    %program", program + "    %program"))


def linked(whole: int) -> str:
    """@x from the mem tile, where @g brings objects of `whole` words."""
    g = f"aie.objectfifo @g(%shim, {{%mem}}, 2 : i32) : !aie.objectfifo<memref<{whole}xi32>>\n    "
    return changed(
        ("aie.objectfifo @x(%shim", g + "aie.objectfifo @x(%mem"),
        ("    %scratch", "    aie.objectfifo.link [@g] -> [@x] ([] [])\n    %scratch"),
        (MOVE_X, MOVE_X.replace("@x", "@g").replace("256", str(2 * whole))),
        ("%a: memref<256xi32>", f"%a: memref<{2 * whole}xi32>"),
    )


Z = "    aie.objectfifo @z(%core, {%next}, 2 : i32) : !aie.objectfifo<memref<64xi32>>\n"


def acquire(use: str) -> str:
    return f"%{use[1]}v = aie.objectfifo.acquire {use} : !aie.objectfifosubview<memref<64xi32>>\n"


def two_cores(*second: str, depth: int = 2) -> str:
    """The good design and a core that it sends @p to and gets @q from; `second` is what that core does in its loop."""
    first = [*map(acquire, ["@q(Consume, 1)", "@p(Produce, 1)"]), "aie.objectfifo.release @q(Consume, 1)\n"]
    loop = f"{GOOD[GOOD.index('%c0 =') : GOOD.index('%xv')]}{''.join(second)}}}\naie.end\n}}\n"
    fifos = [Z.replace("@z", "@p"), Z.replace("@z(%core, {%next}", "@q(%next, {%core}")]
    return changed(
        ("    %scratch", "".join(fifos).replace("2 : i32", f"{depth} : i32") + "    %scratch"),
        ("%xv = ", "".join(first) + "aie.objectfifo.release @p(Produce, 1)\n%xv = "),
        ("    aie.runtime", f"%second = aie.core(%next) {{\n{loop}    aie.runtime"),
    )


TAKE_P = acquire("@p(Consume, 1)") + "aie.objectfifo.release @p(Consume, 1)\n"
FILL_Q = acquire("@q(Produce, 1)") + "aie.objectfifo.release @q(Produce, 1)\n"

# The examples of the catalogue: of each check that finds something in a design, or in its tile code.


def wrong_text(example: Example, name: str) -> str:
    return changed(*((c.right, c.wrong) for c in example.changes), text=(EXAMPLES / name).read_text())


def shown_by(command: str, name: str) -> dict[str, str]:
    """The wrong texts of every example that is a file of that name and shows itself by that command, by id."""
    examples = {check.id: check.example for check in CHECKS if check.example is not None}
    return {id_: wrong_text(example, name) for id_, example in examples.items() if example.command == command}


BAD_DESIGNS = shown_by("tileproof check design.mlir", "design.mlir")
BAD_CODE = shown_by("tileproof check design.mlir --tile-code tile.cc", "tile.cc")

# The same ids by other ways than the catalogue shows.
ALSO_BAD = {
    "an attribute of a transfer": ("TP003", changed(("id = 1 : i64", "id = 1 : i64, issue_tokn = true"))),
    "a transfer that begins before its argument": ("TP313", x_moves("[0, 0, 0, -4][1, 1, 1, 256][0, 0, 0, 1]")),
    "an innermost stride of wide elements": ("TP314", x_moves("[0, 0, 0, 0][1, 1, 1, 128][0, 0, 0, 2]", "256xi64")),
    "a padded BD that moves more than it walks": (
        "TP317",
        (Path(__file__).parent / "designs" / "padded.mlir")
        .read_text()
        .replace("const_pad_after = 1", "const_pad_after = 0"),
    ),
    "a BD of a DMA program": ("TP321", written_out("offset = 32 len = 64")),
    "an output that nobody takes": ("TP407", changed((MOVE_Y, ""), (WAIT_Y, ""))),
    "bytes that the sequence moves": ("TP408", changed(("64xi32", "63xi8"), ("256", "252"))),
    "a forward of other objects": ("TP409", linked(96)),
    "endless loops": ("TP410", two_cores(TAKE_P, FILL_Q)),
    "no declaration": ("TP505", changed((DECLARATION, ""))),
    "a column": ("TP602", changed(("aie.tile(0, 3)", "aie.tile(9, 3)"))),
    "another core's memory": (
        "TP606",
        changed(("aie.tile(0, 3)", "aie.tile(2, 2)"), ("buffer(%core)", "buffer(%next)")),
    ),
}

# Found in files that a build has made: here, and from TP703 on in test_built.
BUILT = {f"TP7{number:02}" for number in range(1, 13)}


# Found where it is known what a build makes.
OF_KERNELS = {"TP508"}


def found(design: str, code: str | None = None) -> tuple[Diagnostic, ...]:
    return check_design(design, "d.mlir", {} if code is None else {"tile.cc": code}, compile_code=True)


def ids(findings: tuple[Diagnostic, ...]) -> set[str]:
    return {finding.id for finding in findings}


# The catalogue


def test_every_check_has_a_bad_design_or_bad_tile_code() -> None:
    assert sorted([*BAD_DESIGNS, *BAD_CODE, *BUILT, *OF_KERNELS]) == [check.id for check in CHECKS]


def test_ids_and_names_are_unique_and_each_belongs_to_a_group() -> None:
    assert len({check.id for check in CHECKS}) == len({check.name for check in CHECKS}) == len(CHECKS)
    assert {check.id[:3] for check in CHECKS} == set(GROUPS)


# Bad and good


@pytest.mark.parametrize("id_", BAD_DESIGNS)
def test_a_bad_design_is_found_by_its_check_and_by_no_other(id_: str) -> None:
    assert ids(found(BAD_DESIGNS[id_])) == {id_}


@pytest.mark.parametrize(("id_", "design"), ALSO_BAD.values(), ids=ALSO_BAD)
def test_another_bad_design_is_found_by_the_same_check_and_by_no_other(id_: str, design: str) -> None:
    assert ids(found(design)) == {id_}


@pytest.mark.parametrize("id_", BAD_CODE)
def test_bad_tile_code_is_found_by_its_check_and_by_no_other(id_: str) -> None:
    assert ids(found(GOOD, BAD_CODE[id_])) == {id_}


def test_nothing_is_found_in_what_is_good() -> None:
    assert found(GOOD) == found(GOOD, GOOD_CODE) == ()


@pytest.mark.parametrize(
    "good",
    [
        pytest.param(pieces_of_x(5), id="one that runs and a full queue"),
        pytest.param(two_cores(FILL_Q, TAKE_P), id="two cores that hand on before they wait"),
        pytest.param(linked(128), id="a link of two objects to one"),
        pytest.param(written_out("offset = 0 len = 64"), id="a DMA program of its own"),
        pytest.param(x_moves("[0, 0, 0, 0][4, 1, 1, 64][0, 0, 0, 1]", "64xi32"), id="a repeat"),
        pytest.param(x_moves("[0, 0, 0, 0][64, 1, 1, 4][4, 0, 0, 1]"), id="64 iterations"),
        pytest.param(changed((MOVE_X, MOVE_X.replace("}", ", issue_token = true}")),
                             (WAIT_Y, WAIT_Y + WAIT_Y.replace("@y", "@x"))), id="a wait for an input's token"),
        pytest.param(changed((WAIT_Y, WAIT_Y + MOVE_Y + MOVE_X + WAIT_Y)), id="BDs again after a wait"),
        pytest.param(changed(("acquire @x(Consume, 1)", "acquire @x(Consume, 2)")), id="a sliding window"),
    ],
)  # fmt: skip
def test_what_looks_like_a_mistake_and_is_none_is_not_found(good: str) -> None:
    assert found(good) == ()


@pytest.mark.parametrize("page", ["padded", "padded_by_hand", "padded_larger", "padded_with_a_value"])
def test_a_design_that_runs_right_is_not_found_fault_with(page: str) -> None:
    design = (Path(__file__).parent / "designs" / f"{page}.mlir").read_text()

    assert check_design(design, "d.mlir", {}) == ()


@pytest.mark.parametrize("target", ["npu1", "npu2"])
@pytest.mark.parametrize("kernel", ["attention", "mel"])
def test_the_shipped_kernels_have_no_error(kernel: str, target: str) -> None:
    texts = render_kernel(kernel, BuildRequest(target=target)).texts

    assert [f for f in check_design(texts["design.mlir"], kernel, {"tile.cc": texts["tile.cc"]}) if f.is_error] == []


# What a finding says


def test_a_finding_has_the_place_the_numbers_of_both_sides_and_a_mend() -> None:
    (finding,) = found(BAD_DESIGNS["TP302"])

    assert str(finding.place) == f"d.mlir:{_line('%a[0', BAD_DESIGNS['TP302'])}:7"
    assert finding.why == "it takes elements 64 to 319, and memref<256xi32> has 0 to 255"
    assert finding.fix


@pytest.mark.parametrize(
    ("moved", "id_"), [("len = 260", "TP302"), ("len = 256 sizes = [2, 128] strides = [132, 1]", "TP321")]
)
def test_a_task_beyond_its_argument_is_refused_only_where_mlir_aie_compares_the_two(moved: str, id_: str) -> None:
    task = f"""%task = aiex.dma_configure_task_for @x {{
        aie.dma_bd(%a : memref<256xi32> offset = 0 {moved}) {{bd_id = 2 : i32}}
        aie.end
      }}
      aiex.dma_start_task(%task)"""

    (finding,) = [one for one in found(changed((MOVE_X, task))) if one.id != "TP401"]

    assert (finding.id, finding.is_error) == (id_, id_ == "TP321")
    assert finding.what == "a BD of the task reaches beyond argument 0"
    assert finding.why == "it takes elements 0 to 259, and memref<256xi32> has 0 to 255"


def test_a_memory_that_overflows_is_told_with_its_sum() -> None:
    (finding,) = found(BAD_DESIGNS["TP101"])

    assert "table 80,000" in finding.why
    assert "65,536" in finding.why


def test_an_array_beyond_the_stack_names_the_buffer_it_runs_over() -> None:
    (finding,) = found(GOOD, BAD_CODE["TP202"])

    assert str(finding.place) == "tile.cc:7:13"
    assert finding.why.startswith("it has 2,048 bytes, and stack_size is 1,024; above it lie ")
    assert "_buff_0 at 1,024" in finding.why


def test_a_circle_through_a_mem_tile_is_found() -> None:
    """@q waits for what the second core makes of @p, which goes round by the mem tile, and is filled behind @q."""
    relayed = two_cores(TAKE_P, FILL_Q).replace("aie.objectfifo @p(%core, {%next}", "aie.objectfifo @pin(%core, {%mem}")
    fifo_p = Z.replace("@z(%core", "@p(%mem")
    link = "    aie.objectfifo.link [@pin] -> [@p] ([] [])\n"
    text = relayed.replace("    %scratch", fifo_p + link + "    %scratch", 1).replace("@p(Produce", "@pin(Produce")

    assert ids(found(text)) == {"TP410"}


def test_an_endless_loop_around_one_of_no_passes_is_played_in_no_time() -> None:
    """It acquires nothing, and was gone through four billion times to find that out."""
    begun = time.process_time()

    assert "TP410" not in ids(found(two_cores(f"scf.for %k = %c0 to %c0 step %c1 {{\n{TAKE_P}{FILL_Q}}}\n")))
    assert time.process_time() - begun < 5


def test_findings_come_in_the_order_of_their_places() -> None:
    both = changed((LINK_WITH, ""), ("id = 0 ", "id = 16 "), (WAIT_Y, ""))
    findings = found(both)

    assert [finding.id for finding in findings] == ["TP501", "TP301", "TP311"]
    assert [finding.place.line for finding in findings] == sorted(finding.place.line for finding in findings)


def _line(text: str, design: str) -> int:
    return next(number for number, line in enumerate(design.splitlines(), 1) if text in line)


# Reading tile code


def arrays(body: str, before: str = "") -> dict[str, int]:
    code = TileCode("t.cc", before + '\nextern "C" void f(int8_t *x) {\n' + body + "\n}\n")
    return {array.name: array.nbytes for function in code.defined("f") for array in function.arrays}


@pytest.mark.parametrize(
    ("body", "before", "sizes"),
    [
        ("int8_t a[4096];", "", {"a": 4096}),
        ("alignas(32) int16_t a[2][3] = {};", "", {"a": 12}),
        ("if (x) { float a[1'000u], b[0x10]; }", "", {"a": 4000, "b": 64}),
        ("int32_t a[rows * 2 + (1 << 3)];", "constexpr int rows = 4, keys = 2;", {"a": 64}),
        ("bfloat16 a[N];", "#define N 64\n", {"a": 128}),
        ("element a[4];", "using element = int16;", {"a": 8}),
        ("int a[n];", "namespace { constexpr int n = 8; }", {"a": 32}),
    ],
)
def test_local_arrays_are_counted(body: str, before: str, sizes: dict[str, int]) -> None:
    assert arrays(body, before) == sizes


@pytest.mark.parametrize(
    "body",
    [
        "static int8_t a[4096];",
        "static const int8_t a[4096] = {1};",
        "constexpr int8_t a[4096] = {};",
        "// int8_t a[4096];",
        "/* int8_t a[4096]; */",
        'say("int8_t a[4096];");',
        "#if 0\nint8_t a[4096];\n#endif\n",
        "int8_t a[unknown];",
        "int b = x[4096];",
        "return x[4096];",
        "auto *b = new int8_t[4096];",
        "mystery a[4096];",
    ],
)
def test_what_is_not_on_the_stack_or_not_understood_is_not_counted(body: str) -> None:
    assert arrays(body) == {}


def test_a_name_with_two_meanings_is_no_number() -> None:
    assert arrays("int8_t a[n];", "constexpr int n = 4096; template <int n> void g() {}") == {}


def test_only_functions_that_the_core_reaches_count() -> None:
    big = "void big() { int8_t a[4096]; use(a); }\n"

    assert found(GOOD, big + GOOD_CODE) == ()
    assert ids(found(GOOD, big + changed(("doubled(x, small);", "big();"), text=GOOD_CODE))) == {"TP202"}


@pytest.mark.parametrize(
    "head",
    [
        "void step(int *a, int32 *__restrict b, std::int32_t *c)",
        "void step(const int32_t *a, uint32_t b[64], int32_t const *c)",
        "__attribute__((noinline)) void step(word *a, word *b, unknown *c)",
        "MACRO(3) void step(int32_t a[], void *b, int *)",
    ],
)
@pytest.mark.parametrize("before", ['extern "C" ', 'extern "C" { ', 'extern "C" { namespace n { '])
def test_a_parameter_may_be_spelled_in_many_ways(head: str, before: str) -> None:
    assert found(GOOD, f"using word = int32_t;\n{before}{head} {{ }}" + " }" * before.count("{")) == ()


@pytest.mark.parametrize("third", ["int32_t c", "float *c", "bfloat16 *c", "int16_t *c"])
def test_a_parameter_of_another_type_is_found(third: str) -> None:
    (finding,) = found(GOOD, f'extern "C" void step(int *a, int *b, {third}) {{ }}')

    assert (finding.id, finding.what) == ("TP504", f"parameter 3 of @step is `{third}` in the tile code")


@pytest.mark.parametrize("third", ["bfp16ebs8 *c", "v64bfp16ebs8 *c", "int8_t *c", "const uint8_t *c"])
def test_blocks_are_read_as_blocks_or_as_bytes(third: str) -> None:
    blocks = GOOD.replace("32xi32", '32x!aiex.bfp<"v8bfp16ebs8">')

    assert "TP504" not in ids(found(blocks, f'extern "C" void step(int *a, int *b, {third}) {{ }}'))


@pytest.mark.parametrize("third", ["int32_t *c", "float *c", "bfloat16 *c"])
def test_blocks_are_not_read_as_numbers(third: str) -> None:
    blocks = GOOD.replace("32xi32", '32x!aiex.bfp<"v8bfp16ebs8">')
    (finding,) = (f for f in found(blocks, f'extern "C" void step(int *a, int *b, {third}) {{ }}') if f.id == "TP504")

    assert finding.why == 'the design declares memref<32x!aiex.bfp<"v8bfp16ebs8">> at d.mlir:11:5'


@given(st.text(alphabet=st.sampled_from("{}()[];,=<>\"'/*#\\\n ifab0918+") | st.characters(codec="utf-8"), max_size=80))
@example('R"(')
@example("constexpr int a = 1 << 99999, b = 9 % 0; int8_t c[a][b];")
@example("void f() { int8_t a[" + "(" * 300 + "]; }")
def test_no_text_of_tile_code_ends_in_a_traceback(text: str) -> None:
    for function in TileCode("t.cc", 'extern "C" void f(int8_t *x) { ' + text).functions:
        assert all(array.nbytes >= 0 for array in function.arrays)


@settings(deadline=None)
@given(
    st.integers(0, len(GOOD) - 1),
    st.integers(0, 12),
    st.sampled_from(["", "}", "0", "-1", "@x", "memref<1xi8>", "99999999999"]),
)
def test_no_mangled_design_ends_in_a_traceback(at: int, length: int, instead: str) -> None:
    for finding in found(GOOD[:at] + instead + GOOD[at + length :], GOOD_CODE):
        assert finding.what
        assert finding.fix


# Against what mlir-aie accepts

# Right by their own lights, with the errors that are still found and why.
TOLERATED = {
    "no_core_consumer": ({"TP407"}, "there is no core: only the declared depth is shown"),
    "unaligned_sizes": ({"TP402"}, "only addresses are shown; its sequence waits for more than the core gives"),
}
NOT_FOUND: dict[str, str] = {}  # silent faults that no check finds yet, with the reason


def conformance(silent: bool) -> list[str]:
    designs = sorted(CONFORMANCE.glob("*.json")) if CONFORMANCE.is_dir() else []
    return [
        path.stem for path in designs if path.stem.startswith("silent_") == silent and not path.stem.startswith("bad_")
    ]


def conformance_findings(name: str) -> tuple[tuple[Diagnostic, ...], str]:
    facts = json.loads((CONFORMANCE / f"{name}.json").read_text())
    file = facts["files"][NEWEST]
    return check_design((CONFORMANCE / file).read_text(), file, {}), facts["states"][NEWEST]["outcome"]


@pytest.mark.parametrize("name", conformance(silent=False))
def test_a_right_design_has_no_error(name: str) -> None:
    findings, outcome = conformance_findings(name)
    if outcome != "accepted":
        return
    errors = ids(tuple(finding for finding in findings if finding.is_error))

    assert errors <= TOLERATED.get(name, (set(), ""))[0]


@pytest.mark.parametrize("name", conformance(silent=True))
def test_a_silent_fault_is_found(name: str) -> None:
    findings, _ = conformance_findings(name)

    assert bool(findings) == (name not in NOT_FOUND)


# What was built


def test_a_pair_that_was_built_of_the_design_has_nothing_to_find(built: Built) -> None:
    assert built.findings() == ()


def test_instructions_of_another_design_are_found_at_the_word_that_differs(built: Built) -> None:
    found_ = built.findings(design=changed(("id = 1 ", "id = 2 "), text=built.design))

    assert ids(found_) == {"TP701"}
    assert found_[0].what == "insts.bin was not made of this design"
    assert found_[0].why == (
        "it has 75 words, and the design gives 75; word 36 is 0001d020 and should be 0001d040, "
        "in the operation of word 34, which writes a BD"
    )


def test_instructions_of_version_1_0_are_held_against_the_design_by_what_they_do(built: Built) -> None:
    short = replace(decode(built.insts.data, "insts.bin"), version=SHORT)
    same = BuiltFile("insts.bin", encode(short))
    other = BuiltFile("insts.bin", encode(replace(short, operations=short.operations[:-1])))

    assert "TP701" not in ids(built.findings(insts=same))
    assert "TP701" in ids(built.findings(insts=other))


def test_an_xclbin_of_fewer_buffers_or_columns_is_found(built: Built) -> None:
    more = "".join(f", %more{number}: memref<4xi32>" for number in range(4))
    sixth = built.design.replace("%out: memref<4096xi8>)", f"%out: memref<4096xi8>{more})")
    wide = built.design.replace("    %core", "    %far = aie.tile(5, 2)\n    %core", 1).replace("(npu1)", "(npu2)")

    assert "it takes 5, and @sequence has 6 arguments" in [finding.why for finding in built.findings(design=sixth)]
    assert "TP702" in ids(built.findings(design=wide))


def test_instructions_of_another_build_are_found(built: Built) -> None:
    other = BuiltFile("insts.bin", built.insts.data[:-4] + b"\1\0\0\0")

    assert {"TP701", "TP703"} <= ids(built.findings(insts=other))


def test_a_file_that_is_no_xclbin_is_refused_in_words(built: Built) -> None:
    with pytest.raises(Problem, match=r"a\.xclbin"):
        built.findings(xclbin=BuiltFile("a.xclbin", b"nothing"))


@dataclass(frozen=True)
class Built:
    design: str
    xclbin: BuiltFile
    insts: BuiltFile

    def findings(self, **other: Any) -> tuple[Diagnostic, ...]:
        files = {"design": self.design, "xclbin": self.xclbin, "insts": self.insts, **other}
        return check_design(files.pop("design"), "d.mlir", {}, **files)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    request = BuildRequest(build_dir=tmp_path_factory.mktemp("build"))
    rendered = render_kernel("attention", request)
    artifacts = build_kernel(rendered, request, lambda _: None)
    pair = (BuiltFile(path.name, path.read_bytes()) for path in (artifacts.xclbin, artifacts.insts))
    return Built(rendered.texts["design.mlir"], *pair)


# The command line


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is where the command runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, design: str, code: str = GOOD_CODE) -> list[str]:
    (folder / "d.mlir").write_text(design)
    (folder / "tile.cc").write_text(code)
    return ["check", "d.mlir", "--tile-code", "tile.cc"]


def test_nothing_found_is_exit_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(write(folder, GOOD)) == 0
    assert capsys.readouterr().out == f"d.mlir: nothing found by {len(CHECKS)} checks\n"


def test_a_warning_is_exit_0_and_an_error_exit_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(write(folder, BAD_DESIGNS["TP403"])) == 0
    assert "warning TP403 (beyond-depth)" in capsys.readouterr().out
    assert main(write(folder, BAD_DESIGNS["TP303"])) == 1
    assert "error TP303 (not-whole-words)" in capsys.readouterr().out
    assert main(write(folder, BAD_DESIGNS["TP001"])) == 1
    assert main(write(folder, GOOD, BAD_CODE["TP503"])) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["none.mlir"],
        ["d.mlir", "--tile-code", "none.cc"],
        ["d.mlir", "--tile-code", "bytes.cc"],
        ["nokernel"],
        ["attention", "--tile-code", "tile.cc"],
        ["attention", "--set", "head=banana"],
        [],
    ],
)
def test_a_wrong_request_is_exit_2(arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, GOOD)
    (folder / "bytes.cc").write_bytes(b"\xff\xfe")

    assert main(["check", *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_kernel_is_checked_with_its_tile_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "attention", "--target", "npu2"]) == 0
    assert "attention: nothing found" in capsys.readouterr().out


def test_json_has_every_field_of_a_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*write(folder, BAD_DESIGNS["TP301"]), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)

    assert set(answer) == {"tileproof", "subject", "findings"}
    (finding,) = answer["findings"]
    assert set(finding) == {"id", "name", "severity", "what", "where", "place", "why", "fix"}
    assert (finding["id"], finding["severity"], finding["place"]["file"]) == ("TP301", "error", "d.mlir")


def test_sarif_has_rules_results_and_places(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*write(folder, BAD_DESIGNS["TP301"]), "--sarif"]) == 1
    log = json.loads(capsys.readouterr().out)

    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["tool"]["driver"]["name"] == "tileproof"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [entry.id for entry in CATALOGUE]
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("TP301", "error")
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "TP301"
    assert "there is no BD 16" in result["message"]["text"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "d.mlir"
    assert place["region"]["startLine"] == _line("id = 16", BAD_DESIGNS["TP301"])


def test_sarif_of_nothing_is_still_a_log() -> None:
    assert json.loads(as_sarif(()))["runs"][0]["results"] == []


def test_list_prints_the_catalogue(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--list"]) == 0
    assert capsys.readouterr().out == catalogue_as_markdown()
    assert main(["check", "--list", "--json"]) == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == [check.id for check in CHECKS]


def test_the_text_counts_errors_and_warnings() -> None:
    findings = found(BAD_DESIGNS["TP302"])

    assert as_text(findings, "d").endswith(f"d: 0 errors, 1 warning by {len(CHECKS)} checks")


def test_a_size_from_a_header_is_known_to_the_checks() -> None:
    code = TileCode("tile.cc", '#include "constants.hpp"\nvoid f() { int a[2 * rows]; }', {"constants.hpp": ROWS})

    assert [array.nbytes for function in code.functions for array in function.arrays] == [512]
    assert [array.nbytes for function in TileCode("t.cc", code.text).functions for array in function.arrays] == []


ROWS = "#pragma once\nconstexpr int rows = 64;\n"


def test_what_the_lowering_refuses_has_the_line_that_it_refuses() -> None:
    text = changed(('"scratch"', '"scratch", address = 100 : i32'))

    assert [str(one.place) for one in found(text)] == [f"d.mlir:{_line('%scratch = ', text)}:5"]
