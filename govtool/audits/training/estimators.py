"""Classifiers of scikit-learn, xgboost and lightgbm by their full names, and pipelines of them.

A name is a file's word, so it may only name an estimator of these three libraries, and a parameter only what its class
itself declares: what xgboost and lightgbm take beyond that reaches files and networks.
"""

import importlib
import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from govtool import runtime
from govtool.attacks.interface import Features, Labels
from govtool.audits.recipe import Recipe
from govtool.errors import InputError, MissingExtraError

_EXTRAS = {"sklearn": "attacks", "xgboost": "formats", "lightgbm": "formats"}
_ANSWERS = ("predict_proba", "decision_function")
_NAMED_LISTS = ("steps", "estimators")
"""Parameters that take (name, estimator) pairs; a recipe lists the estimators."""
_NATIVE = {
    "lightgbm": frozenset(
        {
            *(
                "bagging_fraction",
                "bagging_freq",
                "cat_smooth",
                "extra_trees",
                "feature_fraction",
                "lambda_l1",
                "lambda_l2",
            ),
            *("linear_tree", "max_bin", "min_data_in_leaf", "min_sum_hessian_in_leaf", "path_smooth", "verbosity"),
        }
    )
}
"""What else the libraries take that is about training alone."""
_QUIET = {"lightgbm": {"verbosity": -1}}
_REFUSED = ("memory",)
"""Parameters that name a folder of pickles to read."""


@dataclass(frozen=True)
class Renumbered:
    """A classifier that was trained on the numbers 0, 1, 2 ... of its `classes_`, as xgboost demands."""

    inner: Any
    classes_: NDArray[np.int64]

    def predict_proba(self, features: Features) -> NDArray[np.float64]:
        return np.asarray(self.inner.predict_proba(features), dtype=np.float64)


def train(recipe: Recipe, features: Features, labels: Labels, seed: int) -> Any:
    """Fit what the recipe names; every random_state in it comes from the seed, and it works on one core.

    Raises:
        InputError: not a classifier of these libraries, or it refuses its parameters or data.
        MissingExtraError: the library is not installed.
    """
    from sklearn.base import is_classifier

    estimator = _built(recipe.estimator, recipe.params)
    if not (is_classifier(estimator) and any(hasattr(estimator, name) for name in _ANSWERS)):
        raise InputError(f"{recipe.estimator} with these parameters is not a classifier with {' or '.join(_ANSWERS)}")
    _seeded(estimator, seed)
    classes, numbers = np.unique(labels, return_inverse=True)
    try:
        with _not_quite_converged():
            if recipe.estimator.startswith("xgboost."):
                return Renumbered(estimator.fit(features, numbers), classes)
            return estimator.fit(features, labels)
    except (TypeError, ValueError) as error:
        raise InputError(f"{recipe.estimator} refuses its parameters or data: {error}") from error


def train_regression(recipe: Recipe, features: Features, values: NDArray[np.float64], seed: int) -> Any:
    """As `train`, for a regression of real numbers (n,).

    Raises:
        InputError: not a regression of these libraries, or it refuses its parameters or data.
        MissingExtraError: the library is not installed.
    """
    from sklearn.base import is_regressor

    estimator = _built(recipe.estimator, recipe.params)
    if not is_regressor(estimator):
        raise InputError(
            f"{recipe.estimator} is not a regression", hint="for example sklearn.ensemble.RandomForestRegressor"
        )
    _seeded(estimator, seed)
    try:
        with _not_quite_converged():
            return estimator.fit(features, values)
    except (TypeError, ValueError) as error:
        raise InputError(f"{recipe.estimator} refuses its parameters or data: {error}") from error


@contextmanager
def _not_quite_converged() -> Iterator[None]:
    """A model that stops at max_iter is what the recipe asks for; hundreds of them would say so hundreds of times."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _seeded(estimator: Any, seed: int) -> None:
    settings = estimator.get_params(deep=True)
    state = int(runtime.rng(seed, "sklearn").integers(2**31))
    estimator.set_params(**{name: state for name in settings if name.split("__")[-1] == "random_state"})
    estimator.set_params(**{name: 1 for name, cores in settings.items() if _spreads(estimator, name, cores)})


def _spreads(estimator: Any, name: str, cores: Any) -> bool:
    """Whether it is an n_jobs that means several cores: None does, outside scikit-learn."""
    owner, _separator, last = name.rpartition("__")
    part = estimator.get_params(deep=True)[owner] if owner else estimator
    return last == "n_jobs" and (cores is not None or not type(part).__module__.startswith("sklearn."))


def _built(name: str, params: dict[str, JsonValue]) -> Any:
    kind = _class(name)
    known = {
        parameter
        for base in kind.__mro__
        if base is not object
        for parameter, found in inspect.signature(base.__init__).parameters.items()
        if found.kind in (found.POSITIONAL_OR_KEYWORD, found.KEYWORD_ONLY) and parameter != "self"
    }
    library = name.split(".", maxsplit=1)[0]
    if unknown := sorted(set(params) - known - _NATIVE.get(library, frozenset()) | set(params) & set(_REFUSED)):
        raise InputError(f"{name} refuses its parameters: a recipe cannot give it {', '.join(unknown)}")
    settings = {key: _named(value) if key in _NAMED_LISTS else _value(value) for key, value in params.items()}
    try:
        return kind(**_QUIET.get(library, {}) | settings)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} refuses its parameters: {error}") from error


def _value(value: JsonValue) -> Any:
    """A mapping with the key ``class`` stands for an estimator: {class: NAME, params: {...}}."""
    if not (isinstance(value, dict) and "class" in value):
        return value
    name, params = value["class"], value.get("params", {})
    if not isinstance(name, str) or not isinstance(params, dict) or set(value) - {"class", "params"}:
        raise InputError("an estimator inside another is written as {class: sklearn.NAME, params: {...}}")
    return _built(name, params)


def _named(values: JsonValue) -> Any:
    if not isinstance(values, list):
        raise InputError("the parts of an estimator are a list of {class: sklearn.NAME, params: {...}}")
    parts = [_value(value) for value in values]
    return [(f"{number}-{type(part).__name__.lower()}", part) for number, part in enumerate(parts)]


def _class(name: str) -> Any:
    module, _dot, attribute = name.rpartition(".")
    library = module.split(".")[0]
    if library not in _EXTRAS:
        raise InputError(
            f"{name!r} is not a class of {', '.join(_EXTRAS)}",
            hint="for example sklearn.ensemble.RandomForestClassifier; code of your own: function: module:function",
        )
    try:
        from sklearn.base import BaseEstimator

        found = getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        if error.name in _EXTRAS:
            raise MissingExtraError(_EXTRAS[error.name], f"a recipe of {error.name}") from error
        raise InputError(f"{library} has no module {module}") from error
    if not (isinstance(found, type) and issubclass(found, BaseEstimator)):
        raise InputError(f"{name} is not an estimator")
    return found
