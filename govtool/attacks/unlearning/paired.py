"""Two models asked about the same records: how far apart are their figures, with an interval for the difference itself.

Comparing two separate intervals would throw away that the records are the same, and most of the power with it.
"""

import math

import numpy as np

from govtool.attacks import statistics
from govtool.attacks.interface import FloatArray, Mask
from govtool.estimate import Estimate, clopper_pearson


def auc_difference(first: FloatArray, second: FloatArray, membership: Mask, confidence: float = 0.95) -> Estimate:
    """AUC of `first` minus AUC of `second`, scores (n,) of the same records.

    DeLong, DeLong & Clarke-Pearson (Biometrics 1988), from the structural components of both. Where models agree on every
    record the variance is zero, which would call three records proof: the interval is never narrower than Wilson's bound
    for zero differences among the smaller group.
    """
    from scipy.stats import norm

    value = statistics.auc_value(first, membership) - statistics.auc_value(second, membership)
    members, others = int(membership.sum()), int((~membership).sum())
    variance = 0.0
    for left, right in zip(_components(first, membership), _components(second, membership), strict=True):
        if len(left) > 1:
            variance += float(np.var(left - right, ddof=1)) / len(left)
    z = float(norm.ppf((1 + confidence) / 2))
    fewest = min(members, others)
    reach = max(z * math.sqrt(variance), z * z / (fewest + z * z))
    return Estimate(
        value,
        max(-1.0, value - reach),
        min(1.0, value + reach),
        confidence,
        members + others,
        "paired DeLong, never narrower than Wilson at zero",
    )


def accuracy_difference(first: Mask, second: Mask, confidence: float = 0.95) -> Estimate:
    """Share of records right in `first` minus share right in `second`, of the same records.

    Exact: Clopper-Pearson on how often only the one, and only the other, is right, the error split between them.
    """
    split = 1 - (1 - confidence) / 2
    only_first = clopper_pearson(int((first & ~second).sum()), len(first), split)
    only_second = clopper_pearson(int((second & ~first).sum()), len(first), split)
    return Estimate(
        only_first.value - only_second.value,
        only_first.low - only_second.high,
        only_first.high - only_second.low,
        confidence,
        len(first),
        "Clopper-Pearson on both kinds of disagreement, Bonferroni",
    )


def _components(scores: FloatArray, membership: Mask) -> tuple[FloatArray, FloatArray]:
    """For each member the share of non-members it scores above, for each non-member the share of members above it."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    inside, outside = scores[membership], scores[~membership]
    of_members = (ranks[membership] - rankdata(inside)) / len(outside)
    of_others = 1 - (ranks[~membership] - rankdata(outside)) / len(inside)
    return np.asarray(of_members, dtype=np.float64), np.asarray(of_others, dtype=np.float64)
