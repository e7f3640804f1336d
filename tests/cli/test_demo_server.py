"""The demo's server speaks the Open Inference Protocol v2 and writes one honest log line per request."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from govtool.access import Access
from govtool.cli.demo.server import Served, serving

KEY = "s3cret-key"


class Linear:
    """A real two-class model: the sum of the features decides."""

    access = frozenset({Access.PROBABILITIES})
    n_classes = 2

    def log_probabilities(self, features: Any) -> Any:
        score = features.sum(axis=1).astype(np.float64)
        return np.stack([-np.logaddexp(0, score), -np.logaddexp(0, -score)], axis=1)

    def labels(self, features: Any) -> Any:
        return self.log_probabilities(features).argmax(1)

    def module(self) -> Any:
        raise NotImplementedError


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "inference.jsonl"


@pytest.fixture
def client(log: Path) -> Iterator[httpx.Client]:
    served = Served(
        "m", "1", "0" * 64, Linear(), {KEY: "ward"}, log, lambda: datetime(2026, 3, 10, 9, tzinfo=UTC), b"salt"
    )
    with (
        serving(served) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False) as client,
    ):
        yield client


def request(features: list[list[float]]) -> dict[str, Any]:
    flat = [value for row in features for value in row]
    return {"inputs": [{"name": "features", "shape": [len(features), 2], "datatype": "FP32", "data": flat}]}


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_an_inference_answers_probabilities_that_sum_to_one(client: httpx.Client) -> None:
    answer = client.post("/v2/models/m/infer", json=request([[0.0, 0.0], [3.0, 1.0]])).json()
    outputs = {item["name"]: item for item in answer["outputs"]}
    assert np.allclose(np.reshape(outputs["probabilities"]["data"], outputs["probabilities"]["shape"]).sum(1), 1)
    assert outputs["label"]["data"] == [0, 1]  # the first row is a tie; argmax takes the first class


def test_one_line_per_request_and_never_the_key(client: httpx.Client, log: Path) -> None:
    for _ in range(3):
        client.post("/v2/models/m/infer", json=request([[1.0, 2.0]]))
    written = lines(log)
    assert [line["status"] for line in written] == [200, 200, 200]
    assert {line["principal"] for line in written} == {written[0]["principal"]}
    assert written[0]["principal"].startswith("key:")
    assert written[0]["request"]["inputs"][0]["data"] == [1.0, 2.0]
    assert KEY not in log.read_text()


def test_a_refused_request_is_logged_as_refused(client: httpx.Client, log: Path) -> None:
    assert (
        client.post(
            "/v2/models/m/infer", json=request([[1.0, 2.0]]), headers={"Authorization": "Bearer nope"}
        ).status_code
        == 401
    )
    assert client.post("/v2/models/m/infer", content=b"{not json").status_code == 400
    assert client.post("/v2/models/other/infer", json=request([[1.0, 2.0]])).status_code == 404
    assert [line["status"] for line in lines(log)] == [401, 400, 404]


@pytest.mark.parametrize(
    "path",
    ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/m", "/v2/models/m/ready", "/v2/models/m/versions/1"],
)
def test_the_protocol_s_metadata_resources_answer(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200


def test_an_unknown_resource_is_not_found(client: httpx.Client) -> None:
    assert client.get("/v2/models/unknown").status_code == 404
