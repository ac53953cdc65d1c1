"""Stack frames of tile code as the host's GCC counts them: an estimate, since only Peano knows the device's own."""

from __future__ import annotations

import platform
import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tileproof import library
from tileproof.errors import Problem
from tileproof.toolchain.cxx import find_cxx

_TIMEOUT_S = 60.0
_NODE = re.compile(r'node: { title: "(?P<title>[^"]+)" label: "(?P<label>[^"]*)"')
_EDGE = re.compile(r'edge: { sourcename: "(?P<caller>[^"]+)" targetname: "(?P<callee>[^"]+)"')
_BYTES = re.compile(r"(\d+) bytes")


@dataclass(frozen=True, slots=True)
class Frame:
    """What one function takes of the stack."""

    function: str
    nbytes: int


@dataclass(frozen=True)
class Frames:
    """The call graph of some tile code: a frame by the name in the object file, and who calls whom."""

    frames: Mapping[str, Frame] = field(default_factory=dict)
    calls: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def worst_path(self, function: str) -> tuple[Frame, ...]:
        """The frames from `function` down that together are the largest; a function that calls itself counts once."""
        return self._worst(function, frozenset())

    def _worst(self, name: str, above: frozenset[str]) -> tuple[Frame, ...]:
        if name not in self.frames or name in above:
            return ()
        below = (self._worst(callee, above | {name}) for callee in self.calls.get(name, ()))
        return (self.frames[name], *max(below, key=_total, default=()))


def _total(path: tuple[Frame, ...]) -> int:
    return sum(frame.nbytes for frame in path)


def measure_frames(tile_code: Mapping[str, str], aie_arch: int, headers: Mapping[str, str]) -> Frames | None:
    """Compile texts by file name for the host, and read the frames; None where that cannot be done here. `headers` are
    what they include, by that name.

    Without a red zone, which the device has not either.
    """
    try:
        cxx = find_cxx()
    except Problem:
        return None
    if cxx.is_clang:
        return None  # only GCC writes call graphs
    red_zone = ["-mno-red-zone"] if platform.machine() in ("x86_64", "AMD64") else []
    flags = ["-std=c++20", "-O2", "-fwrapv", "-fcallgraph-info=su", *red_zone, f"-D__AIE_ARCH__={aie_arch}"]
    with tempfile.TemporaryDirectory(prefix="tileproof-frames-") as folder:
        for name, text in headers.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        for number, text in enumerate(tile_code.values()):
            (Path(folder) / f"{number}.cc").write_text(text, encoding="utf-8")
            command = [*cxx.command, *flags, "-I", str(library.include_dir()), "-c", f"{number}.cc"]
            try:
                done = subprocess.run(command, cwd=folder, capture_output=True, timeout=_TIMEOUT_S, check=False)
            except (OSError, subprocess.TimeoutExpired):
                return None
            if done.returncode:
                return None  # what is wrong with the code is the build's to say
        return read_frames(path.read_text(encoding="utf-8", errors="replace") for path in Path(folder).glob("*.ci"))


def read_frames(graphs: Iterable[str]) -> Frames:
    """The call graph in what GCC's -fcallgraph-info=su wrote, one text for each file."""
    frames: dict[str, Frame] = {}
    calls: dict[str, set[str]] = defaultdict(set)
    for graph in graphs:
        for node in _NODE.finditer(graph):
            size = _BYTES.search(node["label"])
            if size is not None:
                frames[node["title"]] = Frame(node["label"].split("\\n")[0], int(size[1]))
        for edge in _EDGE.finditer(graph):
            calls[edge["caller"]].add(edge["callee"])
    return Frames(frames, {caller: frozenset(callees) for caller, callees in calls.items()})
