"""Everything recorded about a case that a notice draws on, read once."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.audits.models import AttackRecord
from govtool.audits.service import latest_records
from govtool.evidence.models import EvidenceItem
from govtool.incidents import service
from govtool.incidents.models import DetectionRun, Finding, Incident, IncidentEvent, LogIngest, Scope
from govtool.registry import lineage
from govtool.registry.models import DatasetVersion, Deployment, ModelVersion
from govtool.reports.models import Notice


@dataclass(frozen=True)
class Case:
    incident: Incident
    events: Sequence[IncidentEvent]
    in_force: dict[str, IncidentEvent]
    version: ModelVersion | None
    deployment: Deployment | None
    datasets: Sequence[DatasetVersion]
    items: Sequence[EvidenceItem]
    ingests: Sequence[LogIngest]
    run: DetectionRun | None
    findings: Sequence[Finding]
    """Of the newest detection run."""
    scope: Scope | None
    attacks: Sequence[AttackRecord]
    submitted: Notice | None
    """The first notice of this kind that went out; None as long as there is none."""


def read(session: Session, incident: Incident, kind: str) -> Case:
    version = session.get(ModelVersion, incident.model_version_id) if incident.model_version_id else None
    runs = service.runs(session, incident.id)
    scopes = service.scopes(session, incident.id)
    return Case(
        incident=incident,
        events=service.events(session, incident.id),
        in_force=service.in_force(session, incident.id),
        version=version,
        deployment=session.get(Deployment, incident.deployment_id) if incident.deployment_id else None,
        datasets=lineage.datasets_of(session, version) if version is not None else [],
        items=session.scalars(
            sa.select(EvidenceItem).where(EvidenceItem.case_id == incident.id).order_by(EvidenceItem.ledger_index)
        ).all(),
        ingests=service.ingests(session, incident.id),
        run=runs[-1] if runs else None,
        findings=service.findings(session, runs[-1].id) if runs else [],
        scope=scopes[-1] if scopes else None,
        attacks=latest_records(session, version.id) if version is not None else [],
        submitted=session.scalar(
            sa.select(Notice)
            .where(Notice.incident_id == incident.id, Notice.kind == kind, Notice.state == "submitted")
            .order_by(Notice.ledger_index)
            .limit(1)
        ),
    )
