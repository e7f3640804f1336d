"""How long an audit takes and what it finds, on generated records; and on real data where the folder is given.

    python benchmarks/attacks.py [FOLDER]      (or GOVTOOL_BENCH_DATA=FOLDER)

Real: location30.npz (446 binary features, 30 classes), a 446-128-30 net trained on 2,000 records, 16 reference models.
"""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from table import Row, show
from worlds import load_pool

from govtool.access import Access
from govtool.attacks import validity
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import AttackData, AttackResult, Records
from govtool.attacks.membership.answers import Answers
from govtool.audits.recipe import Recipe, train
from govtool.audits.references import train_references
from govtool.audits.targets.torch_target import from_module
from govtool.runtime import rng

REFERENCES = 16
SCORE_BASED = [
    name
    for name, attack in ATTACKS.items()
    if attack.family == "membership_inference" and attack.needs is Access.PROBABILITIES
]


def audit(name: str, recipe: Recipe, data: AttackData, seed: int = 7) -> Iterator[Row]:
    """Train a target and its references, then attack: seconds and what came out."""
    classes = int(data.labels.max()) + 1
    started = time.perf_counter()
    module = train(recipe, data.members.features, data.members.labels, n_classes=classes, seed=seed)
    target = from_module(module, data.members.features.shape[1])
    yield Row(f"{name}: train the target", time.perf_counter() - started, "s wall", f"{len(data.members)} records")
    started = began = time.perf_counter()
    trained = train_references(
        recipe,
        target,
        data,
        count=REFERENCES,
        seed=seed,
        control=None,
        training_records=len(data.members),
        progress=lambda _done: None,
    )
    yield Row(
        f"{name}: {REFERENCES} references", time.perf_counter() - started, "s wall", "half of the audited records each"
    )
    data = replace(data, references=trained.references)
    started = time.perf_counter()
    checked = validity.check(data, rng(seed, "validity"))
    yield Row(f"{name}: blind baseline, duplicates", time.perf_counter() - started, "s wall", "once per audit")
    answers = Answers(target, data)
    for attack in SCORE_BASED:
        started = time.perf_counter()
        result = ATTACKS[attack].run(target, data, {"validity": checked, "answers": answers}, rng(seed, attack))
        took = time.perf_counter() - started
        assert isinstance(result, AttackResult)
        yield Row(f"{name}: {attack}", took, "s wall", f"n = {len(data.labels)}")
        for metric, found in result.metrics.items():
            yield Row(f"{name}: {attack} {metric}", found.value, "", f"{found.low:.3f} to {found.high:.3f}")
    total = time.perf_counter() - began
    yield Row(
        f"{name}: references and attacks together",
        total,
        "s wall",
        f"{REFERENCES} references, {len(SCORE_BASED)} attacks",
    )


def generated(n: int = 2000, features: int = 64, classes: int = 10) -> AttackData:
    """Noisy clusters with a fifth of the labels random, so that there is something to memorise."""
    draw = np.random.default_rng(1)
    centres = draw.normal(size=(classes, features))

    def records(count: int) -> Records:
        labels = draw.integers(0, classes, count)
        rows = centres[labels] + draw.normal(scale=2.0, size=(count, features))
        shown = np.where(draw.random(count) < 0.2, draw.integers(0, classes, count), labels)
        return Records(rows.astype(np.float32), shown.astype(np.int64))

    return AttackData(records(n), records(n), records(n // 2))


def rows(folder: str | None = None) -> Iterator[Row]:
    mlp = Recipe(factory="mlp", factory_params={"hidden": [128]}, epochs=60, batch_size=128, learning_rate=2e-3)
    yield from audit("generated", mlp, generated())
    folder = folder or os.environ.get("GOVTOOL_BENCH_DATA")
    if folder:
        yield from audit("location30", mlp, load_pool(Path(folder), "location30", 2000))


if __name__ == "__main__":
    show(rows(sys.argv[1] if len(sys.argv) > 1 else None))
