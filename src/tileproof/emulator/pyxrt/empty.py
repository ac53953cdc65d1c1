"""Empty handles: pyxrt lets a program make them, and the real process dies when one is used."""

from __future__ import annotations

from typing import Never

from tileproof.errors import Problem

_MADE_BY = {
    "device": "pyxrt.device(0)",
    "xclbin": "pyxrt.xclbin(path)",
    "hw_context": "pyxrt.hw_context(device, xclbin.get_uuid())",
    "run": "pyxrt.run(kernel)",
    "runlist": "pyxrt.runlist(context)",
}


def unset(handle: object, name: str) -> Never:
    """The `__getattr__` of a class whose constructor without arguments sets nothing."""
    if name.startswith("_") and not name.startswith("__"):
        refuse_empty(handle)
    raise AttributeError(f"'pyxrt.{type(handle).__name__}' object has no attribute '{name}'")


def refuse_empty(handle: object) -> None:
    """A `Problem` for a handle of nothing."""
    if vars(handle):
        return
    kind = type(handle).__name__
    raise Problem(
        f"an empty {kind} was used",
        id="empty-handle",
        where=f"pyxrt.{kind}()",
        why="without arguments it is a handle of nothing, and the real process dies of a segmentation fault",
        fix=_MADE_BY[kind],
    )
