"""All score-based attacks in one: put together as references that posed as the target show they should be.

LOSS (Yeom et al. 2018), modified entropy (Song & Mittal 2021), calibrated loss (Watson et al. 2022), LiRA (Carlini et al.
2022) and RMIA (Zarifzadeh et al. 2024) read the same answers and the same references. Which of them is best differs from
model to model; a stack learnt on mock worlds (see `stacking`) is never worse than the best of them beyond noise.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from govtool.attacks import operating_point, statistics
from govtool.attacks.interface import AttackData, FloatArray, Outcome, Target
from govtool.attacks.membership import answers, assembly, lira, moments, people, rmia, stacking, worlds
from govtool.attacks.membership.rmia import Tuned
from govtool.attacks.membership.stacking import Choice, Examples
from govtool.attacks.membership.worlds import Mock, World

NAME = "combined"
ALIKE = 0.2
"""Kolmogorov-Smirnov distance up to which a target's phi is taken to be like the mocks', from whom the stack has learnt.
Measured: up to 0.07 between models of one recipe, 0.56 to 0.78 between a target stopped early and references that were not;
there the stack fell to an AUC of .60 where RMIA, which compares a record with itself, kept .82."""
OTHER_CLASSES = "modified_entropy"
"""A part that is shown and not stacked: it looks at answers about other classes, of which `World.cap` says nothing, so a
target that rounds its answers would be judged by what references that do not round have taught."""


def parts(world: World, tuned: Mapping[str, Tuned]) -> dict[str, FloatArray]:
    """By name, (records,) the score of every attack that is put together. `tuned` holds RMIA's modes that are possible."""
    inside, outside = moments.of(world, "phi")
    phi = world.read("phi")
    found = {
        "loss_threshold": world.read("log_probability"),
        "modified_entropy": -world.read("modified_entropy"),
        "calibrated_loss": world.read("log_probability") - moments.of(world, "log_probability")[1].mean,
        "calibrated_phi": phi - outside.mean,
        "rmia_offline": rmia.log_ratio(world, tuned["offline"], online=False),
    }
    if outside.freedom.any():
        found["lira_offline"] = lira.ratio(phi, inside, outside, online=False)
    if "online" in tuned:
        found["rmia_online"] = rmia.log_ratio(world, tuned["online"], online=True)
        if inside.freedom.any() and outside.freedom.any():
            found["lira_online"] = lira.ratio(phi, inside, outside, online=True)
    return found


def context(world: World, *, online: bool) -> dict[str, FloatArray]:
    """By name, (records,) what is no score, but tells how a score should be read: how hard the record is."""
    inside, outside = moments.of(world, "phi")
    found: dict[str, FloatArray] = {
        "out": outside.mean,
        "out_variance": np.log(lira.predictive(outside)[0]),
    }
    if online:
        found |= {"in": inside.mean, "in_variance": np.log(lira.predictive(inside)[0])}
    return found


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Attack with all there is. The figures of the parts, on the same records, are in `detail["parts"]`.

    Raises:
        WorkError: the target's answers are not log probabilities.
        InputError: the reference arrays do not fit the records.
        MissingExtraError: scikit-learn is not installed.
    """
    if (obstacle := assembly.obstacle(target, data) or assembly.reference_obstacle(data, fewest=2)) is not None:
        return obstacle
    assert data.references is not None
    online = worlds.covered(data.references.members, online=True)
    world = worlds.real(answers.asked(target, data, params), data)
    mocks = worlds.mocks(world, rng)
    tuned = {"offline": rmia.tune(mocks, online=False)}
    if online:
        tuned["online"] = rmia.tune(mocks, online=True)
    found = parts(world, tuned)
    posed = [(mock, parts(mock.world, tuned)) for mock in mocks]
    names = [name for name in found if name != OTHER_CLASSES and all(name in scored for _mock, scored in posed)]
    untried = "rmia_online" if online else "rmia_offline"
    distance = _distance(world, mocks)
    choice = stacking.choose(
        [Examples(_features(mock.world, scored, names, online), mock.members, mock.pair) for mock, scored in posed],
        names,
        untried,
        rng,
        certain=distance <= ALIKE,
    )
    scores = choice.score(_features(world, found, names, online))
    return assembly.assess(
        attack=NAME,
        knowledge=assembly.reference_knowledge(data.references.count, online=online),
        data=data,
        scores=scores,
        threshold=assembly.mock_threshold(data, choice.mock_scores, mocks),
        params=params,
        rng=rng,
        arrays={f"scores_{name}": values for name, values in found.items()},
        detail={
            "mode": "online" if online else "offline",
            "chosen": choice.name,
            "candidates": stacking.ranked(choice.merits),
            "parts": [_part(data, name, values) for name, values in found.items()],
            "tuned": {mode: {"temperature": one.temperature, "a": one.a} for mode, one in tuned.items()},
            "mock_targets": len(mocks),
            "distance_to_mocks": distance,
        },
        caveats=[*_caveats(choice, distance), *assembly.mode_caveats(True, online), *assembly.class_caveats(world)],
    )


def _features(world: World, found: Mapping[str, FloatArray], names: Sequence[str], online: bool) -> FloatArray:
    """(records, names + context): the scores first, in the order of their names."""
    return np.column_stack([*(found[name] for name in names), *context(world, online=online).values()])


def _part(data: AttackData, name: str, scores: FloatArray) -> dict[str, Any]:
    judged = people.judged(people.units(data), scores, data.membership)
    point = operating_point.tpr_at_fpr(judged.scores, judged.membership, assembly.HEADLINE_RATE)
    area = statistics.auc(judged.scores, judged.membership)
    return {"name": name, "auc": area.to_dict(), "tpr_at_fpr": point.to_dict()}


def _distance(world: World, mocks: Sequence[Mock]) -> float:
    """How unlike the target's phi is the mocks': 0 the same distribution, 1 apart. Whose a record is plays no part."""
    from scipy.stats import ks_2samp

    if not mocks:
        return 0.0
    return float(ks_2samp(world.read("phi"), np.concatenate([mock.world.read("phi") for mock in mocks])).statistic)


def _caveats(choice: Choice, distance: float) -> list[str]:
    if distance > ALIKE:
        start = f"The target answers unlike the reference models (Kolmogorov-Smirnov distance {distance:.2f})"
        rest = "train references by the target's own recipe to find more."
        return [f"{start}, so nothing learnt from them was used but {choice.name}; {rest}"]
    if choice.name in stacking.STACKS:
        return []
    if not choice.merits:
        return [f"With one pair of reference models nothing could be combined, so {choice.name} is what was used."]
    return [f"On references posing as the target no combination beat {choice.name} alone, so that is what was used."]
