"""What must be said beside membership figures: a threshold that does not fit, a control that failed, what weakens them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.attacks import signals, validity
from govtool.attacks.interface import AttackData
from govtool.attacks.membership import people
from govtool.attacks.membership.people import Judged, Units
from govtool.estimate import Counts, Estimate

MISMATCH = 0.05
TELLING = 20
"""Records below which ties say nothing about saturation."""

ALWAYS = (
    "The figures are about this trained model and these records; another training run of the same recipe can leak differently.",
)


def failed(control: Mapping[str, Any] | None) -> str:
    """A failed control voids even a high score: a policy might else read a weak instrument's low figure as a pass."""
    if control is None or control["passed"]:
        return ""
    return f"the attack did not find a leak that was planted for it ({control['how']}), so its figures show nothing"


def misfit(counts: Counts, auc: Estimate, held_out: Estimate) -> str:
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


def of(data: AttackData, units: Units, judged: Judged, control: Mapping[str, Any] | None) -> list[str]:
    """What weakens the result, from the records, whose they are, the scores and the control."""
    found = []
    share = signals.saturation(judged.scores)
    if share > signals.SATURATED and len(judged.scores) >= TELLING:
        found.append(
            f"{share:.0%} of the {'people' if units.person else 'records'} have one and the same score: the model's answers are rounded or saturated, and the "
            f"attack is duller than one with finer answers would be."
        )
    gap = data.references.mismatch.get("train_accuracy_gap", 0.0) if data.references else 0.0
    if abs(gap) > MISMATCH:
        found.append(
            f"The reference models' training accuracy differs from the target's by {abs(gap):.1%}; the attack is weaker than "
            f"with references trained by the target's own recipe."
        )
    found += _whose(data, units, judged)
    if control is None:
        found.append("No positive control was run: a low figure may mean a weak attack and not a private model.")
    return [*found, *ALWAYS]


def _whose(data: AttackData, units: Units, judged: Judged) -> list[str]:
    if units.person:
        mixed = f" {judged.mixed} people with records on both sides are left out." if judged.mixed else ""
        counted = f"The figures count people: the {len(data.labels):,} records are of {units.count:,}"
        return [f"{counted}, and a person's score is the mean of their records'.{mixed}"]
    named = people.subjects(data)
    several = 0 if named is None else len(np.unique(named))
    if not several or several == len(data.labels):
        return []
    said = f"The {len(data.labels):,} records come from {several:,} people."
    return [f"{said} The intervals treat records as independent and are too narrow when people have many."]
