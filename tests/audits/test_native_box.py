"""A file that crashes, hangs or swells the library that reads it is an error of the work and not of the tool."""

import json
import struct
from typing import Any

import numpy as np
import pytest
from audit_worlds import D, draw
from model_worlds import lightgbm_model, onnx_graph, xgboost_model

from govtool.access import Access
from govtool.audits.targets.native import box as boxes
from govtool.audits.targets.native import target as native
from govtool.audits.targets.native.box import Box
from govtool.errors import MissingExtraError, UntrustedArtifactError, WorkError

X = draw("members")[0]


def test_a_boxed_model_answers_and_its_process_ends() -> None:
    target = native.open_boxed(xgboost_model(), "xgboost", D)
    assert target.log_probabilities(X).shape == (len(X), 3)
    assert (target.labels(X) == draw("members")[1]).mean() > 0.95
    assert Access.LOGITS in target.access
    assert Access.GRADIENTS not in target.access
    with pytest.raises(WorkError, match="not a torch module"):
        target.module()
    target.box.close()
    assert target.box._process.returncode is not None
    with pytest.raises(WorkError, match="stopped"):
        target.labels(X)


@pytest.mark.parametrize(
    ("kind", "data"),
    [("lightgbm", lightgbm_model()[:4000]), ("xgboost", xgboost_model()[:-200])],
)
def test_a_file_that_kills_its_reader_is_an_error_in_one_line(kind: str, data: bytes) -> None:
    """LightGBM and XGBoost end the whole process on a truncated model."""
    with pytest.raises(WorkError, match=rf"reads {kind} models (crashed|stopped)|not an? \w+ model that") as caught:
        Box(data, kind, D)
    assert "\n" not in caught.value.message


def test_a_graph_that_asks_for_a_terabyte_does_not_get_it() -> None:
    from onnx import helper

    size = np.array([1 << 38], dtype=np.int64)
    nodes = [helper.make_node("ConstantOfShape", ["size"], ["big"]), helper.make_node("ReduceSum", ["big"], ["y"])]
    graph = onnx_graph(nodes, [("y", "FLOAT", None)], [("size", size)])
    with pytest.raises(WorkError):
        Box(graph.SerializeToString(), "onnx", D)


def test_errors_of_the_other_process_keep_their_kind() -> None:
    def told(kind: str) -> Any:
        return boxes._told(json.dumps([kind, "what", "hint"]).encode())

    assert isinstance(told("untrusted"), UntrustedArtifactError)
    assert isinstance(told("missing"), MissingExtraError)
    assert (type(told("work")), told("work").message) == (WorkError, "what")
    with pytest.raises(WorkError, match="not a whole ONNX model"):
        Box(b"junk", "onnx", D)


def answering(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """The other process is this program instead."""
    monkeypatch.setattr(boxes, "_START", "import sys, time; w = sys.stdout.buffer; " + program)


GOOD = json.dumps({"kind": "logits", "columns": 2, "caveats": []}).encode()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (struct.pack("<cQ", b"O", 1 << 40), "something else"),
        (struct.pack("<cQ", b"X", 2) + b"{}", "something else"),
        (
            struct.pack("<cQ", b"O", len(GOOD)) + GOOD + struct.pack("<cQ", b"A", 8) + bytes(8),
            "another number of records",
        ),
        (b"", "crashed"),
    ],
)
def test_what_a_hijacked_reader_sends_is_measured_first(monkeypatch: Any, frame: bytes, message: str) -> None:
    answering(monkeypatch, f"w.write({frame!r}); w.flush(); sys.stdin.buffer.read()" if frame else "sys.exit(3)")
    with pytest.raises(WorkError, match=rf"{message}|stopped"), Box(b"", "onnx", D) as box:
        box.ask(X[:2])


def test_a_reader_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "time.sleep(60)")
    monkeypatch.setattr(boxes, "_OPEN_S", 0.2)
    with pytest.raises(WorkError, match="took too long"):
        Box(b"", "onnx", D)


def test_a_file_too_large_is_not_even_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "MOST_BYTES", 10)
    with pytest.raises(WorkError, match="larger than"):
        Box(bytes(11), "onnx", D)


def test_probabilities_that_stop_summing_to_one_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    said = json.dumps({"kind": "probabilities", "columns": 2, "caveats": []}).encode()
    answer = np.array([[0.5, 0.9]]).tobytes()
    frames = struct.pack("<cQ", b"O", len(said)) + said + struct.pack("<cQ", b"A", len(answer)) + answer
    answering(monkeypatch, f"w.write({frames!r}); w.flush(); sys.stdin.buffer.read()")
    with Box(b"", "onnx", D) as box, pytest.raises(WorkError, match="do not sum to 1"):
        native.BoxedTarget(box).log_probabilities(X[:1])


def test_a_model_of_numbers_is_no_classifier() -> None:
    with pytest.raises(WorkError, match="predicts numbers and not classes"):
        native.open_boxed(xgboost_model("ubj", "reg:squarederror"), "xgboost", D)
