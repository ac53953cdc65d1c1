"""Verdicts as text, JSON and JUnit: a reader of any of them learns what was proved, where, and what was not."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from tileproof import __version__
from tileproof.device.times import PHASES, RunTime
from tileproof.diagnostic import Diagnostic, Place
from tileproof.errors import Problem
from tileproof.kernel.spec import Tolerance
from tileproof.report.verdicts import EMULATOR_NOTE, as_junit, as_text
from tileproof.verify.compare import Comparison, compare
from tileproof.verify.verdict import FAIL, NOT_RUN, PASS, Verdict
from tileproof.verify.verdict_json import as_json, from_json

ONE = Tolerance(absolute=1.0, because="a test")


def comparison(wrong: int = 0) -> Comparison:
    """Of four elements, of which `wrong` are two steps off."""
    exact = np.array([1, 2, 3, 5], np.int8)
    actual = exact.copy()
    actual[:wrong] += 2
    return compare("out", actual, exact, exact + 0.25, ONE)


def verdict(outcome: str = PASS, **changes: object) -> Verdict:
    whole = Verdict(
        kernel="attention",
        variant="attention_i8_64x64x64__npu1",
        target="npu1",
        toolchain="host",
        device="emulator",
        case="uniform",
        seed=1,
        outcome=outcome,
        reason="" if outcome == PASS else "because",
        outputs=(comparison(0 if outcome == PASS else 1),),
        state="ERT_CMD_STATE_COMPLETED",
        artifacts={"xclbin": "build/a.emu.xclbin", "insts": "build/insts.bin", "digest": "0123456789abcdef"},
        seconds={"build": 1.0, "load": 0.5, "launch": 0.0005, "wait": 0.012},
    )
    if outcome == NOT_RUN:
        whole = replace(whole, outputs=(), state="", artifacts={}, seconds={})
    return replace(whole, **changes)  # type: ignore[arg-type]


# Text


def test_a_pass_is_told_with_figures_build_and_place() -> None:
    text = as_text([verdict()])

    assert text == (
        "kernel     case     verdict  compared  bit-exact  max error  allowed  correlation  SNR dB  run ms\n"
        "attention  uniform  pass            4        all       0.25        1      1.00000    22.5    12.5\n"
        "\n"
        "attention: PASS: 1 of 1 case for npu1\n"
        "  4 elements compared, every one bit for bit what integer.py says\n"
        "  build 0123456789ab: build/a.emu.xclbin\n"
        f"  {EMULATOR_NOTE}\n"
    )


def test_a_failure_is_told_with_its_reason_and_every_fault_in_full() -> None:
    faults = (
        Diagnostic(id="out-of-bounds", what="f reads outside its buffers", place=Place("tile.cc", 7)),
        Diagnostic(id="untouched", what="no byte of out was written"),
    )
    text = as_text([verdict(), verdict(FAIL, case="zeros", faults=faults)])

    assert (
        "\nattention, zeros: fail: because\n"
        "  f reads outside its buffers\n"
        "    where: tile.cc:7\n"
        "    more:  tileproof explain out-of-bounds\n"
        "  no byte of out was written\n"
        "    more:  tileproof explain untouched\n" in text
    )
    assert "\nattention: FAIL: 1 of 2 cases for npu1\n" in text
    assert "1 differ from integer.py" in text


def test_a_case_that_was_not_run_never_looks_like_a_pass() -> None:
    text = as_text([verdict(), verdict(NOT_RUN, case="zeros", reason="no C++ compiler")])

    assert "attention, zeros: not run: no C++ compiler" in text
    assert "attention: NOT RUN: 1 of 2 cases for npu1" in text
    assert "PASS" not in text


def test_a_failure_weighs_more_than_a_case_that_was_not_run() -> None:
    text = as_text([verdict(NOT_RUN, case="a"), verdict(FAIL, case="b")])

    assert "attention: FAIL: 0 of 2 cases" in text


def test_cases_that_failed_alike_are_told_once_with_all_their_names() -> None:
    text = as_text([verdict(FAIL, case="a"), verdict(FAIL, case="b"), verdict(FAIL, case="c", reason="another")])

    assert "\nattention, a, b: fail: because\n" in text
    assert "\nattention, c: fail: another\n" in text
    assert text.count("because") == 1


def test_every_kernel_has_a_line_of_its_own() -> None:
    text = as_text([verdict(), verdict(FAIL, kernel="mel", case="noise"), verdict(case="zeros")])

    assert "attention: PASS: 2 of 2 cases for npu1" in text
    assert "mel: FAIL: 0 of 1 case for npu1" in text


@pytest.mark.parametrize("others", [[], [verdict(FAIL)], [verdict(NOT_RUN, device="auto")], [verdict(device="npu")]])
@pytest.mark.parametrize("first", [True, False])
def test_a_pass_on_the_emulator_always_says_so(others: list[Verdict], first: bool) -> None:
    mine = [verdict(case="mine")]

    assert EMULATOR_NOTE in as_text(mine + others if first else others + mine)


def test_a_pass_on_an_npu_does_not_claim_the_emulator() -> None:
    assert EMULATOR_NOTE not in as_text([verdict(device="npu")])


def test_a_kernel_without_an_integer_specification_is_not_called_bit_exact() -> None:
    """Nothing was compared bit for bit, so nothing may say that it was."""
    within = compare("out", np.array([1, 2], np.int8), None, np.array([1.5, 2.0]), ONE)
    text = as_text([verdict(outputs=(within,))])

    assert "pass" in text
    assert "integer.py" not in text
    assert " all " not in text


def test_an_error_in_db_is_told_where_there_is_one() -> None:
    exact = np.array([1, 2, 3], np.int8)
    bands = compare("bands", exact, exact, exact + np.array([0.0, 0.4, 1.0]), ONE, None, 0.5)

    assert "bands: dB error mean 0.23, p95 0.47, max 0.50" in as_text([verdict(outputs=(bands,))])


def test_a_report_of_nothing_claims_nothing() -> None:
    text = as_text([])

    assert "PASS" not in text.upper()


@pytest.mark.parametrize(
    "case", ["recording [mix] a.wav", "recording [/b] a.wav", "rows [red]8", ":smile: a", "a\\[b]"]
)
def test_a_case_name_is_shown_as_it_is(case: str) -> None:
    """Recordings are named by whoever made them; brackets and colons are not markup."""
    text = as_text([verdict(FAIL, case=case)], width=200)

    assert text.splitlines()[1].startswith(f"attention  {case}  fail")
    assert f"attention, {case}: fail: because" in text


@pytest.mark.parametrize("place", ["design.mlir:100:5", "tile.cc:1234:8", "[/where] design.mlir:12:5"])
def test_a_reason_is_shown_as_it_is(place: str) -> None:
    text = as_text(
        [verdict(FAIL, reason=f"see {place}", faults=(Diagnostic(id="stale", what="x", place=Place.told(place)),))]
    )

    assert f"fail: see {place}\n" in text
    assert f"    where: {place}\n" in text


@pytest.mark.parametrize("control", ["\x1b[2J", "\x07", "\r", "\x9b2J"])
def test_a_control_character_in_a_reason_does_not_reach_the_terminal(control: str) -> None:
    text = as_text([verdict(FAIL, reason=f"before{control}after")])

    assert not [c for c in text if c != "\n" and (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0)]
    assert "before" in text
    assert "after" in text


def test_a_long_reason_is_neither_wrapped_nor_cut() -> None:
    reason = "word " * 100 + "end"

    assert reason in as_text([verdict(FAIL, reason=reason)], width=80)


def test_colour_is_only_there_when_it_is_asked_for() -> None:
    assert "\x1b[" in as_text([verdict()], colour=True)
    assert "\x1b[" not in as_text([verdict()])


# JSON

VERDICT_KEYS = {
    *("kernel", "variant", "target", "toolchain", "device", "case", "seed", "outcome", "reason"),
    *("outputs", "state", "artifacts", "cycles", "seconds"),
}
OUTPUT_KEYS = {
    *("name", "compared", "mismatched", "max_abs_error", "max_abs_allowed"),
    *("correlation", "cosine", "snr_db", "worst_index"),
}


def strict(text: str) -> dict[str, object]:
    """Parsed, with NaN and Infinity refused as other languages' parsers refuse them."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    parsed: dict[str, object] = json.loads(text, parse_constant=refuse)
    return parsed


@pytest.mark.parametrize("outcome", [PASS, FAIL, NOT_RUN])
def test_json_has_the_keys_that_programs_rely_on(outcome: str) -> None:
    parsed = strict(as_json([verdict(outcome)]))
    (only,) = parsed["verdicts"]

    assert set(parsed) == {"tileproof", "verdicts", "errors"}
    assert parsed["tileproof"] == __version__
    assert set(only) >= VERDICT_KEYS
    assert only["outcome"] == outcome
    assert only["cycles"] is None
    assert all(set(output) >= OUTPUT_KEYS for output in only["outputs"])
    assert len(only["outputs"]) == (0 if outcome == NOT_RUN else 1)


def test_json_holds_the_figures_unrounded() -> None:
    (only,) = strict(as_json([verdict(FAIL)]))["verdicts"]
    (output,) = only["outputs"]

    assert (output["compared"], output["mismatched"], output["max_abs_error"]) == (4, 1, 1.75)
    assert output["worst_index"] == [0]
    assert only["seconds"] == {"build": 1.0, "load": 0.5, "launch": 0.0005, "wait": 0.012}
    assert set(only["artifacts"]) == {"xclbin", "insts", "digest"}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("spoilt", ["actual", "golden"])
def test_json_has_no_nan_and_no_infinity(value: float, spoilt: str) -> None:
    right = np.array([1.0, 2.0, 3.0])
    wrong = np.array([1.0, value, 3.0])
    actual, golden = (wrong, right) if spoilt == "actual" else (right, wrong)
    bad = compare("out", actual.astype(np.float32), None, golden, ONE, 0.9, 0.5)
    (only,) = strict(as_json([verdict(FAIL, outputs=(bad,))]))["verdicts"]

    assert only["outputs"][0]["max_abs_error"] is None


def test_json_of_outputs_of_another_shape_is_valid() -> None:
    bad = compare("out", np.zeros(3, np.int8), None, np.zeros(4), ONE)
    (only,) = strict(as_json([verdict(FAIL, outputs=(bad,))]))["verdicts"]

    assert only["outputs"][0]["compared"] == 0


def test_json_keeps_any_text() -> None:
    reason = "\x00\x1b[2J \ud800 ü \n"

    assert strict(as_json([verdict(FAIL, reason=reason)]))["verdicts"][0]["reason"] == reason


def whole() -> Verdict:
    """With something in every field, and the reason of an output left out as JSON leaves it out."""
    times = dict.fromkeys(PHASES, 0.25)
    out = replace(comparison(1), reason="", db_error={"mean": 0.5, "p95": 1.0, "max": 2.0})
    far = replace(out, max_abs_error=float("inf"), correlation=None, mismatched=None, db_error=None)
    return verdict(
        FAIL,
        outputs=(out, far),
        faults=(Diagnostic(id="out-of-bounds", what="f reads outside its buffers", place=Place("tile.cc", 7)),),
        cycles={"run": 1234},
        runs=(RunTime("first", times), RunTime("steady", {**times, "build": 1})),
        machine={"device": "npu", "ninstr": "words"},
        blame="kernel",
    )


def test_a_verdict_comes_back_from_json_as_it_went() -> None:
    told = as_json([whole(), verdict(NOT_RUN)])

    assert from_json(told) == [whole(), verdict(NOT_RUN)]
    assert [*strict(told)["verdicts"][0]["times"]] == ["first", "steady"]


# What is in a verdict, and something that none of them is.
LISTS = ("faults", "outputs", "runs", "outputs.0.worst_index")
TABLES = ("artifacts", "seconds", "machine", "outputs.0.db_error", "runs.0.seconds", "faults.0", "outputs.0", "runs.0")
NUMBERS = (
    *("seed", "cycles", "seconds.wait", "runs.0.seconds.wait"),
    *("outputs.0.compared", "outputs.0.mismatched", "outputs.0.max_abs_error", "outputs.0.max_abs_allowed"),
    *("outputs.0.correlation", "outputs.0.cosine", "outputs.0.snr_db", "outputs.0.db_error.mean"),
)
TEXTS = ("kernel", "outcome", "artifacts.xclbin", "machine.device", "outputs.0.name", "runs.0.when")


@pytest.mark.parametrize(
    ("place", "odd"),
    [
        *((place, {"another": 1}) for place in LISTS),
        *((place, [1]) for place in TABLES),
        *((place, "another") for place in NUMBERS),
        *((place, 1) for place in TEXTS),
        ("runs.0.when", "another"),
        ("faults.0.id", "no such id"),
    ],
)
def test_a_field_that_holds_something_else_is_no_verdict(place: str, odd: object) -> None:
    told = json.loads(as_json([whole()]))
    *path, last = place.split(".")
    holder = told["verdicts"][0]
    for step in path:
        holder = holder[int(step) if isinstance(holder, list) else step]
    holder[int(last) if isinstance(holder, list) else last] = odd

    with pytest.raises(ValueError, match="it is not what tileproof writes: "):
        from_json(json.dumps(told))


def test_a_run_without_one_of_its_phases_is_no_verdict() -> None:
    told = json.loads(as_json([whole()]))
    del told["verdicts"][0]["runs"][0]["seconds"]["wait"]

    with pytest.raises(ValueError, match="runs has "):
        from_json(json.dumps(told))


@pytest.mark.parametrize("text", ["{}", "[]", '{"verdicts": {}}', '{"verdicts": [1]}', '{"verdicts": [{}]}'])
def test_another_text_is_no_verdict(text: str) -> None:
    with pytest.raises(ValueError, match="it is not what tileproof writes: "):
        from_json(text)


def test_a_refused_kernel_is_told_beside_the_verdicts() -> None:
    (error,) = strict(as_json([], {"mel": Problem("it is wrong", id="stale", why="so", fix="mend it")}))["errors"]

    assert (error["kernel"], error["what"], error["why"], error["fix"]) == ("mel", "it is wrong", "so", "mend it")


# JUnit


def suites(text: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(text.encode("utf-8", "strict"))

    assert root.tag == "testsuites"
    return list(root)


def test_junit_has_a_suite_per_kernel_that_counts_right() -> None:
    attention, mel = suites(
        as_junit(
            [
                verdict(case="a"),
                verdict(FAIL, case="b"),
                verdict(NOT_RUN, case="c"),
                verdict(FAIL, case="d"),
                verdict(kernel="mel", case="e"),
            ]
        )
    )

    assert attention.attrib == {
        "name": "tileproof.attention",
        "tests": "4",
        "errors": "0",
        "failures": "2",
        "skipped": "1",
    }
    assert mel.attrib == {"name": "tileproof.mel", "tests": "1", "errors": "0", "failures": "0", "skipped": "0"}
    assert [[child.tag for child in case] for case in attention] == [[], ["failure"], ["skipped"], ["failure"]]
    assert [case.get("name") for case in attention] == ["a", "b", "c", "d"]


def test_junit_names_kernel_target_device_and_time() -> None:
    ((case,),) = suites(as_junit([verdict()]))

    assert case.get("classname") == "attention.npu1.emulator"
    assert float(case.get("time", "nan")) == 0.0125


def test_junit_holds_reason_and_faults() -> None:
    faults = (
        Diagnostic(id="stale", what="first", place=Place("d.mlir", 3, 5), why="so"),
        Diagnostic(id="untouched", what="second"),
    )
    ((case,),) = suites(as_junit([verdict(FAIL, reason='a < b & "c"', faults=faults)]))
    (failure,) = case

    assert (failure.get("message"), failure.get("type")) == ('a < b & "c"', "stale")
    assert failure.text == (
        "first\n  where: d.mlir:3:5\n  why:   so\n  more:  tileproof explain stale\n"
        "second\n  more:  tileproof explain untouched"
    )


def test_junit_gives_the_reason_of_what_was_not_run() -> None:
    ((case,),) = suites(as_junit([verdict(NOT_RUN, reason="no C++ compiler")]))
    (skipped,) = case

    assert (skipped.tag, skipped.get("message")) == ("skipped", "no C++ compiler")


# What XML 1.0 cannot hold: control characters, lone surrogates (file names that are no UTF-8), two non-characters.
NOT_XML = ["\x00", "\x08", "\x0b", "\x1b[2J", "\x1f", "\ud800", "\udcfc", "\ufffe", "\uffff"]


@pytest.mark.parametrize("text", NOT_XML, ids=ascii)
def test_junit_parses_whatever_a_reason_or_a_fault_quotes(text: str) -> None:
    ((case,),) = suites(
        as_junit([verdict(FAIL, reason=f"a{text}b", faults=(Diagnostic(id="stale", what=f"c{text}d"),))])
    )
    (failure,) = case

    assert failure.get("message", "").startswith("a\N{REPLACEMENT CHARACTER}")
    assert (failure.text or "").startswith("c\N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize("text", NOT_XML, ids=ascii)
def test_junit_parses_whatever_a_case_is_called(text: str) -> None:
    ((case,),) = suites(as_junit([verdict(case=f"a{text}b")]))

    assert case.get("name", "").startswith("a")


def test_junit_of_nothing_has_no_suites() -> None:
    assert suites(as_junit([])) == []
