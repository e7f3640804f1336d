"""Known answers by hand, the tie suite, and the laws: rows in any order, any monotone scale."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.attacks import operating_point, statistics
from govtool.estimate import Counts, clopper_pearson

# Six rows: members score 3, 2, 2; non-members 2, 1, 0.
SCORES = np.array([3.0, 2.0, 2.0, 2.0, 1.0, 0.0])
MEMBERS = np.array([True, True, True, False, False, False])


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Few distinct values, so that ties are common; both groups present."""
    n = draw(st.integers(2, 40))
    scores = draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n))
    members = [True, False, *draw(st.lists(st.booleans(), min_size=n - 2, max_size=n - 2))]
    return np.array(scores, dtype=float), np.array(members)


def test_tied_scores_are_one_step_of_the_curve() -> None:
    curve = statistics.roc(SCORES, MEMBERS)
    # threshold 3: one member; 2: three members and one non-member at once; 1 and 0: the other non-members
    assert curve.true_positives.tolist() == [0, 1, 3, 3, 3]
    assert curve.false_positives.tolist() == [0, 0, 1, 2, 3]
    assert curve.thresholds[1:].tolist() == [3, 2, 1, 0]
    assert curve.thresholds[0] > 3


def test_auc_by_hand() -> None:
    # pairs: 3 beats all three non-members; each 2 beats 1 and 0 and ties with 2: (3 + 2.5 + 2.5) / 9
    assert statistics.auc(SCORES, MEMBERS).value == pytest.approx(8 / 9, abs=1e-15)


def test_the_delong_part_by_hand() -> None:
    # members' shares of non-members beaten: 1, 5/6, 5/6, variance 1/108; non-members' shares of members above: 2/3, 1, 1,
    # variance 1/27; total (1/108 + 1/27) / 3 = 5/324
    assert statistics._delong_variance(SCORES, MEMBERS) == pytest.approx(5 / 324)


def test_constant_scores_say_exactly_nothing() -> None:
    scores, members = np.zeros(700), np.arange(700) < 350
    found = statistics.auc(scores, members)
    assert found.value == 0.5
    assert found.low < 0.5 < found.high
    point = operating_point.tpr_at_fpr(scores, members, 0.01)
    assert point.estimate is not None
    assert point.estimate.value == 0


def test_perfect_separation_of_six_records_is_not_proof() -> None:
    found = statistics.auc(np.arange(6.0), np.arange(6) >= 3)
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.3 < found.low < 0.75


def test_newcombe_at_perfect_separation_by_hand() -> None:
    # 1 - A = z * sqrt(A (1 - A) (1 + 2 (1-A)/(2-A) + 2 A/(1+A)) / 9) with z = 1.96
    low, _ = statistics._newcombe(1.0, 3, 3, 1.96)
    spread = low * (1 - low) * (1 + 2 * (1 - low) / (2 - low) + 2 * low / (1 + low)) / 9
    assert 1 - low == pytest.approx(1.96 * spread**0.5)


def test_delong_agrees_with_newcombe_where_there_is_no_leak() -> None:
    scores, members = np.random.default_rng(1).standard_normal(2000), np.arange(2000) < 1000
    delong = statistics._delong_variance(*statistics._in_order(scores, members)) ** 0.5
    value = statistics.auc_value(scores, members)
    low, high = statistics._newcombe(value, 1000, 1000, 1.96)
    assert (high - low) / 2 == pytest.approx(1.96 * delong, rel=0.05)


@pytest.mark.parametrize(
    ("target", "false_positives", "needed"),
    [
        *[(0.01, k, n) for k, n in [(0, 299), (1, 473), (5, 1049), (10, 1693)]],
        *[(0.001, k, n) for k, n in [(0, 2995), (1, 4742), (5, 10511), (10, 16959)]],
        *[(0.0001, k, n) for k, n in [(0, 29956), (1, 47437)]],
    ],
)
def test_how_many_nonmembers_a_false_positive_rate_needs(target: float, false_positives: int, needed: int) -> None:
    assert operating_point.nonmembers_needed(target, false_positives) == needed
    if false_positives == 0:
        assert clopper_pearson(0, needed, 0.90).high <= target < clopper_pearson(0, needed - 1, 0.90).high


def test_a_rate_below_the_floor_is_refused_and_at_the_floor_given() -> None:
    rng = np.random.default_rng(0)
    for nonmembers, resolvable in [(298, False), (299, True)]:
        scores = rng.standard_normal(100 + nonmembers)
        point = operating_point.tpr_at_fpr(scores, np.arange(len(scores)) < 100, 0.01)
        assert point.resolvable is resolvable
        assert point.needed_nonmembers == 299
        assert (point.to_dict()["estimate"] is None) is not resolvable


def test_tpr_at_one_percent_by_hand() -> None:
    # 400 non-members at 0..399: four may pass (1 %), so the line is at 396. Members at 394.5, 396.5, 500: two of three.
    scores = np.concatenate([[394.5, 396.5, 500.0], np.arange(400.0)])
    point = operating_point.tpr_at_fpr(scores, np.arange(403) < 3, 0.01)
    assert point.estimate is not None
    assert (point.estimate.value, point.estimate.n, point.estimate.confidence_level) == (2 / 3, 3, 0.95)
    assert point.fpr_estimate == clopper_pearson(4, 400)


def test_the_limits_of_tpr_at_one_percent_by_hand() -> None:
    """Of 500 non-members 5 may pass. By the binomial table no false positive at all shows 1 % at 98.75 % (0.99^500 =
    0.0066), one does not (0.040), and up to 11 are compatible with it (P(K > 11) = 0.0053, P(K > 10) = 0.0132)."""
    assert operating_point._false_positive_bracket(500, 0.01, 0.975) == (0, 11)
    # non-members at 0..499; members: 30 above all, 30 among the five highest, 30 between 488 and 489, 10 far below
    members = np.concatenate([np.full(30, 999.0), np.full(30, 495.5), np.full(30, 488.5), np.full(10, -1.0)])
    point = operating_point.tpr_at_fpr(np.concatenate([members, np.arange(500.0)]), np.arange(600) < 100, 0.01)
    assert point.estimate is not None
    assert point.estimate.value == 0.6
    assert point.estimate.low == clopper_pearson(30, 100, 0.975).low
    assert point.estimate.high == clopper_pearson(90, 100, 0.975).high


def test_at_the_floor_the_non_members_cannot_show_the_rate_from_below() -> None:
    """0.99^299 = 0.0495: with half of the error spent on each side, the threshold may lie above every score."""
    point = operating_point.tpr_at_fpr(np.arange(398.0), np.arange(398) >= 299, 0.01)
    assert point.estimate is not None
    assert (point.estimate.value, point.estimate.low, point.estimate.high) == (1.0, 0.0, 1.0)


def coverage(members: int, nonmembers: int, shift: float, draws: int) -> float:
    from scipy.stats import norm

    rng, truth = np.random.default_rng(8), norm.sf(norm.isf(0.01) - shift)
    inside = np.arange(members + nonmembers) < members
    covered = 0
    for _ in range(draws):
        found = operating_point.tpr_at_fpr(rng.standard_normal(len(inside)) + shift * inside, inside, 0.01).estimate
        assert found is not None
        covered += found.low <= truth <= found.high
    return covered / draws


WORLDS = [(1000, 300, 0.0), (5000, 300, 0.0), (5000, 1000, 0.0), (1000, 300, 0.7), (5000, 1000, 0.7)]
"""Where Clopper & Pearson on the members alone covered the truth in 36 to 70 of 100 draws."""


@pytest.mark.parametrize(("members", "nonmembers", "shift"), WORLDS)
def test_the_interval_covers_the_true_rate_although_the_threshold_is_guessed(
    members: int, nonmembers: int, shift: float
) -> None:
    assert coverage(members, nonmembers, shift, 100) >= 0.9  # 95 by chance falls below 90 once in 40


@pytest.mark.slow
@pytest.mark.parametrize(("members", "nonmembers", "shift"), WORLDS)
def test_coverage_suite_the_interval_is_conservative(members: int, nonmembers: int, shift: float) -> None:
    assert coverage(members, nonmembers, shift, 2000) >= 0.95


def test_tied_answers_do_not_narrow_the_interval_around_nothing() -> None:
    """One score for all: nobody can be called at 1 %, and the lower limit must not look past the tie."""
    point = operating_point.tpr_at_fpr(np.zeros(2000), np.arange(2000) < 1000, 0.01)
    assert point.estimate is not None
    assert (point.estimate.value, point.estimate.low) == (0.0, 0.0)


@given(scored(), st.integers(0, 2**31))
def test_the_limits_hold_the_value(rows: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    scores, members = rows
    more = np.random.default_rng(seed).integers(-4, 5, size=400)
    point = operating_point.tpr_at_fpr(np.append(scores, more), np.append(members, np.zeros(400, bool)), 0.01)
    assert point.estimate is not None
    assert 0 <= point.estimate.low <= point.estimate.value <= point.estimate.high <= 1


def test_a_threshold_held_out_neither_flatters_nor_misses() -> None:
    rng, members = np.random.default_rng(4), np.arange(2000) < 1000
    nothing, plain = rng.standard_normal(2000), rng.standard_normal(2000) + 4 * members
    assert statistics.held_out(nothing, members, rng)[1].balanced_accuracy().value == pytest.approx(0.5, abs=0.06)
    found = statistics.held_out(plain, members, rng)[1]
    assert (found.members, found.nonmembers) == (500, 500)
    assert found.balanced_accuracy().value == pytest.approx(0.977, abs=0.02)  # normal: P(Z < 2)


def test_a_tie_block_that_exceeds_the_rate_is_not_cut_open() -> None:
    # five of 400 non-members share the top score with every member: 1.25 % > 1 %, so nobody may be called
    scores = np.concatenate([np.full(50, 9.0), np.full(5, 9.0), np.arange(395) / 400])
    point = operating_point.tpr_at_fpr(scores, np.arange(450) < 50, 0.01)
    assert point.estimate is not None
    assert (point.estimate.value, point.estimate.low) == (0.0, 0.0)


def test_counts_at_a_threshold_include_it() -> None:
    assert statistics.counts_at(SCORES, MEMBERS, 2.0) == Counts(3, 3, 1, 3)
    assert statistics.counts_at(SCORES, MEMBERS, 2.5) == Counts(1, 3, 0, 3)


def test_the_best_threshold_lies_halfway_to_the_next_score() -> None:
    # TPR - FPR: 1/3 at 3, 3/3 - 1/3 at 2: the line goes between 2 and 1
    assert statistics.best_threshold(SCORES, MEMBERS) == 1.5


def test_where_nothing_is_to_be_gained_nobody_is_called_a_member() -> None:
    threshold = statistics.best_threshold(-SCORES, MEMBERS)
    assert statistics.counts_at(-SCORES, MEMBERS, np.nextafter(threshold, np.inf)).true_positives == 0


def test_choosing_the_threshold_on_the_scored_records_flatters() -> None:
    """The reason why thresholds are transferred: 0.528 on average at 250 per group with no leak at all."""
    rng, members = np.random.default_rng(3), np.arange(500) < 250
    own, fresh = [], []
    for _ in range(100):
        scores = rng.standard_normal(500)
        threshold = statistics.best_threshold(scores, members)
        own.append(statistics.counts_at(scores, members, threshold).balanced_accuracy().value)
        fresh.append(statistics.counts_at(rng.standard_normal(500), members, threshold).balanced_accuracy().value)
    assert np.mean(own) == pytest.approx(0.528, abs=0.006)
    assert np.mean(fresh) == pytest.approx(0.5, abs=0.006)


@pytest.mark.parametrize(
    ("scores", "members"),
    [
        ([1.0, np.nan], [True, False]),
        ([1.0, np.inf], [True, False]),
        ([1.0, 2.0], [True, True]),
        ([1.0], [True, False]),
        ([], []),
    ],
)
def test_unusable_scores_are_refused(scores: list[float], members: list[bool]) -> None:
    with pytest.raises(ValueError, match="score"):
        statistics.roc(np.array(scores), np.array(members, dtype=bool))


def test_the_drawn_curve_is_short_and_keeps_its_ends_and_its_foot() -> None:
    rng = np.random.default_rng(2)
    scores, members = np.concatenate([rng.normal(1, 1, 5000), rng.standard_normal(5000)]), np.arange(10_000) < 5000
    drawn, curve = statistics.roc(scores, members).to_dict(), statistics.roc(scores, members)
    assert len(drawn["fpr"]) == len(drawn["tpr"]) <= 300
    assert (drawn["fpr"][0], drawn["tpr"][0], drawn["fpr"][-1], drawn["tpr"][-1]) == (0, 0, 1, 1)
    assert sum(0 < fpr < 0.01 for fpr in drawn["fpr"]) > 20
    assert np.trapezoid(drawn["tpr"], drawn["fpr"]) == pytest.approx(np.trapezoid(curve.tpr, curve.fpr), abs=1e-3)


@given(scored(), st.randoms(use_true_random=False))
def test_row_order_changes_no_figure(rows: tuple[np.ndarray, np.ndarray], random) -> None:
    scores, members = rows
    order = random.sample(range(len(scores)), len(scores))
    for figure in (statistics.auc, statistics.best_threshold, lambda s, m: statistics.roc(s, m).to_dict()):
        assert figure(scores, members) == figure(scores[order], members[order])
    assert operating_point.tpr_at_fpr(scores, members, 0.5) == operating_point.tpr_at_fpr(
        scores[order], members[order], 0.5
    )
    assert statistics.counts_at(scores, members, 0.0) == statistics.counts_at(scores[order], members[order], 0.0)


@given(scored())
def test_a_monotone_scale_changes_no_area(rows: tuple[np.ndarray, np.ndarray]) -> None:
    scores, members = rows
    assert statistics.auc(scores, members) == statistics.auc(np.exp(scores) * 3 + 1, members)


@given(scored())
def test_the_area_is_the_share_of_pairs_won_and_mirrors(rows: tuple[np.ndarray, np.ndarray]) -> None:
    scores, members = rows
    found = statistics.auc(scores, members)
    pairs = np.sign(scores[members][:, None] - scores[~members][None, :])
    assert found.value == pytest.approx((1 + pairs.mean()) / 2, abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert statistics.auc(-scores, members).value == pytest.approx(1 - found.value, abs=1e-12)


@given(scored())
def test_the_curve_rises_from_corner_to_corner(rows: tuple[np.ndarray, np.ndarray]) -> None:
    curve = statistics.roc(*rows)
    assert (curve.fpr[0], curve.tpr[0], curve.fpr[-1], curve.tpr[-1]) == (0, 0, 1, 1)
    assert (np.diff(curve.true_positives) >= 0).all()
    assert (np.diff(curve.thresholds) < 0).all()


@pytest.mark.parametrize(("shift", "n"), [(0.0, 20), (1.0, 50), (2.5, 15)])
def test_the_interval_covers_the_true_area(shift: float, n: int) -> None:
    from scipy.stats import norm

    rng, members, truth = np.random.default_rng(5), np.arange(2 * n) < n, norm.cdf(shift / 2**0.5)
    found = [statistics.auc(rng.standard_normal(2 * n) + shift * members, members) for _ in range(300)]
    assert sum(estimate.low <= truth <= estimate.high for estimate in found) >= 0.92 * 300


def test_what_an_accusation_is_worth_by_hand() -> None:
    """TPR .5 at an FPR of 1 %: of 1,000 asked, half members, 250 are rightly and 5 wrongly named; of 10 %, 50 and 9."""
    scores, members = np.concatenate([np.ones(500), np.zeros(500), np.zeros(1000)]), np.arange(2000) < 1000
    point = operating_point.tpr_at_fpr(scores, members, 0.01)
    assert operating_point.ppv(point, 0.5).value == pytest.approx(250 / 255)
    worth = operating_point.ppv(point, 0.1)
    assert worth.value == pytest.approx(50 / 59)
    assert worth.low < worth.value < worth.high
    assert operating_point.ppv(point, 0.01).high < worth.low


def test_what_an_accusation_is_worth_is_unknown_where_the_rate_is() -> None:
    point = operating_point.tpr_at_fpr(np.arange(20.0), np.arange(20) < 10, 0.01)
    with pytest.raises(ValueError, match="not resolvable"):
        operating_point.ppv(point, 0.5)


def test_the_advantage_is_the_difference_of_rates() -> None:
    found = operating_point.advantage(Counts(80, 100, 30, 100))
    assert found.value == pytest.approx(0.5)
    assert found.low < 0.5 < found.high
