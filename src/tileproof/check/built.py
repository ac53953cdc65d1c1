"""What was built, held against XRT, its driver and the firmware, without the design that it was made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tileproof.check.checked import BuiltFile
from tileproof.check.finding import finding
from tileproof.check.pair import mixed_pair
from tileproof.device_model import GENERATIONS
from tileproof.diagnostic import Diagnostic, Place
from tileproof.diagnostic.checks import CHECKS
from tileproof.insts import PatchBd, decode, npu_actions
from tileproof.insts.actions import Action, PatchElsewhere
from tileproof.insts.shim import PATCHED_BY_FIRMWARE
from tileproof.xclbin import Xclbin, read_xclbin
from tileproof.xclbin.arguments import Kernel, call_of, npu_kernels
from tileproof.xclbin.description import Description, describe
from tileproof.xclbin.sections import Connection, parse_connectivity, parse_ip_layout
from tileproof.xrt import FIRST_BUFFER, INSTRUCTIONS

# What can be known without the design; a pair's other checks need it.
CHECKED = tuple(check for check in CHECKS if check.id >= "TP703")
_NIL = "00000000-0000-0000-0000-000000000000"
# IP_LAYOUT has 12 bits for a kernel's id (xclbin.h, ps_kernel); EMBEDDED_METADATA and AIE_PARTITION have all of it.
_IP_LAYOUT_ID = 0xFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class _Built:
    """An xclbin and what it says, and the actions of instructions, if they were given, with their device."""

    file: BuiltFile
    xclbin: Xclbin
    said: Description
    insts: BuiltFile | None
    actions: tuple[Action, ...]
    insts_device: str | None

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return npu_kernels(self.said.kernels)

    @property
    def place(self) -> Place:
        return Place.of_file(self.file.name)

    @property
    def target(self) -> str | None:
        """The generation it was built for, if anything says so."""
        return self.said.provenance.target if self.said.provenance else self.insts_device


def check_built(xclbin: BuiltFile, insts: BuiltFile | None = None) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with an xclbin, and with the instructions that are to run with it.

    Raises `Problem` for a file that cannot be read as what it is said to be.
    """
    stream = None if insts is None else decode(insts.data, insts.name)
    built = _Built(
        file=xclbin,
        xclbin=read_xclbin(xclbin.data, xclbin.name),
        said=describe(xclbin.data, xclbin.name),
        insts=insts,
        actions=() if stream is None else npu_actions(stream),
        insts_device=None if stream is None else stream.device,
    )
    return tuple(dict.fromkeys(found for check in _CHECKS for found in check(built)))


# The xclbin


def _uuids(built: _Built) -> Iterator[Diagnostic]:
    """XRT and the driver know an xclbin by its uuid, and the firmware a PDI by its own."""
    if built.said.uuid == _NIL:
        yield finding("TP704", f"{built.file.name} has the nil uuid", built.place, "its header has zeros for it")
    for uuid, count in Counter(pdi.uuid for pdi in built.said.pdis).items():
        if count > 1:
            yield finding("TP704", f"{count} PDIs have one uuid", built.place, f"it is {uuid}")
        if uuid == _NIL:
            yield finding("TP704", "a PDI has the nil uuid", built.place, "AIE_PARTITION has zeros for it")


def _metadata(built: _Built) -> Iterator[Diagnostic]:
    if not built.said.kernels:
        sections = ", ".join(section.kind for section in built.said.sections) or "none"
        yield finding("TP705", f"{built.file.name} has no kernel", built.place, f"its sections: {sections}")


def _kernel_ids(built: _Built) -> Iterator[Diagnostic]:
    """The id in EMBEDDED_METADATA leads to a PDI. Two kernels of one id share its PDI, which AMD's own xclbins do; but
    of two PDIs of one id the shim only ever takes the first."""
    served = Counter(number for pdi in built.said.pdis for number in set(pdi.kernel_ids))
    for served_id, count in served.items():
        if count > 1:
            yield finding("TP706", f"{count} PDIs serve one kernel id", built.place, f"it is 0x{served_id:x}")
    for kernel in built.kernels:
        number = kernel.kernel_id
        if number is None:
            yield finding("TP706", f"kernel {kernel.name} has no id", built.place, "its metadata gives it none")
            continue
        if number not in served:
            there = ", ".join(f"0x{one:x}" for one in served) or "none"
            why = f"its id is 0x{number:x}, and the PDIs serve {there}"
            yield finding("TP706", f"no PDI serves kernel {kernel.name}", built.place, why)
        yield from _ip_layout(built, kernel, number)


def _ip_layout(built: _Built, kernel: Kernel, number: int) -> Iterator[Diagnostic]:
    """It has the same id for each instance of the kernel, as far as its bits reach."""
    section = built.xclbin.section("IP_LAYOUT")
    units = {unit.name: unit.kernel_id for unit in (parse_ip_layout(section, built.file.name) if section else ())}
    for instance in kernel.instances:
        unit = f"{kernel.name}:{instance}"
        if units.get(unit) != number & _IP_LAYOUT_ID:
            layout = f"0x{units[unit]:x}" if unit in units else "nothing"
            why = f"EMBEDDED_METADATA has 0x{number:x} for it, and IP_LAYOUT has {layout}"
            yield finding("TP706", f"IP_LAYOUT does not agree about {unit}", built.place, why)


def _connectivity(built: _Built) -> Iterator[Diagnostic]:
    """Each buffer reaches a bank that is there, and each row of the table is for an argument that is there."""
    for kernel in built.kernels:
        for argument in kernel.arguments:
            if argument.kind != "buffer":
                continue
            of_kernel = f"argument {argument.index} ({argument.name}) of {kernel.name}"
            if argument.bank is None:
                group = argument.group_id(1)
                why = f"it is a buffer, and no row of CONNECTIVITY names it: its group id is {group}, as of a scalar"
                yield finding("TP707", f"{of_kernel} reaches no bank", built.place, why)
            elif argument.bank_tag is None:
                why = f"CONNECTIVITY says bank {argument.bank}, and there are {len(built.said.banks)}"
                yield finding("TP707", f"{of_kernel} reaches a bank that is not there", built.place, why)
    known = {argument.index for kernel in built.said.kernels for argument in kernel.arguments}
    stray = sorted({row.arg_index for row in _connections(built)} - known) if known else []
    if stray:
        why = f"CONNECTIVITY names {', '.join(map(str, stray))}, and the kernel has {len(known)} arguments"
        yield finding("TP707", "more buffers are connected than the kernel has arguments", built.place, why)


def _connections(built: _Built) -> tuple[Connection, ...]:
    sections = (built.xclbin.section(kind) for kind in ("CONNECTIVITY", "GROUP_CONNECTIVITY"))
    return tuple(row for section in sections if section for row in parse_connectivity(section, built.file.name))


def _partition(built: _Built) -> Iterator[Diagnostic]:
    """The columns find room on the array, and there is something to load. Where they begin is the driver's to say: it
    takes what is free, whatever AIE_PARTITION lists (aie2_ctx.c), and counts an npu1 from column 1 (npu1_regs.c)."""
    said = built.said
    if not said.columns:
        yield finding("TP708", f"{built.file.name} has no partition", built.place, "it has no columns in AIE_PARTITION")
    elif not said.start_columns:
        why = f"it takes {said.columns}, and AIE_PARTITION lists no column to begin at"
        yield finding("TP708", "the partition can begin nowhere", built.place, why)
    its = GENERATIONS.get(built.target or "")
    array = its.columns if its is not None else max(one.columns for one in GENERATIONS.values())
    if said.columns > array:
        whose = "the widest NPU has" if its is None else f"{its.name} has"
        why = f"it takes {said.columns} columns, and {whose} {array}"
        yield finding("TP708", "the partition is wider than the array", built.place, why)
    if said.columns and not said.pdis:
        yield finding("TP709", "the partition has no PDI", built.place, "there is nothing to load into the array")
    for pdi in said.pdis:
        if pdi.nbytes == 0:
            yield finding("TP709", "a PDI is empty", built.place, f"PDI {pdi.uuid} has 0 bytes")


# The instructions that are to run with it


def _generation(built: _Built) -> Iterator[Diagnostic]:
    made_for = built.said.provenance.target if built.said.provenance else None
    if built.insts is None or made_for is None or built.insts_device == made_for:
        return
    why = f"{built.file.name} was built for {made_for}, and the header of {built.insts.name} says {built.insts_device}"
    yield finding("TP710", "the two are for different NPUs", built.place, why)


def _patched(built: _Built) -> Iterator[Diagnostic]:
    """The host gives every argument whose address the instructions need, and the firmware reaches it."""
    if built.insts is None:
        return
    place = Place.of_file(built.insts.name)
    patches = [action for action in built.actions if isinstance(action, PatchBd | PatchElsewhere)]
    # How patches count arguments is known of kernels like mlir-aie's, whose buffers begin at 3.
    alike = [kernel for kernel in built.kernels if call_of(kernel).instructions == INSTRUCTIONS]
    taken = max((len(kernel.arguments) for kernel in alike), default=0)
    for patch in patches:
        index = patch.argument + FIRST_BUFFER
        if taken and index >= taken:
            why = f"word {patch.word} wants the address of argument {index}, and {built.file.name} has 0 to {taken - 1}"
            yield finding("TP711", "an instruction patches an argument that is not there", place, why)
        elif isinstance(patch, PatchBd) and patch.argument >= PATCHED_BY_FIRMWARE and not patch.has_aperture:
            why = f"word {patch.word} patches argument {index} without 0x80000000, the aperture of host memory"
            yield finding("TP712", "firmware may not reach a buffer beyond the fifth", place, why)


def _pair(built: _Built) -> Iterator[Diagnostic]:
    if built.insts is not None:
        yield from mixed_pair(built.file, built.insts, built.place)


_CHECKS = (_uuids, _metadata, _kernel_ids, _connectivity, _partition, _generation, _patched, _pair)
