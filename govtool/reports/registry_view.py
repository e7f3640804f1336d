"""What the registry knows of a model version: what it was made from, where it answers, what its answers give away."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from govtool.access import Access, reachable
from govtool.registry import lineage, service
from govtool.registry.models import DatasetVersion, ModelVersion
from govtool.reports import format as f
from govtool.reports.view import Fact

LEVELS = {0: "0 · public", 1: "1 · internal", 2: "2 · personal", 3: "3 · special category or regulated"}
CLASS_UNITS = {"person": "one person", "group": "a group of people"}


@dataclass(frozen=True, slots=True)
class DatasetRow:
    ref: str
    relation: str
    level: str
    categories: str
    subjects_are: str
    data_types: str
    records: str
    subjects: str
    lawful_basis: str
    class_unit: str
    sha256: str
    source: str


@dataclass(frozen=True, slots=True)
class LineageRow:
    younger: str
    relation: str
    older: str
    basis: str
    source: str


@dataclass(frozen=True, slots=True)
class DeploymentRow:
    name: str
    environment: str
    audience: str
    exposes: str
    reachable: str
    url: str
    logs: str
    source: str


def level(value: int | None) -> str:
    return f.UNKNOWN if value is None else LEVELS[value]


def sensitivity_fact(session: Session, version: ModelVersion) -> Fact:
    found = lineage.sensitivity(session, version)
    return Fact("Effective sensitivity", f"{level(found.level)} ({f.tidy(found.reason)})", found.level, version.id)


def dataset_rows(session: Session, version: ModelVersion) -> tuple[DatasetRow, ...]:
    """Every dataset upstream of the version, once for each relation it stands in."""
    rows: dict[tuple[str, str], DatasetRow] = {}
    for edge in lineage.upstream(session, version.id):
        if edge.dst_kind == DatasetVersion.__tablename__:
            row = session.get_one(DatasetVersion, edge.dst_id)
            rows[row.id, edge.relation] = _dataset(row, edge.relation)
    return tuple(rows.values())


def class_unit(rows: tuple[DatasetRow, ...]) -> str:
    """What one class of the data is, in words. Of several answers the one that weighs most; unknown is no answer."""
    found = {row.class_unit for row in rows}
    return next((words for words in CLASS_UNITS.values() if words in found), f.UNKNOWN)


def _dataset(row: DatasetVersion, relation: str) -> DatasetRow:
    return DatasetRow(
        ref=f.tidy(row.ref),
        relation=relation.replace("_", " "),
        level=level(row.classification_level),
        categories=f.words(row.sensitive_categories, "none recorded"),
        subjects_are=f.words(row.subject_categories, f.UNKNOWN),
        data_types=f.words(row.data_types, f.UNKNOWN),
        records=f.count(row.row_count),
        subjects=f.count(row.subject_count),
        lawful_basis=f.tidy(row.lawful_basis or f.UNKNOWN, 120),
        class_unit=CLASS_UNITS.get(row.class_unit, f.UNKNOWN),
        sha256=row.content_sha256,
        source=row.id,
    )


def lineage_rows(session: Session, version: ModelVersion) -> tuple[LineageRow, ...]:
    return tuple(
        LineageRow(
            _ref(session, edge.src_kind, edge.src_id),
            edge.relation.replace("_", " "),
            _ref(session, edge.dst_kind, edge.dst_id),
            edge.basis,
            edge.id,
        )
        for edge in lineage.upstream(session, version.id)
    )


def _ref(session: Session, kind: str, row_id: str) -> str:
    if kind == DatasetVersion.__tablename__:
        return f.tidy(session.get_one(DatasetVersion, row_id).ref)
    return f.tidy(session.get_one(ModelVersion, row_id).ref)


def deployment_rows(session: Session, version: ModelVersion) -> tuple[DeploymentRow, ...]:
    return tuple(
        DeploymentRow(
            name=f.tidy(row.name),
            environment=row.environment,
            audience=row.audience,
            exposes=_accesses(row.exposes),
            reachable=_follows(row.exposes),
            url=f.tidy(row.url or "address unknown", 200),
            logs=_logs(row.log_location, row.log_retention_days),
            source=row.id,
        )
        for row in service.deployments(session, version)
    )


def _accesses(values: list[str]) -> str:
    return f.access(values)


def _follows(exposes: list[str]) -> str:
    exposed = frozenset(Access(value) for value in exposes)
    more = reachable(exposed) - exposed
    return f.access(sorted(more), "nothing more")


def _logs(location: str | None, days: int | None) -> str:
    if location is None:
        return f.UNKNOWN
    return f"kept, {f.count(days)} days" if days is not None else "kept, for how long is unknown"
