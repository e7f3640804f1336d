"""The rule about a claim of differential privacy: silence passes only where a perfect attacker could have spoken."""

from typing import Any

import pytest
from policy_builders import NOW, attack, facts, rule

from govtool.policy.document import PrivacyClaimCheck
from govtool.policy.explain import requirement
from govtool.policy.facts import AttackFact, ClaimFact
from govtool.policy.privacy_claim import check_privacy_claim
from govtool.policy.result import RuleResult
from govtool.verdict import Verdict

CHECK = PrivacyClaimCheck(type="privacy_claim", epsilon_at_most=8, delta_at_most=1e-5, max_age="90d")


def audited(**about: Any) -> AttackFact:
    claim = {"epsilon": 3.0, "delta": 1e-5, "outcome": "not_contradicted", "bound": 0.4, "ceiling": 4.1}
    claim |= {"accounted": 2.99, "supported": True}
    given = {name: about.pop(name) for name in list(about) if name in claim}
    return attack("canary_epsilon", family="differential_privacy", claim=ClaimFact(**{**claim, **given}), **about)


def judge(*attacks: AttackFact) -> RuleResult:
    return check_privacy_claim(facts(*attacks), CHECK, rule(CHECK), NOW)


def test_a_claim_that_is_paid_for_and_survives_passes_and_is_not_called_proven() -> None:
    found = judge(audited())
    assert found.verdict is Verdict.PASS
    assert "no proof" in found.sentence
    assert "4.1" in found.sentence


@pytest.mark.parametrize(
    ("about", "verdict", "says"),
    [
        ({"outcome": "contradicted", "bound": 3.9}, Verdict.FAIL, "contradicted"),
        ({"outcome": "contradicted", "bound": 3.9, "age": 400}, Verdict.FAIL, "contradicted"),
        ({"supported": False, "accounted": 7.9}, Verdict.FAIL, "noise gives 7.9"),
        ({"epsilon": 9.0, "ceiling": 12.0}, Verdict.FAIL, "allows at most epsilon 8"),
        ({"delta": 1e-3}, Verdict.FAIL, "allows at most"),
        ({"outcome": "could_not_tell", "ceiling": 2.5}, Verdict.INCONCLUSIVE, "even a perfect attacker"),
        ({"supported": None, "accounted": None}, Verdict.INCONCLUSIVE, "states no noise"),
        ({"control": "none"}, Verdict.INCONCLUSIVE, "positive control"),
        ({"age": 400}, Verdict.STALE, "older than"),
        ({"artifact_sha256": "b" * 64}, Verdict.STALE, "other weights"),
        ({"audited_access": ()}, Verdict.NOT_RUN, "stronger attacker"),
    ],
)
def test_anything_less_does_not_pass(about: dict[str, Any], verdict: Verdict, says: str) -> None:
    found = judge(audited(**about))
    assert found.verdict is verdict
    assert says in found.sentence


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("void", Verdict.INCONCLUSIVE),
        ("failed", Verdict.ERROR),
        ("not_testable", Verdict.NOT_RUN),
        ("unfinished", Verdict.INCONCLUSIVE),
        ("not_applicable", Verdict.NOT_RUN),
    ],
)
def test_an_audit_without_a_result_never_passes(status: str, verdict: Verdict) -> None:
    assert judge(attack("canary_epsilon", family="differential_privacy", status=status)).verdict is verdict


def test_nobody_audited() -> None:
    assert judge().verdict is Verdict.NOT_RUN


def test_one_contradiction_outweighs_a_later_silence() -> None:
    found = judge(audited(id="one", outcome="contradicted", bound=3.9), audited(id="two"))
    assert found.verdict is Verdict.FAIL


def test_the_rule_in_plain_words() -> None:
    assert "epsilon 8 at delta 1e-05" in requirement(CHECK)
