"""The commands as typed: what they write, what they refuse, and with which exit code."""

import json
from pathlib import Path
from typing import Any

import pytest
import report_samples as samples

from govtool.cli import run
from govtool.cli.context import open_workspace
from govtool.registry import service as registry
from govtool.reports import render, service

BUILD = ["report", "build", "assessment", "triage@1.2", "--out"]
DRAFT = ["notify", "draft", "inc-portal", "--kind", "gdpr-article33", "--out"]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOVTOOL_ACTOR", "tester")
    monkeypatch.delenv("GOVTOOL_WORKSPACE", raising=False)
    assert run(["init"]) == 0
    opened = open_workspace()
    with opened.write() as session:
        samples.model(session, opened.vault, opened.now)
        samples.incident(session, opened.vault, opened.now)
    return tmp_path


def data(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    code = run([*words, "--json"])
    envelope = json.loads(capsys.readouterr().out)
    assert envelope["exit_code"] == code
    return envelope["data"]


def test_a_pdf_is_built_listed_and_verified(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built = data(capsys, *BUILD, "triage.pdf")
    assert (workspace / "triage.pdf").read_bytes().startswith(b"%PDF-")
    assert [row["id"] for row in data(capsys, "report", "list")] == [built["id"]]
    assert run(["report", "verify", "triage.pdf"]) == 0
    assert "GENUINE: this is rep-" in capsys.readouterr().out
    (workspace / "copy.pdf").write_bytes((workspace / "triage.pdf").read_bytes() + b"x")
    assert run(["report", "verify", "copy.pdf"]) == 5
    assert "NOT GENUINE" in capsys.readouterr().out


@pytest.mark.parametrize("words", [BUILD, DRAFT])
def test_others_can_write_while_a_document_is_drawn(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    real, written = service.draw, []

    def draw(*given: Any, **named: Any) -> bytes:
        with open_workspace().write() as session:
            written.append(
                registry.add_model(
                    session, "other", description="", owner="", purpose="", now=open_workspace().now, by="other"
                )
            )
        return real(*given, **named)

    monkeypatch.setattr(service, "draw", draw)
    assert run([*words, "out.html"]) == 0
    assert len(written) == 1


def test_an_unknown_file_does_not_verify(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "other.pdf").write_bytes(b"%PDF-1.7 something else")
    assert data(capsys, "report", "verify", "other.pdf")["genuine"] is False
    assert run(["report", "verify", "other.pdf"]) == 5
    assert run(["report", "verify", "absent.pdf"]) == 2


def test_the_name_of_the_file_decides_the_format(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert data(capsys, *BUILD, "triage.html")["media_type"] == "text/html"
    assert (workspace / "triage.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert run([*BUILD, "triage.txt"]) == 2
    assert "cannot tell the format" in capsys.readouterr().err


def test_an_existing_file_is_kept_unless_forced(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "triage.html").write_text("mine")
    assert run([*BUILD, "triage.html"]) == 2
    assert "--force" in capsys.readouterr().err
    assert (workspace / "triage.html").read_text() == "mine"
    assert run([*BUILD, "triage.html", "--force"]) == 0
    assert (workspace / "triage.html").read_text() != "mine"


def test_a_missing_folder_is_named_before_any_work(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*BUILD, "nowhere/triage.html"]) == 2
    assert "mkdir -p nowhere" in capsys.readouterr().err
    assert data(capsys, "report", "list") == []


def test_nothing_half_written_is_left(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import os

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    from govtool.cli.report import write_whole
    from govtool.errors import WorkError

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkError, match="No space left"):
        write_whole(workspace / "out.pdf", b"x" * 100, force=False)
    assert [path for path in workspace.iterdir() if "out.pdf" in path.name] == []


def test_a_file_that_appears_meanwhile_is_not_replaced(workspace: Path) -> None:
    from govtool.cli.report import write_whole
    from govtool.errors import InputError

    (workspace / "out.pdf").write_bytes(b"theirs")
    with pytest.raises(InputError, match="exists already"):
        write_whole(workspace / "out.pdf", b"ours", force=False)
    assert (workspace / "out.pdf").read_bytes() == b"theirs"
    assert [path.name for path in workspace.iterdir() if "out.pdf" in path.name] == ["out.pdf"]


def test_without_a_pdf_renderer_the_same_content_comes_as_html(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(render, "pdf_available", lambda: "no Pango here")
    assert run([*BUILD, "triage.pdf"]) == 0
    assert "no Pango here" in capsys.readouterr().err
    assert (workspace / "triage.html").is_file()
    assert not (workspace / "triage.pdf").exists()
    assert run([*BUILD, "again.pdf", "--format", "pdf"]) == 6
    assert not (workspace / "again.html").exists()


def test_a_notice_is_not_built_as_a_report(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "build", "gdpr-article33", "inc-portal", "--out", "n.html"]) == 2
    assert "govtool notify draft" in capsys.readouterr().err


def test_a_draft_says_what_is_open_and_how_much_time_is_left(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drafted = data(capsys, *DRAFT, "notice.html")
    assert (drafted["state"], drafted["completeness"]) == ("draft", "incomplete")
    assert "severity" in drafted["to_be_determined"]
    assert drafted["clock"]["standing"] == "running"
    assert run(["report", "verify", "notice.html"]) == 0


def test_a_persons_answer_appears_in_the_next_draft(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answered = data(capsys, "notify", "answer", "inc-portal", "severity", "Moderate", "--by", "A. Dubois, DPO")
    assert answered["status"] == "known"
    assert "severity" not in data(capsys, *DRAFT, "notice.html")["to_be_determined"]
    text = (workspace / "notice.html").read_text(encoding="utf-8")
    assert "A. Dubois, DPO" in text


@pytest.mark.parametrize(("field", "status"), [("mood", "known"), ("severity", "probably")])
def test_an_answer_no_field_would_show_is_refused(workspace: Path, field: str, status: str) -> None:
    assert run(["notify", "answer", "inc-portal", field, "x", "--by", "me", "--status", status]) == 2
