from dataclasses import replace

import numpy as np
import pytest
import torch
from attack_worlds import CLASSES, FINE, WIDTH, TorchTarget, fit, innocent, planted, uneven

from govtool.attacks.interface import AttackData, AttackResult, FloatArray, Mask, NotTestable, References
from govtool.attacks.membership import combined, stacking
from govtool.attacks.membership.stacking import Examples


def attack(target: TorchTarget, data: AttackData) -> AttackResult:
    outcome = combined.run(target, data, {"validity": FINE}, np.random.default_rng(0))
    assert isinstance(outcome, AttackResult)
    return outcome


def examples(rng: np.random.Generator, strength: tuple[float, float], pairs: int = 3, n: int = 600) -> list[Examples]:
    """Two independent scores, each raised by so much for members."""

    def one(members: Mask, pair: int) -> Examples:
        return Examples(rng.normal(size=(n, 2)) + members[:, None] * np.array(strength), members, pair)

    found = []
    for pair in range(pairs):
        members = rng.permutation(n) < n // 2
        found += [one(members, pair), one(~members, pair)]
    return found


def area(scores: FloatArray, members: Mask) -> float:
    from govtool.attacks import statistics

    return statistics.auc_value(scores, members)


def test_two_independent_scores_are_better_together() -> None:
    """Each has d' = 1 (AUC .760), their sum d' = 1.41 (AUC .841)."""
    rng = np.random.default_rng(0)
    choice = stacking.choose(examples(rng, (1.0, 1.0)), ["one", "two"], "one", rng)
    assert choice.name in stacking.STACKS
    assert choice.merits["one"].auc == pytest.approx(0.76, abs=0.02)
    fresh = examples(rng, (1.0, 1.0), pairs=1, n=4000)[0]
    assert area(choice.score(fresh.features), fresh.members) == pytest.approx(0.84, abs=0.02)


def test_a_useless_score_beside_a_good_one_costs_next_to_nothing() -> None:
    rng = np.random.default_rng(1)
    choice = stacking.choose(examples(rng, (1.5, 0.0)), ["good", "noise"], "good", rng)
    fresh = examples(rng, (1.5, 0.0), pairs=1, n=4000)[0]
    assert area(choice.score(fresh.features), fresh.members) > area(fresh.features[:, 0], fresh.members) - 0.01


def test_with_a_single_pair_only_single_scores_are_judged() -> None:
    rng = np.random.default_rng(2)
    choice = stacking.choose(examples(rng, (0.5, 1.5), pairs=1), ["weak", "strong"], "weak", rng)
    assert choice.name == "strong"
    assert set(choice.merits) == {"weak", "strong"}


def test_what_was_learnt_from_noise_tells_nobody_apart() -> None:
    """Stacks of pure noise on records whose features are fixed: out of its pair nothing can have been memorised."""
    rng = np.random.default_rng(3)
    choice = stacking.choose(examples(rng, (0.0, 0.0), pairs=4), ["one", "two"], "one", rng)
    assert max(merit.auc for merit in choice.merits.values()) < 0.54


def test_a_network_that_learnt_by_heart_is_found_out() -> None:
    found = attack(*planted())
    assert found.metrics["auc"].low > 0.8
    assert found.metrics["balanced_accuracy"].low > 0.7
    assert found.detail["chosen"] in {row["name"] for row in found.detail["candidates"]}


def test_together_they_are_never_worse_than_the_best_part_beyond_noise() -> None:
    for world in (planted(), uneven(), planted(1)):
        found = attack(*world)
        best = max(part["auc"]["value"] for part in found.detail["parts"])
        assert found.metrics["auc"].value > best - 0.02


def test_the_parts_are_the_attacks_of_their_names() -> None:
    from govtool.attacks.membership import lira

    target, data = planted()
    alone = lira.run(target, data, {"validity": FINE}, np.random.default_rng(0))
    assert isinstance(alone, AttackResult)
    found = attack(target, data)
    assert found.arrays["scores_lira_online"] == pytest.approx(alone.arrays["scores"])
    part = next(part for part in found.detail["parts"] if part["name"] == "lira_online")
    assert part["auc"]["value"] == pytest.approx(alone.metrics["auc"].value)


@pytest.mark.parametrize("seed", range(3))
def test_a_network_that_never_saw_the_records_is_not_accused(seed: int) -> None:
    found = attack(*innocent(seed, n=100, count=4))
    assert found.metrics["auc"].low < 0.5
    assert found.metrics["balanced_accuracy"].low < 0.5


@pytest.mark.slow
def test_null_suite_false_accusations_stay_rare() -> None:
    """40 targets trained elsewhere: 2.5 % by the interval, so more than 4 would be a 1-in-200 accident."""
    found = [attack(*innocent(100 + seed, n=80, count=4)) for seed in range(40)]
    assert sum(result.metrics["auc"].low > 0.5 for result in found) <= 4
    assert np.mean([result.metrics["auc"].value for result in found]) == pytest.approx(0.5, abs=0.025)


def test_membership_dealt_anew_is_not_found() -> None:
    """The same scores, members and non-members drawn by lot: the interval may exclude one half in 1 of 20 draws."""
    from govtool.attacks import statistics

    scores, rng = attack(*planted()).arrays["scores"], np.random.default_rng(4)
    members = np.arange(len(scores)) < len(scores) // 2
    found = [statistics.auc(scores, rng.permutation(members)) for _ in range(200)]
    assert sum(one.low > 0.5 for one in found) <= 12  # 5 expected


def only(held: References, count: int) -> References:
    return References(
        {name: values[:count] for name, values in held.readings.items()},
        held.members[:count],
        {name: values[:count] for name, values in held.population.items()},
    )


@pytest.mark.parametrize(("count", "chosen"), [(2, {"rmia_online"}), (4, None)])
def test_few_references_combine_what_they_can(count: int, chosen: set[str] | None) -> None:
    target, data = planted()
    assert data.references is not None
    found = attack(target, replace(data, references=only(data.references, count)))
    assert found.metrics["auc"].low > 0.7
    assert chosen is None or found.detail["chosen"] in chosen
    assert (found.counts is None) is (count == 2)


def test_without_references_nothing_is_combined() -> None:
    target, data = planted()
    outcome = combined.run(target, replace(data, references=None), {}, np.random.default_rng(0))
    assert isinstance(outcome, NotTestable)


def test_a_record_that_no_reference_saw_leaves_the_offline_parts() -> None:
    target, data = planted()
    assert data.references is not None
    members = data.references.members.copy()
    members[:, 0] = False
    found = attack(target, replace(data, references=replace(data.references, members=members)))
    assert not any("online" in part["name"] for part in found.detail["parts"])
    assert found.metrics["auc"].low > 0.75


def test_a_target_unlike_its_references_is_not_judged_by_what_they_taught() -> None:
    """A network that was trained for a moment only: the stack would look for answers that it never gives."""
    _, data = planted()
    torch.manual_seed(5)
    fresh = torch.nn.Sequential(torch.nn.Linear(WIDTH, 64), torch.nn.ReLU(), torch.nn.Linear(64, CLASSES))
    early = TorchTarget(fit(fresh, data.members.features, data.members.labels, 3))
    found = attack(early, data)
    assert found.detail["distance_to_mocks"] > combined.ALIKE
    assert found.detail["chosen"] == "rmia_online"
    assert "unlike the reference models" in found.caveats[0] or "unlike the reference models" in found.caveats[1]
    assert attack(*planted()).detail["distance_to_mocks"] < combined.ALIKE


def test_the_same_seed_gives_the_same_result() -> None:
    one, other = attack(*planted()), attack(*planted())
    assert (one.metrics, one.detail) == (other.metrics, other.detail)
