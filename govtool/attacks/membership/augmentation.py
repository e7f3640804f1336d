"""Does the model know the image when it is shifted or mirrored? Training images keep their label more often.

Choquette-Choo, Tramèr, Carlini & Papernot, 'Label-Only Membership Inference Attacks' (ICML 2021, arXiv 2007.14321),
section 4.2.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.access import Access
from govtool.attacks import values
from govtool.attacks.interface import AttackData, Features, NotApplicable, Outcome, Target
from govtool.attacks.membership import assembly, copies
from govtool.errors import InputError

NAME = "augmentation"
MOST_SHIFT = 100
"""Pixels. There are four times its square variants."""


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
    (shift, budget), shape = check(params), fits(data, params)
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
    return copies.attack(NAME, target, data, made, budget=budget, params=params, rng=rng)


def _shifted(images: NDArray[np.float32], dy: int, dx: int) -> NDArray[np.float32]:
    """Moved by whole pixels; the edge is repeated where the image ends."""
    height, width = images.shape[-2:]
    rows = np.clip(np.arange(height) - dy, 0, height - 1)
    columns = np.clip(np.arange(width) - dx, 0, width - 1)
    return images[..., rows[:, None], columns]


def check(params: Mapping[str, Any]) -> tuple[int, int]:
    """By how many pixels to shift, and how many queries may be spent in all.

    Raises:
        InputError: one of them, or the shape, is none.
    """
    if "shape" in params:
        values.sides("shape", params["shape"])
    return values.whole("shift", params.get("shift", 1), most=MOST_SHIFT), copies.in_all(
        params.get("budget", copies.BUDGET)
    )


def fits(data: AttackData, params: Mapping[str, Any]) -> tuple[int, ...]:
    """The shape of the records as pictures; () where they are a table.

    Raises:
        InputError: the shape does not hold a record.
    """
    if "shape" not in params:
        return ()
    shape = values.sides("shape", params["shape"])
    width = int(np.prod(data.members.features.shape[1:]))
    if math.prod(shape) != width:
        raise InputError(
            f"augmentation: shape {list(shape)} does not hold the {width} features of a record",
            hint="shape: [height, width] or [channels, height, width]",
        )
    return shape
