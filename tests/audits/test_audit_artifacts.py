"""Whole runs on what is not safetensors: exported scores, scikit-learn, pickles."""

import pickle
from typing import Any

import numpy as np
import pytest
import skops.io
from audit_worlds import D, K, N, draw
from sklearn.ensemble import RandomForestClassifier
from test_audit_runner import QUICK, rows

from govtool.access import Access
from govtool.audits.models import AttackRecord, AuditOutcome
from govtool.audits.targets import torch_target
from govtool.digest import sha256_bytes, sha256_file
from govtool.errors import InputError, UntrustedArtifactError

GROUPS = "members: members@1\nnonmembers: nonmembers@1\n"


@pytest.fixture
def forest() -> Any:
    return RandomForestClassifier(20, random_state=0).fit(*draw("members"))


def export(ws: Any, leaky: bytes, order: Any = slice(None), **extra: Any) -> None:
    """Scores of the leaky model, as its owner would hand them over."""
    target = torch_target.open_safetensors(leaky, "mlp", {"inputs": D, "hidden": [32], "classes": K}, D)
    arrays: dict[str, Any] = dict(extra)
    for group in ("member", "nonmember", "population"):
        features, labels = draw(group if group == "population" else f"{group}s")
        arrays[f"{group}_probabilities"] = np.exp(target.log_probabilities(features))[order]
        arrays[f"{group}_labels"] = labels[order]
    path = ws.folder / "scores.npz"
    np.savez(path, **arrays)
    ws.model("vendor@1", artifact=path)


def test_exported_scores_are_attacked_without_the_model(registered: Any, leaky: bytes) -> None:
    export(registered, leaky)
    spec = "seed: 7\nrecipe: {factory: mlp, factory_params: {hidden: [32]}}\npopulation: population@1\n" + GROUPS
    registered.audit("vendor@1", spec)
    by_name = {record.attack: record for record in rows(registered, AttackRecord)}

    found = by_name["loss_threshold"]
    assert found.status == "completed", found.reason
    assert found.metrics["auc"]["low"] > 0.6
    assert found.metrics["balanced_accuracy"]["low"] > 0.5  # by the population's threshold
    assert found.detail["positive_control"]["passed"] is True
    assert by_name["combined"].status == "not_testable"
    assert "only exported scores" in by_name["combined"].reason
    assert by_name["rmia"].status == "superseded"
    assert by_name["mi_face"].status == "not_applicable"


def test_scores_in_another_order_are_refused_and_not_called_safe(registered: Any, leaky: bytes) -> None:
    export(registered, leaky, slice(None, None, -1))
    with pytest.raises(InputError, match="are not the labels of the members' dataset"):
        registered.audit("vendor@1", QUICK + GROUPS)
    assert rows(registered, AuditOutcome)[0].status == "failed"


def test_a_scikit_learn_model_is_attacked_by_references_of_its_own_kind(registered: Any, forest: Any) -> None:
    path = registered.folder / "forest.skops"
    path.write_bytes(skops.io.dumps(forest))
    registered.model("forest@1", artifact=path)
    recipe = "recipe: {sklearn: sklearn.ensemble.RandomForestClassifier, params: {n_estimators: 20}}\n"
    registered.audit("forest@1", recipe + GROUPS + "references: 4\npopulation: population@1\nattacks: [rmia]\n")
    record = next(row for row in rows(registered, AttackRecord) if row.attack == "rmia")
    assert record.status == "completed", record.reason
    assert record.metrics["auc"]["low"] > 0.8
    assert record.counts["members"] == N
    assert any("keeps no logits" in caveat for caveat in record.caveats)
    assert abs(record.detail["mismatch"]["train_accuracy_gap"]) < 0.05


def test_weights_that_are_promised_and_not_there_are_untestable(registered: Any, forest: Any) -> None:
    path = registered.folder / "forest.skops"
    path.write_bytes(skops.io.dumps(forest))
    registered.model("forest@1", artifact=path)
    registered.deploy("given-away", "forest@1", Access.WEIGHTS)
    done = registered.audit("forest@1", GROUPS + "attacks: [mi_face]\n")
    assert {found.attack: found.status for found in done.attacks}["mi_face"] == "not_testable"


def test_a_pickle_runs_only_when_named_again(registered: Any, forest: Any) -> None:
    path = registered.folder / "forest.pkl"
    path.write_bytes(pickle.dumps(forest))
    registered.model("pickled@1", artifact=path, trust_pickle=sha256_file(path))
    with pytest.raises(UntrustedArtifactError, match="is a pickle"):
        registered.audit("pickled@1", QUICK + GROUPS)
    with pytest.raises(UntrustedArtifactError):
        registered.audit("pickled@1", QUICK + GROUPS, trust_pickle=sha256_bytes(b"another"))
    assert [row.status for row in rows(registered, AuditOutcome)] == ["failed", "failed"]
    done = registered.audit("pickled@1", QUICK + GROUPS, trust_pickle=sha256_file(path))
    assert done.attacks[0].status == "completed"


def test_a_control_that_could_not_find_the_leak_voids_the_result(registered: Any, monkeypatch: Any) -> None:
    from govtool.audits import control
    from govtool.audits.recipe import Recipe

    untaught = Recipe(factory="mlp", factory_params={"hidden": [4]}, epochs=1, learning_rate=1e-9)
    monkeypatch.setattr(control, "_overfit", lambda _recipe: untaught)
    registered.audit("leaky@1", "attacks: [loss_threshold]\n")
    record = rows(registered, AttackRecord)[0]
    assert record.detail["positive_control"]["passed"] is False
    assert record.status == "void"
    assert "did not find a leak that was planted" in record.reason
