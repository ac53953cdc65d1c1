"""The shipped kernels, built and run on the emulator: bit for bit what their integer specifications say."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tileproof.build.prepare import Rendered, build_kernel, render_kernel
from tileproof.build.request import BuildRequest
from tileproof.device import open_device
from tileproof.device.runner import LoadedKernel
from tileproof.kernel import golden
from tileproof.kernel.render import template_context
from tileproof.library import data_dir
from tileproof.lowering.lower import lower_design
from tileproof.mlir.reader import read_design
from tileproof.mlir_aie_versions import LOWERED_VERSIONS, Version
from tileproof.toolchain.noted import note
from tileproof.verify.prove import prove_kernel
from tileproof.verify.request import CaseRequest, VerifyRequest

RANDOM_INPUTS = 1000


@dataclass
class Built:
    rendered: Rendered
    loaded: LoadedKernel

    def answers(self, inputs: dict[str, Any]) -> dict[str, Any]:
        buffers = list(enumerate(self.rendered.spec.buffers))
        result = self.loaded.run({n: golden.joined(b, inputs) for n, b in buffers if b.way == "in"})
        assert result.state_name == "ERT_CMD_STATE_COMPLETED"
        assert result.faults == ()
        outputs: dict[str, Any] = {}
        for number, buffer in buffers:
            if buffer.way == "out":
                outputs |= golden.split(buffer, result.outputs[number])
        return outputs


@pytest.fixture(scope="module")
def build_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("build")


@pytest.fixture(scope="module", params=[("attention", "npu1"), ("attention", "npu2"), ("mel", "npu1"), ("mel", "npu2")])
def built(request: pytest.FixtureRequest, build_dir: Path) -> Built:
    name, target = request.param
    asked = BuildRequest(target=target, build_dir=build_dir)
    rendered = render_kernel(name, asked)
    artifacts = build_kernel(rendered, asked, lambda _: None)
    sizes = {number: buffer.nbytes for number, buffer in enumerate(rendered.spec.buffers)}
    return Built(rendered, LoadedKernel(open_device("emulator"), artifacts.xclbin, artifacts.insts, sizes))


def random_inputs(rendered: Rendered, seed: int) -> dict[str, Any]:
    """Random bits of a random loudness, so that large and small numbers are both drawn."""
    rng = np.random.default_rng(seed)
    inputs = {}
    for buffer in rendered.spec.inputs:
        limits = np.iinfo(buffer.dtype.numpy)
        for part in buffer.parts:
            full = rng.integers(limits.min, limits.max, part.shape, endpoint=True)
            inputs[part.name] = (full >> rng.integers(0, limits.bits)).astype(buffer.dtype.numpy)
    return inputs


def test_the_kernel_is_bit_exact_on_many_random_inputs(built: Built) -> None:
    for seed in range(RANDOM_INPUTS // 2):  # half per target: a thousand and more per kernel
        inputs = random_inputs(built.rendered, seed)
        expected = golden.integer_outputs(built.rendered.spec, inputs, built.rendered.constants)
        assert expected is not None
        for name, actual in built.answers(inputs).items():
            assert np.array_equal(actual, expected[name]), f"seed {seed}, output {name}"


@pytest.mark.parametrize("target", ["npu1", "npu2"])
@pytest.mark.parametrize("name", ["attention", "canary", "mel"])
def test_every_case_passes(name: str, target: str, build_dir: Path) -> None:
    verdicts = list(
        prove_kernel(name, VerifyRequest(build=BuildRequest(target=target, build_dir=build_dir)), lambda _: None)
    )

    assert len(verdicts) >= (1 if name == "canary" else 6)
    assert [(v.case, v.reason) for v in verdicts if not v.passed] == []
    assert all(comparison.mismatched == 0 for v in verdicts for comparison in v.outputs)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [("attention", {"head": 32}), ("attention", {"rows": 32}), ("attention", {"keys": 40}), ("mel", {"bands": 64})],
)
def test_a_variant_of_other_sizes_passes(name: str, sizes: dict[str, int], build_dir: Path) -> None:
    verdicts = list(
        prove_kernel(name, VerifyRequest(build=BuildRequest(sizes=sizes, build_dir=build_dir)), lambda _: None)
    )

    assert [(v.case, v.reason) for v in verdicts if not v.passed] == []


def test_attention_reaches_its_accuracy_on_realistic_scales(build_dir: Path) -> None:
    cases = ("realistic normal", "realistic outliers")
    request = VerifyRequest(build=BuildRequest(build_dir=build_dir), cases=CaseRequest(names=cases))
    verdicts = list(prove_kernel("attention", request, lambda _: None))

    assert all(v.outputs[0].correlation >= 0.999 and v.outputs[0].max_abs_error <= 2 for v in verdicts)  # type: ignore[operator]


def test_every_frame_of_a_recording_is_compared(build_dir: Path) -> None:
    wav = Path(__file__).parents[1] / "kernels" / "mel" / "recorded" / "speech.wav"
    (verdict,) = prove_kernel("mel", VerifyRequest(build=BuildRequest(build_dir=build_dir)), lambda _: None, wav)
    (bands,) = verdict.outputs

    assert verdict.passed
    assert bands.compared > 200 * 80
    assert bands.mismatched == 0
    assert bands.correlation is not None
    assert bands.correlation >= 0.99
    assert bands.db_error is not None
    assert bands.db_error["max"] <= 1.0


@pytest.mark.parametrize("name", ["attention", "canary", "mel"])
def test_the_frames_of_the_tile_function_fit_its_stack(name: str) -> None:
    """The host's frames, as an estimate."""
    rendered = render_kernel(name, BuildRequest())
    frames = note(rendered.tile_code, 20, rendered.headers).frames
    if frames is None:
        pytest.skip("needs g++, for -fcallgraph-info")

    # Half of it: AIE frames differ from the host's, and spilt vectors are large.
    core = rendered.spec.core
    assert 0 < sum(frame.nbytes for frame in frames.worst_path(core.function)) <= core.stack_size // 2


# Scratch


def scratch_of(kernel: str) -> list[dict[str, Any]]:
    rendered = render_kernel(kernel, BuildRequest())
    found: list[dict[str, Any]] = template_context(rendered.spec, "npu1", rendered.constants)["scratch"]
    return found


REGIONS = [(kernel, region) for kernel in ("attention", "mel") for region in scratch_of(kernel)]


@pytest.mark.parametrize(
    ("kernel", "region"), REGIONS, ids=[f"{kernel}-{region['name']}" for kernel, region in REGIONS]
)
def test_one_element_beyond_a_region_of_scratch_is_found_by_its_name(
    kernel: str, region: dict[str, Any], tmp_path: Path
) -> None:
    """Also where the next one begins right there."""
    shutil.copytree(data_dir("kernels") / kernel, tmp_path / "kernels" / kernel)
    tile, first = tmp_path / "kernels" / kernel / "tile.cc", "    aie::set_saturation("
    assert tile.read_text().count(first) == 1
    tile.write_text(tile.read_text().replace(first, f"    {region['name']}[{region['count']}] = 1;\n{first}"))
    build = BuildRequest(kernels=tmp_path / "kernels", build_dir=tmp_path / "build")
    (fault, *_) = next(prove_kernel(kernel, VerifyRequest(build=build), lambda _: None)).faults

    end = f"byte 1 past the end of {region['name']} ({region['nbytes']:,} bytes)"
    assert f"writes outside its buffers: {end}\n  where: tile.cc:" in fault.text


VARIANTS = [
    *(("attention", sizes) for sizes in ({}, {"head": 32}, {"rows": 8}, {"keys": 32}, {"keys": 128})),
    *(("mel", {"bands": bands}) for bands in range(48, 129, 16)),
]


@pytest.mark.parametrize("version", LOWERED_VERSIONS, ids=lambda version: version.name)
@pytest.mark.parametrize(("kernel", "sizes"), VARIANTS, ids=str)
def test_scratch_begins_where_npu2_can_load_64_bytes(kernel: str, sizes: dict[str, int], version: Version) -> None:
    rendered = render_kernel(kernel, BuildRequest(target="npu2", sizes=sizes))
    lowered = lower_design(read_design(rendered.texts["design.mlir"], "design.mlir"), version=version)
    # `steps` of mel is touched 32 bytes at a time.
    wide = {scratch.name for scratch in rendered.spec.core.scratch} - {"steps"}

    assert [b.name for b in lowered.buffers if b.name in wide and b.address % 64] == []


def test_the_operands_of_a_product_of_attention_lie_in_different_banks() -> None:
    lowered = lower_design(read_design(render_kernel("attention", BuildRequest()).texts["design.mlir"], "design.mlir"))
    banks = {buffer.name: buffer.bank for buffer in lowered.buffers}
    objects = {banks["qkv_cons_buff_0"], banks["qkv_cons_buff_1"]}

    assert banks["blocks"] not in objects
    assert banks["weights"] not in objects
