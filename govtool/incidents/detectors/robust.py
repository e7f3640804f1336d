"""Location and spread that one or two attackers among few principals cannot move: median and MAD."""

from collections.abc import Sequence

import numpy as np

_CONSISTENT = 1.4826
# Croux & Rousseeuw 1992: finite-sample factors that make the MAD unbiased for normal data, n = 2 ... 9.
_SMALL = {2: 1.196, 3: 1.495, 4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107}


def centre(values: Sequence[float]) -> float:
    return float(np.median(values))


def spread(values: Sequence[float], floor: float) -> float:
    """The MAD as an estimate of the standard deviation, at least `floor`."""
    n = len(values)
    factor = _SMALL.get(n, n / (n - 0.8))
    return max(floor, factor * _CONSISTENT * float(np.median(np.abs(np.asarray(values) - centre(values)))))
