"""An exception that nobody expected, as one error that says whose mistake it is and where its details are."""

from __future__ import annotations

import platform
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from tileproof import __version__
from tileproof.diagnostic import NOWHERE, Place
from tileproof.errors import EXIT_BUG, Problem
from tileproof.files import write_scratch
from tileproof.library import package_dir


def bug(error: Exception, details: str, *, of: str = "") -> Problem:
    """The error; `details` says where the traceback is to be found, and `of` what was being worked on."""
    said = "; ".join(traceback.format_exception_only(error)).strip().splitlines()[0]
    return Problem(
        f"{of}this is a bug of tileproof: {said}",
        id="bug",
        where=_innermost(error),
        why=f"nothing of it is your mistake; {details}",
        fix="report it, with those details and what it was given",
        exit_code=EXIT_BUG,
    )


def kept(error: Exception, arguments: Sequence[str]) -> str:
    """Where the details were written: in a file of the temporary folder."""
    text = "\n".join(
        (
            f"tileproof {__version__}",
            f"Python {sys.version}",
            platform.platform(),
            shlex.join(["tileproof", *arguments]),
            "",
            "".join(traceback.format_exception(error)),
        )
    )
    try:
        return f"its traceback is in {write_scratch(text, prefix='tileproof-bug-')}"
    except OSError as lost:
        return f"its traceback could not be written ({lost.strerror}); `tileproof --traceback ...` shows it"


def _innermost(error: Exception) -> Place:
    """The line of ours that came last."""
    package, frames = package_dir(), traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if package in Path(frame.filename).parents]
    if not ours:
        return NOWHERE
    return Place(str(Path(ours[-1].filename).relative_to(package.parent)), ours[-1].lineno or 0)
