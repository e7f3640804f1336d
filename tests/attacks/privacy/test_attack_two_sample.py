"""Bounds from rates: published ceilings, delta in the numerator, thresholds that were not tuned on what they judge."""

import math

import numpy as np
import pytest
from mechanisms import gaussian_epsilon, gaussian_scores

from govtool.attacks.privacy import joint_beta, statement, two_sample
from govtool.estimate import Counts, clopper_pearson


@pytest.mark.parametrize(("n", "expected"), [(100, 3.28), (1000, 5.60)])
def test_the_ceiling_of_perfect_separation(n: int, expected: float) -> None:
    assert two_sample.ceiling(n, n, 0.0) == pytest.approx(expected, abs=0.005)


def test_both_forms_and_delta_in_the_numerator() -> None:
    """60 of 100 and 10 of 100: each rate at 2.5 % error, so the two-sided 95 % interval of Clopper and Pearson."""
    counts = Counts(60, 100, 10, 100)
    tpr, fpr = clopper_pearson(60, 100).low, clopper_pearson(10, 100).high
    assert two_sample.bound(counts, 0.01) == pytest.approx(math.log((tpr - 0.01) / fpr))
    mirrored = Counts(90, 100, 40, 100)
    fnr, tnr = clopper_pearson(10, 100).high, clopper_pearson(60, 100).low
    assert two_sample.bound(mirrored, 0.01) == pytest.approx(math.log((tnr - 0.01) / fnr))


def test_a_delta_above_the_rate_leaves_zero() -> None:
    assert two_sample.bound(Counts(5, 100, 0, 100), 0.5) == 0.0


@pytest.mark.parametrize("counts", [Counts(0, 0, 0, 10), Counts(0, 10, 0, 0)])
def test_an_empty_group_has_no_bound(counts: Counts) -> None:
    with pytest.raises(ValueError, match="members"):
        two_sample.bound(counts, 0.0)
    with pytest.raises(ValueError, match="members"):
        joint_beta.interval(counts, 0.0)


def test_several_thresholds_cost_more_than_one() -> None:
    scores, coins = gaussian_scores(400, 0.3, np.random.default_rng(0))
    one = two_sample.at_thresholds(scores, coins, [0.5], 1e-5)
    many = two_sample.at_thresholds(scores, coins, [0.5, 99.0, -99.0], 1e-5)
    assert 0 < many.epsilon < one.epsilon < one.ceiling
    with pytest.raises(ValueError, match="no threshold"):
        two_sample.at_thresholds(scores, coins, [], 1e-5)


@pytest.mark.parametrize("sigma", [1.0, pytest.param(2.0, marks=pytest.mark.slow)])
def test_a_known_gaussian_mechanism_is_bounded_from_below(sigma: float) -> None:
    truth, over = gaussian_epsilon(sigma, 1e-5), 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        scores, coins = gaussian_scores(300, sigma, rng)
        for found in (
            two_sample.split(scores, coins, 1e-5, rng),
            two_sample.multi_split(scores, coins, 1e-5, rng, splits=9),
        ):
            over += found.epsilon > truth
            assert found.epsilon <= found.ceiling
    assert over <= 1


def test_permuted_membership_shows_nothing_in_nineteen_of_twenty() -> None:
    alarms = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        scores, coins = gaussian_scores(200, 0.3, rng)
        alarms += two_sample.split(scores, rng.permutation(coins), 0.0, rng).epsilon > 0
    assert alarms <= 2


def test_the_joint_beta_interval_of_a_published_example() -> None:
    """TP 487, TN 1, FP 512, FN 0 at delta 1e-5: [0.145, 6.399] at 90 %; four million draws give 0.144 and 6.41."""
    found = joint_beta.interval(Counts(487, 487, 512, 513), 1e-5, 0.9)
    assert found.low == pytest.approx(0.145, abs=0.002)
    assert found.high == pytest.approx(6.399, abs=0.02)


def test_the_posterior_widens_with_epsilon_and_honours_symmetry() -> None:
    counts, mirrored = Counts(30, 40, 5, 40), Counts(35, 40, 10, 40)
    values = [joint_beta.probability(counts, 1e-5, epsilon) for epsilon in (0.0, 0.5, 1.0, 2.0, 4.0)]
    assert values == sorted(values)
    assert joint_beta.interval(counts, 1e-5).value == pytest.approx(joint_beta.interval(mirrored, 1e-5).value, abs=1e-3)


@pytest.mark.parametrize(
    ("claimed", "bound", "ceiling", "outcome"),
    [(1.0, 2.9, 4.0, "contradicted"), (3.0, 2.9, 4.0, "not_contradicted"), (8.0, 0.0, 3.5, "could_not_tell")],
)
def test_a_claim_is_judged_with_the_ceiling_in_view(claimed: float, bound: float, ceiling: float, outcome: str) -> None:
    assert statement.judge(claimed, bound, ceiling) == outcome
    said = statement.sentence(statement.judge(claimed, bound, ceiling), claimed, 1e-5, bound, ceiling, "100 canaries")
    assert "100 canaries" in said
    assert ("at most 3.5" in said) == (outcome == "could_not_tell")
