import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import gaussian_filter

from govtool.attacks.inversion.similarity import psnr, ssim

SHAPES = [(1, 8, 8), (1, 16, 13), (3, 12, 20), (1, 3, 2)]


def pictures(count: int, shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, int(np.prod(shape))))


def by_the_book(left: np.ndarray, right: np.ndarray) -> float:
    """One channel, as in scikit-image: scipy's filter, then only where the window fits."""

    def smooth(picture: np.ndarray) -> np.ndarray:
        return gaussian_filter(picture, 1.5, truncate=3.5, mode="reflect")

    mx, my = smooth(left), smooth(right)
    vx, vy, cov = smooth(left**2) - mx**2, smooth(right**2) - my**2, smooth(left * right) - mx * my
    found = (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
    edges = tuple(slice(5, side - 5) if side > 10 else slice(None) for side in left.shape)
    return float(found[edges].mean())


@pytest.mark.parametrize("shape", SHAPES)
def test_ssim_is_that_of_the_book(shape: tuple[int, int, int]) -> None:
    left, right = pictures(2, shape)
    wanted = np.mean([by_the_book(a, b) for a, b in zip(left.reshape(shape), right.reshape(shape), strict=True)])
    assert ssim(left, right, shape) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_picture_is_wholly_like_itself_and_only_itself(shape: tuple[int, int, int]) -> None:
    rows = pictures(4, shape)
    assert ssim(rows, rows, shape) == pytest.approx(np.ones(4))
    assert (ssim(rows, rows[::-1], shape) < 0.9).all()


def test_two_plain_pictures_differ_in_brightness_alone() -> None:
    """No variance and no covariance: what is left is (2 m n + C1) / (m^2 + n^2 + C1)."""
    left, right = np.full((1, 144), 0.2), np.full((1, 144), 0.6)
    assert ssim(left, right, (1, 12, 12)) == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4))


def test_every_picture_against_every_other_is_the_same_as_pair_by_pair() -> None:
    left, right = pictures(3, (1, 12, 12)), pictures(5, (1, 12, 12), seed=1)
    table = ssim(left[:, None], right[None], (1, 12, 12))
    assert table.shape == (3, 5)
    assert table[2, 4] == pytest.approx(ssim(left[2], right[4], (1, 12, 12)))


units = hnp.arrays(np.float64, (2, 64), elements=st.floats(0, 1))


@settings(max_examples=50, deadline=None)
@given(units)
def test_likeness_is_mutual_and_never_more_than_whole(rows: np.ndarray) -> None:
    there, back = ssim(rows[0], rows[1], (1, 8, 8)), ssim(rows[1], rows[0], (1, 8, 8))
    assert there == pytest.approx(back, abs=1e-9)
    assert -1 <= there <= 1 + 1e-9


def test_decibels_by_hand() -> None:
    """An error of 0.1 everywhere is 20 dB, of 0.01 40 dB; no error has no bound."""
    dark = np.zeros((3, 10))
    bright = np.repeat([[0.1], [0.01], [0.0]], 10, axis=1)
    assert psnr(dark, bright) == pytest.approx([20, 40, np.inf])
