"""Models of every kind that learnt the members of `audit_worlds` by heart, in the bytes their own libraries write."""

from functools import cache
from typing import Any

import numpy as np
from audit_worlds import D, K, draw


def two_classes(group: str) -> tuple[Any, Any]:
    features, labels = draw(group)
    return features, (labels > 0).astype(np.int64)


@cache
def xgboost_model(kind: str = "json", objective: str = "multi:softprob", rounds: int = 20) -> bytes:
    import xgboost

    features, labels = draw("members") if objective.startswith("multi") else two_classes("members")
    params = {"objective": objective, "max_depth": 6, "eta": 0.5, "nthread": 1, "verbosity": 0}
    if objective.startswith("multi"):
        params["num_class"] = K
    booster = xgboost.train(params, xgboost.DMatrix(features, labels, nthread=1), rounds)
    return bytes(booster.save_raw(kind))


@cache
def lightgbm_model(objective: str = "multiclass", rounds: int = 20, **extra: Any) -> bytes:
    import lightgbm

    many = objective.startswith("multiclass")
    features, labels = draw("members") if many else two_classes("members")
    params = {"objective": objective, "min_data_in_leaf": 1, "learning_rate": 0.3, "num_threads": 1, "verbosity": -1}
    if many:
        params["num_class"] = K
    booster = lightgbm.train({**params, **extra}, lightgbm.Dataset(features, labels), rounds)
    return booster.model_to_string().encode()


def onnx_of(classifier: Any, *, zipmap: bool = False, width: int = D) -> bytes:
    """What skl2onnx makes of a fitted classifier."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    options = {id(classifier): {"zipmap": zipmap}} if hasattr(classifier, "predict_proba") else None
    found = convert_sklearn(
        classifier, initial_types=[("x", FloatTensorType([None, width]))], options=options, target_opset=18
    )
    return found.SerializeToString()


def onnx_graph(nodes: Any, outputs: Any, weights: Any = (), inputs: Any = None, **model: Any) -> Any:
    """A graph as torch would export it: built by hand, because exporting needs packages that are not here."""
    from onnx import TensorProto, helper, numpy_helper

    taken = inputs or [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", D])]
    given = [helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape) for name, kind, shape in outputs]
    initial = [numpy_helper.from_array(value, name) for name, value in weights]
    graph = helper.make_graph(nodes, "g", taken, given, initializer=initial)
    opsets = [helper.make_opsetid("", 18), *model.pop("opsets", [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9, **model)


def torch_as_onnx(net: Any, last: str = "") -> bytes:
    """Linear-ReLU-Linear as ONNX with one output, `logits`, or `scores` behind a last operator."""
    from onnx import helper

    weights = [(f"w{i}", value.detach().numpy()) for i, value in enumerate(net.parameters())]
    end = "hidden3" if last else "logits"
    nodes = [
        helper.make_node("Gemm", ["x", "w0", "w1"], ["hidden1"], transB=1),
        helper.make_node("Relu", ["hidden1"], ["hidden2"]),
        helper.make_node("Gemm", ["hidden2", "w2", "w3"], [end], transB=1),
    ]
    if last:
        nodes.append(helper.make_node(last, [end], ["scores"]))
    columns = weights[2][1].shape[0]
    return onnx_graph(nodes, [("scores" if last else "logits", "FLOAT", ["n", columns])], weights).SerializeToString()
