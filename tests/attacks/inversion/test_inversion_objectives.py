"""Each loss on logits small enough for a hand."""

import numpy as np
import pytest
import torch

from govtool.attacks.inversion.objectives import LOSSES, cross_entropy, margin, poincare

FIRST = torch.tensor([0])


def test_margin_by_hand() -> None:
    # log odds of class 0: 2 - log(e^0 + e^0), short of the margin by 10 - 2 + log 2
    logits = torch.tensor([[2.0, 0, 0]], dtype=torch.float64)
    assert float(margin(logits, FIRST, 10)) == pytest.approx(np.log1p(np.exp(10 - 2 + np.log(2))))


def test_a_margin_of_nothing_is_cross_entropy() -> None:
    logits, wanted = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 3, 0])
    assert float(margin(logits, wanted, 0)) == pytest.approx(float(cross_entropy(logits, wanted)), rel=1e-5)


def test_cross_entropy_by_hand() -> None:
    # two rows of one half each: twice log 2
    assert float(cross_entropy(torch.zeros(2, 2), torch.tensor([0, 1]))) == pytest.approx(2 * np.log(2))


def test_poincare_by_hand() -> None:
    # logits (1, 1) have shares (1/2, 1/2), squared length 1/2; the corner is (0.9999, 0), of squared length 0.99980001
    logits = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
    apart = 0.4999**2 + 0.5**2
    expected = np.arccosh(1 + 2 * apart / ((1 - 0.5) * (1 - 0.9999**2)))
    assert float(poincare(logits, FIRST, 3)) == pytest.approx(3 * expected, rel=1e-6)


@pytest.mark.parametrize("name", ["margin", "poincare"])
def test_where_the_model_is_sure_already_the_slope_is_larger_than_cross_entropy_has(name: str) -> None:
    def slope(loss: str) -> float:
        logits = torch.tensor([[8.0, -1.0, -1.0]], requires_grad=True)
        LOSSES[loss](logits, FIRST, 20.0).backward()
        assert logits.grad is not None
        return float(logits.grad.abs().sum())

    assert slope(name) > 10 * slope("cross_entropy")


@pytest.mark.parametrize("name", LOSSES)
def test_more_of_the_wanted_class_costs_less_and_rows_add_up(name: str) -> None:
    rows = torch.tensor([[0.5, 1.0, 0.2], [3.0, 1.0, 0.2]], dtype=torch.float64)
    wanted = torch.tensor([0, 0])
    doubtful, sure = (float(LOSSES[name](rows[i : i + 1], FIRST, 10.0)) for i in (0, 1))
    assert sure < doubtful
    assert float(LOSSES[name](rows, wanted, 10.0)) == pytest.approx(doubtful + sure)


def test_logits_of_nothing_are_no_division_by_zero() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    poincare(logits, FIRST, 10).backward()
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())
