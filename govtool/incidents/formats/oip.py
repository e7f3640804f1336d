"""Open Inference Protocol (KServe v2) server log: request and response tensors with the caller's key digest.

Protocol: kserve/open-inference-protocol, inference_rest.md. Tensor data may be flat or nested, in row-major order.
"""

import math
import sys
from array import array
from itertools import chain
from typing import Any

from govtool.incidents import fingerprint
from govtool.incidents.events import Event
from govtool.incidents.formats.interface import (
    MOST_INPUTS,
    Keyed,
    UnreadableError,
    instant,
    integer,
    mapping,
    principal,
    text,
)

_KINDS = ("probabilities", "logits", "label")  # richest first
_ALIASES = {"labels": "label", "probability": "probabilities", "predict_proba": "probabilities", "class": "label"}


class OpenInferenceProtocol:
    name = "oip"
    title = "Open Inference Protocol (KServe v2) server log"
    identity: tuple[bytes, ...] = (b'"ts"', b'"principal"', b'"status"')

    def recognises(self, record: dict[str, Any]) -> bool:
        endpoint, request = record.get("endpoint"), record.get("request")
        tensors = isinstance(request, dict) and "inputs" in request
        return "ts" in record and (tensors or (isinstance(endpoint, str) and endpoint.startswith("/v2/models/")))

    def event(self, record: dict[str, Any], keyed: Keyed) -> Event:
        ts_us, ts_raw = instant(record.get("ts"))
        who, raw_key = principal(text(record, "principal"), keyed, credential=False)
        request, response = mapping(record, "request"), mapping(record, "response")
        n_inputs, fingerprints = _inputs(request) if request else (None, [])
        output_kind, n_outputs = _outputs(response) if response else ("none", None)
        state = "absent" if n_inputs is None else "full" if len(fingerprints) == n_inputs else "truncated"
        return Event(
            ts_us=ts_us,
            ts_raw=ts_raw,
            principal=who,
            source_ip=text(record, "source_ip"),
            user_agent=text(record, "user_agent"),
            request_id=text(record, "request_id"),
            model_name=text(record, "model_name"),
            model_version=text(record, "model_version"),
            model_sha256=text(record, "model_sha256"),
            endpoint=text(record, "endpoint"),
            status=integer(record, "status"),
            n_inputs=n_inputs,
            fingerprints=fingerprints,
            output_kind=output_kind,
            n_outputs=n_outputs,
            payload_state=state,
            prompt_sha256=None,
            prompt_chars=None,
            raw_key=raw_key,
        )


def _inputs(request: dict[str, Any]) -> tuple[int | None, list[str]]:
    """Rows of the request and their fingerprints; several tensors count as one row side by side, in order."""
    tensors = request.get("inputs")
    if tensors is None or tensors == []:
        return None, []
    if not isinstance(tensors, list):
        raise UnreadableError("inputs is not a list")
    if any(_dropped(tensor) for tensor in tensors):
        return None, []  # the server kept the shape of a tensor and dropped its numbers
    parts = [_numbers(tensor) for tensor in tensors]
    n_rows = parts[0][0]
    if any(part[0] != n_rows for part in parts):
        raise UnreadableError("input tensors of different batch size")
    if not n_rows:
        return 0, []
    data = parts[0][1] if len(parts) == 1 else _side_by_side([part[1] for part in parts], n_rows)
    width = len(data) // n_rows
    return n_rows, fingerprint.of_bytes(data[: width * MOST_INPUTS], width)


def _side_by_side(tensors: list[bytes], n_rows: int) -> bytes:
    widths = [len(data) // n_rows for data in tensors]
    columns = list(zip(tensors, widths, strict=True))
    return b"".join(data[row * width : (row + 1) * width] for row in range(n_rows) for data, width in columns)


def _dropped(tensor: Any) -> bool:
    return isinstance(tensor, dict) and tensor.get("data") is None


def _shape(tensor: Any) -> list[int]:
    shape = tensor.get("shape") if isinstance(tensor, dict) else None
    if not isinstance(shape, list) or not shape:
        raise UnreadableError("a tensor has no usable shape")
    for size in shape:
        if type(size) is not int or size < 0:
            raise UnreadableError("a tensor has no usable shape")
    return shape


def _numbers(tensor: Any) -> tuple[int, bytes]:
    """Number of rows, and the numbers as little-endian float32 bytes. What float32 cannot hold becomes infinite."""
    shape, data = _shape(tensor), tensor["data"]
    if not isinstance(data, list):
        raise UnreadableError("a tensor has no list of data")
    if data and isinstance(data[0], list):
        data = _flat(data, shape)
    if len(data) != math.prod(shape):
        raise UnreadableError("tensor data do not fill their shape")
    if shape[0] and not data:
        raise UnreadableError("a tensor has rows without numbers")
    try:
        numbers = array("f", data)
    except (TypeError, OverflowError):
        raise UnreadableError("tensor data are not numbers") from None
    if sys.byteorder == "big":
        numbers.byteswap()
    return shape[0], numbers.tobytes()


def _flat(data: list[Any], shape: list[int]) -> list[Any]:
    """Nested tensor data in row-major order."""
    for size in shape[1:]:
        if not all(isinstance(part, list) and len(part) == size for part in data):
            raise UnreadableError("tensor data do not fill their shape")
        data = list(chain.from_iterable(data))
    return data


def _outputs(response: dict[str, Any]) -> tuple[str, int | None]:
    """The richest kind of output that was returned, and how many numbers per row."""
    tensors = response.get("outputs")
    if tensors is None:
        return "none", None
    if not isinstance(tensors, list):
        raise UnreadableError("outputs is not a list")
    widths: dict[str, int] = {}
    for tensor in tensors:
        shape, name = _shape(tensor), tensor.get("name")
        kind = _ALIASES.get(name, name) if isinstance(name, str) else None
        if kind in _KINDS:
            widths[kind] = math.prod(shape[1:])
    for kind in _KINDS:
        if kind in widths:
            return kind, widths[kind]
    return "none", None
