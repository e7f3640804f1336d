"""Twin models for the split-swap test: trained by the target's recipe on disjoint halves of its members.

They are attacked through their weights, which never travel, so they are trained in this process and not on a cluster, and
kept by no cache.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from govtool import runtime
from govtool.attacks.interface import Labels, Records, Target, Twins
from govtool.attacks.inversion import halving, split_swap
from govtool.audits import ensemble
from govtool.audits import recipe as recipes
from govtool.audits.recipe import Recipe
from govtool.audits.targets import torch_target
from govtool.audits.training import functions, loop

if TYPE_CHECKING:
    from torch.nn import Module

FEWEST_SPLITS, MOST_SPLITS = 2, 8
TRIALS = 160
"""Drawings wanted in all: with so many, a rate of one in two is surely below 60 %."""

Progress = Callable[[int, int], None]
"""Called with the number of models that are ready, and of all."""


def splits(params: Mapping[str, Any], classes: int) -> int:
    """How many pairs to train: as asked, or by default few where there are many classes and more where there are few."""
    asked = params.get("splits")
    return int(asked) if asked is not None else min(max(-(-TRIALS // (2 * classes)), FEWEST_SPLITS), MOST_SPLITS)


def classes_in_both(members: Records) -> int:
    """How many classes have a record for either half."""
    return int((np.bincount(members.labels) >= halving.FEWEST).sum())


def impossible(recipe: Recipe | None, members: Records) -> str:
    """Why no twins can be trained; '' when they can."""
    if recipe is None:
        return "the spec gives no recipe, so no twin models can be trained on halves of the records"
    if recipe.estimator:
        return f"a {recipe.estimator} has no gradients by which it could be inverted"
    found = classes_in_both(members)
    if found < split_swap.FEWEST_CLASSES:
        return (
            f"{found} classes have the two records that two halves need, and intervals over fewer than "
            f"{split_swap.FEWEST_CLASSES} classes say nothing"
        )
    return ""


def train(
    recipe: Recipe, members: Records, n_classes: int, *, count: int, seed: int, device: str, progress: Progress
) -> Twins:
    """Train `count` pairs, each on halves drawn anew. Models of equally many steps train together.

    Raises:
        InputError: the recipe does not fit.
        WorkError: a recipe's own function failed, or returned no torch module.
        MissingExtraError: torch is not installed.
    """
    halves = [halving.halved(members, runtime.rng(seed, f"twins-{number}")) for number in range(count)]
    rows = [half for pair in halves for half in pair]
    seeds = [int(runtime.rng(seed, f"twin-seed-{number}").integers(2**53)) for number in range(len(rows))]
    targets: dict[int, Target] = {}
    for found in ensemble.cut(recipe, rows, members.features.shape[1], n_classes, device):
        chosen = [rows[number] for number in found]
        modules = _fitted(recipe, members, n_classes, chosen, [seeds[number] for number in found], device)
        for number, module in zip(found, modules, strict=True):
            targets[number] = torch_target.TorchTarget(module, n_classes)
        progress(len(targets), len(rows))
    models = [(targets[2 * number], targets[2 * number + 1]) for number in range(count)]
    name = recipe.factory or recipe.function
    how = f"{2 * count} models by the recipe ({name}), each trained on {len(rows[0]):,} of {len(members):,} training records"
    return Twins(models, halves, how)


def _fitted(
    recipe: Recipe, members: Records, n_classes: int, rows: list[Labels], seeds: list[int], device: str
) -> "list[Module]":
    labels = [
        recipes.noisy_labels(members.labels[own], recipe.label_noise, n_classes, seed)
        for own, seed in zip(rows, seeds, strict=True)
    ]
    if recipe.function:
        return [
            functions.module(recipe, members.features[own], wanted, seed)
            for own, wanted, seed in zip(rows, labels, seeds, strict=True)
        ]
    modules = [recipes.build(recipe, members.features.shape[1], n_classes, seed) for seed in seeds]
    if recipe.dp is None:
        return loop.fit(recipe, modules, members.features, rows, labels, seeds, device=device)
    return [
        recipes.fit(recipe, module, members.features[own], wanted, seed)
        for module, own, wanted, seed in zip(modules, rows, labels, seeds, strict=True)
    ]
