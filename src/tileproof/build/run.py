"""The only doer: writes what changed, runs ninja, explains a failure, and checks what came out."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tileproof.build.plan import Plan, Step, compile_commands, expanded
from tileproof.build.request import STEP_TIMEOUT_S
from tileproof.build.seal import SEAL, empty, is_whole, seal
from tileproof.build.watch import Done, run_watched
from tileproof.diagnostic import Diagnostic, Place
from tileproof.errors import EXIT_BUG, EXIT_KERNEL_WRONG, EXIT_NOT_HERE, EXIT_REQUEST_WRONG, Problem
from tileproof.files import write_if_changed
from tileproof.library import python_environment
from tileproof.toolchain.complaint import Complaint, complaint_in
from tileproof.toolchain.meaning import Meaning, endless, killed, meaning_of

# What a step of our own prints when it fails, so that the build can raise the same Problem again.
_MARK = "tileproof-problem: "

_LOCK, _LOG = ".lock", "build.log"
# The names of the files that the last build here wrote.
_RENDERED = "rendered.txt"
_COMMANDS = "compile_commands.json"
# What the next build goes by, beside the plan's files and what its steps make.
_KEPT = frozenset({"build.ninja", ".ninja_log", ".ninja_deps", _RENDERED, _COMMANDS})
# What is written into a build's folder and is no file of its plan, nor made by a step of it.
OWN_FILES = _KEPT | {_LOCK, _LOG, SEAL}


def marked(problem: Problem) -> str:
    """The line by which a step hands its problem to the build that runs it."""
    return _MARK + json.dumps({"said": problem.diagnostic.as_json(), "exit_code": problem.exit_code})


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """A finished pair, with the digest both were built under. `worked` is False if nothing had to be done."""

    folder: Path
    xclbin: Path
    insts: Path
    digest: str
    worked: bool
    warnings: tuple[str, ...] = ()


def build(
    plan: Plan,
    build_dir: Path,
    ninja: Path,
    *,
    jobs: int | None = None,
    step_timeout_s: float = STEP_TIMEOUT_S,
    say: Callable[[str], None] = lambda _: None,
) -> Artifacts:
    """Carry out `plan` below `build_dir`. A failure is a `Problem`, and leaves the last good artifacts alone."""
    folder = build_dir / plan.kernel / plan.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder, say) as lock:
            if not is_whole(folder) and empty(folder, keep=_LOCK):
                say(f"{folder.name} is not as a build left it; it is built anew")
            _write_files(plan, folder)
            command = [str(ninja), *(("-j", str(jobs)) if jobs else ())]
            # What compilers say is read, and they say it in the language of whoever builds.
            environ = {**python_environment(), "LC_ALL": "C.UTF-8"}
            compiler = shlex.split(plan.variables.get("cxx", ""))
            done = run_watched(command, folder, environ, lock, step_timeout_s, compiler, plan.includes)
            _seal(plan, folder)
            if done.code != 0:
                (folder / _LOG).write_text(done.printed)
                raise _failure(plan, folder, ninja, done, step_timeout_s)
            _check_outputs(plan, folder)
    except OSError as error:
        raise Problem(
            f"{plan.kernel}: the build folder cannot be used",
            id="build-folder",
            where=str(error.filename or folder),
            why=error.strerror or str(error),
            fix="make room, also in TMPDIR"
            if error.errno == errno.ENOSPC
            else "check the path, or choose another with --build-dir",
        ) from None
    return Artifacts(
        folder=folder,
        xclbin=folder / plan.xclbin,
        insts=folder / plan.insts,
        digest=plan.digest,
        worked="no work to do" not in done.printed,
    )


@contextmanager
def _locked(folder: Path, say: Callable[[str], None]) -> Iterator[int]:
    """One build of a folder at a time. ninja inherits the lock, so a killed tileproof does not let another in early."""
    with (folder / _LOCK).open("a+") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another build of {folder.name} is running; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _write_files(plan: Plan, folder: Path) -> None:
    """What the plan says, and no more: a file that is in it no longer would still be found by an #include."""
    listed = folder / _RENDERED
    for name in set(_names_in(listed)) - set(plan.files):
        (folder / Path(name).name).unlink(missing_ok=True)
    write_if_changed(listed, "".join(f"{name}\n" for name in sorted(plan.files)).encode())
    for name, text in plan.files.items():
        write_if_changed(folder / name, text.encode())
    write_if_changed(folder / "build.ninja", ninja_text(plan).encode())
    commands = compile_commands(plan, folder.resolve())
    write_if_changed(folder / _COMMANDS, json.dumps(commands, indent=1).encode())
    _list_commands(folder.parent.parent / _COMMANDS, [one for one in commands if Path(one["file"]).is_absolute()])


def _list_commands(path: Path, mine: list[dict[str, str]]) -> None:
    """Put entries into the list of all builds: editors look for build/compile_commands.json above the file at hand."""
    if not mine:
        return
    try:
        listed = json.loads(path.read_text())
        others = [one for one in listed if one["file"] not in {entry["file"] for entry in mine}]
    except (OSError, ValueError, KeyError, TypeError):
        others = []  # none yet, or not ours
    write_if_changed(path, json.dumps([*others, *mine], indent=1).encode())


def _names_in(listed: Path) -> list[str]:
    return listed.read_text(errors="replace").split("\n")[:-1] if listed.is_file() else []


def ninja_text(plan: Plan) -> str:
    """build.ninja: one rule and one edge per step; all of them are wanted."""
    lines = ["# Written by tileproof; edit the kernel, not this file.", "ninja_required_version = 1.10"]
    variables = {**plan.variables, "digest": plan.digest}
    lines += [f"{name} = {_escaped(value)}" for name, value in variables.items()]
    for step in plan.steps:
        lines += ["", f"rule {step.name}", f"  command = {step.command}", f"  description = {step.text}"]
        if step.depfile:
            lines += [f"  depfile = {step.depfile}", "  deps = gcc"]
        lines.append(f"build {' '.join(step.outputs)}: {step.name} {' '.join(step.inputs)}")
    return "\n".join([*lines, ""])


def commands_of(plan: Plan) -> dict[str, str]:
    """What each step runs, as a shell would be given it, by the step's name."""
    values = {**plan.variables, "digest": plan.digest}
    return {step.name: expanded(step.command, values).strip() for step in plan.steps}


def commands_text(plan: Plan, build_dir: Path) -> str:
    """The build as a script to paste: the folder, and each step under its sentence."""
    lines = [f"# {plan.variant} with the {plan.toolchain} toolchain, build {plan.digest[:12]}"]
    lines += [f"# A build begins by writing {', '.join(sorted(plan.files))} there; none of it is done now."]
    lines += [f"cd {shlex.quote(str(build_dir / plan.kernel / plan.folder))}"]
    commands = commands_of(plan)
    for step in plan.steps:
        lines += ["", f"# {step.text}", commands[step.name]]
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("$", "$$")


def _seal(plan: Plan, folder: Path) -> None:
    """Also where a step has failed: ninja knows which, and what the others made is good."""
    seal(folder, {*plan.files, *(name for step in plan.steps for name in step.outputs), *_KEPT})


def _failure(plan: Plan, folder: Path, ninja: Path, done: Done, step_timeout_s: float) -> Problem:
    output = done.printed
    for line in output.splitlines():
        if line.startswith(_MARK) and (problem := _handed(line.removeprefix(_MARK))) is not None:
            return problem
    if os.strerror(errno.ENOSPC) in output:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    failed = _Failed.in_output(plan, output)
    complaint = complaint_in(failed.said, folder)
    text = failed.step.text if failed.step else "a build step"
    if done.is_overdue and failed.was_killed:
        meaning: Meaning | None = endless(text, step_timeout_s)
    elif failed.code > _SIGNALS:
        meaning = killed(text, failed.code)
    else:
        meaning = meaning_of(complaint, folder, _peano_root(plan))
    again = f"; to see it again: cd {folder} && {ninja} -v {failed.step.outputs[0]}" if failed.step else ""
    log = f"the whole log is {folder / _LOG}{again}"
    where, line = _place(plan, folder, complaint, meaning)
    said = [complaint.said, line, *complaint.context, *([meaning.more] if meaning else [])]
    return Problem(
        f"{plan.kernel}: {meaning.what if meaning else f'{text} failed'}",
        id=meaning.id if meaning else failed.id,
        where=where,
        why="\n".join(filter(None, said)),
        fix=f"{meaning.fix}\n{log}" if meaning else log,
        exit_code=meaning.exit_code if meaning else EXIT_KERNEL_WRONG,
    )


def _handed(text: str) -> Problem | None:
    """The problem of a step of ours; None for what another program has printed in its place."""
    try:
        fields = json.loads(text)
        said, exit_code = Diagnostic.from_json(fields["said"]), fields["exit_code"]
    except (ValueError, TypeError, LookupError):
        return None
    return Problem.of(said, exit_code) if exit_code in _STEP_CODES else None


_STEP_CODES = (EXIT_KERNEL_WRONG, EXIT_REQUEST_WRONG, EXIT_NOT_HERE, EXIT_BUG)
_SIGNALS = 128  # what a shell adds to the number of the signal that ended a command


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failed:
    """The step that failed, its exit code (0 where ninja does not tell it), and what it printed."""

    step: Step | None
    code: int
    said: str

    @property
    def was_killed(self) -> bool:
        """By signal 9, or as far as an older ninja tells."""
        return self.code in (0, _SIGNALS + signal.SIGKILL)

    @property
    def id(self) -> str:
        """What of the catalogue it is, where the tool's words say no more."""
        name = self.step.name if self.step else ""
        return "compile-failed" if name.startswith("compile_") else "link-failed" if name == "link" else "tool-failed"

    @classmethod
    def in_output(cls, plan: Plan, output: str) -> _Failed:
        """ninja says `FAILED: output` (since 1.12 `FAILED: [code=1] output`), the command, and what it printed."""
        found = re.search(r"^FAILED: (?:\[code=(\d+)\] )?(\S+).*\n.*\n?", output, re.MULTILINE)
        if found is None:
            return cls(step=None, code=0, said=output)
        step = next((step for step in plan.steps if found[2] in step.outputs), None)
        said = re.split(r"^ninja: build stopped|^\[\d+/\d+\] ", output[found.end() :], flags=re.MULTILINE)[0]
        return cls(step=step, code=int(found[1] or 0), said=said)


def _place(plan: Plan, folder: Path, complaint: Complaint, meaning: Meaning | None) -> tuple[Place, str]:
    """Where to look: the kernel's own file, or what was rendered and its template; and the line that stands there."""
    if meaning is not None and meaning.name is not None:
        number = _line_with(folder / "design.mlir", meaning.name)
        complaint = replace(complaint, file="design.mlir", line=number, column=0)
    if complaint.file is None:
        return Place.of_file(str(folder)), ""
    line, own = complaint.line_in(folder), plan.own_file(complaint.file)
    if own is not None:
        return Place(str(own.parent / complaint.file), complaint.line, complaint.column), line
    template = plan.sources.get(complaint.file, "")
    return Place(str(folder / complaint.file), complaint.line, complaint.column, template=template), line


def _line_with(path: Path, name: str) -> int:
    """The number of the first line that has the name; 0 where none has."""
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    return next((number for number, line in enumerate(lines, start=1) if name in line), 0)


def _peano_root(plan: Plan) -> Path | None:
    words = shlex.split(plan.variables.get("peano_root", ""))
    return Path(words[0]) if words else None


def _check_outputs(plan: Plan, folder: Path) -> None:
    """ninja believes a command that exits 0; an output that is missing or older than its inputs was not made."""
    for step in plan.steps:
        newest = max((_mtime(folder, name) for name in step.inputs), default=0.0)
        for name in step.outputs:
            path = folder / name
            if path.is_file() and path.stat().st_size > 0 and _mtime(folder, name) >= newest:
                continue
            raise Problem(
                f"{plan.kernel}: {step.text} made no {name}, although it reported success",
                id="nothing-made",
                where=str(path),
                why=f"command: {step.command}",
                fix="run the command by hand; a wrapper that swallows the compiler's exit code does this",
                exit_code=EXIT_KERNEL_WRONG,
            )


def _mtime(folder: Path, name: str) -> float:
    return (folder / name).stat().st_mtime if (folder / name).exists() else time.time()
