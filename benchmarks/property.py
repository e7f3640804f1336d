"""Can the share of women in a training set be learnt from an income model? On real census records, where the folder is given.

    python benchmarks/property.py [FOLDER [TESTS]]      (or GOVTOOL_BENCH_DATA=FOLDER)

Needs adult.npz (one array per column, coded columns with NAME__levels). 12,000 records for the attacker's shadow models,
12,000 for test models, a target of its own. Every figure is about TESTS (200) test models, with its exact interval.
Without the folder: generated records, where the label follows the property.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from table import Row, show

from govtool.access import reachable
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import AttackData, AttackResult, Records
from govtool.audits import world_design, worlds
from govtool.audits.property_spec import Condition, Property
from govtool.audits.recipe import Recipe, train
from govtool.audits.targets.base import Exposed
from govtool.audits.targets.sklearn_target import from_estimator
from govtool.audits.targets.torch_target import from_module
from govtool.audits.training import estimators
from govtool.runtime import rng

LR = Recipe(sklearn="sklearn.linear_model.LogisticRegression", params={"max_iter": 500})
MLP = Recipe(factory="mlp", factory_params={"hidden": [32, 16]}, epochs=30, learning_rate=5e-3, batch_size=64)
POOL = 12_000
SEED = 7


def attack(what: str, recipe: Recipe, data: AttackData, asked: Property) -> Iterator[Row]:
    """Train both worlds and a target, run whatever applies, and say what came out."""
    made = world_design.design(asked, data, SEED)
    assert isinstance(made, world_design.Design), made
    started = time.perf_counter()
    features, labels = data.members.features, data.members.labels
    target = (
        from_estimator(estimators.train(recipe, features, labels, SEED), features.shape[1])
        if not recipe.by_epochs
        else from_module(train(recipe, features, labels, 2, SEED), features.shape[1])
    )
    found = worlds.train(
        made,
        recipe,
        data.members,
        2,
        seed=SEED,
        control=True,
        weights=recipe.by_epochs,
        target_records=len(data.members),
        progress=lambda _done, _total: None,
    )
    yield Row(f"{what}: train", time.perf_counter() - started, "s wall", f"{made.records} records a model")
    for name in ("property_answers", "property_weights", "property_snap"):
        entry = ATTACKS[name]
        started = time.perf_counter()
        seen = Exposed(target, target.access & reachable(frozenset({entry.needs})))
        outcome = entry.run(seen, AttackData(data.members, data.nonmembers, worlds=found), {}, rng(SEED, name))
        if not isinstance(outcome, AttackResult):
            continue
        right, auc = outcome.metrics["world_accuracy"], outcome.metrics["world_auc"]
        control = outcome.detail["positive_control"]
        note = f"{right.low:.3f} to {right.high:.3f}, n = {right.n}, AUC {auc.value:.3f}, by {outcome.detail['meta_classifier']['name']}"
        yield Row(f"{what}: {name}", right.value, "right", f"{note}, {time.perf_counter() - started:.1f} s")
        pointed = outcome.detail["target"]
        note = (
            f"chance {pointed['chance']:.3f}, truly {pointed['true_fraction']:.3f}; control passed: {control['passed']}"
        )
        yield Row(
            f"{what}: {name}, target",
            pointed["looks_like"],
            "",
            note + (f"; VOID {outcome.void}" if outcome.void else ""),
        )


def adult(folder: Path) -> tuple[Records, int, int]:
    """Numbers standardised, codes one-hot; and the columns of sex=Female and occupation=Sales."""
    with np.load(folder / "adult.npz", allow_pickle=False) as archive:
        columns = {name: archive[name] for name in archive.files}
    parts, names = [], []
    for name, values in columns.items():
        if name.endswith("__levels") or name in ("income", "fnlwgt"):
            continue
        levels = columns.get(f"{name}__levels")
        if levels is None:
            parts.append(((values - values.mean()) / values.std())[:, None])
            names.append(name)
        else:
            parts.append(values[:, None] == np.arange(len(levels)))
            names += [f"{name}={level}" for level in levels]
    order = rng(SEED, "adult").permutation(len(columns["income"]))
    features = np.hstack([part.astype(np.float32) for part in parts])[order]
    records = Records(features, columns["income"].astype(np.int64)[order])
    return records, names.index("sex=Female"), names.index("occupation=Sales")


def generated() -> tuple[Records, int, int]:
    draw = rng(SEED, "generated")
    has, rare = draw.random(3 * POOL) < 0.4, draw.random(3 * POOL) < 0.1
    features = draw.normal(size=(3 * POOL, 10)).astype(np.float32)
    labels = (features[:, 0] + 1.5 * has + draw.normal(size=3 * POOL) > 0.5).astype(np.int64)
    return Records(np.hstack([features, np.stack([has, rare], axis=1).astype(np.float32)]), labels), 10, 11


def split(records: Records, members: int) -> AttackData:
    def part(start: int, stop: int) -> Records:
        return Records(records.features[start:stop], records.labels[start:stop])

    return AttackData(part(0, members), part(members, POOL), part(POOL, 2 * POOL))


def rows(folder: str | None = None, tests: int = 200) -> Iterator[Row]:
    folder = folder or os.environ.get("GOVTOOL_BENCH_DATA")
    name = "adult" if folder else "generated"
    records, female, sales = adult(Path(folder)) if folder else generated()
    for recipe, called in ((LR, "LR"), (MLP, "MLP")):
        for low, high in ((0.3, 0.7), (0.4, 0.6)):
            asked = Property(column=female, value=1, worlds=[low, high], tests=tests, records=1000)
            yield from attack(f"{name} {called} {low:g} v {high:g}", recipe, split(records, 1000), asked)
    rare = Property(
        column=female,
        value=1,
        also=[Condition(column=sales, value=1)],
        worlds=[0.01, 0.035],
        tests=tests,
        records=4000,
        poison=0.006,
    )
    for recipe, called in ((LR, "LR"), (MLP.model_copy(update={"epochs": 10}), "MLP")):
        yield from attack(f"{name} {called} 1 v 3.5 %", recipe, split(records, 4000), rare)


if __name__ == "__main__":
    show(rows(*sys.argv[1:2], *map(int, sys.argv[2:3])))
