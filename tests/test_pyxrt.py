"""The emulator answers a host program as XRT 2.20's Python binding would, the binding's traps included."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from small_kernel import DOUBLE, build_small

from tileproof.emulator import pyxrt as pyxrt
from tileproof.emulator.elf_file import INSTRUCTIONS, write_elf
from tileproof.emulator.pyxrt import bo, ert_cmd_state, xclBOSyncDirection
from tileproof.errors import Problem
from tileproof.xclbin import read_xclbin, write_xclbin
from tileproof.xclbin.names import KIND_OF

COUNT = 64
NBYTES = 4 * COUNT
KERNEL = "MLIR_AIE"
TO_DEVICE = xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE
FROM_DEVICE = xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE
OUT_OF_RANGE = "vector::_M_range_check: __n (which is {}) >= this->size() (which is {})"

# An input that begins with 99 never ends; one that begins with 98 ends the process.
ENDLESS, DEADLY = 99, 98
BODY = f"""\
while (reinterpret_cast<volatile element *>(x)[0] == {ENDLESS}) {{}}
    if (x[0] == {DEADLY}) *reinterpret_cast<volatile element *>(static_cast<intptr_t>(x[1])) = 1;
    {DOUBLE}"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> SimpleNamespace:
    built = build_small(tmp_path_factory.mktemp("pair"), body=BODY)
    return SimpleNamespace(xclbin=built.xclbin, insts=built.insts.read_bytes())


class Host:
    """What a host program sets up, by the book."""

    def __init__(self, pair: SimpleNamespace, device: pyxrt.device | None = None) -> None:
        self.device = device or pyxrt.device(0)
        file = pyxrt.xclbin(str(pair.xclbin))
        self.device.register_xclbin(file)
        self.context = pyxrt.hw_context(self.device, file.get_uuid())
        self.kernel = pyxrt.kernel(self.context, file.get_kernels()[0].get_name())
        self.instr = bo(self.device, len(pair.insts), bo.cacheable, self.kernel.group_id(1))
        self.instr.write(pair.insts, 0)
        self.instr.sync(TO_DEVICE)
        self.words = len(pair.insts) // 4
        self.x = bo(self.device, NBYTES, bo.host_only, self.kernel.group_id(3))
        self.y = bo(self.device, NBYTES, bo.host_only, self.kernel.group_id(4))

    def give(self, *first: int) -> np.ndarray:
        """Write and sync an input that begins with `first`."""
        values = np.arange(COUNT, dtype=np.int32)
        values[: len(first)] = first
        self.x.write(values.tobytes(), 0)
        self.x.sync(TO_DEVICE)
        return values

    def start(self) -> pyxrt.run:
        return self.kernel(3, self.instr, self.words, self.x, self.y)

    def result(self) -> list[int]:
        self.y.sync(FROM_DEVICE)
        return self.y.read(NBYTES, 0).view(np.int32).tolist()


@pytest.fixture
def host(pair) -> Host:
    return Host(pair)


def test_a_host_by_the_book_gets_its_result(host):
    values = host.give()
    run = host.start()
    assert run.wait() == ert_cmd_state.ERT_CMD_STATE_COMPLETED
    assert run.state() == ert_cmd_state.ERT_CMD_STATE_COMPLETED
    assert host.result() == (2 * values + 1).tolist()


def test_run_and_set_arg_do_the_same_as_a_call(host):
    values = host.give(5)
    run = pyxrt.run(host.kernel)
    assert run.state() == ert_cmd_state.ERT_CMD_STATE_NEW
    for index, value in enumerate((3, host.instr, host.words, host.x, host.y)):
        run.set_arg(index, value)
    run.start()
    run.wait2()
    assert host.result() == (2 * values + 1).tolist()


def test_a_run_can_be_started_again(host):
    run = None
    for first in (1, 2):
        values = host.give(first)
        run = run or host.start()
        if first == 2:
            run.start()
        assert run.wait() == ert_cmd_state.ERT_CMD_STATE_COMPLETED
        assert host.result() == (2 * values + 1).tolist()


def test_the_instruction_count_may_be_in_words_or_in_bytes(host, pair):
    values = host.give()
    for count in (len(pair.insts) // 4, len(pair.insts)):
        assert host.kernel(3, host.instr, count, host.x, host.y).wait() == ert_cmd_state.ERT_CMD_STATE_COMPLETED
    assert host.result() == (2 * values + 1).tolist()


# Group ids


def test_group_ids_hold_the_bank_and_the_first_slot(host):
    assert [host.kernel.group_id(index) for index in range(8)] == [131071, 65537, 131071, *[65536] * 5]


def test_a_second_context_of_a_device_is_slot_2_even_if_the_first_is_gone(pair):
    device = pyxrt.device(0)
    Host(pair, device)
    second = Host(pair, device)
    assert [second.kernel.group_id(index) for index in range(4)] == [196607, 131073, 196607, 131072]


@pytest.mark.parametrize("index", [8, 9, 100])
def test_a_group_id_beyond_the_arguments_is_an_index_error_in_libstdcxxs_words(host, index):
    with pytest.raises(IndexError) as error:
        host.kernel.group_id(index)
    assert str(error.value) == OUT_OF_RANGE.format(index, 8)


def test_buffers_of_one_context_serve_another_because_only_the_bank_counts(pair):
    device = pyxrt.device(0)
    first, second = Host(pair, device), Host(pair, device)
    values = first.give()
    run = second.kernel(3, first.instr, first.words, first.x, second.y)
    assert run.wait() == ert_cmd_state.ERT_CMD_STATE_COMPLETED
    assert second.result() == (2 * values + 1).tolist()


def test_plain_bank_numbers_work_as_groups(host, pair):
    values = host.give()
    plain = bo(host.device, NBYTES, bo.host_only, 0)
    run = host.kernel(3, host.instr, host.words, host.x, plain)
    assert run.wait() == ert_cmd_state.ERT_CMD_STATE_COMPLETED
    plain.sync(FROM_DEVICE)
    assert plain.read(NBYTES, 0).view(np.int32).tolist() == (2 * values + 1).tolist()


# Devices, files, contexts


def test_there_is_one_device():
    assert pyxrt.enumerate_devices() == 1
    with pytest.raises(RuntimeError) as error:
        pyxrt.device(1)
    assert str(error.value) == " No such device with index '1'"


def test_load_xclbin_is_refused_as_on_every_npu(pair):
    with pytest.raises(RuntimeError) as error:
        pyxrt.device(0).load_xclbin(pyxrt.xclbin(str(pair.xclbin)))
    assert str(error.value) == "load_axlf: Operation not supported"


def test_a_context_for_an_xclbin_that_was_not_registered_is_refused(pair):
    identity = pyxrt.xclbin(str(pair.xclbin)).get_uuid()
    with pytest.raises(RuntimeError) as error:
        pyxrt.hw_context(pyxrt.device(0), identity)
    assert str(error.value) == f"No xclbin with uuid '{identity.to_string()}': Invalid argument"


def test_a_missing_xclbin_is_named_with_its_whole_path(tmp_path):
    with pytest.raises(RuntimeError) as error:
        pyxrt.xclbin(str(tmp_path / "no.xclbin"))
    assert str(error.value) == f"No such file '{tmp_path / 'no.xclbin'}'"


def test_an_xclbin_says_what_is_in_it(pair):
    file = pyxrt.xclbin(str(pair.xclbin))
    (kernel,) = file.get_kernels()
    assert (kernel.get_name(), kernel.get_num_args()) == (KERNEL, 8)
    assert [(m.get_tag(), m.get_index(), m.get_base_address(), m.get_size_kb()) for m in file.get_mems()] == [
        ("HOST", 0, 0x4000000, 0x10000),
        ("SRAM", 1, 0x4000000, 0xC000),
    ]


def test_an_unknown_kernel_is_refused(host):
    with pytest.raises(RuntimeError) as error:
        pyxrt.kernel(host.context, "vadd")
    assert str(error.value) == "No such kernel 'vadd': Invalid argument"


def test_a_seventh_context_on_npu1_is_refused_and_room_comes_back(pair):
    device = pyxrt.device(0)
    hosts = [Host(pair, device) for _ in range(6)]
    with pytest.raises(RuntimeError) as error:
        Host(pair, device)
    assert str(error.value) == "DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-2): No such file or directory"
    error = None  # its traceback holds a context
    hosts.pop()
    assert Host(pair, device).kernel.group_id(3) >> 16 >= 7


# Buffers


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ("normal", "unsupported buffer type: none flag (err=95): Operation not supported"),
        ("device_only", "Bad BO flags (err=95): Operation not supported"),
        ("p2p", "Bad BO flags (err=95): Operation not supported"),
        ("svm", "Bad BO flags (err=95): Operation not supported"),
    ],
)
def test_flags_that_the_npus_shim_does_not_take_are_refused_in_its_words(flags, text):
    with pytest.raises(RuntimeError) as error:
        bo(pyxrt.device(0), 64, getattr(bo, flags), 0)
    assert str(error.value) == text


def test_flags_have_xrts_numbers():
    numbers = {flag.name: int(flag) for flag in bo.flags}
    assert numbers == {
        "normal": 0,
        "cacheable": 0x01000000,
        "device_only": 0x10000000,
        "host_only": 0x20000000,
        "p2p": 0x40000000,
        "svm": 0x08000000,
    }


def test_a_number_is_no_flag():
    with pytest.raises(TypeError, match=r"__init__\(\): incompatible constructor arguments"):
        bo(pyxrt.device(0), 64, 0x20000000, 0)


def test_what_was_not_synced_to_the_device_is_not_seen_by_it(host):
    values = host.give()
    host.x.write(bytes(NBYTES), 0)
    host.start().wait2()
    assert host.result() == (2 * values + 1).tolist()


def test_what_was_not_synced_from_the_device_is_not_seen_by_the_host(host):
    host.give()
    host.y.write(b"\x11" * NBYTES, 0)
    host.y.sync(TO_DEVICE)
    host.start().wait2()
    assert bytes(host.y.read(NBYTES, 0)) == b"\x11" * NBYTES


def test_instructions_that_were_not_synced_are_not_executed(host, pair):
    instr = bo(host.device, len(pair.insts), bo.cacheable, host.kernel.group_id(1))
    instr.write(pair.insts, 0)
    run = host.kernel(3, instr, host.words, host.x, host.y)
    assert run.wait() == ert_cmd_state.ERT_CMD_STATE_ERROR


def test_a_part_of_a_buffer_can_be_synced(host):
    before = host.give()
    host.x.write(np.full(COUNT, 7, np.int32).tobytes(), 0)
    host.x.sync(TO_DEVICE, 8, 4)
    host.start().wait2()
    before[1:3] = 7
    assert host.result() == (2 * before + 1).tolist()


def test_a_write_past_the_end_is_refused_and_changes_nothing(host):
    for data, seek in ((bytes(NBYTES + 1), 0), (b"ab", NBYTES - 1), (b"a", NBYTES), (b"a", -1)):
        with pytest.raises((RuntimeError, TypeError)) as error:
            host.x.write(data, seek)
        if seek >= 0:
            assert str(error.value) == "attempting to write past buffer size: Invalid argument"
    assert bytes(host.x.read(NBYTES, 0)) == bytes(NBYTES)


@pytest.mark.parametrize(("size", "skip"), [(NBYTES + 1, 0), (2, NBYTES - 1), (1, NBYTES)])
def test_a_read_past_the_end_is_refused(host, size, skip):
    with pytest.raises(RuntimeError) as error:
        host.x.read(size, skip)
    assert str(error.value) == "attempting to read past buffer size: Invalid argument"


@pytest.mark.parametrize(("size", "skip"), [(-1, 0), (4, -4), (-4, 8)])
def test_a_read_of_a_negative_size_or_place_is_refused(host, size, skip):
    with pytest.raises((RuntimeError, TypeError)):
        host.x.read(size, skip)


def test_a_sync_past_the_end_is_refused(host):
    with pytest.raises(RuntimeError) as error:
        host.x.sync(TO_DEVICE, 8, NBYTES - 4)
    assert str(error.value) == f"Invalid BO offset and size for sync'ing: {NBYTES - 4}, 8 (err=22): Invalid argument"


def test_a_read_is_a_copy_of_int8_and_a_map_is_the_memory_itself(host):
    copy, view = host.x.read(4, 0), host.x.map()
    assert (copy.dtype, host.x.size(), len(view), view.readonly, view.format) == (np.int8, NBYTES, NBYTES, False, "B")
    view[0] = 200
    assert (copy[0], host.x.read(1, 0).tolist()) == (0, [-56])


# Arguments


def test_a_buffer_in_the_opcodes_place_warns_as_xrt_does_and_the_call_starts_all_the_same(host, capfd):
    """The call that cost the field weeks: kernel(instr, in, out, 3)."""
    host.give()
    run = host.kernel(host.instr, host.x, host.y, 3)
    assert capfd.readouterr().err.splitlines()[:2] == [
        "[XRT] WARNING: Kernel MLIR_AIE has no compute units with connectivity required for global argument at index "
        "0. The argument is allocated in bank 1, the compute unit is connected to bank 131071. "
        "Allocating local copy of argument buffer in connected bank.",
        "[XRT] WARNING: Reverting to host copy of buffers (exec_buf: Operation not supported)",
    ]
    assert run.wait() == ert_cmd_state.ERT_CMD_STATE_ERROR


def test_set_arg_raises_what_the_call_swallows(host, capfd):
    with pytest.raises(RuntimeError) as error:
        pyxrt.run(host.kernel).set_arg(0, host.instr)
    assert str(error.value) == "No host side buffer in destination buffer: Invalid argument"
    assert "is allocated in bank 1, the compute unit is connected to bank 131071" in capfd.readouterr().err


def test_a_data_buffer_in_the_instructions_place_names_both_banks(host, capfd):
    with pytest.raises(RuntimeError):
        pyxrt.run(host.kernel).set_arg(1, host.x)
    assert (
        "argument at index 1. The argument is allocated in bank 0, the compute unit is connected to bank 65537."
        in capfd.readouterr().err
    )


def test_the_warning_names_the_slot_of_the_second_context(pair, capfd):
    device = pyxrt.device(0)
    first = Host(pair, device)
    second = Host(pair, device)
    second.kernel(first.instr, first.x)
    assert "is connected to bank 196607." in capfd.readouterr().err


def test_a_buffer_allocated_with_a_scalars_group_is_out_of_range_without_a_warning(host, capfd):
    wrong = bo(host.device, NBYTES, bo.host_only, host.kernel.group_id(2))
    with pytest.raises(IndexError) as error:
        pyxrt.run(host.kernel).set_arg(3, wrong)
    assert str(error.value) == OUT_OF_RANGE.format(65535, 2)
    assert capfd.readouterr().err == ""


def test_a_scalar_beyond_the_arguments_is_out_of_range(host):
    with pytest.raises(IndexError) as error:
        pyxrt.run(host.kernel).set_arg(8, 1)
    assert str(error.value) == OUT_OF_RANGE.format(8, 8)


@pytest.mark.parametrize("value", [3.0, "3", None, b"3"])
def test_set_arg_takes_buffers_and_whole_numbers_only(host, value):
    with pytest.raises(TypeError):
        pyxrt.run(host.kernel).set_arg(0, value)


@pytest.mark.parametrize("opcode", [0, 1, 2, 4, 3.0])
def test_another_opcode_than_3_ends_in_an_error_that_wait_only_returns(host, opcode):
    host.give()
    run = host.kernel(opcode, host.instr, host.words, host.x, host.y)
    assert run.wait() == ert_cmd_state.ERT_CMD_STATE_ERROR


def test_an_argument_too_many_is_swallowed_by_the_call(host):
    values = host.give()
    run = host.kernel(3, host.instr, host.words, host.x, host.y, 0, 0, 0, 0, 0)
    assert run.wait() == ert_cmd_state.ERT_CMD_STATE_COMPLETED
    assert host.result() == (2 * values + 1).tolist()


def test_a_buffer_that_was_not_bound_is_no_silent_success(host):
    host.give()
    run = host.kernel(3, host.instr, host.words, host.x)
    assert run.wait() != ert_cmd_state.ERT_CMD_STATE_COMPLETED
    assert "kernel argument 4, and no buffer is bound there" in str(run.report.faults[0])


def test_a_surplus_buffer_ends_the_real_process_and_is_an_error_here_even_in_a_call(host):
    with pytest.raises(Problem) as error:
        host.kernel(3, host.instr, host.words, host.x, host.y, host.y, host.y, host.y, host.y)
    assert str(error.value) == (
        "error: a buffer was passed as argument 8, and the kernel has 8\n"
        "  where: argument 8\n"
        "  why:   XRT looks beyond the end of a table there, and the real process dies of a segmentation fault\n"
        "  fix:   pass the opcode, the instructions, their count, and as many buffers as the runtime sequence has "
        "arguments"
    )


def test_a_new_run_has_the_registers_of_an_ended_one_until_they_are_set(host):
    """XRT clears no command buffer: the second call forgets its output, and writes the first one's."""
    host.give()
    host.start().wait2()
    values = host.give(50)
    run = host.kernel(3, host.instr, host.words, host.x)
    assert run.wait() == ert_cmd_state.ERT_CMD_STATE_COMPLETED
    assert host.result() == (2 * values + 1).tolist()


def test_a_run_that_lives_keeps_its_registers_to_itself(host):
    host.give()
    first = host.start()
    first.wait2()
    second = host.kernel(3, host.instr, host.words, host.x)
    assert second.wait() != ert_cmd_state.ERT_CMD_STATE_COMPLETED


# Parts, lists


def test_a_part_of_a_buffer_is_the_same_memory(host):
    values = host.give()
    whole = bo(host.device, 2 * NBYTES, bo.host_only, host.kernel.group_id(3))
    x, y = bo(whole, NBYTES, 0), bo(whole, NBYTES, NBYTES)
    whole.write(values.tobytes(), 0)
    whole.sync(TO_DEVICE)
    host.kernel(3, host.instr, host.words, x, y).wait2()
    whole.sync(FROM_DEVICE)
    assert whole.read(2 * NBYTES, 0).view(np.int32).tolist() == [*values, *(2 * values + 1)]
    assert x.read(NBYTES, 0).view(np.int32).tolist() == values.tolist()


@pytest.mark.parametrize(("size", "offset"), [(NBYTES, 4), (NBYTES + 4, 0), (4, -4), (0, 0)])
def test_a_part_beyond_the_whole_is_refused(host, size, offset):
    with pytest.raises(RuntimeError) as error:
        bo(host.x, size, offset)
    assert str(error.value) == "sub buffer size and offset: Invalid argument"


def test_a_list_of_runs_executes_in_its_order(host):
    values = host.give()
    runs = pyxrt.runlist(host.context)
    for source, target in ((host.x, host.y), (host.y, host.x)):
        run = pyxrt.run(host.kernel)
        for index, value in enumerate((3, host.instr, host.words, source, target)):
            run.set_arg(index, value)
        runs.add(run)
    runs.execute()
    runs.wait()
    host.x.sync(FROM_DEVICE)
    assert host.x.read(NBYTES, 0).view(np.int32).tolist() == (4 * values + 3).tolist()


def test_a_run_of_a_list_is_not_started_alone(host):
    run = pyxrt.run(host.kernel)
    pyxrt.runlist(host.context).add(run)
    with pytest.raises(RuntimeError) as error:
        run.start()
    assert str(error.value) == ("Run object belongs to a runlist and cannot be explicitly started: Invalid argument")


def test_a_list_with_a_run_that_fails_raises(host):
    runs = pyxrt.runlist(host.context)
    runs.add(pyxrt.run(host.kernel))
    runs.execute()
    with pytest.raises(RuntimeError) as error:
        runs.wait()
    assert str(error.value) == "runlist failed execution"


# Waiting


def test_states_have_xrts_numbers_and_running_is_not_bound():
    numbers = {state.name.removeprefix("ERT_CMD_STATE_"): int(state) for state in ert_cmd_state}
    assert numbers == {
        "NEW": 1, "QUEUED": 2, "COMPLETED": 4, "ERROR": 5, "ABORT": 6, "SUBMITTED": 7, "TIMEOUT": 8, "NORESPONSE": 9,
        "SKERROR": 10, "SKCRASHED": 11,
    }  # fmt: skip


def test_wait_with_a_time_returns_timeout_while_the_run_goes_on(host):
    host.give(ENDLESS)
    run = host.start()
    assert run.wait(50) == ert_cmd_state.ERT_CMD_STATE_TIMEOUT
    assert run.state() == ert_cmd_state.ERT_CMD_STATE_SUBMITTED
    assert run.wait(50) == ert_cmd_state.ERT_CMD_STATE_TIMEOUT


def test_the_watchdog_ends_a_run_that_does_not_return_and_later_ones_are_aborted_or_time_out(host, monkeypatch):
    monkeypatch.setattr(pyxrt.settings, "watchdog_s", 0.3)
    host.give(ENDLESS)
    run = host.start()
    assert run.wait() == ert_cmd_state.ERT_CMD_STATE_TIMEOUT
    assert run.report.faults[0].what == "the core on core (0, 2), call 1 of double_tile never returned"
    host.give(1)
    later = host.start()
    assert later.wait() not in (ert_cmd_state.ERT_CMD_STATE_COMPLETED, ert_cmd_state.ERT_CMD_STATE_SUBMITTED)


def test_a_tile_function_that_crashes_is_an_abort(host):
    host.give(DEADLY, 0)
    assert host.start().wait() == ert_cmd_state.ERT_CMD_STATE_ABORT


def test_wait2_raises_what_wait_only_returns(host):
    host.give()
    run = host.kernel(0, host.instr, host.words, host.x, host.y)
    with pytest.raises(RuntimeError) as error:
        run.wait2()
    assert str(error.value) == "Command failed to complete successfully (ERT_CMD_STATE_ERROR)"


def test_wait2_adds_what_xrt_adds_to_a_timeout(host, monkeypatch):
    monkeypatch.setattr(pyxrt.settings, "watchdog_s", 0.3)
    host.give(ENDLESS)
    with pytest.raises(RuntimeError) as error:
        host.start().wait2()
    assert str(error.value) == (
        "Command failed to complete successfully (ERT_CMD_STATE_TIMEOUT)\n"
        "txn_op_idx = 0xFFFFFFFF\n"
        "ctx_pc = 0x00000000\n"
        "fatal_error_type = 0x00000000\n"
        "fatal_error_exception_type = 0x00000000\n"
        "fatal_error_exception_pc = 0x00000000\n"
        "fatal_error_app_module = 0x00000000"
    )


def test_a_run_that_is_under_way_cannot_be_started_again(host):
    host.give(ENDLESS)
    run = host.start()
    with pytest.raises(RuntimeError, match=r"^bad command state, can't launch$"):
        run.start()


def test_a_list_is_filled_and_executed_while_it_is_idle(host):
    host.give(1)
    runs = pyxrt.runlist(host.context)
    first, second = (pyxrt.run(host.kernel) for _ in range(2))
    for run in (first, second):
        for index, value in enumerate((3, host.instr, host.words, host.x, host.y)):
            run.set_arg(index, value)
    runs.add(first)
    with pytest.raises(RuntimeError, match=r"^Run object already associated with a runlist$"):
        runs.add(first)
    runs.execute()
    busy = "runlist must be idle before {}, current state: running: Invalid argument"
    with pytest.raises(RuntimeError) as error:
        runs.add(second)
    assert str(error.value) == busy.format("adding run objects")
    with pytest.raises(RuntimeError) as error:
        runs.execute()
    assert str(error.value) == busy.format("submitting for execution")
    runs.wait()
    runs.add(second)
    runs.execute()
    runs.wait()


def test_several_threads_use_one_kernel_each_with_its_own_buffers(host):
    """Found by hand: two threads had each other's results, and then waited for nothing."""

    def work(number: int) -> list[list[int]]:
        x, y = (bo(host.device, NBYTES, bo.host_only, host.kernel.group_id(3)) for _ in range(2))
        found = []
        for turn in range(20):
            x.write(np.full(COUNT, 100 * number + turn, dtype=np.int32).tobytes(), 0)
            x.sync(TO_DEVICE)
            assert host.kernel(3, host.instr, host.words, x, y).wait() == ert_cmd_state.ERT_CMD_STATE_COMPLETED
            y.sync(FROM_DEVICE)
            found.append(y.read(NBYTES, 0).view(np.int32).tolist())
        return found

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(work, range(4)))
    for number in range(4):
        assert found[number] == [[2 * (100 * number + turn) + 1] * COUNT for turn in range(20)]


def test_several_threads_wait_for_one_run(host):
    host.give(1)
    run = host.start()
    with ThreadPoolExecutor(4) as threads:
        states = set(threads.map(lambda _: run.wait(), range(4)))
    assert states == {ert_cmd_state.ERT_CMD_STATE_COMPLETED}


def test_numpys_integers_are_integers(host):
    values = host.give(7)
    run = host.kernel(np.int32(3), host.instr, np.uint32(host.words), host.x, host.y)
    assert run.wait() == ert_cmd_state.ERT_CMD_STATE_COMPLETED
    assert host.result() == (2 * values + 1).tolist()


def test_a_state_prints_as_pybind11_prints_it(host):
    assert str(ert_cmd_state.ERT_CMD_STATE_ERROR) == "ert_cmd_state.ERT_CMD_STATE_ERROR"
    assert f"{TO_DEVICE}" == "xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE"
    assert ert_cmd_state.ERT_CMD_STATE_COMPLETED == 4  # an unscoped enumeration of C compares with numbers


@pytest.mark.parametrize("call", [lambda run: run.add_callback(4, print, None), lambda run: run.wait2(timedelta(0, 1))])
def test_what_2_20_cannot_convert_is_a_type_error(call, host):
    with pytest.raises(TypeError, match="incompatible function arguments"):
        call(pyxrt.run(host.kernel))


def test_sizes_that_no_machine_has_are_refused(host):
    with pytest.raises(TypeError):
        bo(host.device, -1, bo.host_only, 0)
    with pytest.raises(Problem, match=r"^error: there is no room for a buffer of 1,152,921,504,606,846,976 bytes\n"):
        bo(host.device, 1 << 60, bo.host_only, 0)


# The rest of what 2.20 binds


def test_the_device_says_what_it_is_and_for_which_generation(pair, tmp_path):
    device = pyxrt.device(0)
    assert device.get_info(pyxrt.xrt_info_device.name) == "RyzenAI-npu1 (tileproof's emulator)"
    device.register_xclbin(pyxrt.xclbin(str(build_small(tmp_path, target="npu2").xclbin)))
    assert device.get_info(pyxrt.xrt_info_device.name) == "RyzenAI-npu4 (tileproof's emulator)"
    assert device.get_xclbin_uuid().to_string() == "00000000-0000-0000-0000-000000000000"
    with pytest.raises(Problem) as refused:
        device.get_info(pyxrt.xrt_info_device.thermal)
    assert str(refused.value) == (
        "error: the emulator has no answer to device.get_info(thermal)\n"
        "  where: device.get_info\n"
        "  why:   it is no device with clocks, sensors and a bus; it answers bdf and name\n"
        "  fix:   ask for it on an NPU only"
    )


def test_a_device_opens_by_its_address_on_the_bus():
    address = pyxrt.device(0).get_info(pyxrt.xrt_info_device.bdf)
    assert pyxrt.device(address).get_info(pyxrt.xrt_info_device.bdf) == address
    with pytest.raises(RuntimeError) as error:
        pyxrt.device("0000:c5:00.1")
    assert str(error.value) == "No such device '0000:c5:00.1': Invalid argument"


EMPTY = [
    ("device", lambda: pyxrt.device().register_xclbin(None), "pyxrt.device(0)"),
    ("xclbin", lambda: pyxrt.xclbin().get_uuid(), "pyxrt.xclbin(path)"),
    ("hw_context", lambda: pyxrt.kernel(pyxrt.hw_context(), KERNEL), "pyxrt.hw_context(device, xclbin.get_uuid())"),
    ("run", lambda: pyxrt.run().start(), "pyxrt.run(kernel)"),
    ("runlist", lambda: pyxrt.runlist().execute(), "pyxrt.runlist(context)"),
    ("device", lambda: bo(pyxrt.device(), 64, bo.host_only, 0), "pyxrt.device(0)"),
    ("hw_context", lambda: pyxrt.ext.bo(pyxrt.hw_context(), 64), "pyxrt.hw_context(device, xclbin.get_uuid())"),
    ("hw_context", lambda: pyxrt.runlist(pyxrt.hw_context()), "pyxrt.hw_context(device, xclbin.get_uuid())"),
    ("run", lambda: pyxrt.runlist(Host.last.context).add(pyxrt.run()), "pyxrt.run(kernel)"),
]


@pytest.mark.parametrize(("name", "use", "fix"), EMPTY)
def test_an_empty_handle_may_be_made_and_not_used(name, use, fix, host):
    Host.last = host
    with pytest.raises(Problem) as refused:
        use()
    assert str(refused.value) == (
        f"error: an empty {name} was used\n"
        f"  where: pyxrt.{name}()\n"
        "  why:   without arguments it is a handle of nothing, and the real process dies of a segmentation fault\n"
        f"  fix:   {fix}"
    )


def test_a_name_that_no_handle_has_is_an_attribute_error(host):
    with pytest.raises(AttributeError, match=r"^'pyxrt\.run' object has no attribute 'started'$"):
        _ = pyxrt.run(host.kernel).started
    with pytest.raises(AttributeError, match=r"^'pyxrt\.device' object has no attribute 'open'$"):
        _ = host.device.open
    assert not hasattr(host.device, "_repr_html_")


def test_arguments_of_other_types_are_type_errors(host):
    for call in (
        lambda: pyxrt.hw_context(host.device),
        lambda: pyxrt.kernel(host.context),
        lambda: pyxrt.kernel(host.device, KERNEL),
        lambda: host.device.get_info("name"),
        lambda: bo(7, 64, bo.host_only, 0),
    ):
        with pytest.raises(TypeError, match="incompatible"):
            call()


def test_a_kernel_of_a_device_and_a_uuid_has_a_context_of_its_own(host, pair):
    kernel = pyxrt.kernel(host.device, pyxrt.xclbin(str(pair.xclbin)).get_uuid(), KERNEL, pyxrt.kernel.shared)
    assert kernel.group_id(3) == 2 << 16


def test_buffers_of_ext_are_host_memory_in_bank_0(host):
    host.x = pyxrt.ext.bo(host.device, NBYTES)
    host.y = pyxrt.ext.bo(host.context, NBYTES, pyxrt.ext.access_mode.write | pyxrt.ext.access_mode.shared)
    values = host.give(5)
    assert host.start().wait() == ert_cmd_state.ERT_CMD_STATE_COMPLETED
    assert host.result() == (2 * values + 1).tolist()
    assert isinstance(host.x, bo)


def test_what_no_elf_of_the_emulator_has_is_refused_by_name():
    with pytest.raises(Problem) as refused:
        pyxrt.program("design.elf")
    assert str(refused.value) == (
        "error: the emulator runs no program\n"
        "  where: pyxrt.program\n"
        "  why:   in the ELF flow the file holds AIE machine code and control code, which tileproof does not execute\n"
        "  fix:   use an xclbin and insts.bin (`tileproof build KERNEL`), or --device npu"
    )
    with pytest.raises(TypeError, match=r"incompatible constructor arguments"):
        pyxrt.ext.kernel(None, "main:sequence")


def test_an_elf_that_is_not_there_is_what_xrt_says():
    with pytest.raises(RuntimeError, match=r"^Failed to open file 'design\.elf' for reading$"):
        pyxrt.elf("design.elf")


def test_an_elf_for_the_npu_says_that_the_emulator_cannot_run_it(tmp_path):
    (tmp_path / "npu.elf").write_bytes(write_elf(".ctrltext", b"words"))
    with pytest.raises(Problem) as refused:
        pyxrt.elf(str(tmp_path / "npu.elf"))
    assert str(refused.value) == (
        "error: npu.elf has nothing that the emulator can run\n"
        "  where: npu.elf\n"
        "  why:   it was built for the NPU: it holds machine code and control code, which tileproof does not execute\n"
        "  fix:   build it for the emulator: `tileproof build DESIGN.mlir --elf-name` or `--full-elf-name`"
    )


def test_instructions_of_an_elf_run_on_the_xclbin_that_they_were_built_with(host, pair, tmp_path):
    (tmp_path / "insts.elf").write_bytes(write_elf(INSTRUCTIONS, pair.insts))
    module = pyxrt.module(pyxrt.elf(str(tmp_path / "insts.elf")))
    host.kernel = pyxrt.ext.kernel(host.context, module, KERNEL)
    values = host.give(5)
    run = host.kernel(3, 0, 0, host.x, host.y)
    assert run.wait() == ert_cmd_state.ERT_CMD_STATE_COMPLETED
    assert host.result() == (2 * values + 1).tolist()
    with pytest.raises(Problem) as refused:
        pyxrt.ext.elf_context(host.device, pyxrt.elf(str(tmp_path / "insts.elf")))
    assert str(refused.value) == (
        "error: insts.elf holds instructions only\n"
        "  where: pyxrt.hw_context(device, insts.elf)\n"
        "  why:   what it runs on is in the xclbin that was built with it\n"
        "  fix:   hw_context(device, xclbin.get_uuid()), then ext.kernel(context, module(elf), name)"
    )


def test_get_axlf_says_that_it_has_none(pair):
    with pytest.raises(Problem, match="the emulator cannot give the axlf of double_i32_64__npu1"):
        pyxrt.xclbin(str(pair.xclbin)).get_axlf()


def test_levels_of_messages_have_names_and_numbers(capfd):
    assert (pyxrt.emergency, pyxrt.warning, pyxrt.debug) == (0, 4, 7)
    pyxrt.log_message(pyxrt.warning, "host", "careful")
    assert capfd.readouterr().err == "[host] WARNING: careful\n"


def test_slots_begin_again_after_255_and_pass_over_those_that_are_taken(host, pair):
    for slot in range(2, 256):
        assert host.device._free_slot() == slot
    assert host.device._free_slot() == 2


def test_an_xclbin_for_the_npu_says_that_the_emulator_cannot_run_it(tmp_path, pair):
    xclbin = read_xclbin(pair.xclbin.read_bytes(), "emu.xclbin")
    kept = tuple(section for section in xclbin.sections if section.kind != KIND_OF["EMULATION_DATA"])
    path = tmp_path / "npu.xclbin"
    path.write_bytes(write_xclbin(replace(xclbin, sections=kept)))
    device, file = pyxrt.device(0), pyxrt.xclbin(str(path))
    device.register_xclbin(file)
    with pytest.raises(Problem) as refused:
        pyxrt.hw_context(device, file.get_uuid())
    assert str(refused.value) == (
        "error: npu.xclbin has nothing that the emulator can run\n"
        "  where: npu.xclbin, section EMULATION_DATA\n"
        "  why:   it was built for the NPU: it holds AIE machine code, which tileproof does not execute\n"
        "  fix:   build it for the emulator (`tileproof build KERNEL --toolchain host`), or use --device npu"
    )
