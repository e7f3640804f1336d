"""What a prior is: a map from a few numbers to records that look like public ones."""

from typing import TYPE_CHECKING, Protocol

import numpy as np

from govtool.attacks.interface import Features

if TYPE_CHECKING:
    from torch import Tensor


class Prior(Protocol):
    """A generator with standardised latents: each latent of a typical record is about standard normal."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int:
        """How many numbers a latent has."""
        ...

    @property
    def public(self) -> Features:
        """(m, size) latents to start from: public records where the generator can place them, else draws of its own."""
        ...

    def decode(self, latents: "Tensor") -> "Tensor":
        """(n, size) latents as (n, *record) records in units of the range, 0 to 1; differentiable."""
        ...

    def sample(self, n: int, rng: np.random.Generator) -> Features:
        """(n, size) latents of typical records."""
        ...
