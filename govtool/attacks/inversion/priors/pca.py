"""The cheapest prior: records as the mean of public ones and their principal components (Turk & Pentland 1991)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from govtool.attacks.interface import Features, FloatArray

if TYPE_CHECKING:
    from torch import Tensor

MOST_COMPONENTS = 100
FAINT = 1e-9
"""Share of the first component's variance below which another one is rounding error."""


@dataclass(frozen=True)
class Linear:
    """mean + latents @ basis, cut off at the range."""

    name: str
    record: tuple[int, ...]
    mean: Features
    """(features,)"""
    basis: Features
    """(size, features): each component times its standard deviation over the public records."""
    public: Features

    @property
    def size(self) -> int:
        return len(self.basis)

    def decode(self, latents: "Tensor") -> "Tensor":
        import torch

        mean, basis = (torch.from_numpy(array).to(latents.device) for array in (self.mean, self.basis))
        return (mean + latents @ basis).clamp(0, 1).reshape(-1, *self.record)

    def sample(self, n: int, rng: np.random.Generator) -> Features:
        return rng.standard_normal((n, self.size)).astype(np.float32)


def fit(units: FloatArray, components: int = MOST_COMPONENTS) -> Linear:
    """Learn from (m, *record) public records in units of the range, two different ones at least.

    Keeps at most `components`, and never more than the records have. No randomness.
    """
    from sklearn.decomposition import PCA

    flat = units.reshape(len(units), -1)
    most = min(components, len(flat) - 1, flat.shape[1])
    model = PCA(most, svd_solver="auto", random_state=0).fit(flat)
    kept = model.explained_variance_ > FAINT * max(model.explained_variance_[0], FAINT)
    spread = np.sqrt(model.explained_variance_[kept])
    return Linear(
        name="pca",
        record=units.shape[1:],
        mean=model.mean_.astype(np.float32),
        basis=(spread[:, None] * model.components_[kept]).astype(np.float32),
        public=(model.transform(flat)[:, kept] / spread).astype(np.float32),
    )
