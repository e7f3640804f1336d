"""A meta-classifier that cannot see how hidden neurons are numbered: sums over the set of neurons of each layer.

After the set-based representation of Ganju, Wang, Yang, Gunter & Borisov, CCS 2018, and Zaheer et al., NeurIPS 2017. A neuron of the first
layer is described by its weights; one of a later layer by the descriptions of the neurons before it, each weighted by the
connection, so that renumbering a layer leaves the description as it was. A hidden layer is the mean of its neurons'
descriptions. Outputs are not renumbered by anyone, so theirs stay apart.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from govtool.attacks.interface import FloatArray, Mask
from govtool.attacks.optimizer import Optimizer
from govtool.attacks.property.meta import Decide

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_DESCRIPTION = 8
_WIDTH = 32
_STEPS = 60
_RATE = 5e-3
_DECAY = 1e-3
_TINY = 1e-12


def fit(readings: tuple[FloatArray, ...], world: Mask, rng: np.random.Generator) -> Decide:
    """Train on layers of shadow models, each (models, neurons, inputs + 1), by full-batch Adam.

    Raises:
        ModuleNotFoundError: torch is absent; whoever has weights to attack has it.
    """
    import torch

    scales = _scales(readings)
    seed = int(rng.integers(2**62))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _network([layer.shape[1:] for layer in readings])
        inputs, wanted = _tensors(readings, scales), torch.as_tensor(world, dtype=torch.float32)
        optimizer = Optimizer(list(net.parameters()), "adam", _RATE, _DECAY)
        for _step in range(_STEPS):
            torch.nn.functional.binary_cross_entropy_with_logits(net(inputs), wanted).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    def decide(asked: tuple[FloatArray, ...]) -> FloatArray:
        with torch.no_grad():
            return np.asarray(net(_tensors(asked, scales)).double().numpy(), dtype=np.float64)

    return decide


def _network(shapes: "list[tuple[int, ...]]") -> "Module":
    import torch
    from torch import nn

    class Sets(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            widths = [shapes[0][1], *(_DESCRIPTION + 1 for _layer in shapes[1:])]
            self.describe = nn.ModuleList(_two_layers(width, _DESCRIPTION) for width in widths)
            self.judge = _two_layers(_DESCRIPTION * (len(shapes) - 1 + shapes[-1][0]), 1)

        def forward(self, layers: "list[Tensor]") -> "Tensor":
            seen, described = [], self.describe[0](layers[0])
            for weights, describe in zip(layers[1:], list(self.describe)[1:], strict=True):
                seen.append(described.mean(dim=1))
                before = weights[:, :, :-1] @ described / described.shape[1] ** 0.5
                described = describe(torch.cat([before, weights[:, :, -1:]], dim=2))
            return self.judge(torch.cat([*seen, described.flatten(1)], dim=1)).squeeze(1)  # type: ignore[no-any-return]

    return Sets()


def _two_layers(inputs: int, outputs: int) -> "Module":
    from torch import nn

    return nn.Sequential(nn.Linear(inputs, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, outputs))


def _scales(readings: tuple[FloatArray, ...]) -> list[tuple[FloatArray, FloatArray]]:
    """Mean and spread: of each input of the first layer over its neurons; of later layers, whose inputs are a set, of all."""
    found = []
    for index, layer in enumerate(readings):
        axes = (0, 1) if index == 0 else (0, 1, 2)
        spread = layer.std(axis=axes, keepdims=True)
        centre = layer.mean(axis=axes, keepdims=True) if index == 0 else np.zeros_like(spread)
        found.append((centre, np.where(spread > _TINY, spread, 1.0)))
    return found


def _tensors(readings: tuple[FloatArray, ...], scales: list[tuple[FloatArray, FloatArray]]) -> Any:
    import torch

    return [
        torch.as_tensor((layer - centre) / spread, dtype=torch.float32)
        for layer, (centre, spread) in zip(readings, scales, strict=True)
    ]
