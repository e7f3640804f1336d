"""Exhibits and who handled them: acquire, then one event for every later act (NIST SP 800-86, ISO/IEC 27037).

What this shows is that the bytes are unchanged since they were acquired here. What happened to them before is only as
good as the system that wrote them; the item's `completeness` says what is known about that.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool import __version__
from govtool.digest import Sha256
from govtool.errors import InputError
from govtool.evidence import ledger
from govtool.evidence.models import CustodyEvent, EvidenceItem
from govtool.evidence.vault import Vault
from govtool.runtime import new_id

Action = Literal["acquire", "access", "copy", "derive", "transfer", "export", "verify", "hold", "dispose"]


def acquire(
    session: Session,
    vault: Vault,
    path: Path,
    *,
    case_id: str | None,
    description: str,
    source_system: str,
    source_locator: str,
    authority: str,
    completeness: str,
    now: datetime,
    by: str,
) -> EvidenceItem:
    """Take the file's exact bytes into the vault and open its chain of custody.

    `case_id` is the incident it belongs to, None when it belongs to none yet. `source_system` is what wrote the bytes,
    `source_locator` where they were found there (path, bucket, query with its time range), `authority` on what ground
    they were taken (ticket, order, legal basis), `completeness` what is known to be missing, sampled or cut off.

    Raises:
        InputError: absent, not a regular file, a symbolic link; or a field that a court will ask for is empty.
        WorkError: the vault cannot be written.
    """
    told = {
        "description": description,
        "source system": source_system,
        "authority": authority,
        "completeness": completeness,
    }
    empty = [name for name, value in told.items() if not value.strip()]
    if empty:
        raise InputError(f"an exhibit needs its {', '.join(empty)}", hint="say 'unknown' where it is unknown")
    stored = vault.put_file(path)
    changed = path.stat()
    item = EvidenceItem(
        id=new_id("ev"),
        case_id=case_id,
        description=description,
        sha256=stored.sha256,
        size=stored.size,
        original_name=os.fsencode(path.name).decode("utf-8", "backslashreplace"),  # a name need not be text
        source_system=source_system,
        source_locator=source_locator or str(path.resolve()),
        source_modified_at=datetime.fromtimestamp(changed.st_mtime, UTC),
        acquired_by=by,
        authority=authority,
        tool=f"govtool {__version__}",
        completeness=completeness,
    )
    ledger.record(session, item, now=now, by=by)
    # A live log grows while it is copied: the exhibit is what was read, and the difference is said.
    detail = {"sha256": stored.sha256, "size": stored.size, "size_at_source_after_copy": changed.st_size}
    add_event(session, item, "acquire", purpose=f"preserve: {authority}", detail=detail, now=now, by=by)
    return item


def derive(
    session: Session,
    item: EvidenceItem,
    *,
    purpose: str,
    produced_sha256: Sha256,
    detail: Mapping[str, Any],
    now: datetime,
    by: str,
) -> CustodyEvent:
    """Something was made from the exhibit; `produced_sha256` names its bytes, which are in the vault."""
    return add_event(
        session, item, "derive", purpose=purpose, detail=detail, produced_sha256=produced_sha256, now=now, by=by
    )


def add_event(
    session: Session,
    item: EvidenceItem,
    action: Action,
    *,
    purpose: str,
    detail: Mapping[str, Any],
    produced_sha256: Sha256 | None = None,
    now: datetime,
    by: str,
) -> CustodyEvent:
    """Record one act on the exhibit.

    Raises:
        InputError: unknown action, or no purpose.
    """
    if action not in get_args(Action):
        raise InputError(f"unknown custody action {action!r}", hint=f"one of {', '.join(get_args(Action))}")
    if not purpose.strip():
        raise InputError("a custody event needs its purpose")
    event = CustodyEvent(
        id=new_id("cus"),
        item_id=item.id,
        action=action,
        purpose=purpose,
        detail=dict(detail),
        produced_sha256=produced_sha256,
    )
    return ledger.record(session, event, now=now, by=by)


def chain(session: Session, item: EvidenceItem) -> Sequence[CustodyEvent]:
    """Everything recorded about the exhibit, oldest first."""
    query = sa.select(CustodyEvent).where(CustodyEvent.item_id == item.id).order_by(CustodyEvent.ledger_index)
    return session.scalars(query).all()
