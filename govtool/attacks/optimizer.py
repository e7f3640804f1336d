"""Adam and SGD by torch's functional forms.

The same arithmetic as `torch.optim.Adam` and `SGD`, whose classes import torch's compiler the first time one is made: two
seconds of a twelve-second audit, for nothing used here. Fused means one call per step for all parameters.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

MOMENTUM = 0.9
_BETAS = (0.9, 0.999)
_EPSILON = 1e-8


class Optimizer:
    """Holds the moments. `rate` may be changed between steps."""

    def __init__(self, parameters: "Sequence[Tensor]", kind: Literal["adam", "sgd"], rate: float, decay: float) -> None:
        self._parameters = list(parameters)
        self._move = (_adam if kind == "adam" else _sgd)(self._parameters, decay)
        self.rate = rate

    def step(self) -> None:
        """Move every parameter by the gradient that it holds, and forget the gradients; all or none must have one."""
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        if len(gradients) != len(self._parameters):
            raise RuntimeError("a parameter of the model takes no part in its output")
        self.update(gradients)
        for parameter in self._parameters:
            parameter.grad = None

    def update(self, gradients: "list[Tensor]") -> None:
        """Move every parameter by the gradient given for it, in their order."""
        import torch

        with torch.no_grad():
            self._move(gradients, self.rate)


def _adam(parameters: "list[Tensor]", decay: float) -> "Callable[[list[Tensor], float], None]":
    import torch
    from torch.optim.adam import adam

    first = [torch.zeros_like(parameter) for parameter in parameters]
    second = [torch.zeros_like(parameter) for parameter in parameters]
    steps = [torch.zeros((), dtype=torch.float32, device=parameter.device) for parameter in parameters]

    def move(gradients: "list[Tensor]", rate: float) -> None:
        adam(
            parameters,
            gradients,
            first,
            second,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=_BETAS[0],
            beta2=_BETAS[1],
            lr=rate,
            weight_decay=decay,
            eps=_EPSILON,
            maximize=False,
        )

    return move


def _sgd(parameters: "list[Tensor]", decay: float) -> "Callable[[list[Tensor], float], None]":
    from torch.optim.sgd import sgd

    buffers: list[Tensor | None] = [None for _parameter in parameters]

    def move(gradients: "list[Tensor]", rate: float) -> None:
        sgd(
            parameters,
            gradients,
            buffers,
            fused=True,
            weight_decay=decay,
            momentum=MOMENTUM,
            lr=rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )

    return move
