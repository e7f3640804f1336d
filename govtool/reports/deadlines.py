"""When must whom be told? Pure: dated rules and the recorded instants in, clocks out.

Hours are elapsed hours, added in UTC and then shown in the civil zone of the authority; dates run to the end of the
local day. Limits are inclusive. Nothing rolls over a weekend or holiday except an outer limit, which is shown and never
alarmed on (Regulation 1182/71). A result that errs early is safe; one that errs late is not.
"""

import calendar
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import assert_never
from zoneinfo import ZoneInfo

from govtool.incidents.instants import Instants
from govtool.reports.deadline_rules import RULES, Anchor, Regime, Rule, Standard, Unit

REGIMES: tuple[Regime, ...] = ("eu_gdpr", "uk_gdpr", "hipaa", "us_ca", "eu_ai_act")
RECORDABLE = frozenset({Anchor.AWARENESS, Anchor.DISCOVERY, Anchor.LOG_CREATED})
"""What the commands of this version can record. Clocks with another anchor never start by themselves, and say so."""
_THRESHOLD = 500
_ORAL_HOLD_DAYS = 30
_LEAST_WORKING_DAYS = 2
_SATURDAY = 5


class State(StrEnum):
    RUNNING = "running"
    OVERDUE = "overdue"
    NOT_STARTED = "not_started"
    WATCH = "watch"
    """Nobody has decided whether the rule applies here: counted as if it did, and not alarmed on."""
    MET = "met"


@dataclass(frozen=True)
class Facts:
    """What a rule may depend on beside the instants. None is unknown, which is not zero."""

    notified: Mapping[str, datetime] = field(default_factory=dict)
    """Rule id to the instant of the first notice under it."""
    high_risk_at: datetime | None = None
    """When a person determined that the risk to people is likely high (GDPR Art. 34)."""
    processor_aware_at: datetime | None = None
    discovery: date | None = None
    """HIPAA and California: the day a person recorded as discovery; else the first day on which anybody knew."""
    individuals: int | None = None
    residents: Mapping[str, int] | None = None
    """State to number of affected residents."""
    hold_until: date | None = None
    """Law enforcement asked in writing to wait until this date (45 CFR 164.412(a))."""
    oral_hold_on: date | None = None
    """Law enforcement asked orally on this date: at most 30 days (164.412(b))."""
    associate_discovery: date | None = None
    associate_is_agent: bool | None = None
    ai_act_days: int | None = None
    """The limit under AI Act Art. 73 that a person decided on; None: nobody has decided that it applies."""
    holidays: Collection[date] = frozenset()
    log_created: date | None = None
    document_date: date | None = None


@dataclass(frozen=True)
class Clock:
    """One duty as it stands."""

    rule: Rule
    anchor_at: datetime | None
    """What it counts from; None when that is not recorded, also where a hypothetical limit is shown."""
    due_utc: datetime | None
    """The limit, inclusive; None where the law names no number or there is nothing to count from."""
    due_local: datetime | None
    outer_utc: datetime | None
    """Latest arguable limit, for the explanation only."""
    held_until: date | None
    """Law enforcement's hold (HIPAA), which moves the alarm but not the statutory limit."""
    applies: bool | None
    """Whether the rule's threshold is reached, as far as numbers decide it; None where nobody has said."""
    state: State
    late: bool
    """The first notice went out after the limit; under GDPR Art. 33(1) it must carry the reasons for the delay."""
    explanation: str

    @property
    def startable(self) -> bool:
        """Whether what it counts from is recorded, or can be by this version."""
        return self.anchor_at is not None or self.rule.anchor in RECORDABLE

    @property
    def due_date(self) -> date | None:
        return self.due_local.date() if self.due_local else None

    @property
    def alarm_utc(self) -> datetime | None:
        """The limit that the state is judged by."""
        if self.due_utc is None or self.due_local is None or self.held_until is None:
            return self.due_utc
        return max(self.due_utc, end_of_day(self.held_until, self.due_local.tzinfo))


@dataclass(frozen=True)
class _Start:
    at: datetime | None
    why: str
    hypothetical: bool = False


def clocks(
    instants: Instants,
    as_of: datetime,
    *,
    zone: str = "UTC",
    regimes: Collection[str] = REGIMES,
    facts: Facts | None = None,
) -> list[Clock]:
    """Every duty of these regimes whose rule is in force on the day it counts from.

    Args:
        instants: the incident's instants in force.
        as_of: reference time. Where awareness or discovery is missing, the limit is shown as if it were now, state
            not_started: only a person's decision starts those clocks.
        zone: IANA civil zone of the authority (GDPR, AI Act) or of the entity (HIPAA, California).
        regimes: which to show.
        facts: thresholds, decisions and notices sent.
    """
    civil, known = ZoneInfo(zone), facts or Facts()
    found = []
    for rule in RULES.values():
        if rule.regime in regimes:
            start = _start(rule, instants, as_of, civil, known)
            if rule.in_force((start.at or as_of).astimezone(civil).date()):
                found.append(_clock(rule, start, as_of, civil, known))
    return found


def due(  # noqa: PLR0911 - one return per unit
    rule: Rule, start: datetime, civil: ZoneInfo, amount: int | None = None
) -> datetime | None:
    """The limit in UTC, counted from `start`; None where the law names no number. The day of the event does not count."""
    number = rule.amount if amount is None else amount
    if number is None:
        return None
    day = start.astimezone(civil).date()
    match rule.unit:
        case Unit.HOURS:
            return start.astimezone(UTC) + timedelta(hours=number)
        case Unit.DAYS:
            return end_of_day(day + timedelta(days=number), civil)
        case Unit.DAYS_AFTER_YEAR:
            return end_of_day(date(day.year, 12, 31) + timedelta(days=number), civil)
        case Unit.MONTHS:
            return end_of_day(add_months(day, number), civil)
        case Unit.YEARS:
            return end_of_day(add_months(day, 12 * number), civil)
        case Unit.NONE:
            return None
        case _:
            assert_never(rule.unit)


def outer(
    rule: Rule, start: datetime, civil: ZoneInfo, holidays: Collection[date] = frozenset(), amount: int | None = None
) -> datetime | None:
    """Latest arguable limit under Regulation 1182/71; None where that regulation plays no part.

    Hours run from the next full civil hour (Art. 3(1), (2)(a)); days to a working day and over at least two of them
    (Art. 3(4), (5)).
    """
    limit = due(rule, start, civil, amount)
    if limit is None:
        return None
    if rule.unit is Unit.HOURS:
        local = start.astimezone(civil)
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return limit - into + timedelta(hours=1)
    if rule.roll == "none":
        return None
    first = day = start.astimezone(civil).date()
    last, working = limit.astimezone(civil).date(), 0
    while day < last or working < _LEAST_WORKING_DAYS or not _works(day, holidays):
        day += timedelta(days=1)
        working += _works(day, holidays)
    assert day > first
    return end_of_day(day, civil)


def end_of_day(day: date, civil: object) -> datetime:
    """The last microsecond of a local day, in UTC."""
    assert isinstance(civil, ZoneInfo)
    midnight = datetime.combine(day + timedelta(days=1), time.min, civil)
    return midnight.astimezone(UTC) - timedelta(microseconds=1)


def add_months(day: date, months: int) -> date:
    """The same day that many months later; the month's last day where it has no such day (Reg. 1182/71 Art. 3(2)(c))."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def media_states(facts: Facts) -> list[str]:
    """States with more than 500 affected residents (45 CFR 164.406: more than, not at least)."""
    return sorted(state for state, number in (facts.residents or {}).items() if number > _THRESHOLD)


def held_until(facts: Facts) -> date | None:
    """How long law enforcement asked to wait: the written date, else 30 days from an oral request."""
    if facts.hold_until is not None:
        return facts.hold_until
    return facts.oral_hold_on + timedelta(days=_ORAL_HOLD_DAYS) if facts.oral_hold_on else None


def _works(day: date, holidays: Collection[date]) -> bool:
    return day.weekday() < _SATURDAY and day not in holidays


def _start(  # noqa: PLR0911 - one return per anchor
    rule: Rule, instants: Instants, as_of: datetime, civil: ZoneInfo, facts: Facts
) -> _Start:
    """What the rule counts from."""
    match rule.anchor:
        case Anchor.AWARENESS:
            return _awareness(instants, as_of)
        case Anchor.DISCOVERY:
            return _discovery(instants, as_of, civil, facts)
        case Anchor.PROCESSOR_AWARENESS:
            return _Start(facts.processor_aware_at, "the processor's own awareness")
        case Anchor.ASSOCIATE_DISCOVERY:
            return _Start(_midnight(facts.associate_discovery, civil), "discovery by the business associate")
        case Anchor.FIRST_NOTICE:
            return _Start(facts.notified.get("GDPR33-72H"), "the first notice to the authority")
        case Anchor.CONSUMER_NOTICE:
            return _Start(facts.notified.get("CA-30D"), "the notice to the residents")
        case Anchor.HIGH_RISK:
            return _Start(facts.high_risk_at, "the decision that the risk is likely high")
        case Anchor.LOG_CREATED:
            return _Start(_midnight(facts.log_created, civil), "the day the last log line was written")
        case Anchor.DOCUMENT:
            return _Start(_midnight(facts.document_date, civil), "creation or last effective date, the later")
        case _:
            assert_never(rule.anchor)


def _awareness(instants: Instants, as_of: datetime) -> _Start:
    """The earlier of the recorded decision and the processor's message (EDPB Guidelines 9/2022)."""
    known = [at for at in (instants.aware, instants.processor_informed) if at is not None]
    if not known:
        return _Start(as_of, "now, because nobody has recorded awareness: a limit as if", hypothetical=True)
    if instants.aware is not None and min(known) == instants.aware:
        return _Start(instants.aware, "recorded awareness")
    return _Start(min(known), "the processor's message, from which the controller is in principle aware")


def _discovery(instants: Instants, as_of: datetime, civil: ZoneInfo, facts: Facts) -> _Start:
    """First day known or knowable (164.404(a)(2)): no grace for certainty, so the first alert counts.

    An agent's discovery is the entity's own.
    """
    days: list[tuple[date, str]] = []
    known = [at for at in (instants.first_alert, instants.escalated, instants.aware, instants.processor_informed) if at]
    if facts.discovery is not None:
        days.append((facts.discovery, "recorded discovery"))
    elif known:
        days.append((min(known).astimezone(civil).date(), "the first day on which anybody knew of it"))
    if facts.associate_is_agent and facts.associate_discovery is not None:
        days.append((facts.associate_discovery, "discovery by an associate that is an agent"))
    if not days:
        return _Start(as_of, "today, because no discovery is recorded: a limit as if", hypothetical=True)
    day, why = min(days)
    return _Start(_midnight(day, civil), why)


def _midnight(day: date | None, civil: ZoneInfo) -> datetime | None:
    return None if day is None else datetime.combine(day, time.min, civil).astimezone(UTC)


def _applies(rule: Rule, facts: Facts) -> bool | None:
    """Whether the threshold is reached, where numbers or a recorded decision say so."""
    people, residents = facts.individuals, facts.residents
    match rule.id:
        case "HIPAA-500":
            return None if people is None else people >= _THRESHOLD
        case "HIPAA-SEC-LT500":
            return None if people is None else people < _THRESHOLD
        case "HIPAA-MEDIA":
            return None if residents is None else bool(media_states(facts))
        case "CA-AG-15D":
            return None if residents is None else residents.get("CA", 0) > _THRESHOLD
        case "AIA73":
            return None if facts.ai_act_days is None else True
        case _:
            return None


def _clock(rule: Rule, start: _Start, as_of: datetime, civil: ZoneInfo, facts: Facts) -> Clock:
    amount = facts.ai_act_days if rule.id == "AIA73" else None
    limit = due(rule, start.at, civil, amount) if start.at else None
    latest = outer(rule, start.at, civil, facts.holidays, amount) if start.at else None
    applies, sent = _applies(rule, facts), facts.notified.get(rule.id)
    held = held_until(facts) if rule.regime == "hipaa" and rule.standard is not Standard.KEEP_AT_LEAST else None
    alarm = max(limit, end_of_day(held, civil)) if limit and held else limit
    undecided = rule.id == "AIA73" and applies is None
    return Clock(
        rule=rule,
        anchor_at=None if start.hypothetical else start.at,
        due_utc=limit,
        due_local=limit.astimezone(civil) if limit else None,
        outer_utc=latest,
        held_until=held,
        applies=applies,
        state=State.WATCH
        if undecided
        else State.NOT_STARTED
        if start.hypothetical or start.at is None or applies is False
        else _state(rule, alarm, as_of, sent),
        late=sent is not None and alarm is not None and sent > alarm,
        explanation=_explain(rule, start, latest, held, applies, civil, facts),
    )


def _state(rule: Rule, alarm: datetime | None, as_of: datetime, sent: datetime | None) -> State:
    passed = alarm is not None and as_of > alarm
    if rule.standard is Standard.KEEP_AT_LEAST:
        return State.MET if passed else State.RUNNING
    if sent is not None and sent <= as_of:
        return State.MET
    return State.OVERDUE if passed else State.RUNNING


def _explain(
    rule: Rule,
    start: _Start,
    latest: datetime | None,
    held: date | None,
    applies: bool | None,
    civil: ZoneInfo,
    facts: Facts,
) -> str:
    """Why this limit, in one paragraph."""
    amount = facts.ai_act_days if rule.id == "AIA73" and facts.ai_act_days else rule.amount
    number = rule.standard.replace("_", " ") if amount is None else f"{amount} {rule.unit.replace('_', ' ')}"
    parts = [f"{rule.source}: {number} from {start.why}"]
    if start.at is None:
        parts.append(
            "nothing is recorded to count from"
            if rule.anchor in RECORDABLE
            else f"not recorded by this version: note the day of {rule.anchor.replace('_', ' ')} and count yourself"
        )
    if applies is False:
        parts.append(f"not reached: {rule.threshold}")
    elif applies is None:
        parts.append(
            f"applies {rule.threshold}"
            if rule.threshold.startswith(("if", "unless"))
            else f"applies to: {rule.threshold}"
        )
    if rule.id == "HIPAA-MEDIA" and applies:
        parts.append(f"States: {', '.join(media_states(facts))}")
    if held:
        parts.append(f"law enforcement asked to wait until {held.isoformat()}")
    if latest:
        parts.append(
            f"latest arguable limit, not to be relied on: {latest.astimezone(civil).isoformat(timespec='minutes')}"
        )
    return "; ".join(parts)
