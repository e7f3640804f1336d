import io
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from attack_worlds import TorchTarget, Undifferentiable, digit_softmax, fit, planted
from PIL import Image

from govtool.access import Access, reachable
from govtool.attacks.interface import AttackData, AttackResult, NotApplicable, NotTestable, Records
from govtool.attacks.inversion import assembly, mi_face
from govtool.errors import InputError

DIGITS = {"shape": [8, 8]}


def attack(target: TorchTarget, data: AttackData, **params: object) -> AttackResult:
    outcome = mi_face.run(target, data, {**DIGITS, **params}, np.random.default_rng(0))
    assert isinstance(outcome, AttackResult)
    return outcome


@pytest.fixture(scope="module")
def leaky() -> AttackResult:
    return attack(*digit_softmax(3))


@pytest.fixture(scope="module")
def untrained() -> AttackResult:
    return attack(*digit_softmax(3, trained=False))


def small() -> tuple[TorchTarget, AttackData]:
    """The same with 150 evaluation records, for tests of anything but how good the judges are."""
    target, data = digit_softmax(3)
    assert data.evaluation is not None
    return target, replace(data, evaluation=Records(data.evaluation.features[:150], data.evaluation.labels[:150]))


def rate(result: AttackResult, judge: str) -> float:
    return next(e["rate"]["value"] for e in result.detail["evaluators"] if e["name"] == judge)


def test_a_softmax_model_shows_its_digits(leaky: AttackResult) -> None:
    assert rate(leaky, "lda") > 0.5
    found = leaky.metrics["identification_rate"]
    assert found.low > leaky.baselines["identification_rate"] == 0.1
    assert leaky.void == ""


def test_an_untrained_model_shows_nothing(untrained: AttackResult) -> None:
    found = untrained.metrics["identification_rate"]
    assert found.value <= 0.3
    assert found.low < 0.1
    assert "learnt nothing" in untrained.void


def test_the_panel_is_calibrated(leaky: AttackResult) -> None:
    rows = {
        entry["row"]: {name: r["value"] for name, r in entry["rates"].items()} for entry in leaky.detail["calibration"]
    }
    assert len(rows) == 6
    assert min(rows["a real training record of the class"].values()) >= 0.8
    assert max(rows["the reconstruction, under the next class's label"].values()) <= 0.3
    assert max(rows["a real record, under the next class's label"].values()) <= 0.1
    for one_picture in ("plain grey", "the mean of all training records"):
        assert set(rows[one_picture].values()) == {0.1}  # the same answer ten times is right once


def test_the_headline_is_the_median_judge(leaky: AttackResult) -> None:
    heard = sorted(e["rate"]["value"] for e in leaky.detail["evaluators"] if not e["excluded"])
    assert len(heard) == 3
    assert leaky.metrics["identification_rate"].value == heard[1]
    assert leaky.metrics["identification_rate"].n == 10


def test_the_detail_keeps_its_contract_and_can_be_stored_as_json(leaky: AttackResult) -> None:
    json.dumps(dict(leaky.detail), allow_nan=False)
    assert {"evaluators", "calibration", "classes", "chance", "smallest_detectable"} <= set(leaky.detail)
    assert [entry["label"] for entry in leaky.detail["classes"]] == list(range(10))
    assert leaky.detail["smallest_detectable"] == pytest.approx(1 - 0.05**0.1)
    assert {
        "name", "family", "real_accuracy", "real_records", "rate", "top_five", "top_class", "excluded", "contrast_blind",
        "rate_stretched",
    } == set(leaky.detail["evaluators"][0])  # fmt: skip


def test_the_class_mean_is_nearer_than_grey_is(leaky: AttackResult) -> None:
    _, data = digit_softmax(3)
    of_class = [data.members.features[data.members.labels == label] for label in range(10)]
    means = np.stack([records.mean(axis=0) for records in of_class])
    by_hand = np.sqrt(((leaky.arrays["reconstructions"] - means) ** 2).mean(axis=1))
    assert [entry["distance_to_class_mean"] for entry in leaky.detail["classes"]] == pytest.approx(by_hand, abs=1e-5)


def test_a_class_is_not_a_person_and_the_result_says_so(leaky: AttackResult) -> None:
    assert "Recovering a class mean is not recovering a person's record unless a class is one person." in leaky.caveats


def test_the_picture_shows_every_class(leaky: AttackResult) -> None:
    (figure,) = leaky.figures
    assert figure.png.startswith(b"\x89PNG")
    picture = Image.open(io.BytesIO(figure.png))
    assert picture.width > 10 * 96
    assert len(figure.boxes) == 20, "a drawing and a mean of each class, for a report to blur"
    assert "Every class" in figure.caption


def test_pictures_of_people_can_be_withheld() -> None:
    found = attack(*small(), pictures=False)
    assert found.figures == []
    assert "reconstructions" not in found.arrays
    assert found.metrics["identification_rate"].n == 10


def test_without_weights_the_attack_does_not_apply() -> None:
    target, data = digit_softmax(3)
    outcome = mi_face.run(replace(target, access=frozenset({Access.LOGITS})), data, DIGITS, np.random.default_rng(0))
    assert isinstance(outcome, NotApplicable)
    assert "logits" in outcome.reason


def test_without_judges_nothing_is_claimed() -> None:
    target, data = digit_softmax(3)
    outcome = mi_face.run(target, replace(data, evaluation=None), DIGITS, np.random.default_rng(0))
    assert isinstance(outcome, NotTestable)
    assert "evaluation" in outcome.reason


def test_a_model_without_gradients_cannot_be_tested() -> None:
    target, data = digit_softmax(3)
    outcome = mi_face.run(Undifferentiable(target.model), data, DIGITS, np.random.default_rng(0))
    assert isinstance(outcome, NotTestable)
    assert "forest" in outcome.reason


def test_a_shape_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="64 features"):
        attack(*digit_softmax(3), shape=[8, 9])


def test_judges_that_cannot_name_real_records_void_the_result() -> None:
    """Labels of the evaluation records are shuffled, so no judge learns anything."""
    target, data = small()
    assert data.evaluation is not None
    shuffled = np.random.default_rng(0).permutation(data.evaluation.labels)
    found = attack(target, replace(data, evaluation=Records(data.evaluation.features, shuffled)))
    assert "fewer than 2 judges" in found.void
    assert all("real records" in entry["excluded"] for entry in found.detail["evaluators"])


def test_a_class_that_nobody_can_judge_is_left_out_and_named() -> None:
    target, data = small()
    assert data.evaluation is not None
    kept = data.evaluation.labels != 4
    found = attack(
        target, replace(data, evaluation=Records(data.evaluation.features[kept], data.evaluation.labels[kept]))
    )
    assert 4 not in [entry["label"] for entry in found.detail["classes"]]
    assert any("1 of 10 classes" in caveat for caveat in found.caveats)
    assert found.baselines["identification_rate"] == pytest.approx(1 / 9)


def test_one_class_cannot_be_told_from_others() -> None:
    target, data = small()
    assert data.evaluation is not None
    only = data.evaluation.labels == 4
    one = replace(data, evaluation=Records(data.evaluation.features[only], data.evaluation.labels[only]))
    assert isinstance(mi_face.run(target, one, DIGITS, np.random.default_rng(0)), NotTestable)


def test_a_failed_control_voids_the_result() -> None:
    found = attack(*small(), positive_control={"passed": False, "how": "one record per class"})
    assert "one record per class" in found.void


def test_a_table_is_attacked_without_a_picture() -> None:
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(4), 100)
    rows = (rng.standard_normal((400, 12)) + 3 * np.eye(4, 12)[labels]).astype(np.float32)
    members, evaluation = Records(rows[:200], labels[:200]), Records(rows[200:], labels[200:])
    torch.manual_seed(0)
    model = fit(torch.nn.Linear(12, 4), members.features, members.labels, 100)
    outcome = mi_face.run(
        TorchTarget(model, n_classes=4),
        AttackData(members, evaluation, evaluation=evaluation),
        {},
        np.random.default_rng(0),
    )
    assert isinstance(outcome, AttackResult)
    assert outcome.metrics["identification_rate"].value == 1.0
    assert outcome.figures == []
    assert any("table" in caveat for caveat in outcome.caveats)


@pytest.mark.parametrize(
    ("record", "params", "shape"),
    [
        ((8, 8), {}, (1, 8, 8)),
        ((1, 6, 4), {}, (1, 6, 4)),
        ((64,), {}, None),
        ((3, 8, 8), {}, (3, 8, 8)),
        ((5, 8, 8), {}, None),
        ((64,), {"shape": [4, 16]}, (1, 4, 16)),
        ((48,), {"shape": [3, 4, 4]}, (3, 4, 4)),
    ],
)
def test_only_what_is_a_picture_is_taken_for_one(record: tuple, params: dict, shape: tuple | None) -> None:
    data = AttackData(Records(np.zeros((2, *record), np.float32), np.zeros(2, int)), planted()[1].nonmembers)
    assert assembly.picture_shape(data, params) == shape


def test_the_same_seed_gives_the_same_result() -> None:
    one, again = attack(*small()), attack(*small())
    assert (one.metrics, one.detail) == (again.metrics, again.detail)
    assert one.figures == again.figures


def planted_control(data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    return assembly.control(mi_face.run, reachable(frozenset({Access.WEIGHTS})), data, params, rng)


def noisy(data: AttackData, share: float) -> AttackData:
    rng = np.random.default_rng(2)
    labels = data.members.labels.copy()
    drawn = rng.random(len(labels)) < share
    labels[drawn] = rng.integers(10, size=int(drawn.sum()))
    return replace(data, members=Records(data.members.features, labels))


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_attack_succeeds_on_a_model_made_to_leak_even_from_wrong_labels(share: float) -> None:
    control = planted_control(noisy(digit_softmax(3)[1], share), DIGITS, np.random.default_rng(0))
    assert control["passed"], control
    assert control["rate"]["low"] > 0.1
    assert "softmax regression trained on the 700 members" in control["how"]
    json.dumps(control, allow_nan=False)


def test_a_passed_control_is_kept_and_a_missing_one_is_said(leaky: AttackResult) -> None:
    target, data = small()
    control = planted_control(data, DIGITS, np.random.default_rng(0))
    found = attack(target, data, positive_control=control)
    assert found.detail["positive_control"] == control
    assert found.void == ""
    assert not any("positive control" in caveat for caveat in found.caveats)
    assert any("positive control" in caveat for caveat in leaky.caveats)


def test_a_control_on_members_that_say_nothing_of_their_class_fails() -> None:
    """All labels drawn at random: a model of them shows nobody, and an attack that finds nothing has shown nothing."""
    _, data = small()
    control = planted_control(noisy(data, 1.0), DIGITS, np.random.default_rng(0))
    assert control["passed"] is False
    found = attack(*small(), positive_control=control)
    assert "made to leak" in found.void


def test_three_classes_can_show_nothing_and_the_control_says_so() -> None:
    _, data = digit_softmax(3)

    def three(records: Records) -> Records:
        kept = records.labels < 3
        return Records(records.features[kept], records.labels[kept])

    assert data.evaluation is not None
    few = replace(data, members=three(data.members), evaluation=three(data.evaluation))
    control = planted_control(few, DIGITS, np.random.default_rng(0))
    assert control["passed"] is False
    assert "with 3 classes not even naming all of them" in control["how"]


def test_a_control_that_cannot_be_run_has_not_passed() -> None:
    _, data = digit_softmax(3)
    control = planted_control(replace(data, evaluation=None), DIGITS, np.random.default_rng(0))
    assert (control["passed"], control["rate"]) == (False, None)
    assert "no evaluation records" in control["how"]


def test_the_control_scores_raw_units_alike() -> None:
    _, data = small()
    assert data.evaluation is not None

    def raw(records: Records) -> Records:
        return Records(records.features * np.float32(4000) - np.float32(70), records.labels)

    scaled = replace(data, members=raw(data.members), evaluation=raw(data.evaluation))
    control = planted_control(scaled, DIGITS, np.random.default_rng(0))
    assert control["passed"], control


def test_a_class_that_grey_already_is_gets_no_picture_and_the_result_says_so(leaky: AttackResult) -> None:
    """A large bias gives class 4 the grey start with more than the margin wanted; its tile in the figure is empty."""
    target, data = small()
    biased = torch.nn.Linear(64, 10)
    biased.load_state_dict(target.model.state_dict())
    with torch.no_grad():
        biased.bias[4] += 200
    found = attack(TorchTarget(biased, n_classes=10), data)
    said = "Class 4: the model gives a plain grey picture this class already, so nothing was drawn."
    assert said in found.caveats
    assert not any("plain grey picture" in caveat for caveat in leaky.caveats)
