"""Fully connected models of one shape, trained together by batched products with their gradients written out.

One step of all models is a handful of calls; autograd would spend as long again on what they cost between the products.
All weights lie in one flat buffer, so the optimiser is one call too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from govtool.audits.training.batches import Bags, Filled
from govtool.audits.training.device import mixed

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch.nn import Linear, Module

_ALIGN = 64  # floats: every weight starts on its own cache line and none falls into the scalar rest of a vector loop


@dataclass(frozen=True)
class Layer:
    linear: "Linear"
    activation: str = ""
    """relu, tanh or none."""
    dropout: float = 0.0


def layers(module: "Module") -> list[Layer] | None:
    """The layers of a plain fully connected net; None for everything else, by exact type: a subclass may do anything."""
    import torch
    from torch import nn

    parts = list(module) if type(module) is nn.Sequential else [module]
    activations: dict[type[Module], str] = {nn.ReLU: "relu", nn.Tanh: "tanh"}
    found: list[Layer] = []
    for part in parts:
        if type(part) is nn.Linear and part.bias is not None and part.weight.dtype is torch.float32:
            found.append(Layer(part))
        elif type(part) in activations and found and not found[-1].activation and not found[-1].dropout:
            found[-1] = Layer(found[-1].linear, activations[type(part)])
        elif type(part) is nn.Dropout and found and not found[-1].dropout:
            found[-1] = Layer(found[-1].linear, found[-1].activation, part.p)
        else:
            return None
    plain_end = bool(found) and not found[-1].activation and not found[-1].dropout
    apart = len({id(layer.linear) for layer in found}) == len(found)
    return found if plain_end and apart and all(weight.requires_grad for weight in module.parameters()) else None


@dataclass(frozen=True)
class _Output:
    """What one layer gave: after its activation, and after dropout with the mask that made it so."""

    activated: "Tensor"
    passed: "Tensor"
    mask: "Tensor | None"


class StackedMlp:
    """Models whose `layers` are alike. Weights are (models, inputs, outputs), the transpose of torch's.

    `weights` lists them and the biases, model first; `parameters` is what an optimiser moves by `gradients`.
    """

    def __init__(self, modules: "list[Module]", generators: "list[Generator]", device: str, *, half: bool) -> None:
        import torch

        self._modules = modules
        self._generators = generators  # one per model and on the device: dropout is each model's own
        self._device, self._half = device, half
        found = [layers(module) or [] for module in modules]
        self._shape = found[0]
        linears = [[stack[number].linear for stack in found] for number in range(len(self._shape))]
        sizes = [
            (len(modules), *shape)
            for same in linears
            for shape in ((same[0].in_features, same[0].out_features), (1, same[0].out_features))
        ]
        flat, self.weights = _buffer(sizes, device)
        flat_gradients, self._gradients = _buffer(sizes, device)
        first = self.weights[1].storage_offset()
        self.parameters = [flat[:first], flat[first:]]
        self._flat_gradients = [flat_gradients[:first], flat_gradients[first:]]
        with torch.no_grad():
            for number, same in enumerate(linears):
                self.weights[2 * number].copy_(torch.stack([linear.weight.T for linear in same]))
                self.weights[2 * number + 1].copy_(torch.stack([linear.bias[None] for linear in same]))

    def logits(self, batch: "Tensor | Bags") -> "Tensor":
        """(models, batch, classes), without dropout."""
        import torch

        with torch.no_grad(), mixed(self._device, half=self._half):
            return self._forward(batch)[-1].activated.float()

    def gradients(
        self, batch: "Tensor | Bags", wanted: "Tensor", filled: Filled | None = None
    ) -> "tuple[list[Tensor], Tensor]":
        """Of each model's mean cross-entropy on its batch, and the logits; `wanted` is flat, model by model."""
        import torch

        with torch.no_grad(), mixed(self._device, half=self._half):
            outputs = self._forward(batch, self._own(wanted, filled))
            logits = outputs[-1].activated.float()
            error = torch.softmax(logits, dim=2)
            flat = error.view(-1, error.shape[2])
            flat.scatter_add_(1, wanted[:, None], flat.new_full((len(flat), 1), -1.0))
            error.mul_(1 / error.shape[1] if filled is None else filled.shares[:, :, None])
            for number in range(len(self._shape) - 1, 0, -1):
                below = outputs[number - 1]
                self._product(below.passed.transpose(1, 2), error, 2 * number)
                error = torch.bmm(error, self.weights[2 * number].transpose(1, 2))
                error = self._through(error, below, self._shape[number - 1].activation)
            return [self._first(batch, error), self._flat_gradients[1]], logits

    def modules(self) -> "list[Module]":
        """The models with the weights of now, in evaluation mode and on the CPU."""
        import torch

        with torch.no_grad():
            for index, module in enumerate(self._modules):
                for number, layer in enumerate(layers(module) or []):
                    layer.linear.weight.copy_(self.weights[2 * number][index].T)
                    layer.linear.bias.copy_(self.weights[2 * number + 1][index, 0])
        return [module.eval() for module in self._modules]

    def _own(self, wanted: "Tensor", filled: Filled | None) -> list[int]:
        models = len(self._modules)
        return [len(wanted) // models] * models if filled is None else filled.own

    def _forward(self, batch: "Tensor | Bags", own: list[int] | None = None) -> list[_Output]:
        """In training, `own` says for how many records of each model dropout is drawn."""
        import torch

        outputs: list[_Output] = []
        for number, layer in enumerate(self._shape):
            weight, bias = self.weights[2 * number], self.weights[2 * number + 1]
            if number:
                given = torch.baddbmm(bias, outputs[-1].passed, weight)
            elif isinstance(batch, Bags):
                given = batch.times(weight).add_(bias)
            else:
                given = torch.baddbmm(bias, batch, weight)
            outputs.append(self._activate(given, layer, own))
        return outputs

    def _activate(self, given: "Tensor", layer: Layer, own: list[int] | None) -> _Output:
        import torch
        from torch.nn.functional import pad

        activated = {"relu": torch.relu_, "tanh": torch.tanh_}.get(layer.activation, lambda same: same)(given)
        if own is None or not layer.dropout:
            return _Output(activated, activated, None)
        _models, batch, width = given.shape
        drawn = [
            pad(torch.rand((count, width), generator=generator, device=given.device), (0, 0, 0, batch - count))
            for count, generator in zip(own, self._generators, strict=True)
        ]
        mask = (torch.stack(drawn) >= layer.dropout).to(given.dtype).mul_(1 / (1 - layer.dropout))
        return _Output(activated, activated * mask, mask)

    @staticmethod
    def _through(error: "Tensor", below: _Output, activation: str) -> "Tensor":
        """The gradient before a layer's activation from that after its dropout."""
        import torch

        if below.mask is not None:
            error = error * below.mask
        if activation == "relu":
            return torch.ops.aten.threshold_backward(error, below.activated, 0)  # type: ignore[no-any-return]
        return error * (1 - below.activated * below.activated) if activation == "tanh" else error

    def _first(self, batch: "Tensor | Bags", error: "Tensor") -> "Tensor":
        """The flat gradient of the first layer's weights, which comes as a tensor of its own where it is a sum."""
        import torch

        if not isinstance(batch, Bags):
            self._product(batch.transpose(1, 2), error, 0)
            return self._flat_gradients[0]
        torch.sum(error, 1, keepdim=True, dtype=torch.float32, out=self._gradients[1])
        summed = batch.transposed_times(error.float())
        if summed.numel() == self._flat_gradients[0].numel():
            return summed.view(-1)
        self._gradients[0].copy_(summed)
        return self._flat_gradients[0]

    def _product(self, inputs: "Tensor", error: "Tensor", number: int) -> None:
        """The gradients of one layer's weights and bias."""
        import torch

        if self._half:  # autocast leaves alone what is told where to write
            self._gradients[number].copy_(torch.bmm(inputs, error))
        else:
            torch.bmm(inputs, error, out=self._gradients[number])
        torch.sum(error, 1, keepdim=True, dtype=torch.float32, out=self._gradients[number + 1])


def _buffer(sizes: Sequence[tuple[int, ...]], device: str) -> "tuple[Tensor, list[Tensor]]":
    """A flat buffer of zeros, and a view of each size into it."""
    import math

    import torch

    counts = [math.prod(size) for size in sizes]
    starts = [sum(-(-count // _ALIGN) * _ALIGN for count in counts[:number]) for number in range(len(counts) + 1)]
    flat = torch.zeros(starts[-1], device=device)
    return flat, [
        flat[start : start + count].view(size) for start, count, size in zip(starts, counts, sizes, strict=False)
    ]
