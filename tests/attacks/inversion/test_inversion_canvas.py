"""What is searched stands for the pictures it should."""

import math

import pytest
import torch
from torch import nn

from govtool.attacks.inversion.canvas import Blurred, Codes, Pixels, Spectrum

SHAPE = (3, 6, 4)


def pictures(rows: int = 2) -> torch.Tensor:
    return torch.rand(rows, 72, generator=torch.Generator().manual_seed(0))


def test_a_spectrum_draws_the_pictures_it_absorbed() -> None:
    canvas = Spectrum.of(torch.full((2, 72), 0.5), SHAPE, 0.5, 1.0)
    assert torch.allclose(canvas.draw(), torch.full((2, 72), 0.5), atol=1e-6)
    canvas.absorb(pictures())
    assert torch.allclose(canvas.draw(), pictures(), atol=1e-5)


def test_the_mean_of_a_picture_is_its_first_coefficient() -> None:
    """A picture a tenth above grey everywhere: coefficient 0.1 * sqrt(height * width), all others nothing."""
    canvas = Spectrum.of(torch.full((1, 24), 0.6), (1, 6, 4), 0.5, 1.0)
    found = (canvas.scale * canvas.variables)[0, 0]
    assert float(found[0, 0]) == pytest.approx(0.1 * math.sqrt(24), rel=1e-5)
    assert float(found.abs().sum() - found[0, 0]) == pytest.approx(0, abs=1e-5)


def test_amplitudes_fall_with_frequency_whatever_the_number_of_pixels() -> None:
    small, large = (Spectrum.of(torch.full((1, s * s), 0.5), (1, s, s), 0.5, 1.0) for s in (8, 32))
    assert float(small.scale[1, 0] / small.scale[4, 0]) == pytest.approx(2), (
        "four times the frequency, falloff one half"
    )
    assert float(small.scale[0, 0]) == float(small.scale[1, 0]), "the mean is no rarer than the longest wave"
    for canvas in (small, large):
        canvas.variables[0, 0, 2, 0] = 0.1
    assert float(large.draw().std() / small.draw().std()) == pytest.approx(1, abs=0.02)


def test_a_mode_is_as_long_across_as_it_is_down() -> None:
    """Twice as high as wide: the second wave down is as long as the first across."""
    canvas = Spectrum.of(torch.full((1, 32), 0.5), (1, 8, 4), 1.0, 1.0)
    assert float(canvas.scale[2, 0]) == pytest.approx(float(canvas.scale[0, 1]))


def test_the_prior_of_a_spectrum_is_normal() -> None:
    canvas = Spectrum.of(torch.full((2, 24), 0.5), (1, 6, 4), 0.5, 3.0)
    canvas.variables[0, 0, 1, 1] = 2.0
    assert float(canvas.penalty()) == 12.0


def test_blurred_pixels_spread_and_keep_their_sum() -> None:
    canvas = Blurred.of(torch.full((1, 900), 0.5), (1, 30, 30))
    canvas.variables[0, 0, 15, 15] = 0.1
    drawn = canvas.draw().reshape(30, 30) - 0.5
    assert drawn.argmax() == 15 * 30 + 15
    assert float(drawn.sum()) == pytest.approx(2 * 0.1, rel=0.02), "two blurs"
    assert float(drawn[15, 12]) == pytest.approx(float(drawn[12, 15]), rel=1e-4)
    with pytest.raises(NotImplementedError):
        canvas.absorb(torch.zeros(1, 900))


@pytest.mark.parametrize("kind", ["spectrum", "blurred"])
def test_a_pixel_beyond_the_range_still_feels_which_way_is_back(kind: str) -> None:
    grey = torch.full((1, 24), 0.5)
    canvas = Spectrum.of(grey, (1, 6, 4), 0.5, 1.0) if kind == "spectrum" else Blurred.of(grey, (1, 6, 4))
    canvas.variables += 40
    canvas.variables.requires_grad_(True)
    (slope,) = torch.autograd.grad(canvas.draw().sum(), canvas.variables)
    assert float(slope.abs().sum()) > 0


def test_pixels_stay_in_range() -> None:
    canvas = Pixels(torch.tensor([[-1.0, 0.25, 3.0]]))
    canvas.settle()
    assert canvas.draw().tolist() == [[0.0, 0.25, 1.0]]
    canvas.absorb(torch.tensor([[0.0, 0.5, 1.0]]))
    assert canvas.draw().tolist() == [[0.0, 0.5, 1.0]]


def test_codes_are_drawn_by_the_decoder_in_the_model_s_own_units() -> None:
    """Inputs from -1 to 3: the encoder halves, the decoder doubles, so grey (1) has the code one half."""
    halve, double = nn.Linear(2, 2), nn.Linear(2, 2)
    with torch.no_grad():
        for layer, factor in ((halve, 0.5), (double, 2.0)):
            layer.weight.copy_(factor * torch.eye(2))
            layer.bias.zero_()
    low, width = torch.full((2,), -1.0), torch.full((2,), 4.0)
    canvas = Codes.of(torch.full((1, 2), 0.5), halve, double, low, width)
    assert canvas.variables.tolist() == [[0.5, 0.5]]
    assert canvas.draw().tolist() == [[0.5, 0.5]]
    with torch.no_grad():
        canvas.absorb(torch.tensor([[0.0, 1.0]]))
    assert canvas.variables.tolist() == [[-0.5, 1.5]]
    assert canvas.draw().tolist() == [[0.0, 1.0]]
