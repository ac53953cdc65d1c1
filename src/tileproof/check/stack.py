"""Stack: what the tile code's local arrays need at least, against what the core has."""

from __future__ import annotations

from collections.abc import Iterator

from tileproof.check.checked import Checked
from tileproof.check.finding import Finding, finding
from tileproof.check.tile_code import CppFunction
from tileproof.device_model import DEFAULT_STACK_BYTES
from tileproof.lowering.fifos import walk
from tileproof.mlir.design import Core


def array_beyond_stack(checked: Checked) -> Iterator[Finding]:
    for core, function in _called(checked):
        for array in function.arrays:
            if array.nbytes > stack_bytes(core):
                yield finding(
                    "TP202",
                    f"local array {array.name} of {function.name} is larger than the stack of {core.tile}",
                    array.place,
                    f"it has {array.nbytes:,} bytes, and stack_size is {stack_bytes(core):,}"
                    + _run_over(checked, core, array.nbytes),
                )


def arrays_beyond_stack(checked: Checked) -> Iterator[Finding]:
    for core, function in _called(checked):
        sizes = [array.nbytes for array in function.arrays]
        if max(sizes, default=0) <= stack_bytes(core) < sum(sizes):
            parts = " + ".join(f"{array.name} {array.nbytes:,}" for array in function.arrays)
            yield finding(
                "TP203",
                f"the local arrays of {function.name} are larger than the stack of {core.tile}",
                function.place,
                f"{parts} = {sum(sizes):,} bytes, and stack_size is {stack_bytes(core):,}"
                + _run_over(checked, core, sum(sizes)),
            )


def stack_bytes(core: Core) -> int:
    return DEFAULT_STACK_BYTES if core.stack_size is None else core.stack_size


def _called(checked: Checked) -> Iterator[tuple[Core, CppFunction]]:
    """Every function of the tile code that a core calls, directly or not."""
    for core in checked.design.cores:
        for name in sorted({str(op.attributes["callee"]) for op in walk(core.body) if op.name == "func.call"}):
            for code in checked.code:
                for function in code.reached_from(name):
                    yield core, function


def _run_over(checked: Checked, core: Core, nbytes: int) -> str:
    """The stack lies below the buffers and grows towards them, with nothing in between (AIETargetLdScript.cpp)."""
    placed = checked.lowered.buffers if checked.lowered else ()
    above = sorted((b.address, b.name) for b in placed if b.tile.at == core.tile.at and b.address < nbytes)
    if not above:
        return ""
    return "; above it lie " + ", ".join(f"{name} at {address:,}" for address, name in above)


CHECKS = (array_beyond_stack, arrays_beyond_stack)
