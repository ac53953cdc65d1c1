"""Verdicts to text, JSON and JUnit: pure functions."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import StringIO
from types import MappingProxyType
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tileproof import __version__
from tileproof.errors import Problem
from tileproof.verify import FAIL, NOT_RUN, PASS, Comparison, Verdict

_COLOURS = {PASS: "green", FAIL: "red", NOT_RUN: "yellow"}

EMULATOR_NOTE = (
    "on the emulator: tile code run as native code of this machine, against real addresses, locks and DMA; "
    "no machine code, and cycles only as a model counts them"
)


# Kernels of which the spec or the request was wrong, so that not every case has a verdict.
Refused = Mapping[str, Problem]


def as_text(
    verdicts: Sequence[Verdict], refused: Refused = MappingProxyType({}), *, width: int = 120, colour: bool = False
) -> str:
    """The table, what went wrong in full, and one line per kernel."""
    out = StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        emoji=False,
    )
    console.print(_table(verdicts, narrow=width < _TABLE_WIDTH))
    for text, outcome in _explanations(verdicts).items():
        console.print(_plain(text), style=_COLOURS[outcome] if colour else "", markup=False, soft_wrap=True)
    for kernel in dict.fromkeys(verdict.kernel for verdict in verdicts):
        mine = [v for v in verdicts if v.kernel == kernel]
        console.print(_plain(_summary(mine, refused.get(kernel))), markup=False, soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


# Below this width the columns that are least missed are left out.
_TABLE_WIDTH = 108
_FIGURES = ("compared", "bit-exact", "max error", "allowed", "correlation", "SNR dB", "run ms")
_NARROW_FIGURES = ("bit-exact", "max error", "correlation")


def _table(verdicts: Sequence[Verdict], *, narrow: bool) -> Table:
    shown = _NARROW_FIGURES if narrow else _FIGURES
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("kernel", "case", "verdict"):
        table.add_column(name)
    for name in shown:
        table.add_column(name, justify="right")
    for verdict in verdicts:
        outcome = f"[{_COLOURS[verdict.outcome]}]{verdict.outcome}[/]"
        for comparison in verdict.outputs or (None,):
            figures = _figures(comparison, verdict)
            table.add_row(verdict.kernel, Text(_plain(verdict.case)), outcome, *(figures[name] for name in shown))
    return table


def _figures(comparison: Comparison | None, verdict: Verdict) -> dict[str, str]:
    figures = dict.fromkeys(_FIGURES, "-")
    if "run" in verdict.seconds:
        figures["run ms"] = f"{1e3 * verdict.seconds['run']:.1f}"
    if comparison is not None:
        figures |= {
            "compared": f"{comparison.compared:,}",
            "bit-exact": _bit_exact(comparison),
            "max error": f"{comparison.max_abs_error:.2f}",
            "allowed": f"{comparison.max_abs_allowed:g}",
            "correlation": _optional(comparison.correlation, ".5f"),
            "SNR dB": _optional(comparison.snr_db, ".1f"),
        }
    return figures


def _bit_exact(comparison: Comparison) -> str:
    if comparison.mismatched is None:
        return "-"
    exact = comparison.compared - comparison.mismatched
    return "all" if exact and not comparison.mismatched else f"{max(exact, 0):,}"


def _optional(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _explanations(verdicts: Sequence[Verdict]) -> dict[str, str]:
    """Text to outcome for everything that did not pass; cases that failed alike are told once."""
    cases: dict[tuple[str, str, str, tuple[str, ...]], list[str]] = {}
    for v in verdicts:
        if v.outcome != PASS:
            cases.setdefault((v.kernel, v.outcome, v.reason, v.faults), []).append(v.case)
    return {
        "\n".join(
            [f"\n{kernel}, {', '.join(names)}: {outcome}: {reason}"]
            + ["  " + fault.replace("\n", "\n  ") for fault in faults]
        ): outcome
        for (kernel, outcome, reason, faults), names in cases.items()
    }


def _plain(text: str) -> str:
    """Without control characters: a reason may quote any byte, and a terminal would obey some."""
    return "".join(c if c == "\n" or unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _summary(verdicts: Sequence[Verdict], problem: Problem | None) -> str:
    """One line that says what was proved, and where."""
    first = verdicts[0]
    counts = {outcome: sum(v.outcome == outcome for v in verdicts) for outcome in (PASS, FAIL, NOT_RUN)}
    outcome = FAIL if counts[FAIL] else NOT_RUN if counts[NOT_RUN] else PASS
    compared = sum(c.compared for v in verdicts for c in v.outputs)
    cases = f"{counts[PASS]} of {len(verdicts)} {'case' if len(verdicts) == 1 else 'cases'}"
    if problem is None:
        lines = [f"\n{first.kernel}: {outcome.upper()}: {cases} for {first.target}"]
    else:
        lines = [f"\n{first.kernel}: NOT FINISHED: {cases} for {first.target}, and then: {problem.what}"]
    if compared:
        lines.append(f"  {compared:,} elements compared, {_exactness(verdicts)}")
        lines.append(
            f"  build {first.artifacts.get('digest', '')[:12] or 'unknown'}: {first.artifacts.get('xclbin', '')}"
        )
    if len(verdicts) == 1:
        lines += [_db_line(comparison) for comparison in first.outputs if comparison.db_error]
    slowest = max((v for v in verdicts if v.cycles is not None), key=lambda v: v.cycles or 0, default=None)
    if slowest is not None:
        lines.append(f"  {slowest.modelled}" + (f" (case {slowest.case})" if len(verdicts) > 1 else ""))
    if any(v.device == "emulator" and v.outputs for v in verdicts):
        lines.append(f"  {EMULATOR_NOTE}")
    return "\n".join(lines)


def _exactness(verdicts: Sequence[Verdict]) -> str:
    mismatched = [comparison.mismatched for verdict in verdicts for comparison in verdict.outputs]
    if None in mismatched:
        return "each with golden; the kernel has no integer specification"
    differing = sum(filter(None, mismatched))
    return f"{differing:,} differ from integer.py" if differing else "every one bit for bit what integer.py says"


def _db_line(comparison: Comparison) -> str:
    error = comparison.db_error or {}
    return f"  {comparison.name}: dB error " + ", ".join(f"{name} {value:.2f}" for name, value in error.items())


def as_json(verdicts: Sequence[Verdict], refused: Refused = MappingProxyType({})) -> str:
    """One object with every verdict; `cycles` is null where no model counts them. No NaN: infinities become null.

    `errors` are the kernels that were refused, with what, where, why and fix.
    """
    listed = []
    for verdict in verdicts:
        fields = asdict(verdict)
        for comparison in fields["outputs"]:
            comparison.pop("reason")
            if comparison["max_abs_error"] == float("inf"):
                comparison["max_abs_error"] = None
        listed.append(fields)
    errors = [
        {"kernel": kernel, "what": problem.what, "where": problem.where, "why": problem.why, "fix": problem.fix}
        for kernel, problem in refused.items()
    ]
    answer = {"tileproof": __version__, "verdicts": listed, "errors": errors}
    return json.dumps(answer, indent=1, allow_nan=False) + "\n"


def as_junit(verdicts: Sequence[Verdict], refused: Refused = MappingProxyType({})) -> str:
    """JUnit XML: a suite per kernel, a test per case; "not run" is skipped, never passed; a refusal is an error."""
    suites = ElementTree.Element("testsuites")
    for kernel in dict.fromkeys([*(verdict.kernel for verdict in verdicts), *refused]):
        mine = [verdict for verdict in verdicts if verdict.kernel == kernel]
        suite = ElementTree.SubElement(
            suites,
            "testsuite",
            name=_xml(f"tileproof.{kernel}"),
            tests=str(len(mine) + (kernel in refused)),
            errors=str(int(kernel in refused)),
            failures=str(sum(v.outcome == FAIL for v in mine)),
            skipped=str(sum(v.outcome == NOT_RUN for v in mine)),
        )
        for verdict in mine:
            _junit_case(suite, verdict)
        if kernel in refused:
            _junit_error(suite, kernel, refused[kernel])
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _junit_case(suite: ElementTree.Element, verdict: Verdict) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=f"{verdict.kernel}.{verdict.target}.{verdict.device}",
        name=_xml(verdict.case),
        time=f"{verdict.seconds.get('run', 0.0):.6f}",
    )
    if verdict.outcome == PASS:
        return
    result = ElementTree.SubElement(
        case, "failure" if verdict.outcome == FAIL else "skipped", message=_xml(verdict.reason)
    )
    result.text = _xml("\n".join(verdict.faults))


def _junit_error(suite: ElementTree.Element, kernel: str, problem: Problem) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=_xml(kernel), name="what was asked for")
    ElementTree.SubElement(case, "error", message=_xml(problem.what)).text = _xml(problem.text)


def _xml(text: str) -> str:
    """XML 1.0 has no control characters, no surrogates and no non-characters; an error text may quote any of them."""
    return re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text)
