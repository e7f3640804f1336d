"""What the fixtures of this folder hand out."""

from dataclasses import dataclass

import numpy as np

from govtool.incidents.models import Incident
from govtool.registry.models import DatasetVersion, ModelVersion


@dataclass(frozen=True)
class Case:
    incident: Incident
    version: ModelVersion
    dataset: DatasetVersion
    records: np.ndarray

    @property
    def model_sha256(self) -> str:
        assert self.version.artifact_sha256 is not None
        return self.version.artifact_sha256
