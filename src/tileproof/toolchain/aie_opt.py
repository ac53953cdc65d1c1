"""What aie-opt is asked for: the passes by which aiecc gives a design its addresses, as far as this aie-opt has them.

Facts: python/compiler/aiecc/main.py of v1.1.x, tools/aiecc/aiecc.cpp of March and June, IRTransforms.h of August 2026.
Passes come and go between versions, so they are chosen by what `aie-opt --help` lists, in the order in which aiecc runs
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set

from tileproof.mlir_aie_versions import VERSIONS, Version
from tileproof.toolchain.tool import Tool, ask

_UNROLLS = "aie-objectFifo-unroll"
_STATEFUL = "aie-objectFifo-stateful-transform"
_OPTIONS = {
    _UNROLLS: "{default-dynamic=false}",
    "aie-assign-buffer-addresses": "{alloc-scheme=bank-aware}",
}
# Where a design has tiles without a place, and traces.
_PLACES = ("aie-place-tiles",)
_TRACES = ("aie-insert-trace-flows", "aie-trace-to-config", "aie-trace-pack-reg-writes", "aie-inline-trace-config")
_LOCKS = "aie-assign-lock-ids"
_ADDRESSES = (
    *("aie-assign-bd-ids", "aie-lower-cascade-flows", "aie-lower-broadcast-packet", "aie-lower-multicast"),
    *("aie-assign-tile-controller-ids", "aie-assign-buffer-addresses"),
)
_ALWAYS = ("lower-affine", "aie-canonicalize-device", _LOCKS, _STATEFUL, *_ADDRESSES)


def passes_in(help_text: str) -> frozenset[str]:
    """The passes, and whatever else begins with two dashes, in what `--help` prints."""
    return frozenset(re.findall(r"^\s*--([A-Za-z][\w-]*)", help_text, re.MULTILINE))


def passes_of(aie_opt: Tool, environ: Mapping[str, str]) -> frozenset[str]:
    """Those of an aie-opt that was found."""
    return passes_in(ask([*aie_opt.command, "--help"], environ).text)


def passes_of_version(version: Version) -> frozenset[str]:
    """Those that a pipeline could use of an aie-opt that is not here."""
    marks = {older.mark for older in VERSIONS[: VERSIONS.index(version) + 1] if older.mark}
    found = {*_ALWAYS, *marks}
    found |= {*_if(_PLACES, version.places_tiles), *_if(_TRACES[:1], version.routes_traces)}
    found |= {*_if(_TRACES[1:], version.has_traces)}
    return frozenset(found if version.numbers_are_values else found | {"aie-register-objectFifos"})


def pipeline(passes: Set[str], design: str, *, objects: bool, addresses: bool) -> str:
    """The argument of `--pass-pipeline` for the design in that text: as far as the objects of fifos, on to addresses,
    or both. `passes` are those that there are."""
    parts: list[str] = []
    if objects:
        early = [*_if(_PLACES, "aie.logical_tile" in design), *_if(_TRACES, "aie.trace" in design)]
        parts += _nested(_known(early, passes))
        parts += _known(("lower-affine", "aie-canonicalize-device"), passes)
        parts += _nested(_known(_objects(passes), passes))
    if addresses:
        parts += _nested(_known(_ADDRESSES, passes))
    return f"builtin.module({','.join(parts)})"


def _objects(passes: Set[str]) -> tuple[str, ...]:
    if _UNROLLS in passes:
        return _STATEFUL, _UNROLLS, _LOCKS
    return _LOCKS, "aie-register-objectFifos", _STATEFUL


def _known(names: Iterator[str] | tuple[str, ...] | list[str], passes: Set[str]) -> list[str]:
    return [name + _options(name, passes) for name in names if name in passes]


def _options(name: str, passes: Set[str]) -> str:
    """An explicit value for each option whose default has changed."""
    if name == _STATEFUL:
        dynamic = "" if _UNROLLS in passes else "dynamic-objFifos=false "
        return f"{{{dynamic}packet-sw-objFifos=false}}"
    return _OPTIONS.get(name, "")


def _if(names: tuple[str, ...], wanted: bool) -> tuple[str, ...]:
    return names if wanted else ()


def _nested(names: list[str]) -> list[str]:
    return [f"aie.device({','.join(names)})"] if names else []
