"""What runs a pair: an NPU through XRT's pyxrt, the emulator, which answers as pyxrt, or a recording."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from types import ModuleType

from tileproof.errors import EXIT_NOT_HERE, Problem
from tileproof.sandbox.untrusted import refuse_untrusted
from tileproof.toolchain.npu import Machine, bindings, tag_of, tag_of_this_python

NPU, EMULATOR = "npu", "emulator"
RECORDED = "recorded"  # no device: what an NPU has answered before


@dataclass(frozen=True, slots=True)
class OpenDevice:
    """A device's name and the module that answers as pyxrt."""

    name: str
    xrt: ModuleType


def open_device(name: str) -> OpenDevice:
    """`npu`, `emulator`, or `auto`: the NPU where pyxrt is there and finds one, else the emulator."""
    if name == EMULATOR:
        return OpenDevice(EMULATOR, importlib.import_module("tileproof.emulator.pyxrt"))
    try:
        return OpenDevice(NPU, _npu())
    except Problem:
        if name == NPU:
            raise
        return open_device(EMULATOR)


def refuse_untrusted_npu() -> None:
    """A `Problem` while foreign code is held."""
    refuse_untrusted("an NPU", "what runs on one is not this machine's kernel's to hold", "use --device emulator")


def _npu() -> ModuleType:
    refuse_untrusted_npu()
    xrt = _binding()
    try:
        xrt.device(0)
    except (RuntimeError, IndexError) as error:
        raise Problem(
            "there is no NPU here",
            id="no-npu",
            where="pyxrt.device(0)",
            why=str(error).strip(),
            fix="load the amdxdna driver and join the group `render`, or use --device emulator",
            exit_code=EXIT_NOT_HERE,
        ) from None
    return xrt


def _binding() -> ModuleType:
    """XRT's pyxrt: as Python finds it, or where XRT has put one for this Python, outside a virtual environment."""
    try:
        return importlib.import_module("pyxrt")
    except ImportError as error:
        why = str(error)
    found = list(bindings(Machine()))
    for path in found:
        if tag_of(path) not in (None, tag_of_this_python()):
            why = f"{path} is for {tag_of(path)}, and this Python is {tag_of_this_python()}"
            continue
        sys.path.append(str(path.parent))
        try:
            return importlib.import_module("pyxrt")
        except ImportError as error:
            sys.path.remove(str(path.parent))
            why = f"{path} cannot be loaded: {error}"
    raise Problem(
        "there is no NPU runtime here",
        id="no-pyxrt",
        where="import pyxrt",
        why=why,
        fix="`tileproof doctor --for npu` says what is missing and how to get it; or use --device emulator",
        exit_code=EXIT_NOT_HERE,
    )
