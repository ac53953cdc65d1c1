"""Rendering: a pure function of spec, constants and templates, which refuses every name that nobody defines."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tileproof import library
from tileproof.cli import main
from tileproof.errors import Problem
from tileproof.kernel.golden import kernel_constants
from tileproof.kernel.render import render
from tileproof.kernel.spec import KernelSpec, load_spec
from tileproof.mlir.reader import read_design

KERNELS = Path(__file__).parents[1] / "kernels"
NAMES = ("attention", "mel")

SMALL = """\
name = "double"
about = "twice the input"
targets = ["npu1"]
sizes = { rows = 4 }
core = { function = "double_i8", scratch = [{ name = "scratch", dtype = "i32", shape = [16] }] }
tolerance = { y = { absolute = 0, because = "integers" } }
cases = [{ name = "ramp", draw = "ramp" }]

[[buffers]]
name = "x"
way = "in"
dtype = "i8"
parts = [{ name = "x", shape = ["rows"], scale = 0.5 }]

[[buffers]]
name = "y"
way = "out"
dtype = "i16"
depth = 3
parts = [{ name = "y", shape = ["rows"], scale = 0.5 }]
"""


def small_spec(folder: Path, old: str = "", new: str = "") -> KernelSpec:
    assert old in SMALL
    (folder / "kernel.toml").write_text(SMALL.replace(old, new, 1) if old else SMALL)
    return load_spec(folder)


def rendered(kernel: Path, target: str = "npu1", overrides: Mapping[str, int] | None = None) -> dict[str, str]:
    spec = load_spec(kernel, overrides)
    return render(spec, target, kernel_constants(spec), library.source_texts(kernel))


def refusal(spec: KernelSpec, templates: Mapping[str, str], constants: Mapping[str, Any] | None = None) -> Problem:
    with pytest.raises(Problem) as refused:
        render(spec, "npu1", constants or {}, templates)
    return refused.value


# Equal input, equal bytes


@pytest.mark.parametrize("name", NAMES)
def test_the_folder_a_kernel_lies_in_does_not_change_a_byte(tmp_path: Path, name: str) -> None:
    copy = tmp_path / "another folder" / "of_another_name"
    shutil.copytree(KERNELS / name, copy)

    assert rendered(copy) == rendered(KERNELS / name)


@pytest.mark.parametrize("name", NAMES)
def test_another_user_with_another_hash_seed_renders_the_same_bytes(tmp_path: Path, name: str) -> None:
    texts = []
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "tileproof", "render", name]
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "LC_ALL": "C",
            "TZ": f"UTC{seed}",
            "USER": f"user{seed}",
            "HOSTNAME": f"machine{seed}",
        }
        texts.append(subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True).stdout)

    assert texts[0] == texts[1]
    assert texts[0].decode().count("// ==== ") == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_render_names_no_path_and_no_date(name: str) -> None:
    everything = "\n".join(rendered(KERNELS / name).values())

    assert str(KERNELS.parent) not in everything
    assert str(Path.home()) + "/" not in everything
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b", everything)


@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_renders_its_design_and_its_tile_code_and_no_parts(name: str) -> None:
    texts = rendered(KERNELS / name)

    assert list(texts) == ["constants.hpp", "design.mlir", "tile.cc"]
    assert '#include "constants.hpp"' in texts["tile.cc"]
    assert 'extern "C"' in texts["tile.cc"]
    assert load_spec(KERNELS / name).core.function in texts["tile.cc"]
    assert not re.search(r"^\s*%%|\$\{|%#", "\n".join(texts.values()), re.MULTILINE)


@pytest.mark.parametrize("target", ["npu1", "npu2"])
def test_the_target_is_the_device_of_the_design(target: str) -> None:
    assert read_design(rendered(KERNELS / "attention", target)["design.mlir"], "d").device.generation == target


# What the shipped designs say


@pytest.mark.parametrize(
    ("name", "fifos"),
    [
        ("attention", [("qkv", "memref<12288xi8>", "in"), ("out", "memref<4096xi8>", "out")]),
        ("mel", [("samples", "memref<400xi16>", "in"), ("bands", "memref<80xi8>", "out")]),
    ],
)
def test_the_design_of_a_shipped_kernel_has_its_buffers_as_fifos(name: str, fifos: list[tuple[str, str, str]]) -> None:
    design = read_design(rendered(KERNELS / name)["design.mlir"], "design.mlir")
    ways = {("shim", "core"): "in", ("core", "shim"): "out"}

    assert [(f.name, str(f.element), ways[f.producer.kind, f.consumers[0].kind]) for f in design.fifos] == fifos
    assert all(len(fifo.consumers) == 1 and set(fifo.depths) == {2} for fifo in design.fifos)


@pytest.mark.parametrize("name", NAMES)
def test_the_sequence_of_a_shipped_kernel_moves_each_buffer_whole_and_once(name: str) -> None:
    spec = load_spec(KERNELS / name)
    design = read_design(rendered(KERNELS / name)["design.mlir"], "design.mlir")
    moved = re.findall(r"dma_memcpy_nd\(%(\w+)\[.*?\]\[1, 1, 1, (\d+)\]", rendered(KERNELS / name)["design.mlir"])

    assert sorted((buffer, int(count)) for buffer, count in moved) == sorted((b.name, b.count) for b in spec.buffers)
    assert len(design.sequences) == 1


def test_a_design_has_the_depth_and_the_stack_size_of_the_spec(tmp_path: Path) -> None:
    spec = small_spec(tmp_path, 'function = "double_i8",', 'function = "double_i8", stack_size = 1536,')
    text = render(spec, "npu1", {}, {"design.mlir.j2": library.source_texts(tmp_path)["design.mlir.j2"]})
    design = read_design(text["design.mlir"], "design.mlir")

    assert [(fifo.name, set(fifo.depths)) for fifo in design.fifos] == [("x", {2}), ("y", {3})]
    assert [core.stack_size for core in design.cores] == [1536]


def test_an_about_of_two_lines_stays_a_comment(tmp_path: Path) -> None:
    try:
        small_spec(tmp_path, '"twice the input"', '"""twice\nthe input"""')
    except Problem as problem:
        assert "about" in problem.what  # noqa: PT017  to refuse it is as good
        return
    text = rendered(tmp_path)["design.mlir"]

    assert read_design(text, "design.mlir").fifos


# --set


def test_setting_a_size_changes_the_text() -> None:
    wide, narrow = rendered(KERNELS / "attention"), rendered(KERNELS / "attention", overrides={"head": 32})

    assert wide["design.mlir"] != narrow["design.mlir"]
    assert "memref<6144xi8>" in narrow["design.mlir"]
    assert "constexpr int head = 32;" in narrow["constants.hpp"]


def test_the_command_shows_a_variant(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["render", "attention", "--set", "head=32"])
    shown = capsys.readouterr().out
    texts = rendered(KERNELS / "attention", overrides={"head": 32})

    assert code == 0
    assert all(text in shown for text in texts.values())


# Which templates


def test_a_part_is_used_but_never_rendered_alone(tmp_path: Path) -> None:
    templates = {
        "_greet.j2": "%% macro greet(name)\nhello ${name}\n%% endmacro\n",
        "a.txt.j2": '%% import "_greet.j2" as parts\n${parts.greet(kernel)}',
    }

    assert render(small_spec(tmp_path), "npu1", {}, templates) == {"a.txt": "hello double\n"}


def test_a_kernels_own_template_overrides_the_shared_one(tmp_path: Path) -> None:
    (tmp_path / "design.mlir.j2").write_text("// my own ${kernel}\n")
    small_spec(tmp_path)
    texts = rendered(tmp_path)

    assert texts["design.mlir"] == "// my own double\n"


def test_mlirs_own_braces_and_percent_signs_are_left_alone(tmp_path: Path) -> None:
    text = "aie.objectfifo @x(%shim, {%tile}, 2 : i32) {a = #b} // {{ rows }} {# no #} <% %> [%0]\n"

    assert render(small_spec(tmp_path), "npu1", {}, {"a.mlir.j2": text})["a.mlir"] == text


def test_a_template_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tile.cc.j2").write_bytes(b"// f\xfcr\n")

    with pytest.raises(Problem) as refused:
        library.source_texts(tmp_path)

    assert (
        str(refused.value)
        == f"""\
error: tile.cc.j2 is not text
  where: {tmp_path / "tile.cc.j2"}
  why:   byte 4 is not UTF-8
  fix:   save the file as UTF-8"""
    )


@pytest.mark.parametrize("name", ["two words.cc.j2", "a;b.j2", "$HOME.j2", "a b.cc"])
def test_a_template_whose_name_no_command_line_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")

    with pytest.raises(Problem) as refused:
        library.source_texts(tmp_path)

    assert (
        str(refused.value)
        == f"""\
error: the file {name!r} needs a plainer name
  where: {tmp_path / name}
  why:   its name becomes a file of the build, and a word of a command line
  fix:   use letters, digits, _ - and ., and no - at its beginning"""
    )


# Mistakes in templates

KNOWN = (
    "about, call_values, function, inputs, kernel, numbers, outputs, parameters, rows, scratch, sequence_arguments, "
    "stack_size, tables, target, transfers"
)


def test_a_name_that_nobody_defines_is_refused_with_template_and_line(tmp_path: Path) -> None:
    problem = refusal(small_spec(tmp_path), {"tile.cc.j2": "int a;\nint b = ${row};\n"})

    assert (
        str(problem)
        == """\
error: double: template tile.cc.j2 uses a name that nobody defines
  where: tile.cc.j2, line 2
  why:   'row' is undefined
  fix:   did you mean 'rows'?"""
    )


def test_an_attribute_that_nobody_defines_is_refused_with_template_and_line(tmp_path: Path) -> None:
    template = "%% for buffer in inputs\n${buffer.name}\n${buffer.shape}\n%% endfor\n"
    problem = refusal(small_spec(tmp_path), {"tile.cc.j2": template})

    assert problem.where == "tile.cc.j2, line 3"
    assert problem.why == "'dict object' has no attribute 'shape'"


def test_an_undefined_name_in_a_part_is_found_in_the_part(tmp_path: Path) -> None:
    templates = {"_part.j2": "\n\n\n${row}\n", "tile.cc.j2": '%% include "_part.j2"\n'}

    assert refusal(small_spec(tmp_path), templates).where == "_part.j2, line 4"


def test_an_undefined_name_in_a_condition_is_refused(tmp_path: Path) -> None:
    """Jinja's default takes it for false."""
    problem = refusal(small_spec(tmp_path), {"tile.cc.j2": "\n%% if tiled\nx\n%% endif\n"})

    assert (problem.where, problem.why) == ("tile.cc.j2, line 2", "'tiled' is undefined")


def test_a_syntax_error_is_refused_with_template_and_line(tmp_path: Path) -> None:
    problem = refusal(small_spec(tmp_path), {"tile.cc.j2": "x\n%% for row in\n"})

    assert (
        str(problem)
        == """\
error: double: template tile.cc.j2 cannot be read
  where: tile.cc.j2, line 2
  why:   Expected an expression, got 'end of statement block'
  fix:   statements are lines that begin with %%, comments begin with %#, values are ${...}"""
    )


def test_a_syntax_error_in_a_part_names_the_part(tmp_path: Path) -> None:
    templates = {"_part.j2": "x\n\n%% endfor\n", "tile.cc.j2": '%% include "_part.j2"\n'}
    problem = refusal(small_spec(tmp_path), templates)

    assert problem.where == "_part.j2, line 3"
    assert "_part.j2" in problem.what


def test_a_part_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    problem = refusal(small_spec(tmp_path), {"tile.cc.j2": '\n%% include "_tabels.j2"\n'})

    assert "_tabels.j2" in str(problem)
    assert "tile.cc.j2" in problem.what


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("1 // 0", id="division by zero"),
        pytest.param("kernel + 1", id="text plus number"),
        pytest.param("inputs.pop(9)", id="index out of range"),
        pytest.param("inputs[0].pop('zzz')", id="key that is not there"),
        pytest.param("kernel.encode('zzz')", id="unknown encoding"),
    ],
)
def test_an_expression_that_fails_is_refused_with_template_and_line(tmp_path: Path, expression: str) -> None:
    problem = refusal(small_spec(tmp_path), {"tile.cc.j2": f"\n${{{expression}}}\n"})

    assert problem.what == "double: template tile.cc.j2 failed"
    assert problem.where == "tile.cc.j2, line 2"


def test_a_template_that_includes_itself_is_refused(tmp_path: Path) -> None:
    assert "tile.cc.j2" in str(refusal(small_spec(tmp_path), {"tile.cc.j2": '%% include "tile.cc.j2"\n'}))


# Names that clash


def test_a_size_may_not_be_called_as_the_context_is(tmp_path: Path) -> None:
    spec = small_spec(tmp_path, "rows = 4", "rows = 4, kernel = 3")

    assert (
        str(refusal(spec, {}))
        == f"""\
error: double: the name 'kernel' is taken
  where: {tmp_path / "kernel.toml"}
  why:   a template would see two meanings of it
  fix:   give the size or the constant another name"""
    )


@pytest.mark.parametrize("name", ["inputs", "target", "transfers", "stack_size", "rows"])
def test_a_constant_may_not_be_called_as_the_context_or_a_size_is(tmp_path: Path, name: str) -> None:
    assert (
        str(refusal(small_spec(tmp_path), {}, {name: 4}))
        == f"""\
error: double: the name {name!r} is taken
  where: {tmp_path / "constants.py"}
  why:   a template would see two meanings of it
  fix:   give the size or the constant another name"""
    )


# Scratch


def test_scratch_has_the_shape_that_numbers_sizes_and_constants_say(tmp_path: Path) -> None:
    spec = small_spec(tmp_path, "shape = [16]", 'shape = [2, "rows", "lanes"]')
    texts = render(spec, "npu1", {"lanes": 8}, {"a.j2": "${scratch[0].memref} ${scratch[0].count}"})

    assert texts == {"a": "memref<2x4x8xi32> 64"}


@pytest.mark.parametrize("constants", [{}, {"lanes": 96.0}, {"lanes": "96"}, {"lanes": True}], ids=str)
def test_scratch_of_an_extent_that_is_no_whole_number_is_refused(tmp_path: Path, constants: dict[str, object]) -> None:
    spec = small_spec(tmp_path, "shape = [16]", 'shape = ["lanes"]')

    assert (
        str(refusal(spec, {}, constants))
        == f"""\
error: double: the shape of scratch 'scratch' names 'lanes', which nobody defines
  where: {tmp_path / "kernel.toml"}, [core.scratch scratch] shape
  why:   whole numbers that are defined: rows
  fix:   return 'lanes' from constants.py, or write a number of elements"""
    )


@pytest.mark.parametrize("extent", [0, -4])
def test_scratch_of_no_elements_is_refused(tmp_path: Path, extent: int) -> None:
    spec = small_spec(tmp_path, "shape = [16]", f"shape = [16, {extent}]")

    assert (
        str(refusal(spec, {}))
        == f"""\
error: double: the shape of scratch 'scratch' has an extent below 1
  where: {tmp_path / "kernel.toml"}, [core.scratch scratch] shape
  why:   it is {extent}
  fix:   make it positive"""
    )


def test_scratch_of_no_whole_words_is_refused(tmp_path: Path) -> None:
    spec = small_spec(tmp_path, 'dtype = "i32", shape = [16]', 'dtype = "i16", shape = [3]')

    assert (
        str(refusal(spec, {}))
        == f"""\
error: double: scratch 'scratch' cannot be 6 bytes
  where: {tmp_path / "kernel.toml"}, [core.scratch scratch] shape
  why:   a buffer of a core is a whole number of 32-bit words
  fix:   round the shape up"""
    )


# The header of sizes and constants


def constants_header(folder: Path, constants: dict[str, object]) -> str:
    spec = small_spec(folder)
    return render(spec, "npu1", constants, library.source_texts(folder))["constants.hpp"]


def test_the_header_has_sizes_whole_numbers_and_arrays_and_leaves_out_the_rest(tmp_path: Path) -> None:
    constants = {"shift": -3, "wide": 2**40, "table": array("h", range(17)), "half": 0.5, "plain": [1, 2], "on": True}

    assert (
        constants_header(tmp_path, constants)
        == """\
// The sizes of double in kernel.toml, and the whole numbers and tables of its constants.py.
#pragma once
#include <cstdint>

constexpr int rows = 4;
constexpr int shift = -3;
constexpr int64_t wide = 1099511627776;
alignas(64) constexpr int16_t table[17] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    16,
};

"""
    )


def test_a_table_of_a_type_that_the_device_does_not_have_is_refused(tmp_path: Path) -> None:
    assert (
        str(refusal(small_spec(tmp_path), {}, {"table": array("d", [0.5])}))
        == f"""\
error: double: the table 'table' cannot be an array of type 'd'
  where: {tmp_path / "constants.py"}
  why:   the device has b (int8_t), h (int16_t), i (int32_t), q (int64_t), f (float), B (uint8_t), H (uint16_t), \
I (uint32_t), Q (uint64_t)
  fix:   return array("i", ...) for 'table', or a list, which tile code does not see"""
    )


# A kernel's own C++


def test_a_kernels_own_cpp_is_copied_as_it_is(tmp_path: Path) -> None:
    small_spec(tmp_path)
    text = "// ${rows} stays\n%% so does this\n"
    for name in ("tile.cc", "own.hpp", "_own.h"):
        (tmp_path / name).write_text(text)
    texts = rendered(tmp_path)

    assert {name: texts[name] for name in ("tile.cc", "own.hpp", "_own.h")} == dict.fromkeys(
        ("tile.cc", "own.hpp", "_own.h"), text
    )


def test_a_kernels_own_header_overrides_the_shared_template(tmp_path: Path) -> None:
    small_spec(tmp_path)
    (tmp_path / "constants.hpp").write_text("// mine\n")

    assert rendered(tmp_path)["constants.hpp"] == "// mine\n"


def test_a_file_and_a_template_for_it_are_one_too_many(tmp_path: Path) -> None:
    for name in ("tile.cc", "tile.cc.j2"):
        (tmp_path / name).write_text("")

    with pytest.raises(Problem) as refused:
        library.source_texts(tmp_path)

    assert (
        str(refused.value)
        == f"""\
error: there are two tile.cc
  where: {tmp_path}
  why:   a build would take it from tile.cc and from tile.cc.j2
  fix:   remove one of them"""
    )
