"""pyxrt's view of an xclbin file: its uuid, kernels and memories (XRT core/common/api/xrt_xclbin.cpp)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Never

from tileproof.emulator.pyxrt.empty import unset
from tileproof.emulator.pyxrt.raises import raised
from tileproof.errors import Problem
from tileproof.xclbin import Xclbin, parse_topology, read_kernels, read_xclbin


class uuid:
    """An xclbin's identity."""

    def __init__(self, text: str) -> None:
        self._text = text

    def to_string(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, uuid) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class xclbin:
    """An xclbin file, read."""

    class xclbinkernel:
        """A kernel of the file."""

        def __init__(self, name: str, arguments: int) -> None:
            self._name, self._arguments = name, arguments

        def get_name(self) -> str:
            return self._name

        def get_num_args(self) -> int:
            return self._arguments

    class xclbinmem:
        """A memory of the file's topology."""

        def __init__(self, tag: str, base: int, size_kb: int, used: bool, index: int) -> None:
            self._tag, self._base, self._size_kb, self._used, self._index = tag, base, size_kb, used, index

        def get_tag(self) -> str:
            return self._tag

        def get_base_address(self) -> int:
            return self._base

        def get_size_kb(self) -> int:
            return self._size_kb

        def get_used(self) -> bool:
            return self._used

        def get_index(self) -> int:
            return self._index

    class xclbinip:
        """A compute unit; xclbin has no way to one in 2.20."""

        def __init__(self, name: str) -> None:
            self._name = name

        def get_name(self) -> str:
            return self._name

    def __init__(self, path: str | None = None) -> None:
        if path is None:
            return
        try:
            data = Path(path).read_bytes()
        except FileNotFoundError:
            raise raised(RuntimeError(f"No such file '{Path(path).absolute()}'")) from None
        except OSError:
            raise raised(RuntimeError(f"Failed to open file '{path}' for reading")) from None
        self._name = Path(path).name
        # XRT says only "Invalid xclbin"; here the Problem that names the place goes on to whoever asked.
        self._xclbin: Xclbin = read_xclbin(data, self._name)

    if not TYPE_CHECKING:
        __getattr__ = unset

    def get_axlf(self) -> Never:
        raise Problem(
            f"the emulator cannot give the axlf of {self._name}",
            id="not-emulated",
            where="xclbin.get_axlf",
            why="it is a pointer into XRT's memory, of which Python can make nothing",
            fix="`tileproof inspect FILE.xclbin` shows what the file holds",
        )

    def get_kernels(self) -> list[xclbin.xclbinkernel]:
        kernels = read_kernels(self._xclbin, self._name)
        return [self.xclbinkernel(kernel.name, len(kernel.arguments)) for kernel in kernels]

    def get_mems(self) -> list[xclbin.xclbinmem]:
        section = self._xclbin.section("MEM_TOPOLOGY")
        memories = parse_topology(section, self._name) if section else ()
        return [
            self.xclbinmem(memory.tag, memory.base_address, memory.size_kb, bool(memory.used), index)
            for index, memory in enumerate(memories)
        ]

    def get_uuid(self) -> uuid:
        digits = self._xclbin.uuid.hex()
        return uuid("-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])))

    def get_xsa_name(self) -> str:
        return self._xclbin.platform_vbnv
