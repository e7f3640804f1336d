"""The ledger as a Merkle tree: no gap, no altered entry, every signed head is the head of these very entries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.digest import rfc3339
from govtool.errors import EvidenceError
from govtool.evidence import merkle
from govtool.evidence.models import LedgerCheckpoint, LedgerNode
from govtool.evidence.note import TreeHead, Verifier


@dataclass(frozen=True)
class Leaf:
    idx: int
    data: bytes
    leaf_hash: bytes


@dataclass(frozen=True)
class Problem:
    """One thing that does not verify: its kind, the item as a person knows it, and what is wrong with it."""

    kind: Literal["gap", "entry", "node", "checkpoint", "unsigned", "witness", "row", "blob"]
    item: str
    detail: str


@dataclass
class _Tally:
    """Many failures of one sort, told as the first of them and how many more."""

    first: tuple[str, str] | None = None
    count: int = 0

    def add(self, item: str, detail: str) -> None:
        self.first = self.first or (item, detail)
        self.count += 1


class TreeCheck:
    """Fed batch by batch. Hashes everything once; `signed` is the largest size under a valid, fitting checkpoint."""

    def __init__(self, session: Session, verifier: Verifier, witnessed: Iterable[str], problems: list[Problem]) -> None:
        self._session, self._verifier, self._problems = session, verifier, problems
        self._frontier = merkle.Frontier()
        self._last = -1
        self._gap = False
        self._signatures, self._roots, self._nodes = _Tally(), _Tally(), _Tally()
        self._kept_bad, self._kept_roots = _Tally(), _Tally()
        self.seen = self.signed = self.checkpoints = 0
        self._headed = 0  # the largest size that any stored head names, valid or not
        self._kept = self._heads(witnessed)

    def _heads(self, notes: Iterable[str]) -> dict[int, bytes]:
        """Size to root of every kept head. All of them: a history that was rolled back stays visible only in old heads."""
        kept: dict[int, bytes] = {}
        for number, note in enumerate(notes, 1):
            try:
                head = TreeHead.parse(self._verifier.verify(note))
            except EvidenceError as error:
                self._kept_bad.add(f"kept checkpoint {number}", error.message)
                continue
            if kept.setdefault(head.size, head.root) != head.root:
                self._kept_bad.add(
                    f"kept checkpoint {number} of {head.size} entries",
                    "another kept checkpoint of that size has another root: two histories were signed",
                )
        return kept

    def add(self, batch: Sequence[Leaf]) -> None:
        low, high = self._last + 1, batch[-1].idx
        signed = self._session.scalars(
            sa.select(LedgerCheckpoint)
            .where(LedgerCheckpoint.tree_size > low, LedgerCheckpoint.tree_size <= high + 1)
            .order_by(LedgerCheckpoint.tree_size)
        ).all()
        kept = [size for size in sorted(self._kept) if low < size <= high + 1]
        wanted = {row.tree_size for row in signed}.union(kept)
        roots: dict[int, bytes] = {}
        computed: dict[tuple[int, int], bytes] = {}
        for leaf in batch:
            self._follow(leaf, computed)
            if not self._gap and self._frontier.size in wanted:
                roots[self._frontier.size] = self._frontier.root()
        if not self._gap:
            self._compare_nodes(low, high, computed)
        for row in signed:
            self._compare_checkpoint(row, roots.get(row.tree_size))
        for size in kept:
            if roots.get(size) != self._kept[size]:
                self._kept_roots.add(
                    f"the kept checkpoint of {size} entries", "the ledger is not the one it was signed for"
                )

    def _follow(self, leaf: Leaf, computed: dict[tuple[int, int], bytes]) -> None:
        if leaf.idx != self._last + 1:
            self._gap = True
            missing = f"{self._last + 1}" if leaf.idx == self._last + 2 else f"{self._last + 1} to {leaf.idx - 1}"
            detail = "an index below zero" if leaf.idx < 0 else f"missing: {missing}"
            self._problems.append(Problem("gap", f"before ledger entry {leaf.idx}", detail))
        self._last = leaf.idx
        self.seen += 1
        actual = merkle.leaf_hash(leaf.data)
        if actual != leaf.leaf_hash:
            self._problems.append(
                Problem("entry", f"ledger entry {leaf.idx}", "its bytes do not hash to its stored hash")
            )
        if not self._gap:
            computed.update({(level, idx): value for level, idx, value in self._frontier.add(actual)})

    def _compare_nodes(self, low: int, high: int, computed: dict[tuple[int, int], bytes]) -> None:
        """Stored subtrees that leaves `low`..`high` complete; node (level, idx) ends at leaf (idx + 1) * 2^level - 1."""
        ranges = []
        for level in range(1, (high + 1).bit_length()):
            first, last = -(-(low + 1) >> level) - 1, ((high + 1) >> level) - 1
            if first <= last:
                ranges.append(sa.and_(LedgerNode.level == level, LedgerNode.idx.between(first, last)))
        query = sa.select(LedgerNode.level, LedgerNode.idx, LedgerNode.hash).where(sa.or_(sa.false(), *ranges))
        stored = {(level, idx): bytes(value) for level, idx, value in self._session.execute(query)}
        for level, idx in sorted(computed.keys() | stored.keys()):
            if computed.get((level, idx)) != stored.get((level, idx)):
                self._nodes.add(f"stored subtree {level}/{idx}", "is not what its entries hash to")

    def _compare_checkpoint(self, row: LedgerCheckpoint, root: bytes | None) -> None:
        self.checkpoints += 1
        self._headed = max(self._headed, row.tree_size)
        label = f"checkpoint {row.id} of {rfc3339(row.recorded_at)}"
        try:
            head = TreeHead.parse(self._verifier.verify(row.note))
        except EvidenceError as error:
            self._signatures.add(label, error.message)
            return
        if (head.origin, head.size) != (self._verifier.name, row.tree_size):
            self._signatures.add(label, f"it was signed for {head.size} entries of {head.origin}")
        elif root is None:
            self._roots.add(label, f"cannot be checked: an entry before {head.size} is missing")
        elif root != head.root:
            since = f"after entry {self.signed - 1}" if self.signed else "from the first entry on"
            self._roots.add(label, f"the first {head.size} entries are not those that were signed; altered {since}")
        else:
            self.signed = head.size

    def finish(self) -> None:
        """What only the end shows: heads and subtrees beyond the last entry."""
        size = self._last + 1
        stray = self._session.scalars(
            sa.select(LedgerCheckpoint)
            .where(sa.or_(LedgerCheckpoint.tree_size > size, LedgerCheckpoint.tree_size < 1))
            .order_by(LedgerCheckpoint.tree_size)
        )
        for row in stray:
            self.checkpoints += 1
            self._roots.add(
                f"checkpoint {row.id} of {rfc3339(row.recorded_at)}",
                f"it covers {row.tree_size} entries, the ledger has {size}: entries were removed",
            )
        for kept in sorted(self._kept):
            if kept > size:
                self._kept_roots.add(
                    f"the kept checkpoint of {kept} entries",
                    f"the ledger has only {size}: it was rolled back or cut off",
                )
        if size > self._headed:
            self._problems.append(
                Problem(
                    "unsigned",
                    f"ledger entry {self._headed}" + (f" to {size - 1}" if size - 1 > self._headed else ""),
                    "no checkpoint covers it, though a command records and signs in one transaction: "
                    "something else wrote it",
                )
            )
        if not self._gap:
            expected = sum(size >> level for level in range(1, size.bit_length() + 1))
            actual = self._session.scalar(sa.select(sa.func.count()).select_from(LedgerNode))
            if actual != expected and not self._nodes.count:
                self._nodes.add("stored subtrees", f"there are {actual}, there should be {expected}")
        self._report("node", self._nodes)
        self._report("checkpoint", self._signatures)
        self._report("checkpoint", self._roots)
        self._report("witness", self._kept_bad)
        self._report("witness", self._kept_roots)

    def _report(self, kind: Literal["node", "checkpoint", "witness"], tally: _Tally) -> None:
        if tally.first is not None:
            item, detail = tally.first
            more = f" (and {tally.count - 1} more like it)" if tally.count > 1 else ""
            self._problems.append(Problem(kind, item, detail + more))
