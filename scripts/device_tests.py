"""mlir-aie's device tests on the emulator: what their RUN lines build and run, built and run here, hosts unchanged.

A line is taken as what it is for: aiecc and Peano are `tileproof build`, the host's compiler and the host are
`tileproof run`; cp, sed and their like are run as they stand. A tool that is not here is said. Where a test has a host
in C++ and one in Python, the first is the one.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TILEPROOF = Path(sys.executable).parent / "tileproof"
_TIMEOUT_S = 300.0
_RUN = re.compile(r"^\s*(?://|#)\s*RUN:\s*(.*)$", re.MULTILINE)
_ON = re.compile(r"^(?:env\s+(?:\w+=\S*\s+)+)?%run_on_npu(\d)%\s+")
_SHELL = {"cp", "sed", "rm", "mkdir", "mv", "echo", "env", "cat"}
# What aiecc's options are called here; a flag that is in neither says what only mlir-aie makes.
_TAKEN = {
    *("--xclbin-name", "--npu-insts-name", "--device-name", "--alloc-scheme", "--xclbin-input"),
    *("--xclbin-kernel-name", "--xclbin-kernel-id", "--xclbin-instance-name", "--elf-name", "--full-elf-name"),
}
# --dynamic-objFifos is how cores find their objects: other machine code, the same results.
_IGNORED = re.compile(
    r"--get-(xclbin|npu-insts|elf|input-with-addresses|scratchpad-parameters)|-v|--tmpdir=.*|--xchesscc|--xbridge"
    r"|--dynamic-objFifos"
)
# With a full ELF: by what words the array is set up anew.
_HOW = {"--expand-load-pdis", "--load-pdi-to-ctrl-pkt", "--get-ctrlpkt"}


# The host says that its output is right, and a mistake is told of the design or of the host.
BUT_TOLD = "right, and told: "


class Refused(Exception):  # noqa: N818  it says what happened
    """Why a test cannot be tried, or has failed."""


@dataclass
class Bench:
    """One RUN script for one of its designs: `source` is %S, `scratch` where it runs; what is compiled by then."""

    source: Path
    design: str
    scratch: Path
    libraries: Sequence[str]
    is_of_another: bool = False  # what stands there now
    tile_code: list[str] = field(default_factory=list)
    host: list[str] = field(default_factory=list)
    runs: int = 0

    def line(self, words: list[str]) -> None:
        tool = Path(words[0]).name
        if words[0] == "%aiecc":
            self.build(words[1:])
        elif tool in ("clang", "clang++") or tool.startswith("xchesscc"):
            self.compiled_for_a_core(words[1:])
        elif words[0] == "%host_clang" or tool.startswith("g++"):
            self.compiled_for_the_host(words[1:])
        elif tool in ("test.exe", "test"):
            self.run([*self.host, "--", *words[1:]])
        elif words[0] == "%python":
            if not self.runs:  # where there is a host in C++, it has run
                self.run(words[1:])
        elif tool in _SHELL:
            done = subprocess.run(words, cwd=self.scratch, capture_output=True, text=True, check=False)
            if done.returncode:
                raise Refused(f"{tool}: {done.stderr.strip()}")
        elif tool != "cd":
            raise Refused(f"needs {tool}")

    def compiled_for_a_core(self, words: list[str]) -> None:
        """Its source and macros; folders that are there."""
        for word, following in zip(words, [*words[1:], ""], strict=True):
            if word.startswith("-D"):
                self.tile_code.append(word)
            elif word.endswith((".cc", ".cpp")):
                self.tile_code += ["--tile-code", word]
            elif word.startswith("-I") and (self.source / (word[2:] or following)).is_dir():
                self.tile_code += ["-I", word[2:] or following]

    def compiled_for_the_host(self, words: list[str]) -> None:
        sources = [word for word in words if word.endswith(".cpp")]
        self.host = [*sources, *self.libraries, *(word for word in words if word.startswith("-D"))]

    def build(self, words: list[str]) -> None:
        design = next(word for word in words if word.endswith(".mlir"))
        self.is_of_another = Path(design).name != self.design and (self.source / Path(design).name).is_file()
        if self.is_of_another:
            return
        options = ["--full-elf-name", "aie.elf"] if "--get-full-elf" in words else []
        ignored = {"--get-full-elf", *_HOW} if options else set()
        for word in words:
            name, _, value = word.partition("=")
            if name in _TAKEN:
                options += [name, value]
            elif word.startswith("-") and word not in ignored and not _IGNORED.fullmatch(word):
                raise Refused(f"needs aiecc's {name}")
        self.ask("build", design, "-o", ".", *options, *self.tile_code)

    def run(self, words: list[str]) -> None:
        if not self.is_of_another:
            self.ask("run", *words)
            self.runs += 1

    def ask(self, *words: str) -> None:
        command = [str(TILEPROOF), *words]
        try:
            done = subprocess.run(
                command,
                cwd=self.scratch,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Refused(f"{words[0]}: no end in {_TIMEOUT_S:g} s") from None
        if done.returncode:
            told = _first_of(done.stderr) or _first_of(done.stdout) or f"exit {done.returncode}"
            raise Refused(f"{BUT_TOLD}{told}" if "PASS!" in done.stdout else f"{words[0]}: {told}")


def _first_of(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("error", "mistake", "terminate")) or "rror" in line]
    return next(iter(telling), lines[-1] if lines else "")


def lines_of(script: Path) -> list[str]:
    """Its RUN lines for one NPU: the first generation's, where it runs there. Joined where they go on."""
    joined: list[str] = []
    for text in _RUN.findall(script.read_text(encoding="utf-8", errors="replace")):
        if joined and joined[-1].endswith("\\"):
            joined[-1] = joined[-1][:-1] + text
        else:
            joined.append(text)
    devices = {found[1] for found in map(_ON.match, joined) if found}
    chosen = min(devices, default="1")
    ours = (line for line in joined if not ((found := _ON.match(line)) and found[1] != chosen))
    return [_ON.sub("", line) for line in ours]


def _words(line: str, source: Path, scratch: Path) -> list[str]:
    text = line.replace("%S", str(source)).replace("%t", str(scratch / "t"))
    # Where the output goes is nobody's concern here: a host says by its exit code whether it is right.
    text = re.split(r"\s\|\s|&&", text)[0]
    return [word for word in shlex.split(text) if not re.fullmatch(r"%\w*flags%?", word)]


def _played(script: Path, design: str, libraries: Sequence[str]) -> str | None:
    """Why it is not right; None where it is."""
    with tempfile.TemporaryDirectory(prefix="tileproof-accept-") as name:
        bench = Bench(script.parent, design, Path(name), libraries)
        try:
            for line in lines_of(script):
                bench.line(_words(line, script.parent, bench.scratch))
        except Refused as refused:
            return str(refused)
        return None if bench.runs else "no RUN line runs it"


def tests_of(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Each design below a folder `npu-xrt`, with the scripts that use it."""
    for design in sorted(folder.rglob("npu-xrt/**/*.mlir")):
        files = sorted(one for one in design.parent.iterdir() if one.suffix in (".lit", ".mlir", ".py"))
        scripts = [one for one in files if f"{design.name}" in "".join(lines_of(one))]
        yield design, scripts or [one for one in files if lines_of(one)][:1]


def libraries_of(folder: Path, scratch: Path) -> list[str] | None:
    """What the hosts are compiled with: mlir-aie's runtime_lib/test_lib, compiled once; None where there is none."""
    from tileproof.code_options import CodeOptions
    from tileproof.toolchain.cxx import find_cxx
    from tileproof.toolchain.host_library import compile_object

    source = next(folder.rglob("test_utils.cpp"), None)
    options = next(folder.rglob("cxxopts.hpp"), None)
    if source is None or options is None:
        return None
    given = CodeOptions(("TEST_UTILS_USE_XRT",), tuple(dict.fromkeys((source.parent, options.parent))))
    compile_object(source, scratch / "test_utils.o", find_cxx(), given)
    includes = [word for path in given.includes for word in ("-I", str(path.resolve()))]
    return [str(scratch / "test_utils.o"), *includes, "-D", "TEST_UTILS_USE_XRT"]


def right_output(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Each design's name, and why its output is not right, if it is not. Nothing where `folder` lacks the library that
    the hosts are compiled with."""
    with tempfile.TemporaryDirectory(prefix="tileproof-accept-") as scratch:
        tests = list(tests_of(folder))
        libraries = libraries_of(folder, Path(scratch)) if tests else None
        for design, scripts in tests if libraries is not None else ():
            problems = [_played(script, design.name, libraries or ()) for script in scripts] or ["has no RUN lines"]
            yield str(design.relative_to(folder)), next((one for one in problems if one is not None), None)
