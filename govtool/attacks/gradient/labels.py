"""Which classes were in the batch, read from the last layer.

The gradient of its bias is the mean of (probability - 1[own class]): with one record only its own class is negative (Zhao
et al., iDLG, 2020, arXiv 2001.02610); with several, a class's share is its mean probability minus that entry (Geng et al.,
2021, arXiv 2110.09074).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.gradient.layers import Dense
from govtool.attacks.gradient.update import Update
from govtool.attacks.interface import Labels


def recover(update: Update, last: Dense | None, answers: NDArray[Any]) -> Labels | None:
    """(size,) sorted classes; None where no layer gives them.

    Args:
        update: the intercepted update.
        last: the layer whose output is the logits.
        answers: (n, classes) probabilities that the model gives to whatever records the attacker has.
    """
    if last is None:
        return None
    if last.bias is not None:
        steps = update.tensors[last.bias].astype(np.float64)
    else:  # features after a ReLU are not negative, so a row's sum has the sign of its bias's gradient
        steps = update.tensors[last.weight].astype(np.float64).sum(axis=1)
        if update.size > 1:
            return None
    if update.size == 1:
        return np.array([int(steps.argmin())], dtype=np.int64)
    return _counted(update.size * (answers.mean(axis=0) - steps), update.size)


def _counted(shares: NDArray[np.float64], size: int) -> Labels:
    """Whole numbers that add up to `size`, nearest to the shares (largest remainders)."""
    shares = np.clip(shares, 0, None)
    shares *= size / max(shares.sum(), np.finfo(float).tiny)
    counts = np.floor(shares).astype(np.int64)
    short = size - int(counts.sum())
    counts[np.argsort(counts - shares, kind="stable")[:short]] += 1
    return np.repeat(np.arange(len(counts)), counts).astype(np.int64)
