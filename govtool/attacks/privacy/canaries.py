"""Canaries: records that a model can only know by having been trained on them, each included by its own fair coin."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import Canaries, Features, Labels, Mask, Records
from govtool.errors import InputError

Kind = Literal["mislabelled", "random_label", "out_of_distribution"]
KINDS: dict[str, str] = {
    "mislabelled": "records taken out of the training data, each with a wrong label",
    "random_label": "records taken out of the training data, each with a label drawn at random",
    "out_of_distribution": "made-up records whose features do not belong together, with random labels",
}
FEWEST = 10


@dataclass(frozen=True)
class Planted:
    """Canaries with their coins, and which rows of the training data were taken out to make them."""

    canaries: Canaries
    removed: NDArray[np.int64]


def plant(kind: str, training: Records, count: int, rng: np.random.Generator) -> Planted:
    """Draw `count` canaries and a fair coin for each. `rng` must come from entropy that nobody chose.

    Rows of the training data that become canaries leave it, whatever their coin says, so that no canary stands beside its
    own original; rows that have a double are not taken.

    Raises:
        InputError: too few canaries or records, fewer than two classes, an unknown kind, or a coin toss all of one side.
    """
    classes = np.unique(training.labels)
    if kind not in KINDS:
        raise InputError(f"unknown kind of canary {kind!r}", hint=f"known: {', '.join(KINDS)}")
    if count < FEWEST:
        raise InputError(f"{count} canaries show nothing; at least {FEWEST} are needed", hint="200 is a fair start")
    if len(classes) < 2:  # noqa: PLR2004
        raise InputError("canaries need at least two classes in the training data")
    removed: NDArray[np.int64] = np.empty(0, dtype=np.int64)
    if kind == "out_of_distribution":
        features, labels = _made_up(training, count, classes, rng)
    else:
        removed = _single(training.features, count, rng)
        features = training.features[removed]
        labels = _relabelled(kind, training.labels[removed], classes, rng)
    included = rng.integers(2, size=count).astype(np.bool_)
    return Planted(Canaries(Records(features, labels), included, "fair_coin"), removed)


def training_set(planted: Planted, training: Records, rng: np.random.Generator) -> tuple[Records, NDArray[np.int64]]:
    """What to train on: the rest of the training data and the included canaries, shuffled; and where each row came from.

    The second is (n,) row numbers of `training`, and -1 - i for canary i.
    """
    kept = np.setdiff1d(np.arange(len(training)), planted.removed)
    inside = np.flatnonzero(planted.canaries.included)
    origin = np.concatenate([kept, -1 - inside]).astype(np.int64)
    features = np.concatenate([training.features[kept], planted.canaries.records.features[inside]])
    labels = np.concatenate([training.labels[kept], planted.canaries.records.labels[inside]])
    order = rng.permutation(len(origin))
    return Records(features[order], labels[order]), origin[order]


def _relabelled(kind: str, labels: Labels, classes: Labels, rng: np.random.Generator) -> Labels:
    if kind == "random_label":
        return rng.choice(classes, size=len(labels))
    position = np.searchsorted(classes, labels)
    return np.asarray(classes[(position + rng.integers(1, len(classes), size=len(labels))) % len(classes)])


def _made_up(training: Records, count: int, classes: Labels, rng: np.random.Generator) -> tuple[Features, Labels]:
    """Each feature from another record, so that every value is possible and no combination is."""
    rows = rng.integers(len(training), size=(count, training.features.shape[1]))
    features = training.features[rows, np.arange(training.features.shape[1])]
    if len(np.unique(features, axis=0)) < count or _seen(features, training.features).any():
        raise InputError(
            "made-up records repeat each other or real ones: there are too few features or values",
            hint="use --kind mislabelled",
        )
    return features, rng.choice(classes, size=count)


def _single(features: Features, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Random rows that occur once only."""
    _unique, inverse, times = np.unique(features, axis=0, return_inverse=True, return_counts=True)
    single = np.flatnonzero(times[inverse.ravel()] == 1)
    if len(single) < 2 * count:
        raise InputError(
            f"{count} canaries would take more than half of the {len(single)} records that have no double",
            hint="fewer canaries, or --kind out_of_distribution",
        )
    return np.sort(rng.choice(single, size=count, replace=False)).astype(np.int64)


def _seen(features: Features, others: Features) -> Mask:
    return np.isin(_rows(features), _rows(others))


def _rows(features: Features) -> NDArray[Any]:
    plain = np.ascontiguousarray(features + np.float32(0), dtype="<f4")
    return plain.view(np.dtype((np.void, plain.shape[1] * 4))).ravel()
