"""Model inversion, whatever the method: the question, the method's answer, and what independent judges make of it.

A method brings a `Search`, which gets the target and the question and never sees the truth. A class whose picture is
recovered is a person only where a class is one person.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks import values
from govtool.attacks.interface import (
    AttackData,
    AttackResult,
    Figure,
    Labels,
    NotApplicable,
    NotTestable,
    Outcome,
    RunAttack,
    Target,
)
from govtool.attacks.inversion import account, doubts, gain, line_up, montage, panel, planted
from govtool.attacks.inversion.account import Hearing
from govtool.attacks.inversion.panel import Case
from govtool.attacks.inversion.question import Bounds, Question, Reconstructions, Search, Shape
from govtool.attacks.inversion.recoverable import Heard
from govtool.errors import InputError
from govtool.estimate import clopper_pearson

FAMILY = "model_inversion"
FEWEST_CLASSES = 2
_PLANE, _VOLUME = 2, 3
_CHANNELS = (1, 3)
HALF = 0.5
FEWEST_RECORDS = 3
"""Records of a class a judge needs for training."""

CLASS_IS_NOT_A_RECORD = "Recovering a class mean is not recovering a person's record unless a class is one person."
_ROW_NAMES = ("reconstruction", "mean of the\ntraining records")


@dataclass(frozen=True)
class Method:
    """One way of inverting a model."""

    name: str
    needs: Access
    holds: str
    """What the attacker has, after 'The attacker'."""
    search: Search


def run(
    method: Method, target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator
) -> Outcome:
    """Invert every class and ask the panel. `params`: "shape" ([height, width] or [channels, height, width]) if the
    features are pixels, "pictures" (False keeps reconstructions out of the result), "positive_control" (from `control`), and
    whatever the method itself takes.

    Raises:
        InputError: the shape does not fit the features.
    """
    if method.needs not in reachable(target.access):
        exposed = ", ".join(sorted(target.access)) or "nothing"
        return NotApplicable(f"the attack needs {method.needs} and the deployment exposes only: {exposed}")
    if data.evaluation is None or len(data.evaluation) == 0:
        return NotTestable(
            "no evaluation records to train independent judges on, and the target's own opinion counts for nothing"
        )
    # An endpoint that answers with labels alone does not say how many classes it has.
    classes = _judgeable(data, target.n_classes or int(data.members.labels.max()) + 1)
    if len(classes) < FEWEST_CLASSES:
        return NotTestable(
            f"only {len(classes)} classes have {FEWEST_RECORDS} evaluation records and a member; two are needed"
        )
    shape = picture_shape(data, params)
    bounds = Bounds.of(data.evaluation.features, image=shape is not None)
    found = method.search(target, Question(classes, bounds, shape, data.public, data.generator), params, rng)
    if isinstance(found, NotTestable):
        return found
    case = Case.of(data, classes, found, bounds, rng)
    photos = line_up.gallery(*panel.learnt(data, case, bounds), rng)
    hearing = Hearing(case, panel.ask(data, case, bounds, shape), photos, shape, params.get("positive_control"))
    known = doubts.Known.of(target, data.members, classes)
    hearing = replace(hearing, doubt=doubts.not_drawn(found) or known.strangers)
    found = replace(found, detail={**found.detail, "members_known": asdict(known)})
    if found.alone:
        compared = gain.report(case, hearing.opinions, found.alone, bounds)
        found = replace(
            found, detail={**found.detail, "ensemble": compared}, caveats=(*found.caveats, compared["reading"])
        )
    return _result(method, target, data, bool(params.get("pictures", True)), found, hearing, rng)


def control(
    attack: RunAttack,
    access: frozenset[Access],
    data: AttackData,
    params: Mapping[str, Any],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Run the same attack, before the same judges, on a model that holds its classes' means for certain.

    It exposes `access` and no more, as the real target does.

    The answer is what `params["positive_control"]` takes: "passed" when the median judge names at least half of the classes, and
    surely more than chance would (an attack that finds less of a model that hides nothing would pass one that hides little),
    "how" in words, and "rate" (None when the attack could not be run).

    Raises:
        InputError: the shape does not fit the features.
    """
    shape = picture_shape(data, params)
    bounds = Bounds.of(data.members.features, image=shape is not None)
    model = planted.softmax(data.members, bounds)
    how = f"softmax regression trained on the {len(data.members)} members, to {model.accuracy:.1%} training accuracy"
    asked = {name: value for name, value in params.items() if name != "positive_control"} | {"pictures": False}
    data = replace(data, companions=tuple(planted.companion(one, data.members, bounds) for one in data.companions))
    found = attack(replace(model, access=access), data, asked, rng)
    if not isinstance(found, AttackResult):
        return {"passed": False, "how": f"{how}; the attack could not be run on it: {found.reason}", "rate": None}
    rate, chance = found.metrics["identification_rate"], found.baselines["identification_rate"]
    n = len(found.arrays["labels"])
    if found.void:
        how = f"{how}; {found.void}"
    elif clopper_pearson(n, n).low <= chance:
        how = f"{how}; with {n} classes not even naming all of them would surely be better than chance"
    elif rate.value < HALF:
        how = f"{how}; only {rate.value:.0%} of its {n} classes were named, and half are wanted"
    return {"passed": not found.void and rate.low > chance and rate.value >= HALF, "how": how, "rate": rate.to_dict()}


def _judgeable(data: AttackData, n_classes: int) -> Labels:
    """Classes with enough evaluation records to learn from and a member to compare with."""
    assert data.evaluation is not None
    seen = np.bincount(data.evaluation.labels, minlength=n_classes)[:n_classes]
    held = np.bincount(data.members.labels, minlength=n_classes)[:n_classes]
    return np.flatnonzero((seen >= FEWEST_RECORDS) & (held > 0)).astype(np.int64)


def check(params: Mapping[str, Any]) -> None:
    """Refuse what no attack of the family could make sense of.

    Raises:
        InputError: "shape" is none, or "pictures" is neither true nor false.
    """
    if params.get("shape") is not None:
        values.sides("shape", params["shape"])
    values.flag("pictures", params.get("pictures", True))


def picture_shape(data: AttackData, params: Mapping[str, Any]) -> Shape | None:
    """The image shape: asked for, or plain from (n, height, width) or (n, 1 or 3, height, width) features; None for a table.

    Raises:
        InputError: the shape asked for is none, has other than 1 or 3 channels, or does not fit the features.
    """
    record = data.members.features.shape[1:]
    given = params.get("shape")
    if given is None:
        if len(record) not in (_PLANE, _VOLUME) or (len(record) == _VOLUME and record[0] not in _CHANNELS):
            return None
        given = record
    sides = values.sides("shape", given)
    channels, height, width = (1, *sides) if len(sides) == _PLANE else sides
    if channels not in _CHANNELS:
        raise InputError(f"'shape' has {channels} channels; pictures are grey (1) or in colour (3)")
    if channels * height * width != int(np.prod(record)):
        said = " x ".join(str(side) for side in sides)
        raise InputError(f"shape {said} does not fit records of {int(np.prod(record))} features")
    return channels, height, width


def _result(
    method: Method,
    target: Target,
    data: AttackData,
    pictures: bool,
    found: Reconstructions,
    hearing: Hearing,
    rng: np.random.Generator,
) -> AttackResult:
    case, shape = hearing.case, hearing.shape
    told = account.of(hearing, found.confidence, rng)
    figures = _figures(case, shape) if pictures and shape is not None else []
    return AttackResult(
        attack=method.name,
        family=FAMILY,
        knowledge=f"The attacker {method.holds}, and knows the range of inputs"
        + (" and that they are pictures." if shape else "."),
        access=frozenset({method.needs}),
        metrics={
            "identification_rate": Heard(hearing.hits, len(case.labels)).median,
            "identification_rate_highest": hearing.highest,
        },
        baselines=dict.fromkeys(("identification_rate", "identification_rate_highest"), 1 / len(case.labels)),
        counts=None,
        arrays={
            "labels": case.labels,
            "target_confidence": found.confidence,
            "named": np.stack([opinion.named for opinion in hearing.opinions]),
            **({"reconstructions": found.inputs, "class_means": case.mean} if pictures else {}),
        },
        detail={
            **found.detail,
            **told,
            "positive_control": dict(hearing.control) if hearing.control else {"passed": None, "how": "not run"},
            "evaluation_records": 0 if data.evaluation is None else len(data.evaluation),
        },
        caveats=[*_caveats(target, hearing), *account.caveats(hearing, told), *found.caveats, *_grey(found, case)],
        figures=figures,
        void=hearing.void,
    )


def _caveats(target: Target, hearing: Hearing) -> list[str]:
    found, attacked = [CLASS_IS_NOT_A_RECORD], len(hearing.case.labels)
    if attacked < target.n_classes:
        found.append(
            f"{target.n_classes - attacked} of {target.n_classes} classes were not attacked: too few records to judge."
        )
    if hearing.shape is None:
        found.append("The features were taken for a table; give the image's shape if they are pixels.")
    if hearing.control is None:
        found.append("No positive control was run: a low rate may mean a weak attack and not a private model.")
    return found


def _grey(found: Reconstructions, case: Case) -> list[str]:
    """An empty picture is no picture of the class, and must not be read as one that the model keeps to itself."""
    sure = found.confidence > HALF
    said = [
        (found.grey & sure, "the model gives a plain grey picture this class already, so nothing was drawn."),
        (found.grey & ~sure, "the search found no way from the plain grey start, so nothing was drawn."),
    ]
    return [
        f"{'Class' if chosen.sum() == 1 else 'Classes'} {', '.join(str(label) for label in case.labels[chosen])}: {why}"
        for chosen, why in said
        if chosen.any()
    ]


def _figures(case: Case, shape: Shape) -> list[Figure]:
    shown = min(len(case.labels), montage.MOST)
    which = "Every class attacked" if shown == len(case.labels) else f"The first {shown} of {len(case.labels)} classes"
    caption = (
        f"{which}. Above: the picture reconstructed by the attacker. Below: the mean of the records of that "
        f"class that the model was trained on, for comparison; the attacker does not see it."
    )
    drawn = montage.draw(case.reconstructed, case.mean, case.labels, shape, _ROW_NAMES)
    return [drawn.figure("reconstructions", caption)]
