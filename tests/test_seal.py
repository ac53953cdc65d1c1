"""Whatever is spoilt in a build's folder heals: the next build begins anew, once, and makes the same pair."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from small_kernel import write_kernel

from tileproof.build.plan import Plan, Step
from tileproof.build.prepare import build_kernel, plan_kernel, render_kernel
from tileproof.build.request import BuildRequest
from tileproof.build.run import Artifacts, build
from tileproof.build.seal import SEAL
from tileproof.cli import main
from tileproof.errors import Problem
from tileproof.toolchain.ninja import find_ninja


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def fill_with_garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 8)


def swap(path: Path) -> None:
    """With the file that comes next in its folder."""
    names = sorted(one.name for one in path.parent.iterdir() if one.is_file() and one.name != ".lock")
    other = path.with_name(names[(names.index(path.name) + 1) % len(names)])
    for one, name in ((path, "scratch"), (other, path.name), (path.with_name("scratch"), other.name)):
        one.rename(one.with_name(name))


def date_in_the_future(path: Path) -> None:
    later = time.time() + 1e6
    os.utime(path, (later, later))


def date_in_the_past(path: Path) -> None:
    os.utime(path, (1e6, 1e6))


def become_a_folder(path: Path) -> None:
    path.unlink()
    (path / "inner").mkdir(parents=True)


def become_unreadable(path: Path) -> None:
    path.chmod(0)


def go(path: Path) -> None:
    path.unlink()


def lead_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


DAMAGES: tuple[Callable[[Path], None], ...] = (
    *(empty, cut, fill_with_garbage, swap, date_in_the_future, date_in_the_past, become_a_folder, become_unreadable),
    *(go, lead_nowhere),
)

# Steps like those of a kernel's build, of tools that take no time.
STEPS = (
    Step(
        name="compile_tile",
        command="cp tile.cc tile.o && cp tile.cc tile.ci && echo tile.o: tile.cc > tile.o.d",
        inputs=("tile.cc", "cxx.txt"),
        outputs=("tile.o", "tile.ci"),
        depfile="tile.o.d",
    ),
    Step(name="link", command="cat tile.o cxx.txt > tile.so", inputs=("tile.o",), outputs=("tile.so",)),
    Step(
        name="lower",
        command="cat design.mlir > insts.bin && cat design.mlir > design.lowered && echo '{}' > interface.json",
        inputs=("design.mlir",),
        outputs=("interface.json", "insts.bin", "design.lowered"),
    ),
    Step(
        name="package",
        command="cat tile.so insts.bin design.lowered interface.json tile.ci > a.xclbin",
        inputs=("tile.so", "insts.bin", "design.lowered", "interface.json", "tile.ci"),
        outputs=("a.xclbin",),
    ),
)
PLAN = Plan(
    kernel="double",
    variant="double",
    folder="double",
    target="npu1",
    toolchain="host",
    files={"tile.cc": "tile code\n", "design.mlir": "a design\n", "cxx.txt": "g++ 12\n"},
    steps=STEPS,
    variables={},
    tools={},
    xclbin="a.xclbin",
    insts="insts.bin",
    notes="interface.json",
)
LEFT = (
    *("tile.cc", "design.mlir", "cxx.txt", "tile.o", "tile.ci", "tile.so", "interface.json", "insts.bin", "a.xclbin"),
    *("design.lowered", "build.ninja", ".ninja_log", ".ninja_deps", "rendered.txt", "compile_commands.json", SEAL),
)


def made(folder: Path) -> Artifacts:
    return build(PLAN, folder, find_ninja())


def contents(artifacts: Artifacts) -> dict[str, bytes]:
    """Of all that holds neither times nor the folder's path."""
    others = (".ninja_log", ".ninja_deps", SEAL, "compile_commands.json")
    return {name: (artifacts.folder / name).read_bytes() for name in LEFT if name not in others}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build folder whose last build ended well."""
    folder = tmp_path_factory.mktemp("good") / "build"
    left = made(folder).folder
    assert {path.name for path in left.iterdir()} == {*LEFT, ".lock"}
    return folder


@pytest.mark.parametrize("name", LEFT)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_what_is_spoilt_is_built_anew_once(
    good: Path, tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    folder = tmp_path / "build"
    shutil.copytree(good, folder)
    damage(folder / "double" / "double" / name)
    again = made(folder)

    assert contents(again) == contents(made(good))
    assert not made(folder).worked


@pytest.mark.parametrize("text", ["{}", "[]", "null", '{"tile.o": 1}', '{"\\u0000": [0, ""]}', "[" * 100_000])
def test_a_seal_that_says_nothing_holds_nothing(good: Path, tmp_path: Path, text: str) -> None:
    folder = tmp_path / "build"
    shutil.copytree(good, folder)
    (folder / "double" / "double" / SEAL).write_text(text)

    assert made(folder).worked


def test_what_heals_is_said_and_a_first_build_is_not_called_healing(tmp_path: Path) -> None:
    said: list[str] = []
    first = build(PLAN, tmp_path, find_ninja(), say=said.append)
    assert said == []
    (first.folder / "tile.o").write_bytes(b"junk")
    build(PLAN, tmp_path, find_ninja(), say=said.append)

    assert said == ["double is not as a build left it; it is built anew"]


def test_a_folder_that_is_moved_is_as_it_was(good: Path, tmp_path: Path) -> None:
    shutil.copytree(good, tmp_path / "build")

    assert not made(tmp_path / "build").worked


def test_what_a_failed_build_left_is_not_built_anew(tmp_path: Path) -> None:
    """Whoever mends a line of tile code does not wait for what is good."""
    made(tmp_path)
    broken = replace(PLAN, files={**PLAN.files, "design.mlir": "another\n"}, steps=(fails(STEPS[0]), *STEPS[1:]))
    with pytest.raises(Problem):
        build(broken, tmp_path, find_ninja())
    said: list[str] = []
    build(PLAN, tmp_path, find_ninja(), say=said.append)

    assert said == []


def fails(step: Step) -> Step:
    return replace(step, command="false", depfile=None)


@pytest.mark.parametrize(("name", "why"), [(".lock", "Is a directory"), ("", "File exists")])
def test_what_cannot_heal_is_one_clear_error(tmp_path: Path, name: str, why: str) -> None:
    folder = made(tmp_path).folder
    path = folder / name
    if name:
        become_a_folder(path)
    else:
        shutil.rmtree(path)
        path.write_text("a file")
    with pytest.raises(Problem) as caught:
        made(tmp_path)

    assert str(caught.value) == (
        "error: double: the build folder cannot be used\n"
        f"  where: {path}\n"
        f"  why:   {why}\n"
        "  fix:   check the path, or choose another with --build-dir"
    )


# A kernel, with its compiler and the emulator


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> BuildRequest:
    """A kernel that was built."""
    folder = tmp_path_factory.mktemp("double")
    request = BuildRequest(kernels=write_kernel(folder), build_dir=folder / "build")
    build_kernel(render_kernel("double", request), request, lambda _: None)
    return request


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("tile.so", cut),
        ("tile.o", date_in_the_future),
        ("insts.bin", swap),
        (".ninja_deps", fill_with_garbage),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_verdict_is_the_same_after_it_has_healed(
    double: BuildRequest, tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    plan, folder = plan_kernel(render_kernel("double", double), double), tmp_path / "build"
    shutil.copytree(double.build_dir, folder)
    spoilt = folder / plan.kernel / plan.folder
    pair = {one: (spoilt / one).read_bytes() for one in (plan.xclbin, plan.insts)}
    damage(spoilt / name)

    assert main(["verify", "double", "--kernels", str(double.kernels), "--build-dir", str(folder)]) == 0
    assert {one: (spoilt / one).read_bytes() for one in pair} == pair
