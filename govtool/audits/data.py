"""The records of an audit: which rows of which registered datasets, read and checked against their digests."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from govtool.attacks.interface import Features, Mask, Records
from govtool.audits.regression import residuals
from govtool.audits.spec import DatasetRows
from govtool.digest import Sha256
from govtool.errors import InputError
from govtool.registry import lineage, service
from govtool.registry.datafile import Table, read_table
from govtool.registry.models import DatasetVersion, ModelVersion

LABELLED = ("members", "nonmembers", "population", "evaluation")
PUBLIC = "public"
GROUPS = (*LABELLED, PUBLIC)
_HELD_OUT = ("tested_on", "validated_on")


@dataclass(frozen=True)
class Source:
    """Some rows of a registered dataset version: all that is needed to read them without the database."""

    dataset_version_id: str
    ref: str
    sha256: Sha256
    path: Path
    label: str | None
    subject: str | None
    rows: range

    def to_dict(self) -> dict[str, Any]:
        """For the record of the run: which rows, by digest. Where the file lies is the registry's business."""
        return {
            "dataset_version_id": self.dataset_version_id,
            "dataset": self.ref,
            "sha256": self.sha256,
            "rows": [self.rows.start, self.rows.stop, self.rows.step],
            "count": len(self.rows),
        }


class Grouped(Protocol):
    """A spec that names records by group."""

    @property
    def members(self) -> list[DatasetRows]: ...
    @property
    def nonmembers(self) -> list[DatasetRows]: ...
    @property
    def population(self) -> list[DatasetRows]: ...
    @property
    def evaluation(self) -> list[DatasetRows]: ...
    @property
    def public(self) -> list[DatasetRows]: ...


def find(session: Session, version: ModelVersion, spec: Grouped) -> dict[str, list[Source]]:
    """Where each group's records come from; members and non-members default to what lineage says.

    Raises:
        NotFoundError: a dataset is not registered.
        InputError: a dataset has no labels, or a range of rows is empty.
    """
    found: dict[str, list[Source]] = {}
    for group in GROUPS:
        asked: list[DatasetRows] = getattr(spec, group)
        pairs = [(service.dataset_version(session, item.dataset), item) for item in asked]
        if not pairs and group in ("members", "nonmembers"):
            relations = lineage.TRAINED if group == "members" else _HELD_OUT
            pairs = [(row, DatasetRows(dataset=row.id)) for row in lineage.datasets_of(session, version, relations)]
        found[group] = [source(group, row, item) for row, item in pairs]
        refuse_repeats(group, found[group])
    return found


def refuse_repeats(group: str, sources: Sequence[Source]) -> None:
    """A record that counts twice makes every interval narrower than the evidence for it."""
    seen: dict[Sha256, set[int]] = {}
    for source in sources:
        rows = seen.setdefault(source.sha256, set())
        if again := rows.intersection(source.rows):
            raise InputError(f"{group}: {len(again)} rows of {source.ref} are named twice", hint="name each row once")
        rows.update(source.rows)


def training(session: Session, version: ModelVersion) -> list[Source]:
    """All that lineage says the version was trained on, for its features only: labels are not needed to recognise a record."""
    return [
        Source(
            row.id,
            row.ref,
            row.content_sha256,
            Path(row.location),
            row.label_column,
            row.subject_column,
            range(row.row_count),
        )
        for row in lineage.datasets_of(session, version)
    ]


def trained_among(sources: Sequence[Source], nonmembers: Records, *, regression: bool = False) -> tuple[int, list[str]]:
    """How many non-members have the very features of a record that the version was trained on, and what must be said.

    A dataset that cannot be read is said and not compared.

    Raises:
        EvidenceError: a file is not what was registered.
    """
    seen: Mask = np.zeros(len(nonmembers), dtype=bool)
    caveats = []
    for source in sources:
        try:
            table = _table(source, regression=regression)
        except InputError:
            caveats.append(
                f"Non-members were not compared with the training data {source.ref}, which could not be read."
            )
            continue
        if table.features.shape[1:] == nonmembers.features.shape[1:]:
            seen |= among(nonmembers.features, table.features)
    return int(seen.sum()), caveats


def source(group: str, row: DatasetVersion, item: DatasetRows) -> Source:
    """These rows of a dataset, as records with labels; `group` is what they are for.

    Raises:
        InputError: it has no labels, or the range of rows is empty.
    """
    if row.label_column is None and group != PUBLIC:  # what other people's records are labelled says nothing here
        raise InputError(
            f"{group}: {row.ref} was registered without its label column", hint="register it again with --label NAME"
        )
    rows = item.range(row.row_count)
    if not len(rows):
        raise InputError(f"{group}: no rows of {row.ref} lie in {item.rows!r}", hint=f"it has {row.row_count} rows")
    return Source(row.id, row.ref, row.content_sha256, Path(row.location), row.label_column, row.subject_column, rows)


def _table(source: Source, *, regression: bool) -> Table:
    return read_table(
        source.path, label=source.label, subject=source.subject, expect=source.sha256, regression=regression
    )


def read(sources: Sequence[Source], *, regression: bool = False) -> Records | None:
    """The records of one group, joined in order; None when it has no source.

    Of a `regression` they carry their labels as `residuals` says.

    Raises:
        EvidenceError: a file is not what was registered.
        InputError: unreadable, or the datasets have different numbers of features.
    """
    if not sources:
        return None
    parts = []
    for source in sources:
        table = _table(source, regression=regression)
        chosen = np.arange(source.rows.start, source.rows.stop, source.rows.step)
        people = None if table.subjects is None else table.subjects[chosen]
        if table.values is not None:
            parts.append(residuals.records(table.features[chosen], table.values[chosen], people))
            continue
        labels = np.zeros(len(table.features), dtype=np.int64) if table.labels is None else table.labels
        parts.append(Records(table.features[chosen], labels[chosen], people, table.columns))
    widths = {part.features.shape[1] for part in parts}
    if len(widths) != 1:
        raise InputError(f"datasets of one group have different numbers of features: {sorted(widths)}")
    named = {part.columns for part in parts if part.columns}
    if len(named) > 1:
        raise InputError("datasets of one group have different columns, or the same in another order")
    subjects = [part.subjects for part in parts if part.subjects is not None]
    return Records(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate(subjects) if len(subjects) == len(parts) else None,
        next(iter(named), ()),
    )


def shared(first: Records | None, second: Records | None) -> int:
    """How many records of `second` have the very features of a record of `first`."""
    if first is None or second is None:
        return 0
    return int(among(second.features, first.features).sum())


def among(asked: Features, known: Features) -> Mask:
    """(asked,) which records have the very features of one of `known`."""
    return np.isin(_rows(asked), _rows(known))


def _rows(features: Features) -> NDArray[Any]:
    """Each row as one opaque value that compares by its bytes (0.0 and -0.0 made the same)."""
    plain = np.ascontiguousarray(features + np.float32(0), dtype="<f4")
    return plain.view(np.dtype((np.void, plain.shape[1] * 4))).ravel()


def check_labels(records: Records | None, n_classes: int, group: str) -> None:
    """Refuse labels the model has no class for.

    Raises:
        InputError: one lies outside 0 to n_classes - 1.
    """
    if records is None:
        return
    outside: Mask = (records.labels < 0) | (records.labels >= n_classes)
    if outside.any():
        raise InputError(
            f"{group}: {int(outside.sum())} labels lie outside the model's classes 0 to {n_classes - 1}",
            hint="are these the labels it was trained with?",
        )
