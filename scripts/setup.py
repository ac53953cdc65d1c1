#!/usr/bin/env python3
"""Makes .venv, once: tileproof and what it needs, and a C++ compiler from PyPI where the machine has none.

Run by the Makefile. Needs nothing but Python 3.11 and its venv module (or uv or virtualenv).
"""

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what the tests need")
    dev = parser.parse_args().dev
    if sys.version_info < OLDEST:
        return fail(
            f"this is Python {sys.version.split()[0]}, and tileproof needs {OLDEST[0]}.{OLDEST[1]} or newer",
            "name a newer one: make PYTHON=python3.12 ...",
        )
    with (ROOT / "pyproject.toml").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once: the second finds the work done
        return set_up(dev)


def set_up(dev: bool) -> int:
    stamps = [VENV / "ready", VENV / "ready-dev"][: 1 + dev]
    if all(stamp.exists() and stamp.stat().st_mtime >= newest_source() for stamp in stamps):
        return 0
    python = VENV / "bin" / "python"
    if not works(python):
        print("setting up .venv (once)", file=sys.stderr)
        shutil.rmtree(VENV, ignore_errors=True)
        if not make_venv(python):
            return fail(
                "no virtual environment could be made",
                "Debian, Ubuntu: apt-get install python3-venv; elsewhere: pip install virtualenv",
            )
    extras = [name for name, wanted in (("dev", dev), ("zig", not has_compiler())) if wanted]
    what = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    print(f"installing into .venv: {', '.join(['tileproof and what it needs', *extras])}", file=sys.stderr)
    if "zig" in extras:
        print("there is no C++ compiler here; zig's first build takes about two minutes", file=sys.stderr)
    install = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--editable",
        what,
    ]
    if subprocess.run(install, check=False).returncode != 0:
        return fail(
            "pip could not install what tileproof needs",
            "its last lines say why; check the network, then try again",
        )
    for stamp in stamps:
        stamp.touch()
    return 0


def newest_source() -> float:
    """What the Makefile's stamps depend on."""
    return max(path.stat().st_mtime for path in (ROOT / "pyproject.toml", Path(__file__)))


def make_venv(python: Path) -> bool:
    """With the standard library, else with whatever else makes environments."""
    for command in (
        [sys.executable, "-m", "venv", str(VENV)],
        [sys.executable, "-m", "virtualenv", "--quiet", str(VENV)],
        ["uv", "venv", "--quiet", "--seed", "--python", sys.executable, str(VENV)],
    ):
        if command[0] != sys.executable and shutil.which(command[0]) is None:
            continue
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0 and works(python):
            return True
        shutil.rmtree(VENV, ignore_errors=True)
    return False


def works(python: Path) -> bool:
    """A half-made environment, or one whose Python has gone, is made again."""
    if not python.exists():
        return False
    return subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def has_compiler() -> bool:
    return bool(os.environ.get("CXX")) or any(shutil.which(name) for name in ("c++", "g++", "clang++"))


def fail(what: str, fix: str) -> int:
    print(f"error: {what}\n  where: scripts/setup.py, {VENV}\n  fix:   {fix}", file=sys.stderr)
    return 3


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted; the next make goes on", file=sys.stderr)
        sys.exit(130)
