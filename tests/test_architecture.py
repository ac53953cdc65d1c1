"""docs/architecture.md says which folder imports which, and what only one place does: read from the code itself."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "tileproof"
MODULES = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}
GROUND_FOLDER = "diagnostic"  # which all may import, as the files beside the folders
FOLDERS = {str(Path(name).parent.as_posix()) for name in MODULES} - {".", GROUND_FOLDER}
GROUND = "the ground"


def folder_of(module: str) -> str:
    """The folder of a dotted name below tileproof; its first part alone may be a file of the ground."""
    parts = module.split(".")[1:]
    for length in range(len(parts), 0, -1):
        if (folder := "/".join(parts[:length])) in FOLDERS:
            return folder
    return GROUND


def of_file(name: str) -> str:
    """`__main__` is the command line's."""
    folder = str(Path(name).parent.as_posix())
    return "cli" if name == "__main__.py" else GROUND if folder in (".", GROUND_FOLDER) else folder


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, wherever the import stands, also by its name as text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str))


def arrows() -> Mapping[str, set[str]]:
    """From each folder to those that it imports, without the ground."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, tree in MODULES.items():
        targets = {folder_of(module) for module in imports(tree) if module.split(".")[0] == "tileproof"}
        found[of_file(name)] |= targets - {GROUND, of_file(name)}
    return found


def rows() -> dict[str, tuple[str, set[str]]]:
    """The table: each folder's sentence, and what it may import."""
    text = (ROOT / "docs" / "architecture.md").read_text().split("<!-- folders")[1].split("<!-- end")[0]
    found = re.findall(r"^\| `([^`]+)` \| (.+) \| (.+) \|$", text, re.MULTILINE)
    return {name: (says, set(listed.split(", ")) - {"-"}) for name, says, listed in found}


def test_every_folder_has_a_row_and_says_there_what_its_init_says() -> None:
    told = {
        folder: " ".join((ast.get_docstring(MODULES[f"{folder}/__init__.py"]) or "").split("\n\n")[0].split())
        for folder in FOLDERS
    }

    assert told == {folder: says for folder, (says, _) in rows().items()}


def test_a_folder_imports_what_its_row_names_and_nothing_else() -> None:
    assert {folder: arrows()[folder] for folder in FOLDERS} == {folder: names for folder, (_, names) in rows().items()}


def test_a_folder_imports_only_what_stands_above_it_so_that_there_is_no_circle() -> None:
    above: list[str] = []
    for folder, (_, names) in rows().items():
        assert names <= set(above), folder
        above.append(folder)


def test_the_ground_imports_no_folder() -> None:
    assert arrows()[GROUND] == set()


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    graph = {dotted(name): {module_in(module) for module in imports(tree)} for name, tree in MODULES.items()}
    done: set[str] = set()
    while ready := {name for name in graph if name not in done and (graph[name] & set(graph)) - {name} <= done}:
        done |= ready

    assert set(graph) - done == set()


def dotted(name: str) -> str:
    return ".".join(["tileproof", *Path(name).with_suffix("").parts]).removesuffix(".__init__")


DOTTED = {dotted(name) for name in MODULES}


def module_in(imported: str) -> str:
    """The module of `module.name`; a module is imported by its own name, too."""
    return imported if imported in DOTTED else imported.rpartition(".")[0]


# What only one place does


def importers_of(*roots: str) -> set[str]:
    return {name for name, tree in MODULES.items() if any(i.split(".")[0] in roots for i in imports(tree))}


def callers_of(*functions: str) -> set[str]:
    return {
        name
        for name, tree in MODULES.items()
        if any(isinstance(node, ast.Call) and ast.unparse(node.func) in functions for node in ast.walk(tree))
    }


def users_of(*names: str) -> set[str]:
    return {
        module
        for module, tree in MODULES.items()
        if any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(tree))
    }


def texts(tree: ast.AST) -> set[object]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}


def test_only_cli_prints_or_exits() -> None:
    assert callers_of("print") == {"cli/shared.py"}
    assert callers_of("sys.exit", "exit", "quit") == {"__main__.py"}
    assert {name.split("/")[0] for name in importers_of("argparse")} == {"cli"}


def test_only_library_knows_where_folders_are() -> None:
    assert users_of("__file__") == {"library.py"}


def test_only_render_imports_jinja() -> None:
    assert importers_of("jinja2") == {"kernel/render.py"}


def test_only_the_sandbox_a_build_toolchain_device_the_emulator_and_a_kernels_python_start_processes() -> None:
    starters = callers_of("subprocess.run", "subprocess.Popen", "subprocess.check_call", "os.fork", "os.system")

    assert {of_file(name).split("/")[0] for name in starters} == {
        *("sandbox", "build", "toolchain", "device", "emulator", "kernel"),
    }
    assert {name for name in starters if of_file(name) == "kernel"} == {"kernel/apart.py"}


def test_only_device_imports_pyxrt() -> None:
    assert importers_of("pyxrt") == {"device/__init__.py"}


def test_only_verdict_decides_pass_or_fail() -> None:
    assert {name for name, tree in MODULES.items() if "pass" in texts(tree)} == {"verify/verdict.py"}


def test_only_golden_imports_a_kernels_python_and_only_run_a_hosts() -> None:
    assert callers_of("importlib.util.spec_from_file_location", "exec", "eval") == {"kernel/golden.py"}
    assert callers_of("runpy.run_path") == {"device/script.py"}


def test_only_mlir_imports_xdsl() -> None:
    assert {of_file(name) for name in importers_of("xdsl")} == {"mlir"}


OPERATION = re.compile(r"(aie|aiex|scf|arith|math|cf|func|memref|vector|affine|index)\.[\w.]+")
# A file that a build writes, and what aie-opt is asked for where a text has it.
NO_OPERATIONS = {"aie.mlir", "aie.logical_tile", "aie.trace"}


def test_only_mlir_knows_how_operations_are_called_and_what_attributes_they_have() -> None:
    """Sentences may name an operation; what compares has its class."""
    others = {name: tree for name, tree in MODULES.items() if of_file(name) != "mlir"}
    told = {text for tree in others.values() for text in texts(tree) - pieces(tree) if isinstance(text, str)}

    assert {text for text in told if OPERATION.fullmatch(text)} == NO_OPERATIONS
    assert not {
        name
        for name, tree in others.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "attributes"
    }


def pieces(tree: ast.AST) -> set[object]:
    """The constant parts of f-strings."""
    return {text for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for text in texts(node)}


@pytest.mark.parametrize(
    "module", ["kernel/spec.py", "kernel/render.py", "build/plan.py", "build/run.py", "kernel/golden.py", "library.py"]
)
def test_a_build_with_nothing_to_do_imports_neither_numpy_nor_xdsl(module: str) -> None:
    at_import = {alias.name for node in MODULES[module].body if isinstance(node, ast.Import) for alias in node.names}

    assert not at_import & {"numpy", "xdsl"}


def test_no_module_is_named_after_nothing() -> None:
    vague = {"utils", "helpers", "common", "manager", "handler", "data", "info", "base"}

    assert not {Path(name).stem for name in MODULES} & vague


# They start what is ours or this machine's: the driver of an NPU, tools that are only asked, and addr2line.
# A C++ host is a program of the user's own: --untrusted refuses it.
TRUSTED_STARTERS = {"device/guarded.py", "toolchain/tool.py", "emulator/array/source_lines.py"} | {
    *("device/host_program.py", "device/host_lines.py"),
}


def test_who_starts_a_process_of_foreign_code_asks_for_its_bounds() -> None:
    starters = callers_of("subprocess.run", "subprocess.Popen", "subprocess.check_call", "os.fork", "os.system")
    asking = callers_of("current") | {"sandbox/untrusted.py"}  # which starts the warden

    assert starters - TRUSTED_STARTERS == starters & asking
