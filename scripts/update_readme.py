#!/usr/bin/env python3
"""Writes the README's tables from runs: the verdicts of every kernel, and with --bench the figures of scripts/bench."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TILEPROOF = Path(sys.executable).parent / "tileproof"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", action="store_true", help="also measure, which takes a minute")
    readme = ROOT / "README.md"
    text = between(readme.read_text(), "verdicts", verdict_table(verdicts()))
    if parser.parse_args().bench:
        done = subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "bench")], capture_output=True, text=True, check=True
        )
        text = between(text, "bench", f"```text\n{done.stdout.rstrip()}\n```")
    readme.write_text(text)
    return 0


def verdicts() -> list[dict[str, Any]]:
    """Of every kernel and target, from a run in an empty build folder."""
    found: list[dict[str, Any]] = []
    for target in ("npu1", "npu2"):
        with tempfile.TemporaryDirectory() as build:
            command = [str(TILEPROOF), "verify", "--json", "--target", target, "--build-dir", build]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            found += json.loads(done.stdout)["verdicts"]
    return found


def verdict_table(found: list[dict[str, Any]]) -> str:
    """A row per kernel and target: what was compared, and the worst of all cases."""
    rows = ["| kernel | target | device | verdict | elements | bit-exact | max error | allowed | least correlation |"]
    rows.append("|---|---|---|---|---|---|---|---|---|")
    for key in dict.fromkeys((v["kernel"], v["target"]) for v in found):
        mine = [v for v in found if (v["kernel"], v["target"]) == key]
        outputs = [output for v in mine for output in v["outputs"]]
        passed = sum(v["outcome"] == "pass" for v in mine)
        compared = sum(output["compared"] for output in outputs)
        exact = compared - sum(output["mismatched"] for output in outputs)
        lifelike = LIFELIKE[key[0]]
        correlation = min(o["correlation"] for v in mine if v["case"] in lifelike for o in v["outputs"])
        cases = f"{passed} of {len(mine)} cases pass"
        worst, allowed = max(o["max_abs_error"] for o in outputs), outputs[0]["max_abs_allowed"]
        rows.append(
            f"| {key[0]} | {key[1]} | {mine[0]['device']} | {cases} | {compared:,} | {exact:,} "
            f"| {worst:.2f} | {allowed:g} | {correlation:.5f} ({', '.join(lifelike)}) |"
        )
    return "\n".join(rows)


# The cases of each kernel that look like real data; correlation means little on the others.
LIFELIKE = {
    "attention": ("realistic normal", "realistic outliers"),
    "canary": ("random",),
    "mel": ("speech", "quiet speech"),
}


def between(text: str, name: str, content: str) -> str:
    """`text` with what stands between the two comments of `name` replaced."""
    pattern = rf"(<!-- {name}[^>]*-->\n).*?(<!-- end of {name} -->)"
    assert re.search(pattern, text, re.DOTALL), name
    return re.sub(pattern, lambda match: f"{match[1]}{content}\n{match[2]}", text, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(main())
