"""The emulation payload of an xclbin: the design and the compiled tile code, in the section EMULATION_DATA."""

from __future__ import annotations

import io
import json
import platform
import zipfile
import zlib
from dataclasses import asdict, dataclass, field

from tileproof.emulator.library import Library, StackNeed
from tileproof.errors import Problem

FORMAT = 5
# A design and a shared library are small; a file that unpacks to more than this is no payload of ours.
_MAX_MEMBER_BYTES = 64 * 1024 * 1024
_WHOSE = ("kernel", "device_name", "insts_sha256")
_DATE = (1980, 1, 1, 0, 0, 0)  # zip's first; equal input gives equal bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """`design` is the text of design.mlir, `lowered` what it was lowered to (lowering/stored.py); `library` the
    compiled tile code with its checks, for `machine`.

    `kernel` is the kernel of the xclbin that it is run for, `device_name` the device of the text, and `insts_sha256`
    that of the instructions built with it; each empty where there is but one.
    """

    design: str = field(repr=False)
    lowered: bytes = field(repr=False, default=b"")
    library: Library
    machine: str = field(default_factory=platform.machine)
    kernel: str = ""
    device_name: str = ""
    insts_sha256: str = ""


def pack_payload(payload: Payload) -> bytes:
    """The bytes of the section."""
    members = {
        "manifest.json": json.dumps(_manifest(payload), sort_keys=True).encode(),
        "design.mlir": payload.design.encode(),
        "design.lowered": payload.lowered,
        "tile.so": payload.library.code,
        "tile.cost": payload.library.cost,
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _manifest(payload: Payload) -> dict[str, object]:
    stacks = {name: asdict(need) for name, need in payload.library.stacks.items()}
    library = payload.library
    known = {"stacks": stacks, "kept": dict(library.kept), "unbounded": dict(library.unbounded)}
    whose = {name: getattr(payload, name) for name in _WHOSE}
    return {"format": FORMAT, "machine": payload.machine, **known, **whose}


def _library(code: bytes, cost: bytes, manifest: dict[str, dict[str, dict[str, object]]]) -> Library:
    return Library(
        code=code,
        stacks={str(function): _need(need) for function, need in manifest["stacks"].items()},
        kept={str(local): str(braces) for local, braces in manifest["kept"].items()},
        unbounded={str(function): str(why) for function, why in manifest["unbounded"].items()},
        cost=cost,
    )


def _need(need: dict[str, object]) -> StackNeed:
    return StackNeed(arrays=int(str(need["arrays"])), frames=int(str(need["frames"])), text=str(need["text"]))


def unpack_payload(data: bytes, name: str) -> Payload:
    """The payload in a section's bytes; `name` is the xclbin's. Refuses another format and another machine's code."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            manifest = json.loads(_member(archive, "manifest.json"))
            number, machine = manifest["format"], str(manifest["machine"])
            if number != FORMAT or machine != platform.machine():
                raise _of_another(name, number, machine)
            return Payload(
                design=_member(archive, "design.mlir").decode(),
                lowered=_member(archive, "design.lowered"),
                library=_library(_member(archive, "tile.so"), _member(archive, "tile.cost"), manifest),
                machine=machine,
                **{name: str(manifest.get(name, "")) for name in _WHOSE},
            )
    except _UNREADABLE as error:
        raise Problem(
            f"{name} carries an emulation payload that cannot be read",
            id="damaged-file",
            where=f"{name}, section EMULATION_DATA",
            why=f"{type(error).__name__}: {error}",
            fix="build again: `tileproof build KERNEL`",
        ) from None


def _of_another(name: str, number: object, machine: str) -> Problem:
    return Problem(
        f"{name} was built for another emulator",
        id="other-emulator",
        where=f"{name}, section EMULATION_DATA",
        why=f"its payload has format {number} for {machine}; "
        f"this tileproof reads format {FORMAT} on {platform.machine()}",
        fix="build again on this machine: `tileproof build KERNEL`",
    )


# What zipfile and json raise for bytes that are not theirs.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    OSError,
    EOFError,
)


def _member(archive: zipfile.ZipFile, member: str) -> bytes:
    if archive.getinfo(member).file_size > _MAX_MEMBER_BYTES:
        raise ValueError(f"{member} unpacks to more than {_MAX_MEMBER_BYTES:,} bytes")
    return archive.read(member)
