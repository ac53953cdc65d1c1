"""What differs between two xclbins, in words, and whether XRT or a host could behave differently for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tileproof.xclbin.arguments import Argument, Kernel
from tileproof.xclbin.container import read_xclbin
from tileproof.xclbin.description import Description, describe

_IMAGE = "what the array computes; XRT knows nothing of it"
# Sections whose contents are compared part by part below, or that repeat them.
_DESCRIBED = frozenset(
    {
        *("MEM_TOPOLOGY", "GROUP_TOPOLOGY", "CONNECTIVITY", "GROUP_CONNECTIVITY", "IP_LAYOUT"),
        *("EMBEDDED_METADATA", "AIE_PARTITION", "USER_METADATA"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that differs. `visible` is what a host or XRT can see of it; empty for nothing."""

    what: str
    before: str
    after: str
    visible: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two files: what differs, and what was compared and is the same."""

    before: str
    after: str
    differences: tuple[Difference, ...]
    same: tuple[str, ...]

    @property
    def visible(self) -> tuple[Difference, ...]:
        return tuple(difference for difference in self.differences if difference.visible)


def compare(before: bytes, after: bytes, before_name: str, after_name: str) -> Comparison:
    """Compare the bytes of two xclbins; raises `Problem` for what cannot be read."""
    one, other = describe(before, before_name), describe(after, after_name)
    differences: list[Difference] = []
    same: list[str] = []
    for subject, found in (
        ("banks", list(_banks(one, other))),
        ("kernels and their arguments", list(_kernels(one, other))),
        ("partition", list(_partition(one, other))),
        ("device images (PDIs)", list(_pdis(one, other))),
        ("header", list(_header(one, other))),
        ("origin", list(_origin(one, other))),
        ("other sections", list(_sections(before, after, before_name, after_name))),
    ):
        differences += found
        if not found:
            same.append(subject)
    return Comparison(before=before_name, after=after_name, differences=tuple(differences), same=tuple(same))


def _banks(one: Description, other: Description) -> Iterator[Difference]:
    if len(one.banks) != len(other.banks):
        yield Difference(
            what="number of banks",
            before=str(len(one.banks)),
            after=str(len(other.banks)),
            visible="which bank indices a buffer may be allocated in",
        )
    for number, (a, b) in enumerate(zip(one.banks, other.banks, strict=False)):
        if a.tag != b.tag:
            yield Difference(what=f"bank {number}, name", before=a.tag, after=b.tag)
        if a.size_kb != b.size_kb:
            yield Difference(what=f"bank {number}, size", before=f"{a.size_kb:,} KB", after=f"{b.size_kb:,} KB")
        if (a.base_address, a.type, a.used) != (b.base_address, b.type, b.used):
            yield Difference(
                what=f"bank {number}, place and kind",
                before=f"0x{a.base_address:x}, type {a.type}, used {a.used}",
                after=f"0x{b.base_address:x}, type {b.type}, used {b.used}",
            )


def _kernels(one: Description, other: Description) -> Iterator[Difference]:
    before = {kernel.name: kernel for kernel in one.kernels}
    after = {kernel.name: kernel for kernel in other.kernels}
    for name in dict.fromkeys([*before, *after]):
        if name not in before or name not in after:
            yield Difference(
                what=f"kernel {name}",
                before="there" if name in before else "not there",
                after="there" if name in after else "not there",
                visible="which name pyxrt.kernel takes",
            )
        else:
            yield from _kernel(before[name], after[name])


def _kernel(a: Kernel, b: Kernel) -> Iterator[Difference]:
    if a.instances != b.instances:
        yield Difference(what=f"{a.name}, instances", before=", ".join(a.instances), after=", ".join(b.instances))
    if a.kernel_id != b.kernel_id:
        yield Difference(
            what=f"{a.name}, id",
            before=_hex(a.kernel_id),
            after=_hex(b.kernel_id),
            visible="which PDI the driver loads for it",
        )
    if len(a.arguments) != len(b.arguments):
        yield Difference(
            what=f"{a.name}, number of arguments",
            before=str(len(a.arguments)),
            after=str(len(b.arguments)),
            visible="how many buffers a host can pass",
        )
    for first, second in zip(a.arguments, b.arguments, strict=False):
        yield from _argument(a.name, first, second)


def _argument(kernel: str, a: Argument, b: Argument) -> Iterator[Difference]:
    what = f"{kernel}, argument {a.index} ({a.name})"
    if a.name != b.name:
        yield Difference(what=f"{what}, name", before=a.name, after=b.name)
    if a.kind != b.kind:
        yield Difference(what=what, before=a.kind, after=b.kind, visible="whether it takes a number or a buffer")
    if (a.offset, a.size) != (b.offset, b.size):
        yield Difference(
            what=f"{what}, registers",
            before=f"{a.size} bytes at 0x{a.offset:02x}",
            after=f"{b.size} bytes at 0x{b.offset:02x}",
            visible="where XRT writes its value",
        )
    if a.banks != b.banks:
        yield Difference(
            what=f"{what}, bank",
            before=_bank(a),
            after=_bank(b),
            visible="kernel.group_id of it, and which buffers XRT takes without a copy; an NPU keeps them where it did",
        )


def _partition(one: Description, other: Description) -> Iterator[Difference]:
    if one.columns != other.columns:
        yield Difference(
            what="partition, columns",
            before=str(one.columns),
            after=str(other.columns),
            visible="how many contexts fit on the device",
        )
    if one.start_columns != other.start_columns:
        yield Difference(
            what="partition, start columns",
            before=_listed(one.start_columns),
            after=_listed(other.start_columns),
            visible="where the driver may put it",
        )
    if one.operations_per_cycle != other.operations_per_cycle:
        yield Difference(
            what="partition, operations a cycle",
            before=str(one.operations_per_cycle),
            after=str(other.operations_per_cycle),
            visible="the clock that the driver may choose",
        )


def _pdis(one: Description, other: Description) -> Iterator[Difference]:
    if len(one.pdis) != len(other.pdis):
        yield Difference(
            what="number of PDIs",
            before=str(len(one.pdis)),
            after=str(len(other.pdis)),
            visible="what the array can be configured as",
        )
    for number, (a, b) in enumerate(zip(one.pdis, other.pdis, strict=False)):
        if a.sha256 != b.sha256:
            yield Difference(
                what=f"PDI {number}, contents",
                before=f"{a.nbytes:,} B, {a.sha256[:12]}",
                after=f"{b.nbytes:,} B, {b.sha256[:12]}",
                visible=_IMAGE,
            )
        if a.uuid != b.uuid:
            yield Difference(what=f"PDI {number}, uuid", before=a.uuid, after=b.uuid)
        if a.kernel_ids != b.kernel_ids:
            yield Difference(
                what=f"PDI {number}, kernel ids",
                before=", ".join(map(_hex, a.kernel_ids)),
                after=", ".join(map(_hex, b.kernel_ids)),
                visible="which kernel it is loaded for",
            )


def _header(one: Description, other: Description) -> Iterator[Difference]:
    for what, a, b in (
        ("uuid", one.uuid, other.uuid),
        ("mode", one.mode, other.mode),
        ("platform", one.platform, other.platform),
        ("version", _version(one), _version(other)),
    ):
        if a != b:
            yield Difference(what=what, before=a or "none", after=b or "none")


def _origin(one: Description, other: Description) -> Iterator[Difference]:
    a, b = one.provenance, other.provenance
    if a == b:
        return
    if a is None or b is None:
        yield Difference(what="origin", before="tileproof" if a else "unknown", after="tileproof" if b else "unknown")
        return
    for what, first, second in (
        ("variant", a.variant, b.variant),
        ("build", a.digest[:12], b.digest[:12]),
        ("instructions that go with it", a.insts_sha256[:12], b.insts_sha256[:12]),
        ("toolchain", a.toolchain, b.toolchain),
        ("tileproof", a.tileproof, b.tileproof),
    ):
        if first != second:
            yield Difference(what=what, before=first, after=second)


def _sections(before: bytes, after: bytes, before_name: str, after_name: str) -> Iterator[Difference]:
    """Sections that are not taken apart: by their bytes."""
    one, other = (
        {section.kind_name: section.data for section in read_xclbin(data, name).sections}
        for data, name in ((before, before_name), (after, after_name))
    )
    for kind in dict.fromkeys([*one, *other]):
        if (kind in one) != (kind in other):
            seen = "XRT looks for it" if kind in _DESCRIBED else ""
            states = ("there" if kind in one else "missing", "there" if kind in other else "missing")
            yield Difference(what=f"section {kind}", before=states[0], after=states[1], visible=seen)
        elif kind not in _DESCRIBED and one[kind] != other[kind]:
            yield Difference(
                what=f"section {kind}, contents",
                before=f"{len(one[kind]):,} B",
                after=f"{len(other[kind]):,} B of others",
                visible=_IMAGE if kind == "EMULATION_DATA" else "",
            )


def _bank(argument: Argument) -> str:
    if argument.bank is None:
        return "none"
    return argument.bank_tag or f"{argument.bank} (not there)"


def _hex(number: int | None) -> str:
    return "none" if number is None else f"0x{number:x}"


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers)) or "none"


def _version(one: Description) -> str:
    return ".".join(map(str, one.version))


def comparison_text(comparison: Comparison) -> str:
    """The comparison as a page: what differs, what is the same, and what it can explain."""
    if not comparison.differences:
        return f"{comparison.before} and {comparison.after} are the same in all that XRT, a host or tileproof reads\n"
    lines = [f"{comparison.before} against {comparison.after}"]
    for difference in comparison.differences:
        lines.append(f"  {difference.what}: {difference.before} -> {difference.after}")
        if difference.visible:
            lines.append(f"      it decides {difference.visible}")
    if comparison.same:
        lines += ["the same: " + ", ".join(comparison.same)]
    return "\n".join([*lines, _verdict(comparison), ""])


def _verdict(comparison: Comparison) -> str:
    visible = comparison.visible
    if not visible:
        return "nothing of this can make XRT or a host behave differently"
    images = [difference for difference in visible if difference.visible == _IMAGE]
    if len(images) == len(visible):
        return "at XRT's level they are the same; what the array does may differ, since its configuration does"
    return "at XRT's level they differ: " + "; ".join(
        difference.what for difference in visible if difference not in images
    )
