"""Search by evolution: each class has a cloud of candidates that moves to where the answers are better, by rank alone.

Ranks do not care how confidences are rounded, tempered or squeezed as long as their order survives. Two forms: separable
natural evolution strategies (Schaul, Glasmachers & Schmidhuber, GECCO 2011), one step size per latent and all classes in
one batch; and CMA-ES (Hansen & Ostermeier 2001) with a full covariance, by the package cmaes. Both start from the best of
a pool of public or typical records, which one round of queries sorts for all classes, and end at the centre of the cloud:
the best single candidate has been lucky.
"""

from typing import Any

import numpy as np

from govtool.attacks.interface import FloatArray, Labels
from govtool.attacks.inversion.answers import reading
from govtool.attacks.inversion.answers.space import Space
from govtool.attacks.inversion.answers.surrogate import DISTANCE, GOAL, Answer
from govtool.errors import MissingExtraError

POPULATION = 20
POOL = 1 / 10
"""Share of the budget for the first look."""
SIGMA = 0.5
"""Width of the first cloud, in the spread of typical records."""


def nes(answer: Answer, space: Space, classes: Labels, budget: int, rng: np.random.Generator) -> FloatArray:
    """(classes, size) latents by separable natural evolution strategies, for at most `budget` queries in all."""
    centre, spent = _start(answer, space, classes, budget, rng)
    sigma = np.tile(SIGMA * space.spread, (len(classes), 1))
    utilities, rate = _utilities(POPULATION), (3 + np.log(space.size)) / (5 * np.sqrt(space.size))
    for _ in range((budget - spent) // (POPULATION * len(classes))):
        half = rng.standard_normal((len(classes), POPULATION // 2, space.size))
        drawn = np.concatenate([half, -half], axis=1)  # mirrored draws: the mean of the cloud is exact
        weight = _by_rank(_misfit(answer, centre[:, None] + sigma[:, None] * drawn, classes), utilities)[..., None]
        centre = centre + sigma * (weight * drawn).sum(axis=1)
        sigma = sigma * np.exp(rate / 2 * (weight * (drawn**2 - 1)).sum(axis=1))
    return centre


def cma(answer: Answer, space: Space, classes: Labels, budget: int, rng: np.random.Generator) -> FloatArray:
    """(classes, size) latents by CMA-ES, a generation of every class in one round, for at most `budget` queries in all.

    Raises:
        MissingExtraError: cmaes is not installed.
    """
    try:
        from cmaes import CMA
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "CMA-ES") from error
    centre, spent = _start(answer, space, classes, budget, rng)
    clouds: list[Any] = [
        CMA(mean=row / space.spread, sigma=SIGMA, population_size=POPULATION, seed=int(rng.integers(2**31)))
        for row in centre
    ]
    for _ in range((budget - spent) // (POPULATION * len(classes))):
        drawn = np.array([[cloud.ask() for _ in range(POPULATION)] for cloud in clouds])
        misfit = _misfit(answer, drawn * space.spread, classes)
        for cloud, places, losses in zip(clouds, drawn, misfit, strict=True):
            cloud.tell(list(zip(places, losses.tolist(), strict=True)))
    return np.stack([cloud.mean for cloud in clouds]) * space.spread


def _start(
    answer: Answer, space: Space, classes: Labels, budget: int, rng: np.random.Generator
) -> tuple[FloatArray, int]:
    """The best public or typical record for each class, and how many queries it took to find them all."""
    most = max(1, int(budget * POOL))
    public = space.starts[rng.permutation(len(space.starts))[:most]]
    pool = np.concatenate([public, space.draw(most - len(public), rng)])
    odds = reading.log_odds(answer(pool))[:, classes]
    return pool[odds.argmax(axis=0)], len(pool)


def _misfit(answer: Answer, latents: FloatArray, classes: Labels) -> FloatArray:
    """(classes, population) what is to be small: softplus(GOAL - log odds) + DISTANCE / 2 |latent|^2."""
    count, population, size = latents.shape
    odds = reading.log_odds(answer(latents.reshape(-1, size))).reshape(count, population, -1)
    own = odds[np.arange(count)[:, None], np.arange(population), classes[:, None]]
    return np.asarray(np.logaddexp(0, GOAL - own) + DISTANCE / 2 * (latents**2).sum(axis=2), dtype=np.float64)


def _utilities(population: int) -> FloatArray:
    """(population,) by rank, best first, summing to 0 (Wierstra et al. 2014, JMLR 15, section 3.1)."""
    raw = np.maximum(0, np.log(population / 2 + 1) - np.log(np.arange(1, population + 1)))
    return np.asarray(raw / raw.sum() - 1 / population, dtype=np.float64)


def _by_rank(misfit: FloatArray, utilities: FloatArray) -> FloatArray:
    """(classes, population) utilities of (classes, population) values, the smallest first; equals share theirs."""
    from scipy.stats import rankdata

    first = rankdata(misfit, method="min", axis=1).astype(int) - 1
    last = rankdata(misfit, method="max", axis=1).astype(int)
    sums = np.concatenate([[0.0], np.cumsum(utilities)])
    return np.asarray((sums[last] - sums[first]) / (last - first), dtype=np.float64)
