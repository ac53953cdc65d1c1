"""DMA: the order of a runtime sequence, with what is under way at each step.

A wait takes one token of its channel, and with it every task up to the one that issued it. A wait for an output is
taken as the end of all inputs started before it, which is what sequences rely on: what it computes needed them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tileproof.check.checked import Checked
from tileproof.check.finding import Finding, finding
from tileproof.device_model import SHIM, TASK_QUEUE_DEPTH
from tileproof.mlir.design import Design, Sequence, Tile, Transfer, Wait


@dataclass(frozen=True, slots=True)
class _Step:
    """One operation, the transfers under way before it, and the tokens of its channel that nobody has taken yet."""

    operation: Transfer | Wait
    under_way: tuple[Transfer, ...]
    tokens: int


def queue_overrun(checked: Checked) -> Iterator[Finding]:
    for step in _all_steps(checked):
        if isinstance(step.operation, Transfer):
            queued = [transfer for transfer in step.under_way if transfer.fifo == step.operation.fifo]
            if len(queued) >= TASK_QUEUE_DEPTH:
                yield finding(
                    "TP308",
                    f"task {len(queued) + 1} of @{step.operation.fifo} is started with no wait before it",
                    step.operation.place,
                    f"the queue of a channel holds {TASK_QUEUE_DEPTH}; the first under way is at {queued[0].place}",
                )


def wait_without_token(checked: Checked) -> Iterator[Finding]:
    for step in _all_steps(checked):
        if isinstance(step.operation, Wait) and step.tokens == 0:
            fifo = step.operation.fifo
            inputs = not _is_output(checked.design, fifo)
            yield finding(
                "TP309",
                f"the wait for @{fifo} never ends",
                step.operation.place,
                "no transfer before it issues a token that no wait has taken"
                + ("; an input issues one only with issue_token = true" if inputs else ""),
            )


def bd_in_flight(checked: Checked) -> Iterator[Finding]:
    for step in _all_steps(checked):
        if not isinstance(step.operation, Transfer):
            continue
        here = _shim(checked.design, step.operation.fifo)
        for other in step.under_way:
            there = _shim(checked.design, other.fifo)
            if other.bd_id == step.operation.bd_id and here and there and here.at == there.at:
                yield finding(
                    "TP310",
                    f"BD {other.bd_id} of {here} is written again for @{step.operation.fifo}",
                    step.operation.place,
                    f"its transfer of @{other.fifo} at {other.place} was not waited for",
                )


def output_not_awaited(checked: Checked) -> Iterator[Finding]:
    for sequence in _plain(checked.design):
        for fifo in sorted({operation.fifo for operation in sequence.operations}):
            if not _is_output(checked.design, fifo):
                continue
            moved = [op for op in sequence.operations if isinstance(op, Transfer) and op.fifo == fifo]
            waits = [op for op in sequence.operations if isinstance(op, Wait) and op.fifo == fifo]
            if len(moved) > len(waits):
                yield finding(
                    "TP311",
                    f"the sequence ends without waiting for @{fifo}",
                    moved[-1].place,
                    f"{len(moved)} transfers to the host, {len(waits)} waits for them",
                )


def no_shim_end(checked: Checked) -> Iterator[Finding]:
    for sequence in checked.design.sequences:
        for operation in sequence.operations:
            fifo = checked.design.fifo(operation.fifo) if isinstance(operation, Transfer | Wait) else None
            if fifo is not None and _shim(checked.design, fifo.name) is None:
                yield finding(
                    "TP608",
                    f"@{fifo.name} does not end at a shim tile",
                    operation.place,
                    f"it goes from {fifo.producer} to {', '.join(map(str, fifo.consumers))}",
                )


def _plain(design: Design) -> Iterator[Sequence]:
    """The sequences of nothing but transfers and waits; task operations order themselves by other rules."""
    for sequence in design.sequences:
        if all(isinstance(operation, Transfer | Wait) for operation in sequence.operations):
            yield sequence


def _all_steps(checked: Checked) -> Iterator[_Step]:
    for sequence in _plain(checked.design):
        yield from _steps(checked.design, sequence)


def _steps(design: Design, sequence: Sequence) -> Iterator[_Step]:
    under_way: list[Transfer] = []
    tokens: Counter[str] = Counter()
    for operation in sequence.operations:
        yield _Step(operation, tuple(under_way), tokens[operation.fifo])
        output = _is_output(design, operation.fifo)
        if isinstance(operation, Transfer):
            under_way.append(operation)
            tokens[operation.fifo] += operation.issue_token or output
        elif tokens[operation.fifo] > 0:
            tokens[operation.fifo] -= 1
            under_way = _after_token(design, under_way, operation.fifo)


def _after_token(design: Design, under_way: list[Transfer], fifo: str) -> list[Transfer]:
    output = _is_output(design, fifo)
    mine = [transfer for transfer in under_way if transfer.fifo == fifo]
    first = next((index for index, transfer in enumerate(mine) if transfer.issue_token or output), len(mine) - 1)
    done = mine[: first + 1]
    if output:
        done += [transfer for transfer in under_way if not _is_output(design, transfer.fifo)]
    return [transfer for transfer in under_way if transfer not in done]


def _is_output(design: Design, name: str) -> bool:
    """Whether data of this fifo goes to the host: its S2MM channels always issue tokens (AIEDmaToNpu.cpp)."""
    fifo = design.fifo(name)
    return fifo is not None and fifo.producer.kind != SHIM


def _shim(design: Design, name: str) -> Tile | None:
    fifo = design.fifo(name)
    ends = (fifo.producer, *fifo.consumers) if fifo else ()
    return next((tile for tile in ends if tile.kind == SHIM), None)


CHECKS = (queue_overrun, wait_without_token, bd_in_flight, output_not_awaited, no_shim_end)
