"""Worlds for attribute inference: a network that leaks a binary attribute, one that merely knows how it goes with the label."""

from functools import cache

import numpy as np
import torch
from attack_worlds import TorchTarget

from govtool.attacks.interface import AttackData, Features, Labels, Records, Sensitive

GROUP = Sensitive("group", (0,))
FAR = 2.0
"""The attribute is written as -2 or 2, so that a record with the wrong value lies far from where it was learnt."""


def fit(features: Features, labels: Labels, hidden: int, epochs: int, seed: int) -> TorchTarget:
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(features.shape[1], hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 2))
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    x, y = torch.as_tensor(features), torch.as_tensor(labels)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(128):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimiser.step()
    return TorchTarget(model.eval(), n_classes=2)


def by_heart(n: int, rng: np.random.Generator) -> Records:
    """Random labels and an attribute unrelated to anything: only who has learnt the records knows both."""
    features = rng.standard_normal((n, 10)).astype(np.float32)
    features[:, 0] = np.where(rng.random(n) < 0.5, FAR, -FAR)
    return Records(features, rng.integers(2, size=n))


def correlated(n: int, rng: np.random.Generator) -> Records:
    """The attribute goes with the label (8 in 10) and with the second column, as sex does with income and marriage."""
    has = rng.random(n) < 0.5
    features = rng.standard_normal((n, 10)).astype(np.float32)
    features[:, 0] = has
    features[:, 1] += 1.5 * has
    return Records(features, (rng.random(n) < np.where(has, 0.8, 0.2)).astype(np.int64))


@cache
def leaking(seed: int, n: int = 300) -> tuple[TorchTarget, AttackData]:
    """An overfit network on records of which the attribute decides what is remembered."""
    rng = np.random.default_rng(seed)
    members, nonmembers, population = by_heart(n, rng), by_heart(n, rng), by_heart(2 * n, rng)
    return fit(members.features, members.labels, 256, 60, seed), AttackData(
        members, nonmembers, population, sensitive=(GROUP,)
    )


@cache
def honest(seed: int, n: int = 300) -> tuple[TorchTarget, AttackData]:
    """A linear model that has learnt the correlation and no record by heart."""
    rng = np.random.default_rng(seed)
    members, nonmembers, population = correlated(n, rng), correlated(n, rng), correlated(2 * n, rng)
    torch.manual_seed(seed)
    target = fit(members.features, members.labels, 2, 3, seed)
    return target, AttackData(members, nonmembers, population, sensitive=(GROUP,))


def married(n: int, rng: np.random.Generator) -> Records:
    """Like census records: sex shows in being a husband or a wife, the label hangs on those and on much else."""
    sex = rng.random(n) < 0.66
    features = rng.standard_normal((n, 60)).astype(np.float32)
    features[:, 0] = sex
    features[:, 1] = (rng.random(n) < 0.6) & sex
    features[:, 2] = (rng.random(n) < 0.35) & ~sex
    odds = 1.5 * (features[:, 3] + features[:, 1] + 0.5 * features[:, 4] - 0.7)
    return Records(features, (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(np.int64))


@cache
def census(seed: int, n: int = 500) -> tuple[TorchTarget, AttackData]:
    """A network that has learnt every training record by heart, and sex among sixty columns with them."""
    rng = np.random.default_rng(seed)
    members, nonmembers, population = married(n, rng), married(n, rng), married(3 * n, rng)
    data = AttackData(members, nonmembers, population, sensitive=(Sensitive("sex", (0,), {"f": 0.0, "m": 1.0}),))
    return fit(members.features, members.labels, 256, 60, seed), data
