"""Location and spread that one or two attackers among few principals cannot move: median and MAD."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_CONSISTENT = 1.4826
# Croux & Rousseeuw 1992: finite-sample factors that make the MAD unbiased for normal data, n = 2 ... 9.
_SMALL = {2: 1.196, 3: 1.495, 4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107}


def centre(values: Sequence[float]) -> float:
    return float(np.median(values))


def centres_without_each(values: Sequence[float]) -> NDArray[np.float64]:
    """For each of at least two values the median of all the others, from one sorting."""
    known = np.asarray(values, dtype=np.float64)
    order = np.argsort(known, kind="stable")
    ordered, ranks = known[order], np.empty(len(known), dtype=np.int64)
    ranks[order] = np.arange(len(known))
    low, high = (len(known) - 2) // 2, (len(known) - 1) // 2  # the middle of the others, once each of them is gone
    return np.asarray((ordered[low + (low >= ranks)] + ordered[high + (high >= ranks)]) / 2, dtype=np.float64)


def spreads_without_each(values: Sequence[float], floor: float) -> NDArray[np.float64]:
    """For each of at least three values the `spread` of all the others. Their medians are at most three numbers."""
    known, middles = np.asarray(values, dtype=np.float64), centres_without_each(values)
    found = np.empty(len(known))
    for middle in np.unique(middles):
        mine = middles == middle
        found[mine] = centres_without_each(np.abs(known - middle).tolist())[mine]
    return np.maximum(floor, _factor(len(known) - 1) * _CONSISTENT * found)


def spread(values: Sequence[float], floor: float) -> float:
    """The MAD as an estimate of the standard deviation, at least `floor`."""
    middle = float(np.median(np.abs(np.asarray(values) - centre(values))))
    return max(floor, _factor(len(values)) * _CONSISTENT * middle)


def _factor(n: int) -> float:
    return _SMALL.get(n, n / (n - 0.8))
