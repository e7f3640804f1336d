"""govtool notify: drafts of notices about an incident. Sending them is a person's act."""

from typing import Annotated

import typer

from govtool.cli.output import JsonFlag, examples, note, show
from govtool.cli.report import ForceFlag, FormatOption, OutOption, built_data, built_text, prepare, write_whole

app = typer.Typer(help="Notices about an incident: draft.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps 'draft' a word of its own while it is the only command."""


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
    from govtool.reports.service import draft_notice

    workspace = open_workspace()
    target, media = prepare(out, media, force=force)
    with workspace.write() as session:
        built, row = draft_notice(
            session, workspace.vault, kind, incident, now=workspace.now, by=workspace.actor,
            organisation=workspace.settings.organisation, media=media,
        )  # fmt: skip
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
