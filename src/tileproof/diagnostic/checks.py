"""The checks: what is wrong with a design, its tile code or a built pair, said before anything runs.

An id keeps its meaning for ever; a check that goes leaves a gap.
"""

from __future__ import annotations

from tileproof.diagnostic.checks_built import BUILT
from tileproof.diagnostic.checks_code import CODE, PLACEMENT
from tileproof.diagnostic.checks_dma import DMA
from tileproof.diagnostic.checks_fifos import FIFOS
from tileproof.diagnostic.checks_memory import MEMORY, STACK
from tileproof.diagnostic.checks_text import TEXT
from tileproof.diagnostic.entry import Entry

GROUPS = {
    "TP0": "the text",
    "TP1": "memory",
    "TP2": "stack",
    "TP3": "DMA",
    "TP4": "fifos",
    "TP5": "code",
    "TP6": "placement",
    "TP7": "the built pair",
}
CHECKS = (*TEXT, *MEMORY, *STACK, *DMA, *FIFOS, *CODE, *PLACEMENT, *BUILT)


def group_of(check: Entry) -> str:
    return GROUPS[check.id[:3]]
