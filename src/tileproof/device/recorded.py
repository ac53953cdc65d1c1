"""What an NPU answered, kept in a file: small enough for a repository, replayed where there is no NPU.

An .npz of numpy: `about` is JSON, every other array the bytes of one output of one run.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tileproof.device.runner import RunResult
from tileproof.device.times import LEAST_RUNS
from tileproof.errors import EXIT_NOT_HERE, Problem
from tileproof.xrt import COMPLETED

_MOST_BYTES = 1 << 30  # unpacked: a small file may claim to hold more than the machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One run that completed: which inputs, by their digest, and the bytes of each output by buffer number."""

    case: str
    seed: int
    inputs: str
    outputs: Mapping[int, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The answers of one variant, and what gave them. `texts` is the digest of what was rendered."""

    kernel: str
    variant: str
    target: str
    texts: str
    digest: str
    toolchain: str
    tileproof: str
    date: str
    machine: Mapping[str, str]
    answers: tuple[Answer, ...]


def recording_path(folder: Path, variant: str) -> Path:
    return folder / f"{variant}.npz"


def inputs_digest(inputs: Mapping[int, bytes]) -> str:
    """SHA-256 of all input buffers, in the order of their numbers."""
    digest = hashlib.sha256()
    for number in sorted(inputs):
        digest.update(f"{number} {len(inputs[number])} ".encode() + inputs[number])
    return digest.hexdigest()


def recording_bytes(recording: Recording) -> bytes:
    """The file; the same recording gives the same bytes."""
    about = {name: value for name, value in asdict(recording).items() if name != "answers"}
    about["answers"] = [{"case": a.case, "seed": a.seed, "inputs": a.inputs} for a in recording.answers]
    arrays: dict[str, Any] = {"about": np.array(json.dumps(about, sort_keys=True))}
    for number, answer in enumerate(recording.answers):
        for buffer, data in answer.outputs.items():
            arrays[f"{number}.{buffer}"] = np.frombuffer(data, np.uint8)
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def read_recording(path: Path) -> Recording:
    """A file that `recording_bytes` made; a `Problem` for any other, or none."""
    if not path.is_file():
        raise Problem(
            "nobody has recorded what an NPU answers",
            id="not-recorded",
            where=str(path),
            why="there is no such file",
            fix="`tileproof verify --device npu --record` writes one where there is an NPU; or use --device emulator",
            exit_code=EXIT_NOT_HERE,
        )
    try:
        return _read(path)
    except Exception as error:  # a damaged file makes zip, numpy and JSON raise anything
        raise Problem(
            f"{path.name} is not a recording that can be read",
            id="damaged-file",
            where=str(path),
            why=str(error) or type(error).__name__,
            fix="record it again with `tileproof verify --device npu --record`",
        ) from None


def complete_cases(recording: Recording) -> set[str]:
    """Those with an answer for each run of a replay."""
    counted = Counter(answer.case for answer in recording.answers)
    return {case for case, number in counted.items() if number >= LEAST_RUNS}


def _read(path: Path) -> Recording:
    with zipfile.ZipFile(path) as packed:
        if sum(member.file_size for member in packed.infolist()) > _MOST_BYTES:
            raise ValueError(f"it unpacks to more than {_MOST_BYTES:,} bytes")
    with np.load(path, allow_pickle=False) as arrays:
        about = json.loads(str(arrays["about"][()]))
        answers = [_answer(number, fields, arrays) for number, fields in enumerate(about.pop("answers"))]
    machine = {str(name): str(value) for name, value in about.pop("machine").items()}
    return Recording(**{name: str(value) for name, value in about.items()}, machine=machine, answers=tuple(answers))


def _answer(number: int, fields: Mapping[str, Any], arrays: Mapping[str, Any]) -> Answer:
    names = [name for name in arrays if name.startswith(f"{number}.")]
    outputs = {int(name.partition(".")[2]): arrays[name].astype(np.uint8).tobytes() for name in names}
    return Answer(case=str(fields["case"]), seed=int(fields["seed"]), inputs=str(fields["inputs"]), outputs=outputs)


class RecordedKernel:
    """As LoadedKernel, with answers from a recording. Nothing is run: there are no times and no faults."""

    def __init__(self, recording: Recording, sizes: Mapping[int, int]) -> None:
        self._answers: dict[str, list[Answer]] = {}
        for answer in recording.answers:
            self._answers.setdefault(answer.inputs, []).append(answer)
        self._recording, self._sizes = recording, sizes

    def run(self, inputs: Mapping[int, bytes]) -> RunResult:
        """What the NPU answered to these very inputs; a `Problem` if it was not asked."""
        # The same inputs may have been given more than once: each answer has its turn.
        answers = self._answers.get(inputs_digest(inputs))
        answer = answers.pop(0) if answers else None
        wanted = {number: size for number, size in self._sizes.items() if number not in inputs}
        if answer is None or {number: len(data) for number, data in answer.outputs.items()} != wanted:
            raise Problem(
                "the recording has no answer to these inputs",
                id="not-recorded",
                where=f"{self._recording.variant}, recorded on {self._recording.date}",
                why=f"it has {_counted(self._recording.answers)}, and these inputs are others",
                fix="leave --seed and --wav out, take the cases that were recorded, or record again on an NPU",
                exit_code=EXIT_NOT_HERE,
            )
        return RunResult(state=COMPLETED, outputs=dict(answer.outputs), seconds={})

    def close(self) -> None:
        """There is nothing to end."""


def _counted(answers: Sequence[Answer]) -> str:
    cases = dict.fromkeys(answer.case for answer in answers)
    return f"{len(answers)} runs of {', '.join(cases) or 'no case'}"
