"""How far is the record from where its label changes? Asked with labels alone, by noise.

Choquette-Choo, Tramèr, Carlini & Papernot (ICML 2021, arXiv 2007.14321), section 4.3; Li & Zhang (CCS 2021, arXiv
2007.15528) measure the same distance along a path of queries. Random noise does about as well where features are no
pixels, and needs no gradient, no starting point and no bisection that a rate limit would stop half-way.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks import values
from govtool.attacks.interface import AttackData, Features, Outcome, Target
from govtool.attacks.membership import assembly, copies

NAME = "boundary"
QUERIES = 64
"""Queries a record."""
SCALES = tuple(2.0**power for power in range(-5, 3))
"""Noise in units of each feature's own spread; for bits, `FLIPS`. Averaged over scales evenly spaced in the logarithm, the
share of copies that keep the label is, but for its units, the logarithm of the distance at which it is lost."""
FLIPS = tuple(0.5 * 2.0**power for power in range(-7, 1))
"""Chances that a bit is flipped: at one half nothing of the record is left."""


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Score by the share of noisy copies that keep the record's label. `params`: "queries" (a record), "budget" (in all).

    Features that are all 0 or 1 are flipped at random; others get Gaussian noise.

    Raises:
        InputError: no or negative queries.
    """
    if (obstacle := assembly.obstacle(target, data, Access.LABELS)) is not None:
        return obstacle
    queries, budget = check(params)
    binary = bool(np.isin(data.members.features, (0, 1)).all() and np.isin(data.nonmembers.features, (0, 1)).all())
    spread = data.features.std(axis=0)

    def alter(rows: Features, k: int) -> Features:
        scale = (FLIPS if binary else SCALES)[k % len(SCALES)]
        if binary:
            return np.asarray(np.where(rng.random(rows.shape) < scale, 1 - rows, rows), dtype=np.float32)
        return np.asarray(rows + scale * spread * rng.standard_normal(rows.shape), dtype=np.float32)

    made = copies.Copies(alter, max(1, queries - 1), "bits flipped at random" if binary else "Gaussian noise")
    return copies.attack(NAME, target, data, made, budget=budget, params=params, rng=rng)


def check(params: Mapping[str, Any]) -> tuple[int, int]:
    """Queries for each record, and in all.

    Raises:
        InputError: one of them is no number of queries.
    """
    return values.whole("queries", params.get("queries", QUERIES)), copies.in_all(params.get("budget", copies.BUDGET))
