"""What happened, who decided what and when, and what the logs show."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from govtool.db import UtcDateTime
from govtool.digest import Sha256
from govtool.evidence.models import IN_VAULT, EvidenceRow


class Incident(EvidenceRow):
    __tablename__ = "incident"

    title: Mapped[str] = mapped_column(sa.Text)
    summary: Mapped[str] = mapped_column(sa.Text)
    model_version_id: Mapped[str | None] = mapped_column(sa.ForeignKey("model_version.id"))
    deployment_id: Mapped[str | None] = mapped_column(sa.ForeignKey("deployment.id"))


class IncidentEvent(EvidenceRow):
    """One instant or statement in an incident's life. Later rows of a kind correct earlier ones; both stay."""

    __tablename__ = "incident_event"

    incident_id: Mapped[str] = mapped_column(sa.ForeignKey("incident.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(30))
    """occurred_start, occurred_end, first_alert, escalated, aware, processor_informed, field, note, closed or reopened."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(sa.Text)
    reason: Mapped[str] = mapped_column(sa.Text)
    detail: Mapped[dict[str, Any]] = mapped_column(sa.JSON)


class LogIngest(EvidenceRow):
    """One preserved log, parsed. n_lines == n_events + n_unreadable + n_blank, always."""

    __tablename__ = "log_ingest"

    incident_id: Mapped[str] = mapped_column(sa.ForeignKey("incident.id"), index=True)
    item_id: Mapped[str] = mapped_column(sa.ForeignKey("evidence_item.id"))
    format: Mapped[str] = mapped_column(sa.String(40))
    original_sha256: Mapped[Sha256] = mapped_column(sa.String(64), info=IN_VAULT)
    events_sha256: Mapped[Sha256] = mapped_column(sa.String(64), info=IN_VAULT)
    """Canonical events as Parquet, each with byte offset and length in the original."""
    unreadable_sha256: Mapped[Sha256] = mapped_column(sa.String(64), info=IN_VAULT)
    """JSON Lines: line number, byte offset, length and reason of each unreadable line."""
    n_lines: Mapped[int] = mapped_column(sa.BigInteger)
    n_events: Mapped[int] = mapped_column(sa.BigInteger)
    n_unreadable: Mapped[int] = mapped_column(sa.BigInteger)
    n_blank: Mapped[int] = mapped_column(sa.BigInteger)
    first_event_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_event_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    coverage: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    """What the log cannot show: absent payloads, failures, gaps, truncation."""


class DetectionRun(EvidenceRow):
    __tablename__ = "detection_run"

    incident_id: Mapped[str] = mapped_column(sa.ForeignKey("incident.id"), index=True)
    ingests: Mapped[list[str]] = mapped_column(sa.JSON)
    detectors: Mapped[list[dict[str, Any]]] = mapped_column(sa.JSON)
    """Each detector's name, version, status (completed, not_applicable, failed), reason and parameters."""
    n_events: Mapped[int] = mapped_column(sa.BigInteger)
    n_principals: Mapped[int] = mapped_column(sa.BigInteger)


class Finding(EvidenceRow):
    """What one detector says about one principal or session, with the numbers and the counter-evidence."""

    __tablename__ = "finding"

    run_id: Mapped[str] = mapped_column(sa.ForeignKey("detection_run.id"), index=True)
    incident_id: Mapped[str] = mapped_column(sa.ForeignKey("incident.id"), index=True)
    detector: Mapped[str] = mapped_column(sa.String(60))
    kind: Mapped[str] = mapped_column(sa.String(20))
    """suspicion (behaviour) or exposure (training records were answered for)."""
    principal: Mapped[str] = mapped_column(sa.Text)
    session: Mapped[str] = mapped_column(sa.Text)
    statistic: Mapped[str] = mapped_column(sa.Text)
    value: Mapped[float] = mapped_column(sa.Double)
    threshold: Mapped[float] = mapped_column(sa.Double)
    baseline_n: Mapped[int] = mapped_column(sa.BigInteger)
    window_start: Mapped[datetime | None] = mapped_column(UtcDateTime)
    window_end: Mapped[datetime | None] = mapped_column(UtcDateTime)
    n_events: Mapped[int] = mapped_column(sa.BigInteger)
    rows_sha256: Mapped[Sha256 | None] = mapped_column(sa.String(64), info=IN_VAULT)
    """Anchors of the events it rests on: original digest, byte offset and length per row."""
    summary: Mapped[str] = mapped_column(sa.Text)
    counter_evidence: Mapped[list[str]] = mapped_column(sa.JSON)
    technique: Mapped[str] = mapped_column(sa.Text)
    """MITRE ATLAS id with name."""


class Scope(EvidenceRow):
    """Whose data was exposed, as far as the preserved logs show."""

    __tablename__ = "incident_scope"

    incident_id: Mapped[str] = mapped_column(sa.ForeignKey("incident.id"), index=True)
    dataset_version_id: Mapped[str] = mapped_column(sa.ForeignKey("dataset_version.id"))
    principals: Mapped[list[str]] = mapped_column(sa.JSON)
    records_count: Mapped[int] = mapped_column(sa.BigInteger)
    subjects_count: Mapped[int | None] = mapped_column(sa.BigInteger)
    method: Mapped[str] = mapped_column(sa.Text)
    list_sha256: Mapped[Sha256] = mapped_column(sa.String(64), info=IN_VAULT)
    """Row numbers and keyed subject digests: restricted, never in a notice."""
