"""The flow of a function: its blocks without the checks' own branches, its loops, and what each register holds as an
address."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from tileproof.emulator.cost.listing import Block, Function, Line

# Calls of the checks for what went wrong: blocks that make them are not the tile code's.
_FAULTS = frozenset({"tileproof_misaligned", "tileproof_record_fault", "tileproof_unset"})
_STATE = "tileproof_core_state"
# What event0 and event1 call: what comes behind it is counted apart (aie_api/events.hpp).
_MARK = "tileproof_event"
_STACK_OPERAND = re.compile(r"\(%r[sb]p")

# An address: where it counts from, and bytes from there. What it counts from is a name: the stack, an argument, a
# symbol, or the instruction or the join that made it.
Address = tuple[object, int]
STACK, NUMBER = "stack", "number"
# Where a frame begins that the compiler aligns: apart from what lies above it, at a distance that nobody knows.
_ALIGNED = -(1 << 24)


@dataclass(slots=True)
class Region:
    """Blocks that always run one after the other, as one. `counter` is None where none of them counts its runs;
    `entry` is what each register and each slot of the stack holds."""

    index: int
    lines: list[Line]
    counter: int | None
    to: list[int] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    entry: dict[object, Address] = field(default_factory=dict)

    def leaves(self) -> dict[object, Address]:
        """What they hold at its end."""
        state = dict(self.entry)
        for number, line in enumerate(self.lines):
            step(line, (self.index, number), state)
        return state


@dataclass(frozen=True, slots=True)
class Loop:
    """`head` is where it is entered and goes back to; `body` are its regions, inner loops included."""

    head: int
    body: frozenset[int]


@dataclass(frozen=True, slots=True)
class Flow:
    """A function as regions, the first being its begin, and its loops, inner ones first."""

    name: str
    regions: tuple[Region, ...]
    loops: tuple[Loop, ...]


# What compilers for AIE unroll whole: few turns, known before, and not too much text (LLVM's full unrolling).
_UNROLLED_TURNS, _UNROLLED_LINES = 8, 1200


def flow_of(function: Function) -> Flow:
    """Its regions with what registers hold there, and its loops; loops of a few turns are written out."""
    regions = _regions(function)
    while True:
        regions = _rotated(regions)
        _hold(regions)
        loops = list(_loops(regions))
        unrolled = _unrolled(regions, loops)
        if unrolled is None:
            return Flow(function.name, tuple(regions), tuple(loops))
        regions = _joined(unrolled)


# --- regions


def _regions(function: Function) -> list[Region]:
    to = _without_checks(function)
    number = {block: index for index, block in enumerate(to)}
    blocks = (function.blocks[block] for block in to)
    return _joined(
        [
            Region(index, list(block.lines), block.counter, [number[follower] for follower in to[key]])
            for index, (key, block) in enumerate(zip(to, blocks, strict=True))
        ]
    )


def _joined(regions: Sequence[Region]) -> list[Region]:
    """The same with what always runs on as one, in the order of their heads."""
    before: list[list[int]] = [[] for _ in regions]
    for region in regions:
        for follower in region.to:
            before[follower].append(region.index)

    def goes_on(index: int) -> bool:
        """Whether it only ever runs after one other that only ever goes there."""
        if index == 0 or len(before[index]) != 1:
            return False
        only = regions[before[index][0]]
        return len(only.to) == 1 and all(line.target != _MARK for line in only.lines)

    heads = [region.index for region in regions if not goes_on(region.index)]
    number = {head: index for index, head in enumerate(heads)}
    found = []
    for head in heads:
        chain = [regions[head]]
        while len(chain[-1].to) == 1 and goes_on(chain[-1].to[0]) and chain[-1].to[0] != head:
            chain.append(regions[chain[-1].to[0]])
        counter = next((region.counter for region in chain if region.counter is not None), None)
        lines = [line for region in chain for line in region.lines]
        found.append(Region(number[head], lines, counter, [number[to] for to in chain[-1].to]))
    for region in found:
        for follower in region.to:
            found[follower].before.append(region.index)
    return found


def _rotated(regions: list[Region]) -> list[Region]:
    """Loops that are left from their middle as loops that are left at their end, as compilers for AIE turn them, where
    nothing is called behind the middle."""
    for region in regions:
        calls = any(line.note is not None or line.mnemonic.startswith("call") for line in region.lines)
        if len(region.to) == 1 and region.to == region.before and region.to != [region.index] and not calls:
            head = regions[region.to[0]]
            head.lines += region.lines
            head.to = [head.index if follower == region.index else follower for follower in head.to]
            region.lines, region.to, region.counter = [], [], None
    return _joined(regions)


def _without_checks(function: Function) -> dict[int, list[int]]:
    """Where each block that can be reached goes, without what runs only when a check finds something."""
    blocks = function.blocks
    faults = {n for n, block in enumerate(blocks) if any(line.target in _FAULTS for line in block.lines)}
    faults |= {n for n, block in enumerate(blocks) if faults & set(block.to) and _asks_the_state(block)}
    reached: dict[int, list[int]] = {}
    waiting = [0]
    while waiting:
        block = waiting.pop()
        if block in reached:
            continue
        reached[block] = list(dict.fromkeys(follower for follower in blocks[block].to if follower not in faults))
        waiting += reached[block]
    return {block: reached[block] for block in sorted(reached)}


def _asks_the_state(block: Block) -> bool:
    """Whether it reads what the checks know of the core: by its name, or where a register holds its address, as memory
    that is not the stack and that no call has checked."""
    operands = [operand for line in block.lines for operand in line.operands]
    if any(_STATE in operand for operand in operands):
        return True
    is_own = all(line.is_own and not line.mnemonic.startswith("call") for line in block.lines)
    return is_own and any("(" in operand and not _STACK_OPERAND.search(operand) for operand in operands)


def _unrolled(regions: Sequence[Region], loops: Sequence[Loop]) -> list[Region] | None:
    """The regions with one loop of a few turns written out; None where there is none."""
    for loop in loops:
        region = regions[loop.head]
        if len(loop.body) > 1 or len(region.to) != 2:
            continue
        turns = turns_of(regions, region)
        if turns is None or not 1 <= turns <= _UNROLLED_TURNS or turns * len(region.lines) > _UNROLLED_LINES:
            continue
        body = region.lines[:-1]
        whole = [Region(one.index, list(one.lines), one.counter, list(one.to)) for one in regions]
        once = [other for other in region.to if other != region.index]
        # Its counter has counted turns: what runs before it counts now.
        whole[region.index] = Region(region.index, [*body * turns], None, once)
        return whole
    return None


def turns_of(regions: Sequence[Region], region: Region) -> int | None:
    """How often a loop of one region runs each time it is entered, where the numbers are in the text; else None."""
    entered = [regions[other].leaves() for other in region.before if other != region.index]
    after = region.leaves()
    compared = _compared(region.lines, after)
    if compared is None or not entered:
        return None
    for counted, limit in (compared, compared[::-1]):
        key = _joined_at(counted, region)
        stays = _joined_at(limit, region)
        begin = _the_one(entered, key) if key is not None else None
        end = _the_one(entered, stays) if stays is not None else limit
        if key is None or begin is None or end is None or after[key][0] != counted[0]:
            continue
        by, apart = after[key][1], _apart(regions, end, begin)
        if apart is None:
            continue
        turns, rest = divmod(apart - counted[1], by) if by else (0, 1)
        return turns + 1 if rest == 0 and turns >= 0 else None
    return None


def _apart(
    regions: Sequence[Region], one: Address, other: Address, asked: frozenset[tuple[object, object]] = frozenset()
) -> int | None:
    """How far one value lies behind another, where that is always the same: compilers carry the begin and the end of an
    inner loop through the outer one, both moved on alike."""
    if one[0] == other[0]:
        return one[1] - other[1]
    pair = (one[0], other[0])
    if not (_is_join(one[0]) and _is_join(other[0]) and one[0][1] == other[0][1]) or pair in asked:
        return None
    found: set[int | None] = set()
    for before in regions[one[0][1]].before:
        held = regions[before].leaves()
        first, second = held.get(one[0][2]), held.get(other[0][2])
        if first is None or second is None:
            return None
        if (first[0], second[0]) != pair:
            found.add(_apart(regions, first, second, asked | {pair}))
        elif first[1] != second[1]:
            return None
    apart = found.pop() if len(found) == 1 else None
    return None if apart is None else apart + one[1] - other[1]


def _is_join(base: object) -> TypeGuard[tuple[str, int, object]]:
    return isinstance(base, tuple) and len(base) == 3 and base[0] == "join"


def _joined_at(value: Address, region: Region) -> object | None:
    """The register or slot that a value is counted from, if that holds something else on each turn of the region."""
    base = value[0]
    return base[2] if _is_join(base) and base[1] == region.index else None


def _the_one(states: Sequence[Mapping[object, Address]], key: object) -> Address | None:
    values = {state.get(key) for state in states}
    return values.pop() if len(values) == 1 else None


def _compared(lines: Sequence[Line], state: Mapping[object, Address]) -> tuple[Address, Address] | None:
    """The two values that a region's last jump asks to be equal, or one less than the other, as they are at its end."""
    if not lines or lines[-1].mnemonic not in ("jne", "jb", "jl", "jg", "ja", "jle", "jbe"):
        return None
    for line in reversed(lines[:-1]):
        if line.mnemonic.startswith("cmp"):
            one, other = (_held(operand, state) for operand in line.operands)
            return (one, other) if one is not None and other is not None else None
        if line.mnemonic[:3] in ("sub", "add") and len(line.operands) == 2 and lines[-1].mnemonic == "jne":
            held = _held(line.operands[1], state)
            return (held, (NUMBER, 0)) if held is not None else None
        if not line.mnemonic.startswith(("mov", "lea")) and line.note is None:
            return None
    return None


# --- loops


def _loops(regions: Sequence[Region]) -> Iterator[Loop]:
    """Natural loops: what can go back to a region that all ways to it lead through."""
    dominators = _dominators(regions)
    found: dict[int, set[int]] = {}
    for region in regions:
        for head in region.to:
            if head in dominators[region.index]:
                found.setdefault(head, {head}).update(_body(regions, head, region.index))
    yield from (Loop(head, frozenset(body)) for head, body in sorted(found.items(), key=lambda item: len(item[1])))


def _body(regions: Sequence[Region], head: int, latch: int) -> set[int]:
    body, waiting = {head}, [latch]
    while waiting:
        region = waiting.pop()
        if region not in body:
            body.add(region)
            waiting += regions[region].before
    return body


def _dominators(regions: Sequence[Region]) -> list[set[int]]:
    everything = set(range(len(regions)))
    of = [{0} if region.index == 0 else set(everything) for region in regions]
    changes = True
    while changes:
        changes = False
        for region in regions[1:]:
            now = set.intersection(*(of[other] for other in region.before)) if region.before else set()
            now.add(region.index)
            changes |= now != of[region.index]
            of[region.index] = now
    return of


# --- addresses

_MEMORY = re.compile(r"([^(]*)\((?:%(\w+))?(?:,%(\w+)(?:,(\d+))?)?\)")
_NUMBER = re.compile(r"-?(?:0x[0-9a-f]+|\d+)\Z")
_CLOBBERED = ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", *(f"xmm{n}" for n in range(16)))
_LOW = {"ax": "rax", "bx": "rbx", "cx": "rcx", "dx": "rdx", "si": "rsi", "di": "rdi", "bp": "rbp", "sp": "rsp"}
_WHOLE = {
    **{f"{prefix}{low}": whole for low, whole in _LOW.items() for prefix in ("", "e", "r")},
    **{f"{low[0]}l": whole for low, whole in _LOW.items() if low[1] == "x"},
    **{f"{low[0]}h": whole for low, whole in _LOW.items() if low[1] == "x"},
    **{f"{low}l": whole for low, whole in _LOW.items() if low[1] != "x"},
    **{f"r{n}{suffix}": f"r{n}" for n in range(8, 16) for suffix in ("", "d", "w", "b")},
}


def register(operand: str) -> str | None:
    """The whole register that an operand is of; None where it is none."""
    if not operand.startswith("%"):
        return None
    name = operand[1:]
    return _WHOLE.get(name, name)


def address(operand: str, state: Mapping[object, Address]) -> Address | None:
    """Of an operand in memory; None where it is no such."""
    found = _MEMORY.fullmatch(operand)
    if found is None:
        return None
    displacement, base, index, scale = found.groups()
    if base == "rip":
        return (displacement, 0)
    if displacement and not _NUMBER.match(displacement):
        return ((displacement, base, index), 0)
    offset = int(displacement, 0) if displacement else 0
    start = state.get(_WHOLE.get(base, base), (("unknown", base), 0)) if base else ("nothing", 0)
    if index is None:
        return (start[0], start[1] + offset)
    by = _times(state.get(_WHOLE.get(index, index), (("unknown", index), 0)), int(scale or 1))
    total = _sum(start, by)
    return (total[0], total[1] + offset)


def _times(value: Address, factor: int) -> Address:
    base = value[0] if value[0] == NUMBER or factor == 1 else ("times", value[0], factor)
    return (base, value[1] * factor)


def _sum(one: Address, other: Address) -> Address:
    """Numbers count as bytes; what else is added up has no order."""
    terms = _terms(one) + _terms(other)
    offset = one[1] + other[1]
    if not terms:
        return (NUMBER, offset)
    if len(terms) == 1:
        return (terms[0], offset)
    return (("sum", frozenset(Counter(terms).items())), offset)


def _terms(value: Address) -> list[object]:
    base = value[0]
    if isinstance(base, tuple) and len(base) == 2 and base[0] == "sum":
        return [term for term, times in base[1] for _ in range(times)]
    return [] if base == NUMBER else [base]


def step(line: Line, name: object, state: dict[object, Address]) -> None:
    """What the registers and the stack's slots hold after a line that is called `name`."""
    mnemonic, operands = line.mnemonic, line.operands
    if mnemonic.startswith("call"):
        for clobbered in _CLOBBERED:
            state[clobbered] = ((name, clobbered), 0)
    elif mnemonic.startswith("push"):
        _move_stack(state, -8)
    elif mnemonic.startswith("pop"):
        _move_stack(state, 8)
        _set(operands[0], ((name,), 0), state)
    elif not operands or mnemonic.startswith(("cmp", "test", "j", "ucomi", "comi", "nop")):
        return
    elif mnemonic.startswith("xor") and len(operands) == 2 and operands[0] == operands[1]:
        _set(operands[1], (NUMBER, 0), state)
    elif mnemonic.startswith("and") and operands[-1] == "%rsp":
        state["rsp"] = (STACK, _ALIGNED)
    elif mnemonic.startswith("lea"):
        _set(operands[1], address(operands[0], state) or ((name,), 0), state)
    elif mnemonic in ("mov", "movq", "movl", "movabsq") and len(operands) == 2:
        _set(operands[1], _held(operands[0], state) or ((name,), 0), state)
    elif mnemonic[:3] in ("add", "sub") and len(operands) == 2:
        held, by = _held(operands[1], state), _held(operands[0], state)
        is_sum = held is not None and by is not None and (mnemonic.startswith("add") or by[0] == NUMBER)
        sign = 1 if mnemonic.startswith("add") else -1
        _set(operands[1], _sum(held, (by[0], sign * by[1])) if is_sum and held and by else ((name,), 0), state)
    else:
        _set(operands[-1], ((name,), 0), state)


def _move_stack(state: dict[object, Address], by: int) -> None:
    base, offset = state["rsp"]
    state["rsp"] = (base, offset + by)


def _held(operand: str, state: Mapping[object, Address]) -> Address | None:
    if operand.startswith("$") and _NUMBER.match(operand[1:]):
        return (NUMBER, int(operand[1:], 0))
    whole = register(operand)
    if whole is not None:
        return state.get(whole)
    at = address(operand, state)
    return state.get(at) if at is not None and at[0] == STACK else None


def _set(operand: str, value: Address, state: dict[object, Address]) -> None:
    whole = register(operand)
    if whole is not None:
        state[whole] = value
        return
    at = address(operand, state)
    if at is not None and at[0] == STACK:
        state[at] = value


def _hold(regions: Sequence[Region]) -> None:
    """Fill in `entry`: the same on all ways to a region, or what the region itself gives a name to. A round takes it
    that a loop changes nothing, and the next one knows better."""
    order = _in_order(regions)
    joins: set[tuple[int, object]] = set()
    while True:
        leaves: dict[int, dict[object, Address]] = {}
        for index in order:
            regions[index].entry = _entry(regions[index], leaves, joins)
            leaves[index] = regions[index].leaves()
        found = {(index, key) for index in order for key in _changed(regions[index], leaves)}
        if found <= joins:
            return
        joins |= found


def _entry(
    region: Region, leaves: Mapping[int, Mapping[object, Address]], joins: set[tuple[int, object]]
) -> dict[object, Address]:
    states = [leaves[before] for before in region.before if before in leaves]
    if region.index == 0:
        states.insert(0, {name: (("argument", name), 0) for name in _WHOLE.values()} | {"rsp": (STACK, 0)})
    entry: dict[object, Address] = {}
    for key, value in states[0].items():
        if (region.index, key) in joins or any(state.get(key) != value for state in states[1:]):
            entry[key] = (("join", region.index, key), 0)
        else:
            entry[key] = value
    return entry


def _changed(region: Region, leaves: Mapping[int, Mapping[object, Address]]) -> Iterator[object]:
    """What comes in otherwise on some way, and has no name of its own yet."""
    for before in region.before:
        if before in leaves:
            state = leaves[before]
            yield from (key for key, value in region.entry.items() if state.get(key) != value)


def _in_order(regions: Sequence[Region]) -> list[int]:
    """Each region behind all that it can be reached from but by going back."""
    order: list[int] = []
    seen = {0}
    stack = [(0, iter(regions[0].to))]
    while stack:
        index, followers = stack[-1]
        follower = next((one for one in followers if one not in seen), None)
        if follower is None:
            order.append(index)
            stack.pop()
        else:
            seen.add(follower)
            stack.append((follower, iter(regions[follower].to)))
    return order[::-1]
