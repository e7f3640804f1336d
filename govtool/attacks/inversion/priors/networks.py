"""Small networks that a prior is trained with, for pictures and for tables, and how they are trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from govtool.attacks.inversion.question import Shape

if TYPE_CHECKING:
    from torch import Tensor

WIDTH = 32
_HIDDEN = 128
BATCH = 64


def decoder(size: int, record: tuple[int, ...], shape: Shape | None) -> Any:
    """(n, size) -> (n, *shape) pictures, or (n, *record) rows of a table, in 0..1."""
    from torch import nn

    if shape is None:
        return nn.Sequential(
            nn.Linear(size, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, int(np.prod(record))),
            nn.Sigmoid(),
            nn.Unflatten(1, record),
        )
    channels, height, width = shape
    small = (2 * WIDTH, -(-height // 4), -(-width // 4))
    return nn.Sequential(
        nn.Linear(size, int(np.prod(small))),
        nn.Unflatten(1, small),
        nn.ReLU(),
        nn.Upsample((-(-height // 2), -(-width // 2))),
        nn.Conv2d(2 * WIDTH, WIDTH, 3, padding=1),
        nn.ReLU(),
        nn.Upsample((height, width)),
        nn.Conv2d(WIDTH, channels, 3, padding=1),
        nn.Sigmoid(),
    )


def encoder(size: int, record: tuple[int, ...], shape: Shape | None) -> Any:
    """(n, *shape) pictures, or (n, *record) rows of a table -> (n, size)."""
    from torch import nn

    if shape is None:
        return nn.Sequential(
            nn.Flatten(), nn.Linear(int(np.prod(record)), _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, size)
        )
    channels, height, width = shape
    return nn.Sequential(
        nn.Conv2d(channels, WIDTH, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(WIDTH, 2 * WIDTH, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * WIDTH * -(-height // 4) * -(-width // 4), size),
    )


@contextmanager
def seeded(rng: np.random.Generator) -> "Iterator[Any]":
    """Torch's own generator set from `rng`, and put back as it was; gives another generator for explicit draws."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**62)))
        yield torch.Generator().manual_seed(int(rng.integers(2**62)))


def batches(records: "Tensor", steps: int, generator: Any) -> "Iterator[Tensor]":
    """`steps` batches drawn with replacement: with some tens of records an epoch means little."""
    import torch

    for _ in range(steps):
        yield records[torch.randint(len(records), (BATCH,), generator=generator)]
