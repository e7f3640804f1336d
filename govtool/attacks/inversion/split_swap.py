"""Is it the person or the photo? Twin models tell whether a drawing shows a class or the very records trained on.

Two models are trained by the target's recipe on disjoint halves of its records, the same classes in both, and inverted
alike (`mi_face`). Advantage = mean over classes of [s(R_A, A) - s(R_B, A) + s(R_B, B) - s(R_A, B)] / 2, where R_A is the
drawing from the model of half A and s(R, X) the mean likeness of R to the class's records in half X. What both models know
of the class cancels out. Beside it: how often the record nearest to a drawing is one that its model was trained on; one
in two by chance.

It is a test of the recipe on these records, not of one set of weights; for the weights themselves see `single_model`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks import values
from govtool.attacks.finding import Finding, Limited, decide
from govtool.attacks.interface import (
    AttackData,
    AttackResult,
    FloatArray,
    Labels,
    NotApplicable,
    NotTestable,
    Outcome,
    Records,
    Target,
    Twins,
)
from govtool.attacks.inversion import assembly, mi_face, over_classes, planted, single_model, swap, weight
from govtool.attacks.inversion.likeness import Likeness, typical_distance
from govtool.attacks.inversion.question import Bounds, Question, Shape
from govtool.estimate import Estimate
from govtool.verdict import Verdict

NAME = "inversion_split_swap"
FEWEST_CLASSES = 5
"""Classes are the units that intervals are over; fewer give none worth the name."""

ADVANTAGE_LEAK, ADVANTAGE_LOW = 0.05, 0.02
NEAREST_LEAK = 0.60
CONTROL_ADVANTAGE, CONTROL_NEAREST = 0.10, 0.90
"""What a model of one record per class must show, or the test has no power on these records."""
CONTROL_PAIRS = 4
WORSE = 0.10
"""By how much less often than the target twins may be right about the records that they were trained on."""
MOST_SPLITS = 64
"""That may be asked for; each costs two trainings and two inversions."""

_RECIPE_NOT_WEIGHTS = (
    "The swap tests the recipe on these records, with models trained anew on half of them: {own} of a class where the target has "
    "about {all}. A model that has seen fewer records of a class as a rule shows more of each, so the figures err on the side "
    "of alarm."
)
_TABLE = "The limits were measured on pictures; on tables, where likeness is a distance, they are a convention without such a basis."


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Invert both models of every pair and compare. `params`: "shape" as for `mi_face`, "positive_control" (from `control`).

    Raises:
        InputError: the shape does not fit the features.
    """
    if Access.GRADIENTS not in reachable(target.access):
        exposed = ", ".join(sorted(target.access)) or "nothing"
        return NotApplicable(f"the attack needs {Access.GRADIENTS} and the deployment exposes only: {exposed}")
    if data.twins is None:
        return NotTestable("no twin models were trained, on halves of the records, to compare their drawings")
    scene = Scene.of(data, params)
    found = scene.measure(data.twins, rng)
    if isinstance(found, NotTestable):
        return found
    proxy = scene.proxy(target, rng)
    return _result(data, data.twins, scene, found, proxy, params.get("positive_control"), unlike(target, data))


def control(data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """The same test on models that hold a single record of each class: what `params["positive_control"]` takes.

    Raises:
        InputError: the shape does not fit the features.
    """
    if data.twins is None:
        return {"passed": False, "how": "no twin models were trained"}
    scene = Scene.of(data, params)
    halves = [
        (_one_of_each(data.members.labels, first, rng), _one_of_each(data.members.labels, second, rng))
        for first, second in data.twins.halves[:CONTROL_PAIRS]
    ]
    models = [(scene.planted(first), scene.planted(second)) for first, second in halves]
    how = "softmax regression trained on one record of each class"
    found = scene.measure(Twins(models, halves, how), rng)
    if isinstance(found, NotTestable):
        return {"passed": False, "how": f"{how}; the test could not be run on it: {found.reason}"}
    advantage, nearest = found.advantage, found.nearest
    passed = advantage.value >= CONTROL_ADVANTAGE and nearest.value >= CONTROL_NEAREST
    return {
        "passed": passed,
        "how": f"{how}: advantage {advantage.value:.3f} ({CONTROL_ADVANTAGE:.2f} wanted), nearest record is a training "
        f"record in {nearest.value:.0%} ({CONTROL_NEAREST:.0%} wanted)",
        "advantage": advantage.to_dict(),
        "rate": nearest.to_dict(),
    }


def check(params: Mapping[str, Any]) -> None:
    """Raises InputError: "shape" is none, or "splits" is not a number of splits from 1 to 64."""
    if params.get("shape") is not None:
        values.sides("shape", params["shape"])
    if params.get("splits") is not None:
        values.whole("splits", params["splits"], most=MOST_SPLITS)


@dataclass(frozen=True)
class Measured:
    """What all pairs together show; classes are the units."""

    classes: Labels
    shown: list[swap.Shown]
    """Of each pair."""
    references: dict[str, list[swap.Shown]]
    """The same comparisons for what is known beside the drawings."""
    advantage: Estimate
    nearest: Estimate
    identity: Estimate
    drawn: FloatArray
    """(pairs, 2, classes, features)."""
    words: str
    """What likeness means here."""


@dataclass(frozen=True)
class Scene:
    """What stays the same whichever models are inverted."""

    data: AttackData
    params: Mapping[str, Any]
    shape: Shape | None
    bounds: Bounds
    units: FloatArray
    """(members, features), flat, in range units."""

    @classmethod
    def of(cls, data: AttackData, params: Mapping[str, Any]) -> "Scene":
        shape = assembly.picture_shape(data, params)
        known = data.nonmembers if len(data.nonmembers) else data.members  # what an attacker can know of the range
        bounds = Bounds.of(known.features, image=shape is not None)
        units = bounds.to_units(data.members.features)
        return cls(data, params, shape, bounds, units.reshape(len(units), -1))

    def measure(self, twins: Twins, rng: np.random.Generator) -> Measured | NotTestable:
        labels = self.data.members.labels
        cases = [swap.Case.of(self.units, labels, half, rng) for half in twins.halves]
        classes = cases[0].classes
        if len(classes) < FEWEST_CLASSES:
            return NotTestable(
                f"{len(classes)} classes have records in both halves, and intervals over fewer than {FEWEST_CLASSES} say nothing"
            )
        likeness = Likeness(self.shape, 1.0 if self.shape else _typical(cases[0]))
        if likeness.typical == 0:
            return NotTestable("all records of a class are the same, so none can be told from another")
        drawn = []
        for models, case in zip(twins.models, cases, strict=True):
            first, second = (self.draw(model, case.classes, rng) for model in models)
            if isinstance(first, NotTestable):
                return first
            if isinstance(second, NotTestable):
                return second
            drawn.append(np.stack([first, second]))
        shown = [swap.compare(one, case, likeness) for one, case in zip(drawn, cases, strict=True)]
        means = [swap.compare(case.means, case, likeness) for case in cases]
        overall = [swap.compare(_overall(case), case, likeness) for case in cases]
        return Measured(
            classes,
            shown,
            {"the mean of the class's training records": means, "the mean of all training records": overall},
            over_classes.mean(np.mean([one.advantage for one in shown], axis=0), rng),
            over_classes.rate(np.concatenate([one.hits for one in shown], axis=1)),
            over_classes.mean(np.mean([one.identity for one in shown], axis=0), rng),
            np.stack(drawn),
            likeness.words,
        )

    def draw(self, target: Target, classes: Labels, rng: np.random.Generator) -> FloatArray | NotTestable:
        """(classes, features) in range units: what the white-box search makes of the model."""
        asked = Question(classes, self.bounds, self.shape, self.data.public)
        found = mi_face.METHOD.search(target, asked, self.params, rng)
        if isinstance(found, NotTestable):
            return found
        return self.bounds.to_units(found.inputs).reshape(len(classes), -1)

    def planted(self, rows: Labels) -> Target:
        members = self.data.members
        return planted.softmax(Records(members.features[rows], members.labels[rows]), self.bounds)

    def proxy(self, target: Target, rng: np.random.Generator) -> dict[str, Any] | None:
        """The weaker evidence from the target itself."""
        members, held = self.data.members, self.data.nonmembers
        classes = np.intersect1d(members.labels, held.labels).astype(np.int64)
        if not len(classes):
            return None
        drawn = self.draw(target, classes, rng)
        if isinstance(drawn, NotTestable):
            return None
        outside = self.bounds.to_units(held.features).reshape(len(held), -1)
        trained, never = single_model.Group(self.units, members.labels), single_model.Group(outside, held.labels)
        return single_model.distance_ratio(drawn, classes, trained, never, rng)


def unlike(target: Target, data: AttackData) -> str:
    """Why twins that remember nothing say nothing of the target; '' where they fit their own records as it fits its members.

    The control does not see it: its models are trained by no recipe of the spec.
    """
    assert data.twins is not None
    members = data.members

    def right(model: Target, rows: Labels) -> float:
        return float((model.labels(members.features[rows]) == members.labels[rows]).mean())

    pairs = zip(data.twins.models, data.twins.halves, strict=True)
    own = float(
        np.mean([right(one, rows) for models, halves in pairs for one, rows in zip(models, halves, strict=True)])
    )
    whole = right(target, np.arange(len(members)))
    if own >= whole - WORSE:
        return ""
    return (
        f"the models trained by the spec's recipe are right about {own:.0%} of their own training records and the target about "
        f"{whole:.0%}, so they were not trained as it was"
    )


def judge(advantage: Estimate, nearest: Estimate, *, passed: bool | None) -> Finding:
    """Whether records trained on are shown; by limits measured on faces, never a pass without a planted leak found."""
    found = decide(
        weight.RECORD_MEMORISED,
        [
            Limited("advantage of the records trained on", advantage, ADVANTAGE_LEAK, ADVANTAGE_LOW),
            Limited("the record nearest to a drawing is one trained on", nearest, NEAREST_LEAK, NEAREST_LEAK),
        ],
        control=passed,
    )
    return replace(found, legal_weight=weight.LEGAL_WEIGHT[weight.RECORD_MEMORISED])


def _result(
    data: AttackData,
    twins: Twins,
    scene: Scene,
    found: Measured,
    proxy: dict[str, Any] | None,
    control: Mapping[str, Any] | None,
    unlike: str,
) -> AttackResult:
    passed = None if control is None else bool(control["passed"])
    finding = judge(found.advantage, found.nearest, passed=passed)
    void = ""
    if finding.verdict is not Verdict.FAIL:  # a leak that was found needs no proof of power
        failed = (
            f"the test did not succeed on models made to remember ({control['how']})" if control and not passed else ""
        )
        if reason := failed or unlike:
            void = f"{reason}, so its figures show nothing"
            finding = replace(finding, verdict=Verdict.INCONCLUSIVE, reason=f"The figures do not count: {reason}.")
    return AttackResult(
        attack=NAME,
        family=assembly.FAMILY,
        knowledge="The attacker holds the weights of a model and can compute gradients through them; whose records it was "
        "trained on, it does not know.",
        access=frozenset({Access.GRADIENTS}),
        metrics={
            "swap_advantage": found.advantage,
            "nearest_is_training": found.nearest,
            "identity_signal": found.identity,
        },
        baselines={"swap_advantage": 0.0, "nearest_is_training": 0.5, "identity_signal": 0.0},
        counts=None,
        arrays={
            "labels": found.classes,
            "likeness": np.stack([one.likeness for one in found.shown]),
            "nearest_is_training": np.stack([one.hits for one in found.shown]),
        },
        detail={
            "findings": [finding.to_dict()],
            "splits": len(twins.models),
            "twins": twins.how,
            "likeness": found.words,
            "beside": _beside(found),
            "single_model": proxy,
            "chance": 0.5,
            "positive_control": dict(control) if control else {"passed": None, "how": "not run"},
        },
        caveats=_caveats(data, twins, scene, found, control),
        void=void,
    )


def _beside(found: Measured) -> list[dict[str, Any]]:
    """Mean likeness to the records trained on and to the others, of the drawings and of what they must be read against."""
    rows = {"the drawing": found.shown, **found.references}
    return [
        {
            "row": name,
            "training": float(np.mean([one.likeness[:, [0, 1], [0, 1]] for one in shown])),
            "other": float(np.mean([one.likeness[:, [0, 1], [1, 0]] for one in shown])),
            "advantage": float(np.mean([one.advantage for one in shown])),
        }
        for name, shown in rows.items()
    ]


def _caveats(
    data: AttackData, twins: Twins, scene: Scene, found: Measured, control: Mapping[str, Any] | None
) -> list[str]:
    labels = data.members.labels
    own, whole = len(twins.halves[0][0]) / len(found.classes), len(labels) / max(1, len(np.unique(labels)))
    said = [_RECIPE_NOT_WEIGHTS.format(own=f"{own:.3g}", all=f"{whole:.3g}")]
    left = len(np.unique(labels)) - len(found.classes)
    if left:
        said.append(f"{left} classes with a single record were left out: one record cannot be in both halves.")
    if scene.shape is None:
        said += ["The features were taken for a table; give the image's shape if they are pixels.", _TABLE]
    if over_classes.rate(_coin(found)).high >= NEAREST_LEAK:
        said.append(
            f"With {len(found.classes)} classes and {len(twins.models)} splits not even a model that shows no record could be "
            f"surely below {NEAREST_LEAK:.0%}; more splits are needed for that."
        )
    if control is None:
        said.append("No positive control was run: low figures may mean a weak attack and not a private model.")
    return said


def _coin(found: Measured) -> FloatArray:
    """Hits of drawings that owe nothing to the records: one of the two in every class and split."""
    return np.tile([1.0, 0.0], (len(found.classes), len(found.shown)))


def _typical(case: swap.Case) -> float:
    return typical_distance(list(zip(*case.records, strict=True)))


def _overall(case: swap.Case) -> FloatArray:
    """(2, classes, features): the mean of everybody in either half, for every class."""
    return np.stack(
        [np.repeat(np.concatenate(list(half)).mean(axis=0)[None], len(case.classes), axis=0) for half in case.records]
    )


def _one_of_each(labels: Labels, half: Labels, rng: np.random.Generator) -> Labels:
    return np.array([rng.choice(half[labels[half] == label]) for label in np.unique(labels[half])], dtype=np.int64)
