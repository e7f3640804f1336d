"""Looks through the bytes of an ONNX file before any library opens it: may it name other files, or unknown operators?

A walk over the protocol-buffer wire format (protobuf.dev/programming-guides/encoding), along the fields of onnx.proto that
can lead to a tensor or an operator. Everything else is skipped unread.
"""

from collections.abc import Iterator

from govtool.errors import UntrustedArtifactError, WorkError

DOMAINS = frozenset({b"", b"ai.onnx", b"ai.onnx.ml"})
"""The standard's own operators. A domain of somebody's own needs code of somebody's own."""

_EXTERNAL_DATA, _DATA_LOCATION, _DOMAIN = 13, 14, 7
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DEEPEST = 64

# Message type -> field number -> type of the message in that field.
_INTO: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}


def check(data: bytes) -> None:
    """Refuse a file that would make its reader look elsewhere.

    Raises:
        WorkError: not the wire format, or no graph in it.
        UntrustedArtifactError: a tensor lies in another file, or an operator is not of the standard.
    """
    if not data or not any(number == 7 for number, _wire, _value in _fields(memoryview(data))):  # noqa: PLR2004
        raise WorkError("the artifact is not an ONNX model")
    _look(memoryview(data), "model", 0)


def _look(message: memoryview, kind: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise WorkError(f"the ONNX model nests its graphs deeper than {_DEEPEST}")
    for number, wire, value in _fields(message):
        if kind == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)):
            raise UntrustedArtifactError(
                "the ONNX model keeps tensors in other files, which are not opened",
                hint="save it as one file: onnx.save_model(model, path, save_as_external_data=False)",
            )
        if kind == "node" and number == _DOMAIN and bytes(_message(value)) not in DOMAINS:
            name = bytes(_message(value))[:40].decode("ascii", "replace")
            raise UntrustedArtifactError(
                f"the ONNX model uses operators of the domain {name!r}, which are not part of the standard"
            )
        if wire == _BYTES and (inner := _INTO.get(kind, {}).get(number)) is not None:
            _look(_message(value), inner, depth + 1)


def _message(value: "memoryview | int") -> memoryview:
    if isinstance(value, int):
        raise WorkError("the artifact is not an ONNX model")
    return value


def _fields(message: memoryview) -> Iterator[tuple[int, int, "memoryview | int"]]:
    """(field number, wire type, value) of each field, in order.

    Raises:
        WorkError: not the wire format.
    """
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        value: memoryview | int
        if wire == _VARINT:
            value, position = _varint(message, position)
        elif wire in (_BYTES, _FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
            if wire == _BYTES:
                size, position = _varint(message, position)
            value, position = message[position : position + size], position + size
        else:
            raise WorkError("the artifact is not an ONNX model")
        if position > len(message):
            raise WorkError("the artifact is not a whole ONNX model")
        yield number, wire, value


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise WorkError("the artifact is not a whole ONNX model")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte has its top bit clear
            return value, position
    raise WorkError("the artifact is not an ONNX model")
