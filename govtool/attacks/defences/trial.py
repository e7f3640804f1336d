"""One defended model against every attack that still has something to read, and what of the leak is left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks import signals, statistics
from govtool.attacks.defences.measures import AS_SHOWN, Defended
from govtool.attacks.degraded import TopK
from govtool.attacks.interface import AttackData, AttackResult, FloatArray, Mask, Outcome, Records, RunAttack, Target
from govtool.attacks.inversion import black_box, labels_only, mi_face
from govtool.attacks.membership import boundary
from govtool.attacks.unlearning.paired import accuracy_difference, auc_difference
from govtool.attacks.validity import Validity
from govtool.estimate import Estimate, clopper_pearson

CONFIDENCE = 0.95
_READINGS = {"loss": signals.label_log_probability, "modified entropy": signals.modified_entropy}


@dataclass(frozen=True)
class Tried:
    """One way of telling members from others: (records,) scores, higher for members."""

    how: str
    scores: FloatArray


@dataclass(frozen=True)
class Membership:
    """What the strongest of the attacks tried makes of it; the interval is widened for choosing among them."""

    auc: Estimate
    how: str
    scores: FloatArray
    tried: int


@dataclass(frozen=True)
class Inversion:
    """Which classes each judge recognised: (judges, classes); and the rate of the judge in the middle."""

    rate: Estimate
    how: str
    hits: Mask
    judges: tuple[str, ...]
    headline: int
    """The judge whose rate it is."""
    tried: int = 1
    """Ways of drawing among which this one was the best; intervals are widened for it."""


@dataclass(frozen=True)
class Row:
    """A defended model measured."""

    defence: str
    setting: str
    accuracy: Estimate
    right: Mask
    """(non-members,)"""
    membership: Membership
    inversion: Inversion | str | None
    """In words, why it could not be measured; None where nobody asked."""


def by_labels(target: Target, data: AttackData, checked: Validity, rng: np.random.Generator) -> list[Tried]:
    """What the class alone gives away: the same under every defence that leaves it."""
    all_of_them = 2 * boundary.QUERIES * max(len(data.members), len(data.nonmembers))
    alone = replace(data, population=None, references=None)
    found = boundary.run(target, alone, {"validity": checked, "budget": all_of_them}, rng)
    right = Tried("the model is right", (target.labels(data.features) == data.labels).astype(np.float64))
    return [right, *([Tried("noisy copies keep the class", _scores(found))] if isinstance(found, AttackResult) else [])]


def membership(defended: Defended, data: AttackData, labels: Sequence[Tried]) -> Membership:
    """The strongest attack on the model behind its defence."""
    tried = [
        Tried(f"{name}, {how}", _sign(name) * read(target.log_probabilities(data.features), data.labels))
        for how, target in defended.adapted.items()
        for name, read in _READINGS.items()
    ]
    tried += labels
    best = max(tried, key=lambda one: statistics.auc_value(one.scores, data.membership))
    auc = statistics.auc(best.scores, data.membership, _widened(len(tried)))
    return Membership(auc, best.how, best.scores, len(tried))


def inversion(defended: Defended, data: AttackData, params: Mapping[str, Any], seed: int) -> Inversion | str:
    """How many classes judges recognise in what the best attack left draws; the reason in words where none could.

    Whoever sees scores sees the class too, so an attack that makes do with less is tried as well, and every way of reading
    the answers that an attacker has who knows of the defence.
    """
    tried = _drawings(defended)
    found, reasons = list[Inversion](), list[str]()
    for how, (attack, target) in tried.items():
        asked = {"pictures": False, **({"shape": params["shape"]} if params.get("shape") else {})}
        if attack is not mi_face.run and params.get("queries"):
            asked["queries"] = params["queries"]
        if isinstance(target, TopK) and attack is black_box.run:
            asked["top_k"] = target.k
        outcome: Outcome = attack(target, data, asked, np.random.default_rng(seed))
        drawn = _judged(outcome, how, len(tried))
        if isinstance(drawn, Inversion):
            found.append(drawn)
        else:
            reasons.append(drawn)
    return max(found, key=lambda one: one.rate.value) if found else "; ".join(dict.fromkeys(reasons))


def _drawings(defended: Defended) -> dict[str, tuple[RunAttack, Target]]:
    """Every way to draw that the defence leaves, by how."""
    shown = reachable(defended.target.access)
    if Access.GRADIENTS in shown:
        return {"through the weights": (mi_face.run, defended.target)}
    ways: dict[str, tuple[RunAttack, Target]] = {}
    if Access.TOP_K in shown:
        ways["through scores"] = (black_box.run, defended.target)
        for how, target in defended.adapted.items():
            if how != AS_SHOWN:
                ways[f"through scores, {how}"] = (black_box.run, target)
    return {**ways, "through the class alone": (labels_only.run, defended.target)}


def _judged(outcome: Outcome, how: str, tried: int) -> Inversion | str:
    if not isinstance(outcome, AttackResult):
        return outcome.reason
    if outcome.void:
        return outcome.void
    hits = outcome.arrays["named"] == outcome.arrays["labels"]
    evaluators = outcome.detail["evaluators"]
    heard = [index for index, one in enumerate(evaluators) if not one["excluded"]]
    ordered = sorted(heard, key=lambda index: int(hits[index].sum()))
    middle = ordered[len(ordered) // 2]
    rate = clopper_pearson(int(hits[middle].sum()), hits.shape[1], _widened(tried))
    return Inversion(rate, how, hits, tuple(str(one["name"]) for one in evaluators), middle, tried)


def accuracy(target: Target, records: Records) -> tuple[Estimate, Mask]:
    right: Mask = target.labels(records.features) == records.labels
    return clopper_pearson(int(right.sum()), len(right)), right


@dataclass(frozen=True)
class Bought:
    """What a defence changes: AUC, share of classes recognised and accuracy, behind it less without it."""

    membership: Estimate
    inversion: Estimate | None
    accuracy: Estimate

    @property
    def said(self) -> str:
        """In words, from the intervals alone."""
        parts = [_said("membership", self.membership)]
        if self.inversion is not None:
            parts.append(_said("inversion", self.inversion))
        if self.accuracy.high < 0:
            parts.append("the model gets worse")
        return "; ".join(parts)


def bought(row: Row, without: Row, membership_mask: Mask) -> Bought:
    """Compared record by record, class by class: the same records, the same judges.

    Intervals hold for all three together with the stated confidence only one at a time; that of the AUC is widened for
    choosing the strongest attack on either side.
    """
    level = _widened(row.membership.tried * without.membership.tried)
    leak = auc_difference(row.membership.scores, without.membership.scores, membership_mask, level)
    drawn = None
    if isinstance(row.inversion, Inversion) and isinstance(without.inversion, Inversion):
        judge = without.inversion.headline
        among = _widened(row.inversion.tried * without.inversion.tried)
        drawn = accuracy_difference(row.inversion.hits[judge], without.inversion.hits[judge], among)
    return Bought(leak, drawn, accuracy_difference(row.right, without.right))


def _said(what: str, found: Estimate) -> str:
    if found.high < 0:
        return f"{what}: less leaks"
    return f"{what}: more leaks" if found.low > 0 else f"{what}: no difference shown"


def _widened(tried: int) -> float:
    return 1 - (1 - CONFIDENCE) / tried


def _sign(reading: str) -> float:
    return -1.0 if reading == "modified entropy" else 1.0


def _scores(found: AttackResult) -> FloatArray:
    return np.asarray(found.arrays["scores"], dtype=np.float64)
