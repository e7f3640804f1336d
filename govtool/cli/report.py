"""govtool report: draw up documents, list them, and check a file against the record."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govtool.cli.output import JsonFlag, examples, note, show, table

if TYPE_CHECKING:
    from govtool.reports.service import Built

app = typer.Typer(help="Documents for people: draw up, list, verify.", no_args_is_help=True)

OutOption = Annotated[Path, typer.Option("--out", help="File to write: .pdf or .html.")]
FormatOption = Annotated[str, typer.Option("--format", help="pdf or html; by default what the name of --out says.")]
ForceFlag = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]


@app.command(epilog=examples("govtool report build assessment triage@1.2 --out triage-1.2.pdf"))
def build(
    kind: Annotated[str, typer.Argument(help="What to draw up: assessment.")],
    subject: Annotated[str, typer.Argument(help="What it is about: MODEL@VERSION.")],
    out: OutOption,
    media: FormatOption = "",
    force: ForceFlag = False,
    show_pictures: Annotated[
        bool, typer.Option("--show-pictures", help="Show reconstructed pictures, which are personal data, unblurred.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Draw up a document, keep it as evidence, and write it to a file."""
    from govtool.cli.context import open_workspace
    from govtool.errors import InputError
    from govtool.reports.service import draw_up, notice_kinds, record

    if kind in notice_kinds():
        raise InputError(
            f"{kind} is a notice about an incident", hint=f"govtool notify draft INCIDENT --kind {kind} --out FILE.pdf"
        )
    workspace = open_workspace()
    target, media = prepare(out, media, force=force)
    with workspace.read() as session:  # drawing takes seconds: nobody else must wait for it
        built = draw_up(
            session, workspace.vault, kind, subject, now=workspace.now, by=workspace.actor,
            organisation=workspace.settings.organisation, media=media, show_pictures=show_pictures,
        )  # fmt: skip
    with workspace.write() as session:
        record(session, built, now=workspace.now, by=workspace.actor)
    write_whole(target, built.document, force=force)
    show("report.build/1", built_data(built, target), built_text(built, target), as_json=as_json)
    note(f"next: govtool report verify {target}")


@app.command("list", epilog=examples("govtool report list"))
def list_(as_json: JsonFlag = False) -> None:
    """List every document that was drawn up."""
    from govtool.cli.context import open_workspace
    from govtool.reports.service import reports

    with open_workspace().read() as session:
        rows = reports(session)
    data = [_row(row) for row in rows]
    columns = ("id", "kind", "subject_id", "media_type", "recorded_at", "document_sha256")
    lines = [[*(str(item[key]) for key in columns[:-1]), str(item["document_sha256"])[:12]] for item in data]
    text = (
        table(("ID", "KIND", "SUBJECT", "TYPE", "DRAWN UP", "SHA-256"), lines)
        if data
        else "no document has been drawn up yet"
    )
    show("report.list/1", data, text, as_json=as_json)


@app.command(epilog=examples("govtool report verify triage-1.2.pdf"))
def verify(
    file: Annotated[Path, typer.Argument(help="The PDF or HTML file to check.")],
    as_json: JsonFlag = False,
) -> None:
    """Say whether a file is the document that was drawn up. Exit code 5 if it is altered or unknown."""
    from govtool.cli.context import open_workspace
    from govtool.errors import EvidenceError
    from govtool.evidence.vault import open_regular
    from govtool.reports.verify import verify_document

    with open_regular(file) as stream:
        content = stream.read()
    workspace = open_workspace()
    with workspace.read() as session:
        found = verify_document(content, session, workspace.vault)
    data: dict[str, Any] = {
        "genuine": found.genuine, "finding": found.finding, "sha256": found.sha256,
        "data_unchanged": found.data_unchanged, "report": _row(found.report) if found.report else None,
    }  # fmt: skip
    drawn = f"\ndrawn up {data['report']['recorded_at']} by {data['report']['recorded_by']}" if data["report"] else ""
    text = f"{'GENUINE' if found.genuine else 'NOT GENUINE'}: {found.finding}\nsha256 {found.sha256}{drawn}"
    show("report.verify/1", data, text, as_json=as_json, exit_code=0 if found.genuine else EvidenceError.exit_code)


def prepare(out: Path, media: str, *, force: bool) -> tuple[Path, str]:
    """Where to write and in which format, before any work is done.

    Where no PDF can be written and none was insisted on, the same content is written as HTML beside it, and said.

    Raises:
        InputError: the folder is missing, the file exists, or the format and the name disagree.
        WorkError: --format pdf on a machine that cannot write PDFs.
    """
    from govtool.errors import InputError, WorkError
    from govtool.reports.render import pdf_available

    suffix = out.suffix.lower().removeprefix(".")
    chosen = media or {"htm": "html"}.get(suffix, suffix)
    if chosen not in ("pdf", "html"):
        raise InputError(f"cannot tell the format of {out}", hint="name the file .pdf or .html, or say --format pdf")
    if chosen == "pdf" and (reason := pdf_available()) is not None:
        if media == "pdf":
            raise WorkError("no PDF can be written on this machine", hint=reason)
        out, chosen = out.with_suffix(".html"), "html"
        note(f"note: {reason}\nnote: writing the same content as HTML: {out}")
    if not out.parent.is_dir():
        raise InputError(f"{out}: there is no folder {out.parent}", hint=f"mkdir -p {out.parent}")
    if out.is_dir():
        raise InputError(f"{out} is a folder", hint="name a file")
    if out.exists() and not force:
        raise InputError(f"{out} exists already", hint="choose another name, or replace it with --force")
    return out, chosen


def write_whole(target: Path, content: bytes, *, force: bool) -> None:
    """Write the file so that it is either there in full or not at all.

    Raises:
        InputError: somebody else made the file meanwhile.
        WorkError: the folder cannot be written.
    """
    import os
    import tempfile

    from govtool.errors import InputError, WorkError

    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as stream:
            temporary = Path(stream.name)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        if force:
            temporary.replace(target)
        else:
            os.link(temporary, target)  # refuses to replace, where rename would not
            temporary.unlink()
    except FileExistsError as error:
        raise InputError(f"{target} exists already", hint="choose another name, or replace it with --force") from error
    except OSError as error:
        raise WorkError(
            f"{target} cannot be written: {error.strerror or error}", hint="is the disk full, or the folder read-only?"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def built_data(built: "Built", target: Path) -> dict[str, Any]:
    return {**_row(built.report), "file": str(target), "size": len(built.document)}


def built_text(built: "Built", target: Path) -> str:
    return f"{target}\n{built.report.kind} {built.report.id}, {len(built.document):,} bytes, sha256 {built.report.document_sha256}"


def _row(row: Any) -> dict[str, Any]:
    from govtool.digest import rfc3339

    keys = (
        "id",
        "kind",
        "subject_kind",
        "subject_id",
        "media_type",
        "document_sha256",
        "data_sha256",
        "renderer",
        "recorded_by",
    )
    return {**{key: getattr(row, key) for key in keys}, "recorded_at": rfc3339(row.recorded_at)}
