"""Rows that are evidence, and the ledger that holds them together."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from govtool.db import Base, UtcDateTime
from govtool.digest import Sha256

IN_VAULT = {"vault": True}
"""Column marker: this column holds the digest (or a list of digests) of bytes that must be in the vault."""

LedgerInt = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class EvidenceRow(Base):
    """A row inserted once and never changed. All its columns but `ledger_index` are its ledger entry's body.

    Corrections are new rows with author and reason; database triggers refuse UPDATE and DELETE.
    """

    __abstract__ = True

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_by: Mapped[str] = mapped_column(sa.String(200))

    @declared_attr
    @classmethod
    def ledger_index(cls) -> Mapped[int]:
        return mapped_column(LedgerInt, unique=True)


class LedgerLeaf(Base):
    """Entry `idx` of the Merkle tree: its exact bytes and RFC 6962 leaf hash."""

    __tablename__ = "ledger_leaf"

    idx: Mapped[int] = mapped_column(LedgerInt, primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(sa.LargeBinary)
    leaf_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32))


class LedgerNode(Base):
    """The root of the perfect subtree of 2^level leaves that ends at leaf (idx + 1) * 2^level - 1, level >= 1."""

    __tablename__ = "ledger_node"

    level: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    idx: Mapped[int] = mapped_column(LedgerInt, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32))


class LedgerCheckpoint(Base):
    """A signed tree head: C2SP tlog-checkpoint text in a signed note."""

    __tablename__ = "ledger_checkpoint"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    tree_size: Mapped[int] = mapped_column(LedgerInt)
    note: Mapped[str] = mapped_column(sa.Text)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EvidenceItem(EvidenceRow):
    """One exhibit: bytes as received, with the fields that chain of custody asks for (NIST SP 800-86, ISO/IEC 27037)."""

    __tablename__ = "evidence_item"

    case_id: Mapped[str | None] = mapped_column(sa.String(40), index=True)
    description: Mapped[str] = mapped_column(sa.Text)
    sha256: Mapped[Sha256] = mapped_column(sa.String(64), info=IN_VAULT)
    size: Mapped[int] = mapped_column(sa.BigInteger)
    original_name: Mapped[str] = mapped_column(sa.Text)
    source_system: Mapped[str] = mapped_column(sa.Text)
    source_locator: Mapped[str] = mapped_column(sa.Text)
    source_modified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acquired_by: Mapped[str] = mapped_column(sa.Text)
    authority: Mapped[str] = mapped_column(sa.Text)
    tool: Mapped[str] = mapped_column(sa.Text)
    completeness: Mapped[str] = mapped_column(sa.Text)


class CustodyEvent(EvidenceRow):
    """Who did what with an exhibit, when and why: acquire, access, copy, derive, transfer, export, verify, hold, dispose."""

    __tablename__ = "custody_event"

    item_id: Mapped[str] = mapped_column(sa.ForeignKey("evidence_item.id"), index=True)
    action: Mapped[str] = mapped_column(sa.String(20))
    purpose: Mapped[str] = mapped_column(sa.Text)
    detail: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    produced_sha256: Mapped[Sha256 | None] = mapped_column(sa.String(64), info=IN_VAULT)
