"""The privacy assessment of one model version: what it may leak, what was tested, what was decided, on what evidence.

The view is assembled from recorded rows only; nothing is judged here. Sections follow the order in which a privacy
officer asks: may it ship, what is in it, who can see what, by which rules, what did each attack find, what was not
tested, how do I read this, how do I check it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from govtool import __version__
from govtool.audits.models import AuditRun
from govtool.audits.service import latest_records
from govtool.digest import rfc3339
from govtool.evidence.vault import Vault
from govtool.policy import collect
from govtool.policy.facts import from_canonical
from govtool.policy.models import Decision
from govtool.registry import service
from govtool.registry.models import ModelVersion
from govtool.reports import coverage as cov
from govtool.reports import exhibits, records, registry_view
from govtool.reports import format as f
from govtool.reports.attack_view import AttackView, attack_view
from govtool.reports.front_page import Finding, findings
from govtool.reports.readings import Reading, readings
from govtool.reports.rules_view import RulesView, VerdictView, rules_view, verdict_view
from govtool.reports.view import Exhibit, Fact, Head, Ledger
from govtool.settings import Organisation

KIND = "assessment"
SIGNATORIES = ("Data protection officer or privacy contact (advice)", "Owner of the model (decision)")


@dataclass(frozen=True, slots=True)
class AssessmentView:
    head: Head
    verdict: VerdictView
    remarks: tuple[str, ...]
    """What a signer must know before relying on the verdict: evidence newer than the decision, runs that broke off."""
    facts: tuple[Fact, ...]
    findings: tuple[Finding, ...]
    untested: str
    signatories: tuple[str, ...]
    sensitivity: Fact
    datasets: tuple[registry_view.DatasetRow, ...]
    lineage: tuple[registry_view.LineageRow, ...]
    deployments: tuple[registry_view.DeploymentRow, ...]
    rules: RulesView
    runs: tuple[tuple[Fact, ...], ...]
    attacks: tuple[AttackView, ...]
    pictures: str
    """blurred, or shown because whoever drew the document up said so."""
    coverage: tuple[cov.CoverageRow, ...]
    gaps: tuple[cov.GapRow, ...]
    readings: tuple[Reading, ...]
    exhibits: tuple[Exhibit, ...]
    ledger: Ledger


def build(
    session: Session,
    vault: Vault,
    subject: str,
    *,
    report_id: str,
    now: datetime,
    by: str,
    organisation: Organisation,
    show_pictures: bool = False,
) -> tuple[ModelVersion, AssessmentView]:
    """The view for ``NAME@VERSION``. Reconstructed pictures are personal data and blurred unless `show_pictures`.

    Raises:
        NotFoundError, AmbiguousError, InputError: the subject does not name one registered version.
    """
    version = service.model_version(session, subject)
    attacks = latest_records(session, version.id)
    runs = records.runs_behind(session, attacks)
    decision = records.latest_decision(session, version)
    rows = cov.coverage(attacks, any_run=bool(runs))
    ref = f.tidy(version.ref)
    datasets = registry_view.dataset_rows(session, version)
    unit = registry_view.class_unit(datasets)
    shown = tuple(record for record in attacks if record.status in ("completed", "void"))
    views = tuple(attack_view(record, exhibits.pictures(vault, record, sharp=show_pictures), unit) for record in shown)
    return version, AssessmentView(
        head=Head(
            report_id=report_id,
            kind=KIND,
            title="Privacy assessment",
            subject=ref,
            running=f.tidy(version.ref, 80),
            drawn_up=f.instant(now),
            drawn_up_at=rfc3339(now),
            drawn_up_by=f.tidy(by, 120),
            organisation=f.tidy(organisation.name, 160),
            engine=f"govtool {__version__}",
        ),
        verdict=verdict_view(decision),
        remarks=_remarks(session, vault, version, runs, decision, now),
        facts=_facts(version, decision, runs),
        findings=findings(tuple(zip(shown, views, strict=True))),
        untested=_untested(rows),
        signatories=SIGNATORIES,
        sensitivity=registry_view.sensitivity_fact(session, version),
        datasets=datasets,
        lineage=registry_view.lineage_rows(session, version),
        deployments=registry_view.deployment_rows(session, version),
        rules=rules_view(decision),
        runs=tuple(_run_facts(run) for run in runs),
        attacks=views,
        pictures="shown" if show_pictures else "blurred",
        coverage=rows,
        gaps=cov.gaps(attacks),
        readings=readings(attacks),
        exhibits=tuple(
            exhibits.model_exhibits(session, version)
            + exhibits.audit_exhibits(runs, attacks)
            + exhibits.decision_exhibits(decision)
        ),
        ledger=records.ledger_head(session),
    )


def _facts(version: ModelVersion, decision: Decision | None, runs: list[AuditRun]) -> tuple[Fact, ...]:
    model = version.model
    artifact = version.artifact_sha256
    facts = [
        Fact("Model", f.tidy(model.name), model.name, model.id),
        Fact("Version", f.tidy(version.version), version.version, version.id),
        Fact("Purpose", f.tidy(model.purpose, 240) or f.UNKNOWN, model.purpose, model.id),
        Fact("Owner", f.tidy(model.owner, 160) or f.UNKNOWN, model.owner, model.id),
        Fact(
            "Artifact",
            f"SHA-256 {f.short(artifact)}" if artifact else "an endpoint; no weights are held",
            artifact,
            version.id,
            code=bool(artifact),
        ),
        Fact(
            "Audit runs" if len(runs) > 1 else "Audit run",
            ", ".join(f"{run.id} of {f.day(run.recorded_at)}" for run in runs) or "none completed",
            [run.id for run in runs],
            runs[-1].id if runs else "",
        ),
    ]
    if decision is None:
        facts.append(Fact("Decision", "none recorded"))
    else:
        facts.append(
            Fact(
                "Decided",
                f"{f.instant(decision.recorded_at)}, by {f.tidy(decision.recorded_by, 120)}",
                rfc3339(decision.recorded_at),
                decision.id,
            )
        )
        names = f.words(sorted(decision.policy_files), "no file recorded")
        facts.append(
            Fact(
                "Policy", f"{names}; set SHA-256 {f.short(decision.policy_sha256)}", decision.policy_sha256, decision.id
            )
        )
    return tuple(facts)


_WATCHED = {
    "level": "its classification",
    "datasets": "the data it was made from",
    "deployments": "its deployments",
    "open_incidents": "its open incidents",
}


def _changed_since(
    session: Session, vault: Vault, version: ModelVersion, decision: Decision, now: datetime
) -> list[str]:
    """Which of the facts that were judged are no longer so. Newer audits are told apart by their own remark."""
    judged = from_canonical(vault.read(decision.facts_sha256))
    current = collect.collect(session, version, now)
    return [words for name, words in _WATCHED.items() if getattr(judged, name) != getattr(current, name)]


def _remarks(
    session: Session,
    vault: Vault,
    version: ModelVersion,
    runs: list[AuditRun],
    decision: Decision | None,
    now: datetime,
) -> tuple[str, ...]:
    remarks = []
    newer = [] if decision is None else [run.id for run in runs if run.ledger_index > decision.ledger_index]
    if newer:
        remarks.append(
            f"Audited again after the decision ({', '.join(newer)}): the figures below were not judged by it. "
            f"Judge again: govtool gate check {f.tidy(version.ref)}"
        )
    if decision is not None and (changed := _changed_since(session, vault, version, decision, now)):
        remarks.append(
            f"Since the decision the register has changed ({', '.join(changed)}), so it may no longer hold. "
            f"Judge again: govtool gate check {f.tidy(version.ref)}"
        )
    remarks.extend(
        f"The audit run {row.id} of {f.day(row.recorded_at)} did not complete; nothing of it is used here."
        for row in records.unfinished_runs(session, version)
    )
    return tuple(remarks)


def _untested(rows: tuple[cov.CoverageRow, ...]) -> str:
    missing = [row.name.lower() for row in rows if row.badge is cov.NOT_TESTED]
    if not missing:
        return "Every class of attack that EDPB Opinion 28/2024 (paragraph 55) names was tested or does not apply; section 6 says why."
    return (
        f"{len(missing)} of the {len(rows)} classes of attack that EDPB Opinion 28/2024 (paragraph 55) names were not tested: "
        f"{f.words(missing)}. Section 6 says why."
    )


def _run_facts(run: AuditRun) -> tuple[Fact, ...]:
    access = f.access(run.access, "none recorded")
    versions = ", ".join(f"{f.tidy(name, 40)} {f.tidy(value, 40)}" for name, value in sorted(run.versions.items()))
    return (
        Fact(
            "Audit run",
            f"{run.id}, started {f.instant(run.recorded_at)} by {f.tidy(run.recorded_by, 120)}",
            run.id,
            run.id,
        ),
        Fact("Access given to the attacks", access, run.access, run.id),
        Fact("Seed", str(run.seed), str(run.seed), run.id),
        Fact("Software", versions or f.UNKNOWN, run.versions, run.id),
    )
