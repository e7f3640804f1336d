"""Identification in a line-up: is the person whose picture is most like the reconstruction the right one?

The gallery holds the same number of evaluation records of every class. Likeness is measured in a space that has nothing to
do with the target: the features of a judge, or the pixels' correlation. Beside the whole gallery, a line-up of five as in
Fredrikson, Jha & Ristenpart (CCS 2015, section 5): one record of the right class and one of each of four others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.attacks.interface import FloatArray, Labels
from govtool.attacks.inversion import over_classes
from govtool.attacks.inversion.judges import Judge
from govtool.estimate import Estimate, clopper_pearson

OF_EACH = 10
"""Most records of a class in the gallery."""
FIVE = 5
PERMUTATIONS = 10_000
_NO_DIRECTION = 1e-12


@dataclass(frozen=True)
class LineUp:
    """What one space says."""

    space: str
    nearest: Labels
    """(classes,) the class of the gallery's record most like each reconstruction."""
    whole: Estimate
    """The share of reconstructions whose nearest record in the whole gallery is of the right class."""
    p_value: float
    """Of so many hits or more when the labels of the reconstructions are dealt out at random."""
    of_five: Estimate | None
    """The share of line-ups of five that pick the right class, over all such line-ups; None with fewer than five classes."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "space": self.space,
            "nearest": self.nearest.tolist(),
            "whole_gallery": self.whole.to_dict(),
            "p_value": self.p_value,
            "of_five": self.of_five.to_dict() if self.of_five else None,
        }


def gallery(units: FloatArray, labels: Labels, rng: np.random.Generator) -> FloatArray:
    """(classes, each, features): the same number of records of every class, drawn at random, classes ascending."""
    classes, counts = np.unique(labels, return_counts=True)
    each = min(OF_EACH, int(counts.min()))
    return np.stack([units[rng.choice(np.flatnonzero(labels == label), each, replace=False)] for label in classes])


def hold(
    drawn: FloatArray, labels: Labels, photos: FloatArray, judges: Sequence[Judge], rng: np.random.Generator
) -> list[LineUp]:
    """One line-up in each judge's features and one by correlation.

    Args:
        drawn: (classes, features) reconstructions in range units.
        labels: (classes,) theirs, ascending.
        photos: from `gallery`, of the same classes.
        judges: those that may be heard; those that look at the row itself have no features and add nothing.
        rng: for dealing out labels.
    """
    spaces = [("correlation of values", _centred(drawn), _centred(photos))]
    for judge in judges:
        if judge.features is not None:
            rows = judge.features(photos.reshape(-1, photos.shape[-1]))
            spaces.append(
                (f"features of judge {judge.name}", judge.features(drawn), rows.reshape(*photos.shape[:2], -1))
            )
    return [_line_up(space, likeness(left, right), labels, rng) for space, left, right in spaces]


def likeness(drawn: FloatArray, photos: FloatArray) -> FloatArray:
    """(classes, classes, each): cosine of each drawing with each photo; 0 where either is plain."""
    return np.asarray(np.einsum("cf,kef->cke", _unit(drawn), _unit(photos)), dtype=np.float64)


def picked_of_five(alike: FloatArray) -> FloatArray:
    """(classes,): how often the right class is picked, over every line-up of five that can be put together.

    Exact, without drawing any: for one record of the right class, the chance that one record of another class is less
    alike is p; over all choices of four others the mean product is the fourth elementary symmetric polynomial of the p,
    over the number of choices. A tie is no pick.
    """
    classes = len(alike)
    found = np.empty(classes)
    for index in range(classes):
        own, others = alike[index, index], np.delete(alike[index], index, axis=0)
        less = (others[:, :, None] < own).mean(
            axis=1
        )  # (classes - 1, each): of each other class, against each own record
        found[index] = _mean_product(less, FIVE - 1).mean()
    return found


def _mean_product(values: FloatArray, size: int) -> FloatArray:
    """(k, n) to (n,): the mean over all choices of `size` of the k rows of the product of the chosen.

    Grown one row at a time: of the choices of j among the first i rows, the share j / i includes the last one.
    """
    means = np.zeros((size + 1, values.shape[1]))
    means[0] = 1
    for i, row in enumerate(values, start=1):
        for j in range(min(i, size), 0, -1):
            means[j] = (1 - j / i) * means[j] + (j / i) * row * means[j - 1]
    return np.asarray(means[size], dtype=np.float64)


def _line_up(space: str, alike: FloatArray, labels: Labels, rng: np.random.Generator) -> LineUp:
    nearest = alike.max(axis=2).argmax(axis=1)
    numbers = np.arange(len(labels))
    hits = int((nearest == numbers).sum())
    dealt = rng.permuted(np.tile(numbers, (PERMUTATIONS, 1)), axis=1)
    as_many = int(((nearest == dealt).sum(axis=1) >= hits).sum())
    return LineUp(
        space=space,
        nearest=labels[nearest],
        whole=clopper_pearson(hits, len(labels)),
        p_value=(1 + as_many) / (1 + PERMUTATIONS),
        of_five=over_classes.rate(picked_of_five(alike)[:, None]) if len(labels) >= FIVE else None,
    )


def _centred(rows: FloatArray) -> FloatArray:
    return np.asarray(rows - rows.mean(axis=-1, keepdims=True), dtype=np.float64)


def _unit(rows: FloatArray) -> FloatArray:
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > _NO_DIRECTION), dtype=np.float64)
