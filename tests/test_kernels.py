"""The shipped kernels, built and run on the emulator: bit for bit what their integer specifications say."""

from __future__ import annotations

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
from tileproof.toolchain.frames import measure_frames
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
    [("attention", {"head": 32}), ("attention", {"rows": 32}), ("attention", {"keys": 32}), ("mel", {"bands": 64})],
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
    frames = measure_frames(rendered.tile_code, 20, rendered.headers)
    if frames is None:
        pytest.skip("needs g++, for -fcallgraph-info")

    # Half of it: AIE frames differ from the host's, and spilt vectors are large.
    core = rendered.spec.core
    assert 0 < sum(frame.nbytes for frame in frames.worst_path(core.function)) <= core.stack_size // 2
