"""What XRT raises, written down as well: a program may catch it, and go on without what it asked for."""

from __future__ import annotations

from tileproof.emulator.pyxrt.journal import journal
from tileproof.explain import explain_log


def raised(error: Exception) -> Exception:
    """The error, for the caller to raise, after a mistake that says what XRT's words mean."""
    for meaning in explain_log(str(error))[:1]:
        journal.note(meaning.id, meaning.what, meaning.why, meaning.fix)
    return error
