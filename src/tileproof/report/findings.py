"""What checks found, and the checks there are, as text, JSON and Markdown: pure functions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from tileproof import __version__
from tileproof.diagnostic import Diagnostic
from tileproof.diagnostic.catalogue import entry_of
from tileproof.diagnostic.checks import CHECKS, group_of
from tileproof.diagnostic.entry import Entry


def as_text(findings: Sequence[Diagnostic], subject: str, checks: int = len(CHECKS)) -> str:
    """One paragraph per finding, and a line that counts them; `checks` is how many were made."""
    parts = [finding.paragraph for finding in findings]
    counts = Counter(finding.severity for finding in findings)
    total = f"{_counted(counts['error'], 'error')}, {_counted(counts['warning'], 'warning')}"
    if counts["note"]:
        total += f", {_counted(counts['note'], 'note')}"
    if not findings:
        total = "nothing found"
    return "\n".join([*parts, f"{subject}: {total} by {checks} checks"])


def as_json(findings: Sequence[Diagnostic], subject: str) -> str:
    listed = [
        {
            **finding.as_json(),
            "name": entry_of(finding.id).name,
        }
        for finding in findings
    ]
    return json.dumps({"tileproof": __version__, "subject": subject, "findings": listed}, indent=1)


def catalogue_as_json() -> str:
    keys = ("id", "name", "severity", "sentence", "fix")
    return json.dumps([{key: getattr(check, key) for key in keys} for check in CHECKS], indent=1)


def catalogue_as_markdown() -> str:
    """What `check --list` prints."""
    lines = [
        "# The checks",
        "",
        "What `tileproof check` looks for before anything runs. An error will not work on the device, and makes the",
        "exit code 1; a warning may work, and is seldom meant. `tileproof explain TP406` says more of one.",
    ]
    for group, checks in groupby(CHECKS, key=group_of):
        lines += ["", f"## {group[0].upper()}{group[1:]}", "", "| id | name | severity | says | mend |"]
        lines += ["|---|---|---|---|---|"]
        lines += [_row(check) for check in checks]
    return "\n".join(lines) + "\n"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _row(check: Entry) -> str:
    cells = (check.id, check.name, check.severity, check.sentence, check.fix)
    return "| " + " | ".join(cells) + " |"
