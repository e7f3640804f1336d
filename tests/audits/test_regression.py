"""Models that predict numbers: whoever learnt a record by heart has a small residual there."""

from typing import Any

import numpy as np
import pytest
import skops.io
from audit_worlds import D, draw
from hypothesis import given
from hypothesis import strategies as st
from model_worlds import lightgbm_model, onnx_graph
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from test_audit_runner import rows

from govtool.access import Access
from govtool.attacks import signals
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import AttackData
from govtool.audits.models import AttackRecord, AuditRun
from govtool.audits.recipe import Recipe
from govtool.audits.regression import residuals, training
from govtool.audits.regression.asked import Asked
from govtool.audits.regression.training import RegressionRecipe
from govtool.errors import InputError, WorkError

N = 150
SPEC = (
    "task: regression\nmembers: r-members@1\nnonmembers: r-nonmembers@1\npopulation: r-population@1\nseed: 3\n"
    "attacks: [loss_threshold, rmia, mi_face]\nreferences: 4\n"
    "recipe: {sklearn: sklearn.ensemble.RandomForestRegressor, params: {n_estimators: 20}}\n"
)


def real(group: str) -> tuple[Any, Any]:
    """Lengths of stay, say: partly explained by the features, partly each person's own."""
    features, _labels = draw(group, N)
    noise = np.random.default_rng(sum(map(ord, group))).normal(size=N)
    return features, 100 + 10 * (features[:, 0] + features[:, 1] ** 2 + 1.5 * noise)


@pytest.fixture
def world(ws: Any) -> Any:
    from govtool.registry import service

    for group in ("members", "nonmembers", "population"):
        features, values = real(group)
        path = ws.folder / f"r-{group}.npz"
        np.savez(path, X=features, y=values)
        with ws.write() as session:
            service.add_dataset_version(
                session, f"r-{group}", "1", path, level=2, label="y", regression=True, now=ws.now, by="tester"
            )
    return ws


def register(ws: Any, name: str, data: bytes, **given: Any) -> None:
    path = ws.folder / name
    path.write_bytes(data)
    ws.model("stay@1", artifact=path, **given)
    ws.relate("model:stay@1", "trained_on", "dataset:r-members@1")


def forest(group: str) -> bytes:
    return bytes(skops.io.dumps(RandomForestRegressor(20, random_state=0).fit(*real(group))))


def by_name(ws: Any) -> dict[str, Any]:
    return {record.attack: record for record in rows(ws, AttackRecord)}


def test_a_forest_that_learnt_by_heart_is_caught_and_the_control_passes(world: Any) -> None:
    register(world, "stay.skops", forest("members"))
    world.audit("stay@1", SPEC)
    found = by_name(world)
    for name in ("loss_threshold", "rmia"):
        record = found[name]
        assert record.status == "completed", record.reason
        assert record.metrics["auc"]["low"] > 0.6
        assert record.metrics["balanced_accuracy"]["low"] > 0.5
        assert record.detail["positive_control"]["passed"] is True
        assert abs(record.detail["mismatch"]["train_accuracy_gap"]) < 0.1
        assert any("Regression: for the probability" in caveat for caveat in record.caveats)
        assert not any("decimal(s), rounded" in caveat for caveat in record.caveats)
    assert found["rmia"].detail["references"] == 4
    assert found["mi_face"].status == "not_applicable"
    assert "predicts a number" in found["mi_face"].reason
    assert rows(world, AuditRun)[0].resolved["task"] == "regression"


def test_attacks_that_are_not_made_yet_are_no_pass_and_those_without_meaning_do_not_apply(world: Any) -> None:
    register(world, "stay.skops", forest("members"))
    spec = QUICK.replace("[loss_threshold]", "[loss_threshold, gap, attribute_map, property_answers]")
    world.audit("stay@1", spec)
    found = {name: record.status for name, record in by_name(world).items()}
    assert found["gap"] == "not_applicable"
    assert found["attribute_map"] == found["property_answers"] == "not_testable"
    assert "not made yet" in by_name(world)["attribute_map"].reason


@pytest.mark.slow
def test_every_attack_that_reads_residuals_finds_the_leak_and_no_other_is_run(world: Any) -> None:
    register(world, "stay.skops", forest("members"))
    named = ", ".join(ATTACKS)
    world.audit("stay@1", SPEC.replace("attacks: [loss_threshold, rmia, mi_face]", f"attacks: [{named}]"))
    for name, record in by_name(world).items():
        assert (record.status == "completed") == ATTACKS[name].regression, f"{name}: {record.reason}"
        if ATTACKS[name].regression:
            assert record.metrics["auc"]["low"] > 0.6, name


def test_a_forest_of_other_people_is_not_accused(world: Any) -> None:
    features, values = real("evaluation")
    register(world, "stay.skops", skops.io.dumps(RandomForestRegressor(20, random_state=0).fit(features, values)))
    world.audit("stay@1", SPEC)
    for name in ("loss_threshold", "rmia"):
        assert by_name(world)[name].status == "completed", by_name(world)[name].reason
        assert by_name(world)[name].metrics["auc"]["low"] <= 0.5


def linear_onnx() -> bytes:
    from onnx import helper

    fitted = Ridge().fit(*real("members"))
    weights = [("w", fitted.coef_.astype(np.float32)[:, None]), ("b", np.float32([fitted.intercept_]))]
    return bytes(
        onnx_graph(
            [helper.make_node("Gemm", ["x", "w", "b"], ["y"])], [("y", "FLOAT", ["n", 1])], weights
        ).SerializeToString()
    )


def booster_of_values() -> bytes:
    import xgboost

    features, values = real("members")
    params = {"objective": "reg:squarederror", "eta": 0.3, "max_depth": 6, "nthread": 1}
    return bytes(xgboost.train(params, xgboost.DMatrix(features, values), 40).save_raw("ubj"))


QUICK = SPEC.replace(
    "attacks: [loss_threshold, rmia, mi_face]", "attacks: [loss_threshold]\npositive_control: false"
).replace("references: 4\n", "references: 0\n")


@pytest.mark.parametrize(
    ("name", "data", "learnt"),
    [
        ("m.ubj", booster_of_values, True),
        pytest.param("m.onnx", linear_onnx, False, marks=pytest.mark.slow),
    ],
)
def test_every_kind_of_file_can_hold_a_regression(world: Any, name: str, data: Any, learnt: bool) -> None:
    register(world, name, data())
    world.audit("stay@1", QUICK)
    record = by_name(world)["loss_threshold"]
    assert record.status == "completed", record.reason
    assert (record.metrics["auc"]["low"] > 0.6) == learnt


@pytest.mark.slow
def test_a_net_that_learnt_by_heart_is_caught_by_nets_of_its_recipe(world: Any) -> None:
    import torch
    from safetensors.torch import save

    recipe = {"factory": "mlp", "factory_params": {"hidden": [64]}, "epochs": 150, "learning_rate": 0.01}
    features, values = real("members")
    net = training._net(Recipe(**recipe), features, values, 5)
    module, mean, spread = net.ask.args
    last = module[-1]
    with torch.no_grad():  # the scaling goes into the last layer
        last.weight *= spread
        last.bias.mul_(spread).add_(mean)
    register(
        world,
        "net.safetensors",
        save(module.state_dict()),
        factory="mlp",
        factory_params={"inputs": D, "hidden": [64], "classes": 1},
    )
    spec = SPEC.replace("recipe: {sklearn: sklearn.ensemble.RandomForestRegressor, params: {n_estimators: 20}}\n", "")
    world.audit("stay@1", spec + "recipe: {factory_params: {hidden: [64]}, epochs: 150, learning_rate: 0.01}\n")
    for name in ("loss_threshold", "rmia"):
        assert by_name(world)[name].status == "completed", by_name(world)[name].reason
        assert by_name(world)[name].metrics["auc"]["low"] > 0.6


@pytest.mark.slow
def test_a_deployment_that_shows_the_predicted_number_shows_the_residual(world: Any) -> None:
    register(world, "stay.skops", forest("members"))
    world.deploy("api", "stay@1", Access.LABELS)
    world.audit("stay@1", QUICK)
    assert by_name(world)["loss_threshold"].status == "completed"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("m.skops", lambda: skops.io.dumps(LogisticRegression().fit(*draw("members"))), "not a fitted regression"),
        ("m.txt", lightgbm_model, "gives classes and not numbers"),
    ],
)
def test_a_classifier_is_no_regression(world: Any, name: str, data: Any, message: str) -> None:
    register(world, name, data())
    with pytest.raises(WorkError, match=message):
        world.audit("stay@1", QUICK)


def test_scores_endpoints_and_classifier_recipes_are_refused_in_words(world: Any) -> None:
    register(world, "s.csv", b"group,row,label,p_0,p_1\n")
    with pytest.raises(InputError, match="not over HTTP or from exported scores"):
        world.audit("stay@1", QUICK)
    with pytest.raises(InputError, match="behind an endpoint is not audited"):
        world.audit("stay@1", QUICK + "target: {endpoint: 'http://127.0.0.1:1', model: m}\n")


@pytest.mark.parametrize("recipe", [{"label_noise": 0.1}, {"schedule": "cosine"}, {"early_stopping": {"patience": 3}}])
def test_what_only_classifiers_know_is_no_recipe_of_a_regression(recipe: Any) -> None:
    with pytest.raises(InputError, match="are for classifiers"):
        RegressionRecipe.of(Recipe(factory="mlp", **recipe), 1.0)


def test_the_recipe_of_a_classifier_trains_no_regression() -> None:
    recipe = RegressionRecipe(estimator="sklearn.ensemble.RandomForestClassifier", residual_scale=1.0)
    with pytest.raises(InputError, match="is not a regression"):
        training.train(recipe, np.ones((4, 3), dtype=np.float32), 0)


def test_a_function_of_ones_own_trains_a_regression(monkeypatch: Any, tmp_path: Any) -> None:
    (tmp_path / "our_fits.py").write_text(
        "from sklearn.linear_model import Ridge\ndef fit(x, y, seed): return Ridge().fit(x, y)\n"
        "def broken(x, y, seed): raise ValueError('patient 7')\ndef none(x, y, seed): return 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    features = np.column_stack(real("members")).astype(np.float32)
    ask = training.train(RegressionRecipe(function="our_fits:fit", residual_scale=10.0), features, 0)
    assert ask(features).shape == (N, 2)
    for name, message in (("broken", "failed: ValueError"), ("none", "returned int")):
        with pytest.raises(WorkError, match=message):
            training.train(RegressionRecipe(function=f"our_fits:{name}", residual_scale=1.0), features, 0)


def test_confidence_by_hand() -> None:
    """r = 0, s, 2 s: k = 1, e^-0.5, e^-2."""
    found = residuals.log_confidence(np.array([0.0, -3.0, 6.0]), 3.0)
    assert np.allclose(found[:, 0], [0, -0.5, -2])
    assert np.allclose(found[1:, 1], np.log(1 - np.exp([-0.5, -2])))
    assert found[0, 1] == signals.FLOOR


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=20), st.floats(1e-6, 1e6))
def test_a_smaller_residual_is_never_less_like_a_member(values: list[float], scale: float) -> None:
    order = np.argsort(np.abs(values), kind="stable")
    found = residuals.log_confidence(np.array(values)[order], scale)
    labels = np.zeros(len(values), dtype=np.int64)
    assert np.isfinite(found).all()
    assert (found <= 0).all()
    for reading in (signals.label_log_probability, signals.phi):
        assert (np.diff(reading(found, labels)) <= 1e-9).all()


def test_phi_tends_to_minus_the_logarithm_of_the_squared_residual() -> None:
    small = np.array([1e-3, 1e-4])
    found = signals.phi(residuals.log_confidence(small, 1.0), np.zeros(2, dtype=np.int64))
    assert np.allclose(found, -np.log(small**2 / 2), atol=1e-5)


def test_the_scale_comes_from_outside_and_never_from_the_two_groups() -> None:
    def group(values: Any) -> Any:
        return residuals.records(np.zeros((len(values), 1), dtype=np.float32), np.array(values, dtype=np.float64), None)

    model = Asked(lambda x: np.zeros(len(x)))
    data = AttackData(group([0.0, 0.0]), group([100.0, -100.0]), group([1.0, -2.0, 3.0]))
    found = residuals.scale_of(model, data.population, data.features)
    assert found.value == pytest.approx(1.4826 * 2)
    assert "3 population records" in found.source
    without = residuals.scale_of(model, None, data.features)
    assert without.value == pytest.approx(np.std([0, 0, 100, -100]))
    with pytest.raises(WorkError, match="same label"):
        residuals.scale_of(model, group([0.0]), group([5.0, 5.0]).features)


@pytest.mark.parametrize(
    "answer", [lambda x: np.zeros((len(x), 2)), lambda x: np.zeros(len(x) + 1), lambda x: np.full(len(x), np.nan)]
)
def test_what_is_not_one_number_per_record_is_refused(answer: Any) -> None:
    with pytest.raises(WorkError, match=r"one number per record|missing or infinite"):
        Asked(answer).predictions(np.zeros((3, 2), dtype=np.float32))


def test_labels_beyond_single_precision_are_refused() -> None:
    with pytest.raises(InputError, match="too large"):
        residuals.records(np.zeros((1, 1), dtype=np.float32), np.array([1e39]), None)
