"""kernel.toml: what is right loads, and everything else is one clear error with file, key and fix."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileproof.errors import Problem
from tileproof.kernel.spec import KernelSpec, load_spec
from tileproof.kernel.toml_table import load_toml

KERNELS = Path(__file__).parents[1] / "kernels"

GOOD = """\
name = "double"
about = "twice the input"
targets = ["npu1", "npu2"]

[sizes]
rows = 4
columns = 8

[[buffers]]
name = "x"
way = "in"
dtype = "i8"
parts = [{ name = "x", shape = ["rows", "columns"], scale = 0.5 }]

[[buffers]]
name = "y"
way = "out"
dtype = "i16"
depth = 3
parts = [
    { name = "y", shape = ["rows", 2], scale = 1.5, zero = 7 },
    { name = "power", shape = [6], scale = 0.25, unit = "log10" },
]

[core]
function = "double_i8"
stack_size = 2048

[[core.scratch]]
name = "scratch"
dtype = "i32"
shape = ["rows", 16]

[tolerance.y]
absolute = 1
because = "one rounding"

[tolerance.power]
absolute = 0.5
because = "a table of logarithms"

[[cases]]
name = "ramp"
draw = "ramp"
seed = 2
correlation = 0.9
about = "every value once"

[[cases]]
name = "zeros"
draw = "zeros"
"""


def load(folder: Path, text: str | bytes, overrides: dict[str, int] | None = None) -> KernelSpec:
    (folder / "kernel.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    return load_spec(folder, overrides)


def refusal(folder: Path, text: str | bytes, overrides: dict[str, int] | None = None) -> str:
    """The whole error text, with `kernel.toml` for the path of the file."""
    with pytest.raises(Problem) as refused:
        load(folder, text, overrides)
    assert refused.value.exit_code == 2
    return str(refused.value).replace(str(folder / "kernel.toml"), "kernel.toml")


def edited(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def without(*starts: str) -> str:
    """GOOD without the blocks of lines that begin so, up to the next empty line."""
    blocks = GOOD.split("\n\n")
    kept = [block for block in blocks if not block.startswith(starts)]
    assert len(kept) < len(blocks)
    return "\n\n".join(kept) + "\n"


def test_every_key_of_a_spec_is_read(tmp_path: Path) -> None:
    spec = load(tmp_path, GOOD)
    x, y = spec.buffers
    ramp, zeros = spec.cases
    (scratch,) = spec.core.scratch

    assert (spec.name, spec.about, spec.targets) == ("double", "twice the input", ("npu1", "npu2"))
    assert spec.sizes == {"rows": 4, "columns": 8}
    assert (x.name, x.way, x.dtype.name, x.depth, x.nbytes) == ("x", "in", "i8", 2, 32)
    assert (y.name, y.way, y.dtype.name, y.depth, y.nbytes) == ("y", "out", "i16", 3, 28)
    assert [(p.name, p.shape, p.scale, p.zero, p.unit) for p in (*x.parts, *y.parts)] == [
        ("x", (4, 8), 0.5, 0, ""),
        ("y", (4, 2), 1.5, 7, ""),
        ("power", (6,), 0.25, 0, "log10"),
    ]
    assert (spec.core.function, spec.core.stack_size) == ("double_i8", 2048)
    assert (scratch.name, scratch.dtype.name, scratch.shape) == ("scratch", "i32", ("rows", 16))
    assert {name: (t.absolute, t.because) for name, t in spec.tolerances.items()} == {
        "y": (1.0, "one rounding"),
        "power": (0.5, "a table of logarithms"),
    }
    assert (ramp.name, ramp.draw, ramp.seed, ramp.correlation, ramp.about) == (
        "ramp",
        "ramp",
        2,
        0.9,
        "every value once",
    )
    assert (zeros.seed, zeros.correlation, zeros.about) == (1, None, "")


def test_a_stack_size_that_is_not_given_is_what_mlir_aie_takes(tmp_path: Path) -> None:
    assert load(tmp_path, edited("stack_size = 2048\n", "")).core.stack_size == 1024


def test_a_step_of_a_log10_output_is_ten_times_its_scale_in_db(tmp_path: Path) -> None:
    spec = load(tmp_path, GOOD)

    assert spec.db_per_step("power") == 2.5
    assert spec.db_per_step("y") is None


def test_the_name_of_a_variant_holds_kernel_dtype_sizes_and_target(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).variant("npu2") == "double_i8_4x8__npu2"


def test_the_shipped_attention_is_what_the_engineer_needs() -> None:
    spec = load_spec(KERNELS / "attention")

    assert [(b.name, b.way, b.nbytes) for b in spec.buffers] == [("qkv", "in", 12_288), ("out", "out", 4_096)]
    assert [p.name for p in spec.inputs[0].parts] == ["q", "k", "v"]
    assert {case.name for case in spec.cases} >= {
        *("uniform", "realistic normal", "realistic outliers", "all rows equal"),
        *("one key wins", "saturating", "zeros"),
    }


def test_the_shipped_mel_is_what_the_engineer_needs() -> None:
    spec = load_spec(KERNELS / "mel")

    assert [(b.way, b.nbytes) for b in spec.buffers] == [("in", 800), ("out", 80)]
    assert spec.sizes["hop"] == 160
    assert spec.db_per_step("bands") == pytest.approx(0.5)


def test_an_override_changes_the_shapes(tmp_path: Path) -> None:
    spec = load(tmp_path, GOOD, {"rows": 12})

    assert spec.sizes == {"rows": 12, "columns": 8}
    assert spec.inputs[0].parts[0].shape == (12, 8)
    assert spec.variant("npu1") == "double_i8_12x8__npu1"


REFUSED = {
    "unknown key at the top": (
        edited('about = "twice', 'zzz = "me"\nabout = "twice'),
        """\
error: unknown key 'zzz'
  where: kernel.toml, zzz
  why:   keys here: about, banks, buffers, cases, core, name, sizes, targets, tolerance
  fix:   remove the key, or correct its name""",
    ),
    "unknown key near a known one": (
        edited("depth = 3", "depth = 3\ndtpye = 1"),
        """\
error: unknown key 'dtpye'
  where: kernel.toml, [buffers y] dtpye
  why:   keys here: depth, dtype, name, parts, way
  fix:   did you mean 'dtype'?""",
    ),
    "misspelt optional key": (
        edited("stack_size", "stacksize"),
        """\
error: unknown key 'stacksize'
  where: kernel.toml, [core] stacksize
  why:   keys here: defines, function, includes, scratch, stack_size
  fix:   did you mean 'stack_size'?""",
    ),
    "unknown key of a part": (
        edited("zero = 7", "zeros = 7"),
        """\
error: unknown key 'zeros'
  where: kernel.toml, [buffers y.parts y] zeros
  why:   keys here: name, scale, shape, unit, zero
  fix:   did you mean 'zero'?""",
    ),
    "unknown key of a tolerance": (
        edited("absolute = 1\n", "absolute = 1\nrelative = 0.1\n"),
        """\
error: unknown key 'relative'
  where: kernel.toml, [tolerance.y] relative
  why:   keys here: absolute, because
  fix:   remove the key, or correct its name""",
    ),
    "unknown key of a case": (
        edited("seed = 2", "seeed = 2"),
        """\
error: unknown key 'seeed'
  where: kernel.toml, [cases ramp] seeed
  why:   keys here: about, correlation, draw, name, seed
  fix:   did you mean 'seed'?""",
    ),
    "missing key": (
        edited('about = "twice the input"\n', ""),
        """\
error: 'about' is missing
  where: kernel.toml
  why:   it must be text in quotes
  fix:   add `about = ...`""",
    ),
    "missing sizes": (
        without("[sizes]"),
        """\
error: 'sizes' is missing
  where: kernel.toml
  why:   it must be a table
  fix:   add `[sizes]`""",
    ),
    "text that is a number": (
        edited('"twice the input"', "2"),
        """\
error: 'about' has the wrong type
  where: kernel.toml, about
  why:   it must be text in quotes, and is 2
  fix:   write about as text in quotes""",
    ),
    "size that is true": (
        edited("rows = 4", "rows = true"),
        """\
error: 'rows' has the wrong type
  where: kernel.toml, [sizes] rows
  why:   it must be a whole number, and is True
  fix:   write rows as a whole number""",
    ),
    "number that is true": (
        edited("absolute = 1\n", "absolute = true\n"),
        """\
error: 'absolute' has the wrong type
  where: kernel.toml, [tolerance.y] absolute
  why:   it must be a number, and is True
  fix:   write absolute as a number""",
    ),
    "scratch of a shape that is a number": (
        edited('shape = ["rows", 16]', "shape = 64"),
        """\
error: 'shape' has the wrong type
  where: kernel.toml, [core.scratch scratch] shape
  why:   it must be a list in [ ], and is 64
  fix:   write shape as a list in [ ]""",
    ),
    "extent that is true": (
        edited("shape = [6]", "shape = [true]"),
        """\
error: 'shape' has the wrong type
  where: kernel.toml, [buffers y.parts power] shape
  why:   it must be a list of whole numbers or names of sizes, and holds True
  fix:   write `shape = [...]`""",
    ),
    "whole number with a fraction": (
        edited("depth = 3", "depth = 3.0"),
        """\
error: 'depth' has the wrong type
  where: kernel.toml, [buffers y] depth
  why:   it must be a whole number, and is 3.0
  fix:   write depth as a whole number""",
    ),
    "shape without extents": (
        edited("shape = [6]", "shape = []"),
        """\
error: 'shape' is empty
  where: kernel.toml, [buffers y.parts power] shape
  why:   it must be a list of whole numbers or names of sizes
  fix:   write `shape = [...]`""",
    ),
    "cases that are no tables": (
        without("[[cases]]").replace("[sizes]", 'cases = ["ramp"]\n[sizes]'),
        """\
error: 'cases' has the wrong type
  where: kernel.toml, cases
  why:   each entry must be a table, and one is 'ramp'
  fix:   write each entry under its own [[cases]]""",
    ),
    "size that is missing": (
        edited("columns = 8\n", ""),
        """\
error: the shape names 'columns', which is not a size
  where: kernel.toml, [buffers x.parts x] shape
  why:   [sizes] has rows
  fix:   add `columns = ...` to [sizes]""",
    ),
    "size that is misspelt": (
        edited('["rows", 2]', '["row", 2]'),
        """\
error: the shape names 'row', which is not a size
  where: kernel.toml, [buffers y.parts y] shape
  why:   [sizes] has rows, columns
  fix:   did you mean 'rows'?""",
    ),
    "size of zero": (
        edited("rows = 4", "rows = 0"),
        """\
error: size 'rows' must be at least 1
  where: kernel.toml, [sizes] rows
  why:   it is 0
  fix:   give rows a positive number""",
    ),
    "negative extent": (
        edited("shape = [6]", "shape = [-6]"),
        """\
error: a shape has an extent below 1
  where: kernel.toml, [buffers y.parts power] shape
  why:   it is -6
  fix:   make it positive""",
    ),
    "depth of zero": (
        edited("depth = 3", "depth = 0"),
        """\
error: buffer 'y' needs at least one object
  where: kernel.toml, [buffers y] depth
  why:   depth is 0
  fix:   write `depth = 2`, so that the DMA fills one object while the core reads the other""",
    ),
    "scale of zero": (
        edited("scale = 0.5", "scale = 0"),
        """\
error: the scale of 'x' must be positive
  where: kernel.toml, [buffers x.parts x] scale
  why:   real = scale * (integer - zero), and scale is 0.0
  fix:   give the size of one step, for instance 0.03125""",
    ),
    "dtype that does not exist": (
        edited('"i16"', '"int16"'),
        """\
error: dtype cannot be 'int16'
  where: kernel.toml, [buffers y] dtype
  why:   it is one of i8, i16, i32, i64, ui8, ui16, ui32, bf16, f32
  fix:   did you mean 'i16'?""",
    ),
    "way that does not exist": (
        edited('way = "out"', 'way = "sideways"'),
        """\
error: way cannot be 'sideways'
  where: kernel.toml, [buffers y] way
  why:   it is one of in, out
  fix:   write `way = "in"`""",
    ),
    "target that does not exist": (
        edited('"npu2"]', '"npu3"]'),
        """\
error: there is no target 'npu3'
  where: kernel.toml, targets
  why:   targets are npu1 and npu2
  fix:   write `targets = ["npu1", "npu2"]`, or one of them""",
    ),
    "name that is no identifier": (
        edited('"double_i8"', '"double i8!"'),
        """\
error: 'double i8!' cannot be a name
  where: kernel.toml, [core] function
  why:   it becomes a name in C++ and MLIR: letters, digits and _, not beginning with a digit
  fix:   for instance `function = "double_i8"`""",
    ),
    "stack that is odd": (
        edited("stack_size = 2048", "stack_size = 1000"),
        """\
error: the stack size cannot be used
  where: kernel.toml, [core] stack_size
  why:   it is 1000 bytes; it must be a multiple of 32 above 0 and below the core's 65,536
  fix:   write `stack_size = 1024`, or more if the tile function's frames need it""",
    ),
    "tolerance that is missing": (
        without("[tolerance.power]"),
        """\
error: output 'power' has no tolerance
  where: kernel.toml, [tolerance.power]
  why:   outputs: power, y
  fix:   add [tolerance.power] with absolute and because""",
    ),
    "tolerance of an input": (
        GOOD + '[tolerance.x]\nabsolute = 1\nbecause = "why not"\n',
        """\
error: a tolerance names 'x', which is no output
  where: kernel.toml, [tolerance.x]
  why:   outputs: power, y
  fix:   remove [tolerance.x]""",
    ),
    "tolerance without a reason": (
        edited('"one rounding"', '"  "'),
        """\
error: a tolerance needs a size and a reason
  where: kernel.toml, [tolerance.y]
  why:   absolute is 1.0, because is '  '
  fix:   give `absolute` in steps of the output's type, and say in `because` where the steps come from""",
    ),
    "tolerance that allows everything": (
        edited("absolute = 1\n", "absolute = inf\n"),
        """\
error: a tolerance needs a size and a reason
  where: kernel.toml, [tolerance.y]
  why:   absolute is inf, because is 'one rounding'
  fix:   give `absolute` in steps of the output's type, and say in `because` where the steps come from""",
    ),
    "two cases of one name": (
        edited('name = "zeros"', 'name = "ramp"'),
        """\
error: two cases are called 'ramp'
  where: kernel.toml, [[cases]]
  fix:   give each a name of its own""",
    ),
    "two buffers of one name": (
        edited('name = "y"\nway', 'name = "x"\nway'),
        """\
error: two buffers are called 'x'
  where: kernel.toml, [[buffers]]
  fix:   give each a name of its own""",
    ),
    "scratch called as a buffer": (
        edited('name = "scratch"', 'name = "y"'),
        """\
error: two buffers are called 'y'
  where: kernel.toml, [[buffers]]
  fix:   give each a name of its own""",
    ),
    "two parts of one name": (
        edited('{ name = "x"', '{ name = "y"'),
        """\
error: two parts are called 'y'
  where: kernel.toml, [[parts]]
  fix:   give each a name of its own""",
    ),
    "no inputs": (
        edited('way = "in"', 'way = "out"') + '[tolerance.x]\nabsolute = 1\nbecause = "-"\n',
        """\
error: double has no inputs
  where: kernel.toml, [[buffers]]
  why:   a kernel reads at least one buffer and writes at least one
  fix:   add a [[buffers]] with `way = "in"` or `way = "out"`""",
    ),
    "no outputs": (
        edited('way = "out"', 'way = "in"'),
        """\
error: double has no outputs
  where: kernel.toml, [[buffers]]
  why:   a kernel reads at least one buffer and writes at least one
  fix:   add a [[buffers]] with `way = "in"` or `way = "out"`""",
    ),
    "no cases": (
        without("[[cases]]").replace("[sizes]", "cases = []\n[sizes]"),
        """\
error: double has no cases
  where: kernel.toml, [[cases]]
  why:   nothing would be verified
  fix:   add at least one [[cases]] with a name and a draw function""",
    ),
    "buffer of half a word": (
        edited("shape = [6]", "shape = [5]"),
        """\
error: buffer 'y' is not a whole number of 32-bit words
  where: kernel.toml, [buffers y]
  why:   it has 26 bytes, and a DMA moves words of 4
  fix:   choose sizes that make it a multiple of 4 bytes""",
    ),
    "more buffers than arguments": (
        GOOD
        + "".join(
            f'[[buffers]]\nname = "b{n}"\nway = "in"\ndtype = "i8"\n'
            f'parts = [{{ name = "b{n}", shape = [4], scale = 1 }}]\n'
            for n in range(4)
        ),
        """\
error: double has more buffers than XRT's kernel has arguments
  where: kernel.toml, [[buffers]]
  why:   6 buffers, and mlir-aie declares bo0 to bo4
  fix:   join some of them: a buffer may have several parts""",
    ),
    "no TOML": (
        edited("[sizes]", "[sizes"),
        """\
error: kernel.toml is not valid TOML
  where: kernel.toml
  why:   Expected ']' at the end of a table declaration (at line 5, column 7)
  fix:   mend the line that is named""",
    ),
    "a key twice": (
        edited("rows = 4", "rows = 4\nrows = 5"),
        """\
error: kernel.toml is not valid TOML
  where: kernel.toml
  why:   Cannot overwrite a value (at line 7, column 9)
  fix:   mend the line that is named""",
    ),
    "a key of many parts": (
        edited("rows = 4", f"{20_000 * 'a.'}b = 4"),
        """\
error: kernel.toml has a key of more than 32 parts
  where: kernel.toml
  why:   a key here has three at the most, as in [banks.tile.x]
  fix:   shorten it""",
    ),
    "a number of many digits, in hexadecimal": (
        edited("columns = 8", f"columns = 0x{5_000 * 'f'}"),
        """\
error: 'sizes.columns' is a number of 20,000 bits
  where: kernel.toml, sizes.columns
  why:   no number here has more than 64
  fix:   correct it""",
    ),
    "an empty file": (
        "",
        """\
error: 'sizes' is missing
  where: kernel.toml
  why:   it must be a table
  fix:   add `[sizes]`""",
    ),
    "no UTF-8": (
        GOOD.replace("twice", "zweimal für").encode("latin-1"),
        """\
error: kernel.toml is not text
  where: kernel.toml
  why:   byte 34 is not UTF-8
  fix:   save the file as UTF-8""",
    ),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_spec_that_is_wrong_is_refused_with_file_key_and_fix(
    tmp_path: Path, text: str | bytes, expected: str
) -> None:
    assert refusal(tmp_path, text) == expected


OVERRIDES = {
    "misspelt": (
        {"row": 8},
        """\
error: there is no size 'row' to set
  where: --set row=8
  why:   sizes in kernel.toml: rows, columns
  fix:   did you mean `--set rows=8`?""",
    ),
    "unknown": (
        {"head": 8},
        """\
error: there is no size 'head' to set
  where: --set head=8
  why:   sizes in kernel.toml: rows, columns
  fix:   `tileproof show KERNEL` prints the sizes""",
    ),
    "zero": (
        {"rows": 0},
        """\
error: size 'rows' must be at least 1
  where: --set rows=0
  why:   it is 0
  fix:   give rows a positive number""",
    ),
    "negative": (
        {"columns": -8},
        """\
error: size 'columns' must be at least 1
  where: --set columns=-8
  why:   it is -8
  fix:   give columns a positive number""",
    ),
}


@pytest.mark.parametrize(("overrides", "expected"), OVERRIDES.values(), ids=OVERRIDES)
def test_an_override_that_is_wrong_is_refused(tmp_path: Path, overrides: dict[str, int], expected: str) -> None:
    assert refusal(tmp_path, GOOD, overrides) == expected


def test_a_folder_without_a_spec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem) as refused:
        load_spec(tmp_path / "nowhere")

    assert (
        str(refused.value)
        == f"""\
error: kernel.toml is missing
  where: {tmp_path / "nowhere" / "kernel.toml"}
  fix:   a kernel is a folder with a kernel.toml; copy one from another kernel and edit it"""
    )


def test_a_spec_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kernel.toml").mkdir()

    with pytest.raises(Problem, match=r"kernel\.toml"):
        load_spec(tmp_path)


@pytest.mark.parametrize("value", ["inf", "nan", "-0.5"])
def test_a_scale_that_gives_no_real_numbers_is_refused(tmp_path: Path, value: str) -> None:
    assert "the scale of 'x' must be" in refusal(tmp_path, edited("scale = 0.5", f"scale = {value}"))


@pytest.mark.parametrize("value", ["nan", "1.5", "-1.5"])
def test_a_correlation_that_no_run_can_have_is_refused(tmp_path: Path, value: str) -> None:
    assert "correlation" in refusal(tmp_path, edited("correlation = 0.9", f"correlation = {value}"))


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    """numpy's generators take none."""
    assert "seed" in refusal(tmp_path, edited("seed = 2", "seed = -2"))


@pytest.mark.parametrize("dtype", ["bf16", "f32"])
def test_a_buffer_of_a_float_type_is_refused_until_something_can_draw_and_compare_it(
    tmp_path: Path, dtype: str
) -> None:
    assert dtype in refusal(tmp_path, edited('"i16"', f'"{dtype}"'))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("absolute = 1\n", f"absolute = {10**400}\n", id="an integer no float can hold"),
        pytest.param("rows = 4", "rows = " + "9" * 5000, id="more digits than int() takes"),
        pytest.param("rows = 4", "rows = " + "[" * 50_000, id="brackets deeper than the parser's stack"),
    ],
)
def test_a_value_of_absurd_length_is_refused_without_a_traceback(tmp_path: Path, old: str, new: str) -> None:
    assert refusal(tmp_path, edited(old, new)).startswith("error: ")


def test_of_several_missing_tolerances_the_first_is_named(tmp_path: Path) -> None:
    """Not one that the hash seed picks: equal input gives equal text."""
    text = without("[tolerance.").replace("[[cases]]", "[tolerance]\n\n[[cases]]", 1)
    names = ["y", "power", *(f"part_{n}" for n in range(8))]
    parts = "".join(f'    {{ name = "{name}", shape = [2], scale = 1 }},\n' for name in names[2:])
    text = text.replace('unit = "log10" },\n', 'unit = "log10" },\n' + parts)

    assert refusal(tmp_path, text).splitlines()[0] in {
        "error: output 'y' has no tolerance",  # the first of the file
        "error: output 'part_0' has no tolerance",  # or of the alphabet
    }


# The table alone


def test_optional_tables_that_are_not_there_are_empty(tmp_path: Path) -> None:
    (tmp_path / "kernel.toml").write_text("")
    top = load_toml(tmp_path / "kernel.toml")

    assert top.tables("scratch", required=False) == ()
    assert top.table("extra", required=False).values == {}
    assert top.optional_number("correlation") is None
    assert top.text("about", "-") == "-"
    assert top.integer("seed", 1) == 1


def test_a_whole_number_is_also_a_number(tmp_path: Path) -> None:
    (tmp_path / "kernel.toml").write_text("scale = 2\n")

    assert load_toml(tmp_path / "kernel.toml").number("scale") == 2.0


def test_a_key_that_was_asked_for_is_known_even_if_it_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "kernel.toml").write_text("sed = 2\n")
    table = load_toml(tmp_path / "kernel.toml")
    table.integer("seed", 1)

    with pytest.raises(Problem) as refused:
        table.finish()

    assert refused.value.fix == "did you mean 'seed'?"


# Whatever bytes stand in kernel.toml

WORDS = st.sampled_from(
    [
        "",
        "true",
        "0",
        "-1",
        "1e999",
        "nan",
        '""',
        '"in"',
        "[]",
        "{}",
        "[[",
        "]]",
        "=",
        ".",
        ",",
        "\n",
        "\\",
        '"',
        "\x00",
        "é",
    ]
)
LONGER_WORDS = st.sampled_from(
    ["9" * 400, "0x7f", "1979-05-27", "[sizes]\n", "[[cases]]\n", 'name = "x"\n', "rows", "absolute = 1\n", "'''"]
)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A right kernel.toml with up to four slices replaced by something else."""
    text = draw(st.sampled_from([GOOD, *(path.read_text("utf-8") for path in sorted(KERNELS.glob("*/kernel.toml")))]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = start + draw(st.integers(0, 30))
        text = text[:start] + draw(WORDS | LONGER_WORDS | st.text(max_size=8)) + text[stop:]
    data = text.encode("utf-8", "surrogatepass")
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


@given(data=mangled())
@settings(max_examples=400, deadline=None)
def test_any_mangled_spec_loads_or_is_a_problem_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "mangled"
    folder.mkdir(exist_ok=True)
    with contextlib.suppress(Problem):
        spec = load(folder, data)

        assert spec.inputs
        assert spec.outputs
        assert spec.cases
        assert {part.name for buffer in spec.outputs for part in buffer.parts} == set(spec.tolerances)


def test_a_copied_kernel_folder_loads_as_the_shipped_one(tmp_path: Path) -> None:
    for path in sorted(KERNELS.glob("*/kernel.toml")):
        copy = tmp_path / path.parent.name
        copy.mkdir()
        shutil.copy(path, copy)
        ours, theirs = load_spec(path.parent), load_spec(copy)

        assert (ours.buffers, ours.core, ours.cases) == (theirs.buffers, theirs.core, theirs.cases)


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ('about = "twice the input"', "about = 2", 'about = "twice the input"'),
        ('way = "out"', 'way = "sideways"', 'way = "out"'),
        ('name = "power"', 'name = "po wer"', "parts = ["),
        ("stack_size = 2048", "stack = 2048", "stack_size = 2048"),
        ('shape = ["rows", 16]', "shape = []", 'shape = ["rows", 16]'),
        ('because = "a table of logarithms"\n', "", "[tolerance.power]"),
        ("correlation = 0.9", "correlation = 9", "correlation = 0.9"),
        ("[sizes]", "[sizes", "[sizes]"),
    ],
)
def test_a_refusal_knows_the_line_that_it_is_about(tmp_path: Path, right: str, wrong: str, line: str) -> None:
    with pytest.raises(Problem) as refused:
        load(tmp_path, edited(right, wrong))

    place = refused.value.diagnostic.place
    assert place.file == str(tmp_path / "kernel.toml")
    assert GOOD.splitlines()[place.line - 1] == line


@pytest.mark.parametrize(
    "value",
    ["rows = 4", "stack_size = 2048", "depth = 3", "zero = 7", "shape = [6]", "absolute = 1", "seed = 2", 'way = "in"'],
)
def test_a_number_that_python_cannot_write_is_refused_wherever_it_stands(tmp_path: Path, value: str) -> None:
    """It reads them in hexadecimal, octal and binary, however long they are."""
    key, _, written = value.partition(" = ")
    wide = f"[0o{9_000 * '7'}]" if written[0] == "[" else f"0b{20_000 * '1'}"

    assert f"{key}' is a number of " in refusal(tmp_path, edited(value, f"{key} = {wide}"))


TABLES = {
    "tolerance": '[tolerance.t{}]\nabsolute = 1\nbecause = "x"\n',
    "cases": '[[cases]]\nname = "c{}"\ndraw = "ramp"\n',
    "scratch": '[[core.scratch]]\nname = "s{}"\ndtype = "i8"\nshape = [4]\n',
}


@pytest.mark.parametrize("kind", TABLES)
def test_thousands_of_tables_are_read_in_little_time(tmp_path: Path, kind: str) -> None:
    """Where each stands was looked for in all lines before anybody asked."""
    begun = time.process_time()
    with contextlib.suppress(Problem):
        load(tmp_path, GOOD + "".join(TABLES[kind].format(n) for n in range(4_000)))

    assert time.process_time() - begun < 3
