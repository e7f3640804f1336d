"""Intervals for figures that every class contributes to, where the classes are the independent units and their trials are not."""

import math

import numpy as np

from govtool.attacks.interface import FloatArray
from govtool.estimate import Estimate

RESAMPLES = 10_000
CONFIDENCE = 0.95


def mean(values: FloatArray, rng: np.random.Generator) -> Estimate:
    """The mean of (classes,) values, by bootstrap over classes.

    Percentiles are expanded for few classes (Hesterberg 2015, 'What Teachers Should Know About the Bootstrap', section 5.3):
    plain ones are too narrow by the square root of (n - 1) / n and by a normal quantile for Student's.

    Raises:
        ValueError: fewer than two classes.
    """
    from scipy.stats import norm, t

    n = len(values)
    if n < 2:  # noqa: PLR2004 - one class has no spread
        raise ValueError("an interval over classes needs two of them")
    drawn = np.concatenate(
        [values[rng.integers(n, size=(RESAMPLES // 10, n))].mean(axis=1) for _ in range(10)]
    )  # in parts: many classes would fill the memory
    tail = float(norm.cdf(math.sqrt(n / (n - 1)) * t.ppf((1 - CONFIDENCE) / 2, n - 1)))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(float(values.mean()), float(low), float(high), CONFIDENCE, n, "Bootstrap over classes")


def rate(hits: FloatArray) -> Estimate:
    """The share of hits among (classes, trials) trials in 0..1, trials of a class not being independent.

    Clopper and Pearson's exact interval for as many trials as the spread between classes says they are worth (Korn &
    Graubard 1998): from the number of classes, where all trials of a class agree, to the number of trials. That number is
    the estimate's n. Where no class differs from another, which happens with all hits or none, it is the number of classes.
    """
    from scipy.stats import beta, t

    classes, trials = hits.shape
    share, between = float(hits.mean()), float(hits.mean(axis=1).var(ddof=1)) if classes > 1 else 0.0
    worth = float(classes)
    if between > 0:
        few = (t.ppf(0.975, classes * trials - 1) / t.ppf(0.975, classes - 1)) ** 2
        worth = min(max(share * (1 - share) / (between / classes) * few, 1.0), float(classes * trials))
    elif 0 < share < 1:
        worth = float(classes * trials)
    tail, found = (1 - CONFIDENCE) / 2, share * worth
    low = 0.0 if found <= 0 else float(beta.ppf(tail, found, worth - found + 1))
    high = 1.0 if found >= worth else float(beta.ppf(1 - tail, found + 1, worth - found))
    return Estimate(
        share, low, high, CONFIDENCE, round(worth), "Clopper-Pearson for trials grouped by class (Korn & Graubard)"
    )
