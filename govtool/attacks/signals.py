"""What an attacker reads off a model's answer for one record, always in log space.

Rounded probabilities tie at 1.0 exactly where low false-positive rates are read, so nothing here subtracts a
probability from one (Carlini et al. 2022, figure 8: orders of magnitude in TPR at low FPR).
"""

import numpy as np

from govtool.attacks.interface import FloatArray, Labels
from govtool.errors import WorkError

FLOOR = -745.0
"""The logarithm of the smallest positive double: a probability of exactly 0 is taken for this, so scores stay finite."""

ROUNDING = 1e-6
"""A log probability may exceed 0 by this much, from single-precision arithmetic."""

READINGS = ("log_probability", "phi", "warm_phi", "margin", "entropy", "modified_entropy")
"""What `read` gives for each record; attacks ask for readings by these names."""

WARMTH = 2.0
"""Temperature of `warm_phi`: at 1 the answers of a network that learnt its records by heart crowd at certainty."""

SATURATED = 0.05
"""Share of records on one and the same score from which ties dull the attack."""


def log_of(probabilities: FloatArray) -> FloatArray:
    """Natural logarithms, no lower than the floor."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(probabilities), FLOOR)


def label_log_probability(log_probabilities: FloatArray, labels: Labels) -> FloatArray:
    """(n,) log probability of each record's own label, from (n, classes) log probabilities.

    Raises:
        WorkError: the model answered with NaN, a positive log probability, or a label outside its classes.
    """
    own = _checked(log_probabilities, labels)[np.arange(len(labels)), labels]
    return np.maximum(own, FLOOR)


def phi(log_probabilities: FloatArray, labels: Labels) -> FloatArray:
    """(n,) log p_y minus the log-sum-exp of the other log probabilities: LiRA's logit scale, without 1 - p.

    Raises:
        WorkError: as `label_log_probability`.
    """
    from scipy.special import logsumexp

    floored = np.maximum(_checked(log_probabilities, labels), FLOOR)
    rows = np.arange(len(labels))
    own = floored[rows, labels]
    others = floored.copy()
    others[rows, labels] = -np.inf
    return np.asarray(own - logsumexp(others, axis=1), dtype=np.float64)


def warm_phi(log_probabilities: FloatArray, labels: Labels) -> FloatArray:
    """(n,) phi of the answer at temperature `WARMTH`: the softmax of its logits divided by it (Zarifzadeh et al. 2024, code).

    Not phi / `WARMTH` but for two classes: the other classes weigh more where they are many.
    """
    return phi(np.maximum(_checked(log_probabilities, labels), FLOOR) / WARMTH, labels)


def margin(log_probabilities: FloatArray, labels: Labels) -> FloatArray:
    """(n,) log p_y minus the largest other log probability: above zero where the model is right."""
    floored = np.maximum(_checked(log_probabilities, labels), FLOOR)
    rows = np.arange(len(labels))
    own = floored[rows, labels]
    others = floored.copy()
    others[rows, labels] = -np.inf
    return np.asarray(own - others.max(axis=1), dtype=np.float64)


def entropy(log_probabilities: FloatArray, labels: Labels) -> FloatArray:
    """(n,) prediction entropy in nats, -sum p log p; the label is not looked at."""
    answers = np.maximum(_checked(log_probabilities, labels), FLOOR)
    return np.asarray(-(np.exp(answers) * answers).sum(axis=1), dtype=np.float64)


def modified_entropy(log_probabilities: FloatArray, labels: Labels) -> FloatArray:
    """(n,) -(1 - p_y) log p_y - sum over the others of p log(1 - p): low where the model is right and sure.

    Song & Mittal, USENIX Security 2021, arXiv 2003.10595, equation 8.
    """
    from scipy.special import logsumexp

    answers = np.maximum(_checked(log_probabilities, labels), FLOOR)
    rows = np.arange(len(labels))
    own = answers[rows, labels]
    others = answers.copy()
    others[rows, labels] = -np.inf
    rest = np.exp(logsumexp(others, axis=1))  # 1 - p_y without the subtraction
    likely = np.exp(others)
    with np.errstate(divide="ignore"):
        against = np.maximum(np.log1p(-np.minimum(likely, 1.0)), FLOOR)
    return np.asarray(-rest * own - (likely * against).sum(axis=1), dtype=np.float64)


def read(log_probabilities: FloatArray, labels: Labels) -> dict[str, FloatArray]:
    """Every reading of (n, classes) log probabilities, each (n,), by the names of `READINGS`.

    Raises:
        WorkError: as `label_log_probability`.
    """
    return {
        "log_probability": label_log_probability(log_probabilities, labels),
        "phi": phi(log_probabilities, labels),
        "warm_phi": warm_phi(log_probabilities, labels),
        "margin": margin(log_probabilities, labels),
        "entropy": entropy(log_probabilities, labels),
        "modified_entropy": modified_entropy(log_probabilities, labels),
    }


def saturation(scores: FloatArray) -> float:
    """The share of records that sit on the most frequent score; 1/n when all differ, 0 for no records."""
    if len(scores) == 0:
        return 0.0
    return float(np.unique(scores, return_counts=True)[1].max() / len(scores))


def _checked(log_probabilities: FloatArray, labels: Labels) -> FloatArray:
    answers = np.asarray(log_probabilities, dtype=np.float64)
    if answers.shape != (len(labels), *answers.shape[-1:]):
        raise WorkError(f"the model answered with shape {answers.shape} for {len(labels)} records")
    if np.isnan(answers).any() or (answers > ROUNDING).any():
        raise WorkError(
            "the model's answers are not log probabilities: NaN or above zero",
            hint="check that the target is in evaluation mode and that its inputs are scaled as in training",
        )
    if len(labels) and (labels.min() < 0 or labels.max() >= answers.shape[1]):
        raise WorkError(
            f"labels run from {labels.min()} to {labels.max()}, but the model has {answers.shape[1]} classes"
        )
    return answers
