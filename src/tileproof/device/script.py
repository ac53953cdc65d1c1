"""Runs an unmodified host program whose `import pyxrt` is answered by the emulator, and says what it did wrong."""

from __future__ import annotations

import gc
import runpy
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from tileproof.device import EMULATOR, open_device
from tileproof.diagnostic import Diagnostic
from tileproof.emulator.pyxrt.journal import journal
from tileproof.errors import Problem
from tileproof.explain import explain_log


def run_script(
    script: Path, arguments: Sequence[str], device: str, *, strict: bool = False
) -> tuple[int, list[Diagnostic]]:
    """The program's exit code, and its mistakes; those are known on the emulator only."""
    if not script.is_file():
        raise Problem(
            f"there is no program {script}", id="unreadable-file", where=str(script), fix="name a Python file"
        )
    opened = open_device(device)
    journal.strict = strict
    before = sys.argv, sys.path[:], sys.modules.get("pyxrt")
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.resolve().parent))
    if opened.name == EMULATOR:
        sys.modules["pyxrt"] = opened.xrt
    try:
        code = _run(script)
    finally:
        journal.strict = False
        sys.argv, sys.path[:] = before[0], before[1]
        if before[2] is None:
            sys.modules.pop("pyxrt", None)
        else:
            sys.modules["pyxrt"] = before[2]
    gc.collect()  # contexts that the program has left end now
    return code, journal.close()


def _run(script: Path) -> int:
    """As `python SCRIPT` would: what it raises is shown, what it exits with is its code."""
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as left:
        if isinstance(left.code, int) or left.code is None:
            return left.code or 0
        sys.stderr.write(f"{left.code}\n")
    except Problem:
        raise
    except Exception as error:  # whatever the program raises is its own, and shown as Python shows it
        journal.open.clear()  # what it had begun and not finished is no mistake of its own
        _show(error, script)
    else:
        return 0
    return 1


def _show(error: Exception, script: Path) -> None:
    """The traceback from the program on, and what XRT's words in it mean."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != str(script):
        trace = trace.tb_next
    traceback.print_exception(error.with_traceback(trace))
    told = explain_log(str(error))
    for explanation in told:
        sys.stderr.write(f"\n{explanation}\n")
    # What ended the program has been explained; mistakes are what else it did.
    journal.mistakes = [one for one in journal.mistakes if one.what not in {meaning.what for meaning in told}]
