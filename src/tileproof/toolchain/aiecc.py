"""The four dialects of aiecc as data: which flags ask for what, and how one is told from another.

Facts: mlir-aie's python/compiler/aiecc/cl_arguments.py (v1.1.x), tools/aiecc/CommandLineOptions.h (2026). A: the Python
aiecc.py up to 2026-02-23, with v1.1.x; B: the C++ aiecc up to 2026-07-20, with A's flags; C1: `--get-*`, chess by
default, up to 2026-08-04; C2: Peano by default, and `--no-xchesscc` refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tileproof.mlir_aie import State

Dialect = Literal["A", "B", "C1", "C2"]
DIALECTS: tuple[Dialect, ...] = ("A", "B", "C1", "C2")

# Which spelling of a design each of them reads.
STATE_OF: Mapping[Dialect, State] = {"A": "2025-11", "B": "2026-03", "C1": "2026-08", "C2": "2026-08"}

# Where the stages that a build looks at lie, below the folder that --tmpdir names.
ADDRESSES = "input_with_addresses.mlir"

KERNEL_NAME, INSTANCE, KERNEL_ID = "MLIR_AIE", "MLIRAIE", "0x901"


@dataclass(frozen=True, slots=True, kw_only=True)
class AieccCall:
    """What is asked of aiecc: names of files relative to the folder it runs in, which is also where link_with looks."""

    design: str
    xclbin: str
    insts: str
    tmpdir: str
    peano: str
    xclbinutil: str | None = None


def aiecc_flags(dialect: Dialect, call: AieccCall) -> tuple[str, ...]:
    """The arguments, with an explicit value for every option whose default has changed between dialects.

    bank-aware without the fallback, which places without banks and says nothing; a tile's own allocation_scheme goes
    before it.
    """
    c_style = dialect in ("C1", "C2")
    outputs = (
        ("--get-xclbin", "--get-npu-insts", "--get-input-with-addresses")
        if c_style
        else ("--aie-generate-xclbin", "--aie-generate-npu-insts")
    )
    common = (
        f"--xclbin-name={call.xclbin}",
        f"--npu-insts-name={call.insts}",
        f"--xclbin-kernel-name={KERNEL_NAME}",
        f"--xclbin-instance-name={INSTANCE}",
        f"--xclbin-kernel-id={KERNEL_ID}",
        f"--peano={call.peano}",
        "--alloc-scheme=bank-aware",
        "--no-unified",
        f"--tmpdir={call.tmpdir}",
    )
    return (*outputs, *common, *_OWN[dialect], *_xclbinutil(dialect, call), call.design)


def insts_flags(dialect: Dialect, call: AieccCall) -> tuple[str, ...]:
    """The arguments for the instructions alone: no core is compiled, so no tile code needs to be there."""
    c_style = dialect in ("C1", "C2")
    output = "--get-npu-insts" if c_style else "--aie-generate-npu-insts"
    names = (f"--npu-insts-name={call.insts}", f"--peano={call.peano}", "--alloc-scheme=bank-aware", "--no-unified")
    alone = () if c_style else ("--no-compile", "--no-link")
    return (output, *names, f"--tmpdir={call.tmpdir}", *alone, *_OWN[dialect], call.design)


# A's --dynamic-objFifos is a switch that is off; later ones take a value, and have it on.
_OWN: Mapping[Dialect, tuple[str, ...]] = {
    "A": ("--no-compile-host", "--no-xchesscc", "--no-xbridge"),
    "B": ("--no-compile-host", "--no-xchesscc", "--no-xbridge", "--dynamic-objFifos=false", "--dump-intermediates"),
    "C1": ("--no-xchesscc", "--dynamic-objFifos=false", "--output-dir=."),
    "C2": ("--dynamic-objFifos=false", "--output-dir=."),
}


def _xclbinutil(dialect: Dialect, call: AieccCall) -> tuple[str, ...]:
    """C takes its path; A and B find it on PATH only."""
    named = dialect in ("C1", "C2") and call.xclbinutil is not None
    return (f"--xclbinutil-path={call.xclbinutil}",) if named else ()


def addresses_file(dialect: Dialect, tmpdir: str) -> str:
    """Where aiecc leaves the design with addresses: C writes it as an output, the others keep it as a stage."""
    return ADDRESSES if dialect in ("C1", "C2") else f"{tmpdir}/{ADDRESSES}"


def dialect_of(help_text: str, *, is_python: bool) -> Dialect | None:
    """From what `--help` prints; None for a program that is no aiecc."""
    if "--get-xclbin" in help_text or "--get " in help_text:
        return "C1" if "--no-xchesscc" in help_text else "C2"
    if "--aie-generate-xclbin" in help_text:
        return "A" if is_python else "B"
    return None


# Passes by which aie-opt lowers a design: first as far as the objects of fifos, then as far as addresses. From
# tools/aiecc (aiecc.cpp of March, IRTransforms.h of August 2026) and python/compiler/aiecc/main.py of v1.1.x.
_OBJECTS: Mapping[State, str] = {
    "2025-11": "aie-canonicalize-device,aie.device(aie-assign-lock-ids,aie-register-objectFifos,"
    "aie-objectFifo-stateful-transform)",
    "2026-03": "lower-affine,aie-canonicalize-device,aie.device(aie-assign-lock-ids,aie-register-objectFifos,"
    "aie-objectFifo-stateful-transform{dynamic-objFifos=false packet-sw-objFifos=false})",
    "2026-08": "lower-affine,aie-canonicalize-device,aie.device(aie-objectFifo-stateful-transform"
    "{packet-sw-objFifos=false},aie-objectFifo-unroll{default-dynamic=false},aie-assign-lock-ids)",
}
# The same in all three.
_ADDRESSES = (
    "aie.device(aie-assign-bd-ids,aie-lower-cascade-flows,aie-lower-broadcast-packet,aie-lower-multicast,"
    "aie-assign-tile-controller-ids,aie-assign-buffer-addresses{alloc-scheme=bank-aware})"
)


def pipeline(state: State, *, objects: bool, addresses: bool) -> str:
    """The pass pipeline for `aie-opt --pass-pipeline=`."""
    parts = [_OBJECTS[state]] * objects + [_ADDRESSES] * addresses
    return f"builtin.module({','.join(parts)})"
