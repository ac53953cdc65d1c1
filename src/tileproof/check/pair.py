"""The built pair: an xclbin and its instruction words, against the design that they are said to be made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tileproof.check.checked import BuiltFile, Checked
from tileproof.check.finding import finding
from tileproof.diagnostic import Diagnostic, Place
from tileproof.errors import Problem
from tileproof.insts import SHORT, PatchBd, Push, RouteTokens, SetBd, Wait, decode, npu_actions
from tileproof.lowering.lower import lower_design
from tileproof.lowering.sequence import sequence_words
from tileproof.mlir.design import Design, Sequence
from tileproof.mlir_aie_versions import LOWERED_VERSIONS, Version
from tileproof.xclbin import parse_aie_partition, read_kernels, read_xclbin
from tileproof.xclbin.arguments import npu_kernels
from tileproof.xclbin.provenance import check_pair, read_provenance
from tileproof.xrt import FIRST_BUFFER


def other_instructions(checked: Checked) -> Iterator[Diagnostic]:
    """The words are those of a sequence of the design, under a version of mlir-aie that we know."""
    if checked.insts is None or not checked.design.sequences:
        return
    expected = [words for version in LOWERED_VERSIONS for words in _words(checked.design, version)]
    if expected and not any(_same(checked.insts, words) for words in expected):
        yield finding(
            "TP701",
            f"{checked.insts.name} was not made of this design",
            checked.design.sequences[0].place,
            # The newest version's first sequence is what most builds run.
            _difference(checked.insts, expected[-len(checked.design.sequences)]),
        )


def _same(insts: BuiltFile, expected: bytes) -> bool:
    """The same words, or where they are of the form that nobody writes now: the same is done."""
    if insts.data[:2] != bytes(SHORT):
        return insts.data == expected
    said, made = (npu_actions(decode(data, insts.name)) for data in (insts.data, expected))
    return [replace(one, word=0) for one in said] == [replace(one, word=0) for one in made]


def _words(design: Design, version: Version) -> list[bytes]:
    try:
        lowered = lower_design(design, version=version, as_silent=True)
        return [sequence_words(lowered, sequence, as_silent=True) for sequence in lowered.sequences]
    except Problem:
        return []


def _difference(insts: BuiltFile, expected: bytes) -> str:
    """The first word that differs, and what it does."""
    count = min(len(insts.data), len(expected)) // 4
    first = next((n for n in range(count) if insts.data[4 * n : 4 * n + 4] != expected[4 * n : 4 * n + 4]), count)
    sizes = f"it has {len(insts.data) // 4} words, and the design gives {len(expected) // 4}"
    if first == count:
        return f"{sizes}; the first {count} are the same"
    there, here = (int.from_bytes(data[4 * first : 4 * first + 4], "little") for data in (insts.data, expected))
    return f"{sizes}; word {first} is {there:08x} and should be {here:08x}{_action(expected, first)}"


_ACTIONS: dict[type, str] = {
    SetBd: "which writes a BD",
    PatchBd: "which gives a BD its address",
    RouteTokens: "which says where tokens go",
    Push: "which starts a task",
    Wait: "which waits for a token",
}


def _action(expected: bytes, word: int) -> str:
    """What the operation does that `word` belongs to."""
    actions = [action for action in npu_actions(decode(expected, "the design")) if action.word <= word]
    if not actions:
        return ", in the header"
    does = _ACTIONS.get(type(actions[-1]), "which writes registers")
    return f", in the operation of word {actions[-1].word}, {does}"


def other_interface(checked: Checked) -> Iterator[Diagnostic]:
    """The xclbin's kernel takes what the sequence moves, on as many columns as the design uses."""
    if checked.xclbin is None:
        return
    xclbin = read_xclbin(checked.xclbin.data, checked.xclbin.name)
    kernels = npu_kernels(read_kernels(xclbin, checked.xclbin.name))
    buffers = max((len(kernel.arguments) for kernel in kernels), default=0) - FIRST_BUFFER
    # A lowered sequence has the argument for traces as well.
    for sequence in (checked.lowered or checked.design).sequences:
        if len(sequence.arguments) > buffers:
            yield finding(
                "TP702",
                f"the kernel of {checked.xclbin.name} has fewer buffers than the sequence",
                sequence.place,
                f"it takes {max(buffers, 0)}, and @{sequence.name} has {len(sequence.arguments)} arguments",
            )
    section = xclbin.section("AIE_PARTITION")
    used = max((tile.column + 1 for tile in checked.design.tiles), default=0)
    columns = used if section is None else parse_aie_partition(section, checked.xclbin.name).column_width
    if used > columns:
        yield finding(
            "TP702",
            f"the partition of {checked.xclbin.name} is narrower than the design",
            checked.design.place,
            f"it has {columns} columns, and the design uses {used}",
        )


def other_pair(checked: Checked) -> Iterator[Diagnostic]:
    if checked.xclbin is not None and checked.insts is not None:
        yield from mixed_pair(checked.xclbin, checked.insts, _place(checked.design))


def mixed_pair(xclbin: BuiltFile, insts: BuiltFile, place: Place) -> Iterator[Diagnostic]:
    """An xclbin of ours knows the digest of the instructions that were built with it."""
    provenance = read_provenance(read_xclbin(xclbin.data, xclbin.name))
    if provenance is None:
        return
    try:
        check_pair(provenance, insts.data, xclbin.name, insts.name)
    except Problem as problem:
        yield finding("TP703", problem.what, place, problem.why, problem.fix)


def _place(design: Design) -> Place:
    sequences: tuple[Sequence, ...] = design.sequences
    return sequences[0].place if sequences else design.place


CHECKS = (other_instructions, other_interface, other_pair)
