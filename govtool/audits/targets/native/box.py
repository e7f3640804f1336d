"""A process of its own for libraries written in C++, which a damaged or forged file can crash: LightGBM aborts the whole
process on a truncated model. The child gets the file's bytes and records and gives numbers back; nothing it sends is
executed, and its death is an error like any other.

The child runs as the same user. It bounds accidents and crashes; it is no jail against code that took it over.
"""

import contextlib
import json
import os
import select
import struct
import subprocess
import sys
from typing import Any, Self

import numpy as np

from govtool import runtime, settings
from govtool.attacks.interface import Features, FloatArray
from govtool.errors import MissingExtraError, UntrustedArtifactError, WorkError

MOST_BYTES = 2 << 30
"""Of a model's file; protocol buffers hold no more."""

_HEADER = struct.Struct("<cQ")
_MOST_WORDS = 1 << 16
_MEMORY = 6 << 30
_PER_BYTE = 8
_OPEN_S, _ANSWER_S = 300.0, 600.0
_PIECE = 1 << 20
_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from govtool.audits.targets.native import box_child; box_child.main()"


class Box:
    """An opened model in its own process. `kind`, `columns` and `caveats` are its `Reading`'s; `values` asks for a regression."""

    def __init__(self, data: bytes, kind: str, inputs: int, *, values: bool = False) -> None:
        if len(data) > MOST_BYTES:
            raise WorkError(f"the model's file is larger than {MOST_BYTES >> 20} MiB")
        self._format, self._inputs = kind, inputs
        self._process = _start()
        try:
            memory = _MEMORY + _PER_BYTE * len(data)
            limits = {"format": kind, "inputs": inputs, "memory": memory, "values": values}
            self._send(json.dumps(limits).encode())
            self._send(data)
            said = json.loads(self._receive(b"O", _OPEN_S, _MOST_WORDS))
            self.kind, self.columns = str(said["kind"]), int(said["columns"])
            self.caveats = tuple(map(str, said["caveats"]))
        except BaseException:
            self.close()
            raise

    def ask(self, features: Features) -> FloatArray:
        """(n, columns).

        Raises:
            WorkError: the library refused the records, crashed, or took too long.
        """
        self._send(np.ascontiguousarray(features, dtype="<f4").tobytes())
        size = len(features) * self.columns * 8
        answer = self._receive(b"A", _ANSWER_S, max(size, _MOST_WORDS))
        if len(answer) != size:
            raise self._died("answered with another number of records")
        return np.frombuffer(answer, dtype="<f8").reshape(len(features), self.columns).astype(np.float64)

    def close(self) -> None:
        process = self._process
        if process.poll() is None:
            process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _send(self, payload: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(_HEADER.pack(b"I", len(payload)))
            self._process.stdin.write(payload)
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise self._died("stopped") from error

    def _receive(self, wanted: bytes, seconds: float, most: int) -> bytes:
        until = runtime.monotonic() + seconds
        kind, size = _HEADER.unpack(self._read(_HEADER.size, until))
        if size > most or kind not in (wanted, b"E"):
            raise self._died("answered with something else")
        payload = self._read(size, until)
        if kind == b"E":
            raise _told(payload)
        return payload

    def _read(self, size: int, until: float) -> bytes:
        assert self._process.stdout is not None
        pipe, found = self._process.stdout.fileno(), bytearray()
        while len(found) < size:
            left = until - runtime.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                raise self._died("took too long")
            piece = os.read(pipe, min(size - len(found), _PIECE))
            if not piece:
                raise self._died("crashed")
            found += piece
        return bytes(found)

    def _died(self, how: str) -> WorkError:
        self.close()
        code = self._process.returncode
        signal = f" (signal {-code})" if how == "crashed" and code is not None and code < 0 else ""
        return WorkError(
            f"the library that reads {self._format} models {how}{signal}",
            hint="the file may be damaged; save the model again and register it as a new version",
        )


def _start() -> "subprocess.Popen[bytes]":
    environ = settings.environment()
    kept = {name: environ[name] for name in _KEPT if name in environ} | {"OMP_NUM_THREADS": "1"}
    path = json.dumps([entry for entry in sys.path if entry])
    return subprocess.Popen(  # noqa: S603 - this interpreter and a fixed program
        [sys.executable, "-I", "-B", "-c", _START, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=kept,
    )


def _told(payload: bytes) -> WorkError | UntrustedArtifactError:
    """The error that the child reports."""
    kind, message, hint = (str(part) for part in json.loads(payload))
    if kind == "untrusted":
        return UntrustedArtifactError(message, hint=hint)
    found: Any = WorkError(message, hint=hint)
    if kind == "missing":
        found = MissingExtraError("formats", "opening this kind of model")
    return found  # type: ignore[no-any-return]
