"""Element types: one row each, one column per language that must spell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class DType:
    """An element type; `name` is also MLIR's spelling."""

    name: str
    cpp: str
    nbytes: int
    numpy_name: str

    @property
    def is_integer(self) -> bool:
        return self.name.lstrip("u").startswith("i")

    @property
    def is_block(self) -> bool:
        """Several values that share an exponent: bytes, in all that is not tile code."""
        return self.numpy_name.startswith("V")

    @property
    def numpy(self) -> np.dtype[Any]:
        # Late, so that a build with nothing to do never pays for numpy.
        import numpy as np

        if self.numpy_name == "bfloat16":
            import ml_dtypes

            bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
            return bfloat16
        return np.dtype(self.numpy_name)


DTYPES = {
    row.name: row
    for row in (
        DType("i8", "int8_t", 1, "int8"),
        DType("i16", "int16_t", 2, "int16"),
        DType("i32", "int32_t", 4, "int32"),
        DType("i64", "int64_t", 8, "int64"),
        DType("ui8", "uint8_t", 1, "uint8"),
        DType("ui16", "uint16_t", 2, "uint16"),
        DType("ui32", "uint32_t", 4, "uint32"),
        DType("bf16", "bfloat16", 2, "bfloat16"),
        DType("f32", "float", 4, "float32"),
    )
}
# What memrefs may hold besides: eight values in nine bytes (found_later.md 2, bfp16ebs8). mlir-aie makes the second of
# the first (aie-transform-bfp-types): it stands in the files of a build.
BLOCKS = {
    row.name: row
    for row in (
        DType('!aiex.bfp<"v8bfp16ebs8">', "bfp16ebs8", 9, "V9"),
        DType("i72", "bfp16ebs8", 9, "V9"),
    )
}
# Kept between the turns of a core, and nowhere else: in core code an index has 64 bits, MLIR's default.
INDICES = {"index": DType("index", "int64_t", 8, "int64")}
ELEMENTS = DTYPES | BLOCKS | INDICES
