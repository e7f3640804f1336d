"""A real `govtool audit run` that is killed half-way, and the next one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit_worlds import draw

TREES = Path(__file__).parent.parent
SPEC = """schema: govtool.audit/v1
members: members@1
nonmembers: nonmembers@1
population: population@1
recipe: {{function: "slow_trees:tree", params: {{log: {log}}}}}
references: 12
attacks: [rmia]
seed: 3
"""
RECIPE = """import os, time
from pathlib import Path
from sklearn.tree import DecisionTreeClassifier
def tree(features, labels, seed, *, log):
    time.sleep(0.15)
    model = DecisionTreeClassifier(max_depth=4, random_state=seed).fit(features, labels)
    (Path(log) / f"{seed}-{os.urandom(4).hex()}").touch()
    return model
"""


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        self.environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TREES.parent), str(folder)])}
        self.log.mkdir()
        (folder / "slow_trees.py").write_text(RECIPE)
        (folder / "audit.yaml").write_text(SPEC.format(log=self.log))
        self.say("init", ".")
        from sklearn.tree import DecisionTreeClassifier
        from skops.io import dump

        for group in ("members", "nonmembers", "population"):
            features, labels = draw(group, 60)
            np.savez(folder / f"{group}.npz", X=features, y=labels)
            self.say("dataset", "add", group, "1", f"{group}.npz", "--level", "2", "--label", "y")
        dump(DecisionTreeClassifier(random_state=1).fit(*draw("members", 60)), folder / "tree.skops")
        self.say("model", "add", "trees")
        self.say("model", "version", "add", "trees", "1", "--artifact", "tree.skops")

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-c", "from govtool.cli import main; main()", *words]

    def say(self, *words: str) -> Any:
        return subprocess.run(
            self.command(*words), cwd=self.folder, env=self.environment, check=True, capture_output=True
        )

    def trainings(self) -> list[str]:
        return [path.name.split("-")[0] for path in self.log.iterdir()]

    def start(self, *more: str) -> "subprocess.Popen[bytes]":
        words = (
            "audit",
            "run",
            "trees@1",
            "--spec",
            "audit.yaml",
            "--trust-factory",
            "slow_trees:tree",
            "--json",
            *more,
        )
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(*words),
            cwd=self.folder,
            env=self.environment,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )

    def finish(self, run: "subprocess.Popen[bytes]") -> dict[str, Any]:
        out, err = run.communicate(timeout=100)
        assert run.returncode in (0, 4), err.decode()
        shown = json.loads(self.say("audit", "show", json.loads(out)["data"]["run_id"], "--json").stdout)["data"]
        return next(record for record in shown["records"] if record["attack"] == "rmia")


@pytest.mark.slow
def test_nothing_that_was_finished_is_trained_again(tmp_path: Path) -> None:
    project = Project(tmp_path)
    killed = project.start()
    while len(project.trainings()) < 6:
        assert killed.poll() is None, killed.communicate()[1].decode()
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    kept, tried = len(list((tmp_path / "cache").rglob("*.references"))), len(project.trainings())
    assert 4 <= kept <= tried < 12

    record = project.finish(project.start())
    assert len(project.trainings()) == tried + 12 - kept
    assert len(set(project.trainings())) == 12
    assert record["detail"]["references_cached"] == kept

    whole = project.finish(project.start("--no-cache"))
    assert len(project.trainings()) == tried + 24 - kept
    assert whole["evidence_sha256"] == record["evidence_sha256"]
    assert whole["references_sha256"] == record["references_sha256"] is not None
