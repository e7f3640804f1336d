"""Open an incident, record its instants and statements, and tell its story. Flushes; the command commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.digest import rfc3339
from govtool.errors import InputError
from govtool.evidence import ledger
from govtool.evidence.models import EvidenceItem, EvidenceRow
from govtool.evidence.schema import evidence_tables
from govtool.incidents.instants import KINDS, Instants
from govtool.incidents.models import DetectionRun, Finding, Incident, IncidentEvent, LogIngest, Scope
from govtool.registry.models import Deployment, ModelVersion
from govtool.registry.service import by_id
from govtool.runtime import new_id

STATEMENTS = ("field", "note", "closed", "reopened")
_NEED_REASON = {
    "aware": "what made it reasonably certain",
    "closed": "why nothing more is to be done",
    "reopened": "what came to light",
}


@dataclass(frozen=True)
class Entry:
    """One line of an incident's timeline: what was recorded when, by whom, and the instant it speaks of, if any."""

    ledger_index: int
    recorded_at: datetime
    recorded_by: str
    kind: str
    at: datetime | None
    text: str
    id: str


def open_incident(
    session: Session,
    *,
    title: str,
    summary: str,
    model_version: ModelVersion | None,
    deployment: Deployment | None,
    first_alert_at: datetime | None,
    now: datetime,
    by: str,
) -> Incident:
    """Record that something may have happened, and the first alert as its own instant.

    Raises:
        InputError: no title, the deployment serves another version, or the alert lies in the future.
    """
    if not title.strip():
        raise InputError("an incident has a title")
    if deployment is not None:
        if model_version is not None and model_version.id != deployment.model_version_id:
            raise InputError(
                f"{deployment.name} serves {deployment.model_version.ref}, not {model_version.ref}",
                hint="name the deployment alone, or the version alone",
            )
        model_version = deployment.model_version
    row = Incident(
        id=new_id("inc"),
        title=title.strip(),
        summary=summary,
        model_version_id=model_version.id if model_version else None,
        deployment_id=deployment.id if deployment else None,
    )
    ledger.record(session, row, now=now, by=by)
    if first_alert_at is not None:
        add_event(
            session, row, "first_alert", first_alert_at, by, "recorded when the incident was opened", now=now, by=by
        )
    return row


def incident(session: Session, ref: str) -> Incident:
    """By unique id prefix."""
    return by_id(session, Incident, ref)


def incidents(session: Session) -> Sequence[Incident]:
    return session.scalars(sa.select(Incident).order_by(Incident.ledger_index)).all()


def add_event(
    session: Session,
    incident: Incident,
    kind: str,
    at: datetime,
    by_whom: str,
    reason: str,
    *,
    now: datetime,
    by: str,
    detail: dict[str, Any] | None = None,
) -> IncidentEvent:
    """Record an instant or a statement. A second row of a kind corrects the first; both stay.

    Args:
        session: open session.
        incident: the case.
        kind: one of KINDS or STATEMENTS.
        at: the instant itself, aware.
        by_whom: the person who decided or observed it.
        reason: on what grounds. `aware`, `closed` and `reopened` always need one, and so does any correction.
        now: when it is recorded.
        by: who records it.
        detail: further values, JSON-able.

    Raises:
        InputError: unknown kind, an instant in the future, no name, or no reason where one is needed.
    """
    if kind not in KINDS + STATEMENTS:
        raise InputError(f"unknown kind of event {kind!r}", hint=f"one of {', '.join(KINDS + STATEMENTS)}")
    if at > now:
        raise InputError(f"{rfc3339(at)} lies in the future", hint="record what has happened; check the offset")
    if not by_whom.strip():
        raise InputError(f"{kind} needs the name of the person who says so", hint="--by 'NAME, ROLE'")
    if not reason.strip() and kind in _NEED_REASON:
        raise InputError(f"{kind} is a decision and needs its reason", hint=f"--reason '{_NEED_REASON[kind]}'")
    if not reason.strip() and kind in in_force(session, incident.id):
        raise InputError(f"{kind} is recorded already; changing it needs a reason", hint="--reason 'why it was wrong'")
    if kind == "reopened" and not closed(session, incident.id):
        raise InputError(f"{incident.id} is not closed", hint=f"govtool incident show {incident.id}")
    row = IncidentEvent(
        id=new_id("iev"),
        incident_id=incident.id,
        kind=kind,
        at=at,
        by=by_whom.strip(),
        reason=reason.strip(),
        detail=detail or {},
    )
    return ledger.record(session, row, now=now, by=by)


def events(session: Session, incident_id: str) -> Sequence[IncidentEvent]:
    """Every event of the case in the order in which it was recorded."""
    return session.scalars(
        sa.select(IncidentEvent).where(IncidentEvent.incident_id == incident_id).order_by(IncidentEvent.ledger_index)
    ).all()


def in_force(session: Session, incident_id: str) -> dict[str, IncidentEvent]:
    """The latest row of each kind of instant, with its author and reason."""
    return {row.kind: row for row in events(session, incident_id) if row.kind in KINDS}


def instants(session: Session, incident_id: str) -> Instants:
    """The instants in force."""
    return Instants(**{kind: row.at for kind, row in in_force(session, incident_id).items()})


def closed(session: Session, incident_id: str) -> bool:
    """Whether the last word is that it was closed; a later 'reopened' takes that back, and both stay."""
    said = [row.kind for row in events(session, incident_id) if row.kind in ("closed", "reopened")]
    return said[-1:] == ["closed"]


def concerns(current: Instants) -> list[str]:
    """What a careful reader would ask about these instants. Warnings, because facts may be odd and still true."""
    found = []
    order = (
        ("first_alert", "aware", "awareness lies before the first alert"),
        ("first_alert", "escalated", "escalation lies before the first alert"),
        ("occurred_start", "occurred_end", "it ended before it began"),
        ("occurred_start", "first_alert", "the first alert lies before anything occurred"),
        ("occurred_start", "aware", "awareness lies before anything occurred"),
    )
    for earlier, later, text in order:
        first, second = getattr(current, earlier), getattr(current, later)
        if first is not None and second is not None and second < first:
            found.append(f"{text}: {rfc3339(second)} < {rfc3339(first)}")
    return found


def ingests(session: Session, incident_id: str) -> Sequence[LogIngest]:
    return session.scalars(
        sa.select(LogIngest).where(LogIngest.incident_id == incident_id).order_by(LogIngest.ledger_index)
    ).all()


def runs(session: Session, incident_id: str) -> Sequence[DetectionRun]:
    return session.scalars(
        sa.select(DetectionRun).where(DetectionRun.incident_id == incident_id).order_by(DetectionRun.ledger_index)
    ).all()


def findings(session: Session, run_id: str) -> Sequence[Finding]:
    return session.scalars(sa.select(Finding).where(Finding.run_id == run_id).order_by(Finding.ledger_index)).all()


def scopes(session: Session, incident_id: str) -> Sequence[Scope]:
    return session.scalars(sa.select(Scope).where(Scope.incident_id == incident_id).order_by(Scope.ledger_index)).all()


def timeline(session: Session, incident: Incident) -> list[Entry]:
    """Everything recorded about the case, in ledger order: who knew and did what, when.

    Tables of higher layers (notices) are found by their `incident_id` column, so this layer need not know them.
    """
    rows: list[EvidenceRow] = [incident]
    for table in evidence_tables().values():
        key = "case_id" if table is EvidenceItem else "incident_id"
        if key in table.__table__.columns:
            rows.extend(session.scalars(sa.select(table).where(table.__table__.columns[key] == incident.id)))
    return [
        Entry(row.ledger_index, row.recorded_at, row.recorded_by, *_tell(row), row.id)
        for row in sorted(rows, key=lambda row: row.ledger_index)
    ]


def _tell(row: EvidenceRow) -> tuple[str, datetime | None, str]:  # noqa: PLR0911 - one return per kind of row
    """What a row says: kind, the instant it speaks of, one sentence."""
    match row:
        case Incident():
            return "opened", None, row.title
        case IncidentEvent():
            return row.kind, row.at, f"{row.by}: {row.reason}" if row.reason else row.by
        case EvidenceItem():
            return "preserved", row.source_modified_at, f"{row.original_name}, {row.size} bytes, sha256 {row.sha256}"
        case LogIngest():
            counts = f"{row.n_events} events, {row.n_unreadable} unreadable, {row.n_blank} blank of {row.n_lines} lines"
            return "ingested", row.first_event_at, f"{row.format}: {counts}"
        case DetectionRun():
            return (
                "detection",
                None,
                f"{len(row.detectors)} detectors over {row.n_events} events of {row.n_principals} principals",
            )
        case Finding():
            return row.kind, row.window_start, row.summary
        case Scope():
            subjects = "unknown" if row.subjects_count is None else str(row.subjects_count)
            return "scope", None, f"{row.records_count} records, {subjects} data subjects"
        case _:
            words = [str(getattr(row, name)) for name in ("kind", "state", "completeness") if hasattr(row, name)]
            return row.__tablename__, None, " ".join(words)
