"""The draft of a notification under Article 33 GDPR: what is known, what is estimated, what is still to be determined.

A draft is possible at hour 0, and an incomplete notice in time is better law than a complete one too late (Art. 33(4)).
It holds counts, categories and digests; records, prompts and accounts stay in the evidence.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from govtool import __version__
from govtool.digest import rfc3339
from govtool.evidence.vault import Vault
from govtool.incidents import service
from govtool.incidents.instants import Instants
from govtool.incidents.models import Incident
from govtool.reports import format as f
from govtool.reports import notice_annex as annex
from govtool.reports import notice_case, records
from govtool.reports.attack_view import finding
from govtool.reports.attack_words import attack_title
from govtool.reports.deadlines import Clock, Facts, State, clocks
from govtool.reports.notice_field import Field, Status, completeness
from govtool.reports.notice_fill import fill
from govtool.reports.notice_form import SECTIONS, TEMPLATE
from govtool.reports.view import Badge, Exhibit, Fact, Head, Ledger
from govtool.reports.withhold import withhold
from govtool.settings import Organisation

KIND = "gdpr-article33"
RULE = "GDPR33-72H"
SIGNATORY = "On behalf of the controller"


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
    instants: tuple[annex.InstantRow, ...]
    concerns: tuple[str, ...]
    logs: tuple[annex.LogRow, ...]
    findings: tuple[annex.FindingRow, ...]
    tests: tuple[annex.TestRow, ...]
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
        instants=annex.instants(case, organisation.timezone),
        concerns=tuple(f.sentence(text) for text in service.concerns(service.instants(session, incident.id))),
        logs=annex.logs(case),
        findings=annex.findings(case.findings),
        tests=tuple(
            annex.TestRow(attack_title(row.attack), finding(row)[0], row.id)
            for row in case.attacks
            if row.status == records.COMPLETED
        ),
        exhibits=annex.exhibits(session, case),
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
