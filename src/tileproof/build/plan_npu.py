"""The build for an NPU as data: Peano for the tile code, aie-opt and aiecc for the design, xclbin and insts out of it.

What is not upstream's is ours to do before and after: the spelling, the places of fifos, the comparison of both
lowerings, host banks, the digest of the pair.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from tileproof import library
from tileproof.build.plan import (
    BANKS,
    Plan,
    Step,
    by_argument,
    digest_of,
    include_variables,
    objects_of,
    option_words,
    tile_sources,
)
from tileproof.device_model import GENERATIONS
from tileproof.kernel.spec import KernelSpec
from tileproof.toolchain.aie_opt import pipeline
from tileproof.toolchain.aiecc import ADDRESSES, AieccCall, addresses_file, aiecc_flags, layout_flags
from tileproof.toolchain.mlir_aie import MlirAie
from tileproof.toolchain.peano import PEANO_FLAGS

_TMPDIR = "aiecc.prj"
_DESIGN, _OBJECTS, _PLACED = "aie.mlir", "objects.mlir", "placed.mlir"
_LOWERED, _HELD, _NOTES = "lowered.mlir", "held.json", "notes.json"
_LAYOUT = "layout"  # where aiecc writes one of its own
_PACKED = "aiecc.xclbin"


def plan_npu_build(spec: KernelSpec, target: str, texts: Mapping[str, str], tools: MlirAie, python: str) -> Plan:
    """The build with mlir-aie. What differs between the kinds of aiecc is decided here, and can be looked at."""
    variant = spec.variant(target)
    xclbin, insts = f"{variant}.xclbin", "insts.bin"
    sources = tile_sources(spec, texts)
    arch = GENERATIONS[target].arch
    banks = {BANKS: by_argument(spec).to_json()} if spec.banks else {}
    identities = {name: tool.identity for name, tool in tools.tools.items()}
    identities["tileproof"] = digest_of(library.package_dir())
    # A fifo has no attribute for a place: its objects must be there before they can be told where to lie.
    placed = any(buffer.name in spec.banks.tile for buffer in spec.buffers)
    design = _PLACED if placed else _DESIGN
    text = texts["design.mlir"]
    return Plan(
        kernel=spec.name,
        variant=variant,
        folder=f"{variant}.mlir-aie",
        target=target,
        toolchain="mlir-aie",
        files={**texts, **banks, **{f"{name}.txt": f"{what}\n" for name, what in identities.items()}},
        steps=(
            _respell(tools),
            *(_compile(source, arch, option_words(spec.core.options)) for source in sources),
            *((_make_objects(tools, text), _place(tools)) if placed else ()),
            _lower(tools, design, text),
            _hold(tools, tuple(banks), objects_of(sources)),
            _aiecc(tools, design, text, insts, sources),
            _stamp(tools, variant, xclbin, insts, tuple(banks)),
        ),
        variables={**_variables(tools, python), **include_variables(spec.core.options)},
        tools=identities,
        xclbin=xclbin,
        insts=insts,
        notes=_NOTES,
        sources=_sources(spec, texts),
        includes=spec.core.options.includes,
    )


def _sources(spec: KernelSpec, texts: Mapping[str, str]) -> dict[str, str]:
    """The file behind each one that a tool may complain of."""
    sources = {name: str(library.source_path(name, spec.folder)) for name in texts}
    return sources | dict.fromkeys((_DESIGN, _OBJECTS, _PLACED), sources["design.mlir"])


def _variables(tools: MlirAie, python: str) -> dict[str, str]:
    """This machine's paths; those of a kind that is only assumed are variables of the reader's shell."""
    quoted = str if tools.is_assumed else shlex.quote
    # An aiecc that takes no path to xclbinutil looks for it on PATH, and one of 2026-07 and before for bootgen too.
    folders = [str(Path(tool.command[-1]).parent) for tool in (tools.xclbinutil, tools.bootgen) if tool]
    by_path = not (tools.driver.takes_xclbinutil or tools.is_assumed)
    return {
        "python": shlex.quote(python),
        "peano": " ".join(map(quoted, tools.peano.command)),
        "peano_root": quoted(str(tools.peano_root)),
        "aie_include": quoted(str(tools.root / "include")),
        "aie_opt": " ".join(map(quoted, tools.aie_opt.command)),
        "aiecc": " ".join(map(quoted, tools.aiecc.command)),
        "xclbinutil": quoted(tools.xclbinutil.command[-1]),
        "with_path": f"PATH={shlex.quote(os.pathsep.join(dict.fromkeys(folders)))}:$PATH" if by_path else "",
    }


def _respell(tools: MlirAie) -> Step:
    version = tools.version.name
    return Step(
        name="respell",
        command=f"$python -P -m tileproof respell --design design.mlir --version {version} --output {_DESIGN}",
        inputs=("design.mlir", "tileproof.txt"),
        outputs=(_DESIGN,),
        text=f"spell the design for mlir-aie of {version}",
    )


def _compile(source: str, arch: str, options: str) -> Step:
    stem = source.removesuffix(".cc")
    return Step(
        name=f"compile_{stem}",
        command=f"$peano {shlex.join(PEANO_FLAGS)} --target={arch}-none-unknown-elf -I $aie_include{options}"
        f" -MD -MF {stem}.o.d -c {source} -o {stem}.o",
        inputs=(source, "peano.txt"),
        outputs=(f"{stem}.o",),
        depfile=f"{stem}.o.d",
        text=f"compile {source} with Peano",
    )


def _aie_opt(name: str, passes: str, source: str, output: str, text: str) -> Step:
    return Step(
        name=name,
        command=f"$aie_opt {shlex.quote(f'--pass-pipeline={passes}')} {source} -o {output}",
        inputs=(source, "aie-opt.txt"),
        outputs=(output,),
        text=text,
    )


def _make_objects(tools: MlirAie, design: str) -> Step:
    passes = pipeline(tools.passes, design, objects=True, addresses=False)
    return _aie_opt("objects", passes, _DESIGN, _OBJECTS, "make the objects of the fifos")


def _place(tools: MlirAie) -> Step:
    return Step(
        name="place",
        command=f"$python -P -m tileproof place --design design.mlir --objects {_OBJECTS} --output {_PLACED}"
        f" --version {tools.version.name}",
        inputs=("design.mlir", _OBJECTS, "tileproof.txt"),
        outputs=(_PLACED,),
        text="put [banks] onto the objects of the fifos",
    )


def _lower(tools: MlirAie, design: str, text: str) -> Step:
    """aiecc's own layout where it prints one without compiling a core; else that of the passes which it would run."""
    says = "verify the design, and lower it as far as addresses"
    if not tools.driver.prints_layout:
        passes = pipeline(tools.passes, text, objects=design == _DESIGN, addresses=True)
        return _aie_opt("lower", passes, design, _LOWERED, says)
    call = AieccCall(design=design, tmpdir=f"{_LAYOUT}.prj", insts="insts.bin", sequence=_one_of_several(text))
    return Step(
        name="lower",
        command=f"$aiecc {' '.join(layout_flags(tools.driver, call, _LAYOUT))} && cp {_LAYOUT}/{ADDRESSES} {_LOWERED}",
        inputs=(design, "aiecc.txt"),
        outputs=(_LOWERED,),
        text=says,
    )


def _one_of_several(design: str) -> str | None:
    """The first runtime sequence of a design that has more: aiecc would write all of them into one file."""
    names = re.findall(r"\baiex?\.runtime_sequence\b(?:\s*@(\w+))?\s*\(", design)
    return (names[0] or "sequence") if len(names) > 1 else None


def _hold(tools: MlirAie, banks: tuple[str, ...], objects: tuple[str, ...]) -> Step:
    return Step(
        name="hold",
        command=f"$python -P -m tileproof hold --design design.mlir --lowered {_LOWERED}"
        f" --version {tools.version.name} --output {_HELD}"
        + "".join(f" --object {name}" for name in objects)
        + "".join(f" --banks {name}" for name in banks),
        inputs=("design.mlir", _LOWERED, *banks, "tileproof.txt"),
        outputs=(_HELD,),
        text="hold mlir-aie's lowering against tileproof's",
    )


def _aiecc(tools: MlirAie, design: str, text: str, insts: str, sources: list[str]) -> Step:
    call = AieccCall(
        design=design,
        xclbin=_PACKED,
        insts=insts,
        tmpdir=_TMPDIR,
        peano="$peano_root",
        xclbinutil="$xclbinutil",
        sequence=_one_of_several(text),
    )
    # The variables are quoted where they are defined; nothing else in the flags needs a shell's care.
    flags = " ".join(aiecc_flags(tools.driver, call))
    objects = objects_of(sources)
    return Step(
        name="aiecc",
        command=f"$with_path $aiecc {flags}",
        inputs=(design, _HELD, *objects, *(f"{name}.txt" for name in tools.tools)),
        outputs=(_PACKED, insts, addresses_file(tools.driver, _TMPDIR)),
        text="run aiecc",
    )


def _stamp(tools: MlirAie, variant: str, xclbin: str, insts: str, banks: tuple[str, ...]) -> Step:
    addresses = addresses_file(tools.driver, _TMPDIR)
    return Step(
        name="stamp",
        command=f"$python -P -m tileproof stamp --design design.mlir --held {_HELD} --built {_PACKED} --insts {insts}"
        f" --addresses {addresses} --lowered {_LOWERED} --xclbin {xclbin} --notes {_NOTES}"
        f" --version {tools.version.name} --variant {variant} --digest $digest"
        + "".join(f" --banks {name}" for name in banks),
        inputs=("design.mlir", _HELD, _PACKED, insts, addresses, _LOWERED, *banks, "tileproof.txt"),
        outputs=(xclbin, _NOTES),
        text="check the pair, hold its instructions against tileproof's, and stamp its digest on it",
    )
