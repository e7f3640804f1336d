"""What an attacker without any data believes of inputs before asking the model: near grey and, for pictures, smooth.

Penalties are summed over rows, in units of the observed range. Each is the integral over a picture whose height and width
are one, so that the same scene costs the same at every size, and a weight means the same.
"""

from dataclasses import dataclass
from typing import Any

from govtool.attacks.inversion.question import Shape

_CORNER = 1e-4
"""Under the root of total variation, where its slope would jump: steps of less than a hundredth of the range count as none."""


@dataclass(frozen=True)
class Weights:
    """Of each penalty, beside a loss summed over rows."""

    distance: float = 0.0
    """Squared distance from grey."""
    variation: float = 0.0
    """Total variation: the slope between neighbouring pixels. Keeps edges, and paints in blocks."""
    roughness: float = 0.0
    """The squared slope. Blurs."""


def penalty(units: Any, shape: Shape | None, weights: Weights) -> Any:
    """Of (rows, ...) units; a table has no neighbours, so only its distance from grey counts. 0.0 if nothing weighs."""
    total: Any = 0.0
    if weights.distance:
        total = total + weights.distance * ((units - 0.5) ** 2).flatten(1).mean(1).sum()
    if shape is None or not (weights.variation or weights.roughness):
        return total
    pictures = units.reshape(-1, *shape)
    down, across = pictures[..., 1:, :] - pictures[..., :-1, :], pictures[..., 1:] - pictures[..., :-1]
    for step, side in ((down, shape[1]), (across, shape[2])):
        if weights.variation and step.numel():
            slope = side * ((step**2 + _CORNER).sqrt() - _CORNER**0.5)
            total = total + weights.variation * slope.flatten(1).mean(1).sum()
        if weights.roughness and step.numel():
            total = total + weights.roughness * side**2 * (step**2).flatten(1).mean(1).sum()
    return total
