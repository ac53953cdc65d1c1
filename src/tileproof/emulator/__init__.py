"""The embedded emulator: an array of tiles with memories, locks, DMA and cores, behind XRT's host ABI.

Functional, not an instruction-set simulator: tile functions run as native code of this machine.
docs/emulator.md says what is modelled and what is not.
"""
