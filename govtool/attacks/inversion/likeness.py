"""How like a training record a drawing is: 1 is identical, for pictures and for tables.

Pictures are compared by SSIM. A table has no neighbouring features, so its likeness is what is left of the typical
distance between two different records of a class: 1 at no distance, 0 at the typical one, below 0 beyond it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from govtool.attacks.interface import FloatArray
from govtool.attacks.inversion.question import Shape
from govtool.attacks.inversion.similarity import ssim

_AT_ONCE = 1 << 22
"""Numbers in one block of pictures compared."""


@dataclass(frozen=True)
class Likeness:
    """`shape` of pictures; or None and the `typical` root mean square distance, in shares of the features' ranges."""

    shape: Shape | None
    typical: float = 1.0

    @property
    def words(self) -> str:
        if self.shape is not None:
            return "structural similarity (SSIM, data range 1), where 1 is an identical picture"
        return (
            f"1 less the root mean square distance over {self.typical:.3f} of the features' ranges, which is how far two "
            "records of a class usually lie apart: 1 is an identical record, 0 one no nearer than any other"
        )

    def table(self, drawn: FloatArray, records: FloatArray) -> FloatArray:
        """(n, features) against (m, features), in range units: (n, m)."""
        step = max(1, _AT_ONCE // max(1, len(drawn) * drawn.shape[1]))
        blocks = [self.pairs(drawn[:, None], records[None, at : at + step]) for at in range(0, len(records), step)]
        return np.concatenate(blocks, axis=1)

    def pairs(self, drawn: FloatArray, records: FloatArray) -> FloatArray:
        """(..., features) against (..., features), leading dimensions broadcast."""
        if self.shape is not None:
            return ssim(drawn, records, self.shape)
        return np.asarray(1 - distance(drawn, records) / self.typical, dtype=np.float64)


def distance(left: FloatArray, right: FloatArray) -> FloatArray:
    """Root mean square difference of (..., features) rows, leading dimensions broadcast."""
    return np.asarray(np.sqrt(np.mean((left - right) ** 2, axis=-1)), dtype=np.float64)


def typical_distance(classes: Sequence[tuple[FloatArray, FloatArray]]) -> float:
    """Mean over classes of the mean distance between the records of one half and those of the other, each (k, features)."""
    return float(np.mean([distance(first[:, None], second[None]).mean() for first, second in classes]))
