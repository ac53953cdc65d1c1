"""Programs that stand in for aiecc, aie-opt, Peano, xclbinutil and bootgen, one set for each dialect of aiecc.

They refuse flags that the real ones do not have, as those do, record how they were called, and write outputs of the
real shape: the lowered design and the instructions are what mlir-aie's own rules give, as tileproof knows them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

LOG = "STAND_IN_LOG"  # names the file that calls are written to, a JSON list a line
BROKEN = "STAND_IN_BROKEN"  # names a way in which a tool fails

# cl_arguments.py of v1.1.x and CommandLineOptions.h of 2026, as far as a build could use them.
_BOTH = [
    "--xclbin-name=",
    "--npu-insts-name=",
    "--tmpdir=",
    "--pdi-name=",
    "--xclbin-kernel-name=",
    "--xclbin-instance-name=",
    "--xclbin-kernel-id=",
    "--peano=",
    "--alloc-scheme=",
    "--no-unified",
    "--unified",
    "--xchesscc",
    "--xbridge",
    "--device-name=",
    "--sequence-name=",
    "-v",
    "--verbose",
    "-n",
]
_AB = [
    *_BOTH,
    "--aie-generate-xclbin",
    "--aie-generate-npu-insts",
    "--aie-generate-cdo",
    "--aie-generate-pdi",
    "--no-compile-host",
    "--compile-host",
    "--no-compile",
    "--no-link",
    "--no-xchesscc",
    "--no-xbridge",
]
_C = [
    *_BOTH,
    "--get-xclbin",
    "--get-npu-insts",
    "--get-input-with-addresses",
    "--get-pdi",
    "--output-dir=",
    "--dynamic-objFifos=",
    "--xclbinutil-path=",
    "--aie-version",
    "--dump-intermediates",
]
FLAGS = {
    "A": [*_AB, "--version", "--dynamic-objFifos"],
    "B": [*_AB, "--aie-version", "--dynamic-objFifos=", "--dump-intermediates"],
    "C1": [*_C, "--no-xchesscc"],
    "C2": _C,
}
VERSIONS = {"A": "aiecc.py 1.1.3", "B": "aiecc 7fa34218b", "C1": "aiecc 8da13e91d", "C2": "aiecc 3ca0193ce"}


def install(folder: Path, dialect: str) -> dict[str, str]:
    """Write the programs below `folder`; the environment in which they are found, and no others."""
    root, peano, xrt = folder / "mlir_aie", folder / "llvm-aie", folder / "xrt"
    names = {
        root / "bin": ("aiecc.py" if dialect == "A" else "aiecc", "aie-opt", "aie-translate", "bootgen"),
        peano / "bin": ("clang++",),
        xrt / "bin": ("xclbinutil",),
    }
    for place, programs in names.items():
        place.mkdir(parents=True)
        for program in programs:
            path = place / program
            path.write_text(
                f"#!{sys.executable}\nimport sys\nsys.path[:0] = {sys.path!r}\n"
                f"from stand_in_tools import main\nsys.exit(main({program!r}, {dialect!r}, sys.argv[1:]))\n"
            )
            path.chmod(0o755)
    (root / "include" / "aie_api").mkdir(parents=True)
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "MLIR_AIE_INSTALL_DIR": str(root),
        "PEANO_INSTALL_DIR": str(peano),
        "XILINX_XRT": str(xrt),
        LOG: str(folder / "calls.jsonl"),
    }


def calls(environ: dict[str, str]) -> list[list[str]]:
    """What was run, in its order: the program's name and its arguments."""
    path = Path(environ[LOG])
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def main(program: str, dialect: str, arguments: Sequence[str]) -> int:
    if os.environ.get(LOG):
        with Path(os.environ[LOG]).open("a") as log:
            log.write(json.dumps([program, *arguments]) + "\n")
    if os.environ.get(BROKEN) == f"{program} says nothing":
        return 0
    if os.environ.get(BROKEN) == f"{program} fails" and not _is_question(arguments):
        print("aie.mlir:14:5: error: 'aie.objectfifo' op something is wrong here", file=sys.stderr)
        return 1
    if program.startswith("aiecc"):
        return _aiecc(program, dialect, arguments)
    if program == "aie-translate":
        print("LLVM (http://llvm.org/):\n  LLVM version 22.0.0git")
        return 0
    return {"aie-opt": _aie_opt, "clang++": _clang, "xclbinutil": _xclbinutil, "bootgen": _bootgen}[program](
        dialect, arguments
    )


def _is_question(arguments: Sequence[str]) -> bool:
    return any(word in ("--help", "--version", "--aie-version", "-help") for word in arguments)


# aiecc


def _aiecc(program: str, dialect: str, arguments: Sequence[str]) -> int:
    if "--help" in arguments:
        print("usage: aiecc.py [-h] file" if dialect == "A" else "OVERVIEW: AIE compiler driver\nUSAGE: aiecc file")
        print("\n".join(f"  {flag}" for flag in FLAGS[dialect]))
        return 0
    for word in arguments:
        if word.startswith("-") and not _is_known(word, FLAGS[dialect]):
            if dialect == "A":
                print(f"aiecc.py: error: unrecognized arguments: {word}", file=sys.stderr)
                return 2
            print(f"{program}: Unknown command line argument '{word}'.  Try: 'aiecc --help'", file=sys.stderr)
            return 1
    if _is_question(arguments):
        print(VERSIONS[dialect])
        return 0
    return _compile_design(dialect, arguments)


def _is_known(word: str, flags: Iterable[str]) -> bool:
    return any(word.startswith(flag) if flag.endswith("=") else word == flag for flag in flags)


def _value(arguments: Sequence[str], name: str) -> str:
    return next(word.split("=", 1)[1] for word in arguments if word.startswith(f"{name}="))


def _compile_design(dialect: str, arguments: Sequence[str]) -> int:
    design = arguments[-1]
    from stand_in_lowering import instructions, packed, with_addresses

    if not any(word.endswith("-xclbin") for word in arguments):
        Path(_value(arguments, "--npu-insts-name")).write_bytes(instructions(design))
        return 0
    linked = re.findall(r'link_(?:with|files) = \[?"([^"]+)"', Path(design).read_text())
    for name in linked or ["tile.o"]:
        if not Path(name).is_file():
            print(f"{design}: error: cannot open {name}", file=sys.stderr)
            return 1
    named = next((word.split("=", 1)[1] for word in arguments if word.startswith("--xclbinutil-path=")), "xclbinutil")
    if shutil.which(named) is None or shutil.which("sh") is None:
        print(f"{design}: error: could not find xclbinutil", file=sys.stderr)
        return 1
    text = with_addresses(design, dialect)
    tmpdir = Path(_value(arguments, "--tmpdir"))
    tmpdir.mkdir(exist_ok=True)
    if dialect in ("A", "B"):
        if dialect == "A" or "--dump-intermediates" in arguments:
            (tmpdir / "input_with_addresses.mlir").write_text(text)
    elif "--get-input-with-addresses" in arguments:
        Path("input_with_addresses.mlir").write_text(text)
    Path(_value(arguments, "--npu-insts-name")).write_bytes(instructions("design.mlir"))
    Path(_value(arguments, "--xclbin-name")).write_bytes(packed(dialect))
    return 0


# aie-opt


def _aie_opt(dialect: str, arguments: Sequence[str]) -> int:
    if "--version" in arguments:
        print("LLVM (http://llvm.org/):\n  LLVM version 22.0.0git")
        return 0
    from stand_in_lowering import with_addresses, with_objects

    pipeline = _value(arguments, "--pass-pipeline")
    source, output = arguments[1], arguments[3]
    assert arguments[2] == "-o"
    lowered = with_addresses if "aie-assign-buffer-addresses" in pipeline else with_objects
    Path(output).write_text(lowered(source, dialect))
    return 0


# The others


def _clang(dialect: str, arguments: Sequence[str]) -> int:
    if "--version" in arguments:
        print("clang version 21.0.0 (llvm-aie)")
        return 0
    output, source = arguments[arguments.index("-o") + 1], arguments[arguments.index("-c") + 1]
    Path(output).write_bytes(b"\x7fELF" + Path(source).read_bytes())
    if os.environ.get(BROKEN) == "clang++ has no aie2p" and "--target=aie2p-none-unknown-elf" in arguments:
        print("error: unable to create target: 'No available targets are compatible with triple'", file=sys.stderr)
        return 1
    if "-MF" in arguments:
        Path(arguments[arguments.index("-MF") + 1]).write_text(f"{output}: {source}\n")
    return 0


def _xclbinutil(dialect: str, arguments: Sequence[str]) -> int:
    if "--output" in arguments:
        from stand_in_lowering import one_memory

        Path(arguments[arguments.index("--output") + 1]).write_bytes(one_memory())
    else:
        print("xclbinutil 2.20.197")
    return 0


def _bootgen(dialect: str, arguments: Sequence[str]) -> int:
    print("****** Bootgen v2025.1")
    return 0
