"""Figures from scores: the ROC curve, its area, and rates at a threshold, each with its interval.

Every function first puts the scores in one order (descending, then by membership), so the order of the rows cannot
change a figure, not even in the last bit. A score at or above the threshold says 'member'.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import FloatArray, Mask
from govtool.estimate import Counts, Estimate


@dataclass(frozen=True)
class Roc:
    """The ROC curve in counts, one point per distinct score, from nobody called a member to everybody.

    The arrays have shape (points,): thresholds fall, counts rise. The first threshold lies just above every score.
    """

    thresholds: FloatArray
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]

    @property
    def members(self) -> int:
        return int(self.true_positives[-1])

    @property
    def nonmembers(self) -> int:
        return int(self.false_positives[-1])

    @property
    def tpr(self) -> FloatArray:
        return self.true_positives / self.members

    @property
    def fpr(self) -> FloatArray:
        return self.false_positives / self.nonmembers

    def to_dict(self, most: int = 300) -> dict[str, list[float]]:
        """At most `most` points for drawing: half spread evenly along the curve, half evenly in log FPR."""
        chosen = np.arange(len(self.thresholds))
        if len(chosen) > most:
            walked = self.fpr + self.tpr  # rises from 0 to 2 along the curve
            even = np.searchsorted(walked, np.linspace(0, 2, most // 2))
            low = (
                np.searchsorted(self.false_positives, np.geomspace(1, self.nonmembers, most // 2 - 2), side="right") - 1
            )
            chosen = np.unique(np.clip(np.concatenate([[0], even, low, [len(chosen) - 1]]), 0, len(chosen) - 1))
        return {"fpr": self.fpr[chosen].tolist(), "tpr": self.tpr[chosen].tolist()}


def roc(scores: FloatArray, membership: Mask) -> Roc:
    """The curve of (n,) scores against (n,) membership; tied scores move together, as one step.

    Raises:
        ValueError: shapes differ, a score is NaN or infinite, or one of the two groups is empty.
    """
    scores, membership = _in_order(scores, membership)
    last_of_ties = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
    return Roc(
        np.concatenate([[np.nextafter(scores[0], np.inf)], scores[last_of_ties]]),
        np.concatenate([[0], np.cumsum(membership)[last_of_ties]]),
        np.concatenate([[0], np.cumsum(~membership)[last_of_ties]]),
    )


def auc_value(scores: FloatArray, membership: Mask) -> float:
    """The chance that a member scores above a non-member, ties counting half: exactly 0.5 for constant scores."""
    curve = roc(scores, membership)
    steps = np.diff(curve.false_positives)
    doubled = np.sum(steps * (curve.true_positives[1:] + curve.true_positives[:-1]))  # integers: no rounding
    return float(doubled) / (2 * curve.members * curve.nonmembers)


def auc(scores: FloatArray, membership: Mask, confidence: float = 0.95) -> Estimate:
    """The area under the ROC curve, O(n log n).

    The interval is DeLong's (1988, computed by mid-ranks after Sun & Xu 2014), widened where Newcombe's (2006, method 5)
    is wider. DeLong alone has zero width for perfectly separated or constant scores, which would call three records proof.
    """
    from scipy.stats import norm

    value = auc_value(scores, membership)
    scores, membership = _in_order(scores, membership)
    z = float(norm.ppf((1 + confidence) / 2))
    spread = z * math.sqrt(_delong_variance(scores, membership))
    low, high = _newcombe(value, int(membership.sum()), int((~membership).sum()), z)
    return Estimate(
        value=value,
        low=max(0.0, min(low, value - spread)),
        high=min(1.0, max(high, value + spread)),
        confidence_level=confidence,
        n=len(scores),
        method="DeLong, never narrower than Newcombe",
    )


def counts_at(scores: FloatArray, membership: Mask, threshold: float) -> Counts:
    """What the attack does at a threshold that was fixed beforehand."""
    scores, membership = _in_order(scores, membership)
    called = scores >= threshold
    return Counts(
        true_positives=int(np.sum(called & membership)),
        members=int(np.sum(membership)),
        false_positives=int(np.sum(called & ~membership)),
        nonmembers=int(np.sum(~membership)),
    )


def best_threshold(scores: FloatArray, membership: Mask) -> float:
    """The threshold with the highest TPR - FPR (Youden's J), halfway to the next lower score.

    For mock targets only: on the records it is scored on it flatters the attack (0.53 instead of 0.50 at 250 per group).
    """
    curve = roc(scores, membership)
    advantage = curve.true_positives * curve.nonmembers - curve.false_positives * curve.members  # integers: exact ties
    best = int(np.argmax(advantage))
    after = min(best + 1, len(curve.thresholds) - 1)
    return float((curve.thresholds[best] + curve.thresholds[after]) / 2)


def held_out(scores: FloatArray, membership: Mask, rng: np.random.Generator) -> tuple[float, Counts]:
    """The best threshold of one random half of the records, and what it does on the other half.

    Choosing it needs to know who is a member, which no attacker does: it is the auditor's threshold, honest because it
    was not chosen on the records it is scored on. Needs two members and two non-members.
    """
    scores, membership = np.asarray(scores, dtype=np.float64), np.asarray(membership, dtype=np.bool_)
    chosen = np.zeros(len(scores), dtype=bool)
    for group in (np.flatnonzero(membership), np.flatnonzero(~membership)):
        chosen[rng.permutation(group)[: len(group) // 2]] = True
    threshold = best_threshold(scores[chosen], membership[chosen])
    return threshold, counts_at(scores[~chosen], membership[~chosen], threshold)


def _in_order(scores: FloatArray, membership: Mask) -> tuple[FloatArray, Mask]:
    scores, membership = np.asarray(scores, dtype=np.float64), np.asarray(membership, dtype=np.bool_)
    if scores.ndim != 1 or scores.shape != membership.shape:
        raise ValueError(f"scores {scores.shape} and membership {membership.shape} must be equally long vectors")
    if not np.isfinite(scores).all():
        raise ValueError(f"{int((~np.isfinite(scores)).sum())} of {len(scores)} scores are not finite")
    if membership.all() or not membership.any():
        raise ValueError("scores need at least one member and one non-member")
    order = np.lexsort((~membership, -scores))
    return scores[order], membership[order]


def _delong_variance(scores: FloatArray, membership: Mask) -> float:
    """Variance of the AUC from its structural components; a group of one contributes nothing (Newcombe then decides)."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    inside, outside = scores[membership], scores[~membership]
    of_members = (ranks[membership] - rankdata(inside)) / len(outside)
    of_nonmembers = 1 - (ranks[~membership] - rankdata(outside)) / len(inside)
    return sum(float(np.var(part, ddof=1)) / len(part) for part in (of_members, of_nonmembers) if len(part) > 1)


def _newcombe(value: float, members: int, nonmembers: int, z: float) -> tuple[float, float]:
    """Newcombe (2006), method 5: the areas whose own Hanley-McNeil variance puts the observed one z deviations away."""
    from scipy.optimize import brentq

    half = (members + nonmembers) / 2 - 1

    def excess(area: float) -> float:
        variance = (
            area * (1 - area) * (1 + half * (1 - area) / (2 - area) + half * area / (1 + area)) / (members * nonmembers)
        )
        return abs(value - area) - z * math.sqrt(variance)

    # At 0 and 1 the variance is zero and so is the excess: the root wanted is the other one.
    low = 0.0 if value == 0 else float(brentq(excess, 0.0, min(value, 1 - 1e-12)))
    high = 1.0 if value == 1 else float(brentq(excess, max(value, 1e-12), 1.0))
    return low, high
