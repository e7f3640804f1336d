"""govtool notify: drafts of notices about an incident. Sending them is a person's act."""

from typing import Annotated

import typer

from govtool.cli.output import JsonFlag, examples, note, show
from govtool.cli.report import ForceFlag, FormatOption, OutOption, built_data, built_text, prepare, write_whole

app = typer.Typer(help="Notices about an incident: draft, and answer what only a person can.", no_args_is_help=True)


@app.command(epilog=examples("govtool notify draft inc-7k3m --kind gdpr-article33 --out notice.pdf"))
def draft(
    incident: Annotated[str, typer.Argument(help="The incident's id, or a unique beginning of it.")],
    out: OutOption,
    kind: Annotated[str, typer.Option("--kind", help="Which notice: gdpr-article33.")] = "gdpr-article33",
    media: FormatOption = "",
    force: ForceFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Draft a notice from what is recorded; what is not known is printed as to be determined."""
    from govtool.cli.context import open_workspace
    from govtool.reports.service import draw_up_notice, record

    workspace = open_workspace()
    target, media = prepare(out, media, force=force)
    with workspace.read() as session:  # drawing takes seconds: nobody else must wait for it
        built = draw_up_notice(
            session, workspace.vault, kind, incident, now=workspace.now, by=workspace.actor,
            organisation=workspace.settings.organisation, media=media,
        )  # fmt: skip
    with workspace.write() as session:
        record(session, built, now=workspace.now, by=workspace.actor)
    row = built.notice
    assert row is not None
    write_whole(target, built.document, force=force)
    view = built.view
    data = {
        **built_data(built, target), "notice": row.id, "state": row.state, "completeness": row.completeness,
        "clock": {"standing": view.clock.badge.word, "headline": view.clock.headline},
        "to_be_determined": [field.key for field in view.open],
    }  # fmt: skip
    text = (
        f"{built_text(built, target)}\n{row.state}, {row.completeness}: {len(view.open)} fields to be determined\n"
        f"72 hours: {view.clock.badge.word}. {view.clock.headline}"
    )
    show("notify.draft/1", data, text, as_json=as_json)
    note(
        "next: complete and check the draft; an incomplete notice in time is allowed (Art. 33(4)), sending it is yours"
    )


@app.command(
    epilog=examples(
        "govtool notify answer inc-7k3m severity 'Moderate: health data, but no identifiers' --by 'A. Dubois, DPO'",
        "govtool notify answer inc-7k3m subjects_count 'Logs were deleted' --status cannot_be_determined --by 'A. Dubois, DPO'",
    )
)
def answer(
    incident: Annotated[str, typer.Argument(help="The incident's id, or a unique beginning of it.")],
    field: Annotated[str, typer.Argument(help="Key of the field, as 'notify draft --json' names what is open.")],
    text: Annotated[str, typer.Argument(help="The answer. No personal data of those concerned.")],
    by: Annotated[str, typer.Option("--by", help="Who says so: name and role.")],
    status: Annotated[
        str, typer.Option("--status", help="known, estimate, to_be_determined, cannot_be_determined or not_applicable.")
    ] = "known",
    as_json: JsonFlag = False,
) -> None:
    """Record a person's answer to one field of the notice. A later answer takes its place; both stay on record."""
    from govtool.cli.context import open_workspace
    from govtool.incidents import service
    from govtool.reports.notice_form import check_answer

    check_answer(field, status)
    workspace = open_workspace()
    now = workspace.now
    with workspace.write() as session:
        case = service.incident(session, incident)
        detail = {"field": field, "value": text, "status": status}
        row = service.add_event(session, case, "field", now, by, "", now=now, by=workspace.actor, detail=detail)
    show(
        "notify.answer/1",
        {"id": row.id, "incident": case.id, **detail, "by": by},
        f"{row.id}: {field} is {status}",
        as_json=as_json,
    )
    note(f"next: govtool notify draft {case.id} --out notice.pdf")
