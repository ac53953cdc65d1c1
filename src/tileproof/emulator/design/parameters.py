"""What a host writes into the control scratchpad: a word for each parameter of a design, as its readers want it.

Facts: parameter_scratchpad.h of mlir-aie's runtime_lib, 2026-08-14. What a core reads is shifted left by two, and 30
bits of it come there; where a BD begins is written as it is.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

import ml_dtypes
import numpy as np

from tileproof.errors import Problem
from tileproof.mlir.design import CreateScratchpad, Design, Parameter, Sequence

_SHIFT, _CORE_BITS, _WORD_BITS = 2, 30, 32


def scratchpad_of(design: Design, sequence: Sequence, given: Mapping[str, str]) -> bytes | None:
    """The words for `given`, by the names of parameters, and by their numbers, as they stand, what the sequence has
    room for besides. None where nothing is given, or the sequence creates no scratchpad."""
    nbytes = sum(one.nbytes for one in sequence.operations if isinstance(one, CreateScratchpad))
    declared = {parameter.name: parameter for parameter in design.parameters}
    known = [*declared, *map(str, range(len(declared), nbytes // 4))][: nbytes // 4]
    for name, value in given.items():
        if name not in known or not nbytes:
            raise Problem(
                f"there is no parameter {name}",
                id="unknown-argument",
                where=f"--parameter {name}={value}",
                why=f"@{sequence.name} creates no scratchpad" if not nbytes else "parameters: " + ", ".join(known),
                fix="give one of those" if nbytes else "leave it out",
            )
    if not given:
        return None
    missing = next((name for name in known if name not in given), None)
    if missing is not None:
        raise Problem(
            f"parameter {missing} has no value",
            id="argument-without-value",
            where=sequence.place,
            why="the others have one, and the firmware takes over all of them",
            fix=f"write --parameter {missing}=NUMBER",
        )
    return struct.pack(f"<{len(known)}I", *(_word(declared.get(name), name, given[name]) for name in known))


def as_file(parameters: tuple[Parameter, ...]) -> str:
    """The params.txt that a host reads: how many there are, then name, entry, type and kind of each
    (emitScratchpadParamsFile in AIEUtils.cpp)."""
    kinds = ("core", "addr")
    lines = (f"{one.name} {entry} {one.type} {kinds[one.is_offset]}\n" for entry, one in enumerate(parameters))
    return "".join((f"{len(parameters)}\n", *lines))


def _word(parameter: Parameter | None, name: str, text: str) -> int:
    type_ = "i32" if parameter is None else parameter.type
    is_offset = parameter is not None and parameter.is_offset
    is_shifted = parameter is not None and not is_offset
    if type_ == "bf16":
        return _bfloat(name, text) << _SHIFT
    bits = int(type_[1:])
    value = int(text, 0) if re.fullmatch(r"-?(0x[0-9a-fA-F]{1,8}|0|[1-9][0-9]{0,9})", text) else None
    most = _CORE_BITS if is_shifted and bits > _CORE_BITS else bits
    least = 0 if most < bits or is_offset else -(1 << (bits - 1))
    if value is None or not least <= value < 1 << most:
        why = f"it is {type_}"
        if most < bits:
            why += f", of which a core gets {_CORE_BITS} bits without a sign"
        elif is_offset:
            why += ", the bytes in front of what is moved"
        raise _no_value(name, text, why, f"give a whole number from {least:,} to {(1 << most) - 1:,}")
    word = value & (1 << bits) - 1
    return word << _SHIFT if is_shifted else word & (1 << _WORD_BITS) - 1


def _bfloat(name: str, text: str) -> int:
    try:
        return int(np.array(float(text)).astype(ml_dtypes.bfloat16).view(np.uint16))
    except ValueError:
        raise _no_value(name, text, "it is bf16", "give a number, for instance 1.5") from None


def _no_value(name: str, text: str, why: str, fix: str) -> Problem:
    return Problem(
        f"parameter {name} cannot be {text}",
        id="argument-value",
        where=f"--parameter {name}={text}",
        why=why,
        fix=fix,
    )
