"""What all targets share: refusing what the deployment does not expose, and telling logits from probabilities."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.access import Access, reachable
from govtool.attacks import degraded, signals
from govtool.attacks.interface import Features, FloatArray, Labels, Target
from govtool.errors import InputError, WorkError

FLOOR = signals.FLOOR
"""A classifier that says exactly 0 gets the smallest positive double instead, so that logs stay finite."""

SOFT = frozenset({Access.PROBABILITIES, Access.LOGITS, Access.LOGPROBS})
"""Any of these gives log probabilities for every class."""

_SUM_TOLERANCE = 1e-3  # rows of probabilities printed with three decimals still sum to 1 within this, for few classes


@dataclass(frozen=True)
class Exposed:
    """A target seen through a deployment: it answers only what that deployment exposes."""

    inner: Target
    access: frozenset[Access]

    @property
    def n_classes(self) -> int:
        return self.inner.n_classes

    def log_probabilities(self, features: Features) -> FloatArray:
        if not self.access & SOFT:
            raise WorkError("the deployment exposes no probabilities", hint="an attack asked for more than it may see")
        return self.inner.log_probabilities(features)

    def top_scores(self, features: Features, k: int) -> FloatArray:
        """(n, classes) probabilities of the `k` best classes; the others are NaN."""
        if Access.TOP_K not in reachable(self.access):
            raise WorkError("the deployment exposes no scores", hint="an attack asked for more than it may see")
        return degraded.best(np.exp(self.inner.log_probabilities(features)), k)

    def labels(self, features: Features) -> Labels:
        if Access.LABELS not in self.access:
            raise WorkError("the deployment exposes no labels")
        return self.inner.labels(features)

    def module(self) -> Any:
        if Access.WEIGHTS not in self.access:
            raise WorkError("the deployment does not expose the weights")
        return self.inner.module()


def batches(features: Features, size: int) -> Iterator[Features]:
    for start in range(0, len(features), size):
        yield features[start : start + size]


def log_softmax(logits: NDArray[Any]) -> FloatArray:
    """(n, classes) log probabilities in float64, stable for any finite logits."""
    wide = logits.astype(np.float64)
    shifted = wide - wide.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float64)


def two_columns(values: NDArray[Any]) -> FloatArray:
    """(n, 2) logits of classes 0 and 1 from (n,) log odds of class 1."""
    odds = values.astype(np.float64).reshape(-1)
    return np.stack([np.zeros_like(odds), odds], axis=1)


def log_of_probabilities(probabilities: NDArray[Any]) -> FloatArray:
    """Logs that stay finite at 0. What rounding took away does not come back: say so in a caveat."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(probabilities.astype(np.float64)), FLOOR)


def look_like_probabilities(values: NDArray[Any]) -> bool:
    """Every row lies in [0, 1] and sums to 1."""
    inside = bool((values >= 0).all() and (values <= 1).all())
    return inside and bool(np.abs(values.astype(np.float64).sum(axis=1) - 1).max() <= _SUM_TOLERANCE)


def declared(values: NDArray[Any], name: str, where: str) -> FloatArray:
    """Log probabilities from an array whose name says what it holds; the content must agree with the name.

    Raises:
        InputError: not (n, classes) finite numbers, or logits called probabilities or the other way round.
    """
    if values.ndim != 2 or values.shape[1] < 2 or values.dtype.kind not in "fiu":  # noqa: PLR2004 - two classes at least
        raise InputError(
            f"{name} must be numbers of shape (records, classes), not {values.dtype} {values.shape}", where=where
        )
    if not np.isfinite(values).all():
        raise InputError(f"{name} holds missing or infinite values", where=where)
    if look_like_probabilities(values) != name.endswith("probabilities"):
        actual = (
            "do not sum to 1 in [0, 1]"
            if name.endswith("probabilities")
            else "sum to 1 in [0, 1]: they are probabilities"
        )
        raise InputError(f"{name}: the rows {actual}", where=where, hint="name the array after what it holds")
    return log_of_probabilities(values) if name.endswith("probabilities") else log_softmax(values)
