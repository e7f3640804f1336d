"""Who says whether a reconstruction shows its class: a panel of classifiers that never met the target.

One judge is not enough: on identical images the success of an attack ran from 15 to 100 % by choice of the judge. The
target's own confidence is none at all. Judges are of three families, which are fooled by different things, and are trained
on records the target never saw: learned features, linear discriminants on pixels, and directions of edges for pictures;
linear discriminants, neighbours and a kernel machine for tables.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.attacks.interface import FloatArray, Labels
from govtool.attacks.inversion import convolutional
from govtool.attacks.inversion.question import Shape
from govtool.estimate import Estimate, clopper_pearson

_MOST_PLAIN = 500  # features beyond which linear discriminants see principal components
_MOST_COMPONENTS = 100
MOST_RECORDS = 6000
"""To learn from: neighbours and kernels look at every record, for every record asked."""
_ORIENTATIONS = 8
_NEAREST = 3
_KEPT = 2  # panels in memory: those of the audit that is running

Read = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Judge:
    """A trained classifier of (n, features) rows in range units."""

    name: str
    family: str
    classes: Labels
    """(k,) the labels it can give, ascending."""
    scores: Read
    """(n, features) to (n, k): how much a row looks like each of `classes`, higher is more; comparable within a row only."""
    features: Read | None = None
    """(n, features) to (n, d): what it looks at; None where that is the row itself."""

    def names(self, units: FloatArray) -> Labels:
        """(n,): the class that each row looks most like."""
        return np.asarray(self.classes[self.scores(units).argmax(axis=1)], dtype=np.int64)

    def ranks(self, units: FloatArray, labels: Labels) -> Labels:
        """(n,): the place of the wanted class among all, 1 for the first. Classes that tie with it stand before it."""
        scores = self.scores(units)
        own = scores[np.arange(len(labels)), np.searchsorted(self.classes, labels)]
        return np.asarray((scores >= own[:, None]).sum(axis=1), dtype=np.int64)

    def hits(self, units: FloatArray, labels: Labels) -> int:
        return int(np.sum(self.names(units) == labels))

    def rate(self, units: FloatArray, labels: Labels) -> Estimate:
        """The share of rows it gives the wanted label, with its exact interval."""
        return clopper_pearson(self.hits(units, labels), len(labels))


def train_panel(units: FloatArray, labels: Labels, shape: Shape | None, seed: int = 0) -> list[Judge]:
    """Three judges of three families from (n, features) records in range units and their (n,) labels."""
    classes, numbers = np.unique(labels, return_inverse=True)
    if shape is None:
        return [_linear(units, numbers, classes), _nearest(units, numbers, classes), _kernel(units, numbers, classes)]
    learned = convolutional.train(units, numbers, shape, seed)
    return [
        Judge("cnn", "convolutional net with augmentation", classes, learned.scores, learned.features),
        _linear(units, numbers, classes),
        _gradients(units, numbers, classes, shape),
    ]


_panels: "OrderedDict[bytes, list[Judge]]" = OrderedDict()


def panel_of(units: FloatArray, labels: Labels, shape: Shape | None) -> list[Judge]:
    """The same as `train_panel`, trained once for all attacks of an audit and for their controls: before identical judges
    their rates can be compared.
    """
    content = hashlib.sha256(repr((units.shape, shape)).encode())
    content.update(np.ascontiguousarray(units, dtype=np.float64).tobytes())
    content.update(np.ascontiguousarray(labels, dtype=np.int64).tobytes())
    key = content.digest()
    if key not in _panels:
        _panels[key] = train_panel(units, labels, shape)
        while len(_panels) > _KEPT:
            _panels.popitem(last=False)
    _panels.move_to_end(key)
    return _panels[key]


def sample(labels: Labels, most: int, rng: np.random.Generator) -> Labels:
    """Which records to keep, ascending: three of every class, and others at random up to `most`."""
    order = rng.permutation(len(labels))
    place = np.empty(len(order), dtype=np.int64)  # of each record among those of its class, in that order
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        place[of_class] = np.arange(len(of_class))
    first = np.argsort(place[order] >= _NEAREST, kind="stable")
    return np.asarray(np.sort(order[first][:most]), dtype=np.int64)


def gradient_features(units: FloatArray, shape: Shape) -> FloatArray:
    """Histograms of gradient directions over about 16 cells (after Dalal & Triggs 2005), unit length; channels averaged."""
    pictures = units.reshape(-1, *shape).mean(axis=1)
    down, across = (np.gradient(pictures, axis=axis) if pictures.shape[axis] > 1 else 0 * pictures for axis in (1, 2))
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


def _linear(units: FloatArray, numbers: Labels, classes: Labels) -> Judge:
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline

    model: Any = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    if units.shape[1] > _MOST_PLAIN:
        model = make_pipeline(PCA(min(_MOST_COMPONENTS, len(units) - 1), svd_solver="full"), model)
    model.fit(units, numbers)
    return Judge("lda", "shrinkage linear discriminant analysis", classes, _decision(model))


def _nearest(units: FloatArray, numbers: Labels, classes: Labels) -> Judge:
    """By the mean distance to the nearest records of each class, so that every class has a place in the order."""
    mean, spread = units.mean(axis=0), units.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    near = _nearness((units - mean) / spread, numbers, min(_NEAREST, int(np.bincount(numbers).min())))
    return Judge("neighbours", "nearest neighbours", classes, lambda rows: near((rows - mean) / spread))


def _gradients(units: FloatArray, numbers: Labels, classes: Labels, shape: Shape) -> Judge:
    def seen(rows: FloatArray) -> FloatArray:
        return gradient_features(rows, shape)

    near = _nearness(seen(units), numbers, 1)
    family = "nearest neighbour on gradient directions"
    return Judge("gradients", family, classes, lambda rows: near(seen(rows)), seen)


def _kernel(units: FloatArray, numbers: Labels, classes: Labels) -> Judge:
    from sklearn.svm import SVC

    model = SVC(C=10.0, gamma="scale", decision_function_shape="ovr").fit(units, numbers)

    return Judge("svm", "support vector machine, radial kernel", classes, _decision(model))


def _decision(model: Any) -> Read:
    """scikit-learn's decision values as (n, classes), also where two classes share one number."""

    def scores(rows: FloatArray) -> FloatArray:
        found = np.asarray(model.decision_function(rows), dtype=np.float64)
        return np.stack([-found, found], axis=1) if found.ndim == 1 else found

    return scores


def _nearness(known: FloatArray, numbers: Labels, count: int) -> Read:
    """(n, d) rows to (n, classes): minus the mean distance to the `count` nearest of each class's known rows."""
    from scipy.spatial.distance import cdist

    of_class = [np.flatnonzero(numbers == number) for number in range(int(numbers.max()) + 1)]

    def near(rows: FloatArray) -> FloatArray:
        distance = cdist(rows, known)
        nearest = [np.sort(distance[:, chosen], axis=1)[:, :count].mean(axis=1) for chosen in of_class]
        return -np.stack(nearest, axis=1)

    return near
