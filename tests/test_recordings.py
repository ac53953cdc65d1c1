"""What an NPU has answered, kept in a file: replayed where there is none, and answered bit for bit by the emulator."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from npu_world import MACHINE, Npu, World, faulty, verdicts
from small_kernel import DOUBLE, write_kernel

from tileproof.build.prepare import build_kernel, render_kernel
from tileproof.build.request import BuildRequest
from tileproof.cli import main
from tileproof.device import open_device
from tileproof.device.recorded import (
    Answer,
    RecordedKernel,
    Recording,
    inputs_digest,
    read_recording,
    recording_bytes,
)
from tileproof.device.runner import LoadedKernel
from tileproof.kernel import golden

FOLDER = Path(__file__).parents[1] / "recordings"
RECORDED = sorted(FOLDER.glob("*.npz"))


@pytest.mark.parametrize("path", RECORDED or [None], ids=lambda path: path.stem if path else "none")
def test_the_emulator_answers_what_the_npu_answered(path: Path | None, tmp_path: Path) -> None:
    if path is None:
        pytest.skip("nobody with an NPU has recorded one yet: `tileproof verify --device npu --record`")

    assert list(disagreements(read_recording(path), BuildRequest(build_dir=tmp_path))) == []


def disagreements(recording: Recording, request: BuildRequest) -> Iterator[str]:
    """A sentence for every output of every answer that is not the same, byte for byte."""
    rendered = render_kernel(recording.kernel, replace(request, target=recording.target))
    assert rendered.digest == recording.texts, "the kernel has changed since it was recorded"
    built = build_kernel(rendered, replace(request, target=recording.target), lambda _: None)
    buffers = dict(enumerate(rendered.spec.buffers))
    sizes = {number: buffer.nbytes for number, buffer in buffers.items()}
    kernel = LoadedKernel(open_device("emulator"), built.xclbin, built.insts, sizes)
    cases = {case.name: case for case in rendered.spec.cases}
    for answer in recording.answers:
        parts = golden.draw_inputs(rendered.spec, cases[answer.case].draw, answer.seed)
        inputs = {n: golden.joined(buffer, parts) for n, buffer in buffers.items() if buffer.way == "in"}
        assert inputs_digest(inputs) == answer.inputs, f"case {answer.case} draws other inputs by now"
        result = kernel.run(inputs)
        assert (result.state_name, result.faults) == ("ERT_CMD_STATE_COMPLETED", ())
        yield from _differing(answer, {n: buffer.name for n, buffer in buffers.items()}, result.outputs)


def _differing(answer: Answer, names: dict[int, str], here: dict[int, bytes]) -> Iterator[str]:
    for number, data in answer.outputs.items():
        theirs, ours = np.frombuffer(data, np.uint8), np.frombuffer(here[number], np.uint8)
        wrong = int(np.count_nonzero(theirs != ours)) if len(theirs) == len(ours) else len(theirs)
        if wrong:
            where = f"case {answer.case}, seed {answer.seed}: output {names[number]}"
            yield f"{where}: {wrong} of {len(theirs)} bytes differ"


def replay(world: World, recordings: Path, *more: str) -> list[str]:
    kernels = ["--kernels", str(world.folder / "kernels")]
    return ["verify", "double", *kernels, "--device", "recorded", "--recordings", str(recordings), *more]


def test_what_the_npu_answered_is_replayed_where_there_is_none(
    world: World, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = recorded.iterdir()
    assert path.name == "double_i32_64__npu1.npz"
    assert path.stat().st_size < 10_000

    assert main(replay(world, recorded, "--json")) == 0
    found = verdicts(capsys)
    assert [(one["outcome"], one["device"], one["times"]) for one in found] == [("pass", "recorded", {})] * 2
    assert main(replay(world, recorded)) == 0
    text = capsys.readouterr().out
    assert "double: PASS: 2 of 2 cases for npu1\n" in text
    assert f"  replayed: what an NPU answered on {found[0]['artifacts']['date']}" in text
    assert text.endswith("; nothing was run\n")


def test_a_recording_answers_bit_for_bit_as_the_emulator(world: World, recorded: Path) -> None:
    recording = read_recording(recorded / "double_i32_64__npu1.npz")

    assert [(answer.case, answer.seed) for answer in recording.answers] == [
        *[("ramp", seed) for seed in (1, 1001, 2001)],
        *[("random", seed) for seed in (7, 1007, 2007)],
    ]
    request = BuildRequest(kernels=world.folder / "kernels", build_dir=world.folder / "build")
    assert list(disagreements(recording, request)) == []
    first = recording.answers[0]
    spoilt = replace(first, outputs={1: bytes([1, *first.outputs[1][1:]])})
    wrong = replace(recording, answers=(spoilt, *recording.answers[1:]))
    assert list(disagreements(wrong, request)) == ["case ramp, seed 1: output y: 1 of 256 bytes differ"]


def test_recording_a_case_again_keeps_the_others(npu: Npu, recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = npu.folder / "recordings"
    shutil.copytree(recorded, folder)
    assert npu.verify("--record", "--recordings", str(folder), "--case", "ramp") == 0
    before, after = (read_recording(path / "double_i32_64__npu1.npz") for path in (recorded, folder))

    assert sorted(after.answers, key=str) == sorted(before.answers, key=str)
    capsys.readouterr()


def test_a_folder_that_cannot_be_written_is_said_before_anything_runs(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    (npu.folder / "file").touch()
    assert npu.verify("--record", "--recordings", str(npu.folder / "file")) == 2

    assert capsys.readouterr().err.startswith("error: the recording cannot be written\n")
    assert npu.remembered(f"contexts {MACHINE}") == 0


def test_a_recording_that_cannot_be_written_costs_no_verdict(npu: Npu, capsys: pytest.CaptureFixture[str]) -> None:
    folder = npu.folder / "recordings"
    (folder / "double_i32_64__npu1.npz").mkdir(parents=True)
    assert npu.verify("--record", "--recordings", str(folder)) == 2

    captured = capsys.readouterr()
    assert [one["outcome"] for one in json.loads(captured.out)["verdicts"]] == ["pass"] * 2
    assert captured.err.startswith("error: the recording cannot be written\n")


def test_a_recording_that_is_wrong_fails(
    world: World, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = read_recording(recorded / "double_i32_64__npu1.npz")
    spoilt = [replace(one, outputs={1: bytes([1, *one.outputs[1][1:]])}) for one in recording.answers]
    (tmp_path / "double_i32_64__npu1.npz").write_bytes(recording_bytes(replace(recording, answers=tuple(spoilt))))

    assert main(replay(world, tmp_path, "--json")) == 1
    assert [(one["outcome"], one["blame"]) for one in verdicts(capsys)] == [("fail", "")] * 2


def test_a_recording_of_another_state_of_the_kernel_is_not_replayed(
    world: World, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = replay(world, recorded, "--json")
    options[options.index("--kernels") + 1] = str(write_kernel(tmp_path, body=f"// another\n    {DOUBLE}"))

    assert main(options) == 3
    (first, _) = verdicts(capsys)
    assert (first["outcome"], first["reason"]) == (
        "not run",
        "double_i32_64__npu1.npz is of another state of double",
    )


def test_inputs_that_were_not_recorded_are_not_run(
    world: World, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(replay(world, recorded, "--json", "--seed", "5")) == 3
    found = verdicts(capsys)
    assert [(one["outcome"], one["reason"]) for one in found] == [
        ("pass", ""),  # a ramp is a ramp from any seed
        ("not run", "the recording has no answer to these inputs"),
    ]


def test_the_same_inputs_are_answered_in_turn() -> None:
    """A case may draw the same from every seed: a wrong first answer is not to be forgotten for the right ones."""
    inputs = {0: b"same"}
    answers = [
        Answer(case="zeros", seed=seed, inputs=inputs_digest(inputs), outputs={1: data})
        for seed, data in enumerate((b"bad!", b"good", b"good"))
    ]
    kernel = RecordedKernel(
        Recording(
            kernel="k",
            variant="k__npu1",
            target="npu1",
            texts="",
            digest="",
            toolchain="",
            tileproof="",
            date="",
            machine={},
            answers=tuple(answers),
        ),
        {0: 4, 1: 4},
    )
    assert [kernel.run(inputs).outputs[1] for _ in range(3)] == [b"bad!", b"good", b"good"]


@pytest.mark.parametrize("spoilt", ["nothing", "not a zip", "no about", "cut", "damaged", "another machine"])
def test_a_file_that_is_no_recording_is_refused(
    world: World, recorded: Path, tmp_path: Path, spoilt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "double_i32_64__npu1.npz"
    whole = (recorded / path.name).read_bytes()
    if spoilt == "no about":
        np.savez(path, other=np.zeros(3))
    elif spoilt == "another machine":
        np.savez(path, about=np.array(json.dumps({"answers": [], "machine": []})))
    else:
        damaged = whole[:100] + bytes(byte ^ 255 for byte in whole[100:200]) + whole[200:]
        texts = {"nothing": b"", "not a zip": b"PK nonsense", "cut": whole[:300], "damaged": damaged}
        path.write_bytes(texts[spoilt])

    assert main(replay(world, tmp_path)) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: double_i32_64__npu1.npz is not a recording that can be read\n")


def test_only_an_npu_is_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "attention", "--record"]) == 2
    assert capsys.readouterr().err == (
        "error: only what an NPU answers is worth recording\n"
        "  where: --record --device auto\n"
        "  why:   what the emulator answers can be had again anywhere\n"
        "  fix:   add --device npu, or leave --record out\n"
        "  more:  tileproof explain missing-option\n"
    )


@faulty("dirty")
def test_what_a_dirty_device_answers_is_not_recorded(
    npu: Npu, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = npu.folder / "recordings"
    shutil.copytree(recorded, folder)
    before = (folder / "double_i32_64__npu1.npz").read_bytes()
    assert npu.verify("--record", "--recordings", str(folder)) == 3
    assert (folder / "double_i32_64__npu1.npz").read_bytes() == before
    capsys.readouterr()
