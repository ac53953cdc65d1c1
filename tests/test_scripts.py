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


# A benchmark's line: doubling 6 numbers of 16 bits and adding a number, once with a wrong answer.
CASE = {
    "kernel_name": "doubled",
    "prompt": "#include <aie_api/aie.hpp>\nvoid doubled(int16_t *in, int16_t *out, int add) {\n// Implementation\n}",
    "canonical_solution": "for (int i = 0; i < 5; ++i) out[i] = in[i] * 2 + add;\n}",
    "program_code": 'extern "C" void doubled_wrapper(int16_t *in, int16_t *out, int add) { doubled(in, out, add); }',
    "test_vectors": {
        "inputs": [{"in": [1, 2, 3, 4, 5], "dtype": "int16"}],
        "outputs": [{"out": [5, 7, 9, 11, 13], "dtype": "int16"}],
        "rtps": [{"add": 3, "dtype": "int32"}],
    },
}


def test_accept_says_of_each_kind_of_file_what_is_taken_and_why_the_rest_is_not(tmp_path: Path) -> None:
    wrong = json.loads(
        json.dumps(CASE).replace("[5, 7, 9, 11, 13]", "[5, 7, 9, 11, 14]").replace('"doubled"', '"wrong"')
    )
    wrong["program_code"] = wrong["program_code"].replace("doubled_wrapper", "wrong_wrapper")
    design = (ROOT / "examples/design.mlir").read_text()
    files = {
        "lib/aie_kernels/aie2/good.cc": 'extern "C" void good(v16int32 *p) { *p = add(*p, *p); }',
        "lib/aie_kernels/aie2p/bad.cc": 'extern "C" void bad(v16int32 *p) { *p = nobody(*p); }',
        "bench/cases.jsonl": f"{json.dumps(CASE)}\n{json.dumps(wrong)}\n",
        "t/npu-xrt/one/aie.mlir": design.replace("npu1", "NPUDEVICE"),
        "t/objectFifo-stateful-transform/two.mlir": f"{design}\n// -----\n{design.replace('@y(', '@z(')}",
        "t/objectFifo-stateful-transform/refused.mlir": "// expected-error@+1 {{no}}\nnonsense",
        "user/design.mlir": design,
        "threads.log": "no such message\nbank 131071\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    lines = printed("scripts/bench", "accept", str(tmp_path)).splitlines()
    rows = {line[:40].strip(): line[58:71].split() for line in lines if not line.startswith(" ")}
    assert rows == {
        "tile functions of a kernel library: comp": ["1", "of", "2"],
        "tile functions of a benchmark: within it": ["1", "of", "2"],
        "designs of mlir-aie's device tests: read": ["1", "of", "1"],
        "objectFifo lit tests: accepted where mli": ["0", "of", "1"],
        "other designs: read and lowered": ["1", "of", "1"],
        "lines of logs that explain knows": ["1", "of", "2"],
    }
    assert "    wrong: 1 of 5 wrong, the first [4]: 13 for 14" in lines
    assert any("lib/aie_kernels/aie2p/bad.cc: " in line and "nobody" in line for line in lines)
    assert "    threads.log: no such message" in lines
