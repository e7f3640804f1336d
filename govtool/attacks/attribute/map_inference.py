"""The value that best explains the label, by Bayes' rule: from labels alone, or from confidences and an imputation.

Fredrikson, Lantz, Jha, Lin, Page & Ristenpart, 'Privacy in Pharmacogenetics: An End-to-End Case Study of Personalized Warfarin
Dosing' (USENIX Security 2014), figure 2: among the candidates the one that maximises the marginal prior of the value
times the chance of the known label given what the model answers for it. That chance is the model's confusion matrix on its
training data, which model cards publish, here without the records of the person in question. `attribute_bayes` is the same rule with all that an attacker of today has: the
prior is the imputation from the rest of the record, and the chance of the label is the model's own confidence in it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks.attribute import assembly, learner
from govtool.attacks.attribute.case import Case
from govtool.attacks.interface import AttackData, FloatArray, Labels, Outcome, Target

_PSEUDOCOUNT = 1.0
_FLOOR = 1e-6


def confusion(answers: Labels, labels: Labels, own: Labels, people: Labels, classes: int) -> FloatArray:
    """(n, values): the share of the known label among training records that the model calls what it calls the candidate.

    `answers` (n, values) and `labels` (n,) are of all audited records, of which the first are members: `own` (members,) is
    what the model says of each with its true value, -1 where that is unknown, and `people` (members,) whose they are. A
    member's own records are left out of its shares: with them in, the true value would be counted for itself, and a
    model with many labels accused of what the attacker was told. One pseudo-count for each label.
    """
    counted = own >= 0
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (own[counted], labels[: len(own)][counted]), 1)
    cells, called = counts[answers, labels[:, None]], counts.sum(axis=1)[answers]
    asked, said = answers[: len(own)], np.where(counted, own, classes)
    whose = people[:, None] * (classes + 1)
    called[: len(own)] -= _occurrences(people * (classes + 1) + said, whose + asked)
    pairs = (people * (classes + 1) + said) * classes + labels[: len(own)]
    cells[: len(own)] -= _occurrences(pairs, (whose + asked) * classes + labels[: len(own), None])
    return np.asarray((cells + _PSEUDOCOUNT) / (called + classes * _PSEUDOCOUNT), dtype=np.float64)


def _occurrences(keys: Labels, wanted: Labels) -> Labels:
    """How often each of `wanted`, of any shape, stands among the (n,) keys."""
    known, counts = np.unique(keys, return_counts=True)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, counts[at], 0).astype(np.int64)


def guess_by_labels(_target: Target, case: Case, _rng: np.random.Generator) -> Labels:
    truth, answers = case.truth[: case.members], case.answers.labels
    own = np.where(truth < 0, -1, answers[np.arange(case.members), truth])
    classes = 1 + int(max(answers.max(), case.audited.labels.max()))
    return case.best(case.prior * confusion(answers, case.audited.labels, own, case.people, classes))


def guess_by_confidence(_target: Target, case: Case, _rng: np.random.Generator) -> Labels:
    assert case.answers.own is not None
    others = case.encoding.others
    prior = learner.fit(others(case.auxiliary.features), case.known, case.encoding.values)
    before = np.log(np.maximum(prior(others(case.audited.features)), _FLOOR))
    return case.best(before + np.maximum(case.answers.own, np.log(_FLOOR)))


def says_by_labels(case: Case) -> FloatArray:
    """1 where the model answers the known label, so it decides where a single value makes it do so."""
    return np.asarray(case.answers.labels == case.audited.labels[:, None], dtype=np.float64)


def says_by_confidence(case: Case) -> FloatArray:
    assert case.answers.own is not None
    return np.asarray(np.exp(case.answers.own), dtype=np.float64)


BY_LABELS = assembly.Method(
    name="attribute_map",
    needs=Access.LABELS,
    guess=guess_by_labels,
    knowledge=(
        "asks the model for the label of each record with each value filled in, and knows how common each value is and the "
        "model's confusion matrix on its training data, the person's own records left out"
    ),
    caveats=("The attack weighs the values by how common they are, not by the rest of the record.",),
    says=says_by_labels,
)
BY_CONFIDENCE = assembly.Method(
    name="attribute_bayes",
    needs=Access.PROBABILITIES,
    guess=guess_by_confidence,
    knowledge=(
        "asks the model for its confidence in each record with each value filled in, and weighs it with how likely each "
        "value is given the rest of the record"
    ),
    caveats=("The attack takes the model's confidence at its word; a model that is too sure of itself misleads it.",),
    says=says_by_confidence,
)


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """By labels. See `assembly.run`."""
    return assembly.run(BY_LABELS, target, data, params, rng)


def run_bayes(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """By confidence. See `assembly.run`."""
    return assembly.run(BY_CONFIDENCE, target, data, params, rng)
