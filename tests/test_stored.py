"""A lowered design as bytes: the same design comes back, and nothing else ever does."""

from __future__ import annotations

import hashlib
import pickle
import random
from pathlib import Path

import pytest

from tileproof.lowering import stored as room
from tileproof.lowering.lower import lower_design
from tileproof.lowering.stored import store, stored
from tileproof.mlir.reader import read_design

DESIGNS = sorted((Path(__file__).parent / "designs").glob("*.mlir"))


@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_what_was_stored_comes_back(path: Path) -> None:
    lowered = lower_design(read_design(path.read_text(), path.name))

    assert stored(store(lowered)) == lowered


def test_a_design_with_another_shape_of_class_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    data = store(lower_design(read_design(DESIGNS[0].read_text(), "d.mlir")))
    monkeypatch.setattr(room, "_shapes", lambda: iter(["Tile: column int"]))

    assert stored(data) is None


def sealed(pickled: bytes) -> bytes:
    """The bytes as `store` would begin them, digest included: whoever can write a file can do that."""
    return room._key() + hashlib.sha256(pickled).digest() + pickled


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("executed",))


@pytest.mark.parametrize("found", [Evil(), [1, 2], None, Path("x")], ids=["code", "list", "none", "path"])
def test_bytes_that_hold_anything_else_are_not_taken(found: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert stored(sealed(pickle.dumps(found))) is None
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("honest", [True, False], ids=["as they were written", "sealed anew by somebody"])
def test_spoilt_bytes_give_no_design_or_a_whole_one(honest: bool) -> None:
    data = store(lower_design(read_design(DESIGNS[0].read_text(), "d.mlir")))
    for seed in range(300):
        random.seed(seed)
        spoilt = bytearray(data)
        for _ in range(random.randint(1, 8)):
            spoilt[random.randrange(32, len(spoilt))] ^= random.randint(1, 255)
        cut = bytes(spoilt[: random.randint(0, len(spoilt))])
        found = stored(cut if honest else sealed(cut[2 * room._KEY_BYTES :]))
        if honest and cut != data:
            assert found is None, f"seed {seed}"
        if found is not None:
            assert store(found)[2 * room._KEY_BYTES :] == cut[2 * room._KEY_BYTES :], f"seed {seed}"
