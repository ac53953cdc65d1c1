"""Sequences that set the array up anew under way: what runs on which device, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tileproof.errors import Problem
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign
from tileproof.mlir.design import CreateScratchpad, Reconfigure, Sequence, SequenceOperation


def parts_of(design: LoweredDesign, sequence: Sequence) -> tuple[tuple[LoweredDesign, Sequence], ...]:
    """The sequence, cut where the array is set up anew: each part with what it runs on. One for most."""
    if not any(isinstance(operation, Reconfigure) for operation in sequence.operations):
        return ((design, sequence),)
    return tuple(
        (on, replace(sequence, operations=operations, trace=None)) for on, operations in _cut(design, sequence)
    )


def _cut(design: LoweredDesign, sequence: Sequence) -> Iterator[tuple[LoweredDesign, tuple[SequenceOperation, ...]]]:
    gathered: list[SequenceOperation] = []
    loaded: Reconfigure | None = None
    for operation in sequence.operations:
        if not isinstance(operation, Reconfigure):
            if loaded is not None and loaded.design is not None:
                raise _on_another(design, loaded, operation)
            gathered.append(operation)
            continue
        loaded = operation
        # The scratchpad is the run's: by itself it needs no device.
        if not all(isinstance(one, CreateScratchpad) for one in gathered):
            yield design, tuple(gathered)
            gathered = []
        if operation.design is not None and operation.operations:
            yield lower_design(operation.design), (*gathered, *operation.operations)
            gathered = []
    if gathered:
        yield design, tuple(gathered)


def _on_another(design: LoweredDesign, loaded: Reconfigure, operation: SequenceOperation) -> Problem:
    return Problem(
        f"what is of @{design.name} runs on the array as @{loaded.device} has set it up",
        id="TP313",
        where=operation.place,
        why=f"@{loaded.device} is loaded at {loaded.place}, and @{design.name} not again behind it",
        fix=f"load @{design.name} behind it, or let a sequence of @{loaded.device} do it: aiex.configure and aiex.run",
    )
