"""White-box model inversion: what do a model's weights show of each of its classes?

Fredrikson, Jha & Ristenpart, 'Model Inversion Attacks that Exploit Confidence Information and Basic Countermeasures' (CCS
2015). Reconstruction is in `ascent`, its presets in `settings`, the judgement in `assembly`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks.interface import AttackData, NotTestable, Outcome, Target
from govtool.attacks.inversion import ascent, assembly, settings
from govtool.attacks.inversion.question import Question, Reconstructions
from govtool.errors import WorkError

PARAMS = settings.PARAMS
NO_PRIOR = "A generative prior trained on public data would give an attacker sharper pictures than this one."


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Invert every class by gradients through the weights; see `assembly.run`. `params` beside its own: `settings.PARAMS`,
    and "device" (cpu or cuda) from the audit.

    Raises:
        InputError: a parameter has no meaning here; see `settings.chosen`.
    """
    return assembly.run(METHOD, target, data, params, rng)


def check(params: Mapping[str, Any]) -> None:
    """Raises InputError: a parameter has no such value for any model."""
    assembly.check(params)
    settings.check(params)


def _search(
    target: Target, asked: Question, params: Mapping[str, Any], rng: np.random.Generator
) -> Reconstructions | NotTestable:
    try:
        module = target.module()
    except WorkError as error:
        return NotTestable(f"there is nothing to differentiate: {error.message}")
    how = settings.chosen(module, asked.shape, params)
    found = ascent.reconstruct(module, asked, how, rng, str(params.get("device", "cpu")))
    return replace(found, caveats=(NO_PRIOR,))


METHOD = assembly.Method(
    "mi_face", Access.GRADIENTS, "holds the model's weights and can compute gradients through them", _search
)
