"""The training records of the model that answered, by fingerprint. Read from the registered files, digest checked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from govtool.errors import EvidenceError, InputError
from govtool.incidents import fingerprint
from govtool.incidents.models import Incident
from govtool.registry.datafile import Table, read_table
from govtool.registry.lineage import datasets_of
from govtool.registry.models import DatasetVersion, Deployment, ModelVersion


@dataclass(frozen=True)
class Model:
    """How the incident's model appears in a log: by the digest of its weights, or by the name it is served under."""

    ref: str
    sha256: str | None
    names: tuple[str, ...]


@dataclass(frozen=True)
class TrainingIndex:
    """Fingerprint of every training record, one entry per record, or why there is none."""

    fingerprints: Sequence[str] = field(default=())
    sources: Sequence[str] = field(default=())
    """References of the datasets that were read."""
    missing: str = ""
    """Why records are absent from the index; empty when every training dataset was read."""


def model_of(session: Session, incident: Incident) -> Model | None:
    """The model version the incident is about; None when it names none."""
    if incident.model_version_id is None:
        return None
    version = session.get_one(ModelVersion, incident.model_version_id)
    names = [version.model.name]
    if incident.deployment_id is not None:
        served = session.get_one(Deployment, incident.deployment_id).served_as
        names = [served, *names] if served else names
    return Model(version.ref, version.artifact_sha256, tuple(dict.fromkeys(names)))


def training_datasets(session: Session, incident: Incident) -> list[DatasetVersion]:
    """What the incident's model version was trained or fine-tuned on, as recorded."""
    if incident.model_version_id is None:
        return []
    return datasets_of(session, session.get_one(ModelVersion, incident.model_version_id))


def build_index(datasets: Sequence[DatasetVersion]) -> TrainingIndex:
    """Read and fingerprint every dataset. What cannot be read is said, not skipped in silence."""
    found: list[str] = []
    sources, problems = [], []
    for dataset in datasets:
        try:
            found.extend(fingerprint.rows(read_records(dataset).features))
            sources.append(dataset.ref)
        except (InputError, EvidenceError) as error:
            problems.append(f"{dataset.ref}: {error.message}")
    if not datasets:
        problems.append("no training dataset is recorded for the model version")
    return TrainingIndex(found, sources, "; ".join(problems))


def read_records(dataset: DatasetVersion) -> Table:
    """The dataset's records, if its file is still the one that was registered.

    Raises:
        InputError: the file is gone or cannot be read.
        EvidenceError: its bytes have changed.
    """
    return read_table(
        Path(dataset.location),
        label=dataset.label_column,
        subject=dataset.subject_column,
        expect=dataset.content_sha256,
    )


def answered_by(events: Any, model: Model) -> Any:
    """The events that this model version answered: its digest where logged, else the name it is served under.

    Args:
        events: Ibis table of canonical events.
        model: whose answers.
    """
    named = events.model_name.isin(list(model.names))
    if model.sha256 is None:
        mine = named
    else:
        mine = (events.model_sha256 == model.sha256) | (events.model_sha256.isnull() & named)
    return events.filter(mine & (events.output_kind != "none"))
