"""Our optimizers move weights exactly as torch's classes do."""

from typing import Any

import pytest
import torch

from govtool.attacks.optimizer import MOMENTUM, Optimizer


def trace(make: Any) -> torch.Tensor:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(4, 3))
    data = torch.randn(4, 3)
    optimizer = make(weight)
    for _step in range(10):
        weight.grad = None
        ((weight - data) ** 2).sum().backward()
        optimizer.step()
    return weight.detach()


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam_is_adam(decay: float) -> None:
    ours = trace(lambda w: Optimizer([w], "adam", 0.05, decay))
    theirs = trace(lambda w: torch.optim.Adam([w], lr=0.05, weight_decay=decay, fused=True))
    assert torch.equal(ours, theirs)


def test_sgd_is_sgd() -> None:
    ours = trace(lambda w: Optimizer([w], "sgd", 0.01, 0.1))
    theirs = trace(lambda w: torch.optim.SGD([w], lr=0.01, momentum=MOMENTUM, weight_decay=0.1, fused=True))
    assert torch.equal(ours, theirs)


def test_a_parameter_without_a_gradient_is_named_and_not_skipped() -> None:
    weights = [torch.nn.Parameter(torch.ones(1)) for _weight in range(2)]
    weights[0].sum().backward()
    with pytest.raises(RuntimeError, match="takes no part"):
        Optimizer(weights, "adam", 0.1, 0.0).step()
