"""Targets whose answers were made worse on purpose: what a deployment shows after a defence, for measuring what it buys.

Each wraps a target and shows less of the same answers. Only the answers are touched, so whoever holds the weights loses
nothing: the wrappers expose no weights. A measure is worth what an attack that knows of it still finds, so every one says
openly what it does.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from govtool.access import Access, reachable
from govtool.attacks import signals
from govtool.attacks.interface import Features, FloatArray, Labels, Target
from govtool.errors import WorkError

_SOFT = reachable(frozenset({Access.PROBABILITIES}))


@dataclass(frozen=True)
class _Degraded:
    """What all of them share: labels follow from the worse answers, weights are gone."""

    inner: Target

    @property
    def access(self) -> frozenset[Access]:
        return _SOFT

    @property
    def n_classes(self) -> int:
        return self.inner.n_classes

    def log_probabilities(self, features: Features) -> FloatArray:
        raise WorkError(f"not all probabilities are exposed, so none can be told of {len(features)} records")

    def labels(self, features: Features) -> Labels:
        return np.asarray(self.log_probabilities(features).argmax(axis=1), dtype=np.int64)

    def module(self) -> object:
        raise WorkError("only answers are exposed, not the weights")


@dataclass(frozen=True)
class Rounded(_Degraded):
    """Probabilities rounded to `decimals`, as in Fredrikson et al. 2015, section 5; the label is the exact one."""

    decimals: int

    def log_probabilities(self, features: Features) -> FloatArray:
        exact: FloatArray = np.exp(self.inner.log_probabilities(features))
        return signals.log_of(np.asarray(np.round(exact, self.decimals), dtype=np.float64))

    def labels(self, features: Features) -> Labels:
        return self.inner.labels(features)


@dataclass(frozen=True)
class Tempered(_Degraded):
    """Logits divided by `temperature` before the softmax: above 1 confidences are flatter, and their order stays."""

    temperature: float

    def log_probabilities(self, features: Features) -> FloatArray:
        scaled = self.inner.log_probabilities(features) / self.temperature
        shifted = scaled - scaled.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float64)


@dataclass(frozen=True)
class Noisy(_Degraded):
    """Gaussian noise of `spread` on every probability, cut off at 0 and scaled to sum to 1.

    The noise of a record is drawn from its own digest, so that asking again does not average it away.
    """

    spread: float
    seed: int = 0

    def log_probabilities(self, features: Features) -> FloatArray:
        found = np.exp(self.inner.log_probabilities(features))
        noise = np.stack([self._of(row) for row in features]) if len(features) else np.zeros_like(found)
        worse = np.maximum(found + self.spread * noise, 0)
        empty = worse.sum(axis=1, keepdims=True) <= 0
        worse = np.where(empty, 1.0, worse)
        return signals.log_of(worse / worse.sum(axis=1, keepdims=True))

    def _of(self, record: NDArray[np.float32]) -> FloatArray:
        digest = blake2b(np.ascontiguousarray(record, dtype="<f4").tobytes(), digest_size=8).digest()
        return np.random.default_rng([self.seed, int.from_bytes(digest, "big")]).standard_normal(self.n_classes)


@dataclass(frozen=True)
class TopK(_Degraded):
    """Only the `k` best scores are shown, by `top_scores`."""

    k: int

    @property
    def access(self) -> frozenset[Access]:
        return reachable(frozenset({Access.TOP_K}))

    def labels(self, features: Features) -> Labels:
        return self.inner.labels(features)

    def top_scores(self, features: Features, k: int) -> FloatArray:
        """(n, classes) probabilities of the `k` best classes, never more than are exposed; the others are NaN."""
        return best(np.exp(self.inner.log_probabilities(features)), min(k, self.k))


@dataclass(frozen=True)
class LabelsOnly(_Degraded):
    """The name of the class and nothing else."""

    @property
    def access(self) -> frozenset[Access]:
        return frozenset({Access.LABELS})

    def labels(self, features: Features) -> Labels:
        return self.inner.labels(features)


def best(probabilities: FloatArray, k: int) -> FloatArray:
    """(n, classes) with all but the `k` largest of each row NaN; among equals the first class is shown, as `argmax` does."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    shown = np.full_like(probabilities, np.nan)
    np.put_along_axis(shown, order, np.take_along_axis(probabilities, order, axis=1), axis=1)
    return shown
