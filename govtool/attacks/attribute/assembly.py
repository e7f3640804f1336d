"""From guesses to an attribute-inference result: the same comparison, checks and caveats for every attack.

The figure is the members' excess: how much better the attack does than an imputation without the target on people in the
training data, less the same for people outside. A correlation that the model has learnt helps with both and cancels;
what stays is what the model gives away about the people it was trained on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.access import Access, reachable
from govtool.attacks import persons, validity
from govtool.attacks.attribute import case as cases
from govtool.attacks.attribute import caveats, decision, paired, proxies, tables
from govtool.attacks.attribute.case import Case
from govtool.attacks.attribute.decision import Decision
from govtool.attacks.finding import Finding as Answer
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
)
from govtool.estimate import Estimate, clopper_pearson

FAMILY = "attribute_inference"
CONFIDENCE = 0.95

MOST_UNKNOWN = 0.10
"""Share of audited records with a value that too few population records have, from which figures are about the others only."""

Guess = Callable[[Target, Case, np.random.Generator], Labels]
"""(n,) codes guessed for the audited records. Raises WorkError where the target does not give what it needs."""


Says = Callable[[Case], FloatArray]
"""(n, values): how well each candidate explains the audited record's known label by the model alone, as probabilities."""


@dataclass(frozen=True)
class Method:
    """One attack: how it guesses, what it reads, and what its attacker was assumed to know beyond the usual."""

    name: str
    needs: Access
    guess: Guess
    knowledge: str
    caveats: tuple[str, ...] = ()
    says: Says | None = None
    """None: a learner guesses, which decides about everybody."""


@dataclass(frozen=True)
class Finding:
    """What came of one attribute. The arrays are (n,), members first."""

    case: Case
    right: Mapping[str, NDArray[np.bool_]]
    """By the names in `tables.ROWS`."""
    guessed: Labels
    excess: Estimate
    gain_in: Estimate
    gain_out: Estimate
    decision: Decision


def obstacle(method: Method, target: Target, data: AttackData) -> NotApplicable | NotTestable | None:
    """Why the attack cannot be run here, or None."""
    if method.needs not in reachable(target.access):
        exposed = ", ".join(sorted(target.access)) or "nothing"
        return NotApplicable(f"the attack needs {method.needs} and the deployment exposes only: {exposed}")
    if not data.sensitive:
        return NotTestable("the spec names no sensitive column, so there is nothing to infer")
    if data.population is None or len(data.population) == 0:
        return NotTestable(
            "no population: without records of other people there is no imputation to compare the attack with"
        )
    if data.members.features.ndim != 2:  # noqa: PLR2004 - records by features
        return NotTestable("the records are not rows of a table, so no column of them is an attribute")
    reason = _too_few(data)
    return NotTestable(reason) if reason else None


def _too_few(data: AttackData) -> str:
    for name, group in (("members", data.members), ("non-members", data.nonmembers)):
        if len(group) < validity.FEWEST:
            return f"{len(group)} {name}; at least {validity.FEWEST} are needed"
        if group.subjects is not None and len(np.unique(persons.numbered(group.subjects))) < validity.FEWEST:
            return f"the {name} are records of fewer than {validity.FEWEST} people"
    return ""


def run(
    method: Method, target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator
) -> Outcome:
    """Carry out one attack on every sensitive attribute. `params` may carry "validity" and "positive_control".

    Raises:
        InputError: an attribute's columns or values are not those of the records.
        WorkError: the target does not answer with what its access promises.
    """
    if (hindrance := obstacle(method, target, data)) is not None:
        return hindrance
    checked: validity.Validity = params.get("validity") or validity.check(data, rng)
    auxiliary, shared = cases.auxiliary_records(data, rng)
    if len(auxiliary) < cases.FEWEST_AUXILIARY:
        return NotTestable(
            f"{len(auxiliary)} population records that are not audited too; at least {cases.FEWEST_AUXILIARY} are needed "
            f"to learn an imputation worth comparing with"
        )
    soft = method.needs is not Access.LABELS
    level = 1 - (1 - CONFIDENCE) / len(data.sensitive)
    found = []
    for sensitive in data.sensitive:
        case = cases.prepare(target, data, sensitive, auxiliary, soft=soft)
        if case.encoding.values < 2:  # noqa: PLR2004 - one value is no question
            return NotTestable(f"the population holds only one value of {sensitive.name}, so nobody could learn others")
        if (unknown := float(np.mean(case.truth < 0))) > MOST_UNKNOWN:
            return NotTestable(
                f"{unknown:.0%} of the audited records hold a value of {sensitive.name} that too few population records have; "
                f"are members and population encoded alike?"
            )
        found.append(_judge(method, case, method.guess(target, case, rng), data, level))
    return _result(method, data, found, checked, params, shared)


def _judge(method: Method, case: Case, guessed: Labels, data: AttackData, level: float) -> Finding:
    codes = {
        "majority": np.full(len(case.truth), int(case.prior.argmax())),
        "imputation": case.imputed.argmax(axis=1),
        "attack": guessed,
        "imputation_with_target": cases.with_target(case).argmax(axis=1),
    }
    right = {name: code == case.truth for name, code in codes.items()}
    gain_in, gain_out = gains(right["attack"], right["imputation"], data)
    where, choice = np.ones(len(guessed), dtype=bool), guessed
    if method.says is not None:
        where, choice = decision.unique_maximum(method.says(case))
    return Finding(
        case,
        right,
        guessed,
        paired.excess(gain_in, gain_out, level),
        gain_in.estimate(level),
        gain_out.estimate(level),
        decision.judge(where, choice == case.truth, right["imputation"], data.members, data.nonmembers, level),
    )


def gains(first: Any, second: Any, data: AttackData, chosen: Any = None) -> tuple[paired.Gain, paired.Gain]:
    """Members' and non-members' gain of the first guesser over the second; `chosen` (n,) keeps only some records."""
    members = len(data.members)
    keep = np.ones(len(first), dtype=bool) if chosen is None else chosen

    def of(part: slice, records: Records) -> paired.Gain:
        kept = keep[part]
        subjects = None if records.subjects is None else records.subjects[kept]
        return paired.gain(first[part][kept], second[part][kept], subjects)

    return of(slice(0, members), data.members), of(slice(members, None), data.nonmembers)


def _result(
    method: Method,
    data: AttackData,
    found: Sequence[Finding],
    checked: validity.Validity,
    params: Mapping[str, Any],
    shared: int,
) -> AttackResult:
    control: Mapping[str, Any] | None = params.get("positive_control")
    head = max(found, key=lambda one: one.excess.low)
    imputed = {group: _accuracy(head.right["imputation"], data, group) for group in ("members", "nonmembers")}
    void = checked.void or failed(control)
    passed = None if control is None else bool(control["passed"])
    decisions = _decisions(found)
    metrics = {
        "excess": paired.worst([one.excess for one in found]),
        "gain_members": head.gain_in,
        "gain_nonmembers": head.gain_out,
        **{f"accuracy_{group}": _accuracy(head.right["attack"], data, group) for group in imputed},
        **decisions,
    }
    return AttackResult(
        attack=method.name,
        family=FAMILY,
        knowledge=_knowledge(method, found),
        access=frozenset({method.needs}),
        metrics=metrics,
        baselines={
            **dict.fromkeys(("excess", "gain_members", "gain_nonmembers", *decisions), 0.0),
            **{f"accuracy_{group}": estimate.value for group, estimate in imputed.items()},
        },
        counts=None,
        arrays={
            "membership": data.membership,
            **{f"truth_{i}": one.case.truth for i, one in enumerate(found)},
            **{f"guessed_{i}": one.guessed for i, one in enumerate(found)},
            **{f"imputation_right_{i}": one.right["imputation"] for i, one in enumerate(found)},
            **{f"decided_{i}": one.decision.where for i, one in enumerate(found)},
            **{f"decided_right_{i}": one.decision.right for i, one in enumerate(found)},
        },
        detail={
            "attributes": [_describe(one, data) for one in found],
            "findings": [_answer(one, data, passed, void).to_dict() for one in found],
            "headline": head.case.encoding.name,
            "ceiling": min(caveats.ceiling(one, data) for one in found),
            "positive_control": dict(control) if control else {"passed": None, "how": "not run"},
            "blind_baseline": {"auc": checked.blind_auc.to_dict(), "passed": checked.blind_passed},
            "duplicates": checked.duplicates,
        },
        caveats=[*method.caveats, *checked.caveats, *caveats.of(data, found, head, control, shared)],
        void=void,
    )


def _decisions(found: Sequence[Finding]) -> dict[str, Estimate]:
    """The largest gap of precision over all attributes, left out where the model decided too seldom about one of them: a
    largest of some would be taken for the largest of all.
    """
    gaps = [one.decision.gap for one in found if one.decision.gap is not None]
    return {"precision_at_decision_gap": paired.worst(gaps)} if len(gaps) == len(found) else {}


def _answer(one: Finding, data: AttackData, passed: bool | None, void: str) -> Answer:
    name = one.case.encoding.name
    return decision.finding(name, one.decision, one.excess, data.membership, control=passed, void=void)


def _accuracy(right: NDArray[np.bool_], data: AttackData, group: str) -> Estimate:
    chosen = data.membership if group == "members" else ~data.membership
    return clopper_pearson(int(right[chosen].sum()), int(chosen.sum()))


def _describe(one: Finding, data: AttackData) -> dict[str, Any]:
    case = one.case
    return {
        "name": case.encoding.name,
        "values": list(case.encoding.names),
        "members": len(data.members),
        "nonmembers": len(data.nonmembers),
        "auxiliary": len(case.auxiliary),
        "excess": one.excess.to_dict(),
        "rows": tables.rows(one.right, data, gains),
        "by_value": tables.by_value(case, one.guessed, one.right["imputation"], data, gains),
        "proxies": proxies.measure(case, data.columns),
        "decision": decision.describe(one.decision, one.right["imputation"], data.membership),
    }


def _knowledge(method: Method, found: Sequence[Finding]) -> str:
    names = ", ".join(one.case.encoding.name for one in found)
    return (
        f"The attacker knows everything about a record, its label included, but {names}; holds "
        f"{len(found[0].case.auxiliary):,} complete records of other people; {method.knowledge}."
    )


def failed(control: Mapping[str, Any] | None) -> str:
    """Why the figures are void where the control missed the planted leak; '' where it did not, or was not run."""
    if control is None or control["passed"]:
        return ""
    return f"the attack did not find a leak that was planted for it ({control['how']}), so its figures show nothing"
