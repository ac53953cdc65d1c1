"""Code: what the design declares against what the tile code defines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path, PurePosixPath

from tileproof.check.checked import Checked
from tileproof.check.finding import finding
from tileproof.check.tile_code import CppFunction, Parameter
from tileproof.diagnostic import Diagnostic
from tileproof.dtypes import DTYPES
from tileproof.mlir.design import Core, Design, Function
from tileproof.mlir.program import callees
from tileproof.mlir.values import MemRef


def no_link_with(checked: Checked) -> Iterator[Diagnostic]:
    for core, function in _called(checked.design):
        if function.link_with is None and core.link_with is None:
            yield finding(
                "TP501",
                f"nothing names the object file of @{function.name}",
                function.place,
                f"{core.tile} calls it, and neither its declaration nor the core has link_with",
            )


def other_object(checked: Checked) -> Iterator[Diagnostic]:
    """Of a kernel; whoever builds another design gives its objects what names they like."""
    if checked.objects is None:
        return
    yield from objects_nobody_makes(checked.design, checked.objects)
    made = {Path(code.name).with_suffix(".o").name: code for code in checked.code}
    for core, function in _called(checked.design):
        linked = _linked(core, checked.design)
        holders = [name for name, code in made.items() if any(one.extern_c for one in code.defined(function.name))]
        if holders and linked <= made.keys() and not linked & set(holders):
            yield finding(
                "TP508",
                f"@{function.name} is in {holders[0]}, which {core.tile} is not linked with",
                function.place,
                f"it is linked with {', '.join(sorted(linked))}",
                f'write `link_with = "{holders[0]}"` on the declaration of @{function.name}',
            )


def objects_nobody_makes(design: Design, objects: Sequence[str]) -> Iterator[Diagnostic]:
    """Of link_with and link_files that count: the core's own, and those of functions that it calls."""
    named = [(name, core.place, f"{core.tile} is linked with") for core in design.cores for name in _own_objects(core)]
    for core, function in _called(design):
        if function.link_with is not None:
            named.append((function.link_with, function.place, f"{core.tile} calls @{function.name} of"))
    for name, place, whose in named:
        if _plain(name) not in objects:
            near = get_close_matches(name, objects, n=1) or [*objects][:1]
            yield finding(
                "TP508",
                f"the build makes no {name}",
                place,
                f"{whose} it, and the build makes {', '.join(objects)}",
                f'write `link_with = "{near[0]}"`, or give the file of tile code that name' if near else None,
            )


def _own_objects(core: Core) -> list[str]:
    return core.link_with.split(", ") if core.link_with is not None else []


def _linked(core: Core, design: Design) -> set[str]:
    """The names of all objects that a core is linked with."""
    called = (function.link_with for caller, function in _called(design) if caller is core and function.link_with)
    return {_plain(name) for name in (*_own_objects(core), *called)}


def _plain(name: str) -> str:
    """aiecc runs in the folder of the objects, for which `./` is another name."""
    return str(PurePosixPath(name))


def not_defined(checked: Checked) -> Iterator[Diagnostic]:
    # ## makes names that no text shows, unless the preprocessor has made them.
    if not checked.code or any("##" in code.text for code in checked.code if not code.is_preprocessed):
        return
    for function in _called_functions(checked.design):
        found = _definitions(checked, function)
        if any(definition.extern_c for definition in found):
            continue
        files = ", ".join(code.name for code in checked.code)
        yield finding(
            "TP502",
            f'@{function.name} is not `extern "C"`' if found else f"@{function.name} is not in the tile code",
            found[0].place if found else function.place,
            "C++ gives it another name in the object file" if found else f"looked for in {files}",
        )


def parameter_count(checked: Checked) -> Iterator[Diagnostic]:
    for function, definition in _pairs(checked):
        if len(function.parameters) != len(definition.parameters):
            yield finding(
                "TP503",
                f"@{function.name} has {len(definition.parameters)} parameters in the tile code",
                definition.place,
                f"the design declares {len(function.parameters)} at {function.place}: {_declared(function)}",
            )


def parameter_type(checked: Checked) -> Iterator[Diagnostic]:
    for function, definition in _pairs(checked):
        if len(function.parameters) != len(definition.parameters):
            continue
        for number, (declared, written) in enumerate(zip(function.parameters, definition.parameters, strict=True), 1):
            if not _agree(declared, written):
                yield finding(
                    "TP504",
                    f"parameter {number} of @{function.name} is `{written.text}` in the tile code",
                    definition.place,
                    f"the design declares {declared} at {function.place}",
                )


def result_type(checked: Checked) -> Iterator[Diagnostic]:
    """Of one that the design takes; a core passes over any other."""
    for function, definition in _pairs(checked):
        if function.result is None or (definition.result is not None and _agree(function.result, definition.result)):
            continue
        yield finding(
            "TP504",
            f"@{function.name} returns `{definition.result.text if definition.result else 'void'}` in the tile code",
            definition.place,
            f"the design declares {function.result} at {function.place}",
        )


def may_be_unset(checked: Checked) -> Iterator[Diagnostic]:
    for name, place in checked.noted.unset:
        yield finding(
            "TP506",
            f"{name} may be read before anything is put into it",
            place,
            "so says this machine's compiler, which follows every path to the read",
        )


def long_has_32_bits(checked: Checked) -> Iterator[Diagnostic]:
    """A type of which the size is another one here; one finding for a file is enough."""
    for code in checked.code:
        words = [*code.tokens]
        for token, after in pairwise(words):
            if token.text == "long" and after.text not in ("long", "double"):
                yield finding(
                    "TP507",
                    "`long` has 32 bits on a core, and 64 here",
                    token.place,
                    "what overflows there does not overflow on the emulator",
                )
                break


def _called(design: Design) -> Iterator[tuple[Core, Function]]:
    functions = {function.name: function for function in design.functions}
    for core in design.cores:
        yield from ((core, functions[name]) for name in sorted(callees(core.body)) if name in functions)


def _called_functions(design: Design) -> list[Function]:
    return list({function.name: function for _, function in _called(design)}.values())


def _definitions(checked: Checked, function: Function) -> list[CppFunction]:
    return [definition for code in checked.code for definition in code.defined(function.name)]


def _pairs(checked: Checked) -> Iterator[tuple[Function, CppFunction]]:
    for function in checked.design.functions:
        yield from ((function, found) for found in _definitions(checked, function) if found.extern_c)


def _declared(function: Function) -> str:
    return "(" + ", ".join(map(str, function.parameters)) + ")"


def _agree(declared: MemRef | str, written: Parameter) -> bool:
    """Whether the two may be the same; what is not understood may."""
    if isinstance(declared, MemRef) != written.pointer:
        return written.type is None
    if written.type is None:
        return True
    if declared == "index":
        return written.type[0] == "i"
    dtype = declared.dtype if isinstance(declared, MemRef) else DTYPES.get(declared)
    if dtype is None:
        return True
    if dtype.is_block:
        return written.type == ("i", 1)
    kind = "b" if dtype.name == "bf16" else "i" if dtype.is_integer else "f"
    return written.type == (kind, dtype.nbytes)


CHECKS = (
    no_link_with,
    other_object,
    not_defined,
    parameter_count,
    parameter_type,
    result_type,
    may_be_unset,
    long_has_32_bits,
)
