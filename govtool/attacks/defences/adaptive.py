"""What an attacker who knows of a defence does about it: targets that win back from worse answers what can be won back.

A defence that is tested only with the attack it was made against looks better than it is (Carlini & Wagner 2017; Tramèr,
Carlini, Brendel & Madry 2020, arXiv 2002.08347). Each of these wraps the defended target as the attacker meets it.
"""

from dataclasses import dataclass, field

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks import signals
from govtool.attacks.degraded import TopK
from govtool.attacks.interface import Features, FloatArray, Labels, Target
from govtool.errors import WorkError

COPIES = 32
NEARBY = 1e-3
"""Shift of a copy, in units of each feature's spread: too little to change a model's answer, enough to draw new noise."""


@dataclass(frozen=True)
class _Adapted:
    """Labels as the defended target gives them; the probabilities are the attacker's own reckoning."""

    inner: Target

    @property
    def access(self) -> frozenset[Access]:
        return reachable(frozenset({Access.PROBABILITIES}))

    @property
    def n_classes(self) -> int:
        return self.inner.n_classes

    def labels(self, features: Features) -> Labels:
        return self.inner.labels(features)

    def module(self) -> object:
        raise WorkError("only answers are exposed, not the weights")


@dataclass(frozen=True)
class Averaged(_Adapted):
    """The mean of the answers to a record and to copies that no model could tell from it: noise averages away."""

    spread: FloatArray
    """(features,) of each feature, as far as the attacker knows it."""
    copies: int = COPIES
    seed: int = 0

    def log_probabilities(self, features: Features) -> FloatArray:
        rng = np.random.default_rng([self.seed, len(features)])
        total = np.exp(self.inner.log_probabilities(features))
        for _ in range(self.copies - 1):
            shift = NEARBY * self.spread * rng.standard_normal(features.shape)
            total += np.exp(self.inner.log_probabilities(np.asarray(features + shift, dtype=np.float32)))
        return signals.log_of(total / self.copies)


@dataclass(frozen=True)
class Sharpened(_Adapted):
    """Logits times the temperature that they were divided by: what is left hidden is only what was rounded off."""

    temperature: float

    def log_probabilities(self, features: Features) -> FloatArray:
        scaled = self.inner.log_probabilities(features) * self.temperature
        shifted = scaled - scaled.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float64)


@dataclass(frozen=True)
class Completed(_Adapted):
    """The scores that are shown, and what is missing to one spread evenly over the classes that are not."""

    inner: TopK = field()

    def log_probabilities(self, features: Features) -> FloatArray:
        shown = self.inner.top_scores(features, self.inner.k)
        hidden = np.isnan(shown)
        rest = np.clip(1 - np.nansum(shown, axis=1, keepdims=True), 0, 1)
        even = rest / np.maximum(hidden.sum(axis=1, keepdims=True), 1)
        return signals.log_of(np.where(hidden, even, shown))
