"""Work given out to other processes: each piece comes back once, whoever dies on the way."""

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cluster_run
import pytest

from govtool.audits import ensemble, fanout, reference_job
from govtool.audits.fanout import Cluster
from govtool.errors import InputError, MissingExtraError, WorkError

TESTS = Path(cluster_run.__file__).parent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("local", Cluster()),
        ("dask://scheduler:8786", Cluster("dask", "scheduler:8786")),
        ("ray://10.0.0.7:10001", Cluster("ray", "10.0.0.7:10001")),
        ("ray://auto", Cluster("ray", "auto")),
        ("ray://local", Cluster("ray", "local")),
    ],
)
def test_addresses(text: str, expected: Cluster) -> None:
    assert fanout.parse(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text", ["", "dask", "dask://", "dask://host", "dask://auto", "spark://h:1", "ray://h:1/x", "dask://u:p@h:1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a cluster"):
        fanout.parse(text)


class WorkerCrashedError(OSError):
    pass


class Flaky:
    """A backend that finishes some pieces, in any order and some twice, and then loses its worker."""

    def __init__(self, *plans: list[int]) -> None:
        self.plans, self.given = list(plans), list[list[int]]()

    @contextmanager
    def __call__(self, _cluster: Cluster, material: Any, _workers: int) -> Iterator[fanout.Run]:
        yield lambda work, jobs: self.results(work, material, dict(jobs))

    def results(self, work: fanout.Work, material: Any, jobs: dict[int, Any]) -> Iterator[tuple[int, Any]]:
        self.given.append(sorted(jobs))
        for number in self.plans[0] if self.plans else jobs:
            yield fanout.attempt(work, material, number, jobs[number])
        if self.plans:
            self.plans.pop(0)
            raise WorkerCrashedError("gone")


def times(material: int, job: int) -> int:
    return material * job


def go(monkeypatch: pytest.MonkeyPatch, backend: Any, work: fanout.Work = times) -> list[tuple[int, Any]]:
    monkeypatch.setitem(fanout._BACKENDS, "local", backend)
    return list(fanout.run(Cluster(), work, 10, [7, 8, 9], 2))


def test_what_is_lost_is_given_out_again_and_nothing_counts_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Flaky([2, 2], [], [0])
    assert go(monkeypatch, backend) == [(2, 90), (0, 70), (1, 80)]
    assert backend.given == [[0, 1, 2], [0, 1], [0, 1], [1]]


def test_a_cluster_that_loses_everything_again_and_again_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Flaky([1], [], [], [])
    with pytest.raises(WorkError, match=r"WorkerCrashedError\) with 2 pieces of work left") as caught:
        go(monkeypatch, backend)
    assert "what was finished is kept" in caught.value.hint
    assert len(backend.given) == 3


def test_what_the_work_itself_refuses_is_said_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_material: int, _job: int) -> None:
        raise InputError("no such column", hint="name one", where="audit.yaml:3")

    with pytest.raises(InputError, match="no such column") as caught:
        go(monkeypatch, Flaky(), refuses)
    assert (caught.value.hint, caught.value.where) == ("name one", "audit.yaml:3")


def test_a_bug_in_the_work_is_not_taken_for_a_lost_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Flaky()
    with pytest.raises(ZeroDivisionError):
        go(monkeypatch, backend, lambda material, job: material // (job - 8))
    assert len(backend.given) == 1


def test_a_cluster_that_is_not_there_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def absent(*_given: Any) -> Iterator[fanout.Run]:
        raise OSError("timed out\n trying to connect")
        yield

    with pytest.raises(WorkError, match="local cannot be reached, or has no worker: timed out trying to connect"):
        go(monkeypatch, absent)


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match="'cluster'"):
        list(fanout.run(Cluster("ray", "auto"), times, 1, [1], 1))


def test_errors_keep_their_words_between_processes() -> None:
    for error in (InputError("a", hint="b", where="c"), MissingExtraError("attacks", "training")):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert (again.message, again.hint, again.where) == (error.message, error.hint, error.where)


def test_a_worker_with_other_code_is_refused() -> None:
    from govtool.audits.recipe import Recipe

    class Given:
        recipe, origin = Recipe(factory="mlp"), "0" * 64

    with pytest.raises(WorkError, match="another version") as caught:
        reference_job.train(Given(), None)
    assert "numpy" in caught.value.hint


def on(kind: str, folder: Path, deaths: int) -> dict[str, Any]:
    """What `cluster_run` says, and that it leaves no file behind; it and all it started end with its process group."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    environment |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}
    command = [sys.executable, str(TESTS / "cluster_run.py"), kind, str(folder), str(deaths)]
    with tempfile.TemporaryDirectory(prefix="t") as scratch:  # Ray's sockets need a short path
        environment |= {"TMPDIR": scratch, "JOBLIB_TEMP_FOLDER": scratch, "DASK_TEMPORARY_DIRECTORY": str(folder)}
        child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, start_new_session=True)
        try:
            out, _ = child.communicate(timeout=150)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
        assert list(Path(scratch).iterdir()) == []
    return json.loads(out.splitlines()[-1])


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The digest of what one process finds, without any other."""
    monkeypatch.setattr(ensemble, "_FUNCTION_S", 0.0)
    (tmp_path / "alone" / "log").mkdir(parents=True)
    return cluster_run.references("local", tmp_path / "alone", 0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["local", "dask", "ray"])
def test_a_worker_killed_half_way_changes_nothing(kind: str, alone: str, tmp_path: Path) -> None:
    if kind != "local":
        pytest.importorskip("distributed" if kind == "dask" else kind)
    found = on(kind, tmp_path, 1)
    assert found["deaths"] == 1
    assert found["digest"] == alone
    assert found["models"] == found["kept"] == cluster_run.COUNT
    assert found["here"] == 0  # nothing was trained in the auditor's own process


@pytest.mark.slow
def test_workers_that_die_again_and_again_are_one_error_and_what_was_finished_is_kept(tmp_path: Path) -> None:
    found = on("local", tmp_path, 99)
    assert found["exit_code"] == 6
    assert "were lost" in found["error"]
    assert 1 <= found["kept"] == found["trainings"] < cluster_run.COUNT
