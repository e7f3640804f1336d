"""The floor of label-only attacks: whoever the model gets right is called a member.

Yeom, Giacomelli, Fredrikson & Jha, 'Privacy Risk in Machine Learning' (CSF 2018, arXiv 1709.01604), adversary 1; its
advantage is the gap between training and test accuracy.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks.interface import AttackData, Outcome, Target
from govtool.attacks.membership import answers, assembly

NAME = "gap"


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Score 1 where the model names the record's label, 0 where not. One query a record; labels are enough."""
    if (obstacle := assembly.obstacle(target, data, Access.LABELS)) is not None:
        return obstacle
    return assembly.assess(
        attack=NAME,
        knowledge="The attacker can query the model, sees only the label it names, and knows the record's true label.",
        data=data,
        scores=answers.asked(target, data, params).right.astype(np.float64),
        threshold=assembly.Threshold(0.5, "right or wrong; there is no other"),
        params=params,
        rng=rng,
        needs=Access.LABELS,
        detail={"queries": len(data.labels), "queries_per_record": 1},
        caveats=[
            "Right answers are all it looks at, so it cannot find a member without suspecting every record that any model gets right."
        ],
    )
