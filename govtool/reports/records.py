"""Reads what a report shows. No judgement here: the runs behind the records, the newest decision, the newest signed head."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.audits.models import AttackRecord, AuditOutcome, AuditRun
from govtool.evidence import ledger
from govtool.evidence.models import LedgerCheckpoint
from govtool.evidence.note import TreeHead, text_of
from govtool.policy.models import Decision
from govtool.registry.models import ModelVersion
from govtool.reports import format as f
from govtool.reports.view import Ledger

COMPLETED = "completed"


def runs_behind(session: Session, found: Sequence[AttackRecord]) -> list[AuditRun]:
    """The runs that these records come from, oldest first."""
    runs = [session.get_one(AuditRun, run_id) for run_id in {record.run_id for record in found}]
    return sorted(runs, key=lambda run: run.ledger_index)


def unfinished_runs(session: Session, version: ModelVersion) -> Sequence[AuditRun]:
    """Runs that failed or never reported back, and that no later run completed."""
    completed = sa.select(AuditOutcome.run_id).where(AuditOutcome.status == COMPLETED)
    mine = sa.select(AuditRun).where(AuditRun.model_version_id == version.id)
    newest = session.scalar(mine.where(AuditRun.id.in_(completed)).order_by(AuditRun.ledger_index.desc()).limit(1))
    query = mine.where(AuditRun.id.not_in(completed)).order_by(AuditRun.ledger_index)
    if newest is not None:
        query = query.where(AuditRun.ledger_index > newest.ledger_index)
    return session.scalars(query).all()


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
        return Ledger(
            "0", "none", f.UNKNOWN, "", f"No tree head has been signed yet; {f.count(entries)} entries are unsigned."
        )
    head = TreeHead.parse(text_of(row.note))
    later = entries - row.tree_size
    uncovered = f"{f.count(later)} later entries are not under a signed head yet." if later else ""
    return Ledger(f.count(row.tree_size), head.root.hex(), f.instant(row.recorded_at), row.id, uncovered)
