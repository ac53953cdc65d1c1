"""A design lowered by the mlir-aie that is here, to be compared with ours."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tileproof.errors import EXIT_KERNEL_WRONG, EXIT_NOT_HERE, Problem
from tileproof.lowering.against import Layout, differences, our_layout, their_layout
from tileproof.lowering.held import lowered_as
from tileproof.mlir.printer import respelled
from tileproof.mlir_aie import State
from tileproof.toolchain.aiecc import STATE_OF, pipeline
from tileproof.toolchain.mlir_aie import dialect_of_tool, probe
from tileproof.toolchain.tool import Absence, Tool, ask, first_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`state` is the mlir-aie that was asked, `theirs` what it made, `differences` one sentence each."""

    state: State
    theirs: Layout
    differences: tuple[str, ...]


def compare_lowerings(text: str, name: str, environ: Mapping[str, str] = os.environ) -> Comparison:
    """Both lowerings of the design in `text`; a `Problem` if one of them refuses it, or if there is no mlir-aie."""
    aie_opt, state = _tools(environ)
    ours = our_layout(lowered_as(text, name, state))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "aie.mlir").write_text(respelled(text, name, state))
        passes = f"--pass-pipeline={pipeline(state, objects=True, addresses=True)}"
        answer = ask([*aie_opt.command, passes, "aie.mlir", "-o", "lowered.mlir"], environ, folder)
        lowered = folder / "lowered.mlir"
        if answer.code != 0 or not lowered.is_file():
            raise Problem(
                f"mlir-aie of {state} does not lower {Path(name).name}, and tileproof does",
                where=name,
                why=first_line(answer.text),
                fix="one of the two is wrong: `tileproof check` says what tileproof finds",
                exit_code=EXIT_KERNEL_WRONG,
            )
        theirs = their_layout(lowered.read_text(), "lowered.mlir")
    return Comparison(state=state, theirs=theirs, differences=differences(ours, theirs))


def _tools(environ: Mapping[str, str]) -> tuple[Tool, State]:
    """aie-opt, and what aiecc says it is: aie-opt alone does not tell its state."""
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
    return aie_opt, STATE_OF[dialect_of_tool(aiecc, environ)]
