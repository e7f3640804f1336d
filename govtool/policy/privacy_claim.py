"""Is an epsilon claimed that the policy accepts, does the stated noise pay for it, and did no audit contradict it?

A silent audit is no proof: it passes only where a perfect attacker could have contradicted the claim, and says so.
"""

from datetime import datetime

from govtool.policy import result
from govtool.policy.document import PrivacyClaimCheck, Rule
from govtool.policy.facts import AttackFact, ClaimFact, Facts
from govtool.policy.freshness import because, blind_spot, outdated, unfinished
from govtool.policy.result import RuleResult
from govtool.policy.standing import NEVER_TRIED, foreign, standing
from govtool.verdict import Verdict, combine

FAMILY = "differential_privacy"


def check_privacy_claim(facts: Facts, check: PrivacyClaimCheck, rule: Rule, now: datetime) -> RuleResult:
    """FAIL where any audit contradicts the claim or the claim is too weak; PASS only where every audit could have spoken."""
    limit = ("<=", check.epsilon_at_most)
    counting = standing(facts, FAMILY, check.max_age, now)
    attempted = [attack for attack in counting if attack.status not in NEVER_TRIED]
    evidence = tuple(attack.id for attack in attempted or counting)
    if not attempted:
        reasons = "; ".join(sorted({because(attack) for attack in counting if attack.reason}))
        sentence = "No claim of differential privacy was audited on this version" + (
            f" ({reasons})." if reasons else "."
        )
        return result.of(rule, Verdict.NOT_RUN, sentence, limit=limit, evidence=evidence)
    judged = [(*_judge(facts, attack, check, now), attack) for attack in attempted]
    verdict = combine(one for one, _, _ in judged)
    sentence, attack = next((text, attack) for one, text, attack in judged if one is verdict)
    # No `measured`: the figure is no share to be drawn against the limit, and the sentence says it with its ceiling.
    return result.of(rule, verdict, sentence, limit=limit, evidence=evidence, attack=attack.attack)


def _judge(facts: Facts, attack: AttackFact, check: PrivacyClaimCheck, now: datetime) -> tuple[Verdict, str]:
    match attack.status:
        case "unfinished":
            return Verdict.INCONCLUSIVE, unfinished(attack)
        case "failed":
            return Verdict.ERROR, f"The audit {attack.attack} broke off: {because(attack)}."
        case "void":
            return Verdict.INCONCLUSIVE, f"The audit {attack.attack} does not count: {because(attack)}."
        case "completed" if attack.claim is not None:
            return _against(facts, attack, attack.claim, check, now)
        case _:
            return Verdict.NOT_RUN, f"The audit {attack.attack} could not be carried out: {because(attack)}."


def _against(
    facts: Facts, attack: AttackFact, claim: ClaimFact, check: PrivacyClaimCheck, now: datetime
) -> tuple[Verdict, str]:
    if found := _broken(facts, attack, claim, check, now) or _unheard(facts, attack, claim, check, now):
        return found
    shown = f"an epsilon of at least {claim.bound:.3g}" if claim.bound else "no leak"
    return Verdict.PASS, (
        f"The claim of {_promise(claim)} is paid for by the stated noise and not contradicted: its audit shows {shown}, where a "
        f"perfect attacker could have shown {claim.ceiling:.3g}. That is no proof of the claim."
    )


def _broken(
    facts: Facts, attack: AttackFact, claim: ClaimFact, check: PrivacyClaimCheck, now: datetime
) -> tuple[Verdict, str] | None:
    """The promise is false or too weak. A contradiction stays one however old the audit."""
    if reason := outdated(facts, attack, None, now):
        return Verdict.STALE, reason
    if claim.outcome == "contradicted":
        shown = (
            f"its audit shows at least {claim.bound:.3g} (95 % confidence; {claim.ceiling:.3g} could be shown at most)"
        )
        return Verdict.FAIL, f"The claim of {_promise(claim)} is contradicted: {shown}."
    if claim.supported is False:
        return Verdict.FAIL, f"The claim is {_promise(claim)}, but the stated noise gives {claim.accounted:.4g}."
    if claim.epsilon > check.epsilon_at_most or claim.delta > check.delta_at_most:
        allowed = f"epsilon {check.epsilon_at_most:g} at delta {check.delta_at_most:g}"
        return Verdict.FAIL, f"The claim is only {_promise(claim)}; the policy allows at most {allowed}."
    return None


def _unheard(
    facts: Facts, attack: AttackFact, claim: ClaimFact, check: PrivacyClaimCheck, now: datetime
) -> tuple[Verdict, str] | None:
    """Why it shows nothing that the audit found nothing."""
    reasons = (
        (Verdict.INCONCLUSIVE, foreign(facts, attack)),
        (Verdict.STALE, outdated(facts, attack, check.max_age, now)),
        (Verdict.NOT_RUN, blind_spot(facts, attack)),
        (Verdict.INCONCLUSIVE, _silent(attack, claim)),
    )
    return next(((verdict, reason) for verdict, reason in reasons if reason), None)


def _silent(attack: AttackFact, claim: ClaimFact) -> str:
    if attack.control != "passed":
        return f"The audit {attack.attack} passed no positive control, so that it found nothing may mean a weak audit."
    if claim.outcome == "could_not_tell":
        return (
            f"The claim of {_promise(claim)} was not tested: with so few canaries even a perfect attacker could show at most "
            f"{claim.ceiling:.3g}."
        )
    if claim.supported is None:
        return f"The claim of {_promise(claim)} states no noise, so its epsilon could not be recomputed."
    return ""


def _promise(claim: ClaimFact) -> str:
    return f"epsilon {claim.epsilon:g} at delta {claim.delta:g}"
