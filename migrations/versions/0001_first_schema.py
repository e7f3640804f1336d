"""First schema. Every table is append-only: triggers refuse UPDATE, DELETE and (PostgreSQL) TRUNCATE."""

import sqlalchemy as sa
from alembic import op

from govtool.db import UtcDateTime

revision = "0001"
down_revision = None

TABLES = (
    "attack_record",
    "audit_outcome",
    "audit_run",
    "custody_event",
    "dataset",
    "dataset_version",
    "decision",
    "deployment",
    "detection_run",
    "evidence_item",
    "finding",
    "incident",
    "incident_event",
    "incident_scope",
    "ledger_checkpoint",
    "ledger_leaf",
    "ledger_node",
    "lineage_edge",
    "log_ingest",
    "model",
    "model_version",
    "notice",
    "report",
)
PLACES = {"ledger_index", "tree_size", "level", "idx"}
"""Columns that say where something stands in the ledger; SQLite would keep 15.5 in an INTEGER column."""


def upgrade() -> None:
    op.create_table(
        "dataset",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_dataset_ledger_index")),
        sa.UniqueConstraint("name", name=op.f("uq_dataset_name")),
    )
    op.create_table(
        "evidence_item",
        sa.Column("case_id", sa.String(length=40), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("original_name", sa.Text(), nullable=False),
        sa.Column("source_system", sa.Text(), nullable=False),
        sa.Column("source_locator", sa.Text(), nullable=False),
        sa.Column("source_modified_at", UtcDateTime, nullable=True),
        sa.Column("acquired_by", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("completeness", sa.Text(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_item")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_evidence_item_ledger_index")),
    )
    op.create_index(op.f("ix_evidence_item_case_id"), "evidence_item", ["case_id"], unique=False)
    op.create_table(
        "ledger_checkpoint",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tree_size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_checkpoint")),
    )
    op.create_table(
        "ledger_leaf",
        sa.Column("idx", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("idx", name=op.f("pk_ledger_leaf")),
    )
    op.create_table(
        "ledger_node",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("idx", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("level", "idx", name=op.f("pk_ledger_node")),
    )
    op.create_table(
        "lineage_edge",
        sa.Column("src_kind", sa.String(length=20), nullable=False),
        sa.Column("src_id", sa.String(length=40), nullable=False),
        sa.Column("relation", sa.String(length=30), nullable=False),
        sa.Column("dst_kind", sa.String(length=20), nullable=False),
        sa.Column("dst_id", sa.String(length=40), nullable=False),
        sa.Column("basis", sa.String(length=20), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lineage_edge")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_lineage_edge_ledger_index")),
        sa.UniqueConstraint("src_id", "relation", "dst_id", name=op.f("uq_lineage_edge_src_id_relation_dst_id")),
    )
    op.create_index("ix_lineage_edge_dst_id", "lineage_edge", ["dst_id"], unique=False)
    op.create_index("ix_lineage_edge_src_id", "lineage_edge", ["src_id"], unique=False)
    op.create_table(
        "model",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_model_ledger_index")),
        sa.UniqueConstraint("name", name=op.f("uq_model_name")),
    )
    op.create_table(
        "report",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject_kind", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.String(length=40), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("document_sha256", sa.String(length=64), nullable=False),
        sa.Column("data_sha256", sa.String(length=64), nullable=False),
        sa.Column("renderer", sa.Text(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_report_ledger_index")),
    )
    op.create_index(op.f("ix_report_subject_id"), "report", ["subject_id"], unique=False)
    op.create_table(
        "custody_event",
        sa.Column("item_id", sa.String(length=40), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("produced_sha256", sa.String(length=64), nullable=True),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["evidence_item.id"], name=op.f("fk_custody_event_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_event")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_custody_event_ledger_index")),
    )
    op.create_index(op.f("ix_custody_event_item_id"), "custody_event", ["item_id"], unique=False)
    op.create_table(
        "dataset_version",
        sa.Column("dataset_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=100), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("label_column", sa.String(length=200), nullable=True),
        sa.Column("subject_column", sa.String(length=200), nullable=True),
        sa.Column("subject_count", sa.BigInteger(), nullable=True),
        sa.Column("classification_level", sa.Integer(), nullable=True),
        sa.Column("sensitive_categories", sa.JSON(), nullable=False),
        sa.Column("subject_categories", sa.JSON(), nullable=False),
        sa.Column("data_types", sa.JSON(), nullable=False),
        sa.Column("lawful_basis", sa.String(length=100), nullable=True),
        sa.Column("class_unit", sa.String(length=20), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_dataset_version_dataset_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset_version")),
        sa.UniqueConstraint("dataset_id", "version", name=op.f("uq_dataset_version_dataset_id_version")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_dataset_version_ledger_index")),
    )
    op.create_table(
        "model_version",
        sa.Column("model_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=100), nullable=False),
        sa.Column("artifact_sha256", sa.String(length=64), nullable=True),
        sa.Column("artifact_name", sa.Text(), nullable=False),
        sa.Column("artifact_format", sa.String(length=20), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("factory", sa.String(length=200), nullable=True),
        sa.Column("factory_params", sa.JSON(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=True),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_model_version_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_version")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_model_version_ledger_index")),
        sa.UniqueConstraint("model_id", "version", name=op.f("uq_model_version_model_id_version")),
    )
    op.create_table(
        "decision",
        sa.Column("model_version_id", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("policy_sha256", sa.String(length=64), nullable=False),
        sa.Column("policy_files", sa.JSON(), nullable=False),
        sa.Column("facts_sha256", sa.String(length=64), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("engine_version", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["model_version_id"], ["model_version.id"], name=op.f("fk_decision_model_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_decision_ledger_index")),
    )
    op.create_index(op.f("ix_decision_model_version_id"), "decision", ["model_version_id"], unique=False)
    op.create_table(
        "deployment",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("model_version_id", sa.String(length=40), nullable=False),
        sa.Column("environment", sa.String(length=20), nullable=False),
        sa.Column("audience", sa.String(length=20), nullable=False),
        sa.Column("exposes", sa.JSON(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("served_as", sa.String(length=200), nullable=True),
        sa.Column("log_location", sa.Text(), nullable=True),
        sa.Column("log_retention_days", sa.Integer(), nullable=True),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_version.id"], name=op.f("fk_deployment_model_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_deployment_ledger_index")),
        sa.UniqueConstraint("name", name=op.f("uq_deployment_name")),
    )
    op.create_index(op.f("ix_deployment_model_version_id"), "deployment", ["model_version_id"], unique=False)
    op.create_table(
        "audit_run",
        sa.Column("model_version_id", sa.String(length=40), nullable=True),
        sa.Column("dataset_version_id", sa.String(length=40), nullable=True),
        sa.Column("deployment_id", sa.String(length=40), nullable=True),
        sa.Column("access", sa.JSON(), nullable=False),
        sa.Column("spec_sha256", sa.String(length=64), nullable=False),
        sa.Column("resolved", sa.JSON(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint(
            "(model_version_id IS NULL) <> (dataset_version_id IS NULL)", name=op.f("ck_audit_run_subject")
        ),
        sa.ForeignKeyConstraint(
            ["dataset_version_id"], ["dataset_version.id"], name=op.f("fk_audit_run_dataset_version_id")
        ),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployment.id"], name=op.f("fk_audit_run_deployment_id")),
        sa.ForeignKeyConstraint(["model_version_id"], ["model_version.id"], name=op.f("fk_audit_run_model_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_run")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_audit_run_ledger_index")),
    )
    op.create_index(op.f("ix_audit_run_dataset_version_id"), "audit_run", ["dataset_version_id"], unique=False)
    op.create_index(op.f("ix_audit_run_model_version_id"), "audit_run", ["model_version_id"], unique=False)
    op.create_table(
        "incident",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("model_version_id", sa.String(length=40), nullable=True),
        sa.Column("deployment_id", sa.String(length=40), nullable=True),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployment.id"], name=op.f("fk_incident_deployment_id")),
        sa.ForeignKeyConstraint(["model_version_id"], ["model_version.id"], name=op.f("fk_incident_model_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_incident_ledger_index")),
    )
    op.create_table(
        "attack_record",
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("attack", sa.String(length=60), nullable=False),
        sa.Column("family", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("knowledge", sa.Text(), nullable=False),
        sa.Column("access", sa.JSON(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("baselines", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("caveats", sa.JSON(), nullable=False),
        sa.Column("evidence_sha256", sa.String(length=64), nullable=True),
        sa.Column("references_sha256", sa.String(length=64), nullable=True),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["audit_run.id"], name=op.f("fk_attack_record_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attack_record")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_attack_record_ledger_index")),
        sa.UniqueConstraint("run_id", "attack", name=op.f("uq_attack_record_run_id_attack")),
    )
    op.create_index(op.f("ix_attack_record_run_id"), "attack_record", ["run_id"], unique=False)
    op.create_table(
        "audit_outcome",
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("finished_at", UtcDateTime, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["audit_run.id"], name=op.f("fk_audit_outcome_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_outcome")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_audit_outcome_ledger_index")),
        sa.UniqueConstraint("run_id", name=op.f("uq_audit_outcome_run_id")),
    )
    op.create_table(
        "detection_run",
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.Column("ingests", sa.JSON(), nullable=False),
        sa.Column("detectors", sa.JSON(), nullable=False),
        sa.Column("n_events", sa.BigInteger(), nullable=False),
        sa.Column("n_principals", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_detection_run_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_detection_run")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_detection_run_ledger_index")),
    )
    op.create_index(op.f("ix_detection_run_incident_id"), "detection_run", ["incident_id"], unique=False)
    op.create_table(
        "incident_event",
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_incident_event_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_event")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_incident_event_ledger_index")),
    )
    op.create_index(op.f("ix_incident_event_incident_id"), "incident_event", ["incident_id"], unique=False)
    op.create_table(
        "incident_scope",
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.Column("dataset_version_id", sa.String(length=40), nullable=False),
        sa.Column("principals", sa.JSON(), nullable=False),
        sa.Column("records_count", sa.BigInteger(), nullable=False),
        sa.Column("subjects_count", sa.BigInteger(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("list_sha256", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_version_id"], ["dataset_version.id"], name=op.f("fk_incident_scope_dataset_version_id")
        ),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_incident_scope_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_scope")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_incident_scope_ledger_index")),
    )
    op.create_index(op.f("ix_incident_scope_incident_id"), "incident_scope", ["incident_id"], unique=False)
    op.create_table(
        "log_ingest",
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.Column("item_id", sa.String(length=40), nullable=False),
        sa.Column("format", sa.String(length=40), nullable=False),
        sa.Column("original_sha256", sa.String(length=64), nullable=False),
        sa.Column("events_sha256", sa.String(length=64), nullable=False),
        sa.Column("unreadable_sha256", sa.String(length=64), nullable=False),
        sa.Column("n_lines", sa.BigInteger(), nullable=False),
        sa.Column("n_events", sa.BigInteger(), nullable=False),
        sa.Column("n_unreadable", sa.BigInteger(), nullable=False),
        sa.Column("n_blank", sa.BigInteger(), nullable=False),
        sa.Column("first_event_at", UtcDateTime, nullable=True),
        sa.Column("last_event_at", UtcDateTime, nullable=True),
        sa.Column("coverage", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_log_ingest_incident_id")),
        sa.ForeignKeyConstraint(["item_id"], ["evidence_item.id"], name=op.f("fk_log_ingest_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_ingest")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_log_ingest_ledger_index")),
    )
    op.create_index(op.f("ix_log_ingest_incident_id"), "log_ingest", ["incident_id"], unique=False)
    op.create_table(
        "notice",
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("completeness", sa.String(length=20), nullable=False),
        sa.Column("fields_sha256", sa.String(length=64), nullable=False),
        sa.Column("report_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_notice_incident_id")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_notice_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_notice_ledger_index")),
    )
    op.create_index(op.f("ix_notice_incident_id"), "notice", ["incident_id"], unique=False)
    op.create_table(
        "finding",
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.Column("detector", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("statistic", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("baseline_n", sa.BigInteger(), nullable=False),
        sa.Column("window_start", UtcDateTime, nullable=True),
        sa.Column("window_end", UtcDateTime, nullable=True),
        sa.Column("n_events", sa.BigInteger(), nullable=False),
        sa.Column("rows_sha256", sa.String(length=64), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("counter_evidence", sa.JSON(), nullable=False),
        sa.Column("technique", sa.Text(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ledger_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_finding_incident_id")),
        sa.ForeignKeyConstraint(["run_id"], ["detection_run.id"], name=op.f("fk_finding_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_finding_ledger_index")),
    )
    op.create_index(op.f("ix_finding_incident_id"), "finding", ["incident_id"], unique=False)
    op.create_index(op.f("ix_finding_run_id"), "finding", ["run_id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        protect_sqlite()
    else:
        protect_postgresql()


def protect_sqlite() -> None:
    for table in TABLES:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is evidence: {verb} is refused'); END"
            )
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {taken(table)} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is evidence: a row with such a key is there and INSERT is refused'); END"
        )
        for column in sorted(PLACES & columns(table)):
            op.execute(
                f"CREATE TRIGGER {table}_whole_{column} BEFORE INSERT ON {table} WHEN typeof(NEW.{column}) <> 'integer' "
                f"BEGIN SELECT RAISE(ABORT, '{table} is evidence: {column} is a whole number'); END"
            )


def taken(table: str) -> str:
    """That a row with a key of the new one is there: INSERT OR REPLACE would delete it without firing a DELETE trigger.

    The hidden row number is such a key too. It is below zero here where the statement does not give it.
    """
    known = sa.inspect(op.get_bind())
    keys = [known.get_pk_constraint(table)["constrained_columns"]]
    keys += [one["column_names"] for one in known.get_unique_constraints(table)]
    keys += [one["column_names"] for one in known.get_indexes(table) if one["unique"]]
    tests = [" AND ".join(f"{name} = NEW.{name}" for name in key) for key in keys]
    tests.append("rowid = NEW.rowid AND NEW.rowid > 0")
    # One subquery per key, so that each is found by its index.
    return " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {test})" for test in tests)


def columns(table: str) -> set[str]:
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}


def protect_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION govtool_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '% is evidence: % is refused', TG_TABLE_NAME, TG_OP; END $$"
    )
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION govtool_refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION govtool_refuse_change()"
        )
