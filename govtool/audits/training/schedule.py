"""The learning rate of each step."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Schedule = Literal["constant", "cosine", "one_cycle"]

_WARM_UP = 0.3
_FROM, _TO = 1 / 25, 1 / 250_000


def rates(schedule: Schedule, highest: float, steps: int) -> NDArray[np.float64]:
    """(steps,) learning rates.

    ``cosine`` falls from the highest rate to zero (Loshchilov & Hutter 2017, eq. 5, without restarts). ``one_cycle`` rises
    over the first three tenths and falls over the rest (Smith & Topin 2018), both by half a cosine and from and to the
    fractions that torch's OneCycleLR has by default; the momentum stays as it is.
    """
    if schedule == "constant":
        return np.full(steps, highest)
    if schedule == "cosine":
        return highest * _half_cosine(1.0, 0.0, np.arange(steps) / steps)
    done = np.arange(steps) / max(1, steps - 1)
    rising = _half_cosine(_FROM, 1.0, done / _WARM_UP)
    falling = _half_cosine(1.0, _TO, (done - _WARM_UP) / (1 - _WARM_UP))
    return np.asarray(highest * np.where(done < _WARM_UP, rising, falling))


def _half_cosine(start: float, stop: float, share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(stop + (start - stop) * (1 + np.cos(np.pi * share)) / 2)
