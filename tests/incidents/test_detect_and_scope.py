"""From a log file to accused principals to the people whose data was exposed, with registered data and a planted campaign."""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest_case import Case
from incident_traffic import Call, campaign, ordinary, write_log
from sqlalchemy.orm import Session

from govtool.errors import EvidenceError, InputError, WorkError
from govtool.evidence.vault import Vault
from govtool.incidents import scope as scoping
from govtool.incidents import service
from govtool.incidents.detect import accused, detect
from govtool.incidents.detectors.catalog import DETECTORS
from govtool.incidents.ingest import ingest_log
from govtool.incidents.models import DetectionRun, Finding
from govtool.incidents.scope import scope
from govtool.registry import service as registry

MEMBERS = 300


@pytest.fixture
def small(make_case: Callable[..., Case]) -> Case:
    return make_case(MEMBERS)


@pytest.fixture
def log(session: Session, vault: Vault, tmp_path: Path, now: datetime) -> Callable[..., None]:
    def log(case: Case, calls: list[Call], name: str = "log.jsonl") -> None:
        path = write_log(tmp_path / name, calls, case.records, model=case.model_sha256)
        ingest_log(session, vault, case.incident, path, source_system="gateway", authority="TICKET-1", now=now, by="t")

    return log


def office(clients: int = 5) -> list[Call]:
    rng = np.random.default_rng(5)
    return [
        call
        for n in range(clients)
        for call in ordinary(rng, f"key:{n:08x}", MEMBERS, own=rng.integers(0, MEMBERS, 6), visits=4)
    ]


def probing(who: str = "key:0badcafe", size: int = 120) -> list[Call]:
    return list(campaign(np.random.default_rng(1), who, MEMBERS, size=size))


def run(
    session: Session, vault: Vault, case: Case, now: datetime, **options: Any
) -> tuple[DetectionRun, list[Finding]]:
    return detect(session, vault, case.incident, now=now, by="t", **options)


def test_a_planted_campaign_is_found_through_the_registered_training_data(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], tmp_path: Path, now: datetime
) -> None:
    log(small, [*office(), *probing()])
    found, findings = run(session, vault, small, now)
    assert accused(findings) == ["key:0badcafe"]
    assert found.n_principals == 6
    assert [each["status"] for each in found.detectors] == ["completed"] * 3
    exposure = next(row for row in findings if row.kind == "exposure")
    assert (exposure.value, exposure.n_events, exposure.technique[:13]) == (0.5, 60, "AML.T0024.000")
    assert exposure.window_start is not None
    assert exposure.window_end is not None
    assert exposure.window_start < exposure.window_end


def test_a_findings_anchors_lead_back_to_the_very_lines(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], tmp_path: Path, now: datetime
) -> None:
    log(small, [*office(), *probing()])
    _, findings = run(session, vault, small, now)
    exposure = next(row for row in findings if row.kind == "exposure")
    assert exposure.rows_sha256 is not None
    anchors = [json.loads(text) for text in vault.read(exposure.rows_sha256).splitlines()]
    assert len(anchors) == exposure.n_events
    known = {tuple(row) for row in small.records.tolist()}
    for anchor in anchors:
        place = vault.read(anchor["original"])[anchor["offset"] : anchor["offset"] + anchor["length"]]
        line = json.loads(place)
        assert line["principal"] == "key:0badcafe"
        assert tuple(line["request"]["inputs"][0]["data"]) in known


def test_clean_logs_accuse_nobody_and_list_the_figures(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], now: datetime
) -> None:
    log(small, office())
    found, findings = run(session, vault, small, now)
    assert findings == []
    numbers = {each["name"]: each["numbers"] for each in found.detectors}
    assert {each["principal"] for each in numbers["membership_probing"]} == {f"key:{n:08x}" for n in range(5)}
    assert not any(each["flagged"] for each in numbers["volume"])


def test_detecting_again_gives_the_same_findings(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], now: datetime
) -> None:
    log(small, [*office(), *probing()])
    first, second = (run(session, vault, small, now)[1] for _ in range(2))
    what = [(row.detector, row.principal, row.value, row.threshold, row.rows_sha256, row.summary) for row in first]
    assert what == [
        (row.detector, row.principal, row.value, row.threshold, row.rows_sha256, row.summary) for row in second
    ]


def test_the_same_log_ingested_twice_counts_once(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], now: datetime
) -> None:
    calls = [*office(), *probing()]
    log(small, calls)
    log(small, calls, name="copy.jsonl")
    found, _ = run(session, vault, small, now)
    assert found.n_events == len(calls)
    assert len(found.ingests) == 1


def test_several_logs_are_judged_together(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], now: datetime
) -> None:
    log(small, office(), name="monday.jsonl")
    log(small, probing(), name="tuesday.jsonl")
    found, findings = run(session, vault, small, now)
    assert len(found.ingests) == 2
    assert accused(findings) == ["key:0badcafe"]


def test_changed_training_data_is_said_and_not_compared(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], tmp_path: Path, now: datetime
) -> None:
    log(small, [*office(), *probing()])
    np.savez(tmp_path / "train.npz", X=small.records[:10], y=np.zeros(10), subject=np.arange(10))
    found, findings = run(session, vault, small, now)
    [membership] = [each for each in found.detectors if each["name"] == "membership_probing"]
    assert membership["status"] == "not_applicable"
    assert "not the registered dataset" in membership["reason"]
    assert all(row.kind == "suspicion" for row in findings)
    with pytest.raises(EvidenceError, match="not the registered dataset"):
        scope(session, vault, small.incident, ["key:0badcafe"], now=now, by="t")


def test_a_detector_that_fails_is_recorded_and_the_others_still_speak(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], now: datetime
) -> None:
    class Broken:
        name, version, kind, technique, parameters = "broken", "1", "suspicion", "AML.T0024", {}

        def run(self, events: Any, context: Any) -> Any:
            raise ZeroDivisionError("on purpose")

    log(small, [*office(), *probing()])
    found, findings = run(session, vault, small, now, detectors={"broken": Broken(), **DETECTORS})
    assert (found.detectors[0]["status"], found.detectors[0]["reason"]) == ("failed", "unexpected ZeroDivisionError")
    assert "on purpose" not in str(found.detectors)  # a foreign message may quote the log
    assert accused(findings) == ["key:0badcafe"]


def test_detecting_without_a_log_is_refused(session: Session, vault: Vault, small: Case, now: datetime) -> None:
    with pytest.raises(InputError, match="no log was ingested"):
        run(session, vault, small, now)


def test_events_that_were_altered_in_the_vault_are_not_judged(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], now: datetime
) -> None:
    log(small, office())
    blob = vault.local_path(service.ingests(session, small.incident.id)[0].events_sha256)
    assert blob is not None
    blob.chmod(0o640)
    blob.write_bytes(blob.read_bytes() + b"\0")
    with pytest.raises(EvidenceError, match="altered"):
        run(session, vault, small, now)


def test_the_scope_counts_the_records_and_the_people_behind_them(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], now: datetime
) -> None:
    asked = [3, 4, 5, 6, 7]  # persons 1, 2, 2, 3, 3
    calls = [Call(float(n), "key:0badcafe", (f"t{i}",)) for n, i in enumerate([*asked, 3])]
    refused = [Call(50.0, "key:0badcafe", ("t20",), output="none")]
    log(small, [*calls, Call(60.0, "key:0badcafe", ("x1",)), Call(70.0, "key:other", ("t30",)), *refused])
    row = scope(session, vault, small.incident, ["key:0badcafe"], now=now, by="t")
    header, *body = [json.loads(text) for text in vault.read(row.list_sha256).splitlines()]
    assert [each["row"] for each in body] == asked
    assert (row.records_count, row.subjects_count) == (5, 3)
    expected = hmac.new(header["salt"].encode(), b"person-1", hashlib.sha256).hexdigest()
    assert body[0]["subject"] == expected
    assert b"person" not in vault.read(row.list_sha256)
    assert "lower bound" in row.method


def test_scopes_of_one_case_share_their_salt_and_nothing_is_shared_between_cases(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], now: datetime
) -> None:
    log(small, [*office(), *probing()])
    first, second = (scope(session, vault, small.incident, ["key:0badcafe"], now=now, by="t") for _ in range(2))
    assert first.list_sha256 == second.list_sha256
    assert first.records_count == 60


def test_without_a_subject_column_the_number_of_people_is_unknown_and_not_zero(
    session: Session, vault: Vault, make_case: Callable[..., Case], log: Callable[..., None], now: datetime
) -> None:
    case = make_case(50, subject=None)
    log(case, [Call(0.0, "key:0badcafe", ("t1",))])
    row = scope(session, vault, case.incident, ["key:0badcafe"], now=now, by="t")
    assert (row.records_count, row.subjects_count) == (1, None)


def test_scope_asks_for_principals_that_the_logs_know(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], now: datetime
) -> None:
    log(small, office())
    with pytest.raises(InputError, match="no principal"):
        scope(session, vault, small.incident, [], now=now, by="t")
    with pytest.raises(InputError, match="do not know key:nobody"):
        scope(session, vault, small.incident, ["key:nobody"], now=now, by="t")


def test_scope_of_a_model_with_two_training_datasets_asks_which(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], tmp_path: Path, now: datetime
) -> None:
    np.savez(tmp_path / "more.npz", X=small.records[:7] + 1, y=np.zeros(7, np.int64))
    more = registry.add_dataset_version(
        session, "more", "1", tmp_path / "more.npz", level=2, label="y", now=now, by="t"
    )
    registry.add_lineage(session, "triage@1", "fine_tuned_on", "more@1", now=now, by="t")
    log(small, probing())
    with pytest.raises(InputError, match="patients@1, more@1"):
        scope(session, vault, small.incident, ["key:0badcafe"], now=now, by="t")
    assert scope(session, vault, small.incident, ["key:0badcafe"], dataset=more, now=now, by="t").records_count == 0


def test_scope_without_a_model_says_what_is_missing(session: Session, vault: Vault, incident, now: datetime) -> None:
    with pytest.raises(InputError, match="no training dataset"):
        scope(session, vault, incident, ["key:0badcafe"], now=now, by="t")


def test_the_timeline_tells_of_logs_findings_and_scope(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], now: datetime
) -> None:
    log(small, [*office(), *probing()])
    run(session, vault, small, now)
    scope(session, vault, small.incident, ["key:0badcafe"], now=now, by="t")
    kinds = [entry.kind for entry in service.timeline(session, small.incident)]
    assert kinds[:5] == ["opened", "first_alert", "preserved", "ingested", "detection"]
    assert "exposure" in kinds
    assert kinds[-1] == "scope"


def test_two_first_scopes_at_once_do_not_end_with_two_salts(
    session: Session, vault: Vault, small: Case, log: Callable[..., None], now: datetime
) -> None:
    log(small, [*office(), *probing()])
    one, two = (scoping.count(session, vault, small.incident, ["key:0badcafe"]) for _ in range(2))
    scoping.record(session, vault, one, now=now, by="t")
    with pytest.raises(WorkError, match="was recorded while this was counted"):
        scoping.record(session, vault, two, now=now, by="t")
    again = scoping.count(session, vault, small.incident, ["key:0badcafe"])
    assert scoping.record(session, vault, again, now=now, by="t").list_sha256 == one.list_sha256
