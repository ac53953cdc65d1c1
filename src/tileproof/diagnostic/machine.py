"""What is not here or has gone wrong outside tileproof: tools, drivers, the NPU, and whose fault a failure on it is."""

from __future__ import annotations

from tileproof.diagnostic.entry import Change, Entry, Example, Severity


def _of_machine(
    id_: str, *, sentence: str, cause: str, fix: str, severity: Severity = "error", example: Example | None = None
) -> Entry:
    return Entry(id=id_, name=id_, severity=severity, sentence=sentence, cause=cause, fix=fix, example=example)


MACHINE = (
    _of_machine(
        "absent",
        sentence="A program or a device is not here.",
        cause="Only what is asked for is looked for: the emulator needs a C++ compiler and Python packages, building "
        "for the NPU mlir-aie with Peano, and running there the driver, its firmware and XRT.",
        fix="`tileproof doctor` says how to get it",
    ),
    _of_machine(
        "broken",
        sentence="A program or a device is here, and cannot be used.",
        cause="It was found, and does not do what it does where it works: it belongs to another version, lacks a "
        "library, or this user may not use it.",
        fix="`tileproof doctor` says what mends it",
    ),
    _of_machine(
        "driver-said",
        sentence="XRT and the driver have said something to a run that did not complete.",
        cause="XRT writes to the terminal of the process that drives the NPU, and raises nothing for it. Those lines "
        "are kept, and shown with the run's state.",
        fix="look it up: `tileproof explain`",
    ),
    _of_machine(
        "process-gone",
        sentence="The process that drove the NPU ended without an answer.",
        cause="XRT ends the process that calls it on some failures, and may wait for ever on others. So the NPU is "
        "driven from a process of its own, and what that one did not answer is a failure of the run.",
        fix="look at the driver's log: dmesg",
    ),
    _of_machine(
        "untouched",
        sentence="A run left an output as it was filled before it.",
        cause="Outputs are filled with a pattern before each run, with another one each time. One that still holds it "
        "was moved by no transfer: the run ended before, or the sequence moves another argument.",
        fix="let the sequence move the output, and the core write it",
        example=Example(
            command="tileproof verify double --kernels kernels --case ramp",
            changes=(
                Change(
                    "kernels/double/tile.cc",
                    right="        y[i] = 2 * x[i] + 1;",
                    wrong="        y[i] = 2 / x[i] + 1;",
                ),
            ),
        ),
    ),
    _of_machine(
        "kernel-blamed",
        sentence="A known kernel runs before and after this one: the device is good, and this kernel is wrong.",
        cause="The canary, a kernel that is known to be right, runs on the same NPU before the first case, and again "
        "after a failure. A device that a hang has left dirty would fail it, too.",
        fix="`tileproof check KERNEL`, and `tileproof verify KERNEL --device emulator`",
        severity="note",
    ),
    _of_machine(
        "device-good",
        sentence="A known kernel runs before and after this one: the device is good.",
        cause="This kernel gave no answer that could be judged, so the canary's answer does not say that the kernel is "
        "wrong.",
        fix="run it again",
        severity="note",
    ),
    _of_machine(
        "blame-unknown",
        sentence="Nothing says whether the kernel or the device is at fault.",
        cause="There is no canary to ask, the canary could not be run, or the machine may be short of what this kernel "
        "needs and the canary does not.",
        fix="give a canary: --canary",
        severity="note",
    ),
)
