"""From any design to a pair that the emulator runs, without a kernel folder: what aiecc makes for an NPU."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tileproof.build.lowered import interface_of
from tileproof.build.package import KernelNames, package_for_emulator
from tileproof.code_options import NO_OPTIONS, CodeOptions
from tileproof.device_model import Scheme
from tileproof.diagnostic import Diagnostic
from tileproof.emulator.design.given_code import given_code
from tileproof.emulator.design.parameters import as_file
from tileproof.emulator.elf_file import DESIGN, write_elf
from tileproof.emulator.library import Library
from tileproof.emulator.payload import Payload, pack_payload
from tileproof.errors import Problem, bytes_of
from tileproof.files import write_output
from tileproof.kernel.banks import Banks
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.reconfigured import parts_of
from tileproof.lowering.sequence import sequence_named, sequence_words
from tileproof.lowering.stored import store
from tileproof.mlir.design import CreateScratchpad
from tileproof.mlir.design import Sequence as RuntimeSequence
from tileproof.mlir.reader import read_design
from tileproof.xclbin import read_xclbin, write_xclbin
from tileproof.xclbin.merge import with_kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRequest:
    """`device_name` and `sequence` choose among several in the text; `names` are those of the kernel in the xclbin,
    and `beside` is an xclbin whose kernels it is to lie beside."""

    tile_code: tuple[Path, ...] = ()
    options: CodeOptions = NO_OPTIONS
    device_name: str | None = None
    sequence: str | None = None
    scheme: Scheme = "default"
    names: KernelNames = field(default_factory=KernelNames)
    beside: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The bytes of both files, and of a full ELF instead; with `warnings` it runs all the same, or as a full ELF.

    `parameters` is the params.txt of a design that has some.
    """

    xclbin: bytes = field(repr=False, default=b"")
    insts: bytes = field(repr=False, default=b"")
    full_elf: bytes = field(repr=False, default=b"")
    parameters: bytes = b""
    digest: str
    warnings: tuple[Diagnostic, ...] = ()


def build_pair(text: str, name: str, request: PairRequest) -> Pair:
    """The pair of the design in `text`; a `Problem`, as of `emulate`, for what cannot be read, lowered or compiled."""
    design = lower_design(read_design(text, name, request.device_name), scheme=request.scheme)
    sequence = sequence_named(design, request.sequence)
    _refuse_what_a_pair_cannot_hold(design, sequence)
    insts = sequence_words(design, sequence)
    code = given_code(request.tile_code, design, request.options)
    digest = _digest(text, insts, request, code.library)
    xclbin = package_for_emulator(
        text,
        store(design, text),
        interface_of(design, sequence),
        insts,
        code.library or Library(code=b""),
        Path(name).stem,
        digest,
        Banks(),
        names=request.names,
        device_name=request.device_name or "",
    )
    if request.beside is not None:
        xclbin = _beside(request.beside, xclbin)
    warnings = (*code.faults, *code.warnings, *_without_scratchpad(sequence))
    return Pair(xclbin=xclbin, insts=insts, parameters=_parameters(design), digest=digest, warnings=warnings)


def build_full_elf(text: str, name: str, request: PairRequest) -> Pair:
    """The ELF that holds all devices of the text, for sequences that set the array up themselves."""
    design = lower_design(read_design(text, name, request.device_name), scheme=request.scheme)
    streams = [sequence_words(on, part) for one in design.sequences for on, part in parts_of(design, one)]
    code = given_code(request.tile_code, design, request.options)
    library = code.library or Library(code=b"")
    payload = Payload(design=text, library=library, device_name=request.device_name or "")
    return Pair(
        full_elf=write_elf(DESIGN, pack_payload(payload)),
        parameters=_parameters(design),
        digest=_digest(text, b"".join(streams), request, code.library),
        warnings=(*code.faults, *code.warnings),
    )


def _parameters(design: LoweredDesign) -> bytes:
    return as_file(design.design.parameters).encode() if design.design.parameters else b""


def _without_scratchpad(sequence: RuntimeSequence) -> Iterator[Diagnostic]:
    """XRT allocates a scratchpad for kernels of ELFs (xrt_module.cpp)."""
    created = next((one for one in sequence.operations if isinstance(one, CreateScratchpad)), None)
    if created is not None:
        yield Diagnostic(
            id="no-scratchpad",
            what=f"@{sequence.name} creates a control scratchpad, and a run of an xclbin and its instructions has none",
            place=created.place,
            why="XRT makes one, and puts its address into the instructions, for a kernel of an ELF only",
            fix="build the design with --full-elf-name",
        )


def _refuse_what_a_pair_cannot_hold(design: LoweredDesign, sequence: RuntimeSequence) -> None:
    parts = parts_of(design, sequence)
    if len(parts) != 1 or parts[0][0] is not design:
        raise Problem(
            f"@{sequence.name} sets the array up anew under way, which one xclbin and its instructions do not hold",
            id="full-elf-only",
            where=sequence.place,
            why="for an NPU it is packed as a full ELF, with a PDI for each device of the file",
            fix="build that: --full-elf-name aie.elf; or each device by itself, with --device-name",
        )


def _digest(text: str, insts: bytes, request: PairRequest, library: Library | None) -> str:
    told = (text, request.device_name, request.scheme, asdict(request.names), hashlib.sha256(insts).hexdigest())
    code = b"" if library is None else library.code
    return hashlib.sha256(json.dumps(told).encode() + code).hexdigest()


def _beside(path: Path, added: bytes) -> bytes:
    """Both xclbins' kernels in one, as aiecc's --xclbin-input."""
    return write_xclbin(with_kernel(read_xclbin(bytes_of(path), path.name), read_xclbin(added, "the new xclbin")))


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Files by their names in `folder`, made where it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(
            f"the folder {folder} cannot be made",
            id="output-not-written",
            where=f"-o {folder}",
            why=error.strerror or str(error),
            fix="choose another folder with -o",
        ) from None
    for name, data in files.items():
        write_output(folder / name, data, what=Path(name).suffix.removeprefix("."), where=f"-o {folder}")
