"""An ONNX graph through onnxruntime, on the CPU and one thread.

Which output holds what is seen from made-up records: rows that sum to 1 are probabilities, other rows logits. A lone
column is the probability or the log odds of class 1. Exports of skl2onnx give a label beside; it must agree.
"""

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import Features, FloatArray
from govtool.audits.targets import base
from govtool.audits.targets.native import onnx_file
from govtool.audits.targets.native.reading import Kind, Reading, finite, probes, soft_kind
from govtool.errors import MissingExtraError, WorkError

_DTYPES: Mapping[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
}
_FLOATS = ("tensor(float)", "tensor(double)", "tensor(float16)")
_SILENT = 4
ROUNDED = (
    "The ONNX graph computes probabilities in single precision: confidences near 1 cannot be told apart beyond about seven "
    "decimals, which hides leakage. An export that ends in logits is attacked better."
)
TAKEN = "Taken for {kind} by their content: on made-up records the rows of the output {name!r} {why}."

Run = Callable[[Features], list[Any]]


def read(data: bytes, inputs: int) -> Reading:
    """Open the graph after a look at its bytes, and find out what it answers.

    Raises:
        UntrustedArtifactError: it names other files or operators outside the standard.
        WorkError: not a model, or its inputs and outputs are not those of a classifier or a regression.
        MissingExtraError: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingExtraError("formats", "opening an ONNX model") from error
    onnx_file.check(data)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _SILENT
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise WorkError(f"the artifact is not an ONNX model that onnxruntime opens ({type(error).__name__})") from error
    outputs = [(found.name, found.type) for found in session.get_outputs()]
    return _reading(outputs, _runner(session, inputs), inputs)


def _runner(session: Any, inputs: int) -> Run:
    taken = session.get_inputs()
    if len(taken) != 1 or taken[0].type not in _DTYPES:
        raise WorkError(
            f"the ONNX model takes {len(taken)} inputs of {', '.join(sorted({found.type for found in taken})) or 'no kind'}",
            hint="export it with one input tensor of floats, one row per record",
        )
    (only,) = taken
    shape = [length if isinstance(length, int) else None for length in only.shape[1:]]
    known = int(np.prod([length for length in shape if length is not None]))
    if shape.count(None) == 1 and known and inputs % known == 0:
        shape[shape.index(None)] = inputs // known
    if None in shape or int(np.prod([length or 0 for length in shape])) != inputs:
        raise WorkError(
            f"the ONNX model takes records of shape {only.shape[1:]}, and the records have {inputs} features"
        )
    one_by_one = only.shape[0] == 1

    def run(features: Features) -> list[Any]:
        batch = features.reshape(len(features), *shape).astype(_DTYPES[only.type])
        try:
            if one_by_one and len(batch) > 1:
                rows = [session.run(None, {only.name: batch[i : i + 1]}) for i in range(len(batch))]
                return [_joined(parts) for parts in zip(*rows, strict=True)]
            return list(session.run(None, {only.name: batch}))
        except Exception as error:
            raise WorkError(f"the ONNX model does not take these records ({type(error).__name__})") from error

    return run


def _joined(parts: tuple[Any, ...]) -> Any:
    return list(chain.from_iterable(parts)) if isinstance(parts[0], list) else np.concatenate(parts)


def _reading(outputs: list[tuple[str, str]], run: Run, inputs: int) -> Reading:
    soft = _soft(outputs)
    label = next((i for i, (_name, kind) in enumerate(outputs) if kind == "tensor(int64)"), None)
    if soft is None:
        if label is None:
            raise WorkError(f"the ONNX model answers with {', '.join(kind for _name, kind in outputs)}")
        return Reading("labels", 1, lambda x: finite(run(x)[label], len(x)))
    made_up = probes(inputs)
    answers = run(made_up)
    name, rounded = outputs[soft][0], outputs[soft][1] != "tensor(double)"
    values = finite(_matrix(answers[soft]), len(made_up))
    if values.shape[1] == 1:
        return _lone(name, soft, values, run, rounded=rounded)
    kind = soft_kind(values)
    _agrees(values, None if label is None else answers[label])
    return Reading(
        kind, values.shape[1], lambda x: finite(_matrix(run(x)[soft]), len(x)), _caveats(kind, name, rounded=rounded)
    )


def _soft(outputs: list[tuple[str, str]]) -> int | None:
    """The output that grades the classes: the only one of floats, or the only one whose name says so."""
    found = [i for i, (_name, kind) in enumerate(outputs) if kind in _FLOATS or kind.startswith("seq(map(")]
    for word in ("logit", "prob", "output_0"):
        if len(found) > 1:
            found = [i for i in found if word in outputs[i][0].lower()] or found
    if len(found) > 1:
        names = ", ".join(outputs[i][0] for i in found)
        raise WorkError(
            f"the ONNX model has several outputs of floats: {names}",
            hint="keep one, or name it 'logits' or 'probabilities'",
        )
    return found[0] if found else None


def _matrix(value: Any) -> NDArray[Any]:
    """A tensor as it is; a list of {class: probability} (ZipMap) as columns by class, which must be 0, 1, 2 ..."""
    if not isinstance(value, list):
        return np.asarray(value)
    classes = sorted(value[0]) if value and isinstance(value[0], dict) else []
    if classes != list(range(len(classes))) or not classes or any(len(row) != len(classes) for row in value):
        raise WorkError(
            "the classes of the ONNX model are not the whole numbers 0, 1, 2 ...",
            hint="export with integer labels and options={'zipmap': False}",
        )
    return np.array([[row.get(c, np.nan) for c in classes] for row in value], dtype=np.float64)


def _lone(name: str, soft: int, values: FloatArray, run: Run, *, rounded: bool) -> Reading:
    """One column: probabilities of class 1 if none leaves [0, 1], else log odds."""

    def lone(features: Features) -> FloatArray:
        return finite(_matrix(run(features)[soft]), len(features))

    kind: Kind = "probabilities" if bool((values >= 0).all() and (values <= 1).all()) else "logits"
    spread = _both if kind == "probabilities" else base.two_columns
    return Reading(kind, 2, lambda x: spread(lone(x)), _caveats(kind, name, rounded=rounded), lone)


def _both(values: FloatArray) -> FloatArray:
    own = values.reshape(-1)
    return np.stack([1 - own, own], axis=1)


def _agrees(values: FloatArray, labels: Any) -> None:
    """The label beside must be the column with the largest value, where that is not a tie."""
    if labels is None:
        return
    said = np.asarray(labels).reshape(-1)
    ordered = np.sort(values, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 1e-6  # noqa: PLR2004 - single precision
    if said.shape != (len(values),) or (values.argmax(axis=1) != said)[clear].any():
        raise WorkError(
            "the ONNX model's labels are not the columns of its probabilities",
            hint="train it on classes 0, 1, 2 ..., each of them present",
        )


def _caveats(kind: Kind, name: str, *, rounded: bool) -> tuple[str, ...]:
    why = "sum to 1" if kind == "probabilities" else "do not lie in [0, 1] with a sum of 1"
    said = TAKEN.format(kind=kind, name=name[:60], why=why)
    return (said, ROUNDED) if kind == "probabilities" and rounded else (said,)
