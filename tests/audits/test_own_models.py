"""Every kind of model that people bring, from its registration on the command line to the leak that is found in it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from audit_worlds import D, draw
from model_worlds import lightgbm_model, onnx_of, torch_as_onnx, two_classes, xgboost_model
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from test_audit_runner import QUICK, rows

from govtool.access import Access
from govtool.audits.models import AttackRecord, AuditOutcome
from govtool.errors import WorkError

GROUPS = "members: {0}members@1\nnonmembers: {0}nonmembers@1\n"


def attack(ws: Any, name: str, data: bytes, groups: str = "") -> Any:
    """Register these bytes under a file of that name, run one attack, and give its record."""
    path = ws.folder / name
    path.write_bytes(data)
    ws.model("own@1", artifact=path)
    ws.audit("own@1", QUICK + GROUPS.format(groups))
    return rows(ws, AttackRecord)[0]


def leaks(record: Any) -> bool:
    assert record.status == "completed", record.reason
    return bool(record.metrics["auc"]["low"] > 0.6)


def binary(ws: Any) -> Any:
    for group in ("members", "nonmembers"):
        ws.dataset(f"two-{group}@1", *two_classes(group))
    return ws


@pytest.mark.parametrize(
    ("name", "model"),
    [("b.json", xgboost_model), ("b.txt", lightgbm_model)],
)
def test_a_booster_that_learnt_by_heart_is_caught(registered: Any, name: str, model: Any) -> None:
    record = attack(registered, name, model())
    assert leaks(record)
    assert any("not differentiated" in caveat for caveat in record.caveats)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("b.ubj", lambda: xgboost_model("ubj", "binary:logistic", 60)),
        ("b.txt", lambda: lightgbm_model("binary", 60)),
    ],
)
def test_a_booster_of_two_classes_is_caught(registered: Any, name: str, model: Any) -> None:
    assert leaks(attack(binary(registered), name, model(), "two-"))


@pytest.mark.slow
def test_an_onnx_export_of_a_forest_is_caught(registered: Any) -> None:
    record = attack(registered, "f.onnx", onnx_of(RandomForestClassifier(20, random_state=0).fit(*draw("members"))))
    assert leaks(record)
    assert any("Taken for probabilities by their content" in caveat for caveat in record.caveats)


def test_an_onnx_export_of_a_net_is_caught_by_its_logits(registered: Any, leaky: bytes) -> None:
    from govtool.audits.targets import torch_target

    net = torch_target.open_safetensors(leaky, "mlp", {"inputs": D, "hidden": [32], "classes": 3}, D).net
    record = attack(registered, "n.onnx", torch_as_onnx(net))
    assert leaks(record)
    assert any("Taken for logits" in caveat for caveat in record.caveats)


@pytest.mark.parametrize(
    "classifier",
    [
        RandomForestClassifier(20, random_state=0),
        pytest.param(GradientBoostingClassifier(n_estimators=60, random_state=0), marks=pytest.mark.slow),
        pytest.param(
            HistGradientBoostingClassifier(max_iter=60, min_samples_leaf=2, random_state=0), marks=pytest.mark.slow
        ),
        make_pipeline(PolynomialFeatures(2), StandardScaler(), LogisticRegression(C=100)),
        make_pipeline(
            ColumnTransformer([("s", StandardScaler(), list(range(D)))]),
            MLPClassifier((64,), random_state=0, max_iter=150),
        ),
        pytest.param(
            CalibratedClassifierCV(DecisionTreeClassifier(random_state=0), ensemble=False, cv=2), marks=pytest.mark.slow
        ),
        pytest.param(make_pipeline(PolynomialFeatures(2), LinearSVC(C=10, max_iter=20_000)), marks=pytest.mark.slow),
    ],
    ids=["forest", "boosting", "histogram", "linear", "net", "calibrated", "svc"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learn_models_that_learnt_by_heart_are_caught(registered: Any, classifier: Any) -> None:
    record = attack(registered, "m.skops", skops.io.dumps(classifier.fit(*draw("members"))))
    assert leaks(record)
    assert any("decision function was taken" in c for c in record.caveats) == (not hasattr(classifier, "predict_proba"))


@pytest.mark.parametrize("classifier", [RandomForestClassifier(20, random_state=0), LinearSVC()])
def test_a_model_of_other_people_is_not_accused(registered: Any, classifier: Any) -> None:
    record = attack(registered, "m.skops", skops.io.dumps(classifier.fit(*draw("population"))))
    assert record.status == "completed"
    assert record.metrics["auc"]["low"] < 0.5


@pytest.mark.slow
def test_labels_alone_do_not_feed_an_attack_on_probabilities(registered: Any) -> None:
    path = registered.folder / "b.ubj"
    path.write_bytes(xgboost_model("ubj", "binary:hinge"))
    registered.model("own@1", artifact=path)
    registered.deploy("api", "own@1", Access.PROBABILITIES)
    done = registered.audit("own@1", QUICK + GROUPS.format(""))
    assert done.attacks[0].status == "not_testable"
    assert "answers with labels" in done.attacks[0].reason


def test_a_deployment_that_shows_labels_hides_the_decision_function(registered: Any) -> None:
    path = registered.folder / "p.skops"
    path.write_bytes(skops.io.dumps(Perceptron().fit(*draw("members"))))
    registered.model("own@1", artifact=path)
    registered.deploy("api", "own@1", Access.LABELS)
    done = registered.audit("own@1", QUICK + GROUPS.format(""))
    assert done.attacks[0].status == "not_applicable"


def test_scores_that_r_exported_are_attacked(registered: Any) -> None:
    forest = RandomForestClassifier(20, random_state=0).fit(*draw("members"))
    lines = ['"group","row","label","p_0","p_1","p_2"']
    for group in ("member", "nonmember"):
        features, labels = draw(f"{group}s")
        for row, (label, p) in enumerate(zip(labels, forest.predict_proba(features), strict=True), start=1):
            lines.append(f'"{group}",{row},{label},' + ",".join(f"{value:.6f}" for value in p))
    assert leaks(attack(registered, "scores.csv", "\n".join(lines).encode()))


@pytest.mark.slow
def test_a_file_that_crashes_its_library_fails_the_run_and_is_remembered(registered: Any) -> None:
    with pytest.raises(WorkError, match=r"lightgbm|LightGBM"):
        attack(registered, "b.txt", lightgbm_model()[:4000])
    assert rows(registered, AuditOutcome)[0].status == "failed"


def test_the_command_line_registers_and_audits_a_booster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from govtool import cli

    def run(*words: str) -> int:
        return cli.run(list(words))

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOVTOOL_WORKSPACE", raising=False)
    assert run("init") == 0
    for group in ("members", "nonmembers"):
        features, labels = draw(group)
        np.savez(tmp_path / f"{group}.npz", X=features, y=labels)
        assert run("dataset", "add", group, "1", str(tmp_path / f"{group}.npz"), "--label", "y", "--level", "2") == 0
    (tmp_path / "booster.ubj").write_bytes(xgboost_model("ubj"))
    (tmp_path / "notes.txt").write_text("dear colleague")
    (tmp_path / "audit.yaml").write_text("schema: govtool.audit/v1\n" + QUICK + GROUPS.format(""))
    assert run("model", "add", "own") == 0
    assert run("model", "version", "add", "own", "0", "--artifact", str(tmp_path / "notes.txt")) == 2
    assert run("model", "version", "add", "own", "1", "--artifact", str(tmp_path / "booster.ubj")) == 0
    capsys.readouterr()
    assert run("audit", "run", "own@1", "--spec", str(tmp_path / "audit.yaml")) == 0
    assert "loss_threshold" in capsys.readouterr().out
