"""From a score vector to a membership result: the same figures, checks and caveats for every membership attack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.access import Access, reachable
from govtool.attacks import operating_point, statistics, validity
from govtool.attacks.interface import (
    AttackData,
    AttackResult,
    FloatArray,
    Mask,
    NotApplicable,
    NotTestable,
    References,
    Target,
)
from govtool.attacks.membership import people, remarks, risk, worlds
from govtool.attacks.membership.people import Judged, Units
from govtool.attacks.membership.worlds import Mock, World
from govtool.attacks.operating_point import OperatingPoint
from govtool.errors import InputError
from govtool.estimate import Counts, Estimate

FAMILY = "membership_inference"
FALSE_POSITIVE_RATES = (0.1, 0.01, 0.001)
HEADLINE_RATE = 0.01
PRIORS = (0.5, 0.1, 0.01)
"""Shares of members among those accused at random: the laboratory's, and two as attackers meet them (Jayaraman et al.
2021, arXiv 2005.10881)."""
FEWEST = validity.FEWEST


@dataclass(frozen=True)
class Threshold:
    """Where the attack draws the line, and why there. Never chosen on the records it is scored on."""

    value: float
    source: str


def mock_threshold(
    data: AttackData, scored: Sequence[tuple[FloatArray, Mask]], mocks: Sequence[Mock]
) -> Threshold | None:
    """From scores on references that posed as the target, by the unit that figures count; None when none could pose."""
    if not scored:
        return None
    units = people.units(data)
    by_unit = [
        people.judged(units.some(mock.records), scores, members)
        for (scores, members), mock in zip(scored, mocks, strict=True)
    ]
    scored = [(one.scores, one.membership) for one in by_unit if one.tells]
    if not scored:
        return None
    return Threshold(
        worlds.threshold(scored), f"median of the best thresholds of {len(scored)} references posing as the target"
    )


def obstacle(
    target: Target, data: AttackData, needs: Access = Access.PROBABILITIES
) -> NotApplicable | NotTestable | None:
    """Why a membership attack that reads `needs` cannot be run here, or None."""
    if needs not in reachable(target.access):
        exposed = ", ".join(sorted(target.access)) or "nothing"
        return NotApplicable(f"the attack reads {needs} and the deployment exposes only: {exposed}")
    if min(len(data.members), len(data.nonmembers)) < FEWEST:
        return NotTestable(
            f"{len(data.members)} members and {len(data.nonmembers)} non-members; at least {FEWEST} of each are needed"
        )
    units = people.units(data)
    if units.person:
        inside = people.judged(units, np.zeros(len(data.labels)), data.membership).membership
        if min(int(inside.sum()), int((~inside).sum())) < FEWEST:
            return NotTestable(
                f"the records are of {int(inside.sum())} people who are members and {int((~inside).sum())} who are not; at "
                f"least {FEWEST} of each are needed"
            )
    if data.references is not None:
        check_references(data, data.references)
    return None


def reference_obstacle(data: AttackData, fewest: int = worlds.FEWEST_REFERENCES) -> NotTestable | None:
    """Why the references do not carry an attack that needs each record outside some of them, or None."""
    if data.references is None or data.references.count < fewest:
        held = data.references.count if data.references else 0
        return NotTestable(f"the attack needs at least {fewest} reference models and has {held}")
    if not worlds.covered(data.references.members, online=False):
        return NotTestable(
            "some record was in every reference model's training set, so nothing says how unseen it would score"
        )
    return None


def check_references(data: AttackData, references: References) -> None:
    """Refuse reference arrays that do not belong to these records.

    Raises:
        InputError: an array has another shape than the records, or holds NaN.
    """
    audited, outside = len(data.labels), len(data.population) if data.population else 0
    expected = [
        ("members", references.members, audited),
        *((name, values, audited) for name, values in references.readings.items()),
        *((f"population {name}", values, outside) for name, values in references.population.items()),
    ]
    for name, array, width in expected:
        shape = (references.count, width)
        if array.shape != shape:
            raise InputError(f"reference models: {name} has shape {array.shape}, but the records need {shape}")
        if any(np.isnan(row).any() for row in array):
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
    needs: Access = Access.PROBABILITIES,
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
    units = people.units(data)
    judged = people.judged(units, scores, data.membership)
    found = _figures(judged.scores, judged.membership, threshold, rng)
    return AttackResult(
        attack=attack,
        family=FAMILY,
        knowledge=knowledge,
        access=frozenset({needs}),
        metrics=found.metrics,
        baselines=found.baselines,
        counts=found.counts,
        arrays={
            "scores": scores,
            "membership": data.membership,
            "labels": data.labels,
            **_unit_arrays(units, judged),
            **_sensitivity(data),
            **(arrays or {}),
        },
        detail={
            **found.to_dict(),
            **_checks(data, checked, control),
            "unit": "person" if units.person else "record",
            "risk": _risk(data, units, judged),
            **(detail or {}),
        },
        caveats=[
            *([found.misfit] if found.misfit else []),
            *caveats,
            *checked.caveats,
            *remarks.of(data, units, judged, control),
        ],
        void=checked.void or remarks.failed(control),
    )


def _unit_arrays(units: Units, judged: Judged) -> dict[str, NDArray[Any]]:
    """What it takes to recompute figures about people from the records' scores."""
    if not units.person:
        return {}
    return {
        "unit_of": units.of,
        "unit_chosen": judged.chosen,
        "unit_scores": judged.scores,
        "unit_membership": judged.membership,
    }


def _sensitivity(data: AttackData) -> dict[str, NDArray[Any]]:
    """Kept beside the scores: which records move a model most. Nothing where the references carry no phi."""
    held = data.references
    return {"sensitivity": risk.sensitivity(held)} if held is not None and "phi" in held.readings else {}


def _risk(data: AttackData, units: Units, judged: Judged) -> dict[str, Any]:
    """By class, where classes are what labels are, and every unit is of one."""
    groups = None if data.labels.dtype.kind == "f" else units.common(data.labels)
    known = None if groups is None else groups[judged.chosen]
    return {"unit": "person" if units.person else "record", **risk.summary(judged.scores, judged.membership, known)}


@dataclass(frozen=True)
class _Figures:
    """All that follows from scores, membership and threshold alone."""

    roc: statistics.Roc
    auc: Estimate
    points: list[OperatingPoint]
    threshold: Threshold | None
    counts: Counts | None
    """At the threshold; where that misfits, at one from the other half of the records."""
    held_out: Estimate | None
    misfit: str

    @property
    def metrics(self) -> dict[str, Estimate]:
        found = {"auc": self.auc}
        if self.counts:
            found["balanced_accuracy"] = self.counts.balanced_accuracy()
        for point in self.points:
            if point.fpr == HEADLINE_RATE and point.estimate:
                found[f"tpr_at_fpr_{point.fpr}"] = point.estimate
        return found

    @property
    def baselines(self) -> dict[str, float]:
        rates = {f"tpr_at_fpr_{point.fpr}": point.fpr for point in self.points}
        return {name: rates.get(name, validity.CHANCE) for name in self.metrics}

    def to_dict(self) -> dict[str, Any]:
        line = self.threshold
        return {
            "roc": self.roc.to_dict(),
            "tpr_at_fpr": [point.to_dict() for point in self.points],
            "threshold": {"value": line.value, "source": line.source} if line else None,
            "threshold_misfit": self.misfit,
            "held_out_balanced_accuracy": self.held_out.to_dict() if self.held_out else None,
            "advantage": operating_point.advantage(self.counts).to_dict() if self.counts else None,
            "ppv": [
                {"prior": prior, "fpr": point.fpr, "estimate": operating_point.ppv(point, prior).to_dict()}
                for point in self.points
                if point.fpr == HEADLINE_RATE and point.estimate
                for prior in PRIORS
            ],
        }


def _figures(scores: FloatArray, membership: Mask, threshold: Threshold | None, rng: np.random.Generator) -> _Figures:
    auc = statistics.auc(scores, membership)
    counts = statistics.counts_at(scores, membership, threshold.value) if threshold else None
    _line, own_counts = statistics.held_out(scores, membership, rng)
    held_out = own_counts.balanced_accuracy() if counts else None
    misfit = remarks.misfit(counts, auc, held_out) if counts and held_out else ""
    return _Figures(
        statistics.roc(scores, membership),
        auc,
        [operating_point.tpr_at_fpr(scores, membership, rate) for rate in FALSE_POSITIVE_RATES],
        threshold,
        own_counts if misfit else counts,
        held_out,
        misfit,
    )


def _checks(data: AttackData, checked: validity.Validity, control: Mapping[str, Any] | None) -> dict[str, Any]:
    references = data.references
    return {
        "positive_control": dict(control) if control else {"passed": None, "auc": None, "how": "not run"},
        "blind_baseline": {"auc": checked.blind_auc.to_dict(), "passed": checked.blind_passed},
        "duplicates": checked.duplicates,
        "label_gap": {"total_variation": checked.label_gap, "p_value": checked.label_p_value},
        "references": references.count if references else 0,
        "mismatch": dict(references.mismatch) if references else {},
    }


def reference_knowledge(references: int, *, online: bool, population: int = 0) -> str:
    """What an attacker with references was assumed to know, in one sentence."""
    trained = "with and without each record" if online else "without each record"
    more = f", and {population} similar records that nobody trained on" if population else ""
    return (
        f"The attacker can query the model, sees full probabilities, holds {references} reference models trained on "
        f"similar data {trained}{more}."
    )


def mode_caveats(wanted_online: bool, online: bool) -> list[str]:
    if online or not wanted_online:
        return []
    return ["Some record was in no reference model's training set, so the offline form of the attack was run."]


def class_caveats(world: World) -> list[str]:
    """Records whose class the references without them had never met."""
    unmet = worlds.unmet(world)
    if not unmet:
        return []
    start = f"For {unmet} of the {len(world)} records no reference model without the record had met its class"
    return [f"{start}; they are judged by what references say of records on the whole."]
