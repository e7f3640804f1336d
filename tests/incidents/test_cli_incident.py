"""`govtool incident` as a responder meets it: a whole case from the first alert to the clocks, and what goes wrong."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from incident_traffic import campaign, ordinary, training, write_log

from govtool import cli, db, settings
from govtool.cli.context import Workspace, open_workspace
from govtool.digest import rfc3339
from govtool.evidence.models import EvidenceItem, LedgerCheckpoint
from govtool.evidence.note import generate_key
from govtool.incidents import engine
from govtool.incidents.models import LogIngest
from govtool.registry import service as registry

MEMBERS = 200
TOLD = ("--source", "gateway", "--authority", "TICKET-1")
SAMPLES = Path(__file__).parent.parent / "samples" / "logs"


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "govtool.db"
    engine = db.make_engine(f"sqlite:///{path}")
    db.upgrade(engine)
    engine.dispose()  # the last connection folds the write-ahead log into the file
    return path


@pytest.fixture
def workspace(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    folder = tmp_path / "ws"
    generate_key(folder / "keys" / "signing.pem")
    (folder / "govtool.db").write_bytes(migrated.read_bytes())
    (folder / settings.FILE_NAME).write_text(
        'ledger_origin = "govtool.test/cli"\nactor = "tester"\n[organisation]\ncountry = "FR"\ntimezone = "Europe/Paris"\n'
    )
    for name in [name for name in os.environ if name.startswith("GOVTOOL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(folder)
    workspace = open_workspace()
    yield workspace
    workspace.engine.dispose()


@pytest.fixture
def run(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str | Path, code: int = 0) -> Any:
        """The command's data (with --json), after its exit code was checked."""
        capsys.readouterr()
        arguments = [str(word) for word in words]
        assert cli.run(["incident", *arguments]) == code, capsys.readouterr()
        captured = capsys.readouterr()
        return json.loads(captured.out) if "--json" in arguments else captured

    return run


@pytest.fixture
def opened(run: Any) -> str:
    data = run("open", "--title", "odd queries", "--first-alert", "2026-01-05T09:00+01:00", "--json")["data"]
    return str(data["id"])


def register(workspace: Workspace, folder: Path) -> str:
    """A model trained on 200 people, deployed; returns the digest of its weights."""
    records = training(MEMBERS)
    np.savez(folder / "train.npz", X=records, y=np.zeros(MEMBERS, np.int64), subject=np.arange(MEMBERS))
    np.savez(folder / "model.npz", scores=np.zeros(2))
    common: dict[str, Any] = {"now": workspace.now, "by": "t"}
    with workspace.write() as session:
        registry.add_dataset_version(
            session, "patients", "1", folder / "train.npz", level=3, label="y", subject="subject", **common
        )
        registry.add_model(session, "triage", description="", owner="", purpose="", **common)
        version = registry.add_model_version(
            session, workspace.vault, "triage", "1", artifact=folder / "model.npz", **common
        )
        registry.add_lineage(session, "triage@1", "trained_on", "patients@1", **common)
        return str(version.artifact_sha256)


def test_a_case_from_the_alert_to_the_people_and_the_clock(run: Any, workspace: Workspace, tmp_path: Path) -> None:
    sha256 = register(workspace, tmp_path)
    generator = np.random.default_rng(3)
    calls = [call for n in range(5) for call in ordinary(generator, f"key:{n:08x}", MEMBERS, visits=3)]
    calls += campaign(generator, "key:0badcafe", MEMBERS, size=100)
    log = write_log(tmp_path / "log.jsonl", calls, training(MEMBERS), model=sha256)
    case = run("open", "--title", "odd", "--model", "triage@1", "--json")["data"]["id"]
    [row] = run("ingest", case, log, *TOLD, "--json")["data"]["ingests"]
    assert (row["n_events"], row["n_unreadable"]) == (len(calls), 0)
    found = run("detect", case[:9], "--json")["data"]
    assert found["accused"] == ["key:0badcafe"]
    scope = run("scope", case, "--json")["data"]
    assert (scope["records_count"], scope["subjects_count"]) == (50, 50)
    text = run("show", case).out
    assert "key:0badcafe" in text
    assert "against it:" in text
    assert "scope" in run("timeline", case).out
    with workspace.read() as session:
        heads = session.scalars(sa.select(sa.func.count()).select_from(LedgerCheckpoint)).one()
    assert heads == 6  # registering, open, preserve, read, detect, scope: each step was signed


def test_ingest_commits_the_original_before_it_reads(
    run: Any, opened: str, workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "syslog").write_text("Jan  5 09:00:00 host something\n")
    result = run("ingest", opened, tmp_path / "syslog", SAMPLES / "oip.jsonl", *TOLD, "--json", code=2)
    assert [row["format"] for row in result["data"]["ingests"]] == ["oip"]
    assert result["data"]["failures"][0]["message"].startswith("the log cannot be read")
    with workspace.read() as session:
        names = [
            item.original_name for item in session.scalars(sa.select(EvidenceItem).order_by(EvidenceItem.ledger_index))
        ]
        assert names == ["syslog", "oip.jsonl"]
        assert len(session.scalars(sa.select(LogIngest)).all()) == 1


def test_a_crash_while_reading_loses_nothing(
    run: Any, opened: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("govtool.incidents.ingest.read_log", crash)
    run("ingest", opened, SAMPLES / "oip.jsonl", *TOLD, code=1)
    with workspace.read() as session:
        [item] = session.scalars(sa.select(EvidenceItem)).all()
    assert workspace.vault.read(item.sha256) == (SAMPLES / "oip.jsonl").read_bytes()


def test_unreadable_lines_never_fail_an_ingest_and_credentials_are_warned_of(run: Any, opened: str) -> None:
    result = run("ingest", opened, SAMPLES / "oip.jsonl", *TOLD)
    assert "unreadable" in result.out
    assert "credential in clear" in result.err
    assert "sk-live" not in result.out + result.err


def test_a_log_that_is_a_link_or_absent_is_your_input(run: Any, opened: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(SAMPLES / "oip.jsonl")
    assert "symbolic link" in run("ingest", opened, tmp_path / "link", *TOLD, code=2).err
    assert "no such file" in run("ingest", opened, tmp_path / "absent", *TOLD, code=2).err.lower()


def test_a_log_is_not_taken_without_saying_from_where_and_on_what_ground(run: Any, opened: str) -> None:
    assert "--source" in run("ingest", opened, SAMPLES / "oip.jsonl", "--authority", "T", code=2).err
    assert "--authority" in run("ingest", opened, SAMPLES / "oip.jsonl", "--source", "s", code=2).err
    assert "authority" in run("ingest", opened, SAMPLES / "oip.jsonl", "--source", "s", "--authority", " ", code=2).err


def test_detect_leaves_with_zero_whatever_it_finds_and_with_two_without_a_log(run: Any, opened: str) -> None:
    run("detect", opened, code=2)
    run("ingest", opened, SAMPLES / "openai_capture.jsonl", *TOLD)
    text = run("detect", opened).out
    assert "exposure: not examined" in text
    assert "so nobody is cleared" in text  # three detectors that do not apply are no clean bill


@pytest.mark.parametrize("command", ["detect", "scope"])
def test_others_can_write_while_logs_are_judged(
    run: Any, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    sha256 = register(workspace, tmp_path)
    calls = ordinary(np.random.default_rng(3), "key:00000001", MEMBERS, visits=3)
    log = write_log(tmp_path / "log.jsonl", calls, training(MEMBERS), model=sha256)
    case = run("open", "--title", "odd", "--model", "triage@1", "--json")["data"]["id"]
    run("ingest", case, log, *TOLD)
    real, written = engine.open_events, []

    def slow(*given: Any) -> Any:
        with workspace.write() as session:
            given_now = {"now": workspace.now, "by": "another"}
            written.append(registry.add_model(session, "other", description="", owner="", purpose="", **given_now))
        return real(*given)

    monkeypatch.setattr(f"govtool.incidents.{command}.open_events", slow)
    run(command, case, *(["--principal", "key:00000001"] if command == "scope" else []))
    assert len(written) == 1


def test_scope_before_detection_says_what_to_do(run: Any, opened: str) -> None:
    assert "no detection was run" in run("scope", opened, code=2).err


def test_hostile_names_in_a_log_cannot_drive_the_terminal(run: Any, opened: str, tmp_path: Path) -> None:
    record = json.loads((SAMPLES / "oip.jsonl").read_text().splitlines()[0]) | {"principal": "\x1b[2Jroot\u202e"}
    (tmp_path / "log.jsonl").write_text(json.dumps(record) + "\n")
    run("ingest", opened, tmp_path / "log.jsonl", *TOLD)
    result = run("scope", opened, "--principal", "\x1b[2Jnobody", code=2)
    assert "\x1b" not in result.out + result.err


def test_awareness_starts_the_clock_and_a_correction_keeps_both(run: Any, opened: str, workspace: Workspace) -> None:
    before = {each["rule"]: each for each in run("clocks", opened, "--json")["data"]["clocks"]}
    assert (before["GDPR33-72H"]["state"], before["GDPR33-72H"]["anchor_at"]) == ("not_started", None)
    first, second = workspace.now - timedelta(hours=5), workspace.now - timedelta(hours=4)
    run("aware", opened, "--at", rfc3339(first), "--by", "A. Dubois, DPO", "--reason", "logs confirm")
    refused = run("event", opened, "aware", "--at", rfc3339(second), "--by", "A. Dubois, DPO", code=2)
    assert "needs its reason" in refused.err
    result = run(
        "aware",
        opened,
        "--at",
        rfc3339(second),
        "--by",
        "A. Dubois, DPO",
        "--reason",
        "the first log was of another system",
    )
    assert "stays on record" in result.out
    after = {each["rule"]: each for each in run("clocks", opened, "--json")["data"]["clocks"]}["GDPR33-72H"]
    assert after["state"] == "running"
    assert after["anchor_at"] == rfc3339(second)
    assert after["due_utc"] == rfc3339(second + timedelta(hours=72))


def test_awareness_needs_an_offset(run: Any, opened: str) -> None:
    refused = run("aware", opened, "--at", "2026-01-06T09:00", "--by", "A", "--reason", "b", code=2)
    assert "neither an offset nor a zone" in refused.err
    assert "2026-03-10T09:00[Europe/Paris]" in refused.err


def test_the_clocks_shown_are_those_of_the_organisations_country(run: Any, opened: str) -> None:
    result = run("clocks", opened)
    assert "GDPR33-72H" in result.out
    assert "HIPAA" not in result.out
    assert "not shown: uk_gdpr, hipaa, us_ca" in result.err
    hipaa = run("clocks", opened, "--regime", "hipaa", "--individuals", "12", "--tz", "America/New_York", "--json")[
        "data"
    ]
    assert next(each for each in hipaa["clocks"] if each["rule"] == "HIPAA-60D")["due_date"] == "2026-03-06"
    run("clocks", opened, "--regime", "mars", code=2)
    run("clocks", opened, "--tz", "Mars/Olympus", code=2)
    run("clocks", opened, "--ai-act-days", "3", code=2)


def test_list_and_show_tell_open_from_closed(run: Any, opened: str, workspace: Workspace) -> None:
    assert run("list", "--json")["data"][0]["closed"] is False
    run("event", opened, "closed", "--at", rfc3339(workspace.now), "--by", "A. Dubois", "--reason", "keys revoked")
    assert run("list", "--json")["data"][0]["closed"] is True
    assert "closed" in run("list").out
    assert run("show", opened, "--json")["data"]["instants"]["first_alert"]["at"] == "2026-01-05T08:00:00.000000Z"


def test_a_closed_incident_can_be_reopened_and_closed_again(run: Any, opened: str, workspace: Workspace) -> None:
    def tell(kind: str, code: int = 0) -> Any:
        at = rfc3339(workspace.now)
        return run("event", opened, kind, "--at", at, "--by", "A. Dubois", "--reason", "as found", code=code)

    assert "is not closed" in tell("reopened", code=2).err
    for kind, closed in (("closed", True), ("reopened", False), ("closed", True)):
        tell(kind)
        assert run("list", "--json")["data"][0]["closed"] is closed
    assert run("timeline", opened).out.count("as found") == 3


def test_the_clocks_say_which_of_them_this_version_cannot_start(run: Any, opened: str, workspace: Workspace) -> None:
    assert "not recorded by this version" in run("clocks", opened).out
    by_rule = {each["rule"]: each for each in run("clocks", opened, "--json")["data"]["clocks"]}
    assert (by_rule["GDPR34-1"]["startable"], by_rule["GDPR33-72H"]["startable"]) == (False, True)
    assert by_rule["AIA73"]["state"] == "watch"
    run("aware", opened, "--at", rfc3339(workspace.now), "--by", "A", "--reason", "b")
    assert "notices that were sent are not recorded" in run("clocks", opened).err


def test_an_unknown_incident_is_your_input(run: Any) -> None:
    run("show", "inc-nothing", code=2)
