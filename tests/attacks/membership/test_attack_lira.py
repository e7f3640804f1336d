from dataclasses import replace

import numpy as np
import pytest
from attack_worlds import FINE, TorchTarget, innocent, planted
from scipy.stats import norm

from govtool.attacks import statistics
from govtool.attacks.interface import AttackData, AttackResult, FloatArray, NotTestable, References
from govtool.attacks.membership import lira
from govtool.attacks.membership.moments import Moments
from govtool.errors import InputError


def attack(target: TorchTarget, data: AttackData, **params: object) -> AttackResult:
    outcome = lira.run(target, data, {"validity": FINE, **params}, np.random.default_rng(0))
    assert isinstance(outcome, AttackResult)
    return outcome


def side(count: list[float], mean: list[float], squares: list[float]) -> Moments:
    many = np.array(count)
    return Moments(many, np.array(mean), np.array(squares), 1 + 1 / many)


def test_the_online_ratio_by_hand() -> None:
    """Two records, three references a side: pooled variance (2 + 6) / 4 = 2 in, (4 + 4) / 4 = 2 out, times 1 + 1/3."""
    inside, outside = side([3, 3], [4, 1], [2, 6]), side([3, 3], [0, 0], [4, 4])
    phi, spread = np.array([3.0, -2.0]), np.sqrt(2 * 4 / 3)
    expected = norm.logpdf(phi, [4, 1], spread) - norm.logpdf(phi, [0, 0], spread)
    assert lira.ratio(phi, inside, outside, online=True, how="shared") == pytest.approx(expected)


def test_the_offline_score_is_one_sided() -> None:
    """An unusually low confidence is no sign of membership: the two-sided form costs six AUC points and more."""
    outside = side([4, 4, 4], [0, 0, 0], [3, 3, 3])
    low, middle, high = lira.ratio(np.array([-9.0, 0, 9]), outside, outside, online=False, how="shared")
    assert low < middle < high
    assert middle == pytest.approx(np.log(2))


def test_far_beyond_eight_deviations_scores_still_differ() -> None:
    """A plain distribution function is 1.0 at 9 and at 40 deviations: ties exactly where low rates are read."""
    outside = side([4, 4], [0, 0], [3, 3])
    one, other = lira.ratio(np.array([9.0, 40.0]), outside, outside, online=False, how="shared")
    assert np.isfinite(other)
    assert other > one + 100


def drawn(records: int, count: int, spread: FloatArray, rng: np.random.Generator) -> Moments:
    values = rng.normal(size=(count, records)) * np.sqrt(spread)
    squares = ((values - values.mean(axis=0)) ** 2).sum(axis=0)
    return Moments(np.full(records, float(count)), values.mean(axis=0), squares, np.full(records, 1 + 1 / count))


def test_the_prior_finds_the_distribution_that_variances_were_drawn_from() -> None:
    """Variances are 6 * 2 / chi-squared with 6 degrees of freedom: the prior's weight is 6 and its variance 2."""
    rng = np.random.default_rng(0)
    weight, scale = lira.prior(drawn(40_000, 8, 12 / rng.chisquare(6, 40_000), rng))
    assert weight == pytest.approx(6, rel=0.1)
    assert scale == pytest.approx(2, rel=0.05)


def test_where_all_records_vary_alike_they_share_one_variance() -> None:
    rng = np.random.default_rng(1)
    variance, freedom = lira.predictive(drawn(4000, 4, np.full(4000, 2.0), rng))
    assert variance.std() < 0.2 * variance.mean()
    assert freedom.min() > 20 or np.isinf(freedom).all()


def test_shrunk_variances_are_closer_to_the_truth_than_shared_or_own_ones() -> None:
    rng = np.random.default_rng(2)
    truth = 12 / rng.chisquare(6, 5000)
    found = drawn(5000, 6, truth, rng)
    error = {
        how: float(np.mean(np.log(lira.predictive(found, how)[0] / found.doubt / truth) ** 2)) for how in lira.VARIANCES
    }
    assert error["shrunk"] < min(error["shared"], error["own"])


def test_one_reference_a_side_has_no_spread_and_breaks_nothing() -> None:
    alone = side([1, 1], [0, 1], [0, 0])
    assert np.isfinite(lira.ratio(np.array([0.5, 0.5]), alone, alone, online=True)).all()


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_a_network_that_learnt_by_heart_is_found_out(mode: str) -> None:
    found = attack(*planted(), mode=mode)
    assert found.detail["mode"] == mode
    assert found.metrics["auc"].low > 0.8
    assert found.metrics["balanced_accuracy"].low > 0.65


@pytest.mark.parametrize("seed", range(3))
def test_a_network_that_never_saw_the_records_is_not_accused(seed: int) -> None:
    found = attack(*innocent(seed, n=100, count=4))
    assert found.metrics["auc"].low < 0.5
    assert found.metrics["balanced_accuracy"].low < 0.5


def test_a_record_that_no_reference_saw_turns_the_attack_offline_and_says_so() -> None:
    target, data = planted()
    assert data.references is not None
    members = data.references.members.copy()
    members[:, 0] = False
    found = attack(target, replace(data, references=replace(data.references, members=members)))
    assert found.detail["mode"] == "offline"
    assert any("offline" in caveat for caveat in found.caveats)


def test_a_record_that_every_reference_saw_is_not_scored_silently() -> None:
    target, data = planted()
    assert data.references is not None
    members = data.references.members.copy()
    members[:, 0] = True
    alone = replace(data, references=replace(data.references, members=members))
    outcome = lira.run(target, alone, {"validity": FINE}, np.random.default_rng(0))
    assert isinstance(outcome, NotTestable)


def test_classes_that_references_never_met_are_counted_in_a_caveat() -> None:
    target, data = planted()
    held = data.references
    assert held is not None
    rare = data.members.labels.copy()
    rare[0] = 4
    rare[1:][rare[1:] == 4] = 3
    others = data.nonmembers.labels.copy()
    others[others == 4] = 3
    changed = replace(
        data, members=replace(data.members, labels=rare), nonmembers=replace(data.nonmembers, labels=others)
    )
    assert any("For 1 of the 300 records" in caveat for caveat in attack(target, changed).caveats)


def test_two_references_are_too_few() -> None:
    target, data = planted()
    held = data.references
    assert held is not None
    pair = References({name: values[:2] for name, values in held.readings.items()}, held.members[:2], {})
    outcome = lira.run(target, replace(data, population=None, references=pair), {}, np.random.default_rng(0))
    assert isinstance(outcome, NotTestable)
    assert "at least 4" in outcome.reason


@pytest.mark.parametrize("params", [{"mode": "fast"}, {"variance": "none"}])
def test_an_unknown_choice_is_refused(params: dict[str, str]) -> None:
    with pytest.raises(InputError, match="unknown"):
        attack(*planted(), **params)


def test_the_order_of_records_changes_no_figure() -> None:
    target, data = planted()
    held = data.references
    assert held is not None
    order = np.random.default_rng(3).permutation(len(data.members))
    columns = np.concatenate([order, np.arange(len(data.members), len(data.labels))])
    shuffled = replace(
        data,
        members=replace(data.members, features=data.members.features[order], labels=data.members.labels[order]),
        references=replace(
            held,
            readings={name: values[:, columns] for name, values in held.readings.items()},
            members=held.members[:, columns],
        ),
    )
    one, other = attack(target, data), attack(target, shuffled)
    assert other.arrays["scores"] == pytest.approx(one.arrays["scores"][columns])
    assert other.metrics["auc"].value == pytest.approx(one.metrics["auc"].value)


@pytest.mark.slow
def test_null_suite_false_accusations_stay_rare() -> None:
    """60 targets trained elsewhere: 2.5 % by the interval, so more than 5 would be a 1-in-250 accident."""
    found = [attack(*innocent(100 + seed, n=80, count=4)) for seed in range(60)]
    assert sum(result.metrics["auc"].low > 0.5 for result in found) <= 5
    mean = np.mean([statistics.auc_value(one.arrays["scores"], one.arrays["membership"]) for one in found])
    assert mean == pytest.approx(0.5, abs=0.02)
