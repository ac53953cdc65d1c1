"""Where a kernel's answers come from: an xclbin and insts.bin on a device, or a recording of what one answered."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from tileproof import __version__
from tileproof.build.prepare import Rendered, build_kernel
from tileproof.device import EMULATOR, NPU, RECORDED, open_device
from tileproof.errors import EXIT_NOT_HERE, Problem, bytes_of
from tileproof.insts import binary_words, decode
from tileproof.verify.request import VerifyRequest
from tileproof.xclbin import Xclbin, read_xclbin
from tileproof.xclbin.provenance import Provenance, read_provenance

if TYPE_CHECKING:
    from tileproof.device.guarded import GuardedKernel
    from tileproof.device.recorded import RecordedKernel
    from tileproof.device.runner import Counted, LoadedKernel

    Kernel = LoadedKernel | GuardedKernel | RecordedKernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """`load` gives the kernel, ready to run; what it is told is what ninstr counts. `machine` is what an NPU says of
    itself. `build_s` is 0 for what was not built here."""

    device: str
    artifacts: Mapping[str, str]
    toolchain: str
    build_s: float
    machine: Mapping[str, str]
    load: Callable[[Counted], Kernel]
    warnings: tuple[str, ...] = ()  # of the checks of its build
    pair: Snapshot | None = None  # what `load` takes, of a device; it goes with this object


def find_source(rendered: Rendered, request: VerifyRequest, say: Callable[[str], None]) -> Source:
    """Build, or take what was given; a `Problem` for what cannot be had, or is not what was asked for."""
    if request.run.device == RECORDED:
        return _recorded(rendered, request)
    started = time.perf_counter()
    say(f"{rendered.spec.name}: build")
    xclbin, insts, warnings = _given_pair(request) or _built_pair(rendered, request, say)
    build_s = time.perf_counter() - started
    # Read once: its turn may come in hours, and another build may lie there by then.
    data, words = bytes_of(xclbin), binary_words(bytes_of(insts))
    container = read_xclbin(data, xclbin.name)
    provenance = read_provenance(container)
    _refuse_another(rendered.spec.variant(request.build.target), provenance, xclbin)
    device = _device_of(container, request, xclbin)
    if device == NPU:
        _refuse_another_npu(words, insts, request.build.target)
    pair = Snapshot((xclbin.name, data), (insts.name, words))
    return Source(
        device=device,
        artifacts={
            "xclbin": str(xclbin),
            "insts": str(insts),
            "digest": provenance.digest if provenance else "",
            "sha256": hashlib.sha256(data).hexdigest(),
            "evidence": _evidence(rendered, provenance.digest.encode() if provenance else data, words),
        },
        warnings=warnings,
        toolchain=provenance.toolchain if provenance else "unknown",
        build_s=build_s,
        machine={},
        load=lambda counted: _loaded(device, rendered, request, pair.paths, counted),
        pair=pair,
    )


class Snapshot:
    """Two files by name, in a folder of their own, which goes with this object."""

    def __init__(self, *files: tuple[str, bytes]) -> None:
        try:
            folder = Path(tempfile.mkdtemp(prefix="tileproof-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            xclbin, insts = (folder / name for name, _ in files)
            for name, data in files:
                (folder / name).write_bytes(data)
        except OSError as error:
            raise Problem(
                "there is no room for a copy of what is to run",
                id="no-room",
                where=tempfile.gettempdir(),
                why=error.strerror or str(error),
                fix="make room there, or name another folder in TMPDIR",
                exit_code=EXIT_NOT_HERE,
            ) from None
        self.paths = xclbin, insts


def _evidence(rendered: Rendered, built: bytes, insts: bytes) -> str:
    """SHA-256 of all that a verdict rests on: what is run, and the files that draw inputs and judge outputs."""
    folder = rendered.spec.folder
    files = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*.py"))}
    digest = hashlib.sha256(json.dumps([__version__, rendered.digest, sorted(files)]).encode())
    for data in (built, insts, bytes_of(rendered.spec.path), *map(bytes_of, files.values())):
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()


def _given_pair(request: VerifyRequest) -> tuple[Path, Path, tuple[str, ...]] | None:
    if (request.run.xclbin is None) != (request.run.insts is None):
        raise Problem(
            "--xclbin and --insts go together",
            id="missing-option",
            where="--xclbin" if request.run.xclbin else "--insts",
            why="a host loads the pair that one build made",
            fix="give both, or none of them",
        )
    return (request.run.xclbin, request.run.insts, ()) if request.run.xclbin and request.run.insts else None


def _built_pair(
    rendered: Rendered, request: VerifyRequest, say: Callable[[str], None]
) -> tuple[Path, Path, tuple[str, ...]]:
    """The pair that a build makes, and what its checks warn of."""
    if request.run.device != NPU:
        # The compiler is a process of its own: what the run will need is imported while it works.
        Thread(target=_import_ahead, daemon=True).start()
    artifacts = build_kernel(rendered, request.built, say)
    return artifacts.xclbin, artifacts.insts, artifacts.warnings


def _import_ahead() -> None:
    with suppress(Exception):  # whoever needs it meets the same, and says so
        import_module("tileproof.emulator.pyxrt")


def _refuse_another(variant: str, provenance: Provenance | None, xclbin: Path) -> None:
    if provenance is not None and provenance.variant != variant:
        raise Problem(
            f"{xclbin.name} is not what was asked for",
            id="other-variant",
            where=str(xclbin),
            why=f"it was built as {provenance.variant}, and {variant} is to be verified",
            fix="give the same kernel, --target and --set that it was built with",
        )


def _refuse_another_npu(words: bytes, insts: Path, target: str) -> None:
    """Of a pair that nobody has stamped: its instructions say for which NPU they are."""
    found = decode(words, insts.name).device
    if found != target:
        raise Problem(
            f"{insts.name} is for {found}, and {target} was asked for",
            id="other-npu",
            where=str(insts),
            why=f"its header names {found}; on another NPU such a pair runs without an error and answers zeros",
            fix=f"--target {found}, on a machine that has one",
        )


def _device_of(container: Xclbin, request: VerifyRequest, xclbin: Path) -> str:
    """The device that the file was packed for; on another one it would be garbage."""
    if container.section("EMULATION_DATA") is None:
        if request.run.device == EMULATOR:
            raise Problem(
                f"{xclbin.name} was packed for an NPU",
                id="other-device",
                where="--device emulator",
                why="it holds machine code for an NPU, and nothing that the emulator could run",
                fix="use --device npu, or build for the emulator: leave --xclbin and --toolchain mlir-aie out",
            )
        return NPU
    if request.run.device == NPU:
        raise Problem(
            f"{xclbin.name} was packed for the emulator",
            id="other-device",
            where="--device npu",
            why="it holds no machine code for an NPU",
            fix="use --device emulator, or give a pair that aiecc made",
        )
    return EMULATOR


def _loaded(
    device: str, rendered: Rendered, request: VerifyRequest, pair: tuple[Path, Path], counted: Counted
) -> LoadedKernel | GuardedKernel:
    """The emulator guards itself: its array is another process. XRT does not."""
    sizes = {number: buffer.nbytes for number, buffer in enumerate(rendered.spec.buffers)}
    if device == NPU:
        from tileproof.device.guarded import GuardedKernel

        return GuardedKernel(*pair, sizes, request.run.timeout_s, counted)
    # Late: it needs numpy, which a build alone does not.
    from tileproof.device.runner import LoadedKernel
    from tileproof.emulator.library import Manner

    opened = open_device(EMULATOR)
    opened.xrt.settings.watchdog_s = request.run.timeout_s
    run = request.run
    opened.xrt.settings.manner = Manner(as_hardware=run.as_hardware, trace=run.trace is not None, profile=run.profile)
    return LoadedKernel(opened, *pair, sizes, request.run.timeout_s, counted)


def _recorded(rendered: Rendered, request: VerifyRequest) -> Source:
    from tileproof.device.recorded import RecordedKernel, read_recording, recording_path

    spec = rendered.spec
    path = recording_path(request.cases.recordings, spec.variant(request.build.target))
    recording = read_recording(path)
    if recording.texts != rendered.digest:
        raise Problem(
            f"{path.name} is of another state of {spec.name}",
            id="not-recorded",
            where=str(path),
            why=f"since {recording.date} the kernel has changed: what it renders has another digest",
            fix="record again on an NPU, or use --device emulator",
            exit_code=EXIT_NOT_HERE,
        )
    sizes = {number: buffer.nbytes for number, buffer in enumerate(spec.buffers)}
    return Source(
        device=RECORDED,
        artifacts={"recording": str(path), "date": recording.date, "digest": recording.digest},
        toolchain=recording.toolchain,
        build_s=0.0,
        machine=recording.machine,
        load=lambda _: RecordedKernel(recording, sizes),
    )
