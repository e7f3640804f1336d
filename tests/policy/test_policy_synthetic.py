"""A model made from synthetic data of people ships only when that data was tested, and each risk surely lies below the limit."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from policy_builders import NOW, facts, policies, rule
from policy_world import register
from sqlalchemy.orm import Session

from govtool.audits.models import AttackRecord, AuditOutcome, AuditRun
from govtool.digest import canonical_json
from govtool.errors import EvidenceError
from govtool.estimate import Counts
from govtool.evidence import ledger
from govtool.policy.collect import collect
from govtool.policy.document import SyntheticCheck, When
from govtool.policy.explain import condition, requirement
from govtool.policy.facts import RiskPart, RowsFact, SyntheticFact, SyntheticTest, from_canonical
from govtool.policy.gate import applies, decide, replay
from govtool.policy.result import RuleResult
from govtool.policy.synthetic import QUESTIONS, check_synthetic
from govtool.registry import service
from govtool.runtime import new_id
from govtool.verdict import Verdict

LOW, HIGH, OPEN = Counts(30, 1000, 25, 1000), Counts(420, 1000, 30, 1000), Counts(200, 1000, 30, 1000)
PEOPLE, OTHERS = RowsFact(ref="visits@1", rows=1000), RowsFact(ref="held-out@1", rows=1000)


def check(*metrics: str, value: float = 0.2, **more: Any) -> SyntheticCheck:
    base = {"type": "synthetic", "metrics": metrics or ("synthetic.linkability_risk",), "op": "<", "value": value}
    return SyntheticCheck(**{**base, "confidence": 0.95, "min_n": 200, "max_age": "365d", **more})


def outcome_of(found: Counts | None = LOW, *, age: float = 1, parts: tuple[RiskPart, ...] = (), **more: Any) -> Any:
    base: dict[str, Any] = {
        "id": f"att-{age}",
        "attack": "linkability",
        "family": "synthetic_data",
        "status": "completed",
        "recorded_at": NOW - timedelta(days=age),
        "members": (PEOPLE,),
        "nonmembers": (OTHERS,),
        "control": "passed",
        "parts": parts or ((RiskPart(name="linkability", counts=found),) if found else ()),
    }
    return SyntheticTest(**{**base, **more})


def judge(*tests: SyntheticTest, asked: SyntheticCheck | None = None, level: int | None = 2, **when: Any) -> RuleResult:
    data = SyntheticFact(ref="synthetic@1", id="dsv-9", level=level, sources=(PEOPLE,), tests=tests)
    asked = asked or check()
    return check_synthetic(facts(synthetic=(data,)), asked, rule(asked, when=When(**when)), NOW)


def test_a_low_risk_passes_and_the_sentence_says_how_low() -> None:
    found = judge(outcome_of())
    assert found.verdict is Verdict.PASS
    assert found.measured == LOW.excess_risk()
    assert "gives away no more than" in found.sentence


def test_a_high_risk_fails_however_old_and_however_weak_its_control() -> None:
    found = judge(outcome_of(HIGH, age=900, control="none"))
    assert found.verdict is Verdict.FAIL
    assert "gives away about 40 of 100 people" in found.sentence


def test_between_is_not_decided() -> None:
    found = judge(outcome_of(OPEN))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "more control records" in found.sentence


def test_a_missing_test_never_passes() -> None:
    assert judge().verdict is Verdict.NOT_RUN
    assert judge(outcome_of(None, status="not_requested")).verdict is Verdict.NOT_RUN
    found = judge(outcome_of(), asked=check(*QUESTIONS))
    assert found.verdict is Verdict.NOT_RUN
    assert "singled out" in found.sentence
    assert "inferred" in found.sentence


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({"status": "void", "reason": "no better than guessing"}, Verdict.INCONCLUSIVE),
        ({"status": "not_testable", "reason": "one column"}, Verdict.NOT_RUN),
        ({"status": "failed", "reason": "unexpected"}, Verdict.ERROR),
        ({"status": "unfinished"}, Verdict.INCONCLUSIVE),
        ({"control": "failed"}, Verdict.INCONCLUSIVE),
        ({"control": "none"}, Verdict.INCONCLUSIVE),
        ({"age": 400}, Verdict.STALE),
        ({"age": -3}, Verdict.STALE),
        ({"members": (OTHERS,)}, Verdict.INCONCLUSIVE),
        ({"members": ()}, Verdict.INCONCLUSIVE),
        ({"nonmembers": (PEOPLE,)}, Verdict.INCONCLUSIVE),
        ({"nonmembers": ()}, Verdict.INCONCLUSIVE),
        ({"found": Counts(1, 100, 1, 100)}, Verdict.INCONCLUSIVE),
        ({"parts": (RiskPart(name="a", counts=LOW, unusable="void"),)}, Verdict.INCONCLUSIVE),
    ],
)
def test_what_gives_no_figure_that_counts_does_not_pass(more: dict[str, Any], verdict: Verdict) -> None:
    found = judge(outcome_of(**more))
    assert found.verdict is verdict
    assert found.sentence.endswith(".")


def test_a_later_void_test_leaves_the_question_open_and_a_later_good_one_closes_it() -> None:
    assert judge(outcome_of(age=9), outcome_of(status="void", reason="r")).verdict is Verdict.INCONCLUSIVE
    assert judge(outcome_of(status="void", reason="r", age=9), outcome_of()).verdict is Verdict.PASS


def test_repeating_a_test_does_not_help() -> None:
    assert judge(outcome_of(HIGH, age=9), outcome_of()).verdict is Verdict.FAIL
    once, often = judge(outcome_of()), judge(outcome_of(age=3), outcome_of(age=2), outcome_of())
    assert once.measured
    assert often.measured
    assert often.measured.high > once.measured.high


def test_of_several_secrets_the_worst_decides_and_each_look_is_paid_for() -> None:
    parts = tuple(RiskPart(name=name, counts=counts) for name, counts in (("a", LOW), ("b", HIGH)))
    assert judge(outcome_of(parts=parts)).verdict is Verdict.FAIL
    two = judge(outcome_of(parts=(RiskPart(name="a", counts=LOW), RiskPart(name="b", counts=LOW))))
    assert two.measured == LOW.excess_risk(0.975)


def test_originals_that_were_spared_do_not_pass() -> None:
    """A table made from two hospitals and attacked on the people of one."""
    data = SyntheticFact(ref="s@1", level=2, sources=(PEOPLE, OTHERS), made_from=(PEOPLE, OTHERS))
    for members, verdict in (((PEOPLE,), Verdict.INCONCLUSIVE), ((PEOPLE, OTHERS), Verdict.PASS)):
        test = outcome_of(members=members, nonmembers=(RowsFact(ref="third@1", rows=1000),))
        told = data.model_copy(update={"tests": (test,)})
        found = check_synthetic(facts(synthetic=(told,)), check(), rule(check()), NOW)
        assert found.verdict is verdict
        assert ("not tried on all" in found.sentence) == (verdict is Verdict.INCONCLUSIVE)


def test_a_pass_names_the_questions_that_had_no_answer() -> None:
    parts = (RiskPart(name="sex", counts=LOW), RiskPart(name="income", counts=LOW, unusable="no better than guessing"))
    found = judge(outcome_of(parts=parts))
    assert found.verdict is Verdict.PASS
    assert found.sentence.endswith("Nothing is shown about: income.")


def test_only_data_made_from_people_of_that_level_is_asked_about() -> None:
    assert judge(level=0, level_at_least=2).verdict is Verdict.PASS
    assert judge(level=None, level_at_least=2).verdict is Verdict.NOT_RUN
    asked = rule(check(), when=When(synthetic=True))
    assert not applies(asked, facts(), 2)
    assert applies(asked, facts(synthetic=(SyntheticFact(ref="synthetic@1"),)), 2)


def test_the_rule_in_plain_words() -> None:
    from policy_builders import levels

    assert "below 20 of 100 people" in requirement(check())
    assert "made from synthetic data" in condition(When(synthetic=True), levels())


# In a real database


@pytest.fixture
def world(session: Session, vault: Any, tmp_path: Any, now: Any) -> Any:
    """triage@1 trained on visits@1, and also on fake@1, which was synthesised from visits@1."""
    version = register(session, vault, tmp_path / "files", now)
    who: dict[str, Any] = {"now": now, "by": "tester"}
    (tmp_path / "fake.csv").write_text("a,b\n1,2\n3,4\n")
    service.add_dataset_version(session, "fake", "1", tmp_path / "fake.csv", level=2, **who)
    service.add_lineage(session, "fake@1", "synthesized_from", "visits@1", **who)
    service.add_lineage(session, "triage@1", "trained_on", "fake@1", **who)
    return version


def store(
    session: Session, vault: Any, now: Any, counts: Counts = LOW, *, recorded: bool = True
) -> AttackRecord | None:
    data = service.dataset_version(session, "fake@1")
    source = service.dataset_version(session, "visits@1")
    run = AuditRun(
        id=new_id("run"),
        dataset_version_id=data.id,
        access=[],
        spec_sha256=vault.put(b"spec").sha256,
        resolved={
            "dataset": "fake@1",
            "records": {
                "members": [{"dataset": "visits@1", "sha256": source.content_sha256, "count": 1000}],
                "nonmembers": [{"dataset": "held-out@1", "sha256": "b" * 64, "count": 1000}],
            },
            "attacks": {"linkability": {}},
            "families": {"linkability": "synthetic_data"},
        },
        seed=1,
        versions={},
    )
    ledger.record(session, run, now=now, by="tester")
    if not recorded:
        return None
    part = RiskPart(name="linkability", counts=counts).model_dump(mode="json")
    record = AttackRecord(
        id=new_id("att"),
        run_id=run.id,
        attack="linkability",
        family="synthetic_data",
        status="completed",
        reason="",
        knowledge="the table",
        access=[],
        metrics={"linkability_risk": counts.excess_risk().to_dict()},
        baselines={"linkability_risk": 0.0},
        counts=part["counts"],
        detail={"parts": [{**part, **part["counts"]}], "positive_control": {"passed": True}},
        caveats=[],
        evidence_sha256=vault.put(b"hits").sha256,
        figures=[],
        duration_s=1.0,
    )
    ledger.record(session, record, now=now, by="tester")
    ended = AuditOutcome(id=new_id("out"), run_id=run.id, status="completed", error="", duration_s=1.0, finished_at=now)
    ledger.record(session, ended, now=now, by="tester")
    return record


def test_the_register_knows_what_is_synthetic_and_what_it_was_made_from(session, vault, world, now) -> None:
    record = store(session, vault, now)
    assert record
    found = collect(session, world, now)
    (data,) = found.synthetic
    assert (data.ref, data.level, [source.ref for source in data.sources]) == ("fake@1", 2, ["visits@1"])
    (test,) = data.tests
    assert (test.id, test.control, test.parts[0].counts) == (record.id, "passed", LOW)
    assert found.attacks == ()
    assert from_canonical(found.canonical()) == found


def test_a_run_that_never_ended_is_not_a_test(session, vault, world, now) -> None:
    store(session, vault, now, recorded=False)
    (test,) = collect(session, world, now).synthetic[0].tests
    assert test.status == "unfinished"


def test_a_decision_on_it_replays_and_a_changed_record_does_not(session, vault, world, now) -> None:
    record = store(session, vault, now, HIGH)
    assert record
    decision = decide(session, vault, world, policies(rule(check())), now=now, by="tester")
    assert decision.outcome == "NO-GO"
    assert replay(session, vault, decision).outcome == "NO-GO"
    session.execute(sa.text("DROP TRIGGER attack_record_no_update"))
    session.execute(
        sa.update(AttackRecord)
        .where(AttackRecord.id == record.id)
        .values(detail={"positive_control": {"passed": True}})
    )
    session.expire_all()
    with pytest.raises(EvidenceError):
        replay(session, vault, decision)


def test_pinned_counts_that_are_not_the_record_s_do_not_replay(session, vault, world, now) -> None:
    from govtool.policy.gate import _must_be_recorded

    store(session, vault, now, HIGH)
    decision = decide(session, vault, world, policies(rule(check())), now=now, by="tester")
    (test,) = collect(session, world, now).synthetic[0].tests
    kinder = test.model_copy(update={"parts": (RiskPart(name="linkability", counts=LOW),)})
    assert canonical_json(kinder.model_dump()) != canonical_json(test.model_dump())
    with pytest.raises(EvidenceError, match="parts"):
        _must_be_recorded(session, decision, kinder)
