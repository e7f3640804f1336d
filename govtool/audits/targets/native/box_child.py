"""The other side of `box`: opens one file, answers batches, and is thrown away. Holds nothing worth stealing.

Frames on both pipes are one byte (kind), eight bytes (length, little-endian), and that many bytes.
"""

import contextlib
import json
import os
import struct
import sys
from collections.abc import Callable
from typing import BinaryIO

import numpy as np

from govtool.audits.targets.native import lightgbm_model, onnx_model, xgboost_model
from govtool.audits.targets.native.reading import Reading, as_values
from govtool.errors import GovtoolError, MissingExtraError, UntrustedArtifactError

READERS: dict[str, Callable[[bytes, int], Reading]] = {
    "lightgbm": lightgbm_model.read,
    "onnx": onnx_model.read,
    "xgboost": xgboost_model.read,
}
_HEADER = struct.Struct("<cQ")
_DO_WITHOUT = ("pandas", "polars", "sklearn", "pyarrow", "matplotlib", "graphviz", "dask", "cffi")
"""Optional parts of the libraries, none needed for arrays: importing them takes four fifths of the start-up time."""


def main() -> None:
    """Serve until the parent closes its end."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # libraries write their warnings wherever they like, and those may quote the file
        os.dup2(nowhere, descriptor)
    settings = json.loads(_receive(source))
    _confine(int(settings["memory"]))
    sys.modules.update(dict.fromkeys(_DO_WITHOUT))  # type: ignore[arg-type]  # None makes an import fail
    data = _receive(source)
    try:
        reading = READERS[settings["format"]](data, int(settings["inputs"]))
        if settings["values"]:
            reading = as_values(reading)
        del data
        said = {"kind": reading.kind, "columns": reading.columns, "caveats": list(reading.caveats)}
        send(sink, b"O", json.dumps(said).encode())
        while True:
            batch = np.frombuffer(_receive(source), dtype="<f4").reshape(-1, int(settings["inputs"]))
            send(sink, b"A", np.ascontiguousarray(reading.ask(batch), dtype="<f8").tobytes())
    except EOFError:
        return
    except MemoryError:
        send(sink, b"E", json.dumps(["work", "the model needs more memory than it may have", ""]).encode())
    except GovtoolError as error:
        kind = (
            "untrusted"
            if isinstance(error, UntrustedArtifactError)
            else ("missing" if isinstance(error, MissingExtraError) else "work")
        )
        send(sink, b"E", json.dumps([kind, error.message, error.hint]).encode())
    except Exception as error:  # noqa: BLE001 - the parent says it; a traceback could quote the file
        send(sink, b"E", json.dumps(["work", f"the model cannot be used ({type(error).__name__})", ""]).encode())


def _confine(memory: int) -> None:
    """No new files, no core dumps, bounded memory. Windows has no such limits, and the process boundary alone remains."""
    try:
        import resource
    except ModuleNotFoundError:
        return
    for name, limit in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):  # the system's own limit is lower already
            resource.setrlimit(name, (limit, limit))


def send(sink: BinaryIO, kind: bytes, payload: bytes) -> None:
    sink.write(_HEADER.pack(kind, len(payload)))
    sink.write(payload)
    sink.flush()


def _receive(source: BinaryIO) -> bytes:
    header = source.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise EOFError
    size = _HEADER.unpack(header)[1]
    payload = source.read(size)
    if len(payload) < size:
        raise EOFError
    return payload
