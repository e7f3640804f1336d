"""Models that leak and look as if they did not, and what must not be said of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from attack_worlds import TorchTarget, digit_softmax
from torch import nn

from govtool.attacks.interface import AttackData, AttackResult, Records
from govtool.attacks.inversion import assembly, doubts, mi_face
from govtool.attacks.inversion.question import Reconstructions

PASSED = {"passed": True, "how": "softmax regression"}
DIGITS = {"shape": [8, 8], "positive_control": PASSED}


def attack(target: TorchTarget, data: AttackData) -> AttackResult:
    found = mi_face.run(target, data, DIGITS, np.random.default_rng(0))
    assert isinstance(found, AttackResult)
    return found


def verdict(found: AttackResult) -> str:
    return str(found.detail["findings"][0]["verdict"])


class Tempered(nn.Module):
    """The same labels for every input, with logits so small that no prior of pictures gives way to them."""

    def __init__(self, network: nn.Module, factor: float) -> None:
        super().__init__()
        self.network, self.factor = network, factor

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.network(inputs) * self.factor


class Rounded(nn.Module):
    """Rounds what it is asked, to sixteen shades: hardly another model, and without any gradient."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.network(torch.round(inputs * 16) / 16)


@pytest.mark.parametrize("factor", [1e-3, 1e-6])
def test_a_temperature_hides_no_leak(factor: float) -> None:
    target, data = digit_softmax(3)
    plain, tempered = attack(target, data), attack(TorchTarget(Tempered(target.module(), factor), n_classes=10), data)
    assert verdict(plain) == verdict(tempered) == "FAIL"
    assert tempered.arrays["target_confidence"].max() < 0.15  # its own, as it answers
    assert tempered.detail["search"]["logits_times"] > 1 == plain.detail["search"]["logits_times"]


def test_a_model_without_gradients_has_not_passed() -> None:
    target, data = digit_softmax(3)
    rounded = TorchTarget(Rounded(target.module()), n_classes=10)
    assert (rounded.labels(data.members.features) == data.members.labels).mean() > 0.9
    found = attack(rounded, data)
    assert "found no input that the model itself takes for the class" in found.void
    assert verdict(found) == "INCONCLUSIVE"


def relabelled(records: Records) -> Records:
    return Records(records.features, (records.labels + 3) % 10)


def test_other_labels_than_in_training_hide_no_leak() -> None:
    """Judges and control agree about the wrong labels, and of what the model draws they recognise nothing."""
    target, data = digit_softmax(3)
    assert data.evaluation is not None
    found = attack(target, replace(data, members=relabelled(data.members), evaluation=relabelled(data.evaluation)))
    assert found.metrics["identification_rate"].value <= 0.1
    assert "under the labels it was trained with" in found.void
    assert verdict(found) == "INCONCLUSIVE"


def test_a_leak_that_was_found_is_beyond_doubt() -> None:
    """Members that the model was not trained on, by chance or by design, do not make a recognised face unrecognised."""
    target, data = digit_softmax(3)
    found = attack(target, replace(data, members=relabelled(data.members)))
    assert found.metrics["identification_rate"].value >= 0.9
    assert found.void == ""
    assert verdict(found) == "FAIL"


def drawn(named: int, of: int) -> Reconstructions:
    rows = np.zeros((of, 4), dtype=np.float32)
    return Reconstructions(rows, np.full(of, 0.9), np.zeros(of, dtype=bool), np.arange(of) < named)


@pytest.mark.parametrize(("named", "of", "doubted"), [(40, 40, False), (36, 40, False), (35, 40, True), (1, 2, True)])
def test_a_tenth_of_the_classes_may_stay_undrawn(named: int, of: int, doubted: bool) -> None:
    assert bool(doubts.not_drawn(drawn(named, of))) == doubted


@pytest.mark.parametrize(
    ("right", "guess", "doubted"), [(0.11, 0.1, True), (0.2, 0.1, True), (0.21, 0.1, False), (0.7, 0.5, True)]
)
def test_twice_the_commonest_class_or_half_way_to_all_is_knowing_them(
    right: float, guess: float, doubted: bool
) -> None:
    assert doubts.barely(right, guess) == doubted


def test_a_control_that_shows_a_few_classes_of_a_model_that_hides_nothing_has_no_power() -> None:
    """Steps and jitter by which even the planted model is hardly drawn: surely above chance would not be enough."""
    target, data = digit_softmax(3)
    weak = {"shape": [8, 8], "jitter": 0.5, "prior": "blurred", "steps": 2}
    found = assembly.control(mi_face.run, target.access, data, weak, np.random.default_rng(0))
    assert found["rate"]["value"] < 0.5
    assert not found["passed"]
    strong = assembly.control(mi_face.run, target.access, data, {"shape": [8, 8]}, np.random.default_rng(0))
    assert strong["passed"]
    assert strong["rate"]["value"] >= 0.5


def test_the_most_generous_judge_is_told_beside_the_median() -> None:
    target, data = digit_softmax(3)
    found = attack(target, data)
    rates = [one[name]["value"] for one in found.detail["evaluators"] for name in ("rate", "rate_stretched")]
    assert found.metrics["identification_rate_highest"].value == max(rates)
