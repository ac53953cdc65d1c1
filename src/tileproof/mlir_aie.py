"""The states of mlir-aie whose spelling and whose choices tileproof knows.

"2025-11" is v1.1.x, "2026-03" is commit 7fa34218b, "2026-08" is 3ca0193ce with the objectfifo pass of a9e39faeb.
"""

from __future__ import annotations

from typing import Literal

State = Literal["2025-11", "2026-03", "2026-08"]
STATES: tuple[State, ...] = ("2025-11", "2026-03", "2026-08")

# The states whose buffers, locks, BDs and words the lowering reproduces; of v1.1.x we know the spelling only.
LoweredState = Literal["2026-03", "2026-08"]
LOWERED_STATES: tuple[LoweredState, ...] = ("2026-03", "2026-08")
NEWEST: LoweredState = "2026-08"
