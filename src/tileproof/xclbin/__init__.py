"""The container that XRT loads, read, written and changed: sections, memory banks, kernel arguments, provenance.

`layout` has its bytes, `names` its names, `sections` its contents.
"""

from tileproof.xclbin.arguments import NO_BANK, Argument, Kernel, read_arguments, read_kernels
from tileproof.xclbin.build import PackageRequest, build_xclbin
from tileproof.xclbin.container import Section, Xclbin, read_xclbin, write_xclbin
from tileproof.xclbin.names import mode_name, section_name
from tileproof.xclbin.sections import (
    parse_aie_partition,
    parse_connectivity,
    parse_embedded_metadata,
    parse_ip_layout,
    parse_topology,
)

__all__ = [
    "NO_BANK",
    "Argument",
    "Kernel",
    "PackageRequest",
    "Section",
    "Xclbin",
    "build_xclbin",
    "mode_name",
    "parse_aie_partition",
    "parse_connectivity",
    "parse_embedded_metadata",
    "parse_ip_layout",
    "parse_topology",
    "read_arguments",
    "read_kernels",
    "read_xclbin",
    "section_name",
    "write_xclbin",
]
