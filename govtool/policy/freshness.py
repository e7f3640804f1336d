"""Does an attack record still speak for the model as it is, and as outsiders see it?"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from govtool.access import Access, reachable
from govtool.policy.facts import AttackFact, Facts
from govtool.policy.quantity import duration_words


def elsewhere(facts: Facts, attack: AttackFact) -> str:
    """Why the record is not surely about this version's model; '' when it is."""
    model = facts.model
    if attack.artifact_sha256 != model.artifact_sha256:
        if attack.artifact_sha256 is None:
            return (
                f"{attack.attack} did not open the weights of this version{_asked(attack)}, and nothing shows which model "
                "answered it."
            )
        return (
            f"{attack.attack} attacked other weights than this version has now, so its result says nothing about them."
        )
    known_there = model.endpoint is None or attack.served_as in model.served_as
    if model.artifact_sha256 is None and (attack.endpoint != model.endpoint or not known_there):
        return f"{attack.attack} did not ask the registered endpoint{_asked(attack)}, so it may have met another model."
    return ""


def _asked(attack: AttackFact) -> str:
    return f" but asked {attack.served_as} at {attack.endpoint}" if attack.endpoint else ""


def outdated(facts: Facts, attack: AttackFact, max_age: timedelta | None, now: datetime) -> str:
    """Why the record is about something older; '' when it is not. Without `max_age` only the weights are compared."""
    if reason := elsewhere(facts, attack):
        return reason
    if attack.recorded_at > now:
        return f"{attack.attack} is dated {attack.recorded_at:%Y-%m-%d}, which lies in the future; one of the clocks is wrong."
    if max_age is not None and now - attack.recorded_at > max_age:
        return (
            f"The test with {attack.attack} is from {attack.recorded_at:%Y-%m-%d}, older than the "
            f"{duration_words(max_age)} that the policy allows."
        )
    return ""


def blind_spot(facts: Facts, attack: AttackFact) -> str:
    """What a deployment shows to outsiders that the audit did not offer its attacker; '' when nothing.

    Offered is not used: see `unused`.
    """
    tested = reachable(frozenset(attack.audited_access))
    for deployment in facts.deployments:
        if hidden := deployment.reachable - tested:
            words = ", ".join(sorted(hidden))
            return (
                f"The audit with {attack.attack} did not assume all that the deployment {deployment.name} shows "
                f"({words}), so a stronger attacker was never tried."
            )
    return ""


_SAME_AS_PROBABILITIES = frozenset({Access.LOGITS, Access.LOGPROBS})
"""Logits are log probabilities but for one number per record, and the attacks compare within a record."""


def unused(facts: Facts, attacks: Iterable[AttackFact]) -> str:
    """What deployments show that none of these attacks reads, as a sentence; '' when they read all of it."""
    used = reachable(frozenset(access for attack in attacks for access in attack.access))
    if Access.GRADIENTS in used:  # who has gradients has the weights
        return ""
    if Access.PROBABILITIES in used:
        used |= _SAME_AS_PROBABILITIES
    shown = frozenset(access for deployment in facts.deployments for access in deployment.reachable)
    left = sorted(shown - used)
    if not left:
        return ""
    return f"The deployments also show {', '.join(left)}, which none of these attacks uses; one that did was not tried."


def because(attack: AttackFact) -> str:
    """The stored reason, ready to end a sentence."""
    return attack.reason.strip().rstrip(".") or "no reason was recorded"


def unfinished(attack: AttackFact) -> str:
    return (
        f"An audit with {attack.attack} was started on {attack.recorded_at:%Y-%m-%d} ({attack.run_id}) and has not ended: "
        "it is still running, or it broke off."
    )
