"""How much of the texts came back, beside the best guess of somebody who sees no vector."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from govtool.attacks.attribute import paired
from govtool.attacks.embedding.question import Store
from govtool.attacks.embedding.texts import Words, bleu, f1, typical
from govtool.attacks.interface import FloatArray, Mask
from govtool.estimate import Estimate, clopper_pearson

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Scores:
    exact: Mask
    """(n,) whether every known word stands at its place."""
    f1: FloatArray
    bleu: FloatArray
    found: Mask
    """(names and numbers of all texts,) whether each stands in what was written."""
    owner: FloatArray
    """Which text each name or number is of."""


def score(store: Store, guesses: Sequence[Words]) -> Scores:
    pairs = list(zip(guesses, store.texts, strict=True))
    found, owner = [], []
    for number, (guess, fields) in enumerate(zip(guesses, store.fields, strict=True)):
        for field in sorted(fields):
            found.append(field in guess)
            owner.append(number)
    return Scores(
        np.array([guess == truth for guess, truth in pairs]),
        np.array([f1(guess, truth) for guess, truth in pairs]),
        np.array([bleu(guess, truth) for guess, truth in pairs]),
        np.array(found, dtype=bool),
        np.array(owner, dtype=np.float64),
    )


def without_vectors(store: Store) -> Scores:
    """The most typical public text, for everybody."""
    return score(store, [typical(store.public)] * len(store.texts))


def metrics(attack: Scores, baseline: Scores) -> dict[str, tuple[Estimate, float]]:
    """Each figure with what no vector would have given; names and numbers are missing where the texts have none."""
    n = len(attack.exact)
    found: dict[str, tuple[Estimate, float]] = {
        "exact": (clopper_pearson(int(attack.exact.sum()), n), float(baseline.exact.mean())),
        "token_f1": (mean(attack.f1), float(baseline.f1.mean())),
        "token_f1_gain": (mean(attack.f1 - baseline.f1, low=-1.0), 0.0),
        "bleu": (mean(attack.bleu), float(baseline.bleu.mean())),
    }
    if len(attack.found):
        gain = paired.gain(attack.found, baseline.found, attack.owner)
        found["field_gain"] = (gain.estimate(CONFIDENCE), 0.0)
        share = paired.gain(attack.found, np.zeros_like(attack.found), attack.owner)
        found["fields_recovered"] = (share.estimate(CONFIDENCE), float(baseline.found.mean()))
    return found


def mean(values: FloatArray, low: float = 0.0) -> Estimate:
    """Student's interval of a mean of figures from `low` to 1. Where all are the same, as wide as one case in n could make it."""
    from scipy.stats import t

    n, value = len(values), float(values.mean())
    spread = max(float(values.std(ddof=1)), (1 - low) / n)
    arm = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * spread / np.sqrt(n)
    return Estimate(value, max(low, value - arm), min(1.0, value + arm), CONFIDENCE, n, "Student's t over texts")
