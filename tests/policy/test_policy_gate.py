from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from policy_builders import NOW, attack, counts, dataset, deployment, facts, metric, policies, policy, rule
from policy_world import LEAKING, SOUND, audit, register

from govtool import resources
from govtool.access import Access
from govtool.digest import Sha256, canonical_json, sha256_bytes
from govtool.errors import AmbiguousError, EvidenceError, NotFoundError
from govtool.estimate import Counts
from govtool.evidence.models import LedgerLeaf
from govtool.policy import collect, gate
from govtool.policy.cases import run
from govtool.policy.document import ExposureCheck, NoOpenIncidentCheck, When, load
from govtool.policy.facts import from_canonical
from govtool.policy.gate import evaluate
from govtool.policy.models import Decision
from govtool.policy.result import of, soften
from govtool.verdict import GateOutcome, Verdict

GOOD, BAD = attack(found=counts(0.5, 0.5)), attack(found=counts(0.9, 0.1))
INCIDENT = rule(NoOpenIncidentCheck(type="no_open_incident"), "INC-001")


def judge(policy_set, known=None):
    return evaluate(policy_set, known or facts(GOOD), NOW)


def test_empty_policy_fails() -> None:
    found = judge(policies(policy()))
    assert found.outcome is GateOutcome.NO_GO
    assert found.reason == "No rule in force applies to this version, so nothing shows that it may ship."


def test_no_applicable_rule_fails() -> None:
    found = judge(policies(rule(metric(), when=When(level_at_least=3))))
    assert (found.outcome, found.rules) == (GateOutcome.NO_GO, ())


def test_all_rules_met_is_go_and_tells_the_measured_one() -> None:
    found = judge(policies(INCIDENT, rule(metric())))
    assert found.outcome is GateOutcome.GO
    assert found.reason.startswith("All 2 rules that apply are met. Of an equal mix of people")


def test_the_worst_rule_gives_the_reason() -> None:
    found = judge(policies(INCIDENT, rule(metric(), "AA"), rule(metric(name="mia.auc"), "BB")), facts(BAD))
    assert found.outcome is GateOutcome.NO_GO
    assert found.reason == next(one.sentence for one in found.rules if one.id == "AA")


def test_missing_evidence_is_undecided() -> None:
    assert judge(policies(INCIDENT, rule(metric())), facts()).outcome is GateOutcome.UNDECIDED


@pytest.mark.parametrize(
    ("severity", "known", "verdict", "outcome"),
    [
        ("warn", facts(BAD), Verdict.WARN, GateOutcome.GO_WITH_CONDITIONS),
        ("warn", facts(), Verdict.NOT_RUN, GateOutcome.GO_WITH_CONDITIONS),
        ("warn", facts(GOOD), Verdict.PASS, GateOutcome.GO),
        ("info", facts(BAD), Verdict.WARN, GateOutcome.GO),
        ("block", facts(BAD), Verdict.FAIL, GateOutcome.NO_GO),
    ],
)
def test_what_a_rule_weighs_beside_a_met_blocking_one(severity, known, verdict, outcome) -> None:
    found = judge(policies(INCIDENT, rule(metric(), "MIA-001", severity)), known)
    assert (found.rules[1].verdict, found.outcome) == (verdict, outcome)


def test_a_softened_failure_stays_visible() -> None:
    found = judge(policies(INCIDENT, rule(metric(), "MIA-001", "warn")), facts(BAD)).rules[1]
    assert (found.verdict, found.found) == (Verdict.WARN, Verdict.FAIL)
    assert found.sentence.endswith("This rule warns and does not block.")
    assert found.to_dict()["found"] == "FAIL"


def test_only_info_rules_decide_nothing() -> None:
    assert judge(policies(rule(metric(), severity="info"))).outcome is GateOutcome.NO_GO


def test_only_warnings_give_no_clean_go() -> None:
    found = judge(policies(rule(metric(), severity="warn")))
    assert found.outcome is GateOutcome.GO_WITH_CONDITIONS
    assert any("No blocking rule applies" in note for note in found.notes)


def test_warn_mode_turns_blocks_into_conditions_and_says_so() -> None:
    found = judge(policies(rule(metric()), mode="warn"), facts(BAD))
    assert found.outcome is GateOutcome.GO_WITH_CONDITIONS
    assert (found.rules[0].severity, found.rules[0].verdict, found.rules[0].found) == (
        "warn",
        Verdict.WARN,
        Verdict.FAIL,
    )
    assert "warn mode, so this does not block yet" in found.reason
    assert "The policy p is in warn mode." in found.notes


def test_dry_run_counts_for_nothing_not_even_for_go() -> None:
    trial = policy(rule(metric(), "NEW-001"), mode="dry-run", name="trial")
    found = judge(policies(trial, policy(INCIDENT)), facts(BAD))
    assert found.outcome is GateOutcome.GO
    assert found.rules[0].verdict is Verdict.WARN
    assert judge(policies(trial)).outcome is GateOutcome.NO_GO, "nothing is enforced"


def test_a_policy_that_is_not_in_force_yet_is_left_out_aloud() -> None:
    later = policy(rule(metric(), "NEW-001"), effective_from=date(2026, 3, 11), name="later")
    found = judge(policies(later, policy(INCIDENT)), facts(BAD))
    assert [one.id for one in found.rules] == ["INC-001"]
    assert found.notes == ("The policy later is not in force before 2026-03-11.",)
    today = policy(rule(metric(), "NEW-001"), effective_from=date(2026, 3, 10))
    assert [one.id for one in judge(policies(today), facts(BAD)).rules] == ["NEW-001"], "from that day on"


def test_soften_leaves_a_met_warning_alone() -> None:
    met = of(rule(metric(), severity="warn"), Verdict.PASS, "Fine.")
    assert soften(met, "enforce") == met
    assert soften(replace(met, severity="block"), "enforce").severity == "block"


@pytest.mark.parametrize(
    ("when", "known", "expected"),
    [
        (When(level_at_least=2), facts(level=1), False),
        (When(level_at_least=2), facts(level=2), True),
        (When(level_at_least=3), facts(level=None), True),
        (When(audience=("public",)), facts(), False),
        (When(audience=("internal",)), facts(), True),
        (When(audience=("public",)), facts(deployments=()), True),
        (When(environment=("staging",)), facts(), False),
        (When(exposes=(Access.LABELS,)), facts(), True),
        (When(exposes=(Access.LOGITS,)), facts(), False),
        (When(class_unit=("person",)), facts(), False),
        (When(class_unit=("person",)), facts(datasets=(dataset(), dataset(class_unit="person"))), True),
        (When(class_unit=("unknown",)), facts(datasets=()), True),
    ],
)
def test_when_a_rule_applies(when: When, known, expected: bool) -> None:
    assert bool(judge(policies(rule(metric(), when=when)), known).rules) is expected


def test_conditions_on_deployments_must_meet_in_one_of_them() -> None:
    when = When(audience=("public",), exposes=(Access.WEIGHTS,))
    apart = facts(deployments=(deployment("weights"), deployment("labels", audience="public")))
    check = ExposureCheck(type="exposure", forbid=("weights",))
    assert not judge(policies(rule(check, when=when)), apart).rules
    together = facts(deployments=(deployment("weights", audience="public"),))
    assert judge(policies(rule(check, when=when)), together).rules


def test_an_unknown_level_is_said() -> None:
    found = judge(policies(INCIDENT), facts(level=None, level_reason="unclassified: visits@1"))
    assert found.notes == (
        "The level of its data is unknown (unclassified: visits@1), so it is judged as level 3, special.",
    )


def test_the_shipped_policy_passes_its_own_tests() -> None:
    folder = resources.find("policies")
    results = run(folder / "tests", load(folder))
    assert len(results) >= 5
    assert [result.differences for result in results] == [()] * len(results)
    assert {result.outcome for result in results} == {"GO", "GO-WITH-CONDITIONS", "NO-GO", "UNDECIDED"}


# ------------------------------------------------------------------- decisions in the database


@pytest.fixture
def shipped():
    return load(resources.find("policies"))


@pytest.fixture
def version(session, vault, tmp_path, now):
    return register(session, vault, tmp_path / "files", now)


def decide(session, vault, version, shipped, now) -> Decision:
    return gate.decide(session, vault, version, shipped, now=now, by="officer")


@pytest.mark.parametrize(("found", "outcome"), [(SOUND, "GO"), (LEAKING, "NO-GO"), (None, "UNDECIDED")])
def test_a_decision_is_recorded_with_all_it_rests_on(session, vault, version, shipped, now, found, outcome) -> None:
    record = audit(session, vault, version, now, found) if found else None
    decision = decide(session, vault, version, shipped, now)
    assert decision.outcome == outcome
    assert vault.read(decision.policy_sha256) == shipped.canonical()
    assert decision.policy_files == shipped.files
    assert (decision.recorded_at, decision.recorded_by) == (now, "officer")
    rules = {one["id"]: one for one in decision.rules}
    assert set(rules) == {"MIA-001", "TEST-001", "INV-003", "REG-001", "EXP-001", "INC-001"}
    if record is not None:
        assert rules["MIA-001"]["evidence"] == [record.id]
        assert rules["MIA-001"]["limit"] == {"op": "<", "value": 0.6}
        assert rules["MIA-001"]["measured"]["n"] == 2000
    leaf = session.get_one(LedgerLeaf, decision.ledger_index).data
    assert canonical_json(decision.rules) in leaf
    assert canonical_json({"artifacts": [decision.policy_sha256, decision.facts_sha256]})[1:-1] in leaf
    assert gate.replay(session, vault, decision).outcome == outcome


def test_a_changed_world_does_not_change_the_past(session, vault, version, shipped, now) -> None:
    audit(session, vault, version, now, SOUND)
    first = decide(session, vault, version, shipped, now)
    audit(session, vault, version, now, LEAKING)
    later = decide(session, vault, version, shipped, now + timedelta(days=200))
    assert (first.outcome, later.outcome) == ("GO", "NO-GO")
    assert gate.replay(session, vault, first).outcome is GateOutcome.GO
    assert gate.decisions(session, version) == [first, later]


def test_the_same_policy_and_evidence_give_the_same_bytes(session, vault, version, shipped, now) -> None:
    a, b = (decide(session, vault, version, shipped, now) for _ in range(2))
    assert (a.policy_sha256, a.facts_sha256, a.rules) == (b.policy_sha256, b.facts_sha256, b.rules)


def copy(decision: Decision, **changes) -> Decision:
    values = {column.key: getattr(decision, column.key) for column in sa.inspect(Decision).columns}
    return Decision(**{**values, **changes})


def test_a_decision_whose_outcome_was_changed_does_not_replay(session, vault, version, shipped, now) -> None:
    audit(session, vault, version, now, LEAKING)
    decision = decide(session, vault, version, shipped, now)
    for changes in (
        {"outcome": "GO"},
        {"reason": "All is well."},
        {"rules": decision.rules[:-1]},
        {"rules": [{**decision.rules[0], "verdict": "PASS"}, *decision.rules[1:]]},
        {"recorded_at": now + timedelta(seconds=1)},
        {"model_version_id": "mv-other"},
    ):
        with pytest.raises(EvidenceError):
            gate.judge_again(vault, copy(decision, **changes))


def test_bytes_swapped_for_others_do_not_replay(session, vault, version, shipped, now) -> None:
    audit(session, vault, version, now, LEAKING)
    decision = decide(session, vault, version, shipped, now)
    easier = vault.put(shipped.canonical().replace(b'"value":0.6', b'"value":0.9')).sha256
    with pytest.raises(EvidenceError, match="recorded NO-GO, judged again GO"):
        gate.judge_again(vault, copy(decision, policy_sha256=easier))
    with pytest.raises(EvidenceError, match="cannot be read"):
        gate.judge_again(vault, copy(decision, facts_sha256=vault.put(b"{}").sha256))
    with pytest.raises(EvidenceError, match="missing"):
        gate.judge_again(vault, copy(decision, facts_sha256=sha256_bytes(b"never stored")))


def test_altered_bytes_in_the_vault_do_not_replay(session, vault, version, shipped, now) -> None:
    decision = decide(session, vault, version, shipped, now)
    path = vault.local_path(Sha256(decision.facts_sha256))
    path.chmod(0o640)
    path.write_bytes(path.read_bytes().replace(b"cardiology", b"carDiology"))
    with pytest.raises(EvidenceError, match="altered"):
        gate.replay(session, vault, decision)


def replaced(session, decision: Decision, **values) -> Decision:
    """The row as somebody leaves it who can write to the database: triggers gone, ledger entry untouched."""
    session.execute(sa.text("DROP TRIGGER decision_no_update"))
    session.execute(sa.update(Decision).where(Decision.id == decision.id).values(**values))
    session.expire_all()
    return gate.decision(session, decision.id)


def test_a_decision_pointed_at_friendlier_facts_does_not_replay(session, vault, version, shipped, now) -> None:
    """Row, facts and rules agree with each other perfectly; only the ledger tells."""
    audit(session, vault, version, now, LEAKING)
    decision = decide(session, vault, version, shipped, now)
    facts = from_canonical(vault.read(decision.facts_sha256))
    counts = Counts(510, 1000, 500, 1000)
    better = facts.attacks[0].model_copy(
        update={
            "counts": counts,
            "metrics": {**facts.attacks[0].metrics, "balanced_accuracy": counts.balanced_accuracy()},
        }
    )
    forged = facts.model_copy(update={"attacks": (better, *facts.attacks[1:])})
    evaluation = gate.evaluate(shipped, forged, forged.judged_at)
    row = replaced(
        session,
        decision,
        outcome=str(evaluation.outcome),
        reason=evaluation.reason,
        rules=[rule.to_dict() for rule in evaluation.rules],
        facts_sha256=vault.put(forged.canonical()).sha256,
    )
    assert gate.judge_again(vault, row).outcome is not GateOutcome.NO_GO
    with pytest.raises(EvidenceError, match="not what the ledger holds"):
        gate.replay(session, vault, row)


def test_facts_that_never_came_from_the_attack_record_do_not_replay(
    session, vault, version, shipped, now, monkeypatch
) -> None:
    """Recorded properly, by a program that made its facts up."""
    audit(session, vault, version, now, LEAKING)
    facts = collect.collect(session, version, now)
    counts = Counts(510, 1000, 500, 1000)
    for changes in (
        {"counts": counts, "metrics": {"balanced_accuracy": counts.balanced_accuracy()}},
        {"id": "atk-none"},
        {"status": "void"},
    ):
        forged = facts.model_copy(update={"attacks": (facts.attacks[0].model_copy(update=changes),)})
        monkeypatch.setattr(collect, "collect", lambda *_args, forged=forged: forged)
        monkeypatch.setattr(gate, "_must_be_whole", lambda *_args: None)  # the forger's program does not look
        row = decide(session, vault, version, shipped, now)
        with pytest.raises(EvidenceError, match=r"say other things than|rests on is not"):
            gate.replay(session, vault, row)


def test_an_attack_record_changed_afterwards_does_not_replay(session, vault, version, shipped, now) -> None:
    record = audit(session, vault, version, now, LEAKING)
    decision = decide(session, vault, version, shipped, now)
    session.execute(sa.text("DROP TRIGGER attack_record_no_update"))
    session.execute(sa.text("UPDATE attack_record SET reason = 'x'"))
    session.expire_all()
    with pytest.raises(EvidenceError, match=f"{record.id} that {decision.id} rests on"):
        gate.replay(session, vault, gate.decision(session, decision.id))


def test_a_bound_may_differ_in_its_last_digits_only(session, vault, version, shipped, now) -> None:
    audit(session, vault, version, now, LEAKING)
    decision = decide(session, vault, version, shipped, now)
    first = decision.rules[0]

    def shifted(by: float) -> Decision:
        measured = {**first["measured"], "low": first["measured"]["low"] * (1 + by)}
        return copy(decision, rules=[{**first, "measured": measured}, *decision.rules[1:]])

    gate.judge_again(vault, shifted(1e-13))
    with pytest.raises(EvidenceError):
        gate.judge_again(vault, shifted(1e-6))


def test_a_decision_is_found_by_its_prefix(session, vault, version, shipped, now) -> None:
    decision = decide(session, vault, version, shipped, now)
    assert gate.decision(session, decision.id[:10]) is decision
    with pytest.raises(NotFoundError):
        gate.decision(session, "dec-nope")
    decide(session, vault, version, shipped, now)
    with pytest.raises(AmbiguousError):
        gate.decision(session, "dec-")


def test_nothing_is_decided_on_score_vectors_that_are_gone(session, vault, version, shipped, now) -> None:
    record = audit(session, vault, version, now, SOUND)
    vault.local_path(record.evidence_sha256).unlink()
    with pytest.raises(EvidenceError, match=r"score vectors of .* missing in the vault"):
        decide(session, vault, version, shipped, now)


def test_nothing_is_decided_when_what_references_answered_is_gone(session, vault, version, shipped, now) -> None:
    digest = vault.put(b"answers").sha256
    audit(session, vault, version, now, SOUND, references=digest)
    vault.local_path(digest).unlink()
    with pytest.raises(EvidenceError, match=r"reference models' answers of .* missing in the vault"):
        decide(session, vault, version, shipped, now)
