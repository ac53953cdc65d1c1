"""The build for the emulator as data: the host's C++ compiler, tileproof's own lowering, and one package of both."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from tileproof import library
from tileproof.build.plan import BANKS, SEAL, Plan, Step, by_argument, digest_of, headers_in, tile_sources
from tileproof.device_model import device_named
from tileproof.kernel.spec import KernelSpec
from tileproof.toolchain.cxx import RUNTIME_FLAGS, TILE_CODE_FLAGS, CxxCompiler


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
            _package(variant, xclbin, insts, _Code(sources, headers_in(texts), cxx), tuple(banks)),
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
        sources={name: str(library.source_path(name, spec.folder)) for name in texts},
    )


def _lower(insts: str, banks: tuple[str, ...]) -> Step:
    return Step(
        name="lower",
        command=f"$python -P -m tileproof lower --design design.mlir --interface interface.json --insts {insts}"
        " --lowered design.lowered" + "".join(f" --banks {name}" for name in banks),
        inputs=("design.mlir", *banks, "tileproof.txt"),
        outputs=("interface.json", insts, "design.lowered"),
        text="check and lower the design",
    )


@dataclass(frozen=True, slots=True)
class _Code:
    """What says how much stack a tile function needs: its text, what that includes, and GCC's notes."""

    sources: list[str]
    headers: list[str]
    cxx: CxxCompiler

    @property
    def graphs(self) -> list[str]:
        return [] if self.cxx.is_clang else [_graph(source) for source in self.sources]

    @property
    def options(self) -> str:
        named = {"--tile-code": self.sources, "--header": self.headers, "--graph": self.graphs}
        return " ".join(f"{option} {name}" for option, names in named.items() for name in names)


def _package(variant: str, xclbin: str, insts: str, code: _Code, banks: tuple[str, ...]) -> Step:
    """The last step. `$digest` is the plan's own, which therefore is no part of what is digested."""
    return Step(
        name="package",
        command="$python -P -m tileproof package --design design.mlir --interface interface.json --library tile.so"
        f" --lowered design.lowered {code.options} --insts {insts} --xclbin {xclbin} --seal {SEAL} --variant {variant}"
        " --digest $digest" + "".join(f" --banks {name}" for name in banks),
        inputs=(
            "design.mlir",
            "interface.json",
            "design.lowered",
            "tile.so",
            insts,
            *code.sources,
            *code.headers,
            *code.graphs,
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
