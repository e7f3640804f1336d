"""The members of a run, most exposed first: who would have to be told, looked after, or taken out of the training set.

A view of the scores in the vault: nothing is asked of the model again. The list holds row numbers, and people only where
they are asked for; it is for those who may see the dataset itself, never for a report.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from govtool.attacks.interface import FloatArray
from govtool.attacks.membership import risk
from govtool.audits import service
from govtool.audits.models import AttackRecord, AuditRun
from govtool.errors import InputError, WorkError
from govtool.evidence.vault import Vault
from govtool.registry import service as registry
from govtool.registry.datafile import read_table

PREFERRED = ("combined", "lira", "rmia", "loss_threshold")
"""Which attack's scores rank the records, unless one is named: the strongest first."""
COLUMNS = ("dataset", "row", "score", "p_value", "sensitivity")


@dataclass(frozen=True)
class RecordRisk:
    """One member. `p_value` is the share of non-members that score as high; see `attacks.membership.risk`."""

    dataset: str
    row: int
    score: float
    p_value: float
    sensitivity: float | None
    """How far the record moves a model that is trained on it, in standard deviations; None without references."""
    subject: str | None = None


@dataclass(frozen=True)
class RiskList:
    record: AttackRecord
    rows: Sequence[RecordRisk]
    by_person: bool
    """Scores and p-values are a person's, the same for each of their records."""


def listed(
    session: Session, vault: Vault, run: AuditRun, *, attack: str | None = None, subjects: bool = False
) -> RiskList:
    """All members of the run by falling exposure; ties in the order of the datasets.

    Raises:
        InputError: the run has no usable membership scores, or subjects are asked for and a dataset names none.
        EvidenceError: the scores in the vault, or a dataset's file, are not what was recorded.
    """
    record = _chosen(service.records(session, run.id), attack)
    assert record.evidence_sha256 is not None
    with np.load(BytesIO(vault.read(record.evidence_sha256)), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    scores, values = _by_record(arrays)
    members = np.flatnonzero(arrays["membership"])
    moved: FloatArray = arrays.get("sensitivity", np.full(len(arrays["membership"]), np.nan))[members]
    places = list(_places(session, run, subjects=subjects))
    if len(places) != len(members):
        raise WorkError(f"the run says it has {len(places)} members, its scores are of {len(members)}")
    order = np.argsort(values, kind="stable")
    rows = [
        RecordRisk(
            places[i][0],
            places[i][1],
            float(scores[i]),
            float(values[i]),
            float(moved[i]) if np.isfinite(moved[i]) else None,
            places[i][2],
        )
        for i in order
    ]
    return RiskList(record, rows, "unit_scores" in arrays)


def write_csv(rows: Sequence[RecordRisk], stream: IO[str], *, subjects: bool) -> None:
    """One line per record, most exposed first. Absent sensitivities are empty, not zero."""
    writer = csv.writer(stream)
    writer.writerow([*COLUMNS, *(["subject"] if subjects else [])])
    for row in rows:
        moved = "" if row.sensitivity is None else f"{row.sensitivity:.4g}"
        named = [_inert(row.subject or "")] if subjects else []
        writer.writerow([_inert(row.dataset), row.row, f"{row.score:.6g}", f"{row.p_value:.6g}", moved, *named])


def _inert(text: str) -> str:
    """A spreadsheet would run a cell that begins like a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _chosen(records: Sequence[AttackRecord], attack: str | None) -> AttackRecord:
    usable = {row.attack: row for row in records if row.family == "membership_inference" and row.status == "completed"}
    wanted = (attack,) if attack else (*PREFERRED, *usable)
    for name in wanted:
        if name in usable:
            return usable[name]
    held = ", ".join(usable) or "none"
    raise InputError(
        f"the run has no usable scores of {attack}" if attack else "the run has no usable membership scores",
        hint=f"completed membership attacks of this run: {held}",
    )


def _by_record(arrays: dict[str, NDArray[Any]]) -> tuple[FloatArray, FloatArray]:
    """(members,) scores and p-values; where the unit is a person, the person's."""
    if "unit_scores" not in arrays:
        membership = arrays["membership"].astype(bool)
        return arrays["scores"][membership], risk.p_values(arrays["scores"], membership)
    unit_scores, inside = arrays["unit_scores"], arrays["unit_membership"].astype(bool)
    values = np.ones(int(arrays["unit_of"].max()) + 1)  # a person on both sides is no more exposed than anybody
    spread = np.full(len(values), np.nan)
    values[arrays["unit_chosen"][inside]] = risk.p_values(unit_scores, inside)
    spread[arrays["unit_chosen"]] = unit_scores
    mine = arrays["unit_of"][arrays["membership"].astype(bool)]
    return spread[mine], values[mine]


def _places(session: Session, run: AuditRun, *, subjects: bool) -> Iterator[tuple[str, int, str | None]]:
    """Where each member stands, in the order in which the run read them."""
    for source in run.resolved["records"]["members"]:
        rows = range(*source["rows"])
        people = _people(session, source) if subjects else None
        for row in rows:
            yield source["dataset"], row, None if people is None else str(people[row])


def _people(session: Session, source: dict[str, Any]) -> NDArray[Any]:
    version = registry.dataset_version(session, source["dataset_version_id"])
    if version.subject_column is None:
        raise InputError(
            f"{version.ref} was registered without a column that says whose each record is",
            hint="leave --subjects out, or register the dataset with --subject COLUMN",
        )
    table = read_table(
        Path(version.location), label=version.label_column, subject=version.subject_column, expect=source["sha256"]
    )
    assert table.subjects is not None
    return table.subjects
