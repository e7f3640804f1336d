"""The person or the photo: what drawings from two models show of their own training records and of the other's.

Both models know the same classes from disjoint records. What a drawing owes to its class, it shares with both sets of
records alike and cancels out; what is left is owed to the very records that the model was trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from govtool.attacks.interface import FloatArray, Labels

if TYPE_CHECKING:
    from govtool.attacks.inversion.likeness import Likeness

MOST = 100
"""Records of a class and half that a drawing is compared with; of more, so many drawn at random."""
_TIED = 1e-9


@dataclass(frozen=True)
class Case:
    """One pair of halves: the records of each class on either side, in range units."""

    classes: Labels
    records: tuple[Sequence[FloatArray], Sequence[FloatArray]]
    """[half][class]: (k, features)."""

    @classmethod
    def of(cls, units: FloatArray, labels: Labels, halves: tuple[Labels, Labels], rng: np.random.Generator) -> "Case":
        """From all members' (n, features) units and (n,) labels, and the rows of both halves."""
        classes = np.intersect1d(labels[halves[0]], labels[halves[1]]).astype(np.int64)
        first, second = ([_some(units, half[labels[half] == label], rng) for label in classes] for half in halves)
        return cls(classes, (first, second))

    @property
    def means(self) -> FloatArray:
        """(2, classes, features): the mean of a class's records in either half."""
        return np.stack([[records.mean(axis=0) for records in half] for half in self.records])


@dataclass(frozen=True)
class Shown:
    """What (2, classes, features) drawings, one row of classes per half, have in common with the records."""

    likeness: FloatArray
    """(classes, 2, 2): of the drawing from one half's model to the records of one half, by [class, drawing, records]."""
    hits: FloatArray
    """(classes, 2): whether the record most like the drawing is one that its model was trained on; a tie counts half."""
    identity: FloatArray
    """(classes,): likeness to records of the same class less that to the next class's, both of the half not trained on."""

    @property
    def advantage(self) -> FloatArray:
        """(classes,): how much more like the records trained on than like the other half's, averaged over both models."""
        own = self.likeness[:, 0, 0] + self.likeness[:, 1, 1]
        return np.asarray((own - self.likeness[:, 0, 1] - self.likeness[:, 1, 0]) / 2, dtype=np.float64)


def compare(drawn: FloatArray, case: Case, likeness: "Likeness") -> Shown:
    """Every drawing against the records of its class on both sides, and against those of the next class."""
    count = len(case.classes)
    mean, best, other = np.empty((count, 2, 2)), np.empty((count, 2, 2)), np.empty((count, 2))
    for number in range(count):
        for half, of_half in enumerate(case.records):
            table = likeness.table(drawn[:, number], of_half[number])
            mean[number, :, half], best[number, :, half] = table.mean(axis=1), table.max(axis=1)
            next_class = of_half[(number + 1) % count]
            other[number, half] = likeness.table(drawn[1 - half, number][None], next_class).mean()
    own, others = best[:, [0, 1], [0, 1]], best[:, [0, 1], [1, 0]]
    hits = np.where(np.abs(own - others) <= _TIED, 0.5, own > others)
    unseen = mean[:, [1, 0], [0, 1]]  # by half, as `other`: of the drawing whose model was not trained on that half
    return Shown(mean, hits, (unseen - other).mean(axis=1))


def _some(units: FloatArray, rows: Labels, rng: np.random.Generator) -> FloatArray:
    return units[rows if len(rows) <= MOST else np.sort(rng.choice(rows, MOST, replace=False))]
