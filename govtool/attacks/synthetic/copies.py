"""Copies: are synthetic rows closer to the records they were made from than to other records of the same kind?

What reviewers ask for as 'distance to the closest record', with the hold-out that makes it mean something (Platzer &
Reutterer, Frontiers in Big Data 2021, doi 10.3389/fdata.2021.679939).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.attacks.interface import AttackResult, FloatArray, Mask, Outcome
from govtool.attacks.synthetic.interface import FAMILY, Rows, Tables, sample, whole
from govtool.attacks.synthetic.neighbours import Metric, metric_of
from govtool.attacks.synthetic.risk import ALWAYS
from govtool.estimate import Estimate, clopper_pearson

NAME = "copies"
ROWS = 5000
DEPTHS = (1, 5)
"""Which nearest records' distances are told."""
NATURAL = 1
"""Percentile of the distance between a control record and its nearest original: two people may be as alike as that."""
WEAKNESS = (
    "Distances to the closest record find copies and near copies only: a synthetic table far from every record can still "
    "give people away (Yao et al. 2025, arXiv 2505.01524), so this never replaces the other tests."
)


def run(tables: Tables, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Measure on at most `rows` synthetic rows."""
    metric, columns = metric_of(tables), list(range(len(tables.names)))
    rows = sample(tables.synthetic, whole(params, "rows", ROWS), rng)
    asked = tables.synthetic[rows]
    pool = np.concatenate([tables.originals, tables.control])
    distance, nearest = metric.nearest(asked, pool, 1, columns, rng)
    closer = nearest[:, 0] < len(tables.originals)
    expected = len(tables.originals) / len(pool)
    limit = _natural(metric, tables, columns, rng)
    to_originals, to_control = _both(metric, tables, asked, columns, rng)
    scale = len(tables.originals) / min(len(tables.control), len(tables.originals))
    metrics = {"closer_to_originals": clustered_share(closer, nearest[:, 0])}
    baselines = {"closer_to_originals": expected}
    for name, reach in (("exact_copies", 0.0), ("near_copies", limit)):
        metrics[name] = clopper_pearson(int((to_originals[:, 0] <= reach).sum()), len(asked))
        baselines[name] = min(1.0, scale * float((to_control[:, 0] <= reach).mean()))
    control = params.get("positive_control") or {"passed": None, "how": "not run"}
    return AttackResult(
        attack=NAME,
        family=FAMILY,
        knowledge="An auditor who holds the synthetic table, the originals and the control records compares them.",
        access=frozenset(),
        metrics=metrics,
        baselines=baselines,
        counts=None,
        arrays={"synthetic_rows": rows, "distance": distance[:, 0], "closer": closer, "to_originals": to_originals},
        detail={
            "near": limit,
            "distances": {"originals": _quantiles(to_originals), "control": _quantiles(to_control)},
            "positive_control": dict(control),
        },
        caveats=[WEAKNESS, *ALWAYS],
        void=params.get("validity", ""),
    )


def clustered_share(closer: Mask, nearest: Rows, confidence: float = 0.95) -> Estimate:
    """The share of rows whose nearest record is an original, rows with the same nearest record counting as one draw.

    Many synthetic rows can lie by one record; taken as independent they would make any table look copied. Ratio estimator
    with between-cluster variance, never narrower than a binomial of as many draws as there are clusters.
    """
    from scipy.stats import norm

    _, cluster, sizes = np.unique(nearest, return_inverse=True, return_counts=True)
    inside = np.bincount(cluster, weights=closer)
    value, clusters = float(closer.mean()), len(sizes)
    residual = inside - value * sizes
    spread = float(np.sqrt((residual**2).sum() * clusters / max(clusters - 1, 1))) / len(closer)
    reach = float(norm.ppf((1 + confidence) / 2)) * spread
    exact = clopper_pearson(round(value * clusters), clusters, confidence)
    return Estimate(
        value,
        max(0.0, min(value - reach, exact.low, value)),
        min(1.0, max(value + reach, exact.high, value)),
        confidence,
        len(closer),
        "clustered by nearest record, never narrower than Clopper-Pearson on clusters",
    )


def _natural(metric: Metric, tables: Tables, columns: list[int], rng: np.random.Generator) -> float:
    asked = tables.control[sample(tables.control, ROWS, rng)]
    distance, _ = metric.nearest(asked, tables.originals, 1, columns, rng)
    return float(np.percentile(distance, NATURAL))


def _both(
    metric: Metric, tables: Tables, asked: FloatArray, columns: list[int], rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Distances to the nearest originals (all of them) and to the nearest control records."""
    originals, _ = metric.nearest(asked, tables.originals, max(DEPTHS), columns, rng)
    control, _ = metric.nearest(asked, tables.control, max(DEPTHS), columns, rng)
    return originals, control


def _quantiles(distances: FloatArray) -> dict[str, dict[str, float]]:
    """The 5th percentile and the median of the distance to the k-th nearest record."""
    return {
        f"k={depth}": {"p5": float(np.percentile(column, 5)), "median": float(np.median(column))}
        for depth in DEPTHS
        for column in [distances[:, min(depth, distances.shape[1]) - 1]]
    }


def check(params: Mapping[str, Any]) -> None:
    """Raises InputError: "rows" is no number of rows."""
    whole(params, "rows", ROWS)
