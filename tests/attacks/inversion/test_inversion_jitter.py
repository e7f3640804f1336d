"""Copies that are moved a little, and the Process step of the paper."""

import numpy as np
import pytest
import torch

from govtool.attacks.inversion.jitter import jitter
from govtool.attacks.inversion.process import SHARPENING, denoise_and_sharpen

SHAPE = (1, 20, 12)


class Fixed:
    """A generator that draws the same scale, turn and shifts for each row."""

    def __init__(self, *values: float) -> None:
        self._values = values

    def uniform(self, _low: float, _high: float, size: tuple[int, int]) -> np.ndarray:
        return np.tile(np.array(self._values)[:, None], (1, size[1]))


def spot(top: int, left: int) -> torch.Tensor:
    picture = torch.zeros(1, 20, 12)
    picture[0, top, left] = 1
    return picture.reshape(1, 240)


def test_a_copy_is_moved_by_its_share_of_a_half_side() -> None:
    """0.2 of a half side of 10 rows: the picture is read two rows further down, so a spot moves up by two."""
    moved = jitter(spot(10, 6), SHAPE, 0.2, 0, Fixed(0, 0, 0, 1))  # type: ignore[arg-type]
    assert torch.allclose(moved, spot(8, 6), atol=1e-4)


def test_a_turn_is_a_turn_whatever_the_sides_of_the_picture() -> None:
    """By a quarter circle: what is 4 pixels from the middle along a row is then 4 pixels from it along a column."""
    line = torch.zeros(1, 20, 12)
    line[0, 9:11, 9:11] = 1  # columns 9 and 10 of 12 lie 3 and 4 and a half right of the middle line
    turned = jitter(line.reshape(1, 240), SHAPE, np.pi / 2, 0, Fixed(0, 1, 0, 0)).reshape(20, 12)  # type: ignore[arg-type]
    weight = turned / turned.sum()
    rows, columns = torch.arange(20.0) - 9.5, torch.arange(12.0) - 5.5
    # without a change of size, which this fixed draw does not ask for
    assert abs(float((weight.sum(1) * rows).sum())) == pytest.approx(4, abs=0.1)
    assert abs(float((weight.sum(0) * columns).sum())) == pytest.approx(0, abs=0.1)


def test_nothing_asked_for_nothing_done() -> None:
    row = torch.rand(2, 240)
    assert jitter(row, SHAPE, 0.0, 0.0, np.random.default_rng(0)) is row
    assert jitter(row, None, 0.3, 0.0, np.random.default_rng(0)) is row


def test_a_table_gets_noise_only() -> None:
    row = torch.full((1, 4000), 0.5)
    noisy = jitter(row, None, 0.3, 0.1, np.random.default_rng(0))
    assert float(noisy.std()) == pytest.approx(0.1, rel=0.1)
    assert float(noisy.mean()) == pytest.approx(0.5, abs=0.01)


def test_the_same_seed_moves_alike_and_rows_move_apart() -> None:
    rows = spot(10, 6).repeat(2, 1)
    one, again = (jitter(rows, SHAPE, 0.2, 0.0, np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(one, again)
    assert not torch.equal(one[0], one[1])


def test_the_picture_learns_through_its_copies() -> None:
    rows = torch.rand(2, 240, requires_grad=True)
    (slope,) = torch.autograd.grad(jitter(rows, SHAPE, 0.1, 0.1, np.random.default_rng(0)).sum(), rows)
    assert float(slope.sum()) == pytest.approx(480, rel=0.05)


def test_a_lone_speck_is_removed_and_plain_areas_stay() -> None:
    speck = torch.full((1, 6, 6), 0.4)
    speck[0, 3, 3] = 1
    assert torch.allclose(denoise_and_sharpen(speck.reshape(1, 36), (1, 6, 6)), torch.full((1, 36), 0.4))


def test_an_edge_is_sharpened_by_hand() -> None:
    """Columns 0.2 0.2 0.8 0.8: the median keeps them; the mean beside the edge is 0.4, and half of the difference is added."""
    edge = torch.tensor([0.2, 0.2, 0.8, 0.8]).repeat(4)[None]
    found = denoise_and_sharpen(edge, (1, 4, 4)).reshape(4, 4)
    assert found[1].tolist() == pytest.approx([0.2, 0.2 - SHARPENING * 0.2, 0.8 + SHARPENING * 0.2, 0.8])
