"""What is known about a model version at one instant: pure data, pinned with each decision so that it can be judged again.

Defaults mean 'unknown' or 'none recorded', never 'fine': the rules treat them so.
"""

from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from sqlalchemy.orm import Session, aliased

from govtool.access import Access, reachable
from govtool.audits import service as audits
from govtool.audits.models import AttackRecord, AuditRun
from govtool.digest import Sha256, canonical_json
from govtool.errors import EvidenceError
from govtool.estimate import Counts, Estimate
from govtool.incidents.models import Incident, IncidentEvent
from govtool.registry import service
from govtool.registry.lineage import ONLY_CHECKED, datasets_of, sensitivity, upstream
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
    served_as: tuple[str, ...] = ()
    """The names its endpoint answers to for this version."""
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
    rows: int | None = None
    trained_on: bool = False
    """The version itself was trained or fine-tuned on it; False for what lies further upstream."""


class RowsFact(Fact):
    """Some rows of a registered dataset that an audit used."""

    ref: str
    rows: int
    content_sha256: Sha256 | None = None

    def of(self, dataset: DatasetFact) -> bool:
        """Whether they are rows of this dataset, or of one with the same bytes."""
        same_bytes = self.content_sha256 is not None and self.content_sha256 == dataset.content_sha256
        return self.ref == dataset.ref or same_bytes


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
    """What one attack of one run found, or that a run which asked for it did not get that far."""

    attack: str
    family: str
    status: Literal["completed", "void", "not_applicable", "not_testable", "not_requested", "failed", "unfinished"]
    """`unfinished`: its run was started and has neither a record of it nor an outcome."""
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
    """The weights that were opened and attacked; None when a server was asked, whatever it runs."""
    endpoint: str | None = None
    served_as: str | None = None
    """The server that was asked, and for which of its models."""
    control: Literal["passed", "failed", "none"] = "none"
    """Whether the attack found a leak that was planted for it."""
    members: tuple[RowsFact, ...] = ()
    nonmembers: tuple[RowsFact, ...] = ()
    """The records it was scored on; none is unknown."""
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

    @property
    def trained_on(self) -> tuple[DatasetFact, ...]:
        """What the version itself was trained on."""
        return tuple(dataset for dataset in self.datasets if dataset.trained_on)

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
    deployments = service.deployments(session, version)
    served = {row.served_as or version.model.name for row in deployments} or {version.model.name}
    trained = {row.id for row in datasets_of(session, version)}
    return Facts(
        judged_at=now,
        model=ModelFact(
            id=version.id,
            name=version.model.name,
            version=version.version,
            artifact_sha256=version.artifact_sha256,
            endpoint=version.endpoint,
            served_as=tuple(sorted(served)) if version.endpoint else (),
            owner=version.model.owner,
            purpose=version.model.purpose,
        ),
        level=level.level,
        level_reason=level.reason,
        datasets=tuple(_dataset(row, trained_on=row.id in trained) for row in _training_data(session, version)),
        deployments=tuple(_deployment(row) for row in deployments),
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


def _dataset(row: DatasetVersion, *, trained_on: bool) -> DatasetFact:
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
            "rows": row.row_count,
            "trained_on": trained_on,
        }
    )


def _deployment(row: Deployment) -> DeploymentFact:
    exposes = tuple(Access(word) for word in row.exposes)
    return DeploymentFact(id=row.id, name=row.name, environment=row.environment, audience=row.audience, exposes=exposes)


def _attacks(session: Session, version: ModelVersion) -> tuple[AttackFact, ...]:
    """Every attempt in the order in which it was made, whatever became of its run; see `standing` for which of them count."""
    found: list[AttackFact] = []
    families = audits.families(session, version.id)
    for run in reversed(audits.runs(session, version)):
        records = audits.records(session, run.id)
        found += [_attack(record, run) for record in records]
        ended = audits.outcome(session, run.id)
        if ended is None or ended.status != "completed":
            error = "" if ended is None else ended.error
            done = {record.attack for record in records}
            found += [
                _missing(run, name, families[name], error if ended else None)
                for name in run.resolved.get("attacks", {})
                if name not in done and name in families
            ]
    return tuple(found)


def _attack(record: AttackRecord, run: AuditRun) -> AttackFact:
    return AttackFact.model_validate(
        {
            **_about_run(run),
            "id": record.id,
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
            "control": _control(record),
            "evidence_sha256": record.evidence_sha256,
        }
    )


def _missing(run: AuditRun, attack: str, family: str, error: str | None) -> AttackFact:
    """An attack that was asked for and left no record. `error` is why its run failed; None when it never ended."""
    return AttackFact.model_validate(
        {
            **_about_run(run),
            "id": run.id,
            "attack": attack,
            "family": family,
            "status": "unfinished" if error is None else "failed",
            "reason": "" if error is None else error or "its run failed",
            "recorded_at": run.recorded_at,
        }
    )


def _about_run(run: AuditRun) -> dict[str, Any]:
    """What the run says it opened. What it does not say is unknown, and not the version's own weights."""
    endpoint = run.resolved.get("endpoint") or {}
    records = run.resolved.get("records") or {}
    return {
        "run_id": run.id,
        "artifact_sha256": run.resolved.get("artifact_sha256"),
        "endpoint": endpoint.get("url"),
        "served_as": endpoint.get("model"),
        **{
            group: [
                {"ref": source["dataset"], "rows": source["count"], "content_sha256": source["sha256"]}
                for source in records.get(group, ())
            ]
            for group in ("members", "nonmembers")
        },
    }


def _control(record: AttackRecord) -> str:
    match (record.detail.get("positive_control") or {}).get("passed"):
        case True:
            return "passed"
        case False:
            return "failed"
        case _:
            return "none"


def _open_incidents(session: Session, version: ModelVersion) -> tuple[IncidentFact, ...]:
    """Incidents that are, or may be, about this model and were not closed, or reopened since."""
    later = aliased(IncidentEvent)
    reopened = sa.exists().where(
        later.incident_id == IncidentEvent.incident_id,
        later.kind == "reopened",
        later.ledger_index > IncidentEvent.ledger_index,
    )
    closed = sa.select(IncidentEvent.incident_id).where(IncidentEvent.kind == "closed", ~reopened)
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
