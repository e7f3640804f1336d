"""A small generative adversarial network of public records (Goodfellow et al. 2014; Radford et al. 2016 for pictures).

Both sides see pictures moved and lit anew each time, or the critic learns some tens of pictures by heart (differentiable
augmentation, Zhao et al. 2020). Hinge loss (Lim & Ye 2017).
"""

import numpy as np

from govtool.attacks.interface import FloatArray
from govtool.attacks.inversion.disturbance import disturb
from govtool.attacks.inversion.priors import networks
from govtool.attacks.inversion.priors.autoencoder import Decoder
from govtool.attacks.inversion.priors.grid import coarse_shape, resized
from govtool.attacks.inversion.question import Shape
from govtool.attacks.optimizer import Optimizer

SIZE = 32
STEPS = 600
RATE = 1e-3
DRAWN = 256
"""Latents drawn for a start: the network cannot place public records."""


def fit(units: FloatArray, shape: Shape | None, rng: np.random.Generator, size: int = SIZE) -> Decoder:
    """Train on (m, *record) public records in units of the range; pictures on a coarse grid."""
    import torch

    record, seen_at = units.shape[1:], None if shape is None else coarse_shape(shape)
    records = torch.from_numpy(units.astype(np.float32))
    if shape is not None and seen_at is not None:
        records = resized(records.reshape(-1, *shape), seen_at)
    relu = torch.nn.functional.relu
    with networks.seeded(rng) as draws:
        forger, critic = networks.decoder(size, record, seen_at), networks.encoder(1, record, seen_at)
        forging, judging = (Optimizer(list(side.parameters()), "adam", RATE, 0.0) for side in (forger, critic))
        for batch in networks.batches(records, STEPS, draws):
            forged = forger(torch.randn(len(batch), size, generator=draws))
            real = critic(disturb(batch, seen_at, draws))
            fake = critic(disturb(forged.detach(), seen_at, draws))
            (relu(1 - real).mean() + relu(1 + fake).mean()).backward()  # type: ignore[no-untyped-call]
            judging.step()
            critic.requires_grad_(False)
            (-critic(disturb(forged, seen_at, draws)).mean()).backward()
            forging.step()
            critic.requires_grad_(True)
    forger.eval().requires_grad_(False)
    start = rng.standard_normal((DRAWN, size)).astype(np.float32)
    own = np.zeros(size, dtype=np.float32), np.eye(size, dtype=np.float32)
    return Decoder("gan", forger, record, shape, *own, start)
