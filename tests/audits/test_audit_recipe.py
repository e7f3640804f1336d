"""Factories and recipes: the same seed gives the same model, and clear words when it cannot be built."""

from typing import Any

import numpy as np
import pytest
from audit_worlds import RECIPE, D, K, draw

from govtool.audits import ensemble, factories, recipe, references
from govtool.audits.recipe import Recipe
from govtool.audits.training import chunk, estimators
from govtool.errors import InputError


def weights(model: Any) -> np.ndarray:
    return np.concatenate([value.detach().numpy().ravel() for value in model.parameters()])


def alone(own: Recipe, features: Any, labels: Any, seed: int) -> Any:
    """What one model, trained on all records, says about them."""
    (answer,) = chunk.train(0, own, features, labels, [np.arange(len(labels))], [seed], K, features)[1]
    return answer


def together(own: Recipe, features: Any, labels: Any, halves: list[Any], **more: Any) -> list[Any]:
    seeds = list(range(3, 3 + len(halves)))
    found = dict(ensemble.train_and_ask(own, features, labels, halves, seeds, K, features, **more))
    return [found[number] for number in range(len(halves))]


QUICK = RECIPE.model_copy(update={"epochs": 3})


def test_the_same_seed_gives_the_same_weights() -> None:
    one, same, other = (recipe.train(QUICK, *draw("members"), K, seed) for seed in (1, 1, 2))
    assert np.array_equal(weights(one), weights(same))
    assert not np.array_equal(weights(one), weights(other))


def test_training_leaves_torch_as_it_was() -> None:
    import torch

    state, threads = torch.get_rng_state(), torch.get_num_threads()
    recipe.train(QUICK, *draw("members"), K, 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_training_learns() -> None:
    features, labels = draw("members")
    answers = alone(RECIPE, features, labels, 1)
    assert (answers.argmax(axis=1) == labels).mean() > 0.95


def test_dropout_is_off_in_what_training_returns() -> None:
    model = recipe.train(
        QUICK.model_copy(update={"factory_params": {"hidden": [8], "dropout": 0.5}}), *draw("members"), K, 1
    )
    assert not model.training


def test_noise_changes_at_most_its_share_of_labels() -> None:
    labels = np.zeros(1000, dtype=np.int64)
    noisy = recipe.noisy_labels(labels, 0.3, 10, seed=1)
    assert 240 <= (noisy != labels).sum() <= 300  # a tenth of the 300 drew the true class
    assert np.array_equal(labels, np.zeros(1000))


@pytest.mark.parametrize("factory", ["softmax", "mlp", "cnn"])
def test_every_factory_trains_stacked_and_alone_to_the_same_answers(factory: str) -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(40, 16)).astype(np.float32), rng.integers(3, size=40)
    own = Recipe(factory=factory, factory_params={"hidden": [8]} if factory == "mlp" else {}, epochs=2, batch_size=40)
    halves = [np.arange(40), np.arange(40)]
    stacked = together(own, features, labels, halves)[0]
    assert np.allclose(
        stacked, alone(own, features, labels, 3), atol=1e-4
    )  # whole batches: order does not matter, so only rounding may differ


def test_halves_of_an_odd_number_are_trained_too() -> None:
    features, labels = draw("members", 41)
    halves = [np.flatnonzero(mask) for mask in references.halves(4, 41, seed=1)]
    answers = together(QUICK, features, labels, halves)
    assert [answer.shape for answer in answers] == [(41, K)] * 4
    assert len({answer.tobytes() for answer in answers}) == 4


def test_halves_are_complementary_and_cover_every_record_equally() -> None:
    masks = references.halves(6, 11, seed=3)
    assert np.array_equal(masks[0], ~masks[1])
    assert masks.sum(axis=0).tolist() == [3] * 11
    assert np.array_equal(masks[:2], references.halves(2, 11, seed=3))


@pytest.mark.slow
def test_processes_give_what_one_process_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = draw("members", 60)
    tree = Recipe(sklearn="sklearn.tree.DecisionTreeClassifier")
    halves = [np.arange(30), np.arange(30, 60)]
    here = together(tree, features, labels, halves)
    monkeypatch.setattr(ensemble, "_WORTH_PROCESSES_S", 0.0)
    done: list[int] = []
    there = together(tree, features, labels, halves, progress=done.append)
    assert all(np.array_equal(a, b) for a, b in zip(here, there, strict=True))
    assert done == [1, 2]


def test_a_scikit_learn_recipe_is_seeded_and_keeps_absent_classes_apart() -> None:
    features, labels = draw("members", 60)
    forest = Recipe(sklearn="sklearn.ensemble.RandomForestClassifier", params={"n_estimators": 5})
    one, same = (alone(forest, features, np.minimum(labels, 1), 1) for _time in range(2))
    assert np.array_equal(one, same)
    assert (one[:, 2] < -700).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sklearn": "os.system"}, "not a class of sklearn, xgboost, lightgbm"),
        ({"sklearn": "sklearn.cluster.KMeans"}, "is not a classifier"),
        ({"sklearn": "sklearn.nothing.Here"}, "no module sklearn.nothing"),
        ({"sklearn": "sklearn.tree.DecisionTreeClassifier", "params": {"deep": 3}}, "refuses its parameters"),
    ],
)
def test_scikit_learn_recipes_that_cannot_be(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        estimators.train(Recipe(**given), *draw("members"), 1)


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("perceptron", {}, "unknown factory 'perceptron'"),
        ("mlp", {"inputs": 3, "classes": 2}, "missing a required argument: 'hidden'"),
        ("mlp", {"inputs": 3, "hidden": 8, "classes": 2}, "must be a list"),
        ("mlp", {"inputs": 3, "hidden": [0], "classes": 2}, r"'hidden\[0\]' must be a whole number"),
        ("mlp", {"inputs": 3, "hidden": [4], "classes": 2, "activation": "gelu"}, "unknown activation"),
        ("mlp", {"inputs": 3, "hidden": [4], "classes": 2, "dropout": 1}, "at least 0 and below 1"),
        ("softmax", {"inputs": True, "classes": 2}, "'inputs' must be a whole number"),
        ("cnn", {"inputs": 15, "classes": 2}, "are not 1 channel"),
        ("nowhere_at_all:build", {}, "cannot be imported"),
        ("math:nothing", {}, "no function 'nothing'"),
        ("math:factorial", {"n": 3}, "factory 'math:factorial'"),
    ],
)
def test_factories_that_cannot_be(name: str, params: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        factories.build(name, params)


def test_a_factory_of_ones_own_is_called(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_nets.py").write_text("from torch import nn\ndef wide(width):\n    return nn.Linear(width, 2)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert factories.build("my_nets:wide", {"width": 7}).in_features == 7
    with pytest.raises(InputError, match="not a torch module"):
        factories.build("textwrap:dedent", {"text": "x"})


def test_more_work_is_estimated_for_more_of_anything() -> None:
    features, halves = np.zeros((100, D), dtype=np.float32), [np.arange(50)] * 4
    base = ensemble.estimated_seconds(RECIPE, features, halves, K)
    more = RECIPE.model_copy(update={"epochs": 240})
    assert ensemble.estimated_seconds(more, features, halves, K) == pytest.approx(2 * base)
    assert ensemble.estimated_seconds(RECIPE, features, halves * 2, K) == pytest.approx(2 * base)
