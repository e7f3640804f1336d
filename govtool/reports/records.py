"""Reads what a report shows. No judgement here: the newest completed run, the newest decision, the newest signed head."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.audits.models import AttackRecord, AuditOutcome, AuditRun
from govtool.evidence import ledger
from govtool.evidence.models import LedgerCheckpoint
from govtool.evidence.note import TreeHead
from govtool.policy.models import Decision
from govtool.registry.models import ModelVersion
from govtool.reports import format as f
from govtool.reports.view import Ledger

COMPLETED = "completed"


def latest_run(session: Session, version: ModelVersion) -> AuditRun | None:
    """The newest run of this version that finished; a run without outcome crashed or is still going."""
    return session.scalar(
        sa.select(AuditRun)
        .join(AuditOutcome, AuditOutcome.run_id == AuditRun.id)
        .where(AuditRun.model_version_id == version.id, AuditOutcome.status == COMPLETED)
        .order_by(AuditRun.ledger_index.desc())
        .limit(1)
    )


def unfinished_runs(session: Session, version: ModelVersion) -> Sequence[AuditRun]:
    """Runs newer than the latest completed one that failed or never reported back."""
    latest = latest_run(session, version)
    query = (
        sa.select(AuditRun)
        .outerjoin(AuditOutcome, AuditOutcome.run_id == AuditRun.id)
        .where(
            AuditRun.model_version_id == version.id,
            sa.or_(AuditOutcome.id.is_(None), AuditOutcome.status != COMPLETED),
        )
        .order_by(AuditRun.ledger_index)
    )
    if latest is not None:
        query = query.where(AuditRun.ledger_index > latest.ledger_index)
    return session.scalars(query).all()


def attack_records(session: Session, run: AuditRun | None) -> Sequence[AttackRecord]:
    if run is None:
        return []
    return session.scalars(
        sa.select(AttackRecord).where(AttackRecord.run_id == run.id).order_by(AttackRecord.ledger_index)
    ).all()


def latest_decision(session: Session, version: ModelVersion) -> Decision | None:
    return session.scalar(
        sa.select(Decision)
        .where(Decision.model_version_id == version.id)
        .order_by(Decision.ledger_index.desc())
        .limit(1)
    )


def ledger_head(session: Session) -> Ledger:
    """The newest signed tree head, and whether entries came after it."""
    row = session.scalar(sa.select(LedgerCheckpoint).order_by(LedgerCheckpoint.tree_size.desc()).limit(1))
    entries = ledger.size(session)
    if row is None:
        return Ledger("0", "none", f.UNKNOWN, "", f"No tree head has been signed yet; {f.count(entries)} entries are unsigned.")
    head = TreeHead.parse(row.note.rpartition("\n\n")[0] + "\n")
    later = entries - row.tree_size
    uncovered = f"{f.count(later)} later entries are not under a signed head yet." if later else ""
    return Ledger(f.count(row.tree_size), head.root.hex(), f.instant(row.recorded_at), row.id, uncovered)
