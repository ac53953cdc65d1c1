"""What mlir-aie itself made of some 150 designs in its versions: our facts are the same, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tileproof.check.unrolled import wrongly_unrolled
from tileproof.lowering.facts import Facts, design_facts
from tileproof.lowering.lower import lower_design
from tileproof.mlir.printer import respelled
from tileproof.mlir.reader import read_design
from tileproof.mlir_aie_versions import LOWERED_VERSIONS, NEWEST, Version, version_named

CONFORMANCE = Path(__file__).parent / "conformance"
LOCK_IDS = CONFORMANCE / "lock_ids_2026_08_14.json"
NAMES = sorted(path.stem for path in CONFORMANCE.glob("*.json") if path != LOCK_IDS)
MARCH, AUGUST = version_named("2026-03"), version_named("2026-08")
SPELT_TWICE = [name for name in NAMES if (CONFORMANCE / f"{name}.mar26.mlir").exists()]


def answers(name: str, version: Version) -> tuple[str, dict[str, Any]]:
    found = json.loads((CONFORMANCE / f"{name}.json").read_text())
    return (CONFORMANCE / found["files"][version.name]).read_text(), found["states"][version.name]


def as_set(entries: list[Any]) -> set[str]:
    return {json.dumps(entry, sort_keys=True) for entry in entries}


def without_initial(buffers: list[Any]) -> list[Any]:
    return [{key: value for key, value in buffer.items() if key != "initial"} for buffer in buffers]


def differences(ours: Facts, theirs: dict[str, Any]) -> list[str]:
    """The kinds of facts that are not the same; the orders that mlir-aie prints in are an accident."""
    found = []
    for scheme, answer in theirs["schemes"].items():
        mine = ours["schemes"][scheme]
        if mine["outcome"] != answer["outcome"]:
            found.append(f"outcome of {scheme}: {mine}")
        elif mine["outcome"] == "accepted" and as_set(mine["buffers"]) != as_set(without_initial(answer["buffers"])):
            found.append(f"buffers of {scheme}")
    listed = ("locks", "dmas", "flows", "shim_allocations", "packet_flows", "cascade_flows", "more_sequences")
    found += [kind for kind in listed if as_set(ours.get(kind, [])) != as_set(theirs.get(kind, []))]
    return found + [kind for kind in ("sequence", "insts", "insts_sha256") if ours.get(kind) != theirs.get(kind)]


@pytest.mark.parametrize("version", [MARCH, AUGUST], ids=lambda version: version.name)
def test_a_design_is_accepted_or_refused_as_mlir_aie_does(version: Version) -> None:
    different = {}
    for name in NAMES:
        text, theirs = answers(name, version)
        ours = design_facts(text, name, version)
        if ours["outcome"] != theirs["outcome"]:
            different[name] = (ours, theirs.get("error"))

    assert different == {}
    assert len(NAMES) >= 150


@pytest.mark.parametrize("version", [MARCH, AUGUST], ids=lambda version: version.name)
def test_buffers_locks_descriptors_circuits_and_words_are_mlir_aies(version: Version) -> None:
    """Under each allocation scheme, for every design that is accepted."""
    different, compared = {}, 0
    for name in NAMES:
        text, theirs = answers(name, version)
        if theirs["outcome"] == "accepted":
            compared += 1
            found = differences(design_facts(text, name, version), theirs)
            if found:
                different[name] = found

    assert different == {}
    assert compared >= 105


@pytest.mark.parametrize("name", SPELT_TWICE)
def test_two_spellings_of_a_design_are_printed_as_one(name: str) -> None:
    march, _ = answers(name, MARCH)
    august, _ = answers(name, AUGUST)

    for version in LOWERED_VERSIONS:
        assert respelled(march, name, version) == respelled(august, name, version)


@pytest.mark.parametrize("name", SPELT_TWICE)
def test_a_text_in_one_spelling_is_refused_for_the_other_state_and_read_without_one(name: str) -> None:
    march, _ = answers(name, MARCH)

    facts = design_facts(march, name, AUGUST)

    assert (facts["outcome"], "mlir-aie of 2026-08 does not read this" in facts["error"]) == ("rejected", True)
    assert read_design(march, name).sequences


def test_locks_have_the_ids_that_mlir_aie_of_2026_08_14_gives_them() -> None:
    """Those of its shim tiles are made and never used, and are not among its answers."""
    theirs = json.loads(LOCK_IDS.read_text())
    different = {}
    for name, locks in theirs.items():
        text, _ = answers(name, AUGUST)
        ours = [
            [*lock["tile"], lock["id"], lock["name"], lock["init"]]
            for lock in design_facts(text, name, NEWEST)["locks"]
            if lock["tile"][1] > 0
        ]
        if sorted(ours) != sorted(locks):
            different[name] = ours

    assert different == {}
    assert len(theirs) >= 110


def test_nothing_but_lock_ids_differs_between_2026_08_and_2026_08_14() -> None:
    for name in NAMES:
        text, theirs = answers(name, AUGUST)
        if theirs["outcome"] == "accepted":
            before, after = (design_facts(text, name, version) for version in (AUGUST, NEWEST))
            for facts in (before, after):
                for lock in facts["locks"]:
                    del lock["id"]
            assert as_set([before | {"insts": None, "insts_sha256": None}]) == as_set(
                [after | {"insts": None, "insts_sha256": None}]
            )


@pytest.mark.parametrize("version", [MARCH, AUGUST, NEWEST], ids=lambda version: version.name)
def test_the_loops_that_mlir_aie_unrolls_wrongly_are_told_and_no_others(version: Version) -> None:
    told = {}
    for name in NAMES:
        text, theirs = answers(name, version if version != NEWEST else AUGUST)
        if theirs["outcome"] == "accepted":
            told[name] = wrongly_unrolled(lower_design(read_design(text, name), version=version, as_silent=True))
            wrong = version != NEWEST and any("wrong_objects" in core for core in theirs["cores"])
            assert bool(told[name]) == wrong, name

    if version == AUGUST:
        assert told["odd_depth_loop"] == (
            "loop of 10 at odd_depth_loop:16:7: mlir-aie of 2026-08 unrolls it by 6, and gives the 4 iterations behind "
            "the same objects every time; use wheels since 2026-08-13, or run the loop 12 times",
        )
