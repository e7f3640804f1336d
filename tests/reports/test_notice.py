from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import report_samples as samples
from sqlalchemy.orm import Session
from test_assessment import check_golden, html

from govtool.errors import InputError
from govtool.evidence import ledger
from govtool.evidence.note import Signer
from govtool.evidence.vault import Vault
from govtool.incidents.models import IncidentEvent
from govtool.reports import notice
from govtool.reports.models import Notice, Report
from govtool.reports.notice_field import Field, Status, completeness
from govtool.reports.notice_form import FORM, SECTIONS
from govtool.settings import Organisation

INCIDENT = "inc-portal00000"


@pytest.fixture(autouse=True)
def _fixed_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "new_id", lambda prefix: f"{prefix}-000000000000")


def build(
    session: Session, vault: Vault, now: datetime, organisation: Organisation = samples.ORGANISATION
) -> notice.NoticeView:
    _, view = notice.build(
        session, vault, INCIDENT, report_id="rep-000000000000", now=now, by=samples.BY, organisation=organisation
    )
    return view


def fields(view: notice.NoticeView) -> dict[str, Field]:
    return {field.key: field for section in view.sections for field in section.fields}


@pytest.fixture
def case(session: Session, vault: Vault, now: datetime) -> str:
    samples.model(session, vault, now)
    return samples.incident(session, vault, now)


def say(session: Session, now: datetime, key: str, **detail: Any) -> None:
    row = IncidentEvent(
        id=f"iev-{key}"[:40],
        incident_id=INCIDENT,
        kind="field",
        at=now,
        by="A. Deléguée, DPO",
        reason="",
        detail={"field": key, **detail},
    )
    ledger.record(session, row, now=now, by="x")


def test_the_notice_is_what_was_agreed(session: Session, vault: Vault, signer: Signer, now: datetime) -> None:
    samples.model(session, vault, now)
    samples.audit(session, vault, now)
    samples.incident(session, vault, now)
    samples.sign(session, signer, now)
    check_golden("gdpr_article33.html", html(build(session, vault, now), "gdpr-article33"))


def test_every_field_of_the_form_appears_once_in_a_section() -> None:
    keys = [field.key for field in FORM]
    assert len(set(keys)) == len(keys)
    assert {field.section for field in FORM} == set(SECTIONS)
    assert all(field.status is Status.TO_BE_DETERMINED and field.text for field in FORM)


def test_all_elements_of_article_33_3_are_asked() -> None:
    refs = " ".join(field.ref for field in FORM)
    for element in ("a1", "a2", "a3", "a4", "a5", "33(3)(b)", "33(3)(c)", "d1", "d2"):
        assert element in refs


def test_judgements_stay_with_people(session: Session, vault: Vault, now: datetime, case: str) -> None:
    found = fields(build(session, vault, now))
    for key in ("severity", "risk_outcome", "art34_status", "cia_nature", "consequences", "impacts"):
        assert found[key].status is Status.TO_BE_DETERMINED
        assert found[key].value is None
    assert found["cia_nature"].suggestion.startswith("Suggested by tool, to be confirmed")


def test_nothing_is_suggested_without_an_exposure(session: Session, vault: Vault, now: datetime) -> None:
    from govtool.incidents.models import Incident

    row = Incident(id=INCIDENT, title="Odd log", summary="", model_version_id=None, deployment_id=None)
    ledger.record(session, row, now=now, by="x")
    found = fields(build(session, vault, now))
    assert found["cia_nature"].suggestion == ""
    assert found["subjects_count"].status is Status.TO_BE_DETERMINED
    assert found["subjects_count"].value is None


def test_a_persons_statement_fills_a_field_with_author_and_time(
    session: Session, vault: Vault, now: datetime, case: str
) -> None:
    say(session, now, "risk_outcome", value="High risk: health data of named patients", status="known")
    field = fields(build(session, vault, now))["risk_outcome"]
    assert field.status is Status.KNOWN
    assert field.author == "A. Deléguée, DPO"
    assert field.at == "2026-03-10T09:00:00.000000Z"
    assert field.source == "iev-risk_outcome"


def test_a_statement_with_a_status_that_does_not_exist_is_refused(
    session: Session, vault: Vault, now: datetime, case: str
) -> None:
    say(session, now, "severity", value="x", status="probably")
    with pytest.raises(InputError, match="unknown status"):
        build(session, vault, now)


def test_complete_needs_every_field_settled_and_nothing_is_not_complete() -> None:
    settled = [Field("a", "s", "", "A", Status.CANNOT_BE_DETERMINED, "gone")]
    assert completeness(settled) == "complete"
    assert completeness([*settled, Field("b", "s", "", "B", Status.TO_BE_DETERMINED, "?")]) == "incomplete"
    assert completeness([]) == "incomplete"


def test_a_notice_becomes_complete_when_people_settle_what_was_open(
    session: Session, vault: Vault, now: datetime, case: str
) -> None:
    for field in build(session, vault, now).open:
        say(session, now, field.key, value="settled", status="known")
    view = build(session, vault, now)
    assert (view.completeness, view.open) == ("complete", ())
    assert view.stage == "Initial notification (complete)"


def test_the_clock_counts_from_the_awareness_in_force_in_elapsed_hours(
    session: Session, vault: Vault, now: datetime, case: str
) -> None:
    clock = build(session, vault, now).clock
    assert clock.badge.word == "running"
    assert clock.headline.replace("\N{NO-BREAK SPACE}", " ") == "52 h 0 min left at drafting."
    texts = [fact.text.replace("\N{NO-BREAK SPACE}", " ") for fact in clock.facts]
    assert texts == [
        "9 March 2026, 13:00:00 UTC",
        "12 March 2026, 13:00:00 UTC",
        "12 March 2026, 14:00:00 Europe/Paris (UTC+01:00)",
    ]


def test_across_a_clock_change_the_limit_is_72_elapsed_hours(session: Session, vault: Vault, now: datetime) -> None:
    at = datetime(2026, 3, 28, 9, 0, tzinfo=UTC)  # Paris goes to summer time on the 29th
    samples.model(session, vault, at)
    samples.incident(session, vault, at, aware=timedelta(0))
    facts = {fact.label: fact for fact in build(session, vault, at).clock.facts}
    assert facts["Due, in UTC"].value == "2026-03-31T09:00:00.000000Z"
    assert "11:00:00" in facts["Due, for the authority"].text
    assert "UTC+02:00" in facts["Due, for the authority"].text


def test_without_a_decision_the_clock_has_not_started(session: Session, vault: Vault, now: datetime) -> None:
    samples.model(session, vault, now)
    samples.incident(session, vault, now, aware=None)
    view = build(session, vault, now)
    assert view.clock.badge.word == "not started"
    assert [fact.label for fact in view.clock.facts] == ["Aware since"]
    assert fields(view)["aware"].status is Status.TO_BE_DETERMINED


def test_a_late_first_notice_has_to_say_why(session: Session, vault: Vault, now: datetime) -> None:
    samples.model(session, vault, now)
    samples.incident(session, vault, now, aware=timedelta(hours=90))
    view = build(session, vault, now)
    assert view.clock.badge.word == "overdue"
    field = fields(view)["reasons_for_delay"]
    assert field.status is Status.TO_BE_DETERMINED
    assert "18\N{NO-BREAK SPACE}h" in field.text


def test_the_limit_itself_is_still_in_time(session: Session, vault: Vault, now: datetime) -> None:
    samples.model(session, vault, now)
    samples.incident(session, vault, now, aware=timedelta(hours=72))
    view = build(session, vault, now)
    assert view.clock.badge.word == "running"
    assert fields(view)["reasons_for_delay"].status is Status.NOT_APPLICABLE


def test_a_follow_up_is_never_late(session: Session, vault: Vault, now: datetime) -> None:
    samples.model(session, vault, now)
    samples.incident(session, vault, now, aware=timedelta(hours=90))
    blob = vault.put(b"first").sha256
    report = Report(
        id="rep-first", kind=notice.KIND, subject_kind="incident", subject_id=INCIDENT, media_type="text/html",
        document_sha256=blob, data_sha256=blob, renderer="x",
    )  # fmt: skip
    ledger.record(session, report, now=now - timedelta(hours=30), by="x")
    first = Notice(
        id="not-first", incident_id=INCIDENT, kind=notice.KIND, state="submitted", completeness="incomplete", fields_sha256=blob, report_id=report.id
    )  # fmt: skip
    ledger.record(session, first, now=now - timedelta(hours=30), by="x")
    view = build(session, vault, now)
    assert view.stage.startswith("Follow-up")
    assert view.clock.badge.word == "met"
    assert fields(view)["reasons_for_delay"].status is Status.NOT_APPLICABLE
    assert fields(view)["authority_case_id"].status is Status.TO_BE_DETERMINED


def test_counts_are_estimates_with_their_method(session: Session, vault: Vault, now: datetime, case: str) -> None:
    found = fields(build(session, vault, now))
    assert found["subjects_count"].status is Status.ESTIMATE
    assert found["subjects_count"].value["at_least"] == 764
    assert "Method: Training records whose bytes equal" in found["subjects_count"].text


def test_no_personal_data_reaches_the_page(session: Session, vault: Vault, now: datetime, case: str) -> None:
    text = html(build(session, vault, now), "gdpr-article33")
    for secret in ("ops@example.org", "10.1.2.3", "dr.house", "Jane Roe", "triage.jsonl"):
        assert secret not in text
    assert "key:1f3a9c0d2b4e" in text
    assert "[withheld: e-mail address]" in text


def test_an_empty_setting_is_to_be_determined_not_blank(
    session: Session, vault: Vault, now: datetime, case: str
) -> None:
    view = build(session, vault, now, Organisation())
    assert fields(view)["controller_name"].status is Status.TO_BE_DETERMINED
    assert {fact.label: fact.text for fact in view.facts}["To"] == "to be determined"


def test_a_contact_point_need_not_be_a_dpo(session: Session, vault: Vault, now: datetime, case: str) -> None:
    organisation = samples.ORGANISATION.model_copy(update={"contact_is_dpo": False})
    field = fields(build(session, vault, now, organisation))["contact_point"]
    assert field.text.startswith("other contact point: A. Deléguée")
    assert field.status is Status.KNOWN


def test_a_corrected_instant_stays_visible(session: Session, vault: Vault, now: datetime, case: str) -> None:
    aware = [row.standing for row in build(session, vault, now).instants if row.label == "Aware"]
    assert aware == ["corrected later", "in force"]
