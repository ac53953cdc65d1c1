"""mlir-aie, Peano and xclbinutil as they are on this machine: each is run before it is called present."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tileproof.diagnostic import Diagnostic
from tileproof.errors import EXIT_NOT_HERE, Problem
from tileproof.mlir_aie_versions import Version, version_of
from tileproof.toolchain.aie_opt import passes_of, passes_of_version
from tileproof.toolchain.aiecc import VERSION_OF, AieccKind, Driver, assumed_driver, driver_of
from tileproof.toolchain.tool import Answer, Tool, absent, ask, broken, executable, executables, first_line, search_path
from tileproof.xclbin import read_xclbin

_XRT = "/opt/xilinx/xrt"  # where AMD's packages put XRT; $XILINX_XRT names another place
_WHEELS = "https://github.com/Xilinx/mlir-aie/releases/expanded_assets"
_PEANO_WHEELS = "https://github.com/Xilinx/llvm-aie/releases/expanded_assets/nightly"
INSTALL_MLIR_AIE = f"pip install mlir_aie -f {_WHEELS}/latest-wheels-4"
INSTALL_PEANO = f"pip install llvm-aie -f {_PEANO_WHEELS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MlirAie:
    """Everything that a build for an NPU runs. `root` holds bin and include; `bootgen` is None where aiecc has its own.

    A kind that is only assumed, for a plan to look at, has tools that were not run.
    """

    driver: Driver
    root: Path
    aiecc: Tool
    aie_opt: Tool
    passes: frozenset[str]  # of aie-opt
    peano: Tool
    peano_root: Path
    xclbinutil: Tool
    bootgen: Tool | None
    is_assumed: bool = False

    @property
    def aiecc_kind(self) -> AieccKind:
        return self.driver.kind

    @property
    def version(self) -> Version:
        return version_of(self.passes)

    @property
    def tools(self) -> dict[str, Tool]:
        found = {"aiecc": self.aiecc, "aie-opt": self.aie_opt, "peano": self.peano, "xclbinutil": self.xclbinutil}
        return found | ({"bootgen": self.bootgen} if self.bootgen else {})


def assumed(kind: AieccKind) -> MlirAie:
    """The tools of a kind of aiecc by the names that a person would type, none of which was run."""
    root, peano = Path("$MLIR_AIE_INSTALL_DIR"), Path("$PEANO_INSTALL_DIR")
    aiecc = "aiecc.py" if kind == "A" else "aiecc"
    return MlirAie(
        driver=assumed_driver(kind),
        root=root,
        aiecc=Tool("aiecc", (str(root / "bin" / aiecc),), "assumed"),
        aie_opt=Tool("aie-opt", (str(root / "bin" / "aie-opt"),), "assumed"),
        passes=passes_of_version(VERSION_OF[kind]),
        peano=Tool("peano", (str(peano / "bin" / "clang++"),), "assumed"),
        peano_root=peano,
        xclbinutil=Tool("xclbinutil", ("xclbinutil",), "assumed"),
        bootgen=None,
        is_assumed=True,
    )


def find_mlir_aie(environ: Mapping[str, str] = os.environ) -> MlirAie:
    """All tools, or one `Problem` that says of each what is missing and how to get it."""
    found = probe(environ)
    del found["aie-translate"]  # no step of a build runs it
    missing = [tool for tool in found.values() if isinstance(tool, Diagnostic)]
    aiecc, aie_opt, peano, xclbinutil, bootgen = found.values()
    if isinstance(aiecc, Diagnostic) or isinstance(aie_opt, Diagnostic) or isinstance(peano, Diagnostic):
        raise _not_here(missing)
    if isinstance(xclbinutil, Diagnostic):
        raise _not_here(missing)
    driver = driver_of_tool(aiecc, environ)
    if isinstance(bootgen, Diagnostic) and not driver.prints_layout:
        raise _not_here(missing)
    return MlirAie(
        driver=driver,
        root=root_of(aiecc),
        aiecc=aiecc,
        aie_opt=aie_opt,
        passes=passes_of(aie_opt, environ),
        peano=peano,
        peano_root=Path(peano.command[-1]).parents[1],
        xclbinutil=xclbinutil,
        bootgen=bootgen if isinstance(bootgen, Tool) else None,
    )


def _not_here(missing: list[Diagnostic]) -> Problem:
    return Problem(
        "nothing can be built for an NPU here: " + ", ".join(str(tool.place) for tool in missing) + " cannot be used",
        id="no-mlir-aie",
        where="--toolchain mlir-aie",
        why="\n".join(f"{tool.what}: {tool.why}" for tool in missing),
        fix="\n".join(dict.fromkeys(tool.fix for tool in missing)),
        exit_code=EXIT_NOT_HERE,
    )


def probe(environ: Mapping[str, str]) -> dict[str, Tool | Diagnostic]:
    """Each tool by name, as a program that ran or as what is wrong with it."""
    aiecc = _aiecc(environ)
    root = root_of(aiecc) if isinstance(aiecc, Tool) else None
    return {
        "aiecc": aiecc,
        "aie-opt": _versioned(
            *("aie-opt", "aie-opt", _bins(environ, root), environ),
            missing="it is beside no aiecc, and not on PATH",
            fix=INSTALL_MLIR_AIE,
        ),
        "peano": _peano(environ, root),
        "xclbinutil": _xclbinutil(environ, root),
        "bootgen": _bootgen(environ, root),
        "aie-translate": _versioned(
            *("aie-translate", "aie-translate", _bins(environ, root), environ),
            missing="it is beside no aiecc, and not on PATH; no build needs it",
            fix=INSTALL_MLIR_AIE,
        ),
    }


def root_of(aiecc: Tool) -> Path:
    """The folder with bin and include. pip puts a script of that name into an environment's bin, the rest elsewhere."""
    above = Path(aiecc.command[-1]).parents[1]
    places = (above, *sorted(above.glob("lib/python*/site-packages/mlir_aie")))
    return next((place for place in places if (place / "include" / "aie_api").is_dir()), above)


def _bins(environ: Mapping[str, str], root: Path | None) -> list[Path | str | None]:
    return [root / "bin" if root else None, *(folder / "bin" for folder in _roots(environ)), *search_path(environ)]


def _roots(environ: Mapping[str, str]) -> Iterator[Path]:
    if environ.get("MLIR_AIE_INSTALL_DIR"):
        yield Path(environ["MLIR_AIE_INSTALL_DIR"])
    yield from _installed("mlir_aie", "mlir_aie", environ)


def _installed(distribution: str, folder: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Where pip put a wheel's folder: that of this Python, and of an activated environment."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        yield Path(str(metadata.distribution(distribution).locate_file(folder)))
    if environ.get("VIRTUAL_ENV"):
        site = sysconfig.get_path("purelib", vars={"base": environ["VIRTUAL_ENV"]})
        yield Path(site) / folder


# aiecc


def _aiecc(environ: Mapping[str, str]) -> Tool | Diagnostic:
    """The C++ program before the Python one, which later releases only kept as a way to it."""
    seen = []
    for name in ("aiecc", "aiecc.py"):
        path = executable(name, _bins(environ, None))
        if path is None:
            continue
        for command in ((str(path),), (sys.executable, str(path))) if name.endswith(".py") else ((str(path),),):
            answer = ask([*command, "--help"], environ)
            if _driver_in(answer) is not None:
                return Tool("aiecc", command, _version_of(command, environ))
            seen.append(f"`{' '.join(command)} --help`: {first_line(answer.text)}")
    if seen:
        return broken(
            "aiecc",
            why="it is there and is none of the four that tileproof knows: " + "; ".join(seen),
            fix=f"install a release of mlir-aie whole: {INSTALL_MLIR_AIE}",
        )
    return absent(
        "aiecc",
        why="it is neither below $MLIR_AIE_INSTALL_DIR nor in this Python's packages nor on PATH",
        fix=INSTALL_MLIR_AIE,
    )


def _driver_in(answer: Answer) -> Driver | None:
    # argparse begins with a small letter, LLVM's command line with OVERVIEW and a capital USAGE.
    return driver_of(answer.text, is_python="usage:" in answer.text) if answer.code == 0 else None


def driver_of_tool(aiecc: Tool, environ: Mapping[str, str]) -> Driver:
    """Of an aiecc that was found."""
    found = _driver_in(ask([*aiecc.command, "--help"], environ))
    assert found is not None
    return found


def _version_of(command: tuple[str, ...], environ: Mapping[str, str]) -> str:
    """A has --version, the others --aie-version; each refuses the other's. C's first line says only what it is."""
    for flag in ("--aie-version", "--version"):
        answer = ask([*command, flag], environ)
        if answer.code == 0 and answer.text.strip():
            commit = re.search(r"git SHA:\s*(\w+)", answer.text)
            return f"aiecc {commit[1]}" if commit else first_line(answer.text)
    return "a version that it does not say"


# The others


def _versioned(
    name: str, program: str, folders: Sequence[Path | str | None], environ: Mapping[str, str], missing: str, fix: str
) -> Tool | Diagnostic:
    path = executable(program, folders)
    if path is None:
        return absent(name, missing, fix)
    answer = ask([str(path), "--version"], environ)
    if answer.code != 0:
        why = f"`{path} --version` failed: {first_line(answer.text)}"
        return broken(name, why=why, fix=f"install it again: {fix}")
    # LLVM's own tools say who they are before they say which.
    version = next((line.strip() for line in answer.text.splitlines() if "version" in line), first_line(answer.text))
    return Tool(name, (str(path),), version)


def _peano(environ: Mapping[str, str], root: Path | None) -> Tool | Diagnostic:
    """Where aiecc looks itself, in its order."""
    named = environ.get("PEANO_INSTALL_DIR")
    roots = [Path(named)] if named else [root / "peano", root.parent / "peano"] if root else []
    roots += [] if named else list(_installed("llvm-aie", "llvm-aie", environ))
    return _versioned(
        *("Peano", "clang++", [folder / "bin" for folder in roots], environ),
        missing="its clang++ is neither below $PEANO_INSTALL_DIR nor beside mlir-aie nor in this Python's packages",
        fix=INSTALL_PEANO,
    )


def compile_trial(peano: Tool, arch: str, environ: Mapping[str, str]) -> str:
    """Empty if this Peano compiles for `arch` (aie2, aie2p); else what it says instead."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "trial.cc").write_text('extern "C" int trial(int x) { return x + 1; }\n')
        words = (f"--target={arch}-none-unknown-elf", "-O2", "-c", "trial.cc", "-o", "trial.o")
        answer = ask([*peano.command, *words], environ, folder)
        made = folder / "trial.o"
        if answer.code != 0:
            return first_line(answer.text)
        return "" if made.is_file() and made.read_bytes()[:4] == b"\x7fELF" else "it made no object"


def _bootgen(environ: Mapping[str, str], root: Path | None) -> Tool | Diagnostic:
    path = executable("bootgen", _bins(environ, root))
    if path is None:
        return absent(
            "bootgen",
            why="aiecc of July 2026 and before packs the PDI with it",
            fix=INSTALL_MLIR_AIE,
        )
    answer = ask([str(path), "-help"], environ)
    if answer.code is None:
        return broken("bootgen", why=answer.text, fix=f"install it again: {INSTALL_MLIR_AIE}")
    return Tool("bootgen", (str(path),), first_line(answer.text))


_TOPOLOGY = {
    "mem_topology": {
        "m_count": "1",
        "m_mem_data": [
            {
                "m_type": "MEM_DRAM",
                "m_used": "1",
                "m_sizeKB": "0x10000",
                "m_tag": "HOST",
                "m_base_address": "0x4000000",
            }
        ],
    }
}


_XCLBINUTIL_FIX = (
    "install XRT's tools (Ubuntu with AMD's packages: apt-get install libxrt-utils), or name one: AIE_XCLBINUTIL"
)


def _xclbinutil(environ: Mapping[str, str], root: Path | None) -> Tool | Diagnostic:
    """The first that does its work: Debian's is a wrapper of a program that is not there, and exits 0.

    mlir-aie may have one of its own beside aiecc, and takes a bare name in AIE_XCLBINUTIL for one on PATH.
    """
    named = environ.get("AIE_XCLBINUTIL", "")
    xrt = Path(environ.get("XILINX_XRT", _XRT)) / "bin"
    folders: list[Path | str | None] = [*search_path(environ), xrt, *_bins(environ, root)]
    paths = [Path(named)] if os.sep in named else list(executables(named or "xclbinutil", folders))
    first = ""
    for path in paths:
        why = _does_not_pack(path, environ)
        if not why:
            return Tool("xclbinutil", (str(path),), first_line(ask([str(path), "--version"], environ).text))
        first = first or why
    is_there = any(path.exists() for path in paths)
    why = first or "it is neither on PATH nor below XRT's folder nor beside aiecc"
    if named and not is_there:
        why = f"$AIE_XCLBINUTIL names {named}: {why}"
    return (broken if is_there else absent)("xclbinutil", why, _XCLBINUTIL_FIX)


def _does_not_pack(path: Path, environ: Mapping[str, str]) -> str:
    """Empty where it writes an xclbin; else what it does instead."""
    if not path.exists():
        return "there is no such file"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "mem_topology.json").write_text(json.dumps(_TOPOLOGY))
        words = ("--add-replace-section", "MEM_TOPOLOGY:JSON:mem_topology.json", "--force", "--output", "a.xclbin")
        answer = ask([str(path), *words], environ, folder)
        if _has_topology(folder / "a.xclbin"):
            return ""
    return f"{path} was asked to write a small xclbin, and did not (code {answer.code}: {first_line(answer.text)})"


def _has_topology(path: Path) -> bool:
    try:
        return read_xclbin(path.read_bytes(), path.name).section("MEM_TOPOLOGY") is not None
    except (OSError, Problem):
        return False
