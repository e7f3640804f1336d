"""Without twins: is what the target draws nearer to its training records than to records that it never saw?

Much weaker than training twins, since the two groups may differ by themselves, and it means nothing without the class
mean beside it: an average of many is nearer to everybody's records than any picture of one is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.attacks.interface import FloatArray, Labels
from govtool.attacks.inversion import over_classes
from govtool.attacks.inversion.likeness import distance

REPEATS = 20
"""Draws of equally many records from either group."""
WEAKER = "weaker evidence than the swap: training and held-out records may differ by themselves"


@dataclass(frozen=True)
class Group:
    """(n, features) records in range units with their (n,) classes."""

    units: FloatArray
    labels: Labels


def distance_ratio(
    drawn: FloatArray, classes: Labels, trained: Group, held: Group, rng: np.random.Generator
) -> dict[str, Any] | None:
    """Distance to the nearest training record over that to the nearest held-out one, equally many of each; JSON.

    Below 1 is nearer to training records. `drawn` is (classes, features), one row per class. None where fewer than two
    classes have records on both sides.
    """
    shown = [
        (drawing, label)
        for drawing, label in zip(drawn, classes, strict=True)
        if (held.labels == label).any() and (trained.labels == label).any()
    ]
    if len(shown) < 2:  # noqa: PLR2004 - no interval otherwise
        return None
    rows: dict[str, list[float]] = {"drawn": [], "class mean": [], "plain grey": []}
    for drawing, label in shown:
        inside, outside = (group.units[group.labels == label] for group in (trained, held))
        compared = {"drawn": drawing, "class mean": inside.mean(axis=0), "plain grey": np.full_like(drawing, 0.5)}
        ratios = _ratios(np.stack(list(compared.values())), inside, outside, rng)
        for name, ratio in zip(compared, ratios, strict=True):
            rows[name].append(float(ratio))
    found = {name: over_classes.mean(np.array(values), rng).to_dict() for name, values in rows.items()}
    return {"note": WEAKER, "classes": len(shown), "ratios": found}


def _ratios(compared: FloatArray, inside: FloatArray, outside: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(rows,) mean over draws of the ratio; the counts are matched because more records lie nearer by chance."""
    count = min(len(inside), len(outside))
    near, far = (distance(compared[:, None], records[None]) for records in (inside, outside))
    drawn = []
    for _ in range(REPEATS):
        own, others = (table[:, rng.permutation(table.shape[1])[:count]].min(axis=1) for table in (near, far))
        drawn.append(own / np.maximum(others, 1e-12))
    return np.asarray(np.mean(drawn, axis=0), dtype=np.float64)
