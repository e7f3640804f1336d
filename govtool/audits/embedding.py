"""Audits registered vectors of texts and remembers it, as `synthetic` does for tables. The texts themselves are never stored."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from govtool import runtime
from govtool.attacks.embedding.catalog import EMBEDDING_ATTACKS, positive_control
from govtool.attacks.embedding.question import FAMILY, EmbeddingAttack, Store
from govtool.attacks.embedding.texts import Words
from govtool.audits import embedding_data, factories
from govtool.audits import plan as plans
from govtool.audits.book import Book, OpenWrite, reason_of
from govtool.audits.data import Source
from govtool.audits.embedding_spec import EmbeddingsSpec
from govtool.audits.models import AttackRecord, AuditRun
from govtool.audits.runner import AttackSummary, RunSummary
from govtool.audits.spec import DatasetRows
from govtool.audits.stage import Progress
from govtool.evidence import ledger
from govtool.evidence.vault import Vault
from govtool.registry import service
from govtool.registry.datafile import read_table
from govtool.registry.models import DatasetVersion
from govtool.runtime import Clock, new_id

Tell = Callable[[Sequence[Words]], None]


@dataclass(frozen=True)
class Asked:
    """A spec, its bytes, and the folder that its files are named from."""

    spec: EmbeddingsSpec
    data: bytes
    folder: Path


def run_audit(
    open_write: OpenWrite,
    vault: Vault,
    ref: str,
    asked: Asked,
    *,
    clock: Clock,
    by: str,
    progress: Progress = lambda _step, _done, _total: None,
    trust_factory: Collection[str] = (),
    tell: Tell | None = None,
) -> RunSummary:
    """Attack the registered vectors `ref`. `tell` is given the texts that were read back, to be kept where only their owner reads.

    Raises:
        NotFoundError: the vectors are not registered (nothing is recorded).
        UntrustedArtifactError: the embedder is code that `trust_factory` does not name (nothing is recorded).
        InputError: a file is not there (nothing is recorded), or texts and vectors do not go together (recorded as failed).
        WorkError: the embedder does not load or answer; recorded as a failed run.
        EvidenceError: the vectors are not what was registered; recorded as a failed run.
    """
    began = runtime.monotonic()
    spec = asked.spec
    factories.vouch([spec.embedder.factory if spec.embedder else None], trust_factory)
    files = embedding_data.read(spec, asked.folder)
    book = Book(open_write, vault, clock, by, new_id("run"))
    stored = vault.put(asked.data)
    with open_write() as session:
        version, source = _found(session, ref)
        ledger.record(session, _started(book.run_id, version, source, spec, files, stored.sha256), now=clock(), by=by)
    try:
        table = read_table(source.path, label=source.label, subject=source.subject, expect=source.sha256)
        held = embedding_data.store(spec, table.features.astype(np.float64), files)
        found = _each(book, held, spec, progress, tell)
    except Exception as error:
        book.add(book.ended("failed", reason_of(error), began))
        raise
    failed = {summary.status for summary in found if summary.status != "not_requested"} == {"failed"}
    reason = "every attack that was run failed" if failed else ""
    outcome = book.ended("failed" if failed else "completed", reason, began)
    book.add(outcome)
    return RunSummary(
        book.run_id, version.ref, "stored vectors of texts", outcome.status, outcome.error, outcome.duration_s, found
    )


def _found(session: Session, ref: str) -> tuple[DatasetVersion, Source]:
    row = service.dataset_version(session, ref)
    rows = DatasetRows(dataset=row.ref).range(row.row_count)
    return row, Source(
        row.id, row.ref, row.content_sha256, Path(row.location), row.label_column, row.subject_column, rows
    )


def _started(
    run_id: str,
    version: DatasetVersion,
    source: Source,
    spec: EmbeddingsSpec,
    files: embedding_data.Read,
    spec_sha256: Any,
) -> AuditRun:
    wanted = _wanted(spec)
    public = files.contents["public texts"].count(b"\n")
    return AuditRun(
        id=run_id,
        dataset_version_id=version.id,
        deployment_id=None,
        access=[],
        spec_sha256=spec_sha256,
        resolved={
            "dataset": version.ref,
            "target": "stored vectors of texts",
            "records": {"members": [source.to_dict()]},
            "counts": {"stored vectors": len(source.rows), "lines of public text": public},
            "files": dict(files.digests),
            "attacks": {name: dict(params) for name, params in wanted.items()},
            "families": dict.fromkeys(wanted, FAMILY),
            "positive_control": spec.positive_control,
            "seed": spec.seed,
        },
        seed=spec.seed,
        versions=plans.versions(),
    )


def _wanted(spec: EmbeddingsSpec) -> Mapping[str, Mapping[str, Any]]:
    return {name: {} for name in EMBEDDING_ATTACKS} if spec.attacks is None else spec.attacks


def _each(book: Book, held: Store, spec: EmbeddingsSpec, progress: Progress, tell: Tell | None) -> list[AttackSummary]:
    wanted, found = _wanted(spec), list[AttackSummary]()
    for name, attack in EMBEDDING_ATTACKS.items():
        progress("attacks", len(found), len(EMBEDDING_ATTACKS))
        if name in wanted:
            row = _one(book, held, spec, attack, dict(wanted[name]), tell)
        else:
            reason = "the spec did not ask for it"
            row = book.blank(name, FAMILY, status="not_requested", reason=reason, duration_s=0.0)
        book.add(row)
        found.append(AttackSummary(row.id, name, row.family, row.status, row.reason, row.metrics, row.duration_s))
    progress("attacks", len(EMBEDDING_ATTACKS), len(EMBEDDING_ATTACKS))
    return found


def _one(
    book: Book, held: Store, spec: EmbeddingsSpec, attack: EmbeddingAttack, params: dict[str, Any], tell: Tell | None
) -> AttackRecord:
    """Run one attack; whatever comes of it is a record."""
    began = runtime.monotonic()
    try:
        if spec.positive_control:
            planted = runtime.rng(spec.seed, f"{attack.name}-control")
            params["positive_control"] = positive_control(attack, held, params, planted)
        outcome = attack.run(held, {**params, "tell": tell}, runtime.rng(spec.seed, attack.name))
        return book.found(attack.name, FAMILY, outcome, {"seed": spec.seed}, runtime.monotonic() - began)
    except Exception as error:  # noqa: BLE001 - one attack of many: the failure is stored as data
        reason = reason_of(error)
        return book.blank(attack.name, FAMILY, status="failed", reason=reason, duration_s=runtime.monotonic() - began)
