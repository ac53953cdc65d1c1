"""How much a design may ask for. More is refused before it is written out: a count in a text costs its author ten
digits, and whoever writes it out the memory of the machine."""

from __future__ import annotations

from dataclasses import dataclass

from tileproof.device_model import CORE, MEM, PROGRAM_MEMORY_BYTES, TILE_KINDS
from tileproof.diagnostic import Place
from tileproof.errors import Problem

# From here on a number is not written in full; Python itself refuses to write one of more than 4,300 digits.
_MOST_SHOWN = 10**18


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """At most `most` of `things`, and where that comes from."""

    most: int
    things: str
    because: str

    @property
    def why(self) -> str:
        return f"at most {self.most:,} {self.things}: {self.because}"

    def check(self, count: int, what: str, place: Place, fix: str) -> None:
        """A `Problem` that begins with `what` where `count` is more."""
        if count > self.most:
            raise Problem(what, where=place, why=self.why, fix=fix, id="TP006")


OBJECTS = Bound(
    most=TILE_KINDS[CORE].memory_bytes,
    things="objects of a fifo",
    because="a core tile has 65,536 bytes, and the other tiles a BD for each object, of which the most have 48",
)
ELEMENTS = Bound(
    most=TILE_KINDS[MEM].memory_bytes,
    things="values of `dense<...>`",
    because="a mem tile has 524,288 bytes, and no tile has more",
)
ALL_ELEMENTS = Bound(
    most=4 * ELEMENTS.most,
    things="values of all `dense<...>` together",
    because="four mem tiles have no more bytes, and even what is given once is written out",
)
BYTES = Bound(
    most=1 << 32,
    things="bytes of a memref",
    because="what an instruction adds to the address of a buffer has 32 bits (AddressPatch, arg_plus)",
)
BLOCKS = Bound(
    most=PROGRAM_MEMORY_BYTES // 16,
    things="blocks of one region",
    because="a core's program memory has 16,384 bytes, and a mem tile 48 BDs, of which each is a block",
)
ITERATIONS = Bound(
    most=1 << 14,
    things="iterations of the loops of the runtime sequences",
    because="an instruction stream has no loops, each is written out, and the longest of the field have hundreds",
)
OPERATIONS = Bound(
    most=1 << 16,
    things="operations",
    because="the longest designs of the field have hundreds",
)
RESULTS = Bound(
    most=1 << 10,
    things="results of an operation",
    because="those of the field have one, or one for each object that is acquired",
)
STEPS = Bound(
    most=1 << 18,
    things="steps through the loops of a core",
    because="each loop is followed twice, for what its second pass meets, and loops inside each other multiply",
)
NESTING = Bound(
    most=50,
    things="brackets inside each other",
    because="they are read one inside the other, and the deepest design of the field has 7",
)
DIGITS = Bound(
    most=400,
    things="digits of a number",
    because="the widest of a design has 64 bits, and the longest float 309 digits",
)
DIMENSIONS = Bound(
    most=64, things="dimensions of a memref", because="a BD has five at the most, and the arrays of numpy have 64"
)
HOST_BYTES = Bound(
    most=1 << 30,
    things="bytes of a host's buffers",
    because="the emulator holds them all in memory, more than once",
)


def shown(count: int) -> str:
    """A number as people read it, whatever a design has multiplied."""
    return f"{count:,}" if abs(count) < _MOST_SHOWN else "more than 10^18"


class Steps:
    """Counts the steps through the loops of one core."""

    def __init__(self) -> None:
        self._taken = 0

    def take(self, place: Place) -> None:
        self._taken += 1
        STEPS.check(
            self._taken,
            "the loops of this core are nested too deeply to be followed",
            place,
            "let fewer loops stand inside each other around what acquires and releases",
        )
