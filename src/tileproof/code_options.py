"""What tile code is compiled with beside its text: macros, and folders to include from, as -D and -I of compilers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tileproof.diagnostic import Place
from tileproof.errors import Problem, bytes_of

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# [lex.name] of C++ keeps these for compilers; TILEPROOF_ is what tileproof's own headers are told by.
_RESERVED = re.compile(r"__\w*|_[A-Z]\w*|TILEPROOF_\w*|defined")
# An include guard that mlir-aie's makefiles define, to keep ADF's graphs out (programming_examples/makefile-common).
_OF_MAKEFILES = frozenset({"__AIE_API_AIE_ADF_HPP__"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CodeOptions:
    """`defines` are NAME or NAME=VALUE; `includes` are folders, searched in their order behind tileproof's own."""

    defines: tuple[str, ...] = ()
    includes: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.defines or self.includes)

    @property
    def flags(self) -> tuple[str, ...]:
        """For a compiler that runs in any folder."""
        folders = (word for folder in self.includes for word in ("-I", str(folder.resolve())))
        return (*(f"-D{define}" for define in self.defines), *folders)


NO_OPTIONS = CodeOptions()


def check_defines(defines: Sequence[str], where: Place | None = None) -> None:
    """A `Problem` for a macro that no tile code should be given; written at a place, or as -D."""
    names: dict[str, str] = {}
    for define in defines:
        place = where or Place.told(f"-D {define}")
        name = define.partition("=")[0]
        _check_name(name, place)
        _check_value(define, place)
        if name in names:
            raise Problem(
                f"the macro {name} is defined twice",
                id="bad-define",
                where=place,
                why=f"as {names[name]} and as {define}",
                fix="keep one of them",
            )
        names[name] = define


def check_includes(includes: Sequence[Path], where: Place | None = None) -> None:
    """A `Problem` for a folder that is not there; named at a place, or as -I."""
    for folder in includes:
        if not folder.is_dir():
            raise Problem(
                f"there is no folder {folder} to include from",
                id="no-include-folder",
                where=where or f"-I {folder}",
                why="it is a file" if folder.exists() else "nothing is there",
                fix="correct the path" + ("; it begins at the kernel's folder" if where else ""),
            )


def _check_name(name: str, place: Place) -> None:
    if not _NAME.fullmatch(name):
        raise Problem(
            f"{name!r} cannot be the name of a macro",
            id="bad-define",
            where=place,
            why="it has letters, digits and _, and begins with no digit; macros with parameters are for headers",
            fix="write NAME or NAME=VALUE, for instance BIT_WIDTH=8",
        )
    if _RESERVED.fullmatch(name) and name not in _OF_MAKEFILES:
        raise Problem(
            f"the macro {name} is not a kernel's to define",
            id="bad-define",
            where=place,
            why="__AIE_ARCH__ follows from the target of the build"
            if name == "__AIE_ARCH__"
            else "it is tileproof's own"
            if name.startswith("TILEPROOF_")
            else "names that begin with __, or with _ and a capital, and `defined`, belong to compilers",
            fix="leave it out, and choose the NPU by --target, or by the design's aie.device"
            if name == "__AIE_ARCH__"
            else "give the macro another name, or leave it out",
        )


def _check_value(define: str, place: Place) -> None:
    if _CONTROL.search(define):
        raise Problem(
            f"the macro {define.partition('=')[0]} has a value that is no line of text",
            id="bad-define",
            where=place,
            why=f"it is {define.partition('=')[2]!r}",
            fix="write the value on one line, or the macro into a header",
        )


def included_files(texts: Iterable[str], folders: Sequence[Path]) -> tuple[bytes, ...]:
    """What tile code includes from these folders, and what is included from there, each file once, in the order in
    which they are met: of every branch, and of several files of one name all. What a macro names is not known here."""
    found: dict[Path, bytes] = {}
    waiting = [(text, folders) for text in texts]
    while waiting:
        text, places = waiting.pop(0)
        paths = (folder / (name[1] or name[2]) for name in _INCLUDE.finditer(text) for folder in places)
        for path in (one.resolve() for one in paths if _is_file(one)):
            if path not in found:
                found[path] = bytes_of(path)
                waiting.append((found[path].decode(errors="replace"), (path.parent, *folders)))
    return tuple(found.values())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have
        return False
