"""Property inference from answers: what models of either world say to the same queries, and which of them the target is like.

A meta-classifier on the confidences of shadow models (Ateniese et al. 2015; Mahloujifar, Ghosh & Chase, S&P 2022, without
their poisoning). Beside it stands the loss test of Suri & Evans (PETS 2022), how well a model does on each kind of record.
The better of the two on shadow models is used.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks import signals
from govtool.attacks.interface import AttackData, FloatArray, Mask, NotApplicable, NotTestable, Outcome, Target
from govtool.attacks.property import assembly, meta
from govtool.attacks.property.worlds import Queries

ATTACK = "property_answers"


def run(target: Target, data: AttackData, _params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Needs `data.worlds`, and probabilities of the target for its queries."""
    if Access.PROBABILITIES not in reachable(target.access):
        return NotApplicable("the attack reads probabilities, which the deployment does not expose")
    worlds = data.worlds
    if worlds is None:
        return NotTestable(assembly.NOT_ASKED)
    if reason := assembly.unfit(worlds, worlds.shadows, worlds.tests):
        return NotTestable(reason)
    queries = worlds.queries
    asked = signals.phi(target.log_probabilities(queries.features), queries.labels)[None]
    mismatch = float((worlds.shadows.answers > 0).mean() - (asked > 0).mean())
    return assembly.assess(
        attack=ATTACK,
        knowledge=(
            f"The attacker sees the model's probabilities for {len(queries)} queries, knows how it was trained, and holds records of "
            f"the same kind of people, from which shadow models of both worlds were trained."
        ),
        access=Access.PROBABILITIES,
        worlds=worlds,
        models=(worlds.shadows, worlds.tests),
        read=assembly.Read(
            assembly.answers(worlds.shadows),
            assembly.answers(worlds.tests),
            (assembly.clipped(asked),),
            None
            if worlds.control is None
            else (assembly.answers(worlds.control[0]), assembly.answers(worlds.control[1])),
        ),
        candidates={"every answer": meta.logistic, "loss test": _loss_test(queries)},
        rng=rng,
        detail={"mismatch": {"query_accuracy_gap": mismatch}},
        caveats=_unlike(mismatch),
    )


def _loss_test(queries: Queries) -> meta.Fit:
    def fit(readings: tuple[FloatArray, ...], world: Mask, rng: np.random.Generator) -> meta.Decide:
        decide = meta.logistic((assembly.group_means(queries, readings[0]),), world, rng)
        return lambda asked: decide((assembly.group_means(queries, asked[0]),))

    return fit


def _unlike(gap: float) -> tuple[str, ...]:
    if abs(gap) <= assembly.MISMATCH:
        return ()
    more = "more" if gap > 0 else "fewer"
    return (
        f"Shadow models answer {abs(gap):.1%} {more} of the queries correctly than the target, so they are not trained like it.",
    )
