"""From a kernel's name to its artifacts: spec, render, plan, build. Each step is another module's."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tileproof import library
from tileproof.build.plan import Plan, headers_in
from tileproof.build.plan_host import plan_host_build
from tileproof.build.request import BuildRequest
from tileproof.build.run import OWN_FILES, Artifacts, build
from tileproof.code_options import check_includes, included_files
from tileproof.diagnostic import Diagnostic, Place
from tileproof.errors import EXIT_KERNEL_WRONG, Problem
from tileproof.kernel import golden
from tileproof.kernel.origins import origins_of
from tileproof.kernel.render import render
from tileproof.kernel.spec import KernelSpec, load_spec, with_banks
from tileproof.sandbox.untrusted import current, refuse_untrusted
from tileproof.toolchain.aiecc import refuse_unlinkable
from tileproof.toolchain.cxx import find_cxx
from tileproof.toolchain.ninja import find_ninja


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A kernel as far as texts: everything before a tool runs."""

    spec: KernelSpec
    target: str
    constants: Mapping[str, Any]
    texts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 of all texts and of what they are compiled with: the same kernel, whichever tools compile it."""
        options = self.spec.core.options
        more = [list(options.defines), len(options.includes), *self.included] if options else []
        parts = [dict(self.texts), *more] if more else dict(self.texts)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def included(self) -> tuple[str, ...]:
        """A digest of each file that is included from the folders of [core]."""
        texts = (text for _, text in sorted({**self.headers, **self.tile_code}.items()))
        files = included_files(texts, self.spec.core.options.includes) if self.spec.core.options.includes else ()
        return tuple(hashlib.sha256(data).hexdigest() for data in files)

    @cached_property
    def _origins(self) -> Mapping[str, tuple[tuple[str, int], ...]]:
        sources = library.source_texts(self.spec.folder)
        return origins_of(self.texts, sources, lambda marked: render(self.spec, self.target, self.constants, marked))

    def located(self, said: Diagnostic) -> Diagnostic:
        """The same, with the template's line if it is of a file that was rendered."""
        lines = self._origins.get(Path(said.place.file).name, ()) if said.place.line else ()
        if not 0 < said.place.line <= len(lines):
            return said
        name, line = lines[said.place.line - 1]
        path = library.source_path(name.removesuffix(".j2"), self.spec.folder)
        return replace(said, place=replace(said.place, template=f"{path}:{line}"))

    @property
    def tile_code(self) -> dict[str, str]:
        return {name: text for name, text in self.texts.items() if name.endswith(".cc")}

    @property
    def headers(self) -> dict[str, str]:
        """What tile code includes by name."""
        return {name: self.texts[name] for name in headers_in(self.texts)}


def load_kernel(name: str, kernels: Path | None, sizes: Mapping[str, int]) -> KernelSpec:
    """The spec of kernel `name`, looked for in `kernels` or among the shipped ones."""
    spec = load_spec(library.kernel_dir(name, kernels), sizes)
    if spec.name != name:
        raise Problem(
            f"the kernel in folder {name!r} calls itself {spec.name!r}",
            id="folder-name",
            where=f"{spec.path}, name",
            why="commands and build folders know a kernel by the name of its folder",
            fix=f'write `name = "{name}"`, or rename the folder',
        )
    return spec


def render_kernel(name: str, request: BuildRequest) -> Rendered:
    """The spec of kernel `name` with the request's sizes, its constants and its rendered texts."""
    spec = load_kernel(name, request.kernels, request.sizes)
    if request.target not in spec.targets:
        raise Problem(
            f"{name} is not made for {request.target}",
            id="other-target",
            where=f"{spec.path}, targets",
            why="its targets are " + ", ".join(spec.targets),
            fix=f"use --target {spec.targets[0]}",
        )
    spec = with_banks(spec, request.banks)
    constants = golden.kernel_constants(spec)
    try:
        texts = render(spec, request.target, constants, library.source_texts(spec.folder))
    except Problem as problem:
        raise Problem.of(_in_its_folder(problem.diagnostic, spec), problem.exit_code) from None
    return Rendered(spec=spec, target=request.target, constants=constants, texts=texts)


def _in_its_folder(said: Diagnostic, spec: KernelSpec) -> Diagnostic:
    """The same, with the path of the template of which rendering knows the name only."""
    name, suffix = said.place.file[:-3], said.place.file[-3:]
    if suffix != ".j2":
        return said
    return replace(said, place=replace(said.place, file=str(library.source_path(name, spec.folder))))


def plan_kernel(rendered: Rendered, request: BuildRequest) -> Plan:
    """The build of a rendered kernel, as data."""
    check_kernel_includes(rendered.spec)
    plan = _npu_plan(rendered, request) if request.is_for_npu else _host_plan(rendered, request)
    plan = replace(plan, included=rendered.included)
    _refuse_products(rendered, plan)
    # Beside what kernel.toml alone says, so that the two can be compared.
    folder = f"{plan.folder}.{request.banks.digest}" if request.banks else plan.folder
    # What foreign code may have left in a folder is not to be found by a build that is trusted.
    return replace(plan, folder=folder if current() is None else f"{folder}.untrusted")


def check_kernel_includes(spec: KernelSpec) -> None:
    """A `Problem` for a folder in kernel.toml that is not there."""
    place = Place.told(f"{spec.path}, [core] includes", Place.of_file(str(spec.path)))
    check_includes(spec.core.options.includes, place)


def _refuse_products(rendered: Rendered, plan: Plan) -> None:
    """A text of the kernel by the name of what the build makes or writes itself: one would be taken for the other."""
    made = {output for step in plan.steps for output in step.outputs} | OWN_FILES
    for name, text in rendered.texts.items():
        if name in made or plan.files[name] != text:
            raise Problem(
                f"{rendered.spec.name}: {name} is a name of the build's own",
                id="name-of-a-product",
                where=str(library.source_path(name, rendered.spec.folder)),
                why="the build makes or writes a file of that name, and one would be taken for the other",
                fix="give the file another name",
            )


def _host_plan(rendered: Rendered, request: BuildRequest) -> Plan:
    return plan_host_build(rendered.spec, request.target, rendered.texts, find_cxx(), sys.executable)


def _npu_plan(rendered: Rendered, request: BuildRequest) -> Plan:
    refuse_untrusted(
        "a build for an NPU",
        "which files mlir-aie, Peano and XRT's tools read is not known here",
        "build for the emulator: --toolchain host",
    )
    # Late: a build for the emulator needs none of it.
    from tileproof.build.plan_npu import plan_npu_build
    from tileproof.toolchain.mlir_aie import assumed, find_mlir_aie

    tools = find_mlir_aie() if request.aiecc is None else assumed(request.aiecc)
    return plan_npu_build(rendered.spec, request.target, rendered.texts, tools, sys.executable)


def build_kernel(rendered: Rendered, request: BuildRequest, say: Callable[[str], None]) -> Artifacts:
    """The pair of xclbin and insts.bin, built if anything changed."""
    plan = plan_kernel(rendered, request)
    if plan.toolchain == "mlir-aie":
        refuse_unlinkable(request.build_dir / plan.kernel / plan.folder)
    try:
        artifacts = build(
            plan,
            request.build_dir,
            find_ninja(),
            jobs=request.jobs,
            step_timeout_s=request.step_timeout_s,
            say=say,
        )
    except Problem as problem:
        raise Problem.of(rendered.located(problem.diagnostic), problem.exit_code) from None
    # What lowering noted is told each time, for as long as it is so.
    return replace(artifacts, warnings=_noted(artifacts.folder / plan.notes))


def _noted(path: Path) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads(path.read_text())["warnings"]))
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise Problem(
            f"{path.name} is not what the build writes",
            id="nothing-made",
            where=str(path),
            why=str(error),
            fix="another program has written there; remove the folder, and build again",
            exit_code=EXIT_KERNEL_WRONG,
        ) from None
