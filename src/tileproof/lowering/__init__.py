"""From a design to what the array holds, as mlir-aie has it: buffers at addresses, locks, BDs, flows, words.

A difference from mlir-aie is a bug here.
"""
