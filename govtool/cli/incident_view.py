"""How `govtool incident` shows its records: text for a person, plain values for --json. Reads nothing, decides nothing."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from govtool.cli.output import clean, table

if TYPE_CHECKING:
    from datetime import datetime

    from govtool.evidence.models import EvidenceRow
    from govtool.incidents.models import DetectionRun, Finding, LogIngest
    from govtool.reports.deadlines import Clock

_EEA = frozenset(
    (  # EU member states, Iceland, Liechtenstein, Norway
        "AT",
        "BE",
        "BG",
        "HR",
        "CY",
        "CZ",
        "DK",
        "EE",
        "FI",
        "FR",
        "DE",
        "GR",
        "HU",
        "IE",
        "IT",
        "LV",
        "LT",
        "LU",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SK",
        "SI",
        "ES",
        "SE",
        "IS",
        "LI",
        "NO",
    )
)


IncidentArgument = Annotated[str, typer.Argument(metavar="INCIDENT", help="The incident's id, or a prefix of it.")]


def coverage_warnings(row: "LogIngest") -> list[str]:
    """What a reader must know before trusting the counts."""
    coverage, found = row.coverage, []
    if coverage["stopped"]:
        found.append(f"reading ended early: {coverage['stopped']}")
    if coverage["credentials_in_clear"]:
        found.append(
            f"{coverage['credentials_in_clear']} lines hold a credential in clear: revoke it; only its keyed digest was kept"
        )
    if row.n_events == 0:
        found.append("no event at all was read")
    if coverage["duplicate_keys"]["count"]:
        found.append(f"{coverage['duplicate_keys']['count']} lines repeat a key; the last value was taken")
    if coverage["payload_absent_share"]:
        found.append(f"{coverage['payload_absent_share']:.1%} of the events have no inputs logged")
    return [f"{row.id}: {each}" for each in found]


def detection_text(run: "DetectionRun", findings: "list[Finding]", named: list[str], suspected: list[str]) -> str:
    parts = [f"{run.n_events} events of {run.n_principals} principals", ""]
    parts.append(
        table(
            ["detector", "kind", "status", "judged", "signals", "reason"],
            [
                [
                    each["name"],
                    each["kind"],
                    each["status"],
                    _known(each["judged"]),
                    _known(each["signals"]),
                    each["reason"],
                ]
                for each in run.detectors
            ],
        )
    )
    for row in findings:
        parts += ["", f"{row.kind} by {row.detector}: {clean(row.principal)} {row.session}".rstrip()]
        parts += [f"  {row.statistic}: {row.value:.3g}, limit {row.threshold:.3g}, baseline {row.baseline_n}"]
        parts += [
            f"  {clean(row.summary, 1000)}",
            f"  {row.n_events} events, {short(row.window_start)} to {short(row.window_end)}",
        ]
        parts += [f"  against it: {each}" for each in row.counter_evidence]
        parts += [f"  {row.technique}"]
    looked = any(each["kind"] == "exposure" and each["status"] == "completed" for each in run.detectors)
    exposed = _names(named) if looked else "not examined (see the reason above), so nobody is cleared of it"
    parts += ["", f"exposure: {exposed}", f"suspicion only, look at them: {_names(suspected)}"]
    flagged = {row.principal for row in findings}
    if any(each["status"] == "completed" for each in run.detectors):
        parts.append(
            f"no finding against the other {run.n_principals - len(flagged)} principals (their figures: --json)"
        )
    else:
        parts.append("no detector could judge these logs, so nobody is cleared")
    return "\n".join(parts)


def _names(principals: list[str]) -> str:
    return ", ".join(clean(who) for who in principals) or "nobody"


def clocks_text(found: "list[Clock]", now: "datetime") -> str:
    rows = [
        [
            each.rule.id,
            _standing(each),
            each.rule.duty,
            _due(each),
            _left(each, now),
        ]
        for each in found
    ]
    parts = [table(["rule", "state", "duty", "due", "left"], rows), ""]
    parts += [f"{each.rule.id}: {each.explanation}" for each in found]
    return "\n".join(parts)


def _standing(clock: "Clock") -> str:
    return clock.state if clock.startable else "not recorded by this version"


def _due(clock: "Clock") -> str:
    """The limit; before there is one, how it will be counted; where the law names no number, what it says instead."""
    if clock.due_local:
        return clock.due_local.isoformat(timespec="minutes") + (" if now" if clock.anchor_at is None else "")
    rule = clock.rule
    words = rule.standard if rule.amount is None else f"{rule.amount} {rule.unit} from {rule.anchor}"
    return words.replace("_", " ")


def _left(clock: "Clock", now: "datetime") -> str:
    """Time to the limit; negative when it has passed."""
    if clock.alarm_utc is None or clock.state not in ("running", "overdue"):
        return ""
    minutes = int((clock.alarm_utc - now).total_seconds() // 60)
    sign, minutes = ("-", -minutes) if minutes < 0 else ("", minutes)
    days, rest = divmod(minutes, 24 * 60)
    return f"{sign}{days} d {rest // 60} h {rest % 60} min"


def clock_data(clock: "Clock") -> dict[str, Any]:
    rule = clock.rule
    return {
        "rule": rule.id,
        "regime": rule.regime,
        "jurisdiction": rule.jurisdiction,
        "duty": rule.duty,
        "source": rule.source,
        "threshold": rule.threshold,
        "standard": rule.standard,
        "confirmed_by": rule.confirmed_by or None,
        "anchor": rule.anchor,
        "anchor_at": clock.anchor_at,
        "due_utc": clock.due_utc,
        "due_local": clock.due_local.isoformat(timespec="seconds") if clock.due_local else None,
        "due_date": clock.due_date.isoformat() if clock.due_date else None,
        "outer_utc": clock.outer_utc,
        "held_until": clock.held_until.isoformat() if clock.held_until else None,
        "applies": clock.applies,
        "state": clock.state,
        "startable": clock.startable,
        "late": clock.late,
        "explanation": clock.explanation,
    }


def regimes_of(country: str) -> tuple[str, ...]:
    """The regimes an organisation of this country meets first; all of them where the country is not set."""
    from govtool.reports.deadlines import REGIMES

    code = country.strip().upper()
    if code in _EEA:
        return ("eu_gdpr", "eu_ai_act")
    return {"GB": ("uk_gdpr",), "UK": ("uk_gdpr",), "US": ("hipaa", "us_ca")}.get(code, REGIMES)


def row_data(row: "EvidenceRow") -> dict[str, Any]:
    from govtool.evidence.ledger import values

    return values(row)


def instant_of(known: dict[str, Any], kind: str) -> "datetime | None":
    return known[kind].at if kind in known else None


def _known(value: int | None) -> str:
    return "" if value is None else str(value)


def short(at: "datetime | None") -> str:
    return at.strftime("%Y-%m-%d %H:%M:%SZ") if at else "-"
