"""A build as data: the files to write, the steps to run, what each reads and makes, and one digest of it all.

Nothing here touches a tool or a disk beyond reading tileproof's own headers. Paths are relative to the build folder;
tools and folders of this machine stand as ninja variables, so that a digest does not depend on where things lie.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tileproof import __version__, library
from tileproof.banks import INSTRUCTIONS, Banks
from tileproof.device_model import device_named
from tileproof.errors import Problem
from tileproof.spec import KernelSpec
from tileproof.toolchain.cxx import RUNTIME_FLAGS, TILE_CODE_FLAGS, CxxCompiler
from tileproof.xrt import CALL_ARGUMENTS, FIRST_BUFFER

SEAL = "pair.json"
BANKS = "banks.json"  # there only where kernel.toml has [banks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One shell command. `inputs` make it run again when they change; `depfile` names more of them."""

    name: str
    command: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    depfile: str | None = None
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to write and what to run for one variant. `variables` are this machine's, and no part of the digest."""

    kernel: str
    variant: str
    folder: str  # below the build folder and the kernel's name
    target: str
    toolchain: str
    files: Mapping[str, str]
    steps: tuple[Step, ...]
    variables: Mapping[str, str]
    tools: Mapping[str, str]
    xclbin: str
    insts: str
    seal: str  # a file with the SHA-256 of both, written with them
    notes: str  # a JSON file whose `warnings` a person should know of
    sources: Mapping[str, str] = field(default_factory=dict)  # rendered file -> the template it came from

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that decides what comes out."""
        parts = {
            "tileproof": __version__,
            "target": self.target,
            "toolchain": self.toolchain,
            "files": dict(self.files),
            "steps": [[s.name, s.command, list(s.inputs), list(s.outputs)] for s in self.steps],
            "tools": dict(self.tools),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def plan_host_build(spec: KernelSpec, target: str, texts: Mapping[str, str], cxx: CxxCompiler, python: str) -> Plan:
    """The build for the emulator: tile code to a shared library, then design and library to xclbin and insts.bin."""
    variant = spec.variant(target)
    xclbin, insts = f"{variant}.emu.xclbin", "insts.bin"
    sources = tile_sources(spec, texts)
    arch = device_named(target).aie_arch
    banks = {BANKS: by_argument(spec).to_json()} if spec.banks else {}
    tools = {"cxx": cxx.identity, "tileproof": digest_of(library.package_dir())}
    # What the tools are stands in files of its own, so that another compiler compiles again.
    identities = {f"{tool}.txt": f"{what}\n" for tool, what in tools.items()}
    return Plan(
        kernel=spec.name,
        variant=variant,
        folder=variant,
        target=target,
        toolchain="host",
        files={**texts, **banks, **library.runtime_texts(), **identities},
        steps=(
            *(_compile(source, arch, cxx) for source in sources),
            _compile_checks(),
            _link(sources, cxx),
            _lower(insts, tuple(banks)),
            _package(variant, xclbin, insts, sources, cxx, tuple(banks)),
        ),
        variables={
            "cxx": shlex.join(cxx.command),
            "headers": shlex.quote(str(library.include_dir())),
            "python": shlex.quote(python),
        },
        tools=tools,
        xclbin=xclbin,
        insts=insts,
        seal=SEAL,
        notes="interface.json",
        sources={name: str(library.template_path(f"{name}.j2", spec.folder)) for name in texts},
    )


def tile_sources(spec: KernelSpec, texts: Mapping[str, str]) -> list[str]:
    """The rendered files of tile code; a `Problem` where there is none."""
    sources = [name for name in texts if name.endswith(".cc")]
    if not sources:
        raise Problem(
            f"{spec.name} has no tile code",
            where=str(spec.folder),
            why="there is no template whose name ends in .cc.j2",
            fix=f'write tile.cc.j2 with `extern "C" void {spec.core.function}(...)`',
        )
    return sources


def by_argument(spec: KernelSpec) -> Banks:
    """The directives with host buffers named by the number of their argument, as an xclbin knows them."""
    numbers = {name: FIRST_BUFFER + k for k, name in enumerate(buffer.name for buffer in spec.buffers)}
    numbers[INSTRUCTIONS] = CALL_ARGUMENTS.index(INSTRUCTIONS)
    return replace(spec.banks, host={str(numbers[name]): tag for name, tag in spec.banks.host.items()})


def _lower(insts: str, banks: tuple[str, ...]) -> Step:
    return Step(
        name="lower",
        command=f"$python -P -m tileproof lower --design design.mlir --interface interface.json --insts {insts}"
        " --lowered design.lowered" + "".join(f" --banks {name}" for name in banks),
        inputs=("design.mlir", *banks, "tileproof.txt"),
        outputs=("interface.json", insts, "design.lowered"),
        text="check and lower the design",
    )


def _package(
    variant: str, xclbin: str, insts: str, sources: list[str], cxx: CxxCompiler, banks: tuple[str, ...]
) -> Step:
    """The last step. `$digest` is the plan's own, which therefore is no part of what is digested."""
    graphs = [_graph(source) for source in sources if not cxx.is_clang]
    code = " ".join([*(f"--tile-code {name}" for name in sources), *(f"--graph {name}" for name in graphs)])
    return Step(
        name="package",
        command="$python -P -m tileproof package --design design.mlir --interface interface.json --library tile.so"
        f" --lowered design.lowered {code} --insts {insts} --xclbin {xclbin} --seal {SEAL} --variant {variant}"
        " --digest $digest" + "".join(f" --banks {name}" for name in banks),
        inputs=(
            "design.mlir",
            "interface.json",
            "design.lowered",
            "tile.so",
            insts,
            *sources,
            *graphs,
            *banks,
            "tileproof.txt",
        ),
        outputs=(xclbin, SEAL),
        text="pack the xclbin",
    )


def _compile(source: str, arch: int, cxx: CxxCompiler) -> Step:
    stem = source.removesuffix(".cc")
    checks = " ".join(cxx.check_flags)
    return Step(
        name=f"compile_{stem}",
        command=f"$cxx {shlex.join(TILE_CODE_FLAGS)} {checks} -D__AIE_ARCH__={arch} -I $headers"
        f' -ffile-prefix-map="$$PWD"=. -ffile-prefix-map=$headers=. -MD -MF {stem}.o.d -c {source} -o {stem}.o',
        inputs=(source, "cxx.txt"),
        outputs=(f"{stem}.o", *(() if cxx.is_clang else (_graph(source),))),
        depfile=f"{stem}.o.d",
        text=f"compile {source}",
    )


def _graph(source: str) -> str:
    """Where GCC writes the frames of a file."""
    return source.removesuffix(".cc") + ".ci"


def _compile_checks() -> Step:
    name = "tileproof_checks"
    return Step(
        name=f"compile_{name}",
        command=f"$cxx {shlex.join(RUNTIME_FLAGS)} -MD -MF {name}.o.d -c {name}.cc -o {name}.o",
        inputs=(f"{name}.cc", "cxx.txt"),
        outputs=(f"{name}.o",),
        depfile=f"{name}.o.d",
        text="compile the access checks",
    )


def _link(sources: list[str], cxx: CxxCompiler) -> Step:
    objects = (*(source.removesuffix(".cc") + ".o" for source in sources), "tileproof_checks.o")
    return Step(
        name="link",
        # Nothing undefined: a function that nobody wrote is the linker's to tell, not the loader's.
        command=" ".join(("$cxx -shared -Wl,-z,defs -o tile.so", *objects, *cxx.link_flags)),
        inputs=objects,
        outputs=("tile.so",),
        text="link the tile code",
    )


def compile_commands(plan: Plan, folder: Path) -> list[dict[str, str]]:
    """The entries of compile_commands.json, so that an editor understands the tile code."""
    entries = []
    for step in plan.steps:
        if step.name.startswith("compile_"):
            words = step.command.replace('"$$PWD"', shlex.quote(str(folder)))
            for name, value in plan.variables.items():
                words = words.replace(f"${name}", value)
            entry = {"directory": str(folder), "file": step.inputs[0], "command": words, "output": step.outputs[0]}
            entries.append(entry)
    return entries


def digest_of(package: Path) -> str:
    """One digest of all of tileproof's own files that a build reads or runs; the kernels of a wheel are not ours."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package)
        if path.suffix in {".hpp", ".cc", ".py"} and name.parts[0] != "kernels":
            digest.update(str(name).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
