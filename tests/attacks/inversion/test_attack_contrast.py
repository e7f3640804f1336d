import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.attacks.inversion import contrast

PICTURE = np.array([[0.2, 0.8, 0.2, 0.8]])


def test_contrast_by_hand() -> None:
    assert contrast.contrast(np.vstack([PICTURE, np.full((1, 4), 0.5)])) == pytest.approx([0.3, 0])


def test_stretching_keeps_the_mean_and_gives_the_contrast_wanted() -> None:
    found = contrast.stretched(0.5 + (PICTURE - 0.5) / 100, 0.3)
    assert found == pytest.approx(PICTURE)


def test_a_plain_picture_has_nothing_to_stretch() -> None:
    assert contrast.stretched(np.full((1, 4), 0.7), 0.3).tolist() == [[0.7] * 4]


def test_stretching_stays_in_range() -> None:
    found = contrast.stretched(np.array([[0.9, 1.0, 0.9, 0.9]]), 0.4)
    assert found.min() >= 0
    assert found.max() == 1


@given(st.floats(0.01, 1))
def test_a_faded_picture_has_its_share_of_contrast_around_grey(share: float) -> None:
    found = contrast.faded(PICTURE, share)
    assert contrast.contrast(found) == pytest.approx(share * contrast.contrast(PICTURE))
    assert found.mean() == pytest.approx(0.5)


@pytest.mark.parametrize(("full", "faded", "blind"), [(10, 10, True), (10, 5, True), (10, 4, False), (0, 0, False)])
def test_a_judge_is_blind_that_names_half_as_many_without_contrast(full: int, faded: int, blind: bool) -> None:
    assert contrast.blind(full, faded) is blind
