"""Diagnostics as SARIF 2.1.0, as editors and code hosts read it: a pure function."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from tileproof import __version__
from tileproof.diagnostic import Diagnostic, Place
from tileproof.diagnostic.catalogue import CATALOGUE, entry_of
from tileproof.diagnostic.entry import Entry

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(found: Sequence[Diagnostic]) -> str:
    """One run with a rule for each entry of the catalogue, and a result for each of `found`."""
    driver = {"name": "tileproof", "version": __version__, "rules": [_rule(entry) for entry in CATALOGUE]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one) for one in found],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1)


def _rule(entry: Entry) -> Mapping[str, object]:
    return {
        "id": entry.id,
        "name": entry.name,
        "shortDescription": {"text": entry.sentence},
        "help": {"text": entry.fix},
        "defaultConfiguration": {"level": entry.severity},
    }


def _result(one: Diagnostic) -> Mapping[str, object]:
    return {
        "ruleId": one.id,
        "ruleIndex": CATALOGUE.index(entry_of(one.id)),
        "level": one.severity,
        "message": {"text": "\n".join(filter(None, (one.what, one.why, one.fix)))},
        "locations": [_location(one.place)] if one.place else [],
    }


def _location(place: Place) -> Mapping[str, object]:
    """Where in a file, if it is in one; and what people are told of tiles, buffers, arguments and instructions."""
    location: dict[str, object] = {}
    if place.file:
        physical: dict[str, object] = {"artifactLocation": {"uri": quote(place.file)}}
        if place.line:
            physical["region"] = {"startLine": place.line, **({"startColumn": place.column} if place.column else {})}
        location["physicalLocation"] = physical
    if place.text:
        location["logicalLocations"] = [{"fullyQualifiedName": place.text}]
    return location
