"""The demo's records and its two models, trained on scikit-learn's handwritten digits.

The people are the only thing invented: the digits come without names, so every three records are given to one made-up
person. In the 'scrambled' collection three in ten labels, members' and others' alike, is replaced at random before the
split; only a model that memorises can reproduce those, which is what the first model is made to do.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from govtool.audits.recipe import Recipe
from govtool.runtime import rng

CLASSES = 10
RECORDS_PER_PERSON = 3
SCRAMBLED = 0.3
PARTS = {"train": 600, "holdout": 600, "population": 300, "evaluation": 297}

MEMORISING = Recipe(
    factory="mlp",
    factory_params={"inputs": 64, "hidden": [256], "classes": CLASSES},
    epochs=150,
    batch_size=200,
    learning_rate=1e-2,
    weight_decay=0.0,
)
REGULARISED = Recipe(
    factory="mlp",
    factory_params={"inputs": 64, "hidden": [32], "classes": CLASSES, "dropout": 0.5},
    epochs=6,
    batch_size=32,
    learning_rate=3e-3,
    weight_decay=0.03,
)


@dataclass(frozen=True)
class Part:
    """One disjoint share of the digits: features (n, 64) in [0, 1], labels, made-up person ids."""

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    people: NDArray[np.str_]

    def save(self, path: Path) -> None:
        np.savez_compressed(path, X=self.features, y=self.labels, person=self.people)


def collections(seed: int) -> dict[str, Part]:
    """The digits, shuffled and split into disjoint parts; train and holdout also with scrambled labels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    draw = rng(seed, "demo-split")
    order = draw.permutation(len(digits.target))
    features = (digits.data[order] / 16).astype(np.float32)
    labels = digits.target[order].astype(np.int64)
    people = np.array([f"person-{index // RECORDS_PER_PERSON:04d}" for index in range(len(labels))])
    scrambled = labels.copy()
    chosen = draw.random(len(labels)) < SCRAMBLED
    scrambled[chosen] = draw.integers(0, CLASSES, int(chosen.sum()))
    parts, start = {}, 0
    for name, size in PARTS.items():
        piece = slice(start, start + size)
        parts[name] = Part(features[piece], labels[piece], people[piece])
        if name != "evaluation":  # the judges of inversion learn from clean labels
            parts[f"scrambled-{name}"] = Part(features[piece], scrambled[piece], people[piece])
        start += size
    return parts


def train_and_save(recipe: Recipe, part: Part, path: Path, seed: int) -> None:
    """Train by the recipe and save the weights as safetensors."""
    from safetensors.torch import save_file

    from govtool.audits.recipe import train

    module = train(recipe, part.features, part.labels, n_classes=CLASSES, seed=seed)
    save_file(module.state_dict(), path)
