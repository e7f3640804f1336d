"""What the readers of ONNX, XGBoost and LightGBM files answer, against the libraries' own answers."""

from typing import Any

import numpy as np
import pytest
from audit_worlds import D, K, draw
from model_worlds import lightgbm_model, onnx_graph, onnx_of, torch_as_onnx, two_classes, xgboost_model
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from govtool.audits.targets import base
from govtool.audits.targets.native import lightgbm_model as lightgbm_reader
from govtool.audits.targets.native import onnx_file, onnx_model
from govtool.audits.targets.native import xgboost_model as xgboost_reader
from govtool.errors import UntrustedArtifactError, WorkError

X, Y = draw("members")


def chances(reading: Any) -> Any:
    answers = reading.ask(X)
    return np.exp(base.log_softmax(answers)) if reading.kind == "logits" else answers


@pytest.mark.parametrize("kind", ["json", "ubj"])
@pytest.mark.parametrize("objective", ["multi:softprob", "multi:softmax", "binary:logistic", "binary:logitraw"])
def test_xgboost_answers_with_the_logits_behind_its_probabilities(kind: str, objective: str) -> None:
    import xgboost

    data = xgboost_model(kind, objective)
    reading = xgboost_reader.read(data, D)
    booster = xgboost.Booster()
    booster.load_model(bytearray(data))
    said = booster.predict(xgboost.DMatrix(X), output_margin=objective != "multi:softprob")
    assert (reading.kind, reading.columns) == ("logits", K if objective.startswith("multi") else 2)
    if objective == "multi:softprob":
        assert np.allclose(chances(reading), said, atol=1e-6)
    elif objective.startswith("binary"):
        assert np.allclose(reading.ask(X)[:, 1] - reading.ask(X)[:, 0], said)


def test_xgboost_hinge_gives_labels_and_squared_error_values() -> None:
    hinge = xgboost_reader.read(xgboost_model("ubj", "binary:hinge"), D)
    assert hinge.kind == "labels"
    assert (hinge.ask(X)[:, 0] == two_classes("members")[1]).mean() > 0.9
    assert xgboost_reader.read(xgboost_model("ubj", "reg:squarederror"), D).kind == "values"
    with pytest.raises(WorkError, match="rank:pairwise"):
        xgboost_reader._reading("rank:pairwise", None, 0)


@pytest.mark.parametrize(("reader", "data"), [(xgboost_reader, xgboost_model()), (lightgbm_reader, lightgbm_model())])
def test_a_booster_for_other_records_is_refused(reader: Any, data: bytes) -> None:
    with pytest.raises(WorkError, match=f"takes {D} features, and the records have 5"):
        reader.read(data, 5)


@pytest.mark.parametrize(
    ("objective", "extra", "kind"),
    [
        ("multiclass", {}, "logits"),
        ("binary", {}, "logits"),
        ("binary", {"sigmoid": 2.0}, "logits"),
        ("multiclassova", {}, "probabilities"),
        ("binary", {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}, "probabilities"),
    ],
)
def test_lightgbm_raw_scores_are_logits_where_the_model_says_the_same(objective: str, extra: Any, kind: str) -> None:
    import lightgbm

    data = lightgbm_model(objective, **extra)
    reading = lightgbm_reader.read(data, D)
    said = lightgbm.Booster(model_str=data.decode()).predict(X)
    said = np.stack([1 - said, said], axis=1) if objective == "binary" else said / said.sum(axis=1, keepdims=True)
    assert reading.kind == kind
    assert np.allclose(chances(reading), said, atol=1e-9)
    assert bool(reading.caveats) == (objective == "multiclassova")


def test_lightgbm_files_of_another_task_or_kind_are_refused() -> None:
    assert lightgbm_reader.read(lightgbm_model("regression"), D).kind == "values"
    with pytest.raises(WorkError, match="lambdarank"):
        lightgbm_reader._reading(["lambdarank"], None, 1, D)
    for data in (b"junk", b"\xff\xfe"):
        with pytest.raises(WorkError, match="not a LightGBM model"):
            lightgbm_reader.read(data, D)


@pytest.mark.parametrize("zipmap", [False, True])
def test_exports_of_scikit_learn_are_told_to_be_probabilities(zipmap: bool) -> None:
    forest = RandomForestClassifier(5, random_state=0).fit(X, Y)
    reading = onnx_model.read(onnx_of(forest, zipmap=zipmap), D)
    assert (reading.kind, reading.columns) == ("probabilities", K)
    assert np.allclose(reading.ask(X), forest.predict_proba(X), atol=1e-6)
    assert any("single precision" in caveat for caveat in reading.caveats)


def test_the_decision_function_of_a_linear_svc_is_told_to_be_no_probability() -> None:
    reading = onnx_model.read(onnx_of(LinearSVC().fit(X, Y)), D)
    assert reading.kind == "logits"
    assert any("Taken for logits by their content" in caveat for caveat in reading.caveats)


@pytest.mark.parametrize(
    ("last", "columns", "kind"),
    [
        ("", K, "logits"),
        ("Softmax", K, "probabilities"),
        ("LogSoftmax", K, "logits"),
        ("", 1, "logits"),
        ("Sigmoid", 1, "probabilities"),
    ],
)
def test_exports_of_torch_are_told_apart_by_their_content(last: str, columns: int, kind: str) -> None:
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(D, 8), torch.nn.ReLU(), torch.nn.Linear(8, columns))
    reading = onnx_model.read(torch_as_onnx(net, last), D)
    with torch.no_grad():
        raw = net(torch.from_numpy(X)).double().numpy()
    assert (reading.kind, reading.columns) == (kind, max(columns, 2))
    assert np.allclose(
        chances(reading), np.exp(base.log_softmax(raw if columns > 1 else base.two_columns(raw))), atol=1e-6
    )


def identity(name: str, shape: Any) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def test_images_and_single_records_are_fed_in_the_shape_the_graph_wants() -> None:
    from onnx import helper

    flat = [helper.make_node("Flatten", ["x"], ["logits"])]
    for shape in (["n", 1, 3, 4], [1, 3, "w"]):
        graph = onnx_graph(flat, [("logits", "FLOAT", [shape[0], D])], inputs=[identity("x", shape)])
        assert np.allclose(onnx_model.read(graph.SerializeToString(), D).ask(X), X)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([identity("x", ["n", 5])], "takes records of shape"),
        ([identity("x", ["n", D]), identity("z", ["n", D])], "takes 2 inputs"),
    ],
)
def test_graphs_that_do_not_fit_the_records(inputs: Any, message: str) -> None:
    from onnx import helper

    graph = onnx_graph([helper.make_node("Identity", ["x"], ["y"])], [("y", "FLOAT", None)], inputs=inputs)
    with pytest.raises(WorkError, match=message):
        onnx_model.read(graph.SerializeToString(), D)


def test_several_outputs_need_a_name_and_nan_is_refused() -> None:
    from onnx import helper

    nodes = [helper.make_node("Identity", ["x"], ["a"]), helper.make_node("Identity", ["x"], ["b"])]
    both = onnx_graph(nodes, [("a", "FLOAT", ["n", D]), ("b", "FLOAT", ["n", D])])
    with pytest.raises(WorkError, match="several outputs of floats: a, b"):
        onnx_model.read(both.SerializeToString(), D)
    broken = onnx_graph([helper.make_node("Log", ["x"], ["y"])], [("y", "FLOAT", ["n", D])])
    with pytest.raises(WorkError, match="missing or infinite"):
        onnx_model.read(broken.SerializeToString(), D)


def test_labels_that_are_not_the_columns_are_refused() -> None:
    with pytest.raises(WorkError, match="labels are not the columns"):
        onnx_model.read(onnx_of(LogisticRegression().fit(X, Y + 1)), D)
    with pytest.raises(WorkError, match="not the whole numbers 0, 1, 2"):
        onnx_model.read(onnx_of(LogisticRegression().fit(X, Y + 1), zipmap=True), D)


def test_a_graph_that_keeps_tensors_elsewhere_is_not_opened() -> None:
    from onnx import TensorProto, helper

    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    node = helper.make_node("Identity", ["w"], ["y"])
    plain = onnx_graph([node], [("y", "FLOAT", None)])
    plain.graph.initializer.append(tensor)
    constant = onnx_graph([helper.make_node("Constant", [], ["y"], value=tensor)], [("y", "FLOAT", None)])
    branch = helper.make_graph([], "b", [], [], initializer=[tensor])
    nested = onnx_graph([helper.make_node("If", ["x"], ["y"], then_branch=branch)], [("y", "FLOAT", None)])
    for graph in (plain, constant, nested):
        with pytest.raises(UntrustedArtifactError, match="tensors in other files"):
            onnx_file.check(graph.SerializeToString())


def test_an_operator_of_somebodys_own_is_named_and_not_run() -> None:
    from onnx import helper

    node = helper.make_node("Run", ["x"], ["y"], domain="evil.example")
    graph = onnx_graph([node], [("y", "FLOAT", None)], opsets=[helper.make_opsetid("evil.example", 1)])
    with pytest.raises(UntrustedArtifactError, match=r"evil\.example"):
        onnx_file.check(graph.SerializeToString())


def test_graphs_nested_without_end_are_refused() -> None:
    def field(number: int, payload: bytes) -> bytes:
        size, length = len(payload), b""
        while size >= 128:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + payload

    graph = b""
    for _ in range(100):
        graph = field(1, field(5, field(6, graph)))  # a node with an attribute that is a graph
    with pytest.raises(WorkError, match="nests its graphs"):
        onnx_file.check(field(7, graph))


def test_half_an_onnx_file_is_refused() -> None:
    data = onnx_of(LogisticRegression().fit(X, Y))
    for cut in (0, 1, 100, len(data) // 2, len(data) - 1):
        with pytest.raises(WorkError):
            onnx_model.read(data[:cut], D)
