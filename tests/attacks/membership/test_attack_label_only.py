"""Attacks that see nothing but the label: right answers, noisy copies, shifted images."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from attack_worlds import FINE, TorchTarget, innocent, planted

from govtool.access import Access
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import (
    AttackData,
    AttackResult,
    Features,
    FloatArray,
    Labels,
    NotApplicable,
    NotTestable,
    Records,
)
from govtool.attacks.membership import augmentation
from govtool.errors import InputError, WorkError


@dataclass
class LabelsOnly:
    """A deployment that shows the label and nothing else, and counts who asks."""

    inner: TorchTarget
    access: frozenset[Access] = frozenset({Access.LABELS})
    n_classes: int = 5
    asked: int = 0

    def labels(self, features: Features) -> Labels:
        self.asked += len(features)
        return self.inner.labels(features)

    def log_probabilities(self, features: Features) -> FloatArray:
        raise WorkError("labels only")

    def module(self) -> Any:
        raise WorkError("labels only")


def attack(name: str, target: Any, data: AttackData, **params: Any) -> AttackResult:
    outcome = ATTACKS[name].run(target, data, {"validity": FINE, **params}, np.random.default_rng(0))
    assert isinstance(outcome, AttackResult), outcome.reason
    return outcome


PARAMS: dict[str, dict[str, Any]] = {"gap": {}, "boundary": {"queries": 25}, "augmentation": {"shape": [4, 5]}}


@pytest.mark.parametrize("name", PARAMS)
def test_labels_are_enough_and_every_query_is_counted(name: str) -> None:
    target, data = planted()
    seen = LabelsOnly(target)
    found = attack(name, seen, data, **PARAMS[name])
    assert found.access == {Access.LABELS}
    assert found.detail["queries"] == seen.asked
    assert found.metrics["auc"].low > 0.6


def test_the_gap_is_the_difference_of_accuracies() -> None:
    """Balanced accuracy is one half plus half the gap, and so is the area of a curve with one corner."""
    target, data = planted()
    right = [float((target.labels(group.features) == group.labels).mean()) for group in (data.members, data.nonmembers)]
    found = attack("gap", target, data)
    assert found.metrics["auc"].value == pytest.approx(0.5 + (right[0] - right[1]) / 2)
    assert found.metrics["balanced_accuracy"].value == pytest.approx(found.metrics["auc"].value)
    assert found.detail["advantage"]["value"] == pytest.approx(right[0] - right[1])


@pytest.mark.parametrize("name", PARAMS)
@pytest.mark.parametrize("seed", range(2))
def test_a_network_that_never_saw_the_records_is_not_accused(name: str, seed: int) -> None:
    found = attack(name, *innocent(seed, n=100, count=4), **PARAMS[name])
    assert found.metrics["auc"].low < 0.5
    assert "balanced_accuracy" not in found.metrics or found.metrics["balanced_accuracy"].low < 0.5


def test_noise_tells_more_than_right_answers() -> None:
    """Members keep their label further out, so among right answers there is still something to tell."""
    noisy = attack("boundary", *planted(), queries=25)
    assert noisy.metrics["auc"].value > attack("gap", *planted()).metrics["auc"].value


@dataclass
class Majority:
    """Says 1 where most of the bits are set."""

    access: frozenset[Access] = frozenset({Access.LABELS})
    n_classes: int = 2
    fractions: bool = False

    def labels(self, features: Features) -> Labels:
        self.fractions |= not np.isin(features, (0, 1)).all()
        return (features.mean(axis=1) > 0.5).astype(np.int64)

    def log_probabilities(self, features: Features) -> FloatArray:
        raise WorkError("labels only")

    def module(self) -> Any:
        raise WorkError("labels only")


def bits(share: float, n: int, rng: np.random.Generator) -> Records:
    return Records((rng.random((n, 40)) < share).astype(np.float32), np.ones(n, dtype=np.int64))


def test_bits_are_flipped_and_never_made_fractions() -> None:
    rng, target = np.random.default_rng(0), Majority()
    found = attack("boundary", target, AttackData(bits(0.95, 60, rng), bits(0.65, 60, rng)))
    assert not target.fractions
    assert found.detail["altered_by"] == "bits flipped at random"
    assert found.metrics["auc"].low > 0.65  # the further from the boundary, the higher the score


def test_wrong_answers_score_below_every_right_one() -> None:
    target, data = planted()
    found = attack("boundary", target, data, queries=10)
    right = np.concatenate([target.labels(g.features) == g.labels for g in (data.members, data.nonmembers)])
    assert found.arrays["scores"][right].min() >= 0 > found.arrays["scores"][~right].max()


def test_a_budget_limits_the_queries_and_says_whom_it_reached() -> None:
    target, data = planted()
    seen = LabelsOnly(target)
    found = attack("boundary", seen, data, queries=10, budget=900)
    assert seen.asked <= 900
    assert found.arrays["membership"].sum() == 30  # a third of 90 records each: members, non-members, population
    assert any("reaches 30 of 150 members" in caveat for caveat in found.caveats)


def test_a_budget_for_a_handful_is_no_test() -> None:
    target, data = planted()
    outcome = ATTACKS["boundary"].run(target, data, {"validity": FINE, "budget": 640}, np.random.default_rng(0))
    assert isinstance(outcome, NotTestable)
    assert "budget" in outcome.reason


def test_without_a_population_no_accuracy_is_given() -> None:
    target, data = planted()
    found = attack("boundary", target, replace(data, population=None, references=None), queries=10)
    assert found.counts is None
    assert any("no threshold" in caveat for caveat in found.caveats)


def test_tables_are_not_shifted() -> None:
    outcome = ATTACKS["augmentation"].run(*planted(), {"validity": FINE}, np.random.default_rng(0))
    assert isinstance(outcome, NotApplicable)
    assert "shape" in outcome.reason


def test_a_shift_repeats_the_edge_and_goes_where_it_says() -> None:
    image = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    assert augmentation._shifted(image, 0, 1)[0].tolist() == [[0, 0, 1], [3, 3, 4]]
    assert augmentation._shifted(image, -1, 0)[0].tolist() == [[3, 4, 5], [3, 4, 5]]


def test_copies_are_all_the_shifts_and_mirror_images() -> None:
    """Shift 1: stay, up, down, left, right; each mirrored too; less the original: 9 copies and 1 query for itself."""
    assert attack("augmentation", *planted(), shape=[4, 5]).detail["queries_per_record"] == 10


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("augmentation", {"shape": [3, 3]}, "does not hold the 20 features"),
        ("augmentation", {"shape": "4x5"}, "not '4x5'"),
        ("augmentation", {"shape": [4, 5], "shift": 0}, "'shift' is a whole number"),
        ("boundary", {"queries": 0}, "'queries' is a whole number"),
        ("boundary", {"budget": 1.5}, "'budget' is a whole number"),
    ],
)
def test_parameters_that_cannot_be_are_refused(name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        attack(name, *planted(), **params)
