"""Inversion through answers alone, on digits: what leaks is found, what does not is not accused, and the bill is right."""

import json
from dataclasses import replace

import numpy as np
import pytest
from attack_worlds import TorchTarget, digit_softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from govtool.access import Access, reachable
from govtool.attacks import degraded
from govtool.attacks.interface import AttackData, AttackResult, Features, FloatArray, Labels, NotApplicable, Target
from govtool.attacks.inversion import assembly, black_box, labels_only
from govtool.attacks.inversion.answers import drawing, evolution, reading, surrogate
from govtool.attacks.inversion.answers.ledger import Ask, Terms
from govtool.attacks.inversion.question import Bounds, Question
from govtool.errors import InputError

DIGITS = {"shape": [8, 8]}


def asked(data: AttackData) -> Question:
    assert data.evaluation is not None
    return Question(np.arange(10), Bounds.of(data.evaluation.features, image=True), (1, 8, 8))


def named(data: AttackData, ask: Ask, queries: int, search: drawing.SearchLatents = surrogate.search) -> int:
    """How many of ten reconstructions one judge names that never met the target."""
    assert data.evaluation is not None
    found = drawing.draw(ask, asked(data), Terms(queries), search, "", np.random.default_rng(0))
    judge = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(
        data.evaluation.features, data.evaluation.labels
    )
    return int((judge.predict(found.inputs) == np.arange(10)).sum())


@pytest.fixture(scope="module")
def leaky() -> AttackResult:
    target, data = digit_softmax(3)
    shown = replace(target, access=reachable(frozenset({Access.PROBABILITIES})))
    found = black_box.run(shown, data, {**DIGITS, "queries": 100, "price_per_1000": 2.0}, np.random.default_rng(0))
    assert isinstance(found, AttackResult)
    return found


def test_scores_alone_show_the_digits_of_a_softmax_model(leaky: AttackResult) -> None:
    assert leaky.metrics["identification_rate"].low > leaky.baselines["identification_rate"]
    assert leaky.access == {Access.PROBABILITIES}
    assert "sees the probability of every class" in leaky.knowledge
    assert leaky.void == ""


def test_the_bill_stands_in_the_result(leaky: AttackResult) -> None:
    bill = leaky.detail["query_ledger"]
    assert 900 < bill["total"] <= 1000
    assert bill["per_class"] == bill["total"] / 10 <= bill["budget_per_class"] == 100
    assert bill["cost"] == round(bill["total"] * 2 / 1000, 2)
    assert leaky.detail["queries"] == bill["total"]
    assert any(f"It took {bill['total']:,} different queries for 10 classes" in said for said in leaky.caveats)
    json.dumps(dict(leaky.detail), allow_nan=False)


def test_an_attacker_without_public_records_is_said_to_have_none(leaky: AttackResult) -> None:
    assert any("No public records were given" in said for said in leaky.caveats)
    target, data = digit_softmax(3)
    assert data.evaluation is not None
    given = replace(asked(data), public=data.nonmembers)
    found = drawing.draw(reading.of_scores(target, 5), given, Terms(50), surrogate.search, "", np.random.default_rng(0))
    assert not any("No public records" in said for said in found.caveats)
    assert "principal components" in found.detail["searched"]


def test_an_untrained_model_shows_nothing() -> None:
    target, data = digit_softmax(3, trained=False)
    found = black_box.run(target, data, {**DIGITS, "queries": 100}, np.random.default_rng(0))
    assert isinstance(found, AttackResult)
    assert found.metrics["identification_rate"].low < 0.1


@pytest.mark.parametrize("search", [surrogate.search, evolution.nes, evolution.cma])
def test_rounding_to_one_decimal_does_not_break_it(search: drawing.SearchLatents) -> None:
    target, data = digit_softmax(3)
    rounded = degraded.Rounded(target, 1)
    assert named(data, reading.of_scores(rounded, 10), 300, search) >= 7  # at 10 classes 4 are surely above chance


def test_one_score_is_enough() -> None:
    target, data = digit_softmax(3)
    shown = degraded.TopK(target, 1)
    assert named(data, reading.of_scores(shown, 1), 300) >= 7


@pytest.mark.parametrize("search", labels_only.SEARCHES.values(), ids=labels_only.SEARCHES)
def test_labels_alone_are_enough(search: drawing.SearchLatents) -> None:
    target, data = digit_softmax(3)
    shown = degraded.LabelsOnly(target)
    assert named(data, reading.of_labels(shown, np.arange(10)), 300, search) >= 6
    blank, data = digit_softmax(3, trained=False)
    assert named(data, reading.of_labels(degraded.LabelsOnly(blank), np.arange(10)), 300, search) <= 3


def test_records_are_made_in_blocks_and_the_answer_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    target, data = digit_softmax(3)

    def drawn() -> drawing.Reconstructions:
        ask = reading.of_scores(target, 10)
        return drawing.draw(ask, asked(data), Terms(50), surrogate.search, "", np.random.default_rng(0))

    whole = drawn()
    monkeypatch.setattr(drawing, "BLOCK", 37)
    assert np.allclose(drawn().inputs, whole.inputs, atol=1e-4)


class Counting(degraded.LabelsOnly):
    """Counts every record that reaches the model."""

    asked = 0

    def labels(self, features: Features) -> Labels:
        Counting.asked += len(features)
        return super().labels(features)


@pytest.mark.parametrize(("search", "queries"), [("surrogate", 50), ("surrogate", 117), ("votes", 117)])
def test_the_model_is_asked_as_often_as_the_ledger_says_and_no_more_than_allowed(search: str, queries: int) -> None:
    target, data = digit_softmax(3)
    counting = Counting(target)
    Counting.asked = 0
    found = drawing.draw(
        reading.of_labels(counting, np.arange(10)),
        asked(data),
        Terms(queries),
        labels_only.SEARCHES[search],
        search,
        np.random.default_rng(0),
    )
    assert Counting.asked == found.detail["query_ledger"]["total"] <= queries * 10
    assert set(found.confidence.tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize(("attack", "shown"), [(black_box, Access.TOP_K), (labels_only, Access.LABELS)])
def test_the_control_passes_with_the_same_access(attack: object, shown: Access) -> None:
    _, data = digit_softmax(3)
    access = reachable(frozenset({shown}))
    found = assembly.control(attack.run, access, data, DIGITS, np.random.default_rng(0))  # type: ignore[attr-defined]
    assert found["passed"], found


class OneScore(TorchTarget):
    """Exposes the best score and refuses to say more."""

    def log_probabilities(self, features: Features) -> FloatArray:
        raise AssertionError("more than the best scores was asked for")

    def labels(self, features: Features) -> Labels:
        return super().log_probabilities(features).argmax(axis=1)

    def top_scores(self, features: Features, k: int) -> FloatArray:
        return degraded.best(np.exp(super().log_probabilities(features)), min(k, 2))


def test_a_deployment_of_best_scores_is_asked_for_no_more() -> None:
    target, data = digit_softmax(3)
    shown = OneScore(target.model, frozenset({Access.TOP_K}), 10)
    found = black_box.run(shown, data, {**DIGITS, "queries": 50, "top_k": 2}, np.random.default_rng(0))
    assert isinstance(found, AttackResult)
    assert found.access == {Access.TOP_K}
    assert "the 2 best scores" in found.knowledge
    assert black_box.ASSUMED not in found.caveats
    unsaid = black_box.run(shown, data, {**DIGITS, "queries": 50}, np.random.default_rng(0))
    assert isinstance(unsaid, AttackResult)
    assert black_box.ASSUMED in unsaid.caveats


@pytest.mark.parametrize(
    ("shown", "read"),
    [
        (Access.LOGITS, Access.PROBABILITIES),
        (Access.LOGPROBS, Access.LOGPROBS),
        (Access.TOP_K, None),
        (Access.LABELS, None),
    ],
)
def test_every_class_is_read_where_it_is_shown(shown: Access, read: Access | None) -> None:
    target, _ = digit_softmax(3)
    assert reading.every_class(replace(target, access=frozenset({shown}))) is read


def test_without_scores_the_attack_by_scores_does_not_apply() -> None:
    target, data = digit_softmax(3)
    shown: Target = replace(target, access=frozenset({Access.LABELS}))
    assert isinstance(black_box.run(shown, data, DIGITS, np.random.default_rng(0)), NotApplicable)


@pytest.mark.parametrize(
    ("attack", "given", "said"),
    [
        (black_box, {"search": "genetic"}, "unknown search 'genetic'"),
        (labels_only, {"search": "nes"}, "unknown search 'nes'"),
        (black_box, {"queries": 10}, "'queries' is a whole number from 50 to 1,000,000, not 10"),
        (labels_only, {"price_per_1000": "cheap"}, "such as 1.50, not 'cheap'"),
        (black_box, {"top_k": 0}, "'top_k' is a whole number from 1 to 1,000,000, not 0"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_is_asked(attack: object, given: object, said: str) -> None:
    target, data = digit_softmax(3)
    with pytest.raises(InputError, match=said):
        attack.run(target, data, {**DIGITS, **given}, np.random.default_rng(0))  # type: ignore[attr-defined,dict-item]
