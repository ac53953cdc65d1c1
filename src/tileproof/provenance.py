"""Where an xclbin of ours came from: one digest for the pair of xclbin and insts.bin, in the section USER_METADATA."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from tileproof.errors import Problem
from tileproof.xclbin import Section, Xclbin
from tileproof.xclbin.names import KIND_OF


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """`digest` is the plan's; `insts_sha256` that of the instruction file built with it."""

    tileproof: str
    variant: str
    target: str
    toolchain: str
    digest: str
    insts_sha256: str


def provenance_section(provenance: Provenance) -> Section:
    """The section to put into an xclbin."""
    data = json.dumps({"provenance": asdict(provenance)}, sort_keys=True).encode()
    return Section(kind=KIND_OF["USER_METADATA"], data=data)


def read_provenance(xclbin: Xclbin) -> Provenance | None:
    """What `provenance_section` wrote, or None for an xclbin that is not ours."""
    section = xclbin.section("USER_METADATA")
    if section is None:
        return None
    try:
        fields = json.loads(section.data)["provenance"]
        return Provenance(**{name: str(value) for name, value in fields.items()})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def check_pair(provenance: Provenance, insts: bytes, xclbin_name: str, insts_name: str) -> None:
    """Refuse instructions that were not built with this xclbin."""
    found = hashlib.sha256(insts).hexdigest()
    if found != provenance.insts_sha256:
        raise Problem(
            f"{insts_name} was not built together with {xclbin_name}",
            where=f"{xclbin_name} (build {provenance.digest[:12]} of {provenance.variant})",
            why=f"its instructions have SHA-256 {provenance.insts_sha256[:12]}..., and these have {found[:12]}...",
            fix="take both files from one build; `tileproof build KERNEL` makes a pair",
        )
