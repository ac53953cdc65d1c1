"""What a design says of its tile code: which object it is linked with, and what its functions take and return."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_kernel import write_kernel

from tileproof.build.plan import Plan
from tileproof.build.prepare import build_kernel, plan_kernel, render_kernel
from tileproof.build.request import BuildRequest
from tileproof.check.run import check_design
from tileproof.cli import main
from tileproof.errors import Problem
from tileproof.library import data_dir

DESIGN = (data_dir("examples") / "design.mlir").read_text()
CODE = (data_dir("examples") / "tile.cc").read_text()
TEMPLATE = (data_dir("templates") / "design.mlir.j2").read_text()
LINKED = ' attributes {link_with = "tile.o"}'
ON_CORE = "    } {stack_size = 1024 : i32}"


def changed(*changes: tuple[str, str], text: str = DESIGN) -> str:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


# Objects

MADE = ("tile.o", "other.o")
LINKED_RIGHT = {
    "as the build calls it": DESIGN,
    "from the folder of the build": changed(('"tile.o"', '"./tile.o"')),
    "on the core, as before March 2026": changed((LINKED, ""), (ON_CORE, ON_CORE[:-1] + ', link_with = "tile.o"}')),
    "files of the core": changed((LINKED, ""), (ON_CORE, ON_CORE[:-1] + ', link_files = ["other.o", "tile.o"]}')),
    "a wrong one of a function that nobody calls": changed(
        (LINKED, f'{LINKED}\n    func.func private @unused() attributes {{link_with = "nobody.o"}}')
    ),
}
LINKED_WRONG = {
    "of a function": changed(('"tile.o"', '"tyle.o"')),
    "in a folder": changed(('"tile.o"', '"build/tile.o"')),
    "merged as LLVM's": changed((LINKED, ' attributes {link_with = "tile.ll", link_with_mode = "merge"}')),
    "of a core": changed((LINKED, ""), (ON_CORE, ON_CORE[:-1] + ', link_with = "tyle.o"}')),
    "one of several of a core": changed((LINKED, ""), (ON_CORE, ON_CORE[:-1] + ', link_files = ["tile.o", "b.o"]}')),
}


@pytest.mark.parametrize("design", LINKED_RIGHT.values(), ids=LINKED_RIGHT)
def test_an_object_that_the_build_makes_may_be_linked(design: str) -> None:
    assert check_design(design, "d.mlir", {"tile.cc": CODE}, objects=MADE) == ()


@pytest.mark.parametrize("design", LINKED_WRONG.values(), ids=LINKED_WRONG)
def test_an_object_that_the_build_does_not_make_is_an_error(design: str) -> None:
    assert {found.id for found in check_design(design, "d.mlir", {"tile.cc": CODE}, objects=MADE)} == {"TP508"}


@pytest.mark.parametrize("design", [*LINKED_RIGHT.values(), *LINKED_WRONG.values()])
def test_a_design_that_is_no_kernels_names_its_objects_as_it_likes(design: str) -> None:
    """Makefiles do: mm_32x32x32.o is made of mm.cc."""
    assert check_design(design, "d.mlir", {"tile.cc": CODE}) == ()


def test_another_object_is_told_with_those_that_are_made() -> None:
    (found,) = check_design(changed(('"tile.o"', '"tyle.o"')), "d.mlir", {"tile.cc": CODE}, objects=MADE)

    assert found.paragraph == (
        "error TP508 (other-object): the build makes no tyle.o\n"
        "  where: d.mlir:11:5\n"
        "  why:   core (0, 2) calls @step of it, and the build makes tile.o, other.o\n"
        '  fix:   write `link_with = "tile.o"`, or give the file of tile code that name'
    )


def test_an_object_without_the_function_is_told_with_the_one_that_has_it() -> None:
    code = {"tile.cc": CODE, "other.cc": "int other() { return 1; }\n"}
    (found,) = check_design(changed(('"tile.o"', '"other.o"')), "d.mlir", code, objects=MADE)

    assert found.paragraph == (
        "error TP508 (other-object): @step is in tile.o, which core (0, 2) is not linked with\n"
        "  where: d.mlir:11:5\n"
        "  why:   it is linked with other.o\n"
        '  fix:   write `link_with = "tile.o"` on the declaration of @step'
    )


def kernel_of(folder: Path, right: str, wrong: str) -> BuildRequest:
    kernels = write_kernel(folder)
    (kernels / "double" / "design.mlir.j2").write_text(changed((right, wrong), text=TEMPLATE))
    return BuildRequest(kernels=kernels, build_dir=folder / "build")


def test_a_kernel_that_is_linked_with_another_object_is_not_built_for_the_emulator_either(tmp_path: Path) -> None:
    request = kernel_of(tmp_path, '"tile.o"', '"double.o"')
    with pytest.raises(Problem) as caught:
        build_kernel(render_kernel("double", request), request, lambda _: None)

    template = tmp_path / "kernels" / "double" / "design.mlir.j2"
    assert str(caught.value) == (
        "error: the build makes no double.o\n"
        f"  where: design.mlir:10:5, rendered from {template}:19\n"
        "  why:   core (0, 2) calls @double_tile of it, and the build makes tile.o\n"
        '  fix:   write `link_with = "tile.o"`, or give the file of tile code that name'
    )
    assert caught.value.exit_code == 1


def test_verify_and_check_of_such_a_kernel_say_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernel_of(tmp_path, '"tile.o"', '"double.o"')
    named = ["double", "--kernels", str(tmp_path / "kernels")]

    assert main(["verify", *named, "--build-dir", str(tmp_path / "build")]) != 0
    assert "the build makes no double.o" in capsys.readouterr().out
    assert main(["check", *named, "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert (found["id"], found["what"]) == ("TP508", "the build makes no double.o")


def test_tile_code_under_another_name_is_linked_by_a_design_of_that_name(tmp_path: Path) -> None:
    request = kernel_of(tmp_path, '"tile.o"', '"double.o"')
    folder = tmp_path / "kernels" / "double"
    (folder / "tile.cc.j2").rename(folder / "double.cc.j2")

    assert build_kernel(render_kernel("double", request), request, lambda _: None).warnings == ()


def step_of(plan: Plan, name: str) -> str:
    (found,) = (step.command for step in plan.steps if step.name == name)
    return found


def test_both_toolchains_know_the_objects_that_they_make(tmp_path: Path) -> None:
    request = kernel_of(tmp_path, '"tile.o"', '"tile.o"')
    (tmp_path / "kernels" / "double" / "more.cc").write_text("int more() { return 1; }\n")
    rendered = render_kernel("double", request)
    npu = BuildRequest(kernels=request.kernels, aiecc="A", toolchain="mlir-aie")

    for plan, name in ((plan_kernel(rendered, request), "lower"), (plan_kernel(rendered, npu), "hold")):
        assert step_of(plan, name).count("--object ") == 2
        assert "--object more.o" in step_of(plan, name)
        assert "--object tile.o" in step_of(plan, name)
