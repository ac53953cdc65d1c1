"""`--untrusted`: what a kernel, a compiler and tile code of somebody else may do, and what is left of them."""

from __future__ import annotations

import errno
import os
import platform
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from small_kernel import DOUBLE, write_kernel

from tileproof.cli import main
from tileproof.emulator.pyxrt.journal import journal
from tileproof.library import data_dir, kernel_names
from tileproof.sandbox import confine, landlock, seccomp
from tileproof.sandbox.bounds import Limits
from tileproof.sandbox.untrusted import Untrusted, untrusted
from tileproof.sandbox.warden import processes

needs_sandbox = pytest.mark.skipif(bool(confine.missing()), reason=confine.missing())
SECRET = "a-word-that-nobody-may-see"


@dataclass
class Target:
    """What an attack is after, and what was begun meanwhile."""

    folder: Path
    server: socket.socket
    groups: list[int] = field(default_factory=list)

    @property
    def names(self) -> Mapping[str, object]:
        """What the text of an attack may name."""
        return {
            "secret": str(self.folder / "secret"),
            "outside": str(self.folder / "outside"),
            "port": self.server.getsockname()[1],
            "tileproof": os.getpid(),
        }

    @property
    def build_dir(self) -> Path:
        return self.folder / "build"

    def check_unharmed(self, told: str) -> None:
        """Nothing was seen, written, reached or left."""
        assert SECRET not in told
        assert not any(SECRET.encode() in path.read_bytes() for path in self.build_dir.rglob("*") if path.is_file())
        assert (self.folder / "secret").read_text() == SECRET
        assert (self.folder / "secret").stat().st_mode & 0o777 == 0o600
        assert not (self.folder / "outside").exists()
        with pytest.raises(BlockingIOError):
            self.server.accept()
        assert self.left_running() == []
        assert not list(self.build_dir.glob(".untrusted-*"))

    def left_running(self) -> list[int]:
        """Groups of foreign code in which there still is a process; what was ended may take a moment to be gone."""
        until = time.monotonic() + 5
        while left := sorted({group for group, *_ in processes()} & set(self.groups)):
            if time.monotonic() > until:
                break
            time.sleep(0.01)
        return left


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "secret").chmod(0o600)
    monkeypatch.setenv("TOKEN", SECRET)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        target = Target(tmp_path, server)
        end = Untrusted.end

        def ended(self: Untrusted, pid: int) -> None:
            target.groups.append(pid)
            end(self, pid)

        monkeypatch.setattr(Untrusted, "end", ended)
        yield target


def run(target: Target, capfd: pytest.CaptureFixture[str], command: str = "verify") -> tuple[int, str]:
    """Exit code, and all that is printed by whomever."""
    folder = ("--build-dir", str(target.build_dir)) if command in ("verify", "build") else ()
    code = main([command, "double", "--kernels", str(target.folder / "kernels"), *folder, "--untrusted"])
    told = capfd.readouterr()
    return code, told.out + told.err


# Each with what is said of it: of Python that starts no process, and of a compiler, which may.

NO_FILE, NOT_PERMITTED = "Permission denied", "Operation not permitted"
ATTACKS = {
    "reads a secret": ("print(open({secret!r}).read())", NO_FILE),
    "reads the environment": ("print(open('/proc/{tileproof}/environ').read())", NO_FILE),
    "prints its own environment": ("raise OSError(str(dict(os.environ)))", "TMPDIR"),
    "looks for it elsewhere": ("raise OSError(str(__import__('posix').environ))", "OSError: {"),
    "reads who else is here": ("open('/etc/passwd').read()", NO_FILE),
    "writes outside": ("open({outside!r}, 'w').write('x')", NO_FILE),
    "cuts a file short": ("os.truncate({secret!r}, 0)", NO_FILE),
    "changes a mode": ("os.chmod({secret!r}, 0o777)", NOT_PERMITTED),
    "changes a time": ("os.utime({secret!r}, (0, 0))", NOT_PERMITTED),
    "removes a file": ("os.unlink({secret!r})", NO_FILE),
    "makes a link that tileproof would follow": ("os.symlink({outside!r}, os.environ['TMPDIR'] + '/x')", NO_FILE),
    "links to a secret": ("os.link({secret!r}, os.environ['TMPDIR'] + '/x')", "Invalid cross-device link"),
    "connects": ("socket.create_connection(('127.0.0.1', {port}))", NOT_PERMITTED),
    "connects by a file": ("socket.socket(socket.AF_UNIX)", NOT_PERMITTED),
    "sends by a pair": ("socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)", NOT_PERMITTED),
    "sends a datagram": ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", NOT_PERMITTED),
    "ends tileproof": ("os.kill({tileproof}, 9)", NOT_PERMITTED),
    "lets tileproof be signalled": ("fcntl.fcntl(0, fcntl.F_SETOWN, {tileproof})", NOT_PERMITTED),
    "limits tileproof": ("resource.prlimit({tileproof}, resource.RLIMIT_CPU, (1, 1))", NOT_PERMITTED),
    "writes to tileproof's descriptors": ("open('/proc/{tileproof}/fd/1', 'w').write('x')", NO_FILE),
    "leaves its group": ("os.setsid()", NOT_PERMITTED),
    "leaves it by a daemon": ("os.fork() or (os.setsid(), time.sleep(99)); os.wait()[1] and exit(NO)", None),
    "types into the terminal": ("fcntl.ioctl(2, termios.TIOCSTI, 'x')", "Inappropriate ioctl"),
    "enters another namespace": (
        "ctypes.CDLL(None).unshare(0x10000000) == 0 or exit('not permitted')",
        "not permitted",
    ),
    "allocates": ("bytearray(100 << 30)", "MemoryError"),
    "starts threads": ("[threading.Thread(target=time.sleep, args=(99,)).start() for _ in range(9999)]", None),
    "forks without an end": ("while True: os.fork()", None),
}
IMPORTS = "import ctypes, fcntl, os, resource, socket, termios, threading, time\nNO = 'Operation not permitted'"
OVER_LIMIT = "took more of this machine than foreign code may"


def attack_of(name: str, target: Target) -> str:
    return ATTACKS[name][0].format_map(target.names)


@needs_sandbox
@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_kernels_python_tries_is_stopped_and_told(
    attack: str, target: Target, capfd: pytest.CaptureFixture[str]
) -> None:
    constants = write_kernel(target.folder) / "double" / "constants.py"
    constants.write_text(
        f"{IMPORTS}\n\n\ndef constants(sizes, scales):\n    {attack_of(attack, target)}\n    return {{}}\n"
    )
    code, told = run(target, capfd, "show")

    assert code == 1
    assert told.startswith(("error: double: constants.py fails\n", f"error: double: its Python {OVER_LIMIT}\n"))
    assert (ATTACKS[attack][1] or (OVER_LIMIT if "threads" in attack else NOT_PERMITTED)) in told
    target.check_unharmed(told)


@needs_sandbox
@pytest.mark.parametrize("file", ["cases", "golden", "integer"])
def test_all_python_of_a_kernel_is_held(file: str, target: Target, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_kernel(target.folder) / "double" / f"{file}.py"
    path.write_text(f"open({str(target.folder / 'secret')!r})\n")
    code, told = run(target, capfd)

    assert code == 1
    assert f"double: {file}.py fails" in told
    assert f"{path}:1" in told
    assert NO_FILE in told
    target.check_unharmed(told)


@needs_sandbox
def test_shipped_kernels_verify_as_without(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def verdicts(*options: str) -> list[tuple[object, ...]]:
        import json

        assert main(["verify", "--build-dir", str(tmp_path / "-".join(options)), "--json", *options]) == 0
        found = json.loads(capfd.readouterr().out)["verdicts"]
        return [
            (one["kernel"], one["case"], one["outcome"], one["outputs"], one["artifacts"]["digest"]) for one in found
        ]

    assert {name for name, *_ in verdicts("--untrusted")} == set(kernel_names())
    assert verdicts("--untrusted") == verdicts()


# Compilers


def compiler(target: Target, monkeypatch: pytest.MonkeyPatch, attack: str, when: str = "-c") -> None:
    """$CXX is a program that tries something when it is given that argument, and is a compiler otherwise."""
    script = target.folder / "cxx"
    script.write_text(
        f"#!{sys.executable}\nimport sys\n{IMPORTS}\n"
        f"if {when!r} in sys.argv:\n    {attack}\nos.execvp('c++', ['c++', *sys.argv[1:]])\n"
    )
    script.chmod(0o700)
    monkeypatch.setenv("CXX", str(script))


@needs_sandbox
@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_compiler_tries_is_stopped_and_told(
    attack: str, target: Target, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_kernel(target.folder)
    compiler(target, monkeypatch, attack_of(attack, target))
    code, told = run(target, capfd, "build")

    assert code in (1, 3)
    assert told.count("error: ") == 1
    assert (ATTACKS[attack][1] or (NOT_PERMITTED if "daemon" in attack else OVER_LIMIT)) in told
    target.check_unharmed(told)


@needs_sandbox
def test_a_compiler_that_is_only_asked_for_its_version_is_held(
    target: Target, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_kernel(target.folder)
    compiler(target, monkeypatch, attack_of("reads a secret", target), when="--version")
    code, told = run(target, capfd, "build")

    assert code == 3
    assert told.startswith("error: the C++ compiler that $CXX names does not run\n")
    target.check_unharmed(told)


@needs_sandbox
def test_a_place_that_a_compiler_names_is_not_read_for_it(
    target: Target, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_kernel(target.folder)
    compiler(target, monkeypatch, f"exit({str(target.folder / 'secret')!r} + ':1:1: error: look there')")
    code, told = run(target, capfd, "build")

    assert code == 1
    assert "look there" in told
    target.check_unharmed(told)


@needs_sandbox
@pytest.mark.parametrize("said", ["{}", "7", '{"said": {"id": "no-room"}, "exit_code": 0}', "{"])
def test_what_a_compiler_says_in_the_place_of_tileproof_is_not_taken_for_it(
    said: str, target: Target, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_kernel(target.folder)
    compiler(target, monkeypatch, f"exit({'tileproof-problem: ' + said!r})")
    code, told = run(target, capfd, "build")

    assert code == 1
    assert "tileproof explain compile-failed" in told


@needs_sandbox
def test_a_build_that_is_trusted_finds_nothing_of_one_that_was_not(
    target: Target, capfd: pytest.CaptureFixture[str]
) -> None:
    write_kernel(target.folder)
    run(target, capfd, "build")

    assert [path.name for path in (target.build_dir / "double").iterdir()] == ["double_i32_64__npu1.untrusted"]


LEFT = "if not os.fork():\n        os.closerange(0, 99)\n        while True: time.sleep(9)"


@needs_sandbox
def test_what_a_compiler_leaves_running_ends_with_the_build(
    target: Target, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_kernel(target.folder)
    compiler(target, monkeypatch, LEFT)
    code, told = run(target, capfd, "build")

    assert code == 0, told
    target.check_unharmed(told)


@needs_sandbox
def test_it_ends_also_where_tileproof_itself_is_killed(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = write_kernel(target.folder)
    compiler(target, monkeypatch, f"{LEFT}\n    open('begun', 'w').close()\n    time.sleep(99)")
    command = [sys.executable, "-m", "tileproof", "build", "double", "--kernels", str(kernels), "--untrusted"]
    with subprocess.Popen([*command, "--build-dir", str(target.build_dir)]) as process:
        while not (begun := list(target.build_dir.rglob("begun"))):
            time.sleep(0.01)
        held = {group for group, cwd in of_groups() if cwd == begun[0].parent}
        process.send_signal(signal.SIGKILL)
    target.groups += held

    assert len(held) == 1
    assert target.left_running() == []


def of_groups() -> Iterator[tuple[int, Path]]:
    """The process group and the working folder of every process that may be asked."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            yield os.getpgid(int(process.name)), (process / "cwd").readlink()
        except OSError:
            continue


# Tile code, which calls the kernel by itself: names of the C library are refused before it runs.

CALL = """
// Machine code as data, for inline assembly is refused as well.
#define HERE section(".text,\\"ax\\",@progbits#")
#define CODE extern "C" __attribute__((HERE, used, aligned(16))) const unsigned char raw[]
#if defined(__x86_64__)
enum { openat = 257, socket = 41, mmap = 9, clone = 56, setsid = 112, kill = 62, getppid = 110, fchmodat = 268 };
enum { write = 1, ftruncate = 77, execve = 59 };
CODE = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6, 0x48, 0x89, 0xca, 0x4d, 0x89, 0xc2, 0x4d, 0x89, 0xc8,
        0x4c, 0x8b, 0x4c, 0x24, 0x08, 0x0f, 0x05, 0xc3};
#else
enum { openat = 56, socket = 198, mmap = 222, clone = 220, setsid = 157, kill = 129, getppid = 173, fchmodat = 53 };
enum { write = 64, ftruncate = 46, execve = 221 };
CODE = {0xe8, 0x03, 0x00, 0xaa, 0xe0, 0x03, 0x01, 0xaa, 0xe1, 0x03, 0x02, 0xaa, 0xe2, 0x03, 0x03, 0xaa, 0xe3, 0x03,
        0x04, 0xaa, 0xe4, 0x03, 0x05, 0xaa, 0xe5, 0x03, 0x06, 0xaa, 0x01, 0x00, 0x00, 0xd4, 0xc0, 0x03, 0x5f, 0xd6};
#endif
static long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
    return reinterpret_cast<long (*)(long, long, long, long, long, long, long)>(
        reinterpret_cast<unsigned long>(raw))(number, a, b, c, d, e, f);
}
static long at(const char *text) { return reinterpret_cast<long>(text); }
static long attack() {
    %s
}
"""
# What is asked for, and what the kernel answers: an error, which the tile code puts out as its first number.
TILE_ATTACKS = {
    "reads a secret": ('return call(openat, -100, at("{secret}"), 0);', -13),
    "writes outside": ('return call(openat, -100, at("{outside}"), 0101, 0600);', -13),
    "changes a mode": ('return call(fchmodat, -100, at("{secret}"), 0777);', -1),
    "makes a socket": ("return call(socket, 2, 1);", -1),
    "forks without an end": ("long child = 0; while (child >= 0) child = call(clone, 17); return child;", -1),
    "leaves its group": ("return call(setsid);", -1),
    "ends tileproof": ("return call(kill, call(getppid), 9);", -1),
    "allocates": ("return call(mmap, 0, 100L << 30, 3, 0x22, -1);", -12),
}


def attacking(target: Target, attack: str) -> None:
    body = f"long found = attack();\n    {DOUBLE}\n    if (found < 0)\n        y[0] = static_cast<element>(found);"
    text = attack
    for name, value in target.names.items():
        text = text.replace(f"{{{name}}}", str(value))
    write_kernel(target.folder, body=body, head=CALL % text)


@needs_sandbox
@pytest.mark.parametrize("attack", TILE_ATTACKS)
def test_what_tile_code_tries_is_stopped(attack: str, target: Target, capfd: pytest.CaptureFixture[str]) -> None:
    text, answer = TILE_ATTACKS[attack]
    attacking(target, text)
    code, told = run(target, capfd)

    assert code == 1
    assert f": {answer} instead of " in told
    target.check_unharmed(told)


READING = TILE_ATTACKS["reads a secret"][0]


@needs_sandbox
def test_tile_code_of_any_design_is_held(target: Target, capfd: pytest.CaptureFixture[str]) -> None:
    examples, out = data_dir("examples"), target.folder / "out.npy"
    code = (examples / "tile.cc").read_text().replace("doubled(small, y);", "doubled(small, y);\n    y[0] = attack();")
    secret = str(target.folder / "secret")
    (target.folder / "tile.cc").write_text(CALL % READING.replace("{secret}", secret) + code)
    emulate = ["emulate", str(examples / "design.mlir"), "--tile-code", str(target.folder / "tile.cc"), "--untrusted"]
    main([*emulate, "--arg", "0=ones", "--arg", "1=zeros", "--save", f"1={out}"])
    told = capfd.readouterr()

    assert np.load(out)[0] == -13
    target.check_unharmed(told.out + told.err)


@needs_sandbox
def test_an_xclbin_that_a_host_program_loads_is_held(
    target: Target, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    attacking(target, READING)
    main(["build", "double", "--kernels", str(target.folder / "kernels"), "--build-dir", str(target.build_dir)])
    capfd.readouterr()
    monkeypatch.chdir(target.folder)
    # What other tests have done with XRT in this process is not this program's.
    monkeypatch.setattr(journal, "mistakes", [])
    monkeypatch.setattr(journal, "open", set())
    code = main(["run", "--untrusted", str(data_dir("examples") / "host.py")])
    told = capfd.readouterr()

    assert (code, told.out) == (0, "[-13, 3, 5, 7]\n"), told.err
    target.check_unharmed(told.out + told.err)


# Answers that are none


@needs_sandbox
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("g.golden_steps = lambda spec, inputs: {'y': 'no array'}", "answers something else than it was asked for"),
        ("g.golden_steps = lambda spec, inputs: 7", "answers something else than it was asked for"),
        ("a.pack = lambda value: b'x' * 99", "its Python ended the process that it runs in"),
        ("a.pack = lambda value: g.pack({'said': 1})", "its Python ended the process that it runs in"),
        ("a.pack = lambda value: g.pack(7)", "its Python ended the process that it runs in"),
        ("a.Connection.send_bytes = lambda c, v: os.write(c.fileno(), b'\\xff' * 12)", "its Python ended the process"),
    ],
)
def test_an_answer_that_a_kernels_python_forges_is_told(
    spoil: str, told: str, target: Target, capfd: pytest.CaptureFixture[str]
) -> None:
    golden = write_kernel(target.folder) / "double" / "golden.py"
    golden.write_text(
        "import os\nimport tileproof.kernel.apart as a\nimport tileproof.kernel.golden as g\n"
        f"import tileproof.kernel.packed as p\ng.pack = p.pack\n{spoil}\n\n\n"
        "def golden(x):\n    return {'y': 2 * x + 1}\n"
    )
    code, said = run(target, capfd)

    assert code == 1
    assert told in said
    target.check_unharmed(said)


@needs_sandbox
@pytest.mark.parametrize(
    "attack",
    [
        "char odd[99] = {}; for (int to = 3; to < 1024; ++to) call(write, to, (long)odd, sizeof odd); return 0;",
        "for (int fd = 3; fd < 1024; ++fd) call(ftruncate, fd, 0); return -1;",
        'const char *none[] = {nullptr}; return call(execve, at("/bin/true"), reinterpret_cast<long>(none), 0);',
    ],
    ids=["writes to all descriptors", "shortens what is shared", "becomes another program"],
)
def test_tile_code_that_writes_where_tileproof_reads_ends_in_a_fault(
    attack: str, target: Target, capfd: pytest.CaptureFixture[str]
) -> None:
    attacking(target, attack)
    code, told = run(target, capfd)

    assert code == 1
    assert "double: FAIL" in told
    assert "a bug of tileproof" not in told
    target.check_unharmed(told)


# Limits


@needs_sandbox
@pytest.mark.parametrize(
    ("limits", "does", "told"),
    [
        (Limits(cpu_s=1), "while True: pass", "the process was gone: Killed"),
        (Limits(wait_s=0.5), "time.sleep(99)", "why:   it had not ended after 0.5 s; all of it was ended"),
        (Limits(file_bytes=1000), "open(os.environ['TMPDIR'] + '/x', 'wb').truncate(2000)", "File too large"),
        (Limits(resident_bytes=1 << 29), "bytearray(b'x') * (1 << 30); time.sleep(9)", "may have 536,870,912"),
        (Limits(tasks=3), "[threading.Thread(target=time.sleep, args=(9,)).start() for _ in range(9)]; time.sleep(9)",
         "processes and threads, and may have 3; all of it was ended"),
    ],
)  # fmt: skip
def test_what_takes_more_than_it_may_is_ended(
    limits: Limits, does: str, told: str, target: Target, capfd: pytest.CaptureFixture[str]
) -> None:
    constants = write_kernel(target.folder) / "double" / "constants.py"
    constants.write_text(f"{IMPORTS}\n\n\ndef constants(sizes, scales):\n    {does}\n    return {{}}\n")
    with untrusted(limits=limits):
        code, said = run(target, capfd, "show")

    assert code == 1
    assert told in said, said
    target.check_unharmed(said)


@needs_sandbox
def test_a_compiler_that_never_ends_is_ended(
    target: Target, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_kernel(target.folder)
    compiler(target, monkeypatch, "time.sleep(99)")
    with untrusted(limits=Limits(wait_s=2)):
        code, told = run(target, capfd, "build")

    assert code == 1
    assert told.startswith(f"error: ninja {OVER_LIMIT}\n")
    assert "why:   it had not ended after 2 s; all of it was ended\n" in told
    target.check_unharmed(told)


@needs_sandbox
def test_the_steps_of_foreign_code_together_have_the_time_of_one(
    target: Target, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels = write_kernel(target.folder)
    compiler(target, monkeypatch, "time.sleep(99)")
    folders = ("--kernels", str(kernels), "--build-dir", str(target.build_dir))
    code = main(["build", "double", *folders, "--untrusted", "--step-timeout", "2"])
    told = capfd.readouterr()

    assert (code, told.out) == (3, "")
    assert told.err.startswith("error: double: a build step was ended after 2 s, for it came to no end\n")
    target.check_unharmed(told.err)


# What cannot be held


@pytest.mark.parametrize(
    ("lacking", "why"),
    [
        ("landlock", "the kernel has no Landlock, or is told not to use it: Function not implemented"),
        ("version", "the kernel's Landlock is of version 2, and before 3 (Linux 6.2) it lets files be cut short"),
        ("machine", "the filter of system calls is written for x86-64 and aarch64, and this is riscv64"),
        ("linux", "this is darwin, and the sandbox is made of Linux's Landlock and seccomp"),
    ],
)
def test_where_the_kernel_cannot_hold_it_nothing_runs(
    lacking: str, why: str, target: Target, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_landlock() -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    patches = {
        "landlock": (landlock, "abi", no_landlock),
        "version": (landlock, "abi", lambda: 2),
        "machine": (platform, "machine", lambda: "riscv64"),
        "linux": (sys, "platform", "darwin"),
    }
    monkeypatch.setattr(*patches[lacking])
    constants = write_kernel(target.folder) / "double" / "constants.py"
    constants.write_text(f"open({str(target.folder / 'outside')!r}, 'w')\n")
    code, told = run(target, capfd, "show")

    assert (code, told) == (
        3,
        "error: foreign code cannot be held in a sandbox here\n"
        "  where: --untrusted\n"
        f"  why:   {why}\n"
        "  fix:   run it in a virtual machine, or on another one; without --untrusted it has all that you may do\n"
        "  more:  tileproof explain no-sandbox\n",
    )
    target.check_unharmed(told)


@needs_sandbox
def test_where_a_part_is_refused_only_when_it_is_asked_for_nothing_runs_either(
    target: Target, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> int:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(seccomp, "restrict_calls", refused)
    constants = write_kernel(target.folder) / "double" / "constants.py"
    constants.write_text(f"open({str(target.folder / 'outside')!r}, 'w')\n")
    code, told = run(target, capfd, "show")

    assert code == 3
    assert "  why:   the kernel refuses a part of it: Device or resource busy\n" in told
    target.check_unharmed(told)


@needs_sandbox
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("verify", "canary", "--device", "npu"), "an NPU"),
        (("verify", "canary", "--hosts", "tcp://127.0.0.1:1"), "other machines"),
        (("build", "canary", "--toolchain", "mlir-aie"), "a build for an NPU"),
        (("check", "canary", "--against-mlir-aie"), "mlir-aie"),
        (("run", "--device", "npu", "script.py"), "an NPU"),
    ],
)
def test_what_is_not_held_is_refused(
    options: tuple[str, ...],
    told: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text("")
    code = main([options[0], "--untrusted", *options[1:]])
    out = capfd.readouterr()

    assert code in (2, 3)
    assert f"--untrusted does not hold {told}" in out.out + out.err, out


# The filter of system calls


MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOWED, ASKED, REFUSED, UNKNOWN, DONE, NO_TERMINAL, KILLED = (
    0x7FFF0000,
    0x7FC00000,
    0x50001,
    0x50026,
    0x50000,
    0x50019,
    0x80000000,
)


def answered(machine: str, call: str, *arguments: int, starts_processes: bool = False, audited: int = 0) -> int:
    """What the filter of the process 7 says to a call; the kernel's own interpreter does the same."""
    tables = {**seccomp._REFUSED, **seccomp._UNKNOWN, **seccomp._FORKS, **MORE}
    number = tables[call][list(MACHINES).index(machine)]
    assert number is not None
    words = struct.pack("<IIQ6Q", number, audited or MACHINES[machine], 0, *arguments, *[0] * (6 - len(arguments)))
    code, at, held = seccomp.program(machine, 7, starts_processes=starts_processes), 0, 0
    while True:
        kind, so, not_so, value = code[at]
        at += 1
        if kind == 0x20:
            held = struct.unpack_from("<I", words, value)[0]
        elif kind == 0x06:
            return value
        else:
            at += so if {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[kind] else not_so


MORE = {
    "read": (0, 63), "openat": (257, 56), "execve": (59, 221), "setpgid": (109, 154), "clone": (56, 220),
    "prctl": (157, 167), "ioctl": (16, 29), "prlimit64": (302, 261), "kill": (62, 129), "fcntl": (72, 25),
    "x32": (0x40000000, 0x40000000),
}  # fmt: skip


@pytest.mark.parametrize("machine", MACHINES)
def test_the_filter_answers_each_call_as_it_is_written(machine: str) -> None:
    column = list(MACHINES).index(machine)
    for call, numbers in seccomp._REFUSED.items():
        assert numbers[column] is None or answered(machine, call) == REFUSED
    assert {answered(machine, call) for call in seccomp._UNKNOWN} == {UNKNOWN}
    assert {answered(machine, call) for call in ("read", "openat", "execve")} == {ALLOWED}
    assert answered(machine, "read", audited=0x40000003) == KILLED
    assert answered(machine, "x32") == UNKNOWN
    assert answered(machine, "setpgid") == DONE


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("call", "arguments", "answer"),
    [
        ("clone", (17,), REFUSED),
        ("clone", (0x3D0F00,), ASKED),
        ("clone", (0x10000 | 0x10000000,), REFUSED),
        ("prctl", (1, 0), REFUSED),
        ("prctl", (15, 0), ALLOWED),
        ("ioctl", (2, 0x5401), ALLOWED),
        ("ioctl", (2, 0x5412), NO_TERMINAL),
        ("ioctl", (2, 0x5412 | 1 << 32), NO_TERMINAL),
        ("prlimit64", (0,), ALLOWED),
        ("prlimit64", (7,), ALLOWED),
        ("prlimit64", (8,), REFUSED),
        ("kill", (7, 9), ALLOWED),
        ("kill", (0, 9), REFUSED),
        ("kill", (0xFFFFFFFF, 9), REFUSED),
        ("fcntl", (0, 8), REFUSED),
        ("fcntl", (0, 3), ALLOWED),
    ],
)
def test_the_filter_looks_at_what_a_call_is_given(
    machine: str, call: str, arguments: tuple[int, ...], answer: int
) -> None:
    assert answered(machine, call, *arguments) == answer


@pytest.mark.parametrize("machine", MACHINES)
def test_what_consists_of_programs_may_start_them_and_no_namespace(machine: str) -> None:
    assert answered(machine, "clone", 17, starts_processes=True) == ASKED
    assert answered(machine, "clone", 17 | 0x20000000, starts_processes=True) == REFUSED
