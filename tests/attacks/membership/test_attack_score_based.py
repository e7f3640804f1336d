"""Entropy, calibrated loss, quantile regression and the shadow classifier."""

from dataclasses import replace

import numpy as np
import pytest
from attack_worlds import FINE, TorchTarget, innocent, planted, uneven

from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import AttackData, AttackResult, NotTestable, Records, References
from govtool.attacks.membership import calibrated, entropy, loss_threshold, quantile, shadow, worlds
from govtool.attacks.membership.worlds import World

NAMES = ("entropy", "modified_entropy", "calibrated_loss", "quantile", "shadow_classifier")


def attack(name: str, target: TorchTarget, data: AttackData) -> AttackResult:
    outcome = ATTACKS[name].run(target, data, {"validity": FINE}, np.random.default_rng(0))
    assert isinstance(outcome, AttackResult)
    return outcome


@pytest.mark.parametrize("name", NAMES)
def test_a_network_that_learnt_by_heart_is_found_out(name: str) -> None:
    found = attack(name, *planted())
    assert found.metrics["auc"].low > 0.7
    assert found.metrics["balanced_accuracy"].low > 0.6


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(2))
def test_a_network_that_never_saw_the_records_is_not_accused(name: str, seed: int) -> None:
    found = attack(name, *innocent(seed, n=100, count=4))
    assert found.metrics["auc"].low < 0.5
    assert found.metrics["balanced_accuracy"].low < 0.5


def test_the_calibrated_score_by_hand() -> None:
    """Target -1; out of references 1 and 2, which say -3 and -5; the one that saw it says 0 and is not asked."""
    members = np.array([[1], [0], [0]], dtype=bool)
    held = {"log_probability": np.array([[0.0], [-3.0], [-5.0]])}
    own = {"log_probability": np.array([-1.0])}
    world = World(own, held, members, np.array([0]), np.ones((3, 1), dtype=bool), np.arange(3))
    assert calibrated.scores(world).tolist() == [3.0]


def test_calibration_sees_through_records_that_every_model_finds_easy() -> None:
    loss = loss_threshold.run(*uneven(), {"validity": FINE}, np.random.default_rng(0))
    assert isinstance(loss, AttackResult)
    assert attack("calibrated_loss", *uneven()).metrics["auc"].value > loss.metrics["auc"].value


def test_class_thresholds_by_hand() -> None:
    """Class 0 is cut at 1.5 and class 1 at 11.5; together at 11.5 or 1.5, both as good, the first found.

    With two records a class weighs 2 / (2 + 50); class 2 has only members and keeps the common line.
    """
    scores = np.array([[1.0, 2, 11, 12, 30]])
    members = np.array([[0, 1, 0, 1, 1]], dtype=bool)
    common = entropy.statistics.best_threshold(scores[0], members[0])
    lines = entropy.class_thresholds(scores, members, np.array([0, 0, 1, 1, 2]))
    weight = 2 / 52
    assert lines == pytest.approx([weight * 1.5 + (1 - weight) * common, weight * 11.5 + (1 - weight) * common, common])


def test_the_label_matters_to_modified_entropy_and_not_to_entropy() -> None:
    """Half of the records keep their features and get another label: entropy says the same of them."""
    target, data = planted()
    data = replace(data, references=None)
    wrong = replace(data, members=replace(data.members, labels=(data.members.labels + 1) % 5))
    same = [attack("entropy", target, one).arrays["raw_scores"] for one in (data, wrong)]
    other = [attack("modified_entropy", target, one).arrays["raw_scores"] for one in (data, wrong)]
    assert (same[0] == same[1]).all()
    assert other[0][:150].mean() > other[1][:150].mean()


@pytest.mark.parametrize("name", ["entropy", "modified_entropy"])
def test_without_anything_to_set_a_threshold_no_accuracy_is_given(name: str) -> None:
    target, data = planted()
    found = attack(name, target, AttackData(data.members, data.nonmembers))
    assert found.counts is None
    assert any("no threshold" in caveat for caveat in found.caveats)
    population = attack(name, target, replace(data, references=None))
    assert "population" in population.detail["threshold"]["source"]


def test_quantiles_are_never_learnt_from_a_record_that_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a population the non-members are dealt into folds; each record is scored by a fold's regressor it is not in."""
    learnt: list[np.ndarray] = []
    asked: list[np.ndarray] = []
    fit, excess = quantile._regressors, quantile._excess
    monkeypatch.setattr(quantile, "_regressors", lambda r, p, s: (learnt.append(r.features), fit(r, p, s))[1])
    monkeypatch.setattr(quantile, "_excess", lambda m, x, y, p: (asked.append(x), excess(m, x, y, p))[1])
    target, data = planted()
    found = attack("quantile", target, AttackData(data.members, data.nonmembers))
    assert sum(map(len, asked)) == len(data.labels)
    for known, scored in zip(learnt, asked, strict=True):
        assert not {row.tobytes() for row in known} & {row.tobytes() for row in scored}
        assert not {row.tobytes() for row in known} & {row.tobytes() for row in data.members.features}
    assert found.detail["learnt_from"] == "non-members, in folds"
    assert any("in folds" in caveat for caveat in found.caveats)


def test_quantiles_are_never_learnt_from_the_same_persons_other_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it knows what to expect of non-members, and of no member, and tells the two apart by its own training."""
    learnt: list[set[bytes]] = []
    asked: list[set[bytes]] = []
    fit, excess = quantile._regressors, quantile._excess
    monkeypatch.setattr(quantile, "_regressors", lambda r, p, s: (learnt.append(rows(r.features)), fit(r, p, s))[1])
    monkeypatch.setattr(quantile, "_excess", lambda m, x, y, p: (asked.append(rows(x)), excess(m, x, y, p))[1])
    target, data = planted()

    def owned(group: Records, name: str) -> Records:
        return replace(group, subjects=np.array([f"{name}{row // 5}" for row in range(len(group))]))

    data = AttackData(owned(data.members, "in"), owned(data.nonmembers, "out"))
    attack("quantile", target, data)
    for known, scored in zip(learnt, asked, strict=True):
        for person in range(30):
            own = rows(data.nonmembers.features[5 * person : 5 * person + 5])
            assert not (known & own and scored & own)


def test_quantiles_of_a_handful_of_people_are_not_learnt() -> None:
    target, data = planted()
    few = replace(data.nonmembers, subjects=np.arange(len(data.nonmembers)) % 3)
    members = replace(data.members, subjects=100 + np.arange(len(data.members)))
    found = quantile.run(target, AttackData(members, few, unit="record"), {"validity": FINE}, np.random.default_rng(0))
    assert isinstance(found, NotTestable)
    assert "3 people" in found.reason


def rows(features: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in features}


def test_the_regression_knows_what_to_expect_of_easy_records() -> None:
    target, data = uneven()
    loss = loss_threshold.run(target, data, {"validity": FINE}, np.random.default_rng(0))
    assert isinstance(loss, AttackResult)
    assert attack("quantile", target, data).metrics["auc"].value > loss.metrics["auc"].value - 0.05


def test_saturated_answers_are_bounded_before_anything_is_learnt() -> None:
    class Sure(TorchTarget):
        def log_probabilities(self, features: np.ndarray) -> np.ndarray:
            rounded = np.round(np.exp(super().log_probabilities(features)), 2)
            with np.errstate(divide="ignore"):
                return np.maximum(np.log(rounded / rounded.sum(axis=1, keepdims=True)), -745)

    target, data = planted()
    for name in ("quantile", "lira", "combined"):
        assert attack(name, Sure(target.model), data).metrics["auc"].low > 0.7


def test_the_shadow_classifier_learns_from_references_alone() -> None:
    """The target's membership is not among its examples: 8 references of 300 records, half of them members."""
    _, data = planted()
    assert data.references is not None
    features, inside = shadow.examples(data.references, data.labels, np.random.default_rng(0))
    assert features.shape == (8 * 300, 7)
    assert inside.mean() == 0.5


def test_examples_are_drawn_alike_from_every_reference_when_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "_MOST_ROWS", 80)
    _, data = planted()
    held: References | None = data.references
    assert held is not None
    features, _inside = shadow.examples(held, data.labels, np.random.default_rng(0))
    assert len(features) == 80


@pytest.mark.parametrize("name", ["calibrated_loss", "shadow_classifier"])
def test_without_references_nothing_is_claimed(name: str) -> None:
    target, data = planted()
    outcome = ATTACKS[name].run(target, replace(data, references=None), {}, np.random.default_rng(0))
    assert isinstance(outcome, NotTestable)
    assert str(worlds.FEWEST_REFERENCES if name == "calibrated_loss" else 2) in outcome.reason
