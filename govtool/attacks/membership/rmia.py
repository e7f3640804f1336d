"""Membership by likelihood ratios against reference models and population records.

Zarifzadeh, Liu & Shokri, 'Low-Cost High-Power Membership Inference Attacks' (ICML 2024, arXiv 2312.03262): record x is a
member if p(x | target) / p(x) is larger than the same ratio of most records z that nobody trained on. With one set of z
the test is monotone in x's own ratio, so the ROC curve is drawn from that ratio, which has no ties; the share of z that x
beats, the calibrated score, is stored beside it.

p is the probability of the record's label at a temperature T: at 1 the model's own, at 2 that of its logits halved, less
crowded at certainty; beyond, the odds at 2 are flattened further. The temperature and the offline mixture are tuned on
references that pose as the target.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from govtool.attacks import signals, statistics, values
from govtool.attacks.interface import AttackData, FloatArray, Labels, Mask, Outcome, References, Target
from govtool.attacks.membership import answers, assembly, worlds
from govtool.attacks.membership.answers import Answers
from govtool.attacks.membership.worlds import Block, Mock, World

NAME = "rmia"

_A_GRID = tuple(step / 10 for step in range(11))
_TEMPERATURES = (1.0, 2.0, 3.0)
_GAMMA = 1.0
_MODES = ("online", "offline")


@dataclass(frozen=True)
class Tuned:
    """What was chosen on mock worlds. By default the temperature of the authors' code, and their a."""

    temperature: float = 2.0
    a: float = 0.3


def log_ratio(world: World, tuned: Tuned, *, online: bool) -> FloatArray:
    """(records,) log of p(x | target) / p(x), equation 3 of the paper.

    Online, p(x) is the mean over references with and without x. Offline only those without are used, and those with x
    are taken to answer a * p_out + (1 - a), so p(x) = ((1 + a) p_out + (1 - a)) / 2.
    """
    out = normaliser(world, tuned.temperature, inside=False)
    if online:
        within = normaliser(world, tuned.temperature, inside=True)
        return np.asarray(likelihood(world, tuned.temperature) - np.logaddexp(out, within) + np.log(2))
    return np.asarray(likelihood(world, tuned.temperature) - _mixed(out, tuned.a), dtype=np.float64)


def likelihood(world: World, temperature: float) -> FloatArray:
    """(records,) log p(x | target)."""
    reading, flattened = _odds(temperature)
    return log_sigmoid(world.read(reading) / flattened)


def normaliser(world: World, temperature: float, *, inside: bool) -> FloatArray:
    """(records,) log of the mean p(x) over the references with x, or without; where there are none, over all records'."""
    reading, flattened = _odds(temperature)

    def mean(block: Block) -> FloatArray:
        return _log_mean(log_sigmoid(block.references / flattened), block.inside if inside else block.outside)

    found = world.score(reading, mean)
    known = np.isfinite(found)
    if known.any() and not known.all():
        found = np.where(known, found, _log_mean(found[known, None], np.ones((int(known.sum()), 1), dtype=bool)))
    return found


def _odds(temperature: float) -> tuple[str, float]:
    """The reading of log odds that is nearest below the temperature, and what it is still to be divided by."""
    return ("warm_phi", temperature / signals.WARMTH) if temperature >= signals.WARMTH else ("phi", temperature)


def log_sigmoid(phi: FloatArray) -> FloatArray:
    return np.asarray(-np.logaddexp(0.0, -phi), dtype=np.float64)


def calibrated(ratios: FloatArray, population_ratios: FloatArray, gamma: float = _GAMMA) -> FloatArray:
    """(n,) share of the (m,) population records that each record beats by a factor gamma. Both in logs; O((n + m) log m)."""
    beaten = np.searchsorted(np.sort(population_ratios), ratios - np.log(gamma), side="right")
    return np.asarray(beaten / len(population_ratios), dtype=np.float64)


def tune(mocks: list[Mock], *, online: bool) -> Tuned:
    """Temperature and, offline, a with the highest mean AUC over mock targets. The target's membership is never looked at."""
    if not mocks:
        return Tuned()
    found: dict[Tuned, float] = {}
    for temperature in _TEMPERATURES:
        if online:
            options = [Tuned(temperature)]
            areas = [[_area(log_ratio(mock.world, options[0], online=True), mock.members)] for mock in mocks]
        else:
            options = [Tuned(temperature, a) for a in _A_GRID]
            areas = [_areas(mock, temperature) for mock in mocks]
        found.update(zip(options, np.mean(areas, axis=0).tolist(), strict=True))
    return max(found, key=lambda option: found[option])


def _areas(mock: Mock, temperature: float) -> list[float]:
    """The AUC for each a of the grid; the means over references are taken once."""
    own, out = likelihood(mock.world, temperature), normaliser(mock.world, temperature, inside=False)
    return [_area(own - _mixed(out, a), mock.members) for a in _A_GRID]


def _area(scores: FloatArray, members: Mask) -> float:
    return statistics.auc_value(scores, members)


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Attack with the references and population in `data`. `params`: "mode" ("online" or "offline"), "gamma".

    Two references are enough for a score; temperature, a and the threshold are tuned from four on.

    Raises:
        WorkError: the target's answers are not log probabilities.
        InputError: unknown mode, or the reference arrays do not fit the records.
    """
    if (obstacle := assembly.obstacle(target, data) or assembly.reference_obstacle(data, fewest=2)) is not None:
        return obstacle
    assert data.references is not None
    mode, gamma = check(params)
    references = data.references
    online = mode == _MODES[0] and worlds.covered(references.members, online=True)
    asked = answers.asked(target, data, params)
    world = worlds.real(asked, data)
    mocks = worlds.mocks(world, rng)
    tuned = tune(mocks, online=online)
    scores = log_ratio(world, tuned, online=online)
    mock_scores = [(log_ratio(mock.world, tuned, online=online), mock.members) for mock in mocks]
    population = population_ratios(world, asked, references, tuned, rng)
    return assembly.assess(
        attack=NAME,
        knowledge=assembly.reference_knowledge(references.count, online=online, population=len(population)),
        data=data,
        scores=scores,
        threshold=assembly.mock_threshold(data, mock_scores, mocks)
        or assembly.Threshold(0.0, "likelier than on average; untuned"),
        params=params,
        rng=rng,
        arrays={"calibrated_scores": calibrated(scores, population, gamma)} if len(population) else {},
        detail={
            "mode": _MODES[0] if online else _MODES[1],
            "a": None if online else tuned.a,
            "temperature": tuned.temperature,
            "gamma": gamma,
            "mock_targets": len(mocks),
            "population": len(population),
        },
        caveats=[
            *assembly.mode_caveats(mode == _MODES[0], online),
            *assembly.class_caveats(world),
            *_caveats(len(mocks), len(population)),
        ],
    )


def population_ratios(
    world: World, asked: Answers, references: References, tuned: Tuned, rng: np.random.Generator
) -> FloatArray:
    """(m,) log ratios of the population, averaged like the audited records'; empty without a population.

    No reference trained on z, so each z borrows the mask of a random audited record and its mean runs over as many
    references; a longer mean would raise log p(z) systematically. What references with z would say is p_out by the
    offline formula in either mode.
    """
    if asked.data.population is None or not asked.population or not references.population:
        return np.empty(0)
    labels: Labels = asked.data.population.labels
    borrowed = rng.integers(references.members.shape[1], size=len(labels))
    unmet = np.maximum(labels.max() + 1 - world.seen.shape[1], 0)
    outside = replace(
        world,
        target=asked.population,
        references=references.population,
        members=references.members[:, borrowed],
        labels=labels,
        seen=np.pad(world.seen, ((0, 0), (0, int(unmet)))),
    )
    return log_ratio(outside, tuned, online=False)


def _mixed(out: FloatArray, a: float) -> FloatArray:
    seen = np.log1p(-a) if a < 1 else -np.inf
    return np.asarray(np.logaddexp(np.log1p(a) + out, seen) - np.log(2), dtype=np.float64)


def _log_mean(values: FloatArray, chosen: Mask) -> FloatArray:
    """(b,) log of the mean of exp(values) over the chosen rows; -inf where none is chosen."""
    from scipy.special import logsumexp

    with np.errstate(divide="ignore"):
        return np.asarray(
            logsumexp(np.where(chosen, values, -np.inf), axis=0) - np.log(np.maximum(chosen.sum(axis=0), 1))
        )


def _caveats(mocks: int, population: int) -> list[str]:
    found = []
    if not mocks:
        found.append("With one pair of reference models nothing could be tuned: the threshold is where ratios are 1.")
    if not population:
        found.append("Without a population the score is not calibrated against records that nobody trained on.")
    return found


def check(params: Mapping[str, Any]) -> tuple[str, float]:
    """Mode, and gamma: how many times likelier a record must be than a population record to count.

    Raises:
        InputError: an unknown mode, or a gamma below 0 or above a million.
    """
    mode = values.one_of("mode", params.get("mode", _MODES[0]), _MODES)
    return mode, values.number("gamma", params.get("gamma", _GAMMA), 1e6)
