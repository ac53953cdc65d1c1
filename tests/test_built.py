"""check FILE.xclbin: what is wrong with an xclbin, and with the instructions that are to run with it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tileproof.check.built import CHECKED, check_built
from tileproof.check.checked import BuiltFile
from tileproof.cli import main
from tileproof.diagnostic import Diagnostic
from tileproof.errors import Problem
from tileproof.lowering.lower import lower_design
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.reader import read_design
from tileproof.mlir_aie_versions import NEWEST, Version, version_named
from tileproof.xclbin import PackageRequest, Section, Xclbin, build_xclbin, write_xclbin
from tileproof.xclbin.description import describe, description_text, host_call
from tileproof.xclbin.names import KIND_OF
from tileproof.xclbin.provenance import Provenance, with_provenance
from tileproof.xclbin.sections import (
    AiePartition,
    AiePdi,
    CdoGroup,
    Connection,
    IpData,
    KernelArgument,
    KernelMetadata,
    dpu_properties,
    parse_connectivity,
    parse_embedded_metadata,
    serialise_aie_partition,
    serialise_connectivity,
    serialise_embedded_metadata,
    serialise_ip_layout,
)

UUID, PDI_UUID, OTHER_UUID = bytes(range(1, 17)), bytes(range(2, 18)), bytes(range(3, 19))
GROUP = CdoGroup(name="DPU", dpu_kernel_ids=(0x901,), pre_cdo_groups=(0xC1,))
PDI = AiePdi(uuid=PDI_UUID, image=b"pdi" * 100, cdo_groups=(GROUP,))
PARTITION = AiePartition(column_width=4, start_columns=(0,), pdis=(PDI,))


def package(**changes: object) -> Xclbin:
    plain = {"columns": 4, "start_columns": (0,), "pdi": PDI.image, "uuid": UUID, "pdi_uuid": PDI_UUID}
    return build_xclbin(PackageRequest(**{**plain, **changes}))  # type: ignore[arg-type]


def with_section(xclbin: Xclbin, kind: str, data: bytes | None) -> Xclbin:
    """The same, with another section of that kind, or without one."""
    kept = tuple(section for section in xclbin.sections if section.kind_name != kind)
    return replace(xclbin, sections=kept if data is None else (*kept, Section(kind=KIND_OF[kind], data=data)))


def findings(xclbin: Xclbin, insts: bytes | None = None) -> tuple[Diagnostic, ...]:
    words = None if insts is None else BuiltFile("insts.bin", insts)
    return check_built(BuiltFile("a.xclbin", write_xclbin(xclbin)), words)


def words(buffers: int = 2, device: str = "npu1", version: Version = NEWEST) -> bytes:
    """A sequence that moves its last argument to the array."""
    arguments = ", ".join(f"%a{k}: memref<64xi8>" for k in range(buffers))
    text = f"""\
module {{
  aie.device({device}) {{
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {{%tile}}, 2 : i32) : !aie.objectfifo<memref<64xi8>>
    aie.runtime_sequence @sequence({arguments}) {{
      aiex.npu.dma_memcpy_nd(%a{buffers - 1}[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1])
        {{id = 0 : i64, issue_token = true, metadata = @in}} : memref<64xi8>
      aiex.npu.dma_wait {{symbol = @in}}
    }}
  }}
}}
"""
    lowered = lower_design(read_design(text, "a.mlir"), version=version)  # type: ignore[arg-type]
    return sequence_words(lowered, main_sequence(lowered))


@pytest.mark.parametrize("buffers", [1, 5, 7])
def test_what_is_packaged_as_aiecc_packages_it_is_found_good(buffers: int) -> None:
    assert findings(package(buffers=buffers), words(buffers)) == ()


# The xclbin by itself


def partition(**changes: object) -> Xclbin:
    return with_section(package(), "AIE_PARTITION", serialise_aie_partition(replace(PARTITION, **changes)))  # type: ignore[arg-type]


def connected(*rows: Connection) -> Xclbin:
    xclbin = package()
    for kind in ("CONNECTIVITY", "GROUP_CONNECTIVITY"):
        xclbin = with_section(xclbin, kind, serialise_connectivity(rows))
    return xclbin


def rows(*, without: int | None = None, bank: int = 0) -> list[Connection]:
    """The rows of a package, argument 4 connected to `bank`."""
    section = package().section("CONNECTIVITY")
    assert section is not None
    return [
        replace(row, mem_data_index=bank) if row.arg_index == 4 else row
        for row in parse_connectivity(section, "a.xclbin")
        if row.arg_index != without
    ]


def arguments(**kinds: str) -> tuple[KernelArgument, ...]:
    """An argument for each name, `scalar` or `buffer`, in the order of their indices."""
    return tuple(
        KernelArgument(
            name=name,
            qualifier="SCALAR" if kind == "scalar" else "GLOBAL",
            index=index,
            size=8,
            offset=8 * index,
            type="uint64_t" if kind == "scalar" else "char *",
        )
        for index, (name, kind) in enumerate(kinds.items())
    )


SERVED = (0x901, 0x1010)


def as_amd_packs() -> Xclbin:
    """A stub without an id or a bank, a DPU kernel whose instructions come behind its buffers and whose id has more
    bits than IP_LAYOUT keeps, and one for profiling that shares the first one's PDI."""
    own = arguments(opcode="scalar", ifm="buffer", param="buffer", ofm="buffer", instruct="buffer", nistruct="scalar")
    kernels = (
        KernelMetadata(name="stub", type="", instances=("stub_1",), arguments=arguments(a="buffer", n="scalar")),
        KernelMetadata(name="NET", kernel_id=0x1010, instances=("ONE",), arguments=own),
        KernelMetadata(name="PROFILE", kernel_id=0x1010, instances=("ONE",), arguments=own),
    )
    units = (
        IpData(name="stub:stub_1", type=1, properties=0),
        IpData(name="NET:ONE", properties=dpu_properties(0x010)),
        IpData(name="PROFILE:ONE", properties=dpu_properties(0x010)),
    )
    rows = tuple(
        Connection(arg_index=argument.index, ip_layout_index=unit, mem_data_index=int(argument.name == "instruct"))
        for unit in (1, 2)
        for argument in own
        if argument.qualifier == "GLOBAL"
    )
    xclbin = partition(start_columns=(1,), pdis=(replace(PDI, cdo_groups=(replace(GROUP, dpu_kernel_ids=SERVED),)),))
    xclbin = with_section(xclbin, "EMBEDDED_METADATA", serialise_embedded_metadata(kernels))
    xclbin = with_section(xclbin, "GROUP_CONNECTIVITY", serialise_connectivity(rows))
    xclbin = with_section(xclbin, "CONNECTIVITY", serialise_connectivity(rows))
    return with_section(xclbin, "IP_LAYOUT", serialise_ip_layout(units))


def test_an_xclbin_as_amd_packs_it_is_found_good() -> None:
    assert findings(as_amd_packs(), words()) == ()


def test_the_call_is_to_the_kernel_for_the_npu_with_its_own_indices() -> None:
    call = host_call(describe(write_xclbin(as_amd_packs()), "a"), "a.xclbin", {3: 64})

    compile(call, "call.py", "exec")
    assert "kernel = pyxrt.kernel(context, 'NET')" in call
    assert "sizes = {1: 0, 2: 0, 3: 0}  # FILL IN: bytes of each buffer" in call
    assert "pyxrt.bo.cacheable, kernel.group_id(4))" in call
    assert "run.set_arg(0, 3)\nrun.set_arg(4, instructions)\nrun.set_arg(5, len(words))\n" in call


def test_a_stub_is_shown_as_one() -> None:
    lines = description_text(describe(write_xclbin(as_amd_packs()), "a")).splitlines()

    assert "kernel stub:stub_1, not for the NPU: it has neither the type dpu nor an id" in lines
    assert "kernel NET:ONE, id 0x1010" in lines


def test_a_file_of_stubs_only_has_no_call_and_is_told_what_they_lack() -> None:
    stub = KernelMetadata(name="stub", type="", instances=("stub_1",), arguments=arguments(a="buffer"))
    xclbin = with_section(package(), "EMBEDDED_METADATA", serialise_embedded_metadata((stub,)))

    assert host_call(describe(write_xclbin(xclbin), "a"), "a.xclbin") == ""
    assert ("TP706", "kernel stub has no id") in {(one.id, one.what) for one in findings(xclbin)}


def kernel_without_an_id() -> Xclbin:
    section = package().section("EMBEDDED_METADATA")
    assert section is not None
    (kernel,) = parse_embedded_metadata(section, "a.xclbin")
    return with_section(package(), "EMBEDDED_METADATA", serialise_embedded_metadata((replace(kernel, kernel_id=None),)))


def other_ip_layout() -> Xclbin:
    unit = IpData(name="MLIR_AIE:MLIRAIE", properties=dpu_properties(0x123))
    return with_section(package(), "IP_LAYOUT", serialise_ip_layout([unit]))


BROKEN = {
    "nil uuid": (package(uuid=bytes(16)), "TP704", "a.xclbin has the nil uuid", "its header has zeros for it"),
    "nil PDI uuid": (
        package(pdi_uuid=bytes(16)),
        "TP704",
        "a PDI has the nil uuid",
        "AIE_PARTITION has zeros for it",
    ),
    "one uuid twice": (
        partition(pdis=(PDI, replace(PDI, cdo_groups=()))),
        "TP704",
        "2 PDIs have one uuid",
        "it is 02030405-0607-0809-0a0b-0c0d0e0f1011",
    ),
    "no metadata": (
        with_section(package(), "EMBEDDED_METADATA", None),
        "TP705",
        "a.xclbin has no kernel",
        "its sections: MEM_TOPOLOGY, AIE_PARTITION, IP_LAYOUT, CONNECTIVITY, GROUP_CONNECTIVITY, GROUP_TOPOLOGY",
    ),
    "no id": (kernel_without_an_id(), "TP706", "kernel MLIR_AIE has no id", "its metadata gives it none"),
    "unserved": (
        partition(pdis=(replace(PDI, cdo_groups=(replace(GROUP, dpu_kernel_ids=(0x902,)),)),)),
        "TP706",
        "no PDI serves kernel MLIR_AIE",
        "its id is 0x901, and the PDIs serve 0x902",
    ),
    "one id of two PDIs": (
        partition(pdis=(PDI, replace(PDI, uuid=OTHER_UUID))),
        "TP706",
        "2 PDIs serve one kernel id",
        "it is 0x901",
    ),
    "other IP_LAYOUT": (
        other_ip_layout(),
        "TP706",
        "IP_LAYOUT does not agree about MLIR_AIE:MLIRAIE",
        "EMBEDDED_METADATA has 0x901 for it, and IP_LAYOUT has 0x123",
    ),
    "unconnected": (
        connected(*rows(without=4)),
        "TP707",
        "argument 4 (bo1) of MLIR_AIE reaches no bank",
        "it is a buffer, and no row of CONNECTIVITY names it: its group id is 131071, as of a scalar",
    ),
    "bank not there": (
        connected(*rows(bank=7)),
        "TP707",
        "argument 4 (bo1) of MLIR_AIE reaches a bank that is not there",
        "CONNECTIVITY says bank 7, and there are 2",
    ),
    "stray": (
        connected(*rows(), Connection(arg_index=8, ip_layout_index=0, mem_data_index=0)),
        "TP707",
        "more buffers are connected than the kernel has arguments",
        "CONNECTIVITY names 8, and the kernel has 8 arguments",
    ),
    "no partition": (
        with_section(package(), "AIE_PARTITION", None),
        "TP708",
        "a.xclbin has no partition",
        "it has no columns in AIE_PARTITION",
    ),
    "begins nowhere": (
        partition(start_columns=()),
        "TP708",
        "the partition can begin nowhere",
        "it takes 4, and AIE_PARTITION lists no column to begin at",
    ),
    "too wide": (
        partition(column_width=9),
        "TP708",
        "the partition is wider than the array",
        "it takes 9 columns, and the widest NPU has 8",
    ),
    "no PDI": (partition(pdis=()), "TP709", "the partition has no PDI", "there is nothing to load into the array"),
    "empty PDI": (
        package(pdi=b""),
        "TP709",
        "a PDI is empty",
        "PDI 02030405-0607-0809-0a0b-0c0d0e0f1011 has 0 bytes",
    ),
}


@pytest.mark.parametrize(("xclbin", "id_", "what", "why"), BROKEN.values(), ids=BROKEN)
def test_a_broken_xclbin_is_told_what_breaks_it(xclbin: Xclbin, id_: str, what: str, why: str) -> None:
    found = {(one.id, one.what, one.why) for one in findings(xclbin)}

    assert (id_, what, why) in found


def test_a_finding_in_full() -> None:
    (found,) = findings(connected(*rows(without=4)))

    assert found.paragraph == (
        "error TP707 (connectivity): argument 4 (bo1) of MLIR_AIE reaches no bank\n"
        "  where: a.xclbin\n"
        "  why:   it is a buffer, and no row of CONNECTIVITY names it: its group id is 131071, as of a scalar\n"
        "  fix:   `tileproof rebank --arg NAME=BANK` connects an argument; or package again with the kernels.json of "
        "the design"
    )


# With instructions


def ours(insts: bytes, target: str = "npu1") -> Xclbin:
    provenance = Provenance(
        tileproof="0", variant="a", target=target, toolchain="host", digest="0" * 64,
        insts_sha256=hashlib.sha256(insts).hexdigest(),
    )  # fmt: skip
    return with_provenance(package(), provenance)


def test_instructions_of_another_build_are_found() -> None:
    assert [one.id for one in findings(ours(words(2)), words(3))] == ["TP703"]


def test_instructions_for_another_npu_are_found() -> None:
    (found,) = findings(ours(words(2, device="npu2")), words(2, device="npu2"))

    assert (found.id, found.why) == (
        "TP710",
        "a.xclbin was built for npu1, and the header of insts.bin says npu2",
    )


def test_a_partition_is_held_against_the_npu_that_the_instructions_are_for() -> None:
    (found,) = findings(partition(column_width=5), words())

    assert (found.id, found.why) == ("TP708", "it takes 5 columns, and npu1 has 4")


@pytest.mark.parametrize("start_columns", [(1,), (1, 2, 3, 4), (0, 5)])
def test_where_a_partition_may_begin_is_the_drivers_to_say(start_columns: tuple[int, ...]) -> None:
    assert findings(partition(start_columns=start_columns), words()) == ()


def test_an_argument_that_the_kernel_does_not_have_is_found() -> None:
    (found,) = findings(package(), words(6))

    assert (found.id, str(found.place), found.why) == (
        "TP711",
        "insts.bin",
        "word 16 wants the address of argument 8, and a.xclbin has 0 to 7",
    )


def test_a_sixth_buffer_of_the_older_mlir_aie_is_a_warning() -> None:
    (found,) = findings(package(buffers=6), words(6, version=version_named("2026-03")))

    assert (found.id, found.is_error, found.why) == (
        "TP712",
        False,
        "word 16 patches argument 8 without 0x80000000, the aperture of host memory",
    )


def test_every_check_of_an_xclbin_has_a_file_that_it_refuses() -> None:
    refused = {id_ for _, id_, _, _ in BROKEN.values()} | {"TP703", "TP710", "TP711", "TP712"}

    assert refused == {check.id for check in CHECKED}


# The command


def test_check_takes_an_xclbin_and_its_instructions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    xclbin, insts = tmp_path / "a.xclbin", tmp_path / "insts.bin"
    xclbin.write_bytes(write_xclbin(package()))
    insts.write_bytes(words())

    assert main(["check", str(xclbin), "--insts", str(insts)]) == 0
    assert capsys.readouterr().out == f"{xclbin}: nothing found by 10 checks\n"

    text = tmp_path / "insts.txt"
    text.write_text("\n".join(words()[at : at + 4][::-1].hex() for at in range(0, len(words()), 4)))
    assert main(["check", str(xclbin), "--insts", str(text)]) == 0
    capsys.readouterr()

    insts.write_bytes(words(6))
    assert main(["check", str(xclbin), "--insts", str(insts), "--sarif"]) == 1
    (result,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert result["ruleId"] == "TP711"
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "insts.bin"}}}]


def test_check_refuses_what_is_no_xclbin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    xclbin = tmp_path / "a.xclbin"
    xclbin.write_bytes(b"ELF")

    assert main(["check", str(xclbin)]) == 2
    assert "a.xclbin" in capsys.readouterr().err


def test_check_of_an_xclbin_takes_no_tile_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "a.xclbin", "--tile-code", "tile.cc"]) == 2
    assert capsys.readouterr().err.startswith(
        "error: --tile-code is for a design\n"
        "  where: tileproof check a.xclbin\n"
        "  why:   an xclbin is checked by itself, or with its --insts\n"
        "  fix:   leave it out, or name the design that it was built of\n"
    )


def test_instructions_alone_are_not_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "insts.bin"]) == 2
    assert capsys.readouterr().err.startswith(
        "error: instructions are checked with what they are to run with\n"
        "  where: tileproof check insts.bin\n"
        "  why:   by themselves they say nothing of the kernel's arguments\n"
        "  fix:   tileproof check FILE.xclbin --insts insts.bin; `tileproof inspect insts.bin` lists them\n"
    )


def test_instructions_that_are_none_are_refused() -> None:
    with pytest.raises(Problem, match=r"insts\.bin"):
        findings(package(), b"nothing")
