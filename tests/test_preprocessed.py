"""Tile code as the preprocessor leaves it: the checks read the branches that are compiled, macros and includes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from small_kernel import write_kernel

from tileproof.check.run import check_design
from tileproof.check.tile_code import TileCode
from tileproof.cli import main
from tileproof.diagnostic import Diagnostic
from tileproof.library import data_dir, include_dir
from tileproof.toolchain.noted import note
from tileproof.toolchain.preprocessed import Piece, own_pieces

DESIGN = (data_dir("examples") / "design.mlir").read_text()  # calls step(x, y, scratch), all of i32
STEP = 'extern "C" void step(int32_t *x, int32_t *y, int32_t *scratch) { y[0] = x[0] + scratch[0]; }\n'

BRANCHES = """\
#include <cstdint>
#define BITS 32
extern "C" {
#if BITS == 8
void step(int8_t *x, int8_t *y, int8_t *scratch) { y[0] = x[0] + scratch[0]; }
#elif BITS == 32
void step(int32_t *x, int32_t *y, int32_t *scratch) { y[0] = x[0] + scratch[0]; }
#else
void step(long *x) { x[0] = 1; }
#endif
}
"""
MACROS = """\
#include <cstdint>
#define step_of(name, type) void name(type *x, type *y, type *scratch) { y[0] = x[0] + scratch[0]; }
#define all_of(make) make(step, int32_t) make(other, int8_t)
extern "C" {
all_of(step_of)
}
"""
ON_SEVERAL_LINES = """\
#include <cstdint>
#define function_of(name, type)              \\
    void name(type *x, type *y, type *scratch) { \\
        y[0] = x[0] + scratch[0];            \\
    }
extern "C" {
function_of(
    step,
    int32_t
)
}
"""
RENAMED = '#include <cstdint>\n#define FN step\nextern "C" void FN(int32_t *x, int32_t *, int32_t *) { *x = 1; }\n'
JOINED = (
    "#include <cstdint>\n#define named(a, b) a##b\n"
    'extern "C" void named(st, ep)(int32_t *x, int32_t *, int32_t *) { *x = 1; }\n'
)
CHOSEN_TYPE = (
    "#include <cstdint>\n#ifdef SMALL\nusing element = int8_t;\n#else\nusing element = int32_t;\n#endif\n"
    'extern "C" void step(element *x, element *y, element *) { *y = *x; }\n'
)
OTHER_COMPILER = f"#include <cstdint>\n#ifdef __chess__\nlong only_there(long x) {{ return x; }}\n#endif\n{STEP}"
LARGE_IN_ANOTHER_BRANCH = (
    "#include <cstdint>\n#ifdef LARGE\n#define COUNT 4096\n#else\n#define COUNT 8\n#endif\n"
    'extern "C" void step(int32_t *x, int32_t *y, int32_t *) {\n'
    "    int32_t kept[COUNT];\n    for (int i = 0; i < COUNT; ++i) kept[i] = x[i];\n    y[0] = kept[x[0] & 7];\n}\n"
)
GOOD = {
    "one function in three branches": BRANCHES,
    "functions that a macro makes": MACROS,
    "a macro on several lines": ON_SEVERAL_LINES,
    "a name that a macro gives": RENAMED,
    "a name that ## makes": JOINED,
    "a type that a branch chooses": CHOSEN_TYPE,
    "what another compiler compiles": OTHER_COMPILER,
    "an array that is large in another branch": LARGE_IN_ANOTHER_BRANCH,
}


def found(code: str, headers: Mapping[str, str] | None = None, **of: object) -> tuple[Diagnostic, ...]:
    return check_design(DESIGN, "d.mlir", {"tile.cc": code}, headers=headers or {}, compile_code=True, **of)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", GOOD.values(), ids=GOOD)
def test_nothing_is_found_in_what_is_good_as_it_is_compiled(code: str) -> None:
    assert found(code) == ()


def places(findings: tuple[Diagnostic, ...]) -> list[tuple[str, str]]:
    return [(finding.id, str(finding.place)) for finding in findings]


# What is wrong in the branch that is compiled, and in what a macro makes, is found at its line: what is changed in a
# good one, and what is found.
WRONG = {
    "a parameter less": (
        BRANCHES,
        {", int32_t *scratch)": ")", "x[0] + scratch[0]; }\n#else": "x[0]; }\n#else"},
        ("TP503", "tile.cc:7:6"),
    ),
    "another type": (BRANCHES, {"int32_t *scratch": "int16_t *scratch"}, ("TP504", "tile.cc:7:6")),
    "the branch of another width": (BRANCHES, {"BITS 32": "BITS 8"}, ("TP504", "tile.cc:5:6")),
    "no C linkage": (BRANCHES, {'extern "C" {': "namespace n {"}, ("TP502", "tile.cc:7:6")),
    "another type from a macro": (MACROS, {"make(step, int32_t)": "make(step, int16_t)"}, ("TP504", "tile.cc:5")),
    "a parameter less from a macro": (
        ON_SEVERAL_LINES,
        {", type *scratch": "", " + scratch[0]": ""},
        ("TP503", "tile.cc:7"),
    ),
    "a long in the branch": (OTHER_COMPILER, {"#ifdef __chess__": "#ifndef __chess__"}, ("TP507", "tile.cc:3:1")),
    "an array that is large": (LARGE_IN_ANOTHER_BRANCH, {"#ifdef LARGE": "#ifndef LARGE"}, ("TP202", "tile.cc:8:13")),
}


@pytest.mark.parametrize(("code", "changes", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_as_it_is_compiled_is_found_at_its_line(
    code: str, changes: Mapping[str, str], expected: tuple[str, str]
) -> None:
    for right, wrong in changes.items():
        assert right in code
        code = code.replace(right, wrong)

    assert expected in places(found(code))


# What is included


def test_a_function_of_an_included_file_counts_and_is_found_where_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "step.cc").write_text("#include <cstdint>\n" + STEP)
    code = {"tile.cc": '#include "step.cc"\n'}

    good = check_design(DESIGN, "d.mlir", code, folders={"tile.cc": tmp_path}, compile_code=True)
    (tmp_path / "step.cc").write_text("#include <cstdint>\n" + STEP.replace("int32_t *x", "int8_t *x"))
    wrong = check_design(DESIGN, "d.mlir", code, folders={"tile.cc": tmp_path}, compile_code=True)

    assert good == ()
    assert places(wrong) == [("TP504", f"{tmp_path / 'step.cc'}:2")]


def test_a_header_of_the_kernel_is_read_with_what_includes_it_and_has_its_own_lines() -> None:
    code = f'#include <cstdint>\n#include "table.hpp"\n{STEP.replace("scratch[0]", "sum()")}'
    header = "#pragma once\ninline int32_t sum() {\n    static const long table[] = {1, 2};\n    return table[0];\n}\n"

    assert places(found(code, {"table.hpp": header})) == [("TP507", "table.hpp:3:18")]


def test_arrays_of_an_included_function_count_for_the_stack_of_its_caller(tmp_path: Path) -> None:
    header = (
        "inline int32_t last(const int32_t *x) { int32_t kept[512]; kept[x[0] & 511] = 1; return kept[x[1] & 511]; }\n"
    )
    code = f'#include <cstdint>\n#include "last.hpp"\n{STEP.replace("scratch[0]", "last(scratch)")}'

    assert places(found(code, {"last.hpp": header})) == [("TP202", "last.hpp:1:49")]


# Without a compiler


def test_without_a_compiler_the_text_is_read_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/no/such/compiler")
    said: list[str] = []

    findings = found(BRANCHES, say=said.append)

    assert {finding.id for finding in findings} == {"TP503", "TP504", "TP507"}
    assert said == [
        "the tile code is read as text, every branch of an #if and no macro: "
        "the C++ compiler that $CXX names does not run"
    ]


def test_tile_code_that_the_preprocessor_refuses_is_read_as_text_and_why_is_said() -> None:
    said: list[str] = []

    assert found(f'#include <cstdint>\n#include "missing.hpp"\n{STEP}', say=said.append) == ()
    (line,) = said
    assert line.startswith("the tile code is read as text, every branch of an #if and no macro: ")
    assert "refuses tile.cc: tile.cc:2:10: fatal error: " in line
    assert "missing.hpp" in line


def test_what_is_preprocessed_and_does_not_compile_is_checked_all_the_same() -> None:
    assert note({"tile.cc": BRANCHES + "int f() { return nobody; }\n"}, 20).left.keys() == {"tile.cc"}
    assert found(BRANCHES + "int f() { return nobody; }\n") == ()


def test_check_says_on_standard_error_that_it_reads_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "d.mlir").write_text(DESIGN)
    (tmp_path / "tile.cc").write_text("#include <cstdint>\n" + STEP)
    monkeypatch.setenv("CXX", "/no/such/compiler")
    asked = ["check", str(tmp_path / "d.mlir"), "--tile-code", str(tmp_path / "tile.cc")]

    assert main(asked) == 0
    out = capsys.readouterr()
    assert f"{tmp_path / 'd.mlir'}: nothing found by " in out.out
    assert out.err.startswith("the tile code is read as text, ")


def test_check_finds_what_tile_code_in_another_folder_includes_from_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "d.mlir").write_text(DESIGN)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "tile.cc").write_text('#include "part.cc"\n')
    (tmp_path / "code" / "part.cc").write_text(BRANCHES.replace("BITS 32", "BITS 8"))

    assert main(["check", str(tmp_path / "d.mlir"), "--tile-code", str(tmp_path / "code" / "tile.cc")]) == 1
    out = capsys.readouterr()
    assert f"where: {tmp_path / 'code' / 'part.cc'}:5" in out.out
    assert out.err == ""


def test_check_names_headers_and_what_the_compiler_notes_by_their_paths(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = "int unset;\n    if (x[0] > 0) unset = x[1];\n    y[0] = unset + wide(x[2]);"
    folder = write_kernel(tmp_path, body=body, head='#include "wide.hpp"') / "double"
    (folder / "wide.hpp").write_text("inline int wide(long x) { return int(x); }\n")
    text = (folder / "tile.cc.j2").read_text().replace("${count}", "64").replace("${function}", "double_tile")
    (folder / "tile.cc.j2").rename(folder / "tile.cc").write_text(text)

    main(["check", "double", "--kernels", str(folder.parent), "--json"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    places = {found["id"]: (found["place"]["file"], found["place"]["line"]) for found in findings}

    assert places["TP507"] == (str(folder / "wide.hpp"), 1)
    assert places["TP506"][0] == str(folder / "tile.cc")


# Line markers

LEFT = """\
# 0 "./a.cc"
# 1 "<built-in>"
#define never here
# 1 "a.cc"
# 1 "/usr/include/stdint.h" 1 3 4
typedef int int32_t;
# 2 "./a.cc" 2
int x =
# 2 "./a.cc" 3 4
(0)
# 2 "./a.cc"
;
# 1 "with \\"quotes\\" and \\303\\251.hpp" 1
int y;
# 1 "OURS/aie_api/aie.hpp" 1
int z;
"""


def test_pieces_are_of_a_users_files_with_the_words_that_a_systems_macro_puts_there() -> None:
    assert list(own_pieces(LEFT.replace("OURS", str(include_dir())), "code/a.cc")) == [
        Piece("code/a.cc", 2, "int x =\n"),
        Piece("code/a.cc", 2, "(0)\n"),
        Piece("code/a.cc", 2, ";\n"),
        Piece('with "quotes" and \u00e9.hpp', 1, "int y;\n"),
    ]
    assert list(own_pieces("", "a.cc")) == []


def test_columns_are_those_of_the_text_and_none_for_what_a_macro_has_made() -> None:
    text = "#define ONE 1\nint  a =   ONE , ba , a2;  // a\n"
    left = '# 0 "t.cc"\n# 1 "t.cc"\n\nint a = 1 , ba , a2;\n'

    found = [(token.text, token.place.line, token.place.column) for token in TileCode("t.cc", text, left=left).tokens]

    assert found == [
        *(("int", 2, 1), ("a", 2, 6), ("=", 2, 8), ("1", 2, 0), (",", 2, 16), ("ba", 2, 18), (",", 2, 21)),
        *(("a2", 2, 23), (";", 2, 25)),
    ]
