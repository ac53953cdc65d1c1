"""explain: numbers and messages of XRT in words, also out of a log."""

from __future__ import annotations

import io
import json
import random
import re
import string
import time

import pytest

from tileproof.cli import main
from tileproof.explain import explain, explain_log
from tileproof.explain.messages import XRT_MESSAGES

WARNING = (
    "Kernel MLIR_AIE has no compute units with connectivity required for global argument at index {index}. The "
    "argument is allocated in bank {bank}, the compute unit is connected to bank {wanted}. Allocating local copy of "
    "argument buffer in connected bank."
)


# Numbers


@pytest.mark.parametrize(
    ("number", "what"),
    [
        ("131071", "a group id in slot 1: the argument is a scalar, and has no memory"),
        ("196607", "a group id in slot 2: the argument is a scalar, and has no memory"),
        ("65535", "a group id: the argument is a scalar, and has no memory"),
        ("65536", "a group id in slot 1: bank 0, HOST, where the buffers of the runtime sequence go"),
        ("0x10001", "a group id in slot 1: bank 1, SRAM, where the instruction buffer goes"),
        ("131073", "a group id in slot 2: bank 1, SRAM, where the instruction buffer goes"),
        ("65543", "a group id in slot 1: bank 7, which aiecc's xclbins do not have"),
    ],
)
def test_a_group_id_is_taken_apart(number: str, what: str) -> None:
    (explanation,) = explain(number)

    assert explanation.what == what


def test_the_number_that_began_it_all_in_full() -> None:
    assert str(explain("131071")[0]) == (
        "a group id in slot 1: the argument is a scalar, and has no memory\n"
        "  where: 131071 (0x1ffff)\n"
        "  why:   bits 0 to 15 are 0xffff; bits 16 to 23 are 1, the slot: the number of the hardware context, and no "
        "memory; 0xffff is what XRT's -1 for `no memory` leaves of 16 bits\n"
        "  fix:   pass a number for that argument: mlir-aie's kernels have the opcode (3) at 0, the count of words at 2"
    )


@pytest.mark.parametrize(
    "text", ["bank 131071", "group_id(0) = 0x1ffff", "what is the bank 131071 that XRT speaks of?"]
)
def test_a_bank_in_a_persons_own_words_is_that_bank(text: str) -> None:
    assert explain(text) == explain("131071")


def test_a_label_decides_what_a_small_number_is() -> None:
    assert [each.what for each in explain("bank 1")] == ["as a bank: SRAM, where the instruction buffer goes"]


def test_the_flags_of_a_buffer_are_named() -> None:
    assert "bits 24 to 31 are the flags of a buffer: host_only" in explain("0x20000000")[0].why


@pytest.mark.parametrize(
    ("number", "whats"),
    [
        ("8", ["as a state of a command: ERT_CMD_STATE_TIMEOUT", "as a bank: one that aiecc's", "as an error code"]),
        ("1", ["as a state of a command: ERT_CMD_STATE_NEW", "as a bank: SRAM", "as an error code of Linux: EPERM"]),
        ("0", ["as a bank: HOST"]),
    ],
)
def test_a_small_number_can_be_several_things(number: str, whats: list[str]) -> None:
    found = explain(number)

    assert len(found) == len(whats)
    assert all(explanation.what.startswith(what) for explanation, what in zip(found, whats, strict=True))


@pytest.mark.parametrize("text", ["TIMEOUT", "ERT_CMD_STATE_TIMEOUT", "ert_cmd_state_timeout"])
def test_a_state_is_known_by_its_name(text: str) -> None:
    assert explain(text)[0].what == "as a state of a command: ERT_CMD_STATE_TIMEOUT"


@pytest.mark.parametrize("text", ["err=95", "err=-95", "-95", "errno 95"])
def test_an_error_code_is_linuxs(text: str) -> None:
    (explanation,) = explain(text)

    assert explanation.what.endswith(", Operation not supported")
    assert "normal, device_only, p2p and svm" in explanation.why


@pytest.mark.parametrize("code", [5, 12, 13, 19, 22, 62])
def test_an_error_code_with_several_causes_has_them_all(code: int) -> None:
    (explanation,) = explain(f"err=-{code}")

    assert explanation.why.startswith("one of these: (1) ")
    assert "; (2) " in explanation.why


# The warning


def test_the_missions_warning_says_which_argument_what_was_bound_and_what_should_have_been() -> None:
    (explanation,) = explain(WARNING.format(index=0, bank=1, wanted=131071))

    assert explanation.what == (
        "the instruction buffer was passed as argument 0 (opcode), which is a number and takes no buffer"
    )
    assert "131071 is slot 1, no bank" in explanation.why
    assert "fails on an NPU" in explanation.why
    assert "kernel(3, instr, words, in, out)" in explanation.fix


@pytest.mark.parametrize(
    ("index", "bank", "wanted", "what"),
    [
        (0, 0, 131071, "a data buffer was passed as argument 0 (opcode), which is a number and takes no buffer"),
        (2, 0, 196607, "a data buffer was passed as argument 2 (ninstr), which is a number and takes no buffer"),
        (
            1,
            0,
            65537,
            "the buffer of argument 1 (instr) was allocated in bank 0, and the argument reaches slot 1, bank 1",
        ),
        (
            4,
            1,
            65536,
            "the buffer of argument 4 (buffer 1) was allocated in bank 1, and the argument reaches slot 1, bank 0",
        ),
    ],
)
def test_each_form_of_the_warning_has_its_own_cause(index: int, bank: int, wanted: int, what: str) -> None:
    assert explain(WARNING.format(index=index, bank=bank, wanted=wanted))[0].what == what


# Messages

KNOWN = [
    (WARNING.format(index=0, bank=1, wanted=131071), "the instruction buffer was passed as argument 0"),
    ("vector::_M_range_check: __n (which is 65535) >= this->size() (which is 2)", "allocated with the group id of a"),
    ("vector::_M_range_check: __n (which is 9) >= this->size() (which is 8)", "there is no argument 9"),
    ("Reverting to host copy of buffers (exec_buf: Operation not supported)", "XRT tries to copy a buffer"),
    (
        "No host side buffer in destination buffer: Invalid argument",
        "the copy of a buffer that XRT announced has failed",
    ),
    ("unsupported buffer type: none flag (err=95): Operation not supported", "an NPU has no `normal` buffers"),
    ("Bad BO flags (err=95): Operation not supported", "an NPU has no buffers of that kind"),
    ("Bad BO type. (err=22): Invalid argument", "an NPU has no buffers of that kind"),
    ("Unknown buffer type", "an NPU has no such buffers"),
    ("__init__(): incompatible constructor arguments. The following", "made with arguments of other types"),
    ("No such query request (17)", "something that only FPGA cards have"),
    ("Invalid BO offset and size for sync'ing: 0, 8192 (err=22)", "a sync reaches beyond its buffer"),
    (" No such device with index '0'", "XRT sees no NPU there"),
    ("No such device '0000:c5:00.1': Invalid argument", "XRT sees no NPU there"),
    ("Could not open device with index '0'", "XRT sees no NPU there"),
    ("No such library '/opt/xilinx/xrt/lib/libxrt_driver_xdna.so.2'", "XRT does not find the shim"),
    ("No such file '/home/a/b.xclbin'", "the xclbin is not where it was looked for"),
    ("No such file or directory 'b.xclbin'", "the xclbin is not where it was looked for"),
    ("Failed to open file 'b.xclbin' for reading", "the xclbin is not where it was looked for"),
    ("Invalid xclbin", "the file is no xclbin"),
    ("load_axlf: Operation not supported", "an NPU has no load_xclbin"),
    ("No xclbin with uuid '1234': Invalid argument", "was not registered before its context"),
    ("No valid DPU kernel found in xclbin (err=22): Invalid argument", "no kernel that an NPU could run"),
    ("No such kernel 'MLIR': Invalid argument", "no kernel of that name"),
    ("No compute units matching 'MLIR_AIE:x'", "no kernel of that name"),
    ("attempting to write past buffer size: Invalid argument", "the data is larger than the buffer"),
    ("attempting to read past buffer size: Invalid argument", "the data is larger than the buffer"),
    ("sub buffer size and offset: Invalid argument", "a part of a buffer reaches beyond it"),
    ("Failed to allocate host memory buffer (x), make sure host bank is enabled", "the buffer could not be allocated"),
    ("Command failed to complete successfully (ERT_CMD_STATE_TIMEOUT)", "the command ended as ERT_CMD_STATE_TIMEOUT"),
    ("state: ERT_CMD_STATE_ERROR", "the command ended as ERT_CMD_STATE_ERROR"),
    ("txn_op_idx = 0xFFFFFFFF", "the firmware does not say which instruction it had come to"),
    ("txn_op_idx       = 0x00000007", "operation 7 was the last instruction that the firmware carried out"),
    ("Run object belongs to a runlist and cannot be explicitly started: Invalid argument", "was started alone"),
    ("runlist failed execution", "a run of the runlist did not complete"),
    ("Error: Memory tag 'DDR' not found in the MEM_TOPOLOGY section.", "a memory 'DDR' that the xclbin does not have"),
    ("Kernel did not complete. Returned status: 6", "the command ended as ERT_CMD_STATE_ABORT"),
    ("  what():  qds_device::wait() unexpected command state", "this XRT does not say in which state"),
    ("Exception from xrt::xclbin ctor: No xclbin specified", "an empty name for the xclbin"),
    ("ModuleNotFoundError: No module named 'pyxrt'", "does not find XRT's binding"),
    ("RuntimeError: create_hw_context: not supported", "no context of an ELF"),
    ("  0 devices found", "XRT sees no NPU there"),
    ("KDMA not supported on windows", "which it cannot do on Windows"),
    (
        "mmap(addr=0x793258000000, len=67108864, prot=3, flags=8209, offset=4362100736) failed (err=-11): Resource",
        "memory could not be mapped",
    ),
    ("Open /dev/accel/accel0 failed (err=-13): Permission denied", "the device of the NPU cannot be opened"),
    ("Max arg 16, received 20 (err=22): Invalid argument", "more buffers than the shim takes"),
    ("PDI for kernel ID 0x901 not found (err=2)", "a kernel of the xclbin has no PDI"),
    ("CU name (MLIR_AIE:ONE) not found (err=2)", "the context has no kernel of that name"),
    (
        "ERROR: The AIE_PARTITION section in the xclbin is not compliant with IP_LAYOUT section",
        "the ids of the kernels",
    ),
]


@pytest.mark.parametrize(("message", "words"), KNOWN, ids=[message[:40] for message, _ in KNOWN])
def test_every_message_of_the_facts_is_known_alone_and_in_a_log(message: str, words: str) -> None:
    alone = explain(message)
    in_a_log = explain_log(f"starting\n2026-11-22 12:00:01 [XRT] ERROR: {message} and so on\ndone")

    for found in (alone, in_a_log):
        assert len(found) == 1
        assert words in found[0].what
        assert found[0].why
        assert found[0].fix
    assert in_a_log[0].place.line == 2


def test_every_pattern_of_the_catalogue_is_met_by_a_message_above() -> None:
    for message in XRT_MESSAGES:
        assert any(message.pattern.search(text) for text, _ in KNOWN), message.pattern.pattern


def test_a_log_is_explained_in_its_order_and_each_thing_once() -> None:
    log = "\n".join([KNOWN[0][0], "noise", KNOWN[3][0], KNOWN[4][0], KNOWN[0][0], "ERT_CMD_STATE_ERROR"])

    assert [explanation.place.line for explanation in explain_log(log)] == [1, 3, 4, 6]


@pytest.mark.parametrize("message", [message for message, _ in KNOWN])
def test_a_number_of_thousands_of_digits_in_a_message_is_no_number_of_xrts(message: str) -> None:
    """Python reads and writes none of more than 4,300."""
    for digits in (r"-?0[xX][0-9a-fA-F]+", r"-?\d+"):
        for found in re.finditer(digits, message):
            explain(message[: found.end()] + 5_000 * "9" + message[found.end() :])


def test_an_error_code_of_thousands_of_digits_is_none() -> None:
    assert explain("err " + 5_000 * "9") == ()


@pytest.mark.parametrize("word", ["bank", "group_id(1)", "err", "txn_op_idx", "argument at index"])
def test_a_long_row_of_blanks_takes_no_time_to_speak_of(word: str) -> None:
    """Two places for blanks share a row of n in n ways: ten thousand took six seconds, and a log has long lines."""
    begun = time.process_time()

    assert explain(f"{word}{100_000 * ' '}x") == ()
    assert time.process_time() - begun < 2


def test_any_text_is_explained_or_is_not() -> None:
    words = [message for message, _ in KNOWN] + ["", "131071", "\x00", "\u202e"]
    for seed in range(500):
        random.seed(seed)
        text = "".join(random.choice([*words, *string.printable]) for _ in range(random.randint(0, 30)))
        for explanation in explain(text[random.randint(0, 20) :]):
            assert explanation.where, f"seed {seed}"
            assert explanation.what, f"seed {seed}"


# The command


def test_a_number_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "131071"]) == 0
    assert capsys.readouterr().out.startswith("a group id in slot 1: the argument is a scalar, and has no memory\n")


def test_a_negative_number_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--json", "--", "-28"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["what"] == "as an error code of Linux: ENOSPC, No space left on device"


def test_a_log_on_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    log = io.TextIOWrapper(io.BytesIO(f"a\n{KNOWN[0][0]}\n\xff".encode("latin-1")))
    monkeypatch.setattr("sys.stdin", log)

    assert main(["explain"]) == 0
    assert "where: line 2: Kernel MLIR_AIE has no compute units" in capsys.readouterr().out


def test_what_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "hello", "world"]) == 2
    assert capsys.readouterr().err == (
        "error: there is nothing in it that tileproof knows\n"
        "  where: hello world\n"
        "  why:   it knows tileproof's own ids, group ids, banks, states of a command, error codes, and messages of "
        "XRT, its NPU shim and driver, aiecc, aie-opt, the linker and Peano\n"
        "  fix:   give the message as XRT printed it, or a whole log: `tileproof explain < log.txt`\n"
        "  more:  tileproof explain nothing-known\n"
    )
