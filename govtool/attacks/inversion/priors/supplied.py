"""A generator that somebody brings: any torch module from standard normal latents to inputs of the model."""

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from govtool.attacks.interface import Features
from govtool.attacks.inversion.question import Bounds
from govtool.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

DRAWN = 256


@dataclass(frozen=True)
class Supplied:
    """The module, its inputs put on the scale that the search works in."""

    name: str
    module: Any
    """(n, size) -> (n, *record) or (n, features), in the model's own input space."""
    size: int
    bounds: Bounds
    public: Features

    def decode(self, latents: "Tensor") -> "Tensor":
        import torch

        low, width = torch.from_numpy(self.bounds.low), torch.from_numpy(self.bounds.width)
        drawn: Tensor = self.module(latents).float().reshape(-1, *low.shape)
        return ((drawn - low) / width).clamp(0, 1)

    def sample(self, n: int, rng: np.random.Generator) -> Features:
        return rng.standard_normal((n, self.size)).astype(np.float32)


def plug(name: str, module: Any, size: int, bounds: Bounds, rng: np.random.Generator) -> Supplied:
    """Ask a copy of the generator once, so that one of the wrong kind fails here and not in the middle of a search.

    Raises:
        InputError: it does not take latents of this size, or does not answer with finite records of the model's size.
    """
    import torch

    own = copy.deepcopy(module).cpu().float().eval().requires_grad_(False)
    start = rng.standard_normal((DRAWN, size)).astype(np.float32)
    features = int(np.prod(bounds.low.shape))
    try:
        with torch.no_grad():
            drawn = own(torch.from_numpy(start[:2]))
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"generator {name} does not take latents of {size} numbers: {' '.join(str(error).split())}",
            hint="give the size it was built for: latent: 128",
        ) from error
    if not isinstance(drawn, torch.Tensor) or len(drawn) != 2 or drawn.numel() != 2 * features:  # noqa: PLR2004
        shown = tuple(drawn.shape) if isinstance(drawn, torch.Tensor) else type(drawn).__name__
        raise InputError(
            f"generator {name} answers two latents with {shown}; two records of {features} features wanted"
        )
    if not bool(torch.isfinite(drawn).all()):
        raise InputError(f"generator {name} answers with missing or infinite numbers")
    return Supplied(name, own, size, bounds, start)
