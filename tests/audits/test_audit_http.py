"""Auditing through HTTP, against a real server on the loopback interface."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest
from audit_worlds import D, K, Oip, draw, output, serve
from test_audit_runner import QUICK, rows

from govtool.access import Access, reachable
from govtool.audits.models import AttackRecord, AuditOutcome, AuditRun
from govtool.audits.targets import http, pacing, torch_target
from govtool.audits.targets.http import HttpTarget
from govtool.audits.targets.memo import Memo
from govtool.audits.targets.pacing import Limits, Pacer
from govtool.errors import InputError, WorkError


@pytest.fixture
def patient() -> Iterator[Any]:
    """Makes targets whose pauses are noted in `pacer.slept` and not waited."""
    opened = []

    def make(url: str, **given: Any) -> HttpTarget:
        limits = Limits(**given)
        slept: list[float] = []
        pacer = Pacer(limits, np.random.default_rng(0), sleep=slept.append)
        pacer.slept = slept  # type: ignore[attr-defined]
        opened.append(HttpTarget(url, "m", limits=limits, pacer=pacer))
        return opened[-1]

    yield make
    for target in opened:
        target.close()


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
    assert len(state.seen) == 1 + 2  # 296 new records are two batches, and the last 5 are known
    assert target.sent == 300
    assert target.access == reachable(frozenset({Access.PROBABILITIES}))
    assert "s3cret" not in repr(target)


def test_a_busy_server_is_asked_again_and_not_for_ever(state: Oip, patient: Any) -> None:
    features = draw("members", 4)[0]
    with serve(state) as url:
        target = patient(url, retries=2)
        state.statuses = [503, 429]
        assert target.labels(features[:2]).shape == (2,)
        state.statuses = [503] * 9
        with pytest.raises(WorkError, match=r"status 503, 3 times in a row, after 6 requests about 12 records"):
            target.labels(features[2:])
    assert target.counted() == {"queries": 12, "queries_sent": 12, "requests_repeated": 4}
    assert len(state.seen) == 6


def test_pauses_grow_and_a_server_that_says_how_long_is_obeyed(state: Oip, patient: Any) -> None:
    features = draw("members", 1)[0]
    with serve(state) as url:
        target = patient(url, retries=4)
        state.statuses, state.retry_after = [503, 503, 503, 429], [None, None, None, "7"]
        target.labels(features)
    first, second, third, fourth = target.pacer.slept
    assert 0.25 <= first <= 0.5 <= second <= 1.0 <= third <= 2.0
    assert fourth == 7


def test_a_server_that_asks_for_more_patience_than_there_is_ends_the_work(state: Oip, patient: Any) -> None:
    with serve(state) as url:
        target = patient(url, deadline_s=60.0)
        state.statuses, state.retry_after = [429], ["3600"]
        with pytest.raises(
            WorkError, match=r"0 of 60 s are used, and the server \(Retry-After\) asks for another 3600 s"
        ):
            target.labels(draw("members", 1)[0])
    assert target.pacer.slept == []
    assert len(state.seen) == 1


def test_requests_keep_to_the_rate_and_retries_are_requests_too(state: Oip, patient: Any) -> None:
    with serve(state) as url:
        target = patient(url, rate=0.1, batch=1)
        state.statuses = [503]
        target.labels(draw("members", 3)[0])
    pauses = [pause for pause in target.pacer.slept if pause > 5]
    assert len(pauses) == 3  # between four requests
    assert all(pause <= 10 for pause in pauses)


def test_no_record_is_sent_twice_and_repeats_within_one_question_are_one(state: Oip, patient: Any) -> None:
    features = draw("members", 10)[0]
    with serve(state) as url:
        target = patient(url)
        first = target.log_probabilities(np.concatenate([features, features[:5]]))
        again = target.log_probabilities(features[::-1])
        assert np.array_equal(first[:5], first[10:])
        assert np.array_equal(first[:10], again[::-1])
        assert (target.sent, target.queries) == (10, 25)
        target.forget()
        target.labels(features[:2])
    assert target.sent == 12


def test_memory_of_answers_is_bounded_and_the_answer_stays_whole(state: Oip, patient: Any) -> None:
    features = draw("members", 50)[0]
    with serve(state) as url:
        target = patient(url, batch=10)
        target.remembered = Memo(most=5_000)
        first = target.log_probabilities(features)
        assert target.remembered._bytes <= 5_000
        assert 0 < len(target.remembered._rows) < 20
        assert np.array_equal(target.log_probabilities(features), first)


def test_a_server_that_drips_its_answer_is_given_up(patient: Any) -> None:
    with raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" ", [], pause=0.05) as url:
        target = patient(url, timeout_s=0.2, retries=0)
        with pytest.raises(WorkError, match=r"does not answer within 0.2 s, 1 times"):
            target.labels(draw("members", 1)[0])


def test_a_server_that_says_nothing_is_given_up(patient: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = patient(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_s=0.1, retries=1)
        with pytest.raises(WorkError, match=r"does not answer within 0.1 s \(ReadTimeout\), 2 times"):
            target.labels(draw("members", 1)[0])


def test_classes_that_come_and_go_are_a_work_error(patient: Any) -> None:
    with serve(Oip(lambda x: [output("probabilities", np.full((len(x), 1 + len(x)), 1 / (1 + len(x))))])) as url:
        target = patient(url, batch=2)
        with pytest.raises(WorkError, match="number of classes changes"):
            target.log_probabilities(draw("members", 3)[0])


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:47 GMT", "Date": "Sun, 06 Nov 1994 08:49:37 GMT"}, 10.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 08:49:47 GMT"}, 0.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_what_retry_after_says(given: Any, seconds: float | None) -> None:
    assert pacing.retry_after(given) == seconds


def test_durations_and_rates_of_a_spec() -> None:
    assert [pacing.duration(text) for text in ("10s", "500ms", "5m", "2 h", "0.5min")] == [10, 0.5, 300, 7200, 30]
    assert [pacing.rate(text) for text in ("10/s", "600/min", "0.5/s", "3600 / h")] == [10, 10, 0.5, 1]
    for wrong in ("", "10", "ten s", "0s", "-1s", "1e9s", "1d"):
        with pytest.raises(ValueError, match="duration"):
            pacing.duration(wrong)
    for wrong in ("10", "0/s", "/s", "10/ms", "10 per s"):
        with pytest.raises(ValueError, match="rate"):
            pacing.rate(wrong)


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
    target = HttpTarget(url, "m", limits=Limits(retries=0))
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
def raw(head: bytes, chunk: bytes, sent: list[int], pause: float = 0) -> Iterator[str]:
    """A server that answers one request with `head` and then 64 chunks, and counts those it got rid of."""

    def answer() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.settimeout(5)
            connection.recv(1 << 16)
            connection.sendall(head)
            for _ in range(64):
                connection.sendall(chunk)
                time.sleep(pause)
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
        target = HttpTarget(url, "m", limits=Limits(timeout_s=5))
        with pytest.raises(WorkError, match="larger than 1 MiB"):
            target.labels(draw("members", 2)[0])
        target.close()
    assert len(sent) < 64


def test_an_answer_that_would_inflate_is_refused_unread() -> None:
    bomb = gzip.compress(b" " * (1 << 20))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
    with raw(head, bomb, []) as url:
        target = HttpTarget(url, "m", limits=Limits(timeout_s=5))
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
    assert record.detail["queries_sent"] == 240 - 16  # the probe has asked about 16 of them
    assert record.detail["requests_repeated"] == 0
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
    assert any("no more than 2 decimal(s), rounded" in caveat for caveat in rows(registered, AttackRecord)[0].caveats)


def test_an_endpoint_that_is_gone_fails_the_run(registered: Any) -> None:
    with serve(Oip(lambda _x: [])) as url:
        pass
    with pytest.raises(WorkError, match="cannot be reached"):
        registered.audit("leaky@1", QUICK + f"target: {{endpoint: '{url}', model: m, retries: 0}}\n")
    assert rows(registered, AuditOutcome)[0].status == "failed"


def test_a_spec_says_how_politely_to_ask(registered: Any, state: Oip) -> None:
    with serve(state) as url:
        limits = "rate: 1000/s, retries: 1, timeout: 5s, batch: 64, deadline: 1m"
        registered.audit("leaky@1", QUICK + f"target: {{endpoint: '{url}', model: m, {limits}}}\n")
    (run,) = rows(registered, AuditRun)
    assert run.resolved["endpoint"]["limits"] == {
        "rate": 1000.0,
        "retries": 1,
        "timeout_s": 5.0,
        "batch": 64,
        "deadline_s": 60.0,
    }
    assert max(body["inputs"][0]["shape"][0] for body in state.seen) == 64


@pytest.mark.parametrize("wrong", ["rate: 10", "rate: fast", "timeout: 0s", "retries: -1", "retries: 99", "batch: 0"])
def test_a_spec_that_asks_impolitely_or_unclearly_is_refused(registered: Any, wrong: str) -> None:
    with pytest.raises(InputError):
        registered.audit("leaky@1", QUICK + f"target: {{endpoint: 'http://127.0.0.1:1', model: m, {wrong}}}\n")
    assert not rows(registered, AuditRun)


def test_a_server_that_stays_busy_fails_the_run_with_what_was_done(registered: Any, state: Oip) -> None:
    state.statuses = [503] * 99
    with serve(state) as url, pytest.raises(WorkError, match="after 1 requests about 16 records") as caught:
        registered.audit("leaky@1", QUICK + f"target: {{endpoint: '{url}', model: m, retries: 0}}\n")
    assert caught.value.exit_code == 6
    assert rows(registered, AuditOutcome)[0].error == caught.value.message


def test_a_key_that_is_not_set_stops_the_run(registered: Any) -> None:
    with pytest.raises(InputError, match="GOVTOOL_TRIAGE_KEY for the API key is not set"):
        registered.audit(
            "leaky@1",
            QUICK + "target: {endpoint: 'https://x.example', model: m, api_key_env: GOVTOOL_TRIAGE_KEY}\n",
            environ={},
        )
