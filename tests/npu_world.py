"""A machine with an NPU that fails on demand, and what is proved there: a small kernel and the canary."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fake_npu
import pytest
from fake_npu import NpuFile

from tileproof.cli import main
from tileproof.device import guarded
from tileproof.verify import canary

MACHINE = "double_i32_64__npu1"


@dataclass(frozen=True)
class World:
    """A kernel and the canary, built for the emulator and as an NPU's files."""

    folder: Path
    double: NpuFile
    canary: NpuFile

    def options(self, *more: str) -> list[str]:
        pair = ["--xclbin", str(self.double.xclbin), "--insts", str(self.double.insts)]
        canary = ["--canary", str(self.canary.xclbin), str(self.canary.insts)]
        return ["verify", "double", "--kernels", str(self.folder / "kernels"), "--device", "npu", *pair, *canary, *more]


class Npu:
    """A machine with an NPU of one fault, `of` the kernels whose names begin so."""

    def __init__(self, world: World, folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str, of: str) -> None:
        self.world, self.folder = world, folder
        self.environ = fake_npu.install(folder / "xrt", [world.double.emulated, world.canary.emulated], fault, of)
        for name, value in self.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(canary, "_SETTLE_S", 0.0)
        monkeypatch.setattr(guarded, "_BEFORE_RETRY_S", 0.0)

    def verify(self, *more: str) -> int:
        return main(self.world.options("--json", *more))

    def remembered(self, what: str) -> int:
        path = self.folder / "xrt" / "state" / what
        return int(path.read_text()) if path.exists() else 0


def faulty(fault: str, of: str = "double") -> Any:
    return pytest.mark.parametrize("npu", [(fault, of)], indirect=True)


def verdicts(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return list(json.loads(capsys.readouterr().out)["verdicts"])
