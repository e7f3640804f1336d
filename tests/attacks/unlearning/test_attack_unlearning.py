"""No-op unlearning is not forgetting, retraining is, and standing out by being too little known is not either."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.access import Access
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import AttackData, AttackResult, NotTestable, Records
from govtool.attacks.unlearning import trial
from govtool.attacks.unlearning.comparison import Comparison, Finding, Scores, compare, verdict
from govtool.attacks.unlearning.paired import accuracy_difference, auc_difference

N = 600
MEMBERS = np.repeat([True, False], N)


def world(seed: int, *, left: float = 0.0, leak: float = 1.5, count: int = N) -> Scores:
    """Scores of a forget set and others: how hard a record is stays the same from model to model."""
    rng = np.random.default_rng([3, seed])
    inside = np.repeat([True, False], count)
    hardness = rng.normal(size=2 * count)

    def model(shift: float) -> Any:
        return hardness + 0.3 * rng.normal(size=2 * count) + shift * inside

    return Scores(before=model(leak), after=model(left), retrained=model(0.0))


def judge(scores: Scores, **more: Any) -> Comparison:
    inside = np.repeat([True, False], len(scores.before) // 2)
    return compare(scores, inside, None, None, **more)


def test_doing_nothing_is_not_forgetting() -> None:
    scores = world(0)
    found = judge(replace(scores, after=scores.before))
    assert found.finding is Finding.NOT_FORGOTTEN
    assert found.change.value == 0


def test_retraining_is_forgetting_over_many_seeds() -> None:
    found = [judge(world(seed)).finding for seed in range(40)]
    assert found.count(Finding.FORGOTTEN) >= 35
    assert not {Finding.NOT_FORGOTTEN, Finding.OVERSHOT} & set(found)


def test_half_forgotten_is_not_forgotten() -> None:
    assert judge(world(1, left=0.7)).finding is Finding.NOT_FORGOTTEN


def test_less_known_than_to_a_model_that_never_met_them_is_called_out() -> None:
    found = judge(world(2, left=-1.0))
    assert found.finding is Finding.OVERSHOT
    assert found.difference.high < 0


def test_what_cancels_on_average_is_seen_in_the_distances() -> None:
    scores = world(3)
    shift = np.where(np.arange(2 * N) % 2, 2.0, -2.0) * MEMBERS
    found = judge(replace(scores, after=scores.after + shift))
    assert abs(found.difference.value) < 0.05
    assert found.finding in (Finding.NOT_FORGOTTEN, Finding.OVERSHOT)
    assert judge(replace(scores, after=scores.after + shift), comparable=False).deviation is None


def test_leakage_raised_on_the_records_that_were_kept_is_called_out() -> None:
    forget, kept = world(4), world(5, left=0.8)
    found = compare(forget, MEMBERS, kept, MEMBERS)
    assert found.finding is Finding.LEAKAGE_RAISED
    assert found.retained
    assert found.retained.low > 0.05
    assert compare(forget, MEMBERS, world(5), MEMBERS).finding is Finding.FORGOTTEN


def test_an_attack_that_never_saw_them_shows_nothing() -> None:
    assert judge(world(6, leak=0.0)).finding is Finding.BLIND


def test_too_few_records_decide_nothing_and_it_says_how_many_would() -> None:
    found = judge(world(7, count=40, leak=3.0))
    assert found.finding is Finding.UNDECIDED
    assert found.needed
    assert found.needed > 40


def test_the_gravest_finding_counts_and_a_blind_attack_does_not() -> None:
    assert verdict([Finding.FORGOTTEN, Finding.BLIND]) is Finding.FORGOTTEN
    assert verdict([Finding.FORGOTTEN, Finding.UNDECIDED]) is Finding.UNDECIDED
    assert verdict([Finding.UNDECIDED, Finding.OVERSHOT]) is Finding.OVERSHOT
    assert verdict([Finding.BLIND]) is Finding.UNDECIDED
    assert verdict([]) is Finding.UNDECIDED


def test_the_paired_difference_by_hand() -> None:
    membership = np.array([True, True, False, False])
    good, bad = np.array([3.0, 4.0, 1.0, 2.0]), np.array([1.0, 4.0, 3.0, 2.0])
    found = auc_difference(good, bad, membership)
    assert found.value == pytest.approx(1.0 - 0.5)
    assert found.low < 0 < found.high  # four records are proof of nothing
    assert auc_difference(bad, good, membership).value == -found.value


def test_three_records_on_which_models_agree_are_no_proof() -> None:
    same = np.array([2.0, 1.0, 0.0])
    found = auc_difference(same, same, np.array([True, False, False]))
    assert (found.low, found.high) == (-found.high, found.high)
    assert found.high > 0.5


def test_the_paired_interval_holds_what_it_promises_and_is_narrower_than_two_intervals() -> None:
    differences = []
    for seed in range(200):
        scores = world(1000 + seed, count=100)
        differences.append(auc_difference(scores.after, scores.retrained, np.repeat([True, False], 100)))
    assert np.mean([one.low <= 0 <= one.high for one in differences]) >= 0.94
    assert np.mean([one.high - one.low for one in differences]) < 0.12


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_the_difference_of_accuracies_lies_in_its_interval(pairs: list[tuple[bool, bool]]) -> None:
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    found = accuracy_difference(first, second)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.value == pytest.approx(first.mean() - second.mean())


# The whole trial


class Known:
    """A model that is surer of the records it has met."""

    access = frozenset({Access.PROBABILITIES, Access.LABELS})
    n_classes = 2

    def __init__(self, met: Any, seed: int) -> None:
        self.met, self.seed = met, seed

    def log_probabilities(self, features: Any) -> Any:
        hard = features[:, 0].astype(float)
        noise = np.random.default_rng([self.seed, len(features)]).normal(size=len(features))
        own = 1 / (1 + np.exp(-(hard + 0.2 * noise + 2.0 * np.isin(features[:, 1], self.met))))
        return np.log(np.clip(np.column_stack([own, 1 - own]), 1e-12, 1))

    def labels(self, features: Any) -> Any:
        return self.log_probabilities(features).argmax(axis=1)

    def module(self) -> Any:
        raise AssertionError("no weights are needed")


def records(first: int, count: int) -> Records:
    rng = np.random.default_rng(first)
    return Records(
        np.column_stack([rng.normal(size=count), np.arange(first, first + count)]).astype(np.float32),
        np.zeros(count, dtype=np.int64),
    )


FORGET, KEPT, OTHERS = records(0, 300), records(1000, 300), records(2000, 300)


def try_out(after: Known, **more: Any) -> Any:
    before, retrained = Known(np.arange(2000), 1), Known(np.arange(1000, 2000), 2)
    attacks = more.pop("attacks", {"loss_threshold": (ATTACKS["loss_threshold"], {})})
    return trial.run(
        trial.Models(before, after, retrained),
        AttackData(FORGET, OTHERS),
        AttackData(KEPT, OTHERS),
        attacks,
        margin=0.05,
        rng=np.random.default_rng(0),
        **more,
    )


def test_the_trial_finds_a_model_that_was_not_changed() -> None:
    found = try_out(Known(np.arange(2000), 1))
    assert isinstance(found, AttackResult)
    assert found.detail["finding"] == "not_forgotten"
    assert found.detail["positive_control"]["passed"]
    assert found.metrics["loss_threshold_difference"].low > 0.05
    assert set(found.baselines) <= set(found.metrics)
    assert not found.detail["blind_baseline"]["passed"]  # records are numbered, so the groups differ without a model
    assert any("differ without any model" in caveat for caveat in found.caveats)


def test_the_trial_accepts_a_model_that_never_met_them() -> None:
    found = try_out(Known(np.arange(1000, 2000), 3))
    assert found.detail["finding"] == "forgotten"
    assert found.metrics["utility_difference"].low <= 0 <= found.metrics["utility_difference"].high


def test_attacks_that_cannot_be_run_are_named_and_none_at_all_is_not_testable() -> None:
    rmia = (ATTACKS["rmia"], {})
    found = try_out(
        Known(np.arange(2000), 1), attacks={"loss_threshold": (ATTACKS["loss_threshold"], {}), "rmia": rmia}
    )
    assert "rmia" in found.detail["not_run"]
    assert any(caveat.startswith("rmia was not run") for caveat in found.caveats)
    assert isinstance(try_out(Known(np.arange(2000), 1), attacks={"rmia": rmia}), NotTestable)
