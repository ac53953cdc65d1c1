"""A build is data: what it says, and what its digest covers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_kernel import write_kernel

from tileproof.build.plan import Plan, compile_commands
from tileproof.build.plan_host import plan_host_build
from tileproof.build.prepare import render_kernel
from tileproof.build.request import BuildRequest
from tileproof.toolchain.cxx import CxxCompiler

GCC = CxxCompiler(("/somewhere/g++",), "g++ 12.2.0", is_clang=False)


def plan(folder: Path, cxx: CxxCompiler = GCC, python: str = "/here/python", **overrides: object) -> Plan:
    request = BuildRequest(kernels=write_kernel(folder, **overrides))  # type: ignore[arg-type]
    rendered = render_kernel("double", request)
    return plan_host_build(rendered.spec, request.target, rendered.texts, cxx, python)


def test_equal_input_gives_an_equal_digest_wherever_it_lies(tmp_path: Path) -> None:
    here = plan(tmp_path / "a", python="/here/python")
    there = plan(tmp_path / "b", CxxCompiler(("/elsewhere/g++",), "g++ 12.2.0", is_clang=False), "/there/python")

    assert here.digest == there.digest


@pytest.mark.parametrize(
    "change",
    [
        lambda p: replace(p, files={**p.files, "tile.cc": p.files["tile.cc"] + "\n"}),
        lambda p: replace(p, target="npu2"),
        lambda p: replace(p, tools={**p.tools, "cxx": "g++ 13.1.0"}),
        lambda p: replace(p, steps=(replace(p.steps[0], command=p.steps[0].command + " -g"), *p.steps[1:])),
        lambda p: replace(p, steps=p.steps[1:]),
    ],
    ids=["text", "target", "compiler version", "flag", "missing step"],
)
def test_everything_that_decides_the_result_is_in_the_digest(tmp_path: Path, change: object) -> None:
    before = plan(tmp_path)

    assert callable(change)
    assert change(before).digest != before.digest


def test_no_step_names_a_folder_of_this_machine(tmp_path: Path) -> None:
    for step in plan(tmp_path).steps:
        assert "/" not in step.command.replace("-include aie_api/prelude.hpp", "")
        assert step.outputs


def test_every_input_of_a_step_is_a_file_of_the_plan_or_made_by_an_earlier_step(tmp_path: Path) -> None:
    made = plan(tmp_path)
    known = set(made.files)
    for step in made.steps:
        assert set(step.inputs) <= known
        known |= set(step.outputs)

    assert {made.xclbin, made.insts} <= known


def test_compile_commands_have_an_entry_for_the_tile_code_with_no_variable_left(tmp_path: Path) -> None:
    entries = {entry["file"]: entry for entry in compile_commands(plan(tmp_path), Path("/build"))}

    assert "$" not in entries["tile.cc"]["command"]
    assert entries["tile.cc"]["command"].startswith("/somewhere/g++ -std=c++20")
    assert entries["tile.cc"]["directory"] == "/build"


def test_the_flags_that_a_compiler_is_named_with_are_in_the_digest(tmp_path: Path) -> None:
    flagged = CxxCompiler(("/somewhere/g++", "-DX"), "g++ 12.2.0", is_clang=False)

    assert plan(tmp_path, flagged).digest != plan(tmp_path).digest


def test_clang_is_told_to_check_accesses_in_its_own_words(tmp_path: Path) -> None:
    clang = CxxCompiler(("clang++",), "clang version 17", is_clang=True)

    assert "-mllvm -asan-stack=1" in plan(tmp_path, clang).steps[0].command
    assert "--param=asan-stack=1" in plan(tmp_path).steps[0].command
