"""Twin models from a spec to a record: trained on halves by the target's recipe, tested, and said why not where they cannot be."""

from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from govtool.attacks.interface import Records
from govtool.audits import twins
from govtool.audits.models import AttackRecord, AuditOutcome
from govtool.audits.recipe import Dp, Recipe
from govtool.errors import InputError, WorkError

RECIPE = Recipe(factory="softmax", epochs=20, learning_rate=0.05, batch_size=32)
RECIPE_YAML = "recipe: {factory: softmax, epochs: 20, learning_rate: 0.05, batch_size: 32}\n"
CLASSES, SIDE = 6, 4


def marked(each: int, seed: int) -> Records:
    """Pictures of 4 x 4: a class has a bright pixel, and every record a pattern of its own."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(CLASSES), each)
    features = (0.6 * rng.random((len(labels), SIDE * SIDE)) + 0.4 * np.eye(SIDE * SIDE)[labels]).astype(np.float32)
    return Records(features, labels)


def quiet(_done: int, _total: int) -> None: ...


def trained(recipe: Recipe = RECIPE, members: Records | None = None, **given: Any) -> Any:
    arguments: dict[str, Any] = {"count": 2, "seed": 3, "device": "cpu", "progress": quiet, **given}
    return twins.train(recipe, members or marked(5, 0), CLASSES, **arguments)


def test_each_model_knows_its_own_half_and_the_halves_are_drawn_anew() -> None:
    members = marked(5, 0)
    steps: list[tuple[int, int]] = []
    found = trained(progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (4, 4)
    assert not np.array_equal(found.halves[0][0], found.halves[1][0])
    for pair, halves in zip(found.models, found.halves, strict=True):
        own = [np.mean(m.labels(members.features[h]) == members.labels[h]) for m, h in zip(pair, halves, strict=True)]
        assert min(own) > 0.9
        assert [len(half) for half in halves] == [2 * CLASSES] * 2
    assert "12 of 30 training records" in found.how


def test_the_same_seed_gives_the_same_models_and_another_gives_others() -> None:
    asked = marked(2, 9).features
    one, again, other = (trained(seed=seed).models[1][0].log_probabilities(asked) for seed in (3, 3, 4))
    assert np.array_equal(one, again)
    assert not np.allclose(one, other)


@pytest.mark.slow
def test_a_recipe_with_differential_privacy_trains_twins_too() -> None:
    pytest.importorskip("opacus")
    private = Recipe(factory="softmax", epochs=1, dp=Dp(noise_multiplier=1.0, delta=1e-5))
    assert len(trained(private, count=1).models) == 1


def of_own(features: Any, labels: Any, seed: int, kind: str = "torch") -> Any:
    import torch

    torch.manual_seed(seed)
    return torch.nn.Linear(features.shape[1], CLASSES) if kind == "torch" else (lambda rows: rows)


def test_a_function_of_ones_own_must_return_a_torch_module() -> None:
    own = Recipe(function="test_audit_twins:of_own")
    assert len(trained(own, count=1).models) == 1
    with pytest.raises(WorkError, match="no gradients"):
        trained(own.model_copy(update={"params": {"kind": "other"}}), count=1)


@pytest.mark.parametrize(
    ("params", "classes", "wanted"), [({}, 40, 2), ({}, 10, 8), ({}, 5, 8), ({}, 1000, 2), ({"splits": 1}, 40, 1)]
)
def test_few_classes_are_split_more_often(params: dict[str, int], classes: int, wanted: int) -> None:
    assert twins.splits(params, classes) == wanted


@pytest.mark.parametrize(
    ("recipe", "each", "said"),
    [
        (None, 5, "no recipe"),
        (Recipe(estimator="sklearn.linear_model.LogisticRegression"), 5, "no gradients"),
        (RECIPE, 1, "0 classes have the two records"),
        (RECIPE, 2, ""),
    ],
)
def test_what_cannot_be_trained_is_said(recipe: Recipe | None, each: int, said: str) -> None:
    found = twins.impossible(recipe, marked(each, 0))
    assert said in found
    assert bool(found) is bool(said)


@pytest.fixture
def world(ws: Any) -> Any:
    from safetensors.torch import save

    from govtool.audits.recipe import train

    groups = {"members": marked(4, 0), "nonmembers": marked(4, 1), "evaluation": marked(8, 2)}
    for name, group in groups.items():
        ws.dataset(f"{name}@1", group.features, group.labels)
    members = groups["members"]
    path = ws.folder / "marked.safetensors"
    path.write_bytes(save(train(RECIPE, members.features, members.labels, CLASSES, seed=1).state_dict()))
    ws.model("marked@1", artifact=path, factory="softmax", factory_params={"inputs": SIDE * SIDE, "classes": CLASSES})
    ws.relate("model:marked@1", "trained_on", "dataset:members@1")
    ws.relate("model:marked@1", "tested_on", "dataset:nonmembers@1")
    return ws


def record_of(world: Any) -> AttackRecord:
    with world.read() as session:
        found = session.scalars(sa.select(AttackRecord).where(AttackRecord.attack == "inversion_split_swap"))
        return list(found)[-1]


SWAP = "attacks: {inversion_split_swap: {shape: [4, 4], splits: 2}}\nseed: 7\nreferences: 0\n"


def test_two_records_of_a_class_per_twin_are_found_in_a_real_run(world: Any) -> None:
    steps: list[str] = []
    done = world.audit("marked@1", RECIPE_YAML + SWAP, progress=lambda step, _done, _total: steps.append(step))
    record = record_of(world)
    assert done.status == "completed"
    assert record.status == "completed", record.reason
    assert "twin models" in steps
    assert record.metrics["swap_advantage"]["low"] > 0.05
    assert record.detail["positive_control"]["passed"] is True
    assert record.detail["findings"][0]["verdict"] == "FAIL"
    assert record.detail["splits"] == 2
    assert record.evidence_sha256 is not None


@pytest.mark.slow
def test_with_a_recipe_it_is_run_unasked_and_without_one_the_run_says_why_not(world: Any) -> None:
    world.audit("marked@1", RECIPE_YAML + "references: 0\npositive_control: false\nseed: 7\n")
    record = record_of(world)
    assert record.status == "completed", record.reason
    assert record.detail["splits"] == 8
    assert any("table" in caveat for caveat in record.caveats)
    world.audit("marked@1", "references: 0\npositive_control: false\nseed: 7\n")
    record = record_of(world)
    assert (record.status, "no recipe" in record.reason) == ("not_testable", True)


def test_a_number_of_splits_that_cannot_be_meant_is_refused_before_anything_is_recorded(world: Any) -> None:
    for wrong in ("0", "2.5", "true", "many", "65"):
        with pytest.raises(InputError, match="'splits' is a whole number from 1 to 64"):
            world.audit("marked@1", RECIPE_YAML + f"attacks: {{inversion_split_swap: {{splits: {wrong}}}}}\n")
    with world.read() as session:
        assert not list(session.scalars(sa.select(AttackRecord)))


def test_a_shape_that_does_not_fit_is_refused_before_anything_is_trained(world: Any) -> None:
    steps: list[str] = []
    with pytest.raises(InputError, match="'inversion_split_swap': shape 4 x 5 does not fit"):
        world.audit(
            "marked@1",
            RECIPE_YAML + SWAP.replace("[4, 4]", "[4, 5]"),
            progress=lambda step, _done, _total: steps.append(step),
        )
    assert steps == ["open the target"]
    with world.read() as session:
        assert not list(session.scalars(sa.select(AttackRecord)))
        assert session.scalars(sa.select(AuditOutcome)).one().status == "failed"


def test_a_budget_is_for_references_so_twins_are_trained_only_where_they_are_named(world: Any) -> None:
    budget = RECIPE_YAML + "budget: 60s\npositive_control: false\nseed: 7\nreferences: 2\n"
    world.audit(
        "marked@1", budget + "attacks: {loss_threshold: {}, inversion_split_swap: {shape: [4, 4], splits: 1}}\n"
    )
    assert record_of(world).status == "completed", record_of(world).reason
    world.audit("marked@1", budget)
    record = record_of(world)
    assert (record.status, "twin models" in record.reason) == ("not_requested", True)
