"""The ledger: leaves, lock, checkpoints, and triggers that refuse every change."""

import subprocess
import sys
from datetime import datetime

import ledger_rows
import pytest
import sqlalchemy as sa
from ledger_rows import add_exhibit, add_model, unprotect
from sqlalchemy.orm import Session

from govtool import db
from govtool.db import Base
from govtool.errors import EvidenceError
from govtool.evidence import ledger, merkle
from govtool.evidence.models import CustodyEvent, LedgerCheckpoint, LedgerLeaf
from govtool.evidence.note import Signer, TreeHead
from govtool.evidence.schema import evidence_tables
from govtool.evidence.vault import Vault
from govtool.evidence.verify import verify
from govtool.registry.models import Model
from govtool.registry.service import by_id
from govtool.runtime import new_id


def test_the_root_is_the_merkle_root_of_the_entries(session: Session) -> None:
    for number in range(11):
        assert ledger.append(session, b"%d" % number) == number
        frontier = merkle.Frontier()
        for leaf in range(number + 1):
            frontier.add(merkle.leaf_hash(b"%d" % leaf))
        assert merkle.root(number + 1, ledger.stored(session)) == frontier.root()


def test_a_recorded_row_reads_back_to_its_very_entry(session: Session, vault: Vault, now: datetime) -> None:
    item = add_exhibit(session, vault, now)
    session.expire_all()
    data = session.scalar(sa.select(LedgerLeaf.data).where(LedgerLeaf.idx == item.ledger_index))
    assert ledger.entry(type(item), ledger.values(item)) == data
    assert item.sha256.encode() in data


def test_a_value_that_would_not_read_back_is_refused_at_once(session: Session, now: datetime) -> None:
    row = Model(id=new_id("mod"), name="m", description="", owner=True, purpose="")  # type: ignore[arg-type]
    with pytest.raises((ValueError, sa.exc.StatementError)):
        ledger.record(session, row, now=now, by="tester")


def test_a_number_that_json_cannot_carry_is_refused(session: Session, vault: Vault, now: datetime) -> None:
    item = add_exhibit(session, vault, now)
    row = CustodyEvent(
        id="cus-1", item_id=item.id, action="access", purpose="p", detail={"x": float("nan")}, produced_sha256=None
    )
    with pytest.raises(ValueError, match="nan"):
        ledger.record(session, row, now=now, by="tester")


def test_a_checkpoint_is_signed_once_per_size(session: Session, signer: Signer, now: datetime) -> None:
    assert ledger.checkpoint(session, signer, now=now) is None  # nothing to sign
    add_model(session, "a", now)
    row = ledger.checkpoint(session, signer, now=now)
    assert row is not None
    head = TreeHead.parse(signer.verifier.verify(row.note))
    assert (head.origin, head.size, head.root) == (signer.name, 1, merkle.root(1, ledger.stored(session)))
    assert ledger.checkpoint(session, signer, now=now) is None


def test_a_ledger_that_does_not_extend_its_last_head_is_not_signed(
    signed: sa.Engine, signer: Signer, now: datetime
) -> None:
    with db.session_scope(signed) as session:
        for table in ("custody_event", "ledger_leaf"):
            unprotect(session, table)
        session.execute(sa.text("DELETE FROM custody_event"))
        session.execute(sa.text("DELETE FROM ledger_leaf WHERE idx = 6"))
    with pytest.raises(EvidenceError, match="does not extend"), db.session_scope(signed) as session:
        ledger.checkpoint(session, signer, now=now)


def test_a_damaged_subtree_stops_the_signature(signed: sa.Engine, signer: Signer, now: datetime) -> None:
    with db.session_scope(signed) as session:
        unprotect(session, "ledger_node")
        session.execute(sa.text("UPDATE ledger_node SET hash = zeroblob(32) WHERE level = 2"))

    def one_more(session: Session) -> None:
        add_model(session, "more", now)
        ledger.checkpoint(session, signer, now=now)

    with pytest.raises(EvidenceError, match="nothing was signed"), db.session_scope(signed) as session:
        one_more(session)
    with db.session_scope(signed, read=True) as session:
        assert ledger.size(session) == 7  # the whole command was undone


def test_a_missing_subtree_is_an_evidence_error(session: Session) -> None:
    with pytest.raises(EvidenceError, match="no subtree 3/0"):
        ledger.stored(session)(3, 0)


def test_every_table_of_the_domains_is_known() -> None:
    tables = evidence_tables()
    own = {"ledger_leaf", "ledger_node", "ledger_checkpoint"}
    assert set(Base.metadata.tables) == set(tables) | own
    assert all("ledger_index" in cls.__table__.columns for cls in tables.values())


def first_rows(engine: sa.Engine, vault: Vault, signer: Signer, now: datetime) -> None:
    with db.session_scope(engine) as session:
        for number in range(2):
            add_model(session, f"m{number}", now)
        add_exhibit(session, vault, now)
        ledger.checkpoint(session, signer, now=now)


def refused(engine: sa.Engine, statement: str) -> bool:
    try:
        with engine.begin() as connection:
            connection.execute(sa.text(statement))
    except sa.exc.DBAPIError as error:
        return "is evidence" in str(error.orig)
    return False


def force_a_row(engine: sa.Engine, table: sa.Table) -> None:
    """Some row in a table that no test data reaches: constraints off, any value of the right type."""
    values: dict[str, object] = {}
    for column in table.columns:
        if column.key == "dataset_version_id" and "model_version_id" in table.columns and column.nullable:
            continue  # a run is of a model or of a dataset, which the database checks
        if isinstance(column.type, sa.LargeBinary):
            values[column.key] = b"x"
        elif isinstance(column.type, sa.Integer | sa.Float):
            values[column.key] = 77
        elif isinstance(column.type, sa.JSON):
            values[column.key] = {}
        elif isinstance(column.type, db.UtcDateTime):
            values[column.key] = ledger_rows.START
        else:
            values[column.key] = "x"
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
        else:
            connection.execute(sa.text("SET session_replication_role = replica"))
        connection.execute(sa.insert(table).values(values))
        connection.commit()
        connection.invalidate()


def check_every_table(engine: sa.Engine) -> None:
    evidence_tables()
    for table in Base.metadata.sorted_tables:
        force_a_row(engine, table)
        column = next(iter(table.columns)).name
        with engine.connect() as connection:
            before = connection.scalar(sa.select(sa.func.count()).select_from(table))
        assert before, table.name
        assert refused(engine, f"UPDATE {table.name} SET {column} = {column}"), f"UPDATE {table.name}"
        assert refused(engine, f"DELETE FROM {table.name}"), f"DELETE {table.name}"
        if engine.dialect.name == "postgresql":
            assert refused(engine, f"TRUNCATE {table.name} CASCADE"), f"TRUNCATE {table.name}"
        if engine.dialect.name == "sqlite":
            check_no_replacement(engine, table)
        with engine.connect() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == before


def check_no_replacement(engine: sa.Engine, table: sa.Table) -> None:
    """INSERT OR REPLACE deletes whatever holds one of the new row's keys, and no DELETE trigger fires."""
    names = [column.name for column in table.columns]
    unique = [set(table.primary_key.columns.keys())]
    unique += [set(one.columns.keys()) for one in table.constraints if isinstance(one, sa.UniqueConstraint)]
    for kept in unique:  # a new row that shares only this key with the one that is there
        values = ", ".join(
            name if name in kept else f"{name} + 1" if isinstance(table.c[name].type, sa.Integer) else f"{name} || 'x'"
            for name in names
        )
        for verb in ("INSERT OR REPLACE", "REPLACE"):
            assert refused(engine, f"{verb} INTO {table.name} SELECT {values} FROM {table.name}"), (table.name, kept)
    if table.name != "ledger_leaf":  # there the row number is the index
        other = ", ".join(
            f"{name} + 1" if isinstance(table.c[name].type, sa.Integer) else f"{name} || 'x'" for name in names
        )
        words = f"INSERT OR REPLACE INTO {table.name} (rowid, {', '.join(names)}) SELECT rowid, {other}"
        assert refused(engine, f"{words} FROM {table.name}"), f"row number of {table.name}"


def test_sqlite_refuses_to_change_or_delete_any_row_of_any_table(engine: sa.Engine) -> None:
    check_every_table(engine)


@pytest.mark.postgres
def test_postgresql_refuses_to_change_delete_or_truncate_any_table(postgres: sa.Engine) -> None:
    check_every_table(postgres)


def append_at_once(engine: sa.Engine, vault: Vault, signer: Signer, now: datetime, *, writers: int, each: int) -> None:
    url = engine.url.render_as_string(hide_password=False)
    words = [sys.executable, ledger_rows.__file__, "append", url, "-", str(writers), str(each)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    with db.session_scope(engine) as session:
        ledger.checkpoint(session, signer, now=now, sign_unsigned=True)  # the children have no key
    with db.session_scope(engine, read=True) as session:
        names = set(session.scalars(sa.select(Model.name)))
        assert names == {f"w{writer}-{number}" for writer in range(writers) for number in range(each)}
        assert list(session.scalars(sa.select(LedgerLeaf.idx).order_by(LedgerLeaf.idx))) == list(range(writers * each))
        result = verify(session, vault, signer.verifier)
    assert (result.problems, result.leaves, result.unsigned) == ((), writers * each, 0)


def test_eight_processes_append_to_sqlite_at_once(
    engine: sa.Engine, vault: Vault, signer: Signer, now: datetime
) -> None:
    append_at_once(engine, vault, signer, now, writers=8, each=5)


@pytest.mark.postgres
def test_eight_processes_append_to_postgresql_at_once(
    postgres: sa.Engine, vault: Vault, signer: Signer, now: datetime
) -> None:
    append_at_once(postgres, vault, signer, now, writers=8, each=5)


@pytest.mark.postgres
def test_postgresql_verifies_and_names_what_was_altered(
    postgres: sa.Engine, vault: Vault, signer: Signer, now: datetime
) -> None:
    first_rows(postgres, vault, signer, now)
    with db.session_scope(postgres, read=True) as session:
        assert verify(session, vault, signer.verifier).ok
    with db.session_scope(postgres) as session:
        unprotect(session, "evidence_item")
        session.execute(sa.text("UPDATE evidence_item SET authority = 'none'"))
    with db.session_scope(postgres, read=True) as session:
        (problem,) = verify(session, vault, signer.verifier).problems
    assert (problem.kind, "server.log" in problem.item, "authority" in problem.detail) == ("row", True, True)


@pytest.mark.postgres
def test_a_read_on_postgresql_is_one_snapshot(postgres: sa.Engine, vault: Vault, signer: Signer, now: datetime) -> None:
    first_rows(postgres, vault, signer, now)
    with db.session_scope(postgres, read=True) as reader:
        before = ledger.size(reader)
        with db.session_scope(postgres) as writer:
            add_model(writer, "meanwhile", now)
        assert ledger.size(reader) == before
        assert verify(reader, vault, signer.verifier).ok


def test_a_read_on_sqlite_is_one_snapshot(signed: sa.Engine, vault: Vault, signer: Signer, now: datetime) -> None:
    with db.session_scope(signed, read=True) as reader:
        before = ledger.size(reader)
        with db.session_scope(signed) as writer:
            add_model(writer, "meanwhile", now)
        assert ledger.size(reader) == before
        assert verify(reader, vault, signer.verifier).ok


def test_a_failed_command_leaves_no_entry(engine: sa.Engine, now: datetime) -> None:
    def fail(session: Session) -> None:
        add_model(session, "a", now)
        raise RuntimeError

    with pytest.raises(RuntimeError), db.session_scope(engine) as session:
        fail(session)
    with db.session_scope(engine, read=True) as session:
        assert ledger.size(session) == 0
        assert session.scalars(sa.select(LedgerCheckpoint)).all() == []


@pytest.mark.parametrize(
    "statement",
    [
        (
            "INSERT INTO model (id, recorded_at, recorded_by, ledger_index, name, description, owner, purpose) "
            "VALUES ('mod-x', '2026-01-01 00:00:00.000000', 'x', 7.5, 'forged', '', '', '')"
        ),
        "INSERT INTO ledger_node VALUES (1.5, 0, x'00')",
        "INSERT INTO ledger_checkpoint VALUES ('chk-x', 3.5, '', '2026-01-01 00:00:00.000000')",
    ],
)
def test_sqlite_refuses_a_place_between_two_entries(signed: sa.Engine, statement: str) -> None:
    assert refused(signed, statement)
    with signed.connect() as connection:  # the same statement with a whole number is taken, so the number was why
        connection.execute(sa.text(statement.replace(".5", "2")))
        connection.rollback()


def test_a_forged_tail_is_not_signed_by_the_next_command(signed: sa.Engine, signer: Signer, now: datetime) -> None:
    with db.session_scope(signed) as session:
        add_model(session, "forged", now)  # by someone who can write to the database and has no key

    def one_more(name: str, *, vouch: bool) -> LedgerCheckpoint | None:
        with db.session_scope(signed) as session:
            add_model(session, name, now)
            return ledger.checkpoint(session, signer, now=now, sign_unsigned=vouch)

    with pytest.raises(EvidenceError, match="1 ledger entries, 7 to 7, are not signed"):
        one_more("honest", vouch=False)
    with pytest.raises(EvidenceError, match="not signed"), db.session_scope(signed) as session:
        ledger.checkpoint(session, signer, now=now)  # nor by one that records nothing
    row = one_more("honest", vouch=True)
    assert row is not None
    assert row.tree_size == 9
    assert one_more("next", vouch=False) is not None


def test_a_forged_head_over_the_tail_does_not_lead_to_a_signature(
    signed: sa.Engine, signer: Signer, now: datetime
) -> None:
    with db.session_scope(signed) as session:
        add_model(session, "forged", now)
        text = TreeHead(signer.name, 8, merkle.root(8, ledger.stored(session))).text()
        note = signer.sign(text)
        broken = note[:-10] + ("A" if note[-10] != "A" else "B") + note[-9:]
        session.add(LedgerCheckpoint(id="chk-forged", tree_size=8, note=broken, recorded_at=now))
    with pytest.raises(EvidenceError), db.session_scope(signed) as session:
        ledger.checkpoint(session, signer, now=now)


def test_entries_of_one_session_belong_to_their_own_transaction(
    engine: sa.Engine, signer: Signer, now: datetime
) -> None:
    with Session(engine) as session:
        with session.begin():
            add_model(session, "a", now)
            with session.begin_nested() as inner:
                add_model(session, "undone", now)
                inner.rollback()
            add_model(session, "b", now)
            assert ledger.checkpoint(session, signer, now=now) is not None
        with session.begin():
            add_model(session, "never signed", now)
        with session.begin():
            add_model(session, "c", now)
            with pytest.raises(EvidenceError, match="2 to 2"):
                ledger.checkpoint(session, signer, now=now)


def test_a_kept_head_that_the_ledger_does_not_extend_stops_the_signature(
    signed: sa.Engine, signer: Signer, now: datetime
) -> None:
    for head in (TreeHead(signer.name, 9, b"\1" * 32), TreeHead(signer.name, 5, b"\1" * 32)):
        with (
            pytest.raises(EvidenceError, match=f"kept outside the database of {head.size} entries"),
            db.session_scope(signed) as session,
        ):
            ledger.checkpoint(session, signer, now=now, kept=[head])


@pytest.mark.postgres
def test_postgresql_signs_what_a_transaction_wrote_and_no_tail_of_unknown_origin(
    postgres: sa.Engine, vault: Vault, signer: Signer, now: datetime
) -> None:
    with db.session_scope(postgres) as session:
        assert ledger.checkpoint(session, signer, now=now) is None  # an empty ledger
    first_rows(postgres, vault, signer, now)
    with db.session_scope(postgres) as session:
        forged = add_model(session, "forged", now)
        assert by_id(session, Model, forged.id.upper()) is forged
    with pytest.raises(EvidenceError, match="1 ledger entries, 4 to 4"), db.session_scope(postgres) as session:
        ledger.checkpoint(session, signer, now=now)
    with db.session_scope(postgres, read=True) as session:
        assert [problem.kind for problem in verify(session, vault, signer.verifier).problems] == ["unsigned"]
