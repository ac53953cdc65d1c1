"""What this machine has, one part per thing, and what its absence prevents. Never raises."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

from tileproof.device_model import GENERATIONS
from tileproof.diagnostic import Diagnostic
from tileproof.errors import Problem
from tileproof.toolchain.npu import (
    Examined,
    Machine,
    bindings,
    examine_npu,
    tag_of,
    tag_of_this_python,
    xrt_smi,
)
from tileproof.toolchain.tool import Tool, absent, broken

State = Literal["present", "absent", "broken"]
Path_ = Literal["emulator", "npu"]
_PACKAGES = ("numpy", "ml_dtypes", "jinja2", "xdsl", "rich", "soundfile", "soxr")
_MEMLOCK_FIX = "let the group `render` lock memory: a line `@render - memlock unlimited` in /etc/security/limits.conf"
_XRT_FIX = (
    "Ubuntu 24.04: add-apt-repository ppa:amd-team/xrt, apt-get install libxrt-npu2 libxrt-utils-npu amdxdna-dkms"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing. `detail` is what it is, or what its absence prevents; `wrong` says so where it cannot be used.

    `needed_for` are the paths that cannot work without it.
    """

    thing: str
    detail: str
    wrong: Diagnostic | None = None
    needed_for: tuple[Path_, ...] = ()

    @property
    def state(self) -> State:
        return "present" if self.wrong is None else "broken" if self.wrong.id == "broken" else "absent"

    @property
    def fix(self) -> str:
        return self.wrong.fix if self.wrong is not None else ""

    def as_json(self) -> dict[str, object]:
        told = {"thing": self.thing, "state": self.state, "detail": self.detail, "fix": self.fix}
        return {**told, "needed_for": self.needed_for}


def _present(thing: str, detail: str, needed_for: tuple[Path_, ...] = ()) -> Part:
    return Part(thing=thing, detail=detail, needed_for=needed_for)


def _missing(wrong: Diagnostic, needed_for: tuple[Path_, ...] = ()) -> Part:
    return Part(thing=str(wrong.place), detail=wrong.why, wrong=wrong, needed_for=needed_for)


def examine(machine: Machine | None = None) -> tuple[Part, ...]:
    """Every part: what everything needs, then what lies between here and an NPU."""
    machine = machine or Machine()
    return (
        _python(),
        _compiler(),
        _ninja(),
        *map(_package, _PACKAGES),
        *_device(machine),
        _pyxrt(machine),
        *_toolchain(machine),
    )


def can_work(parts: tuple[Part, ...], path: Path_) -> bool:
    return all(part.wrong is None for part in parts if path in part.needed_for)


# What everything needs


_BOTH: tuple[Path_, ...] = ("emulator", "npu")


def _python() -> Part:
    detail = f"{platform.python_version()} ({tag_of_this_python()}) at {sys.executable}"
    return _present("python", detail, _BOTH)


def _compiler() -> Part:
    from tileproof.toolchain.cxx import find_cxx

    try:
        cxx = find_cxx()
    except Problem as problem:
        wrong = broken if os.environ.get("CXX") else absent
        detail = "nothing can be built for the emulator"
        return _missing(wrong("C++ compiler", detail, problem.fix), ("emulator",))
    detail = f"{cxx.version} ({' '.join(cxx.command)})"
    return _present("C++ compiler", detail, ("emulator",))


def _ninja() -> Part:
    from tileproof.toolchain.ninja import find_ninja

    try:
        return _present("ninja", str(find_ninja()), _BOTH)
    except (Problem, ImportError):
        detail = "nothing can be built"
        return _missing(absent("ninja", detail, "pip install ninja"), _BOTH)


def _package(name: str) -> Part:
    try:
        return _present(name, metadata.version(name), _BOTH)
    except metadata.PackageNotFoundError:
        detail = "tileproof needs it for everything"
        return _missing(absent(name, detail, f"pip install {name}"), _BOTH)


# Driver, node, limits, XRT


def _device(machine: Machine) -> Iterator[Part]:
    yield _driver(machine)
    yield _node(machine)
    yield _memlock(machine)
    yield from _xrt(machine)


def _driver(machine: Machine) -> Part:
    module = machine.root / "sys/module/amdxdna"
    if not module.is_dir():
        detail = "the kernel has not loaded it: no NPU is visible"
        fix = f"{_XRT_FIX}; it needs kernel 6.17 or newer, and an NPU that the BIOS has switched on"
        return _missing(absent("amdxdna driver", detail, fix), ("npu",))
    version = module / "version"
    detail = version.read_text().strip() if version.is_file() else "loaded; it does not say its version"
    return _present("amdxdna driver", detail, ("npu",))


def _node(machine: Machine) -> Part:
    nodes = sorted((machine.root / "dev/accel").glob("accel*"))
    if not nodes:
        detail = "there is no /dev/accel/accel0: the driver has found no NPU"
        fix = "load the driver (modprobe amdxdna), and look at its log: dmesg | grep amdxdna"
        return _missing(absent("device node", detail, fix), ("npu",))
    if not os.access(nodes[0], os.R_OK | os.W_OK):
        detail = f"{nodes[0]} is there, and this user may not open it"
        fix = "sudo usermod -aG render $USER, then log in again"
        return _missing(broken("device node", detail, fix), ("npu",))
    return _present("device node", str(nodes[0]), ("npu",))


_ENOUGH = 64 << 20  # the heap for instructions that each process locks (amdxdna aie2_pci.h, AIE2_DEVM_SIZE)


def _memlock(machine: Machine) -> Part:
    limit = machine.memlock_bytes()
    if 0 <= limit <= _ENOUGH:
        detail = f"{limit:,} bytes may be locked, and a hardware context locks more"
        return _missing(broken("memlock limit", detail, _MEMLOCK_FIX), ("npu",))
    detail = "no limit" if limit < 0 else f"{limit:,} bytes"
    return _present("memlock limit", detail, ("npu",))


def _xrt(machine: Machine) -> Iterator[Part]:
    found = examine_npu(machine)
    if isinstance(found, str):
        wrong = absent if xrt_smi(machine) is None else broken
        for thing in ("XRT", "NPU firmware", "NPU"):
            detail = found if thing == "XRT" else "only xrt-smi tells"
            needed: tuple[Path_, ...] = ("npu",) if thing == "XRT" else ()
            fix = _XRT_FIX if thing == "XRT" else ""
            yield _missing(wrong(thing, detail, fix), needed)
        return
    yield _present("XRT", found.xrt or "it does not say its version", ("npu",))
    yield (
        _missing(absent("NPU firmware", found.firmware or "unknown"))
        if not found.firmware
        else _present("NPU firmware", found.firmware or "unknown")
    )
    yield _npu(found)


def _npu(found: Examined) -> Part:
    if not found.npu:
        fix = "load the driver (modprobe amdxdna), and look at its log: dmesg | grep amdxdna"
        detail = "xrt-smi lists no device"
        return _missing(absent("NPU", detail, fix), ("npu",))
    if found.generation is None:
        detail = f"{found.npu}, which is neither npu1 nor npu2 as tileproof knows them"
        return _missing(broken("NPU", detail), ("npu",))
    detail = (
        f"{found.npu}: {found.generation}, {GENERATIONS[found.generation].columns} columns; --target {found.generation}"
    )
    return _present("NPU", detail, ("npu",))


def _pyxrt(machine: Machine) -> Part:
    """Whether a binding fits this Python; it is not loaded, for a broken one can end the process."""
    found, mine = list(bindings(machine)), tag_of_this_python()
    fitting = [path for path in found if tag_of(path) in (None, mine)]
    importable = importlib.util.find_spec("pyxrt") if "pyxrt" not in sys.modules else None
    if fitting or importable is not None:
        detail = str(fitting[0]) if fitting else str(importable and importable.origin)
        return _present("pyxrt", detail, ("npu",))
    if found:
        theirs = ", ".join(f"{path} is for {tag_of(path)}" for path in found)
        version = (tag_of(found[0]) or "").removeprefix("cpython-")
        detail = f"{theirs}, and this Python is {mine}"
        python = f"python{version[:1]}.{version[1:]}"
        fix = f"make the environment with that Python: rm -r .venv, then make PYTHON={python} doctor"
        return _missing(broken("pyxrt", detail, fix), ("npu",))
    detail = "no program of this Python can reach an NPU; the emulator answers in its place"
    return _missing(absent("pyxrt", detail, _XRT_FIX), ("npu",))


# mlir-aie and what belongs to it


def _pairing(found: Mapping[str, Tool | Diagnostic], machine: Machine) -> Part:
    """Whether Peano compiles for both generations, and how far it is from the mlir-aie that it is used with."""
    from tileproof.toolchain.mlir_aie import compile_trial

    peano, aie_opt = found["peano"], found["aie-opt"]
    if not (isinstance(peano, Tool) and isinstance(aie_opt, Tool)):
        detail = "one of the two is not here"
        return _missing(absent("Peano, mlir-aie", detail))
    archs = [one.arch for one in GENERATIONS.values()]
    for arch in archs:
        wrong = compile_trial(peano, arch, machine.environ)
        if wrong:
            detail = f"Peano was asked to compile a small file for {arch}, and did not: {wrong}"
            fix = "install llvm-aie again, of the date that mlir-aie's utils/peano-requirements.txt names"
            return _missing(broken("Peano, mlir-aie", detail, fix), ("npu",))
    wheels = ", ".join(f"{name} {version}" for name in ("mlir_aie", "llvm-aie") if (version := _version(name)))
    detail = f"Peano compiles for {' and '.join(archs)}; {wheels or f'{aie_opt.version} beside {peano.version}'}"
    return _present("Peano, mlir-aie", detail + _apart())


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


_FAR_DAYS = 60


def _apart() -> str:
    """Of two wheels that carry their date: how many days lie between them, where that is many."""
    dates = [re.search(r"20\d{6}", _version(name)) for name in ("mlir_aie", "llvm-aie")]
    try:
        days = [datetime.strptime(found[0], "%Y%m%d") for found in dates if found]
    except ValueError:
        return ""
    if len(days) < 2 or abs((days[0] - days[1]).days) <= _FAR_DAYS:
        return ""
    apart = abs((days[0] - days[1]).days)
    return f"; they are {apart} days apart: mlir-aie's utils/peano-requirements.txt names the Peano it was tested with"


_REGISTERS = ("aie_registers_aie2.json", "events_database.json")


def _registers(aiecc: Tool | Diagnostic, machine: Machine) -> Part:
    """mlir-aie's names of registers and events, where its aie-trace-to-config looks (AIERegisterDatabase.cpp)."""
    from tileproof.toolchain.mlir_aie import root_of

    named = machine.environ.get("MLIR_AIE_INSTALL_DIR")
    roots = [Path(named)] if named else []
    roots += [root_of(aiecc)] if isinstance(aiecc, Tool) else []
    folders = [root / "lib" / "regdb" for root in roots]
    whole = next((folder for folder in folders if all((folder / name).is_file() for name in _REGISTERS)), None)
    if whole is not None:
        return _present("register database", str(whole))
    detail = "lib/regdb of mlir-aie is not here: designs with aie.trace cannot be built for an NPU, all others can"
    fix = "install a release of mlir-aie whole; lib/regdb lies beside its bin"
    return _missing(absent("register database", detail, fix if roots else ""))


def _toolchain(machine: Machine) -> Iterator[Part]:
    from tileproof.mlir_aie_versions import version_of
    from tileproof.toolchain.aie_opt import passes_of
    from tileproof.toolchain.mlir_aie import driver_of_tool, probe

    found = probe(machine.environ)
    aiecc = found["aiecc"]
    driver = driver_of_tool(aiecc, machine.environ) if isinstance(aiecc, Tool) else None
    for name, tool in found.items():
        is_needed = name != "aie-translate" and (name != "bootgen" or (driver is not None and not driver.prints_layout))
        needed: tuple[Path_, ...] = ("npu",) if is_needed else ()
        if isinstance(tool, Diagnostic):
            yield _missing(tool, needed)
        else:
            detail = f"{tool.version} ({' '.join(tool.command)})"
            if name == "aiecc" and driver is not None:
                detail += f", aiecc of kind {driver.kind}"
            if name == "aie-opt":
                detail += f", mlir-aie of {version_of(passes_of(tool, machine.environ)).name}"
            yield _present(tool.name, detail, needed)
    yield _registers(found["aiecc"], machine)
    yield _pairing(found, machine)
    chess = shutil.which("xchesscc", path=machine.environ.get("PATH", ""))
    detail = chess or "builds use Peano, and need none"
    yield _present("chess", detail) if chess else _missing(absent("chess", detail))
