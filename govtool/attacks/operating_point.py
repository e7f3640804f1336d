"""The true-positive rate at a low false-positive rate: whether it can be told at all, and how surely.

Where hardly anyone is accused falsely is where people are really exposed (Carlini et al. 2022), and where few non-members
are left to place the threshold by.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from govtool.attacks import statistics
from govtool.attacks.interface import FloatArray, Mask
from govtool.estimate import Counts, Estimate, clopper_pearson


@cache
def nonmembers_needed(target_fpr: float, false_positives: int = 0, confidence: float = 0.95) -> int:
    """The fewest non-members with which so many false positives still bound the FPR by the target, one-sided.

    299 for 1 % with no false positive at 95 %: below that no observation whatever could show the rate.
    """
    from scipy.stats import beta

    def bound(n: int) -> float:
        return float(beta.ppf(confidence, false_positives + 1, n - false_positives))

    low, high = false_positives, false_positives + 1  # bound(low) is 1
    while bound(high) > target_fpr:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if bound(middle) <= target_fpr else (middle, high)
    return high


@dataclass(frozen=True)
class OperatingPoint:
    """The true-positive rate where at most `fpr` of the non-members are called members, if it can be told at all."""

    fpr: float
    needed_nonmembers: int
    estimate: Estimate | None
    fpr_estimate: Estimate | None

    @property
    def resolvable(self) -> bool:
        return self.estimate is not None

    def to_dict(self) -> dict[str, Any]:
        return {
            "fpr": self.fpr,
            "resolvable": self.resolvable,
            "needed_nonmembers": self.needed_nonmembers,
            "estimate": self.estimate.to_dict() if self.estimate else None,
            "fpr_estimate": self.fpr_estimate.to_dict() if self.fpr_estimate else None,
        }


def tpr_at_fpr(scores: FloatArray, membership: Mask, fpr: float, confidence: float = 0.95) -> OperatingPoint:
    """The highest TPR whose observed FPR does not exceed `fpr`, or a refusal below the floor of `nonmembers_needed`.

    The threshold that truly has that FPR is not known, only bracketed by the non-members. Half of the error is spent on
    the bracket, exactly binomial, and half on the members beyond its ends, so the interval holds for both together.
    """
    curve = statistics.roc(scores, membership)
    needed = nonmembers_needed(fpr)
    if curve.nonmembers < needed:
        return OperatingPoint(fpr, needed, None, None)
    allowed = math.floor(fpr * curve.nonmembers + 1e-9)  # 0.29 * 100 is 28.999...
    split = 1 - (1 - confidence) / 2
    strict, lax = _false_positive_bracket(curve.nonmembers, fpr, split)

    def at(most: int) -> tuple[int, int]:
        point = int(np.searchsorted(curve.false_positives, most, side="right")) - 1
        return int(curve.true_positives[point]), int(curve.false_positives[point])

    true_positives, false_positives = at(allowed)
    estimate = Estimate(
        value=true_positives / curve.members,
        low=0.0 if strict is None else clopper_pearson(at(strict)[0], curve.members, split).low,
        high=clopper_pearson(at(lax)[0], curve.members, split).high,
        confidence_level=confidence,
        n=curve.members,
        method="Clopper-Pearson, the threshold's own error split in",
    )
    return OperatingPoint(fpr, needed, estimate, clopper_pearson(false_positives, curve.nonmembers, confidence))


def _false_positive_bracket(nonmembers: int, fpr: float, confidence: float) -> tuple[int | None, int]:
    """The most false positives that show an FPR of at most `fpr`, and the most that are compatible with it.

    One-sided on each side at (1 - confidence) / 2. The first is None when not even zero would show it.
    """
    from scipy.stats import binom

    tail = (1 - confidence) / 2
    lax = int(binom.ppf(1 - tail, nonmembers, fpr))
    strict = int(binom.ppf(tail, nonmembers, fpr))  # the fewest with P(K <= strict) >= tail
    while strict >= 0 and binom.cdf(strict, nonmembers, fpr) > tail:
        strict -= 1
    return (strict if strict >= 0 else None), lax


def advantage(counts: Counts, confidence: float = 0.95) -> Estimate:
    """TPR - FPR at the threshold (Yeom et al. 2018, definition 4): twice the balanced accuracy, less one."""
    found = counts.balanced_accuracy(confidence)
    return Estimate(
        2 * found.value - 1, 2 * found.low - 1, 2 * found.high - 1, confidence, found.n, f"from {found.method}"
    )


def ppv(point: OperatingPoint, prior: float) -> Estimate:
    """The share of the accused who are members, where `prior` of all candidates are: what an accusation is worth.

    At the rate of false positives that the point stands for. The interval is the TPR's, which already allows for that
    rate's own error; the share only grows with it.

    Raises:
        ValueError: the point is not resolvable.
    """
    if point.estimate is None:
        raise ValueError(
            f"the TPR at an FPR of {point.fpr} is not resolvable, so neither is what an accusation is worth"
        )
    false = point.fpr * (1 - prior)

    def at(tpr: float) -> float:
        return tpr * prior / (tpr * prior + false)

    tpr = point.estimate
    return Estimate(at(tpr.value), at(tpr.low), at(tpr.high), tpr.confidence_level, tpr.n, f"from {tpr.method}")
