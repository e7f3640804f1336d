"""Runs an audit and remembers it: started first, each attack as soon as it is done, the outcome last.

Each of these is a transaction of its own, so that a process that dies leaves what it had found, and a started row
without an outcome.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from govtool import runtime, settings
from govtool.attacks import mi_face
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import Attack, AttackResult, NotApplicable, NotTestable, Outcome
from govtool.audits import control, factories
from govtool.audits import plan as plans
from govtool.audits.models import AttackRecord, AuditOutcome, AuditRun
from govtool.audits.plan import Plan
from govtool.audits.spec import AuditSpec
from govtool.audits.stage import MEMBERSHIP, Progress, Shared, Stage, obstacle, set_up, share
from govtool.errors import GovtoolError
from govtool.evidence import ledger
from govtool.evidence.vault import Vault, npz_bytes
from govtool.runtime import Clock, new_id

OpenWrite = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True)
class AttackSummary:
    """One line of a run: the record's id and what it says."""

    record_id: str
    attack: str
    family: str
    status: str
    reason: str
    metrics: Mapping[str, Any]
    duration_s: float


@dataclass(frozen=True)
class RunSummary:
    """What a run came to. `status` is completed, or failed when every attack that was run failed."""

    run_id: str
    model: str
    target: str
    status: str
    error: str
    duration_s: float
    attacks: list[AttackSummary] = field(default_factory=list)


@dataclass(frozen=True)
class _Book:
    """Where and as whom a run is written down."""

    open_write: OpenWrite
    vault: Vault
    clock: Clock
    by: str
    run_id: str

    def add(self, row: AuditRun | AuditOutcome | AttackRecord) -> None:
        with self.open_write() as session:
            ledger.record(session, row, now=self.clock(), by=self.by)


def run_audit(
    open_write: OpenWrite,
    vault: Vault,
    ref: str,
    spec: AuditSpec,
    spec_bytes: bytes,
    *,
    clock: Clock,
    by: str,
    progress: Progress = lambda _step, _done, _total: None,
    trust_pickle: str | None = None,
    trust_factory: str | None = None,
    attacks: Mapping[str, Attack] = ATTACKS,
    environ: Mapping[str, str] | None = None,
) -> RunSummary:
    """Run the audit that `spec` (parsed from `spec_bytes`) asks for, on the model version `ref`.

    Raises:
        UntrustedArtifactError: it would call a factory of somebody's own that `trust_factory` does not name.
        InputError: the spec does not fit the registry (nothing is recorded), or records and model do not belong
            together (recorded as a failed run).
        WorkError: the target did not load or answer; recorded as a failed run.
        EvidenceError: a dataset or artifact is not what was registered; recorded as a failed run.
    """
    began = runtime.monotonic()
    book = _Book(open_write, vault, clock, by, new_id("run"))
    stored = vault.put(spec_bytes)
    with open_write() as session:
        plan = plans.make(session, ref, spec, attacks)
        named = [plan.version.factory if plan.endpoint is None else None, plan.recipe.factory if plan.recipe else None]
        factories.vouch(named, trust_factory)
        ledger.record(session, _started(book.run_id, plan, stored.sha256), now=clock(), by=by)
    try:
        found = _attack_all(book, plan, attacks, progress, settings.environment(environ), trust_pickle)
    except Exception as error:
        book.add(_outcome(book, "failed", reason_of(error), began))
        raise
    ran = [summary.status for summary in found if summary.status in ("completed", "void", "failed")]
    failed = bool(ran) and set(ran) == {"failed"}
    outcome = _outcome(
        book, "failed" if failed else "completed", "every attack that was run failed" if failed else "", began
    )
    book.add(outcome)
    return RunSummary(
        book.run_id, plan.version.ref, plan.scene, outcome.status, outcome.error, outcome.duration_s, found
    )


def reason_of(error: Exception) -> str:
    """Why, without a word from the data: our own messages are written to be shown, others' may quote values."""
    return error.message if isinstance(error, GovtoolError) else f"unexpected {type(error).__name__}"


def _attack_all(
    book: _Book,
    plan: Plan,
    attacks: Mapping[str, Attack],
    progress: Progress,
    environ: Mapping[str, str],
    trust: str | None,
) -> list[AttackSummary]:
    progress("open the target", 0, 1)
    stage = set_up(plan, book.vault, environ, trust)
    try:
        with _one_thread():
            return _each(book, stage, attacks, progress)
    finally:
        if stage.opened.http is not None:
            stage.opened.http.close()


def _each(book: _Book, stage: Stage, attacks: Mapping[str, Attack], progress: Progress) -> list[AttackSummary]:
    hindered: dict[str, tuple[str, str] | None] = {
        name: obstacle(stage, attack)
        if name in stage.plan.requested
        else ("not_requested", "the spec did not ask for it")
        for name, attack in attacks.items()
    }
    runnable = [name for name, hindrance in hindered.items() if hindrance is None]
    needed = any(attacks[name].family == MEMBERSHIP for name in runnable)
    shared = share(stage, progress) if needed else None
    found: list[AttackSummary] = []
    for name, attack in attacks.items():
        progress("attacks", len(found), len(attacks))
        hindrance = hindered[name]
        if hindrance is not None:
            row = _row(book, attack, status=hindrance[0], reason=hindrance[1], duration_s=0.0)
            book.add(row)
        else:
            row = _one(book, stage, shared, attack)
        found.append(AttackSummary(row.id, name, row.family, row.status, row.reason, row.metrics, row.duration_s))
    progress("attacks", len(attacks), len(attacks))
    return found


def _one(book: _Book, stage: Stage, shared: Shared | None, attack: Attack) -> AttackRecord:
    """Run one attack and write down what came of it, whatever that is."""
    began = runtime.monotonic()
    queries = stage.opened.http.queries if stage.opened.http else 0
    try:
        outcome, arrays = _run(stage, shared, attack)
        row = _result_row(book, stage, attack, outcome, arrays, queries, runtime.monotonic() - began)
        book.add(row)
    except Exception as error:  # noqa: BLE001 - one attack of many: the failure is stored as data
        row = _row(book, attack, status="failed", reason=reason_of(error), duration_s=runtime.monotonic() - began)
        book.add(row)
    return row


def _run(stage: Stage, shared: Shared | None, attack: Attack) -> tuple[Outcome, Mapping[str, Any]]:
    seed, params = stage.plan.spec.seed, dict(stage.plan.requested[attack.name])
    if attack.run is mi_face.run and stage.plan.spec.positive_control and stage.records.evaluation is not None:
        params["positive_control"] = mi_face.control(stage.asked, params, runtime.rng(seed, f"{attack.name}-control"))
    if attack.family != MEMBERSHIP or shared is None:
        return attack.run(stage.target, stage.asked, params, runtime.rng(seed, attack.name)), {"seed": seed}
    params |= shared.params
    if shared.control is not None:
        params["positive_control"] = control.judge(
            shared.control, attack, params, runtime.rng(seed, f"{attack.name}-control")
        )
    return attack.run(stage.target, shared.data, params, runtime.rng(seed, attack.name)), shared.arrays


def _result_row(
    book: _Book,
    stage: Stage,
    attack: Attack,
    outcome: Outcome,
    arrays: Mapping[str, Any],
    queries: int,
    duration_s: float,
) -> AttackRecord:
    """Bytes go to the vault first, so that the row never names what is not there."""
    if isinstance(outcome, NotApplicable):
        return _row(book, attack, status="not_applicable", reason=outcome.reason, duration_s=duration_s)
    if isinstance(outcome, NotTestable):
        return _row(book, attack, status="not_testable", reason=outcome.reason, duration_s=duration_s)
    assert isinstance(outcome, AttackResult)
    evidence = book.vault.put(npz_bytes({**outcome.arrays, **arrays}))
    row = _row(book, attack, status="void" if outcome.void else "completed", reason=outcome.void, duration_s=duration_s)
    row.knowledge = outcome.knowledge
    row.access = sorted(str(access) for access in outcome.access)
    row.metrics = {name: estimate.to_dict() for name, estimate in outcome.metrics.items()}
    row.baselines = dict(outcome.baselines)
    row.counts = asdict(outcome.counts) if outcome.counts else {}
    row.detail = {
        **outcome.detail,
        "figures": [{"name": found.name, "caption": found.caption} for found in outcome.figures],
        **({"queries": stage.opened.http.queries - queries} if stage.opened.http else {}),
    }
    row.caveats = [*outcome.caveats, *stage.seen.caveats, *stage.opened.caveats, *_record_caveats(stage, row.family)]
    row.evidence_sha256 = evidence.sha256
    row.figures = [book.vault.put(found.png).sha256 for found in outcome.figures]
    return row


_LIKE = (0.8, 1.25)
"""References trained on this share of the target's records are like it in that respect."""


def _record_caveats(stage: Stage, family: str) -> list[str]:
    """What must be said about the records beside what the attack saw of them."""
    if family != MEMBERSHIP:
        return []
    found = list(stage.caveats)
    trained, members = sum(len(source.rows) for source in stage.plan.training), len(stage.records.members)
    if stage.trained_on:
        found.append(
            f"{stage.trained_on} of {len(stage.records.nonmembers)} non-members have the features of a record that the "
            f"version was trained on; they hide leakage."
        )
    if trained > members:
        found.append(f"The members are {members:,} of the {trained:,} records that the version was trained on.")
    references = len(stage.records.labels) // 2
    if stage.plan.recipe is not None and trained and not _LIKE[0] <= references / trained <= _LIKE[1]:
        found.append(
            f"Reference models are trained on {references:,} records, the target on {trained:,}; they can differ from it "
            f"in what they remember."
        )
    return found


def _row(book: _Book, attack: Attack, *, status: str, reason: str, duration_s: float) -> AttackRecord:
    return AttackRecord(
        id=new_id("att"),
        run_id=book.run_id,
        attack=attack.name,
        family=attack.family,
        status=status,
        reason=reason,
        knowledge="",
        access=[],
        metrics={},
        baselines={},
        counts={},
        detail={},
        caveats=[],
        evidence_sha256=None,
        figures=[],
        duration_s=duration_s,
    )


def _started(run_id: str, plan: Plan, spec_sha256: Any) -> AuditRun:
    return AuditRun(
        id=run_id,
        model_version_id=plan.version.id,
        deployment_id=plan.deployment.id if plan.deployment else None,
        access=sorted(str(access) for access in plan.exposed or ()),
        spec_sha256=spec_sha256,
        resolved=plan.to_dict(),
        seed=plan.spec.seed,
        versions=plans.versions(),
    )


def _outcome(book: _Book, status: str, error: str, began: float) -> AuditOutcome:
    return AuditOutcome(
        id=new_id("out"),
        run_id=book.run_id,
        status=status,
        error=error,
        duration_s=runtime.monotonic() - began,
        finished_at=book.clock(),
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums split over threads differ in their last bits; evidence is the same every time."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
