"""Peano's assembly: bundles, inner loops, stack frames, and the cycles that come of them with the counts of a run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tileproof.__main__ import main
from tileproof.code_options import NO_OPTIONS, CodeOptions
from tileproof.emulator.cost.peano import ListedLoop, read_peano
from tileproof.emulator.cost.profile import CodeUse, LineUse, LoopUse
from tileproof.toolchain.peano import PEANO_FLAGS, peano_listings

DESIGNS = Path(__file__).parent / "designs"
RETURN = "\tret lr\n" + "".join(f"\tnop // Delay Slot {slot}\n" for slot in (5, 4, 3, 2, 1))
# As llc writes: a loop of the hardware, whose last bundle is behind a label.
HARDWARE = (
    """\
\t.file\t1 "/tile" "tile.cc"
\t.file\t2 "/headers" "aie_api/mul.hpp"
\t.globl\tscale
\t.type\tscale,@function
scale:                                  // @scale
// %bb.0:                               // %entry
\tpaddb [sp], #64; nopa ; nops ; nopxm ; nopv
\tmova r0, #0; movxm ls, #.LBB0_1
\tmovxm le, #.L_LEnd0
\tadd.nc lc, r5, #0
.LBB0_1:                                // %for.body
                                        // =>This Inner Loop Header: Depth=1
\t.loc\t1 5 9 is_stmt 1                  // tile.cc:5:9
\tvlda wl0, [p0], #32; vldb wh0, [p0], #32; nops ; nopx ; nopm ; vmac cm0, cm0, x0, x2, r0
\t.loc\t2 40 1
\tnopa ; nopb ; vst wl2, [p1], #32
.L_LEnd0:
\tnopa ; nopb ; nops ; nopx ; nopm ; vmac cm1, cm1, x1, x2, r0
// %bb.2:                               // %for.cond.cleanup
\t.loc\t1 7 1
"""
    + RETURN
    + """\
.Lfunc_end0:
\t.size\tscale, .Lfunc_end0-scale
"""
)
# The same loop by a jump with its five delay slots.
JUMP = (
    HARDWARE.replace("movxm ls, #.LBB0_1", "nopx")
    .replace("\tmovxm le, #.L_LEnd0\n", "")
    .replace("\tadd.nc lc, r5, #0\n", "")
    .replace(
        ".L_LEnd0:\n\tnopa ; nopb ; nops ; nopx ; nopm ; vmac cm1, cm1, x1, x2, r0\n",
        "\tjnz r5, #.LBB0_1\n" + "\tnop\n" * 5,
    )
)
LOOP = LoopUse(
    function="scale",
    file="tile.cc",
    line=5,
    turns=100,
    entries=1,
    interval=2,
    resource=2,
    recurrence=0,
    length=20,
    binding="LD",
    cycles=220,
    slots={"VEC": 1, "LD": 2},
    lines=(5,),
)
USE = CodeUse(
    core="the core on core (0, 2)",
    calls=1,
    slot_bound=100,
    expected=240,
    conflicts=0,
    slots={"VEC": 100},
    lines=(
        LineUse(file="tile.cc", line=5, cycles=220, slots={"VEC": 100}, runs=100),
        LineUse(file="tile.cc", line=7, cycles=1, slots={}, runs=1),
    ),
    loops=(LOOP,),
)


def test_a_loop_of_the_hardware_takes_its_bundles_for_each_turn():
    listed = read_peano({"tile.cc": HARDWARE}).of(USE)

    # Two products in a turn of the listing are two turns of the text.
    assert listed.loops == (ListedLoop(function="scale", file="tile.cc", line=5, interval=3, turns=2),)
    assert listed.stack_bytes == {"scale": 64}
    assert listed.cycles == 50 * 3 + 5 + 4 + 6


def test_a_loop_of_jumps_takes_its_delay_slots_too():
    listed = read_peano({"tile.cc": JUMP}).of(USE)

    (loop,) = listed.loops
    assert (loop.interval, loop.turns) == (2 + 1 + 5, 1)
    assert listed.cycles == 100 * 8 + 5 + 2 + 6


def test_tabs_stand_between_the_parts_of_a_slot_as_well():
    """Which FileCheck makes blanks of, and an assembly has."""
    for text in (HARDWARE, JUMP):
        tabs = "\n".join(re.sub(r"(?<=[a-z\d]) (?=[\[#\w])", "\t", line) for line in text.splitlines())
        assert tabs != text
        assert read_peano({"tile.cc": tabs}).of(USE) == read_peano({"tile.cc": text}).of(USE)


def test_a_loop_around_another_is_no_inner_one_and_its_own_bundles_run_as_often_as_their_lines():
    around = (
        HARDWARE.replace("scale:", "scale:", 1)
        .replace("// %bb.0:                               // %entry\n", "\tnop\n.LBB0_9:\n\t.loc\t1 4 1\n")
        .replace("\t.loc\t1 7 1\n", "\t.loc\t1 4 30\n\tjnz r6, #.LBB0_9\n" + "\tnop\n" * 5 + "\t.loc\t1 7 1\n")
    )
    outer = LineUse(file="tile.cc", line=4, cycles=9, slots={}, runs=10)
    use = replace(USE, lines=(*USE.lines, outer), loops=(replace(LOOP, entries=10),))
    listed = read_peano({"tile.cc": around}).of(use)

    assert [loop.line for loop in listed.loops] == [5]
    # 1 in front, 4 and 6 of the outer loop ten times, the inner one, and the return.
    assert listed.cycles == 1 + 10 * (4 + 6) + 50 * 3 + 10 * 5 + 6


def test_what_did_not_run_costs_nothing():
    nothing = replace(USE, lines=(), loops=())

    assert read_peano({"tile.cc": HARDWARE}).of(nothing).cycles == 0
    assert read_peano({"tile.cc": HARDWARE}).of(nothing).loops == ()


def test_a_text_that_is_no_listing_has_no_functions():
    assert read_peano({"tile.cc": "hello\n\x00 world"}).of(USE).cycles == 0


# The compiler


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """A Peano that says its version, and else does this in a shell; it writes down how it was called."""
    program = folder / "llvm-aie" / "bin" / "clang++"
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *--version*) echo "clang version 20.0.0"; exit 0;; esac\n'
        f'echo "$*" >> {folder}/called\nfor out; do :; done\n{does}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PEANO_INSTALL_DIR", str(folder / "llvm-aie"))


def test_each_file_is_compiled_as_a_build_compiles_it_and_with_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    install(tmp_path, monkeypatch, 'echo "made" > "$out"')
    texts = {"tile.cc": '#include "more.h"\n', "more.h": "", "other.cc": ""}

    assert peano_listings(texts, "aie2p", CodeOptions(("N=3",))) == {"tile.cc": "made\n", "other.cc": "made\n"}
    flags = " ".join((*PEANO_FLAGS, "--target=aie2p-none-unknown-elf", "-gline-tables-only"))
    assert (tmp_path / "called").read_text().splitlines() == [
        f"{flags} -DN=3 -S tile.cc -o tile.cc.s",
        f"{flags} -DN=3 -S other.cc -o other.cc.s",
    ]


def test_a_peano_that_does_not_compile_it_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    install(tmp_path, monkeypatch, 'echo "tile.cc:1:1: error: no such header"; exit 1')

    assert peano_listings({"tile.cc": ""}, "aie2", NO_OPTIONS) == (
        "not run (Peano does not compile tile.cc: tile.cc:1:1: error: no such header)"
    )


def test_without_peano_it_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PEANO_INSTALL_DIR", "/nowhere")

    assert peano_listings({"tile.cc": ""}, "aie2", NO_OPTIONS) == "not run (Peano is not here)"


def profiled(capsys: pytest.CaptureFixture[str], *more: str) -> str:
    command = ["profile", str(DESIGNS / "sum.mlir"), "--tile-code", str(DESIGNS / "tile.cc")]
    assert main([*command, "--arg", "0=random", "--arg", "1=zeros", *more]) == 0
    return capsys.readouterr().out


def test_the_profile_has_the_listing_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    line = next(
        n
        for n, text in enumerate((DESIGNS / "tile.cc").read_text().splitlines(), 1)
        if "sum[i] +=" in text or "sum[k] +=" in text
    )
    (tmp_path / "listing").write_text(HARDWARE.replace("\t.loc\t1 5 9", f"\t.loc\t1 {line} 9"))
    install(tmp_path, monkeypatch, f'cat {tmp_path}/listing > "$out"')

    text = profiled(capsys)
    assert "In Peano's listing, matched by lines\n" in text
    assert "\n  stack: scale 64 B\n" in text
    assert f"\n  tile.cc:{line} " in text.partition("In Peano's listing")[2]
    (core,) = json.loads(profiled(capsys, "--json"))["cores"]
    assert core["listing"]["cycles"] > 0
    assert core["listing"]["stack_bytes"] == {"scale": 64}


def test_the_profile_says_why_there_is_no_listing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("PEANO_INSTALL_DIR", "/nowhere")

    assert ", from Peano's listing: not run (Peano is not here)\n" in profiled(capsys)
    assert json.loads(profiled(capsys, "--json"))["cores"][0]["listing"] is None
