"""Small real models and data for the attack tests: targets that wrap torch modules, references, digits."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch

from govtool.access import Access, reachable
from govtool.attacks import signals
from govtool.attacks.interface import AttackData, Features, FloatArray, Labels, Records, References, Twins
from govtool.attacks.inversion import halving
from govtool.attacks.validity import Validity
from govtool.errors import WorkError
from govtool.estimate import Estimate

CLASSES, WIDTH = 5, 20
FINE = Validity(Estimate(0.5, 0.45, 0.55, 0.95, 100), 0, 50, 0.0, 1.0)
"""Checks that passed, for tests of something else."""

Recipe = Callable[[Features, Labels, int], torch.nn.Module]


@dataclass
class TorchTarget:
    model: torch.nn.Module
    access: frozenset[Access] = reachable(frozenset({Access.WEIGHTS}))
    n_classes: int = CLASSES

    def log_probabilities(self, features: Features) -> FloatArray:
        with torch.no_grad():
            return torch.log_softmax(self.model(torch.as_tensor(features)).double(), 1).numpy()

    def labels(self, features: Features) -> Labels:
        return self.log_probabilities(features).argmax(1)

    def module(self) -> torch.nn.Module:
        return self.model


class Undifferentiable(TorchTarget):
    def module(self) -> torch.nn.Module:
        raise WorkError("a forest has no gradients")


def noise_records(n: int, rng: np.random.Generator) -> Records:
    """Features and labels without any relation: all that can be learnt of them is by heart."""
    return Records(rng.standard_normal((n, WIDTH)).astype(np.float32), rng.integers(CLASSES, size=n))


def fit(model: torch.nn.Module, features: Features, labels: Labels, steps: int) -> torch.nn.Module:
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    x, y = torch.as_tensor(features), torch.as_tensor(labels)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimiser.step()
    return model.eval()


def overfit(features: Features, labels: Labels, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(WIDTH, 64), torch.nn.ReLU(), torch.nn.Linear(64, CLASSES))
    return fit(model, features, labels, 60)


def references(data: AttackData, count: int, recipe: Recipe, seed: int) -> References:
    """Reference models on complementary halves of the audited records."""
    rng = np.random.default_rng(seed)
    n = len(data.labels)
    masks = np.zeros((count, n), dtype=bool)
    for pair in range(0, count, 2):
        masks[pair, rng.permutation(n)[: n // 2]] = True
        masks[pair + 1] = ~masks[pair]
    models = [TorchTarget(recipe(data.features[m], data.labels[m], seed + i)) for i, m in enumerate(masks)]
    answers = [model.log_probabilities(data.features) for model in models]
    assert data.population is not None
    outside = [model.log_probabilities(data.population.features) for model in models]
    read = [signals.read(answer, data.labels) for answer in answers]
    read_outside = [signals.read(answer, data.population.labels) for answer in outside]
    return References(
        readings={name: np.stack([row[name] for row in read]) for name in signals.READINGS},
        members=masks,
        population={name: np.stack([row[name] for row in read_outside]) for name in signals.READINGS},
        mismatch={"train_accuracy_gap": 0.0},
    )


@cache
def planted(seed: int = 0, n: int = 150, count: int = 8) -> tuple[TorchTarget, AttackData]:
    """An overfit network and everything an auditor holds: it has learnt n random labels by heart."""
    rng = np.random.default_rng(seed)
    members, nonmembers, population = (noise_records(n, rng) for _ in range(3))
    data = AttackData(members, nonmembers, population)
    target = TorchTarget(overfit(members.features, members.labels, 1000 + seed))
    return target, AttackData(members, nonmembers, population, references=references(data, count, overfit, 2000 + seed))


@cache
def innocent(seed: int = 0, n: int = 150, count: int = 8) -> tuple[TorchTarget, AttackData]:
    """The same, but the target was trained on other records and has seen neither group."""
    _, data = planted(seed, n, count)
    other = noise_records(n, np.random.default_rng(9000 + seed))
    return TorchTarget(overfit(other.features, other.labels, seed)), data


@cache
def digits(seed: int) -> tuple[Records, Records, Records]:
    """scikit-learn's 8x8 digits in units of their range, split at random: 700 to train on, 200 outside, 500 to judge by."""
    from sklearn.datasets import load_digits

    features, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    parts = np.split(order, [700, 900, 1400])[:3]
    return tuple(Records((features[p] / 16).astype(np.float32), labels[p].astype(np.int64)) for p in parts)


@cache
def digit_softmax(seed: int, *, trained: bool = True) -> tuple[TorchTarget, AttackData]:
    members, nonmembers, evaluation = digits(seed)
    torch.manual_seed(seed)
    model = torch.nn.Linear(64, 10)
    if trained:
        fit(model, members.features, members.labels, 200)
    return TorchTarget(model, n_classes=10), AttackData(members, nonmembers, evaluation=evaluation)


def digit_twins(data: AttackData, *, splits: int = 2, steps: int = 100) -> AttackData:
    """The same with pairs of softmax models trained on disjoint halves of the members."""
    members, pairs, halves = data.members, [], []
    for number in range(splits):
        half = halving.halved(members, np.random.default_rng(number))
        torch.manual_seed(number)
        models = [fit(torch.nn.Linear(64, 10), members.features[own], members.labels[own], steps) for own in half]
        pairs.append(tuple(TorchTarget(model, n_classes=10) for model in models))
        halves.append(half)
    return replace(data, twins=Twins(pairs, halves, "softmax models on halves"))


def mixed_records(n: int, rng: np.random.Generator) -> Records:
    """Half easy (the label is the largest of the first features, by far), half hard (a random label)."""
    records = noise_records(n, rng)
    features, easy = records.features.copy(), rng.random(n) < 0.5
    features[np.flatnonzero(easy), records.labels[easy]] += 4
    return Records(features, records.labels)


@cache
def uneven(seed: int = 0, n: int = 250, count: int = 8) -> tuple[TorchTarget, AttackData]:
    """An overfit network on records of which every model finds half easy: confidence alone proves little there."""
    rng = np.random.default_rng(seed)
    members, nonmembers, population = (mixed_records(n, rng) for _ in range(3))
    data = AttackData(members, nonmembers, population)
    target = TorchTarget(overfit(members.features, members.labels, 1000 + seed))
    return target, AttackData(members, nonmembers, population, references=references(data, count, overfit, 2000 + seed))
