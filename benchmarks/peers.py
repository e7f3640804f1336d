"""The same target and records through govtool and through adversarial-robustness-toolbox: quality, CPU seconds, memory.

    pip install -e '.[bench]'
    python benchmarks/peers.py [FOLDER]      (or GOVTOOL_BENCH_DATA=FOLDER)

Each attack runs in a process of its own, so that peak memory is its own; importing the libraries is counted. All are
scored on the same half of the pool. ART's attacks learn from the other half, whose membership they are told; govtool's
are told nobody's and train reference models instead, which is counted as theirs.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from attacks import generated
from table import Row, show
from worlds import load_pool

from govtool.attacks import operating_point, statistics
from govtool.attacks.interface import AttackData, Records
from govtool.audits.recipe import Recipe, train
from govtool.audits.targets.torch_target import from_module

HIDDEN = [256, 128]
REFERENCES = 8
RECIPE = Recipe(factory="mlp", factory_params={"hidden": HIDDEN}, epochs=50, batch_size=64, learning_rate=1e-3)
GOVTOOL = ("loss_threshold", "lira", "rmia", "combined")


def rows(folder: str | None = None) -> Iterator[Row]:
    folder = folder or os.environ.get("GOVTOOL_BENCH_DATA")
    pools: dict[str, AttackData] = {"generated": generated()}
    if folder:
        pools = {
            "location30": load_pool(Path(folder), "location30", 2000),
            "retail100": load_pool(Path(folder), "retail100", 2500),
        }
    for name, data in pools.items():
        with tempfile.TemporaryDirectory() as scratch:
            world = Path(scratch) / "world.npz"
            _save(world, data)
            for tool in (*PEERS, "govtool"):
                yield from _measured(name, tool, world)


def _measured(name: str, tool: str, world: Path) -> Iterator[Row]:
    done = subprocess.run(
        [sys.executable, __file__, "--one", tool, str(world)], check=False, capture_output=True, text=True
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        yield Row(f"{name}: {tool}", float("nan"), "", f"failed: {last[0][:80]}")
        return
    found = json.loads(done.stdout.strip().splitlines()[-1])
    for attack, figures in found["attacks"].items():
        yield Row(
            f"{name}: {attack} AUC",
            figures["auc"],
            "",
            f"{figures['low']:.3f} to {figures['high']:.3f}, n = {figures['n']}",
        )
        yield Row(f"{name}: {attack} TPR at 1 % FPR", figures["tpr"], "", figures["tpr_interval"])
    yield Row(f"{name}: {tool} CPU", found["cpu_s"], "s", "imports and training included")
    yield Row(f"{name}: {tool} peak memory", found["rss_mb"], "MB", "whole process")


def _save(path: Path, data: AttackData) -> None:
    module = train(RECIPE, data.members.features, data.members.labels, n_classes=int(data.labels.max()) + 1, seed=7)
    weights = {f"weight:{key}": value.numpy() for key, value in module.state_dict().items()}
    assert data.population is not None
    scored = np.random.default_rng(3).random(len(data.labels)) < 0.5
    np.savez(
        path,
        features=data.features,
        labels=data.labels,
        membership=data.membership,
        scored=scored,
        population_features=data.population.features,
        population_labels=data.population.labels,
        **weights,
    )


def _target(world: Any) -> tuple[Any, int]:
    import torch

    from govtool.audits import recipe

    classes = int(world["labels"].max()) + 1
    module = recipe.build(RECIPE, world["features"].shape[1], classes, 0)
    module.load_state_dict({k[7:]: torch.from_numpy(world[k]) for k in world if k.startswith("weight:")})
    return module.eval(), classes


def _art(kind: str, *, softmax: bool) -> Callable[[Any], dict[str, Any]]:
    def run(world: Any) -> dict[str, Any]:
        import torch
        from art.attacks.inference.membership_inference import (
            MembershipInferenceBlackBox,
            MembershipInferenceBlackBoxRuleBased,
        )
        from art.estimators.classification import PyTorchClassifier

        module, classes = _target(world)
        shown = torch.nn.Sequential(module, torch.nn.Softmax(dim=1)) if softmax else module
        estimator = PyTorchClassifier(
            shown, torch.nn.CrossEntropyLoss(), world["features"].shape[1:], classes, device_type="cpu"
        )
        told, inside = ~world["scored"], world["membership"]
        if kind == "rule":
            attack: Any = MembershipInferenceBlackBoxRuleBased(estimator)
        else:
            attack = MembershipInferenceBlackBox(estimator, attack_model_type=kind)
            known = [
                part
                for mask in (told & inside, told & ~inside)
                for part in (world["features"][mask], world["labels"][mask])
            ]
            attack.fit(*known)
        asked = world["scored"]
        scores = attack.infer(world["features"][asked], world["labels"][asked], probabilities=kind != "rule")
        return {
            f"ART {kind}{' (softmax)' if softmax else ' (logits)'}": _figures(
                np.asarray(scores, dtype=float).reshape(asked.sum(), -1)[:, -1], inside[asked]
            )
        }

    return run


def _govtool(world: Any) -> dict[str, Any]:
    from dataclasses import replace

    from govtool.attacks import validity
    from govtool.attacks.catalog import ATTACKS
    from govtool.attacks.interface import AttackResult
    from govtool.audits.references import train_references
    from govtool.runtime import rng

    inside = world["membership"]
    pool = [Records(world["features"][mask], world["labels"][mask]) for mask in (inside, ~inside)]
    data = AttackData(*pool, Records(world["population_features"], world["population_labels"]))
    target = from_module(_target(world)[0], data.features.shape[1])
    trained = train_references(
        RECIPE,
        target,
        data,
        count=REFERENCES,
        seed=7,
        control=None,
        training_records=len(data.members),
        progress=lambda *_: None,
    )
    data = replace(data, references=trained.references)
    checked = validity.check(data, rng(7, "validity"))
    found = {}
    for name in (name for name in GOVTOOL if name in ATTACKS):
        result = ATTACKS[name].run(target, data, {"validity": checked}, rng(7, name))
        assert isinstance(result, AttackResult)
        scored = np.concatenate([world["scored"][inside], world["scored"][~inside]])
        found[f"govtool {name}"] = _figures(result.arrays["scores"][scored], data.membership[scored])
    return found


def _figures(scores: np.ndarray, membership: np.ndarray) -> dict[str, Any]:
    area = statistics.auc(scores, membership)
    point = operating_point.tpr_at_fpr(scores, membership, 0.01)
    tpr = point.estimate
    return {
        "auc": area.value,
        "low": area.low,
        "high": area.high,
        "n": area.n,
        "tpr": float("nan") if tpr is None else tpr.value,
        "tpr_interval": "not resolvable" if tpr is None else f"{tpr.low:.3f} to {tpr.high:.3f}",
    }


PEERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "art-rule": _art("rule", softmax=False),
    "art-rf-logits": _art("rf", softmax=False),
    "art-rf-softmax": _art("rf", softmax=True),
    "art-gb-softmax": _art("gb", softmax=True),
}


def one(tool: str, path: str) -> None:
    """Run one tool in this process and print what it found and cost."""
    with np.load(path, allow_pickle=False) as archive:
        world = {name: archive[name] for name in archive.files}
    found = _govtool(world) if tool == "govtool" else PEERS[tool](world)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cost = {"cpu_s": time.process_time(), "rss_mb": usage.ru_maxrss / 1024}
    print(json.dumps({"attacks": found, **cost}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:4])
    else:
        show(rows(sys.argv[1] if len(sys.argv) > 1 else None))
