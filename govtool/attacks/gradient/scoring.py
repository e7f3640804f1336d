"""What was reconstructed, against the records that made the update, beside what anyone would score who did nothing.

The attacker has chosen before; truth only marks. Reconstructions are matched to records by the best assignment (Kuhn 1955)
and not by order, so one record counts once however often it was drawn.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import FloatArray, Labels, Mask, Records
from govtool.attacks.inversion.question import Bounds, Shape
from govtool.attacks.inversion.similarity import psnr, ssim

RECOVERED_DB = 30.0
ABOVE_OTHERS_DB = 6.0
"""A record is recovered over 30 dB and 6 dB nearer than the most alike record of somebody else: on aligned faces 20 dB is
what any other photo scores."""
MOST_DB = 200.0
"""Stands for 'identical'."""


@dataclass(frozen=True)
class LineUp:
    """Distinct records of one kind: those behind updates, and others that could as well have been."""

    units: FloatArray
    """(records, features) in shares of the data range."""
    labels: Labels
    shape: Shape | None

    @classmethod
    def of(cls, records: Records, bounds: Bounds, shape: Shape | None) -> tuple["LineUp", NDArray[np.int64]]:
        """The line-up, and for each record its place in it: records with the same features and label are one."""
        flat = records.features.reshape(len(records), -1)
        keyed = np.concatenate([flat, records.labels[:, None].astype(np.float32)], axis=1)
        _, first, place = np.unique(keyed, axis=0, return_index=True, return_inverse=True)
        return cls(shares(flat[first], bounds), records.labels[first], shape), place.ravel().astype(np.int64)

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def squares(self) -> FloatArray:
        return np.asarray((self.units**2).sum(axis=1), dtype=np.float64)

    def errors(self, units: FloatArray) -> FloatArray:
        """(n, records) mean squared error of each against every record of the line-up."""
        crossed = units @ self.units.T
        found = ((units**2).sum(axis=1)[:, None] - 2 * crossed + self.squares) / self.units.shape[1]
        return np.asarray(np.clip(found, 0, None), dtype=np.float64)

    def baselines(self, chosen: NDArray[np.int64]) -> dict[str, FloatArray]:
        """PSNR that no attack at all scores for these records: (chosen,) each. NaN where a class has no other record."""
        truth = self.units[chosen]
        mean = self.units.mean(axis=0)
        apart = self.errors(truth)
        apart[np.arange(len(chosen)), chosen] = np.inf
        nearest = self.units[apart.argmin(axis=1)]
        return {
            "global_mean": _db(truth, mean[None]),
            "class_mean": np.array([self._class_mean(index) for index in chosen]),
            "nearest_other": _db(truth, nearest) if len(self) > 1 else np.full(len(chosen), np.nan),
        }

    def _class_mean(self, index: int) -> float:
        """Against the mean of its class without itself."""
        others = (self.labels == self.labels[index]) & (np.arange(len(self)) != index)
        if not others.any():
            return float("nan")
        return float(_db(self.units[index][None], self.units[others].mean(axis=0)[None])[0])


@dataclass(frozen=True)
class Score:
    """One update's reconstructions against its records."""

    psnr: FloatArray
    """(records,) in dB of a data range of 1; NaN where nothing was matched to it."""
    ssim: FloatArray | None
    """(records,); None for tables."""
    drawn: FloatArray
    """(records, features) what was matched to each, in shares of the data range; NaN where nothing was."""
    recovered: Mask
    """(records,)."""
    named: NDArray[np.int64]
    """Distinct records of the line-up that lie nearest to a reconstruction."""
    hits: int
    """How many of those made the update."""


def shares(rows: NDArray[np.float32], bounds: Bounds) -> FloatArray:
    """(n, features) rows as shares of the data range, whatever shape a record has."""
    units = bounds.to_units(rows.reshape(len(rows), *bounds.low.shape))
    return np.asarray(units.reshape(len(rows), bounds.low.size), dtype=np.float64)


def score(inputs: NDArray[np.float32], chosen: NDArray[np.int64], line_up: LineUp, bounds: Bounds) -> Score:
    """Match and mark.

    Args:
        inputs: (found, features) reconstructions.
        chosen: places in the line-up of the records that made the update.
        line_up: those records and others.
        bounds: the data range.
    """
    from scipy.optimize import linear_sum_assignment

    units = np.clip(shares(inputs, bounds), 0, 1)
    truth = line_up.units[chosen]
    found = np.full(len(chosen), np.nan)
    alike = np.full(len(chosen), np.nan)
    drawn = np.full(truth.shape, np.nan)
    if len(units):
        table = np.minimum(psnr(units[:, None], truth[None]), MOST_DB)
        rows, columns = linear_sum_assignment(table, maximize=True)
        found[columns] = table[rows, columns]
        drawn[columns] = units[rows]
        if line_up.shape is not None:
            alike[columns] = ssim(units[rows], truth[columns], line_up.shape)
    needed = np.fmax(RECOVERED_DB, line_up.baselines(chosen)["nearest_other"] + ABOVE_OTHERS_DB)
    named = np.unique(line_up.errors(units).argmin(axis=1)) if len(units) else np.zeros(0, dtype=np.int64)
    return Score(
        found,
        alike if line_up.shape is not None else None,
        drawn,
        np.nan_to_num(found, nan=-np.inf) > needed,
        named,
        int(np.isin(named, chosen).sum()),
    )


def identification(
    named: list[NDArray[np.int64]], chosen: list[NDArray[np.int64]], line_up: LineUp
) -> tuple[int, float, float]:
    """How many records behind the updates were named, how many chance would name, and how likely so many would be by chance.

    Chance: a record of the same class could have stood in the same place. Given how many records of a class were named, the
    right ones among them follow a hypergeometric law, independent over classes and updates; their sum's law is exact. So
    knowing the class (which labels give away) earns nothing.
    """
    from scipy.stats import hypergeom

    law, hits, expected = np.ones(1), 0, 0.0
    for guesses, behind in zip(named, chosen, strict=True):
        true = np.unique(behind)
        hits += int(np.isin(guesses, true).sum())
        for label in np.unique(line_up.labels[true]):
            of_class = line_up.labels == label
            drawn, right, total = int(of_class[guesses].sum()), int(of_class[true].sum()), int(of_class.sum())
            part = hypergeom.pmf(np.arange(min(drawn, right) + 1), total, right, drawn)
            law = np.convolve(law, part)
            expected += drawn * right / total
    return hits, expected, float(min(1.0, law[hits:].sum()))


def _db(left: FloatArray, right: FloatArray) -> FloatArray:
    return np.asarray(np.minimum(psnr(left, right), MOST_DB), dtype=np.float64)


def median_interval(values: NDArray[Any], confidence: float = 0.95) -> dict[str, float | int] | None:
    """Median with the exact interval from order statistics (the whole range where too few for the level); None of none."""
    from scipy.stats import binom

    ordered = np.sort(values[np.isfinite(values)])
    if not len(ordered):
        return None
    below = int(binom.ppf((1 - confidence) / 2, len(ordered), 0.5))
    low = max(below - 1, 0)
    return {
        "median": float(np.median(ordered)),
        "low": float(ordered[low]),
        "high": float(ordered[len(ordered) - 1 - low]),
        "n": len(ordered),
    }
