"""Did one guesser beat another on the same records, and more so on members? With intervals that use the pairing.

On one group the difference of two shares of right answers has Tango's score interval ('Equivalence test and confidence
interval for the difference in proportions for the paired-sample design', Statistics in Medicine 1998), which inverts
McNemar's test: it excludes 0 exactly where that test rejects. Members and non-members are independent groups, so their
difference has the interval that combines both by the square-and-add rule (Zou & Donner, Statistics in Medicine 2008).
Records of one person are no independent records: their number is divided by the design effect.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks import persons
from govtool.attacks.interface import FloatArray, Mask
from govtool.estimate import Estimate

METHOD = "Paired score interval (Tango)"
_EDGE = 1e-9
"""The search stays so far off -1 and the observed difference, where the score can be 0/0."""


@dataclass(frozen=True)
class Gain:
    """How often the first guesser alone was right (`won`) and the second alone (`lost`) among `n` independent units.

    Counts are not whole where records of one person were weighed together.
    """

    n: float
    won: float
    lost: float
    people: int | None = None
    """Different people behind the records; None where records are independent."""

    @property
    def value(self) -> float:
        return (self.won - self.lost) / self.n

    @property
    def units(self) -> int:
        return math.floor(self.n)

    def limits(self, confidence: float) -> tuple[float, float]:
        z = self._quantile(confidence)
        return _limit(self, z), -_limit(Gain(self.n, self.lost, self.won), z)

    def estimate(self, confidence: float = 0.95) -> Estimate:
        low, high = self.limits(confidence)
        return Estimate(self.value, low, high, confidence, self.units, METHOD)

    def _quantile(self, confidence: float) -> float:
        """Student's where the spread was measured between people, normal otherwise."""
        from scipy.stats import norm, t

        upper = (1 + confidence) / 2
        return float(norm.ppf(upper) if self.people is None else t.ppf(upper, max(self.people - 1, 1)))


def gain(first: Mask, second: Mask, subjects: NDArray[Any] | None = None) -> Gain:
    """Compare (n,) right answers of two guessers about the same records; `subjects` (n,) says whose they are.

    Raises:
        ValueError: no records, or vectors of different length.
    """
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ValueError(f"right answers {first.shape} and {second.shape} must be equally long vectors, and not empty")
    n, won, lost = len(first), int((first & ~second).sum()), int((second & ~first).sum())
    if subjects is None:
        return Gain(n, won, lost)
    people = persons.numbered(subjects)
    count = int(people.max()) + 1
    if count == n:
        return Gain(n, won, lost)
    effect = _design_effect(first.astype(np.float64) - second, people, count)
    return Gain(n / effect, won / effect, lost / effect, count)


def excess(members: Gain, nonmembers: Gain, confidence: float = 0.95) -> Estimate:
    """Members' gain, less the non-members' gain where they have one: what the model gives away about members only.

    An attack that is merely less bad on members than on others has found nothing that the second guesser had not, so
    non-members' losses do not count. That makes the figure the smaller of the members' gain and of its difference to the
    non-members'. An upper limit that holds for both needs each at half the doubt. The lower arm is the longer of both
    arms, a little more than is needed, so that it grows with the confidence as they do and can be widened later.
    """
    both = difference(members, nonmembers, confidence)
    value = min(members.value, both.value)
    arm = max(members.value - members.limits(confidence)[0], both.value - both.low)
    stricter = 1 - (1 - confidence) / 2
    high = min(members.limits(stricter)[1], difference(members, nonmembers, stricter).high)
    return Estimate(value, max(-2.0, value - arm), high, confidence, both.n, both.method)


def difference(members: Gain, nonmembers: Gain, confidence: float = 0.95) -> Estimate:
    """Members' gain less non-members' gain, from -2 to 2; n is the independent units of both."""
    value = members.value - nonmembers.value
    (low_in, high_in), (low_out, high_out) = members.limits(confidence), nonmembers.limits(confidence)
    down = math.hypot(members.value - low_in, high_out - nonmembers.value)
    up = math.hypot(high_in - members.value, nonmembers.value - low_out)
    return Estimate(
        value,
        max(-2.0, value - down),
        min(2.0, value + up),
        confidence,
        members.units + nonmembers.units,
        f"{METHOD}, members less non-members by square-and-add",
    )


def worst(estimates: list[Estimate], confidence: float = 0.95) -> Estimate:
    """The largest of several figures whose intervals hold together (each at 1 - (1 - confidence) / count).

    The true largest lies between the largest lower limit and the largest upper limit whenever all intervals hold.
    """
    if len(estimates) == 1:
        return estimates[0]
    return Estimate(
        max(one.value for one in estimates),
        max(one.low for one in estimates),
        max(one.high for one in estimates),
        confidence,
        min(one.n for one in estimates),
        f"{estimates[0].method}; the largest of {len(estimates)} attributes, Bonferroni",
    )


def _design_effect(differences: FloatArray, people: NDArray[np.int64], count: int) -> float:
    """Variance of the mean over people against that over records; without any difference a person counts as one record."""
    n = len(differences)
    residuals = differences - differences.mean()
    alone = float(np.sum(residuals**2)) / n**2
    if alone == 0 or count == 1:
        return n / count
    sums = np.bincount(people, weights=residuals, minlength=count)
    together = float(np.sum(sums**2)) / n**2 * count / (count - 1)
    return max(1.0, together / alone)


def _limit(pairs: Gain, z: float) -> float:
    """The lower limit: the difference that lies `z` of its own score deviations below the observed one."""
    from scipy.optimize import brentq

    n, won, lost = pairs.n, pairs.won, pairs.lost
    if pairs.value <= -1 + 2 * _EDGE:
        return -1.0

    def beyond(delta: float) -> float:
        shift = (2 * n - won + lost) * delta - won - lost
        root = math.sqrt(max(shift**2 + 8 * n * lost * delta * (1 - delta), 0.0))
        losing = (root - shift) / (4 * n)
        variance = n * (2 * losing + delta * (1 - delta))
        distance = won - lost - n * delta
        return distance - z * math.sqrt(max(variance, 0.0))

    return float(brentq(beyond, -1 + _EDGE, pairs.value - _EDGE))
