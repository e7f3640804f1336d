"""An intercepted update: what one client of federated learning sent, as the attacker holds it.

Clients that send gradients, and clients that send weights after some steps of their own (FedAvg, McMahan et al., AISTATS
2017), are told apart only by `steps`: what they moved by, over learning rate and steps, is the average of their gradients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import Labels

Tensors = Mapping[str, NDArray[np.float32]]
"""By the names of the module's parameters."""


@dataclass(frozen=True)
class Local:
    """How a client came from its records to its update: `steps` of gradient descent, each over all of them."""

    steps: int = 1
    rate: float = 1.0
    """Learning rate; says nothing where there is one step."""
    batch_statistics: bool = False
    """Whether batch norm used the records' own statistics (training mode) and not those kept in the model."""


@dataclass(frozen=True)
class Readout:
    """What the attacker knows of a defence that the client applied: an attack that ignores it overstates it."""

    noise: float = 0.0
    """Standard deviation of the Gaussian noise on every entry."""
    sparse: bool = False
    """Entries that are exactly zero were left out, and say only that they were small."""
    signs: bool = False
    """Only the sign of every entry was sent."""


@dataclass(frozen=True)
class Update:
    """What the attacker knows beside the model."""

    tensors: Tensors
    """The gradient of the mean loss over the client's records, or the average over its local steps."""
    size: int
    """Records behind it; with secure aggregation, of all clients together."""
    local: Local = Local()
    labels: Labels | None = None
    """(size,) in any order; None where the attacker has to recover them."""
    readout: Readout = Readout()

    @property
    def norm(self) -> float:
        """Euclidean, over all tensors."""
        return float(np.sqrt(sum(float((one.astype(np.float64) ** 2).sum()) for one in self.tensors.values())))


def prepare(net: Any, local: Local) -> Any:
    """The module as the client ran it: dropout off, batch norm as `local` says, every parameter differentiable."""
    import torch

    net.eval()
    for layer in net.modules():
        if local.batch_statistics and isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):  # noqa: SLF001
            layer.train()
            layer.momentum = 0.0  # the model's own statistics stay as they were sent
    for parameter in net.parameters():
        parameter.requires_grad_(True)
    return net


def simulate(net: Any, inputs: Any, targets: Any, local: Local, *, graph: bool = False) -> list[Any]:
    """What a client with these records would send, a tensor per parameter; differentiable in the records with `graph`.

    Args:
        net: from `prepare`.
        inputs: (n, features) tensor.
        targets: (n,) classes, or (n, classes) probabilities.
        local: as in `Update`.
        graph: keep the graph for a derivative of the derivative.
    """
    import torch

    names = [name for name, _ in net.named_parameters()]
    start = dict(net.named_parameters())
    now = start
    total: list[Any] = []
    for _ in range(local.steps):
        answers = torch.func.functional_call(net, now, (inputs,))
        loss = torch.nn.functional.cross_entropy(answers, targets)
        found = torch.autograd.grad(loss, list(now.values()), create_graph=graph)
        total = list(found) if not total else [one + more for one, more in zip(total, found, strict=True)]
        moved = (now[name] - local.rate * step for name, step in zip(names, found, strict=True))
        now = dict(zip(names, (one if graph else one.detach().requires_grad_() for one in moved), strict=True))
    return [one / local.steps for one in total]


def send(net: Any, features: NDArray[np.float32], labels: Labels, local: Local, *, tell_labels: bool) -> Update:
    """The update that a client with these records sends.

    Args:
        net: from `prepare`.
        features: (n, features).
        labels: (n,).
        local: how the client trains.
        tell_labels: whether the attacker is given the labels.
    """
    import torch

    found = simulate(net, torch.from_numpy(features.copy()), torch.from_numpy(labels.copy()), local)
    tensors = {
        name: np.asarray(one.detach().numpy(), dtype=np.float32)
        for (name, _), one in zip(net.named_parameters(), found, strict=True)
    }
    return Update(tensors, len(labels), local, np.sort(labels) if tell_labels else None)
