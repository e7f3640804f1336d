"""Every way we could think of to tamper with evidence, and that each is named. A clean ledger first."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledger_rows import add_exhibit, add_model, unprotect
from sqlalchemy.orm import Session

from govtool import db
from govtool.evidence import ledger, merkle
from govtool.evidence import verify as verify_module
from govtool.evidence.models import EvidenceItem, LedgerCheckpoint, LedgerLeaf, LedgerNode
from govtool.evidence.note import Signer, TreeHead, generate_key, load_signer
from govtool.evidence.vault import Vault
from govtool.evidence.verify import Verification, verify
from govtool.evidence.witness import Witnessed
from govtool.registry.models import Model

Check = Callable[..., Verification]


@pytest.fixture
def check(signed: sa.Engine, vault: Vault, signer: Signer) -> Check:
    def run(*notes: str, damaged: tuple[int, ...] = ()) -> Verification:
        with db.session_scope(signed, read=True) as session:
            return verify(session, vault, signer.verifier, witnessed=Witnessed(notes, damaged))

    return run


def tamper(engine: sa.Engine, table: str, *statements: str, **values: object) -> None:
    with db.session_scope(engine) as session:
        unprotect(session, table)
        for statement in statements:
            session.execute(sa.text(statement), values)


def kinds(result: Verification) -> set[str]:
    return {problem.kind for problem in result.problems}


def test_untouched_evidence_verifies_with_its_counts(check: Check) -> None:
    result = check()
    assert result.ok
    assert (result.leaves, result.checkpoints, result.blobs_checked, result.unsigned) == (7, 2, 1, 0)
    assert (result.unreferenced, result.leftovers, result.set_aside, result.witnessed) == (0, 0, 0, 0)


def test_an_empty_ledger_has_nothing_to_show(engine: sa.Engine, vault: Vault, signer: Signer) -> None:
    with db.session_scope(engine, read=True) as session:
        result = verify(session, vault, signer.verifier)
    assert (result.ok, result.leaves, result.checkpoints) == (True, 0, 0)


def test_an_altered_row_is_named_with_its_column(signed: sa.Engine, check: Check) -> None:
    tamper(signed, "model", "UPDATE model SET owner = 'Marketing' WHERE name = 'm1'")
    (problem,) = check().problems
    assert problem.kind == "row"
    assert "m1" in problem.item
    assert "owner" in problem.detail


@pytest.mark.parametrize(
    "column",
    [
        "id",
        "case_id",
        "description",
        "sha256",
        "size",
        "original_name",
        "source_modified_at",
        "recorded_at",
        "recorded_by",
        "completeness",
    ],
)
def test_each_column_of_an_exhibit_is_covered(signed: sa.Engine, check: Check, column: str) -> None:
    with db.session_scope(signed) as session:
        session.execute(sa.text("PRAGMA defer_foreign_keys=ON"))
        unprotect(session, "evidence_item")
        unprotect(session, "custody_event")
        value = {
            "size": "99",
            "source_modified_at": "'2020-01-01 00:00:00.000000'",
            "recorded_at": "'2020-01-01 00:00:00.000000'",
        }.get(column, "'other'")
        session.execute(sa.text(f"UPDATE evidence_item SET {column} = {value}"))
        if column == "id":
            session.execute(sa.text("UPDATE custody_event SET item_id = 'other'"))
    problems = check().problems
    assert any(
        problem.kind == "row" and column in problem.detail and "server.log" in problem.item for problem in problems
    )


def test_a_deleted_row_is_named(signed: sa.Engine, check: Check) -> None:
    tamper(signed, "model", "DELETE FROM model WHERE name = 'm2'")
    (problem,) = check().problems
    assert (problem.kind, "m2" in problem.item, "gone" in problem.detail) == ("row", True, True)


@pytest.mark.parametrize("place", [-5, 3, 500])
def test_a_row_that_never_went_through_the_ledger_is_named(signed: sa.Engine, check: Check, place: int) -> None:
    moved = "UPDATE model SET ledger_index = 9999 WHERE ledger_index = 3" if place == 3 else "SELECT 1"
    insert = (
        "INSERT INTO model (id, recorded_at, recorded_by, ledger_index, name, description, owner, purpose) "
        "VALUES ('mod-forged', '2026-01-01 00:00:00.000000', 'x', :place, 'forged', '', '', '')"
    )
    tamper(signed, "model", moved, insert, place=place)
    found = check().problems
    if place == 3:  # the forged row took the place of a real one
        assert any("row and ledger entry 3 differ" in problem.detail for problem in found)
        assert any("no entry for it" in problem.detail and "m3" in problem.item for problem in found)
    else:
        assert [(problem.kind, "forged" in problem.item) for problem in found] == [("row", True)]


def test_a_row_in_the_place_of_another_tables_entry_is_extra(signed: sa.Engine, check: Check) -> None:
    insert = "INSERT INTO dataset (id, recorded_at, recorded_by, ledger_index, name, description, owner) VALUES ('ds-forged', '2026-01-01 00:00:00.000000', 'x', 0, 'forged', '', '')"
    tamper(signed, "dataset", insert)
    (problem,) = check().problems
    assert (problem.kind, "ds-forged" in problem.item) == ("row", True)


@pytest.mark.parametrize("value", ["'yesterday'", "x'ff'", "12"])
def test_a_row_that_cannot_be_read_any_more_is_named_and_the_rest_still_checked(
    signed: sa.Engine, check: Check, value: str
) -> None:
    tamper(
        signed,
        "model",
        f"UPDATE model SET recorded_at = {value} WHERE name = 'm0'",
        "UPDATE model SET owner = 'x' WHERE name = 'm4'",
    )
    found = check().problems
    assert len(found) == 2
    assert {("m0" in problem.item, "m4" in problem.item) for problem in found} == {(True, False), (False, True)}


def test_broken_json_in_a_row_is_named(signed: sa.Engine, check: Check) -> None:
    tamper(signed, "custody_event", "UPDATE custody_event SET detail = '{broken'")
    (problem,) = check().problems
    assert (problem.kind, "cannot be read" in problem.detail) == ("row", True)


def test_text_that_is_no_utf8_any_more_is_named(signed: sa.Engine, check: Check) -> None:
    tamper(signed, "model", "UPDATE model SET owner = CAST(x'ff' AS TEXT) WHERE name = 'm0'")
    (problem,) = check().problems
    assert (problem.kind, "m0" in problem.item) == ("row", True)


def test_every_flipped_byte_of_an_entry_is_noticed(signed: sa.Engine, check: Check) -> None:
    with db.session_scope(signed) as session:
        unprotect(session, "ledger_leaf")
        data = session.scalar(sa.select(LedgerLeaf.data).where(LedgerLeaf.idx == 1))
    assert data is not None
    for place in range(0, len(data), 7):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with signed.begin() as connection:
            connection.execute(sa.update(LedgerLeaf).where(LedgerLeaf.idx == 1).values(data=changed))
        assert {"entry", "checkpoint"} <= kinds(check()), place


def test_an_entry_altered_with_its_row_and_all_stored_hashes_is_betrayed_by_the_signature(
    signed: sa.Engine, check: Check
) -> None:
    """The strongest insider: rewrites everything in the database, but does not hold the key."""
    with db.session_scope(signed) as session:
        for table in ("model", "ledger_leaf", "ledger_node"):
            unprotect(session, table)
        session.execute(sa.update(Model).where(Model.name == "m1").values(owner="Marketing"))
        row = session.scalars(sa.select(Model).where(Model.name == "m1")).one()
        leaves = dict(session.execute(sa.select(LedgerLeaf.idx, LedgerLeaf.data)).all())
        leaves[row.ledger_index] = ledger.entry(Model, ledger.values(row))
        session.execute(sa.delete(LedgerNode))
        frontier = merkle.Frontier()
        for index, data in sorted(leaves.items()):
            digest = merkle.leaf_hash(data)
            session.execute(sa.update(LedgerLeaf).where(LedgerLeaf.idx == index).values(data=data, leaf_hash=digest))
            for level, idx, value in frontier.add(digest):
                session.execute(sa.insert(LedgerNode).values(level=level, idx=idx, hash=value))
    (problem,) = check().problems
    assert problem.kind == "checkpoint"
    assert "and 1 more" in problem.detail


def test_a_missing_entry_is_a_gap(signed: sa.Engine, check: Check) -> None:
    tamper(signed, "ledger_leaf", "DELETE FROM ledger_leaf WHERE idx IN (2, 3)")
    result = check()
    assert any(problem.kind == "gap" and "2 to 3" in problem.detail for problem in result.problems)
    assert "checkpoint" in kinds(result)


def test_entries_cut_off_the_end_are_noticed_by_the_checkpoint(signed: sa.Engine, check: Check) -> None:
    tamper(signed, "ledger_leaf", "DELETE FROM ledger_leaf WHERE idx >= 5")
    assert any(problem.kind == "checkpoint" and "covers 7" in problem.detail for problem in check().problems)


def roll_back(engine: sa.Engine) -> None:
    """To the state of three entries, perfectly consistent: what restoring an old copy of the database does."""
    with db.session_scope(engine) as session:
        for table, where in {
            "custody_event": "ledger_index >= 3",
            "evidence_item": "ledger_index >= 3",
            "model": "ledger_index >= 3",
            "ledger_leaf": "idx >= 3",
            "ledger_node": "(level = 1 AND idx >= 1) OR level > 1",
            "ledger_checkpoint": "tree_size > 3",
        }.items():
            unprotect(session, table)
            session.execute(sa.text(f"DELETE FROM {table} WHERE {where}"))


def test_a_whole_rollback_is_noticed_only_by_a_checkpoint_kept_outside(signed: sa.Engine, check: Check) -> None:
    with db.session_scope(signed, read=True) as session:
        notes = session.scalars(sa.select(LedgerCheckpoint.note).order_by(LedgerCheckpoint.tree_size)).all()
    assert check(*notes).ok
    roll_back(signed)
    assert check().ok
    assert check(notes[0]).ok
    (problem,) = check(*notes).problems
    assert problem.kind == "witness"
    assert "rolled back" in problem.detail


def test_a_rollback_that_grew_again_is_another_history(
    signed: sa.Engine, check: Check, signer: Signer, now: datetime
) -> None:
    with db.session_scope(signed, read=True) as session:
        newest = session.scalars(sa.select(LedgerCheckpoint.note).order_by(LedgerCheckpoint.tree_size.desc())).first()
    assert newest is not None
    roll_back(signed)
    with db.session_scope(signed) as session:
        for number in range(9):
            add_model(session, f"later{number}", now)
        ledger.checkpoint(session, signer, now=now)
    (problem,) = check(newest).problems
    assert problem.kind == "witness"
    assert "not the one" in problem.detail
    with db.session_scope(signed) as session:
        add_model(session, "last", now)
        head = ledger.checkpoint(session, signer, now=now)
    assert head is not None
    for notes in ((newest, head.note), (head.note, newest)):  # a larger head of the new history hides nothing
        (problem,) = check(*notes).problems
        assert (problem.kind, problem.item) == ("witness", "the kept checkpoint of 7 entries")


def test_two_kept_heads_of_one_size_are_two_histories(check: Check, signed: sa.Engine, signer: Signer) -> None:
    with db.session_scope(signed, read=True) as session:
        real = session.scalars(sa.select(LedgerCheckpoint.note).order_by(LedgerCheckpoint.tree_size.desc())).first()
    assert real is not None
    other = signer.sign(TreeHead(signer.name, 7, b"\1" * 32).text())
    assert check(real, real).ok
    assert any("two histories" in problem.detail for problem in check(real, other).problems)
    assert {"witness"} == kinds(check(other, real))


def test_a_kept_checkpoint_with_a_bad_signature_is_named(check: Check, signer: Signer) -> None:
    forged = signer.sign(TreeHead(signer.name, 1, b"\1" * 32).text()).replace("\n1\n", "\n2\n")
    (problem,) = check(forged).problems
    assert (problem.kind, "not valid" in problem.detail) == ("witness", True)


def test_a_wrong_stored_subtree_is_named(signed: sa.Engine, check: Check) -> None:
    tamper(signed, "ledger_node", "UPDATE ledger_node SET hash = :h WHERE level = 1 AND idx = 1", h=b"\0" * 32)
    (problem,) = check().problems
    assert (problem.kind, problem.item) == ("node", "stored subtree 1/1")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger_node WHERE level = 2",
        "INSERT INTO ledger_node VALUES (3, 0, x'00')",
        "INSERT INTO ledger_node VALUES (40, 7, x'00')",
    ],
)
def test_a_missing_or_invented_subtree_is_named(signed: sa.Engine, check: Check, statement: str) -> None:
    tamper(signed, "ledger_node", statement)
    assert kinds(check()) == {"node"}


def test_a_checkpoint_by_another_key_is_named(signed: sa.Engine, check: Check, signer: Signer, tmp_path: Path) -> None:
    generate_key(tmp_path / "other.pem")
    other = load_signer(tmp_path / "other.pem", signer.name)
    with db.session_scope(signed) as session:
        unprotect(session, "ledger_checkpoint")
        for row in session.scalars(sa.select(LedgerCheckpoint)):
            row.note = other.sign(row.note.split("\n\n")[0] + "\n")
    result = check()
    (problem,) = result.problems
    assert (problem.kind, "no signature by" in problem.detail, result.unsigned) == ("checkpoint", True, 7)


def test_a_checkpoint_filed_under_another_size_is_named(signed: sa.Engine, check: Check) -> None:
    tamper(signed, "ledger_checkpoint", "UPDATE ledger_checkpoint SET tree_size = 4 WHERE tree_size = 3")
    (problem,) = check().problems
    assert "signed for 3 entries" in problem.detail


def test_a_tail_that_nobody_signed_is_a_problem(signed: sa.Engine, check: Check, now: datetime) -> None:
    """Entries and checkpoint are one transaction: who appends without signing had no key."""
    with db.session_scope(signed) as session:
        add_model(session, "forged", now)
    result = check()
    (problem,) = result.problems
    assert (problem.kind, problem.item, result.unsigned, result.leaves) == ("unsigned", "ledger entry 7", 1, 8)
    with db.session_scope(signed) as session:
        add_model(session, "another", now)
    assert [problem.item for problem in check().problems] == ["ledger entry 7 to 8"]


def test_a_ledger_whose_heads_were_all_deleted_does_not_verify(signed: sa.Engine, check: Check) -> None:
    tamper(signed, "ledger_checkpoint", "DELETE FROM ledger_checkpoint")
    (problem,) = check().problems
    assert (problem.kind, problem.item) == ("unsigned", "ledger entry 0 to 6")


@pytest.mark.parametrize("place", [-0.5, 0.5, 3.5, 5.5, 6.5, 7.5, 1e9 + 0.5])
def test_a_row_between_two_entries_is_named(
    signed: sa.Engine, check: Check, monkeypatch: pytest.MonkeyPatch, place: float
) -> None:
    """SQLite keeps 5.5 in an INTEGER column. With batches of two entries, 5.5 lies between two batches."""
    monkeypatch.setattr(verify_module, "_BATCH", 2)
    insert = (
        "INSERT INTO model (id, recorded_at, recorded_by, ledger_index, name, description, owner, purpose) "
        "VALUES ('mod-forged', '2026-01-01 00:00:00.000000', 'x', :place, 'forged', '', '', '')"
    )
    tamper(signed, "model", "DROP TRIGGER model_whole_ledger_index", insert, place=place)
    (problem,) = check().problems
    assert (problem.kind, "forged" in problem.item, "no entry" in problem.detail) == ("row", True, True)


def blob(engine: sa.Engine, vault: Vault) -> Path:
    with db.session_scope(engine, read=True) as session:
        path = vault.local_path(session.scalars(sa.select(EvidenceItem.sha256)).one())
    assert path is not None
    path.chmod(0o640)
    return path


def test_an_altered_blob_is_named_as_a_person_knows_it(signed: sa.Engine, check: Check, vault: Vault) -> None:
    path = blob(signed, vault)
    path.write_bytes(path.read_bytes().replace(b"1", b"2"))
    (problem,) = check().problems
    assert problem.kind == "blob"
    assert "evidence item ev-" in problem.item
    assert "server.log, incident inc-0001" in problem.item
    assert "altered" in problem.detail


def test_a_missing_blob_is_named_for_every_record_that_needs_it(
    signed: sa.Engine, check: Check, vault: Vault, signer: Signer, now: datetime
) -> None:
    with db.session_scope(signed) as session:
        add_exhibit(session, vault, now)
        ledger.checkpoint(session, signer, now=now)
    blob_path = vault.local_path(next(vault.digests()))
    assert blob_path is not None
    blob_path.unlink()
    result = check()
    assert [problem.kind for problem in result.problems] == ["blob", "blob"]
    assert (result.blobs_checked, "missing" in result.problems[0].detail) == (1, True)


def test_what_is_no_problem_is_still_counted(check: Check, vault: Vault, tmp_path: Path) -> None:
    vault.put(b"from a command that failed")
    (tmp_path / "vault" / "incoming" / "torn").write_bytes(b"half")
    result = check(damaged=(3,))
    assert (result.ok, result.unreferenced, result.leftovers, result.damaged_witness_lines) == (True, 1, 1, 1)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"kind":1,"body":{},"artifacts":[]}', b"\xff", b"[" * 100_000])
def test_an_entry_that_is_no_record_is_named(
    signed: sa.Engine, check: Check, signer: Signer, now: datetime, data: bytes
) -> None:
    with db.session_scope(signed) as session:
        ledger.append(session, data)
        ledger.checkpoint(session, signer, now=now)
    (problem,) = check().problems
    assert (problem.kind, problem.item) == ("entry", "ledger entry 7")


def test_entries_with_an_unknown_kind_or_a_bad_digest_are_named(
    signed: sa.Engine, check: Check, signer: Signer, now: datetime
) -> None:
    with db.session_scope(signed) as session:
        ledger.append(session, b'{"kind":"planet","body":{"id":"p1"},"artifacts":["nonsense"]}')
        ledger.checkpoint(session, signer, now=now)
    assert {(problem.kind, problem.detail) for problem in check().problems} == {
        ("entry", "it is of a kind this govtool does not know"),
        ("blob", "not a SHA-256 digest"),
    }


def test_many_batches_verify_and_report_progress(session: Session, vault: Vault, signer: Signer, now: datetime) -> None:
    session.connection().execute(sa.text("SELECT 1"))
    for number in range(1100):
        ledger.append(session, b"%d" % number)
        if number in (3, 1023, 1024, 1099):
            ledger.checkpoint(session, signer, now=now)
    seen: list[tuple[int, int]] = []
    result = verify(session, vault, signer.verifier, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1024, 1100), (1100, 1100)]
    assert (result.checkpoints, result.unsigned) == (4, 0)
    assert kinds(result) == {"entry"}  # these entries are bare bytes, but the tree and all four heads fit
