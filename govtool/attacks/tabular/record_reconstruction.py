"""Puts a person's whole record together, the full-record form of Fredrikson et al. 2014, and answers two questions.

From the label, the columns an attacker knows, and the model: does the model remember the record? Only members' gain beyond others'
says so. And from the model's answer about the person on top, as whoever publishes or logs confidences gives away: does the answer
describe its input? That is a disclosure about anybody, trained on or not, and no statement about the training data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks import validity, values
from govtool.attacks.attribute import assembly, decision
from govtool.attacks.attribute import case as cases
from govtool.attacks.attribute.case import FEWEST_AUXILIARY
from govtool.attacks.attribute.encoding import column_name
from govtool.attacks.finding import Finding, Limited, decide
from govtool.attacks.interface import AttackData, AttackResult, NotApplicable, NotTestable, Outcome, Records, Target
from govtool.attacks.tabular import domain as domains
from govtool.attacks.tabular import scoring, search
from govtool.errors import InputError

NAME = "record_reconstruction"
FAMILY = "data_reconstruction"
MOST = 400
"""Members, and others, whose records are reconstructed: a random sample where there are more."""
QUESTIONS = 3
"""Figures that the finding rests on; they share its doubt."""


@dataclass(frozen=True)
class Both:
    """Reconstructions without and with the model's answers about the people themselves, and what each cost."""

    members: scoring.Group
    others: scoring.Group
    queries: int
    members_seen: scoring.Group
    others_seen: scoring.Group
    queries_seen: int


def obstacle(target: Target, data: AttackData, params: Mapping[str, Any]) -> NotApplicable | NotTestable | None:
    """Why the attack cannot be run here, or None."""
    if Access.PROBABILITIES not in reachable(target.access):
        return NotApplicable("the attack needs probabilities, and the deployment does not expose them")
    if "known" not in params:
        return NotTestable(
            "the spec does not say what the attacker knows (write: record_reconstruction: {known: [age, sex]}, or known: [] "
            "for the label alone)"
        )
    if data.population is None or len(data.population) < FEWEST_AUXILIARY:
        return NotTestable(
            f"no population, or a small one: at least {FEWEST_AUXILIARY} records of other people say what is common"
        )
    if data.members.features.ndim != 2:  # noqa: PLR2004 - records by features
        return NotTestable("the records are not rows of a table, so they have no columns to reconstruct")
    if min(len(data.members), len(data.nonmembers)) < validity.FEWEST:
        return NotTestable(f"at least {validity.FEWEST} members and as many non-members are needed")
    return None


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Reconstruct every audited record. `params`: `known` (columns by name or number), `bins` (2 to 20, of long columns).

    Raises:
        InputError: parameters that cannot be, or columns that are not there.
    """
    known, bins = check(params)
    if (hindrance := obstacle(target, data, params)) is not None:
        return hindrance
    checked: validity.Validity = params.get("validity") or validity.check(data, rng)
    members, others = _sample(data.members, rng), _sample(data.nonmembers, rng)
    audited = Records(
        np.concatenate([members.features, others.features]), np.concatenate([members.labels, others.labels])
    )
    public, shared = cases.auxiliary_records(data, rng)
    if len(public) < FEWEST_AUXILIARY:
        return NotTestable(
            f"only {len(public)} population records are not audited too; at least {FEWEST_AUXILIARY} are needed"
        )
    domain = domains.learn(public.features, data.columns, known, bins)

    truth = domain.codes(audited.features)
    prior = search.priors(domain, public, audited)
    imputed = search.modes(prior)
    blind = Records(public.features, np.zeros_like(public.labels))
    plain = search.priors(domain, blind, Records(audited.features, np.zeros_like(audited.labels)))

    def groups(goal: search.Goal, weights: Any) -> tuple[scoring.Group, scoring.Group, int]:
        found = search.reconstruct(target.log_probabilities, domain, audited.features, goal, weights, rng)
        return (
            *scoring.split(members, others, truth, found.codes, imputed, found.decided, found.preferred),
            found.queries,
        )

    unseen = groups(search.labelled(audited.labels, target.n_classes), plain)
    seen = groups(search.seen(np.exp(target.log_probabilities(audited.features))), prior)
    return _result(data, domain, Both(*unseen, *seen), checked, params, len(public), shared)


def check(params: Mapping[str, Any]) -> tuple[Sequence[int | str], int]:
    """The columns that are known, and into how many ranges long columns are cut.

    Raises:
        InputError: no list, or no number of ranges.
    """
    known, bins = params.get("known", []), params.get("bins", 4)
    if not isinstance(known, list | tuple) or any(type(column) not in (int, str) for column in known):
        raise InputError(
            "record_reconstruction: 'known' is a list of columns", hint="write for example: known: [age, sex]"
        )
    return known, values.whole("bins", bins, 2, 20)


def fits(data: AttackData, params: Mapping[str, Any]) -> None:
    """Raises InputError: a known column that the records do not have."""
    for column in check(params)[0]:
        domains.number(column, data.columns, data.members.features.shape[1])


def _sample(records: Records, rng: np.random.Generator) -> Records:
    if len(records) <= MOST:
        return records
    rows = np.sort(rng.permutation(len(records))[:MOST])
    subjects = None if records.subjects is None else records.subjects[rows]
    return Records(records.features[rows], records.labels[rows], subjects, records.columns)


def _result(
    data: AttackData,
    domain: domains.Domain,
    both: Both,
    checked: validity.Validity,
    params: Mapping[str, Any],
    public: int,
    shared: int,
) -> AttackResult:
    control: Mapping[str, Any] | None = params.get("positive_control")
    found = scoring.score(both.members, both.others, 1 - (1 - 0.95) / QUESTIONS)
    answer = scoring.score(both.members_seen, both.others_seen, 0.95)
    void = checked.void or assembly.failed(control)
    guessed = {
        "identified_members": found.imputation_identifies,
        "identified_from_answer": found.imputation_identifies,
        "exact_members": found.exact_imputed,
        "exact_from_answer": found.exact_imputed,
    }
    metrics = {
        "excess": found.excess,
        "identification_excess": found.identification_excess,
        **({"precision_at_decision_gap": found.gap} if found.gap else {}),
        "gain_members": found.gain_members,
        "gain_nonmembers": found.gain_nonmembers,
        "identified_members": found.identified_members,
        "exact_members": found.exact_members,
        "answer_gain_members": answer.gain_members,
        "answer_gain_nonmembers": answer.gain_nonmembers,
        "identified_from_answer": answer.identified_members,
        "exact_from_answer": answer.exact_members,
    }
    passed = None if control is None else bool(control["passed"])
    findings = (_remembered(found, both, passed, void), _disclosed(answer, passed, void))
    people = len(both.members.truth) + len(both.others.truth)
    return AttackResult(
        attack=NAME,
        family=FAMILY,
        knowledge=_knowledge(data, domain, public),
        access=frozenset({Access.PROBABILITIES}),
        metrics=metrics,
        baselines={name: guessed.get(name, 0.0) for name in metrics},
        counts=None,
        arrays=_arrays(both),
        detail={
            "unknown": [one.name for one in domain.unknown],
            "chance": found.chance,
            "reconstructions": {
                "without": scoring.columns(domain, both.members, both.others),
                "with_answer": scoring.columns(domain, both.members_seen, both.others_seen),
            },
            "near": [
                {"answer": name, "wrong": 1, "members": scoring.near(one, 1), "nonmembers": scoring.near(two, 1)}
                for name, one, two in (
                    ("without", both.members, both.others),
                    ("with", both.members_seen, both.others_seen),
                )
            ],
            "queries_per_record": (both.queries + both.queries_seen) / people,
            "findings": [one.to_dict() for one in findings],
            "positive_control": dict(control) if control else {"passed": None, "how": "not run"},
            "blind_baseline": {"auc": checked.blind_auc.to_dict(), "passed": checked.blind_passed},
            "duplicates": checked.duplicates,
        },
        caveats=[*checked.caveats, *_caveats(data, domain, answer, control, shared)],
        void=void,
    )


def _arrays(both: Both) -> dict[str, Any]:
    """What the figures were computed from; codes, not values, so that the evidence is no copy of the records."""
    joined = {
        name: np.concatenate([getattr(both.members, name), getattr(both.others, name)])
        for name in ("truth", "imputed", "attack", "decided", "preferred")
    }
    answered = np.concatenate([both.members_seen.attack, both.others_seen.attack])
    inside = np.repeat([True, False], [len(both.members.truth), len(both.others.truth)])
    return {"membership": inside, **joined, "attack_with_answer": answered}


def _remembered(found: scoring.Scores, both: Both, control: bool | None, void: str) -> Finding:
    few = f"the model decided about attributes of {_deciding(both.members)} members and {_deciding(both.others)} others"
    figures = [
        Limited("attributes right beyond the imputation and beyond others", found.excess, decision.GAIN, decision.GAIN),
        Limited(
            "members named beyond the imputation and beyond others",
            found.identification_excess,
            decision.GAIN,
            decision.GAIN,
        ),
        Limited("precision where the model decides, members less others", found.gap, decision.GAP, decision.GAP, few),
    ]
    return decide("record_remembered", figures, control=control, void=void)


def _disclosed(answer: scoring.Scores, control: bool | None, void: str) -> Finding:
    """About anybody whose answer is seen; people outside the training data stand for them, so that memory is not counted."""
    what = "attributes right beyond the imputation, of people outside the training data whose answer is seen"
    figure = Limited(what, answer.gain_nonmembers, decision.GAIN, decision.GAIN)
    return decide("answer_describes_record", [figure], control=control, void=void)


def _deciding(group: scoring.Group) -> int:
    return int(group.decided.any(axis=1).sum())


def _knowledge(data: AttackData, domain: domains.Domain, public: int) -> str:
    told = [column_name(column, data.columns) for column in domain.known]
    known = f"the label and {', '.join(told)}" if told else "the label"
    return (
        f"The attacker knows of each person {known}; may ask the model about made-up records; and holds {public:,} complete "
        f"records of other people. For the figures 'from the answer', the model's confidences about the person's own record too."
    )


def _caveats(
    data: AttackData, domain: domains.Domain, answer: scoring.Scores, control: Mapping[str, Any] | None, shared: int
) -> list[str]:
    said = []
    if max(len(data.members), len(data.nonmembers)) > MOST:
        said.append(f"At most {MOST} members and {MOST} others were reconstructed, drawn at random.")
    if cut := [one.name for one in domain.unknown if one.edges is not None]:
        said.append(
            f"Ranges and not numbers are reconstructed of: {', '.join(cut)}. Each range is asked about by its middle."
        )
    if answer.gain_nonmembers.low > 0:
        said.append(
            "The answers help to reconstruct people outside the training data too: whoever publishes the model's confidence "
            "about a person publishes something of their record, whether they were trained on or not."
        )
    if shared:
        said.append(
            f"{shared} population records are also members or non-members; they were left out of the population."
        )
    if control is None:
        said.append("No positive control was run: a low figure may mean a weak attack and not a private model.")
    return said
