"""Inversion through labels alone: what does a model show of its classes that says nothing but their names?

Kahla, Chen, Just & Jia (CVPR 2022, arXiv 2203.04935), and a stand-in learnt from all labels together; both in `answers`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks import values
from govtool.attacks.interface import AttackData, Outcome, Target
from govtool.attacks.inversion import assembly
from govtool.attacks.inversion.answers import drawing, reading, surrogate, votes
from govtool.attacks.inversion.answers.drawing import SearchLatents
from govtool.attacks.inversion.answers.ledger import Terms
from govtool.attacks.inversion.question import Question, Reconstructions

NAME = "inversion_labels"
QUERIES = 1000
"""For each class."""
SEARCHES: Mapping[str, SearchLatents] = {"surrogate": surrogate.search_by_labels, "votes": votes.search}
CONFIDENCE = (
    "With labels alone the target's confidence is not seen: 1 stands for 'it names the class' and 0 for 'another'."
)


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Invert every class through labels; see `assembly.run`. `params`: "queries" (for each class, at most), "search"
    (a name of `SEARCHES`), "price_per_1000" (of queries).

    Raises:
        InputError: one of these is no such thing.
    """
    terms, name = check(params)

    def search(
        asked_target: Target, asked: Question, _params: Mapping[str, Any], rng: np.random.Generator
    ) -> Reconstructions:
        found = drawing.draw(reading.of_labels(asked_target, asked.classes), asked, terms, SEARCHES[name], name, rng)
        return replace(found, caveats=(*found.caveats, CONFIDENCE))

    holds = "can ask the model about records of its own making and sees only the labels it names"
    return assembly.run(assembly.Method(NAME, Access.LABELS, holds, search), target, data, params, rng)


def check(params: Mapping[str, Any]) -> tuple[Terms, str]:
    """What may be spent, and how to search.

    Raises:
        InputError: a parameter has no such value.
    """
    assembly.check(params)
    terms = Terms.of(params.get("queries", QUERIES), params.get("price_per_1000"), drawing.FEWEST)
    return terms, values.one_of("search", params.get("search", "surrogate"), SEARCHES)
