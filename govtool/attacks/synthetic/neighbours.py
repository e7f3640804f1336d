"""Nearest rows in tables of numbers and categories, a block at a time: memory grows with the table, never with its square.

The distance is of Gower's kind (Biometrics 1971): absolute differences of numbers in units of the column's spread, and one
for each category that differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from govtool.attacks.interface import FloatArray, Mask
from govtool.attacks.synthetic.interface import Rows, Tables, sorted_rows

_BLOCK = 4_000_000  # distances held at once: 32 MB
_SPREAD = (5, 95)  # percentiles: a single absurd value must not make all others alike


@dataclass(frozen=True)
class Metric:
    """How far apart two rows are."""

    spread: FloatArray
    categorical: Mask

    def nearest(
        self, asked: FloatArray, table: FloatArray, count: int, columns: Sequence[int], rng: np.random.Generator
    ) -> tuple[FloatArray, Rows]:
        """The `count` nearest rows of `table` for each row asked, by these columns: distances and row numbers, (asked, count).

        Distances rise along a row. Among equally near rows chance decides, not the order in which they were stored.
        """
        count = min(count, len(table))
        order = sorted_rows(table)[rng.permutation(len(table))]
        shuffled = table[order]
        distances = np.empty((len(asked), count))
        found = np.empty((len(asked), count), dtype=np.int64)
        step = max(1, _BLOCK // len(table))
        for start in range(0, len(asked), step):
            block = self._between(asked[start : start + step], shuffled, columns)
            near = np.argpartition(block, count - 1, axis=1)[:, :count]
            values = np.take_along_axis(block, near, axis=1)
            ranked = np.argsort(values, axis=1, kind="stable")
            distances[start : start + step] = np.take_along_axis(values, ranked, axis=1)
            found[start : start + step] = order[np.take_along_axis(near, ranked, axis=1)]
        return distances, found

    def _between(self, left: FloatArray, right: FloatArray, columns: Sequence[int]) -> FloatArray:
        from scipy.spatial.distance import cdist

        numbers = [column for column in columns if not self.categorical[column]]
        classes = [column for column in columns if self.categorical[column]]
        total = np.zeros((len(left), len(right)))
        if numbers:
            units = self.spread[numbers]
            total += cdist(left[:, numbers] / units, right[:, numbers] / units, "cityblock")
        if classes:
            total += cdist(left[:, classes], right[:, classes], "hamming") * len(classes)
        return total


def metric_of(tables: Tables) -> Metric:
    """Units from the synthetic table alone, which is what an attacker holds."""
    low, high = np.percentile(tables.synthetic, _SPREAD, axis=0)
    full = np.ptp(tables.synthetic, axis=0)
    spread = np.where(high > low, high - low, np.where(full > 0, full, 1.0))
    return Metric(np.asarray(spread, dtype=np.float64), tables.categorical)
