"""What the answers of a target tell, brought into one form: a probability for each class, wherever only some are shown.

Whatever was rounded away, cut off or never said is filled in evenly, which is all that can be known of it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks import degraded
from govtool.attacks.interface import Features, FloatArray, Labels, Target
from govtool.attacks.inversion.answers.ledger import Ask

SOFTEST = 1e-12
"""Probability below which an unrounded answer tells nothing more."""
_DECIMALS = range(1, 7)
_EXACT = 1e-8
"""Relative: a sure model's 1e-20 is no zero that was rounded."""
_NOTHING = 1e-300
"""Exact zeros come as the smallest positive double."""


def every_class(target: Target) -> Access | None:
    """By what a deployment shows a score for every class; None where it shows the best few, or none."""
    seen = reachable(target.access)
    return next((access for access in (Access.PROBABILITIES, Access.LOGPROBS) if access in seen), None)


def of_scores(target: Target, k: int) -> Ask:
    """Probabilities where the deployment shows them, else its `k` best scores with the others NaN."""
    if every_class(target):
        return lambda features: np.exp(target.log_probabilities(features))
    return lambda features: _best(target, features, k)


def of_labels(target: Target, classes: Labels) -> Ask:
    """Certainty for the label named. Where a target does not say how many there are, those beyond `classes` count as one."""
    known = target.n_classes or int(classes.max()) + 2
    return lambda features: np.eye(known)[np.minimum(target.labels(features), known - 1)]


def _best(target: Target, features: Features, k: int) -> FloatArray:
    shown: Any = getattr(target, "top_scores", None)
    if shown is not None:
        return np.asarray(shown(features, k), dtype=np.float64)
    return degraded.best(np.exp(target.log_probabilities(features)), k)


@dataclass(frozen=True)
class Precision:
    """How finely answers are given."""

    step: float
    """Distance between neighbouring values; 0 when they are not rounded."""

    @classmethod
    def of(cls, answers: FloatArray) -> "Precision":
        """Judged by what was seen: the fewest decimals that carry every shown value."""
        shown = answers[np.isfinite(answers) & (answers > _NOTHING)]
        for decimals in _DECIMALS:
            if bool((np.abs(shown - np.round(shown, decimals)) <= _EXACT * shown).all()):
                return cls(10.0**-decimals)
        return cls(0.0)

    @property
    def least(self) -> float:
        """The smallest probability worth telling from 0, and the largest from 1."""
        return max(self.step / 2, SOFTEST)


def whole(answers: FloatArray, precision: Precision) -> FloatArray:
    """(n, classes) probabilities that sum to 1: hidden ones and zeros share evenly what the shown ones leave.

    A zero of a rounded answer is below half a step, and a hidden score is no larger than the smallest that is shown.
    """
    hidden = np.isnan(answers)
    shown = np.where(hidden, 0.0, answers)
    smallest = np.where(hidden, np.inf, answers).min(axis=1, keepdims=True)
    most = np.where(hidden, smallest, precision.least)
    missing = hidden | (shown <= _NOTHING)
    count = np.maximum(missing.sum(axis=1, keepdims=True), 1)
    share = np.maximum(1 - shown.sum(axis=1, keepdims=True), 0) / count
    filled = np.where(missing, np.minimum(share, most), shown)
    return np.asarray(filled / filled.sum(axis=1, keepdims=True), dtype=np.float64)


def log_odds(answers: FloatArray) -> FloatArray:
    """(n, classes) log p / (1 - p) of answers as they are shown, no finer than they are."""
    precision = Precision.of(answers)
    kept = np.clip(whole(answers, precision), precision.least, 1 - precision.least)
    return np.asarray(np.log(kept) - np.log1p(-kept), dtype=np.float64)
