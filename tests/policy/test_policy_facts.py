from datetime import timedelta

import pytest
from policy_world import LEAKING, SOUND, add_version, audit, close, incident, register

from govtool.access import Access
from govtool.errors import EvidenceError
from govtool.policy.collect import collect
from govtool.policy.facts import from_canonical
from govtool.policy.standing import standing
from govtool.registry import service


@pytest.fixture
def version(session, vault, tmp_path, now):
    return register(session, vault, tmp_path / "files", now)


def test_everything_the_register_knows_is_collected(session, vault, version, now) -> None:
    record = audit(session, vault, version, now, SOUND)
    facts = collect(session, version, now)
    assert facts.judged_at == now
    assert (facts.model.ref, facts.model.owner, facts.model.artifact_sha256) == (
        "triage@1",
        "cardiology",
        version.artifact_sha256,
    )
    assert (facts.level, facts.level_reason) == (2, "trained on visits@1")
    (data,) = facts.datasets
    assert (data.ref, data.owner, data.subject_column, data.class_unit) == (
        "visits@1",
        "records office",
        "patient",
        "group",
    )
    (api,) = facts.deployments
    assert api.exposes == (Access.PROBABILITIES,)
    assert api.reachable >= {Access.PROBABILITIES, Access.TOP_K, Access.LABELS}
    (attack,) = facts.attacks
    assert (attack.id, attack.counts, attack.evidence_sha256) == (record.id, SOUND, record.evidence_sha256)
    assert attack.metrics["balanced_accuracy"] == SOUND.balanced_accuracy()
    assert attack.caveats == ("one target model",)


def test_facts_survive_their_own_bytes(session, vault, version, now) -> None:
    audit(session, vault, version, now, LEAKING)
    facts = collect(session, version, now + timedelta(microseconds=1))
    assert from_canonical(facts.canonical()) == facts


def test_nothing_recorded_is_unknown_not_public(session, vault, version, tmp_path, now) -> None:
    bare = add_version(session, vault, tmp_path / "files", now, "2")
    facts = collect(session, bare, now)
    assert facts.level is None
    assert facts.level_reason == "no training data is recorded for it"
    assert (facts.datasets, facts.deployments, facts.attacks) == ((), (), ())
    assert facts.class_units == {"unknown"}


def test_a_test_set_is_not_training_data(session, vault, version, tmp_path, now) -> None:
    bare = add_version(session, vault, tmp_path / "files", now, "2")
    service.add_lineage(session, "triage@2", "tested_on", "visits@1", now=now, by="t")
    assert collect(session, bare, now).datasets == ()


def test_data_behind_a_parent_model_counts(session, vault, version, tmp_path, now) -> None:
    child = add_version(session, vault, tmp_path / "files", now, "2")
    service.add_lineage(session, "triage@2", "distilled_from", "triage@1", now=now, by="t")
    facts = collect(session, child, now)
    assert [data.ref for data in facts.datasets] == ["visits@1"]
    assert facts.level == 2


def test_every_attempt_is_a_fact_and_not_the_newest_alone(session, vault, version, now) -> None:
    older = audit(session, vault, version, now, LEAKING)
    newer = audit(session, vault, version, now, SOUND)
    assert [attack.id for attack in collect(session, version, now).attacks] == [older.id, newer.id]


@pytest.mark.parametrize("status", ["not_requested", "not_applicable"])
def test_leaving_an_attack_out_does_not_hide_what_it_found(session, vault, version, now, status: str) -> None:
    leak = audit(session, vault, version, now, LEAKING)
    audit(session, vault, version, now, status=status)
    known = collect(session, version, now)
    assert [attack.id for attack in standing(known, "membership_inference", None, now)] == [leak.id]


def test_the_weights_are_those_that_the_run_loaded(session, vault, version, now) -> None:
    audit(session, vault, version, now, SOUND, resolved={"artifact_sha256": "f" * 64})
    assert collect(session, version, now).attacks[0].artifact_sha256 == "f" * 64


def test_open_incidents_and_what_they_are_about(session, vault, version, tmp_path, now) -> None:
    second = add_version(session, vault, tmp_path / "files", now, "2")
    service.add_model(session, "other", description="", owner="o", purpose="", now=now, by="t")
    other = service.add_model_version(
        session, vault, "other", "1", artifact=tmp_path / "files" / "scores1.npz", now=now, by="t"
    )
    api = service.deployment(session, "triage-api")
    incident(session, now, "here", version)
    incident(session, now, "by deployment", None, api.id)
    incident(session, now, "sibling", second)
    incident(session, now, "elsewhere", other)
    incident(session, now, "nobody knows", None)
    close(session, now, incident(session, now, "over", version))
    found = {one.title: one.about for one in collect(session, version, now).open_incidents}
    assert found == {"here": "version", "by deployment": "version", "sibling": "model", "nobody knows": "unattributed"}


def test_bytes_that_are_no_facts_are_an_evidence_error() -> None:
    with pytest.raises(EvidenceError):
        from_canonical(b"{}")
