"""What one attack says about unlearning: is the model after it as if it had been retrained without the records?

The yardstick is retraining (Cao & Yang, S&P 2015), not a low score: gradient ascent and the like can push the forget set so
far below that it stands out (Chen et al., 'When Machine Unlearning Jeopardizes Privacy', CCS 2021; Hayes et al., 'Inexact
Unlearning Needs More Careful Evaluations to Avoid a False Sense of Privacy', 2024, arXiv 2403.01218).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from govtool.attacks import statistics
from govtool.attacks.interface import FloatArray, Mask
from govtool.attacks.unlearning.paired import auc_difference
from govtool.estimate import Estimate

MARGIN = 0.05
"""Difference of areas under the ROC curve that is taken for none, unless the spec says otherwise."""
CHANCE = 0.5
MOST_NEEDED = 1_000_000


class Finding(StrEnum):
    """What one attack found, or the audit as a whole. In the order in which they weigh."""

    FORGOTTEN = "forgotten"
    BLIND = "blind"
    """The attack does not see the records in the model that knew them, so it cannot see that they are gone."""
    UNDECIDED = "undecided"
    LEAKAGE_RAISED = "leakage_raised"
    OVERSHOT = "overshot"
    """The records stand out by being less known than to a model that never met them."""
    NOT_FORGOTTEN = "not_forgotten"


@dataclass(frozen=True)
class Scores:
    """One attack's scores of the same records by three models, (records,) each; higher is member."""

    before: FloatArray
    after: FloatArray
    retrained: FloatArray


@dataclass(frozen=True)
class Comparison:
    """One attack's figures. Differences are of areas under the ROC curve, on the same records."""

    finding: Finding
    auc: dict[str, Estimate]
    """Of before, after and retrained."""
    seen: Estimate
    """Before minus retrained: whether the attack sees the forget set at all."""
    difference: Estimate
    """After minus retrained, on the forget set: inside the margin it is forgotten."""
    change: Estimate
    """After minus before, on the forget set."""
    deviation: Estimate | None
    """How well the distance between after and retrained, in ranks of their scores, tells the forget set from others: 0.5
    when forgotten. Sees what an average hides. None where the two groups differ without any model."""
    retained: Estimate | None
    """After minus retrained, on the records that were to be kept."""
    needed: int | None
    """Records of each kind that would put the difference on one side of the margin, if it stays as it is; None when no
    reasonable number would."""


def compare(
    forget: Scores,
    membership: Mask,
    retained: Scores | None,
    retained_membership: Mask | None,
    *,
    margin: float = MARGIN,
    confidence: float = 0.95,
    comparable: bool = True,
) -> Comparison:
    """Judge one attack.

    Args:
        forget: scores of the forget set and of non-members.
        membership: (records,) true for the forget set.
        retained: scores of retained records and of non-members.
        retained_membership: true for the retained records.
        margin: the difference that counts as none.
        confidence: of every interval; split it beforehand over the attacks tried.
        comparable: whether forget set and non-members are alike without any model.
    """
    models = {"before": forget.before, "after": forget.after, "retrained": forget.retrained}
    auc = {name: statistics.auc(scores, membership, confidence) for name, scores in models.items()}
    difference = auc_difference(forget.after, forget.retrained, membership, confidence)
    seen = auc_difference(forget.before, forget.retrained, membership, confidence)
    change = auc_difference(forget.after, forget.before, membership, confidence)
    deviation = statistics.auc(_apart(forget.after, forget.retrained), membership, confidence) if comparable else None
    kept = (
        None
        if retained is None or retained_membership is None
        else auc_difference(retained.after, retained.retrained, retained_membership, confidence)
    )
    finding = _finding(difference, seen, deviation, kept, margin)
    needed = _needed(difference, margin, int(min(membership.sum(), (~membership).sum())))
    return Comparison(finding, auc, seen, difference, change, deviation, kept, needed)


def _finding(
    difference: Estimate, seen: Estimate, deviation: Estimate | None, retained: Estimate | None, margin: float
) -> Finding:
    if difference.low > margin:
        return Finding.NOT_FORGOTTEN
    if difference.high < -margin:
        return Finding.OVERSHOT
    if deviation is not None and deviation.low > CHANCE + margin:
        return Finding.NOT_FORGOTTEN if difference.value >= 0 else Finding.OVERSHOT
    if retained is not None and retained.low > margin:
        return Finding.LEAKAGE_RAISED
    if seen.low <= margin:
        return Finding.BLIND
    inside = -margin < difference.low and difference.high < margin
    quiet = deviation is None or deviation.low <= CHANCE
    return Finding.FORGOTTEN if inside and quiet else Finding.UNDECIDED


def _apart(first: FloatArray, second: FloatArray) -> FloatArray:
    """(records,) how many ranks lie between the two scores of each record, among all scores of both models."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([first, second]))
    return np.asarray(np.abs(ranks[: len(first)] - ranks[len(first) :]), dtype=np.float64)


def _needed(difference: Estimate, margin: float, records: int) -> int | None:
    """As many as shrink the interval until the margin lies outside: its width falls with the square root of the records."""
    room = abs(margin - abs(difference.value))
    reach = max(difference.high - difference.value, difference.value - difference.low)
    factor = max(1.0, (reach / room) ** 2) if room else math.inf
    return math.ceil(records * factor) if factor * records <= MOST_NEEDED else None


def verdict(found: Sequence[Finding]) -> Finding:
    """Of several attacks the gravest; one that is blind adds nothing to another that sees. None at all decide nothing."""
    order = list(Finding)
    seeing = [one for one in found if one is not Finding.BLIND]
    return max(seeing or [Finding.UNDECIDED], key=order.index)
