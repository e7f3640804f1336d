"""SNAP: property inference by an attacker who may add a few training rows.

Chaudhari, Abascal, Oprea, Jagielski, Tramèr & Ullman, S&P 2023. Rows with the property and a label that they would not have
move the model's confidence on other rows with the property; the more genuine ones there are, the less. Only whoever
controls training can simulate it, so both the worlds and the target are trained anew with such rows: the result is about
a target that was poisoned, not about the weights as they are.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks.interface import AttackData, FloatArray, Mask, NotApplicable, NotTestable, Outcome, Target
from govtool.attacks.property import assembly, meta
from govtool.attacks.property.worlds import Poisoned

ATTACK = "property_snap"
NOBODY = "the spec assumes nobody who can add training rows (property: {poison: 0.006} would assume one who adds 0.6 %)"


def run(target: Target, data: AttackData, _params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Needs `data.worlds.poisoned`. The target itself is not asked: its poisoned twin was, when it was trained."""
    if Access.PROBABILITIES not in reachable(target.access):
        return NotApplicable("the attack reads probabilities, which the deployment does not expose")
    worlds = data.worlds
    if worlds is None:
        return NotTestable(assembly.NOT_ASKED)
    poisoned = worlds.poisoned
    if poisoned is None:
        return NotApplicable(NOBODY)
    if reason := assembly.unfit(worlds, poisoned.shadows, poisoned.tests):
        return NotTestable(reason)
    control = worlds.control
    return assembly.assess(
        attack=ATTACK,
        knowledge=(
            f"The attacker can add {poisoned.share:.2%} of rows to the training data, sees the model's probabilities for "
            f"{len(poisoned.queries)} queries, knows how it is trained, and holds records of the same kind of people."
        ),
        access=Access.PROBABILITIES,
        worlds=worlds,
        models=(poisoned.shadows, poisoned.tests),
        read=assembly.Read(
            assembly.answers(poisoned.shadows),
            assembly.answers(poisoned.tests),
            (assembly.clipped(poisoned.target[None]),),
            None if control is None else (assembly.answers(control[0]), assembly.answers(control[1])),
        ),
        candidates={"confidence test": _confidence_test, "every answer": meta.logistic},
        rng=rng,
        detail={"poison": _described(poisoned)},
        caveats=(
            f"It assumes an attacker who can add {poisoned.share:.2%} of training rows.",
            "What was attacked is not the model as it is but a twin, trained by the recipe on the members and the added rows.",
        ),
    )


def _confidence_test(readings: tuple[FloatArray, ...], world: Mask, rng: np.random.Generator) -> meta.Decide:
    """The mean confidence over the queries, which all have the property (their distinguishing test, over models)."""
    decide = meta.logistic((readings[0].mean(axis=1, keepdims=True),), world, rng)
    return lambda asked: decide((asked[0].mean(axis=1, keepdims=True),))


def _described(poisoned: Poisoned) -> dict[str, Any]:
    return {"share": poisoned.share, "label": poisoned.label, "queries": len(poisoned.queries)}
