"""Stack: what the tile code needs along its deepest calls, against what the core has."""

from __future__ import annotations

from collections.abc import Iterator

from tileproof.check.checked import Checked
from tileproof.check.finding import finding
from tileproof.check.tile_code import CppFunction, LocalArray, TileCode
from tileproof.device_model import DEFAULT_STACK_BYTES
from tileproof.diagnostic import Diagnostic
from tileproof.mlir.design import Core
from tileproof.mlir.program import Allocate, callees, walk


def array_beyond_stack(checked: Checked) -> Iterator[Diagnostic]:
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


def allocation_beyond_stack(checked: Checked) -> Iterator[Diagnostic]:
    """What a core's own operations allocate: each, and all of it."""
    for core in checked.design.cores:
        sizes, most = [one.type.nbytes for one in _allocated(core)], stack_bytes(core)
        for one in _allocated(core):
            if one.type.nbytes > most:
                yield finding(
                    "TP202",
                    f"{one.name} is larger than the stack of {core.tile}",
                    one.place,
                    f"it has {one.type.nbytes:,} bytes, and stack_size is {most:,}"
                    + _run_over(checked, core, one.type.nbytes),
                )
        if max(sizes, default=0) <= most < sum(sizes):
            yield finding(
                "TP203",
                f"what {core.tile} allocates is larger than its stack",
                _allocated(core)[-1].place,
                f"{' + '.join(f'{size:,}' for size in sizes)} = {sum(sizes):,} bytes, and stack_size is {most:,}"
                + _run_over(checked, core, sum(sizes)),
            )


def _allocated(core: Core) -> list[Allocate]:
    return [operation for operation in walk(core.body) if isinstance(operation, Allocate)]


def arrays_beyond_stack(checked: Checked) -> Iterator[Diagnostic]:
    """The arrays of a call path that are alive together, of which none alone is too large."""
    for core in checked.design.cores:
        for code, name in _entries(checked, core):
            path = worst_arrays(code, name)
            sizes = [array.nbytes for _, array in path]
            if max(sizes, default=0) <= stack_bytes(core) < sum(sizes):
                parts = " + ".join(f"{array.name} {array.nbytes:,} of {function}" for function, array in path)
                yield finding(
                    "TP203",
                    f"the local arrays of {name} and what it calls are larger than the stack of {core.tile}",
                    code.defined(name)[0].place,
                    f"{parts} = {sum(sizes):,} bytes, and stack_size is {stack_bytes(core):,}"
                    + _run_over(checked, core, sum(sizes)),
                )


def frames_beyond_stack(checked: Checked) -> Iterator[Diagnostic]:
    """What the host's compiler counts, spilt registers and vectors included."""
    frames = checked.noted.frames
    for core in checked.design.cores if frames else ():
        for code, name in _entries(checked, core):
            assert frames is not None
            path = frames.worst_path(name)
            arrays = sum(array.nbytes for _, array in worst_arrays(code, name))
            total = sum(frame.nbytes for frame in path)
            # Vectors lie in the host's frames, and in the device's only what its registers have no room for.
            registers = checked.design.device.model.register_bytes if code.has_vectors else 0
            if arrays <= stack_bytes(core) < total - registers:
                parts = " + ".join(f"{frame.nbytes:,} of {frame.function}" for frame in path)
                yield finding(
                    "TP204",
                    f"the stack frames of {name} are larger than the stack of {core.tile}",
                    code.defined(name)[0].place,
                    f"{parts} = {total:,} bytes as this machine's g++ counts them, "
                    + (f"vectors and all, for which a core has {registers:,} bytes of registers, " if registers else "")
                    + f"and stack_size is {stack_bytes(core):,}"
                    + _run_over(checked, core, total),
                )


def _entries(checked: Checked, core: Core) -> Iterator[tuple[TileCode, str]]:
    """The tile functions that a core calls, with the file that defines each."""
    for name in sorted(callees(core.body)):
        yield from ((code, name) for code in checked.code if code.defined(name))


def worst_arrays(code: TileCode, name: str, above: frozenset[str] = frozenset()) -> tuple[tuple[str, LocalArray], ...]:
    """The local arrays of `name` and of the calls below it that are the largest together."""
    worst: tuple[tuple[str, LocalArray], ...] = ()
    for function in code.defined(name) if name not in above else ():
        called = sorted({f.name for f in code.functions if f.name in function.words} - {name})
        below = (worst_arrays(code, callee, above | {name}) for callee in called)
        mine = tuple((name, array) for array in function.together)
        worst = max(worst, (*mine, *max(below, key=_nbytes, default=())), key=_nbytes)
    return worst


def _nbytes(path: tuple[tuple[str, LocalArray], ...]) -> int:
    return sum(array.nbytes for _, array in path)


def stack_bytes(core: Core) -> int:
    return DEFAULT_STACK_BYTES if core.stack_size is None else core.stack_size


def _called(checked: Checked) -> Iterator[tuple[Core, CppFunction]]:
    """Every function of the tile code that a core calls, directly or not."""
    for core in checked.design.cores:
        for name in sorted(callees(core.body)):
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


CHECKS = (array_beyond_stack, allocation_beyond_stack, arrays_beyond_stack, frames_beyond_stack)
