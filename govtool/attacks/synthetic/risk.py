"""From successes on originals, on control records and of blind guesses to a risk that may be believed, or to why not.

Giomi, Boenisch, Wehmeyer & Tasnádi, 'A Unified Framework for Quantifying Privacy Risk in Synthetic Data' (PoPETs 2023,
arXiv 2211.10459): what also works on people who are not in the data is not their leak (control), and an attack that does
no better than guessing shows nothing (baseline).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from govtool.attacks.interface import AttackResult
from govtool.attacks.synthetic.interface import FAMILY
from govtool.estimate import Counts, Estimate, clopper_pearson

NOTHING_LEFT = 0.95
"""Success on control records from which hardly anything is left that membership in the data could add."""
ALWAYS = (
    "Attackers differ in what they know; other attacks may succeed where these do not.",
    "Judged on one synthetic table: another one drawn by the same synthesiser may leak more or less.",
)


@dataclass(frozen=True)
class Part:
    """One question that an attack asked, such as one secret column."""

    name: str
    counts: Counts
    """Successes on originals and on control records, in place of true and false positives."""
    baseline: float
    """What guessing without the synthetic table scores on the originals."""
    control_scale: float = 1.0

    @property
    def unusable(self) -> str:
        """Why its risk must not be used; empty when it may."""
        found = self.counts
        attack, control = found.true_positives / found.members, found.false_positives / found.nonmembers
        if attack <= self.baseline:
            return (
                f"{self.name}: {found.true_positives} of {found.members} guesses on originals were right, no better than "
                f"guessing without the table ({self.baseline:.2%}), so the attack shows nothing"
            )
        if control >= NOTHING_LEFT:
            return (
                f"{self.name}: {control:.1%} of control records fall to the attack too, so nothing is left to measure"
            )
        if (
            clopper_pearson(found.false_positives, found.nonmembers).low
            > clopper_pearson(found.true_positives, found.members).high
        ):
            return (
                f"{self.name}: the attack does clearly better on control records ({control:.1%}) than on originals "
                f"({attack:.1%}), so the two are not of one kind"
            )
        return ""

    def risk(self, confidence: float) -> Estimate:
        return self.counts.excess_risk(confidence, self.control_scale)

    def to_dict(self) -> dict[str, Any]:
        found = self.counts
        return {
            "name": self.name,
            "true_positives": found.true_positives,
            "members": found.members,
            "false_positives": found.false_positives,
            "nonmembers": found.nonmembers,
            "baseline": self.baseline,
            "control_scale": self.control_scale,
            "unusable": self.unusable,
        }


def worst(parts: Sequence[Part], looks: int, confidence: float = 0.95) -> Estimate:
    """The largest of several risks: each limit is the largest of the parts' limits, the error split over all `looks`."""
    found = [part.risk(1 - (1 - confidence) / looks) for part in parts]
    top = max(found, key=lambda one: one.value)
    method = top.method if looks == 1 else f"{top.method}; largest of {looks}"
    return Estimate(top.value, max(one.low for one in found), max(one.high for one in found), confidence, top.n, method)


def assess(
    *,
    attack: str,
    knowledge: str,
    parts: Sequence[Part],
    params: Mapping[str, Any],
    arrays: Mapping[str, Any],
    detail: Mapping[str, Any],
    caveats: Sequence[str] = (),
) -> AttackResult:
    """Everything a result holds; `params` may carry "validity" (why nothing counts, or '') and "positive_control"."""
    usable = [part for part in parts if not part.unusable]
    unusable = [part.unusable for part in parts if part.unusable]
    shown = max(usable or parts, key=lambda part: part.risk(0.95).value)
    metrics = {
        "attack_rate": clopper_pearson(shown.counts.true_positives, shown.counts.members),
        "control_rate": clopper_pearson(shown.counts.false_positives, shown.counts.nonmembers),
    }
    if usable:
        metrics = {f"{attack}_risk": worst(usable, len(parts)), **metrics}
    control = params.get("positive_control") or {"passed": None, "how": "not run"}
    return AttackResult(
        attack=attack,
        family=FAMILY,
        knowledge=knowledge,
        access=frozenset(),
        metrics=metrics,
        baselines={name: shown.baseline if name != f"{attack}_risk" else 0.0 for name in metrics},
        counts=shown.counts,
        arrays=arrays,
        detail={"parts": [part.to_dict() for part in parts], "positive_control": dict(control), **detail},
        caveats=[*(unusable if usable else []), *caveats, *ALWAYS],
        void=params.get("validity", "") or ("" if usable else "; ".join(unusable)),
    )
