"""Proofs that a third party checks with nothing but the document and the public key."""

import base64
import copy
import json
from datetime import datetime

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_rows import add_model

from govtool import db
from govtool.errors import EvidenceError, InputError
from govtool.evidence import ledger, proof
from govtool.evidence.models import LedgerCheckpoint, LedgerLeaf
from govtool.evidence.note import Signer


def test_every_entry_is_provable_from_the_document_alone(signed: sa.Engine, signer: Signer) -> None:
    with db.session_scope(signed, read=True) as session:
        for index in range(7):
            document = json.loads(json.dumps(proof.make_proof(session, index)))
            proven = proof.verify_proof(document, signer.verifier)
            data = session.scalar(sa.select(LedgerLeaf.data).where(LedgerLeaf.idx == index))
            assert (proven.index, proven.size, proven.data, proven.origin) == (index, 7, data, signer.name)


def test_a_proof_of_another_record_is_refused(signed: sa.Engine, signer: Signer) -> None:
    with db.session_scope(signed, read=True) as session:
        document, other = proof.make_proof(session, 2), proof.make_proof(session, 3)
    document["leaf"] = other["leaf"]
    with pytest.raises(EvidenceError, match="not in the ledger"):
        proof.verify_proof(document, signer.verifier)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.data())
def test_one_flipped_bit_anywhere_breaks_it(signed: sa.Engine, signer: Signer, data: st.DataObject) -> None:
    with db.session_scope(signed, read=True) as session:
        document = proof.make_proof(session, 4)
    changed = copy.deepcopy(document)
    which = data.draw(st.integers(-1, len(document["path"]) - 1))
    raw = bytearray(base64.b64decode(document["leaf"] if which < 0 else document["path"][which]))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    if which < 0:
        changed["leaf"] = base64.b64encode(raw).decode()
    else:
        changed["path"][which] = base64.b64encode(raw).decode()
    with pytest.raises(EvidenceError):
        proof.verify_proof(changed, signer.verifier)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema", "other/1"),
        ("index", 3),
        ("index", -1),
        ("index", "x"),
        ("size", 8),
        ("size", 3),
        ("path", []),
        ("path", None),
        ("path", ["!!"]),
        ("path", [1]),
        ("leaf", 5),
        ("checkpoint", "nothing"),
        ("checkpoint", None),
    ],
)
def test_a_malformed_or_altered_document_is_refused(signed: sa.Engine, signer: Signer, key: str, value: object) -> None:
    with db.session_scope(signed, read=True) as session:
        document = proof.make_proof(session, 4)
    for damaged in ({**document, key: value}, {name: item for name, item in document.items() if name != key}):
        with pytest.raises(EvidenceError):
            proof.verify_proof(damaged, signer.verifier)


def test_an_entry_without_a_checkpoint_cannot_be_proven_yet(signed: sa.Engine, now: datetime) -> None:
    with db.session_scope(signed) as session:
        index = add_model(session, "late", now).ledger_index
        with pytest.raises(InputError, match="not signed yet"):
            proof.make_proof(session, index)
        with pytest.raises(InputError, match="no entry 99"):
            proof.make_proof(session, 99)


def test_a_later_checkpoint_is_shown_to_extend_an_earlier_one(signed: sa.Engine, signer: Signer) -> None:
    with db.session_scope(signed, read=True) as session:
        old, new = session.scalars(sa.select(LedgerCheckpoint.note).order_by(LedgerCheckpoint.tree_size)).all()
        path = proof.prove_extension(session, 3, 7)
        newest = proof.newest_head(session)
    first, second = proof.verify_extension(old, new, path, signer.verifier)
    assert (first.size, second.size) == (3, 7)
    assert newest is not None
    assert newest[1] == second
    for damaged in ([], path[1:], [*path[:-1], b"\0" * 32]):
        with pytest.raises(EvidenceError, match="does not extend"):
            proof.verify_extension(old, new, damaged, signer.verifier)


def test_two_histories_cannot_both_be_proven(signed: sa.Engine, engine: sa.Engine, signer: Signer) -> None:
    from govtool.evidence.note import TreeHead

    other = signer.sign(TreeHead(signer.name, 3, b"\1" * 32).text())
    with db.session_scope(signed, read=True) as session:
        new = session.scalars(sa.select(LedgerCheckpoint.note).where(LedgerCheckpoint.tree_size == 7)).one()
        path = proof.prove_extension(session, 3, 7)
    with pytest.raises(EvidenceError, match="does not extend"):
        proof.verify_extension(other, new, path, signer.verifier)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (3, 8)])
def test_an_impossible_extension_is_the_callers_mistake(signed: sa.Engine, old: int, new: int) -> None:
    with db.session_scope(signed, read=True) as session, pytest.raises(InputError, match="no consistency proof"):
        proof.prove_extension(session, old, new)


def test_an_empty_ledger_has_no_head(engine: sa.Engine) -> None:
    with db.session_scope(engine, read=True) as session:
        assert proof.newest_head(session) is None
        assert ledger.size(session) == 0
