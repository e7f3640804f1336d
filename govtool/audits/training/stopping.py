"""Early stopping: each model keeps the weights that did best on records held out of its own training."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from govtool import runtime

if TYPE_CHECKING:
    from torch import Tensor


def hold_out(records: int, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions to train on and to hold out of them: at least one record on either side."""
    order = runtime.rng(seed, "held-out").permutation(records)
    held = held_out(records, share)
    return order[held:], order[:held]


def held_out(records: int, share: float) -> int:
    """How many of so many records `hold_out` holds out."""
    return min(max(1, round(share * records)), records - 1)


class Patience:
    """Each model's best weights so far; one that has not improved for `patience` epochs has stopped."""

    def __init__(self, weights: "list[Tensor]", patience: int) -> None:
        models = len(weights[0])
        self._weights = weights
        self._best = [weight.detach().clone() for weight in weights]
        self._lowest = np.full(models, np.inf)
        self._waited = np.zeros(models, dtype=np.int64)
        self._patience = patience

    def stopped(self, losses: NDArray[np.float64]) -> bool:
        """Whether all have stopped, after an epoch that left them with these losses on what they held out."""
        import torch

        going = self._waited < self._patience
        better = going & (losses < self._lowest)
        self._lowest[better] = losses[better]
        self._waited[going] += 1
        self._waited[better] = 0
        for best, weight in zip(self._best, self._weights, strict=True):
            chosen = torch.from_numpy(better).to(weight.device)
            best[chosen] = weight.detach()[chosen]
        return bool((self._waited >= self._patience).all())

    def restore(self) -> None:
        """Give every model its best weights."""
        for best, weight in zip(self._best, self._weights, strict=True):
            weight.detach().copy_(best)
