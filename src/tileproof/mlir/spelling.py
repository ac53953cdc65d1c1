"""What a design says in words that not every mlir-aie reads: a note for each, with the versions that do."""

from __future__ import annotations

from xdsl.ir import Operation as XdslOperation

from tileproof.diagnostic import Diagnostic
from tileproof.mlir.design import Note
from tileproof.mlir.parse import place_of
from tileproof.mlir.syntax import OLD_SPELLING
from tileproof.mlir_aie_versions import versions_that


def without_a_place(op: XdslOperation, column: int, row: int) -> Note:
    return _note(
        op,
        what=f"a tile without a place goes to ({column}, {row})",
        why="aie-place-tiles of mlir-aie would put it there; there was no such pass before April 2026",
        fix="write aie.tile with column and row for an older mlir-aie",
        versions=versions_that(lambda version: version.places_tiles),
    )


def one_of_several(op: XdslOperation, chosen: str, names: list[str]) -> Note:
    said = Diagnostic(
        id="TP008",
        what=f"the file has {len(names)} devices, and this is of @{chosen}",
        why="devices: " + ", ".join(f"@{name}" for name in names),
        fix="name the one that is meant: --device-name NAME",
        place=place_of(op),
    )
    return Note(said=said)


def old_sequence(op: XdslOperation) -> Note:
    return _note(
        op,
        what="aiex.runtime_sequence is what mlir-aie called it until November 2025",
        why="it is aie.runtime_sequence since, and the old name is an unknown operation",
        fix="write aie.runtime_sequence, or print the design with `tileproof inspect FILE --print`",
        versions=(),
    )


def loops(op: XdslOperation) -> Note:
    return _note(
        op,
        what="the sequence has loops, and they are written out",
        why="aie-unroll-runtime-sequence-loops of mlir-aie does so; there was no such pass before July 2026",
        fix="print the design with `tileproof inspect FILE --print` for an older mlir-aie",
        versions=versions_that(lambda version: version.unrolls_sequences),
    )


def scratchpad(op: XdslOperation) -> Note:
    return _note(
        op,
        what="the sequence takes numbers from the firmware's scratchpad",
        why="aie-lower-scratchpad-parameters and its operations are of mlir-aie since June 2026",
        fix="write the numbers into the design, or into a buffer with aiex.npu.rtp_write, for an older mlir-aie",
        versions=versions_that(lambda version: version.has_scratchpads),
    )


def objects_by_themselves(op: XdslOperation) -> Note:
    return _note(
        op,
        what="the core acquires objects by themselves",
        why="until August 2026 an acquire gave a subview, and aie.objectfifo.subview.access an object of it",
        fix="write the subview and its accesses for an mlir-aie of that time",
        versions=(),
    )


def old_allocation(op: XdslOperation) -> Note:
    return _note(
        op,
        what="aie.shim_dma_allocation names a column, as until December 2025",
        why="it is aie.shim_dma_allocation @name(%tile, MM2S, 0) since",
        fix="name the shim tile, or print the design with `tileproof inspect FILE --print`",
        versions=versions_that(lambda version: not version.allocates_by_tile),
    )


def old_host_config(op: XdslOperation) -> Note:
    return _note(
        op,
        what=f"{op.name} is spelled as mlir-aie did until July 2026",
        why=f"it is {op.name} {{buffer_size = ... : i32}} since, and names no argument",
        fix="print the design with `tileproof inspect FILE --print` for the mlir-aie that is to read it",
        versions=versions_that(lambda version: version.routes_traces and not version.appends_trace_buffer),
    )


def trace_with_buffer(op: XdslOperation) -> Note:
    return _note(
        op,
        what="aie.trace has a buffer_size, as in March 2026",
        why="it is buffer_size of aie.trace.host_config since",
        fix="leave buffer_size away, and write an aie.trace.host_config into the sequence",
        versions=versions_that(lambda version: version.has_traces and not version.routes_traces),
    )


def before_july(op: XdslOperation, new: str) -> list[Note]:
    """A note if the text has what mlir-aie stopped reading in July 2026, `new` being what it reads since."""
    if OLD_SPELLING not in op.attributes:
        return []
    return [
        _note(
            op,
            what=f"{op.name} is spelled as mlir-aie did until July 2026",
            why=f"it is {new} since",
            fix="print the design with `tileproof inspect FILE --print` for the mlir-aie that is to read it",
            versions=versions_that(lambda version: not version.numbers_are_values),
        )
    ]


def _note(op: XdslOperation, *, what: str, why: str, fix: str, versions: tuple[str, ...]) -> Note:
    said = Diagnostic(id="TP004", what=what, why=why, fix=fix, place=place_of(op))
    return Note(said=said, versions=versions)
