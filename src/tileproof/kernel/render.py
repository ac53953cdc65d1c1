"""Spec and templates to texts. Touches no disk, no tool and no clock: equal input gives equal bytes."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from math import prod
from typing import Any

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from tileproof.diagnostic import Place
from tileproof.errors import Problem
from tileproof.kernel.spec import Buffer, KernelSpec, Scratch

# Jinja's own {% and {# are ObjectFIFO syntax; these delimiters occur nowhere in MLIR.
_DELIMITERS: dict[str, Any] = {
    "line_statement_prefix": "%%",
    "line_comment_prefix": "%#",
    "variable_start_string": "${",
    "variable_end_string": "}",
    "block_start_string": "<<%",
    "block_end_string": "%>>",
    "comment_start_string": "<<#",
    "comment_end_string": "#>>",
    "trim_blocks": True,
    "lstrip_blocks": True,
    "keep_trailing_newline": True,
}

# array.array's type codes of one size everywhere.
_TABLE_TYPES = {"b": "int8_t", "h": "int16_t", "i": "int32_t", "q": "int64_t", "f": "float"}
_TABLE_TYPES |= {code.upper(): f"u{cpp}" for code, cpp in _TABLE_TYPES.items() if code != "f"}
_TABLE_ALIGNMENT = 64  # the widest vector load of either target
_VALUES_A_LINE = 16

# What the context itself defines; a size or constant of such a name would be ambiguous.
_TAKEN = frozenset(
    {"kernel", "about", "target", "function", "stack_size", "inputs", "outputs", "scratch", "tile_attributes"}
    | {"parameters", "call_values", "sequence_arguments", "transfers", "numbers", "tables"}
)


def render(spec: KernelSpec, target: str, constants: Mapping[str, Any], sources: Mapping[str, str]) -> dict[str, str]:
    """File name to text for every template that is not a part (a leading `_`), and for what is none, as it is.

    `constants` are the numbers that the kernel's constants.py made from its sizes and scales.
    """
    environment = SandboxedEnvironment(  # a template lays out text, and has no business with Python's insides
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(lambda name: (sources[name], name, None) if name in sources else None),
        autoescape=False,  # MLIR and C++ are no HTML
        **_DELIMITERS,
    )
    context = template_context(spec, target, constants)
    texts = {}
    for name, text in sorted(sources.items()):
        if not name.endswith(".j2"):
            texts[name] = text
        elif not name.startswith("_"):
            texts[name.removesuffix(".j2")] = _render_one(spec, environment, name, context, sources)
    return texts


def _render_one(
    spec: KernelSpec,
    environment: jinja2.Environment,
    name: str,
    context: dict[str, Any],
    templates: Mapping[str, str],
) -> str:
    try:
        return environment.get_template(name).render(context)
    except jinja2.TemplateSyntaxError as error:
        raise Problem(
            f"{spec.name}: template {error.name or name} cannot be read",
            id="template-syntax",
            where=_line_of(error.name or name, error.lineno),
            why=error.message or "syntax error",
            fix="statements are lines that begin with %%, comments begin with %#, values are ${...}",
        ) from None
    except jinja2.UndefinedError as error:
        raise Problem(
            f"{spec.name}: template {name} uses a name that nobody defines",
            id="undefined-name",
            where=_template_place(error, name, templates),
            why=error.message or "undefined",
            fix=_near_name(error.message or "", context),
        ) from None
    except Exception as error:  # whatever an expression in a template raises
        raise Problem(
            f"{spec.name}: template {name} failed",
            id="template-fails",
            where=_template_place(error, name, templates),
            why=f"{type(error).__name__}: {error}",
            fix="templates lay out text; compute the value in constants.py",
        ) from None


def _near_name(message: str, context: Mapping[str, Any]) -> str:
    """Jinja says `'heda' is undefined`."""
    quoted = message.split("'")[1] if message.count("'") > 1 else ""
    near = get_close_matches(quoted, context, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"let constants.py return {quoted!r}, or use one of: " + ", ".join(sorted(context))


def _template_place(error: BaseException, name: str, templates: Mapping[str, str]) -> Place:
    """The innermost template line in the traceback."""
    place = Place.of_file(name)
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file in templates:
            place = _line_of(file, trace.tb_lineno)
        trace = trace.tb_next
    return place


def _line_of(template: str, line: int) -> Place:
    return Place.told(f"{template}, line {line}", Place(template, line))


def template_context(spec: KernelSpec, target: str, constants: Mapping[str, Any]) -> dict[str, Any]:
    """Every name a template may use; its numbers are finished."""
    scratch = [_scratch_values(spec, entry, constants) for entry in spec.core.scratch]
    for key in (*spec.sizes, *constants):
        if key in _TAKEN or (key in spec.sizes and key in constants):
            raise Problem(
                f"{spec.name}: the name {key!r} is taken",
                id="name-taken",
                where=Place.of_file(str(spec.folder / "constants.py" if key in constants else spec.path)),
                why="a template would see two meanings of it",
                fix="give the size or the constant another name",
            )
    inputs = [_buffer_values(spec, buffer) for buffer in spec.inputs]
    outputs = [_buffer_values(spec, buffer) for buffer in spec.outputs]
    return {
        **spec.sizes,
        **constants,
        "kernel": spec.name,
        "about": spec.about,
        "target": target,
        "function": spec.core.function,
        "stack_size": spec.core.stack_size,
        "tile_attributes": f' {{allocation_scheme = "{spec.banks.scheme}"}}' if spec.banks.scheme else "",
        "inputs": inputs,
        "outputs": outputs,
        "scratch": scratch,
        "parameters": [buffer["memref"] for buffer in (*inputs, *outputs, *scratch)],
        "call_values": [
            *(f"%{buffer['name']}_object" for buffer in (*inputs, *outputs)),
            *(f"%{buffer['name']}" for buffer in scratch),
        ],
        "sequence_arguments": [
            f"%{buffer.name}: memref<{buffer.count}x{buffer.dtype.name}>" for buffer in spec.buffers
        ],
        "transfers": [
            {**values, "id": number, "token": ", issue_token = true" if values in outputs else ""}
            for number, values in enumerate((*inputs, *outputs))
        ],
        "numbers": list(_numbers({**spec.sizes, **constants})),
        "tables": list(_tables(spec, constants)),
    }


def _numbers(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The whole numbers among sizes and constants, each in the C++ type that holds it."""
    for name, value in values.items():
        if type(value) is int:
            yield {"name": name, "value": value, "cpp": "int" if -(2**31) <= value < 2**31 else "int64_t"}


def _tables(spec: KernelSpec, constants: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The constants that are arrays of a type: what the tile code reads."""
    for name, values in constants.items():
        if not isinstance(values, array):
            continue
        if values.typecode not in _TABLE_TYPES:
            raise Problem(
                f"{spec.name}: the table {name!r} cannot be an array of type {values.typecode!r}",
                id="table-type",
                where=Place.of_file(str(spec.folder / "constants.py")),
                why="the device has " + ", ".join(f"{code} ({cpp})" for code, cpp in _TABLE_TYPES.items()),
                fix=f'return array("i", ...) for {name!r}, or a list, which tile code does not see',
            )
        starts = range(0, len(values), _VALUES_A_LINE)
        yield {
            "name": name,
            "cpp": _TABLE_TYPES[values.typecode],
            "count": len(values),
            "alignment": _TABLE_ALIGNMENT,
            "rows": [", ".join(map(str, values[start : start + _VALUES_A_LINE])) for start in starts],
        }


def _buffer_values(spec: KernelSpec, buffer: Buffer) -> dict[str, Any]:
    place = spec.banks.tile.get(buffer.name)
    return {
        "name": buffer.name,
        "attributes": f" {{{place.on_fifo}}}" if place else "",
        "count": buffer.count,
        "depth": buffer.depth,
        "dtype": buffer.dtype.name,
        "cpp": buffer.dtype.cpp,
        "memref": f"memref<{buffer.count}x{buffer.dtype.name}>",
    }


def _scratch_values(spec: KernelSpec, scratch: Scratch, constants: Mapping[str, Any]) -> dict[str, Any]:
    shape = [_scratch_extent(spec, scratch, extent, constants) for extent in scratch.shape]
    nbytes = prod(shape) * scratch.dtype.nbytes
    if nbytes % 4:
        raise Problem(
            f"{spec.name}: scratch {scratch.name!r} cannot be {nbytes} bytes",
            id="buffer-not-whole-words",
            where=_shape_place(spec, scratch),
            why="a buffer of a core is a whole number of 32-bit words",
            fix="round the shape up",
        )
    place = spec.banks.tile.get(scratch.name)
    return {
        "name": scratch.name,
        "attributes": f", {place.on_buffer}" if place else "",
        "nbytes": nbytes,
        "count": prod(shape),
        "dtype": scratch.dtype.name,
        "cpp": scratch.dtype.cpp,
        "memref": f"memref<{'x'.join(map(str, shape))}x{scratch.dtype.name}>",
    }


def _scratch_extent(spec: KernelSpec, scratch: Scratch, extent: int | str, constants: Mapping[str, Any]) -> int:
    known = {name: value for name, value in {**spec.sizes, **constants}.items() if type(value) is int}
    value = known.get(extent) if isinstance(extent, str) else extent
    if value is None:
        raise Problem(
            f"{spec.name}: the shape of scratch {scratch.name!r} names {extent!r}, which nobody defines",
            id="unknown-size",
            where=_shape_place(spec, scratch),
            why="whole numbers that are defined: " + ", ".join(known),
            fix=f"return {extent!r} from constants.py, or write a number of elements",
        )
    if value < 1:
        raise Problem(
            f"{spec.name}: the shape of scratch {scratch.name!r} has an extent below 1",
            id="not-positive",
            where=_shape_place(spec, scratch),
            why=f"it is {value}" if value == extent else f"{extent} is {value}",
            fix="make it positive",
        )
    return value


def _shape_place(spec: KernelSpec, scratch: Scratch) -> Place:
    return Place.told(f"{spec.path}, [core.scratch {scratch.name}] shape", Place.of_file(str(spec.path)))
