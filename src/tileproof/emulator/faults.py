"""What the emulator found wrong in a run, as data that crosses the process boundary."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One finding: a kind for programs, and what, where, why and how to mend it for people."""

    kind: str
    what: str
    where: str = ""
    why: str = ""
    fix: str = ""

    def __str__(self) -> str:
        lines = [self.what]
        for label, text in (("where", self.where), ("why", self.why), ("fix", self.fix)):
            if text:
                lines.append(f"  {label + ':':<7}" + text.replace("\n", "\n         "))
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """How a run ended: the ERT state XRT would report, and every fault that was found."""

    state: int
    faults: tuple[Fault, ...] = ()
    seconds: float = 0.0
    calls: int = 0  # of tile functions
