from dataclasses import replace

import numpy as np
import pytest
from attack_worlds import FINE, TorchTarget, innocent, noise_records, overfit, planted

from govtool.access import Access
from govtool.attacks.interface import AttackData, AttackResult, NotApplicable, NotTestable, Records, References
from govtool.attacks.membership import loss_threshold
from govtool.attacks.membership.people import Units
from govtool.attacks.validity import positive_control
from govtool.errors import InputError
from govtool.estimate import Estimate


def attack(target: TorchTarget, data: AttackData, **params: object) -> AttackResult:
    outcome = loss_threshold.run(target, data, {"validity": FINE, **params}, np.random.default_rng(0))
    assert isinstance(outcome, AttackResult)
    return outcome


def test_a_network_that_learnt_by_heart_is_found_out() -> None:
    found = attack(*planted())
    assert found.metrics["auc"].low > 0.8
    assert found.metrics["balanced_accuracy"].low > 0.7
    assert found.void == ""


def test_a_network_that_never_saw_the_records_is_not_accused() -> None:
    found = attack(*innocent())
    assert found.metrics["auc"].low < 0.5 < found.metrics["auc"].high
    assert found.metrics["balanced_accuracy"].low < 0.5 < found.metrics["balanced_accuracy"].high


def test_false_accusations_stay_rare() -> None:
    """A model trained elsewhere meets 60 draws of members and non-members: at most 2.5 % by the interval, 5 of 60 allowed."""
    rng = np.random.default_rng(11)
    other = noise_records(150, rng)
    target = TorchTarget(overfit(other.features, other.labels, 1))
    found = [attack(target, AttackData(noise_records(80, rng), noise_records(80, rng))) for _ in range(60)]
    assert sum(result.metrics["auc"].low > 0.5 for result in found) <= 5
    assert all(0.3 < result.metrics["auc"].value < 0.7 for result in found)


@pytest.mark.slow
def test_null_suite_the_interval_covers_no_leak_as_often_as_it_says() -> None:
    rng = np.random.default_rng(12)
    other = noise_records(150, rng)
    target = TorchTarget(overfit(other.features, other.labels, 1))
    threshold = noise_records(200, rng)
    below = above = accused = 0
    for _ in range(1000):
        found = attack(target, AttackData(noise_records(100, rng), noise_records(100, rng), threshold))
        below += found.metrics["auc"].high < 0.5
        above += found.metrics["auc"].low > 0.5
        accused += found.metrics["balanced_accuracy"].low > 0.5
    assert below <= 40  # 25 expected, standard deviation 5
    assert above <= 40
    assert accused <= 25  # the split interval is conservative


def test_the_score_is_the_log_probability_of_the_label() -> None:
    target, data = planted()
    found = attack(target, data)
    own = target.log_probabilities(data.nonmembers.features)[3, data.nonmembers.labels[3]]
    assert found.arrays["scores"][len(data.members) + 3] == own
    assert found.arrays["membership"].sum() == len(data.members)


def test_the_transferred_threshold_by_hand() -> None:
    """Three references of four records; members score above the line, the best lines lie at -1.5, -2.5 and -4.5."""
    scores = np.array([[-1.0, -1.0, -2, -3], [-1, -2, -3, -4], [-5, -4, -6, -7]], dtype=float)
    members = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0]], dtype=bool)
    held = References({"log_probability": scores}, members, {})
    assert loss_threshold.transferred_threshold(held, Units(False, np.arange(4), 4)) == -2.5


def test_the_targets_own_membership_never_moves_the_threshold() -> None:
    target, data = planted()
    swapped = replace(data, members=data.nonmembers, nonmembers=data.members)
    turned = np.roll(np.arange(len(data.labels)), -len(data.members))
    held = data.references
    assert held is not None
    swapped = replace(
        swapped,
        references=replace(
            held,
            readings={name: values[:, turned] for name, values in held.readings.items()},
            members=held.members[:, turned],
        ),
    )
    assert attack(target, data).detail["threshold"] == attack(target, swapped).detail["threshold"]


def test_without_references_the_population_sets_the_threshold_and_that_is_said() -> None:
    target, data = planted()
    found = attack(target, replace(data, references=None))
    assert data.population is not None
    rows = np.arange(len(data.population))
    scores = target.log_probabilities(data.population.features)[rows, data.population.labels]
    assert found.detail["threshold"]["value"] == np.median(scores)
    assert "population" in found.detail["threshold"]["source"]
    assert found.metrics["balanced_accuracy"].low > 0.6


def test_without_anything_to_set_a_threshold_no_accuracy_is_given() -> None:
    target, data = planted()
    found = attack(target, AttackData(data.members, data.nonmembers))
    assert found.counts is None
    assert set(found.metrics) == {"auc"}
    assert found.detail["threshold"] is None
    assert any("no threshold" in caveat for caveat in found.caveats)


def test_labels_alone_do_not_carry_the_attack() -> None:
    target, data = planted()
    outcome = loss_threshold.run(replace(target, access=frozenset({Access.LABELS})), data, {}, np.random.default_rng(0))
    assert isinstance(outcome, NotApplicable)
    assert "labels" in outcome.reason


def test_too_few_records_are_not_a_pass() -> None:
    target, data = planted()
    few = Records(data.members.features[:9], data.members.labels[:9])
    outcome = loss_threshold.run(target, replace(data, members=few, references=None), {}, np.random.default_rng(0))
    assert isinstance(outcome, NotTestable)


def test_references_of_other_records_are_refused() -> None:
    target, data = planted()
    fewer = Records(data.nonmembers.features[:-1], data.nonmembers.labels[:-1])
    with pytest.raises(InputError, match="shape"):
        attack(target, replace(data, nonmembers=fewer))


def test_a_reference_that_diverged_is_refused() -> None:
    target, data = planted()
    assert data.references is not None
    broken = data.references.phi.copy()
    broken[0, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        attack(target, replace(data, references=replace(data.references, readings={"phi": broken})))


def test_shifted_groups_void_the_result_but_keep_its_numbers() -> None:
    target, data = innocent()
    moved = Records(data.nonmembers.features * np.float32(2), data.nonmembers.labels)
    found = loss_threshold.run(target, AttackData(data.members, moved), {}, np.random.default_rng(0))
    assert isinstance(found, AttackResult)
    assert "without the model" in found.void
    assert found.detail["blind_baseline"]["passed"] is False
    assert "auc" in found.metrics


def test_a_failed_control_voids_even_a_high_score() -> None:
    failed = positive_control(Estimate(0.55, 0.45, 0.65, 0.95, 100), "an overfit copy")
    assert "an overfit copy" in attack(*planted(), positive_control=failed).void


def test_a_passed_control_is_kept_with_the_result_and_a_missing_one_is_said() -> None:
    passed = positive_control(Estimate(0.95, 0.9, 0.97, 0.95, 100), "an overfit copy")
    with_control, without = attack(*planted(), positive_control=passed), attack(*planted())
    assert with_control.detail["positive_control"]["passed"] is True
    assert without.detail["positive_control"]["passed"] is None
    assert any("positive control" in caveat for caveat in without.caveats)
    assert not any("positive control" in caveat for caveat in with_control.caveats)


def with_threshold(data: AttackData, line: float) -> AttackData:
    """References that are certain of their members and give everybody else `2 * line`: all draw the line at `line`."""
    held = data.references
    assert held is not None
    drawn = np.where(held.members, 0.0, 2 * line)
    return replace(data, references=replace(held, readings={"log_probability": drawn}))


def test_a_threshold_that_calls_everyone_a_member_does_not_hide_a_leak() -> None:
    """References by nearest neighbours answer 0 or nearly never, so the line falls at -372, below every score of a
    network. The AUC was .91, the balanced accuracy .500, the control passed, and the model went out."""
    target, data = planted()
    found = attack(target, with_threshold(data, -372.0))
    assert found.metrics["auc"].low > 0.8
    assert (
        found.metrics["balanced_accuracy"].low > 0.6
    )  # at the auditor's threshold, from the half it was not chosen on
    assert found.counts is not None
    assert found.counts.members == len(data.members) - len(data.members) // 2
    assert "calls every record a member" in found.caveats[0]
    assert found.void == ""


def test_a_threshold_in_the_wrong_place_is_replaced_and_says_why() -> None:
    target, data = planted()
    found = attack(target, with_threshold(data, -9.0))
    held_out = found.detail["held_out_balanced_accuracy"]
    assert held_out == found.metrics["balanced_accuracy"].to_dict()
    assert "The transferred threshold does not fit this model" in found.caveats[0]
    assert f"{held_out['value']:.1%} of the other half" in found.caveats[0]
    assert "random half" in found.caveats[0]


def test_a_private_model_is_not_void_for_a_useless_threshold() -> None:
    """Where there is nothing to find, calling everyone a member loses nothing."""
    target, data = innocent()
    found = attack(target, with_threshold(data, -372.0))
    assert found.metrics["auc"].low < 0.5
    assert found.void == ""


@pytest.mark.slow
def test_an_honest_threshold_is_hardly_ever_called_a_misfit() -> None:
    found = [attack(*world(seed, n=100, count=4)) for seed in range(40) for world in (planted, innocent)]
    assert sum(bool(result.void) for result in found) <= 1


def test_references_trained_differently_are_a_caveat() -> None:
    target, data = planted()
    assert data.references is not None
    for gap, said in [(0.04, False), (0.2, True), (-0.2, True)]:
        worse = replace(data, references=replace(data.references, mismatch={"train_accuracy_gap": gap}))
        assert any("training accuracy differs" in caveat for caveat in attack(target, worse).caveats) is said


def test_rounded_answers_are_a_caveat() -> None:
    class Rounded(TorchTarget):
        def log_probabilities(self, features: np.ndarray) -> np.ndarray:
            return np.log(np.maximum(np.round(np.exp(super().log_probabilities(features)), 1), 1e-9))

    target, data = planted()
    assert any("rounded or saturated" in caveat for caveat in attack(Rounded(target.model), data).caveats)
    assert not any("rounded or saturated" in caveat for caveat in attack(target, data).caveats)


def families(per_person: int) -> tuple[TorchTarget, AttackData]:
    target, data = planted()
    n = len(data.members)
    owned = replace(
        data,
        members=replace(data.members, subjects=np.arange(n) // per_person),
        nonmembers=replace(data.nonmembers, subjects=1000 + np.arange(n) // per_person),
    )
    return target, owned


def test_several_records_of_a_person_are_counted_as_one_person() -> None:
    target, owned = families(3)
    by_person, by_record = attack(target, owned), attack(target, replace(owned, unit="record"))
    n = len(owned.members)
    assert by_person.detail["unit"] == "person"
    assert by_person.metrics["auc"].n == 2 * n // 3
    assert by_person.metrics["auc"].value >= by_record.metrics["auc"].value  # a mean of three is surer than one
    assert by_person.counts is not None
    assert by_person.counts.members <= n // 3
    assert any("a person's score is the mean" in caveat for caveat in by_person.caveats)
    assert by_person.arrays["unit_scores"].shape == (2 * n // 3,)
    assert any(f"come from {2 * n // 3} people" in caveat for caveat in by_record.caveats)
    assert "unit_scores" not in by_record.arrays


def test_a_person_with_records_on_both_sides_is_left_out_and_said() -> None:
    target, owned = families(3)
    assert owned.nonmembers.subjects is not None
    strangers = owned.nonmembers.subjects.copy()
    strangers[:3] = 0  # whose records are members
    found = attack(target, replace(owned, nonmembers=replace(owned.nonmembers, subjects=strangers)))
    assert any("1 people with records on both sides are left out" in caveat for caveat in found.caveats)


def test_a_handful_of_people_is_too_few_however_many_records_they_have() -> None:
    target, owned = families(50)
    outcome = loss_threshold.run(target, owned, {"validity": FINE}, np.random.default_rng(0))
    assert isinstance(outcome, NotTestable)
    assert "3 people" in outcome.reason


def test_the_risk_of_the_members_goes_with_the_result() -> None:
    target, data = planted()
    found = attack(target, data)
    assert found.detail["risk"]["members"] == len(data.members)
    assert found.detail["risk"]["recognised"][0]["estimate"]["value"] > 0.2
    assert found.arrays["sensitivity"].shape == (len(data.labels),)
    assert np.median(found.arrays["sensitivity"]) > 1


def test_the_detail_keeps_its_contract_and_can_be_stored_as_json() -> None:
    import json

    found = attack(*planted())
    json.dumps(dict(found.detail), allow_nan=False)
    assert {
        "roc",
        "tpr_at_fpr",
        "threshold",
        "positive_control",
        "blind_baseline",
        "duplicates",
        "references",
        "mismatch",
    } <= set(found.detail)
    one_percent = found.detail["tpr_at_fpr"][1]
    assert (one_percent["fpr"], one_percent["resolvable"], one_percent["needed_nonmembers"]) == (0.01, False, 299)
    assert "tpr_at_fpr_0.01" not in found.metrics
    assert set(found.baselines) == set(found.metrics)


def test_a_resolvable_rate_becomes_a_metric() -> None:
    target, _ = planted()
    rng = np.random.default_rng(0)
    found = attack(target, AttackData(noise_records(300, rng), noise_records(300, rng)))
    assert found.baselines["tpr_at_fpr_0.01"] == 0.01
    assert found.metrics["tpr_at_fpr_0.01"].n == 300


def test_the_same_seed_gives_the_same_result() -> None:
    target, data = planted(n=60, count=2)
    runs = [loss_threshold.run(target, data, {}, np.random.default_rng(5)) for _ in range(2)]
    assert isinstance(runs[0], AttackResult)
    assert isinstance(runs[1], AttackResult)
    assert (runs[0].metrics, runs[0].detail) == (runs[1].metrics, runs[1].detail)
