"""The Process step of Fredrikson et al. 2015 (section 5.1, algorithm 2): denoise and sharpen the picture now and then.

The paper denoises with non-local means; here it is a median of three by three pixels, which costs little beside a step.
"""

from typing import Any

from govtool.attacks.inversion.question import Shape

SHARPENING = 0.5
"""How much of the difference from its blurred self is added to a picture."""


def denoise_and_sharpen(units: Any, shape: Shape) -> Any:
    """(rows, *record) in 0..1: median of each pixel's neighbourhood, then unsharp masking; edges repeated."""
    calm = _neighbourhoods(units.reshape(-1, *shape)).median(-1).values
    blurred = _neighbourhoods(calm).mean(-1)
    return (calm + SHARPENING * (calm - blurred)).clamp(0, 1).reshape(units.shape)


def _neighbourhoods(pictures: Any) -> Any:
    """(rows, channels, height, width, 9)."""
    from torch.nn.functional import pad

    return pad(pictures, (1, 1, 1, 1), mode="replicate").unfold(2, 3, 1).unfold(3, 3, 1).flatten(-2)
