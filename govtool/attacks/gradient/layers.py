"""The two layers that give the most away: the one that meets the record itself, and the one that names the class."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.gradient.update import Tensors


@dataclass(frozen=True)
class Dense:
    """A fully connected layer: names of its parameters, and whether a ReLU follows."""

    weight: str
    bias: str | None
    module: Any
    rectified: bool = False

    def rows(self, tensors: Tensors) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """(out, in) and (out,) of an update, in double precision; None without a bias."""
        if self.bias is None:
            return None
        return tensors[self.weight].astype(np.float64), tensors[self.bias].astype(np.float64)

    def active(self, inputs: NDArray[Any]) -> NDArray[np.bool_]:
        """(n, out) which units these inputs switch on."""
        weight, bias = (one.detach().double().numpy() for one in (self.module.weight, self.module.bias))
        return np.asarray(inputs.astype(np.float64) @ weight.T + bias > 0)


def ends(net: Any, inputs: int) -> tuple[Dense | None, Dense | None]:
    """The fully connected layer that is given the record itself and the one whose output is the logits; None where there
    is none. Found by asking: (1, inputs) noise is sent through the module and every layer's input and output are looked at.
    """
    import torch

    seen: list[tuple[Any, Any, Any]] = []

    def look(module: Any, given: Any, out: Any) -> None:
        if given and isinstance(given[0], torch.Tensor) and isinstance(out, torch.Tensor):
            seen.append((module, given[0].detach(), out.detach()))

    leaves = [one for one in net.modules() if not list(one.children())]
    hooks = [one.register_forward_hook(look) for one in leaves]
    noise = torch.randn(1, inputs, generator=torch.Generator().manual_seed(0))
    training = [(one, one.training) for one in net.modules()]
    try:
        net.eval()
        with torch.no_grad():
            logits = net(noise)
    finally:
        for hook in hooks:
            hook.remove()
        for one, mode in training:
            one.train(mode)
    dense = [entry for entry in seen if isinstance(entry[0], torch.nn.Linear)]
    first = next((entry for entry in dense if _same(entry[1], noise)), None)
    last = next((entry for entry in reversed(dense) if _same(entry[2], logits)), None)
    return _named(net, first, seen), _named(net, last, seen)


def _same(one: Any, other: Any) -> bool:
    import torch

    return one.numel() == other.numel() and bool(torch.equal(one.flatten(), other.flatten()))


def _named(net: Any, entry: tuple[Any, Any, Any] | None, seen: list[tuple[Any, Any, Any]]) -> Dense | None:
    import torch

    if entry is None:
        return None
    module, _, out = entry
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    bias = None if module.bias is None else names[id(module.bias)]
    rectified = any(isinstance(one, torch.nn.ReLU) and _same(given, out) for one, given, _ in seen)
    return Dense(names[id(module.weight)], bias, module, rectified)
