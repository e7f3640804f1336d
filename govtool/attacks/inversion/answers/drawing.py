"""From a way of asking and a way of searching to reconstructions, with the bill."""

from collections.abc import Callable

import numpy as np

from govtool.attacks.interface import FloatArray, Labels
from govtool.attacks.inversion.answers import space
from govtool.attacks.inversion.answers.ledger import Ask, Ledger, Terms
from govtool.attacks.inversion.answers.space import Space
from govtool.attacks.inversion.answers.surrogate import Answer
from govtool.attacks.inversion.question import STILL, Question, Reconstructions

SearchLatents = Callable[[Answer, Space, Labels, int, np.random.Generator], FloatArray]
"""(answer, space, classes, budget, rng) -> (classes, size) latents."""

FEWEST = 50
"""Queries for each class under which there is nothing to try."""
BLOCK = 1 << 12
"""Records made at a time: a round of a hundred classes would not fit in memory at once."""
NO_PUBLIC = (
    "No public records were given (public: in the spec), so the search was among {what} and not among likely records; an "
    "attacker who has some may draw better ones."
)


def draw(
    ask: Ask, asked: Question, terms: Terms, search: SearchLatents, name: str, rng: np.random.Generator
) -> Reconstructions:
    """Search with what the terms allow, less one query for each class, by which the end is looked at."""
    where, ledger = space.of(asked), Ledger(ask, terms, len(asked.classes))

    def answer(latents: FloatArray) -> FloatArray:
        blocks = range(0, len(latents), BLOCK)
        return np.concatenate([ledger(asked.bounds.from_units(where.decode(latents[i : i + BLOCK]))) for i in blocks])

    units = where.decode(search(answer, where, asked.classes, ledger.left - len(asked.classes), rng))
    inputs = asked.bounds.from_units(units)
    last = np.nan_to_num(ledger(inputs))
    shown = last[np.arange(len(inputs)), asked.classes]
    bill = ledger.to_dict()
    return Reconstructions(
        inputs,
        shown,
        np.abs(units - 0.5).reshape(len(units), -1).max(axis=1) < STILL,
        last.argmax(axis=1) == asked.classes,
        detail={"queries": ledger.spent, "query_ledger": bill, "search": name, "searched": where.what},
        caveats=(ledger.sentence(), *([] if len(where.starts) else [NO_PUBLIC.format(what=where.what)])),
    )
