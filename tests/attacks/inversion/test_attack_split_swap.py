"""A model of one record per class is found to show it, a model of many is not accused, and no power is no pass."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from attack_worlds import TorchTarget, Undifferentiable, digit_softmax, digit_twins

from govtool.access import Access
from govtool.attacks.interface import AttackData, AttackResult, NotApplicable, NotTestable, Records, Twins
from govtool.attacks.inversion import split_swap
from govtool.attacks.inversion.weight import LEGAL_WEIGHT, RECORD_MEMORISED
from govtool.errors import InputError
from govtool.estimate import Estimate
from govtool.verdict import Verdict

DIGITS = {"shape": [8, 8]}


@cache
def digits(each: int | None = None, splits: int = 2, steps: int = 100) -> tuple[TorchTarget, AttackData]:
    """All 700 members, or so many of every class; with twins."""
    target, data = digit_softmax(3)
    if each is not None:
        rows = np.concatenate([np.flatnonzero(data.members.labels == label)[:each] for label in range(10)])
        data = replace(data, members=Records(data.members.features[rows], data.members.labels[rows]))
    return target, digit_twins(data, splits=splits, steps=steps)


def attack(target: TorchTarget, data: AttackData, **params: object) -> AttackResult:
    outcome = split_swap.run(target, data, {**DIGITS, **params}, np.random.default_rng(0))
    assert isinstance(outcome, AttackResult)
    return outcome


@cache
def control() -> dict[str, object]:
    return split_swap.control(digits()[1], DIGITS, np.random.default_rng(0))


@pytest.fixture(scope="module")
def planted() -> AttackResult:
    return attack(*digits(each=2), positive_control=control())


@pytest.fixture(scope="module")
def clean() -> AttackResult:
    return attack(*digits(splits=8, steps=30), positive_control=control())


def test_one_record_of_each_class_is_found(planted: AttackResult) -> None:
    assert planted.metrics["swap_advantage"].low > 0.05
    assert planted.metrics["nearest_is_training"].value >= 0.9
    (finding,) = planted.detail["findings"]
    assert (finding["question"], finding["verdict"]) == (RECORD_MEMORISED, "FAIL")
    assert finding["legal_weight"] == LEGAL_WEIGHT[RECORD_MEMORISED]
    assert planted.void == ""


def test_many_records_of_each_class_are_not_accused(clean: AttackResult) -> None:
    assert clean.metrics["swap_advantage"].high < 0.02
    assert clean.metrics["identity_signal"].low > 0.05, "it knows what digits look like all the same"
    (finding,) = clean.detail["findings"]
    assert finding["verdict"] in ("PASS", "INCONCLUSIVE")
    assert clean.metrics["nearest_is_training"].low < 0.6


def test_the_control_has_the_power_that_it_must_have() -> None:
    found = control()
    assert found["passed"] is True
    assert "one record of each class" in str(found["how"])
    json.dumps(found, allow_nan=False)


def test_drawings_stand_beside_what_they_are_read_against(planted: AttackResult, clean: AttackResult) -> None:
    rows = {row["row"]: row for row in planted.detail["beside"]}
    assert rows["the mean of the class's training records"]["training"] == pytest.approx(
        1
    )  # one record is its own mean
    assert rows["the drawing"]["advantage"] == pytest.approx(planted.metrics["swap_advantage"].value)
    many = {row["row"]: row for row in clean.detail["beside"]}
    assert many["the mean of the class's training records"]["advantage"] < 0.03
    assert set(clean.detail["single_model"]["ratios"]) == {"drawn", "class mean", "plain grey"}


def test_two_models_that_are_the_same_show_no_record() -> None:
    """Trained on everything, both of them: whatever they draw, neither half is nearer to it than the other."""
    target, data = digits()
    assert data.twins is not None
    same = replace(data, twins=replace(data.twins, models=[(target, target)] * 2))
    found = attack(target, same)
    assert found.metrics["swap_advantage"].value == pytest.approx(0, abs=0.005)
    assert found.metrics["nearest_is_training"].value == pytest.approx(0.5, abs=0.1)


def test_the_result_can_be_stored_and_recomputed_from_its_evidence(planted: AttackResult) -> None:
    json.dumps(dict(planted.detail), allow_nan=False)
    likeness = planted.arrays["likeness"].mean(axis=0)
    by_hand = (likeness[:, 0, 0] - likeness[:, 1, 0] + likeness[:, 1, 1] - likeness[:, 0, 1]) / 2
    assert planted.metrics["swap_advantage"].value == pytest.approx(by_hand.mean())
    assert planted.metrics["nearest_is_training"].value == pytest.approx(planted.arrays["nearest_is_training"].mean())
    assert set(planted.arrays) == {"labels", "likeness", "nearest_is_training"}, "no pictures of anybody"


def test_no_power_voids_silence_but_not_a_leak() -> None:
    failed = {"passed": False, "how": "advantage 0.01"}
    quiet = attack(*digits(), positive_control=failed)
    assert "advantage 0.01" in quiet.void
    assert quiet.detail["findings"][0]["verdict"] == "INCONCLUSIVE"
    loud = attack(*digits(each=2), positive_control=failed)
    assert loud.void == ""
    assert loud.detail["findings"][0]["verdict"] == "FAIL"


@pytest.mark.slow
def test_without_a_control_nothing_passes_and_the_result_says_so() -> None:
    found = attack(*digits())
    assert found.detail["findings"][0]["verdict"] != "PASS"
    assert any("No positive control" in caveat for caveat in found.caveats)
    assert any("halves" in caveat or "half" in caveat for caveat in found.caveats)


def estimate(value: float, low: float, high: float) -> Estimate:
    return Estimate(value, low, high, 0.95, 40)


@pytest.mark.parametrize(
    ("advantage", "nearest", "passed", "verdict"),
    [
        (estimate(0.16, 0.13, 0.19), estimate(0.97, 0.91, 0.99), True, Verdict.FAIL),
        (estimate(0.031, 0.026, 0.037), estimate(0.75, 0.65, 0.84), True, Verdict.FAIL),  # the nearest alone
        (estimate(0.004, 0.002, 0.006), estimate(0.537, 0.42, 0.65), True, Verdict.INCONCLUSIVE),
        (estimate(0.004, 0.002, 0.006), estimate(0.50, 0.44, 0.56), True, Verdict.PASS),
        (estimate(0.004, 0.002, 0.006), estimate(0.50, 0.44, 0.56), False, Verdict.INCONCLUSIVE),
        (estimate(0.004, 0.002, 0.006), estimate(0.50, 0.44, 0.56), None, Verdict.INCONCLUSIVE),
        (estimate(0.04, 0.03, 0.06), estimate(0.50, 0.44, 0.56), True, Verdict.INCONCLUSIVE),
    ],
)
def test_the_answer_by_its_limits(
    advantage: Estimate, nearest: Estimate, passed: bool | None, verdict: Verdict
) -> None:
    found = split_swap.judge(advantage, nearest, passed=passed)
    assert found.verdict is verdict
    assert found.legal_weight


def test_a_table_is_compared_by_distance_and_said_to_be() -> None:
    target, data = digits(each=2)
    found = split_swap.run(target, data, {}, np.random.default_rng(0))
    assert isinstance(found, AttackResult)
    assert found.detail["findings"][0]["verdict"] == "FAIL"
    assert "root mean square" in found.detail["likeness"]
    assert any("table" in caveat for caveat in found.caveats)


def few(data: AttackData, classes: int) -> AttackData:
    kept = data.members.labels < classes
    members = Records(data.members.features[kept], data.members.labels[kept])
    return digit_twins(replace(data, members=members), splits=1, steps=1)


def test_too_few_classes_decide_nothing_and_the_control_says_so() -> None:
    target, data = digit_softmax(3)
    found = split_swap.run(target, few(data, 4), DIGITS, np.random.default_rng(0))
    assert isinstance(found, NotTestable)
    assert "4 classes" in found.reason
    planted = split_swap.control(few(data, 4), DIGITS, np.random.default_rng(0))
    assert planted["passed"] is False
    assert "4 classes" in planted["how"]


def test_few_drawings_cannot_pass_and_the_result_says_so(planted: AttackResult, clean: AttackResult) -> None:
    def said(found: AttackResult) -> bool:
        return any("more splits" in caveat for caveat in found.caveats)

    assert said(planted)
    assert not said(clean)


def test_records_that_are_all_the_same_tell_nothing() -> None:
    target, data = digits(each=2)
    alike = Records(np.zeros_like(data.members.features), data.members.labels)
    found = split_swap.run(target, replace(data, members=alike), {}, np.random.default_rng(0))
    assert isinstance(found, NotTestable)
    assert "the same" in found.reason


def test_what_cannot_be_asked_is_not_asked() -> None:
    target, data = digits(each=2)
    assert data.twins is not None
    hidden = TorchTarget(target.model, frozenset({Access.LOGITS}), 10)
    assert isinstance(split_swap.run(hidden, data, DIGITS, np.random.default_rng(0)), NotApplicable)
    alone = split_swap.run(target, replace(data, twins=None), DIGITS, np.random.default_rng(0))
    assert isinstance(alone, NotTestable)
    forest = Undifferentiable(target.model, n_classes=10)
    stuck = replace(data, twins=Twins([(forest, forest)] * 2, data.twins.halves, "forests"))
    found = split_swap.run(target, stuck, DIGITS, np.random.default_rng(0))
    assert isinstance(found, NotTestable)
    assert "forest" in found.reason


def test_a_shape_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="64 features"):
        attack(*digits(each=2), shape=[8, 9])


def test_twins_that_learnt_nothing_say_nothing_of_the_target() -> None:
    """A recipe that hardly trains gives twins that remember nobody, whatever the target remembers."""
    target, data = digits(splits=2, steps=1)
    found = attack(target, data, positive_control={"passed": True, "how": "planted"})
    assert "were not trained as it was" in found.void
    (finding,) = found.detail["findings"]
    assert finding["verdict"] == "INCONCLUSIVE"
    assert "were not trained as it was" in finding["reason"]
    assert split_swap.unlike(target, digits(splits=2)[1]) == ""


def test_a_leak_that_twins_show_needs_no_target_like_them() -> None:
    _, data = digits(each=2)
    sure = TorchTarget(digit_softmax(3)[0].module(), n_classes=10)
    assert data.twins is not None
    half = [(pair[0], TorchTarget(torch.nn.Linear(64, 10), n_classes=10)) for pair in data.twins.models]
    worse = replace(data, twins=replace(data.twins, models=half))
    assert split_swap.unlike(sure, worse)
    found = attack(sure, data, positive_control={"passed": True, "how": "planted"})
    assert (found.void, found.detail["findings"][0]["verdict"]) == ("", "FAIL")
