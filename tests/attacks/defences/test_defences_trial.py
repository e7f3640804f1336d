"""A model that leaks behind defences that do something and defences that do not."""

from dataclasses import replace

import numpy as np
import pytest
from attack_worlds import FINE, TorchTarget, digit_softmax, planted

from govtool.access import Access, reachable
from govtool.attacks.defences import measures, trial
from govtool.attacks.interface import AttackData

ANSWERS = reachable(frozenset({Access.PROBABILITIES}))


@pytest.fixture(scope="module")
def leaky() -> tuple[TorchTarget, AttackData]:
    target, data = planted()
    return replace(target, access=ANSWERS), data


def row(leaky: tuple[TorchTarget, AttackData], name: str = "", setting: float = 0.0) -> trial.Row:
    target, data = leaky
    spread = data.nonmembers.features.std(axis=0).astype(float)
    defended = measures.MEASURES[name](target, setting, spread) if name else measures.nothing(target)
    labels = trial.by_labels(defended.target, data, FINE, np.random.default_rng(0))
    rate, right = trial.accuracy(defended.target, data.nonmembers)
    return trial.Row(defended.defence, defended.setting, rate, right, trial.membership(defended, data, labels), None)


def test_without_a_defence_the_leak_is_found(leaky: tuple[TorchTarget, AttackData]) -> None:
    found = row(leaky)
    assert found.membership.auc.low > 0.7
    assert found.membership.tried == 4


def test_a_temperature_buys_nothing_against_an_attacker_who_knows_it(leaky: tuple[TorchTarget, AttackData]) -> None:
    bought = trial.bought(row(leaky, "temperature", 5.0), row(leaky), leaky[1].membership)
    assert abs(bought.membership.value) < 0.01
    assert bought.said == "membership: no difference shown"
    assert bought.accuracy.value == 0


def test_noise_that_drowns_the_answers_is_seen_to_help_and_to_cost(leaky: tuple[TorchTarget, AttackData]) -> None:
    """Averaging 32 copies does not get through noise of five times the largest probability; the labels are noise too."""
    bought = trial.bought(row(leaky, "noise", 5.0), row(leaky), leaky[1].membership)
    assert bought.membership.high < 0
    assert "membership: less leaks" in bought.said


def test_the_interval_is_wider_for_choosing_among_more_attacks(leaky: tuple[TorchTarget, AttackData]) -> None:
    plain = row(leaky)
    few = trial.membership(measures.nothing(leaky[0]), leaky[1], [])
    assert few.tried == 2
    assert few.how == plain.membership.how
    assert few.auc.low > plain.membership.auc.low
    assert few.auc.value == plain.membership.auc.value


def test_the_class_alone_leaves_what_right_answers_and_robustness_tell(leaky: tuple[TorchTarget, AttackData]) -> None:
    found = row(leaky, "labels")
    assert found.membership.how in ("the model is right", "noisy copies keep the class")
    assert 0.5 < found.membership.auc.value < row(leaky).membership.auc.value


def test_a_model_behind_itself_is_no_different(leaky: tuple[TorchTarget, AttackData]) -> None:
    bought = trial.bought(row(leaky), row(leaky), leaky[1].membership)
    assert (bought.membership.value, bought.accuracy.value) == (0, 0)
    assert bought.membership.low < 0 < bought.membership.high


def test_inversion_uses_what_the_defence_leaves() -> None:
    target, data = digit_softmax(3)
    params = {"shape": [8, 8], "queries": 200}
    whole = trial.inversion(measures.nothing(target), data, params, 0)
    assert isinstance(whole, trial.Inversion)
    assert whole.how == "through the weights"
    asked = replace(target, access=ANSWERS)
    scores = trial.inversion(measures.nothing(asked), data, params, 0)
    labels = trial.inversion(measures.MEASURES["labels"](asked, 0, np.ones(64)), data, params, 0)
    best = trial.inversion(measures.MEASURES["top_k"](asked, 2, np.ones(64)), data, params, 0)
    assert isinstance(labels, trial.Inversion)
    assert (labels.how, labels.tried) == ("through the class alone", 1)
    for found, tried in ((scores, 2), (best, 3)):
        assert isinstance(found, trial.Inversion)
        assert found.tried == tried
        assert found.rate.confidence_level == pytest.approx(1 - 0.05 / tried)
        assert found.rate.value >= labels.rate.value, "who sees scores sees the class too"
    assert whole.rate.n == 10
    assert whole.hits.shape == (len(whole.judges), 10)
    assert whole.hits[whole.headline].mean() == whole.rate.value


def test_without_judges_the_reason_is_kept() -> None:
    target, data = digit_softmax(3)
    found = trial.inversion(measures.nothing(target), replace(data, evaluation=None), {"shape": None}, 0)
    assert isinstance(found, str)
    assert "evaluation" in found
