"""A small Open Inference Protocol v2 server on loopback that writes JSON inference logs. For the demo and for tests:
it is real HTTP and a real model, but it is not hardened for any other network.
"""

import hmac
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from govtool.attacks.interface import Target
from govtool.digest import rfc3339
from govtool.runtime import Clock, monotonic, new_id

_MOST_BYTES = 8 << 20


@dataclass(frozen=True)
class Served:
    """What is served and to whom: `keys` maps an API key to a name that never leaves this process."""

    name: str
    version: str
    model_sha256: str
    target: Target
    keys: Mapping[str, str]
    log: Path
    clock: Clock
    log_secret: bytes
    lock: threading.Lock = field(default_factory=threading.Lock)

    def principal(self, key: str) -> str:
        """The keyed digest that the log holds instead of the key."""
        return "key:" + hmac.new(self.log_secret, key.encode(), sha256).hexdigest()[:12]

    def infer(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer one request.

        Raises:
            ValueError: the request is not what the model expects.
        """
        tensor = next((item for item in body.get("inputs", []) if item.get("name") == "features"), None)
        if tensor is None or tensor.get("datatype") != "FP32":
            raise ValueError("expected one FP32 input named 'features'")
        features = np.asarray(tensor["data"], dtype=np.float32).reshape(tensor["shape"])
        probabilities = np.exp(self.target.log_probabilities(features))
        return {
            "model_name": self.name,
            "model_version": self.version,
            "id": body.get("id") or new_id("req"),
            "outputs": [
                {
                    "name": "probabilities",
                    "shape": list(probabilities.shape),
                    "datatype": "FP64",
                    "data": probabilities.ravel().tolist(),
                },
                {
                    "name": "label",
                    "shape": [len(features)],
                    "datatype": "INT64",
                    "data": probabilities.argmax(1).tolist(),
                },
            ],
        }

    def write(self, line: dict[str, Any]) -> None:
        with self.lock, self.log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line, separators=(",", ":")) + "\n")


def _handler(served: Served) -> type[BaseHTTPRequestHandler]:
    base = f"/v2/models/{served.name}"
    metadata = {
        "name": served.name,
        "versions": [served.version],
        "platform": "pytorch",
        "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 64]}],
        "outputs": [
            {"name": "probabilities", "datatype": "FP64", "shape": [-1, served.target.n_classes]},
            {"name": "label", "datatype": "INT64", "shape": [-1]},
        ],
    }
    documents: dict[str, dict[str, Any]] = {
        "/v2": {"name": "govtool demo server", "version": "2", "extensions": []},
        "/v2/health/live": {"live": True},
        "/v2/health/ready": {"ready": True},
        base: metadata,
        f"{base}/ready": {"ready": True},
        f"{base}/versions/{served.version}": metadata,
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            document = documents.get(self.path)
            self._answer(200 if document else 404, document or {"error": "no such resource"})

        def do_POST(self) -> None:
            started = monotonic()
            length = int(self.headers.get("Content-Length") or 0)
            if length > _MOST_BYTES:
                self.close_connection = True
                self._answer(413, {"error": "request too large"})
                return
            raw = self.rfile.read(length)
            key = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            status, request, response = self._infer(raw, key)
            served.write(
                {
                    "ts": rfc3339(served.clock()),
                    "request_id": response.get("id") or new_id("req"),
                    "principal": served.principal(key) if key else "anonymous",
                    "source_ip": self.client_address[0],
                    "user_agent": self.headers.get("User-Agent", ""),
                    "endpoint": self.path,
                    "model_name": served.name,
                    "model_version": served.version,
                    "model_sha256": served.model_sha256,
                    "status": status,
                    "duration_ms": round((monotonic() - started) * 1000, 3),
                    "request": {"inputs": request.get("inputs")} if request else None,
                    "response": {"outputs": response["outputs"]} if status == 200 else response,  # noqa: PLR2004
                }
            )
            self._answer(status, response)

        def _infer(self, raw: bytes, key: str) -> tuple[int, dict[str, Any] | None, dict[str, Any]]:
            if key not in served.keys:
                return 401, None, {"error": "unknown credential"}
            if self.path not in (f"{base}/infer", f"{base}/versions/{served.version}/infer"):
                return 404, None, {"error": "no such model"}
            try:
                body = json.loads(raw)
                return 200, body, served.infer(body)
            except (ValueError, TypeError, KeyError, AttributeError, RuntimeError):
                return 400, None, {"error": "not a valid inference request for this model"}

        def _answer(self, status: int, document: dict[str, Any]) -> None:
            payload = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Silent: the inference log is the record."""

    return Handler


@contextmanager
def serving(served: Served) -> Iterator[str]:
    """Serve until the block ends; gives the base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
