"""The sentences of the drawing that begin with "only", kept true."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "tileproof"
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def called(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def importers_of(*roots: str) -> set[str]:
    return {name for name, path in MODULES.items() if any(i.split(".")[0] in roots for i in imports(path))}


def callers_of(*functions: str) -> set[str]:
    return {name for name, path in MODULES.items() if any(call in functions for call in called(path))}


def test_the_walk_sees_the_package() -> None:
    assert len(MODULES) > 40
    assert importers_of("argparse") == {name for name in MODULES if name.startswith("cli/")}


def test_only_cli_prints_or_exits() -> None:
    assert callers_of("print") == {"cli/shared.py"}
    assert callers_of("sys.exit", "exit", "quit") == {"__main__.py"}


def test_only_library_knows_where_folders_are() -> None:
    assert {name for name, path in MODULES.items() if "__file__" in path.read_text()} == {"library.py", "golden.py"}
    assert "module.__file__" in MODULES["golden.py"].read_text()  # a kernel's file, for a message


def test_only_render_and_report_import_jinja() -> None:
    assert importers_of("jinja2") <= {"render.py", "report.py"}


def test_only_build_toolchain_device_and_the_emulators_process_start_processes() -> None:
    starters = callers_of("subprocess.run", "subprocess.Popen", "subprocess.check_call", "os.fork", "os.system")

    toolchain = {"toolchain/cxx.py", "toolchain/frames.py", "toolchain/tile_library.py", "toolchain/tool.py"}
    emulator = {"emulator/process.py", "emulator/source_lines.py"}
    assert starters == {"build.py", "device/guarded.py"} | emulator | toolchain


def test_only_device_imports_pyxrt() -> None:
    assert importers_of("pyxrt") == set()
    assert [n for n, p in MODULES.items() if 'import_module("pyxrt")' in p.read_text()] == ["device/__init__.py"]


def test_only_verify_decides_pass_or_fail() -> None:
    deciders = {
        name for name, path in MODULES.items() if "PASS," in path.read_text() and "def judge" in path.read_text()
    }

    assert deciders == {"verify.py"}
    assert {name for name, path in MODULES.items() if '"pass"' in path.read_text()} == {"verify.py"}


def test_only_golden_imports_a_kernels_python_and_only_run_a_hosts() -> None:
    assert callers_of("importlib.util.spec_from_file_location", "exec", "eval") == {"golden.py"}
    assert callers_of("runpy.run_path") == {"device/script.py"}


def test_only_mlir_imports_xdsl() -> None:
    assert {name.split("/")[0] for name in importers_of("xdsl")} == {"mlir"}


@pytest.mark.parametrize("module", ["spec.py", "render.py", "plan.py", "build.py", "golden.py", "library.py"])
def test_a_build_with_nothing_to_do_imports_neither_numpy_nor_xdsl(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text())
    at_import = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}

    assert not at_import & {"numpy", "xdsl"}


def test_no_module_is_named_after_nothing() -> None:
    vague = {"utils", "helpers", "common", "manager", "handler", "data", "info", "base"}

    assert not {path.stem for path in MODULES.values()} & vague
