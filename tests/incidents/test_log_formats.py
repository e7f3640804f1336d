"""Each log format on a sample file (event and unreadable counts), and on the lines that loggers get wrong."""

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy.orm import Session

from govtool.evidence.vault import Vault
from govtool.incidents import fingerprint, ingest
from govtool.incidents.events import Event
from govtool.incidents.formats import interface
from govtool.incidents.formats.catalog import FORMATS
from govtool.incidents.formats.interface import UnreadableError, keyed_by
from govtool.incidents.models import Incident

SAMPLES = Path(__file__).parent.parent / "samples" / "logs"
KEYED = keyed_by("inc-1")


def digest(*row: float) -> str:
    return hashlib.sha256(np.asarray(row, "<f4").tobytes()).hexdigest()


def oip(**change: Any) -> Event:
    record = json.loads((SAMPLES / "oip.jsonl").read_text().splitlines()[0]) | change
    return FORMATS["oip"].event(record, KEYED)


def tensor(shape: Any, data: Any, name: str = "features") -> dict[str, Any]:
    return {"inputs": [{"name": name, "shape": shape, "datatype": "FP32", "data": data}]}


def capture(**change: Any) -> Event:
    record = json.loads((SAMPLES / "openai_capture.jsonl").read_text().splitlines()[0]) | change
    return FORMATS["openai_capture"].event(record, KEYED)


SAMPLE_COUNTS = [("oip", 4, 4, 1), ("openai_capture", 4, 3, 0)]


@pytest.mark.parametrize(("name", "events", "unreadable", "blank"), SAMPLE_COUNTS)
def test_the_sample_log_gives_its_events_and_its_unreadable_lines(
    session: Session,
    vault: Vault,
    incident: Incident,
    now: datetime,
    name: str,
    events: int,
    unreadable: int,
    blank: int,
) -> None:
    row = ingest.ingest_log(
        session, vault, incident, SAMPLES / f"{name}.jsonl", source_system="s", authority="a", now=now, by="t"
    )
    assert (row.format, row.n_events, row.n_unreadable, row.n_blank) == (name, events, unreadable, blank)


def test_every_format_has_a_sample_and_its_own_name() -> None:
    assert {name: known.name for name, known in FORMATS.items()} == {name: name for name in FORMATS}
    assert {name for name, *_ in SAMPLE_COUNTS} == set(FORMATS)


def test_a_line_of_our_server_becomes_an_event() -> None:
    event = oip()
    assert interface.from_us(event.ts_us).isoformat() == "2026-03-10T09:00:00.123456+00:00"
    assert (event.principal, event.status, event.raw_key) == ("key:1f3a9c0d2b4e", 200, False)
    assert (event.n_inputs, event.fingerprints) == (1, [digest(0.5, -1.25, 3.0)])
    assert (event.output_kind, event.n_outputs, event.payload_state) == ("probabilities", 2, "full")


def test_nested_and_flat_data_and_a_split_tensor_are_the_same_rows() -> None:
    expected = [digest(1, 2, 3), digest(4, 5, 6)]
    assert oip(request=tensor([2, 3], [1, 2, 3, 4, 5, 6])).fingerprints == expected
    assert oip(request=tensor([2, 3], [[1, 2, 3], [4, 5, 6]])).fingerprints == expected
    assert oip(request=tensor([2, 3, 1], [[[1], [2], [3]], [[4], [5], [6]]])).fingerprints == expected
    split = {"inputs": [tensor([2, 1], [1, 4])["inputs"][0], tensor([2, 2], [2, 3, 5, 6])["inputs"][0]]}
    assert oip(request=split).fingerprints == expected


def test_fingerprints_of_logged_rows_are_those_of_dataset_rows() -> None:
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    logged = json.loads(json.dumps([float(value) for value in rows.ravel()]))
    assert oip(request=tensor([5, 4], logged)).fingerprints == fingerprint.rows(rows)
    assert fingerprint.rows(rows) == [digest(*row) for row in rows]


def test_minus_zero_does_not_hide_a_match() -> None:
    plain = fingerprint.rows(np.array([[0.0, 1.0]], np.float32))
    assert oip(request=tensor([1, 2], [-0.0, 1.0])).fingerprints == plain == [digest(0.0, 1.0)]


def test_numbers_beyond_float32_are_infinite_as_they_were_for_the_model() -> None:
    assert oip(request=tensor([1, 1], [1e300])).fingerprints == [digest(np.inf)]


def test_labels_alone_and_logits_are_told_apart() -> None:
    label, logits = (
        {"outputs": [{"name": name, "shape": shape, "data": []}]}
        for name, shape in (("label", [1]), ("logits", [1, 3]))
    )
    assert (oip(response=label).output_kind, oip(response=label).n_outputs) == ("label", 1)
    assert (oip(response=logits).output_kind, oip(response=logits).n_outputs) == ("logits", 3)


def test_a_refused_request_without_payload_is_an_event_without_inputs() -> None:
    event = oip(status=422, request=None, response={"error": "x"})
    assert (event.n_inputs, event.fingerprints, event.output_kind, event.payload_state) == (None, [], "none", "absent")


def test_a_tensor_whose_numbers_were_dropped_is_an_absent_payload() -> None:
    assert oip(request=tensor([1, 3], None)).payload_state == "absent"


def test_an_empty_batch_has_zero_inputs_which_is_not_unknown() -> None:
    assert oip(request=tensor([0, 3], [])).n_inputs == 0


def test_a_giant_batch_is_fingerprinted_up_to_the_limit_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("govtool.incidents.formats.oip.MOST_INPUTS", 3)
    event = oip(request=tensor([5, 1], [1, 2, 3, 4, 5]))
    assert (event.n_inputs, len(event.fingerprints), event.payload_state) == (5, 3, "truncated")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ts": None}, "no timestamp"),
        ({"ts": 1767225600}, "no timestamp"),
        ({"ts": "2026-03-10T09:00:00"}, "no offset"),
        ({"ts": "now"}, "not RFC 3339"),
        ({"ts": "0001-01-01T00:00:00+14:00"}, "outside 1970"),
        ({"principal": ["a"]}, "principal is not text"),
        ({"status": "200"}, "status is not a whole number"),
        ({"status": True}, "status is not a whole number"),
        ({"request": []}, "request is not an object"),
        ({"request": {"inputs": "x"}}, "inputs is not a list"),
        ({"request": {"inputs": ["x"]}}, "no usable shape"),
        ({"request": tensor([1, -3], [1])}, "no usable shape"),
        ({"request": tensor([1, True], [1])}, "no usable shape"),
        ({"request": tensor([10**30, 10**30], [1])}, "do not fill"),
        ({"request": tensor([1, 4], [1, 2, 3])}, "do not fill"),
        ({"request": tensor([2, 2], [[1, 2], [3]])}, "do not fill"),
        ({"request": tensor([2, 0], [])}, "rows without numbers"),
        ({"request": tensor([1, 2], ["1", "2"])}, "not numbers"),
        ({"request": tensor([1, 2], [1, None])}, "not numbers"),
        ({"request": tensor([1, 1], {"0": 1})}, "no list of data"),
        ({"response": {"outputs": {}}}, "outputs is not a list"),
        ({"response": {"outputs": [{"name": "label"}]}}, "no usable shape"),
    ],
)
def test_a_wrong_shape_is_unreadable_and_the_reason_quotes_nothing(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UnreadableError, match=says):
        oip(**change)


@pytest.mark.parametrize("secret", ["sk-live-4242424242424242", "Bearer abc", "ghp_0123456789", "AKIA0123456789ABCDEF"])
def test_a_credential_in_clear_is_kept_as_its_keyed_digest_only(secret: str) -> None:
    event = oip(principal=secret)
    assert event.raw_key
    assert event.principal is not None
    assert secret not in str(event)
    assert event.principal == oip(principal=secret).principal == KEYED(secret)
    assert event.principal != keyed_by("inc-2")(secret)


def test_two_overlong_principals_stay_two() -> None:
    first, second = oip(principal="a" * 5000 + "1"), oip(principal="a" * 5000 + "2")
    assert first.principal != second.principal
    assert len(first.principal or "") < 300


def test_a_nul_in_text_becomes_visible() -> None:
    assert oip(principal="a\0b").principal == "a\\x00b"


def test_a_capture_becomes_an_event_and_its_prompt_a_digest() -> None:
    event = capture()
    assert (event.principal, event.source_ip, event.model_name, event.model_version) == (
        "sha256:9f8e7d6c5b4a",
        "203.0.113.7",
        "gpt-x",
        "fp_1",
    )
    assert (event.output_kind, event.n_outputs, event.prompt_chars, event.status) == ("logprobs", 1, 2, None)
    assert event.fingerprints == [event.prompt_sha256]
    assert (
        capture(request={"model": "other", "messages": [{"content": "hi", "role": "user"}]}).prompt_sha256
        == event.prompt_sha256
    )
    assert "hi" not in [value for value in event if isinstance(value, str)]


def test_a_key_field_that_is_no_digest_is_a_credential() -> None:
    assert capture(key="my-secret-key").raw_key
    assert not capture(key="ab" * 32).raw_key


def test_prompts_are_counted_in_all_their_forms() -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": "abc"}, {"type": "image_url"}]}]
    assert capture(request={"messages": parts}).prompt_chars == 3
    assert capture(request={"prompt": ["ab", "cd"]}).prompt_chars == 4
    assert capture(request={"input": "abcde"}).prompt_chars == 5


def test_a_dropped_prompt_is_absent() -> None:
    assert capture(request={"model": "gpt-x", "messages": {}}).payload_state == "absent"


def test_created_stands_in_for_a_missing_timestamp_only() -> None:
    event = capture(ts=None, response={"created": 1767225604, "choices": []})
    assert interface.from_us(event.ts_us).isoformat() == "2026-01-01T00:00:04+00:00"
    with pytest.raises(UnreadableError, match="no timestamp"):
        capture(ts=None, response={"created": True, "choices": []})
