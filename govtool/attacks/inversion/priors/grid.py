"""Pictures on a coarser grid: priors are learnt where there are few enough pixels, and drawn at full size."""

from typing import TYPE_CHECKING

from govtool.attacks.inversion.question import Shape

if TYPE_CHECKING:
    from torch import Tensor

MOST_PIXELS = 1024
"""Channels counted."""


def coarse_shape(shape: Shape) -> Shape:
    """The shape divided by the smallest whole number that leaves no more than `MOST_PIXELS`."""
    channels, height, width = shape
    divisor = 1
    while channels * -(-height // divisor) * -(-width // divisor) > MOST_PIXELS:
        divisor += 1
    return channels, -(-height // divisor), -(-width // divisor)


def resized(pictures: "Tensor", shape: Shape) -> "Tensor":
    """(n, channels, height, width) pictures, brought to `shape`: averaged when coarser, interpolated when finer."""
    import torch

    if pictures.shape[2:] == shape[1:]:
        return pictures
    if pictures.shape[2] > shape[1]:
        return torch.nn.functional.interpolate(pictures, shape[1:], mode="area")
    return torch.nn.functional.interpolate(pictures, shape[1:], mode="bilinear")
