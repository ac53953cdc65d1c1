"""Small designs, each on one page, and their mutants: what runs right says nothing, what is wrong is named.

The comment at the head of a design says what it shows, its arguments (by number), what they hold afterwards
(`gives`, in numpy, a0 being argument 0 as it was), and what is found (`finds`, words of a finding). A `mutant` is
one replacement in the text, and what is found then; `finds: nothing` is a change that is not wrong.
With `orders` so many other legal orders are tried. `parameters` are those of the control scratchpad.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tileproof.emulator.array.faults import SILENT
from tileproof.emulator.design.described import described_library
from tileproof.emulator.design.emulate import Emulation, emulate
from tileproof.emulator.library import Library, Manner
from tileproof.emulator.process.parent import Child
from tileproof.errors import Problem
from tileproof.toolchain.cxx import find_cxx
from tileproof.toolchain.tile_library import compile_tile_code

FOLDER = Path(__file__).parent / "designs"
TILE_CODE = FOLDER / "tile.cc"
NAMES = sorted(path.stem for path in FOLDER.glob("*.mlir"))
_LINE = re.compile(r"//   (?P<key>gives \d+|\w+): (?P<value>.*)")
_MUTANT = re.compile(r"(?P<old>.*?) => (?P<new>.*?) ?finds: (?P<finds>.*)")
# For what ends by itself, and for what never does.
PATIENCE_S, IMPATIENCE_S = 120.0, 3.0


@dataclass(frozen=True, kw_only=True)
class Page:
    """A design's file, or a mutant of it."""

    name: str
    text: str
    arguments: dict[int, str]
    gives: dict[int, str] = field(default_factory=dict)
    finds: tuple[str, ...] = ()
    mutants: tuple[tuple[str, str, str], ...] = ()
    runs: int = 1
    seeds: tuple[int, ...] = ()
    orders: int = 0
    parameters: dict[str, str] = field(default_factory=dict)

    def mutant(self, number: int) -> Page:
        old, new, finds = self.mutants[number]
        head, start, body = self.text.partition("module {")
        assert body.count(old) >= 1, f"{self.name}: there is no {old!r} to change"
        return replace(
            self,
            text=head + start + body.replace(old, new),
            gives={},
            finds=() if finds == "nothing" else (finds,),
        )


@cache
def page(name: str) -> Page:
    text = (FOLDER / f"{name}.mlir").read_text()
    arguments, gives, finds, mutants = {}, {}, [], []
    runs, seeds, orders = 1, (), 0
    parameters = {}
    for found in filter(None, map(_LINE.fullmatch, text.splitlines())):
        key, value = found["key"], found["value"]
        if key.isdecimal():
            arguments[int(key)] = value
        elif key.startswith("gives"):
            gives[int(key.split()[1])] = value
        elif key == "finds":
            finds.append(value)
        elif key == "mutant":
            parts = _MUTANT.fullmatch(value)
            assert parts is not None, value
            mutants.append((parts["old"], parts["new"].replace("\\n", "\n"), parts["finds"]))
        elif key == "parameters":
            parameters = dict(one.split("=") for one in value.split())
        elif key == "runs":
            runs = int(value)
        elif key == "orders":
            orders = int(value)
        elif key == "seeds":
            first, last = value.split("..")
            seeds = tuple(range(int(first), int(last) + 1))
        else:
            raise AssertionError(f"{name}: what is {key!r}?")
    return Page(
        name=name,
        text=text,
        arguments=arguments,
        gives=gives,
        finds=tuple(finds),
        mutants=tuple(mutants),
        runs=runs,
        seeds=seeds,
        orders=orders,
        parameters=parameters,
    )


@cache
def library(aie_arch: int) -> Library:
    compiled = compile_tile_code([TILE_CODE], aie_arch, find_cxx())
    return described_library(compiled, {"tile.cc": TILE_CODE.read_text()})


_kept: list[Child] = []


@contextmanager
def kept_process() -> Iterator[Child]:
    """One process for all designs that leave it alive: to start one takes longer than to run a design."""
    child = _kept.pop() if _kept else Child()
    try:
        yield child
    except Problem:
        child.close()
        raise
    if child.death is None:
        _kept.append(child)
    else:
        child.close()


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tileproof.emulator.design.emulate.process", kept_process)
    monkeypatch.setattr("tileproof.emulator.array.orders.BUDGET_S", PATIENCE_S)


@pytest.fixture
def count(tmp_path: Path) -> Path:
    """Where files of 0, 1, 2, ... lie, by type."""
    for kind in ("int32", "float32"):
        for elements in (16, 32, 48, 64, 128, 160, 192, 320):
            np.save(tmp_path / f"{kind}_{elements}.npy", np.arange(elements, dtype=kind))
    return tmp_path


def run(one: Page, count: Path, manner: Manner | None = None) -> Emulation:
    """Arguments that are said to be `count` are 0, 1, 2, ... in the type that the sequence wants."""
    types = re.findall(r"memref<(\d+)x(\w+)>", one.text[one.text.index("aie.runtime_sequence @") :].split("{")[0])
    numpy = {"i32": "int32", "f32": "float32", "i8": "int8"}
    values = {
        number: str(count / f"{numpy[types[number][1]]}_{types[number][0]}.npy") if value == "count" else value
        for number, value in one.arguments.items()
    }
    return emulate(
        one.text,
        f"{one.name}.mlir",
        library(21 if "aie.device(npu2" in one.text else 20),
        values,
        parameters=one.parameters,
        runs=one.runs,
        manner=manner,
        orders=one.orders,
        timeout_s=IMPATIENCE_S if any("never returned" in words for words in one.finds) else PATIENCE_S,
    )


def found(one: Page, count: Path) -> list[str]:
    """Every finding, from whichever order of events."""
    try:
        answers = [run(one, count, Manner(seed=seed)) for seed in one.seeds] or [run(one, count)]
    except Problem as problem:
        return [problem.text]
    return [str(fault) for answer in answers for fault in answer.faults]


def check_findings(one: Page, count: Path) -> None:
    findings = found(one, count)
    if not one.finds:
        assert findings == []
    for words in one.finds:
        assert any(words in finding for finding in findings), "\n\n".join(findings) or "nothing was found"


@pytest.mark.parametrize("name", NAMES)
def test_a_design_finds_what_its_page_says(name: str, count: Path) -> None:
    check_findings(page(name), count)


@pytest.mark.parametrize("name", [name for name in NAMES if page(name).gives])
def test_a_design_gives_what_its_page_says(name: str, count: Path) -> None:
    one = page(name)
    answer = run(one, count)
    before = {f"a{argument.number}": argument.before for argument in answer.arguments}
    for number, expression in one.gives.items():
        wanted = eval(expression, {"np": np}, before)
        assert answer.arguments[number].after.tolist() == wanted.tolist()


MUTANTS = [(name, number) for name in NAMES for number in range(len(page(name).mutants))]


@pytest.mark.parametrize(("name", "number"), MUTANTS)
def test_a_mutant_is_found_and_named(name: str, number: int, count: Path) -> None:
    check_findings(page(name).mutant(number), count)


def test_there_are_enough_pages_and_each_fits_on_a_screen() -> None:
    assert len(NAMES) >= 40
    assert {name: length for name in NAMES if (length := page(name).text.count("\n")) > 90} == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_good_design_is_good_in_every_order(name: str, count: Path) -> None:
    """No false alarm, and the same bytes: three other legal orders of events."""
    one = page(name)
    if one.finds:
        pytest.skip("it is not a good one")
    for seed in range(3):
        assert [str(fault) for fault in run(one, count, Manner(seed=seed)).faults] == [], f"seed {seed}"


def test_a_misaligned_access_has_the_line_of_the_tile_code(count: Path) -> None:
    (fault,) = run(page("vectors").mutant(0), count).faults
    text = "void load_one_too_far"
    line = TILE_CODE.read_text()[: TILE_CODE.read_text().index(text)].count("\n") + 1

    assert fault.where == (
        f"tile.cc:{line}, the core on core (0, 2), call 1 of load_one_too_far, vectors.mlir:25:9, "
        "address 0x08004 of core (0, 2)"
    )


def test_the_damage_of_a_stack_overflow_is_shown_in_full(count: Path) -> None:
    """The case study: the sums erase the object that is multiplied, and the output is zero."""
    answer = run(page("stack").mutant(0), count)

    assert [str(fault) for fault in answer.faults] == [
        "matmul runs over the end of the stack of core (0, 2): its local arrays take 4,096 bytes, and stack_size is "
        "1,024\n"
        "  where: the core on core (0, 2), call 1 of matmul, stack.mlir:25:9\n"
        "  why:   acc of matmul has 4,096, and 32 are the core's entry; above the stack lie the buffers, and this call "
        "changed 2,035 of the 2,048 bytes of input_cons_buff_0\n"
        "  fix:   give the core stack_size = 8192, or keep the array in an aie.buffer"
    ]
    assert not answer.arguments[1].after.any()
    as_hardware = run(page("stack").mutant(0), count, Manner(as_hardware=True))
    assert as_hardware.is_good
    assert not as_hardware.arguments[1].after.any()
    assert run(page("stack"), count).arguments[1].after.any()


SILENT_MUTANTS = [
    ("double", 0),
    ("vectors", 0),
    ("sum", 0),
    ("sum_again", 0),
    ("stack", 0),
    ("five_tasks", 0),
    ("wait", 0),
    ("synchronized", 0),
    ("packets", 0),
    ("bd_again", 0),
]


@pytest.mark.parametrize(("name", "number"), SILENT_MUTANTS)
def test_as_hardware_the_silent_ones_are_silent(name: str, number: int, count: Path) -> None:
    one = page(name).mutant(number)
    loud = run(one, count)
    assert {fault.id for fault in loud.faults} & SILENT
    silent = run(one, count, Manner(as_hardware=True))
    assert {fault.id for fault in silent.faults} & SILENT == set()


@pytest.mark.parametrize("name", ["double", "stack", "broadcast", "packets_meet"])
def test_the_same_seed_gives_the_same_bytes_and_the_same_report(name: str, count: Path) -> None:
    for manner in (Manner(trace=True), Manner(seed=5)):
        first, second = (run(page(name), count, manner) for _ in range(2))
        assert first.reports == second.reports
        assert [a.after.tobytes() for a in first.arguments] == [a.after.tobytes() for a in second.arguments]
