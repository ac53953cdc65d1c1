"""Verdicts as JSON, for programs and for a session that is resumed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from tileproof import __version__
from tileproof.device.times import PHASES, WHENS, RunTime, spreads
from tileproof.diagnostic import Diagnostic
from tileproof.errors import Problem
from tileproof.verify.compare import Comparison
from tileproof.verify.verdict import Verdict

# Kernels of which the spec or the request was wrong, so that not every case has a verdict.
Refused = Mapping[str, Problem]


def as_json(verdicts: Sequence[Verdict], refused: Refused = MappingProxyType({})) -> str:
    """One object with every verdict; `cycles` is null where no model counts them. No NaN: infinities become null.

    `errors` are the kernels that were refused, with what, where, why and fix.
    """
    listed = []
    for verdict in verdicts:
        told = {"times": spreads(verdict.runs), "faults": [fault.as_json() for fault in verdict.faults]}
        fields = {**asdict(verdict), **told}
        for comparison in fields["outputs"]:
            comparison.pop("reason")
            if comparison["max_abs_error"] == float("inf"):
                comparison["max_abs_error"] = None
        listed.append(fields)
    errors = [{"kernel": kernel, **problem.diagnostic.as_json()} for kernel, problem in refused.items()]
    answer = {"tileproof": __version__, "verdicts": listed, "errors": errors}
    return json.dumps(answer, indent=1, allow_nan=False) + "\n"


def from_json(text: str) -> list[Verdict]:
    """The verdicts of `as_json`, without the figures that it leaves out. Raises `ValueError` for another text."""
    try:
        listed = json.loads(text)["verdicts"]
        if not isinstance(listed, list):
            raise TypeError("verdicts is no list")
        return [_verdict_from(dict(fields)) for fields in listed]
    except json.JSONDecodeError:
        raise
    except (TypeError, LookupError, ValueError, AttributeError, RecursionError) as error:  # of what is no verdict
        raise ValueError(f"it is not what tileproof writes: {type(error).__name__}: {error}") from None


_NUMBER = (int, float)
_OR_NONE = (int, float, type(None))
# What the fields hold where it is no text: of a verdict, of one of its outputs, of one of its runs.
_VERDICT = {
    "seed": int,
    "outputs": list,
    "artifacts": dict,
    "seconds": dict,
    "faults": list,
    "warnings": list,
    "unconfirmed": list,
    "cycles": (dict, type(None)),
    "runs": list,
    "times": dict,
    "machine": dict,
}
_OUTPUT = {
    "compared": int,
    "mismatched": (int, type(None)),
    "max_abs_error": _NUMBER,
    "max_abs_allowed": _NUMBER,
    "correlation": _OR_NONE,
    "cosine": _OR_NONE,
    "snr_db": _OR_NONE,
    "worst_index": list,
    "db_error": (dict, type(None)),
}
_RUN = {"seconds": dict}


def _verdict_from(fields: dict[str, Any]) -> Verdict:
    _check(fields, _VERDICT)
    _check(fields["seconds"], {}, else_=_NUMBER)
    for told in (fields["artifacts"], fields["machine"]):
        _check(told, {})
    fields.pop("times")
    faults = tuple(map(Diagnostic.from_json, fields["faults"]))
    outputs, runs = tuple(map(_output_from, fields.pop("outputs"))), tuple(map(_run_from, fields.pop("runs")))
    told = {name: tuple(map(str, fields[name])) for name in ("warnings", "unconfirmed")}
    return Verdict(**{**fields, "outputs": outputs, "runs": runs, "faults": faults, **told})


def _output_from(output: dict[str, Any]) -> Comparison:
    if output["max_abs_error"] is None:
        output["max_abs_error"] = float("inf")
    _check(output, _OUTPUT)
    _check(output["db_error"] or {}, {}, else_=_NUMBER)
    return Comparison(**{**output, "worst_index": tuple(output["worst_index"])})


def _run_from(run: dict[str, Any]) -> RunTime:
    _check(run, _RUN)
    _check(run["seconds"], {}, else_=_NUMBER)
    if run["when"] not in WHENS or not {*PHASES} <= run["seconds"].keys():
        raise TypeError(f"runs has {run!r}")
    return RunTime(run["when"], run["seconds"])


def _check(fields: Mapping[Any, object], holds: Mapping[str, Any], else_: Any = str) -> None:
    """Raise `TypeError` for a field of another type than `holds` says, or than `else_`, of those it does not name."""
    odd = [name for name, value in fields.items() if not isinstance(value, holds.get(name, else_))]
    if odd:
        raise TypeError(f"{odd[0]} is {fields[odd[0]]!r}")
