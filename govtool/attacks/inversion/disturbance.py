"""What a picture of somebody stays that person's under: a little moving, turning, resizing, other light, noise.

A pattern that only looks to the model like a class does not survive it, so it is searched and chosen under it (expectation
over transformations, Athalye et al. 2018; robust final selection, Struppek et al. 2022).
"""

from typing import TYPE_CHECKING

from govtool.attacks.inversion.question import Shape

if TYPE_CHECKING:
    from torch import Generator, Tensor

SHIFT = 0.06
"""Share of the side."""
TURN = 0.15
"""Radians."""
RESIZE = 0.1
CONTRAST = 0.3
"""Of the logarithm of the contrast; a third of it for brightness."""
NOISE = 0.02
TABLE_NOISE = 0.05
"""Where there is no picture, noise is all there is."""


def disturb(units: "Tensor", shape: Shape | None, generator: "Generator") -> "Tensor":
    """(n, *record) records in units of the range, each disturbed by a draw of its own; differentiable."""
    import torch

    def evenly(*size: int) -> "Tensor":
        return 2 * torch.rand(size, generator=generator) - 1

    def noise() -> "Tensor":
        return torch.randn(units.shape, generator=generator)

    if shape is None:
        return units + TABLE_NOISE * noise()
    pictures, n = units.reshape(-1, *shape), len(units)
    across = shape[1] / shape[2]  # the grid counts both sides as 2, and a turned face must not be sheared
    angle, size = TURN * evenly(n), 1 + RESIZE * evenly(n)
    move = torch.stack(
        [
            torch.stack([angle.cos() * size, -angle.sin() * size * across], 1),
            torch.stack([angle.sin() * size / across, angle.cos() * size], 1),
            2 * SHIFT * evenly(n, 2),
        ],
        2,
    )
    grid = torch.nn.functional.affine_grid(move, list(pictures.shape), align_corners=False)
    moved = torch.nn.functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    contrast, brightness = (CONTRAST * evenly(n, 1, 1, 1)).exp(), CONTRAST / 3 * evenly(n, 1, 1, 1)
    lit = (moved - 0.5) * contrast + 0.5 + brightness
    return lit.reshape(units.shape) + NOISE * noise()
