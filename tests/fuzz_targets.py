"""What `scripts/fuzz` feeds: for each kind of file that a user may hand over, one function of its bytes.

It calls the readers that the commands call. An answer and a `Problem` are right; whatever else is raised is a finding,
as is what takes longer than `LONGEST_S`, or more memory than `MOST_BYTES`.
"""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, NoReturn
from unicodedata import category

import numpy as np

from tileproof.check.built import check_built
from tileproof.check.checked import BuiltFile
from tileproof.check.run import check_design
from tileproof.errors import Problem
from tileproof.explain import explain
from tileproof.insts import Write, decode, encode, stream_for
from tileproof.insts.difference import compare_instructions, instructions_text
from tileproof.insts.listing import list_instructions, listing_text
from tileproof.kernel.banks import Banks
from tileproof.kernel.render import render
from tileproof.kernel.sound import frames, read_sound
from tileproof.kernel.spec import load_spec, with_banks
from tileproof.library import source_texts
from tileproof.lowering.lower import lower_design
from tileproof.mlir.printer import respelled
from tileproof.mlir.reader import read_design
from tileproof.mlir_aie_versions import NEWEST
from tileproof.pdi.listing import configuration_of, configuration_text
from tileproof.printable import printable
from tileproof.report.drawing import design_text, lowered_text
from tileproof.report.findings import as_json, as_text
from tileproof.report.show import kernel_text
from tileproof.xclbin import read_xclbin, write_xclbin
from tileproof.xclbin.description import Description, describe, description_text, host_call, section_text
from tileproof.xclbin.difference import compare, comparison_text
from tileproof.xclbin.rebank import Directives, rebank

Target = Callable[[bytes], None]

# Of an input of a few kilobytes. The slowest of the corpus takes a tenth of a second.
LONGEST_S = 10
MOST_BYTES = 1 << 30

_OTHER_INSTS = encode(stream_for("npu1", (Write(address=0x1D000, value=1),)))
_SAMPLE_RATE, _FRAME, _HOP = 16_000, 400, 160  # mel's


def xclbin(data: bytes) -> None:
    """inspect, check, rebank, diff; and what is written again reads the same."""
    name = "a.xclbin"
    read = read_xclbin(data, name)
    assert read_xclbin(write_xclbin(read), name) == read
    described = describe(data, name)
    _show(description_text(described), host_call(described, name, {3: 64}), _json(asdict(described)))
    for section in read.sections:
        _show(section_text(data, name, section.kind_name))
    insts = BuiltFile("insts.bin", _OTHER_INSTS)
    _show(as_text(check_built(BuiltFile(name, data), insts), name))
    made = rebank(data, name, _directives(described))
    assert describe(made, name).pdis == described.pdis
    _show(comparison_text(compare(data, made, name, "b.xclbin")))


def _directives(described: Description) -> Directives:
    """Everything that there is, moved to the first bank, and that one as large again."""
    tags = [bank.tag for bank in described.banks[:1]]
    buffers = [one.index for kernel in described.kernels[:1] for one in kernel.arguments if one.kind == "buffer"]
    return Directives(
        arguments={str(index): tag for index in buffers for tag in tags},
        memories={bank.tag: bank.size_kb // 2 for bank in described.banks[:1]},
        columns=1 if described.columns else None,
    )


def insts(data: bytes) -> None:
    """inspect and diff; and what is written again is the same."""
    name = "insts.bin"
    assert encode(decode(data, name)) == data
    listing = list_instructions(data, name)
    _show(listing_text(listing, name), _json(asdict(listing)))
    assert not compare_instructions(data, data, name, name).differs
    _show(instructions_text(compare_instructions(data, _OTHER_INSTS, name, "other.bin")))


def pdi(data: bytes) -> None:
    """inspect of a PDI, a CDO or an ELF, whatever it looks like."""
    found = configuration_of(data, "main.pdi")
    _show(configuration_text(found), _json(asdict(found)))


def mlir(data: bytes) -> None:
    """inspect --print, check, inspect and --lowered. Reading comes first, since xDSL takes most of the time."""
    name, text = "design.mlir", data.decode(errors="replace")
    design = read_design(text, name)
    _show(respelled(text, name, NEWEST))
    found = check_design(text, name, {})
    _show(as_text(found, name), as_json(found, name))
    lowered = lower_design(design)
    _show(design_text(design, lowered, name), lowered_text(lowered, name))


def spec(data: bytes) -> None:
    """show of a folder with this kernel.toml and no other file of its own."""
    path = _folder() / "kernel.toml"
    path.write_bytes(data)
    loaded = with_banks(load_spec(path.parent), Banks())
    texts = render(loaded, loaded.targets[0], {}, source_texts(path.parent))
    _show(kernel_text(loaded, texts["design.mlir"]))


def log(data: bytes) -> None:
    """explain of a log on standard input."""
    found = explain(data.decode(errors="replace"))
    _show(*map(str, found), _json([one.as_json() for one in found]))


def wav(data: bytes) -> None:
    """verify --wav, as far as the frames."""
    path = _folder() / "a.wav"
    path.write_bytes(data)
    samples = read_sound(path, _SAMPLE_RATE)
    assert np.isfinite(samples).all()
    assert len(frames(samples, _FRAME, _HOP))


TARGETS: dict[str, Target] = {one.__name__: one for one in (xclbin, insts, pdi, mlir, spec, log, wav)}


class TooLong(BaseException):
    """No `Exception`, which a reader may take for the file's mistake."""


def feed(target: Target, data: bytes) -> None:
    """Raises for a finding, and for nothing else: `TooLong`, `MemoryError`, and whatever the reader let through."""
    with _time_bound(), _memory_bound():
        try:
            target(data)
        except Problem as problem:
            _show(problem.paragraph, _json(problem.diagnostic.as_json()))


@contextlib.contextmanager
def _time_bound() -> Iterator[None]:
    """`LONGEST_S` of the processor's time: a machine that does something else is not the reader's fault."""

    def refuse(*_: object) -> NoReturn:
        raise TooLong(f"it took longer than {LONGEST_S} s")

    before = signal.signal(signal.SIGPROF, refuse)
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextlib.contextmanager
def _memory_bound() -> Iterator[None]:
    """`MOST_BYTES` more than the process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MOST_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


# By Unicode's own classes, so that `printable` is not held against itself.
_OBEYED = frozenset(c for c in map(chr, range(sys.maxunicode + 1)) if category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp"))


def _show(*texts: str) -> None:
    """As a terminal gets them."""
    for text in texts:
        obeyed = set(printable(text)) & (_OBEYED - {"\n", "\t"})
        assert not obeyed, f"a terminal would be given {obeyed}"


def _json(value: Any) -> str:
    return json.dumps(value, default=lambda other: other.hex() if isinstance(other, bytes) else str(other))


@cache
def _folder() -> Path:
    """One for the whole process, which takes it along when it ends."""
    folder = tempfile.TemporaryDirectory(prefix="tileproof-fuzz-")
    _KEPT.append(folder)
    return Path(folder.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []
