"""What differs between two xclbins, in words, and whether XRT or a host could behave differently for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from tileproof.xclbin.arguments import Argument, Kernel
from tileproof.xclbin.container import read_xclbin
from tileproof.xclbin.description import Description, describe

_T = TypeVar("_T")

_IMAGE = "what the array computes; XRT knows nothing of it"
# Sections whose contents are compared part by part below, or that repeat them.
_DESCRIBED = frozenset(
    {
        *("MEM_TOPOLOGY", "GROUP_TOPOLOGY", "CONNECTIVITY", "GROUP_CONNECTIVITY", "IP_LAYOUT"),
        *("EMBEDDED_METADATA", "AIE_PARTITION"),
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


def _told(what: str, a: _T, b: _T, visible: str = "", show: Callable[[_T], str] = str) -> Iterator[Difference]:
    """A difference where two values differ, as `show` writes them."""
    if a != b:
        yield Difference(what=what, before=show(a), after=show(b), visible=visible)


def _banks(one: Description, other: Description) -> Iterator[Difference]:
    yield from _told(
        "number of banks", len(one.banks), len(other.banks), "which bank indices a buffer may be allocated in"
    )
    for number, (a, b) in enumerate(zip(one.banks, other.banks, strict=False)):
        what = f"bank {number}"
        yield from _told(f"{what}, name", a.tag, b.tag)
        yield from _told(f"{what}, size", a.size_kb, b.size_kb, show=lambda size: f"{size:,} KB")
        yield from _told(
            f"{what}, place and kind",
            (a.base_address, a.type, a.used),
            (b.base_address, b.type, b.used),
            show=lambda place: "0x{:x}, type {}, used {}".format(*place),
        )


def _kernels(one: Description, other: Description) -> Iterator[Difference]:
    before = {kernel.name: kernel for kernel in one.kernels}
    after = {kernel.name: kernel for kernel in other.kernels}
    for name in dict.fromkeys([*before, *after]):
        if name in before and name in after:
            yield from _kernel(before[name], after[name])
        else:
            yield from _told(
                f"kernel {name}", name in before, name in after, "which name pyxrt.kernel takes", _is_there
            )


def _kernel(a: Kernel, b: Kernel) -> Iterator[Difference]:
    yield from _told(f"{a.name}, instances", a.instances, b.instances, show=", ".join)
    yield from _told(f"{a.name}, id", a.kernel_id, b.kernel_id, "which PDI the driver loads for it", _hex)
    yield from _told(
        f"{a.name}, number of arguments", len(a.arguments), len(b.arguments), "how many buffers a host can pass"
    )
    for first, second in zip(a.arguments, b.arguments, strict=False):
        yield from _argument(a.name, first, second)


def _argument(kernel: str, a: Argument, b: Argument) -> Iterator[Difference]:
    what = f"{kernel}, argument {a.index} ({a.name})"
    yield from _told(f"{what}, name", a.name, b.name)
    yield from _told(what, a.kind, b.kind, "whether it takes a number or a buffer")
    yield from _told(
        f"{what}, registers",
        (a.size, a.offset),
        (b.size, b.offset),
        "where XRT writes its value",
        lambda place: "{} bytes at 0x{:02x}".format(*place),
    )
    if a.banks != b.banks:
        yield Difference(
            what=f"{what}, bank",
            before=_bank(a),
            after=_bank(b),
            visible="kernel.group_id of it, and which buffers XRT takes without a copy; an NPU keeps them where it did",
        )


def _partition(one: Description, other: Description) -> Iterator[Difference]:
    yield from _told("partition, columns", one.columns, other.columns, "how many contexts fit on the device")
    yield from _told(
        "partition, start columns", one.start_columns, other.start_columns, "where the driver may put it", _listed
    )
    yield from _told(
        "partition, operations a cycle",
        one.operations_per_cycle,
        other.operations_per_cycle,
        "the clock that the driver may choose",
    )


def _pdis(one: Description, other: Description) -> Iterator[Difference]:
    yield from _told("number of PDIs", len(one.pdis), len(other.pdis), "what the array can be configured as")
    for number, (a, b) in enumerate(zip(one.pdis, other.pdis, strict=False)):
        yield from _told(
            f"PDI {number}, contents",
            (a.nbytes, a.sha256),
            (b.nbytes, b.sha256),
            _IMAGE,
            lambda image: f"{image[0]:,} B, {image[1][:12]}",
        )
        yield from _told(f"PDI {number}, uuid", a.uuid, b.uuid)
        yield from _told(
            f"PDI {number}, kernel ids",
            a.kernel_ids,
            b.kernel_ids,
            "which kernel it is loaded for",
            lambda ids: ", ".join(map(_hex, ids)),
        )


def _header(one: Description, other: Description) -> Iterator[Difference]:
    yield from _told("uuid", one.uuid, other.uuid, show=_or_none)
    yield from _told("mode", one.mode, other.mode, show=_or_none)
    yield from _told("platform", one.platform, other.platform, show=_or_none)
    yield from _told("version", one.version, other.version, show=lambda parts: ".".join(map(str, parts)))


def _origin(one: Description, other: Description) -> Iterator[Difference]:
    a, b = one.provenance, other.provenance
    if a is None or b is None:
        yield from _told("origin", a, b, show=lambda origin: "tileproof" if origin else "unknown")
        return
    yield from _told("variant", a.variant, b.variant)
    yield from _told("build", a.digest, b.digest, show=lambda digest: digest[:12])
    yield from _told("instructions that go with it", a.insts_sha256, b.insts_sha256, show=lambda digest: digest[:12])
    yield from _told("toolchain", a.toolchain, b.toolchain)
    yield from _told("tileproof", a.tileproof, b.tileproof)


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


def _or_none(text: str) -> str:
    return text or "none"


def _is_there(there: bool) -> str:
    return "there" if there else "not there"


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
