"""What is not one of our errors still ends in one line and the right exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from govtool.cli import run

GOVTOOL = [sys.executable, "-c", "from govtool.cli import main; main()"]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOVTOOL_WORKSPACE", raising=False)
    assert run(["init"]) == 0
    return tmp_path


@pytest.mark.parametrize("words", [[], ["gate"], ["model", "version"]])
def test_a_bare_group_shows_its_help_as_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    shown = capsys.readouterr().err
    assert "Commands:" in shown
    assert "\\x0a" not in shown


def test_a_full_disk_is_not_a_bug(workspace: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*GOVTOOL, "model", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 6
    assert "no space left" in done.stderr


def test_a_reader_that_leaves_is_not_an_error(workspace: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*GOVTOOL, "model", "list"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_a_damaged_database_says_so(tmp_path: Path) -> None:
    subprocess.run([*GOVTOOL, "init"], cwd=tmp_path, check=True, capture_output=True)
    database = tmp_path / "govtool.db"
    data = database.read_bytes()
    database.write_bytes(data[: len(data) // 3])
    done = subprocess.run([*GOVTOOL, "model", "list"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 6, done.stderr
    assert "database" in done.stderr


def test_a_missing_policy_folder_never_falls_back_in_a_workspace(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "policies").rename(workspace / "elsewhere")
    assert run(["model", "add", "m"]) == 0
    assert run(["model", "version", "add", "m", "1", "--endpoint", "http://127.0.0.1:9"]) == 0
    assert run(["gate", "check", "m@1"]) == 2
    assert "policy folder" in capsys.readouterr().err


def keys(workspace: Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert run(["evidence", "keys", "--json"]) == 0
    return str(json.loads(capsys.readouterr().out)["data"]["verifier_key"])


def test_evidence_is_verified_with_the_kept_key_alone(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "add", "m"]) == 0
    key = keys(workspace, capsys)
    (workspace / "keys").rename(workspace.parent / "keys-elsewhere")
    assert run(["evidence", "verify", "--key", key]) == 0
    other = key.replace("ledger-", "other-")
    assert run(["evidence", "verify", "--key", other]) == 2  # its own hash does not fit


def test_lost_checkpoints_are_a_problem_not_a_remark(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "add", "m"]) == 0
    assert run(["model", "add", "n"]) == 0
    (workspace / "checkpoints.log").unlink()
    assert run(["evidence", "verify"]) == 5
    assert "checkpoints.log" in capsys.readouterr().out


def test_a_lost_database_is_not_replaced_by_an_empty_one(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "add", "m"]) == 0
    for path in workspace.glob("govtool.db*"):
        path.unlink()
    assert run(["model", "list"]) == 2
    assert run(["db", "upgrade"]) == 2
    assert "restore it from your backup" in capsys.readouterr().err
    assert not (workspace / "govtool.db").exists()


def test_data_about_people_is_not_registered_as_public(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(workspace / "d.npz", X=np.eye(3), y=np.arange(3), person=np.array(["a", "b", "c"]))
    add = ["dataset", "add", "d", "1", "d.npz", "--label", "y"]
    assert run([*add, "--level", "0", "--subject", "person"]) == 2
    assert run([*add, "--level", "1", "--sensitive", "health"]) == 2
    assert "2 or 3" in capsys.readouterr().err
    assert run([*add, "--level", "0"]) == 0
