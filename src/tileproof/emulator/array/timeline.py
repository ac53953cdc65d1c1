"""What the cycle model says of a run: how long it took, what bound it, and who did what when."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tileproof.emulator.array.critical_path import Leg, shares
from tileproof.emulator.array.engine import Span
from tileproof.emulator.array.regions import RegionUse
from tileproof.emulator.cost.advice import Advice
from tileproof.emulator.cost.profile import CodeUse, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """A resource that worked: what bound a run if it is the busiest. `kind` is compute, DMA or dispatch, and `stage`
    what its work is to the run."""

    kind: str
    name: str
    cycles: int
    detail: str = ""
    stage: str = ""
    work: Work = field(default_factory=Work)

    @property
    def macs_per_cycle(self) -> float:
        """While it works; 0 where it did not."""
        return self.work.macs / self.cycles if self.cycles else 0.0

    @property
    def bytes_per_cycle(self) -> float:
        """The same."""
        return self.work.nbytes / self.cycles if self.cycles else 0.0

    @property
    def of_peak(self) -> float:
        """How near it comes to the most that it can do of either, while it works."""
        most = self.work
        return max(self.macs_per_cycle / (most.peak_macs or 1), self.bytes_per_cycle / (most.peak_bytes or 1))

    def figures(self) -> dict[str, object]:
        """For programs."""
        return {
            "busy": self.cycles,
            "macs_per_cycle": round(self.macs_per_cycle, 2),
            "bytes_per_cycle": round(self.bytes_per_cycle, 2),
            "share_of_peak": round(self.of_peak, 4),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One run by the cycle model. `cycles` are those after `dispatch`, which passes before anything begins; `path` is
    the chain of events that they are made of, `code` what each core's tile functions took, `regions` what they took
    from event0 to event1. `begin` is the cycle of its context, from 0, and `name` whatever the one who asked calls the
    run."""

    cycles: int
    dispatch: int
    busy: tuple[Busy, ...]
    path: tuple[Leg, ...] = field(default=(), repr=False)
    code: tuple[CodeUse, ...] = field(default=(), repr=False)
    regions: tuple[RegionUse, ...] = field(default=(), repr=False)
    spans: tuple[Span, ...] = field(default=(), repr=False)
    begin: int = 0
    name: str = ""

    @property
    def binding(self) -> Busy | None:
        return max(self.busy, key=lambda busy: busy.cycles, default=None)

    @property
    def busiest(self) -> CodeUse | None:
        """The core whose tile functions take most."""
        return max(self.code, key=lambda use: use.expected, default=None)

    @property
    def stages(self) -> dict[str, int]:
        """The cycles of the critical path by stage of the run, the longest first, and what was waited through idly by
        whom. They add up to the run."""
        of = {busy.name: busy.stage for busy in self.busy}
        total: Counter[str] = Counter()
        for leg in self.path:
            total[f"idle: {leg.task}" if leg.is_idle else of.get(leg.task, leg.task)] += leg.cycles
        return dict(total.most_common())

    def figures(self) -> dict[str, object]:
        """For programs. `slot_bound` and `expected` are of the tile functions of the busiest core; `listing`, which the
        NPU's own compiler would have to give, is null here."""
        use, binding = self.busiest, self.binding
        return {
            "run": self.cycles,
            "dispatch": self.dispatch,
            "slot_bound": use.slot_bound if use is not None else 0,
            "expected": use.expected if use is not None else 0,
            "listing": None,
            "binding": f"{binding.kind}: {binding.name}" if binding is not None else "",
            "resources": {busy.name: busy.figures() for busy in self.busy},
            "critical_path": [
                {"task": task, "label": label, "cycles": cycles, "share": round(cycles / max(self.cycles, 1), 4)}
                for task, label, cycles in shares(self.path)
            ],
            "stages": self.stages,
            "regions": [region.as_json() for region in self.regions],
        }

    def __str__(self) -> str:
        bound = self.binding
        took = f"modelled: {self.cycles:,} cycles after {self.dispatch:,} of dispatch"
        if bound is None or not bound.cycles:
            return took
        detail = f", there {bound.detail}" if bound.detail else ""
        return f"{took}; {bound.kind}-bound: {bound.cycles:,} of {self.cycles:,} cycles on {bound.name}{detail}"


# Objects that are moved by one launch instead of one, for what that would save.
_OBJECTS = 8


def launch_advice(timeline: Timeline) -> list[Advice]:
    """What sharing a launch among several objects would save of each, if the host's part is a tenth of it or more."""
    streams = {busy.name for busy in timeline.busy if busy.kind == "dispatch" and busy.cycles}
    on_path = sum(leg.cycles for leg in timeline.path if leg.task in streams)
    host = timeline.dispatch + on_path
    if not streams or host < (timeline.dispatch + timeline.cycles) / 10:
        return []
    return [
        Advice(
            what=f"move more objects in one launch, such as {_OBJECTS}",
            where="the runtime sequence",
            why=f"dispatch takes {timeline.dispatch:,} cycles, and what is waited for of its instructions {on_path:,}, "
            "however much is moved",
            gain=host - host // _OBJECTS,
        )
    ]
