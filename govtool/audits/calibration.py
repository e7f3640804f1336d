"""How long references would take, from a short try on this machine with the real records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from govtool import runtime
from govtool.attacks.interface import AttackData, Features, Labels, Mask
from govtool.audits import budget, ensemble, references
from govtool.audits.budget import Choice
from govtool.audits.control import Plan as ControlPlan
from govtool.audits.engine import Engine
from govtool.audits.recipe import Recipe
from govtool.audits.training import chunk

_ENOUGH_S = 1.0
_START_S = 4.0  # processes that import torch or scikit-learn
_PARTS = (8, 4)
_GROWTH = (1.0, 2.0)
"""Training time is taken to grow with the records at least linearly, at most with their square."""


@dataclass(frozen=True)
class Pace:
    """Seconds that one stack takes: to train and to be asked, whatever else runs."""

    stack_s: float
    models: int


def choose(
    seconds: int,
    most: int,
    recipe: Recipe,
    data: AttackData,
    n_classes: int,
    engine: Engine,
    *,
    seed: int,
    control: ControlPlan | None,
    draw: Callable[[int], Mask],
    device: str,
) -> Choice:
    """The strongest plan that fits, by a calibration of a few seconds; longer where a single epoch is longer.

    `draw` gives the halves of so many references.

    Raises:
        InputError: the recipe does not fit the data.
    """
    prepared = references.prepare(recipe, n_classes, data, seed=seed, control=control, engine=engine, device=device)

    def missing(count: int) -> Sequence[Sequence[int]]:
        return prepared.work(count, draw(count)).missing()

    tried = draw(min(ensemble.STACK[device], max(most, 2)))
    pace = measure(recipe, data.features, data.labels, tried, n_classes, seed, device)

    def takes_s(count: int) -> float:
        waiting = missing(count)
        alone = len(waiting) * pace.stack_s
        if device != "cpu" or len(waiting) <= 1:
            return alone
        return min(alone, _START_S + -(-len(waiting) // engine.workers) * pace.stack_s)

    def cached(count: int) -> int:
        return count - sum(map(len, missing(count)))

    return budget.choose(seconds, takes_s, cached, most)


def measure(
    recipe: Recipe, features: Features, labels: Labels, masks: Mask, n_classes: int, seed: int, device: str
) -> Pace:
    """Try one stack: a few epochs of the real thing, or a part of the records where there are no epochs."""
    sizes = [range(int(mask.sum())) for mask in masks]
    first = ensemble.cut(recipe, sizes, features.shape[1], n_classes, device)[0]
    halves = [np.flatnonzero(masks[number]) for number in first]
    seeds = ensemble.seeds_for(seed, len(first))

    def took(tried: Recipe, part: int) -> tuple[float, Sequence[chunk.Ask]]:
        began = runtime.monotonic()
        rows = [half[: max(2, len(half) // part)] for half in halves]
        asks = chunk.fitted(tried, features, labels, rows, seeds, n_classes, device)
        return runtime.monotonic() - began, asks

    if recipe.by_epochs:
        trained, asks = _by_epochs(recipe, took)
    else:
        trained, asks = _by_records(recipe, took)
    began = runtime.monotonic()
    shown = features[: min(len(features), 2000)]
    for ask in asks:
        ask(shown)
    asked = (runtime.monotonic() - began) * len(features) / len(shown)
    return Pace(trained + asked, len(first))


Took = Callable[[Recipe, int], tuple[float, Sequence[chunk.Ask]]]


def _by_epochs(recipe: Recipe, took: Took) -> tuple[float, Sequence[chunk.Ask]]:
    """One epoch, then so many that they can be measured; a recipe that stops early may need less."""
    took(recipe.model_copy(update={"epochs": 1}), 16)  # what loads a library or fills a cache happens once
    one, asks = took(recipe.model_copy(update={"epochs": 1}), 1)
    more = min(recipe.epochs, 1 + max(1, int(_ENOUGH_S / max(one, 1e-3))))
    if more == 1 or one > _ENOUGH_S:
        return one * recipe.epochs, asks
    several, asks = took(recipe.model_copy(update={"epochs": more}), 1)
    return one + max(several - one, 0.0) / (more - 1) * (recipe.epochs - 1), asks


def _by_records(recipe: Recipe, took: Took) -> tuple[float, Sequence[chunk.Ask]]:
    took(recipe, 16)
    small, _asks = took(recipe, _PARTS[0])
    large, asks = took(recipe, _PARTS[1])
    growth = float(np.clip(np.log2(max(large, 1e-6) / max(small, 1e-6)), *_GROWTH))
    return large * _PARTS[1] ** growth, asks
