"""A LightGBM booster from its own text. Answers are raw scores where those are logits."""

from typing import Any

import numpy as np

from govtool.attacks.interface import Features, FloatArray
from govtool.audits.targets import base
from govtool.audits.targets.native.reading import Reading, finite, probes
from govtool.errors import MissingExtraError, WorkError

_VALUES = ("regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie")
_AGREE = 1e-6
NOT_NORMALISED = (
    "One-versus-all: the classes' own probabilities do not sum to 1 and were scaled so that they do; an outsider who is "
    "given the unscaled ones sees more."
)


def read(data: bytes, inputs: int) -> Reading:
    """Open the booster; its objective says what its raw scores are.

    Raises:
        WorkError: not a booster, made for another number of features, or for a task without classes or values.
        MissingExtraError: LightGBM is not installed.
    """
    try:
        import lightgbm
    except (ModuleNotFoundError, OSError) as error:  # OSError: libgomp is absent
        raise MissingExtraError("formats", "opening a LightGBM model") from error
    try:
        text = data.decode()
        booster = lightgbm.Booster(model_str=text)
        expected, classes = booster.num_feature(), booster.num_model_per_iteration()
    except (UnicodeDecodeError, lightgbm.basic.LightGBMError, ValueError, KeyError, TypeError) as error:
        raise WorkError("the artifact is not a LightGBM model that this version reads") from error
    if expected != inputs:
        raise WorkError(f"the model takes {expected} features, and the records have {inputs}")

    def predict(features: Features, *, raw: bool) -> FloatArray:
        return finite(booster.predict(features.astype(np.float64), raw_score=raw, num_threads=1), len(features))

    return _reading(_objective(text), predict, classes, inputs)


def _objective(text: str) -> list[str]:
    """The words of the objective's line, such as ['binary', 'sigmoid:1']; they stand before the first tree."""
    head = text.partition("\nTree=0")[0]
    return next((line.partition("=")[2].split() for line in head.splitlines() if line.startswith("objective=")), [])


def _reading(objective: list[str], predict: Any, classes: int, inputs: int) -> Reading:
    name = objective[0] if objective else "none"
    if name == "binary":
        return _checked(_binary(predict, objective), lambda x: _both(predict(x, raw=False)), inputs)
    if name == "multiclass":
        return _checked(
            Reading("logits", classes, lambda x: predict(x, raw=True)), lambda x: predict(x, raw=False), inputs
        )
    if name in ("multiclassova", "multiclass_ova"):
        return Reading("probabilities", classes, lambda x: _scaled(predict(x, raw=False)), (NOT_NORMALISED,))
    if name in _VALUES:
        return Reading("values", 1, lambda x: predict(x, raw=False))
    raise WorkError(f"LightGBM models with the objective {name!r} give neither classes nor values")


def _binary(predict: Any, objective: list[str]) -> Reading:
    """The slope of the sigmoid is a parameter of the model: the log odds are that many times the raw score."""
    slope = next((float(word.partition(":")[2]) for word in objective if word.startswith("sigmoid:")), 1.0)
    return Reading("logits", 2, lambda x: base.two_columns(slope * predict(x, raw=True)))


def _checked(reading: Reading, probabilities: Any, inputs: int) -> Reading:
    """Raw scores are logits only if their softmax is what the model says itself; averaged forests differ."""
    made_up = probes(inputs)
    said = probabilities(made_up)
    if np.abs(np.exp(base.log_softmax(reading.ask(made_up))) - said).max() <= _AGREE:
        return reading
    return Reading("probabilities", reading.columns, probabilities)


def _both(values: FloatArray) -> FloatArray:
    own = values.reshape(-1)
    return np.stack([1 - own, own], axis=1)


def _scaled(values: FloatArray) -> FloatArray:
    return np.asarray(values / np.maximum(values.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny))
