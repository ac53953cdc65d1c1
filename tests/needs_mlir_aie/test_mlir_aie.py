"""The real aiecc, aie-opt, Peano and xclbinutil, where they are: what they build, and that they lower designs as we do.

tests/test_npu_build.py has the same path driven by programs that stand in for them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tileproof.cli import main
from tileproof.errors import Problem
from tileproof.library import kernel_names
from tileproof.lowering.held import lowered_as
from tileproof.prepare import Request, build_kernel, render_kernel
from tileproof.provenance import check_pair, read_provenance
from tileproof.toolchain.aiecc import STATE_OF
from tileproof.toolchain.mlir_aie import find_mlir_aie
from tileproof.toolchain.other_lowering import compare_lowerings
from tileproof.xclbin import read_xclbin

try:
    HERE, WHY = find_mlir_aie(), ""
except Problem as problem:
    HERE, WHY = None, f"{problem.what}: docs/install-npu.md says how to get them"

pytestmark = pytest.mark.skipif(HERE is None, reason=WHY)

DESIGNS = sorted((Path(__file__).parents[1] / "designs").glob("*.mlir"))


@pytest.mark.parametrize("target", ["npu1", "npu2"])
@pytest.mark.parametrize("kernel", kernel_names())
def test_a_shipped_kernel_is_built_and_lowered_as_we_lower_it(kernel: str, target: str, tmp_path: Path) -> None:
    request = Request(target=target, toolchain="mlir-aie", build_dir=tmp_path)
    built = build_kernel(render_kernel(kernel, request), request, lambda _: None)
    provenance = read_provenance(read_xclbin(built.xclbin.read_bytes(), built.xclbin.name))

    assert provenance is not None
    assert (provenance.toolchain, provenance.target) == ("mlir-aie", target)
    check_pair(provenance, built.insts.read_bytes(), built.xclbin.name, built.insts.name)
    assert built.warnings == ()  # a warning is a difference between the two lowerings
    assert main(["check", str(built.xclbin), "--insts", str(built.insts)]) == 0


@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_a_design_is_lowered_as_we_lower_it(path: Path) -> None:
    assert HERE is not None
    text = path.read_text()
    try:
        lowered_as(text, path.name, STATE_OF[HERE.dialect])
    except Problem as problem:
        pytest.skip(f"tileproof refuses it: {problem.what}")

    assert compare_lowerings(text, path.name).differences == ()


def test_doctor_finds_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor"])
    listed = capsys.readouterr().out

    assert HERE is not None
    assert f"dialect {HERE.dialect}" in listed
