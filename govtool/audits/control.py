"""The positive control: a model that leaks for certain, attacked exactly as the target is.

One model is trained, without regularisation, on a random half of the audited records until it has learnt them by heart.
In both halves a share of the labels is replaced at random first: such labels can only be known from having seen them, so
a model that fits its half knows its members. An attack that cannot tell the halves apart has shown nothing about the
target. The design is of the kind of Carlini et al. 2022 and Aerni et al. 2024, who plant mislabelled canaries.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import JsonValue

from govtool import runtime
from govtool.access import Access
from govtool.attacks import validity
from govtool.attacks.interface import (
    Attack,
    AttackData,
    AttackResult,
    Features,
    Labels,
    Mask,
    NotApplicable,
    NotTestable,
    Records,
    References,
    Target,
)
from govtool.audits import recipe as recipes
from govtool.audits.recipe import Recipe
from govtool.audits.targets import base, torch_target

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

PLANTED = 0.4
"""Share of labels replaced in both halves."""
LEARNT = 0.99
"""Training accuracy at which the control has learnt its half by heart."""

_LONGEST_EPOCHS = 400
_CAPABLE = ("mlp", "cnn")
_STAND_IN_WIDTH = 256


@dataclass(frozen=True)
class Plan:
    """Which audited records the control trains on, and the labels it sees. Drawn before references are trained."""

    inside: Mask
    labels: Labels

    @property
    def order(self) -> Labels:
        """The audited records' numbers, those that the control trains on first."""
        return np.concatenate([np.flatnonzero(self.inside), np.flatnonzero(~self.inside)])


@dataclass(frozen=True)
class Control:
    """A trained control, and the audited records split and labelled as it saw them."""

    target: Target
    data: AttackData
    how: str
    train_accuracy: float


def plan(records: int, labels: Labels, n_classes: int, seed: int) -> Plan:
    rng = runtime.rng(seed, "positive-control")
    inside = np.zeros(records, dtype=bool)
    inside[rng.permutation(records)[: records // 2]] = True
    changed = labels.copy()
    chosen = rng.permutation(records)[: round(PLANTED * records)]
    changed[chosen] = (changed[chosen] + rng.integers(1, n_classes, size=len(chosen))) % n_classes  # never the true one
    return Plan(inside, changed)


def train_control(
    planned: Plan,
    recipe: Recipe | None,
    data: AttackData,
    access: frozenset[Access],
    n_classes: int,
    seed: int,
    references: References | None,
) -> Control:
    """Train the control. `access` is what the real target exposes; `references` were asked about the planned
    labels, and hold the records in the plan's order.

    Raises:
        MissingExtraError: torch is not installed.
    """
    own = _overfit(recipe)
    features, inside = data.features, planned.inside
    module = recipes.build(own, features.shape[1], n_classes, seed)
    mean, spread = _scale(features[inside])
    scaled = (features[inside] - mean) / spread
    recipes.fit(own, module, scaled, planned.labels[inside], seed, until_accuracy=LEARNT)
    net = torch_target.TorchTarget(_behind(mean, spread, module), n_classes)
    learnt = float((net.labels(features[inside]) == planned.labels[inside]).mean())
    how = (
        f"{own.factory} trained on a random half of the audited records with {PLANTED:.0%} of labels replaced in both "
        f"halves, to {learnt:.1%} training accuracy"
    )
    return Control(base.Exposed(net, access & net.access), split(data, features, planned, references), how, learnt)


def judge(control: Control, attack: Attack, params: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Run `attack` on the control; what `params["positive_control"]` takes, with whether it passed."""
    found = attack.run(control.target, control.data, params, rng)
    if isinstance(found, NotApplicable | NotTestable):
        return {
            "passed": False,
            "auc": None,
            "balanced_accuracy": None,
            "how": f"{control.how}; the attack could not be run on it: {found.reason}",
        }
    assert isinstance(found, AttackResult)
    return validity.positive_control(
        found.metrics["auc"],
        control.how,
        found.metrics.get("balanced_accuracy"),
        found.detail["threshold_misfit"],
    )


def _overfit(recipe: Recipe | None) -> Recipe:
    """The target's own architecture where it can learn by heart; a wide hidden layer where it cannot."""
    factory: str = "mlp"
    params: dict[str, JsonValue] = {"hidden": [_STAND_IN_WIDTH]}
    if recipe is not None and (recipe.factory in _CAPABLE or ":" in recipe.factory):
        factory, params = recipe.factory, {**recipe.factory_params}
        params.pop("dropout", None)
    return Recipe(
        factory=factory,
        factory_params=params,
        epochs=_LONGEST_EPOCHS,
        batch_size=64,
        learning_rate=5e-3,
    )


def _scale(features: Features) -> tuple[Features, Features]:
    """What brings features to mean 0 and spread 1: raw units, such as cells per litre, stop a net from learning."""
    spread = features.std(axis=0)
    return features.mean(axis=0), np.where(spread > 0, spread, np.float32(1))


def _behind(mean: Features, spread: Features, module: "Module") -> "Module":
    """The module behind that scaling."""
    import torch

    class Scale(torch.nn.Module):
        mean: "Tensor"
        spread: "Tensor"

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.from_numpy(mean))
            self.register_buffer("spread", torch.from_numpy(spread))

        def forward(self, inputs: "Tensor") -> "Tensor":
            return (inputs - self.mean) / self.spread

    return torch.nn.Sequential(Scale(), module.eval())


def split(data: AttackData, features: Features, planned: Plan, references: References | None) -> AttackData:
    """The audited records as the control's members and non-members."""
    half = int(planned.inside.sum())
    inside, outside = planned.order[:half], planned.order[half:]
    return replace(
        data,
        members=Records(features[inside], planned.labels[inside]),
        nonmembers=Records(features[outside], planned.labels[outside]),
        references=references,
        unit="record",
    )
