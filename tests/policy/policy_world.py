"""A small registered world in a real database: a dataset, a model version trained on it, a deployment, audits."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from policy_builders import counts
from sqlalchemy.orm import Session

from govtool.access import Access
from govtool.audits.models import AttackRecord, AuditOutcome, AuditRun
from govtool.digest import Sha256, sha256_bytes
from govtool.estimate import Counts
from govtool.evidence import ledger
from govtool.evidence.vault import Vault
from govtool.incidents.models import Incident, IncidentEvent
from govtool.registry import service
from govtool.registry.models import ModelVersion
from govtool.runtime import new_id

SOUND, LEAKING = counts(0.51, 0.5), counts(0.78, 0.22)


def register(session: Session, vault: Vault, folder: Path, now: datetime, *, level: int | None = 2) -> ModelVersion:
    """triage@1, trained on visits@1, deployed as an API that shows probabilities inside the house."""
    folder.mkdir(parents=True, exist_ok=True)
    who: dict[str, Any] = {"now": now, "by": "tester"}
    np.savez(folder / "visits.npz", X=np.eye(3, dtype=np.float32), y=np.array([0, 1, 1]), patient=np.array([1, 2, 2]))
    service.add_dataset_version(
        session,
        "visits",
        "1",
        folder / "visits.npz",
        level=level,
        label="y",
        subject="patient",
        owner="records office",
        lawful_basis="GDPR Art. 6(1)(e)",
        class_unit="group",
        **who,
    )
    service.add_model(session, "triage", description="d", owner="cardiology", purpose="triage", **who)
    version = add_version(session, vault, folder, now, "1")
    service.add_deployment(
        session,
        "triage-api",
        version,
        environment="production",
        audience="internal",
        exposes=[Access.PROBABILITIES],
        **who,
    )
    service.add_lineage(session, "triage@1", "trained_on", "visits@1", **who)
    return version


def add_version(session: Session, vault: Vault, folder: Path, now: datetime, number: str) -> ModelVersion:
    np.savez(folder / f"scores{number}.npz", scores=np.arange(3.0))
    return service.add_model_version(
        session, vault, "triage", number, artifact=folder / f"scores{number}.npz", now=now, by="tester"
    )


def ran(version: ModelVersion, attack: str) -> dict[str, Any]:
    """What a run of one attack on the version's own weights and training data says of itself."""

    def rows(ref: str) -> list[dict[str, Any]]:
        return [{"dataset": ref, "sha256": sha256_bytes(ref.encode()), "count": 1000}]

    return {
        "artifact_sha256": version.artifact_sha256,
        "endpoint": None,
        "records": {"members": rows("visits@1"), "nonmembers": rows("held-out@1")},
        "attacks": {attack: {}},
        "families": {attack: "membership_inference"},
    }


def audit(
    session: Session,
    vault: Vault,
    version: ModelVersion,
    now: datetime,
    found: Counts | None = None,
    *,
    attack: str = "loss_threshold",
    status: str = "completed",
    finished: bool = True,
    resolved: dict[str, Any] | None = None,
    control: bool | None = True,
    references: Sha256 | None = None,
) -> AttackRecord:
    """One audit run with one attack."""
    who: dict[str, Any] = {"now": now, "by": "tester"}
    run = AuditRun(
        id=new_id("run"),
        model_version_id=version.id,
        deployment_id=None,
        access=["probabilities"],
        spec_sha256=vault.put(b"spec").sha256,
        resolved={**ran(version, attack), **(resolved or {})},
        seed=1,
        versions={},
    )
    ledger.record(session, run, **who)
    record = AttackRecord(
        id=new_id("atk"),
        run_id=run.id,
        attack=attack,
        family="membership_inference",
        status=status,
        reason="" if status == "completed" else "because",
        knowledge="the answers",
        access=["probabilities"],
        metrics={"balanced_accuracy": found.balanced_accuracy().to_dict()} if found else {},
        baselines={"balanced_accuracy": 0.5} if found else {},
        counts=asdict(found) if found else {},
        detail={"positive_control": {"passed": control}},
        caveats=["one target model"],
        evidence_sha256=vault.put(b"scores").sha256 if found else None,
        references_sha256=references,
        figures=[],
        duration_s=1.0,
    )
    ledger.record(session, record, **who)
    if finished:
        row = AuditOutcome(
            id=new_id("out"), run_id=run.id, status="completed", error="", duration_s=1.0, finished_at=now
        )
        ledger.record(session, row, **who)
    return record


def incident(session: Session, now: datetime, title: str, version: ModelVersion | None, deployment: str | None = None):
    row = Incident(
        id=new_id("inc"),
        title=title,
        summary="s",
        model_version_id=version.id if version else None,
        deployment_id=deployment,
    )
    return ledger.record(session, row, now=now, by="tester")


def close(session: Session, now: datetime, case: Incident) -> None:
    event = IncidentEvent(
        id=new_id("evt"), incident_id=case.id, kind="closed", at=now, by="officer", reason="resolved", detail={}
    )
    ledger.record(session, event, now=now, by="tester")
