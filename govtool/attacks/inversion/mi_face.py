"""White-box model inversion: what does the model show of its classes to whoever holds its weights?

Fredrikson, Jha & Ristenpart, 'Model Inversion Attacks that Exploit Confidence Information and Basic Countermeasures' (CCS
2015). Reconstruction is in `ascent`, the judgement in `assembly`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks.interface import AttackData, NotTestable, Outcome, Target
from govtool.attacks.inversion import ascent, assembly
from govtool.attacks.inversion.question import Question, Reconstructions
from govtool.errors import WorkError

NO_PRIOR = "A generative prior trained on public data would give an attacker sharper pictures than this one."


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Invert every class by gradients through the weights; see `assembly.run`."""
    return assembly.run(METHOD, target, data, params, rng)


def _search(
    target: Target, asked: Question, _params: Mapping[str, Any], rng: np.random.Generator
) -> Reconstructions | NotTestable:
    try:
        module = target.module()
    except WorkError as error:
        return NotTestable(f"the weights are exposed, but there is nothing to differentiate: {error.message}")
    return replace(ascent.reconstruct(module, asked, rng), caveats=(NO_PRIOR,))


METHOD = assembly.Method(
    "mi_face", Access.GRADIENTS, "holds the model's weights and can compute gradients through them", _search
)
