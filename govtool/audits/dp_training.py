"""DP-SGD by Opacus: per-record gradients, clipped, summed, noised; batches by Poisson sampling, as accounting assumes.

Noise from a known seed is no protection: whoever knows it can subtract it. A model meant for release is trained with
`private_seed()`. The generator is torch's, which is not cryptographic, and noise is in floating point (Mironov 2012);
against an attacker who exploits either, the stated epsilon does not hold.
"""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from govtool import runtime
from govtool.attacks.privacy.accounting import Mechanism, upper_bound
from govtool.audits import recipe as recipes
from govtool.audits.recipe import Dp, Recipe
from govtool.digest import sha256_bytes
from govtool.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_LEAST_NOISE, _MOST_NOISE = 0.3, 200.0
_STEPS = 24
_CLOSE = 0.005


@dataclass(frozen=True)
class Trained:
    module: "Module"
    mechanism: Mechanism


def mechanism(recipe: Recipe, dp: Dp, records: int) -> Mechanism:
    """The noise, sampling rate and steps that this recipe comes to on so many records.

    Raises:
        InputError: no noise up to 200 reaches the target epsilon, or so little is needed that nothing is private.
        MissingExtraError: dp-accounting is not installed.
    """
    rate = min(1.0, recipe.batch_size / records)
    steps = recipe.epochs * max(1, round(1 / rate))
    if dp.noise_multiplier is not None:
        return Mechanism(dp.noise_multiplier, rate, steps, dp.delta)
    assert dp.target_epsilon is not None
    try:
        return _calibrated(dp.target_epsilon, rate, steps, dp.delta)
    except ModuleNotFoundError as error:
        raise MissingExtraError("privacy", "calibrating the noise of DP-SGD") from error


def fit(
    recipe: Recipe, dp: Dp, module: "Module", features: NDArray[np.float32], labels: NDArray[np.int64], seed: int
) -> Trained:
    """Train `module` in place with DP-SGD. The same seed gives the same weights.

    Raises:
        InputError: the architecture mixes records of a batch (batch normalisation), or the target cannot be reached.
        MissingExtraError: opacus is not installed.
    """
    import torch

    planned = mechanism(recipe, dp, len(labels))
    x, y = torch.from_numpy(np.array(features)), torch.from_numpy(np.array(labels))
    with recipes.deterministic(seed) as generator:
        private, optimizer = _wrapped(recipe, dp, module, planned, len(x), generator)
        private.train()
        for _step in range(planned.steps):
            batch = torch.nonzero(torch.rand(len(x), generator=generator) < planned.sampling_rate).ravel()
            optimizer.zero_grad()
            _loss(private, x[batch], y[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        private.to_standard_module()
    return Trained(module.eval(), planned)


def private_seed() -> int:
    """A seed from the machine's entropy, which nobody keeps."""
    return int(sha256_bytes(runtime.new_token().encode())[:13], 16)


def _wrapped(
    recipe: Recipe, dp: Dp, module: "Module", planned: Mechanism, records: int, generator: Any
) -> tuple[Any, Any]:
    import torch

    try:
        from opacus import GradSampleModule
        from opacus.optimizers import DPOptimizer
        from opacus.validators import ModuleValidator
    except ModuleNotFoundError as error:
        raise MissingExtraError("privacy", "training with DP-SGD") from error
    if problems := ModuleValidator.validate(module, strict=False):
        raise InputError(
            f"this architecture cannot be trained privately: {' '.join(str(problems[0]).split())}",
            hint="replace batch normalisation, which mixes records, by group normalisation",
        )
    private = GradSampleModule(module)
    kind: Any = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.SGD
    plain = kind(module.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    optimizer = DPOptimizer(
        plain,
        noise_multiplier=planned.noise_multiplier,
        max_grad_norm=dp.max_grad_norm,
        expected_batch_size=max(1, round(planned.sampling_rate * records)),
        generator=generator,
    )
    return private, optimizer


def _loss(private: Any, features: "Tensor", labels: "Tensor") -> "Tensor":
    """The batch's mean. An empty batch, which Poisson sampling can draw, has no loss and still gets its noise."""
    import torch

    logits = private(features.requires_grad_())  # so that torch does not warn of hooks on inputs without gradients
    if not len(labels):
        return torch.as_tensor(logits.sum())
    return torch.nn.functional.cross_entropy(logits, labels)


@cache
def _calibrated(target: float, rate: float, steps: int, delta: float) -> Mechanism:
    """The least noise, to half a percent, whose epsilon does not exceed the target."""

    def enough(noise: float) -> bool:
        return upper_bound(Mechanism(noise, rate, steps, delta)) <= target

    low = _LEAST_NOISE
    high = 1.0
    while not enough(high):
        low, high = high, high * 2
        if high > _MOST_NOISE:
            raise InputError(
                f"no noise up to {_MOST_NOISE:g} gives epsilon {target:g} with {steps} steps at rate {rate:.3g}",
                hint="fewer epochs, smaller batches, or a larger epsilon",
            )
    for _step in range(_STEPS):
        if high - low < _CLOSE * high:
            break
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return Mechanism(high, rate, steps, delta)
