"""The locals of a frame, as the compiler describes them: GCC and clang in the same words (GCC, asan.cc)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Local:
    """`nbytes` at `offset` from the low end of its frame; `line` is 0 where the compiler does not tell."""

    name: str
    offset: int
    nbytes: int
    line: int

    @property
    def key(self) -> str:
        return f"{self.name}:{self.line}"


def described(description: str) -> tuple[Local, ...]:
    """The locals of one frame: of "2 32 8 3 a:7 64 400 3 b:9" a, 8 bytes at 32, and b; none of another text."""
    words = description.split()[1:]
    found = []
    try:
        for offset, nbytes, _, label in zip(*(words[n::4] for n in range(4)), strict=True):
            name, _, line = label.partition(":")
            found.append(Local(name, int(offset), int(nbytes), int(line or 0)))
    except ValueError:
        return ()
    return tuple(found)


def kept_locals(descriptions: Iterable[str], kept: Mapping[str, str], register_bytes: int) -> tuple[Local, ...]:
    """Those of these frames that lie in memory on the device as well, and are alive together: `kept` has the braces
    around each (check/kept.py), and of what stands in braces side by side only the heaviest counts. What has vectors
    inside counts where the registers have no room for it."""
    braces = {key: where.removeprefix("v") for key, where in kept.items()}
    frames = [[one for one in described(text) if one.key in kept] for text in descriptions]
    surely = [[one for one in frame if kept[one.key][:1] != "v" or one.nbytes > register_bytes] for frame in frames]
    return tuple(local for frame in surely for local in _heaviest(frame, braces, ""))


def _heaviest(locals_: Sequence[Local], kept: Mapping[str, str], braces: str) -> tuple[Local, ...]:
    """Of the locals within these braces."""
    inside = [local for local in locals_ if kept[local.key].startswith(braces)]
    own = tuple(local for local in inside if kept[local.key] == braces)
    deeper = {braces + kept[local.key][len(braces) :].split("/")[0] + "/" for local in inside if local not in own}
    return (*own, *max((_heaviest(inside, kept, one) for one in sorted(deeper)), key=nbytes_of, default=()))


def nbytes_of(locals_: Iterable[Local]) -> int:
    return sum(local.nbytes for local in locals_)


def nearest(description: str, frame: int, address: int) -> Local | None:
    """The local that an access at `address` missed: the last that begins at or below it, or the first."""
    locals_ = sorted(described(description), key=lambda local: local.offset)
    below = [local for local in locals_ if frame + local.offset <= address]
    return below[-1] if below else next(iter(locals_), None)
