"""A build as data: the files to write, the steps to run, what each reads and makes, and one digest of it all.

Nothing here touches a tool or a disk beyond reading tileproof's own headers. Paths are relative to the build folder;
tools and folders of this machine stand as ninja variables, so that a digest does not depend on where things lie.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tileproof import __version__
from tileproof.code_options import CodeOptions
from tileproof.errors import Problem
from tileproof.kernel.banks import INSTRUCTIONS, Banks
from tileproof.kernel.spec import KernelSpec
from tileproof.xrt import CALL_ARGUMENTS, FIRST_BUFFER

BANKS = "banks.json"  # there only where kernel.toml has [banks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One shell command. `inputs` make it run again when they change; `depfile` names more of them. `call` is what an
    editor is told of it: one call of a compiler, where the command is more than that."""

    name: str
    command: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    depfile: str | None = None
    text: str = ""
    call: str = ""


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
    notes: str  # a JSON file whose `warnings` a person should know of
    sources: Mapping[str, str] = field(default_factory=dict)  # file -> the kernel's file or the template it is
    includes: tuple[Path, ...] = ()  # folders that tile code includes from; `included` are digests of what it does
    included: tuple[str, ...] = ()

    def own_file(self, name: str) -> Path | None:
        """The kernel's own file that the file `name` of the build is a copy of; None for what is rendered or made."""
        path = Path(self.sources.get(name, ""))
        return path.absolute() if path.name == name else None

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
            **({"included": list(self.included)} if self.included else {}),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def tile_sources(spec: KernelSpec, texts: Mapping[str, str]) -> list[str]:
    """The files of tile code; a `Problem` where there is none."""
    sources = [name for name in texts if name.endswith(".cc")]
    if not sources:
        raise Problem(
            f"{spec.name} has no tile code",
            id="no-tile-code",
            where=str(spec.folder),
            why="there is no file whose name ends in .cc, and no template in .cc.j2",
            fix=f'write tile.cc with `extern "C" void {spec.core.function}(...)`',
        )
    return sources


def objects_of(sources: Iterable[str]) -> tuple[str, ...]:
    """The object files that a build makes of files of tile code."""
    return tuple(source.removesuffix(".cc") + ".o" for source in sources)


def headers_in(texts: Mapping[str, str]) -> list[str]:
    """The files that tile code includes by name."""
    return [name for name in texts if name.endswith((".hpp", ".h"))]


def option_words(options: CodeOptions) -> str:
    """`options` as words of a command, behind which a space must stand; each folder is a variable of ninja's."""
    # A value is one word for the shell whatever is in it, and a $ of it none of ninja's.
    defines = [shlex.quote(f"-D{define}").replace("$", "$$") for define in options.defines]
    return "".join(f" {word}" for word in (*defines, *(f"-I ${name}" for name in include_variables(options))))


def include_variables(options: CodeOptions) -> dict[str, str]:
    """Where this machine has the folders to include from."""
    return {f"include_{number}": shlex.quote(str(path.resolve())) for number, path in enumerate(options.includes)}


def expanded(command: str, values: Mapping[str, str]) -> str:
    """A command with ninja's variables in their places."""
    return re.sub(r"\$\$|\$(\w+)", lambda found: "$" if found[0] == "$$" else values.get(found[1], found[0]), command)


def by_argument(spec: KernelSpec) -> Banks:
    """The directives with host buffers named by the number of their argument, as an xclbin knows them."""
    numbers = {name: FIRST_BUFFER + k for k, name in enumerate(buffer.name for buffer in spec.buffers)}
    numbers[INSTRUCTIONS] = CALL_ARGUMENTS.index(INSTRUCTIONS)
    return replace(spec.banks, host={str(numbers[name]): tag for name, tag in spec.banks.host.items()})


def compile_commands(plan: Plan, folder: Path) -> list[dict[str, str]]:
    """The entries of compile_commands.json, so that an editor understands the tile code.

    That of a kernel's own file, which is only copied here, names the one to edit; what is rendered is found here.
    """
    entries = []
    for step in plan.steps:
        if step.name.startswith("compile_"):
            call = step.call or step.command
            words = expanded(call.replace('map="$$PWD"', f"map={shlex.quote(str(folder))}"), plan.variables)
            file, own = step.inputs[0], plan.own_file(step.inputs[0])
            if own is not None:
                place = f"-iquote {shlex.quote(str(folder))} -c {shlex.quote(str(own))} "
                file, words = str(own), words.replace(f"-c {file} ", place)
            entries.append({"directory": str(folder), "file": file, "command": words, "output": step.outputs[0]})
    return entries


def digest_of(package: Path) -> str:
    """One digest of all of tileproof's own files that a build reads or runs; the kernels of a wheel are not ours."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package)
        if path.suffix in {".hpp", ".cc", ".py"} and name.parts[0] != "kernels":
            digest.update(str(name).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
