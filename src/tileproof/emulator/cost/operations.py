"""What a region of tile code issues on a core: operations with what each waits for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from tileproof.diagnostic import Place
from tileproof.emulator.cost import machine
from tileproof.emulator.cost.flow import NUMBER, STACK, Address, Region, address, register, step
from tileproof.emulator.cost.listing import Function, Line, Note
from tileproof.emulator.cost.machine import Instruction, Library, Slot

_VECTOR_BYTES = 16
_WITHOUT_A_RESULT = ("push", "nop", "j", "ret", "cmp", "test", "ud2", "leave", "ucomi", "comi")
_Accesses = dict[object, list[tuple[int, int, int]]]  # by what they are counted from: offset, bytes, node
_ARGUMENTS = ("rdi", "rsi", "rdx", "rcx", "r8", "r9")


@dataclass(slots=True)
class Wait:
    """An operation waits for another's result: `cycles` from issue to issue; `turns` back in a loop."""

    on: int
    cycles: int
    turns: int = 0


@dataclass(slots=True)
class Operation:
    """`count` instructions alike. One that comes with a load or a store has no slot of its own left: `count` is 0.
    `unit` is the load unit that must do it, A or B; empty where both can. `nbytes` are those of memory that it loads or
    stores, `macs` the products that it makes."""

    instruction: Instruction
    count: int
    place: Place
    waits: list[Wait] = field(default_factory=list)
    nbytes: int = 0
    unit: str = ""
    macs: int = 0

    @property
    def result_after(self) -> int:
        return max(self.count - 1, 0)


@dataclass(slots=True)
class Operations:
    """Of one region: the operations, calls of other tile functions, and of the compiler's library. `sums_in_memory` are
    loaded and stored by each operation on them."""

    all: list[Operation] = field(default_factory=list)
    calls: int = 0
    libraries: list[tuple[Library, Place]] = field(default_factory=list)
    sums_in_memory: int = 0


class Program:
    """The functions of all listings, by name."""

    def __init__(self, functions: Sequence[Function], aliases: Mapping[str, str], port_bytes: int) -> None:
        self._functions = {function.name: function for function in functions}
        self._aliases = aliases
        self.port_bytes = port_bytes
        self.instructions = machine.instructions_of(port_bytes)
        self._notes: dict[str, tuple[Note, ...]] = {}

    def function(self, name: str) -> Function | None:
        while name in self._aliases and name not in self._functions:
            name = self._aliases[name]
        return self._functions.get(name)

    def notes(self, name: str) -> tuple[Note, ...]:
        """What a call of one of our own functions issues: its own notes, and those of what it calls."""
        if name not in self._notes:
            self._notes[name] = ()  # for one that calls itself
            function = self.function(name)
            if function is not None:
                self._notes[name] = tuple(self._within(function))
        return self._notes[name]

    def _within(self, function: Function) -> list[Note]:
        found: list[Note] = []
        for block in function.blocks:
            for line in block.lines:
                if line.note is not None:
                    found.append(line.note)
                elif line.mnemonic.startswith("call"):
                    called = self.function(line.target)
                    if called is not None and called.is_own:
                        found += self.notes(line.target)
        return found


def operations_of(
    region: Region, program: Program, *, turns: int = 1, has_registers_for_all: bool = False
) -> Operations:
    """Those of `turns` runs of the region, one after the other; of the last one alone, where it waits for earlier ones
    `turns` says how far back. `has_registers_for_all` is as if every sum had one."""
    reader = _Reader(region, program, has_registers_for_all=has_registers_for_all)
    for _ in range(turns):
        reader.run()
    return reader.last()


class _Reader:
    def __init__(self, region: Region, program: Program, *, has_registers_for_all: bool) -> None:
        self._has_registers_for_all = has_registers_for_all
        self._region, self._program = region, program
        self._nodes: list[Operation] = []
        self._waits: list[list[tuple[int, bool]]] = []  # of each node: on which others, and whether as an accumulator
        self._made: dict[object, frozenset[int]] = {}  # by registers, by slots and by 16 bytes of memory
        self._loaded: _Accesses = {}
        self._stored: _Accesses = {}
        self._state: dict[object, Address] = dict(region.entry)
        self._begin = 0
        self._kept: int | None = None  # what last stored a sum that lies in memory, also in an earlier turn
        self._calls, self._libraries, self._sums_in_memory = 0, list[tuple[Library, Place]](), 0

    # --- a run

    def run(self) -> None:
        self._begin = len(self._nodes)
        self._calls, self._libraries, self._sums_in_memory = 0, [], 0
        self._state = dict(self._region.entry)
        self._loaded, self._stored = {}, {}
        for number, line in enumerate(self._region.lines):
            self._take(line)
            step(line, (self._region.index, number), self._state)

    def last(self) -> Operations:
        length = len(self._nodes) - self._begin
        for number in range(self._begin, len(self._nodes)):
            node = self._nodes[number]
            node.waits = [
                Wait(on % length, self._cycles(on, node, as_accumulator), (number // length) - (on // length))
                for on, as_accumulator in self._waits[number]
            ]
        nodes = _in_order(self._nodes[self._begin :])
        found = Operations(nodes, self._calls, self._libraries, self._sums_in_memory)
        _leave_out_addresses(found.all)
        _join_loads_and_stores(found.all)
        return found

    def _cycles(self, on: int, node: Operation, as_accumulator: bool) -> int:
        """Several instructions add to several parts of an accumulator, which as many others take up one by one."""
        producer = self._nodes[on]
        last = max(producer.result_after - (node.result_after if as_accumulator else 0), 0)
        return node.instruction.after(producer.instruction, as_accumulator=as_accumulator) + last

    def _take(self, line: Line) -> None:
        mnemonic = line.mnemonic
        if line.note is not None:
            self._issue(line.note, line, frozenset())
        elif mnemonic.startswith("call") or (mnemonic == "jmp" and self._program.function(line.target) is not None):
            self._call(line)
        elif mnemonic.startswith(_WITHOUT_A_RESULT):
            return
        elif mnemonic.startswith(("lea", "pop")):
            self._write(line.operands[-1], self._added_up(line) if mnemonic.startswith("lea") else frozenset())
        elif mnemonic.startswith(("mov", "cvtdq2", "cvtps2")) or mnemonic in ("cltq", "cltd", "cqto", "cwtl"):
            self._move(line)
        else:
            self._compute(line)

    def _added_up(self, line: Line) -> frozenset[int]:
        """An address, or a sum that is computed as one."""
        names = re.findall(r"%\w+", line.operands[0])
        used = frozenset[int]().union(*(self._read(name, 8) for name in names))
        if line.is_own or not used:
            return used
        return frozenset({self._add(Operation(machine.SCALAR, 1, line.place), [(on, False) for on in used])})

    # --- calls

    def _call(self, line: Line) -> None:
        name = line.target
        if name.startswith("__asan_"):
            self._access(name, line)
        elif (called := self._program.function(name)) is not None and called.is_own:
            self._operation(name, line)
        elif name in _LIBRARY:
            self._libraries.append((_LIBRARY[name], line.place))
            self._made["rax"] = frozenset()
        else:
            self._calls += 1
            self._made["rax"] = self._made["xmm0"] = frozenset()

    def _operation(self, name: str, line: Line) -> None:
        """Its instructions, each after the one before it."""
        before: frozenset[int] = frozenset()
        for note in self._program.notes(name):
            before = self._issue(note, line, before)
        self._made["rax"] = before

    def _issue(self, note: Note, line: Line, before: frozenset[int]) -> frozenset[int]:
        instruction = self._program.instructions[note.instruction]
        waits = [(on, False) for on in before]
        sums = set(note.writes) & set(note.reads) or set(note.reads[:1])
        for argument in note.reads:
            is_sum = instruction.accumulator is not None and argument in sums
            waits += ((on, is_sum) for on in self._at(argument, note.nbytes))
        if instruction is machine.GROW and all(self._nodes[on].instruction is machine.GROW for on, _ in waits):
            return before
        kept = [argument for argument in sums & set(note.writes) if self._is_in_memory(argument)]
        self._sums_in_memory += len(kept)
        waits += ((self._loads_sum(line), True) for _ in kept)
        if instruction is machine.COPY:
            made = frozenset(on for on, _ in waits)
        else:
            made = frozenset({self._add(Operation(instruction, note.count, line.place, macs=note.macs), waits)})
        for argument in note.writes:
            self._put(argument, note.nbytes, made)
        for _ in kept:
            self._stores_sum(line, made)
        return made

    def _is_in_memory(self, argument: int) -> bool:
        """Whether a sum has no register: one of an array whose index is known at run time only."""
        base, _ = self._state.get(_ARGUMENTS[argument], (STACK, 0))
        if self._has_registers_for_all:
            return False
        return base != STACK and not (isinstance(base, tuple) and base[0] == "argument")

    def _loads_sum(self, line: Line) -> int:
        """By the unit that loads accumulators. A compiler does not know that it is another than was stored last."""
        nbytes = machine.ACCUMULATOR_BYTES[self._program.port_bytes]
        loads = Operation(machine.LOAD, nbytes // self._program.port_bytes, line.place, nbytes=nbytes, unit="A")
        return self._add(loads, [] if self._kept is None else [(self._kept, False)])

    def _stores_sum(self, line: Line, made: frozenset[int]) -> None:
        nbytes = machine.ACCUMULATOR_BYTES[self._program.port_bytes]
        operation = Operation(machine.STORE, nbytes // self._program.port_bytes, line.place, nbytes=nbytes)
        self._kept = self._add(operation, [(on, False) for on in made])

    def _at(self, argument: int, nbytes: int) -> frozenset[int]:
        """What made the register that an argument is the address of; of a scalar, what made that."""
        held = self._state.get(_ARGUMENTS[argument])
        if held is None:
            return frozenset()
        found = (self._made.get(granule, frozenset()) for granule in _granules(held, max(nbytes, 1)))
        return frozenset().union(*found)

    def _put(self, argument: int, nbytes: int, made: frozenset[int]) -> None:
        held = self._state.get(_ARGUMENTS[argument])
        if held is not None:
            for granule in _granules(held, max(nbytes, 1)):
                self._made[granule] = made

    def _access(self, name: str, line: Line) -> None:
        """A load or store of the tile code, of 16 bytes and more by a vector unit's port."""
        held = self._state.get("rdi", (("unknown",), 0))
        if held[0] == STACK:  # what has a place in the frame that the text knows is in a register on a core
            return
        size = name.removeprefix("__asan_").removeprefix("load").removeprefix("store").partition("_")[0]
        nbytes = int(size) if size.isdigit() else self._constant("rsi")
        count = -(-nbytes // self._program.port_bytes) if nbytes >= _VECTOR_BYTES else 1
        is_load = "load" in name
        instruction = machine.LOAD if is_load else machine.STORE
        node = self._add(Operation(instruction, count, line.place, nbytes=nbytes), [])
        if is_load:
            self._loaded.setdefault(held[0], []).append((held[1], nbytes, node))
        else:
            self._stored.setdefault(held[0], []).append((held[1], nbytes, node))
            if nbytes < 4:  # a partial word is read first, on load unit A (llvm-aie, II_STHB)
                self._add(Operation(machine.LOAD, 1, line.place), [])

    def _constant(self, name: str) -> int:
        """The number that the tile code has put into a register, which is a size."""
        base, offset = self._state.get(name, (None, 0))
        return offset if base == NUMBER else _VECTOR_BYTES

    def _add(self, operation: Operation, waits: Sequence[tuple[int, bool]]) -> int:
        self._nodes.append(operation)
        self._waits.append(list(waits))
        return len(self._nodes) - 1

    # --- this machine's own instructions

    def _move(self, line: Line) -> None:
        if len(line.operands) < 2:
            return
        nbytes = 16 if line.operands[0].startswith("%xmm") or line.operands[-1].startswith("%xmm") else 8
        self._write(line.operands[-1], self._read(line.operands[0], nbytes), nbytes)

    def _compute(self, line: Line) -> None:
        """Scalar arithmetic. Where a number is added it is mostly an address or a count, which cost nothing here: a
        load or store moves the one, and the hardware's loop the other."""
        operands, mnemonic = line.operands, line.mnemonic
        if not operands or line.is_own:
            if operands:
                self._write(operands[-1], frozenset())
            return
        used = frozenset[int]().union(*(self._read(operand, 8) for operand in operands))
        if library := _soft(mnemonic):
            self._libraries.append((library, line.place))
            self._write(operands[-1], frozenset())
            return
        is_free = operands[0].startswith("$") and mnemonic.startswith(("add", "sub", "and", "sal", "shl"))
        is_zero = mnemonic.startswith(("xor", "pxor")) and len(operands) == 2 and operands[0] == operands[1]
        if is_free or is_zero or operands[-1] == "%rsp" or _is_address_of_shadow(operands):
            self._write(operands[-1], frozenset() if is_zero else used)
            return
        instruction = machine.SCALAR_MULTIPLY if mnemonic.startswith("imul") else machine.SCALAR
        node = self._add(Operation(instruction, 1, line.place), [(on, False) for on in used])
        self._write(operands[-1], frozenset({node}))

    def _read(self, operand: str, nbytes: int) -> frozenset[int]:
        whole = register(operand)
        if whole is not None:
            return self._made.get(whole, frozenset())
        at = address(operand, self._state)
        if at is None:
            return frozenset()
        loaded = _latest(self._loaded, at)
        if loaded is not None:
            return frozenset({loaded})
        if nbytes < 16:
            return self._made.get(at, frozenset())
        return frozenset[int]().union(*(self._made.get(granule, frozenset()) for granule in _granules(at, nbytes)))

    def _write(self, operand: str, made: frozenset[int], nbytes: int = 8) -> None:
        whole = register(operand)
        if whole is not None:
            self._made[whole] = made
            return
        at = address(operand, self._state)
        if at is None:
            return
        stored = _latest(self._stored, at)
        if stored is not None:
            self._waits[stored] += ((on, False) for on in made if (on, False) not in self._waits[stored])
        if at[0] == STACK or nbytes >= 16:
            for granule in _granules(at, nbytes) if nbytes >= 16 else (at,):
                self._made[granule] = made


def _latest(accesses: _Accesses, at: Address) -> int | None:
    """The last one that the address lies in."""
    backwards = reversed(accesses.get(at[0], []))
    return next((node for offset, nbytes, node in backwards if offset <= at[1] < offset + nbytes), None)


def _granules(at: Address, nbytes: int) -> list[object]:
    base, offset = at
    return [("bytes", base, part) for part in range(offset // 16, (offset + nbytes - 1) // 16 + 1)]


def _is_address_of_shadow(operands: Sequence[str]) -> bool:
    """2147450880(%rdi): the checks mark the stack there."""
    return any(operand.startswith("2147") and "(" in operand for operand in operands)


def _soft(mnemonic: str) -> Library | None:
    for begin, library in _SOFT.items():
        if mnemonic.startswith(begin):
            return library
    return None


# What this machine does in one instruction and a core calls its library for.
_SOFT = {
    "addss": machine.SOFT_FLOAT_ADD,
    "subss": machine.SOFT_FLOAT_ADD,
    "mulss": machine.SOFT_FLOAT_MULTIPLY,
    "divss": machine.SOFT_FLOAT_DIVIDE,
    "sqrtss": machine.SOFT_FLOAT_DIVIDE,
    "cvtsi2ss": machine.SOFT_FLOAT_CONVERT,
    "cvttss2si": machine.SOFT_FLOAT_CONVERT,
    "ucomiss": machine.SOFT_FLOAT_COMPARE,
    "comiss": machine.SOFT_FLOAT_COMPARE,
    "idiv": machine.DIVIDE,
    "div": machine.DIVIDE,
}
_LIBRARY = {"__divti3": machine.DIVIDE, "expf": machine.SOFT_FLOAT_DIVIDE, "sqrtf": machine.SOFT_FLOAT_DIVIDE}


def _users(operations: Sequence[Operation], *, within_a_turn: bool = False) -> dict[int, list[int]]:
    """Of each operation, who waits for it."""
    users: dict[int, list[int]] = {}
    for number, operation in enumerate(operations):
        for wait in operation.waits:
            if not (within_a_turn and wait.turns):
                users.setdefault(wait.on, []).append(number)
    return users


def _in_order(operations: Sequence[Operation]) -> list[Operation]:
    """Each behind all that it waits for in the same turn: a store is noted before what it stores is known."""
    users = _users(operations, within_a_turn=True)
    missing = [sum(not wait.turns for wait in operation.waits) for operation in operations]
    ready = [number for number, count in enumerate(missing) if not count]
    order = []
    while ready:
        number = heappop(ready)
        order.append(number)
        for user in users.get(number, ()):
            missing[user] -= 1
            if not missing[user]:
                heappush(ready, user)
    order += sorted(set(range(len(operations))) - set(order))
    at = {number: index for index, number in enumerate(order)}
    for operation in operations:
        for wait in operation.waits:
            wait.on = at[wait.on]
    return [operations[number] for number in order]


def _leave_out_addresses(operations: Sequence[Operation]) -> None:
    """Scalar arithmetic that no data goes into and none comes out of moves addresses and counts turns: loads and stores
    do the one by themselves, in up to three dimensions, and the hardware's loops the other."""
    is_scalar = [operation.instruction.slot is Slot.SCALAR for operation in operations]
    used = {wait.on for number, operation in enumerate(operations) if not is_scalar[number] for wait in operation.waits}
    has_data = [not scalar for scalar in is_scalar]
    for _ in range(2):  # once more for what comes round a loop
        for number, operation in enumerate(operations):
            has_data[number] |= any(has_data[wait.on] for wait in operation.waits)
    for number, operation in enumerate(operations):
        if is_scalar[number] and not has_data[number] and number not in used:
            operation.count = 0


def _join_loads_and_stores(operations: Sequence[Operation]) -> None:
    """UPS and widening come with the load before them, SRS and narrowing with the store after them, where nothing else
    uses the value between."""
    users = _users(operations)
    for number, operation in enumerate(operations):
        name = operation.instruction.name
        if name in machine.WITH_A_LOAD and operation.waits:
            makers = [operations[wait.on] for wait in operation.waits]
            if all(
                maker.instruction is machine.LOAD and users[wait.on] == [number]
                for maker, wait in zip(makers, operation.waits, strict=True)
            ):
                operation.count = 0
                for maker in makers:
                    maker.unit = machine.WITH_A_LOAD[name]
        elif name in machine.WITH_A_STORE and users.get(number):
            stores = [operations[user] for user in users[number]]
            if all(store.instruction is machine.STORE for store in stores):
                stores[0].count = max(stores[0].count, operation.count)
                operation.count = 0
