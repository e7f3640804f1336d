"""A small signed ledger in a database of its own, which tests may damage."""

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


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    import_models()
    engine = db.make_engine(f"sqlite:///{tmp_path}/own.db")
    db.upgrade(engine)
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
