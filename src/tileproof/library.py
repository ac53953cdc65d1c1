"""Where kernels and templates lie: a source tree, an installed wheel, or a folder the user names."""

from __future__ import annotations

import os
import platform
import re
from difflib import get_close_matches
from pathlib import Path

from tileproof.errors import Problem, unreadable

_TEMPLATE = ".j2"
_PLAIN = (".cc", ".hpp", ".h")


def package_dir() -> Path:
    """The folder of the package itself."""
    return Path(__file__).resolve().parent


def data_dir(name: str) -> Path:
    """`kernels`, `templates` or `examples`: inside the package when installed, beside `src` in a source tree."""
    shipped = package_dir() / name
    return shipped if shipped.is_dir() else package_dir().parents[1] / name


def include_dir() -> Path:
    """The folder that holds `aie_api/aie.hpp`, tileproof's functional AIE API."""
    return package_dir() / "emulator" / "include"


def host_include_dir() -> Path:
    """The folder that holds `xrt/xrt_kernel.h` and its like: XRT's C++ API, for hosts that run on the emulator."""
    return package_dir() / "emulator" / "include_host"


def host_runtime() -> Path:
    """What is compiled with every C++ host."""
    return package_dir() / "emulator" / "host_runtime" / "tileproof_host.cc"


def runtime_texts() -> dict[str, str]:
    """What is compiled and linked to every tile code for the emulator, by file name."""
    folder = package_dir() / "emulator" / "runtime"
    files = (*sorted(folder.glob("tileproof_checks.*")), folder / f"count_blocks.{platform.machine()}.s")
    return {path.name: path.read_text(encoding="utf-8") for path in files if path.is_file()}


def python_environment() -> dict[str, str]:
    """The environment for a process of ours: this very tileproof, whatever else is installed."""
    path = os.pathsep.join(filter(None, (str(package_dir().parent), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path}


def kernel_names(kernels: Path | None = None) -> tuple[str, ...]:
    """Names of all kernels below `kernels` (the shipped ones by default), sorted."""
    folder = kernels or data_dir("kernels")
    if not folder.is_dir():
        raise Problem(
            f"there is no folder of kernels at {folder}",
            id="no-kernels",
            where="--kernels" if kernels else "the installation of tileproof",
            fix="name a folder that holds one folder per kernel, each with a kernel.toml",
        )
    return tuple(sorted(path.parent.name for path in folder.glob("*/kernel.toml")))


def kernel_dir(name: str, kernels: Path | None = None) -> Path:
    """The folder of kernel `name`; a `Problem` with near matches if there is none."""
    names = kernel_names(kernels)
    if name in names:
        return (kernels or data_dir("kernels")) / name
    near = get_close_matches(name, names, n=1)
    raise Problem(
        f"there is no kernel {name!r}",
        id="unknown-kernel",
        where=str(kernels or data_dir("kernels")),
        why="kernels here: " + (", ".join(names) or "none (no folder has a kernel.toml)"),
        fix=f"did you mean {near[0]!r}?" if near else "`tileproof list` names them all; --kernels DIR looks elsewhere",
    )


def _refuse_odd_name(path: Path) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*", path.name):
        raise Problem(
            f"the file {path.name!r} needs a plainer name",
            id="bad-name",
            where=str(path),
            why="its name becomes a file of the build, and a word of a command line",
            fix="use letters, digits, _ - and ., and no - at its beginning",
        )


def source_path(name: str, kernel: Path) -> Path:
    """The file that the file `name` of a build comes from: the kernel's own, its template, or the shared template."""
    own = (kernel / name, kernel / f"{name}.j2")
    return next((path for path in own if path.is_file()), data_dir("templates") / f"{name}.j2")


def source_texts(kernel: Path) -> dict[str, str]:
    """What a kernel's build is made of, by name: all templates it may use, and its own C++, which is copied as it is.

    A kernel's own file overrides a shared template of the same name.
    """
    own = {path.name: path for suffix in (_TEMPLATE, *_PLAIN) for path in sorted(kernel.glob(f"*{suffix}"))}
    shared = {path.name: path for path in sorted(data_dir("templates").glob(f"*{_TEMPLATE}"))}
    for name in own:
        if f"{name}{_TEMPLATE}" in own:
            raise Problem(
                f"there are two {name}",
                id="two-sources",
                where=str(kernel),
                why=f"a build would take it from {name} and from {name}{_TEMPLATE}",
                fix="remove one of them",
            )
        shared.pop(f"{name}{_TEMPLATE}", None)
    return {name: _text_of(path) for name, path in (shared | own).items()}


def _text_of(path: Path) -> str:
    _refuse_odd_name(path)
    if not path.is_file():
        raise Problem(
            f"{path.name} is no file",
            id="not-a-file",
            where=str(path),
            why="it is a folder"
            if path.is_dir()
            else "a link to a device or a pipe would be read without an end"
            if path.exists()
            else "its link leads nowhere",
            fix="put the text there, or remove it",
        )
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError as error:
        raise Problem(
            f"{path.name} is not text",
            id="not-text",
            where=str(path),
            why=f"byte {error.start} is not UTF-8",
            fix="save the file as UTF-8",
        ) from None
