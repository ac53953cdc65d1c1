"""What a verification that is left alone leaves behind, to be read and resumed: verdicts.json, and a log."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from tileproof.diagnostic import Diagnostic
from tileproof.errors import Problem
from tileproof.files import write_output
from tileproof.kernel.spec import Case
from tileproof.verify.expected import NEXT_SEED
from tileproof.verify.request import VerifyRequest
from tileproof.verify.sources import Source
from tileproof.verify.verdict import KERNEL, NOT_RUN, PASS, Verdict, is_contradicted
from tileproof.verify.verdict_json import as_json, from_json

VERDICTS, LOG = "verdicts.json", "verify.log"


class Session:
    """A folder that holds them. Verdicts of an earlier session stay until the same case has a new one."""

    def __init__(self, folder: Path, request: VerifyRequest, *, resume: bool) -> None:
        """Continue in `folder`, or begin there: what is then in the way gets another name. One session at a time."""
        self._path, self._request = folder / VERDICTS, request
        self._verdicts: dict[tuple[str, str, bool], Verdict] = {}
        self.lost: Problem | None = None  # why something could not be kept
        self.reused = 0  # verdicts that were there before
        self._told: tuple[Diagnostic, ...] = ()
        self._log = _log_of(folder)
        try:
            if resume:
                self._verdicts = {_key(verdict): verdict for verdict in self._earlier()}
            else:
                self._put_aside()
        except Problem:
            self.close()
            raise
        self.say(f"begin: process {os.getpid()}, {len(self._verdicts)} verdicts from before")

    def close(self) -> None:
        """Another session may then write there."""
        try:
            self._log.close()
        except OSError as error:  # what it still held has no room; the file is closed all the same
            self.lost = self.lost or _not_kept(self._path.parent, error)

    def _earlier(self) -> list[Verdict]:
        try:
            return from_json(self._path.read_text(encoding="utf-8")) if self._path.exists() else []
        except (OSError, ValueError) as error:
            raise Problem(
                "the session cannot be resumed",
                id="damaged-file",
                where=str(self._path),
                why=str(error),
                fix="leave --resume out: the file is put aside, and all cases are run",
            ) from None

    def _put_aside(self) -> None:
        try:
            if self._path.exists():
                when = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
                self._path.rename(self._path.with_name(f"verdicts-{when:%Y%m%dT%H%M%SZ}.json"))
        except OSError as error:
            raise _not_kept(self._path.parent, error) from None

    def known(self, variant: str, case: Case, source: Source) -> Verdict | None:
        """What an earlier session has found, if it was the same proof on the same device, and is decided."""
        found = self._verdicts.get((variant, case.name, True))
        if found is None or found.device != source.device or not _same_proof(found, source) or is_contradicted(found):
            return None
        if found.outcome == PASS:
            is_enough = found.seed == case.seed and len(found.runs) >= self._request.cases.repeat
        else:  # the seed is that of the run that failed
            seeds = range(case.seed, case.seed + NEXT_SEED * (self._request.cases.repeat + 1), NEXT_SEED)
            is_enough = found.blame in ("", KERNEL) and found.seed in seeds
        if not is_enough:
            return None
        self.say(f"{found.kernel}: {case.name}: {found.outcome}, from before")
        return found

    def add(self, verdict: Verdict) -> None:
        """Keep a verdict: from now on it survives whatever happens to this process."""
        if self._verdicts.get(_key(verdict)) is verdict:
            self.reused += 1
            return
        self._keep(verdict)
        self._write({})
        line = f"{verdict.kernel}: {verdict.case}: {verdict.outcome}{verdict.reason and ': '}{verdict.reason}"
        # Cases that met the same, one after the other, tell it once.
        self.say(
            "\n".join([line, *(() if verdict.faults == self._told else [fault.paragraph for fault in verdict.faults])])
        )
        self._told = verdict.faults

    def _keep(self, verdict: Verdict) -> None:
        """At the end. That a case could not be run now stands beside what it was before, until it is run."""
        if verdict.outcome != NOT_RUN:
            self._verdicts.pop((*_key(verdict)[:2], False), None)
        self._verdicts.pop(_key(verdict), None)
        self._verdicts[_key(verdict)] = verdict

    def end(self, refused: Mapping[str, Problem], verdicts: Sequence[Verdict], code: int) -> None:
        """The verdicts that were asked for, in their order, what was refused, and the exit code."""
        for verdict in verdicts:
            self._keep(verdict)
        self._write(refused)
        for kernel, problem in refused.items():
            self.say(f"{kernel}: {problem}")
        self.say(f"end: exit code {code}")

    def _write(self, refused: Mapping[str, Problem]) -> None:
        """A disk that is full is no reason to stop proving: what could not be kept is said at the end."""
        text = as_json(list(self._verdicts.values()), refused)
        try:
            write_output(self._path, text.encode(), what="session", where=str(self._path))
        except Problem as problem:
            self.lost = self.lost or problem

    def say(self, text: str) -> None:
        """A line of the log, with the time; further lines of the text are indented below it."""
        first, *more = text.splitlines() or [""]
        try:
            self._log.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {first}\n")
            self._log.writelines(f"    {line}\n" for line in more)
            self._log.flush()
        except OSError as error:
            self.lost = self.lost or _not_kept(self._path.parent, error)


def _log_of(folder: Path) -> TextIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = (folder / LOG).open("a", encoding="utf-8")
    except OSError as error:
        raise _not_kept(folder, error) from None
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.close()
        raise Problem(
            "another session writes there",
            id="session-in-use",
            where=f"--out {folder}",
            why=f"{folder / LOG} is locked; its last line that says `begin` names the process",
            fix="wait for its end, or choose another folder",
        ) from None
    except OSError as error:  # a file system without locks
        log.close()
        raise _not_kept(folder, error) from None
    return log


def _not_kept(folder: Path, error: OSError) -> Problem:
    return Problem(
        "the session cannot be kept there",
        id="output-not-written",
        where=f"--out {folder}",
        why=error.strerror or str(error),
        fix="make room, or choose another folder",
    )


def _key(verdict: Verdict) -> tuple[str, str, bool]:
    return verdict.variant, verdict.case, verdict.outcome != NOT_RUN


def _same_proof(found: Verdict, source: Source) -> bool:
    """The same files, judged by the same golden model, on a machine that says the same of itself."""
    evidence = source.artifacts.get("evidence")
    machine = all(found.machine.get(name) == value for name, value in source.machine.items())
    return evidence is not None and found.artifacts.get("evidence") == evidence and machine
