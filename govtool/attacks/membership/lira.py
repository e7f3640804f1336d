"""Membership by a likelihood ratio of two Gaussians, one for models that saw the record and one for models that did not.

Carlini, Chien, Nasr, Song, Terzis & Tramèr, 'Membership Inference Attacks From First Principles' (S&P 2022, arXiv
2112.03570). Online, section V: log N(phi | in) - log N(phi | out). Offline, equation 4: one-sided, minus the log of the
chance that a model without the record is as sure or surer; by the log survival function, because the plain one ties at 1
beyond eight deviations, where low false-positive rates are read.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.attacks import values
from govtool.attacks.interface import AttackData, FloatArray, Outcome, Target
from govtool.attacks.membership import answers, assembly, moments, worlds
from govtool.attacks.membership.moments import Moments
from govtool.attacks.membership.worlds import World

NAME = "lira"
VARIANCES = ("shrunk", "shared", "own")

_MODES = ("online", "offline")
_TINY = 1e-12


def predictive(side: Moments, how: str = VARIANCES[0]) -> tuple[FloatArray, FloatArray]:
    """(records,) variance of one more phi on this side, and its degrees of freedom: infinite for a Gaussian.

    Shared: the pooled residuals of all records (the paper's choice below some 64 references, section VI-B). Own: each
    record's (its choice above). Shrunk: the posterior mean under an inverse chi-squared prior fitted to all records,
    and Student's distribution, as the variance is not known; with few references it is the one, with many the other.
    The variance includes that of the mean itself.
    """
    shared, freedom = np.full(len(side.count), max(side.pooled, _TINY)), side.freedom
    if how == VARIANCES[2]:
        own = side.squares / np.maximum(freedom, 1.0)
        return np.maximum(np.where(freedom > 0, own, shared), _TINY) * side.doubt, np.full(len(freedom), np.inf)
    weight, scale = prior(side) if how == VARIANCES[0] else (np.inf, 0.0)
    if np.isinf(weight):
        return shared * side.doubt, np.full(len(freedom), np.inf)
    found = np.maximum((weight * scale + side.squares) / (weight + freedom), _TINY)
    return found * side.doubt, weight + freedom


def prior(side: Moments) -> tuple[float, float]:
    """(degrees of freedom, variance) of the prior that the records' variances were drawn from; infinite when all agree.

    By the mean and the spread of the log variances (Smyth 2004, doi 10.2202/1544-6115.1027, section 6.2).
    """
    from scipy.special import digamma, polygamma

    known = (side.freedom > 0) & (side.squares > 0)
    if known.sum() < 2:  # noqa: PLR2004 - one variance has no spread
        return np.inf, max(side.pooled, _TINY)
    half = side.freedom[known] / 2
    logs = np.log(side.squares[known] / side.freedom[known]) - digamma(half) + np.log(half)
    excess = float(logs.var(ddof=1) - polygamma(1, half).mean())
    if excess <= 0:
        return np.inf, max(side.pooled, _TINY)
    weight = 2 * _inverse_trigamma(excess)
    return weight, float(np.exp(logs.mean() + digamma(weight / 2) - np.log(weight / 2)))


def _inverse_trigamma(value: float) -> float:
    """By Newton's steps on 1 / trigamma, which is convex and nearly a straight line (Smyth 2004, appendix)."""
    from scipy.special import polygamma

    found = 0.5 + 1 / value
    for _step in range(50):
        now = float(polygamma(1, found))
        step = now * (1 - now / value) / float(polygamma(2, found))
        found += step
        if abs(step) < 1e-8 * found:
            break
    return found


def scores(world: World, *, online: bool, how: str = VARIANCES[0]) -> FloatArray:
    """(records,) the log likelihood ratio online, minus the log survival offline."""
    return ratio(world.read("phi"), *moments.of(world, "phi"), online=online, how=how)


def ratio(phi: FloatArray, inside: Moments, outside: Moments, *, online: bool, how: str = VARIANCES[0]) -> FloatArray:
    """As `scores`, from the moments of phi."""
    from scipy.stats import norm, t

    def standardised(side: Moments) -> tuple[FloatArray, FloatArray, Any]:
        variance, freedom = predictive(side, how)
        spread = np.sqrt(variance)
        gaussian = bool(np.isinf(freedom).all())
        return (phi - side.mean) / spread, spread, norm if gaussian else t(freedom)

    away, wide, out = standardised(outside)
    if not online:
        return np.asarray(-out.logsf(away), dtype=np.float64)
    near, narrow, within = standardised(inside)
    return np.asarray(within.logpdf(near) - np.log(narrow) - out.logpdf(away) + np.log(wide), dtype=np.float64)


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Attack with the references in `data`. `params`: "mode" ("online" or "offline"), "variance" ("shrunk",
    "shared" or "own").

    Raises:
        WorkError: the target's answers are not log probabilities.
        InputError: unknown mode or variance, or the reference arrays do not fit the records.
    """
    if (obstacle := assembly.obstacle(target, data) or assembly.reference_obstacle(data)) is not None:
        return obstacle
    assert data.references is not None
    mode, how = check(params)
    online = mode == _MODES[0] and worlds.covered(data.references.members, online=True)
    world = worlds.real(answers.asked(target, data, params), data)
    mocks = worlds.mocks(world, rng)
    found = [(scores(mock.world, online=online, how=how), mock.members) for mock in mocks]
    return assembly.assess(
        attack=NAME,
        knowledge=assembly.reference_knowledge(data.references.count, online=online),
        data=data,
        scores=scores(world, online=online, how=how),
        threshold=assembly.mock_threshold(data, found, mocks),
        params=params,
        rng=rng,
        detail={
            "mode": _MODES[0] if online else _MODES[1],
            "variance": how,
            "mock_targets": len(found),
            "phi_cap": world.cap,
        },
        caveats=[*assembly.mode_caveats(mode == _MODES[0], online), *assembly.class_caveats(world)],
    )


def check(params: Mapping[str, Any]) -> tuple[str, str]:
    """Mode and variance.

    Raises:
        InputError: one of them is unknown.
    """
    mode = values.one_of("mode", params.get("mode", _MODES[0]), _MODES)
    return mode, values.one_of("variance", params.get("variance", VARIANCES[0]), VARIANCES)
