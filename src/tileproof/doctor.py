"""What this machine has, one finding per thing, and what its absence prevents. Never raises."""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata

from tileproof.errors import Problem

PRESENT, ABSENT = "present", "absent"
_PACKAGES = ("numpy", "ml_dtypes", "jinja2", "xdsl", "rich", "soundfile", "soxr")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing. `needed` says whether nothing works without it; `detail` what it is, or what its absence prevents."""

    thing: str
    state: str
    detail: str
    needed: bool = False


def examine() -> tuple[Finding, ...]:
    """Every finding, the needed things first."""
    return (_python(), _compiler(), _ninja(), *map(_package, _PACKAGES), _mlir_aie(), _npu())


def _python() -> Finding:
    return Finding(
        thing="python",
        state=PRESENT,
        detail=f"{platform.python_version()} at {sys.executable}",
        needed=True,
    )


def _compiler() -> Finding:
    from tileproof.toolchain.cxx import find_cxx

    try:
        cxx = find_cxx()
    except Problem as problem:
        return Finding(thing="C++ compiler", state=ABSENT, detail=f"nothing can be built: {problem.fix}", needed=True)
    return Finding(thing="C++ compiler", state=PRESENT, detail=f"{cxx.version} ({' '.join(cxx.command)})", needed=True)


def _ninja() -> Finding:
    from tileproof.toolchain.ninja import find_ninja

    try:
        return Finding(thing="ninja", state=PRESENT, detail=str(find_ninja()), needed=True)
    except (Problem, ImportError):
        return Finding(thing="ninja", state=ABSENT, detail="nothing can be built: pip install ninja", needed=True)


def _package(name: str) -> Finding:
    try:
        return Finding(thing=name, state=PRESENT, detail=metadata.version(name), needed=True)
    except metadata.PackageNotFoundError:
        return Finding(thing=name, state=ABSENT, detail=f"pip install {name}", needed=True)


def _mlir_aie() -> Finding:
    found = shutil.which("aiecc") or shutil.which("aiecc.py")
    if found:
        return Finding(thing="mlir-aie", state=PRESENT, detail=f"{found}; this version does not drive it yet")
    return Finding(
        thing="mlir-aie",
        state=ABSENT,
        detail="no xclbin for a real NPU can be built; the emulator needs none",
    )


def _npu() -> Finding:
    from tileproof.device import NPU, open_device

    try:
        open_device(NPU)
    except Problem as problem:
        detail = f"{problem.why}; the emulator answers in its place"
        return Finding(thing="NPU and pyxrt", state=ABSENT, detail=detail)
    return Finding(thing="NPU and pyxrt", state=PRESENT, detail="--device npu can be tried with --xclbin and --insts")
