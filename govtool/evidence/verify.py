"""Does the evidence still say what it said? Tree, signatures, rows and bytes, in one pass over the ledger.

Everything is recomputed from the entries' bytes: stored hashes are compared, never trusted. Memory stays bounded by the
batch, the distinct digests and the problems found. What this cannot show: what happened before bytes came in, and
whether the custodian's key was in other hands.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.digest import Sha256
from govtool.evidence.labels import bytes_label, record_label
from govtool.evidence.models import LedgerLeaf
from govtool.evidence.note import Verifier
from govtool.evidence.rows import RowCheck
from govtool.evidence.tree import Leaf, Problem, TreeCheck
from govtool.evidence.vault import BlobState, Vault
from govtool.evidence.witness import Witnessed

_BATCH = 1024
Progress = Callable[[int, int], None]
"""(entries done, entries in all)"""


@dataclass(frozen=True)
class Verification:
    """What was checked, what is wrong, and what is worth knowing though it is not wrong."""

    leaves: int
    checkpoints: int
    blobs_checked: int
    witnessed: int
    problems: tuple[Problem, ...]
    unsigned: int
    """Entries after the newest valid checkpoint. A command leaves none, not even when it is killed."""
    unreferenced: int
    """Blobs that no entry names, such as those of a command that failed."""
    leftovers: int
    set_aside: int
    damaged_witness_lines: int

    @property
    def ok(self) -> bool:
        return not self.problems


def verify(
    session: Session,
    vault: Vault,
    verifier: Verifier,
    *,
    witnessed: Witnessed | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Check everything. Read `witnessed` before the session's snapshot begins, or a fresh commit looks like a rollback.

    Args:
        session: a read-only session; on PostgreSQL a repeatable-read one, as `session_scope(read=True)` gives.
        vault: where the bytes are.
        verifier: the custodian's public key. Checkpoints signed by another key are problems.
        witnessed: checkpoints kept outside the database.
        progress: called after each batch of entries.
    """
    kept = witnessed or Witnessed()
    problems: list[Problem] = []
    tree = TreeCheck(session, verifier, kept.notes, problems)
    rows, blobs = RowCheck(session, problems), _BlobCheck(vault, problems)
    total = session.scalar(sa.select(sa.func.count()).select_from(LedgerLeaf)) or 0
    for batch in _batches(session):
        tree.add(batch)
        entries = [(leaf, _parsed(leaf, problems)) for leaf in batch]
        rows.add(batch[-1].idx, [(leaf, entry) for leaf, entry in entries if entry is not None])
        for _leaf, entry in entries:
            if entry is not None:
                blobs.add(entry)
        if progress is not None:
            progress(tree.seen, total)
    tree.finish()
    rows.finish()
    return Verification(
        leaves=tree.seen,
        checkpoints=tree.checkpoints,
        blobs_checked=len(blobs.states),
        witnessed=len(kept.notes),
        problems=tuple(problems),
        unsigned=tree.seen - tree.signed,
        unreferenced=sum(bytes.fromhex(name) not in blobs.states for name in vault.digests()),
        leftovers=len(vault.leftovers()),
        set_aside=len(vault.set_aside()),
        damaged_witness_lines=len(kept.damaged),
    )


def _batches(session: Session) -> Iterator[Sequence[Leaf]]:
    last: int | None = None
    while True:
        query = sa.select(LedgerLeaf.idx, LedgerLeaf.data, LedgerLeaf.leaf_hash).order_by(LedgerLeaf.idx).limit(_BATCH)
        found = session.execute(query if last is None else query.where(LedgerLeaf.idx > last)).all()
        if not found:
            return
        batch = [Leaf(idx, bytes(data), bytes(digest)) for idx, data, digest in found]
        last = batch[-1].idx
        yield batch


def _parsed(leaf: Leaf, problems: list[Problem]) -> dict[str, Any] | None:
    try:
        entry = json.loads(leaf.data)
        if isinstance(entry["kind"], str) and isinstance(entry["body"], dict) and isinstance(entry["artifacts"], list):
            return dict(entry)
        reason = "a part has the wrong form"
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = type(error).__name__
    problems.append(Problem("entry", f"ledger entry {leaf.idx}", f"its bytes are not a record ({reason})"))
    return None


class _BlobCheck:
    """Each blob is hashed once, however many records name it; each record that names a bad one is named."""

    def __init__(self, vault: Vault, problems: list[Problem]) -> None:
        self._vault, self._problems = vault, problems
        self.states: dict[bytes, BlobState] = {}

    def add(self, entry: dict[str, Any]) -> None:
        for digest in entry["artifacts"]:
            try:
                key = bytes.fromhex(digest)
            except (ValueError, TypeError):
                self._report(entry, str(digest), "not a SHA-256 digest")
                continue
            if key not in self.states:
                self.states[key] = self._vault.state(Sha256(digest))
            if self.states[key] is not BlobState.WHOLE:
                self._report(entry, digest, f"{self.states[key]} in the vault (sha256 {digest})")

    def _report(self, entry: dict[str, Any], digest: str, detail: str) -> None:
        label = record_label(entry["kind"], entry["body"])
        self._problems.append(Problem("blob", f"{label}: {bytes_label(entry['body'], digest)}", detail))
