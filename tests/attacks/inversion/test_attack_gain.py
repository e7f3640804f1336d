"""More than the leakiest member? Counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from govtool.attacks.attribute import paired
from govtool.attacks.interface import Mask
from govtool.attacks.inversion import gain


def hits(text: str) -> Mask:
    return np.array([letter == "x" for letter in text])


def test_the_gain_is_over_the_best_member_and_not_the_mean_of_them() -> None:
    found = gain.difference(hits("xxxxxx...."), [hits("xxxx......"), hits("x.........")])
    assert found.value == pytest.approx(0.2)
    assert found.n == 10


def test_with_one_member_it_is_the_paired_interval_itself() -> None:
    first, second = hits("xxxxxxxx.."), hits("xx.x.....x")
    expected = paired.gain(first, second).estimate()
    found = gain.difference(first, [second])
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


def test_two_members_that_each_lose_to_the_ensemble_elsewhere() -> None:
    """Each member knows another half: the ensemble surely beats either, so it beats the better one."""
    together, left, right = np.ones(40, bool), np.arange(40) < 20, np.arange(40) >= 20
    found = gain.difference(together, [left, right])
    assert found.value == 0.5
    assert 0.3 < found.low < 0.5 < found.high
    assert "more than their leakiest member: 40 of 40 classes" in gain.reading(together, {"l": left, "r": right})


def test_more_members_make_the_upper_limit_no_tighter() -> None:
    """The same member three times is one member seen through three tests."""
    together, one = hits("xxxxx....."), hits("xxx......x")
    assert gain.difference(together, [one] * 3).high > gain.difference(together, [one]).high
    assert gain.difference(together, [one] * 3).low == pytest.approx(gain.difference(together, [one]).low)


def test_less_than_the_best_is_said_as_such() -> None:
    together, best = np.arange(40) < 10, np.arange(40) < 35
    assert "less than their leakiest member" in gain.reading(together, {"best": best})


def test_a_saturated_member_leaves_nothing_to_prove() -> None:
    together, best = np.ones(40, bool), np.arange(40) < 38
    said = gain.reading(together, {"best@1": best})
    assert "was not shown" in said
    assert "leaves 2 classes to gain, and fewer than 6 can prove nothing" in said


def test_six_classes_won_and_none_lost_are_the_fewest_that_prove_anything() -> None:
    assert gain.fewest_for_proof() == 6
    assert binomtest(6, 6).pvalue < 0.05 < binomtest(5, 5).pvalue


def test_mcnemar_by_hand() -> None:
    """5 classes won and 1 lost: 2 * (1 + 6) / 2**6."""
    assert gain._mcnemar(hits("xxxxx...."), hits(".....x...")) == pytest.approx(2 * 7 / 64)
    assert gain._mcnemar(hits("xx.."), hits("xx..")) == 1.0


def test_no_members_are_no_comparison() -> None:
    with pytest.raises(ValueError, match="members"):
        gain.difference(hits("x"), [])


MASKS = st.integers(5, 30).flatmap(
    lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=2, max_size=4)
)


@given(MASKS)
def test_the_limits_hold_the_figure_and_no_member_makes_it_larger(rows: list[list[bool]]) -> None:
    together, *each = (np.array(row) for row in rows)
    found = gain.difference(together, each)
    assert found.low - 1e-9 <= found.value <= found.high + 1e-9
    assert found.value <= gain.difference(together, each[:1]).value


def test_the_choice_of_the_best_member_does_not_make_chance_look_like_a_gain() -> None:
    """All models recover 40 classes by the same odds: a gain over the best of four is claimed in at most 1 of 40 worlds."""
    rng = np.random.default_rng(3)
    worlds = rng.random((400, 5, 40)) < 0.5
    claimed = sum(gain.difference(world[0], list(world[1:])).low > 0 for world in worlds)
    assert claimed <= 10
