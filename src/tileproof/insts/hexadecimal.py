"""insts.txt: the words of a stream as text, one hexadecimal word a line, as mlir-aie wrote them until March 2025
(mlir-aie#2128) and hosts of that time read them."""

from __future__ import annotations

import re
import struct

_WORD = re.compile(rb"(?:0[xX])?[0-9a-fA-F]{1,8}")
_DIGITS = frozenset(b"0123456789abcdefABCDEFxX \t\r\n")
_HEADER_WORDS = 4


def is_hexadecimal(data: bytes) -> bool:
    """No binary stream is: the second word of its header has a zero byte."""
    return not frozenset(data) - _DIGITS and len(data.split()) >= _HEADER_WORDS


def binary_words(data: bytes) -> bytes:
    """What a host hands to XRT: the words of a text in binary, and everything else as it is."""
    if not is_hexadecimal(data):
        return data
    words = data.split()
    if not all(_WORD.fullmatch(word) for word in words):
        return data
    return struct.pack(f"<{len(words)}I", *(int(word, 16) for word in words))
