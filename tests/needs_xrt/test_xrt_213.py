"""Real XRT as the judge of what we say of an xclbin: Debian's 2.13, in noop mode, reads what we wrote and re-banked.

2.13 knows no slots: what it calls bank -1 and 1 are 131071 and 65537 in slot 1 of 2.20.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_kernel import build_small

from tileproof.build.prepare import build_kernel, render_kernel
from tileproof.build.request import BuildRequest
from tileproof.emulator import pyxrt as pyxrt
from tileproof.errors import Problem
from tileproof.kernel.banks import Banks
from tileproof.xclbin import PackageRequest, build_xclbin, parse_topology, read_arguments, read_xclbin, write_xclbin
from tileproof.xclbin.rebank import Directives, rebank

HEADER = Path("/usr/include/xrt/xrt/xrt_kernel.h")
LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/libxrt_noop.so.2"))), None)
SEED = 213
RANDOM_FILES = 60

pytestmark = pytest.mark.skipif(
    not HEADER.exists() or LIBRARY is None or shutil.which("g++") is None,
    reason="XRT 2.13 is not here: apt-get install libxrt-dev uuid-dev g++",
)


@dataclass(frozen=True)
class Oracle:
    """The program of oracle.cc. XRT looks for its libraries in $XILINX_XRT/lib, and Debian has them elsewhere."""

    program: Path
    home: Path

    def __call__(self, path: Path) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "XILINX_XRT": str(self.home), "XCL_EMULATION_MODE": "noop"}
        return subprocess.run(
            [self.program, path], capture_output=True, text=True, env=environment, cwd=self.home, check=False
        )


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    home = tmp_path_factory.mktemp("xrt")
    assert LIBRARY is not None
    (home / "lib").symlink_to(LIBRARY.parent)
    program = home / "oracle"
    source = Path(__file__).with_name("oracle.cc")
    flags = ["-std=c++17", "-I", str(HEADER.parents[1]), "-lxrt_coreutil", "-luuid", "-pthread", "-o", str(program)]
    subprocess.run(["g++", str(source), *flags], check=True)
    return Oracle(program, home)


def package(buffers: int = 5) -> bytes:
    return write_xclbin(
        build_xclbin(
            PackageRequest(
                columns=4,
                start_columns=(0,),
                pdi=b"pdi" * 100,
                uuid=bytes(range(16)),
                pdi_uuid=bytes(16),
                buffers=buffers,
                kernel_name="MLIR_AIE",
            )
        )
    )


def ours(data: bytes, name: str) -> list[str]:
    """What tileproof says of the file, in the oracle's lines."""
    xclbin = read_xclbin(data, name)
    digits = xclbin.uuid.hex()
    lines = ["uuid " + "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))]
    topology = xclbin.section("MEM_TOPOLOGY")
    assert topology is not None
    for index, memory in enumerate(parse_topology(topology, name)):
        lines.append(f"memory {index} {memory.tag} {memory.size_kb} {memory.base_address} {int(memory.used)}")
    arguments = read_arguments(xclbin, name)
    lines.append(f"kernel MLIR_AIE {len(arguments)}")
    for one in arguments:
        banks = "".join(f" {bank}" for bank in one.banks)
        lines.append(f"argument {one.index} {one.name} {one.type} {one.offset} {one.size}{banks}")
    lines += [f"group {one.index} {-1 if one.bank is None else one.bank}" for one in arguments]
    count = len(arguments)
    refused = f"vector::_M_range_check: __n (which is {count}) >= this->size() (which is {count})"
    return [*lines, f"group {count} refused: {refused}"]


def random_directives(draw: random.Random, buffers: int) -> Directives:
    memories = {"SRAM": draw.randint(1, 1 << 20)} | {
        f"MEM{k}": draw.randint(1, 1 << 30) for k in range(draw.randint(0, 5))
    }
    tags = ["HOST", *memories]
    chosen = draw.sample(range(buffers), draw.randint(0, buffers))
    arguments = {f"bo{number}": draw.choice(tags) for number in chosen}
    if draw.random() < 0.3:
        arguments["instr"] = draw.choice(tags)
    return Directives(arguments=arguments, memories=memories, columns=draw.choice([None, 1, 2, 4]))


@pytest.mark.parametrize("buffers", [1, 5, 6, 16])
def test_xrt_reads_what_we_write_as_we_do(buffers: int, oracle: Oracle, tmp_path: Path) -> None:
    path = tmp_path / "ours.xclbin"
    path.write_bytes(package(buffers))

    assert oracle(path).stdout.splitlines() == ours(path.read_bytes(), path.name)


def test_xrt_reads_whatever_we_re_bank_as_we_do(oracle: Oracle, tmp_path: Path) -> None:
    draw = random.Random(SEED)
    for number in range(RANDOM_FILES):
        buffers = draw.randint(5, 16)
        directives = random_directives(draw, buffers)
        path = tmp_path / "banked.xclbin"
        path.write_bytes(rebank(package(buffers), path.name, directives))

        assert oracle(path).stdout.splitlines() == ours(path.read_bytes(), path.name), (SEED, number, directives)


def test_xrt_sees_the_banks_of_a_kernel_that_was_built_with_them(oracle: Oracle, tmp_path: Path) -> None:
    build_small(tmp_path)
    banks = Banks(host={"x": "SRAM", "y": "DDR"}, memory={"DDR": 4096})
    request = BuildRequest(kernels=tmp_path / "kernels", build_dir=tmp_path / "build", banks=banks)
    built = build_kernel(render_kernel("double", request), request, lambda _: None)

    groups = [line for line in oracle(built.xclbin).stdout.splitlines() if line.startswith("group")][:6]
    assert groups == ["group 0 -1", "group 1 1", "group 2 -1", "group 3 1", "group 4 2", "group 5 0"]


def warnings_of(text: str) -> dict[tuple[int, int], str]:
    """(argument, bank) to what XRT said when a buffer of that bank was bound there; empty where it took it."""
    said: dict[tuple[int, int], str] = {}
    for line in text.splitlines():
        if found := re.fullmatch(r"bound (\d+) (\d+)", line):
            place = int(found[1]), int(found[2])
            said[place] = ""
        elif line.startswith("[XRT] WARNING: Kernel "):
            said[place] = line
    return said


def in_slot_1(text: str) -> str:
    """2.13's bank of a compute unit as 2.20 prints it in slot 1."""
    return re.sub(
        r"connected to bank (-?\d+)", lambda found: f"connected to bank {1 << 16 | int(found[1]) & 0xFFFF}", text
    )


def test_the_emulator_takes_and_warns_of_the_same_buffers_in_the_same_words(
    oracle: Oracle, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "banked.xclbin"
    built = build_small(tmp_path).xclbin.read_bytes()
    directives = Directives(arguments={"bo0": "SRAM", "bo2": "DDR", "instr": "HOST"}, memories={"DDR": 1 << 20})
    path.write_bytes(rebank(built, path.name, directives))
    expected = {place: in_slot_1(text) for place, text in warnings_of(oracle(path).stderr).items()}
    file, device = pyxrt.xclbin(str(path)), pyxrt.device(0)
    device.register_xclbin(file)
    kernel = pyxrt.kernel(pyxrt.hw_context(device, file.get_uuid()), "MLIR_AIE")
    run = pyxrt.run(kernel)
    capfd.readouterr()
    said = {}
    for index, bank in expected:
        buffer = pyxrt.bo(device, 64, pyxrt.bo.host_only, bank)
        with contextlib.suppress(RuntimeError):  # on an NPU the copy fails; in noop mode it does not
            run.set_arg(index, buffer)
        said[index, bank] = (capfd.readouterr().err.splitlines() or [""])[0]

    assert len(expected) == 8 * 3
    assert sum(not text for text in expected.values()) == 6  # each buffer argument takes one bank
    assert said == expected


def test_a_file_that_is_no_xclbin_is_refused_by_both(oracle: Oracle, tmp_path: Path) -> None:
    path = tmp_path / "other.xclbin"
    path.write_bytes(b"\x7fELF" + bytes(1000))

    assert oracle(path).stdout == "refused: Invalid xclbin\n"
    with pytest.raises(Problem):
        read_xclbin(path.read_bytes(), path.name)


def test_a_file_cut_short_kills_xrt_and_is_a_sentence_here(oracle: Oracle, tmp_path: Path) -> None:
    path = tmp_path / "short.xclbin"
    path.write_bytes(package()[:400])

    assert oracle(path).returncode < 0
    with pytest.raises(Problem):
        read_xclbin(path.read_bytes(), path.name)
