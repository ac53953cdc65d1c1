"""What stands between this Python and an NPU: driver, device node, limits, XRT and its binding. Nothing is loaded.

Where things lie: the amdxdna driver's documentation (drivers/accel), XRT's packages, and mlir-aie's utils/env_setup.sh.
"""

from __future__ import annotations

import os
import re
import resource
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tileproof.device_model import GENERATIONS
from tileproof.toolchain.tool import ask, executable, first_line, search_path

_XRT = "opt/xilinx/xrt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where to look: `root` is / but in tests, `environ` the environment."""

    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    memlock: int | None = None  # bytes; None to ask the kernel

    @property
    def xrt(self) -> Path:
        named = self.environ.get("XILINX_XRT")
        return Path(named) if named else self.root / _XRT

    def memlock_bytes(self) -> int:
        """The most that a process may lock; -1 for no limit."""
        return resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] if self.memlock is None else self.memlock


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What `xrt-smi examine` says; empty where it does not say it."""

    xrt: str = ""
    driver: str = ""
    firmware: str = ""
    npu: str = ""

    @property
    def generation(self) -> str | None:
        found = (one.name for one in GENERATIONS.values() if any(name in self.npu for name in one.called))
        return next(found, None)


def xrt_smi(machine: Machine) -> Path | None:
    return executable("xrt-smi", [*search_path(machine.environ), machine.xrt / "bin"])


def examine_npu(machine: Machine) -> Examined | str:
    """What `xrt-smi examine` lists, or why it lists nothing."""
    program = xrt_smi(machine)
    if program is None:
        return "there is no xrt-smi on PATH or below XRT's folder"
    answer = ask([str(program), "examine"], machine.environ)
    if answer.code != 0:
        return f"`{program} examine` failed: {first_line(answer.text)}"
    found = {
        name.strip().lower(): value.strip()
        for name, value in re.findall(r"^\s*([^:|\n]+):(.*)$", answer.text, re.MULTILINE)
    }
    devices = re.findall(r"^\|\s*\[[0-9a-f:.]+\]\s*\|\s*([^|]+?)\s*\|", answer.text, re.MULTILINE)
    return Examined(
        xrt=found.get("version", ""),
        driver=found.get("amdxdna version", ""),
        firmware=found.get("npu firmware version", ""),
        npu=devices[0] if devices else "",
    )


def bindings(machine: Machine) -> Iterator[Path]:
    """Every pyxrt that XRT has put anywhere, also outside this virtual environment."""
    folders = [machine.xrt / "python", machine.root / _XRT / "python", machine.root / "usr/lib/python3/dist-packages"]
    folders += [Path(entry) for entry in sys.path if entry]
    seen = set()
    for folder in folders:
        for path in sorted(folder.glob("pyxrt*.so")) if folder.is_dir() else []:
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def tag_of(binding: Path) -> str | None:
    """`cpython-312` of pyxrt.cpython-312-x86_64-linux-gnu.so; None for a name without one."""
    found = re.search(r"\.(cpython-\d+)", binding.name)
    return found[1] if found else None


def tag_of_this_python() -> str:
    return str(sys.implementation.cache_tag)
