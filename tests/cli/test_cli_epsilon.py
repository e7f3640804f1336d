"""govtool audit epsilon and epsilon-from-scores: figures, exit codes and bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
from mechanisms import gaussian_scores

from govtool.cli import run

NOISE = ["--noise-multiplier", "1.1", "--sampling-rate", "0.1", "--steps", "100", "--delta", "1e-5"]


def test_a_claim_that_the_noise_does_not_pay_for_leaves_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "epsilon", *NOISE, "--claimed", "3", "--json"]) == 3
    data = json.loads(capsys.readouterr().out)["data"]
    assert data["supported"] is False
    assert set(data["by"]) == {"dp-accounting RDP", "dp-accounting PLD", "Opacus RDP", "Opacus PRV"}


def test_a_claim_that_it_pays_for_leaves_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "epsilon", *NOISE, "--claimed", "8"]) == 0
    shown = capsys.readouterr().out
    assert "supports the claimed epsilon 8" in shown
    assert "Poisson sampling" in shown


@pytest.mark.parametrize("claimed", ["-1", "nan", "inf"])
def test_a_claim_that_is_no_epsilon_is_refused(claimed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "epsilon", *NOISE, "--claimed", claimed]) == 2
    assert "--claimed" in capsys.readouterr().err


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    values, coins = gaussian_scores(400, 0.3, np.random.default_rng(1))
    np.savez(tmp_path / "scores.npz", scores=values, membership=coins)
    return tmp_path / "scores.npz"


def test_scores_contradict_a_claim(scores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["audit", "epsilon-from-scores", str(scores), "--delta", "1e-5", "--threshold", "0.5"]
    assert run([*words, "--claimed", "1", "--json"]) == 3
    data = json.loads(capsys.readouterr().out)["data"]
    assert data["outcome"] == "contradicted"
    assert 1 < data["epsilon"] < data["ceiling"]
    assert data["credible"]["low"] > 1


def test_a_claim_beyond_the_ceiling_is_left_open(scores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "epsilon-from-scores", str(scores), "--delta", "1e-5", "--claimed", "12"]) == 0
    assert "even a perfect attacker" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arrays",
    [
        {"scores": [1.0, 2.0]},
        {"scores": [1.0, 2.0], "membership": [1, 2]},
        {"scores": [1.0, 2.0], "membership": [1]},
        {"scores": [1.0, np.nan, 3, 4], "membership": [1, 0, 1, 0]},
        {"scores": [1.0, 2.0], "membership": [1, 1]},
    ],
)
def test_files_that_are_no_scores_are_refused(tmp_path: Path, arrays: dict[str, list[float]]) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **{name: np.array(value) for name, value in arrays.items()})
    assert run(["audit", "epsilon-from-scores", str(path), "--delta", "1e-5"]) == 2
    path.write_text("no archive")
    assert run(["audit", "epsilon-from-scores", str(path), "--delta", "1e-5"]) == 2


def test_a_delta_of_one_promises_nothing(scores: Path) -> None:
    assert run(["audit", "epsilon-from-scores", str(scores), "--delta", "1"]) == 2


def test_a_truncated_archive_and_a_threshold_that_is_no_number_are_refused(
    scores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["audit", "epsilon-from-scores", str(scores), "--delta", "1e-5"]
    assert run([*words, "--threshold", "nan"]) == 2
    assert "--threshold" in capsys.readouterr().err
    scores.write_bytes(scores.read_bytes()[:100])
    assert run(words) == 2
    assert "not an .npz" in capsys.readouterr().err
