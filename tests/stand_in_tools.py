"""Programs that stand in for aiecc, aie-opt, Peano, xclbinutil and bootgen, one set for each of five days of mlir-aie.

They refuse flags, passes and spellings that the real ones of that day do not have, as those do, record how they were
called, and write outputs of the real shape: the lowered design and the instructions are what mlir-aie's own rules give,
as tileproof knows them; locations, progress and last words are what aiecc of 2026-08-14 printed (tests/mlir_aie).
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

# The kind of aiecc, and the version, of each day.
DAYS = {
    "2025-11-24": ("A", "2025-11"),
    "2026-03-24": ("B", "2026-03"),
    "2026-06-19": ("B", "2026-06"),
    "2026-07-28": ("C1", "2026-08"),
    "2026-08-14": ("C2", "2026-08-14"),
}
OLDEST, NEWEST = "2025-11-24", "2026-08-14"
PRINTED = Path(__file__).parent / "mlir_aie"

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
    "--no-progress",
]
FLAGS = {
    "A": [*_AB, "--version", "--dynamic-objFifos"],
    "B": [*_AB, "--aie-version", "--dynamic-objFifos=", "--dump-intermediates"],
    "C1": [*_C, "--no-xchesscc"],
    "C2": _C,
}
_DRIVER = "aiecc (mlir-aie declarative driver)\n  git SHA:  {}\n  compiled: Aug 14 2026 08:06:04"
VERSIONS = {
    "2025-11-24": "aiecc.py 1.1.3",
    "2026-03-24": "aiecc (C++ version) 7fa34218b",
    "2026-06-19": "aiecc (C++ version) 8da13e91d",
    "2026-07-28": _DRIVER.format("c69e4c390"),
    "2026-08-14": _DRIVER.format("3ca0193ce"),
}


def install(folder: Path, day: str = NEWEST) -> dict[str, str]:
    """Write the programs of that day below `folder`; the environment in which they are found, and no others."""
    kind, _ = DAYS[day]
    root, peano, xrt = folder / "mlir_aie", folder / "llvm-aie", folder / "xrt"
    names = {
        root / "bin": ("aiecc.py" if kind == "A" else "aiecc", "aie-opt", "aie-translate", "bootgen"),
        peano / "bin": ("clang++",),
        xrt / "bin": ("xclbinutil",),
    }
    for place, programs in names.items():
        place.mkdir(parents=True)
        for program in programs:
            path = place / program
            path.write_text(
                f"#!{sys.executable}\nimport sys\nsys.path[:0] = {sys.path!r}\n"
                f"from stand_in_tools import main\nsys.exit(main({program!r}, {day!r}, sys.argv[1:]))\n"
            )
            path.chmod(0o755)
    (root / "include" / "aie_api").mkdir(parents=True)
    (root / "lib" / "regdb").mkdir(parents=True)
    for name in ("aie_registers_aie2.json", "events_database.json"):
        (root / "lib" / "regdb" / name).write_text("{}")
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


def main(program: str, day: str, arguments: Sequence[str]) -> int:
    if os.environ.get(LOG):
        with Path(os.environ[LOG]).open("a") as log:
            log.write(json.dumps([program, *arguments]) + "\n")
    if os.environ.get(BROKEN) == f"{program} says nothing":
        return 0
    if os.environ.get(BROKEN) == f"{program} fails" and not _is_question(arguments):
        print("aie.mlir:14:5: error: 'aie.objectfifo' op something is wrong here", file=sys.stderr)
        return 1
    if program.startswith("aiecc"):
        return _aiecc(program, day, arguments)
    if program == "aie-translate":
        print("LLVM (http://llvm.org/):\n  LLVM version 22.0.0git")
        return 0
    if program == "aie-opt":
        return _aie_opt(day, arguments)
    return {"clang++": _clang, "xclbinutil": _xclbinutil, "bootgen": _bootgen}[program](arguments)


def _is_question(arguments: Sequence[str]) -> bool:
    return any(word in ("--help", "--version", "--aie-version", "-help") for word in arguments)


# aiecc


def _aiecc(program: str, day: str, arguments: Sequence[str]) -> int:
    kind, _ = DAYS[day]
    if "--help" in arguments:
        print("usage: aiecc.py [-h] file" if kind == "A" else "OVERVIEW: AIE compiler driver\nUSAGE: aiecc file")
        print("\n".join(f"  {flag}" for flag in FLAGS[kind]))
        return 0
    for word in arguments:
        if word.startswith("-") and not _is_known(word, FLAGS[kind]):
            if kind == "A":
                print(f"aiecc.py: error: unrecognized arguments: {word}", file=sys.stderr)
                return 2
            print(f"{program}: Unknown command line argument '{word}'.  Try: 'aiecc --help'", file=sys.stderr)
            return 1
    if _is_question(arguments):
        print(VERSIONS[day])
        return 0
    broken = os.environ.get(BROKEN, "")
    if broken.endswith(".log") and (broken not in _OF_THE_LINKER or "xclbin" in " ".join(arguments)):
        # What the real one printed of a design of the same kind; it is given our file's name.
        print(_printed(arguments[-1]), end="", file=sys.stderr)
        return 1
    if kind in ("C1", "C2") and "--no-progress" not in arguments:
        print("(0/37) input.mlir\r(1/37)           \r(1/37) [0/1] placed.mlir", end="", file=sys.stderr)
    return _compile_design(day, arguments)


_OF_THE_LINKER = ("undef.log", "missing.log")  # the other logs end before a core is compiled


def _printed(design: str) -> str:
    text = (PRINTED / os.environ[BROKEN]).read_text()
    text = text.replace("/opt/peano", os.environ["PEANO_INSTALL_DIR"]).replace("/home/user/k", str(Path.cwd()))
    return re.sub(r"(big|bad)\.mlir", design, text)


def _is_known(word: str, flags: Iterable[str]) -> bool:
    return any(word.startswith(flag) if flag.endswith("=") else word == flag for flag in flags)


def _value(arguments: Sequence[str], name: str) -> str:
    return next((word.split("=", 1)[1] for word in arguments if word.startswith(f"{name}=")), "")


def _compile_design(day: str, arguments: Sequence[str]) -> int:
    kind, _ = DAYS[day]
    design, folder = arguments[-1], Path(_value(arguments, "--output-dir") or ".")
    from stand_in_lowering import instructions, misread, packed, with_addresses

    wrong = misread(design, day)
    if wrong:
        print(f"{wrong}\naiecc: PassPipeline could not obtain input module\n", file=sys.stderr)
        print("aiecc: edge 'placed.mlir' (key 'input.mlir') failed\naiecc: pipeline failed", file=sys.stderr)
        return 1
    folder.mkdir(exist_ok=True)
    tmpdir = Path(_value(arguments, "--tmpdir"))
    tmpdir.mkdir(exist_ok=True)
    # A design whose fifos are lowered has its sequence as well; the stand-in's keeps it where it came from.
    written = design if "aie.objectfifo" in Path(design).read_text() else "aie.mlir"
    sequences = re.findall(r"\.runtime_sequence\b", Path(written).read_text())
    if len(sequences) > 1 and not _value(arguments, "--sequence-name"):
        print("aiecc: duplicate output path 'insts.bin'\naiecc: pipeline failed", file=sys.stderr)
        return 1
    text = with_addresses(design, day)
    if kind in ("A", "B"):
        if kind == "A" or "--dump-intermediates" in arguments:
            (tmpdir / "input_with_addresses.mlir").write_text(text)
    elif "--get-input-with-addresses" in arguments:
        (folder / "input_with_addresses.mlir").write_text(text)
    if sequences:
        (folder / _value(arguments, "--npu-insts-name")).write_bytes(instructions(written, day))
    if not any(word.endswith("-xclbin") for word in arguments):
        return 0
    linked = re.findall(r'link_(?:with|files) = \[?"([^"]+)"', Path(design).read_text())
    for name in linked or ["tile.o"]:
        if not Path(name).is_file():
            print(f"ld.lld-22: error: cannot open {Path(name).resolve()}: No such file or directory", file=sys.stderr)
            print("aiecc: edge 'elfs_{0}.elf' (key 'main_core_0_2') failed\naiecc: pipeline failed", file=sys.stderr)
            return 1
    named = _value(arguments, "--xclbinutil-path") or "xclbinutil"
    if shutil.which(named) is None or shutil.which("sh") is None:
        print("aiecc: ShellCommand: tool 'xclbinutil' not found in search paths or PATH", file=sys.stderr)
        return 1
    Path(_value(arguments, "--xclbin-name")).write_bytes(packed(kind))
    return 0


# aie-opt


def passes_of(day: str) -> list[str]:
    """Those of mlir-aie's, and the one of MLIR's that a pipeline uses."""
    return [*(PRINTED / f"passes_{day}.txt").read_text().split(), "--lower-affine"]


def _aie_opt(day: str, arguments: Sequence[str]) -> int:
    if "--version" in arguments:
        print("LLVM (http://llvm.org/):\n  LLVM version 22.0.0git")
        return 0
    if "--help" in arguments:
        print("OVERVIEW: MLIR modular optimizer driver\n\nUSAGE: aie-opt [options] <input file>\n\nOPTIONS:")
        print("\n".join(f"      {name:<46} -   A pass of it" for name in passes_of(day)))
        return 0
    from stand_in_lowering import misread, with_addresses, with_objects

    pipeline = _value(arguments, "--pass-pipeline")
    source, output = arguments[1], arguments[3]
    assert arguments[2] == "-o"
    wrong = _unknown_pass(pipeline, day) or misread(source, day)
    if wrong:
        print(wrong, file=sys.stderr)
        return 1
    lowered = with_addresses if "aie-assign-buffer-addresses" in pipeline else with_objects
    Path(output).write_text(lowered(source, day, located=False))
    return 0


def _unknown_pass(pipeline: str, day: str) -> str:
    """MLIR's words for a pass, or an option of the stateful transform, that is not there."""
    bare = re.sub(r"\{[^}]*\}", "", pipeline)
    names = [name for name in re.findall(r"[\w.-]+", bare) if name not in ("builtin.module", "aie.device")]
    known = {name.removeprefix("--") for name in passes_of(day)} | {"lower-affine"}
    for name in names:
        if name not in known:
            place = f"<unknown>:0: error: MLIR Textual PassPipeline Parser:1:{pipeline.index(name) + 1}"
            return f"{place}: error: '{name}' does not refer to a registered pass or pass pipeline"
    if "dynamic-objFifos" in pipeline and "aie-objectFifo-unroll" in known:
        return "<Pass-Options-Parser>: no such option dynamic-objFifos"
    return ""


# The others


def _clang(arguments: Sequence[str]) -> int:
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


def _xclbinutil(arguments: Sequence[str]) -> int:
    if "--output" in arguments:
        from stand_in_lowering import one_memory

        Path(arguments[arguments.index("--output") + 1]).write_bytes(one_memory())
    else:
        print("xclbinutil 2.20.197")
    return 0


def _bootgen(arguments: Sequence[str]) -> int:
    print("****** Bootgen v2025.1")
    return 0
