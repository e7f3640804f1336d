"""Mean and spread of what references with and without a record say of it; all that Gaussian attacks need."""

from dataclasses import dataclass

import numpy as np

from govtool.attacks.interface import FloatArray, Mask
from govtool.attacks.membership.worlds import World


@dataclass(frozen=True)
class Moments:
    """Of one side, in or out; each (records,). Where `count` is 0, `mean` is the mean over all records."""

    count: FloatArray
    mean: FloatArray
    squares: FloatArray
    """Sum of squared residuals from the mean."""
    doubt: FloatArray
    """Variance of a reading about `mean` in units of the variance about the true mean: 1 + 1 / count."""

    @property
    def freedom(self) -> FloatArray:
        return np.maximum(self.count - 1, 0.0)

    @property
    def pooled(self) -> float:
        """The variance within records, from all residuals and their degrees of freedom; 0 when there are none."""
        freedom = float(self.freedom.sum())
        return float(self.squares.sum()) / freedom if freedom else 0.0


def of(world: World, reading: str) -> tuple[Moments, Moments]:
    """(in, out) of a reading, over the references that saw the record and over those that did not."""
    parts = [
        (_sums(block.references, block.inside), _sums(block.references, block.outside))
        for block in world.blocks(reading)
    ]
    inside, outside = (np.concatenate([part[side] for part in parts], axis=1) for side in (0, 1))
    return _moments(inside), _moments(outside)


def _sums(values: FloatArray, chosen: Mask) -> FloatArray:
    """(3, b): count, mean and sum of squared residuals."""
    count = chosen.sum(axis=0).astype(np.float64)
    mean = np.where(chosen, values, 0.0).sum(axis=0) / np.maximum(count, 1.0)
    squares = (np.where(chosen, values - mean, 0.0) ** 2).sum(axis=0)
    return np.stack([count, mean, squares])


def _moments(sums: FloatArray) -> Moments:
    """A record that no reference speaks for is expected where records are on the whole, and as far spread as they are."""
    count, mean, squares = sums
    known = count > 0
    doubt = 1 + 1 / np.maximum(count, 1.0)
    if known.any() and not known.all():
        within = float(squares.sum()) / max(float(np.maximum(count - 1, 0).sum()), 1.0)
        between = float(mean[known].var())
        mean = np.where(known, mean, mean[known].mean())
        doubt = np.where(known, doubt, 1 + between / within if within > 0 else 1.0)
    return Moments(count, mean, squares, doubt)
