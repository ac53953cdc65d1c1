"""Every function of our AIE API says where its semantics come from, and a verdict which of them nobody confirms."""

from __future__ import annotations

import re
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from test_people_code import BF16_DESIGN, emulated

from tileproof.emulator.semantics import DOCUMENTED, NOT_CONFIRMED, SEMANTICS, SILICON, UNCONFIRMED, unconfirmed
from tileproof.library import include_dir
from tileproof.verify import verdict_json
from tileproof.verify.verdict import Verdict

HEADERS = include_dir() / "aie_api"
DOC = Path(__file__).resolve().parent.parent / "docs/aie_api.md"
# Macros that declare functions of namespace aie, by the name of their first argument.
DECLARING = re.compile(
    r"^TILEPROOF_(?:MULTIPLY|MULTIPLY_ADD|LANEWISE|COMPARISON|ACCUMULATORS|VECTOR_ITERATOR|CIRCULAR|SCALAR_CIRCULAR)"
    r"\(\s*(\w+)",
    re.MULTILINE,
)


def declared(text: str) -> set[str]:
    """The functions that a header declares in namespace aie itself."""
    text = re.sub(r"//[^\n]*", "", text)
    found = set(DECLARING.findall(text))
    text = re.sub(r"^[ \t]*#[^\n]*(?:\\\n[^\n]*)*", "", text, flags=re.MULTILINE)
    open_: list[str] = []
    head = ""
    for letter in text:
        if letter == "{":
            space = re.search(r"namespace\s+([\w:]+)\s*$", head)
            is_type = re.search(r"\b(class|struct|enum|union)\b[^()]*$", head)
            if open_ == ["aie"] and not space and not is_type:
                found |= set(_function(head))
            open_.append(space[1] if space else "{")
            head = ""
        elif letter in "};":
            if letter == "}" and open_:
                open_.pop()
            head = ""
        else:
            head += letter
    return found


def _function(head: str) -> list[str]:
    names = re.findall(r"([A-Za-z_]\w*)\s*\(", re.sub(r"requires\s*\((?:[^()]|\([^()]*\))*\)", "", head))
    return [name for name in names if not name.startswith(("TILEPROOF", "decltype", "requires"))][:1]


def graded() -> set[str]:
    return {name for row in SEMANTICS for name in row.functions.split()}


def test_every_function_of_the_api_is_graded_and_nothing_else() -> None:
    functions = set().union(*(declared(path.read_text()) for path in sorted(HEADERS.glob("*.hpp"))))
    functions -= {"NAME", "return"}  # of the macros themselves
    assert len(functions) > 90
    assert functions - graded() == set()
    classes = {"mmul", "block_vector", "parallel_lookup", "linear_approx", "accum::to_vector", "accum::from_vector"}
    assert graded() - functions == classes


def test_a_function_that_nobody_graded_is_found() -> None:
    assert declared("namespace aie {\ntemplate <typename T>\nT news(const T &v) {\n return v;\n}\n}") == {"news"}
    assert declared("namespace aie {\nnamespace detail {\nint inner(int v) { return v; }\n}\n}") == set()


def test_a_grade_is_one_of_three_and_has_its_source() -> None:
    assert {row.grade for row in SEMANTICS} == {SILICON, DOCUMENTED, NOT_CONFIRMED}
    assert all(row.source and row.of for row in SEMANTICS)


def test_the_document_has_the_table() -> None:
    lines = [f"| {', '.join(row.functions.split())} | {row.of} | {row.grade} | {row.source} |" for row in SEMANTICS]
    assert "\n".join(lines) in DOC.read_text(), "\n" + "\n".join(lines)
    assert all(f"- {words}\n" in DOC.read_text() for words in UNCONFIRMED)


def test_the_rules_have_the_order_of_the_headers() -> None:
    enum = re.search(r"enum tileproof_rule [^{]*\{([^}]*)\}", (HEADERS / "core_state.hpp").read_text())
    assert enum is not None
    names = re.findall(r"^ *tileproof_rule_(\w+),", enum[1], re.MULTILINE)
    assert names == [
        *("bfloat16_sums", "float_products", "float_mac", "no_numbers", "float_inverse", "square_root"),
        *("exp2_rounding", "tanh_beyond_half", "tanh_table", "count"),
    ]
    assert len(names) - 1 == len(UNCONFIRMED)
    assert unconfirmed([8, 0, 8, 77, -1]) == (UNCONFIRMED[0], UNCONFIRMED[8]), "a hostile number says nothing"


# Each uses one rule; {v} is a vector of 16 bfloat16, {f} one of float, and y is written.
USES = {
    "bfloat16_sums": ("npu2", "out = aie::mul(v, v);"),
    "float_products": (
        "npu1",
        "out = aie::accum<accfloat, 16>(aie::vector<float, 16>(aie::mul(f, f))).to_vector<bfloat16>();",
    ),
    "float_mac": ("npu2", "out = aie::mac(aie::accum<accfloat, 16>(f), f, f);"),
    "no_numbers": (
        "npu1",
        "out = aie::mul(aie::broadcast<bfloat16, 16>(std::numeric_limits<bfloat16>::infinity()), v);",
    ),
    "float_inverse": ("npu2", "out = aie::accum<accfloat, 16>(aie::inv(f)).to_vector<bfloat16>();"),
    "square_root": ("npu1", "out = aie::broadcast<bfloat16, 16>(aie::sqrt(float(v.get(1))));"),
    "exp2_rounding": ("npu2", "out = aie::exp2<bfloat16>(f);"),
    "tanh_beyond_half": ("npu2", "out = aie::tanh<bfloat16>(f);"),
    "tanh_table": ("npu2", "out = getTanhBf16(v);"),
}
CODE = """
#include <lut_based_ops.h>
#include <limits>
extern "C" void step(bfloat16 *x, bfloat16 *y, bfloat16 *) {{
    const aie::vector<bfloat16, 16> v = aie::load_v<16>(x);
    const aie::vector<float, 16> f = aie::accum<accfloat, 16>(v);
    aie::vector<bfloat16, 16> out = v;
    {use}
    for (int i = 0; i < 64; i += 16) aie::store_v(y + i, out);
}}
"""


def told(tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str, use: str, x: float) -> list[str]:
    values = np.full(256, x, ml_dtypes.bfloat16)
    assert emulated(tmp_path, BF16_DESIGN.replace("npu1", target), CODE.format(use=use), values) == 0
    lines = capsys.readouterr().out.splitlines()
    return [line.partition("unconfirmed: ")[2] for line in lines if "unconfirmed: " in line]


@pytest.mark.parametrize("rule", USES)
def test_what_was_used_and_nobody_confirms_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rule: str
) -> None:
    target, use = USES[rule]
    x = 0.0 if rule == "no_numbers" else 0.75
    words = UNCONFIRMED[list(USES).index(rule)]
    assert words in told(tmp_path, capsys, target, use, x)


def test_what_is_confirmed_is_not_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On npu1 the unit was recorded; and up to 0.5 tanh is known."""
    assert told(tmp_path, capsys, "npu1", "out = aie::mul(v, v);", 0.75) == []
    assert told(tmp_path, capsys, "npu2", "out = aie::tanh<bfloat16>(f);", 0.25) == []
    assert told(tmp_path, capsys, "npu2", "if (x[0] > 5) out = aie::mul(v, v);", 0.75) == [], "not run, not told"


def test_a_verdict_keeps_what_is_unconfirmed(tmp_path: Path) -> None:
    verdict = Verdict(
        kernel="k", variant="k", target="npu2", toolchain="host", device="emulator", case="c", seed=1, outcome="pass",
        unconfirmed=(UNCONFIRMED[0],),
    )  # fmt: skip
    assert verdict_json.from_json(verdict_json.as_json([verdict]))[0].unconfirmed == (UNCONFIRMED[0],)
