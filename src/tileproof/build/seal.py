"""The seal of a build's folder: every file that a build left there, by its digest and its time.

ninja looks at times only. It believes a file that somebody has cut short, swapped or dated since, for ever if it is
newer than what it was made of. So the next build looks at the seal first, and where that does not hold it begins anew.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from tileproof.files import sha256_of, write_if_changed

SEAL = "seal.json"


def seal(folder: Path, names: Iterable[str]) -> None:
    """Write down those of `names` that are there, as they are."""
    left = {name: _state(folder / name) for name in sorted(names) if (folder / name).is_file()}
    write_if_changed(folder / SEAL, json.dumps(left, indent=1).encode())


def is_whole(folder: Path) -> bool:
    """Whether everything is as the last build left it. A date in the future is never: nothing would be newer."""
    try:
        left, now = json.loads((folder / SEAL).read_bytes()), time.time_ns()
        return bool(left) and all(_state(folder / name) == told and told[0] <= now for name, told in left.items())
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return False  # no seal, or garbage; something that is not there, or no file


def empty(folder: Path, keep: str) -> bool:
    """Take everything but `keep` out of it; False if there was nothing."""
    found = [path for path in folder.iterdir() if path.name != keep]
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return bool(found)


def _state(path: Path) -> list[int | str]:
    """When it was written, for ninja goes by that, and what is in it."""
    return [path.stat().st_mtime_ns, sha256_of(path)]
