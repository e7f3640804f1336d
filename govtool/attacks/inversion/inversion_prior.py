"""White-box model inversion with public data: which of the records that people could have does the model know?

The search stays among what a generator draws that has learnt from records of other people, or that somebody brings. After
GMI (Zhang et al., CVPR 2020), KEDMI (Chen et al., ICCV 2021) and PPA (Struppek et al., ICML 2022). The search is in
`priors.latent_search`, the judgement in `assembly`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks import values
from govtool.attacks.interface import AttackData, NotTestable, Outcome, Target
from govtool.attacks.inversion import assembly
from govtool.attacks.inversion.priors import choice, latent_search
from govtool.attacks.inversion.question import Question, Reconstructions
from govtool.errors import InputError, WorkError


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Invert every class among what a prior can draw; see `assembly.run`. `params` besides: "prior" (`choice.NAMES`).

    Raises:
        InputError: no such prior, or a generator that does not fit the model.
    """
    return assembly.run(METHOD, target, data, params, rng)


def check(params: Mapping[str, Any]) -> None:
    """Raises InputError: a parameter has no such value, or both a prior and a generator are named."""
    assembly.check(params)
    name = values.one_of("prior", params.get("prior", choice.AUTO), choice.NAMES)
    generator = params.get("generator")
    if generator is not None and not (isinstance(generator, Mapping) and "model" in generator):
        raise InputError(
            "'generator' says which registered model draws", hint="generator: {model: NAME@VERSION, latent: 128}"
        )
    if generator is not None and name != choice.AUTO:
        raise InputError(f"give a generator or 'prior: {name}', not both")


def _search(
    target: Target, asked: Question, params: Mapping[str, Any], rng: np.random.Generator
) -> Reconstructions | NotTestable:
    try:
        module = target.module()
    except WorkError as error:
        return NotTestable(f"there is nothing to differentiate: {error.message}")
    if asked.generator is None and params.get("generator") is not None:
        return NotTestable("a generator is named and was not handed over")
    prior = choice.prior(asked, params.get("prior", choice.AUTO), rng)
    if isinstance(prior, NotTestable):
        return prior
    return replace(latent_search.search(module, prior, asked, rng), caveats=_caveats(asked))


def _caveats(asked: Question) -> tuple[str, ...]:
    if asked.generator is not None:
        learnt = "If it has learnt from the people that this model was trained on, the pictures may show what it knows of them."
        return (f"The prior is the generator {asked.generator.name}. {learnt}",)
    assert asked.public is not None
    return (f"The prior has learnt from {len(asked.public):,} public records; more of them would make it stronger.",)


METHOD = assembly.Method(
    "inversion_prior",
    Access.GRADIENTS,
    "holds the model's weights, can compute gradients through them, has public records of other people or a generator of such",
    _search,
)
