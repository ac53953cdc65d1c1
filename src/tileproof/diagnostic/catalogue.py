"""Everything that can be wrong, by id."""

from __future__ import annotations

from tileproof.diagnostic.checks import CHECKS
from tileproof.diagnostic.devices import DEVICES
from tileproof.diagnostic.entry import Entry
from tileproof.diagnostic.faults import FAULTS
from tileproof.diagnostic.files import FILES
from tileproof.diagnostic.kernel_files import BANKS, PYTHON, SOUNDS, SPECS, TEMPLATES
from tileproof.diagnostic.machine import MACHINE
from tileproof.diagnostic.mistakes import MISTAKES
from tileproof.diagnostic.refusals import REFUSALS
from tileproof.diagnostic.run_refusals import RUN_REFUSALS
from tileproof.diagnostic.tools import TOOLS
from tileproof.diagnostic.words import WORDS
from tileproof.diagnostic.words_driver import DRIVER_WORDS
from tileproof.diagnostic.words_tools import TOOL_WORDS

# A title, a sentence, and the entries.
GROUPS: tuple[tuple[str, str, tuple[Entry, ...]], ...] = (
    (
        "Checks",
        "What `tileproof check` finds in a design, its tile code or a built pair, before anything runs.",
        CHECKS,
    ),
    ("Faults", "What the emulator meets while a design runs. Most of it happens on the device without a word.", FAULTS),
    ("Mistakes of hosts", "What `tileproof run` finds in a program that calls pyxrt.", MISTAKES),
    (
        "Ends of a run",
        "What ends a run of the emulator, because it cannot go on or would not be the device's.",
        RUN_REFUSALS,
    ),
    ("The command line", "What was asked for, and cannot be had.", REFUSALS),
    (
        "Kernels",
        "What is wrong with a kernel's own files: its kernel.toml, its Python, its templates, and sounds for it.",
        (*SPECS, *PYTHON, *TEMPLATES, *BANKS, *SOUNDS),
    ),
    ("Builds", "What goes wrong in a build, or with the tools that it takes.", TOOLS),
    ("Files", "What is wrong with an xclbin, its instructions, a recording or another built file.", FILES),
    ("Devices", "Why an NPU cannot be had, here or on other machines, or proves nothing.", DEVICES),
    ("The machine", "What is not here, or has gone wrong outside tileproof.", MACHINE),
    ("Words of XRT", "What `tileproof explain` finds in a log of XRT, its NPU shim or xclbinutil.", WORDS),
    (
        "Words of the driver",
        "What `tileproof explain` finds in a log of amdxdna, its calls and the runtimes above it.",
        DRIVER_WORDS,
    ),
    (
        "Words of the tools",
        "What `tileproof explain` finds in a log of aiecc, aie-opt, the linker or Peano.",
        TOOL_WORDS,
    ),
)
CATALOGUE = tuple(entry for _, _, entries in GROUPS for entry in entries)

_BY_ID = {entry.id: entry for entry in CATALOGUE}


def entry_of(id_: str) -> Entry:
    """The entry of that id, which exists."""
    return _BY_ID[id_]


def entry_named(text: str) -> Entry | None:
    """The entry of an id or a name, in whatever letters; None for another word."""
    wanted = text.strip().lower()
    return next((entry for entry in CATALOGUE if wanted in (entry.id.lower(), entry.name)), None)
