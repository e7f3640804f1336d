"""What a reference model costs, one by one and together, and whether the attacks notice the difference.

    python benchmarks/training.py [FOLDER] [--device cuda]      (or GOVTOOL_BENCH_DATA=FOLDER)

CPU seconds of one process on one thread, which the load of the machine moves less than wall time; modes take turns and
the least of three counts. Generated records stand in for retail100.npz and location30.npz where the folder is not given.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from table import Row, show

from govtool.attacks import signals
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import AttackData, AttackResult, Records, References
from govtool.audits import ensemble, recipe
from govtool.audits.recipe import Recipe
from govtool.audits.references import halves
from govtool.audits.targets.torch_target import TorchTarget
from govtool.runtime import rng

K, EPOCHS, TIMES = 8, 3, 3
RETAIL = Recipe(factory="mlp", factory_params={"hidden": [256, 128]}, epochs=30, batch_size=128)
LOCATION = Recipe(factory="mlp", factory_params={"hidden": [128]}, epochs=100, batch_size=64)
FEWER = {"epochs": 40, "learning_rate": 3e-3}
"""For location30: as good references for less than half. With 40 epochs at 1e-3 LiRA falls behind by a tenth."""
CNN = Recipe(factory="cnn", epochs=1, batch_size=64)


def binary(records: int, features: int, classes: int, density: float) -> Records:
    """0/1 records around class profiles, a fifth of the labels random."""
    draw = np.random.default_rng(1)
    profiles = draw.random((classes, features)) ** 8
    profiles *= density / profiles.mean()
    labels = draw.integers(classes, size=records)
    rows = (draw.random((records, features)) < profiles[labels]).astype(np.float32)
    return Records(rows, np.where(draw.random(records) < 0.2, draw.integers(classes, size=records), labels))


def stored(path: Path, first: int, count: int) -> Records:
    with np.load(path, allow_pickle=False) as archive:
        features = np.unpackbits(archive["x_bits"], axis=1)[:, : int(archive["n_features"])].astype(np.float32)
        labels = archive["y"].astype(np.int64)
    order = np.random.default_rng(7).permutation(len(labels))[first : first + count]
    return Records(features[order], labels[order] - labels.min())


def images(records: int) -> Records:
    """28 x 28 blobs in ten places: what matters is their size."""
    draw = np.random.default_rng(2)
    labels = draw.integers(10, size=records)
    pixels = draw.random((records, 28, 28)).astype(np.float32)
    for number in range(10):
        pixels[labels == number, 2 * number : 2 * number + 5, 8:20] += 1
    return Records(pixels.reshape(records, -1), labels)


def one_by_one(own: Recipe, data: Records, half: np.ndarray, classes: int, seed: int, *, fused: bool) -> object:
    """The loop that everybody writes."""
    import torch

    module = recipe.build(own, data.features.shape[1], classes, seed)
    x, y = torch.from_numpy(data.features[half]), torch.from_numpy(data.labels[half])
    optimizer = torch.optim.Adam(module.parameters(), lr=own.learning_rate, fused=fused or None)
    with recipe.deterministic(seed):
        for _epoch in range(own.epochs):
            for rows in torch.split(torch.randperm(len(x)), own.batch_size):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(module(x[rows]), y[rows]).backward()
                optimizer.step()
    return module.eval()


def together(own: Recipe, data: Records, masks: np.ndarray, classes: int, asked: np.ndarray, device: str) -> list:
    rows = [np.flatnonzero(mask) for mask in masks]
    found = dict(
        ensemble.train_and_ask(
            own, data.features, data.labels, rows, list(range(len(rows))), classes, asked, fanout=_here, device=device
        )
    )
    return [found[number] for number in range(len(rows))]


def _here(function: Callable, jobs: Iterator) -> Iterator:
    return (function(*job) for job in jobs)


def cost(name: str, own: Recipe, data: Records) -> Iterator[Row]:
    """CPU seconds per reference of the whole recipe, from a few epochs."""
    classes, masks = int(data.labels.max()) + 1, halves(K, len(data), 7)
    short = own.model_copy(update={"epochs": EPOCHS})
    rows = [np.flatnonzero(mask) for mask in masks]
    modes: dict[str, Callable[[], object]] = {
        "one by one, Adam": lambda: [one_by_one(short, data, r, classes, 1, fused=False) for r in rows],
        "one by one, fused Adam": lambda: [one_by_one(short, data, r, classes, 1, fused=True) for r in rows],
        "together": lambda: together(short, data, masks, classes, data.features[:1], "cpu"),
    }
    least = dict.fromkeys(modes, float("inf"))
    for _time in range(TIMES):
        for mode, work in modes.items():
            began = time.process_time()
            work()
            least[mode] = min(least[mode], time.process_time() - began)
    scale = own.epochs / EPOCHS / K
    for mode, seconds in least.items():
        note = f"{least['one by one, Adam'] / seconds:.2f} times as fast as one by one; {own.epochs} epochs, K = {K}"
        yield Row(f"{name}: {mode}", seconds * scale, "CPU s", note)


def references(answers: list, data: AttackData, masks: np.ndarray) -> References:
    def read(rows: slice, labels: np.ndarray) -> dict:
        found = [signals.read(answer[rows], labels) for answer in answers]
        return {name: np.stack([readings[name] for readings in found]) for name in signals.READINGS}

    audited = len(data.labels)
    return References(read(slice(audited), data.labels), masks, read(slice(audited, None), data.population.labels))


def quality(name: str, own: Recipe, data: Records, outside: Records, count: int = 16) -> Iterator[Row]:
    """Attacks by references of either kind on one target: the figures must agree within their intervals."""
    classes, middle = int(data.labels.max()) + 1, len(data) // 2
    members, others = (Records(data.features[cut], data.labels[cut]) for cut in (slice(middle), slice(middle, None)))
    target = TorchTarget(one_by_one(own, members, np.arange(middle), classes, 99, fused=True), classes)
    whole, masks = AttackData(members, others, outside), halves(count, len(data), 7)
    asked = np.concatenate([data.features, outside.features])
    kinds: dict[str, Callable[[], list]] = {
        "together": lambda: together(own, data, masks, classes, asked, "cpu"),
        "together, fewer epochs": lambda: together(own.model_copy(update=FEWER), data, masks, classes, asked, "cpu"),
        "one by one": lambda: [
            TorchTarget(
                one_by_one(own, data, np.flatnonzero(mask), classes, seed, fused=False), classes
            ).log_probabilities(asked)
            for seed, mask in enumerate(masks)
        ],
    }
    for kind, work in kinds.items():
        began = time.process_time()
        answers = work()
        yield Row(f"{name}: {count} references {kind}", time.process_time() - began, "CPU s", "trained and asked")
        whole = replace(whole, references=references(answers, whole, masks))
        for attack in ("loss_threshold", "rmia", "lira"):
            result = ATTACKS[attack].run(target, whole, {}, rng(7, attack))
            assert isinstance(result, AttackResult), result
            found = result.metrics["auc"]
            yield Row(f"{name}: {attack} AUC, {kind}", found.value, "", f"{found.low:.3f} to {found.high:.3f}")


def images_per_minute(device: str) -> Iterator[Row]:
    """References per minute of a small CNN, stacked where that pays and one by one."""
    data, classes = images(2000), 10
    masks = halves(K, len(data), 7)
    for kind, groups in (("together", [masks]), ("one by one", [mask[None] for mask in masks])):
        began = time.perf_counter()
        for group in groups:
            together(CNN, data, group, classes, data.features[:1], device)
        yield Row(
            f"cnn on {device}: {kind}", 60 * K / (time.perf_counter() - began), "refs/min", "1,000 images, 1 epoch"
        )


def rows(folder: str | None = None, device: str = "cpu") -> Iterator[Row]:
    folder = folder or os.environ.get("GOVTOOL_BENCH_DATA")
    if folder:
        retail, location = (Path(folder) / f"{name}.npz" for name in ("retail100", "location30"))
        yield from cost("retail100", RETAIL, stored(retail, 0, 10_000))
        yield from cost("location30", LOCATION, stored(location, 0, 4000))
        yield from quality("location30", LOCATION, stored(location, 0, 4000), stored(location, 4000, 1000))
    else:
        yield from cost("600 features, 1.2 % ones", RETAIL, binary(10_000, 600, 100, 0.012))
        yield from cost("446 features, 12 % ones", LOCATION, binary(4000, 446, 30, 0.12))
    yield from images_per_minute(device)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    given = parser.parse_args()
    show(rows(given.folder, given.device))
