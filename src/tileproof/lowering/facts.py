"""What mlir-aie makes of a design, as plain JSON values: one entry per version, as a corpus of such facts has them.

`address` and `bytes` are bytes; `offset`, `length`, `sizes` and `strides` are elements of the buffer's type.
"""

from __future__ import annotations

import hashlib
from typing import Any

from tileproof.device_model import SCHEMES, Scheme
from tileproof.errors import Problem
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import Bd, DmaChain, LoweredDesign
from tileproof.lowering.sequence import sequence_words
from tileproof.mlir.design import Design, Port
from tileproof.mlir.reader import read_design
from tileproof.mlir_aie_versions import Version

Facts = dict[str, Any]


def design_facts(
    text: str, name: str, version: Version | None, scheme: Scheme | None = None, device_name: str | None = None
) -> Facts:
    """What mlir-aie of `version` makes of the design in `text`, under one allocation scheme or under all of them.

    Without a version: the newest, however the design is spelled. A design that it accepts although it is wrong is
    accepted here too: that is what the facts are for.
    """
    try:
        design = read_design(text, name, device_name)
        lowered = lower_design(design, version=version, scheme=scheme or "default", as_silent=True)
        sequences = [_sequence(lowered, number) for number in range(len(lowered.sequences))]
    except Problem as problem:
        return {"outcome": "rejected", "error": _error(problem)}
    facts: Facts = {
        "outcome": "accepted",
        "schemes": {one: _scheme(design, version, one) for one in ((scheme,) if scheme else SCHEMES)},
        "locks": [
            {"tile": list(lock.tile.at), "id": lock.id, "name": lock.name, "init": lock.init} for lock in lowered.locks
        ],
        "dmas": [_dma(chain) for chain in lowered.chains],
        "flows": [
            {
                "from": list(flow.source.at),
                "from_port": f"{flow.source_bundle}:{flow.source_channel}",
                "to": list(flow.destination.at),
                "to_port": f"{flow.destination_bundle}:{flow.destination_channel}",
            }
            for flow in lowered.flows
        ],
        "shim_allocations": [
            {
                "symbol": shim.symbol,
                "tile": list(shim.tile.at),
                "direction": shim.direction,
                "channel": shim.channel,
            }
            for shim in lowered.shim_allocations
        ],
    }
    facts |= _other_flows(lowered.design)
    if sequences:
        facts |= sequences[0]
    if len(sequences) > 1:
        facts["more_sequences"] = sequences[1:]
    return facts


def _error(problem: Problem) -> str:
    return f"{problem.diagnostic.place}: {problem.what}" if problem.diagnostic.place else problem.what


def _scheme(design: Design, version: Version | None, scheme: Scheme) -> Facts:
    try:
        lowered = lower_design(design, version=version, scheme=scheme, as_silent=True)
    except Problem as problem:
        return {"outcome": "rejected", "error": _error(problem)}
    asked = {buffer.name: buffer.bank for buffer in design.buffers}
    buffers = []
    for buffer in lowered.buffers:
        entry: Facts = {
            "tile": list(buffer.tile.at),
            "name": buffer.name,
            "address": buffer.address,
            "bytes": buffer.nbytes,
        }
        # mlir-aie prints the bank that was asked for even where the buffer came to lie in another.
        bank = asked.get(buffer.name) if buffer.bank is None else buffer.bank
        if bank is not None:
            entry["bank"] = bank
        buffers.append({**entry, "type": str(buffer.type)})
    return {"outcome": "accepted", "buffers": buffers}


def _dma(chain: DmaChain) -> Facts:
    facts: Facts = {
        "tile": list(chain.tile.at),
        "direction": chain.direction,
        "channel": chain.channel,
        "bds": [_bd(bd) for bd in chain.bds],
    }
    if chain.pad_value:
        facts["pad_value"] = chain.pad_value
    return facts if chain.repeat_count is None else {**facts, "repeat_count": chain.repeat_count}


def _bd(bd: Bd) -> Facts:
    facts: Facts = {
        "bd_id": bd.bd_id,
        "buffer": bd.buffer,
        "offset": bd.offset,
        "length": bd.length,
        "sizes": list(bd.sizes) or None,
        "strides": list(bd.strides) or None,
        "acquire": None if bd.acquire is None else list(bd.acquire),
        "release": None if bd.release is None else list(bd.release),
        "next": bd.next,
    }
    return {**facts, "pads": [list(pad) for pad in bd.pads]} if bd.pads else facts


def _other_flows(design: Design) -> Facts:
    facts: Facts = {}
    if design.packet_flows:
        facts["packet_flows"] = [
            {"id": flow.id, "source": _ports(flow.sources), "dest": _ports(flow.destinations)}
            for flow in design.packet_flows
        ]
    if design.cascade_flows:
        facts["cascade_flows"] = [
            {"from": list(flow.source.at), "to": list(flow.destination.at)} for flow in design.cascade_flows
        ]
    return facts


def _ports(ports: tuple[Port, ...]) -> list[Facts]:
    return [{"tile": list(port.tile.at), "port": f"{port.bundle}:{port.channel}"} for port in ports]


def _sequence(lowered: LoweredDesign, number: int) -> Facts:
    sequence = lowered.sequences[number]
    if sequence.is_open:
        return {"sequence": sequence.name, "insts": None, "why": "it hangs on numbers of the run time"}
    words = sequence_words(lowered, sequence, as_silent=True)
    listed = [int.from_bytes(words[at : at + 4], "little") for at in range(0, len(words), 4)]
    return {
        "sequence": sequence.name,
        "insts": [f"{word:08x}" for word in listed],
        "insts_sha256": hashlib.sha256(words).hexdigest(),
    }
