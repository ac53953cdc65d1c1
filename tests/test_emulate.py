"""Any design runs on the emulator: `tileproof emulate FILE.mlir`, its tile code and its arguments."""

from __future__ import annotations

import itertools
import json
import os
import stat
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from tileproof.cli import main

# Adds a parameter to every object; the parameter lies in the core's memory, and a lock says that it is there.
ADD = """\
module {{
  aie.device({device}) {{
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {{%tile}}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {{%shim}}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    %more = aie.buffer(%tile) {{sym_name = "more"}} : memref<4xi32>
    %there = aie.lock(%tile, 15) {{init = 0 : i32, sym_name = "there"}}
    %core = aie.core(%tile) {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c16 = arith.constant 16 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {{
        aie.use_lock(%there, AcquireGreaterEqual, 1)
        %x = memref.load %more[%c2] : memref<4xi32>
        %vi = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
        %i = aie.objectfifo.subview.access %vi[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        %vo = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
        %o = aie.objectfifo.subview.access %vo[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        scf.for %k = %c0 to %c16 step %c1 {{
          %a = memref.load %i[%k] : memref<16xi32>
          %b = arith.addi %a, %x : i32
          memref.store %b, %o[%k] : memref<16xi32>
        }}
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
      }}
      aie.end
    }}
    aie.runtime_sequence @once(%a: memref<16xi32>, %b: memref<16xi32>) {{
      {parameter}
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {{id = 0 : i64, metadata = @out}} : memref<16xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {{id = 1 : i64, metadata = @in}} : memref<16xi32>
      aiex.npu.dma_wait {{symbol = @out}}
    }}
    aie.runtime_sequence @five(%a: memref<16xi32>, %b: memref<16xi32>) {{
      aiex.npu.rtp_write(@more, 2, 5)
      aiex.set_lock(%there, 1)
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {{id = 0 : i64, metadata = @out}} : memref<16xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {{id = 1 : i64, metadata = @in}} : memref<16xi32>
      aiex.npu.dma_wait {{symbol = @out}}
    }}
  }}
}}
"""
PARAMETER = "aiex.npu.rtp_write(@more, 2, -3)\n      aiex.set_lock(%there, 1)"

# Calls `scale`, which keeps how often it was called.
CALLING = """\
module {
  aie.device(npu2) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<32xi8>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<32xi8>>
    func.func private @scale(memref<32xi8>, memref<32xi8>, i32) attributes {link_with = "scale.o"}
    %core = aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %three = arith.constant 3 : i32
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %vi = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<32xi8>>
        %i = aie.objectfifo.subview.access %vi[0] : !aie.objectfifosubview<memref<32xi8>> -> memref<32xi8>
        %vo = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<32xi8>>
        %o = aie.objectfifo.subview.access %vo[0] : !aie.objectfifosubview<memref<32xi8>> -> memref<32xi8>
        func.call @scale(%i, %o, %three) : (memref<32xi8>, memref<32xi8>, i32) -> ()
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence(%a: memref<32xi8>, %b: memref<32xi8>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 32][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<32xi8>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 32][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<32xi8>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
"""
SCALE = """\
#include <cstdint>
#include "factor.hpp"
static int calls = 0;
extern "C" void scale(const int8_t *in, int8_t *out, int32_t factor) {
    calls += 1;
    for (int i = 0; i < COUNT; ++i)
        out[i] = static_cast<int8_t>(in[i] * factor + calls);
}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tileproof.emulator.array.orders.BUDGET_S", 60.0)  # however slow this machine is
    Path("calling.mlir").write_text(CALLING)
    Path("scale.cc").write_text(SCALE)
    Path("factor.hpp").write_text("constexpr int COUNT = 32;\n")
    Path("add.mlir").write_text(ADD.format(device="npu1", parameter=PARAMETER))
    np.save("in.npy", np.arange(16, dtype=np.int32) * 1000 - 7)
    return tmp_path


def call(capsys, *arguments: str) -> tuple[int, str, str]:
    try:
        code = main(["emulate", *arguments])
    except SystemExit as ended:
        code = int(ended.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def test_a_design_runs_and_its_output_is_saved(folder, capsys):
    code, out, err = call(capsys, "add.mlir", "--arg", "0=in.npy", "--arg", "1=zeros:16xi32", "--save", "1=out.npy")

    assert (code, err) == (0, "")
    assert out == (
        "add.mlir: @once ran to the end on the emulated npu1 (0 calls of tile functions)\n"
        "  modelled: 6,122 cycles after 25,000 of dispatch; "
        "dispatch-bound: 5,896 of 6,122 cycles on the instruction stream\n"
        "  4 of 4 other legal orders tried (seeds 1, 2, 3, 4), each with the same end\n"
        "  argument 0  memref<16xi32>       unchanged\n"
        "  argument 1  memref<16xi32>       16 of 16 elements changed, saved to out.npy\n"
    )
    assert np.load("out.npy").tolist() == (np.load("in.npy") - 3).tolist()


def test_a_sequence_may_be_named(folder, capsys):
    code, _, _ = call(
        capsys,
        *("add.mlir", "--sequence", "five", "--arg", "0=in.npy", "--arg", "1=zeros", "--save", "1=out.npy"),
    )

    assert code == 0
    assert np.load("out.npy").tolist() == (np.load("in.npy") + 5).tolist()


def test_a_core_that_nobody_gives_its_parameter_waits_for_the_lock(folder, capsys):
    Path("add.mlir").write_text(ADD.format(device="npu2", parameter=""))
    code, out, _ = call(capsys, "add.mlir", "--arg", "0=in.npy", "--arg", "1=zeros")

    assert code == 1
    assert out.startswith("fault: deadlock: the run cannot finish, everyone waits for someone else\n")
    assert "waits for lock there: wants at least 1, it is 0 [add.mlir:16:9]" in out
    assert "add.mlir: @once ended in ERT_CMD_STATE_TIMEOUT on the emulated npu2" in out


def test_tile_code_is_compiled_where_it_lies_and_keeps_its_state_from_run_to_run(folder, capsys):
    np.save("x.npy", np.arange(32, dtype=np.int8))
    code, out, _ = call(
        capsys,
        *("calling.mlir", "--tile-code", "scale.cc", "--arg", "0=x.npy", "--arg", "1=zeros", "--save", "1=y.npy"),
        *("--runs", "3", "--json"),
    )

    assert code == 0
    answer = json.loads(out)
    assert (answer["device"], answer["state"], answer["runs"], answer["calls"], answer["faults"]) == (
        "npu2",
        "ERT_CMD_STATE_COMPLETED",
        3,
        3,
        [],
    )
    assert [(one["number"], one["type"], one["changed"], one["saved"]) for one in answer["arguments"]] == [
        (0, "memref<32xi8>", 0, None),
        (1, "memref<32xi8>", 32, "y.npy"),
    ]
    assert np.load("y.npy").tolist() == [3 * value + 3 for value in range(32)]


def test_random_arguments_are_the_same_every_time_and_differ_by_number(folder, capsys):
    for name in ("one", "two"):
        call(capsys, "add.mlir", "--arg", "0=random", "--arg", "1=random", "--save", f"0={name}.npy")

    assert np.load("one.npy").tolist() == np.load("two.npy").tolist()


def test_a_function_that_writes_too_far_is_a_fault(folder, capsys):
    Path("factor.hpp").write_text("constexpr int COUNT = 33;\n")
    code, out, _ = call(capsys, "calling.mlir", "--tile-code", "scale.cc", "--arg", "0=zeros", "--arg", "1=zeros")

    assert code == 1
    assert out.startswith("fault: scale reads outside its buffers: byte 1 past the end of in_cons_buff_0 (32 bytes)\n")


def test_an_acquire_may_give_its_objects_by_themselves(folder, capsys):
    text = ADD.format(device="npu1", parameter=PARAMETER)
    for name, view in (("in", "i"), ("out", "o")):
        port = "Consume" if name == "in" else "Produce"
        text = text.replace(
            f"%v{view} = aie.objectfifo.acquire @{name}({port}, 1) : !aie.objectfifosubview<memref<16xi32>>",
            f"%{view} = aie.objectfifo.acquire @{name}({port}, 1) : memref<16xi32>",
        ).replace(
            f"%{view} = aie.objectfifo.subview.access %v{view}[0] : !aie.objectfifosubview<memref<16xi32>>"
            " -> memref<16xi32>",
            "",
        )
    assert "subview" not in text
    Path("add.mlir").write_text(text)

    assert call(capsys, "add.mlir", "--arg", "0=in.npy", "--arg", "1=zeros", "--save", "1=out.npy")[0] == 0
    assert np.load("out.npy").tolist() == (np.load("in.npy") - 3).tolist()


# What is asked wrongly


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ("--arg", "0=in.npy"),
            2,
            "error: argument 1 of @once has no value\n"
            "  where: add.mlir:32:5\n"
            "  why:   it is memref<16xi32>\n"
            "  fix:   write --arg 1=FILE.npy, or --arg 1=zeros, ones or random\n"
            "  more:  tileproof explain argument-without-value\n",
        ),
        (
            ("--arg", "2=zeros"),
            2,
            "error: there is no argument 2\n"
            "  where: --arg 2=zeros\n"
            "  why:   @once has 2: 0 memref<16xi32>, 1 memref<16xi32>\n"
            "  fix:   give one of those\n"
            "  more:  tileproof explain unknown-argument\n",
        ),
        (
            ("--arg", "0=in.npy", "--arg", "1=zeros:32xi16"),
            2,
            "error: the argument is of another type\n"
            "  where: --arg 1=zeros:32xi16\n"
            "  why:   it has 32 elements of i16, and the sequence wants memref<16xi32>\n"
            "  fix:   give 16 elements of i32\n"
            "  more:  tileproof explain argument-type\n",
        ),
        (
            ("--arg", "0=wide.npy", "--arg", "1=zeros"),
            2,
            "error: the argument is of another type\n"
            "  where: --arg 0=wide.npy\n"
            "  why:   the file has int64 of shape (16,), and the sequence wants memref<16xi32>\n"
            "  fix:   give 16 elements of i32\n"
            "  more:  tileproof explain argument-type\n",
        ),
        (
            ("--arg", "0=short.npy", "--arg", "1=zeros"),
            2,
            "error: the argument is of another type\n"
            "  where: --arg 0=short.npy\n"
            "  why:   the file has 4 elements of shape (4,), and the sequence wants memref<16xi32>\n"
            "  fix:   give 16 elements of i32\n"
            "  more:  tileproof explain argument-type\n",
        ),
        (
            ("--arg", "0=add.mlir", "--arg", "1=zeros"),
            2,
            "error: argument 0 cannot be made of 'add.mlir'\n"
            "  where: --arg 0=add.mlir\n"
            "  why:   it is neither a file that ends in .npy, nor zeros, ones or random\n"
            "  fix:   write for instance zeros, zeros:4096xi8, or a file\n"
            "  more:  tileproof explain argument-value\n",
        ),
        (
            ("--arg", "0=zeros:16xint", "--arg", "1=zeros"),
            2,
            "error: '16xint' is no type\n"
            "  where: --arg 0=zeros:16xint\n"
            "  why:   a type is its extents and one of i8, i16, i32, i64, ui8, ui16, ui32, bf16, f32\n"
            "  fix:   write for instance zeros:4096xi8\n"
            "  more:  tileproof explain argument-value\n",
        ),
        (
            ("--arg", "0=in.npy", "--arg", "0=zeros", "--arg", "1=zeros"),
            2,
            "error: --arg 0 is there twice\n  where: --arg 0=zeros\n  fix:   keep one of them\n"
            "  more:  tileproof explain given-twice\n",
        ),
        (
            ("--sequence", "twice", "--arg", "0=in.npy", "--arg", "1=zeros"),
            2,
            "error: there is no runtime sequence @twice\n"
            "  where: add.mlir:2:3\n"
            "  fix:   sequences here: @once, @five\n"
            "  more:  tileproof explain unknown-sequence\n",
        ),
        (
            ("--arg", "zeros"),
            2,
            "error: argument --arg: 'zeros' is not of the form 0=VALUE\n"
            "  fix:   `tileproof emulate --help` lists what can be asked\n"
            "  more:  tileproof explain wrong-usage\n",
        ),
    ],
)
def test_what_is_asked_wrongly_is_told(folder, capsys, arguments, code, message):
    np.save("wide.npy", np.arange(16))
    np.save("short.npy", np.arange(4, dtype=np.int32))

    assert call(capsys, "add.mlir", *arguments) == (code, "", message)


def test_an_array_that_is_not_there_or_is_none_is_told(folder, capsys):
    Path("text.npy").write_text("no array")

    for name, words in (("nowhere.npy", "nowhere.npy cannot be read"), ("text.npy", "text.npy is no array")):
        code, out, err = call(capsys, "add.mlir", "--arg", f"0={name}", "--arg", "1=zeros")
        assert (code, out) == (2, "")
        assert err.startswith(f"error: {words}\n")


FORWARD = """\
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    aie.objectfifo @in(%shim, {%mem}, 2 : i32) : !aie.objectfifo<memref<16xTYPE>>
    aie.objectfifo @out(%mem, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xTYPE>>
    aie.objectfifo.link [@in] -> [@out] ([] [])
    aie.runtime_sequence @once(%a: memref<16xTYPE>, %b: memref<16xTYPE>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @in} : memref<16xTYPE>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1])
        {id = 1 : i64, issue_token = true, metadata = @out} : memref<16xTYPE>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
"""
BITS = np.arange(16, dtype=np.uint16) * 0x0123 + 0x3F80


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        ("bf16", BITS.view(ml_dtypes.bfloat16)),
        ("bf16", BITS.view("V2")),
        ("bf16", BITS),
        ("i8", np.arange(16, dtype=np.uint8) + 240),
        ("i32", np.arange(16, dtype=np.int32) - 8),
        ("f32", np.linspace(-1, 1, 16, dtype=np.float32)),
        ("i16", np.arange(16, dtype=np.int16) - 8),
    ],
    ids=["ml_dtypes", "V2", "uint16", "u8 as i8", "i32", "f32", "i16"],
)
def test_what_is_saved_is_taken_back_and_saved_again_the_same(type_, given, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("forward.mlir").write_text(FORWARD.replace("TYPE", type_))
    np.save("0.npy", given)
    for step in (0, 1):
        arguments = ("--arg", f"0={step}.npy", "--arg", "1=zeros", "--save", f"1={step + 1}.npy")
        code, _, err = call(capsys, "forward.mlir", *arguments)
        assert (code, err) == (0, "")

    assert Path("1.npy").read_bytes() == Path("2.npy").read_bytes()
    assert np.load("1.npy").tobytes() == given.tobytes()


def test_words_of_16_bits_are_no_argument_of_another_type_of_two_bytes(tmp_path, monkeypatch, capsys):
    """uint16 stands for bf16, since that is how it is saved, and int16 does not."""
    monkeypatch.chdir(tmp_path)
    Path("forward.mlir").write_text(FORWARD.replace("TYPE", "bf16"))
    np.save("0.npy", BITS.view(np.int16))
    code, _, err = call(capsys, "forward.mlir", "--arg", "0=0.npy", "--arg", "1=zeros")

    assert code == 2
    assert "the file has int16 of shape (16,), and the sequence wants memref<16xbf16>" in err


def test_an_argument_that_cannot_be_saved_is_told(folder, capsys):
    code, _, err = call(
        capsys, "add.mlir", "--arg", "0=in.npy", "--arg", "1=zeros", "--save", "1=no/such/folder/out.npy"
    )

    assert (code, err) == (
        2,
        "error: the file cannot be written\n"
        "  where: --save 1=no/such/folder/out.npy\n"
        "  why:   No such file or directory\n"
        "  fix:   choose another path\n"
        "  more:  tileproof explain output-not-written\n",
    )


def test_tile_code_that_does_not_compile_shows_the_words_of_the_compiler(folder, capsys):
    Path("scale.cc").write_text(SCALE.replace("int32_t factor", "int32_t facto"))
    code, out, err = call(capsys, "calling.mlir", "--tile-code", "scale.cc", "--arg", "0=zeros", "--arg", "1=zeros")

    assert (code, out) == (1, "")
    assert err.startswith("error: scale.cc does not compile\n")
    assert "scale.cc:7:" in err
    assert "factor" in err


def test_a_function_that_the_tile_code_does_not_define_is_told(folder, capsys):
    Path("scale.cc").write_text(SCALE.replace('extern "C" ', ""))
    code, _, err = call(capsys, "calling.mlir", "--tile-code", "scale.cc", "--arg", "0=zeros", "--arg", "1=zeros")

    assert code == 1
    assert err.startswith("error: the tile code does not define scale\n  where: calling.mlir:7:5\n")


def test_a_design_that_calls_without_tile_code_is_told(folder, capsys):
    code, out, _ = call(capsys, "calling.mlir", "--arg", "0=zeros", "--arg", "1=zeros")

    assert code == 1
    assert out.startswith("fault: the core on core (0, 2) calls scale, and there is no such tile function\n")
    assert "  why:   no tile code was given\n" in out


def test_a_register_that_is_no_memory_and_no_lock_is_refused_by_its_address(folder, capsys):
    write = "aiex.npu.write32 {address = 221184 : ui32, column = 0 : i32, row = 2 : i32, value = 1 : ui32}"
    Path("add.mlir").write_text(ADD.format(device="npu1", parameter=write))
    code, out, _ = call(capsys, "add.mlir", "--arg", "0=in.npy", "--arg", "1=zeros")

    assert code == 1
    assert out.startswith(
        "fault: the sequence writes a register that the emulator does not have: 0x36000 of tile (0, 2)\n"
        "  where: insts word 4\n"
    )


def test_bits_of_a_word_of_tile_memory_are_written_under_their_mask(folder, capsys):
    # Word 2 of @more: first all of it, then its low byte.
    parameter = (
        "aiex.npu.rtp_write(@more, 2, 256)\n"
        "aiex.npu.maskwrite32 {address = 2 : ui32, buffer = @more, mask = 255 : ui32, value = 2817 : ui32}\n"
        "aiex.set_lock(%there, 1)"
    )
    Path("add.mlir").write_text(ADD.format(device="npu1", parameter=parameter))

    assert call(capsys, "add.mlir", "--arg", "0=in.npy", "--arg", "1=zeros", "--save", "1=out.npy")[0] == 0
    assert np.load("out.npy").tolist() == (np.load("in.npy") + 256 + 1).tolist()


# Files


def test_a_device_and_a_pipe_stay_what_they_are(folder, capsys):
    """Found by a new user: /dev/null became a file."""
    os.mkfifo("pipe.npy")
    code = call(capsys, "add.mlir", "--arg", "0=in.npy", "--arg", "1=zeros", "--save", "1=/dev/null")[0]

    assert code == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    reader = os.open("pipe.npy", os.O_RDONLY | os.O_NONBLOCK)
    assert call(capsys, "add.mlir", "--arg", "0=in.npy", "--arg", "1=zeros", "--save", "1=pipe.npy")[0] == 0
    assert os.read(reader, 6) == b"\x93NUMPY"
    os.close(reader)
    assert stat.S_ISFIFO(Path("pipe.npy").stat().st_mode)


def test_a_link_is_followed_and_a_mode_is_kept(folder, capsys):
    Path("real.npy").write_bytes(b"")
    Path("real.npy").chmod(0o600)
    Path("link.npy").symlink_to("real.npy")
    assert call(capsys, "add.mlir", "--arg", "0=in.npy", "--arg", "1=zeros", "--save", "1=link.npy")[0] == 0

    assert Path("link.npy").is_symlink()
    assert np.load("real.npy").tolist() == (np.load("in.npy") - 3).tolist()
    assert stat.S_IMODE(Path("real.npy").stat().st_mode) == 0o600


def test_a_full_disk_is_said(folder, capsys):
    code, _, err = call(capsys, "add.mlir", "--arg", "0=in.npy", "--arg", "1=zeros", "--save", "1=/dev/full")

    assert code == 2
    assert "error: the file cannot be written\n" in err
    assert "No space left on device" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--save", "0=add.mlir"),
            "add.mlir would be overwritten\n  where: --save 0=add.mlir\n  why:   it is what is read",
        ),
        (("--trace", "add.mlir"), "add.mlir would be overwritten"),
        (("--save", "1=in.npy"), "in.npy would be overwritten"),
        (("--save", "0=o.npy", "--save", "1=o.npy"), "why:   it is written by --save 0=o.npy"),
        (("--save", "1=."), "the file cannot be written"),
        (("--trace", "."), "the file cannot be written"),
        (("--seed", "3"), "--seed is of an adversarial order"),
        (("--trace", "t.json", "--schedule", "adversarial"), "there is no timeline of an adversarial order"),
        (("--timeout", "1e9"), "is not a number of seconds above 0, and within a week"),
        (("--target", "npu3"), "npu3"),
    ],
)
def test_what_would_do_harm_or_nothing_is_refused(folder, capsys, options, message):
    before = Path("add.mlir").read_text()
    code, _, err = call(capsys, "add.mlir", "--arg", "0=in.npy", "--arg", "1=zeros", *options)

    assert code == 2
    assert message in err
    assert Path("add.mlir").read_text() == before


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY"], ids=["empty", "text", "cut"])
def test_a_file_that_is_no_array_is_named(folder, capsys, content):
    Path("bad.npy").write_bytes(content)
    code, _, err = call(capsys, "add.mlir", "--arg", "0=bad.npy", "--arg", "1=zeros")

    assert code == 2
    assert err.startswith("error: bad.npy is no array\n")


def test_an_archive_of_arrays_is_no_array(folder, capsys):
    np.savez("many.npz", a=np.zeros(16, np.int32))
    Path("many.npz").rename("many.npy")

    assert call(capsys, "add.mlir", "--arg", "0=many.npy", "--arg", "1=zeros")[2].startswith(
        "error: many.npy is no array\n  where: --arg 0=many.npy\n  why:   it is an archive of several\n"
    )


def test_a_device_without_the_designs_columns_is_refused(folder, capsys):
    text = ADD.format(device="npu2", parameter=PARAMETER).replace("aie.tile(0, ", "aie.tile(3, ")
    Path("add.mlir").write_text(text)

    assert call(capsys, "add.mlir", "--target", "npu2_4col", "--arg", "0=in.npy", "--arg", "1=zeros")[0] == 0
    code, _, err = call(capsys, "add.mlir", "--target", "npu2_1col", "--arg", "0=in.npy", "--arg", "1=zeros")
    assert code == 2
    assert err.startswith("error: npu2_1col has no shim (3, 0)\n")


# Pictures


def test_the_timeline_has_a_row_for_everybody_and_no_row_overlaps_itself(folder, capsys):
    assert call(capsys, "add.mlir", "--arg", "0=in.npy", "--arg", "1=zeros", "--trace", "t.json")[0] == 0
    events = json.loads(Path("t.json").read_text())["traceEvents"]
    rows = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    spans = [event for event in events if event["ph"] == "X"]

    assert set(rows.values()) >= {
        "the core on core (0, 2)",
        "the instruction stream",
        "S2MM channel 0 of core (0, 2)",
        "MM2S channel 0 of core (0, 2)",
        "MM2S channel 0 of shim (0, 0) (@in)",
        "S2MM channel 0 of shim (0, 0) (@out)",
    }
    for row in rows:
        mine = sorted((event["ts"], event["dur"]) for event in spans if event["tid"] == row)
        assert all(start + length <= after for (start, length), (after, _) in itertools.pairwise(mine)), rows[row]
        assert all(length >= 0 for _, length in mine)
    assert not any("0 more bytes" in event["name"] or "wants 1, it is 1" in event["name"] for event in spans)


def test_a_deadlock_is_drawn_and_stands_in_the_timeline(folder, capsys):
    Path("add.mlir").write_text(ADD.format(device="npu1", parameter=""))
    options = ("--dot", "d.dot", "--trace", "t.json")
    assert call(capsys, "add.mlir", "--arg", "0=in.npy", "--arg", "1=zeros", *options)[0] == 1

    dot = Path("d.dot").read_text()
    assert dot.startswith("digraph deadlock {\n")
    assert '  "the core on core (0, 2)" -> "nobody" [label="lock there is 0"];\n' in dot
    names = [event["name"] for event in json.loads(Path("t.json").read_text())["traceEvents"]]
    assert "waits for lock there: wants at least 1, it is 0" in names


def test_another_order_is_tried_and_the_silent_are_silent_from_the_command_line(folder, capsys):
    arguments = ("add.mlir", "--arg", "0=in.npy", "--arg", "1=zeros")
    code, out, _ = call(capsys, *arguments, "--schedule", "adversarial", "--seed", "7")
    assert code == 0
    assert "modelled" not in out
    Path("add.mlir").write_text(ADD.format(device="npu1", parameter="aiex.set_lock(%there, 1)"))
    assert "reads what nobody has written" in call(capsys, *arguments)[1]
    assert call(capsys, *arguments, "--as-hardware")[0] == 0


# Tile code that misbehaves


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("int8_t *in", "int16_t *in", "parameter 1 of @scale is `const int16_t *in` in the tile code"),
        ("int32_t factor", "int32_t factor, int32_t", "@scale has 4 parameters in the tile code"),
    ],
)
def test_a_function_with_other_parameters_than_declared_is_named(folder, capsys, old, new, what):
    assert old in SCALE
    Path("scale.cc").write_text(SCALE.replace(old, new, 1))
    command = ("calling.mlir", "--tile-code", "scale.cc", "--arg", "0=zeros", "--arg", "1=zeros")
    code, out, _ = call(capsys, *command)

    assert code == 1
    assert what in out
    assert call(capsys, *command, "--as-hardware")[0] == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "struct S { S() { *reinterpret_cast<volatile int *>(8) = 1; } }; static S s;",
            "the constructors of the tile code",
        ),
        ("static int answer = [] { volatile int k = 42; return k; }();", ""),
    ],
    ids=["crashes", "works"],
)
def test_constructors_of_global_objects_run_and_what_they_do_is_told(folder, capsys, body, words):
    Path("scale.cc").write_text(f"{body}\n" + Path("scale.cc").read_text())
    np.save("x.npy", np.arange(32, dtype=np.int8))
    code, _, err = call(capsys, "calling.mlir", "--tile-code", "scale.cc", "--arg", "0=x.npy", "--arg", "1=zeros")

    assert code == (1 if words else 0)
    assert words in err


def test_a_missing_file_of_tile_code_is_a_wrong_request(folder, capsys):
    code, _, err = call(capsys, "calling.mlir", "--tile-code", "none.cc", "--arg", "0=zeros", "--arg", "1=zeros")

    assert code == 2
    assert err.startswith("error: there is no tile code none.cc\n")


# --- blocks

SQUARES = """\
module {{
  aie.device({device}) {{
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    func.func private @squares({block}, {block}) attributes {{link_with = "squares.o"}}
    aie.objectfifo @in(%shim, {{%tile}}, 2 : i32) : !aie.objectfifo<{block}>
    aie.objectfifo @out(%tile, {{%shim}}, 2 : i32) : !aie.objectfifo<{block}>
    aie.core(%tile) {{
      %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<{block}>
      %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<{block}> -> {block}
      %ys = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<{block}>
      %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<{block}> -> {block}
      func.call @squares(%x, %y) : ({block}, {block}) -> ()
      aie.objectfifo.release @in(Consume, 1)
      aie.objectfifo.release @out(Produce, 1)
      aie.end
    }}
    aie.runtime_sequence @run(%a: {block}, %b: {block}) {{
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 8][0, 0, 0, 1]) {{id = 0 : i64, metadata = @out}} : {block}
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 8][0, 0, 0, 1]) {{id = 1 : i64, metadata = @in}} : {block}
      aiex.npu.dma_wait {{symbol = @out}}
    }}
  }}
}}
"""
SQUARES_CC = """\
#include <aie_api/aie.hpp>
extern "C" void squares(bfp16ebs8 *x, bfp16ebs8 *y) {
    const auto a = aie::block_vector_input_buffer_stream<bfp16ebs8, 64>(x).pop();
    aie::block_vector_output_buffer_stream<bfp16ebs8, 64>(y).push(mul_8x8_8x8T(a, a).to_vector<bfp16ebs8>());
}
"""
BLOCK = 'memref<8x!aiex.bfp<"v8bfp16ebs8">>'


@pytest.fixture
def squares(folder):
    Path("squares.mlir").write_text(SQUARES.format(device="npu2_1col", block=BLOCK))
    Path("squares.cc").write_text(SQUARES_CC)
    blocks = np.full((8, 9), 64, np.uint8)  # rows of 1, 2, 4, ..., 128
    blocks[:, 0] = 127 + np.arange(8)
    np.save("blocks.npy", blocks)
    return folder


@pytest.mark.parametrize(
    ("shape", "block"), [((8, 9), BLOCK), ((72,), BLOCK), ("V9", BLOCK), ((8, 9), "memref<8xi72>")]
)
def test_blocks_are_given_and_saved_as_bytes(squares, capsys, shape, block):
    Path("squares.mlir").write_text(SQUARES.format(device="npu2_1col", block=block))
    given = np.load("blocks.npy")
    np.save("given.npy", given.view(shape).ravel() if isinstance(shape, str) else given.reshape(shape))
    arguments = ("--tile-code", "squares.cc", "--arg", "0=given.npy", "--arg", "1=zeros:8xbfp16ebs8")
    code, out, err = call(capsys, "squares.mlir", *arguments, "--save", "0=in_.npy", "--save", "1=out.npy")

    assert (code, err) == (0, "")
    assert f"argument 1  {block} " in out
    assert "8 of 8 elements changed, saved to out.npy" in out
    assert np.array_equal(given, np.load("in_.npy"))
    # A row is 2^i times those of all others: 8 * 2^(i + j), the largest of them 8 * 2^(i + 7).
    expected = [[127 + i + 10, *(64 >> (7 - j) for j in range(8))] for i in range(8)]
    assert expected == np.load("out.npy").tolist()


@pytest.mark.parametrize(("value", "row"), [("zeros", [0] * 9), ("ones", [127, *[64] * 8]), ("random", None)])
def test_blocks_have_values_by_name(squares, capsys, value, row):
    call(capsys, "squares.mlir", "--tile-code", "squares.cc", *(f"--arg={n}={value}" for n in (0, 1)), "--save=0=a.npy")

    blocks = np.load("a.npy")
    assert blocks.tolist() == [row] * 8 if row else set(blocks[:, 0]) == {127} and len(set(blocks[:, 1:].ravel())) > 32


def test_bytes_that_are_no_blocks_are_told(squares, capsys):
    np.save("short.npy", np.zeros(71, np.uint8))
    arguments = ("--tile-code", "squares.cc", "--arg", "0=short.npy", "--arg", "1=zeros")

    assert call(capsys, "squares.mlir", *arguments) == (
        2,
        "",
        "error: the argument is of another type\n"
        "  where: --arg 0=short.npy\n"
        f"  why:   the file has 71 elements of shape (71,), and the sequence wants {BLOCK}\n"
        "  fix:   give 72 bytes (uint8), 9 for each element\n"
        "  more:  tileproof explain argument-type\n",
    )


def test_blocks_of_another_make_are_refused(squares, capsys):
    block = BLOCK.replace("v8bfp16ebs8", "v16bfp16ebs16")
    Path("squares.mlir").write_text(SQUARES.format(device="npu2_1col", block=block))
    arguments = ("--tile-code", "squares.cc", "--arg", "0=zeros", "--arg", "1=zeros")

    assert call(capsys, "squares.mlir", *arguments) == (
        2,
        "",
        f"error: {block} has elements that tileproof does not know\n"
        "  where: squares.mlir:5:5\n"
        '  fix:   use a fixed shape of !aiex.bfp<"v8bfp16ebs8">, i72\n'
        "  more:  tileproof explain TP001\n",
    )


def test_tile_code_with_blocks_is_refused_on_npu1(squares, capsys):
    Path("squares.mlir").write_text(SQUARES.format(device="npu1_1col", block=BLOCK))
    code, _, err = call(capsys, "squares.mlir", "--tile-code", "squares.cc", "--arg", "0=zeros", "--arg", "1=zeros")

    assert code == 1
    assert "npu1 (AIE2) has no block floating point: aie::block_vector and bfp16ebs8 are of npu2 (AIE2P)" in err
