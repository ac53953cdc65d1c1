"""Whether tileproof answers as it did at another commit: `scripts/same_answers.py COMMIT [DIR...]`.

Rendered texts, plans, layouts, instruction words, findings, pictures and messages of the command line, on the kernels,
on tests/designs and on every *.mlir below each DIR. What differs is printed; exit code 1 if anything does.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ("npu1", "npu2")
VERSIONS = ("2025-11", "2026-03", "2026-08", "2026-08-14")
# What changes with every commit, or with the machine: digests of tileproof itself, temporary files.
VOLATILE = re.compile(r"\b[0-9a-f]{12,64}\b|/tmp/\S+")


def questions(folders: list[Path]) -> Iterator[list[str]]:
    """Command lines that build nothing."""
    yield from (["list"], ["list", "--json"], ["check", "--list"], ["check", "--list", "--json"], ["--help"])
    for number in (131071, 65535, 4, -22, 0):
        yield ["explain", str(number)]
    for kernel in ("attention", "mel", "canary", "nothing"):
        for target in TARGETS:
            of = [kernel, "--target", target]
            yield from (["show", *of], ["render", *of], ["check", *of, "--json"], ["inspect", *of])
            yield from (["build", *of, "--plan"], ["build", *of, "--plan", "--json"])
            yield from (["build", *of, "--plan", "--aiecc", kind] for kind in ("A", "B", "C1", "C2"))
    for path in sorted(path for folder in folders for path in folder.rglob("*.mlir")):
        yield from (["check", str(path), "--json"], ["inspect", str(path)], ["inspect", str(path), "--lowered"])
        for version in VERSIONS:
            yield ["inspect", str(path), "--print", "--mlir-aie", version]
            yield ["inspect", str(path), "--lowered", "--json", "--mlir-aie", version]


def answers(folders: list[Path]) -> dict[str, str]:
    """Exit code, standard output and standard error of each question, asked of the tileproof on PYTHONPATH."""
    from tileproof.cli import main

    found = {}
    for question in questions(folders):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code: object = main(question)
            except SystemExit as ended:
                code = ended.code
            except Exception as bug:  # a difference like any other
                code = repr(bug)
        found[" ".join(question)] = f"{code}\n{out.getvalue()}\n{err.getvalue()}"
    return found


def asked_of(checkout: Path, folders: list[Path]) -> dict[str, str]:
    command = [sys.executable, str(Path(__file__).resolve()), "--answers", *map(str, folders)]
    environ = {**os.environ, "PYTHONPATH": str(checkout / "src"), "COLUMNS": "120"}
    done = subprocess.run(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    for folder in (checkout, ROOT):
        found = {key: text.replace(str(folder), "$ROOT") for key, text in found.items()}
    return {key: VOLATILE.sub("...", text) for key, text in found.items()}


def main_(commit: str, folders: list[Path]) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        before = Path(scratch) / "before"
        subprocess.run(["git", "worktree", "add", "-q", "--detach", str(before), commit], cwd=ROOT, check=True)
        try:
            old, new = asked_of(before, folders), asked_of(ROOT, folders)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(before)], cwd=ROOT, check=True)
    different = [question for question in new if new[question] != old.get(question)]
    for question in different:
        print(f"tileproof {question}")
        pairs = zip(old.get(question, "").splitlines(), new[question].splitlines(), strict=False)
        print(*next((["  before: " + one, "  now:    " + two] for one, two in pairs if one != two), []), sep="\n")
    print(f"{len(new) - len(different)} of {len(new)} answers are the same as at {commit}")
    return 1 if different else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--answers"]:
        print(json.dumps(answers([Path(folder) for folder in sys.argv[2:]])))
    else:
        raise SystemExit(main_(sys.argv[1], [ROOT / "tests" / "designs", *(Path(f).resolve() for f in sys.argv[2:])]))
