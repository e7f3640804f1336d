"""What is known about a model version at one instant: pure data, pinned with each decision so that it can be judged again.

Defaults mean 'unknown' or 'none recorded', never 'fine': the rules treat them so.
"""

from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from sqlalchemy.orm import Session

from govtool.access import Access, reachable
from govtool.audits.models import AttackRecord, AuditRun
from govtool.audits.service import latest_records
from govtool.digest import Sha256, canonical_json
from govtool.errors import EvidenceError
from govtool.estimate import Counts, Estimate
from govtool.incidents.models import Incident, IncidentEvent
from govtool.registry import service
from govtool.registry.lineage import ONLY_CHECKED, sensitivity, upstream
from govtool.registry.models import DatasetVersion, Deployment, ModelVersion


class Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelFact(Fact):
    name: str
    version: str
    id: str = ""
    artifact_sha256: Sha256 | None = None
    """None for an endpoint, whose weights nobody has seen."""
    endpoint: str | None = None
    owner: str = ""
    purpose: str = ""

    @property
    def ref(self) -> str:
        return f"{self.name}@{self.version}"


class DatasetFact(Fact):
    ref: str
    id: str = ""
    content_sha256: Sha256 | None = None
    level: int | None = None
    class_unit: Literal["person", "group", "unknown"] = "unknown"
    owner: str = ""
    lawful_basis: str | None = None
    subject_column: str | None = None


class DeploymentFact(Fact):
    name: str
    environment: str
    audience: str
    exposes: tuple[Access, ...]
    id: str = ""

    @property
    def reachable(self) -> frozenset[Access]:
        return reachable(frozenset(self.exposes))


class AttackFact(Fact):
    """The record in force of one attack, copied."""

    attack: str
    family: str
    status: Literal["completed", "void", "not_applicable", "not_testable", "not_requested", "failed"]
    recorded_at: AwareDatetime
    id: str = ""
    run_id: str = ""
    reason: str = ""
    access: tuple[Access, ...] = ()
    """What the attacker used."""
    audited_access: tuple[Access, ...] = ()
    """What the audit assumed an outsider sees."""
    metrics: dict[str, Estimate] = {}
    baselines: dict[str, float] = {}
    counts: Counts | None = None
    caveats: tuple[str, ...] = ()
    artifact_sha256: Sha256 | None = None
    """The weights that were attacked."""
    evidence_sha256: Sha256 | None = None


class IncidentFact(Fact):
    id: str
    title: str
    about: Literal["version", "model", "unattributed"]
    """This version, another version of its model, or nobody has said which model."""


class Facts(Fact):
    judged_at: AwareDatetime
    model: ModelFact
    level: int | None = None
    """The highest classification level upstream; None is unknown."""
    level_reason: str = "nothing is recorded"
    datasets: tuple[DatasetFact, ...] = ()
    deployments: tuple[DeploymentFact, ...] = ()
    attacks: tuple[AttackFact, ...] = ()
    open_incidents: tuple[IncidentFact, ...] = ()

    def canonical(self) -> bytes:
        """RFC 8785 bytes; `from_canonical` gives equal facts back."""
        return canonical_json(self.model_dump())

    def family(self, name: str) -> tuple[AttackFact, ...]:
        return tuple(attack for attack in self.attacks if attack.family == name)

    @property
    def class_units(self) -> frozenset[str]:
        return frozenset(dataset.class_unit for dataset in self.datasets) or frozenset({"unknown"})


def from_canonical(data: bytes) -> Facts:
    """The facts that `canonical` wrote.

    Raises:
        EvidenceError: the bytes are not facts this version understands.
    """
    try:
        return Facts.model_validate_json(data)
    except ValidationError as error:
        raise EvidenceError(
            f"the pinned facts cannot be read: {error.errors()[0]['msg']}",
            hint="was the decision made with a newer govtool?",
        ) from error


def collect(session: Session, version: ModelVersion, now: datetime) -> Facts:
    """Read what the registry, the audits and the incidents say about this version now."""
    level = sensitivity(session, version)
    return Facts(
        judged_at=now,
        model=ModelFact(
            id=version.id,
            name=version.model.name,
            version=version.version,
            artifact_sha256=version.artifact_sha256,
            endpoint=version.endpoint,
            owner=version.model.owner,
            purpose=version.model.purpose,
        ),
        level=level.level,
        level_reason=level.reason,
        datasets=tuple(_dataset(row) for row in _training_data(session, version)),
        deployments=tuple(_deployment(row) for row in service.deployments(session, version)),
        attacks=_attacks(session, version),
        open_incidents=_open_incidents(session, version),
    )


def _training_data(session: Session, version: ModelVersion) -> list[DatasetVersion]:
    """Every dataset upstream but those only tested or validated on; the same walk as the sensitivity level."""
    ids = {
        edge.dst_id: None
        for edge in upstream(session, version.id, without=ONLY_CHECKED)
        if edge.dst_kind == DatasetVersion.__tablename__
    }
    return [session.get_one(DatasetVersion, key) for key in ids]


def _dataset(row: DatasetVersion) -> DatasetFact:
    return DatasetFact.model_validate(
        {
            "id": row.id,
            "ref": row.ref,
            "content_sha256": row.content_sha256,
            "level": row.classification_level,
            "class_unit": row.class_unit,
            "owner": row.dataset.owner,
            "lawful_basis": row.lawful_basis,
            "subject_column": row.subject_column,
        }
    )


def _deployment(row: Deployment) -> DeploymentFact:
    exposes = tuple(Access(word) for word in row.exposes)
    return DeploymentFact(id=row.id, name=row.name, environment=row.environment, audience=row.audience, exposes=exposes)


def _attacks(session: Session, version: ModelVersion) -> tuple[AttackFact, ...]:
    """The record in force of each attack; a later run that left an attack out does not make its finding disappear."""
    return tuple(
        _attack(record, session.get_one(AuditRun, record.run_id), version)
        for record in latest_records(session, version.id)
    )


def _attack(record: AttackRecord, run: AuditRun, version: ModelVersion) -> AttackFact:
    return AttackFact.model_validate(
        {
            "id": record.id,
            "run_id": run.id,
            "attack": record.attack,
            "family": record.family,
            "status": record.status,
            "reason": record.reason,
            "recorded_at": record.recorded_at,
            "access": record.access,
            # An endpoint that no deployment describes is asked what it shows; then only what the attack used is certain.
            "audited_access": run.access or record.access,
            "metrics": record.metrics,
            "baselines": record.baselines,
            "counts": record.counts or None,
            "caveats": record.caveats,
            # A version's weights never change in the register; a run that names the digest it loaded is held to it.
            "artifact_sha256": run.resolved.get("artifact_sha256", version.artifact_sha256),
            "evidence_sha256": record.evidence_sha256,
        }
    )


def _open_incidents(session: Session, version: ModelVersion) -> tuple[IncidentFact, ...]:
    """Incidents without a 'closed' event that are, or may be, about this model."""
    closed = sa.select(IncidentEvent.incident_id).where(IncidentEvent.kind == "closed")
    rows = session.execute(
        sa.select(Incident, Deployment.model_version_id)
        .outerjoin(Deployment, Incident.deployment_id == Deployment.id)
        .where(Incident.id.not_in(closed))
        .order_by(Incident.ledger_index)
    )
    return tuple(
        IncidentFact(id=incident.id, title=incident.title, about=about)
        for incident, deployed in rows
        if (about := _about(session, {incident.model_version_id, deployed} - {None}, version)) is not None
    )


def _about(
    session: Session, concerned: set[str | None], version: ModelVersion
) -> Literal["version", "model", "unattributed"] | None:
    if not concerned:
        return "unattributed"
    if version.id in concerned:
        return "version"
    same_model = any(session.get_one(ModelVersion, key).model_id == version.model_id for key in concerned)
    return "model" if same_model else None
