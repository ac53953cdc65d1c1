"""Compiled tile code, design and instructions to the xclbin that a host loads for the emulator.

Needs no MLIR: what it must know of the design, `lower` has written down. So an edited line of tile code is packed
without reading the design again.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import asdict, dataclass

from tileproof import __version__
from tileproof.device_model import GENERATIONS
from tileproof.emulator.library import Library
from tileproof.emulator.payload import Payload, pack_payload
from tileproof.kernel.banks import Banks
from tileproof.xclbin import PackageRequest, Section, build_xclbin, write_xclbin
from tileproof.xclbin.names import KIND_OF
from tileproof.xclbin.provenance import Provenance, with_provenance
from tileproof.xclbin.rebank import Directives, rebank

# A name space of our own, so that equal builds have equal uuids and different ones never do.
_UUIDS = uuid.uuid5(uuid.NAMESPACE_URL, "tileproof")

# There is no machine code for an NPU in an emulator's xclbin. XRT wants a PDI; this one says what it is.
_NO_PDI = b"tileproof: built for the emulator; there is no device image in this file\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelNames:
    """What the kernel is called in its xclbin; aiecc's own names where nobody says others."""

    kernel: str = "MLIR_AIE"
    instance: str = "MLIRAIE"
    id: int = 0x901


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """What a package says about its design: generation, columns of the partition, arguments of the sequence."""

    generation: str
    columns: int
    buffers: int

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Interface:
        return cls(**json.loads(text))


def package_for_emulator(
    design: str,
    lowered: bytes,
    interface: Interface,
    insts: bytes,
    library: Library,
    variant: str,
    digest: str,
    banks: Banks,
    *,
    names: KernelNames | None = None,
    device_name: str = "",
) -> bytes:
    """The bytes of `*.emu.xclbin`; `banks` names host buffers by the number of their argument, `device_name` which of
    several devices of the design is meant."""
    names = names or KernelNames()
    provenance = Provenance(
        tileproof=__version__,
        variant=variant,
        target=interface.generation,
        toolchain="host",
        digest=digest,
        insts_sha256=hashlib.sha256(insts).hexdigest(),
    )
    payload = Payload(
        design=design,
        lowered=lowered,
        library=library,
        kernel=names.kernel,
        device_name=device_name,
        insts_sha256=provenance.insts_sha256,
    )
    request = PackageRequest(
        columns=interface.columns,
        # Every column at which the partition fits (mlir-aie SidecarFiles.h since #3440).
        start_columns=tuple(range(GENERATIONS[interface.generation].columns - interface.columns + 1)),
        pdi=_NO_PDI,
        uuid=uuid.uuid5(_UUIDS, f"xclbin {digest}").bytes,
        pdi_uuid=uuid.uuid5(_UUIDS, f"pdi {digest}").bytes,
        buffers=interface.buffers,
        mode="SW_EMU",
        kernel_name=names.kernel,
        instance=names.instance,
        kernel_id=names.id,
        extra_sections=(Section(kind=KIND_OF["EMULATION_DATA"], data=pack_payload(payload)),),
        platform_vbnv=f"tileproof_emulator_{interface.generation}",
    )
    directives = Directives(arguments=banks.host, memories=banks.memory)
    stamped = with_provenance(build_xclbin(request), provenance)
    return rebank(write_xclbin(stamped), f"{variant}.emu.xclbin", directives)
