"""Training code of somebody's own, as a recipe: ``function: module:function``.

It is called as ``function(features, labels, seed, **params)`` with (n, d) float32 features, (n,) int64 labels and a seed
below 2^31, and returns a classifier with ``predict_proba``, a torch module, or anything callable that turns (m, d)
features into (m, classes) logits or probabilities. That **runs your code**: the runner asks for ``--trust-factory``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from govtool import runtime
from govtool.attacks.interface import Features, FloatArray, Labels
from govtool.audits import factories
from govtool.audits.recipe import Recipe
from govtool.audits.targets import base, sklearn_target, torch_target
from govtool.errors import GovtoolError, WorkError


def train(
    recipe: Recipe, features: Features, labels: Labels, n_classes: int, seed: int
) -> Callable[[Features], FloatArray]:
    """What asks the model that the function trains: (m, d) records to (m, n_classes) log probabilities.

    Raises:
        InputError: there is no such function.
        WorkError: it failed, or, when asked, the model does not answer as it must.
    """
    return partial(_ask, recipe.function, _called(recipe, features, labels, seed), n_classes)


def module(recipe: Recipe, features: Features, labels: Labels, seed: int) -> Any:
    """The torch module that the function trains, in evaluation mode, for attacks that go through the weights.

    Raises:
        InputError: there is no such function.
        WorkError: it failed, or returned something else.
    """
    model = _called(recipe, features, labels, seed)
    if not (hasattr(model, "state_dict") and callable(model)):
        raise WorkError(
            f"the recipe's function {recipe.function} returned {type(model).__name__}, which has no gradients",
            hint="only a torch module can be inverted through its weights",
        )
    return model.eval()


def _called(recipe: Recipe, features: Features, labels: Labels, seed: int) -> Any:
    function = factories.imported(recipe.function)
    own_seed = int(runtime.rng(seed, "function").integers(2**31))
    with _blamed(recipe.function):
        return function(features, labels, own_seed, **recipe.params)


def _ask(name: str, model: Any, n_classes: int, asked: Features) -> FloatArray:
    with _blamed(name):
        found = _answer(model, asked, n_classes)
    if found.shape != (len(asked), n_classes):
        raise WorkError(
            f"the model that {name} returned answers {found.shape} for {len(asked)} records of {n_classes} classes"
        )
    return found


def _answer(model: Any, asked: Features, n_classes: int) -> FloatArray:
    if hasattr(model, "predict_proba") and hasattr(model, "classes_"):
        return sklearn_target.log_probabilities(model, asked, n_classes)
    if hasattr(model, "predict_proba"):
        return base.log_of_probabilities(np.asarray(model.predict_proba(asked)))
    if hasattr(model, "state_dict") and callable(model):
        return torch_target.TorchTarget(model.eval(), n_classes).log_probabilities(asked)
    if not callable(model):
        raise WorkError(
            f"the recipe's function returned {type(model).__name__}",
            hint="return a classifier with predict_proba, a torch module, or a function of features",
        )
    values = np.asarray(model(asked), dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():  # noqa: PLR2004
        raise WorkError("the model that the recipe's function returned does not answer with finite rows of classes")
    return base.log_of_probabilities(values) if base.look_like_probabilities(values) else base.log_softmax(values)


@contextmanager
def _blamed(name: str) -> Iterator[None]:
    """What foreign code raises may quote its data, so only its kind is told."""
    try:
        yield
    except GovtoolError:
        raise
    except Exception as error:
        raise WorkError(
            f"the recipe's function {name} failed: {type(error).__name__}",
            hint="call it yourself as function(features, labels, seed, **params)",
        ) from error
