"""The mlir-aie that people have, as data: which days of its main branch, and what differs between them.

Facts: mlir-aie's history, where each field's comment names the change; what it makes of designs was compared with its
own answers for 2026-03, 2026-08 and, as far as locks are concerned, 2026-08-14. 2026-06 is read off the changes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One mlir-aie. Between `since` and `until`, both included, every field below holds; `until` is None for the
    newest.

    `mark` is a pass of its aie-opt that no earlier version has.
    """

    name: str
    release: str
    commit: str
    since: str
    until: str | None = None
    mark: str | None = None

    # How a design is spelled.
    allocates_by_tile: bool = False  # aie.shim_dma_allocation names a tile, and no column: #2727, 2025-12-16
    links_by_function: bool = False  # link_with stands on the function, not on the core: #2922, 2026-03-12
    has_logical_tiles: bool = False  # aie.logical_tile: #2888, 2026-03-11
    places_tiles: bool = False  # aie-place-tiles gives them their places: #2900, 2026-03-30
    unrolls_sequences: bool = False  # loops of a sequence are written out: #3226, 2026-07-07
    numbers_are_values: bool = False  # SSA values, and BDs by name: #3225, #3308, #3306, 2026-07-06 to 14

    has_scratchpads: bool = False  # aie-lower-scratchpad-parameters; it is in aie-opt of 2026-06-19

    has_traces: bool = False  # aie.trace: #2705, 2026-03-04

    # What it makes of a design.
    lowering_is_known: bool = True
    joins_rows: bool = False  # rows that lie side by side are one linear transfer: #2924, 2026-04-07
    keeps_addresses: bool = False  # what asks for an address lies there: #3003, #3037, 2026-04-16 and 2026-05-08
    aligns_buffers: bool = False  # and the stack is looked at in every bank: #3037, 2026-05-08
    cycles_without_locks: bool = False  # initial values that iter_count sends again and again: #3077, May 2026
    repeats_in_hardware: bool = False  # one BD whose task is repeated, not a chain: #3115, 2026-05-29
    routes_traces: bool = False  # aie-insert-trace-flows; a broadcast is an event: #2962, #2988, 2026-03-25 and 30
    traces_units_once: bool = False  # the second trace of a unit is refused: #3196, 2026-06-25
    appends_trace_buffer: bool = False  # host_config names no argument: #3252, 2026-07-10
    folds_aperture: bool = False  # the DDR aperture, for arguments from 5 on: #3252, 2026-07-10
    pins_channels: bool = False  # the channels that a fifo asks for: #3325, 2026-07-13
    splits_transfers: bool = False  # what is beyond a BD's limits: #3392, 2026-07-24
    numbers_locks_last: bool = False  # lock ids are given when fifos are lowered: #3377, 2026-08-13
    unrolls_rightly: bool = False  # loops over fifos, whatever they run: #3298, 2026-08-13


# Each says what came with it.
_2025_11 = Version(
    name="2025-11",
    release="v1.1.x",
    commit="ddf9453dc",
    since="2025-11-18",
    until="2025-12-15",
    lowering_is_known=False,
)
_2026_03 = replace(
    _2025_11,
    name="2026-03",
    release="v1.3.1",
    commit="7fa34218b",
    since="2026-03-12",
    until="2026-03-29",
    mark="aie-assign-core-link-files",
    lowering_is_known=True,
    allocates_by_tile=True,
    links_by_function=True,
    has_logical_tiles=True,
    has_traces=True,
)
_2026_06 = replace(
    _2026_03,
    name="2026-06",
    release="wheels of June 2026",
    commit="8da13e91d",
    since="2026-05-29",
    until="2026-07-05",
    mark="aie-place-tiles",
    has_scratchpads=True,
    places_tiles=True,
    joins_rows=True,
    keeps_addresses=True,
    aligns_buffers=True,
    cycles_without_locks=True,
    repeats_in_hardware=True,
    routes_traces=True,
)
_2026_08 = replace(
    _2026_06,
    name="2026-08",
    release="wheels of late July and early August 2026",
    commit="a9e39faeb",
    since="2026-07-24",
    until="2026-08-12",
    mark="aie-objectfifo-liveness",
    unrolls_sequences=True,
    numbers_are_values=True,
    traces_units_once=True,
    appends_trace_buffer=True,
    folds_aperture=True,
    pins_channels=True,
    splits_transfers=True,
)
_2026_08_14 = replace(
    _2026_08,
    name="2026-08-14",
    release="wheels since 2026-08-13",
    commit="3ca0193ce",
    since="2026-08-13",
    until=None,
    mark="aie-objectFifo-unroll",
    numbers_locks_last=True,
    unrolls_rightly=True,
)

# From the oldest to the newest.
VERSIONS = (_2025_11, _2026_03, _2026_06, _2026_08, _2026_08_14)
NEWEST = VERSIONS[-1]
# Those whose buffers, locks, BDs and words the lowering reproduces; of v1.1.x we know the spelling only.
LOWERED_VERSIONS = tuple(version for version in VERSIONS if version.lowering_is_known)


def version_named(name: str) -> Version:
    """The version of that name; `KeyError` where there is none."""
    return {version.name: version for version in VERSIONS}[name]


def versions_that(holds: Callable[[Version], bool]) -> tuple[str, ...]:
    """The names of the versions of which that is true."""
    return tuple(version.name for version in VERSIONS if holds(version))


def version_of(passes: Collection[str]) -> Version:
    """The version of an aie-opt with these passes: the newest whose mark it has.

    A tool of a day between two versions is taken for the older one.
    """
    return next(version for version in reversed(VERSIONS) if version.mark is None or version.mark in passes)
