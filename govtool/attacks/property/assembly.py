"""From a meta-classifier to a property inference result: the same figures, checks and caveats for every such attack.

The attack is scored on test models, trained on records that no shadow model saw, half in each world. Only then is it
pointed at the target. What it finds is a property of the training set as a whole: a group-level risk, such as a trade
secret or a group's reputation, and not personal data of one person under the GDPR.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks import statistics, validity
from govtool.attacks.interface import AttackResult, FloatArray, Mask
from govtool.attacks.property.meta import Fit, choose, curve
from govtool.attacks.property.worlds import Models, PropertyWorlds, Queries
from govtool.errors import InputError
from govtool.estimate import Estimate, clopper_pearson

FAMILY = "property_inference"
METRIC = "world_accuracy"
AREA = "world_auc"
CHANCE = validity.CHANCE
ENOUGH = 200
"""Test models below which a low figure settles nothing: at 50, the 95 % interval is 0.28 wide."""
FEWEST = 8
"""Models of each world below which no meta-classifier is fitted, and none is scored."""
MISMATCH = 0.05
_RATIO = (0.8, 1.25)

NOT_ASKED = "the spec has no section 'property', which says which property and which worlds to tell apart"
GROUP_LEVEL = (
    "Group-level risk: the figure is about a property of the training set as a whole. It is not personal data of one person "
    "under the GDPR, and says nothing about who was in the training data."
)
POOL = (
    "The interval takes test models as independent, given the pools they were drawn from; other records of the same kind can "
    "give another figure."
)


@dataclass(frozen=True)
class Read:
    """What one attack reads off models: of the shadows, the test models, the target, and the control's two groups."""

    shadows: tuple[FloatArray, ...]
    tests: tuple[FloatArray, ...]
    target: tuple[FloatArray, ...]
    control: tuple[tuple[FloatArray, ...], tuple[FloatArray, ...]] | None


def unfit(worlds: PropertyWorlds, shadows: Models, tests: Models) -> str:
    """Why these models cannot be attacked with; '' when they can.

    Raises:
        InputError: the arrays do not belong together.
    """
    for name, models in (("shadow", shadows), ("test", tests)):
        if models.answers.shape != (len(models.world), models.answers.shape[-1]):
            raise InputError(f"{name} models: answers {models.answers.shape} for {len(models.world)} models")
        if not np.isfinite(models.answers).all():
            raise InputError(f"{name} models: answers are not finite", hint="did a model diverge in training?")
        fewest = min(int(models.world.sum()), int((~models.world).sum()))
        if fewest < FEWEST:
            return f"{fewest} {name} models in one of the worlds; at least {FEWEST} in each are needed"
    if worlds.fractions[0] > worlds.fractions[1]:
        raise InputError(f"worlds {worlds.fractions}: the first fraction is the lower one")
    return ""


def assess(
    *,
    attack: str,
    knowledge: str,
    access: Access,
    worlds: PropertyWorlds,
    models: tuple[Models, Models],
    read: Read,
    candidates: Mapping[str, Fit],
    rng: np.random.Generator,
    detail: Mapping[str, Any] | None = None,
    caveats: tuple[str, ...] = (),
) -> AttackResult:
    """Fit on the shadows of `models`, score on its test models, judge the control, and ask about the target."""
    shadows, tests = models
    chosen = choose(candidates, read.shadows, shadows.world, rng)
    scores = chosen.decide(read.tests)
    auc = statistics.auc(scores, tests.world, validity.TWO_LOOKS)
    accuracy, misfit = _accuracy(scores, tests.world, auc, rng)
    control = _control(worlds, read, candidates, rng)
    void = _void(accuracy, auc, control)
    pointed = _target(worlds, float(chosen.decide(read.target)[0]), scores, tests.world)
    return AttackResult(
        attack=attack,
        family=FAMILY,
        knowledge=knowledge,
        access=frozenset({access}),
        metrics={METRIC: accuracy, AREA: auc},
        baselines={METRIC: CHANCE, AREA: CHANCE},
        counts=None,
        arrays={
            "scores": scores,
            "world": tests.world,
            "shadow_world": shadows.world,
            "shadow_scores": chosen.decide(read.shadows),
            "target_score": np.array([pointed["score"]]),
        },
        detail={
            "risk": "group",
            "property": _described(worlds, models),
            "conclusion": "none, for the test does not count" if void else _conclusion(accuracy),
            "meta_classifier": {"name": chosen.name, "cross_validated_log_loss": dict(chosen.losses)},
            "target": pointed,
            "positive_control": control,
            **(detail or {}),
        },
        caveats=[
            GROUP_LEVEL,
            *([misfit] if misfit else []),
            *caveats,
            *_caveats(worlds, accuracy, pointed, control),
            POOL,
        ],
        void=void,
    )


def answers(models: Models) -> tuple[FloatArray, ...]:
    """The black-box reading: logits beyond 20 are the same to anyone, and one of them must not outweigh the rest."""
    return (clipped(models.answers),)


def clipped(phi: FloatArray) -> FloatArray:
    return np.clip(phi, -20.0, 20.0)


def group_means(queries: Queries, phi: FloatArray) -> FloatArray:
    """(models, groups): mean phi over the queries of each label, with and without the property, where there are any."""
    groups = [
        chosen
        for label in np.unique(queries.labels)
        for has in (False, True)
        if (chosen := (queries.labels == label) & (queries.has == has)).any()
    ]
    return np.stack([clipped(phi)[:, chosen].mean(axis=1) for chosen in groups], axis=1)


def _accuracy(scores: FloatArray, world: Mask, auc: Estimate, rng: np.random.Generator) -> tuple[Estimate, str]:
    """How often the sign of the log odds is right; where only the line is misplaced, at a line that was not tuned here.

    Shadow and test pools can differ, and then all models of both worlds fall on one side of the shadows' line. Whoever
    knows the target's kind better would draw another, so the figure is taken with the line of one half of the test
    models on the other half, and this sentence is a caveat.
    """
    accuracy = clopper_pearson(int(np.sum((scores > 0) == world)), len(world))
    if auc.low <= CHANCE:
        return accuracy, ""
    _line, counts = statistics.held_out(scores, world, rng)
    right = counts.true_positives + counts.nonmembers - counts.false_positives
    held_out = clopper_pearson(right, counts.members + counts.nonmembers)
    surely = held_out.low > accuracy.high
    if not surely and (accuracy.low > CHANCE or held_out.low <= accuracy.low):
        return accuracy, ""
    return held_out, (
        f"The line that the shadow models draw does not fit the test models ({accuracy.value:.1%} right), although they can be "
        f"told apart (AUC {auc.value:.3f}); the figure is taken with a line from one half of them on the other half."
    )


def _control(
    worlds: PropertyWorlds, read: Read, candidates: Mapping[str, Fit], rng: np.random.Generator
) -> dict[str, Any]:
    if worlds.control is None or read.control is None:
        return {"passed": None, "auc": None, "how": "not run"}
    shadows, tests = worlds.control
    decide = choose(candidates, read.control[0], shadows.world, rng).decide
    scores = decide(read.control[1])
    accuracy = clopper_pearson(int(np.sum((scores > 0) == tests.world)), len(tests))
    return validity.positive_control(statistics.auc(scores, tests.world), worlds.how, accuracy)


def _target(worlds: PropertyWorlds, score: float, scores: FloatArray, world: Mask) -> dict[str, Any]:
    """Which world the target looks like, at even prior odds, by a logistic curve through the test models' log odds.

    n models cannot support a surer answer than 1 in n + 2 (Laplace's rule), so none is given.
    """
    limit = 1 / (len(scores) + 2)
    second = float(np.clip(curve(scores, world)(score), limit, 1 - limit))
    looks = worlds.fractions[int(second > CHANCE)]
    own = scores[world == (second > CHANCE)]
    return {
        "score": score,
        "looks_like": looks,
        "chance": max(second, 1 - second),
        "odds": max(second, 1 - second) / min(second, 1 - second),
        "outside": bool(score < scores.min() or score > scores.max()),
        "percentile": float(np.mean(own <= score)),
        "true_fraction": worlds.members_with,
    }


def _described(worlds: PropertyWorlds, models: tuple[Models, Models]) -> dict[str, Any]:
    return {
        "name": worlds.name,
        "worlds": list(worlds.fractions),
        "existence": worlds.fractions[0] == 0,
        "records": worlds.records,
        "shadow_models": len(models[0]),
        "test_models": len(models[1]),
        "queries": models[0].answers.shape[1],
        "pools": dict(worlds.pools),
        "poison": None if worlds.poisoned is None else worlds.poisoned.share,
    }


def _conclusion(accuracy: Estimate) -> str:
    if accuracy.low > CHANCE:
        return "the worlds are told apart better than by guessing"
    if accuracy.n < ENOUGH:
        return f"inconclusive: needs {ENOUGH - accuracy.n} more test models"
    return f"not told apart better than by guessing; right for up to {accuracy.high:.1%} of models is not ruled out"


def _void(accuracy: Estimate, auc: Estimate, control: Mapping[str, Any]) -> str:
    """A weak instrument's low figure is no figure; a leak that it found all the same is one."""
    if accuracy.low > CHANCE:
        return ""
    if control["passed"] is False:
        return f"the attack did not find a difference that was planted for it ({control['how']}), so its figure shows nothing"
    if accuracy.high < CHANCE or auc.high < CHANCE:
        return (
            "the attack does clearly worse than guessing, which an attacker could turn round: the records of shadow and test "
            "models differ in something else than the property"
        )
    return ""


def _caveats(
    worlds: PropertyWorlds, accuracy: Estimate, pointed: Mapping[str, Any], control: Mapping[str, Any]
) -> list[str]:
    found = []
    if accuracy.low <= CHANCE and accuracy.n < ENOUGH:
        found.append(
            f"Inconclusive: {accuracy.n} test models cannot show that the worlds look alike; {ENOUGH - accuracy.n} more are needed."
        )
    if pointed["outside"]:
        found.append(
            "The target lies outside the range of the test models: it was trained otherwise, or on another share than either "
            "world's, so which world it looks like means little."
        )
    trained = worlds.target_records
    if trained and not _RATIO[0] <= worlds.records / trained <= _RATIO[1]:
        found.append(
            f"Shadow and test models were trained on {worlds.records:,} records each, the target on {trained:,}; with more records a "
            f"share shows more clearly."
        )
    if control["passed"] is None:
        found.append(
            "No positive control was run: a low figure may mean a weak attack and not a model that gives nothing away."
        )
    return found
