"""Paired gains and their intervals: known answers, laws, and how often they miss."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from govtool.attacks.attribute import paired
from govtool.attacks.attribute.paired import Gain
from govtool.estimate import Estimate

Z = 1.959963984540054


@st.composite
def gains(draw: st.DrawFn) -> Gain:
    n = draw(st.integers(10, 2000))
    won = draw(st.integers(0, n))
    return Gain(n, won, draw(st.integers(0, n - won)))


def test_no_difference_by_hand() -> None:
    """With no discordant pair the score equation is n d^2 = z^2 d (1 - d), so d = z^2 / (n + z^2)."""
    low, high = Gain(100, 0, 0).limits(0.95)
    assert high == pytest.approx(Z**2 / (100 + Z**2), abs=1e-6)
    assert low == pytest.approx(-high)


def test_always_won_by_hand() -> None:
    """n (1 - d)^2 = z^2 (1 - d)(1 + d), so d = (n - z^2) / (n + z^2)."""
    low, high = Gain(100, 100, 0).limits(0.95)
    assert low == pytest.approx((100 - Z**2) / (100 + Z**2), abs=1e-6)
    assert high == pytest.approx(1)


def test_gain_counts_what_only_one_got_right() -> None:
    first, second = np.array([1, 1, 1, 0, 0], bool), np.array([1, 0, 0, 1, 0], bool)
    assert paired.gain(first, second) == Gain(5, 2, 1)


@given(gains())
def test_the_interval_excludes_zero_where_mcnemar_rejects(pairs: Gain) -> None:
    low, high = pairs.limits(0.95)
    statistic = abs(pairs.won - pairs.lost) / math.sqrt(max(pairs.won + pairs.lost, 1))
    if abs(statistic - Z) > 1e-3:
        assert (low > 0 or high < 0) == (statistic > Z)


@given(gains())
def test_the_value_lies_inside_and_exchange_mirrors(pairs: Gain) -> None:
    low, high = pairs.limits(0.95)
    assert -1 - 1e-6 <= low <= pairs.value + 1e-6 <= high + 2e-6 <= 1 + 3e-6
    other_low, other_high = Gain(pairs.n, pairs.lost, pairs.won).limits(0.95)
    assert (other_low, other_high) == pytest.approx((-high, -low), abs=1e-6)


@settings(max_examples=60)
@given(gains(), gains(), st.sampled_from([0.975, 0.99, 0.995, 0.999]))
def test_arms_grow_no_faster_than_a_policy_widens_them(members: Gain, nonmembers: Gain, level: float) -> None:
    """What `policy.metric` relies on: by the square of the ratio of normal quantiles."""
    stored, anew = paired.excess(members, nonmembers), paired.excess(members, nonmembers, level)
    factor = (float(norm.ppf((1 + level) / 2)) / Z) ** 2 * 1.01
    assert stored.value - factor * (stored.value - stored.low) <= max(anew.low, -1.0) + 1e-6
    assert stored.value + factor * (stored.high - stored.value) >= min(anew.high, 1.0) - 1e-6


def test_losses_of_outsiders_are_no_gain_of_members() -> None:
    """An attack worse than the imputation everywhere, but less so on members, has found nothing."""
    assert paired.excess(Gain(1000, 50, 90), Gain(1000, 50, 170)).value == pytest.approx(-0.04)
    assert paired.difference(Gain(1000, 50, 90), Gain(1000, 50, 170)).low > 0


def test_what_helps_with_everyone_cancels() -> None:
    found = paired.excess(Gain(1000, 200, 50), Gain(1000, 200, 50))
    assert found.value == 0
    assert found.low < 0 < found.high


def test_the_worst_of_several_holds_them_all() -> None:
    one, two = Estimate(0.1, 0.0, 0.2, 0.975, 50), Estimate(0.05, 0.03, 0.3, 0.975, 50)
    found = paired.worst([one, two])
    assert (found.value, found.low, found.high, found.confidence_level) == (0.1, 0.03, 0.3, 0.95)


def test_repeated_records_of_a_person_count_once() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random(100) < 0.7, rng.random(100) < 0.5
    once = paired.gain(first, second, np.arange(100))
    four = paired.gain(np.repeat(first, 4), np.repeat(second, 4), np.repeat(np.arange(100), 4))
    assert once == Gain(100, once.won, once.lost)
    assert four.value == pytest.approx(once.value)
    assert four.n == pytest.approx(99)
    assert four.limits(0.95)[0] < once.limits(0.95)[0]


def test_agreement_on_everything_counts_people_not_records() -> None:
    same = np.ones(40, bool)
    assert paired.gain(same, same, np.repeat(np.arange(10), 4)).n == 10


@pytest.mark.parametrize("lengths", [(0, 0), (3, 4)])
def test_vectors_that_do_not_match_are_refused(lengths: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="equally long"):
        paired.gain(np.ones(lengths[0], bool), np.ones(lengths[1], bool))


@pytest.mark.slow
@pytest.mark.parametrize(("n", "won", "lost"), [(50, 0.1, 0.1), (200, 0.05, 0.05), (1000, 0.03, 0.03), (200, 0.4, 0.2)])
def test_a_gain_that_is_the_same_on_both_sides_is_accused_in_one_of_forty(n: int, won: float, lost: float) -> None:
    """Two-sided 95 %: the lower limit lies above the truth in at most 2.5 % of runs, but for the noise of 2,000 runs."""
    rng = np.random.default_rng(1)
    accused = missed = 0
    for _ in range(2000):
        inside, outside = (rng.multinomial(n, [won, lost, 1 - won - lost]) for _group in range(2))
        found = paired.excess(Gain(n, *inside[:2]), Gain(n, *outside[:2]))
        truth = min(won - lost, 0.0)
        accused += found.low > truth
        missed += found.high < truth
    assert accused / 2000 < 0.033
    assert missed / 2000 < 0.033
