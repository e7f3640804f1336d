"""People with correlated numbers and categories, and synthetic tables of them that leak or do not."""

from typing import Any

import numpy as np

from govtool.attacks.synthetic.interface import Tables, guess_kinds

NAMES = ("age", "bmi", "pressure", "sugar", "sex", "ward")


def people(rng: np.random.Generator, count: int) -> Any:
    hidden = rng.normal(size=(count, 2))
    mixed = hidden @ np.array([[1, 0.5, -0.7, 0.2], [0, 0.6, 0.4, 1.0]]) + 0.7 * rng.normal(size=(count, 4))
    sex = (hidden[:, 0] > 0).astype(float)
    return np.column_stack([mixed, sex, rng.integers(4, size=count)])


def tables(seed: int, copied: float = 0.0, *, noise: float = 0.0, count: int = 500, control: int = 500) -> Tables:
    """Fresh draws of the same people, of which a share is replaced by copies of originals, exact or nearly."""
    rng = np.random.default_rng([17, seed])
    originals, others, synthetic = people(rng, count), people(rng, control), people(rng, count)
    taken = round(copied * count)
    synthetic[:taken] = originals[:taken]
    synthetic[:taken, :4] += noise * rng.normal(size=(taken, 4))
    return Tables(synthetic, originals, others, NAMES, guess_kinds(originals, others, synthetic))
