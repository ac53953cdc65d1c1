"""The real aiecc, aie-opt, Peano and xclbinutil, where they are: what they build, and that they lower designs as we do.

tests/test_npu_build.py has the same path driven by programs that stand in for them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tileproof.build.prepare import build_kernel, render_kernel
from tileproof.build.request import BuildRequest
from tileproof.check.against_mlir_aie import compare_lowerings
from tileproof.check.unrolled import wrongly_unrolled
from tileproof.cli import main
from tileproof.diagnostic import Diagnostic
from tileproof.errors import Problem
from tileproof.library import kernel_names
from tileproof.lowering.held import lowered_as
from tileproof.mlir_aie_versions import NEWEST, version_of
from tileproof.toolchain.aie_opt import passes_of
from tileproof.toolchain.mlir_aie import find_mlir_aie, probe
from tileproof.xclbin import read_xclbin
from tileproof.xclbin.provenance import check_pair, read_provenance

HOW = "docs/install-npu.md says how to get them"
try:
    find_mlir_aie()
    WHY = ""
except Problem as problem:
    WHY = f"{problem.what}: {HOW}"
AIE_OPT = probe(os.environ)["aie-opt"]
VERSION = NEWEST if isinstance(AIE_OPT, Diagnostic) else version_of(passes_of(AIE_OPT, os.environ))

needs_all = pytest.mark.skipif(bool(WHY), reason=WHY)
needs_aie_opt = pytest.mark.skipif(isinstance(AIE_OPT, Diagnostic), reason=f"aie-opt is not here: {HOW}")

DESIGNS = sorted((Path(__file__).parents[1] / "designs").glob("*.mlir"))


@needs_all
@pytest.mark.parametrize("target", ["npu1", "npu2"])
@pytest.mark.parametrize("kernel", kernel_names())
def test_a_shipped_kernel_is_built_and_lowered_as_we_lower_it(kernel: str, target: str, tmp_path: Path) -> None:
    request = BuildRequest(target=target, toolchain="mlir-aie", build_dir=tmp_path)
    built = build_kernel(render_kernel(kernel, request), request, lambda _: None)
    provenance = read_provenance(read_xclbin(built.xclbin.read_bytes(), built.xclbin.name))

    assert provenance is not None
    assert (provenance.toolchain, provenance.target) == ("mlir-aie", target)
    check_pair(provenance, built.insts.read_bytes(), built.xclbin.name, built.insts.name)
    assert built.warnings == ()  # a warning is a difference between the two lowerings
    assert main(["check", str(built.xclbin), "--insts", str(built.insts)]) == 0


@needs_aie_opt
@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_a_design_is_lowered_as_we_lower_it(path: Path) -> None:
    """Layout and, where aiecc is here too, instruction words."""
    text = path.read_text()
    try:
        here = lowered_as(text, path.name, VERSION)
    except Problem as problem:
        pytest.skip(f"tileproof refuses it: {problem.what}")

    assert compare_lowerings(text, path.name).differences == wrongly_unrolled(here)


@needs_aie_opt
def test_doctor_finds_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert not isinstance(AIE_OPT, Diagnostic)
    main(["doctor"])
    listed = capsys.readouterr().out

    assert f"aie-opt        {AIE_OPT.version} ({AIE_OPT.command[-1]}), mlir-aie of {VERSION.name}\n" in listed
