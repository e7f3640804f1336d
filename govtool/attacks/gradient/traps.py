"""What a server can do that does not only listen: send out a first layer that makes updates easier to read.

A unit gives a record away when it is on for that record alone. So the server wants units that are on for about one record
of a batch, each for another one.
"""

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.gradient.layers import Dense

Matrix = NDArray[np.float64]

SCALES = (0.99, 0.97, 0.95, 0.9)
"""How much weaker positive weights are than negative ones. Boenisch et al. find the best by trying, on data like the victims'."""
_TRIES = 20


def scaled(layer: Dense, public: NDArray[np.float32], size: int, rng: np.random.Generator) -> Matrix:
    """Trap weights of Boenisch et al. (2021, arXiv 2112.02918, section 5): half of each unit's weights negative, the same
    magnitudes scaled down positive, bias zero. Of several scales the one that isolates most public records in batches of
    `size`. (out, in + 1), the bias last.
    """
    out, width = layer.module.weight.shape
    magnitude = np.abs(rng.normal(size=(out, width // 2))) / np.sqrt(width)
    order = np.argsort(rng.random((out, width)), axis=1)[:, : 2 * (width // 2)]
    best, most = np.zeros((out, width + 1)), -1.0
    for scale in SCALES:
        weights = np.zeros((out, width + 1))
        np.put_along_axis(weights, order, np.concatenate([-magnitude, scale * magnitude], axis=1), axis=1)
        if (found := isolated(weights, public, size, rng)) > most:
            best, most = weights, found
    return best


def calibrated(layer: Dense, public: NDArray[np.float32], size: int, rng: np.random.Generator) -> Matrix:
    """Units along random directions of the public records' principal components, all made equally wide, each with the bias
    that lets two records of a batch through: one and its neighbour give more than one alone, where records are alike. (out, in + 1).

    Boenisch's traps with the thresholds of Fowl et al. ('Robbing the Fed', ICLR 2022, arXiv 2110.13057): quantiles of public
    data in place of scales tried.
    """
    out = layer.module.weight.shape[0]
    flat = public.reshape(len(public), -1).astype(np.float64)
    mean = flat.mean(axis=0)
    _, values, axes = np.linalg.svd(flat - mean, full_matrices=False)
    kept = values > values[0] * _NARROW
    directions = (rng.normal(size=(out, int(kept.sum()))) / values[kept]) @ axes[kept]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    reach = np.sort(flat @ directions.T, axis=0)
    share = min(max(_ALLOWED / size, 1 / len(flat)), 0.5)
    threshold = np.quantile(reach, 1 - share, axis=0)
    return np.concatenate([directions, -threshold[:, None]], axis=1)


_NARROW = 1e-2
"""Principal components narrower than this share of the widest are left out: thresholds along them would be noise."""
_ALLOWED = 2.0


def isolated(weights: Matrix, public: NDArray[np.float32], size: int, rng: np.random.Generator) -> float:
    """Share of public records, in random batches, that some unit is on for alone."""
    flat = np.concatenate([public.reshape(len(public), -1), np.ones((len(public), 1))], axis=1)
    on = flat @ weights.T > 0
    found = []
    for _ in range(_TRIES):
        batch = on[rng.choice(len(on), size, replace=len(on) < size)]
        found.append(batch[:, batch.sum(axis=0) == 1].any(axis=1).mean())
    return float(np.mean(found))


def planted(layer: Dense, weights: Matrix) -> None:
    """Put the weights into the module's first layer."""
    import torch

    with torch.no_grad():
        layer.module.weight.copy_(torch.from_numpy(weights[:, :-1].astype(np.float32)))
        layer.module.bias.copy_(torch.from_numpy(weights[:, -1].astype(np.float32)))
