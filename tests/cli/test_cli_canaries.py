"""From the command line alone: canaries, training, a contradicted claim, retraining with noise, a claim that stands."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govtool.cli import run

POLICY = """schema: govtool.policy/v1
id: dp
version: "1"
owner: dpo
effective_from: 2026-01-01
mode: enforce
rules:
- id: DP-001
  title: The claim holds
  severity: block
  check: {type: privacy_claim, epsilon_at_most: 8, delta_at_most: 1.0e-5, max_age: 90d}
  why: because
"""


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    rng = np.random.default_rng(0)
    for name, count in (("train", 900), ("hold", 200)):
        labels = rng.integers(3, size=count)
        features = rng.normal(size=(count, 12)).astype(np.float32)
        features[:, 0] += 3 * labels
        np.savez(tmp_path / f"{name}.npz", X=features, y=labels)
    monkeypatch.chdir(tmp_path)
    assert run(["init", "ws"]) == 0
    monkeypatch.chdir(tmp_path / "ws")
    (tmp_path / "ws" / "policies" / "dp.yaml").write_text(POLICY)

    def call(*words: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert run([*words, "--json"]) == code, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)["data"]

    for name in ("train", "hold"):
        call("dataset", "add", name, "1", f"../{name}.npz", "--label", "y", "--level", "2")
    call("model", "add", "m")
    return call


def spec(canaries: str, claim: str) -> None:
    Path("audit.yaml").write_text(
        "schema: govtool.audit/v1\nmembers: train@canaries\nnonmembers: hold@1\nreferences: 0\nattacks: [canary_epsilon]\n"
        "recipe: {factory: mlp, factory_params: {hidden: [128]}, epochs: 80, learning_rate: 0.01}\n"
        f"canaries: {canaries}\nclaim: {claim}\n"
    )


def audited(ask: Any, version: str, told: dict[str, Any], weights: str) -> tuple[dict[str, Any], str]:
    """Register the weights, audit them, ask the gate: the attack's record and the rule's verdict."""
    shape = ["--factory", told["factory"], "--factory-params", told["factory_params_json"]]
    ask("model", "version", "add", "m", version, "--artifact", weights, *shape)
    ask("lineage", "add", f"m@{version}", "trained_on", "train@canaries")
    done = ask("audit", "run", f"m@{version}", "--spec", "audit.yaml")
    shown = ask("audit", "show", done["run_id"])
    record = next(one for one in shown["records"] if one["attack"] == "canary_epsilon")
    run(["gate", "check", f"m@{version}"])
    return record, record["detail"]["claim"]["outcome"]


@pytest.mark.slow
def test_from_canaries_to_verdict_by_commands(ask: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = ask("audit", "canaries", "make", "train@1", "--count", "200", "--out", "set.npz", "--as", "canaries")
    spec(made["id"], "{epsilon: 0.5, delta: 1.0e-5}")
    plain = ask("audit", "retrain", "--spec", "audit.yaml", "--data", "train@canaries", "--out", "plain.safetensors")
    record, outcome = audited(ask, "plain", plain, "plain.safetensors")
    assert outcome == "contradicted"
    assert "is contradicted" in capsys.readouterr().out
    assert record["detail"]["positive_control"]["passed"] is True
    words = ["--dp-epsilon", "1", "--delta", "1e-5", "--out", "private.safetensors"]
    private = ask("audit", "retrain", "m@plain", "--spec", "audit.yaml", *words)
    spec(made["id"], private["claim_yaml"])
    record, outcome = audited(ask, "private", private, "private.safetensors")
    assert outcome == "not_contradicted"
    assert "paid for by the stated noise" in " ".join(capsys.readouterr().out.split())
    assert run(["evidence", "verify"]) == 0


def test_a_planting_that_cannot_be_leaves_nothing_behind(ask: Any) -> None:
    for bad in (["--count", "5"], ["--kind", "typo"], ["--count", "5000"]):
        assert run(["audit", "canaries", "make", "train@1", "--out", "set.npz", "--as", "canaries", *bad]) == 2
    assert not Path("set.npz").exists()
    assert [row["ref"] for row in ask("dataset", "list") if "ref" in row] in ([], ["hold@1", "train@1"])


def test_an_epsilon_without_its_delta_is_refused(ask: Any) -> None:
    spec("ev-none", "{epsilon: 1, delta: 1.0e-5}")
    words = ["--spec", "audit.yaml", "--data", "train@1", "--out", "w.safetensors"]
    assert run(["audit", "retrain", *words, "--dp-epsilon", "1"]) == 2
    assert not Path("w.safetensors").exists()
