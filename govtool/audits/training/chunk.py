"""One chunk of models, trained together and asked: the piece of work that a process or a cluster's worker is given."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import Features, FloatArray, Labels
from govtool.audits import recipe as recipes
from govtool.audits.recipe import Recipe
from govtool.audits.regression import training as regression
from govtool.audits.regression.training import RegressionRecipe
from govtool.audits.targets import sklearn_target, torch_target
from govtool.audits.training import estimators, functions, loop

Ask = Callable[[Features], FloatArray]
"""(m, d) records to (m, classes) log probabilities."""

_STACKABLE = {"cpu": ("softmax", "mlp"), "cuda": ("softmax", "mlp", "cnn")}
"""Without batch statistics, which stacking would mix; on a CPU a stacked convolution costs more than several alone."""


def stackable(recipe: Recipe, device: str) -> bool:
    apart = recipe.dp is not None or isinstance(recipe, RegressionRecipe)
    return recipe.factory in _STACKABLE[device] and not apart


def train(
    number: int,
    recipe: Recipe,
    features: Features,
    labels: Labels,
    halves: Sequence[NDArray[np.int64]],
    seeds: Sequence[int],
    n_classes: int,
    asked: Features,
    device: str = "cpu",
    reduce: Callable[[FloatArray], Any] | None = None,
    tick: loop.Tick = lambda _share: None,
) -> tuple[int, list[Any]]:
    """Train a model on each of `halves`, which take equally many steps; (number, answers), the number being the caller's own.

    The arguments are those of `ensemble.train_and_ask`.
    """
    answers = (ask(asked) for ask in fitted(recipe, features, labels, halves, seeds, n_classes, device, tick))
    return number, [answer if reduce is None else reduce(answer) for answer in answers]


def fitted(
    recipe: Recipe,
    features: Features,
    labels: Labels,
    halves: Sequence[NDArray[np.int64]],
    seeds: Sequence[int],
    n_classes: int,
    device: str = "cpu",
    tick: loop.Tick = lambda _share: None,
) -> list[Ask]:
    """The trained models of one chunk, each as the function that asks it; so the caller may ask in pieces."""
    if isinstance(recipe, RegressionRecipe):
        return [regression.train(recipe, features[half], seed) for half, seed in zip(halves, seeds, strict=True)]
    noisy = [
        recipes.noisy_labels(labels[half], recipe.label_noise, n_classes, seed)
        for half, seed in zip(halves, seeds, strict=True)
    ]
    if recipe.by_epochs:
        models = [recipes.build(recipe, features.shape[1], n_classes, seed) for seed in seeds]
        trained = (
            loop.fit(recipe, models, features, halves, noisy, seeds, device=device, tick=tick)
            if recipe.dp is None
            else [
                recipes.fit(recipe, *one)
                for one in zip(models, (features[h] for h in halves), noisy, seeds, strict=True)
            ]
        )
        return [torch_target.TorchTarget(model, n_classes).log_probabilities for model in trained]
    alone = _function if recipe.function else _estimator
    return [
        alone(recipe, features[half], wanted, n_classes, seed)
        for half, wanted, seed in zip(halves, noisy, seeds, strict=True)
    ]


def _function(recipe: Recipe, features: Features, labels: Labels, n_classes: int, seed: int) -> Ask:
    return functions.train(recipe, features, labels, n_classes, seed)


def _estimator(recipe: Recipe, features: Features, labels: Labels, n_classes: int, seed: int) -> Ask:
    return partial(
        sklearn_target.log_probabilities, estimators.train(recipe, features, labels, seed), n_classes=n_classes
    )
