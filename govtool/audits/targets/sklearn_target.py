"""A scikit-learn classifier: from skops, which names every type it would build, or from a pickle somebody vouched for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks.interface import Features, FloatArray, Labels
from govtool.audits.targets import base
from govtool.errors import MissingExtraError, UntrustedArtifactError, WorkError

ALLOWED_TYPES: frozenset[str] = frozenset(
    {
        # Internals of scikit-learn's classifiers that skops does not vouch for. None runs code when loaded. Trees are
        # arrays that native code follows without looking, so `_check_trees` looks before anything is asked of them.
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    }
)
CAVEAT = (
    "The model computes probabilities and keeps no logits: confidences near 1 cannot be told apart beyond double "
    "precision, which hides leakage."
)


@dataclass(frozen=True)
class SklearnTarget:
    """A fitted classifier whose classes are whole numbers; column c of its answers is class c."""

    estimator: Any
    n_classes: int
    access: frozenset[Access] = reachable(frozenset({Access.PROBABILITIES}))

    def log_probabilities(self, features: Features) -> FloatArray:
        return log_probabilities(self.estimator, features, self.n_classes)

    def labels(self, features: Features) -> Labels:
        return np.asarray(self.estimator.predict(features), dtype=np.int64)

    def module(self) -> Any:
        raise WorkError("the model is a scikit-learn classifier, not a torch module")


def log_probabilities(estimator: Any, features: Features, n_classes: int) -> FloatArray:
    """(n, n_classes); a class that the classifier never saw gets the floor."""
    try:
        with np.errstate(divide="ignore"):
            found = (
                estimator.predict_log_proba(features)
                if hasattr(estimator, "predict_log_proba")
                else np.log(estimator.predict_proba(features))
            )
    except ValueError as error:
        raise WorkError(f"the model does not take these records: {error}") from error
    spread = np.full((len(features), n_classes), base.FLOOR)
    spread[:, np.asarray(estimator.classes_, dtype=np.int64)] = np.maximum(found, base.FLOOR)
    return spread


def from_estimator(estimator: Any, inputs: int) -> SklearnTarget:
    """A target around a fitted classifier.

    Raises:
        WorkError: not a fitted classifier of whole-number classes with probabilities.
    """
    classes = getattr(estimator, "classes_", None)
    if classes is None or not hasattr(estimator, "predict_proba"):
        raise WorkError(f"the artifact holds {type(estimator).__name__}, not a fitted classifier with predict_proba")
    if np.asarray(classes).ndim != 1 or np.asarray(classes).dtype.kind not in "iu" or min(classes) < 0:
        raise WorkError(
            "the classifier's classes are not the whole numbers 0, 1, 2 ...", hint="encode labels before training"
        )
    target = SklearnTarget(estimator, int(max(classes)) + 1)
    target.log_probabilities(np.zeros((1, inputs), dtype=np.float32))
    return target


def open_skops(data: bytes, inputs: int) -> SklearnTarget:
    """Load what skops or our own list trusts, nothing else.

    Raises:
        UntrustedArtifactError: the file names other types; they are listed.
        WorkError: not a skops file, or not a classifier.
    """
    import zipfile

    try:
        import skops.io
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "opening a skops file") from error
    try:
        unknown = sorted(set(skops.io.get_untrusted_types(data=data)) - ALLOWED_TYPES)
        if unknown:
            raise UntrustedArtifactError(
                f"the skops file would build types nobody vouches for: {', '.join(unknown)}",
                hint="save a plain scikit-learn classifier, without types of your own",
            )
        estimator = skops.io.loads(data, trusted=sorted(ALLOWED_TYPES))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, ImportError) as error:
        raise WorkError(f"the artifact is not a skops file this version reads ({type(error).__name__})") from error
    _check_trees(estimator)
    return from_estimator(estimator, inputs)


def _check_trees(estimator: Any) -> None:
    """Refuse trees whose nodes point outside the tree or the record: following them would read foreign memory."""
    features = getattr(estimator, "n_features_in_", 0)
    for part in _parts(estimator):
        tree = getattr(part, "tree_", None)
        if tree is not None:
            inner = tree.children_left != -1
            ends = (tree.children_left[inner], tree.children_right[inner])
            _inside(ends, len(tree.children_left), tree.feature[inner], features)
        for predictor in np.ravel(np.array(getattr(part, "_predictors", []), dtype=object)):
            nodes = predictor.nodes[predictor.nodes["is_leaf"] == 0]
            _inside((nodes["left"], nodes["right"]), len(predictor.nodes), nodes["feature_idx"], features)


def _parts(estimator: Any) -> Iterator[Any]:
    """The estimator and those inside it: members of forests and boosters, steps of pipelines, calibrated classifiers."""
    yield estimator
    inner = list(np.ravel(np.array(getattr(estimator, "estimators_", []), dtype=object)))
    inner += [step for _name, step in getattr(estimator, "steps", [])]
    inner += list(getattr(estimator, "calibrated_classifiers_", []))
    inner += [
        found
        for name in ("estimator", "estimator_", "best_estimator_")
        if (found := getattr(estimator, name, None)) is not None
    ]
    for part in inner:
        if hasattr(part, "__dict__"):
            yield from _parts(part)


def _inside(children: tuple[Any, Any], nodes: int, used: Any, features: int) -> None:
    if (
        any((part < 0).any() or (part >= nodes).any() for part in children)
        or (used < 0).any()
        or (used >= features).any()
    ):
        raise UntrustedArtifactError(
            "the skops file holds a tree that points outside itself",
            hint="the file is damaged or forged; get it again from its source",
        )


def open_pickle(data: bytes, digest: str, trust: str | None, inputs: int) -> Any:
    """Load a pickle, which **runs whatever code it contains**: only when this run names its digest too.

    Raises:
        UntrustedArtifactError: the digest was not given again.
        WorkError: it holds neither a classifier nor a torch module.
    """
    import pickle

    if trust != digest:
        raise UntrustedArtifactError(
            "the artifact is a pickle: loading it runs whatever code it contains",
            hint=f"if you trust it, say so for this run: --trust-pickle {digest}",
        )
    try:
        found = pickle.loads(data)  # noqa: S301 - vouched for twice, at registration and for this run
    except (pickle.UnpicklingError, EOFError, ImportError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise WorkError(f"the pickle does not load ({type(error).__name__})") from error
    if hasattr(found, "state_dict") and callable(found):
        from govtool.audits.targets import torch_target

        return torch_target.from_module(found, inputs)
    return from_estimator(found, inputs)
