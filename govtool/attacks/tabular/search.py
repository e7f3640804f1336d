"""Maximum a posteriori over whole records: what others hold, weighed with how well a candidate explains what was seen.

Fredrikson et al. 2014 weigh the candidates of one attribute; here all unknown attributes are searched together, one after the
other from several starts (coordinate ascent), every record in one batch. No gradients: trees and forests are searched too.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from govtool.attacks.attribute import learner
from govtool.attacks.attribute.decision import unique_maximum
from govtool.attacks.interface import Features, FloatArray, Labels, Mask, Records
from govtool.attacks.tabular.domain import Domain

STARTS = 4
"""The imputation, and draws from it: each is climbed from, the best by the attacker's own score is kept."""
SWEEPS = 3
"""Times each attribute is looked at again."""
WEIGHT = 200.0
"""What a nat of divergence between the answer that was seen and a candidate's weighs against the prior: two confidences near
one half that are 0.05 apart then weigh as one standard deviation."""
_UNLIKELY = 1e-6
_FLOOR = 1e-4
_PSEUDO = 5.0
"""Records' worth of the overall shares mixed into those of one label."""

Ask = Callable[[Features], FloatArray]
"""(n, d) records to (n, classes) log probabilities."""


@dataclass(frozen=True)
class Goal:
    """What the attacker saw of each person, as (n, classes) shares, and what a nat of divergence from it weighs.

    An answer that was seen is matched closely. Of a label alone the model's chance of it counts once, as in Bayes' rule.
    """

    shares: FloatArray
    weight: float

    def tiled(self, times: int) -> "Goal":
        return Goal(np.tile(self.shares, (times, 1)), self.weight)

    def met(self, log_answers: FloatArray) -> FloatArray:
        """(values, n, classes) to (n, values): how well each candidate meets it (Kullback-Leibler), at best 0."""
        unlikely = np.log(_UNLIKELY)
        own = np.log(np.maximum(self.shares, _UNLIKELY))
        missed = (self.shares * (own - np.maximum(log_answers, unlikely))).sum(axis=2)
        return np.asarray(-self.weight * missed.T, dtype=np.float64)


def seen(answers: FloatArray) -> Goal:
    """(n, classes) probabilities that the model gave about each person, and the attacker got hold of."""
    return Goal(answers, WEIGHT)


def labelled(labels: Labels, classes: int) -> Goal:
    """(n,) labels, and nothing that the model said about the person."""
    return Goal(np.eye(classes)[labels], 1.0)


@dataclass(frozen=True)
class Found:
    """Per record and unknown attribute, (n, attributes)."""

    codes: Labels
    decided: Mask
    """Whether one value of this attribute meets the answer better than every other, the rest as reconstructed."""
    preferred: Labels
    """That value."""
    queries: int


def priors(domain: Domain, public: Records, audited: Records) -> list[FloatArray]:
    """For each unknown attribute (n, values): its chance given the label and the known columns, learnt on public records.

    With labels that are all the same, its chance given the known columns.
    """
    held = domain.codes(public.features)
    classes = np.unique(public.labels)
    made = []
    for column, one in enumerate(domain.unknown):
        codes = held[:, column]
        usable = codes >= 0
        if domain.known:
            inside, outside = _inputs(domain, public, classes), _inputs(domain, audited, classes)
            made.append(learner.fit(inside[usable], codes[usable], one.values)(outside))
        else:
            made.append(_by_label(codes[usable], public.labels[usable], audited.labels, one.values))
    return made


def _inputs(domain: Domain, records: Records, classes: Labels) -> FloatArray:
    known = records.features[:, list(domain.known)].astype(np.float64)
    return np.hstack([known, records.labels[:, None] == classes])


def _by_label(codes: Labels, labels: Labels, asked: Labels, values: int) -> FloatArray:
    overall = np.bincount(codes, minlength=values) / len(codes)
    size = 1 + int(max(labels.max(), asked.max()))
    counts = np.zeros((size, values))
    np.add.at(counts, (labels, codes), 1)
    shares = (counts + _PSEUDO * overall) / (counts.sum(axis=1, keepdims=True) + _PSEUDO)
    return np.asarray(shares[asked], dtype=np.float64)


def reconstruct(
    ask: Ask, domain: Domain, known: Features, goal: Goal, prior: list[FloatArray], rng: np.random.Generator
) -> Found:
    """Find the records that explain what was seen. Of (n, d) `known` only the known columns are used."""
    n = len(known)
    blank = domain.blank(known)
    rows, weights = np.tile(blank, (STARTS, 1)), [np.log(np.maximum(one, _FLOOR)) for one in prior]
    wide, weights = goal.tiled(STARTS), [np.tile(one, (STARTS, 1)) for one in weights]
    codes = np.concatenate([modes(prior), *(_drawn(prior, rng) for _ in range(STARTS - 1))])
    queries, total = 0, np.zeros(len(rows))
    for _ in range(SWEEPS):
        before = codes.copy()
        for column, one in enumerate(domain.unknown):
            met = _profile(ask, domain, rows, codes, wide, column)
            queries += len(rows) * one.values
            scores = met + weights[column]
            codes[:, column] = scores.argmax(axis=1)
            others = sum(
                weight[np.arange(len(rows)), codes[:, other]] for other, weight in enumerate(weights) if other != column
            )
            total = scores.max(axis=1) + others
        if (codes == before).all():
            break
    best = total.reshape(STARTS, n).argmax(axis=0) * n + np.arange(n)
    codes = codes[best]
    decided, preferred = np.zeros(codes.shape, dtype=bool), codes.copy()
    for column, one in enumerate(domain.unknown):
        met = _profile(ask, domain, blank, codes, goal, column)
        queries += n * one.values
        decided[:, column], preferred[:, column] = unique_maximum(met)
    return Found(codes, decided, preferred, queries)


def _profile(ask: Ask, domain: Domain, rows: Features, codes: Labels, goal: Goal, column: int) -> FloatArray:
    """(n, values): how well the goal is met with each value of one attribute, the others as they stand."""
    one = domain.unknown[column]
    written = domain.written(rows, codes)
    asked = np.concatenate([one.with_value(written, code) for code in range(one.values)])
    return goal.met(ask(asked).reshape(one.values, len(rows), -1))


def modes(prior: list[FloatArray]) -> Labels:
    """(n, attributes): the likeliest value of each, which is the imputation without the model."""
    return np.stack([one.argmax(axis=1) for one in prior], axis=1).astype(np.int64)


def _drawn(prior: list[FloatArray], rng: np.random.Generator) -> Labels:
    """One value for each record and attribute, by its chance."""
    columns = []
    for one in prior:
        below = one.cumsum(axis=1) / one.sum(axis=1, keepdims=True)
        columns.append((rng.random(len(one))[:, None] > below).sum(axis=1).clip(max=one.shape[1] - 1))
    return np.stack(columns, axis=1).astype(np.int64)
