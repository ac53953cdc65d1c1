"""Where an xclbin of ours came from: one digest for the pair of xclbin and insts.bin, in the mirror behind its
sections."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

from tileproof.errors import Problem
from tileproof.xclbin import Xclbin
from tileproof.xclbin.mirror import note, noted

_KEY = "tileproof"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """`digest` is the plan's; `insts_sha256` that of the instruction file built with it."""

    tileproof: str
    variant: str
    target: str
    toolchain: str
    digest: str
    insts_sha256: str


def with_provenance(xclbin: Xclbin, provenance: Provenance) -> Xclbin:
    """The xclbin, stamped. In its mirror, since mlir-aie's xclbinutil refuses a file with a section of a kind that it
    does not know, and every reader passes over what it does not know there."""
    return noted(xclbin, _KEY, {"provenance": asdict(provenance)})


def read_provenance(xclbin: Xclbin) -> Provenance | None:
    """What `with_provenance` wrote, or None for an xclbin that is not ours."""
    try:
        fields = note(xclbin, _KEY)["provenance"]
        return Provenance(**{name: str(value) for name, value in fields.items()})
    except (KeyError, TypeError, AttributeError):
        return None


def check_pair(provenance: Provenance, insts: bytes, xclbin_name: str, insts_name: str) -> None:
    """Refuse instructions that were not built with this xclbin."""
    found = hashlib.sha256(insts).hexdigest()
    if found != provenance.insts_sha256:
        raise Problem(
            f"{insts_name} was not built together with {xclbin_name}",
            id="TP703",
            where=f"{xclbin_name} (build {provenance.digest[:12]} of {provenance.variant})",
            why=f"its instructions have SHA-256 {provenance.insts_sha256[:12]}..., and these have {found[:12]}...",
            fix="take both files from one build; `tileproof build KERNEL` makes a pair",
        )
