"""What a core issues and how long it takes: slots, latencies, and the rules of its schedule.

From found_later.md 3 and llvm-aie's AIE2Schedule.td, which it names: the cycle in which an operand is read, and the
one in which a result is there. A bypass saves one cycle between two instructions that both have it. AIE2P is taken to
be alike but where a source says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Slot(StrEnum):
    """One instruction a cycle each."""

    VEC = "VEC"
    MV = "MV"
    ST = "ST"
    LD = "LD"  # two alike, A and B
    SCALAR = "scalar"


# Instructions that a cycle takes of a slot.
WIDTH = {Slot.VEC: 1, Slot.MV: 1, Slot.ST: 1, Slot.LD: 2, Slot.SCALAR: 1}


@dataclass(frozen=True, slots=True)
class Instruction:
    """`result` and `reads` are cycles of its pipeline, the first being 1; `accumulator` is when one that it adds to is
    read. `bypass` names the network that its result, its accumulator and, on the move slot, all operands are on."""

    name: str
    slot: Slot | None
    result: int
    reads: int = 1
    accumulator: int | None = None
    bypass: str | None = None

    def after(self, producer: Instruction, *, as_accumulator: bool = False) -> int:
        """Cycles from the issue of what makes an operand to the earliest issue of this."""
        at = self.accumulator if as_accumulator and self.accumulator is not None else self.reads
        bypassed = self.bypass is not None and self.bypass == producer.bypass
        bypassed &= self.slot is Slot.MV or as_accumulator
        return max(producer.result - at + 1 - bypassed, 0)


COPY = Instruction("copy", None, 0)
LOAD = Instruction("load", Slot.LD, 7)
STORE = Instruction("store", Slot.ST, 1)
SCALAR = Instruction("scalar", Slot.SCALAR, 1)
SCALAR_MULTIPLY = Instruction("scalar mul", Slot.SCALAR, 2)

# Zeros beside a half of a register: free where the half has had them since before the loop.
GROW = Instruction("vgrow", Slot.MV, 2, bypass="MOV")

# By the numbers of aie_api/issue.hpp. Unconfirmed: vfunction, taken to be like a conversion of 16 lanes.
INSTRUCTIONS = (
    COPY,
    Instruction("vmac", Slot.VEC, 5, accumulator=3, bypass="VEC"),
    Instruction("vmul", Slot.VEC, 5, bypass="VEC"),
    Instruction("vmac.f", Slot.VEC, 6, accumulator=3),
    Instruction("vmul.f", Slot.VEC, 6),
    Instruction("vadd of accumulators", Slot.VEC, 5, reads=3, accumulator=3, bypass="VEC"),
    Instruction("vadd.f", Slot.VEC, 6, reads=3, accumulator=3),
    Instruction("vadd", Slot.MV, 2, bypass="MOV"),
    Instruction("vcmp", Slot.MV, 2),
    Instruction("vsel", Slot.MV, 2, bypass="MOV"),
    Instruction("vbcst", Slot.MV, 2, bypass="MOV"),
    Instruction("vshuffle", Slot.MV, 2, bypass="MOV"),
    Instruction("vextract", Slot.MV, 2),
    Instruction("vinsert", Slot.MV, 2, bypass="MOV"),
    Instruction("vpack", Slot.MV, 2),
    Instruction("vunpack", Slot.MV, 7, reads=7),
    Instruction("vups", Slot.MV, 3),
    Instruction("vsrs", Slot.ST, 4),
    Instruction("vconv", Slot.ST, 2),
    Instruction("vconv.fp32", Slot.MV, 2),
    Instruction("exp2, tanh", Slot.VEC, 6),
    Instruction("table load", Slot.LD, 7),
    GROW,
)

# What comes with a load, with no slot of its own, and the one load unit that can: only A loads accumulators
# (hardware.md 6), so UPS and bfloat16 to float (vlda.ups, vlda.conv) go there, and widening goes to B (vldb.unpack).
WITH_A_LOAD = {"vups": "A", "vunpack": "B", "vconv.fp32": "A"}
# What comes with a store: SRS, bfloat16, narrowing (vst.srs, vst.conv, vst.pack).
WITH_A_STORE = frozenset({"vsrs", "vconv", "vpack"})


@dataclass(frozen=True, slots=True)
class Library:
    """A function of the compiler's runtime that scalar code calls for what a core has no instruction for."""

    name: str
    cycles: int


# Unconfirmed, all of them: no source gives cycles for soft-float and division.
SOFT_FLOAT_ADD = Library("__addsf3", 60)
SOFT_FLOAT_MULTIPLY = Library("__mulsf3", 40)
SOFT_FLOAT_DIVIDE = Library("__divsf3", 160)
SOFT_FLOAT_CONVERT = Library("__floatsisf", 30)
SOFT_FLOAT_COMPARE = Library("__ltsf2", 20)
DIVIDE = Library("__divsi3", 80)

# AIE2P reads an accumulator that a product is added to in cycle 4, and takes 6 for integers too (hardware.md 6).
_AIE2P = {
    "vmac": Instruction("vmac", Slot.VEC, 6, accumulator=4),
    "vmul": Instruction("vmul", Slot.VEC, 6),
    "vmac.f": Instruction("vmac.f", Slot.VEC, 6, accumulator=4),
}


def instructions_of(port_bytes: int) -> tuple[Instruction, ...]:
    """By the numbers of aie_api/issue.hpp, of the generation whose loads have so many bytes."""
    if port_bytes == 64:
        return tuple(_AIE2P.get(instruction.name, instruction) for instruction in INSTRUCTIONS)
    return INSTRUCTIONS


# Bytes of an accumulator register, by those of a load: 1,024 bits on AIE2, 2,048 on AIE2P (hardware.md 6).
ACCUMULATOR_BYTES = {32: 128, 64: 256}

# Products of int8 that a core makes in a cycle, by the bytes of its loads (hardware.md 6, MACs per cycle per core).
PEAK_MACS = {32: 256, 64: 512}


def peak_bytes(port_bytes: int) -> int:
    """What a core loads and stores in a cycle: two loads and a store."""
    return (WIDTH[Slot.LD] + WIDTH[Slot.ST]) * port_bytes


CALL_CYCLES = 20  # call and return, with delay slots and spills
BRANCH_CYCLES = 6  # a jump with its five delay slots
SCALAR_TURN_CYCLES = 2  # of a loop that is not pipelined, beside its chain: 12 a turn (programming guide 4c)
LOOP_CYCLES = 5  # per entry of a loop beside its schedule (mlir-aie: probe/remarks.py)
