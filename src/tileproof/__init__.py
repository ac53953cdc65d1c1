"""tileproof: builds NPU kernels with MLIR-AIE and proves each one against a golden model."""

__version__ = "0.1.0"
