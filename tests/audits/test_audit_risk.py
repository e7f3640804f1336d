"""Who is exposed most: from a run's evidence to a list that only those who may see the data should hold."""

import csv
import io
import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit_worlds import N, draw
from test_cli_audit import Opened
from typer.testing import CliRunner

from govtool.audits import risk, service
from govtool.cli import audit
from govtool.errors import InputError
from govtool.registry import service as registry

QUICK = "attacks: [loss_threshold]\npositive_control: false\nseed: 7\n"


def test_members_are_listed_most_exposed_first_by_row_of_their_dataset(registered: Any) -> None:
    done = registered.audit("leaky@1", QUICK + 'members: {dataset: members@1, rows: "10:"}\n')
    with registered.read() as session:
        found = risk.listed(session, registered.vault, service.run(session, done.run_id))
    assert sorted(row.row for row in found.rows) == list(range(10, N))
    assert {row.dataset for row in found.rows} == {"members@1"}
    values = [row.p_value for row in found.rows]
    assert values == sorted(values)
    assert min(values) >= 1 / (N + 1)
    assert np.mean(np.array(values) < 0.1) > 0.2  # the model knows its members by heart
    assert all(row.subject is None for row in found.rows)
    by_score = [row.score for row in found.rows]
    assert by_score[0] >= by_score[-1]


def test_a_run_without_usable_scores_has_no_list(registered: Any) -> None:
    done = registered.audit("leaky@1", QUICK)
    with registered.read() as session:
        run = service.run(session, done.run_id)
        with pytest.raises(InputError, match="no usable scores of rmia") as error:
            risk.listed(session, registered.vault, run, attack="rmia")
    assert "loss_threshold" in error.value.hint


def test_people_are_named_only_when_asked_for_and_only_where_the_dataset_names_them(registered: Any) -> None:
    done = registered.audit("leaky@1", QUICK)
    with registered.read() as session:
        run = service.run(session, done.run_id)
        with pytest.raises(InputError, match="without a column that says whose"):
            risk.listed(session, registered.vault, run, subjects=True)


@pytest.fixture
def named(registered: Any) -> Any:
    """The same model, its members registered with the people they belong to; one name is a formula."""
    features, labels = draw("members")
    people = np.array([f"person {i:03}" for i in range(N)])
    people[3] = "=1+cmd()"
    path = registered.folder / "known.npz"
    np.savez(path, X=features, y=labels, who=people)
    with registered.write() as session:
        registry.add_dataset_version(
            session, "known", "1", path, level=2, label="y", subject="who", now=registered.now, by="tester"
        )
    return registered.audit("leaky@1", QUICK + "members: known@1\n")


def test_the_file_holds_names_and_the_screen_does_not(
    registered: Any, named: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from govtool.cli import context

    monkeypatch.setattr(context, "open_workspace", lambda: Opened(registered))
    out = tmp_path / "risk.csv"
    done = CliRunner().invoke(audit.app, ["risk", named.run_id, "--subjects", "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["data"]["members"] == N
    assert "person" not in done.stdout
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert {row["subject"] for row in rows} >= {"person 000", "'=1+cmd()"}
    assert stat.S_IMODE(out.stat().st_mode) == 0o600

    again = CliRunner().invoke(audit.app, ["risk", named.run_id, "--out", str(out)])
    assert isinstance(again.exception, InputError)
    assert len(list(csv.DictReader(io.StringIO(out.read_text())))) == N


def test_names_without_a_file_to_go_to_are_refused(named: Any) -> None:
    done = CliRunner().invoke(audit.app, ["risk", named.run_id, "--subjects"])
    assert isinstance(done.exception, InputError)
    assert "--out" in done.exception.hint


def test_the_screen_counts_people_where_figures_do(registered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from govtool.cli import context

    monkeypatch.setattr(context, "open_workspace", lambda: Opened(registered))
    text = QUICK + "members: owned-members@1\nnonmembers: owned-nonmembers@1\n"
    own(registered)
    run = registered.audit("leaky@1", text).run_id
    shown = CliRunner().invoke(audit.app, ["risk", run]).stdout
    assert shown.startswith(f"{N // 3} members, {N} records of theirs, ranked by loss_threshold")
    found = json.loads(CliRunner().invoke(audit.app, ["risk", run, "--json"]).stdout)["data"]
    assert (found["members"], found["records"]) == (N // 3, N)


def own(registered: Any) -> None:
    """Both groups, three records a person."""
    for group in ("members", "nonmembers"):
        features, labels = draw(group)
        path = registered.folder / f"owned-{group}.npz"
        np.savez(path, X=features, y=labels, who=np.array([f"{group}{i // 3}" for i in range(N)]))
        with registered.write() as session:
            registry.add_dataset_version(
                session, f"owned-{group}", "1", path, level=2, label="y", subject="who", now=registered.now, by="tester"
            )


def test_where_people_have_several_records_the_list_goes_by_person(registered: Any) -> None:
    """Every member record belongs to one of 40 people; a person's three records share their p-value."""
    own(registered)
    text = QUICK + "members: owned-members@1\nnonmembers: owned-nonmembers@1\n"
    done = registered.audit("leaky@1", text)
    with registered.read() as session:
        run = service.run(session, done.run_id)
        found = risk.listed(session, registered.vault, run, subjects=True)
        assert found.by_person
        assert found.record.detail["risk"]["members"] == N // 3
    by_person: dict[str | None, set[float]] = {}
    for row in found.rows:
        by_person.setdefault(row.subject, set()).add(row.p_value)
    assert len(by_person) == N // 3
    assert all(len(values) == 1 for values in by_person.values())
    by_record = registered.audit("leaky@1", text + "unit: record\n")
    with registered.read() as session:
        assert not risk.listed(session, registered.vault, service.run(session, by_record.run_id)).by_person
