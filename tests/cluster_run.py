"""One set of references on a cluster of its own, in a process of its own: ``cluster_run.py KIND FOLDER DEATHS``.

Ray and Dask warn, open sockets and start processes as they like; here that disturbs nobody, and all ends with this process.
Says what came of it as JSON: an error, or the digest of all arrays; and what the workers did.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audit_worlds import K, draw

from govtool.attacks.interface import AttackData, Records
from govtool.audits import control, engine, fanout
from govtool.audits.recipe import Recipe
from govtool.audits.references import train_references
from govtool.audits.targets.sklearn_target import SklearnTarget
from govtool.digest import sha256_arrays
from govtool.errors import GovtoolError

COUNT, AFTER = 8, 3


@contextmanager
def cluster(kind: str) -> Iterator[fanout.Cluster]:
    if kind == "dask":
        from distributed import LocalCluster

        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as own:
            yield fanout.parse("dask://" + own.scheduler_address.removeprefix("tcp://"))
    else:
        yield fanout.Cluster("ray", "local") if kind == "ray" else fanout.LOCAL


def references(kind: str, folder: Path, deaths: int) -> str:
    from sklearn.tree import DecisionTreeClassifier

    data = AttackData(*(Records(*draw(group, 60)) for group in ("members", "nonmembers", "population")))
    target = SklearnTarget(DecisionTreeClassifier(random_state=1).fit(data.members.features, data.members.labels), K)
    params = {"log": str(folder / "log"), "auditor": os.getpid(), "deaths": deaths, "after": AFTER}
    recipe = Recipe(function="cluster_recipes:tree", params=params)
    with cluster(kind) as where, engine.opened(folder / "cache", where) as own:
        found = train_references(
            recipe,
            target,
            data,
            count=COUNT,
            seed=3,
            control=control.plan(120, data.labels, K, 3),
            training_records=60,
            progress=lambda _done: None,
            engine=own,
        )
    assert found.control is not None
    both = (found.references, found.control)
    return sha256_arrays(*(array for one in both for array in (one.members, *one.readings.values())))


def main(kind: str, folder: Path, deaths: int) -> dict[str, object]:
    (folder / "log").mkdir(exist_ok=True)
    try:
        said: dict[str, object] = {"digest": references(kind, folder, deaths)}
    except GovtoolError as error:
        said = {"error": error.message, "exit_code": error.exit_code}
    trained = [path.name.split("-") for path in (folder / "log").glob("trained-*")]
    return {
        **said,
        "trainings": len(trained),
        "models": len({name[1] for name in trained}),
        "here": sum(name[2] == str(os.getpid()) for name in trained),
        "deaths": len(list((folder / "log").glob("death-*"))),
        "kept": len(list((folder / "cache").rglob("*.references"))),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))) + "\n")
