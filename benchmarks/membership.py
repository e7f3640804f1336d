"""How well each membership attack does on real data, as means over targets; nothing in the attacks is tuned to these sets.

    python benchmarks/membership.py FOLDER [SET ...]      (or GOVTOOL_BENCH_DATA=FOLDER)

The folder holds location30.npz, retail100.npz and adult.npz. Models are trained on complementary halves of a pool; each of
some takes its turn as the target, and models of the other pairs are its references. Intervals are over targets (mean plus
and minus 1.96 standard errors): targets share records, so they say how much models differ and not how much data do.
"""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from table import Row, show
from worlds import load

from govtool.access import Access, reachable
from govtool.attacks import statistics
from govtool.attacks.interface import AttackData, AttackResult, FloatArray, Mask, Records, References
from govtool.attacks.membership import combined
from govtool.attacks.membership.answers import Answers
from govtool.attacks.validity import Validity
from govtool.audits.recipe import Recipe
from govtool.audits.references import train_references
from govtool.audits.targets.scores import ScoresTarget
from govtool.estimate import Estimate
from govtool.runtime import rng

RATES = (0.01, 0.001)
UNCHECKED = Validity(Estimate(0.5, 0.45, 0.55, 0.95, 100), 0, 50, 0.0, 1.0)
"""Members are drawn by lot from one pool, so there is nothing to check without the model."""


@dataclass(frozen=True)
class Work:
    """A set, how much of it is the pool, how its models are trained, and with how many references each target is attacked."""

    data: str
    pool: int
    recipe: Recipe
    models: int
    references: tuple[int, ...]
    targets: int


def _net(hidden: list[int], epochs: int, batch: int, activation: str = "relu") -> Recipe:
    params = {"hidden": hidden, "activation": activation}
    return Recipe(factory="mlp", factory_params=params, epochs=epochs, batch_size=batch, learning_rate=1e-3)


def _library(name: str, **params: float | list[int]) -> Recipe:
    return Recipe(sklearn=f"sklearn.{name}", params=params)


_FOREST = _library("ensemble.RandomForestClassifier")
_LOGISTIC = _library("linear_model.LogisticRegression", max_iter=200, C=10.0)
_MLP = _library("neural_network.MLPClassifier", hidden_layer_sizes=[128], max_iter=60)
WORK: dict[str, Work] = {
    "location30 446-128-30": Work("location30", 5010, _net([128], 60, 64, "tanh"), 20, (2, 8), 10),
    "location30 over-trained": Work("location30", 4000, _net([256, 128], 60, 64), 18, (16,), 4),
    "retail100 over-trained": Work("retail100", 10_000, _net([256, 128], 30, 128), 18, (16,), 4),
    "retail100 forest": Work("retail100", 10_000, _FOREST, 18, (16,), 3),
    "retail100 logistic": Work("retail100", 10_000, _LOGISTIC, 18, (16,), 3),
    "retail100 sklearn MLP": Work("retail100", 10_000, _MLP, 18, (16,), 3),
    "adult over-trained": Work("adult", 10_000, _net([256, 128], 60, 128), 18, (16,), 4),
    "adult forest": Work("adult", 10_000, _FOREST, 18, (16,), 4),
    "adult logistic": Work("adult", 10_000, _LOGISTIC, 18, (16,), 4),
    "adult sklearn MLP": Work("adult", 10_000, _MLP, 18, (16,), 4),
}


def measure(folder: Path, name: str, work: Work) -> Iterator[Row]:
    records = load(folder, work.data)
    chosen = np.random.default_rng(7).permutation(len(records))[: work.pool]
    pool = Records(records.features[chosen], records.labels[chosen])
    half = work.pool // 2
    data = AttackData(
        Records(pool.features[:half], pool.labels[:half]), Records(pool.features[half:], pool.labels[half:])
    )
    began = time.perf_counter()
    held = train_references(
        work.recipe,
        _nobody(pool),
        data,
        count=work.models,
        seed=7,
        control=None,
        training_records=None,
        progress=lambda _done: None,
    ).references
    # Wall: forests and the like train in processes of their own, whose CPU time is not this one's.
    yield Row(f"{name}: train {work.models} models", time.perf_counter() - began, "s wall", f"{half} records each")
    for count in work.references:
        yield from _attack(name, work, pool, held, count)


def _nobody(pool: Records) -> ScoresTarget:
    """A stand-in: references are trained before any of them takes its turn as the target."""
    answers = np.zeros((1, int(pool.labels.max()) + 1))

    class Silent(ScoresTarget):
        def labels(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
            return np.zeros(len(features), dtype=np.int64)

    return Silent(answers, reachable(frozenset({Access.PROBABILITIES})))


def _attack(name: str, work: Work, pool: Records, held: References, count: int) -> Iterator[Row]:
    figures: dict[str, list[list[float]]] = {}
    began = time.process_time()
    for target in range(0, 2 * work.targets, 2):
        for attack, scores, members in _turn(pool, held, target, count):
            figures.setdefault(attack, []).append(_figures(scores, members))
    seconds = (time.process_time() - began) / work.targets
    for attack, found in figures.items():
        mean, error = np.mean(found, axis=0), 1.96 * np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
        for at, metric in enumerate(("AUC", *(f"TPR@{rate:.1%}" for rate in RATES))):
            note = f"+- {error[at]:.4f}, {len(found)} targets, {len(pool) // 2} non-members each"
            yield Row(f"{name}, k={count}: {attack} {metric}", float(mean[at]), "", note)
    yield Row(f"{name}, k={count}: all attacks, one target", seconds, "s CPU", "references given")


def _turn(pool: Records, held: References, target: int, count: int) -> Iterator[tuple[str, FloatArray, Mask]]:
    """One model as the target, members first, with `count` models of the pairs that follow it as references."""
    inside = held.members[target]
    order = np.concatenate([np.flatnonzero(inside), np.flatnonzero(~inside)])
    others = [(target + 2 + step) % held.count for step in range(count)]
    split = [Records(pool.features[rows], pool.labels[rows]) for rows in np.split(order, [int(inside.sum())])]
    readings = {name: np.asarray(values) for name, values in held.readings.items()}
    references = References(
        {name: values[others][:, order] for name, values in readings.items()}, held.members[others][:, order], {}
    )
    data = AttackData(split[0], split[1], references=references)
    asked = Answers(_nobody(pool), data)
    asked.__dict__["audited"] = {name: values[target][order].astype(np.float64) for name, values in readings.items()}
    params = {"validity": UNCHECKED, "answers": asked}
    result = combined.run(asked.target, data, params, rng(7, f"{target}"))
    assert isinstance(result, AttackResult)
    yield "combined", result.arrays["scores"], data.membership
    for name, values in result.arrays.items():
        if name.startswith("scores_"):
            yield name.removeprefix("scores_"), values, data.membership


def _figures(scores: FloatArray, members: Mask) -> list[float]:
    curve = statistics.roc(scores, members)
    allowed = [int(rate * curve.nonmembers + 1e-9) for rate in RATES]
    points = [int(np.searchsorted(curve.false_positives, most, side="right")) - 1 for most in allowed]
    return [statistics.auc_value(scores, members), *(float(curve.tpr[point]) for point in points)]


def rows(folder: str | None = None, chosen: list[str] | None = None) -> Iterator[Row]:
    folder = folder or os.environ.get("GOVTOOL_BENCH_DATA")
    for name, work in WORK.items():
        if folder and (not chosen or any(name.startswith(prefix) for prefix in chosen)):
            yield from measure(Path(folder), name, work)


if __name__ == "__main__":
    show(rows(sys.argv[1] if len(sys.argv) > 1 else None, sys.argv[2:]))
