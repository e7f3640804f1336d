"""Imputation with the model's answers as further inputs: whatever the answers add, a learner can find.

The attack model of the black-box literature (compared with plain imputation by Jayaraman & Evans, 'Are Attribute Inference
Attacks Just Imputation?', CCS 2022): trained on records of other people whose attribute is known, from their other
features, their label, and what the target answers with each candidate value filled in.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks.attribute import assembly
from govtool.attacks.attribute.case import Case, with_target
from govtool.attacks.interface import AttackData, Labels, Outcome, Target

NAME = "attribute_black_box"
LEARNT_OUTSIDE = (
    "The attack learns from records that the model was not trained on, so it can miss a memory that only training records "
    "show; attribute_csmia looks for that."
)


def guess(_target: Target, case: Case, _rng: np.random.Generator) -> Labels:
    return np.asarray(with_target(case).argmax(axis=1), dtype=np.int64)


METHOD = assembly.Method(
    name=NAME,
    needs=Access.PROBABILITIES,
    guess=guess,
    knowledge=(
        "asks the model for its confidence in each record with each value filled in, and trains an attack model on the "
        "other people's records and the answers to them"
    ),
    caveats=(LEARNT_OUTSIDE,),
)


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """See `assembly.run`."""
    return assembly.run(METHOD, target, data, params, rng)
