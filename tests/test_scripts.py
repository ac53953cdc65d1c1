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


def test_the_bounds_of_anchors_are_bounds_and_each_anchor_is_on_the_page() -> None:
    """A few of them, with whatever is expected: some of it depends on what this machine's compiler leaves of a loop."""
    head, rule, *rows, _, summary = printed("scripts/anchors", "--only", "int16").splitlines()
    page = (ROOT / "docs" / "emulator.md").read_text()

    assert f"\n{head}\n{rule}\n" in page
    assert head.split(" | ")[3:5] == ["slot bound", "expected"]
    assert len(rows) > 3
    for name, _, published, bound, expected, *_ in (row.removeprefix("| ").split(" | ") for row in rows):
        assert f"\n| {name} | " in page
        assert 0 < number(bound) <= number(published.partition(" ")[0])
        assert number(bound) <= number(expected)
    assert summary.endswith("Slot bounds above a published figure: 0.")


def test_a_whole_array_multiplies_rightly_and_its_bound_is_one() -> None:
    """The smallest of them; its sums are looked at where it is run."""
    code = (
        "import sys; sys.path.insert(0, 'scripts')\n"
        "from whole_arrays import GEMMS, library_for, step_cycles\n"
        "gemm = GEMMS[0]\n"
        "print(gemm.bound, step_cycles(gemm, library_for(gemm.target)), gemm.published)"
    )
    bound, expected, published = map(float, printed("-c", code).split())
    page = (ROOT / "docs" / "emulator.md").read_text()

    assert 0 < bound <= min(expected, published)
    assert f" | {bound:,.0f} | " in page
    assert page.count("Striking the Balance") == 3


def number(text: str) -> int:
    return int(text.replace(",", ""))


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


RUN_LINES = """\
// RUN: cp %S/aie.mlir aie_arch.mlir
// RUN: %run_on_npu1% sed 's/NPUDEVICE/npu1/g' -i aie_arch.mlir
// RUN: %run_on_npu2% sed 's/NPUDEVICE/npu2/g' -i aie_arch.mlir
// RUN: %PEANO_INSTALL_DIR/bin/clang++ --target=aie2-none-unknown-elf -DFOUR=4 \\
// RUN:   -c %S/tile.cc -o ./tile.o
// RUN: %aiecc --get-xclbin --get-npu-insts --xclbin-name=a.xclbin --npu-insts-name=i.bin ./aie_arch.mlir
// RUN: %host_clang %S/test.cpp -o test.exe -std=c++17 %xrt_flags %host_link_flags %test_utils_flags
// RUN: %run_on_npu1% ./test.exe a.xclbin i.bin | FileCheck %s
// RUN: %run_on_npu2% ./no_such_test.exe
"""
HOST = """\
#include <cstring>
#include "test_utils.h"
#include "xrt/xrt_bo.h"
#include "xrt/xrt_kernel.h"
int main(int, char **argv) {
    auto device = xrt::device(0);
    auto xclbin = xrt::xclbin(std::string(argv[1]));
    device.register_xclbin(xclbin);
    auto kernel = xrt::kernel(xrt::hw_context(device, xclbin.get_uuid()), "MLIR_AIE");
    const auto words = load(argv[2]);
    auto instr = xrt::bo(device, 4 * words.size(), XCL_BO_FLAGS_CACHEABLE, kernel.group_id(1));
    instr.write(words.data());
    instr.sync(XCL_BO_SYNC_BO_TO_DEVICE);
    auto x = xrt::bo(device, 1024, XRT_BO_FLAGS_HOST_ONLY, kernel.group_id(3));
    auto y = xrt::bo(device, 1024, XRT_BO_FLAGS_HOST_ONLY, kernel.group_id(4));
    x.map<int *>()[9] = 5;
    x.sync(XCL_BO_SYNC_BO_TO_DEVICE);
    kernel(3, instr, words.size(), x, y).wait2();
    y.sync(XCL_BO_SYNC_BO_FROM_DEVICE);
    return y.map<int *>()[9] != EXPECTED;
}
"""
UTILS = """\
#include <fstream>
#include "test_utils.h"
std::vector<unsigned> load(const char *path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    std::vector<unsigned> words(file.tellg() / 4);
    file.seekg(0).read(reinterpret_cast<char *>(words.data()), 4 * words.size());
    return words;
}
"""


def test_accept_runs_the_hosts_of_device_tests_as_their_lines_say(tmp_path: Path) -> None:
    design = (ROOT / "examples/design.mlir").read_text().replace("npu1", "NPUDEVICE")
    code = (ROOT / "examples/tile.cc").read_text().replace("2 * x[i]", "FOUR / 2 * x[i]")
    files = {"lib/test_utils.cpp": UTILS, "lib/cxxopts.hpp": ""}
    files["lib/test_utils.h"] = "#include <string>\n#include <vector>\nstd::vector<unsigned> load(const char *path);\n"
    for name, expected in (("right", 20), ("wrong", 21)):
        test = {"aie.mlir": design, "tile.cc": code, "run.lit": RUN_LINES}
        files |= {f"npu-xrt/{name}/{file}": text for file, text in test.items()}
        files[f"npu-xrt/{name}/test.cpp"] = HOST.replace("EXPECTED", str(expected))
    files["npu-xrt/tool/aie.mlir"] = design
    files["npu-xrt/tool/run.lit"] = "// RUN: aie-opt %S/aie.mlir -o lowered.mlir\n"
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    lines = printed("scripts/bench", "accept", str(tmp_path)).splitlines()

    at = next(number for number, line in enumerate(lines) if line.startswith("device tests of mlir-aie: right output"))
    assert lines[at][58:71].split() == ["1", "of", "3"]
    assert lines[at + 1 : at + 3] == [
        "    npu-xrt/tool/aie.mlir: needs aie-opt",
        "    npu-xrt/wrong/aie.mlir: run: exit 1",
    ]
