"""Runs an audit and remembers it: started first, each attack as soon as it is done, the outcome last.

Each of these is a transaction of its own, so that a process that dies leaves what it had found, and a started row
without an outcome.
"""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from govtool import runtime, settings
from govtool.access import Access
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import Attack, AttackData, Outcome
from govtool.attacks.inversion import assembly as inversion
from govtool.attacks.inversion import split_swap
from govtool.audits import attribute, budgeting, control, dp_control, factories, whole_records
from govtool.audits import engine as engines
from govtool.audits import plan as plans
from govtool.audits.book import Book, OpenWrite, reason_of
from govtool.audits.engine import Engine
from govtool.audits.models import AttackRecord, AuditRun
from govtool.audits.plan import Plan
from govtool.audits.spec import AuditSpec
from govtool.audits.stage import (
    INVERSION,
    MEMBERSHIP,
    PRIVACY,
    PROPERTY,
    Progress,
    Shared,
    Stage,
    obstacle,
    set_up,
    share,
    with_twins,
    with_worlds,
)
from govtool.audits.training import device as devices
from govtool.errors import InputError
from govtool.evidence.vault import Vault
from govtool.runtime import Clock, new_id


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
    trust_factory: Collection[str] = (),
    attacks: Mapping[str, Attack] = ATTACKS,
    environ: Mapping[str, str] | None = None,
    engine: Engine | None = None,
    tell: Callable[[str], None] = lambda _text: None,
) -> RunSummary:
    """Run the audit that `spec` (parsed from `spec_bytes`) asks for, on the model version `ref`.

    `engine` says where reference models are trained and kept; without one, on this machine, and for this run only.
    `tell` is given what a budget decided.

    Raises:
        UntrustedArtifactError: it would call a function of somebody's own that `trust_factory` does not name.
        InputError: the spec does not fit the registry (nothing is recorded), or records and model do not belong
            together (recorded as a failed run).
        WorkError: there is no device as the spec demands (nothing is recorded), or the target did not load or answer;
            recorded as a failed run.
        EvidenceError: a dataset or artifact is not what was registered; recorded as a failed run.
    """
    began = runtime.monotonic()
    book = Book(open_write, vault, clock, by, new_id("run"))
    # Before the ledger is opened for writing: looking for a CUDA device imports torch, which takes seconds.
    trains = (
        spec.references > 0 or spec.property_ is not None or spec.attacks is None or split_swap.NAME in spec.attacks
    )
    by_epochs = spec.recipe is not None and spec.recipe.by_epochs and trains
    device = devices.resolve(spec.device) if by_epochs else "cpu"
    stored = vault.put(spec_bytes)
    with open_write() as session:
        plan = plans.make(session, ref, spec, attacks, vault, device)
        named = [one.version.factory for one in plan.company.planned]
        named += [chosen.version.factory for chosen in plan.generators.values()]
        named += [plan.recipe.factory, plan.recipe.function] if plan.recipe else []
        factories.vouch([plan.version.factory if plan.endpoint is None else None, *named], trust_factory)
    given, found = settings.environment(environ), list[AttackSummary]()
    try:
        with nullcontext(engine) if engine else engines.opened(None) as own:
            try:
                with _one_thread():
                    plan = budgeting.settle(plan, vault, given, trust_pickle, own, attacks, tell)
            finally:
                book.add(_started(book.run_id, plan, stored.sha256))
            found = _attack_all(book, plan, attacks, progress, given, trust_pickle, own)
    except Exception as error:
        book.add(book.ended("failed", reason_of(error), began))
        raise
    ran = [summary.status for summary in found if summary.status in ("completed", "void", "failed")]
    failed = bool(ran) and set(ran) == {"failed"}
    outcome = book.ended(
        "failed" if failed else "completed", "every attack that was run failed" if failed else "", began
    )
    book.add(outcome)
    return RunSummary(
        book.run_id, plan.version.ref, plan.scene, outcome.status, outcome.error, outcome.duration_s, found
    )


def _attack_all(
    book: Book,
    plan: Plan,
    attacks: Mapping[str, Attack],
    progress: Progress,
    environ: Mapping[str, str],
    trust: str | None,
    engine: Engine,
) -> list[AttackSummary]:
    progress("open the target", 0, 1)
    stage = set_up(plan, book.vault, environ, trust)
    try:
        _refuse_unfit(stage, attacks)
        with _one_thread():
            return _each(book, stage, attacks, progress, engine)
    finally:
        stage.opened.closing()


def _refuse_unfit(stage: Stage, attacks: Mapping[str, Attack]) -> None:
    """Before anything is trained or asked: parameters that cannot go with these records.

    Raises:
        InputError: such as a shape of another size, or a column that is not there.
    """
    for name, params in stage.plan.requested.items():
        try:
            attacks[name].fits(stage.records, params)
        except InputError as error:
            said = error.message.removeprefix(f"{name}: ")
            raise InputError(f"attack {name!r}: {said}", hint=error.hint) from error


def _each(
    book: Book, stage: Stage, attacks: Mapping[str, Attack], progress: Progress, engine: Engine
) -> list[AttackSummary]:
    hindered: dict[str, tuple[str, str] | None] = {
        name: obstacle(stage, attack)
        if name in stage.plan.requested
        else ("not_requested", _unasked(stage.plan, attack))
        for name, attack in attacks.items()
    }
    hindered |= {
        name: given_way
        for name, attack in attacks.items()
        if (given_way := _superseded(stage, attack, attacks, hindered))
    }
    runnable = [name for name, hindrance in hindered.items() if hindrance is None]
    families = {attacks[name].family for name in runnable}
    shared = {MEMBERSHIP: share(stage, book.vault, progress, engine)} if MEMBERSHIP in families else {}
    if compared := {attacks[name].family for name in runnable if _compares(attacks[name])}:
        params = attribute.compare(stage, shared[MEMBERSHIP].params if shared else None)
        shared |= {one: Shared(stage.asked, params, None, {"seed": stage.plan.spec.seed}, {}, ()) for one in compared}
    weights = any(attacks[name].family == PROPERTY and attacks[name].needs is Access.WEIGHTS for name in runnable)
    worlds = cache(lambda: with_worlds(stage, progress, engine, weights=weights))
    found: list[AttackSummary] = []
    for name, attack in attacks.items():
        progress("attacks", len(found), len(attacks))
        hindrance = hindered[name]
        if hindrance is not None:
            row = book.blank(attack.name, attack.family, status=hindrance[0], reason=hindrance[1], duration_s=0.0)
            book.add(row)
        else:
            row = _one(book, stage, shared.get(attack.family), worlds, attack, progress)
        found.append(AttackSummary(row.id, name, row.family, row.status, row.reason, row.metrics, row.duration_s))
    progress("attacks", len(attacks), len(attacks))
    return found


def _compares(attack: Attack) -> bool:
    """Whether it is read beside what can be known without the model, and so needs members and non-members alike."""
    return attack.family == attribute.FAMILY or attack.name == whole_records.NAME


def _superseded(
    stage: Stage,
    attack: Attack,
    attacks: Mapping[str, Attack],
    hindered: Mapping[str, tuple[str, str] | None],
) -> tuple[str, str] | None:
    """Whether an attack that the spec does not name gives way to one that includes or outdoes it, as (status, reason).

    It does where that one will be run, or is hindered by the very same thing. Else each more interval would make passing
    harder without answering another question.
    """
    if attack.name in (stage.plan.spec.attacks or {}):
        return None
    own = hindered[attack.name]
    known = [name for name in attack.yields_to if name in attacks]
    for name in sorted(known, key=lambda name: (len(attacks[name].yields_to), name)):  # who gives way to nobody first
        if hindered[name] is None and (own is None or own[0] != "not_applicable"):
            return "superseded", f"{name} is run, which includes or outdoes it; name it in the spec to run it too"
        if own is not None and own[0] == "not_testable" and hindered[name] == own:
            return "superseded", f"{name} includes or outdoes it and cannot be run either"
    return None


def _unasked(plan: Plan, attack: Attack) -> str:
    if plan.budget is not None and attack.name in plan.budget.left_out:
        return f"the budget of {plan.spec.budget} leaves no time for reference models"
    if plan.budget is not None and attack.needs_twins and plan.spec.attacks is None:
        return (
            f"the budget of {plan.spec.budget} does not count the twin models it needs; name it in the spec to run it"
        )
    return "the spec did not ask for it"


def _one(
    book: Book,
    stage: Stage,
    shared: Shared | None,
    worlds: Callable[[], AttackData],
    attack: Attack,
    progress: Progress,
) -> AttackRecord:
    """Run one attack and write down what came of it, whatever that is."""
    began = runtime.monotonic()
    before = stage.opened.http.counted() if stage.opened.http else {}
    try:
        outcome, arrays = _run(stage, shared, worlds, attack, progress)
        row = _result_row(book, stage, shared, attack, outcome, arrays, before, runtime.monotonic() - began)
        book.add(row)
    except Exception as error:  # noqa: BLE001 - one attack of many: the failure is stored as data
        row = book.blank(
            attack.name, attack.family, status="failed", reason=reason_of(error), duration_s=runtime.monotonic() - began
        )
        book.add(row)
    return row


def _run(
    stage: Stage, shared: Shared | None, worlds: Callable[[], AttackData], attack: Attack, progress: Progress
) -> tuple[Outcome, Mapping[str, Any]]:
    seed, params = stage.plan.spec.seed, dict(stage.plan.requested[attack.name])
    stage = _with_generator(stage, attack)
    if attack.family == INVERSION:
        params["device"] = stage.plan.device
    if attack.needs_twins:
        return _swapped(stage, attack, params, progress), {"seed": seed}
    if attack.family == INVERSION and stage.plan.spec.positive_control and stage.records.evaluation is not None:
        params["positive_control"] = inversion.control(
            attack.run, stage.target.access, stage.asked, params, runtime.rng(seed, f"{attack.name}-control")
        )
    if attack.family == PRIVACY and stage.plan.spec.positive_control and stage.asked.canaries and stage.asked.claim:
        params["positive_control"] = dp_control.judge(
            attack, stage.target, stage.asked, stage.plan.recipe, params, seed
        )
    if shared is None:
        asked = worlds() if attack.family == PROPERTY else stage.asked
        return attack.run(stage.target, asked, params, runtime.rng(seed, attack.name)), {"seed": seed}
    params |= shared.params
    if attack.family == attribute.FAMILY and stage.plan.spec.positive_control:
        params["positive_control"] = attribute.control(stage, attack, params)
    if attack.name == whole_records.NAME and stage.plan.spec.positive_control:
        params["positive_control"] = whole_records.control(stage, attack, params)
    if shared.control is not None:
        params["positive_control"] = control.judge(
            shared.control, attack, params, runtime.rng(seed, f"{attack.name}-control")
        )
    return attack.run(stage.target, shared.data, params, runtime.rng(seed, attack.name)), shared.arrays


def _swapped(stage: Stage, attack: Attack, params: dict[str, Any], progress: Progress) -> Outcome:
    seed = stage.plan.spec.seed
    asked = with_twins(stage, progress, params)
    if stage.plan.spec.positive_control:
        params["positive_control"] = split_swap.control(asked, params, runtime.rng(seed, f"{attack.name}-control"))
    return attack.run(stage.target, asked, params, runtime.rng(seed, attack.name))


def _with_generator(stage: Stage, attack: Attack) -> Stage:
    brought = stage.brought.get(attack.name)
    return replace(stage, asked=replace(stage.asked, generator=brought.generator)) if brought else stage


def _result_row(
    book: Book,
    stage: Stage,
    shared: Shared | None,
    attack: Attack,
    outcome: Outcome,
    arrays: Mapping[str, Any],
    before: Mapping[str, int],
    duration_s: float,
) -> AttackRecord:
    row = book.found(attack.name, attack.family, outcome, arrays, duration_s)
    if row.status in ("completed", "void"):
        now = stage.opened.http.counted() if stage.opened.http else {}
        row.detail = {**row.detail, **{name: count - before[name] for name, count in now.items()}}
        if shared is not None and row.family == MEMBERSHIP:
            row.references_sha256 = shared.references_sha256
            row.detail |= shared.detail
            row.caveats += list(shared.caveats)
        row.caveats += [*stage.seen.caveats, *stage.opened.caveats, *_record_caveats(stage, row.family)]
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
