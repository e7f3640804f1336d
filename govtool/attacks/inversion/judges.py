"""Who says whether a reconstruction shows its class: a panel of classifiers that never met the target.

One judge is not enough: on identical images the success of an attack ran from 15 to 100 % by choice of the judge. The
target's own confidence is none at all. Judges are of different families and are trained on records the target never saw.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import FloatArray, Labels
from govtool.attacks.inversion.question import Shape
from govtool.estimate import Estimate, clopper_pearson

ACCURATE = 0.80
"""A judge must name at least this share of real records."""
SHIFTED = 3.0
"""A judge that finds label-shifted reconstructions right more often than this many times chance is seeing things."""
_MOST_PLAIN = 500  # features beyond which linear discriminants see principal components
_MOST_RECORDS = 6000  # for the support vector machine, whose cost grows with the square
_ORIENTATIONS = 8
FOLDS = 3

Name = Callable[[FloatArray], Labels]


@dataclass(frozen=True)
class Judge:
    """A trained classifier: `names` maps (n, features) in range units to (n,) classes."""

    name: str
    family: str
    names: Name

    def hits(self, units: FloatArray, labels: Labels) -> int:
        return int(np.sum(self.names(units) == labels))

    def rate(self, units: FloatArray, labels: Labels) -> Estimate:
        """The share of rows it gives the wanted label, with its exact interval."""
        return clopper_pearson(self.hits(units, labels), len(labels))


def train_panel(units: FloatArray, labels: Labels, shape: Shape | None, rng: np.random.Generator) -> list[Judge]:
    """Three judges of three families from (n, features) records in range units and their (n,) labels."""
    if shape is None:
        return [_linear(units, labels), _nearest(units, labels), _kernel(units, labels, rng)]
    return [_linear(units, labels), _gradients(units, labels, shape), _kernel(*shifted(units, labels, shape), rng)]


def held_out_accuracy(
    units: FloatArray, labels: Labels, shape: Shape | None, rng: np.random.Generator
) -> list[Estimate]:
    """Each judge's accuracy on records that it did not learn from: `FOLDS` panels, each asked about the fold left out.

    Measured on the evaluation records and not on the target's training records, whose labels may be wrong: a model can
    be made to memorise wrong labels, and that says nothing about the judge.
    """
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
    hits = [
        [judge.hits(units[asked], labels[asked]) for judge in train_panel(units[learned], labels[learned], shape, rng)]
        for learned, asked in folds.split(units, labels)
    ]
    return [clopper_pearson(sum(of_judge), len(labels)) for of_judge in zip(*hits, strict=True)]


def excluded(real: Estimate, shifted_rate: Estimate, chance: float) -> str:
    """Why a judge must not be heard; empty when it may."""
    if real.value < ACCURATE:
        return f"names only {real.value:.0%} of real records (at least {ACCURATE:.0%} wanted)"
    if shifted_rate.value > SHIFTED * chance:
        return f"finds the wrong label in {shifted_rate.value:.0%} of reconstructions (chance {chance:.0%})"
    return ""


def shifted(units: FloatArray, labels: Labels, shape: Shape) -> tuple[FloatArray, Labels]:
    """The records and copies moved by one pixel each way: an attack does not centre what it draws."""
    pictures = units.reshape(-1, *shape)
    padded = np.pad(pictures, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    _, height, width = shape
    moves = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    copies = [padded[..., top : top + height, left : left + width].reshape(len(units), -1) for top, left in moves]
    return np.concatenate(copies), np.tile(labels, len(moves))


def gradient_features(units: FloatArray, shape: Shape) -> FloatArray:
    """Histograms of gradient directions over about 16 cells (after Dalal & Triggs 2005), unit length; channels averaged."""
    pictures = units.reshape(-1, *shape).mean(axis=1)
    down, across = np.gradient(pictures, axis=1), np.gradient(pictures, axis=2)
    strength = np.hypot(down, across)
    direction = np.floor((np.arctan2(down, across) + np.pi) / (2 * np.pi) * _ORIENTATIONS).astype(int) % _ORIENTATIONS
    rows, columns = (np.array_split(np.arange(side), min(4, side)) for side in shape[1:])
    cells = [
        np.stack(
            [np.where(direction == d, strength, 0)[:, r][:, :, c].sum(axis=(1, 2)) for d in range(_ORIENTATIONS)],
            axis=1,
        )
        for r in rows
        for c in columns
    ]
    features = np.hstack(cells)
    return np.asarray(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9), dtype=np.float64)


def _linear(units: FloatArray, labels: Labels) -> Judge:
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline

    model: Any = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    if units.shape[1] > _MOST_PLAIN:
        model = make_pipeline(PCA(min(100, len(units) - 1), svd_solver="full"), model)
    return Judge("lda", "shrinkage linear discriminant analysis", _predictor(model.fit(units, labels)))


def _nearest(units: FloatArray, labels: Labels) -> Judge:
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), KNeighborsClassifier(min(5, int(np.bincount(labels)[labels].min()))))
    return Judge("neighbours", "nearest neighbours", _predictor(model.fit(units, labels)))


def _gradients(units: FloatArray, labels: Labels, shape: Shape) -> Judge:
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(min(3, int(np.bincount(labels)[labels].min())))
    model.fit(gradient_features(units, shape), labels)
    name = _predictor(model)
    return Judge(
        "gradients", "nearest neighbours on gradient directions", lambda rows: name(gradient_features(rows, shape))
    )


def _kernel(units: FloatArray, labels: Labels, rng: np.random.Generator) -> Judge:
    from sklearn.svm import SVC

    chosen: NDArray[Any] = np.arange(len(labels))
    if len(labels) > _MOST_RECORDS:
        chosen = np.sort(rng.choice(len(labels), _MOST_RECORDS, replace=False))
    model = SVC(C=10.0, gamma="scale").fit(units[chosen], labels[chosen])
    return Judge("svm", "support vector machine, radial kernel", _predictor(model))


def _predictor(model: Any) -> Name:
    return lambda units: np.asarray(model.predict(units), dtype=np.int64)
