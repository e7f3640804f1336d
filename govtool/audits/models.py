"""Attacks that were run, and what came of them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from govtool.db import UtcDateTime
from govtool.digest import Sha256
from govtool.evidence.models import IN_VAULT, EvidenceRow


class AuditRun(EvidenceRow):
    """An audit that was started, of a model version or of a (synthetic) dataset version.

    Without an `AuditOutcome` it crashed or is still running.
    """

    __tablename__ = "audit_run"
    __table_args__ = (sa.CheckConstraint("(model_version_id IS NULL) <> (dataset_version_id IS NULL)", name="subject"),)

    model_version_id: Mapped[str | None] = mapped_column(sa.ForeignKey("model_version.id"), index=True)
    dataset_version_id: Mapped[str | None] = mapped_column(sa.ForeignKey("dataset_version.id"), index=True)
    deployment_id: Mapped[str | None] = mapped_column(sa.ForeignKey("deployment.id"))
    access: Mapped[list[str]] = mapped_column(sa.JSON)
    spec_sha256: Mapped[Sha256] = mapped_column(sa.String(64), info=IN_VAULT)
    """The spec's bytes as the user wrote them."""
    resolved: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    """What the spec came to: defaults filled in, files by digest, counts of records."""
    seed: Mapped[int] = mapped_column(sa.BigInteger)
    versions: Mapped[dict[str, str]] = mapped_column(sa.JSON)


class AuditOutcome(EvidenceRow):
    __tablename__ = "audit_outcome"

    run_id: Mapped[str] = mapped_column(sa.ForeignKey("audit_run.id"), unique=True)
    status: Mapped[str] = mapped_column(sa.String(20))
    """completed or failed."""
    error: Mapped[str] = mapped_column(sa.Text)
    duration_s: Mapped[float] = mapped_column(sa.Double)
    finished_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AttackRecord(EvidenceRow):
    """What one attack of a run found, or why it was not run. A view of the score vectors in the vault."""

    __tablename__ = "attack_record"
    __table_args__ = (sa.UniqueConstraint("run_id", "attack"),)

    run_id: Mapped[str] = mapped_column(sa.ForeignKey("audit_run.id"), index=True)
    attack: Mapped[str] = mapped_column(sa.String(60))
    family: Mapped[str] = mapped_column(sa.String(40))
    """membership_inference, model_inversion, attribute_inference, property_inference, data_reconstruction,
    training_data_extraction, synthetic_data or unlearning."""
    status: Mapped[str] = mapped_column(sa.String(20))
    """completed, void, not_applicable, not_testable, not_requested, superseded or failed."""
    reason: Mapped[str] = mapped_column(sa.Text)
    """Why it is not completed; empty when it is."""
    knowledge: Mapped[str] = mapped_column(sa.Text)
    """What the attacker was assumed to know, in one sentence."""
    access: Mapped[list[str]] = mapped_column(sa.JSON)
    metrics: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    """Name to Estimate.to_dict()."""
    baselines: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    """Same names, what no attack at all would score."""
    counts: Mapped[dict[str, int]] = mapped_column(sa.JSON)
    """true_positives, members, false_positives, nonmembers at the transferred threshold; empty where that has no meaning."""
    detail: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    """ROC points, per-class figures, calibration rows, positive control: what the report draws."""
    caveats: Mapped[list[str]] = mapped_column(sa.JSON)
    evidence_sha256: Mapped[Sha256 | None] = mapped_column(sa.String(64), info=IN_VAULT)
    """Score vectors, membership labels and other arrays, as .npz."""
    references_sha256: Mapped[Sha256 | None] = mapped_column(sa.String(64), info=IN_VAULT)
    """What reference models answered (`audits.reference_evidence`), the same bytes for all attacks of a run."""
    figures: Mapped[list[str]] = mapped_column(sa.JSON, info=IN_VAULT)
    """Digests of PNG images, in the order in which `detail["figures"]` describes them."""
    duration_s: Mapped[float] = mapped_column(sa.Double)
