"""A Bayesian interval for epsilon, as a cross-check of the exact bound (Zanella-Béguelin et al. 2022, arXiv 2206.05199).

False-negative and false-positive rates get independent Jeffreys priors, Beta(1/2, 1/2). The posterior probability that
epsilon is at most e is the mass of the privacy region of (e, delta): all pairs of rates that (e, delta)-DP allows.
"""

from functools import lru_cache

import numpy as np

from govtool.attacks.interface import FloatArray
from govtool.estimate import Counts, Estimate

_POINTS = 2000
_MOST = 64.0
_STEPS = 30
_JEFFREYS = 0.5


def interval(counts: Counts, delta: float, confidence: float = 0.9) -> Estimate:
    """The equal-tailed credible interval with its median. It says what to believe, not how often it errs.

    Raises:
        ValueError: no members or no non-members, or delta outside [0, 1).
    """
    if min(counts.members, counts.nonmembers) < 1 or not 0 <= delta < 1:
        raise ValueError(f"an interval needs members, non-members and a delta in [0, 1): {counts}, {delta}")
    tail = (1 - confidence) / 2
    low, middle, high = (_quantile(counts, delta, mass) for mass in (tail, 0.5, 1 - tail))
    total = counts.members + counts.nonmembers
    return Estimate(middle, low, high, confidence, total, "joint beta, Jeffreys priors, equal tails")


def probability(counts: Counts, delta: float, epsilon: float) -> float:
    """The posterior probability that epsilon is at most this."""
    from scipy.stats import beta

    missed = counts.members - counts.true_positives
    refused = counts.nonmembers - counts.false_positives
    low, high = _allowed(_rates(counts.false_positives, refused), delta, epsilon)
    cdf = beta(missed + _JEFFREYS, counts.true_positives + _JEFFREYS).cdf
    return float(np.maximum(cdf(high) - cdf(low), 0.0).mean())


@lru_cache(maxsize=4)
def _rates(called: int, refused: int) -> FloatArray:
    """False-positive rates of equal posterior mass, over which the integral is a mean."""
    from scipy.stats import beta

    mass = (np.arange(_POINTS) + 0.5) / _POINTS
    return np.asarray(beta.ppf(mass, called + _JEFFREYS, refused + _JEFFREYS), dtype=np.float64)


def _allowed(fpr: FloatArray, delta: float, epsilon: float) -> tuple[FloatArray, FloatArray]:
    """The least and the greatest false-negative rate that DP allows beside each false-positive rate."""
    grow, shrink = np.exp(epsilon), np.exp(-epsilon)
    low = np.maximum(1 - delta - grow * fpr, (1 - delta - fpr) * shrink)
    high = np.minimum(grow * (1 - fpr) + delta, 1 - (fpr - delta) * shrink)
    return np.clip(low, 0, 1), np.clip(high, 0, 1)


def _quantile(counts: Counts, delta: float, mass: float) -> float:
    if probability(counts, delta, 0.0) >= mass:
        return 0.0
    low, high = 0.0, _MOST
    for _step in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if probability(counts, delta, middle) < mass else (low, middle)
    return (low + high) / 2
