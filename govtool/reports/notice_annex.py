"""The annexes of a notice: instants with their corrections, logs, findings, digests. Numbers and digests only."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from govtool.incidents.models import Finding
from govtool.reports import format as f
from govtool.reports.exhibits import model_exhibits
from govtool.reports.notice_case import Case
from govtool.reports.view import Exhibit
from govtool.reports.withhold import principal, withhold

_INSTANTS = {
    "occurred_start": "Occurred from",
    "occurred_end": "Occurred until",
    "first_alert": "First alert",
    "escalated": "Escalated to privacy",
    "aware": "Aware",
    "processor_informed": "Processor informed us",
}


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


def instants(case: Case, zone: str) -> tuple[InstantRow, ...]:
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


def logs(case: Case) -> tuple[LogRow, ...]:
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


def findings(rows: Sequence[Finding]) -> tuple[FindingRow, ...]:
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


def exhibits(session: Session, case: Case) -> tuple[Exhibit, ...]:
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
        found.extend(model_exhibits(session, case.version))
    return tuple(found)
