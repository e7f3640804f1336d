"""Decisions, pinned to the policy and the evidence they were made from."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from govtool.digest import Sha256
from govtool.evidence.models import IN_VAULT, EvidenceRow


class Decision(EvidenceRow):
    __tablename__ = "decision"

    model_version_id: Mapped[str] = mapped_column(sa.ForeignKey("model_version.id"), index=True)
    outcome: Mapped[str] = mapped_column(sa.String(20))
    reason: Mapped[str] = mapped_column(sa.Text)
    """One sentence a lawyer understands."""
    policy_sha256: Mapped[Sha256] = mapped_column(sa.String(64), info=IN_VAULT)
    """Canonical JSON of the validated policy set."""
    policy_files: Mapped[dict[str, str]] = mapped_column(sa.JSON)
    """File name to SHA-256 of its raw bytes."""
    facts_sha256: Mapped[Sha256] = mapped_column(sa.String(64), info=IN_VAULT)
    """Canonical JSON of the facts that were judged."""
    rules: Mapped[list[dict[str, Any]]] = mapped_column(sa.JSON)
    """Each rule's id, title, severity, verdict, sentence, measured value and the records it rests on."""
    engine_version: Mapped[str] = mapped_column(sa.String(40))
