"""The tables against the ledger: each entry has its row, unchanged, and no row stands there without an entry."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.digest import canonical_json
from govtool.evidence import ledger
from govtool.evidence.labels import record_label
from govtool.evidence.models import EvidenceRow
from govtool.evidence.schema import evidence_tables
from govtool.evidence.tree import Leaf, Problem

Values = Mapping[str, Any]


class RowCheck:
    """Fed in step with the ledger: each call covers the ledger indices up to `high`."""

    def __init__(self, session: Session, problems: list[Problem]) -> None:
        self._session, self._problems = session, problems
        self._tables = evidence_tables()
        self._next: int | None = None  # rows below it were looked at; None before the first batch

    def add(self, high: int, entries: Sequence[tuple[Leaf, dict[str, Any]]]) -> None:
        rows: dict[tuple[str, int], Values | None] = {}
        for name, kind in self._tables.items():
            place = kind.ledger_index
            # Half open: SQLite keeps a forged place of 15.5 as it is, and no batch may leave it out.
            inside = place < high + 1 if self._next is None else sa.and_(place >= self._next, place < high + 1)
            rows.update({(name, index): values for index, values in self._read(kind, inside)})
        self._next = high + 1
        for leaf, entry in entries:
            self._compare(leaf, entry, rows)
        for name, index in sorted(rows):
            self._extra(name, index, rows[name, index])

    def finish(self) -> None:
        """Rows that point beyond the ledger."""
        for name, kind in self._tables.items():
            beyond = sa.true() if self._next is None else kind.ledger_index >= self._next
            for index, values in self._read(kind, beyond):
                self._extra(name, index, values)

    def _compare(self, leaf: Leaf, entry: dict[str, Any], rows: dict[tuple[str, int], Values | None]) -> None:
        label = record_label(entry["kind"], entry["body"])
        kind = self._tables.get(entry["kind"])
        if kind is None:
            self._problems.append(
                Problem("entry", f"ledger entry {leaf.idx}", "it is of a kind this govtool does not know")
            )
            return
        if (entry["kind"], leaf.idx) not in rows:
            self._problems.append(
                Problem("row", label, f"ledger entry {leaf.idx} has it, its row is gone from the database")
            )
            return
        values = rows.pop((entry["kind"], leaf.idx))
        if values is None:
            self._problems.append(Problem("row", label, "its row in the database cannot be read"))
        elif _entry(kind, values) != leaf.data:
            names = ", ".join(_changed(kind, values, entry["body"])) or "the entry's form"
            self._problems.append(Problem("row", label, f"row and ledger entry {leaf.idx} differ in: {names}"))

    def _extra(self, name: str, index: int, values: Values | None) -> None:
        label = record_label(name, values) if values is not None else f"{name.replace('_', ' ')} at place {index}"
        self._problems.append(Problem("row", label, "it is in the database, the ledger has no entry for it"))

    def _read(self, kind: type[EvidenceRow], where: sa.ColumnElement[bool]) -> list[tuple[int, Values | None]]:
        """Rows as (place, values); values are None where what is stored is not of the column's type any more."""
        query = sa.select(kind.ledger_index.label("place_"), *ledger.columns(kind)).where(where)
        try:
            return [(row["place_"], dict(row)) for row in self._session.execute(query).mappings()]
        except (ValueError, TypeError, sa.exc.OperationalError) as error:
            if isinstance(error, sa.exc.OperationalError) and "decode" not in str(error.orig):
                raise
        places = self._session.scalars(sa.select(kind.ledger_index).where(where)).all()
        return [(place, self._one(kind, place)) for place in places]

    def _one(self, kind: type[EvidenceRow], place: int) -> Values | None:
        query = sa.select(*ledger.columns(kind)).where(kind.ledger_index == place)
        try:
            return dict(self._session.execute(query).mappings().one())
        except (ValueError, TypeError, sa.exc.OperationalError):
            return None


def _entry(kind: type[EvidenceRow], values: Values) -> bytes | None:
    try:
        return ledger.entry(kind, values)
    except (ValueError, TypeError):  # such as an infinite number, which no entry can hold
        return None


def _changed(kind: type[EvidenceRow], values: Values, body: Values) -> list[str]:
    names = []
    for column in ledger.columns(kind):
        try:
            same = column.key in body and canonical_json(values[column.key]) == canonical_json(body[column.key])
        except (ValueError, TypeError):
            same = False
        if not same:
            names.append(column.key)
    return names
