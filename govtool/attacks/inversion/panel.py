"""Reconstructions before the panel: what each judge says of them, and what it says of rows whose answer is known."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.attacks.interface import AttackData, Features, FloatArray, Labels, Records
from govtool.attacks.inversion import calibration, judges
from govtool.attacks.inversion.calibration import Known
from govtool.attacks.inversion.question import Bounds, Shape
from govtool.estimate import Estimate

_SHIFTED = "the reconstruction, under the next class's label"


@dataclass(frozen=True)
class Case:
    """Everything the panel is shown, in units of the observed range: rows (classes, features), one per class."""

    labels: Labels
    reconstructed: FloatArray
    real: FloatArray
    """One training record of each class, drawn at random; no judge was trained on it."""
    mean: FloatArray
    """Mean of the class's training records."""

    @classmethod
    def of(
        cls, data: AttackData, classes: Labels, reconstructed: Features, bounds: Bounds, rng: np.random.Generator
    ) -> "Case":
        units = _flat(bounds.to_units(data.members.features))
        rows = [np.flatnonzero(data.members.labels == label) for label in classes]
        return cls(
            labels=classes,
            reconstructed=_flat(bounds.to_units(reconstructed)),
            real=units[[int(rng.choice(of_class)) for of_class in rows]],
            mean=np.stack([units[of_class].mean(axis=0) for of_class in rows]),
        )

    @property
    def distance(self) -> FloatArray:
        """(classes,) root mean square difference from the class mean, as a share of the observed range."""
        return np.asarray(np.sqrt(np.mean((self.reconstructed - self.mean) ** 2, axis=1)), dtype=np.float64)

    def calibration(self) -> dict[str, tuple[FloatArray, Labels]]:
        """What a panel is checked on: rows to show, and the label to ask for, right in two cases and wrong in two."""
        next_label = np.roll(self.labels, -1)
        return {
            "a real training record of the class": (self.real, self.labels),
            "the mean of the class's training records": (self.mean, self.labels),
            _SHIFTED: (self.reconstructed, next_label),
            "a real record, under the next class's label": (self.real, next_label),
            "plain grey": (np.full_like(self.real, 0.5), self.labels),
        }


@dataclass(frozen=True)
class Opinion:
    """One judge, how good it is, and what it made of the reconstructions."""

    judge: judges.Judge
    real: Known
    """How well it names real records."""
    rate: Estimate
    """The share of reconstructions it names rightly."""
    hits: int
    named: Labels
    excluded: str
    """Why it must not be heard; empty when it may."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.judge.name,
            "family": self.judge.family,
            "real_accuracy": self.real.accuracy.to_dict(),
            "real_records": self.real.on,
            "rate": self.rate.to_dict(),
            "top_class": self.named.tolist(),
            "excluded": self.excluded,
        }


def ask(data: AttackData, case: Case, bounds: Bounds, shape: Shape | None) -> list[Opinion]:
    """Train the judges on the evaluation records and hear each of them, the unfit too, with the reason."""
    assert data.evaluation is not None
    units, labels = _known(data.evaluation, case, bounds)
    panel = judges.panel_of(units, labels, shape)
    real = calibration.knowledge(panel, units, labels, _known(data.members, case, bounds), shape)
    return [_hear(judge, case, known) for judge, known in zip(panel, real, strict=True)]


def _known(records: Records, case: Case, bounds: Bounds) -> tuple[FloatArray, Labels]:
    """(n, features) units and labels of the records whose classes are judged."""
    known = np.isin(records.labels, case.labels)
    return _flat(bounds.to_units(records.features[known])), records.labels[known]


def _hear(judge: judges.Judge, case: Case, real: Known) -> Opinion:
    misled = judge.rate(*case.calibration()[_SHIFTED])
    return Opinion(
        judge=judge,
        real=real,
        rate=judge.rate(case.reconstructed, case.labels),
        hits=judge.hits(case.reconstructed, case.labels),
        named=judge.names(case.reconstructed),
        excluded=calibration.excluded(real.accuracy, misled, 1 / len(case.labels)),
    )


def _flat(units: FloatArray) -> FloatArray:
    return units.reshape(len(units), -1)
