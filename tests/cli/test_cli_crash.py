"""Killing any command at any moment loses nothing that was committed, and the next command works."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

GOVTOOL = [sys.executable, "-c", "from govtool.cli import main; main()"]


def govtool(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*GOVTOOL, *words], cwd=folder, capture_output=True, text=True, check=False)


def log_line(number: int) -> str:
    return json.dumps(
        {
            "ts": f"2026-03-10T09:{number // 60 % 60:02d}:{number % 60:02d}.000000Z",
            "request_id": f"r{number}",
            "principal": f"key:{number % 5:012x}",
            "source_ip": "127.0.0.1",
            "user_agent": "t",
            "endpoint": "/v2/models/m/infer",
            "model_name": "m",
            "model_version": "1",
            "model_sha256": "0" * 64,
            "status": 200,
            "duration_ms": 1.0,
            "request": {"inputs": [{"name": "features", "shape": [1, 2], "datatype": "FP32", "data": [number, 1.0]}]},
            "response": {"outputs": [{"name": "label", "shape": [1], "datatype": "INT64", "data": [1]}]},
        }
    )


@pytest.mark.slow
def test_sigkill_at_random_moments(tmp_path: Path) -> None:
    draw = random.Random(20260310)
    assert govtool(tmp_path, "init").returncode == 0
    np.savez(tmp_path / "d.npz", X=np.eye(3, dtype=np.float32), y=np.arange(3))
    (tmp_path / "log.jsonl").write_text("\n".join(log_line(number) for number in range(3000)))
    incident = json.loads(govtool(tmp_path, "incident", "open", "--title", "t", "--json").stdout)["data"]["id"]
    kept: set[str] = set()
    killed = 0
    for trial in range(24):
        words = (
            ["dataset", "add", f"d{trial}", "1", "d.npz", "--label", "y", "--json"]
            if trial % 2
            else ["incident", "ingest", incident, "log.jsonl", "--source", "s", "--authority", "a", "--json"]
        )
        child = subprocess.Popen(
            [*GOVTOOL, *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        time.sleep(draw.uniform(0.1, 2.2))
        child.send_signal(signal.SIGKILL)
        out, _ = child.communicate()
        killed += child.returncode == -signal.SIGKILL
        if child.returncode == 0 and trial % 2:
            kept.add(json.loads(out)["data"]["id"])
        verified = govtool(tmp_path, "evidence", "verify", "--json")
        assert verified.returncode == 0, verified.stdout
    assert killed, "no trial hit a running command; the pauses are too long"
    present = {row["id"] for row in json.loads(govtool(tmp_path, "dataset", "list", "--json").stdout)["data"]}
    assert kept <= present


@pytest.mark.slow
def test_a_killed_init_is_finished_by_the_next(tmp_path: Path) -> None:
    draw = random.Random(7)
    for trial in range(8):
        folder = tmp_path / str(trial)
        folder.mkdir()
        child = subprocess.Popen([*GOVTOOL, "init"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0.05, 1.2))
        child.kill()
        child.wait()
        again = govtool(folder, "init")
        assert again.returncode == 0 or "workspace already" in again.stderr
        assert govtool(folder, "model", "list").returncode == 0
