"""Commands of `govtool incident` about logs: preserve and read them, look for campaigns, scope who was exposed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govtool.cli.incident_view import (
    IncidentArgument,
    coverage_warnings,
    detection_text,
    row_data,
    short,
)
from govtool.cli.output import JsonFlag, clean, examples, note, show, table
from govtool.errors import GovtoolError, InputError

if TYPE_CHECKING:
    from govtool.cli.context import Workspace
    from govtool.incidents.models import Incident, LogIngest

_INPUT = 2


def ingest(
    incident: IncidentArgument,
    files: Annotated[list[Path], typer.Argument(metavar="LOG...", help="Log files, plain or gzip.")],
    source: Annotated[str, typer.Option("--source", help="The system the logs come from.")],
    authority: Annotated[str, typer.Option("--authority", help="On whose authority: ticket, order, legal basis.")],
    format_name: Annotated[
        str | None, typer.Option("--format", help="oip or openai_capture; recognised if left out.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Preserve logs as evidence, then read them. A line that cannot be read is counted, not an error."""
    from govtool.cli.context import open_workspace
    from govtool.incidents import service

    workspace = open_workspace()
    with workspace.read() as session:
        case = service.incident(session, incident)
    done: list[LogIngest] = []
    failures: list[dict[str, str]] = []
    for path in files:
        try:
            done.append(_ingest_one(workspace, case, path, format_name, source, authority))
        except InputError as error:  # one file of several; the others are still preserved
            failures.append({"file": str(path), "message": error.message, "hint": error.hint})
    text = table(
        ["ingest", "format", "lines", "events", "unreadable", "blank", "from", "to"],
        [
            [
                row.id,
                row.format,
                row.n_lines,
                row.n_events,
                row.n_unreadable,
                row.n_blank,
                short(row.first_event_at),
                short(row.last_event_at),
            ]
            for row in done
        ],
    )
    warnings = [warning for row in done for warning in coverage_warnings(row)]
    warnings += [clean(f"{each['file']}: {each['message']} ({each['hint']})") for each in failures]
    if done and not as_json:
        note(f"next: govtool incident detect {case.id}")
    data = {"ingests": [row_data(row) for row in done], "failures": failures}
    show("incident.ingest/1", data, text, as_json=as_json, exit_code=_INPUT if failures else 0, warnings=warnings)


def detect(incident: IncidentArgument, as_json: JsonFlag = False) -> None:
    """Look for suspicious behaviour and confirmed exposure in the preserved logs."""
    from govtool.cli.context import open_workspace
    from govtool.incidents import service
    from govtool.incidents.detect import accused, judge, record, suspected

    workspace = open_workspace()
    with workspace.read() as session:  # judging takes as long as the logs are large: nobody else must wait for it
        case = service.incident(session, incident)
        run, findings = judge(session, workspace.vault, case)
    with workspace.write() as session:
        record(session, run, findings, now=workspace.now, by=workspace.actor)
    named, others = accused(findings), suspected(findings)
    data = {"run": row_data(run), "findings": [row_data(row) for row in findings]}
    data |= {"accused": named, "suspected": others}
    if named and not as_json:
        note(f"next: govtool incident scope {case.id}")
    show("incident.detect/1", data, detection_text(run, findings, named, others), as_json=as_json)


def scope(
    incident: IncidentArgument,
    principal: Annotated[
        list[str] | None,
        typer.Option("--principal", help="Whose queries; those the last detection points at if left out."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", metavar="DATASET@VERSION", help="Which training dataset.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Count the training records and data subjects that these principals had answered."""
    from govtool.cli.context import open_workspace
    from govtool.incidents import service
    from govtool.incidents.detect import accused
    from govtool.incidents.scope import count, record
    from govtool.registry.service import dataset_version

    workspace = open_workspace()
    with workspace.read() as session:
        case = service.incident(session, incident)
        runs = service.runs(session, case.id)
        wanted = principal or (accused(service.findings(session, runs[-1].id)) if runs else [])
        if not wanted:
            reason = "the last detection points at nobody" if runs else "no detection was run"
            raise InputError(f"no principal to scope: {reason}", hint="name them with --principal")
        chosen = dataset_version(session, dataset) if dataset else None
        counted = count(session, workspace.vault, case, wanted, dataset=chosen)
    with workspace.write() as session:
        row = record(session, workspace.vault, counted, now=workspace.now, by=workspace.actor)
    subjects = "unknown (the dataset names no subject column)" if row.subjects_count is None else row.subjects_count
    text = "\n".join(
        [
            f"records exposed:       at least {row.records_count}",
            f"data subjects exposed: {subjects if row.subjects_count is None else f'at least {subjects}'}",
            f"principals:            {clean(', '.join(row.principals))}",
            f"how:                   {row.method}",
            f"list (restricted):     {row.list_sha256}",
        ]
    )
    show("incident.scope/1", row_data(row), text, as_json=as_json)


def _ingest_one(
    workspace: "Workspace", case: "Incident", path: Path, format_name: str | None, source: str, authority: str
) -> "LogIngest":
    """Preserve, commit, read, record: whatever happens while reading, the original is safe already."""
    from govtool.incidents import ingest

    with workspace.write() as session:
        item = ingest.preserve(
            session,
            workspace.vault,
            case,
            path,
            source_system=source,
            authority=authority,
            now=workspace.now,
            by=workspace.actor,
        )
    try:
        parsed = ingest.read_log(workspace.vault, item.sha256, case=case.id, format_name=format_name, now=workspace.now)
    except GovtoolError:
        note(f"{clean(path.name)} is preserved as {item.id}, sha256 {item.sha256}; it was not read")
        raise
    with workspace.write() as session:
        return ingest.record(session, item, parsed, now=workspace.now, by=workspace.actor)


def register(app: typer.Typer) -> None:
    app.command(
        epilog=examples(
            "govtool incident ingest inc-7k3m logs/inference.jsonl logs/inference.jsonl.1.gz --source gateway --authority TICKET-17",
            "govtool incident ingest inc-7k3m capture.jsonl --format openai_capture --source gateway --authority TICKET-17",
        )
    )(ingest)
    app.command(epilog=examples("govtool incident detect inc-7k3m", "govtool incident detect inc-7k3m --json"))(detect)
    app.command(
        epilog=examples(
            "govtool incident scope inc-7k3m", "govtool incident scope inc-7k3m --principal key:1f3a9c0d2b4e"
        )
    )(scope)
