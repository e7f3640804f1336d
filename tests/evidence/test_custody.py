"""Exhibits and their chain of custody."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledger_rows import add_exhibit
from sqlalchemy.orm import Session

from govtool.digest import sha256_bytes
from govtool.errors import AmbiguousError, InputError, NotFoundError
from govtool.evidence import custody, ledger
from govtool.evidence.labels import bytes_label, record_label
from govtool.evidence.lookup import find_record
from govtool.evidence.models import EvidenceItem
from govtool.evidence.vault import Vault

FIELDS = {
    "case_id": "inc-0001",
    "description": "inference log",
    "source_system": "triage server",
    "source_locator": "/var/log/x",
    "authority": "ticket SEC-12",
    "completeness": "unknown",
}


def acquire(session: Session, vault: Vault, path: Path, now: datetime, **changed: str | None) -> EvidenceItem:
    return custody.acquire(session, vault, path, **{**FIELDS, **changed}, now=now, by="responder")  # type: ignore[arg-type]


def test_an_exhibit_is_the_exact_bytes_with_all_its_fields(
    session: Session, vault: Vault, tmp_path: Path, now: datetime
) -> None:
    path = tmp_path / "server.log"
    path.write_bytes(b"one\r\ntwo\x00")
    item = acquire(session, vault, path, now)
    assert vault.read(item.sha256) == b"one\r\ntwo\x00"
    assert (item.size, item.original_name, item.acquired_by, item.case_id) == (9, "server.log", "responder", "inc-0001")
    assert item.source_modified_at == datetime.fromtimestamp(path.stat().st_mtime, UTC)
    assert item.tool.startswith("govtool ")
    (event,) = custody.chain(session, item)
    assert (event.action, event.recorded_by, event.recorded_at) == ("acquire", "responder", now)
    assert event.detail == {"sha256": item.sha256, "size": 9, "size_at_source_after_copy": 9}


def test_an_unknown_place_is_the_path_it_came_from(
    session: Session, vault: Vault, tmp_path: Path, now: datetime
) -> None:
    (tmp_path / "x").write_bytes(b"")
    item = acquire(session, vault, tmp_path / "x", now, source_locator="", case_id=None)
    assert item.source_locator == str((tmp_path / "x").resolve())
    assert (item.case_id, item.size) == (None, 0)


@pytest.mark.parametrize("field", ["description", "source_system", "authority", "completeness"])
def test_a_field_a_court_asks_for_cannot_be_empty(
    session: Session, vault: Vault, tmp_path: Path, now: datetime, field: str
) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(InputError, match=field.replace("_", " ")):
        acquire(session, vault, tmp_path / "x", now, **{field: " "})
    assert ledger.size(session) == 0
    assert list(vault.digests()) == []


def test_a_link_is_not_taken_as_evidence(session: Session, vault: Vault, tmp_path: Path, now: datetime) -> None:
    (tmp_path / "x").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "x")
    with pytest.raises(InputError, match="symbolic link"):
        acquire(session, vault, tmp_path / "link", now)


def test_the_chain_tells_everything_in_order(session: Session, vault: Vault, now: datetime) -> None:
    item = add_exhibit(session, vault, now)
    made = vault.put(b"parquet").sha256
    custody.derive(session, item, purpose="parse", produced_sha256=made, detail={"format": "oip"}, now=now, by="parser")
    custody.add_event(
        session, item, "transfer", purpose="to counsel", detail={"to": "A. Smith"}, now=now, by="responder"
    )
    chain = custody.chain(session, item)
    assert [event.action for event in chain] == ["acquire", "derive", "transfer"]
    assert [event.produced_sha256 for event in chain] == [None, made, None]


def test_an_unknown_action_or_no_purpose_is_refused(session: Session, vault: Vault, now: datetime) -> None:
    item = add_exhibit(session, vault, now)
    with pytest.raises(InputError, match="unknown custody action"):
        custody.add_event(session, item, "shred", purpose="x", detail={}, now=now, by="y")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="purpose"):
        custody.add_event(session, item, "copy", purpose=" ", detail={}, now=now, by="y")


def test_an_event_about_an_unknown_exhibit_is_refused(session: Session, now: datetime) -> None:
    ghost = EvidenceItem(id="ev-ghost")
    with pytest.raises(sa.exc.IntegrityError):
        custody.add_event(session, ghost, "copy", purpose="x", detail={}, now=now, by="y")


def test_a_record_is_found_by_the_start_of_its_id(session: Session, vault: Vault, now: datetime) -> None:
    first, second = add_exhibit(session, vault, now), add_exhibit(session, vault, now)
    assert find_record(session, first.id) is first
    assert find_record(session, first.id.upper()) is first
    short = next(second.id[:n] for n in range(4, 16) if second.id[:n] != first.id[:n])
    assert find_record(session, short) is second
    with pytest.raises(AmbiguousError):
        find_record(session, "ev-")
    for absent in ("ev-nothing", "", "%", "ev_"):
        with pytest.raises(NotFoundError):
            find_record(session, absent)


def test_labels_name_what_a_person_knows() -> None:
    digest = sha256_bytes(b"x")
    attack = {"id": "atk-1", "attack": "rmia", "run_id": "run-1", "evidence_sha256": digest, "figures": ["a", "b"]}
    assert record_label("attack_record", attack) == "attack record atk-1 (rmia, run run-1)"
    assert bytes_label(attack, digest) == "scores and labels"
    assert bytes_label({"references_sha256": digest}, digest) == "answers of the reference models"
    assert bytes_label(attack, "b") == "figure"
    assert record_label("decision", {}) == "decision (no id)"
    assert bytes_label({"policy_sha256": digest}, digest) == "policy"
    assert bytes_label({}, digest) == "bytes"
