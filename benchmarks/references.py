"""Reference models: 16 of them from nothing and from the cache, and how much memory many records need.

python benchmarks/references.py
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from attacks import generated
from table import Row, show

from govtool.audits import control, engine
from govtool.audits.recipe import Recipe, train
from govtool.audits.references import train_references
from govtool.audits.targets.torch_target import from_module

COUNT, SEED = 16, 7
RECORDS, REFERENCES = 200_000, 64
ROOT = Path(__file__).parent.parent


def cpu_s() -> float:
    """Of this process and of those it has waited for; workers that still wait for work are not among them."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def cold_and_cached() -> Iterator[Row]:
    data = generated()
    recipe = Recipe(factory="mlp", factory_params={"hidden": [128]}, epochs=60, batch_size=128, learning_rate=2e-3)
    target = from_module(train(recipe, data.members.features, data.members.labels, 10, SEED), 64)
    with tempfile.TemporaryDirectory() as folder, engine.opened(Path(folder)) as own:
        for name in ("nothing", "the cache"):
            wall, cpu = time.perf_counter(), cpu_s()
            found = train_references(
                recipe,
                target,
                data,
                count=COUNT,
                seed=SEED,
                control=control.plan(len(data.labels), data.labels, 10, SEED),
                training_records=len(data.members),
                progress=lambda _done: None,
                engine=own,
            )
            note = f"{len(data.labels)} records, {found.cached} kept before"
            yield Row(f"{COUNT} references from {name}", time.perf_counter() - wall, "s wall", note)
            yield Row(f"{COUNT} references from {name}", cpu_s() - cpu, "s CPU", note)


def memory() -> Iterator[Row]:
    """In a process of its own, with a hard limit on its memory."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "OMP_NUM_THREADS": "1",
    }
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "tests/memory_run.py"), str(RECORDS), str(REFERENCES), "300", folder]
        wall = time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    arrays, held = map(int, done.stdout.split())
    note = f"{RECORDS:,} records x {REFERENCES} references"
    yield Row("references on disk: wall", time.perf_counter() - wall, "s wall", note)
    yield Row("references on disk: their arrays", arrays, "MiB", note)
    yield Row("references on disk: memory held", held, "MiB", "beyond libraries; limit 300 MiB")


def rows() -> Iterator[Row]:
    yield from cold_and_cached()
    yield from memory()


if __name__ == "__main__":
    show(rows())
