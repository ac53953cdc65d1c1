"""[banks] on the objects of fifos: mlir-aie takes a place on an aie.buffer, and a fifo's are there only when it is
lowered."""

from __future__ import annotations

import re

from tileproof.errors import Problem
from tileproof.lowering.model import LoweredDesign


def placed_objects(text: str, name: str, lowered: LoweredDesign) -> str:
    """The design in `text`, as mlir-aie has lowered its fifos, with the places that `lowered` asks for.

    Line by line, so that everything else stays as mlir-aie printed it. Raises `Problem` for an object that is not
    there.
    """
    asked = {b.name: b for b in lowered.buffers if b.asked_bank is not None or b.asked_address is not None}
    missing = dict(asked)
    lines = []
    for line in text.split("\n"):
        found = re.search(r'\baie\.buffer\(.*\bsym_name = "(?P<name>[^"]+)"', line)
        buffer = asked.get(found["name"]) if found else None
        if found is not None and buffer is not None:
            missing.pop(buffer.name, None)
            wishes = [f"mem_bank = {buffer.asked_bank} : i32"] if buffer.asked_bank is not None else []
            wishes += [f"address = {buffer.asked_address} : i32"] if buffer.asked_address is not None else []
            # What the design asked for itself stands there already.
            new = [wish for wish in wishes if wish.split(" ")[0] + " = " not in line]
            line = line[: found.end()] + "".join(f", {wish}" for wish in new) + line[found.end() :]
        lines.append(line)
    if missing:
        raise Problem(
            f"mlir-aie made no buffer {', '.join(sorted(missing))}",
            id="lowered-otherwise",
            where=name,
            why="[banks] asks for a place for it, and tileproof lowers the design to a buffer of that name",
            fix="look at the buffers in that file; `tileproof check --against-mlir-aie` compares both lowerings",
        )
    return "\n".join(lines)
