"""What the database knows about a model version at one instant, as facts. Nothing is judged here."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from govtool.access import Access
from govtool.audits import service as audits
from govtool.audits.models import AttackRecord, AuditRun
from govtool.estimate import Counts
from govtool.incidents.models import Incident, IncidentEvent
from govtool.policy.facts import (
    AttackFact,
    DatasetFact,
    DeploymentFact,
    Facts,
    IncidentFact,
    ModelFact,
    RiskPart,
    RowsFact,
    SyntheticFact,
    SyntheticTest,
)
from govtool.registry import service
from govtool.registry.lineage import ONLY_CHECKED, datasets_of, is_synthetic, sensitivity, synthesised_from, upstream
from govtool.registry.models import DatasetVersion, Deployment, ModelVersion


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
        synthetic=tuple(
            _synthetic(session, row) for row in _training_data(session, version) if is_synthetic(session, row.id)
        ),
    )


def _training_data(session: Session, version: ModelVersion) -> list[DatasetVersion]:
    """Every dataset upstream but those only tested or validated on; the same walk as the sensitivity level."""
    return _upstream_data(session, version.id)


def _upstream_data(session: Session, version_id: str) -> list[DatasetVersion]:
    ids = {
        edge.dst_id: None
        for edge in upstream(session, version_id, without=ONLY_CHECKED)
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


def _synthetic(session: Session, row: DatasetVersion) -> SyntheticFact:
    sources = _upstream_data(session, row.id)
    runs = list(reversed(audits.dataset_runs(session, row)))
    families = {name: family for run in runs for name, family in run.resolved.get("families", {}).items()}
    levels = [source.classification_level for source in sources]
    known = [level for level in levels if level is not None]
    return SyntheticFact(
        ref=row.ref,
        id=row.id,
        content_sha256=row.content_sha256,
        level=max(known) if known and len(known) == len(levels) else None,
        sources=_rows_of(sources),
        made_from=_rows_of(synthesised_from(session, row)),
        tests=tuple(
            SyntheticTest(**dict(fact), parts=() if record is None else risk_parts(record))
            for fact, record in _attempts(session, runs, families)
        ),
    )


def _rows_of(datasets: Iterable[DatasetVersion]) -> tuple[RowsFact, ...]:
    return tuple(RowsFact(ref=row.ref, rows=row.row_count, content_sha256=row.content_sha256) for row in datasets)


def risk_parts(record: AttackRecord) -> tuple[RiskPart, ...]:
    """The questions that a test of synthetic data asked, as its record holds them."""
    return tuple(
        RiskPart(
            name=part["name"],
            counts=Counts(*(part[key] for key in ("true_positives", "members", "false_positives", "nonmembers"))),
            control_scale=part["control_scale"],
            unusable=part["unusable"],
        )
        for part in record.detail.get("parts", ())
    )


def _attacks(session: Session, version: ModelVersion) -> tuple[AttackFact, ...]:
    """Every attempt in the order in which it was made, whatever became of its run; see `standing` for which of them count."""
    families = audits.families(session, version.id)
    return tuple(fact for fact, _ in _attempts(session, reversed(audits.runs(session, version)), families))


def _attempts(
    session: Session, runs: Iterable[AuditRun], families: Mapping[str, str]
) -> Iterator[tuple[AttackFact, AttackRecord | None]]:
    """Each attempt with its record; without one where its run did not get that far."""
    for run in runs:
        records = audits.records(session, run.id)
        for record in records:
            yield _attack(record, run), record
        ended = audits.outcome(session, run.id)
        if ended is None or ended.status != "completed":
            error = "" if ended is None else ended.error
            done = {record.attack for record in records}
            for name in run.resolved.get("attacks", {}):
                if name not in done and name in families:
                    yield _missing(run, name, families[name], error if ended else None), None


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
            "claim": record.detail.get("claim") if record.family == "differential_privacy" else None,
            "asked": _worlds(record),
            "ceiling": record.detail.get("ceiling") if record.family == "attribute_inference" else None,
            "evidence_sha256": record.evidence_sha256,
        }
    )


def _worlds(record: AttackRecord) -> dict[str, Any] | None:
    asked = record.detail.get("property") if record.family == "property_inference" else None
    return {"name": asked["name"], "worlds": asked["worlds"]} if asked else None


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
