"""The one append-only ledger: every evidence record is a leaf of a Merkle tree whose heads are signed.

Appending takes a lock that all writers share (SQLite: the write transaction; PostgreSQL: an advisory lock), reads the
last index and inserts the next. The primary key on the index makes a double append impossible even without the lock.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.digest import canonical_json
from govtool.errors import EvidenceError
from govtool.evidence import merkle
from govtool.evidence.models import EvidenceRow, LedgerCheckpoint, LedgerLeaf, LedgerNode
from govtool.evidence.note import Signer, TreeHead
from govtool.runtime import new_id

SCHEMA = "govtool.ledger/1"
Row = TypeVar("Row", bound=EvidenceRow)
_LOCK_KEY = 0x676F7674  # "govt"
_FIRST = "govtool.ledger.first"


def size(session: Session) -> int:
    last = session.connection().scalar(sa.select(sa.func.max(LedgerLeaf.idx)))
    return 0 if last is None else last + 1


def append(session: Session, data: bytes) -> int:
    """Add a leaf; returns its index. Visible to others when the caller's transaction commits."""
    connection = session.connection()  # Core: the unit of work has no part in these tables and costs half the time
    lock(session)
    index = size(session)
    _remember(session, index)
    current = merkle.leaf_hash(data)
    connection.execute(sa.insert(LedgerLeaf).values(idx=index, data=data, leaf_hash=current))
    read = stored(session)
    level, position = 0, index
    while position & 1:  # this leaf completes the perfect subtree one level up
        current = merkle.node_hash(read(level, position - 1), current)
        level, position = level + 1, position >> 1
        connection.execute(sa.insert(LedgerNode).values(level=level, idx=position, hash=current))
    return index


def lock(session: Session) -> None:
    """Until the transaction ends nobody else appends. On SQLite the write transaction is that lock already."""
    if session.connection().dialect.name == "postgresql":
        session.connection().execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY)))


def _remember(session: Session, index: int) -> None:
    """Keep the first index that this transaction appended, for `checkpoint`; a later transaction replaces it."""
    transaction = session.connection().get_transaction()
    if session.info.get(_FIRST, (None,))[0] is not transaction:
        session.info[_FIRST] = (transaction, index)


def _began(session: Session, leaves: int) -> int:
    """How many entries were there before this transaction."""
    transaction, index = session.info.get(_FIRST, (None, leaves))
    return int(index) if transaction is session.connection().get_transaction() else leaves


def stored(session: Session) -> merkle.Subtree:
    """Reads subtree roots from the database; EvidenceError where one is missing."""

    def read(level: int, idx: int) -> bytes:
        table, where = (
            (LedgerLeaf.leaf_hash, LedgerLeaf.idx == idx)
            if level == 0
            else (LedgerNode.hash, sa.and_(LedgerNode.level == level, LedgerNode.idx == idx))
        )
        value: bytes | None = session.connection().scalar(sa.select(table).where(where))
        if value is None:
            raise EvidenceError(f"the ledger has no subtree {level}/{idx}", hint="govtool evidence verify")
        return value

    return read


def columns(kind: type[EvidenceRow]) -> list[sa.Column[Any]]:
    """The columns that an entry covers: all but the row's place in the ledger."""
    return [column for column in cast("sa.Table", kind.__table__).columns if column.key != "ledger_index"]


def values(row: EvidenceRow) -> dict[str, Any]:
    """The row's values of those columns."""
    return {column.key: getattr(row, column.key) for column in columns(type(row))}


def artifacts(kind: type[EvidenceRow], body: Mapping[str, Any]) -> list[str]:
    """Digests of the vault bytes that such a row rests on."""
    found: list[str] = []
    for column in columns(kind):
        value = body.get(column.key)
        if column.info.get("vault") and value:
            found.extend(value if isinstance(value, list) else [value])
    return found


def entry(kind: type[EvidenceRow], found: Mapping[str, Any]) -> bytes:
    """The leaf's bytes: canonical JSON of the row, so that the row can be checked against the leaf at any time."""
    body = {column.key: found[column.key] for column in columns(kind)}
    return canonical_json(
        {"schema": SCHEMA, "kind": kind.__tablename__, "body": body, "artifacts": artifacts(kind, body)}
    )


def record(session: Session, row: Row, *, now: datetime, by: str) -> Row:
    """Append the row to the ledger and insert it. The row's `id` must be set, and every column filled.

    Returns:
        The same row, flushed, so that a broken constraint shows here and not at the commit.

    Raises:
        ValueError: a value would not read back as it was written, so the entry would never verify: a bug in the caller.
    """
    row.recorded_at, row.recorded_by = now, by
    kind = type(row)
    data = entry(kind, values(row))
    row.ledger_index = append(session, data)
    session.add(row)
    session.flush()
    back = dict(session.connection().execute(sa.select(*columns(kind)).where(kind.id == row.id)).mappings().one())
    if entry(kind, back) != data:
        changed = [key for key in back if canonical_json(back[key]) != canonical_json(getattr(row, key))]
        raise ValueError(f"{kind.__tablename__}.{', '.join(changed)} would not read back as written")
    return row


def stands(session: Session, row: EvidenceRow) -> bool:
    """Whether the row is, column for column, what its ledger entry says. Whether the entry is genuine, `verify` shows."""
    data = session.connection().scalar(sa.select(LedgerLeaf.data).where(LedgerLeaf.idx == row.ledger_index))
    return data is not None and bytes(data) == entry(type(row), values(row))


def checkpoint(
    session: Session, signer: Signer, *, now: datetime, kept: Iterable[TreeHead] = (), sign_unsigned: bool = False
) -> LedgerCheckpoint | None:
    """Sign the current tree head; None when it is signed already or the ledger is empty.

    A signature vouches for every entry below it. So it covers only what a valid signature covered before and what this
    very transaction appended: entries and checkpoint are committed together, and nothing legitimate lies in between.

    Args:
        session: the transaction that appended the entries.
        signer: the custodian's key.
        now: the instant of signing.
        kept: heads kept outside the database, their signatures checked, that this ledger must extend.
        sign_unsigned: a person vouches for entries that stood there unsigned.

    Raises:
        EvidenceError: the ledger no longer extends what was signed last or a kept head, or it has unsigned entries of
            unknown origin. A signature over such a head would vouch for two histories or for a forgery: none is made.
    """
    lock(session)
    leaves = size(session)
    newest = session.scalar(sa.select(LedgerCheckpoint).order_by(LedgerCheckpoint.tree_size.desc()).limit(1))
    covered = 0
    if newest is not None:
        signed = TreeHead.parse(signer.verifier.verify(newest.note))
        _must_extend(session, leaves, signed, "its signed checkpoint")
        covered = signed.size
    for head in kept:
        _must_extend(session, leaves, head, "a checkpoint kept outside the database")
    before = _began(session, leaves)
    if before > covered and not sign_unsigned:
        raise EvidenceError(
            f"{before - covered} ledger entries, {covered} to {before - 1}, are not signed and no command left them so; "
            "nothing was signed",
            hint="look at them; to vouch for them: govtool evidence checkpoint --sign-unsigned",
        )
    if leaves == covered:
        return None
    made = TreeHead(signer.name, leaves, merkle.root(leaves, stored(session)))
    row = LedgerCheckpoint(id=new_id("chk"), tree_size=leaves, note=signer.sign(made.text()), recorded_at=now)
    session.add(row)
    session.flush()
    return row


def _must_extend(session: Session, leaves: int, head: TreeHead, what: str) -> None:
    if head.size > leaves or merkle.root(head.size, stored(session)) != head.root:
        raise EvidenceError(
            f"the ledger does not extend {what} of {head.size} entries; nothing was signed",
            hint="govtool evidence verify names what changed",
        )
