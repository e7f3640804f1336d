"""Known values: Clopper & Pearson's interval in closed form and published tables, and the sample sizes that follow."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from govtool.estimate import Counts, Estimate, clopper_pearson, records_to_settle


def test_no_success_in_ten_allows_31_percent() -> None:
    # closed form: 1 - 0.025^(1/10) = 0.30850
    assert clopper_pearson(0, 10) == Estimate(0.0, 0.0, pytest.approx(1 - 0.025**0.1), 0.95, 10, "Clopper-Pearson")
    assert clopper_pearson(10, 10).low == pytest.approx(0.025**0.1)


def test_two_false_positives_of_2505_are_between_1_and_29_in_ten_thousand() -> None:
    rate = clopper_pearson(2, 2505)
    assert rate.value == pytest.approx(0.0008, abs=1e-5)
    assert (rate.low, rate.high) == (pytest.approx(0.00010, abs=5e-6), pytest.approx(0.0029, abs=5e-5))


def test_the_limits_are_where_the_binomial_tails_hold_half_the_error() -> None:
    found = clopper_pearson(7, 40)
    assert binom.sf(6, 40, found.low) == pytest.approx(0.025)
    assert binom.cdf(7, 40, found.high) == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("successes", "n", "confidence"), [(0, 0, 0.95), (-1, 5, 0.95), (6, 5, 0.95), (1, 5, 1.0), (1, 5, 0)]
)
def test_impossible_counts_are_refused(successes: int, n: int, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"impossible count|confidence"):
        clopper_pearson(successes, n, confidence)


@given(st.integers(1, 2000), st.data())
def test_the_interval_holds_the_value_and_mirrors(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    found, mirror = clopper_pearson(successes, n), clopper_pearson(n - successes, n)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low == pytest.approx(1 - mirror.high, abs=1e-9)
    assert clopper_pearson(successes, n, 0.99).high >= found.high


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Coverage summed over every possible count, not simulated."""
    for n, truth in [(10, 0.1), (50, 0.5), (299, 0.01)]:
        covered = sum(
            binom.pmf(k, n, truth) for k in range(n + 1) if (c := clopper_pearson(k, n)).low <= truth <= c.high
        )
        assert covered >= 0.95


def test_an_estimate_survives_json() -> None:
    found = clopper_pearson(3, 9)
    assert Estimate.from_dict(found.to_dict()) == found


def test_balanced_accuracy_by_hand() -> None:
    # TPR 30/40, FPR 10/50: (0.75 + 0.80) / 2
    found = Counts(30, 40, 10, 50).balanced_accuracy()
    assert found.value == pytest.approx(0.775)
    tpr, fpr = clopper_pearson(30, 40, 0.975), clopper_pearson(10, 50, 0.975)
    assert (found.low, found.high) == ((tpr.low + 1 - fpr.high) / 2, (tpr.high + 1 - fpr.low) / 2)
    assert found.n == 90


@pytest.mark.parametrize(
    ("per_class", "passes"), [(200, 0.525), (500, 0.554), (1000, 0.569), (2000, 0.578), (5000, 0.586)]
)
def test_the_largest_accuracy_that_shows_less_than_60_percent(per_class: int, passes: float) -> None:
    """One-sided 95 % (a two-sided 90 % interval) with the error split between the rates."""

    def high(accuracy: float) -> float:
        right, wrong = round(accuracy * per_class), round((1 - accuracy) * per_class)
        return Counts(right, per_class, wrong, per_class).balanced_accuracy(0.90).high

    assert high(passes) < 0.6 < high(passes + 0.004)


def test_a_hundred_per_class_cannot_show_less_than_60_percent() -> None:
    assert Counts(50, 100, 50, 100).balanced_accuracy(0.90).high > 0.6


def test_a_decided_question_needs_no_more_records() -> None:
    assert records_to_settle(Counts(500, 1000, 500, 1000), 0.6) == 2000
    assert records_to_settle(Counts(900, 1000, 100, 1000), 0.6) == 2000


def test_an_observed_value_on_the_limit_is_never_settled() -> None:
    assert records_to_settle(Counts(60, 100, 40, 100), 0.6, most=100_000) is None


@pytest.mark.parametrize("counts", [Counts(55, 100, 45, 100), Counts(130, 200, 70, 200), Counts(3, 12, 5, 40)])
def test_the_number_of_records_settles_it_and_a_tenth_fewer_do_not(counts: Counts) -> None:
    needed = records_to_settle(counts, 0.6)
    assert needed is not None
    total = counts.members + counts.nonmembers

    def settled(records: float) -> bool:
        found = counts.scaled(records / total).balanced_accuracy()
        return found.high < 0.6 or found.low >= 0.6

    assert settled(needed * 1.02)
    assert needed == total or not settled(needed * 0.9)


def test_the_search_reaches_up_to_the_most_it_was_allowed() -> None:
    counts = Counts(55, 100, 45, 100)
    needed = records_to_settle(counts, 0.6)
    assert needed is not None
    assert records_to_settle(counts, 0.6, most=math.ceil(needed * 1.05)) is not None
    assert records_to_settle(counts, 0.6, most=needed // 2) is None


@given(st.integers(1, 50), st.integers(1, 50), st.data())
def test_scaling_keeps_the_rates(members: int, nonmembers: int, data: st.DataObject) -> None:
    counts = Counts(data.draw(st.integers(0, members)), members, data.draw(st.integers(0, nonmembers)), nonmembers)
    assert counts.scaled(1) == counts
    assert counts.scaled(8).balanced_accuracy().value == pytest.approx(counts.balanced_accuracy().value)
    assert counts.scaled(8).balanced_accuracy().high <= counts.balanced_accuracy().high + 1e-9
