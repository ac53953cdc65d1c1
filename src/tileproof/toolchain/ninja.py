"""The ninja that the `ninja` package brings, or the machine's."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

from tileproof.errors import EXIT_NOT_HERE, Problem


def find_ninja() -> Path:
    """The path of a ninja executable."""
    bundled = Path(sysconfig.get_path("scripts")) / "ninja"
    found = str(bundled) if bundled.is_file() else shutil.which("ninja")
    if found is None:
        raise Problem(
            "there is no ninja",
            id="no-ninja",
            where=f"{bundled}, then PATH",
            why="ninja runs the build's steps",
            fix="reinstall tileproof's dependencies: pip install ninja",
            exit_code=EXIT_NOT_HERE,
        )
    return Path(found)
