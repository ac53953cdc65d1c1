"""Cases handed to a Dask cluster: several machines, each with tileproof, an NPU, and a worker that says so (NPU=1).

What is proved is built here, once: every machine is given the same pair, the canary's, and the kernel's folder.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tileproof import __version__
from tileproof.build.prepare import Rendered, render_kernel
from tileproof.device import NPU
from tileproof.errors import EXIT_NOT_HERE, Problem, bytes_of
from tileproof.insts import binary_words
from tileproof.kernel.spec import Case
from tileproof.sandbox.untrusted import refuse_untrusted
from tileproof.verify.bench import unjudged
from tileproof.verify.canary import find_canary
from tileproof.verify.prove import Known, chosen_cases, nothing_known, prove_kernel
from tileproof.verify.request import VerifyRequest
from tileproof.verify.sources import Source, find_source

if TYPE_CHECKING:
    from distributed import Client, Future

    from tileproof.verify.verdict import Verdict

RESOURCE = "NPU"
_CONNECT_S = 10
_LOOK_S = 10  # between two looks whether anybody is still there


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """All that another machine needs to prove a kernel: the files of its folder, the pair, and the canary's."""

    tileproof: str
    kernel: str
    folder: Mapping[str, bytes]
    pair: tuple[bytes, bytes]
    canary: tuple[bytes, bytes] | None


def prove_on_hosts(
    name: str, request: VerifyRequest, scheduler: str, say: Callable[[str], None], known: Known = nothing_known
) -> Generator[Verdict, None, None]:
    """As `prove_kernel`, on the workers of the cluster at `scheduler`: one verdict per case, in their order."""
    refuse_untrusted("other machines", "the sandbox is of this one, and their workers are theirs", "leave --hosts out")
    rendered = render_kernel(name, request.build)
    cases = chosen_cases(rendered.spec, request)
    with closing(_client(scheduler)) as client:
        try:
            source = find_source(rendered, request, say)
            parcel = _parcel(rendered, request, source, say)
        except Problem as problem:
            yield from unjudged(rendered.spec, request, cases, problem)
            return
        variant = rendered.spec.variant(request.build.target)
        decided = {case.name: known(variant, case, source) for case in cases}
        run = replace(request.run, xclbin=None, insts=None, canary=None, device=source.device)
        asked = replace(request, build=replace(request.build, kernels=None), run=run)
        tasks = {
            case.name: _Task(client, parcel, _of_case(asked, case, cases))
            for case in cases
            if decided[case.name] is None
        }
        for case in cases:
            verdict = decided[case.name]
            if verdict is None:
                say(f"{name}: {case.name}")
                verdict = _verdict(tasks[case.name], rendered, request, source, case)
            yield verdict


def _of_case(request: VerifyRequest, case: Case, cases: Sequence[Case]) -> VerifyRequest:
    besides = tuple(other.name for other in cases if other is not case)
    return replace(request, cases=replace(request.cases, names=(case.name,), besides=besides))


def _client(scheduler: str) -> Client:
    """A connection to a cluster with at least one worker that has an NPU; others would wait for one for ever."""
    try:
        from distributed import Client
    except ImportError:
        raise Problem(
            "there is no Dask here",
            id="no-worker",
            where=f"--hosts {scheduler}",
            why="dask.distributed is an extra",
            fix="pip install 'tileproof[hosts]', here and on every worker",
            exit_code=EXIT_NOT_HERE,
        ) from None
    try:
        client = Client(scheduler, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        raise Problem(
            f"there is no Dask scheduler at {scheduler}",
            id="no-worker",
            where=f"--hosts {scheduler}",
            why=str(error).strip() or type(error).__name__,
            fix="start one (`dask scheduler`), and give its address, for instance tcp://192.168.1.2:8786",
            exit_code=EXIT_NOT_HERE,
        ) from None
    if not _npu_workers(client):
        workers = client.scheduler_info()["workers"]
        client.close()
        raise Problem(
            f"no worker of {scheduler} has an NPU",
            id="no-worker",
            where=f"--hosts {scheduler}",
            why=f"of its {len(workers)} workers none was started with the resource {RESOURCE}=1",
            fix=f"on each machine with an NPU: dask worker {scheduler} --resources {RESOURCE}=1 --nthreads 1",
            exit_code=EXIT_NOT_HERE,
        )
    return client


def _npu_workers(client: Client) -> set[str]:
    """The addresses of those that have said so."""
    workers = client.scheduler_info()["workers"].items()
    return {address for address, worker in workers if worker.get("resources", {}).get(RESOURCE, 0) >= 1}


def _parcel(rendered: Rendered, request: VerifyRequest, source: Source, say: Callable[[str], None]) -> Parcel:
    folder = rendered.spec.folder
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    canary = find_canary(request, say) if source.device == NPU else ""
    return Parcel(
        tileproof=__version__,
        kernel=rendered.spec.name,
        folder={str(path.relative_to(folder)): bytes_of(path) for path in files},
        pair=_pair_of(source),
        canary=None if isinstance(canary, str) else _pair_of(canary.source),
    )


def _pair_of(source: Source) -> tuple[bytes, bytes]:
    assert source.pair is not None  # a recording is not sent anywhere
    xclbin, insts = source.pair.paths
    return bytes_of(xclbin), binary_words(bytes_of(insts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """By which worker, and its verdict or what kept it from one."""

    worker: str
    verdict: Verdict | None = None
    problem: Problem | None = None

    @property
    def is_undecided(self) -> bool:
        from tileproof.verify.verdict import NOT_RUN

        return self.verdict is None or self.verdict.outcome == NOT_RUN


def prove_there(parcel: Parcel, request: VerifyRequest) -> Answered:
    """On a worker: what it finds, and where."""
    from distributed import get_worker

    worker = str(get_worker().address)
    try:
        (verdict,) = prove_here(parcel, request)
    except Problem as problem:
        return Answered(worker=worker, problem=problem)
    return Answered(worker=worker, verdict=verdict)


def prove_here(parcel: Parcel, request: VerifyRequest) -> list[Verdict]:
    """Unpack, prove, and say which machine it was. A `Problem` where it has another tileproof."""
    if parcel.tileproof != __version__:
        raise Problem(
            f"{socket.gethostname()} has another tileproof",
            id="other-tileproof",
            where=f"--hosts, the worker on {socket.gethostname()}",
            why=f"it has {__version__}, and this is {parcel.tileproof}",
            fix="install the same one on every machine",
            exit_code=EXIT_NOT_HERE,
        )
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        for name, data in parcel.folder.items():
            path = here / "kernels" / parcel.kernel / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        xclbin, insts = _unpacked(here / "pair", parcel.pair)
        canary = None if parcel.canary is None else _unpacked(here / "canary", parcel.canary)
        unpacked = replace(
            request,
            build=replace(request.build, kernels=here / "kernels", build_dir=here / "build"),
            run=replace(request.run, xclbin=xclbin, insts=insts, canary=canary),
        )
        try:
            verdicts = list(prove_kernel(parcel.kernel, unpacked, lambda _: None))
        except Problem as problem:  # what is wrong for one machine is not for all
            said = replace(problem.diagnostic, what=f"{socket.gethostname()}: {problem.what}")
            raise Problem.of(said, EXIT_NOT_HERE) from None
    return [replace(one, machine={"host": socket.gethostname(), **one.machine}) for one in verdicts]


def _unpacked(folder: Path, pair: tuple[bytes, bytes]) -> tuple[Path, Path]:
    folder.mkdir()
    paths = folder / "final.xclbin", folder / "insts.bin"
    for path, data in zip(paths, pair, strict=True):
        path.write_bytes(data)
    return paths


class _Task:
    """A case that somebody was given. What is wrong with one machine is not wrong with all: a case that was not run is
    given to each of the others."""

    def __init__(self, client: Client, parcel: Parcel, request: VerifyRequest) -> None:
        self._client, self._parcel, self._request = client, parcel, request
        self._future = self._given(None)

    def _given(self, workers: list[str] | None) -> Future[Any]:
        return self._client.submit(
            prove_there, self._parcel, self._request, resources={RESOURCE: 1}, workers=workers, pure=False
        )

    def result(self) -> Answered:
        answered = self._awaited()
        tried = {answered.worker}
        while answered.is_undecided and (left := sorted(_npu_workers(self._client) - tried)):
            self._future = self._given(left)
            answered = self._awaited()
            tried.add(answered.worker)
        return answered

    def _awaited(self) -> Answered:
        """What the worker answers. Dask itself waits for ever for a worker with an NPU to come back."""
        from distributed import wait

        while not self._future.done():
            with suppress(TimeoutError):
                wait([self._future], timeout=_LOOK_S)
            if not self._future.done() and not _npu_workers(self._client):
                raise ConnectionError("no worker with an NPU is left")
        answered: Answered = self._future.result()
        return answered


def _verdict(task: _Task, rendered: Rendered, request: VerifyRequest, source: Source, case: Case) -> Verdict:
    """The one that a worker came to, as of the files here; a worker that was lost has none."""
    try:
        answered = task.result()
    except Exception as error:  # Dask's, and whatever went wrong on the worker
        answered = Answered(worker="", problem=_lost(error))
    verdict = answered.verdict
    if verdict is None:
        assert answered.problem is not None
        (verdict,) = unjudged(rendered.spec, request, (case,), answered.problem, source)
    build_s = {"build": source.build_s} if verdict.seconds else {}
    return replace(verdict, artifacts=source.artifacts, seconds={**verdict.seconds, **build_s})


def _lost(error: Exception) -> Problem:
    return Problem(
        "the worker that was given the case came to no verdict",
        id="worker-lost",
        where="--hosts",
        why=f"{type(error).__name__}: {error}",
        fix="look at the worker's log, start a worker again, and run what is left with --out and --resume",
        exit_code=EXIT_NOT_HERE,
    )
