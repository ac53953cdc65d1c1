"""A lowered design as bytes: the same design comes back, and nothing else ever does."""

from __future__ import annotations

import pickle
import random
import struct
from pathlib import Path

import pytest

from tileproof.diagnostic.place import NOWHERE
from tileproof.lowering import stored as room
from tileproof.lowering.lower import lower_design
from tileproof.lowering.stored import store, stored
from tileproof.mlir.design import Tile
from tileproof.mlir.reader import read_design
from tileproof.records import from_bytes, to_bytes

DESIGNS = sorted((Path(__file__).parent / "designs").glob("*.mlir"))


@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_what_was_stored_comes_back(path: Path) -> None:
    lowered = lower_design(read_design(path.read_text(), path.name))

    assert stored(store(lowered, "text"), "text") == lowered


def test_a_design_with_another_shape_of_class_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    data = store(lower_design(read_design(DESIGNS[0].read_text(), "d.mlir")), "text")
    monkeypatch.setattr(room, "_shapes", lambda: iter(["Tile: column int"]))

    assert stored(data, "text") is None


def test_a_lowered_design_that_stands_beside_another_text_is_not_taken() -> None:
    shown = DESIGNS[0].read_text()
    data = store(lower_design(read_design(shown, "d.mlir")), shown)

    assert stored(data, shown) is not None
    assert stored(data, shown + " ") is None


def sealed(data: bytes) -> bytes:
    """The bytes as `store` would begin them, digest included: whoever can write a file can do that."""
    return room._key() + room._digest("text", data) + data


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("executed",))


def bare(text: str, behind: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text.encode() + behind


TILE = Tile(column=0, row=2, kind="core", place=NOWHERE)
ODD = {
    "a part of a design": to_bytes(TILE, room.CLASSES),
    "a pickle": pickle.dumps(Evil()),
    "nothing": b"",
    "none": to_bytes(None, ()),
    "a tuple": to_bytes((1, 2), ()),
    "no nodes": bare("[]"),
    "an unknown class": bare('["x",[999,0]]'),
    "too few fields": bare('["x",[0,0]]'),
    "a node that refers to itself": bare('[["t",0]]'),
    "a node that refers backwards from the end": bare('["x",["t",-1]]'),
    "bytes of 2 GiB": bare('[["b",2147483648]]'),
    "bytes of a negative length": bare('[["b",-5]]', b"12345678"),
    "brackets 100,000 deep": bare("[" * 100_000),
    "a number of 10,000 digits": bare("[" + "9" * 10_000 + "]"),
    "a key that cannot be one": bare('[["d",1,1]]'),
    "no JSON": bare("nothing"),
    "a header that lies": struct.pack("<Q", 2**62) + b"[]",
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_bytes_that_hold_anything_else_are_not_taken(data: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert stored(sealed(data), "text") is None
    assert capsys.readouterr().out == ""


def test_what_is_no_record_is_not_written() -> None:
    with pytest.raises(TypeError, match=r"a \w*Path is no record"):
        to_bytes((Path("x"),), ())


def test_equal_values_have_equal_bytes_and_what_is_shared_is_written_once() -> None:
    text = "a text that is long enough to be seen twice"

    assert to_bytes((text, {"k": (1, 1.5, True, None, b"x")}), ()) == to_bytes(
        (str(text), {"k": (1, 1.5, True, None, b"x")}), ()
    )
    assert to_bytes((text, text), ()).count(text.encode()) == 1
    assert from_bytes(to_bytes((1, True, 1.0, "1"), ()), ()) == (1, True, 1.0, "1")
    assert [type(one) for one in from_bytes(to_bytes((1, True, 1.0), ()), ())] == [int, bool, float]


def test_a_zero_keeps_its_sign() -> None:
    assert [str(zero) for zero in from_bytes(to_bytes((0.0, -0.0, 0), ()), ())] == ["0.0", "-0.0", "0"]


@pytest.mark.parametrize("honest", [True, False], ids=["as they were written", "sealed anew by somebody"])
def test_spoilt_bytes_give_no_design_or_a_whole_one(honest: bool) -> None:
    data = store(lower_design(read_design(DESIGNS[0].read_text(), "d.mlir")), "text")
    for seed in range(300):
        random.seed(seed)
        spoilt = bytearray(data)
        for _ in range(random.randint(1, 8)):
            spoilt[random.randrange(32, len(spoilt))] ^= random.randint(1, 255)
        cut = bytes(spoilt[: random.randint(0, len(spoilt))])
        found = stored(cut if honest else sealed(cut[2 * room._KEY_BYTES :]), "text")
        if honest and cut != data:
            assert found is None, f"seed {seed}"
        if found is not None:
            assert store(found, "text")[2 * room._KEY_BYTES :] == cut[2 * room._KEY_BYTES :], f"seed {seed}"
