"""What a design says of its tile code: which object it is linked with, and what its functions take and return."""

from __future__ import annotations

import json
from pathlib import Path

import ml_dtypes
import numpy as np
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


# Numbers

# scaled(buffer, a, b, c, ...) -> a number, which the core writes beside what it was given.
NUMBERS = """\
module {{
  aie.device({device}) {{
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {{%tile}}, 2 : i32) : !aie.objectfifo<memref<8x{type}>>
    aie.objectfifo @out(%tile, {{%shim}}, 2 : i32) : !aie.objectfifo<memref<8x{type}>>
    func.func private @scaled(memref<8x{type}>, {type}, i32, {type}, f32) -> {type} attributes {{link_with = "tile.o"}}
    %core = aie.core(%tile) {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %two = arith.constant 2 : i32
      %half = arith.constant 0.5 : f32
      %vi = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<8x{type}>>
      %i = aie.objectfifo.subview.access %vi[0] : !aie.objectfifosubview<memref<8x{type}>> -> memref<8x{type}>
      %vo = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<8x{type}>>
      %o = aie.objectfifo.subview.access %vo[0] : !aie.objectfifosubview<memref<8x{type}>> -> memref<8x{type}>
      %a = memref.load %i[%c0] : memref<8x{type}>
      %b = memref.load %i[%c1] : memref<8x{type}>
      %sum = func.call @scaled(%o, %a, %two, %b, %half) : (memref<8x{type}>, {type}, i32, {type}, f32) -> {type}
      memref.store %sum, %o[%c0] : memref<8x{type}>
      aie.objectfifo.release @in(Consume, 1)
      aie.objectfifo.release @out(Produce, 1)
      aie.end
    }}
    aie.runtime_sequence(%x: memref<8x{type}>, %y: memref<8x{type}>) {{
      aiex.npu.dma_memcpy_nd(%y[0, 0, 0, 0][1, 1, 1, 8][0, 0, 0, 1]) {{id = 0, metadata = @out}} : memref<8x{type}>
      aiex.npu.dma_memcpy_nd(%x[0, 0, 0, 0][1, 1, 1, 8][0, 0, 0, 1]) {{id = 1, metadata = @in}} : memref<8x{type}>
      aiex.npu.dma_wait {{symbol = @out}}
    }}
  }}
}}
"""
SCALED = """\
#include <aie_api/aie.hpp>
#include <cstdint>
extern "C" {cpp} scaled({cpp} *out, {cpp} a, int32_t n, {cpp} b, float f) {{
    for (int i = 0; i < 8; ++i) out[i] = {cpp}(i);
    out[1] = a;
    out[2] = b;
    out[3] = {cpp}(n);
    out[4] = {cpp}(f * 8);
    return {cpp}(a - b);
}}
"""
TYPES = {"bf16": ("bfloat16", ml_dtypes.bfloat16), "f32": ("float", np.float32), "i32": ("int32_t", np.int32)}
TYPES |= {"i8": ("int8_t", np.int8), "i16": ("int16_t", np.int16)}


@pytest.mark.parametrize("device", ["npu1", "npu2"])
@pytest.mark.parametrize("type_", TYPES)
def test_numbers_reach_tile_code_and_come_back_as_they_are(type_: str, device: str, tmp_path: Path) -> None:
    cpp, dtype = TYPES[type_]
    (tmp_path / "d.mlir").write_text(NUMBERS.format(type=type_, device=device))
    (tmp_path / "tile.cc").write_text(SCALED.format(cpp=cpp))
    given = np.array([-100, 27, 3, 4, 5, 6, 7, 8]).astype(dtype)
    np.save(tmp_path / "in.npy", given)
    asked = ["emulate", str(tmp_path / "d.mlir"), "--tile-code", str(tmp_path / "tile.cc"), "--arg", "1=zeros"]

    assert main([*asked, "--arg", f"0={tmp_path / 'in.npy'}", "--save", f"1={tmp_path / 'out.npy'}"]) == 0
    out = np.load(tmp_path / "out.npy")
    expected = np.array([-127, -100, 27, 2, 4, 5, 6, 7]).astype(dtype)
    assert out.tobytes() == expected.tobytes()


def test_bits_of_bf16_are_passed_and_not_their_value(tmp_path: Path) -> None:
    """Those of infinity, of the smallest number and of minus zero, too."""
    (tmp_path / "d.mlir").write_text(NUMBERS.format(type="bf16", device="npu1"))
    (tmp_path / "tile.cc").write_text(SCALED.format(cpp="bfloat16").replace("a - b", "a"))
    asked = ["emulate", str(tmp_path / "d.mlir"), "--tile-code", str(tmp_path / "tile.cc"), "--arg", "1=zeros"]
    for bits in (0x7F80, 0xFF80, 0x0001, 0x8000, 0x3F81):
        given = np.full(8, bits, np.uint16).view(ml_dtypes.bfloat16)
        np.save(tmp_path / "in.npy", given)

        assert main([*asked, "--arg", f"0={tmp_path / 'in.npy'}", "--save", f"1={tmp_path / 'out.npy'}"]) == 0
        assert np.load(tmp_path / "out.npy").view(np.uint16)[:3].tolist() == [bits] * 3


@pytest.mark.parametrize("type_", TYPES)
def test_the_types_of_numbers_agree(type_: str) -> None:
    code = {"tile.cc": SCALED.format(cpp=TYPES[type_][0])}

    assert check_design(NUMBERS.format(type=type_, device="npu1"), "d.mlir", code, compile_code=True) == ()


@pytest.mark.parametrize(
    ("right", "wrong", "what"),
    [
        ("bfloat16 a", "float a", "parameter 2 of @scaled is `float a` in the tile code"),
        ("bfloat16 b", "int16_t b", "parameter 4 of @scaled is `int16_t b` in the tile code"),
        ("bfloat16 b", "const bfloat16 &b", "parameter 4 of @scaled is `const bfloat16 & b` in the tile code"),
        ("bfloat16 a", "bfloat16 *a", "parameter 2 of @scaled is `bfloat16 *a` in the tile code"),
        ('"C" bfloat16', '"C" float', "@scaled returns `float` in the tile code"),
        ('"C" bfloat16', '"C" int16_t', "@scaled returns `int16_t` in the tile code"),
        ('"C" bfloat16', '"C" void', "@scaled returns `void` in the tile code"),
        ('"C" bfloat16', '"C" bfloat16 *', "@scaled returns `bfloat16 *` in the tile code"),
    ],
)
def test_a_number_of_another_type_is_told(right: str, wrong: str, what: str) -> None:
    code = {"tile.cc": changed((right, wrong), text=SCALED.format(cpp="bfloat16"))}
    (found,) = check_design(NUMBERS.format(type="bf16", device="npu1"), "d.mlir", code)

    assert (found.id, found.what) == ("TP504", what)
    assert str(found.place) == "tile.cc:3:" + str(len(f"extern {wrong} ") + 1 if '"C"' in wrong else 21)
    assert found.why.startswith("the design declares bf16 at d.mlir:7:5")


@pytest.mark.parametrize(
    "head",
    [
        '__attribute__((noinline)) extern "C" bfloat16',
        'extern "C" __attribute__((noinline)) bfloat16',
        'extern "C" [[gnu::noinline]] bfloat16',
        'extern "C" inline bfloat16',
    ],
)
def test_what_stands_before_a_result_says_nothing_of_its_type(head: str) -> None:
    code = {"tile.cc": changed(('extern "C" bfloat16', head), text=SCALED.format(cpp="bfloat16"))}

    assert check_design(NUMBERS.format(type="bf16", device="npu1"), "d.mlir", code) == ()


def test_a_design_may_pass_over_what_a_function_returns() -> None:
    code = {"tile.cc": CODE.replace('extern "C" void', 'extern "C" int').replace("small, y);", "small, y); return 0;")}

    assert check_design(DESIGN, "d.mlir", code) == ()


def test_emulate_tells_of_a_result_that_the_tile_code_does_not_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "d.mlir").write_text(NUMBERS.format(type="bf16", device="npu1"))
    code = changed(('"C" bfloat16', '"C" void'), ("return bfloat16(a - b);", ""), text=SCALED.format(cpp="bfloat16"))
    (tmp_path / "tile.cc").write_text(code)
    asked = ["emulate", str(tmp_path / "d.mlir"), "--tile-code", str(tmp_path / "tile.cc")]

    assert main([*asked, "--arg", "0=ones", "--arg", "1=zeros"]) == 1
    assert "@scaled returns `void` in the tile code" in capsys.readouterr().out
