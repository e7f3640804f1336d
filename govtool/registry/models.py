"""What we have and what it was made from. Every row is evidence: a change is a new version."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from govtool.digest import Sha256
from govtool.evidence.models import IN_VAULT, EvidenceRow


class Dataset(EvidenceRow):
    __tablename__ = "dataset"

    name: Mapped[str] = mapped_column(sa.String(200), unique=True)
    description: Mapped[str] = mapped_column(sa.Text)
    owner: Mapped[str] = mapped_column(sa.Text)


class DatasetVersion(EvidenceRow):
    """Immutable content of a dataset. The bytes stay where they are; the digest says whether they are still the same."""

    __tablename__ = "dataset_version"
    __table_args__ = (sa.UniqueConstraint("dataset_id", "version"),)

    dataset_id: Mapped[str] = mapped_column(sa.ForeignKey("dataset.id"))
    version: Mapped[str] = mapped_column(sa.String(100))
    content_sha256: Mapped[Sha256] = mapped_column(sa.String(64))
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    location: Mapped[str] = mapped_column(sa.Text)
    media_type: Mapped[str] = mapped_column(sa.String(100))
    row_count: Mapped[int] = mapped_column(sa.BigInteger)
    label_column: Mapped[str | None] = mapped_column(sa.String(200))
    subject_column: Mapped[str | None] = mapped_column(sa.String(200))
    subject_count: Mapped[int | None] = mapped_column(sa.BigInteger)
    classification_level: Mapped[int | None] = mapped_column(sa.Integer)
    """0 public, 1 internal, 2 personal, 3 special category or regulated; None is unknown, which is not 0."""
    sensitive_categories: Mapped[list[str]] = mapped_column(sa.JSON)
    subject_categories: Mapped[list[str]] = mapped_column(sa.JSON)
    data_types: Mapped[list[str]] = mapped_column(sa.JSON)
    lawful_basis: Mapped[str | None] = mapped_column(sa.String(100))
    class_unit: Mapped[str] = mapped_column(sa.String(20))
    """What one label stands for: person, group or unknown. Inverting a class that is a person exposes that person."""
    origin: Mapped[str] = mapped_column(sa.Text)
    dataset: Mapped[Dataset] = relationship(lazy="joined")

    @property
    def ref(self) -> str:
        return f"{self.dataset.name}@{self.version}"


class Model(EvidenceRow):
    __tablename__ = "model"

    name: Mapped[str] = mapped_column(sa.String(200), unique=True)
    description: Mapped[str] = mapped_column(sa.Text)
    owner: Mapped[str] = mapped_column(sa.Text)
    purpose: Mapped[str] = mapped_column(sa.Text)


class ModelVersion(EvidenceRow):
    """One set of weights, by digest. `artifact_format` decides how, and whether safely, it can be loaded."""

    __tablename__ = "model_version"
    __table_args__ = (sa.UniqueConstraint("model_id", "version"),)

    model_id: Mapped[str] = mapped_column(sa.ForeignKey("model.id"))
    version: Mapped[str] = mapped_column(sa.String(100))
    artifact_sha256: Mapped[Sha256 | None] = mapped_column(sa.String(64), info=IN_VAULT)
    artifact_name: Mapped[str] = mapped_column(sa.Text)
    artifact_format: Mapped[str] = mapped_column(sa.String(20))
    """A name of `artifacts.FORMATS`, or endpoint."""
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    factory: Mapped[str | None] = mapped_column(sa.String(200))
    factory_params: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    endpoint: Mapped[str | None] = mapped_column(sa.Text)
    model: Mapped[Model] = relationship(lazy="joined")

    @property
    def ref(self) -> str:
        return f"{self.model.name}@{self.version}"


class LineageEdge(EvidenceRow):
    """`src` was made from, trained on, tested on ... `dst` (PROV direction: from the younger to the older)."""

    __tablename__ = "lineage_edge"
    __table_args__ = (
        sa.UniqueConstraint("src_id", "relation", "dst_id"),
        sa.Index("ix_lineage_edge_src_id", "src_id"),
        sa.Index("ix_lineage_edge_dst_id", "dst_id"),
    )

    src_kind: Mapped[str] = mapped_column(sa.String(20))
    src_id: Mapped[str] = mapped_column(sa.String(40))
    relation: Mapped[str] = mapped_column(sa.String(30))
    dst_kind: Mapped[str] = mapped_column(sa.String(20))
    dst_id: Mapped[str] = mapped_column(sa.String(40))
    basis: Mapped[str] = mapped_column(sa.String(20))
    note: Mapped[str] = mapped_column(sa.Text)


class Deployment(EvidenceRow):
    """Where a model version answers, to whom, and what its answers expose."""

    __tablename__ = "deployment"

    name: Mapped[str] = mapped_column(sa.String(200), unique=True)
    model_version_id: Mapped[str] = mapped_column(sa.ForeignKey("model_version.id"), index=True)
    environment: Mapped[str] = mapped_column(sa.String(20))
    audience: Mapped[str] = mapped_column(sa.String(20))
    exposes: Mapped[list[str]] = mapped_column(sa.JSON)
    url: Mapped[str | None] = mapped_column(sa.Text)
    served_as: Mapped[str | None] = mapped_column(sa.String(200))
    log_location: Mapped[str | None] = mapped_column(sa.Text)
    log_retention_days: Mapped[int | None] = mapped_column(sa.Integer)
    model_version: Mapped[ModelVersion] = relationship(lazy="joined")
