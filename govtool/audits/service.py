"""Questions about audits that were run. Comparing two runs on the same records is not here yet."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.audits.models import AttackRecord, AuditOutcome, AuditRun
from govtool.registry import service as registry
from govtool.registry.models import DatasetVersion, ModelVersion

TRIED = ("completed", "void", "not_testable", "failed")
_WEIGHT = {**dict.fromkeys(TRIED, 2), "not_applicable": 1, "superseded": 1, "not_requested": 0}


def runnable_families() -> frozenset[str]:
    """The families of attack that this version of govtool can run at all."""
    from govtool.attacks.catalog import ATTACKS

    return frozenset(attack.family for attack in ATTACKS.values())


def runs(session: Session, version: ModelVersion | None = None) -> Sequence[AuditRun]:
    """Newest first."""
    query = sa.select(AuditRun).order_by(AuditRun.ledger_index.desc())
    if version is not None:
        query = query.where(AuditRun.model_version_id == version.id)
    return session.scalars(query).all()


def dataset_runs(session: Session, version: DatasetVersion) -> Sequence[AuditRun]:
    """Audits of a synthetic dataset, newest first."""
    query = sa.select(AuditRun).where(AuditRun.dataset_version_id == version.id)
    return session.scalars(query.order_by(AuditRun.ledger_index.desc())).all()


def run(session: Session, prefix: str) -> AuditRun:
    """By id or its unique beginning, with or without ``run-``.

    Raises:
        NotFoundError, AmbiguousError: no run, or several, answer to it.
    """
    return registry.by_id(session, AuditRun, prefix if prefix.startswith("run-") else f"run-{prefix}")


def outcome(session: Session, run_id: str) -> AuditOutcome | None:
    return session.scalar(sa.select(AuditOutcome).where(AuditOutcome.run_id == run_id))


def run_status(session: Session, found: AuditRun) -> str:
    """completed, failed, or started: it is still running, or it crashed."""
    ended = outcome(session, found.id)
    return "started" if ended is None else ended.status


def records(session: Session, run_id: str) -> Sequence[AttackRecord]:
    """What each attack of a run found, in the order in which it was written down."""
    return session.scalars(
        sa.select(AttackRecord).where(AttackRecord.run_id == run_id).order_by(AttackRecord.ledger_index)
    ).all()


def families(session: Session, model_version_id: str) -> dict[str, str]:
    """The family of every attack that a run of this version asked for or recorded."""
    found: dict[str, str] = {}
    for resolved in session.scalars(sa.select(AuditRun.resolved).where(AuditRun.model_version_id == model_version_id)):
        found |= resolved.get("families", {})
    recorded = sa.select(AttackRecord.attack, AttackRecord.family).join(AuditRun, AuditRun.id == AttackRecord.run_id)
    for attack, family in session.execute(recorded.where(AuditRun.model_version_id == model_version_id)):
        found[attack] = family
    return found


def latest_records(session: Session, model_version_id: str) -> list[AttackRecord]:
    """For each attack its newest record on this version, whatever became of its run: a figure that was found stays found
    when the process dies before it says that it has ended.

    A record of an attack that was tried goes before one that says it does not apply to a narrower deployment, and that
    before one that says nobody asked: running less later does not make an earlier finding go away. Among records that
    were tried the newest stands, also when it failed. For reading: a decision rests on all of them, not on the newest.
    """
    found = session.scalars(
        sa.select(AttackRecord)
        .join(AuditRun, AuditRun.id == AttackRecord.run_id)
        .where(AuditRun.model_version_id == model_version_id)
    )
    best: dict[str, AttackRecord] = {}
    for row in sorted(found, key=lambda row: (_WEIGHT[row.status], row.ledger_index)):
        best[row.attack] = row
    return [best[name] for name in sorted(best)]
