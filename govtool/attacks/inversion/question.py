"""What an attacker sets out to draw, and what comes back: the same for every method of model inversion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from govtool.attacks.interface import (
    Features,
    FloatArray,
    Generator,
    Labels,
    Mask,
    NotTestable,
    Records,
    Target,
)

Shape = tuple[int, int, int]
"""(channels, height, width) of records that are pictures."""

STILL = 0.02
"""Share of a feature's range that every feature of a reconstruction must stay within to have gone nowhere."""


@dataclass(frozen=True)
class Bounds:
    """The observed range of inputs, per feature; the attacker stays inside. Shapes as one record."""

    low: Features
    high: Features

    @classmethod
    def of(cls, features: Features, *, image: bool) -> "Bounds":
        """The range of (n, ...) features: one range for all pixels of an image, each feature's own for a table.

        A per-pixel range would tell the attacker which pixels are always blank.
        """
        low, high = features.min(axis=0), features.max(axis=0)
        if image:
            low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
        return cls(low, high)

    @property
    def width(self) -> Features:
        """Of the range; 1 for constant features, so that one can divide by it."""
        return np.where(self.high > self.low, self.high - self.low, np.float32(1))

    def to_units(self, features: Features) -> FloatArray:
        """Features as shares of the range, 0 to 1; constant features become 0."""
        return np.asarray((features - self.low) / self.width, dtype=np.float64)

    def from_units(self, units: FloatArray) -> Features:
        """The inverse of `to_units`: (n, ...) shares of the range as features."""
        return np.asarray(self.low + units * (self.high - self.low), dtype=np.float32)


@dataclass(frozen=True)
class Question:
    """Which classes to draw, and all that the attacker knows beside the target."""

    classes: Labels
    bounds: Bounds
    shape: Shape | None
    """None where features are no pixels."""
    public: Records | None = None
    """Records of other people, for attackers with a prior. Never members, never those that judges learn from."""
    generator: Generator | None = None
    """Somebody's own prior."""


@dataclass(frozen=True)
class Reconstructions:
    """What the attacker ends up with, one row per class attacked."""

    inputs: Features
    """(classes, ...) in the model's own input space."""
    confidence: FloatArray
    """(classes,) the target's probability of the class. A diagnostic: a model can be sure of what nobody recognises."""
    grey: Mask
    """(classes,) whether it stayed at the grey start."""
    named: Mask
    """(classes,) whether the target itself gives it the class before all others."""
    start: Features | None = None
    """(classes, ...) what a search with a prior began from, chosen by the target's answers alone."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """JSON: what it took, such as queries."""
    caveats: tuple[str, ...] = ()
    alone: Mapping[str, Features] = field(default_factory=dict)
    """Of an ensemble: (classes, ...) pictures that the same search draws from each member by itself."""


Search = Callable[[Target, Question, Mapping[str, Any], np.random.Generator], Reconstructions | NotTestable]
"""An attack's own part: (target, question, params, rng). Chooses by what the attacker sees, never by the truth."""
