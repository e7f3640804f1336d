"""DP-SGD: noise calibrated to its target, the same seed the same weights, canaries forgotten."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from govtool.attacks.privacy.accounting import recompute
from govtool.audits import dp_training, recipe
from govtool.audits.recipe import Dp, Recipe
from govtool.errors import InputError

RECIPE = Recipe(
    factory="mlp", factory_params={"hidden": [16]}, epochs=4, batch_size=32, learning_rate=0.01,
    dp=Dp(noise_multiplier=1.0, delta=1e-5),
)  # fmt: skip


def records(count: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(count, 6)).astype(np.float32)
    return features, (features[:, 0] > 0).astype(np.int64)


def weights(seed: int, how: Recipe = RECIPE) -> list[torch.Tensor]:
    features, labels = records()
    return list(recipe.train(how, features, labels, 2, seed).state_dict().values())


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not torch.equal(weights(1)[0], weights(2)[0])


def test_the_weights_are_those_of_a_plain_module() -> None:
    features, labels = records()
    module = recipe.train(RECIPE, features, labels, 2, 1)
    assert list(module.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert not module.training


@pytest.mark.parametrize("factory", [{"factory": "softmax"}, {"factory": "cnn"}])
def test_other_architectures_train_too(factory: dict[str, str]) -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.random((60, 16), dtype=np.float32), rng.integers(2, size=60)
    how = Recipe(**factory, epochs=1, dp=Dp(noise_multiplier=1.0, delta=1e-5))
    assert recipe.train(how, features, labels, 2, 0) is not None


def test_an_empty_batch_still_gets_its_noise() -> None:
    how = RECIPE.model_copy(update={"batch_size": 1, "epochs": 1})
    assert all(torch.isfinite(weight).all() for weight in weights(3, how))


def test_noise_is_calibrated_to_just_below_the_target() -> None:
    how = RECIPE.model_copy(update={"dp": Dp(target_epsilon=2.0, delta=1e-5), "batch_size": 120, "epochs": 2})
    assert how.dp is not None
    mechanism = dp_training.mechanism(how, how.dp, 120)
    assert (mechanism.sampling_rate, mechanism.steps) == (1.0, 2)
    assert 1.95 < recompute(mechanism).epsilon <= 2.0


def test_a_target_that_no_noise_reaches_is_refused() -> None:
    how = RECIPE.model_copy(update={"batch_size": 120, "epochs": 100_000, "dp": Dp(target_epsilon=0.01, delta=1e-9)})
    assert how.dp is not None
    with pytest.raises(InputError, match="no noise"):
        dp_training.mechanism(how, how.dp, 120)


def test_much_noise_forgets_the_labels_that_a_plain_model_learns_by_heart() -> None:
    rng = np.random.default_rng(1)
    features, labels = rng.normal(size=(80, 12)).astype(np.float32), rng.integers(2, size=80)
    base = {"factory": "mlp", "factory_params": {"hidden": [64]}, "epochs": 40, "learning_rate": 0.01}
    asked = torch.from_numpy(features)
    accuracy = [
        float((recipe.train(how, features, labels, 2, 0)(asked).argmax(1).numpy() == labels).mean())
        for how in (Recipe(**base), Recipe(**base, dp=Dp(noise_multiplier=20.0, delta=1e-5)))
    ]
    assert accuracy[0] > 0.95
    assert accuracy[1] < 0.85


def test_batch_normalisation_cannot_be_trained_privately() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    features, labels = records(20)
    assert RECIPE.dp is not None
    with pytest.raises(InputError, match="cannot be trained privately"):
        dp_training.fit(RECIPE, RECIPE.dp, net, features, labels, 0)


@pytest.mark.parametrize(
    "words",
    [{}, {"noise_multiplier": 1.0, "target_epsilon": 2.0}, {"noise_multiplier": 0.0}, {"target_epsilon": -1.0}],
)
def test_half_a_promise_is_refused(words: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Dp(delta=1e-5, **words)


def test_scikit_learn_is_not_trained_privately() -> None:
    with pytest.raises(ValidationError, match="dp"):
        Recipe(sklearn="sklearn.svm.SVC", dp=Dp(noise_multiplier=1.0, delta=1e-5))


def test_seeds_of_released_models_are_not_repeated() -> None:
    assert dp_training.private_seed() != dp_training.private_seed()
