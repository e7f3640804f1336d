"""How much surer the target is of a record than models that never saw it: difficulty taken out by subtraction.

Watson, Guo, Cormode & Sablayrolles, 'On the Importance of Difficulty Calibration in Membership Inference Attacks' (ICLR
2022, arXiv 2111.08440), equation 3: the loss of the references without the record, on average, less the target's.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.attacks.interface import AttackData, FloatArray, Outcome, Target
from govtool.attacks.membership import answers, assembly, moments, worlds
from govtool.attacks.membership.worlds import World

NAME = "calibrated_loss"


def scores(world: World) -> FloatArray:
    """(records,) log p of the target less the mean log p of the references without the record."""
    return world.read("log_probability") - moments.of(world, "log_probability")[1].mean


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Attack with the references in `data` that did not see each record.

    Raises:
        WorkError: the target's answers are not log probabilities.
        InputError: the reference arrays do not fit the records.
    """
    if (obstacle := assembly.obstacle(target, data) or assembly.reference_obstacle(data)) is not None:
        return obstacle
    assert data.references is not None
    world = worlds.real(answers.asked(target, data, params), data)
    mocks = worlds.mocks(world, rng)
    found = [(scores(mock.world), mock.members) for mock in mocks]
    return assembly.assess(
        attack=NAME,
        knowledge=assembly.reference_knowledge(data.references.count, online=False),
        data=data,
        scores=scores(world),
        threshold=assembly.mock_threshold(data, found, mocks),
        params=params,
        rng=rng,
        detail={"mock_targets": len(found)},
        caveats=assembly.class_caveats(world),
    )
