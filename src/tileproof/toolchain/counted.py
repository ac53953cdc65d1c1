"""How often each block of tile code runs: the compiler marks where blocks begin, the assembler puts counters there.

The mark is a call of __sanitizer_cov_trace_pc, which nobody makes: in the listing that is assembled a macro of
emulator/runtime/count_blocks.*.s stands for it. The listing itself stays as the compiler wrote it, for who reads it.
"""

from __future__ import annotations

import platform
import re

COUNT_FLAGS_GCC = ("-fsanitize-coverage=trace-pc",)
COUNT_FLAGS_CLANG = ("-fsanitize-coverage=bb,no-prune,trace-pc",)
# A call, or at the end of a function a jump.
_LAST = re.compile(r"^[ \t]+(?:jmp|b)[ \t].*__sanitizer_cov_trace_pc.*$", re.MULTILINE)
_MARK = re.compile(r"^[ \t]+(?:callq?|bl)[ \t].*__sanitizer_cov_trace_pc.*$", re.MULTILINE)
_COUNT = "tileproof_count"
_COUNT_LAST = "tileproof_count_last"


def macro_file() -> str:
    """What the counters of this machine are made of, among the texts of the runtime."""
    return f"count_blocks.{platform.machine()}.s"


def counted(listing: str, macros: str) -> str:
    """The listing to assemble."""
    return macros + _MARK.sub(_COUNT, _LAST.sub(_COUNT_LAST, listing))


def counting_command(listing: str, made: str) -> str:
    """The same for a shell, in a step of ninja."""
    mark = "__sanitizer_cov_trace_pc.*$$"
    made_of = {"jmp": _COUNT_LAST, "b": _COUNT_LAST, "callq*": _COUNT, "bl": _COUNT}
    edits = (rf"s,^[ \t]*{mnemonic}[ \t].*{mark},{macro}," for mnemonic, macro in made_of.items())
    return f"{{ cat {macro_file()} && sed '{';'.join(edits)}' {listing}; }} > {made}"
