"""Property inference from the weights: a meta-classifier on shadow models that does not see how neurons are numbered.

Ganju, Wang, Yang, Gunter & Borisov, CCS 2018. Three representations, the best one on shadow models being used: sets of
neurons (`deepsets`); neurons sorted by the sum of their incoming weights; and how much weight each input has. With some
dozens of shadow models the last is far ahead (benchmarks/property.py); sets of neurons are made for thousands.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks.interface import AttackData, FloatArray, Mask, NotApplicable, NotTestable, Outcome, Target
from govtool.attacks.property import assembly, deepsets, meta, neurons
from govtool.attacks.property.worlds import PropertyWorlds
from govtool.errors import WorkError

ATTACK = "property_weights"


def run(target: Target, data: AttackData, _params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Needs `data.worlds` with layers, and the target's torch module, of linear layers only."""
    if Access.WEIGHTS not in target.access:
        return NotApplicable("the attack reads the weights, which the deployment does not expose")
    worlds = data.worlds
    if worlds is None:
        return NotTestable(assembly.NOT_ASKED)
    try:
        own = neurons.layers(target.module())
    except WorkError as error:
        return NotApplicable(f"the attack reads fully connected torch layers: {error.message}")
    if own is None:
        return NotApplicable("the attack reads fully connected layers, and the model has other weights")
    if reason := assembly.unfit(worlds, worlds.shadows, worlds.tests) or _unlike(worlds, own):
        return NotTestable(reason)
    assert worlds.shadows.layers is not None
    assert worlds.tests.layers is not None
    return assembly.assess(
        attack=ATTACK,
        knowledge=(
            "The attacker holds the model's weights, knows how it was trained, and holds records of the same kind of people, from "
            "which shadow models of both worlds were trained."
        ),
        access=Access.WEIGHTS,
        worlds=worlds,
        models=(worlds.shadows, worlds.tests),
        read=assembly.Read(worlds.shadows.layers, worlds.tests.layers, own, _control(worlds)),
        candidates={"norms of inputs": _norms, "sorted neurons": _sorted, "sets of neurons": deepsets.fit},
        rng=rng,
    )


def _sorted(readings: tuple[FloatArray, ...], world: Mask, rng: np.random.Generator) -> meta.Decide:
    decide = meta.logistic(neurons.in_order(readings), world, rng)
    return lambda asked: decide(neurons.in_order(asked))


def _norms(readings: tuple[FloatArray, ...], world: Mask, rng: np.random.Generator) -> meta.Decide:
    decide = meta.logistic((neurons.input_norms(readings),), world, rng)
    return lambda asked: decide((neurons.input_norms(asked),))


def _control(worlds: PropertyWorlds) -> tuple[tuple[FloatArray, ...], tuple[FloatArray, ...]] | None:
    if worlds.control is None or worlds.control[0].layers is None or worlds.control[1].layers is None:
        return None
    return worlds.control[0].layers, worlds.control[1].layers


def _unlike(worlds: PropertyWorlds, own: tuple[FloatArray, ...]) -> str:
    if worlds.shadows.layers is None or worlds.tests.layers is None:
        return "the weights of shadow and test models were not kept"
    trained = [layer.shape[1:] for layer in worlds.shadows.layers]
    if trained != [layer.shape[1:] for layer in own]:
        return "the recipe gives models of another shape than the target, so their weights cannot be compared"
    return ""
