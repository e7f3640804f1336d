"""A workspace whose transactions really commit, with a small registered model that leaks and the records it leaks."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from audit_worlds import RECIPE, D, K, draw
from sqlalchemy.orm import Session

from govtool import db
from govtool.access import Access
from govtool.attacks.catalog import ATTACKS
from govtool.audits import runner
from govtool.audits import spec as specs
from govtool.evidence import ledger
from govtool.evidence.note import Signer
from govtool.evidence.schema import import_models
from govtool.evidence.vault import Vault
from govtool.registry import service


@pytest.fixture(scope="session")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database, copied for each test."""
    import_models()
    path = tmp_path_factory.mktemp("audits") / "empty.db"
    engine = db.make_engine(f"sqlite:///{path}")
    db.upgrade(engine)
    engine.dispose()  # the last connection folds the write-ahead log in, so that the file alone is the database
    return path


@dataclass
class Workspace:
    engine: sa.Engine
    vault: Vault
    signer: Signer
    now: Any
    folder: Path

    @contextmanager
    def write(self) -> Iterator[Session]:
        with db.session_scope(self.engine) as session:
            yield session
            ledger.checkpoint(session, self.signer, now=self.now)

    @contextmanager
    def read(self) -> Iterator[Session]:
        with db.session_scope(self.engine, read=True) as session:
            yield session

    def dataset(self, ref: str, features: Any, labels: Any) -> None:
        name, version = ref.split("@")
        path = self.folder / f"{name}.npz"
        np.savez(path, X=features, y=labels)
        with self.write() as session:
            service.add_dataset_version(session, name, version, path, level=2, label="y", now=self.now, by="tester")

    def model(self, ref: str, **given: Any) -> None:
        name, version = ref.split("@")
        with self.write() as session:
            service.add_model(session, name, description="", owner="", purpose="", now=self.now, by="tester")
            service.add_model_version(session, self.vault, name, version, **given, now=self.now, by="tester")

    def deploy(self, name: str, ref: str, *exposes: Access, **given: Any) -> None:
        with self.write() as session:
            version = service.model_version(session, ref)
            service.add_deployment(
                session,
                name,
                version,
                environment="production",
                audience="public",
                exposes=exposes,
                now=self.now,
                by="tester",
                **given,
            )

    def relate(self, source: str, relation: str, destination: str) -> None:
        with self.write() as session:
            service.add_lineage(session, source, relation, destination, now=self.now, by="tester")

    def audit(self, ref: str, text: str, **given: Any) -> runner.RunSummary:
        data = ("schema: govtool.audit/v1\n" + text).encode()
        known = given.get("attacks", ATTACKS)
        return runner.run_audit(
            self.write,
            self.vault,
            ref,
            specs.parse(data, "audit.yaml", known),
            data,
            clock=lambda: self.now,
            by="tester",
            **given,
        )


@pytest.fixture
def ws(_empty: Path, tmp_path: Path, vault: Vault, signer: Signer, now: Any) -> Iterator[Workspace]:
    path = tmp_path / "govtool.db"
    shutil.copy(_empty, path)
    engine = db.make_engine(f"sqlite:///{path}")
    yield Workspace(engine, vault, signer, now, tmp_path)
    engine.dispose()


@pytest.fixture(scope="session")
def leaky() -> bytes:
    """Weights that learnt their members by heart, as safetensors."""
    from safetensors.torch import save

    from govtool.audits.recipe import train

    features, labels = draw("members")
    return save(train(RECIPE, features, labels, K, seed=5).state_dict())


@pytest.fixture
def registered(ws: Workspace, leaky: bytes) -> Workspace:
    """leaky@1, trained on members@1, tested on nonmembers@1; population@1 beside."""
    for group in ("members", "nonmembers", "population"):
        ws.dataset(f"{group}@1", *draw(group))
    path = ws.folder / "leaky.safetensors"
    path.write_bytes(leaky)
    ws.model("leaky@1", artifact=path, factory="mlp", factory_params={"inputs": D, "hidden": [32], "classes": K})
    ws.relate("model:leaky@1", "trained_on", "dataset:members@1")
    ws.relate("model:leaky@1", "tested_on", "dataset:nonmembers@1")
    return ws
