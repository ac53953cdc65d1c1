"""What tile code may take from this machine, and that no core sees what another keeps."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tileproof.cli import main
from tileproof.emulator.symbols import refuse_symbols
from tileproof.errors import Problem
from tileproof.toolchain.cxx import find_cxx

TWO_CORES = """\
module {
  aie.device(npu1) @main {
    %shim = aie.tile(0, 0)
    %one = aie.tile(0, 2)
    %two = aie.tile(0, 3)
    aie.objectfifo @a(%one, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @b(%two, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    func.func private @count(memref<16xi32>) attributes {link_with = "tile.o"}
    %first = aie.core(%one) {
      %v = aie.objectfifo.acquire @a(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
      %o = aie.objectfifo.subview.access %v[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
      func.call @count(%o) : (memref<16xi32>) -> ()
      aie.objectfifo.release @a(Produce, 1)
      aie.end
    }
    %second = aie.core(%two) {
      %v = aie.objectfifo.acquire @b(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
      %o = aie.objectfifo.subview.access %v[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
      func.call @count(%o) : (memref<16xi32>) -> ()
      aie.objectfifo.release @b(Produce, 1)
      aie.end
    }
    aie.runtime_sequence @run(%x: memref<16xi32>, %y: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%x[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @a} : memref<16xi32>
      aiex.npu.dma_memcpy_nd(%y[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @b} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @a}
      aiex.npu.dma_wait {symbol = @b}
    }
  }
}
"""
KEEPERS = {
    "a static of an inline function": "inline int next() { static int n = 0; return ++n; }",
    "a static of a template": "template <class T> T next() { static T n = 0; return ++n; }\n#define next next<int>",
    "an inline variable": "inline int n = 0;\ninline int next() { return ++n; }",
    "a static member of a template": "template <class T> struct K { static inline T n = 0; };\n"
    "static int next() { return ++K<int>::n; }",
    "a static in a lambda": "inline auto next = [] { static int n = 0; return ++n; };",
    "a plain static": "static int n = 0;\nstatic int next() { return ++n; }",
}


@pytest.mark.parametrize("keeper", KEEPERS.values(), ids=KEEPERS)
def test_each_core_has_its_own_copy_of_all_that_tile_code_keeps(
    keeper: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    monkeypatch.chdir(tmp_path)
    Path("d.mlir").write_text(TWO_CORES)
    Path("tile.cc").write_text(
        f'{keeper}\nextern "C" void count(int *x) {{ int k = next(); for (int i = 0; i < 16; ++i) x[i] = k; }}\n'
    )
    given = ["--tile-code", "tile.cc", "--arg", "0=zeros", "--arg", "1=zeros", "--save", "0=x.npy", "--save", "1=y.npy"]

    assert main(["emulate", "d.mlir", *given]) == 0
    assert (set(np.load("x.npy")), set(np.load("y.npy"))) == ({1}, {1})


def library(folder: Path, text: str, *flags: str) -> bytes:
    """A shared library of C++, as tile code is compiled but for `flags`."""
    (folder / "t.cc").write_text(text)
    command = [*find_cxx().command, "-std=c++20", "-O2", "-fPIC", "-shared", *flags, "t.cc", "-o", "t.so"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "t.so").read_bytes()


def test_a_library_in_which_cores_would_share_is_refused_wherever_it_comes_from(tmp_path: Path) -> None:
    if find_cxx().is_clang or shutil.which("g++") is None:
        pytest.skip("only GCC makes unique symbols")
    keeps = 'inline int &n() { static int n; return n; }\nextern "C" void f(int *x) { *x = ++n(); }\n'

    with pytest.raises(Problem) as refused:
        refuse_symbols(library(tmp_path, keeps), "tile.so")
    assert (refused.value.diagnostic.id, refused.value.what) == (
        "shared-between-cores",
        "the tile code keeps _ZZ1nvE1n once for all cores",
    )
    refuse_symbols(library(tmp_path, keeps, "-fno-gnu-unique"), "tile.so")


FOREIGN = {
    "malloc": ("#include <cstdlib>", "*x = *(int *)malloc(*x);", "of a heap, which a core has not"),
    "printf": ("#include <cstdio>", 'printf("%d %d\\n", *x, *x);', "of files or a terminal, which a core has not"),
    "__cxa_allocate_exception": ("", "throw 1;", "of exceptions or types at run time, which a core has not"),
    "setenv": ("#include <cstdlib>", 'setenv("A", "B", 1);',
               "state of the process, which all cores here would share"),
    "pthread_self": ("#include <pthread.h>", "*x = (int)pthread_self();", "of threads, and a core runs one program"),
    "time": ("#include <ctime>", "*x = (int)time(nullptr);", "the clock of this machine"),
    "exit": ("#include <cstdlib>", "exit(*x);", "of processes, and a tile function returns"),
    "pow": ("#include <cmath>", "*x = (int)pow((double)*x, 1.5);",
            "mathematics in double, which a core has not: call the one that ends in f"),
    "__divti3": ("", "__int128 a = *x; *x = (int)((a << 70) / (a + 3));", "128-bit arithmetic, which a core has not"),
    "getpid": ("#include <unistd.h>", "*x = getpid();", "of this machine, and a core has no such function"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_a_function_that_no_core_has_is_refused_by_name(name: str, tmp_path: Path) -> None:
    include, body, kind = FOREIGN[name]
    with pytest.raises(Problem) as refused:
        refuse_symbols(library(tmp_path, f'{include}\nextern "C" void f(int *x) {{ {body} }}\n'), "tile.so")

    assert (refused.value.diagnostic.id, refused.value.why) == ("foreign-function", f"it is {kind}")


def test_what_a_compiler_calls_by_itself_and_single_precision_are_allowed(tmp_path: Path) -> None:
    text = (
        "#include <cassert>\n#include <cmath>\n#include <cstring>\n"
        'extern "C" void f(float *x, int n) { static float k = expf(x[1]); assert(n > 0); memset(x, 0, n * 4); '
        "x[0] = powf(k, 1.5f) + sinf(k) + fmodf(k, 3.0f); memmove(x + 1, x, n); }\n"
    )

    refuse_symbols(library(tmp_path, text, "-fno-gnu-unique"), "tile.so")


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"\x7fELF" + bytes(200), b"not a library"])
def test_what_is_no_library_is_left_to_the_loader(data: bytes) -> None:
    refuse_symbols(data, "tile.so")
