"""Stack frames of tile code as the host's GCC counts them: an estimate, since only Peano knows the device's own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_NODE = re.compile(r'node: { title: "(?P<title>[^"]+)" label: "(?P<label>[^"]*)"')
_EDGE = re.compile(r'edge: { sourcename: "(?P<caller>[^"]+)" targetname: "(?P<callee>[^"]+)"')
_BYTES = re.compile(r"(\d+) bytes")


@dataclass(frozen=True, slots=True)
class Frame:
    """What one function takes of the stack."""

    function: str
    nbytes: int
    # Takes more while it runs: alloca, or an array of a size that is no constant. What GCC calls dynamic and bounded,
    # such as arguments that it pushes, is in `nbytes`.
    is_dynamic: bool = False


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

    def unbounded(self, function: str) -> str:
        """Why nobody can say before what the stack of `function` takes; empty where it can be said."""
        for name in sorted(self._reached(function)):
            if name in self.frames and self.frames[name].is_dynamic:
                return f"{self.frames[name].function} takes some of it while it runs"
            if name in self.frames and name in self._reached(name, itself=False):
                return f"{self.frames[name].function} calls itself"
        return ""

    def _reached(self, name: str, *, itself: bool = True) -> frozenset[str]:
        """All that a function may call, directly or not."""
        reached: set[str] = {name} if itself else set()
        waiting = list(self.calls.get(name, ()))
        while waiting:
            one = waiting.pop()
            if one not in reached:
                reached.add(one)
                waiting += self.calls.get(one, ())
        return frozenset(reached)


def _total(path: tuple[Frame, ...]) -> int:
    return sum(frame.nbytes for frame in path)


def read_frames(graphs: Iterable[str]) -> Frames:
    """The call graph in what GCC's -fcallgraph-info=su wrote, one text for each file."""
    frames: dict[str, Frame] = {}
    calls: dict[str, set[str]] = defaultdict(set)
    for graph in graphs:
        for node in _NODE.finditer(graph):
            size = _BYTES.search(node["label"])
            if size is not None:
                frames[node["title"]] = Frame(
                    node["label"].split("\\n")[0], int(size[1]), is_dynamic="(dynamic)" in node["label"]
                )
        for edge in _EDGE.finditer(graph):
            calls[edge["caller"]].add(edge["callee"])
    return Frames(frames, {caller: frozenset(callees) for caller, callees in calls.items()})
