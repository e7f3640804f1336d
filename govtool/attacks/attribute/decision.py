"""The records on which the model itself decides between the candidate values, and how often it is right there.

The unique-maximum rule: the model decides about a record where one candidate value explains the known label better than
every other. A deep tree decides about few people and may be right about every one of them who was in its training data, which
an average over all records hides. So precision is taken where the model decides, on members against non-members, and beside it
stands what the imputation without the model is worth on the very same records.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.attacks import persons
from govtool.attacks.attribute import paired
from govtool.attacks.finding import Finding, Limited, decide
from govtool.attacks.interface import FloatArray, Labels, Mask, Records
from govtool.estimate import Estimate, clopper_pearson

SAME = 1e-6
"""Probabilities no further apart are equal: float32 sums in another order differ by less."""
FEWEST = 10
"""Decisions about members, and about others, below which a precision is a figure about persons."""
GAP = 0.10
"""Precision on members less that on others, above which the model is said to leak (lower limit) or not to (upper limit)."""
GAIN = 0.02
"""The same for right answers beyond the imputation and beyond what helps with others too, over all records."""


@dataclass(frozen=True)
class Decision:
    """What came of the rule for one attribute; the arrays are (n,), members first."""

    where: Mask
    right: Mask
    """Whether the value that the model prefers is the true one; without meaning where it prefers none."""
    gap: Estimate | None
    """Precision on members less that on non-members; None where too few were decided about. Where it decided about no member
    at all, the share of members about whom it could: nobody, with an upper limit.
    """
    gain: Estimate | None
    """Of the members decided about: how many more the model gets right than the imputation does."""

    def counts(self, membership: Mask) -> tuple[int, int]:
        return int((self.where & membership).sum()), int((self.where & ~membership).sum())

    def missing(self, membership: Mask) -> str:
        """Why there is no gap; '' when there is."""
        if self.gap is not None:
            return ""
        inside, outside = self.counts(membership)
        return f"the model decided about {inside} members and {outside} others; at least {FEWEST} of each are needed"


def unique_maximum(scores: FloatArray) -> tuple[Mask, Labels]:
    """Of (n, values): (n,) whether one value beats every other, and (n,) which it is."""
    best = scores.argmax(axis=1)
    if scores.shape[1] == 1:
        return np.ones(len(scores), dtype=bool), best.astype(np.int64)
    second = np.partition(scores, -2, axis=1)[:, -2]
    return scores[np.arange(len(scores)), best] - second > SAME, best.astype(np.int64)


def judge(where: Mask, right: Mask, imputed: Mask, members: Records, nonmembers: Records, level: float) -> Decision:
    """Precision where the model decides; (n,) `right` and `imputed` say who was right about each record.

    Records of one person are weighed together, as in every other figure of this family.
    """
    if not where[: len(members)].any():
        people = len(members) if members.subjects is None else len(np.unique(persons.numbered(members.subjects)))
        return Decision(where, right, clopper_pearson(0, people, level), None)
    shares, gain = [], None
    for part, records in ((slice(0, len(members)), members), (slice(len(members), None), nonmembers)):
        chosen = where[part]
        if chosen.sum() < FEWEST:
            return Decision(where, right, None, gain)
        subjects = None if records.subjects is None else records.subjects[chosen]
        hits = right[part][chosen]
        shares.append(paired.gain(hits, np.zeros_like(hits), subjects))  # a gain over nobody is a share
        gain = gain or paired.gain(hits, imputed[part][chosen], subjects).estimate(level)
    return Decision(where, right, difference(shares[0], shares[1], level), gain)


def difference(members: paired.Gain, nonmembers: paired.Gain, confidence: float) -> Estimate:
    """Of two shares in independent groups: exact limits of each, combined by the square-and-add rule."""
    (low_in, high_in), (low_out, high_out) = _exact(members, confidence), _exact(nonmembers, confidence)
    value = members.value - nonmembers.value
    return Estimate(
        value,
        value - math.hypot(members.value - low_in, high_out - nonmembers.value),
        value + math.hypot(high_in - members.value, nonmembers.value - low_out),
        confidence,
        members.units + nonmembers.units,
        "Clopper-Pearson on both groups, members less non-members by square-and-add",
    )


def _exact(share: paired.Gain, confidence: float) -> tuple[float, float]:
    """Clopper-Pearson of counts that need not be whole, where records of one person were weighed together."""
    from scipy.stats import beta

    hits, n, tail = share.won, share.n, (1 - confidence) / 2
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def describe(one: Decision, imputed: Mask, membership: Mask) -> dict[str, Any]:
    """What the report's table holds: shares decided about and precision, the imputation on the same records beside it."""
    found: dict[str, Any] = {}
    for group, chosen in (("members", membership), ("nonmembers", ~membership)):
        decided = one.where & chosen
        found[group] = {
            "decided": clopper_pearson(int(decided.sum()), int(chosen.sum())).to_dict(),
            "precision": _share(one.right[decided]),
            "imputation": _share(imputed[decided]),
        }
    return {
        **found,
        "gap": None if one.gap is None else one.gap.to_dict(),
        "gain": None if one.gain is None else one.gain.to_dict(),
    }


def finding(
    name: str, one: Decision, excess: Estimate, membership: Mask, *, control: bool | None, void: str
) -> Finding:
    """Does the model give `name` away about the people it was trained on, judged by both limits?"""
    beyond = f"about {name}: right answers about members beyond the imputation and beyond others"
    precision = f"about {name}: precision where the model decides, members less others"
    figures = [
        Limited(beyond, excess, GAIN, GAIN),
        Limited(precision, one.gap, GAP, GAP, one.missing(membership)),
    ]
    return decide("attribute_inferable", figures, control=control, void=void)


def _share(hits: Mask) -> dict[str, Any] | None:
    return clopper_pearson(int(hits.sum()), len(hits)).to_dict() if len(hits) >= FEWEST else None
