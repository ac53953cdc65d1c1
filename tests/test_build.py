"""Builds: what is done again and what is not, and what a broken one leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest
from small_kernel import write_kernel

from tileproof.build.plan import Plan
from tileproof.build.prepare import build_kernel, plan_kernel, render_kernel
from tileproof.build.request import BuildRequest
from tileproof.build.run import Artifacts, build
from tileproof.errors import Problem
from tileproof.files import write_atomically, write_if_changed
from tileproof.toolchain.ninja import find_ninja


def request_for(folder: Path, **overrides: object) -> BuildRequest:
    return BuildRequest(kernels=write_kernel(folder, **overrides), build_dir=folder / "build")  # type: ignore[arg-type]


def made(request: BuildRequest) -> Artifacts:
    return build_kernel(render_kernel("double", request), request, lambda _: None)


def planned(request: BuildRequest) -> Plan:
    return plan_kernel(render_kernel("double", request), request)


def run_plan(plan: Plan, request: BuildRequest) -> Artifacts:
    return build(plan, request.build_dir, find_ninja())


def stamps(artifacts: Artifacts) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in artifacts.folder.iterdir() if path.is_file()}


def test_a_second_build_does_nothing(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    first = made(request)
    before = stamps(first)
    second = made(request)

    assert first.worked
    assert not second.worked
    assert {name: stamps(second)[name] for name in ("tile.o", "tile.so", "insts.bin", first.xclbin.name)} == {
        name: before[name] for name in ("tile.o", "tile.so", "insts.bin", first.xclbin.name)
    }


def test_two_builds_of_equal_input_give_equal_bytes(tmp_path: Path) -> None:
    one, other = made(request_for(tmp_path / "one")), made(request_for(tmp_path / "other"))

    assert one.digest == other.digest
    assert one.xclbin.read_bytes() == other.xclbin.read_bytes()
    assert one.insts.read_bytes() == other.insts.read_bytes()


def test_an_edited_header_rebuilds_what_includes_it_and_nothing_else(tmp_path: Path) -> None:
    header = tmp_path / "extra.hpp"
    header.write_text("#define EXTRA 1\n")
    request = request_for(tmp_path, head=f'#include "{header}"')
    before = stamps(made(request))
    header.write_text("#define EXTRA 2\n")
    after = stamps(made(request))

    assert after["tile.o"] > before["tile.o"]
    assert after["tile.so"] > before["tile.so"]
    assert after["insts.bin"] == before["insts.bin"]
    assert after["tileproof_checks.o"] == before["tileproof_checks.o"]


def test_a_header_whose_template_is_gone_is_not_found_any_more(tmp_path: Path) -> None:
    request = request_for(tmp_path, head='#include "extra.hpp"')
    assert request.kernels is not None
    template = request.kernels / "double" / "extra.hpp.j2"
    template.write_text("#define EXTRA 1\n")
    folder = made(request).folder
    template.unlink()

    with pytest.raises(Problem, match=r"extra\.hpp"):
        made(request)
    assert not (folder / "extra.hpp").exists()


def test_another_compiler_version_compiles_again(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    plan = planned(request)
    before = stamps(run_plan(plan, request))
    other = replace(plan, tools={**plan.tools, "cxx": "another"}, files={**plan.files, "cxx.txt": "another\n"})
    after = stamps(run_plan(other, request))

    assert after["tile.o"] > before["tile.o"]


def test_a_step_that_makes_nothing_although_it_succeeds_is_an_error(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    plan = planned(request)
    lazy = replace(plan, steps=(replace(plan.steps[0], command="true", depfile=None), *plan.steps[1:]))
    with pytest.raises(Problem) as caught:
        run_plan(lazy, request)

    assert "compile tile.cc" in str(caught.value) or "tile.o" in str(caught.value)
    assert caught.value.exit_code == 1


def test_a_step_that_leaves_an_old_output_is_an_error(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    plan = planned(request)
    good = run_plan(plan, request)
    edited = replace(
        plan,
        files={**plan.files, "tile.cc": plan.files["tile.cc"] + "// edited\n"},
        steps=(replace(plan.steps[0], command="true", depfile=None), *plan.steps[1:]),
    )
    with pytest.raises(Problem) as caught:
        run_plan(edited, request)

    assert str(caught.value) == textwrap.dedent(f"""\
        error: double: compile tile.cc made no tile.o, although it reported success
          where: {good.folder / "tile.o"}
          why:   command: true
          fix:   run the command by hand; a wrapper that swallows the compiler's exit code does this""")


def test_a_compile_error_names_line_template_and_log_and_keeps_the_last_good_pair(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    good = made(request)
    pair = good.xclbin.read_bytes(), good.insts.read_bytes()
    write_kernel(tmp_path, body="this is no C++;")
    with pytest.raises(Problem) as caught:
        made(request)
    message = str(caught.value)

    assert message.startswith(f"error: double: compile tile.cc failed\n  where: {good.folder}/tile.cc:")
    assert f"rendered from {tmp_path}/kernels/double/tile.cc.j2" in message
    assert str(good.folder / "build.log") in message
    assert "ninja -v tile.o" in message
    assert caught.value.exit_code == 1
    assert (good.xclbin.read_bytes(), good.insts.read_bytes()) == pair


def with_own_tile_code(folder: Path, body: str = "y[0] = count + shift;") -> BuildRequest:
    """The kernel with a tile.cc that is no template, and constants."""
    request = request_for(folder)
    kernel = folder / "kernels" / "double"
    (kernel / "tile.cc.j2").unlink()
    (kernel / "constants.py").write_text("def constants(sizes, scales):\n    return {'shift': 1}\n")
    function = f'extern "C" void double_tile(int *x, int *y) {{\n    {body}\n}}\n'
    (kernel / "tile.cc").write_text(f'#include "constants.hpp"\n{function}')
    return request


def test_a_compile_error_in_a_kernels_own_file_names_that_file(tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        made(with_own_tile_code(tmp_path, "y[0] = shft;"))

    assert caught.value.where.startswith(f"{tmp_path}/kernels/double/tile.cc:3:")
    assert "rendered from" not in str(caught.value)


def test_another_constant_compiles_what_includes_it_again(tmp_path: Path) -> None:
    request = with_own_tile_code(tmp_path)
    plan = planned(request)
    before = stamps(run_plan(plan, request))
    header = plan.files["constants.hpp"].replace("shift = 1", "shift = 2")
    after = stamps(run_plan(replace(plan, files={**plan.files, "constants.hpp": header}), request))

    assert after["tile.o"] > before["tile.o"]
    assert after["tileproof_checks.o"] == before["tileproof_checks.o"]
    assert after["insts.bin"] == before["insts.bin"]


def test_an_editor_compiles_a_kernels_own_file_where_it_lies(tmp_path: Path) -> None:
    made(with_own_tile_code(tmp_path))
    (entry,) = json.loads((tmp_path / "build" / "compile_commands.json").read_text())
    done = subprocess.run(entry["command"] + " -fsyntax-only", shell=True, cwd=entry["directory"], check=False)

    assert entry["file"] == str(tmp_path / "kernels" / "double" / "tile.cc")
    assert done.returncode == 0


def test_a_function_that_the_tile_code_does_not_define_is_named_when_it_is_loaded(tmp_path: Path) -> None:
    from tileproof.device import open_device
    from tileproof.device.runner import LoadedKernel

    request = request_for(tmp_path)
    template = tmp_path / "kernels" / "double" / "tile.cc.j2"
    template.write_text(template.read_text().replace("${function}", "another_name"))
    artifacts = made(request)
    with pytest.raises(Problem, match="the tile code does not define double_tile"):
        LoadedKernel(open_device("emulator"), artifacts.xclbin, artifacts.insts, {0: 256, 1: 256})


def test_a_design_that_does_not_fit_is_told_in_the_words_of_the_lowering(tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        made(request_for(tmp_path, count=8192))

    assert "do not fit in its memory" in str(caught.value)
    assert "and the tile has 65,536" in str(caught.value)


def test_a_function_that_nobody_wrote_is_the_linkers_to_tell(tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        made(request_for(tmp_path, head="int missing();", body="y[0] = static_cast<element>(x[0] + missing());"))

    assert str(caught.value).startswith("error: double: link the tile code failed")
    assert "missing()" in str(caught.value)
    assert caught.value.exit_code == 1


def test_a_full_disk_is_not_the_kernels_fault(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    plan = planned(request)
    full = replace(plan.steps[0], command="echo 'tile.o: No space left on device' && false", depfile=None)
    with pytest.raises(Problem) as caught:
        run_plan(replace(plan, steps=(full, *plan.steps[1:])), request)

    assert caught.value.exit_code == 2
    assert caught.value.fix == "make room, also in TMPDIR"


def test_an_installation_whose_path_has_a_space_builds(tmp_path: Path) -> None:
    assert made(request_for(tmp_path / "a folder")).xclbin.is_file()


def test_a_kernel_without_tile_code_is_refused(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    (tmp_path / "kernels" / "double" / "tile.cc.j2").unlink()
    with pytest.raises(Problem, match="double has no tile code"):
        made(request)


def with_first_step(plan: Plan, command: str) -> Plan:
    return replace(plan, steps=(replace(plan.steps[0], command=command, depfile=None), *plan.steps[1:]))


def waiting_for(folder: Path, longest_s: float, command: str) -> Problem:
    """How a build ends whose first step is that command."""
    request = request_for(folder)
    with pytest.raises(Problem) as caught:
        build(with_first_step(planned(request), command), request.build_dir, find_ninja(), step_timeout_s=longest_s)
    return caught.value


def are_gone(pids: Path) -> bool:
    """None of the processes whose numbers stand there is there any more, within a moment."""
    until = time.monotonic() + 30
    folders = [Path("/proc", pid) for pid in pids.read_text().split()]
    while any(folder.exists() for folder in folders) and time.monotonic() < until:
        time.sleep(0.02)
    return bool(folders) and not any(folder.exists() for folder in folders)


def test_a_step_that_comes_to_no_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    command = f"echo waiting; (sleep 1001 & echo $$! > {pids}; setsid sleep 1002 & echo $$! >> {pids}; sleep 1003)"
    problem = waiting_for(tmp_path, 8, command)
    (log,) = (tmp_path / "build" / "double").glob("*/build.log")

    assert problem.exit_code == 3
    assert problem.diagnostic.id == "step-endless"
    assert str(problem) == (
        "error: double: compile tile.cc was ended after 8 s, for it came to no end\n"
        f"  where: {log.parent}\n"
        "  why:   waiting\n"
        "         all that it had started was ended with it; nothing is known of the kernel\n"
        "  fix:   see what it waits for: a licence, a disk, memory; a step that is only slow has longer with "
        "--step-timeout\n"
        f"         the whole log is {log}; to see it again: cd {log.parent} && {find_ninja()} -v tile.o"
    )
    assert are_gone(pids)


def test_what_has_left_its_step_and_holds_on_to_the_output_does_not_hold_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tileproof.build.watch._LAST_WORDS_S", 0.2)
    pids = tmp_path / "pids"
    problem = waiting_for(tmp_path, 8, f"(setsid sh -c 'echo $$$$ > {pids}; exec sleep 20' &); sleep 1000")
    os.kill(int(pids.read_text()), signal.SIGKILL)

    assert problem.what == "double: a build step was ended after 8 s, for it came to no end"
    assert problem.exit_code == 3


def test_a_step_that_failed_outweighs_another_that_came_to_no_end(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    plan = with_first_step(planned(request), "echo 'tile.cc:1:1: error: no' && false")
    steps = (plan.steps[0], replace(plan.steps[1], command="sleep 1000"), *plan.steps[2:])
    with pytest.raises(Problem) as caught:
        build(replace(plan, steps=steps), request.build_dir, find_ninja(), jobs=2, step_timeout_s=8)

    assert caught.value.diagnostic.id == "compile-failed"
    assert caught.value.exit_code == 1


def test_a_killed_build_recovers(tmp_path: Path) -> None:
    """Killed at several moments, with its compiler; the next build is right."""
    request = request_for(tmp_path)
    script = (
        "import sys; from pathlib import Path; from tileproof.build.prepare import *;"
        f"r = BuildRequest(kernels=Path({str(request.kernels)!r}), build_dir=Path({str(request.build_dir)!r}));"
        "build_kernel(render_kernel('double', r), r, print)"
    )
    for delay in (0.15, 0.3, 0.5, 0.8):
        process = subprocess.Popen([sys.executable, "-c", script], start_new_session=True, stdout=subprocess.DEVNULL)
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        write_kernel(tmp_path, head=f"// killed after {delay}")
    artifacts = made(request)
    fresh = made(replace(request, build_dir=tmp_path / "fresh"))

    assert artifacts.xclbin.read_bytes() == fresh.xclbin.read_bytes()
    assert artifacts.insts.read_bytes() == fresh.insts.read_bytes()


def test_an_output_cut_short_by_a_kill_is_made_again(tmp_path: Path) -> None:
    """A compiler killed while it writes leaves half a file; ninja's log does not know it."""
    request = request_for(tmp_path)
    good = made(request)
    whole = good.xclbin.read_bytes()
    write_kernel(tmp_path, head="// edited")
    killed_while_writing = replace(
        planned(request),
        steps=tuple(
            replace(step, command="printf half > tile.o; kill -9 $$PPID", depfile=None)
            if "tile.o" in step.outputs
            else step
            for step in planned(request).steps
        ),
    )
    with pytest.raises(Problem):
        run_plan(killed_while_writing, request)
    assert (good.folder / "tile.o").read_text() == "half"
    assert good.xclbin.read_bytes() == whole

    again = made(request)

    assert again.xclbin.read_bytes() == made(replace(request, build_dir=tmp_path / "fresh")).xclbin.read_bytes()


def test_two_builds_of_one_folder_wait_for_each_other(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    plan = planned(request)
    overlap = tmp_path / "overlap"
    # The first step fails if another instance of it is running.
    guarded = f"mkdir {overlap} && sleep 0.3 && rmdir {overlap} && {plan.steps[0].command}"
    slow = replace(plan, steps=(replace(plan.steps[0], command=guarded), *plan.steps[1:]))
    script = tmp_path / "build.py"
    script.write_text(
        "import pickle, sys; from pathlib import Path; from tileproof.build.run import build\n"
        "plan, folder, ninja = pickle.loads(Path(sys.argv[1]).read_bytes())\n"
        "build(plan, folder, ninja, say=lambda text: print(text, flush=True))\n"
    )
    import pickle

    (tmp_path / "plan").write_bytes(pickle.dumps((slow, request.build_dir, find_ninja())))
    command = [sys.executable, str(script), str(tmp_path / "plan")]
    builds = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=60)[0] for process in builds]

    assert [process.returncode for process in builds] == [0, 0, 0]
    assert sum("is running; waiting for it" in text for text in said) == 2


def test_compile_commands_json_is_written_for_the_editor(tmp_path: Path) -> None:
    entries = json.loads((made(request_for(tmp_path)).folder / "compile_commands.json").read_text())

    assert "tile.cc" in {entry["file"] for entry in entries}


def test_a_build_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("a file where the folder should be")
    with pytest.raises(Problem) as caught:
        made(request_for(tmp_path))

    assert str(caught.value).startswith("error: double: the build folder cannot be used\n  where: ")
    assert "make room" not in str(caught.value)


def test_a_full_disk_leaves_the_old_file_and_no_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(target, b"new")
    monkeypatch.undo()

    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_equal_file_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_if_changed(target, b"same")
    os.utime(target, ns=(1, 1))
    write_if_changed(target, b"same")

    assert target.stat().st_mtime_ns == 1
