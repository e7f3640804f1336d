"""Inversion through scores: what do a model's confidences show of its classes to whoever may ask it?

Fredrikson, Jha & Ristenpart (CCS 2015) inverted confidences by numeric gradients, at 50,000 to 90,000 queries a face. Here
all classes share every answer and the search is among likely records, so that hundreds do. Rounding confidences, their
defence, does not stop it; the ways to search are in `answers`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks import values
from govtool.attacks.interface import AttackData, Outcome, Target
from govtool.attacks.inversion import assembly
from govtool.attacks.inversion.answers import drawing, evolution, reading, surrogate
from govtool.attacks.inversion.answers.drawing import SearchLatents
from govtool.attacks.inversion.answers.ledger import Terms
from govtool.attacks.inversion.question import Question, Reconstructions, Search

NAME = "inversion_black_box"
QUERIES = 300
"""For each class."""
TOP_K = 5
"""How many scores a deployment is taken to show that exposes top_k and does not say how many."""
ASSUMED = f"The deployment does not say how many scores it shows; {TOP_K} were assumed. Give top_k to the attack if it is otherwise."
SEARCHES: Mapping[str, SearchLatents] = {"surrogate": surrogate.search, "nes": evolution.nes, "cma": evolution.cma}


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Invert every class through scores; see `assembly.run`. `params`: "queries" (for each class, at most), "search"
    (a name of `SEARCHES`), "top_k" (how many scores are shown where not all are), "price_per_1000" (of queries).

    Raises:
        InputError: one of these is no such thing.
        MissingExtraError: CMA-ES is asked for and cmaes is not installed.
    """
    terms, name, k = check(params)

    def search(
        asked_target: Target, asked: Question, _params: Mapping[str, Any], rng: np.random.Generator
    ) -> Reconstructions:
        found = drawing.draw(reading.of_scores(asked_target, k), asked, terms, SEARCHES[name], name, rng)
        assumed = not reading.every_class(asked_target) and "top_k" not in params
        return replace(found, caveats=(*found.caveats, ASSUMED)) if assumed else found

    return assembly.run(_method(target, k, search), target, data, params, rng)


def check(params: Mapping[str, Any]) -> tuple[Terms, str, int]:
    """What may be spent, how to search, and how many scores are shown where not all are.

    Raises:
        InputError: a parameter has no such value.
    """
    assembly.check(params)
    terms = Terms.of(params.get("queries", QUERIES), params.get("price_per_1000"), drawing.FEWEST)
    name = values.one_of("search", params.get("search", "surrogate"), SEARCHES)
    return terms, name, values.whole("top_k", params.get("top_k", TOP_K))


def _method(target: Target, k: int, search: Search) -> assembly.Method:
    asks = "can ask the model about records of its own making and sees"
    if access := reading.every_class(target):
        return assembly.Method(NAME, access, f"{asks} the probability of every class", search)
    return assembly.Method(NAME, Access.TOP_K, f"{asks} the {k} best scores of each", search)
