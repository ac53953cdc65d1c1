"""Designs, read into plain typed data and printed; nothing else knows MLIR's syntax or imports xDSL."""
