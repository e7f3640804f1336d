"""The value that the model is surest, or least surely wrong, about.

Mehnaz, Dibbo, Kabir, Li & Bertino, 'Are Your Sensitive Attributes Private? Novel Model Inversion Attribute Inference Attacks on
Classification Models' (USENIX Security 2022, arXiv 2201.09370), section 4.1. The model is asked about the record with
each candidate value, and the known label decides among three cases: one candidate gets it right, that one; several do,
the one answered with the most confidence; none does, the one answered with the least. Nothing is learnt from records of
other people, so a memory that only training records show is found as well.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks.attribute import assembly
from govtool.attacks.attribute.case import Answers, Case
from govtool.attacks.interface import AttackData, FloatArray, Labels, Outcome, Target

NAME = "attribute_csmia"


def scores(answers: Answers, known: Labels) -> FloatArray:
    """(n, values): the candidate with the largest is the guess.

    With several candidates right, the confidence; with none, its negative; with one, that one's confidence, others nothing.
    """
    assert answers.top is not None
    hit = answers.labels == known[:, None]
    confidence = np.exp(answers.top)
    some = hit.any(axis=1, keepdims=True)
    return np.asarray(np.where(some, np.where(hit, confidence, -1.0), -confidence), dtype=np.float64)


def says(case: Case) -> FloatArray:
    return scores(case.answers, case.audited.labels)


def guess(_target: Target, case: Case, _rng: np.random.Generator) -> Labels:
    return case.best(says(case))


METHOD = assembly.Method(
    name=NAME,
    needs=Access.PROBABILITIES,
    guess=guess,
    knowledge="asks the model for its confidence in each record with each value filled in, and trains nothing",
    says=says,
)


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """See `assembly.run`."""
    return assembly.run(METHOD, target, data, params, rng)
