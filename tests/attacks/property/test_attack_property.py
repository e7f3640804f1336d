"""Property inference on drawn worlds: what is planted is found, what is not there is not, and little evidence says so."""

from dataclasses import replace

import numpy as np
import pytest
from attack_worlds import noise_records
from property_worlds import QUERIES, Answering, models, net, target, worlds

from govtool.access import Access
from govtool.attacks.interface import AttackData, AttackResult, NotApplicable, NotTestable, Outcome
from govtool.attacks.property import answers, snap, weights
from govtool.attacks.property.worlds import PropertyWorlds
from govtool.errors import InputError

NOBODY = noise_records(3, np.random.default_rng(0))


def attack(run: object, found: PropertyWorlds, seed: int = 0, gap: float = 0.0) -> Outcome:
    data = AttackData(NOBODY, NOBODY, worlds=found)
    return run.run(target(found, gap), data, {}, np.random.default_rng(seed))  # type: ignore[attr-defined]


def result(run: object, found: PropertyWorlds, seed: int = 0, gap: float = 0.0) -> AttackResult:
    outcome = attack(run, found, seed, gap)
    assert isinstance(outcome, AttackResult)
    return outcome


def test_a_planted_difference_is_found_and_the_target_is_put_into_its_world() -> None:
    outcome = result(answers, worlds(1.0), gap=1.0)
    right = outcome.metrics["world_accuracy"]
    assert (right.n, right.method) == (200, "Clopper-Pearson")
    assert right.low > 0.8
    assert outcome.baselines["world_accuracy"] == 0.5
    assert outcome.detail["target"]["looks_like"] == 0.7
    assert outcome.detail["target"]["true_fraction"] == 0.68
    assert outcome.detail["positive_control"]["passed"]
    assert not outcome.void


def test_the_other_target_is_put_into_the_other_world() -> None:
    assert result(answers, worlds(1.0), gap=0.0).detail["target"]["looks_like"] == 0.3


def test_alike_worlds_are_told_apart_no_oftener_than_the_interval_allows() -> None:
    """At 95 % the lower end lies above 1/2 in one of 40 runs; 3 or more of 8 come with a probability below 1 %."""
    accused = sum(result(answers, worlds(0.0, seed)).metrics["world_accuracy"].low > 0.5 for seed in range(8))
    assert accused < 3


@pytest.mark.slow
def test_alike_worlds_over_many_seeds() -> None:
    """16 or more of 200 come with a probability below 1 % where one in 27 is allowed (two looks at 97.5 %, see `_accuracy`)."""
    accused = sum(result(answers, worlds(0.0, seed)).metrics["world_accuracy"].low > 0.5 for seed in range(200))
    assert accused < 16


@pytest.mark.parametrize("run", [answers, snap, weights])
def test_every_result_says_that_it_is_about_a_group(run: object) -> None:
    outcome = result(run, worlds(1.0, tests=40, shadows=32, weights=True, poison=1.0))
    assert outcome.caveats[0].startswith("Group-level risk")
    assert "not personal data of one person" in outcome.caveats[0]
    assert outcome.detail["risk"] == "group"


def test_too_few_test_models_for_a_low_figure_are_counted() -> None:
    outcome = result(answers, worlds(0.0, seed=3, tests=50))
    assert outcome.detail["conclusion"] == "inconclusive: needs 150 more test models"
    assert any("150 more are needed" in caveat for caveat in outcome.caveats)


def test_a_clear_difference_needs_no_more_models() -> None:
    outcome = result(answers, worlds(3.0, tests=50))
    assert outcome.detail["conclusion"] == "the worlds are told apart better than by guessing"


def test_a_low_figure_names_what_is_not_ruled_out() -> None:
    outcome = result(answers, worlds(0.0, seed=3))
    assert "is not ruled out" in outcome.detail["conclusion"]


def test_an_attack_that_misses_the_planted_difference_shows_nothing() -> None:
    outcome = result(answers, worlds(0.0, seed=3, control=0.0))
    assert "did not find a difference that was planted" in outcome.void
    assert outcome.detail["conclusion"] == "none, for the test does not count"


def test_a_difference_found_all_the_same_is_not_voided() -> None:
    outcome = result(answers, worlds(2.0, control=0.0))
    assert outcome.void == ""
    assert not outcome.detail["positive_control"]["passed"]


def test_without_a_control_that_is_said() -> None:
    outcome = result(answers, worlds(0.0, seed=3, control=None))
    assert outcome.detail["positive_control"]["passed"] is None
    assert any("No positive control" in caveat for caveat in outcome.caveats)


def test_a_misplaced_line_is_redrawn_on_one_half_and_scored_on_the_other() -> None:
    """All test models 6 surer than the shadows, as after a change of population: the shadows' line calls them one world."""
    found = worlds(1.5)
    moved = replace(found, tests=replace(found.tests, answers=found.tests.answers + 6 * found.queries.has))
    outcome = result(answers, moved)
    assert outcome.metrics["world_accuracy"].n == 100
    assert outcome.metrics["world_accuracy"].low > 0.5
    assert any("does not fit the test models" in caveat for caveat in outcome.caveats)


def test_a_line_that_is_partly_misplaced_does_not_understate_a_clear_difference() -> None:
    found = worlds(4.0)
    moved = replace(found, tests=replace(found.tests, answers=found.tests.answers + 2.2 * found.queries.has))
    outcome = result(answers, moved)
    assert np.mean((outcome.arrays["scores"] > 0) == outcome.arrays["world"]) < 0.8
    assert outcome.metrics["world_accuracy"].value > 0.9


def test_worse_than_guessing_is_void_because_it_could_be_turned_round() -> None:
    found = worlds(1.5, control=None)
    swapped = replace(found, tests=replace(found.tests, world=~found.tests.world))
    assert "turn round" in result(answers, swapped).void


def test_a_reversed_ranking_is_void_even_where_the_line_makes_it_look_like_guessing() -> None:
    """All test models on one side of the shadows' line: half are right. Turned round, most pairs would be."""
    found = worlds(1.5, control=None)
    tests = replace(found.tests, world=~found.tests.world, answers=found.tests.answers + 6 * found.queries.has)
    outcome = result(answers, replace(found, tests=tests))
    assert outcome.metrics["world_accuracy"].value == pytest.approx(0.5, abs=0.05)
    assert "turn round" in outcome.void


def test_no_chance_is_surer_than_the_number_of_models_allows() -> None:
    outcome = result(answers, worlds(8.0), gap=8.0)
    assert outcome.detail["target"]["odds"] == pytest.approx(201)


def test_a_target_unlike_either_world_is_said() -> None:
    outcome = result(answers, worlds(1.0), gap=12.0)
    assert any("outside the range" in caveat for caveat in outcome.caveats)


def test_weights_are_read_whatever_the_order_of_neurons() -> None:
    outcome = result(weights, worlds(1.0, shadows=48, tests=60, weights=True), gap=1.0)
    assert outcome.metrics["world_accuracy"].low > 0.8
    assert outcome.detail["target"]["looks_like"] == 0.7
    losses = outcome.detail["meta_classifier"]["cross_validated_log_loss"]
    assert set(losses) == {"sets of neurons", "sorted neurons", "norms of inputs"}


@pytest.mark.slow
def test_weights_without_a_difference_are_not_accused() -> None:
    outcome = result(weights, worlds(0.0, shadows=32, weights=True))
    assert outcome.metrics["world_accuracy"].low <= 0.5


def test_poisoned_worlds_are_told_apart_where_clean_ones_are_not() -> None:
    found = worlds(0.0, seed=3, poison=1.5)
    assert result(answers, found).metrics["world_accuracy"].low <= 0.5
    outcome = result(snap, found)
    assert outcome.metrics["world_accuracy"].low > 0.6
    assert outcome.knowledge.startswith("The attacker can add 1.00% of rows to the training data")
    assert outcome.detail["target"]["looks_like"] == 0.7


def test_who_assumes_no_poisoner_has_no_snap() -> None:
    assert isinstance(attack(snap, worlds(1.0, tests=16, shadows=16)), NotApplicable)


@pytest.mark.parametrize("run", [answers, snap, weights])
def test_without_worlds_nothing_is_tested(run: object) -> None:
    found = worlds(1.0, tests=16, shadows=16)
    outcome = run.run(target(found), AttackData(NOBODY, NOBODY), {}, np.random.default_rng(0))  # type: ignore[attr-defined]
    assert isinstance(outcome, NotTestable)
    assert "property" in outcome.reason


@pytest.mark.parametrize("run", [answers, snap, weights])
def test_a_deployment_that_shows_labels_only_is_not_attacked(run: object) -> None:
    found = worlds(1.0, tests=16, shadows=16, poison=1.0)
    blind = target(found)
    blind.access = frozenset({Access.LABELS})
    outcome = run.run(blind, AttackData(NOBODY, NOBODY, worlds=found), {}, np.random.default_rng(0))  # type: ignore[attr-defined]
    assert isinstance(outcome, NotApplicable)


def test_too_few_models_are_not_attacked_with() -> None:
    outcome = attack(answers, worlds(1.0, tests=14))
    assert isinstance(outcome, NotTestable)
    assert "7 test models in one of the worlds" in outcome.reason


def test_answers_that_are_not_numbers_are_refused() -> None:
    found = worlds(1.0)
    found.shadows.answers[3, 4] = np.nan
    with pytest.raises(InputError, match="shadow models: answers are not finite"):
        attack(answers, found)


def test_answers_for_another_number_of_models_are_refused() -> None:
    found = worlds(1.0)
    with pytest.raises(InputError, match="test models: answers"):
        attack(answers, replace(found, tests=replace(found.tests, world=found.tests.world[:-1])))


def test_worlds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(InputError, match="the lower one"):
        attack(answers, replace(worlds(1.0), fractions=(0.7, 0.3)))


def test_weights_of_another_shape_are_not_compared() -> None:
    found = worlds(1.0, tests=16, shadows=16, weights=True)
    assert found.shadows.layers is not None
    wider = tuple(np.concatenate([layer, layer], axis=1) for layer in found.shadows.layers)
    outcome = attack(weights, replace(found, shadows=replace(found.shadows, layers=wider)))
    assert isinstance(outcome, NotTestable)
    assert "another shape" in outcome.reason


def test_a_convolutional_net_is_no_set_of_neurons() -> None:
    import torch

    found = worlds(1.0, tests=16, shadows=16, weights=True)
    rng = np.random.default_rng(0)
    asked = Answering(np.ones(QUERIES), found.queries, torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3), net(rng, 0.0)))
    outcome = weights.run(asked, AttackData(NOBODY, NOBODY, worlds=found), {}, rng)
    assert isinstance(outcome, NotApplicable)
    assert "other weights" in outcome.reason


def test_shadow_models_that_do_better_than_the_target_are_said() -> None:
    found = worlds(1.0)
    asked = Answering(np.full(QUERIES, -1.0), found.queries)
    outcome = answers.run(asked, AttackData(NOBODY, NOBODY, worlds=found), {}, np.random.default_rng(0))
    assert isinstance(outcome, AttackResult)
    assert any("more of the queries correctly" in caveat for caveat in outcome.caveats)


def test_the_evidence_gives_the_figure_again() -> None:
    outcome = result(answers, worlds(1.0))
    right = np.mean((outcome.arrays["scores"] > 0) == outcome.arrays["world"])
    assert outcome.metrics["world_accuracy"].value == pytest.approx(right)


def test_models_on_other_sizes_than_the_target_are_said() -> None:
    outcome = result(answers, replace(worlds(1.0), target_records=5000))
    assert any("the target on 5,000" in caveat for caveat in outcome.caveats)


def test_the_models_of_the_helper_differ_only_where_it_says() -> None:
    found = models(400, 1.0, np.random.default_rng(0))
    gap = found.answers[found.world].mean(axis=0) - found.answers[~found.world].mean(axis=0)
    assert gap[1::2].mean() - gap[::2].mean() == pytest.approx(1.0, abs=0.05)
