"""How alike two pictures are: SSIM and PSNR, both of values in 0..1, so that the data range is 1.0.

Neither says anything without reference rows: on aligned faces the mean of everybody reaches 0.5 in SSIM and 18 dB.
"""

from typing import TYPE_CHECKING

import numpy as np

from govtool.attacks.interface import FloatArray

if TYPE_CHECKING:
    from govtool.attacks.inversion.question import Shape

DATA_RANGE = 1.0
_RADIUS, _SIGMA = 5, 1.5
_C1, _C2 = (0.01 * DATA_RANGE) ** 2, (0.03 * DATA_RANGE) ** 2


def ssim(left: FloatArray, right: FloatArray, shape: "Shape") -> FloatArray:
    """Mean structural similarity (Wang, Bovik, Sheikh & Simoncelli 2004) of pictures in 0..1; 1 means identical.

    Gaussian window of 11 x 11 with sigma 1.5, population variances, K = (0.01, 0.03), where the window fits into the
    picture; a side shorter than the window is mirrored at its edges instead. Channels are averaged.

    Args:
        left: (..., features), values in 0..1.
        right: (..., features); leading dimensions broadcast against those of `left`, and each is smoothed only once.
        shape: what a row of features is.
    """
    x, y = (np.asarray(rows, dtype=np.float64).reshape(*rows.shape[:-1], *shape) for rows in (left, right))
    down, across = (_smoothing(side) for side in shape[1:])

    def smooth(pictures: FloatArray) -> FloatArray:
        return np.asarray(down @ pictures @ across.T, dtype=np.float64)

    mean_x, mean_y = smooth(x), smooth(y)
    variance_x, variance_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    both = mean_x * mean_y
    covariance = smooth(x * y) - both
    alike = (2 * both + _C1) * (2 * covariance + _C2)
    return np.asarray(
        (alike / ((mean_x**2 + mean_y**2 + _C1) * (variance_x + variance_y + _C2))).mean(axis=(-3, -2, -1)),
        dtype=np.float64,
    )


def psnr(left: FloatArray, right: FloatArray) -> FloatArray:
    """Peak signal-to-noise ratio in decibels of (..., features) rows in 0..1, leading dimensions broadcast; infinite where identical."""
    error = np.mean((np.asarray(left, dtype=np.float64) - right) ** 2, axis=-1)
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(DATA_RANGE**2 / error), dtype=np.float64)


def _smoothing(side: int) -> FloatArray:
    """(kept, side): what smooths one axis. A row per place where the window fits, or per pixel where it fits nowhere."""
    offsets = np.arange(-_RADIUS, _RADIUS + 1)
    weights = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    weights /= weights.sum()
    fits = side > 2 * _RADIUS
    centres = np.arange(_RADIUS, side - _RADIUS) if fits else np.arange(side)
    places = (centres[:, None] + offsets) % (2 * side)
    places = np.where(places >= side, 2 * side - 1 - places, places)
    matrix = np.zeros((len(centres), side))
    np.add.at(matrix, (np.arange(len(centres))[:, None], places), weights)
    return matrix
