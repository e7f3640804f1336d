"""How like the training records of their class reconstructions are, beside what needs no model at all.

A figure of 20 dB sounds like much and may be nothing: on aligned faces another photo of the same person reaches 21 dB, and
the mean of everybody 17. So each measure stands beside the same measure of three things that cost no attack: the mean of
all records, the mean of the other records of the class, and the nearest other record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.attacks.interface import FloatArray, Labels
from govtool.attacks.inversion import over_classes
from govtool.attacks.inversion.judges import Judge
from govtool.attacks.inversion.question import Shape
from govtool.attacks.inversion.similarity import psnr, ssim
from govtool.estimate import Estimate

OF_EACH = 20
"""Most training records of a class that are compared with."""
_IDENTICAL = 100.0
"""Decibels at which a comparison is cut off: no error at all has no finite figure, and would swallow any mean."""

RECONSTRUCTION = "the reconstruction"
EVERYBODY = "the mean of all training records"


@dataclass(frozen=True)
class Row:
    """One kind of picture compared with training records of its class: each measure's mean over classes."""

    row: str
    psnr: Estimate
    """Decibels, data range 1."""
    ssim: Estimate
    """Data range 1."""
    feature_distance: Estimate | None
    """1 less the cosine between features of the judge `cnn`, 0 to 2; None where that judge cannot be heard."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "psnr": self.psnr.to_dict(),
            "ssim": self.ssim.to_dict(),
            "feature_distance": self.feature_distance.to_dict() if self.feature_distance else None,
        }


@dataclass(frozen=True)
class Compared:
    """Training records, several of each class, in range units."""

    units: FloatArray
    """(n, features)."""
    numbers: Labels
    """(n,) the place of each record's class among those attacked."""

    def guesses(self, drawn: FloatArray) -> dict[str, FloatArray]:
        """What is held against each record: (n, features) rows by name. `drawn` is (classes, features)."""
        from scipy.spatial.distance import cdist

        sums = np.stack([self.units[self.numbers == number].sum(axis=0) for number in range(len(drawn))])
        counts = np.bincount(self.numbers, minlength=len(drawn)).astype(np.float64)[:, None]
        others = np.maximum(counts[self.numbers] - 1, 1)
        apart = cdist(self.units, self.units, "sqeuclidean")
        np.fill_diagonal(apart, np.inf)
        found = {
            RECONSTRUCTION: drawn[self.numbers],
            EVERYBODY: np.broadcast_to(self.units.mean(axis=0), self.units.shape),
            "the mean of the other records of the class": (sums[self.numbers] - self.units) / others,
            "the nearest other training record": self.units[apart.argmin(axis=1)],
        }
        if counts.min() < 2:  # noqa: PLR2004 - a class of one record has no others
            del found["the mean of the other records of the class"]
        return found


def table(
    drawn: FloatArray, compared: Compared, shape: Shape, judges: Sequence[Judge], rng: np.random.Generator
) -> list[Row]:
    """Each kind of guess against the records, averaged within classes, with intervals over classes."""
    cnn = next((judge for judge in judges if judge.name == "cnn"), None)
    rows = []
    for name, guess in compared.guesses(drawn).items():
        decibels = np.minimum(psnr(guess, compared.units), _IDENTICAL)
        apart = _feature_distance(cnn, guess, compared.units) if cnn else None
        rows.append(
            Row(
                row=name,
                psnr=_over_classes(decibels, compared.numbers, rng),
                ssim=_over_classes(ssim(guess, compared.units, shape), compared.numbers, rng),
                feature_distance=None if apart is None else _over_classes(apart, compared.numbers, rng),
            )
        )
    return rows


def ssim_gain(drawn: FloatArray, compared: Compared, shape: Shape, rng: np.random.Generator) -> Estimate:
    """How much more like the records of its class a drawing is, by SSIM, than the mean of everybody: paired, over classes.

    Below zero, judges may name it all the same: what it holds of its class is then read by machines, and not by the eye.
    (Seen on faces drawn from a convolutional net: 88 % named, -0.1 in SSIM, and nothing but blotches to look at.)
    """
    own, everybody = (
        ssim(compared.guesses(drawn)[name], compared.units, shape) for name in (RECONSTRUCTION, EVERYBODY)
    )
    return _over_classes(own - everybody, compared.numbers, rng)


def _feature_distance(judge: Judge, left: FloatArray, right: FloatArray) -> FloatArray:
    assert judge.features is not None
    one, other = judge.features(left), judge.features(right)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray(1 - (one * other).sum(axis=1) / np.maximum(lengths, 1e-12), dtype=np.float64)


def _over_classes(values: FloatArray, numbers: Labels, rng: np.random.Generator) -> Estimate:
    of_class = np.bincount(numbers, values) / np.bincount(numbers)
    return over_classes.mean(of_class, rng)
