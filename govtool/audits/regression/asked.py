"""A regression as a function of records."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.attacks.interface import Features, FloatArray
from govtool.audits.targets import base
from govtool.errors import WorkError

_BATCH = 4096


def _nothing() -> None:
    """Most models hold nothing open."""


@dataclass(frozen=True)
class Asked:
    """`ask` takes (n, d) and gives (n,) or (n, 1); `closing` ends the process behind it."""

    ask: Callable[[Features], Any]
    closing: Callable[[], None] = _nothing

    def predictions(self, features: Features) -> FloatArray:
        """(n,) float64.

        Raises:
            WorkError: not one finite number per record.
        """
        return np.concatenate([self._batch(batch) for batch in base.batches(features, _BATCH)])

    def _batch(self, features: Features) -> FloatArray:
        found = np.asarray(self.ask(features), dtype=np.float64)
        if found.shape not in ((len(features),), (len(features), 1)):
            raise WorkError("the model does not answer with one number per record")
        if not np.isfinite(found).all():
            raise WorkError("the model answers with missing or infinite numbers")
        return found.reshape(-1)
