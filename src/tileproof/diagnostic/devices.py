"""Devices: an NPU that cannot be had, is another one, or runs nothing, here or on other machines."""

from __future__ import annotations

from tileproof.diagnostic.entry import Entry


def _device(id_: str, sentence: str, fix: str, cause: str) -> Entry:
    return Entry(id=id_, name=id_, severity="error", sentence=sentence, fix=fix, cause=cause)


DEVICES = (
    _device(
        "no-npu",
        "There is no NPU here.",
        "load the amdxdna driver and join the group `render`, or use --device emulator",
        "XRT was loaded and sees no device. The driver is not there, or this user may not open it.",
    ),
    _device(
        "no-pyxrt",
        "There is no NPU runtime here.",
        "`tileproof doctor --for npu` says what is missing and how to get it; or use --device emulator",
        "The module pyxrt comes with XRT, outside a virtual environment, and is built for one version of Python.",
    ),
    _device(
        "npu-refused",
        "The NPU or its runtime refuses to load or to run something.",
        "`tileproof doctor` looks at the device and what it needs; another process may hold its contexts",
        "XRT has raised an error, and its words stand under `why`. `tileproof explain` knows most of them.",
    ),
    _device(
        "npu-not-alone",
        "The NPU cannot be had alone.",
        "let this user write the file that is named, or name another folder in TILEPROOF_LOCK_DIR",
        "One run at a time uses the NPU, and a lock in a file says whose turn it is. Two at once would spoil each "
        "other's times, and a failure could be either's.",
    ),
    _device(
        "npu-stuck",
        "A process that drove the NPU cannot be ended.",
        "restart the machine",
        "It waits in the driver, which does not answer, and it holds the device. No signal reaches it there.",
    ),
    _device(
        "canary-wrong",
        "The NPU does not run a known-good kernel.",
        "load the driver again (sudo modprobe -r amdxdna && sudo modprobe amdxdna), or restart the machine",
        "The canary runs wherever the NPU, its driver and XRT are in order. Where it does not, the answers of another "
        "kernel prove nothing.",
    ),
    _device(
        "other-npu",
        "The NPU that was asked for is not the one that is here, or not the one that the files are for.",
        "name the NPU of this machine with --target, and build for it",
        "What is built for one generation runs on the other without an error, and answers zeros.",
    ),
    _device(
        "no-room",
        "There is no room for what is to run.",
        "free memory, make room in the folder for temporary files, or name another one in TMPDIR",
        "Buffers of the host are held in this machine's memory, and what is to run is copied to the folder for "
        "temporary files.",
    ),
    _device(
        "no-worker",
        "No other machine with an NPU can be reached.",
        "pip install 'tileproof[hosts]', start `dask scheduler`, and on each NPU `dask worker` with --resources NPU=1",
        "`--hosts` names a Dask scheduler. A case that is given to a cluster without an NPU would wait for ever.",
    ),
    _device(
        "other-tileproof",
        "A worker has another tileproof.",
        "install the same one on every machine",
        "Another tileproof may draw other inputs and judge otherwise, and verdicts of the two are not the same.",
    ),
    _device(
        "worker-lost",
        "A worker that was given a case came to no verdict.",
        "look at the worker's log, start a worker again, and run what is left with --out and --resume",
        "It has ended, or can no longer be reached. Nothing is known of the case.",
    ),
)
