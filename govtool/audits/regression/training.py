"""Models of a regression trained by a recipe: references."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool import runtime
from govtool.attacks.interface import Features, FloatArray
from govtool.audits import factories
from govtool.audits import recipe as recipes
from govtool.audits.recipe import Recipe
from govtool.audits.regression.asked import Asked
from govtool.audits.regression.residuals import ResidualTarget
from govtool.audits.targets import torch_target
from govtool.audits.training import estimators
from govtool.errors import InputError, WorkError


class RegressionRecipe(Recipe):
    """A recipe whose models are asked as `residuals.ResidualTarget`s; features carry the label as their last column."""

    residual_scale: float

    @classmethod
    def of(cls, recipe: Recipe, scale: float) -> "RegressionRecipe":
        """The user's recipe, with the scale that the target's answers are read by.

        Raises:
            InputError: it holds what only the training of classifiers knows.
        """
        if recipe.label_noise or recipe.early_stopping != "none" or recipe.schedule != "constant":
            raise InputError(
                "label_noise, schedule and early_stopping are for classifiers", hint="leave them out for a regression"
            )
        return cls.model_validate({**recipe.model_dump(), "residual_scale": scale})


def train(recipe: RegressionRecipe, features: Features, seed: int) -> Callable[[Features], FloatArray]:
    """Train one model on (n, d + 1) features with the label last; what asks it, (m, d + 1) to (m, 2) log confidences.

    Raises:
        InputError: not the recipe of a regression.
        WorkError: a function of somebody's own failed.
        MissingExtraError: the library is not installed.
    """
    x, y = features[:, :-1], features[:, -1].astype(np.float64)
    if recipe.function:
        model = _function(recipe, x, y, seed)
    elif recipe.estimator:
        model = Asked(estimators.train_regression(recipe, x, y, seed).predict)
    else:
        model = _net(recipe, x, y, seed)
    return ResidualTarget(model, recipe.residual_scale).log_probabilities


def _function(recipe: Recipe, x: Features, y: NDArray[np.float64], seed: int) -> Asked:
    """``module:function`` is called as for a classifier, with labels in float64, and returns what predicts (m,) numbers."""
    function = factories.imported(recipe.function)
    try:
        model = function(x, y, int(runtime.rng(seed, "function").integers(2**31)), **recipe.params)
    except Exception as error:
        raise WorkError(f"the recipe's function {recipe.function} failed: {type(error).__name__}") from error
    if not hasattr(model, "predict") and not callable(model):
        raise WorkError(f"the recipe's function returned {type(model).__name__}, which predicts nothing")
    return Asked(model.predict if hasattr(model, "predict") else model)


def _net(recipe: Recipe, x: Features, y: NDArray[np.float64], seed: int) -> Asked:
    """Least squares by the recipe's optimiser, on labels scaled to mean 0 and spread 1."""
    module = recipes.build(recipe, x.shape[1], 1, seed)
    import torch

    mean, spread = float(y.mean()), float(y.std()) or 1.0
    inputs, wanted = torch.from_numpy(x.copy()), torch.from_numpy(((y - mean) / spread).astype(np.float32))
    kinds: dict[str, Any] = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    optimizer = kinds[recipe.optimizer](module.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    rng = runtime.rng(seed, "regression-batches")
    with recipes.deterministic(seed):
        module.train()
        for _epoch in range(recipe.epochs):
            for batch in torch.split(torch.from_numpy(rng.permutation(len(x))), recipe.batch_size):
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(module(inputs[batch]).reshape(-1), wanted[batch])
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        module.eval()
    return Asked(partial(_unscaled, module, mean, spread))


def _unscaled(module: Any, mean: float, spread: float, features: Features) -> FloatArray:
    return np.asarray(torch_target.logits(module, features) * spread + mean, dtype=np.float64)
