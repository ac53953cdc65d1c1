"""From a design to what the array holds: buffers at addresses, locks, DMA chains, flows, instruction words.

Follows mlir-aie of 2026-08 (objectfifo pass and buffer placement); a difference is a bug here.
"""
