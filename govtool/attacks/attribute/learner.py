"""How well can it be inferred from records alone? Gradient-boosted trees and logistic regression, voting.

Both the imputation without the target and the one with it are learnt here, so that a difference between them is what the
target adds and not a better learner. Trees do well on many records, the regression on few.
"""

import warnings
from collections.abc import Callable

import numpy as np

from govtool.attacks.interface import Features, FloatArray, Labels
from govtool.errors import MissingExtraError

_FOLDS = 3
_ROUNDS = 150
_RATE = 0.08
_LEAF = 10
_MANY = 1000
"""Records from which a tenth is held out to stop the boosting early."""

Predict = Callable[[FloatArray | Features], FloatArray]
"""(n, d) inputs to (n, values) probabilities."""


def fit(inputs: FloatArray | Features, codes: Labels, values: int, seed: int = 0) -> Predict:
    """Learn to infer (m,) codes below `values` from (m, d) inputs. The same inputs and seed give the same learner.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "attribute inference") from error

    seen = np.unique(codes)
    if len(seen) == 1:
        return lambda rows: np.tile(np.eye(values)[seen[0]], (len(rows), 1))
    early = len(codes) >= _MANY and int(np.bincount(codes)[seen].min()) > 1
    trees = HistGradientBoostingClassifier(
        max_iter=_ROUNDS if early else _ROUNDS // 3,
        learning_rate=_RATE,
        min_samples_leaf=_LEAF,
        early_stopping=early,
        random_state=seed,
    )
    line = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a regression that has not quite converged still votes
        voters = [voter.fit(inputs, codes) for voter in (trees, line)]

    def predict(rows: FloatArray | Features) -> FloatArray:
        found = np.zeros((len(rows), values))
        found[:, seen] = np.mean([voter.predict_proba(rows) for voter in voters], axis=0)
        return found

    return predict


def cross_fitted(inputs: FloatArray, codes: Labels, values: int, rng: np.random.Generator) -> FloatArray:
    """(m, values) probabilities of each record by a learner that has not seen it, for training something on top."""
    fold = rng.permutation(len(codes)) % _FOLDS
    found = np.zeros((len(codes), values))
    for held in range(_FOLDS):
        outside = fold == held
        found[outside] = fit(inputs[~outside], codes[~outside], values)(inputs[outside])
    return found
