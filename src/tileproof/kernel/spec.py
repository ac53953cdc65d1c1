"""What a kernel is: frozen data read from `kernel.toml`, which refuses what it does not know."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from math import prod
from pathlib import Path

from tileproof.code_options import NO_OPTIONS, CodeOptions, check_defines
from tileproof.device_model import CORE, DEFAULT_STACK_BYTES, TARGETS, TILE_KINDS
from tileproof.diagnostic import Place
from tileproof.dtypes import DTYPES, DType
from tileproof.errors import Problem
from tileproof.kernel.banks import Banks, check_banks, read_banks
from tileproof.kernel.toml_table import Table, load_toml

# XRT's kernel has five buffer arguments on every mlir-aie (v1.1.x declares exactly five).
MAX_BUFFERS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A named piece of a buffer: `real = scale * (integer - zero)`.

    `unit` is "log10" where the real number is a log10 of a power, so that reports can say dB; else empty.
    """

    name: str
    shape: tuple[int, ...]
    scale: float
    zero: int
    unit: str

    @property
    def count(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """What the host sees: its parts lie one behind the other. `way` is "in" or "out", seen from the kernel."""

    name: str
    way: str
    dtype: DType
    parts: tuple[Part, ...]
    depth: int

    @property
    def count(self) -> int:
        return sum(part.count for part in self.parts)

    @property
    def nbytes(self) -> int:
        return self.count * self.dtype.nbytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """Working memory of the core, outside its stack. An extent is a number or the name of a size or constant."""

    name: str
    dtype: DType
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The one function the core calls per object, and what it needs. `stack_size` in bytes.

    `options` are what all tile code of the kernel is compiled with beside its text.
    """

    function: str
    stack_size: int
    scratch: tuple[Scratch, ...]
    options: CodeOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far an output may be from golden, in steps of the output's type, and why."""

    absolute: float
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Named inputs: `draw` is a function of the kernel's cases.py, `correlation` the least one demanded, if any."""

    name: str
    draw: str
    seed: int
    about: str
    correlation: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """How a sound is cut into inputs: frames of `length` samples, `hop` apart, at `sample_rate` Hz.

    `correlation` is the least one demanded of all frames together.
    """

    length: int
    hop: int
    sample_rate: int
    correlation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSpec:
    """One kernel, for one choice of sizes."""

    name: str
    about: str
    folder: Path
    targets: tuple[str, ...]
    sizes: Mapping[str, int]
    buffers: tuple[Buffer, ...]
    core: Core
    tolerances: Mapping[str, Tolerance]
    cases: tuple[Case, ...]
    sound: Sound | None
    banks: Banks = field(default_factory=Banks)

    @property
    def path(self) -> Path:
        return self.folder / "kernel.toml"

    @property
    def inputs(self) -> tuple[Buffer, ...]:
        return tuple(buffer for buffer in self.buffers if buffer.way == "in")

    @property
    def outputs(self) -> tuple[Buffer, ...]:
        return tuple(buffer for buffer in self.buffers if buffer.way == "out")

    @property
    def scales(self) -> dict[str, float]:
        return {part.name: part.scale for buffer in self.buffers for part in buffer.parts}

    def db_per_step(self, output: str) -> float | None:
        """What one step of an output means in dB, where it is a log10 of a power."""
        part = next(part for buffer in self.outputs for part in buffer.parts if part.name == output)
        return 10 * part.scale if part.unit == "log10" else None

    def variant(self, target: str) -> str:
        """The name of what is built: kernel, dtype, sizes, target; it parses from the right."""
        sizes = "x".join(str(size) for size in self.sizes.values())
        return f"{self.name}_{self.inputs[0].dtype.name}_{sizes}__{target}"


def load_spec(folder: Path, overrides: Mapping[str, int] | None = None) -> KernelSpec:
    """The spec in `folder`, its sizes replaced by `overrides`; a `Problem` for anything wrong in it."""
    top = load_toml(folder / "kernel.toml")
    sizes = _sizes(top.table("sizes"), overrides or {})
    spec = KernelSpec(
        name=_identifier(top, "name"),
        about=" ".join(top.text("about").split()),
        folder=folder,
        targets=_targets(top),
        sizes=sizes,
        buffers=tuple(_buffer(table, sizes) for table in top.tables("buffers")),
        core=_core(top.table("core"), folder),
        tolerances={name: _tolerance(table) for name, table in top.table("tolerance").subtables()},
        cases=tuple(_case(table) for table in top.tables("cases")),
        sound=_sound(top.table("sound"), sizes) if "sound" in top.values else None,
        banks=read_banks(top.table("banks", required=False)),
    )
    top.finish()
    _check_buffers(spec)
    _check_sound(spec)
    _check_names(spec)
    return spec


def with_banks(spec: KernelSpec, more: Banks) -> KernelSpec:
    """The spec with its own directives and `more`; a `Problem` for one that names what the kernel does not have."""
    banks = spec.banks.with_more(more)
    scratch = [entry.name for entry in spec.core.scratch]
    check_banks(banks, [buffer.name for buffer in spec.buffers], scratch, spec.core.stack_size)
    return replace(spec, banks=banks)


def _identifier(table: Table, key: str) -> str:
    name = table.text(key)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise Problem(
            f"{name!r} cannot be a name",
            id="bad-name",
            where=table.place(key),
            why="it becomes a name in C++ and MLIR: letters, digits and _, not beginning with a digit",
            fix=f'for instance `{key} = "{re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_") or "kernel"}"`',
        )
    return name


def _targets(top: Table) -> tuple[str, ...]:
    targets = top.texts("targets")
    for target in targets:
        if target not in TARGETS:
            raise Problem(
                f"there is no target {target!r}",
                id="unknown-target",
                where=top.place("targets"),
                why="targets are " + " and ".join(TARGETS),
                fix='write `targets = ["npu1", "npu2"]`, or one of them',
            )
    return targets


def _sizes(table: Table, overrides: Mapping[str, int]) -> dict[str, int]:
    sizes = table.integers()
    for key, value in overrides.items():
        if key not in sizes:
            near = get_close_matches(key, sizes, n=1)
            raise Problem(
                f"there is no size {key!r} to set",
                id="unknown-size",
                where=f"--set {key}={value}",
                why=f"sizes in {table.file}: " + ", ".join(sizes),
                fix=f"did you mean `--set {near[0]}={value}`?" if near else "`tileproof show KERNEL` prints the sizes",
            )
        sizes[key] = value
    for key, value in sizes.items():
        if value < 1:
            raise Problem(
                f"size {key!r} must be at least 1",
                id="not-positive",
                where=f"--set {key}={value}" if key in overrides else table.place(key),
                why=f"it is {value}",
                fix=f"give {key} a positive number",
            )
    return sizes


def _buffer(table: Table, sizes: Mapping[str, int]) -> Buffer:
    buffer = Buffer(
        name=_identifier(table, "name"),
        way=table.one_of("way", ("in", "out")),
        dtype=DTYPES[table.one_of("dtype", tuple(DTYPES))],
        parts=tuple(_part(part, sizes) for part in table.tables("parts")),
        depth=table.integer("depth", 2),
    )
    table.finish()
    if buffer.depth < 1:
        raise Problem(
            f"buffer {buffer.name!r} needs at least one object",
            id="not-positive",
            where=table.place("depth"),
            why=f"depth is {buffer.depth}",
            fix="write `depth = 2`, so that the DMA fills one object while the core reads the other",
        )
    return buffer


def _part(table: Table, sizes: Mapping[str, int]) -> Part:
    part = Part(
        name=_identifier(table, "name"),
        shape=tuple(_extent(table, extent, sizes) for extent in table.names_or_integers("shape")),
        scale=table.number("scale"),
        zero=table.integer("zero", 0),
        unit=table.one_of("unit", ("log10", ""), ""),
    )
    table.finish()
    if not 0 < part.scale < float("inf"):
        raise Problem(
            f"the scale of {part.name!r} must be positive",
            id="not-positive",
            where=table.place("scale"),
            why=f"real = scale * (integer - zero), and scale is {part.scale}",
            fix="give the size of one step, for instance 0.03125",
        )
    return part


def _extent(table: Table, extent: str | int, sizes: Mapping[str, int]) -> int:
    if isinstance(extent, str) and extent not in sizes:
        near = get_close_matches(extent, sizes, n=1)
        raise Problem(
            f"the shape names {extent!r}, which is not a size",
            id="unknown-size",
            where=table.place("shape"),
            why="[sizes] has " + (", ".join(sizes) or "nothing"),
            fix=f"did you mean {near[0]!r}?" if near else f"add `{extent} = ...` to [sizes]",
        )
    value = sizes[extent] if isinstance(extent, str) else extent
    if value < 1:
        raise Problem(
            "a shape has an extent below 1",
            id="not-positive",
            where=table.place("shape"),
            why=f"it is {value}",
            fix="make it positive",
        )
    return value


def _core(table: Table, folder: Path) -> Core:
    core = Core(
        function=_identifier(table, "function"),
        stack_size=table.integer("stack_size", DEFAULT_STACK_BYTES),
        scratch=tuple(_scratch(entry) for entry in table.tables("scratch", required=False)),
        options=_options(table, folder),
    )
    table.finish()
    memory = TILE_KINDS[CORE].memory_bytes
    if not 0 < core.stack_size < memory or core.stack_size % 32:
        raise Problem(
            "the stack size cannot be used",
            id="bad-stack-size",
            where=table.place("stack_size"),
            why=f"it is {core.stack_size} bytes; it must be a multiple of 32 above 0 and below the core's {memory:,}",
            fix="write `stack_size = 1024`, or more if the tile function's frames need it",
        )
    return core


def _options(table: Table, folder: Path) -> CodeOptions:
    """Whether the folders are there is asked by who compiles: on another machine a pair may be all there is."""
    defines = table.optional_texts("defines")
    includes = tuple(folder / name for name in table.optional_texts("includes"))
    if defines:
        check_defines(defines, table.place("defines"))
    return CodeOptions(defines, includes)


def _scratch(table: Table) -> Scratch:
    scratch = Scratch(
        name=_identifier(table, "name"),
        dtype=DTYPES[table.one_of("dtype", tuple(DTYPES))],
        shape=table.names_or_integers("shape"),
    )
    table.finish()
    return scratch


def _tolerance(table: Table) -> Tolerance:
    tolerance = Tolerance(absolute=table.number("absolute"), because=table.text("because"))
    table.finish()
    if not 0 <= tolerance.absolute < float("inf") or not tolerance.because.strip():
        raise Problem(
            "a tolerance needs a size and a reason",
            id="bad-tolerance",
            where=table.place(),
            why=f"absolute is {tolerance.absolute}, because is {tolerance.because!r}",
            fix="give `absolute` in steps of the output's type, and say in `because` where the steps come from",
        )
    return tolerance


def _case(table: Table) -> Case:
    case = Case(
        name=table.text("name"),
        draw=_identifier(table, "draw"),
        seed=table.integer("seed", 1),
        about=table.text("about", ""),
        correlation=table.optional_number("correlation"),
    )
    table.finish()
    for key, value, least, most in (("seed", case.seed, 0, 2**63), ("correlation", case.correlation, -1, 1)):
        if value is not None and not least <= value <= most:
            raise Problem(
                f"the {key} of case {case.name!r} cannot be used",
                id="out-of-range",
                where=table.place(key),
                why=f"it is {value}",
                fix="write a seed of 0 or more" if key == "seed" else "demand a correlation between -1 and 1",
            )
    return case


def _sound(table: Table, sizes: Mapping[str, int]) -> Sound:
    extents = {key: _extent_of(table, key, sizes) for key in ("length", "hop", "sample_rate")}
    sound = Sound(**extents, correlation=table.number("correlation"))
    table.finish()
    return sound


def _extent_of(table: Table, key: str, sizes: Mapping[str, int]) -> int:
    return _extent(table, table.integer_or_name(key), sizes)


def _place(spec: KernelSpec, within: str) -> Place:
    return Place.told(f"{spec.path}, {within}", Place.of_file(str(spec.path)))


def _check_buffers(spec: KernelSpec) -> None:
    if not spec.inputs or not spec.outputs:
        raise Problem(
            f"{spec.name} has no {'inputs' if not spec.inputs else 'outputs'}",
            id="no-input-or-output",
            where=_place(spec, "[[buffers]]"),
            why="a kernel reads at least one buffer and writes at least one",
            fix='add a [[buffers]] with `way = "in"` or `way = "out"`',
        )
    if len(spec.buffers) > MAX_BUFFERS:
        raise Problem(
            f"{spec.name} has more buffers than XRT's kernel has arguments",
            id="too-many-buffers",
            where=_place(spec, "[[buffers]]"),
            why=f"{len(spec.buffers)} buffers, and mlir-aie declares bo0 to bo{MAX_BUFFERS - 1}",
            fix="join some of them: a buffer may have several parts",
        )
    for buffer in spec.buffers:
        if not buffer.dtype.is_integer:
            raise Problem(
                f"buffer {buffer.name!r} cannot be {buffer.dtype.name}",
                id="not-an-integer-type",
                where=_place(spec, f"[buffers {buffer.name}] dtype"),
                why="cases are drawn and compared in whole steps",
                fix="use an integer type",
            )
        if buffer.nbytes % 4:
            raise Problem(
                f"buffer {buffer.name!r} is not a whole number of 32-bit words",
                id="buffer-not-whole-words",
                where=_place(spec, f"[buffers {buffer.name}]"),
                why=f"it has {buffer.nbytes} bytes, and a DMA moves words of 4",
                fix="choose sizes that make it a multiple of 4 bytes",
            )
    if not spec.cases:
        raise Problem(
            f"{spec.name} has no cases",
            id="no-cases",
            where=_place(spec, "[[cases]]"),
            why="nothing would be verified",
            fix="add at least one [[cases]] with a name and a draw function",
        )


def _check_sound(spec: KernelSpec) -> None:
    if spec.sound is None:
        return
    counts = [part.count for buffer in spec.inputs for part in buffer.parts]
    if counts != [spec.sound.length] or len(spec.outputs) != 1:
        raise Problem(
            f"{spec.name} cannot take a sound",
            id="takes-no-sound",
            where=_place(spec, "[sound]"),
            why="a kernel that does has one input of `length` samples, and one output",
            fix="remove [sound], or make length the input's size",
        )


def _check_names(spec: KernelSpec) -> None:
    outputs = dict.fromkeys(part.name for buffer in spec.outputs for part in buffer.parts)
    name = next((name for name in (*outputs, *spec.tolerances) if (name in outputs) != (name in spec.tolerances)), None)
    if name is not None:
        raise Problem(
            f"output {name!r} has no tolerance"
            if name in outputs
            else f"a tolerance names {name!r}, which is no output",
            id="no-tolerance",
            where=_place(spec, f"[tolerance.{name}]"),
            why="outputs: " + ", ".join(sorted(outputs)),
            fix=f"add [tolerance.{name}] with absolute and because"
            if name in outputs
            else f"remove [tolerance.{name}]",
        )
    lists = {
        "cases": [case.name for case in spec.cases],
        # All of these become symbols of one design.
        "buffers": [*(buffer.name for buffer in spec.buffers), *(scratch.name for scratch in spec.core.scratch)],
        "parts": [part.name for buffer in spec.buffers for part in buffer.parts],
    }
    for what, names in lists.items():
        for name, count in Counter(names).items():
            if count > 1:
                raise Problem(
                    f"two {what} are called {name!r}",
                    id="name-taken",
                    where=_place(spec, f"[[{what}]]"),
                    fix="give each a name of its own",
                )
