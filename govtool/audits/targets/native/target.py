"""A target around a model in a box."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks.interface import Features, FloatArray, Labels
from govtool.audits.targets import base
from govtool.audits.targets.native.box import Box
from govtool.errors import WorkError

_BATCH = 4096
NO_GRADIENTS = "The model was asked and not differentiated: attacks that read weights or gradients were not tried on this kind of file."
_EXPOSES = {"logits": Access.LOGITS, "probabilities": Access.PROBABILITIES, "labels": Access.LABELS}


@dataclass(frozen=True)
class BoxedTarget:
    """A classifier; column c of its answers is class c."""

    box: Box

    @property
    def n_classes(self) -> int:
        """0 where the model gives labels only."""
        return self.box.columns if self.box.kind != "labels" else 0

    @property
    def access(self) -> frozenset[Access]:
        return reachable(frozenset({_EXPOSES[self.box.kind]}))

    def log_probabilities(self, features: Features) -> FloatArray:
        if self.box.kind == "labels":
            raise WorkError("the model answers with labels only")
        return np.concatenate([self._soft(batch) for batch in base.batches(features, _BATCH)])

    def labels(self, features: Features) -> Labels:
        if self.box.kind != "labels":
            return np.asarray(self.log_probabilities(features).argmax(axis=1), dtype=np.int64)
        found = [self.box.ask(batch).reshape(-1) for batch in base.batches(features, _BATCH)]
        return np.concatenate(found).astype(np.int64)

    def module(self) -> Any:
        raise WorkError("this kind of file is not a torch module")

    def _soft(self, features: Features) -> FloatArray:
        answers = self.box.ask(features)
        if self.box.kind == "logits":
            return base.log_softmax(answers)
        if not base.look_like_probabilities(answers):
            raise WorkError("the model's probabilities do not sum to 1 on every record")
        return base.log_of_probabilities(answers)


def open_boxed(data: bytes, kind: str, inputs: int) -> BoxedTarget:
    """Open an ONNX, XGBoost or LightGBM classifier.

    Raises:
        WorkError: it does not open, takes other records, or predicts numbers and not classes.
        UntrustedArtifactError: it would make its reader look into other files.
        MissingExtraError: the library is not installed.
    """
    box = Box(data, kind, inputs)
    if box.kind not in _EXPOSES:
        box.close()
        raise WorkError("the model predicts numbers and not classes", hint="task: regression in the spec")
    return BoxedTarget(box)
