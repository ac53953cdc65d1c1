"""What XRT has no word for: how the emulator behind `import pyxrt` is to run."""

from __future__ import annotations

from dataclasses import dataclass, field

from tileproof.emulator.library import Manner


@dataclass
class Settings:
    """`watchdog_s`: after this long without an answer a run is ended (the driver: 2 s);
    `manner`: how contexts that are made from now on run."""

    watchdog_s: float = 30.0
    manner: Manner = field(default_factory=Manner)


settings = Settings()
