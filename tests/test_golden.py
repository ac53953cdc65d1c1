"""A kernel's own Python: what it returns is checked, and whatever it raises is a problem with file and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tileproof.dtypes import DTYPES
from tileproof.errors import Problem
from tileproof.kernel.golden import (
    draw_inputs,
    golden_steps,
    integer_outputs,
    joined,
    kernel_constants,
    quantised,
    split,
)
from tileproof.kernel.spec import Buffer, KernelSpec, Part, load_spec

KERNELS = Path(__file__).parents[1] / "kernels"

TOML = """\
name = "double"
about = "y = 2 a + b"
targets = ["npu1"]
sizes = { rows = 2, columns = 4 }
core = { function = "double_i8" }
tolerance = { y = { absolute = 0, because = "integers" } }
cases = [{ name = "ramp", draw = "ramp", seed = 5 }]

[[buffers]]
name = "ab"
way = "in"
dtype = "i8"
parts = [{ name = "a", shape = ["rows", "columns"], scale = 0.5 }, { name = "b", shape = [4], scale = 2, zero = 3 }]

[[buffers]]
name = "y"
way = "out"
dtype = "i8"
parts = [{ name = "y", shape = ["rows", "columns"], scale = 0.25, zero = -1 }]
"""
CASES = """\
import numpy as np

def ramp(rng, sizes):
    return {"a": np.arange(8).reshape(sizes["rows"], sizes["columns"]) / 2, "b": rng.uniform(-9, 9, 4)}
"""
GOLDEN = """\
def golden(a, b):
    return {"y": 2 * a + b}
"""
INTEGER = """\
def integer(inputs, constants):
    return {"y": inputs["a"] * constants["factor"]}
"""
CONSTANTS = """\
def constants(sizes, scales):
    if sizes["columns"] % 4:
        raise ValueError("columns must be a multiple of 4")
    return {"factor": sizes["rows"] * round(scales["b"])}
"""
INPUTS = {"a": np.arange(8, dtype=np.int8).reshape(2, 4), "b": np.array([3, 4, 5, 6], dtype=np.int8)}


def kernel(folder: Path, overrides: dict[str, int] | None = None, **files: str) -> KernelSpec:
    """A kernel folder; a file that is given replaces the right one."""
    right = {"cases": CASES, "golden": GOLDEN, "integer": INTEGER, "constants": CONSTANTS}
    for stem, text in {**right, **files}.items():
        (folder / f"{stem}.py").write_text(text)
    (folder / "kernel.toml").write_text(TOML)
    return load_spec(folder, overrides)


def buffer_of(dtype: str, *parts: Part) -> Buffer:
    return Buffer(name="x", way="in", dtype=DTYPES[dtype], parts=parts, depth=2)


def part_of(*shape: int, name: str = "x", scale: float = 1.0, zero: int = 0) -> Part:
    return Part(name=name, shape=shape, scale=scale, zero=zero, unit="")


# Rounding


def test_ties_are_rounded_to_even() -> None:
    real = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 0.49, -2.51, 7.0])

    assert quantised(real, buffer_of("i8"), part_of(8)).tolist() == [0, 2, 2, 0, -2, 0, -3, 7]


def test_ties_are_found_in_steps_before_the_zero_is_added() -> None:
    """round(real / scale) + zero: an odd zero does not turn the ties round."""
    assert quantised([0.25, 0.75, -0.25], buffer_of("i8"), part_of(3, scale=0.5, zero=1)).tolist() == [1, 3, 1]


@pytest.mark.parametrize("name", ["i8", "i16", "i32", "i64", "ui8", "ui16", "ui32"])
def test_what_is_out_of_range_is_clipped_to_the_ends_of_its_type(name: str) -> None:
    limits = np.iinfo(DTYPES[name].numpy)
    steps = quantised([-1e30, 1e30, -np.inf, np.inf], buffer_of(name), part_of(4))

    assert steps.dtype == DTYPES[name].numpy
    assert steps.tolist() == [limits.min, limits.max, limits.min, limits.max]


def test_the_zero_is_added_before_clipping() -> None:
    assert quantised([-200.0, 50.0, 60.0], buffer_of("i8"), part_of(3, zero=72)).tolist() == [-128, 122, 127]


@given(step=st.integers(-128, 127), zero=st.integers(-100, 100), scale=st.sampled_from([0.05, 0.03125, 1 / 32768, 3.0]))
def test_a_step_made_real_and_rounded_is_itself(step: int, zero: int, scale: float) -> None:
    real = scale * (step - zero)

    assert quantised([real], buffer_of("i8"), part_of(1, scale=scale, zero=zero)).tolist() == [step]


# Buffers and parts


def test_parts_lie_one_behind_the_other_in_a_buffer() -> None:
    buffer = buffer_of("i16", part_of(1, 2, name="a"), part_of(2, name="b"))
    data = joined(buffer, {"b": np.array([3, -1], np.int16), "a": np.array([[1, 2]], np.int16)})

    assert data == bytes([1, 0, 2, 0, 3, 0, 0xFF, 0xFF])


@pytest.mark.parametrize("name", DTYPES)
def test_what_was_joined_splits_into_the_same_parts(name: str) -> None:
    dtype = DTYPES[name].numpy
    parts = {
        "a": np.arange(6).reshape(2, 3).astype(dtype),
        "b": (np.arange(4).reshape(4, 1) + 100).astype(dtype),
        "c": np.array([1]).astype(dtype),
    }
    buffer = buffer_of(name, *(part_of(*value.shape, name=part) for part, value in parts.items()))
    back = split(buffer, joined(buffer, parts))

    assert list(back) == ["a", "b", "c"]
    assert all(back[part].dtype == dtype and np.array_equal(back[part], value) for part, value in parts.items())


def test_splitting_loses_no_bit_of_any_byte() -> None:
    data = bytes(range(256))
    buffer = buffer_of("i8", part_of(100, name="a"), part_of(4, 39, name="b"))

    assert joined(buffer, split(buffer, data)) == data


# Right answers


def test_inputs_are_drawn_and_rounded_to_their_steps(tmp_path: Path) -> None:
    spec = kernel(tmp_path)
    inputs = draw_inputs(spec, spec.cases[0].draw, 5)
    expected = np.rint(np.random.default_rng(5).uniform(-9, 9, 4) / 2) + 3

    assert list(inputs) == ["a", "b"]
    assert inputs["a"].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert inputs["b"].tolist() == expected.tolist()
    assert {value.dtype for value in inputs.values()} == {np.dtype(np.int8)}


def test_equal_seeds_draw_equal_inputs_and_others_do_not(tmp_path: Path) -> None:
    spec = kernel(tmp_path)
    first, again, other = (draw_inputs(spec, spec.cases[0].draw, seed)["b"].tolist() for seed in (1, 1, 1001))

    assert first == again
    assert first != other


def test_golden_gets_real_numbers_and_its_answer_becomes_unrounded_steps(tmp_path: Path) -> None:
    """a = 0.5 n, b = 2 (n - 3), y in steps of 0.25 from -1: the first is (2 * 0 + 0) / 0.25 - 1."""
    steps = golden_steps(kernel(tmp_path, golden="def golden(a, b): return {'y': a + b * 0.7}"), INPUTS)["y"]

    assert steps.dtype == np.float64
    np.testing.assert_allclose(steps, [[-1, 6.6, 14.2, 21.8], [7, 14.6, 22.2, 29.8]])


def test_golden_is_clipped_to_what_the_output_can_say(tmp_path: Path) -> None:
    spec = kernel(tmp_path, golden="def golden(a, b): return {'y': (a - 1.75) * 1e9}")
    steps = golden_steps(spec, INPUTS)["y"]

    assert steps.tolist() == [[-128.0] * 4, [127.0] * 4]


def test_golden_may_reach_both_ends_of_its_type_and_no_further(tmp_path: Path) -> None:
    steps = [[-129.0, -128.0, -127.5, 126.5], [127.0, 127.5, 0.0, 1e300]]
    part = kernel(tmp_path).outputs[0].parts[0]
    real = [[(step - part.zero) * part.scale for step in row] for row in steps]
    spec = kernel(tmp_path, golden=f"def golden(a, b): return {{'y': {real}}}")

    assert golden_steps(spec, INPUTS)["y"].tolist() == [[-128.0, -128.0, -127.5, 126.5], [127.0, 127.0, 0.0, 127.0]]


def test_golden_may_ask_for_sizes_by_name(tmp_path: Path) -> None:
    spec = kernel(tmp_path, golden="def golden(a, b, columns): return {'y': 0 * a + columns}")

    assert golden_steps(spec, INPUTS)["y"].tolist() == [[15.0] * 4] * 2


def test_the_integer_specification_gets_inputs_and_constants(tmp_path: Path) -> None:
    spec = kernel(tmp_path)
    outputs = integer_outputs(spec, INPUTS, kernel_constants(spec))

    assert outputs is not None
    assert outputs["y"].tolist() == [[0, 4, 8, 12], [16, 20, 24, 28]]


def test_a_kernel_without_an_integer_specification_has_no_exact_outputs(tmp_path: Path) -> None:
    spec = kernel(tmp_path)
    (tmp_path / "integer.py").unlink()

    assert integer_outputs(spec, INPUTS, {}) is None


def test_a_kernel_without_constants_has_none(tmp_path: Path) -> None:
    spec = kernel(tmp_path)
    (tmp_path / "constants.py").unlink()

    assert kernel_constants(spec) == {}


def test_two_kernels_golden_models_are_not_mixed_up(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    ones = kernel(folders[0], golden="def golden(a, b): return {'y': 0 * a + 1}")
    twos = kernel(folders[1], golden="def golden(a, b): return {'y': 0 * a + 2}")

    assert golden_steps(ones, INPUTS)["y"][0, 0] == 3
    assert golden_steps(twos, INPUTS)["y"][0, 0] == 7


@pytest.mark.parametrize("name", ["attention", "mel"])
def test_every_case_of_a_shipped_kernel_draws_and_agrees_with_its_own_integer_specification(name: str) -> None:
    spec = load_spec(KERNELS / name)
    constants = kernel_constants(spec)
    for case in spec.cases:
        inputs = draw_inputs(spec, case.draw, case.seed)
        exact, textbook = integer_outputs(spec, inputs, constants), golden_steps(spec, inputs)

        assert exact is not None
        assert all(np.abs(exact[n] - textbook[n]).max() <= spec.tolerances[n].absolute for n in textbook), case.name


# Wrong answers


def whole(problem: Problem, folder: Path) -> str:
    return str(problem).replace(str(folder), "KERNEL")


def test_a_value_error_of_constants_says_that_the_sizes_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(Problem) as refused:
        kernel_constants(kernel(tmp_path, {"columns": 6}))

    assert refused.value.exit_code == 2
    assert (
        whole(refused.value, tmp_path)
        == """\
error: double cannot be built with these sizes and scales
  where: KERNEL/kernel.toml, [sizes] rows = 2, columns = 6
  why:   columns must be a multiple of 4
  fix:   change them, or the --set you gave"""
    )


@pytest.mark.parametrize(
    ("stem", "text", "use", "line", "why"),
    [
        ("golden", "\n\ndef golden(a, b):\n    return 1 / 0\n", "golden", 4, "ZeroDivisionError: division by zero"),
        ("golden", "import no_such_module\n", "golden", 1, "ModuleNotFoundError: No module named 'no_such_module'"),
        ("golden", "def golden(a, b):\n    def f():\n        raise KeyError(7)\n    f()\n", "golden", 3, "KeyError: 7"),
        ("golden", "x = 1\nraise OSError('no recording')\n", "golden", 2, "OSError: no recording"),
        ("golden", "import numpy as np\ndef golden(a, b):\n    return a @ np.ones(9)\n", "golden", 3, None),
        ("constants", "def constants(sizes, scales):\n    return sizes['head']\n", "constants", 2, "KeyError: 'head'"),
        ("cases", "def ramp(rng, sizes):\n    return rng.nothing()\n", "cases", 2, None),
        ("integer", "\ndef integer(inputs, constants):\n    assert 0, 'w'\n", "integer", 3, "AssertionError: w"),
        ("integer", "def integer(inputs, constants):\n    raise SystemExit(0)\n", "integer", 2, None),
    ],
    ids=["raises", "import", "inner", "at import", "inside numpy", "constants", "cases", "integer", "exits with 0"],
)  # fmt: skip
def test_whatever_a_kernels_python_raises_is_a_problem_with_file_and_line(
    tmp_path: Path, stem: str, text: str, use: str, line: int, why: str | None
) -> None:
    spec = kernel(tmp_path, **{stem: text})
    uses = {
        "golden": lambda: golden_steps(spec, INPUTS),
        "constants": lambda: kernel_constants(spec),
        "cases": lambda: draw_inputs(spec, spec.cases[0].draw, 1),
        "integer": lambda: integer_outputs(spec, INPUTS, {}),
    }
    with pytest.raises(Problem) as refused:
        uses[use]()

    assert refused.value.exit_code == 1
    assert refused.value.what == f"double: {stem}.py fails"
    assert refused.value.where == f"{tmp_path / stem}.py:{line}"
    if why:
        assert refused.value.why == why


def test_a_failing_golden_is_reported_whole(tmp_path: Path) -> None:
    with pytest.raises(Problem) as refused:
        golden_steps(kernel(tmp_path, golden="def golden(a, b):\n    return a / c\n"), INPUTS)

    assert (
        whole(refused.value, tmp_path)
        == """\
error: double: golden.py fails
  where: KERNEL/golden.py:2
  why:   NameError: name 'c' is not defined
  fix:   mend the kernel's Python; a test of its own finds this sooner"""
    )


def test_a_syntax_error_is_a_problem_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(Problem) as refused:
        golden_steps(kernel(tmp_path, golden="\n\ndef golden(a, b)\n    return {}\n"), INPUTS)

    assert refused.value.where == f"{tmp_path / 'golden.py'}:3"
    assert refused.value.why is not None
    assert refused.value.why.startswith("SyntaxError: expected ':'")


def test_the_line_is_found_for_kernels_named_by_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--kernels mine` gives relative folders, and Python's tracebacks hold absolute ones."""
    (tmp_path / "mine").mkdir()
    kernel(tmp_path / "mine", golden="def golden(a, b):\n    return a / c\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(Problem) as refused:
        golden_steps(load_spec(Path("mine")), INPUTS)

    assert refused.value.where is not None
    assert refused.value.where.endswith("mine/golden.py:2")


@pytest.mark.parametrize(
    ("stem", "text", "use", "expected"),
    [
        (
            "golden",
            "def goldn(a, b): ...\ndef _hidden(): ...\n",
            lambda spec: golden_steps(spec, INPUTS),
            """\
error: double: there is no function 'golden'
  where: KERNEL/golden.py
  why:   functions there: goldn
  fix:   did you mean 'goldn'?""",
        ),
        (
            "cases",
            "def rump(rng, sizes): ...\ndef noise(rng, sizes): ...\n",
            lambda spec: draw_inputs(spec, spec.cases[0].draw, 1),
            """\
error: double: there is no function 'ramp'
  where: KERNEL/cases.py
  why:   functions there: rump, noise
  fix:   did you mean 'rump'?""",
        ),
        (
            "integer",
            "integer = 3\n",
            lambda spec: integer_outputs(spec, INPUTS, {}),
            """\
error: double: there is no function 'integer'
  where: KERNEL/integer.py
  why:   functions there: none
  fix:   write `def integer(...)`""",
        ),
        (
            "constants",
            "def numbers(sizes, scales): ...\n",
            kernel_constants,
            """\
error: double: there is no function 'constants'
  where: KERNEL/constants.py
  why:   functions there: numbers
  fix:   write `def constants(...)`""",
        ),
    ],
    ids=["golden", "cases", "integer", "constants"],
)
def test_a_function_that_is_missing_is_named_with_its_nearest(tmp_path, stem, text, use, expected) -> None:
    with pytest.raises(Problem) as refused:
        use(kernel(tmp_path, **{stem: text}))

    assert whole(refused.value, tmp_path) == expected


@pytest.mark.parametrize(
    ("stem", "use", "why"),
    [
        ("golden", lambda spec: golden_steps(spec, INPUTS), "it is what every output is compared with"),
        ("cases", lambda spec: draw_inputs(spec, spec.cases[0].draw, 1), "it draws the inputs of every case"),
    ],
    ids=["golden", "cases"],
)
def test_a_file_that_is_missing_is_named(tmp_path, stem, use, why) -> None:
    spec = kernel(tmp_path)
    (tmp_path / f"{stem}.py").unlink()

    with pytest.raises(Problem) as refused:
        use(spec)

    assert (
        whole(refused.value, tmp_path)
        == f"""\
error: double has no {stem}.py
  where: KERNEL
  why:   {why}
  fix:   write {stem}.py; the other kernels show how"""
    )


def test_a_wrong_shape_is_refused_with_both_shapes(tmp_path: Path) -> None:
    spec = kernel(tmp_path, golden="def golden(a, b): return {'y': a.T}")

    with pytest.raises(Problem) as refused:
        golden_steps(spec, INPUTS)

    assert (
        whole(refused.value, tmp_path)
        == """\
error: double: golden.py, golden does not return what kernel.toml says
  where: KERNEL/golden.py, golden
  why:   wanted {'y': (2, 4)}, got {'y': (4, 2)}
  fix:   return one array per part, with the part's name and shape"""
    )


@pytest.mark.parametrize(
    "answer",
    ["None", "{}", "{'z': a}", "{'y': a, 'z': a}", "{'y': 0.0}", "a", "[a]", "{'y': a[:1]}", "{'y': [[1, 2], [3]]}"],
)
def test_an_answer_of_another_shape_is_refused(tmp_path: Path, answer: str) -> None:
    """A number would broadcast, and pass for a whole array."""
    golden = kernel(tmp_path, golden=f"def golden(a, b): return {answer}")
    (tmp_path / "integer.py").write_text(f"def integer(inputs, constants):\n    a = inputs['a']\n    return {answer}\n")

    with pytest.raises(Problem, match="golden does not return what"):
        golden_steps(golden, INPUTS)
    with pytest.raises(Problem, match="integer does not return what"):
        integer_outputs(golden, INPUTS, {})


def test_drawn_inputs_of_another_shape_are_refused(tmp_path: Path) -> None:
    spec = kernel(tmp_path, cases="def ramp(rng, sizes): return {'a': rng.random((2, 4))}")

    with pytest.raises(Problem) as refused:
        draw_inputs(spec, spec.cases[0].draw, 1)

    assert (
        whole(refused.value, tmp_path)
        == """\
error: double: cases.py, ramp does not return what kernel.toml says
  where: KERNEL/cases.py, ramp
  why:   wanted {'a': (2, 4), 'b': (4,)}, got {'a': (2, 4)}
  fix:   return one array per part, with the part's name and shape"""
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("value", ["float('nan')", "'text'", "None"])
def test_drawn_inputs_that_are_no_numbers_are_refused(tmp_path: Path, value: str) -> None:
    """A NaN has no integer; what numpy makes of it differs between machines."""
    text = f"import numpy as np\ndef ramp(rng, sizes): return {{'a': np.full((2, 4), {value}), 'b': np.zeros(4)}}\n"
    spec = kernel(tmp_path, cases=text)

    with pytest.raises(Problem, match=r"double: cases\.py"):
        draw_inputs(spec, spec.cases[0].draw, 1)


def test_a_golden_that_answers_with_text_is_refused(tmp_path: Path) -> None:
    spec = kernel(tmp_path, golden="import numpy as np\ndef golden(a, b): return {'y': np.full(a.shape, 'one')}")

    with pytest.raises(Problem, match=r"double: golden\.py"):
        golden_steps(spec, INPUTS)


def test_an_integer_specification_may_answer_with_lists(tmp_path: Path) -> None:
    spec = kernel(tmp_path, integer="def integer(inputs, constants): return {'y': inputs['a'].tolist()}")
    outputs = integer_outputs(spec, INPUTS, {})

    assert outputs is not None
    assert outputs["y"].shape == (2, 4)


def test_constants_that_are_no_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"double: constants\.py"):
        kernel_constants(kernel(tmp_path, constants="def constants(sizes, scales): return 3\n"))


def test_a_golden_model_cannot_change_the_inputs_of_the_run(tmp_path: Path) -> None:
    inputs = {name: value.copy() for name, value in INPUTS.items()}
    spec = kernel(tmp_path, golden="def golden(a, b):\n    a[:] = 0\n    return {'y': a}\n")
    golden_steps(spec, inputs)

    assert all(np.array_equal(inputs[name], INPUTS[name]) for name in INPUTS)
