"""Where code that compilers check looks for the shadow of memory: the compiler is told, and the emulator maps it."""

from __future__ import annotations

import platform

GRANULE = 8  # bytes of memory for a byte of shadow

# A granule has its shadow at its number and this: the sanitizers' own choice for user programs, since nothing else lies
# there (compiler-rt, asan_mapping.h).
SHADOW_OFFSET = 0x7FFF8000 if platform.machine() in ("x86_64", "AMD64") else 1 << 36
