"""Reconstructions before the panel: what each judge says of them, and what it says of rows whose answer is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from govtool.attacks.interface import AttackData, Features, FloatArray, Labels, Records
from govtool.attacks.inversion import calibration, judges
from govtool.attacks.inversion import contrast as contrasts
from govtool.attacks.inversion.calibration import Known
from govtool.attacks.inversion.question import Bounds, Reconstructions, Shape
from govtool.attacks.inversion.resemblance import OF_EACH, Compared
from govtool.estimate import Estimate, clopper_pearson

TOP = 5
"""A wider figure than the first place, where there are more classes than that."""
_SHIFTED = "the reconstruction, under the next class's label"
_START = "what the search began from"
_REAL = "a real training record of the class"
_MOST_ASKED = 1000
_CHOICE = 0
"""Seed for which evaluation and training records the panel meets: the same for every attack, so that the panel is."""


@dataclass(frozen=True)
class Case:
    """Everything the panel is shown, in units of the observed range: rows (classes, features), one per class."""

    labels: Labels
    """Ascending."""
    reconstructed: FloatArray
    real: FloatArray
    """One training record of each class, drawn at random; no judge was trained on it."""
    mean: FloatArray
    """Mean of the class's training records."""
    overall: FloatArray
    """(features,) mean of all training records."""
    compared: Compared
    """Training records, several of each class."""
    start: FloatArray | None
    """What the search began from, where that was no plain grey."""

    @classmethod
    def of(
        cls, data: AttackData, classes: Labels, found: Reconstructions, bounds: Bounds, rng: np.random.Generator
    ) -> "Case":
        features = data.members.features
        rows = [np.flatnonzero(data.members.labels == label) for label in classes]
        real = [int(rng.choice(of_class)) for of_class in rows]
        several = [rng.permutation(of_class)[:OF_EACH] for of_class in rows]
        means = np.stack([features[of_class].mean(axis=0) for of_class in rows])
        overall = features[np.concatenate(rows)].mean(axis=0)
        return cls(
            labels=classes,
            reconstructed=_units(bounds, found.inputs),
            real=_units(bounds, features[real]),
            mean=_units(bounds, means),
            overall=_units(bounds, overall[None])[0],
            compared=Compared(
                _units(bounds, features[np.concatenate(several)]),
                np.repeat(np.arange(len(classes)), [len(of_class) for of_class in several]),
            ),
            start=None if found.start is None else _units(bounds, found.start),
        )

    @property
    def distance(self) -> FloatArray:
        """(classes,) root mean square difference from the class mean, as a share of the observed range."""
        return np.asarray(np.sqrt(np.mean((self.reconstructed - self.mean) ** 2, axis=1)), dtype=np.float64)

    @property
    def usual_contrast(self) -> float:
        """Of a real training record: the median."""
        return float(np.median(contrasts.contrast(self.compared.units)))

    @cached_property
    def calibration(self) -> Mapping[str, tuple[FloatArray, Labels]]:
        """What a panel is checked on: rows to show, and the label to ask for; right in the first two, wrong in the others,
        and in the last two one row that must be right once at most.
        """
        next_label = np.roll(self.labels, -1)
        begun = {} if self.start is None else {_START: (self.start, self.labels)}
        return {
            _REAL: (self.real, self.labels),
            "the mean of the class's training records": (self.mean, self.labels),
            _SHIFTED: (self.reconstructed, next_label),
            "a real record, under the next class's label": (self.real, next_label),
            "the mean of all training records": (np.tile(self.overall, (len(self.labels), 1)), self.labels),
            "plain grey": (np.full_like(self.real, 0.5), self.labels),
            **begun,
        }


@dataclass(frozen=True)
class Opinion:
    """One judge, how good it is, and what it made of the reconstructions."""

    judge: judges.Judge
    real: Known
    """How well it names real records."""
    rate: Estimate
    """The share of reconstructions it names rightly."""
    top: Estimate | None
    """The share it has among its first five classes; None where there are no more than five."""
    hits: int
    named: Labels
    excluded: str
    """Why it must not be heard; empty when it may."""
    calibration: Mapping[str, Estimate]
    """By row of `Case.calibration`."""
    blind: bool | None = None
    """Whether it names records whose contrast is gone to the eye; None for tables."""
    stretched: Estimate | None = None
    """`rate` once the reconstructions' contrast is stretched to that of a real record, as anyone may do; None for tables."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.judge.name,
            "family": self.judge.family,
            "real_accuracy": self.real.accuracy.to_dict(),
            "real_records": self.real.on,
            "rate": self.rate.to_dict(),
            "top_five": self.top.to_dict() if self.top else None,
            "top_class": self.named.tolist(),
            "excluded": self.excluded,
            "contrast_blind": self.blind,
            "rate_stretched": self.stretched.to_dict() if self.stretched else None,
        }


def learnt(data: AttackData, case: Case, bounds: Bounds) -> tuple[FloatArray, Labels]:
    """(n, features) units and labels of the evaluation records that judges learn from: those of the classes attacked, and
    of very many a sample that is the same for every attack.
    """
    assert data.evaluation is not None
    return _some(data.evaluation, case, bounds, judges.MOST_RECORDS)


def ask(data: AttackData, case: Case, bounds: Bounds, shape: Shape | None) -> list[Opinion]:
    """Train the judges on the evaluation records and hear each of them, the unfit too, with the reason."""
    units, labels = learnt(data, case, bounds)
    panel = judges.panel_of(units, labels, shape)
    asked = _some(data.members, case, bounds, _MOST_ASKED)
    real = calibration.knowledge(panel, units, labels, asked, shape)
    return [_hear(judge, case, known, shape) for judge, known in zip(panel, real, strict=True)]


def _hear(judge: judges.Judge, case: Case, real: Known, shape: Shape | None) -> Opinion:
    rows = {row: judge.rate(*shown) for row, shown in case.calibration.items()}
    named, n = judge.names(case.reconstructed), len(case.labels)
    hits, near = int((named == case.labels).sum()), judge.ranks(case.reconstructed, case.labels) <= TOP
    return Opinion(
        judge=judge,
        real=real,
        rate=clopper_pearson(hits, n),
        top=clopper_pearson(int(near.sum()), n) if n > TOP else None,
        hits=hits,
        named=named,
        excluded=calibration.excluded(real.accuracy, rows[_SHIFTED], 1 / n),
        calibration=rows,
        **(_contrast(judge, case) if shape else {}),
    )


def _contrast(judge: judges.Judge, case: Case) -> dict[str, Any]:
    faded = judge.hits(contrasts.faded(case.real), case.labels)
    stretched = contrasts.stretched(case.reconstructed, case.usual_contrast)
    return {
        "blind": contrasts.blind(judge.hits(case.real, case.labels), faded),
        "stretched": judge.rate(stretched, case.labels),
    }


def _some(records: Records, case: Case, bounds: Bounds, most: int) -> tuple[FloatArray, Labels]:
    """(n, features) units and labels of the records whose classes are judged, or of a sample that keeps every class."""
    known = np.flatnonzero(np.isin(records.labels, case.labels))
    if len(known) > most:
        known = known[judges.sample(records.labels[known], most, np.random.default_rng(_CHOICE))]
    return _units(bounds, records.features[known]), records.labels[known]


def _units(bounds: Bounds, features: Features) -> FloatArray:
    return bounds.to_units(features).reshape(len(features), -1)
