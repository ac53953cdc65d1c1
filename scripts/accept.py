"""What people already have, tried on tileproof unchanged: the rows of `scripts/bench accept FOLDER`.

    scripts/bench accept FOLDER [--short]

FOLDER holds public designs and kernels, in any depth: mlir-aie's aie_kernels, test/npu-xrt and
test/objectFifo-stateful-transform, a benchmark's *.jsonl, *.xclbin, and *.log, of which each line is one that somebody
asked about. What FOLDER has none of has no row. Below a row stands what was not accepted, and why; not with --short.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import ml_dtypes
import numpy as np
from device_tests import BUT_TOLD, right_output

from tileproof.errors import Problem

TILEPROOF = Path(sys.executable).parent / "tileproof"
_TIMEOUT_S = 120.0


@dataclass
class Row:
    """`refused` says why, a line for each that was not accepted; `told` what was found in those that were."""

    name: str
    goal: str
    tried: int = 0
    accepted: int = 0
    refused: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def count(self, what: str, problem: str | None) -> None:
        """One more was tried; `problem` is None where it was accepted."""
        self.tried += 1
        self.accepted += problem is None
        if problem is not None:
            self.refused.append(f"{what}: {problem}")

    def lines(self) -> Iterator[str]:
        told = f"; of {len(self.told)} a mistake is told" if self.told else ""
        yield f"{self.name:<58} {self.accepted:>4} of {self.tried:<4} {self.goal}{told}"
        yield from (f"    accepted: {line}" for line in self.told)
        yield from (f"    {line}" for line in self.refused)


# --- tile functions of a kernel library

# What their Makefiles give; a name counts where a file asks for it.
_DEFINES = {"BIT_WIDTH": "BIT_WIDTH=8", "DIM_m": "DIM_m=32", "DIM_n": "DIM_n=32", "DTYPE_i8": "DTYPE_i8"}


def kernel_library(folder: Path) -> Row:
    """Compile each .cc below a folder `aie_kernels`, for the target that its path names."""
    row = Row("tile functions of a kernel library: compile", ">= 48 of 52")
    for file in sorted(folder.rglob("aie_kernels/**/*.cc")):
        row.count(str(file.relative_to(folder)), _compiled(file, 21 if "aie2p" in file.parts else 20))
    return row


def _compiled(file: Path, aie_arch: int) -> str | None:
    from tileproof.code_options import CodeOptions
    from tileproof.toolchain.cxx import find_cxx
    from tileproof.toolchain.tile_library import compile_tile_code

    words = set(re.findall(r"\w+", file.read_text(encoding="utf-8", errors="replace")))
    defines = [value for name, value in _DEFINES.items() if name in words]
    try:
        compile_tile_code([file], aie_arch, find_cxx(), options=CodeOptions(defines=tuple(defines)))
    except Problem as problem:
        lines = (problem.why or problem.what).splitlines()
        return next((line for line in lines if "error" in line), lines[0])
    return None


# --- a benchmark: each line of a .jsonl has a tile function with its inputs, outputs and tolerances

_MLIR_TYPES = {"bfloat16": "bf16", "float32": "f32", "float16": "f16"}


def benchmark(folder: Path) -> Row:
    """Run each tile function of the files *.jsonl below in a design of one core, and compare as the benchmark does."""
    row = Row("tile functions of a benchmark: within its tolerances", "all")
    for file in sorted(folder.rglob("*.jsonl")):
        for line in file.read_text().splitlines():
            case = json.loads(line)
            if {"kernel_name", "prompt", "canonical_solution", "program_code", "test_vectors"} <= case.keys():
                row.count(case["kernel_name"], _run(case))
    return row


def _run(case: dict[str, object]) -> str | None:
    with tempfile.TemporaryDirectory(prefix="tileproof-accept-") as name:
        scratch = Path(name)
        vectors = case["test_vectors"]
        assert isinstance(vectors, dict)
        inputs, expected, scalars = (_arrays(vectors.get(key) or []) for key in ("inputs", "outputs", "rtps"))
        output = _whole_words(expected[0])
        (scratch / "kernel.cc").write_text(_tile_code(case))
        (scratch / "design.mlir").write_text(_design(f"{case['kernel_name']}_wrapper", inputs, output, scalars))
        arguments = []
        for number, array in enumerate([*map(_whole_words, inputs), np.zeros_like(output)]):
            np.save(scratch / f"{number}.npy", array)
            arguments += ["--arg", f"{number}={number}.npy"]
        command = [TILEPROOF, "emulate", "design.mlir", "--tile-code", "kernel.cc", *arguments]
        command += ["--save", f"{len(inputs)}=out.npy"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            return next((line for line in said if "error" in line), said[0] if said else f"exit {done.returncode}")
        got = np.load(scratch / "out.npy").reshape(-1).view(output.dtype)[: expected[0].size]
        return _difference(got, expected[0].reshape(-1), case.get("tolerances"))


def _arrays(vectors: list[dict[str, object]]) -> list[np.ndarray]:
    named = {"bfloat16": ml_dtypes.bfloat16}  # numpy knows the others
    return [
        np.array(values, dtype=named.get(str(dtype), str(dtype))) for values, dtype in (v.values() for v in vectors)
    ]


def _whole_words(array: np.ndarray) -> np.ndarray:
    """A DMA moves words of 4 bytes."""
    flat = array.reshape(-1)
    return np.concatenate([flat, np.zeros(-flat.nbytes % 4 // flat.itemsize, flat.dtype)])


def _tile_code(case: dict[str, object]) -> str:
    """The prompt ends with an empty body, which the solution fills."""
    head, _, _ = str(case["prompt"]).rpartition("// Implementation")
    return f"{head}\n{case['canonical_solution']}\n{case['program_code']}\n"


def _type(dtype: np.dtype) -> str:
    return _MLIR_TYPES.get(dtype.name) or f"i{dtype.itemsize * 8}"


def _design(function: str, inputs: list[np.ndarray], output: np.ndarray, scalars: list[np.ndarray]) -> str:
    arrays = [*map(_whole_words, inputs), output]
    memrefs = [f"memref<{one.size}x{_type(one.dtype)}>" for one in arrays]
    fifos = [f"in{number}" for number in range(len(inputs))] + ["out"]
    ends = [("%shim", "%core")] * len(inputs) + [("%core", "%shim")]
    ports = ["Consume"] * len(inputs) + ["Produce"]
    lines = ["module {", "  aie.device(npu1_1col) {"]
    parameters = [*memrefs, *(_type(one.dtype) for one in scalars)]
    lines.append(f"    func.func private @{function}({', '.join(parameters)})")
    lines += ["    %shim = aie.tile(0, 0)", "    %core = aie.tile(0, 2)"]
    for name, memref, (source, sink) in zip(fifos, memrefs, ends, strict=True):
        lines.append(f"    aie.objectfifo @{name}({source}, {{{sink}}}, 2 : i32) : !aie.objectfifo<{memref}>")
    lines.append("    %run = aie.core(%core) {")
    for number, (name, memref, port) in enumerate(zip(fifos, memrefs, ports, strict=True)):
        lines.append(f"      %s{number} = aie.objectfifo.acquire @{name}({port}, 1) : !aie.objectfifosubview<{memref}>")
        lines.append(
            f"      %o{number} = aie.objectfifo.subview.access %s{number}[0]"
            f" : !aie.objectfifosubview<{memref}> -> {memref}"
        )
    for number, scalar in enumerate(scalars):
        value = float(scalar) if scalar.dtype.kind not in "iu" else int(scalar)
        lines.append(f"      %c{number} = arith.constant {value} : {_type(scalar.dtype)}")
    values = [f"%o{number}" for number in range(len(arrays))] + [f"%c{number}" for number in range(len(scalars))]
    lines.append(f"      func.call @{function}({', '.join(values)}) : ({', '.join(parameters)}) -> ()")
    lines += [f"      aie.objectfifo.release @{name}({port}, 1)" for name, port in zip(fifos, ports, strict=True)]
    lines += ["      aie.end", '    } {link_with = "kernel.o", stack_size = 4096 : i32}']
    sequence = ", ".join(f"%a{number}: {memref}" for number, memref in enumerate(memrefs))
    lines.append(f"    aiex.runtime_sequence @run({sequence}) {{")
    for number, (name, array, memref) in enumerate(zip(fifos, arrays, memrefs, strict=True)):
        token = ", issue_token = true" if name == "out" else ""
        lines.append(
            f"      aiex.npu.dma_memcpy_nd(%a{number}[0, 0, 0, 0][1, 1, 1, {array.size}][0, 0, 0, 1]) "
            f"{{id = {number} : i64, metadata = @{name}{token}}} : {memref}"
        )
    lines += ["      aiex.npu.dma_wait {symbol = @out}", "    }", "  }", "}", ""]
    return "\n".join(lines)


def _difference(got: np.ndarray, expected: np.ndarray, tolerances: object) -> str | None:
    """As the benchmark has it: both as float32, absolute and relative tolerance added, 0.01 each if it says none."""
    allowed = tolerances if isinstance(tolerances, dict) else {"atol": 1e-2, "rtol": 1e-2}
    a, b = got.astype(np.float32), expected.astype(np.float32)
    wrong = ~(np.abs(a - b) <= allowed["atol"] + allowed["rtol"] * np.abs(b))
    if not wrong.any():
        return None
    at = int(np.argmax(wrong))
    return f"{int(wrong.sum())} of {wrong.size} wrong, the first [{at}]: {a[at]:g} for {b[at]:g}"


# --- designs, xclbins, logs


def device_tests(folder: Path) -> Row:
    """Read and lower each design below a folder `npu-xrt`."""
    row = Row("designs of mlir-aie's device tests: read and lowered", ">= 66 of 72")
    for file in sorted(folder.rglob("npu-xrt/**/*.mlir")):
        row.count(str(file.relative_to(folder)), _lowered(file.read_text(encoding="utf-8", errors="replace"), file))
    return row


def device_hosts(folder: Path) -> Row:
    """Build each of them as its RUN lines do, and run its host, which says whether the output is right. They are
    compiled with mlir-aie's runtime_lib/test_lib, which FOLDER must have."""
    row = Row("device tests of mlir-aie: right output, host unchanged", ">= 58 of 72")
    for name, problem in right_output(folder):
        is_right = problem is None or problem.startswith(BUT_TOLD)
        row.count(name, None if is_right else problem)
        row.told += [f"{name}: {problem.removeprefix(BUT_TOLD)}"] if problem is not None and is_right else []
    return row


# What their scripts write in its place; and devices of Versal, whose array is as npu2's. The first AIE is another one.
_DEVICES = (("NPUDEVICE", "npu1"), ("xcve2302", "npu2"), ("xcve2802", "npu2"))
_FIRST_AIE = "xcvc1902"
_WRITTEN = re.compile(r"s/NPUDEVICE/(?P<device>npu\w+)/")
_PARTS = re.compile(r"^// ?-----.*$", re.MULTILINE)


def lit_tests(folder: Path) -> Row:
    """Lower each file below a folder `objectFifo-stateful-transform` that mlir-aie itself accepts."""
    row = Row("objectFifo lit tests: accepted where mlir-aie accepts", ">= 100 of 113")
    for file in sorted(folder.rglob("objectFifo-stateful-transform/**/*.mlir")):
        text = file.read_text(encoding="utf-8", errors="replace")
        if not any(word in text for word in ("expected-error", "not aie-opt", _FIRST_AIE)):
            problems = [_lowered(part, file) for part in _PARTS.split(text) if "aie.device" in part]
            row.count(str(file.relative_to(folder)), next(filter(None, problems), None))
    return row


def designs(folder: Path) -> Row:
    """Read and lower every other design for an NPU."""
    row = Row("other designs: read and lowered", ">= 38 of 39")
    for file in sorted(folder.rglob("*.mlir")):
        text = file.read_text(encoding="utf-8", errors="replace")
        is_mlir_aie = {"test", "npu-xrt", "objectFifo-stateful-transform"} & set(file.parts)
        if not is_mlir_aie and re.search(r"aie\.device\(npu", text):
            row.count(str(file.relative_to(folder)), _lowered(text, file))
    return row


def _written_for(file: Path) -> list[tuple[str, str]]:
    """What the run.lit beside a device test writes for NPUDEVICE: some are for one generation only."""
    script = file.with_name("run.lit")
    found = _WRITTEN.search(script.read_text(encoding="utf-8", errors="replace")) if script.is_file() else None
    return [("NPUDEVICE", found["device"])] if found else []


def _lowered(text: str, file: Path) -> str | None:
    from tileproof.lowering.lower import lower_design
    from tileproof.mlir.reader import read_design

    for theirs, ours in (*_written_for(file), *_DEVICES):
        text = text.replace(theirs, ours)
    try:
        lower_design(read_design(text, file.name))
    except Problem as problem:
        return str(problem).splitlines()[0]
    return None


def xclbins(folder: Path) -> Row:
    """Lint each xclbin, which AMD or a compiler of an NPU made."""
    row = Row("xclbins: linted without a false alarm", "all")
    for file in sorted(folder.rglob("*.xclbin")):
        done = subprocess.run([TILEPROOF, "inspect", file], capture_output=True, text=True, check=False)
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("error", "warning"))]
        row.count(str(file.relative_to(folder)), said[0] if said or done.returncode else None)
    return row


def logs(folder: Path) -> Row:
    """Explain each line of each *.log."""
    from tileproof.explain.log import explain

    row = Row("lines of logs that explain knows", ">= 38 of 45")
    for file in sorted(folder.rglob("*.log")):
        for line in filter(str.strip, file.read_text(encoding="utf-8", errors="replace").splitlines()):
            row.count(file.name, None if explain(line) else line.strip())
    return row


ROWS: tuple[Callable[[Path], Row], ...] = (
    kernel_library,
    benchmark,
    device_tests,
    device_hosts,
    lit_tests,
    designs,
    xclbins,
    logs,
)


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "scripts/bench accept", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--short", action="store_true", help="the rows only")
    arguments = parser.parse_args(words)
    if not arguments.folder.is_dir():
        parser.error(f"there is no folder {arguments.folder}")
    rows = (row for row in (one(arguments.folder) for one in ROWS) if row.tried)
    for row in rows:
        print("\n".join(list(row.lines())[: 1 if arguments.short else None]), flush=True)
    return 0
