"""How a run is written down, whatever was attacked: each row a transaction of its own, bytes in the vault before the row."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from govtool import runtime
from govtool.attacks.interface import NotApplicable, NotTestable, Outcome
from govtool.audits.models import AttackRecord, AuditOutcome, AuditRun
from govtool.errors import GovtoolError
from govtool.evidence import ledger
from govtool.evidence.vault import Vault, npz_bytes
from govtool.runtime import Clock, new_id

OpenWrite = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True)
class Book:
    """Where and as whom a run is written down."""

    open_write: OpenWrite
    vault: Vault
    clock: Clock
    by: str
    run_id: str

    def add(self, row: AuditRun | AuditOutcome | AttackRecord) -> None:
        with self.open_write() as session:
            ledger.record(session, row, now=self.clock(), by=self.by)

    def blank(self, attack: str, family: str, *, status: str, reason: str, duration_s: float) -> AttackRecord:
        """A record without figures."""
        return AttackRecord(
            id=new_id("att"),
            run_id=self.run_id,
            attack=attack,
            family=family,
            status=status,
            reason=reason,
            knowledge="",
            access=[],
            metrics={},
            baselines={},
            counts={},
            detail={},
            caveats=[],
            evidence_sha256=None,
            references_sha256=None,
            figures=[],
            duration_s=duration_s,
        )

    def found(
        self, attack: str, family: str, outcome: Outcome, arrays: Mapping[str, Any], duration_s: float
    ) -> AttackRecord:
        """The record of an outcome. Bytes go to the vault first, so that the row never names what is not there."""
        if isinstance(outcome, NotApplicable):
            return self.blank(attack, family, status="not_applicable", reason=outcome.reason, duration_s=duration_s)
        if isinstance(outcome, NotTestable):
            return self.blank(attack, family, status="not_testable", reason=outcome.reason, duration_s=duration_s)
        evidence = self.vault.put(npz_bytes({**outcome.arrays, **arrays}))
        status = "void" if outcome.void else "completed"
        row = self.blank(attack, family, status=status, reason=outcome.void, duration_s=duration_s)
        row.knowledge = outcome.knowledge
        row.access = sorted(str(access) for access in outcome.access)
        row.metrics = {name: estimate.to_dict() for name, estimate in outcome.metrics.items()}
        row.baselines = dict(outcome.baselines)
        row.counts = asdict(outcome.counts) if outcome.counts else {}
        figures = [
            {"name": figure.name, "caption": figure.caption, "boxes": [list(box) for box in figure.boxes]}
            for figure in outcome.figures
        ]
        row.detail = {**outcome.detail, "figures": figures}
        row.caveats = list(outcome.caveats)
        row.evidence_sha256 = evidence.sha256
        row.figures = [self.vault.put(figure.png).sha256 for figure in outcome.figures]
        return row

    def ended(self, status: str, error: str, began: float) -> AuditOutcome:
        return AuditOutcome(
            id=new_id("out"),
            run_id=self.run_id,
            status=status,
            error=error,
            duration_s=runtime.monotonic() - began,
            finished_at=self.clock(),
        )


def reason_of(error: Exception) -> str:
    """Why, without a word from the data: our own messages are written to be shown, others' may quote values."""
    return error.message if isinstance(error, GovtoolError) else f"unexpected {type(error).__name__}"
