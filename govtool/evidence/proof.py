"""Proof that one record stands in the signed ledger: a JSON document that a third party checks without the database.

It discloses that record and hashes, nothing of the other entries (RFC 6962 section 2.1.1).
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.errors import EvidenceError, InputError
from govtool.evidence import ledger, merkle
from govtool.evidence.models import LedgerCheckpoint, LedgerLeaf
from govtool.evidence.note import TreeHead, Verifier, text_of

SCHEMA = "govtool.proof/1"


@dataclass(frozen=True)
class Proven:
    """What a checked proof shows: these bytes are entry `index` of the ledger whose first `size` entries were signed."""

    origin: str
    index: int
    size: int
    data: bytes


def make_proof(session: Session, index: int) -> dict[str, Any]:
    """The proof of entry `index` under the newest signed checkpoint.

    Raises:
        InputError: no such entry, or no checkpoint covers it yet.
    """
    data = session.scalar(sa.select(LedgerLeaf.data).where(LedgerLeaf.idx == index))
    signed = session.scalar(
        sa.select(LedgerCheckpoint)
        .where(LedgerCheckpoint.tree_size > index)
        .order_by(LedgerCheckpoint.tree_size.desc())
        .limit(1)
    )
    if data is None:
        raise InputError(f"the ledger has no entry {index}")
    if signed is None:
        raise InputError(f"ledger entry {index} is not signed yet", hint="govtool evidence checkpoint")
    path = merkle.inclusion_proof(index, signed.tree_size, ledger.stored(session))
    return {
        "schema": SCHEMA,
        "leaf": base64.b64encode(data).decode(),
        "index": index,
        "size": signed.tree_size,
        "path": [base64.b64encode(node).decode() for node in path],
        "checkpoint": signed.note,
    }


def verify_proof(document: Mapping[str, Any], verifier: Verifier) -> Proven:
    """Check a proof against the custodian's public key.

    Raises:
        EvidenceError: malformed, not signed by this key, or the path does not lead to the signed root.
    """
    if document.get("schema") != SCHEMA:
        raise EvidenceError(f"not a proof of a kind this govtool knows: {str(document.get('schema'))[:60]!r}")
    try:
        index, size = int(document["index"]), int(document["size"])
        data, path = _decoded(document["leaf"]), [_decoded(node) for node in document["path"]]
        note = str(document["checkpoint"])
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"the proof is malformed ({type(error).__name__})") from error
    head = TreeHead.parse(verifier.verify(note))
    if head.origin != verifier.name or head.size != size:
        raise EvidenceError(
            f"the checkpoint was signed for {head.size} entries of {head.origin}, the proof says {size}"
        )
    try:
        root = merkle.root_from_inclusion(index, size, merkle.leaf_hash(data), path)
    except ValueError as error:
        raise EvidenceError(f"the proof does not fit: {error}") from error
    if root != head.root:
        raise EvidenceError("the record is not in the ledger that was signed, or it was altered")
    return Proven(head.origin, index, size, data)


def _decoded(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def prove_extension(session: Session, old: int, new: int) -> list[bytes]:
    """The consistency proof from the tree of `old` entries to that of `new`.

    Raises:
        InputError: not sizes of this ledger.
    """
    if not 0 < old <= new <= ledger.size(session):
        raise InputError(
            f"no consistency proof from {old} to {new} entries", hint=f"the ledger has {ledger.size(session)}"
        )
    return merkle.consistency_proof(old, new, ledger.stored(session))


def verify_extension(old: str, new: str, proof: Sequence[bytes], verifier: Verifier) -> tuple[TreeHead, TreeHead]:
    """Check that checkpoint `new` extends checkpoint `old`: nothing that was signed then has changed since.

    Raises:
        EvidenceError: a signature is not valid, or the proof does not hold.
    """
    first, second = (TreeHead.parse(verifier.verify(note)) for note in (old, new))
    if not merkle.verify_consistency(first.size, second.size, first.root, second.root, list(proof)):
        raise EvidenceError(f"the ledger of {second.size} entries does not extend the signed one of {first.size}")
    return first, second


def newest_head(session: Session) -> tuple[LedgerCheckpoint, TreeHead] | None:
    """The largest checkpoint in the database, its signature unchecked."""
    row = session.scalar(sa.select(LedgerCheckpoint).order_by(LedgerCheckpoint.tree_size.desc()).limit(1))
    return None if row is None else (row, TreeHead.parse(text_of(row.note)))
