"""The registry's commands, as typed: what they print, what they refuse, and with which exit code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govtool.cli import run


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOVTOOL_ACTOR", "tester")
    monkeypatch.delenv("GOVTOOL_WORKSPACE", raising=False)
    assert run(["init"]) == 0
    np.savez(
        tmp_path / "train.npz", X=np.eye(4, dtype=np.float32), y=np.arange(4), person=np.array(["a", "a", "b", "c"])
    )
    return tmp_path


def data(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    code = run([*words, "--json"])
    envelope = json.loads(capsys.readouterr().out)
    assert envelope["exit_code"] == code
    return envelope["data"] if envelope["ok"] else envelope["error"]


ADD_DATA = ["dataset", "add", "people", "1", "train.npz", "--label", "y", "--subject", "person", "--level", "2"]


def test_init_makes_a_private_key_and_a_database(workspace: Path) -> None:
    assert (workspace / "keys" / "signing.pem").stat().st_mode & 0o777 == 0o600
    assert (workspace / "govtool.db").is_file()
    assert (workspace / "policies" / "baseline.yaml").is_file()


def test_a_second_init_is_refused_and_keeps_the_key(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = (workspace / "keys" / "signing.pem").read_bytes()
    assert run(["init"]) == 2
    assert "workspace already" in capsys.readouterr().err
    assert (workspace / "keys" / "signing.pem").read_bytes() == key


def test_an_init_that_died_half_way_is_finished_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init", "w"]) == 0
    (tmp_path / "w" / "govtool.toml").unlink()  # what a kill before the last step leaves
    key = (tmp_path / "w" / "keys" / "signing.pem").read_bytes()
    assert run(["init", "w"]) == 0
    assert (tmp_path / "w" / "keys" / "signing.pem").read_bytes() == key


def test_outside_a_workspace_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["model", "list"]) == 2
    assert "govtool init" in capsys.readouterr().err


def test_dataset_counts_people_and_keeps_unknown_apart_from_zero(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_people = data(capsys, *ADD_DATA)
    assert (with_people["rows"], with_people["people"], with_people["level"]) == (4, 3, 2)
    without = data(capsys, "dataset", "add", "other", "1", "train.npz")
    assert without["people"] is None
    assert without["level"] is None


def test_same_version_with_other_content_is_refused(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ADD_DATA) == 0
    np.savez(workspace / "train.npz", X=np.zeros((2, 4)), y=np.zeros(2), person=np.array(["a", "b"]))
    assert run(ADD_DATA) == 2
    assert "other content" in capsys.readouterr().err


def test_a_pickle_is_refused_unless_its_digest_is_named(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from govtool.digest import sha256_file

    (workspace / "m.pkl").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    assert run(["model", "add", "m"]) == 0
    add = ["model", "version", "add", "m", "1", "--artifact", "m.pkl"]
    assert run(add) == 2
    assert "--trust-pickle" in capsys.readouterr().err
    assert run([*add, "--trust-pickle", "0" * 64]) == 2
    assert run([*add, "--trust-pickle", sha256_file(workspace / "m.pkl")]) == 0
    assert not (workspace / "pwned").exists()


def test_show_reports_the_effective_classification(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(ADD_DATA)
    run(["model", "add", "m"])
    run(["model", "version", "add", "m", "1", "--endpoint", "http://127.0.0.1:1"])
    assert data(capsys, "model", "show", "m@1")["classification_level"] is None
    assert run(["lineage", "add", "m@1", "trained_on", "people@1"]) == 0
    shown = data(capsys, "model", "show", "m@1")
    assert (shown["classification_level"], shown["trained_on"]) == (2, ["people@1"])
    assert data(capsys, "lineage", "show", "people@1")["downstream"][0]["source"] == "m@1"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["model", "show", "nobody@1"], 2, "no model version"),
        (["model", "show", "nobody"], 2, "NAME@VERSION"),
        (["model", "add", "two words"], 2, "usable name"),
        (["dataset", "add", "d", "1", "missing.csv"], 2, "no such file"),
        (["dataset", "add", "d", "1", "train.npz", "--level", "7"], 2, "0, 1, 2 or 3"),
        (["dataset", "add", "d", "1", "train.npz", "--label", "zz"], 2, "no array named"),
        (["lineage", "add", "a@1", "begat", "b@1"], 2, "unknown relation"),
        (
            ["deployment", "add", "d", "m@1", "--environment", "moon", "--audience", "public", "--exposes", "labels"],
            2,
            "no model version",
        ),
        (["nonsense"], 2, "nonsense"),
        (["model", "list", "--bogus"], 2, "--bogus"),
    ],
)
def test_bad_input_gets_one_clear_error(
    workspace: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, says: str
) -> None:
    assert run(words) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.err.count("error: ") == 1
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_errors_come_as_json_too(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = data(capsys, "model", "show", "nobody@1")
    assert "nobody@1" in error["message"]
    assert error["hint"]


def test_hostile_names_do_not_drive_the_terminal(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "add", "\x1b[2Jgone"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_config_says_where_a_value_comes_from(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = data(capsys, "config", "show")
    assert shown["actor"] == {"value": "tester", "origin": "environment"}
    assert shown["vault_url"]["origin"] == "workspace"


def test_doctor_in_a_workspace_is_content_with_the_key(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checks = {check["name"]: check for check in data(capsys, "doctor")}
    assert checks["signing key"]["ok"]
    (workspace / "keys" / "signing.pem").chmod(0o644)
    assert run(["doctor"]) == 6


def test_db_upgrade_is_idempotent(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "upgrade"]) == 0
    assert data(capsys, "db", "current")["revision"] == data(capsys, "db", "current")["head"]


def test_a_bug_is_reported_without_values(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from govtool.registry import service

    def broken(*_arguments: object) -> None:
        raise RuntimeError("patient Jane Doe")

    monkeypatch.setattr(service, "model_versions", broken)
    assert run(["model", "list"]) == 1
    assert "Jane Doe" not in capsys.readouterr().err
