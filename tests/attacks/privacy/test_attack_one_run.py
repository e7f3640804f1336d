"""The one-run bound: known ceilings, a mechanism whose epsilon is known, no bound without a leak."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mechanisms import gaussian_epsilon, gaussian_scores
from scipy.stats import binom

from govtool.attacks.privacy import one_run


@pytest.mark.parametrize(
    ("canaries", "expected"),
    [(10, 1.05), (60, 2.97), (100, 3.49), (200, 4.19), (500, 5.11), (1000, 5.81), (10000, 8.11)],
)
def test_the_ceiling_of_a_perfect_guesser(canaries: int, expected: float) -> None:
    """All right by chance with probability q^r = 0.05: q = 0.05^(1/r), epsilon = ln(q / (1 - q))."""
    assert one_run.ceiling(canaries, 0.0) == pytest.approx(expected, abs=0.005)


def test_p_value_worked_by_hand() -> None:
    """Two of two right, epsilon 0: 1/4. With delta 0.01 of two canaries: slack = max(P[W=1], P[W<2] / 2) = 1/2."""
    assert one_run.p_value(2, 2, 2, 0.0, 0.0) == pytest.approx(0.25)
    assert one_run.p_value(2, 2, 2, 0.0, 0.01) == pytest.approx(0.25 + 2 * 2 * 0.01 * 0.5)


def test_no_guess_and_bare_chance_show_nothing() -> None:
    assert one_run.bound(100, 0, 0, 1e-5) == 0.0
    assert one_run.bound(100, 100, 50, 0.0) == 0.0


def test_a_large_delta_leaves_nothing_to_show() -> None:
    assert one_run.ceiling(200, 1e-5) > one_run.ceiling(200, 1e-3) > one_run.ceiling(200, 0.05) == 0.0


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.data())
def test_more_right_guesses_never_lower_the_bound_and_none_passes_the_ceiling(
    canaries: int, data: st.DataObject
) -> None:
    guesses = data.draw(st.integers(1, canaries))
    right = data.draw(st.integers(0, guesses - 1))
    delta = data.draw(st.sampled_from([0.0, 1e-6, 1e-3]))
    fewer, more = (one_run.bound(canaries, guesses, count, delta) for count in (right, right + 1))
    assert fewer <= more + 1e-9
    assert more <= one_run.bound(canaries, guesses, guesses, delta) + 1e-9


def test_constant_scores_guess_nothing() -> None:
    found = one_run.audit(np.zeros(50), np.arange(50) % 2 == 0, 1e-5)
    assert (found.guesses, found.epsilon, found.ceiling) == (0, 0.0, found.ceiling)


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    scores, coins = rng.integers(5, size=80).astype(float), rng.random(80) < 0.5
    order = rng.permutation(80)
    assert one_run.audit(scores, coins, 1e-5) == one_run.audit(scores[order], coins[order], 1e-5)


def test_trying_several_numbers_of_guesses_is_paid_for() -> None:
    coins = np.arange(200) < 100
    scores = coins.astype(float) + np.linspace(0, 0.1, 200)
    one = one_run.audit(scores, coins, 0.0, guesses=[(80, 80)])
    three = one_run.audit(scores, coins, 0.0, guesses=[(20, 20), (50, 50), (80, 80)])
    assert one.correct == three.correct == 160
    assert three.epsilon < one.epsilon == one.ceiling
    assert three.looks == 3


@pytest.mark.parametrize("guesses", [[], [(60, 60)], [(-1, 5)]])
def test_impossible_guesses_are_refused(guesses: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="numbers of guesses"):
        one_run.audit(np.arange(100.0), np.arange(100) < 50, 0.0, guesses=guesses)


MANY = pytest.param(300, marks=pytest.mark.slow)


@pytest.mark.parametrize("runs", [16, MANY])
def test_a_known_gaussian_mechanism_is_bounded_from_below(runs: int) -> None:
    """Truth is exceeded in at most 1 of 20 runs, the ceiling never; and the bound is worth having."""
    truth, found = gaussian_epsilon(1.0, 1e-5), []
    for seed in range(runs):
        scores, coins = gaussian_scores(200, 1.0, np.random.default_rng(seed))
        found.append(one_run.audit(scores, coins, 1e-5))
    assert sum(one.epsilon > truth for one in found) <= binom.ppf(0.999, runs, 0.05)
    assert all(one.epsilon <= one.ceiling for one in found)
    assert np.median([one.epsilon for one in found]) > 0.2


@pytest.mark.parametrize("runs", [20, MANY])
def test_permuted_coins_show_nothing_in_nineteen_of_twenty(runs: int) -> None:
    alarms = 0
    for seed in range(runs):
        scores, coins = gaussian_scores(200, 0.3, np.random.default_rng(seed))
        alarms += one_run.audit(scores, np.random.default_rng(1000 + seed).permutation(coins), 1e-5).epsilon > 0
    assert alarms <= binom.ppf(0.999, runs, 0.05)


@pytest.mark.parametrize("delta", [0.0, 1e-5])
def test_the_usual_ceiling_is_what_a_perfect_guesser_shows_by_the_audit(delta: float) -> None:
    coins = np.random.default_rng(0).permutation(np.repeat([True, False], 100))
    found = one_run.audit(coins + np.linspace(0, 0.1, 200), coins, delta)
    assert found.epsilon == found.ceiling == one_run.usual_ceiling(200, delta)
    assert one_run.usual_ceiling(200, delta) < one_run.ceiling(200, delta)
