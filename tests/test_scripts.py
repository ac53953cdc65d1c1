"""The scripts that people run by hand still run. What they measure is held against nothing, least of all the times."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def printed(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_bench_measures_something_in_every_group() -> None:
    figures = json.loads(printed("scripts/bench", "--runs", "1", "--json"))

    assert {one["group"] for one in figures} == {"build", "emulator", "kernels", "speed", "designs", "xclbin"}
    assert all(one["median"] > 0 for one in figures)


def test_each_anchor_of_the_cycle_model_is_on_the_page() -> None:
    """With whatever cycles: some depend on what this machine's compiler leaves of a loop."""
    rows = printed("scripts/anchors").splitlines()[2:]
    page = (ROOT / "docs" / "emulator.md").read_text()

    assert len(rows) > 5
    assert all(f"\n{row.split(' | ')[0]} | " in page for row in rows)
