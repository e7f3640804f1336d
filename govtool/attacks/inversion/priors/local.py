"""A prior that learns from few public pictures: principal components of a covariance cut short over distance.

The ordinary components of ten people's photos span nothing but mixtures of these ten. What nearby pixels have to do with
each other can be learnt from them all the same; what a chin has to do with an ear cannot, and is chance. So the sample
covariance is multiplied by a weight that falls with the distance between two pixels (covariance localisation, Houtekamer &
Mitchell 2001), which leaves a Gaussian prior of full rank whose draws are locally like public pictures.
"""

import numpy as np

from govtool.attacks.interface import FloatArray
from govtool.attacks.inversion.priors.grid import coarse_shape, resized
from govtool.attacks.inversion.priors.pca import FAINT, Linear
from govtool.attacks.inversion.question import Shape

REACH = 0.16
"""Distance, in mean sides of the picture, at which the weight has fallen to exp(-1/2)."""
MOST_COMPONENTS = 200


def fit(units: FloatArray, shape: Shape, components: int = MOST_COMPONENTS) -> Linear:
    """Learn from (m, *record) public pictures of `shape` in units of the range. No randomness."""
    import torch

    seen_at = coarse_shape(shape)
    coarse = resized(torch.from_numpy(units.reshape(-1, *shape)), seen_at).flatten(1).numpy()
    mean = coarse.mean(axis=0)
    away = coarse - mean
    covariance = away.T @ away / len(away) * _closeness(seen_at)
    variance, directions = np.linalg.eigh(covariance)
    first = slice(-1, -1 - min(components, len(variance)), -1)
    variance, directions = variance[first], directions[:, first].T
    kept = variance > FAINT * max(variance[0], FAINT)
    spread, directions = np.sqrt(variance[kept])[:, None], directions[kept]

    def fine(rows: FloatArray) -> FloatArray:
        return np.asarray(resized(torch.from_numpy(rows.reshape(-1, *seen_at)), shape).flatten(1).numpy())

    return Linear(
        name="local",
        record=units.shape[1:],
        mean=fine(mean[None])[0].astype(np.float32),
        basis=fine(spread * directions).astype(np.float32),
        public=(away @ directions.T / spread.T).astype(np.float32),
    )


def _closeness(shape: Shape) -> FloatArray:
    """(pixels, pixels) weights of the covariance, 1 for the same place; channels of one place are as close as can be."""
    channels, height, width = shape
    down, across = np.divmod(np.arange(height * width), width)
    apart = (down[:, None] - down) ** 2 + (across[:, None] - across) ** 2
    reach = REACH * (height + width) / 2
    return np.tile(np.exp(-apart / (2 * reach**2)), (channels, channels))
