"""doctor: what is present, absent or broken on a machine, each with the line that mends it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from stand_in_tools import BROKEN, NEWEST, install

from tileproof.cli import main
from tileproof.toolchain.doctor import Part, can_work, examine
from tileproof.toolchain.npu import Machine, examine_npu, tag_of_this_python

EXAMINE = """\
System Configuration
  OS Name              : Linux
XRT
  Version              : 2.20.0
  amdxdna Version      : 2.20.0_20251031
  NPU Firmware Version : 1.5.5.391
Device(s) Present
|BDF             |Name             |
|----------------|-----------------|
|[0000:c7:00.1]  |{npu:<17}|
"""


def machine(folder: Path, *, npu: str = "NPU Phoenix", memlock: int = -1, day: str = NEWEST) -> Machine:
    """One with everything: driver, device node, XRT, a binding that fits, and the tools of mlir-aie."""
    environ = install(folder / "tools", day)
    root, xrt = folder / "root", Path(environ["XILINX_XRT"])
    (root / "sys/module/amdxdna").mkdir(parents=True)
    (root / "sys/module/amdxdna/version").write_text("2.20.0_20251031\n")
    (root / "dev/accel").mkdir(parents=True)
    (root / "dev/accel/accel0").touch()
    (xrt / "python").mkdir()
    (xrt / "python" / f"pyxrt.{tag_of_this_python()}-x86_64-linux-gnu.so").touch()
    smi = xrt / "bin" / "xrt-smi"
    smi.write_text(f"#!/bin/sh\ncat <<'END'\n{EXAMINE.format(npu=npu)}END\n")
    smi.chmod(0o755)
    return Machine(root=root, environ=environ, memlock=memlock)


def found(findings: tuple[Part, ...]) -> dict[str, Part]:
    return {finding.thing: finding for finding in findings}


def told(finding: Part) -> tuple[str, str, str]:
    return finding.state, finding.detail, finding.fix


def test_a_machine_with_everything_has_nothing_to_mend(tmp_path: Path) -> None:
    here = machine(tmp_path)
    findings = examine(here)
    by_name = found(findings)

    assert can_work(findings, "npu")
    assert can_work(findings, "emulator")
    assert {f.thing for f in findings if f.state != "present"} == {"chess"}
    assert by_name["amdxdna driver"].detail == "2.20.0_20251031"
    assert by_name["XRT"].detail == "2.20.0"
    assert by_name["NPU firmware"].detail == "1.5.5.391"
    assert by_name["NPU"].detail == "NPU Phoenix: npu1, 4 columns; --target npu1"
    assert by_name["aiecc"].detail.endswith(", aiecc of kind C2")
    assert by_name["Peano"].detail.startswith("clang version 21.0.0 (llvm-aie) (")


@pytest.mark.parametrize(
    ("npu", "generation"),
    [
        ("NPU Phoenix", "npu1"),
        ("RyzenAI-npu1", "npu1"),
        ("NPU Strix", "npu2"),
        ("NPU Strix Halo", "npu2"),
        ("NPU Krackan", "npu2"),
        ("RyzenAI-npu4", "npu2"),
        ("RyzenAI-npu5", "npu2"),
        ("RyzenAI-npu6", "npu2"),
        ("NPU of next year", None),
    ],
)
def test_an_npu_is_known_by_the_names_that_mlir_aie_knows(npu: str, generation: str | None, tmp_path: Path) -> None:
    examined = examine_npu(machine(tmp_path, npu=npu))

    assert not isinstance(examined, str)
    assert examined.generation == generation


def test_a_binding_for_another_python_is_told_with_the_environment_that_fits(tmp_path: Path) -> None:
    here = machine(tmp_path)
    (binding,) = (here.xrt / "python").glob("pyxrt*.so")
    other = binding.rename(binding.with_name("pyxrt.cpython-399-x86_64-linux-gnu.so"))
    findings = examine(here)

    assert told(found(findings)["pyxrt"]) == (
        "broken",
        f"{other} is for cpython-399, and this Python is {tag_of_this_python()}",
        "make the environment with that Python: rm -r .venv, then make PYTHON=python3.99 doctor",
    )
    assert not can_work(findings, "npu")
    assert can_work(findings, "emulator")


def test_a_low_limit_of_locked_memory_is_told(tmp_path: Path) -> None:
    assert told(found(examine(machine(tmp_path, memlock=8 << 20)))["memlock limit"]) == (
        "broken",
        "8,388,608 bytes may be locked, and a hardware context locks more",
        "let the group `render` lock memory: a line `@render - memlock unlimited` in /etc/security/limits.conf",
    )


def test_a_node_that_may_not_be_opened_names_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = machine(tmp_path)
    node = here.root / "dev/accel/accel0"
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != node)

    assert told(found(examine(here))["device node"]) == (
        "broken",
        f"{node} is there, and this user may not open it",
        "sudo usermod -aG render $USER, then log in again",
    )


def test_a_driver_without_a_device_is_told_apart_from_no_driver(tmp_path: Path) -> None:
    here = machine(tmp_path)
    (here.root / "dev/accel/accel0").unlink()
    findings = found(examine(here))

    assert findings["amdxdna driver"].state == "present"
    assert told(findings["device node"])[:2] == (
        "absent",
        "there is no /dev/accel/accel0: the driver has found no NPU",
    )


def test_what_no_build_runs_may_be_absent(tmp_path: Path) -> None:
    here = machine(tmp_path)
    assert told(found(examine(here))["aie-translate"])[0] == "present"
    (Path(here.environ["MLIR_AIE_INSTALL_DIR"]) / "bin" / "aie-translate").unlink()

    findings = examine(here)
    assert found(findings)["aie-translate"].state == "absent"
    assert can_work(findings, "npu")


def test_a_peano_that_does_not_compile_for_both_generations_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = machine(tmp_path)
    finding = found(examine(here))["Peano, mlir-aie"]
    assert told(finding)[:2] == (
        "present",
        "Peano compiles for aie2 and aie2p; LLVM version 22.0.0git beside clang version 21.0.0 (llvm-aie)",
    )

    broken = replace(here, environ={**here.environ, BROKEN: "clang++ has no aie2p"})
    assert told(found(examine(broken))["Peano, mlir-aie"]) == (
        "broken",
        "Peano was asked to compile a small file for aie2p, and did not: error: unable to create target: "
        "'No available targets are compatible with triple'",
        "install llvm-aie again, of the date that mlir-aie's utils/peano-requirements.txt names",
    )
    assert not can_work(examine(broken), "npu")


@pytest.mark.parametrize(
    ("wheels", "words"),
    [
        ({"mlir_aie": "0.0.1.2026081404+3ca0193", "llvm-aie": "21.0.0.2026080301+c9c5ecb7"}, "c9c5ecb7"),
        (
            {"mlir_aie": "0.0.1.2026081404+3ca0193", "llvm-aie": "20.0.0.2026010101+aaaaaaaa"},
            "; they are 225 days apart: mlir-aie's utils/peano-requirements.txt names the Peano it was tested with",
        ),
    ],
)
def test_wheels_that_are_far_apart_are_said_to_be(
    wheels: dict[str, str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: wheels.get(name) or real(name))

    assert found(examine(machine(tmp_path)))["Peano, mlir-aie"].detail.endswith(words)


def test_a_broken_xrt_smi_is_told_in_its_own_words(tmp_path: Path) -> None:
    here = machine(tmp_path)
    smi = here.xrt / "bin" / "xrt-smi"
    smi.write_text("#!/bin/sh\necho 'ERROR: cannot open libxrt_coreutil.so.2'\nexit 127\n")
    finding = found(examine(here))["XRT"]

    assert told(finding)[:2] == (
        "broken",
        f"`{smi} examine` failed: ERROR: cannot open libxrt_coreutil.so.2",
    )


def test_a_machine_with_nothing_is_examined_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"PATH": str(tmp_path), "XILINX_XRT": str(tmp_path)}
    monkeypatch.setattr(sys, "path", [])
    findings = examine(Machine(root=tmp_path, environ=environ, memlock=-1))

    absent = {finding.thing for finding in findings if finding.state == "absent"}
    assert absent >= {"amdxdna driver", "device node", "XRT", "NPU", "pyxrt", "aiecc", "Peano", "xclbinutil"}
    for finding in findings:
        assert finding.detail
        assert finding.fix or finding.state == "present" or not finding.needed_for, finding


def test_the_exit_code_is_that_of_the_path_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("VIRTUAL_ENV", "PEANO_INSTALL_DIR", "MLIR_AIE_INSTALL_DIR", "AIE_XCLBINUTIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XILINX_XRT", str(tmp_path))

    assert main(["doctor"]) == 0
    assert main(["doctor", "--for", "npu"]) == 3
    capsys.readouterr()
    assert main(["doctor", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"thing", "state", "detail", "fix", "needed_for"} == set(listed[0])
