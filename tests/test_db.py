"""The database: types, transactions, and that the migrations give exactly the schema of the models."""

import importlib.util
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from govtool import db
from govtool.db import Base, UtcDateTime, session_scope
from govtool.errors import InputError, WorkError
from govtool.evidence.schema import import_models

INSTANT = datetime(2026, 3, 10, 9, 0, 0, 123456, tzinfo=UTC)
FACTS = sa.Table("facts", sa.MetaData(), sa.Column("at", UtcDateTime))


def keep(engine: sa.Engine, instant: datetime | None) -> datetime | None:
    with engine.connect() as connection:
        FACTS.create(connection)
        connection.execute(sa.insert(FACTS).values(at=instant))
        found = connection.scalar(sa.select(FACTS.c.at))
        connection.rollback()
    return found


@pytest.fixture
def plain(tmp_path: Path) -> sa.Engine:
    return db.make_engine(f"sqlite:///{tmp_path}/plain.db")


def every_form_of_one_instant(engine: sa.Engine) -> None:
    for zone in (UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=8))):
        found = keep(engine, INSTANT.astimezone(zone))
        assert found == INSTANT
        assert found is not None
        assert found.utcoffset() == timedelta(0)
    assert keep(engine, None) is None


def test_an_instant_comes_back_in_utc_to_the_microsecond_on_sqlite(plain: sa.Engine) -> None:
    every_form_of_one_instant(plain)


@pytest.mark.postgres
def test_an_instant_comes_back_in_utc_to_the_microsecond_on_postgresql(postgres: sa.Engine) -> None:
    every_form_of_one_instant(postgres)


def test_a_time_without_its_zone_is_refused(plain: sa.Engine) -> None:
    with pytest.raises(sa.exc.StatementError, match="naive datetime"):
        keep(plain, INSTANT.replace(tzinfo=None))


def no_difference(engine: sa.Engine) -> None:
    import_models()
    with engine.execution_options(govtool_read=True).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    assert db.current_revision(engine) == db.head_revision() is not None


def test_migrating_sqlite_gives_exactly_the_schema_of_the_models(session: Session) -> None:
    engine = session.get_bind().engine
    assert isinstance(engine, sa.Engine)
    no_difference(engine)


@pytest.mark.postgres
def test_migrating_postgresql_gives_exactly_the_schema_of_the_models(postgres: sa.Engine) -> None:
    no_difference(postgres)


def test_the_comparison_sees_a_column_that_no_migration_made(session: Session) -> None:
    extra = sa.MetaData(naming_convention=db.NAMING)
    for table in Base.metadata.sorted_tables:
        table.to_metadata(extra)
    extra.tables["model"].append_column(sa.Column("forgotten", sa.Text))
    context = MigrationContext.configure(session.connection())
    assert [change[0] for change in compare_metadata(context, extra)] == ["add_column"]


def test_no_migration_offers_a_way_back_that_would_drop_evidence() -> None:
    for script in ScriptDirectory.from_config(db.alembic_config()).walk_revisions():
        spec = importlib.util.spec_from_file_location("migration", script.path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with pytest.raises((NotImplementedError, AttributeError)):
            module.downgrade()


def test_the_newest_file_is_alembic_s_head() -> None:
    assert db.head_revision() == ScriptDirectory.from_config(db.alembic_config()).get_current_head()


def test_migrating_twice_changes_nothing(plain: sa.Engine) -> None:
    assert db.current_revision(plain) is None
    db.upgrade(plain)
    first = db.current_revision(plain)
    db.upgrade(plain)
    assert db.current_revision(plain) == first == db.head_revision()
    plain.dispose()


def test_sqlite_is_set_up_to_lose_nothing(plain: sa.Engine) -> None:
    with plain.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    plain.dispose()


def test_a_failed_transaction_leaves_nothing(plain: sa.Engine) -> None:
    with session_scope(plain) as session:
        session.execute(sa.text("CREATE TABLE t (x INTEGER)"))

    def fail(session: Session) -> None:
        session.execute(sa.text("INSERT INTO t VALUES (1)"))
        raise RuntimeError

    with pytest.raises(RuntimeError), session_scope(plain) as session:
        fail(session)
    with session_scope(plain, read=True) as session:
        assert session.scalar(sa.text("SELECT count(*) FROM t")) == 0
    plain.dispose()


def test_a_reader_does_not_wait_for_a_writer(plain: sa.Engine) -> None:
    with session_scope(plain) as session:
        session.execute(sa.text("CREATE TABLE t (x INTEGER)"))
    with session_scope(plain) as writer:
        writer.execute(sa.text("INSERT INTO t VALUES (1)"))
        with session_scope(plain, read=True) as reader:
            assert reader.scalar(sa.text("SELECT count(*) FROM t")) == 0
    plain.dispose()


@pytest.mark.parametrize("url", ["", "not a url", "nosuch://x"])
def test_a_url_that_cannot_be_read_is_the_users_mistake(url: str) -> None:
    with pytest.raises(InputError):
        db.make_engine(url)


def test_a_database_that_cannot_be_used_is_named_without_its_password(tmp_path: Path) -> None:
    engine = db.make_engine(f"sqlite:///{tmp_path}/no/such/folder/x.db")
    with pytest.raises(WorkError, match="cannot be used"), session_scope(engine) as session:
        session.execute(sa.text("SELECT 1"))
    assert "secret" not in db.redacted("postgresql://me:secret@db.example/x")
    assert db.redacted("not a url") == "(unreadable)"


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"this is not a database, but long enough to look at" * 100)
    engine = db.make_engine(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(WorkError, match="not a database"), session_scope(engine) as session:
        session.execute(sa.text("SELECT 1"))
    with pytest.raises(WorkError, match="not a database"):
        db.upgrade(engine)
