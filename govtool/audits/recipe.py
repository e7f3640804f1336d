"""How a model is trained: enough to train another one like it. The same seed gives the same weights.

References, positive controls and the demonstration's own models are all trained here, so they differ from each other
only in what they are given.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue, model_validator

from govtool import runtime
from govtool.audits import factories
from govtool.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from torch import Generator
    from torch.nn import Module


_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Dp(BaseModel):
    """DP-SGD (Abadi et al. 2016): noise by itself, or as much as `target_epsilon` needs at `delta`; see `dp_training`."""

    model_config = _STRICT

    noise_multiplier: float | None = Field(default=None, gt=0)
    target_epsilon: float | None = Field(default=None, gt=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    delta: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _one_way(self) -> "Dp":
        if (self.noise_multiplier is None) == (self.target_epsilon is None):
            raise ValueError("give either 'noise_multiplier' or 'target_epsilon'")
        return self


class EarlyStopping(BaseModel):
    """Stop when the loss on records held out of the training half has not fallen for `patience` epochs; keep the best.

    The held-out records count as members, as they do for a target that was trained so: it chose its weights by them.
    """

    model_config = _STRICT

    held_out: float = Field(default=0.1, gt=0, lt=1)
    patience: int = Field(default=5, ge=1)


class Recipe(BaseModel):
    """`factory` with its parameters for torch (see `factories`), or `estimator` or `function` with `params`."""

    model_config = _STRICT

    factory: str = ""
    """Empty: the factory under which the target's weights are registered."""
    factory_params: dict[str, JsonValue] = {}
    epochs: int = Field(default=100, ge=1, le=100_000)
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    schedule: Literal["constant", "cosine", "one_cycle"] = "constant"
    """How the learning rate moves from step to step (`training.schedule`)."""
    weight_decay: float = Field(default=0.0, ge=0)
    optimizer: Literal["adam", "sgd"] = "adam"
    label_noise: float = Field(default=0.0, ge=0, lt=1)
    """Share of training labels replaced at random, to copy a training set that was mislabelled."""
    early_stopping: EarlyStopping | Literal["none"] = "none"
    estimator: str = Field(default="", validation_alias=AliasChoices("estimator", "sklearn"))
    """A classifier's full name in scikit-learn, xgboost or lightgbm, such as sklearn.ensemble.RandomForestClassifier."""
    function: str = ""
    """``module:function`` of your own that trains a model (`training.functions`)."""
    params: dict[str, JsonValue] = {}
    dp: Dp | None = None
    """Trained with differential privacy; torch only."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Recipe":
        kinds = {"factory": self.factory or self.factory_params, "estimator": self.estimator, "function": self.function}
        given = [name for name, value in kinds.items() if value]
        if len(given) > 1:
            raise ValueError(f"give one of 'factory', 'estimator' and 'function', not {' and '.join(given)}")
        if self.params and not (self.estimator or self.function):
            raise ValueError("'params' belongs to 'estimator' or 'function'; a factory has 'factory_params'")
        if self.dp and (self.estimator or self.function or self.early_stopping != "none"):
            raise ValueError("'dp' is for torch recipes without early stopping, which looks at the records unprotected")
        return self

    @property
    def by_epochs(self) -> bool:
        """Whether it is a torch module that is trained here, epoch by epoch."""
        return not (self.estimator or self.function)


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
    device: str = "cpu",
    until_accuracy: float | None = None,
) -> "Module":
    """Train `module` in place. With `until_accuracy` it may stop earlier, at that share of its own training labels."""
    if recipe.dp is not None:
        from govtool.audits import dp_training

        return dp_training.fit(recipe, recipe.dp, module, features, labels, seed).module
    from govtool.audits.training import loop

    every = np.arange(len(features))
    (fitted,) = loop.fit(
        recipe, [module], features, [every], [labels], [seed], device=device, until_accuracy=until_accuracy
    )
    return fitted


def noisy_labels(labels: NDArray[np.int64], share: float, n_classes: int, seed: int) -> NDArray[np.int64]:
    """`share` of the labels replaced by classes drawn at random (which may be the right one)."""
    if not share:
        return labels
    rng = runtime.rng(seed, "label-noise")
    chosen = rng.choice(len(labels), size=round(share * len(labels)), replace=False)
    changed = labels.copy()
    changed[chosen] = rng.integers(n_classes, size=len(chosen))
    return changed


@contextmanager
def deterministic(seed: int) -> Iterator[None]:
    """Seeded, on one thread, leaving torch's own generator and thread count as they were.

    One thread, because sums split over threads differ in their last bits, and evidence must be the same every time.

    Raises:
        MissingExtraError: torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "training or loading a torch model") from error
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_folded(seed, "torch"))
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def generator(seed: int, name: str, device: str) -> "Generator":
    """Torch's generator for one named piece of a model's training."""
    import torch

    return torch.Generator(device).manual_seed(_folded(seed, name))


def _folded(seed: int, name: str) -> int:
    return int(runtime.rng(seed, name).integers(2**62))
