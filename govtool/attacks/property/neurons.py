"""The weights of fully connected models, as sets of neurons: renumbering hidden neurons changes no model."""

from typing import Any

import numpy as np

from govtool.attacks.interface import FloatArray
from govtool.attacks.property.worlds import Layers


def layers(module: Any) -> Layers | None:
    """Each linear layer as (1, neurons, inputs + 1) with the bias last; None for a model that has any other weights."""
    from torch import nn

    found = [part for part in module.modules() if isinstance(part, nn.Linear)]
    inside = sum(weight.numel() for part in found for weight in part.parameters())
    if not found or inside != sum(weight.numel() for weight in module.parameters()):
        return None
    return tuple(_rows(part)[None] for part in found)


def joined(models: "list[Layers]") -> Layers:
    """Models of one architecture, side by side."""
    return tuple(np.concatenate(layer) for layer in zip(*models, strict=True))


def in_order(found: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
    """The same models with the neurons of each hidden layer sorted by the sum of their incoming weights.

    The neuron sorting of Ganju et al., CCS 2018: one representative of each class of models that differ in numbering only.
    """
    ordered = [layer.copy() for layer in found]
    for index in range(len(ordered) - 1):
        order = np.argsort(ordered[index].sum(axis=2), axis=1, kind="stable")
        ordered[index] = np.take_along_axis(ordered[index], order[:, :, None], axis=1)
        after = ordered[index + 1]
        after[:, :, :-1] = np.take_along_axis(after[:, :, :-1], order[:, None, :], axis=2)
    return tuple(ordered)


def input_norms(found: tuple[FloatArray, ...]) -> FloatArray:
    """(models, inputs + 1): the length of each input's weights into the first layer, the bias last.

    An input that few training records have moves its weights less often, whatever the label. No numbering matters.
    """
    return np.asarray(np.sqrt(np.sum(found[0] ** 2, axis=1)), dtype=np.float64)


def _rows(part: Any) -> FloatArray:
    weight = part.weight.detach().double().numpy()
    bias = np.zeros(len(weight)) if part.bias is None else part.bias.detach().double().numpy()
    return np.hstack([weight, bias[:, None]])
