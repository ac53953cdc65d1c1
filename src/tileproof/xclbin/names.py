"""Numbers to names, in the vendor's spelling (XRT include/xrt/detail/xclbin.h)."""

from __future__ import annotations

SECTION_KINDS = {
    0: "BITSTREAM",
    1: "CLEARING_BITSTREAM",
    2: "EMBEDDED_METADATA",
    3: "FIRMWARE",
    4: "DEBUG_DATA",
    5: "SCHED_FIRMWARE",
    6: "MEM_TOPOLOGY",
    7: "CONNECTIVITY",
    8: "IP_LAYOUT",
    9: "DEBUG_IP_LAYOUT",
    10: "DESIGN_CHECK_POINT",
    11: "CLOCK_FREQ_TOPOLOGY",
    12: "MCS",
    13: "BMC",
    14: "BUILD_METADATA",
    15: "KEYVALUE_METADATA",
    16: "USER_METADATA",
    17: "DNA_CERTIFICATE",
    18: "PDI",
    19: "BITSTREAM_PARTIAL_PDI",
    20: "PARTITION_METADATA",
    21: "EMULATION_DATA",
    22: "SYSTEM_METADATA",
    23: "SOFT_KERNEL",
    24: "ASK_FLASH",
    25: "AIE_METADATA",
    26: "GROUP_TOPOLOGY",
    27: "GROUP_CONNECTIVITY",
    28: "SMARTNIC",
    29: "AIE_RESOURCES",
    30: "OVERLAY",
    31: "VENDER_METADATA",
    32: "AIE_PARTITION",
    33: "IP_METADATA",
    34: "AIE_RESOURCES_BIN",
    35: "AIE_TRACE_METADATA",
    36: "DTBO",
}
KIND_OF = {name: kind for kind, name in SECTION_KINDS.items()}

MODES = {0: "FLAT", 1: "PR", 2: "TANDEM_STAGE2", 3: "TANDEM_STAGE2_WITH_PR", 4: "HW_EMU", 5: "SW_EMU"}
MODE_OF = {name: mode for mode, name in MODES.items()}

MEM_TYPES = {
    0: "MEM_DDR3",
    1: "MEM_DDR4",
    2: "MEM_DRAM",
    3: "MEM_STREAMING",
    4: "MEM_PREALLOCATED_GLOB",
    5: "MEM_ARE",
    6: "MEM_HBM",
    7: "MEM_BRAM",
    8: "MEM_URAM",
    9: "MEM_STREAMING_CONNECTION",
    10: "MEM_HOST",
    11: "MEM_PS_KERNEL",
}
MEM_DRAM = 2

IP_PS_KERNEL = 7
PS_SUBTYPE_DPU = 1

CDO_PRIMARY = 1

# addressQualifier of an argument in EMBEDDED_METADATA (XRT tools/xclbinutil/KernelUtilities.cxx).
ADDRESS_QUALIFIERS = {0: "SCALAR", 1: "GLOBAL", 2: "CONSTANT", 3: "LOCAL", 4: "STREAM"}
QUALIFIER_OF = {name: number for number, name in ADDRESS_QUALIFIERS.items()}


def section_name(kind: int) -> str:
    """An unknown kind is named by its number: `0x7f`."""
    return SECTION_KINDS.get(kind, f"0x{kind:x}")


def mode_name(mode: int) -> str:
    return MODES.get(mode, f"0x{mode:x}")
