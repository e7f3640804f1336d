"""An ensemble in a spec: which models take part, under whose exposure, and what each calls the target's classes."""

from typing import Any

import numpy as np
import pytest
from audit_worlds import RECIPE, D, K, draw

from govtool.access import Access
from govtool.attacks.interface import Records
from govtool.audits import companions
from govtool.audits import spec as specs
from govtool.audits.models import AttackRecord, AuditRun
from govtool.errors import EvidenceError, InputError, NotFoundError, UntrustedArtifactError
from govtool.registry import service

SPEC = "evaluation: evaluation@1\nattacks: {inversion_ensemble: {steps: 3}}\npositive_control: false\nseed: 7\n"
MLP = {"inputs": D, "hidden": [32], "classes": K}


@pytest.fixture(scope="session")
def second() -> bytes:
    """Weights that know the same members from another start."""
    from safetensors.torch import save

    from govtool.audits.recipe import train

    return save(train(RECIPE, *draw("members"), K, seed=6).state_dict())


def add(ws: Any, name: str, weights: bytes, factory: str = "mlp", params: Any = None) -> None:
    path = ws.folder / f"{name}.safetensors"
    path.write_bytes(weights)
    ws.model(f"{name}@1", artifact=path, factory=factory, factory_params=params or MLP)


@pytest.fixture
def two(registered: Any, second: bytes) -> Any:
    """leaky@1 and second@1, trained on the same members."""
    registered.dataset("evaluation@1", *draw("evaluation"))
    add(registered, "second", second)
    registered.relate("model:second@1", "trained_on", "dataset:members@1")
    return registered


def outcome(ws: Any, text: str, **given: Any) -> Any:
    return next(one for one in ws.audit("leaky@1", text, **given).attacks if one.attack == "inversion_ensemble")


def record(ws: Any) -> Any:
    with ws.read() as session:
        return next(row for row in session.query(AttackRecord) if row.attack == "inversion_ensemble")


def test_both_models_are_attacked_and_the_run_says_which_weights_those_were(two: Any) -> None:
    found = outcome(two, "ensemble: [second@1]\n" + SPEC)
    assert found.status in ("completed", "void"), found.reason
    assert [one["model"] for one in record(two).detail["ensemble"]["members"]] == ["the model under attack", "second@1"]
    with two.read() as session:
        (run,) = session.query(AuditRun)
        (said,) = run.resolved["ensemble"]["models"]
        assert said["model"] == "second@1"
        assert said["artifact_sha256"] == service.model_version(session, "second@1").artifact_sha256


def test_the_registry_s_surface_takes_part_by_itself(two: Any, leaky: bytes) -> None:
    """A copy of the same weights adds nothing and stays out; classes follow from the records both were trained on."""
    add(two, "copy", leaky)
    two.relate("model:copy@1", "trained_on", "dataset:members@1")
    found = outcome(two, "ensemble: surface\n" + SPEC)
    assert found.status in ("completed", "void"), found.reason
    assert [one["model"] for one in record(two).detail["ensemble"]["members"]][1:] == ["second@1"]
    with two.read() as session:
        (run,) = session.query(AuditRun)
        assert run.resolved["ensemble"]["left_out"] == {"copy@1": "the same weights as the target's"}


def test_a_surface_of_none_is_said(registered: Any) -> None:
    registered.dataset("evaluation@1", *draw("evaluation"))
    found = outcome(registered, "ensemble: surface\n" + SPEC)
    assert (found.status, found.reason) == ("not_testable", "no other model takes part: the registry knows none")


def test_without_an_ensemble_nobody_asked_unless_the_attack_is_named() -> None:
    from govtool.attacks.catalog import ATTACKS

    head = "schema: govtool.audit/v1\n"
    plain, named = (
        specs.parse((head + text).encode(), "audit.yaml", ATTACKS)
        for text in ("seed: 1\n", "attacks: [inversion_ensemble]\n")
    )
    statuses = [companions.obstacle(companions.Company(), spec) for spec in (plain, named)]
    assert [status for status, _ in filter(None, statuses)] == ["not_requested", "not_testable"]


def test_a_deployment_without_gradients_rules_its_model_out_by_name(two: Any) -> None:
    two.deploy("second-prod", "second@1", Access.PROBABILITIES)
    found = outcome(two, "ensemble: [second@1]\n" + SPEC)
    assert found.status == "not_applicable"
    assert "second@1 exposes only: labels" in found.reason
    assert "left_out" not in found.reason
    found = outcome(two, "ensemble: surface\n" + SPEC)
    assert found.reason == "no other model takes part (second@1: its gradients are not exposed)"


def test_one_of_several_deployments_must_be_named(two: Any) -> None:
    two.deploy("narrow", "second@1", Access.LABELS)
    two.deploy("wide", "second@1", Access.WEIGHTS)
    with pytest.raises(InputError, match="several deployments: narrow, wide"):
        two.audit("leaky@1", "ensemble: [second@1]\n" + SPEC)
    found = outcome(two, "ensemble: [{model: second@1, deployment: wide}]\n" + SPEC)
    assert found.status in ("completed", "void"), found.reason
    two.deploy("other", "leaky@1", Access.WEIGHTS)
    with pytest.raises(InputError, match="serves leaky@1, not second@1"):
        two.audit("leaky@1", "ensemble: [{model: second@1, deployment: other}]\n" + SPEC)


def test_a_member_that_does_not_load_leaves_one_clear_reason(two: Any) -> None:
    two.folder.joinpath("wrong.safetensors").write_bytes(b"no weights at all")
    two.model("wrong@1", artifact=two.folder / "wrong.safetensors", factory="mlp", factory_params=MLP)
    found = outcome(two, "ensemble: [second@1, wrong@1]\n" + SPEC)
    assert found.status == "not_testable"
    assert found.reason.startswith("wrong@1 cannot be attacked: the artifact is not a whole safetensors file")


def test_an_artifact_that_was_changed_ends_the_run(two: Any) -> None:
    with two.read() as session:
        digest = service.model_version(session, "second@1").artifact_sha256
    path = two.vault.local_path(digest)
    path.chmod(0o600)
    path.write_bytes(b"changed")
    with pytest.raises(EvidenceError):
        two.audit("leaky@1", "ensemble: [second@1]\n" + SPEC)


def test_a_companion_s_own_architecture_must_be_vouched_for_as_the_target_s(two: Any, second: bytes) -> None:
    add(two, "own", second, factory="somebodys_nets:wide", params={"width": 3})
    with pytest.raises(UntrustedArtifactError, match="somebodys_nets:wide"):
        two.audit("leaky@1", "ensemble: [own@1]\n" + SPEC)


@pytest.mark.parametrize(
    ("named", "error", "said"),
    [
        ("[nobody@1]", NotFoundError, "no model version 'nobody@1'"),
        ("[leaky@1]", InputError, "is the model under attack itself"),
        ("[second@1, second@1]", InputError, "named twice"),
        ("[{model: second@1, classes: [0, 1]}]", InputError, "is given 2 classes, and the target has 3"),
        ("[{model: second@1, classes: [0, 1, 7]}]", InputError, "has 3 classes, 0 to 2"),
        ("[{model: second@1, labels: members@1}]", InputError, "without a subject column"),
        ("[{model: second@1, labels: nothing@1}]", NotFoundError, "nothing@1"),
    ],
)
def test_what_cannot_be_an_ensemble_is_refused(two: Any, named: str, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        two.audit("leaky@1", f"ensemble: {named}\n" + SPEC)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("[]", "an empty list of models"),
        ("second", "is not a model version"),
        ("[{model: surface, deployment: x}]", "'surface' stands alone"),
        ("[{model: a@1, classes: [0], labels: d@1}]", "not both"),
        ("[{model: a@1, classes: [-1]}]", "greater than or equal to 0"),
        ("[{model: a@1, klasses: [1]}]", "klasses"),
    ],
)
def test_a_misspelt_ensemble_is_refused_with_its_line(named: str, said: str) -> None:
    from govtool.attacks.catalog import ATTACKS

    with pytest.raises(InputError, match=said) as caught:
        specs.parse(f"schema: govtool.audit/v1\nensemble: {named}\n".encode(), "audit.yaml", ATTACKS)
    assert caught.value.where.startswith("audit.yaml:2")


def people(labels: list[int], names: list[str] | None) -> Records:
    features = np.arange(len(labels), dtype=np.float32)[:, None]
    return Records(features, np.array(labels), None if names is None else np.array(names))


def test_classes_follow_the_people_in_them() -> None:
    """Ann and Bob are classes 0 and 1; Cem's class 2 is of two people with different ages; nobody knows Dora's."""
    members = people([0, 0, 1, 2, 2, 3], ["ann", "ann", "bob", "cem", "zoe", "dora"])
    ages = people([5, 4, 1, 2], ["ann", "bob", "cem", "zoe"])
    assert companions.mapped(members, ages, 4).tolist() == [5, 4, -1, -1]


def test_without_names_classes_follow_records_that_are_in_both() -> None:
    members, other = people([0, 1, 1], None), people([7, 8, 9], None)
    assert companions.mapped(members, other, 2).tolist() == [7, -1]


def test_where_people_are_in_many_classes_the_registry_s_proposal_takes_the_same_classes(
    registered: Any, second: bytes
) -> None:
    """Each of ten people has records of every class, so no person tells which class is which."""
    for name, group in (("visits", "members"), ("later", "population")):
        features, labels = draw(group)
        path = registered.folder / f"{name}.npz"
        np.savez(path, X=features, y=labels, who=np.arange(len(labels)) % 10)
        with registered.write() as session:
            service.add_dataset_version(
                session, name, "1", path, level=2, label="y", subject="who", now=registered.now, by="tester"
            )
    add(registered, "second", second)
    registered.relate("model:second@1", "trained_on", "dataset:later@1")
    registered.relate("model:leaky@1", "fine_tuned_on", "dataset:visits@1")
    with registered.read() as session:
        spec = specs.parse(b"schema: govtool.audit/v1\nensemble: surface\n", "audit.yaml", {})
        company = companions.find(session, service.model_version(session, "leaky@1"), spec)
        members = Records(*draw("members"), np.arange(120) % 10)
        (opened,) = companions.open_all(company, registered.vault, members, K, environ={}, trust_pickle=None)
    assert opened.classes.tolist() == [0, 1, 2]
