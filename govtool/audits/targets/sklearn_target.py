"""A scikit-learn classifier: from skops, which names every type it would build, or from a pickle somebody vouched for."""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks.interface import Features, FloatArray, Labels
from govtool.audits.targets import base
from govtool.errors import MissingExtraError, UntrustedArtifactError, WorkError
from govtool.registry import npzfile

ALLOWED_TYPES: frozenset[str] = frozenset(
    {
        # Internals of scikit-learn's classifiers that skops does not vouch for. None runs code when loaded. Trees are
        # arrays that native code follows without looking, so `_check_trees` looks before anything is asked of them.
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.utils._bunch.Bunch",
        "numpy.dtype",
    }
)
_UNREADABLE = (
    *(
        zipfile.BadZipFile,
        zlib.error,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        ImportError,
        OSError,
        EOFError,
    ),
    *(ArithmeticError, AssertionError, NotImplementedError, RecursionError, MemoryError),
)
_MOST_BYTES, _GROWS = 256 << 20, 20
"""A file may unpack to 256 MiB, or to twenty times its size if that is more: trees compress, but not a thousandfold."""

CAVEAT = (
    "The model computes probabilities and keeps no logits: confidences near 1 cannot be told apart beyond double "
    "precision, which hides leakage."
)


DECISIONS = (
    "The model gives no probabilities; its decision function was taken for logits, which an outsider who sees labels only "
    "does not have."
)


@dataclass(frozen=True)
class SklearnTarget:
    """A fitted classifier whose classes are whole numbers; column c of its answers is class c."""

    estimator: Any
    n_classes: int
    """0 where the model gives labels only."""
    access: frozenset[Access] = reachable(frozenset({Access.PROBABILITIES}))

    def log_probabilities(self, features: Features) -> FloatArray:
        if not self.n_classes:
            raise WorkError("the model answers with labels only")
        return log_probabilities(self.estimator, features, self.n_classes)

    def labels(self, features: Features) -> Labels:
        return np.asarray(self.estimator.predict(features), dtype=np.int64)

    def module(self) -> Any:
        raise WorkError("the model is a scikit-learn classifier, not a torch module")


def log_probabilities(estimator: Any, features: Features, n_classes: int) -> FloatArray:
    """(n, n_classes); a class that the classifier never saw gets the floor."""
    try:
        with np.errstate(divide="ignore"):
            found = _soft(estimator, features)
    except ValueError as error:
        raise WorkError(f"the model does not take these records: {error}") from error
    spread = np.full((len(features), n_classes), base.FLOOR)
    spread[:, np.asarray(estimator.classes_, dtype=np.int64)] = np.maximum(found, base.FLOOR)
    return spread


def _soft(estimator: Any, features: Features) -> FloatArray:
    if hasattr(estimator, "predict_log_proba"):
        return np.asarray(estimator.predict_log_proba(features), dtype=np.float64)
    if hasattr(estimator, "predict_proba"):
        return np.asarray(np.log(estimator.predict_proba(features)), dtype=np.float64)
    decisions = np.asarray(estimator.decision_function(features), dtype=np.float64)
    if decisions.ndim > 1 and decisions.shape[1] != len(estimator.classes_):
        raise WorkError("the model's decision function has one column per pair of classes, not per class")
    return base.log_softmax(base.two_columns(decisions) if decisions.ndim == 1 else decisions)


def caveats(target: Any) -> tuple[str, ...]:
    """What must be said of a target that was opened from skops or a pickle."""
    if not isinstance(target, SklearnTarget) or not target.n_classes:
        return ()
    return (CAVEAT,) if hasattr(target.estimator, "predict_proba") else (DECISIONS,)


def _exposes(estimator: Any) -> Access | None:
    if hasattr(estimator, "predict_proba"):
        return Access.PROBABILITIES
    if hasattr(estimator, "decision_function"):
        return Access.LOGITS
    return Access.LABELS if hasattr(estimator, "predict") else None


def from_estimator(estimator: Any, inputs: int) -> SklearnTarget:
    """A target around a fitted classifier.

    Raises:
        WorkError: not a fitted classifier of whole-number classes, or made for other records.
    """
    classes, exposes = getattr(estimator, "classes_", None), _exposes(estimator)
    if classes is None or exposes is None:
        raise WorkError(f"the artifact holds {type(estimator).__name__}, not a fitted classifier")
    if np.asarray(classes).ndim != 1 or np.asarray(classes).dtype.kind not in "iu" or min(classes) < 0:
        raise WorkError(
            "the classifier's classes are not the whole numbers 0, 1, 2 ...", hint="encode labels before training"
        )
    columns = 0 if exposes is Access.LABELS else int(max(classes)) + 1
    target = SklearnTarget(estimator, columns, reachable(frozenset({exposes})))
    ask = target.log_probabilities if columns else target.labels
    try:
        ask(np.zeros((1, inputs), dtype=np.float32))
    except ValueError as error:
        raise WorkError(f"the model does not take these records: {error}") from error
    return target


def open_skops(data: bytes, inputs: int) -> SklearnTarget:
    """A classifier from a skops file.

    Raises:
        UntrustedArtifactError, WorkError: as `load_skops` and `from_estimator`.
    """
    return from_estimator(load_skops(data), inputs)


def load_skops(data: bytes) -> Any:
    """Load what skops or our own list trusts, nothing else, whatever kind of estimator it is.

    Raises:
        UntrustedArtifactError: the file names other types; they are listed.
        WorkError: not a skops file.
    """
    try:
        import skops.io
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "opening a skops file") from error
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            npzfile.check(archive, "the skops file", max(_MOST_BYTES, _GROWS * len(data)))
        unknown = sorted(set(skops.io.get_untrusted_types(data=data)) - ALLOWED_TYPES)
        if unknown:
            raise UntrustedArtifactError(
                f"the skops file would build types nobody vouches for: {', '.join(unknown)}",
                hint="save a plain scikit-learn classifier, without types of your own",
            )
        estimator = skops.io.loads(data, trusted=sorted(ALLOWED_TYPES))
    except _UNREADABLE as error:
        raise WorkError(f"the artifact is not a skops file this version reads ({type(error).__name__})") from error
    try:
        _check_trees(estimator)
    except (TypeError, ValueError, AttributeError, LookupError, RecursionError) as error:
        raise UntrustedArtifactError(
            f"the skops file holds a model that scikit-learn would not have made ({type(error).__name__})",
            hint="the file is damaged or forged; get it again from its source",
        ) from error
    return estimator


def _check_trees(estimator: Any) -> None:
    """Refuse trees whose nodes point outside the tree or the record: following them would read foreign memory."""
    for part, features in _parts(estimator, None):
        tree = getattr(part, "tree_", None)
        if tree is not None:
            inner = tree.children_left != -1
            ends = (tree.children_left[inner], tree.children_right[inner])
            _inside(ends, len(tree.children_left), tree.feature[inner], features)
        for predictor in np.ravel(np.array(getattr(part, "_predictors", []), dtype=object)):
            nodes = predictor.nodes[predictor.nodes["is_leaf"] == 0]
            _inside((nodes["left"], nodes["right"]), len(predictor.nodes), nodes["feature_idx"], features)


def _parts(estimator: Any, bound: int | None) -> Iterator[tuple[Any, int]]:
    """The estimator and all inside it, each with the number of features that its records are sure to have.

    A part checks its records against its own count, but a forest hands its records to its trees unchecked: there the
    forest's count holds as well.
    """
    own = getattr(estimator, "n_features_in_", 0)
    features = int(own) if isinstance(own, int | np.integer) else 0
    features = features if bound is None else min(features, bound)
    yield estimator, features
    for part in np.ravel(np.array(getattr(estimator, "estimators_", []), dtype=object)):
        if hasattr(part, "__dict__"):
            yield from _parts(part, features)
    for part in _inner(estimator):
        if hasattr(part, "__dict__"):
            yield from _parts(part, None)


def _inner(estimator: Any) -> Iterator[Any]:
    """What an estimator asks through the public interface: steps of pipelines, columns' transformers, calibrated models."""
    yield from (step for _name, step in getattr(estimator, "steps", []))
    yield from (step for _name, step in getattr(estimator, "transformer_list", []))
    yield from (step for _name, step, *_columns in getattr(estimator, "transformers_", []))
    yield from getattr(estimator, "calibrated_classifiers_", [])
    for name in ("estimator", "estimator_", "best_estimator_", "final_estimator_"):
        yield getattr(estimator, name, None)


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
    """A classifier or torch module from a pickle.

    Raises:
        UntrustedArtifactError, WorkError: as `load_pickle` and `from_estimator`.
    """
    found = load_pickle(data, digest, trust)
    if hasattr(found, "state_dict") and callable(found):
        from govtool.audits.targets import torch_target

        return torch_target.from_module(found, inputs)
    return from_estimator(found, inputs)


def load_pickle(data: bytes, digest: str, trust: str | None) -> Any:
    """Load a pickle, which **runs whatever code it contains**: only when this run names its digest too.

    Raises:
        UntrustedArtifactError: the digest was not given again.
        WorkError: it does not load.
    """
    import pickle

    if trust != digest:
        raise UntrustedArtifactError(
            "the artifact is a pickle: loading it runs whatever code it contains",
            hint=f"if you trust it, say so for this run: --trust-pickle {digest}",
        )
    try:
        return pickle.loads(data)  # noqa: S301 - vouched for twice, at registration and for this run
    except (pickle.UnpicklingError, EOFError, ImportError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise WorkError(f"the pickle does not load ({type(error).__name__})") from error
