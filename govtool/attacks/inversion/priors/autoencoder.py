"""A denoising autoencoder of public records (Vincent et al. 2008) whose decoder is the prior, as in Fredrikson et al. 2015.

Codes of public records are standardised to mean 0 and covariance 1, so that a typical latent is about standard normal.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from govtool.attacks.interface import Features, FloatArray
from govtool.attacks.inversion.disturbance import disturb
from govtool.attacks.inversion.priors import networks
from govtool.attacks.inversion.priors.grid import coarse_shape, resized
from govtool.attacks.inversion.question import Shape
from govtool.attacks.optimizer import Optimizer

if TYPE_CHECKING:
    from torch import Tensor

SIZE = 32
STEPS = 600
RATE = 2e-3
NOISE = 0.1
_FAINT = 1e-3
"""Added to the codes' spread: a direction that no record uses must not blow up."""


@dataclass(frozen=True)
class Decoder:
    """A trained network from latents to records; `spread` and `centre` bring standard normal ones to its own scale."""

    name: str
    network: Any
    record: tuple[int, ...]
    shape: Shape | None
    centre: Features
    """(size,)"""
    spread: Features
    """(size, size)"""
    public: Features

    @property
    def size(self) -> int:
        return len(self.centre)

    def decode(self, latents: "Tensor") -> "Tensor":
        import torch

        drawn = self.network(torch.from_numpy(self.centre) + latents @ torch.from_numpy(self.spread))
        return drawn if self.shape is None else resized(drawn, self.shape).reshape(-1, *self.record)

    def sample(self, n: int, rng: np.random.Generator) -> Features:
        return rng.standard_normal((n, self.size)).astype(np.float32)


def fit(units: FloatArray, shape: Shape | None, rng: np.random.Generator, size: int = SIZE) -> Decoder:
    """Train on (m, *record) public records in units of the range; pictures on a coarse grid, moved and lit anew each time."""
    import torch

    record, seen_at = units.shape[1:], None if shape is None else coarse_shape(shape)
    records = torch.from_numpy(units.astype(np.float32))
    if shape is not None and seen_at is not None:
        records = resized(records.reshape(-1, *shape), seen_at)
    with networks.seeded(rng) as draws:
        encoder, decoder = networks.encoder(size, record, seen_at), networks.decoder(size, record, seen_at)
        optimizer = Optimizer([*encoder.parameters(), *decoder.parameters()], "adam", RATE, 0.0)
        for step, batch in enumerate(networks.batches(records, STEPS, draws)):
            optimizer.rate = RATE * (1 - step / STEPS)
            clean = disturb(batch, seen_at, draws).clamp(0, 1)
            noisy = clean + NOISE * torch.randn(clean.shape, generator=draws)
            loss = torch.nn.functional.mse_loss(decoder(encoder(noisy)), clean)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        with torch.no_grad():
            codes = encoder(records).double().numpy()
    centre = codes.mean(axis=0)
    covariance = np.atleast_2d(np.cov(codes.T)) + _FAINT * np.eye(size)
    spread = np.linalg.cholesky(covariance).T
    public = (codes - centre) @ np.linalg.inv(spread)
    decoder.eval().requires_grad_(False)
    return Decoder("autoencoder", decoder, record, shape, *(a.astype(np.float32) for a in (centre, spread, public)))
