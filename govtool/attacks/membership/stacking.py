"""Learning on mock worlds how to put several membership scores together, and whether that beats the best of them.

A stack is trained on references that posed as the target, and judged on pairs that it was not trained on. It is used only
where it is at least as good there as every single score; so the target's membership plays no part in any choice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks import statistics
from govtool.attacks.interface import FloatArray, Mask
from govtool.errors import MissingExtraError

STACKS = ("logistic", "boosted", "blend")
LOW_RATE = 0.01
"""The rate of false positives at which, beside the AUC, scores are compared."""

_MOST_ROWS = 60_000
_CLIP = 8.0


@dataclass(frozen=True)
class Examples:
    """One mock: what its records score, (records, features), which it was trained on, and its pair."""

    features: FloatArray
    members: Mask
    pair: int


@dataclass(frozen=True)
class Merit:
    """What a score is worth on mocks, on the mean."""

    auc: float
    tpr: float

    @property
    def total(self) -> float:
        return self.auc + self.tpr


@dataclass(frozen=True)
class Choice:
    """The winner on mocks: how it scores features, what it scored on mocks outside its training, and everybody's merit."""

    name: str
    score: Callable[[FloatArray], FloatArray]
    mock_scores: Sequence[tuple[FloatArray, Mask]]
    merits: Mapping[str, Merit]


def choose(
    mocks: Sequence[Examples], singles: Sequence[str], untried: str, rng: np.random.Generator, *, certain: bool = True
) -> Choice:
    """The best on mocks of the single scores, named in the order of their columns, and of the stacks.

    With fewer than two pairs no stack can be judged on a pair it was not trained on, and none is tried. Without any mock
    nothing can be judged, and `untried` is taken; so it is where the target is unlike the mocks (not `certain`).
    """
    scorers: dict[str, Callable[[FloatArray], FloatArray]] = {name: _column(at) for at, name in enumerate(singles)}
    if not mocks:
        return Choice(untried, scorers[untried], [], {})
    scored = {name: [(scorers[name](mock.features), mock.members) for mock in mocks] for name in singles}
    if len({mock.pair for mock in mocks}) > 1:
        scored |= _out_of_pair(mocks, rng)
        scorers |= _stacks(mocks, rng)
    merits = {name: _merit(found) for name, found in scored.items()}
    best = max(merits, key=lambda name: merits[name].total) if certain else untried
    return Choice(best, scorers[best], scored[best], merits)


def _column(index: int) -> Callable[[FloatArray], FloatArray]:
    return lambda features: features[:, index]


def _merit(scored: Sequence[tuple[FloatArray, Mask]]) -> Merit:
    areas, rates = [], []
    for scores, members in scored:
        curve = statistics.roc(scores, members)
        areas.append(statistics.auc_value(scores, members))
        allowed = int(LOW_RATE * curve.nonmembers + 1e-9)
        rates.append(float(curve.tpr[np.searchsorted(curve.false_positives, allowed, side="right") - 1]))
    return Merit(float(np.mean(areas)), float(np.mean(rates)))


def _out_of_pair(mocks: Sequence[Examples], rng: np.random.Generator) -> dict[str, list[tuple[FloatArray, Mask]]]:
    """Each mock scored by stacks that were trained on the other pairs."""
    found: dict[str, list[tuple[FloatArray, Mask]]] = {}
    for pair in sorted({mock.pair for mock in mocks}):
        fitted = _stacks([mock for mock in mocks if mock.pair != pair], rng)
        for mock in mocks:
            if mock.pair == pair:
                for name, score in fitted.items():
                    found.setdefault(name, []).append((score(mock.features), mock.members))
    return found


def _stacks(mocks: Sequence[Examples], rng: np.random.Generator) -> dict[str, Callable[[FloatArray], FloatArray]]:
    """Logistic regression, boosted trees, and the mean of their log odds."""
    features = np.concatenate([mock.features for mock in mocks])
    members = np.concatenate([mock.members for mock in mocks])
    if len(members) > _MOST_ROWS:
        rows = rng.choice(len(members), _MOST_ROWS, replace=False)
        features, members = features[rows], members[rows]
    line = _linear(features, members)
    trees = _boosted(features, members, int(rng.integers(2**31)))
    return {
        "logistic": line,
        "boosted": trees,
        "blend": lambda asked: (line(asked) + trees(asked)) / 2,
    }


def _linear(features: FloatArray, members: Mask) -> Callable[[FloatArray], FloatArray]:
    """On standardised scores and their squares, clipped at eight deviations and at what was seen in training.

    A likelihood ratio has long tails, and a square turns up again on the other side.
    """
    from sklearn.linear_model import LogisticRegression

    middle, spread = features.mean(axis=0), features.std(axis=0)
    lowest, highest, spread = features.min(axis=0), features.max(axis=0), np.where(spread > 0, spread, 1.0)

    def inputs(asked: FloatArray) -> FloatArray:
        scaled = np.clip((np.clip(asked, lowest, highest) - middle) / spread, -_CLIP, _CLIP)
        return np.hstack([scaled, scaled**2])

    model = LogisticRegression(C=1.0, max_iter=500, tol=1e-3).fit(inputs(features), members)
    return lambda asked: np.asarray(model.decision_function(inputs(asked)), dtype=np.float64)


def _boosted(features: FloatArray, members: Mask, seed: int) -> Callable[[FloatArray], FloatArray]:
    model = _trees(seed, len(members)).fit(features, members)
    return lambda asked: np.asarray(model.decision_function(asked), dtype=np.float64)


def _trees(seed: int, rows: int) -> Any:
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "the combined attack") from error
    return HistGradientBoostingClassifier(
        max_iter=80,
        learning_rate=0.08,
        max_leaf_nodes=12,
        min_samples_leaf=max(10, rows // 1000),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )


def ranked(merits: Mapping[str, Merit]) -> list[dict[str, Any]]:
    """For the record: each candidate's merit on mocks, best first."""
    order: NDArray[np.int64] = np.argsort([-merit.total for merit in merits.values()], kind="stable")
    names = list(merits)
    return [
        {"name": names[i], "mock_auc": merits[names[i]].auc, "mock_tpr": merits[names[i]].tpr} for i in order.tolist()
    ]
