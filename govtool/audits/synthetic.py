"""Audits a registered synthetic dataset and remembers it, as `runner` does for models: started first, the outcome last."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from govtool import runtime
from govtool.attacks.synthetic import comparable
from govtool.attacks.synthetic.catalog import SYNTHETIC_ATTACKS, positive_control
from govtool.attacks.synthetic.interface import FAMILY, SyntheticAttack, Tables
from govtool.audits import plan as plans
from govtool.audits import synthetic_data
from govtool.audits.book import Book, OpenWrite, reason_of
from govtool.audits.data import Source
from govtool.audits.models import AttackRecord, AuditRun
from govtool.audits.runner import AttackSummary, RunSummary
from govtool.audits.stage import Progress
from govtool.audits.synthetic_spec import SyntheticSpec
from govtool.evidence import ledger
from govtool.evidence.vault import Vault
from govtool.registry import service
from govtool.registry.models import DatasetVersion
from govtool.runtime import Clock, new_id


def run_audit(
    open_write: OpenWrite,
    vault: Vault,
    ref: str,
    spec: SyntheticSpec,
    spec_bytes: bytes,
    *,
    clock: Clock,
    by: str,
    progress: Progress = lambda _step, _done, _total: None,
    attacks: Mapping[str, SyntheticAttack] = SYNTHETIC_ATTACKS,
) -> RunSummary:
    """Attack the synthetic dataset version `ref` as `spec` (parsed from `spec_bytes`) asks.

    Raises:
        NotFoundError: a dataset is not registered (nothing is recorded).
        InputError: nothing says what it was made from (nothing is recorded), or the tables do not fit together (recorded
            as a failed run).
        EvidenceError: a dataset is not what was registered; recorded as a failed run.
    """
    began = runtime.monotonic()
    book = Book(open_write, vault, clock, by, new_id("run"))
    stored = vault.put(spec_bytes)
    with open_write() as session:
        version, sources = _settle(session, ref, spec)
        ledger.record(session, _started(book.run_id, version, spec, sources, stored.sha256), now=clock(), by=by)
    try:
        tables = synthetic_data.read(sources, spec)
        found = _each(book, tables, spec, attacks, progress)
    except Exception as error:
        book.add(book.ended("failed", reason_of(error), began))
        raise
    failed = {summary.status for summary in found if summary.status != "not_requested"} == {"failed"}
    outcome = book.ended(
        "failed" if failed else "completed", "every attack that was run failed" if failed else "", began
    )
    book.add(outcome)
    return RunSummary(
        book.run_id, version.ref, _scene(sources), outcome.status, outcome.error, outcome.duration_s, found
    )


def _settle(session: Session, ref: str, spec: SyntheticSpec) -> tuple[DatasetVersion, dict[str, list[Source]]]:
    version = service.dataset_version(session, ref)
    return version, synthetic_data.find(session, version, spec)


def _scene(sources: Mapping[str, list[Source]]) -> str:
    return f"synthetic data made from {', '.join(source.ref for source in sources['original'])}"


def _started(
    run_id: str, version: DatasetVersion, spec: SyntheticSpec, sources: Mapping[str, list[Source]], spec_sha256: Any
) -> AuditRun:
    asked = _requested(spec, SYNTHETIC_ATTACKS)
    return AuditRun(
        id=run_id,
        dataset_version_id=version.id,
        deployment_id=None,
        access=[],
        spec_sha256=spec_sha256,
        resolved={
            "dataset": version.ref,
            "target": _scene(sources),
            # By the names that audits of models use, so that one reader understands both.
            "records": {
                {"original": "members", "control": "nonmembers"}.get(group, group): [one.to_dict() for one in found]
                for group, found in sources.items()
            },
            "counts": {group: sum(len(one.rows) for one in found) for group, found in sources.items()},
            "columns": dict(spec.columns),
            "attacks": {name: dict(params) for name, params in asked.items()},
            "families": dict.fromkeys(asked, FAMILY),
            "positive_control": spec.positive_control,
            "seed": spec.seed,
        },
        seed=spec.seed,
        versions=plans.versions(),
    )


def _requested(spec: SyntheticSpec, attacks: Mapping[str, SyntheticAttack]) -> Mapping[str, Mapping[str, Any]]:
    return {name: {} for name in attacks} if spec.attacks is None else spec.attacks


def _each(
    book: Book, tables: Tables, spec: SyntheticSpec, attacks: Mapping[str, SyntheticAttack], progress: Progress
) -> list[AttackSummary]:
    progress("compare originals with control records", 0, 1)
    void = comparable.void(tables, runtime.rng(spec.seed, "validity"))
    requested = _requested(spec, attacks)
    found: list[AttackSummary] = []
    for name, attack in attacks.items():
        progress("attacks", len(found), len(attacks))
        if name in requested:
            row = _one(book, tables, spec, attack, {**requested[name], "validity": void})
        else:
            reason = "the spec did not ask for it"
            row = book.blank(name, FAMILY, status="not_requested", reason=reason, duration_s=0.0)
        book.add(row)
        found.append(AttackSummary(row.id, name, row.family, row.status, row.reason, row.metrics, row.duration_s))
    progress("attacks", len(attacks), len(attacks))
    return found


def _one(
    book: Book, tables: Tables, spec: SyntheticSpec, attack: SyntheticAttack, params: dict[str, Any]
) -> AttackRecord:
    """Run one attack; whatever comes of it is a record."""
    began = runtime.monotonic()
    try:
        if spec.positive_control:
            planted = runtime.rng(spec.seed, f"{attack.name}-control")
            params["positive_control"] = positive_control(attack, tables, params, planted)
        outcome = attack.run(tables, params, runtime.rng(spec.seed, attack.name))
        return book.found(attack.name, FAMILY, outcome, {"seed": spec.seed}, runtime.monotonic() - began)
    except Exception as error:  # noqa: BLE001 - one attack of many: the failure is stored as data
        reason = reason_of(error)
        return book.blank(attack.name, FAMILY, status="failed", reason=reason, duration_s=runtime.monotonic() - began)
