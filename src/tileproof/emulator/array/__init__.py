"""The array: tiles, memories, locks, DMA, cores, the engine that runs them, and what goes wrong in them."""
