"""Pictures moved, turned and scaled a little: what only holds for exact pixels is the model's quirk and not the class's look.

During the search each step sees other copies; afterwards restarts are compared by what the model makes of such copies, as
Struppek et al. do (ICML 2022, arXiv 2201.12179, section 3.4), never by the truth.
"""

from typing import Any

import numpy as np

from govtool.attacks.inversion.question import Shape

NOISE = 0.03
"""Standard deviation, in units of the range, of the noise that jittered copies get as well."""


def jitter(units: Any, shape: Shape | None, share: float, noise: float, rng: np.random.Generator) -> Any:
    """(rows, *record) copies in units, differentiable: moved, scaled and turned, edges repeated, and all with noise.

    Each by up to `share`: of its half side, of its size, and as many radians. A table only gets noise.
    """
    import torch

    moved = units if shape is None or not share else _moved(units, shape, share, rng)
    if not noise:
        return moved
    return moved + torch.as_tensor(noise * rng.standard_normal(tuple(units.shape), dtype=np.float32)).to(units.device)


def _moved(units: Any, shape: Shape, share: float, rng: np.random.Generator) -> Any:
    import torch
    from torch.nn import functional

    pictures = units.reshape(-1, *shape)
    scale, turn, right, down = (share * rng.uniform(-1, 1, (4, len(units)))).astype(np.float32)
    _, height, width = shape
    along, upright = (1 + scale) * np.cos(turn), (1 + scale) * np.sin(turn)
    # The grid's sides are 2 long whatever the picture's, so a turn must be told how long they are.
    matrices = np.stack(
        [np.stack([along, -upright * height / width, right], 1), np.stack([upright * width / height, along, down], 1)],
        axis=1,
    )
    grid = functional.affine_grid(torch.as_tensor(matrices).to(units.device), list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False).reshape(units.shape)
