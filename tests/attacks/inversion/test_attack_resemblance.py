"""Likeness beside what needs no model: two classes of three tiny pictures, by hand."""

import numpy as np
import pytest

from govtool.attacks.inversion.judges import Judge
from govtool.attacks.inversion.resemblance import RECONSTRUCTION, Compared, ssim_gain, table

SHAPE = (1, 2, 2)
UNITS = np.array([[0.1] * 4, [0.2] * 4, [0.3] * 4, [0.7] * 4, [0.8] * 4, [0.9] * 4])
RECORDS = Compared(UNITS, np.repeat([0, 1], 3))
CNN = Judge("cnn", "", np.arange(2), lambda rows: rows, lambda rows: np.column_stack([1 - rows[:, 0], rows[:, 0]]))


def rows(drawn: np.ndarray, records: Compared = RECORDS, judges: tuple[Judge, ...] = (CNN,)) -> dict:
    return {row.row: row for row in table(drawn, records, SHAPE, judges, np.random.default_rng(0))}


def test_every_guess_by_hand() -> None:
    guesses = RECORDS.guesses(np.array([[0.0] * 4, [1.0] * 4]))
    assert guesses[RECONSTRUCTION][:, 0].tolist() == [0, 0, 0, 1, 1, 1]
    assert guesses["the mean of all training records"] == pytest.approx(0.5)
    assert guesses["the mean of the other records of the class"][:, 0] == pytest.approx(
        [0.25, 0.2, 0.15, 0.85, 0.8, 0.75]
    )
    nearest = guesses["the nearest other training record"][:, 0]
    assert nearest[[0, 2, 3, 5]] == pytest.approx([0.2, 0.2, 0.8, 0.8])


def test_decibels_are_averaged_within_classes_and_then_over_them() -> None:
    """Off by 0.1, 0.2 and 0.3 from each record: 20, 13.98 and 10.46 dB."""
    found = rows(np.array([[0.0] * 4, [1.0] * 4]))[RECONSTRUCTION].psnr
    assert found.value == pytest.approx(-20 * np.log10([0.1, 0.2, 0.3]).mean())
    assert found.n == 2


def test_an_exact_copy_has_a_figure_that_can_be_stored() -> None:
    one_each = Compared(UNITS[[0, 3]], np.array([0, 1]))
    found = rows(UNITS[[0, 3]], one_each)
    assert found[RECONSTRUCTION].psnr.value == 100
    assert found[RECONSTRUCTION].ssim.value == pytest.approx(1)
    assert found[RECONSTRUCTION].feature_distance.value == pytest.approx(0)
    assert "the mean of the other records of the class" not in found  # there are none


def test_a_drawing_that_knows_its_class_beats_the_mean_of_all() -> None:
    found = rows(np.array([[0.2] * 4, [0.8] * 4]))
    everybody = found["the mean of all training records"]
    assert found[RECONSTRUCTION].psnr.value > everybody.psnr.value
    assert found[RECONSTRUCTION].ssim.value > everybody.ssim.value
    assert found[RECONSTRUCTION].feature_distance.value < everybody.feature_distance.value


def test_without_the_judge_there_is_no_distance_of_its_features() -> None:
    assert rows(UNITS[[0, 3]], judges=())[RECONSTRUCTION].feature_distance is None


def test_a_drawing_of_the_class_gains_on_everybody_and_one_of_the_other_class_loses() -> None:
    right, wrong = np.array([[0.2] * 4, [0.8] * 4]), np.array([[0.8] * 4, [0.2] * 4])
    rng = np.random.default_rng(0)
    assert ssim_gain(right, RECORDS, SHAPE, rng).value > 0 > ssim_gain(wrong, RECORDS, SHAPE, rng).value
    assert ssim_gain(np.full((2, 4), 0.5), RECORDS, SHAPE, rng).value == pytest.approx(0)  # everybody's mean itself
