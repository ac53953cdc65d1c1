"""What the tests of the NPU share: a machine with one, and what it has answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from fake_npu import npu_file
from hypothesis import settings
from npu_world import Npu, World
from small_kernel import build_small

from tileproof.build.prepare import build_kernel, render_kernel
from tileproof.build.request import BuildRequest

# How long a drawn example takes says something of the machine, and nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Files whose tests build, start processes or draw thousands of texts: `make quick` leaves them out.
SLOW = {
    *("test_aie_api_checked", "test_aie_api_fuzz", "test_banks", "test_build", "test_catalogue", "test_cli"),
    *("test_conformance", "test_designs", "test_doctor", "test_emulate", "test_emulator", "test_fuzz_corpus"),
    *("test_guarded", "test_hosts", "test_kernels", "test_main", "test_mlir_aie", "test_npu_build"),
    *("test_on_npu", "test_printer", "test_pyxrt", "test_readme", "test_recordings", "test_refusing"),
    *("test_run", "test_runner", "test_sandbox", "test_scripts", "test_seal", "test_session", "test_symbols"),
    *("test_tile_checks", "test_waiting", "test_wheel", "test_xrt_213"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    double = npu_file(build_small(folder))
    request = BuildRequest(build_dir=folder / "build")
    return World(folder, double, npu_file(build_kernel(render_kernel("canary", request), request, lambda _: None)))


@pytest.fixture
def npu(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Npu]:
    fault, of = getattr(request, "param", ("", ""))
    npu = Npu(world, tmp_path, monkeypatch, fault, of)
    yield npu
    assert npu.remembered("two at once") == 0  # the canary's context and a kernel's are never there together


@pytest.fixture(scope="session")
def recorded(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what an NPU has answered."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()):
        npu = Npu(world, folder, patch, "", "")
        assert npu.verify("--record", "--recordings", str(folder / "recordings")) == 0
    return folder / "recordings"
