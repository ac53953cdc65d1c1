"""The one host program: it refuses what does not fit before it runs, and drives pyxrt by the book."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from small_kernel import build_small

from tileproof.device import OpenDevice, open_device
from tileproof.device.runner import LoadedKernel
from tileproof.errors import Problem
from tileproof.xclbin import read_xclbin, write_xclbin
from tileproof.xclbin.names import KIND_OF
from tileproof.xclbin.provenance import read_provenance

COUNT = 64
NBYTES = 4 * COUNT
SIZES = {0: NBYTES, 1: NBYTES}
INPUT = np.arange(COUNT, dtype=np.int32) - 9

# Writes nothing for an input that begins with 77.
BODY = "if (x[0] == 77) return;\n    for (int i = 0; i < count; ++i) y[i] = 2 * x[i] + 1;"


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> SimpleNamespace:
    built = build_small(tmp_path_factory.mktemp("pair"), body=BODY)
    return SimpleNamespace(xclbin=built.xclbin, insts=built.insts, digest=built.digest)


def emulator() -> OpenDevice:
    return open_device("emulator")


def refusal(do: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as refused:
        do()
    return refused.value


def changed(pair: SimpleNamespace, folder: Path, change: Callable[[bytes], bytes]) -> Path:
    path = folder / "changed.xclbin"
    path.write_bytes(change(pair.xclbin.read_bytes()))
    return path


def unstamped(data: bytes) -> bytes:
    return write_xclbin(replace(read_xclbin(data, "x"), trailer=b""))


def without(*names: str) -> Callable[[bytes], bytes]:
    """Drop sections of an xclbin."""

    def change(data: bytes) -> bytes:
        xclbin = read_xclbin(data, "x")
        dropped = {KIND_OF[name] for name in names}
        return write_xclbin(replace(xclbin, sections=tuple(s for s in xclbin.sections if s.kind not in dropped)))

    return change


def test_a_built_pair_runs_and_gives_the_result(pair):
    loaded = LoadedKernel(emulator(), pair.xclbin, pair.insts, SIZES)
    result = loaded.run({0: INPUT.tobytes()})
    assert (result.state_name, result.faults) == ("ERT_CMD_STATE_COMPLETED", ())
    assert np.frombuffer(result.outputs[1], np.int32).tolist() == (2 * INPUT + 1).tolist()
    assert set(result.outputs) == {1}
    assert set(result.seconds) == {"sync", "launch", "wait", "read"}
    assert loaded.provenance is not None
    assert loaded.provenance.digest == pair.digest


def test_a_second_run_gets_the_second_input(pair):
    loaded = LoadedKernel(emulator(), pair.xclbin, pair.insts, SIZES)
    loaded.run({0: INPUT.tobytes()})
    result = loaded.run({0: (INPUT * 3).tobytes()})
    assert np.frombuffer(result.outputs[1], np.int32).tolist() == (6 * INPUT + 1).tolist()


def test_an_output_that_is_not_reached_shows_poison_and_another_the_next_time(pair):
    """Two buffers more than the design moves stay as the runner left them."""
    loaded = LoadedKernel(emulator(), pair.xclbin, pair.insts, {**SIZES, 2: 8})
    seen = [loaded.run({0: INPUT.tobytes()}).outputs[2] for _ in range(3)]
    assert seen == [b"\xa5" * 8, b"\x5a" * 8, b"\xa5" * 8]


def test_a_tile_function_that_writes_nothing_never_shows_the_last_runs_result(pair):
    loaded = LoadedKernel(emulator(), pair.xclbin, pair.insts, SIZES)
    silent = INPUT.copy()
    silent[0] = 77
    first = loaded.run({0: silent.tobytes()}).outputs[1]
    good = loaded.run({0: INPUT.tobytes()}).outputs[1]
    assert first == first[:1] * NBYTES
    assert first != good


# Refused before anything runs


def test_instructions_of_another_build_are_refused(pair, tmp_path):
    other = build_small(tmp_path, "other", count=32).insts
    provenance = read_provenance(read_xclbin(pair.xclbin.read_bytes(), "x"))
    assert provenance is not None
    ours, theirs = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (pair.insts, other))
    assert str(refusal(lambda: LoadedKernel(emulator(), pair.xclbin, other, SIZES))) == (
        f"error: insts.bin was not built together with {pair.xclbin.name}\n"
        f"  where: {pair.xclbin.name} (build {pair.digest[:12]} of double_i32_64__npu1)\n"
        f"  why:   its instructions have SHA-256 {ours[:12]}..., and these have {theirs[:12]}...\n"
        "  fix:   take both files from one build; `tileproof build KERNEL` makes a pair"
    )


def test_instructions_with_one_bit_changed_are_refused(pair, tmp_path):
    spoilt = bytearray(pair.insts.read_bytes())
    spoilt[40] ^= 1
    (tmp_path / "insts.bin").write_bytes(bytes(spoilt))
    problem = refusal(lambda: LoadedKernel(emulator(), pair.xclbin, tmp_path / "insts.bin", SIZES))
    assert problem.what == f"insts.bin was not built together with {pair.xclbin.name}"


@pytest.mark.parametrize("kept", [0, 1, 7, 100, 300, 456, 700, 0.5, 0.9])
def test_an_xclbin_that_was_cut_short_is_refused(pair, tmp_path, kept):
    whole = pair.xclbin.stat().st_size
    length = int(kept * whole) if isinstance(kept, float) else kept
    path = changed(pair, tmp_path, lambda data: data[:length])
    problem = refusal(lambda: LoadedKernel(emulator(), path, pair.insts, SIZES))
    assert "changed.xclbin" in str(problem)
    assert problem.fix
    assert problem.exit_code in (1, 2)


@pytest.mark.parametrize(
    "content", [b"\x7fELF" + bytes(1000), b"xclbin1\0" + bytes(1000), b"PK\x03\x04" * 300, b"# text"]
)
def test_a_file_that_is_no_xclbin_is_refused(pair, tmp_path, content):
    path = changed(pair, tmp_path, lambda _: content)
    problem = refusal(lambda: LoadedKernel(emulator(), path, pair.insts, SIZES))
    assert "changed.xclbin" in problem.what


def test_a_missing_file_is_refused_with_its_path(pair, tmp_path):
    assert str(refusal(lambda: LoadedKernel(emulator(), tmp_path / "no.xclbin", pair.insts, SIZES))) == (
        "error: no.xclbin cannot be read\n"
        f"  where: {tmp_path / 'no.xclbin'}\n"
        "  why:   No such file or directory\n"
        "  fix:   check the path"
    )
    problem = refusal(lambda: LoadedKernel(emulator(), pair.xclbin, tmp_path / "no.bin", SIZES))
    assert problem.what == "no.bin cannot be read"


def test_an_xclbin_made_for_the_npu_is_refused_on_the_emulator(pair, tmp_path):
    path = changed(pair, tmp_path, without("EMULATION_DATA"))
    problem = refusal(lambda: LoadedKernel(emulator(), path, pair.insts, SIZES))
    assert problem.what == "changed.xclbin has nothing that the emulator can run"


def test_an_xclbin_without_metadata_is_refused(pair, tmp_path):
    path = changed(pair, tmp_path, without("EMBEDDED_METADATA"))
    problem = refusal(lambda: LoadedKernel(emulator(), path, pair.insts, SIZES))
    assert "changed.xclbin" in str(problem)


def test_an_xclbin_of_another_builder_needs_no_provenance(pair, tmp_path):
    path = changed(pair, tmp_path, unstamped)
    loaded = LoadedKernel(emulator(), path, pair.insts, SIZES)
    assert loaded.provenance is None
    assert loaded.run({0: INPUT.tobytes()}).state_name == "ERT_CMD_STATE_COMPLETED"


def test_more_buffers_than_the_kernel_has_arguments_are_refused(pair):
    six = dict.fromkeys(range(6), NBYTES)
    assert str(refusal(lambda: LoadedKernel(emulator(), pair.xclbin, pair.insts, six))) == (
        f"error: {pair.xclbin.name} does not take the arguments that the kernel has\n"
        f"  where: {pair.xclbin.name}, section EMBEDDED_METADATA\n"
        "  why:   its arguments are opcode, instr, ninstr, bo0, bo1, bo2, bo3, bo4; the kernel has 6 buffers\n"
        "  fix:   use the xclbin that was built for this kernel"
    )


def test_a_buffer_that_is_too_short_is_reported_by_the_run(pair):
    result = LoadedKernel(emulator(), pair.xclbin, pair.insts, {0: NBYTES, 1: NBYTES - 4}).run({0: INPUT.tobytes()})
    assert any("runs past the end of a host buffer: 256 bytes of 252" in fault.what for fault in result.faults)


# Devices


def test_the_npu_without_pyxrt_says_so_and_is_not_here(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyxrt", None)
    problem = refusal(lambda: open_device("npu"))
    assert (problem.what, problem.exit_code) == ("there is no NPU runtime here", 3)
    assert problem.fix is not None
    assert "--device emulator" in problem.fix


def test_the_npu_with_pyxrt_and_without_a_device_says_so_and_is_not_here(monkeypatch):
    fake = ModuleType("pyxrt")

    def device(index: int) -> None:
        raise RuntimeError(f" No such device with index '{index}'")

    fake.device = device
    monkeypatch.setitem(sys.modules, "pyxrt", fake)
    problem = refusal(lambda: open_device("npu"))
    assert (problem.what, problem.why, problem.exit_code) == (
        "there is no NPU here",
        "No such device with index '0'",
        3,
    )


def test_auto_is_the_emulator_where_no_npu_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyxrt", None)
    assert open_device("auto").name == "emulator"


# A pyxrt that only writes down what it is asked


class Recorder:
    """Stands in for pyxrt: `calls` in order, and a run that ends in `state`."""

    def __init__(self, state: int = 4) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.state = state
        self.memory: dict[str, bytes] = {}

    def module(self) -> ModuleType:
        recorder = self
        say = self.calls.append
        xrt = ModuleType("pyxrt")

        class device:  # noqa: N801  pyxrt's names
            def __init__(self, index: int) -> None: ...

            def register_xclbin(self, file: object) -> None:
                say(("register_xclbin",))

            def load_xclbin(self, file: object) -> None:
                raise AssertionError("an NPU has no load_xclbin")

        class xclbin:  # noqa: N801
            def __init__(self, path: str) -> None: ...

            def get_uuid(self) -> str:
                return "uuid"

            def get_kernels(self) -> list[SimpleNamespace]:
                return [SimpleNamespace(get_name=lambda: "MLIR_AIE")]

        class hw_context:  # noqa: N801
            def __init__(self, device: object, uuid: str) -> None:
                say(("hw_context", uuid))

        class kernel:  # noqa: N801
            def __init__(self, context: object, name: str) -> None:
                say(("kernel", name))

            def group_id(self, index: int) -> int:
                return 1000 + index

            def __call__(self, *_: object) -> None:
                raise AssertionError("the binding's call swallows errors")

        class bo:  # noqa: N801
            host_only, cacheable = "host_only", "cacheable"

            def __init__(self, device: object, size: int, flags: str, group: int) -> None:
                self.name, self.bytes = f"bo{group - 1003}" if group >= 1003 else "instr", size
                say(("bo", self.name, size, flags, group))

            def write(self, data: bytes, seek: int) -> None:
                say(("write", self.name, len(data), seek))
                recorder.memory[self.name] = bytes(data)

            def read(self, size: int, skip: int) -> np.ndarray:
                say(("read", self.name, size, skip))
                return np.frombuffer(recorder.memory[self.name], np.int8)

            def sync(self, direction: str) -> None:
                say(("sync", self.name, direction))

            def size(self) -> int:
                return self.bytes

        class run:  # noqa: N801
            def __init__(self, kernel: object) -> None:
                say(("run",))

            def set_arg(self, index: int, value: object) -> None:
                say(("set_arg", index, getattr(value, "name", value)))

            def start(self) -> None:
                say(("start",))

            def wait(self, *_: object) -> int:
                say(("wait",))
                return recorder.state

        xrt.device, xrt.xclbin, xrt.hw_context, xrt.kernel, xrt.bo, xrt.run = (
            device, xclbin, hw_context, kernel, bo, run,
        )  # fmt: skip
        xrt.xclBOSyncDirection = SimpleNamespace(
            XCL_BO_SYNC_BO_TO_DEVICE="to device", XCL_BO_SYNC_BO_FROM_DEVICE="from device"
        )
        return xrt


def recorded(pair: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> LoadedKernel:
    monkeypatch.setitem(sys.modules, "pyxrt", recorder.module())
    device = open_device("npu")
    assert device.name == "npu"
    return LoadedKernel(device, pair.xclbin, pair.insts, SIZES)


def test_loading_registers_makes_a_context_and_takes_groups_from_the_kernel(pair, monkeypatch):
    recorder = Recorder()
    recorded(pair, monkeypatch, recorder)
    nbytes = pair.insts.stat().st_size
    assert recorder.calls == [
        ("register_xclbin",),
        ("hw_context", "uuid"),
        ("kernel", "MLIR_AIE"),
        ("bo", "instr", nbytes, "cacheable", 1001),
        ("write", "instr", nbytes, 0),
        ("sync", "instr", "to device"),
        ("bo", "bo0", NBYTES, "host_only", 1003),
        ("bo", "bo1", NBYTES, "host_only", 1004),
    ]


def test_a_run_syncs_sets_every_argument_starts_waits_and_syncs_back(pair, monkeypatch):
    recorder = Recorder()
    loaded = recorded(pair, monkeypatch, recorder)
    recorder.calls.clear()
    result = loaded.run({0: INPUT.tobytes()})
    assert recorder.calls == [
        ("write", "bo0", NBYTES, 0),
        ("sync", "bo0", "to device"),
        ("write", "bo1", NBYTES, 0),
        ("sync", "bo1", "to device"),
        ("run",),
        ("set_arg", 0, 3),
        ("set_arg", 1, "instr"),
        ("set_arg", 2, pair.insts.stat().st_size // 4),
        ("set_arg", 3, "bo0"),
        ("set_arg", 4, "bo1"),
        ("start",),
        ("wait",),
        ("sync", "bo1", "from device"),
        ("read", "bo1", NBYTES, 0),
    ]
    assert recorder.memory["bo0"] == INPUT.tobytes()
    assert result.outputs == {1: b"\xa5" * NBYTES}
    assert loaded.run({0: INPUT.tobytes()}).outputs == {1: b"\x5a" * NBYTES}


@pytest.mark.parametrize(("state", "name"), [(5, "ERROR"), (6, "ABORT"), (8, "TIMEOUT"), (42, "42")])
def test_a_state_that_wait_returns_silently_is_handed_on(pair, monkeypatch, state, name):
    loaded = recorded(pair, monkeypatch, Recorder(state))
    result = loaded.run({0: INPUT.tobytes()})
    assert (result.state, result.state_name) == (state, f"ERT_CMD_STATE_{name}")


def test_an_error_of_xrt_while_loading_is_a_problem_with_its_words(pair, monkeypatch):
    recorder = Recorder()
    xrt = recorder.module()

    def no_context(*_: object) -> None:
        raise RuntimeError("DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-2): No such file or directory")

    xrt.hw_context = no_context
    monkeypatch.setitem(sys.modules, "pyxrt", xrt)
    problem = refusal(lambda: LoadedKernel(open_device("npu"), pair.xclbin, pair.insts, SIZES))
    assert problem.why == "DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-2): No such file or directory"


@pytest.mark.parametrize("error", [RuntimeError("bank"), IndexError("vector::_M_range_check")])
def test_an_error_of_xrt_while_starting_is_a_problem_with_its_words(pair, monkeypatch, error):
    recorder = Recorder()
    loaded = recorded(pair, monkeypatch, recorder)

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(sys.modules["pyxrt"].run, "set_arg", refuse)
    problem = refusal(lambda: loaded.run({0: INPUT.tobytes()}))
    assert (problem.what, problem.why) == ("the run was refused by the npu", str(error))
