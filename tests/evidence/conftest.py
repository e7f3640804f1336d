"""A small signed ledger in a database of its own, which tests may damage."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledger_rows import add_exhibit, add_model

from govtool import db
from govtool.evidence import ledger
from govtool.evidence.note import Signer
from govtool.evidence.schema import import_models
from govtool.evidence.vault import Vault


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database to copy: migrating anew for each test would take most of the time."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    engine = db.make_engine(f"sqlite:///{path}")
    import_models()
    db.upgrade(engine)
    engine.dispose()  # the last connection folds the write-ahead log into the file
    return path


@pytest.fixture
def engine(tmp_path: Path, migrated_file: Path) -> Iterator[sa.Engine]:
    shutil.copy(migrated_file, tmp_path / "own.db")
    engine = db.make_engine(f"sqlite:///{tmp_path}/own.db")
    yield engine
    engine.dispose()


@pytest.fixture
def signed(engine: sa.Engine, vault: Vault, signer: Signer, now: datetime) -> sa.Engine:
    """Five models and one exhibit with its custody event; checkpoints after 3 and after all 7 entries."""
    with db.session_scope(engine) as session:
        for number in range(3):
            add_model(session, f"m{number}", now)
        ledger.checkpoint(session, signer, now=now)
    with db.session_scope(engine) as session:
        for number in range(3, 5):
            add_model(session, f"m{number}", now)
        add_exhibit(session, vault, now)
        ledger.checkpoint(session, signer, now=now)
    return engine
