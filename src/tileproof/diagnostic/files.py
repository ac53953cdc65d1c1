"""Files: what an xclbin, instructions, a recording or another built file says of itself, and cannot be."""

from __future__ import annotations

from tileproof.diagnostic.entry import Change, Entry, Example


def _file(id_: str, sentence: str, fix: str, cause: str, example: Example | None = None) -> Entry:
    return Entry(id=id_, name=id_, severity="error", sentence=sentence, fix=fix, cause=cause, example=example)


FILES = (
    _file(
        "damaged-file",
        "A file does not hold what it says that it holds.",
        "copy it again, or make it anew",
        "A length, a count or an offset in it leads outside it, or it ends too early. What is left of it may still "
        "load, and do something else.",
        Example(
            command="tileproof verify double --kernels kernels --out session --resume",
            changes=(Change("session/verdicts.json", "", '{"verdicts": [\n'),),
        ),
    ),
    _file(
        "not-instructions",
        "A file is not an instruction stream.",
        "name the insts.bin that the build wrote; `tileproof build` says where it is",
        "An instruction stream begins with a header of four words that counts its bytes, in binary or as text with a "
        "hexadecimal word a line. An ELF, an xclbin and what mlir-aie wrote until June 2024 are something else.",
    ),
    _file(
        "unknown-operation",
        "An instruction stream holds an operation that tileproof does not know.",
        "build it again if it should hold writes and syncs only",
        "The length of an operation follows from its code. Behind one of unknown length nothing can be read.",
    ),
    _file(
        "no-section",
        "An xclbin lacks a section.",
        "package it with aiecc, or xclbinutil with --add-kernel and a mem_topology.json",
        "Banks, connections and partitions each have a section of their own. What is not there cannot be shown or "
        "changed.",
    ),
    _file(
        "not-in-an-xclbin",
        "A name or a number does not fit its field in an xclbin.",
        "shorten it, and use plain ASCII letters, digits and _",
        "The tables of an xclbin have fields of fixed size, one byte a character. What is cut off would be another "
        "name.",
    ),
    _file(
        "scalar-in-no-bank",
        "A bank is asked for an argument that is a number.",
        "leave it as it is; the buffers of a kernel are bo0 and up",
        "XRT writes the value of a scalar into the command. A buffer that is passed there is the mistake behind "
        "`bank 131071`.",
    ),
    _file(
        "other-variant",
        "An xclbin was built for another kernel, target or sizes than are to be verified.",
        "give the same kernel, --target and --set that it was built with",
        "Each xclbin of tileproof says what it was built as. Held against the golden model of something else, it would "
        "be called wrong.",
    ),
    _file(
        "other-device",
        "An xclbin was packed for an NPU and is to run on the emulator, or the reverse.",
        "choose the --device that it was packed for, or build again: --toolchain host makes one for the emulator",
        "For an NPU it holds machine code of the array, which the emulator does not execute. For the emulator it holds "
        "native code, which no NPU does.",
    ),
    _file(
        "other-emulator",
        "An xclbin was built for another emulator.",
        "build again on this machine: `tileproof build KERNEL`",
        "What the emulator runs is native code and a lowered design, in the format of one tileproof and for one kind "
        "of processor.",
    ),
    _file(
        "not-recorded",
        "There is no recording of what an NPU answers to this.",
        "record it on an NPU: `tileproof verify --device npu --record`; or use --device emulator",
        "A recording holds answers to certain inputs of one state of a kernel. When the kernel or the inputs change, "
        "an old answer proves nothing.",
    ),
)
