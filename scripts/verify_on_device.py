#!/usr/bin/env python3
"""Proves kernels on the NPU of this machine, and can be left alone with it: `scripts/verify_on_device.py [KERNEL...]`.

It is `tileproof verify --device npu` with thirty runs of each case, a pause that shows what waking up costs, and a
session in build/on_device: verdicts.json and verify.log, up to date after every case. Any option of `verify` may
follow, and goes before these; `--resume` goes on with a session that was interrupted. The exit code is verify's.
"""

import os
import sys
from pathlib import Path

ALONE = ["--device", "npu", "--repeat", "30", "--idle", "12", "--out", "build/on_device"]
PYTHON = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python"


def run() -> int:
    try:
        from tileproof.__main__ import main
        from tileproof.toolchain.npu import Examined, Machine, examine_npu
    except ModuleNotFoundError as error:
        if error.name != "tileproof":
            raise
        if sys.executable != str(PYTHON) and PYTHON.exists():
            os.execv(PYTHON, [str(PYTHON), *sys.argv])
        print("error: tileproof is not installed for this Python\n  fix:   make doctor", file=sys.stderr)
        return 3
    found = examine_npu(Machine())
    target = ["--target", found.generation] if isinstance(found, Examined) and found.generation else []
    return main(["verify", *ALONE, *target, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(run())
