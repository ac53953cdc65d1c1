"""Runs a runtime sequence of any design on the emulator, without a kernel folder: text and tile code in, arrays out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tileproof.code_options import NO_OPTIONS, CodeOptions
from tileproof.device_model import device_named
from tileproof.diagnostic import Diagnostic, Place
from tileproof.dtypes import DTYPES, DType
from tileproof.emulator.array.faults import RunReport, sort_of
from tileproof.emulator.array.orders import Found, Orders, Play, only_there, other_orders
from tileproof.emulator.design.given_code import GivenCode, given_code
from tileproof.emulator.design.parameters import scratchpad_of
from tileproof.emulator.library import ORDERS, Library, Manner
from tileproof.emulator.process.messages import Run
from tileproof.emulator.process.parent import Child
from tileproof.emulator.semantics import unconfirmed
from tileproof.errors import Problem, unreadable
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.reconfigured import parts_of
from tileproof.lowering.sequence import sequence_named, sequence_words
from tileproof.mlir.budget import HOST_BYTES, shown
from tileproof.mlir.design import Design
from tileproof.mlir.design import Sequence as RuntimeSequence
from tileproof.mlir.reader import read_design
from tileproof.mlir.values import MemRef
from tileproof.xrt import COMPLETED, CTRL_SCRATCHPAD

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument of the sequence: what it held before the runs, and after them. `is_of_traces` says that it is the
    buffer which mlir-aie appends for traces."""

    number: int
    type: MemRef
    is_of_traces: bool = False
    before: Array = field(repr=False)
    after: Array = field(repr=False)

    @property
    def changed(self) -> int:
        """How many elements are others than before, bit by bit."""
        return _differing(self.before, self.after)


def _differing(one: Array, other: Array) -> int:
    """How many elements differ, bit by bit."""
    first, second = (np.frombuffer(a.tobytes(), np.uint8).reshape(-1, a.itemsize) for a in (one, other))
    return int((first != second).any(axis=1).sum())


@dataclass(frozen=True, kw_only=True)
class Emulation:
    """How it ended. `reports` are one per run; the last is the one that did not complete, if one did not.

    `besides` is what no run by itself could find: another order's result, and a function declared with other
    parameters than it has. `warnings` are of the tile code, and no faults; `orders` are the others that were tried.
    `design`, `library` and `scratchpad` are what ran.
    """

    device: str
    sequence: str
    reports: tuple[RunReport, ...]
    arguments: tuple[Argument, ...]
    besides: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    orders: Orders | None = None
    design: Design = field(repr=False)
    library: Library | None = field(default=None, repr=False)
    scratchpad: bytes | None = field(default=None, repr=False)

    @property
    def buffers(self) -> dict[int, bytes]:
        """What a run of it begins with, by argument of the sequence."""
        given = {one.number: one.before.tobytes() for one in self.arguments}
        return given if self.scratchpad is None else given | {CTRL_SCRATCHPAD: self.scratchpad}

    @property
    def faults(self) -> tuple[Diagnostic, ...]:
        """What was found, each once."""
        found = [*(fault for report in self.reports for fault in report.faults), *self.besides]
        return tuple({sort_of(fault): fault for fault in reversed(found)}.values())[::-1]

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        """The rules that decided results and that no source confirms, in words."""
        return unconfirmed(rule for report in self.reports for rule in report.unconfirmed)

    @property
    def state(self) -> int:
        return self.reports[-1].state

    @property
    def is_good(self) -> bool:
        return self.state == COMPLETED and not self.faults


def emulate(
    text: str,
    name: str,
    tile_code: Sequence[Path] | Library = (),
    arguments: Mapping[int, str] | None = None,
    *,
    parameters: Mapping[str, str] | None = None,
    options: CodeOptions = NO_OPTIONS,
    target: str | None = None,
    device_name: str | None = None,
    sequence: str | None = None,
    runs: int = 1,
    timeout_s: float = 30.0,
    manner: Manner | None = None,
    orders: int = ORDERS,
) -> Emulation:
    """Run `sequence` (the first one without a name) of the design in `text`, `runs` times in one context.

    `device_name` is which of several devices in the text is meant, `target` a device to use instead of the design's.
    `tile_code` are C++ files, compiled with `options`, or what they were compiled to. A run that ends well is tried in
    so many other legal `orders`, as far as their time goes.

    `arguments` say by number what each argument of the sequence holds at first: `FILE.npy`, `zeros`, `ones` or
    `random`, the last three with `:4096xi8` to be sure of the type; what mlir-aie appends for traces begins as zeros,
    and stays so, and for control packets as their words. `parameters` are those of the control scratchpad, by their
    names. Raises `Problem` for a design, tile code or
    argument that cannot be read or lowered; what goes wrong in a run is in the reports.
    """
    manner = manner or Manner()
    numbers = _numbers(arguments or {})
    written = _for(target, read_design(text, name, device_name, numbers))
    design = lower_design(written)
    chosen = sequence_named(design, sequence)
    parts = [(on, sequence_words(on, part)) for on, part in parts_of(design, chosen)]
    before = _initial(chosen, arguments or {})
    scratchpad = scratchpad_of(written, chosen, parameters or {})
    room = _room_for_traces(chosen)
    code = GivenCode(tile_code) if isinstance(tile_code, Library) else given_code(tile_code, design, options)
    besides = () if manner.as_hardware else code.faults
    tried = None
    with process() as child:

        def play(how: Manner, patience_s: float) -> tuple[list[Array], tuple[RunReport, ...]]:
            return _Session(child, parts, code.library, runs, patience_s, scratchpad).run(how, before, room)

        child.set_up(parts[0][0], code.library, manner)
        begun = time.perf_counter()  # the process is there
        after, reports = play(manner, timeout_s)
        took_s = time.perf_counter() - begun
        if manner.seed is not None and reports[-1].state == COMPLETED:
            expected, others = play(replace(manner, seed=None), timeout_s)
            besides += tuple(fault for report in others for fault in report.faults)
            if others[-1].state == COMPLETED:
                besides += _order(after, expected, manner.seed)
        is_right = reports[-1].state == COMPLETED and not any(report.faults for report in reports)
        if orders and is_right and manner.seed is None and not manner.as_hardware:
            tried = other_orders(orders, took_s, _in_order(child, manner, play, after))
            besides += tried.faults
    return Emulation(
        device=design.device.name,
        sequence=chosen.name,
        reports=reports,
        arguments=tuple(
            Argument(
                number=number,
                type=type_,
                is_of_traces=number == _appended(chosen),
                before=before[number],
                after=after[number],
            )
            for number, type_ in enumerate(chosen.arguments)
        ),
        besides=besides,
        warnings=() if manner.as_hardware else code.warnings,
        orders=tried,
        design=written,
        library=code.library,
        scratchpad=scratchpad,
    )


def _in_order(
    child: Child,
    manner: Manner,
    play: Callable[[Manner, float], tuple[list[Array], tuple[RunReport, ...]]],
    expected: Sequence[Array],
) -> Play:
    """Plays the order of a seed, and compares its end with that of the run which is known."""

    def found(seed: int, left_s: float) -> Found | None:
        after, reports = play(replace(manner, seed=seed, trace=False, is_patient=True), left_s)
        if child.death is not None and child.death.id == "never-returns":  # it was given less time than it needs
            return None
        new = only_there([fault for report in reports for fault in report.faults], (), seed)
        pairs = enumerate(zip(after, expected, strict=True))
        others = [str(number) for number, (one, other) in pairs if not new and _differing(one, other)]
        return Found(faults=new, differs=f"argument {' and '.join(others)}" if others else "")

    return found


def _order(after: Sequence[Array], expected: Sequence[Array], seed: int) -> tuple[Diagnostic, ...]:
    """A fault for each argument that another order of events has given another value."""
    return tuple(
        Diagnostic(
            id="order",
            what=f"argument {number} depends on the order of events",
            place=Place.told(f"--schedule adversarial --seed {seed}"),
            why=f"{changed:,} of {one.size:,} elements are others than in the cycle model's order, and both are legal",
            fix="let a lock or a fifo decide who comes first",
        )
        for number, (one, other) in enumerate(zip(after, expected, strict=True))
        if (changed := _differing(one, other))
    )


def _for(target: str | None, design: Design) -> Design:
    """The design on another device, which must have its columns."""
    if target is None:
        return design
    device = device_named(target)
    for tile in design.tiles:
        if tile.column >= device.columns:
            raise Problem(
                f"{device.name} has no {tile}",
                id="TP602",
                where=f"--target {target}",
                why=f"it has {device.columns} columns, and the design uses this tile at {tile.place}",
                fix="name a device with more columns",
            )
    return replace(design, device=device)


@contextmanager
def process() -> Iterator[Child]:
    """An emulator's process, ended afterwards."""
    child = Child()
    try:
        yield child
    finally:
        child.close()


@dataclass(frozen=True)
class _Session:
    """`parts` are instruction words with what they run on: more than one where the sequence sets the array up anew."""

    child: Child
    parts: list[tuple[LoweredDesign, bytes]]
    library: Library | None
    runs: int
    timeout_s: float
    scratchpad: bytes | None = None

    def run(
        self, manner: Manner, before: Sequence[Array], room: Mapping[int, int]
    ) -> tuple[list[Array], tuple[RunReport, ...]]:
        """What the arguments hold afterwards. `room` is how many bytes more than its type has an argument is given."""
        buffers = {number: array.tobytes() + bytes(room.get(number, 0)) for number, array in enumerate(before)}
        if self.scratchpad is not None:
            buffers[CTRL_SCRATCHPAD] = self.scratchpad
        reports: list[RunReport] = []
        for number, (design, words) in enumerate(self.parts * self.runs):
            if number == 0 or len(self.parts) > 1:
                self.child.set_up(design, self.library, manner, goes_on=number > 0)
            self.child.send(Run(words, buffers))
            finished = self.child.receive(self.timeout_s) or self.child.give_up(self.timeout_s)
            reports.append(finished.report)
            buffers |= finished.buffers
            if finished.report.state != COMPLETED:
                break
        return _arrays(buffers, before), tuple(reports)


def _arrays(buffers: Mapping[int, bytes], before: Sequence[Array]) -> list[Array]:
    return [
        np.frombuffer(buffers[number], dtype=array.dtype, count=array.size).reshape(array.shape)
        for number, array in enumerate(before)
    ]


# Arguments


def _numbers(given: Mapping[int, str]) -> dict[int, int]:
    """What is given as a number: the value of a scalar argument, which is written into the words."""
    return {number: int(text) for number, text in given.items() if re.fullmatch(r"-?\d{1,19}", text)}


def _appended(sequence: RuntimeSequence) -> int | None:
    """The number of the argument that only traces have."""
    return sequence.trace.argument if sequence.trace is not None and sequence.trace.is_appended else None


def _room_for_traces(sequence: RuntimeSequence) -> dict[int, int]:
    """Bytes behind the data of an argument, by its number, where traces lie there."""
    trace = sequence.trace
    return {} if trace is None or trace.is_appended else {trace.argument: trace.nbytes}


def _initial(sequence: RuntimeSequence, given: Mapping[int, str]) -> list[Array]:
    types = sequence.arguments
    appended = _appended(sequence)
    if appended is not None:
        given = {appended: "zeros", **given}
    made = _made(sequence, given)
    scalars = range(len(types), len(types) + len(sequence.scalars))
    for number in given:
        if number in scalars and number in _numbers(given):
            continue
        if number >= len(types):
            raise Problem(
                f"there is no argument {number}",
                id="unknown-argument",
                where=f"--arg {number}={given[number]}",
                why=f"@{sequence.name} has {len(types)}: " + ", ".join(f"{k} {type_}" for k, type_ in enumerate(types)),
                fix="give one of those",
            )
    nbytes = sum(type_.nbytes for type_ in types)
    what = f"the arguments of @{sequence.name} have {shown(nbytes)} bytes"
    HOST_BYTES.check(nbytes, what, sequence.place, "make them smaller for the emulator")
    missing = [number for number in range(len(types)) if number not in given and number not in made]
    if missing:
        raise Problem(
            f"argument {missing[0]} of @{sequence.name} has no value",
            id="argument-without-value",
            where=sequence.place,
            why=f"it is {types[missing[0]]}",
            fix=f"write --arg {missing[0]}=FILE.npy, or --arg {missing[0]}=zeros, ones or random",
        )
    return [
        made[number] if number in made else _value(number, type_, given[number]) for number, type_ in enumerate(types)
    ]


def _made(sequence: RuntimeSequence, given: Mapping[int, str]) -> dict[int, Array]:
    """The argument that mlir-aie appends for control packets, with its words, unless it is given another value."""
    number = len(sequence.arguments) - 1
    if not sequence.control_words or number in given:
        return {}
    return {number: np.array(sequence.control_words, dtype=np.uint32).view(np.int32)}


def _value(number: int, type_: MemRef, text: str) -> Array:
    where = f"--arg {number}={text}"
    if text.endswith(".npy"):
        return _from_file(Path(text), type_, where)
    kind, _, written = text.partition(":")
    if kind not in ("zeros", "ones", "random"):
        raise Problem(
            f"argument {number} cannot be made of {text!r}",
            id="argument-value",
            where=where,
            why="it is neither a file that ends in .npy, nor zeros, ones or random",
            fix="write for instance zeros, zeros:4096xi8, or a file",
        )
    if written:
        _check_written(written, type_, where)
    numpy_type = type_.dtype.numpy
    if type_.dtype.is_block:
        return _blocks(kind, number, type_)
    if kind == "random":
        # Of its own number, so that two arguments differ and a run can be repeated.
        rng = np.random.default_rng(number)
        if not type_.dtype.is_integer:
            return rng.standard_normal(type_.shape).astype(numpy_type)
        low, high = (-128, 128) if type_.dtype.name.startswith("i") else (0, 256)
        return rng.integers(low, high, type_.shape).astype(numpy_type)
    return np.full(type_.shape, kind == "ones", dtype=numpy_type)


def _blocks(kind: str, number: int, type_: MemRef) -> Array:
    """An exponent and eight signed mantissas each; random ones have values from -2 to 2."""
    blocks = np.zeros((type_.count, type_.dtype.nbytes), np.uint8)
    if kind != "zeros":
        blocks[:, 0], blocks[:, 1:] = 127, 64  # 64 * 2^(127 - 133) is 1
    if kind == "random":
        blocks[:, 1:] = np.random.default_rng(number).integers(0, 256, blocks[:, 1:].shape)
    return blocks.view(type_.dtype.numpy).reshape(type_.shape)


def _check_written(written: str, type_: MemRef, where: str) -> None:
    *extents, name = written.split("x")
    known = DTYPES | ({type_.dtype.cpp: type_.dtype} if type_.dtype.is_block else {})
    if name not in known or not all(extent.isdecimal() for extent in extents):
        raise Problem(
            f"{written!r} is no type",
            id="argument-value",
            where=where,
            why="a type is its extents and one of " + ", ".join(known),
            fix="write for instance zeros:4096xi8",
        )
    count = 1
    for extent in extents:
        count *= int(extent)
    if count * known[name].nbytes != type_.nbytes or known[name] != type_.dtype:
        raise _other_type(where, f"it has {count:,} elements of {name}", type_)


def _from_file(path: Path, type_: MemRef, where: str) -> Array:
    try:
        array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise unreadable(path, error) from None
    except (ValueError, EOFError) as error:
        raise Problem(
            f"{path.name} is no array", id="argument-value", where=where, why=str(error), fix="save it with numpy.save"
        ) from None
    if not isinstance(array, np.ndarray):
        raise Problem(
            f"{path.name} is no array",
            id="argument-value",
            where=where,
            why="it is an archive of several",
            fix="save the one that is meant with numpy.save",
        )
    if array.dtype != type_.dtype.numpy and not _is_same_bits(array.dtype, type_.dtype):
        raise _other_type(where, f"the file has {array.dtype} of shape {array.shape}", type_)
    if array.nbytes != type_.nbytes:
        raise _other_type(where, f"the file has {array.size:,} elements of shape {array.shape}", type_)
    return np.ascontiguousarray(array).view(type_.dtype.numpy).reshape(type_.shape)


def _is_same_bits(given: np.dtype[Any], wanted: DType) -> bool:
    """numpy saves bfloat16 as two bytes without a name, and we as uint16; MLIR's i8 says nothing of a sign; blocks are
    given as bytes."""
    if (wanted.is_block and given == np.uint8) or (wanted.name == "bf16" and given == np.uint16):
        return True
    is_nameless = given.kind == "V" or (given.kind in "iu" and wanted.is_integer)
    return is_nameless and given.itemsize == wanted.nbytes


def _other_type(where: str, why: str, type_: MemRef) -> Problem:
    return Problem(
        "the argument is of another type",
        id="argument-type",
        where=where,
        why=f"{why}, and the sequence wants {type_}",
        fix=f"give {type_.nbytes:,} bytes (uint8), {type_.dtype.nbytes} for each element"
        if type_.dtype.is_block
        else f"give {type_.count:,} elements of {type_.dtype.name}",
    )
