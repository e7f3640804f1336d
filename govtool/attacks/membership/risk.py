"""Who is exposed most? Averages hide the few who are recognised with certainty (Aerni et al. 2024).

Each member is compared with the non-members, of whom it is known that they were not trained on: the share of them that
score as high, the member counted in, is a conformal p-value, valid whatever the attack and its scores (Bates, Candès, Lei,
Romano & Sesia, Annals of Statistics 2023, arXiv 2104.08279). How many members could be named depends on whom else the
attacker asks about (Jayaraman et al. 2021, arXiv 2005.10881): where members are rare among them, most alarms are false.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.attacks.interface import FloatArray, Labels, Mask, References
from govtool.estimate import Estimate, clopper_pearson

RATES = (0.1, 0.01, 0.001)
"""False-alarm rates at which members are counted as recognised; those finer than the non-members allow are left out."""
PRECISION = 0.9
"""A member counts as named when at least this share of those named along with them would be members."""
PRIORS = (0.5, 0.1, 0.01)
"""Share of members among the people an attacker asks about: as in a test, and as in a population."""
SMALLEST_GROUP = 20
"""Groups with fewer members are not reported: the figure would be about a handful of people."""
_BLOCK = 16_384


@dataclass(frozen=True)
class GroupRisk:
    """How many members of one group are recognised at the group table's false-alarm rate."""

    group: str
    recognised: Estimate


def p_values(scores: FloatArray, membership: Mask) -> FloatArray:
    """(members,) the share of non-members, the member counted in, that score at least as high. Never below 1 / (n + 1)."""
    outside = np.sort(np.asarray(scores, dtype=np.float64)[~membership])
    as_high = len(outside) - np.searchsorted(outside, np.asarray(scores)[membership], side="left")
    return np.asarray((as_high + 1) / (len(outside) + 1), dtype=np.float64)


def named(values: FloatArray, prior: float, precision: float = PRECISION) -> Mask:
    """(members,) whom an attacker could name, if `prior` of the people asked about are members.

    The longest list, most certain first, of which at least `precision` would be members: the false ones among
    non-members are counted by the p-value of the last on the list, which errs upwards.
    """
    if not len(values):
        return np.zeros(0, dtype=np.bool_)
    order = np.argsort(values, kind="stable")
    found = prior * np.arange(1, len(values) + 1) / len(values)
    right = found / (found + (1 - prior) * values[order])
    long_enough = np.flatnonzero(right >= precision)
    if not len(long_enough):
        return np.zeros(len(values), dtype=np.bool_)
    return np.asarray(values <= values[order[long_enough[-1]]])


def sensitivity(references: References) -> FloatArray:
    """(records,) how far a record's phi moves when it is trained on, in standard deviations over models: d'.

    The difference of means with and without the record over the references, in units of the spread of all references
    within their groups, pooled over records: few references say little about the spread of a single one. NaN where no
    reference was trained with the record, or none without.
    """
    records = references.members.shape[1]
    gaps, squares, freedom = np.full(records, np.nan), 0.0, 0
    for start in range(0, records, _BLOCK):
        block = slice(start, min(start + _BLOCK, records))
        phi, inside = np.asarray(references.phi[:, block], dtype=np.float64), np.asarray(references.members[:, block])
        means = []
        for mask in (inside, ~inside):
            count = mask.sum(axis=0)
            mean = np.divide(
                np.where(mask, phi, 0).sum(axis=0), count, out=np.full(phi.shape[1], np.nan), where=count > 0
            )
            squares += float((np.where(mask, phi - np.nan_to_num(mean), 0) ** 2).sum())
            freedom += int(np.maximum(count - 1, 0).sum())
            means.append(mean)
        gaps[block] = means[0] - means[1]
    if not freedom or squares == 0:
        return np.full(records, np.nan)
    return np.asarray(gaps / np.sqrt(squares / freedom), dtype=np.float64)


def summary(scores: FloatArray, membership: Mask, groups: Labels | None) -> dict[str, Any]:
    """What may be said about the members without naming one: for the record, the report and the reader of JSON.

    `groups`, one per unit, are classes or subgroups; each group's interval is widened for their number (Bonferroni).
    """
    values = p_values(scores, membership)
    outside = int((~membership).sum())
    rates = [rate for rate in RATES if rate >= 1 / (outside + 1)]
    return {
        "members": len(values),
        "nonmembers": outside,
        "finest_rate": 1 / (outside + 1),
        "recognised": [
            {"fpr": rate, "estimate": clopper_pearson(int((values <= rate).sum()), len(values)).to_dict()}
            for rate in rates
        ],
        "precision": PRECISION,
        "named": [{"prior": prior, "members": int(named(values, prior).sum())} for prior in PRIORS],
        "groups": _groups(values, None if groups is None else groups[membership], rates),
    }


def by_group(values: FloatArray, groups: Labels, rate: float, confidence: float = 0.95) -> list[GroupRisk]:
    """The most exposed group first. Groups below `SMALLEST_GROUP` members are left out, not shown as zero."""
    names, sizes = np.unique(groups, return_counts=True)
    large = names[sizes >= SMALLEST_GROUP]
    level = 1 - (1 - confidence) / max(1, len(large))
    found = []
    for name in large:
        inside = values[groups == name]
        found.append(GroupRisk(str(name), clopper_pearson(int((inside <= rate).sum()), len(inside), level)))
    return sorted(found, key=lambda one: (-one.recognised.low, -one.recognised.value, one.group))


def _groups(values: FloatArray, groups: Labels | None, rates: list[float]) -> dict[str, Any] | None:
    """At 1 % false alarms where that can be told, else at the finest rate that can."""
    if groups is None or not rates:
        return None
    rate = 0.01 if 0.01 in rates else rates[-1]  # noqa: PLR2004 - the headline rate
    shown = by_group(values, groups, rate)
    left_out = len(np.unique(groups)) - len(shown)
    return {
        "fpr": rate,
        "rows": [{"group": one.group, "estimate": one.recognised.to_dict()} for one in shown],
        "left_out": left_out,
        "smallest": SMALLEST_GROUP,
    }
