"""Many records times many references in little memory: ``memory_run.py RECORDS REFERENCES MIB FOLDER``.

After a small run that loads what is loaded once, the process may not have more than MIB more of memory of its own; what it
maps from files does not count, since the system takes that back when it needs room. Prints MiB of the arrays, and of what
was needed.
"""

import resource
import sys
import threading
import time
from pathlib import Path

import numpy as np

from govtool.attacks.interface import AttackData, Records
from govtool.audits import control, engine
from govtool.audits.recipe import Recipe, train
from govtool.audits.references import References, train_references
from govtool.audits.targets.torch_target import TorchTarget

CLASSES, MIB = 3, 2**20


def own_memory(field: str) -> int:
    """Bytes, from the kernel."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def references(records: int, count: int, folder: Path) -> References:
    rng = np.random.default_rng(0)
    half = records // 2

    def group(n: int) -> Records:
        return Records(rng.normal(size=(n, 8)).astype(np.float32), rng.integers(CLASSES, size=n))

    data = AttackData(group(half), group(half), group(records // 10))
    recipe = Recipe(factory="softmax", epochs=1, batch_size=4096)
    target = TorchTarget(train(recipe, data.members.features, data.members.labels, CLASSES, 1), CLASSES)
    with engine.opened(folder) as own:
        found = train_references(
            recipe,
            target,
            data,
            count=count,
            seed=1,
            control=control.plan(records, data.labels, CLASSES, 1),
            training_records=half,
            progress=lambda _done: None,
            engine=own,
        )
    assert found.control is not None
    return found.references


def main(records: int, count: int, allowed: int, folder: Path) -> tuple[int, int]:
    references(2000, 2, folder)
    before, peak, done = own_memory("RssAnon"), [0], threading.Event()
    limit = own_memory("VmData") + allowed * MIB
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    def watch() -> None:
        while not done.is_set():
            peak[0] = max(peak[0], own_memory("RssAnon"))
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        found = references(records, count, folder)
    finally:
        done.set()
        watcher.join()
    assert found.phi.shape == (count, records)
    size = 2 * sum(array.nbytes for array in found.readings.values())
    return size // MIB, (peak[0] - before) // MIB


if __name__ == "__main__":
    sys.stdout.write("{} {}\n".format(*main(*map(int, sys.argv[1:4]), Path(sys.argv[4]))))
