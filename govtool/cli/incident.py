"""`govtool incident`: what happened, who decided what and when, what the logs show, and what is due."""

from typing import TYPE_CHECKING, Annotated

import typer

from govtool.cli import incident_clocks, incident_logs
from govtool.cli.incident_view import (
    IncidentArgument,
    coverage_warnings,
    detection_text,
    instant_of,
    row_data,
    short,
)
from govtool.cli.output import JsonFlag, clean, examples, note, show, table

if TYPE_CHECKING:
    from datetime import datetime


app = typer.Typer(help="What happened, whose data was exposed, and what is due when?", no_args_is_help=True)

AtOption = Annotated[
    str, typer.Option("--at", help="The instant: 2026-03-10T09:00+01:00, or 2026-03-10T09:00[Europe/Paris].")
]
FoldOption = Annotated[
    int | None,
    typer.Option("--fold", min=0, max=1, help="For a wall time that occurred twice: 0 first pass, 1 second."),
]
ByOption = Annotated[str, typer.Option("--by", help="The person who decided or observed it.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="On what grounds.")]

_INPUT = 2


@app.command(
    "open",
    epilog=examples(
        "govtool incident open --title 'Odd queries on triage' --deployment triage-api --first-alert 2026-03-10T09:00+01:00"
    ),
)
def open_(
    title: Annotated[str, typer.Option("--title", help="One line.")],
    summary: Annotated[str, typer.Option("--summary", help="What is known so far.")] = "",
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL@VERSION", help="The model version concerned.")
    ] = None,
    deployment: Annotated[str | None, typer.Option("--deployment", help="The deployment concerned.")] = None,
    first_alert: Annotated[
        str | None, typer.Option("--first-alert", help="When the first alert came, with its offset.")
    ] = None,
    fold: FoldOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Open an incident. No clock of the GDPR starts: that takes a person's decision (incident aware)."""
    from govtool.cli.context import open_workspace
    from govtool.incidents import service
    from govtool.registry import service as registry

    workspace = open_workspace()
    alert = _instant(first_alert, fold) if first_alert else None
    with workspace.write() as session:
        row = service.open_incident(
            session,
            title=title,
            summary=summary,
            model_version=registry.model_version(session, model) if model else None,
            deployment=registry.deployment(session, deployment) if deployment else None,
            first_alert_at=alert,
            now=workspace.now,
            by=workspace.actor,
        )
    if not as_json:
        note(
            f"next: keep the logs before they expire: govtool incident ingest {row.id} LOG ... --source SYSTEM --authority GROUND"
        )
    show("incident.open/1", row_data(row), f"opened {row.id}: {clean(row.title)}", as_json=as_json)


@app.command(
    epilog=examples(
        "govtool incident aware inc-7k3m --at 2026-03-10T09:00+01:00 --by 'A. Dubois, DPO' --reason 'logs confirm the campaign'"
    )
)
def aware(
    incident: IncidentArgument,
    at: AtOption,
    by: ByOption,
    reason: ReasonOption,
    fold: FoldOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Record that the controller became aware. This starts the GDPR clock; a later correction keeps both."""
    _record_event(incident, "aware", at, by, reason, fold, as_json=as_json)


@app.command(
    epilog=examples(
        "govtool incident event inc-7k3m escalated --at 2026-03-10T11:00+01:00 --by 'SOC duty officer'",
        "govtool incident event inc-7k3m processor_informed --at 2026-03-10T11:00+01:00 --by 'Hosting Ltd' --reason 'their mail'",
        "govtool incident event inc-7k3m closed --at 2026-03-20T11:00+01:00 --by 'A. Dubois' --reason 'remediated'",
        "govtool incident event inc-7k3m reopened --at 2026-03-25T11:00+01:00 --by 'A. Dubois' --reason 'a second key'",
    )
)
def event(
    incident: IncidentArgument,
    kind: Annotated[
        str,
        typer.Argument(
            help="occurred_start, occurred_end, first_alert, escalated, aware, processor_informed, note, field, closed, reopened."
        ),
    ],
    at: AtOption,
    by: ByOption,
    reason: ReasonOption = "",
    fold: FoldOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Record an instant or a note. A second one of a kind corrects the first; both stay."""
    _record_event(incident, kind, at, by, reason, fold, as_json=as_json)


@app.command(epilog=examples("govtool incident timeline inc-7k3m"))
def timeline(incident: IncidentArgument, as_json: JsonFlag = False) -> None:
    """Show everything that was recorded about an incident, in the order in which it was recorded."""
    from dataclasses import asdict

    from govtool.cli.context import open_workspace
    from govtool.incidents import service

    workspace = open_workspace()
    with workspace.read() as session:
        entries = service.timeline(session, service.incident(session, incident))
    text = table(
        ["ledger", "recorded", "by", "what", "speaks of", "text"],
        [
            [each.ledger_index, short(each.recorded_at), each.recorded_by, each.kind, short(each.at), each.text]
            for each in entries
        ],
    )
    show("incident.timeline/1", [asdict(each) for each in entries], text, as_json=as_json)


@app.command("list", epilog=examples("govtool incident list", "govtool incident list --json"))
def list_(as_json: JsonFlag = False) -> None:
    """List all incidents."""
    from govtool.cli.context import open_workspace
    from govtool.incidents import service

    workspace = open_workspace()
    with workspace.read() as session:
        rows = [
            (row, service.in_force(session, row.id), service.closed(session, row.id))
            for row in service.incidents(session)
        ]
    data = [
        row_data(row)
        | {"first_alert": instant_of(known, "first_alert"), "aware": instant_of(known, "aware"), "closed": closed}
        for row, known, closed in rows
    ]
    text = table(
        ["incident", "opened", "first alert", "aware", "state", "title"],
        [
            [
                row.id,
                short(row.recorded_at),
                short(instant_of(known, "first_alert")),
                short(instant_of(known, "aware")),
                "closed" if closed else "open",
                row.title,
            ]
            for row, known, closed in rows
        ],
    )
    show("incident.list/1", data, text, as_json=as_json)


@app.command("show", epilog=examples("govtool incident show inc-7k3m"))
def show_(incident: IncidentArgument, as_json: JsonFlag = False) -> None:
    """Show one incident: instants in force, logs with their coverage, last detection and scopes."""
    from govtool.cli.context import open_workspace
    from govtool.incidents import service
    from govtool.incidents.detect import accused, suspected

    workspace = open_workspace()
    with workspace.read() as session:
        case = service.incident(session, incident)
        known, logs = service.in_force(session, case.id), service.ingests(session, case.id)
        runs, scopes = service.runs(session, case.id), service.scopes(session, case.id)
        findings = service.findings(session, runs[-1].id) if runs else []
        data = row_data(case) | {
            "instants": {kind: row_data(row) for kind, row in known.items()},
            "closed": service.closed(session, case.id),
            "ingests": [row_data(row) for row in logs],
            "last_detection": row_data(runs[-1]) if runs else None,
            "findings": [row_data(row) for row in findings],
            "accused": accused(findings),
            "suspected": suspected(findings),
            "scopes": [row_data(row) for row in scopes],
        }
        concerns = service.concerns(service.instants(session, case.id))
    parts = [f"{case.id}  {clean(case.title)}", clean(case.summary, 2000)]
    parts += [f"{kind:19} {short(row.at)}  {clean(row.by)}: {clean(row.reason)}" for kind, row in known.items()]
    parts += [
        f"log {row.id}: {row.n_events} events, {row.n_unreadable} unreadable of {row.n_lines} lines" for row in logs
    ]
    if runs:
        parts += ["", detection_text(runs[-1], list(findings), data["accused"], data["suspected"])]
    parts += [
        f"scope {row.id}: {row.records_count} records, {'unknown' if row.subjects_count is None else row.subjects_count} data subjects"
        for row in scopes
    ]
    warnings = concerns + [warning for row in logs for warning in coverage_warnings(row)]
    show(
        "incident.show/1",
        data,
        "\n".join(part for part in parts if part is not None),
        as_json=as_json,
        warnings=warnings,
    )


def _instant(text: str, fold: int | None) -> "datetime":
    from govtool.incidents.instants import parse_instant

    return parse_instant(text, fold=1 if fold == 1 else 0 if fold == 0 else None)


def _record_event(incident: str, kind: str, at: str, by: str, reason: str, fold: int | None, *, as_json: bool) -> None:
    from govtool.cli.context import open_workspace
    from govtool.incidents import service

    workspace = open_workspace()
    instant = _instant(at, fold)
    with workspace.write() as session:
        case = service.incident(session, incident)
        before = service.in_force(session, case.id).get(kind)
        row = service.add_event(session, case, kind, instant, by, reason, now=workspace.now, by=workspace.actor)
        warnings = service.concerns(service.instants(session, case.id))
    text = f"recorded {kind} of {case.id}: {short(row.at)}, {clean(row.by)}"
    if before is not None:
        text += f"\nit corrects {short(before.at)} by {clean(before.by)}, which stays on record"
    if not as_json:
        note(f"next: govtool incident clocks {case.id}")
    show("incident.event/1", row_data(row), text, as_json=as_json, warnings=warnings)


incident_logs.register(app)
incident_clocks.register(app)
