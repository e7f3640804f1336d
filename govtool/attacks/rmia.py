"""Membership by likelihood ratios against reference models and population records.

Zarifzadeh, Liu & Shokri, 'Low-Cost High-Power Membership Inference Attacks' (ICML 2024, arXiv 2312.03262): record x is a
member if p(x | target) / p(x) is larger than the same ratio of most records z that nobody trained on. With one set of z
the test is monotone in x's own ratio, so the ROC curve is drawn from that ratio, which has no ties; the share of z that x
beats, the calibrated score, is stored beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.attacks import membership, signals, statistics
from govtool.attacks.interface import (
    AttackData,
    FloatArray,
    Labels,
    Mask,
    NotTestable,
    Outcome,
    Records,
    References,
    Target,
)
from govtool.errors import InputError

NAME = "rmia"
FEWEST_REFERENCES = 4
"""Two pairs: one pair to stand in for the target, one to be its references."""

_MOST_MOCKS = 8
_A_GRID = tuple(step / 10 for step in range(11))
_GAMMA = 1.0
_MODES = ("online", "offline")


@dataclass(frozen=True)
class World:
    """One model under attack, with the references an attacker holds. All values are log probabilities of own labels."""

    target: FloatArray
    """(records,)"""
    references: FloatArray
    """(references, records)"""
    members: Mask
    """(references, records): was the record in the reference's training set?"""

    @property
    def out(self) -> FloatArray:
        """(records,) log of the mean probability over the references that did not train on the record."""
        return _log_mean(self.references, ~self.members)


def log_ratio(world: World, *, online: bool, a: float) -> FloatArray:
    """(records,) log of p(x | target) / p(x), equation 3 of the paper.

    Online, p(x) is the mean over references with and without x. Offline only those without are used, and those with x
    are taken to answer a * p_out + (1 - a), so p(x) = ((1 + a) p_out + (1 - a)) / 2.
    """
    if online:
        normaliser = np.logaddexp(world.out, _log_mean(world.references, world.members)) - np.log(2)
    else:
        normaliser = _offline_normaliser(world.out, a)
    return np.asarray(world.target - normaliser, dtype=np.float64)


def calibrated(ratios: FloatArray, population_ratios: FloatArray, gamma: float = _GAMMA) -> FloatArray:
    """(n,) share of the (m,) population records that each record beats by a factor gamma. Both in logs; O((n + m) log m)."""
    beaten = np.searchsorted(np.sort(population_ratios), ratios - np.log(gamma), side="right")
    return np.asarray(beaten / len(population_ratios), dtype=np.float64)


def mock_worlds(references: References) -> list[tuple[World, Mask]]:
    """References posing as the target, each with its own membership.

    A reference's complement is left out with it: its mask would give away the mock's, which no target's does.
    """
    scores = np.maximum(references.log_probabilities, signals.FLOOR)
    worlds = []
    for mock in range(min(references.count, _MOST_MOCKS)):
        inside = references.members[mock]
        twins = np.flatnonzero((references.members == ~inside).all(axis=1))
        kept = np.setdiff1d(np.arange(references.count), [mock, *twins[:1]])
        world = World(scores[mock], scores[kept], references.members[kept])
        if _covered(world.members, online=False):
            worlds.append((world, inside))
    return worlds


def tune_a(worlds: list[tuple[World, Mask]]) -> float:
    """The a with the highest mean AUC over mock targets. The target's own membership is never looked at."""
    return max(
        _A_GRID,
        key=lambda a: float(
            np.mean([statistics.auc_value(log_ratio(world, online=False, a=a), mask) for world, mask in worlds])
        ),
    )


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Attack with the references and population in `data`. `params`: "mode" ("online" or "offline"), "gamma".

    Raises:
        WorkError: the target's answers are not log probabilities.
        InputError: unknown mode, or the reference arrays do not fit the records.
    """
    if (obstacle := membership.obstacle(target, data) or _missing(data)) is not None:
        return obstacle
    assert data.references is not None
    assert data.population is not None
    references, online = data.references, _online(data.references, params)
    world = World(
        signals.label_log_probability(target.log_probabilities(data.features), data.labels),
        np.maximum(references.log_probabilities, signals.FLOOR),
        references.members,
    )
    worlds = [
        (mock, mask) for mock, mask in mock_worlds(references) if not online or _covered(mock.members, online=True)
    ]
    if not worlds:
        return NotTestable(
            "no reference model can pose as the target: the others do not cover every record with and without it"
        )
    a = tune_a(worlds)
    scores = log_ratio(world, online=online, a=a)
    threshold = float(
        np.median([statistics.best_threshold(log_ratio(mock, online=online, a=a), mask) for mock, mask in worlds])
    )
    gamma = float(params.get("gamma", _GAMMA))
    beaten = calibrated(scores, _population_ratios(target, data.population, references, a, rng), gamma)
    mode = _MODES[0] if online else _MODES[1]
    return membership.assess(
        attack=NAME,
        knowledge=_knowledge(references.count, len(data.population), online=online),
        data=data,
        scores=scores,
        threshold=membership.Threshold(
            threshold, f"median of the best thresholds of {len(worlds)} references posing as the target"
        ),
        params=params,
        rng=rng,
        arrays={"calibrated_scores": beaten},
        detail={"mode": mode, "a": a, "gamma": gamma, "mock_targets": len(worlds), "population": len(data.population)},
        caveats=_caveats(params, online=online),
    )


def _missing(data: AttackData) -> NotTestable | None:
    if data.references is None or data.references.count < FEWEST_REFERENCES:
        held = data.references.count if data.references else 0
        return NotTestable(f"the attack needs at least {FEWEST_REFERENCES} reference models and has {held}")
    if data.population is None or len(data.population) == 0:
        return NotTestable("the attack needs population records that nobody trained on, and has none")
    if not _covered(data.references.members, online=False):
        return NotTestable(
            "some record was in every reference model's training set, so nothing says how unseen it would score"
        )
    return None


def _online(references: References, params: Mapping[str, Any]) -> bool:
    mode = params.get("mode", _MODES[0])
    if mode not in _MODES:
        raise InputError(f"rmia: unknown mode {mode!r}", hint=f"use one of: {', '.join(_MODES)}")
    return mode == _MODES[0] and _covered(references.members, online=True)


def _covered(members: Mask, *, online: bool) -> bool:
    """Is every record out of some reference and, online, in some other?"""
    return bool((~members).any(axis=0).all() and (not online or members.any(axis=0).all()))


def _population_ratios(
    target: Target, population: Records, references: References, a: float, rng: np.random.Generator
) -> FloatArray:
    """(m,) log ratios of the population, averaged like the audited records'.

    No reference trained on z, so each z borrows the mask of a random audited record and its mean runs over as many
    references; a longer mean would raise log p(z) systematically. What references with z would say is p_out by the
    offline formula in either mode.
    """
    borrowed: Labels = rng.integers(references.members.shape[1], size=len(population))
    world = World(
        signals.label_log_probability(target.log_probabilities(population.features), population.labels),
        np.maximum(references.population_log_probabilities, signals.FLOOR),
        references.members[:, borrowed],
    )
    return log_ratio(world, online=False, a=a)


def _offline_normaliser(out: FloatArray, a: float) -> FloatArray:
    seen = np.log1p(-a) if a < 1 else -np.inf
    return np.asarray(np.logaddexp(np.log1p(a) + out, seen) - np.log(2), dtype=np.float64)


def _log_mean(values: FloatArray, chosen: Mask) -> FloatArray:
    from scipy.special import logsumexp

    total = logsumexp(np.where(chosen, values, -np.inf), axis=0)
    return np.asarray(total - np.log(chosen.sum(axis=0)), dtype=np.float64)


def _knowledge(references: int, population: int, *, online: bool) -> str:
    trained = (
        "trained on similar data with and without each record"
        if online
        else "trained on similar data without each record"
    )
    return (
        f"The attacker can query the model, sees full probabilities, holds {references} reference models {trained}, and "
        f"{population} similar records that nobody trained on."
    )


def _caveats(params: Mapping[str, Any], *, online: bool) -> list[str]:
    if online or params.get("mode") == _MODES[1]:
        return []
    return ["Some record was in no reference model's training set, so the offline form of the attack was run."]
