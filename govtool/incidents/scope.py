"""Whose data was exposed: which training records the named principals had answered, and how many people that is.

A lower bound, and said so: only verbatim queries in the preserved logs count. The list of rows and keyed subject
digests is restricted evidence; notices carry the counts alone.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from govtool.errors import InputError, WorkError
from govtool.evidence import ledger
from govtool.evidence.vault import Vault
from govtool.incidents import fingerprint
from govtool.incidents.detectors.interface import records
from govtool.incidents.engine import open_events
from govtool.incidents.models import Incident, Scope
from govtool.incidents.service import ingests, scopes
from govtool.incidents.training import Model, answered_by, model_of, read_records, training_datasets
from govtool.registry.models import DatasetVersion
from govtool.runtime import new_id, new_token

SCHEMA = "govtool.incident_scope/1"
METHOD = (
    "training records whose float32 bytes equal an input that one of the principals sent and the model answered, in the "
    "preserved logs; altered copies and requests that were not logged are not counted, so the number is a lower bound"
)


def scope(
    session: Session,
    vault: Vault,
    incident: Incident,
    principals: Sequence[str],
    *,
    dataset: DatasetVersion | None = None,
    now: datetime,
    by: str,
) -> Scope:
    """Count and record in the caller's one transaction. The command line counts in a reading one instead."""
    return record(session, vault, count(session, vault, incident, principals, dataset=dataset), now=now, by=by)


def count(
    session: Session,
    vault: Vault,
    incident: Incident,
    principals: Sequence[str],
    *,
    dataset: DatasetVersion | None = None,
) -> Scope:
    """Count the records and data subjects that these principals had answered. Reads the database only.

    Args:
        session: open session.
        vault: where the logs and the list lie.
        incident: the case; it must name its model version.
        principals: as they stand in the log.
        dataset: which training dataset, where the model has several.

    Returns:
        The scope, not recorded yet.

    Raises:
        InputError: no principals, a principal that the logs do not know, no model or training dataset, or several.
        EvidenceError: the dataset's file or a log has changed.
    """
    wanted = sorted(set(principals))
    if not wanted:
        raise InputError("no principal to scope", hint="name them, or run govtool incident detect first")
    chosen, model = _dataset(session, incident, dataset), model_of(session, incident)
    assert model is not None  # a training dataset was found through it
    table = read_records(chosen)
    asked = _asked(session, vault, incident, wanted, model)
    rows = [number for number, digest in enumerate(fingerprint.rows(table.features)) if digest in asked]
    salt = _salt(session, vault, incident)
    subjects = None if table.subjects is None else [_digest(salt, str(table.subjects[number])) for number in rows]
    nobody = 0 if subjects is None else subjects.count(None)
    stored = vault.put(_list(incident, chosen, salt, rows, subjects))
    return Scope(
        id=new_id("scp"),
        incident_id=incident.id,
        dataset_version_id=chosen.id,
        principals=wanted,
        records_count=len(rows),
        subjects_count=None if subjects is None else len(set(subjects) - {None}),
        method=METHOD + (f"; {nobody} of the records name no subject and are not counted as people" if nobody else ""),
        list_sha256=stored.sha256,
    )


def record(session: Session, vault: Vault, counted: Scope, *, now: datetime, by: str) -> Scope:
    """Record what `count` counted.

    Raises:
        WorkError: another first scope of the case was recorded meanwhile, and their lists do not share a salt.
    """
    earlier = scopes(session, counted.incident_id)
    if earlier and _salt_of(vault, earlier[0]) != _salt_of(vault, counted):
        raise WorkError(f"{earlier[0].id} was recorded while this was counted", hint="run it again")
    return ledger.record(session, counted, now=now, by=by)


def _dataset(session: Session, incident: Incident, dataset: DatasetVersion | None) -> DatasetVersion:
    known = training_datasets(session, incident)
    if not known:
        raise InputError(
            "no training dataset is recorded for the incident's model version",
            hint="govtool lineage add MODEL@V trained_on DATASET@V",
        )
    if dataset is None and len(known) > 1:
        raise InputError(
            f"the model was trained on {', '.join(row.ref for row in known)}", hint="choose one with --dataset"
        )
    if dataset is not None and dataset.id not in {row.id for row in known}:
        raise InputError(f"the incident's model version was not trained on {dataset.ref}", hint="govtool lineage show")
    return dataset or known[0]


def _asked(session: Session, vault: Vault, incident: Incident, wanted: Sequence[str], model: Model) -> set[str]:
    """Fingerprints of everything these principals sent and had answered."""
    with open_events(vault, ingests(session, incident.id)) as engine:
        events = engine.events
        mine = events.filter(events.principal.isin(list(wanted)))
        present = {row["principal"] for row in records(mine[["principal"]].distinct())}
        if missing := sorted(set(wanted) - present):
            raise InputError(
                f"the preserved logs do not know {', '.join(missing)[:300]}", hint="govtool incident detect lists them"
            )
        inputs = answered_by(mine, model)
        inputs = inputs.mutate(fingerprint=inputs.fingerprints).unnest("fingerprint")
        return {row["fingerprint"] for row in records(inputs[["fingerprint"]].distinct())}


def _salt(session: Session, vault: Vault, incident: Incident) -> str:
    """One salt per case, so that its lists can be compared with each other and with nothing else."""
    earlier = scopes(session, incident.id)
    return _salt_of(vault, earlier[0]) if earlier else new_token()


def _salt_of(vault: Vault, row: Scope) -> str:
    return str(json.loads(vault.read(row.list_sha256).split(b"\n", 1)[0])["salt"])


def _digest(salt: str, subject: str) -> str | None:
    """None for a record that names nobody: several of those are not one person."""
    if not subject.strip():
        return None
    return hmac.new(salt.encode(), subject.encode(), hashlib.sha256).hexdigest()


def _list(
    incident: Incident, dataset: DatasetVersion, salt: str, rows: Iterable[int], subjects: Sequence[str | None] | None
) -> bytes:
    """JSON Lines: a header, then one row number (from 0, in the dataset's order) with its keyed subject digest."""
    header = {
        "schema": SCHEMA,
        "incident": incident.id,
        "dataset": dataset.ref,
        "sha256": dataset.content_sha256,
        "salt": salt,
    }
    body = [{"row": row, "subject": subjects[i] if subjects is not None else None} for i, row in enumerate(rows)]
    return b"".join(json.dumps(each, sort_keys=True).encode() + b"\n" for each in [header, *body])
