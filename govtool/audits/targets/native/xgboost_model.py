"""An XGBoost booster from its own JSON or UBJSON. Answers are margins, before any rounding by a sigmoid or softmax."""

import json
from typing import Any

import numpy as np

from govtool.attacks.interface import Features, FloatArray
from govtool.audits.targets import base
from govtool.audits.targets.native.reading import Reading, finite
from govtool.errors import MissingExtraError, WorkError

_BINARY = ("binary:logistic", "binary:logitraw")
_CLASSES = ("multi:softprob", "multi:softmax")
_VALUES = ("reg:", "count:poisson")
_HINGE = "binary:hinge"


def read(data: bytes, inputs: int) -> Reading:
    """Open the booster; its objective says what its margins are.

    Raises:
        WorkError: not a booster, made for another number of features, or for a task without classes or values.
        MissingExtraError: XGBoost is not installed.
    """
    try:
        import xgboost
    except ModuleNotFoundError as error:
        raise MissingExtraError("formats", "opening an XGBoost model") from error
    booster = xgboost.Booster(params={"nthread": 1, "device": "cpu", "verbosity": 0})
    try:
        booster.load_model(bytearray(data))
        booster.set_param({"nthread": 1, "device": "cpu"})
        learner = json.loads(booster.save_config())["learner"]
        objective, expected = str(learner["objective"]["name"]), booster.num_features()
    except (xgboost.core.XGBoostError, ValueError, KeyError, TypeError) as error:
        raise WorkError("the artifact is not an XGBoost model that this version reads") from error
    if expected != inputs:
        raise WorkError(f"the model takes {expected} features, and the records have {inputs}")

    def predict(features: Features, *, margin: bool) -> FloatArray:
        matrix = xgboost.DMatrix(features, nthread=1)
        found = booster.predict(matrix, output_margin=margin, validate_features=False)
        return finite(found, len(features))

    return _reading(objective, predict, int(learner["learner_model_param"].get("num_class", 0)))


def _reading(objective: str, predict: Any, classes: int) -> Reading:
    if objective in _BINARY:
        return Reading("logits", 2, lambda features: base.two_columns(predict(features, margin=True)))
    if objective in _CLASSES:
        return Reading("logits", classes, lambda features: predict(features, margin=True))
    if objective == _HINGE:
        return Reading("labels", 1, lambda features: np.asarray(predict(features, margin=False) > 0, dtype=np.float64))
    if objective.startswith(_VALUES):
        return Reading("values", 1, lambda features: predict(features, margin=False))
    raise WorkError(f"XGBoost models with the objective {objective!r} give neither classes nor values")
