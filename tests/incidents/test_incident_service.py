"""Opening a case, recording its instants, correcting them, and telling the story."""

from datetime import datetime, timedelta

import pytest
from conftest_case import Case
from sqlalchemy.orm import Session

from govtool.errors import InputError
from govtool.incidents import service
from govtool.incidents.instants import Instants
from govtool.incidents.models import Incident
from govtool.policy import collect

HOUR = timedelta(hours=1)


def add(
    session: Session,
    incident: Incident,
    kind: str,
    at: datetime,
    *,
    who: str = "A. Dubois, DPO",
    reason: str = "",
    now: datetime,
):
    return service.add_event(session, incident, kind, at, who, reason, now=now, by="tester")


def test_opening_records_the_alert_as_its_own_instant_and_no_awareness(session: Session, now: datetime) -> None:
    incident = service.open_incident(
        session,
        title=" odd ",
        summary="",
        model_version=None,
        deployment=None,
        first_alert_at=now - HOUR,
        now=now,
        by="soc",
    )
    assert incident.title == "odd"
    assert service.instants(session, incident.id) == Instants(first_alert=now - HOUR)


def test_an_incident_without_a_title_is_refused(session: Session, now: datetime) -> None:
    with pytest.raises(InputError, match="title"):
        service.open_incident(
            session, title="  ", summary="", model_version=None, deployment=None, first_alert_at=None, now=now, by="soc"
        )


def test_a_deployment_brings_its_model_version(session: Session, case) -> None:
    assert case.incident.model_version_id == case.version.id
    assert service.incident(session, case.incident.id[:8]).id == case.incident.id


def test_a_deployment_of_another_version_is_refused(session: Session, case, vault, tmp_path, now: datetime) -> None:
    from govtool.registry import service as registry

    (tmp_path / "other.npz").write_bytes((tmp_path / "model.npz").read_bytes())
    other = registry.add_model_version(session, vault, "triage", "2", artifact=tmp_path / "other.npz", now=now, by="t")
    with pytest.raises(InputError, match="serves triage@1, not triage@2"):
        service.open_incident(
            session, title="x", summary="", model_version=other, deployment=registry.deployment(session, "triage-api"),
            first_alert_at=None, now=now, by="t",
        )  # fmt: skip


def test_awareness_needs_a_name_and_a_reason(session: Session, incident: Incident, now: datetime) -> None:
    with pytest.raises(InputError, match="name"):
        add(session, incident, "aware", now, who=" ", reason="certain", now=now)
    with pytest.raises(InputError, match="needs its reason"):
        add(session, incident, "aware", now, reason=" ", now=now)
    assert service.instants(session, incident.id).aware is None


def test_an_instant_in_the_future_is_refused(session: Session, incident: Incident, now: datetime) -> None:
    with pytest.raises(InputError, match="future"):
        add(session, incident, "escalated", now + timedelta(microseconds=1), now=now)


def test_an_unknown_kind_is_refused(session: Session, incident: Incident, now: datetime) -> None:
    with pytest.raises(InputError, match="unknown kind"):
        add(session, incident, "discovered_on", now, now=now)


def test_a_correction_needs_a_reason_and_keeps_both_rows(session: Session, incident: Incident, now: datetime) -> None:
    add(session, incident, "escalated", now - 2 * HOUR, now=now)
    with pytest.raises(InputError, match="changing it needs a reason"):
        add(session, incident, "escalated", now - HOUR, now=now)
    add(session, incident, "aware", now - 2 * HOUR, reason="logs", now=now)
    add(session, incident, "aware", now - HOUR, reason="the first log was of another system", now=now)
    assert service.instants(session, incident.id).aware == now - HOUR
    assert [row.at for row in service.events(session, incident.id) if row.kind == "aware"] == [
        now - 2 * HOUR,
        now - HOUR,
    ]
    assert service.in_force(session, incident.id)["aware"].by == "A. Dubois, DPO"


def test_awareness_before_the_alert_is_allowed_and_questioned(
    session: Session, incident: Incident, now: datetime
) -> None:
    add(session, incident, "first_alert", now - HOUR, now=now)
    add(session, incident, "aware", now - 2 * HOUR, reason="told by phone", now=now)
    assert any("before the first alert" in text for text in service.concerns(service.instants(session, incident.id)))


def test_instants_in_their_usual_order_raise_no_question(now: datetime) -> None:
    usual = Instants(now - 4 * HOUR, now - 3 * HOUR, now - 2 * HOUR, now - HOUR, now)
    assert service.concerns(usual) == []
    assert service.concerns(Instants(occurred_start=now, occurred_end=now - HOUR)) != []


def test_closing_is_a_decision_with_a_reason(session: Session, incident: Incident, now: datetime) -> None:
    with pytest.raises(InputError, match="needs its reason"):
        add(session, incident, "closed", now, now=now)
    assert not service.closed(session, incident.id)
    add(session, incident, "closed", now, reason="keys revoked", now=now)
    assert service.closed(session, incident.id)


def test_the_timeline_tells_everything_in_ledger_order(session: Session, incident: Incident, now: datetime) -> None:
    add(session, incident, "note", now, reason="called the hoster", now=now)
    add(session, incident, "aware", now, reason="logs", now=now)
    entries = service.timeline(session, incident)
    assert [entry.kind for entry in entries] == ["opened", "note", "aware"]
    assert [entry.ledger_index for entry in entries] == sorted(entry.ledger_index for entry in entries)
    assert entries[1].text == "A. Dubois, DPO: called the hoster"


def test_the_timeline_shows_notices_of_the_layer_above(session: Session, incident: Incident, now: datetime) -> None:
    from govtool.evidence import ledger
    from govtool.reports.models import Notice, Report
    from govtool.runtime import new_id

    report = Report(id=new_id("rep"), kind="gdpr", subject_kind="incident", subject_id=incident.id, media_type="text/html",
                    document_sha256="0" * 64, data_sha256="0" * 64, renderer="test")  # fmt: skip
    ledger.record(session, report, now=now, by="t")
    notice = Notice(id=new_id("not"), incident_id=incident.id, kind="gdpr-article33", state="draft", completeness="incomplete",
                    fields_sha256="0" * 64, report_id=report.id)  # fmt: skip
    ledger.record(session, notice, now=now, by="t")
    assert service.timeline(session, incident)[-1].text == "gdpr-article33 draft incomplete"


def test_a_reopened_incident_is_open_for_the_gate_again(session: Session, case: Case, now: datetime) -> None:
    def seen() -> int:
        return len(collect._open_incidents(session, case.version))

    assert seen() == 1
    for kind, left in (("closed", 0), ("reopened", 1), ("closed", 0)):
        add(session, case.incident, kind, now, reason="as found", now=now)
        assert seen() == left
        assert service.closed(session, case.incident.id) is (left == 0)


def test_only_a_closed_incident_is_reopened_and_with_a_reason(
    session: Session, incident: Incident, now: datetime
) -> None:
    with pytest.raises(InputError, match="is not closed"):
        add(session, incident, "reopened", now, reason="more keys", now=now)
    add(session, incident, "closed", now, reason="keys revoked", now=now)
    with pytest.raises(InputError, match="needs its reason"):
        add(session, incident, "reopened", now, now=now)
