"""What compiled tile code takes from this machine, and what it would share between cores: read off its symbols."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import lru_cache

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tileproof.diagnostic import Place
from tileproof.errors import EXIT_KERNEL_WRONG, Problem

# What a compiler calls by itself, memory functions, single-precision mathematics, and the way out of an assertion:
# a core has these, or nothing of them is left in its program.
_ALLOWED = re.compile(
    r"memcpy|memmove|memset|memcmp|bcmp|abort|__assert_fail|__stack_chk_fail"
    r"|__cxa_finalize|__cxa_atexit|__cxa_guard_(acquire|release|abort)|__cxa_pure_virtual|__gmon_start__|_ITM_\w+"
    r"|(sqrt|cbrt|exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|erf|erfc"
    r"|floor|ceil|trunc|round|rint|nearbyint|lround|lrint|fmod|remainder|fabs|fmin|fmax|fma|hypot|ldexp|frexp|modf"
    r"|copysign|scalbn|ilogb|logb|tgamma|lgamma|sincos|isnan|isinf|finite)f"
    r"|__powisf2|__(extend|trunc)\w+[hsb]f\w*|__(popcount|clz|ctz|ffs|parity|bswap)[sd]i2"
    r"|exp2|tanh|sqrt|floor"  # aie_api's own; that tile code calls them is seen in its assembly
)
# What the rest is, in words; the first that fits.
_KINDS = (
    (r"malloc|calloc|realloc|free|aligned_alloc|_Zn[wa]\w*|_Zd[la]\w*", "of a heap, which a core has not"),
    (r"pthread_\w+|thrd_\w+|_ZNSt6thread\w*|__tls_get_addr|sem_\w+", "of threads, and a core runs one program"),
    (r"__cxa_(throw|rethrow|begin_catch|end_catch|allocate_exception)|_Unwind_\w+|__gxx_personality_v0|_ZTI\w+"
     r"|_ZTVN10__cxxabiv1\w+|_ZSt\d+__throw\w*",
     "of exceptions or types at run time, which a core has not"),
    (r"__(u?div|u?mod|mul|ash|lshr)\w*ti\w*|__float\w*ti\w*|__fix\w*ti\w*", "128-bit arithmetic, which a core has not"),
    (r"\w*(printf|puts|putchar|scanf|fopen|fclose|fread|fwrite|fputs|fputc|std\w+)|open\d*|read|write|close|_ZS[tot]\w*",
     "of files or a terminal, which a core has not"),
    (r"setenv|putenv|unsetenv|getenv|setlocale|srand|rand|signal|raise|chdir|fe(set|get)\w+",
     "state of the process, which all cores here would share"),
    (r"exit|_exit|_Exit|quick_exit|fork|exec\w*|system|kill|popen", "of processes, and a tile function returns"),
    (r"clock\w*|time|gettimeofday|nanosleep|usleep|sleep", "the clock of this machine"),
    (r"(sqrt|cbrt|exp|exp2|log|log2|log10|pow|sin|cos|tan|tanh|erf|floor|ceil|round|fmod|fma|hypot)l?",
     "mathematics in double, which a core has not: call the one that ends in f"),
)  # fmt: skip


@lru_cache(maxsize=8)
def refuse_symbols(code: bytes, place: str) -> None:
    """A `Problem` for tile code that takes what no core has, or that cores would share; nothing for what is no ELF
    file, which the loader refuses."""
    try:
        symbols = list(_symbols(code))
    except (ELFError, ValueError, IndexError, KeyError, OverflowError):
        return
    shared = sorted({name for name, binding, _ in symbols if binding == "STB_LOOS"})
    if shared:
        raise _shared(shared, place)
    for name, _, is_defined in symbols:
        if not is_defined and name and not _ALLOWED.fullmatch(name):
            raise _foreign(name, place)


def _symbols(code: bytes) -> Iterator[tuple[str, str, bool]]:
    """Name, binding and whether it is defined, of each symbol that the loader looks at."""
    table = ELFFile(io.BytesIO(code)).get_section_by_name(".dynsym")
    if not isinstance(table, SymbolTableSection):
        return
    for symbol in table.iter_symbols():
        yield symbol.name, symbol["st_info"]["bind"], symbol["st_shndx"] != "SHN_UNDEF"


def _shared(names: list[str], place: str) -> Problem:
    return Problem(
        f"the tile code keeps {names[0]} once for all cores",
        id="shared-between-cores",
        where=Place.told(place),
        why="a static of an inline or template function is a unique symbol (STB_GNU_UNIQUE) here, of which a process "
        "has one; on the device each core has its own" + (f"; so are {len(names) - 1} more" if names[1:] else ""),
        fix="build it again: tileproof compiles with -fno-gnu-unique",
        exit_code=EXIT_KERNEL_WRONG,
    )


def _foreign(name: str, place: str) -> Problem:
    kind = next(
        (told for pattern, told in _KINDS if re.fullmatch(pattern, name)),
        "of this machine, and a core has no such function",
    )
    return Problem(
        f"the tile code uses {name}",
        id="foreign-function",
        where=Place.told(place),
        why=f"it is {kind}",
        fix="leave it out of tile code; docs/aie_api.md lists what a core has",
        exit_code=EXIT_KERNEL_WRONG,
    )
