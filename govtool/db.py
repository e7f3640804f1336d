"""The database: one schema for SQLite and PostgreSQL, changed only by migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from govtool import resources
from govtool.errors import InputError, WorkError

if TYPE_CHECKING:
    from alembic.config import Config

_BUSY_MS = 60_000
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC instants only; SQLite keeps them as naive UTC text, PostgreSQL as timestamptz."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime: {value!r}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def make_engine(url: str) -> sa.Engine:
    """An engine for `url`. SQLite gets WAL, foreign keys, a busy timeout and explicit BEGIN.

    Raises:
        InputError: the URL cannot be read.
        MissingExtraError: its driver is not installed.
    """
    try:
        engine = sa.create_engine(url)
    except sa.exc.ArgumentError as error:
        raise InputError(f"not a database URL: {redacted(url)}", hint="for example sqlite:///govtool.db") from error
    except ModuleNotFoundError as error:
        from govtool.errors import MissingExtraError

        raise MissingExtraError("postgres", f"the database {redacted(url)}") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: Any) -> None:
    # The driver's own transaction handling delays BEGIN and would let tests and writers leak into each other.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):  # asked first: a read-only file cannot be set
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # committed evidence survives power loss
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer takes the lock at once: upgrading a read transaction later can fail without waiting.
    reading = connection.get_execution_options().get("govtool_read", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def session_scope(engine: sa.Engine, *, read: bool = False) -> Iterator[Session]:
    """One transaction: commits at the end, rolls back on any error.

    Raises:
        WorkError: the database cannot be reached or written.
    """
    bound = engine
    if read:  # one snapshot for the whole read, which SQLite gives anyway
        level = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        bound = engine.execution_options(govtool_read=True, **level)
    try:
        with Session(bound, expire_on_commit=False) as session, session.begin():
            yield session
    except DatabaseError as error:
        if not _unusable(error):  # a broken constraint and the like: the caller's matter
            raise
        raise WorkError(
            f"the database {redacted(engine.url)} cannot be used: {error.orig}",
            hint="is it there, writable and migrated? try: govtool db upgrade",
        ) from error


def _unusable(error: DatabaseError) -> bool:
    """Locked, full, unreachable; or, where the driver has no better class, not a database or a damaged one."""
    return isinstance(error, OperationalError) or type(error) is DatabaseError


def redacted(url: str | sa.URL) -> str:
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "(unreadable)"


def alembic_config(engine: sa.Engine | None = None) -> "Config":
    """Alembic's configuration, built in code: no alembic.ini, no URL with a password on disk."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(resources.find("migrations")).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: sa.Engine) -> None:
    """Bring the schema to the newest revision.

    Raises:
        WorkError: the database cannot be reached or written.
    """
    from alembic import command

    try:
        command.upgrade(alembic_config(engine), "head")
    except DBAPIError as error:
        raise WorkError(f"the database {redacted(engine.url)} cannot be migrated: {error.orig}") from error


def current_revision(engine: sa.Engine) -> str | None:
    """The revision the database is at; None when it was never migrated.

    Asked at the start of every command, so without Alembic, whose import takes a third of a second.
    """
    table = sa.table("alembic_version", sa.column("version_num"))
    # As a reader: the default would wait for whoever is writing.
    with engine.execution_options(govtool_read=True).connect() as connection:
        if not sa.inspect(connection).has_table(table.name):
            return None
        revision: str | None = connection.scalar(sa.select(table.c.version_num))
        return revision


def head_revision() -> str:
    """The newest revision, by file name: migrations are called NNNN_slug.py after their revision (a test checks)."""
    return max(path.name.split("_")[0] for path in (resources.find("migrations") / "versions").glob("[0-9]*_*.py"))
