"""Whole runs on a small model that leaks, with commits that are real."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from audit_worlds import RECIPE_YAML, N, draw

from govtool.access import Access
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import Attack, AttackResult
from govtool.audits import service
from govtool.audits.models import AttackRecord, AuditOutcome, AuditRun
from govtool.errors import EvidenceError, InputError, WorkError
from govtool.estimate import Estimate
from govtool.evidence.verify import verify

FULL = RECIPE_YAML + "population: population@1\nreferences: 4\nattacks: [loss_threshold, rmia]\nseed: 7\n"
QUICK = "attacks: [loss_threshold]\npositive_control: false\nseed: 7\n"


def fake(run: Any, name: str = "fake", family: str = "data_reconstruction", needs: Access = Access.LABELS) -> Attack:
    return Attack(name=name, family=family, summary="", reference="", taxonomy="", needs=needs, run=run)


def found_something(target: Any, data: Any, params: Any, rng: Any) -> AttackResult:
    return AttackResult(
        attack="fake",
        family="data_reconstruction",
        knowledge="None.",
        access=frozenset({Access.LABELS}),
        metrics={"rate": Estimate(0.5, 0.4, 0.6, 0.95, 10)},
        baselines={"rate": 0.5},
        counts=None,
        arrays={"drawn": rng.random(3)},
        detail={},
    )


def rows(ws: Any, kind: Any) -> list[Any]:
    with ws.read() as session:
        return list(session.scalars(sa.select(kind).order_by(kind.ledger_index)))


def test_a_model_that_learnt_by_heart_is_caught_and_the_control_passes(registered: Any) -> None:
    done = registered.audit("leaky@1", FULL)
    by_name = {record.attack: record for record in rows(registered, AttackRecord)}

    assert done.status == "completed"
    for name in ("loss_threshold", "rmia"):
        record = by_name[name]
        assert record.status == "completed", record.reason
        assert record.metrics["auc"]["low"] > 0.6
        assert record.detail["positive_control"]["passed"] is True
        assert record.detail["references"] == 4
        assert abs(record.detail["mismatch"]["training_records_ratio"] - 1) < 0.01
        with np.load(BytesIO(registered.vault.read(record.evidence_sha256))) as kept:
            assert kept["membership"].tolist() == [True] * N + [False] * N
            assert int(kept["seed"]) == 7
            assert not any(name.startswith("reference") for name in kept.files)
        with np.load(BytesIO(registered.vault.read(record.references_sha256))) as kept:
            assert kept["reference_members"].sum(axis=0).tolist() == [2] * (2 * N)
            assert kept["reference_phi"].shape == (4, 2 * N)
    assert by_name["rmia"].counts["members"] == N
    assert by_name["mi_face"].status == "not_requested"


def test_what_references_answered_is_stored_once_and_its_loss_is_found(registered: Any) -> None:
    registered.audit("leaky@1", FULL)
    records = rows(registered, AttackRecord)
    (digest,) = {record.references_sha256 for record in records if record.status == "completed"}
    assert {record.references_sha256 for record in records if record.status != "completed"} == {None}
    with registered.read() as session:
        assert verify(session, registered.vault, registered.signer.verifier).ok
    registered.vault.local_path(digest).unlink()
    with registered.read() as session:
        problems = verify(session, registered.vault, registered.signer.verifier).problems
    assert len(problems) == 2
    assert all("answers of the reference models" in str(problem) for problem in problems)


def test_the_started_row_says_what_will_be_done(registered: Any) -> None:
    registered.audit("leaky@1", "seed: 7\n", attacks={"fake": fake(found_something)})
    (run,) = rows(registered, AuditRun)
    assert run.resolved["counts"] == {"members": N, "nonmembers": N, "population": 0, "evaluation": 0, "public": 0}
    assert run.resolved["records"]["members"][0]["dataset"] == "members@1"
    assert len(run.resolved["records"]["members"][0]["sha256"]) == 64
    assert run.versions["torch"] != "absent"
    assert registered.vault.read(run.spec_sha256).startswith(b"schema: govtool.audit/v1")


def test_the_same_seed_gives_the_same_evidence(registered: Any) -> None:
    first, second = registered.audit("leaky@1", FULL), registered.audit("leaky@1", FULL)
    digests = {
        run: [record.evidence_sha256 for record in rows(registered, AttackRecord) if record.run_id == run]
        for run in (first.run_id, second.run_id)
    }
    assert digests[first.run_id] == digests[second.run_id]
    assert sum(digest is not None for digest in digests[first.run_id]) == 2


def test_another_seed_gives_other_evidence(registered: Any) -> None:
    catalogue = {"fake": fake(found_something)}
    for seed in (1, 2):
        registered.audit("leaky@1", f"seed: {seed}\n", attacks=catalogue)
    one, two = (record.evidence_sha256 for record in rows(registered, AttackRecord))
    assert one != two


def test_a_crash_leaves_the_started_row_and_no_outcome(registered: Any) -> None:
    def die(*_given: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        registered.audit(
            "leaky@1", "seed: 1\n", attacks={"fine": fake(found_something, "fine"), "dies": fake(die, "dies")}
        )
    (run,) = rows(registered, AuditRun)
    assert rows(registered, AuditOutcome) == []
    assert [record.attack for record in rows(registered, AttackRecord)] == ["fine"]
    with registered.read() as session:
        assert service.run_status(session, run) == "started"
        assert [row.attack for row in service.latest_records(session, run.model_version_id)] == ["fine"]


def test_one_attack_that_fails_does_not_stop_the_others_and_quotes_no_data(registered: Any) -> None:
    def breaks(*_given: Any) -> Any:
        raise ValueError("patient 4711")

    def refuses(*_given: Any) -> Any:
        raise WorkError("the server went away")

    catalogue = {"a": fake(breaks, "a"), "b": fake(refuses, "b"), "c": fake(found_something, "c")}
    done = registered.audit("leaky@1", "seed: 1\n", attacks=catalogue)
    assert [(found.status, found.reason) for found in done.attacks] == [
        ("failed", "unexpected ValueError"),
        ("failed", "the server went away"),
        ("completed", ""),
    ]
    assert done.status == "completed"


def test_a_result_the_ledger_cannot_hold_is_a_failure_and_not_a_lost_run(registered: Any) -> None:
    def unholdable(*given: Any) -> Any:
        found = found_something(*given)
        return AttackResult(**{**vars(found), "detail": {"rate": float("nan")}})

    done = registered.audit(
        "leaky@1", "seed: 1\n", attacks={"a": fake(unholdable, "a"), "b": fake(found_something, "b")}
    )
    assert [found.status for found in done.attacks] == ["failed", "completed"]


def test_a_run_whose_every_attack_failed_has_failed(registered: Any) -> None:
    def breaks(*_given: Any) -> Any:
        raise ValueError

    done = registered.audit("leaky@1", "seed: 1\n", attacks={"a": fake(breaks, "a")})
    assert done.status == "failed"
    (outcome,) = rows(registered, AuditOutcome)
    assert outcome.error == "every attack that was run failed"


def test_changed_data_stops_the_run_and_is_remembered(registered: Any) -> None:
    with (registered.folder / "members.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(EvidenceError, match="not the registered dataset"):
        registered.audit("leaky@1", QUICK)
    (outcome,) = rows(registered, AuditOutcome)
    assert outcome.status == "failed"
    assert "not the registered dataset" in outcome.error


def test_what_the_deployment_hides_is_not_applicable(registered: Any) -> None:
    registered.deploy("labels-only", "leaky@1", Access.LABELS)
    done = registered.audit("leaky@1", "seed: 1\n")
    by_labels = {name for name, attack in ATTACKS.items() if attack.needs is Access.LABELS}
    assert {found.attack for found in done.attacks if found.status != "not_applicable"} <= by_labels
    status = {found.attack: found.status for found in done.attacks}
    assert (status["boundary"], status["gap"]) == ("completed", "superseded")
    assert "deployment labels-only exposes only: labels" in done.attacks[0].reason
    (run,) = rows(registered, AuditRun)
    assert run.access == ["labels"]


def test_several_deployments_must_be_told_apart(registered: Any) -> None:
    for name in ("inside", "outside"):
        registered.deploy(name, "leaky@1", Access.PROBABILITIES)
    with pytest.raises(InputError, match="several deployments: inside, outside"):
        registered.audit("leaky@1", QUICK)
    assert rows(registered, AuditRun) == []
    done = registered.audit("leaky@1", "target: {deployment: inside}\n", attacks={"fake": fake(found_something)})
    assert done.target == "deployment inside"


def test_a_deployment_of_another_version_is_refused(registered: Any) -> None:
    registered.model("other@1", endpoint="http://127.0.0.1:1")
    registered.deploy("elsewhere", "other@1", Access.LABELS)
    with pytest.raises(InputError, match="serves other@1, not leaky@1"):
        registered.audit("leaky@1", "target: {deployment: elsewhere}\n")


def test_a_model_without_lineage_needs_its_members_named(registered: Any) -> None:
    registered.model("bare@1", artifact=registered.folder / "leaky.safetensors", factory="mlp", factory_params={})
    with pytest.raises(InputError, match="no members"):
        registered.audit("bare@1", QUICK)


def test_a_population_that_overlaps_makes_membership_untestable(registered: Any) -> None:
    done = registered.audit("leaky@1", QUICK + "population: [population@1, {dataset: members@1, rows: '0:3'}]\n")
    assert done.attacks[0].status == "not_testable"
    assert done.attacks[0].reason.startswith("3 population records are also members")


def test_judges_that_know_the_members_make_inversion_untestable(registered: Any) -> None:
    done = registered.audit("leaky@1", "attacks: [mi_face]\nevaluation: {dataset: members@1, rows: '0:50'}\n")
    assert {found.attack: found.status for found in done.attacks}["mi_face"] == "not_testable"
    assert "50 evaluation records" in {found.attack: found.reason for found in done.attacks}["mi_face"]


def test_without_a_recipe_reference_attacks_are_untestable_and_say_why(registered: Any) -> None:
    done = registered.audit("leaky@1", "attacks: [rmia]\npopulation: population@1\n")
    assert {found.attack: (found.status, found.reason) for found in done.attacks}["rmia"] == (
        "not_testable",
        "the spec gives no recipe, or no references, so no reference model could be trained",
    )


def test_groups_that_differ_without_the_model_void_the_figures(registered: Any) -> None:
    features, labels = draw("nonmembers")
    registered.dataset("drifted@1", features + 1, labels)
    registered.audit("leaky@1", QUICK + "nonmembers: drifted@1\n")
    record = rows(registered, AttackRecord)[0]
    assert record.status == "void"
    assert "differ without the model" in record.reason
    assert record.metrics["auc"]["value"] > 0.5  # kept, and nobody may use it


def test_records_of_another_shape_are_refused(registered: Any) -> None:
    registered.dataset("wide@1", np.zeros((20, 5), dtype=np.float32), np.zeros(20, dtype=np.int64))
    with pytest.raises(InputError, match="nonmembers have 5 features, members 12"):
        registered.audit("leaky@1", QUICK + "nonmembers: wide@1\n")


def test_labels_the_model_has_no_class_for_are_refused(registered: Any) -> None:
    features, labels = draw("nonmembers")
    registered.dataset("odd@1", features, labels + 2)
    with pytest.raises(InputError, match="labels lie outside the model's classes 0 to 2"):
        registered.audit("leaky@1", QUICK + "nonmembers: odd@1\n")


def test_a_spec_cannot_mark_its_own_work(registered: Any) -> None:
    with pytest.raises(InputError, match="'positive_control' is measured by the audit"):
        registered.audit("leaky@1", "attacks: {loss_threshold: {positive_control: {passed: true}}}\n")


def test_progress_is_told_step_by_step(registered: Any) -> None:
    told: list[str] = []
    catalogue = {"fake": fake(found_something)}
    registered.audit("leaky@1", "", attacks=catalogue, progress=lambda step, _done, _total: told.append(step))
    assert told[0] == "open the target"
    assert told[-1] == "attacks"


def test_a_server_is_not_the_registered_weights(registered: Any) -> None:
    """Behind the address may be any model, so the run names no weights; opened ones it names."""
    registered.audit("leaky@1", "seed: 1\n", attacks={"fake": fake(found_something)})
    with pytest.raises(WorkError):
        registered.audit("leaky@1", "target: {endpoint: 'http://127.0.0.1:1', model: whatever}\n" + QUICK)
    opened, asked = (run.resolved for run in rows(registered, AuditRun))
    assert len(opened["artifact_sha256"]) == 64
    assert (asked["artifact_sha256"], asked["endpoint"]["model"]) == (None, "whatever")


def test_a_row_named_twice_is_refused(registered: Any) -> None:
    twice = "members: [{dataset: members@1, rows: '0:60'}, {dataset: members@1, rows: '59:120'}]\n"
    with pytest.raises(InputError, match="members: 1 rows of members@1 are named twice"):
        registered.audit("leaky@1", QUICK + twice)


def test_non_members_out_of_the_training_data_make_membership_untestable(registered: Any) -> None:
    """By their features: the same rows under another name, behind members that are only the other half."""
    features, labels = draw("members")
    registered.dataset("renamed@1", features[60:], labels[60:])
    groups = "members: {dataset: members@1, rows: '0:60'}\nnonmembers: renamed@1\n"
    found = registered.audit("leaky@1", QUICK + groups).attacks[0]
    assert found.status == "not_testable"
    assert found.reason.startswith("60 of 60 non-members are in the data that the version was trained on")


def test_a_slice_of_the_training_data_is_said(registered: Any) -> None:
    registered.audit("leaky@1", QUICK + "members: {dataset: members@1, rows: '0:60'}\n")
    (record,) = (row for row in rows(registered, AttackRecord) if row.attack == "loss_threshold")
    assert "The members are 60 of the 120 records that the version was trained on." in record.caveats


def test_references_are_compared_with_what_the_target_was_trained_on(registered: Any) -> None:
    """60 members and 120 non-members give references 90 records, where the target had 120; by members it looked like 1.5."""
    slim = RECIPE_YAML.replace("epochs: 120", "epochs: 2")
    spec = slim + "references: 2\npositive_control: false\nattacks: [loss_threshold]\n"
    registered.audit("leaky@1", spec + "members: {dataset: members@1, rows: '0:60'}\n")
    (record,) = (row for row in rows(registered, AttackRecord) if row.attack == "loss_threshold")
    assert record.detail["mismatch"]["training_records_ratio"] == pytest.approx(0.75)
    assert any("trained on 90 records, the target on 120" in caveat for caveat in record.caveats)


def test_inversion_is_tried_on_a_model_that_holds_its_classes(registered: Any) -> None:
    registered.dataset("evaluation@1", *draw("evaluation"))
    registered.audit("leaky@1", "evaluation: evaluation@1\nattacks: [mi_face]\nseed: 7\n")
    (record,) = (row for row in rows(registered, AttackRecord) if row.attack == "mi_face")
    assert record.detail["positive_control"]["passed"] in (True, False)
    assert "softmax regression trained on the 120 members" in record.detail["positive_control"]["how"]


def test_by_default_the_strongest_is_run_and_the_others_give_way_to_it(registered: Any) -> None:
    spec = RECIPE_YAML + "population: population@1\nreferences: 4\npositive_control: false\nseed: 7\n"
    done = registered.audit("leaky@1", spec)
    found = {one.attack: (one.status, one.reason) for one in done.attacks}
    given_way = {name for name, attack in ATTACKS.items() if "combined" in attack.yields_to}
    assert found["combined"][0] == "completed"
    assert {found[name][0] for name in given_way} == {"superseded"}
    assert all(found[name][1].startswith("combined is run") for name in given_way)


def test_an_attack_that_the_spec_names_gives_way_to_nobody(registered: Any) -> None:
    done = registered.audit("leaky@1", "attacks: [loss_threshold, gap]\npositive_control: false\nseed: 7\n")
    found = {one.attack: one.status for one in done.attacks}
    assert (found["loss_threshold"], found["gap"]) == ("completed", "completed")
    assert (found["boundary"], found["combined"]) == ("superseded", "not_requested")
