"""Verdicts to text, JSON and JUnit: pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import StringIO
from types import MappingProxyType
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tileproof.device import NPU, RECORDED
from tileproof.device.times import PHASES, RunTime, percentiles, run_seconds
from tileproof.diagnostic import Diagnostic, Place
from tileproof.errors import Problem
from tileproof.printable import printable
from tileproof.verify.compare import Comparison
from tileproof.verify.verdict import FAIL, NOT_RUN, PASS, Verdict
from tileproof.verify.verdict_json import Refused

_COLOURS = {PASS: "green", FAIL: "red", NOT_RUN: "yellow"}

EMULATOR_NOTE = (
    "on the emulator: tile code run as native code of this machine, against real addresses, locks and DMA; "
    "no machine code, and cycles only as a model counts them"
)


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
        console.print(printable(text), style=_COLOURS[outcome] if colour else "", markup=False, soft_wrap=True)
    kernels = {
        kernel: [v for v in verdicts if v.kernel == kernel] for kernel in dict.fromkeys(v.kernel for v in verdicts)
    }
    for kernel, mine in kernels.items():
        console.print(printable(_summary(mine, refused.get(kernel))), markup=False, soft_wrap=True)
    if len(kernels) > 1 and any(verdict.device == NPU for verdict in verdicts):
        console.print()
        console.print(_closing(kernels))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _closing(kernels: Mapping[str, Sequence[Verdict]]) -> Table:
    """A row per kernel, for somebody who comes back to many."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("kernel", "verdict", "whose fault"):
        table.add_column(name)
    for name in ("passed", "first ms", "p50 ms", "p99 ms"):
        table.add_column(name, justify="right")
    for kernel, verdicts in kernels.items():
        outcome = _outcome(verdicts)
        blamed = ", ".join(dict.fromkeys(verdict.blame for verdict in verdicts if verdict.blame)) or "-"
        times = {when: [run.total for v in verdicts for run in v.runs if run.when == when] for when in _RUNS}
        steady = percentiles(times["steady"]) if times["steady"] else {}
        figures = (max(times["first"], default=None), steady.get("p50"), steady.get("p99"))
        table.add_row(
            *(kernel, f"[{_COLOURS[outcome]}]{outcome}[/]", blamed),
            f"{sum(verdict.passed for verdict in verdicts)} of {len(verdicts)}",
            *("-" if figure is None else f"{1e3 * figure:.3f}" for figure in figures),
        )
    return table


def _outcome(verdicts: Sequence[Verdict]) -> str:
    """The one of a kernel: what was not run weighs more than a pass, and a failure most."""
    outcomes = {verdict.outcome for verdict in verdicts}
    return next(outcome for outcome in (FAIL, NOT_RUN, PASS) if outcome in outcomes)


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
            table.add_row(verdict.kernel, Text(printable(verdict.case)), outcome, *(figures[name] for name in shown))
    return table


def _figures(comparison: Comparison | None, verdict: Verdict) -> dict[str, str]:
    figures = dict.fromkeys(_FIGURES, "-")
    seconds = run_seconds(verdict.seconds)
    if seconds is not None:
        figures["run ms"] = f"{1e3 * seconds:.1f}"
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
    cases: dict[tuple[str, str, str, tuple[Diagnostic, ...]], list[str]] = {}
    for v in verdicts:
        if v.outcome != PASS:
            cases.setdefault((v.kernel, v.outcome, v.reason, v.faults), []).append(v.case)
    return {
        "\n".join(
            [f"\n{kernel}, {', '.join(names)}: {outcome}: {reason}"]
            + ["  " + fault.paragraph.replace("\n", "\n  ") for fault in faults]
            + ([f"  {_WRONG_ANSWER.more.strip()}"] if outcome == FAIL and not _is_told(faults) else [])
        ): outcome
        for (kernel, outcome, reason, faults), names in cases.items()
    }


def _summary(verdicts: Sequence[Verdict], problem: Problem | None) -> str:
    """One line that says what was proved, and where."""
    first = verdicts[0]
    outcome, passed = _outcome(verdicts), sum(verdict.passed for verdict in verdicts)
    compared = sum(c.compared for v in verdicts for c in v.outputs)
    cases = f"{passed} of {len(verdicts)} {'case' if len(verdicts) == 1 else 'cases'}"
    if problem is None:
        lines = [f"\n{first.kernel}: {outcome.upper()}: {cases} for {first.target}"]
    else:
        lines = [f"\n{first.kernel}: NOT FINISHED: {cases} for {first.target}, and then: {problem.what}"]
    if compared:
        lines.append(f"  {compared:,} elements compared, {_exactness(verdicts)}")
        file = first.artifacts.get("xclbin") or first.artifacts.get("recording", "")
        lines.append(f"  build {first.artifacts.get('digest', '')[:12] or 'unknown'}: {file}")
    lines += [f"  warning: {warning}" for warning in dict.fromkeys(w for v in verdicts for w in v.warnings)]
    lines += [f"  unconfirmed: {rule}" for rule in dict.fromkeys(rule for v in verdicts for rule in v.unconfirmed)]
    lines += [f"  {tried}" for tried in dict.fromkeys(v.orders for v in verdicts if v.orders)]
    if len(verdicts) == 1:
        lines += [_db_line(comparison) for comparison in first.outputs if comparison.db_error]
    modelled = [v for v in verdicts if v.cycles is not None]
    slowest = max(modelled, key=lambda v: (v.cycles or {}).get("run", 0), default=None)
    if slowest is not None:
        lines.append(f"  {slowest.modelled}" + (f" (case {slowest.case})" if len(verdicts) > 1 else ""))
    lines += _npu_lines(verdicts)
    if any(v.device == "emulator" and v.outputs for v in verdicts):
        lines.append(f"  {EMULATOR_NOTE}")
    return "\n".join(lines)


def _npu_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """On which machine it was, and how long runs took there."""
    first = verdicts[0]
    if first.device not in (NPU, RECORDED) or not any(verdict.state for verdict in verdicts):
        return []
    machine = "; ".join(dict.fromkeys(_machine(verdict.machine) for verdict in verdicts if verdict.state))
    if first.device == RECORDED:
        return [f"  replayed: what an NPU answered on {first.artifacts.get('date', '?')} ({machine}); nothing was run"]
    runs = [run for verdict in verdicts for run in verdict.runs]
    lines = [f"  on the NPU: {machine}"]
    for when, text in _RUNS.items():
        mine = [run for run in runs if run.when == when]
        if mine:
            lines.append(f"  {len(mine)} {text.format('run' if len(mine) == 1 else 'runs')}: {_spread(mine)}")
    return lines


_MACHINE = {
    "host": "on ",
    "npu": "",
    "xrt": "XRT ",
    "driver": "amdxdna ",
    "firmware": "firmware ",
    "ninstr": "ninstr in ",
}


def _machine(machine: Mapping[str, str]) -> str:
    known = [f"{label}{machine[name]}" for name, label in _MACHINE.items() if name in machine]
    return ", ".join(known) or "xrt-smi does not say of which kind"


_RUNS = {
    "first": "first {}, with the array to load",
    "idle": "{} after a pause",
    "steady": "steady {}",
}


def _spread(runs: Sequence[RunTime]) -> str:
    """The percentiles of the whole, and the medians of its phases, in milliseconds."""
    total = percentiles([run.total for run in runs])
    medians = ", ".join(f"{phase} {1e3 * percentiles([r.seconds[phase] for r in runs])['p50']:.3f}" for phase in PHASES)
    if len(runs) == 1:
        return f"{1e3 * total['p50']:.3f} ms ({medians})"
    spread = ", ".join(f"{name} {1e3 * value:.3f}" for name, value in total.items())
    return f"{spread} ms (medians: {medians})"


def _exactness(verdicts: Sequence[Verdict]) -> str:
    mismatched = [comparison.mismatched for verdict in verdicts for comparison in verdict.outputs]
    if None in mismatched:
        return "each with golden; the kernel has no integer specification"
    differing = sum(filter(None, mismatched))
    return f"{differing:,} differ from integer.py" if differing else "every one bit for bit what integer.py says"


def _db_line(comparison: Comparison) -> str:
    error = comparison.db_error or {}
    return f"  {comparison.name}: dB error " + ", ".join(f"{name} {value:.2f}" for name, value in error.items())


def diagnostics_of(verdicts: Sequence[Verdict], refused: Refused = MappingProxyType({})) -> tuple[Diagnostic, ...]:
    """What is wrong in all of them, each once; of a failure in which nothing but the numbers is, that they are."""
    found: list[Diagnostic] = []
    for verdict in verdicts:
        found += verdict.faults
        if verdict.outcome == FAIL and not _is_told(verdict.faults):
            place = Place.told(f"{verdict.kernel}, case {verdict.case}")
            found.append(replace(_WRONG_ANSWER, what=verdict.reason, place=place))
    return tuple(dict.fromkeys([*found, *(problem.diagnostic for problem in refused.values())]))


_WRONG_ANSWER = Diagnostic(id="wrong-answer", what="")


def _is_told(faults: Sequence[Diagnostic]) -> bool:
    """Whether they say what is wrong, and not only whose fault it is."""
    return any(fault.is_error for fault in faults)


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
        time=f"{run_seconds(verdict.seconds) or 0.0:.6f}",
    )
    if verdict.outcome == PASS:
        return
    result = ElementTree.SubElement(
        case, "failure" if verdict.outcome == FAIL else "skipped", message=_xml(verdict.reason)
    )
    result.set("type", next((fault.id for fault in verdict.faults if fault.is_error), _WRONG_ANSWER.id))
    result.text = _xml("\n".join(fault.paragraph for fault in verdict.faults))


def _junit_error(suite: ElementTree.Element, kernel: str, problem: Problem) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=_xml(kernel), name="what was asked for")
    said = problem.diagnostic
    ElementTree.SubElement(case, "error", message=_xml(said.what), type=said.id).text = _xml(said.paragraph)


def _xml(text: str) -> str:
    """XML 1.0 has no control characters, no surrogates and no non-characters; an error text may quote any of them."""
    return re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text)
