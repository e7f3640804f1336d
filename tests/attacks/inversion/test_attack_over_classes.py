"""Classes are what is independent: intervals over them, known by hand where they can be and by how often they are right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from govtool.attacks.inversion import over_classes
from govtool.estimate import clopper_pearson


def test_many_classes_give_students_interval() -> None:
    values = np.random.default_rng(0).normal(0.2, 0.1, 200)
    arm = t.ppf(0.975, 199) * values.std(ddof=1) / np.sqrt(200)
    found = over_classes.mean(values, np.random.default_rng(1))
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((values.mean() - arm, values.mean() + arm), abs=0.001)
    assert found.n == 200


def test_one_class_has_no_interval() -> None:
    with pytest.raises(ValueError, match="two"):
        over_classes.mean(np.array([0.1]), np.random.default_rng(0))


def test_ten_classes_hold_the_truth_about_as_often_as_they_say() -> None:
    """400 samples of ten; a plain percentile interval would hold it in about 90 of 100."""
    rng = np.random.default_rng(2)
    held = [found.low <= 0 <= found.high for _ in range(400) for found in [over_classes.mean(rng.normal(size=10), rng)]]
    assert 0.92 <= np.mean(held) <= 0.98


def test_classes_that_agree_with_themselves_count_once_each() -> None:
    """Six of ten classes always, four never: as good as ten trials, whatever their number (less Student's price)."""
    hits = np.repeat(np.arange(10) < 6, 8).reshape(10, 8).astype(float)
    found, plain = over_classes.rate(hits), clopper_pearson(6, 10)
    assert found.value == 0.6
    assert found.n < 10
    assert found.low < plain.low
    assert found.high > plain.high


def test_independent_trials_count_nearly_each() -> None:
    hits = (np.random.default_rng(3).random((200, 4)) < 0.5).astype(float)
    assert 700 <= over_classes.rate(hits).n <= 800


def test_all_or_none_is_no_more_than_the_classes_can_show() -> None:
    assert over_classes.rate(np.ones((12, 6))).low == pytest.approx(clopper_pearson(12, 12).low)
    assert over_classes.rate(np.zeros((12, 6))).high == pytest.approx(clopper_pearson(0, 12).high)


def test_one_of_two_in_every_class_is_one_of_two() -> None:
    """Drawings that owe nothing to the records: of each pair of twins, one is nearest to its own by chance of the halves."""
    found = over_classes.rate(np.tile([1.0, 0.0], (40, 2)))
    assert (found.value, found.n) == (0.5, 160)


@given(st.integers(2, 30), st.integers(1, 6), st.integers(0, 10_000))
def test_the_share_lies_in_its_interval_and_n_is_between_nothing_and_all(classes: int, trials: int, seed: int) -> None:
    hits = (np.random.default_rng(seed).random((classes, trials)) < 0.6).astype(float)
    found = over_classes.rate(hits)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert 1 <= found.n <= classes * trials
