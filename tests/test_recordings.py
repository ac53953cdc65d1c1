"""The emulator answers bit for bit what an NPU has answered, wherever somebody has recorded one."""

from __future__ import annotations

from pathlib import Path

import pytest

from recordings import disagreements
from tileproof.device.recorded import read_recording
from tileproof.prepare import Request

FOLDER = Path(__file__).parents[1] / "recordings"
RECORDED = sorted(FOLDER.glob("*.npz"))


@pytest.mark.parametrize("path", RECORDED or [None], ids=lambda path: path.stem if path else "none")
def test_the_emulator_answers_what_the_npu_answered(path: Path | None, tmp_path: Path) -> None:
    if path is None:
        pytest.skip("nobody with an NPU has recorded one yet: `tileproof verify --device npu --record`")

    assert list(disagreements(read_recording(path), Request(build_dir=tmp_path, device="emulator"))) == []
