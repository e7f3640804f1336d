"""The positive control of a regression: a model that certainly learnt its records by heart."""

import numpy as np

from govtool import runtime
from govtool.access import Access
from govtool.attacks.interface import AttackData, References
from govtool.audits import control
from govtool.audits.regression.asked import Asked
from govtool.audits.regression.residuals import YES, ResidualTarget
from govtool.audits.regression.training import RegressionRecipe
from govtool.audits.targets import base
from govtool.audits.training import estimators

_TREES = 20


def plan(data: AttackData, seed: int) -> control.Plan:
    """A random half. No labels are exchanged: trees that are not pruned know their own to the last digit."""
    count = len(data.labels)
    inside = np.zeros(count, dtype=bool)
    inside[runtime.rng(seed, "positive-control").permutation(count)[: count // 2]] = True
    return control.Plan(inside, data.labels)


def train_control(
    planned: control.Plan,
    data: AttackData,
    scale: float,
    access: frozenset[Access],
    seed: int,
    references: References | None,
) -> control.Control:
    """Unpruned trees on half of the audited records; `references` hold the records in the plan's order.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    recipe = RegressionRecipe(
        estimator="sklearn.ensemble.ExtraTreesRegressor", params={"n_estimators": _TREES}, residual_scale=scale
    )
    inside = data.features[planned.inside]
    forest = estimators.train_regression(recipe, inside[:, :-1], inside[:, -1].astype(np.float64), seed)
    target = ResidualTarget(Asked(forest.predict), scale)
    how = f"{_TREES} unpruned trees trained on a random half of the audited records, which they know by heart"
    learnt = float((target.labels(inside) == YES).mean())
    split = control.split(data, data.features, planned, references)
    return control.Control(base.Exposed(target, access & target.access), split, how, learnt)
