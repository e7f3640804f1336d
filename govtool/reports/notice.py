"""The draft of a notification under Article 33 GDPR: what is known, what is estimated, what is still to be determined.

A draft is possible at hour 0, and an incomplete notice in time is better law than a complete one too late (Art. 33(4)).
It holds counts, categories and digests; records, prompts and accounts stay in the evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from govtool import __version__
from govtool.digest import rfc3339
from govtool.evidence.vault import Vault
from govtool.incidents import service
from govtool.incidents.instants import Instants
from govtool.incidents.models import Finding, Incident
from govtool.reports import exhibits, notice_case, records
from govtool.reports import format as f
from govtool.reports.attack_view import attack_title, finding
from govtool.reports.deadlines import Clock, Facts, State, clocks
from govtool.reports.notice_field import Field, Status, completeness
from govtool.reports.notice_fill import fill
from govtool.reports.notice_form import SECTIONS, TEMPLATE
from govtool.reports.view import Badge, Exhibit, Fact, Head, Ledger
from govtool.reports.withhold import principal, withhold
from govtool.settings import Organisation

KIND = "gdpr-article33"
RULE = "GDPR33-72H"
SIGNATORY = "On behalf of the controller"
_INSTANTS = {
    "occurred_start": "Occurred from",
    "occurred_end": "Occurred until",
    "first_alert": "First alert",
    "escalated": "Escalated to privacy",
    "aware": "Aware",
    "processor_informed": "Processor informed us",
}


@dataclass(frozen=True, slots=True)
class ClockView:
    badge: Badge
    headline: str
    facts: tuple[Fact, ...]
    explanation: str


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class InstantRow:
    label: str
    at: str
    said_by: str
    reason: str
    standing: str
    source: str


@dataclass(frozen=True, slots=True)
class FindingRow:
    client: str
    detector: str
    kind: str
    measured: str
    events: str
    window: str
    source: str


@dataclass(frozen=True, slots=True)
class LogRow:
    source: str
    format: str
    lines: str
    readable: str
    unreadable: str
    period: str


@dataclass(frozen=True, slots=True)
class TestRow:
    title: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class NoticeView:
    head: Head
    state: str
    completeness: str
    stage: str
    template: str
    signatories: tuple[str, ...]
    facts: tuple[Fact, ...]
    clock: ClockView
    known: tuple[Field, ...]
    estimated: tuple[Field, ...]
    open: tuple[Field, ...]
    sections: tuple[Section, ...]
    instants: tuple[InstantRow, ...]
    concerns: tuple[str, ...]
    logs: tuple[LogRow, ...]
    findings: tuple[FindingRow, ...]
    tests: tuple[TestRow, ...]
    exhibits: tuple[Exhibit, ...]
    ledger: Ledger


def build(
    session: Session,
    vault: Vault,  # noqa: ARG001 - every report is built by one call
    subject: str,
    *,
    report_id: str,
    now: datetime,
    by: str,
    organisation: Organisation,
) -> tuple[Incident, NoticeView]:
    """The draft for an incident, by its id or a unique prefix.

    Raises:
        NotFoundError, AmbiguousError: the subject does not name one incident.
    """
    incident = service.incident(session, subject)
    case = notice_case.read(session, incident, KIND)
    clock = article33_clock(case, now, organisation)
    fields = fill(case, organisation, clock, now)
    done = completeness(fields)
    return incident, NoticeView(
        head=Head(
            report_id=report_id,
            kind=KIND,
            title="Notification of a personal data breach",
            subject=incident.id,
            running=incident.id,
            drawn_up=f.instant(now),
            drawn_up_at=rfc3339(now),
            drawn_up_by=f.tidy(by, 120),
            organisation=f.tidy(organisation.name, 160),
            engine=f"govtool {__version__}",
        ),
        state="DRAFT",
        completeness=done,
        stage=f"{'Initial notification' if case.submitted is None else 'Follow-up'} ({done})",
        template=TEMPLATE,
        signatories=(SIGNATORY,),
        facts=_facts(incident, organisation),
        clock=clock_view(clock, now, organisation),
        known=tuple(field for field in fields if field.status is Status.KNOWN),
        estimated=tuple(field for field in fields if field.status is Status.ESTIMATE),
        open=tuple(field for field in fields if field.status is Status.TO_BE_DETERMINED),
        sections=tuple(
            Section(title, tuple(field for field in fields if field.section == title)) for title in SECTIONS
        ),
        instants=_instants(case, organisation.timezone),
        concerns=tuple(f.sentence(text) for text in service.concerns(service.instants(session, incident.id))),
        logs=_logs(case),
        findings=_findings(case.findings),
        tests=tuple(
            TestRow(attack_title(row.attack), finding(row)[0], row.id)
            for row in case.attacks
            if row.status == records.COMPLETED
        ),
        exhibits=_exhibits(session, case),
        ledger=records.ledger_head(session),
    )


def article33_clock(case: notice_case.Case, now: datetime, organisation: Organisation) -> Clock:
    """The 72-hour clock; hypothetical as long as nobody has recorded awareness. The first notice that went out stops it."""
    current = Instants(**{kind: event.at for kind, event in case.in_force.items()})
    sent = {RULE: case.submitted.recorded_at} if case.submitted is not None else {}
    found = clocks(current, now, zone=organisation.timezone, regimes=("eu_gdpr",), facts=Facts(notified=sent))
    return next(clock for clock in found if clock.rule.id == RULE)


def clock_view(clock: Clock, now: datetime, organisation: Organisation) -> ClockView:
    zone = organisation.timezone
    if clock.anchor_at is None or clock.due_utc is None:
        nothing = (Fact("Aware since", "no decision recorded", None, clock.rule.id),)
        headline = "The clock has not started: nobody has recorded that the organisation is aware of a breach."
        return ClockView(Badge("not started", "unknown"), headline, nothing, _explained(clock))
    left = clock.due_utc - now
    badge, headline = _standing(clock, left)
    facts = (
        Fact("Aware since", f.instant(clock.anchor_at), rfc3339(clock.anchor_at), clock.rule.id),
        Fact("Due, in UTC", f.instant(clock.due_utc), rfc3339(clock.due_utc), clock.rule.id),
        Fact("Due, for the authority", f.instant(clock.due_utc, zone), zone, "govtool.toml"),
    )
    return ClockView(badge, headline, facts, _explained(clock))


def _standing(clock: Clock, left: timedelta) -> tuple[Badge, str]:
    if clock.state is State.MET:
        return Badge(
            "met", "warn" if clock.late else "pass"
        ), f"The first notice went out {'after' if clock.late else 'within'} the limit."
    if clock.state is State.OVERDUE:
        return Badge(
            "overdue", "fail"
        ), f"{f.duration(left)} past the limit at drafting; the first notice must give the reasons for the delay."
    return Badge("running", "warn"), f"{f.duration(left)} left at drafting."


def _explained(clock: Clock) -> str:
    return f.sentence(clock.explanation) + " The limit is the outer edge; the duty is to notify without undue delay."


def _facts(incident: Incident, organisation: Organisation) -> tuple[Fact, ...]:
    missing = "to be determined"
    return (
        Fact("Controller", f.tidy(organisation.name) or missing, organisation.name, "govtool.toml"),
        Fact("To", f.tidy(organisation.authority) or missing, organisation.authority, "govtool.toml"),
        Fact("Our reference", incident.id, incident.id, incident.id),
        Fact("Subject", f.tidy(withhold(incident.title), 200), withhold(incident.title), incident.id),
    )


def _instants(case: notice_case.Case, zone: str) -> tuple[InstantRow, ...]:
    return tuple(
        InstantRow(
            _INSTANTS[event.kind],
            f.instant(event.at, zone),
            withhold(event.by),
            withhold(event.reason) or "–",
            "in force" if case.in_force[event.kind].id == event.id else "corrected later",
            event.id,
        )
        for event in case.events
        if event.kind in _INSTANTS
    )


def _logs(case: notice_case.Case) -> tuple[LogRow, ...]:
    return tuple(
        LogRow(
            row.id,
            row.format,
            f.count(row.n_lines),
            f.count(row.n_events),
            f.count(row.n_unreadable),
            f"{f.instant(row.first_event_at)} to {f.instant(row.last_event_at)}",
        )
        for row in case.ingests
    )


def _findings(rows: Sequence[Finding]) -> tuple[FindingRow, ...]:
    """Built from numbers only: a detector's prose could quote the log."""
    clients = {name: number for number, name in enumerate(dict.fromkeys(row.principal for row in rows), start=1)}
    return tuple(
        FindingRow(
            client=principal(row.principal, clients[row.principal]),
            detector=f.tidy(row.detector.replace("_", " "), 60),
            kind=row.kind,
            measured=f"{f.tidy(row.statistic, 80)}: {row.value:.4g} (alarm from {row.threshold:.4g})",
            events=f.count(row.n_events),
            window=f"{f.instant(row.window_start)} to {f.instant(row.window_end)}",
            source=row.id,
        )
        for row in rows
    )


def _exhibits(session: Session, case: notice_case.Case) -> tuple[Exhibit, ...]:
    found = [
        Exhibit(f"Preserved log, as received ({f.size(row.size)})", row.sha256, row.id, "vault") for row in case.items
    ]
    for row in case.ingests:
        found.append(Exhibit("Its events, parsed", row.events_sha256, row.id, "vault"))
        found.append(Exhibit("Its unreadable lines", row.unreadable_sha256, row.id, "vault"))
    found.extend(
        Exhibit("Log lines behind a finding, by position", row.rows_sha256, row.id, "vault")
        for row in case.findings
        if row.rows_sha256
    )
    if case.scope is not None:
        found.append(Exhibit("List of exposed records (restricted)", case.scope.list_sha256, case.scope.id, "vault"))
    if case.version is not None:
        found.extend(exhibits.model_exhibits(session, case.version))
    return tuple(found)
