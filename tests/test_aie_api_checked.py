"""What the emulator hangs on aie_api: one report per access of a checked build, counters, the device's misalignment."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
from test_aie_api import ARCHITECTURES, COMPILER, INCLUDE, Fault, address, aligned, compile_for

from tileproof.emulator.array.host_stack import map_shadow_of_main_stack
from tileproof.toolchain.cxx import RUNTIME_FLAGS, TILE_CODE_FLAGS, find_cxx

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: set CXX, or install g++ or clang++")

# Each works on registers between two loads and a store: `x` and `y` are int8 x 32, `f` and `g` bfloat16 x 16.
REGISTER_WORK = {
    "add": "x = aie::add(x, y);",
    "sub_scalar": "x = aie::sub(int8(3), x);",
    "min_max_abs_neg": "x = aie::abs(aie::neg(aie::min(x, aie::max(x, y))));",
    "bits": "x = aie::bit_not(aie::bit_and(x, aie::bit_or(x, aie::bit_xor(x, y))));",
    "shifts": "x = aie::upshift(aie::downshift(x, 1), 2);",
    "logical_shifts": "x = aie::logical_upshift(aie::logical_downshift(x, 1), 1);",
    "multiply": "auto a = aie::mul(x, y); a = aie::mac(a, x, y); x = aie::msc(a, x, int8(3)).to_vector<int8>(4);",
    "accumulators": "aie::accum<acc32, 32> a(x, 3); a = aie::add(a, aie::neg(a)); x = a.to_vector<int8>(3);",
    "parts": "auto a = aie::concat(x, y); a.insert(1, a.extract<32>(0)); x = a.grow<128>().extract<32>(2);",
    "casts": "x = x.unpack().pack().cast_to<int16>().cast_to<int8>();",
    "elements": "x[3] = y[4]; x.set(x.get(5), 6); x.push(7); x[1] += x[2];",
    "zip": "auto [a, b] = aie::interleave_zip(x, y, 4); x = aie::interleave_unzip(a, b, 2).first;",
    "filter": "x = aie::concat(aie::filter_even(x), aie::filter_odd(x, 2));",
    "transpose": "x = aie::reverse(aie::transpose(x, 4, 8));",
    "shuffle": "x = aie::shuffle_up_fill(aie::shuffle_down(x, 3), aie::shuffle_down_replicate(y, 4), 5);",
    "select": "x = aie::select(x, y, (aie::lt(x, y) & ~aie::eq(x, int8(4))) | aie::mask<32>::from_uint32(9));",
    "reductions": "x[0] = int8(aie::reduce_add(x) + aie::reduce_max(y) + aie::reduce_min(y));",
    "sums": "x = aie::reduce_add_v(x, y, x);",
    "sliding": "x = aie::sliding_mul<32, 8>(y, 0, aie::concat(x, y), 1).to_vector<int8>(5);",
    "constants": "x = aie::add(aie::broadcast<int8, 32>(x.get(1)), aie::zeros<int8, 32>());",
    "mmul": "aie::mmul<4, 8, 8, int8, int8> t; t.mac(x, aie::concat(x, y)); x = t.to_vector<int8>(6);",
    "mmul_array": "aie::mmul<4, 8, 8, int8, int8> t[2]; "
    "for (int i = 0; i < n; ++i) t[i & 1].mac(x, aie::concat(x, y)); x = t[1].to_vector<int8>(6);",
    "modes": "const auto before = aie::swap_rounding(aie::rounding_mode::ceil); aie::set_rounding(before);",
    "bfloat16": "f = aie::mac(aie::mul(f, g), f, g).to_vector<bfloat16>(); f = aie::sub(aie::max(f, g), g);",
    "bfloat16_mmul": "aie::mmul<4, 8, 4, bfloat16, bfloat16> t; auto a = aie::concat(f, g); t.mac(a, a); "
    "f = t.to_accum().to_vector<bfloat16>();",
    "elementary": "f = aie::inv(aie::invsqrt(f)); f = aie::to_float<bfloat16>(aie::to_fixed<int16>(f, 3), 3);",
}

REGISTER_PREFIX = '#include <aie_api/aie.hpp>\nextern "C" {\n'
INTEGER = """void {}(int8 *p, [[maybe_unused]] int n) {{
    auto x = aie::load_v<32>(p);
    [[maybe_unused]] auto y = aie::load_v<32>(p + 32);
    {}
    aie::store_v(p, x);
}}"""
FLOATING = """void {}(bfloat16 *p, [[maybe_unused]] int n) {{
    auto f = aie::load_v<16>(p);
    [[maybe_unused]] auto g = aie::load_v<16>(p + 16);
    {}
    aie::store_v(p, f);
}}"""

# What a checked build calls, here to be written down.
RECORDER = r"""
#include <cstddef>
#include <cstdint>
extern "C" {
void __sanitizer_cov_trace_pc() {}  // nobody counts
struct access { uint64_t address, nbytes, is_store; };
access recorded[4096];
uint64_t count;
static void record(uintptr_t address, size_t nbytes, bool is_store) {
    recorded[count++ % 4096] = {address, nbytes, is_store};
}
#define RECORD(n)                                                                      \
    void __asan_load##n##_noabort(uintptr_t address) { record(address, n, false); }    \
    void __asan_store##n##_noabort(uintptr_t address) { record(address, n, true); }
RECORD(1) RECORD(2) RECORD(4) RECORD(8) RECORD(16)
void __asan_loadN_noabort(uintptr_t address, size_t n) { record(address, n, false); }
void __asan_storeN_noabort(uintptr_t address, size_t n) { record(address, n, true); }
void __asan_handle_no_return() {}
void __asan_register_globals(const void *, size_t) {}
void __asan_unregister_globals(const void *, size_t) {}
static void *copy(void *to, const void *from, size_t n) {
    record(uintptr_t(from), n, false), record(uintptr_t(to), n, true);
    for (size_t i = 0; i < n; ++i) static_cast<volatile char *>(to)[i] = static_cast<const volatile char *>(from)[i];
    return to;
}
static void *fill(void *to, int value, size_t n) {
    record(uintptr_t(to), n, true);
    for (size_t i = 0; i < n; ++i) static_cast<volatile char *>(to)[i] = char(value);
    return to;
}
void *__asan_memcpy(void *to, const void *from, size_t n) { return copy(to, from, n); }
void *__asan_memmove(void *to, const void *from, size_t n) { return copy(to, from, n); }
void *__asan_memset(void *to, int value, size_t n) { return fill(to, value, n); }
void *__wrap_memcpy(void *to, const void *from, size_t n) { return copy(to, from, n); }
void *__wrap_memmove(void *to, const void *from, size_t n) { return copy(to, from, n); }
void *__wrap_memset(void *to, int value, size_t n) { return fill(to, value, n); }
}
"""


class Access(ctypes.Structure):
    _fields_ = (("address", ctypes.c_uint64), ("nbytes", ctypes.c_uint64), ("is_store", ctypes.c_uint64))


def checked_library(folder: Path, target: str, source: str) -> ctypes.CDLL:
    """The source as a checked build of it, linked with the recorder; its frames have their shadow."""
    map_shadow_of_main_stack()
    cxx = find_cxx()
    (folder / "checked.cc").write_text(source)
    (folder / "recorder.cc").write_text(RECORDER)
    flags = [*TILE_CODE_FLAGS, "-Werror", f"-D__AIE_ARCH__={ARCHITECTURES[target]}", "-I", str(INCLUDE)]
    for arguments in (
        [*flags, *cxx.check_flags, "-c", "checked.cc"],
        [*RUNTIME_FLAGS, "-c", "recorder.cc"],
        ["-shared", "checked.o", "recorder.o", *cxx.link_flags, "-o", "checked.so"],
    ):
        done = subprocess.run([*cxx.command, *arguments], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(folder / "checked.so"))


def accesses(library: ctypes.CDLL, function: str, buffer: np.ndarray) -> list[tuple[str, int, int]]:
    """What the function does to the buffer, as (load or store, offset, bytes); offsets may lie anywhere."""
    count = ctypes.c_uint64.in_dll(library, "count")
    count.value = 0
    library[function](address(buffer), 3)
    recorded = (Access * 4096).in_dll(library, "recorded")
    start = buffer.ctypes.data
    made = [("store" if a.is_store else "load", int(a.address) - start, int(a.nbytes)) for a in recorded[: count.value]]
    # clang copies classes by memcpy, also from register to register; the emulator's checks pass over those.
    return [access for access in made if not find_cxx().is_clang or 0 <= access[1] < buffer.nbytes]


@pytest.mark.parametrize("target", ARCHITECTURES)
def test_a_checked_build_reports_tile_memory_and_no_registers(tmp_path: Path, target: str) -> None:
    floating = {"bfloat16", "bfloat16_mmul", "elementary"}
    functions = [
        (FLOATING if name in floating else INTEGER).format(f"kernel_{name}", work)
        for name, work in REGISTER_WORK.items()
    ]
    library = checked_library(tmp_path, target, REGISTER_PREFIX + "\n".join(functions) + "\n}\n")
    buffer = aligned(np.zeros(64), np.uint8)

    # The second load is not made where its vector is not used.
    first, second, store = ("load", 0, 32), ("load", 32, 32), ("store", 0, 32)
    found = {name: accesses(library, f"kernel_{name}", buffer) for name in REGISTER_WORK}
    others = {name: made for name, made in found.items() if made not in ([first, second, store], [first, store])}
    assert others == {}
    assert found["add"] == [first, second, store]


@pytest.mark.parametrize("elems", [16, 32, 64, 128])
@pytest.mark.parametrize("target", ARCHITECTURES)
def test_an_access_is_reported_once_and_whole(tmp_path: Path, target: str, elems: int) -> None:
    source = REGISTER_PREFIX + (
        f"void aligned(int8 *p, int) {{ aie::store_v(p, aie::load_v<{elems}>(p + 128)); }}\n"
        f"void unaligned(int8 *p, int) {{ aie::store_unaligned_v(p, aie::load_unaligned_v<{elems}>(p + 7)); }}\n"
        f"void iterators(int8 *p, int) {{ *aie::begin_vector<{elems}>(p) = *aie::cbegin_vector<{elems}>(p + 256); }}\n"
        "}\n"
    )
    library = checked_library(tmp_path, target, source)
    buffer = aligned(np.zeros(512), np.uint8)

    for name, at in (("aligned", 128), ("unaligned", 7), ("iterators", 256)):
        assert [("load", at, elems), ("store", 0, elems)] == accesses(library, name, buffer), name


def test_a_table_is_read_entry_by_entry_from_tile_memory(tmp_path: Path) -> None:
    source = REGISTER_PREFIX + (
        "void lookup(int8 *p, int) {\n"
        "    const aie::lut<4, int16> table(16, p + 64, p + 128);\n"
        "    const aie::parallel_lookup<uint8, aie::lut<4, int16>> look(table);\n"
        "    const auto x = aie::load_v<16>(reinterpret_cast<const uint8 *>(p));\n"
        "    aie::store_v(reinterpret_cast<int16 *>(p + 32), look.fetch(x));\n"
        "}\n}\n"
    )
    library = checked_library(tmp_path, "npu1", source)
    made = accesses(library, "lookup", aligned(np.zeros(192), np.uint8))

    copies = [64, 80, 128, 144]  # of entry 0, for lanes 0 to 3 and again
    assert [("load", 0, 16), *[("load", copies[i % 4], 2) for i in range(16)], ("store", 32, 32)] == made


SOURCE = r"""
#include <aie_api/aie.hpp>

extern "C" {

void copy(const int8 *from, int8 *to, int bytes) {
    if (bytes == 16) aie::store_unaligned_v(to, aie::load_v<16>(from));
    if (bytes == 32) aie::store_unaligned_v(to, aie::load_v<32>(from));
    if (bytes == 64) aie::store_unaligned_v(to, aie::load_v<64>(from));
    if (bytes == 128) aie::store_unaligned_v(to, aie::load_v<128>(from));
}
void copy_out(const int8 *from, int8 *to, int bytes) {
    if (bytes == 16) aie::store_v(to, aie::load_unaligned_v<16>(from));
    if (bytes == 32) aie::store_v(to, aie::load_unaligned_v<32>(from));
    if (bytes == 64) aie::store_v(to, aie::load_unaligned_v<64>(from));
    if (bytes == 128) aie::store_v(to, aie::load_unaligned_v<128>(from));
}
void iterate(const int8 *from, int8 *to) {
    auto in = aie::cbegin_vector<32>(from);
    auto out = aie::begin_vector<32>(to);
    *out++ = *in++;
    *out = *in;
}
}
"""


@pytest.fixture(scope="module", params=ARCHITECTURES)
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def compiled(target: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp(target)
    (folder / "hooks.cc").write_text(SOURCE)
    result = compile_for(target, folder / "hooks.cc", folder / "hooks.so")
    assert result.returncode == 0, result.stderr
    return folder / "hooks.so"


@pytest.fixture
def library(compiled: Path) -> ctypes.CDLL:
    loaded = ctypes.CDLL(str(compiled))
    (ctypes.c_uint32 * 3).in_dll(loaded, "tileproof_core_state")[:] = (0, 0, 0)
    Fault.in_dll(loaded, "tileproof_fault").kind = 0
    return loaded


def test_the_state_is_there_by_name_and_starts_at_zero(compiled: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.so"
    fresh.write_bytes(compiled.read_bytes())
    loaded = ctypes.CDLL(str(fresh))

    assert list((ctypes.c_uint32 * 3).in_dll(loaded, "tileproof_core_state")) == [0, 0, 0]


NEEDED = {16: (16, 16), 32: (32, 32), 64: (32, 64), 128: (32, 64)}


@pytest.mark.parametrize("nbytes", NEEDED)
@pytest.mark.parametrize("offset", [0, 1, 16, 33])
def test_a_misaligned_load_as_the_hardware_does_it_reads_below_in_silence(
    library: ctypes.CDLL, target: str, nbytes: int, offset: int
) -> None:
    (ctypes.c_uint32 * 3).in_dll(library, "tileproof_core_state")[2] = 1
    source, actual = aligned(np.arange(256), np.uint8), aligned(np.zeros(128), np.uint8)
    library.copy(address(source[offset:]), address(actual), nbytes)

    at = offset - offset % NEEDED[nbytes][target == "npu2"]
    assert source[at : at + nbytes].tolist() == actual[:nbytes].tolist()
    assert Fault.in_dll(library, "tileproof_fault").kind == 0


@pytest.mark.parametrize("nbytes", NEEDED)
def test_a_misaligned_store_as_the_hardware_does_it_writes_below_in_silence(
    library: ctypes.CDLL, target: str, nbytes: int
) -> None:
    (ctypes.c_uint32 * 3).in_dll(library, "tileproof_core_state")[2] = 1
    source, actual = aligned(np.arange(1, 129), np.uint8), aligned(np.zeros(256), np.uint8)
    library.copy_out(address(source), address(actual[40:]), nbytes)

    at = 40 - 40 % NEEDED[nbytes][target == "npu2"]
    assert [0] * at + source[:nbytes].tolist() + [0] * (256 - at - nbytes) == actual.tolist()
    assert Fault.in_dll(library, "tileproof_fault").kind == 0


def test_iterators_are_misaligned_as_the_hardware_is(library: ctypes.CDLL) -> None:
    source, actual = aligned(np.arange(128), np.uint8), aligned(np.zeros(128), np.uint8)
    (ctypes.c_uint32 * 3).in_dll(library, "tileproof_core_state")[2] = 1
    library.iterate(address(source[5:]), address(actual[40:]))

    assert [0] * 32 + source[:64].tolist() + [0] * 32 == actual.tolist()
    assert Fault.in_dll(library, "tileproof_fault").kind == 0


def test_without_the_hardwares_silence_the_address_asked_for_is_read_and_reported(library: ctypes.CDLL) -> None:
    source, actual = aligned(np.arange(128), np.uint8), aligned(np.zeros(128), np.uint8)
    library.copy(address(source[5:]), address(actual), 32)

    fault = Fault.in_dll(library, "tileproof_fault")
    assert source[5:37].tolist() == actual[:32].tolist()
    assert (fault.kind, fault.needed, fault.bytes, fault.address) == (1, 32, 32, source.ctypes.data + 5)
