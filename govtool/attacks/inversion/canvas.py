"""Where a white-box attacker searches: pixels, blurred pixels, a spectrum, or the codes of the model's own autoencoder.

Small steps in each reach other pictures first, and what is reached first is what an attacker without data believes in. All
start at grey. Pictures are (rows, ...) in units of the observed range; blurring and spectra work on each channel alone.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

from govtool.attacks.inversion.question import Shape

_LEAK = 0.01
"""Slope beyond the range, so that a pixel that left it can come back."""
_WIDTHS = (0.036, 0.107)
"""Of the two blurs, as shares of the picture's height: 2 and 6 pixels of 56."""


class Canvas(Protocol):
    """What is optimised, and the pictures that it stands for."""

    @property
    def variables(self) -> Any:
        """The tensor to optimise, one row per picture."""
        ...

    def draw(self) -> Any:
        """(rows, *record) in 0..1 (a little beyond while the search is on)."""
        ...

    def penalty(self) -> Any:
        """What the variables themselves cost, summed over rows."""
        ...

    def settle(self) -> None:
        """After each step: back to what is allowed."""
        ...

    def absorb(self, units: Any) -> None:
        """Take over pictures (rows, *record) that were altered by hand."""
        ...


@dataclass
class Pixels:
    """Every feature by itself, kept in range after each step. Tables, too."""

    variables: Any

    def draw(self) -> Any:
        return self.variables

    def penalty(self) -> Any:
        return 0.0

    def settle(self) -> None:
        self.variables.clamp_(0, 1)

    def absorb(self, units: Any) -> None:
        self.variables.copy_(units)


@dataclass
class Spectrum:
    """Cosine waves, which in natural pictures are the fainter the shorter they are: broad shapes are drawn first.

    `variables` times mode ** -`falloff` are the waves' amplitudes, in units of the range; a mode is the number of half
    waves along the height. `weight` is that of a normal prior on them. Nothing of it depends on the number of pixels.
    """

    variables: Any
    record: tuple[int, ...]
    rows: Any
    """(height, height) orthonormal cosine basis, a row per frequency."""
    columns: Any
    scale: Any
    """(height, width) coefficient of each wave where its variable is one."""
    weight: float

    @classmethod
    def of(cls, units: Any, shape: Shape, falloff: float, weight: float) -> "Spectrum":
        """Starting at `units` (n, *record)."""
        import torch

        _, height, width = shape
        down = torch.arange(height, device=units.device, dtype=torch.float32)
        across = torch.arange(width, device=units.device, dtype=torch.float32) * height / width
        scale = math.sqrt(height * width) * torch.hypot(down[:, None], across).clamp_min(1) ** -falloff
        rows, columns = (_cosines(side, units.device) for side in (height, width))
        made = cls(torch.zeros(len(units), *shape, device=units.device), units.shape[1:], rows, columns, scale, weight)
        made.absorb(units)
        return made

    def draw(self) -> Any:
        pictures = 0.5 + self.rows.T @ (self.scale * self.variables) @ self.columns
        inside = pictures.clamp(0, 1)
        return (inside + _LEAK * (pictures - inside)).reshape(-1, *self.record)

    def penalty(self) -> Any:
        return self.weight * (self.variables**2).sum()

    def settle(self) -> None:
        """Any spectrum is allowed."""

    def absorb(self, units: Any) -> None:
        grey = units.reshape(self.variables.shape) - 0.5
        self.variables.copy_(self.rows @ grey @ self.columns.T / self.scale)


@dataclass
class Blurred:
    """Pixels seen through two Gaussian blurs, the sum of them: the search moves in patches."""

    variables: Any
    record: tuple[int, ...]
    blurs: tuple[tuple[Any, Any], ...]

    @classmethod
    def of(cls, units: Any, shape: Shape) -> "Blurred":
        """Starting at grey, with whatever `units` (n, *record) differs from it blurred."""
        _, height, width = shape
        blurs = tuple(
            (_gaussian(height, share * height, units.device), _gaussian(width, share * height, units.device))
            for share in _WIDTHS
        )
        return cls((units - 0.5).reshape(-1, *shape).clone(), units.shape[1:], blurs)

    def draw(self) -> Any:
        pictures = 0.5 + sum(down @ self.variables @ across.T for down, across in self.blurs)
        inside = pictures.clamp(0, 1)
        return (inside + _LEAK * (pictures - inside)).reshape(-1, *self.record)

    def penalty(self) -> Any:
        return 0.0

    def settle(self) -> None:
        """Any pixels are allowed before the blur."""

    def absorb(self, units: Any) -> None:
        raise NotImplementedError("a blur cannot be undone; `settings` refuses the combination")


@dataclass
class Codes:
    """The codes of an autoencoder that is part of the model: its decoder draws, and knows what its training pictures were like.

    For the denoising autoencoder with softmax of Fredrikson et al. 2015, section 5.1.
    """

    variables: Any
    encoder: Any
    decoder: Any
    low: Any
    width: Any
    """The range of inputs, since encoder and decoder speak the model's own units."""

    @classmethod
    def of(cls, units: Any, encoder: Any, decoder: Any, low: Any, width: Any) -> "Codes":
        import torch

        with torch.no_grad():
            return cls(encoder(low + units * width).clone(), encoder, decoder, low, width)

    def draw(self) -> Any:
        import torch

        drawn = self.decoder(self.variables).reshape(-1, *self.low.shape)
        units = (drawn - self.low) / torch.where(self.width > 0, self.width, torch.ones_like(self.width))
        inside = units.clamp(0, 1)
        return inside + _LEAK * (units - inside)

    def penalty(self) -> Any:
        return 0.0

    def settle(self) -> None:
        """Any code is allowed."""

    def absorb(self, units: Any) -> None:
        self.variables.copy_(self.encoder(self.low + units * self.width))


def _cosines(side: int, device: Any) -> Any:
    """(side, side) orthonormal type-II cosine basis."""
    import torch

    at = torch.arange(side, device=device, dtype=torch.float32)
    basis = torch.cos(math.pi / side * (at + 0.5) * at[:, None]) * math.sqrt(2 / side)
    basis[0] /= math.sqrt(2)
    return basis


def _gaussian(side: int, width: float, device: Any) -> Any:
    """(side, side) rows of a normal density of standard deviation `width` pixels, each summing to one."""
    import torch

    at = torch.arange(side, device=device, dtype=torch.float32)
    kernel = torch.exp(-((at[:, None] - at) ** 2) / (2 * max(width, 1e-3) ** 2))
    return kernel / kernel.sum(1, keepdim=True)
