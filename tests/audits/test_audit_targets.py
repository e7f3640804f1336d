"""Opening models: what loads, what is refused, and that a deployment shows no more than it says."""

import pickle
import zipfile
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import skops.io
from audit_worlds import RECIPE, D, K, draw
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from govtool.access import Access, reachable
from govtool.audits.targets import base, probe, scores, sklearn_target, torch_target
from govtool.digest import sha256_bytes
from govtool.errors import InputError, UntrustedArtifactError, WorkError

PARAMS = {"inputs": D, "hidden": [32], "classes": K}


def test_safetensors_give_the_model_that_was_trained(leaky: bytes) -> None:
    target = torch_target.open_safetensors(leaky, "mlp", PARAMS, D)
    features, labels = draw("members")
    answers = target.log_probabilities(features)
    assert np.allclose(np.exp(answers).sum(axis=1), 1)
    assert (target.labels(features) == labels).mean() > 0.95
    assert answers.dtype == np.float64


@pytest.mark.parametrize(
    ("data", "factory", "params", "message"),
    [
        (None, "mlp", {**PARAMS, "hidden": [31]}, "do not fit the architecture"),
        (None, "softmax", {"inputs": D, "classes": K}, "do not fit the architecture"),
        (b"junk", "mlp", PARAMS, "not a whole safetensors file"),
    ],
)
def test_weights_that_do_not_load(leaky: bytes, data: bytes | None, factory: str, params: Any, message: str) -> None:
    with pytest.raises(WorkError, match=message):
        torch_target.open_safetensors(data or leaky, factory, params, D)


def test_half_a_file_does_not_load(leaky: bytes) -> None:
    with pytest.raises(WorkError, match="not a whole safetensors file"):
        torch_target.open_safetensors(leaky[: len(leaky) // 2], "mlp", PARAMS, D)


def test_records_of_another_width_are_an_error_and_not_a_guess(leaky: bytes) -> None:
    with pytest.raises(WorkError, match="does not take records of 5 features"):
        torch_target.open_safetensors(leaky, "mlp", PARAMS, 5)


def test_a_model_that_answers_nan_is_refused() -> None:
    import torch

    net = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(net.weight, float("nan"))
    with pytest.raises(WorkError, match="missing or infinite"):
        torch_target.from_module(net, 2)


def test_a_deployment_shows_no_more_than_it_says(leaky: bytes) -> None:
    target = torch_target.open_safetensors(leaky, "mlp", PARAMS, D)
    features = draw("members")[0][:3]
    narrow = base.Exposed(target, frozenset({Access.LABELS}))
    assert narrow.labels(features).shape == (3,)
    with pytest.raises(WorkError, match="no probabilities"):
        narrow.log_probabilities(features)
    with pytest.raises(WorkError, match="does not expose the weights"):
        base.Exposed(target, reachable(frozenset({Access.LOGITS}))).module()
    assert base.Exposed(target, reachable(frozenset({Access.WEIGHTS}))).module() is target.net
    with pytest.raises(WorkError, match="no labels"):
        base.Exposed(target, frozenset({Access.EMBEDDINGS})).labels(features)


CLASSIFIERS = [
    LogisticRegression(),
    RandomForestClassifier(5, random_state=0),
    GradientBoostingClassifier(n_estimators=3, random_state=0),
    HistGradientBoostingClassifier(max_iter=3, random_state=0),
    MLPClassifier((4,), max_iter=2, random_state=0),
    make_pipeline(StandardScaler(), LogisticRegression()),
]


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda found: type(found).__name__)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_skops_round_trip(classifier: Any) -> None:
    features, labels = draw("members")
    fitted = classifier.fit(features, labels)
    target = sklearn_target.open_skops(skops.io.dumps(fitted), D)
    assert np.allclose(np.exp(target.log_probabilities(features)), fitted.predict_proba(features), atol=1e-12)
    assert np.array_equal(target.labels(features), fitted.predict(features))
    assert np.isfinite(target.log_probabilities(features)).all()


def test_skops_with_other_types_is_refused_and_names_them() -> None:
    model = make_pipeline(FunctionTransformer(draw), LogisticRegression())
    model.steps[1][1].fit(*draw("members"))
    with pytest.raises(UntrustedArtifactError, match=r"audit_worlds\.draw"):
        sklearn_target.open_skops(skops.io.dumps(model), D)


@pytest.mark.parametrize("kind", [RandomForestClassifier, HistGradientBoostingClassifier])
def test_a_forged_tree_is_refused_before_it_is_followed(kind: Any) -> None:
    fitted = kind(random_state=0).fit(*draw("members"))
    if kind is RandomForestClassifier:
        tree = fitted.estimators_[0].tree_
        state = tree.__getstate__()
        state["nodes"]["left_child"][0] = 10_000
        tree.__setstate__(state)
    else:
        fitted._predictors[0][0].nodes["right"][0] = 10_000
    with pytest.raises(UntrustedArtifactError, match="points outside itself"):
        sklearn_target.open_skops(skops.io.dumps(fitted), D)


@pytest.mark.parametrize("data", [b"", b"junk", b"PK\x05\x06" + bytes(18)])
def test_what_is_not_skops_does_not_load(data: bytes) -> None:
    with pytest.raises(WorkError, match="not a skops file"):
        sklearn_target.open_skops(data, D)


def test_a_scaler_is_not_a_classifier() -> None:
    with pytest.raises(WorkError, match="not a fitted classifier"):
        sklearn_target.open_skops(skops.io.dumps(StandardScaler().fit(draw("members")[0])), D)


def test_classes_that_are_words_are_refused() -> None:
    features, labels = draw("members")
    fitted = LogisticRegression().fit(features, np.array(["a", "b", "c"])[labels])
    with pytest.raises(WorkError, match="not the whole numbers"):
        sklearn_target.from_estimator(fitted, D)


def test_a_class_never_seen_gets_the_floor() -> None:
    features, labels = draw("members")
    fitted = LogisticRegression().fit(features, np.where(labels == 1, 3, labels))
    target = sklearn_target.from_estimator(fitted, D)
    assert target.n_classes == 4
    assert (target.log_probabilities(features)[:, 1] == base.FLOOR).all()


class Bomb:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("the pickle was loaded",))


def test_a_pickle_is_not_even_looked_into_unless_named_again() -> None:
    data = pickle.dumps(Bomb())
    digest = sha256_bytes(data)
    for trust in (None, "0" * 64):
        with pytest.raises(UntrustedArtifactError) as caught:
            sklearn_target.open_pickle(data, digest, trust, D)
        assert digest in caught.value.hint


def test_a_vouched_pickle_loads_classifiers_and_torch_modules(leaky: bytes) -> None:
    classifier = pickle.dumps(LogisticRegression().fit(*draw("members")))
    assert sklearn_target.open_pickle(classifier, "d", "d", D).n_classes == K
    module = pickle.dumps(torch_target.open_safetensors(leaky, "mlp", PARAMS, D).net)
    assert sklearn_target.open_pickle(module, "d", "d", D).n_classes == K


@pytest.mark.parametrize("data", [b"junk", pickle.dumps({"a": 1}), b""])
def test_a_vouched_pickle_of_something_else_does_not_load(data: bytes) -> None:
    with pytest.raises(WorkError):
        sklearn_target.open_pickle(data, "d", "d", D)


def npz(**arrays: Any) -> bytes:
    buffer = BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


P = np.array([[0.9, 0.1], [0.2, 0.8]])
GOOD = {
    "member_probabilities": P,
    "member_labels": [0, 1],
    "nonmember_probabilities": P[::-1],
    "nonmember_labels": [1, 1],
}


def test_exported_scores_are_asked_by_index() -> None:
    found = scores.open_scores(npz(**GOOD), "s.npz")
    features = found.groups["nonmember"].features
    assert features.tolist() == [[2], [3]]
    assert np.allclose(np.exp(found.target.log_probabilities(features)), P[::-1])
    assert found.target.labels(features).tolist() == [1, 0]
    assert Access.LOGITS not in found.target.access
    with pytest.raises(WorkError, match="no other record"):
        found.target.log_probabilities(np.array([[4.0]], dtype=np.float32))
    with pytest.raises(WorkError, match="not the model"):
        found.target.module()


def test_logits_become_the_same_probabilities() -> None:
    logits = {
        "member_logits": np.log(P) + 5,
        "member_labels": [0, 1],
        "nonmember_logits": np.log(P),
        "nonmember_labels": [0, 1],
    }
    found = scores.open_scores(npz(**logits), "s.npz")
    assert np.allclose(np.exp(found.target.answers), np.vstack([P, P]))
    assert Access.LOGITS in found.target.access


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"member_probabilities": np.log(P)}, "do not sum to 1"),
        ({"member_probabilities": None, "member_logits": P}, "they are probabilities"),
        ({"member_logits": P}, "exactly one of"),
        ({"member_labels": None}, "member_labels is missing"),
        ({"member_labels": [0, 2]}, "classes outside 0 to 1"),
        ({"member_labels": [0.0, 1.0]}, "whole numbers"),
        ({"member_labels": [0]}, "must be 2 whole numbers"),
        ({"member_probabilities": [[1.0], [1.0]]}, "shape"),
        ({"member_probabilities": [[np.nan, 1], [0, 1]]}, "missing or infinite"),
        ({"member_probabilities": np.array([[0.5, 0.5, 0], [1, 0, 0]])}, "different numbers of classes"),
        ({"labels": [1]}, "unknown arrays: labels"),
    ],
)
def test_score_files_that_contradict_themselves(change: Any, message: str) -> None:
    arrays = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(InputError, match=message):
        scores.open_scores(npz(**arrays), "s.npz")


@pytest.mark.parametrize("data", [b"", b"junk", npz(member_labels=np.array([{}], dtype=object))])
def test_what_is_not_plain_npz_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="not a readable"):
        scores.open_scores(data, "s.npz")


@given(hnp.arrays(np.float64, (4, 3), elements=st.floats(-1e6, 1e6)))
def test_log_softmax_sums_to_one_for_any_finite_logits(logits: Any) -> None:
    assert np.allclose(np.exp(base.log_softmax(logits)).sum(axis=1), 1)


@pytest.mark.parametrize(("decimals", "expected"), [(2, 2), (4, 4), (12, None)])
def test_rounding_is_noticed(decimals: int, expected: int | None) -> None:
    values = np.random.default_rng(0).dirichlet([1, 1, 1], size=16)
    assert probe.rounded_to(np.round(values, decimals)) == expected


def test_a_module_left_in_training_mode_is_noticed(leaky: bytes) -> None:
    import torch

    class Fickle(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.nn.functional.dropout(x[:, :K], 0.5, training=True)

    target = torch_target.from_module(Fickle(), D)
    torch.manual_seed(0)
    seen = probe.probe(target, draw("members")[0])
    assert not seen.deterministic
    assert "differently each time" in probe.unmet(target.access, seen, Access.PROBABILITIES)
    steady = probe.probe(torch_target.open_safetensors(leaky, "mlp", PARAMS, D), draw("members")[0])
    assert (steady.deterministic, steady.normalised, steady.decimals) == (True, True, None)
    assert probe.unmet(target.access, steady, Access.PROBABILITIES) == ""


def test_a_deployment_that_shows_no_answers_is_not_asked_for_any(leaky: bytes) -> None:
    target = torch_target.open_safetensors(leaky, "mlp", PARAMS, D)
    shown = base.Exposed(target, frozenset({Access.GRADIENTS}))
    seen = probe.probe(shown, draw("members")[0])
    assert (seen.access, seen.decimals, seen.normalised) == (shown.access, None, None)
    assert probe.unmet(shown.access, seen, Access.GRADIENTS) == ""


def test_the_recipe_of_this_world_is_what_the_fixture_was_trained_by() -> None:
    assert RECIPE.factory_params["hidden"] == PARAMS["hidden"]


def forged(change: Any) -> bytes:
    """A skops file with each member changed."""
    source = zipfile.ZipFile(BytesIO(skops.io.dumps(LogisticRegression().fit(*draw("members")))))
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name in source.namelist():
            out.writestr(name, change(name, source.read(name)))
    return buffer.getvalue()


def terabytes(name: str, data: bytes) -> bytes:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }".ljust(117) + b"\n"
    return (
        b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(16) if name.endswith("npy") else data
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (terabytes, "does not have the size"),
        (
            lambda name, data: b" " * (2 << 20) + data if name == "schema.json" else data,
            "unpacks to more than 1 MiB",
        ),
        (lambda name, data: b"[" * 100_000 if name == "schema.json" else data, "RecursionError"),
    ],
)
def test_a_skops_file_that_swells_is_refused_unread(monkeypatch: Any, change: Any, message: str) -> None:
    monkeypatch.setattr(sklearn_target, "_MOST_BYTES", 1 << 20)
    with pytest.raises((InputError, WorkError), match=message):
        sklearn_target.open_skops(forged(change), D)


def test_a_column_transformer_may_widen_what_a_forest_sees() -> None:
    """The forest's features are more than the records': it was called forged."""
    features, labels = draw("members")
    widen = ColumnTransformer([("words", OneHotEncoder(handle_unknown="ignore"), [0])], remainder="passthrough")
    fitted = make_pipeline(widen, RandomForestClassifier(3, random_state=0)).fit(np.round(features), labels)
    target = sklearn_target.open_skops(skops.io.dumps(fitted), D)
    assert np.array_equal(target.labels(features), fitted.predict(features))


def test_a_forged_tree_inside_a_pipeline_is_found() -> None:
    fitted = make_pipeline(StandardScaler(), RandomForestClassifier(2, random_state=0)).fit(*draw("members"))
    tree = fitted[-1].estimators_[0].tree_
    state = tree.__getstate__()
    state["nodes"]["feature"][0] = D + 1
    tree.__setstate__(state)
    with pytest.raises(UntrustedArtifactError, match="points outside itself"):
        sklearn_target.open_skops(skops.io.dumps(fitted), D)


@pytest.mark.parametrize(
    "model", [LinearSVC(), RidgeClassifier(), Perceptron()], ids=lambda found: type(found).__name__
)
def test_a_decision_function_is_taken_for_logits_and_said_to_be(model: Any) -> None:
    features, labels = draw("members")
    fitted = model.fit(features, labels > 0)
    with pytest.raises(WorkError, match="not the whole numbers"):
        sklearn_target.from_estimator(fitted, D)
    fitted = model.fit(features, (labels > 0).astype(int))
    target = sklearn_target.open_skops(skops.io.dumps(fitted), D)
    answers = target.log_probabilities(features)
    assert np.allclose(answers[:, 1] - answers[:, 0], fitted.decision_function(features))
    assert Access.LOGITS in target.access
    assert sklearn_target.caveats(target) == (sklearn_target.DECISIONS,)


def test_columns_for_pairs_of_classes_are_no_classes() -> None:
    fitted = SVC(decision_function_shape="ovo").fit(*draw("members", 60))
    fitted.decision_function = lambda x: np.zeros((len(x), 6))
    with pytest.raises(WorkError, match="one column per pair"):
        sklearn_target.from_estimator(fitted, D)
