"""Find any record by the start of its id, whichever table holds it."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.errors import AmbiguousError, NotFoundError
from govtool.evidence.models import EvidenceRow
from govtool.evidence.schema import evidence_tables


def find_record(session: Session, prefix: str) -> EvidenceRow:
    """The one record whose id starts with `prefix`, however it is typed; a whole id wins over longer ones.

    Raises:
        NotFoundError: none.
        AmbiguousError: several.
    """
    prefix = prefix.lower()  # LIKE ignores case on SQLite and heeds it on PostgreSQL
    found: list[EvidenceRow] = []
    for kind in evidence_tables().values():
        query = sa.select(kind).where(kind.id.startswith(prefix, autoescape=True)).order_by(kind.id).limit(2)
        found.extend(session.scalars(query).unique())
    whole = [row for row in found if row.id == prefix]
    if whole:
        return whole[0]
    if len(found) > 1 and prefix:
        raise AmbiguousError(f"{prefix!r} fits more than one record", hint="give more of the id")
    if not found or not prefix:
        raise NotFoundError(f"no record {prefix!r}", hint="ids are printed by every list command")
    return found[0]
