"""The build for the emulator as data: the host's C++ compiler, tileproof's own lowering, and one package of both."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tileproof import library
from tileproof.build.plan import (
    BANKS,
    Plan,
    Step,
    by_argument,
    digest_of,
    headers_in,
    include_variables,
    objects_of,
    option_words,
    tile_sources,
)
from tileproof.code_options import CodeOptions
from tileproof.device_model import device_named
from tileproof.kernel.spec import KernelSpec
from tileproof.toolchain.counted import counting_command, macro_file
from tileproof.toolchain.cxx import RUNTIME_FLAGS, TILE_CODE_FLAGS, CxxCompiler
from tileproof.toolchain.noted import note_flags
from tileproof.toolchain.preprocessed import preprocess_flags

_WARNINGS = "warnings.json"


def plan_host_build(spec: KernelSpec, target: str, texts: Mapping[str, str], cxx: CxxCompiler, python: str) -> Plan:
    """The build for the emulator: tile code to a shared library, then design and library to xclbin and insts.bin."""
    variant = spec.variant(target)
    xclbin, insts = f"{variant}.emu.xclbin", "insts.bin"
    sources = tile_sources(spec, texts)
    code = _Code(sources, headers_in(texts), cxx)
    compiling = _Compiling(cxx, device_named(target).aie_arch, spec.core.options)
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
            *(_compile(source, compiling) for source in sources),
            *(_preprocess(source, compiling) for source in sources),
            *(_note(source, compiling) for source in sources),
            _compile_checks(),
            _link(sources, cxx),
            _lower(insts, tuple(banks), objects_of(sources)),
            _warn(code),
            _package(variant, xclbin, insts, code, tuple(banks), compiling.arch),
        ),
        variables={
            "cxx": shlex.join(cxx.command),
            "headers": shlex.quote(str(library.include_dir())),
            "python": shlex.quote(python),
            **include_variables(spec.core.options),
        },
        tools=tools,
        xclbin=xclbin,
        insts=insts,
        notes=_WARNINGS,
        sources={name: str(library.source_path(name, spec.folder)) for name in texts},
        includes=spec.core.options.includes,
    )


@dataclass(frozen=True, slots=True)
class _Compiling:
    """What every call of the compiler has in common."""

    cxx: CxxCompiler
    arch: int
    options: CodeOptions

    @property
    def includes(self) -> str:
        """Behind the flags: what is found, and what is defined. Ours come first: an aie_api of others is not for this
        machine."""
        return f"-I $headers{option_words(self.options)}"

    @property
    def prefixes(self) -> str:
        """So that what is made does not know where things lie."""
        folders = ("$headers", *(f"${name}" for name in include_variables(self.options)))
        return " ".join(('-ffile-prefix-map="$$PWD"=.', *(f"-ffile-prefix-map={folder}=." for folder in folders)))


@dataclass(frozen=True, slots=True)
class _Code:
    """What tile code is judged by: its text, what that includes, what the preprocessor leaves of both, its assembly,
    and GCC's notes of its frames."""

    sources: list[str]
    headers: list[str]
    cxx: CxxCompiler

    @property
    def graphs(self) -> list[str]:
        return [] if self.cxx.is_clang else [_graph(source) for source in self.sources]

    @property
    def listings(self) -> list[str]:
        return [_listing(source) for source in self.sources]

    @property
    def left(self) -> list[str]:
        return [_left(source) for source in self.sources]

    @property
    def said(self) -> list[str]:
        return [_said(source) for source in self.sources]

    @property
    def noted_graphs(self) -> list[str]:
        return [] if self.cxx.is_clang else [_noted_graph(source) for source in self.sources]


def _lower(insts: str, banks: tuple[str, ...], objects: tuple[str, ...]) -> Step:
    return Step(
        name="lower",
        command=f"$python -P -m tileproof lower --design design.mlir --interface interface.json --insts {insts}"
        f" --lowered design.lowered {_options({'--banks': banks, '--object': objects})}".rstrip(),
        inputs=("design.mlir", *banks, "tileproof.txt"),
        outputs=("interface.json", insts, "design.lowered"),
        text="lower the design",
    )


def _warn(code: _Code) -> Step:
    """What a person should know of the design and its tile code although both can be built. Nothing waits for it but
    the end of the build."""
    named = {
        "--tile-code": code.sources,
        "--header": code.headers,
        "--left": code.left,
        "--said": code.said,
        "--graph": code.noted_graphs,
    }
    return Step(
        name="warn",
        command=f"$python -P -m tileproof warn --design design.mlir {_options(named)} --warnings {_WARNINGS}",
        inputs=("design.mlir", *(name for names in named.values() for name in names), "tileproof.txt"),
        outputs=(_WARNINGS,),
        text="check the design and its tile code",
    )


def _options(named: Mapping[str, Sequence[str]]) -> str:
    return " ".join(f"{option} {name}" for option, names in named.items() for name in names)


def _package(variant: str, xclbin: str, insts: str, code: _Code, banks: tuple[str, ...], arch: int) -> Step:
    """The last step. `$digest` is the plan's own, which therefore is no part of what is digested."""
    named = {
        "--tile-code": code.sources,
        "--listing": code.listings,
        "--header": code.headers,
        "--left": code.left,
        "--graph": code.graphs,
    }
    return Step(
        name="package",
        command="$python -P -m tileproof package --design design.mlir --interface interface.json --library tile.so"
        f" --lowered design.lowered {_options(named)} --insts {insts} --xclbin {xclbin}"
        f" --variant {variant} --aie-arch {arch} --digest $digest" + "".join(f" --banks {name}" for name in banks),
        inputs=(
            "design.mlir",
            "interface.json",
            "design.lowered",
            "tile.so",
            insts,
            *(name for names in named.values() for name in names),
            *banks,
            "tileproof.txt",
        ),
        outputs=(xclbin,),
        text="pack the xclbin",
    )


def _compile(source: str, compiling: _Compiling) -> Step:
    stem, cxx = source.removesuffix(".cc"), compiling.cxx
    checks = " ".join(cxx.check_flags)
    flags = f"{shlex.join(TILE_CODE_FLAGS)} {checks} -D__AIE_ARCH__={compiling.arch} {compiling.includes}"
    flags += f" {compiling.prefixes}"
    # zig 0.17 writes no assembly beside a list of what was included: what the preprocessor leaves has that list, too.
    listed, left = ("", (_left(source),)) if cxx.is_clang else (f" -MD -MF {stem}.o.d -MT {stem}.o", ())
    return Step(
        name=f"compile_{stem}",
        command=f"{_settling(f'{flags}{listed} -S', source, _listing(source))}"
        f" && {counting_command(_listing(source), f'{stem}.counted.s')} && $cxx -c {stem}.counted.s -o {stem}.o",
        inputs=(source, macro_file(), "cxx.txt", *left),
        outputs=(f"{stem}.o", _listing(source), *(() if cxx.is_clang else (_graph(source),))),
        depfile=None if cxx.is_clang else f"{stem}.o.d",
        text=f"compile {source}",
        call=f"$cxx {flags}{listed} -c {source} -o {stem}.o",
    )


def _settling(flags: str, source: str, made: str) -> str:
    """A compilation; where it fails at a bfloat16, once more with its choices settled (toolchain/choices.py)."""
    tell = """printf '%s\\n' "$$words\""""
    settle = f"$python -P -m tileproof settle --source {source} --made {made} -- {flags}"
    return (
        f'if words=$$($cxx {flags} {source} -o {made} 2>&1); then test -z "$$words" || {tell};'
        f' else case "$$words" in *bfloat16*) {settle};; *) {tell}; false;; esac; fi'
    )


def _listing(source: str) -> str:
    """Its assembly."""
    return source.removesuffix(".cc") + ".s"


def _preprocess(source: str, compiling: _Compiling) -> Step:
    """What is wrong with it is the compilation's to say."""
    left, flags = _left(source), preprocess_flags(compiling.cxx, compiling.arch)
    return Step(
        name=f"preprocess_{source.removesuffix('.cc')}",
        command=f"$cxx {shlex.join(flags)} {compiling.includes} -MD -MF {left}.d -MT {left} {source} -o {left}"
        f" || echo refused > {left}",
        inputs=(source, "cxx.txt"),
        outputs=(left,),
        depfile=f"{left}.d",
        text=f"see which branches of {source} are compiled",
    )


def _left(source: str) -> str:
    """What the preprocessor leaves of it."""
    return source.removesuffix(".cc") + ".ii"


def _note(source: str, compiling: _Compiling) -> Step:
    """What the compiler notes of a file; what is wrong with it is the other compilation's to say. It may have nothing
    to say, and an empty file would be taken for none."""
    stem, cxx = source.removesuffix(".cc"), compiling.cxx
    flags = shlex.join(note_flags(cxx, compiling.arch))
    compile_it = f"{flags} {compiling.includes} -MD -MF {stem}.noted.d -MT {_said(source)} -c"
    return Step(
        name=f"note_{stem}",
        command=f"{{ echo noted; {_settling(compile_it, source, f'{stem}.noted.o')}; }} > {_said(source)} 2>&1 || :",
        inputs=(source, "cxx.txt"),
        outputs=(_said(source), *(() if cxx.is_clang else (_noted_graph(source),))),
        depfile=f"{stem}.noted.d",
        text=f"note what may go wrong in {source}",
    )


def _graph(source: str) -> str:
    """Where GCC writes the frames of a file."""
    return source.removesuffix(".cc") + ".ci"


def _said(source: str) -> str:
    """What the compiler said of it."""
    return source.removesuffix(".cc") + ".said"


def _noted_graph(source: str) -> str:
    """The frames that it has without the checks."""
    return source.removesuffix(".cc") + ".noted.ci"


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
    objects = (*objects_of(sources), "tileproof_checks.o")
    return Step(
        name="link",
        # Nothing undefined: a function that nobody wrote is the linker's to tell, not the loader's. Its own functions
        # are called even where this machine's C library has one of the name.
        command=" ".join(("$cxx -shared -Wl,-z,defs -Wl,-Bsymbolic -o tile.so", *objects, *cxx.link_flags)),
        inputs=objects,
        outputs=("tile.so",),
        text="link the tile code",
    )
