"""A pass means that a wrong kernel would have failed: what no case can refuse is not run, and golden runs apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from small_kernel import write_kernel

from tileproof.build.prepare import load_kernel
from tileproof.build.request import BuildRequest
from tileproof.cli import main
from tileproof.errors import EXIT_KERNEL_WRONG, EXIT_NOT_HERE, Problem
from tileproof.kernel.apart import Apart, once
from tileproof.kernel.golden import kernel_constants
from tileproof.kernel.packed import pack, unpack
from tileproof.verify.expected import Expectations
from tileproof.verify.prove import prove_kernel
from tileproof.verify.request import CaseRequest, VerifyRequest
from tileproof.verify.verdict import FAIL, NOT_RUN, PASS, Verdict

ONE_CASE = """\
import numpy as np


def ramp(rng, sizes):
    return {"x": {ramp}}


def random(rng, sizes):
    return {"x": {random}}
"""
IN_GOLDEN = 'def golden(x):\n    return {"y": 2 * x + 1}\n'


def kernel(folder: Path, *, exact: bool = True, golden: str = "", cases: str = "", integer: str = "", **toml) -> Path:
    """The small kernel with other files; without integer.py where `exact` is False."""
    kernels = write_kernel(folder, **toml)
    for name, text in (("golden", golden), ("cases", cases), ("integer", integer)):
        if text:
            (kernels / "double" / f"{name}.py").write_text(text)
    if not exact:
        (kernels / "double" / "integer.py").unlink()
    return kernels


def proved(kernels: Path, *names: str) -> list[Verdict]:
    build = BuildRequest(kernels=kernels, build_dir=kernels.parent / "build")
    request = VerifyRequest(build=build, cases=CaseRequest(names=names))
    return list(prove_kernel("double", request, lambda _: None))


def drawn(ramp: str, random: str) -> str:
    return ONE_CASE.replace("{ramp}", ramp).replace("{random}", random)


# What a wrong kernel would pass


HALVES = 'rng.uniform(-0.4, 0.4, sizes["count"])'
CANNOT = {
    "a tolerance beyond the type": ({"absolute": 1e9, "exact": False}, "zeros"),
    "128 steps of an i8": ({"absolute": 128.0, "exact": False, "dtype": "i8"}, "zeros"),
    "cases that ignore the rng and are alike": (
        {"cases": drawn('np.arange(sizes["count"])', 'np.arange(sizes["count"])')},
        "another case's answer",
    ),
    "cases that quantise to a constant": ({"cases": drawn(HALVES, HALVES)}, "a constant (golden's mean)"),
    "a golden that says the same of everything": (
        {"golden": 'def golden(x):\n    return {"y": 0 * x + 7}\n', "exact": False, "cases": ""},
        "a constant (golden's mean)",
    ),
}


@pytest.mark.parametrize(("changes", "what"), CANNOT.values(), ids=CANNOT)
def test_what_no_case_can_refuse_is_not_run(changes: dict[str, object], what: str, tmp_path: Path) -> None:
    verdicts = proved(kernel(tmp_path, **changes))  # type: ignore[arg-type]

    assert {verdict.outcome for verdict in verdicts} == {NOT_RUN}
    assert {verdict.reason for verdict in verdicts} == {f"nothing here can tell a right answer from {what}"}
    assert verdicts[0].faults[0].id == "cannot-refuse"


def test_an_output_whose_steps_are_far_larger_than_golden_is_not_run(tmp_path: Path) -> None:
    kernels = kernel(tmp_path, exact=False, absolute=1.0)
    toml = kernels / "double" / "kernel.toml"
    toml.write_text(toml.read_text().replace('{ name = "y", shape = ["count"], scale = 1.0 }',
                                             '{ name = "y", shape = ["count"], scale = 100000.0 }'))  # fmt: skip

    assert {verdict.outcome for verdict in proved(kernels)} == {NOT_RUN}


def test_a_case_that_cannot_refuse_is_fine_beside_one_that_can_and_is_not_run_alone(tmp_path: Path) -> None:
    cases = drawn('np.zeros(sizes["count"])', 'rng.integers(-9, 9, sizes["count"]).astype(float)')
    kernels = kernel(tmp_path, cases=cases)

    assert [verdict.outcome for verdict in proved(kernels)] == [PASS, PASS]
    assert [verdict.outcome for verdict in proved(kernels, "ramp")] == [NOT_RUN]
    assert [verdict.outcome for verdict in proved(kernels, "random")] == [PASS]


def test_what_is_not_run_says_what_to_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernels = kernel(tmp_path, absolute=1e9, exact=False)

    assert main(["verify", "double", "--kernels", str(kernels), "--build-dir", str(tmp_path / "b")]) == EXIT_NOT_HERE
    assert (
        "  nothing here can tell a right answer from zeros\n"
        f"    where: {kernels}/double/kernel.toml, [[cases]] and [tolerance.y]\n"
        "    why:   for 'y' it would pass every run of what was asked for (ramp, random), and so would a constant "
        "(golden's mean), a constant (golden's first element), the inputs handed through, another case's answer, the "
        "answer of the run before; golden spans 3,962.00 steps there, and 1,000,000,000 are allowed\n"
        "    fix:   run a case with it that draws varied inputs, lower the tolerance, or give the output a scale whose "
        "steps golden's answer spans\n"
        "    more:  tileproof explain cannot-refuse\n"
    ) in capsys.readouterr().out


COPY = "for (int i = 0; i < count; ++i)\n        y[i] = x[i];"
HANDED = 'def golden(x):\n    return {"y": x}\n'
EXACTLY = 'def integer(inputs, constants):\n    return {"y": inputs["x"].copy()}\n'


def test_a_kernel_whose_work_it_is_to_hand_its_inputs_through_is_run(tmp_path: Path) -> None:
    verdicts = proved(kernel(tmp_path, body=COPY, golden=HANDED, integer=EXACTLY))

    assert [verdict.outcome for verdict in verdicts] == [PASS, PASS]


def test_one_that_only_does_so_for_the_inputs_that_its_cases_draw_is_not(tmp_path: Path) -> None:
    positive = 'rng.integers(1, 100, sizes["count"]).astype(float)'
    relu = 'import numpy as np\n\n\ndef golden(x):\n    return {"y": np.maximum(x, 0)}\n'
    verdicts = proved(kernel(tmp_path, body=COPY, golden=relu, exact=False, cases=drawn(positive, positive)))

    assert {verdict.reason for verdict in verdicts} == {
        "nothing here can tell a right answer from the inputs handed through"
    }


def test_a_kernel_that_keeps_its_first_answer_fails(tmp_path: Path) -> None:
    body = (
        "static element kept[count];\n    static bool known = false;\n"
        "    if (!known) for (int i = 0; i < count; ++i) kept[i] = 2 * x[i] + 1;\n"
        "    known = true;\n    for (int i = 0; i < count; ++i) y[i] = kept[i];"
    )

    assert FAIL in {verdict.outcome for verdict in proved(kernel(tmp_path, body=body))}


# What is right is known before anything runs, and apart from it


INFINITE = "import numpy as np\n\n\ndef golden(x):\n    return {'y': np.full_like(x, np.inf)}\n"
KILLS = "import os\n\n\ndef ramp(rng, sizes):\n    os.kill(os.getpid(), 9)\n\n\nrandom = ramp\n"
CLOSES = "import os\n\n\ndef golden(x):\n    os.closerange(0, 100)\n    return {'y': 2 * x + 1}\n"
PYTHON = {
    "writes into its inputs": ("integer", "def integer(inputs, constants):\n    inputs['x'][:] = 0\n    return {}\n",
                               "python-fails", "ValueError: assignment destination is read-only"),
    "says an infinity": ("golden", INFINITE, "golden-not-finite", None),
    "ends the process": ("golden", "import os\n\n\ndef golden(x):\n    os._exit(0)\n", "python-ends",
                         "golden.py was asked, and the process was gone: exit code 0"),
    "ends itself by a signal": ("cases", KILLS,
                                "python-ends", "cases.py was asked, and the process was gone: Killed"),
    "raises what is no Exception": ("golden", "def golden(x):\n    raise KeyboardInterrupt('mine')\n", "python-fails",
                                    "KeyboardInterrupt: mine"),
    "is a class": ("golden", "class golden:\n    def __init__(self, x):\n        pass\n", "other-shape", None),
    "closes all that is open": ("golden", CLOSES,
                                "python-ends", None),
}  # fmt: skip


@pytest.mark.parametrize(("stem", "text", "id_", "why"), PYTHON.values(), ids=PYTHON)
def test_python_of_a_kernel_that_does_what_it_should_not_is_told_and_nothing_passes(
    stem: str, text: str, id_: str, why: str | None, tmp_path: Path
) -> None:
    verdicts = proved(kernel(tmp_path, **{stem: text}))  # type: ignore[arg-type]

    assert {verdict.outcome for verdict in verdicts} == {FAIL}
    assert verdicts[0].faults[0].id == id_
    assert why is None or verdicts[0].faults[0].why == why


CHEATS = {
    "patches what compares": "import tileproof.verify.compare as c\nimport tileproof.verify.proof as p\n\n\n"
    "def golden(x):\n    c.compare = p.compare = lambda *a, **k: None\n    return {'y': 2 * x + 1}\n",
    "looks for the answer in frames": "import sys\n\n\ndef golden(x):\n    frame = sys._getframe()\n"
    "    while frame:\n"
    "        for value in list(frame.f_locals.values()):\n"
    "            if isinstance(getattr(value, 'outputs', None), dict):\n"
    "                return {'y': value.outputs[1]}\n        frame = frame.f_back\n    return {'y': 2 * x + 1}\n",
}


@pytest.mark.parametrize("golden", CHEATS.values(), ids=CHEATS)
def test_a_golden_that_would_help_a_wrong_kernel_cannot(golden: str, tmp_path: Path) -> None:
    wrong = "for (int i = 0; i < count; ++i)\n        y[i] = 3 * x[i];"
    verdicts = proved(kernel(tmp_path, body=wrong, golden=golden))

    assert {verdict.outcome for verdict in verdicts} == {FAIL}
    assert all(verdict.outputs for verdict in verdicts)


def test_constants_that_close_standard_output_are_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kernels = write_kernel(tmp_path)
    (kernels / "double" / "constants.py").write_text(
        "import sys\n\n\ndef constants(sizes, scales):\n    sys.stdout.close()\n    return {'half': 1}\n"
    )

    assert main(["render", "double", "--kernels", str(kernels)]) == 0
    assert "constexpr" in capfd.readouterr().out


@pytest.mark.parametrize("ends", ["os._exit(0)", "raise SystemExit(0)"])
def test_constants_that_end_the_process_end_only_their_own(ends: str, tmp_path: Path) -> None:
    kernels = write_kernel(tmp_path)
    (kernels / "double" / "constants.py").write_text(f"import os\n\n\ndef constants(sizes, scales):\n    {ends}\n")

    with pytest.raises(Problem) as refused:
        kernel_constants(load_kernel("double", kernels, {}))
    assert refused.value.exit_code == EXIT_KERNEL_WRONG


@pytest.fixture
def expectations(tmp_path: Path) -> Iterator[Expectations]:
    spec = load_kernel("double", write_kernel(tmp_path), {})
    with closing(Expectations(spec, {})) as found:
        yield found
        assert spec


def test_what_is_expected_cannot_be_written_to(expectations: Expectations, tmp_path: Path) -> None:
    spec = load_kernel("double", tmp_path / "kernels", {})
    expected = expectations.of(spec.cases[0], 0)

    with pytest.raises(ValueError, match="read-only"):
        expected.inputs["x"][0] = 1
    with pytest.raises(ValueError, match="read-only"):
        expected.textbook["y"][0] = 1


def test_each_run_of_a_case_draws_other_inputs_and_the_same_again(expectations: Expectations, tmp_path: Path) -> None:
    (_, random) = load_kernel("double", tmp_path / "kernels", {}).cases
    first, second, again = (expectations.inputs(random, number)["x"].tolist() for number in (0, 1, 0))

    assert first == again != second


def test_a_golden_that_refuses_inputs_that_no_case_draws_does_not_hand_its_inputs_through(tmp_path: Path) -> None:
    few = 'rng.integers(1, 100, sizes["count"]).astype(float)'
    picky = "def golden(x):\n    if (abs(x) >= 100).any():\n        raise ValueError(x)\n    return {'y': x}\n"
    verdicts = proved(kernel(tmp_path, body=COPY, golden=picky, exact=False, cases=drawn(few, few)))

    assert {verdict.reason for verdict in verdicts} == {
        "nothing here can tell a right answer from the inputs handed through"
    }


# What crosses over


VALUES = [
    None, True, -7, 2**70, 0.1, float("inf"), "x\udcfe", [1, (2, [3.5])], {"a": {"b": []}}, {"$array": 1},
    np.arange(6, dtype=np.int8).reshape(2, 3), np.float32(1.5), np.zeros((0, 4)), np.array(5, dtype=np.uint64),
    np.array([1, 256], dtype=">i2"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_is_packed_comes_back_as_it_was(value: object) -> None:
    found = unpack(pack(value))

    assert type(found) is type(value)
    if isinstance(value, np.ndarray):
        assert (found.dtype, found.shape, found.tolist()) == (value.dtype, value.shape, value.tolist())
    else:
        assert found == value


@pytest.mark.parametrize("value", [object(), {1: 2}, np.array(["text"]), np.array([object()]), b"bytes"])
def test_what_is_no_number_text_or_list_is_not_packed(value: object) -> None:
    with pytest.raises(TypeError):
        pack(value)


ODD_BYTES = {
    "nothing": b"",
    "no records": b"\x00" * 16,
    "texts for numbers": pack(np.array([1])).replace(b"<i8", b"<U2"),
    "a type that there is not": pack(np.array([1])).replace(b"<i8", b"<z8"),
    "a shape that is none": pack(np.zeros((2, 2))).replace(b"<f8", b"<f4"),
}


@pytest.mark.parametrize("data", ODD_BYTES.values(), ids=ODD_BYTES)
def test_bytes_that_are_no_such_values_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unpack(data)


def test_a_process_apart_ends_with_who_asks() -> None:
    import os

    apart = Apart("x", "here", Path(), {"pid": os.getpid})
    pid = apart.ask("pid")
    assert pid != os.getpid()
    apart.close()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_a_function_apart_returns_and_cannot_cross_over_is_told() -> None:
    with pytest.raises(Problem) as refused:
        once("double", "constants.py", Path(), object)
    assert refused.value.diagnostic.id == "not-plain"
