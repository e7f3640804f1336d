"""Preserving and reading logs: original first, every line accounted for, whatever the log contains."""

import gzip
import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from incident_traffic import Call, line, training, write_log
from sqlalchemy.orm import Session

from govtool.digest import sha256_bytes
from govtool.errors import EvidenceError, InputError
from govtool.evidence.models import CustodyEvent, EvidenceItem
from govtool.evidence.vault import Vault
from govtool.incidents import ingest
from govtool.incidents.models import Incident, LogIngest

RECORDS = training(20)
TOLD = {"source_system": "gateway", "authority": "TICKET-1"}
GOOD = json.dumps(line(Call(0, "key:00000001", ("t1",)), RECORDS, number=1)).encode()


@pytest.fixture
def take(session: Session, vault: Vault, incident: Incident, tmp_path: Path, now: datetime) -> Callable[..., LogIngest]:
    def take(data: bytes, *, name: str = "log.jsonl", **options: Any) -> LogIngest:
        path = tmp_path / name
        path.write_bytes(data)
        return ingest.ingest_log(session, vault, incident, path, now=now, by="tester", **TOLD | options)

    return take


def unreadable(vault: Vault, row: LogIngest) -> list[dict[str, Any]]:
    return [json.loads(text) for text in vault.read(row.unreadable_sha256).splitlines()]


def events(vault: Vault, row: LogIngest) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return pq.read_table(vault.local_path(row.events_sha256)).to_pylist()


def test_the_original_is_kept_to_the_byte_and_custody_says_who_took_it(
    session: Session, vault: Vault, take: Callable[..., LogIngest]
) -> None:
    row = take(GOOD + b"\n", source_system="gateway", authority="TICKET-1")
    item = session.get_one(EvidenceItem, row.item_id)
    assert vault.read(item.sha256) == GOOD + b"\n"
    assert (item.case_id, item.source_system, item.authority, item.size) == (
        row.incident_id,
        "gateway",
        "TICKET-1",
        len(GOOD) + 1,
    )
    custody = session.scalars(
        sa.select(CustodyEvent).where(CustodyEvent.item_id == item.id).order_by(CustodyEvent.ledger_index)
    ).all()
    assert [each.action for each in custody] == ["acquire", "derive"]
    assert custody[0].detail["sha256"] == item.sha256
    assert custody[1].produced_sha256 == row.events_sha256


def test_the_original_is_recorded_before_a_log_that_cannot_be_read(
    session: Session, vault: Vault, take: Callable[..., LogIngest]
) -> None:
    with pytest.raises(InputError, match="no known log format") as refused:
        take(b'{"a": 1}\n')
    assert "oip" in refused.value.hint
    item = session.scalars(sa.select(EvidenceItem)).one()
    assert vault.read(item.sha256) == b'{"a": 1}\n'
    assert session.scalars(sa.select(LogIngest)).all() == []


@pytest.mark.parametrize("data", [b"", b"\n\n", b"plain text\n", b"\xff\xfe{\x00}\x00"])
def test_a_log_without_a_single_object_is_refused_and_never_passes_as_clean(
    take: Callable[..., LogIngest], data: bytes
) -> None:
    with pytest.raises(InputError, match="no line of it is a JSON object"):
        take(data)


def test_an_empty_log_of_a_named_format_has_nothing_and_says_unknown(take: Callable[..., LogIngest]) -> None:
    row = take(b"", format_name="oip")
    assert (row.n_lines, row.n_events, row.first_event_at) == (0, 0, None)
    assert row.coverage["unreadable_share"] is None
    assert row.coverage["payload_absent_share"] is None


def test_an_unknown_format_name_is_refused(take: Callable[..., LogIngest]) -> None:
    with pytest.raises(InputError, match="unknown log format"):
        take(GOOD, format_name="syslog")


def test_a_symbolic_link_is_refused_and_nothing_is_recorded(
    session: Session, vault: Vault, incident: Incident, tmp_path: Path, now: datetime
) -> None:
    (tmp_path / "real.jsonl").write_bytes(GOOD)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "real.jsonl")
    with pytest.raises(InputError, match="symbolic link"):
        ingest.ingest_log(session, vault, incident, tmp_path / "link.jsonl", now=now, by="t", **TOLD)
    assert session.scalars(sa.select(EvidenceItem)).all() == []


@pytest.mark.parametrize("missing", ["source_system", "authority"])
def test_a_log_is_not_taken_without_its_source_and_authority(
    session: Session, take: Callable[..., LogIngest], missing: str
) -> None:
    with pytest.raises(InputError, match=f"needs its {missing.replace('_', ' ')}"):
        take(GOOD, **{missing: " "})
    assert session.scalars(sa.select(EvidenceItem)).all() == []


def test_a_file_name_that_is_no_text_is_kept_with_visible_escapes(
    session: Session, vault: Vault, incident: Incident, tmp_path: Path, now: datetime
) -> None:
    path = tmp_path / os.fsdecode(b"log-\xff.jsonl")
    path.write_bytes(GOOD)
    item = ingest.preserve(session, vault, incident, path, **TOLD, now=now, by="t")
    assert item.original_name == "log-\\xff.jsonl"
    assert item.source_locator.endswith("log-\\xff.jsonl")


def test_the_same_bytes_again_are_a_new_exhibit_of_one_blob(vault: Vault, take: Callable[..., LogIngest]) -> None:
    first, second = take(GOOD), take(GOOD, name="copy.jsonl")
    assert first.item_id != second.item_id
    assert first.original_sha256 == second.original_sha256
    assert first.events_sha256 == second.events_sha256  # reading is reproducible to the byte


def test_every_event_says_where_it_lies(vault: Vault, take: Callable[..., LogIngest]) -> None:
    data = b"\n" + GOOD + b"\r\nnot json\n" + GOOD
    row = take(data)
    for event in events(vault, row):
        place = data[event["byte_off"] : event["byte_off"] + event["byte_len"]]
        assert json.loads(place)["request_id"] == event["request_id"]
        assert event["original_sha256"] == sha256_bytes(data)
    assert [event["line_no"] for event in events(vault, row)] == [2, 4]
    [bad] = unreadable(vault, row)
    assert data[bad["offset"] : bad["offset"] + bad["length"]] == b"not json"


def test_gzip_is_kept_compressed_and_read_inflated(
    session: Session, vault: Vault, take: Callable[..., LogIngest]
) -> None:
    packed = gzip.compress(GOOD + b"\n" + GOOD + b"\n", mtime=0)
    row = take(packed, name="log.jsonl.gz")
    assert row.original_sha256 == sha256_bytes(packed)
    assert (row.n_events, row.coverage["compression"], row.coverage["offsets"]) == (2, "gzip", "inflated bytes")


def test_a_truncated_gzip_gives_its_lines_and_says_that_it_ended_early(take: Callable[..., LogIngest]) -> None:
    packed = gzip.compress(b"".join(GOOD + b"%d\n" % n if n % 50 == 49 else GOOD + b"\n" for n in range(300)), mtime=0)
    row = take(packed[: len(packed) // 2])
    assert "ends early" in row.coverage["stopped"]
    assert row.n_events > 0
    assert row.n_lines == row.n_events + row.n_unreadable + row.n_blank < 300


HOSTILE = [
    (b"\xff\xfe\xfd", "UTF-8"),
    (b'{"ts": "\x00"}', "control character"),
    (b"{}\x00", "unexpected content"),
    (GOOD[:-20], "not JSON"),
    (b"[" * 10_000 + b"]" * 10_000, "depth"),
    (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "depth"),
    (b"[1]", "not a JSON object"),
    (b"NaN", "not JSON"),
    (b'"\\ud800"', "surrogate"),
    (b"{}", "no timestamp"),
    (b"=HYPERLINK(1)", "not JSON"),
    (b"\x1b[2J\x1b[31m", "not JSON"),
]


@pytest.mark.parametrize(("bad", "says"), HOSTILE, ids=[str(n) for n in range(len(HOSTILE))])
def test_a_hostile_line_is_counted_with_its_reason_and_the_next_one_is_read(
    vault: Vault, take: Callable[..., LogIngest], bad: bytes, says: str
) -> None:
    row = take(bad + b"\n" + GOOD + b"\n", format_name="oip")
    assert (row.n_lines, row.n_events, row.n_unreadable) == (2, 1, 1)
    assert says in unreadable(vault, row)[0]["reason"]


def test_hostile_text_stays_data(vault: Vault, take: Callable[..., LogIngest]) -> None:
    nasty = "<script>alert(1)</script>\x1b[31m=cmd|' /C calc'!A0\u202e\x00"
    record = json.loads(GOOD) | {"principal": nasty, "user_agent": nasty}
    row = take(json.dumps(record).encode())
    assert events(vault, row)[0]["principal"] == nasty.replace("\0", "\\x00")


def test_a_byte_order_mark_does_not_cost_the_first_line(take: Callable[..., LogIngest]) -> None:
    assert take(b"\xef\xbb\xbf" + GOOD + b"\r\n" + GOOD).n_events == 2


def test_a_repeated_key_is_flagged_because_parsers_disagree(vault: Vault, take: Callable[..., LogIngest]) -> None:
    twice = GOOD[:-1] + b', "principal": "key:ffffffff"}'
    inside = json.dumps(json.loads(GOOD) | {"user_agent": 'says "principal": and "principal": in text'}).encode()
    row = take(GOOD + b"\n" + twice + b"\n" + inside + b"\n")
    assert row.coverage["duplicate_keys"] == {"count": 1, "first_lines": [2]}
    assert [event["duplicate_keys"] for event in events(vault, row)] == [False, True, False]


def test_a_line_that_is_too_long_is_located_and_not_loaded(
    session: Session, vault: Vault, incident: Incident, tmp_path: Path, now: datetime
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(GOOD + b"\n" + b"x" * 5000 + b"\n" + GOOD + b"\n")
    item = ingest.preserve(session, vault, incident, path, **TOLD, now=now, by="t")
    parsed = ingest.read_log(vault, item.sha256, case="inc", format_name="oip", now=now, longest=4000)
    assert (parsed.n_events, parsed.n_unreadable) == (2, 1)
    [bad] = [json.loads(text) for text in vault.read(parsed.unreadable_sha256).splitlines()]
    assert (bad["line"], bad["offset"], bad["length"]) == (2, len(GOOD) + 1, 5000)
    assert bad["reason"] == "longer than 16 MiB"


@pytest.mark.slow
def test_a_line_of_fifty_megabytes_costs_a_bounded_memory(vault: Vault, take: Callable[..., LogIngest]) -> None:
    import tracemalloc

    data = GOOD + b'\n{"a": "' + b"x" * 50_000_000 + b'"}\n' + GOOD
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    row = take(data)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert (row.n_lines, row.n_events, row.n_unreadable) == (3, 2, 1)
    assert peak < 60_000_000


def test_a_failure_of_a_reader_is_stored_as_data(
    monkeypatch: pytest.MonkeyPatch, vault: Vault, take: Callable[..., LogIngest]
) -> None:
    def fails(*_: Any) -> None:
        raise KeyError("secret")

    monkeypatch.setattr("govtool.incidents.formats.oip._inputs", fails)
    row = take(GOOD, format_name="oip")
    assert unreadable(vault, row)[0]["reason"] == "the oip reader failed on it (KeyError)"


def test_an_altered_original_is_not_read(
    session: Session, vault: Vault, incident: Incident, tmp_path: Path, now: datetime
) -> None:
    (tmp_path / "log.jsonl").write_bytes(GOOD)
    item = ingest.preserve(session, vault, incident, tmp_path / "log.jsonl", **TOLD, now=now, by="t")
    blob = vault.local_path(item.sha256)
    assert blob is not None
    os.chmod(blob, 0o640)  # noqa: PTH101 - the vault writes it read-only
    blob.write_bytes(GOOD.replace(b"00000001", b"00000002"))
    with pytest.raises(EvidenceError, match="altered"):
        ingest.parse(session, vault, item, now=now, by="t")


def test_coverage_says_what_the_log_cannot_show(take: Callable[..., LogIngest], now: datetime) -> None:
    def call(**change: Any) -> bytes:
        return json.dumps(json.loads(GOOD) | change).encode()

    steps = [timedelta(seconds=n) for n in (0, 1, 2, 4000, 3999)]
    lines = [call(ts=(now - timedelta(hours=3) + step).isoformat()) for step in steps]
    lines += [
        call(
            ts=(now + timedelta(days=1)).isoformat(), status=503, request=None, response={"error": "x"}, principal=None
        )
    ]
    lines += [call(ts=now.isoformat(), principal="sk-live-1234567890", status=None, model_sha256=None), b"junk"]
    coverage = take(b"\n".join(lines)).coverage
    assert coverage["unreadable_share"] == pytest.approx(1 / 8)
    assert coverage["unreadable_reasons"] == {"not JSON: unexpected character, expected a JSON value": 1}
    assert coverage["payload_absent_share"] == pytest.approx(1 / 7)
    assert coverage["non_200_share"] == pytest.approx(1 / 6)
    assert (coverage["status_unknown"], coverage["principal_unknown"], coverage["model_digest_unknown"]) == (1, 1, 1)
    assert (coverage["credentials_in_clear"], coverage["clock_backwards"], coverage["in_the_future"]) == (1, 2, 1)
    assert coverage["gaps"]["median_s"] == pytest.approx((1 + 3997) / 2)
    assert coverage["sampling"].startswith("unknown")


def test_a_silence_in_steady_traffic_is_listed(vault: Vault, take: Callable[..., LogIngest], tmp_path: Path) -> None:
    calls = [Call(float(at), "key:00000001", ("t1",)) for at in [*range(200), *range(2000, 2200)]]
    gaps = take(write_log(tmp_path / "gap.jsonl", calls, RECORDS).read_bytes()).coverage["gaps"]
    assert (gaps["median_s"], gaps["count"]) == (1.0, 1)
    assert gaps["largest"][0]["seconds"] == 1801.0


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.just(GOOD),
            st.sampled_from([b"", b" ", b"\r", b"{}", b"[1]", GOOD[:100]]),
            st.binary(max_size=60),
            st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=5)).map(
                lambda value: json.dumps(value).encode()
            ),
        ),
        max_size=12,
    ),
    st.booleans(),
)
def test_every_line_is_an_event_or_unreadable_or_blank(
    vault: Vault, now: datetime, parts: list[bytes], packed: bool
) -> None:
    data = b"\n".join(parts)
    stored = vault.put(gzip.compress(data, 1) if packed else data)
    if not packed and data[:2] == b"\x1f\x8b":
        return
    parsed = ingest.read_log(vault, stored.sha256, case="inc", format_name="oip", now=now)
    split = data.split(b"\n")
    split = split[:-1] if split[-1] == b"" else split
    assert parsed.n_lines == len(split) == parsed.n_events + parsed.n_unreadable + parsed.n_blank
    assert parsed.n_blank == sum(1 for text in split if not text.strip())
    assert len(vault.read(parsed.unreadable_sha256).splitlines()) == parsed.n_unreadable
    assert sum(parsed.coverage["unreadable_reasons"].values()) == parsed.n_unreadable
