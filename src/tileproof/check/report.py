"""Findings and the catalogue as text, JSON, SARIF and Markdown: pure functions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from urllib.parse import quote

from tileproof import __version__
from tileproof.check.catalogue import CATALOGUE, Check
from tileproof.check.finding import Finding
from tileproof.errors import told

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_text(findings: Sequence[Finding], subject: str, checks: int = len(CATALOGUE)) -> str:
    """One paragraph per finding, and a line that counts them; `checks` is how many were made."""
    parts = [paragraph(finding) for finding in findings]
    counts = Counter(finding.check.severity for finding in findings)
    total = f"{_counted(counts['error'], 'error')}, {_counted(counts['warning'], 'warning')}"
    if counts["note"]:
        total += f", {_counted(counts['note'], 'note')}"
    if not findings:
        total = "nothing found"
    return "\n".join([*parts, f"{subject}: {total} by {checks} checks"])


def as_json(findings: Sequence[Finding], subject: str) -> str:
    listed = [
        {
            "id": finding.check.id,
            "name": finding.check.name,
            "severity": finding.check.severity,
            "what": finding.what,
            "place": {"file": finding.place.file, "line": finding.place.line, "column": finding.place.column},
            "why": finding.why,
            "fix": finding.fix,
        }
        for finding in findings
    ]
    return json.dumps({"tileproof": __version__, "subject": subject, "findings": listed}, indent=1)


def as_sarif(findings: Sequence[Finding]) -> str:
    """SARIF 2.1.0, as editors and code hosts read it."""
    driver = {"name": "tileproof", "version": __version__, "rules": [_rule(check) for check in CATALOGUE]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding) for finding in findings],
    }
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1)


def catalogue_as_json() -> str:
    keys = ("id", "name", "severity", "sentence", "fix")
    return json.dumps([{key: getattr(check, key) for key in keys} for check in CATALOGUE], indent=1)


def catalogue_as_markdown() -> str:
    """docs/checks.md."""
    lines = [
        "# The checks",
        "",
        "What `tileproof check` looks for before anything runs. An error will not work on the device, and makes the",
        "exit code 1; a warning may work, and is seldom meant. This page is what `tileproof check --list` prints.",
    ]
    for group, checks in groupby(CATALOGUE, key=lambda check: check.group):
        lines += ["", f"## {group[0].upper()}{group[1:]}", "", "| id | name | severity | says | mend |"]
        lines += ["|---|---|---|---|---|"]
        lines += [_row(check) for check in checks]
    return "\n".join(lines) + "\n"


def paragraph(finding: Finding) -> str:
    """One finding with where, why and fix."""
    head = f"{finding.check.severity} {finding.check.id} ({finding.check.name}): {finding.what}"
    return told(head, str(finding.place), finding.why, finding.fix)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _row(check: Check) -> str:
    cells = (check.id, check.name, check.severity, check.sentence, check.fix)
    return "| " + " | ".join(cells) + " |"


def _rule(check: Check) -> Mapping[str, object]:
    return {
        "id": check.id,
        "name": check.name,
        "shortDescription": {"text": check.sentence},
        "help": {"text": check.fix},
        "defaultConfiguration": {"level": check.severity},
    }


def _result(finding: Finding) -> Mapping[str, object]:
    physical: dict[str, object] = {"artifactLocation": {"uri": quote(finding.place.file)}}
    if finding.place.line:
        physical["region"] = {"startLine": finding.place.line, "startColumn": finding.place.column}
    return {
        "ruleId": finding.check.id,
        "ruleIndex": CATALOGUE.index(finding.check),
        "level": finding.check.severity,
        "message": {"text": "\n".join(filter(None, (finding.what, finding.why, finding.fix)))},
        "locations": [{"physicalLocation": physical}],
    }
