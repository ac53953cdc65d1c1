"""Which rules of a core's own operations no source confirms: they decided a value, and the verdict says so."""

from __future__ import annotations

from tileproof.emulator.semantics import UNCONFIRMED
from tileproof.mlir.program import Arithmetic, Contract, Evaluate, MultiplyAdd, Reduce

# What may have such a rule.
OPEN: tuple[type[Arithmetic], ...] = (Evaluate, Reduce, Contract, MultiplyAdd)
_EXACT = frozenset({"absf", "copysign", "floor", "ceil", "round", "roundeven", "trunc"})


def rules_of(operation: Arithmetic) -> frozenset[int]:
    """By their numbers in emulator/semantics.py, where those of cores stand behind those of tile code."""
    match operation:
        case Evaluate() if operation.function not in _EXACT:
            rule = 0
        case Reduce() | Contract() if operation.function in ("addf", "mulf"):
            rule = 1
        case MultiplyAdd():
            rule = 2
        case _:
            return frozenset()
    return frozenset({len(UNCONFIRMED) + rule})
