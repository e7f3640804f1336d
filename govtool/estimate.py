"""A number with its interval, and the exact intervals that policies decide on.

A figure without its interval, baseline and n is a rumour, so no other type carries a measured rate.
"""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value, its confidence interval and the number of independent units behind it."""

    value: float
    low: float
    high: float
    confidence_level: float
    n: int
    method: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Estimate":
        return cls(**data)


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> Estimate:
    """Exact two-sided binomial interval (Clopper & Pearson 1934).

    Raises:
        ValueError: n is zero, counts are out of range, or confidence is not inside (0, 1).
    """
    from scipy.stats import beta

    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"impossible count: {successes} of {n}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie inside (0, 1): {confidence}")
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(beta.ppf(tail, successes, n - successes + 1))
    high = 1.0 if successes == n else float(beta.ppf(1 - tail, successes + 1, n - successes))
    return Estimate(successes / n, low, high, confidence, n, "Clopper-Pearson")


@dataclass(frozen=True, slots=True)
class Counts:
    """What an attack with a fixed threshold did: members called members, non-members called members."""

    true_positives: int
    members: int
    false_positives: int
    nonmembers: int

    def balanced_accuracy(self, confidence: float = 0.95) -> Estimate:
        """(TPR + TNR) / 2 with a conservative interval: Clopper-Pearson on each rate, error split between them."""
        split = 1 - (1 - confidence) / 2
        tpr = clopper_pearson(self.true_positives, self.members, split)
        fpr = clopper_pearson(self.false_positives, self.nonmembers, split)
        return Estimate(
            value=(tpr.value + 1 - fpr.value) / 2,
            low=(tpr.low + 1 - fpr.high) / 2,
            high=(tpr.high + 1 - fpr.low) / 2,
            confidence_level=confidence,
            n=self.members + self.nonmembers,
            method="Clopper-Pearson on TPR and FPR, Bonferroni",
        )

    def excess_risk(self, confidence: float = 0.95, control_scale: float = 1.0) -> Estimate:
        """(a - c) / (1 - c): how much more often an attack succeeds on members (rate a) than on control records (rate c).

        Giomi et al., PoPETs 2023, section 4: the share of what is left to gain beyond what the population gives away. It is
        one minus a ratio of two failure rates, so exact limits of each, the error split between them, bound it whatever
        the dependence of the two. Below zero it is no risk and reads zero; where the control succeeds always, nothing is
        left to gain and the interval reaches from 0 to 1.

        Args:
            confidence: of both limits together.
            control_scale: at least 1; by how much the control's rate could be higher on as many records as the members.
        """
        split = 1 - (1 - confidence) / 2
        attack = clopper_pearson(self.true_positives, self.members, split)
        control = clopper_pearson(self.false_positives, self.nonmembers, split)

        def risk(success: float, by_chance: float) -> float:
            return max(0.0, 1 - (1 - success) / (1 - by_chance)) if by_chance < 1 else 0.0

        return Estimate(
            value=risk(attack.value, min(1.0, control.value * control_scale)),
            low=risk(attack.low, min(1.0, control.high * control_scale)),
            high=risk(attack.high, control.low),
            confidence_level=confidence,
            n=self.members + self.nonmembers,
            method="Clopper-Pearson on attack and control, Bonferroni",
        )

    def scaled(self, factor: float) -> "Counts":
        """The same rates on more records, for asking how many would settle a question."""
        return Counts(
            round(self.true_positives * factor),
            round(self.members * factor),
            round(self.false_positives * factor),
            round(self.nonmembers * factor),
        )


def records_to_settle(counts: Counts, limit: float, confidence: float = 0.95, most: int = 10_000_000) -> int | None:
    """How many records in all would put `limit` outside the interval if the observed rates held.

    None when the observed value sits on the limit so closely that `most` records would not settle it.
    """

    def settled(factor: float) -> bool:
        estimate = counts.scaled(factor).balanced_accuracy(confidence)
        return estimate.high < limit or estimate.low >= limit

    total = counts.members + counts.nonmembers
    if settled(1.0):
        return total
    ceiling = max(1.0, most / total)
    low, high = 1.0, min(2.0, ceiling)
    while not settled(high):
        if high >= ceiling:
            return None
        low, high = high, min(high * 2, ceiling)
    while total * (high - low) > max(2.0, total * high * 0.01):
        middle = (low + high) / 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return round(total * high)
