import json
import shutil
from pathlib import Path

import pytest
from policy_world import LEAKING, SOUND, audit, register
from typer.testing import CliRunner

from govtool import db, resources
from govtool.cli import gate, policy
from govtool.cli.context import Workspace, open_workspace
from govtool.errors import EvidenceError, InputError
from govtool.evidence.note import generate_key

RUN = CliRunner()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    (tmp_path / "govtool.toml").write_text("")
    generate_key(tmp_path / "keys" / "signing.pem")
    engine = db.make_engine(f"sqlite:///{tmp_path}/govtool.db")
    db.upgrade(engine)
    engine.dispose()
    monkeypatch.setenv("GOVTOOL_WORKSPACE", str(tmp_path))
    shutil.copytree(resources.find("policies"), tmp_path / "policies")
    return open_workspace()


def fill(workspace: Workspace, found) -> None:
    with workspace.write() as session:
        now = workspace.now
        version = register(session, workspace.vault, workspace.root / "files", now)
        if found is not None:
            audit(session, workspace.vault, version, now, found)


def invoke(app, *words: str):
    result = RUN.invoke(app, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize(
    ("found", "outcome", "code"), [(SOUND, "GO", 0), (LEAKING, "NO-GO", 3), (None, "UNDECIDED", 4)]
)
def test_gate_check_says_the_outcome_first_and_returns_its_code(workspace, found, outcome, code) -> None:
    fill(workspace, found)
    result = invoke(gate.app, "check", "triage@1")
    assert result.exit_code == code
    lines = result.stdout.splitlines()
    assert lines[0] == f"{outcome}  triage@1"
    assert lines[1]
    assert any(line.startswith("MIA-001") for line in lines)
    assert "came with govtool" not in result.stderr


def test_gate_check_json_and_replay(workspace) -> None:
    fill(workspace, LEAKING)
    result = invoke(gate.app, "check", "triage@1", "--json")
    envelope = json.loads(result.stdout)
    assert (envelope["schema"], envelope["exit_code"], result.exit_code) == ("govtool.gate.check/1", 3, 3)
    assert envelope["data"]["outcome"] == "NO-GO"
    decision = envelope["data"]["decision"]
    again = invoke(gate.app, "replay", decision[:12])
    assert again.exit_code == 0
    assert again.stdout.startswith("SAME RESULT")
    (workspace.root / "vault" / "sha256").rename(workspace.root / "vault" / "elsewhere")
    with pytest.raises(EvidenceError) as caught:
        invoke(gate.app, "replay", decision)
    assert caught.value.exit_code == 5


def test_strict_refuses_conditions(workspace, tmp_path: Path) -> None:
    fill(workspace, LEAKING)
    own = tmp_path / "own"
    own.mkdir()
    for path in resources.find("policies").glob("*.yaml"):
        (own / path.name).write_text(path.read_text().replace("mode: enforce", "mode: warn"))
    relaxed = invoke(gate.app, "check", "triage@1", "--policy", str(own))
    assert (relaxed.exit_code, relaxed.stdout.split()[0]) == (0, "GO-WITH-CONDITIONS")
    assert invoke(gate.app, "check", "triage@1", "--policy", str(own), "--strict").exit_code == 3


def test_the_workspace_policy_goes_before_the_shipped_one(workspace) -> None:
    own = workspace.root / "policies"
    (own / "baseline.yaml").unlink()
    (own / "levels.yaml").write_text((resources.find("policies") / "levels.yaml").read_text())
    result = invoke(policy.app, "check")
    assert "0 rules in 1 files" in result.stdout
    assert "every model will be refused" in result.stderr
    assert "came with govtool" not in result.stderr
    fill(workspace, SOUND)
    assert invoke(gate.app, "check", "triage@1").exit_code == 3, "an empty policy is NO-GO"


def test_policy_check_works_without_a_workspace(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("GOVTOOL_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)
    result = invoke(policy.app, "check", "--json")
    data = json.loads(result.stdout)["data"]
    assert result.exit_code == 0
    assert len(data["sha256"]) == 64
    assert "MIA-001" in data["policies"][0]["rules"]


def test_policy_check_names_file_and_line(tmp_path: Path) -> None:
    for path in resources.find("policies").glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text().replace("severity: info", "severity: maybe"))
    with pytest.raises(InputError) as caught:
        invoke(policy.app, "check", str(tmp_path))
    number = (resources.find("policies") / "baseline.yaml").read_text().splitlines().index("    severity: info") + 1
    assert caught.value.where == f"{tmp_path / 'baseline.yaml'}:{number}"


def test_policy_test_passes_as_shipped_and_fails_when_a_number_changes(tmp_path: Path) -> None:
    shipped = resources.find("policies")
    assert invoke(policy.app, "test", str(shipped)).exit_code == 0
    (tmp_path / "tests").mkdir()
    for path in [*shipped.glob("*.yaml"), *shipped.glob("tests/*.yaml")]:
        (tmp_path / path.relative_to(shipped)).write_text(path.read_text().replace("value: 60%", "value: 81.5%"))
    result = invoke(policy.app, "test", str(tmp_path))
    assert result.exit_code == 3
    assert "leaking.yaml" in result.stdout
    assert "outcome GO, not NO-GO; MIA-001 PASS, not FAIL" in " ".join(result.stdout.split())


def test_a_policy_without_tests_does_not_pass_its_tests(tmp_path: Path) -> None:
    (tmp_path / "levels.yaml").write_text((resources.find("policies") / "levels.yaml").read_text())
    with pytest.raises(InputError, match="no policy tests"):
        invoke(policy.app, "test", str(tmp_path))


def test_a_case_about_a_rule_that_is_gone_is_refused(tmp_path: Path) -> None:
    shipped = resources.find("policies")
    (tmp_path / "tests").mkdir()
    for path in [*shipped.glob("*.yaml"), *shipped.glob("tests/*.yaml")]:
        (tmp_path / path.relative_to(shipped)).write_text(path.read_text())
    baseline = tmp_path / "baseline.yaml"
    baseline.write_text(baseline.read_text().replace("id: MIA-001", "id: MIA-100"))
    with pytest.raises(InputError, match="no rule 'MIA-001'"):
        invoke(policy.app, "test", str(tmp_path))


def test_gate_explain(tmp_path: Path) -> None:
    shipped = str(resources.find("policies"))
    text = invoke(gate.app, "explain", "mia-001", "--policy", shipped).stdout
    assert text.startswith("MIA-001  Membership inference stays close to guessing")
    assert "fewer than 60 of 100" in text
    data = json.loads(invoke(gate.app, "explain", "EXP-001", "--policy", shipped, "--json").stdout)["data"]
    assert data["asks"] == "No deployment shows its weights to an audience that is public."
    with pytest.raises(InputError, match="no rule"):
        invoke(gate.app, "explain", "XXX-1", "--policy", shipped)
