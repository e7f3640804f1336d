"""Which records of an audit count, and for what.

Nobody gets to choose among runs: on the weights that the version has now every completed result within its age counts,
not the newest and not the best. An attempt that gave no figure counts until a later one gives one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from govtool.policy.facts import AttackFact, Facts
from govtool.policy.freshness import elsewhere, outdated

NEVER_TRIED = ("not_requested", "not_applicable", "superseded")


def standing(facts: Facts, family: str, max_age: timedelta | None, now: datetime) -> tuple[AttackFact, ...]:
    """The records of the family that count, by attack and then in the order in which they were made."""
    by_attack: dict[str, list[AttackFact]] = {}
    for attack in facts.family(family):
        by_attack.setdefault(attack.attack, []).append(attack)
    return tuple(record for records in by_attack.values() for record in _of_one(facts, records, max_age, now))


def _of_one(
    facts: Facts, records: Sequence[AttackFact], max_age: timedelta | None, now: datetime
) -> Sequence[AttackFact]:
    tried = [
        one
        for position, one in enumerate(records)
        if one.status not in NEVER_TRIED and not _made_idle(one, records[position + 1 :])
    ]
    if not tried:
        return records[-1:]
    on_these = [one for one in tried if not elsewhere(facts, one)]
    if not on_these:
        return tried[-1:]
    figures = [one for one in on_these if one.status == "completed" and not foreign(facts, one)]
    fresh = [one for one in figures if not outdated(facts, one, max_age, now)]
    last = on_these.index(figures[-1]) if figures else -1
    return [one for one in on_these if one in (fresh or figures) or on_these.index(one) > last]


def _made_idle(attack: AttackFact, later: Sequence[AttackFact]) -> bool:
    """An attack that a broken run never came to needs no result once a later run has found that it does not apply, or
    has left it to a stronger one, whose own record then counts.
    """
    nothing_left = attack.status == "unfinished" or attack.id == attack.run_id
    return nothing_left and any(one.status in ("not_applicable", "superseded") for one in later)


def foreign(facts: Facts, attack: AttackFact) -> str:
    """Why its members are no members of this version; '' when they are, or when nobody said which they were."""
    others = [rows.ref for rows in attack.members if not any(rows.of(one) for one in facts.trained_on)]
    if not others:
        return ""
    return (
        f"The members given to {attack.attack} are not what the version was trained on, as far as the register says: "
        f"{', '.join(others)}. Its figures say nothing about the people in the training data."
    )


def unfit_to_pass(facts: Facts, attack: AttackFact) -> str:
    """Why a low figure of this record shows nothing, where a high one would; '' when it does."""
    alone = "updates_exposed" in attack.metrics  # nobody stands beside the records behind an update
    if not attack.members or not (attack.nonmembers or alone):
        return f"The record of {attack.attack} does not say which members and non-members it was scored on."
    if reason := foreign(facts, attack):
        return reason
    inside = [rows.ref for rows in attack.nonmembers if any(rows.of(one) for one in facts.trained_on)]
    if inside and attack.family in ("membership_inference", "attribute_inference", "data_reconstruction"):
        return (
            f"The non-members given to {attack.attack} come from the training data ({', '.join(inside)}), which hides "
            "leaks; register the rows that were held out as a dataset of their own."
        )
    if attack.control != "passed":
        return (
            f"Nothing shows that {attack.attack} would have found a leak: no positive control was passed, so its low "
            "figure may mean a weak attack and not a private model."
        )
    return ""


def group_sizes(attack: AttackFact) -> tuple[int, int] | None:
    """Members and non-members it was scored on; None when the record does not say."""
    if attack.counts is not None:
        return attack.counts.members, attack.counts.nonmembers
    if attack.members and attack.nonmembers:
        return sum(rows.rows for rows in attack.members), sum(rows.rows for rows in attack.nonmembers)
    return None
