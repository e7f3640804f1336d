"""Two worlds that differ in how common a property is, and what was read off models trained in each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Layers = tuple[NDArray[np.float64], ...]
"""One array per layer, of all models: (models, neurons, inputs + 1), the bias last."""


@dataclass(frozen=True)
class Queries:
    """What every model was asked: features (n, d), labels (n,), and which records have the property (n,)."""

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    has: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Models:
    """Models of both worlds, in any order: what each answered, and its weights where the attacker holds them."""

    world: NDArray[np.bool_]
    """(models,): True for the second world."""
    answers: NDArray[np.float64]
    """(models, queries): phi, log p_y - log(1 - p_y) of each query's own label."""
    layers: Layers | None = None

    def __len__(self) -> int:
        return len(self.world)


@dataclass(frozen=True)
class Poisoned:
    """The same worlds with rows added by the attacker (SNAP), and the target trained again with such rows."""

    share: float
    """Rows added, as a share of the training records."""
    label: int
    """The label that every added row carries."""
    queries: Queries
    shadows: Models
    tests: Models
    target: NDArray[np.float64]
    """(queries,): phi of a model trained on the target's own records and the added rows."""


@dataclass(frozen=True)
class PropertyWorlds:
    """Everything a property inference attack is given. Shadow and test models were trained on disjoint pools of records."""

    name: str
    """The property in words, such as 'feature 4 equals 1'."""
    fractions: tuple[float, float]
    """The share of training records with the property, in the first and the second world."""
    records: int
    """Training records of each model."""
    queries: Queries
    shadows: Models
    tests: Models
    control: tuple[Models, Models] | None = None
    """Shadow and test models of worlds in which the property was made to show; see `how`."""
    how: str = ""
    """How the control was planted."""
    poisoned: Poisoned | None = None
    members_with: float | None = None
    """Share of the target's own training records with the property, as the auditor knows it; the attacker does not."""
    target_records: int | None = None
    """How many records the target was trained on, where known."""
    pools: Mapping[str, int] = field(default_factory=dict)
    """Records that shadow and test models were drawn from."""
