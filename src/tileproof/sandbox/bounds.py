"""What a process of foreign code may touch, as data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

_GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The first three are of each process, and the kernel's to hold. `tasks` (processes and threads) and
    `resident_bytes` are of all that a process has started together, and the warden's. `wait_s` is how long one program
    or one answer is waited for."""

    cpu_s: int = 3600
    address_bytes: int = 16 * _GIB
    file_bytes: int = 2 * _GIB
    tasks: int = 256
    resident_bytes: int = 8 * _GIB
    wait_s: float = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """`reads` are files and folders that may be read and executed, `writes` folders that may be written as well; there
    is no network. `starts_processes` is for what consists of several programs, such as a compiler."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    starts_processes: bool = False
    limits: Limits = field(default_factory=Limits)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Bounds:
        fields = json.loads(text)
        named = {name: tuple(fields.pop(name)) for name in ("reads", "writes")}
        return cls(**{**fields, **named, "limits": Limits(**fields["limits"])})
