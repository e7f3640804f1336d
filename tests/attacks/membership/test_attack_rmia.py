from dataclasses import replace

import numpy as np
import pytest
from attack_worlds import FINE, TorchTarget, innocent, planted, uneven
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from govtool.access import Access
from govtool.attacks import statistics
from govtool.attacks.interface import AttackData, AttackResult, NotApplicable, NotTestable, References
from govtool.attacks.membership import loss_threshold, rmia
from govtool.attacks.membership.rmia import Tuned
from govtool.attacks.membership.worlds import Mock, World
from govtool.errors import InputError


def world_of(target: list[float], references: list[list[float]], members: list[list[int]]) -> World:
    """From phi. Every reference has met every class."""
    inside = np.array(members, dtype=bool)
    labels = np.zeros(len(target), dtype=np.int64)
    held = {"phi": np.array(references, dtype=float), "warm_phi": np.array(references, dtype=float) / 2}
    met = np.ones((len(inside), 1), dtype=bool)
    return World(
        {"phi": np.array(target), "warm_phi": np.array(target) / 2},
        held,
        inside,
        labels,
        met,
        np.arange(len(inside)),
        cap=1e3,
    )


def logits(probabilities: list[float]) -> list[float]:
    return [float(np.log(p / (1 - p))) for p in probabilities]


# Two records, four references; record 0 was in the first two, record 1 in the last two.
REFERENCES = [logits(row) for row in ([0.8, 0.2], [0.6, 0.4], [0.2, 0.5], [0.4, 0.9])]
WORLD = world_of(logits([0.9, 0.1]), REFERENCES, [[1, 0], [1, 0], [0, 1], [0, 1]])


def attack(target: TorchTarget, data: AttackData, **params: object) -> AttackResult:
    outcome = rmia.run(target, data, {"validity": FINE, **params}, np.random.default_rng(0))
    assert isinstance(outcome, AttackResult)
    return outcome


def test_the_online_ratio_by_hand() -> None:
    # record 0: in (0.8 + 0.6) / 2 = 0.7, out (0.2 + 0.4) / 2 = 0.3, p(x) = 0.5; record 1: in 0.7, out 0.3
    assert np.exp(rmia.log_ratio(WORLD, Tuned(1.0), online=True)) == pytest.approx([0.9 / 0.5, 0.1 / 0.5])


@pytest.mark.parametrize(("a", "normaliser"), [(0.0, (0.3 + 1) / 2), (0.5, (1.5 * 0.3 + 0.5) / 2), (1.0, 0.3)])
def test_the_offline_ratio_by_hand(a: float, normaliser: float) -> None:
    assert np.exp(rmia.log_ratio(WORLD, Tuned(1.0, a), online=False)) == pytest.approx(
        [0.9 / normaliser, 0.1 / normaliser]
    )


def test_probabilities_too_small_for_a_double_still_have_a_ratio() -> None:
    world = world_of([-800.0], [[-810.0], [-820.0]], [[1], [0]])
    # p(x) = exp(-810) (1 + exp(-10)) / 2
    assert rmia.log_ratio(world, Tuned(1.0), online=True) == pytest.approx([10 + np.log(2) - np.log1p(np.exp(-10))])


def test_the_calibrated_score_by_hand() -> None:
    population = np.log(np.array([1.0, 2.0, 4.0]))
    # ratio 2 is at least gamma times 1 and 2 for gamma 1, times 1 only for gamma 2
    assert rmia.calibrated(np.log(np.array([2.0, 0.5, 8.0])), population) == pytest.approx([2 / 3, 0, 1])
    assert rmia.calibrated(np.log(np.array([2.0])), population, gamma=2.0) == pytest.approx([1 / 3])


VALUES = hnp.arrays(float, st.integers(1, 30), elements=st.integers(-5, 5).map(float))


@given(VALUES, VALUES)
def test_the_search_counts_as_the_matrix_would(ratios: np.ndarray, population: np.ndarray) -> None:
    matrix = (ratios[:, None] >= population[None, :]).mean(axis=1)
    assert rmia.calibrated(ratios, population) == pytest.approx(matrix)


def test_calibration_is_monotone_so_only_ties_are_added() -> None:
    found = attack(*planted())
    order = np.argsort(found.arrays["scores"])
    assert (np.diff(found.arrays["calibrated_scores"][order]) >= 0).all()
    calibrated = statistics.auc_value(found.arrays["calibrated_scores"], found.arrays["membership"])
    assert calibrated == pytest.approx(found.metrics["auc"].value, abs=0.03)


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_a_network_that_learnt_by_heart_is_found_out(mode: str) -> None:
    found = attack(*planted(), mode=mode)
    assert found.detail["mode"] == mode
    assert found.metrics["auc"].low > 0.8
    assert found.metrics["balanced_accuracy"].low > 0.65


def test_references_see_through_records_that_every_model_finds_easy() -> None:
    """Half the records are easy for any model, so high confidence is no sign; measured: loss 0.742, RMIA 0.895."""
    target, data = uneven()
    loss = loss_threshold.run(target, data, {"validity": FINE}, np.random.default_rng(0))
    assert isinstance(loss, AttackResult)
    assert attack(target, data).metrics["auc"].value > loss.metrics["auc"].value + 0.1


@pytest.mark.parametrize("seed", range(3))
def test_a_network_that_never_saw_the_records_is_not_accused(seed: int) -> None:
    found = attack(*innocent(seed, n=100, count=4))
    assert found.metrics["auc"].low < 0.5
    assert found.metrics["balanced_accuracy"].low < 0.5


@pytest.mark.slow
def test_null_suite_false_accusations_stay_rare() -> None:
    """60 targets trained elsewhere: 2.5 % by the interval, so more than 5 would be a 1-in-250 accident."""
    found = [attack(*innocent(100 + seed, n=80, count=4)) for seed in range(60)]
    assert sum(result.metrics["auc"].low > 0.5 for result in found) <= 5
    assert np.mean([result.metrics["auc"].value for result in found]) == pytest.approx(0.5, abs=0.02)


def test_no_figure_depends_on_the_targets_membership_before_scoring() -> None:
    """Members and non-members change places: tuning and threshold stay, and the AUC mirrors."""
    target, data = planted()
    held, turned = data.references, np.roll(np.arange(len(data.labels)), -len(data.members))
    assert held is not None
    swapped = AttackData(
        data.nonmembers,
        data.members,
        data.population,
        references=replace(
            held,
            readings={name: values[:, turned] for name, values in held.readings.items()},
            members=held.members[:, turned],
        ),
    )
    one, other = attack(target, data), attack(target, swapped)
    assert one.detail["a"] == other.detail["a"]
    assert one.detail["threshold"] == other.detail["threshold"]
    assert one.metrics["auc"].value == pytest.approx(1 - other.metrics["auc"].value)


def test_the_mixture_is_tuned_to_the_world() -> None:
    """Where seen records are answered with certainty (p_in = 1), a = 0 is right: p_in does not depend on p_out at all."""
    rng = np.random.default_rng(0)
    inside = rng.random(400) < 0.5
    out = rng.uniform(0.01, 0.99, 400)
    noisy = np.minimum(out * np.exp(0.3 * rng.standard_normal(400)), 0.999)
    own = logits(np.where(inside, 1 - 1e-9, noisy).tolist())
    world = world_of(own, [logits(out.tolist())], [[0] * 400])
    best = rmia.tune([Mock(world, inside, 0, np.arange(400))], online=False)
    options = [Tuned(temperature, a) for temperature in (1.0, 2.0, 3.0) for a in (0.0, 0.5, 1.0)]
    areas = [statistics.auc_value(rmia.log_ratio(world, option, online=False), inside) for option in options]
    assert statistics.auc_value(rmia.log_ratio(world, best, online=False), inside) >= max(areas)
    assert best.a < 0.5


def test_the_population_is_averaged_over_as_many_references_as_the_records() -> None:
    """References answer alike for all; a model's population ratios must then look like its non-members' ratios."""
    target, data = innocent(n=150)
    assert data.references is not None
    assert data.population is not None
    found = attack(target, data, mode="offline")
    # a calibrated score is the share of the population beaten: uniform when records and population are averaged alike
    assert np.mean(found.arrays["calibrated_scores"]) == pytest.approx(0.5, abs=0.06)


def test_without_references_nothing_is_claimed() -> None:
    target, data = planted()
    outcome = rmia.run(target, replace(data, references=None), {"validity": FINE}, np.random.default_rng(0))
    assert isinstance(outcome, NotTestable)
    assert "reference" in outcome.reason


def test_without_a_population_the_ratio_stands_and_its_calibration_is_missing() -> None:
    target, data = planted()
    assert data.references is not None
    found = attack(target, replace(data, population=None, references=replace(data.references, population={})))
    assert found.metrics["auc"].value == attack(target, data).metrics["auc"].value
    assert "calibrated_scores" not in found.arrays
    assert any("not calibrated" in caveat for caveat in found.caveats)


def only(held: References, chosen: list[int]) -> References:
    return References(
        {name: values[chosen] for name, values in held.readings.items()},
        held.members[chosen],
        {name: values[chosen] for name, values in held.population.items()},
    )


def test_one_pair_of_references_scores_but_cannot_be_tuned_on() -> None:
    target, data = planted()
    assert data.references is not None
    found = attack(target, replace(data, references=only(data.references, [0, 1])))
    assert found.metrics["auc"].low > 0.7
    assert found.detail["mock_targets"] == 0
    assert found.detail["temperature"] == 2
    assert any("nothing could be tuned" in caveat for caveat in found.caveats)


def test_a_single_reference_is_too_few() -> None:
    target, data = planted()
    assert data.references is not None
    outcome = rmia.run(target, replace(data, references=only(data.references, [0])), {}, np.random.default_rng(0))
    assert isinstance(outcome, NotTestable)
    assert "has 1" in outcome.reason


def test_a_record_that_every_reference_saw_is_not_scored_silently() -> None:
    target, data = planted()
    assert data.references is not None
    members = data.references.members.copy()
    members[:, 0] = True
    outcome = rmia.run(
        target, replace(data, references=replace(data.references, members=members)), {}, np.random.default_rng(0)
    )
    assert isinstance(outcome, NotTestable)


def test_a_record_that_no_reference_saw_turns_the_attack_offline_and_says_so() -> None:
    target, data = planted()
    assert data.references is not None
    members = data.references.members.copy()
    members[:, 0] = False
    found = attack(target, replace(data, references=replace(data.references, members=members)))
    assert found.detail["mode"] == "offline"
    assert any("offline" in caveat for caveat in found.caveats)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(InputError, match="mode"):
        attack(*planted(), mode="fast")


def test_labels_alone_do_not_carry_the_attack() -> None:
    target, data = planted()
    outcome = rmia.run(replace(target, access=frozenset({Access.LABELS})), data, {}, np.random.default_rng(0))
    assert isinstance(outcome, NotApplicable)


def test_the_attackers_knowledge_is_said_in_plain_words() -> None:
    sentence = attack(*planted()).knowledge
    assert "8 reference models" in sentence
    assert "with and without" in sentence
    assert "150 similar records" in sentence
