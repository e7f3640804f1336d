"""Register and find datasets, models, lineage and deployments. Flushes; the command commits."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.access import Access
from govtool.digest import Sha256, canonical_json, sha256_file
from govtool.errors import AmbiguousError, ConflictError, EvidenceError, InputError, NotFoundError
from govtool.evidence import ledger
from govtool.evidence.models import EvidenceRow
from govtool.evidence.vault import Vault
from govtool.registry import artifacts
from govtool.registry.models import Dataset, DatasetVersion, Deployment, LineageEdge, Model, ModelVersion
from govtool.runtime import new_id

RELATIONS = [
    "collected_from",
    "copied_from",
    "filtered_from",
    "joined_from",
    "anonymized_from",
    "pseudonymized_from",
    "synthesized_from",
    "augmented_from",
    "split_of",
    "trained_on",
    "fine_tuned_on",
    "validated_on",
    "tested_on",
    "distilled_from",
    "merged_from",
    "quantized_from",
    "adapter_of",
    "retrieves_from",
    "prompted_with",
]
AUDIENCES = ("internal", "partner", "public")
ENVIRONMENTS = ("development", "staging", "production")

_NOT_PERSONAL = (0, 1)

Row = TypeVar("Row", bound=EvidenceRow)


def by_id(session: Session, kind: type[Row], prefix: str) -> Row:
    """The one row whose id starts with `prefix`. Ids are lower case; how the prefix is typed does not matter.

    Raises:
        NotFoundError: none.
        AmbiguousError: several.
    """
    prefix = prefix.lower()  # LIKE ignores case on SQLite and heeds it on PostgreSQL
    escaped = prefix.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    query = sa.select(kind).where(kind.id.like(f"{escaped}%", escape="\\")).order_by(kind.id).limit(2)
    found = session.scalars(query).unique().all() if prefix else []
    if len(found) > 1 and found[0].id != prefix:
        raise AmbiguousError(
            f"{prefix!r} fits more than one {kind.__tablename__.replace('_', ' ')}", hint="give more of the id"
        )
    if not found:
        raise NotFoundError(
            f"no {kind.__tablename__.replace('_', ' ')} {prefix!r}", hint="ids are printed by every list command"
        )
    return found[0]


def _split_ref(ref: str) -> tuple[str, str]:
    name, at, version = ref.partition("@")
    if not (name and at and version):
        raise InputError(f"not a version: {ref!r}", hint="write NAME@VERSION, for example triage@1.2")
    return name, version


def _people(subjects: Any) -> int | None:
    """How many people (n,) subjects name; a blank names nobody. None where nobody is named: their number is unknown."""
    if subjects is None:
        return None
    return len({name for name in map(str, subjects.tolist()) if name.strip()}) or None


def add_dataset_version(
    session: Session,
    name: str,
    version: str,
    path: Path,
    *,
    level: int | None,
    now: datetime,
    by: str,
    description: str = "",
    owner: str = "",
    label: str | None = None,
    subject: str | None = None,
    sensitive_categories: Sequence[str] = (),
    subject_categories: Sequence[str] = (),
    data_types: Sequence[str] = (),
    lawful_basis: str | None = None,
    class_unit: str = "unknown",
    origin: str = "",
    regression: bool = False,
) -> DatasetVersion:
    """Register the file's content as an immutable version; counts rows and distinct subjects.

    Labels must be classes, or for a `regression` any numbers: what they are is not stored but read again by each audit.

    Raises:
        InputError: the file cannot be read, or a value is out of range.
        ConflictError: this version exists with other content.
    """
    from govtool.registry.datafile import MEDIA_TYPES, read_table  # brings numpy, which most commands do without

    if level is not None and level not in range(4):
        raise InputError(f"classification level {level} is not 0, 1, 2 or 3")
    if level in _NOT_PERSONAL and (subject or subject_categories or sensitive_categories or class_unit == "person"):
        raise InputError(
            f"level {level} says that this is not personal data, but it names people or sensitive categories",
            hint="classify it as 2 or 3, or leave the level out: unknown counts as the strictest",
        )
    if class_unit not in ("person", "group", "unknown"):
        raise InputError(f"class unit {class_unit!r} is not person, group or unknown")
    digest = sha256_file(path) if path.is_file() else None
    try:
        table = read_table(path, label=label, subject=subject, expect=digest, regression=regression)
        changed = digest is None or sha256_file(path) != digest
    except EvidenceError:
        changed = True
    if digest is None or changed:
        raise InputError(f"{path} changed while it was read", hint="register it when nobody writes to it any more")
    dataset = session.scalar(sa.select(Dataset).where(Dataset.name == name))
    if dataset is None:
        dataset = ledger.record(
            session,
            Dataset(id=new_id("ds"), name=_name(name), description=description, owner=owner or by),
            now=now,
            by=by,
        )
    existing = session.scalar(
        sa.select(DatasetVersion).where(DatasetVersion.dataset_id == dataset.id, DatasetVersion.version == version)
    )
    if existing is not None:
        if existing.content_sha256 == digest:
            raise ConflictError(f"{name}@{version} is registered already, with this very content")
        raise ConflictError(f"{name}@{version} is registered already, with other content", hint="choose a new version")
    row = DatasetVersion(
        id=new_id("dsv"),
        dataset_id=dataset.id,
        version=_name(version),
        content_sha256=digest,
        size_bytes=path.stat().st_size,
        location=str(path.resolve()),
        media_type=MEDIA_TYPES[path.suffix],
        row_count=len(table),
        label_column=label,
        subject_column=subject,
        subject_count=_people(table.subjects),
        classification_level=level,
        sensitive_categories=list(sensitive_categories),
        subject_categories=list(subject_categories),
        data_types=list(data_types),
        lawful_basis=lawful_basis,
        class_unit=class_unit,
        origin=origin,
    )
    ledger.record(session, row, now=now, by=by)
    session.refresh(row, ["dataset"])
    return row


def dataset_version(session: Session, ref: str) -> DatasetVersion:
    """The version NAME@VERSION, or by unique id prefix."""
    if ref.startswith("dsv-") and "@" not in ref:
        return by_id(session, DatasetVersion, ref)
    name, version = _split_ref(ref)
    row = session.scalar(
        sa.select(DatasetVersion)
        .join(DatasetVersion.dataset)
        .where(Dataset.name == name, DatasetVersion.version == version)
    )
    if row is None:
        raise NotFoundError(f"no dataset version {ref!r}", hint="govtool dataset list")
    return row


def dataset_versions(session: Session) -> Sequence[DatasetVersion]:
    return session.scalars(
        sa.select(DatasetVersion).join(DatasetVersion.dataset).order_by(Dataset.name, DatasetVersion.recorded_at)
    ).all()


def add_model(
    session: Session, name: str, *, description: str, owner: str, purpose: str, now: datetime, by: str
) -> Model:
    """Register a model, of which versions will follow.

    Raises:
        ConflictError: the name is taken.
    """
    if session.scalar(sa.select(Model).where(Model.name == name)) is not None:
        raise ConflictError(f"model {name!r} is registered already", hint="add a version: govtool model version add")
    row = Model(id=new_id("mod"), name=_name(name), description=description, owner=owner or by, purpose=purpose)
    return ledger.record(session, row, now=now, by=by)


def add_model_version(
    session: Session,
    vault: Vault,
    name: str,
    version: str,
    *,
    artifact: Path | None = None,
    endpoint: str | None = None,
    factory: str | None = None,
    factory_params: dict[str, Any] | None = None,
    trust_pickle: Sha256 | None = None,
    now: datetime,
    by: str,
) -> ModelVersion:
    """Register weights (kept in the vault, so that what was tested stays testable) or an endpoint.

    Raises:
        NotFoundError: no such model.
        InputError: neither or both of artifact and endpoint, unknown artifact kind.
        UntrustedArtifactError: a pickle whose digest nobody vouched for; loading it would run whatever it contains.
        ConflictError: this version exists.
    """
    from govtool.errors import UntrustedArtifactError

    model = session.scalar(sa.select(Model).where(Model.name == name))
    if model is None:
        raise NotFoundError(f"no model {name!r}", hint=f"govtool model add {name}")
    if (artifact is None) == (endpoint is None):
        raise InputError("give either an artifact file or an endpoint URL")
    taken = sa.select(ModelVersion).where(ModelVersion.model_id == model.id, ModelVersion.version == version)
    if session.scalar(taken) is not None:
        raise ConflictError(f"{name}@{version} is registered already", hint="choose a new version")
    _name(version)
    params = _json(factory_params or {})
    digest, size, kind = None, 0, "endpoint"
    if artifact is not None:
        kind = artifacts.kind_of(artifact)
        if kind == "pickle" and (not artifact.is_file() or trust_pickle != sha256_file(artifact)):
            raise UntrustedArtifactError(
                f"{artifact} is a pickle: loading it runs whatever code it contains",
                hint="save it as safetensors or skops, or vouch for it with --trust-pickle SHA256",
            )
        if kind == "safetensors" and not factory:
            raise InputError(
                "safetensors hold weights only", hint="name the architecture: --factory mlp --factory-params '{...}'"
            )
        stored = vault.put_file(artifact)
        if kind == "pickle" and stored.sha256 != trust_pickle:
            raise UntrustedArtifactError(f"{artifact} changed while it was read: it is not the pickle you vouched for")
        digest, size = stored.sha256, stored.size
    row = ModelVersion(
        id=new_id("mv"),
        model_id=model.id,
        version=version,
        artifact_sha256=digest,
        artifact_name=artifact.name if artifact else "",
        artifact_format=kind,
        size_bytes=size,
        factory=factory,
        factory_params=params,
        endpoint=endpoint,
    )
    ledger.record(session, row, now=now, by=by)
    session.refresh(row, ["model"])
    return row


def model_version(session: Session, ref: str) -> ModelVersion:
    """The version NAME@VERSION, or by unique id prefix."""
    if ref.startswith("mv-") and "@" not in ref:
        return by_id(session, ModelVersion, ref)
    name, version = _split_ref(ref)
    row = session.scalar(
        sa.select(ModelVersion).join(ModelVersion.model).where(Model.name == name, ModelVersion.version == version)
    )
    if row is None:
        raise NotFoundError(f"no model version {ref!r}", hint="govtool model list")
    return row


def model_versions(session: Session) -> Sequence[ModelVersion]:
    return session.scalars(
        sa.select(ModelVersion).join(ModelVersion.model).order_by(Model.name, ModelVersion.recorded_at)
    ).all()


def add_deployment(
    session: Session,
    name: str,
    version: ModelVersion,
    *,
    environment: str,
    audience: str,
    exposes: Sequence[Access],
    url: str | None = None,
    served_as: str | None = None,
    log_location: str | None = None,
    log_retention_days: int | None = None,
    now: datetime,
    by: str,
) -> Deployment:
    """Register where a version answers and what its answers expose.

    Raises:
        InputError: unknown environment or audience, or nothing exposed (then there is nothing to attack: say so elsewhere).
        ConflictError: the name is taken.
    """
    if environment not in ENVIRONMENTS:
        raise InputError(f"environment {environment!r} is not one of {', '.join(ENVIRONMENTS)}")
    if audience not in AUDIENCES:
        raise InputError(f"audience {audience!r} is not one of {', '.join(AUDIENCES)}")
    if not exposes:
        raise InputError(
            "a deployment exposes something", hint="--exposes probabilities, or labels, logits, weights ..."
        )
    if session.scalar(sa.select(Deployment).where(Deployment.name == name)) is not None:
        raise ConflictError(f"deployment {name!r} is registered already")
    row = Deployment(
        id=new_id("dep"),
        name=_name(name),
        model_version_id=version.id,
        environment=environment,
        audience=audience,
        exposes=[str(access) for access in exposes],
        url=url,
        served_as=served_as,
        log_location=log_location,
        log_retention_days=log_retention_days,
    )
    ledger.record(session, row, now=now, by=by)
    session.refresh(row, ["model_version"])
    return row


def deployment(session: Session, ref: str) -> Deployment:
    """By name, or by unique id prefix."""
    row = session.scalar(sa.select(Deployment).where(Deployment.name == ref))
    return row if row is not None else by_id(session, Deployment, ref)


def deployments(session: Session, version: ModelVersion | None = None) -> Sequence[Deployment]:
    query = sa.select(Deployment).order_by(Deployment.name)
    if version is not None:
        query = query.where(Deployment.model_version_id == version.id)
    return session.scalars(query).all()


def add_lineage(
    session: Session, source: str, relation: str, destination: str, *, now: datetime, by: str, note: str = ""
) -> LineageEdge:
    """`source` (model or dataset version) stands in `relation` to `destination`.

    Raises:
        InputError: unknown relation, or a version related to itself.
        NotFoundError, AmbiguousError: a reference does not resolve.
        ConflictError: asserted already.
    """
    if relation not in RELATIONS:
        raise InputError(f"unknown relation {relation!r}", hint=f"one of {', '.join(RELATIONS)}")
    src, dst = resolve(session, source), resolve(session, destination)
    if src.id == dst.id:
        raise InputError(f"{source} cannot be {relation} itself")
    same = sa.select(LineageEdge).where(
        LineageEdge.src_id == src.id, LineageEdge.relation == relation, LineageEdge.dst_id == dst.id
    )
    if session.scalar(same) is not None:
        raise ConflictError(f"{source} {relation} {destination} is recorded already")
    edge = LineageEdge(
        id=new_id("edge"),
        src_kind=src.__tablename__,
        src_id=src.id,
        relation=relation,
        dst_kind=dst.__tablename__,
        dst_id=dst.id,
        basis="asserted",
        note=note,
    )
    return ledger.record(session, edge, now=now, by=by)


def resolve(session: Session, ref: str) -> ModelVersion | DatasetVersion:
    """A model or dataset version; `model:NAME@V` or `dataset:NAME@V` where both exist.

    Raises:
        NotFoundError: neither.
        AmbiguousError: both.
    """
    kind, colon, rest = ref.partition(":")
    if (colon and kind == "model") or ref.startswith("mv-"):
        return model_version(session, rest if colon else ref)
    if (colon and kind == "dataset") or ref.startswith("dsv-"):
        return dataset_version(session, rest if colon else ref)
    found: list[ModelVersion | DatasetVersion] = []
    for lookup in (model_version, dataset_version):
        try:
            found.append(lookup(session, ref))
        except NotFoundError:
            continue
    if len(found) > 1:
        raise AmbiguousError(f"{ref!r} is both a model and a dataset", hint=f"write model:{ref} or dataset:{ref}")
    if not found:
        raise NotFoundError(f"no model or dataset version {ref!r}", hint="govtool model list, govtool dataset list")
    return found[0]


def _json(value: dict[str, Any]) -> dict[str, Any]:
    try:
        canonical_json(value)
    except ValueError as error:
        raise InputError(
            f"a parameter cannot be recorded: {error}", hint="no NaN, no infinity, no integer beyond 2^53"
        ) from error
    return value


def _name(text: str) -> str:
    import re

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", text):
        raise InputError(
            f"{text[:80]!r} is not a usable name", hint="letters, digits, dot, dash and underscore; at most 100"
        )
    return text
