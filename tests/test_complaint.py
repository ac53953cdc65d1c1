"""What a tool is unhappy with is found in all that it prints, and what it means is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tileproof.errors import EXIT_NOT_HERE
from tileproof.toolchain.complaint import complaint_in
from tileproof.toolchain.meaning import Meaning, endless, killed, meaning_of

PRINTED = Path(__file__).parent / "mlir_aie"
PEANO = Path("/opt/peano")


def meaning(text: str, folder: Path) -> Meaning:
    found = meaning_of(complaint_in(text), folder, PEANO)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("log", "where", "said"),
    [
        ("undefined_value", "bad.mlir:4:23", "use of undeclared SSA value name"),
        ("big", "big.mlir:4:13", "'aie.tile' op Bank-aware allocation failed."),
        ("undef", "", "undefined symbol: attention_i9"),
        ("missing", "", "cannot open /home/user/k/tile.o: No such file or directory"),
    ],
)
def test_the_first_error_of_what_aiecc_printed_is_found(log: str, where: str, said: str, tmp_path: Path) -> None:
    for name in ("bad.mlir", "big.mlir"):
        (tmp_path / name).touch()
    complaint = complaint_in((PRINTED / f"{log}.log").read_text(), tmp_path)

    assert (complaint.where, complaint.said) == (where, said)
    assert complaint.context == ()


def test_progress_that_a_file_name_is_glued_to_is_known_by_the_files_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "placed.mlir").touch()
    (tmp_path / "aie.mlir").touch()
    complaint = complaint_in("\r(1/12) [0/1] placed.mliraie.mlir:7:5: error: 'aie.core' op is wrong\n", tmp_path)

    assert complaint.where == "aie.mlir:7:5"


def test_what_belongs_to_an_error_is_its_context_and_the_next_error_is_not() -> None:
    complaint = complaint_in(
        "tile.cc:3:5: warning: unused\n"
        "tile.cc:9:1: error: no member named 'load' in 'aie::vector'\n"
        "    9 | aie::vector::load();\n"
        "      | ^\n"
        "tile.cc:2:7: note: it was declared here\n"
        "tile.cc:11:1: error: expected ';'\n"
        "2 errors generated.\n"
    )

    assert complaint.where == "tile.cc:9:1"
    assert complaint.context == ("tile.cc:2:7: note: it was declared here",)


def test_a_tool_that_calls_nothing_an_error_is_told_by_its_last_lines_without_the_epilogue() -> None:
    complaint = complaint_in("reading\nSegmentation fault\naiecc: edge 'x' (key 'y') failed\naiecc: pipeline failed\n")

    assert (complaint.said, complaint.context) == ("reading", ("Segmentation fault",))


def test_a_tool_that_says_nothing_is_said_to() -> None:
    assert complaint_in("\n").said == "it said nothing"


@pytest.mark.parametrize(
    "text",
    [
        "ld.lld: error: section '.text' will not fit in region 'program': overflowed by 1200 bytes\n",
        "[AIE ERROR] _XAie_LoadProgMemSection():231: Overflow of program memory\n",
    ],
)
def test_a_program_that_is_too_large_is_told_with_the_room_there_is(text: str, tmp_path: Path) -> None:
    assert meaning(text, tmp_path) == Meaning(
        id="program-too-large",
        what="the program of a core does not fit its memory",
        more="a core holds 16,384 bytes of program, with start-up code and the design's own loop",
        fix="make the tile functions smaller: fewer unrolled or inlined loops, fewer templates; or spread them over "
        "several cores",
    )


def test_an_undefined_function_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "tile.cc").write_text('extern "C" void attention_i8(int8_t *q) {}\nextern "C" int other(int) {}\n')

    assert meaning("ld.lld: error: undefined symbol: attention_i9\n", tmp_path) == Meaning(
        id="link-failed",
        what="no object file has the function attention_i9",
        more="the tile code defines attention_i8, other",
        fix="did you mean attention_i8? the design and the tile code must agree",
        name="@attention_i9",
    )


@pytest.mark.parametrize(
    "text",
    [
        "aie.mlir:1:1: error: Unable to find a legal routing\n",
        "aie.mlir:1:1: error: 'aie.device' op unable to find routing for flows\n",
    ],
)
def test_flows_without_a_route_are_told_with_what_takes_room(text: str, tmp_path: Path) -> None:
    assert meaning(text, tmp_path) == Meaning(
        id="no-routing",
        what="the stream switches have no room for all flows of the design",
        fix="use fewer fifos through one column: join or distribute them in a mem tile, move cores nearer to their mem "
        "tile, or enter through the shim tiles of other columns",
    )


def test_another_compiler_than_peanos_is_named(tmp_path: Path) -> None:
    text = (
        "/usr/bin/opt: input_opaque.ll:12:3: error: expected type\n  call void @f(ptr %1)\n"
        "aiecc: '/usr/bin/opt' failed: \naiecc: pipeline failed\n"
    )

    assert meaning(text, tmp_path) == Meaning(
        id="not-peano",
        what="aiecc took /usr/bin/opt, which is not Peano's",
        more="Peano has no opt where aiecc looks for it, and aiecc then takes what is on PATH; an LLVM that is newer "
        "or older does not read what it is given",
        fix="install llvm-aie whole, and let PEANO_INSTALL_DIR name its folder; `tileproof doctor` says what is found",
    )
    assert meaning_of(complaint_in(text.replace("/usr/bin", "/opt/peano/bin")), tmp_path, PEANO) is None


def test_what_only_the_tool_knows_has_no_meaning_of_ours(tmp_path: Path) -> None:
    assert meaning_of(complaint_in("a.mlir:1:1: error: custom op 'aie.tiel' is unknown\n"), tmp_path, PEANO) is None


def test_a_step_that_was_killed_is_told_with_its_likely_cause() -> None:
    assert killed("run aiecc", 137) == Meaning(
        id="step-killed",
        what="run aiecc was killed by signal 9",
        more="the kernel ends a process that way when the machine has no memory left",
        fix="build with fewer jobs at once (-j 1), or on a machine with more memory",
        exit_code=EXIT_NOT_HERE,
    )
    assert killed("run aiecc", 139) == Meaning(
        id="step-killed", what="run aiecc was killed by signal 11", fix="run it again", exit_code=EXIT_NOT_HERE
    )


def test_a_step_that_came_to_no_end_is_told_with_what_it_may_wait_for() -> None:
    assert endless("run aiecc", 600.0) == Meaning(
        id="step-endless",
        what="run aiecc was ended after 600 s, for it came to no end",
        more="all that it had started was ended with it; nothing is known of the kernel",
        fix="see what it waits for: a licence, a disk, memory; a step that is only slow has longer with --step-timeout",
        exit_code=EXIT_NOT_HERE,
    )


SHORT = {
    "g++: fatal error: Killed signal terminated program": "the compiler was ended, or broke, before it was done",
    "tile.cc:3:1: internal compiler error: in f, at g.c:5": "the compiler was ended, or broke, before it was done",
    "cc1plus: out of memory allocating 65536 bytes": "there was not enough memory for the compiler",
    "virtual memory exhausted: Cannot allocate memory": "there was not enough memory for the compiler",
    "collect2: fatal error: cannot find 'ld'": "the compiler does not find its own parts, such as its linker",
    "g++: fatal error: cannot execute 'cc1plus': execvp: No such file or directory":
    "the compiler does not find its own parts, such as its linker",
    "c++: fatal error: cannot execute ‘as’: execvp: No such file or directory":
    "the compiler does not find its own parts, such as its linker",
    "cc1plus: fatal error: tile.cc: Too many open files": "no more files may be opened",
    "Cannot create temporary file in /nowhere/: No such file or directory":
    "a file cannot be written or read where it should be",
    "Fatal error: can't create tile.o: Read-only file system": "a file cannot be written or read where it should be",
    "cc1plus: fatal error: tile.cc: Permission denied": "a file cannot be written or read where it should be",
    "as: tile.o: No space left on device": "the disk is full",
}  # fmt: skip


@pytest.mark.parametrize("said", SHORT)
def test_what_the_machine_is_short_of_is_not_the_kernels_fault(said: str, tmp_path: Path) -> None:
    found = meaning(said + "\n", tmp_path)

    assert found is not None
    assert (found.id, found.what, found.exit_code) == ("machine-short", SHORT[said], EXIT_NOT_HERE)
