"""Which records count. Each test is a way in which a leaking model once got its GO."""

from datetime import timedelta
from typing import Any

import pytest
from policy_builders import NOW, attack, counts, dataset, deployment, facts, inversion, metric, rule
from policy_world import LEAKING, SOUND, audit, register

from govtool.access import Access
from govtool.audits.models import AuditOutcome, AuditRun
from govtool.evidence import ledger
from govtool.policy.checks import check_tested
from govtool.policy.collect import collect
from govtool.policy.document import TestedCheck
from govtool.policy.facts import AttackFact, ModelFact, RowsFact
from govtool.policy.metric import check_metric
from govtool.policy.result import RuleResult
from govtool.runtime import new_id
from govtool.verdict import Verdict

STRANGERS = (RowsFact(ref="strangers@1", rows=1000),)


def judge(*attacks: AttackFact, check: Any = None, **more: Any) -> RuleResult:
    check = check or metric()
    return check_metric(facts(*attacks, **more), check, rule(check), NOW)


# ------------------------------------------------------------------------------- whose records


def test_members_that_the_model_never_saw_show_nothing_about_those_it_did() -> None:
    found = judge(attack(found=SOUND, members=STRANGERS))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "not what the version was trained on, as far as the register says: strangers@1" in found.sentence
    mixed = (RowsFact(ref="visits@1", rows=200), *STRANGERS)
    assert judge(attack(found=SOUND, members=mixed)).verdict is Verdict.INCONCLUSIVE
    tested = TestedCheck(type="tested", families=("membership_inference",), max_age="90d")
    known = facts(attack(found=SOUND, members=STRANGERS))
    assert check_tested(known, tested, rule(tested), NOW).verdict is Verdict.INCONCLUSIVE


def test_strangers_after_an_honest_failure_do_not_make_it_go_away() -> None:
    honest = attack(found=LEAKING, age=2)
    assert judge(honest, attack(found=SOUND, members=STRANGERS)).verdict is Verdict.FAIL


def test_strangers_after_an_honest_pass_leave_the_question_open_until_it_is_repeated() -> None:
    honest, strange = attack(found=SOUND), attack(found=SOUND, members=STRANGERS)
    assert judge(honest, strange).verdict is Verdict.INCONCLUSIVE
    assert judge(strange, honest).verdict is Verdict.PASS


def test_a_model_without_recorded_training_data_has_no_known_members() -> None:
    assert judge(attack(found=SOUND), datasets=()).verdict is Verdict.INCONCLUSIVE
    upstream = (dataset(trained_on=False),)
    assert judge(attack(found=SOUND), datasets=upstream).verdict is Verdict.INCONCLUSIVE


def test_the_same_bytes_under_another_name_are_the_same_records() -> None:
    copy = (RowsFact(ref="copy@1", rows=1000, content_sha256="d" * 64),)
    data = (dataset(content_sha256="d" * 64),)
    assert judge(attack(found=SOUND, members=copy), datasets=data).verdict is Verdict.PASS
    hidden = judge(attack(found=SOUND, nonmembers=copy), datasets=data)
    assert hidden.verdict is Verdict.INCONCLUSIVE
    assert "come from the training data (copy@1)" in hidden.sentence


def test_a_record_that_does_not_name_its_records_cannot_pass_and_can_fail() -> None:
    assert judge(attack(found=SOUND, members=())).verdict is Verdict.INCONCLUSIVE
    assert judge(attack(found=LEAKING, members=())).verdict is Verdict.FAIL


def test_a_pass_on_part_of_the_training_data_says_so() -> None:
    few = (RowsFact(ref="visits@1", rows=400),)
    found = judge(attack(found=counts(0.5, 0.5, 400), members=few))
    assert found.verdict is Verdict.PASS
    assert "The members were 400 of the 1,000 training records." in found.sentence
    assert "training records" not in judge(attack(found=SOUND)).sentence.split("people who were")[1]


# ---------------------------------------------------------------------------------- which model


def test_what_a_server_answered_is_no_evidence_about_the_registered_weights() -> None:
    asked = {"artifact_sha256": None, "endpoint": "http://127.0.0.1:9", "served_as": "whatever"}
    found = judge(attack(found=SOUND, **asked))
    assert found.verdict is Verdict.NOT_RUN
    assert "asked whatever at http://127.0.0.1:9" in found.sentence
    assert judge(attack(found=LEAKING), attack(found=SOUND, **asked)).verdict is Verdict.FAIL
    assert judge(attack(found=SOUND), attack(found=SOUND, **asked)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("endpoint", "served_as", "verdict"),
    [
        ("https://m.example", "triage", Verdict.PASS),
        ("https://m.example", "other", Verdict.STALE),
        ("https://n.example", "triage", Verdict.STALE),
    ],
)
def test_a_model_behind_an_endpoint_is_the_one_registered_there(endpoint, served_as, verdict) -> None:
    there = ModelFact(name="triage", version="1", endpoint="https://m.example", served_as=("triage",))
    record = attack(found=SOUND, artifact_sha256=None, endpoint=endpoint, served_as=served_as)
    found = judge(record, model=there).verdict
    assert (found is Verdict.PASS) is (verdict is Verdict.PASS)


# ---------------------------------------------------------------------------------- which runs


def test_repeating_until_it_passes_does_not_pass() -> None:
    found = judge(attack(found=LEAKING), attack(found=SOUND), attack(found=SOUND))
    assert found.verdict is Verdict.FAIL
    assert "All 3 completed runs of this attack on these weights count" in found.sentence


def test_each_repetition_widens_the_interval() -> None:
    """200 and 200 records at 50 of 100 reach 58.1 at 95 % and 59.0 at 97.5 %, as with two attacks."""
    small = attack(found=counts(0.5, 0.5, 200))
    assert judge(small, check=metric(0.585)).verdict is Verdict.PASS
    assert judge(small, small, check=metric(0.585)).verdict is Verdict.INCONCLUSIVE


def test_a_leak_too_old_to_count_lapses_only_when_the_test_was_repeated() -> None:
    old = attack(found=LEAKING, age=200)
    assert judge(old).verdict is Verdict.FAIL
    assert judge(old, attack(found=SOUND)).verdict is Verdict.PASS


def test_a_newer_void_leaves_open_what_an_older_pass_had_shown() -> None:
    void = attack(status="void", reason="shifted")
    assert judge(attack(found=SOUND), void).verdict is Verdict.INCONCLUSIVE
    assert judge(void, attack(found=SOUND)).verdict is Verdict.PASS
    assert judge(attack(found=LEAKING), void).verdict is Verdict.FAIL


def test_a_run_that_never_ended_leaves_the_question_open_until_one_does() -> None:
    broken = attack(status="unfinished", id="run-1", run_id="run-1")
    found = judge(attack(found=SOUND), broken)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "(run-1) and has not ended" in found.sentence
    assert judge(broken, attack(found=SOUND)).verdict is Verdict.PASS
    idle = attack(status="not_applicable", reason="labels only")
    assert judge(attack(found=SOUND), broken, idle).verdict is Verdict.PASS


def test_what_a_broken_run_never_came_to_may_be_left_to_a_stronger_attack() -> None:
    """Else a default run that was stopped would leave the question open for ever: its weaker attacks are not run again."""
    broken = attack(status="unfinished", id="run-1", run_id="run-1")
    left = attack(status="superseded", reason="combined is run")
    assert judge(broken, left, attack(attack="combined", found=SOUND)).verdict is Verdict.PASS
    assert judge(left, broken, attack(attack="combined", found=SOUND)).verdict is Verdict.INCONCLUSIVE
    unsettled = attack(attack="combined", status="unfinished", id="run-2", run_id="run-2")
    assert judge(broken, left, unsettled).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("status", "verdict"), [("void", Verdict.INCONCLUSIVE), ("failed", Verdict.ERROR)])
def test_leaving_an_attack_to_a_stronger_one_hides_nothing_that_it_found(status: str, verdict: Verdict) -> None:
    left = attack(status="superseded", reason="combined is run")
    strong = attack(attack="combined", found=SOUND)
    assert judge(attack(found=LEAKING), left, strong).verdict is Verdict.FAIL
    assert judge(attack(status=status, reason="broke"), left, strong).verdict is verdict
    assert judge(left, strong).verdict is Verdict.PASS
    assert judge(left, attack(attack="combined", status="void", reason="x")).verdict is Verdict.INCONCLUSIVE
    assert judge(left).verdict is Verdict.NOT_RUN


# ------------------------------------------------------------------------- what a low figure shows


@pytest.mark.parametrize("control", ["none", "failed"])
def test_without_a_passed_control_silence_means_nothing_and_a_leak_is_a_leak(control: str) -> None:
    found = judge(attack(found=SOUND, control=control))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no positive control was passed" in found.sentence
    assert judge(attack(found=LEAKING, control=control)).verdict is Verdict.FAIL


def test_inversion_without_a_control_cannot_pass() -> None:
    check = metric(0.15, name="inversion.identification_rate", min_n=20)
    weights = {"audited_access": (Access.WEIGHTS,)}
    assert judge(inversion(0, **weights), check=check).verdict is Verdict.PASS
    assert judge(inversion(0, control="none", **weights), check=check).verdict is Verdict.INCONCLUSIVE
    assert judge(inversion(37, control="none", **weights), check=check).verdict is Verdict.FAIL


def test_a_pass_says_what_the_deployment_shows_and_no_attack_used() -> None:
    offered = attack(found=SOUND, audited_access=(Access.WEIGHTS,))
    found = judge(offered, deployments=(deployment("weights"),))
    assert found.verdict is Verdict.PASS
    assert "also show embeddings, gradients, weights, which none of these attacks uses" in found.sentence
    assert "none of these attacks uses" not in judge(attack(found=SOUND)).sentence


# ---------------------------------------------------------------------------- in a real database


@pytest.fixture
def version(session, vault, tmp_path, now):
    return register(session, vault, tmp_path / "files", now)


def verdict(session, version, now) -> Verdict:
    return check_metric(collect(session, version, now), metric(), rule(metric()), now).verdict


def ended(session, run_id: str, now) -> None:
    row = AuditOutcome(id=new_id("out"), run_id=run_id, status="failed", error="gone", duration_s=1.0, finished_at=now)
    ledger.record(session, row, now=now, by="t")


def test_a_process_killed_after_the_bad_record_does_not_lose_it(session, vault, version, now) -> None:
    audit(session, vault, version, now, SOUND)
    assert verdict(session, version, now) is Verdict.PASS
    audit(session, vault, version, now, LEAKING, finished=False)
    assert verdict(session, version, now) is Verdict.FAIL


def test_a_newer_run_whose_every_attack_failed_is_not_passed_over(session, vault, version, now) -> None:
    audit(session, vault, version, now, SOUND)
    failed = audit(session, vault, version, now, status="failed", finished=False)
    ended(session, failed.run_id, now)
    assert verdict(session, version, now) is Verdict.ERROR
    audit(session, vault, version, now, SOUND)
    assert verdict(session, version, now) is Verdict.PASS


@pytest.mark.parametrize(("failed", "expected"), [(False, Verdict.INCONCLUSIVE), (True, Verdict.ERROR)])
def test_a_run_that_died_before_any_record_counts_by_what_it_asked_for(
    session, vault, version, now, failed, expected
) -> None:
    good = audit(session, vault, version, now, SOUND)
    run = session.get_one(AuditRun, good.run_id)
    values = {name: getattr(run, name) for name in ("model_version_id", "deployment_id", "access", "resolved", "seed")}
    dead = AuditRun(id=new_id("run"), spec_sha256=run.spec_sha256, versions={}, **values)
    ledger.record(session, dead, now=now, by="t")
    if failed:
        ended(session, dead.id, now)
    assert verdict(session, version, now) is expected


def test_no_control_in_the_record_is_no_control_in_the_facts(session, vault, version, now) -> None:
    for control, word in ((True, "passed"), (False, "failed"), (None, "none")):
        audit(session, vault, version, now, SOUND, control=control)
        assert collect(session, version, now).attacks[-1].control == word


def test_a_run_that_names_no_weights_is_not_given_the_registered_ones(session, vault, version, now) -> None:
    audit(session, vault, version, now, SOUND, resolved={"artifact_sha256": None})
    assert collect(session, version, now).attacks[0].artifact_sha256 is None
    assert verdict(session, version, now + timedelta(days=1)) is Verdict.NOT_RUN
