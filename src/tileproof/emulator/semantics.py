"""Where it comes from what the emulator computes: every function of its AIE API, graded; and what no source confirms.

docs/aie_api.md has the rules themselves, and this table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SILICON = "silicon"  # what a device was recorded doing
DOCUMENTED = "documented"  # what AMD's documents, headers, compilers or models say
NOT_CONFIRMED = "unconfirmed"  # neither: chosen for its plain meaning


@dataclass(frozen=True, slots=True)
class Semantics:
    """`functions` of namespace aie, or members of its classes, by name; `of` says for which operands and targets."""

    functions: str
    of: str
    grade: str
    source: str


_COMPARED = "lt le gt ge eq neq equal not_equal select"
_PRODUCTS = "mul mac msc negmul mul_square mac_square msc_square"
_ITERATORS = " ".join(
    f"{const}begin_{kind}"
    for const in ("", "c")
    for kind in (
        *("vector", "restrict_vector", "unaligned_vector", "vector_circular", "vector_random_circular"),
        *("circular", "random_circular"),
    )
)
_SHUFFLED = " ".join(
    f"shuffle_{way}{kind}" for way in ("up", "down") for kind in ("", "_rotate", "_fill", "_replicate")
)

SEMANTICS = (
    Semantics("load_v store_v load_unaligned_v store_unaligned_v load_floor_v", "all", DOCUMENTED, "AIE API"),
    Semantics(f"begin cbegin {_ITERATORS}", "all", DOCUMENTED, "AIE API"),
    Semantics(
        "set_rounding get_rounding swap_rounding set_saturation get_saturation swap_saturation",
        "all",
        DOCUMENTED,
        "AIE API; hardware.md 7",
    ),
    Semantics("broadcast zeros concat vector_cast", "all", DOCUMENTED, "AIE API"),
    Semantics(f"min max {_COMPARED} reduce_max reduce_min", "all", DOCUMENTED, "AIE API"),
    Semantics(
        "add sub maxdiff neg abs bit_and bit_or bit_xor bit_not reduce_add reduce_add_v reduce_mul",
        "integers",
        DOCUMENTED,
        "AIE API; of the most negative integer, neg and abs are unconfirmed",
    ),
    Semantics("upshift downshift logical_upshift logical_downshift pack unpack", "integers", DOCUMENTED, "AIE API"),
    Semantics("accum::to_vector accum::from_vector", "integers", DOCUMENTED, "AIE API; hardware.md 7"),
    Semantics("accum::to_vector accum::from_vector", "bfloat16", SILICON, "recorded on npu1, in all modes"),
    Semantics(
        "add sub neg abs reduce_add reduce_add_v", "floating point on npu1", SILICON, "AM020 chapter 4; xdna-emu"
    ),
    Semantics("add sub neg abs reduce_add reduce_add_v", "floating point on npu2", DOCUMENTED, "found_later.md 2"),
    Semantics(f"{_PRODUCTS} accumulate mmul sliding_mul sliding_mac", "integers", DOCUMENTED, "AIE API"),
    Semantics(f"{_PRODUCTS} accumulate mmul", "bfloat16 on npu1", SILICON, "864 recorded results"),
    Semantics(f"{_PRODUCTS} accumulate mmul", "bfloat16 on npu2", NOT_CONFIRMED, "as on npu1"),
    Semantics("mul negmul mul_square", "float on npu2", DOCUMENTED, "found_later.md 2"),
    Semantics(
        "mac msc mac_square msc_square accumulate mmul", "float on npu2", NOT_CONFIRMED, "the product whole first"
    ),
    Semantics(f"{_PRODUCTS} accumulate mmul", "float on npu1", NOT_CONFIRMED, "plain single precision"),
    Semantics("block_vector mmul op_transpose", "bfp16ebs8 on npu2", DOCUMENTED, "found_later.md 2; mlir-aie"),
    Semantics(
        f"interleave_zip interleave_unzip filter_even filter_odd transpose reverse {_SHUFFLED}",
        "all",
        DOCUMENTED,
        "AIE API",
    ),
    Semantics("to_fixed to_float", "all", DOCUMENTED, "AIE API; what does not fit, and NaN, are unconfirmed"),
    Semantics("inv invsqrt", "bfloat16", DOCUMENTED, "AIE API"),
    Semantics("inv invsqrt", "float", NOT_CONFIRMED, "the last bits"),
    Semantics("sqrt", "all", NOT_CONFIRMED, "the last bit"),
    Semantics("exp2", "npu2", DOCUMENTED, "found_later.md 2; how it is rounded is unconfirmed"),
    Semantics("tanh", "up to 0.5, npu2", DOCUMENTED, "found_later.md 2"),
    Semantics("tanh", "beyond 0.5, npu2", NOT_CONFIRMED, "the exact value"),
    Semantics(
        "parallel_lookup linear_approx", "all", DOCUMENTED, "AIE API; which lane reads which copy is unconfirmed"
    ),
    Semantics("print print_fixed print_matrix", "all", DOCUMENTED, "a core has no terminal"),
)

# In the order of the enum tileproof_rule of include/aie_api/core_state.hpp, whose bytes tile code sets.
UNCONFIRMED = (
    "sums of products of bfloat16 on npu2, taken to be as recorded on npu1",
    "products of float on npu1, which the device puts together from bfloat16: plain single precision here",
    "mac and msc of float on npu2: the product is made whole before it is added",
    "what infinities that cancel, and infinity times zero, leave in a sum",
    "the last bits of inv and invsqrt of float",
    "the last bit of sqrt",
    "how aie::exp2 rounds to bfloat16",
    "aie::tanh beyond 0.5: the exact value here",
    "the slopes of getTanhBf16, computed here: the published table has others in its last places",
)


# The same of a core's own operations in MLIR, which have the numbers behind those.
OF_CORES = (
    "functions of MLIR's math dialect, for which a compiler calls a library or has nothing: the exact value here",
    "the order in which vector.reduction, multi_reduction and contract add or multiply floats: one by one here",
    "vector.fma and math.fma: in double precision here, and then rounded to the type",
)


def unconfirmed(used: Iterable[int]) -> tuple[str, ...]:
    """The words for rules by their numbers; numbers that nobody knows are left out."""
    rules = UNCONFIRMED + OF_CORES
    return tuple(rules[rule] for rule in sorted(set(used)) if 0 <= rule < len(rules))
