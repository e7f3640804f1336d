"""Is the model surer of the record than of all but few records like it? Needs no reference model.

Bertran, Tang, Kearns, Morgenstern, Roth & Wu, 'Scalable Membership Inference Attacks via Quantile Regression' (NeurIPS
2023, arXiv 2307.03694): a regressor learns, from records that nobody trained on, which scores to expect of a record with
such features; a member exceeds them. It is never asked about a record that it has learnt from.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.attacks.interface import AttackData, Features, FloatArray, Labels, NotTestable, Outcome, Records, Target
from govtool.attacks.membership import answers, assembly, people, worlds
from govtool.errors import MissingExtraError

NAME = "quantile"
MIDDLE, UPPER = 0.5, 0.9
FEWEST = 50
"""Records to learn quantiles from."""

_FOLDS = 5
_TINY = 1e-3


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Score by phi, from the median expected of such a record, in units of how far the 90 % quantile lies above it.

    Learnt from the population; without one from the non-members in folds, every record, member or not, being scored by
    the regressor of a fold that it is not in.

    Raises:
        WorkError: the target's answers are not log probabilities.
        MissingExtraError: scikit-learn is not installed.
    """
    if (obstacle := assembly.obstacle(target, data)) is not None:
        return obstacle
    asked = answers.asked(target, data, params)
    outside = data.population if asked.population and len(data.population or ()) >= FEWEST else None
    others = len(np.unique(_owners(data)[~data.membership]))
    if outside is None and others < assembly.FEWEST:
        return NotTestable(
            f"without a population it learns from non-members, who are {others} people; at least {assembly.FEWEST} are needed"
        )
    seed, known = int(rng.integers(2**31)), asked.population.get("phi", np.empty(0))
    cap = worlds.largest_resolved(asked.audited["phi"], known)
    phi = np.clip(asked.audited["phi"], -cap, cap)
    if outside is not None:
        learnt = _regressors(outside, np.clip(known, -cap, cap), seed)
        scores = _excess(learnt, data.features, data.labels, phi)
    else:
        scores = _cross_fitted(phi, data, rng, seed)
    return assembly.assess(
        attack=NAME,
        knowledge=_knowledge(outside),
        data=data,
        scores=scores,
        threshold=assembly.Threshold(0.0, "the median score expected of such a record by the regression"),
        params=params,
        rng=rng,
        detail={"learnt_from": "population" if outside is not None else "non-members, in folds"},
        caveats=_caveats(outside),
    )


def _cross_fitted(phi: FloatArray, data: AttackData, rng: np.random.Generator, seed: int) -> FloatArray:
    """Members are dealt into the folds too, so that both groups are scored by regressors of one kind."""
    membership, fold = data.membership, _folds(data, rng)
    scores = np.empty(len(phi))
    features, labels = data.features, data.labels
    for own in range(_FOLDS):
        train, test = ~membership & (fold != own), fold == own
        learnt = _regressors(Records(features[train], labels[train]), phi[train], seed)
        scores[test] = _excess(learnt, features[test], labels[test], phi[test])
    return scores


def _folds(data: AttackData, rng: np.random.Generator) -> Labels:
    """(records,) all records of a person in one fold: a regressor that knows non-members' other records expects what they
    score, as it does of no member, and tells the two apart by its own training.
    """
    own, membership = _owners(data), data.membership
    inside = np.unique(own[membership])
    fold_of = np.empty(int(own.max()) + 1, dtype=np.int64)
    for group in (inside, np.setdiff1d(own, inside)):
        fold_of[rng.permutation(group)] = np.arange(len(group)) % _FOLDS
    return np.asarray(fold_of[own])


def _owners(data: AttackData) -> Labels:
    found = people.subjects(data)
    return np.arange(len(data.labels)) if found is None else found


def _regressors(records: Records, phi: FloatArray, seed: int) -> tuple[Any, Any]:
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "quantile regression") from error
    inputs = _inputs(records.features, records.labels)
    middle, upper = (
        HistGradientBoostingRegressor(
            loss="quantile",
            quantile=quantile,
            max_iter=60,
            max_leaf_nodes=15,
            min_samples_leaf=max(5, min(20, len(phi) // 20)),
            early_stopping=False,
            random_state=seed,
        ).fit(inputs, phi)
        for quantile in (MIDDLE, UPPER)
    )
    return middle, upper


def _excess(learnt: tuple[Any, Any], features: Features, labels: Labels, phi: FloatArray) -> FloatArray:
    inputs = _inputs(features, labels)
    middle, upper = (np.asarray(one.predict(inputs), dtype=np.float64) for one in learnt)
    return np.asarray((phi - middle) / np.maximum(upper - middle, _TINY), dtype=np.float64)


def _inputs(features: Features, labels: Labels) -> FloatArray:
    return np.column_stack([features.reshape(len(labels), -1), labels]).astype(np.float64)


def _knowledge(outside: Records | None) -> str:
    start = "The attacker can query the model, sees full probabilities, and has learnt what to expect from"
    if outside is not None:
        return f"{start} {len(outside)} similar records that were not trained on."
    return f"{start} the other non-members, whom only the auditor knows."


def _caveats(outside: Records | None) -> list[str]:
    found = [
        "What a record is expected to score is learnt from this model's answers about others, not from other models."
    ]
    if outside is None:
        found.append(
            "Without a population it was learnt from non-members, in folds, which no attacker could tell apart."
        )
    return found
