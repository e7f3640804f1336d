"""Models of two worlds for the property tests: drawn, not trained, so that what they give away is known."""

from dataclasses import replace

import numpy as np
import torch

from govtool.access import Access, reachable
from govtool.attacks.interface import Features, FloatArray, Labels
from govtool.attacks.property import neurons
from govtool.attacks.property.worlds import Models, Poisoned, PropertyWorlds, Queries

QUERIES, INPUTS, HIDDEN = 40, 6, 5


class Answering:
    """A target whose answers to the queries are given: two classes, from phi of each query's own label."""

    n_classes = 2

    def __init__(self, phi: FloatArray, queries: Queries, module: torch.nn.Module | None = None) -> None:
        self.access = reachable(frozenset({Access.WEIGHTS}))
        self._phi, self._queries, self._module = phi, queries, module

    def log_probabilities(self, features: Features) -> FloatArray:
        assert features is self._queries.features
        own, other = -np.logaddexp(0, -self._phi), -np.logaddexp(0, self._phi)
        first = self._queries.labels == 0
        return np.stack([np.where(first, own, other), np.where(first, other, own)], axis=1)

    def labels(self, features: Features) -> Labels:
        return self.log_probabilities(features).argmax(axis=1)

    def module(self) -> torch.nn.Module:
        assert self._module is not None
        return self._module


def queries(rng: np.random.Generator) -> Queries:
    return Queries(
        rng.normal(size=(QUERIES, 3)).astype(np.float32), np.arange(QUERIES) // 2 % 2, np.arange(QUERIES) % 2 == 1
    )


def net(rng: np.random.Generator, shift: float) -> torch.nn.Module:
    """A net whose neurons' biases carry the world, in any order of neurons."""
    torch.manual_seed(int(rng.integers(2**31)))
    net = torch.nn.Sequential(torch.nn.Linear(INPUTS, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 2))
    with torch.no_grad():
        net[0].bias += shift
    return net


def models(count: int, gap: float, rng: np.random.Generator, *, weights: bool = False) -> Models:
    """Half in each world; queries with the property answered `gap` surer in the second, on a common noise of 1."""
    world = np.arange(count) % 2 == 1
    noise = rng.normal(size=(count, 1)) + rng.normal(size=(count, QUERIES))
    answers = 1 + noise + gap * np.outer(world, np.arange(QUERIES) % 2 == 1)
    layers = [neurons.layers(net(rng, gap * float(second))) for second in world] if weights else []
    known = [found for found in layers if found is not None]
    return Models(world, answers, neurons.joined(known) if weights else None)


def worlds(
    gap: float,
    seed: int = 0,
    *,
    tests: int = 200,
    shadows: int = 64,
    control: float | None = 2.0,
    weights: bool = False,
    poison: float | None = None,
) -> PropertyWorlds:
    """`control` and `poison` are the gaps of the control's and the poisoned worlds; None leaves them out."""
    rng = np.random.default_rng(seed)
    asked = queries(rng)
    found = PropertyWorlds(
        name="feature 3 equals 1",
        fractions=(0.3, 0.7),
        records=500,
        queries=asked,
        shadows=models(shadows, gap, rng, weights=weights),
        tests=models(tests, gap, rng, weights=weights),
        members_with=0.68,
    )
    if control is not None:
        planted = (models(32, control, rng, weights=weights), models(32, control, rng, weights=weights))
        found = replace(found, control=planted, how="labels moved")
    if poison is not None:
        spiked = (models(shadows, poison, rng), models(tests, poison, rng))
        found = replace(found, poisoned=Poisoned(0.01, 1, asked, *spiked, 1 + poison * asked.has))
    return found


def target(found: PropertyWorlds, gap: float = 0.0, seed: int = 1) -> Answering:
    """One more model, of the first world unless a gap is given."""
    rng = np.random.default_rng(seed)
    asked = found.queries
    return Answering(1 + rng.normal(size=QUERIES) + gap * asked.has, asked, net(rng, gap))
