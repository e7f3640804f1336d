"""Attribute inference: an overfit network on Adult must not be accused over sex, and a planted leak must be found.

python -m benchmarks.attribute                      # generated records
python -m benchmarks.attribute FOLDER               # and adult.npz of that folder (or GOVTOOL_BENCH_DATA)
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from table import Row, show

from govtool.attacks import validity
from govtool.attacks.attribute import planted
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import AttackData, AttackResult, Records, Sensitive, Target
from govtool.audits.recipe import Recipe, train
from govtool.audits.targets.torch_target import from_module
from govtool.runtime import rng

NAMES = [name for name, attack in ATTACKS.items() if attack.family == "attribute_inference"]
OVERFIT = Recipe(factory="mlp", factory_params={"hidden": [256]}, epochs=150, batch_size=128, learning_rate=2e-3)


def attack(name: str, target: Target, data: AttackData, seed: int = 7) -> Iterator[Row]:
    """Every attack of the family, with its control: figures and seconds."""
    checked = validity.check(data, rng(seed, "validity"))
    for method in NAMES:
        started = time.perf_counter()
        params = {"validity": checked}
        control = planted.control(
            ATTACKS[method].run, data, target.n_classes, target.access, params, rng(seed, f"{method}-control")
        )
        result = ATTACKS[method].run(target, data, {**params, "positive_control": control}, rng(seed, method))
        took = time.perf_counter() - started
        assert isinstance(result, AttackResult)
        excess = result.metrics["excess"]
        passed = "control found" if control["passed"] else "control MISSED"
        yield Row(f"{name}: {method} excess", excess.value, "", f"{excess.low:.3f} to {excess.high:.3f}; {passed}")
        for group in ("members", "nonmembers"):
            accuracy = result.metrics[f"accuracy_{group}"]
            note = f"imputation {result.baselines[f'accuracy_{group}']:.3f}, n = {accuracy.n}"
            yield Row(f"{name}: {method} {group}", accuracy.value, "right", note)
        yield Row(f"{name}: {method}", took, "s wall", "with its control")


def overfit(data: AttackData, seed: int = 7) -> Target:
    classes = int(data.labels.max()) + 1
    module = train(OVERFIT, data.members.features, data.members.labels, n_classes=classes, seed=seed)
    return from_module(module, data.members.features.shape[1])


def generated(n: int = 1000) -> AttackData:
    """A binary attribute far apart in feature space and random labels: a network that fits them needs the attribute."""
    draw = np.random.default_rng(1)

    def records(count: int) -> Records:
        features = draw.normal(size=(count, 12)).astype(np.float32)
        features[:, 0] = np.where(draw.random(count) < 0.5, 2.0, -2.0)
        return Records(features, draw.integers(2, size=count))

    return AttackData(records(n), records(n), records(2 * n), sensitive=(Sensitive("group", (0,)),))


def adult(folder: Path, n: int = 2000) -> AttackData:
    """One-hot categories, standardised numbers; sex is one coded column, and the label is the income class."""
    with np.load(folder / "adult.npz", allow_pickle=False) as archive:
        columns = {name: archive[name] for name in archive.files if f"{name}__levels" not in archive.files}
        columns = {name: values for name, values in columns.items() if not name.endswith("__levels")}
        levels = {name.removesuffix("__levels"): archive[name] for name in archive.files if name.endswith("__levels")}
        coded = {name: archive[name] for name in levels}
    label = next(name for name in ("income", "label", "y") if name in coded or name in columns)
    labels = (coded | columns)[label].astype(np.int64)
    parts: dict[str, np.ndarray] = {"sex": coded["sex"].astype(np.float32)}
    for name, values in columns.items():
        if name != label:
            parts[name] = ((values - values.mean()) / values.std()).astype(np.float32)
    for name, values in coded.items():
        if name not in (label, "sex"):
            for code, level in enumerate(levels[name]):
                parts[f"{name}={level}"] = (values == code).astype(np.float32)
    features = np.stack(list(parts.values()), axis=1)
    order = np.random.default_rng(7).permutation(len(labels))
    groups = np.split(order, [n, 2 * n, 7 * n])[:3]
    made = [Records(features[rows], labels[rows], columns=tuple(parts)) for rows in groups]
    names = {str(level): float(code) for code, level in enumerate(levels["sex"])}
    return AttackData(*made, sensitive=(Sensitive("sex", (0,), names),))


def rows(folder: str | None = None) -> Iterator[Row]:
    data = generated()
    yield from attack("planted", overfit(data), data)
    folder = folder or os.environ.get("GOVTOOL_BENCH_DATA")
    if folder:
        data = adult(Path(folder))
        target = overfit(data)
        for group, records in (("members", data.members), ("nonmembers", data.nonmembers)):
            right = float((target.labels(records.features) == records.labels).mean())
            yield Row(f"adult: target on {group}", right, "right", f"n = {len(records)}")
        yield from attack("adult sex", target, data)


if __name__ == "__main__":
    show(rows(sys.argv[1] if len(sys.argv) > 1 else None))
