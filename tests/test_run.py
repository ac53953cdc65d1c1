"""run: an unmodified host program on the emulator, and what it did wrong, the cause first."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_kernel import build_small

BY_THE_BOOK = """\
import sys
import numpy as np
import pyxrt

TO = pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE
FROM = pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE
xclbin = pyxrt.xclbin(sys.argv[1])
device = pyxrt.device(0)
device.register_xclbin(xclbin)
context = pyxrt.hw_context(device, xclbin.get_uuid())
kernel = pyxrt.kernel(context, "MLIR_AIE")
words = np.fromfile(sys.argv[2], dtype=np.uint32)
instr = pyxrt.bo(device, words.nbytes, pyxrt.bo.cacheable, kernel.group_id(1))
instr.write(words.tobytes(), 0)
instr.sync(TO)
x = pyxrt.bo(device, 256, pyxrt.bo.host_only, kernel.group_id(3))
y = pyxrt.bo(device, 256, pyxrt.bo.host_only, kernel.group_id(4))
x.write(np.arange(64, dtype=np.int32).tobytes(), 0)
x.sync(TO)
run = kernel(3, instr, len(words), x, y)
print(run.wait().name)
y.sync(FROM)
print(y.read(256, 0).view(np.int32)[:4].tolist())
"""


PAGE = Path(__file__).parent.parent / "docs" / "xrt.md"


@dataclass(frozen=True)
class Pair:
    xclbin: Path
    insts: Path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    built = build_small(tmp_path_factory.mktemp("pair"))
    return Pair(built.xclbin, built.insts)


def run(pair: Pair, folder: Path, text: str, *options: str) -> tuple[int, str, str]:
    """In a process of its own, as a person runs it."""
    script = folder / "host.py"
    script.write_text(text)
    command = [sys.executable, "-m", "tileproof", "run", *options, str(script), str(pair.xclbin), str(pair.insts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return done.returncode, done.stdout, done.stderr


def test_a_host_by_the_book_runs_and_has_no_mistakes(pair: Pair, tmp_path: Path) -> None:
    assert run(pair, tmp_path, BY_THE_BOOK) == (0, "ERT_CMD_STATE_COMPLETED\n[1, 3, 5, 7]\n", "")


MISTAKES = [
    # What is changed in the program, into what, and the first mistake that is told.
    ("kernel(3, instr, len(words), x, y)", "kernel(instr, x, y, 3)", "with a buffer as argument 0 (opcode)"),
    ("kernel(3, instr, len(words), x, y)", "kernel(x, y)", "with a buffer as argument 0 (opcode), which takes scalars"),
    ("kernel(3, instr", "kernel(1, instr", "argument 0 (opcode) is 1, and must be 3"),
    ("kernel(3, instr", "kernel(3.0, instr", "with 3.0 as argument 0 (opcode)"),
    ("len(words), x, y)", "len(words), x)", "kernel argument 4, and no buffer is bound there"),
    ("instr.sync(TO)\n", "", "argument 1 (instr) was written and not synced before the run"),
    ("x.sync(TO)\n", "", "argument 3 (bo0) was written and not synced before the run"),
    ("host_only, kernel.group_id(3)", "host_only, kernel.group_id(2)", "which is that of a scalar argument"),
    ("host_only, kernel.group_id(3)", "host_only, kernel.group_id(1)",
     "with a buffer of bank 1 as argument 3 (bo0), which is connected to bank 0 (HOST)"),
    ("(device, 256, pyxrt.bo.host_only, kernel.group_id(4))", "(device, 16, pyxrt.bo.host_only, kernel.group_id(4))",
     "runs past the end of a host buffer: 256 bytes of 16"),
    ("device.register_xclbin(xclbin)", "device.load_xclbin(xclbin)", "device.load_xclbin was called"),
    ("words.tobytes()", "bytes(words.nbytes)", "argument 1 (instr) holds no instructions: every byte of it is 0"),
    ("instr.write(words.tobytes(), 0)\n", "", "argument 1 (instr) holds no instructions: every byte of it is 0"),
    ("words.tobytes()", "words[:40].tobytes()", "the instruction buffer: the instruction stream cannot be read"),
    ("instr.write(words", "words[40] ^= 4\ninstr.write(words", "the instructions are not those that were built with"),
    ("y.sync(FROM)\n", "", "a buffer was read that a run has written, and that was not synced from the device since"),
    ("print(run.wait().name)\n", "", "a buffer was synced from the device while a run that it is bound to had not"),
    ("x.sync(TO)\n", "x.sync(TO)\nx.map()[0] = 7\n", "argument 3 (bo0) was written and not synced before the run"),
    ("print(run.wait().name)\n", "x.write(bytes(256), 0)\nx.sync(TO)\nprint(run.wait().name)\n",
     "a buffer was synced to the device while a run that it is bound to had not been waited for"),
    ("y.sync(FROM)\nprint(y.read(256, 0)", "print(np.frombuffer(y.map(), np.uint8)",
     "a buffer that a run has written was mapped, and never synced from the device after it"),
    ("run = kernel(3, instr, len(words), x, y)", "kernel(3, instr, len(words), x, y).wait()\nrun = kernel(3, instr)",
     "argument 3 (bo0) was not set, and its register still holds what an earlier run left there"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "first"), MISTAKES)
def test_each_mistake_of_a_host_is_told_with_its_cause_first(
    old: str, new: str, first: str, pair: Pair, tmp_path: Path
) -> None:
    assert old in BY_THE_BOOK
    code, _, err = run(pair, tmp_path, BY_THE_BOOK.replace(old, new, 1))

    assert code == 1
    told = err[err.index("\nmistake 1 of ") :]
    assert first in told.split("\nmistake 2 of ")[0], err
    assert "host.py:" in told


def test_instructions_of_another_build_are_told_before_what_they_do(pair: Pair, tmp_path: Path) -> None:
    other = build_small(tmp_path, count=32)
    code, out, err = run(Pair(pair.xclbin, other.insts), tmp_path, BY_THE_BOOK)

    assert (code, out) == (1, "ERT_CMD_STATE_TIMEOUT\n[0, 0, 0, 0]\n")
    first, second = err.split("\nmistake ")[1:]
    assert first.startswith("1 of 2: the instructions are not those that were built with the xclbin\n")
    assert "double_i32_64__npu1.emu.xclbin goes with " in first
    assert second.startswith("2 of 2: deadlock: the run cannot finish")


RIGHT = [
    # An output that the host has written is none of the device's business.
    ("x.sync(TO)\n", "x.sync(TO)\ny.map()[:] = bytes([7]) * 256\n"),
    ("print(run.wait().name)\n", "print(run.wait().name)\ny.map()[0:4]\n"),
    ("kernel(3, instr, len(words)", "kernel(np.int64(3), instr, words.nbytes"),
    ("kernel(3, instr", "kernel(True + 2, instr"),
]


@pytest.mark.parametrize(("old", "new"), RIGHT)
def test_what_is_right_is_no_mistake(old: str, new: str, pair: Pair, tmp_path: Path) -> None:
    code, out, err = run(pair, tmp_path, BY_THE_BOOK.replace(old, new, 1))

    assert (code, out, err) == (0, "ERT_CMD_STATE_COMPLETED\n[1, 3, 5, 7]\n", "")


def test_an_output_that_happens_to_be_the_same_is_stale_all_the_same(pair: Pair, tmp_path: Path) -> None:
    again = "run.start()\nassert run.wait() == 4\nprint(y.read(4, 0).tolist())\n"
    code, _, err = run(pair, tmp_path, BY_THE_BOOK + again)

    assert code == 1
    assert "mistake 1 of 1: a buffer was read that a run has written" in err


def test_a_count_that_is_none_is_told_and_is_no_failure(pair: Pair, tmp_path: Path) -> None:
    code, out, err = run(pair, tmp_path, BY_THE_BOOK.replace("len(words), x", "7, x", 1))

    assert (code, out) == (0, "ERT_CMD_STATE_COMPLETED\n[1, 3, 5, 7]\n")
    assert err.startswith("\nmistake 1 of 1: argument 2 (ninstr) is 7, and there are 75 words of instructions\n")


def test_a_program_that_breaks_off_is_not_blamed_for_what_it_had_begun(pair: Pair, tmp_path: Path) -> None:
    code, _, err = run(pair, tmp_path, BY_THE_BOOK.replace("print(run.wait().name)", "1 / 0"))

    assert code == 1
    assert err.endswith("ZeroDivisionError: division by zero\n")


def test_a_mistake_has_the_line_of_the_program(pair: Pair, tmp_path: Path) -> None:
    _, _, err = run(pair, tmp_path, BY_THE_BOOK.replace("x.sync(TO)\n", "", 1))

    line = BY_THE_BOOK.replace("x.sync(TO)\n", "", 1).splitlines().index("run = kernel(3, instr, len(words), x, y)") + 1
    assert err == (
        "\nmistake 1 of 1: argument 3 (bo0) was written and not synced before the run\n"
        f"  where: {tmp_path / 'host.py'}:{line}\n"
        "  why:   the device sees what was synced, not what was written\n"
        "  fix:   buffer.sync(pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE) after the last write\n"
        "  more:  tileproof explain written-not-synced\n"
    )


SWALLOWED = [
    ("pyxrt.bo(device, 64, pyxrt.bo.device_only, 0)", "an NPU has no buffers of that kind"),
    ("pyxrt.bo(device, 64, pyxrt.bo.normal, 0)", "an NPU has no `normal` buffers"),
    ("kernel.group_id(9)", "there is no argument 9: the kernel has 8"),
    ("pyxrt.run(kernel).set_arg(3, instr_of_bank_1)", "the copy of a buffer that XRT announced has failed"),
    ("[pyxrt.hw_context(device, xclbin.get_uuid()) for _ in range(7)]", "there is no free hardware context"),
    ("x.write(bytes(257), 0)", "the data is larger than the buffer"),
    ("x.sync(TO, 257, 0)", "a sync reaches beyond its buffer"),
    ("pyxrt.bo(x, 200, 100)", "a part of a buffer reaches beyond it"),
    ("pyxrt.kernel(context, 'MLIR')", "no kernel of that name"),
]


@pytest.mark.parametrize(("wrong", "told"), SWALLOWED)
def test_what_xrt_raises_and_the_program_swallows_is_told_all_the_same(
    wrong: str, told: str, pair: Pair, tmp_path: Path
) -> None:
    swallows = f"instr_of_bank_1 = instr\ntry:\n    {wrong}\nexcept (RuntimeError, IndexError):\n    pass\n"
    code, out, err = run(pair, tmp_path, BY_THE_BOOK.replace("run = kernel(3", swallows + "run = kernel(3"))

    assert (code, out) == (1, "ERT_CMD_STATE_COMPLETED\n[1, 3, 5, 7]\n")
    assert told in err[err.index("mistake 1 of 1: ") :].splitlines()[0], err


def test_a_state_that_nobody_looks_at_is_told_and_is_no_failure_when_the_run_completed(
    pair: Pair, tmp_path: Path
) -> None:
    code, _, err = run(pair, tmp_path, BY_THE_BOOK.replace("print(run.wait().name)", "run.wait()"))

    line = BY_THE_BOOK.splitlines().index("print(run.wait().name)") + 1
    assert code == 0
    assert err == (
        "\nmistake 1 of 1: nobody looked at the state that run.wait() returned\n"
        f"  where: {tmp_path / 'host.py'}:{line}\n"
        "  why:   it was ERT_CMD_STATE_COMPLETED; wait returns ERROR, ABORT and TIMEOUT in the same way, and raises "
        "nothing\n"
        "  fix:   assert run.wait() == pyxrt.ert_cmd_state.ERT_CMD_STATE_COMPLETED, or run.wait2(), which raises\n"
        "  more:  tileproof explain state-unseen\n"
    )


def test_a_failure_that_nobody_looks_at_is_told_after_its_cause(pair: Pair, tmp_path: Path) -> None:
    text = BY_THE_BOOK.replace("print(run.wait().name)", "run.wait()").replace("kernel(3, instr", "kernel(0, instr")
    code, _, err = run(pair, tmp_path, text)

    assert code == 1
    assert "mistake 1 of 2: argument 0 (opcode) is 0, and must be 3" in err
    assert "mistake 2 of 2: nobody looked at the state that run.wait() returned" in err
    assert "it was ERT_CMD_STATE_ERROR; wait returns" in err


@pytest.mark.parametrize(
    "looks",
    [
        "state = run.wait()",
        "run.wait()\nassert run.state() == pyxrt.ert_cmd_state.ERT_CMD_STATE_COMPLETED",
        "run.wait2()",
        "if run.wait() != 4: raise SystemExit('failed')",
        "(lambda: run.wait())()",
        "runs = pyxrt.runlist(context)\nagain = pyxrt.run(kernel)\n"
        "for k, v in enumerate((3, instr, len(words), x, y)):\n    again.set_arg(k, v)\n"
        "print(run.wait())\nruns.add(again)\nruns.execute()\nruns.wait()",
    ],
)
def test_a_program_that_looks_in_any_way_is_left_in_peace(looks: str, pair: Pair, tmp_path: Path) -> None:
    code, _, err = run(pair, tmp_path, BY_THE_BOOK.replace("print(run.wait().name)", looks))

    assert (code, err) == (0, "")


def test_a_run_that_nobody_waits_for_is_told(pair: Pair, tmp_path: Path) -> None:
    text = BY_THE_BOOK[: BY_THE_BOOK.index("print(run.wait().name)")]
    code, _, err = run(pair, tmp_path, text)

    assert code == 1
    assert err == (
        "\nmistake 1 of 1: a run was started and never waited for\n"
        f"  where: {tmp_path / 'host.py'}:{text.count(chr(10))}\n"
        "  why:   nobody knows how it ended\n"
        "  fix:   assert run.wait() == pyxrt.ert_cmd_state.ERT_CMD_STATE_COMPLETED, or run.wait2(), which raises\n"
        "  more:  tileproof explain never-waited\n"
    )


def test_strict_stops_where_a_state_is_thrown_away_and_says_nothing_else(pair: Pair, tmp_path: Path) -> None:
    text = BY_THE_BOOK.replace("print(run.wait().name)", "run.wait()")
    code, out, err = run(pair, tmp_path, text, "--strict")

    line = text.splitlines().index("run.wait()") + 1
    assert (code, out) == (2, "")
    assert err == (
        "error: nobody looked at the state that run.wait() returned\n"
        f"  where: {tmp_path / 'host.py'}:{line}\n"
        "  why:   it was ERT_CMD_STATE_COMPLETED; wait returns ERROR, ABORT and TIMEOUT in the same way, and raises "
        "nothing\n"
        "  fix:   assert run.wait() == pyxrt.ert_cmd_state.ERT_CMD_STATE_COMPLETED, or run.wait2(), which raises\n"
        "  more:  tileproof explain state-unseen\n"
    )


def test_strict_tells_of_a_run_that_nobody_waits_for_without_a_traceback(pair: Pair, tmp_path: Path) -> None:
    code, _, err = run(pair, tmp_path, BY_THE_BOOK[: BY_THE_BOOK.index("print(run.wait().name)")], "--strict")

    assert code == 1
    assert err.startswith("\nmistake 1 of 1: a run was started and never waited for\n")


ENDLESS = "while (reinterpret_cast<volatile element *>(x)[0] == 0) {}"


@pytest.mark.parametrize("looks", ["print(run.state().name)", "print(run.wait(1).name)", "run.wait(1)"])
def test_a_look_at_a_run_that_has_not_ended_is_no_wait(
    looks: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    built = build_small(tmp_path_factory.mktemp("endless"), body=ENDLESS)
    text = BY_THE_BOOK[: BY_THE_BOOK.index("print(run.wait().name)")] + looks + "\n"
    code, _, err = run(Pair(built.xclbin, built.insts), tmp_path, text)

    assert code == 1
    assert err.startswith("\nmistake 1 of 1: a run was started and never waited for\n")


def test_a_failure_that_a_second_start_forgets_is_told(pair: Pair, tmp_path: Path) -> None:
    again = "run.wait()\nrun.set_arg(0, 3)\nrun.start()\nprint(run.wait().name)"
    text = BY_THE_BOOK.replace("print(run.wait().name)", again).replace("kernel(3, instr", "kernel(0, instr")
    code, out, err = run(pair, tmp_path, text)

    assert (code, out) == (1, "ERT_CMD_STATE_COMPLETED\n[1, 3, 5, 7]\n")
    assert "mistake 2 of 2: nobody looked at the state that run.wait() returned" in err
    assert "it was ERT_CMD_STATE_ERROR" in err


def test_strict_raises_at_the_call(pair: Pair, tmp_path: Path) -> None:
    code, out, err = run(pair, tmp_path, BY_THE_BOOK.replace("kernel(3, instr", "kernel(3.0, instr"), "--strict")

    assert (code, out) == (2, "")
    assert err.startswith("error: kernel(...) was called with 3.0 as argument 0 (opcode)")


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("raise SystemExit(7)", 7, ""),
        ("raise SystemExit('no')", 1, "no\n"),
        ("import sys; sys.exit()", 0, ""),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import pyxrt; assert pyxrt.__name__", 0, ""),
        ("def (", 1, "SyntaxError"),
    ],
)
def test_a_program_ends_as_python_would_end_it(text: str, code: int, words: str, pair: Pair, tmp_path: Path) -> None:
    got, _, err = run(pair, tmp_path, text)

    assert got == code
    assert words in err


@pytest.mark.parametrize(
    ("old", "new", "explained"),
    [
        ("pyxrt.bo.host_only, kernel.group_id(3)", "pyxrt.bo.device_only, kernel.group_id(3)",
         "an NPU has no buffers of that kind\n"),
        ("pyxrt.bo.host_only, kernel.group_id(3)", "pyxrt.bo.normal, kernel.group_id(3)",
         "an NPU has no `normal` buffers\n"),
        ("kernel.group_id(3)", "kernel.group_id(9)", "there is no argument 9: the kernel has 8\n"),
    ],
)  # fmt: skip
def test_what_xrt_raises_is_explained_below_the_programs_own_lines(
    old: str, new: str, explained: str, pair: Pair, tmp_path: Path
) -> None:
    code, _, err = run(pair, tmp_path, BY_THE_BOOK.replace(old, new, 1))

    assert code == 1
    assert f"\n\n{explained}" in err
    assert err.startswith(f'Traceback (most recent call last):\n  File "{tmp_path / "host.py"}", line ')
    assert "runpy" not in err


FIVE = [
    ("pyxrt.bo.host_only, kernel.group_id(3)", "pyxrt.bo.device_only, kernel.group_id(3)",
     "an NPU has no buffers of that kind"),
    ("pyxrt.bo.host_only, kernel.group_id(3)", "pyxrt.bo.p2p, kernel.group_id(3)",
     "an NPU has no buffers of that kind"),
    ("kernel.group_id(3)", "kernel.group_id(2)",
     "a buffer was allocated with group 131071, which is that of a scalar argument"),
    ("kernel.group_id(3)", "1",
     "The argument is allocated in bank 1, the compute unit is connected to bank 65536."),
    ("(device, 256, pyxrt.bo.host_only, kernel.group_id(4))", "(device, 16, pyxrt.bo.host_only, kernel.group_id(4))",
     "runs past the end of a host buffer: 256 bytes of 16"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "answer"), FIVE)
def test_the_page_about_xrt_says_what_the_program_is_told(
    old: str, new: str, answer: str, pair: Pair, tmp_path: Path
) -> None:
    assert old in BY_THE_BOOK
    _, _, err = run(pair, tmp_path, BY_THE_BOOK.replace(old, new, 1))

    assert answer in err
    assert f"| {answer} |" in PAGE.read_text()


def test_a_plain_bank_does_as_well_as_a_group_id(pair: Pair, tmp_path: Path) -> None:
    text = BY_THE_BOOK.replace("kernel.group_id(3)", "0").replace("kernel.group_id(4)", "0")

    assert run(pair, tmp_path, text) == (0, "ERT_CMD_STATE_COMPLETED\n[1, 3, 5, 7]\n", "")


def test_a_program_that_is_not_there_is_named(pair: Pair, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tileproof", "run", "missing.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith("error: there is no program missing.py\n")


def test_a_run_that_a_list_starts_once_more_is_waited_for_with_the_list(pair: Pair, tmp_path: Path) -> None:
    listed = "runs = pyxrt.runlist(context)\nruns.add(run)\nruns.execute()\nruns.wait()"
    code, out, err = run(pair, tmp_path, BY_THE_BOOK.replace("print(run.wait().name)", listed))

    assert (code, out, err) == (0, "[1, 3, 5, 7]\n", "")
