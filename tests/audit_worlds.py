"""Small worlds for audit tests: noisy blobs that a net can only fit by heart, and a server for them."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from govtool.audits.recipe import Recipe

D, K, N = 12, 3, 120
RECIPE = Recipe(factory="mlp", factory_params={"hidden": [32]}, epochs=120, learning_rate=1e-2, batch_size=64)
RECIPE_YAML = "recipe: {factory_params: {hidden: [32]}, epochs: 120, learning_rate: 0.01, batch_size: 64}\n"
_GROUPS = {"members": 1, "nonmembers": 2, "population": 3, "evaluation": 4}


def draw(group: str, count: int = N) -> tuple[Any, Any]:
    """Features and labels of one group; half of the labels are noise, so fitting them means remembering them."""
    rng = np.random.default_rng([12, _GROUPS[group]])
    labels = rng.integers(K, size=count)
    features = rng.normal(size=(count, D)).astype(np.float32)
    features[:, 0] += labels
    noisy = rng.random(count) < 0.5
    return features, np.where(noisy, rng.integers(K, size=count), labels).astype(np.int64)


Answer = Callable[[Any], list[dict[str, Any]]]


class Oip:
    """What the test server saw, and how it answers: a status for each of the next requests, then `answer`."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.statuses: list[int] = []
        self.retry_after: list[str | None] = []
        """Beside the next statuses."""
        self.seen: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []


def output(name: str, values: Any) -> dict[str, Any]:
    array = np.asarray(values)
    return {"name": name, "shape": list(array.shape), "datatype": "FP64", "data": array.ravel().tolist()}


@contextmanager
def serve(state: Oip) -> Iterator[str]:
    """A real server on the loopback interface that speaks Open Inference Protocol v2."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.paths.append(self.path)
            state.headers.append(dict(self.headers))
            state.seen.append(body)
            status = state.statuses.pop(0) if state.statuses else 200
            tensor = body["inputs"][0]
            features = np.array(tensor["data"], dtype=np.float32).reshape(tensor["shape"])
            answer = {"outputs": state.answer(features)} if status == 200 else {"error": "no"}
            data = json.dumps(answer).encode()
            self.send_response(status)
            if (later := state.retry_after.pop(0) if state.retry_after else None) is not None:
                self.send_header("Retry-After", later)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
