"""A design lowered by the mlir-aie that is here, to be compared with ours."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tileproof.check.unrolled import wrongly_unrolled
from tileproof.diagnostic import Diagnostic
from tileproof.errors import EXIT_KERNEL_WRONG, EXIT_NOT_HERE, Problem
from tileproof.lowering.against import (
    Layout,
    differences,
    our_layout,
    their_layout,
    with_their_lock_ids,
    word_differences,
)
from tileproof.lowering.held import lowered_as
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.printer import respelled
from tileproof.mlir_aie_versions import Version, version_of
from tileproof.sandbox.untrusted import refuse_untrusted
from tileproof.toolchain.aie_opt import passes_of, pipeline
from tileproof.toolchain.aiecc import ADDRESSES, AieccCall, Driver, layout_flags
from tileproof.toolchain.complaint import complaint_in
from tileproof.toolchain.mlir_aie import driver_of_tool, probe
from tileproof.toolchain.tool import Answer, Tool, ask

_DESIGN, _INSTS = "aie.mlir", "insts.bin"


class RefusedProblem(Problem):
    """mlir-aie refuses a design that tileproof lowers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`version` is the mlir-aie that was asked, `theirs` what it made, with how many instruction words; `differences`
    one sentence each. `words` is None where there is nobody to ask for them, for the reason in `why_no_words`."""

    version: Version
    theirs: Layout
    words: int | None
    why_no_words: str
    differences: tuple[str, ...]


def compare_lowerings(text: str, name: str, environ: Mapping[str, str] = os.environ) -> Comparison:
    """Both lowerings of the design in `text`; a `Problem` if one of them refuses it, or if there is no mlir-aie.

    aie-opt alone is enough for everything but the instruction words.
    """
    refuse_untrusted("mlir-aie", "which files its tools read is not known here", "leave --against-mlir-aie out")
    tools = _tools(environ)
    here = lowered_as(text, name, tools.version)
    for sequence in here.sequences:
        sequence_words(here, sequence)  # what cannot be written is refused before anybody else is asked
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / _DESIGN).write_text(respelled(text, name, tools.version))
        for command in _commands(tools, (folder / _DESIGN).read_text(), here):
            answer = ask(command, environ, folder)
            if answer.code != 0:
                raise _refused(tools.version, name, folder, answer)
        theirs = their_layout(_made(folder, ADDRESSES, tools.version, name).decode(), ADDRESSES)
        insts = _made(folder, _INSTS, tools.version, name) if tools.driver is not None and here.sequences else None
    told = differences(our_layout(here), theirs) + wrongly_unrolled(here)
    if insts is not None:
        same = with_their_lock_ids(here, theirs)
        told += word_differences(sequence_words(same, main_sequence(same)), insts)
    return Comparison(
        version=tools.version,
        theirs=theirs,
        words=None if insts is None else len(insts) // 4,
        why_no_words="there is no aiecc here" if here.sequences else "the design has no runtime sequence",
        differences=told,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tools:
    """What lowers a design on this machine: aie-opt, and aiecc where it is here; `peano` is Peano's folder."""

    aie_opt: Tool
    passes: frozenset[str]
    aiecc: tuple[str, ...]
    driver: Driver | None
    peano: str | None

    @property
    def version(self) -> Version:
        return version_of(self.passes)


def _tools(environ: Mapping[str, str]) -> _Tools:
    found = probe(environ)
    aie_opt, aiecc, peano = found["aie-opt"], found["aiecc"], found["peano"]
    if isinstance(aie_opt, Diagnostic):
        raise Problem(
            "there is no aie-opt to compare with",
            id="no-mlir-aie",
            where="--against-mlir-aie",
            why=aie_opt.why,
            fix=aie_opt.fix,
            exit_code=EXIT_NOT_HERE,
        )
    return _Tools(
        aie_opt=aie_opt,
        passes=passes_of(aie_opt, environ),
        aiecc=aiecc.command if isinstance(aiecc, Tool) else (),
        driver=driver_of_tool(aiecc, environ) if isinstance(aiecc, Tool) else None,
        peano=str(Path(peano.command[-1]).parents[1]) if isinstance(peano, Tool) else None,
    )


def _commands(tools: _Tools, design: str, here: LoweredDesign) -> Iterator[list[str]]:
    """aiecc's own layout where it prints one, else that of the passes which it would run. It is asked for nothing else,
    so that tile code need not be there."""
    driver = tools.driver
    if driver is not None and (driver.prints_layout or here.sequences):
        several = len(here.sequences) > 1
        call = AieccCall(
            design=_DESIGN,
            tmpdir="aiecc.prj",
            insts=_INSTS,
            peano=tools.peano,
            sequence=main_sequence(here).name if several else None,
        )
        yield [*tools.aiecc, *layout_flags(driver, call, ".")]
    if driver is None or not driver.prints_layout:
        passes = pipeline(tools.passes, design, objects=True, addresses=True)
        yield [*tools.aie_opt.command, f"--pass-pipeline={passes}", _DESIGN, "-o", ADDRESSES]


def _made(folder: Path, file: str, version: Version, name: str) -> bytes:
    path = folder / file
    if not path.is_file():
        raise _refused(version, name, folder, Answer(code=0, text=f"it reported success and made no {file}"))
    return path.read_bytes()


def _refused(version: Version, name: str, folder: Path, answer: Answer) -> RefusedProblem:
    complaint = complaint_in(answer.text, folder)
    line = complaint.line_in(folder)
    return RefusedProblem(
        f"mlir-aie of {version.name} does not lower {Path(name).name}, and tileproof does",
        id="lowered-otherwise",
        where=f"{name}, as mlir-aie reads it: {complaint.where}" if complaint.where else name,
        why="\n".join(filter(None, (complaint.said, line, *complaint.context))),
        fix="one of the two is wrong; `tileproof inspect FILE --print` shows the text that mlir-aie was given",
        exit_code=EXIT_KERNEL_WRONG,
    )
