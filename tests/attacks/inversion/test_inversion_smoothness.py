"""What a picture costs for not being grey or smooth, by hand."""

import pytest
import torch

from govtool.attacks.inversion.smoothness import Weights, penalty

CORNER = torch.tensor([[0.0, 1, 0, 0]])
"""Of 2 x 2 pixels, one is white: of two steps down one is whole, of two across one."""


def test_distance_is_from_grey_and_per_feature() -> None:
    assert float(penalty(torch.tensor([[0.5, 1.0]]), None, Weights(distance=4))) == pytest.approx(4 * 0.25 / 2)


def test_roughness_by_hand() -> None:
    # of two steps down one is 1, over half a height: slope 2, squared 4, a mean of 2; across the same
    assert float(penalty(CORNER, (1, 2, 2), Weights(roughness=3))) == pytest.approx(3 * (2 + 2))


def test_total_variation_by_hand() -> None:
    # slope 2 at one of two places, a mean of 1; across the same
    assert float(penalty(CORNER, (1, 2, 2), Weights(variation=3))) == pytest.approx(3 * (1 + 1), rel=0.02)
    assert float(penalty(torch.full((1, 4), 0.3), (1, 2, 2), Weights(variation=3))) == 0


def test_total_variation_does_not_care_whether_a_step_is_taken_at_once() -> None:
    """Squares do: that is why total variation keeps edges and roughness blurs them."""
    at_once, slowly = torch.tensor([[0.0, 0, 0, 1, 1]]), torch.tensor([[0, 0.25, 0.5, 0.75, 1]])
    both = [
        [float(penalty(row, (1, 1, 5), w)) for row in (at_once, slowly)]
        for w in (Weights(variation=1), Weights(roughness=1))
    ]
    assert both[0][0] == pytest.approx(both[0][1], rel=0.05)
    assert both[1][0] == pytest.approx(4 * both[1][1])


def test_channels_are_no_neighbours() -> None:
    flat_but_coloured = torch.tensor([[0.0, 0, 0, 0, 1, 1, 1, 1]])
    assert float(penalty(flat_but_coloured, (2, 2, 2), Weights(roughness=1))) == 0
    assert float(penalty(flat_but_coloured, (1, 4, 2), Weights(roughness=1))) > 0


def test_a_table_has_no_neighbours() -> None:
    assert penalty(CORNER, None, Weights(variation=5, roughness=5)) == 0.0


def test_rows_add_up() -> None:
    weights = Weights(distance=1, variation=2, roughness=3)
    one = float(penalty(CORNER, (1, 2, 2), weights))
    assert float(penalty(CORNER.repeat(3, 1), (1, 2, 2), weights)) == pytest.approx(3 * one)


def test_the_same_scene_costs_the_same_at_every_size() -> None:
    """A wedge from black to white: its slope is one everywhere, however many pixels it has."""
    for side in (5, 20):
        wedge = torch.linspace(0.5 / side, 1 - 0.5 / side, side).repeat(side)[None]
        assert float(penalty(wedge, (1, side, side), Weights(roughness=1))) == pytest.approx(1, rel=1e-4)
        assert float(penalty(wedge, (1, side, side), Weights(variation=1))) == pytest.approx(0.9, abs=0.1)
