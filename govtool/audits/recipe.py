"""How a model is trained: enough to train another one like it. The same seed gives the same weights.

References, positive controls and the demonstration's own models are all trained here, so they differ from each other
only in what they are given.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from govtool import runtime
from govtool.attacks.optimizer import Optimizer
from govtool.audits import factories
from govtool.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class Recipe(BaseModel):
    """`factory` with its parameters for torch (see `factories`), or `sklearn` with `params`; never both."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    factory: str = ""
    """Empty: the factory under which the target's weights are registered."""
    factory_params: dict[str, JsonValue] = {}
    epochs: int = Field(default=100, ge=1, le=100_000)
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    optimizer: Literal["adam", "sgd"] = "adam"
    label_noise: float = Field(default=0.0, ge=0, lt=1)
    """Share of training labels replaced at random, to copy a training set that was mislabelled."""
    early_stopping: Literal["none"] = "none"
    sklearn: str = ""
    """A classifier's full name, such as sklearn.ensemble.RandomForestClassifier."""
    params: dict[str, JsonValue] = {}

    @model_validator(mode="after")
    def _one_kind(self) -> "Recipe":
        if self.sklearn and (self.factory or self.factory_params):
            raise ValueError("give either 'factory' or 'sklearn', not both")
        if self.params and not self.sklearn:
            raise ValueError("'params' belongs to 'sklearn'; a factory has 'factory_params'")
        return self


def train(
    recipe: Recipe, features: NDArray[np.float32], labels: NDArray[np.int64], n_classes: int, seed: int
) -> "Module":
    """Train one torch model: features (n, d), labels (n,) below n_classes. Returned in evaluation mode.

    Raises:
        InputError: the recipe is not a torch recipe or its factory refuses its parameters.
        MissingExtraError: torch is not installed.
    """
    module = build(recipe, features.shape[1], n_classes, seed)
    return fit(recipe, module, features, noisy_labels(labels, recipe.label_noise, n_classes, seed), seed)


def build(recipe: Recipe, inputs: int, n_classes: int, seed: int) -> "Module":
    """An untrained model. `inputs` and `classes` come from the data unless the recipe names them."""
    if not recipe.factory:
        raise InputError("the recipe names no factory", hint=f"factory: {' | '.join(factories.FACTORIES)}")
    with deterministic(seed):
        params = dict(recipe.factory_params)
        if recipe.factory in factories.FACTORIES:
            params = {"inputs": inputs, "classes": n_classes, **params}
        return factories.build(recipe.factory, params)


def fit(
    recipe: Recipe,
    module: "Module",
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    seed: int,
    *,
    until_accuracy: float | None = None,
) -> "Module":
    """Train `module` in place. With `until_accuracy` it may stop earlier, at that share of its own training labels."""
    import torch

    x, y = torch.from_numpy(np.array(features)), torch.from_numpy(np.array(labels))  # copies: joblib's are read-only
    optimizer = make_optimizer(recipe, [weight for weight in module.parameters() if weight.requires_grad])
    with deterministic(seed) as generator:
        module.train()
        for _epoch in range(recipe.epochs):
            correct = 0
            for batch in torch.split(torch.randperm(len(x), generator=generator), recipe.batch_size):
                logits = module(x[batch])
                loss = torch.nn.functional.cross_entropy(logits, y[batch])
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                if until_accuracy is not None:
                    correct += int((logits.argmax(dim=1) == y[batch]).sum())
            if until_accuracy is not None and correct >= until_accuracy * len(x):
                break
    return module.eval()


def make_optimizer(recipe: Recipe, parameters: "list[Tensor]") -> Optimizer:
    return Optimizer(parameters, recipe.optimizer, recipe.learning_rate, recipe.weight_decay)


def noisy_labels(labels: NDArray[np.int64], share: float, n_classes: int, seed: int) -> NDArray[np.int64]:
    """`share` of the labels replaced by classes drawn at random (which may be the right one)."""
    if not share:
        return labels
    rng = runtime.rng(seed, "label-noise")
    chosen = rng.choice(len(labels), size=round(share * len(labels)), replace=False)
    changed = labels.copy()
    changed[chosen] = rng.integers(n_classes, size=len(chosen))
    return changed


def train_sklearn(
    recipe: Recipe, features: NDArray[np.float32], labels: NDArray[np.int64], n_classes: int, seed: int
) -> Any:
    """Fit the scikit-learn classifier that the recipe names; its random_state comes from the seed.

    Raises:
        InputError: not a classifier of scikit-learn, or it refuses its parameters.
        MissingExtraError: scikit-learn is not installed.
    """
    kind = _classifier(recipe.sklearn)
    settings: dict[str, Any] = dict(recipe.params)
    if "random_state" in kind().get_params():
        settings["random_state"] = int(runtime.rng(seed, "sklearn").integers(2**31))
    try:
        return kind(**settings).fit(features, noisy_labels(labels, recipe.label_noise, n_classes, seed))
    except (TypeError, ValueError) as error:
        raise InputError(f"{recipe.sklearn} refuses its parameters or data: {error}") from error


def _classifier(name: str) -> Any:
    import importlib

    module, _dot, attribute = name.rpartition(".")
    if not module.startswith("sklearn."):
        raise InputError(
            f"{name!r} is not a class of scikit-learn", hint="for example sklearn.ensemble.RandomForestClassifier"
        )
    try:
        import sklearn.base

        found = getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        if error.name == "sklearn":
            raise MissingExtraError("attacks", "a scikit-learn recipe") from error
        raise InputError(f"scikit-learn has no module {module}") from error
    if not (
        isinstance(found, type) and issubclass(found, sklearn.base.ClassifierMixin) and hasattr(found, "predict_proba")
    ):
        raise InputError(f"{name} is not a classifier with predict_proba")
    return found


@contextmanager
def deterministic(seed: int) -> Iterator[Any]:
    """Seeded, on one thread, leaving torch's own generator and thread count as they were. Yields a generator.

    One thread, because sums split over threads differ in their last bits, and evidence must be the same every time.

    Raises:
        MissingExtraError: torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "training or loading a torch model") from error
    threads = torch.get_num_threads()
    folded = int(runtime.rng(seed, "torch").integers(2**62))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(folded)
        torch.set_num_threads(1)
        try:
            yield torch.Generator().manual_seed(folded)
        finally:
            torch.set_num_threads(threads)
