"""pyxrt's hardware context, and what a run knows of the kernel that it is a run of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING, Protocol

from tileproof.emulator.library import Library
from tileproof.emulator.payload import Payload, unpack_payload
from tileproof.emulator.process.parent import Child
from tileproof.emulator.pyxrt.device import device
from tileproof.emulator.pyxrt.empty import unset
from tileproof.emulator.pyxrt.raises import raised
from tileproof.emulator.pyxrt.settings import settings
from tileproof.emulator.pyxrt.xclbin import uuid
from tileproof.errors import Problem
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.stored import stored
from tileproof.sandbox.untrusted import current
from tileproof.xclbin import Argument
from tileproof.xclbin.provenance import read_provenance


class Running(Protocol):
    """A run that a context carries out."""

    def _waited(self) -> object: ...


class hw_context:
    """A partition of the array, set up with one xclbin: here, a process of its own."""

    def __init__(self, device: device | None = None, uuid: uuid | None = None) -> None:
        if device is None and uuid is None:
            return
        if device is None or uuid is None:
            raise TypeError("__init__(): incompatible constructor arguments.")
        if uuid not in device._registered:
            raise raised(RuntimeError(f"No xclbin with uuid '{uuid.to_string()}': Invalid argument"))
        file = device._registered[uuid]
        sections = [one for one in file._xclbin.sections if one.kind_name == "EMULATION_DATA"]
        if not sections:
            raise Problem(
                f"{file._name} has nothing that the emulator can run",
                id="other-device",
                where=f"{file._name}, section EMULATION_DATA",
                why="it was built for the NPU: it holds AIE machine code, which tileproof does not execute",
                fix="build it for the emulator (`tileproof build KERNEL --toolchain host`), or use --device npu",
            )
        with self._coming_up():
            self._file = file
            provenance = read_provenance(file._xclbin)
            self._insts_sha256 = provenance.insts_sha256 if provenance else None
            self._set_up(device, [unpack_payload(one.data, file._name) for one in sections])

    if not TYPE_CHECKING:
        __getattr__ = unset

    @contextmanager
    def _coming_up(self) -> Iterator[None]:
        """Its process comes up while the design is read in here, and is not left behind where that fails."""
        self._child = Child()
        try:
            yield
        except BaseException:  # whatever it was
            self._child.close()
            raise

    def _set_up(self, device: device, payloads: list[Payload]) -> None:
        self._payloads = {payload.kernel: payload for payload in payloads}
        self._loaded = payloads[0].kernel
        design = _design_of(payloads[0])
        if len(device._contexts) >= design.device.model.hw_contexts:
            raise raised(
                RuntimeError("DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-2): No such file or directory")
            )
        self._device, self._design = device, design
        self._slot = device._free_slot()
        self._running: Running | None = None
        self._lock = RLock()  # the real thing may be used by several threads
        self._insts_sha256 = payloads[0].insts_sha256 or self._insts_sha256
        self._child.set_up(design, self._library, settings.manner)
        device._contexts.add(self)

    @property
    def _library(self) -> Library | None:
        """The tile code that is loaded; None for a design that calls none."""
        library = self._payloads[self._loaded].library
        return library if library.code else None

    def _load(self, kernel: str) -> None:
        """The array as the kernel's PDI sets it up, where another kernel of the same xclbin has run last."""
        if kernel == self._loaded or kernel not in self._payloads:
            return
        self._loaded, payload = kernel, self._payloads[kernel]
        self._design, self._insts_sha256 = _design_of(payload), payload.insts_sha256 or None
        self._child.set_up(self._design, self._library, settings.manner)

    def _begin_again(self, seed: int | None) -> None:
        """An array as it is at first, in the legal order of a seed, or in the cycle model's. XRT has no word for it."""
        manner = settings.manner if seed is None else replace(settings.manner, seed=seed, trace=False, is_patient=True)
        self._child.set_up(self._design, self._library, manner)

    @property
    def _is_gone(self) -> bool:
        return self._child.death is not None


def _design_of(payload: Payload) -> LoweredDesign:
    # What somebody else has packed may show one design, and hold another lowered.
    known = stored(payload.lowered, payload.design) if current() is None else None
    return known or lowered_of(payload.design, payload.device_name or None)


def lowered_of(text: str, device_name: str | None) -> LoweredDesign:
    """Of a file that another tileproof has packed. Late: xDSL takes longer to import than a design takes to run."""
    from tileproof.lowering.lower import lower_design
    from tileproof.mlir.reader import read_design

    return lower_design(read_design(text, "design.mlir", device_name))


class ComputeUnit:
    """What `kernel` is to a run: its context, its name and its arguments.

    Of an ELF it has the instructions with it: `_streams`. A full ELF has no opcode and no instructions among its
    arguments, which are those of the sequence: `_shift` is how many are missing. `_parts` are the designs that its
    streams run on, where the sequence sets the array up itself. `_scratchpad_bytes` is how large a scratchpad they use.
    """

    _shift: int = 0
    _streams: tuple[bytes, ...] = ()
    _parts: tuple[LoweredDesign, ...] = ()
    _scratchpad_bytes: int = 0
    _context: hw_context
    _name: str
    _arguments: tuple[Argument, ...]
