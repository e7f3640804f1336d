"""A lower bound on epsilon from true- and false-positive rates, by exact binomial intervals.

(epsilon, delta)-DP forces TPR <= e^epsilon FPR + delta and TNR <= e^epsilon FNR + delta (Kairouz, Oh & Viswanath 2015),
so epsilon >= ln((TPR - delta) / FPR), and the same of TNR and FNR. Clopper-Pearson bounds stand in for the rates, half of
the error on each; both forms use the same two bounds, so taking the larger costs nothing.

The binomial law asks for independent trials: one canary in each of many runs. With many canaries in one run it is an
approximation, and `one_run` is exact.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from govtool.attacks import statistics
from govtool.attacks.interface import FloatArray, Mask
from govtool.estimate import Counts

SPLITS = 31
INDEPENDENCE = (
    "The two-sample bound treats records as independent trials and members and non-members as alike but for membership; "
    "many records of one training run meet that only approximately."
)


@dataclass(frozen=True)
class TwoSample:
    """The bound, its ceiling (perfect separation of the same records), and how the threshold was chosen."""

    epsilon: float
    ceiling: float
    delta: float
    confidence_level: float
    n: int
    how: str
    counts: Counts | None = None
    """At the threshold that gave the bound; None where the bound is a median over splits."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def bound(counts: Counts, delta: float, confidence: float = 0.95) -> float:
    """The lower bound on epsilon at a threshold fixed beforehand; 0.0 when none is shown.

    Raises:
        ValueError: no members or no non-members, or delta outside [0, 1].
    """
    if min(counts.members, counts.nonmembers) < 1 or not 0 <= delta <= 1:
        raise ValueError(f"a bound needs members, non-members and a delta in [0, 1]: {counts}, {delta}")
    positives, negatives = np.array([counts.true_positives]), np.array([counts.false_positives])
    return float(_bounds(positives, counts.members, negatives, counts.nonmembers, delta, confidence)[0])


def ceiling(members: int, nonmembers: int, delta: float, confidence: float = 0.95) -> float:
    """What a perfect attacker could show with so many records."""
    return bound(Counts(members, members, 0, nonmembers), delta, confidence)


def at_thresholds(
    scores: FloatArray, membership: Mask, thresholds: Sequence[float], delta: float, confidence: float = 0.95
) -> TwoSample:
    """The best of thresholds that were chosen without these scores, each at its share of the error (Bonferroni).

    Raises:
        ValueError: no threshold, or scores and membership that do not fit.
    """
    if not len(thresholds):
        raise ValueError("no threshold is given")
    each = 1 - (1 - confidence) / len(thresholds)
    found = [statistics.counts_at(scores, membership, threshold) for threshold in thresholds]
    best = max(found, key=lambda counts: bound(counts, delta, each))
    return TwoSample(
        bound(best, delta, each),
        ceiling(best.members, best.nonmembers, delta, each),
        delta,
        confidence,
        len(scores),
        f"{len(thresholds)} threshold(s) fixed beforehand, Bonferroni",
        best,
    )


def split(
    scores: FloatArray, membership: Mask, delta: float, rng: np.random.Generator, confidence: float = 0.95
) -> TwoSample:
    """The threshold is chosen on a random half of members and of non-members, the bound taken on the other half.

    Raises:
        ValueError: fewer than two members or non-members.
    """
    counts = _split_once(*_groups(scores, membership), delta, rng, confidence)
    limit = ceiling(counts.members, counts.nonmembers, delta, confidence)
    how = "threshold chosen on one random half, bound from the other"
    return TwoSample(bound(counts, delta, confidence), limit, delta, confidence, len(scores), how, counts)


def multi_split(
    scores: FloatArray,
    membership: Mask,
    delta: float,
    rng: np.random.Generator,
    confidence: float = 0.95,
    splits: int = SPLITS,
) -> TwoSample:
    """The median of the bounds of many random halves, each at half of the error.

    That the median exceeds epsilon asks at least half of them to; by Markov's inequality that is at most twice as likely
    as for one, so each is taken at half of the error.

    Raises:
        ValueError: fewer than two members or non-members.
    """
    each = 1 - (1 - confidence) / 2
    groups = _groups(scores, membership)
    found = [_split_once(*groups, delta, rng, each) for _split in range(splits)]
    limit = ceiling(found[0].members, found[0].nonmembers, delta, each)
    value = float(np.median([bound(counts, delta, each) for counts in found]))
    return TwoSample(
        value, limit, delta, confidence, len(scores), f"median over {splits} random halves, each at half of the error"
    )


def _groups(scores: FloatArray, membership: Mask) -> tuple[FloatArray, FloatArray]:
    scores, membership = np.asarray(scores, dtype=np.float64), np.asarray(membership, dtype=np.bool_)
    if scores.ndim != 1 or scores.shape != membership.shape or not np.isfinite(scores).all():
        raise ValueError("scores and membership must be equally long vectors of finite numbers")
    inside, outside = np.sort(scores[membership]), np.sort(scores[~membership])
    if min(len(inside), len(outside)) < 2:  # noqa: PLR2004 - one to choose by, one to judge by
        raise ValueError("a split needs two members and two non-members")
    return inside, outside


def _split_once(
    inside: FloatArray, outside: FloatArray, delta: float, rng: np.random.Generator, confidence: float
) -> Counts:
    (learn_in, judge_in), (learn_out, judge_out) = (_halves(group, rng) for group in (inside, outside))
    candidates = np.unique(np.concatenate([learn_in, learn_out]))
    positives, negatives = (
        len(group) - np.searchsorted(group, candidates) for group in (np.sort(learn_in), np.sort(learn_out))
    )
    bounds = _bounds(positives, len(learn_in), negatives, len(learn_out), delta, confidence)
    line = candidates[int(np.argmax(bounds))]
    return Counts(int((judge_in >= line).sum()), len(judge_in), int((judge_out >= line).sum()), len(judge_out))


def _halves(group: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    order = rng.permutation(len(group))
    return group[order[: len(group) // 2]], group[order[len(group) // 2 :]]


def _bounds(
    positives: Any, members: int, negatives: Any, nonmembers: int, delta: float, confidence: float
) -> FloatArray:
    """(thresholds,) bounds from (thresholds,) true and false positives."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        tpr = np.where(positives == 0, 0.0, beta.ppf(tail, positives, members - positives + 1))
        fpr = np.where(negatives == nonmembers, 1.0, beta.ppf(1 - tail, negatives + 1, nonmembers - negatives))
        forms = np.log(np.maximum([tpr - delta, 1 - fpr - delta], 0)) - np.log([fpr, 1 - tpr])
    return np.asarray(np.maximum(forms.max(axis=0), 0.0), dtype=np.float64)
