"""Runs independent pieces of work in other processes: on this machine, or on a Dask or Ray cluster, through joblib.

A worker that dies takes the piece it had with it, and that piece is given out again. Each piece is handed back once.
"""

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from govtool import settings
from govtool.errors import GovtoolError, InputError, MissingExtraError, WorkError

_CONNECT_S = 15
_ATTEMPTS = 3
"""Times in a row that no piece at all may come back before the cluster is given up."""

_LONGEST_SCRATCH = 40
"""Bytes of a folder's path in which Ray can still open its sockets, whose own paths may have 107. It keeps what does not
fit in memory there, so it is one of ours that goes with it."""

Job = TypeVar("Job")
Work = Callable[[Any, Any], Any]
"""A function at the top of a module, of the material that all pieces share and of one piece. Both can be pickled."""


@dataclass(frozen=True)
class Cluster:
    """Where work goes. `address` is empty for this machine's own processes."""

    kind: Literal["local", "dask", "ray"] = "local"
    address: str = ""

    def __str__(self) -> str:
        return f"{self.kind}://{self.address}" if self.address else self.kind


LOCAL = Cluster()


def parse(text: str) -> Cluster:
    """``local``, ``dask://HOST:PORT``, ``ray://HOST:PORT``, ``ray://auto`` (the cluster that runs on
    this machine), ``ray://local`` (one of our own).

    Raises:
        InputError: none of these.
    """
    if text == "local":
        return LOCAL
    found = re.fullmatch(r"(dask|ray)://([^\s/@]+:\d{1,5})|(ray)://(auto|local)", text)
    if found is None:
        raise InputError(
            f"{text!r} is not a cluster", hint="local, dask://HOST:PORT, ray://HOST:PORT, ray://auto or ray://local"
        )
    kind, address = (found[1], found[2]) if found[1] else (found[3], found[4])
    return Cluster("dask" if kind == "dask" else "ray", address)


def run(cluster: Cluster, work: Work, material: Any, jobs: Sequence[Job], workers: int) -> Iterator[tuple[int, Any]]:
    """(number of the job, what `work(material, job)` returned) for every job once, in the order in which they finish.

    Args:
        cluster: where.
        work: what is done.
        material: handed to each worker once where the backend can, else with each job.
        jobs: the pieces.
        workers: processes on this machine; a cluster has as many as it has.

    Raises:
        GovtoolError: what a piece of work raised, as it raised it.
        WorkError: the cluster cannot be reached, or its workers die again and again.
        MissingExtraError: joblib, dask or ray is not installed.
    """
    waiting, failures = dict(enumerate(jobs)), 0
    while waiting:
        before = len(waiting)
        with _connected(cluster, material, workers) as give_out:
            try:
                for number, result in give_out(work, list(waiting.items())):
                    if waiting.pop(number, None) is not None:
                        yield number, _unwrapped(result)
            except Exception as error:
                if not _lost(error):
                    raise
                failures = 1 if len(waiting) < before else failures + 1
                if failures >= _ATTEMPTS:
                    raise _gave_up(cluster, error, len(waiting)) from error


def attempt(work: Work, material: Any, number: int, job: Any) -> tuple[int, Any]:
    """On the worker. Our own errors travel as values: backends wrap what is raised, each in another way."""
    import joblib

    try:
        with joblib.parallel_config("sequential"):  # else what is called may hand its own loops to the cluster
            return number, work(_fetched(material), job)
    except GovtoolError as error:
        return number, error


def _unwrapped(result: Any) -> Any:
    if isinstance(result, GovtoolError):
        raise result
    return result


def _fetched(material: Any) -> Any:
    if type(material).__module__.partition(".")[0] != "ray":
        return material
    import ray

    return ray.get(material)


Run = Callable[[Work, Sequence[tuple[int, Any]]], Iterator[tuple[int, Any]]]


@contextmanager
def _connected(cluster: Cluster, material: Any, workers: int) -> Iterator[Run]:
    with ExitStack() as stack:
        try:
            give_out = stack.enter_context(_BACKENDS[cluster.kind](cluster, material, workers))
        except (OSError, TimeoutError, ValueError) as error:
            raise WorkError(
                f"{cluster} cannot be reached, or has no worker: {' '.join(str(error).split()) or type(error).__name__}",
                hint="is it running, and is this the address of its scheduler? or leave --cluster out",
            ) from error
        yield give_out


@contextmanager
def _local(_cluster: Cluster, material: Any, workers: int) -> Iterator[Run]:
    joblib = _needed("joblib", "attacks")
    # One thread per process: as many processes as cores would else fight over them. loky sets it for BLAS and OpenMP.
    with joblib.parallel_config("loky", n_jobs=workers, inner_max_num_threads=1):
        yield lambda work, jobs: _streamed(joblib, work, material, jobs)


@contextmanager
def _dask(cluster: Cluster, material: Any, _workers: int) -> Iterator[Run]:
    joblib, distributed = _needed("joblib", "attacks"), _needed("distributed", "cluster")
    from joblib._dask import DaskDistributedBackend

    class Backend(DaskDistributedBackend):  # type: ignore[misc]
        def effective_n_jobs(self, n_jobs: int) -> int:
            """In this process joblib would do the work for a cluster of one core, or of one that restarts just now."""
            return max(2, int(super().effective_n_jobs(n_jobs)))

    with (
        distributed.Client(f"tcp://{cluster.address}", timeout=_CONNECT_S, set_as_default=False) as client,
        joblib.parallel_config(Backend(client=client, scatter=[material])),
    ):
        yield lambda work, jobs: _streamed(joblib, work, material, jobs)


def _streamed(joblib: Any, work: Work, material: Any, jobs: Sequence[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1)
    yield from parallel(joblib.delayed(attempt)(work, material, number, job) for number, job in jobs)


@contextmanager
def _ray(cluster: Cluster, material: Any, workers: int) -> Iterator[Run]:
    joblib, ray = _needed("joblib", "attacks"), _needed("ray", "cluster")
    _needed("ray.util.joblib", "cluster").register_ray()
    with _ray_session(ray, cluster, workers):
        shared, width = ray.put(material), int(ray.cluster_resources().get("CPU", 0))
        with joblib.parallel_config("ray", n_jobs=width), joblib.Parallel(batch_size=1) as parallel:
            yield lambda work, jobs: _in_waves(joblib, parallel, work, shared, jobs, width)


@contextmanager
def _ray_session(ray: Any, cluster: Cluster, workers: int) -> Iterator[None]:
    """In the Ray that this process is in already, or for a while in the one that is named."""
    if ray.is_initialized():
        yield
        return
    settings.set_default("RAY_USAGE_STATS_ENABLED", "0")
    quiet = {"log_to_driver": False, "configure_logging": False}
    with tempfile.TemporaryDirectory(prefix="govtool-", ignore_cleanup_errors=True) as scratch:
        if cluster.address == "local":
            place = scratch if len(scratch) <= _LONGEST_SCRATCH else None
            ray.init(num_cpus=workers, include_dashboard=False, _node_ip_address="127.0.0.1", _temp_dir=place, **quiet)
        else:
            ray.init(address="auto" if cluster.address == "auto" else f"ray://{cluster.address}", **quiet)
        try:
            yield
        finally:
            ray.shutdown()


def _in_waves(
    joblib: Any, parallel: Any, work: Work, shared: Any, jobs: Sequence[tuple[int, Any]], width: int
) -> Iterator[tuple[int, Any]]:
    """From Ray, joblib gets nothing back before all that it gave out is done; so little is given out at a time."""
    for start in range(0, len(jobs), width):
        wave = jobs[start : start + width]
        yield from parallel(joblib.delayed(attempt)(work, shared, number, job) for number, job in wave)


_BACKENDS: dict[str, Callable[[Cluster, Any, int], AbstractContextManager[Run]]] = {
    "local": _local,
    "dask": _dask,
    "ray": _ray,
}
_LOST = ("TerminatedWorkerError", "BrokenProcessPool", "KilledWorker", "CommClosedError", "FutureCancelledError")
"""By name, since none of these libraries need be installed. Ray's and the system's own are told by their base class."""


def _lost(error: Exception) -> bool:
    """Whether a worker or the connection was lost; anything else is an error of the work itself."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, OSError | TimeoutError) or bool(names & {*_LOST, "RayError"})


def _gave_up(cluster: Cluster, error: Exception, waiting: int) -> WorkError:
    return WorkError(
        f"the workers of {cluster} were lost ({type(error).__name__}) with {waiting} pieces of work left",
        hint="what was finished is kept: run it again when the cluster is back, or leave --cluster out",
    )


def _needed(module: str, extra: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(extra, f"training reference models through {module}") from error
