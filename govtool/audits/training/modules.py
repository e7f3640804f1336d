"""Any torch modules, one alone or several of one shape together, with gradients by autograd."""

from typing import TYPE_CHECKING

from govtool.audits.training.batches import Filled
from govtool.audits.training.device import mixed

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class StackedModules:
    """Modules of one shape, vectorised by `torch.func.vmap`; one alone is called as it is.

    `weights` is all that training changes, model first: parameters, and the buffers of a module that is alone. `parameters`
    is what an optimiser moves by `gradients`. Several must not have buffers that training changes (batch statistics).
    """

    def __init__(self, modules: "list[Module]", device: str, *, half: bool) -> None:
        from torch.func import stack_module_state

        self.parameters: list[Tensor]
        self.weights: list[Tensor]
        self._modules = [module.to(device) for module in modules]
        self._device, self._half = device, half
        shape = self._modules[0].train()
        if len(modules) == 1:
            self.parameters = list(filter(lambda value: value.requires_grad, shape.parameters()))
            self.weights = [value.detach()[None] for value in (*shape.parameters(), *shape.buffers())]
        else:
            self._named, self._buffers = stack_module_state(self._modules)
            self.parameters = self.weights = list(self._named.values())

    def logits(self, batch: "Tensor") -> "Tensor":
        """(models, batch, classes), in evaluation mode."""
        import torch

        self._modules[0].eval()
        with torch.no_grad():
            found = self._call(batch)
        self._modules[0].train()
        return found

    def gradients(
        self, batch: "Tensor", wanted: "Tensor", filled: Filled | None = None
    ) -> "tuple[list[Tensor], Tensor]":
        """Of the sum of each model's mean cross-entropy on its batch, and the logits; `wanted` is flat, model by model.

        The sum, so that each model gets the gradient it would get alone.
        """
        import torch
        from torch.nn.functional import cross_entropy

        logits = self._call(batch)
        if filled is None:
            loss = cross_entropy(logits.flatten(0, 1), wanted) * len(logits)
        else:
            loss = cross_entropy(logits.flatten(0, 1), wanted, reduction="none") @ filled.shares.flatten()
        found = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        if any(gradient is None for gradient in found):
            raise RuntimeError("a parameter of the model takes no part in its output")
        return list(found), logits.detach()

    def modules(self) -> "list[Module]":
        """The models with the weights of now, in evaluation mode and on the CPU."""
        import torch

        if len(self._modules) > 1:
            with torch.no_grad():
                for index, module in enumerate(self._modules):
                    module.load_state_dict({name: value[index] for name, value in self._named.items()})
        return [module.eval().to("cpu") for module in self._modules]

    def _call(self, batch: "Tensor") -> "Tensor":
        from torch.func import functional_call, vmap

        shape = self._modules[0]
        found: Tensor
        with mixed(self._device, half=self._half):
            if len(self._modules) == 1:
                found = shape(batch[0])[None]
            else:
                forward = vmap(lambda w, b, x: functional_call(shape, (w, b), (x,)), randomness="different")
                found = forward(self._named, self._buffers, batch)
        return found.float()
