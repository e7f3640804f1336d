"""From a score vector to a membership result: the same figures, checks and caveats for every membership attack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.access import Access, reachable
from govtool.attacks import operating_point, signals, statistics, validity
from govtool.attacks.interface import (
    AttackData,
    AttackResult,
    FloatArray,
    NotApplicable,
    NotTestable,
    References,
    Target,
)
from govtool.errors import InputError
from govtool.estimate import Counts, Estimate

FAMILY = "membership_inference"
FALSE_POSITIVE_RATES = (0.1, 0.01, 0.001)
HEADLINE_RATE = 0.01
MISMATCH = 0.05
FEWEST = validity.FEWEST
TELLING = 20
"""Records below which ties say nothing about saturation."""

ALWAYS = (
    "The figures are about this trained model and these records; another training run of the same recipe can leak differently.",
)


@dataclass(frozen=True)
class Threshold:
    """Where the attack draws the line, and why there. Never chosen on the records it is scored on."""

    value: float
    source: str


def obstacle(target: Target, data: AttackData) -> NotApplicable | NotTestable | None:
    """Why a probability-based membership attack cannot be run here, or None."""
    if Access.PROBABILITIES not in reachable(target.access):
        exposed = ", ".join(sorted(target.access)) or "nothing"
        return NotApplicable(f"the attack reads probabilities and the deployment exposes only: {exposed}")
    if min(len(data.members), len(data.nonmembers)) < FEWEST:
        return NotTestable(
            f"{len(data.members)} members and {len(data.nonmembers)} non-members; at least {FEWEST} of each are needed"
        )
    if data.references is not None:
        check_references(data, data.references)
    return None


def check_references(data: AttackData, references: References) -> None:
    """Refuse reference arrays that do not belong to these records.

    Raises:
        InputError: an array has another shape than the records, or holds NaN.
    """
    expected = {
        "log_probabilities": (references.count, len(data.labels)),
        "phi": (references.count, len(data.labels)),
        "members": (references.count, len(data.labels)),
        "population_log_probabilities": (references.count, len(data.population) if data.population else 0),
    }
    for name, shape in expected.items():
        array: NDArray[Any] = getattr(references, name)
        if array.shape != shape:
            raise InputError(f"reference models: {name} has shape {array.shape}, but the records need {shape}")
        if np.isnan(array).any():
            raise InputError(f"reference models: {name} holds NaN", hint="did a reference model diverge in training?")


def assess(
    *,
    attack: str,
    knowledge: str,
    data: AttackData,
    scores: FloatArray,
    threshold: Threshold | None,
    params: Mapping[str, Any],
    rng: np.random.Generator,
    arrays: Mapping[str, NDArray[Any]] | None = None,
    detail: Mapping[str, Any] | None = None,
    caveats: Sequence[str] = (),
) -> AttackResult:
    """Everything a membership result holds, from (members + non-members,) scores, members first.

    `params` may carry what the audit computed once for all attacks: "validity" (a `Validity`) and "positive_control"
    (from `validity.positive_control`).
    """
    checked: validity.Validity = params.get("validity") or validity.check(data, rng)
    control: Mapping[str, Any] | None = params.get("positive_control")
    membership = data.membership
    counts = statistics.counts_at(scores, membership, threshold.value) if threshold else None
    _line, own_counts = statistics.held_out(scores, membership, rng)
    held_out = own_counts.balanced_accuracy() if counts else None
    misfit = _misfit(counts, statistics.auc(scores, membership), held_out) if counts and held_out else ""
    if misfit:
        counts = own_counts
    points = [operating_point.tpr_at_fpr(scores, membership, rate) for rate in FALSE_POSITIVE_RATES]
    metrics: dict[str, Estimate] = {"auc": statistics.auc(scores, membership)}
    baselines = {"auc": 0.5}
    if counts:
        metrics["balanced_accuracy"] = counts.balanced_accuracy()
        baselines["balanced_accuracy"] = 0.5
    for point in points:
        if point.fpr == HEADLINE_RATE and point.estimate:
            metrics[f"tpr_at_fpr_{point.fpr}"] = point.estimate
            baselines[f"tpr_at_fpr_{point.fpr}"] = point.fpr
    references = data.references
    return AttackResult(
        attack=attack,
        family=FAMILY,
        knowledge=knowledge,
        access=frozenset({Access.PROBABILITIES}),
        metrics=metrics,
        baselines=baselines,
        counts=counts,
        arrays={"scores": scores, "membership": membership, "labels": data.labels, **(arrays or {})},
        detail={
            "roc": statistics.roc(scores, membership).to_dict(),
            "tpr_at_fpr": [point.to_dict() for point in points],
            "threshold": {"value": threshold.value, "source": threshold.source} if threshold else None,
            "threshold_misfit": misfit,
            "held_out_balanced_accuracy": held_out.to_dict() if held_out else None,
            "positive_control": dict(control) if control else {"passed": None, "auc": None, "how": "not run"},
            "blind_baseline": {"auc": checked.blind_auc.to_dict(), "passed": checked.blind_passed},
            "duplicates": checked.duplicates,
            "label_gap": {"total_variation": checked.label_gap, "p_value": checked.label_p_value},
            "references": references.count if references else 0,
            "mismatch": dict(references.mismatch) if references else {},
            **(detail or {}),
        },
        caveats=[*([misfit] if misfit else []), *caveats, *checked.caveats, *_caveats(data, scores, control), *ALWAYS],
        void=checked.void or _failed(control),
    )


def _failed(control: Mapping[str, Any] | None) -> str:
    """A failed control voids even a high score: a policy might else read a weak instrument's low figure as a pass."""
    if control is None or control["passed"]:
        return ""
    return f"the attack did not find a leak that was planted for it ({control['how']}), so its figures show nothing"


def _misfit(counts: Counts, auc: Estimate, held_out: Estimate) -> str:
    """A threshold that was brought from elsewhere and misses this model's scores would make a leak look like none.

    Where it does, the figure is taken at the yardstick instead, and this sentence is a caveat.

    The yardstick is the best threshold of one random half of the same records, on the other half; with few records it can
    show little, but a threshold that tells nobody apart shows itself.
    """
    transferred = counts.balanced_accuracy()
    start = "The transferred threshold does not fit this model: it"
    advice = (
        "so the figure is taken at a threshold chosen on a random half of these records and scored on the other half. "
        "Train the references by the target's own recipe"
    )
    called = counts.true_positives + counts.false_positives
    if called in (0, counts.members + counts.nonmembers) and auc.low > validity.CHANCE:
        return (
            f"{start} calls {'every' if called else 'no'} record a member, while the scores do tell members from "
            f"non-members (AUC {auc.value:.3f}, at least {auc.low:.3f}); {advice}."
        )
    if held_out.low > transferred.high:
        return (
            f"{start} sorts {transferred.value:.1%} of an equal mix of members and non-members correctly (at most "
            f"{transferred.high:.1%}), and a threshold chosen on half of these records sorts {held_out.value:.1%} of the "
            f"other half (at least {held_out.low:.1%}); {advice}."
        )
    return ""


def _caveats(data: AttackData, scores: FloatArray, control: Mapping[str, Any] | None) -> list[str]:
    found = []
    share = signals.saturation(scores)
    if share > signals.SATURATED and len(scores) >= TELLING:
        found.append(
            f"{share:.0%} of the records have one and the same score: the model's answers are rounded or saturated, and the "
            f"attack is duller than one with finer answers would be."
        )
    gap = data.references.mismatch.get("train_accuracy_gap", 0.0) if data.references else 0.0
    if abs(gap) > MISMATCH:
        found.append(
            f"The reference models' training accuracy differs from the target's by {abs(gap):.1%}; the attack is weaker than "
            f"with references trained by the target's own recipe."
        )
    people = _people(data)
    if people is not None and people < len(data.labels):
        found.append(
            f"The {len(data.labels)} records come from {people} people. The intervals treat records as independent and are "
            f"too narrow when people have many."
        )
    if control is None:
        found.append("No positive control was run: a low figure may mean a weak attack and not a private model.")
    return found


def _people(data: AttackData) -> int | None:
    if data.members.subjects is None or data.nonmembers.subjects is None:
        return None
    return len(np.unique(np.concatenate([data.members.subjects, data.nonmembers.subjects]).astype(str)))
