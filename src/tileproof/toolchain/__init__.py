"""Finds and runs tools: C++ compilers, ninja, mlir-aie, Peano, XRT's; what they complain of, and what is missing.

A tool is run before it counts as present.
"""
