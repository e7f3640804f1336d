"""What must hold for every policy and every evidence, not only for the examples."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from policy_builders import NOW, attack, deployment, facts, metric, policies, rule

from govtool.estimate import Counts
from govtool.policy import facts as known
from govtool.policy.document import ExposureCheck, FieldPresentCheck, NoOpenIncidentCheck, PolicySet, TestedCheck, When
from govtool.policy.gate import Evaluation, evaluate
from govtool.verdict import GateOutcome, Verdict, combine

RANK = {outcome: rank for rank, outcome in enumerate(GateOutcome)}  # best first
few = settings(max_examples=60, deadline=timedelta(seconds=5))


@st.composite
def found_counts(draw: st.DrawFn) -> Counts:
    members, others = draw(st.integers(1, 1500)), draw(st.integers(1, 1500))
    return Counts(draw(st.integers(0, members)), members, draw(st.integers(0, others)), others)


completed = found_counts()
statuses = st.sampled_from(
    ["completed", "completed", "void", "failed", "not_testable", "not_requested", "not_applicable"]
)
limits = st.floats(0.3, 0.9)


@st.composite
def attacks(draw: st.DrawFn, least: int = 0):
    names = [f"attack{number}" for number in range(draw(st.integers(least, 3)))]
    return tuple(
        attack(name, draw(completed), age=draw(st.sampled_from([1, 89, 91])), status=draw(statuses)) for name in names
    )


def one_rule(limit: float, severity: str = "block") -> PolicySet:
    return policies(rule(metric(limit), severity=severity))


def judge(policy_set: PolicySet, *found, **more) -> Evaluation:
    return evaluate(policy_set, facts(*found, **more), NOW)


@given(st.lists(st.sampled_from(Verdict)), st.sampled_from(Verdict))
def test_combining_never_improves_the_worst(verdicts: list[Verdict], more: Verdict) -> None:
    order = list(Verdict)
    if verdicts:
        assert order.index(combine([*verdicts, more])) >= order.index(combine(verdicts))
    assert order.index(combine([*verdicts, more])) >= order.index(more)


@few
@given(found=attacks(), a=limits, b=limits)
def test_tightening_a_limit_never_makes_the_decision_better(found, a: float, b: float) -> None:
    loose, tight = judge(one_rule(max(a, b)), *found), judge(one_rule(min(a, b)), *found)
    assert RANK[tight.outcome] >= RANK[loose.outcome]


@few
@given(found=attacks(least=1), extra=completed, limit=limits)
def test_more_attacks_never_make_passing_easier(found, extra: Counts, limit: float) -> None:
    before = judge(one_rule(limit), *found).rules[0].verdict
    after = judge(one_rule(limit), *found, attack("one_more", extra)).rules[0].verdict
    if any(one.status == "completed" for one in found) and before is not Verdict.PASS:
        assert after is not Verdict.PASS


@few
@given(found=attacks(), limit=limits, at_least=st.integers(0, 3), severity=st.sampled_from(["block", "warn", "info"]))
def test_an_unknown_level_is_never_easier_than_the_highest(found, limit: float, at_least: int, severity: str) -> None:
    policy_set = policies(rule(metric(limit), severity=severity, when=When(level_at_least=at_least)))
    unknown, highest = judge(policy_set, *found, level=None), judge(policy_set, *found, level=3)
    assert RANK[unknown.outcome] >= RANK[highest.outcome]


@few
@given(found=attacks(), limit=limits, lower=st.integers(0, 3), higher=st.integers(0, 3))
def test_more_sensitive_data_is_never_judged_by_fewer_rules(found, limit: float, lower: int, higher: int) -> None:
    rules = [rule(metric(limit), f"R-{number}", when=When(level_at_least=number)) for number in range(4)]
    low, high = sorted((lower, higher))
    assert {r.id for r in judge(policies(*rules), *found, level=low).rules} <= {
        r.id for r in judge(policies(*rules), *found, level=high).rules
    }


@few
@given(found=attacks(), limit=limits)
def test_go_needs_a_completed_fresh_attack(found, limit: float) -> None:
    if judge(one_rule(limit), *found).outcome is GateOutcome.GO:
        assert any(one.status == "completed" for one in found)
        assert all(NOW - one.recorded_at <= timedelta(days=90) for one in found if one.status == "completed")


ALL_CHECKS = policies(
    rule(metric(0.6), "R-1"),
    rule(metric(0.6, name="mia.auc"), "R-2", "warn"),
    rule(TestedCheck(type="tested", families=("membership_inference", "data_reconstruction")), "R-3"),
    rule(FieldPresentCheck(type="field_present", fields_=("owner", "lineage")), "R-4"),
    rule(ExposureCheck(type="exposure", forbid=("weights",), audience=("public",)), "R-5"),
    rule(NoOpenIncidentCheck(type="no_open_incident"), "R-6"),
)


@few
@given(
    found=attacks(), level=st.none() | st.integers(0, 3), shown=st.sampled_from(["labels", "probabilities", "weights"])
)
def test_facts_read_back_from_their_bytes_are_judged_the_same(found, level: int | None, shown: str) -> None:
    before = facts(*found, level=level, deployments=(deployment(shown),))
    again = known.from_canonical(before.canonical())
    assert again == before
    assert again.canonical() == before.canonical()
    assert evaluate(ALL_CHECKS, again, again.judged_at) == evaluate(ALL_CHECKS, before, NOW)
