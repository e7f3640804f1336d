"""Does an attack record still speak for the model as it is, and as outsiders see it?"""

from datetime import datetime, timedelta

from govtool.access import reachable
from govtool.policy.facts import AttackFact, Facts
from govtool.policy.quantity import duration_words


def outdated(facts: Facts, attack: AttackFact, max_age: timedelta | None, now: datetime) -> str:
    """Why the record is about something older; '' when it is not. Without `max_age` only the weights are compared."""
    if attack.artifact_sha256 != facts.model.artifact_sha256:
        return (
            f"{attack.attack} attacked other weights than this version has now, so its result says nothing about them."
        )
    if attack.recorded_at > now:
        return f"{attack.attack} is dated {attack.recorded_at:%Y-%m-%d}, which lies in the future; one of the clocks is wrong."
    if max_age is not None and now - attack.recorded_at > max_age:
        return (
            f"The test with {attack.attack} is from {attack.recorded_at:%Y-%m-%d}, older than the "
            f"{duration_words(max_age)} that the policy allows."
        )
    return ""


def blind_spot(facts: Facts, attack: AttackFact) -> str:
    """What a deployment shows to outsiders that the audit did not give its attacker; '' when nothing."""
    tested = reachable(frozenset(attack.audited_access))
    for deployment in facts.deployments:
        if hidden := deployment.reachable - tested:
            words = ", ".join(sorted(hidden))
            return (
                f"The audit with {attack.attack} did not assume all that the deployment {deployment.name} shows "
                f"({words}), so a stronger attacker was never tried."
            )
    return ""


def because(attack: AttackFact) -> str:
    """The stored reason, ready to end a sentence."""
    return attack.reason.strip().rstrip(".") or "no reason was recorded"
