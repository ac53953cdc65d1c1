"""What aiecc made, made ours: host banks, checks of the pair, and the digest by which both are known."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace

from tileproof import __version__
from tileproof.check.built import check_built
from tileproof.check.checked import BuiltFile
from tileproof.errors import EXIT_KERNEL_WRONG, Problem
from tileproof.insts import decode
from tileproof.kernel.banks import Banks
from tileproof.xclbin import read_xclbin, write_xclbin
from tileproof.xclbin.mirror import write_mirrored
from tileproof.xclbin.provenance import Provenance, with_provenance
from tileproof.xclbin.rebank import Directives, rebank

_UUIDS = uuid.uuid5(uuid.NAMESPACE_URL, "tileproof stamp")


def stamped(built: bytes, insts: bytes, banks: Banks, variant: str, digest: str) -> bytes:
    """The bytes of the xclbin with its host banks and its provenance; a `Problem` for a pair that cannot run."""
    name = f"{variant}.xclbin"
    named = _with_uuid(built, name, digest)
    banked = rebank(named, name, Directives(arguments=banks.host, memories=banks.memory))
    _check(banked, insts, name)
    provenance = Provenance(
        tileproof=__version__,
        variant=variant,
        target=decode(insts, "insts.bin").device,
        toolchain="mlir-aie",
        digest=digest,
        insts_sha256=hashlib.sha256(insts).hexdigest(),
    )
    return write_xclbin(with_provenance(read_xclbin(banked, name), provenance))


def _with_uuid(built: bytes, name: str, digest: str) -> bytes:
    """The first C++ drivers of mlir-aie left the uuid nil (its #2991), and XRT would take all of those for one file."""
    xclbin = read_xclbin(built, name)
    if any(xclbin.uuid):
        return built
    return write_mirrored(replace(xclbin, uuid=uuid.uuid5(_UUIDS, digest).bytes))


def _check(xclbin: bytes, insts: bytes, name: str) -> None:
    findings = check_built(BuiltFile(name=name, data=xclbin), BuiltFile(name="insts.bin", data=insts))
    wrong = [finding for finding in findings if finding.is_error]
    if wrong:
        said = replace(wrong[0], what=f"what aiecc made cannot run: {wrong[0].what}")
        raise Problem.of(said, EXIT_KERNEL_WRONG)
