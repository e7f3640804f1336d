"""A torch module on this machine, opened from safetensors, which cannot run code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks.interface import Features, FloatArray, Labels
from govtool.audits import factories
from govtool.audits.targets import base
from govtool.errors import MissingExtraError, WorkError

_BATCH = 4096


@dataclass(frozen=True)
class TorchTarget:
    """Offers everything that follows from holding the weights."""

    net: Any
    n_classes: int
    access: frozenset[Access] = reachable(frozenset({Access.WEIGHTS}))

    def log_probabilities(self, features: Features) -> FloatArray:
        return np.concatenate([base.log_softmax(logits(self.net, batch)) for batch in base.batches(features, _BATCH)])

    def labels(self, features: Features) -> Labels:
        return np.concatenate([logits(self.net, batch).argmax(axis=1) for batch in base.batches(features, _BATCH)])

    def module(self) -> Any:
        return self.net


def logits(net: Any, features: Features) -> FloatArray:
    """(n, classes) raw outputs.

    Raises:
        WorkError: the model does not take these records, or answers with something that is not finite logits.
    """
    import torch

    try:
        with torch.inference_mode():
            found = net(torch.from_numpy(np.ascontiguousarray(features)))
    except RuntimeError as error:
        raise WorkError(
            f"the model does not take records of {features.shape[1]} features",
            hint="are these the records it was trained on?",
        ) from error
    if not isinstance(found, torch.Tensor) or found.ndim != 2 or found.shape[0] != len(features):  # noqa: PLR2004
        raise WorkError("the model does not answer with one row of logits per record")
    if not bool(torch.isfinite(found).all()):
        raise WorkError("the model answers with missing or infinite logits")
    return found.double().numpy()


def from_module(net: Any, inputs: int) -> TorchTarget:
    """A target around a module; asks it once, so that a model of the wrong shape fails here and not in an attack."""
    net = net.eval()
    return TorchTarget(net, logits(net, np.zeros((1, inputs), dtype=np.float32)).shape[1])


def open_safetensors(data: bytes, factory: str, params: Mapping[str, Any], inputs: int) -> TorchTarget:
    """A target around registered weights; raises as `load_safetensors` and `from_module` do."""
    return from_module(load_safetensors(data, factory, params), inputs)


def load_safetensors(data: bytes, factory: str, params: Mapping[str, Any]) -> Any:
    """Build the registered architecture and load the weights strictly: every tensor, no other. In evaluation mode.

    Raises:
        WorkError: not safetensors, or the tensors are not those of this architecture.
        InputError: the factory refuses its parameters.
        MissingExtraError: torch or safetensors is not installed.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "opening safetensors") from error
    module = factories.build(factory, params)
    try:
        module.load_state_dict(load(data), strict=True)
    except SafetensorError as error:
        raise WorkError(f"the artifact is not a whole safetensors file: {error}") from error
    except RuntimeError as error:
        raise WorkError(
            f"the weights do not fit the architecture {factory} {dict(params)}: {' '.join(str(error).split())}",
            hint="register the version with the factory and parameters it was trained with",
        ) from error
    return module.float().eval()
