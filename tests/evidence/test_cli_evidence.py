"""`govtool evidence` as a person meets it. The group is driven directly; the error boundary has its own tests."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledger_rows import add_exhibit, add_model, unprotect
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from govtool import settings
from govtool.cli.context import Workspace, open_workspace
from govtool.cli.evidence import app
from govtool.errors import EvidenceError, InputError, NotFoundError, UndecidedError
from govtool.evidence.note import generate_key
from govtool.evidence.witness import witnessed


@pytest.fixture
def workspace(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    folder = tmp_path / "ws"
    generate_key(folder / "keys" / "signing.pem")
    (folder / "govtool.db").write_bytes(migrated_file.read_bytes())
    (folder / settings.FILE_NAME).write_text('ledger_origin = "govtool.test/cli"\nactor = "tester"\n')
    for name in [name for name in os.environ if name.startswith("GOVTOOL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(folder)
    workspace = open_workspace()
    yield workspace
    workspace.engine.dispose()


@pytest.fixture
def exhibit(workspace: Workspace) -> str:
    with workspace.write() as session:
        add_model(session, "triage")
        return add_exhibit(session, workspace.vault).id


def add_then_fail(session: Session) -> None:
    add_model(session, "undone")
    raise InputError("on second thought")


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_verify_says_what_was_checked(workspace: Workspace, exhibit: str) -> None:
    result = run("verify")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "evidence verifies: 3 ledger entries, 1 signed checkpoints, 1 stored files" in result.stdout


def test_verify_names_the_altered_exhibit_and_leaves_with_five(workspace: Workspace, exhibit: str) -> None:
    path = workspace.vault.local_path(next(workspace.vault.digests()))
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(b"other")
    result = run("verify", "--json")
    assert result.exit_code == 5
    envelope = json.loads(result.stdout)
    assert (envelope["schema"], envelope["ok"], envelope["data"]["entries"]) == ("govtool.evidence.verify/1", False, 3)
    (problem,) = envelope["data"]["problems"]
    assert exhibit in problem["item"]
    assert "server.log, incident inc-0001" in problem["item"]
    assert exhibit in run("verify").stdout


def test_hostile_text_in_a_problem_cannot_drive_the_terminal(workspace: Workspace) -> None:
    with workspace.write() as session:
        add_model(session, "\x1b[2Jevil")
    with workspace.write() as session:
        unprotect(session, "model")
        session.execute(sa.text("UPDATE model SET owner = 'x'"))
    result = run("verify")
    assert result.exit_code == 5
    assert "\x1b" not in result.stdout
    assert "evil" in result.stdout


def test_an_empty_ledger_verifies_with_a_warning(workspace: Workspace) -> None:
    result = run("verify")
    assert result.exit_code == 0
    assert "nothing was shown" in result.stderr


def test_a_database_put_back_to_an_older_copy_is_noticed(workspace: Workspace, exhibit: str) -> None:
    workspace.engine.dispose()
    old = (workspace.root / "govtool.db").read_bytes()
    with workspace.write() as session:
        add_model(session, "later")
    workspace.engine.dispose()
    (workspace.root / "govtool.db").write_bytes(old)
    result = run("verify")
    assert result.exit_code == 5
    assert "rolled back" in result.stdout
    with pytest.raises(EvidenceError, match="does not extend a checkpoint kept"), workspace.write() as session:
        add_model(session, "would hide it")
    assert "rolled back" in run("verify").stdout


def test_without_kept_checkpoints_verify_says_what_it_cannot_notice(workspace: Workspace, exhibit: str) -> None:
    workspace.checkpoints.unlink()
    result = run("verify")
    assert result.exit_code == 0
    assert "a rollback would not be noticed" in result.stderr
    run("checkpoint")
    assert run("verify").stderr == ""


def test_each_write_keeps_its_checkpoint_outside_the_database(workspace: Workspace, exhibit: str) -> None:
    assert len(witnessed(workspace.checkpoints).notes) == 1
    with workspace.write():
        pass  # nothing recorded, nothing signed
    assert len(witnessed(workspace.checkpoints).notes) == 1
    with pytest.raises(InputError), workspace.write() as session:
        add_then_fail(session)
    assert len(witnessed(workspace.checkpoints).notes) == 1


def test_show_gives_the_exhibit_and_its_custody(workspace: Workspace, exhibit: str) -> None:
    text = run("show", exhibit[:12]).stdout
    assert "server.log, incident inc-0001" in text
    assert "chain of custody" in text
    assert "under a signed checkpoint" in text
    data = json.loads(run("show", exhibit, "--json").stdout)["data"]
    assert (data["kind"], data["signed"], data["custody"][0]["action"]) == ("evidence_item", True, "acquire")
    assert data["artifacts"] == [data["body"]["sha256"]]


def test_show_knows_unsigned_records_of_any_kind(workspace: Workspace) -> None:
    from govtool import db

    with db.session_scope(workspace.engine) as session:
        identifier = add_model(session, "slipped in").id
    text = run("show", identifier).stdout
    assert "not signed yet" in text
    assert "chain of custody" not in text
    verified = run("verify")
    assert verified.exit_code == 5
    assert "no checkpoint covers it" in verified.stdout


def test_no_command_signs_what_it_did_not_write_unless_told_to(workspace: Workspace, exhibit: str) -> None:
    from govtool import db

    with db.session_scope(workspace.engine) as session:
        add_model(session, "slipped in")
    refused = run("checkpoint").exception
    assert isinstance(refused, EvidenceError)
    assert "--sign-unsigned" in refused.hint
    with pytest.raises(EvidenceError, match="3 to 3, are not signed"), workspace.write() as session:
        add_model(session, "honest")
    assert run("verify").exit_code == 5
    assert run("checkpoint", "--sign-unsigned").exit_code == 0
    assert run("verify").exit_code == 0
    assert len(witnessed(workspace.checkpoints).notes) == 2


def test_show_of_nothing_is_the_users_mistake(workspace: Workspace) -> None:
    assert isinstance(run("show", "ev-nothing").exception, NotFoundError)


def test_checkpoint_prints_the_newest_note(workspace: Workspace, exhibit: str) -> None:
    note = run("checkpoint").stdout
    assert workspace.signer.verifier.verify(note).startswith("govtool.test/cli\n3\n")
    assert json.loads(run("checkpoint", "--json").stdout)["data"]["size"] == 3


def test_an_empty_ledger_has_no_checkpoint(workspace: Workspace) -> None:
    assert isinstance(run("checkpoint").exception, UndecidedError)


def test_keys_print_what_a_verifier_needs(workspace: Workspace) -> None:
    data = json.loads(run("keys", "--json").stdout)["data"]
    assert data["verifier_key"] == workspace.signer.verifier.encode()
    assert data["sha256"] in run("keys").stdout
    assert "PRIVATE" not in run("keys").stdout


def test_a_third_party_checks_a_proof_with_the_key_alone(
    workspace: Workspace, exhibit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = workspace.signer.verifier.encode()
    assert run("proof", exhibit, "--out", str(tmp_path / "p.json")).exit_code == 0
    assert isinstance(run("proof", exhibit, "--out", str(tmp_path / "p.json")).exception, InputError)
    monkeypatch.chdir(tmp_path)  # no workspace here
    result = run("check-proof", "p.json", "--key", key)
    assert result.exit_code == 0
    assert "proven: entry 1 of the 3" in result.stdout
    document = json.loads((tmp_path / "p.json").read_text())
    (tmp_path / "p.json").write_text(json.dumps({**document, "index": 2}))
    assert isinstance(run("check-proof", "p.json", "--key", key).exception, EvidenceError)


@pytest.mark.parametrize("content", ["", "[]", "nonsense", "[" * 100_000])
def test_a_file_that_is_no_proof_is_the_users_mistake(workspace: Workspace, tmp_path: Path, content: str) -> None:
    (tmp_path / "p.json").write_text(content)
    key = workspace.signer.verifier.encode()
    assert isinstance(run("check-proof", str(tmp_path / "p.json"), "--key", key).exception, InputError)
    assert isinstance(run("check-proof", str(tmp_path / "absent"), "--key", key).exception, InputError)
