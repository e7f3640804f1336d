"""A registered model with its training data, and an open incident about its deployment."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from conftest_case import Case
from incident_traffic import training
from sqlalchemy.orm import Session

from govtool.access import Access
from govtool.evidence.vault import Vault
from govtool.incidents.models import Incident
from govtool.incidents.service import open_incident
from govtool.registry import service as registry

BY = "tester"


@pytest.fixture
def make_case(session: Session, vault: Vault, tmp_path: Path, now: datetime) -> Callable[..., Case]:
    """Builds a case; record i of the training data belongs to subject i // 2, so two records share a person."""

    def make(members: int = 1000, *, subject: str | None = "subject") -> Case:
        records = training(members)
        data, weights = tmp_path / "train.npz", tmp_path / "model.npz"
        np.savez(
            data,
            X=records,
            y=np.zeros(members, np.int64),
            subject=np.array([f"person-{i // 2}" for i in range(members)]),
        )
        np.savez(weights, scores=np.zeros(3))
        dataset = registry.add_dataset_version(
            session, "patients", "1", data, level=3, label="y", subject=subject, now=now, by=BY
        )
        registry.add_model(session, "triage", description="", owner="", purpose="", now=now, by=BY)
        version = registry.add_model_version(session, vault, "triage", "1", artifact=weights, now=now, by=BY)
        registry.add_lineage(session, "triage@1", "trained_on", "patients@1", now=now, by=BY)
        deployment = registry.add_deployment(
            session,
            "triage-api",
            version,
            environment="production",
            audience="public",
            exposes=[Access.PROBABILITIES],
            now=now,
            by=BY,
        )
        incident = open_incident(
            session,
            title="odd queries",
            summary="",
            model_version=None,
            deployment=deployment,
            first_alert_at=now,
            now=now,
            by=BY,
        )
        return Case(incident, version, dataset, records)

    return make


@pytest.fixture
def case(make_case: Callable[..., Case]) -> Case:
    return make_case()


@pytest.fixture
def incident(session: Session, now: datetime) -> Incident:
    """A case that names no model."""
    return open_incident(
        session,
        title="odd queries",
        summary="",
        model_version=None,
        deployment=None,
        first_alert_at=None,
        now=now,
        by=BY,
    )
