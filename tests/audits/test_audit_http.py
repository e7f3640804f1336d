"""Auditing through HTTP, against a real server on the loopback interface."""

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest
from audit_worlds import D, K, Oip, draw, output, serve
from test_audit_runner import QUICK, rows

from govtool.access import Access, reachable
from govtool.audits.models import AttackRecord, AuditOutcome
from govtool.audits.targets import http, torch_target
from govtool.audits.targets.http import HttpTarget
from govtool.errors import InputError, WorkError

PARAMS = {"inputs": D, "hidden": [32], "classes": K}


@pytest.fixture
def state(leaky: bytes) -> Oip:
    target = torch_target.open_safetensors(leaky, "mlp", PARAMS, D)
    return Oip(
        lambda x: [output("probabilities", np.exp(target.log_probabilities(x))), output("label", target.labels(x))]
    )


def test_it_asks_in_the_protocol_and_counts(state: Oip, leaky: bytes) -> None:
    features = draw("members", 300)[0]
    with serve(state) as url:
        target = HttpTarget(url + "/", "triage", key="s3cret")
        target.look(features[:4])
        answers = target.log_probabilities(features)
        labels = target.labels(features[:5])
        target.close()
    here = torch_target.open_safetensors(leaky, "mlp", PARAMS, D)
    assert np.allclose(answers, here.log_probabilities(features))
    assert np.array_equal(labels, here.labels(features[:5]))
    assert state.paths[0] == "/v2/models/triage/infer"
    assert state.headers[0]["Authorization"] == "Bearer s3cret"
    assert state.seen[0]["inputs"][0] == {
        "name": "features",
        "shape": [4, D],
        "datatype": "FP32",
        "data": features[:4].ravel().tolist(),
    }
    assert target.queries == 4 + 300 + 5
    assert len(state.seen) == 1 + 2 + 1  # 300 records are two batches
    assert target.access == reachable(frozenset({Access.PROBABILITIES}))
    assert "s3cret" not in repr(target)


def test_a_busy_server_is_asked_again_and_not_for_ever(state: Oip) -> None:
    features = draw("members", 2)[0]
    with serve(state) as url:
        target = HttpTarget(url, "m", backoff_s=0.001)
        state.statuses = [503, 429]
        assert target.labels(features).shape == (2,)
        state.statuses = [503] * 9
        with pytest.raises(WorkError, match="status 503, 3 times in a row"):
            target.labels(features)
        target.close()
    assert target.queries == 6 + 6


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_an_error_is_not_asked_again(state: Oip, status: int) -> None:
    with serve(state) as url:
        target = HttpTarget(url, "m")
        state.statuses = [status]
        with pytest.raises(WorkError, match=f"status {status}"):
            target.labels(draw("members", 2)[0])
        target.close()
    assert len(state.seen) == 1


@pytest.mark.parametrize(
    "outputs",
    [
        [],
        [{"name": "probabilities"}],
        [{"name": "probabilities", "shape": [2, 3], "data": [1.0]}],
        [{"name": "probabilities", "shape": [2, 1, 1], "data": [1, 2]}],
        [{"name": "probabilities", "shape": [1, 2], "data": [0.5, 0.5]}],
        [{"name": "label", "shape": [2], "data": ["a", "b"]}],
        [{"name": "logits", "shape": [2, 2], "data": [1, 2, 3, float("nan")]}],
        ["probabilities"],
        [output("embedding", [[1.0], [2.0]])],
    ],
)
def test_answers_outside_the_protocol_are_work_errors(outputs: Any) -> None:
    with serve(Oip(lambda _x: outputs)) as url:
        target = HttpTarget(url, "m")
        with pytest.raises(WorkError):
            target.log_probabilities(draw("members", 2)[0])
        target.close()


def test_nobody_there_is_a_work_error() -> None:
    with serve(Oip(lambda _x: [])) as url:
        pass
    target = HttpTarget(url, "m", backoff_s=0.001)
    with pytest.raises(WorkError, match="cannot be reached"):
        target.labels(draw("members", 2)[0])
    target.close()


@pytest.mark.parametrize("key", ["k", None])
def test_neither_records_nor_a_key_travel_unencrypted(key: str | None) -> None:
    with pytest.raises(InputError, match=r"training records.* unencrypted to models\.example"):
        HttpTarget("http://models.example", "m", key=key)


def test_the_name_of_a_model_cannot_lead_elsewhere_on_the_server(state: Oip) -> None:
    with serve(state) as url:
        target = HttpTarget(url, "../../admin?x#y")
        target.labels(draw("members", 2)[0])
        target.close()
        with pytest.raises(InputError, match="no name of a model"):
            HttpTarget(url, "..").labels(draw("members", 2)[0])
    assert state.paths == ["/v2/models/..%2F..%2Fadmin%3Fx%23y/infer"]


def test_a_spec_cannot_send_other_secrets_of_the_environment(registered: Any, state: Oip) -> None:
    with serve(state) as url:
        target = f"target: {{endpoint: '{url}', model: m, api_key_env: AWS_SECRET_ACCESS_KEY}}\n"
        with pytest.raises(InputError, match="begin with GOVTOOL_"):
            registered.audit("leaky@1", QUICK + target, environ={"AWS_SECRET_ACCESS_KEY": "s3cret"})
    assert not state.seen


@contextmanager
def raw(head: bytes, chunk: bytes, sent: list[int]) -> Iterator[str]:
    """A server that answers one request with `head` and then 64 chunks, and counts those it got rid of."""

    def answer() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.settimeout(5)
            connection.recv(1 << 16)
            connection.sendall(head)
            for _ in range(64):
                connection.sendall(chunk)
                sent.append(len(chunk))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_an_endless_answer_is_cut_off_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_MOST_BYTES", 1 << 20)
    sent: list[int] = []
    with raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" " * (1 << 20), sent) as url:
        target = HttpTarget(url, "m", timeout_s=5)
        with pytest.raises(WorkError, match="larger than 1 MiB"):
            target.labels(draw("members", 2)[0])
        target.close()
    assert len(sent) < 64


def test_an_answer_that_would_inflate_is_refused_unread() -> None:
    bomb = gzip.compress(b" " * (1 << 20))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
    with raw(head, bomb, []) as url:
        target = HttpTarget(url, "m", timeout_s=5)
        with pytest.raises(WorkError, match="compressed"):
            target.labels(draw("members", 2)[0])
        target.close()


def test_an_audit_through_an_endpoint_finds_the_leak(registered: Any, state: Oip) -> None:
    with serve(state) as url:
        target = f"target: {{endpoint: '{url}', model: triage, api_key_env: GOVTOOL_TRIAGE_KEY}}\n"
        done = registered.audit("leaky@1", QUICK + target, environ={"GOVTOOL_TRIAGE_KEY": "k"})
    record = rows(registered, AttackRecord)[0]
    assert done.attacks[0].status == "completed", done.attacks[0].reason
    assert record.metrics["auc"]["low"] > 0.6
    assert record.detail["queries"] == 240
    assert any("nothing shows that the server runs the registered weights" in caveat for caveat in record.caveats)
    assert state.headers[0]["Authorization"] == "Bearer k"


def test_a_registered_endpoint_that_breaks_its_word_is_untestable(registered: Any) -> None:
    label_only = Oip(lambda x: [output("label", np.zeros(len(x)))])
    with serve(label_only) as url:
        registered.model("remote@1", endpoint=url)
        registered.deploy("remote", "remote@1", Access.PROBABILITIES, served_as="triage")
        done = registered.audit("remote@1", QUICK + "members: members@1\nnonmembers: nonmembers@1\n")
    assert label_only.paths[0] == "/v2/models/triage/infer"
    assert (done.attacks[0].status, done.status) == ("not_testable", "completed")
    assert "registered as exposing probabilities" in done.attacks[0].reason


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda p, rng: p * 0.5, "do not sum to 1"),
        (lambda p, rng: np.abs(p + rng.normal(size=p.shape) * 1e-3), "differently each time"),
    ],
)
def test_an_endpoint_that_answers_nonsense_is_untestable(registered: Any, state: Oip, spoil: Any, reason: str) -> None:
    honest, rng = state.answer, np.random.default_rng(0)

    def answer(x: Any) -> Any:
        (p, _label) = honest(x)
        return [output("probabilities", spoil(np.array(p["data"]).reshape(p["shape"]), rng))]

    with serve(Oip(answer)) as url:
        done = registered.audit("leaky@1", QUICK + f"target: {{endpoint: '{url}', model: m}}\n")
    assert done.attacks[0].status == "not_testable"
    assert reason in done.attacks[0].reason


def test_a_rounding_endpoint_gets_a_caveat(registered: Any, state: Oip) -> None:
    honest = state.answer

    def answer(x: Any) -> Any:
        (p, label) = honest(x)
        return [{**p, "data": np.round(p["data"], 2).tolist()}, label]

    with serve(Oip(answer)) as url:
        registered.audit("leaky@1", QUICK + f"target: {{endpoint: '{url}', model: m}}\n")
    assert any("rounds its answers to 2 decimal" in caveat for caveat in rows(registered, AttackRecord)[0].caveats)


def test_an_endpoint_that_is_gone_fails_the_run(registered: Any) -> None:
    with serve(Oip(lambda _x: [])) as url:
        pass
    with pytest.raises(WorkError, match="cannot be reached"):
        registered.audit("leaky@1", QUICK + f"target: {{endpoint: '{url}', model: m}}\n")
    assert rows(registered, AuditOutcome)[0].status == "failed"


def test_a_key_that_is_not_set_stops_the_run(registered: Any) -> None:
    with pytest.raises(InputError, match="GOVTOOL_TRIAGE_KEY for the API key is not set"):
        registered.audit(
            "leaky@1",
            QUICK + "target: {endpoint: 'https://x.example', model: m, api_key_env: GOVTOOL_TRIAGE_KEY}\n",
            environ={},
        )
