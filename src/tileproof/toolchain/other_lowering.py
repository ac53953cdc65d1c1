"""A design lowered by the mlir-aie that is here, to be compared with ours."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tileproof.errors import EXIT_KERNEL_WRONG, EXIT_NOT_HERE, Problem
from tileproof.lowering.against import Layout, differences, our_layout, their_layout, word_differences
from tileproof.lowering.held import lowered_as
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.printer import respelled
from tileproof.mlir_aie import State
from tileproof.toolchain.aiecc import STATE_OF, AieccCall, Dialect, insts_flags, pipeline
from tileproof.toolchain.mlir_aie import dialect_of_tool, probe
from tileproof.toolchain.tool import Absence, Tool, ask, first_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`state` is the mlir-aie that was asked, `theirs` what it made, with how many instruction words; `differences` one
    sentence each."""

    state: State
    theirs: Layout
    words: int
    differences: tuple[str, ...]


def compare_lowerings(text: str, name: str, environ: Mapping[str, str] = os.environ) -> Comparison:
    """Both lowerings of the design in `text`; a `Problem` if one of them refuses it, or if there is no mlir-aie."""
    aiecc, aie_opt = _tools(environ)
    dialect = dialect_of_tool(aiecc, environ)
    state = STATE_OF[dialect]
    here = lowered_as(text, name, state)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "aie.mlir").write_text(respelled(text, name, state))
        passes = f"--pass-pipeline={pipeline(state, objects=True, addresses=True)}"
        answer = ask([*aie_opt.command, passes, "aie.mlir", "-o", "lowered.mlir"], environ, folder)
        lowered = folder / "lowered.mlir"
        if answer.code != 0 or not lowered.is_file():
            raise _refused(state, name, answer.text, "does not lower")
        theirs = their_layout(lowered.read_text(), "lowered.mlir")
        words = _words(aiecc, dialect, environ, folder, name) if here.sequences else None
    told = differences(our_layout(here), theirs)
    if words is not None:
        told += word_differences(sequence_words(here, main_sequence(here)), words)
    return Comparison(state=state, theirs=theirs, words=len(words or b"") // 4, differences=told)


def _words(aiecc: Tool, dialect: Dialect, environ: Mapping[str, str], folder: Path, name: str) -> bytes:
    """The instructions that aiecc makes of it; it is asked for nothing else, so that tile code need not be there."""
    peano = probe(environ)["peano"]
    root = str(Path(peano.command[-1]).parents[1]) if isinstance(peano, Tool) else ""
    call = AieccCall(design="aie.mlir", xclbin="", insts="insts.bin", tmpdir="aiecc.prj", peano=root)
    answer = ask([*aiecc.command, *insts_flags(dialect, call)], environ, folder)
    made = folder / "insts.bin"
    if answer.code != 0 or not made.is_file():
        raise _refused(STATE_OF[dialect], name, answer.text, "makes no instructions of")
    return made.read_bytes()


def _refused(state: State, name: str, said: str, what: str) -> Problem:
    return Problem(
        f"mlir-aie of {state} {what} {Path(name).name}, and tileproof does",
        where=name,
        why=first_line(said),
        fix="one of the two is wrong: `tileproof check` says what tileproof finds",
        exit_code=EXIT_KERNEL_WRONG,
    )


def _tools(environ: Mapping[str, str]) -> tuple[Tool, Tool]:
    """aiecc and aie-opt: aie-opt alone does not tell its state."""
    found = probe(environ)
    aiecc, aie_opt = found["aiecc"], found["aie-opt"]
    for tool in (aiecc, aie_opt):
        if isinstance(tool, Absence):
            raise Problem(
                f"there is no {tool.name} to compare with",
                where="--against-mlir-aie",
                why=tool.why,
                fix=tool.fix,
                exit_code=EXIT_NOT_HERE,
            )
    assert isinstance(aiecc, Tool)
    assert isinstance(aie_opt, Tool)
    return aiecc, aie_opt
