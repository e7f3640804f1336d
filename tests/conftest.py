"""Shared fixtures: a migrated database per test session, a rolled-back session per test, a vault, a fixed clock."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool import db
from govtool.evidence.note import Signer, generate_key, load_signer
from govtool.evidence.schema import import_models
from govtool.evidence.vault import Vault

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    import_models()
    engine = db.make_engine(f"sqlite:///{tmp_path_factory.mktemp('db')}/test.db")
    db.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def session(_migrated: sa.Engine) -> Iterator[Session]:
    """A session whose work is rolled back: one connection, an outer transaction, savepoints inside."""
    with _migrated.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            yield session
        outer.rollback()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(str(tmp_path / "vault"))


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    generate_key(tmp_path / "keys" / "signing.pem")
    return load_signer(tmp_path / "keys" / "signing.pem", "govtool.test/ledger")


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """A PostgreSQL to test against. Absent, these tests skip with the reason; with GOVTOOL_REQUIRE_POSTGRES they fail."""
    url = os.environ.get("GOVTOOL_TEST_POSTGRES_URL", "postgresql+psycopg://root@127.0.0.1:5432/test")
    try:
        engine = sa.create_engine(url)
        with engine.connect():
            pass
        engine.dispose()
    except (sa.exc.OperationalError, ModuleNotFoundError) as error:
        if os.environ.get("GOVTOOL_REQUIRE_POSTGRES"):
            pytest.fail(f"PostgreSQL is required here and cannot be reached: {error}")
        pytest.skip("no PostgreSQL at GOVTOOL_TEST_POSTGRES_URL or 127.0.0.1:5432")
    return url


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[sa.Engine]:
    """A migrated schema of its own, dropped afterwards; parallel test workers do not meet."""
    from govtool.runtime import new_id

    name = new_id("t").replace("-", "_")
    admin = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {name}"))
    url = sa.make_url(postgres_url).update_query_dict({"options": f"-csearch_path={name}"})
    engine = db.make_engine(url.render_as_string(hide_password=False))
    import_models()
    db.upgrade(engine)
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP SCHEMA {name} CASCADE"))
    admin.dispose()
