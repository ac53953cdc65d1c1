"""The bytes of the container and of its sections: the structs of XRT's `xclbin.h`, little endian.

Source: XRT include/xrt/detail/xclbin.h, offsets checked against the compiled header.
Strings are fixed arrays, NUL filled; an array is (count, offset), the offset counted from the
section's first byte.
"""

from __future__ import annotations

import struct

MAGIC = b"xclbin2\0"
NO_SIGNATURE = -1
ALIGNMENT = 8

# axlf without its section headers: magic, signature length, reserved, key block, unique id, total length,
# timestamp,
# feature ROM timestamp, version patch, major, minor, mode, action mask, interface uuid, platform VBNV, uuid,
# debug bin,
# number of sections.
AXLF = struct.Struct("<8s i 28s 256s Q QQQ H BB HH 16s 64s 16s 16s I 4x")
SECTION_HEADER = struct.Struct("<I 16s 4x QQ")  # kind, name, offset in the file, size

COUNT = struct.Struct("<i")  # what most sections begin with
MEM_DATA_START = 8
MEM_DATA = struct.Struct("<BB 6x QQ 16s")  # type, used, size in KB, base address, tag
CONNECTION_START = 4
CONNECTION = struct.Struct("<iii")  # argument, row of IP_LAYOUT, row of the topology
IP_DATA_START = 8
IP_DATA = struct.Struct("<II Q 64s")  # type, properties, base address, KERNEL:INSTANCE

# IP_LAYOUT properties of a PS kernel: subtype in bits 0-1, functional in bits 4-5, kernel id in bits 16-27.
IP_SUBTYPE_MASK = 0x3
IP_FUNCTIONAL_SHIFT, IP_FUNCTIONAL_MASK = 4, 0x3
IP_KERNEL_ID_SHIFT, IP_KERNEL_ID_MASK = 16, 0xFFF
IP_BASE_NOT_USED = 0xFFFF_FFFF_FFFF_FFFF

# schema version, name offset, operations per cycle, inference fingerprint, pre/post fingerprint, column
# width,
# start columns (u16), PDIs, offset of the kernel commit id.
AIE_PARTITION = struct.Struct("<B 3x II 4x QQ H 6x II 72x II I 52x")
AIE_PDI = struct.Struct("<16s II II 64x")  # uuid, image (u8), cdo groups
CDO_GROUP = struct.Struct("<I B 3x Q II II 64x")  # name offset, type, pdi id, dpu kernel ids (u64), pre cdo groups
START_COLUMN = struct.Struct("<H")
DPU_KERNEL_ID = struct.Struct("<Q")
# The header declares u32 for these; xclbinutil writes u64 (SectionAIEPartition.cxx).
PRE_CDO_GROUP = struct.Struct("<Q")

assert AXLF.size == 456
assert SECTION_HEADER.size == 40
assert (MEM_DATA.size, CONNECTION.size, IP_DATA.size) == (40, 12, 80)
assert (AIE_PARTITION.size, AIE_PDI.size, CDO_GROUP.size) == (184, 96, 96)
