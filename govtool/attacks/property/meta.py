"""Meta-classifiers: from what was read off a model to the log odds of the second world. Fitted on shadow models only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from govtool.attacks.interface import FloatArray, Mask

Decide = Callable[[tuple[FloatArray, ...]], FloatArray]
"""From readings, each (models, ...), to (models,) log odds of the second world."""
Fit = Callable[[tuple[FloatArray, ...], Mask, np.random.Generator], Decide]

_INVERSE_PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""What cross-validation chooses from; for readings scaled so that a model's have a length of about 1."""
_FOLDS = 4
_TINY = 1e-12
_ITERATIONS = 50
_STEEPEST = 1e4
_SETTLED = 1e-9
"""Nats by which a step must lower the loss of all models together for another to be worth while."""


@dataclass(frozen=True)
class Chosen:
    """The meta-classifier that did best on shadow models kept out of its fit, and everybody's log loss there (nats)."""

    name: str
    decide: Decide
    losses: Mapping[str, float]


@dataclass(frozen=True)
class _Line:
    """What makes log odds of scores: slope * score + bias; and the loss of these log odds."""

    slope: float
    bias: float
    losses: FloatArray
    """(models,) in nats."""

    @property
    def loss(self) -> float:
        return float(self.losses.mean())


def choose(
    candidates: Mapping[str, Fit], readings: tuple[FloatArray, ...], world: Mask, rng: np.random.Generator
) -> Chosen:
    """Fit each candidate on part of the shadow models, judge it on the rest, and refit the best on all of them.

    Candidates are given simplest first: one is passed over only for another that is better by more than a standard error
    (Breiman et al. 1984), since with some dozens of models the least loss is often luck.
    Judged are log odds stretched and moved to fit those rests: a candidate that ranks well and is far too sure is no worse.
    """
    lines = {name: _line(_out_of_fold(fit, readings, world, rng), world) for name, fit in candidates.items()}
    least = min(lines.values(), key=lambda line: line.loss)
    best = next(name for name, line in lines.items() if not _surely_worse(line.losses - least.losses))
    decide, line = candidates[best](readings, world, rng), lines[best]
    return Chosen(
        best, lambda asked: line.slope * decide(asked) + line.bias, {name: found.loss for name, found in lines.items()}
    )


def _surely_worse(excess: FloatArray) -> bool:
    return bool(excess.mean() > excess.std(ddof=1) / np.sqrt(len(excess)))


def logistic(readings: tuple[FloatArray, ...], world: Mask, rng: np.random.Generator) -> Decide:
    """Ridge logistic regression on all readings side by side, its penalty chosen by cross-validation.

    Fitted in the span of the models, in which the ridge solution lies: the cost grows with the readings and not with
    their square.
    """
    flat = _flat(readings)
    centre, spread = flat.mean(axis=0), flat.std(axis=0)
    scale = np.where(spread > _TINY, spread, np.inf) * np.sqrt(flat.shape[1])  # constant readings say nothing
    _left, strengths, directions = np.linalg.svd((flat - centre) / scale, full_matrices=False)
    directions = directions[strengths > _TINY]
    inputs = (flat - centre) / scale @ directions.T
    if not inputs.shape[1]:
        return lambda asked: np.zeros(len(asked[0]))
    weights, bias = _ridge(inputs, world, rng)
    return lambda asked: np.asarray((_flat(asked) - centre) / scale @ directions.T @ weights + bias, dtype=np.float64)


def curve(scores: FloatArray, world: Mask) -> Callable[[float], float]:
    """The chance of the second world at a score, by a logistic curve through these models' (Platt 1999)."""
    slope, bias = _platt(scores, world)
    return lambda score: float(0.5 * (1 + np.tanh((score * slope + bias) / 2)))


def _platt(scores: FloatArray, world: Mask) -> tuple[float, float]:
    spread = float(scores.std()) or 1.0
    weights, bias = _solve((scores / spread)[:, None], world, _STEEPEST)
    return float(weights[0]) / spread, bias


def _line(scores: FloatArray, world: Mask) -> _Line:
    """Scores that fall where they should rise are none: they are left as they are, at the loss of guessing."""
    slope, bias = _platt(scores, world)
    if slope <= 0:
        return _Line(1.0, 0.0, np.full(len(world), np.log(2)))
    return _Line(slope, bias, _losses(slope * scores + bias, world))


def _ridge(inputs: FloatArray, world: Mask, rng: np.random.Generator) -> tuple[FloatArray, float]:
    folds = _folds(world, rng)
    losses = []
    for strength in _INVERSE_PENALTIES:
        scores = np.zeros(len(world))
        for fold in range(_FOLDS):
            weights, bias = _solve(inputs[folds != fold], world[folds != fold], strength)
            scores[folds == fold] = inputs[folds == fold] @ weights + bias
        losses.append(_log_loss(scores, world))
    return _solve(inputs, world, _INVERSE_PENALTIES[int(np.argmin(losses))])


def _solve(inputs: FloatArray, world: Mask, strength: float) -> tuple[FloatArray, float]:
    """Newton's method, halving a step that does not go down; the bias is not penalised."""
    x = np.hstack([inputs, np.ones((len(inputs), 1))])
    penalty = np.append(np.full(inputs.shape[1], 1 / strength), _TINY)

    def cost(weights: FloatArray) -> float:
        return float(np.logaddexp(0.0, np.where(world, -1.0, 1.0) * (x @ weights)).sum() + penalty @ weights**2 / 2)

    found, least = np.zeros(x.shape[1]), len(x) * np.log(2)
    for _iteration in range(_ITERATIONS):
        chance = 0.5 * (1 + np.tanh(x @ found / 2))
        gradient = x.T @ (chance - world) + penalty * found
        step = np.linalg.solve((x.T * (chance * (1 - chance) + _TINY)) @ x + np.diag(penalty), gradient)
        while cost(found - step) > least and np.abs(step).max() > _TINY:
            step = step / 2
        found, before, least = found - step, least, cost(found - step)
        if before - least < _SETTLED:
            break
    return found[:-1], float(found[-1])


def _out_of_fold(fit: Fit, readings: tuple[FloatArray, ...], world: Mask, rng: np.random.Generator) -> FloatArray:
    folds = _folds(world, rng)
    scores = np.zeros(len(world))
    for fold in range(_FOLDS):
        rest, held = folds != fold, folds == fold
        decide = fit(tuple(reading[rest] for reading in readings), world[rest], rng)
        scores[held] = decide(tuple(reading[held] for reading in readings))
    return scores


def _folds(world: Mask, rng: np.random.Generator) -> FloatArray:
    """(models,) fold numbers, each fold holding its share of both worlds."""
    folds = np.zeros(len(world))
    for group in (np.flatnonzero(world), np.flatnonzero(~world)):
        folds[rng.permutation(group)] = np.arange(len(group)) % _FOLDS
    return folds


def _log_loss(scores: FloatArray, world: Mask) -> float:
    return float(_losses(scores, world).mean())


def _losses(scores: FloatArray, world: Mask) -> FloatArray:
    return np.asarray(np.logaddexp(0.0, np.where(world, -scores, scores)), dtype=np.float64)


def _flat(readings: tuple[FloatArray, ...]) -> FloatArray:
    return np.hstack([reading.reshape(len(reading), -1) for reading in readings])
