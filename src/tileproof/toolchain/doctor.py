"""What this machine has, one finding per thing, and what its absence prevents. Never raises."""

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
from tileproof.toolchain.tool import Absence, Tool

State = Literal["present", "absent", "broken"]
Path_ = Literal["emulator", "npu"]
PRESENT: State = "present"
ABSENT: State = "absent"
BROKEN: State = "broken"
_PACKAGES = ("numpy", "ml_dtypes", "jinja2", "xdsl", "rich", "soundfile", "soxr")
_MEMLOCK_FIX = "let the group `render` lock memory: a line `@render - memlock unlimited` in /etc/security/limits.conf"
_XRT_FIX = (
    "Ubuntu 24.04: add-apt-repository ppa:amd-team/xrt, apt-get install libxrt-npu2 libxrt-utils-npu amdxdna-dkms"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing. `detail` is what it is, or what its absence prevents; `fix` the line that mends it, if any does.

    `needed_for` are the paths that cannot work without it.
    """

    thing: str
    state: State
    detail: str
    fix: str = ""
    needed_for: tuple[Path_, ...] = ()


def examine(machine: Machine | None = None) -> tuple[Finding, ...]:
    """Every finding: what everything needs, then what lies between here and an NPU."""
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


def can_work(findings: tuple[Finding, ...], path: Path_) -> bool:
    return all(finding.state == PRESENT for finding in findings if path in finding.needed_for)


# What everything needs


_BOTH: tuple[Path_, ...] = ("emulator", "npu")


def _python() -> Finding:
    detail = f"{platform.python_version()} ({tag_of_this_python()}) at {sys.executable}"
    return Finding(thing="python", state=PRESENT, detail=detail, needed_for=_BOTH)


def _compiler() -> Finding:
    from tileproof.toolchain.cxx import find_cxx

    try:
        cxx = find_cxx()
    except Problem as problem:
        state = BROKEN if os.environ.get("CXX") else ABSENT
        detail = "nothing can be built for the emulator"
        return Finding(
            thing="C++ compiler", state=state, detail=detail, fix=problem.fix or "", needed_for=("emulator",)
        )
    detail = f"{cxx.version} ({' '.join(cxx.command)})"
    return Finding(thing="C++ compiler", state=PRESENT, detail=detail, needed_for=("emulator",))


def _ninja() -> Finding:
    from tileproof.toolchain.ninja import find_ninja

    try:
        return Finding(thing="ninja", state=PRESENT, detail=str(find_ninja()), needed_for=_BOTH)
    except (Problem, ImportError):
        detail = "nothing can be built"
        return Finding(thing="ninja", state=ABSENT, detail=detail, fix="pip install ninja", needed_for=_BOTH)


def _package(name: str) -> Finding:
    try:
        return Finding(thing=name, state=PRESENT, detail=metadata.version(name), needed_for=_BOTH)
    except metadata.PackageNotFoundError:
        detail = "tileproof needs it for everything"
        return Finding(thing=name, state=ABSENT, detail=detail, fix=f"pip install {name}", needed_for=_BOTH)


# Driver, node, limits, XRT


def _device(machine: Machine) -> Iterator[Finding]:
    yield _driver(machine)
    yield _node(machine)
    yield _memlock(machine)
    yield from _xrt(machine)


def _driver(machine: Machine) -> Finding:
    module = machine.root / "sys/module/amdxdna"
    if not module.is_dir():
        detail = "the kernel has not loaded it: no NPU is visible"
        fix = f"{_XRT_FIX}; it needs kernel 6.17 or newer, and an NPU that the BIOS has switched on"
        return Finding(thing="amdxdna driver", state=ABSENT, detail=detail, fix=fix, needed_for=("npu",))
    version = module / "version"
    detail = version.read_text().strip() if version.is_file() else "loaded; it does not say its version"
    return Finding(thing="amdxdna driver", state=PRESENT, detail=detail, needed_for=("npu",))


def _node(machine: Machine) -> Finding:
    nodes = sorted((machine.root / "dev/accel").glob("accel*"))
    if not nodes:
        detail = "there is no /dev/accel/accel0: the driver has found no NPU"
        fix = "load the driver (modprobe amdxdna), and look at its log: dmesg | grep amdxdna"
        return Finding(thing="device node", state=ABSENT, detail=detail, fix=fix, needed_for=("npu",))
    if not os.access(nodes[0], os.R_OK | os.W_OK):
        detail = f"{nodes[0]} is there, and this user may not open it"
        fix = "sudo usermod -aG render $USER, then log in again"
        return Finding(thing="device node", state=BROKEN, detail=detail, fix=fix, needed_for=("npu",))
    return Finding(thing="device node", state=PRESENT, detail=str(nodes[0]), needed_for=("npu",))


_ENOUGH = 64 << 20  # the heap for instructions that each process locks (amdxdna aie2_pci.h, AIE2_DEVM_SIZE)


def _memlock(machine: Machine) -> Finding:
    limit = machine.memlock_bytes()
    if 0 <= limit <= _ENOUGH:
        detail = f"{limit:,} bytes may be locked, and a hardware context locks more"
        return Finding(thing="memlock limit", state=BROKEN, detail=detail, fix=_MEMLOCK_FIX, needed_for=("npu",))
    detail = "no limit" if limit < 0 else f"{limit:,} bytes"
    return Finding(thing="memlock limit", state=PRESENT, detail=detail, needed_for=("npu",))


def _xrt(machine: Machine) -> Iterator[Finding]:
    found = examine_npu(machine)
    if isinstance(found, str):
        state = ABSENT if xrt_smi(machine) is None else BROKEN
        for thing in ("XRT", "NPU firmware", "NPU"):
            detail = found if thing == "XRT" else "only xrt-smi tells"
            needed: tuple[Path_, ...] = ("npu",) if thing == "XRT" else ()
            fix = _XRT_FIX if thing == "XRT" else ""
            yield Finding(thing=thing, state=state, detail=detail, fix=fix, needed_for=needed)
        return
    yield Finding(thing="XRT", state=PRESENT, detail=found.xrt or "it does not say its version", needed_for=("npu",))
    yield Finding(thing="NPU firmware", state=PRESENT if found.firmware else ABSENT, detail=found.firmware or "unknown")
    yield _npu(found)


def _npu(found: Examined) -> Finding:
    if not found.npu:
        fix = "load the driver (modprobe amdxdna), and look at its log: dmesg | grep amdxdna"
        detail = "xrt-smi lists no device"
        return Finding(thing="NPU", state=ABSENT, detail=detail, fix=fix, needed_for=("npu",))
    if found.generation is None:
        detail = f"{found.npu}, which is neither npu1 nor npu2 as tileproof knows them"
        return Finding(thing="NPU", state=BROKEN, detail=detail, needed_for=("npu",))
    detail = (
        f"{found.npu}: {found.generation}, {GENERATIONS[found.generation].columns} columns; --target {found.generation}"
    )
    return Finding(thing="NPU", state=PRESENT, detail=detail, needed_for=("npu",))


def _pyxrt(machine: Machine) -> Finding:
    """Whether a binding fits this Python; it is not loaded, for a broken one can end the process."""
    found, mine = list(bindings(machine)), tag_of_this_python()
    fitting = [path for path in found if tag_of(path) in (None, mine)]
    importable = importlib.util.find_spec("pyxrt") if "pyxrt" not in sys.modules else None
    if fitting or importable is not None:
        detail = str(fitting[0]) if fitting else str(importable and importable.origin)
        return Finding(thing="pyxrt", state=PRESENT, detail=detail, needed_for=("npu",))
    if found:
        theirs = ", ".join(f"{path} is for {tag_of(path)}" for path in found)
        version = (tag_of(found[0]) or "").removeprefix("cpython-")
        detail = f"{theirs}, and this Python is {mine}"
        python = f"python{version[:1]}.{version[1:]}"
        fix = f"make the environment with that Python: rm -r .venv, then make PYTHON={python} doctor"
        return Finding(thing="pyxrt", state=BROKEN, detail=detail, fix=fix, needed_for=("npu",))
    detail = "no program of this Python can reach an NPU; the emulator answers in its place"
    return Finding(thing="pyxrt", state=ABSENT, detail=detail, fix=_XRT_FIX, needed_for=("npu",))


# mlir-aie and what belongs to it


def _pairing(found: Mapping[str, Tool | Absence], machine: Machine) -> Finding:
    """Whether Peano compiles for both generations, and how far it is from the mlir-aie that it is used with."""
    from tileproof.toolchain.mlir_aie import compile_trial

    peano, aie_opt = found["peano"], found["aie-opt"]
    if not (isinstance(peano, Tool) and isinstance(aie_opt, Tool)):
        detail = "one of the two is not here"
        return Finding(thing="Peano, mlir-aie", state=ABSENT, detail=detail)
    archs = [one.arch for one in GENERATIONS.values()]
    for arch in archs:
        wrong = compile_trial(peano, arch, machine.environ)
        if wrong:
            detail = f"Peano was asked to compile a small file for {arch}, and did not: {wrong}"
            fix = "install llvm-aie again, of the date that mlir-aie's utils/peano-requirements.txt names"
            return Finding(thing="Peano, mlir-aie", state=BROKEN, detail=detail, fix=fix, needed_for=("npu",))
    wheels = ", ".join(f"{name} {version}" for name in ("mlir_aie", "llvm-aie") if (version := _version(name)))
    detail = f"Peano compiles for {' and '.join(archs)}; {wheels or f'{aie_opt.version} beside {peano.version}'}"
    return Finding(thing="Peano, mlir-aie", state=PRESENT, detail=detail + _apart())


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


def _registers(aiecc: Tool | Absence, machine: Machine) -> Finding:
    """mlir-aie's names of registers and events, where its aie-trace-to-config looks (AIERegisterDatabase.cpp)."""
    from tileproof.toolchain.mlir_aie import root_of

    named = machine.environ.get("MLIR_AIE_INSTALL_DIR")
    roots = [Path(named)] if named else []
    roots += [root_of(aiecc)] if isinstance(aiecc, Tool) else []
    folders = [root / "lib" / "regdb" for root in roots]
    whole = next((folder for folder in folders if all((folder / name).is_file() for name in _REGISTERS)), None)
    if whole is not None:
        return Finding(thing="register database", state=PRESENT, detail=str(whole))
    detail = "lib/regdb of mlir-aie is not here: designs with aie.trace cannot be built for an NPU, all others can"
    fix = "install a release of mlir-aie whole; lib/regdb lies beside its bin"
    return Finding(thing="register database", state=ABSENT, detail=detail, fix=fix if roots else "")


def _toolchain(machine: Machine) -> Iterator[Finding]:
    from tileproof.mlir_aie_states import state_of
    from tileproof.toolchain.aie_opt import passes_of
    from tileproof.toolchain.mlir_aie import driver_of_tool, probe

    found = probe(machine.environ)
    aiecc = found["aiecc"]
    driver = driver_of_tool(aiecc, machine.environ) if isinstance(aiecc, Tool) else None
    for name, tool in found.items():
        is_needed = name != "aie-translate" and (name != "bootgen" or (driver is not None and not driver.prints_layout))
        needed: tuple[Path_, ...] = ("npu",) if is_needed else ()
        if isinstance(tool, Absence):
            state = BROKEN if tool.present else ABSENT
            yield Finding(thing=tool.name, state=state, detail=tool.why, fix=tool.fix, needed_for=needed)
        else:
            detail = f"{tool.version} ({' '.join(tool.command)})"
            if name == "aiecc" and driver is not None:
                detail += f", dialect {driver.dialect}"
            if name == "aie-opt":
                detail += f", mlir-aie of {state_of(passes_of(tool, machine.environ)).name}"
            yield Finding(thing=tool.name, state=PRESENT, detail=detail, needed_for=needed)
    yield _registers(found["aiecc"], machine)
    yield _pairing(found, machine)
    chess = shutil.which("xchesscc", path=machine.environ.get("PATH", ""))
    detail = chess or "builds use Peano, and need none"
    yield Finding(thing="chess", state=PRESENT if chess else ABSENT, detail=detail)
