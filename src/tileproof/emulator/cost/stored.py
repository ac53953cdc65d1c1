"""What tile code costs, as JSON beside its compiled form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tileproof.diagnostic import Place
from tileproof.emulator.cost.code import CodeCost, LoopCost, RegionCost
from tileproof.emulator.cost.machine import Slot


def cost_bytes(cost: CodeCost) -> bytes:
    """Equal costs give equal bytes."""
    whole = {
        "regions": [_region_json(region) for region in cost.regions],
        "loops": [{**asdict(loop), "region": _region_json(loop.region)} for loop in cost.loops],
        "counters": cost.counters,
        "port_bytes": cost.port_bytes,
    }
    return json.dumps(whole, separators=(",", ":")).encode()


def cost_read(data: bytes) -> CodeCost:
    """From those; of none for no bytes. Raises what a wrong shape raises."""
    return _cost(json.loads(data)) if data else CodeCost()


def _cost(data: Mapping[str, Any]) -> CodeCost:
    return CodeCost(
        regions=tuple(_region(one) for one in data["regions"]),
        loops=tuple(
            LoopCost(**{**one, "region": _region(one["region"]), "entries": tuple(one["entries"])})
            for one in data["loops"]
        ),
        counters=int(data["counters"]),
        port_bytes=int(data["port_bytes"]),
    )


def _region_json(region: RegionCost) -> dict[str, object]:
    lines = {str(line): _slots_json(slots) for line, slots in region.lines.items()}
    place = [region.place.file, region.place.line]
    return {**asdict(region), "place": place, "slots": _slots_json(region.slots), "lines": lines}


def _slots_json(slots: Mapping[Slot, int]) -> dict[str, int]:
    return {slot.value: count for slot, count in slots.items()}


def _region(data: Mapping[str, Any]) -> RegionCost:
    file, line = data["place"]
    lines = {int(number): _slots(slots) for number, slots in data["lines"].items()}
    return RegionCost(**{**data, "place": Place(file, line), "slots": _slots(data["slots"]), "lines": lines})


def _slots(data: Mapping[str, int]) -> dict[Slot, int]:
    return {Slot(name): int(count) for name, count in data.items()}
