"""`inspect --lowered` leaves nothing out: what a design says shows in the listing, or the design is refused by name.

Every field of a design has a line here; one that is new has none, and fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from tileproof.errors import Problem
from tileproof.lowering.lower import lower_design
from tileproof.mlir.design import Design, Reconfigure, SequenceOperation, StartTrace, TraceHostConfig
from tileproof.mlir.reader import read_design
from tileproof.report.drawing import lowered_text

TESTS = Path(__file__).parent
PAGES = sorted([*(TESTS / "designs").glob("*.mlir"), *(TESTS / "conformance").rglob("*.mlir")])

# What a line of the listing must have for one thing of each field; None for what says nothing by itself.
SHOWN: dict[str, Callable[[Design], Iterator[str]] | None] = {
    "name": None,  # of the device, which messages have
    "device": None,
    "place": None,
    "notes": None,  # said by check
    "tiles": None,  # each with what lies on it
    "functions": None,  # each where a core calls it
    "registered": None,  # the chains of shim tiles are theirs
    "fifos": lambda d: (_end(d, fifo.name) for fifo in d.fifos),
    "links": lambda d: (_end(d, name) for link in d.links for name in link.outputs),
    "allocates": lambda d: (_end(d, allocate.fifo) for allocate in d.allocates),
    "buffers": lambda d: (rf" {re.escape(buffer.name)}\b" for buffer in d.buffers),
    "locks": lambda d: (rf"begins at \d+ +{re.escape(lock.name)}$" for lock in d.locks),
    "programs": lambda d: (
        rf"^  {re.escape(str(program.tile))} {program.direction} {program.channel} of " for program in d.programs
    ),
    "flows": lambda d: (f"^  {re.escape(f'{flow.source} -> {flow.destination}')}" for flow in d.flows),
    "packet_flows": lambda d: (
        rf"^  (id {flow.id}: )?{re.escape(str(flow.sources[0]))}.* -> .*{re.escape(str(flow.destinations[-1]))}"
        for flow in d.packet_flows
    ),
    "cascade_flows": lambda d: (re.escape(f"{flow.source} -> {flow.destination}") for flow in d.cascade_flows),
    "shim_allocations": lambda d: (
        rf"^  {re.escape(str(shim.tile))} {shim.direction} {shim.channel}  {re.escape(shim.name)}"
        for shim in d.shim_allocations
    ),
    "externals": lambda d: (
        rf"of {re.escape(buffer.name)} from" for buffer in d.externals if buffer.name in _used_externals(d)
    ),
    "parameters": lambda d: (rf"^  word \d+  {re.escape(one.name)}: {one.type}, " for one in d.parameters),
    "traces": lambda d: (rf"^  {re.escape(str(trace.tile))} Trace" for trace in d.traces),
    "cores": lambda d: (rf"^  {re.escape(str(core.tile))}: stack" for core in d.cores),
    "sequences": lambda d: (
        rf"line {operation.place.line}: " for sequence in d.sequences for operation in _every(sequence.operations)
    ),
}


def _end(design: Design, name: str) -> str:
    """A fifo shows in the buffers, locks, chains, circuits or channels that are made of it."""
    return rf"\b{re.escape(name)}(_\d+)?(_cons)?(_buff_|_prod_lock_|_cons_lock_|_shim_alloc|\b)"


def _used_externals(design: Design) -> set[str]:
    named = {name for one in design.registered for name in one.names}
    return named | {bd.buffer for program in design.programs for bd in program.bds if isinstance(bd.buffer, str)}


def _every(operations: tuple[SequenceOperation, ...]) -> Iterator[SequenceOperation]:
    for operation in operations:
        yield operation
        if isinstance(operation, Reconfigure):
            yield from _every(operation.operations)


def test_every_field_of_a_design_is_looked_for() -> None:
    assert set(SHOWN) == {field.name for field in fields(Design)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_design_says_shows_in_what_is_lowered(page: Path) -> None:
    try:
        design = read_design(page.read_text(), page.name)
        lowered = lower_design(design)
    except Problem:
        return  # by name, which other tests hold
    listing = lowered_text(lowered, page.name)
    # Traces become flows and registers when they are lowered.
    design = lowered.design if design.traces else design
    missing = [
        f"{name}: {pattern}"
        for name, patterns in SHOWN.items()
        if patterns is not None
        for pattern in patterns(design)
        if not re.search(pattern, listing, re.MULTILINE)
    ]

    assert missing == []


def test_every_kind_of_operation_stands_in_some_page() -> None:
    """The property above says nothing of what no page has."""
    found: set[type] = {StartTrace, TraceHostConfig}  # registers, when they are lowered
    for page in PAGES:
        try:
            design = read_design(page.read_text(), page.name)
        except Problem:
            continue
        found |= {type(operation) for sequence in design.sequences for operation in _every(sequence.operations)}

    assert set(get_args(SequenceOperation)) - found == set()
