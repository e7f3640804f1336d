"""Search by a stand-in: learn from all answers how classes depend on the latents, and invert what was learnt.

An answer tells about every class, so all classes share all queries: the attacker extracts (Tramer, Zhang, Juels, Reiter &
Ristenpart, USENIX Security 2016) a multinomial logistic regression of the target over the latent space, asks again about
the records that it finds most typical of each class, and learns again. Fitted by cross-entropy on whatever the answers say,
it reads rounded scores, a few best scores and plain labels alike: what rounding hides in one answer, many show together.
Scores that are hidden or rounded to 0 count by their sum, which is known, and not one by one, which would be guessing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from govtool.attacks.interface import FloatArray, Labels, Mask
from govtool.attacks.inversion.answers.space import Space

Answer = Callable[[FloatArray], FloatArray]
"""(n, size) latents -> (n, all classes) probabilities as they are shown: hidden ones NaN, rounded ones perhaps 0."""

# Frozen on ten people of a face database whom no reported figure contains.
ROUNDS = 3
FIRST = 1 / 3
"""Share of the budget for typical records, before anything is known."""
WIDE = 1.5
"""Their spread, in that of public records: further out, more classes are named."""
WEIGHT_DECAY = 3e-4
LABELS_WEIGHT_DECAY = 1e-3
"""The same where answers are labels: they are certain of everything, and weights would grow until all of them fit."""
GOAL = 10.0
"""Log odds to strive for."""
DISTANCE = 0.1
"""Weight of the squared length of a latent, halved: what the attacker believes of records before asking."""
_TINY = 1e-300
_NEAREST, _FURTHEST = 0.3, 1.1
"""Later questions lie on the way from the mean to the present reconstruction, and a little beyond."""


@dataclass(frozen=True)
class Linear:
    """log p(class | latent) up to a constant: latents @ weights + bias."""

    weights: FloatArray
    """(size, classes)"""
    bias: FloatArray

    def scores(self, latents: FloatArray) -> FloatArray:
        return np.asarray(latents @ self.weights + self.bias, dtype=np.float64)


def search(answer: Answer, space: Space, classes: Labels, budget: int, rng: np.random.Generator) -> FloatArray:
    """(classes, size) latents by scores, for at most `budget` queries in all."""
    return _search(answer, space, classes, budget, rng, WEIGHT_DECAY)


def search_by_labels(
    answer: Answer, space: Space, classes: Labels, budget: int, rng: np.random.Generator
) -> FloatArray:
    """The same by labels alone."""
    return _search(answer, space, classes, budget, rng, LABELS_WEIGHT_DECAY)


def _search(
    answer: Answer, space: Space, classes: Labels, budget: int, rng: np.random.Generator, decay: float
) -> FloatArray:
    first = max(1, int(budget * FIRST))
    asked = WIDE * space.draw(first, rng)
    answers = answer(asked)
    found = invert(fit(asked, answers, decay), classes)
    for i in range(1, ROUNDS):
        each = (budget - len(asked)) // (ROUNDS - i) // len(classes)
        if not each:
            continue
        more = _around(found, each, space, rng)
        asked, answers = np.concatenate([asked, more]), np.concatenate([answers, answer(more)])
        found = invert(fit(asked, answers, decay), classes)
    return found


def _around(found: FloatArray, each: int, space: Space, rng: np.random.Generator) -> FloatArray:
    """(classes * each, size) latents near the way from the mean to each class's reconstruction."""
    way = np.repeat(found, each, axis=0)
    return way * rng.uniform(_NEAREST, _FURTHEST, (len(way), 1)) + space.draw(len(way), rng)


def fit(latents: FloatArray, answers: FloatArray, decay: float = WEIGHT_DECAY) -> Linear:
    """Multinomial logistic regression on (n, classes) answers, by L-BFGS from zero. No randomness."""
    from scipy.optimize import minimize

    scale = max(float(latents.std()), 1e-9)
    inputs = np.hstack([latents / scale, np.ones((len(latents), 1))])
    shape = inputs.shape[1], answers.shape[1]
    shown, hidden, rest = _known(answers)
    mass = shown.sum(axis=1, keepdims=True) + rest

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        weights = flat.reshape(shape)
        logits = inputs @ weights
        logs = logits - _logsumexp(logits)[:, None]
        chances = np.exp(logs)
        unseen = np.where(hidden, chances, 0)
        together = np.maximum(unseen.sum(axis=1, keepdims=True), _TINY)
        decayed = weights.copy()
        decayed[-1] = 0  # the bias is free
        value = -((shown * logs).sum() + (rest * np.log(together)).sum()) / len(inputs) + decay * (decayed**2).sum()
        slope = inputs.T @ (chances * mass - shown - rest * unseen / together) / len(inputs)
        return float(value), (slope + 2 * decay * decayed).ravel()

    found = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 60}).x
    weights = found.reshape(shape)
    return Linear(weights[:-1] / scale, weights[-1])


def _known(answers: FloatArray) -> tuple[FloatArray, Mask, FloatArray]:
    """(n, classes) what is shown, summing to 1 at most; which classes are not; and (n, 1) what these have together."""
    hidden = np.isnan(answers) | (answers <= _TINY)
    shown = np.where(hidden, 0.0, answers)
    total = shown.sum(axis=1, keepdims=True)
    rest = np.maximum(1 - total, 0) * hidden.any(axis=1, keepdims=True)
    return shown / np.maximum(total, 1), hidden, rest


def invert(model: Linear, classes: Labels) -> FloatArray:
    """(classes, size) the latents of least softplus(GOAL - log odds) + DISTANCE / 2 |latent|^2: a convex problem."""
    from scipy.optimize import minimize

    shape, rows = (len(classes), len(model.weights)), np.arange(len(classes))

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        latents = flat.reshape(shape)
        scores = model.scores(latents)
        own = scores[rows, classes]
        scores[rows, classes] = -np.inf
        rest = _logsumexp(scores)
        short = GOAL - (own - rest)
        pull = 1 / (1 + np.exp(-np.clip(short, -500, 500)))
        share = np.exp(scores - rest[:, None])
        slope = pull[:, None] * (share @ model.weights.T - model.weights.T[classes]) + DISTANCE * latents
        return float(np.logaddexp(0, short).sum() + DISTANCE / 2 * (latents**2).sum()), slope.ravel()

    found = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return np.asarray(found.x.reshape(shape), dtype=np.float64)


def _logsumexp(scores: FloatArray) -> FloatArray:
    """(n, k) -> (n,), stable."""
    most = scores.max(axis=1)
    return np.asarray(most + np.log(np.exp(scores - most[:, None]).sum(axis=1)), dtype=np.float64)
