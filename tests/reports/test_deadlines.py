"""Deadlines against worked examples. Each row says why it is there; the due times were worked out by hand."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.errors import InputError
from govtool.incidents.instants import Instants, localize
from govtool.reports import deadlines
from govtool.reports.deadline_rules import RULES, Standard
from govtool.reports.deadlines import Clock, Facts, State, add_months, clocks, held_until, media_states, outer


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def wall(text: str) -> datetime:
    """A time without its zone, as a person writes it down."""
    return datetime.fromisoformat(text)


def one(found: list[Clock], rule: str) -> Clock:
    return next(clock for clock in found if clock.rule.id == rule)


def of(
    rule: str, instants: Instants | None = None, *, as_of: str = "2030-01-01T00:00Z", zone: str = "UTC", **facts: Any
) -> Clock:
    return one(clocks(instants or Instants(), utc(as_of), zone=zone, facts=Facts(**facts)), rule)


@dataclass(frozen=True)
class Hours:
    id: str
    aware: str
    zone: str
    due_utc: str
    due_local: str
    outer_local: str
    why: str
    rule: str = field(default="GDPR33-72H")


HOURS = [
    Hours("G01", "2026-03-10T09:00+01:00", "Europe/Paris", "2026-03-13T08:00Z", "2026-03-13T09:00:00+01:00",
          "2026-03-13T10:00:00+01:00", "a weekday; an event at 09:00:00 falls in the hour 09 to 10"),
    Hours("G02", "2020-12-22T12:17+01:00", "Europe/Berlin", "2020-12-25T11:17Z", "2020-12-25T12:17:00+01:00",
          "2020-12-25T13:00:00+01:00", "published example: from 13:00, ends on a holiday"),
    Hours("G04", "2026-06-12T18:45+01:00", "Europe/Dublin", "2026-06-15T17:45Z", "2026-06-15T18:45:00+01:00",
          "2026-06-15T19:00:00+01:00", "Friday evening: the weekend counts"),
    Hours("G05", "2026-06-12T16:00+02:00", "Europe/Berlin", "2026-06-15T14:00Z", "2026-06-15T16:00:00+02:00",
          "2026-06-15T17:00:00+02:00", "Friday 16:00 must not become Tuesday"),
    Hours("G06", "2026-03-27T10:00+01:00", "Europe/Paris", "2026-03-30T09:00Z", "2026-03-30T11:00:00+02:00",
          "2026-03-30T12:00:00+02:00", "spring: 72 elapsed hours end one wall-clock hour later"),
    Hours("G08", "2026-10-23T10:00+02:00", "Europe/Paris", "2026-10-26T08:00Z", "2026-10-26T09:00:00+01:00",
          "2026-10-26T10:00:00+01:00", "autumn: one wall-clock hour earlier; naive addition is an hour late"),
    Hours("G09a", "2026-10-25T02:30+02:00", "Europe/Berlin", "2026-10-28T00:30Z", "2026-10-28T01:30:00+01:00",
          "2026-10-28T02:00:00+01:00", "the repeated hour, first pass"),
    Hours("G11", "2026-12-24T15:30+01:00", "Europe/Berlin", "2026-12-27T14:30Z", "2026-12-27T15:30:00+01:00",
          "2026-12-27T16:00:00+01:00", "Christmas and a Sunday count"),
    Hours("G13", "2026-12-26T08:05+01:00", "Europe/Vienna", "2026-12-29T07:05Z", "2026-12-29T08:05:00+01:00",
          "2026-12-29T09:00:00+01:00", "awareness on a holiday starts the clock"),
    Hours("G15", "2028-02-27T14:00+01:00", "Europe/Rome", "2028-03-01T13:00Z", "2028-03-01T14:00:00+01:00",
          "2028-03-01T15:00:00+01:00", "the leap day counts"),
    Hours("G16", "2026-07-04T02:15Z", "Europe/Dublin", "2026-07-07T02:15Z", "2026-07-07T03:15:00+01:00",
          "2026-07-07T04:00:00+01:00", "a time in UTC, an authority in Ireland"),
    Hours("U01", "2026-10-23T17:00+01:00", "Europe/London", "2026-10-26T16:00Z", "2026-10-26T16:00:00+00:00",
          "2026-10-26T17:00:00+00:00", "British summer time ends inside the window", "UKGDPR33-72H"),
]  # fmt: skip


@pytest.mark.parametrize("case", HOURS, ids=lambda case: case.id)
def test_seventy_two_hours_are_elapsed_hours(case: Hours) -> None:
    clock = of(case.rule, Instants(aware=utc(case.aware)), zone=case.zone)
    assert clock.due_utc == utc(case.due_utc), case.why
    assert clock.due_local.isoformat() == case.due_local, case.why
    assert clock.outer_utc.astimezone(ZoneInfo(case.zone)).isoformat() == case.outer_local, case.why


def test_a_wall_time_that_was_skipped_is_refused_and_a_repeated_one_asks_g10() -> None:
    with pytest.raises(InputError, match="does not exist"):
        localize(wall("2026-03-29T02:30"), "Europe/Berlin")
    with pytest.raises(InputError, match="happened twice") as refused:
        localize(wall("2026-10-25T02:30"), "Europe/Berlin")
    assert "0 is the earlier" in refused.value.hint


def test_the_processors_message_starts_the_controllers_clock_and_the_processor_has_no_number_g18() -> None:
    informed = Instants(processor_informed=utc("2026-04-02T16:20Z"))
    found = clocks(
        informed,
        utc("2026-04-03T00:00Z"),
        zone="Europe/Amsterdam",
        facts=Facts(processor_aware_at=utc("2026-04-01T08:00Z")),
    )
    clock = one(found, "GDPR33-72H")
    assert clock.due_local.isoformat() == "2026-04-05T18:20:00+02:00"  # Easter Sunday
    assert clock.state is State.RUNNING
    assert "processor's message" in clock.explanation
    processor = one(found, "GDPR33-2")
    assert processor.due_utc is None
    assert processor.rule.standard is Standard.WITHOUT_UNDUE_DELAY


def test_awareness_before_the_processors_message_counts_first() -> None:
    early, late = utc("2026-04-02T10:00Z"), utc("2026-04-02T16:20Z")
    assert of("GDPR33-72H", Instants(aware=early, processor_informed=late)).anchor_at == early
    assert of("GDPR33-72H", Instants(aware=late, processor_informed=early)).anchor_at == early


def test_a_notice_at_the_last_instant_is_in_time_and_one_microsecond_later_is_late_g20() -> None:
    aware = Instants(aware=utc("2026-02-02T10:00Z"))
    limit = utc("2026-02-05T10:00Z")
    in_time = of("GDPR33-72H", aware, notified={"GDPR33-72H": limit})
    assert (in_time.state, in_time.late) == (State.MET, False)
    late = of("GDPR33-72H", aware, notified={"GDPR33-72H": limit + timedelta(microseconds=1)})
    assert (late.state, late.late) == (State.MET, True)


def test_the_clock_runs_up_to_its_limit_and_is_overdue_after() -> None:
    aware = Instants(aware=utc("2026-02-02T10:00Z"))
    assert of("GDPR33-72H", aware, as_of="2026-02-05T10:00Z").state is State.RUNNING
    assert of("GDPR33-72H", aware, as_of="2026-02-05T10:00:01Z").state is State.OVERDUE


def test_follow_ups_and_article_34_have_no_number_g21_g23() -> None:
    follow = of("GDPR33-4", notified={"GDPR33-72H": utc("2026-02-05T08:00Z")})
    assert (follow.due_utc, follow.rule.standard) == (None, Standard.WITHOUT_UNDUE_FURTHER_DELAY)
    people = of("GDPR34-1", high_risk_at=utc("2026-11-21T12:00Z"))
    assert (people.due_utc, people.rule.standard, people.state) == (None, Standard.WITHOUT_UNDUE_DELAY, State.RUNNING)


def test_the_96_hour_proposal_exists_and_is_never_applied_g22() -> None:
    assert RULES["OMNIBUS33-96H"].amount == 96
    for year in (2026, 2027, 2030, 2050):
        found = clocks(Instants(aware=datetime(year, 11, 21, 12, tzinfo=UTC)), datetime(year, 11, 22, tzinfo=UTC))
        assert "OMNIBUS33-96H" not in {clock.rule.id for clock in found}
        assert one(found, "GDPR33-72H").due_utc == datetime(year, 11, 24, 12, tzinfo=UTC)


def test_without_awareness_the_limit_is_hypothetical_and_has_not_started() -> None:
    now = utc("2026-03-10T09:00Z")
    clock = one(clocks(Instants(first_alert=utc("2026-03-01T00:00Z")), now), "GDPR33-72H")
    assert (clock.state, clock.anchor_at, clock.due_utc) == (State.NOT_STARTED, None, now + timedelta(hours=72))
    assert "from now, because nobody has recorded awareness" in clock.explanation


HIPAA = [
    ("H01", date(2013, 10, 22), date(2013, 12, 21), "the day of discovery does not count; a Saturday stays"),
    ("H02", date(2026, 1, 1), date(2026, 3, 2), "no leap year"),
    ("H04", date(2027, 12, 31), date(2028, 2, 29), "due on the leap day"),
    ("H05", date(2026, 1, 6), date(2026, 3, 7), "a Saturday: no roll forward"),
]


@pytest.mark.parametrize(("name", "discovered", "due", "why"), HIPAA, ids=[row[0] for row in HIPAA])
def test_hipaa_counts_sixty_calendar_days(name: str, discovered: date, due: date, why: str) -> None:
    clock = of("HIPAA-60D", zone="America/New_York", discovery=discovered)
    assert clock.due_date == due, why
    assert clock.due_local.strftime("%H:%M:%S") == "23:59:59"


def test_hipaa_discovery_is_the_first_day_anybody_knew_not_awareness() -> None:
    known = Instants(first_alert=utc("2026-01-01T12:00Z"), aware=utc("2026-01-20T12:00Z"))
    assert of("HIPAA-60D", known, zone="America/New_York").due_date == date(2026, 3, 2)


def test_fewer_than_500_go_to_the_secretary_after_the_year_of_discovery_h07() -> None:
    found = clocks(
        Instants(),
        utc("2026-12-01T00:00Z"),
        zone="America/Chicago",
        facts=Facts(discovery=date(2026, 11, 21), individuals=12),
    )
    assert one(found, "HIPAA-60D").due_date == date(2027, 1, 20)
    assert one(found, "HIPAA-SEC-LT500").due_date == date(2027, 3, 1)
    assert one(found, "HIPAA-500").state is State.NOT_STARTED
    leap = of("HIPAA-SEC-LT500", discovery=date(2027, 5, 5), individuals=12)
    assert leap.due_date == date(2028, 2, 29)  # not 1 March: it is computed


@pytest.mark.parametrize(
    ("name", "individuals", "residents", "media"),
    [
        ("H10: exactly 500: Secretary now, no media", 500, {"TX": 500}, []),
        ("H12: 600 in all, no State above 500", 600, {"TX": 200, "OK": 200, "LA": 200}, []),
        ("501 in one State", 501, {"TX": 501}, ["TX"]),
    ],
)
def test_500_in_all_means_secretary_now_and_more_than_500_in_a_state_means_media(
    name: str, individuals: int, residents: dict[str, int], media: list[str]
) -> None:
    facts = Facts(discovery=date(2026, 4, 1), individuals=individuals, residents=residents)
    found = clocks(Instants(), utc("2026-04-02T12:00Z"), zone="America/Chicago", facts=facts)
    secretary = one(found, "HIPAA-500")
    assert (secretary.due_date, secretary.state) == (date(2026, 5, 31), State.RUNNING)
    assert one(found, "HIPAA-SEC-LT500").applies is False
    assert media_states(facts) == media
    assert one(found, "HIPAA-MEDIA").applies is bool(media)


def test_unknown_numbers_decide_nothing() -> None:
    found = clocks(Instants(), utc("2026-04-02T12:00Z"), facts=Facts(discovery=date(2026, 4, 1)))
    assert {clock.applies for clock in found if clock.rule.id in ("HIPAA-500", "HIPAA-SEC-LT500", "HIPAA-MEDIA")} == {
        None
    }


def test_law_enforcement_holds_move_the_alarm_and_not_the_limit_h14() -> None:
    clock = of(
        "HIPAA-60D",
        as_of="2026-05-01T00:00Z",
        zone="America/New_York",
        discovery=date(2026, 2, 1),
        hold_until=date(2026, 6, 1),
    )
    assert (clock.due_date, clock.held_until, clock.state) == (date(2026, 4, 2), date(2026, 6, 1), State.RUNNING)
    assert clock.alarm_utc.astimezone(ZoneInfo("America/New_York")).date() == date(2026, 6, 1)
    assert held_until(Facts(oral_hold_on=date(2026, 3, 1))) == date(2026, 3, 31)


def test_an_agents_discovery_is_the_entitys_own_h15() -> None:
    told = Instants(processor_informed=utc("2026-08-20T12:00Z"))
    agent = clocks(
        told,
        utc("2026-09-01T00:00Z"),
        zone="America/New_York",
        facts=Facts(associate_discovery=date(2026, 8, 3), associate_is_agent=True),
    )
    assert one(agent, "HIPAA-60D").due_date == date(2026, 10, 2)
    assert one(agent, "HIPAA-BA-60D").due_date == date(2026, 10, 2)
    other = clocks(
        told,
        utc("2026-09-01T00:00Z"),
        zone="America/New_York",
        facts=Facts(associate_discovery=date(2026, 8, 3), associate_is_agent=False),
    )
    assert one(other, "HIPAA-60D").due_date == date(2026, 10, 19)


def test_documents_are_kept_six_years_and_logs_six_months_h17_l01() -> None:
    assert of("HIPAA-6Y", zone="America/New_York", document_date=date(2026, 11, 21)).due_date == date(2032, 11, 21)
    assert of("AIA-LOG-6M", zone="Europe/Paris", log_created=date(2028, 8, 31)).due_date == date(2029, 2, 28)
    assert of("AIA-LOG-6M", as_of="2029-01-01T00:00Z", log_created=date(2028, 8, 31)).state is State.RUNNING


def test_the_deferred_duty_to_keep_logs_is_not_applied_before_december_2027() -> None:
    for day, applied in ((date(2027, 12, 1), False), (date(2027, 12, 2), True)):
        found = clocks(Instants(), utc("2028-01-01T00:00Z"), facts=Facts(log_created=day))
        assert ("AIA-LOG-6M" in {clock.rule.id for clock in found}) is applied


def test_a_clock_that_this_version_cannot_start_says_so() -> None:
    found = {clock.rule.id: clock for clock in clocks(Instants(), utc("2026-11-02T10:00Z"))}
    for rule in ("GDPR34-1", "GDPR33-4", "GDPR33-2", "CA-AG-15D", "HIPAA-6Y"):
        assert found[rule].state is State.NOT_STARTED
        assert "not recorded by this version" in found[rule].explanation
    assert "not recorded by this version" not in found["GDPR33-72H"].explanation
    decided = {
        clock.rule.id: clock
        for clock in clocks(Instants(), utc("2026-11-02T10:00Z"), facts=Facts(high_risk_at=utc("2026-11-02T09:00Z")))
    }
    assert "not recorded by this version" not in decided["GDPR34-1"].explanation


def test_california_has_thirty_days_and_fifteen_more_after_the_notice_c01() -> None:
    sent = {"CA-30D": utc("2026-02-10T20:00Z")}
    found = clocks(
        Instants(),
        utc("2026-02-11T00:00Z"),
        zone="America/Los_Angeles",
        facts=Facts(discovery=date(2026, 1, 15), residents={"CA": 501}, notified=sent),
    )
    assert one(found, "CA-30D").due_date == date(2026, 2, 14)
    assert one(found, "CA-AG-15D").due_date == date(2026, 2, 25)
    assert of("CA-AG-15D", discovery=date(2026, 1, 15), residents={"CA": 500}, notified=sent).applies is False


def test_before_2026_california_named_no_number() -> None:
    found = {
        clock.rule.id: clock
        for clock in clocks(Instants(), utc("2026-02-01T00:00Z"), facts=Facts(discovery=date(2025, 12, 31)))
    }
    assert "CA-30D" not in found
    assert found["CA-PRE2026"].due_utc is None


AI_ACT = [
    ("A01", date(2026, 11, 2), 15, [], date(2026, 11, 17), date(2026, 11, 17), "the day of awareness does not count"),
    ("A02", date(2026, 11, 7), 15, [], date(2026, 11, 22), date(2026, 11, 23), "a Sunday: outer limit Monday"),
    ("A04", date(2026, 12, 20), 10, [date(2026, 12, 25)], date(2026, 12, 30), date(2026, 12, 30), "death: ten days"),
    (
        "two days over a weekend",
        date(2026, 11, 6),
        2,
        [],
        date(2026, 11, 8),
        date(2026, 11, 10),
        "at least two working days, outer only",
    ),
]


@pytest.mark.parametrize(
    ("name", "aware", "days", "holidays", "due", "latest", "why"), AI_ACT, ids=[row[0] for row in AI_ACT]
)
def test_the_ai_act_counts_days_and_rolls_only_the_outer_limit(
    name: str, aware: date, days: int, holidays: list[date], due: date, latest: date, why: str
) -> None:
    paris = ZoneInfo("Europe/Paris")
    known = Instants(aware=datetime(aware.year, aware.month, aware.day, 11, tzinfo=paris).astimezone(UTC))
    clock = of("AIA73", known, as_of="2026-11-01T00:00Z", zone="Europe/Paris", ai_act_days=days, holidays=holidays)
    assert clock.due_date == due, why
    assert clock.outer_utc.astimezone(paris).date() == latest, why


def test_the_ai_act_waits_for_a_person_to_say_that_it_applies_and_is_not_applied_before_its_date() -> None:
    for known in (Instants(), Instants(aware=utc("2026-11-02T10:00Z"))):
        watched = of("AIA73", known, as_of="2027-11-02T10:00Z")
        assert watched.state is State.WATCH  # long past, and still no alarm: nobody said that it applies
        assert "a human decision" in watched.explanation
    assert of("AIA73", Instants(aware=utc("2026-11-02T10:00Z")), ai_act_days=15).state is not State.WATCH
    early = clocks(Instants(aware=utc("2026-07-01T10:00Z")), utc("2026-07-02T00:00Z"), facts=Facts(ai_act_days=15))
    assert "AIA73" not in {clock.rule.id for clock in early}


def test_only_the_chosen_regimes_are_shown() -> None:
    found = clocks(Instants(), utc("2026-11-02T10:00Z"), regimes=("uk_gdpr",))
    assert {clock.rule.regime for clock in found} == {"uk_gdpr"}


def test_every_rule_is_dated_or_inactive_and_unconfirmed_until_counsel_says_so() -> None:
    assert [rule.id for rule in RULES.values() if rule.effective_from is None] == ["OMNIBUS33-96H"]
    assert not any(rule.confirmed_by for rule in RULES.values())
    assert {rule.regime for rule in RULES.values()} == set(deadlines.REGIMES)


ZONES = st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"])
MOMENTS = st.datetimes(wall("2019-01-01"), wall("2040-01-01"), timezones=st.just(UTC))


@given(MOMENTS, ZONES)
def test_hours_are_elapsed_in_every_zone_and_the_outer_limit_is_at_most_an_hour_later(
    aware: datetime, zone: str
) -> None:
    clock = of("GDPR33-72H", Instants(aware=aware), zone=zone)
    assert clock.due_utc - aware == timedelta(hours=72)
    assert timedelta(0) < outer(clock.rule, aware, ZoneInfo(zone)) - clock.due_utc <= timedelta(hours=1)


@given(st.dates(date(2019, 1, 1), date(2040, 1, 1)), ZONES)
def test_a_day_limit_ends_with_the_local_day_and_never_early(day: date, zone: str) -> None:
    clock = of("HIPAA-60D", zone=zone, discovery=day)
    assert clock.due_date == day + timedelta(days=60)
    assert (clock.due_local + timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date() > clock.due_date


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 240))
def test_adding_months_keeps_the_day_or_takes_the_months_last(day: date, months: int) -> None:
    later = add_months(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later.day < day.day and (later + timedelta(days=1)).day == 1)
