"""A kernel's own Python: its constants, the inputs of its cases, its golden model and its integer specification.

The only module that imports a kernel's files, and always in a process of their own (`kernel/apart`). numpy comes late,
because a build with nothing to do needs none.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tileproof.diagnostic import Place
from tileproof.errors import EXIT_KERNEL_WRONG, Problem
from tileproof.kernel.apart import once
from tileproof.kernel.spec import Buffer, KernelSpec, Part

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Parts = dict[str, npt.NDArray[Any]]


def kernel_constants(spec: KernelSpec) -> dict[str, Any]:
    """The numbers that the kernel's constants.py makes of its sizes and scales; none if it has no such file."""
    if not (spec.folder / "constants.py").is_file():
        return {}
    found = once(spec.name, f"{spec.folder}/constants.py", spec.folder, lambda: constants_of(spec))
    if not isinstance(found, dict):
        raise _odd_answer(spec, "constants", "names and values")
    return found


def constants_of(spec: KernelSpec) -> dict[str, Any]:
    """The same, in this process."""
    module = _module(spec, "constants")
    if module is None:
        return {}
    function = _function(spec, module, "constants")
    try:
        return dict(function(dict(spec.sizes), spec.scales))
    except ValueError as error:
        sizes = ", ".join(f"{key} = {value}" for key, value in spec.sizes.items())
        raise Problem(
            f"{spec.name} cannot be built with these sizes and scales",
            id="sizes-refused",
            where=Place.told(f"{spec.path}, [sizes] {sizes}", Place.of_file(str(spec.path))),
            why=str(error),
            fix="change them, or the --set you gave",
        ) from None
    except BaseException as error:
        raise _broken(spec, "constants", error) from None


def draw_inputs(spec: KernelSpec, draw: str, seed: int) -> Parts:
    """Integer inputs by part name: the real numbers, rounded to each part's steps and clipped to its type."""
    import numpy as np

    module = _module(spec, "cases")
    if module is None:
        raise _missing(spec, "cases", "it draws the inputs of every case")
    drawn = _call(spec, "cases", _function(spec, module, draw), np.random.default_rng(seed), dict(spec.sizes))
    parts = {part.name: (buffer, part) for buffer in spec.inputs for part in buffer.parts}
    drawn = _checked(spec, f"cases.py, {draw}", drawn, {name: part.shape for name, (_, part) in parts.items()})
    for name, value in drawn.items():
        _refuse_nan(spec, draw, name, value)
    return {name: quantised(drawn[name], buffer, part) for name, (buffer, part) in parts.items()}


def _refuse_nan(spec: KernelSpec, draw: str, name: str, value: npt.NDArray[Any]) -> None:
    import numpy as np

    if np.isnan(value).any():
        raise Problem(
            f"{spec.name}: cases.py, {draw} draws a NaN",
            id="nan-drawn",
            where=_of_function(spec, f"cases.py, {draw}"),
            why=f"in {name}; a NaN has no integer",
            fix="draw numbers",
        )


def quantised(real: npt.ArrayLike, buffer: Buffer, part: Part) -> npt.NDArray[Any]:
    """`round(real / scale) + zero`, ties to even, clipped to the buffer's type."""
    import numpy as np

    limits = np.iinfo(buffer.dtype.numpy)
    steps = np.rint(np.asarray(real, dtype=np.float64) / part.scale) + part.zero
    with np.errstate(invalid="ignore"):
        clipped = np.clip(steps, limits.min, limits.max).astype(buffer.dtype.numpy)
    # float64 rounds the end of a 64-bit type up, out of its range.
    ended: npt.NDArray[Any] = np.where(steps >= limits.max, limits.max, clipped).astype(buffer.dtype.numpy)
    return ended.reshape(part.shape)


def golden_steps(spec: KernelSpec, inputs: Mapping[str, npt.NDArray[Any]]) -> Parts:
    """What the textbook says, in float64 steps of each output's type, clipped to its range but not rounded."""
    import numpy as np

    module = _module(spec, "golden")
    if module is None:
        raise _missing(spec, "golden", "it is what every output is compared with")
    scales = {part.name: part for buffer in spec.inputs for part in buffer.parts}
    real = {n: (a.astype(np.float64) - scales[n].zero) * scales[n].scale for n, a in inputs.items()}
    function = _function(spec, module, "golden")
    # A golden model may also ask for sizes, by name.
    sizes = {key: spec.sizes[key] for key in _parameters(spec, function) if key in spec.sizes}
    outputs = _call(spec, "golden", function, **{**sizes, **real})
    parts = {part.name: (buffer, part) for buffer in spec.outputs for part in buffer.parts}
    outputs = _checked(spec, "golden.py, golden", outputs, {name: part.shape for name, (_, part) in parts.items()})
    steps = {}
    for name, (buffer, part) in parts.items():
        limits = np.iinfo(buffer.dtype.numpy)
        value = np.asarray(outputs[name], dtype=np.float64) / part.scale + part.zero
        if not np.isfinite(value).all():
            raise _not_finite(spec, name, value)
        steps[name] = np.clip(value, limits.min, limits.max)
    return steps


def _not_finite(spec: KernelSpec, name: str, value: npt.NDArray[np.float64]) -> Problem:
    import numpy as np

    first = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
    return Problem(
        f"{spec.name}: golden.py says {value[first]} for {name}",
        id="golden-not-finite",
        where=_of_function(spec, "golden.py, golden"),
        why=f"the first is element {list(first)}; no integer is near it, and cut to the type it would look like one",
        fix="let golden say what is right there, or let cases.py draw other inputs",
        exit_code=EXIT_KERNEL_WRONG,
    )


def integer_outputs(
    spec: KernelSpec, inputs: Mapping[str, npt.NDArray[Any]], constants: Mapping[str, Any]
) -> Parts | None:
    """What the kernel must answer, bit for bit; None for a kernel without an integer specification."""
    module = _module(spec, "integer")
    if module is None:
        return None
    outputs = _call(spec, "integer", _function(spec, module, "integer"), dict(inputs), dict(constants))
    shapes = {part.name: part.shape for buffer in spec.outputs for part in buffer.parts}
    return _checked(spec, "integer.py, integer", outputs, shapes)


def parts_of(spec: KernelSpec, stem: str, buffers: Sequence[Buffer], answered: object) -> Parts:
    """What a process of the kernel's Python has answered. It has looked at it itself, but what runs there could have
    changed even that."""
    import numpy as np

    shapes = {part.name: part.shape for buffer in buffers for part in buffer.parts}
    parts = answered if isinstance(answered, dict) else {}
    if {n: a.shape for n, a in parts.items() if isinstance(a, np.ndarray)} != shapes or len(parts) != len(shapes):
        raise _odd_answer(spec, stem, "one array per part, with the part's name and shape")
    return {name: parts[name] for name in shapes}


def _odd_answer(spec: KernelSpec, stem: str, wanted: str) -> Problem:
    return Problem(
        f"{spec.name}: the process of {stem}.py answers something else than it was asked for",
        id="not-plain",
        where=Place.of_file(f"{spec.folder}/{stem}.py"),
        why=f"wanted were {wanted}, and its Python has changed what answers there",
        fix="let it return what it is asked for, and leave tileproof as it is",
        exit_code=EXIT_KERNEL_WRONG,
    )


def joined(buffer: Buffer, parts: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """The parts of a buffer one behind the other, as the host writes them."""
    return b"".join(parts[part.name].astype(buffer.dtype.numpy).tobytes() for part in buffer.parts)


def split(buffer: Buffer, data: bytes) -> Parts:
    """A buffer's bytes as its parts."""
    import numpy as np

    flat = np.frombuffer(data, dtype=buffer.dtype.numpy)
    parts, start = {}, 0
    for part in buffer.parts:
        parts[part.name] = flat[start : start + part.count].reshape(part.shape)
        start += part.count
    return parts


def _checked(spec: KernelSpec, who: str, got: object, wanted: Mapping[str, tuple[int, ...]]) -> Parts:
    """What a kernel's Python returned, as arrays of numbers of the shapes that kernel.toml says."""
    parts = {name: _array(value) for name, value in got.items()} if isinstance(got, dict) else None
    shapes = None if parts is None else {n: None if v is None else v.shape for n, v in parts.items()}
    if parts is not None and shapes == dict(wanted):
        return {name: parts[name] for name in wanted}  # type: ignore[misc]
    raise Problem(
        f"{spec.name}: {who} does not return what kernel.toml says",
        id="other-shape",
        where=_of_function(spec, who),
        why=f"wanted {dict(wanted)}, got {got if shapes is None else shapes}",
        fix="return one array per part, with the part's name and shape",
        exit_code=EXIT_KERNEL_WRONG,
    )


def _of_function(spec: KernelSpec, who: str) -> Place:
    """The place of `golden.py, golden`."""
    stem, _, name = who.partition(".py, ")
    function = getattr(_module(spec, stem), name, None)
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    return Place.told(f"{spec.folder}/{who}", Place(f"{spec.folder}/{stem}.py", code.co_firstlineno if code else 0))


def _array(value: object) -> npt.NDArray[Any] | None:
    """None for what is no array of numbers."""
    import numpy as np

    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array if array.dtype.kind in "biuf" or array.dtype.name == "bfloat16" else None


@cache
def _load(path: Path, name: str) -> ModuleType:
    loader = importlib.util.spec_from_file_location(name, path)
    assert loader is not None
    assert loader.loader is not None
    module = importlib.util.module_from_spec(loader)
    with redirect_stdout(sys.stderr):
        loader.loader.exec_module(module)
    return module


def _module(spec: KernelSpec, stem: str) -> ModuleType | None:
    path = spec.folder / f"{stem}.py"
    if not path.is_file():
        return None
    try:
        # A name of its own: two kernels' golden.py must not be one module.
        return _load(path.absolute(), f"tileproof_{stem}_{spec.name}")
    except BaseException as error:
        raise _broken(spec, stem, error) from None


def _function(spec: KernelSpec, module: ModuleType, name: str) -> Callable[..., Any]:
    function = getattr(module, name, None)
    if callable(function):
        return function  # type: ignore[no-any-return]
    functions = [n for n, f in vars(module).items() if inspect.isfunction(f) and not n.startswith("_")]
    near = get_close_matches(name, functions, n=1)
    raise Problem(
        f"{spec.name}: there is no function {name!r}",
        id="no-function",
        where=Place.of_file(str(module.__file__)),
        why="functions there: " + (", ".join(functions) or "none"),
        fix=f"did you mean {near[0]!r}?" if near else f"write `def {name}(...)`",
    )


def _parameters(spec: KernelSpec, function: Callable[..., Any]) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError) as error:  # of what Python cannot look into
        raise _broken(spec, "golden", error) from None


def _call(spec: KernelSpec, stem: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        with redirect_stdout(sys.stderr):  # standard output is the answer
            return function(*args, **kwargs)
    except BaseException as error:
        raise _broken(spec, stem, error) from None


def _broken(spec: KernelSpec, stem: str, error: BaseException) -> Problem:
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(str(spec.folder.absolute()))
    ]
    place = Place.of_file(str(spec.folder / f"{stem}.py"))
    if frames:
        place = Place(frames[-1].filename, frames[-1].lineno or 0)
    if isinstance(error, SyntaxError):
        place = Place(str(error.filename), error.lineno or 0)
    return Problem(
        f"{spec.name}: {stem}.py fails",
        id="python-fails",
        where=place,
        why=f"{type(error).__name__}: {error}",
        fix="mend the kernel's Python; a test of its own finds this sooner",
        exit_code=EXIT_KERNEL_WRONG,
    )


def _missing(spec: KernelSpec, stem: str, why: str) -> Problem:
    return Problem(
        f"{spec.name} has no {stem}.py",
        id="no-python",
        where=str(spec.folder),
        why=why,
        fix=f"write {stem}.py; the other kernels show how",
    )
