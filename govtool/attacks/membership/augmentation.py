"""Does the model know the image when it is shifted or mirrored? Training images keep their label more often.

Choquette-Choo, Tramèr, Carlini & Papernot, 'Label-Only Membership Inference Attacks' (ICML 2021, arXiv 2007.14321),
section 4.2.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.access import Access
from govtool.attacks.interface import AttackData, Features, NotApplicable, Outcome, Target
from govtool.attacks.membership import assembly, copies
from govtool.errors import InputError

NAME = "augmentation"


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Score by how many of an image's shifts and mirror images keep its label. `params`: "shape" ([height, width] or
    [channels, height, width]), "shift" (pixels), "budget" (queries in all).

    Raises:
        InputError: the shape is not that of the records.
    """
    if (obstacle := assembly.obstacle(target, data, Access.LABELS)) is not None:
        return obstacle
    if "shape" not in params:
        return NotApplicable("no 'shape' says that records are images, and tables have no shifts or mirror images")
    shape, shift = _shape(params["shape"], data), copies.whole(params.get("shift", 1), "shift")
    moves = [
        (dy, dx) for dy in range(-shift, shift + 1) for dx in range(-shift, shift + 1) if abs(dy) + abs(dx) <= shift
    ]
    variants = [(dy, dx, mirrored) for mirrored in (False, True) for dy, dx in moves if dy or dx or mirrored]

    def alter(rows: Features, k: int) -> Features:
        dy, dx, mirrored = variants[k]
        images = rows.reshape(len(rows), *shape)
        images = images[..., ::-1] if mirrored else images
        return np.ascontiguousarray(_shifted(images, dy, dx).reshape(rows.shape))

    made = copies.Copies(alter, len(variants), "shifts and mirror images")
    budget = params.get("budget", copies.BUDGET)
    return copies.attack(NAME, target, data, made, budget=budget, params=params, rng=rng)


def _shifted(images: NDArray[np.float32], dy: int, dx: int) -> NDArray[np.float32]:
    """Moved by whole pixels; the edge is repeated where the image ends."""
    height, width = images.shape[-2:]
    rows = np.clip(np.arange(height) - dy, 0, height - 1)
    columns = np.clip(np.arange(width) - dx, 0, width - 1)
    return images[..., rows[:, None], columns]


def _shape(given: Any, data: AttackData) -> tuple[int, ...]:
    width = int(np.prod(data.members.features.shape[1:]))
    whole = (
        isinstance(given, list | tuple) and len(given) in (2, 3) and all(isinstance(n, int) and n > 0 for n in given)
    )
    if not whole or int(np.prod(given)) != width:
        raise InputError(
            f"augmentation: shape {given!r} does not hold the {width} features of a record",
            hint="shape: [height, width] or [channels, height, width]",
        )
    return tuple(given)
