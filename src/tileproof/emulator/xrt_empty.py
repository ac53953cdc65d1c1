"""Empty handles: pyxrt lets a program make them, and the real process dies when one is used."""

from __future__ import annotations

from typing import Never

from tileproof.errors import Problem


def unset(handle: object, name: str) -> Never:
    """The `__getattr__` of a class whose constructor without arguments sets nothing."""
    kind = type(handle).__name__
    if not name.startswith("_") or name.startswith("__"):
        raise AttributeError(f"'pyxrt.{kind}' object has no attribute '{name}'")
    raise Problem(
        f"an empty {kind} was used",
        where=f"pyxrt.{kind}()",
        why="without arguments it is a handle of nothing, and the real process dies of a segmentation fault",
        fix={
            "device": "pyxrt.device(0)",
            "xclbin": "pyxrt.xclbin(path)",
            "hw_context": "pyxrt.hw_context(device, xclbin.get_uuid())",
            "run": "pyxrt.run(kernel)",
            "runlist": "pyxrt.runlist(context)",
        }[kind],
    )
