"""The layout of a design that mlir-aie has lowered: its text with nothing in the device but what lies where.

What stands in cores and sequences by then is written with operations of many dialects (cf, aievec, llvm), and says
nothing of buffers, locks, DMA programs and flows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tileproof.mlir.locations import without_locations

_LAYOUT = frozenset(
    (
        *("aie.tile", "aie.logical_tile", "aie.buffer", "aie.external_buffer", "aie.lock", "aie.end"),
        *("aie.mem", "aie.memtile_dma", "aie.shim_dma", "aie.shim_dma_allocation"),
        *("aie.flow", "aie.packet_flow", "aie.cascade_flow", "aie.configure_cascade"),
    )
)
_DEVICE = re.compile(r"\baie\.device\s*\([^()]*\)[^{\n]*\{")
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|[{}\n]')
_OPERATION = re.compile(r"\s*(?:%[\w$.:, %-]+=\s*)?(?P<name>[\w.]+)")
_ALIAS = re.compile(r"^#[^\n]*", re.MULTILINE)


def layout_text(text: str) -> str:
    """The text with blanks in the place of everything else, so that what is left keeps its line and column."""
    text = _ALIAS.sub(lambda alias: " " * len(alias[0]), without_locations(text))
    device = _DEVICE.search(text)
    if device is None:
        return text
    parts = [text[: device.end()]]
    end = device.end()
    for start, end in _statements(text, device.end()):
        statement = text[start:end]
        found = _OPERATION.match(statement)
        is_layout = found is None or found["name"] in _LAYOUT
        parts.append(statement if is_layout else re.sub(r"[^\n]", " ", statement))
    return "".join([*parts, text[end:]])


def _statements(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Where each begins and ends, as MLIR prints them: on a line of its own, with its regions up to their last line."""
    depth, begin = 0, start
    for token in _TOKEN.finditer(text, start):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            depth -= 1
            if depth < 0:
                return
        elif token[0] == "\n" and depth == 0:
            yield begin, token.end()
            begin = token.end()
