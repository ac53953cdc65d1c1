"""Design and compiled tile code to the pair that a host loads: an xclbin for the emulator, and insts.bin."""

from __future__ import annotations

import hashlib
import uuid

from tileproof import __version__
from tileproof.device_model import ARRAY_COLUMNS, Device
from tileproof.emulator.payload import Payload, pack_payload
from tileproof.lowering.lower import lower_design
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.reader import read_design
from tileproof.provenance import Provenance, provenance_section
from tileproof.xclbin import PackageRequest, Section, build_xclbin, write_xclbin
from tileproof.xclbin.names import KIND_OF

# A name space of our own, so that equal builds have equal uuids and different ones never do.
_UUIDS = uuid.uuid5(uuid.NAMESPACE_URL, "tileproof")

# There is no machine code for an NPU in an emulator's xclbin. XRT wants a PDI; this one says what it is.
_NO_PDI = b"tileproof: built for the emulator; there is no device image in this file\0"


def package_for_emulator(design: str, library: bytes, variant: str, digest: str) -> tuple[bytes, bytes]:
    """The bytes of `*.emu.xclbin` and of insts.bin. Reads, checks and lowers the design; raises `Problem`."""
    lowered = lower_design(read_design(design, "design.mlir"))
    sequence = main_sequence(lowered)
    insts = sequence_words(lowered, sequence)
    provenance = Provenance(
        tileproof=__version__,
        variant=variant,
        target=lowered.device.generation,
        toolchain="host",
        digest=digest,
        insts_sha256=hashlib.sha256(insts).hexdigest(),
    )
    payload = Section(kind=KIND_OF["EMULATION_DATA"], data=pack_payload(Payload(design=design, library=library)))
    request = PackageRequest(
        columns=lowered.device.columns,
        start_columns=_start_columns(lowered.device),
        pdi=_NO_PDI,
        uuid=uuid.uuid5(_UUIDS, f"xclbin {digest}").bytes,
        pdi_uuid=uuid.uuid5(_UUIDS, f"pdi {digest}").bytes,
        buffers=len(sequence.arguments),
        mode="SW_EMU",
        extra_sections=(provenance_section(provenance), payload),
        platform_vbnv=f"tileproof_emulator_{lowered.device.generation}",
    )
    return write_xclbin(build_xclbin(request)), insts


def _start_columns(device: Device) -> tuple[int, ...]:
    """Every column at which the partition fits (mlir-aie SidecarFiles.h since #3440)."""
    return tuple(range(ARRAY_COLUMNS[device.generation] - device.columns + 1))
