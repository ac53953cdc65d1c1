"""What mlir-aie itself made of some 150 designs in two of its states: our facts are the same, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tileproof.lowering.facts import Facts, design_facts
from tileproof.mlir.printer import respelled
from tileproof.mlir.reader import read_design
from tileproof.mlir_aie import LOWERED_STATES, LoweredState

CONFORMANCE = Path(__file__).parents[2] / "shared" / "conformance"
NAMES = sorted(path.stem for path in CONFORMANCE.glob("*.json"))
SPELT_TWICE = [name for name in NAMES if (CONFORMANCE / f"{name}.mar26.mlir").exists()]

needs_corpus = pytest.mark.skipif(not NAMES, reason=f"needs mlir-aie's answers in {CONFORMANCE}, which is not here")


def answers(name: str, state: LoweredState) -> tuple[str, dict[str, Any]]:
    found = json.loads((CONFORMANCE / f"{name}.json").read_text())
    return (CONFORMANCE / found["files"][state]).read_text(), found["states"][state]


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


@needs_corpus
@pytest.mark.parametrize("state", LOWERED_STATES)
def test_a_design_is_accepted_or_refused_as_mlir_aie_does(state: LoweredState) -> None:
    different = {}
    for name in NAMES:
        text, theirs = answers(name, state)
        ours = design_facts(text, name, state)
        if ours["outcome"] != theirs["outcome"]:
            different[name] = (ours, theirs.get("error"))

    assert different == {}
    assert len(NAMES) >= 150


@needs_corpus
@pytest.mark.parametrize("state", LOWERED_STATES)
def test_buffers_locks_descriptors_circuits_and_words_are_mlir_aies(state: LoweredState) -> None:
    """Under each allocation scheme, for every design that is accepted."""
    different, compared = {}, 0
    for name in NAMES:
        text, theirs = answers(name, state)
        if theirs["outcome"] == "accepted":
            compared += 1
            found = differences(design_facts(text, name, state), theirs)
            if found:
                different[name] = found

    assert different == {}
    assert compared >= 105


@needs_corpus
@pytest.mark.parametrize("name", SPELT_TWICE)
def test_two_spellings_of_a_design_are_printed_as_one(name: str) -> None:
    march, _ = answers(name, "2026-03")
    august, _ = answers(name, "2026-08")

    for state in LOWERED_STATES:
        assert respelled(march, name, state) == respelled(august, name, state)


@needs_corpus
@pytest.mark.parametrize("name", SPELT_TWICE)
def test_a_text_in_one_spelling_is_refused_for_the_other_state_and_read_without_one(name: str) -> None:
    march, _ = answers(name, "2026-03")

    facts = design_facts(march, name, "2026-08")

    assert (facts["outcome"], "mlir-aie of 2026-08 does not read this" in facts["error"]) == ("rejected", True)
    assert read_design(march, name).sequences
