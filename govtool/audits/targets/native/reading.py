"""What a reader of one format gives: a function from records to numbers, and what the numbers are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import Features, FloatArray
from govtool.audits.targets import base
from govtool.errors import WorkError

Kind = Literal["logits", "probabilities", "labels", "values"]
"""Logits or probabilities (n, classes); classes (n, 1); real numbers that a regression predicts (n, 1)."""

_PROBES = 64


@dataclass(frozen=True)
class Reading:
    """An opened model. `ask` takes (n, inputs) float32 and gives (n, columns) float64."""

    kind: Kind
    columns: int
    ask: Callable[[Features], FloatArray]
    caveats: tuple[str, ...] = ()
    lone: Callable[[Features], FloatArray] | None = None
    """The same model as a regression, (n, 1), where its file does not say which it is."""


def as_values(reading: Reading) -> Reading:
    """The model taken for a regression.

    Raises:
        WorkError: it has classes.
    """
    if reading.kind == "values":
        return reading
    if reading.lone is None:
        raise WorkError("the model gives classes and not numbers", hint="leave out 'task: regression' for a classifier")
    return Reading("values", 1, reading.lone)


def probes(inputs: int) -> Features:
    """(64, inputs) made-up records, small ones and large ones: enough to see what kind of numbers a model answers with."""
    rng = np.random.default_rng(0)
    scales = np.repeat([0.0, 1.0, 10.0, 100.0], _PROBES // 4)[:, None]
    return np.asarray(rng.standard_normal((_PROBES, inputs)) * scales, dtype=np.float32)


def soft_kind(values: NDArray[Any]) -> Kind:
    """Whether (n, classes) numbers are probabilities or logits; log probabilities are logits as well."""
    return "probabilities" if base.look_like_probabilities(values) else "logits"


def finite(values: Any, rows: int) -> FloatArray:
    """(rows, columns) float64.

    Raises:
        WorkError: another number of rows, or a number that is missing or infinite.
    """
    found = np.asarray(values, dtype=np.float64)
    if found.ndim not in (1, 2) or len(found) != rows:
        raise WorkError(f"the model answers with shape {found.shape} for {rows} records")
    if not np.isfinite(found).all():
        raise WorkError("the model answers with missing or infinite numbers")
    return found.reshape(rows, -1)
