"""Recipes of scikit-learn, xgboost and lightgbm: any classifier of theirs, and nothing else that a file may name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit_worlds import K, draw

from govtool.audits.recipe import Recipe
from govtool.audits.targets import sklearn_target
from govtool.audits.training import estimators
from govtool.errors import InputError

FEATURES, LABELS = draw("members", 90)
SCALED = [{"class": "sklearn.preprocessing.StandardScaler"}]


def answer(name: str, params: dict[str, Any], labels: Any = LABELS, seed: int = 1) -> Any:
    found = estimators.train(Recipe(estimator=name, params=params), FEATURES, labels, seed)
    return sklearn_target.log_probabilities(found, FEATURES, K)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("sklearn.ensemble.HistGradientBoostingClassifier", {"max_iter": 5}),
        ("sklearn.ensemble.GradientBoostingClassifier", {"n_estimators": 5}),
        ("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 5}),
        ("sklearn.neural_network.MLPClassifier", {"hidden_layer_sizes": [8], "max_iter": 400}),
        ("sklearn.linear_model.LogisticRegression", {}),
        ("sklearn.neighbors.KNeighborsClassifier", {}),
        ("sklearn.svm.LinearSVC", {}),
        ("sklearn.pipeline.Pipeline", {"steps": [*SCALED, {"class": "sklearn.tree.DecisionTreeClassifier"}]}),
        ("sklearn.calibration.CalibratedClassifierCV", {"estimator": {"class": "sklearn.naive_bayes.GaussianNB"}}),
        ("xgboost.XGBClassifier", {"n_estimators": 3}),
        ("lightgbm.LGBMClassifier", {"n_estimators": 3, "min_data_in_leaf": 5}),
    ],
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_classifiers_learn_and_answer_the_same_for_the_same_seed(name: str, params: Any) -> None:
    one, same = (answer(name, params) for _time in range(2))
    assert np.array_equal(one, same)
    assert (one.argmax(axis=1) == LABELS).mean() > 0.45  # a third by chance


@pytest.mark.parametrize("name", ["xgboost.XGBClassifier", "sklearn.tree.DecisionTreeClassifier"])
def test_a_class_that_a_half_never_showed_is_far_below_all_others(name: str) -> None:
    """xgboost wants classes without gaps, so what it trains on is renumbered, and turned back in its answers."""
    found = answer(name, {"max_depth": 2}, labels=np.where(LABELS == 1, 2, LABELS))
    assert (found[:, 1] < -700).all()
    assert set(found.argmax(axis=1)) == {0, 2}


def test_every_part_of_a_pipeline_draws_from_the_seed() -> None:
    parts = [*SCALED, {"class": "sklearn.ensemble.ExtraTreesClassifier", "params": {"n_estimators": 4, "n_jobs": 9}}]
    found = estimators.train(
        Recipe(estimator="sklearn.pipeline.Pipeline", params={"steps": parts}), FEATURES, LABELS, 5
    )
    settings = found.get_params()
    assert settings["1-extratreesclassifier__n_jobs"] == 1
    other = estimators.train(
        Recipe(estimator="sklearn.pipeline.Pipeline", params={"steps": parts}), FEATURES, LABELS, 6
    )
    states = [fit.get_params()["1-extratreesclassifier__random_state"] for fit in (found, other)]
    assert None not in states
    assert states[0] != states[1]


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("os.system", {}, "not a class of sklearn, xgboost, lightgbm"),
        ("sklearnish.Thing", {}, "not a class of sklearn"),
        ("sklearn.utils.os", {}, "is not an estimator"),
        ("sklearn.base.clone", {}, "is not an estimator"),
        ("sklearn.nowhere.Thing", {}, "has no module sklearn.nowhere"),
        ("sklearn.cluster.KMeans", {}, "is not a classifier"),
        ("sklearn.svm.SVC", {"deep": 1}, "cannot give it deep"),
        ("sklearn.tree.DecisionTreeClassifier", {"max_depth": "deep"}, "refuses its parameters or data"),
        ("sklearn.pipeline.Pipeline", {"steps": [], "memory": "/tmp/cache"}, "cannot give it memory"),
        ("sklearn.pipeline.Pipeline", {"steps": "all"}, "are a list"),
        ("sklearn.ensemble.BaggingClassifier", {"estimator": {"class": "os.system"}}, "not a class of sklearn"),
        ("sklearn.ensemble.BaggingClassifier", {"estimator": {"class": 3}}, "is written as"),
        ("lightgbm.LGBMClassifier", {"forcedsplits_filename": "/etc/passwd"}, "cannot give it forcedsplits_filename"),
        ("lightgbm.LGBMClassifier", {"machines": "10.0.0.1:80"}, "cannot give it machines"),
        ("xgboost.XGBClassifier", {"process_type": "update"}, "cannot give it process_type"),
    ],
)
def test_what_a_recipe_may_not_name(name: str, params: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        estimators.train(Recipe(estimator=name, params=params), FEATURES, LABELS, 1)


def test_the_older_key_still_names_the_same(tmp_path: Path) -> None:
    assert Recipe.model_validate({"sklearn": "sklearn.svm.SVC"}) == Recipe(estimator="sklearn.svm.SVC")
    with pytest.raises(ValueError, match="not factory and estimator"):
        Recipe(factory="mlp", estimator="sklearn.svm.SVC")
