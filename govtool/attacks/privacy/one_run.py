"""A lower bound on epsilon from one training run with many canaries (Steinke, Nasr & Jagielski 2023, arXiv 2305.08846).

Each canary was included or left out by its own fair coin. From the trained model alone the auditor guesses some coins and
abstains on the rest. If training is (epsilon, delta)-DP, then whatever the guesses are (theorem 5.2), for r guesses of m
coins and q = e^epsilon / (1 + e^epsilon),

    P[at least v right]  <=  P[W >= v] + 2 m delta max_i P[v > W >= v - i] / i,    W ~ Binomial(r, q), i = 1 ... v.

The theorem conditions on the guesses, so which canaries to guess may depend on the scores in any way. It may not depend
on the coins: trying several numbers of guesses and keeping the best is paid for by Bonferroni.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from govtool.attacks.interface import FloatArray, Mask

SHARES = (0.1, 0.25, 0.4)
"""Of the canaries, how many are called included and how many left out, where nobody fixed the numbers beforehand."""

MOST = 64.0
"""No bound is looked for above this epsilon."""

_STEPS = 36


@dataclass(frozen=True)
class OneRun:
    """The bound, and the ceiling: what a guesser who is always right would have shown with the same canaries."""

    epsilon: float
    ceiling: float
    canaries: int
    guesses: int
    correct: int
    guessed_in: int
    guessed_out: int
    delta: float
    confidence_level: float
    looks: int
    """How many pairs of numbers of guesses were tried; the error is split among them."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def p_value(canaries: int, guesses: int, correct: int, epsilon: float, delta: float) -> float:
    """The most likely that (epsilon, delta)-DP makes this many correct guesses or more.

    Raises:
        ValueError: impossible counts, epsilon below zero or delta outside [0, 1].
    """
    from scipy.stats import binom

    _check(canaries, guesses, correct, delta)
    if epsilon < 0:
        raise ValueError(f"epsilon must not be negative: {epsilon}")
    q = 1 / (1 + np.exp(-epsilon))
    tail = float(binom.sf(correct - 1, guesses, q))
    if not delta or not correct:
        return min(tail, 1.0)
    below = np.cumsum(binom.pmf(np.arange(correct - 1, -1, -1), guesses, q))
    slack = float((below / np.arange(1, correct + 1)).max())
    return min(tail + 2 * canaries * delta * slack, 1.0)


def bound(canaries: int, guesses: int, correct: int, delta: float, confidence: float = 0.95) -> float:
    """The largest epsilon that these guesses refute at `confidence`; 0.0 when they refute none.

    Raises:
        ValueError: as `p_value`.
    """
    error = 1 - confidence
    if p_value(canaries, guesses, correct, 0.0, delta) > error:
        return 0.0
    low, high = 0.0, MOST
    for _step in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if p_value(canaries, guesses, correct, middle, delta) <= error else (low, middle)
    return low


def ceiling(canaries: int, delta: float, confidence: float = 0.95) -> float:
    """What a perfect guesser of all coins could show."""
    return bound(canaries, canaries, canaries, delta, confidence)


def usual_ceiling(canaries: int, delta: float, confidence: float = 0.95) -> float:
    """What a perfect guesser could show in `audit` with the usual numbers of guesses; some less than `ceiling`."""
    pairs = _usual(canaries)
    each = 1 - (1 - confidence) / len(pairs)
    return max(bound(canaries, sum(pair), sum(pair), delta, each) for pair in pairs)


def audit(
    scores: FloatArray,
    included: Mask,
    delta: float,
    *,
    guesses: Sequence[tuple[int, int]] | None = None,
    confidence: float = 0.95,
) -> OneRun:
    """The bound from (m,) scores, higher for 'included', and the (m,) coins.

    `guesses` are pairs (called included, called left out), fixed in advance; the best of several counts, each at its share
    of the error. Without it the pairs of `SHARES` are tried. Tied scores at the end of a range are not guessed at all, so
    the order of the rows makes no difference.

    Raises:
        ValueError: shapes differ, a score is not finite, no pair, or a pair asks for more guesses than there are canaries.
    """
    scores, included = np.asarray(scores, dtype=np.float64), np.asarray(included, dtype=np.bool_)
    if scores.ndim != 1 or scores.shape != included.shape or not np.isfinite(scores).all():
        raise ValueError("scores and coins must be equally long vectors of finite numbers")
    size = len(scores)
    pairs = _usual(size) if guesses is None else list(guesses)
    if not pairs or any(min(pair) < 0 or sum(pair) > size for pair in pairs):
        raise ValueError(f"numbers of guesses must be pairs that sum to at most {size} canaries: {pairs}")
    each = 1 - (1 - confidence) / len(pairs)
    found = [_guess(scores, included, pair) for pair in pairs]
    best = max(found, key=lambda one: bound(size, one[0] + one[1], one[2], delta, each))
    return OneRun(
        epsilon=bound(size, best[0] + best[1], best[2], delta, each),
        ceiling=max(bound(size, sum(pair), sum(pair), delta, each) for pair in pairs),
        canaries=size,
        guesses=best[0] + best[1],
        correct=best[2],
        guessed_in=best[0],
        guessed_out=best[1],
        delta=delta,
        confidence_level=confidence,
        looks=len(pairs),
    )


def _usual(canaries: int) -> list[tuple[int, int]]:
    return [(round(share * canaries), round(share * canaries)) for share in SHARES]


def _guess(scores: FloatArray, included: Mask, pair: tuple[int, int]) -> tuple[int, int, int]:
    """How many were called included, how many left out, and how many of both rightly."""
    high = _beyond(scores, pair[0])
    low = _beyond(-scores, pair[1]) & ~high
    return int(high.sum()), int(low.sum()), int((high & included).sum() + (low & ~included).sum())


def _beyond(scores: FloatArray, count: int) -> Mask:
    """The `count` highest scores, fewer where the last of them ties with one outside."""
    if count >= len(scores):
        return np.ones(len(scores), dtype=np.bool_)
    return np.asarray(scores > np.sort(scores)[len(scores) - count - 1], dtype=np.bool_)


def _check(canaries: int, guesses: int, correct: int, delta: float) -> None:
    if not 0 <= correct <= guesses <= canaries or not 0 <= delta <= 1:
        raise ValueError(f"impossible: {correct} of {guesses} guesses right about {canaries} canaries, delta {delta}")
