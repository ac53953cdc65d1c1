"""Who waits for whom when nothing goes on: in words, and as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from tileproof.diagnostic import Diagnostic
from tileproof.emulator.array.cascade import Cascade, CascadeEnds
from tileproof.emulator.array.controller import ChannelKey, Controller
from tileproof.emulator.array.cores import CoreProgram
from tileproof.emulator.array.dma import ChainProgram, ShimChannel
from tileproof.emulator.array.engine import Blocked, Engine, LockState, StreamEnd, Task, Tokens
from tileproof.emulator.array.registers import TileRegisters
from tileproof.emulator.array.tile_control import ControlPort
from tileproof.emulator.array.waiting import CorePorts
from tileproof.insts import Push, SetRegisters
from tileproof.lowering.model import LoweredDesign
from tileproof.mlir.program import Call, UseLock, walk

CONTROLLER = "the instruction stream"


class Still(Protocol):
    """What is looked at of an array in which nothing goes on."""

    engine: Engine
    design: LoweredDesign
    tiles: TileRegisters
    cores: list[CoreProgram]
    chains: list[ChainProgram]
    channels: dict[ChannelKey, ShimChannel]
    controls: list[ControlPort]

    @property
    def dmas(self) -> Sequence[ChainProgram | ShimChannel]: ...

    def moved(self, key: ChannelKey) -> int: ...


def deadlock(
    array: Still, controller: Controller, before: Mapping[ChannelKey, int], *, still: bool
) -> tuple[Diagnostic, str]:
    """The report of a run that cannot go on, and a picture of it for Graphviz.

    `before` are the bytes each channel had moved when it began, and `still` is whether somebody moved to the end,
    without bringing anything about.
    """
    waiting = {task.name: task.blocked for task in array.engine.tasks if task.blocked and not _idle(array, task)}
    helpers = {name: tuple(_helpers(array, controller, name, blocked)) for name, blocked in waiting.items()}
    helpers |= {
        channel.name: (CONTROLLER,)
        for key, channel in array.channels.items()
        if channel.name not in waiting and _pushes_ahead(controller, key)
    }
    moving = [task.name for task in array.engine.tasks if not task.blocked and not task.finished] if still else []
    lines = [f"{name} {wait.text}" + (f" [{wait.place}]" if wait.place else "") for name, wait in waiting.items()]
    lines += [f"{core.name} {core.waits.looks}" for core in array.cores if core.name in moving and core.waits.looks]
    moved = [
        f"{array.channels[key].name} was asked for {asked:,} bytes and has moved {array.moved(key) - before[key]:,}"
        for key, asked in controller.asked.items()
    ]
    report = Diagnostic(
        id="deadlock",
        what="deadlock: the run cannot finish, everyone waits for someone else"
        if not still
        else f"the run does not end: only {' and '.join(moving)} {'moves' if len(moving) == 1 else 'move'}, for ever",
        place=array.design.place,
        why="\n".join([*lines, *_root(waiting, helpers), *_given(array, waiting), *moved]),
        fix="compare what the runtime sequence moves with what each core acquires and releases per object",
    )
    return report, _graph(waiting, helpers)


def _given(array: Still, waiting: Mapping[str, Blocked]) -> list[str]:
    """How far each waiting core has come with its fifos, since the context began."""
    return [
        f"{core.name} has {'given' if held.end.port == 'Produce' else 'given back'} {held.position:,} "
        f"{'object' if held.position == 1 else 'objects'} of @{held.end.fifo} and holds {held.held:,}"
        for core in array.cores
        if core.name in waiting
        for held in core.objects.values()
    ]


def _idle(array: Still, task: Task) -> bool:
    """A shim channel without work, or a control port between packets, waits for nothing that the design owes it."""
    if any(task.name == port.name and not port.is_within for port in array.controls):
        return True
    return any(task.name == channel.name and not channel.unfinished() for channel in array.channels.values())


def _pushes_ahead(controller: Controller, key: ChannelKey) -> bool:
    return any(
        isinstance(action, Push) and (action.column, action.direction, action.channel) == key
        for action in controller.ahead
    )


def _helpers(array: Still, controller: Controller, name: str, blocked: Blocked) -> Iterator[str]:
    """The others that could end a wait, if they came to it."""
    condition = blocked.condition
    if isinstance(condition, LockState):
        for core in array.cores:
            if core.name != name and condition.name in _released(core):
                yield core.name
        if any(isinstance(action, SetRegisters) and array.tiles.sets(action, condition) for action in controller.ahead):
            yield CONTROLLER
        for chain in array.chains:
            if chain.name != name and any(
                bd.release is not None and bd.release[0] == condition.name for bd in chain.chain.bds
            ):
                yield chain.name
        yield from (port.name for port in array.controls if array.tiles.reaches(port.tile, condition))
    elif isinstance(condition, Tokens):
        yield condition.name
    elif isinstance(condition, StreamEnd):
        for channel in array.dmas:
            reached = channel.inlet in (condition, *condition.partners) or condition in channel.outlet.every()
            if channel.name != name and reached:
                yield channel.name
        ports: list[tuple[str, CorePorts | ControlPort]] = [(core.name, core.waits.ports) for core in array.cores]
        ports += [(port.name, port) for port in array.controls]
        yield from (other for other, port in ports if other != name and _on_stream(port, condition))
    elif isinstance(condition, Cascade):
        yield from (core.name for core in array.cores if core.name != name and _on(core.waits.cascade, condition))


def _on(ends: CascadeEnds, cascade: Cascade) -> bool:
    return cascade in (ends.incoming, ends.outgoing)


def _on_stream(ports: CorePorts | ControlPort, end: StreamEnd) -> bool:
    return ports.inlet in (end, *end.partners) or end in ports.outlet.every()


def _released(core: CoreProgram) -> set[str]:
    """The locks that a core's program releases somewhere, and those that its tile code could."""
    lowered, operations = core.lowered, list(walk(core.lowered.core.body))
    fifos = {end.release_lock for end in lowered.ends.values() if end.release_lock is not None}
    written = {
        lowered.core.locks[operation.lock]
        for operation in operations
        if isinstance(operation, UseLock) and operation.action == "Release"
    }
    may_wait = core.code is not None and core.code.may_wait
    calls = may_wait and any(isinstance(operation, Call) for operation in operations)
    return fifos | written | (set(core.waits.numbers.values()) if calls else set())


def _root(waiting: Mapping[str, Blocked], helpers: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The circle of waits if there is one, or else those at its end who wait for somebody that will never come."""
    circle = _circle(helpers)
    if circle:
        return ["in a circle: " + " waits for ".join([*circle, circle[0]])]
    roots = [name for name in waiting if not any(helper in waiting for helper in helpers[name])]
    return [f"it begins with {name}: {_nobody(helpers[name])}" for name in roots]


def _nobody(helpers: tuple[str, ...]) -> str:
    if not helpers:
        return "nobody in the design ever brings what it waits for"
    return f"only {' or '.join(helpers)} could bring it, with nothing left to do"


def _circle(helpers: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The first circle in which each one's only helpers are in it too."""
    for start in helpers:
        path = [start]
        while True:
            onward = [name for name in helpers[path[-1]] if name in helpers]
            if len(onward) != 1 or len(helpers[path[-1]]) != 1:
                break
            if onward[0] in path:
                return path[path.index(onward[0]) :]
            path.append(onward[0])
    return []


def _graph(waiting: Mapping[str, Blocked], helpers: Mapping[str, tuple[str, ...]]) -> str:
    """Graphviz: an arrow from who waits to who could help, with what is waited for."""
    lines = ["digraph deadlock {", "  rankdir=LR;", "  node [shape=box];"]
    for name in dict.fromkeys([*waiting, *(helper for names in helpers.values() for helper in names)]):
        style = "" if name in waiting else " [style=dashed]"
        lines.append(f"  {_quoted(name)}{style};")
    for name, blocked in waiting.items():
        label = _quoted(blocked.condition.describe())
        if not helpers[name]:
            lines.append(f"  {_quoted('nobody')} [shape=plaintext];")
        for helper in helpers[name] or ("nobody",):
            lines.append(f"  {_quoted(name)} -> {_quoted(helper)} [label={label}];")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
