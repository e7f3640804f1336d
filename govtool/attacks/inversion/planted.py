"""A model that shows its classes for certain: the positive control of inversion.

Softmax regression, trained by full batches with a penalty on its weights. From zero, the gradient is the classes' means less
the mean of all, and the penalty keeps the weights from wandering off to single records, so what an attacker should recover
is in the weights even where labels are noisy. (Measured on the digits with half of the labels drawn at random: the median
judge names 8 to 10 of 10; with a tenth of the penalty 4 to 6.)
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks.interface import Companion, Features, FloatArray, Labels, Records
from govtool.attacks.inversion.question import Bounds
from govtool.attacks.optimizer import Optimizer

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 300
RATE = 0.05
PENALTY = 1e-2
"""Weight of the squared weights, summed, beside the mean cross-entropy."""
ENOUGH = 1e-4
"""Relative fall of the loss over `_PATIENCE` steps below which the model fits as well as it will."""
_PATIENCE = 20


@dataclass(frozen=True)
class Planted:
    """A target that shows what `access` says: its weights, unless told otherwise."""

    network: Any
    n_classes: int
    accuracy: float = 0.0
    """On its own training records, wrong labels counted as they are."""
    access: frozenset[Access] = reachable(frozenset({Access.WEIGHTS}))

    def log_probabilities(self, features: Features) -> FloatArray:
        import torch

        with torch.no_grad():
            answers = torch.log_softmax(self.network(torch.from_numpy(features)).double(), 1)
        return np.asarray(answers.numpy(), dtype=np.float64)

    def labels(self, features: Features) -> Labels:
        return np.asarray(self.log_probabilities(features).argmax(axis=1), dtype=np.int64)

    def module(self) -> Any:
        return self.network


def softmax(records: Records, bounds: Bounds) -> Planted:
    """Train on (n, ...) records until the loss stops falling. Inputs are scaled to -1..1 of their range inside the model.

    No randomness: it starts from zero. MissingExtraError is the caller's: without torch no target could be inverted.
    """
    import torch

    class Scaled(torch.nn.Module):
        low: "Tensor"
        width: "Tensor"

        def __init__(self, inputs: int, classes: int) -> None:
            super().__init__()
            self.register_buffer("low", torch.from_numpy(bounds.low))
            span = bounds.high - bounds.low
            self.register_buffer("width", torch.from_numpy(np.where(span > 0, span, np.float32(1))))
            self.linear = torch.nn.Linear(inputs, classes)
            torch.nn.init.zeros_(self.linear.weight)
            torch.nn.init.zeros_(self.linear.bias)

        def forward(self, inputs: "Tensor") -> Any:
            return self.linear((2 * (inputs - self.low) / self.width - 1).flatten(1))

    classes = int(records.labels.max()) + 1
    model = Scaled(int(np.prod(records.features.shape[1:])), classes)
    features, labels = torch.from_numpy(records.features), torch.from_numpy(records.labels)
    optimizer = Optimizer(list(model.parameters()), "adam", RATE, 0.0)
    losses: list[float] = []
    while len(losses) < STEPS and not _settled(losses):
        loss = torch.nn.functional.cross_entropy(model(features), labels) + PENALTY * (model.linear.weight**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    planted = Planted(model.eval(), classes)
    return Planted(model, classes, float((planted.labels(records.features) == records.labels).mean()))


def companion(real: Companion, members: Records, bounds: Bounds) -> Companion:
    """What stands in for another model of an ensemble: it learnt the members under the classes that one knows them by."""
    if isinstance(real.target, str):
        return real
    known = real.classes[members.labels] >= 0
    if not known.any():
        return real
    learnt = Records(members.features[known], real.classes[members.labels[known]])
    return replace(real, target=replace(softmax(learnt, bounds), access=real.target.access))


def _settled(losses: list[float]) -> bool:
    return len(losses) > _PATIENCE and losses[-_PATIENCE - 1] - losses[-1] < ENOUGH * losses[-_PATIENCE - 1]
