"""Planting canaries, and the audit of a claim with them: a leak is found, a model that never saw them is not accused."""

from dataclasses import replace

import numpy as np
import pytest
from attack_worlds import CLASSES, TorchTarget, noise_records, overfit

from govtool.access import Access
from govtool.attacks.interface import AttackData, AttackResult, Canaries, Claim, NotApplicable, NotTestable, Records
from govtool.attacks.privacy import accounting, canary_audit
from govtool.attacks.privacy.canaries import plant, training_set
from govtool.errors import InputError

CLAIM = Claim(1.0, 1e-5)


def world(seed: int, *, seen: bool) -> tuple[TorchTarget, AttackData]:
    rng = np.random.default_rng(seed)
    records = noise_records(160, rng)
    coins = rng.random(160) < 0.5
    other = noise_records(80, rng)
    trained = Records(records.features[coins], records.labels[coins]) if seen else other
    target = TorchTarget(overfit(trained.features, trained.labels, seed))
    return target, AttackData(other, other, canaries=Canaries(records, coins, "fair_coin"), claim=CLAIM)


def audit(target: TorchTarget, data: AttackData, **params: object) -> AttackResult:
    found = canary_audit.run(target, data, params, np.random.default_rng(0))
    assert isinstance(found, AttackResult)
    return found


def test_a_model_that_learnt_its_canaries_contradicts_the_claim() -> None:
    found = audit(*world(1, seen=True))
    assert found.detail["claim"]["outcome"] == "contradicted"
    assert found.metrics["epsilon_lower_bound"].value > 1.0
    assert found.metrics["epsilon_lower_bound"].high == found.detail["one_run"]["ceiling"]
    assert "is contradicted" in found.detail["statement"]


def test_a_model_that_never_met_them_is_not_accused() -> None:
    outcomes = [audit(*world(seed, seen=False)).detail["claim"]["outcome"] for seed in range(4)]
    assert "contradicted" not in outcomes


def test_a_promise_beyond_the_ceiling_is_left_open() -> None:
    target, data = world(1, seen=True)
    found = audit(target, replace(data, claim=Claim(8.0, 1e-5)))
    assert found.detail["claim"]["outcome"] == "could_not_tell"
    assert "even a perfect attacker" in found.detail["statement"]


def test_stated_noise_is_recomputed_and_an_unpaid_claim_is_said() -> None:
    target, data = world(1, seen=False)
    found = audit(target, replace(data, claim=Claim(1.0, 1e-5, 1.1, 0.01, 10_000)))
    assert found.detail["claim"]["supported"] is False
    assert any("stated noise gives 5.19" in caveat for caveat in found.caveats)
    assert accounting.POISSON in found.caveats


@pytest.mark.parametrize("design", ["half_split", "chosen"])
def test_other_designs_are_refused_with_the_reason(design: str) -> None:
    target, data = world(1, seen=True)
    assert data.canaries is not None
    refused = canary_audit.run(
        target, replace(data, canaries=replace(data.canaries, design=design)), {}, np.random.default_rng(0)
    )
    assert isinstance(refused, NotTestable)
    assert "independent fair coin" in refused.reason


def test_coins_that_cannot_be_fair_are_refused() -> None:
    target, data = world(1, seen=True)
    assert data.canaries is not None
    coins = np.arange(160) < 130
    refused = canary_audit.run(
        target, replace(data, canaries=replace(data.canaries, included=coins)), {}, np.random.default_rng(0)
    )
    assert isinstance(refused, NotTestable)
    assert "130 of 160" in refused.reason


def test_what_is_missing_is_told_apart() -> None:
    target, data = world(1, seen=True)
    rng = np.random.default_rng(0)
    assert isinstance(canary_audit.run(target, replace(data, claim=None), {}, rng), NotApplicable)
    assert isinstance(canary_audit.run(target, replace(data, canaries=None), {}, rng), NotTestable)
    blind = TorchTarget(target.model, frozenset({Access.LABELS}))
    assert isinstance(canary_audit.run(blind, data, {}, rng), NotApplicable)


def test_a_failed_control_voids_the_bound() -> None:
    assert audit(*world(1, seen=True), positive_control={"passed": False, "auc": None, "how": "x"}).void


@pytest.mark.parametrize("guesses", ["all", [10], [1.5, 2], [200, 200]])
def test_guesses_that_are_no_pair_are_refused(guesses: object) -> None:
    target, data = world(1, seen=True)
    with pytest.raises(InputError, match="guesses"):
        canary_audit.run(target, data, {"guesses": guesses}, np.random.default_rng(0))


@pytest.mark.parametrize("kind", ["mislabelled", "random_label", "out_of_distribution"])
def test_canaries_stand_beside_no_original_and_only_those_with_a_coin_are_trained_on(kind: str) -> None:
    training = noise_records(200, np.random.default_rng(5))
    planted = plant(kind, training, 40, np.random.default_rng(6))
    made, origin = training_set(planted, training, np.random.default_rng(7))
    included = planted.canaries.included
    taken = 0 if kind == "out_of_distribution" else 40
    assert len(made) == 200 - taken + included.sum()
    assert set(-1 - origin[origin < 0]) == set(np.flatnonzero(included))
    rows = {row.tobytes() for row in made.features}
    canary_rows = [row.tobytes() for row in planted.canaries.records.features]
    assert [row in rows for row in canary_rows] == included.tolist()
    if kind == "mislabelled":
        assert (planted.canaries.records.labels != training.labels[planted.removed]).all()
    assert set(planted.canaries.records.labels) <= set(range(CLASSES))


def test_rows_with_a_double_are_never_taken() -> None:
    training = noise_records(100, np.random.default_rng(5))
    features = training.features.copy()
    features[50:] = features[:50]
    features[:20] += 100
    planted = plant("mislabelled", Records(features, training.labels), 20, np.random.default_rng(1))
    assert set(planted.removed) <= set(range(20)) | set(range(50, 70))


@pytest.mark.parametrize(
    ("kind", "count", "says"),
    [("typo", 20, "unknown kind"), ("mislabelled", 5, "at least 10"), ("mislabelled", 60, "more than half")],
)
def test_unfit_plans_are_refused(kind: str, count: int, says: str) -> None:
    with pytest.raises(InputError, match=says):
        plant(kind, noise_records(100, np.random.default_rng(0)), count, np.random.default_rng(0))


def test_made_up_records_need_room_to_differ() -> None:
    few = Records(np.ones((100, 2), dtype=np.float32), np.arange(100) % 2)
    with pytest.raises(InputError, match="too few features"):
        plant("out_of_distribution", few, 20, np.random.default_rng(0))


def test_the_coins_are_fair_and_independent() -> None:
    training = noise_records(100, np.random.default_rng(0))
    tossed = np.array(
        [plant("mislabelled", training, 40, np.random.default_rng(s)).canaries.included for s in range(300)]
    )
    assert abs(tossed.mean() - 0.5) < 0.02
    spread = tossed.sum(axis=1).var()
    assert 7 < spread < 13.5  # 40 fair coins: 10
