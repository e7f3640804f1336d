"""Residuals read as the confidence of a classifier, so that every attack on an own label's probability works on them.

A record is (x, y) as one row of features, and the question to the model is whether y is its answer for x. It says yes with
k(r) = exp(-r^2 / 2 s^2), the Gaussian density of the residual r relative to its peak. Then log k is the log likelihood of
a Gaussian residual model but for a constant, which the ratios of RMIA cancel; and the log odds log k - log(1 - k), LiRA's
phi, tend to -log(r^2 / 2 s^2) for small residuals and to -r^2 / 2 s^2 for large ones.

The scale s comes from people outside: the residuals on the population, never those of members and non-members. Ranks by
log k do not depend on it.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from govtool.access import Access, reachable
from govtool.attacks import signals
from govtool.attacks.interface import AttackData, Features, FloatArray, Labels, Records
from govtool.errors import InputError, WorkError

YES, NO = 0, 1
_GAUSSIAN = 1.4826
"""Standard deviation of a normal distribution in units of its median absolute value."""


class Regressor(Protocol):
    """A model that predicts one number for each record."""

    def predictions(self, features: Features) -> FloatArray:
        """(n,) from (n, d)."""
        ...


@dataclass(frozen=True)
class Scale:
    """s in units of the label, and where it comes from."""

    value: float
    source: str


@dataclass(frozen=True)
class ResidualTarget:
    """A regression asked about records with their labels as the last feature: class 0 is 'this is the answer'."""

    model: Regressor
    scale: float
    access: frozenset[Access] = reachable(frozenset({Access.PROBABILITIES}))
    n_classes: int = 2

    def log_probabilities(self, features: Features) -> FloatArray:
        values = features[:, -1].astype(np.float64)
        return log_confidence(self.model.predictions(features[:, :-1]) - values, self.scale)

    def labels(self, features: Features) -> Labels:
        """Class 0 where the prediction lies within 1.18 s of the label."""
        return np.asarray(self.log_probabilities(features).argmax(axis=1), dtype=np.int64)

    def module(self) -> Any:
        raise WorkError("the model predicts numbers, so it has no classes to differentiate")


def log_confidence(residuals: FloatArray, scale: float) -> FloatArray:
    """(n, 2): log k and log(1 - k) of (n,) residuals, both finite."""
    yes = -np.square(residuals / scale) / 2
    with np.errstate(divide="ignore"):
        no = np.log(-np.expm1(yes))
    return np.asarray(np.maximum(np.stack([yes, no], axis=1), signals.FLOOR), dtype=np.float64)


def records(features: Features, values: NDArray[np.float64], subjects: NDArray[Any] | None) -> Records:
    """Records that carry their label, in single precision like the features, as one more feature.

    Raises:
        InputError: a label too large for single precision.
    """
    with np.errstate(over="ignore"):
        joined = np.column_stack([features, values]).astype(np.float32)
    if not np.isfinite(joined).all():
        raise InputError("a label is too large for single precision", hint="give the labels in larger units")
    return Records(joined, np.full(len(values), YES, dtype=np.int64), subjects)


def inputs(data: AttackData) -> AttackData:
    """The records as the model is given them, without their labels."""

    def bare(found: Records | None) -> Records | None:
        return found and Records(found.features[:, :-1], found.labels, found.subjects)

    members, nonmembers = bare(data.members), bare(data.nonmembers)
    assert members is not None
    assert nonmembers is not None
    return AttackData(members, nonmembers, bare(data.population), bare(data.evaluation))


def scale_of(model: Regressor, population: Records | None, audited: Features) -> Scale:
    """A robust spread of the population's residuals; without a population the spread of the audited labels.

    Raises:
        WorkError: all labels are the same.
    """
    if population is not None and len(population):
        residuals = model.predictions(population.features[:, :-1]) - population.features[:, -1]
        found = Scale(
            _GAUSSIAN * float(np.median(np.abs(residuals))), f"residuals of {len(population)} population records"
        )
        if found.value > 0:
            return found
    spread = float(audited[:, -1].astype(np.float64).std())
    if not spread > 0:
        raise WorkError("all records have the same label, so there is no regression to audit")
    return Scale(spread, "spread of the audited labels, because no population record has a residual")


def caveat(scale: Scale) -> str:
    return (
        f"Regression: for the probability of a record's label stands exp(-residual^2 / 2 s^2) with s = {scale.value:.3g} "
        f"({scale.source}). An outsider computes it from the predicted value alone."
    )
